/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a timer of systemd does what it should. Pure: it gets what the service manager told, and the time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the interface org.freedesktop.systemd1.Timer tells. The times are microseconds; 0 and INT64_MAX: none.
 */
struct timer_times {
	bool is_waiting, is_running; /* for its time; for the unit that it started to end */
	bool is_repeated; /* it has a calendar, so the unit is a job that ends, and no service that stays */
	int64_t next_realtime_usec, next_monotonic_usec; /* when it elapses next */
	int64_t accuracy_usec;      /* so much later it may elapse by its own configuration */
	int64_t last_realtime_usec; /* when it started its unit */
	int64_t active_since_usec;  /* CLOCK_REALTIME */
};

enum timer_fault {
	TIMER_IN_TIME,
	TIMER_NOT_STARTED,  /* its time has passed, and nothing happened */
	TIMER_STILL_RUNS,   /* the unit that it started does not end, so it is not started again */
	TIMER_TOO_LONG_AGO, /* it has not started its unit for too long */
};

/* OVERDUE_USEC: how long the first two may last; WITHIN_USEC: how long ago the last start may be, or 0.
 * *ret_usec is for how long it is so. */
enum timer_fault timer_judge(const struct timer_times *t, int64_t now_realtime_usec,
	int64_t now_monotonic_usec, int64_t overdue_usec, int64_t within_usec, int64_t *ret_usec);
