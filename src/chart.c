/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chart.h"

#include "canvas.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define MARGIN 14
#define LABEL_GAP 10
#define TIMES_GAP 12 /* from the plane to the times below it */
#define LABELS_APART 6
#define BOTTOM (CANVAS_TEXT_HEIGHT + TIMES_GAP + 4)
#define LINE_WIDTH 3.2
#define LIMIT_WIDTH 3
#define DOT_RADIUS 6
#define DOTS_APART 11
#define HATCH 14
#define INTERVALS 4 /* of the scale, about */
#define TICKS_MAX 12

/* How the numbers of the scale are written: VALUE / SIZE, and SUFFIX at the uppermost. */
struct scale_unit {
	double size;
	char suffix[40];
};

struct plot {
	const struct chart *chart;
	struct canvas canvas;
	int left, right, top, bottom; /* of the plane */
	double low, high, step; /* of the scale */
	struct scale_unit unit;
	int64_t since_usec, span_usec;
	size_t join; /* as many steps between two points are no gap */
};

/* ---- the scale ---- */

static double projected(const struct chart *c)
{
	return c->view->last + c->slope * ((double)c->view->n * (double)c->view->step_usec / 4 / USEC_PER_SEC);
}

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* That of the values, and of what is foreseen as far as it can be. */
static struct trend_range range_of(const struct chart *c)
{
	struct trend_range r = trend_range(c->view, c->warning, c->critical, c->max);

	if (isfinite(c->slope))
		trend_range_add(&r, clamp(projected(c), isfinite(c->min) ? c->min : -INFINITY, isfinite(c->max) ? c->max : INFINITY));
	return r;
}

/* Which unit is best for numbers up to HIGH. */
static struct scale_unit unit_for(const char *unit, double high)
{
	static const struct {
		const char *unit;
		double from, size;
		const char *suffix;
	} rows[] = {
		{ "B", 1024.0 * 1024 * 1024 * 1024, 1024.0 * 1024 * 1024 * 1024, "TiB" },
		{ "B", 1024.0 * 1024 * 1024, 1024.0 * 1024 * 1024, "GiB" },
		{ "B", 1024.0 * 1024, 1024.0 * 1024, "MiB" },
		{ "B", 1024, 1024, "KiB" },
		{ "s", 172800, 86400, "d" },
		{ "s", 7200, 3600, "h" },
		{ "s", 120, 60, "min" },
		{ "s", 1, 1, "s" },
		{ "s", 0, 0.001, "ms" },
		{ NULL, 1e10, 1e9, "G" },
		{ NULL, 1e7, 1e6, "M" },
		{ NULL, 1e4, 1e3, "k" },
		{ NULL, -INFINITY, 1, "" },
	};
	struct scale_unit u = { 1, "" };

	if (text_equal(unit, "c")) /* a counter */
		unit = "";
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		if ((rows[i].unit && !text_equal(rows[i].unit, unit)) || high < rows[i].from)
			continue;
		u.size = rows[i].size;
		snprintf(u.suffix, sizeof(u.suffix), "%s%.20s", rows[i].suffix, rows[i].unit || !unit ? "" : unit);
		break;
	}
	return u;
}

/* 1, 2, 2.5 or 5 times a power of ten, not less than VALUE. */
static double nice_step(double value)
{
	static const double steps[] = { 1, 2, 2.5, 5, 10 };
	double power = 1;
	size_t i = 0;

	while (power > value && power > 1e-300)
		power /= 10;
	while (power * 10 <= value)
		power *= 10;
	while (i + 1 < ELEMENTS(steps) && steps[i] * power < value)
		i++;
	return steps[i] * power;
}

/* Not floor(), which would need libm. */
static double floor_to(double value, double step)
{
	double whole = value / step;

	if (fabs(whole) > 1e15)
		return value;
	double below = (double)(int64_t)whole;
	return (below > whole ? below - 1 : below) * step;
}

static void choose_scale(struct plot *p)
{
	struct trend_range r = range_of(p->chart);

	p->unit = unit_for(p->chart->unit, fabs(r.high) > fabs(r.low) ? fabs(r.high) : fabs(r.low));
	p->step = nice_step((r.high - r.low) / INTERVALS / p->unit.size) * p->unit.size;
	p->low = floor_to(r.low, p->step);
	p->high = -floor_to(-r.high, p->step);
}

