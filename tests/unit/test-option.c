/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every type of option: what it takes, what it refuses and in which words, its bounds, its way back to text. */
#include "test.h"
#include "tests/support/both-languages.h"

#include "clock.h"
#include "option.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>

struct sample {
	bool flag;
	int64_t count, wait, bytes;
	double ratio, share;
	struct tocsin_limit limit;
	const char *text, *path;
	int choice;
	struct tocsin_list list, preset;
	int64_t free_count, floor;
};

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct tocsin_option table[] = {
	{ "flag", TOCSIN_BOOL, offsetof(struct sample, flag), "yes", 0, 0, NULL, "" },
	{ "count", TOCSIN_INT, offsetof(struct sample, count), "3", 1, 100, NULL, "" },
	{ "wait", TOCSIN_DURATION, offsetof(struct sample, wait), "90s", USEC_PER_SEC, USEC_PER_DAY, NULL, "" },
	{ "bytes", TOCSIN_SIZE, offsetof(struct sample, bytes), "10G", 1024, 1LL << 40, NULL, "" },
	{ "ratio", TOCSIN_NUMBER, offsetof(struct sample, ratio), "0.5", -1, 1, NULL, "" },
	{ "share", TOCSIN_PERCENT, offsetof(struct sample, share), "90%", 0, 100, NULL, "" },
	{ "limit", TOCSIN_LIMIT, offsetof(struct sample, limit), NULL, 0, 100, NULL, "" },
	{ "text", TOCSIN_STRING, offsetof(struct sample, text), "hello", 0, 0, NULL, "" },
	{ "path", TOCSIN_PATH, offsetof(struct sample, path), NULL, 0, 0, NULL, "" },
	{ "choice", TOCSIN_CHOICE, offsetof(struct sample, choice), "green", 0, 0, colours, "" },
	{ "list", TOCSIN_LIST, offsetof(struct sample, list), NULL, 0, 0, NULL, "" },
	{ "preset", TOCSIN_LIST, offsetof(struct sample, preset), "ext4, my fs ,xfs", 0, 0, NULL, "" },
	{ "free_count", TOCSIN_INT, offsetof(struct sample, free_count), NULL, 0, 0, NULL, "" },
	{ "floor", TOCSIN_DURATION, offsetof(struct sample, floor), "1m", USEC_PER_SEC, 0, NULL, "" },
	{ 0 },
};

static void shows(const struct sample *s, const char *name, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	option_format(option_find(table, name), s, &b);
	assert_string_equal(buf_text(&b), expected);
}

static void defaults_fill_every_member(void **state)
{
	struct sample s = { 0 };

	assert_int_equal(option_set_defaults(table, &s, NULL), 0);
	assert_true(s.flag);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.wait, 90 * USEC_PER_SEC);
	assert_int_equal(s.bytes, 10LL << 30);
	assert_true(s.ratio == 0.5 && s.share == 90);
	assert_int_equal(s.limit.unit, TOCSIN_LIMIT_UNSET);
	assert_string_equal(s.text, "hello");
	assert_null(s.path);
	assert_int_equal(s.choice, 1);
	assert_int_equal(s.list.n, 0);
	shows(&s, "preset", "ext4, my fs, xfs");

	/* again over a filled struct: nothing leaks, nothing stays */
	assert_int_equal(option_set(option_find(table, "path"), &s, "/x", NULL), 0);
	assert_int_equal(option_set_defaults(table, &s, NULL), 0);
	assert_null(s.path);
	assert_int_equal(s.preset.n, 3);
	option_free(table, &s);
	assert_null(s.text);
	assert_int_equal(s.preset.n, 0);
	option_free(table, &s);
}

