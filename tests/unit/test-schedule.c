/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../support/random.h"
#include "../support/torture.h"
#include "cleanup.h"
#include "clock.h"
#include "schedule.h"
#include "test.h"

#include <errno.h>

#define MANY 10000

struct due {
	int64_t usec; /* USEC_NEVER: not in the schedule */
	size_t id;
};

static int compare_due(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	if (x->usec != y->usec)
		return x->usec < y->usec ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static void assert_comes_out_as(struct schedule *s, struct due *model, size_t n)
{
	size_t id;

	qsort(model, n, sizeof(*model), compare_due);
	for (size_t i = 0; i < n && model[i].usec != USEC_NEVER; i++) {
		assert_int_equal(schedule_next(s), model[i].usec);
		assert_false(schedule_pop(s, model[i].usec - 1, &id));
		assert_true(schedule_pop(s, model[i].usec, &id));
		assert_int_equal(id, model[i].id);
	}
	assert_int_equal(schedule_next(s), USEC_NEVER);
	assert_false(schedule_pop(s, USEC_NEVER, &id));
}

/* Set, moved and removed at random, with many equal times: out comes what a sorted array says. */
static void keeps_order(void **state)
{
	_cleanup_schedule_ struct schedule *s = schedule_new();
	_cleanup_free_ struct due *model = calloc(MANY, sizeof(*model));
	struct random random = { 42 };

	assert_non_null(s);
	for (size_t i = 0; i < MANY; i++)
		model[i] = (struct due){ USEC_NEVER, i };
	for (int i = 0; i < 5 * MANY; i++) {
		size_t id = (size_t)random_below(&random, MANY);

		if (random_below(&random, 4) == 0) {
			schedule_remove(s, id);
			model[id].usec = USEC_NEVER;
		} else {
			model[id].usec = random_below(&random, MANY / 4);
			assert_int_equal(schedule_set(s, id, model[id].usec), 0);
		}
	}
	assert_comes_out_as(s, model, MANY);
}

static void holds_small_and_odd_sets(void **state)
{
	_cleanup_schedule_ struct schedule *s = schedule_new();
	size_t id = 99;

	assert_int_equal(schedule_next(s), USEC_NEVER);
	assert_false(schedule_pop(s, USEC_NEVER, &id));
	assert_int_equal(id, 99);
	schedule_remove(s, 5); /* never was there */
	assert_int_equal(schedule_set(s, 1000, 10), 0);
	assert_int_equal(schedule_set(s, 1000, 20), 0);
	schedule_remove(s, 5000);
	assert_int_equal(schedule_next(s), 20);
	assert_true(schedule_pop(s, 20, &id));
	assert_int_equal(id, 1000);
	schedule_remove(s, 1000);
	assert_int_equal(schedule_set(s, 1000, 5), 0); /* again after it was taken out */
	assert_int_equal(schedule_next(s), 5);
	assert_int_equal(schedule_set(s, SIZE_MAX, 5), -ENOMEM);
	assert_null(schedule_free(NULL));
}

/* Without memory an entry is refused, and those that were there stay. */
static void survives_want_of_memory(void **state)
{
	_cleanup_schedule_ struct schedule *s = schedule_new();
	struct due model[100];
	int refused = 0;

	for (size_t i = 0; i < ELEMENTS(model); i++) {
		int r;

		model[i] = (struct due){ 1000 - (int64_t)i, i };
		for (int n = 1; (torture_left = n, r = schedule_set(s, i, model[i].usec)) < 0; n++) {
			assert_int_equal(r, -ENOMEM);
			assert_int_equal(schedule_next(s), i > 0 ? model[i - 1].usec : USEC_NEVER);
			refused++;
		}
	}
	torture_left = 0;
	assert_true(refused >= 6); /* both arrays grew several times */
	assert_comes_out_as(s, model, ELEMENTS(model));
}

static void keeps_the_phase(void **state)
{
	static const struct {
		int64_t due, interval, now, next;
	} cases[] = {
		{ 100, 60, 100, 160 },
		{ 100, 60, 103, 160 }, /* looked a little late */
		{ 100, 60, 159, 160 },
		{ 100, 60, 160, 220 }, /* always after now */
		{ 100, 60, 90, 160 }, /* looked early: a watch fired */
		{ 100, 60, 100 + 60 * 480 + 7, 100 + 60 * 481 }, /* slept for a night: one look, in phase */
		{ 0, 1, USEC_NEVER - 1, USEC_NEVER },
		{ 100, USEC_NEVER, 100, USEC_NEVER },
		{ USEC_NEVER - 5, 60, 100, USEC_NEVER },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(schedule_after(cases[i].due, cases[i].interval, cases[i].now), cases[i].next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order),
		cmocka_unit_test(holds_small_and_odd_sets),
		cmocka_unit_test(survives_want_of_memory),
		cmocka_unit_test(keeps_the_phase),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
