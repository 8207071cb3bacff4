/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "prometheus.h"
#include "test.h"

#include <math.h>

#define ASSERT_SAMPLE(expected, value, ...)                                                                 \
	do {                                                                                                 \
		_cleanup_buf_ struct buf b_ = BUF(1000);                                                     \
		prometheus_sample(&b_, "x", __VA_ARGS__, value);                                             \
		assert_string_equal(buf_text(&b_), expected);                                                \
	} while (0)

static void writes_families(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	prometheus_family(&b, "x", "gauge", "What it is.");
	prometheus_sample(&b, "x", NULL, 0, 1);
	assert_string_equal(buf_text(&b), "# HELP x What it is.\n# TYPE x gauge\nx 1\n");
}

static void writes_values_that_are_read_back(void **state)
{
	ASSERT_SAMPLE("x 0\n", 0, NULL, 0);
	ASSERT_SAMPLE("x -0.5\n", -0.5, NULL, 0);
	ASSERT_SAMPLE("x 1764100000.123\n", 1764100000.123, NULL, 0);
	ASSERT_SAMPLE("x 1e+300\n", 1e300, NULL, 0);
	ASSERT_SAMPLE("x +Inf\n", INFINITY, NULL, 0);
	ASSERT_SAMPLE("x -Inf\n", -INFINITY, NULL, 0);
	ASSERT_SAMPLE("", NAN, NULL, 0);
}

static void escapes_labels(void **state)
{
	ASSERT_SAMPLE("x{a=\"1\",b=\"\"} 1\n", 1, PROMETHEUS_LABELS({ "a", "1" }, { "b", "" }));
	ASSERT_SAMPLE("x{a=\"\\\"} 1\\n\\\\n\"} 1\n", 1, PROMETHEUS_LABELS({ "a", "\"} 1\n\\n" }));
	ASSERT_SAMPLE("x{a=\"盘\"} 1\n", 1, PROMETHEUS_LABELS({ "a", "盘" }));
	ASSERT_SAMPLE("", 1, PROMETHEUS_LABELS({ "a", "\xff" }, { "b", "" }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_families),
		cmocka_unit_test(writes_values_that_are_read_back),
		cmocka_unit_test(escapes_labels),
	};

	return cmocka_run_group_tests_name("prometheus", tests, NULL, NULL);
}
