/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fake-daemon.h"

#include <string.h>

/* A host has run for a while when the daemon starts. */
#define FAKE_UPTIME USEC_PER_HOUR

/* Tests end at once where their own ground gives way. */
static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void copy_name(char dest[FAKE_NAME_MAX], const char *name)
{
	must(strlen(name) < FAKE_NAME_MAX);
	strcpy(dest, name);
}

/* Room for one more at the end of an array. */
static void *grown(void *array, size_t n, size_t size)
{
	void *more = reallocarray(array, n + 1, size);

	must(more);
	memset((char *)more + n * size, 0, size);
	return more;
}

static void append_recipient(struct fake_daemon *d, const struct conf_recipient *conf)
{
	d->recipients = grown(d->recipients, d->n_recipients, sizeof(*d->recipients));
	d->recipients[d->n_recipients].conf = *conf;
	d->n_recipients++;
	for (size_t i = 0; i < d->n_recipients; i++) /* the array may have moved */
		d->recipients[i].route.conf = &d->recipients[i].conf;
}

void fake_daemon_init(struct fake_daemon *d, const struct fake_calls *calls, void *userdata)
{
	static char mail[] = CONF_RECIPIENT_MAIL;

	*d = (struct fake_daemon){
		.calls = calls,
		.userdata = userdata,
		.booted_usec = -FAKE_UPTIME,
		.next_incident = 1,
		.schedule = schedule_new(),
		.conf = {
			.group_wait = 2 * USEC_PER_SEC,
			.group_second = 30 * USEC_PER_SEC,
			.group_interval = 5 * USEC_PER_MINUTE,
		},
		.has_default_recipient = true,
	};
	must(d->schedule);
	append_recipient(d, &(struct conf_recipient){ .name = mail });
}

void fake_daemon_done(struct fake_daemon *d)
{
	for (size_t i = 0; i < d->n_recipients; i++)
		route_clear(&d->recipients[i].route);
	schedule_free(d->schedule);
	free(d->items);
	free(d->recipients);
	free(d->events);
	free(d->silences);
	free(d->dependences);
}

int64_t fake_boottime(const struct fake_daemon *d)
{
	return d->now_usec - d->booted_usec;
}

int64_t fake_realtime(const struct fake_daemon *d)
{
	return FAKE_EPOCH + d->now_usec + d->clock_usec;
}

void fake_add_recipient(struct fake_daemon *d, const struct conf_recipient *conf)
{
	if (d->has_default_recipient)
		d->n_recipients = 0;
	d->has_default_recipient = false;
	append_recipient(d, conf);
}

void fake_add_dependence(struct fake_daemon *d, const char *child, const char *parent)
{
	d->dependences = grown(d->dependences, d->n_dependences, sizeof(*d->dependences));
	copy_name(d->dependences[d->n_dependences].child, child);
	copy_name(d->dependences[d->n_dependences].parent, parent);
	d->n_dependences++;
}

struct fake_item *fake_find_item(const struct fake_daemon *d, const char *name)
{
	for (size_t i = 0; i < d->n_items; i++)
		if (strcmp(d->items[i].name, name) == 0)
			return &d->items[i];
	return NULL;
}

struct fake_item *fake_item(struct fake_daemon *d, const char *name, const struct conf_alert *conf)
{
	struct fake_item *item = fake_find_item(d, name);

	if (item)
		return item;
	d->items = grown(d->items, d->n_items, sizeof(*d->items));
	item = &d->items[d->n_items++];
	item->conf = *conf;
	copy_name(item->name, name);
	copy_name(item->check, name);
	item->check[strcspn(name, "/")] = '\0';
	return item;
}

static const char *part_of(const struct fake_item *item)
{
	const char *slash = strchr(item->name, '/');

	return slash ? slash + 1 : "";
}

static void plan(struct fake_daemon *d, const struct fake_item *item, int64_t due_usec)
{
	must(schedule_set(d->schedule, (size_t)(item - d->items), due_usec) == 0);
}

