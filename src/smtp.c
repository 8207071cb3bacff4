/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every part of the SMTP dialogue needs: waits with their limits, replies, words for people. See smtp.h; the way
 * to a session is in smtp-open.c, the mails are in smtp-send.c. */
#include "smtp-internal.h"

#include "clock.h"
#include "sasl.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_DEFAULT (30 * USEC_PER_SEC)
#define TIMEOUT_RECEIPT_DEFAULT (120 * USEC_PER_SEC)
#define RATE_DEFAULT 100
/* Once a reply has begun: longer than the pause that postscreen(8) makes inside its greeting (6 s). */
#define PACE_GRACE (10 * USEC_PER_SEC)
#define LAST_WORDS_WAIT USEC_PER_SEC
#define QUIT_WAIT USEC_PER_SEC
#define WRITE_MAX 16384 /* one TLS record */
#define READ_MAX 4096
#define WORDS_MAX 1000 /* characters of the server's that are kept */
#define TEXT_MAX 8192
#define SECRET_MIN 4 /* shorter ones would mask half of any text */

/* Verdicts and statuses */

void smtp_verdict_free(struct smtp_verdict *v)
{
	free(v->text);
	*v = (struct smtp_verdict){ 0 };
}

void smtp_verdict_format(const struct smtp_verdict *v, struct buf *b)
{
	buf_puts(b, v->text ? v->text : _("out of memory"));
	if (v->advice)
		buf_printf(b, C_("advice behind a failure", " (%s)"), v->advice);
}

void smtp_verdict_set(struct smtp_verdict *v, int status, const char *text)
{
	char *copy = text ? strdup(translate(text)) : NULL;

	smtp_verdict_free(v);
	*v = (struct smtp_verdict){ .status = status, .text = copy };
}

static int verdict_copy(struct smtp_verdict *to, const struct smtp_verdict *from)
{
	char *text = from->text ? strdup(from->text) : NULL;

	smtp_verdict_free(to);
	*to = *from;
	to->text = text;
	return text ? 0 : -ENOMEM;
}

const char *smtp_outcome_name(enum smtp_outcome outcome)
{
	static const char *const names[] = { "pending", "sent", "temporary", "permanent", "accepted" };

	return names[outcome];
}

static size_t status_rank(int status)
{
	static const int order[] = { EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, EX_PROTOCOL, EX_NOPERM, EX_CONFIG };

	for (size_t i = 0; i < ELEMENTS(order); i++)
		if (order[i] == status)
			return i;
	return 1;
}

int smtp_status_worse(int a, int b)
{
	return status_rank(a) >= status_rank(b) ? a : b;
}

void smtp_mail_clear(struct smtp_mail *m)
{
	for (size_t i = 0; i < m->n_recipients; i++) {
		smtp_verdict_free(&m->recipients[i].verdict);
		m->recipients[i].outcome = SMTP_PENDING;
		m->recipients[i].again = m->recipients[i].elsewhere = false;
	}
}

int smtp_mail_fail(struct smtp_mail *m, const struct smtp_verdict *v)
{
	int result = 0;

	for (size_t i = 0; i < m->n_recipients; i++) {
		struct smtp_recipient *r = &m->recipients[i];

		if (r->outcome != SMTP_PENDING)
			continue;
		r->outcome = SMTP_TEMPORARY;
		if (verdict_copy(&r->verdict, v) < 0)
			result = -ENOMEM;
	}
	return result;
}

/* Words */

static void mask(char *text, const char *secret)
{
	size_t n = secret ? strlen(secret) : 0;

	if (n < SECRET_MIN)
		return;
	for (char *hit = strstr(text, secret); hit; hit = strstr(hit + n, secret))
		memset(hit, '*', n);
}

/* A server that repeats the password, as it is or in base64, does not bring it into a log. */
static void mask_secrets(const struct smtp *s, char *text)
{
	const char *const secrets[] = { s->o->secret, s->o->token };

	for (size_t i = 0; i < ELEMENTS(secrets); i++) {
		_cleanup_sasl_buf_ struct buf coded = BUF(0);
		size_t n = secrets[i] ? strlen(secrets[i]) : 0;

		mask(text, secrets[i]);
		if (n >= SECRET_MIN && sasl_buf(&coded, n * 4 / 3 + 8) == 0 &&
			sasl_base64_encode(secrets[i], n, &coded) == 0)
			mask(text, buf_text(&coded));
	}
}

static void put_masked(const struct smtp *s, struct buf *b, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);

	if (!copy)
		return;
	mask_secrets(s, copy);
	text_clean(b, copy, WORDS_MAX);
}

