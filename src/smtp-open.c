/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to a session: greeting, EHLO, STARTTLS, EHLO, AUTH. See smtp.h. */
#include "smtp-internal.h"

#include "clock.h"
#include "sasl.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define DEADLINE_DEFAULT (5 * USEC_PER_MINUTE)
#define INPUT_MAX (64 * 1024)
#define COMMAND_LINE_MAX 512 /* with CRLF: RFC 5321, 4.5.3.1.4 */
#define LOGIN_ROUNDS_MAX 16

/* What EHLO says */

static void set_size(struct smtp *s, const char *words)
{
	int64_t n;

	if (*words && parse_int(words, &n) == 0 && n > 0)
		s->size_max = n;
}

/* "AUTH PLAIN LOGIN" and, from servers older than RFC 4954, "AUTH=PLAIN LOGIN". */
static void set_mechanisms(struct smtp *s, const char *words)
{
	buf_putc(&s->mechanisms, ' ');
	for (; *words; words++)
		buf_putc(&s->mechanisms, *words == '\t' ? ' ' : *words);
	buf_putc(&s->mechanisms, ' ');
}

/* RFC 9422: "LIMITS RCPTMAX=50 MAILMAX=20". */
static void set_limits(struct smtp *s, const char *words)
{
	const struct {
		const char *name;
		int64_t *value;
	} limits[] = { { "RCPTMAX=", &s->recipients_max }, { "MAILMAX=", &s->mails_max } };

	while (*words) {
		char word[64] = "";
		size_t n = strcspn(words, " ");
		int64_t value;

		if (n < sizeof(word))
			memcpy(word, words, n);
		for (size_t i = 0; i < ELEMENTS(limits); i++) {
			size_t len = strlen(limits[i].name);

			if (strncasecmp(word, limits[i].name, len) == 0 &&
				parse_int(word + len, &value) == 0 && value > 0)
				*limits[i].value = value;
		}
		words += n + strspn(words + n, " ");
	}
}

static const struct {
	const char *keyword;
	unsigned capability;
	void (*set)(struct smtp *s, const char *words);
} keywords[] = {
	{ "PIPELINING", SMTP_PIPELINING, NULL },
	{ "CHUNKING", SMTP_CHUNKING, NULL },
	{ "8BITMIME", SMTP_8BITMIME, NULL },
	{ "SMTPUTF8", SMTP_SMTPUTF8, NULL },
	{ "SIZE", SMTP_SIZE, set_size },
	{ "STARTTLS", SMTP_OFFERS_STARTTLS, NULL },
	{ "AUTH", SMTP_OFFERS_AUTH, set_mechanisms },
	{ "LIMITS", 0, set_limits },
};

/* One line: keywords are whole words, in any case. */
static void take_keyword(struct smtp *s, const char *line)
{
	size_t n = strcspn(line, " \t=");

	for (size_t i = 0; i < ELEMENTS(keywords); i++) {
		const char *words = line + n;

		if (strlen(keywords[i].keyword) != n || strncasecmp(line, keywords[i].keyword, n) != 0)
			continue;
		if (*words == '=' && keywords[i].set != set_mechanisms)
			return;
		words += strspn(words, " \t=");
		s->capabilities |= keywords[i].capability;
		if (keywords[i].set)
			keywords[i].set(s, words);
		return;
	}
}

static void forget_capabilities(struct smtp *s)
{
	s->capabilities = 0;
	s->size_max = s->recipients_max = s->mails_max = 0;
	buf_clear(&s->mechanisms);
}

static int take_capabilities(struct smtp *s, const struct reply *r)
{
	_cleanup_free_ char *text = strdup(buf_text(&r->text));
	char *rest = text;

	if (!text)
		return smtp_fail_memory(s);
	forget_capabilities(s);
	strsep(&rest, "\n"); /* the server's name */
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		take_keyword(s, line);
	return buf_error(&s->mechanisms) ? smtp_fail_memory(s) : 0;
}

/* The steps */

static bool wants_login(const struct smtp_options *o)
{
	return o->username || o->secret || o->token || (o->auth && strcasecmp(o->auth, "auto") != 0);
}

