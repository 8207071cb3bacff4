/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the administrator may ask about the past. The answers come from the state file (daemon-history.c), in time; without it,
 * what the daemon remembers of events and incidents is the answer, which says so. */
#include "control.h"
#include "translate.h"
#include "units.h"
#include "varlink.h"

#include <errno.h>
#include <string.h>

#define EVENTS_DEFAULT 1000
#define ROWS_MAX 10000
#define GLOB_MAX_BYTES 300
#define NAME_MAX_BYTES 4096
#define CHART_USEC USEC_PER_DAY /* unless the caller wants another span */
#define CHART_POINTS 300 /* at most, unless the caller wants a finer step */

/* The sentences of this file. */
#define SAY_LATE _("the state file did not answer in time")
#define SAY_BUSY _("too many ask at once; try again in a moment")
#define SAY_STOPPING _("tocsind is stopping")
#define SAY_UNREADABLE _("the state file cannot be read")
#define SAY_UNREADABLE_WHY _("the state file cannot be read: %s")

/* ---- parameters ---- */

static void refuse(struct varlink_call *call, const char *parameter)
{
	varlink_error(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", parameter));
}

/* A time that may be absent or null: then *RET_USEC stays. */
static bool read_time(struct varlink_call *call, const json_t *parameters, const char *name, int64_t *ret_usec)
{
	const json_t *value = json_object_get(parameters, name);

	if (!value || json_is_null(value))
		return true;
	if (json_is_string(value) && parse_time_rfc3339(json_string_value(value), ret_usec) == 0 && *ret_usec >= 0)
		return true;
	refuse(call, name);
	return false;
}

static bool read_int(struct varlink_call *call, const json_t *parameters, const char *name, int64_t least, int64_t most,
	int64_t *ret)
{
	const json_t *value = json_object_get(parameters, name);

	if (!value || json_is_null(value))
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most) {
		refuse(call, name);
		return false;
	}
	*ret = json_integer_value(value);
	return true;
}

/* A text of at most MAX bytes; one that is absent or null is FALLBACK, or refused when that is NULL. */
static const char *read_text(struct varlink_call *call, const json_t *parameters, const char *name, size_t max,
	const char *fallback)
{
	const json_t *value = json_object_get(parameters, name);
	const char *text = json_string_value(value);

	if (fallback && (!value || json_is_null(value)))
		return fallback;
	if (text && strlen(text) <= max)
		return text;
	refuse(call, name);
	return NULL;
}

static json_t *json_reason(const struct daemon *d, int error)
{
	_cleanup_buf_ struct buf reason = BUF(1000);

	if (error == -ETIMEDOUT)
		buf_puts(&reason, SAY_LATE);
	else if (error == -EBUSY)
		buf_puts(&reason, SAY_BUSY);
	else if (error == -ECANCELED)
		buf_puts(&reason, SAY_STOPPING);
	else if (error == -EIO && d->state.trouble)
		buf_printf(&reason, SAY_UNREADABLE_WHY, d->state.trouble);
	else if (error == -EIO)
		buf_puts(&reason, SAY_UNREADABLE);
	else
		buf_puts(&reason, strerror(-error));
	return json_text(buf_text(&reason));
}

void control_no_history(struct varlink_call *call, const struct daemon *d, int error)
{
	varlink_error(call, "HistoryUnavailable", json_pack("{s:o}", "reason", json_reason(d, error)));
}

/* ---- events and incidents ---- */

struct question {
	struct daemon *daemon;
	struct varlink_call *call;
	const char *name; /* of the array in the answer */
	json_t *(*row)(const char *const *column);
	json_t *(*remembered)(const struct question *q);
	int64_t since_usec, until_usec, limit;
	char glob[GLOB_MAX_BYTES + 1]; /* "": all */
};

static int64_t to_number(const char *text)
{
	int64_t value = 0;

	parse_int(text, &value);
	return value;
}

/* "night mail" */
static json_t *json_names(const char *names)
{
	json_t *array = json_array();

	for (size_t len; *names; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		if (len > 0)
			json_array_append_new(array, json_stringn(names, len));
	}
	return array;
}

static json_t *json_event(const char *const *v)
{
	int64_t incident = to_number(v[8]);

	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "number",
		(json_int_t)to_number(v[0]), "event", json_text(v[1]), "check", json_text(v[2]), "item", json_text(v[3]), "from",
		json_text(v[4]), "to", json_text(v[5]), "time", json_time(to_number(v[6])), "since", json_time(to_number(v[7])),
		"incident", incident ? json_integer(incident) : json_null(), "text", json_text(v[9]), "waiting",
		json_names(v[10]), "note", json_text(v[11]), "looks", (json_int_t)to_number(v[12]), "who", json_text(v[13]));
}

