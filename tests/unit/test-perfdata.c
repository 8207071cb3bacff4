/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "perfdata.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reads the only one in TEXT. */
static struct perfdata read_one(const char *text)
{
	struct perfdata p = { 0 }, more;
	const char *bad;
	size_t len;

	assert_int_equal(perfdata_next(&text, &p, &bad, &len), 1);
	assert_int_equal(perfdata_next(&text, &more, &bad, &len), 0);
	return p;
}

static void check_number(double value, double expected)
{
	if (isnan(expected))
		assert_true(isnan(value));
	else if (isinf(expected))
		assert_true(value == expected);
	else
		assert_true(fabs(value - expected) <= fabs(expected) * 1e-12);
}

static void reads_values(void **state)
{
	static const struct {
		const char *text, *label;
		double value;
		const char *unit;
		double warning, critical, min, max;
	} rows[] = {
		{ "procs=95;;;0;", "procs", 95, "", NAN, NAN, 0, NAN },
		{ "load1=1.350;5.000;9.000;0; ", "load1", 1.35, "", 5, 9, 0, NAN },
		{ "/=20249051136B;243497277849;257024904396;0;270552530944", "/", 20249051136, "B",
			243497277849, 257024904396, 0, 270552530944 },
		{ "'a b'=1", "a b", 1, "", NAN, NAN, NAN, NAN },
		{ "'it''s = x'=2%;80;90", "it's = x", 2, "%", 80, 90, NAN, NAN },
		{ "''''=3c", "'", 3, "c", NAN, NAN, NAN, NAN },
		{ "  x=U;10;20  ", "x", NAN, "", 10, 20, NAN, NAN },
		{ "x=-.5;;;-1.;+1;", "x", -0.5, "", NAN, NAN, -1, 1 },
		{ "x=1e3", "x", 1000, "", NAN, NAN, NAN, NAN },
		{ "x=1.5e-05s", "x", 1.5e-5, "s", NAN, NAN, NAN, NAN },
		{ "x=1EB", "x", 1, "EB", NAN, NAN, NAN, NAN },
		{ "x=5MB;10;20", "x", 5, "MB", 10, 20, NAN, NAN },
		{ "t=12.5ms;100;200;0", "t", 0.0125, "s", 0.1, 0.2, 0, NAN },
		{ "t=3us;~:5;1:", "t", 3e-6, "s", 5e-6, 1e-6, NAN, NAN },
		{ "x=1;;;U;U", "x", 1, "", NAN, NAN, NAN, NAN },
		{ "größe=1", "größe", 1, "", NAN, NAN, NAN, NAN },
		{ "\"x\"=1", "\"x\"", 1, "", NAN, NAN, NAN, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_perfdata_ struct perfdata p = read_one(rows[i].text);

		assert_string_equal(p.label, rows[i].label);
		assert_string_equal(p.unit, rows[i].unit);
		check_number(p.value, rows[i].value);
		check_number(perfdata_range_limit(&p.warning, p.value), rows[i].warning);
		check_number(perfdata_range_limit(&p.critical, p.value), rows[i].critical);
		check_number(p.min, rows[i].min);
		check_number(p.max, rows[i].max);
	}
}

static void refuses_others(void **state)
{
	static const char *const rows[] = {
		"x",
		"=1",
		"x=",
		"x=a",
		"x=1,5",
		"x= 1",
		"x=inf",
		"x=nan",
		"x=0x10",
		"x=1;a",
		"x=1;;10:5",
		"x=1;;;a",
		"x=1;;;;2a",
		"x=1;2;3;4;5;6",
		"''=1",
		"'x=1",
		"'x'y=1",
		"x'y=1",
		"x=1s2",
		"x=1unitunitunitunit",
		"x=--1",
		"x=1;@",
		"x=1;:",
		"x=U5",
		"x=1e999",
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *text = malloc(strlen(rows[i]) + 6);
		const char *at = text, *bad = NULL;
		struct perfdata p = { 0 };
		size_t len = 0;

		assert_non_null(text);
		sprintf(text, "%s y=1", rows[i]);
		assert_int_equal(perfdata_next(&at, &p, &bad, &len), -EBADMSG);
		assert_int_equal(len, strcspn(rows[i], " "));
		assert_memory_equal(bad, rows[i], len);
		/* What follows is read all the same. */
		if (!strchr(rows[i], ' ')) {
			assert_int_equal(perfdata_next(&at, &p, &bad, &len), 1);
			assert_string_equal(p.label, "y");
			perfdata_free(&p);
		}
	}
}

static void goes_on_behind_each(void **state)
{
	const char *text = "a=1s;;;; 'b c'=2%\nd=3\t\r\n e=4",
		   *bad, *const names[] = { "a", "b c", "d", "e" };
	size_t len;

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_perfdata_ struct perfdata p = { 0 };

		assert_int_equal(perfdata_next(&text, &p, &bad, &len), 1);
		assert_string_equal(p.label, names[i]);
		assert_true(p.value == (double)i + 1);
	}
	assert_string_equal(text, "");
}

