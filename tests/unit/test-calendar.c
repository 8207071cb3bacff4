/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Windows and moments of the week. The rules of a zone are written out (tzset(3)), so that no file of zones is needed but
 * where one day of history is the point. */
#include "test.h"

#include "../support/random.h"
#include "buf.h"
#include "calendar.h"
#include "clock.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0" /* half an hour in summer */
#define HAVANA "CST5CDT,M3.2.0/0,M11.1.0/1" /* changes at midnight, and back over it */
#define KATHMANDU "<+0545>-5:45"
#define SHANGHAI "CST-8"

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* "2026-03-29 01:59 UTC", or with seconds, in µs. */
static int64_t utc(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%d %H:%M", &tm);

	assert_non_null(rest);
	if (*rest == ':')
		rest = strptime(rest, ":%S", &tm);
	assert_string_equal(rest, "");
	return timegm(&tm) * USEC_PER_SEC;
}

static void assert_time(int64_t actual, const char *expected)
{
	int64_t wanted = utc(expected);
	char text[64];
	struct tm tm;

	if (actual == wanted)
		return;
	time_t t = (time_t)(actual / USEC_PER_SEC);
	strftime(text, sizeof(text), "%F %T", gmtime_r(&t, &tm));
	fail_msg("%s.%06d UTC, expected %s", actual == USEC_NEVER ? "never" : text, (int)(actual % USEC_PER_SEC), expected);
}

static struct calendar_windows windows(const char *const *texts)
{
	struct calendar_windows w = { 0 };

	for (; texts[w.n]; w.n++)
		assert_int_equal(calendar_parse_window(texts[w.n], &w.window[w.n]), 0);
	return w;
}

static struct calendar_moments moments(const char *const *texts)
{
	struct calendar_moments m = { 0 };

	for (; texts[m.n]; m.n++)
		assert_int_equal(calendar_parse_moment(texts[m.n], &m.moment[m.n]), 0);
	return m;
}

#define WINDOWS(...) windows((const char *const[]){ __VA_ARGS__, NULL })
#define MOMENTS(...) moments((const char *const[]){ __VA_ARGS__, NULL })

/* ---- Parsing */

enum { MON = 1, TUE = 2, WED = 4, THU = 8, FRI = 16, SAT = 32, SUN = 64, ALL = 127 };

static void windows_are_parsed(void **state)
{
	static const struct {
		const char *text;
		unsigned days;
		int from, to;
	} right[] = {
		{ "22:00-07:00", ALL, 22 * 60, 7 * 60 },
		{ "Mon-Fri 22:00-07:00", MON | TUE | WED | THU | FRI, 22 * 60, 7 * 60 },
		{ "Fri-Mon 00:00-24:00", FRI | SAT | SUN | MON, 0, 24 * 60 },
		{ "Sat,Sun 00:00-00:00", SAT | SUN, 0, 0 },
		{ "sun 8:05-9:59", SUN, 8 * 60 + 5, 9 * 60 + 59 },
		{ "TUE,THU,tue 1:00-2:00", TUE | THU, 60, 120 },
		{ "Mon-Wed,Sat 0:00-0:01", MON | TUE | WED | SAT, 0, 1 },
		{ "Wed-Wed 23:59-23:58", WED, 23 * 60 + 59, 23 * 60 + 58 },
		{ "Sun-Sat 1:00-1:01", ALL, 60, 61 },
		{ "Mon-Sun 1:00-1:01", ALL, 60, 61 },
		{ "  Mon - Tue ,\tSat   01:00 - 02:00\t", MON | TUE | SAT, 60, 120 },
		{ "\t1:00 -2:00", ALL, 60, 120 },
	};

	for (size_t i = 0; i < ELEMENTS(right); i++) {
		struct calendar_window w = { 0 };

		if (calendar_parse_window(right[i].text, &w) != 0)
			fail_msg("'%s' is refused", right[i].text);
		assert_int_equal(w.days, right[i].days);
		assert_int_equal(w.from_minute, right[i].from);
		assert_int_equal(w.to_minute, right[i].to);
	}
}

