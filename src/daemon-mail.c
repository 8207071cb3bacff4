/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From events to the mailbox: which events share a mail (group.h), what it says (report.h, mime.h), and its way through
 * the outbox to tocsin-mail.
 *
 * A mail is queued in the transaction of the events that it tells. It is handed to the mailer when that transaction is
 * durable, or at once in memory mode, and stays in the outbox until each recipient was accepted, refused or given
 * up. */
#include "daemon.h"

#include "varlink.h"
#include "log.h"
#include "mime.h"
#include "text.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-id128.h>

#define TEXT_MAX (2 * 1024 * 1024)
#define ROUND_LIMIT_USEC USEC_PER_MINUTE /* for the first round of checks */
#define OUTBOX_MAX 1000
#define HAPPENINGS_MAX 5000
#define REMARKS_MAX 20
#define TESTS_MAX 4 /* test mails at once */
#define STALLED_USEC (60 * USEC_PER_SEC)
#define MAILER_SLACK_USEC (30 * USEC_PER_SEC) /* on top of the mailer's own deadline */
#define NO_MAIL "-" /* in happening.mail_id: no mail tells it */

struct mail_batch {
	struct mail_batch *next; /* of the test mails */
	struct daemon *daemon;
	struct helper *helper;
	struct varlink_call *caller; /* of a test mail */
	bool with_dialogue;
	struct outbox_mail *test_mail; /* owned */
	json_t *results;
};

static int on_group_due(sd_event_source *source, uint64_t usec, void *userdata);
static int on_report_due(sd_event_source *source, uint64_t usec, void *userdata);
static int on_outbox_due(sd_event_source *source, uint64_t usec, void *userdata);

bool mail_is_configured(const struct daemon *d)
{
	return d->mailers && d->n_recipients > 0;
}

/* ---- what happened ---- */

void happening_free(struct happening *h)
{
	result_clear(&h->result);
	free(h->check);
	free(h->item);
	free(h->text);
	free(h->thread);
	free(h->mail_id);
	free(h);
}

static int copy_result(struct result *to, const struct result *from)
{
	int r = 0;

	*to = (struct result){ .state = from->state, .time_usec = from->time_usec, .text = strdup(from->text ? from->text : "") };
	for (size_t i = 0; r >= 0 && i < from->n_metrics; i++)
		r = result_add_metric(to, &from->metrics[i]);
	for (size_t i = 0; r >= 0 && i < from->n_evidence; i++)
		r = result_add_evidence(to, from->evidence[i].title, from->evidence[i].text);
	return to->text ? r : -ENOMEM;
}

/* Past a limit the oldest that a mail has told goes: the state file still has it. */
static void append_happening(struct daemon *d, struct happening *h)
{
	struct happening **end = &d->happenings, **oldest = NULL;
	size_t n = 0;

	for (; *end; end = &(*end)->next, n++)
		if (!oldest && (*end)->mail_id)
			oldest = end;
	*end = h;
	if (n >= HAPPENINGS_MAX && oldest) {
		struct happening *gone = *oldest;

		*oldest = gone->next;
		happening_free(gone);
	}
}

static void arm_group_timer(struct daemon *d)
{
	const struct group_policy policy = {
		d->conf->alert.group_wait, d->conf->alert.group_second, d->conf->alert.group_interval,
		0, 0,
	};

	daemon_set_timer(d, &d->group_source, CLOCK_BOOTTIME, group_due(&d->group, &policy, clock_boottime_usec(), clock_realtime_usec()), on_group_due, d);
}

static int64_t first_bad(enum alert_event event, const struct item *item, const struct alert_state *before)
{
	if (event == ALERT_RECOVERED)
		return before->incident_since_usec;
	if (event == ALERT_BLIND)
		return item->alert.rows[ALERT_ROW_UNKNOWN].since_usec;
	return item->alert.since_usec;
}

static int64_t looks(enum alert_event event, const struct conf_alert *policy)
{
	return event == ALERT_BLIND ? policy->unknown_confirm : event == ALERT_RECOVERED ? policy->recover : policy->confirm;
}

