/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One submission; see mailer.h. From the outside in: a run over the relays, the rounds at one relay (a server
 * may end a connection after a few mails), one session. */
#include "mailer.h"

#include "clock.h"
#include "connect.h"
#include "heading.h"
#include "secret.h"
#include "text.h"
#include "translate.h"
#include "transport.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#define WORDS_MAX 6000 /* bytes; a character of Chinese has 3 */
#define SPARED_MAX_USEC USEC_PER_DAY
#define ROUNDS_IN_VAIN_MAX 3 /* connections in a row that bring nothing about */

/* One relay and what is kept for it from one batch to the next. */
struct relay {
	const struct conf_mail *conf;
	struct transport_trust *trust; /* NULL: not read yet, or not needed */
	char *secret; /* the password; tokens are fetched for each session, they expire */
	char *address; /* that was connected last; for a time without resolver */
	/* An account that refused us could be locked by another try: not before this time. */
	int64_t spared_until_usec;
	char *spared_why;
};

struct mailer {
	const struct conf *conf;
	struct relay *relays;
	size_t n;
};

/* What has become of one recipient so far. */
struct mailer_fate {
	bool is_reported;
	bool has_failed; /* at one relay or more; then: */
	bool may_pass; /* at one of them temporarily */
	int status; /* the worst of them, and what came with it */
	int code;
	char enhanced[SMTP_ENHANCED_SIZE];
	const char *relay;
	struct buf words; /* of all relays */
};

struct run {
	struct mailer *mailer;
	const struct mailer_batch *batch;
	int64_t deadline_usec; /* of the present relay */
};

/* One connection. The SMTP session points to stream and options. */
struct session {
	struct transport *transport;
	struct stream stream;
	struct smtp_options options;
	struct smtp *smtp;
	char *host; /* A-labels */
	char *token;
	struct buf hello;
};

/* Words. */

static void __attribute__((format(printf, 2, 3))) mailer_remark(const struct run *run, const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX), line = BUF(4 * WORDS_MAX);
	va_list arguments;

	if (!run->batch->dialogue)
		return;
	va_start(arguments, format);
	buf_vprintf(&text, translate(format), arguments);
	va_end(arguments);
	text_clean(&line, buf_text(&text), WORDS_MAX);
	run->batch->dialogue(run->batch->data, "*", buf_text(&line));
}

static void __attribute__((format(printf, 2, 3))) stage(const struct run *run, const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX), line = BUF(4 * WORDS_MAX);
	va_list arguments;

	if (!run->batch->dialogue || !run->batch->with_stages)
		return;
	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	text_clean(&line, buf_text(&text), WORDS_MAX);
	run->batch->dialogue(run->batch->data, "@", buf_text(&line));
}

/* Fills V, taking TEXT over (or saying what is known without memory). Returns -1, for "return failed(…)". */
static int failed(struct smtp_verdict *v, int status, char *text)
{
	v->status = status;
	v->text = text ? text : strdup(_("out of memory"));
	return -1;
}

/* Fates. */

static void report(const struct run *run, struct mailer_mail *mail, size_t i, const struct mailer_result *r)
{
	struct mailer_result result = *r;

	result.mail = mail;
	result.recipient = mail->smtp.recipients[i].address;
	mail->fates[i].is_reported = true;
	run->batch->result(run->batch->data, &result);
}

/* Reports a recipient that SMTP_SENT or SMTP_PERMANENT made final. */
static void report_final(const struct run *run, const struct relay *relay, struct mailer_mail *mail, size_t i)
{
	const struct smtp_recipient *r = &mail->smtp.recipients[i];
	_cleanup_buf_ struct buf words = BUF(WORDS_MAX);

	smtp_verdict_format(&r->verdict, &words);
	report(run, mail, i, &(struct mailer_result){ .outcome = r->outcome, .status = r->verdict.status,
				     .code = r->verdict.code, .enhanced = r->verdict.enhanced,
				     .text = buf_text(&words), .relay = relay->conf->name });
}

