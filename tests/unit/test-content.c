/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Laws that hold for any bytes, tried on many small contents, and single cases. */
#include "content.h"
#include "test.h"

#include <string.h>

static void assert_normal(const char *content, bool is_7bit, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);

	content_normalise(&b, content, strlen(content), is_7bit);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(buf_text(&b), expected);
}

static void normalises_line_ends(void **state)
{
	assert_normal("", false, "");
	assert_normal("a", false, "a\r\n");
	assert_normal("a\nb\r\nc\rd", false, "a\r\nb\r\nc\r\nd\r\n");
	assert_normal("\n\r", false, "\r\n\r\n");
	assert_normal("\r\r\n\n", false, "\r\n\r\n\r\n");
}

/* What every content must be on the wire: CRLF only, no NUL, no long line, and for DATA no lone dot before the end. */
static void assert_fit(const struct buf *b, bool is_7bit)
{
	size_t column = 0;

	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i];

		assert_int_not_equal(c, '\0');
		if (is_7bit)
			assert_true((unsigned char)c < 128);
		if (c == '\r')
			assert_int_equal(b->data[i + 1], '\n');
		if (c == '\n')
			assert_true(i > 0 && b->data[i - 1] == '\r');
		column = c == '\n' ? 0 : column + 1;
		assert_true(column <= CONTENT_LINE_MAX + 1);
	}
	assert_int_equal(column, 0);
}

static void assert_stuffed(const struct buf *b)
{
	const char *end = strstr(b->data, "\r\n.\r\n");

	if (b->len == 3)
		assert_memory_equal(b->data, ".\r\n", 3);
	else
		assert_ptr_equal(end, b->data + b->len - 5);
}

/* Every content of up to 7 bytes of these. */
static void keeps_the_laws(void **state)
{
	static const char alphabet[] = { '\r', '\n', '.', 'a', '\0', (char)0xc3 };
	size_t total = 1;

	for (size_t len = 0; len <= 6; len++, total *= sizeof(alphabet)) {
		for (size_t number = 0; number < total; number++) {
			_cleanup_buf_ struct buf b = BUF(1000), stuffed = BUF(1000);
			char content[8];

			for (size_t i = 0, n = number; i < len; i++, n /= sizeof(alphabet))
				content[i] = alphabet[n % sizeof(alphabet)];
			content_normalise(&b, content, len, number % 2);
			assert_int_equal(buf_error(&b), 0);
			assert_fit(&b, number % 2);
			content_stuff(&stuffed, buf_text(&b), b.len);
			assert_stuffed(&stuffed);
		}
	}
}

static void breaks_long_lines(void **state)
{
	for (size_t len = CONTENT_LINE_MAX - 2; len < 3 * CONTENT_LINE_MAX; len += 7) {
		for (int header = 0; header < 2; header++) {
			_cleanup_buf_ struct buf content = BUF(10000), b = BUF(10000);

			buf_puts(&content, header ? "A: " : "A: b\n\n");
			for (size_t i = 0; i < len; i++)
				buf_puts(&content, i % 3 ? "x" : "ü");
			content_normalise(&b, content.data, content.len, false);
			assert_fit(&b, false);
			/* no character was split: every CRLF stands before a first byte */
			for (char *p = strstr(b.data, "\r\n"); p; p = strstr(p + 2, "\r\n"))
				assert_int_not_equal((unsigned char)p[2] & 0xc0, 0x80);
		}
	}
}

static void folds_headers(void **state)
{
	_cleanup_buf_ struct buf content = BUF(10000), b = BUF(10000);

	buf_puts(&content, "A:");
	for (int i = 0; i < 300; i++)
		buf_puts(&content, " words");
	buf_puts(&content, "\n\nbody\n");
	content_normalise(&b, content.data, content.len, false);
	assert_fit(&b, false);
	char *fold = strstr(b.data, "\r\n");
	assert_memory_equal(fold, "\r\n words", 8);
	assert_non_null(strstr(b.data, "\r\n\r\nbody\r\n"));
}

static void recodes_8bit(void **state)
{
	assert_normal("S: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
		      "8bit\nMIME-Version: 1.0\n\nü =\nb \n",
		true,
		"S: x\r\nContent-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC =3D\r\nb=20\r\n");
	assert_normal("S: \xc3\xbc\n\nhi\n", true, "S: ??\r\n\r\nhi\r\n");
	assert_normal("Content-Transfer-Encoding: base64\n\n\xc3\n", true,
		"Content-Transfer-Encoding: base64\r\n\r\n?\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normalises_line_ends),
		cmocka_unit_test(keeps_the_laws),
		cmocka_unit_test(breaks_long_lines),
		cmocka_unit_test(folds_headers),
		cmocka_unit_test(recodes_8bit),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
