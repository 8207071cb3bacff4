/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox: mails until each recipient was accepted, refused or given up, and their way to tocsin-mail.
 *
 * A mail is handed to the mailer when the transaction that queued it is durable, or at once in memory mode. What is
 * late is written anew, so that it says so; what has piled up for the same recipients goes as one digest. When to try
 * again and what may be merged is outbox.c's; what a mail says, daemon-mail.c's. */
#include "daemon.h"

#include "log.h"
#include "message-id.h"
#include "text.h"
#include "translate.h"
#include "varlink.h"

#include <errno.h>
#include <string.h>

#define OUTBOX_MAX 1000
#define LATE_USEC (30 * USEC_PER_MINUTE) /* a mail that is older says so, and several become one */
#define TESTS_MAX 4 /* test mails at once */
#define ID_LEAST 4 /* characters of an id that a person may type for the whole of it */
#define STALLED_USEC (60 * USEC_PER_SEC)
#define MAILER_SLACK_USEC (30 * USEC_PER_SEC) /* on top of the mailer's own deadline */

struct mail_batch {
	struct mail_batch *next; /* of the test mails */
	struct daemon *daemon;
	struct helper *helper;
	struct varlink_call *caller; /* of a test mail */
	bool with_dialogue;
	struct outbox_mail *test_mail; /* owned */
	json_t *results;
};

static int on_outbox_due(sd_event_source *source, uint64_t usec, void *userdata);

struct outbox_mail *outbox_find(const struct daemon *d, const char *id)
{
	for (size_t i = 0; i < d->n_outbox; i++)
		if (strcmp(d->outbox[i]->id, id) == 0)
			return d->outbox[i];
	return NULL;
}

struct outbox_mail *outbox_find_meant(const struct daemon *d, const char *id)
{
	struct outbox_mail *found = outbox_find(d, id);
	size_t len = strlen(id);

	if (found || len < ID_LEAST)
		return found;
	for (size_t i = 0; i < d->n_outbox; i++) {
		if (strncmp(d->outbox[i]->id, id, len) != 0)
			continue;
		if (found)
			return NULL;
		found = d->outbox[i];
	}
	return found;
}

/* In the order in which they were queued, and are sent: the state file gives them in that of their ids. */
void outbox_adopt(struct daemon *d, struct outbox_mail *mail)
{
	struct outbox_mail **grown = reallocarray(d->outbox, d->n_outbox + 1, sizeof(*grown));
	size_t at = d->n_outbox;

	if (!grown) {
		log_error("no memory for the mail \"%s\"", mail->subject);
		outbox_mail_free(mail);
		return;
	}
	d->outbox = grown;
	while (at > 0 && grown[at - 1]->queued_usec > mail->queued_usec)
		at--;
	memmove(&grown[at + 1], &grown[at], (d->n_outbox - at) * sizeof(*grown));
	grown[at] = mail;
	d->n_outbox++;
}

static void remove_mail(struct daemon *d, struct outbox_mail *mail)
{
	for (size_t i = 0; i < d->n_outbox; i++) {
		if (d->outbox[i] == mail) {
			memmove(&d->outbox[i], &d->outbox[i + 1], (d->n_outbox - i - 1) * sizeof(*d->outbox));
			d->n_outbox--;
			break;
		}
	}
	state_delete_mail(d, mail);
	outbox_mail_free(mail);
}

/* ---- what is late ---- */

/* Can it be written anew without losing any of what it tells? There is a limit to what is remembered. */
static bool is_remembered(const struct daemon *d, const struct outbox_mail *mail)
{
	struct happening *h = d->happenings;
	size_t i = 0;

	while (i < mail->n_events && (h = happening_find_behind(h, mail->events[i])))
		i++;
	return i == mail->n_events;
}

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The numbers of all that the merged mails tell, each once. */
static int64_t *merged_events(struct outbox_mail *const *mails, size_t n_mails, size_t *ret_n)
{
	size_t n = 0, kept = 0;
	int64_t *events;

	for (size_t i = 0; i < n_mails; i++)
		n += mails[i]->n_events;
	events = calloc(n + 1, sizeof(*events));
	if (!events)
		return NULL;
	for (size_t i = 0, at = 0; i < n_mails; i++)
		for (size_t j = 0; j < mails[i]->n_events; j++)
			events[at++] = mails[i]->events[j];
	qsort(events, n, sizeof(*events), by_number);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || events[i] != events[i - 1])
			events[kept++] = events[i];
	*ret_n = kept;
	return events;
}

