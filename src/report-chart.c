/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which metrics are shown over time, and what is said of them in numbers: a mail reader that shows no pictures has those. */
#include "report-internal.h"

#include "chart.h"

#include <errno.h>
#include <math.h>

#define SPARK_CHARACTERS 24 /* an hour each */
#define METRICS_MAX 3 /* of one item */
#define CHARTS_MAX (METRICS_MAX + 1)
#define WEEK_HOURS_MIN 30 /* before that a week shows hardly more than a day */
#define FULL_MAX_USEC (60 * USEC_PER_DAY)
#define NAME_BYTES 3000 /* more than is shown of a name, in characters of 4 bytes */
#define NUMBERS_BYTES 600
#define MAIL_BYTES 200000
#define HEADERS_BYTES 4000

/* The sentences of this file. */
#define SAY_DAY _("%s, 24 h")
#define SAY_WEEK _("%s, 7 days")
#define SAY_OF_ITEM "%s: %s"
#define SAY_RANGE _("%s to %s, now %s")
#define SAY_FULL_IN _(", at the pace of this week %s in %s") /* a check may know a pace of the last hours */
#define SAY_LIMITS_BOTH _(" (warning at %s, critical at %s)")
#define SAY_LIMIT_WARNING _(" (warning at %s)")
#define SAY_LIMIT_CRITICAL _(" (critical at %s)")
#define HEADING_CHARTS _("Course")

/* ---- what is worth showing ---- */

static bool has_limits(const struct metric *m)
{
	return isfinite(m->warning) || isfinite(m->critical);
}

/* Where less is worse, the limit for critical is the lower one. */
static bool is_past_limit(const struct metric *m)
{
	bool is_falling = isfinite(m->warning) && isfinite(m->critical) && m->critical < m->warning;
	double limit = isfinite(m->warning) ? m->warning : m->critical;

	return is_falling ? m->value <= limit : m->value >= limit;
}

static int rank_of(const struct metric *m)
{
	return !has_limits(m) ? 2 : !is_past_limit(m);
}

static const struct trend *trend_of(const struct report *r, const struct report_item *item, const struct metric *m)
{
	return r->find_trend && r->charts != REPORT_CHARTS_NONE ? r->find_trend(r->userdata, item->check, item->item, m->name) : NULL;
}

/* The metrics that have a past, those past their limits first; without limits only where none has any. */
static size_t choose_metrics(const struct report *r, const struct report_item *item, const struct result *result,
	const struct metric *ret[static METRICS_MAX])
{
	size_t n = 0;

	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < result->n_metrics && n < METRICS_MAX; i++) {
			const struct metric *m = &result->metrics[i];

			if (rank_of(m) == rank && (rank < 2 || n == 0) && trend_of(r, item, m))
				ret[n++] = m;
		}
	return n;
}

/* ---- numbers ---- */

static void put_range(struct buf *b, const struct trend_view *v, const struct metric *m)
{
	FORMAT_BUF(low);
	FORMAT_BUF(high);
	FORMAT_BUF(now);
	double min = INFINITY, max = -INFINITY;

	for (size_t i = 0; i < v->n; i++) {
		min = v->points[i].min < min ? v->points[i].min : min;
		max = v->points[i].max > max ? v->points[i].max : max;
	}
	format_value(&low, min, m->unit);
	format_value(&high, max, m->unit);
	format_value(&now, m->value, m->unit);
	if (text_equal(buf_text(&low), buf_text(&high)) && text_equal(buf_text(&low), buf_text(&now)))
		buf_puts(b, buf_text(&now));
	else
		buf_printf(b, SAY_RANGE, buf_text(&low), buf_text(&high), buf_text(&now));
}

static void put_limits(struct buf *b, const struct metric *m)
{
	FORMAT_BUF(warning);
	FORMAT_BUF(critical);

	format_value(&warning, m->warning, m->unit);
	format_value(&critical, m->critical, m->unit);
	if (isfinite(m->warning) && isfinite(m->critical))
		buf_printf(b, SAY_LIMITS_BOTH, buf_text(&warning), buf_text(&critical));
	else if (isfinite(m->warning))
		buf_printf(b, SAY_LIMIT_WARNING, buf_text(&warning));
	else if (isfinite(m->critical))
		buf_printf(b, SAY_LIMIT_CRITICAL, buf_text(&critical));
}

