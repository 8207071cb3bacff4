/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the name of a check module to its constant: finds NAME.so, loads it, and refuses what this program cannot
 * run. It trusts the code of a module (which runs in this process), but not that it was built for us. */
#pragma once

#include "cleanup.h"
#include "tocsin-check.h"

#include <stdbool.h>

/* Where modules lie: $TOCSIN_CHECK_DIR, else the folder of the installation. */
const char *module_directory(void);

/* Loads DIR/NAME.so for the rest of the process. One that was built with an older tocsin-check.h, whose structures
 * were shorter, is handed out in today's; a newer one is refused. -ENOENT: there is none, -ELIBBAD: it cannot be loaded
 * or is no module, -EPROTO: it was built for another tocsin or contradicts itself; *ret_error (free it) is a sentence
 * for the administrator. -ENOMEM has no sentence. */
int module_load(const char *dir, const char *name, const struct tocsin_check **ret, char **ret_error);

/* Code that runs when a module is loaded can crash or hang too: tries it in a child, which does not keep SOCKET.
 * Returns whether the child came to an end by itself; what it would say, module_load() says. */
bool module_survives_loading(const char *dir, const char *name, int socket);

/* The flags of M in words: "slow", "event", "slow event" or "", in BUFFER. */
#define MODULE_FLAGS_MAX 64
const char *module_flags(const struct tocsin_check *m, char buffer[static MODULE_FLAGS_MAX]);

/* The names of the modules in DIR, sorted. Frees: module_names_free(). -errno of opendir(3), -ENOMEM. */
int module_names(const char *dir, char ***ret_names, size_t *ret_n);
void module_names_free(char **names, size_t n);
