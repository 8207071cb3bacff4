/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must outlive the process, on its way to tocsin-store and back.
 *
 * The daemon's memory is the truth; the file is where a later start finds it. While all is well each change goes to
 * the store at once and becomes durable with the commit at the end of the loop's turn. When a commit is not
 * acknowledged in time, or fails, the daemon goes on in memory mode: nothing is sent, nothing waits. As soon as the
 * store answers again it gets the whole state in one transaction (a snapshot), and all is well again. */
#include "daemon.h"

#include "log.h"
#include "message-id.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define COMMIT_LIMIT_USEC (2 * USEC_PER_SEC) /* law 1 */
#define LOAD_LIMIT_USEC (10 * USEC_PER_SEC)
#define LOAD_TRIES 3 /* writers that may die while they read, before the daemon begins without them */
#define RETRY_FIRST_USEC USEC_PER_SEC /* a writer that crashed is back soon; a disk that is full takes longer */
#define RETRY_MOST_USEC (30 * USEC_PER_SEC)
#define ALIVE_PAUSE_USEC (30 * USEC_PER_SEC) /* between two notes that we live; they go with what is written anyway */
#define REMARK "remark " /* in "meta": and its number */
#define SENT "sent " /* in "meta": and the name of a recipient */
#define NAMES_MAX (128 * 1024) /* bytes of a list of names or times */
#define NUMBERS_MAX (4 * 1024 * 1024) /* of the events of a mail, which may be all that waited */

static void enter_memory_mode(struct daemon *d, const char *why);

/* ---- numbers and rows as text ---- */

static int64_t to_number(const char *text)
{
	int64_t value = 0;

	parse_int(text, &value);
	return value;
}

static char *result_to_text(const struct result *r)
{
	json_t *o = json_pack("{s:s, s:I, s:s}", "state", state_name(r->state), "time", (json_int_t)r->time_usec, "text",
		r->text ? r->text : "");
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

static void result_from_text(struct result *r, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);
	const char *state = json_string_value(json_object_get(o, "state"));
	const char *words = json_string_value(json_object_get(o, "text"));

	if (state && words && state_parse(state, &r->state) == 0) {
		r->text = strdup(words);
		r->time_usec = json_integer_value(json_object_get(o, "time"));
	}
	json_decref(o);
}

/* Values by name, and their units: all that hysteresis asks for. */
static char *fault_to_text(const struct item *item)
{
	json_t *o = json_object();
	char *text;

	for (size_t i = 0; i < item->n_fault; i++)
		if (isfinite(item->fault[i].value))
			json_object_set_new(o, item->fault[i].name, json_real(item->fault[i].value));
	text = item->n_fault ? json_dumps(o, JSON_COMPACT) : strdup("");
	json_decref(o);
	return text;
}

static void fault_from_text(struct item *item, const char *text)
{
	json_t *o = *text ? json_loads(text, 0, NULL) : NULL, *value;
	struct result r = { 0 };
	const char *name;

	json_object_foreach(o, name, value) {
		const struct metric m = { .name = (char *)name, .unit = (char *)"", .value = json_number_value(value),
			.warning = NAN, .critical = NAN, .min = NAN, .max = NAN };

		result_add_metric(&r, &m);
	}
	item->fault = r.metrics;
	item->n_fault = r.n_metrics;
	json_decref(o);
}

/* "17 18", the numbers of events. */
static void numbers_to_text(struct buf *b, const int64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%" PRId64, i ? " " : "", numbers[i]);
}

