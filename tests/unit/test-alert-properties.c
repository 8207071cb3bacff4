/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold for every sequence of results, tried with 100,000 random ones: policies, silences, maintenance, a parent
 * that is bad, a host that goes down, acknowledgements, pauses, clocks that are set, restarts and reboots in between.
 *
 * The judge knows no rows and no tables. It keeps the whole history, counts backwards after each look what DESIGN's
 * rules say must be known by now (the truth), and follows what a person who reads only the mails believes. It calls
 * nothing of the engine but what the daemon feeds, and compares. Its times run on a clock that nobody sets. */
#include "../support/random.h"
#include "notice.h"
#include "test.h"

#include <string.h>

#define SEQUENCES 100000
#define LOOKS 60
#define CHANGES LOOKS

struct look {
	enum alert_look result;
	int64_t boottime_usec, realtime_usec;
};

/* What is so, by the rules. */
struct truth {
	bool is_known;
	enum tocsin_state state; /* UNKNOWN: an incident of its own; OK: none is open */
	bool is_blind; /* on top of an incident of another state */
	int64_t eased_usec; /* 0: no such time in this incident and boot */
	int64_t incident; /* number of the open or last one */
	bool is_unstable;
	int64_t changes[CHANGES]; /* that count for that */
	size_t n_changes;
	int64_t acknowledged_until; /* 0: nobody has */
};

/* What the reader of the mails believes, and since when. */
struct belief {
	enum tocsin_state state;
	bool is_blind, is_unstable;
	enum tocsin_state worst; /* of the mails since it became unstable */
	int64_t incident;
	int64_t told_usec, last_mail_usec;
	int64_t open_usec, critical_usec; /* first mail of the incident, first that said CRITICAL; 0: none */
};

struct trial {
	struct random *random;
	struct alert_policy policy;
	struct conf_recipient boss;
	struct alert_state a;
	struct notice_circumstances c;
	struct look looks[LOOKS];
	size_t n_looks, first; /* results before the first are forgotten */
	int64_t now_usec, boot_usec, clock_usec; /* of the clock that nobody sets; when the host booted; the other's error */
	struct truth truth;
	struct belief belief;
	struct notice_pending pending, expected; /* of the engine; what it must be */
};

static const unsigned bad = 1u << ALERT_LOOK_WARNING | 1u << ALERT_LOOK_CRITICAL | 1u << ALERT_LOOK_NEARLY_WARNING;
static const unsigned critical = 1u << ALERT_LOOK_CRITICAL;
static const unsigned mild = 1u << ALERT_LOOK_OK | 1u << ALERT_LOOK_WARNING | 1u << ALERT_LOOK_NEARLY_OK;
static const unsigned good = 1u << ALERT_LOOK_OK;
static const unsigned unknown = 1u << ALERT_LOOK_UNKNOWN;
static const unsigned anything = ~0u;

static int64_t boottime(const struct trial *t)
{
	return t->now_usec - t->boot_usec;
}

static int64_t realtime(const struct trial *t)
{
	return t->now_usec + t->clock_usec;
}

/* ---- the truth ---- */

/* The results at the end of the history that are in SET, those in IGNORED left out. */
static int64_t count_back(const struct trial *t, unsigned set, unsigned ignored, const struct look **ret_first)
{
	int64_t n = 0;

	*ret_first = NULL;
	for (size_t i = t->n_looks; i > t->first; i--) {
		const struct look *look = &t->looks[i - 1];

		if (ignored & 1u << look->result)
			continue;
		if (!(set & 1u << look->result))
			break;
		*ret_first = look;
		n++;
	}
	return n;
}

/* Must SET be known, after the look that was just made? */
static bool must(const struct trial *t, unsigned set, int64_t length, int64_t lasted)
{
	const struct look *first;
	unsigned ignored = set == unknown || set == (anything & ~unknown) ? 0 : unknown;

	return count_back(t, set, ignored, &first) >= length && first && boottime(t) - first->boottime_usec >= lasted;
}

/* Is the last result in SET, those of IGNORED left out? */
static bool is_last(const struct trial *t, unsigned set, unsigned ignored)
{
	const struct look *first;

	return count_back(t, set, ignored, &first) > 0;
}

static bool is_open(const struct truth *truth)
{
	return truth->state != TOCSIN_OK;
}

static enum alert_event become(struct truth *truth, enum alert_event event, enum tocsin_state state)
{
	bool is_noted_only = event == ALERT_FOUND || event == ALERT_EASED || event == ALERT_RELAPSED;

