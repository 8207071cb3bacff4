/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growable run of bytes; see buf.h. Also the one line that closes descriptors for cleanup.h. */
#include "buf.h"

#include <errno.h>
#include <string.h>

int close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -1;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = BUF(b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Makes room for LEN more bytes and the NUL. */
static int buf_reserve(struct buf *b, size_t len)
{
	if (b->error)
		return b->error;
	if (len > b->max || b->len > b->max - len)
		return b->error = -EMSGSIZE;
	if (b->len + len + 1 > b->size) {
		size_t size = b->size ? b->size : 64;

		while (size < b->len + len + 1)
			size *= 2;
		char *data = realloc(b->data, size);
		if (!data)
			return b->error = -ENOMEM;
		b->data = data;
		b->size = size;
	}
	return 0;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	if (buf_reserve(b, len) < 0)
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	int len = vsnprintf(NULL, 0, format, arguments);
	if (len < 0 && !b->error)
		b->error = -EINVAL;
	if (len >= 0 && buf_reserve(b, (size_t)len) == 0) {
		vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
		b->len += (size_t)len;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(b, format, arguments);
	va_end(arguments);
}

void buf_drop(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + len, b->len - len);
		b->len -= len;
	}
	if (b->data)
		b->data[b->len] = '\0';
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	buf_append(b, "", 0);
	if (b->error)
		return NULL;

	char *data = b->data;
	*b = BUF(b->max);
	return data;
}
