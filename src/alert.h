/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The alert engine: item × look × policy × now → new state, event. Pure: no clock, socket, log or global.
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

/* Ages of a problem, counted from when it was told, at which it is told again: µs, rising. The last distance goes on
 * for ever. None: no reminders. A reminder that comes late moves those after it: it is the distances that count. */
#define ALERT_AGES_MAX 16

struct alert_ages {
	int64_t age_usec[ALERT_AGES_MAX];
	size_t n;
};

struct alert_policy {
	int64_t confirm; /* bad results in a row before a problem, 1 or more */
	int64_t recover; /* good results in a row before a recovery; also before CRITICAL eases or UNKNOWN ends */
	int64_t unknown_confirm; /* UNKNOWN results in a row before that is told */
	int64_t interval, retry_interval; /* µs; the second while a confirmation runs, if it is the shorter one */
	int64_t grace; /* µs that a bad state must have lasted, besides `confirm` */
	int64_t flap_count; /* confirmed changes within flap_window that make an item unstable; 0: it never is */
	int64_t flap_window, flap_quiet; /* µs; unstable until nothing has changed for flap_quiet */
	struct alert_ages remind_critical, remind_warning; /* the second for UNKNOWN too */
};

/* CRITICAL again within this time after it eased to WARNING is no news to somebody who was told CRITICAL and nothing
 * since; after it, that somebody may have learned from a report that it is only a WARNING, and is told again. */
#define ALERT_RELAPSE_USEC USEC_PER_HOUR

/* What a look saw. The first four are enum tocsin_state. The others are a result that is better than the confirmed
 * state, with a value that is not yet clear of the limit that it was past (hysteresis, damp.h): no proof of recovery,
 * and no new fault. */
enum alert_look {
	ALERT_LOOK_OK = TOCSIN_OK,
	ALERT_LOOK_WARNING = TOCSIN_WARNING,
	ALERT_LOOK_CRITICAL = TOCSIN_CRITICAL,
	ALERT_LOOK_UNKNOWN = TOCSIN_UNKNOWN,
	ALERT_LOOK_NEARLY_OK,
	ALERT_LOOK_NEARLY_WARNING, /* WARNING, close below CRITICAL */
	ALERT_LOOKS
};

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

#define ALERT_CHANGES_MAX 20 /* the most that flap_count may ask for */

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

	bool is_flapping; /* unstable: changes are noted and not told */
	enum tocsin_state flap_worst; /* the worst that readers know of while it is unstable */
	int64_t changes_usec[ALERT_CHANGES_MAX]; /* realtime of the last confirmed changes, oldest first; 0: none */

	/* What the readers of mails believe; it lags behind where something keeps a mail back (notice.h). */
	enum tocsin_state told; /* of the open incident, or of one whose recovery they have not been told yet */
	bool told_blind;
	int64_t told_usec; /* realtime: since when they believe that */
	int64_t reminded_usec; /* realtime: when they were told that last */
	int64_t told_incident; /* the number of the incident that they were told of last */
	int64_t told_open_usec; /* realtime: when they were first told of the incident; 0: they were not, yet */
	int64_t told_critical_usec; /* the same of CRITICAL. Both stay after the end, for those who are told of that */
	int64_t acknowledged_until_usec; /* realtime; USEC_NEVER: while the incident lasts; 0: nobody has */
};

enum alert_event {
	ALERT_NONE,

	/* of alert_feed() */
	ALERT_FOUND, /* first confirmed state of an item, and it is good: no mail of its own */
	ALERT_PROBLEM, /* good, never seen or UNKNOWN → WARNING or CRITICAL */
	ALERT_WORSE, /* WARNING → CRITICAL */
	ALERT_EASED, /* CRITICAL → WARNING: noted, no mail of its own */
	ALERT_BLIND, /* UNKNOWN is confirmed: nobody can look */
	ALERT_SEEN_AGAIN, /* UNKNOWN ended where the state before it still holds (an open incident, or good) */
	ALERT_RECOVERED, /* → OK after a problem */
	ALERT_RELAPSED, /* WARNING → CRITICAL within ALERT_RELAPSE_USEC after it eased: noted, no mail of its own */

	/* of alert_flaps(), which stands beside one of those above */
	ALERT_UNSTABLE, /* too many changes: no more mails of them until it is steady again */
	ALERT_STEADY, /* nothing has changed for flap_quiet: how it ended */