static double y_of(const struct plot *p, double value)
{
	double part = (value - p->low) / (p->high - p->low);

	return p->bottom - clamp(part, 0, 1) * (p->bottom - p->top);
}

static double x_of(const struct plot *p, int64_t usec)
{
	return p->left + (double)(usec - p->since_usec) / (double)p->span_usec * (p->right - p->left);
}

/* The middle of a step. */
static double x_of_point(const struct plot *p, size_t i)
{
	return x_of(p, p->chart->view->since_usec + (int64_t)i * p->chart->view->step_usec + p->chart->view->step_usec / 2);
}

/* ---- axes ---- */

static void format_tick(char text[static 64], const struct plot *p, double value, bool with_unit)
{
	double number = value / p->unit.size;

	if (fabs(number) < p->step / p->unit.size / 1000)
		number = 0; /* or it might be "-0" */
	snprintf(text, 64, "%.4g%s%s", number, with_unit && *p->unit.suffix ? " " : "", with_unit ? p->unit.suffix : "");
}

static size_t count_ticks(const struct plot *p)
{
	double n = (p->high - p->low) / p->step + 0.5;

	return n < TICKS_MAX ? (size_t)n : TICKS_MAX;
}

static int widest_tick(const struct plot *p)
{
	int width = 0;

	for (size_t i = 0, n = count_ticks(p); i <= n; i++) {
		char text[64];

		format_tick(text, p, p->low + (double)i * p->step, i == n);
		width = canvas_text_width(text) > width ? canvas_text_width(text) : width;
	}
	return width;
}

static void draw_scale(struct plot *p)
{
	for (size_t i = 0, n = count_ticks(p); i <= n; i++) {
		double value = p->low + (double)i * p->step;
		int y = (int)(y_of(p, value) + 0.5);
		char text[64];

		format_tick(text, p, value, i == n);
		canvas_rectangle(&p->canvas, CANVAS_GRID, p->left, y - 1, p->right, y + 1);
		canvas_text(&p->canvas, CANVAS_TEXT, p->left - LABEL_GAP - canvas_text_width(text), y - CANVAS_TEXT_HEIGHT / 2, text);
	}
}

static bool is_in_scale(const struct plot *p, double value)
{
	return isfinite(value) && value >= p->low && value <= p->high;
}

static void format_limit(char text[static 64], const struct plot *p, double value)
{
	double number = value / p->unit.size;

	snprintf(text, 64, "%.*g", fabs(number) < 100 ? 3 : 4, number);
}

static int limit_width(const struct plot *p, double value)
{
	char text[64];

	if (!is_in_scale(p, value))
		return 0;
	format_limit(text, p, value);
	return canvas_text_width(text) + LABEL_GAP;
}

/* Beside its line. */
static int label_top(const struct plot *p, double limit)
{
	return is_in_scale(p, limit) ? (int)(y_of(p, limit) + 0.5) - CANVAS_TEXT_HEIGHT / 2 : 0;
}

/* The line of a limit, and at its right, from TOP on, what it is. */
static void draw_limit(struct plot *p, double value, enum canvas_ink ink, int dash, int top)
{
	char text[64];

	if (!is_in_scale(p, value))
		return;
	int y = (int)(y_of(p, value) + 0.5);
	for (int x = p->left; x < p->right; x += dash + dash / 2)
		canvas_rectangle(&p->canvas, ink, x, y - LIMIT_WIDTH / 2, x + dash < p->right ? x + dash : p->right,
			y + (LIMIT_WIDTH + 1) / 2);
	format_limit(text, p, value);
	canvas_text(&p->canvas, ink, p->right + LABEL_GAP, top, text);
}

/* The tops of two labels that are too near to each other: moved apart, but not past the edge or onto the times. */
static void move_apart(const struct plot *p, int *upper, int *lower)
{
	int least = CANVAS_TEXT_HEIGHT + LABELS_APART, top = (*upper + *lower - least) / 2;

	if (*lower - *upper >= least)
		return;
	*upper = (int)clamp(top, 0, p->bottom + TIMES_GAP - LABELS_APART - CANVAS_TEXT_HEIGHT - least);
	*lower = *upper + least;
}