static int64_t *numbers_from_text(const char *text, size_t *ret_n)
{
	int64_t *numbers = calloc(strlen(text) / 2 + 1, sizeof(*numbers));
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy;

	*ret_n = 0;
	for (char *word = copy ? strsep(&rest, " ") : NULL; numbers && word; word = strsep(&rest, " "))
		if (*word)
			numbers[(*ret_n)++] = to_number(word);
	return numbers;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* ---- to the store ---- */

/* The writer lacks something of this transaction that it will not get: another one begins with the whole state. */
static void could_not_send(struct daemon *d, int error)
{
	enter_memory_mode(d, strerror(-error));
	helper_retire(d->state.store);
}

static void send_row(struct daemon *d, enum msg_kind kind, const char *const *fields, size_t n)
{
	struct state_file *s = &d->state;

	/* While rows still arrive, what is no longer wanted of them is already deleted. */
	if (s->phase == STATE_MEMORY || !s->store)
		return;
	int r = helper_sendv(s->store, kind, fields, n);
	if (r < 0)
		could_not_send(d, r);
	else
		s->is_open = true;
}

#define SEND(d, kind, ...)                                                                                  \
	send_row(d, kind, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

void state_put_item(struct daemon *d, struct item *item)
{
	_cleanup_buf_ struct buf alert = BUF(2000);
	_cleanup_free_ char *result = result_to_text(&item->last), *fault = fault_to_text(item);

	alert_format(&alert, &item->alert);
	if (!result || !fault || buf_error(&alert))
		return;
	item->stored_usec = clock_boottime_usec();
	SEND(d, MSG_PUT, "item", item->check->conf->name, item->name, item->check->conf->module, buf_text(&alert), result,
		item->thread ? item->thread : "", item->stands_in ? "yes" : "no", MSG_NUMBER(item->absent_since_usec), fault);
}

void state_delete_item(struct daemon *d, const struct item *item)
{
	SEND(d, MSG_DELETE, "item", item->check->conf->name, item->name);
}

void state_put_happening(struct daemon *d, struct happening *h)
{
	_cleanup_buf_ struct buf waiting = BUF(NAMES_MAX);

	route_names(d, h->waits_for, &waiting);
	SEND(d, MSG_PUT, "event", MSG_NUMBER(h->number), alert_event_name(h->event), h->check, h->item,
		h->is_first ? "" : state_name(h->from),
		state_name(h->to), MSG_NUMBER(h->time_usec), MSG_NUMBER(h->since_usec), MSG_NUMBER(h->incident), h->text,
		buf_text(&waiting), or_empty(h->note), MSG_NUMBER(h->looks), or_empty(h->who));
}

void state_put_incident(struct daemon *d, const struct incident *i)
{
	_cleanup_buf_ struct buf escalated = BUF(NAMES_MAX);

	route_names(d, i->escalated, &escalated);
	SEND(d, MSG_PUT, "incident", MSG_NUMBER(i->number), i->check, i->item, i->module, MSG_NUMBER(i->opened_usec),
		MSG_NUMBER(i->closed_usec), state_name(i->worst), i->text, or_empty(i->ack_who), or_empty(i->ack_why),
		MSG_NUMBER(i->ack_usec), MSG_NUMBER(i->ack_until_usec), buf_text(&escalated));
}

void state_put_silence(struct daemon *d, const struct silence *s)
{
	SEND(d, MSG_PUT, "silence", s->id, s->glob, MSG_NUMBER(s->until_usec), MSG_NUMBER(s->created_usec), s->who, s->why);
}

void state_delete_silence(struct daemon *d, const struct silence *s)
{
	SEND(d, MSG_DELETE, "silence", s->id);
}

void state_put_mail(struct daemon *d, const struct outbox_mail *m)
{
	_cleanup_buf_ struct buf events = BUF(NUMBERS_MAX);

	numbers_to_text(&events, m->events, m->n_events);
	SEND(d, MSG_PUT, "mail", m->id, m->subject, m->sender, m->content, MSG_NUMBER(m->queued_usec), MSG_NUMBER(m->attempts),
		MSG_NUMBER(m->next_try_usec), or_empty(m->kind), buf_text(&events), "");
	for (size_t i = 0; i < m->n_recipients; i++) {
		const struct outbox_recipient *r = &m->recipients[i];

		SEND(d, MSG_PUT, "recipient", m->id, r->address, outbox_fate_name(r->fate), r->answer ? r->answer : "");
	}
}

void state_delete_mail(struct daemon *d, const struct outbox_mail *m)
{
	SEND(d, MSG_DELETE, "mail", m->id);
	for (size_t i = 0; i < m->n_recipients; i++)
		SEND(d, MSG_DELETE, "recipient", m->id, m->recipients[i].address);
}

void state_put_fact(struct daemon *d, const char *name, const char *value)
{
	SEND(d, MSG_PUT, "meta", name, value);
}

static void remark_name(char name[static 32], size_t i)
{
	snprintf(name, 32, REMARK "%zu", i);
}

void state_put_remark(struct daemon *d, size_t i)
{
	char name[32];

	remark_name(name, i);
	state_put_fact(d, name, d->remarks[i]);
}

void state_delete_remark(struct daemon *d, size_t i)
{
	char name[32];

	remark_name(name, i);
	SEND(d, MSG_DELETE, "meta", name);
}

void state_put_memory(struct daemon *d, const struct check *c, struct memory *m)
{
	m->stored_usec = clock_boottime_usec();
	SEND(d, MSG_PUT, "memory", c->conf->name, m->name, m->value, MSG_NUMBER(m->time_usec));
}

void state_delete_memory(struct daemon *d, const struct check *c, const struct memory *m)
{
	SEND(d, MSG_DELETE, "memory", c->conf->name, m->name);
}

/* The host and tocsin were alive then: after a crash of the host nobody else knows. */
static void put_alive(struct daemon *d)
{
	d->state.alive_usec = clock_realtime_usec();
	state_put_fact(d, "alive", MSG_NUMBER(d->state.alive_usec));
}

/* When alert mails went to a route, for the limits. */
static void put_sent(struct daemon *d, const struct route *r)
{
	_cleanup_buf_ struct buf name = BUF(1000), times = BUF(NAMES_MAX);

	buf_printf(&name, SENT "%s", r->conf->name);
	numbers_to_text(&times, r->group.sent_usec, r->group.n_sent);
	if (!buf_error(&name) && !buf_error(&times))
		state_put_fact(d, buf_text(&name), buf_text(&times));
}

void state_put_sample(struct daemon *d, const struct sample_series *s, const struct sample_hour *hour)
{
	_cleanup_buf_ struct buf buckets = BUF(4000);

	sample_format(&buckets, hour);
	if (!buf_error(&buckets))
		SEND(d, MSG_PUT, "sample", MSG_NUMBER(hour->hour_usec), s->check, s->item, s->metric, s->unit, buf_text(&buckets));
}

void state_put_row(struct daemon *d, const char *name, const char *const *columns)
{
	const struct store_table *table = store_find_table(name);
	const char *fields[MSG_FIELDS_MAX] = { name };

	for (size_t i = 0; i < table->n_columns; i++)
		fields[i + 1] = columns[i];
	send_row(d, MSG_PUT, fields, 1 + table->n_columns);
}

int state_ask(struct daemon *d, int64_t id, const char *what, int64_t since_usec, int64_t until_usec, const char *glob,
	int64_t limit)
{
	struct state_file *s = &d->state;

	if (s->phase == STATE_MEMORY || !s->store)
		return -EIO;
	int r = helper_send(s->store, MSG_QUERY, MSG_NUMBER(id), what, MSG_NUMBER(since_usec), MSG_NUMBER(until_usec), glob,
		MSG_NUMBER(limit));
	return r < 0 ? -EIO : 0;
}

void state_prune(struct daemon *d, const char *table, int64_t before_usec)
{
	struct state_file *s = &d->state;

	/* No part of a transaction, and what is not deleted now is deleted later. */
	if (s->phase == STATE_GOOD && s->store)
		helper_send(s->store, MSG_PRUNE, table, MSG_NUMBER(before_usec));
}

void state_put_facts(struct daemon *d)
{
	state_put_fact(d, "boot_id", d->boot_id);
	state_put_fact(d, "next_incident", MSG_NUMBER(d->next_incident));
	state_put_fact(d, "started_told", d->started_told ? "yes" : "no");
	state_put_fact(d, "last_report", MSG_NUMBER(d->last_report_usec));
	state_put_fact(d, "report_serial", MSG_NUMBER(d->report_serial));
	state_put_fact(d, "stopped", MSG_NUMBER(d->has_flushed ? clock_realtime_usec() : 0));
	put_alive(d);
	for (size_t i = 0; i < d->n_routes; i++)
		put_sent(d, &d->routes[i]);
	relay_put_all(d);
}

/* Brings the file up to date with one transaction. Events are only added to: the older ones live in the file alone. */
static void send_snapshot(struct daemon *d)
{
	static const char *const whole[] = { "item", "silence", "mail", "recipient", "memory" };

	for (size_t i = 0; i < ELEMENTS(whole); i++)
		SEND(d, MSG_CLEAR, whole[i]);
	state_put_facts(d);
	for (size_t i = 0; i < d->n_checks; i++) {
		struct check *c = d->checks[i];

		for (struct item *item = c->items; item; item = item->next)
			state_put_item(d, item);
		for (size_t j = 0; j < c->n_memory; j++)
			state_put_memory(d, c, &c->memory[j]);
	}
	for (size_t i = 0; i < d->n_remarks; i++)
		state_put_remark(d, i);
	for (const struct incident *i = d->incidents; i; i = i->next)
		state_put_incident(d, i);
	for (const struct silence *i = d->silences; i; i = i->next)
		state_put_silence(d, i);
	for (struct happening *h = d->happenings; h; h = h->next)
		state_put_happening(d, h);
	for (size_t i = 0; i < d->n_outbox; i++)
		state_put_mail(d, d->outbox[i]);
	history_put_all(d);
	d->state.is_snapshot_sent = true;
}

static int on_commit_overdue(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	enter_memory_mode(d, N_("the disk has not confirmed a write for 2 s"));
	return 0;
}

static void commit(struct daemon *d)
{
	struct state_file *s = &d->state;

	/* One commit at a time: what changes meanwhile waits for the next one together. A row of commits on a slow
	 * disk would fall behind without end. */
	if (s->phase != STATE_GOOD || !s->is_open || s->acknowledged != s->sent)
		return;
	if (clock_realtime_usec() - s->alive_usec >= ALIVE_PAUSE_USEC || clock_realtime_usec() < s->alive_usec)
		put_alive(d);
	s->is_open = false;
	s->sent++;
	daemon_set_timer(d, &s->timer, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), COMMIT_LIMIT_USEC), on_commit_overdue,
		d);
	int r = helper_send(s->store, MSG_COMMIT, MSG_NUMBER(s->sent));
	if (r < 0)
		could_not_send(d, r);
}