/* What no relay took. Where one of them may take it later, what another refuses for good is no end. */
static void report_failed(const struct run *run, struct mailer_mail *mail, size_t i)
{
	const struct mailer_fate *f = &mail->fates[i];
	bool is_final = f->has_failed && !f->may_pass;

	report(run, mail, i,
		&(struct mailer_result){ .outcome = is_final ? SMTP_PERMANENT : SMTP_TEMPORARY,
			.status = !is_final && f->status == EX_UNAVAILABLE ? EX_TEMPFAIL : f->status,
			.code = f->code,
			.enhanced = f->enhanced,
			.text = buf_text(&f->words),
			.relay = f->relay });
}

/* Adds what one relay said of R. With several relays the words say which one. */
static void fate_add(const struct mailer *m, const struct relay *relay, struct mailer_fate *f,
	const struct smtp_recipient *r)
{
	const struct smtp_verdict *v = &r->verdict;
	const char *name = relay->conf->name;

	if (!f->has_failed || smtp_status_worse(f->status, v->status) != f->status) {
		f->status = v->status;
		f->code = v->code;
		memcpy(f->enhanced, v->enhanced, sizeof(f->enhanced));
		f->relay = name;
	}
	f->has_failed = true;
	f->may_pass |= r->outcome == SMTP_TEMPORARY;
	if (f->words.len)
		buf_puts(&f->words, "; ");
	if (m->n > 1)
		buf_printf(&f->words, "[mail%s%s]: ", *name ? " " : "", name);
	smtp_verdict_format(v, &f->words);
}

static bool is_open(const struct mailer_mail *mail, size_t i)
{
	return mail->smtp.recipients[i].outcome == SMTP_PENDING;
}

static bool mail_is_open(const struct mailer_mail *mail)
{
	for (size_t i = 0; i < mail->smtp.n_recipients; i++)
		if (is_open(mail, i))
			return true;
	return false;
}

static bool batch_is_open(const struct mailer_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (mail_is_open(&b->mails[i]))
			return true;
	return false;
}

/* Nothing could be sent: the same words for all that is open. */
static void batch_fail(const struct mailer_batch *b, const struct smtp_verdict *v)
{
	for (size_t i = 0; i < b->n; i++)
		smtp_mail_fail(&b->mails[i].smtp, v);
}

static void recipient_reopen(struct smtp_recipient *r)
{
	smtp_verdict_free(&r->verdict);
	*r = (struct smtp_recipient){ .address = r->address };
}

static void relay_set_spared(struct relay *relay, int64_t until_usec, const char *why)
{
	int64_t most = usec_add(clock_boottime_usec(), SPARED_MAX_USEC);

	free(relay->spared_why);
	relay->spared_why = strdup(why);
	relay->spared_until_usec = until_usec < most ? until_usec : most;
}

static void tell_spared(const struct run *run, const struct relay *relay)
{
	if (run->batch->spared && relay->conf->server)
		run->batch->spared(run->batch->data, relay->conf->name, relay->conf->server, relay->spared_until_usec,
			relay->spared_why ? relay->spared_why : "");
}

/* A reply that asks for a pause spares the account, whoever it was about. */
static void relay_spare(const struct run *run, struct relay *relay, const struct smtp_verdict *v)
{
	_cleanup_buf_ struct buf words = BUF(WORDS_MAX);

	if (v->pause_usec <= 0)
		return;
	smtp_verdict_format(v, &words);
	relay_set_spared(relay, usec_add(clock_boottime_usec(), v->pause_usec), buf_text(&words));
	tell_spared(run, relay);
}

/* It has let us in. */
static void relay_trust_again(const struct run *run, struct relay *relay)
{
	if (relay->spared_until_usec == 0)
		return;
	relay_set_spared(relay, 0, "");
	tell_spared(run, relay);
}

