/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses in a header; see heading.h. */
#include "heading.h"

#include "mime.h"
#include "smtp.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define ADDRESS_MAX 256 /* mime_is_address() knows none over 254 */

/* What stands around an address in a list of them (RFC 5322, 3.4). */
static bool is_delimiter(char c)
{
	return strchr(" \t\r\n,;<>()", c); /* NUL too, which no content has */
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if (*text & 0x80)
			return false;
	return true;
}

static void put_address(struct buf *b, const char *address)
{
	_cleanup_buf_ struct buf wire = BUF(2 * ADDRESS_MAX);
	bool needs_utf8;

	if (is_ascii(address) || !mime_is_address(address) || smtp_address(address, &wire, &needs_utf8) < 0)
		buf_puts(b, address);
	else
		buf_puts(b, buf_text(&wire));
}

static void put_word(struct buf *b, const char *word, size_t len, const char *sender, const char *from)
{
	char address[ADDRESS_MAX];

	if (len >= sizeof(address) || !memchr(word, '@', len)) {
		buf_append(b, word, len);
		return;
	}
	memcpy(address, word, len);
	address[len] = '\0';
	put_address(b, sender && strcasecmp(address, sender) == 0 ? from : address);
}

/* A field, which has its colon, with the lines that it is folded into. SENDER is NULL where it is not to be replaced. */
static void put_field(struct buf *b, const char *field, size_t len, const char *sender, const char *from)
{
	size_t name = (size_t)((const char *)memchr(field, ':', len) - field) + 1;

	buf_append(b, field, name);
	for (size_t i = name, n; i < len; i += n) {
		for (n = 0; i + n < len && !is_delimiter(field[i + n]); n++)
			;
		put_word(b, field + i, n, sender, from);
		if (n == 0)
			buf_append(b, field + i, n = 1);
	}
}

/* The length of the field at TEXT, with its folded lines; 0 at the empty line. */
static size_t field_length(const char *text, size_t len)
{
	size_t n = 0;

	if (len == 0 || text[0] == '\n' || (len > 1 && text[0] == '\r' && text[1] == '\n'))
		return 0;
	do {
		const char *end = memchr(text + n, '\n', len - n);

		n = end ? (size_t)(end - text) + 1 : len;
	} while (n < len && (text[n] == ' ' || text[n] == '\t'));
	return n;
}

static bool is_named(const char *field, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && strncasecmp(field, name, n) == 0 && field[n] == ':';
}

void heading_fit(struct buf *b, const char *content, size_t len, const char *sender, const char *from)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "To", "Cc" };
	size_t done = 0, n;

	for (; (n = field_length(content + done, len - done)) > 0; done += n) {
		const char *field = content + done;
		size_t which = 0;

		while (which < ELEMENTS(names) && !is_named(field, n, names[which]))
			which++;
		if (which < ELEMENTS(names))
			put_field(b, field, n, which == 0 && *sender ? sender : NULL, from);
		else
			buf_append(b, field, n);
	}
	buf_append(b, content + done, len - done);
}
