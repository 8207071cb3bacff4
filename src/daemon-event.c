/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has happened, and who still waits to be told. Each recipient of the configuration is a route (route.h) that an event
 * waits for until a mail brings it there (daemon-mail.c). Incidents, silences and acknowledgements are kept here too.
 *
 * Whether an event is told at all was judged before (notice.h, daemon-item.c). */
#include "daemon.h"

#include "log.h"
#include "message-id.h"
#include "text.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HAPPENINGS_MAX 5000
#define SILENCES_MAX 1000
#define WORDS_MAX 2000

static void *copy_or_null(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

/* ---- routes ---- */

void route_names(const struct daemon *d, uint64_t routes, struct buf *b)
{
	const char *blank = "";

	for (size_t i = 0; i < d->n_routes; i++) {
		if (!(routes & UINT64_C(1) << i))
			continue;
		buf_printf(b, "%s%s", blank, d->routes[i].conf->name);
		blank = " ";
	}
}

static uint64_t route_named(const struct daemon *d, const char *name)
{
	for (size_t i = 0; i < d->n_routes; i++)
		if (strcmp(d->routes[i].conf->name, name) == 0)
			return UINT64_C(1) << i;
	return 0;
}

uint64_t route_mask(const struct daemon *d, const char *names, bool *ret_lost)
{
	_cleanup_free_ char *copy = strdup(names);
	uint64_t mask = 0;
	bool is_lost = false;
	char *rest = copy;

	for (char *name = copy ? strsep(&rest, " ") : NULL; name; name = strsep(&rest, " ")) {
		uint64_t route = route_named(d, name);

		is_lost |= *name && !route;
		mask |= route;
	}
	if (ret_lost)
		*ret_lost = is_lost;
	return mask;
}

/* The routes of MASK as the new configuration counts them; TO[I] is the new index of the old route I, or SIZE_MAX. */
static uint64_t move_mask(uint64_t mask, const size_t *to, size_t n)
{
	uint64_t moved = 0;

	for (size_t i = 0; i < n; i++)
		if (mask & UINT64_C(1) << i && to[i] != SIZE_MAX)
			moved |= UINT64_C(1) << to[i];
	return moved;
}

static uint64_t all_routes(const struct daemon *d)
{
	return d->n_routes ? UINT64_MAX >> (64 - d->n_routes) : 0;
}

static void move_masks(struct daemon *d, const size_t *to, size_t n)
{
	uint64_t fresh = all_routes(d) & ~move_mask(UINT64_MAX, to, n);

	for (struct incident *i = d->incidents; i; i = i->next)
		i->escalated = move_mask(i->escalated, to, n);
	for (struct happening *h = d->happenings; h; h = h->next) {
		uint64_t moved = move_mask(h->waits_for, to, n);
		bool has_lost = __builtin_popcountll(moved) != __builtin_popcountll(h->waits_for);

		h->waits_for = moved;
		if (has_lost)
			event_orphaned(d, h, fresh);
	}
}

static const struct conf_alert *policy_of(const struct daemon *d, const char *check)
{
	const struct check *c = look_find_check(d, check);

	return c ? &c->conf->alert : &d->conf->alert;
}

static void wait_for_routes(struct daemon *d, const struct happening *h)
{
	const struct group_policy policy = route_policy(&d->conf->alert);
	int64_t now = clock_boottime_usec(), realtime = clock_realtime_usec();

	for (size_t i = 0; i < d->n_routes; i++) {
		struct route *r = &d->routes[i];

		if (h->waits_for & UINT64_C(1) << i)
			route_add(r, &policy, notice_waits(r->conf, policy_of(d, h->check), h->event, h->to, realtime), now,
				realtime);
	}
	d->is_route_stale = true;
}

static void wait_for_all(struct daemon *d)
{
	for (const struct happening *h = d->happenings; h; h = h->next)
		if (h->waits_for)
			wait_for_routes(d, h);
}

int event_configure(struct daemon *d)
{
	size_t n = d->conf->n_recipients, to[CONF_RECIPIENTS_MAX];
	struct route *routes = calloc(n + 1, sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		routes[i].conf = &d->conf->recipients[i];
	for (size_t i = 0; i < d->n_routes; i++) {
		struct route *old = &d->routes[i];

		to[i] = SIZE_MAX;
		for (size_t j = 0; j < n; j++)
			if (strcmp(routes[j].conf->name, old->conf->name) == 0)
				to[i] = j;
		if (to[i] == SIZE_MAX) {
			route_clear(old);
			continue;
		}
		routes[to[i]].group = old->group;
		routes[to[i]].held_until_usec = old->held_until_usec;
	}
	size_t n_old = d->n_routes;
	free(d->routes);
	d->routes = routes;
	d->n_routes = n;
	move_masks(d, to, n_old);
	/* Quiet hours may be others now. */
	for (size_t i = 0; i < n; i++)
		routes[i].held_until_usec = 0;
	wait_for_all(d);
	d->is_route_stale = d->is_owed_stale = true;
	return 0;
}

/* ---- incidents ---- */

struct incident *incident_find(const struct daemon *d, int64_t number)
{
	struct incident *i = d->incidents;

	while (i && i->number != number)
		i = i->next;
	return i;
}

void incident_free(struct incident *i)
{
	free(i->check);
	free(i->item);
	free(i->module);
	free(i->text);
	free(i->ack_who);
	free(i->ack_why);
	free(i);
}

struct incident *incident_open(struct daemon *d, struct item *item)
{
	struct incident *i = calloc(1, sizeof(*i));
	uint64_t escalated = item->incident ? item->incident->escalated : 0;

	if (item->incident) /* its end was never told: to readers this one goes on with it */
		incident_forget(d, item);
	if (!i)
		return NULL;
	*i = (struct incident){
		.number = item->alert.incident, .check = strdup(item->check->conf->name),
		.item = strdup(item->name), .module = strdup(item->check->conf->module),
		.text = strdup(item->last.text ? item->last.text : ""), .opened_usec = item->alert.incident_since_usec,
		.worst = item->alert.state, .escalated = escalated,
	};
	if (!i->check || !i->item || !i->module || !i->text) {
		incident_free(i);
		return NULL;
	}
	incident_adopt(d, item, i);
	state_put_incident(d, i);
	return i;
}

void incident_adopt(struct daemon *d, struct item *item, struct incident *i)
{
	i->next = d->incidents;
	if (i->next)
		i->next->previous = i;
	d->incidents = item->incident = i;
}

void incident_close(struct daemon *d, struct item *item)
{
	struct incident *i = item->incident;

	if (!i || i->closed_usec)
		return;
	i->closed_usec = clock_realtime_usec();
	state_put_incident(d, i);
}

void incident_forget(struct daemon *d, struct item *item)
{
	struct incident *i = TAKE_PTR(item->incident);

	if (!i)
		return;
	if (i->previous)
		i->previous->next = i->next;
	else
		d->incidents = i->next;
	if (i->next)
		i->next->previous = i->previous;
	incident_free(i);
}

/* ---- what happened ---- */

void happening_free(struct happening *h)
{
	result_clear(&h->result);
	free(h->check);
	free(h->item);
	free(h->text);
	free(h->thread);
	free(h->note);
	free(h->who);
	free(h);
}

struct happening *happening_find(const struct daemon *d, int64_t number)
{
	struct happening *h = d->happenings;

	while (h && h->number != number)
		h = h->next;
	return h;
}

static bool is_in_outbox(const struct daemon *d, int64_t number)
{
	for (size_t i = 0; i < d->n_outbox; i++)
		for (size_t j = 0; j < d->outbox[i]->n_events; j++)
			if (d->outbox[i]->events[j] == number)
				return true;
	return false;
}

static void happening_drop(struct daemon *d, struct happening **at)
{
	struct happening *h = *at;

	*at = h->next;
	d->n_happenings--;
	if (d->happenings_end == &h->next)
		d->happenings_end = at;
	happening_free(h);
}

/* Nearly always the end: only what a state file tells late is older than the last one. */
static struct happening **place_of(struct daemon *d, const struct happening *h)
{
	struct happening **at = &d->happenings;

	if (d->happenings_end && h->number >= d->last_number)
		return d->happenings_end;
	while (*at && (*at)->number < h->number)
		at = &(*at)->next;
	return at;
}

/* Past a limit the oldest that nobody waits for goes: the state file still has it. */
void happening_adopt(struct daemon *d, struct happening *h)
{
	struct happening **at = place_of(d, h);

	h->next = *at;
	*at = h;
	d->n_happenings++;
	if (!h->next)
		d->happenings_end = &h->next;
	if (d->n_happenings <= HAPPENINGS_MAX)
		return;
	for (at = &d->happenings; *at != h; at = &(*at)->next) {
		if ((*at)->waits_for == 0) {
			happening_drop(d, at);
			return;
		}
	}
}

/* Numbers are times, so that they go on where a lost state file ended. */
static struct happening *happening_new(struct daemon *d, enum alert_event event, const char *check, const char *item,
	const char *text)
{
	struct happening *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->time_usec = h->since_usec = clock_realtime_usec();
	d->last_number = h->number = h->time_usec > d->last_number ? h->time_usec : d->last_number + 1;
	h->event = event;
	h->check = strdup(check);
	h->item = strdup(item);
	h->text = strdup(text ? text : "");
	if (h->check && h->item && h->text)
		return h;
	happening_free(h);
	return NULL;
}

/* ---- the journal ---- */

#define VALUES_MAX 16 /* metrics that an entry has */

static const char *const message_ids[ALERT_EVENTS] = {
	[ALERT_PROBLEM] = MESSAGE_FAILS,
	[ALERT_WORSE] = MESSAGE_FAILS,
	[ALERT_EASED] = MESSAGE_FAILS,
	[ALERT_BLIND] = MESSAGE_BLIND,
	[ALERT_SEEN_AGAIN] = MESSAGE_WELL,
	[ALERT_RECOVERED] = MESSAGE_WELL,
	[ALERT_RELAPSED] = MESSAGE_FAILS,
	[ALERT_UNSTABLE] = MESSAGE_CHANGES,
	[ALERT_STEADY] = MESSAGE_CHANGES,
	[ALERT_LATE] = MESSAGE_FAILS,
	[ALERT_REMINDER] = MESSAGE_FAILS,
	[ALERT_ESCALATED] = MESSAGE_FAILS,
	[ALERT_ACKNOWLEDGED] = MESSAGE_NOTED,
	[ALERT_SILENCED] = MESSAGE_NOTED,
	[ALERT_REMOVED] = MESSAGE_NOTED,
	[ALERT_RESTARTED] = MESSAGE_RESTARTED,
	[ALERT_TEST] = MESSAGE_NOTED,
};

/* "used=96.2%" for each metric, which are several fields VALUE. */
static size_t add_values(const struct result *r, struct buf *texts, struct log_field *fields)
{
	size_t n = r->n_metrics < VALUES_MAX ? r->n_metrics : VALUES_MAX;

	for (size_t i = 0; i < n; i++) {
		const struct metric *m = &r->metrics[i];

		buf_printf(&texts[i], "%s=%.10g%s", m->name, m->value, m->unit ? m->unit : "");
		fields[i] = (struct log_field){ "VALUE", buf_text(&texts[i]) };
	}
	return n;
}

static int priority_of(const struct happening *h)
{
	if (h->to == TOCSIN_OK || h->event == ALERT_TEST)
		return LOG_NOTICE;
	return h->to == TOCSIN_CRITICAL ? LOG_ERR : LOG_WARNING;
}

static void log_happening(const struct happening *h)
{
	struct buf values[VALUES_MAX] = { [0 ... VALUES_MAX - 1] = BUF(200) };
	struct log_field fields[6 + VALUES_MAX] = {
		{ "EVENT", alert_event_name(h->event) }, { "CHECK", h->check }, { "ITEM", h->item },
		{ "STATE", state_name(h->to) }, { "STATE_BEFORE", state_name(h->from) },
		{ "INCIDENT", h->incident ? MSG_NUMBER(h->incident) : NULL },
	};
	_cleanup_buf_ struct buf why = BUF(WORDS_MAX);

	if (h->event == ALERT_FOUND)
		return;
	if (h->note)
		buf_printf(&why, " (%s%s)", h->waits_for ? "" : "not mailed: ", h->note);
	size_t n = add_values(&h->result, values, fields + 6);
	log_entry(priority_of(h), message_ids[h->event], fields, 6 + n, "%s: %s: %s %s: %s%s", alert_event_name(h->event),
		state_name(h->to), h->check, h->item, h->text, buf_text(&why));
	for (size_t i = 0; i < n; i++)
		buf_free(&values[i]);
}

/* It stands, with all that it says: it is stored, and waits for whom it has to. */
static void finish_happening(struct daemon *d, struct happening *h)
{
	log_happening(h);
	happening_adopt(d, h);
	state_put_happening(d, h);
	if (h->waits_for)
		wait_for_routes(d, h);
	daemon_changed(d);
}

static int64_t first_bad(enum alert_event event, const struct item *item)
{
	const struct alert_state *a = &item->alert;

	for (size_t i = 0; event == ALERT_UNSTABLE && i < ALERT_CHANGES_MAX; i++)
		if (a->changes_usec[i])
			return a->changes_usec[i];
	if (event == ALERT_RECOVERED)
		return a->incident_since_usec;
	return event == ALERT_BLIND ? a->rows[ALERT_ROW_UNKNOWN].since_usec : a->since_usec;
}

/* How many looks, or for an unstable item changes, bear it out. */
static int64_t looks(enum alert_event event, const struct item *item)
{
	const struct conf_alert *policy = &item->check->conf->alert;
	int64_t n = 0;

	if (event == ALERT_UNSTABLE)
		for (size_t i = 0; i < ALERT_CHANGES_MAX; i++)
			n += item->alert.changes_usec[i] != 0;
	if (event == ALERT_PROBLEM || event == ALERT_WORSE || event == ALERT_LATE || event == ALERT_EASED)
		n = policy->confirm;
	if (event == ALERT_RECOVERED || event == ALERT_SEEN_AGAIN)
		n = policy->recover;
	return event == ALERT_BLIND ? policy->unknown_confirm : n;
}

/* ITEM is NULL for what is about none, or about one that is no more: then nobody asks how bad it was. */
static uint64_t routes_that_want(const struct daemon *d, const struct happening *h, const struct item *item)
{
	uint64_t mask = 0, escalated = item && item->incident ? item->incident->escalated : 0;
	enum tocsin_state worst = item ? alert_told_worst(&item->alert) : TOCSIN_CRITICAL;

	for (size_t r = 0; r < d->n_routes && mail_is_configured(d); r++)
		if (notice_wants(d->routes[r].conf, h->event, h->check, h->item, worst, escalated & UINT64_C(1) << r))
			mask |= UINT64_C(1) << r;
	return mask;
}

static struct item *find_item(const struct daemon *d, const char *check, const char *item)
{
	struct check *c = look_find_check(d, check);

	return c ? item_find(c->items, item) : NULL;
}

void event_orphaned(struct daemon *d, struct happening *h, uint64_t fresh)
{
	h->waits_for |= fresh & routes_that_want(d, h, find_item(d, h->check, h->item));
	state_put_happening(d, h);
}

/* What kept the last event of this incident back. */
static const char *last_note(const struct daemon *d, int64_t incident)
{
	const char *note = NULL;

	for (const struct happening *h = d->happenings; h; h = h->next)
		if (h->incident == incident && h->note && h->waits_for == 0)
			note = h->note;
	return note;
}

/* Is it told later than it was found? */
static bool is_late(const struct item *item, enum alert_event event)
{
	return event == ALERT_LATE || (event == ALERT_RECOVERED && item->incident->closed_usec);
}

static char *note_of(const struct daemon *d, const struct item *item, const struct notice *notice)
{
	const struct silence *s;
	_cleanup_buf_ struct buf b = BUF(WORDS_MAX);

	if (notice->reason == NOTICE_NO_REASON)
		return item->incident && is_late(item, notice->event) ? copy_or_null(last_note(d, item->incident->number)) : NULL;
	s = notice->reason == NOTICE_SILENCED ?
		event_silence_of(d, item->check->conf->name, item->name, clock_realtime_usec()) : NULL;
	buf_puts(&b, notice_reason_name(notice->reason));
	if (s) {
		buf_puts(&b, " until ");
		format_time(&b, s->until_usec);
		buf_printf(&b, " by %s%s%s", s->who, *s->why ? ": " : "", s->why);
	}
	return copy_or_null(buf_text(&b));
}

static struct happening *happening_of(struct daemon *d, struct item *item, enum alert_event event,
	const struct alert_state *before)
{
	struct happening *h = happening_new(d, event, item->check->conf->name, item->name, item->last.text);

	if (!h)
		return NULL;
	h->thread = copy_or_null(item->thread);
	h->from = alert_seen(before);
	h->to = alert_seen(&item->alert);
	h->since_usec = first_bad(event, item);
	h->incident = item->incident ? item->incident->number : item->alert.incident;
	h->looks = looks(event, item);
	if (result_copy(&h->result, &item->last) < 0)
		result_clear(&h->result); /* told without its evidence rather than not at all */
	return h;
}

void event_raise(struct daemon *d, struct item *item, const struct notice *notice, const struct alert_state *before)
{
	struct happening *h = happening_of(d, item, notice->event, before);

	if (!h)
		return;
	h->note = note_of(d, item, notice);
	if (notice->reason == NOTICE_NO_REASON)
		h->waits_for = routes_that_want(d, h, item);
	finish_happening(d, h);
}

void event_removed(struct daemon *d, struct item *item)
{
	struct happening *h = happening_of(d, item, ALERT_REMOVED, &item->alert);

	if (h)
		finish_happening(d, h);
}

void event_note(struct daemon *d, enum alert_event event, const char *check, const char *item, const char *text,
	const char *who, bool is_told)
{
	struct happening *h = happening_new(d, event, check, item, text);

	if (!h)
		return;
	h->who = copy_or_null(who);
	h->waits_for = is_told ? routes_that_want(d, h, NULL) : 0;
	finish_happening(d, h);
}

void event_reported(struct daemon *d)
{
	struct happening **at = &d->happenings;

	/* In memory mode the file must still learn of all. */
	while (*at && d->state.phase != STATE_MEMORY) {
		if ((*at)->waits_for || is_in_outbox(d, (*at)->number))
			at = &(*at)->next;
		else
			happening_drop(d, at);
	}
}

/* ---- what a shutdown has done ---- */

static void withdraw(struct daemon *d, struct happening *h)
{
	h->waits_for = 0;
	free(h->note);
	h->note = copy_or_null(notice_reason_name(NOTICE_STOPPING));
	state_put_happening(d, h);
}

void event_withdraw(struct daemon *d, int64_t stopped_usec)
{
	for (struct happening *h = d->happenings; h; h = h->next) {
		struct item *item = find_item(d, h->check, h->item);

		if (!h->waits_for || is_in_outbox(d, h->number) ||
			!notice_is_of_shutdown(h->event, h->time_usec, stopped_usec))
			continue;
		log_notice("%s %s: not mailed, %s", h->check, h->item, notice_reason_name(NOTICE_STOPPING));
		withdraw(d, h);
		if (item && item->alert.incident == h->incident) {
			alert_untell(&item->alert, h->from);
			state_put_item(d, item);
		}
		/* What came of it is no news either. */
		for (struct happening *later = h->next; later; later = later->next)
			if (later->waits_for && later->incident == h->incident && h->from == TOCSIN_OK)
				withdraw(d, later);
	}
}

/* ---- escalation ---- */

void event_escalate(struct daemon *d, struct item *item, const struct notice_circumstances *c)
{
	int64_t now = clock_realtime_usec();
	uint64_t routes = 0;

	for (size_t r = 0; item->incident && mail_is_configured(d) && r < d->n_routes; r++)
		if (!(item->incident->escalated & UINT64_C(1) << r) &&
			notice_escalates(d->routes[r].conf, &item->alert, c, item->check->conf->name, item->name, now))
			routes |= UINT64_C(1) << r;
	struct happening *h = routes ? happening_of(d, item, ALERT_ESCALATED, &item->alert) : NULL;
	if (!h)
		return;
	item->incident->escalated |= routes;
	state_put_incident(d, item->incident);
	h->waits_for = routes;
	finish_happening(d, h);
}

static int64_t escalates_next(const struct daemon *d, const struct item *item, size_t r)
{
	if (!item->incident || item->incident->escalated & UINT64_C(1) << r)
		return USEC_NEVER;
	return notice_escalates_next(d->routes[r].conf, &item->alert, item->check->conf->name, item->name);
}

/* ---- silences and acknowledgements ---- */

void silence_free(struct silence *s)
{
	free(s->id);
	free(s->glob);
	free(s->who);
	free(s->why);
	free(s);
}

/* Of several the one that lasts longest. */
const struct silence *event_silence_of(const struct daemon *d, const char *check, const char *item, int64_t now_usec)
{
	const struct silence *longest = NULL;

	for (const struct silence *s = d->silences; s; s = s->next)
		if (s->until_usec > now_usec && (!longest || s->until_usec > longest->until_usec) &&
			notice_matches(s->glob, check, item))
			longest = s;
	return longest;
}

/* "by ops until …: why", or what ended it. */
static void note_silence(struct daemon *d, const struct silence *s, const char *what, const char *who)
{
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX);

	buf_puts(&text, what);
	if (who)
		buf_printf(&text, "%sby %s", *what ? " " : "", who);
	if (!*what) {
		buf_puts(&text, " until ");
		format_time(&text, s->until_usec);
		buf_printf(&text, "%s%s", *s->why ? ": " : "", s->why);
	}
	event_note(d, ALERT_SILENCED, s->glob, s->id, buf_text(&text), who, false);
}

static void drop_silence(struct daemon *d, struct silence **at)
{
	struct silence *s = *at;

	*at = s->next;
	state_delete_silence(d, s);
	silence_free(s);
}

int event_silence(struct daemon *d, const char *glob, int64_t until_usec, const char *who, const char *why,
	const char **ret_id)
{
	struct silence *s;
	long long last = 0;
	size_t n = 0;

	if (until_usec <= clock_realtime_usec())
		return -EINVAL;
	for (s = d->silences; s; s = s->next, n++)
		if (atoll(s->id + 1) > last)
			last = atoll(s->id + 1);
	if (n >= SILENCES_MAX)
		return -E2BIG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct silence){ .glob = strdup(glob), .who = strdup(who), .why = strdup(why),
		.created_usec = clock_realtime_usec(), .until_usec = until_usec };
	if (asprintf(&s->id, "s%lld", last + 1) < 0)
		s->id = NULL;
	if (!s->id || !s->glob || !s->who || !s->why) {
		silence_free(s);
		return -ENOMEM;
	}
	s->next = d->silences;
	d->silences = s;
	state_put_silence(d, s);
	note_silence(d, s, "", who);
	d->is_owed_stale = true;
	*ret_id = s->id;
	return 0;
}

