/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../support/random.h"
#include "test.h"
#include "trend.h"

#include <math.h>

#define NOW INT64_C(1795435445000000)

static struct trend *new_trend(void **state)
{
	*state = malloc(sizeof(struct trend));
	trend_init(*state);
	return *state;
}

static int setup(void **state)
{
	return new_trend(state) ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void shows_a_day_and_a_week(void **state)
{
	struct trend *t = *state;
	struct trend_view v;

	for (int minute = 8 * 1440; minute >= 0; minute--)
		trend_add(t, minute % 5, NOW - minute * USEC_PER_MINUTE);
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, TREND_DAY);
	assert_true(v.since_usec + (int64_t)v.n * v.step_usec > NOW && v.since_usec + (int64_t)(v.n - 1) * v.step_usec <= NOW);
	for (size_t i = 0; i + 1 < v.n; i++) { /* the last one has just begun */
		assert_true(v.points[i].min == 0 && v.points[i].max == 4);
		assert_true(fabs(v.points[i].mean - 2.0F) < 1e-4);
	}
	trend_week(t, NOW, &v);
	assert_int_equal(v.n_measured, TREND_WEEK);
	assert_true(fabs(v.points[7].mean - 2.0F) < 1e-4);
}

static void leaves_gaps(void **state)
{
	struct trend *t = *state;
	struct trend_view v;

	trend_add(t, 1, NOW - 20 * USEC_PER_HOUR);
	trend_add(t, 3, NOW - 2 * USEC_PER_HOUR);
	trend_add(t, NAN, NOW - USEC_PER_HOUR);
	trend_add(t, 1e300, NOW - USEC_PER_HOUR);
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, 2);
	assert_true(v.last == 3);
	trend_day(t, NOW + 5 * USEC_PER_HOUR, &v);
	assert_int_equal(v.n_measured, 1);
	trend_day(t, NOW + 50 * USEC_PER_HOUR, &v);
	assert_int_equal(v.n_measured, 0);
	assert_true(isnan(v.last));
	trend_week(t, NOW + 50 * USEC_PER_HOUR, &v);
	assert_int_equal(v.n_measured, 2);
}

static void begins_anew_when_the_clock_is_set_far_back(void **state)
{
	struct trend *t = *state;
	struct trend_view v;

	trend_add(t, 1, NOW);
	trend_add(t, 2, NOW - USEC_PER_HOUR); /* not far */
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, 2);
	trend_add(t, 5, NOW - 30 * USEC_PER_HOUR);
	trend_day(t, NOW - 30 * USEC_PER_HOUR, &v);
	assert_int_equal(v.n_measured, 1);
	assert_true(v.last == 5);
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, 0);
}

static void fills_gaps_from_what_was_stored(void **state)
{
	struct trend *t = *state;
	struct trend_view v;
	struct sample_hour hour = { .hour_usec = sample_hour_of(NOW) - 3 * USEC_PER_HOUR };

	sample_add(&hour.buckets[2], 10);
	sample_add(&hour.buckets[2], 20);
	sample_add(&hour.buckets[5], 30);
	trend_add(t, 7, hour.hour_usec + 26 * USEC_PER_MINUTE); /* in bucket 5 */
	trend_add(t, 8, NOW);
	trend_restore(t, &hour);
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, 3);
	size_t at = (size_t)((hour.hour_usec - v.since_usec) / v.step_usec);
	assert_true(v.points[at + 2].min == 10 && v.points[at + 2].mean == 15 && v.points[at + 2].max == 20);
	assert_true(v.points[at + 5].mean == 7);
	hour.hour_usec -= 48 * USEC_PER_HOUR;
	trend_restore(t, &hour);
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, 3);
	trend_week(t, NOW, &v);
	assert_int_equal(v.n_measured, 3);
	assert_true(v.points[TREND_WEEK - 1 - 51].mean == 20);
}

static void is_restored_before_anything_was_measured(void **state)
{
	struct trend *t = *state;
	struct trend_view v;

	for (int h = 0; h < 24; h++) { /* the newest first */
		struct sample_hour hour = { .hour_usec = sample_hour_of(NOW) - h * USEC_PER_HOUR };

		sample_add(&hour.buckets[0], h);
		trend_restore(t, &hour);
	}
	trend_day(t, NOW, &v);
	assert_int_equal(v.n_measured, 24);
	assert_true(v.last == 0);
}

static void knows_a_slope_from_noise(void **state)
{
	struct trend *t = *state;
	struct random random = { 7 };
	struct trend_view v;
	double slope;

	trend_day(t, NOW, &v);
	assert_false(trend_fit(&v, &slope));
	for (int minute = 1430; minute >= 0; minute--) /* 1 each minute, a great number, and noise */
		trend_add(t, 1e6 - minute + 20 * random_unit(&random), NOW - minute * USEC_PER_MINUTE);
	trend_day(t, NOW, &v);
	assert_true(trend_fit(&v, &slope));
	assert_true(fabs(slope * 60 - 1) < 0.01);

	trend_init(t);
	for (int minute = 1430; minute >= 0; minute--)
		trend_add(t, random_unit(&random), NOW - minute * USEC_PER_MINUTE);
	trend_day(t, NOW, &v);
	assert_false(trend_fit(&v, &slope));

	trend_init(t);
	for (int minute = 300; minute >= 0; minute--) /* too short a time to say anything */
		trend_add(t, -minute, NOW - minute * USEC_PER_MINUTE);
	trend_day(t, NOW, &v);
	assert_false(trend_fit(&v, &slope));

	trend_init(t);
	for (int minute = 1430; minute >= 0; minute--) /* does not move */
		trend_add(t, 5, NOW - minute * USEC_PER_MINUTE);
	trend_day(t, NOW, &v);
	assert_false(trend_fit(&v, &slope));
}

