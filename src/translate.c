/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks sentences up in a catalogue; see translate.h. gettext(3) is not used for it: it takes the language from the locale,
 * which a server may not have, and reads the catalogue from a disk that may hang. */
#include "translate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAGIC 0x950412deu
#define HEADER_BYTES 20 /* magic, revision, number of texts, where the originals are listed, where the translations */
#define ENTRY_BYTES 8 /* length, where the text is; texts are ended by NUL */

static struct {
	const unsigned char *data; /* NULL: none is in use */
	size_t size;
	uint32_t n, originals, translations;
} catalogue;

static uint32_t number_at(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const char *text_at(uint32_t list, uint32_t i)
{
	return (const char *)catalogue.data + number_at(catalogue.data + list + (size_t)i * ENTRY_BYTES + 4);
}

static bool is_list(const unsigned char *data, size_t size, uint32_t list, uint32_t n)
{
	if (list > size || n > (size - list) / ENTRY_BYTES)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char *entry = data + list + (size_t)i * ENTRY_BYTES;
		uint32_t length = number_at(entry), at = number_at(entry + 4);

		if (at >= size || length >= size - at || data[at + length] != '\0')
			return false;
	}
	return true;
}

int translate_from(const unsigned char *data, size_t size)
{
	catalogue.data = NULL;
	if (!data)
		return 0;
	if (size < HEADER_BYTES || number_at(data) != MAGIC)
		return -EBADMSG;
	uint32_t n = number_at(data + 8), originals = number_at(data + 12), translations = number_at(data + 16);
	if (!is_list(data, size, originals, n) || !is_list(data, size, translations, n))
		return -EBADMSG;
	catalogue.data = data;
	catalogue.size = size;
	catalogue.n = n;
	catalogue.originals = originals;
	catalogue.translations = translations;
	return 0;
}

static const char *without_context(const char *text)
{
	const char *end = strchr(text, *TRANSLATE_CONTEXT);

	return end ? end + 1 : text;
}

const char *translate(const char *text)
{
	uint32_t begin = 0, end = catalogue.data && *text ? catalogue.n : 0; /* "" is the header of the catalogue */

	while (begin < end) {
		uint32_t middle = begin + (end - begin) / 2;
		int order = strcmp(text, text_at(catalogue.originals, middle));

		if (order == 0)
			return text_at(catalogue.translations, middle);
		if (order < 0)
			end = middle;
		else
			begin = middle + 1;
	}
	return without_context(text);
}
