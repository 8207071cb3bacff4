/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMTP replies from bytes; see reply.h. */
#include "reply.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void reply_reader_free(struct reply_reader *r)
{
	buf_free(&r->reply.text);
	buf_free(&r->line);
}

void reply_reader_reset(struct reply_reader *r)
{
	r->reply.code = 0;
	r->reply.enhanced[0] = '\0';
	r->reply.n_lines = 0;
	r->is_done = false;
	buf_clear(&r->reply.text);
	buf_clear(&r->line);
}

bool reply_has_begun(const struct reply_reader *r)
{
	return !r->is_done && (r->line.len > 0 || r->reply.n_lines > 0);
}

/* "5.1.1" at the start of TEXT, with the class of CODE, and a blank or nothing behind it (RFC 2034, 4). Returns its
 * length, 0 when there is none. */
static size_t enhanced_length(const char *text, int code)
{
	size_t i = 1;

	if (text[0] != '0' + code / 100 || !strchr("245", text[0]))
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (text[i++] != '.')
			return 0;
		while (digits < 3 && isdigit((unsigned char)text[i]))
			i++, digits++;
		if (digits == 0)
			return 0;
	}
	return text[i] == ' ' || text[i] == '\0' ? i : 0;
}

/* Adds the text of a line; the enhanced code goes where it belongs and is not repeated in each line. */
static int reply_add_text(struct reply *reply, const char *text)
{
	size_t n = enhanced_length(text, reply->code);

	if (n > 0 && reply->n_lines == 0) {
		memcpy(reply->enhanced, text, n);
		reply->enhanced[n] = '\0';
	}
	if (n > 0 && strlen(reply->enhanced) == n && memcmp(reply->enhanced, text, n) == 0)
		text += text[n] == ' ' ? n + 1 : n;
	if (reply->n_lines++ > 0)
		buf_putc(&reply->text, '\n');
	buf_puts(&reply->text, text);
	return buf_error(&reply->text);
}

/* A whole line, without its end. Returns 1 when it was the last. */
static int reply_end_line(struct reply_reader *r)
{
	const char *line = buf_text(&r->line);
	int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
	bool is_last = line[3] != '-';

	/* "In a multiline reply, the reply code on each of the lines MUST be the same" (RFC 5321, 4.2.1). */
	if (r->reply.n_lines > 0 && code != r->reply.code)
		return -EPROTO;
	if (r->reply.n_lines == REPLY_LINES_MAX)
		return -EMSGSIZE;
	r->reply.code = code;
	int e = reply_add_text(&r->reply, line[3] ? line + 4 : "");
	if (e < 0)
		return e;
	buf_clear(&r->line);
	return is_last;
}

/* May C stand at position I of a line? A code is 2xx to 5xx, then a blank, a hyphen or the end. */
static bool reply_allows(size_t i, char c)
{
	switch (i) {
	case 0:
		return c >= '2' && c <= '5';
	case 1:
	case 2:
		return c >= '0' && c <= '9';
	case 3:
		return c == ' ' || c == '-' || c == '\r' || c == '\n';
	default:
		return c != '\0';
	}
}

/* A bare LF ends a line too: in a reply nothing can be smuggled by it, and small servers do it. */
static int reply_take(struct reply_reader *r, char c)
{
	struct buf *line = &r->line;

	if (!reply_allows(line->len, c) || (line->len == 4 && line->data[3] == '\r' && c != '\n'))
		return -EPROTO;
	if (c != '\n') {
		buf_putc(line, c);
		return buf_error(line);
	}
	if (line->data[line->len - 1] == '\r')
		line->data[--line->len] = '\0';
	return reply_end_line(r);
}

int reply_feed(struct reply_reader *r, const char *bytes, size_t len, size_t *ret_used)
{
	size_t used = 0;
	int result = 0;

	if (r->is_done)
		reply_reader_reset(r);
	while (used < len && result == 0)
		result = reply_take(r, bytes[used++]);
	r->is_done = result > 0;
	*ret_used = used;
	return result;
}
