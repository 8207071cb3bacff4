/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The alert engine as tables: what a look does to the rows, what the rows prove, what that changes.
 *
 * Two machines side by side, each a full matrix: the level of an item (level_matrix) and whether it can be seen at
 * all (sight_matrix). Their product would have seven states and say most things twice. Behind them, what readers
 * believe and are owed. Not here: what keeps a mail back (notice.c), which mail an event goes into (group.c), what it
 * says (report.c), how the state is written down (alert-text.c). */
#include "alert.h"

#include <string.h>

static const struct event_rule {
	const char *name;
	bool is_mailed; /* and tells the reader what an item is like, so that blindness is over without more words */
	bool opens, closes; /* the incident */
	bool is_change; /* counts for flapping */
} event_rules[ALERT_EVENTS] = {
	/*                       name            mailed opens  closes change */
	[ALERT_NONE] =         { "none",         false, false, false, false },
	[ALERT_FOUND] =        { "found",        false, false, false, false },
	[ALERT_PROBLEM] =      { "problem",      true,  true,  false, true },
	[ALERT_WORSE] =        { "worse",        true,  false, false, true },
	[ALERT_EASED] =        { "eased",        false, false, false, false },
	[ALERT_BLIND] =        { "blind",        true,  true,  false, true },
	[ALERT_SEEN_AGAIN] =   { "seen-again",   true,  false, false, true },
	[ALERT_RECOVERED] =    { "recovered",    true,  false, true,  true },
	[ALERT_RELAPSED] =     { "relapsed",     false, false, false, false },
	[ALERT_UNSTABLE] =     { "unstable",     true,  false, false, false },
	[ALERT_STEADY] =       { "steady",       true,  false, false, false },
	[ALERT_LATE] =         { "late",         true,  false, false, false },
	[ALERT_REMINDER] =     { "reminder",     true,  false, false, false },
	[ALERT_ESCALATED] =    { "escalated",    true,  false, false, false },
	[ALERT_ACKNOWLEDGED] = { "acknowledged", false, false, false, false },
	[ALERT_SILENCED] =     { "silenced",     false, false, false, false },
	[ALERT_REMOVED] =      { "removed",      false, false, true,  false },
	[ALERT_RESTARTED] =    { "restarted",    true,  false, false, false },
	[ALERT_CRASHED] =      { "crashed",      true,  false, false, false },
	[ALERT_TEST] =         { "test",         true,  false, false, false },
};

const char *alert_event_name(enum alert_event event)
{
	return event_rules[event].name;
}

bool alert_event_is_mailed(enum alert_event event)
{
	return event_rules[event].is_mailed;
}

/* What a look does to each row. UNKNOWN leaves good and bad rows as they are: they go on when it ends. */
enum row_step { KEEP, BREAK, COUNT };

static const enum row_step row_steps[ALERT_LOOKS][ALERT_ROWS] = {
	/*                              BAD    CRITICAL MILD   GOOD   SEEN   UNKNOWN */
	[ALERT_LOOK_OK] =             { BREAK, BREAK,   COUNT, COUNT, COUNT, BREAK },
	[ALERT_LOOK_WARNING] =        { COUNT, BREAK,   COUNT, BREAK, COUNT, BREAK },
	[ALERT_LOOK_CRITICAL] =       { COUNT, COUNT,   BREAK, BREAK, COUNT, BREAK },
	[ALERT_LOOK_UNKNOWN] =        { KEEP,  KEEP,    KEEP,  KEEP,  BREAK, COUNT },
	[ALERT_LOOK_NEARLY_OK] =      { BREAK, BREAK,   COUNT, BREAK, COUNT, BREAK },
	[ALERT_LOOK_NEARLY_WARNING] = { COUNT, BREAK,   BREAK, BREAK, COUNT, BREAK },
};

static void count_look(struct alert_state *a, enum alert_look look, int64_t boottime_usec, int64_t realtime_usec)
{
	for (size_t i = 0; i < ALERT_ROWS; i++) {
		struct alert_row *row = &a->rows[i];

		if (row_steps[look][i] == KEEP)
			continue;
		if (row_steps[look][i] == BREAK)
			*row = (struct alert_row){ 0 };
		else if (row->length++ == 0)
			*row = (struct alert_row){ 1, realtime_usec, boottime_usec };
	}
}

