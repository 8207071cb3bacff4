/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../support/torture.h"
#include "clock.h"
#include "outbox.h"
#include "test.h"

#include <errno.h>
#include <string.h>

#define GIVE_UP (5 * USEC_PER_DAY)
#define NOW (INT64_C(1700000000) * USEC_PER_SEC)

static struct outbox_mail *new_mail(void)
{
	static const char *const recipients[] = { "ops@example.org", "night@example.org", "boss@example.org" };
	struct outbox_mail *m = outbox_mail_new("1.web1", "[web1] CRITICAL", "web1@example.org", "Subject: x\n\ny\n",
		recipients, ELEMENTS(recipients), NOW);

	assert_non_null(m);
	return m;
}

static void is_due_at_once(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();

	assert_string_equal(m->content, "Subject: x\n\ny\n");
	assert_int_equal(m->queued_usec, NOW);
	assert_int_equal(m->next_try_usec, NOW);
	assert_int_equal(outbox_pending(m), 3);
	assert_false(outbox_is_finished(m));
	assert_false(m->in_flight || m->is_stored);
	assert_null(outbox_mail_free(NULL));
}

static void sends_once_to_an_address_that_is_named_twice(void **state)
{
	static const char *const recipients[] = { "a@example.org", "b@example.org", "a@example.org" };
	_cleanup_outbox_mail_ struct outbox_mail *m = outbox_mail_new("i", "s", "f", "c", recipients, 3, NOW);
	_cleanup_outbox_mail_ struct outbox_mail *nobody = outbox_mail_new("i", "s", "f", "c", NULL, 0, NOW);

	assert_int_equal(m->n_recipients, 2);
	assert_string_equal(m->recipients[1].address, "b@example.org");
	assert_true(outbox_is_finished(nobody));
}

static void waits_longer_each_time(void **state)
{
	static const int64_t minutes[] = { 0, 1, 2, 5, 10, 30, 60, 60 };

	for (int64_t i = 0; i < (int64_t)ELEMENTS(minutes); i++)
		assert_int_equal(outbox_retry_delay(i), minutes[i] * USEC_PER_MINUTE);
	assert_int_equal(outbox_retry_delay(-1), 0);
	assert_int_equal(outbox_retry_delay(INT64_MAX), USEC_PER_HOUR);
}

/* One of three is refused, one must wait: only that one is tried again, and nobody gets a second copy. */
static void keeps_a_fate_for_each_recipient(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();

	m->in_flight = true;
	assert_int_equal(outbox_result(m, "ops@example.org", "sent", "250 2.0.0 queued"), 0);
	assert_int_equal(outbox_result(m, "night@example.org", "temporary", "451 4.7.1 greylisted"), 0);
	assert_int_equal(outbox_result(m, "boss@example.org", "permanent", "550 5.1.1 no such user"), 0);
	assert_false(outbox_attempted(m, GIVE_UP, NOW + USEC_PER_SEC));
	assert_false(m->in_flight);
	assert_int_equal(m->attempts, 1);
	assert_int_equal(m->next_try_usec, NOW + USEC_PER_SEC + USEC_PER_MINUTE);
	assert_int_equal(outbox_pending(m), 1);
	assert_int_equal(m->recipients[0].fate, OUTBOX_SENT);
	assert_int_equal(m->recipients[1].fate, OUTBOX_PENDING);
	assert_int_equal(m->recipients[2].fate, OUTBOX_REFUSED);
	assert_string_equal(m->recipients[1].answer, "451 4.7.1 greylisted");

	/* A late or repeated answer changes nothing that is decided. */
	assert_int_equal(outbox_result(m, "ops@example.org", "permanent", "no"), -ENOENT);
	assert_int_equal(outbox_result(m, "boss@example.org", "sent", "yes"), -ENOENT);
	assert_string_equal(m->recipients[2].answer, "550 5.1.1 no such user");

	assert_int_equal(outbox_result(m, "night@example.org", "sent", NULL), 0);
	assert_null(m->recipients[1].answer);
	assert_true(outbox_attempted(m, GIVE_UP, NOW + 2 * USEC_PER_MINUTE));
	assert_true(outbox_is_finished(m));
}