void state_turn(struct daemon *d)
{
	struct state_file *s = &d->state;
	bool was_settled = s->was_settled;

	if (s->phase != STATE_LOADING)
		daemon_state_loaded(d);
	commit(d);
	s->was_settled = state_is_settled(d);
	if (!s->was_settled || was_settled)
		return;
	if (s->phase == STATE_MEMORY)
		outbox_compose_again(d);
	outbox_pump(d);
}

bool state_is_settled(const struct daemon *d)
{
	const struct state_file *s = &d->state;

	return s->phase == STATE_MEMORY || !s->store || (s->phase == STATE_GOOD && !s->is_open && s->acknowledged == s->sent);
}

/* ---- memory mode ---- */

static int start_store(struct daemon *d);
static void retry_later(struct daemon *d);

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	if (!d->state.store && start_store(d) < 0)
		retry_later(d);
	return 0;
}

/* Ever less often, until a commit succeeds. */
static void retry_later(struct daemon *d)
{
	struct state_file *s = &d->state;

	if (d->is_stopping)
		return;
	s->pause_usec = s->pause_usec ? 2 * s->pause_usec : RETRY_FIRST_USEC;
	if (s->pause_usec > RETRY_MOST_USEC)
		s->pause_usec = RETRY_MOST_USEC;
	daemon_set_timer(d, &s->retry, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), s->pause_usec), on_retry, d);
}