void mail_happening(struct daemon *d, struct item *item, enum alert_event event, const struct alert_state *before)
{
	struct happening *h = calloc(1, sizeof(*h));
	const struct check *c = item->check;

	if (!h)
		return;
	h->time_usec = clock_realtime_usec();
	/* Numbers are times, so that they go on where a lost state file ended. */
	d->last_number = h->number = h->time_usec > d->last_number ? h->time_usec : d->last_number + 1;
	h->event = event;
	h->check = strdup(c->conf->name);
	h->item = strdup(item->name);
	h->text = strdup(item->last.text);
	h->thread = item->thread ? strdup(item->thread) : NULL;
	h->from = before->is_blind ? TOCSIN_UNKNOWN : before->state;
	h->to = item->alert.is_blind ? TOCSIN_UNKNOWN : item->alert.state;
	h->since_usec = first_bad(event, item, before);
	h->incident = item->alert.incident ? item->alert.incident : before->incident;
	h->looks = looks(event, &c->conf->alert);
	if (!h->check || !h->item || !h->text || copy_result(&h->result, &item->last) < 0) {
		happening_free(h);
		return;
	}
	bool is_mailed = alert_event_is_mailed(event) && mail_is_configured(d);
	if (!is_mailed)
		h->mail_id = strdup(NO_MAIL);
	if (event != ALERT_FOUND)
		log_message(h->to == TOCSIN_OK ? LOG_NOTICE : LOG_WARNING, "%s: %s: %s %s: %s", alert_event_name(event),
			state_name(h->to), h->check, h->item, h->text);
	append_happening(d, h);
	state_put_happening(d, h);
	if (is_mailed) {
		const struct group_policy policy = {
			d->conf->alert.group_wait, d->conf->alert.group_second, d->conf->alert.group_interval,
		0, 0,
		};

		group_add(&d->group, &policy, clock_boottime_usec());
		arm_group_timer(d);
	}
}

void mail_remark(struct daemon *d, const char *format, ...)
{
	char *text, **grown;
	va_list arguments;

	va_start(arguments, format);
	int r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r < 0)
		return;
	grown = d->n_remarks < REMARKS_MAX ? reallocarray(d->remarks, d->n_remarks + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		free(text);
		return;
	}
	d->remarks = grown;
	grown[d->n_remarks++] = text;
}

/* ---- composing ---- */

/* Everything that a mail is made of while it is made. */
struct draft {
	struct report report;
	struct report_item *items;
	struct report_event *events;
	const char **remarks;
	char *own_remarks[2];
	struct buf subject, text, html, content;
};

static void draft_free(struct draft *draft)
{
	free(draft->items);
	free(draft->events);
	free(draft->remarks);
	for (size_t i = 0; i < ELEMENTS(draft->own_remarks); i++)
		free(draft->own_remarks[i]);
	buf_free(&draft->subject);
	buf_free(&draft->text);
	buf_free(&draft->html);
	buf_free(&draft->content);
}

/* What is wrong with tocsin itself just now. */
static void add_own_remarks(struct daemon *d, struct draft *draft)
{
	size_t n = d->n_remarks, undelivered = 0;

	for (size_t i = 0; i < d->n_outbox; i++)
		undelivered += d->outbox[i]->attempts > 0;
	if (d->state.phase == STATE_MEMORY && d->state.trouble) {
		_cleanup_buf_ struct buf b = BUF(1000);

		buf_puts(&b, "The state file cannot be written since ");
		format_time(&b, d->state.memory_since_usec);
		buf_printf(&b, " (%s): after a crash this mail may be repeated, or a later one lost.", d->state.trouble);
		draft->own_remarks[0] = buf_take(&b);
	}
	if (undelivered && asprintf(&draft->own_remarks[1],
			"%zu earlier mail(s) could not be delivered yet and are tried again: see \"tocsin status\".",
			undelivered) < 0)
		draft->own_remarks[1] = NULL;
	for (size_t i = 0; i < ELEMENTS(draft->own_remarks); i++)
		if (draft->own_remarks[i])
			draft->remarks[n++] = draft->own_remarks[i];
	draft->report.n_remarks = n;
}

static int64_t next_report(const struct daemon *d)
{
	return d->conf->report_every ? usec_add(d->last_report_usec, d->conf->report_every) : 0;
}