static void values_come_back_as_text(void **state)
{
	static const struct {
		const char *name, *value, *shown;
	} cases[] = {
		{ "flag", "off", "no" }, { "flag", "1", "yes" }, { "flag", "true", "yes" },
		{ "count", "1", "1" }, { "count", "100", "100" },
		{ "wait", "1s", "1s" }, { "wait", "24h", "1d" }, { "wait", "90", "1m30s" },
		{ "bytes", "1k", "1K" }, { "bytes", "1T", "1T" }, { "bytes", "1536M", "1536M" }, { "bytes", "1025", "1025" },
		{ "ratio", "-1", "-1" }, { "ratio", "0.1", "0.1" }, { "ratio", "0.00001", "0.00001" },
		{ "share", "0%", "0%" }, { "share", "100%", "100%" }, { "share", "99.5 %", "99.5%" },
		{ "limit", "80%", "80%" }, { "limit", "2.5", "2.5" }, { "limit", "10G", "10737418240" },
		{ "limit", "500", "500" }, /* the bounds are those of the percentage */
		{ "text", "with blanks = and ; signs", "with blanks = and ; signs" },
		{ "path", "/", "/" }, { "choice", "blue", "blue" },
		{ "free_count", "-9223372036854775808", "-9223372036854775808" },
		{ "floor", "5000w", "35000d" },
	};
	struct sample s = { 0 };

	setlocale(LC_NUMERIC, "de_DE.UTF-8"); /* where there is one: the point stays a point */
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(option_set(option_find(table, cases[i].name), &s, cases[i].value, NULL), 0);
		shows(&s, cases[i].name, cases[i].shown);
	}
	setlocale(LC_NUMERIC, "C");
	option_free(table, &s);
}

static void wrong_values_get_a_sentence(void **state)
{
	static const struct {
		const char *name, *value;
		int error;
		const char *text;
	} cases[] = {
		{ "flag", "maybe", -EINVAL, "'maybe' is no truth value: expected yes or no" },
		{ "flag", "Yes", -EINVAL, "'Yes' is no truth value: expected yes or no" },
		{ "count", "3x", -EINVAL, "'3x' is no whole number: expected a number without fraction, like 3" },
		{ "count", "0", -ERANGE, "'0' is out of range: expected a whole number from 1 to 100" },
		{ "count", "101", -ERANGE, "'101' is out of range: expected a whole number from 1 to 100" },
		{ "free_count", "9223372036854775808", -ERANGE,
			"'9223372036854775808' is out of range: expected a whole number that fits into 64 bits" },
		{ "wait", "5 parsecs", -EINVAL,
			"'5 parsecs' is no duration: expected a number with a unit, like 90s, 5m, 2h or 1d" },
		{ "wait", "999ms", -ERANGE, "'999ms' is out of range: expected a duration from 1s to 1d" },
		{ "wait", "86401", -ERANGE, "'86401' is out of range: expected a duration from 1s to 1d" },
		{ "floor", "0", -ERANGE, "'0' is out of range: expected a duration of at least 1s" },
		{ "bytes", "10X", -EINVAL, "'10X' is no size: expected a number with a unit, like 512M or 10G" },
		{ "bytes", "1023", -ERANGE, "'1023' is out of range: expected a size from 1K to 1T" },
		{ "ratio", "0,5", -EINVAL, "'0,5' is no number: expected a decimal number, like 0.5" },
		{ "ratio", "1.5", -ERANGE, "'1.5' is out of range: expected a number from -1 to 1" },
		{ "share", "90", -EINVAL, "'90' is no percentage: expected a number with a percent sign, like 90%" },
		{ "share", "101%", -ERANGE, "'101%' is out of range: expected a percentage from 0% to 100%" },
		{ "limit", "lots", -EINVAL, "'lots' is no limit: expected a percentage, a size or a number, like 90%, 10G or 4" },
		{ "limit", "101%", -ERANGE, "'101%' is out of range: expected a percentage from 0% to 100%" },
		{ "text", "", -EINVAL, "the value is empty: expected at least one character, or no such line" },
		{ "count", "", -EINVAL, "the value is empty: expected a number without fraction, like 3" },
		{ "path", "etc", -EINVAL, "'etc' is no absolute path: expected a path that begins with /" },
		{ "choice", "gren", -EINVAL, "'gren' is no choice: expected one of red, green, blue; did you mean green?" },
		{ "choice", "xxxxxxxx", -EINVAL, "'xxxxxxxx' is no choice: expected one of red, green, blue" },
		{ "flag", "\x1b[2J", -EINVAL, "'\\x1b[2J' is no truth value: expected yes or no" },
	};
	struct sample s = { 0 }, before;

	assert_int_equal(option_set_defaults(table, &s, NULL), 0);
	before = s;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_free_ char *error = NULL;

		assert_int_equal(option_set(option_find(table, cases[i].name), &s, cases[i].value, &error), cases[i].error);
		assert_sentence(error, cases[i].text);
		assert_memory_equal(&s, &before, sizeof(s));
	}
	option_free(table, &s);
}