static struct outbox_mail *compose_digest(struct daemon *d, struct outbox_mail *const *mails, size_t n,
	const struct outbox_merge *m)
{
	size_t n_events = 0;
	_cleanup_free_ int64_t *events = merged_events(mails, n, &n_events);
	const struct letter letter = {
		.kind = REPORT_DIGEST, .events = events, .n_events = n_events, .to = m->addresses, .n_to = m->n_addresses,
		.merged = mails, .n_merged = n, .written_usec = mails[0]->queued_usec, .late_why = outbox_last_answer(mails[n - 1]),
	};
	struct outbox_mail *digest = events ? mail_compose(d, &letter) : NULL;

	/* It is no more urgent than any of them, but is given up no sooner than the newest. */
	if (digest)
		digest->queued_usec = mails[n - 1]->queued_usec;
	for (size_t i = 0; digest && i < n; i++)
		outbox_inherit(digest, mails[i]);
	return digest;
}

static bool merge_one(struct daemon *d, const struct outbox_merge *m)
{
	_cleanup_free_ struct outbox_mail **mails = calloc(m->n_mails, sizeof(*mails));
	struct outbox_mail *digest;

	for (size_t i = 0; mails && i < m->n_mails; i++)
		mails[i] = d->outbox[m->mails[i]];
	digest = mails ? compose_digest(d, mails, m->n_mails, m) : NULL;
	if (!digest)
		return false;
	log_notice("%zu mails that could not be delivered in time become one: %s", m->n_mails, digest->subject);
	/* The digest has copies of the addresses; those in M belong to the first mail, which goes last. */
	for (size_t i = m->n_mails; i-- > 0;) {
		bool is_finished = false;

		for (size_t j = 0; j < m->n_addresses; j++)
			is_finished = outbox_merged(mails[i], m->addresses[j]);
		if (is_finished)
			remove_mail(d, mails[i]);
		else
			state_put_mail(d, mails[i]);
	}
	outbox_adopt(d, digest);
	state_put_mail(d, digest);
	return true;
}

static void merge_older_than(struct daemon *d, int64_t time_usec)
{
	struct outbox_merge m;

	for (size_t i = 0; i < d->n_outbox; i++)
		d->outbox[i]->is_fixed = !is_remembered(d, d->outbox[i]);
	while (outbox_find_merge(d->outbox, d->n_outbox, time_usec, &m) > 0) {
		bool is_merged = merge_one(d, &m);

		outbox_merge_clear(&m);
		if (!is_merged)
			return;
	}
}

/* The same mail under the same Message-ID, as it has to read now. */
static void write_again(struct daemon *d, struct outbox_mail *mail, const struct letter *changes)
{
	struct letter letter = *changes;
	_cleanup_free_ const char **to = calloc(mail->n_recipients + 1, sizeof(*to));
	struct outbox_mail *again;

	for (size_t i = 0; to && i < mail->n_recipients; i++)
		to[i] = mail->recipients[i].address;
	letter.id = mail->id;
	letter.events = mail->events;
	letter.n_events = mail->n_events;
	letter.to = to;
	letter.n_to = mail->n_recipients;
	again = to ? mail_compose(d, &letter) : NULL;
	if (!again)
		return;
	free(mail->content);
	mail->content = TAKE_PTR(again->content);
	mail->n_remarks = again->n_remarks;
	outbox_mail_free(again);
}

static bool is_alert(const struct daemon *d, const struct outbox_mail *mail)
{
	return mail->kind && strcmp(mail->kind, "alert") == 0 && mail->n_events > 0 && is_remembered(d, mail);
}

static void say_that_late(struct daemon *d, struct outbox_mail *mail, int64_t now_usec)
{
	const struct letter letter = {
		.kind = REPORT_ALERT, .written_usec = mail->queued_usec, .late_why = outbox_last_answer(mail),
	};

	if (now_usec - mail->queued_usec < LATE_USEC || !is_alert(d, mail))
		return;
	write_again(d, mail, &letter);
	state_put_mail(d, mail);
}

