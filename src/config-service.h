/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-check --config: the one place where the configuration is read from disk and held against the modules that
 * it names. What it found goes over a socket to whoever asked. */
#pragma once

#include <stdbool.h>

/* Reads PATH and the *.conf files in DROPINS (may be NULL), loads the modules that are named, and sends MSG_PROBLEM,
 * MSG_MODULE, MSG_SETTING and MSG_DONE to SOCKET (msg.h). WITH_DEFAULTS: also each value in force that no file sets,
 * with file "default". A module that cannot be loaded is a warning: its check will be UNKNOWN, and the others go on.
 * Problems of the configuration are no failure, and are told in the language in use; -ENOMEM, or the -errno of sending. */
int config_service_run(const char *path, const char *dropins, int socket, bool with_defaults);
