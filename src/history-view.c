/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Charts of metrics as lines; see history-view.h. */
#include "history-view.h"

#include "cleanup.h"
#include "clock.h"
#include "sparkline.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <math.h>

#define CHART_COLUMNS_LEAST 16 /* with fewer it gets a line of its own */

/* Widths of all lines; names and ranges stand beside the chart, or above it. */
struct columns {
	size_t name, chart, range;
	bool is_stacked;
};

static double number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool has_points(const json_t *series)
{
	return json_array_size(json_object_get(series, "points")) > 0;
}

static void put_member(struct buf *b, const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	text_clean(b, text ? text : "", 300);
}

/* "disk / used"; the item is not said twice when it is called like its check. */
static void put_name(struct buf *b, const json_t *series)
{
	put_member(b, series, "check");
	if (!json_equal(json_object_get(series, "check"), json_object_get(series, "item"))) {
		buf_putc(b, ' ');
		put_member(b, series, "item");
	}
	buf_putc(b, ' ');
	put_member(b, series, "metric");
}

/* "41 % … 96 %, limit 90 %" */
static void put_range(struct buf *b, const json_t *series)
{
	const char *unit = json_string_value(json_object_get(series, "unit"));
	double low = NAN, high = NAN, limit = number(series, "critical");
	const json_t *point;
	size_t i;

	json_array_foreach(json_object_get(series, "points"), i, point) {
		low = fmin(low, number(point, "min")); /* fmin() passes NAN over */
		high = fmax(high, number(point, "max"));
	}
	format_value(b, low, unit);
	if (high > low) {
		buf_puts(b, " … ");
		format_value(b, high, unit);
	}
	limit = isnan(limit) ? number(series, "warning") : limit;
	if (isnan(limit))
		return;
	buf_puts(b, _(", limit "));
	format_value(b, limit, unit);
}

/* The widest of what PUT says of the series that are shown. */
static size_t widest(const struct history_view *v, void (*put)(struct buf *b, const json_t *series))
{
	const json_t *series;
	size_t width = 0, i;

	json_array_foreach(v->series, i, series) {
		_cleanup_buf_ struct buf b = BUF(10000);

		if (!has_points(series))
			continue;
		put(&b, series);
		size_t columns = text_columns(buf_text(&b));
		width = columns > width ? columns : width;
	}
	return width;
}

static struct columns lay_out(const struct history_view *v)
{
	struct columns c = { .name = widest(v, put_name), .range = widest(v, put_range) };
	size_t columns = v->terminal.columns, most = columns / 3, used;

	c.name = c.name > most ? most : c.name;
	used = c.name + 2 + 2 + c.range;
	c.is_stacked = used + CHART_COLUMNS_LEAST > columns;
	c.chart = c.is_stacked ? columns > 3 ? columns - 2 : 1 : columns - used;
	c.chart = c.chart > HISTORY_VIEW_COLUMNS ? HISTORY_VIEW_COLUMNS : c.chart;
	return c;
}

/* Where a time lies in N columns. */
static size_t column_at(const struct history_view *v, int64_t usec, size_t n)
{
	double part = (double)(usec - v->since_usec) / (double)(v->until_usec - v->since_usec) * (double)n;

	return part < 0 ? 0 : part >= (double)n ? n : (size_t)part;
}

/* A point fills the columns of its time; each column shows the worse end of what was measured in it. */
static void read_points(const struct history_view *v, const json_t *series, bool low_is_bad, double *values, size_t n)
{
	int64_t step = json_integer_value(json_object_get(series, "step")) * USEC_PER_SEC, usec;
	const json_t *point;
	size_t i;

	for (i = 0; i < n; i++)
		values[i] = NAN;
	json_array_foreach(json_object_get(series, "points"), i, point) {
		const char *time = json_string_value(json_object_get(point, "time"));

		if (!time || parse_time_rfc3339(time, &usec) < 0)
			continue;
		size_t from = column_at(v, usec, n), to = column_at(v, usec + step, n);
		for (size_t at = from; at < n && at < (to > from ? to : from + 1); at++)
			values[at] = low_is_bad ? fmin(values[at], number(point, "min")) : fmax(values[at], number(point, "max"));
	}
}

static void put_chart(struct buf *b, const struct history_view *v, const json_t *series, size_t n)
{
	double values[HISTORY_VIEW_COLUMNS];
	const struct sparkline s = {
		.values = values, .n = n, .low = number(series, "min"), .high = number(series, "max"),
		.warning = number(series, "warning"), .critical = number(series, "critical"),
		.has_colour = v->terminal.has_colour, .has_blocks = v->terminal.has_blocks,
	};

	read_points(v, series, s.critical < s.warning, values, n);
	sparkline_append(b, &s);
}

static void put_beside(struct buf *b, const struct history_view *v, const struct columns *c, const json_t *series)
{
	_cleanup_buf_ struct buf name = BUF(10000);

	put_name(&name, series);
	text_pad(b, buf_text(&name), c->name);
	buf_puts(b, "  ");
	put_chart(b, v, series, c->chart);
	buf_puts(b, "  ");
	put_range(b, series);
	buf_putc(b, '\n');
}

static void put_stacked(struct buf *b, const struct history_view *v, const struct columns *c, const json_t *series)
{
	_cleanup_buf_ struct buf title = BUF(10000);

	put_name(&title, series);
	buf_puts(&title, ": ");
	put_range(&title, series);
	text_fit(b, buf_text(&title), v->terminal.columns);
	buf_puts(b, "\n  ");
	put_chart(b, v, series, c->chart);
	buf_putc(b, '\n');
}

void history_view_append_axis(struct buf *b, int64_t since_usec, int64_t until_usec, size_t columns)
{
	_cleanup_buf_ struct buf since = BUF(100);
	const char *now = _("now");
	size_t end = text_columns(now);

	format_clock(&since, since_usec, until_usec);
	if (columns > text_columns(buf_text(&since)) + end)
		text_pad(b, buf_text(&since), columns - end);
	else
		buf_printf(b, "%s ", buf_text(&since));
	buf_printf(b, "%s\n", now);
}

void history_view_append(struct buf *b, const struct history_view *v)
{
	struct columns c = lay_out(v);
	const json_t *series;
	size_t i;

	if (v->terminal.columns == 0 || c.name == 0 || v->until_usec <= v->since_usec)
		return;
	text_pad(b, "", c.is_stacked ? 2 : c.name + 2);
	history_view_append_axis(b, v->since_usec, v->until_usec, c.chart);
	json_array_foreach(v->series, i, series)
		if (has_points(series))
			(c.is_stacked ? put_stacked : put_beside)(b, v, &c, series);
}
