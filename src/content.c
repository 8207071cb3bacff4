/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail's bytes for the wire; see content.h. */
#include "content.h"

#include <string.h>
#include <strings.h>

#define QP_LINE_MAX 76

struct line {
	const char *data;
	size_t len; /* without its end */
};

bool content_has_8bit(const char *content, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)content[i] > 127)
			return true;
	return false;
}

/* Takes the next line off CONTENT: it ends by CRLF, LF, CR, or with the content. */
static bool next_line(const char **content, size_t *len, struct line *ret)
{
	const char *start = *content;
	size_t n = 0, end;

	if (*len == 0)
		return false;
	while (n < *len && start[n] != '\r' && start[n] != '\n')
		n++;
	end = n < *len ? 1 : 0;
	if (end && start[n] == '\r' && n + 1 < *len && start[n + 1] == '\n')
		end = 2;
	*ret = (struct line){ start, n };
	*content += n + end;
	*len -= n + end;
	return true;
}

static void put_bytes(struct buf *b, const char *data, size_t len, bool is_7bit)
{
	size_t done = 0;

	for (size_t i = 0; i <= len; i++) {
		bool is_end = i == len;

		if (!is_end && data[i] != '\0' && (!is_7bit || (unsigned char)data[i] < 128))
			continue;
		buf_append(b, data + done, i - done);
		if (!is_end)
			buf_putc(b, '?');
		done = i + 1;
	}
}

/* Where to fold a header line: before its last blank that has text on its left, or 0. */
static size_t fold_point(const char *data, size_t max)
{
	size_t first = 0;

	while (first < max && (data[first] == ' ' || data[first] == '\t'))
		first++;
	for (size_t i = max; i > first; i--)
		if (data[i] == ' ' || data[i] == '\t')
			return i;
	return 0;
}

/* Not inside a UTF-8 character. */
static size_t character_start(const char *data, size_t at)
{
	for (size_t i = at; i > at - 4; i--)
		if (((unsigned char)data[i] & 0xc0) != 0x80)
			return i;
	return at;
}

static void put_line(struct buf *b, struct line l, bool is_header, bool is_7bit)
{
	size_t max = CONTENT_LINE_MAX;

	while (l.len > max) {
		size_t cut = is_header ? fold_point(l.data, max) : 0;
		bool needs_blank = is_header && cut == 0;

		if (cut == 0)
			cut = character_start(l.data, max);
		put_bytes(b, l.data, cut, is_7bit);
		buf_puts(b, needs_blank ? "\r\n " : "\r\n");
		max = CONTENT_LINE_MAX - needs_blank;
		l.data += cut;
		l.len -= cut;
	}
	put_bytes(b, l.data, l.len, is_7bit);
	buf_puts(b, "\r\n");
}

static bool header_is(struct line l, const char *name)
{
	size_t n = strlen(name);

	return l.len > n && strncasecmp(l.data, name, n) == 0 && l.data[n] == ':';
}

static bool value_begins(struct line l, const char *name, const char *word)
{
	size_t i = strlen(name) + 1;

	while (i < l.len && (l.data[i] == ' ' || l.data[i] == '\t'))
		i++;
	return l.len - i >= strlen(word) && strncasecmp(l.data + i, word, strlen(word)) == 0;
}

/* May the body become quoted-printable by changing one header? Not a container, whose parts have headers of their
 * own, and not what is encoded already. */
static bool can_become_qp(const char *content, size_t len)
{
	struct line l;

	while (next_line(&content, &len, &l) && l.len > 0) {
		if (header_is(l, "Content-Type") && !value_begins(l, "Content-Type", "text/"))
			return false;
		if (header_is(l, "Content-Transfer-Encoding") &&
			!value_begins(l, "Content-Transfer-Encoding", "8bit") &&
			!value_begins(l, "Content-Transfer-Encoding", "7bit"))
			return false;
	}
	return true;
}

/* RFC 2045, 6.7. */
static void put_qp_line(struct buf *b, struct line l)
{
	size_t column = 0;

	for (size_t i = 0; i < l.len; i++) {
		unsigned char c = (unsigned char)l.data[i];
		bool is_blank = c == ' ' || c == '\t';
		bool is_plain = (c > 32 && c < 127 && c != '=') || (is_blank && i + 1 < l.len);
		size_t width = is_plain ? 1 : 3;

		if (column + width > QP_LINE_MAX - 1) {
			buf_puts(b, "=\r\n");
			column = 0;
		}
		if (is_plain)
			buf_putc(b, (char)c);
		else
			buf_printf(b, "=%02X", c);
		column += width;
	}
	buf_puts(b, "\r\n");
}

/* Header and body of a single text whose body becomes quoted-printable. A mail without MIME headers gets them: its
 * bytes were of no declared kind, UTF-8 is the best guess. */
static void put_as_qp(struct buf *b, const char *content, size_t len)
{
	bool is_header = true, has_version = false, has_type = false, is_dropped = false;
	struct line l;

	while (next_line(&content, &len, &l)) {
		if (is_header && l.len == 0) {
			is_header = false;
			buf_puts(b, has_version ? "" : "MIME-Version: 1.0\r\n");
			buf_puts(b, has_type ? "" : "Content-Type: text/plain; charset=utf-8\r\n");
			buf_puts(b, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
		} else if (is_header) {
			has_version |= header_is(l, "MIME-Version");
			has_type |= header_is(l, "Content-Type");
			if (l.data[0] != ' ' && l.data[0] != '\t')
				is_dropped = header_is(l, "Content-Transfer-Encoding");
			if (!is_dropped)
				put_line(b, l, true, true);
		} else {
			put_qp_line(b, l);
		}
	}
}

/* Does the body, behind the first empty line, hold 8-bit? */
static bool body_has_8bit(const char *content, size_t len)
{
	struct line l;

	while (next_line(&content, &len, &l) && l.len > 0)
		;
	return content_has_8bit(content, len);
}

void content_normalise(struct buf *b, const char *content, size_t len, bool is_7bit)
{
	bool is_header = true;
	struct line l;

	if (is_7bit && body_has_8bit(content, len) && can_become_qp(content, len)) {
		put_as_qp(b, content, len);
		return;
	}
	while (next_line(&content, &len, &l)) {
		if (l.len == 0)
			is_header = false;
		put_line(b, l, is_header, is_7bit);
	}
}

void content_stuff(struct buf *b, const char *content, size_t len)
{
	while (len > 0) {
		const char *end = memchr(content, '\n', len);
		size_t n = end ? (size_t)(end - content) + 1 : len;

		if (content[0] == '.')
			buf_putc(b, '.');
		buf_append(b, content, n);
		content += n;
		len -= n;
	}
	buf_puts(b, ".\r\n");
}