/* WHY: a sentence of ours, which the journal has in English, or what the store or the system said. */
static void enter_memory_mode(struct daemon *d, const char *why)
{
	struct state_file *s = &d->state;

	s->timer = sd_event_source_disable_unref(s->timer);
	s->is_open = false;
	s->is_snapshot_sent = false;
	if (s->phase == STATE_MEMORY)
		return;
	s->phase = STATE_MEMORY;
	history_lost(d);
	if (!s->trouble) {
		s->trouble = text_cleaned(_(why), 500);
		s->memory_since_usec = clock_realtime_usec();
		log_entry(LOG_ERR, MESSAGE_MEMORY_BEGINS, LOG_FIELDS({ "REASON", why }),
			"the state file %s cannot be written: %s; going on in memory, alerts are sent all the same",
			d->options.state_path, why);
	}
	daemon_changed(d);
	/* Called in the middle of anything that stores something: what waits for the state file goes on at the end of the
	 * turn (state_turn()). */
}

static void leave_memory_mode(struct daemon *d)
{
	struct state_file *s = &d->state;
	_cleanup_buf_ struct buf lasted = BUF(100);

	if (!s->trouble)
		return;
	format_duration(&lasted, clock_realtime_usec() - s->memory_since_usec);
	mail_remark(d, "For %s the state file could not be written (%s). What happened meanwhile is stored now.",
		buf_text(&lasted), s->trouble);
	log_entry(LOG_NOTICE, MESSAGE_MEMORY_ENDS, LOG_FIELDS({ "REASON", s->trouble }),
		"the state file is written again, after %s", buf_text(&lasted));
	free(TAKE_PTR(s->trouble));
	daemon_changed(d);
}

