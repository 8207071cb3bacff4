/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Items: what a look at one means to the alert engine, and what keeps its mails back. Which checks there are and when
 * they look is daemon-look.c; whom an event is told, daemon-event.c. */
#include "daemon.h"

#include "damp.h"

#include <string.h>

#define ITEMS_MAX 4096
#define DEPEND_LIMIT_USEC (15 * USEC_PER_SEC) /* how long a problem waits for a look at what it depends on (law 2) */

/* ---- the list ---- */

struct item *item_find(struct item *items, const char *name)
{
	for (struct item *i = items; i; i = i->next)
		if (strcmp(i->name, name) == 0)
			return i;
	return NULL;
}

struct item *item_add(struct item **items, struct check *c, const char *name)
{
	struct item **end = items, *item;
	size_t n = 0;

	for (; *end; end = &(*end)->next)
		n++;
	if (n >= ITEMS_MAX)
		return NULL;
	item = calloc(1, sizeof(*item));
	if (!item)
		return NULL;
	item->check = c;
	item->name = strdup(name);
	if (!item->name) {
		free(item);
		return NULL;
	}
	return *end = item;
}

static void clear_fault(struct item *item)
{
	metrics_free(item->fault, item->n_fault);
	item->fault = NULL;
	item->n_fault = 0;
}

static void item_free(struct item *item)
{
	result_clear(&item->last);
	result_clear(&item->incoming);
	clear_fault(item);
	free(item->thread);
	free(item->name);
	free(item);
}

void items_free(struct item *items)
{
	while (items) {
		struct item *next = items->next;

		item_free(items);
		items = next;
	}
}

void item_remove(struct item *item)
{
	struct check *c = item->check;

	for (struct item **at = &c->items; *at; at = &(*at)->next) {
		if (*at == item) {
			*at = item->next;
			break;
		}
	}
	if (item->alert.incident) {
		event_removed(c->daemon, item);
		incident_close(c->daemon, item);
	}
	incident_forget(c->daemon, item);
	state_delete_item(c->daemon, item);
	item_free(item);
}

/* ---- what keeps its mails back ---- */