static int check_options(struct smtp *s)
{
	const struct smtp_options *o = s->o;

	if (!o->hello || !smtp_is_hello(o->hello))
		return smtp_fail(s, EX_CONFIG,
			"\"%s\" is no name to greet a mail server with: set hello to this host's full name, "
			"like "
			"web1.example.org, or to an address literal, like [192.0.2.1]",
			o->hello ? o->hello : "");
	if (o->security == SMTP_PLAIN && !o->is_loopback && !o->allow_plaintext)
		return smtp_fail(s, EX_CONFIG,
			"security = none is for servers on this host; for another host use tls or starttls, "
			"or set "
			"allow_plaintext = yes if mail may be read and changed on its way");
	if (o->auth && strcasecmp(o->auth, "auto") != 0 && !sasl_find(o->auth))
		return smtp_fail(s, EX_CONFIG, "auth = %s: this mechanism is not known here", o->auth);
	if (o->security == SMTP_TLS && !s->stream->ops->is_tls(s->stream->data))
		return smtp_fail(
			s, EX_PROTOCOL, "the connection was to be encrypted from the start and is not");
	return 0;
}

/* A server that waits for TLS says nothing at first. */
static int hint_silence(struct smtp *s, int e)
{
	_cleanup_buf_ struct buf b = BUF(8192);
	const char *text = s->failure.text;

	if (!s->is_late || s->o->security == SMTP_TLS || !text)
		return e;
	buf_printf(&b, _("%s; if this port speaks TLS from the start (as 465 does), set security = tls"), text);
	smtp_verdict_set(&s->failure, EX_TEMPFAIL, buf_text(&b));
	return e;
}

static int read_greeting(struct smtp *s)
{
	const struct reply *r;
	int e = smtp_read(s, "the greeting", smtp_timeout(s), &r);

	if (e < 0)
		return hint_silence(s, e);
	if (r->code / 100 == 2)
		return 0;
	if (r->code / 100 == 3)
		return smtp_fail_reply(s, EX_PROTOCOL, r, "this is no greeting of a mail server");
	return smtp_fail_reply(s, EX_TEMPFAIL, r, "the server does not take this client now");
}

static int say_helo(struct smtp *s)
{
	_cleanup_buf_ struct buf line = BUF(COMMAND_LINE_MAX);
	const struct reply *r;

	buf_printf(&line, "HELO %s", s->o->hello);
	forget_capabilities(s);
	int e = buf_error(&line) ? smtp_fail_memory(s) : smtp_ask(s, buf_text(&line), &r);
	if (e < 0 || r->code / 100 == 2)
		return e;
	return smtp_fail_reply(
		s, r->code / 100 == 3 ? EX_PROTOCOL : EX_TEMPFAIL, r, "the server refuses HELO");
}

static int say_ehlo(struct smtp *s)
{
	_cleanup_buf_ struct buf line = BUF(COMMAND_LINE_MAX);
	const struct reply *r;

	buf_printf(&line, "EHLO %s", s->o->hello);
	int e = buf_error(&line) ? smtp_fail_memory(s) : smtp_ask(s, buf_text(&line), &r);
	if (e < 0)
		return e;
	if (r->code / 100 == 2)
		return take_capabilities(s, r);
	if (r->code / 100 == 3)
		return smtp_fail_reply(s, EX_PROTOCOL, r, "this is no answer to EHLO");
	if (r->code / 100 == 5 && s->o->security == SMTP_PLAIN && !wants_login(s->o))
		return say_helo(s);
	return smtp_fail_reply(s, EX_TEMPFAIL, r, "the server refuses EHLO");
}

static int fail_tls(struct smtp *s, int error, const char *text)
{
	bool is_temporary = error == -ETIMEDOUT || error == -ECONNRESET || error == -EPIPE;
	const char *words = text;

	if (!words && s->stream->ops->failure)
		words = s->stream->ops->failure(s->stream->data);
	return smtp_fail(s, is_temporary ? EX_TEMPFAIL : EX_PROTOCOL, "STARTTLS: %s",
		words ? words : strerror(-error));
}

static int64_t tls_deadline(const struct smtp *s)
{
	int64_t limit = usec_add(smtp_now(s), smtp_timeout(s));

	return limit < s->deadline ? limit : s->deadline;
}

/* RFC 3207. What stands behind the 220 was sent before there was any encryption, and would be taken for an answer
 * from inside it ("NO STARTTLS", 2021); whoever does that is no server to talk to. */