void outbox_compose_again(struct daemon *d)
{
	const struct letter letter = { .kind = REPORT_ALERT };

	for (size_t i = 0; i < d->n_outbox; i++)
		if (!d->outbox[i]->is_stored && is_alert(d, d->outbox[i]))
			write_again(d, d->outbox[i], &letter);
}

/* An outbox that grows without end would take the host's memory. What cannot be merged makes room by its oldest mail, and
 * the next one says so. */
static void make_room(struct daemon *d)
{
	if (d->n_outbox < OUTBOX_MAX)
		return;
	merge_older_than(d, USEC_NEVER);
	for (size_t i = 0; d->n_outbox >= OUTBOX_MAX && i < d->n_outbox; i++) {
		if (d->outbox[i]->in_flight)
			continue;
		log_error("mail \"%s\" was dropped: more than %d mails wait for delivery", d->outbox[i]->subject, OUTBOX_MAX);
		mail_remark(d, "The mail \"%s\" was dropped: more than %d mails wait for delivery.", d->outbox[i]->subject,
			OUTBOX_MAX);
		remove_mail(d, d->outbox[i]);
		return;
	}
}

void outbox_queue(struct daemon *d, struct outbox_mail *mail)
{
	make_room(d);
	log_entry(LOG_INFO, MESSAGE_MAIL_QUEUED, LOG_FIELDS({ "MAIL", mail->id }, { "SUBJECT", mail->subject }), "queued: %s",
		mail->subject);
	state_put_mail(d, mail);
	outbox_adopt(d, mail);
	daemon_changed(d);
}

/* ---- by hand ---- */

int outbox_retry(struct daemon *d, const char *id)
{
	const struct outbox_mail *only = *id ? outbox_find_meant(d, id) : NULL;
	int64_t now = clock_realtime_usec();

	if (*id && !only)
		return -ENOENT;
	for (size_t i = 0; i < d->n_outbox; i++)
		if ((!only || d->outbox[i] == only) && !d->outbox[i]->in_flight)
			d->outbox[i]->next_try_usec = now;
	relay_forget_pauses(d); /* who asks has mended something, or so we hope */
	outbox_pump(d);
	return 0;
}

int outbox_drop(struct daemon *d, const char *id, const char *who)
{
	struct outbox_mail *mail = outbox_find_meant(d, id);

	if (!mail)
		return -ENOENT;
	if (mail->in_flight)
		return -EBUSY;
	log_notice("mail \"%s\" was dropped by %s", mail->subject, who);
	mail_remark(d, "The mail \"%s\" was taken out of the outbox by %s.", mail->subject, who);
	remove_mail(d, mail);
	daemon_changed(d);
	return 0;
}

static void arm_outbox_timer(struct daemon *d)
{
	int64_t next = USEC_NEVER;

	for (size_t i = 0; i < d->n_outbox; i++)
		if (!d->outbox[i]->in_flight && d->outbox[i]->is_stored && d->outbox[i]->next_try_usec < next)
			next = d->outbox[i]->next_try_usec;
	daemon_set_timer(d, &d->outbox_source, CLOCK_REALTIME, next, on_outbox_due, d);
}

static int on_outbox_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	outbox_pump(userdata);
	return 0;
}

/* ---- the mailer ---- */

static void greet(struct helper *h, void *userdata)
{
	struct daemon *d = userdata;

	for (size_t i = 0; i < d->settings.n; i++) {
		const struct conf_setting *s = &d->settings.items[i];

		if (strcmp(s->section, "mail") == 0)
			helper_send(h, MSG_SETTING, s->section, s->name, s->key, s->value, s->file, "0");
	}
	helper_send(h, MSG_SETTING, "tocsin", "", "host", d->conf->host, "", "0");
	helper_send(h, MSG_LOAD);
}

static void send_mail(struct helper *h, const struct outbox_mail *mail)
{
	helper_send(h, MSG_MAIL, mail->id, mail->sender, mail->content);
	for (size_t i = 0; i < mail->n_recipients; i++)
		if (mail->recipients[i].fate == OUTBOX_PENDING)
			helper_send(h, MSG_RECIPIENT, mail->id, mail->recipients[i].address);
}

