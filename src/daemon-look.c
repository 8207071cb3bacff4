/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at the host: when which check is due, and what becomes of the results.
 *
 * All quick checks that are due together share one process; a slow one gets a process of its own (daemon-batch.c). */
#include "look.h"

#include "log.h"
#include "translate.h"

#include <errno.h>
#include <string.h>

#define TOGETHER_USEC (50 * USEC_PER_MSEC) /* checks that are due this soon join the batch */
#define STALLED_USEC (60 * USEC_PER_SEC) /* a due check that is not started for so long: the schedule hangs */

/* The sentences of this file. */
#define SAY_WORKS_AGAIN _("the check works again")
#define SAY_ABSENT _("no longer reported")
/* TRANSLATORS: %s is how its process ended: "crashed (SIGSEGV, …)", "is stuck in the kernel" */
#define SAY_FAILED _("the check %s")
#define SAY_FAILED_AT _("the check %s while it looked at %s")

static int on_look_due(sd_event_source *source, uint64_t usec, void *userdata);

/* ---- the schedule ---- */

static void arm_look_timer(struct daemon *d)
{
	daemon_set_timer(d, &d->look_source, CLOCK_BOOTTIME, schedule_next(d->schedule), on_look_due, d);
}

void look_set_due(struct check *c, int64_t due_usec)
{
	struct daemon *d = c->daemon;

	c->due_usec = due_usec;
	if (schedule_set(d->schedule, c->id, due_usec) < 0)
		log_error("no memory for the schedule; check %s pauses", c->conf->name);
	arm_look_timer(d);
}

void look_soon(struct check *c)
{
	if (c->batch)
		c->look_again = true;
	else if (c->stuck_since_usec == 0)
		look_set_due(c, clock_boottime_usec());
}

/* The earliest look that any item of the check wants, in phase with the interval otherwise. */
static int64_t next_due(const struct check *c)
{
	const struct alert_policy policy = notice_policy(&c->conf->alert);
	int64_t now = clock_boottime_usec();
	int64_t due = schedule_after(c->due_usec, policy.interval, now);

	for (const struct item *i = c->items; i; i = i->next) {
		int64_t wanted = alert_is_confirming(&i->alert) ?
			alert_next_look(&i->alert, &policy, c->started_usec) : USEC_NEVER;

		if (wanted < due)
			due = wanted;
	}
	return due < now ? now : due;
}

/* A check is due whose process hangs in the kernel: no second one is sent after it. */
static void look_at_stuck(struct check *c)
{
	_cleanup_buf_ struct buf text = BUF(200);

	batch_describe_stuck(&text, c);
	look_impossible(c, buf_text(&text));
}

static void add_due(struct daemon *d, struct check *c, struct batch **quick)
{
	struct batch *b;

	if (c->batch)
		return; /* its end schedules it */
	if (c->stuck_since_usec) {
		look_at_stuck(c);
		return;
	}
	/* One that cost its process at the last look may do so again: the others do not wait for that. */
	b = c->conf->is_slow || c->has_failed ? batch_new(d, 1) : *quick ? *quick : (*quick = batch_new(d, d->n_checks));
	if (!b || batch_add(b, c) < 0) {
		look_set_due(c, usec_add(clock_boottime_usec(), USEC_PER_SEC));
		return;
	}
	c->batch = b;
}

static int on_look_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	int64_t until = usec_add(clock_boottime_usec(), TOGETHER_USEC);
	struct batch *quick = NULL;
	size_t id;

	while (schedule_pop(d->schedule, until, &id))
		add_due(d, d->checks[id], &quick);
	batches_start(d);
	arm_look_timer(d);
	return 0;
}

void look_start(struct daemon *d)
{
	int64_t now = clock_boottime_usec();

	for (size_t i = 0; i < d->n_checks; i++) {
		struct check *c = d->checks[i];

		if (!c->batch) {
			c->due_usec = now;
			look_set_due(c, now);
		} else if (c->batch->helper) {
			c->look_again = true; /* just now it is looked at as the configuration before this one wanted it */
		}
	}
}

void look_stop(struct daemon *d)
{
	d->look_source = sd_event_source_disable_unref(d->look_source);
}

bool look_is_progressing(const struct daemon *d, int64_t now_usec)
{
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct check *c = d->checks[i];

		/* A check at work has a deadline, a waiting one is retried: those move. One that is due and not even in
		 * a batch has been forgotten. */
		if (!c->batch && now_usec - c->due_usec > STALLED_USEC)
			return false;
	}
	return true;
}

/* ---- results ---- */

/* The check could not look: whatever of it was not reported is UNKNOWN; if it never reported anything, the check itself
 * stands in as its only item. */
