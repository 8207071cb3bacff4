/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The past: questions to the store for what happened and what was measured, and the values of metrics on their way into
 * the file. Nobody waits for the disk here: a question is answered in time, or it is answered that it was not. */
#include "daemon.h"

#include "log.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define ANSWER_LIMIT_USEC (2 * USEC_PER_SEC) /* law 1: no mail waits longer for its charts */
#define QUESTIONS_MAX 16 /* at once; as many as the store takes */
#define SAVE_EVERY_USEC SAMPLE_BUCKET_USEC
#define PRUNE_EVERY_USEC USEC_PER_HOUR
#define IDLE_USEC (2 * USEC_PER_HOUR) /* a series without a value for so long is not kept in memory */
#define TREND_IDLE_USEC (2 * USEC_PER_DAY) /* and one that mails show: a check that looks once a day keeps its past */
#define KEEP_SAMPLES_USEC (7 * USEC_PER_DAY) /* unless the configuration says otherwise */
#define KEEP_EVENTS_USEC (90 * USEC_PER_DAY)
#define CHART_HOURS_MAX (400 * 24)

struct history_query {
	struct history_query *next;
	struct daemon *daemon;
	int64_t id;
	const struct store_table *table;
	sd_event_source *source; /* when it ends without an answer */
	int error; /* what that end is */
	struct history_row *rows; /* newest first */
	size_t n_rows;
	history_handler done;
	void *userdata;
};

/* ---- questions ---- */

static void query_free(struct history_query *q)
{
	sd_event_source_disable_unref(q->source);
	for (size_t i = 0; i < q->n_rows; i++)
		free(q->rows[i].data);
	free(q->rows);
	free(q);
}

static void turn_round(struct history_row *rows, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct history_row row = rows[i];

		rows[i] = rows[n - 1 - i];
		rows[n - 1 - i] = row;
	}
}

static void query_finish(struct history_query *q, int error)
{
	struct history *history = &q->daemon->history;
	struct history_query **at = &history->queries;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	history->n_queries--;
	turn_round(q->rows, q->n_rows);
	q->done(error, error ? NULL : q->rows, error ? 0 : q->n_rows, q->userdata);
	query_free(q);
}

static int on_query_overdue(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct history_query *q = userdata;

	query_finish(q, q->error);
	return 0;
}

int history_query(struct daemon *d, const char *what, int64_t since_usec, int64_t until_usec, const char *glob,
	int64_t limit, history_handler done, void *userdata)
{
	struct history *history = &d->history;

	if (history->n_queries >= QUESTIONS_MAX)
		return -EBUSY;
	int r = state_ask(d, ++history->last_id, what, since_usec, until_usec, glob, limit);
	if (r < 0)
		return r;
	struct history_query *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct history_query){ .next = history->queries, .daemon = d, .id = history->last_id,
		.table = store_find_table(what), .error = -ETIMEDOUT, .done = done, .userdata = userdata };
	history->queries = q;
	history->n_queries++;
	daemon_set_timer(d, &q->source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), ANSWER_LIMIT_USEC), on_query_overdue, q);
	return 0;
}

void history_lost(struct daemon *d)
{
	for (struct history_query *q = d->history.queries; q; q = q->next) {
		q->error = -EIO;
		daemon_set_timer(d, &q->source, CLOCK_BOOTTIME, clock_boottime_usec(), on_query_overdue, q);
	}
}

/* The question that a message of the store is about; NULL: nobody waits for it any longer. */
static struct history_query *find_query(struct daemon *d, const struct msg *m)
{
	struct history_query *q = d->history.queries;
	int64_t id;

	if (msg_number(m, 0, &id) < 0)
		return NULL;
	while (q && q->id != id)
		q = q->next;
	return q;
}

static int add_row(struct history_query *q, const struct msg *m)
{
	const char *last = m->field[m->n_fields - 1], *first = m->field[1];
	size_t len = (size_t)(last - first) + strlen(last) + 1;
	struct history_row row = { .data = malloc(len) }, *grown;

	grown = q->n_rows % 256 == 0 ? reallocarray(q->rows, q->n_rows + 256, sizeof(*grown)) : q->rows;
	if (grown)
		q->rows = grown;
	if (!grown || !row.data) {
		free(row.data);
		return -ENOMEM;
	}
	memcpy(row.data, first, len);
	for (size_t i = 1; i < m->n_fields; i++)
		row.column[i - 1] = row.data + (m->field[i] - first);
	q->rows[q->n_rows++] = row;
	return 0;
}

