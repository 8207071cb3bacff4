/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events by circumstances, as tables. Who waits in which mail is the daemon's; when a mail goes is group.c's. */
#include "notice.h"

#include "translate.h"

#include <fnmatch.h>

/* What an event is to a reader. */
enum kind {
	KIND_NOTED, /* stands in the history only */
	KIND_WORSE, /* something is bad, or nobody can tell */
	KIND_BETTER,
	KIND_STANDING, /* bad or not: also told of an item that is unstable */
	KIND_FACT, /* not about the state of an item: nothing keeps it back */
};

static const enum kind kinds[ALERT_EVENTS] = {
	[ALERT_NONE] = KIND_NOTED,
	[ALERT_FOUND] = KIND_NOTED,
	[ALERT_PROBLEM] = KIND_WORSE,
	[ALERT_WORSE] = KIND_WORSE,
	[ALERT_EASED] = KIND_NOTED,
	[ALERT_BLIND] = KIND_WORSE,
	[ALERT_SEEN_AGAIN] = KIND_BETTER,
	[ALERT_RECOVERED] = KIND_BETTER,
	[ALERT_RELAPSED] = KIND_NOTED,
	[ALERT_UNSTABLE] = KIND_STANDING,
	[ALERT_STEADY] = KIND_STANDING,
	[ALERT_LATE] = KIND_WORSE,
	[ALERT_REMINDER] = KIND_WORSE,
	[ALERT_ESCALATED] = KIND_STANDING,
	[ALERT_ACKNOWLEDGED] = KIND_NOTED,
	[ALERT_SILENCED] = KIND_NOTED,
	[ALERT_REMOVED] = KIND_NOTED,
	[ALERT_RESTARTED] = KIND_FACT,
	[ALERT_CRASHED] = KIND_FACT,
	[ALERT_TEST] = KIND_FACT,
};

static const char *const reasons[NOTICE_REASONS] = {
	[NOTICE_NO_REASON] = "",
	[NOTICE_UNTOLD] = N_("the problem itself was not mailed"),
	[NOTICE_STOPPING] = N_("the host is going down"),
	[NOTICE_SILENCED] = CN_("why there is no mail", "silenced"),
	[NOTICE_MAINTENANCE] = CN_("why there is no mail", "maintenance"),
	[NOTICE_DEPENDS] = N_("a check that it depends on comes first"),
	[NOTICE_ASKING] = "", /* nothing is noted with it */
	[NOTICE_FLAPPING] = CN_("why there is no mail", "unstable"),
	[NOTICE_MINOR] = "",
};

const char *notice_reason_name(enum notice_reason reason)
{
	return _(reasons[reason]);
}

/* A recovery is no news to somebody who was told nothing. */
static bool is_untold(enum alert_event event, const struct alert_state *a)
{
	if (kinds[event] != KIND_BETTER)
		return false;
	return a->incident ? a->told_blind == a->is_blind : a->told == TOCSIN_OK && !a->told_blind;
}

static bool says_bad(enum alert_event event, const struct alert_state *a)
{
	return kinds[event] == KIND_WORSE || (kinds[event] == KIND_STANDING && a->incident != 0);
}

/* While an item is unstable only one change matters: that it is worse than anything that readers know of. */
static bool is_mere_change(enum alert_event event, const struct alert_state *a)
{
	if (!a->is_flapping || kinds[event] == KIND_STANDING)
		return false;
	return kinds[event] != KIND_WORSE || a->state != TOCSIN_CRITICAL || a->flap_worst == TOCSIN_CRITICAL;
}