static void add_event(struct draft *draft, const struct happening *h)
{
	draft->events[draft->report.n_events++] = (struct report_event){
		.event = h->event, .check = h->check, .item = h->item, .from = h->from, .to = h->to,
		.time_usec = h->time_usec, .since_usec = h->since_usec, .incident = h->incident, .looks = h->looks,
		.text = h->text, .result = h->result.time_usec ? &h->result : NULL,
	};
}

/* Does H go into the mail of KIND, which has the id MAIL_ID already or NULL? */
static bool is_told_by(const struct daemon *d, const struct happening *h, enum report_kind kind, const char *mail_id)
{
	if (kind == REPORT_STATUS)
		return h->time_usec >= d->last_report_usec && h->event != ALERT_FOUND;
	if (kind != REPORT_ALERT)
		return false;
	return mail_id && h->mail_id ? strcmp(h->mail_id, mail_id) == 0 : !mail_id && !h->mail_id;
}

/* The picture of the host as KIND shows it. */
static int draft_picture(struct daemon *d, enum report_kind kind, const char *mail_id, struct draft *draft)
{
	struct report *r = &draft->report;
	size_t n = 1;

	for (const struct happening *h = d->happenings; h; h = h->next)
		n++;
	draft->events = calloc(n, sizeof(*draft->events));
	draft->remarks = calloc(d->n_remarks + ELEMENTS(draft->own_remarks), sizeof(*draft->remarks));
	draft->items = look_report_items(d, &r->n_items);
	if (!draft->events || !draft->remarks || !draft->items)
		return -ENOMEM;
	for (const struct happening *h = d->happenings; h; h = h->next)
		if (is_told_by(d, h, kind, mail_id))
			add_event(draft, h);
	for (size_t i = 0; i < d->n_remarks; i++)
		draft->remarks[i] = d->remarks[i];
	add_own_remarks(d, draft);
	r->host = d->conf->host;
	r->version = PACKAGE_VERSION;
	r->now_usec = clock_realtime_usec();
	r->uptime_usec = clock_boottime_usec();
	r->started_usec = d->started_usec;
	r->items = draft->items;
	r->events = draft->events;
	r->remarks = draft->remarks;
	if (kind == REPORT_STATUS)
		r->serial = d->report_serial + 1;
	r->next_report_usec = kind == REPORT_STATUS || kind == REPORT_STARTED ?
		(d->conf->report_every ? usec_add(r->now_usec, d->conf->report_every) : 0) : next_report(d);
	return 0;
}

/* The part of a Message-ID after the @: the host if it can stand there. */
static const char *id_domain(const struct daemon *d)
{
	const char *host = d->conf->host;

	return *host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == strlen(host) ?
		host : "localhost";
}

#define HEADERS_MAX 10

/* The headers that filters and threads go by. */
static size_t draft_headers(struct daemon *d, const struct draft *draft, struct mime_header *headers, struct buf *list_id,
	struct buf *incident)
{
	const struct report *r = &draft->report;
	const struct report_event *only = r->n_events == 1 ? &r->events[0] : NULL;
	enum tocsin_state worst = r->n_events ? TOCSIN_OK : report_worst(r);
	size_t n = 0;

	for (size_t i = 0; i < r->n_events; i++)
		if (state_rank(r->events[i].to) < state_rank(worst))
			worst = r->events[i].to;
	buf_printf(list_id, "tocsin on %s <tocsin.%s>", d->conf->host, id_domain(d));
	headers[n++] = (struct mime_header){ "Auto-Submitted", "auto-generated" };
	headers[n++] = (struct mime_header){ "X-Auto-Response-Suppress", "All" };
	headers[n++] = (struct mime_header){ "List-Id", buf_text(list_id) };
	if (r->n_events && worst == TOCSIN_CRITICAL)
		headers[n++] = (struct mime_header){ "Importance", "high" };
	headers[n++] = (struct mime_header){ "X-Tocsin-Host", d->conf->host };
	headers[n++] = (struct mime_header){ "X-Tocsin-State", state_name(worst) };
	if (only) {
		headers[n++] = (struct mime_header){ "X-Tocsin-Check", only->check };
		headers[n++] = (struct mime_header){ "X-Tocsin-Item", only->item };
		buf_printf(incident, "%" PRId64, only->incident);
		if (only->incident)
			headers[n++] = (struct mime_header){ "X-Tocsin-Incident", buf_text(incident) };
	}
	return n;
}