static void moments_are_parsed(void **state)
{
	static const struct {
		const char *text;
		unsigned days;
		int minute;
	} right[] = {
		{ "08:00", ALL, 480 }, { "8:00", ALL, 480 }, { "0:00", ALL, 0 }, { "23:59", ALL, 1439 },
		{ "Mon,Thu 08:00", MON | THU, 480 }, { "mon-fri 7:30", MON | TUE | WED | THU | FRI, 450 },
		{ " Sun 12:00 ", SUN, 720 },
	};

	for (size_t i = 0; i < ELEMENTS(right); i++) {
		struct calendar_moment m = { 0 };

		if (calendar_parse_moment(right[i].text, &m) != 0)
			fail_msg("'%s' is refused", right[i].text);
		assert_int_equal(m.days, right[i].days);
		assert_int_equal(m.minute, right[i].minute);
	}
}

static void nothing_else_is_parsed(void **state)
{
	static const char *const no_windows[] = {
		"", " ", "22:00", "22-7", "22:00-", "-07:00", "22:00-7", "22:00-07:60", "24:00-07:00", "22:00-24:01", "25:00-07:00",
		"22:0-07:00", "022:00-07:00", "22:000-07:00", "22:00--07:00", "22:00-07:00 x", "22:00-07:00-08:00", "22.00-07.00",
		"10pm-7am", "Mon", "Mon 22:00", "Mon-22:00-23:00", "Monday 1:00-2:00", "Mo 1:00-2:00", "Mon-Xyz 1:00-2:00",
		"Mon, 1:00-2:00", ",Mon 1:00-2:00", "Mon;Tue 1:00-2:00", "Mon..Fri 1:00-2:00", "Mon 1:00-2:00,3:00-4:00",
		"+1:00-2:00", "1 :00-2:00", "1:+0-2:00", "１:00-2:00", "99999999999:00-2:00",
	};
	static const char *const no_moments[] = {
		"", "8", "8:0", "24:00", "8:60", "08:00-09:00", "Mon", "Mon,", "Mon 8", "08:00 Mon", "08:00:00", "-8:00", "8:00am",
	};
	const struct calendar_window window = { 1, 2, 3 };
	const struct calendar_moment moment = { 1, 2 };

	for (size_t i = 0; i < ELEMENTS(no_windows); i++) {
		struct calendar_window w = window;

		if (calendar_parse_window(no_windows[i], &w) != -EINVAL)
			fail_msg("'%s' is no window", no_windows[i]);
		assert_memory_equal(&w, &window, sizeof(w));
	}
	for (size_t i = 0; i < ELEMENTS(no_moments); i++) {
		struct calendar_moment m = moment;

		if (calendar_parse_moment(no_moments[i], &m) != -EINVAL)
			fail_msg("'%s' is no moment", no_moments[i]);
		assert_memory_equal(&m, &moment, sizeof(m));
	}
}

/* ---- Windows */

static void nothing_is_covered_by_no_window(void **state)
{
	const struct calendar_windows w = { 0 };

	set_zone(BERLIN);
	assert_false(calendar_covers(&w, utc("2026-11-25 12:00")));
	assert_int_equal(calendar_end(&w, 12345), 12345);
	assert_int_equal(calendar_end(&w, USEC_NEVER), USEC_NEVER);
}

/* The first minute belongs to a window, its end does not. */
static void a_window_has_two_ends(void **state)
{
	struct calendar_windows w = WINDOWS("Wed 10:00-11:30");

	set_zone(SHANGHAI); /* 2026-11-25 was a Wednesday; 8 hours ahead */
	assert_false(calendar_covers(&w, utc("2026-11-25 02:00") - 1));
	assert_true(calendar_covers(&w, utc("2026-11-25 02:00")));
	assert_true(calendar_covers(&w, utc("2026-11-25 03:30") - 1));
	assert_false(calendar_covers(&w, utc("2026-11-25 03:30")));
	assert_false(calendar_covers(&w, utc("2026-11-24 02:30")));
	assert_false(calendar_covers(&w, utc("2026-11-26 02:30")));
	assert_time(calendar_end(&w, utc("2026-11-25 02:00")), "2026-11-25 03:30");
	assert_time(calendar_end(&w, utc("2026-11-25 03:29:59") + 999999), "2026-11-25 03:30");
	assert_int_equal(calendar_end(&w, utc("2026-11-25 03:30") + 7), utc("2026-11-25 03:30") + 7);
}

