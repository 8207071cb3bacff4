/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cleanup.h"
#include "test.h"
#include "timer.h"

#define NOW 1000000
#define UPTIME 5000

static void judges(void **state)
{
	static const struct {
		struct timer_times t;
		int64_t overdue, within;
		enum timer_fault fault;
		int64_t usec;
	} cases[] = {
		{ { .is_waiting = true, .next_realtime_usec = NOW + 10 }, 5, 0, TIMER_IN_TIME, 0 },
		{ { .is_waiting = true, .next_realtime_usec = NOW - 10 }, 10, 0, TIMER_IN_TIME, 0 },
		{ { .is_waiting = true, .next_realtime_usec = NOW - 11 }, 10, 0, TIMER_NOT_STARTED, 11 },
		{ { .is_waiting = true, .next_realtime_usec = NOW - 11 }, 0, 0, TIMER_IN_TIME, 0 },
		{ { .is_waiting = true, .next_realtime_usec = NOW - 30, .accuracy_usec = 20 }, 10, 0,
			TIMER_IN_TIME, 0 },
		{ { .is_waiting = true, .next_realtime_usec = NOW - 31, .accuracy_usec = 20 }, 10, 0,
			TIMER_NOT_STARTED, 11 },
		{ { .is_waiting = true, .next_monotonic_usec = UPTIME - 50, .next_realtime_usec = INT64_MAX },
			10, 0, TIMER_NOT_STARTED, 50 },
		{ { .is_waiting = true, .next_monotonic_usec = INT64_MAX }, 10, 0, TIMER_IN_TIME, 0 },
		{ { .next_realtime_usec = NOW - 50 }, 10, 0, TIMER_IN_TIME, 0 },
		{ { .is_running = true,
			  .is_repeated = true,
			  .last_realtime_usec = NOW - 50,
			  .next_realtime_usec = NOW - 50 },
			10, 0, TIMER_STILL_RUNS, 50 },
		{ { .is_running = true, .last_realtime_usec = NOW - 50 }, 10, 0, TIMER_IN_TIME, 0 },
		{ { .is_waiting = true, .last_realtime_usec = NOW - 50 }, 10, 50, TIMER_IN_TIME, 0 },
		{ { .is_waiting = true, .last_realtime_usec = NOW - 51 }, 10, 50, TIMER_TOO_LONG_AGO, 51 },
		{ { .is_waiting = true, .active_since_usec = NOW - 51 }, 10, 50, TIMER_TOO_LONG_AGO, 51 },
		{ { .is_waiting = true, .active_since_usec = NOW - 49 }, 10, 50, TIMER_IN_TIME, 0 },
		{ { .is_waiting = true }, 10, 50, TIMER_IN_TIME, 0 },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int64_t usec = 0;

		assert_int_equal(
			timer_judge(&cases[i].t, NOW, UPTIME, cases[i].overdue, cases[i].within, &usec),
			cases[i].fault);
		assert_int_equal(usec, cases[i].usec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
