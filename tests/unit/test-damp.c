/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "damp.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

static const struct damp_policy tenth = { 10, 0 };

static struct metric metric(const char *name, const char *unit, double value, double warning, double critical)
{
	return (struct metric){ (char *)(uintptr_t)name, (char *)(uintptr_t)unit, value, warning, critical, NAN, NAN };
}

/* One metric, with the value that it had when it was at fault and the one it has now. */
struct one {
	enum tocsin_state confirmed, found;
	double warning, critical, then, now;
	enum alert_look expected;
};

static enum alert_look damp(const struct damp_policy *policy, const char *unit, const struct one *one)
{
	struct metric now = metric("m", unit, one->now, one->warning, one->critical);
	struct metric then = metric("m", unit, one->then, one->warning, one->critical);
	struct result look = { .state = one->found, .metrics = &now, .n_metrics = 1 };

	return damp_look(policy, one->confirmed, &look, &then, 1);
}

#define OK TOCSIN_OK
#define W TOCSIN_WARNING
#define C TOCSIN_CRITICAL
#define U TOCSIN_UNKNOWN
#define NEARLY_OK ALERT_LOOK_NEARLY_OK
#define NEARLY_W ALERT_LOOK_NEARLY_WARNING

static void check_all(const struct damp_policy *policy, const char *unit, const struct one *ones, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (damp(policy, unit, &ones[i]) != ones[i].expected)
			fail_msg("case %zu: %d", i, damp(policy, unit, &ones[i]));
}

static void waits_until_a_value_is_clear_of_its_limit(void **state)
{
	static const struct one ones[] = {
		/* high is bad */
		{ W, OK, 80, 90, 85, 79.9, NEARLY_OK },
		{ W, OK, 80, 90, 85, 72.1, NEARLY_OK },
		{ W, OK, 80, 90, 85, 72, ALERT_LOOK_OK }, /* at the end of the band it is clear */
		{ W, OK, 80, 90, 85, 10, ALERT_LOOK_OK },
		/* low is bad */
		{ W, OK, 10, 5, 9, 10.1, NEARLY_OK },
		{ W, OK, 10, 5, 9, 10.9, NEARLY_OK },
		{ W, OK, 10, 5, 9, 11, ALERT_LOOK_OK },
		/* at the limit itself, which one module calls bad and another one good */
		{ W, OK, 80, 90, 80, 79, NEARLY_OK },
		{ W, OK, 80, 90, 85, 80, NEARLY_OK },
		{ W, OK, 80, 90, 80, 80, NEARLY_OK },
		/* below zero */
		{ W, OK, -10, 5, -9, -10.5, NEARLY_OK },
		{ W, OK, -10, 5, -9, -11, ALERT_LOOK_OK },
		/* a limit of 0 has no band */
		{ W, OK, 0, 10, 1, -0.1, ALERT_LOOK_OK },
		/* a problem that was CRITICAL: recovery is from the limit for WARNING */
		{ C, OK, 80, 90, 95, 79, NEARLY_OK },
		{ C, OK, 80, 90, 95, 71, ALERT_LOOK_OK },
		/* without a limit for WARNING it is the other one */
		{ C, OK, NAN, 90, 95, 89, NEARLY_OK },
		{ C, OK, NAN, 90, 95, 80, ALERT_LOOK_OK },
		{ C, W, 80, 90, 95, 89, NEARLY_W },
		{ C, W, 80, 90, 95, 81, ALERT_LOOK_WARNING },
	};

	check_all(&tenth, "", ones, ELEMENTS(ones));
}

static void leaves_alone_what_was_not_at_fault(void **state)
{
	static const struct one ones[] = {
		/* it has always been on that side */
		{ W, OK, 80, 90, 78, 79, ALERT_LOOK_OK },
		/* nothing is confirmed */
		{ OK, OK, 80, 90, 85, 79, ALERT_LOOK_OK },
		{ OK, W, 80, 90, 95, 89, ALERT_LOOK_WARNING },
		{ U, OK, 80, 90, 85, 79, ALERT_LOOK_OK },
		/* it is not better */
		{ W, W, 80, 90, 85, 81, ALERT_LOOK_WARNING },
		{ W, C, 80, 90, 85, 91, ALERT_LOOK_CRITICAL },
		{ C, C, 80, 90, 95, 91, ALERT_LOOK_CRITICAL },
		{ W, U, 80, 90, 85, 79, ALERT_LOOK_UNKNOWN },
		{ C, U, 80, 90, 95, 79, ALERT_LOOK_UNKNOWN },
		/* there are no numbers to compare */
		{ W, OK, NAN, NAN, 85, 79, ALERT_LOOK_OK },
		{ W, OK, 80, 90, NAN, 79, ALERT_LOOK_OK },
		{ W, OK, 80, 90, 85, NAN, ALERT_LOOK_OK },
		{ W, OK, INFINITY, INFINITY, 85, 79, ALERT_LOOK_OK },
		{ W, OK, 80, 90, INFINITY, 79, ALERT_LOOK_OK },
	};

	check_all(&tenth, "", ones, ELEMENTS(ones));
}

