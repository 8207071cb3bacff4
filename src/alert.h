/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The alert engine: item × result × policy × now → new state, event. Pure: no clock, socket, log or global.
 *
 * A result does not make an alert; `confirm` results in a row do, and for some checks time as well (`grace`).
 * UNKNOWN never counts as good or bad (law 4), it is confirmed by itself.
 *
 * An item has a level (never seen, OK, WARNING, CRITICAL) and, apart from it, may be blind: UNKNOWN is confirmed. Each
 * is a small machine of its own; its inputs are what the rows of equal results prove. Severity needs no rule of its
 * own then: a problem is as severe as all results of a full row at least were.
 *
 * Which events go into one mail, and when, is group.h. */
#pragma once

#include "buf.h"
#include "clock.h"
#include "state.h"

#include <stdbool.h>
#include <stdint.h>

struct alert_policy {
	int64_t confirm; /* bad results in a row before a problem, 1 or more */
	int64_t recover; /* good results in a row before a recovery; also before CRITICAL eases or UNKNOWN ends */
	int64_t unknown_confirm; /* UNKNOWN results in a row before that is told */
	int64_t interval, retry_interval; /* µs; the second while a confirmation runs, if it is the shorter one */
	int64_t grace; /* µs that a bad state must have lasted, besides `confirm` */
};

/* CRITICAL again within this time after it eased to WARNING is no news to somebody who was told CRITICAL and nothing
 * since; after it, that somebody may have learned from a report that it is only a WARNING, and is told again. */
#define ALERT_RELAPSE_USEC USEC_PER_HOUR

/* Rows of results, each counted on from its first one. UNKNOWN lengthens only its own row and breaks only SEEN. */
enum alert_row_kind {
	ALERT_ROW_BAD, /* WARNING or CRITICAL */
	ALERT_ROW_CRITICAL,
	ALERT_ROW_MILD, /* WARNING or OK */
	ALERT_ROW_GOOD, /* OK */
	ALERT_ROW_SEEN, /* anything but UNKNOWN */
	ALERT_ROW_UNKNOWN,
	ALERT_ROWS
};

struct alert_row {
	int64_t length; /* results; 0: no such row runs, and the times mean nothing */
	int64_t since_usec; /* realtime of its first result */
	int64_t boottime_usec; /* boottime of the same, for grace */
};

/* What is known of one item, in plain data: it is stored as it is. Times are CLOCK_REALTIME µs for people and
 * CLOCK_BOOTTIME µs for measuring. */
struct alert_state {
	enum tocsin_state state; /* the confirmed state; OK for an item that was never seen */
	bool is_known; /* the first result has been confirmed */
	int64_t since_usec; /* realtime of the first result of the confirmed state */
	int64_t incident; /* number of the open incident, 0: none */
	int64_t incident_since_usec; /* realtime of the first bad or UNKNOWN result of the open (or last) incident */
	bool is_blind; /* UNKNOWN is confirmed on top of an open incident of another state */
	int64_t eased_boottime_usec; /* boottime of the last CRITICAL → WARNING in this incident and boot, 0: none */

	struct alert_row rows[ALERT_ROWS]; /* what may become the next state */
};

enum alert_event {
	ALERT_NONE,
	ALERT_FOUND, /* first confirmed state of an item, and it is good: no mail of its own */
	ALERT_PROBLEM, /* good, never seen or UNKNOWN → WARNING or CRITICAL */
	ALERT_WORSE, /* WARNING → CRITICAL */
	ALERT_EASED, /* CRITICAL → WARNING: noted, no mail of its own */
	ALERT_BLIND, /* UNKNOWN is confirmed: nobody can look */
	ALERT_SEEN_AGAIN, /* UNKNOWN ended where the state before it still holds (an open incident, or good) */
	ALERT_RECOVERED, /* → OK after a problem */
	ALERT_RELAPSED, /* WARNING → CRITICAL within ALERT_RELAPSE_USEC after it eased: noted, no mail of its own */
	ALERT_EVENTS
};

/* "problem", "seen-again": the words stand in the state file and on the socket. */
const char *alert_event_name(enum alert_event event);

/* Is the event one that is mailed by itself? */
bool alert_event_is_mailed(enum alert_event event);

/* Feeds one result. NEXT_INCIDENT is the number that a new incident gets. It is used only when the return value
 * is ALERT_PROBLEM or ALERT_BLIND and the item had no open incident: then a->incident is NEXT_INCIDENT afterwards (a
 * problem that is found when UNKNOWN ends belongs to the incident that UNKNOWN opened).
 *
 * a->incident is 0 after ALERT_RECOVERED, and after the ALERT_SEEN_AGAIN of an item without a problem; who needs
 * the number that was closed keeps it from before. a->incident_since_usec stays. */
enum alert_event alert_feed(struct alert_state *a, const struct alert_policy *policy, enum tocsin_state result,
	int64_t next_incident, int64_t now_boottime_usec, int64_t now_realtime_usec);

/* Is a confirmation, of fault or recovery or UNKNOWN, under way? Then the check is looked at again sooner. */
bool alert_is_confirming(const struct alert_state *a);

/* When to look at the item again, counted from its look at LOOKED_BOOTTIME_USEC: the interval, the retry interval
 * while confirming, and no later than the end of a running grace period. */
int64_t alert_next_look(const struct alert_state *a, const struct alert_policy *policy, int64_t looked_boottime_usec);

/* After a restart of the daemon: rows whose last result is older than three intervals, or comes from the future (the
 * clock was set back), or from a former boot (SAME_BOOT is false: its boottime means nothing, and the host that it
 * was about is gone) are forgotten, so that they need new confirmation. The confirmed state stays. */
void alert_resume(struct alert_state *a, const struct alert_policy *policy, int64_t last_result_realtime_usec,
	bool same_boot, int64_t now_realtime_usec);

/* As one line of text for the state file, "state=WARNING known=1 …", and back. Unknown words are skipped and missing
 * ones are zero, so that a state file survives an upgrade and a step back. -EINVAL: not of that form; -ENOMEM. */
void alert_format(struct buf *b, const struct alert_state *a);
int alert_parse(const char *text, struct alert_state *ret);