enum notice_reason notice_judge(enum alert_event event, const struct alert_state *a,
	const struct notice_circumstances *c)
{
	const struct {
		bool holds;
		enum notice_reason reason;
	} tests[] = {
		{ kinds[event] == KIND_NOTED, NOTICE_MINOR },
		{ kinds[event] == KIND_FACT, NOTICE_NO_REASON },
		{ !a->is_flapping && is_untold(event, a), NOTICE_UNTOLD },
		{ c->is_stopping, NOTICE_STOPPING },
		{ c->is_silenced, NOTICE_SILENCED },
		{ c->is_maintained, NOTICE_MAINTENANCE },
		{ c->is_dependent && says_bad(event, a), NOTICE_DEPENDS },
		{ c->is_asking && says_bad(event, a), NOTICE_ASKING },
		{ is_mere_change(event, a), NOTICE_FLAPPING },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		if (tests[i].holds)
			return tests[i].reason;
	return NOTICE_NO_REASON;
}

static bool is_kept_back(enum alert_event event, const struct alert_state *a, const struct notice_circumstances *c)
{
	enum notice_reason reason = notice_judge(event, a, c);

	return reason != NOTICE_NO_REASON && reason != NOTICE_FLAPPING;
}

/* Changes that are kept back do not make an item unstable: not what a service does while it is maintained, nor what its
 * network does to it. They keep one unstable that is. And nothing is unstable, or steady again, before that may be said. */
static enum alert_event flaps(struct alert_state *a, const struct alert_policy *policy, enum alert_event fed,
	const struct notice_circumstances *c, int64_t now_realtime_usec)
{
	bool is_change = alert_event_is_mailed(fed);
	bool is_kept = is_kept_back(ALERT_STEADY, a, c) || (is_change && is_kept_back(fed, a, c));

	if (is_kept && !(is_change && a->is_flapping))
		return ALERT_NONE;
	return alert_flaps(a, policy, fed, now_realtime_usec);
}

static struct notice take_pending(struct notice_pending *pending, enum notice_reason reason)
{
	struct notice notice = { pending->event, reason, pending->from, pending->is_first };

	*pending = (struct notice_pending){ .event = ALERT_NONE, .from = TOCSIN_OK };
	return notice;
}

size_t notice_look(struct alert_state *a, struct notice_pending *pending, const struct alert_policy *policy,
	enum alert_look look, const struct notice_circumstances *c, int64_t next_incident, int64_t now_boottime_usec,
	int64_t now_realtime_usec, struct notice ret[NOTICES_MAX])
{
	enum tocsin_state from = alert_seen(a);
	bool is_first = !a->is_known;
	enum alert_event fed = alert_feed(a, policy, look, next_incident, now_boottime_usec, now_realtime_usec);
	const enum alert_event events[] = { fed, flaps(a, policy, fed, c, now_realtime_usec) };
	size_t n = 0;

	if (fed != ALERT_NONE && pending->event != ALERT_NONE) /* it has gone on before the answer was there */
		ret[n++] = take_pending(pending, NOTICE_DEPENDS);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		enum notice_reason reason = events[i] == ALERT_NONE ? NOTICE_MINOR : notice_judge(events[i], a, c);

		if (reason == NOTICE_ASKING)
			*pending = (struct notice_pending){ events[i], from, is_first };
		else if (events[i] != ALERT_NONE)
			ret[n++] = (struct notice){ events[i], reason, from, is_first };
		if (reason == NOTICE_NO_REASON)
			alert_tell(a, now_realtime_usec);
	}
	return n + notice_reconsider(a, pending, policy, c, now_realtime_usec, &ret[n]);
}

size_t notice_reconsider(struct alert_state *a, struct notice_pending *pending, const struct alert_policy *policy,
	const struct notice_circumstances *c, int64_t now_realtime_usec, struct notice ret[NOTICES_OWED_MAX])
{
	enum alert_event owed = alert_owed(a, policy, now_realtime_usec);
	bool is_owed = owed != ALERT_NONE && notice_judge(owed, a, c) == NOTICE_NO_REASON;
	size_t n = 0;

	if (pending->event != ALERT_NONE) {
		enum notice_reason reason = notice_judge(pending->event, a, c);
		/* Where it may just have ended, the next looks tell. */
		bool waits = reason == NOTICE_ASKING || (reason == NOTICE_NO_REASON && !alert_lasts(a));

		if (waits && !is_owed)
			return 0;
		ret[n++] = take_pending(pending, waits ? NOTICE_DEPENDS : reason);
	}
	if (is_owed && (n == 0 || ret[0].reason != NOTICE_NO_REASON))
		ret[n++] = (struct notice){ .event = owed, .reason = NOTICE_NO_REASON, .from = alert_seen(a) };
	if (n > 0 && ret[n - 1].reason == NOTICE_NO_REASON)
		alert_tell(a, now_realtime_usec);
	return n;
}

bool notice_is_of_shutdown(enum alert_event event, int64_t time_usec, int64_t stopped_usec)
{
	bool is_found = event == ALERT_PROBLEM || event == ALERT_WORSE || event == ALERT_BLIND;

	return is_found && time_usec <= stopped_usec && stopped_usec - time_usec <= NOTICE_SHUTDOWN_USEC;
}

bool notice_holds_dependents(const struct alert_state *parent)
{
	return parent->state == TOCSIN_WARNING || parent->state == TOCSIN_CRITICAL ||
		parent->rows[ALERT_ROW_BAD].length > 0;
}