/* ---- what keeps mails back ---- */

static bool is_silenced(const struct fake_daemon *d, const struct fake_item *item)
{
	for (size_t i = 0; i < d->n_silences; i++)
		if (d->silences[i].until_usec > fake_realtime(d) &&
			notice_matches(d->silences[i].glob, item->check, part_of(item)))
			return true;
	return false;
}

static struct notice_parent find_parent(const struct fake_daemon *d, const char *check)
{
	struct notice_parent parent = { .looked_usec = USEC_NEVER };

	for (size_t i = 0; i < d->n_items; i++) {
		const struct fake_item *item = &d->items[i];

		if (strcmp(item->check, check) != 0)
			continue;
		parent.is_holding |= notice_holds_dependents(&item->alert);
		if (item->looked_usec < parent.looked_usec)
			parent.looked_usec = item->looked_usec;
		if (item->released_usec > parent.released_usec)
			parent.released_usec = item->released_usec;
	}
	return parent;
}

static void look_soon(struct fake_daemon *d, const char *check)
{
	for (size_t i = 0; i < d->n_items; i++)
		if (strcmp(d->items[i].check, check) == 0)
			plan(d, &d->items[i], fake_boottime(d));
}

static enum notice_dependence dependence_of(struct fake_daemon *d, const struct fake_item *item)
{
	bool is_held = false, is_asking = false;

	for (size_t i = 0; i < d->n_dependences; i++) {
		if (strcmp(d->dependences[i].child, item->check) != 0)
			continue;
		struct notice_parent parent = find_parent(d, d->dependences[i].parent);
		enum notice_dependence dependence = notice_dependence(&item->alert, item->look, item->looked_usec, &parent);

		if (dependence == NOTICE_ASK_PARENT)
			look_soon(d, d->dependences[i].parent);
		if (dependence == NOTICE_ASK_CHILD)
			plan(d, item, fake_boottime(d));
		is_held |= dependence == NOTICE_HELD;
		is_asking |= dependence == NOTICE_ASK_PARENT || dependence == NOTICE_ASK_CHILD;
	}
	return is_held ? NOTICE_HELD : is_asking ? NOTICE_ASK_PARENT : NOTICE_FREE;
}

static struct notice_circumstances circumstances(struct fake_daemon *d, const struct fake_item *item)
{
	enum notice_dependence dependence = dependence_of(d, item);

	return (struct notice_circumstances){
		.is_stopping = d->is_going_down,
		.is_silenced = is_silenced(d, item),
		.is_maintained = calendar_covers(&item->conf.maintained, fake_realtime(d)),
		.is_dependent = dependence == NOTICE_HELD,
		.is_asking = dependence == NOTICE_ASK_PARENT,
	};
}

/* ---- from an event to those who wait for a mail ---- */

static void wait_for_mail(struct fake_daemon *d, const struct fake_event *e)
{
	const struct fake_item *item = fake_find_item(d, e->name);
	const struct conf_alert *conf = item ? &item->conf : &d->conf;
	struct group_policy policy = route_policy(&d->conf);

	for (size_t i = 0; i < d->n_recipients; i++) {
		struct fake_recipient *r = &d->recipients[i];

		if (e->waiting & UINT64_C(1) << i)
			route_add(&r->route, &policy,
				notice_waits(&r->conf, conf, e->event, e->state, fake_realtime(d)), fake_boottime(d),
				fake_realtime(d));
	}
}

/* To those in AMONG who want it. */
static void deliver(struct fake_daemon *d, const struct fake_item *item, enum alert_event event, uint64_t among)
{
	struct fake_event e = { .number = d->last_event, .event = event, .state = item->alert.state,
		.time_usec = fake_realtime(d), .incident = item->alert.incident };

	copy_name(e.name, item->name);
	for (size_t i = 0; i < d->n_recipients; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (among & bit &&
			notice_wants(&d->recipients[i].conf, event, item->check, part_of(item),
				alert_told_worst(&item->alert), item->escalated & bit))
			e.waiting |= bit;
	}
	if (!e.waiting)
		return;
	d->events = grown(d->events, d->n_events, sizeof(*d->events));
	d->events[d->n_events++] = e;
	wait_for_mail(d, &e);
}