/* ---- from the store ---- */

static void load_sent(struct daemon *d, const char *name, const char *text)
{
	size_t n;
	_cleanup_free_ int64_t *times = numbers_from_text(text, &n);

	for (size_t r = 0; r < d->n_routes; r++) {
		if (strcmp(d->routes[r].conf->name, name) != 0)
			continue;
		d->known_routes |= UINT64_C(1) << r;
		for (size_t i = 0; times && i < n; i++)
			group_was_mailed(&d->routes[r].group, times[i]);
	}
}

/* It gets the number that is next now, and with it a row that was read already. */
static void load_remark(struct daemon *d, const char *text)
{
	for (size_t i = 0; i < d->n_remarks; i++)
		if (strcmp(d->remarks[i], text) == 0)
			return;
	mail_remark(d, "%s", text);
}

static void load_meta(struct daemon *d, const char *const *v)
{
	static const struct {
		const char *name;
		size_t offset;
	} numbers[] = {
		{ "next_incident", offsetof(struct daemon, state.next_incident) },
		{ "last_report", offsetof(struct daemon, last_report_usec) },
		{ "report_serial", offsetof(struct daemon, report_serial) },
		{ "alive", offsetof(struct daemon, former_alive_usec) },
		{ "stopped", offsetof(struct daemon, former_stop_usec) },
	};

	if (relay_load(d, v[0], v[1]))
		return;
	for (size_t i = 0; i < ELEMENTS(numbers); i++) {
		int64_t *value = (int64_t *)((char *)d + numbers[i].offset);

		/* All of them only grow; what a late store says may be older than what is known. */
		if (strcmp(v[0], numbers[i].name) == 0 && to_number(v[1]) > *value)
			*value = to_number(v[1]);
	}
	if (strcmp(v[0], "stopped") == 0)
		d->was_cut_off = to_number(v[1]) == 0;
	if (strcmp(v[0], "started_told") == 0)
		d->started_told |= strcmp(v[1], "yes") == 0;
	if (strcmp(v[0], "boot_id") == 0) {
		d->is_same_boot = strcmp(v[1], d->boot_id) == 0;
		d->has_former_boot = true;
	}
	if (strncmp(v[0], REMARK, strlen(REMARK)) == 0)
		load_remark(d, v[1]);
	if (strncmp(v[0], SENT, strlen(SENT)) == 0)
		load_sent(d, v[0] + strlen(SENT), v[1]);
}

/* A late row: what was seen since is newer, but an incident that only the file knows is still open until a recovery
 * is confirmed, and told. */
static void adopt_incident(struct item *item, const struct alert_state *stored, const char *thread)
{
	if (stored->incident == 0 || item->alert.incident)
		return;
	item->alert = *stored;
	for (size_t i = 0; i < ALERT_ROWS; i++)
		item->alert.rows[i] = (struct alert_row){ 0 };
	item->alert.eased_boottime_usec = 0;
	if (*thread && !item->thread)
		item->thread = strdup(thread);
}

