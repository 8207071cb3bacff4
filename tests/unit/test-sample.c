/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../support/random.h"
#include "../support/torture.h"
#include "sample.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HOUR (INT64_C(1700000000) * USEC_PER_SEC / USEC_PER_HOUR * USEC_PER_HOUR)
#define MINUTE USEC_PER_MINUTE

static void assert_bucket(const struct sample_bucket *b, int64_t count, double min, double mean, double max, double last)
{
	assert_int_equal(b->count, count);
	assert_true(b->min == min && b->max == max && b->last == last);
	assert_true(fabs(b->mean - mean) <= 1e-6 * fabs(mean));
}

static void assert_text(const struct sample_hour *hour, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(4000);

	sample_format(&b, hour);
	assert_string_equal(buf_text(&b), expected);
}

static void summarises_what_it_gets(void **state)
{
	struct sample_bucket b = { 0 }, other = { 0 };

	sample_merge(&b, &other);
	assert_int_equal(b.count, 0);
	sample_add(&b, 5);
	assert_bucket(&b, 1, 5, 5, 5, 5);
	sample_add(&b, -1);
	sample_add(&b, 2);
	assert_bucket(&b, 3, -1, 2, 5, 2);
	sample_add(&other, 10);
	sample_merge(&b, &other);
	assert_bucket(&b, 4, -1, 4, 10, 10);
	other = (struct sample_bucket){ 0 };
	sample_merge(&b, &other); /* nothing was measured: nothing changes */
	assert_bucket(&b, 4, -1, 4, 10, 10);
}

static void does_not_overflow(void **state)
{
	struct sample_bucket b = { 0 };

	sample_add(&b, 1.7e308);
	sample_add(&b, 1.7e308);
	sample_add(&b, -1.7e308);
	assert_true(isfinite(b.mean) && b.mean > 5e307);
}

static void puts_values_where_they_belong(void **state)
{
	struct sample_set set = { 0 };

	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", 40, HOUR), 0);
	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", 42, HOUR + 5 * MINUTE - 1), 0);
	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", 43, HOUR + 5 * MINUTE), 0);
	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", 50, HOUR + 60 * MINUTE - 1), 0);
	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", NAN, HOUR), 0);
	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", INFINITY, HOUR), 0);
	assert_int_equal(sample_set_add(&set, "disk", "/", "used", "%", 1, 0), 0); /* a clock that was never set */
	const struct sample_series *s = sample_set_find(&set, "disk", "/", "used");
	assert_int_equal(s->hours[0].hour_usec, HOUR);
	assert_true(s->hours[0].is_changed);
	assert_text(&s->hours[0], "2:40,41,42,42;1:43;;;;;;;;;;1:50");
	assert_int_equal(set.n, 1);
	assert_null(sample_set_find(&set, "disk", "/", "free"));
	sample_set_free(&set);
}

static void keeps_the_last_hours(void **state)
{
	struct sample_set set = { 0 };

	for (int h = 0; h < 5; h++)
		sample_set_add(&set, "c", "i", "m", "", h, HOUR + h * USEC_PER_HOUR);
	const struct sample_series *s = sample_set_find(&set, "c", "i", "m");
	int64_t sum = 0;
	for (size_t i = 0; i < SAMPLE_HOURS; i++)
		sum += (s->hours[i].hour_usec - HOUR) / USEC_PER_HOUR;
	assert_int_equal(sum, 2 + 3 + 4);
	/* The clock is set back by a year: it goes on there. */
	int64_t before = HOUR - 365 * USEC_PER_DAY;
	sample_set_add(&set, "c", "i", "m", "", 7, before);
	sample_set_add(&set, "c", "i", "m", "", 8, before + USEC_PER_HOUR - 1);
	bool is_found = false;
	for (size_t i = 0; i < SAMPLE_HOURS; i++)
		if (s->hours[i].hour_usec == before) {
			is_found = true;
			assert_text(&s->hours[i], "1:7;;;;;;;;;;;1:8");
		}
	assert_true(is_found);
	sample_set_free(&set);
}

static void finds_each_of_many(void **state)
{
	struct sample_set set = { 0 };
	char name[16];

	for (int i = 0; i < SAMPLE_SERIES_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i * 7919 % SAMPLE_SERIES_MAX);
		assert_int_equal(sample_set_add(&set, i % 2 ? "a" : "b", name, "m", "", i, HOUR), 0);
	}
	for (int i = 0; i < SAMPLE_SERIES_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i * 7919 % SAMPLE_SERIES_MAX);
		assert_true(sample_set_find(&set, i % 2 ? "a" : "b", name, "m")->hours[0].buckets[0].last == i);
		assert_null(sample_set_find(&set, i % 2 ? "b" : "a", name, "m"));
	}
	assert_int_equal(sample_set_add(&set, "c", "1", "m", "", 1, HOUR), -ENOSPC);
	assert_int_equal(set.n_refused, 1);
	assert_int_equal(sample_set_add(&set, "b", "0", "m", "s", 1, HOUR), 0); /* those that are there go on, in new units too */
	assert_string_equal(sample_set_find(&set, "b", "0", "m")->unit, "s");
	sample_set_free(&set);
}