static int draft_content(struct daemon *d, struct draft *draft, const char *message_id, const char *thread)
{
	_cleanup_buf_ struct buf list_id = BUF(1000), incident = BUF(100);
	struct mime_header headers[HEADERS_MAX];
	const struct conf_mail *relay = &d->conf->mails[0];
	size_t n_headers = draft_headers(d, draft, headers, &list_id, &incident);
	const struct mime_mail mail = {
		.from = relay->from, .from_name = relay->from_name, .to = (const char *const *)d->recipients,
		.n_to = d->n_recipients, .subject = buf_text(&draft->subject), .date_usec = draft->report.now_usec,
		.message_id = message_id, .in_reply_to = thread, .headers = headers, .n_headers = n_headers,
		.text = buf_text(&draft->text), .html = buf_error(&draft->html) ? NULL : buf_text(&draft->html),
	};

	return mime_compose(&draft->content, &mail);
}

/* The thread that the events of an alert belong to, if it is one. */
static const char *draft_thread(const struct daemon *d, enum report_kind kind, const char *mail_id)
{
	for (const struct happening *h = d->happenings; kind == REPORT_ALERT && h; h = h->next)
		if (is_told_by(d, h, kind, mail_id) && h->thread)
			return h->thread;
	return NULL;
}

/* Composes a mail of KIND about the host as it is now; the one with the id MAIL_ID again, or a new one when that is NULL.
 * NULL when that cannot be. */
static struct outbox_mail *compose(struct daemon *d, enum report_kind kind, const char *mail_id)
{
	_cleanup_(draft_free) struct draft draft = {
		.subject = BUF(1000), .text = BUF(TEXT_MAX), .html = BUF(TEXT_MAX), .content = BUF(MIME_MESSAGE_MAX),
	};
	char new_id[SD_ID128_STRING_MAX];
	const char *id = mail_id ? mail_id : new_id;
	sd_id128_t random;
	_cleanup_free_ char *message_id = NULL;

	int r = sd_id128_randomize(&random);
	sd_id128_to_string(random, new_id);
	if (r >= 0 && asprintf(&message_id, "%s@%s", id, id_domain(d)) < 0)
		r = -ENOMEM;
	if (r >= 0)
		r = draft_picture(d, kind, mail_id, &draft);
	if (r >= 0) {
		report_subject(&draft.subject, kind, &draft.report);
		report_text(&draft.text, kind, &draft.report);
		report_html(&draft.html, kind, &draft.report);
		r = draft_content(d, &draft, message_id, draft_thread(d, kind, mail_id));
	}
	if (r >= 0)
		r = buf_error(&draft.content);
	if (r < 0) {
		log_error_errno(r, "cannot compose a mail");
		return NULL;
	}
	return outbox_mail_new(id, buf_text(&draft.subject), d->conf->mails[0].from, buf_text(&draft.content),
		(const char *const *)d->recipients, d->n_recipients, draft.report.now_usec);
}

/* ---- the outbox ---- */

struct outbox_mail *mail_find(const struct daemon *d, const char *id)
{
	for (size_t i = 0; i < d->n_outbox; i++)
		if (strcmp(d->outbox[i]->id, id) == 0)
			return d->outbox[i];
	return NULL;
}