	if (!is_open(truth) && state != TOCSIN_OK) {
		truth->incident++;
		truth->eased_usec = 0;
	}
	truth->is_known = true;
	truth->state = state;
	if (!is_noted_only) {
		truth->is_blind = false;
		if (!truth->is_unstable) /* it was of the unrest */
			truth->acknowledged_until = 0;
	}
	return event;
}

static enum alert_event level_changes(struct trial *t)
{
	const struct alert_policy *p = &t->policy;
	struct truth *truth = &t->truth;
	int64_t recover = truth->is_known ? p->recover : 1;
	bool is_problem = truth->state == TOCSIN_WARNING || truth->state == TOCSIN_CRITICAL;

	if (must(t, good, recover, 0)) {
		if (is_problem)
			return become(truth, ALERT_RECOVERED, TOCSIN_OK);
		return truth->is_known ? ALERT_NONE : become(truth, ALERT_FOUND, TOCSIN_OK);
	}
	if (truth->state != TOCSIN_CRITICAL && must(t, critical, p->confirm, p->grace)) {
		if (!is_problem)
			return become(truth, ALERT_PROBLEM, TOCSIN_CRITICAL);
		if (truth->eased_usec && t->now_usec - truth->eased_usec < USEC_PER_HOUR)
			return become(truth, ALERT_RELAPSED, TOCSIN_CRITICAL);
		return become(truth, ALERT_WORSE, TOCSIN_CRITICAL);
	}
	if (!is_problem && must(t, bad, p->confirm, p->grace))
		return become(truth, ALERT_PROBLEM, TOCSIN_WARNING);
	if (truth->state == TOCSIN_CRITICAL && must(t, mild, recover, 0)) {
		truth->eased_usec = t->now_usec;
		return become(truth, ALERT_EASED, TOCSIN_WARNING);
	}
	return ALERT_NONE;
}

static enum alert_event sight_changes(struct trial *t)
{
	struct truth *truth = &t->truth;

	if (!truth->is_blind && truth->state != TOCSIN_UNKNOWN) {
		if (!must(t, unknown, t->policy.unknown_confirm, 0))
			return ALERT_NONE;
		if (!is_open(truth))
			return become(truth, ALERT_BLIND, TOCSIN_UNKNOWN);
		truth->is_blind = true;
		return ALERT_BLIND;
	}
	if (!must(t, anything & ~unknown, t->policy.recover, 0))
		return ALERT_NONE;
	if (truth->state == TOCSIN_UNKNOWN)
		return become(truth, ALERT_SEEN_AGAIN, TOCSIN_OK);
	truth->is_blind = false;
	return ALERT_SEEN_AGAIN;
}

static enum alert_event truth_after_look(struct trial *t)
{
	enum alert_event event = t->looks[t->n_looks - 1].result == ALERT_LOOK_UNKNOWN ? ALERT_NONE : level_changes(t);

	return event != ALERT_NONE ? event : sight_changes(t);
}

/* Do the looks bear the problem out, as far as they are remembered? */
static bool is_borne_out(const struct trial *t)
{
	if (t->truth.is_blind || t->truth.state == TOCSIN_UNKNOWN)
		return is_last(t, unknown, 0);
	return is_last(t, anything & ~good & ~unknown, unknown);
}

/* ---- what may be told ---- */

static bool is_worse(enum alert_event event)
{
	return event == ALERT_PROBLEM || event == ALERT_WORSE || event == ALERT_BLIND || event == ALERT_LATE ||
		event == ALERT_REMINDER;
}

static bool is_change(enum alert_event event)
{
	return event == ALERT_PROBLEM || event == ALERT_WORSE || event == ALERT_BLIND || event == ALERT_SEEN_AGAIN ||
		event == ALERT_RECOVERED;
}

static bool is_quiet(const struct trial *t)
{
	return t->c.is_stopping || t->c.is_silenced || t->c.is_maintained;
}

/* By another check. */
static bool is_held(const struct trial *t)
{
	return t->c.is_dependent || t->c.is_asking;
}

static bool is_believed_well(const struct trial *t)
{
	return t->belief.state == TOCSIN_OK && !t->belief.is_blind && !t->belief.is_unstable;
}

