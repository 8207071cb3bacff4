/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test.h"
#include "text.h"

#include <string.h>

static void assert_cleaned(const char *text, size_t max, const char *expected)
{
	_cleanup_free_ char *cleaned = text_cleaned(text, max);

	assert_string_equal(cleaned, expected);
}

static void knows_utf8(void **state)
{
	static const char *const good[] = { "", "a", "é", "日本", "😀", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = {
		"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xe6\x97", "a\xff",
	};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
}

static void cleans_what_steers(void **state)
{
	assert_cleaned("a\r\nBcc: x", 100, "a\\r\\nBcc: x");
	assert_cleaned("\x1b[31m", 100, "\\x1b[31m");
	assert_cleaned("\xc2\x9b", 100, "\\u{9b}");
	assert_cleaned("\xe2\x80\xae", 100, "\\u{202e}");
	assert_cleaned("磁盘\xff", 100, "磁盘\\xff");
	assert_cleaned("abcdef", 3, "abc…");
	assert_cleaned("abc", 3, "abc");
}

static void cleans_lines(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	text_clean_lines(&b, "a\r\nb\tc\rd\x07\n", 100);
	assert_string_equal(buf_text(&b), "a\nb\tc\\rd\\x07\n");
}

static void counts_columns(void **state)
{
	assert_int_equal(text_columns("abc"), 3);
	assert_int_equal(text_columns("磁盘 é"), 6);
	assert_int_equal(text_columns("e\xcc\x81"), 1);
	assert_int_equal(text_columns("\xff"), 1);
}

static void finds_the_nearest_word(void **state)
{
	static const char *const words[] = { "warning", "critical", "path", "port" };

	assert_string_equal(text_nearest("warnning", words, 4), "warning");
	assert_string_equal(text_nearest("pat", words, 4), "path");
	assert_null(text_nearest("zzzzzz", words, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_utf8),
		cmocka_unit_test(cleans_what_steers),
		cmocka_unit_test(cleans_lines),
		cmocka_unit_test(counts_columns),
		cmocka_unit_test(finds_the_nearest_word),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
