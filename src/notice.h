/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of an event: is it told now, later, or not? Pure.
 *
 * Two questions, in this order. Is there a reason to keep the item quiet at all (notice_judge())? It does not depend
 * on who would read it; what is muted is noted, the readers' picture stays as it was (alert_state.told), and
 * alert_owed() tells them when the reason has gone, if it still matters then. And for each recipient: is it one of
 * those that this one wants (notice_wants()), and does it wait for the end of quiet hours (notice_waits())? */
#pragma once

#include "alert.h"
#include "conf.h"
#include "damp.h"

/* Reasons to keep an item quiet, the first that holds is told. */
enum notice_reason {
	NOTICE_NO_REASON, /* tell */
	NOTICE_UNTOLD, /* its problem was never told, so its end is no news */
	NOTICE_STOPPING, /* the host is going down, or tocsind ends: judged again at the next start */
	NOTICE_SILENCED, /* `tocsin silence` */
	NOTICE_MAINTENANCE,
	NOTICE_DEPENDS, /* a check that it depends on is bad */
	NOTICE_ASKING, /* for moments, while that is found out: what becomes of it is known then (struct notice_pending) */
	NOTICE_FLAPPING,
	NOTICE_MINOR, /* an event that is only noted */
	NOTICE_REASONS
};

struct notice_circumstances {
	bool is_stopping, is_silenced, is_maintained;
	bool is_dependent; /* a check that it depends on is bad */
	bool is_asking; /* somebody looks at such a check first, or once more at the item itself */
};

enum notice_reason notice_judge(enum alert_event event, const struct alert_state *a,
	const struct notice_circumstances *c);

/* An event and what becomes of it. */
struct notice {
	enum alert_event event;
	enum notice_reason reason; /* NOTICE_NO_REASON: it is told */
	enum tocsin_state from; /* alert_seen() before it */
	bool is_first; /* nobody had looked before: from is OK by default */
};

/* A problem of an item that depends on another check, which is looked at before anything is said: so it is told once and
 * plainly, or noted with the reason. Looks take moments, so the state file does not keep it: where the daemon ends
 * meanwhile, a later one tells it as ALERT_LATE. */
struct notice_pending {
	enum alert_event event; /* ALERT_NONE: there is none */
	enum tocsin_state from;
	bool is_first;
};

#define NOTICES_OWED_MAX 2
#define NOTICES_MAX 5

/* One look at an item, all that follows from it: alert_feed(), alert_flaps() and alert_owed(), each judged, in the order in
 * which they are to be noted. What is told, is believed from then on (alert_tell()). Returns how many. NEXT_INCIDENT as
 * for alert_feed(). */
size_t notice_look(struct alert_state *a, struct notice_pending *pending, const struct alert_policy *policy,
	enum alert_look look, const struct notice_circumstances *c, int64_t next_incident, int64_t now_boottime_usec,
	int64_t now_realtime_usec, struct notice ret[NOTICES_MAX]);

/* Nobody has looked, but what kept a mail back may have ended, or a reminder is due. Returns how many. */
size_t notice_reconsider(struct alert_state *a, struct notice_pending *pending, const struct alert_policy *policy,
	const struct notice_circumstances *c, int64_t now_realtime_usec, struct notice ret[NOTICES_OWED_MAX]);

#define NOTICE_SHUTDOWN_USEC (10 * USEC_PER_SEC)

/* Was EVENT, of TIME, found in the last moments before the host was shut down in order, when tocsind ended at STOPPED
 * (realtime both)? The service manager ends everything at once, and some of it a moment before tocsind. */
bool notice_is_of_shutdown(enum alert_event event, int64_t time_usec, int64_t stopped_usec);

/* While this is so of an item, problems of checks that depend on its check are kept back: it fails, confirmed or not.
 * One that nobody can look at keeps nothing back. */
bool notice_holds_dependents(const struct alert_state *parent);

/* A check as those see it that depend on it. CLOCK_BOOTTIME µs; 0: not since the daemon started. */
struct notice_parent {
	bool is_holding; /* notice_holds_dependents() of any of its items */
	int64_t looked_usec; /* when its last look began */
	int64_t released_usec; /* the look that ended its holding last */
};

/* Is a child free to tell a problem? Unless NOTICE_FREE it is_dependent, and by the last two somebody is to look at
 * once. When the parent has looked, its children are reconsidered. */
enum notice_dependence {
	NOTICE_FREE,
	NOTICE_HELD, /* it waits until the parent is well */
	NOTICE_ASK_PARENT, /* nobody has looked at the parent since the child became bad */
	NOTICE_ASK_CHILD, /* nobody has looked at the child since the parent is well: it may be so too */
};

/* LOOK is the child's last look, which began at LOOKED (boottime), whether it was fed already or is about to be. */
enum notice_dependence notice_dependence(const struct alert_state *child, enum alert_look look, int64_t looked_usec,
	const struct notice_parent *parent);

struct alert_policy notice_policy(const struct conf_alert *a);
struct damp_policy notice_damping(const struct conf_alert *a);

/* "silenced", "maintenance" … in the language in use: for the history and for mails; "" for what is noted with no reason. */
const char *notice_reason_name(enum notice_reason reason);

/* Does the glob match the check ("disk*"), or CHECK/ITEM ("disk//home*")? */
bool notice_matches(const char *glob, const char *check, const char *item);

/* Does R get EVENT of this item at all? WORST is the worst that readers were told (alert_told_worst(): a recovery is told
 * to whom the problem was); IS_ESCALATED: it was escalated to R already. */
bool notice_wants(const struct conf_recipient *r, enum alert_event event, const char *check, const char *item,
	enum tocsin_state worst, bool is_escalated);

/* R gets only what nobody has acknowledged for a while: is the open incident told to R now, as ALERT_ESCALATED? Then the
 * caller keeps that it was, until alert_is_believed_well(); asked only of those to whom it was not. */
bool notice_escalates(const struct conf_recipient *r, const struct alert_state *a, const struct notice_circumstances *c,
	const char *check, const char *item, int64_t now_realtime_usec);

/* When that may become so without anything having happened: realtime, USEC_NEVER. */
int64_t notice_escalates_next(const struct conf_recipient *r, const struct alert_state *a, const char *check,
	const char *item);

/* Until when EVENT waits for R: the end of quiet hours of R, of [alert] or of the check; NOW: it does not wait. STATE is
 * what the event says of the item: CRITICAL never waits. */
int64_t notice_waits(const struct conf_recipient *r, const struct conf_alert *policy, enum alert_event event,
	enum tocsin_state state, int64_t now_realtime_usec);