/* When it is full if it goes on like that, unless that is so far away that nobody can know. */
static void put_projection(struct buf *b, const struct metric *m, double slope)
{
	double seconds = (m->max - m->value) / slope;
	FORMAT_BUF(full);
	FORMAT_BUF(time);

	if (!isfinite(slope) || !(seconds > 0) || !(seconds * USEC_PER_SEC < FULL_MAX_USEC))
		return;
	int64_t left = (int64_t)(seconds * USEC_PER_SEC);
	format_value(&full, m->max, m->unit);
	format_duration(&time, left < 3 * USEC_PER_DAY ? left : left - left % USEC_PER_DAY);
	buf_printf(b, SAY_FULL_IN, buf_text(&full), buf_text(&time));
}

/* On the scale that a chart of it has. */
static void put_spark(struct buf *b, const struct trend_view *v, const struct metric *m)
{
	struct trend_range range = trend_range(v, m->warning, m->critical, m->max);

	if (v->n_measured)
		trend_sparkline(b, v, SPARK_CHARACTERS, &range);
}

void report_put_sparkline(struct buf *b, const struct report *r, const struct report_item *item)
{
	const struct metric *metrics[METRICS_MAX];
	struct trend_view v;

	if (!item->result || choose_metrics(r, item, item->result, metrics) == 0)
		return;
	trend_day(trend_of(r, item, metrics[0]), r->now_usec, &v);
	put_spark(b, &v, metrics[0]);
}

/* ---- pictures ---- */

void report_images_free(struct report_images *images)
{
	for (size_t i = 0; i < images->n; i++)
		buf_free(&images->items[i].data);
}

/* In quoted-printable: three bytes for each that is not ASCII, and some for line ends. */
static size_t quoted_bytes(const struct buf *text)
{
	size_t n = text->len + text->len / 16;

	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->data[i] >= 0x80)
			n += 2;
	return n;
}

size_t report_images_room(const struct buf *text)
{
	/* Of HTML the most is ASCII in any language. */
	size_t others = HEADERS_BYTES + quoted_bytes(text) + PAGE_HTML_MAX / 5 * 7;

	return others < MAIL_BYTES ? (MAIL_BYTES - others) * 10 / 14 : 0;
}

/* Draws it as one more image. False: there is no room, or no memory. */
static bool add_image(struct report_images *images, const struct chart *c)
{
	struct report_image *image = &images->items[images->n];

	if (images->n == REPORT_IMAGES_MAX || images->is_full) {
		images->n_left_out++;
		return false;
	}
	image->data = BUF(images->max_bytes - images->bytes);
	int r = chart_draw(&image->data, c);
	if (r < 0) {
		images->is_full = r == -EMSGSIZE;
		images->n_left_out += r == -EMSGSIZE;
		buf_free(&image->data);
		return false;
	}
	snprintf(image->cid, sizeof(image->cid), "chart%zu.%.200s", images->n + 1, images->id);
	images->bytes += image->data.len;
	images->n++;
	return true;
}

/* A row of charts while it is put together. */
struct row {
	struct page *page;
	const struct report *report;
	struct page_chart charts[CHARTS_MAX];
	struct buf names[CHARTS_MAX], numbers[CHARTS_MAX], limits[CHARTS_MAX], sparks[CHARTS_MAX];
	size_t n, n_images; /* images before */
};

static void row_begin(struct row *row, struct page *p, const struct report *r)
{
	*row = (struct row){ .page = p, .report = r, .n_images = r->images ? r->images->n : 0 };
}

/* Pictures of what the page had no room for are not sent either. */
static void row_end(struct row *row)
{
	struct report_images *images = row->report->images;
	size_t left_out = row->page->n_left_out;

	if (row->n)
		row->page->ops->charts(row->page, row->charts, row->n);
	while (images && row->page->n_left_out > left_out && images->n > row->n_images) {
		images->bytes -= images->items[--images->n].data.len;
		buf_free(&images->items[images->n].data);
	}
	for (size_t i = 0; i < row->n; i++) {
		if (buf_error(&row->numbers[i]) == -ENOMEM && !row->page->b->error)
			row->page->b->error = -ENOMEM;
		buf_free(&row->names[i]);
		buf_free(&row->numbers[i]);
		buf_free(&row->limits[i]);
		buf_free(&row->sparks[i]);
	}
}

