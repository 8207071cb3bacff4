/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last day and the last week of one metric, in memory, so that no mail waits for a disk before it can show them: about
 * 5 KiB. Pure. */
#pragma once

#include "buf.h"
#include "sample.h"

#define TREND_DAY 288 /* points of SAMPLE_BUCKET_USEC */
#define TREND_WEEK 168 /* points of an hour */

struct trend_point {
	float min, mean, max; /* NAN: nothing was measured */
};

/* The last N steps of time. */
struct trend_ring {
	int64_t newest; /* number of the newest step since 1970 */
	int64_t count; /* values in the newest point */
	size_t n;
	int64_t step_usec;
};

struct trend {
	struct trend_ring day, week;
	struct trend_point day_points[TREND_DAY], week_points[TREND_WEEK];
};

/* N points, the I-th of which covers STEP µs from SINCE + I × STEP on. */
struct trend_view {
	struct trend_point points[TREND_DAY];
	size_t n;
	int64_t since_usec, step_usec; /* realtime */
	size_t n_measured; /* points that are no gap */
	double last; /* mean of the newest one of those */
};

void trend_init(struct trend *t);

/* A value just measured. When the clock was set back by more than the trend reaches, it begins anew. */
void trend_add(struct trend *t, double value, int64_t realtime_usec);

/* An hour that was stored earlier: fills gaps only. */
void trend_restore(struct trend *t, const struct sample_hour *hour);

/* The points up to NOW, the one that has just begun included. */
void trend_day(const struct trend *t, int64_t now_usec, struct trend_view *ret);
void trend_week(const struct trend *t, int64_t now_usec, struct trend_view *ret);

/* The slope, as the change in a second, of the straight line that fits best (least squares). False where there is none to
 * speak of: less than six hours between the first and the last point, or a line that explains less than half of how the values
 * differ. */
bool trend_fit(const struct trend_view *v, double *ret_slope);

struct trend_range {
	double low, high;
};

/* What a picture of the view shows: all values, and limits (NAN: none) that are not so far away that the values would be a
 * line on the ground; from zero on where that is not far. What does not change, or by less than a fiftieth, is seen from zero to
 * MAX, the greatest value that is possible (NAN: not known), so that noise does not look like a mountain. The view must have a
 * value. */
struct trend_range trend_range(const struct trend_view *v, double warning, double critical, double max);
void trend_range_add(struct trend_range *r, double value);

/* Appends N characters from "▁" to "█", one for each N-th of the view; "·" where nothing was measured. */
void trend_sparkline(struct buf *b, const struct trend_view *v, size_t n, const struct trend_range *range);