/* Would the end of this be news to the reader? */
static bool ends_a_belief(const struct trial *t, enum alert_event event)
{
	if (event == ALERT_RECOVERED || (event == ALERT_SEEN_AGAIN && !is_open(&t->truth)))
		return t->belief.state != TOCSIN_OK || t->belief.is_blind;
	return event != ALERT_SEEN_AGAIN || t->belief.is_blind;
}

/* Could the change be told, were the item steady? */
static bool may_be_told(const struct trial *t, enum alert_event event)
{
	return !is_quiet(t) && !(is_worse(event) && is_held(t)) && ends_a_belief(t, event);
}

static int64_t changes_within(const struct truth *truth, int64_t usec, int64_t now_usec)
{
	int64_t n = 0;

	for (size_t i = 0; i < truth->n_changes; i++)
		n += now_usec - truth->changes[i] < usec;
	return n;
}

/* Also for the truth: what it says of the unrest depends on what may be told. */
static enum alert_event unrest_after_look(struct trial *t, enum alert_event fed)
{
	struct truth *truth = &t->truth;

	bool may_be_said = !is_quiet(t) && !(is_held(t) && is_open(truth)); /* that it is unstable, or steady */

	if (is_change(fed) && (truth->is_unstable || (may_be_said && may_be_told(t, fed))))
		truth->changes[truth->n_changes++] = t->now_usec;
	else if (is_change(fed))
		return ALERT_NONE; /* nobody saw that it moved; so this is no look at which it was steady */
	if (!truth->is_unstable) {
		truth->is_unstable = is_change(fed) && t->policy.flap_count > 0 &&
			changes_within(truth, t->policy.flap_window, t->now_usec) >= t->policy.flap_count;
		return truth->is_unstable ? ALERT_UNSTABLE : ALERT_NONE;
	}
	if (!may_be_said || changes_within(truth, t->policy.flap_quiet, t->now_usec) > 0)
		return ALERT_NONE;
	truth->is_unstable = false;
	truth->n_changes = 0;
	if (!is_open(truth))
		truth->acknowledged_until = 0;
	return ALERT_STEADY;
}

/* A CRITICAL that eased is what they were told, more or less. */
static bool is_severity_known(const struct trial *t)
{
	const struct belief *b = &t->belief;

	return b->state == t->truth.state || (b->state == TOCSIN_CRITICAL && t->truth.state == TOCSIN_WARNING);
}

/* The ages go on for ever with their last distance: the first one past the last mail, less the one before. */
static int64_t distance_to_next(const struct trial *t)
{
	bool is_critical = t->truth.state == TOCSIN_CRITICAL && !t->truth.is_unstable;
	const struct alert_ages *ages = is_critical ? &t->policy.remind_critical : &t->policy.remind_warning;
	int64_t reached = t->belief.last_mail_usec - t->belief.told_usec, before = 0, age = 0;

	for (size_t i = 0; i < ages->n && age <= reached; i++) {
		before = i > 0 ? ages->age_usec[i - 1] : 0;
		age = ages->age_usec[i];
	}
	return ages->n == 0 ? USEC_NEVER : age - before;
}

static int64_t reminder_due(const struct trial *t)
{
	int64_t due = usec_add(t->belief.last_mail_usec, distance_to_next(t));

	return t->truth.acknowledged_until > due ? t->truth.acknowledged_until : due;
}

/* ---- what is told ---- */

/* There is a reason for this mail, besides a change that the last look found. */
static void has_a_reason(const struct trial *t, enum alert_event event)
{
	if (event == ALERT_LATE || event == ALERT_REMINDER || event == ALERT_BLIND)
		assert_true(is_borne_out(t)); /* else it may just have ended, and the next looks tell */
	switch (event) {
	case ALERT_LATE:
		assert_true(is_open(&t->truth));
		if (t->belief.is_unstable)
			assert_true(t->truth.state == TOCSIN_CRITICAL && t->belief.worst != TOCSIN_CRITICAL);
		else
			assert_false(is_severity_known(t));
		break;
	case ALERT_REMINDER:
		assert_true(is_open(&t->truth) && is_severity_known(t) && !t->truth.is_unstable);
		assert_true(reminder_due(t) <= t->now_usec);
		break;
	case ALERT_UNSTABLE:
		assert_true(t->truth.is_unstable && reminder_due(t) <= t->now_usec);
		break;
	case ALERT_RECOVERED:
		assert_false(is_open(&t->truth));
		assert_false(is_believed_well(t));
		assert_true(is_last(t, good, unknown));
		break;
	case ALERT_BLIND:
		assert_true(t->truth.is_blind && !t->belief.is_blind);
		break;
	case ALERT_SEEN_AGAIN:
		assert_true(!t->truth.is_blind && t->belief.is_blind);
		break;
	default:
		fail_msg("%s was told without a change", alert_event_name(event));
	}
}