/* May another relay take it? */
static bool is_for_others(const struct run *run, const struct smtp_recipient *r)
{
	return r->outcome == SMTP_TEMPORARY || (r->outcome == SMTP_PERMANENT && r->elsewhere && run->mailer->n > 1);
}

/* After one round at RELAY: reports what is final, opens again what another connection may take. */
static void settle(const struct run *run, struct relay *relay)
{
	for (size_t i = 0; i < run->batch->n; i++) {
		struct mailer_mail *mail = &run->batch->mails[i];

		for (size_t k = 0; k < mail->smtp.n_recipients; k++) {
			struct smtp_recipient *r = &mail->smtp.recipients[k];

			if (mail->fates[k].is_reported || r->outcome == SMTP_PENDING)
				continue;
			relay_spare(run, relay, &r->verdict);
			if (!is_for_others(run, r))
				report_final(run, relay, mail, k);
			else if (r->again)
				recipient_reopen(r);
		}
	}
}

struct progress {
	size_t reported, open; /* recipients */
};

static struct progress batch_progress(const struct mailer_batch *b)
{
	struct progress p = { 0 };

	for (size_t i = 0; i < b->n; i++) {
		for (size_t k = 0; k < b->mails[i].smtp.n_recipients; k++) {
			p.reported += b->mails[i].fates[k].is_reported;
			p.open += is_open(&b->mails[i], k);
		}
	}
	return p;
}

/* Done with RELAY: its failures are noted, and open for the next one. */
static void collect(const struct run *run, const struct relay *relay)
{
	for (size_t i = 0; i < run->batch->n; i++) {
		struct mailer_mail *mail = &run->batch->mails[i];

		for (size_t k = 0; k < mail->smtp.n_recipients; k++) {
			struct smtp_recipient *r = &mail->smtp.recipients[k];

			if (mail->fates[k].is_reported || r->outcome == SMTP_PENDING)
				continue;
			fate_add(run->mailer, relay, &mail->fates[k], r);
			recipient_reopen(r);
		}
	}
}

/* Secrets and authorities. */

static bool relay_needs_trust(const struct relay *relay)
{
	return relay->conf->security != CONF_NONE;
}

static int relay_load_trust(struct relay *relay, char **ret_error)
{
	const struct conf_mail *c = relay->conf;
	const struct transport_trust_options o = {
		.ca_file = c->tls_ca_file,
		.pin = c->tls_pin,
		.cert_file = c->tls_cert_file,
		.key_file = c->tls_key_file,
	};

	if (relay->trust || !relay_needs_trust(relay))
		return 0;
	return transport_trust_new(&o, &relay->trust, ret_error);
}

static int relay_load_secret(struct relay *relay, int64_t deadline_usec, char **ret_error)
{
	return relay->secret ? 0 : secret_password(relay->conf, deadline_usec, &relay->secret, ret_error);
}

void mailer_load(struct mailer *m, struct buf *notes)
{
	for (size_t i = 0; i < m->n; i++) {
		_cleanup_free_ char *no_trust = NULL, *no_secret = NULL;
		struct relay *relay = &m->relays[i];
		const char *name = relay->conf->name;

		int trust = relay_load_trust(relay, &no_trust);
		int secret = relay_load_secret(
			relay, usec_add(clock_boottime_usec(), SECRET_COMMAND_USEC), &no_secret);
		if (trust < 0)
			buf_printf(notes, "%s[mail%s%s]: %s", notes->len ? "; " : "", *name ? " " : "", name,
				no_trust ? no_trust : strerror(-trust));
		if (secret < 0)
			buf_printf(notes, "%s[mail%s%s]: %s", notes->len ? "; " : "", *name ? " " : "", name,
				no_secret ? no_secret : strerror(-secret));
	}
}

/* One session. */