static json_t *json_incident(const char *const *v)
{
	json_t *acknowledged = json_null();

	if (*v[8])
		acknowledged = json_pack("{s:o, s:o, s:o, s:o}", "who", json_text(v[8]), "reason", json_text(v[9]), "time",
			json_time(to_number(v[10])), "until", json_time(to_number(v[11])));
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "number", (json_int_t)to_number(v[0]), "check",
		json_text(v[1]), "item", json_text(v[2]), "module", json_text(v[3]), "opened", json_time(to_number(v[4])),
		"closed", json_time(to_number(v[5])), "state", json_text(v[6]), "text", json_text(v[7]), "acknowledged",
		acknowledged, "escalated", json_names(v[12]));
}

/* ---- from memory ---- */

static bool is_about(const struct question *q, const char *check, const char *item)
{
	return !*q->glob || notice_matches(q->glob, check, item);
}

static json_t *remembered_event(const struct daemon *d, const struct happening *h)
{
	_cleanup_buf_ struct buf waiting = BUF(10000);

	route_names(d, h->waits_for, &waiting);
	const char *const columns[] = { MSG_NUMBER(h->number), alert_event_name(h->event), h->check, h->item,
		h->is_first ? "" : state_name(h->from), state_name(h->to), MSG_NUMBER(h->time_usec), MSG_NUMBER(h->since_usec),
		MSG_NUMBER(h->incident), h->text, buf_text(&waiting), h->note ? h->note : "", MSG_NUMBER(h->looks),
		h->who ? h->who : "" };

	return json_event(columns);
}

static json_t *remembered_events(const struct question *q)
{
	json_t *array = json_array();

	for (const struct happening *h = q->daemon->happenings; h; h = h->next)
		if (h->time_usec >= q->since_usec && h->time_usec <= q->until_usec && is_about(q, h->check, h->item))
			json_array_append_new(array, remembered_event(q->daemon, h));
	return array;
}

static json_t *remembered_incident(const struct daemon *d, const struct incident *i)
{
	_cleanup_buf_ struct buf escalated = BUF(10000);

	route_names(d, i->escalated, &escalated);
	const char *const columns[] = { MSG_NUMBER(i->number), i->check, i->item, i->module, MSG_NUMBER(i->opened_usec),
		MSG_NUMBER(i->closed_usec), state_name(i->worst), i->text, i->ack_who ? i->ack_who : "",
		i->ack_why ? i->ack_why : "", MSG_NUMBER(i->ack_usec), MSG_NUMBER(i->ack_until_usec), buf_text(&escalated) };

	return json_incident(columns);
}

static json_int_t number_at(const json_t *array, size_t i)
{
	return json_integer_value(json_object_get(json_array_get(array, i), "number"));
}

/* Before those that were opened after it. As a rule the daemon has the newest first: then the place is the first one, however
 * many there are. */
static void insert_incident(json_t *array, json_t *incident)
{
	json_int_t number = json_integer_value(json_object_get(incident, "number"));
	size_t i = 0, n = json_array_size(array);

	while (i < n && number_at(array, i) < number)
		i++;
	json_array_insert_new(array, i, incident);
}

static json_t *remembered_incidents(const struct question *q)
{
	json_t *array = json_array();

	for (const struct incident *i = q->daemon->incidents; i; i = i->next)
		if ((!i->closed_usec || i->closed_usec >= q->since_usec) && is_about(q, i->check, i->item))
			insert_incident(array, remembered_incident(q->daemon, i));
	return array;
}

/* The file does not answer: what is remembered, the newest of it. */
static void answer_from_memory(const struct question *q, int error)
{
	json_t *array = q->remembered(q);
	bool is_cut = json_array_size(array) > (size_t)q->limit;

	while (json_array_size(array) > (size_t)q->limit)
		json_array_remove(array, 0);
	varlink_reply(q->call, json_pack("{s:o, s:b, s:o}", q->name, array, "cut", is_cut, "unavailable",
		json_reason(q->daemon, error)));
}

static void answer_error(const struct question *q, int error)
{
	if (error == -EIO || error == -ETIMEDOUT)
		answer_from_memory(q, error);
	else
		control_no_history(q->call, q->daemon, error);
}

/* ---- from the state file ---- */

static size_t row_bytes(const struct history_row *row)
{
	size_t bytes = 0;

	for (const char *const *column = row->column; *column; column++)
		bytes += strlen(*column) + 1;
	return bytes;
}

static void on_rows(int error, const struct history_row *rows, size_t n, void *userdata)
{
	_cleanup_free_ struct question *q = userdata;
	size_t first = n > (size_t)q->limit ? n - (size_t)q->limit : 0, bytes = 0;
	json_t *array;

	if (error) {
		answer_error(q, error);
		return;
	}
	array = json_array();
	for (size_t i = 0; i < n; i++) {
		bytes += row_bytes(&rows[i]);
		if (i >= first)
			json_array_append_new(array, q->row(rows[i].column));
	}
	varlink_reply(q->call, json_pack("{s:o, s:b, s:n}", q->name, array, "cut", first > 0 || bytes >= STORE_QUERY_BYTES_MAX,
		"unavailable"));
}

