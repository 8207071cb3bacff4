/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of the week in the local time zone: windows ("Mon-Fri 22:00-07:00") and moments ("Mon,Thu 08:00"). Pure but for
 * the rules of the time zone, which the C library keeps after the first use: nothing here reads a file (mktime(3) would:
 * only localtime_r(3) is used).
 *
 * Days are English, three letters in any case, as in systemd.time(7): Mon Tue Wed Thu Fri Sat Sun, lists and ranges
 * ("Sat,Sun", "Mon-Fri", "Fri-Mon"); none: every day. Hours are 00:00 to 24:00. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A window that ends no later than it begins ends on the next day; it belongs to the day on which it begins. By the
 * clock on the wall: "22:00-07:00" is an hour shorter or longer when the clocks change. */
struct calendar_window {
	unsigned days; /* bit 0: Monday … bit 6: Sunday */
	int from_minute, to_minute; /* of the day */
};

struct calendar_moment {
	unsigned days;
	int minute;
};

#define CALENDAR_MAX 32

struct calendar_windows {
	struct calendar_window window[CALENDAR_MAX];
	size_t n; /* 0: never */
};

struct calendar_moments {
	struct calendar_moment moment[CALENDAR_MAX];
	size_t n;
};

/* 0, or -EINVAL. The output is touched only on success. */
int calendar_parse_window(const char *text, struct calendar_window *ret);
int calendar_parse_moment(const char *text, struct calendar_moment *ret);

/* Does a window cover this time? */
bool calendar_covers(const struct calendar_windows *w, int64_t realtime_usec);

/* The end of the stretch that covers this time, over windows that touch or overlap. The time itself when none does;
 * USEC_NEVER when they leave nothing of the week. */
int64_t calendar_end(const struct calendar_windows *w, int64_t realtime_usec);

/* The first moment after AFTER (never equal to it); USEC_NEVER without moments. A moment that the clocks skip in spring
 * comes when they have skipped it; one that they show twice in autumn comes the first time only. */
int64_t calendar_next(const struct calendar_moments *m, int64_t after_usec);