/* The table of the guidelines. */
static void reads_ranges(void **state)
{
	static const struct {
		const char *text;
		double start, end;
		bool is_inside;
		double value, limit;
		bool is_upper;
	} rows[] = {
		{ "10", 0, 10, false, 1, 10, true },
		{ "10:", 10, INFINITY, false, 50, 10, false },
		{ "~:10", -INFINITY, 10, false, 5, 10, true },
		{ "10:20", 10, 20, false, 11, 10, false },
		{ "10:20", 10, 20, false, 19, 20, false },
		{ "@10:20", 10, 20, true, 25, 20, false },
		{ "@10", 0, 10, true, 25, 10, false },
		{ "0:", 0, INFINITY, false, 5, 0, false },
		{ "-5:5", -5, 5, false, -4, -5, false },
		{ ":7", 0, 7, false, 4, 7, true },
		{ "~:", -INFINITY, INFINITY, false, 4, NAN, false },
		{ "0.5:1.5e3", 0.5, 1500, false, 0, 0.5, false },
	};
	struct perfdata_range range;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_int_equal(perfdata_parse_range(rows[i].text, &range), 0);
		assert_string_equal(range.text, rows[i].text);
		check_number(range.start, rows[i].start);
		check_number(range.end, rows[i].end);
		assert_int_equal(range.is_inside, rows[i].is_inside);
		check_number(perfdata_range_limit(&range, rows[i].value), rows[i].limit);
		assert_int_equal(perfdata_range_is_upper_limit(&range), rows[i].is_upper);
	}
	static const char *const wrong[] = { "", ":", "@", "@:", "~", "20:10", "a", "1:b", "1:2:3", "~10",
		"1 ", "1%", "1111111111111111111111111111111111111111111111111111111111111111111" };
	for (size_t i = 0; i < ELEMENTS(wrong); i++)
		assert_int_equal(perfdata_parse_range(wrong[i], &range), -EINVAL);
}

static void splits_output(void **state)
{
	static const struct {
		const char *output, *text, *lines, *first, *more;
	} rows[] = {
		{ "", "", "", "", "" },
		{ "OK", "OK", "", "", "" },
		{ "OK \r\n", "OK", "", "", "" },
		{ "OK | a=1\n", "OK", "", " a=1", "" },
		{ "OK | a=1\nlong 1\nlong 2 | b=2\nc=3\n", "OK", "long 1\nlong 2", " a=1", " b=2\nc=3\n" },
		{ "OK\nlong\n", "OK", "long", "", "" },
		{ "OK\n\n | b=2|", "OK", "", "", " b=2|" },
		{ "|", "", "", "", "" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *output = strdup(rows[i].output);
		struct perfdata_output o;

		perfdata_split(output, &o);
		assert_string_equal(o.text, rows[i].text);
		assert_string_equal(o.lines, rows[i].lines);
		assert_string_equal(o.first, rows[i].first);
		assert_string_equal(o.more, rows[i].more);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),
		cmocka_unit_test(refuses_others),
		cmocka_unit_test(goes_on_behind_each),
		cmocka_unit_test(reads_ranges),
		cmocka_unit_test(splits_output),
	};

	return cmocka_run_group_tests_name("perfdata", tests, NULL, NULL);
}