/* Since when the child may be in trouble: the first of the bad looks that now follow each other. USEC_NEVER: it is not. */
static int64_t troubled_since(const struct alert_state *a, enum alert_look look, int64_t looked_usec)
{
	bool is_bad = look != ALERT_LOOK_OK && look != ALERT_LOOK_NEARLY_OK;
	const struct alert_row *const rows[] = { &a->rows[ALERT_ROW_BAD], &a->rows[ALERT_ROW_UNKNOWN] };
	int64_t since = is_bad ? looked_usec : USEC_NEVER;

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (rows[i]->length > 0 && rows[i]->boottime_usec < since)
			since = rows[i]->boottime_usec;
	return since;
}

enum notice_dependence notice_dependence(const struct alert_state *child, enum alert_look look, int64_t looked_usec,
	const struct notice_parent *parent)
{
	int64_t since = troubled_since(child, look, looked_usec);

	if (parent->is_holding)
		return NOTICE_HELD;
	if (since == USEC_NEVER)
		return NOTICE_FREE;
	if (parent->looked_usec < since)
		return NOTICE_ASK_PARENT;
	return looked_usec < parent->released_usec ? NOTICE_ASK_CHILD : NOTICE_FREE;
}

struct alert_policy notice_policy(const struct conf_alert *a)
{
	return (struct alert_policy){
		.confirm = a->confirm, .recover = a->recover, .unknown_confirm = a->unknown_confirm,
		.interval = a->interval, .retry_interval = a->retry_interval, .grace = a->grace,
		.flap_count = a->flap_count, .flap_window = a->flap_window, .flap_quiet = a->flap_quiet,
		.remind_critical = a->remind_critical_ages, .remind_warning = a->remind_warning_ages,
	};
}

struct damp_policy notice_damping(const struct conf_alert *a)
{
	return (struct damp_policy){ a->hysteresis, a->hysteresis_points };
}

bool notice_matches(const char *glob, const char *check, const char *item)
{
	char both[512];

	if (fnmatch(glob, check, 0) == 0)
		return true;
	snprintf(both, sizeof(both), "%s/%s", check, item);
	return fnmatch(glob, both, 0) == 0;
}

static bool is_about(const struct conf_recipient *r, const char *check, const char *item)
{
	for (size_t i = 0; i < r->checks.n; i++)
		if (notice_matches(r->checks.items[i], check, item))
			return true;
	return r->checks.n == 0;
}

bool notice_wants(const struct conf_recipient *r, enum alert_event event, const char *check, const char *item,
	enum tocsin_state worst, bool is_escalated)
{
	if (kinds[event] == KIND_FACT)
		return event == ALERT_TEST ? is_about(r, check, item) : r->escalate_after == 0;
	if (!is_about(r, check, item) || (r->minimum > 0 && worst != TOCSIN_CRITICAL))
		return false;
	if (event == ALERT_ESCALATED)
		return r->escalate_after > 0 && is_escalated;
	return r->escalate_after == 0 || is_escalated;
}

int64_t notice_escalates_next(const struct conf_recipient *r, const struct alert_state *a, const char *check,
	const char *item)
{
	int64_t told = r->minimum > 0 ? a->told_critical_usec : a->told_open_usec;

	if (r->escalate_after == 0 || a->incident == 0 || told == 0 || !is_about(r, check, item))
		return USEC_NEVER;
	int64_t due = usec_add(told, r->escalate_after);
	return a->acknowledged_until_usec > due ? a->acknowledged_until_usec : due;
}

bool notice_escalates(const struct conf_recipient *r, const struct alert_state *a, const struct notice_circumstances *c,
	const char *check, const char *item, int64_t now_realtime_usec)
{
	bool is_enough = r->minimum == 0 || a->state == TOCSIN_CRITICAL; /* CRITICAL that eased is no longer for them */

	return is_enough && notice_escalates_next(r, a, check, item) <= now_realtime_usec && alert_lasts(a) &&
		notice_judge(ALERT_ESCALATED, a, c) == NOTICE_NO_REASON;
}

int64_t notice_waits(const struct conf_recipient *r, const struct conf_alert *policy, enum alert_event event,
	enum tocsin_state state, int64_t now_realtime_usec)
{
	const struct calendar_windows *const quiet[] = { &r->quiet, &policy->quiet };
	int64_t until = now_realtime_usec;
	bool goes_on = true;

	if (event == ALERT_TEST || (kinds[event] != KIND_BETTER && state == TOCSIN_CRITICAL))
		return now_realtime_usec;
	/* One may end within the other. */
	while (goes_on && until != USEC_NEVER) {
		goes_on = false;
		for (size_t i = 0; i < sizeof(quiet) / sizeof(*quiet); i++) {
			int64_t end = until == USEC_NEVER ? until : calendar_end(quiet[i], until);

			goes_on |= end > until;
			until = end > until ? end : until;
		}
	}
	return until;
}