void mail_adopt(struct daemon *d, struct outbox_mail *mail)
{
	struct outbox_mail **grown = reallocarray(d->outbox, d->n_outbox + 1, sizeof(*grown));

	if (!grown) {
		log_error("no memory for the mail \"%s\"", mail->subject);
		outbox_mail_free(mail);
		return;
	}
	d->outbox = grown;
	grown[d->n_outbox++] = mail;
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

/* An outbox that grows without end would take the host's memory: the oldest mail makes room, and the next one says so. */
static void make_room(struct daemon *d)
{
	if (d->n_outbox < OUTBOX_MAX)
		return;
	for (size_t i = 0; i < d->n_outbox; i++) {
		if (d->outbox[i]->in_flight)
			continue;
		mail_remark(d, "The mail \"%s\" was dropped: more than %d mails wait for delivery.", d->outbox[i]->subject,
			OUTBOX_MAX);
		remove_mail(d, d->outbox[i]);
		return;
	}
}

static bool queue(struct daemon *d, enum report_kind kind)
{
	struct outbox_mail *mail = compose(d, kind, NULL);

	if (!mail)
		return false;
	for (size_t i = 0; i < d->n_remarks; i++)
		free(d->remarks[i]);
	d->n_remarks = 0;
	make_room(d);
	mail_adopt(d, mail);
	state_put_mail(d, mail);
	log_info("queued: %s", mail->subject);
	daemon_changed(d);
	return true;
}

/* The item of H, if it is still there, learns which mail began its thread; a closed incident forgets it. */
static void note_thread(struct daemon *d, const struct happening *h, const char *mail_id)
{
	struct check *c = look_find_check(d, h->check);
	struct item *item = c ? look_find_item(c, h->item) : NULL;

	if (!item)
		return;
	if (item->alert.incident == 0)
		free(TAKE_PTR(item->thread));
	else if (!item->thread && asprintf(&item->thread, "%s@%s", mail_id, id_domain(d)) < 0)
		item->thread = NULL;
	state_put_item(d, item);
}

static int on_group_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	const char *id;

	d->group_source = sd_event_source_disable_unref(d->group_source);
	if (!mail_is_configured(d) || !queue(d, REPORT_ALERT)) {
		daemon_set_timer(d, &d->group_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), USEC_PER_MINUTE),
			on_group_due, d);
		return 0;
	}
	id = d->outbox[d->n_outbox - 1]->id;
	group_mailed(&d->group, clock_boottime_usec(), clock_realtime_usec());
	for (struct happening *h = d->happenings; h; h = h->next) {
		if (h->mail_id)
			continue;
		h->mail_id = strdup(id);
		state_put_happening(d, h);
		note_thread(d, h, id);
	}
	arm_group_timer(d);
	mail_pump(d);
	return 0;
}

static bool is_alert(const struct daemon *d, const struct outbox_mail *mail)
{
	for (const struct happening *h = d->happenings; h; h = h->next)
		if (h->mail_id && strcmp(h->mail_id, mail->id) == 0)
			return true;
	return false;
}

void mail_compose_again(struct daemon *d)
{
	for (size_t i = 0; i < d->n_outbox; i++) {
		struct outbox_mail *mail = d->outbox[i], *again;

		if (mail->is_stored || !is_alert(d, mail))
			continue;
		again = compose(d, REPORT_ALERT, mail->id);
		if (!again)
			continue;
		free(mail->content);
		mail->content = TAKE_PTR(again->content);
		outbox_mail_free(again);
	}
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
	mail_pump(userdata);
	return 0;
}

/* ---- the mailer ---- */

void mail_greet(struct helper *h, void *userdata)
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
	struct outbox_mail *mail = b->test_mail ? b->test_mail : mail_find(d, m->field[0]);
	_cleanup_free_ char *answer = answer_of(m);

	if (b->test_mail)
		json_array_append_new(b->results, json_pack("{s:s, s:s, s:s, s:s}", "recipient", m->field[1], "outcome",
				m->field[2], "answer", answer ? answer : "", "status", m->field[7]));
	if (!mail || !mail->in_flight || outbox_result(mail, m->field[1], m->field[2], answer) < 0)
		return;
	log_message(strcmp(m->field[2], "sent") == 0 ? LOG_INFO : LOG_WARNING, "mail \"%s\" to %s: %s (%s)", mail->subject,
		m->field[1], m->field[2], answer ? answer : "");
	if (strcmp(m->field[2], "sent") == 0)
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

		if (r->fate == OUTBOX_SENT)
			continue;
		log_error("mail \"%s\" will not reach %s (%s): %s", mail->subject, r->address, outbox_fate_name(r->fate),
			r->answer ? r->answer : "no answer");
		mail_remark(d, "The mail \"%s\" did not reach %s: %s.", mail->subject, r->address,
			r->answer ? r->answer : "no answer");
	}
}