enum level { LEVEL_UNSEEN, LEVEL_OK, LEVEL_WARNING, LEVEL_CRITICAL, LEVELS };

/* An item whose state is UNKNOWN has no problem that anybody saw. */
static enum level level_of(const struct alert_state *a)
{
	static const enum level levels[] = {
		[TOCSIN_OK] = LEVEL_OK,
		[TOCSIN_WARNING] = LEVEL_WARNING,
		[TOCSIN_CRITICAL] = LEVEL_CRITICAL,
		[TOCSIN_UNKNOWN] = LEVEL_OK,
	};

	return a->is_known ? levels[a->state] : LEVEL_UNSEEN;
}

/* What the rows prove after a result that was not UNKNOWN. Rows that exclude each other are never full together. */
enum proof {
	PROOF_NONE,
	PROOF_NOT_CRITICAL, /* not worse than WARNING */
	PROOF_GOOD,
	PROOF_BAD, /* WARNING at least */
	PROOF_WARNING, /* no less and no more */
	PROOF_CRITICAL,
	PROOF_RELAPSE, /* CRITICAL, shortly after it eased */
	PROOFS
};

struct level_change {
	enum alert_event event;
	enum tocsin_state to;
	enum alert_row_kind row; /* the first result of which began the new state */
};

#define NOTHING { ALERT_NONE, TOCSIN_OK, ALERT_ROW_SEEN }
#define FOUND { ALERT_FOUND, TOCSIN_OK, ALERT_ROW_GOOD }
#define WARNS { ALERT_PROBLEM, TOCSIN_WARNING, ALERT_ROW_BAD }
#define FAILS { ALERT_PROBLEM, TOCSIN_CRITICAL, ALERT_ROW_CRITICAL }
#define WORSE { ALERT_WORSE, TOCSIN_CRITICAL, ALERT_ROW_CRITICAL }
#define AGAIN { ALERT_RELAPSED, TOCSIN_CRITICAL, ALERT_ROW_CRITICAL }
#define EASED { ALERT_EASED, TOCSIN_WARNING, ALERT_ROW_MILD }
#define WELL { ALERT_RECOVERED, TOCSIN_OK, ALERT_ROW_GOOD }

static const struct level_change level_matrix[LEVELS][PROOFS] = {
	/*                    NONE     NOT_CRITICAL GOOD     BAD      WARNING  CRITICAL RELAPSE */
	[LEVEL_UNSEEN] =   { NOTHING, NOTHING,     FOUND,   WARNS,   WARNS,   FAILS,   FAILS },
	[LEVEL_OK] =       { NOTHING, NOTHING,     NOTHING, WARNS,   WARNS,   FAILS,   FAILS },
	[LEVEL_WARNING] =  { NOTHING, NOTHING,     WELL,    NOTHING, NOTHING, WORSE,   AGAIN },
	[LEVEL_CRITICAL] = { NOTHING, EASED,       WELL,    NOTHING, EASED,   NOTHING, NOTHING },
};

/* Rows that lead out of a level: while one runs, something is being confirmed. */
static const bool leads_out[LEVELS][ALERT_ROWS] = {
	/*                    BAD    CRITICAL MILD   GOOD   SEEN   UNKNOWN */
	[LEVEL_UNSEEN] =   { true,  true,    false, false, false, false },
	[LEVEL_OK] =       { true,  true,    false, false, false, false },
	[LEVEL_WARNING] =  { false, true,    false, true,  false, false },
	[LEVEL_CRITICAL] = { false, false,   true,  true,  false, false },
};

/* An empty row proves nothing, even to a policy that asks for none. */
static bool row_is_full(const struct alert_state *a, enum alert_row_kind row, int64_t length)
{
	return a->rows[row].length > 0 && a->rows[row].length >= length;
}

static bool row_has_lasted(const struct alert_state *a, enum alert_row_kind row, int64_t usec, int64_t now_usec)
{
	return now_usec >= usec_add(a->rows[row].boottime_usec, usec);
}