static bool is_named(const struct tocsin_list *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static bool holds_dependents(const struct check *parent)
{
	for (const struct item *i = parent->items; i; i = i->next)
		if (notice_holds_dependents(&i->alert))
			return true;
	return false;
}

/* C is to be looked at before anything is said of ITEM. Not for long: a check that hangs must not hold up the alert of
 * another (law 2). */
static bool waits_for_look(struct item *item, struct check *c)
{
	int64_t now = clock_boottime_usec();

	if (item->waits_since_usec == 0) {
		item->waits_since_usec = now;
		look_soon(c);
	}
	return now - item->waits_since_usec < DEPEND_LIMIT_USEC;
}

static bool waits_for(struct item *item, struct check *parent, bool *ret_is_held)
{
	const struct notice_parent p = {
		.is_holding = holds_dependents(parent), .released_usec = parent->released_usec, .looked_usec = parent->looked_usec,
	};

	switch (notice_dependence(&item->alert, item->look, item->looked_usec, &p)) {
	case NOTICE_ASK_PARENT:
		return waits_for_look(item, parent);
	case NOTICE_ASK_CHILD:
		return waits_for_look(item, item->check);
	case NOTICE_HELD:
		*ret_is_held = true;
		break;
	case NOTICE_FREE:
		break;
	}
	return false;
}

/* NOTICE_HELD by one of them, or else whether one is to be looked at first. */
static enum notice_dependence dependence_of(struct item *item)
{
	const struct tocsin_list *depends = &item->check->conf->alert.depends;
	bool is_held = false, waits = false;

	for (size_t i = 0; i < depends->n; i++) {
		struct check *parent = look_find_check(item->check->daemon, depends->items[i]);

		waits |= parent && waits_for(item, parent, &is_held);
	}
	if (!waits)
		item->waits_since_usec = 0;
	return is_held ? NOTICE_HELD : waits ? NOTICE_ASK_PARENT : NOTICE_FREE;
}

bool item_depends_on(const struct item *item, const struct check *parent)
{
	return is_named(&item->check->conf->alert.depends, parent->conf->name) && item->alert.incident != 0 &&
		item->alert.told == TOCSIN_OK;
}

static struct notice_circumstances circumstances_of(struct item *item)
{
	const struct daemon *d = item->check->daemon;
	const struct conf_check *conf = item->check->conf;
	int64_t now = clock_realtime_usec();
	enum notice_dependence dependence = dependence_of(item);

	return (struct notice_circumstances){
		.is_stopping = d->is_stopping,
		.is_silenced = silence_of(d, conf->name, item->name, now) != NULL,
		.is_maintained = calendar_covers(&conf->alert.maintained, now),
		.is_dependent = dependence == NOTICE_HELD,
		.is_asking = dependence == NOTICE_ASK_PARENT,
	};
}

/* ---- looks ---- */

static int severity(enum tocsin_state state)
{
	return -state_rank(state);
}

/* Hysteresis asks which values were past their limits when the item was as bad as it is said to be. */
static void note_fault(struct item *item)
{
	if (!damp_is_fault(item->alert.state, item->last.state))
		return;
	clear_fault(item);
	metrics_copy(item->last.metrics, item->last.n_metrics, &item->fault, &item->n_fault);
}

static enum alert_look look_of(const struct item *item)
{
	const struct damp_policy damp = notice_damping(&item->check->conf->alert);

	return damp_look(&damp, item->alert.state, &item->last, item->fault, item->n_fault);
}

static void follow_incident(struct item *item, const struct alert_state *before)
{
	struct daemon *d = item->check->daemon;

	if (item->alert.incident && item->alert.incident != before->incident) {
		if (item->alert.incident == d->next_incident) {
			d->next_incident++;
			state_put_facts(d);
		}
		incident_open(d, item);
	}
	if (item->incident && item->alert.incident && severity(item->alert.state) > severity(item->incident->worst)) {
		item->incident->worst = item->alert.state;
		state_put_incident(d, item->incident);
	}
	if (item->incident && item->alert.acknowledged_until_usec == 0 && before->acknowledged_until_usec != 0 &&
		item->alert.incident) {
		free(TAKE_PTR(item->incident->ack_who)); /* it has changed since: nobody has acknowledged that */
		free(TAKE_PTR(item->incident->ack_why));
		state_put_incident(d, item->incident);
	}
}

/* Readers know how it ended, or never knew of it. */
static bool is_over(const struct item *item)
{
	return item->alert.incident == 0 && alert_is_believed_well(&item->alert);
}

/* Events that the look has brought, and what follows from them. */
static void raise_all(struct item *item, const struct notice *notices, size_t n, const struct alert_state *before)
{
	struct daemon *d = item->check->daemon;

	follow_incident(item, before);
	for (size_t i = 0; i < n; i++)
		event_raise(d, item, &notices[i]);
	if (before->incident && item->alert.incident != before->incident)
		incident_close(d, item);
	if (is_over(item))
		incident_forget(d, item);
}

void item_feed(struct item *item)
{
	struct check *c = item->check;
	struct daemon *d = c->daemon;
	const struct alert_policy policy = notice_policy(&c->conf->alert);
	const struct alert_state before = item->alert;
	struct notice notices[NOTICES_MAX];
	bool did_hold = holds_dependents(c);
	int64_t now = clock_boottime_usec();

	item->look = look_of(item);
	item->looked_usec = c->started_usec;
	const struct notice_circumstances circumstances = circumstances_of(item);
	size_t n = notice_look(&item->alert, &item->pending, &policy, item->look, &circumstances, d->next_incident,
		now, clock_realtime_usec(), notices);
	note_fault(item);
	if (did_hold && !holds_dependents(c))
		c->released_usec = now;
	raise_all(item, notices, n, &before);
	event_escalate(d, item, &circumstances);
	dependence_of(item); /* which may want a look at another check as soon as the first result is bad */
	event_owes(d, item);
	/* Steady results are no news for the state file; it gets them now and then. */
	if (n > 0 || item->pending.event != ALERT_NONE || alert_is_confirming(&before) || alert_is_confirming(&item->alert) ||
		item->stored_usec == 0 || now - item->stored_usec >= STORE_PAUSE_USEC)
		state_put_item(d, item);
}

void item_feed_words(struct item *item, enum tocsin_state state, const char *text)
{
	struct result made = { .state = state, .text = strdup(text), .time_usec = clock_realtime_usec() };

	if (!made.text)
		return;
	result_clear(&item->last);
	item->last = made;
	item_feed(item);
}

/* ---- without a look ---- */

void item_reconsider(struct item *item)
{
	struct daemon *d = item->check->daemon;
	const struct alert_policy policy = notice_policy(&item->check->conf->alert);
	const struct alert_state before = item->alert;

	if (!d->has_state || is_over(item))
		return;
	const struct notice_circumstances circumstances = circumstances_of(item);
	struct notice notices[NOTICES_OWED_MAX];
	size_t n = notice_reconsider(&item->alert, &item->pending, &policy, &circumstances, clock_realtime_usec(), notices);

	raise_all(item, notices, n, &before);
	event_escalate(d, item, &circumstances);
	event_owes(d, item);
	if (n > 0)
		state_put_item(d, item);
}

static void reconsider_check(struct check *c)
{
	for (struct item *i = c->items; i; i = i->next)
		item_reconsider(i);
}

void item_reconsider_dependents(struct check *parent)
{
	for (size_t i = 0; i < parent->n_dependents; i++)
		reconsider_check(parent->dependents[i]);
}

void item_reconsider_all(struct daemon *d)
{
	for (size_t i = 0; i < d->n_checks; i++)
		reconsider_check(d->checks[i]);
}

int64_t item_owed_next(const struct item *item, int64_t now_realtime_usec)
{
	const struct daemon *d = item->check->daemon;
	const struct conf_check *conf = item->check->conf;

	if (is_over(item))
		return USEC_NEVER;
	const struct alert_policy policy = notice_policy(&conf->alert);
	const struct silence *silence = silence_of(d, conf->name, item->name, now_realtime_usec);
	int64_t maintained = calendar_end(&conf->alert.maintained, now_realtime_usec);

	/* While it is kept back nothing is due before that ends. */
	if (silence || maintained > now_realtime_usec)
		return silence && silence->until_usec > maintained ? silence->until_usec : maintained;
	if (item->waits_since_usec)
		return usec_add(now_realtime_usec, DEPEND_LIMIT_USEC);
	/* What is overdue is kept back by a check that this one depends on, and that one's looks end it. */
	int64_t next = item->alert.told == TOCSIN_OK ? USEC_NEVER : alert_owed_next(&item->alert, &policy, now_realtime_usec);
	return next > now_realtime_usec ? next : USEC_NEVER;
}
