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

#define ATTRIBUTE(id, name, raw) "{\"id\": " #id ", \"name\": \"" name "\", \"raw\": {\"value\": " #raw "}}"
#define TABLE(rows) HEAD "\"ata_smart_attributes\": {\"table\": [" rows "]}}"

static void counts_only_what_the_name_says(void **state)
{
	_cleanup_smart_health_ struct smart_health usual = { 0 }, odd = { 0 }, nameless = { 0 };

	assert_int_equal(
		health(TABLE(ATTRIBUTE(5, "Retired_Block_Count", 1) ", " ATTRIBUTE(187, "Reported_UE_Counts",
			       2) ", " ATTRIBUTE(197, "Total_Pending_Sectors", 3) ", " ATTRIBUTE(198,
			       "Offline_Scan_UNC_SectCt", 4) ", " ATTRIBUTE(199, "SATA_CRC_Error", 5)),
			&usual),
		0);
	assert_true(usual.number[SMART_REALLOCATED] == 1 && usual.number[SMART_REPORTED] == 2);
	assert_true(usual.number[SMART_PENDING] == 3 && usual.number[SMART_UNCORRECTABLE] == 4);
	assert_true(usual.number[SMART_CRC_ERRORS] == 5);
	assert_int_equal(
		health(TABLE(ATTRIBUTE(5, "Retried_Blk_Ct", 1) ", " ATTRIBUTE(187, "Unknown_JMF_Attribute",
			       2) ", " ATTRIBUTE(197, "Current_Pending_ECC_Cnt", 1) ", " ATTRIBUTE(198,
			       "Host_Reads_GiB", 4711) ", " ATTRIBUTE(199, "Write_Sectors_Tot_Ct", 123456)),
			&odd),
		0);
	for (size_t i = 0; i < SMART_NUMBERS; i++)
		assert_true(isnan(odd.number[i]));
	assert_non_null(strstr(odd.table, "Host_Reads_GiB"));
	assert_int_equal(health(TABLE(ATTRIBUTE(5, "Unknown_SSD_Attribute", 7)), &nameless), 0);
	assert_true(nameless.number[SMART_REALLOCATED] == 7);
}

static void knows_the_self_tests_of_all_kinds(void **state)
{
	static const struct {
		const char *text, *failure;
	} cases[] = {
		{ "\"scsi_self_test_0\": {\"result\": {\"value\": 7, \"string\": \"Failed in segment\"}}",
			"Failed in segment" },
		{ "\"scsi_self_test_0\": {\"result\": {\"value\": 0, \"string\": \"Completed\"}}, "
		  "\"scsi_self_test_1\": {\"result\": {\"value\": 7, \"string\": \"Failed in segment\"}}",
			"" },
		{ "\"scsi_self_test_0\": {\"result\": {\"value\": 1, \"string\": \"Aborted (by user "
		  "command)\"}}",
			"" },
		{ "\"nvme_self_test_log\": {\"table\": [null, {\"self_test_result\": {\"value\": 6, "
		  "\"string\": \"Completed: "
		  "unknown failed segment\"}}]}",
			"Completed: unknown failed segment" },
		{ "\"nvme_self_test_log\": {\"table\": [{\"self_test_result\": {\"value\": 2, \"string\": "
		  "\"Aborted: Controller "
		  "Reset\"}}]}",
			"" },
		{ "\"nvme_self_test_log\": {\"table\": [null]}", "" },
		{ "\"scsi_self_test_0\": 3, \"nvme_self_test_log\": []", "" },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_smart_health_ struct smart_health h = { 0 };
		char text[512];

		snprintf(text, sizeof(text), HEAD "%s}", cases[i].text);
		assert_int_equal(health(text, &h), 0);
		assert_string_equal(h.self_test, cases[i].failure);
	}
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
		cmocka_unit_test(counts_only_what_the_name_says),
		cmocka_unit_test(knows_the_self_tests_of_all_kinds),
		cmocka_unit_test(takes_the_worst_attribute),
		cmocka_unit_test(reads_the_first_error),
		cmocka_unit_test(refuses_other_texts),
	};

	return cmocka_run_group_tests_name("smart-json", tests, NULL, NULL);
}
