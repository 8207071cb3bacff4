/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fates of a mail's recipients and the times of its attempts. Sending is the mailer's, storing the writer's. */
#include "outbox.h"

#include "clock.h"

#include <errno.h>
#include <string.h>

#define OVERDUE_USEC (30 * USEC_PER_MINUTE) /* due for so long, nobody was there to try */
#define KEPT_USEC USEC_PER_HOUR             /* and then this is the least for which it is tried */

static const char *const fate_names[] = {
	[OUTBOX_PENDING] = "pending",
	[OUTBOX_SENT] = "sent",
	[OUTBOX_REFUSED] = "refused",
	[OUTBOX_GIVEN_UP] = "given-up",
	[OUTBOX_MERGED] = "merged",
};

const char *outbox_fate_name(enum outbox_fate fate)
{
	return fate_names[fate];
}

int outbox_fate_parse(const char *name, enum outbox_fate *ret)
{
	for (size_t i = 0; i < ELEMENTS(fate_names); i++) {
		if (strcmp(fate_names[i], name) == 0) {
			*ret = (enum outbox_fate)i;
			return 0;
		}
	}
	return -EINVAL;
}

static struct outbox_recipient *find_recipient(const struct outbox_mail *m, const char *address)
{
	for (size_t i = 0; i < m->n_recipients; i++)
		if (strcmp(m->recipients[i].address, address) == 0)
			return &m->recipients[i];
	return NULL;
}

/* An address that is named twice gets one mail: with two rows, one of them would never hear its result. */
static bool copy_recipients(struct outbox_mail *m, const char *const *recipients, size_t n)
{
	m->recipients = calloc(n > 0 ? n : 1, sizeof(*m->recipients));
	if (!m->recipients)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (find_recipient(m, recipients[i]))
			continue;
		m->recipients[m->n_recipients].address = strdup(recipients[i]);
		if (!m->recipients[m->n_recipients].address)
			return false;
		m->n_recipients++;
	}
	return true;
}

struct outbox_mail *outbox_mail_new(const char *id, const char *subject, const char *sender, const char *content,
	const char *const *recipients, size_t n_recipients, int64_t now_usec)
{
	_cleanup_outbox_mail_ struct outbox_mail *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->id = strdup(id);
	m->subject = strdup(subject);
	m->sender = strdup(sender);
	m->content = strdup(content);
	m->queued_usec = m->next_try_usec = now_usec;
	if (!m->id || !m->subject || !m->sender || !m->content || !copy_recipients(m, recipients, n_recipients))
		return NULL;
	return TAKE_PTR(m);
}

struct outbox_mail *outbox_mail_free(struct outbox_mail *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->n_recipients; i++) {
		free(m->recipients[i].address);
		free(m->recipients[i].answer);
	}
	free(m->recipients);
	free(m->kind);
	free(m->events);
	free(m->id);
	free(m->subject);
	free(m->sender);
	free(m->content);
	free(m);
	return NULL;
}

int outbox_mail_about(struct outbox_mail *m, const char *kind, const int64_t *events, size_t n_events)
{
	char *word = strdup(kind);
	int64_t *numbers = calloc(n_events + 1, sizeof(*numbers));

	if (!word || !numbers) {
		free(word);
		free(numbers);
		return -ENOMEM;
	}
	free(m->kind);
	free(m->events);
	m->kind = word;
	m->events = numbers;
	if (n_events > 0)
		memcpy(numbers, events, n_events * sizeof(*numbers));
	m->n_events = n_events;
	return 0;
}

int64_t outbox_retry_delay(int64_t attempts)
{
	static const int64_t minutes[] = { 1, 2, 5, 10, 30, 60 };

	if (attempts < 1)
		return 0;
	if (attempts > (int64_t)ELEMENTS(minutes))
		attempts = ELEMENTS(minutes);
	return minutes[attempts - 1] * USEC_PER_MINUTE;
}

