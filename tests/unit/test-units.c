/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clock.h"
#include "test.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void parses_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t usec;
	} good[] = {
		{ "0", 0 }, { "90", 90 * USEC_PER_SEC }, { "90s", 90 * USEC_PER_SEC }, { " 5 m ", 5 * USEC_PER_MINUTE },
		{ "1h 30m", 90 * USEC_PER_MINUTE }, { "1.5h", 90 * USEC_PER_MINUTE }, { "2d", 2 * USEC_PER_DAY },
		{ "1w", 7 * USEC_PER_DAY }, { "250ms", 250 * USEC_PER_MSEC }, { "1h30m", 90 * USEC_PER_MINUTE },
	};
	static const char *const bad[] = { "", " ", "s", "5x", "-5s", "5 s m", "1e3", "0x10", "inf", "5mm", "." };
	int64_t usec = 42;

	for (size_t i = 0; i < ELEMENTS(good); i++) {
		assert_int_equal(parse_duration(good[i].text, &usec), 0);
		assert_int_equal(usec, good[i].usec);
	}
	usec = 42;
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_int_equal(parse_duration(bad[i], &usec), -EINVAL);
	assert_int_equal(parse_duration("99999999999999w", &usec), -ERANGE);
	assert_int_equal(usec, 42);
}

static void knows_ip_addresses(void **state)
{
	static const char *const good[] = { "127.0.0.1", "192.0.2.7", "::1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0" };
	static const char *const bad[] = { "", "1", "127.1", "127.0.0.1%lo", "[::1]", "fe80::1%", "fe80::1%a b", "eth0",
		"256.0.0.1", "127.0.0.1 ", "::1\n", "fe80::1%abcdefghijklmnopq", "mail.example.org",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };

	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(is_ip_address(good[i]));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(is_ip_address(bad[i]));
}

static void parses_sizes(void **state)
{
	int64_t bytes = 42;

	assert_int_equal(parse_size("10G", &bytes), 0);
	assert_int_equal(bytes, 10LL << 30);
	assert_int_equal(parse_size("1.5 MiB", &bytes), 0);
	assert_int_equal(bytes, 3LL << 19);
	assert_int_equal(parse_size("123", &bytes), 0);
	assert_int_equal(bytes, 123);
	assert_int_equal(parse_size("10X", &bytes), -EINVAL);
	assert_int_equal(parse_size("10%", &bytes), -EINVAL);
	assert_int_equal(parse_size("99999999P", &bytes), -ERANGE);
	assert_int_equal(bytes, 123);
}

static void parses_percentages(void **state)
{
	double percent = 0;

	assert_int_equal(parse_percent("99.5 %", &percent), 0);
	assert_true(percent > 99.49 && percent < 99.51);
	assert_int_equal(parse_percent("90", &percent), -EINVAL);
	assert_int_equal(parse_percent("%", &percent), -EINVAL);
	assert_int_equal(parse_percent("-1%", &percent), -EINVAL);
}

static void parses_numbers(void **state)
{
	int64_t value;
	double number;

	assert_int_equal(parse_int("-12", &value), 0);
	assert_int_equal(value, -12);
	assert_int_equal(parse_int("12 3", &value), -EINVAL);
	assert_int_equal(parse_int("", &value), -EINVAL);
	assert_int_equal(parse_int("99999999999999999999", &value), -ERANGE);
	assert_int_equal(parse_number("-0.5", &number), 0);
	assert_true(number == -0.5);
	assert_int_equal(parse_number("-1.7976931348623157e+308", &number), 0);
	assert_true(number == -1.7976931348623157e+308);
	assert_int_equal(parse_number("2.5E-3 ", &number), 0);
	assert_true(number == 2.5e-3);
	static const char *const bad[] = { "nan", "inf", "", ".", "e5", "1e", "1e+", "0x10", "1 2", "--1", "+1" };
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_int_equal(parse_number(bad[i], &number), -EINVAL);
	assert_int_equal(parse_number("1e999", &number), -ERANGE);
}

static void assert_duration(int64_t usec, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100);

	format_duration(&b, usec);
	assert_string_equal(buf_text(&b), expected);
}

static void formats_durations(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);

	assert_duration(0, "0 s");
	assert_duration(250 * USEC_PER_MSEC, "250 ms");
	assert_duration(45 * USEC_PER_SEC + 1, "45 s");
	assert_duration(USEC_PER_HOUR + 12 * USEC_PER_MINUTE + 5 * USEC_PER_SEC, "1 h 12 min");
	assert_duration(3 * USEC_PER_DAY, "3 d");
	format_duration_exact(&b, 90 * USEC_PER_MINUTE);
	assert_string_equal(buf_text(&b), "1h30m");
}

static void formats_sizes(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.00 KiB" }, { 10LL << 30, "10.0 GiB" },
		{ 1023LL << 20, "1023 MiB" }, { (1LL << 30) - 1, "1.00 GiB" },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(100);

		format_size(&b, cases[i].bytes);
		assert_string_equal(buf_text(&b), cases[i].text);
	}
}

static void formats_times(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);

	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	format_time(&b, INT64_C(1700000000123456));
	assert_string_equal(buf_text(&b), "2023-11-15 06:13:20 +0800");
	buf_clear(&b);
	format_clock(&b, INT64_C(1700000000123456), INT64_C(1700000000123456) + USEC_PER_HOUR);
	assert_string_equal(buf_text(&b), "06:13");
	buf_clear(&b);
	format_clock(&b, INT64_C(1700000000123456), INT64_C(1700000000123456) + USEC_PER_DAY);
	assert_string_equal(buf_text(&b), "2023-11-15 06:13");
	buf_clear(&b);
	format_time_rfc3339(&b, INT64_C(1700000000123456));
	assert_string_equal(buf_text(&b), "2023-11-15T06:13:20.123456+08:00");
}

static void reads_times_back(void **state)
{
	static const struct {
		const char *text;
		int64_t usec;
	} good[] = {
		{ "2023-11-15T06:13:20.123456+08:00", INT64_C(1700000000123456) },
		{ "2023-11-14T22:13:20Z", INT64_C(1700000000000000) },
		{ "2023-11-14t22:13:20.5z", INT64_C(1700000000500000) },
		{ "2023-11-14 17:43:20.1234567891-04:30", INT64_C(1700000000123456) },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000000) }, /* a leap second */
	};
	static const char *const bad[] = {
		"", "2023", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+0800",
		"2023-11-14T22:13:20+08:00x", "2023-11-14T22:13Z", "2023-13-14T22:13:20Z", "2023-00-14T22:13:20Z",
		"2023-11-32T22:13:20Z", "2023-11-00T22:13:20Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z",
		"2023-11-14T22:13:61Z", "2023-11-14T22:13:20+24:00", "+023-11-14T22:13:20Z", "2023-1-14T22:13:20Z", " 2023-11-14T22:13:20Z",
	};
	int64_t usec = 7;

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (parse_time_rfc3339(bad[i], &usec) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(usec, 7);
	for (size_t i = 0; i < ELEMENTS(good); i++) {
		assert_int_equal(parse_time_rfc3339(good[i].text, &usec), 0);
		assert_int_equal(usec, good[i].usec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_durations),
		cmocka_unit_test(knows_ip_addresses),
		cmocka_unit_test(parses_sizes),
		cmocka_unit_test(parses_percentages),
		cmocka_unit_test(parses_numbers),
		cmocka_unit_test(formats_durations),
		cmocka_unit_test(formats_sizes),
		cmocka_unit_test(formats_times),
		cmocka_unit_test(reads_times_back),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
