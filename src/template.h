/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text of the administrator's with places to fill in: {host}, {state}, {time}, {version}. What comes of it is text like any
 * other from outside: whoever writes it into a mail cleans and escapes it, so nothing in it can break the mail. Pure. */
#pragma once

#include "buf.h"

struct template_field {
	const char *name, *value;
};

/* The first {word} that is no place of a mail: where it begins, with its length, or NULL if there is none. Braces around
 * anything but small letters are braces. */
const char *template_find_unknown(const char *template, size_t *ret_len);

/* Appends TEMPLATE with the places in FIELDS (NULL name at the end) filled in; others stay as they are. */
void template_put(struct buf *b, const char *template, const struct template_field *fields);