static void load_item(struct daemon *d, const char *const *v)
{
	struct check *c = look_find_check(d, v[0]);
	struct alert_state alert = { 0 };

	/* A check that is configured no more, or does something else now under the same name. */
	if (!c || strcmp(c->conf->module, v[2]) != 0) {
		SEND(d, MSG_DELETE, "item", v[0], v[1]);
		return;
	}
	if (alert_parse(v[3], &alert) < 0)
		log_warning("state file: the state of %s %s cannot be read; it begins anew", v[0], v[1]);
	struct item *item = item_find(c->items, v[1]);
	if (item) {
		adopt_incident(item, &alert, v[5]);
		return;
	}
	item = item_add(&c->items, c, v[1]);
	if (!item)
		return;
	item->alert = alert;
	result_from_text(&item->last, v[4]);
	item->thread = *v[5] ? strdup(v[5]) : NULL;
	item->stands_in = strcmp(v[6], "yes") == 0;
	item->absent_since_usec = to_number(v[7]);
	fault_from_text(item, v[8]);
}

/* The open one of an item, or the last one if its end has not been told yet. */
static void load_incident(struct daemon *d, const char *const *v)
{
	struct check *c = look_find_check(d, v[1]);
	struct item *item = c ? item_find(c->items, v[2]) : NULL;
	bool is_open = item && item->alert.incident == to_number(v[0]);
	bool is_owed = item && item->alert.incident == 0 && !alert_is_believed_well(&item->alert) && to_number(v[5]);

	if ((!is_open && !is_owed) || item->incident)
		return;
	struct incident *i = calloc(1, sizeof(*i));
	if (!i)
		return;
	*i = (struct incident){ .number = to_number(v[0]), .check = strdup(v[1]), .item = strdup(v[2]),
		.module = strdup(v[3]), .opened_usec = to_number(v[4]), .closed_usec = to_number(v[5]), .text = strdup(v[7]),
		.ack_who = text_copy(v[8]), .ack_why = text_copy(v[9]), .ack_usec = to_number(v[10]),
		.ack_until_usec = to_number(v[11]), .escalated = route_mask(d, v[12], NULL) };
	if (!i->check || !i->item || !i->module || !i->text || state_parse(v[6], &i->worst) < 0) {
		incident_free(i);
		return;
	}
	incident_adopt(d, item, i);
}

static void load_silence(struct daemon *d, const char *const *v)
{
	struct silence *s = calloc(1, sizeof(*s));

	if (!s)
		return;
	*s = (struct silence){ .id = strdup(v[0]), .glob = strdup(v[1]), .until_usec = to_number(v[2]),
		.created_usec = to_number(v[3]), .who = strdup(v[4]), .why = strdup(v[5]) };
	if (!s->id || !s->glob || !s->who || !s->why) {
		silence_free(s);
		return;
	}
	s->next = d->silences;
	d->silences = s;
}

static void load_event(struct daemon *d, const char *const *v)
{
	struct happening *h = happening_find(d, to_number(v[0])) ? NULL : calloc(1, sizeof(*h));
	const struct check *c = look_find_check(d, v[2]);
	const struct item *item = c ? item_find(c->items, v[3]) : NULL;
	bool has_lost;

	if (!h)
		return;
	*h = (struct happening){ .number = to_number(v[0]), .check = strdup(v[2]), .item = strdup(v[3]),
		.time_usec = to_number(v[6]), .since_usec = to_number(v[7]), .incident = to_number(v[8]), .text = strdup(v[9]),
		.thread = item ? text_copy(or_empty(item->thread)) : NULL, .waits_for = route_mask(d, v[10], &has_lost), .note = text_copy(v[11]), .looks = to_number(v[12]), .who = text_copy(v[13]) };
	for (int e = ALERT_NONE; e < ALERT_EVENTS; e++)
		if (strcmp(alert_event_name((enum alert_event)e), v[1]) == 0)
			h->event = (enum alert_event)e;
	h->is_first = *v[4] == '\0';
	if (!h->check || !h->item || !h->text || (!h->is_first && state_parse(v[4], &h->from) < 0) || state_parse(v[5], &h->to) < 0) {
		happening_free(h);
		return;
	}
	d->last_number = h->number > d->last_number ? h->number : d->last_number;
	happening_adopt(d, h);
	if (has_lost)
		event_orphaned(d, h, ~d->known_routes);
}