void smtp_tell(const struct smtp *s, const char *direction, const char *line)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);

	if (!s->o->dialogue)
		return;
	put_masked(s, &b, line);
	s->o->dialogue(s->o->dialogue_data, direction, buf_text(&b));
}

void smtp_remark(const struct smtp *s, const char *format, ...)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&b, translate(format), arguments);
	va_end(arguments);
	smtp_tell(s, "*", buf_text(&b));
}

void smtp_words(const struct smtp *s, const struct reply *r, struct buf *b)
{
	_cleanup_free_ char *text = strdup(buf_text(&r->text));

	if (!text)
		return;
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	put_masked(s, b, text);
}

static void tell_reply(const struct smtp *s, const struct reply *r)
{
	const char *line = buf_text(&r->text);

	for (size_t i = 1; line && s->o->dialogue; i++) {
		_cleanup_buf_ struct buf b = BUF(REPLY_LINE_MAX + 64);
		const char *end = strchr(line, '\n');
		size_t n = end ? (size_t)(end - line) : strlen(line);

		buf_printf(&b, "%d%s", r->code, i < r->n_lines ? "-" : n || *r->enhanced ? " " : "");
		buf_printf(&b, "%s%s%.*s", r->enhanced, *r->enhanced ? " " : "", (int)n, line);
		smtp_tell(s, "<", buf_text(&b));
		line = end ? end + 1 : NULL;
	}
}

/* Failures */

static int status_errno(int status)
{
	static const struct {
		int status, error;
	} errors[] = {
		{ EX_CONFIG, -EINVAL },
		{ EX_NOPERM, -EACCES },
		{ EX_PROTOCOL, -EPROTO },
	};

	for (size_t i = 0; i < ELEMENTS(errors); i++)
		if (errors[i].status == status)
			return errors[i].error;
	return -EAGAIN;
}

static int end_with(struct smtp *s, int status, const char *text)
{
	if (!s->is_over) {
		smtp_verdict_set(&s->failure, status, text);
		smtp_tell(s, "*", text ? text : _("out of memory"));
	}
	s->is_over = true;
	return status_errno(s->failure.status);
}

int smtp_fail(struct smtp *s, int status, const char *format, ...)
{
	_cleanup_buf_ struct buf raw = BUF(TEXT_MAX), b = BUF(TEXT_MAX);
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&raw, translate(format), arguments);
	va_end(arguments);
	put_masked(s, &b, buf_error(&raw) ? format : buf_text(&raw));
	return end_with(s, status, buf_text(&b));
}

int smtp_fail_memory(struct smtp *s)
{
	end_with(s, EX_TEMPFAIL, _("out of memory"));
	return -ENOMEM;
}

void smtp_judge(const struct smtp *s, const struct reply *r, struct smtp_verdict *v)
{
	_cleanup_buf_ struct buf words = BUF(TEXT_MAX);
	const struct provider_advice *a = NULL;
	int status = r->code / 100 == 5 ? EX_UNAVAILABLE : r->code / 100 == 2 ? EX_OK : EX_TEMPFAIL;

	smtp_words(s, r, &words);
	smtp_verdict_set(v, status, buf_text(&words));
	v->code = r->code;
	memcpy(v->enhanced, r->enhanced, sizeof(v->enhanced));
	if (r->code >= 400)
		a = provider_advise(s->provider, r->code, r->enhanced, buf_text(&words));
	if (a) {
		v->advice = _(a->advice);
		v->pause_usec = a->pause_usec;
	}
}

int smtp_fail_reply(struct smtp *s, int status, const struct reply *r, const char *what)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	struct smtp_verdict v = { 0 };
	bool is_first = !s->is_over;

	smtp_judge(s, r, &v);
	buf_printf(&b, "%s: %d%s%s %s", translate(what), r->code, *r->enhanced ? " " : "", r->enhanced,
		v.text ? v.text : "");
	int e = end_with(s, status, buf_text(&b));
	if (is_first) {
		s->failure.code = v.code;
		memcpy(s->failure.enhanced, v.enhanced, sizeof(v.enhanced));
		s->failure.advice = v.advice;
		s->failure.pause_usec = v.pause_usec;
		if (v.advice)
			smtp_tell(s, "*", v.advice);
	}
	smtp_verdict_free(&v);
	return e;
}

/* Time */

int64_t smtp_now(const struct smtp *s)
{
	return s->o->now ? s->o->now(s->o->now_data) : clock_boottime_usec();
}