void mailer_hello(const char *hello, const char *host, int fd, struct buf *b)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	bool is_v6 = getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family == AF_INET6;
	_cleanup_buf_ struct buf address = BUF(100);

	if (hello && *hello) {
		buf_puts(b, hello);
		return;
	}
	if (host && strchr(host, '.') && smtp_is_hello(host)) {
		buf_puts(b, host);
		return;
	}
	connect_own_address(fd, &address);
	const char *text = buf_text(&address);
	buf_printf(b, "[%s%.*s]", is_v6 ? "IPv6:" : "", (int)strcspn(text, "%"), text); /* without "%eth0" */
}

static bool is_loopback(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	       connect_is_loopback((struct sockaddr *)&peer);
}

static int64_t stage_deadline(const struct run *run, int64_t timeout_usec)
{
	int64_t end = usec_add(clock_boottime_usec(), timeout_usec);

	return end < run->deadline_usec ? end : run->deadline_usec;
}

static void relay_set_address(struct relay *relay, const char *address)
{
	free(relay->address);
	relay->address = strdup(address);
}

void mailer_remember(struct mailer *m, const char *name, const char *server, const char *address)
{
	for (size_t i = 0; i < m->n; i++) {
		struct relay *relay = &m->relays[i];

		if (text_equal(relay->conf->name, name) && text_equal(relay->conf->server, server) &&
			connect_is_literal(address, NULL, NULL))
			relay_set_address(relay, address);
	}
}

void mailer_spare(struct mailer *m, const char *name, const char *server, int64_t until_usec, const char *why)
{
	for (size_t i = 0; i < m->n; i++) {
		struct relay *relay = &m->relays[i];

		if (text_equal(relay->conf->name, name) && text_equal(relay->conf->server, server))
			relay_set_spared(relay, until_usec, why);
	}
}

static int session_connect(
	const struct run *run, struct relay *relay, struct session *s, struct smtp_verdict *failure)
{
	const struct conf_mail *c = relay->conf;
	_cleanup_buf_ struct buf peer = BUF(100);
	char *error = NULL;
	int fd;

	if (transport_ascii_host(c->server, &s->host) < 0)
		return failed(failure, EX_CONFIG, strdup(_("server is no valid host name")));
	mailer_remark(run, "connecting to %s, port %u", s->host, (unsigned)c->port);
	stage(run, "name %s", s->host);
	int r = connect_host(&(struct connect_options){ .host = s->host, .port = (uint16_t)c->port,
				     .source_address = c->source_address, .remembered = relay->address,
				     .deadline_usec = stage_deadline(run, c->timeout) }, &fd, &error);
	if (r < 0) {
		if (r != -ENXIO && r != -EAGAIN) /* connect.h: the name is not at fault */
			stage(run, "connect");
		return failed(failure, r == -EINVAL || r == -EADDRNOTAVAIL ? EX_CONFIG : EX_TEMPFAIL, error);
	}

	connect_peer_address(fd, &peer);
	stage(run, "connect %s", buf_text(&peer));
	mailer_remark(run, "connected to %s", buf_text(&peer));
	s->options.is_loopback = is_loopback(fd);
	mailer_hello(c->hello, run->mailer->conf->host, fd, &s->hello);
	if (transport_new(fd, relay->trust, s->host, &s->transport) < 0)
		return failed(failure, EX_TEMPFAIL, NULL);
	s->stream = transport_stream(s->transport);
	relay_set_address(relay, buf_text(&peer));
	if (run->batch->connected)
		run->batch->connected(run->batch->data, c->name, c->server, buf_text(&peer));
	return 0;
}

/* TLS from the start. Time-outs and resets may pass; all else is a matter of TLS. */
static int session_start_tls(const struct run *run, const struct relay *relay, struct session *s,
	struct smtp_verdict *failure)
{
	char *error = NULL;

	if (relay->conf->security != CONF_TLS)
		return 0;
	stage(run, "tls");
	int r = s->stream.ops->start_tls(s->stream.data, stage_deadline(run, relay->conf->timeout), &error);
	if (r < 0)
		return failed(failure, r == -EPROTO || r == -EKEYREJECTED ? EX_PROTOCOL : EX_TEMPFAIL, error);
	mailer_remark(run, "%s", transport_description(s->transport));
	return 0;
}

