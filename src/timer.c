/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "timer.h"

static bool is_time(int64_t usec)
{
	return usec > 0 && usec < INT64_MAX;
}

/* For how long NEXT has passed; 0: not yet, or there is none. */
static int64_t passed(int64_t now_usec, int64_t next_usec)
{
	return is_time(next_usec) && now_usec > next_usec ? now_usec - next_usec : 0;
}

/* It elapses at the earlier of the two. */
static int64_t late_usec(const struct timer_times *t, int64_t now_realtime_usec, int64_t now_monotonic_usec)
{
	int64_t a = passed(now_realtime_usec, t->next_realtime_usec),
		b = passed(now_monotonic_usec, t->next_monotonic_usec), late = a > b ? a : b;
	int64_t accuracy = is_time(t->accuracy_usec) ? t->accuracy_usec : 0;

	return late > accuracy ? late - accuracy : 0;
}

/* A timer that never elapsed yet counts from when it became active. */
static int64_t idle_usec(const struct timer_times *t, int64_t now_usec)
{
	return passed(
		now_usec, is_time(t->last_realtime_usec) ? t->last_realtime_usec : t->active_since_usec);
}

enum timer_fault timer_judge(const struct timer_times *t, int64_t now_realtime_usec,
	int64_t now_monotonic_usec, int64_t overdue_usec, int64_t within_usec, int64_t *ret_usec)
{
	int64_t late = t->is_waiting ? late_usec(t, now_realtime_usec, now_monotonic_usec) : 0,
		runs = t->is_running && t->is_repeated ? passed(now_realtime_usec, t->last_realtime_usec) : 0,
		idle = idle_usec(t, now_realtime_usec);

	if (within_usec > 0 && idle > within_usec) {
		*ret_usec = idle;
		return TIMER_TOO_LONG_AGO;
	}
	if (overdue_usec > 0 && late > overdue_usec) {
		*ret_usec = late;
		return TIMER_NOT_STARTED;
	}
	if (overdue_usec > 0 && runs > overdue_usec) {
		*ret_usec = runs;
		return TIMER_STILL_RUNS;
	}
	return TIMER_IN_TIME;
}
