/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the main metric of every item went over the last day, for whoever shows all items at once: one question to the
 * state file for all of them, where Samples would be one for each. */
#include "control.h"
#include "units.h"
#include "varlink.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define STEP_USEC USEC_PER_HOUR
#define POINTS 24

struct line {
	char *check, *item, *metric, *unit;
	struct sample_bucket points[POINTS];
};

/* The lines are sorted by check and item. */
struct charts {
	struct daemon *daemon;
	struct varlink_call *call;
	int64_t since_usec;
	struct line *lines;
	size_t n;
};

static void charts_free(struct charts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->lines[i].check);
		free(c->lines[i].item);
		free(c->lines[i].metric);
		free(c->lines[i].unit);
	}
	free(c->lines);
	free(c);
}

/* The first that has a limit, else the first. NULL: nothing was measured. */
static const struct metric *main_metric(const struct result *r)
{
	for (size_t i = 0; i < r->n_metrics; i++)
		if (!isnan(r->metrics[i].warning) || !isnan(r->metrics[i].critical))
			return &r->metrics[i];
	return r->n_metrics ? &r->metrics[0] : NULL;
}

static int add_line(struct charts *c, const struct item *item)
{
	const struct metric *m = main_metric(&item->last);
	struct line *grown;

	if (!m)
		return 0;
	if (c->n % 64 == 0) {
		grown = reallocarray(c->lines, c->n + 64, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		c->lines = grown;
	}
	struct line *line = &c->lines[c->n++];
	*line = (struct line){ .check = strdup(item->check->conf->name), .item = strdup(item->name),
		.metric = strdup(m->name), .unit = strdup(m->unit ? m->unit : "") };
	return line->check && line->item && line->metric && line->unit ? 0 : -ENOMEM;
}

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int by_check = strcmp(x->check, y->check);

	return by_check ? by_check : strcmp(x->item, y->item);
}

/* ---- what was measured ---- */

static bool is_in_memory(const struct charts *c, const struct line *line, int64_t hour_usec)
{
	const struct sample_series *s =
		sample_set_find(&c->daemon->history.samples, line->check, line->item, line->metric);

	for (size_t i = 0; s && i < SAMPLE_HOURS; i++)
		if (s->hours[i].hour_usec == hour_usec)
			return true;
	return false;
}

static void add_hour(const struct charts *c, struct line *line, const struct sample_hour *hour)
{
	sample_chart(line->points, POINTS, c->since_usec, STEP_USEC, hour);
}

/* An hour that is in memory too is more complete there. */
static void add_stored(struct charts *c, const struct history_row *row)
{
	const struct line key = { .check = (char *)row->column[1], .item = (char *)row->column[2] };
	struct line *line = c->n ? bsearch(&key, c->lines, c->n, sizeof(key), compare_lines) : NULL;
	struct sample_hour hour;
	int64_t hour_usec;

	if (!line || strcmp(line->metric, row->column[3]) != 0 || parse_int(row->column[0], &hour_usec) < 0 ||
		is_in_memory(c, line, hour_usec) || sample_parse(row->column[5], hour_usec, &hour) < 0)
		return;
	add_hour(c, line, &hour);
}

static void add_remembered(struct charts *c, struct line *line)
{
	const struct sample_series *s =
		sample_set_find(&c->daemon->history.samples, line->check, line->item, line->metric);

	for (size_t p = 0; s && p < POINTS; p++)
		for (size_t i = 0; i < SAMPLE_HOURS; i++)
			if (s->hours[i].hour_usec == c->since_usec + (int64_t)p * STEP_USEC)
				add_hour(c, line, &s->hours[i]);
}

/* ---- the answer ---- */

/* Only what was measured: elements of an array that may be null are more than systemd's reader of descriptions knows. */
static json_t *json_points(const struct line *line)
{
	json_t *array = json_array();

	for (size_t i = 0; i < POINTS; i++) {
		const struct sample_bucket *b = &line->points[i];

		if (b->count)
			json_array_append_new(array, json_pack("{s:I, s:f, s:f}", "step", (json_int_t)i, "min", b->min, "max", b->max));
	}
	return array;
}

static json_t *json_line(const struct line *line)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "check", json_text(line->check), "item", json_text(line->item), "metric",
		json_text(line->metric), "unit", json_text(line->unit), "points", json_points(line));
}

static void on_rows(int error, const struct history_row *rows, size_t n, void *userdata)
{
	struct charts *c = userdata;
	json_t *array;

	if (error) {
		control_no_history(c->call, c->daemon, error);
		charts_free(c);
		return;
	}
	array = json_array();
	for (size_t i = 0; i < n; i++)
		add_stored(c, &rows[i]);
	for (size_t i = 0; i < c->n; i++) {
		add_remembered(c, &c->lines[i]);
		json_array_append_new(array, json_line(&c->lines[i]));
	}
	varlink_reply(c->call, json_pack("{s:o, s:I, s:i, s:o}", "since", json_time(c->since_usec), "step",
		(json_int_t)(STEP_USEC / USEC_PER_SEC), "steps", POINTS, "charts", array));
	charts_free(c);
}

static int collect_lines(struct charts *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->daemon->n_checks; i++)
		for (const struct item *item = c->daemon->checks[i]->items; r == 0 && item; item = item->next)
			r = add_line(c, item);
	if (r == 0 && c->n)
		qsort(c->lines, c->n, sizeof(*c->lines), compare_lines);
	return r;
}

void method_charts(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct charts *c = calloc(1, sizeof(*c));
	int64_t now = clock_realtime_usec();
	int r = -ENOMEM;

	if (c) {
		*c = (struct charts){ .daemon = userdata, .call = call,
			.since_usec = sample_hour_of(now) - (POINTS - 1) * STEP_USEC };
		r = collect_lines(c);
	}
	if (r == 0)
		r = history_query(c->daemon, "sample", c->since_usec, now, "", 0, on_rows, c);
	if (r < 0) {
		if (c)
			charts_free(c);
		control_no_history(call, userdata, r);
	}
}