static void refuses_what_is_no_result(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();

	assert_int_equal(outbox_result(m, "ops@example.org", "perhaps", "x"), -EINVAL);
	assert_int_equal(outbox_result(m, "ops@example.org", "", "x"), -EINVAL);
	assert_int_equal(outbox_result(m, "other@example.org", "sent", "x"), -ENOENT);
	assert_null(m->recipients[0].answer);
	assert_int_equal(outbox_pending(m), 3);
}

/* The server is down: how often it is tried in a day, and that it ends after five. */
static void gives_up_after_its_time(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();
	int64_t attempts_of_first_day = 0;

	assert_int_equal(outbox_result(m, "ops@example.org", "sent", "250"), 0);
	for (bool is_finished = false; !is_finished;) {
		int64_t now = m->next_try_usec;

		assert_true(now <= NOW + GIVE_UP + USEC_PER_HOUR);
		attempts_of_first_day += now < NOW + USEC_PER_DAY;
		assert_int_equal(outbox_result(m, "night@example.org", "temporary", "connection refused"), 0);
		is_finished = outbox_attempted(m, GIVE_UP, now);
		assert_int_equal(is_finished, now >= NOW + GIVE_UP);
	}
	assert_int_equal(attempts_of_first_day, 29); /* at 0, 1, 3, 8, 18, 48 min, then 23 times hourly */
	assert_int_equal(m->recipients[0].fate, OUTBOX_SENT);
	assert_int_equal(m->recipients[1].fate, OUTBOX_GIVEN_UP);
	assert_int_equal(m->recipients[2].fate, OUTBOX_GIVEN_UP);
	assert_string_equal(m->recipients[1].answer, "connection refused");
	assert_int_equal(outbox_result(m, "night@example.org", "sent", "x"), -ENOENT);
}

static void gives_up_in_the_very_microsecond(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *early = new_mail();
	_cleanup_outbox_mail_ struct outbox_mail *late = new_mail();

	assert_false(outbox_attempted(early, GIVE_UP, NOW + GIVE_UP - 1));
	assert_true(outbox_attempted(late, GIVE_UP, NOW + GIVE_UP));
	assert_false(outbox_attempted(early, USEC_NEVER, INT64_MAX - 1));
}

static void survives_a_clock_step(void **state)
{
	static const int64_t steps[] = { USEC_PER_HOUR, -USEC_PER_HOUR, 50 * 365 * USEC_PER_DAY, -10 * USEC_PER_DAY };

	for (size_t i = 0; i < ELEMENTS(steps); i++) {
		_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();

		assert_false(outbox_attempted(m, GIVE_UP, NOW)); /* next try in a minute */
		outbox_clock_stepped(m, steps[i]);
		assert_int_equal(m->next_try_usec, NOW + steps[i] + USEC_PER_MINUTE);
		assert_false(outbox_attempted(m, GIVE_UP, NOW + steps[i] + USEC_PER_MINUTE)); /* not given up */
		assert_true(outbox_attempted(m, GIVE_UP, NOW + steps[i] + GIVE_UP));
	}
}

/* A host without a battery-backed clock boots in 1970, and its clock is set a minute later. */
static void survives_a_boot_in_1970(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();
	int64_t now = 5 * USEC_PER_SEC;

	assert_false(outbox_attempted(m, GIVE_UP, NOW));
	m->in_flight = true;
	outbox_resume(m, now);
	assert_false(m->in_flight);
	assert_int_equal(m->next_try_usec, now + USEC_PER_MINUTE);
	outbox_clock_stepped(m, NOW);
	assert_int_equal(m->next_try_usec, NOW + now + USEC_PER_MINUTE);
	assert_false(outbox_attempted(m, GIVE_UP, m->next_try_usec));

	_cleanup_outbox_mail_ struct outbox_mail *usual = new_mail();
	outbox_attempted(usual, GIVE_UP, NOW);
	outbox_resume(usual, NOW + USEC_PER_HOUR); /* overdue: due at once, and as old as it is */
	assert_int_equal(usual->next_try_usec, NOW + USEC_PER_MINUTE);
	assert_int_equal(usual->queued_usec, NOW);
}