static enum proof proof_of(const struct alert_state *a, const struct alert_policy *policy, int64_t now_usec)
{
	/* The first good look at an item is no recovery, and nothing to wait for. */
	int64_t recover = a->is_known ? policy->recover : 1;
	bool is_mild = row_is_full(a, ALERT_ROW_MILD, recover);

	if (row_is_full(a, ALERT_ROW_GOOD, recover))
		return PROOF_GOOD;
	if (row_is_full(a, ALERT_ROW_CRITICAL, policy->confirm) &&
		row_has_lasted(a, ALERT_ROW_CRITICAL, policy->grace, now_usec))
		return a->eased_boottime_usec > 0 && now_usec < usec_add(a->eased_boottime_usec, ALERT_RELAPSE_USEC) ?
			PROOF_RELAPSE :
			PROOF_CRITICAL;
	if (row_is_full(a, ALERT_ROW_BAD, policy->confirm) && row_has_lasted(a, ALERT_ROW_BAD, policy->grace, now_usec))
		return is_mild ? PROOF_WARNING : PROOF_BAD;
	return is_mild ? PROOF_NOT_CRITICAL : PROOF_NONE;
}

static bool is_blind(const struct alert_state *a)
{
	return a->is_blind || a->state == TOCSIN_UNKNOWN;
}

/* What a full row of UNKNOWN proves, or one of anything else. */
enum sight { SIGHT_NONE, SIGHT_DARK, SIGHT_LIGHT, SIGHTS };

static const enum alert_event sight_matrix[2][SIGHTS] = {
	/*            NONE         DARK         LIGHT */
	[false] = { ALERT_NONE, ALERT_BLIND, ALERT_NONE },
	[true] =  { ALERT_NONE, ALERT_NONE,  ALERT_SEEN_AGAIN },
};

static enum sight sight_of(const struct alert_state *a, const struct alert_policy *policy)
{
	if (row_is_full(a, ALERT_ROW_UNKNOWN, policy->unknown_confirm))
		return SIGHT_DARK;
	return row_is_full(a, ALERT_ROW_SEEN, policy->recover) ? SIGHT_LIGHT : SIGHT_NONE;
}

bool alert_is_believed_well(const struct alert_state *a)
{
	return a->told == TOCSIN_OK && !a->told_blind && !a->is_flapping;
}

static void open_incident(struct alert_state *a, int64_t incident, enum alert_row_kind row)
{
	a->incident = incident;
	a->incident_since_usec = a->rows[row].since_usec;
	a->eased_boottime_usec = 0;
	/* Else it is to readers what they were told of already: nobody has told them that it was over. */
	if (alert_is_believed_well(a))
		a->told_open_usec = a->told_critical_usec = 0;
}

/* It was of what was, and nobody has said anything of what is now. Of an item that is unstable it is of the unrest. */
static void forget_acknowledgement(struct alert_state *a)
{
	if (!a->is_flapping)
		a->acknowledged_until_usec = 0;
}

static void change_level(struct alert_state *a, const struct level_change *change, int64_t next_incident,
	int64_t now_boottime_usec)
{
	const struct event_rule *rule = &event_rules[change->event];

	a->is_known = true;
	a->state = change->to;
	a->since_usec = a->rows[change->row].since_usec;
	if (rule->opens && a->incident == 0)
		open_incident(a, next_incident, ALERT_ROW_BAD);
	if (rule->closes)
		a->incident = 0;
	if (rule->is_mailed) {
		a->is_blind = false;
		forget_acknowledgement(a);
	}
	if (change->event == ALERT_EASED)
		a->eased_boottime_usec = now_boottime_usec;
}

/* Blindness lies on top of an open incident; without one it is the state, and an incident by itself. */
static void lose_sight(struct alert_state *a, int64_t next_incident)
{
	if (a->incident) {
		a->is_blind = true;
		return;
	}
	a->is_known = true;
	a->state = TOCSIN_UNKNOWN;
	a->since_usec = a->rows[ALERT_ROW_UNKNOWN].since_usec;
	open_incident(a, next_incident, ALERT_ROW_UNKNOWN);
}

