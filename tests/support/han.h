/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Was a sentence looked up? For tests of what people read with language = zh_CN. */
#pragma once

#include "text.h"

#include <string.h>

/* Has TEXT at least one Chinese character? */
static inline bool has_han(const char *text)
{
	for (size_t left = strlen(text), n; left; text += n, left -= n) {
		uint32_t code = 0;

		n = utf8_next(text, left, &code);
		if (code >= 0x4e00 && code <= 0x9fff)
			return true;
		n = n ? n : 1;
	}
	return false;
}

/* The word that only an English sentence has, or NULL: then all pieces of TEXT are Chinese, too. */
static inline const char *english_in(const char *text)
{
	static const char *const words[] = { " the ", " is ", " are ", " was ", " of ", " has ", " with ", " and ", " or ",
		" no ", " not ", " than ", "expected", "did you", "there ", "cannot" };

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strstr(text, words[i]))
			return words[i];
	return NULL;
}