static void note(struct fake_daemon *d, struct fake_item *item, const struct notice *notice, int64_t incident,
	uint64_t among)
{
	d->last_event++;
	d->calls->on_event(d, item, notice, item->alert.incident ? item->alert.incident : incident);
	if (notice->reason == NOTICE_NO_REASON)
		deliver(d, item, notice->event, among);
}

static void escalate(struct fake_daemon *d, struct fake_item *item, const struct notice_circumstances *c)
{
	for (size_t i = 0; i < d->n_recipients; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (item->escalated & bit ||
			!notice_escalates(&d->recipients[i].conf, &item->alert, c, item->check, part_of(item),
				fake_realtime(d)))
			continue;
		item->escalated |= bit;
		note(d, item, &(struct notice){ ALERT_ESCALATED, NOTICE_NO_REASON, alert_seen(&item->alert), false }, 0, bit);
	}
	if (alert_is_believed_well(&item->alert))
		item->escalated = 0;
}

/* Something may have ended that kept a mail back, or a time has come. */
static void reconsider(struct fake_daemon *d, struct fake_item *item)
{
	struct alert_policy policy = notice_policy(&item->conf);
	struct notice_circumstances c = circumstances(d, item);
	struct notice notices[NOTICES_OWED_MAX];
	size_t n = notice_reconsider(&item->alert, &item->pending, &policy, &c, fake_realtime(d), notices);

	for (size_t i = 0; i < n; i++)
		note(d, item, &notices[i], item->alert.told_incident, UINT64_MAX);
	escalate(d, item, &c);
}

static void reconsider_all(struct fake_daemon *d)
{
	d->reconsidered_usec = fake_realtime(d);
	for (size_t i = 0; i < d->n_items; i++)
		reconsider(d, &d->items[i]);
}

static void reconsider_children(struct fake_daemon *d, const char *parent)
{
	for (size_t i = 0; i < d->n_dependences; i++)
		for (size_t j = 0; j < d->n_items && strcmp(d->dependences[i].parent, parent) == 0; j++)
			if (strcmp(d->dependences[i].child, d->items[j].check) == 0)
				reconsider(d, &d->items[j]);
}

/* ---- a look ---- */

static struct fake_finding find(struct fake_daemon *d, struct fake_item *item)
{
	return d->calls->look ? d->calls->look(d, item) : item->world;
}

static enum alert_look damped(const struct fake_item *item, const struct fake_finding *found,
	struct metric metrics[FAKE_METRICS_MAX])
{
	struct damp_policy policy = notice_damping(&item->conf);
	struct result result = { .state = found->state, .metrics = metrics, .n_metrics = item->n_metrics };

	memcpy(metrics, item->metrics, sizeof(item->metrics));
	for (size_t i = 0; i < item->n_metrics; i++)
		metrics[i].value = found->values[i];
	return damp_look(&policy, item->alert.state, &result, item->fault, item->n_fault);
}

static void keep_fault(struct fake_item *item, const struct fake_finding *found,
	const struct metric metrics[FAKE_METRICS_MAX])
{
	if (!damp_is_fault(item->alert.state, found->state))
		return;
	memcpy(item->fault, metrics, sizeof(item->fault));
	item->n_fault = item->n_metrics;
}