static void long_wrong_values_are_cut(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct sample s = { 0 };
	char value[9000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(option_set(option_find(table, "count"), &s, value, &error), -EINVAL);
	assert_true(strlen(error) < 200);
	assert_non_null(strstr(error, "…"));
}

static void lists_grow_to_their_limit(void **state)
{
	const struct tocsin_option *list = option_find(table, "list");
	_cleanup_free_ char *error = NULL, *empty = NULL;
	struct sample s = { 0 };

	for (int i = 0; i < 1000; i++)
		assert_int_equal(option_set(list, &s, "a", NULL), 0);
	assert_int_equal(option_set(list, &s, "a", &error), -ERANGE);
	assert_sentence(error, "there are too many values: expected at most 1000");
	option_list_begin(list, &s);
	assert_int_equal(s.list.n, 0);
	assert_int_equal(option_set(list, &s, "", &empty), -EINVAL);
	assert_int_equal(option_set(list, &s, "b", NULL), 0);
	assert_int_equal(option_set(list, &s, "c", NULL), 0);
	shows(&s, "list", "b, c");
	option_free(table, &s);
}

static void bad_tables_of_modules_are_told(void **state)
{
	static const struct tocsin_option bad_default[] = {
		{ "count", TOCSIN_INT, offsetof(struct sample, count), "7", 1, 5, NULL, "" },
		{ 0 },
	};
	static const struct tocsin_option bad_type[] = {
		{ "count", (enum tocsin_option_type)77, offsetof(struct sample, count), "7", 0, 0, NULL, "" },
		{ 0 },
	};
	static const struct tocsin_option no_choices[] = {
		{ "choice", TOCSIN_CHOICE, offsetof(struct sample, choice), NULL, 0, 0, NULL, "" },
		{ 0 },
	};
	_cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
	_cleanup_buf_ struct buf b = BUF(100);
	struct sample s = { 0 };

	assert_int_equal(option_set_defaults(bad_default, &s, &first), -ERANGE);
	assert_sentence(first,
		"the default of count is wrong: '7' is out of range: expected a whole number from 1 to 5");
	assert_int_equal(option_set_defaults(bad_type, &s, &second), -EINVAL);
	assert_sentence(second, "the default of count is wrong: the option has the unknown type 77");
	option_format(bad_type, &s, &b);
	option_format(no_choices, &s, &b);
	assert_string_equal(buf_text(&b), "");
	assert_int_equal(option_set(no_choices, &s, "x", &third), -EINVAL);
	option_free(bad_type, &s);
}

static void types_are_described(void **state)
{
	_cleanup_buf_ struct buf b = BUF(200);

	option_describe_type(option_find(table, "wait"), &b);
	buf_puts(&b, " / ");
	option_describe_type(option_find(table, "choice"), &b);
	assert_sentence(buf_text(&b), "a duration, like 90s or 5m / one of red, green, blue");
	assert_string_equal(option_type_word(option_find(table, "wait")), "duration");
	assert_string_equal(option_type_word(&(struct tocsin_option){ .type = (enum tocsin_option_type)77 }), "unknown");
	assert_null(option_find(table, "wai"));
	assert_null(option_find(NULL, "wait"));
}

static void bounds_are_written_as_values(void **state)
{
	static const struct {
		const char *name, *min, *max;
	} rows[] = {
		{ "flag", "", "" }, { "count", "1", "100" }, { "wait", "1s", "1d" }, { "bytes", "1K", "1T" },
		{ "share", "0%", "100%" }, { "limit", "0%", "100%" }, { "floor", "1s", "" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_buf_ struct buf min = BUF(100), max = BUF(100);

		option_bounds(option_find(table, rows[i].name), &min, &max);
		assert_string_equal(buf_text(&min), rows[i].min);
		assert_string_equal(buf_text(&max), rows[i].max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_fill_every_member),
		cmocka_unit_test(values_come_back_as_text),
		cmocka_unit_test(wrong_values_get_a_sentence),
		cmocka_unit_test(long_wrong_values_are_cut),
		cmocka_unit_test(lists_grow_to_their_limit),
		cmocka_unit_test(bad_tables_of_modules_are_told),
		cmocka_unit_test(types_are_described),
		cmocka_unit_test(bounds_are_written_as_values),
	};

	return run_in_both_languages(tests, NULL, NULL);
}
