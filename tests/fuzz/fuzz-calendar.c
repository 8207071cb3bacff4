/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as windows and moments of the week, one in a line, at any time in one of some zones: what is parsed keeps its
 * bounds, and what is said of it agrees with itself. The first line is the number of a zone and a time in s. */
#include "calendar.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const zones[] = {
	"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
	"CST5CDT,M3.2.0/0,M11.1.0/1", "<+14>-14", "<-12>12", "<+0545>-5:45",
};

#define TIME_MAX INT64_C(100000000000) /* s; some thousand years */

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void set_zone(size_t number)
{
	setenv("TZ", zones[number % (sizeof(zones) / sizeof(*zones))], 1);
	tzset();
}

static void require_window(const struct calendar_window *w)
{
	require(w->days > 0 && w->days < 128 && w->from_minute >= 0 && w->from_minute < 1440);
	require(w->to_minute >= 0 && w->to_minute <= 1440);
}

static void require_end(const struct calendar_windows *w, int64_t now)
{
	int64_t end = calendar_end(w, now);

	require(end >= now && (end > now) == calendar_covers(w, now));
	if (end == now)
		return;
	for (int64_t i = 0; i < 16; i++)
		require(calendar_covers(w, end == USEC_NEVER ? now + i * USEC_PER_HOUR : now + (end - 1 - now) / 15 * i));
	require(end == USEC_NEVER || !calendar_covers(w, end));
}

static void require_next(const struct calendar_moments *m, int64_t now)
{
	int64_t next = calendar_next(m, now);

	require(next > now && (next == USEC_NEVER) == (m->n == 0));
	if (m->n == 0)
		return;
	require(next - now <= 9 * USEC_PER_DAY);
	require(calendar_next(m, next - 1) == next && calendar_next(m, now + (next - now) / 2) == next);
}

static void read_line(const char *line, struct calendar_windows *w, struct calendar_moments *m)
{
	if (w->n < CALENDAR_MAX && calendar_parse_window(line, &w->window[w->n]) == 0)
		require_window(&w->window[w->n++]);
	if (m->n < CALENDAR_MAX && calendar_parse_moment(line, &m->moment[m->n]) == 0) {
		require(m->moment[m->n].days > 0 && m->moment[m->n].days < 128);
		require(m->moment[m->n].minute >= 0 && m->moment[m->n].minute < 1440);
		m->n++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = strndup((const char *)data, len), *rest = text, *line;
	struct calendar_windows w = { 0 };
	struct calendar_moments m = { 0 };
	long long seconds = 0;
	unsigned zone = 0;

	if (!text)
		return 0;
	if (sscanf(text, "%u %lld", &zone, &seconds) < 2 || seconds > TIME_MAX || seconds < -TIME_MAX)
		seconds = 0;
	set_zone(zone);
	while ((line = strsep(&rest, "\n")))
		read_line(line, &w, &m);
	require_end(&w, seconds * USEC_PER_SEC);
	require_next(&m, seconds * USEC_PER_SEC);
	free(text);
	return 0;
}