static int session_load(
	const struct run *run, struct relay *relay, struct session *s, struct smtp_verdict *failure)
{
	char *error = NULL;
	int r = relay_load_trust(relay, &error);

	if (r == 0)
		r = relay_load_secret(relay, run->deadline_usec, &error);
	if (r == 0)
		r = secret_token(relay->conf, run->deadline_usec, &s->token, &error);
	if (r == 0)
		return 0;
	/* a command that hangs or fails may work the next time, a missing file will not mend itself */
	return failed(failure, r == -ENOMEM || r == -ETIMEDOUT || r == -EIO ? EX_TEMPFAIL : EX_CONFIG, error);
}

/* The line of TEXT that begins with NAME, without it. */
static const char *find_line(const char *text, const char *name, int *ret_len)
{
	const char *line = strstr(text, name);

	line = line ? line + strlen(name) : "";
	*ret_len = (int)strcspn(line, "\n");
	return line;
}

static void append_end(struct buf *b, int64_t usec)
{
	if (usec == INT64_MAX)
		buf_puts(b, "never");
	else
		buf_printf(b, "%" PRId64, usec);
}

static void tell_certificate(const struct run *run, const struct session *s)
{
	const struct transport_certificate *c = s->transport ? transport_peer_certificate(s->transport) : NULL;
	_cleanup_buf_ struct buf ends = BUF(100);
	int names_len, issuer_len;

	if (!c || !c->is_known)
		return;
	const char *names = find_line(buf_text(&c->text), _(CERTIFICATE_NAMES), &names_len);
	const char *issuer = find_line(buf_text(&c->text), _(CERTIFICATE_ISSUER), &issuer_len);
	append_end(&ends, c->until_usec);
	buf_putc(&ends, ' ');
	append_end(&ends, c->chain_until_usec);
	stage(run, "certificate %s for %.*s, issued by %.*s", buf_text(&ends), names_len, names, issuer_len, issuer);
}

static void session_set_options(const struct run *run, const struct relay *relay, struct session *s)
{
	const struct conf_mail *c = relay->conf;
	bool is_loopback_peer = s->options.is_loopback;

	s->options = (struct smtp_options){
		.security = (enum smtp_security)c->security,
		.is_loopback = is_loopback_peer,
		.allow_plaintext = c->allow_plaintext,
		.hello = buf_text(&s->hello),
		.server = s->host,
		.port = (uint16_t)c->port,
		.provider = c->provider,
		.username = c->username,
		.secret = relay->secret,
		.token = s->token,
		.auth = c->auth,
		.has_client_certificate = c->tls_cert_file != NULL,
		.timeout_usec = c->timeout,
		.timeout_receipt_usec = c->timeout_receipt,
		.deadline_usec = run->deadline_usec,
		.min_rate = c->min_rate,
		.dialogue = run->batch->dialogue,
		.dialogue_data = run->batch->data,
	};
}

static int session_open(
	const struct run *run, struct relay *relay, struct session *s, struct smtp_verdict *failure)
{
	stage(run, "secret");
	int r = session_load(run, relay, s, failure);

	if (r == 0)
		r = session_connect(run, relay, s, failure);
	if (r == 0)
		r = session_start_tls(run, relay, s, failure);
	if (r < 0) {
		tell_certificate(run, s);
		return r;
	}
	session_set_options(run, relay, s);
	r = smtp_open(&s->stream, &s->options, failure, &s->smtp);
	tell_certificate(run, s);
	if (r == -EACCES) /* the next batch reads it again: it may have been changed meanwhile */
		relay->secret = secret_free(relay->secret);
	return r;
}

static void session_end(struct session *s)
{
	smtp_free(s->smtp);
	transport_free(s->transport);
	secret_free(s->token);
	free(s->host);
	buf_free(&s->hello);
}

