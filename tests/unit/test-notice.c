/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of an event, as full tables. How it comes together in time, the scenarios show (test-alert). */
#include "../support/fake-daemon.h"
#include "notice.h"
#include "test.h"

#include <string.h>
#include <time.h>

#define HOUR USEC_PER_HOUR
#define MIDNIGHT FAKE_EPOCH /* Wednesday 00:00 in FAKE_TIME_ZONE */

enum kind { NOTED, WORSE, BETTER, STANDING, FACT };

static const enum kind kinds[ALERT_EVENTS] = {
	[ALERT_NONE] = NOTED,
	[ALERT_FOUND] = NOTED,
	[ALERT_PROBLEM] = WORSE,
	[ALERT_WORSE] = WORSE,
	[ALERT_EASED] = NOTED,
	[ALERT_BLIND] = WORSE,
	[ALERT_SEEN_AGAIN] = BETTER,
	[ALERT_RECOVERED] = BETTER,
	[ALERT_RELAPSED] = NOTED,
	[ALERT_UNSTABLE] = STANDING,
	[ALERT_STEADY] = STANDING,
	[ALERT_LATE] = WORSE,
	[ALERT_REMINDER] = WORSE,
	[ALERT_ESCALATED] = STANDING,
	[ALERT_ACKNOWLEDGED] = NOTED,
	[ALERT_SILENCED] = NOTED,
	[ALERT_REMOVED] = NOTED,
	[ALERT_RESTARTED] = FACT,
	[ALERT_CRASHED] = FACT,
	[ALERT_TEST] = FACT,
};

static struct notice_circumstances circumstances(unsigned bits)
{
	return (struct notice_circumstances){ bits & 1, bits & 2, bits & 4, bits & 8, bits & 16 };
}

/* The first that holds, in the order in which people are told. */
static enum notice_reason first_reason(unsigned bits)
{
	static const enum notice_reason reasons[] = { NOTICE_STOPPING, NOTICE_SILENCED, NOTICE_MAINTENANCE,
		NOTICE_DEPENDS, NOTICE_ASKING };

	for (unsigned i = 0; i < ELEMENTS(reasons); i++)
		if (bits & 1u << i)
			return reasons[i];
	return NOTICE_NO_REASON;
}

/* Every event in all circumstances. Better is never kept back for a parent that is bad. */
static void judges_by_circumstances(void **state)
{
	const struct alert_state open = { .state = TOCSIN_CRITICAL, .incident = 1, .told = TOCSIN_CRITICAL, .told_blind = true };

	for (unsigned bits = 0; bits < 32; bits++) {
		struct notice_circumstances c = circumstances(bits);
		const enum notice_reason expected[] = {
			[NOTED] = NOTICE_MINOR,
			[WORSE] = first_reason(bits),
			[BETTER] = first_reason(bits & 7),
			[STANDING] = first_reason(bits),
			[FACT] = NOTICE_NO_REASON,
		};

		for (int event = 0; event < ALERT_EVENTS; event++)
			assert_int_equal(notice_judge((enum alert_event)event, &open, &c), expected[kinds[event]]);
	}
}

/* "Steady" is good news where no incident is open. */
static void good_news_depends_on_nothing(void **state)
{
	const struct alert_state well = { .told = TOCSIN_CRITICAL };
	const struct notice_circumstances c = { .is_dependent = true, .is_asking = true };

	assert_int_equal(notice_judge(ALERT_STEADY, &well, &c), NOTICE_NO_REASON);
	assert_int_equal(notice_judge(ALERT_RECOVERED, &well, &c), NOTICE_NO_REASON);
}

static void the_end_of_nothing_is_no_news(void **state)
{
	static const struct {
		enum alert_event event;
		struct alert_state a;
		bool is_told;
	} cases[] = {
		{ ALERT_RECOVERED, { .told = TOCSIN_OK }, false },
		{ ALERT_RECOVERED, { .told = TOCSIN_WARNING }, true },
		{ ALERT_RECOVERED, { .told = TOCSIN_UNKNOWN }, true },
		{ ALERT_RECOVERED, { .told = TOCSIN_OK, .told_blind = true }, true },
		{ ALERT_SEEN_AGAIN, { .told = TOCSIN_OK }, false }, /* of an UNKNOWN of its own */
		{ ALERT_SEEN_AGAIN, { .told = TOCSIN_UNKNOWN }, true },
		{ ALERT_SEEN_AGAIN, { .incident = 1, .state = TOCSIN_CRITICAL, .told = TOCSIN_CRITICAL }, false },
		{ ALERT_SEEN_AGAIN,
			{ .incident = 1, .state = TOCSIN_CRITICAL, .told = TOCSIN_CRITICAL, .told_blind = true }, true },
	};
	const struct notice_circumstances none = { .is_stopping = false }, quiet = { .is_silenced = true };

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(notice_judge(cases[i].event, &cases[i].a, &none),
			cases[i].is_told ? NOTICE_NO_REASON : NOTICE_UNTOLD);
		assert_int_equal(notice_judge(cases[i].event, &cases[i].a, &quiet),
			cases[i].is_told ? NOTICE_SILENCED : NOTICE_UNTOLD);
	}
}