void history_answer(struct daemon *d, const struct msg *m)
{
	struct history_query *q = find_query(d, m);

	if (!q)
		return;
	int r = m->n_fields == 1 + q->table->n_columns ? add_row(q, m) : -EIO;
	if (r < 0)
		query_finish(q, r);
}

void history_answered(struct daemon *d, const struct msg *m)
{
	struct history_query *q = find_query(d, m);

	if (*m->field[1])
		log_warning("state file: a question for its history failed: %s", m->field[1]);
	if (q)
		query_finish(q, *m->field[1] ? -EIO : 0);
}

/* ---- incidents that ended unseen ---- */

static bool is_open_here(const struct daemon *d, int64_t number)
{
	for (size_t i = 0; i < d->n_checks; i++)
		for (const struct item *item = d->checks[i]->items; item; item = item->next)
			if (item->alert.incident == number)
				return true;
	return false;
}

/* Of the last that befell it, as far as that is remembered. */
static int64_t end_of(const struct daemon *d, int64_t number)
{
	int64_t end = 0;

	for (const struct happening *h = d->happenings; h; h = h->next)
		if (h->incident == number && h->time_usec > end)
			end = h->time_usec;
	return end ? end : clock_realtime_usec();
}

/* What ended in memory mode, or with a check that was removed while no daemon ran, the file still calls open. */
static void on_open_incidents(int error, const struct history_row *rows, size_t n, void *userdata)
{
	struct daemon *d = userdata;

	for (size_t i = 0; i < n; i++) {
		struct history_row row = rows[i];
		struct msg_number_text closed;
		int64_t number = 0;

		parse_int(row.column[0], &number);
		if (is_open_here(d, number))
			continue;
		log_notice("incident %s of %s %s is closed in the state file too", row.column[0], row.column[1], row.column[2]);
		row.column[5] = msg_number_text(&closed, end_of(d, number));
		state_put_row(d, "incident", row.column);
	}
}

static void close_ended_incidents(struct daemon *d)
{
	history_query(d, "incident", USEC_NEVER, USEC_NEVER, "", 0, on_open_incidents, d); /* in memory mode: at its end */
}

/* ---- values of metrics ---- */

/* Those that mails show: with limits, and the first of each item. */
static bool has_trend(const struct item *item, size_t i)
{
	return i == 0 || isfinite(item->last.metrics[i].warning) || isfinite(item->last.metrics[i].critical);
}

/* Without memory there is no trend yet: the next value tries again. */
static void feed_trend(struct sample_series *s, double value, int64_t time_usec)
{
	if (!s->trend) {
		s->trend = malloc(sizeof(*s->trend));
		if (!s->trend)
			return;
		trend_init(s->trend);
	}
	trend_add(s->trend, value, time_usec);
}

void history_looked(const struct item *item)
{
	struct daemon *d = item->check->daemon;
	struct sample_set *set = &d->history.samples;

	for (size_t i = 0; i < item->last.n_metrics; i++) {
		const struct metric *m = &item->last.metrics[i];
		int r = sample_set_add(set, item->check->conf->name, item->name, m->name, m->unit, m->value, item->last.time_usec);

		if (r == -ENOSPC && set->n_refused == 1)
			log_warning("more than %d metrics are measured: those past that number have no history", SAMPLE_SERIES_MAX);
		struct sample_series *s = has_trend(item, i) ? sample_set_find(set, item->check->conf->name, item->name, m->name) : NULL;
		if (s)
			feed_trend(s, m->value, item->last.time_usec);
	}
}

const struct trend *history_trend(const struct daemon *d, const char *check, const char *item, const char *metric)
{
	const struct sample_series *s = sample_set_find(&d->history.samples, check, item, metric);

	return s ? s->trend : NULL;
}

/* ---- trends from before the start ---- */

static void restore_trend(struct daemon *d, const struct history_row *row)
{
	const char *const *v = row->column;
	struct sample_series *s = sample_set_find(&d->history.samples, v[1], v[2], v[3]);
	struct sample_hour hour;
	int64_t hour_usec;

	if (s && s->trend && parse_int(v[0], &hour_usec) == 0 && sample_parse(v[5], hour_usec, &hour) == 0)
		trend_restore(s->trend, &hour);
}