static int outcome_parse(const char *outcome, enum outbox_fate *ret)
{
	static const struct {
		const char *name;
		enum outbox_fate fate;
	} outcomes[] = {
		{ "sent", OUTBOX_SENT },
		{ "temporary", OUTBOX_PENDING },
		{ "permanent", OUTBOX_REFUSED },
	};

	for (size_t i = 0; i < ELEMENTS(outcomes); i++) {
		if (strcmp(outcomes[i].name, outcome) == 0) {
			*ret = outcomes[i].fate;
			return 0;
		}
	}
	return -EINVAL;
}

int outbox_result(struct outbox_mail *m, const char *address, const char *outcome, const char *answer)
{
	struct outbox_recipient *recipient = find_recipient(m, address);
	enum outbox_fate fate;

	int r = outcome_parse(outcome, &fate);
	if (r < 0)
		return r;
	if (!recipient || recipient->fate != OUTBOX_PENDING)
		return -ENOENT;

	/* Without memory the words are lost; the fate must not be, or the mail goes out twice. */
	free(recipient->answer);
	recipient->answer = answer ? strdup(answer) : NULL;
	recipient->has_answered = true;
	recipient->fate = fate;
	return 0;
}

static void give_up(struct outbox_mail *m)
{
	for (size_t i = 0; i < m->n_recipients; i++)
		if (m->recipients[i].fate == OUTBOX_PENDING)
			m->recipients[i].fate = OUTBOX_GIVEN_UP;
}

static int64_t delay_of(const struct outbox_mail *m)
{
	return outbox_retry_delay(m->attempts - m->former_attempts);
}

/* The next try comes after DELAY. */
static bool end_attempt(struct outbox_mail *m, int64_t delay_usec, int64_t give_up_usec, int64_t now_usec)
{
	m->in_flight = false;
	m->next_try_usec = usec_add(now_usec, delay_usec);
	for (size_t i = 0; i < m->n_recipients; i++)
		m->recipients[i].has_answered = false;
	if (now_usec >= usec_add(m->queued_usec, give_up_usec) && now_usec >= m->kept_until_usec)
		give_up(m);
	return outbox_is_finished(m);
}

bool outbox_attempted(struct outbox_mail *m, int64_t give_up_usec, int64_t now_usec)
{
	m->lost_mailer = false;
	m->attempts++;
	return end_attempt(m, delay_of(m), give_up_usec, now_usec);
}

bool outbox_interrupted(struct outbox_mail *m, const char *why, bool is_crash, int64_t give_up_usec, int64_t now_usec)
{
	bool is_second = m->lost_mailer, is_cut_off = false;

	for (size_t i = 0; i < m->n_recipients; i++) {
		struct outbox_recipient *r = &m->recipients[i];

		if (r->fate == OUTBOX_PENDING && !r->has_answered)
			is_cut_off |= outbox_result(m, r->address, "temporary", why) == 0;
	}
	if (!is_cut_off)
		return outbox_attempted(m, give_up_usec, now_usec);
	m->lost_mailer = true;
	m->attempts += !is_crash || is_second;
	return end_attempt(m, is_crash && !is_second ? 0 : delay_of(m), give_up_usec, now_usec);
}

/* ---- merging ---- */

static bool is_pending_for(const struct outbox_mail *m, const char *address)
{
	const struct outbox_recipient *r = find_recipient(m, address);

	return r && r->fate == OUTBOX_PENDING;
}

static bool can_merge(const struct outbox_mail *m, int64_t older_than_usec)
{
	return !m->in_flight && !m->is_fixed && m->queued_usec < older_than_usec;
}

/* Puts the indexes of the mails that ADDRESS still waits for into MAILS. */
static size_t mails_for(struct outbox_mail *const *all, size_t n, int64_t older_than_usec, const char *address,
	size_t *mails)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (can_merge(all[i], older_than_usec) && is_pending_for(all[i], address))
			mails[count++] = i;
	return count;
}