static void nothing_kept_it_back(const struct trial *t, enum alert_event event)
{
	bool says_bad = is_worse(event) || ((event == ALERT_UNSTABLE || event == ALERT_STEADY) && is_open(&t->truth));

	assert_false(is_quiet(t));
	assert_false(is_held(t) && says_bad);
	if (t->truth.is_unstable && event != ALERT_UNSTABLE) /* only what is worse than all that is known */
		assert_true(is_worse(event) && t->truth.state == TOCSIN_CRITICAL && t->belief.worst != TOCSIN_CRITICAL);
}

static int rank(enum tocsin_state state)
{
	static const int ranks[] = { 0, 1, 3, 2 };

	return ranks[state];
}

static void read_mail(struct trial *t, enum alert_event event)
{
	struct belief *b = &t->belief;
	bool is_other = is_open(&t->truth) && b->incident != t->truth.incident;

	if (event == ALERT_UNSTABLE && !b->is_unstable) {
		b->is_unstable = true;
		b->worst = b->state; /* at least */
	}
	if (event == ALERT_STEADY)
		b->is_unstable = false;
	if (b->state != t->truth.state || b->is_blind != t->truth.is_blind || is_other)
		b->told_usec = t->now_usec;
	b->state = t->truth.state;
	b->is_blind = t->truth.is_blind;
	b->last_mail_usec = t->now_usec;
	b->worst = rank(b->state) > rank(b->worst) ? b->state : b->worst;
	if (!is_open(&t->truth))
		return;
	b->incident = t->truth.incident;
	if (!b->open_usec)
		b->open_usec = t->now_usec;
	if (!b->critical_usec && b->state == TOCSIN_CRITICAL)
		b->critical_usec = t->now_usec;
}

static void tell(struct trial *t, enum alert_event event, bool is_news)
{
	nothing_kept_it_back(t, event);
	if (!is_news)
		has_a_reason(t, event);
	assert_true(ends_a_belief(t, event));
	read_mail(t, event);
}

/* A problem that was not told when it was found lasts. */
static void tell_pending(struct trial *t, enum alert_event event)
{
	assert_true(is_open(&t->truth) && is_borne_out(t));
	tell(t, event, true);
}

/* ---- what must hold after all ---- */

static void nothing_goes_unmentioned(const struct trial *t)
{
	const struct truth *truth = &t->truth;
	const struct belief *b = &t->belief;

	if (is_quiet(t))
		return;
	assert_int_equal(b->is_unstable, truth->is_unstable);
	if (truth->is_unstable) {
		if (truth->state == TOCSIN_CRITICAL && is_borne_out(t) && !is_held(t))
			assert_int_equal(b->worst, TOCSIN_CRITICAL);
		if (!(is_held(t) && is_open(truth)))
			assert_true(reminder_due(t) > t->now_usec);
		return;
	}
	if (!is_open(truth)) {
		if (is_last(t, good, unknown))
			assert_true(is_believed_well(t));
		return;
	}
	if (is_severity_known(t) && !truth->is_blind)
		assert_false(b->is_blind);
	if (is_held(t) || !is_borne_out(t))
		return;
	assert_true(is_severity_known(t));
	assert_int_equal(b->is_blind, truth->is_blind);
	assert_true(reminder_due(t) > t->now_usec);
}

static void state_is_the_truth(const struct trial *t)
{
	const struct alert_state *a = &t->a;
	const struct truth *truth = &t->truth;

	assert_int_equal(a->is_known, truth->is_known);
	assert_int_equal(a->state, truth->state);
	assert_int_equal(a->is_blind, truth->is_blind);
	assert_int_equal(a->is_flapping, truth->is_unstable);
	assert_int_equal(a->incident, is_open(truth) ? truth->incident : 0);
	assert_int_equal(a->acknowledged_until_usec,
		truth->acknowledged_until ? truth->acknowledged_until + t->clock_usec : 0);
	assert_int_equal(alert_seen(a), truth->is_blind ? TOCSIN_UNKNOWN : truth->state);
	assert_int_equal(alert_is_believed_well(a),
		t->belief.state == TOCSIN_OK && !t->belief.is_blind && !truth->is_unstable);
	assert_int_equal(alert_told_worst(a),
		t->belief.critical_usec  ? TOCSIN_CRITICAL :
		t->belief.open_usec ? TOCSIN_WARNING :
				      TOCSIN_OK);
	if (t->belief.last_mail_usec == 0)
		return;
	int64_t next = is_open(truth) || truth->is_unstable ? reminder_due(t) : USEC_NEVER;
	assert_int_equal(alert_owed_next(a, &t->policy, realtime(t)),
		next == USEC_NEVER ? USEC_NEVER : next + t->clock_usec);
}