static void refill_next(struct daemon *d);

static void on_refill(int error, const struct history_row *rows, size_t n, void *userdata)
{
	struct daemon *d = userdata;

	if (error == -ECANCELED)
		return;
	for (size_t i = 0; i < n; i++)
		restore_trend(d, &rows[i]);
	if (error == 0)
		d->history.refill_usec -= USEC_PER_HOUR;
	if (d->history.refill_usec < d->history.refill_until_usec)
		d->history.refill_usec = 0;
	else if (error == 0)
		refill_next(d);
}

/* What cannot be asked now is asked when samples are saved next. */
static void refill_next(struct daemon *d)
{
	int64_t hour = d->history.refill_usec;

	if (hour > 0)
		history_query(d, "sample", hour, hour, "", 0, on_refill, d);
}

void history_refill(struct daemon *d)
{
	int64_t now = clock_realtime_usec();

	d->history.refill_usec = sample_hour_of(now);
	d->history.refill_until_usec = d->history.refill_usec - TREND_WEEK * USEC_PER_HOUR;
	refill_next(d);
}

/* Hours that hold something new, or all. */
static void put_samples(struct daemon *d, bool all)
{
	struct sample_set *set = &d->history.samples;

	for (size_t i = 0; i < set->n; i++)
		for (size_t j = 0; j < SAMPLE_HOURS; j++) {
			struct sample_hour *hour = &set->series[i]->hours[j];

			if (hour->hour_usec == 0 || !(hour->is_changed || all))
				continue;
			state_put_sample(d, set->series[i], hour);
			hour->is_changed = false;
		}
}

void history_put_all(struct daemon *d)
{
	put_samples(d, true);
	close_ended_incidents(d);
}

void history_save(struct daemon *d)
{
	if (d->state.phase == STATE_GOOD) /* else history_put_all() comes later */
		put_samples(d, false);
}

static void prune(struct daemon *d)
{
	int64_t now = clock_realtime_usec();
	int64_t keep_samples = d->conf->keep_samples ? d->conf->keep_samples : KEEP_SAMPLES_USEC;
	int64_t keep_events = d->conf->keep_events ? d->conf->keep_events : KEEP_EVENTS_USEC;

	sample_set_forget(&d->history.samples, now - IDLE_USEC, now - TREND_IDLE_USEC);
	state_prune(d, "sample", now - keep_samples);
	state_prune(d, "event", now - keep_events);
	state_prune(d, "incident", now - keep_events);
	d->history.pruned_usec = clock_boottime_usec();
}

static int on_save(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	history_save(d);
	refill_next(d);
	if (clock_boottime_usec() - d->history.pruned_usec >= PRUNE_EVERY_USEC)
		prune(d);
	daemon_set_timer(d, &d->history.save_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), SAVE_EVERY_USEC), on_save,
		d);
	return 0;
}

void history_load(struct daemon *d, const char *const *v)
{
	struct sample_hour hour;
	int64_t hour_usec;

	if (parse_int(v[0], &hour_usec) < 0 || sample_parse(v[5], hour_usec, &hour) < 0)
		return;
	sample_set_restore(&d->history.samples, v[1], v[2], v[3], v[4], &hour);
}

/* ---- charts ---- */

struct chart {
	struct daemon *daemon;
	char *check, *item, *metric;
	int64_t since_usec, until_usec, step_usec;
	struct sample_bucket *points;
	size_t n;
	history_chart_handler done;
	void *userdata;
};

static void chart_free(struct chart *c)
{
	free(c->check);
	free(c->item);
	free(c->metric);
	free(c->points);
	free(c);
}

static const struct sample_hour *hour_in_memory(const struct sample_series *s, int64_t hour_usec)
{
	for (size_t i = 0; s && i < SAMPLE_HOURS; i++)
		if (s->hours[i].hour_usec == hour_usec)
			return &s->hours[i];
	return NULL;
}

static int64_t hour_of_row(const struct history_row *row)
{
	int64_t hour = 0;

	parse_int(row->column[0], &hour);
	return hour;
}

/* The hour among the rows from *AT on, which have no earlier one. What a name with a slash in it means, the glob of the
 * question does not know. */