static void regain_sight(struct alert_state *a)
{
	if (a->is_blind) {
		a->is_blind = false;
		return;
	}
	a->state = TOCSIN_OK;
	a->since_usec = a->rows[ALERT_ROW_SEEN].since_usec;
	a->incident = 0;
	forget_acknowledgement(a);
}

enum alert_event alert_feed(struct alert_state *a, const struct alert_policy *policy, enum alert_look look,
	int64_t next_incident, int64_t now_boottime_usec, int64_t now_realtime_usec)
{
	count_look(a, look, now_boottime_usec, now_realtime_usec);

	/* UNKNOWN proves nothing about the level, not even when a grace period ends meanwhile. */
	enum proof proof = look == ALERT_LOOK_UNKNOWN ? PROOF_NONE : proof_of(a, policy, now_boottime_usec);
	const struct level_change *change = &level_matrix[level_of(a)][proof];
	if (change->event != ALERT_NONE) {
		change_level(a, change, next_incident, now_boottime_usec);
		return change->event;
	}

	enum alert_event event = sight_matrix[is_blind(a)][sight_of(a, policy)];
	if (event == ALERT_BLIND)
		lose_sight(a, next_incident);
	else if (event == ALERT_SEEN_AGAIN)
		regain_sight(a);
	return event;
}

/* ---- flapping ---- */

static void note_change(struct alert_state *a, int64_t now_usec)
{
	memmove(&a->changes_usec[0], &a->changes_usec[1], sizeof(a->changes_usec) - sizeof(a->changes_usec[0]));
	a->changes_usec[ALERT_CHANGES_MAX - 1] = now_usec;
}

/* Changes since a time; those of the future were noted by a clock that was wrong. */
static int64_t changes_since(const struct alert_state *a, int64_t since_usec, int64_t now_usec)
{
	int64_t n = 0;

	for (size_t i = 0; i < ALERT_CHANGES_MAX; i++)
		n += a->changes_usec[i] > since_usec && a->changes_usec[i] <= now_usec;
	return n;
}

static enum tocsin_state worse_of(enum tocsin_state a, enum tocsin_state b)
{
	return state_rank(a) <= state_rank(b) ? a : b;
}

enum alert_event alert_flaps(struct alert_state *a, const struct alert_policy *policy, enum alert_event event,
	int64_t now_realtime_usec)
{
	if (event_rules[event].is_change)
		note_change(a, now_realtime_usec);
	if (a->is_flapping) {
		if (changes_since(a, now_realtime_usec - policy->flap_quiet, now_realtime_usec) > 0)
			return ALERT_NONE;
		a->is_flapping = false;
		memset(a->changes_usec, 0, sizeof(a->changes_usec));
		if (a->incident == 0)
			forget_acknowledgement(a);
		return ALERT_STEADY;
	}
	if (!event_rules[event].is_change || policy->flap_count == 0 ||
		changes_since(a, now_realtime_usec - policy->flap_window, now_realtime_usec) < policy->flap_count)
		return ALERT_NONE;
	a->is_flapping = true;
	a->flap_worst = worse_of(a->told, a->state);
	return ALERT_UNSTABLE;
}

/* ---- what readers believe ---- */

enum tocsin_state alert_seen(const struct alert_state *a)
{
	return a->is_blind ? TOCSIN_UNKNOWN : a->state;
}

/* CRITICAL that eased is still what they were told. */
static bool is_told(const struct alert_state *a)
{
	return a->told == a->state || (a->told == TOCSIN_CRITICAL && a->state == TOCSIN_WARNING);
}

enum tocsin_state alert_told_worst(const struct alert_state *a)
{
	if (a->told_critical_usec > 0)
		return TOCSIN_CRITICAL;
	return a->told_open_usec > 0 ? TOCSIN_WARNING : TOCSIN_OK;
}