/* To the boss when nobody has acknowledged it for so long; never again without a new incident. */
static void escalates_in_time(const struct trial *t)
{
	int64_t told = t->boss.minimum ? t->belief.critical_usec : t->belief.open_usec;
	int64_t due = told + t->boss.escalate_after;
	bool is_due = is_open(&t->truth) && told && due <= t->now_usec && t->truth.acknowledged_until <= t->now_usec;
	bool is_free = !is_quiet(t) && !is_held(t);
	bool is_enough = !t->boss.minimum || t->truth.state == TOCSIN_CRITICAL;

	assert_int_equal(notice_escalates(&t->boss, &t->a, &t->c, "check", "item", realtime(t)),
		is_due && is_free && is_enough && is_borne_out(t));
}

static void holds(const struct trial *t)
{
	assert_int_equal(t->pending.event, t->expected.event);
	if (t->pending.event != ALERT_NONE) /* the answer is still awaited, or it may have ended and the next looks tell */
		assert_true(!is_quiet(t) && !t->c.is_dependent && (t->c.is_asking || !is_borne_out(t)));
	state_is_the_truth(t);
	nothing_goes_unmentioned(t);
	escalates_in_time(t);
}

static void next_look_is_in_time(const struct trial *t)
{
	const struct alert_policy *p = &t->policy;
	int64_t now = boottime(t), next = alert_next_look(&t->a, p, now);
	bool is_confirming = alert_is_confirming(&t->a);
	const struct look *first;

	assert_true(next > now && next <= now + p->interval);
	if (is_confirming)
		assert_true(next <= now + p->retry_interval);
	if (t->truth.state == TOCSIN_OK && count_back(t, bad, unknown, &first) > 0) {
		assert_true(is_confirming || is_last(t, unknown, 0));
		if (first->boottime_usec + p->grace > now)
			assert_true(next <= first->boottime_usec + p->grace);
	}
}

/* It is told since the first of the results that prove it. */
static void began_with_the_first(const struct trial *t, enum alert_event event)
{
	static const struct {
		enum alert_event event;
		enum tocsin_state state;
		const unsigned *set;
	} sets[] = {
		{ ALERT_FOUND, TOCSIN_OK, &good },
		{ ALERT_PROBLEM, TOCSIN_WARNING, &bad },
		{ ALERT_PROBLEM, TOCSIN_CRITICAL, &critical },
		{ ALERT_WORSE, TOCSIN_CRITICAL, &critical },
		{ ALERT_RELAPSED, TOCSIN_CRITICAL, &critical },
		{ ALERT_EASED, TOCSIN_WARNING, &mild },
		{ ALERT_RECOVERED, TOCSIN_OK, &good },
	};
	const struct look *first;

	for (size_t i = 0; i < ELEMENTS(sets); i++) {
		if (sets[i].event != event || sets[i].state != t->truth.state)
			continue;
		assert_true(count_back(t, *sets[i].set, unknown, &first) > 0);
		assert_int_equal(t->a.since_usec, first->realtime_usec);
	}
}

/* ---- what happens ---- */

/* As hysteresis would have it: near misses only of what is confirmed. */
static enum alert_look draw_result(struct trial *t)
{
	enum tocsin_state state = t->truth.state;
	bool is_problem = state == TOCSIN_WARNING || state == TOCSIN_CRITICAL;

	if (t->n_looks > 0 && t->looks[t->n_looks - 1].result <= ALERT_LOOK_UNKNOWN && random_below(t->random, 100) < 70)
		return t->looks[t->n_looks - 1].result;
	enum alert_look look = (enum alert_look)random_below(t->random, 4);
	if (look == ALERT_LOOK_OK && is_problem && random_below(t->random, 3) == 0)
		return ALERT_LOOK_NEARLY_OK;
	if (look == ALERT_LOOK_WARNING && state == TOCSIN_CRITICAL && random_below(t->random, 3) == 0)
		return ALERT_LOOK_NEARLY_WARNING;
	return look;
}