static bool hour_in_rows(const struct chart *c, const struct history_row *rows, size_t n, size_t *at, int64_t hour_usec,
	struct sample_hour *ret)
{
	while (*at < n && hour_of_row(&rows[*at]) < hour_usec)
		++*at;
	for (size_t i = *at; i < n && hour_of_row(&rows[i]) == hour_usec; i++) {
		const char *const *v = rows[i].column;

		if (strcmp(v[1], c->check) == 0 && strcmp(v[2], c->item) == 0 && strcmp(v[3], c->metric) == 0)
			return sample_parse(v[5], hour_usec, ret) == 0;
	}
	return false;
}

/* What is in memory is what the file has, and what it does not have yet. */
static void on_chart_rows(int error, const struct history_row *rows, size_t n, void *userdata)
{
	struct chart *c = userdata;
	const struct sample_series *series = sample_set_find(&c->daemon->history.samples, c->check, c->item, c->metric);
	const char *unit = series ? series->unit : n > 0 ? rows[n - 1].column[4] : "";
	size_t at = 0;

	for (int64_t h = sample_hour_of(c->since_usec); !error && h < c->until_usec; h += USEC_PER_HOUR) {
		const struct sample_hour *hour = hour_in_memory(series, h);
		struct sample_hour stored;

		if (!hour && hour_in_rows(c, rows, n, &at, h, &stored))
			hour = &stored;
		if (hour)
			sample_chart(c->points, c->n, c->since_usec, c->step_usec, hour);
	}
	c->done(error, error ? NULL : c->points, error ? 0 : c->n, unit, c->userdata);
	chart_free(c);
}

/* The three names as a glob that matches nothing else. */
static void append_literal(struct buf *glob, const char *name)
{
	for (; *name; name++) {
		if (strchr("*?[\\", *name))
			buf_putc(glob, '\\');
		buf_putc(glob, *name);
	}
}

static struct chart *chart_new(const struct history_chart *what)
{
	struct chart *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->check = strdup(what->check);
	c->item = strdup(what->item);
	c->metric = strdup(what->metric);
	c->step_usec = what->step_usec;
	c->since_usec = what->since_usec - what->since_usec % SAMPLE_BUCKET_USEC;
	c->until_usec = what->until_usec;
	c->n = (size_t)((what->until_usec - c->since_usec + what->step_usec - 1) / what->step_usec);
	c->points = calloc(c->n, sizeof(*c->points));
	if (!c->check || !c->item || !c->metric || !c->points) {
		chart_free(c);
		return NULL;
	}
	return c;
}

int history_chart(struct daemon *d, const struct history_chart *what, history_chart_handler done, void *userdata)
{
	_cleanup_buf_ struct buf glob = BUF(64 * 1024);

	if (what->step_usec <= 0 || what->step_usec % SAMPLE_BUCKET_USEC || what->since_usec < 0 ||
		what->until_usec <= what->since_usec || (what->until_usec - what->since_usec) / USEC_PER_HOUR > CHART_HOURS_MAX ||
		(what->until_usec - what->since_usec) / what->step_usec >= HISTORY_POINTS_MAX)
		return -EINVAL;
	struct chart *c = chart_new(what);
	if (!c)
		return -ENOMEM;
	c->daemon = d;
	c->done = done;
	c->userdata = userdata;
	append_literal(&glob, what->check);
	buf_putc(&glob, '/');
	append_literal(&glob, what->item);
	buf_putc(&glob, '/');
	append_literal(&glob, what->metric);
	int r = buf_error(&glob);
	if (r == 0)
		r = history_query(d, "sample", sample_hour_of(c->since_usec), c->until_usec, buf_text(&glob), 0, on_chart_rows, c);
	if (r < 0)
		chart_free(c);
	return r;
}

/* ---- life ---- */

void history_start(struct daemon *d)
{
	prune(d);
	close_ended_incidents(d);
	daemon_set_timer(d, &d->history.save_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), SAVE_EVERY_USEC), on_save,
		d);
}

void history_free(struct daemon *d)
{
	struct history *history = &d->history;

	while (history->queries)
		query_finish(history->queries, -ECANCELED);
	sd_event_source_disable_unref(history->save_source);
	sample_set_free(&history->samples);
}