int event_unsilence(struct daemon *d, const char *id_or_glob, const char *who)
{
	struct silence **at = &d->silences;
	bool is_found = false;

	while (*at) {
		if (strcmp((*at)->id, id_or_glob) != 0 && strcmp((*at)->glob, id_or_glob) != 0) {
			at = &(*at)->next;
			continue;
		}
		is_found = true;
		note_silence(d, *at, "ended", who);
		drop_silence(d, at);
	}
	if (!is_found)
		return -ENOENT;
	item_reconsider_all(d);
	return 0;
}

static void drop_expired_silences(struct daemon *d, int64_t now_usec)
{
	for (struct silence **at = &d->silences; *at;) {
		if ((*at)->until_usec > now_usec) {
			at = &(*at)->next;
			continue;
		}
		note_silence(d, *at, "ended: its time is over", NULL);
		drop_silence(d, at);
	}
}

int event_acknowledge(struct daemon *d, int64_t number, int64_t until_usec, const char *who, const char *why)
{
	struct incident *i = incident_find(d, number);
	struct item *item = i && !i->closed_usec ? find_item(d, i->check, i->item) : NULL;
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX);

	if (!item || item->alert.incident != number)
		return -ENOENT;
	free(i->ack_who);
	free(i->ack_why);
	i->ack_who = strdup(who);
	i->ack_why = strdup(why);
	i->ack_usec = clock_realtime_usec();
	i->ack_until_usec = until_usec;
	item->alert.acknowledged_until_usec = until_usec ? until_usec : USEC_NEVER;
	state_put_incident(d, i);
	state_put_item(d, item);
	buf_printf(&text, "by %s", who);
	if (until_usec) {
		buf_puts(&text, " until ");
		format_time(&text, until_usec);
	}
	buf_printf(&text, "%s%s", *why ? ": " : "", why);
	struct happening *h = happening_new(d, ALERT_ACKNOWLEDGED, i->check, i->item, buf_text(&text));
	if (h) {
		h->who = strdup(who);
		h->incident = number;
		h->from = h->to = alert_seen(&item->alert);
		finish_happening(d, h);
	}
	d->is_owed_stale = true;
	return 0;
}

