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

/* Reasons to keep an item quiet, the first that holds is told. */
enum notice_reason {
	NOTICE_NO_REASON, /* tell */
	NOTICE_UNTOLD, /* its problem was never told, so its end is no news */
	NOTICE_STOPPING, /* the host is going down */
	NOTICE_SILENCED, /* `tocsin silence` */
	NOTICE_MAINTENANCE,
	NOTICE_DEPENDS, /* a check that it depends on is bad, or is being looked at */
	NOTICE_FLAPPING,
	NOTICE_MINOR, /* an event that is only noted */
	NOTICE_REASONS
};

struct notice_circumstances {
	bool is_stopping, is_silenced, is_maintained, is_dependent;
};

enum notice_reason notice_judge(enum alert_event event, const struct alert_state *a,
	const struct notice_circumstances *c);

/* An event and what becomes of it. */
struct notice {
	enum alert_event event;
	enum notice_reason reason; /* NOTICE_NO_REASON: it is told */
};

#define NOTICES_MAX 3

/* One look at an item, all that follows from it: alert_feed(), alert_flaps() and alert_owed(), each judged, in the order in
 * which they are to be noted. What is told, is believed from then on (alert_tell()). Returns how many. NEXT_INCIDENT as
 * for alert_feed(). */
size_t notice_look(struct alert_state *a, const struct alert_policy *policy, enum alert_look look,
	const struct notice_circumstances *c, int64_t next_incident, int64_t now_boottime_usec,
	int64_t now_realtime_usec, struct notice ret[NOTICES_MAX]);

/* Nobody has looked, but what kept a mail back may have ended, or a reminder is due. ALERT_NONE: nothing is to be told. */
enum alert_event notice_reconsider(struct alert_state *a, const struct alert_policy *policy,
	const struct notice_circumstances *c, int64_t now_realtime_usec);

/* While this is so of an item, problems of checks that depend on its check are kept back: it fails, confirmed or not.
 * One that nobody can look at keeps nothing back. */
bool notice_holds_dependents(const struct alert_state *parent);

struct alert_policy notice_policy(const struct conf_alert *a);

/* "silenced", "maintenance" …: for the history; "" for NOTICE_NO_REASON. */
const char *notice_reason_name(enum notice_reason reason);

/* Does the glob match the check ("disk*"), or CHECK/ITEM ("disk//home*")? */
bool notice_matches(const char *glob, const char *check, const char *item);

/* Does R get EVENT of this item at all? WORST is the worst state of the incident so far (a recovery is told to whom the
 * problem was); IS_ESCALATED: it was escalated to R already. */
bool notice_wants(const struct conf_recipient *r, enum alert_event event, const char *check, const char *item,
	enum tocsin_state worst, bool is_escalated);

/* Until when EVENT waits for R: the end of quiet hours of R, of [alert] or of the check; NOW: it does not wait. STATE is
 * what the event says of the item: CRITICAL never waits. */
int64_t notice_waits(const struct conf_recipient *r, const struct conf_alert *policy, enum alert_event event,
	enum tocsin_state state, int64_t now_realtime_usec);