/* Sends the mail as it is for this relay: from its own address, see heading.h. The recipients are the same ones. */
static int session_send_one(const struct run *run, const struct relay *relay, struct session *s, struct mailer_mail *mail,
	bool is_last)
{
	_cleanup_buf_ struct buf content = BUF(SMTP_CONTENT_MAX);
	struct smtp_mail as = mail->smtp;

	heading_fit(&content, as.content, as.content_len, as.sender, relay->conf->from);
	if (!buf_error(&content)) { /* else as it is: better than not at all */
		as.content = buf_text(&content);
		as.content_len = content.len;
	}
	if (*as.sender)
		as.sender = relay->conf->from;
	return run->batch->is_probe ? smtp_probe(s->smtp, &as) : smtp_send(s->smtp, &as, is_last);
}

/* Sends what is open until the session ends. */
static void session_send(const struct run *run, struct relay *relay, struct session *s)
{
	const struct mailer_batch *b = run->batch;
	struct mailer_mail *next = NULL;

	for (size_t i = 0; i < b->n; i++) {
		if (!mail_is_open(&b->mails[i]))
			continue;
		if (next) {
			int r = session_send_one(run, relay, s, next, false);
			settle(run, relay);
			if (r < 0 || !smtp_is_usable(s->smtp))
				return;
		}
		next = &b->mails[i];
	}
	if (next)
		session_send_one(run, relay, s, next, true);
}

/* One connection. False: none came about, and all that is open has failed. */
static bool relay_round(const struct run *run, struct relay *relay)
{
	_cleanup_(session_end) struct session s = { .hello = BUF(300) };
	_cleanup_smtp_verdict_ struct smtp_verdict failure = { 0 };

	if (session_open(run, relay, &s, &failure) < 0) {
		mailer_remark(run, "%s", failure.text ? failure.text : _("the session could not be opened"));
		relay_spare(run, relay, &failure);
		batch_fail(run->batch, &failure);
		return false;
	}
	relay_trust_again(run, relay);
	session_send(run, relay, &s);
	settle(run, relay); /* the receipts are told before QUIT is waited for */
	smtp_quit(s.smtp);
	return true;
}

static void relay_fail(const struct run *run, const char *text)
{
	_cleanup_smtp_verdict_ struct smtp_verdict v = { 0 };

	failed(&v, EX_TEMPFAIL, strdup(translate(text)));
	batch_fail(run->batch, &v);
}

/* The account refused us, and another try could lock it. Somebody who is waiting may know better. */
static bool relay_is_spared(const struct run *run, const struct relay *relay)
{
	int64_t left = relay->spared_until_usec - clock_boottime_usec();
	_cleanup_buf_ struct buf words = BUF(2 * WORDS_MAX), duration = BUF(100);

	if (left <= 0 || run->batch->by_hand)
		return false;
	format_duration(&duration, left);
	buf_printf(&words, _("not tried for another %s, to spare the account: %s"), buf_text(&duration),
		relay->spared_why ? relay->spared_why : "");
	relay_fail(run, buf_text(&words));
	return true;
}

/* Rounds at one relay, as long as each one settles something. A mail that costs its connection shall not take with it, time
 * and again, all that come after it; but what serves nobody is not asked for long. */
static void relay_run(const struct run *run, struct relay *relay)
{
	struct progress before, now = batch_progress(run->batch);
	size_t in_vain = 0;

	if (relay_is_spared(run, relay))
		return;
	do {
		before = now;
		if (!relay_round(run, relay))
			return;
		if (!batch_is_open(run->batch))
			return;
		now = batch_progress(run->batch);
		in_vain = now.reported > before.reported ? 0 : in_vain + 1;
	} while (now.open < before.open && in_vain < ROUNDS_IN_VAIN_MAX && clock_boottime_usec() < run->deadline_usec);
	relay_fail(run, "the server ended the connection before this mail's turn");
}

/* The run. */

/* With K relays left each may use a K-th of the time that is left, so that a slow one leaves some for the
 * next. */
