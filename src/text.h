/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text from outside: what is valid, and how it is shown. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed UTF-8 character at TEXT (at most LEN bytes are looked at), 0 when it is none:
 * no overlong forms, no surrogates, nothing past U+10FFFF (RFC 3629). *ret_code may be NULL. */
size_t utf8_next(const char *text, size_t len, uint32_t *ret_code);

bool utf8_valid(const char *text, size_t len);

/* Columns that TEXT takes in a terminal: 2 for wide (East Asian) characters, 0 for combining ones. Bytes that
 * are not UTF-8 count one. */
size_t text_columns(const char *text);

/* The bytes of the first character of TEXT, 0 of "", and its columns. */
size_t text_character(const char *text, size_t *ret_columns);

/* May a line end between these two characters, of which none is a blank? East Asian text may be broken beside each character,
 * but no line begins with what closes, or ends with what opens (W3C, "Requirements for Chinese Text Layout", 3.1). */
bool text_may_break(const char *before, const char *next);

/* Appends TEXT, which text_clean() has seen, in at most COLUMNS columns: what is longer ends with "…". Returns the columns
 * that it takes. */
size_t text_fit(struct buf *b, const char *text, size_t columns);

/* The same, filled up with blanks. */
void text_pad(struct buf *b, const char *text, size_t columns);

/* The bytes of TEXT that make one line of at most COLUMNS columns, and *ret_next where the next line begins: it breaks at
 * a blank or where text_may_break() if there is such a place, and never between a character and what combines with it. At least
 * one character, so that it gets on. */
size_t text_line(const char *text, size_t columns, const char **ret_next);

/* Appends TEXT on one line, fit for a log, a terminal or a header: control characters, C1 controls, line and
 * paragraph separators, bidirectional overrides and bytes that are not UTF-8 become escapes like \n, \x1b,
 * \u{202e}; a backslash stays as it is. At most MAX characters of TEXT, then "…". */
void text_clean(struct buf *b, const char *text, size_t max);

/* Appends TEXT as a quoted string of RFC 5322 and RFC 9051: a backslash before each " and \. */
void text_quote(struct buf *b, const char *text);

/* text_clean() for a text of several lines: newlines and tabs stay, carriage returns before a newline go. */
void text_clean_lines(struct buf *b, const char *text, size_t max);

/* A new string, or NULL without memory. */
char *text_cleaned(const char *text, size_t max);

/* For "return text_error(ret_error, -EINVAL, 500, …)": the sentence, cleaned and of at most MAX characters, goes to
 * *RET_ERROR (free it). Returns ERROR, or -ENOMEM. */
int text_error(char **ret_error, int error, size_t max, const char *format, ...) _printf_(4, 5);

/* Which of the N words is most like WORD (edit distance, at most a third of its length), or NULL: for "did you
 * mean". */
const char *text_nearest(const char *word, const char *const *words, size_t n);

/* A copy to free; NULL of NULL and of "". */
char *text_copy(const char *text);

static inline bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && __builtin_strcmp(a, b) == 0);
}
