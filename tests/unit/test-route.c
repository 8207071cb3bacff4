/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When mails go: the limits of group.c, and what route.c adds to it. Coalescing is in the scenarios too. */
#include "clock.h"
#include "route.h"
#include "test.h"

#define S USEC_PER_SEC
#define MIN USEC_PER_MINUTE
#define HOUR USEC_PER_HOUR
#define EPOCH (INT64_C(1700000000) * S) /* realtime at boottime 0 */

static const struct group_policy policy = { 2 * S, 30 * S, 5 * MIN, 3, 5 };
static const struct group_policy unlimited = { 2 * S, 30 * S, 5 * MIN, 0, 0 };

static int64_t due(const struct route *r, const struct group_policy *p, int64_t now)
{
	return route_due(r, p, now, EPOCH + now);
}

static void add(struct route *r, const struct group_policy *p, int64_t until, int64_t now)
{
	route_add(r, p, EPOCH + until, now, EPOCH + now);
}

/* A mail goes when it is due, and not before. Returns when. */
static int64_t mail(struct route *r, const struct group_policy *p, int64_t now)
{
	int64_t at = due(r, p, now);

	assert_true(at >= now && at != USEC_NEVER);
	assert_false(at > now && route_is_due(r, p, at - 1, EPOCH + at - 1));
	assert_true(route_is_due(r, p, at, EPOCH + at));
	route_mailed(r, at, EPOCH + at);
	assert_int_equal(due(r, p, at), USEC_NEVER);
	return at;
}

static int64_t add_and_mail(struct route *r, const struct group_policy *p, int64_t now)
{
	add(r, p, now, now);
	return mail(r, p, now);
}

static void waits_for_companions_and_then_longer(void **state)
{
	struct route r = { .held_until_usec = 0 };

	assert_int_equal(due(&r, &unlimited, 0), USEC_NEVER);
	assert_false(route_is_due(&r, &unlimited, 0, EPOCH));
	assert_int_equal(add_and_mail(&r, &unlimited, 100 * S), 102 * S);
	assert_int_equal(add_and_mail(&r, &unlimited, 103 * S), 132 * S);
	assert_int_equal(add_and_mail(&r, &unlimited, 133 * S), 132 * S + 5 * MIN);
	assert_int_equal(add_and_mail(&r, &unlimited, HOUR), HOUR + 2 * S); /* a burst is over */
	route_clear(&r);
}

static void holds_for_quiet_hours(void **state)
{
	struct route r = { .held_until_usec = 0 };

	add(&r, &unlimited, 8 * HOUR, HOUR);
	assert_int_equal(due(&r, &unlimited, HOUR), 8 * HOUR);
	assert_false(route_is_due(&r, &unlimited, 8 * HOUR - 1, EPOCH + 8 * HOUR - 1));
	add(&r, &unlimited, 9 * HOUR, 2 * HOUR); /* the first end counts */
	assert_int_equal(due(&r, &unlimited, 2 * HOUR), 8 * HOUR);
	add(&r, &unlimited, 7 * HOUR, 2 * HOUR);
	assert_int_equal(due(&r, &unlimited, 2 * HOUR), 7 * HOUR);
	/* Then it waits for companions like any other. */
	assert_false(route_is_due(&r, &unlimited, 7 * HOUR, EPOCH + 7 * HOUR));
	assert_int_equal(mail(&r, &unlimited, 7 * HOUR), 7 * HOUR + 2 * S);
	route_clear(&r);
}

static void takes_along_what_is_held(void **state)
{
	struct route r = { .held_until_usec = 0 };

	add(&r, &unlimited, 8 * HOUR, HOUR);
	assert_int_equal(add_and_mail(&r, &unlimited, 2 * HOUR), 2 * HOUR + 2 * S);
	assert_int_equal(r.held_until_usec, 0);
	assert_int_equal(due(&r, &unlimited, 3 * HOUR), USEC_NEVER); /* nothing is left for the morning */
	route_clear(&r);
}

static void holds_for_ever(void **state)
{
	struct route r = { .held_until_usec = 0 };

	route_add(&r, &unlimited, USEC_NEVER, HOUR, EPOCH + HOUR);
	assert_int_equal(due(&r, &unlimited, HOUR), USEC_NEVER);
	assert_false(route_is_due(&r, &unlimited, 1000 * HOUR, EPOCH + 1000 * HOUR));
	assert_int_equal(add_and_mail(&r, &unlimited, 1001 * HOUR), 1001 * HOUR + 2 * S);
	route_clear(&r);
}

/* Quiet hours end by realtime, whatever boottime does. */
static void follows_the_clock(void **state)
{
	struct route r = { .held_until_usec = 0 };

	add(&r, &policy, 8 * HOUR, HOUR);
	route_clock_stepped(&r, 24 * HOUR);
	assert_int_equal(due(&r, &policy, HOUR), USEC_NEVER); /* until it is added again */
	route_add(&r, &policy, EPOCH + 32 * HOUR, HOUR, EPOCH + 25 * HOUR);
	assert_int_equal(route_due(&r, &policy, HOUR, EPOCH + 25 * HOUR), 8 * HOUR);
	route_clear(&r);
}