/* The attempt of every mail in flight has ended. WHY is set when the mailer itself failed. */
static void attempts_ended(struct daemon *d, const char *why)
{
	for (size_t i = d->n_outbox; i-- > 0;) {
		struct outbox_mail *mail = d->outbox[i];

		if (!mail->in_flight)
			continue;
		for (size_t j = 0; why && j < mail->n_recipients; j++)
			outbox_result(mail, mail->recipients[j].address, "temporary", why);
		mail->in_flight = false;
		if (outbox_attempted(mail, d->conf->alert.give_up, clock_realtime_usec())) {
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

static void batch_ended(struct mail_batch *b, const char *why)
{
	struct daemon *d = b->daemon;

	if (b->test_mail) {
		answer_test(b, why);
		return;
	}
	d->mail_batch = NULL;
	free(b);
	attempts_ended(d, why);
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
		batch_ended(b, NULL);
		pool_give_back(d->mailers, h);
		mail_pump(d);
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
	batch_ended(b, buf_text(&why));
	mail_pump(d);
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

/* false: no mailer is ready now; mail_mailer_available() follows. */
static bool take_mailer(struct mail_batch *b)
{
	b->helper = pool_take(b->daemon->mailers, &batch_callbacks, b);
	return b->helper;
}

void mail_pump(struct daemon *d)
{
	int64_t now = clock_realtime_usec();
	bool is_settled = state_is_settled(d), is_due = false;

	for (size_t i = 0; i < d->n_outbox; i++) {
		d->outbox[i]->is_stored |= is_settled;
		is_due |= d->outbox[i]->is_stored && d->outbox[i]->next_try_usec <= now;
	}
	d->outbox_source = sd_event_source_disable_unref(d->outbox_source);
	if (d->mail_batch || !mail_is_configured(d) || d->is_stopping || !d->has_state)
		return; /* the end of each of these calls here again */
	if (!is_due) {
		arm_outbox_timer(d);
		return;
	}
	d->mail_batch = batch_new(d);
	if (!d->mail_batch || !take_mailer(d->mail_batch)) {
		free(TAKE_PTR(d->mail_batch));
		return;
	}
	for (size_t i = 0; i < d->n_outbox; i++) {
		struct outbox_mail *mail = d->outbox[i];

		if (!mail->is_stored || mail->next_try_usec > now)
			continue;
		mail->in_flight = true;
		send_mail(d->mail_batch->helper, mail);
	}
	run_mailer(d->mail_batch);
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

void mail_mailer_available(struct pool *p, void *userdata)
{
	struct daemon *d = userdata;

	daemon_changed(d);
	if (d->mailers) {
		mail_pump(d);
		start_tests(d);
	}
}

int mail_test(struct daemon *d, struct varlink_call *caller, bool with_dialogue)
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
	mail = compose(d, REPORT_TEST, NULL);
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

/* ---- reports ---- */

static void arm_report_timer(struct daemon *d)
{
	int64_t now = clock_realtime_usec(), due = next_report(d);

	if (!d->conf->report_every || !mail_is_configured(d) || !d->has_round) {
		d->report_source = sd_event_source_disable_unref(d->report_source);
		return;
	}
	/* The clock was set back behind the last report: count from now. */
	if (d->last_report_usec > now)
		due = usec_add(now, d->conf->report_every);
	daemon_set_timer(d, &d->report_source, CLOCK_REALTIME, due, on_report_due, d);
}

/* A report tells all that happened before it: what has been told need not be remembered. */
static void report_told(struct daemon *d)
{
	struct happening **at = &d->happenings;

	d->last_report_usec = clock_realtime_usec();
	while (*at) {
		struct happening *h = *at;

		/* In memory mode the file must still learn that it was told. */
		if (!h->mail_id || d->state.phase == STATE_MEMORY) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		happening_free(h);
	}
	state_put_facts(d);
	arm_report_timer(d);
	mail_pump(d);
}

static int on_report_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	if (queue(d, REPORT_STATUS))
		d->report_serial++;
	report_told(d);
	return 0;
}

static void first_round_done(struct daemon *d)
{
	d->has_round = true;
	d->round_source = sd_event_source_disable_unref(d->round_source);
	if (!mail_is_configured(d))
		return;
	if (!d->started_told) {
		d->started_told = !d->conf->report_on_first_start || queue(d, REPORT_STARTED);
		report_told(d);
	}
	arm_report_timer(d);
}

static int on_round_overdue(sd_event_source *source, uint64_t usec, void *userdata)
{
	first_round_done(userdata);
	return 0;
}

void mail_looked(struct daemon *d)
{
	if (d->has_round)
		return;
	for (size_t i = 0; i < d->n_checks; i++)
		if (!d->checks[i]->has_looked)
			return;
	first_round_done(d);
}

/* ---- beginning, reloading, ending ---- */

static int add_recipient(struct daemon *d, const char *address)
{
	char **grown;

	for (size_t i = 0; i < d->n_recipients; i++)
		if (strcmp(d->recipients[i], address) == 0)
			return 0;
	grown = reallocarray(d->recipients, d->n_recipients + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	d->recipients = grown;
	grown[d->n_recipients] = strdup(address);
	if (!grown[d->n_recipients])
		return -ENOMEM;
	d->n_recipients++;
	return 0;
}

static void free_recipients(struct daemon *d)
{
	for (size_t i = 0; i < d->n_recipients; i++)
		free(d->recipients[i]);
	free(TAKE_PTR(d->recipients));
	d->n_recipients = 0;
}

static int configure_mailers(struct daemon *d)
{
	const char *argv[] = { "tocsin-mail", NULL };
	_cleanup_free_ char *path = helper_path(argv[0]);
	const struct pool_options options = {
		.what = argv[0], .helper = { .path = path, .argv = argv, .dies_with_daemon = true },
		.greet = mail_greet, .available = mail_mailer_available, .userdata = d,
	};

	if (!path)
		return -ENOMEM;
	if (d->conf->n_mails == 0)
		return 0; /* helpers of an earlier configuration stay idle: there is nobody to write to */
	return d->mailers ? pool_renew(d->mailers, argv) : pool_new(d->event, &options, &d->mailers);
}

int mail_configure(struct daemon *d)
{
	int r = 0;

	free_recipients(d);
	for (size_t i = 0; r >= 0 && i < d->conf->n_mails; i++)
		for (size_t j = 0; r >= 0 && j < d->conf->mails[i].to.n; j++)
			r = add_recipient(d, d->conf->mails[i].to.items[j]);
	if (r >= 0)
		r = configure_mailers(d);
	relay_forget_pauses(d);
	if (r >= 0 && d->has_state) { /* a reload */
		if (d->has_round)
			first_round_done(d);
		mail_pump(d);
	}
	return r;
}

void mail_adopted(struct daemon *d)
{
	const struct group_policy policy = {
		d->conf->alert.group_wait, d->conf->alert.group_second, d->conf->alert.group_interval,
		0, 0,
	};

	for (const struct happening *h = d->happenings; h; h = h->next)
		if (!h->mail_id)
			group_add(&d->group, &policy, clock_boottime_usec());
	arm_group_timer(d);
}

/* The state is known: what waits from an earlier run goes on. */
void mail_start(struct daemon *d)
{
	mail_adopted(d);
	daemon_set_timer(d, &d->round_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), ROUND_LIMIT_USEC),
		on_round_overdue, d);
	mail_pump(d);
}

bool mail_is_progressing(const struct daemon *d, int64_t now_usec)
{
	int64_t now = clock_realtime_usec();

	(void)now_usec;
	if (!mail_is_configured(d) || d->mail_batch || !pool_is_ready(d->mailers))
		return true; /* a batch has a deadline; no mailer is no fault of ours, and its pool tries again */
	for (size_t i = 0; i < d->n_outbox; i++)
		if (d->outbox[i]->is_stored && now - d->outbox[i]->next_try_usec > STALLED_USEC)
			return false;
	return true;
}

void mail_free(struct daemon *d)
{
	sd_event_source **const sources[] = {
		&d->group_source, &d->outbox_source, &d->report_source, &d->round_source,
	};

	for (size_t i = 0; i < ELEMENTS(sources); i++)
		*sources[i] = sd_event_source_disable_unref(*sources[i]);
	d->mailers = pool_free(d->mailers);
	while (d->test_batches) {
		answer_test(d->test_batches, "tocsind is stopping");
	}
	free(d->mail_batch);
	for (size_t i = 0; i < d->n_outbox; i++)
		outbox_mail_free(d->outbox[i]);
	free(d->outbox);
	while (d->happenings) {
		struct happening *next = d->happenings->next;

		happening_free(d->happenings);
		d->happenings = next;
	}
	for (size_t i = 0; i < d->n_remarks; i++)
		free(d->remarks[i]);
	free(d->remarks);
	free_recipients(d);
}