int64_t smtp_timeout(const struct smtp *s)
{
	return s->o->timeout_usec > 0 ? s->o->timeout_usec : TIMEOUT_DEFAULT;
}

int64_t smtp_timeout_receipt(const struct smtp *s)
{
	return s->o->timeout_receipt_usec > 0 ? s->o->timeout_receipt_usec : TIMEOUT_RECEIPT_DEFAULT;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long LEN bytes may take. */
static int64_t pace(const struct smtp *s, size_t len)
{
	int64_t rate = s->o->min_rate > 0 ? s->o->min_rate : RATE_DEFAULT;

	return PACE_GRACE + (int64_t)len * USEC_PER_SEC / rate;
}

/* Words for a read or write that failed, and the end of the session. WHAT: "waiting for the answer to MAIL". */
static int fail_stream(struct smtp *s, int error, const char *what)
{
	const char *words = s->stream->ops->failure ? s->stream->ops->failure(s->stream->data) : NULL;

	if (error == -ETIMEDOUT && smtp_now(s) >= s->deadline)
		return smtp_fail(s, EX_TEMPFAIL, "the time for the whole submission ran out while %s", what);
	s->is_late = error == -ETIMEDOUT;
	if (s->is_late && words)
		return smtp_fail(s, EX_TEMPFAIL, "no answer in time while %s: %s", what, words);
	if (s->is_late)
		return smtp_fail(s, EX_TEMPFAIL, "no answer in time while %s", what);
	return smtp_fail(s, error == -EPROTO ? EX_PROTOCOL : EX_TEMPFAIL, "the connection broke while %s: %s",
		what, words ? words : strerror(-error));
}

/* Reading */

static int fail_parse(struct smtp *s, int error, const char *what, size_t used)
{
	_cleanup_buf_ struct buf came = BUF(TEXT_MAX);

	if (error == -ENOMEM)
		return smtp_fail_memory(s);
	if (error == -EMSGSIZE)
		return smtp_fail(s, EX_PROTOCOL, "%s: the answer is longer than any SMTP reply", what);
	buf_append(&came, buf_text(&s->reader.line), s->reader.line.len);
	if (used > 0 && s->input.len >= used)
		buf_append(&came, s->input.data + used - 1, s->input.len - used + 1);
	return smtp_fail(s, EX_PROTOCOL, "%s: what came is no SMTP reply: \"%.100s\"", what, buf_text(&came));
}

/* Feeds what was read. 1: a reply is whole. */
static int take_reply(struct smtp *s, const char *what)
{
	size_t used = 0;
	int r = reply_feed(&s->reader, buf_text(&s->input), s->input.len, &used);

	if (r < 0)
		return fail_parse(s, r, what, used);
	buf_drop(&s->input, used);
	return r;
}

/* Reads more, until DEADLINE. 0, or -errno of the stream; -ENODATA: the peer closed. */
static int read_more(struct smtp *s, int64_t deadline)
{
	char bytes[READ_MAX];
	ssize_t n = s->stream->ops->read(s->stream->data, bytes, sizeof(bytes), deadline);

	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENODATA;
	buf_append(&s->input, bytes, (size_t)n);
	return buf_error(&s->input);
}

/* A reply as far as the stream goes: 0, -errno of the stream, or of a failed session. */
static int wait_reply(struct smtp *s, const char *what, int64_t timeout)
{
	int64_t limit = earlier(usec_add(smtp_now(s), timeout), s->deadline), begun = -1;
	size_t n_bytes = 0;

	for (;;) {
		size_t before = s->input.len;
		int r = take_reply(s, what);

		if (r != 0)
			return r < 0 ? r : 0;
		n_bytes += before;
		if (reply_has_begun(&s->reader) && begun < 0)
			begun = smtp_now(s);
		int64_t deadline = begun < 0 ? limit : earlier(limit, usec_add(begun, pace(s, n_bytes)));
		r = read_more(s, deadline);
		if (r < 0)
			return r;
	}
}

int smtp_read(struct smtp *s, const char *what, int64_t timeout, const struct reply **ret)
{
	_cleanup_buf_ struct buf doing = BUF(TEXT_MAX);

	if (s->is_over)
		return status_errno(s->failure.status);
	what = translate(what);
	buf_printf(&doing, _("waiting for %s"), what);
	int e = wait_reply(s, what, timeout);
	if (s->is_over)
		return e;
	if (e == -ENODATA)
		return smtp_fail(
			s, EX_TEMPFAIL, "the server closed the connection instead of sending %s", what);
	if (e == -ENOMEM || e == -EMSGSIZE)
		return smtp_fail_memory(s);
	if (e < 0)
		return fail_stream(s, e, buf_text(&doing));
	tell_reply(s, &s->reader.reply);
	if (s->reader.reply.code == 421)
		return smtp_fail_reply(s, EX_TEMPFAIL, &s->reader.reply, "the server ends the session");
	*ret = &s->reader.reply;
	return 0;
}

int smtp_read_last_words(struct smtp *s, const struct reply **ret)
{
	if (s->is_over || wait_reply(s, _("the reason"), LAST_WORDS_WAIT) < 0)
		return -ENOENT;
	tell_reply(s, &s->reader.reply);
	*ret = &s->reader.reply;
	return 0;
}

/* Writing */

/* Bytes that are there before the question was asked are no answer to it; 421 is one at any time. */
static int refuse_early_input(struct smtp *s)
{
	const struct reply *r;

	if (s->input.len == 0 && !s->stream->ops->has_input(s->stream->data))
		return 0;
	if (s->input.len == 0) {
		int e = read_more(s, smtp_now(s));

		if (e == -ETIMEDOUT)
			return 0;
		if (e == -ENODATA)
			return smtp_fail(s, EX_TEMPFAIL, "the server closed the connection");
		if (e < 0)
			return fail_stream(s, e, _("nothing was asked"));
	}
	int e = smtp_read(s, "unasked words", LAST_WORDS_WAIT, &r);
	return e < 0 ? e
		     : smtp_fail_reply(s, EX_PROTOCOL, r, "the server sent a reply that was not asked for");
}

static int write_slices(struct smtp *s, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = len < WRITE_MAX ? len : WRITE_MAX;
		int64_t limit = earlier(smtp_timeout(s), pace(s, n));
		int e = s->stream->ops->write(
			s->stream->data, bytes, n, earlier(usec_add(smtp_now(s), limit), s->deadline));

		if (e < 0)
			return e;
		bytes += n;
		len -= n;
	}
	return 0;
}