/* The host was off for longer than a mail is tried, and has no network yet when it starts. */
static void is_tried_anew_after_the_host_was_off(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();
	int64_t now = NOW + 2 * GIVE_UP;

	for (int i = 0; i < 10; i++)
		assert_false(outbox_attempted(m, GIVE_UP, m->next_try_usec));
	outbox_resume(m, now);
	assert_false(outbox_attempted(m, GIVE_UP, now));
	assert_int_equal(m->next_try_usec, now + USEC_PER_MINUTE);
	assert_false(outbox_attempted(m, GIVE_UP, m->next_try_usec));
	assert_int_equal(m->next_try_usec, now + 3 * USEC_PER_MINUTE);
	assert_int_equal(m->attempts, 12);
	outbox_clock_stepped(m, -USEC_PER_DAY);
	assert_false(outbox_attempted(m, GIVE_UP, now - USEC_PER_DAY + USEC_PER_HOUR - 1));
	assert_true(outbox_attempted(m, GIVE_UP, now - USEC_PER_DAY + USEC_PER_HOUR));

	/* A daemon that is started again and again tries it no longer than any other. */
	_cleanup_outbox_mail_ struct outbox_mail *usual = new_mail();
	do {
		now = usual->next_try_usec + 29 * USEC_PER_MINUTE;
		outbox_resume(usual, now);
	} while (!outbox_attempted(usual, GIVE_UP, now));
	assert_int_equal(usual->recipients[1].fate, OUTBOX_GIVEN_UP);
	assert_true(now < NOW + GIVE_UP + 2 * USEC_PER_HOUR);
}

/* A mailer was killed: no server has refused anything. */
static void is_due_at_once_when_its_mailer_died(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();

	assert_int_equal(outbox_result(m, "ops@example.org", "sent", "250 2.0.0 queued"), 0);
	assert_false(outbox_interrupted(m, "killed", true, GIVE_UP, NOW + 1));
	assert_int_equal(m->attempts, 0);
	assert_int_equal(m->next_try_usec, NOW + 1);
	assert_true(m->lost_mailer);
	assert_string_equal(m->recipients[0].answer, "250 2.0.0 queued");
	assert_string_equal(m->recipients[1].answer, "killed");

	/* Once: then it is an attempt as any other. */
	assert_false(outbox_interrupted(m, "killed", true, GIVE_UP, NOW + 2));
	assert_int_equal(m->attempts, 1);
	assert_int_equal(m->next_try_usec, NOW + 2 + USEC_PER_MINUTE);
	assert_true(m->lost_mailer);

	/* A server has said something: the next mailer may be killed by somebody else. */
	assert_int_equal(outbox_result(m, "night@example.org", "temporary", "451 later"), 0);
	assert_int_equal(outbox_result(m, "boss@example.org", "temporary", "451 later"), 0);
	assert_false(outbox_attempted(m, GIVE_UP, NOW + 3));
	assert_false(m->lost_mailer);
	assert_false(outbox_interrupted(m, "killed", true, GIVE_UP, NOW + 4));
	assert_int_equal(m->attempts, 2);
	assert_int_equal(m->next_try_usec, NOW + 4);
	assert_true(outbox_interrupted(m, "killed", true, GIVE_UP, NOW + GIVE_UP));
	assert_int_equal(m->recipients[1].fate, OUTBOX_GIVEN_UP);
}

