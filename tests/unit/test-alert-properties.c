/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold for every sequence of results, tried with 100,000 random ones: policies, pauses, clocks that are set,
 * restarts and reboots in between.
 *
 * The judge knows no rows and no tables. It keeps the whole history, counts backwards after each look what DESIGN's
 * rules say must be known by now, and follows what a person who reads only the mails believes. */
#include "../support/random.h"
#include "alert.h"
#include "test.h"

#include <string.h>

#define SEQUENCES 100000
#define LOOKS 60

struct look {
	enum tocsin_state result;
	int64_t boottime_usec, realtime_usec;
};

struct trial {
	struct random *random;
	struct alert_policy policy;
	struct alert_state a;
	struct look looks[LOOKS];
	size_t n_looks, first; /* results before the first are forgotten */
	int64_t boottime_usec, realtime_usec;
	int64_t next_incident;

	/* what a reader of the mails believes */
	enum tocsin_state told;
	bool told_blind;
	enum alert_event last_mailed;
	int64_t eased_usec; /* when the item began to be a WARNING again, 0: no such time in this boot */
};

static const unsigned bad = 1u << TOCSIN_WARNING | 1u << TOCSIN_CRITICAL;
static const unsigned critical = 1u << TOCSIN_CRITICAL;
static const unsigned mild = 1u << TOCSIN_OK | 1u << TOCSIN_WARNING;
static const unsigned good = 1u << TOCSIN_OK;
static const unsigned unknown = 1u << TOCSIN_UNKNOWN;

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
static bool must(const struct trial *t, unsigned set, int64_t length, int64_t lasted, const struct look **ret_first)
{
	unsigned ignored = set == unknown ? 0 : unknown;

	return count_back(t, set, ignored, ret_first) >= length && *ret_first &&
		t->boottime_usec - (*ret_first)->boottime_usec >= lasted;
}

/* An open problem is in a mail, with its severity, as soon as the rules allow; a closed one as well. */
static void nothing_goes_unmentioned(const struct trial *t, bool was_known)
{
	const struct look *first;

	if (t->looks[t->n_looks - 1].result == TOCSIN_UNKNOWN) {
		if (must(t, unknown, t->policy.unknown_confirm, 0, &first))
			assert_true(t->told_blind);
		return;
	}
	if (must(t, critical, t->policy.confirm, t->policy.grace, &first)) {
		assert_int_equal(t->a.state, TOCSIN_CRITICAL);
		assert_int_equal(t->told, TOCSIN_CRITICAL);
	} else if (must(t, bad, t->policy.confirm, t->policy.grace, &first)) {
		assert_true(t->told == TOCSIN_WARNING || t->told == TOCSIN_CRITICAL);
	}
	if (must(t, mild, t->policy.recover, 0, &first))
		assert_int_not_equal(t->a.state, TOCSIN_CRITICAL);
	if (must(t, good, was_known ? t->policy.recover : 1, 0, &first)) {
		assert_true(t->a.is_known);
		assert_int_equal(t->told, TOCSIN_OK);
	}
}

/* Nothing is told that the results do not bear out; and it is told since the first of them. */
static void nothing_is_made_up(const struct trial *t, enum alert_event event, bool was_known)
{
	const struct alert_policy *p = &t->policy;
	bool is_bad = event == ALERT_PROBLEM || event == ALERT_WORSE || event == ALERT_RELAPSED;
	const struct look *first;

	if (is_bad) {
		unsigned set = t->a.state == TOCSIN_CRITICAL ? critical : bad;

		assert_true(must(t, set, p->confirm, p->grace, &first));
		assert_int_equal(t->a.since_usec, first->realtime_usec);
		if (set == bad)
			assert_false(must(t, critical, p->confirm, p->grace, &first));
	}
	if (event == ALERT_EASED) {
		assert_true(must(t, mild, p->recover, 0, &first));
		assert_int_equal(t->a.since_usec, first->realtime_usec);
	}
	if (event == ALERT_RECOVERED || event == ALERT_FOUND) {
		assert_true(must(t, good, was_known ? p->recover : 1, 0, &first));
		assert_int_equal(t->a.since_usec, first->realtime_usec);
	}
	if (event == ALERT_BLIND)
		assert_true(must(t, unknown, p->unknown_confirm, 0, &first));
	if (event == ALERT_SEEN_AGAIN)
		assert_true(count_back(t, bad | good, 0, &first) >= p->recover);
}