static void incident_opens(struct trial *t, bool was_open, bool was_believed_well)
{
	if (!was_open && is_open(&t->truth) && was_believed_well)
		t->belief.open_usec = t->belief.critical_usec = 0;
}

/* It is told or noted once, as what it was. */
static void pending_is_over(struct trial *t, const struct notice *notice)
{
	assert_int_equal(notice->event, t->expected.event);
	assert_int_equal(notice->from, t->expected.from);
	assert_int_equal(notice->is_first, t->expected.is_first);
	t->expected = (struct notice_pending){ ALERT_NONE, TOCSIN_OK, false };
}

static void comes_without_a_look(struct trial *t, const struct notice *notice)
{
	bool was_pending = t->expected.event != ALERT_NONE;

	if (was_pending)
		pending_is_over(t, notice);
	else
		assert_int_equal(notice->reason, NOTICE_NO_REASON);
	if (notice->reason == NOTICE_NO_REASON && was_pending)
		tell_pending(t, notice->event);
	else if (notice->reason == NOTICE_NO_REASON)
		tell(t, notice->event, false);
	else
		assert_true(is_quiet(t) || is_held(t) || t->truth.is_unstable || !is_borne_out(t));
}

static void look_once(struct trial *t)
{
	enum alert_look result = draw_result(t);
	struct notice notices[NOTICES_MAX];
	bool was_open = is_open(&t->truth), was_well = is_believed_well(t);
	int64_t next_incident = t->truth.incident + 1;
	size_t i = 0;

	t->looks[t->n_looks++] = (struct look){ result, boottime(t), realtime(t) };
	enum tocsin_state from = alert_seen(&t->a);
	bool is_first = !t->a.is_known;
	size_t n = notice_look(&t->a, &t->pending, &t->policy, result, &t->c, next_incident, boottime(t), realtime(t), notices);

	enum alert_event fed = truth_after_look(t), unrest = unrest_after_look(t, fed);
	incident_opens(t, was_open, was_well);
	if (fed != ALERT_NONE && t->expected.event != ALERT_NONE)
		pending_is_over(t, &notices[i++]);
	const enum alert_event expected[] = { fed, unrest };
	for (size_t j = 0; j < ELEMENTS(expected); j++) {
		if (expected[j] == ALERT_NONE)
			continue;
		if (is_worse(expected[j]) && !is_quiet(t) && t->c.is_asking && !t->c.is_dependent) {
			t->expected = (struct notice_pending){ expected[j], from, is_first };
			continue;
		}
		assert_true(i < n);
		assert_int_equal(notices[i].event, expected[j]);
		assert_int_equal(notices[i].from, from);
		assert_int_equal(notices[i].is_first, is_first);
		if (notices[i].reason == NOTICE_NO_REASON)
			tell(t, expected[j], true);
		i++;
	}
	began_with_the_first(t, fed);
	while (i < n)
		comes_without_a_look(t, &notices[i++]);
	assert_int_equal(i, n);
	holds(t);
	next_look_is_in_time(t);
}

static void reconsider(struct trial *t)
{
	struct notice notices[NOTICES_OWED_MAX];
	size_t n = notice_reconsider(&t->a, &t->pending, &t->policy, &t->c, realtime(t), notices);

	for (size_t i = 0; i < n; i++)
		comes_without_a_look(t, &notices[i]);
	holds(t);
}

/* After a boot an incident of which nobody knows is judged anew. */
static void forget_untold(struct trial *t)
{
	int64_t incident = t->truth.incident;

	t->truth.eased_usec = 0;
	if (!is_open(&t->truth) || !is_believed_well(t))
		return;
	t->truth = (struct truth){ .incident = incident };
	t->belief = (struct belief){ .incident = 0 };
}

static void restart(struct trial *t, int64_t pause, bool same_boot)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	int64_t last = realtime(t);
	struct alert_state before = t->a;

	t->now_usec += pause;
	t->pending = t->expected = (struct notice_pending){ ALERT_NONE, TOCSIN_OK, false };
	alert_format(&b, &t->a);
	memset(&t->a, 0x5a, sizeof(t->a));
	assert_int_equal(alert_parse(buf_text(&b), &t->a), 0);
	alert_resume(&t->a, &t->policy, last, same_boot, realtime(t));
	if (!same_boot) {
		t->boot_usec = t->now_usec - USEC_PER_MINUTE;
		forget_untold(t);
	}
	if (!same_boot || pause > 3 * t->policy.interval)
		t->first = t->n_looks;
	else
		assert_memory_equal(&t->a.rows, &before.rows, sizeof(before.rows));
	reconsider(t);
}