static int turn_on_tls(struct smtp *s)
{
	_cleanup_free_ char *error = NULL;
	const struct reply *r;

	if (!(s->capabilities & SMTP_OFFERS_STARTTLS))
		return smtp_fail(s, EX_PROTOCOL,
			"the server does not offer STARTTLS, which is required here: either this port is not "
			"for "
			"STARTTLS (587 is; 465 wants security = tls), or somebody on the way removes it");
	int e = smtp_ask(s, "STARTTLS", &r);
	if (e < 0)
		return e;
	if (r->code / 100 != 2)
		return smtp_fail_reply(s, r->code / 100 == 4 ? EX_TEMPFAIL : EX_PROTOCOL, r,
			"the server offers STARTTLS and refuses it");
	if (s->input.len > 0 || s->stream->ops->has_input(s->stream->data))
		return smtp_fail(s, EX_PROTOCOL,
			"the server sent more behind its consent to STARTTLS, unencrypted: somebody may be "
			"inserting "
			"commands, so nothing is sent");
	e = s->stream->ops->start_tls(s->stream->data, tls_deadline(s), &error);
	if (e < 0)
		return fail_tls(s, e, error);
	if (!s->stream->ops->is_tls(s->stream->data))
		return smtp_fail(s, EX_PROTOCOL, "STARTTLS: the connection is still not encrypted");
	const char *words = s->stream->ops->description ? s->stream->ops->description(s->stream->data) : NULL;
	if (words)
		smtp_remark(s, "TLS is on: %s", words);
	else
		smtp_remark(s, "TLS is on");
	buf_clear(&s->input);
	reply_reader_reset(&s->reader);
	forget_capabilities(s);
	return say_ehlo(s);
}

/* Login */

static bool is_offered(const struct smtp *s, const char *name)
{
	size_t n = strlen(name);

	for (const char *word = buf_text(&s->mechanisms); *word; word += strcspn(word, " ")) {
		word += strspn(word, " ");
		if (strncasecmp(word, name, n) == 0 && (word[n] == ' ' || !word[n]))
			return true;
	}
	return false;
}

static bool offers_plus(const struct smtp *s)
{
	return is_offered(s, "SCRAM-SHA-256-PLUS") || is_offered(s, "SCRAM-SHA-1-PLUS");
}

/* One line of base64, shown as "****". The first line names the mechanism. */
static int send_response(struct smtp *s, const char *command, const struct buf *response)
{
	_cleanup_sasl_buf_ struct buf line = BUF(0);
	_cleanup_buf_ struct buf shown = BUF(COMMAND_LINE_MAX);

	if (sasl_buf(&line, 2 * SASL_MESSAGE_MAX) < 0)
		return smtp_fail_memory(s);
	buf_puts(&line, command);
	if (*command && response->len == 0)
		buf_putc(&line, '='); /* RFC 4954, 4: an initial response that is empty */
	if (sasl_base64_encode(response->data, response->len, &line) < 0)
		return smtp_fail_memory(s);
	buf_printf(&shown, "%s%s", command, response->len ? "****" : *command ? "=" : "");
	return smtp_command(s, buf_text(&line), buf_text(&shown));
}

/* The JSON of a refused token, or what SCRAM found, is worth more than the 535 that follows. */
static int fail_login(struct smtp *s, const struct sasl *sasl, const struct reply *r, const char *mechanism)
{
	_cleanup_buf_ struct buf what = BUF(8192), more = BUF(4096);

	text_clean(&more, sasl_error(sasl) ? sasl_error(sasl) : "", 1000);
	if (more.len > 0)
		buf_printf(&what, _("the server refuses the login by %s (%s)"), mechanism, buf_text(&more));
	else
		buf_printf(&what, _("the server refuses the login by %s"), mechanism);
	int e = smtp_fail_reply(s,
		r->code / 100 == 4   ? EX_TEMPFAIL
		: r->code / 100 == 5 ? EX_NOPERM
				     : EX_PROTOCOL,
		r, buf_text(&what));
	return e;
}

static int cancel_login(struct smtp *s, const struct sasl *sasl, const char *mechanism)
{
	const struct reply *r;

	/* 501 is due; whatever comes, there was no login. */
	if (smtp_command(s, "*", NULL) == 0)
		smtp_read(s, "the answer to a cancelled login", smtp_timeout(s), &r);
	const char *more = sasl_error(sasl);
	return smtp_fail(s, EX_PROTOCOL, "login by %s: %s", mechanism,
		more ? more : _("the server's message makes no sense"));
}