/* No mail says what the last one said, but for a CRITICAL that was only a WARNING for an hour. */
static void no_mail_repeats(struct trial *t, enum alert_event event)
{
	bool was_eased_long = t->eased_usec == 0 || t->boottime_usec - t->eased_usec >= ALERT_RELAPSE_USEC;

	if (event == ALERT_RELAPSED) {
		assert_int_equal(t->told, TOCSIN_CRITICAL);
		assert_false(was_eased_long);
	}
	if (!alert_event_is_mailed(event))
		return;
	if (event == t->last_mailed) {
		assert_int_equal(event, ALERT_WORSE);
		assert_true(was_eased_long);
	}
	t->last_mailed = event;
}

static void read_mail(struct trial *t, enum alert_event event)
{
	if (event == ALERT_EASED)
		t->eased_usec = t->boottime_usec;
	if (event == ALERT_BLIND)
		t->told_blind = true;
	else if (alert_event_is_mailed(event))
		t->told_blind = false;
	if (event == ALERT_PROBLEM || event == ALERT_WORSE || event == ALERT_RECOVERED)
		t->told = t->a.state;
}

/* OLD is the state before. An incident opens with the next number, stays the same, and is closed once. */
static void incidents_are_consistent(struct trial *t, const struct alert_state *old, enum alert_event event)
{
	const struct alert_state *a = &t->a;

	assert_int_equal(a->incident != 0, a->state != TOCSIN_OK);
	assert_false(a->is_blind && (a->state == TOCSIN_OK || a->state == TOCSIN_UNKNOWN));
	if (event == ALERT_NONE)
		assert_true(a->state == old->state && a->incident == old->incident && a->is_blind == old->is_blind);
	if (event == ALERT_RECOVERED)
		assert_true(old->incident != 0 && (old->state == TOCSIN_WARNING || old->state == TOCSIN_CRITICAL));
	if (event == ALERT_SEEN_AGAIN)
		assert_true(old->is_blind || old->state == TOCSIN_UNKNOWN);
	if (a->incident == old->incident)
		return;
	if (old->incident == 0) {
		assert_true(event == ALERT_PROBLEM || event == ALERT_BLIND);
		assert_int_equal(a->incident, t->next_incident);
		t->next_incident++;
	} else {
		assert_true(event == ALERT_RECOVERED || event == ALERT_SEEN_AGAIN);
		assert_int_equal(a->incident, 0);
	}
}

static void next_look_is_in_time(const struct trial *t)
{
	const struct alert_policy *p = &t->policy;
	int64_t now = t->boottime_usec, next = alert_next_look(&t->a, p, now);
	bool is_confirming = alert_is_confirming(&t->a);
	const struct look *first;

	assert_true(next > now && next <= now + p->interval);
	if (is_confirming)
		assert_true(next <= now + p->retry_interval);
	if (t->a.state == TOCSIN_OK && count_back(t, bad, unknown, &first) > 0) {
		assert_true(is_confirming || t->a.rows[ALERT_ROW_UNKNOWN].length > 0);
		if (first->boottime_usec + p->grace > now)
			assert_true(next <= first->boottime_usec + p->grace);
	}
}

static enum tocsin_state draw_result(struct trial *t)
{
	if (t->n_looks > 0 && random_below(t->random, 100) < 70)
		return t->looks[t->n_looks - 1].result;
	return (enum tocsin_state)random_below(t->random, 4);
}