static void load_mail(struct daemon *d, const char *const *v)
{
	if (outbox_find(d, v[0]))
		return;
	struct outbox_mail *m = outbox_mail_new(v[0], v[1], v[2], v[3], NULL, 0, to_number(v[4]));
	if (!m)
		return;
	m->attempts = to_number(v[5]);
	m->next_try_usec = to_number(v[6]);
	m->is_stored = true;
	size_t n;
	_cleanup_free_ int64_t *events = numbers_from_text(v[8], &n);
	if (events)
		outbox_mail_about(m, v[7], events, n);
	outbox_resume(m, clock_realtime_usec());
	outbox_adopt(d, m);
}

static void load_recipient(struct daemon *d, const char *const *v)
{
	struct outbox_mail *m = outbox_find(d, v[0]);
	struct outbox_recipient *grown, r = { 0 };

	if (!m || outbox_fate_parse(v[2], &r.fate) < 0)
		return;
	for (size_t i = 0; i < m->n_recipients; i++)
		if (strcmp(m->recipients[i].address, v[1]) == 0)
			return;
	grown = reallocarray(m->recipients, m->n_recipients + 1, sizeof(*grown));
	if (!grown)
		return;
	m->recipients = grown;
	r.address = strdup(v[1]);
	r.answer = *v[3] ? strdup(v[3]) : NULL;
	if (r.address)
		m->recipients[m->n_recipients++] = r;
}

static void load_memory(struct daemon *d, const char *const *v)
{
	struct check *c = look_find_check(d, v[0]);

	if (c)
		look_remember(c, v[1], v[2], to_number(v[3]));
	else
		SEND(d, MSG_DELETE, "memory", v[0], v[1]);
}

static void on_row(struct daemon *d, const struct msg *m)
{
	static const struct {
		const char *table;
		void (*load)(struct daemon *d, const char *const *values);
	} loaders[] = {
		{ "meta", load_meta }, { "item", load_item }, { "incident", load_incident }, { "silence", load_silence },
		{ "event", load_event }, { "mail", load_mail }, { "recipient", load_recipient }, { "memory", load_memory },
		{ "sample", history_load },
	};
	const struct store_table *table = store_find_table(m->field[0]);

	if (!table || m->n_fields != table->n_columns + 1)
		return;
	if (d->state.is_loaded)
		return; /* a new writer reads what is stored; the daemon's memory knows better */
	for (size_t i = 0; i < ELEMENTS(loaders); i++)
		if (strcmp(loaders[i].table, table->name) == 0)
			loaders[i].load(d, m->field + 1);
}

static void on_ready(struct daemon *d, const struct msg *m)
{
	if (!*m->field[0])
		return;
	log_warning("state file: %s", m->field[0]);
	mail_remark(d, "%s", m->field[0]);
}

/* All rows are here. The first time the daemon can begin; after a memory mode the file is brought up to date. */
static void on_loaded(struct daemon *d, const struct msg *m)
{
	struct state_file *s = &d->state;
	bool is_late = s->phase == STATE_MEMORY;

	if (!s->is_loaded)
		d->next_incident = s->next_incident ? s->next_incident : 1;
	s->timer = sd_event_source_disable_unref(s->timer);
	s->acknowledged = s->sent;
	s->phase = STATE_GOOD;
	if (is_late)
		send_snapshot(d);
	if (is_late && !s->is_loaded)
		event_adopted(d);
	s->is_loaded = true;
}