/* Warning is dashed, critical is not: nobody need see their colours. */
static void draw_limits(struct plot *p)
{
	const struct chart *c = p->chart;
	bool is_one = c->warning == c->critical;
	int warning = label_top(p, c->warning), critical = label_top(p, c->critical);

	if (!is_one && is_in_scale(p, c->warning) && is_in_scale(p, c->critical))
		move_apart(p, c->warning > c->critical ? &warning : &critical, c->warning > c->critical ? &critical : &warning);
	if (!is_one)
		draw_limit(p, c->warning, CANVAS_WARNING, 14, warning);
	draw_limit(p, c->critical, CANVAS_CRITICAL, CHART_WIDTH, critical);
}

/* Writes TEXT under X unless that comes too near to what is written already. */
static void write_time(struct plot *p, int x, const char *text, int *written_to)
{
	int width = canvas_text_width(text), begin = x - width / 2;

	if (begin < *written_to || begin + width > CHART_WIDTH - 4)
		return;
	canvas_text(&p->canvas, CANVAS_TEXT, begin, p->bottom + TIMES_GAP, text);
	*written_to = begin + width + 3 * LABEL_GAP;
}

/* Lines at every sixth hour of the day, or at midnights, of the local time zone. */
static void draw_times(struct plot *p)
{
	bool is_day = p->span_usec <= 2 * USEC_PER_DAY;
	int every = is_day ? 6 : 24, written_to = p->left;
	/* Where four times a day have no room, two. */
	int written_every = is_day && (p->right - p->left) * 6 * USEC_PER_HOUR / p->span_usec < 9 * LABEL_GAP ? 12 : every;

	for (int64_t usec = sample_hour_of(p->since_usec); usec <= p->since_usec + p->span_usec; usec += USEC_PER_HOUR / 4) {
		time_t seconds = (time_t)(usec / USEC_PER_SEC);
		struct tm tm = { 0 };
		char text[16];

		localtime_r(&seconds, &tm);
		if (usec < p->since_usec || tm.tm_min || tm.tm_sec || tm.tm_hour % every)
			continue;
		int x = (int)(x_of(p, usec) + 0.5);
		canvas_rectangle(&p->canvas, CANVAS_GRID, x - 1, p->top, x + 1, p->bottom);
		strftime(text, sizeof(text), is_day ? "%H:%M" : "%m-%d", &tm);
		if (tm.tm_hour % written_every == 0)
			write_time(p, x, text, &written_to);
	}
}

/* ---- the course ---- */

static void hatch(struct plot *p, double from, double to)
{
	int left = (int)clamp(from, p->left, p->right), right = (int)clamp(to, p->left, p->right);

	for (int y = p->top; y < p->bottom; y++)
		for (int x = left; x < right; x++)
			if ((x + y) % HATCH < 2)
				canvas_rectangle(&p->canvas, CANVAS_GRID, x, y, x + 1, y + 1);
}

static double between(double a, double b, double part)
{
	return a + (b - a) * part;
}

/* What lies under the line from point A to point B, column by column. */
static void draw_area(struct plot *p, size_t a, size_t b)
{
	const struct trend_point *from = &p->chart->view->points[a], *to = &p->chart->view->points[b];
	double x1 = x_of_point(p, a), x2 = x_of_point(p, b);

	for (int x = (int)x1; x < (int)x2; x++) {
		double part = clamp((x - x1) / (x2 - x1), 0, 1);
		int top = (int)(y_of(p, between(from->max, to->max, part)) + 0.5);
		int mean = (int)(y_of(p, between(from->mean, to->mean, part)) + 0.5);
		int low = (int)(y_of(p, between(from->min, to->min, part)) + 0.5);

		if (p->low <= 0 && p->high > 0) {
			int zero = (int)(y_of(p, 0) + 0.5);

			canvas_rectangle(&p->canvas, CANVAS_AREA, x, mean < zero ? mean : zero, x + 1, mean < zero ? zero : mean);
		}
		canvas_rectangle(&p->canvas, CANVAS_BAND, x, top, x + 1, low);
	}
}

static void draw_line(struct plot *p, size_t a, size_t b)
{
	const struct trend_view *v = p->chart->view;

	canvas_line(&p->canvas, CANVAS_LINE, LINE_WIDTH, x_of_point(p, a), y_of(p, v->points[a].mean), x_of_point(p, b),
		y_of(p, v->points[b].mean));
}

static void draw_gap(struct plot *p, size_t a, size_t b)
{
	hatch(p, x_of_point(p, a) + DOT_RADIUS, x_of_point(p, b) - DOT_RADIUS);
}