static void look_once(struct trial *t)
{
	enum tocsin_state result = draw_result(t);
	struct alert_state old = t->a;

	t->looks[t->n_looks++] = (struct look){ result, t->boottime_usec, t->realtime_usec };
	enum alert_event event =
		alert_feed(&t->a, &t->policy, (enum alert_look)result, t->next_incident, t->boottime_usec, t->realtime_usec);
	incidents_are_consistent(t, &old, event);
	nothing_is_made_up(t, event, old.is_known);
	no_mail_repeats(t, event);
	read_mail(t, event);
	nothing_goes_unmentioned(t, old.is_known);
	next_look_is_in_time(t);
}

static void restart(struct trial *t, int64_t pause, bool same_boot)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	int64_t last = t->realtime_usec;
	struct alert_state before = t->a;

	t->boottime_usec += pause;
	t->realtime_usec += pause;
	alert_format(&b, &t->a);
	memset(&t->a, 0, sizeof(t->a));
	assert_int_equal(alert_parse(buf_text(&b), &t->a), 0);
	alert_resume(&t->a, &t->policy, last, same_boot, t->realtime_usec);
	assert_int_equal(t->a.incident, before.incident);
	assert_int_equal(t->a.state, before.state);
	if (!same_boot) {
		t->boottime_usec = USEC_PER_MINUTE;
		t->eased_usec = 0;
	}
	if (!same_boot || pause > 3 * t->policy.interval)
		t->first = t->n_looks;
	else
		assert_memory_equal(&t->a.rows, &before.rows, sizeof(before.rows));
}

static void let_time_pass(struct trial *t)
{
	int64_t pause = alert_next_look(&t->a, &t->policy, t->boottime_usec) - t->boottime_usec;

	switch (random_below(t->random, 40)) {
	case 0:
		t->realtime_usec += (random_below(t->random, 48) - 24) * USEC_PER_HOUR;
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
	}
	t->boottime_usec += pause;
	t->realtime_usec += pause;
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
		},
		.boottime_usec = USEC_PER_HOUR,
		.realtime_usec = INT64_C(1700000000) * USEC_PER_SEC,
		.next_incident = 1,
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

static void reads_what_it_wrote(void **state)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	struct alert_state a, back;

	/* Every member differs from every other; struct padding is the same in both. */
	memset(&a, 0, sizeof(a));
	memset(&back, 0, sizeof(back));
	a.state = TOCSIN_CRITICAL;
	a.is_known = a.is_blind = true;
	a.since_usec = INT64_MAX;
	a.incident = 7;
	a.incident_since_usec = -5;
	a.eased_boottime_usec = 9;
	for (size_t i = 0; i < ALERT_ROWS; i++)
		a.rows[i] = (struct alert_row){ 10 * (int64_t)i + 1, 10 * (int64_t)i + 2, -10 * (int64_t)i - 3 };
	alert_format(&b, &a);
	assert_int_equal(alert_parse(buf_text(&b), &back), 0);
	assert_int_equal(back.state, a.state);
	assert_true(back.is_known && back.is_blind);
	assert_int_equal(back.since_usec, a.since_usec);
	assert_int_equal(back.incident, a.incident);
	assert_int_equal(back.incident_since_usec, a.incident_since_usec);
	assert_int_equal(back.eased_boottime_usec, a.eased_boottime_usec);
	assert_memory_equal(back.rows, a.rows, sizeof(a.rows));
}

static void refuses_what_it_did_not_write(void **state)
{
	static const char *const broken[] = { "state", "state=", "state=GOOD", "known=yes", "since=", "since=1x",
		"since=99999999999999999999", "bad=1", "bad=1,2", "bad=1,2,", "bad=,,", "bad=1,2,3,4", "bad=-1,2,3",
		"known=1 since" };
	struct alert_state a = { .incident = 42 };

	for (size_t i = 0; i < ELEMENTS(broken); i++)
		assert_true(alert_parse(broken[i], &a) < 0);
	assert_int_equal(a.incident, 42); /* untouched */
	assert_int_equal(alert_parse("flapping=3  incident=8", &a), 0); /* of a later version */
	assert_int_equal(a.incident, 8);
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
		cmocka_unit_test(refuses_what_it_did_not_write),
		cmocka_unit_test(names_every_event),
	};

	return cmocka_run_group_tests_name("alert properties", tests, NULL, NULL);
}