	/* of alert_owed() */
	ALERT_LATE, /* a problem that was kept back and still lasts */
	ALERT_REMINDER, /* a problem that was told still lasts */

	/* of others */
	ALERT_ESCALATED, /* nobody has acknowledged it: told to somebody else */
	ALERT_ACKNOWLEDGED, /* noted; so are the next two */
	ALERT_SILENCED, /* a silence began or ended */
	ALERT_REMOVED, /* the check was removed, or the item forgotten, while an incident was open */
	ALERT_RESTARTED, /* the host has restarted */
	ALERT_CRASHED, /* tocsind has, without having been told to end */
	ALERT_TEST, /* `tocsin test-alert`: nothing has happened */
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
enum alert_event alert_feed(struct alert_state *a, const struct alert_policy *policy, enum alert_look look,
	int64_t next_incident, int64_t now_boottime_usec, int64_t now_realtime_usec);

/* After each alert_feed(), with what it returned: is the item unstable now, or steady again? Returns ALERT_UNSTABLE,
 * ALERT_STEADY or ALERT_NONE. While a->is_flapping, changes are not told (notice.h). */
enum alert_event alert_flaps(struct alert_state *a, const struct alert_policy *policy, enum alert_event event,
	int64_t now_realtime_usec);

/* What the readers would have to be told if nothing kept mails back: ALERT_LATE, ALERT_RECOVERED, ALERT_BLIND,
 * ALERT_SEEN_AGAIN, ALERT_REMINDER, ALERT_UNSTABLE (it still is) or ALERT_NONE. Asked again whenever what kept a mail back has ended. It waits for the
 * next looks while the last one speaks against it: a problem that may just have ended is not worth a late mail. */
enum alert_event alert_owed(const struct alert_state *a, const struct alert_policy *policy, int64_t now_realtime_usec);

/* When alert_owed() may answer something else without anything having happened: the next reminder, or the end of an
 * acknowledgement. USEC_NEVER. */
int64_t alert_owed_next(const struct alert_state *a, const struct alert_policy *policy, int64_t now_realtime_usec);

/* The readers will be told (a mail was queued, or is sure to be) how things are now. */
void alert_tell(struct alert_state *a, int64_t now_realtime_usec);

/* They were not told after all: to them the item is as it was SEEN (alert_seen()) before the change. */
void alert_untell(struct alert_state *a, enum tocsin_state seen);

/* The worst that readers were told of the incident, also when it has just ended: who was told of that much gets the
 * rest. WARNING stands for UNKNOWN too; OK: they were told nothing. */
enum tocsin_state alert_told_worst(const struct alert_state *a);

/* Do readers believe that the item is well, and steady? Then to whom its incident was escalated may be forgotten. */
bool alert_is_believed_well(const struct alert_state *a);

/* Did the last look that could see bear the problem out? After a restart nobody knows before the first look. */
bool alert_lasts(const struct alert_state *a);

/* The state that a reader sees: UNKNOWN while the item is blind. */
enum tocsin_state alert_seen(const struct alert_state *a);

/* Is a confirmation, of fault or recovery or UNKNOWN, under way? Then the check is looked at again sooner. */
bool alert_is_confirming(const struct alert_state *a);

/* When to look at the item again, counted from its look at LOOKED_BOOTTIME_USEC: the interval, the retry interval
 * while confirming, and no later than the end of a running grace period. */
int64_t alert_next_look(const struct alert_state *a, const struct alert_policy *policy, int64_t looked_boottime_usec);

/* The realtime clock was set by DELTA µs: what is counted from a time of it goes on. */
void alert_clock_stepped(struct alert_state *a, int64_t delta_usec);

/* After a restart of the daemon: rows whose last result is older than three intervals, or comes from the future (the
 * clock was set back), or from a former boot (SAME_BOOT is false: its boottime means nothing, and the host that it
 * was about is gone) are forgotten, so that they need new confirmation. The confirmed state stays; but after a new boot
 * an incident that nobody was told of is judged again from the beginning. */
void alert_resume(struct alert_state *a, const struct alert_policy *policy, int64_t last_result_realtime_usec,
	bool same_boot, int64_t now_realtime_usec);

/* As one line of text for the state file, "state=WARNING known=1 …", and back. Unknown words are skipped and missing
 * ones are zero, so that a state file survives an upgrade and a step back. -EINVAL: not of that form; -ENOMEM. */
void alert_format(struct buf *b, const struct alert_state *a);
int alert_parse(const char *text, struct alert_state *ret);