static void run_mailer(struct mail_batch *b)
{
	const struct conf *conf = b->daemon->conf;
	int64_t limit = MAILER_SLACK_USEC;

	for (size_t i = 0; i < conf->n_mails; i++)
		limit = usec_add(limit, conf->mails[i].deadline);
	/* Now and not when it was started: it stood by while another one made the connection. */
	relay_send_all(b->daemon, b->helper);
	helper_send(b->helper, MSG_RUN, "", b->with_dialogue ? "yes" : "no");
	helper_set_deadline(b->helper, usec_add(clock_boottime_usec(), limit));
}

/* "mail.example.org: 550 5.1.1 no such user" */
static char *answer_of(const struct msg *m)
{
	_cleanup_buf_ struct buf b = BUF(4000);

	if (*m->field[6])
		buf_printf(&b, "%s: ", m->field[6]);
	for (size_t i = 3; i <= 4; i++)
		if (*m->field[i])
			buf_printf(&b, "%s ", m->field[i]);
	text_clean(&b, m->field[5], 900);
	return buf_take(&b);
}

static void on_result(struct mail_batch *b, const struct msg *m)
{
	struct daemon *d = b->daemon;
	struct outbox_mail *mail = b->test_mail ? b->test_mail : outbox_find(d, m->field[0]);
	_cleanup_free_ char *answer = answer_of(m);

	if (b->test_mail)
		json_array_append_new(b->results, json_pack("{s:s, s:s, s:s, s:s}", "recipient", m->field[1], "outcome",
				m->field[2], "answer", answer ? answer : "", "status", m->field[7]));
	if (!mail || !mail->in_flight || outbox_result(mail, m->field[1], m->field[2], answer) < 0)
		return;
	bool is_sent = strcmp(m->field[2], "sent") == 0;
	log_entry(is_sent ? LOG_INFO : LOG_WARNING, is_sent ? MESSAGE_MAIL_SENT : MESSAGE_MAIL_REFUSED,
		LOG_FIELDS({ "MAIL", mail->id }, { "SUBJECT", mail->subject }, { "RECIPIENT", m->field[1] },
			{ "OUTCOME", m->field[2] }, { "ANSWER", answer }),
		"mail \"%s\" to %s: %s (%s)", mail->subject, m->field[1], m->field[2], answer ? answer : "");
	if (is_sent)
		d->last_mail_usec = clock_realtime_usec();
	if (!b->test_mail)
		state_put_mail(d, mail);
}

static void on_dialogue(struct mail_batch *b, const struct msg *m)
{
	if (b->caller && b->with_dialogue)
		varlink_continue(b->caller, json_pack("{s:s, s:s}", "direction", m->field[0], "line", m->field[1]));
}

static void on_setting(struct mail_batch *b, const struct msg *m)
{
	relay_told(b->daemon, m);
}

/* Tells what will never arrive, with the server's words. */
static void report_losses(struct daemon *d, const struct outbox_mail *mail)
{
	for (size_t i = 0; i < mail->n_recipients; i++) {
		const struct outbox_recipient *r = &mail->recipients[i];

		if (r->fate == OUTBOX_SENT || r->fate == OUTBOX_MERGED)
			continue;
		log_entry(LOG_ERR, MESSAGE_MAIL_LOST,
			LOG_FIELDS({ "MAIL", mail->id }, { "SUBJECT", mail->subject }, { "RECIPIENT", r->address },
				{ "OUTCOME", outbox_fate_name(r->fate) }, { "ANSWER", r->answer }),
			"mail \"%s\" will not reach %s (%s): %s", mail->subject, r->address, outbox_fate_name(r->fate),
			r->answer ? r->answer : "no answer");
		mail_remark(d, "The mail \"%s\" did not reach %s: %s.", mail->subject, r->address,
			r->answer ? r->answer : _("no answer"));
	}
}

static bool is_accepted(const struct outbox_mail *mail)
{
	for (size_t i = 0; i < mail->n_recipients; i++)
		if (mail->recipients[i].fate == OUTBOX_SENT)
			return true;
	return false;
}

