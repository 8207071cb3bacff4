/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the name of a check module to its constant: finds NAME.so, loads it, and refuses what this program cannot
 * run. It trusts the code of a module (which runs in this process), but not that it was built for us. */
#pragma once

#include "cleanup.h"
#include "tocsin-check.h"

/* Where modules lie: $TOCSIN_CHECK_DIR, else the folder of the installation. */
const char *module_directory(void);

/* Loads DIR/NAME.so for the rest of the process. -ENOENT: there is none, -ELIBBAD: it cannot be loaded or is no
 * module, -EPROTO: it was built for another tocsin or contradicts itself; *ret_error (free it) is a sentence for the
 * administrator. -ENOMEM has no sentence. */
int module_load(const char *dir, const char *name, const struct tocsin_check **ret, char **ret_error);

/* The names of the modules in DIR, sorted. Frees: module_names_free(). -errno of opendir(3), -ENOMEM. */
int module_names(const char *dir, char ***ret_names, size_t *ret_n);
void module_names_free(char **names, size_t n);
