/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon around the alert engine, with a clock that only moves when told: schedule → look → alert_feed() → group.
 * It drives the real modules in the order in which tocsind does, and knows no mail, store, or process.
 *
 * Times are µs since the scenario began, except where a module is called: that gets CLOCK_BOOTTIME (which begins anew
 * with each boot) or CLOCK_REALTIME (which can be set). */
#pragma once

#include "alert.h"
#include "group.h"
#include "schedule.h"

#define FAKE_EPOCH INT64_C(1700000000000000) /* realtime at the beginning of a scenario */

struct fake_item {
	char name[32];
	struct alert_state alert;
	struct alert_policy policy;
	enum tocsin_state world; /* what a look would find */
	int64_t last_result_usec; /* realtime */
};

struct fake_daemon;

struct fake_calls {
	/* What a look at the item finds now; NULL: item->world. */
	enum tocsin_state (*look)(struct fake_daemon *d, struct fake_item *item);
	void (*on_event)(struct fake_daemon *d, struct fake_item *item, enum alert_event event);
	/* The mailed events since the last call go out. */
	void (*on_mail)(struct fake_daemon *d);
};

struct fake_daemon {
	const struct fake_calls *calls;
	void *userdata;
	int64_t now_usec;
	int64_t booted_usec; /* when the host started */
	int64_t clock_usec; /* by how much the realtime clock was set */
	bool is_stopped;
	int64_t next_incident;
	struct fake_item *items;
	size_t n_items;
	struct schedule *schedule;
	struct group group;
	struct group_policy group_policy;
	size_t n_waiting; /* mailed events that are in no mail yet */
};

void fake_daemon_init(struct fake_daemon *d, const struct fake_calls *calls, void *userdata);
void fake_daemon_done(struct fake_daemon *d);

int64_t fake_boottime(const struct fake_daemon *d);
int64_t fake_realtime(const struct fake_daemon *d);

/* The item of that name; a new one is OK and not looked at. Valid until the next call. */
struct fake_item *fake_item(struct fake_daemon *d, const char *name, const struct alert_policy *policy);

/* Looks now and plans the next look. */
void fake_look(struct fake_daemon *d, struct fake_item *item);

/* All that is due before UNTIL happens, each at its time; then it is UNTIL. */
void fake_run(struct fake_daemon *d, int64_t until_usec);

/* The host sleeps: time passes and nobody looks. */
void fake_suspend(struct fake_daemon *d, int64_t usec);

/* The daemon ends; and comes back, after a new boot or not, with what the state file would have kept. */
void fake_stop(struct fake_daemon *d);
void fake_start(struct fake_daemon *d, bool is_new_boot);