/* One row more than is wanted tells whether there are more. */
static void ask(struct question *what, const char *table, const char *glob)
{
	struct question *q = calloc(1, sizeof(*q));
	int r = -ENOMEM;

	snprintf(what->glob, sizeof(what->glob), "%s", glob);
	if (q) {
		*q = *what;
		r = history_query(q->daemon, table, q->since_usec, q->until_usec, q->glob, q->limit + 1, on_rows, q);
	}
	if (r < 0) {
		free(q);
		answer_error(what, r);
	}
}

void method_history(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct question q = { .daemon = userdata, .call = call, .name = "events", .row = json_event,
		.remembered = remembered_events, .until_usec = USEC_NEVER, .limit = EVENTS_DEFAULT };

	if (!read_time(call, parameters, "since", &q.since_usec) || !read_time(call, parameters, "until", &q.until_usec) ||
		!read_int(call, parameters, "limit", 1, ROWS_MAX, &q.limit))
		return;
	const char *glob = read_text(call, parameters, "check", GLOB_MAX_BYTES, "");
	if (glob)
		ask(&q, "event", glob);
}

void method_incidents(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct question q = { .daemon = userdata, .call = call, .name = "incidents", .row = json_incident,
		.remembered = remembered_incidents, .until_usec = USEC_NEVER, .limit = ROWS_MAX };

	q.since_usec = json_is_true(json_object_get(parameters, "all")) ? 0 : USEC_NEVER;
	if (!read_time(call, parameters, "since", &q.since_usec))
		return;
	const char *glob = read_text(call, parameters, "check", GLOB_MAX_BYTES, "");
	if (glob)
		ask(&q, "incident", glob);
}

/* ---- samples ---- */

struct chart_question {
	struct daemon *daemon;
	struct varlink_call *call;
	int64_t since_usec, step_usec;
};

static json_t *json_point(int64_t time_usec, const struct sample_bucket *b)
{
	return json_pack("{s:o, s:f, s:f, s:f, s:f, s:I}", "time", json_time(time_usec), "min", b->min, "mean", b->mean, "max",
		b->max, "last", b->last, "count", (json_int_t)b->count);
}

static void on_points(int error, const struct sample_bucket *points, size_t n, const char *unit, void *userdata)
{
	_cleanup_free_ struct chart_question *q = userdata;
	json_t *array;

	if (error) {
		control_no_history(q->call, q->daemon, error);
		return;
	}
	array = json_array();
	for (size_t i = 0; i < n; i++)
		if (points[i].count > 0)
			json_array_append_new(array, json_point(q->since_usec + (int64_t)i * q->step_usec, &points[i]));
	varlink_reply(q->call, json_pack("{s:o, s:I, s:o}", "unit", json_text(unit), "step",
		(json_int_t)(q->step_usec / USEC_PER_SEC), "points", array));
}

/* The finest step that keeps within CHART_POINTS. */
static int64_t default_step(int64_t span_usec)
{
	int64_t buckets = span_usec / SAMPLE_BUCKET_USEC;

	return (buckets / CHART_POINTS + (buckets % CHART_POINTS != 0 || buckets == 0)) * SAMPLE_BUCKET_USEC;
}

static void ask_for_chart(struct daemon *d, struct varlink_call *call, const struct history_chart *what)
{
	struct chart_question *q = calloc(1, sizeof(*q));
	int r = -ENOMEM;

	if (q) {
		*q = (struct chart_question){ d, call, what->since_usec, what->step_usec };
		r = history_chart(d, what, on_points, q);
	}
	if (r < 0)
		free(q);
	if (r == -EINVAL)
		refuse(call, "since");
	else if (r < 0)
		control_no_history(call, d, r);
}

void method_samples(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct history_chart chart = { .until_usec = clock_realtime_usec() };
	int64_t step = 0;

	if (!read_time(call, parameters, "until", &chart.until_usec))
		return;
	chart.since_usec = chart.until_usec > CHART_USEC ? chart.until_usec - CHART_USEC : 0;
	if (!read_time(call, parameters, "since", &chart.since_usec) ||
		!read_int(call, parameters, "step", SAMPLE_BUCKET_USEC / USEC_PER_SEC, INT32_MAX, &step))
		return;
	chart.since_usec -= chart.since_usec % SAMPLE_BUCKET_USEC;
	chart.step_usec = step ? step * USEC_PER_SEC : default_step(chart.until_usec - chart.since_usec);
	if (chart.step_usec % SAMPLE_BUCKET_USEC) {
		refuse(call, "step");
		return;
	}
	chart.check = read_text(call, parameters, "check", NAME_MAX_BYTES, NULL);
	chart.item = chart.check ? read_text(call, parameters, "item", NAME_MAX_BYTES, NULL) : NULL;
	chart.metric = chart.item ? read_text(call, parameters, "metric", NAME_MAX_BYTES, NULL) : NULL;
	if (chart.metric)
		ask_for_chart(userdata, call, &chart);
}
