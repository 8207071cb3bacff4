/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "smart-json.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HEAD "{\"smartctl\": {\"exit_status\": 0}, "

static int scan(const char *text, struct smart_scan *ret)
{
	return smart_scan_parse(text, strlen(text), ret);
}

static int health(const char *text, struct smart_health *ret)
{
	return smart_health_parse(text, strlen(text), ret);
}

static void reads_a_scan(void **state)
{
	_cleanup_smart_scan_ struct smart_scan s = { 0 };

	assert_int_equal(
		scan(HEAD "\"devices\": [{\"name\": \"/dev/sda\", \"type\": \"sat\"}, {\"type\": \"x\"}, 3, "
			  "{\"name\": \"/dev/bus/0\", \"type\": \"megaraid,3\", \"open_error\": \"no\"}]}",
			&s),
		0);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.devices[0].name, "/dev/sda");
	assert_string_equal(s.devices[0].error, "");
	assert_string_equal(s.devices[1].type, "megaraid,3");
	assert_string_equal(s.devices[1].error, "no");
}

static void a_scan_may_find_nothing(void **state)
{
	_cleanup_smart_scan_ struct smart_scan s = { 0 };

	assert_int_equal(scan("{\"smartctl\": {\"exit_status\": 0}}", &s), 0);
	assert_int_equal(s.n, 0);
}

static void does_not_invent_numbers(void **state)
{
	_cleanup_smart_health_ struct smart_health h = { 0 };

	assert_int_equal(health(HEAD "\"model_name\": \"X\"}", &h), 0);
	for (size_t i = 0; i < SMART_NUMBERS; i++)
		assert_true(isnan(h.number[i]));
	assert_false(h.has_verdict || h.is_unsupported || h.is_disabled);
	assert_int_equal(h.failure, SMART_FAILS_NOT);
	assert_string_equal(h.table, "");
}

static void takes_the_worst_attribute(void **state)
{
	_cleanup_smart_health_ struct smart_health h = { 0 };

	assert_int_equal(health(HEAD "\"ata_smart_attributes\": {\"table\": ["
				     "{\"id\": 1, \"name\": \"past\", \"when_failed\": \"past\", \"flags\": "
				     "{\"prefailure\": true}},"
				     "{\"id\": 2, \"name\": \"old\", \"when_failed\": \"now\", \"flags\": "
				     "{\"prefailure\": false}},"
				     "{\"id\": 3, \"name\": \"soon\", \"when_failed\": \"now\", \"flags\": "
				     "{\"prefailure\": true}},"
				     "{\"id\": 4, \"name\": \"later\", \"when_failed\": \"now\", \"flags\": "
				     "{\"prefailure\": false}}]}}",
				 &h),
		0);
	assert_int_equal(h.failure, SMART_FAILS_SOON);
	assert_string_equal(h.failing, "soon");
}

static void reads_the_first_error(void **state)
{
	_cleanup_smart_health_ struct smart_health h = { 0 };

	assert_int_equal(health("{\"smartctl\": {\"exit_status\": 2, \"messages\": [{\"string\": \"by the "
				"way\", \"severity\": "
				"\"information\"}, {\"string\": \"denied\", \"severity\": \"error\"}, "
				"{\"string\": \"more\", "
				"\"severity\": \"error\"}]}}",
				 &h),
		0);
	assert_int_equal(h.exit_status, 2);
	assert_string_equal(h.message, "denied");
}

static void refuses_other_texts(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{}", "null", "{\"smartctl\": 1}",
		"{\"smartctl\": {}}", "{\"smartctl\": {\"exit_status\": \"0\"}}",
		"{\"smartctl\": {\"exit_status\": 0}} more" };

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct smart_health h = { 0 };
		struct smart_scan s = { 0 };

		assert_int_equal(health(texts[i], &h), -EBADMSG);
		assert_int_equal(scan(texts[i], &s), -EBADMSG);
		assert_null(h.table);
		assert_null(s.devices);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_scan),
		cmocka_unit_test(a_scan_may_find_nothing),
		cmocka_unit_test(does_not_invent_numbers),
		cmocka_unit_test(takes_the_worst_attribute),
		cmocka_unit_test(reads_the_first_error),
		cmocka_unit_test(refuses_other_texts),
	};

	return cmocka_run_group_tests_name("smart-json", tests, NULL, NULL);
}
