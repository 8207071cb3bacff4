/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Items: what a look at one means to the alert engine, and what keeps its mails back. Which checks there are and when
 * they look is daemon-look.c; whom an event is told, daemon-event.c. */
#include "daemon.h"

#include "damp.h"
#include "log.h"

#include <string.h>

#define ITEMS_MAX 4096
#define STORE_PAUSE_USEC (5 * USEC_PER_MINUTE) /* between two writes of an item whose state does not change */
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
		event_note(c->daemon, ALERT_REMOVED, c->conf->name, item->name,
			"it is no longer watched: its problem was still open", NULL, false);
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

/* When the item began to fail; one that fails at this look for the first time, when that look began. */
static int64_t bad_since(const struct item *item)
{
	const struct alert_row *bad = &item->alert.rows[ALERT_ROW_BAD];

	return bad->length > 0 ? bad->boottime_usec : item->check->started_usec;
}

/* Looks of one batch are of one time. */
static bool is_since(int64_t look_usec, int64_t since_usec)
{
	return look_usec > 0 && usec_add(look_usec, USEC_PER_SEC) >= since_usec;
}

/* The parent was not looked at since the item failed; it is asked to, and waited for, but not for long. */
static bool waits_for_look(struct item *item, struct check *parent, int64_t now_usec)
{
	int64_t since = bad_since(item);

	if (is_since(parent->looked_usec, since))
		return false;
	if (item->waits_since_usec == 0) {
		item->waits_since_usec = now_usec;
		if (!parent->batch || !is_since(parent->started_usec, since))
			look_soon(parent);
	}
	return now_usec - item->waits_since_usec < DEPEND_LIMIT_USEC;
}

static bool is_dependent(struct item *item)
{
	const struct tocsin_list *depends = &item->check->conf->alert.depends;
	bool is_held = false, is_open = false;

	for (size_t i = 0; i < depends->n; i++) {
		struct check *parent = look_find_check(item->check->daemon, depends->items[i]);

		is_held |= parent && holds_dependents(parent);
		is_open |= parent && waits_for_look(item, parent, clock_boottime_usec());
	}
	return is_held || is_open;
}

bool item_depends_on(const struct item *item, const struct check *parent)
{
	return is_named(&item->check->conf->alert.depends, parent->conf->name) && item->alert.incident != 0 &&
		item->alert.told == TOCSIN_OK;
}

/* IS_BAD: the item fails, or did at its last look. */
static struct notice_circumstances circumstances(struct item *item, bool is_bad)
{
	const struct daemon *d = item->check->daemon;
	const struct conf_check *conf = item->check->conf;
	int64_t now = clock_realtime_usec();

	if (!is_bad)
		item->waits_since_usec = 0;
	return (struct notice_circumstances){
		.is_stopping = d->host_stops,
		.is_silenced = event_silence_of(d, conf->name, item->name, now) != NULL,
		.is_maintained = calendar_covers(&conf->alert.maintained, now),
		.is_dependent = is_bad && is_dependent(item),
	};
}

/* ---- looks ---- */

static int severity(enum tocsin_state state)
{
	return -state_rank(state);
}

static bool is_bad(const struct item *item)
{
	return item->last.state == TOCSIN_WARNING || item->last.state == TOCSIN_CRITICAL ||
		item->alert.rows[ALERT_ROW_BAD].length > 0;
}

/* Hysteresis asks which values were past their limits when the item was as bad as it is said to be. */
static void note_fault(struct item *item)
{
	enum tocsin_state state = item->last.state;

	if ((state != TOCSIN_WARNING && state != TOCSIN_CRITICAL) || severity(state) < severity(item->alert.state))
		return;
	clear_fault(item);
	metrics_copy(item->last.metrics, item->last.n_metrics, &item->fault, &item->n_fault);
}

static enum alert_look look_of(const struct item *item)
{
	const struct conf_alert *conf = &item->check->conf->alert;
	const struct damp_policy damp = { conf->hysteresis, conf->hysteresis_points };

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

void item_feed(struct item *item)
{
	struct daemon *d = item->check->daemon;
	const struct alert_policy policy = notice_policy(&item->check->conf->alert);
	const struct alert_state before = item->alert;
	struct notice notices[NOTICES_MAX];
	int64_t now = clock_boottime_usec();

	enum alert_look look = look_of(item);
	note_fault(item);
	/* What it depends on is looked at from its first bad result on, not only when that is confirmed. */
	const struct notice_circumstances c = circumstances(item, is_bad(item));
	size_t n = notice_look(&item->alert, &policy, look, &c, d->next_incident, now, clock_realtime_usec(), notices);
	follow_incident(item, &before);
	for (size_t i = 0; i < n; i++)
		event_raise(d, item, &notices[i], &before);
	if (before.incident && item->alert.incident != before.incident)
		incident_close(d, item);
	if (item->alert.incident == 0 && item->alert.told == TOCSIN_OK)
		incident_forget(d, item);
	d->is_owed_stale |= n > 0 || item->alert.incident != 0;
	/* Steady results are no news for the state file; it gets them now and then. */
	if (n > 0 || alert_is_confirming(&before) || alert_is_confirming(&item->alert) || item->stored_usec == 0 ||
		now - item->stored_usec >= STORE_PAUSE_USEC)
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

	if (!d->has_state || (item->alert.incident == 0 && item->alert.told == TOCSIN_OK && !item->alert.told_blind))
		return;
	const struct notice_circumstances c = circumstances(item, is_bad(item));
	const struct notice notice = {
		.event = notice_reconsider(&item->alert, &policy, &c, clock_realtime_usec()),
	};

	d->is_owed_stale = true;
	if (notice.event == ALERT_NONE)
		return;
	event_raise(d, item, &notice, &before);
	if (item->alert.incident == 0 && item->alert.told == TOCSIN_OK)
		incident_forget(d, item);
	state_put_item(d, item);
}

static void reconsider_check(struct check *c)
{
	for (struct item *i = c->items; i; i = i->next)
		item_reconsider(i);
}

void item_reconsider_dependents(struct check *parent)
{
	struct daemon *d = parent->daemon;

	for (size_t i = 0; i < d->n_checks; i++)
		if (is_named(&d->checks[i]->conf->alert.depends, parent->conf->name))
			reconsider_check(d->checks[i]);
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

	if (item->alert.incident == 0 && item->alert.told == TOCSIN_OK && !item->alert.told_blind)
		return USEC_NEVER;
	const struct alert_policy policy = notice_policy(&conf->alert);
	const struct silence *silence = event_silence_of(d, conf->name, item->name, now_realtime_usec);
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
