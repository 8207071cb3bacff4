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

void fake_daemon_init(struct fake_daemon *d, const struct fake_calls *calls, void *userdata)
{
	*d = (struct fake_daemon){
		.calls = calls,
		.userdata = userdata,
		.booted_usec = -FAKE_UPTIME,
		.next_incident = 1,
		.schedule = schedule_new(),
		.group_policy = { 2 * USEC_PER_SEC, 30 * USEC_PER_SEC, 5 * USEC_PER_MINUTE, 0, 0 },
	};
	must(d->schedule);
}

void fake_daemon_done(struct fake_daemon *d)
{
	schedule_free(d->schedule);
	free(d->items);
}

int64_t fake_boottime(const struct fake_daemon *d)
{
	return d->now_usec - d->booted_usec;
}

int64_t fake_realtime(const struct fake_daemon *d)
{
	return FAKE_EPOCH + d->now_usec + d->clock_usec;
}

struct fake_item *fake_item(struct fake_daemon *d, const char *name, const struct alert_policy *policy)
{
	for (size_t i = 0; i < d->n_items; i++)
		if (strcmp(d->items[i].name, name) == 0)
			return &d->items[i];

	d->items = reallocarray(d->items, d->n_items + 1, sizeof(*d->items));
	must(d->items);
	struct fake_item *item = &d->items[d->n_items++];
	*item = (struct fake_item){ .policy = *policy };
	must(strlen(name) < sizeof(item->name));
	strcpy(item->name, name);
	return item;
}

void fake_look(struct fake_daemon *d, struct fake_item *item)
{
	int64_t now = fake_boottime(d);
	enum tocsin_state result = d->calls->look ? d->calls->look(d, item) : item->world;
	enum alert_event event =
		alert_feed(&item->alert, &item->policy, (enum alert_look)result, d->next_incident, now, fake_realtime(d));

	item->last_result_usec = fake_realtime(d);
	if (item->alert.incident == d->next_incident)
		d->next_incident++;
	if (event != ALERT_NONE)
		d->calls->on_event(d, item, event);
	if (alert_event_is_mailed(event)) {
		group_add(&d->group, &d->group_policy, now);
		d->n_waiting++;
	}
	int64_t next = alert_next_look(&item->alert, &item->policy, now);
	must(schedule_set(d->schedule, (size_t)(item - d->items), next) == 0);
}

static void mail(struct fake_daemon *d)
{
	d->calls->on_mail(d);
	d->n_waiting = 0;
	group_mailed(&d->group, fake_boottime(d), fake_realtime(d));
}

/* Looks come before a mail of the same instant, so that what they find is in it. */
static void run_one(struct fake_daemon *d, int64_t due_usec)
{
	size_t id;

	if (due_usec > fake_boottime(d)) /* else it is late: the host slept */
		d->now_usec = due_usec + d->booted_usec;
	if (schedule_pop(d->schedule, fake_boottime(d), &id))
		fake_look(d, &d->items[id]);
	else
		mail(d);
}

void fake_run(struct fake_daemon *d, int64_t until_usec)
{
	while (!d->is_stopped) {
		int64_t look = schedule_next(d->schedule), due = group_due(&d->group, &d->group_policy, fake_boottime(d), fake_realtime(d));

		if (due > look)
			due = look;
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

void fake_stop(struct fake_daemon *d)
{
	d->is_stopped = true;
	d->schedule = schedule_free(d->schedule);
	d->group = (struct group){ 0 };
}

/* Through the text form, as over the state file. */
static void resume_item(struct fake_daemon *d, struct fake_item *item, bool same_boot)
{
	_cleanup_buf_ struct buf b = BUF(4096);

	alert_format(&b, &item->alert);
	memset(&item->alert, 0x5a, sizeof(item->alert));
	must(alert_parse(buf_text(&b), &item->alert) == 0);
	alert_resume(&item->alert, &item->policy, item->last_result_usec, same_boot, fake_realtime(d));
}

void fake_start(struct fake_daemon *d, bool is_new_boot)
{
	must(d->is_stopped);
	d->is_stopped = false;
	if (is_new_boot)
		d->booted_usec = d->now_usec - USEC_PER_MINUTE;
	d->schedule = schedule_new();
	must(d->schedule);
	for (size_t i = 0; i < d->n_items; i++) {
		resume_item(d, &d->items[i], !is_new_boot);
		must(schedule_set(d->schedule, i, fake_boottime(d)) == 0);
	}
	if (d->n_waiting > 0) /* their events were stored without a mail */
		group_add(&d->group, &d->group_policy, fake_boottime(d));
}