static void feed_unknown(struct check *c, const char *text)
{
	if (!c->items) {
		struct item *item = item_add(&c->items, c, c->conf->name);

		if (!item)
			return;
		item->stands_in = true;
	}
	for (struct item *i = c->items; i; i = i->next)
		if (!i->is_reported)
			item_feed_words(i, TOCSIN_UNKNOWN, text);
}

/* What a successful run did not report: gone for good after `forget`, UNKNOWN until then. */
static void feed_absent(struct check *c)
{
	int64_t now = clock_realtime_usec();
	struct item *next;

	for (struct item *i = c->items; i; i = next) {
		next = i->next;
		if (i->is_reported) {
			i->absent_since_usec = 0;
			continue;
		}
		if (i->stands_in) { /* the check reports items of its own now */
			item_feed_words(i, TOCSIN_OK, SAY_WORKS_AGAIN);
			if (i->alert.incident == 0)
				item_remove(i);
			continue;
		}
		if (i->absent_since_usec == 0)
			i->absent_since_usec = now;
		if (now - i->absent_since_usec >= c->conf->alert.forget) {
			log_notice("%s: %s was not reported for so long that it is forgotten", c->conf->name, i->name);
			item_remove(i);
			continue;
		}
		item_feed_words(i, TOCSIN_UNKNOWN, SAY_ABSENT);
	}
}

static void take_over_reports(struct check *c)
{
	for (struct item *i = c->items; i; i = i->next) {
		if (!i->is_reported)
			continue;
		result_clear(&i->last);
		i->last = i->incoming;
		i->incoming = (struct result){ 0 };
		i->stands_in = false;
		item_feed(i);
		history_looked(i);
	}
}

static void forget_reports(struct check *c)
{
	struct item *next;

	for (struct item *i = c->items; i; i = next) {
		next = i->next;
		i->is_reported = false;
		result_clear(&i->incoming);
		if (i->last.time_usec == 0) /* announced, never reported */
			item_remove(i);
	}
}

/* One run of C has ended, well or not: it is scheduled again. */
static void check_ended(struct check *c)
{
	struct daemon *d = c->daemon;

	watches_clear(&c->new_watches);
	forget_reports(c);
	c->batch = NULL;
	c->has_looked = true;
	c->looked_usec = c->started_usec;
	c->took_usec = clock_boottime_usec() - (c->begun_usec < c->started_usec ? c->started_usec : c->begun_usec);
	c->ended_usec = clock_realtime_usec();
	item_reconsider_dependents(c);
	if (c->look_again) {
		c->look_again = false;
		look_set_due(c, usec_add(c->started_usec, WATCH_PAUSE_USEC));
	} else {
		look_set_due(c, next_due(c));
	}
	mail_looked(d);
	daemon_changed(d);
}

static void set_not_applicable(struct check *c, const char *text)
{
	if (!c->not_applicable)
		log_notice("%s: not applicable on this host: %s", c->conf->name, text);
	free(c->not_applicable);
	c->not_applicable = text ? strdup(text) : NULL;
}

/* The check said how its run went. */
void look_reported(struct check *c, int64_t error, const char *text)
{
	c->has_failed = false;
	take_over_reports(c);
	if (error == EOPNOTSUPP) {
		set_not_applicable(c, text);
		while (c->items)
			item_remove(c->items);
	} else if (error) {
		feed_unknown(c, text);
	} else {
		feed_absent(c);
		watches_take_over(c);
		free(TAKE_PTR(c->not_applicable));
	}
	check_ended(c);
}

static bool all_are_reported(const struct check *c)
{
	for (const struct item *i = c->items; i; i = i->next)
		if (!i->is_reported)
			return false;
	return true;
}

/* The UNKNOWN of a check that did not come to its end must stand somewhere: at the item that was announced, if that was
 * never seen before; at the check itself, if every item was reported before its end. (Each look begins with an
 * announcement of the check's own name.) */
static void stand_in(struct check *c, const char *announced)
{
	bool is_new = announced && strcmp(announced, c->conf->name) != 0 && !item_find(c->items, announced);
	const char *name = is_new ? announced : c->conf->name;

	if (item_find(c->items, name) || (!is_new && !all_are_reported(c)))
		return;
	struct item *item = item_add(&c->items, c, name);
	if (item)
		item->stands_in = true;
}

/* The process died or stalled over the check. */
void look_failed(struct check *c, const char *announced, const char *text)
{
	_cleanup_buf_ struct buf words = BUF(2000);

	c->has_failed = true;
	take_over_reports(c);
	stand_in(c, announced);
	if (announced)
		buf_printf(&words, SAY_FAILED_AT, text, announced);
	else
		buf_printf(&words, SAY_FAILED, text);
	feed_unknown(c, buf_text(&words));
	check_ended(c);
}

void look_impossible(struct check *c, const char *text)
{
	c->started_usec = clock_boottime_usec();
	feed_unknown(c, text);
	check_ended(c);
}
