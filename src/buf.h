/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growable run of bytes with a maximum from birth.
 *
 * Errors stick: after the first failed append every further one does nothing, so a text is built without a test
 * after each piece and asked once at the end: buf_error(). The bytes are always NUL-terminated behind their
 * length. */
#pragma once

#include "cleanup.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while nothing was appended */
	size_t len; /* without the terminating NUL */
	size_t size;
	size_t max; /* most bytes it will ever hold */
	int error; /* 0, -ENOMEM, or -EMSGSIZE: it would have grown past max */
};

#define BUF(maximum) ((struct buf){ .max = (maximum) })

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* forgets content and error, keeps memory and maximum */

void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) _printf_(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list arguments) _printf_(2, 0);

/* Drops the first LEN bytes. */
void buf_drop(struct buf *b, size_t len);

/* The content as a string, never NULL. */
const char *buf_text(const struct buf *b);

/* Hands the string out (free() it) and leaves B empty. NULL when B has an error. */
char *buf_take(struct buf *b);

static inline int buf_error(const struct buf *b)
{
	return b->error;
}

#define _cleanup_buf_ _cleanup_(buf_free)
