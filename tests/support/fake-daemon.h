/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon around the alert engine, with a clock that only moves when told. It drives the real modules in the order in
 * which tocsind does, and knows no mail, store, or process:
 *
 *     schedule → what a look finds → damp_look() → notice_look() → for each recipient notice_wants(), notice_waits(),
 *     route → a mail to those for whom the same events wait
 *
 * Times are µs since the scenario began, except where a module is called: that gets CLOCK_BOOTTIME (which begins anew
 * with each boot) or CLOCK_REALTIME (which can be set). */
#pragma once

#include "alert.h"
#include "conf.h"
#include "notice.h"
#include "route.h"
#include "schedule.h"

#define FAKE_EPOCH INT64_C(1700000000000000) /* realtime at the beginning of a scenario */
#define FAKE_TIME_ZONE "SCN-1:46:40" /* that is Wednesday 00:00 there */
#define FAKE_METRICS_MAX 4
#define FAKE_NAME_MAX 64

/* What a look finds: the state, and the values of the metrics that the item has. */
struct fake_finding {
	enum tocsin_state state;
	double values[FAKE_METRICS_MAX];
};

struct fake_item {
	char name[FAKE_NAME_MAX]; /* "CHECK" or "CHECK/ITEM" */
	char check[FAKE_NAME_MAX];
	struct conf_alert conf;
	struct metric metrics[FAKE_METRICS_MAX]; /* without values */
	size_t n_metrics;
	struct fake_finding world; /* what a look would find */

	struct alert_state alert;
	struct metric fault[FAKE_METRICS_MAX]; /* damp_look() */
	size_t n_fault;
	enum alert_look look; /* the last one */
	uint64_t escalated; /* to these recipients */
	int64_t last_result_usec; /* realtime */
	struct notice_pending pending;
	int64_t looked_usec, released_usec; /* boottime: last look; the look that ended its holding others; 0: none */
};

struct fake_recipient {
	struct conf_recipient conf;
	struct route route;
};

/* A told event that is not yet in a mail to each of its recipients. */
struct fake_event {
	int64_t number; /* of all events */
	char name[FAKE_NAME_MAX]; /* of the item, which may be gone */
	enum alert_event event;
	enum tocsin_state state;
	int64_t time_usec; /* realtime */
	int64_t incident; /* the open one, 0: none */
	uint64_t waiting; /* recipients, a bit each */
};

struct fake_silence {
	char glob[FAKE_NAME_MAX];
	int64_t until_usec; /* realtime */
};

struct fake_dependence {
	char child[FAKE_NAME_MAX], parent[FAKE_NAME_MAX]; /* checks */
};

/* One mail: the events that wait for all of RECIPIENTS. */
struct fake_mail {
	uint64_t recipients;
	const struct fake_event **events;
	size_t n_events;
	bool is_limited; /* a rate limit was reached */
};

struct fake_daemon;

struct fake_calls {
	/* What a look at the item finds now; NULL: item->world. */
	struct fake_finding (*look)(struct fake_daemon *d, struct fake_item *item);
	/* Event d->last_event. INCIDENT is the one that was open before, if none is now. */
	void (*on_event)(struct fake_daemon *d, struct fake_item *item, const struct notice *notice, int64_t incident);
	void (*on_mail)(struct fake_daemon *d, const struct fake_mail *mail);
};

struct fake_daemon {
	const struct fake_calls *calls;
	void *userdata;
	int64_t now_usec;
	int64_t booted_usec; /* when the host started */
	int64_t clock_usec; /* by how much the realtime clock was set */
	int64_t reconsidered_usec; /* realtime: what was due by then has been thought of */
	bool is_stopped; /* the daemon */
	int64_t stopped_usec; /* realtime: when it was */
	bool is_going_down; /* the host */
	struct conf_alert conf; /* of coalescing and limits */
	int64_t next_incident, last_event;
	struct fake_item *items;
	size_t n_items;
	struct schedule *schedule; /* by index of the item */
	struct fake_recipient *recipients;
	size_t n_recipients;
	bool has_default_recipient;
	struct fake_event *events;
	size_t n_events;
	struct fake_silence *silences;
	size_t n_silences;
	struct fake_dependence *dependences;
	size_t n_dependences;
};

void fake_daemon_init(struct fake_daemon *d, const struct fake_calls *calls, void *userdata);
void fake_daemon_done(struct fake_daemon *d);

int64_t fake_boottime(const struct fake_daemon *d);
int64_t fake_realtime(const struct fake_daemon *d);

/* Without any there is one who gets all, "mail". What CONF points to must stay. Before anything happens. */
void fake_add_recipient(struct fake_daemon *d, const struct conf_recipient *conf);
void fake_add_dependence(struct fake_daemon *d, const char *child, const char *parent);

/* The item of that name; a new one is OK and not looked at. Valid until the next call. */
struct fake_item *fake_item(struct fake_daemon *d, const char *name, const struct conf_alert *conf);

/* The item of that name or NULL. */
struct fake_item *fake_find_item(const struct fake_daemon *d, const char *name);

/* Its check was removed from the configuration, or it was forgotten. */
void fake_remove_item(struct fake_daemon *d, struct fake_item *item);

/* Looks now and plans the next look. */
void fake_look(struct fake_daemon *d, struct fake_item *item);

/* All that is due before UNTIL happens, each at its time; then it is UNTIL. */
void fake_run(struct fake_daemon *d, int64_t until_usec);

/* UNTIL realtime; not after now: the silence is lifted. */
void fake_silence(struct fake_daemon *d, const char *glob, int64_t until_usec);
void fake_acknowledge(struct fake_daemon *d, struct fake_item *item, int64_t until_usec);

/* The system manager begins to stop all, or gives it up. */
void fake_go_down(struct fake_daemon *d, bool is_going_down);

/* The realtime clock is set while the daemon runs, which sees it; or while it does not run. */
void fake_set_clock(struct fake_daemon *d, int64_t delta_usec);

/* The host sleeps: time passes and nobody looks. */
void fake_suspend(struct fake_daemon *d, int64_t usec);

/* The daemon ends; and comes back, after a new boot or not, with what the state file would have kept. */
void fake_stop(struct fake_daemon *d);
void fake_start(struct fake_daemon *d, bool is_new_boot);

/* After that: everybody is told that the host has restarted. */
void fake_tell_restart(struct fake_daemon *d);