void fake_look(struct fake_daemon *d, struct fake_item *item)
{
	struct fake_finding found = find(d, item);
	struct metric metrics[FAKE_METRICS_MAX];
	struct alert_policy policy = notice_policy(&item->conf);
	int64_t now = fake_boottime(d), incident = item->alert.incident ? item->alert.incident : item->alert.told_incident;
	bool did_hold = notice_holds_dependents(&item->alert);
	struct notice notices[NOTICES_MAX];

	item->last_result_usec = fake_realtime(d);
	item->looked_usec = now;
	item->look = damped(item, &found, metrics);
	struct notice_circumstances c = circumstances(d, item);
	size_t n = notice_look(&item->alert, &item->pending, &policy, item->look, &c, d->next_incident, now, fake_realtime(d),
		notices);
	if (item->alert.incident == d->next_incident)
		d->next_incident++;
	keep_fault(item, &found, metrics);
	if (did_hold && !notice_holds_dependents(&item->alert))
		item->released_usec = now;
	for (size_t i = 0; i < n; i++)
		note(d, item, &notices[i], incident, UINT64_MAX);
	escalate(d, item, &c);
	plan(d, item, alert_next_look(&item->alert, &policy, now));
	dependence_of(d, item); /* which may want a look at another check, or another one at this */
	reconsider_children(d, item->check);
}

/* ---- time ---- */

static void sooner(const struct fake_daemon *d, int64_t *next, int64_t time_usec)
{
	if (time_usec > d->reconsidered_usec && time_usec < *next)
		*next = time_usec;
}

/* The first of the times at which something may have to be told without a look. Realtime, after the last such time. */
static int64_t next_thought(const struct fake_daemon *d)
{
	int64_t next = USEC_NEVER;

	for (size_t i = 0; i < d->n_silences; i++)
		sooner(d, &next, d->silences[i].until_usec);
	for (size_t i = 0; i < d->n_items; i++) {
		const struct fake_item *item = &d->items[i];
		struct alert_policy policy = notice_policy(&item->conf);

		sooner(d, &next, alert_owed_next(&item->alert, &policy, fake_realtime(d)));
		sooner(d, &next, calendar_end(&item->conf.maintained, fake_realtime(d)));
		for (size_t j = 0; j < d->n_recipients; j++)
			if (!(item->escalated & UINT64_C(1) << j))
				sooner(d, &next,
					notice_escalates_next(&d->recipients[j].conf, &item->alert, item->check, part_of(item)));
	}
	return next;
}

static int64_t to_boottime(const struct fake_daemon *d, int64_t realtime_usec)
{
	return realtime_usec == USEC_NEVER ? USEC_NEVER : realtime_usec - fake_realtime(d) + fake_boottime(d);
}

static int64_t next_mail(const struct fake_daemon *d)
{
	struct group_policy policy = route_policy(&d->conf);
	int64_t next = USEC_NEVER;

	for (size_t i = 0; i < d->n_recipients; i++) {
		int64_t due = route_due(&d->recipients[i].route, &policy, fake_boottime(d), fake_realtime(d));

		next = due < next ? due : next;
	}
	return next;
}

static uint64_t recipients_due(struct fake_daemon *d)
{
	struct group_policy policy = route_policy(&d->conf);
	uint64_t due = 0;

	for (size_t i = 0; i < d->n_recipients; i++)
		if (route_is_due(&d->recipients[i].route, &policy, fake_boottime(d), fake_realtime(d)))
			due |= UINT64_C(1) << i;
	return due;
}

/* Those in DUE for whom the same events wait as for FIRST, a bit of it. */
static uint64_t companions(const struct fake_daemon *d, uint64_t due, uint64_t first)
{
	for (size_t i = 0; i < d->n_events; i++)
		due &= d->events[i].waiting & first ? d->events[i].waiting : ~d->events[i].waiting;
	return due;
}