/* NEARLY_OK breaks both GOOD and BAD, and is no end of a problem. */
bool alert_lasts(const struct alert_state *a)
{
	if (alert_seen(a) == TOCSIN_UNKNOWN)
		return a->rows[ALERT_ROW_UNKNOWN].length > 0;
	return a->rows[ALERT_ROW_GOOD].length == 0 &&
		(a->rows[ALERT_ROW_BAD].length > 0 || a->rows[ALERT_ROW_MILD].length > 0);
}

/* From the mail at that AGE to the next one. Told by distances, so that nothing depends on how many there were: the ages
 * are others when CRITICAL eases, or with another configuration. */
static int64_t distance_after(const struct alert_ages *ages, int64_t age_usec)
{
	size_t i = 0;

	if (ages->n == 0)
		return USEC_NEVER;
	while (i + 1 < ages->n && ages->age_usec[i] <= age_usec)
		i++;
	int64_t distance = ages->age_usec[i] - (i > 0 ? ages->age_usec[i - 1] : 0);
	return distance > 0 ? distance : USEC_NEVER;
}

/* An item that is unstable is reminded of as a WARNING, whatever it is at that moment. */
static int64_t reminder_due(const struct alert_state *a, const struct alert_policy *policy)
{
	bool is_critical = a->state == TOCSIN_CRITICAL && !a->is_flapping;
	const struct alert_ages *ages = is_critical ? &policy->remind_critical : &policy->remind_warning;

	return usec_add(a->reminded_usec, distance_after(ages, a->reminded_usec - a->told_usec));
}

/* When the next reminder may come; an acknowledgement puts it off. */
static int64_t reminder_allowed(const struct alert_state *a, const struct alert_policy *policy)
{
	int64_t due = reminder_due(a, policy);

	return a->acknowledged_until_usec > due ? a->acknowledged_until_usec : due;
}

/* It is unstable, and now CRITICAL as it has not been to readers' knowledge. */
static bool hides_critical(const struct alert_state *a)
{
	return a->is_flapping && a->incident != 0 && a->state == TOCSIN_CRITICAL && a->flap_worst != TOCSIN_CRITICAL;
}

enum alert_event alert_owed(const struct alert_state *a, const struct alert_policy *policy, int64_t now_realtime_usec)
{
	bool is_reminder_due = reminder_allowed(a, policy) <= now_realtime_usec;

	if (a->is_flapping && hides_critical(a) && alert_lasts(a))
		return ALERT_LATE;
	if (a->is_flapping)
		return is_reminder_due ? ALERT_UNSTABLE : ALERT_NONE;
	if (a->incident == 0)
		return !alert_is_believed_well(a) && a->rows[ALERT_ROW_GOOD].length > 0 ? ALERT_RECOVERED : ALERT_NONE;
	if (is_told(a) && a->told_blind && !a->is_blind)
		return ALERT_SEEN_AGAIN;
	if (!alert_lasts(a))
		return ALERT_NONE;
	if (!is_told(a))
		return ALERT_LATE;
	if (a->is_blind && !a->told_blind)
		return ALERT_BLIND;
	return is_reminder_due ? ALERT_REMINDER : ALERT_NONE;
}

int64_t alert_owed_next(const struct alert_state *a, const struct alert_policy *policy, int64_t now_realtime_usec)
{
	return a->incident == 0 && !a->is_flapping ? USEC_NEVER : reminder_allowed(a, policy);
}

void alert_tell(struct alert_state *a, int64_t now_realtime_usec)
{
	enum tocsin_state state = a->incident ? a->state : TOCSIN_OK;
	bool is_other = a->incident && a->told_incident != a->incident;

	if (a->told != state || a->told_blind != a->is_blind || is_other)
		a->told_usec = now_realtime_usec;
	a->told = state;
	a->told_blind = a->is_blind;
	a->reminded_usec = now_realtime_usec;
	if (a->is_flapping)
		a->flap_worst = worse_of(a->flap_worst, state);
	if (!a->incident)
		return;
	a->told_incident = a->incident;
	if (a->told_open_usec == 0)
		a->told_open_usec = now_realtime_usec;
	if (state == TOCSIN_CRITICAL && a->told_critical_usec == 0)
		a->told_critical_usec = now_realtime_usec;
}