/* While it is unstable: only what is CRITICAL as nobody knows it yet, and what is said of the unrest itself. */
static void tells_little_of_the_unstable(void **state)
{
	static const enum tocsin_state states[] = { TOCSIN_OK, TOCSIN_WARNING, TOCSIN_CRITICAL, TOCSIN_UNKNOWN };
	const struct notice_circumstances none = { .is_stopping = false };

	for (size_t i = 0; i < ELEMENTS(states); i++)
		for (size_t j = 0; j < ELEMENTS(states); j++) {
			const struct alert_state a = { .is_flapping = true, .state = states[i], .flap_worst = states[j],
				.incident = states[i] != TOCSIN_OK };
			bool is_news = states[i] == TOCSIN_CRITICAL && states[j] != TOCSIN_CRITICAL;
			const enum notice_reason expected[] = {
				[NOTED] = NOTICE_MINOR,
				[WORSE] = is_news ? NOTICE_NO_REASON : NOTICE_FLAPPING,
				[BETTER] = NOTICE_FLAPPING,
				[STANDING] = NOTICE_NO_REASON,
				[FACT] = NOTICE_NO_REASON,
			};

			for (int event = 0; event < ALERT_EVENTS; event++)
				assert_int_equal(notice_judge((enum alert_event)event, &a, &none), expected[kinds[event]]);
		}
}

/* Each reason that keeps something back has words for the history. */
static void names_reasons(void **state)
{
	for (int i = 0; i < NOTICE_REASONS; i++) {
		const char *name = notice_reason_name((enum notice_reason)i);

		assert_non_null(name);
		assert_int_equal(*name == '\0', i == NOTICE_NO_REASON || i == NOTICE_MINOR || i == NOTICE_ASKING);
		for (int j = 0; j < i && *name; j++)
			assert_string_not_equal(name, notice_reason_name((enum notice_reason)j));
	}
}

