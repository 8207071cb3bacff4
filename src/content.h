/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a mail as the wire may carry them (RFC 5321, 4.5.2, 4.5.3.1.6). Pure; it knows header and body, but
 * composes nothing: that is mime.c. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_LINE_MAX 998 /* without CRLF */

/* Is a byte over 127 in it? */
bool content_has_8bit(const char *content, size_t len);

/* Appends CONTENT with CRLF as the only line end (a bare CR or LF becomes one), also at the very end, "?" for NUL, no
 * line over 998 bytes (headers are folded, a body's line is broken, never inside a character). IS_7BIT: what is 8-bit
 * becomes quoted-printable when the mail is a single text that is not encoded yet, and "?" elsewhere, so that an alarm
 * gets through. The error is in B. */
void content_normalise(struct buf *b, const char *content, size_t len, bool is_7bit);

/* Appends normalised CONTENT for DATA: dots at the start of a line doubled, then ".\r\n". The error is in B. */
void content_stuff(struct buf *b, const char *content, size_t len);