void alert_untell(struct alert_state *a, enum tocsin_state seen)
{
	a->told = seen == TOCSIN_UNKNOWN ? TOCSIN_OK : seen;
	a->told_blind = seen == TOCSIN_UNKNOWN;
	if (seen == TOCSIN_OK)
		a->told_open_usec = 0;
	if (seen != TOCSIN_CRITICAL)
		a->told_critical_usec = 0;
}

bool alert_is_confirming(const struct alert_state *a)
{
	/* Rows stand still during UNKNOWN: once that is confirmed there is no hurry, however long it lasts. */
	if (a->rows[ALERT_ROW_UNKNOWN].length > 0)
		return !is_blind(a);
	if (is_blind(a) && a->rows[ALERT_ROW_SEEN].length > 0)
		return true;
	for (size_t i = 0; i < ALERT_ROWS; i++)
		if (leads_out[level_of(a)][i] && a->rows[i].length > 0)
			return true;
	return false;
}

int64_t alert_next_look(const struct alert_state *a, const struct alert_policy *policy, int64_t looked_boottime_usec)
{
	static const enum alert_row_kind graced[] = { ALERT_ROW_BAD, ALERT_ROW_CRITICAL };
	bool is_sooner = alert_is_confirming(a) && policy->retry_interval < policy->interval;
	int64_t next = usec_add(looked_boottime_usec, is_sooner ? policy->retry_interval : policy->interval);

	for (size_t i = 0; i < ELEMENTS(graced); i++) {
		const struct alert_row *row = &a->rows[graced[i]];
		int64_t end = usec_add(row->boottime_usec, policy->grace);

		if (leads_out[level_of(a)][graced[i]] && row->length > 0 && end > looked_boottime_usec && end < next)
			next = end;
	}
	return next;
}

static void shift(int64_t *time_usec, int64_t delta_usec)
{
	if (*time_usec > 0 && *time_usec < USEC_NEVER)
		*time_usec = *time_usec + delta_usec > 0 ? usec_add(*time_usec, delta_usec) : 1;
}

void alert_clock_stepped(struct alert_state *a, int64_t delta_usec)
{
	int64_t *const times[] = { &a->since_usec, &a->incident_since_usec, &a->told_usec, &a->reminded_usec,
		&a->told_open_usec, &a->told_critical_usec, &a->acknowledged_until_usec };

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		shift(times[i], delta_usec);
	for (size_t i = 0; i < ALERT_ROWS; i++)
		shift(&a->rows[i].since_usec, delta_usec);
	for (size_t i = 0; i < ALERT_CHANGES_MAX; i++)
		shift(&a->changes_usec[i], delta_usec);
}

static void forget_when_told(struct alert_state *a, int64_t now_usec)
{
	a->told_usec = a->reminded_usec = now_usec;
	if (a->told_open_usec > now_usec)
		a->told_open_usec = now_usec;
	if (a->told_critical_usec > now_usec)
		a->told_critical_usec = now_usec;
}

void alert_resume(struct alert_state *a, const struct alert_policy *policy, int64_t last_result_realtime_usec,
	bool same_boot, int64_t now_realtime_usec)
{
	int64_t too_old = last_result_realtime_usec;

	for (size_t i = 0; i < 3; i++)
		too_old = usec_add(too_old, policy->interval);
	/* A host that was going down, or a silence: the readers know nothing of it, and it may have ended with the boot. */
	if (!same_boot && a->incident && alert_is_believed_well(a))
		*a = (struct alert_state){ 0 };
	if (!same_boot)
		a->eased_boottime_usec = 0;
	/* The clock that said so was wrong, and reminders must not wait for it; or an older tocsind did not note it, and the first
	 * reminder must not come with the upgrade. */
	if (a->reminded_usec > now_realtime_usec || (a->reminded_usec == 0 && a->told != TOCSIN_OK))
		forget_when_told(a, now_realtime_usec);
	if (same_boot && last_result_realtime_usec <= now_realtime_usec && now_realtime_usec <= too_old)
		return;
	for (size_t i = 0; i < ALERT_ROWS; i++)
		a->rows[i] = (struct alert_row){ 0 };
}
