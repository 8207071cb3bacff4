/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trend.h"

#include <math.h>

#define FIT_SPAN_USEC (6 * USEC_PER_HOUR)
#define FAR 4 /* a limit so many times as far from zero as all values is left out */
#define NEAR_ZERO 0.6 /* values that begin below this part of the greatest are shown from zero on */
#define STEADY 0.02 /* a range of less than this part of its values is noise */

/* ---- rings ---- */

static bool is_gap(const struct trend_point *p)
{
	return isnan(p->mean);
}

static void clear(struct trend_point *points, size_t n)
{
	for (size_t i = 0; i < n; i++)
		points[i] = (struct trend_point){ NAN, NAN, NAN };
}

void trend_init(struct trend *t)
{
	t->day = (struct trend_ring){ .n = TREND_DAY, .step_usec = SAMPLE_BUCKET_USEC };
	t->week = (struct trend_ring){ .n = TREND_WEEK, .step_usec = USEC_PER_HOUR };
	clear(t->day_points, TREND_DAY);
	clear(t->week_points, TREND_WEEK);
}

static struct trend_point *point_of(const struct trend_ring *r, struct trend_point *points, int64_t step)
{
	return &points[step % (int64_t)r->n];
}

/* The steps up to STEP begin, empty. */
static void move_to(struct trend_ring *r, struct trend_point *points, int64_t step)
{
	int64_t n = (int64_t)r->n;

	if (step <= r->newest && step > r->newest - n)
		return;
	if (step >= r->newest + n || step <= r->newest - n)
		clear(points, r->n);
	for (int64_t s = r->newest + 1; s <= step && s < r->newest + n; s++)
		clear(point_of(r, points, s), 1);
	r->newest = step;
	r->count = 0;
}

static bool reaches(const struct trend_ring *r, int64_t step)
{
	return step <= r->newest && step > r->newest - (int64_t)r->n;
}

static void widen(struct trend_point *p, float min, float max)
{
	p->min = min < p->min ? min : p->min;
	p->max = max > p->max ? max : p->max;
}

/* Only the newest point knows how many values it is the mean of; one that came late only widens its own. */
static void add(struct trend_ring *r, struct trend_point *points, double value, int64_t realtime_usec)
{
	int64_t step = realtime_usec / r->step_usec;
	float v = (float)value;

	move_to(r, points, step);
	if (!reaches(r, step))
		return;
	struct trend_point *p = point_of(r, points, step);
	if (is_gap(p)) {
		*p = (struct trend_point){ v, v, v };
		r->count = step == r->newest ? 1 : r->count;
		return;
	}
	widen(p, v, v);
	if (step == r->newest)
		p->mean += (v - p->mean) / (float)++r->count;
}

void trend_add(struct trend *t, double value, int64_t realtime_usec)
{
	if (!isfinite(value) || fabs(value) > 1e37 || realtime_usec <= 0 || realtime_usec > INT64_MAX / 2)
		return;
	add(&t->day, t->day_points, value, realtime_usec);
	add(&t->week, t->week_points, value, realtime_usec);
}

static void fill(struct trend_ring *r, struct trend_point *points, int64_t usec, const struct sample_bucket *b)
{
	int64_t step = usec / r->step_usec;

	if (r->newest == 0)
		move_to(r, points, step);
	if (b->count == 0 || !reaches(r, step) || !is_gap(point_of(r, points, step)))
		return;
	*point_of(r, points, step) = (struct trend_point){ (float)b->min, (float)b->mean, (float)b->max };
	if (step == r->newest)
		r->count = b->count;
}

void trend_restore(struct trend *t, const struct sample_hour *hour)
{
	struct sample_bucket whole = { 0 };

	for (size_t i = 0; i < SAMPLE_BUCKETS; i++) {
		fill(&t->day, t->day_points, hour->hour_usec + (int64_t)i * SAMPLE_BUCKET_USEC, &hour->buckets[i]);
		sample_merge(&whole, &hour->buckets[i]);
	}
	fill(&t->week, t->week_points, hour->hour_usec, &whole);
}

/* ---- views ---- */

static void view(const struct trend_ring *r, const struct trend_point *points, int64_t now_usec, struct trend_view *ret)
{
	/* Whatever the clock says, no sum of times overflows. */
	int64_t end = (now_usec < 0 ? 0 : now_usec > INT64_MAX / 2 ? INT64_MAX / 2 : now_usec) / r->step_usec;

	*ret = (struct trend_view){ .n = r->n, .step_usec = r->step_usec, .last = NAN,
		.since_usec = (end - (int64_t)r->n + 1) * r->step_usec };
	for (size_t i = 0; i < r->n; i++) {
		int64_t step = end - (int64_t)r->n + 1 + (int64_t)i;

		clear(&ret->points[i], 1);
		if (step > 0 && reaches(r, step))
			ret->points[i] = points[step % (int64_t)r->n];
		if (is_gap(&ret->points[i]))
			continue;
		ret->n_measured++;
		ret->last = ret->points[i].mean;
	}
}

