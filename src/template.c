/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "template.h"

#include <stdbool.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

/* The length of the place at TEXT with its braces, 0 when there is none. */
static size_t place_length(const char *text)
{
	size_t len = *text == '{' ? strspn(text + 1, LETTERS) : 0;

	return len && text[1 + len] == '}' ? len + 2 : 0;
}

static bool is_place_of(const char *text, size_t len, const char *name)
{
	return strlen(name) + 2 == len && memcmp(text + 1, name, len - 2) == 0;
}

const char *template_find_unknown(const char *template, size_t *ret_len)
{
	static const char *const names[] = { "host", "state", "time", "version" };

	for (; *template; template++) {
		size_t len = place_length(template);
		bool is_known = len == 0;

		for (size_t i = 0; i < ELEMENTS(names); i++)
			is_known = is_known || is_place_of(template, len, names[i]);
		if (is_known)
			continue;
		*ret_len = len;
		return template;
	}
	return NULL;
}

void template_put(struct buf *b, const char *template, const struct template_field *fields)
{
	while (*template) {
		size_t len = place_length(template);
		const struct template_field *f = fields;

		while (f->name && !(len && is_place_of(template, len, f->name)))
			f++;
		if (f->name) {
			buf_puts(b, f->value);
			template += len;
		} else {
			buf_putc(b, *template++);
		}
	}
}