/* ---- tests ---- */

struct test {
	struct daemon *daemon;
	char *check;
	int64_t since_usec; /* realtime */
};

static void test_free(void *userdata)
{
	struct test *t = userdata;

	free(t->check);
	free(t);
}

static int raise_test(struct test *t, enum tocsin_state from, enum tocsin_state to, const char *who)
{
	static const char text[] = "a test that an administrator asked for; nothing has happened";
	struct daemon *d = t->daemon;
	struct happening *h = happening_new(d, ALERT_TEST, t->check, t->check, text);

	if (!h)
		return -ENOMEM;
	h->since_usec = t->since_usec;
	h->from = from;
	h->to = to;
	h->who = copy_or_null(who);
	h->waits_for = routes_that_want(d, h, NULL);
	if (!h->waits_for) {
		happening_free(h);
		return -EHOSTUNREACH;
	}
	finish_happening(d, h);
	return 0;
}

static int on_test_recovers(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct test *t = userdata;

	raise_test(t, TOCSIN_CRITICAL, TOCSIN_OK, NULL);
	sd_event_source_disable_unref(source);
	return 0;
}

int event_test(struct daemon *d, const char *check, const char *who)
{
	sd_event_source *source = NULL;
	struct test *t;

	if (!look_find_check(d, check))
		return -ENOENT;
	if (!mail_is_configured(d))
		return -ENOTCONN;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct test){ d, strdup(check), clock_realtime_usec() };
	/* When the problem is in a mail of its own. */
	int64_t when = usec_add(usec_add(clock_boottime_usec(), d->conf->alert.group_wait), USEC_PER_SEC);
	int r = t->check ? raise_test(t, TOCSIN_OK, TOCSIN_CRITICAL, who) : -ENOMEM;
	if (r >= 0)
		r = sd_event_add_time(d->event, &source, CLOCK_BOOTTIME, (uint64_t)when, 0, on_test_recovers, t);
	if (r < 0) {
		test_free(t);
		return r;
	}
	sd_event_source_set_destroy_callback(source, test_free);
	sd_event_source_set_floating(source, true);
	sd_event_source_unref(source); /* the loop has one of its own now */
	return 0;
}