static void mail(struct fake_daemon *d, uint64_t to)
{
	struct group_policy policy = route_policy(&d->conf);
	struct fake_mail m = { .recipients = to, .events = calloc(d->n_events + 1, sizeof(*m.events)) };
	size_t n_left = 0;

	must(m.events);
	for (size_t i = 0; i < d->n_events; i++)
		if (d->events[i].waiting & to)
			m.events[m.n_events++] = &d->events[i];
	for (size_t i = 0; i < d->n_recipients; i++)
		if (to & UINT64_C(1) << i)
			m.is_limited |= group_is_limited(&d->recipients[i].route.group, &policy, fake_boottime(d),
				fake_realtime(d));
	must(m.n_events > 0); /* nobody is mailed for nothing */
	d->calls->on_mail(d, &m);
	free(m.events);
	for (size_t i = 0; i < d->n_recipients; i++)
		if (to & UINT64_C(1) << i)
			route_mailed(&d->recipients[i].route, fake_boottime(d), fake_realtime(d));
	for (size_t i = 0; i < d->n_events; i++) {
		d->events[i].waiting &= ~to;
		if (d->events[i].waiting)
			d->events[n_left++] = d->events[i];
	}
	d->n_events = n_left;
}

static void send_mails(struct fake_daemon *d)
{
	uint64_t due = recipients_due(d);

	while (due) {
		uint64_t same = companions(d, due, due & -due);

		mail(d, same);
		due &= ~same;
	}
}

/* Looks come before what else is of the same instant, so that what they find is in its mail. */
static void run_one(struct fake_daemon *d, int64_t due_usec)
{
	size_t id;

	if (due_usec > fake_boottime(d)) /* else it is late: the host slept */
		d->now_usec = due_usec + d->booted_usec;
	if (schedule_pop(d->schedule, fake_boottime(d), &id))
		fake_look(d, &d->items[id]);
	else if (next_thought(d) <= fake_realtime(d))
		reconsider_all(d);
	else
		send_mails(d);
}

void fake_run(struct fake_daemon *d, int64_t until_usec)
{
	while (!d->is_stopped) {
		int64_t due = schedule_next(d->schedule), thought = to_boottime(d, next_thought(d)), mailed = next_mail(d);

		if (thought < due)
			due = thought;
		if (mailed < due)
			due = mailed;
		if (due >= until_usec - d->booted_usec)
			break;
		run_one(d, due);
	}
	if (until_usec > d->now_usec)
		d->now_usec = until_usec;
}

void fake_suspend(struct fake_daemon *d, int64_t usec)
{
	d->now_usec += usec;
}

/* ---- what people do ---- */

void fake_silence(struct fake_daemon *d, const char *glob, int64_t until_usec)
{
	size_t i = 0;

	while (i < d->n_silences && strcmp(d->silences[i].glob, glob) != 0)
		i++;
	if (i == d->n_silences) {
		d->silences = grown(d->silences, d->n_silences, sizeof(*d->silences));
		copy_name(d->silences[d->n_silences++].glob, glob);
	}
	d->silences[i].until_usec = until_usec;
	reconsider_all(d);
}

void fake_acknowledge(struct fake_daemon *d, struct fake_item *item, int64_t until_usec)
{
	must(item->alert.incident != 0);
	item->alert.acknowledged_until_usec = until_usec;
	note(d, item, &(struct notice){ ALERT_ACKNOWLEDGED, NOTICE_MINOR, TOCSIN_OK, false }, 0, 0);
}

void fake_remove_item(struct fake_daemon *d, struct fake_item *item)
{
	size_t place = (size_t)(item - d->items);

	if (item->alert.incident != 0)
		note(d, item, &(struct notice){ ALERT_REMOVED, NOTICE_MINOR, TOCSIN_OK, false }, 0, 0);
	char check[FAKE_NAME_MAX];
	strcpy(check, item->check);
	memset(item->check, 0, sizeof(item->check)); /* nobody's parent or child; its place stays, for the schedule */
	memset(item->name, 0, sizeof(item->name));
	item->alert = (struct alert_state){ 0 };
	schedule_remove(d->schedule, place);
	reconsider_children(d, check);
}

void fake_go_down(struct fake_daemon *d, bool is_going_down)
{
	d->is_going_down = is_going_down;
	reconsider_all(d);
}