static int64_t relay_deadline(const struct run *run, const struct relay *relay, size_t relays_left)
{
	int64_t now = clock_boottime_usec(), own = usec_add(now, relay->conf->deadline);
	int64_t left = run->batch->deadline_usec - now;

	if (!run->batch->deadline_usec)
		return own;
	int64_t share = usec_add(now, left > 0 ? left / (int64_t)relays_left : 0);
	return share < own ? share : own;
}

static void finish(const struct run *run)
{
	for (size_t i = 0; i < run->batch->n; i++) {
		struct mailer_mail *mail = &run->batch->mails[i];

		for (size_t k = 0; k < mail->smtp.n_recipients; k++)
			if (!mail->fates[k].is_reported)
				report_failed(run, mail, k);
	}
}

static void fates_free(const struct mailer_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct mailer_mail *mail = &b->mails[i];

		for (size_t k = 0; mail->fates && k < mail->smtp.n_recipients; k++)
			buf_free(&mail->fates[k].words);
		free(mail->fates);
		mail->fates = NULL;
		smtp_mail_clear(&mail->smtp);
	}
}

static int fates_new(const struct mailer_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct mailer_mail *mail = &b->mails[i];

		smtp_mail_clear(&mail->smtp);
		mail->fates = calloc(mail->smtp.n_recipients + 1, sizeof(mail->fates[0]));
		if (!mail->fates) {
			fates_free(b);
			return -ENOMEM;
		}
		for (size_t k = 0; k < mail->smtp.n_recipients; k++)
			mail->fates[k] = (struct mailer_fate){ .words = BUF(4 * WORDS_MAX), .relay = "" };
	}
	return 0;
}

static void fail_without_relays(const struct run *run)
{
	_cleanup_smtp_verdict_ struct smtp_verdict v = { 0 };
	const struct conf_mail none = { .name = (char *)"" };

	failed(&v, EX_CONFIG, strdup(_("no mail server is configured: add a [mail] section")));
	batch_fail(run->batch, &v);
	collect(run, &(struct relay){ .conf = &none });
}

/* What is no address is refused before anybody is connected to. */
static void check_addresses(const struct run *run)
{
	const struct conf_mail none = { .name = (char *)"" };
	struct relay nobody = { .conf = &none };
	size_t pending;

	for (size_t i = 0; i < run->batch->n; i++)
		smtp_mail_check(
			&run->batch->mails[i].smtp, &pending); /* without memory smtp_send() does it again */
	settle(run, &nobody);
	free(nobody.spared_why);
}

int mailer_run(struct mailer *m, const struct mailer_batch *batch)
{
	struct run run = { .mailer = m, .batch = batch };
	int r = fates_new(batch);

	if (r < 0)
		return r;
	check_addresses(&run);
	for (size_t i = 0; i < m->n && batch_is_open(batch); i++) {
		run.deadline_usec = relay_deadline(&run, &m->relays[i], m->n - i);
		relay_run(&run, &m->relays[i]);
		collect(&run, &m->relays[i]);
	}
	if (m->n == 0)
		fail_without_relays(&run);
	finish(&run);
	fates_free(batch);
	return 0;
}

int mailer_new(const struct conf *conf, struct mailer **ret)
{
	_cleanup_mailer_ struct mailer *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->conf = conf;
	m->relays = calloc(conf->n_mails + 1, sizeof(m->relays[0]));
	if (!m->relays)
		return -ENOMEM;
	for (; m->n < conf->n_mails; m->n++)
		m->relays[m->n].conf = &conf->mails[m->n];
	*ret = TAKE_PTR(m);
	return 0;
}

struct mailer *mailer_free(struct mailer *m)
{
	if (m) {
		for (size_t i = 0; i < m->n; i++) {
			struct relay *relay = &m->relays[i];

			transport_trust_free(relay->trust);
			secret_free(relay->secret);
			free(relay->address);
			free(relay->spared_why);
		}
		free(m->relays);
		free(m);
	}
	return NULL;
}