/* ---- timers ---- */

static int on_route_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	d->is_route_stale = true;
	if (mail_events(d))
		return 0;
	d->is_route_stale = false;
	daemon_set_timer(d, &d->route_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), USEC_PER_MINUTE), on_route_due,
		d);
	return 0;
}

static void arm_routes(struct daemon *d)
{
	const struct group_policy policy = route_policy(&d->conf->alert);
	int64_t now = clock_boottime_usec(), realtime = clock_realtime_usec(), due = USEC_NEVER;

	d->is_route_stale = false;
	for (size_t i = 0; i < d->n_routes; i++) {
		int64_t next = route_due(&d->routes[i], &policy, now, realtime);

		due = next < due ? next : due;
	}
	daemon_set_timer(d, &d->route_source, CLOCK_BOOTTIME, due, on_route_due, d);
}

static int on_owed(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	d->is_owed_stale = true;
	drop_expired_silences(d, clock_realtime_usec());
	item_reconsider_all(d);
	return 0;
}

static int64_t item_next(const struct daemon *d, const struct item *item, int64_t now_usec)
{
	int64_t next = item_owed_next(item, now_usec);

	for (size_t r = 0; r < d->n_routes; r++) {
		int64_t due = escalates_next(d, item, r);

		next = due > now_usec && due < next ? due : next;
	}
	return next;
}

