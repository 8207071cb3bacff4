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

static void assert_fit(const char *text, size_t columns, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	assert_int_equal(text_fit(&b, text, columns), text_columns(expected));
	assert_string_equal(buf_text(&b), expected);
}

static void fits_into_columns(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	assert_fit("abc", 3, "abc");
	assert_fit("abcd", 3, "ab…");
	assert_fit("磁盘", 4, "磁盘");
	assert_fit("磁盘", 3, "磁…");
	assert_fit("磁盘", 2, "…"); /* half a character is none */
	assert_fit("cafe\xcc\x81s", 4, "caf…");
	assert_fit("cafe\xcc\x81", 4, "cafe\xcc\x81"); /* what combines stays with its letter */
	assert_fit("a", 0, "");
	assert_fit("\xff\xff", 2, "\xff\xff");
	text_pad(&b, "磁盘满", 5);
	assert_string_equal(buf_text(&b), "磁盘…");
	buf_clear(&b);
	text_pad(&b, "磁", 5);
	assert_string_equal(buf_text(&b), "磁   ");
}

/* LINES: the lines that TEXT makes, each ended by "|". */
static void assert_lines(const char *text, size_t columns, const char *lines)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	for (const char *next; *text; text = next) {
		buf_append(&b, text, text_line(text, columns, &next));
		buf_putc(&b, '|');
	}
	assert_string_equal(buf_text(&b), lines);
}

static void breaks_lines(void **state)
{
	assert_lines("one two three", 7, "one two|three|");
	assert_lines("one two three", 8, "one two|three|");
	assert_lines("one  two", 3, "one|two|");
	assert_lines("unbreakable", 4, "unbr|eaka|ble|");
	assert_lines("磁盘已满 97 %", 5, "磁盘|已满|97 %|");
	assert_lines("磁盘", 1, "磁|盘|"); /* it gets on */
	assert_lines("ae\xcc\x81", 1, "a|e\xcc\x81|");
	assert_lines("已满（97 %），请清理", 5, "已满|（97|%），|请清|理|"); /* no line ends with （, or begins with ） or ， */
	assert_lines("磁盘“甲”满", 5, "磁盘|“甲”|满|");
	assert_lines("磁盘满, 97", 6, "磁盘|满, 97|"); /* nor with what closes in ASCII */
	assert_lines("", 5, "");
	assert_lines("all of it", SIZE_MAX, "all of it|");
}

static void tells_characters_and_where_lines_may_break(void **state)
{
	size_t columns;

	assert_int_equal(text_character("", &columns), 0);
	assert_int_equal(columns, 0);
	assert_int_equal(text_character("磁盘", &columns), 3);
	assert_int_equal(columns, 2);
	assert_int_equal(text_character("\xcc\x81x", &columns), 2);
	assert_int_equal(columns, 0);
	assert_int_equal(text_character("\xe7\xa3", &columns), 1); /* cut in the middle */
	assert_int_equal(columns, 1);
	assert_true(text_may_break("磁", "盘"));
	assert_true(text_may_break("a", "盘"));
	assert_true(text_may_break("，", "盘"));
	assert_true(text_may_break("\xff", "盘"));
	assert_false(text_may_break("a", "b"));
	assert_false(text_may_break("磁", "，"));
	assert_false(text_may_break("磁", "%"));
	assert_false(text_may_break("（", "磁"));
	assert_false(text_may_break("磁", "\xcc\x81"));
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
		cmocka_unit_test(fits_into_columns),
		cmocka_unit_test(breaks_lines),
		cmocka_unit_test(tells_characters_and_where_lines_may_break),
		cmocka_unit_test(finds_the_nearest_word),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
