/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "remember.h"

#include <stdio.h>
#include <string.h>

#define CHUNK 6 /* bytes that a double holds exactly */
#define KEY_MAX 256

struct key {
	char text[KEY_MAX];
};

static struct key chunk_key(const char *key, size_t chunk)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%.230s.%zu", key, chunk);
	return k;
}

/* What is remembered stays until it is replaced, so a 0 ends each text. */
void remember_text(struct tocsin_run *run, const char *key, const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len + CHUNK; at += CHUNK) {
		uint64_t bits = 0;

		for (size_t j = 0; j < CHUNK && at + j < len; j++)
			bits |= (uint64_t)(unsigned char)text[at + j] << (8 * j);
		tocsin_remember(run, chunk_key(key, at / CHUNK).text, (double)bits);
	}
}

bool recall_text(struct tocsin_run *run, const char *key, char *text, size_t size)
{
	int64_t age;
	double value;

	memset(text, 0, size);
	for (size_t at = 0; at + CHUNK < size; at += CHUNK) {
		if (tocsin_recall(run, chunk_key(key, at / CHUNK).text, &value, &age) < 0 ||
			!(value > 0 && value < 0x1p48))
			break;
		for (size_t j = 0; j < CHUNK; j++)
			text[at + j] = (char)((uint64_t)value >> (8 * j));
	}
	return text[0] != '\0';
}