/* Bytes of a 334. *ret: the challenge. */
static int take_challenge(const struct sasl_mechanism *m, const struct reply *r, struct buf *ret)
{
	if (m->flags & SASL_RAW_CHALLENGE) {
		buf_append(ret, buf_text(&r->text), r->text.len);
		return buf_error(ret);
	}
	return sasl_base64_decode(buf_text(&r->text), r->text.len, ret);
}

/* Sends AUTH, with the initial response where the line has room for it: it counts in the command line, whose limit
 * AUTH does not lift (RFC 4954, 4). *ret_waiting: it is kept for the first 334. */
static int begin_login(struct smtp *s, struct sasl *sasl, const struct sasl_mechanism *m, struct buf *first,
	bool *ret_waiting)
{
	_cleanup_buf_ struct buf command = BUF(COMMAND_LINE_MAX);
	bool has_first = m->flags & SASL_CLIENT_FIRST;

	if (has_first && sasl_step(sasl, NULL, 0, first) < 0)
		return smtp_fail(
			s, EX_CONFIG, "login by %s: the username, password or token is too long", m->name);
	buf_printf(&command, "AUTH %s ", m->name);
	if (buf_error(&command))
		return smtp_fail_memory(s);
	*ret_waiting = has_first && command.len + (first->len + 2) / 3 * 4 + 2 > COMMAND_LINE_MAX;
	if (has_first && !*ret_waiting)
		return send_response(s, buf_text(&command), first);
	command.data[--command.len] = '\0';
	return smtp_command(s, buf_text(&command), NULL);
}

/* Answers one 334. */
static int answer_challenge(struct smtp *s, struct sasl *sasl, const struct sasl_mechanism *m,
	const struct reply *r, struct buf *first, bool *is_waiting)
{
	_cleanup_sasl_buf_ struct buf response = BUF(0);
	_cleanup_buf_ struct buf challenge = BUF(SASL_MESSAGE_MAX);

	if (*is_waiting) {
		*is_waiting = false;
		return send_response(s, "", first);
	}
	if (sasl_buf(&response, SASL_MESSAGE_MAX) < 0)
		return smtp_fail_memory(s);
	buf_puts(&challenge, "");
	int e = take_challenge(m, r, &challenge);
	if (e == 0)
		e = sasl_step(sasl, buf_text(&challenge), challenge.len, &response);
	if (e == -ENOMEM)
		return smtp_fail_memory(s);
	if (e < 0)
		return cancel_login(s, sasl, m->name);
	return send_response(s, "", &response);
}

/* The rounds after AUTH. 0: logged in; -ENOTSUP: the mechanism is not known to the server (504). */
static int finish_login(
	struct smtp *s, struct sasl *sasl, const struct sasl_mechanism *m, struct buf *first, bool is_waiting)
{
	for (unsigned i = 0; i < LOGIN_ROUNDS_MAX; i++) {
		const struct reply *r;
		int e = smtp_read(s, "the answer to AUTH", smtp_timeout(s), &r);

		if (e < 0)
			return e;
		if (r->code == 504)
			return -ENOTSUP;
		if (r->code / 100 == 2 && sasl_is_complete(sasl))
			return 0;
		if (r->code / 100 == 2)
			return smtp_fail(s, EX_PROTOCOL,
				"login by %s: the server says %d before %s is through, so it has not proved "
				"that it knows "
				"the password",
				m->name, r->code, m->name);
		if (r->code != 334)
			return fail_login(s, sasl, r, m->name);
		e = answer_challenge(s, sasl, m, r, first, &is_waiting);
		if (e < 0)
			return e;
	}
	return cancel_login(s, sasl, m->name);
}

static int login_by(struct smtp *s, const struct sasl_mechanism *m, const struct sasl_account *a)
{
	_cleanup_sasl_buf_ struct buf first = BUF(0);
	_cleanup_sasl_ struct sasl *sasl = NULL;
	bool is_waiting = false;
	int e = sasl_new(m, a, offers_plus(s), &sasl);

	if (e == -EOPNOTSUPP)
		return -ENOTSUP;
	if (e == -EINVAL)
		return smtp_fail(s, EX_CONFIG,
			"login by %s: the username, password or token holds what cannot be sent", m->name);
	if (e < 0 || sasl_buf(&first, SASL_MESSAGE_MAX) < 0)
		return smtp_fail_memory(s);
	e = begin_login(s, sasl, m, &first, &is_waiting);
	return e < 0 ? e : finish_login(s, sasl, m, &first, is_waiting);
}