/* The daemon sees it, and the engine goes on as if nothing had been. */
static void set_clock(struct trial *t)
{
	int64_t delta = (random_below(t->random, 48) - 24) * USEC_PER_HOUR;

	t->clock_usec += delta;
	for (size_t i = 0; i < t->n_looks; i++)
		t->looks[i].realtime_usec += delta;
	alert_clock_stepped(&t->a, delta);
	reconsider(t);
}

static void circumstances_change(struct trial *t)
{
	bool *const all[] = { &t->c.is_stopping, &t->c.is_silenced, &t->c.is_maintained, &t->c.is_dependent,
		&t->c.is_asking };
	bool *one = all[random_below(t->random, ELEMENTS(all))];

	*one = !*one;
	reconsider(t);
}

static void acknowledge(struct trial *t)
{
	if (!is_open(&t->truth))
		return;
	t->truth.acknowledged_until = t->now_usec + 1 + random_below(t->random, 3 * USEC_PER_HOUR);
	t->a.acknowledged_until_usec = t->truth.acknowledged_until + t->clock_usec;
}

/* What is due by itself before the next look: the daemon has a timer for it. */
static void pass(struct trial *t, int64_t pause)
{
	int64_t end = t->now_usec + pause;
	bool is_timed = is_open(&t->truth) || t->truth.is_unstable;

	if (is_timed && reminder_due(t) > t->now_usec && reminder_due(t) < end) {
		t->now_usec = reminder_due(t);
		reconsider(t);
	}
	if (random_below(t->random, 8) == 0) {
		t->now_usec += random_below(t->random, end - t->now_usec + 1);
		reconsider(t); /* for nothing: nothing comes of it */
	}
	t->now_usec = end;
}

static void let_time_pass(struct trial *t)
{
	int64_t pause = alert_next_look(&t->a, &t->policy, boottime(t)) - boottime(t);

	switch (random_below(t->random, 48)) {
	case 0:
		set_clock(t);
		break;
	case 1:
		restart(t, random_below(t->random, 6 * t->policy.interval), random_below(t->random, 3) > 0);
		return;
	case 2:
		pause = random_below(t->random, pause) + 1; /* a watch fired */
		break;
	case 3:
		pause += random_below(t->random, 4 * USEC_PER_HOUR); /* suspend, or an overloaded host */
		break;
	case 4:
	case 5:
	case 6:
		circumstances_change(t);
		break;
	case 7:
		acknowledge(t);
		break;
	}
	pass(t, pause);
}

static struct alert_ages draw_ages(struct random *random)
{
	struct alert_ages ages = { .n = (size_t)random_below(random, 4) };
	int64_t age = 0;

	for (size_t i = 0; i < ages.n; i++)
		ages.age_usec[i] = age += USEC_PER_MINUTE * (1 + random_below(random, 60));
	return ages;
}

static void run_trial(struct random *random)
{
	static const int64_t graces[] = { 0, 0, 5 * USEC_PER_SEC, 90 * USEC_PER_SEC, 20 * USEC_PER_MINUTE };
	static const int64_t intervals[] = { 10 * USEC_PER_SEC, USEC_PER_MINUTE, 20 * USEC_PER_MINUTE };
	struct trial t = {
		.random = random,
		.policy = {
			.confirm = 1 + random_below(random, 4),
			.recover = 1 + random_below(random, 5),
			.unknown_confirm = 1 + random_below(random, 5),
			.interval = intervals[random_below(random, ELEMENTS(intervals))],
			.retry_interval = 20 * USEC_PER_SEC,
			.grace = graces[random_below(random, ELEMENTS(graces))],
			.flap_count = random_below(random, 7),
			.flap_window = USEC_PER_MINUTE * (10 + random_below(random, 120)),
			.flap_quiet = USEC_PER_MINUTE * (1 + random_below(random, 30)),
			.remind_critical = draw_ages(random),
			.remind_warning = draw_ages(random),
		},
		.boss = {
			.escalate_after = USEC_PER_MINUTE * (1 + random_below(random, 90)),
			.minimum = (int)random_below(random, 2),
		},
		.now_usec = USEC_PER_DAY,
		.boot_usec = USEC_PER_DAY - USEC_PER_HOUR,
		.clock_usec = INT64_C(1700000000) * USEC_PER_SEC,
	};

	while (t.n_looks < LOOKS) {
		look_once(&t);
		let_time_pass(&t);
	}
}