/* All who wait for just the same mails: whoever does, waits for the first of them. */
static int add_addresses(struct outbox_mail *const *all, size_t n, int64_t older_than_usec, struct outbox_merge *m)
{
	const struct outbox_mail *first = all[m->mails[0]];
	size_t *others = calloc(n, sizeof(*others));

	m->addresses = calloc(first->n_recipients, sizeof(*m->addresses));
	for (size_t i = 0; others && m->addresses && i < first->n_recipients; i++) {
		const struct outbox_recipient *r = &first->recipients[i];

		if (r->fate == OUTBOX_PENDING && mails_for(all, n, older_than_usec, r->address, others) == m->n_mails &&
			memcmp(others, m->mails, m->n_mails * sizeof(*others)) == 0)
			m->addresses[m->n_addresses++] = r->address;
	}
	bool is_done = others && m->addresses;
	free(others);
	return is_done ? 1 : -ENOMEM;
}

int outbox_find_merge(struct outbox_mail *const *mails, size_t n, int64_t older_than_usec, struct outbox_merge *ret)
{
	struct outbox_merge m = { .mails = calloc(n + 1, sizeof(*m.mails)) };
	int r = m.mails ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++) {
		for (size_t j = 0; r == 0 && j < mails[i]->n_recipients && can_merge(mails[i], older_than_usec); j++) {
			const struct outbox_recipient *recipient = &mails[i]->recipients[j];

			if (recipient->fate != OUTBOX_PENDING)
				continue;
			m.n_mails = mails_for(mails, n, older_than_usec, recipient->address, m.mails);
			if (m.n_mails > 1)
				r = add_addresses(mails, n, older_than_usec, &m);
		}
	}
	if (r > 0)
		*ret = m;
	else
		outbox_merge_clear(&m);
	return r;
}

void outbox_merge_clear(struct outbox_merge *m)
{
	free(m->mails);
	free(m->addresses);
	*m = (struct outbox_merge){ 0 };
}

bool outbox_merged(struct outbox_mail *m, const char *address)
{
	struct outbox_recipient *r = find_recipient(m, address);

	if (r && r->fate == OUTBOX_PENDING)
		r->fate = OUTBOX_MERGED;
	return outbox_is_finished(m);
}

const char *outbox_last_answer(const struct outbox_mail *m)
{
	for (size_t i = 0; i < m->n_recipients; i++)
		if (m->recipients[i].fate == OUTBOX_PENDING && m->recipients[i].answer)
			return m->recipients[i].answer;
	return NULL;
}

bool outbox_is_finished(const struct outbox_mail *m)
{
	return outbox_pending(m) == 0;
}

size_t outbox_pending(const struct outbox_mail *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_recipients; i++)
		n += m->recipients[i].fate == OUTBOX_PENDING;
	return n;
}

void outbox_resume(struct outbox_mail *m, int64_t now_usec)
{
	int64_t latest = usec_add(now_usec, outbox_retry_delay(m->attempts));

	m->in_flight = false;
	if (m->next_try_usec > latest)
		m->next_try_usec = latest;
	if (m->queued_usec > now_usec)
		m->queued_usec = now_usec;
	if (now_usec - m->next_try_usec < OVERDUE_USEC)
		return;
	m->former_attempts = m->attempts;
	m->kept_until_usec = usec_add(now_usec, KEPT_USEC);
}

void outbox_inherit(struct outbox_mail *digest, const struct outbox_mail *m)
{
	if (m->attempts > digest->attempts) {
		digest->attempts = m->attempts;
		digest->former_attempts = m->former_attempts;
	}
	if (m->kept_until_usec > digest->kept_until_usec)
		digest->kept_until_usec = m->kept_until_usec;
}

void outbox_clock_stepped(struct outbox_mail *m, int64_t delta_usec)
{
	m->queued_usec = usec_add(m->queued_usec, delta_usec);
	m->next_try_usec = usec_add(m->next_try_usec, delta_usec);
	m->kept_until_usec = usec_add(m->kept_until_usec, delta_usec);
}
