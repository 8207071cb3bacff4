/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has happened: it is noted, stored, and waits for those who are to be told of it (daemon-route.c), and what readers are
 * owed later is asked for in time.
 *
 * Whether an event is told at all was judged before (notice.h, daemon-item.c). */
#include "event.h"

#include "log.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <string.h>

#define HAPPENINGS_MAX 5000
#define HAPPENINGS_SLACK 100 /* more of them before any is dropped: for that all are looked at, and perhaps all are waited for */

/* The sentences of this file. */
#define SAY_SILENCED _("silenced until %s by %s")
#define SAY_SILENCED_WHY _("silenced until %s by %s: %s")

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

struct happening *happening_find_behind(struct happening *h, int64_t number)
{
	while (h && h->number < number)
		h = h->next;
	return h && h->number == number ? h : NULL;
}

struct happening *happening_find(const struct daemon *d, int64_t number)
{
	return happening_find_behind(d->happenings, number);
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

/* Past a limit the oldest that nobody waits for go, all but KEPT: the state file still has them. */
static void drop_oldest(struct daemon *d, const struct happening *kept)
{
	struct happening **at = &d->happenings;

	while (*at != kept && d->n_happenings > HAPPENINGS_MAX) {
		if ((*at)->waits_for == 0)
			happening_drop(d, at);
		else
			at = &(*at)->next;
	}
}

void happening_adopt(struct daemon *d, struct happening *h)
{
	struct happening **at = place_of(d, h);

	h->next = *at;
	*at = h;
	d->n_happenings++;
	if (!h->next)
		d->happenings_end = &h->next;
	if (d->n_happenings > HAPPENINGS_MAX && d->n_happenings % HAPPENINGS_SLACK == 0)
		drop_oldest(d, h);
}

/* Numbers are times, so that they go on where a lost state file ended. */
struct happening *happening_new(struct daemon *d, enum alert_event event, const char *check, const char *item,
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

/* It stands, with all that it says: it is stored, and waits for whom it has to. */
void happening_finish(struct daemon *d, struct happening *h)
{
	happening_log(h);
	happening_adopt(d, h);
	state_put_happening(d, h);
	if (h->waits_for)
		routes_await(d, h);
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
uint64_t event_routes(const struct daemon *d, const struct happening *h, const struct item *item)
{
	uint64_t mask = 0, escalated = item && item->incident ? item->incident->escalated : 0;
	enum tocsin_state worst = item ? alert_told_worst(&item->alert) : TOCSIN_CRITICAL;

	for (size_t r = 0; r < d->n_routes && mail_is_configured(d); r++)
		if (notice_wants(d->routes[r].conf, h->event, h->check, h->item, worst, escalated & UINT64_C(1) << r))
			mask |= UINT64_C(1) << r;
	return mask;
}

struct item *event_find_item(const struct daemon *d, const char *check, const char *item)
{
	struct check *c = look_find_check(d, check);

	return c ? item_find(c->items, item) : NULL;
}

void event_orphaned(struct daemon *d, struct happening *h, uint64_t fresh)
{
	h->waits_for |= fresh & event_routes(d, h, event_find_item(d, h->check, h->item));
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
	_cleanup_buf_ struct buf b = BUF(WORDS_MAX), until = BUF(100);

	if (notice->reason == NOTICE_NO_REASON)
		return item->incident && is_late(item, notice->event) ? text_copy(last_note(d, item->incident->number)) : NULL;
	s = notice->reason == NOTICE_SILENCED ?
		silence_of(d, item->check->conf->name, item->name, clock_realtime_usec()) : NULL;
	if (s) {
		format_time(&until, s->until_usec);
		buf_printf(&b, *s->why ? SAY_SILENCED_WHY : SAY_SILENCED, buf_text(&until), s->who, s->why);
	} else {
		buf_puts(&b, notice_reason_name(notice->reason));
	}
	return text_copy(buf_text(&b));
}

static struct happening *happening_of(struct daemon *d, struct item *item, enum alert_event event, enum tocsin_state from)
{
	struct happening *h = happening_new(d, event, item->check->conf->name, item->name, item->last.text);

	if (!h)
		return NULL;
	h->thread = text_copy(item->thread);
	h->from = from;
	h->to = alert_seen(&item->alert);
	h->since_usec = first_bad(event, item);
	h->incident = item->incident ? item->incident->number : item->alert.incident;
	h->looks = looks(event, item);
	if (result_copy(&h->result, &item->last) < 0)
		result_clear(&h->result); /* told without its evidence rather than not at all */
	return h;
}

void event_raise(struct daemon *d, struct item *item, const struct notice *notice)
{
	struct happening *h = happening_of(d, item, notice->event, notice->from);

	if (!h)
		return;
	h->is_first = notice->is_first;
	h->note = note_of(d, item, notice);
	if (notice->reason == NOTICE_NO_REASON)
		h->waits_for = event_routes(d, h, item);
	happening_finish(d, h);
}

void event_removed(struct daemon *d, struct item *item)
{
	struct happening *h = happening_of(d, item, ALERT_REMOVED, alert_seen(&item->alert));

	if (h)
		happening_finish(d, h);
}

void event_note(struct daemon *d, enum alert_event event, const char *check, const char *item, const char *text,
	const char *who, bool is_told)
{
	struct happening *h = happening_new(d, event, check, item, text);

	if (!h)
		return;
	h->who = text_copy(who);
	h->waits_for = is_told ? event_routes(d, h, NULL) : 0;
	happening_finish(d, h);
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
	h->note = text_copy(notice_reason_name(NOTICE_STOPPING));
	state_put_happening(d, h);
}

void event_withdraw(struct daemon *d, int64_t stopped_usec)
{
	for (struct happening *h = d->happenings; h; h = h->next) {
		struct item *item = event_find_item(d, h->check, h->item);

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
	struct happening *h = routes ? happening_of(d, item, ALERT_ESCALATED, alert_seen(&item->alert)) : NULL;
	if (!h)
		return;
	item->incident->escalated |= routes;
	state_put_incident(d, item->incident);
	h->waits_for = routes;
	happening_finish(d, h);
}

static int64_t escalates_next(const struct daemon *d, const struct item *item, size_t r)
{
	if (!item->incident || item->incident->escalated & UINT64_C(1) << r)
		return USEC_NEVER;
	return notice_escalates_next(d->routes[r].conf, &item->alert, item->check->conf->name, item->name);
}

/* ---- timers ---- */

static int on_owed(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	d->is_owed_stale = true;
	silence_drop_expired(d, clock_realtime_usec());
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
	routes_await_all(d);
	d->is_route_stale = d->is_owed_stale = true;
}

void event_turn(struct daemon *d)
{
	if (!d->has_state || !d->conf || d->is_stopping)
		return;
	if (d->is_route_stale)
		routes_arm(d);
	if (d->is_owed_stale)
		arm_owed(d);
}

void event_adopted(struct daemon *d)
{
	routes_await_all(d);
	silence_drop_expired(d, clock_realtime_usec());
	/* What became due while nobody was there. */
	d->is_owed_stale = false;
	set_owed(d, clock_realtime_usec(), 0);
}

void event_free(struct daemon *d)
{
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
	routes_free(d);
}