/* "auto" takes EXTERNAL only where there is a certificate and nothing else to log in with. */
static bool is_wanted(const struct smtp_options *o, const struct sasl_mechanism *m)
{
	if (o->auth && strcasecmp(o->auth, "auto") != 0)
		return strcasecmp(o->auth, m->name) == 0;
	return !(m->flags & SASL_CERTIFICATE) || (o->has_client_certificate && !o->secret && !o->token);
}

static int fail_no_mechanism(struct smtp *s, const char *reasons, bool was_tried)
{
	const char *offer = buf_text(&s->mechanisms) + strspn(buf_text(&s->mechanisms), " ");
	bool is_named = s->o->auth && strcasecmp(s->o->auth, "auto") != 0;
	int len = (int)strlen(offer);

	while (len > 0 && offer[len - 1] == ' ')
		len--;
	if (!*offer && s->stream->ops->is_tls(s->stream->data))
		return smtp_fail(s, EX_NOPERM,
			"a login is configured, but the server offers none; no mail goes out without it");
	if (!*offer)
		return smtp_fail(s, EX_NOPERM,
			"a login is configured, but the server offers none on an unencrypted connection; no mail goes out "
			"without it");
	if (was_tried)
		return smtp_fail(s, EX_NOPERM,
			"the server offers %.*s and then knows none of what can be used here", len, offer);
	if (*reasons)
		return smtp_fail(s, EX_CONFIG, "no way to log in: %s", reasons);
	if (is_named)
		return smtp_fail(s, EX_NOPERM, "the server offers the logins %.*s but not %s", len, offer, s->o->auth);
	return smtp_fail(s, EX_NOPERM, "the server offers the logins %.*s but not one that is known here", len, offer);
}

static int log_in(struct smtp *s)
{
	const struct sasl_account a = {
		.username = s->o->username,
		.secret = s->o->secret,
		.token = s->o->token,
		.server = s->o->server,
		.port = s->o->port,
		.stream = s->stream,
		.nonce = s->o->nonce,
	};
	_cleanup_buf_ struct buf reasons = BUF(4096);
	bool was_tried = false;

	for (const struct sasl_mechanism *m = sasl_mechanisms; m->name; m++) {
		const char *reason;

		if (!is_wanted(s->o, m) || !is_offered(s, m->name))
			continue;
		if (!sasl_is_possible(m, &a, s->stream->ops->is_tls(s->stream->data), &reason)) {
			buf_printf(&reasons, "%s%s: %s", reasons.len ? "; " : "", m->name, _(reason));
			continue;
		}
		int e = login_by(s, m, &a);
		if (e != -ENOTSUP)
			return e;
		smtp_remark(s, "%s cannot be used, the next mechanism is tried", m->name);
		was_tried = true;
	}
	return fail_no_mechanism(s, buf_text(&reasons), was_tried);
}

static int open_session(struct smtp *s)
{
	int e = check_options(s);

	if (e == 0)
		e = read_greeting(s);
	if (e == 0)
		e = say_ehlo(s);
	if (e == 0 && s->o->security == SMTP_STARTTLS)
		e = turn_on_tls(s);
	if (e < 0)
		return e;
	if (!smtp_is_secure(s))
		return smtp_fail(s, EX_PROTOCOL, "the connection was to be encrypted and is not");
	return wants_login(s->o) ? log_in(s) : 0;
}

int smtp_open(const struct stream *stream, const struct smtp_options *options,
	struct smtp_verdict *ret_failure, struct smtp **ret)
{
	_cleanup_smtp_ struct smtp *s = calloc(1, sizeof(*s));

	if (!s) {
		smtp_verdict_set(ret_failure, EX_TEMPFAIL, "out of memory");
		return -ENOMEM;
	}
	s->stream = stream;
	s->o = options;
	s->provider = options->provider ? provider_find(options->provider)
		      : options->server ? provider_of_server(options->server)
					: NULL;
	s->input = BUF(INPUT_MAX);
	s->mechanisms = BUF(REPLY_SIZE_MAX);
	s->reader = REPLY_READER;
	s->deadline =
		options->deadline_usec > 0 ? options->deadline_usec : usec_add(smtp_now(s), DEADLINE_DEFAULT);
	int e = open_session(s);
	if (e < 0) {
		*ret_failure = s->failure;
		s->failure = (struct smtp_verdict){ 0 };
		return e;
	}
	*ret = TAKE_PTR(s);
	return 0;
}