static void a_window_over_midnight_belongs_to_the_day_it_begins(void **state)
{
	struct calendar_windows w = WINDOWS("Sun 22:00-07:00");

	set_zone("UTC0"); /* 2026-11-29 was a Sunday */
	assert_false(calendar_covers(&w, utc("2026-11-29 06:59")));
	assert_false(calendar_covers(&w, utc("2026-11-29 21:59")));
	assert_true(calendar_covers(&w, utc("2026-11-29 22:00")));
	assert_true(calendar_covers(&w, utc("2026-11-30 00:00")));
	assert_true(calendar_covers(&w, utc("2026-11-30 06:59")));
	assert_false(calendar_covers(&w, utc("2026-11-30 07:00")));
	assert_false(calendar_covers(&w, utc("2026-11-30 22:00")));
	assert_time(calendar_end(&w, utc("2026-11-29 23:00")), "2026-11-30 07:00");
	assert_time(calendar_end(&w, utc("2026-11-30 03:00")), "2026-11-30 07:00");
}

static void windows_that_touch_or_overlap_are_one(void **state)
{
	struct calendar_windows touching = WINDOWS("Mon-Fri 18:00-24:00", "Tue-Sat 00:00-08:00", "Sat 08:00-09:00");
	struct calendar_windows overlapping = WINDOWS("22:00-07:00", "Sat,Sun 05:00-24:00", "Sun 23:00-09:00");
	struct calendar_windows gap = WINDOWS("10:00-11:00", "11:01-12:00");

	set_zone("UTC0"); /* 2026-11-27 was a Friday */
	assert_time(calendar_end(&touching, utc("2026-11-26 19:00")), "2026-11-27 08:00");
	assert_time(calendar_end(&touching, utc("2026-11-27 19:00")), "2026-11-28 09:00");
	assert_time(calendar_end(&overlapping, utc("2026-11-27 22:00")), "2026-11-30 09:00");
	assert_time(calendar_end(&overlapping, utc("2026-11-26 22:00")), "2026-11-27 07:00");
	assert_time(calendar_end(&gap, utc("2026-11-26 10:30")), "2026-11-26 11:00");
}

static void what_covers_the_week_never_ends(void **state)
{
	struct calendar_windows one = WINDOWS("00:00-24:00"), round = WINDOWS("09:17-09:17");
	struct calendar_windows many = WINDOWS("Mon-Fri 00:00-12:00", "12:00-00:00", "Fri 23:00-23:30", "Sat,Sun 0:00-12:00");
	struct calendar_windows nearly = WINDOWS("Mon-Sat 00:00-24:00", "Sun 00:00-23:59");

	set_zone(BERLIN);
	assert_int_equal(calendar_end(&one, utc("2026-03-28 12:00")), USEC_NEVER);
	assert_int_equal(calendar_end(&round, utc("2026-03-28 12:00")), USEC_NEVER);
	assert_int_equal(calendar_end(&many, utc("2026-03-28 12:00")), USEC_NEVER);
	assert_time(calendar_end(&nearly, utc("2026-11-30 12:00")), "2026-12-06 22:59");
	assert_time(calendar_end(&nearly, utc("2026-11-29 22:59")), "2026-11-29 22:59"); /* which it does not cover */
}

/* Berlin: 2026-03-29 02:00 CET is 03:00 CEST, 2026-10-25 03:00 CEST is 02:00 CET. */
static void a_night_is_shorter_or_longer_when_the_clocks_change(void **state)
{
	struct calendar_windows night = WINDOWS("22:00-07:00"), in_gap = WINDOWS("Sun 02:15-02:45"), to_gap = WINDOWS("Sun 01:00-02:30");

	set_zone(BERLIN);
	assert_time(calendar_end(&night, utc("2026-03-28 21:00")), "2026-03-29 05:00");
	assert_time(calendar_end(&night, utc("2026-10-24 20:00")), "2026-10-25 06:00");
	/* The clocks never show it. */
	for (int64_t t = utc("2026-03-28 12:00"); t < utc("2026-03-29 12:00"); t += USEC_PER_MINUTE)
		assert_false(calendar_covers(&in_gap, t));
	assert_time(calendar_end(&to_gap, utc("2026-03-29 00:00")), "2026-03-29 01:00");
	/* They show it twice: two windows, with a quarter of an hour before, and one between. */
	assert_time(calendar_end(&in_gap, utc("2026-10-25 00:20")), "2026-10-25 00:45");
	assert_false(calendar_covers(&in_gap, utc("2026-10-25 00:50")));
	assert_time(calendar_end(&in_gap, utc("2026-10-25 01:20")), "2026-10-25 01:45");
	assert_time(calendar_end(&to_gap, utc("2026-10-25 00:00")), "2026-10-25 00:30");
	assert_time(calendar_end(&to_gap, utc("2026-10-25 01:10")), "2026-10-25 01:30");
}