/* The attempt of every mail in flight has ended. WHY is set when the mailer itself failed. */
static void attempts_ended(struct daemon *d, const char *why, bool is_crash)
{
	int64_t give_up = d->conf->alert.give_up, now = clock_realtime_usec();

	for (size_t i = d->n_outbox; i-- > 0;) {
		struct outbox_mail *mail = d->outbox[i];

		if (!mail->in_flight)
			continue;
		if (is_accepted(mail))
			mail_arrived(d, mail);
		if (why ? outbox_interrupted(mail, why, is_crash, give_up, now) : outbox_attempted(mail, give_up, now)) {
			report_losses(d, mail);
			remove_mail(d, mail);
		} else {
			state_put_mail(d, mail);
		}
	}
}

static void answer_test(struct mail_batch *b, const char *why)
{
	struct mail_batch **at = &b->daemon->test_batches;

	while (*at && *at != b)
		at = &(*at)->next;
	if (*at)
		*at = b->next;
	if (b->caller && why)
		varlink_error(b->caller, "MailerFailed", json_pack("{s:s}", "reason", why));
	else if (b->caller)
		varlink_reply(b->caller, json_pack("{s:O}", "results", b->results));
	outbox_mail_free(b->test_mail);
	json_decref(b->results);
	free(b);
}

static void batch_ended(struct mail_batch *b, const char *why, bool is_crash)
{
	struct daemon *d = b->daemon;

	if (b->test_mail) {
		answer_test(b, why);
		return;
	}
	d->mail_batch = NULL;
	free(b);
	attempts_ended(d, why, is_crash);
	daemon_changed(d);
}

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	static void (*const handlers[MSG_KINDS])(struct mail_batch *b, const struct msg *m) = {
		[MSG_RESULT] = on_result,
		[MSG_DIALOGUE] = on_dialogue,
		[MSG_SETTING] = on_setting,
	};
	struct mail_batch *b = userdata;
	struct daemon *d = b->daemon;

	if (m->kind == MSG_DONE) {
		batch_ended(b, NULL, false);
		pool_give_back(d->mailers, h);
		outbox_pump(d);
	} else if (handlers[m->kind]) {
		handlers[m->kind](b, m);
	} else {
		helper_kill(h);
	}
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct mail_batch *b = userdata;
	struct daemon *d = b->daemon;
	_cleanup_buf_ struct buf why = BUF(500);

	buf_puts(&why, "tocsin-mail ");
	helper_describe_end(end, &why);
	log_error("%s", buf_text(&why));
	batch_ended(b, buf_text(&why), !end->timed_out);
	outbox_pump(d);
}

static void on_released(struct helper *h, void *userdata)
{
}

static const struct helper_callbacks batch_callbacks = {
	.message = on_message, .ended = on_ended, .released = on_released,
};

static struct mail_batch *batch_new(struct daemon *d)
{
	struct mail_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->daemon = d;
	return b;
}

/* false: no mailer is ready now; outbox_mailer_available() follows. */
static bool take_mailer(struct mail_batch *b)
{
	b->helper = pool_take(b->daemon->mailers, &batch_callbacks, b);
	return b->helper;
}

static bool is_due(const struct outbox_mail *mail, int64_t now_usec)
{
	return mail->is_stored && mail->next_try_usec <= now_usec;
}

static bool any_is_due(const struct daemon *d, int64_t now_usec)
{
	for (size_t i = 0; i < d->n_outbox; i++)
		if (is_due(d->outbox[i], now_usec))
			return true;
	return false;
}

/* Those with which a mailer died go after the others, each alone: one may be the cause, and who is beside it would never
 * arrive. */
static void send_due(struct daemon *d, int64_t now_usec)
{
	bool are_others = false;

	for (size_t i = 0; i < d->n_outbox; i++)
		are_others |= is_due(d->outbox[i], now_usec) && !d->outbox[i]->lost_mailer;
	for (size_t i = 0; i < d->n_outbox; i++) {
		struct outbox_mail *mail = d->outbox[i];

		if (!is_due(mail, now_usec) || (are_others && mail->lost_mailer))
			continue;
		say_that_late(d, mail, now_usec);
		mail->in_flight = true;
		send_mail(d->mail_batch->helper, mail);
		if (!are_others)
			break;
	}
	run_mailer(d->mail_batch);
}