static void row_add(struct row *row, const struct trend_view *v, const struct report_item *item, const struct metric *m,
	const char *name, double slope)
{
	const struct report *r = row->report;
	struct page_chart *chart = &row->charts[row->n];
	const struct chart what = { v, item->interval_usec, m->unit, m->warning, m->critical, m->min, m->max, slope };
	bool is_drawn = row->page->ops->draws && r->images && r->charts == REPORT_CHARTS_PNG && add_image(r->images, &what);

	row->names[row->n] = BUF(NAME_BYTES);
	row->numbers[row->n] = BUF(NUMBERS_BYTES);
	row->limits[row->n] = BUF(NUMBERS_BYTES);
	row->sparks[row->n] = BUF(NAME_BYTES);
	buf_puts(&row->names[row->n], name);
	put_range(&row->numbers[row->n], v, m);
	put_projection(&row->numbers[row->n], m, slope);
	put_spark(&row->sparks[row->n], v, m);
	put_limits(&row->limits[row->n], m);
	*chart = (struct page_chart){ .name = buf_text(&row->names[row->n]), .numbers = buf_text(&row->numbers[row->n]),
		.limits = buf_text(&row->limits[row->n]), .spark = buf_text(&row->sparks[row->n]), .cid = is_drawn ? r->images->items[r->images->n - 1].cid : NULL };
	row->n++;
}

static bool fills_up(const struct report_item *item, const struct metric *m)
{
	return text_equal(item->module, "disk") && isfinite(m->max) && text_equal(m->unit, "%");
}

static void add_day(struct row *row, const struct report_item *item, const struct metric *m, const char *of)
{
	struct trend_view v;
	FORMAT_BUF(name);

	trend_day(trend_of(row->report, item, m), row->report->now_usec, &v);
	buf_printf(&name, SAY_DAY, of);
	if (v.n_measured)
		row_add(row, &v, item, m, buf_text(&name), NAN);
}

static bool add_week(struct row *row, const struct report_item *item, const struct metric *m, const char *of)
{
	struct trend_view v;
	double slope = NAN;
	FORMAT_BUF(name);

	trend_week(trend_of(row->report, item, m), row->report->now_usec, &v);
	if (v.n_measured < WEEK_HOURS_MIN)
		return false;
	if (!fills_up(item, m) || !trend_fit(&v, &slope) || slope <= 0)
		slope = NAN;
	buf_printf(&name, SAY_WEEK, of);
	row_add(row, &v, item, m, buf_text(&name), slope);
	return true;
}

/* ---- in a mail ---- */

void report_write_charts(struct page *p, const struct report *r, const struct report_item *item, const struct result *result)
{
	const struct metric *metrics[METRICS_MAX];
	struct row row;

	if (item && (!result || result->n_metrics == 0))
		result = item->result;
	size_t n = item && result ? choose_metrics(r, item, result, metrics) : 0;
	row_begin(&row, p, r);
	for (size_t i = 0; i < n; i++) {
		add_day(&row, item, metrics[i], metrics[i]->name);
		if (i == 0)
			add_week(&row, item, metrics[i], metrics[i]->name);
	}
	row_end(&row);
}

/* What people want to see in every report, well or not. */
static bool is_in_overview(const struct report_item *item)
{
	return text_equal(item->module, "load") || text_equal(item->module, "memory") || text_equal(item->module, "disk");
}

/* The day of an item, or the week of one that fills up. */
static void write_overview_of(struct page *p, const struct report *r, const struct report_item *item, const struct metric *m)
{
	struct row row;
	FORMAT_BUF(label);
	FORMAT_BUF(name);

	report_put_label(&label, item->module, item->check, item->item);
	buf_printf(&name, SAY_OF_ITEM, buf_text(&label), m->name);
	row_begin(&row, p, r);
	if (!fills_up(item, m) || !add_week(&row, item, m, buf_text(&name)))
		add_day(&row, item, m, buf_text(&name));
	row_end(&row);
}

void report_write_overview(struct page *p, const struct report *r)
{
	bool is_first = true;

	for (size_t i = 0; i < r->n_items; i++) {
		const struct report_item *item = &r->items[i];
		const struct metric *metrics[METRICS_MAX];

		if (!is_in_overview(item) || !report_item_is_looked_at(item) || report_item_state(item) != TOCSIN_OK || !item->result ||
			choose_metrics(r, item, item->result, metrics) == 0)
			continue;
		if (is_first)
			p->ops->heading(p, HEADING_CHARTS);
		is_first = false;
		write_overview_of(p, r, item, metrics[0]);
	}
}