int smtp_write(struct smtp *s, const void *bytes, size_t len)
{
	const struct reply *r;

	if (s->is_over)
		return status_errno(s->failure.status);
	int e = refuse_early_input(s);
	if (e < 0)
		return e;
	e = write_slices(s, bytes, len);
	if (e == 0)
		return 0;
	/* A server that hangs up has often said why, and its words came before the reset. */
	if (e != -ETIMEDOUT && smtp_read_last_words(s, &r) == 0 && r->code >= 400)
		return smtp_fail_reply(s, EX_TEMPFAIL, r, "the server ends the session");
	return fail_stream(s, e, _("writing"));
}

int smtp_command(struct smtp *s, const char *line, const char *shown)
{
	_cleanup_sasl_buf_ struct buf b = BUF(0);

	if (sasl_buf(&b, strlen(line) + 2) < 0)
		return smtp_fail_memory(s);
	buf_printf(&b, "%s\r\n", line);
	smtp_tell(s, ">", shown ? shown : line);
	return smtp_write(s, b.data, b.len);
}

int smtp_ask(struct smtp *s, const char *line, const struct reply **ret)
{
	_cleanup_buf_ struct buf what = BUF(TEXT_MAX);
	int e = smtp_command(s, line, NULL);

	if (e < 0)
		return e;
	buf_printf(&what, _("the answer to %.*s"), (int)strcspn(line, " "), line);
	return smtp_read(s, buf_text(&what), smtp_timeout(s), ret);
}

/* The end */

bool smtp_is_secure(const struct smtp *s)
{
	return s->o->security == SMTP_PLAIN || s->stream->ops->is_tls(s->stream->data);
}

bool smtp_is_usable(const struct smtp *s)
{
	return !s->is_over && !s->has_quit && (s->mails_max == 0 || s->n_mails < s->mails_max);
}

void smtp_quit(struct smtp *s)
{
	if (s->is_over)
		return;
	s->deadline = earlier(s->deadline, usec_add(smtp_now(s), QUIT_WAIT));
	if ((s->has_quit || smtp_command(s, "QUIT", NULL) == 0) &&
		wait_reply(s, _("the answer to QUIT"), QUIT_WAIT) == 0)
		tell_reply(s, &s->reader.reply);
	if (!s->is_over)
		smtp_verdict_set(&s->failure, EX_TEMPFAIL, "the session is over");
	s->is_over = true;
}

struct smtp *smtp_free(struct smtp *s)
{
	if (!s)
		return NULL;
	buf_free(&s->input);
	buf_free(&s->mechanisms);
	reply_reader_free(&s->reader);
	smtp_verdict_free(&s->failure);
	free(s);
	return NULL;
}