static void half_hours(void **state)
{
	struct calendar_windows night = WINDOWS("22:00-07:00");
	struct calendar_moments morning = MOMENTS("08:00"), skipped = MOMENTS("02:10");

	set_zone(LORD_HOWE); /* 2026-10-04 02:00 +10:30 is 02:30 +11, 2026-04-05 02:00 +11 is 01:30 +10:30 */
	assert_time(calendar_end(&night, utc("2026-10-03 12:00")), "2026-10-03 20:00");
	assert_time(calendar_end(&night, utc("2026-04-04 11:30")), "2026-04-04 20:30");
	assert_time(calendar_next(&morning, utc("2026-10-02 21:30")), "2026-10-03 21:00");
	assert_time(calendar_next(&skipped, utc("2026-10-03 12:00")), "2026-10-03 15:30");
	set_zone(KATHMANDU);
	assert_time(calendar_end(&night, utc("2026-10-03 18:00")), "2026-10-04 01:15");
	assert_time(calendar_next(&morning, utc("2026-10-03 18:00")), "2026-10-04 02:15");
}

/* ---- Moments */

static void moments_come_after(void **state)
{
	const struct calendar_moments none = { 0 };
	struct calendar_moments daily = MOMENTS("08:00"), weekly = MOMENTS("Mon,Thu 08:00"), two = MOMENTS("20:00", "Wed 06:30");

	set_zone(SHANGHAI);
	assert_int_equal(calendar_next(&none, utc("2026-11-25 00:00")), USEC_NEVER);
	assert_int_equal(calendar_next(&daily, USEC_NEVER), USEC_NEVER);
	assert_time(calendar_next(&daily, utc("2026-11-25 00:00") - 1), "2026-11-25 00:00");
	assert_time(calendar_next(&daily, utc("2026-11-25 00:00")), "2026-11-26 00:00");
	assert_time(calendar_next(&weekly, utc("2026-11-26 00:00")), "2026-11-30 00:00");
	assert_time(calendar_next(&weekly, utc("2026-11-26 00:00") - 1), "2026-11-26 00:00");
	assert_time(calendar_next(&two, utc("2026-11-23 12:00")), "2026-11-24 12:00");
	assert_time(calendar_next(&two, utc("2026-11-24 12:00")), "2026-11-24 22:30");
	assert_time(calendar_next(&two, utc("2026-11-24 22:30")), "2026-11-25 12:00");
	assert_time(calendar_next(&daily, utc("1969-12-31 00:00")), "1970-01-01 00:00");
	assert_time(calendar_next(&daily, utc("1969-12-30 00:00") - 1), "1969-12-30 00:00");
}

static void a_weekly_moment_comes_again_after_a_week(void **state)
{
	struct calendar_moments weekly = MOMENTS("Sun 23:30");

	set_zone(HAVANA); /* 2026-11-01 01:00 CDT is 00:00 CST */
	assert_time(calendar_next(&weekly, utc("2026-10-25 12:00")), "2026-10-26 03:30");
	assert_time(calendar_next(&weekly, utc("2026-10-26 03:30")), "2026-11-02 04:30");
	assert_time(calendar_next(&weekly, utc("2026-11-02 04:30")), "2026-11-09 04:30");
}

static void a_moment_in_the_gap_comes_behind_it(void **state)
{
	struct calendar_moments m = MOMENTS("02:30"), at_midnight = MOMENTS("00:00");

	set_zone(BERLIN);
	assert_time(calendar_next(&m, utc("2026-03-28 12:00")), "2026-03-29 01:00");
	assert_time(calendar_next(&m, utc("2026-03-29 01:00")), "2026-03-30 00:30");
	set_zone(NEW_YORK); /* 2026-03-08 02:00 EST is 03:00 EDT */
	assert_time(calendar_next(&m, utc("2026-03-07 12:00")), "2026-03-08 07:00");
	assert_time(calendar_next(&m, utc("2026-03-08 07:00")), "2026-03-09 06:30");
	set_zone(HAVANA); /* 2026-03-08 00:00 CST is 01:00 CDT */
	assert_time(calendar_next(&at_midnight, utc("2026-03-07 12:00")), "2026-03-08 05:00");
	assert_time(calendar_next(&at_midnight, utc("2026-03-08 05:00")), "2026-03-09 04:00");
}

