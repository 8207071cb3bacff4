/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of the week by the clock on the wall; see calendar.h. All that is asked of the C library is the offset of the
 * zone at a time. That of glibc reads the rules at tzset(3) and at the first localtime_r(3), and no file after that:
 * a loop that must not block calls tzset() before it begins. */
#include "calendar.h"

#include "cleanup.h"
#include "clock.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_MINUTES (24 * 60)
#define WEEK_MINUTES (7 * DAY_MINUTES)
#define DAY_SECONDS INT64_C(86400)
#define EVERY_DAY 0x7fU

/* ---- Parsing: each scanner moves TEXT behind what it took, or returns false. */

static void skip_blanks(const char **text)
{
	*text += strspn(*text, " \t");
}

static bool scan_char(const char **text, char c)
{
	skip_blanks(text);
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool scan_day(const char **text, int *ret)
{
	static const char names[][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

	skip_blanks(text);
	for (int i = 0; i < (int)ELEMENTS(names); i++) {
		if (strncasecmp(*text, names[i], 3) == 0 && !isalpha((unsigned char)(*text)[3])) {
			*text += 3;
			*ret = i;
			return true;
		}
	}
	return false;
}

/* "Mon", or "Fri-Mon". */
static bool scan_days(const char **text, unsigned *days)
{
	int first, last;

	if (!scan_day(text, &first))
		return false;
	last = first;
	if (scan_char(text, '-') && !scan_day(text, &last))
		return false;
	*days |= 1U << last;
	for (int i = first; i != last; i = (i + 1) % 7)
		*days |= 1U << i;
	return true;
}

/* What stands before the hours; every day when nothing does. */
static bool scan_day_list(const char **text, unsigned *ret)
{
	unsigned days = 0;

	skip_blanks(text);
	if (!isalpha((unsigned char)**text)) {
		*ret = EVERY_DAY;
		return true;
	}
	do {
		if (!scan_days(text, &days))
			return false;
	} while (scan_char(text, ','));
	*ret = days;
	return true;
}

static bool scan_digits(const char **text, size_t least, size_t most, int *ret)
{
	size_t n = 0;
	int value = 0;

	for (; n < most && isdigit((unsigned char)**text); n++)
		value = value * 10 + *(*text)++ - '0';
	*ret = value;
	return n >= least;
}

/* "8:00" or "08:00", up to 24:00. */
static bool scan_minute(const char **text, int *ret)
{
	int hour, minute;

	skip_blanks(text);
	if (!scan_digits(text, 1, 2, &hour) || **text != ':')
		return false;
	++*text;
	if (!scan_digits(text, 2, 2, &minute))
		return false;
	*ret = hour * 60 + minute;
	return minute < 60 && *ret <= DAY_MINUTES;
}

static bool at_end(const char **text)
{
	skip_blanks(text);
	return **text == '\0';
}

int calendar_parse_window(const char *text, struct calendar_window *ret)
{
	struct calendar_window w;

	if (!scan_day_list(&text, &w.days) || !scan_minute(&text, &w.from_minute) || w.from_minute == DAY_MINUTES ||
		!scan_char(&text, '-') || !scan_minute(&text, &w.to_minute) || !at_end(&text))
		return -EINVAL;
	*ret = w;
	return 0;
}

int calendar_parse_moment(const char *text, struct calendar_moment *ret)
{
	struct calendar_moment m;

	if (!scan_day_list(&text, &m.days) || !scan_minute(&text, &m.minute) || m.minute == DAY_MINUTES || !at_end(&text))
		return -EINVAL;
	*ret = m;
	return 0;
}

/* ---- The clock on the wall, in seconds since 1970 as it would count them. */

/* How far it is ahead of UTC at a time. */
static int64_t offset_at(int64_t seconds)
{
	const time_t t = (time_t)seconds;
	struct tm tm;

	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

/* The first second behind FROM, no later than TO, with another offset; TO when there is none. Clocks are not changed twice
 * within a day or two. */
static int64_t find_change(int64_t from, int64_t to)
{
	int64_t before = offset_at(from);

	if (offset_at(to) == before)
		return to;
	while (to - from > 1) {
		int64_t middle = from + (to - from) / 2;

		if (offset_at(middle) == before)
			from = middle;
		else
			to = middle;
	}
	return to;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The bit of a day since 1970-01-01, which was a Thursday. */
static unsigned day_bit(int64_t day)
{
	return 1U << (day + 3 - 7 * floor_div(day + 3, 7));
}

/* Minutes since Monday 00:00, and the seconds that have passed of this one. */
static int minute_of_week(int64_t wall, int64_t *ret_seconds)
{
	int64_t minutes = floor_div(wall, 60);

	*ret_seconds = wall - 60 * minutes;
	minutes += 3 * DAY_MINUTES;
	return (int)(minutes - WEEK_MINUTES * floor_div(minutes, WEEK_MINUTES));
}

/* ---- Windows */

/* For how many more minutes does W cover this minute of the week? 0: it does not. */
static int covered_by(const struct calendar_window *w, int minute_of_week)
{
	int day = minute_of_week / DAY_MINUTES, minute = minute_of_week % DAY_MINUTES;
	bool over_midnight = w->to_minute <= w->from_minute;
	int left = 0;

	if (over_midnight && (w->days & 1U << (day + 6) % 7) && minute < w->to_minute)
		left = w->to_minute - minute;
	if ((w->days & 1U << day) && minute >= w->from_minute && (over_midnight || minute < w->to_minute))
		left = w->to_minute + (over_midnight ? DAY_MINUTES : 0) - minute;
	return left;
}

/* The same for all of them together, WEEK_MINUTES: for ever. */
static int covered(const struct calendar_windows *w, int minute_of_week)
{
	int sum = 0, more;

	do {
		more = 0;
		for (size_t i = 0; i < w->n && more == 0; i++)
			more = covered_by(&w->window[i], (minute_of_week + sum) % WEEK_MINUTES);
		sum += more;
	} while (more > 0 && sum < WEEK_MINUTES);
	return sum < WEEK_MINUTES ? sum : WEEK_MINUTES;
}

bool calendar_covers(const struct calendar_windows *w, int64_t realtime_usec)
{
	int64_t now = floor_div(realtime_usec, USEC_PER_SEC), passed;

	return w->n > 0 && covered(w, minute_of_week(now + offset_at(now), &passed)) > 0;
}

int64_t calendar_end(const struct calendar_windows *w, int64_t realtime_usec)
{
	const int64_t begin = floor_div(realtime_usec, USEC_PER_SEC), last = floor_div(USEC_NEVER, USEC_PER_SEC) - DAY_SECONDS;

	for (int64_t now = begin; w->n > 0 && now < last;) {
		int64_t passed;
		int minutes = covered(w, minute_of_week(now + offset_at(now), &passed));

		if (minutes == WEEK_MINUTES)
			return USEC_NEVER;
		if (minutes == 0)
			return now == begin ? realtime_usec : now * USEC_PER_SEC;
		/* As far as the clock runs on undisturbed; where it is changed, look again what it shows. */
		int64_t left = minutes * INT64_C(60) - passed;
		now = find_change(now, now + (left < DAY_SECONDS ? left : DAY_SECONDS));
	}
	return w->n > 0 ? USEC_NEVER : realtime_usec;
}

/* ---- Moments */

/* When the clock shows WALL, or more, for the first time. The offset of a zone is less than a day. */
static int64_t first_shown(int64_t wall)
{
	int64_t from = wall - DAY_SECONDS, to = wall + DAY_SECONDS, before = offset_at(from), after = offset_at(to);

	if (before == after)
		return wall - before;
	int64_t change = find_change(from, to);
	if (wall - before < change)
		return wall - before;
	return wall - after > change ? wall - after : change;
}

/* The first moment of DAY (since 1970-01-01) that is later than AFTER; INT64_MAX: none. In seconds. */
static int64_t next_on_day(const struct calendar_moments *m, int64_t day, int64_t after)
{
	int64_t best = INT64_MAX;

	for (size_t i = 0; i < m->n; i++) {
		if (!(m->moment[i].days & day_bit(day)))
			continue;
		int64_t time = first_shown(day * DAY_SECONDS + m->moment[i].minute * INT64_C(60));

		if (time > after && time < best)
			best = time;
	}
	return best;
}

int64_t calendar_next(const struct calendar_moments *m, int64_t after_usec)
{
	int64_t after = floor_div(after_usec, USEC_PER_SEC);
	int64_t today = floor_div(after + offset_at(after), DAY_SECONDS);

	/* A day of the week comes again after 7 days, but not later than now where clocks are set back over midnight. */
	for (int64_t day = today; day <= today + 8; day++) {
		int64_t time = next_on_day(m, day, after);

		if (time < USEC_NEVER / USEC_PER_SEC)
			return time * USEC_PER_SEC;
	}
	return USEC_NEVER;
}