static void knows_points_for_percentages_only(void **state)
{
	static const struct damp_policy two = { 10, 2 };
	static const struct one percent[] = {
		{ W, OK, 80, 90, 85, 78.1, NEARLY_OK },
		{ W, OK, 80, 90, 85, 78, ALERT_LOOK_OK },
		{ W, OK, 10, 5, 9, 10.9, NEARLY_OK }, /* a tenth is less than two points */
		{ W, OK, 10, 5, 9, 11.1, ALERT_LOOK_OK },
	};
	static const struct one other[] = { { W, OK, 80, 90, 85, 72.1, NEARLY_OK } };

	check_all(&two, "%", percent, ELEMENTS(percent));
	check_all(&two, "s", other, ELEMENTS(other));
	check_all(&tenth, "%", other, ELEMENTS(other));
}

static void is_off_at_0_percent(void **state)
{
	static const struct damp_policy off = { 0, 2 };
	static const struct one ones[] = { { W, OK, 80, 90, 85, 79.99, ALERT_LOOK_OK }, { W, OK, 80, 90, 85, 80, ALERT_LOOK_OK } };

	check_all(&off, "%", ones, ELEMENTS(ones));
}

/* Any one that was at fault and is near is enough; metrics are found by name. */
static void looks_at_all_metrics(void **state)
{
	struct metric then[] = { metric("a", "", 50, 80, 90), metric("b", "", 85, 80, 90) };
	struct metric now[] = { metric("b", "", 79, 80, 90), metric("new", "", 79, 80, 90), metric("a", "", 79, 80, 90) };
	struct result look = { .state = TOCSIN_OK, .metrics = now, .n_metrics = ELEMENTS(now) };

	assert_int_equal(damp_look(&tenth, TOCSIN_WARNING, &look, then, 2), NEARLY_OK);
	now[0].value = 60; /* b is clear; a was never at fault, and the third one nobody knows */
	assert_int_equal(damp_look(&tenth, TOCSIN_WARNING, &look, then, 2), ALERT_LOOK_OK);
	now[0].value = 79;
	assert_int_equal(damp_look(&tenth, TOCSIN_WARNING, &look, NULL, 0), ALERT_LOOK_OK);
	look.n_metrics = 0;
	assert_int_equal(damp_look(&tenth, TOCSIN_WARNING, &look, then, 2), ALERT_LOOK_OK);
}

static void remembers_the_last_look_as_bad(void **state)
{
	static const bool expected[4][4] = {
		/*                    OK     WARNING CRITICAL UNKNOWN  looked */
		[TOCSIN_OK] =       { false, true,   true,    false },
		[TOCSIN_WARNING] =  { false, true,   true,    false },
		[TOCSIN_CRITICAL] = { false, false,  true,    false },
		[TOCSIN_UNKNOWN] =  { false, true,   true,    false },
	};

	for (int confirmed = 0; confirmed < 4; confirmed++)
		for (int look = 0; look < 4; look++)
			assert_int_equal(damp_is_fault((enum tocsin_state)confirmed, (enum tocsin_state)look),
				expected[confirmed][look]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_until_a_value_is_clear_of_its_limit),
		cmocka_unit_test(leaves_alone_what_was_not_at_fault),
		cmocka_unit_test(knows_points_for_percentages_only),
		cmocka_unit_test(is_off_at_0_percent),
		cmocka_unit_test(looks_at_all_metrics),
		cmocka_unit_test(remembers_the_last_look_as_bad),
	};

	return cmocka_run_group_tests_name("damp", tests, NULL, NULL);
}