static void on_committed(struct daemon *d, const struct msg *m)
{
	struct state_file *s = &d->state;
	int64_t n;

	if (msg_number(m, 0, &n) < 0 || n > s->sent)
		return;
	s->acknowledged = n;
	if (n < s->sent)
		return;
	s->pause_usec = 0;
	s->timer = sd_event_source_disable_unref(s->timer);
	if (s->phase == STATE_MEMORY) { /* late, but it answers */
		s->phase = STATE_GOOD;
		send_snapshot(d);
		return;
	}
	if (s->is_snapshot_sent) {
		s->is_snapshot_sent = false;
		leave_memory_mode(d);
	}
}

static void on_failed(struct daemon *d, const struct msg *m)
{
	struct state_file *s = &d->state;

	s->acknowledged = s->sent;
	enter_memory_mode(d, m->field[1]);
	/* A new writer begins with a look at the file: a disk that was read-only, or a file that is damaged, is seen then. */
	helper_retire(s->store);
}

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	static void (*const handlers[MSG_KINDS])(struct daemon *d, const struct msg *m) = {
		[MSG_READY] = on_ready,
		[MSG_ROW] = on_row,
		[MSG_DONE] = on_loaded,
		[MSG_COMMITTED] = on_committed,
		[MSG_FAILED] = on_failed,
		[MSG_ANSWER] = history_answer,
		[MSG_ANSWERED] = history_answered,
	};

	if (handlers[m->kind])
		handlers[m->kind](userdata, m);
	else
		helper_kill(h);
}

/* To begin without what the file knows is the last resort: "monitoring started" and all problems would be told again. */
static bool replace_reader(struct daemon *d, struct helper *h, const char *why)
{
	struct state_file *s = &d->state;

	if (helper_phase(h) == HELPER_STUCK || ++s->readers_died >= LOAD_TRIES || d->is_stopping)
		return false;
	log_warning("%s while it read the state file; another one is started", why);
	s->store = helper_free(h);
	if (start_store(d) < 0) {
		enter_memory_mode(d, why);
		retry_later(d);
	}
	return true;
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct daemon *d = userdata;
	struct state_file *s = &d->state;
	_cleanup_buf_ struct buf why = BUF(500);

	buf_puts(&why, "tocsin-store ");
	helper_describe_end(end, &why);
	if (s->phase == STATE_LOADING && replace_reader(d, h, buf_text(&why)))
		return;
	enter_memory_mode(d, buf_text(&why));
	if (helper_phase(h) == HELPER_STUCK)
		return; /* it holds the file's lock; when it is gone, `released` starts another */
	s->store = helper_free(h);
	retry_later(d);
}

static void on_released(struct helper *h, void *userdata)
{
	struct daemon *d = userdata;

	d->state.store = helper_free(h);
	retry_later(d);
}

static int start_store(struct daemon *d)
{
	static const struct helper_callbacks callbacks = {
		.message = on_message, .ended = on_ended, .released = on_released,
	};
	_cleanup_free_ char *path = helper_path("tocsin-store");
	const char *argv[] = { "tocsin-store", d->options.state_path, NULL };
	const struct helper_options options = { .path = path, .argv = argv };

	return path ? helper_start(d->event, &options, &callbacks, d, &d->state.store) : -ENOMEM;
}

static int on_load_overdue(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	mail_remark(d, "The state file %s could not be read at the start: what was known before is not known now.",
		d->options.state_path);
	enter_memory_mode(d, N_("its rows could not be read within 10 s"));
	return 0;
}

int state_start(struct daemon *d)
{
	d->state.phase = STATE_LOADING;
	daemon_set_timer(d, &d->state.timer, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), LOAD_LIMIT_USEC),
		on_load_overdue, d);
	return start_store(d);
}

void state_stop(struct daemon *d)
{
	struct state_file *s = &d->state;

	for (size_t i = 0; i < d->n_checks; i++)
		for (struct item *item = d->checks[i]->items; item; item = item->next)
			state_put_item(d, item);
	state_put_facts(d);
	history_save(d);
	s->retry = sd_event_source_disable_unref(s->retry);
}

void state_free(struct daemon *d)
{
	struct state_file *s = &d->state;

	sd_event_source_disable_unref(s->timer);
	sd_event_source_disable_unref(s->retry);
	s->store = helper_free(s->store);
	free(s->trouble);
}