static void a_moment_that_is_shown_twice_comes_once(void **state)
{
	struct calendar_moments m = MOMENTS("02:30"), one = MOMENTS("01:30"), late = MOMENTS("03:00");

	set_zone(BERLIN);
	assert_time(calendar_next(&m, utc("2026-10-24 12:00")), "2026-10-25 00:30");
	assert_time(calendar_next(&m, utc("2026-10-25 00:30")), "2026-10-26 01:30");
	assert_time(calendar_next(&m, utc("2026-10-25 01:10")), "2026-10-26 01:30"); /* 02:10, the second time */
	assert_time(calendar_next(&late, utc("2026-10-25 00:10")), "2026-10-25 02:00"); /* shown once, after the second hour */
	set_zone(NEW_YORK); /* 2026-11-01 02:00 EDT is 01:00 EST */
	assert_time(calendar_next(&one, utc("2026-10-31 12:00")), "2026-11-01 05:30");
	assert_time(calendar_next(&one, utc("2026-11-01 05:30")), "2026-11-02 06:30");
}

static bool has_zone(const char *zone)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "/usr/share/zoneinfo/%s", zone) > 0);
	if (access(path, R_OK) == 0)
		return true;
	print_message("skipped: there is no %s (tzdata)\n", path);
	return false;
}

/* Samoa had no 30 December 2011: the clocks went from Thursday 24:00 (UTC-10) to Saturday 00:00 (UTC+14). */
static void a_day_that_never_was(void **state)
{
	struct calendar_moments daily = MOMENTS("08:00"), friday = MOMENTS("Fri 08:00");
	struct calendar_windows thursday = WINDOWS("Thu 22:00-07:00"), weekend = WINDOWS("Sat,Sun 00:00-24:00");

	if (!has_zone("Pacific/Apia"))
		skip();
	set_zone("Pacific/Apia");
	assert_time(calendar_next(&daily, utc("2011-12-29 18:00")), "2011-12-30 10:00");
	assert_time(calendar_next(&daily, utc("2011-12-30 10:00")), "2011-12-30 18:00");
	assert_time(calendar_next(&friday, utc("2011-12-29 18:00")), "2011-12-30 10:00");
	assert_time(calendar_next(&friday, utc("2011-12-30 10:00")), "2012-01-05 18:00");
	assert_time(calendar_end(&thursday, utc("2011-12-30 09:00")), "2011-12-30 10:00");
	assert_time(calendar_end(&weekend, utc("2011-12-30 10:00")), "2012-01-01 10:00");
}

/* ---- Properties, against the plainest way to find the same: minute by minute over a year */

static const char *const zones[] = { "UTC0", BERLIN, NEW_YORK, LORD_HOWE, HAVANA, KATHMANDU, SHANGHAI };

#define MINUTES_OF_A_WEEK (7 * 24 * 60)

static void mark(bool *week, const struct calendar_windows *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct calendar_window *window = &w->window[i];
		int length = window->to_minute - window->from_minute;

		if (length <= 0)
			length += 24 * 60;
		for (int day = 0; day < 7; day++)
			for (int k = 0; window->days & 1U << day && k < length; k++)
				week[(day * 24 * 60 + window->from_minute + k) % MINUTES_OF_A_WEEK] = true;
	}
}

/* Minutes since the Monday before 1970. */
static int64_t wall_minute(int64_t usec)
{
	time_t t = (time_t)(usec / USEC_PER_SEC);
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	tm.tm_isdst = 0;
	return timegm(&tm) / 60 + INT64_C(3) * 24 * 60;
}

static unsigned some_days(struct random *r)
{
	return random_below(r, 3) == 0 ? ALL : 1 + (unsigned)random_below(r, 127);
}

static struct calendar_windows some_windows(struct random *r)
{
	struct calendar_windows w = { .n = 1 + (size_t)random_below(r, 4) };

	for (size_t i = 0; i < w.n; i++)
		w.window[i] = (struct calendar_window){ .days = some_days(r), .from_minute = (int)random_below(r, 24 * 4) * 15,
			.to_minute = (int)random_below(r, 24 * 4 + 1) * 15 };
	return w;
}

static struct calendar_moments some_moments(struct random *r)
{
	struct calendar_moments m = { .n = 1 + (size_t)random_below(r, 4) };

	for (size_t i = 0; i < m.n; i++)
		m.moment[i] = (struct calendar_moment){ some_days(r), (int)random_below(r, random_below(r, 2) ? 24 * 60 : 180) };
	return m;
}