/* Calls JOINED for two points one after the other, and APART for two with a gap between them. */
static void walk(struct plot *p, void (*joined)(struct plot *p, size_t a, size_t b), void (*apart)(struct plot *p, size_t a, size_t b))
{
	const struct trend_view *v = p->chart->view;
	size_t last = SIZE_MAX;

	for (size_t i = 0; i < v->n; i++) {
		if (isnan(v->points[i].mean))
			continue;
		if (last != SIZE_MAX && i - last <= p->join)
			joined(p, last, i);
		else if (last != SIZE_MAX && apart)
			apart(p, last, i);
		last = i;
	}
}

static size_t first_point(const struct trend_view *v)
{
	size_t i = 0;

	while (isnan(v->points[i].mean))
		i++;
	return i;
}

static size_t last_point(const struct trend_view *v)
{
	size_t i = v->n - 1;

	while (isnan(v->points[i].mean))
		i--;
	return i;
}

static void draw_course(struct plot *p)
{
	const struct trend_view *v = p->chart->view;
	size_t first = first_point(v), last = last_point(v);

	walk(p, draw_area, draw_gap);
	if (first > p->join)
		hatch(p, p->left, x_of_point(p, first) - DOT_RADIUS);
	if (v->n - 1 - last > p->join)
		hatch(p, x_of_point(p, last) + DOT_RADIUS, x_of(p, v->since_usec + (int64_t)v->n * v->step_usec));
}

static void dot(struct plot *p, double radius, double x, double y)
{
	canvas_line(&p->canvas, CANVAS_LINE, 2 * radius, x, y, x, y);
}

/* From the last value on, in dots, until it can go no further. */
static void draw_projection(struct plot *p)
{
	const struct chart *c = p->chart;
	double x1 = x_of_point(p, last_point(c->view)), per_pixel;

	if (!isfinite(c->slope))
		return;
	per_pixel = c->slope * (double)p->span_usec / USEC_PER_SEC / (p->right - p->left);
	for (double x = x1 + 2 * DOTS_APART; x < p->right; x += DOTS_APART) {
		double value = c->view->last + per_pixel * (x - x1);

		if (value > p->high || value < p->low || value > c->max || value < c->min)
			return;
		dot(p, LINE_WIDTH / 2 + 0.6, x, y_of(p, value));
	}
}

static void draw_values(struct plot *p)
{
	const struct trend_view *v = p->chart->view;
	size_t last = last_point(v);

	for (size_t i = 0; i < v->n; i++) /* one alone has no line */
		if (!isnan(v->points[i].mean))
			dot(p, LINE_WIDTH / 2, x_of_point(p, i), y_of(p, v->points[i].mean));
	walk(p, draw_line, NULL);
	draw_projection(p);
	dot(p, DOT_RADIUS, x_of_point(p, last), y_of(p, v->points[last].mean));
}

static void lay_out(struct plot *p)
{
	const struct chart *c = p->chart;
	const struct trend_view *v = c->view;
	int warning, critical;

	p->since_usec = v->since_usec;
	p->span_usec = (int64_t)v->n * v->step_usec;
	p->join = 1;
	if (c->interval_usec > 0)
		p->join += c->interval_usec < p->span_usec ? (size_t)(2 * c->interval_usec / v->step_usec) : v->n;
	if (isfinite(c->slope))
		p->span_usec += p->span_usec / 4;
	choose_scale(p);
	warning = limit_width(p, c->warning);
	critical = limit_width(p, c->critical);
	p->left = widest_tick(p) + LABEL_GAP + 4;
	p->right = CHART_WIDTH - MARGIN - (warning > critical ? warning : critical);
	p->top = MARGIN;
	p->bottom = CHART_HEIGHT - BOTTOM;
}

int chart_draw(struct buf *b, const struct chart *c)
{
	_cleanup_canvas_ struct canvas canvas = { 0 };
	struct plot p = { .chart = c };
	int r = c->view->n_measured ? canvas_new(CHART_WIDTH, CHART_HEIGHT, &canvas) : -EINVAL;

	if (r < 0)
		return r;
	p.canvas = canvas;
	lay_out(&p);
	draw_scale(&p);
	draw_times(&p);
	draw_course(&p);
	draw_limits(&p);
	draw_values(&p);
	return canvas_png(&canvas, b);
}