static void holds_for_random_sequences(void **state)
{
	struct random random = { 20231115 };

	for (int i = 0; i < SEQUENCES; i++)
		run_trial(&random);
}

/* ---- as text ---- */

/* A number that no other member has. */
static int64_t another(int64_t *last)
{
	*last = *last < 0 ? 3 - *last : -*last - 3;
	return *last;
}

static void reads_what_it_wrote(void **state)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	struct alert_state a, back;
	int64_t last = 4;

	/* Struct padding is the same in both. */
	memset(&a, 0, sizeof(a));
	memset(&back, 0, sizeof(back));
	a.state = TOCSIN_CRITICAL;
	a.is_known = a.is_blind = a.is_flapping = a.told_blind = true;
	a.flap_worst = TOCSIN_UNKNOWN;
	a.told = TOCSIN_WARNING;
	a.since_usec = INT64_MAX;
	a.acknowledged_until_usec = USEC_NEVER;
	a.incident = another(&last);
	a.incident_since_usec = another(&last);
	a.eased_boottime_usec = another(&last);
	a.told_usec = another(&last);
	a.reminded_usec = another(&last);
	a.told_incident = another(&last);
	a.told_open_usec = another(&last);
	a.told_critical_usec = another(&last);
	for (size_t i = 0; i < ALERT_ROWS; i++)
		a.rows[i] = (struct alert_row){ 10 * (int64_t)i + 1, another(&last), another(&last) };
	for (size_t i = 0; i < ALERT_CHANGES_MAX; i++)
		a.changes_usec[i] = another(&last);
	alert_format(&b, &a);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(alert_parse(buf_text(&b), &back), 0);
	assert_int_equal(back.is_known + back.is_blind + back.is_flapping + back.told_blind, 4);
	a.is_known = a.is_blind = a.is_flapping = a.told_blind = back.is_known = back.is_blind = back.is_flapping =
		back.told_blind = false;
	assert_memory_equal(&back, &a, sizeof(a));
}

static void keeps_few_changes_at_the_end(void **state)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	struct alert_state a = { .changes_usec = { [ALERT_CHANGES_MAX - 2] = 7, 9 } }, back;

	alert_format(&b, &a);
	assert_non_null(strstr(buf_text(&b), " changes=7,9 "));
	assert_int_equal(alert_parse(buf_text(&b), &back), 0);
	assert_memory_equal(back.changes_usec, a.changes_usec, sizeof(a.changes_usec));
}

static void refuses_what_it_did_not_write(void **state)
{
	static const char *const broken[] = { "state", "state=", "state=GOOD", "known=yes", "since=", "since=1x",
		"since=99999999999999999999", "bad=1", "bad=1,2", "bad=1,2,", "bad=,,", "bad=1,2,3,4", "bad=-1,2,3",
		"known=1 since", "flapping=2", "flapping=", "flap_worst=bad", "told=", "told=critical", "told_blind=no",
		"told_at=now", "reminded_at=1.5", "told_incident=", "told_open=0x1", "told_critical=--1", "acknowledged=ever",
		"changes=1,x", "changes=x", "changes=1;2",
		"changes=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21" };
	struct alert_state a = { .incident = 42 };

	for (size_t i = 0; i < ELEMENTS(broken); i++)
		assert_true(alert_parse(broken[i], &a) < 0);
	assert_int_equal(a.incident, 42); /* untouched */
	assert_int_equal(alert_parse("fluttering=3  incident=8", &a), 0); /* of a later version */
	assert_int_equal(a.incident, 8);
	assert_int_equal(alert_parse("changes=", &a), 0);
	assert_int_equal(alert_parse("", &a), 0);
	assert_int_equal(a.incident, 0);
}

static void names_every_event(void **state)
{
	for (int i = 0; i < ALERT_EVENTS; i++) {
		assert_non_null(alert_event_name((enum alert_event)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(alert_event_name((enum alert_event)i),
				alert_event_name((enum alert_event)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_for_random_sequences),
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(keeps_few_changes_at_the_end),
		cmocka_unit_test(refuses_what_it_did_not_write),
		cmocka_unit_test(names_every_event),
	};

	return cmocka_run_group_tests_name("alert properties", tests, NULL, NULL);
}