static void matches_globs(void **state)
{
	static const struct {
		const char *glob, *check, *item;
		bool matches;
	} cases[] = {
		{ "disk", "disk", "/home", true },
		{ "disk*", "disks", "/home", true },
		{ "d[ij]sk", "disk", "", true },
		{ "disk//home", "disk", "/home", true },
		{ "disk//home*", "disk", "/home/me", true },
		{ "disk/*", "disk", "/home", true },
		{ "*", "disk", "/home", true },
		{ "*/home", "disk", "/home", true },
		{ "disk", "disks", "", false },
		{ "disk//var", "disk", "/home", false },
		{ "isk", "disk", "", false },
		{ "", "disk", "", false },
		{ "disk/", "disk", "", true },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(notice_matches(cases[i].glob, cases[i].check, cases[i].item), cases[i].matches);
}

/* Who gets what, for all events: an ordinary one stands for all about the state of an item. */
static void routes_every_event(void **state)
{
	static const char *const globs[] = { "nothing", "disk*" };
	static const char *const others[] = { "web" };
	static const struct {
		struct conf_recipient r;
		enum tocsin_state worst;
		bool is_escalated;
		bool ordinary, escalated, restarted, test;
	} cases[] = {
		{ { .minimum = 0 }, TOCSIN_WARNING, false, true, false, true, true },
		{ { .minimum = 0 }, TOCSIN_CRITICAL, false, true, false, true, true },
		{ { .minimum = 1 }, TOCSIN_OK, false, false, false, true, true },
		{ { .minimum = 1 }, TOCSIN_WARNING, false, false, false, true, true },
		{ { .minimum = 1 }, TOCSIN_UNKNOWN, false, false, false, true, true },
		{ { .minimum = 1 }, TOCSIN_CRITICAL, false, true, false, true, true },
		{ { .escalate_after = 1 }, TOCSIN_CRITICAL, false, false, false, false, true },
		{ { .escalate_after = 1 }, TOCSIN_WARNING, true, true, true, false, true },
		{ { .escalate_after = 1, .minimum = 1 }, TOCSIN_WARNING, true, false, false, false, true },
		{ { .escalate_after = 1, .minimum = 1 }, TOCSIN_CRITICAL, true, true, true, false, true },
		{ { .checks = { globs, 2 } }, TOCSIN_WARNING, false, true, false, true, true },
		{ { .checks = { globs, 1 } }, TOCSIN_CRITICAL, false, false, false, true, false },
		{ { .checks = { others, 1 }, .escalate_after = 1 }, TOCSIN_CRITICAL, true, false, false, false, false },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		for (int event = 0; event < ALERT_EVENTS; event++) {
			bool is_of_host = event == ALERT_RESTARTED || event == ALERT_CRASHED;
			bool expected = event == ALERT_ESCALATED ? cases[i].escalated :
				is_of_host			 ? cases[i].restarted :
				event == ALERT_TEST		 ? cases[i].test :
								   cases[i].ordinary;

			assert_int_equal(notice_wants(&cases[i].r, (enum alert_event)event, "disk", "/home", cases[i].worst,
						 cases[i].is_escalated),
				expected);
		}
}

static struct calendar_windows window(int from_hour, int to_hour)
{
	return (struct calendar_windows){ .window = { { 0x7f, from_hour * 60, to_hour * 60 } }, .n = 1 };
}

static void waits_for_the_end_of_quiet_hours(void **state)
{
	struct conf_recipient plain = { .minimum = 0 }, night = { .quiet = window(22, 7) }, evening = { .quiet = window(18, 22) };
	struct conf_recipient always = { .quiet = window(0, 24) }, after_late = { .quiet = window(9, 11) };
	struct conf_alert none = { .interval = 1 }, late = { .quiet = window(7, 9) }, overlapping = { .quiet = window(21, 2) };
	const struct {
		const struct conf_recipient *r;
		const struct conf_alert *policy;
		int from, until; /* o'clock; -1: for ever */
	} cases[] = {
		{ &plain, &none, 23, 23 },
		{ &night, &none, 21, 21 },
		{ &night, &none, 22, 31 },
		{ &night, &none, 30, 31 },
		{ &night, &none, 31, 31 },
		{ &plain, &late, 8, 9 },
		{ &night, &late, 23, 33 }, /* one begins where the other ends */
		{ &after_late, &late, 8, 11 }, /* also the other way round */
		{ &evening, &overlapping, 19, 26 },
		{ &evening, &overlapping, 23, 26 },
		{ &always, &none, 5, -1 },
		{ &always, &late, 8, -1 },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int64_t now = MIDNIGHT + cases[i].from * HOUR;
		int64_t until = cases[i].until < 0 ? USEC_NEVER : MIDNIGHT + cases[i].until * HOUR;

		assert_int_equal(notice_waits(cases[i].r, cases[i].policy, ALERT_PROBLEM, TOCSIN_WARNING, now), until);
	}
}

/* All events, by the state that they tell. */
static void critical_does_not_wait(void **state)
{
	const struct conf_recipient r = { .quiet = window(22, 7) };
	const struct conf_alert policy = { .interval = 1 };
	int64_t now = MIDNIGHT + 23 * HOUR, end = MIDNIGHT + 31 * HOUR;
	static const enum tocsin_state states[] = { TOCSIN_OK, TOCSIN_WARNING, TOCSIN_CRITICAL, TOCSIN_UNKNOWN };

	for (int event = 0; event < ALERT_EVENTS; event++)
		for (size_t i = 0; i < ELEMENTS(states); i++) {
			bool passes = event == ALERT_TEST || (states[i] == TOCSIN_CRITICAL && kinds[event] != BETTER);

			assert_int_equal(notice_waits(&r, &policy, (enum alert_event)event, states[i], now),
				passes ? now : end);
		}
}

static void holds_dependents_while_it_may_be_bad(void **state)
{
	static const struct {
		struct alert_state a;
		bool holds;
	} cases[] = {
		{ { .is_known = true }, false },
		{ { .is_known = true, .rows = { [ALERT_ROW_GOOD] = { 9, 1, 1 }, [ALERT_ROW_SEEN] = { 9, 1, 1 } } }, false },
		{ { .is_known = true, .incident = 1, .state = TOCSIN_WARNING, .rows = { [ALERT_ROW_GOOD] = { 4, 1, 1 } } }, true },
		{ { .incident = 1, .state = TOCSIN_CRITICAL, .is_blind = true }, true },
		{ { .rows = { [ALERT_ROW_BAD] = { 1, 1, 1 } } }, true },
		/* a check that hangs must not keep the alert of another back */
		{ { .incident = 1, .state = TOCSIN_UNKNOWN }, false },
		{ { .rows = { [ALERT_ROW_UNKNOWN] = { 1, 1, 1 } } }, false },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(notice_holds_dependents(&cases[i].a), cases[i].holds);
}

static void knows_whom_to_ask(void **state)
{
	const struct alert_state well = { .is_known = true }, bad = { .rows = { [ALERT_ROW_BAD] = { 3, 1, 50 } } };
	const struct alert_state blind = { .rows = { [ALERT_ROW_UNKNOWN] = { 3, 1, 60 }, [ALERT_ROW_BAD] = { 1, 1, 90 } } };
	const struct alert_state both = { .rows = { [ALERT_ROW_UNKNOWN] = { 3, 1, 80 }, [ALERT_ROW_BAD] = { 1, 1, 50 } } };
	const struct {
		const struct alert_state *child;
		enum alert_look look;
		int64_t looked;
		struct notice_parent parent;
		enum notice_dependence expected;
	} cases[] = {
		{ &well, ALERT_LOOK_OK, 100, { false, 0, 0 }, NOTICE_FREE },
		{ &well, ALERT_LOOK_NEARLY_OK, 100, { false, 0, 0 }, NOTICE_FREE },
		{ &well, ALERT_LOOK_OK, 100, { true, 99, 0 }, NOTICE_HELD },
		{ &well, ALERT_LOOK_OK, 100, { false, 120, 110 }, NOTICE_FREE }, /* nothing is wrong with it */
		{ &well, ALERT_LOOK_CRITICAL, 100, { false, 99, 0 }, NOTICE_ASK_PARENT }, /* about to be fed */
		{ &well, ALERT_LOOK_WARNING, 100, { false, 99, 0 }, NOTICE_ASK_PARENT },
		{ &well, ALERT_LOOK_NEARLY_WARNING, 100, { false, 99, 0 }, NOTICE_ASK_PARENT },
		{ &well, ALERT_LOOK_UNKNOWN, 100, { false, 99, 0 }, NOTICE_ASK_PARENT },
		{ &well, ALERT_LOOK_CRITICAL, 100, { false, 100, 0 }, NOTICE_FREE },
		{ &well, ALERT_LOOK_CRITICAL, 100, { true, 100, 0 }, NOTICE_HELD },
		{ &bad, ALERT_LOOK_CRITICAL, 100, { false, 49, 0 }, NOTICE_ASK_PARENT },
		{ &bad, ALERT_LOOK_CRITICAL, 100, { false, 50, 0 }, NOTICE_FREE }, /* since the first of them */
		{ &bad, ALERT_LOOK_CRITICAL, 100, { false, 101, 101 }, NOTICE_ASK_CHILD },
		{ &bad, ALERT_LOOK_CRITICAL, 100, { false, 120, 101 }, NOTICE_ASK_CHILD },
		{ &bad, ALERT_LOOK_CRITICAL, 101, { false, 120, 101 }, NOTICE_FREE },
		{ &blind, ALERT_LOOK_UNKNOWN, 100, { false, 59, 0 }, NOTICE_ASK_PARENT },
		{ &blind, ALERT_LOOK_UNKNOWN, 100, { false, 60, 0 }, NOTICE_FREE },
		{ &both, ALERT_LOOK_UNKNOWN, 100, { false, 60, 0 }, NOTICE_FREE },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(notice_dependence(cases[i].child, cases[i].look, cases[i].looked, &cases[i].parent),
			cases[i].expected);
}

static void escalates_what_nobody_acknowledged(void **state)
{
#define OPEN .incident = 1, .state = TOCSIN_CRITICAL, .told = TOCSIN_CRITICAL, .rows = { [ALERT_ROW_BAD] = { 1, 1, 1 } }
	static const char *const web[] = { "web" };
	const struct conf_recipient ops = { .minimum = 0 }, boss = { .escalate_after = 100 };
	const struct conf_recipient strict = { .escalate_after = 100, .minimum = 1 };
	const struct conf_recipient other = { .escalate_after = 100, .checks = { web, 1 } };
	const struct alert_state told = { OPEN, .told_open_usec = 1000, .told_critical_usec = 1050 };
	const struct alert_state warned = { OPEN, .told_open_usec = 1000 };
	const struct alert_state untold = { OPEN, .told_open_usec = 0 };
	const struct alert_state known = { OPEN, .told_open_usec = 1000, .acknowledged_until_usec = 1300 };
	const struct alert_state for_ever = { OPEN, .told_open_usec = 1000, .acknowledged_until_usec = USEC_NEVER };
	const struct alert_state over = { .told_open_usec = 1000, .told_critical_usec = 1000 };
	const struct {
		const struct conf_recipient *r;
		const struct alert_state *a;
		int64_t due;
	} cases[] = {
		{ &ops, &told, USEC_NEVER },
		{ &boss, &told, 1100 },
		{ &strict, &told, 1150 },
		{ &strict, &warned, USEC_NEVER },
		{ &boss, &warned, 1100 },
		{ &boss, &untold, USEC_NEVER },
		{ &boss, &known, 1300 },
		{ &boss, &for_ever, USEC_NEVER },
		{ &boss, &over, USEC_NEVER },
		{ &other, &told, USEC_NEVER },
	};
#undef OPEN
	const struct notice_circumstances none = { .is_stopping = false };

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct conf_recipient *r = cases[i].r;
		const struct alert_state *a = cases[i].a;
		int64_t due = cases[i].due;

		assert_int_equal(notice_escalates_next(r, a, "disk", "/"), due);
		assert_false(notice_escalates(r, a, &none, "disk", "/", due - 1));
		if (due == USEC_NEVER)
			continue;
		assert_true(notice_escalates(r, a, &none, "disk", "/", due));
		for (unsigned bits = 1; bits < 32; bits++) {
			struct notice_circumstances c = circumstances(bits);

			assert_false(notice_escalates(r, a, &c, "disk", "/", due));
		}
	}
}

/* Not while a good look says that it may be over. */
static void escalates_what_lasts(void **state)
{
	const struct conf_recipient boss = { .escalate_after = 100 };
	const struct alert_state a = { .incident = 1, .state = TOCSIN_CRITICAL, .told = TOCSIN_CRITICAL, .told_open_usec = 1,
		.rows = { [ALERT_ROW_GOOD] = { 1, 1, 1 }, [ALERT_ROW_MILD] = { 1, 1, 1 } } };
	const struct notice_circumstances none = { .is_stopping = false };

	assert_false(notice_escalates(&boss, &a, &none, "disk", "/", 1000));
}

static void takes_the_policy_from_the_configuration(void **state)
{
	const struct conf_alert a = { .confirm = 1, .recover = 2, .unknown_confirm = 3, .interval = 4, .retry_interval = 5,
		.grace = 6, .flap_count = 7, .flap_window = 8, .flap_quiet = 9, .remind_critical_ages = { { 10 }, 1 },
		.remind_warning_ages = { { 11, 12 }, 2 }, .hysteresis = 13, .hysteresis_points = 14 };
	const struct alert_policy p = notice_policy(&a);
	const struct damp_policy damp = notice_damping(&a);

	assert_true(p.confirm == 1 && p.recover == 2 && p.unknown_confirm == 3 && p.interval == 4 && p.retry_interval == 5);
	assert_true(p.grace == 6 && p.flap_count == 7 && p.flap_window == 8 && p.flap_quiet == 9);
	assert_true(p.remind_critical.n == 1 && p.remind_critical.age_usec[0] == 10);
	assert_true(p.remind_warning.n == 2 && p.remind_warning.age_usec[1] == 12);
	assert_true(damp.percent == 13 && damp.points == 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_by_circumstances),
		cmocka_unit_test(good_news_depends_on_nothing),
		cmocka_unit_test(the_end_of_nothing_is_no_news),
		cmocka_unit_test(tells_little_of_the_unstable),
		cmocka_unit_test(names_reasons),
		cmocka_unit_test(matches_globs),
		cmocka_unit_test(routes_every_event),
		cmocka_unit_test(waits_for_the_end_of_quiet_hours),
		cmocka_unit_test(critical_does_not_wait),
		cmocka_unit_test(holds_dependents_while_it_may_be_bad),
		cmocka_unit_test(knows_whom_to_ask),
		cmocka_unit_test(escalates_what_nobody_acknowledged),
		cmocka_unit_test(escalates_what_lasts),
		cmocka_unit_test(takes_the_policy_from_the_configuration),
	};

	setenv("TZ", FAKE_TIME_ZONE, 1);
	tzset();
	return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
