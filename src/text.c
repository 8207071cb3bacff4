/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "text.h"

#include "translate.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

size_t utf8_next(const char *text, size_t len, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *t = (const unsigned char *)text;
	uint32_t code;
	size_t n;

	if (len == 0)
		return 0;
	if (t[0] < 0x80) {
		n = 1;
		code = t[0];
	} else if (t[0] >= 0xc2 && t[0] < 0xe0) {
		n = 2;
		code = t[0] & 0x1fU;
	} else if (t[0] >= 0xe0 && t[0] < 0xf0) {
		n = 3;
		code = t[0] & 0x0fU;
	} else if (t[0] >= 0xf0 && t[0] < 0xf5) {
		n = 4;
		code = t[0] & 0x07U;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((t[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (t[i] & 0x3fU);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	if (ret_code)
		*ret_code = code;
	return n;
}

bool utf8_valid(const char *text, size_t len)
{
	while (len) {
		size_t n = utf8_next(text, len, NULL);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t code, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* Unicode 15 EastAsianWidth.txt, classes W and F, in the blocks that fonts of terminals show wide. */
static const struct range wide[] = {
	{ 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x23e9, 0x23ec }, { 0x2e80, 0x303e }, { 0x3041, 0x33ff },
	{ 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xa000, 0xa4cf }, { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
	{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

static const struct range without_width[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
	{ 0x06d6, 0x06dc }, { 0x0900, 0x0902 }, { 0x0941, 0x0948 }, { 0x094d, 0x094d }, { 0x0e31, 0x0e31 },
	{ 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1160, 0x11ff }, { 0x302a, 0x302d }, { 0x3099, 0x309a },
	{ 0x1ab0, 0x1aff },
	{ 0x1dc0, 0x1dff }, { 0x200b, 0x200d }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

static size_t columns_of(uint32_t code)
{
	if (in_ranges(code, without_width, ELEMENTS(without_width)))
		return 0;
	return in_ranges(code, wide, ELEMENTS(wide)) ? 2 : 1;
}

size_t text_character(const char *text, size_t *ret_columns)
{
	uint32_t code = 0;
	size_t n = utf8_next(text, strnlen(text, 4), &code);

	*ret_columns = n ? columns_of(code) : *text != '\0';
	return n ? n : *text != '\0';
}

size_t text_columns(const char *text)
{
	size_t columns = 0, width;

	while (*text) {
		text += text_character(text, &width);
		columns += width;
	}
	return columns;
}

/* The bytes of the character at TEXT with what combines with it, and its columns. */
static size_t cluster(const char *text, size_t *ret_columns)
{
	size_t n = text_character(text, ret_columns), width, more;

	while (text[n] && (more = text_character(text + n, &width), width == 0))
		n += more;
	return n;
}

/* How many bytes of TEXT fit. */
static size_t fitting(const char *text, size_t columns, size_t *ret_columns)
{
	size_t len = strlen(text), at = 0, used = 0, width;

	while (at < len) {
		size_t n = cluster(text + at, &width);

		if (used + width > columns)
			break;
		used += width;
		at += n;
	}
	*ret_columns = used;
	return at;
}

size_t text_fit(struct buf *b, const char *text, size_t columns)
{
	size_t used, n = fitting(text, columns, &used);
	bool is_cut = text[n] != '\0' && columns > 0;

	if (is_cut)
		n = fitting(text, columns - 1, &used);
	buf_append(b, text, n);
	if (is_cut)
		buf_puts(b, "…");
	return used + is_cut;
}

void text_pad(struct buf *b, const char *text, size_t columns)
{
	for (size_t used = text_fit(b, text, columns); used < columns; used++)
		buf_putc(b, ' ');
}

static bool is_one_of(const char *character, size_t len, const char *characters)
{
	return memmem(characters, strlen(characters), character, len) != NULL;
}

bool text_may_break(const char *before, const char *next)
{
	static const char closing[] = ",.;:!?)]}%…”’、。〉》」』】〕，．：；！？）］｝", opening[] = " ([{“‘〈《「『【〔（［｛";
	size_t columns_before, columns_next, len_before = text_character(before, &columns_before);
	size_t len_next = text_character(next, &columns_next);

	if (columns_next == 0 || (columns_before != 2 && columns_next != 2))
		return false;
	return !is_one_of(next, len_next, closing) && !is_one_of(before, len_before, opening);
}

size_t text_line(const char *text, size_t columns, const char **ret_next)
{
	size_t len = strlen(text), used, n = fitting(text, columns, &used), end = n, best = 0;

	for (size_t at = 0; at < n && text[n];) {
		size_t begin = at;

		at += cluster(text + at, &used);
		if (text[at] == ' ' || text_may_break(text + begin, text + at))
			best = at;
	}
	if (text[n] && best)
		end = best;
	if (end == 0 && len)
		end = cluster(text, &used);
	*ret_next = text + end + strspn(text + end, " ");
	while (end > 1 && text[end - 1] == ' ')
		end--;
	return end;
}

/* What would steer a terminal, break a line, or turn the direction of the text around it. */
static bool is_unsafe(uint32_t code)
{
	static const struct range unsafe[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x2028, 0x202e },
		{ 0x2066, 0x2069 }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
	};

	return in_ranges(code, unsafe, ELEMENTS(unsafe));
}

static void put_escape(struct buf *b, uint32_t code)
{
	if (code == '\n')
		buf_puts(b, "\\n");
	else if (code == '\r')
		buf_puts(b, "\\r");
	else if (code == '\t')
		buf_puts(b, "\\t");
	else if (code < 0x80)
		buf_printf(b, "\\x%02x", (unsigned)code);
	else
		buf_printf(b, "\\u{%x}", (unsigned)code);
}

static void clean(struct buf *b, const char *text, size_t max, bool lines)
{
	size_t left = strlen(text);

	for (size_t i = 0; left; i++) {
		uint32_t code = 0;
		size_t n = utf8_next(text, left, &code);

		if (i == max) {
			buf_puts(b, "…");
			return;
		}
		if (n == 0) {
			buf_printf(b, "\\x%02x", (unsigned char)*text);
			n = 1;
		} else if (lines && (code == '\n' || code == '\t')) {
			buf_putc(b, (char)code);
		} else if (lines && code == '\r' && left > 1 && text[1] == '\n') {
			/* the newline follows */
		} else if (is_unsafe(code)) {
			put_escape(b, code);
		} else {
			buf_append(b, text, n);
		}
		text += n;
		left -= n;
	}
}

void text_clean(struct buf *b, const char *text, size_t max)
{
	clean(b, text, max, false);
}

void text_quote(struct buf *b, const char *text)
{
	buf_putc(b, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *text);
	}
	buf_putc(b, '"');
}

void text_clean_lines(struct buf *b, const char *text, size_t max)
{
	clean(b, text, max, true);
}

char *text_cleaned(const char *text, size_t max)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	text_clean(&b, text, max);
	return buf_take(&b);
}

char *text_copy(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

int text_error(char **ret_error, int error, size_t max, const char *format, ...)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&b, translate(format), arguments);
	va_end(arguments);
	char *text = text_cleaned(buf_text(&b), max);
	if (!text)
		return -ENOMEM;
	*ret_error = text;
	return error;
}

#define NEAREST_MAX 48

/* Levenshtein distance with one row; both words are at most NEAREST_MAX long. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NEAREST_MAX + 1], len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len];
}

const char *text_nearest(const char *word, const char *const *words, size_t n)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 3 + 1;

	if (strlen(word) > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strlen(words[i]) > NEAREST_MAX)
			continue;
		size_t distance = edit_distance(word, words[i]);
		if (distance <= best && (!nearest || distance < best)) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}