static void forgets_what_has_no_more_values(void **state)
{
	struct sample_set set = { 0 };
	struct sample_hour stored = { .hour_usec = HOUR };

	sample_set_add(&set, "old", "i", "m", "", 1, HOUR);
	sample_set_add(&set, "unsaved", "i", "m", "", 1, HOUR);
	sample_set_add(&set, "new", "i", "m", "", 1, HOUR + 90 * MINUTE);
	sample_set_restore(&set, "restored", "i", "m", "", &stored);
	sample_set_find(&set, "old", "i", "m")->hours[0].is_changed = false;
	sample_set_find(&set, "new", "i", "m")->hours[0].is_changed = false;
	sample_set_forget(&set, HOUR + 30 * MINUTE, HOUR + 30 * MINUTE);
	assert_null(sample_set_find(&set, "old", "i", "m"));
	assert_non_null(sample_set_find(&set, "unsaved", "i", "m"));
	assert_non_null(sample_set_find(&set, "new", "i", "m"));
	assert_non_null(sample_set_find(&set, "restored", "i", "m"));
	sample_set_forget(&set, HOUR + 61 * MINUTE, HOUR + 61 * MINUTE);
	assert_null(sample_set_find(&set, "restored", "i", "m"));
	assert_int_equal(set.n, 2);
	sample_set_free(&set);
}

/* A start goes on in the hour that an earlier run began. */
static void goes_on_with_a_stored_hour(void **state)
{
	struct sample_set set = { 0 };
	struct sample_hour stored;

	assert_int_equal(sample_parse("1:10;1:20;1:30", HOUR, &stored), 0);
	sample_set_add(&set, "c", "i", "m", "", 99, HOUR + 7 * MINUTE); /* before the file answered */
	assert_int_equal(sample_set_restore(&set, "c", "i", "m", "", &stored), 0);
	sample_set_add(&set, "c", "i", "m", "", 40, HOUR + 10 * MINUTE);
	assert_text(&sample_set_find(&set, "c", "i", "m")->hours[0], "1:10;1:99;2:30,35,40,40");
	sample_set_free(&set);
}

static void reads_what_it_writes(void **state)
{
	struct random random = { 7 };

	for (int round = 0; round < 2000; round++) {
		struct sample_hour hour = { .hour_usec = HOUR }, back;
		_cleanup_buf_ struct buf text = BUF(4000), again = BUF(4000);

		for (size_t i = 0; i < SAMPLE_BUCKETS; i++)
			for (int64_t n = random_below(&random, 4); n > 0; n--) {
				double value = ((double)random_below(&random, 2000000) - 1e6) * pow(10, (double)random_below(&random, 20) - 8);

				sample_add(&hour.buckets[i], value);
			}
		sample_format(&text, &hour);
		assert_int_equal(sample_parse(buf_text(&text), HOUR, &back), 0);
		sample_format(&again, &back);
		assert_string_equal(buf_text(&again), buf_text(&text));
		for (size_t i = 0; i < SAMPLE_BUCKETS; i++) {
			assert_int_equal(back.buckets[i].count, hour.buckets[i].count);
			assert_true(hour.buckets[i].count == 0 ||
				fabs(back.buckets[i].last - hour.buckets[i].last) <= 1e-5 * fabs(hour.buckets[i].last));
		}
	}
}

static void refuses_what_it_does_not_write(void **state)
{
	static const char *const bad[] = {
		"1", ":1", "1:", "0:1", "-1:1", "1:x", "1:1,2", "1:1,2,3", "1:1,2,3,4,5", "1:1,2,3,", "1:nan", "1:inf", "x:1",
		"9999999999999:1", "1:1;;;;;;;;;;;;1:1",
	};
	struct sample_hour hour = { .hour_usec = 5 };

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (sample_parse(bad[i], HOUR, &hour) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(hour.hour_usec, 5);
	assert_int_equal(sample_parse("", HOUR, &hour), 0);
	assert_int_equal(hour.hour_usec, HOUR);
	assert_text(&hour, "");
}

static void draws_charts(void **state)
{
	struct sample_bucket points[6] = { 0 };
	struct sample_hour hours[2];

	sample_parse("1:1;1:2;1:3;;;;;;;;1:11;1:12", HOUR, &hours[0]);
	sample_parse("1:21;;1:23", HOUR + USEC_PER_HOUR, &hours[1]);
	for (size_t i = 0; i < 2; i++)
		sample_chart(points, ELEMENTS(points), HOUR + 10 * MINUTE, 15 * MINUTE, &hours[i]);
	assert_bucket(&points[0], 1, 3, 3, 3, 3); /* what was before the beginning is no part of it */
	assert_int_equal(points[1].count, 0);
	assert_bucket(&points[2], 1, 11, 11, 11, 11);
	assert_bucket(&points[3], 2, 12, 16.5, 21, 21); /* the last bucket of one hour and the first of the next */
	assert_bucket(&points[4], 1, 23, 23, 23, 23);
	assert_int_equal(points[5].count, 0);
}

static void survives_without_memory(void **state)
{
	struct sample_hour stored = { .hour_usec = HOUR };

	for (int n = 1, r = -ENOMEM; r < 0; n++) {
		struct sample_set set = { 0 };

		torture_left = n;
		r = sample_set_add(&set, "c", "i", "m", "", 1, HOUR);
		if (r == 0)
			r = sample_set_add(&set, "c", "i", "m", "%", 1, HOUR);
		if (r == 0)
			r = sample_parse("1:1", HOUR, &stored);
		if (r == 0)
			r = sample_set_restore(&set, "d", "i", "m", "", &stored);
		torture_left = 0;
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(n < 30);
		sample_set_free(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summarises_what_it_gets), cmocka_unit_test(does_not_overflow),
		cmocka_unit_test(puts_values_where_they_belong), cmocka_unit_test(keeps_the_last_hours),
		cmocka_unit_test(finds_each_of_many), cmocka_unit_test(forgets_what_has_no_more_values),
		cmocka_unit_test(goes_on_with_a_stored_hour), cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(refuses_what_it_does_not_write), cmocka_unit_test(draws_charts),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