/* It hung until its deadline, or died with another mail when this one had its answer: as if it had ended by itself. */
static void waits_when_its_mailer_was_overdue(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *overdue = new_mail(), *answered = new_mail();

	assert_false(outbox_interrupted(overdue, "did not answer", false, GIVE_UP, NOW));
	assert_int_equal(overdue->attempts, 1);
	assert_int_equal(overdue->next_try_usec, NOW + USEC_PER_MINUTE);
	assert_true(overdue->lost_mailer);
	for (size_t i = 0; i < answered->n_recipients; i++)
		assert_int_equal(outbox_result(answered, answered->recipients[i].address, "temporary", "451 later"), 0);
	assert_false(outbox_interrupted(answered, "killed", true, GIVE_UP, NOW));
	assert_int_equal(answered->attempts, 1);
	assert_int_equal(answered->next_try_usec, NOW + USEC_PER_MINUTE);
	assert_false(answered->lost_mailer);
	assert_string_equal(answered->recipients[0].answer, "451 later");
	assert_false(outbox_interrupted(answered, "killed", true, GIVE_UP, NOW)); /* that answer was of the attempt before */
	assert_string_equal(answered->recipients[0].answer, "killed");
}

/* A mail that kills every mailer costs one more than a server that is down. */
static void does_not_loop_with_dying_mailers(void **state)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = new_mail();
	int64_t mailers_of_first_day = 0;

	for (bool is_finished = false; !is_finished;) {
		int64_t now = m->next_try_usec;

		mailers_of_first_day += now < NOW + USEC_PER_DAY;
		is_finished = outbox_interrupted(m, "killed", true, GIVE_UP, now);
		assert_int_equal(is_finished, now >= NOW + GIVE_UP);
	}
	assert_int_equal(mailers_of_first_day, 29 + 1);
}

static void is_whole_or_not_there(void **state)
{
	static const char *const recipients[] = { "a@example.org", "b@example.org" };
	struct outbox_mail *m = NULL;
	int n = 0;

	while (!m) {
		torture_left = ++n;
		m = outbox_mail_new("i", "s", "f", "c", recipients, 2, NOW);
	}
	assert_int_equal(n, 1 + 4 + 1 + 2 + 1); /* the mail, its texts, the recipients; and one that did not fail */

	/* The server's words are lost, what it decided is not. */
	torture_left = 1;
	assert_int_equal(outbox_result(m, "a@example.org", "sent", "250"), 0);
	assert_int_equal(torture_left, 0);
	assert_int_equal(m->recipients[0].fate, OUTBOX_SENT);
	assert_null(m->recipients[0].answer);
	outbox_mail_free(m);
}

static void names_its_fates(void **state)
{
	enum outbox_fate fate = OUTBOX_REFUSED;

	for (int i = OUTBOX_PENDING; i <= OUTBOX_GIVEN_UP; i++) {
		assert_int_equal(outbox_fate_parse(outbox_fate_name((enum outbox_fate)i), &fate), 0);
		assert_int_equal(fate, i);
	}
	assert_int_equal(outbox_fate_parse("lost", &fate), -EINVAL);
	assert_int_equal(fate, OUTBOX_GIVEN_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_due_at_once),
		cmocka_unit_test(sends_once_to_an_address_that_is_named_twice),
		cmocka_unit_test(waits_longer_each_time),
		cmocka_unit_test(keeps_a_fate_for_each_recipient),
		cmocka_unit_test(refuses_what_is_no_result),
		cmocka_unit_test(gives_up_after_its_time),
		cmocka_unit_test(gives_up_in_the_very_microsecond),
		cmocka_unit_test(survives_a_clock_step),
		cmocka_unit_test(survives_a_boot_in_1970),
		cmocka_unit_test(is_tried_anew_after_the_host_was_off),
		cmocka_unit_test(is_due_at_once_when_its_mailer_died),
		cmocka_unit_test(waits_when_its_mailer_was_overdue),
		cmocka_unit_test(does_not_loop_with_dying_mailers),
		cmocka_unit_test(is_whole_or_not_there),
		cmocka_unit_test(names_its_fates),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
