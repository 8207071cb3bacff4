/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a command as a person may see them: quoted for a shell, so that they can be tried by hand, and without what
 * may be a secret. For check modules; pure. */
#pragma once

#include "buf.h"

#include <stdbool.h>

#define ARGUMENT_HIDDEN "****"

/* Appends WORDS (NULL at the end) with a blank between them. Returns whether something was replaced by ARGUMENT_HIDDEN:
 *
 * - what follows an option that is called after a secret, as in --password X, --auth=X, -token X, or an assignment or header
 *   that is, PASS=X, "Authorization: X";
 * - what follows one of the short options that plugins use for passwords, communities and logins (-p -P -A -X -C -a -b), also
 *   without a blank, unless it is a number up to 65535 (for some plugins -p is a port), or begins with "-";
 * - the password of an URL, https://user:X@host/. */
bool argument_show_all(struct buf *b, char *const *words);
