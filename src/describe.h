/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "tocsin-check --describe": tells, message by message, what check modules and sections of the configuration are and
 * which options they take. It runs no check, and decides nothing about how that is shown. */
#pragma once

#include <stddef.h>

/* The modules called NAMES, or all of the folder when there are none; for one that cannot be loaded MSG_PROBLEM. Ends
 * with MSG_DONE. -errno of the socket, -ENOMEM. */
int describe_modules(char *const *names, size_t n, int socket);

/* The sections of tocsin.conf. */
int describe_sections(int socket);