void trend_day(const struct trend *t, int64_t now_usec, struct trend_view *ret)
{
	view(&t->day, t->day_points, now_usec, ret);
}

void trend_week(const struct trend *t, int64_t now_usec, struct trend_view *ret)
{
	view(&t->week, t->week_points, now_usec, ret);
}

/* ---- what they tell ---- */

struct sums {
	double n, x, y, xx, xy, yy;
	size_t first, last;
};

/* Around the first value, so that the squares of great numbers that hardly differ keep their digits. */
static struct sums sum_up(const struct trend_view *v, double origin)
{
	struct sums s = { .first = v->n };

	for (size_t i = 0; i < v->n; i++) {
		double x = (double)i, y = v->points[i].mean - origin;

		if (is_gap(&v->points[i]))
			continue;
		s.first = s.n > 0 ? s.first : i;
		s.last = i;
		s.n++;
		s.x += x;
		s.y += y;
		s.xx += x * x;
		s.xy += x * y;
		s.yy += y * y;
	}
	return s;
}

bool trend_fit(const struct trend_view *v, double *ret_slope)
{
	if (v->n_measured < 3)
		return false;
	struct sums s = sum_up(v, v->last);
	double xx = s.xx - s.x * s.x / s.n, xy = s.xy - s.x * s.y / s.n, yy = s.yy - s.y * s.y / s.n;
	int64_t span = (int64_t)(s.last - s.first) * v->step_usec;

	if (span < FIT_SPAN_USEC || !(xx > 0) || !(yy > 0) || xy * xy < yy * xx / 2)
		return false;
	*ret_slope = xy / xx / ((double)v->step_usec / USEC_PER_SEC);
	return true;
}

static double mean_of(const struct trend_view *v, size_t from, size_t to)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		if (is_gap(&v->points[i]))
			continue;
		sum += v->points[i].mean;
		n++;
	}
	return n ? sum / (double)n : NAN;
}

void trend_range_add(struct trend_range *r, double value)
{
	if (!isfinite(value))
		return;
	r->low = value < r->low ? value : r->low;
	r->high = value > r->high ? value : r->high;
}

static double farthest(const struct trend_range *r)
{
	return fabs(r->high) > fabs(r->low) ? fabs(r->high) : fabs(r->low);
}

/* What hardly changes is a flat line between zero and what can be; where that is not known or far away, in the middle. */
static void widen_range(struct trend_range *r, double max)
{
	double reach = farthest(r);

	if (r->high - r->low >= reach * STEADY && reach > 0)
		return;
	trend_range_add(r, 0);
	if (isfinite(max) && max >= r->high && max <= FAR * reach)
		trend_range_add(r, max);
	else
		trend_range_add(r, reach > 0 ? 2 * (r->high > 0 ? r->high : r->low) : 1);
}

struct trend_range trend_range(const struct trend_view *v, double warning, double critical, double max)
{
	struct trend_range r = { INFINITY, -INFINITY };
	const double limits[] = { warning, critical };

	for (size_t i = 0; i < v->n; i++) {
		trend_range_add(&r, v->points[i].min);
		trend_range_add(&r, v->points[i].max);
	}
	const double reach = FAR * farthest(&r);
	for (size_t i = 0; i < ELEMENTS(limits); i++)
		if (fabs(limits[i]) <= reach || reach <= 0)
			trend_range_add(&r, limits[i]);
	if (r.low >= 0 && r.low < NEAR_ZERO * r.high)
		r.low = 0;
	widen_range(&r, max);
	return r;
}

void trend_sparkline(struct buf *b, const struct trend_view *v, size_t n, const struct trend_range *range)
{
	for (size_t i = 0; i < n; i++) {
		double mean = mean_of(v, v->n * i / n, v->n * (i + 1) / n);
		double part = (mean - range->low) / (range->high - range->low) * 8;

		if (isnan(mean))
			buf_puts(b, "·");
		else /* U+2581 to U+2588 */
			buf_printf(b, "\xe2\x96%c", 0x81 + (part < 0 ? 0 : part >= 8 ? 7 : (int)part));
	}
}
