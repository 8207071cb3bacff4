/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The alert engine: item × result × policy × now → new state, event. Pure: no clock, socket, log or global.
 *
 * A result does not make an alert; `confirm` results in a row do, and for some checks time as well (`grace`).
 * UNKNOWN never counts as good or bad (law 4), it is confirmed by itself.
 *
 * Which events go into one mail, and when, is group.h. */
#pragma once

#include "state.h"

#include <stdbool.h>
#include <stdint.h>

struct alert_policy {
	int64_t confirm; /* bad results in a row before a problem, 1 or more */
	int64_t recover; /* good results in a row before a recovery */
	int64_t unknown_confirm; /* UNKNOWN results in a row before that is told */
	int64_t interval, retry_interval; /* µs; the second while a confirmation runs */
	int64_t grace; /* µs that a bad state must have lasted, besides `confirm` */
};

/* What is known of one item, in plain data: it is stored as it is. Times are CLOCK_REALTIME µs for people and
 * CLOCK_BOOTTIME µs for measuring. */
struct alert_state {
	enum tocsin_state state; /* the confirmed state; OK for an item that was never seen */
	bool is_known; /* the first result has been confirmed */
	int64_t since_usec; /* realtime of the first result of the confirmed state */
	int64_t incident; /* number of the open incident, 0: none */
	int64_t incident_since_usec; /* realtime of the first bad result of the open incident */
	bool is_blind; /* UNKNOWN is confirmed on top of an open incident of another state */

	/* the run of results that may become the next state */
	int64_t bad; /* bad results in a row (WARNING or CRITICAL) */
	int64_t good;
	int64_t unknown;
	enum tocsin_state lowest; /* the least severe of the bad results in this row */
	int64_t run_since_usec; /* realtime of the first result of this row */
	int64_t run_boottime_usec; /* boottime of the same, for grace */
	int64_t unknown_since_usec;
};

enum alert_event {
	ALERT_NONE,
	ALERT_FOUND, /* first confirmed state of an item, and it is good: no mail of its own */
	ALERT_PROBLEM, /* good, or never seen → WARNING or CRITICAL */
	ALERT_WORSE, /* WARNING → CRITICAL */
	ALERT_EASED, /* CRITICAL → WARNING: noted, no mail of its own */
	ALERT_BLIND, /* UNKNOWN is confirmed: nobody can look */
	ALERT_SEEN_AGAIN, /* UNKNOWN ended where the state before it still holds (an open incident, or good) */
	ALERT_RECOVERED, /* → OK after a problem */
};

const char *alert_event_name(enum alert_event event);

/* Is the event one that is mailed by itself? */
bool alert_event_is_mailed(enum alert_event event);

/* Feeds one result. NEXT_INCIDENT is the number that a new incident gets; it is used only when the return value
 * is ALERT_PROBLEM, or ALERT_BLIND on an item without an open incident. */
enum alert_event alert_feed(struct alert_state *a, const struct alert_policy *policy, enum tocsin_state result,
	int64_t next_incident, int64_t now_boottime_usec, int64_t now_realtime_usec);

/* Is a confirmation, of fault or recovery or UNKNOWN, under way? Then the check is looked at again sooner. */
bool alert_is_confirming(const struct alert_state *a, const struct alert_policy *policy);

/* When to look at the item again, counted from its look at LOOKED_BOOTTIME_USEC: the interval, the retry interval
 * while confirming, and no later than the end of a running grace period. */
int64_t alert_next_look(const struct alert_state *a, const struct alert_policy *policy, int64_t looked_boottime_usec);

/* After a restart of the daemon: the counts of a row whose last result is older than three intervals are forgotten,
 * so that it needs new confirmation. BOOTTIME of a former boot means nothing: pass SAME_BOOT. */
void alert_resume(struct alert_state *a, const struct alert_policy *policy, int64_t last_result_realtime_usec,
	bool same_boot, int64_t now_realtime_usec);