static void set_owed(struct daemon *d, int64_t now_usec, int64_t when_usec)
{
	int64_t soonest = usec_add(now_usec, USEC_PER_SEC); /* no spinning */

	d->owed_usec = when_usec < soonest ? soonest : when_usec;
	daemon_set_timer(d, &d->owed_source, CLOCK_REALTIME, d->owed_usec, on_owed, d);
}

static void arm_owed(struct daemon *d)
{
	int64_t now = clock_realtime_usec(), next = USEC_NEVER;

	d->is_owed_stale = false;
	for (size_t i = 0; i < d->n_checks; i++) {
		for (const struct item *item = d->checks[i]->items; item; item = item->next) {
			int64_t due = item->incident || item->alert.incident ? item_next(d, item, now) : USEC_NEVER;

			next = due < next ? due : next;
		}
	}
	for (const struct silence *s = d->silences; s; s = s->next)
		next = s->until_usec < next ? s->until_usec : next;
	set_owed(d, now, next);
}

void event_owes(struct daemon *d, const struct item *item)
{
	int64_t now = clock_realtime_usec(), next;

	if (d->is_owed_stale)
		return; /* all will be asked at the end of the turn */
	next = item->incident || item->alert.incident ? item_next(d, item, now) : USEC_NEVER;
	if (next < d->owed_usec)
		set_owed(d, now, next);
}