void fake_set_clock(struct fake_daemon *d, int64_t delta_usec)
{
	d->clock_usec += delta_usec;
	if (d->is_stopped)
		return;
	for (size_t i = 0; i < d->n_items; i++)
		alert_clock_stepped(&d->items[i].alert, delta_usec);
	for (size_t i = 0; i < d->n_silences; i++)
		d->silences[i].until_usec += delta_usec;
	for (size_t i = 0; i < d->n_recipients; i++)
		route_clock_stepped(&d->recipients[i].route, delta_usec);
	for (size_t i = 0; i < d->n_events; i++)
		wait_for_mail(d, &d->events[i]);
	reconsider_all(d);
}

/* ---- the daemon ends and comes back ---- */

void fake_stop(struct fake_daemon *d)
{
	d->is_stopped = true;
	d->stopped_usec = fake_realtime(d);
	d->schedule = schedule_free(d->schedule);
}

/* Through the text form, as over the state file. */
static void resume_item(struct fake_daemon *d, struct fake_item *item, bool same_boot)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	struct alert_policy policy = notice_policy(&item->conf);

	alert_format(&b, &item->alert);
	memset(&item->alert, 0x5a, sizeof(item->alert));
	must(alert_parse(buf_text(&b), &item->alert) == 0);
	alert_resume(&item->alert, &policy, item->last_result_usec, same_boot, fake_realtime(d));
	item->pending = (struct notice_pending){ ALERT_NONE, TOCSIN_OK, false };
	item->looked_usec = item->released_usec = 0;
	item->look = ALERT_LOOK_OK;
}

/* Of a route only what the mails in the state file tell is left. */
static void resume_route(struct route *r)
{
	struct group old = r->group;

	r->group = (struct group){ 0 };
	r->held_until_usec = 0;
	for (size_t i = 0; i < old.n_sent; i++)
		group_was_mailed(&r->group, old.sent_usec[i]);
	group_clear(&old);
}

/* What it was before: the states that lead to the event. */
static enum tocsin_state state_before(const struct fake_event *e)
{
	return e->event == ALERT_PROBLEM ? TOCSIN_OK : e->event == ALERT_WORSE ? TOCSIN_WARNING : e->state;
}

/* The host was shut down, and in its last moments that was found. */
static void withdraw(struct fake_daemon *d)
{
	for (size_t i = 0; i < d->n_events; i++) {
		struct fake_event *e = &d->events[i];
		struct fake_item *item = fake_find_item(d, e->name);

		if (!e->waiting || !notice_is_of_shutdown(e->event, e->time_usec, d->stopped_usec))
			continue;
		e->waiting = 0;
		if (item && item->alert.incident == e->incident)
			alert_untell(&item->alert, state_before(e));
	}
}

void fake_start(struct fake_daemon *d, bool is_new_boot)
{
	must(d->is_stopped);
	if (is_new_boot)
		withdraw(d);
	d->is_stopped = d->is_going_down = false;
	if (is_new_boot)
		d->booted_usec = d->now_usec - USEC_PER_MINUTE;
	d->schedule = schedule_new();
	must(d->schedule);
	for (size_t i = 0; i < d->n_items; i++) {
		if (!*d->items[i].name)
			continue;
		resume_item(d, &d->items[i], !is_new_boot);
		plan(d, &d->items[i], fake_boottime(d));
	}
	for (size_t i = 0; i < d->n_recipients; i++)
		resume_route(&d->recipients[i].route);
	for (size_t i = 0; i < d->n_events; i++) /* they were stored without a mail */
		wait_for_mail(d, &d->events[i]);
	reconsider_all(d);
}

void fake_tell_restart(struct fake_daemon *d)
{
	struct fake_item host = { .name = "host", .check = "host", .alert = { .since_usec = fake_realtime(d) } };

	note(d, &host, &(struct notice){ ALERT_RESTARTED, NOTICE_NO_REASON, TOCSIN_OK, false }, 0, UINT64_MAX);
}