static void draws_a_sparkline(void **state)
{
	struct trend *t = *state;
	struct trend_view v;
	_cleanup_buf_ struct buf b = BUF(1000);

	for (int minute = 719; minute >= 0; minute--)
		trend_add(t, (719 - minute) / 90, NOW - minute * USEC_PER_MINUTE); /* 0 … 7 in twelve hours */
	trend_day(t, NOW, &v);
	trend_sparkline(&b, &v, 16, &(struct trend_range){ 0, 8 });
	assert_string_equal(buf_text(&b), "········▁▂▃▄▅▆▇█");
	buf_clear(&b);
	trend_sparkline(&b, &v, 16, &(struct trend_range){ 3, 5 });
	assert_string_equal(buf_text(&b), "········▁▁▁▁▅███");
}

static void chooses_a_range(void **state)
{
	static const struct {
		double least, greatest, warning, critical, max, low, high;
	} cases[] = {
		{ 10, 90, NAN, NAN, 100, 0, 90 },
		{ 86, 96, 80, 90, 100, 80, 96 }, /* the limits are shown, zero is far */
		{ 61, 61, 80, 90, 100, 61, 90 },
		{ 0.1, 0.5, 4, 8, NAN, 0, 0.5 }, /* limits are far */
		{ 40, 48, 10, 5, 100, 0, 48 },
		{ 0, 0, 4, NAN, NAN, 0, 4 },
		{ 0, 0, NAN, NAN, NAN, 0, 1 },
		{ 0, 0, NAN, NAN, 100, 0, 1 },
		{ -5, 3, NAN, NAN, NAN, -5, 3 },
		{ 1, 1, NAN, NAN, NAN, 0, 2 }, /* it never changed */
		{ 42, 42, NAN, NAN, 100, 0, 100 },
		{ 100, 100, NAN, NAN, 100, 0, 100 },
		{ 95, 95, NAN, NAN, 4194304, 0, 190 }, /* the greatest possible is far */
		{ 7, 7, NAN, NAN, 5, 0, 14 }, /* and wrong */
		{ -3, -3, NAN, NAN, NAN, -6, 0 },
		{ 100, 101, NAN, NAN, NAN, 0, 202 }, /* noise */
		{ 100, 103, NAN, NAN, NAN, 100, 103 }, /* no noise */
		{ 79, 79, 80, NAN, 100, 0, 100 },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct trend *t = *state;
		struct trend_view v;

		trend_init(t);
		trend_add(t, cases[i].least, NOW - USEC_PER_HOUR);
		trend_add(t, cases[i].greatest, NOW);
		trend_day(t, NOW, &v);
		struct trend_range r = trend_range(&v, cases[i].warning, cases[i].critical, cases[i].max);
		assert_true(fabs(r.low - cases[i].low) < 1e-6 && fabs(r.high - cases[i].high) < 1e-6);
	}
}

/* Against a slow and simple model: whatever the clock does, no point shows what was not measured in its time. */
static void never_invents_a_number(void **state)
{
	struct random random = { 99 };

	for (int round = 0; round < 200; round++) {
		struct trend *t = *state;
		struct trend_view v;
		int64_t now = NOW;

		trend_init(t);
		for (int i = 0; i < 200; i++) {
			now += random_below(&random, 4) ? random_below(&random, 3 * USEC_PER_HOUR) :
				random_below(&random, 60 * USEC_PER_HOUR) - 30 * USEC_PER_HOUR;
			trend_add(t, (double)(now / SAMPLE_BUCKET_USEC % 100000), now);
		}
		trend_day(t, now, &v);
		for (size_t i = 0; i < v.n; i++) {
			if (isnan(v.points[i].mean))
				continue;
			float expected = (float)((v.since_usec / SAMPLE_BUCKET_USEC + (int64_t)i) % 100000);
			assert_true(v.points[i].min == expected && v.points[i].max == expected);
		}
		assert_true(v.n_measured > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shows_a_day_and_a_week, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(begins_anew_when_the_clock_is_set_far_back, setup, teardown),
		cmocka_unit_test_setup_teardown(fills_gaps_from_what_was_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(is_restored_before_anything_was_measured, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_a_slope_from_noise, setup, teardown),
		cmocka_unit_test_setup_teardown(draws_a_sparkline, setup, teardown),
		cmocka_unit_test_setup_teardown(chooses_a_range, setup, teardown),
		cmocka_unit_test_setup_teardown(never_invents_a_number, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