void outbox_pump(struct daemon *d)
{
	int64_t now = clock_realtime_usec();
	bool is_settled = state_is_settled(d);

	for (size_t i = 0; i < d->n_outbox; i++)
		d->outbox[i]->is_stored |= is_settled;
	d->outbox_source = sd_event_source_disable_unref(d->outbox_source);
	if (d->mail_batch || !mail_is_configured(d) || d->is_stopping || !d->has_state)
		return; /* the end of each of these calls here again */
	if (any_is_due(d, now))
		merge_older_than(d, now - LATE_USEC);
	if (!any_is_due(d, now)) {
		arm_outbox_timer(d);
		return;
	}
	d->mail_batch = batch_new(d);
	if (!d->mail_batch || !take_mailer(d->mail_batch)) {
		free(TAKE_PTR(d->mail_batch));
		return;
	}
	send_due(d, now);
}

/* Test mails come after real ones, and wait for a mailer. */
static void start_tests(struct daemon *d)
{
	for (struct mail_batch *b = d->test_batches; b; b = b->next) {
		if (b->helper)
			continue;
		if (!take_mailer(b))
			return;
		b->test_mail->in_flight = true;
		send_mail(b->helper, b->test_mail);
		run_mailer(b);
	}
}

void outbox_mailer_available(struct pool *p, void *userdata)
{
	struct daemon *d = userdata;

	daemon_changed(d);
	if (d->mailers) {
		outbox_pump(d);
		start_tests(d);
	}
}

int outbox_test(struct daemon *d, struct varlink_call *caller, bool with_dialogue)
{
	struct mail_batch *b;
	struct outbox_mail *mail;
	size_t n = 0;

	if (!mail_is_configured(d))
		return -ENOTCONN;
	for (b = d->test_batches; b; b = b->next)
		n++;
	if (n >= TESTS_MAX || !pool_is_ready(d->mailers))
		return -EBUSY;
	mail = mail_compose(d, &(struct letter){ .kind = REPORT_TEST });
	if (!mail)
		return -ENOMEM;
	b = batch_new(d);
	if (!b) {
		outbox_mail_free(mail);
		return -ENOMEM;
	}
	b->caller = caller;
	b->with_dialogue = with_dialogue;
	b->test_mail = mail;
	b->results = json_array();
	b->next = d->test_batches;
	d->test_batches = b;
	start_tests(d);
	return 0;
}

/* ---- beginning, ending ---- */

int outbox_configure(struct daemon *d)
{
	const char *argv[] = { "tocsin-mail", NULL };
	_cleanup_free_ char *path = helper_path(argv[0]);
	const struct pool_options options = {
		.what = argv[0], .helper = { .path = path, .argv = argv, .dies_with_daemon = true },
		.greet = greet, .available = outbox_mailer_available, .userdata = d,
	};

	if (!path)
		return -ENOMEM;
	if (d->conf->n_mails == 0)
		return 0; /* helpers of an earlier configuration stay idle: there is nobody to write to */
	return d->mailers ? pool_renew(d->mailers, argv) : pool_new(d->event, &options, &d->mailers);
}

bool outbox_is_progressing(const struct daemon *d)
{
	int64_t now = clock_realtime_usec();

	if (!mail_is_configured(d) || d->mail_batch || !pool_is_ready(d->mailers))
		return true; /* a batch has a deadline; no mailer is no fault of ours, and its pool tries again */
	for (size_t i = 0; i < d->n_outbox; i++)
		if (d->outbox[i]->is_stored && now - d->outbox[i]->next_try_usec > STALLED_USEC)
			return false;
	return true;
}

void outbox_clock_set(struct daemon *d, int64_t delta_usec)
{
	for (size_t i = 0; i < d->n_outbox; i++) {
		outbox_clock_stepped(d->outbox[i], delta_usec);
		state_put_mail(d, d->outbox[i]);
	}
	outbox_pump(d);
}

void outbox_free(struct daemon *d)
{
	d->outbox_source = sd_event_source_disable_unref(d->outbox_source);
	d->mailers = pool_free(d->mailers);
	while (d->test_batches)
		answer_test(d->test_batches, _("tocsind is stopping"));
	free(d->mail_batch);
	for (size_t i = 0; i < d->n_outbox; i++)
		outbox_mail_free(d->outbox[i]);
	free(d->outbox);
}