static void ends_are_those_of_a_scan(void **state)
{
	const int64_t begin = utc("2026-01-01 00:00"), year = 365 * 24 * 60;
	struct random r = { 42 };

	for (size_t z = 0; z < 2 * ELEMENTS(zones); z++) {
		const char *zone = zones[z % ELEMENTS(zones)];
		struct calendar_windows w = some_windows(&r);
		bool week[MINUTES_OF_A_WEEK] = { false };
		int64_t end = begin + year * USEC_PER_MINUTE;
		bool is_known = false; /* the end of the stretch that is being scanned */

		set_zone(zone);
		mark(week, &w);
		/* Backwards, so that each stretch's end is known before its minutes. */
		for (int64_t t = end - USEC_PER_MINUTE; t >= begin; t -= USEC_PER_MINUTE) {
			bool covers = week[wall_minute(t) % MINUTES_OF_A_WEEK];
			int64_t within = t + random_below(&r, USEC_PER_MINUTE);

			if (!covers) {
				is_known = true;
				end = t;
			}
			if (random_below(&r, 4)) /* to save time */
				continue;
			if (calendar_covers(&w, within) != covers)
				fail_msg("%s: at %lld it is otherwise", zone, (long long)within);
			if (!covers)
				assert_int_equal(calendar_end(&w, within), within);
			else if (is_known && calendar_end(&w, within) != end)
				fail_msg("%s: %lld ends at %lld, not at %lld", zone, (long long)within, (long long)end,
					(long long)calendar_end(&w, within));
		}
	}
}

/* Has the clock come to a moment, which may be skipped, on its way over these minutes? */
static bool passes_moment(const struct calendar_moments *m, int64_t from, int64_t to)
{
	for (int64_t minute = from + 1; minute <= to; minute++)
		for (size_t i = 0; i < m->n; i++)
			if (m->moment[i].minute == minute % (24 * 60) && m->moment[i].days & 1U << minute / (24 * 60) % 7)
				return true;
	return false;
}

static void moments_are_those_of_a_scan(void **state)
{
	const int64_t begin = utc("2026-01-01 00:00"), end = utc("2027-01-01 00:00");
	struct random r = { 4711 };

	for (size_t z = 0; z < 3 * ELEMENTS(zones); z++) {
		const char *zone = zones[z % ELEMENTS(zones)];
		struct calendar_moments m = some_moments(&r);

		set_zone(zone);
		int64_t shown = wall_minute(begin), next = calendar_next(&m, begin), found = 0;
		for (int64_t t = begin + USEC_PER_MINUTE; t < end; t += USEC_PER_MINUTE) {
			int64_t wall = wall_minute(t);

			if (wall <= shown) /* set back: all that is shown for the second time */
				continue;
			if (passes_moment(&m, shown, wall) != (next == t))
				fail_msg("%s: %lld is the next one, not %lld", zone, (long long)next, (long long)t);
			shown = wall;
			if (next == t) {
				assert_int_equal(calendar_next(&m, t - 1), t);
				next = calendar_next(&m, t);
				found++;
			}
			assert_true(next > t);
			if (random_below(&r, 16) == 0)
				assert_int_equal(calendar_next(&m, t + random_below(&r, USEC_PER_MINUTE)), next);
		}
		assert_true(found >= 52);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_parsed),
		cmocka_unit_test(moments_are_parsed),
		cmocka_unit_test(nothing_else_is_parsed),
		cmocka_unit_test(nothing_is_covered_by_no_window),
		cmocka_unit_test(a_window_has_two_ends),
		cmocka_unit_test(a_window_over_midnight_belongs_to_the_day_it_begins),
		cmocka_unit_test(windows_that_touch_or_overlap_are_one),
		cmocka_unit_test(what_covers_the_week_never_ends),
		cmocka_unit_test(a_night_is_shorter_or_longer_when_the_clocks_change),
		cmocka_unit_test(half_hours),
		cmocka_unit_test(moments_come_after),
		cmocka_unit_test(a_weekly_moment_comes_again_after_a_week),
		cmocka_unit_test(a_moment_in_the_gap_comes_behind_it),
		cmocka_unit_test(a_moment_that_is_shown_twice_comes_once),
		cmocka_unit_test(a_day_that_never_was),
		cmocka_unit_test(ends_are_those_of_a_scan),
		cmocka_unit_test(moments_are_those_of_a_scan),
	};

	return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
