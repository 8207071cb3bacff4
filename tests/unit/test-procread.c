/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "procread.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static FILE *file_of(const char *text)
{
	return fmemopen((void *)text, strlen(text), "r");
}

static void reads_counters(void **state)
{
	struct counter c[] = { { "MemTotal", 0 }, { "oom_kill", 0 }, { "Mem", 0 }, { "HugePages_Total", 0 },
		{ "Negative", 0 }, { "Word", 0 }, { "Big", 0 } };
	_cleanup_fclose_ FILE *file =
		file_of("MemTotal:       2048 kB\noom_kill 7\nHugePages_Total:       3\n"
			"Negative: -1 kB\nWord: 12x kB\nBig: 99999999999999999999999 kB\n:\n\n  \n");

	assert_int_equal(counters_read(file, c, ELEMENTS(c)), 0);
	assert_true(c[0].value == 2048 * 1024);
	assert_true(c[1].value == 7);
	assert_true(isnan(c[2].value));
	assert_true(c[3].value == 3);
	for (size_t i = 4; i < ELEMENTS(c); i++)
		assert_true(isnan(c[i].value));
}

static void finds_no_counters(void **state)
{
	const char *const texts[] = { "\n", "MemTotal:\n", "MemTotal: kB\n", "memtotal: 1 kB\n",
		"MemTotal : 1\n", "x" };

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_fclose_ FILE *file = file_of(texts[i]);
		struct counter c = { "MemTotal", 5 };

		assert_int_equal(counters_read(file, &c, 1), -EBADMSG);
	}
}

static void reads_pressure(void **state)
{
	_cleanup_fclose_ FILE *both = file_of("some avg10=1.50 avg60=2.25 avg300=100.00 total=12345678901\n"
					      "full avg10=0.00 avg60=0.50 avg300=0.00 total=7\n");
	_cleanup_fclose_ FILE *one =
		file_of("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nodd avg10=1 avg60=1 "
			"avg300=1 total=1\n");
	struct pressure p;

	assert_int_equal(pressure_read(both, &p), 0);
	assert_true(p.some.is_known && p.some.average[0] == 1.5 && p.some.average[2] == 100);
	assert_true(p.some.total_usec == 12345678901.0);
	assert_true(p.full.is_known && p.full.average[1] == 0.5);
	assert_int_equal(pressure_read(one, &p), 0);
	assert_true(p.some.is_known && !p.full.is_known);
}

static void refuses_other_pressure(void **state)
{
	const char *const texts[] = {
		"\n",
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00\n",
		"some avg10=-1.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=nan avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=101 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=inf\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\ngarbage\n",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_fclose_ FILE *file = file_of(texts[i]);
		struct pressure p = { .some.total_usec = 42 };

		assert_int_equal(pressure_read(file, &p), -EBADMSG);
		assert_true(p.some.total_usec == 42);
	}
}

static void reads_cpu_times(void **state)
{
	_cleanup_fclose_ FILE *file =
		file_of("cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4\ncpu1 1 2 3 4\n"
			"cpufreq 1\nintr 5 4 3\nbtime 1700000000\n");
	_cleanup_fclose_ FILE *early = file_of("cpu  10 20 30 40\ncpu0 1 2 3 4\n");
	struct cpu_times t;

	assert_int_equal(cpu_times_read(file, &t), 0);
	for (size_t i = 0; i < CPU_TIMES; i++)
		assert_true(t.ticks[i] == 10.0 * (double)(i + 1));
	assert_int_equal(t.processors, 2);
	assert_true(t.boot_seconds == 1700000000);
	assert_int_equal(cpu_times_read(early, &t), 0);
	assert_true(t.ticks[CPU_IDLE] == 40 && t.ticks[CPU_STEAL] == 0 && t.boot_seconds == 0);
}

static void refuses_other_cpu_times(void **state)
{
	const char *const texts[] = {
		"\n",
		"cpu  10 20 30\ncpu0 1\n",
		"cpu  10 20 30 40\n",
		"cpu0 1 2 3 4\n",
		"cpu  10 20 x 40\ncpu0 1\n",
		"cpu  10 20 30 -4\ncpu0 1\n",
		"cpu  1 2 3 4\ncpu  1 2 3 4\ncpu0 1\n",
		"cpu  1 2 3 4\ncpu0 1\nbtime soon\n",
		"cpu  1 2 3 99999999999999999999999\ncpu0 1\n",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_fclose_ FILE *file = file_of(texts[i]);
		struct cpu_times t = { .processors = 42 };

		assert_int_equal(cpu_times_read(file, &t), -EBADMSG);
		assert_int_equal(t.processors, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_counters),
		cmocka_unit_test(finds_no_counters),
		cmocka_unit_test(reads_pressure),
		cmocka_unit_test(refuses_other_pressure),
		cmocka_unit_test(reads_cpu_times),
		cmocka_unit_test(refuses_other_cpu_times),
	};

	return cmocka_run_group_tests_name("procread", tests, NULL, NULL);
}
