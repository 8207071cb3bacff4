/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies in any segmentation, and each limit at it and past it. */
#include "reply.h"
#include "test.h"

#include <errno.h>
#include <string.h>

/* Feeds TEXT in pieces of PIECE bytes; the result of the last call, and how much was taken. */
static int feed(struct reply_reader *r, const char *text, size_t len, size_t piece, size_t *ret_used)
{
	int result = 0;

	*ret_used = 0;
	while (*ret_used < len && result == 0) {
		size_t n = len - *ret_used < piece ? len - *ret_used : piece, used;

		result = reply_feed(r, text + *ret_used, n, &used);
		*ret_used += used;
	}
	return result;
}

static void reads_one_reply(void **state)
{
	static const char text[] = "550-5.1.1 a\r\n550-\r\n550 5.1.1 c\r\n220 next\r\n";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct reply_reader r = REPLY_READER;
		size_t used, rest;

		assert_false(reply_has_begun(&r));
		assert_int_equal(feed(&r, text, strlen(text), piece, &used), 1);
		assert_string_equal(text + used, "220 next\r\n");
		assert_int_equal(r.reply.code, 550);
		assert_string_equal(r.reply.enhanced, "5.1.1");
		assert_string_equal(buf_text(&r.reply.text), "a\n\nc");
		assert_false(reply_has_begun(&r));
		assert_int_equal(feed(&r, text + used, strlen(text + used), piece, &rest), 1);
		assert_int_equal(r.reply.code, 220);
		assert_string_equal(r.reply.enhanced, "");
		assert_string_equal(buf_text(&r.reply.text), "next");
		reply_reader_free(&r);
	}
}

static void assert_reply(const char *text, int expected, const char *enhanced, const char *words)
{
	struct reply_reader r = REPLY_READER;
	size_t used;

	assert_int_equal(reply_feed(&r, text, strlen(text), &used), expected);
	if (expected > 0) {
		assert_string_equal(r.reply.enhanced, enhanced);
		assert_string_equal(buf_text(&r.reply.text), words);
	}
	reply_reader_free(&r);
}

static void reads_enhanced_codes(void **state)
{
	assert_reply("250 2.1.5 ok\r\n", 1, "2.1.5", "ok");
	assert_reply("250 2.1.5\r\n", 1, "2.1.5", "");
	assert_reply("535 5.7.139 no\r\n", 1, "5.7.139", "no");
	assert_reply("250 4.1.5 ok\r\n", 1, "", "4.1.5 ok"); /* another class */
	assert_reply("334 3.1.5 ok\r\n", 1, "", "3.1.5 ok"); /* none in 3yz */
	assert_reply("250 2.1.5000 ok\r\n", 1, "", "2.1.5000 ok");
	assert_reply("250 2.1 ok\r\n", 1, "", "2.1 ok");
	assert_reply("250 2..5 ok\r\n", 1, "", "2..5 ok");
	assert_reply("250 2.1.5ok\r\n", 1, "", "2.1.5ok");
	assert_reply("250-2.0.0 a\r\n250 2.1.5 b\r\n", 1, "2.0.0", "a\n2.1.5 b");
}

static void refuses_what_is_none(void **state)
{
	static const char *const bad[] = {
		"1",
		"6",
		"x",
		" ",
		"\r",
		"\n",
		"2x",
		"25x",
		"25\r",
		"250x",
		"250\t",
		"250\rx",
		"250-a\r\n25 ",
	};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		struct reply_reader r = REPLY_READER;
		size_t used;

		assert_int_equal(feed(&r, bad[i], strlen(bad[i]), 1, &used), -EPROTO);
		assert_int_equal(used, strlen(bad[i])); /* at the first byte that shows it */
		reply_reader_free(&r);
	}
	assert_reply("250-a\r\n251 b\r\n", -EPROTO, NULL, NULL);
	assert_reply("250\r\n", 1, "", "");
	assert_reply("250\n", 1, "", "");
	assert_reply("250 a\rb\r\n", 1, "", "a\rb");
}

static void limits_lines(void **state)
{
	for (int over = 0; over < 2; over++) {
		_cleanup_buf_ struct buf b = BUF(1024 * 1024);
		struct reply_reader r = REPLY_READER;
		size_t used;

		for (int i = 1; i < REPLY_LINES_MAX + over; i++)
			buf_puts(&b, "250-a\r\n");
		buf_puts(&b, "250 a\r\n");
		assert_int_equal(reply_feed(&r, b.data, b.len, &used), over ? -EMSGSIZE : 1);
		reply_reader_free(&r);
	}
}

static void limits_length(void **state)
{
	for (size_t over = 0; over < 2; over++) {
		_cleanup_buf_ struct buf b = BUF(1024 * 1024);
		struct reply_reader r = REPLY_READER;
		size_t used;

		buf_puts(&b, "250 ");
		while (b.len < REPLY_LINE_MAX + over)
			buf_putc(&b, 'x');
		buf_putc(&b, '\n');
		assert_int_equal(reply_feed(&r, b.data, b.len, &used), over ? -EMSGSIZE : 1);
		reply_reader_free(&r);
	}
}

static void limits_memory(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1024 * 1024);
	struct reply_reader r = REPLY_READER;
	size_t used;

	for (int i = 0; i < 100; i++) {
		buf_puts(&b, "250-");
		for (int k = 0; k < 400; k++)
			buf_putc(&b, 'x');
		buf_puts(&b, "\r\n");
	}
	assert_int_equal(reply_feed(&r, b.data, b.len, &used), -EMSGSIZE);
	assert_true(used <= REPLY_SIZE_MAX + 1024);
	reply_reader_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_one_reply),
		cmocka_unit_test(reads_enhanced_codes),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(limits_lines),
		cmocka_unit_test(limits_length),
		cmocka_unit_test(limits_memory),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