void event_clock_set(struct daemon *d, int64_t delta_usec)
{
	for (size_t i = 0; i < d->n_routes; i++)
		route_clock_stepped(&d->routes[i], delta_usec);
	for (struct silence *s = d->silences; s; s = s->next) {
		s->until_usec = usec_add(s->until_usec, delta_usec);
		state_put_silence(d, s);
	}
	for (struct incident *i = d->incidents; i; i = i->next) {
		i->ack_until_usec = i->ack_until_usec ? usec_add(i->ack_until_usec, delta_usec) : 0;
		state_put_incident(d, i);
	}
	wait_for_all(d);
	d->is_route_stale = d->is_owed_stale = true;
}

void event_turn(struct daemon *d)
{
	if (!d->has_state || !d->conf || d->is_stopping)
		return;
	if (d->is_route_stale)
		arm_routes(d);
	if (d->is_owed_stale)
		arm_owed(d);
}

void event_adopted(struct daemon *d)
{
	wait_for_all(d);
	drop_expired_silences(d, clock_realtime_usec());
	/* What became due while nobody was there. */
	d->is_owed_stale = false;
	set_owed(d, clock_realtime_usec(), 0);
}

void event_free(struct daemon *d)
{
	d->route_source = sd_event_source_disable_unref(d->route_source);
	d->owed_source = sd_event_source_disable_unref(d->owed_source);
	while (d->happenings) {
		struct happening *next = d->happenings->next;

		happening_free(d->happenings);
		d->happenings = next;
	}
	while (d->incidents) {
		struct incident *next = d->incidents->next;

		incident_free(d->incidents);
		d->incidents = next;
	}
	while (d->silences) {
		struct silence *next = d->silences->next;

		silence_free(d->silences);
		d->silences = next;
	}
	for (size_t i = 0; i < d->n_routes; i++)
		route_clear(&d->routes[i]);
	free(d->routes);
}