static bool is_limited(const struct route *r, int64_t now)
{
	return group_is_limited(&r->group, &policy, now, EPOCH + now);
}

static void is_limited_by_the_hour(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 3; i++)
		assert_int_equal(add_and_mail(&r, &policy, i * 10 * MIN), i * 10 * MIN + 2 * S);
	add(&r, &policy, 0, 30 * MIN);
	int64_t end = 20 * MIN + 2 * S + HOUR; /* an hour after the last one, whenever one asks */
	for (int64_t now = 30 * MIN; now <= end; now += 7 * MIN) {
		assert_int_equal(due(&r, &policy, now), end);
		assert_true(is_limited(&r, now));
	}
	assert_true(is_limited(&r, end));
	assert_int_equal(mail(&r, &policy, 31 * MIN), end);
	assert_int_equal(add_and_mail(&r, &policy, 2 * HOUR), 2 * HOUR + 2 * S); /* as if nothing had been */
	assert_false(is_limited(&r, 2 * HOUR + 3 * S));
	route_clear(&r);
}

static void is_limited_by_the_day(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 5; i++)
		add_and_mail(&r, &policy, i * HOUR);
	int64_t last = 4 * HOUR + 2 * S;
	for (int i = 0; i < 5; i++) { /* one an hour, while there were five within the day before the last one */
		assert_int_equal(add_and_mail(&r, &policy, last + MIN), last + HOUR);
		last += HOUR;
	}
	int64_t next_day = 40 * HOUR;
	assert_int_equal(add_and_mail(&r, &policy, next_day), next_day + 2 * S);
	assert_int_equal(add_and_mail(&r, &policy, next_day + MIN), next_day + MIN + 2 * S);
	route_clear(&r);
}

/* What it was not the limit that held up. */
static void says_what_held_it_up(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 3; i++)
		add_and_mail(&r, &policy, i * 10 * MIN);
	assert_false(is_limited(&r, 21 * MIN)); /* nothing waits */
	add(&r, &policy, 0, 5 * HOUR);
	assert_false(is_limited(&r, 5 * HOUR));
	route_clear(&r);
}

static void knows_no_limit_of_0(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 2000; i++)
		assert_int_equal(add_and_mail(&r, &unlimited, i * 10 * MIN), i * 10 * MIN + 2 * S);
	assert_true(r.group.n_sent <= GROUP_SENT_MAX);
	route_clear(&r);
}

static void counts_mails_of_an_earlier_life(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 3; i++)
		group_was_mailed(&r.group, EPOCH + i * 10 * MIN);
	add(&r, &policy, 0, 25 * MIN);
	assert_int_equal(due(&r, &policy, 25 * MIN), 20 * MIN + HOUR);
	route_clear(&r);
}

static void believes_no_clock_that_was_wrong(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 3; i++) /* of next year */
		group_was_mailed(&r.group, EPOCH + 365 * USEC_PER_DAY + i * MIN);
	add(&r, &policy, 0, HOUR);
	assert_int_equal(mail(&r, &policy, HOUR), HOUR + 2 * S);
	assert_int_equal(r.group.n_sent, 1); /* they are forgotten */
	route_clear(&r);
}

/* A clock that is set, and seen to be, moves the mails along. */
static void moves_with_the_clock(void **state)
{
	struct route r = { .held_until_usec = 0 };

	for (int i = 0; i < 3; i++)
		add_and_mail(&r, &policy, i * 10 * MIN);
	route_clock_stepped(&r, -100 * USEC_PER_DAY);
	int64_t now = 30 * MIN, realtime = EPOCH + now - 100 * USEC_PER_DAY;
	route_add(&r, &policy, realtime, now, realtime);
	assert_int_equal(route_due(&r, &policy, now, realtime), 20 * MIN + 2 * S + HOUR);
	route_clear(&r);
}

static void takes_the_policy_from_the_configuration(void **state)
{
	const struct conf_alert a = { .group_wait = 1, .group_second = 2, .group_interval = 3, .max_per_hour = 4, .max_per_day = 5 };
	const struct group_policy p = route_policy(&a);

	assert_true(p.wait == 1 && p.second == 2 && p.interval == 3 && p.max_per_hour == 4 && p.max_per_day == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_companions_and_then_longer),
		cmocka_unit_test(holds_for_quiet_hours),
		cmocka_unit_test(takes_along_what_is_held),
		cmocka_unit_test(holds_for_ever),
		cmocka_unit_test(follows_the_clock),
		cmocka_unit_test(is_limited_by_the_hour),
		cmocka_unit_test(is_limited_by_the_day),
		cmocka_unit_test(says_what_held_it_up),
		cmocka_unit_test(knows_no_limit_of_0),
		cmocka_unit_test(counts_mails_of_an_earlier_life),
		cmocka_unit_test(believes_no_clock_that_was_wrong),
		cmocka_unit_test(moves_with_the_clock),
		cmocka_unit_test(takes_the_policy_from_the_configuration),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
