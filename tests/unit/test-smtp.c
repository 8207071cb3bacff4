/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plays the SMTP dialogues of tests/scenarios/smtp/ (*.smtp) against smtp.c over a stream in memory with a clock of its
 * own, each twice: with what the server says in one piece, and byte by byte. One file is one rule. A third time it is played in
 * Chinese: the server must hear the same, and every failure that has words of our own must have Chinese ones.
 *
 *	test-smtp [FILE…]     without FILE: all of $srcdir/tests/scenarios/smtp
 *
 * A line is a word, a colon, a blank and a value; empty lines and lines that begin with # are for people. In values
 * \r \n \t \\ and \xHH are escapes. The client writes only when it has read all before, reads only when it has written
 * all before, and must write all that the script says.
 *
 * Before the dialogue (defaults: tls, client.example.org, mail.example.org, nobody logs in):
 *	security: tls | starttls | none    loopback: yes    allow-plaintext: yes    unencrypted: yes (a stream that lies)
 *	hello: NAME  server: NAME  provider: NAME  user: NAME  secret: WORD  token: WORD  auth: NAME  certificate: yes
 *	nonce: WORD  binding: exporter | end-point    timeout, receipt-timeout, deadline: SECONDS    rate: BYTES
 *	mail: SENDER        a mail begins; its lines follow:
 *	to: ADDRESS         text: LINE (with LF)       bytes: BYTES (without)     fill: COUNT CHARACTER
 *	last: no            another mail could follow: no QUIT
 *	language: NAME      what is said is in this language, always
 * The dialogue:
 *	S: LINE             the server sends the line and CRLF        s: BYTES   without CRLF
 *	C: LINE             the client must send it, with CRLF        c: BYTES   without CRLF
 *	wait: SECONDS       before the server goes on                 drip: SECONDS TEXT   for each of its bytes
 *	tls: ok             the client must turn on TLS               tls: ERROR WORDS     it fails (timeout, reset, error)
 *	close: clean | cut | reset      what the next read finds      stall: yes     the server says nothing for ever
 *	full: yes           the next write fails, the connection was reset; what follows can still be read
 * What must come of it:
 *	open: STATUS WORDS  smtp_open() fails (exit status, part of its text or advice)
 *	result: ADDRESS OUTCOME CODE WORDS    of the mail above; "sent again" marks recipient.again; CODE may be "-"
 *	ends: early         smtp_send() says -ENOTCONN       told: at once      it has not waited for anybody
 *	status: N           the worst of its recipients (smtp_status_worse())
 *	turns: N            how often the client waited for the server
 *	elapsed: SECONDS    most that the clock may say in the end
 *	pause: SECONDS      the advice not to try sooner
 *	shows: D LINE       a line of the dialogue (D: > < or *) contains it      hides: WORDS   nothing contains it */
#include "clock.h"
#include "language.h"
#include "smtp.h"
#include "tests/support/han.h"
#include "text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#define SCRIPT_MAX 512
#define MAILS_MAX 8
#define RECIPIENTS_MAX 256
#define CHECKS_MAX 32
#define START_USEC (1000 * USEC_PER_SEC)

enum step_kind { SERVER_SENDS, CLIENT_SENDS, WAIT, DRIP, TLS, CLOSE, STALL, FULL };

struct step {
	enum step_kind kind;
	struct buf bytes;
	int64_t usec;
	int error;
	unsigned line;
};

struct expectation {
	char *address, *words;
	enum smtp_outcome outcome;
	int code; /* -1: any */
	bool again;
};

struct mail {
	char *sender;
	struct buf content;
	struct smtp_recipient recipients[RECIPIENTS_MAX];
	size_t n_recipients;
	struct expectation results[RECIPIENTS_MAX];
	size_t n_results;
	bool is_not_last, ends_early, is_told_at_once;
	int status; /* -1: not said */
};

struct scenario {
	const char *path;
	struct smtp_options options;
	bool is_unencrypted, has_binding[2];
	const char *language; /* NULL: any */
	struct step steps[SCRIPT_MAX];
	size_t n_steps;
	struct mail mails[MAILS_MAX];
	size_t n_mails;
	int open_status;
	char *open_words;
	int turns;
	int64_t elapsed, pause;
	char *shows[CHECKS_MAX], *hides[CHECKS_MAX];
	size_t n_shows, n_hides;

	/* while it plays */
	bool by_bytes, is_tls, has_written;
	bool is_translated; /* the words of the file are English, what is said is not */
	size_t step, offset;
	int64_t now;
	int n_turns;
	struct buf transcript;
	char trouble[512];
};

static int n_failures;

static void trouble(struct scenario *s, const char *format, ...) _printf_(2, 3);
static void trouble(struct scenario *s, const char *format, ...)
{
	va_list arguments;

	if (*s->trouble)
		return;
	va_start(arguments, format);
	vsnprintf(s->trouble, sizeof(s->trouble), format, arguments);
	va_end(arguments);
}

/* The stream */

static int64_t play_now(void *data)
{
	return ((struct scenario *)data)->now;
}

static struct step *play_step(struct scenario *s)
{
	return s->step < s->n_steps ? &s->steps[s->step] : NULL;
}

static void play_next(struct scenario *s)
{
	s->step++;
	s->offset = 0;
}

/* Lets time go by; false when DEADLINE comes first. */
static bool play_pass(struct scenario *s, int64_t usec, int64_t deadline)
{
	if (usec_add(s->now, usec) > deadline) {
		if (deadline > s->now)
			s->now = deadline;
		return false;
	}
	s->now += usec;
	return true;
}

/* Copies what the server has said up to the next thing of another kind. */
static size_t play_copy(struct scenario *s, char *to, size_t len)
{
	size_t done = 0, most = s->by_bytes ? 1 : len;

	for (struct step *t = play_step(s); t && t->kind == SERVER_SENDS && done < most; t = play_step(s)) {
		size_t n = t->bytes.len - s->offset;

		if (n > most - done)
			n = most - done;
		memcpy(to + done, t->bytes.data + s->offset, n);
		done += n;
		s->offset += n;
		if (s->offset == t->bytes.len)
			play_next(s);
	}
	return done;
}

static ssize_t play_read(void *data, void *bytes, size_t len, int64_t deadline)
{
	struct scenario *s = data;
	struct step *t = play_step(s);

	if (s->has_written)
		s->n_turns++;
	s->has_written = false;
	while (t && t->kind == WAIT) {
		if (!play_pass(s, t->usec, deadline))
			return -ETIMEDOUT;
		play_next(s);
		t = play_step(s);
	}
	if (!t || t->kind == CLIENT_SENDS || t->kind == TLS || t->kind == FULL) {
		trouble(s, "the client reads where it should %s (line %u)", t ? "write" : "be done",
			t ? t->line : 0);
		return -EIO;
	}
	if (t->kind == STALL) {
		play_pass(s, USEC_NEVER, deadline);
		return -ETIMEDOUT;
	}
	if (t->kind == CLOSE)
		return t->error;
	if (t->kind == DRIP) {
		if (!play_pass(s, t->usec, deadline))
			return -ETIMEDOUT;
		*(char *)bytes = t->bytes.data[s->offset++];
		if (s->offset == t->bytes.len)
			play_next(s);
		return 1;
	}
	return (ssize_t)play_copy(s, bytes, len);
}

static int play_write(void *data, const void *bytes, size_t len, int64_t deadline)
{
	struct scenario *s = data;
	const char *p = bytes;

	s->has_written = true;
	if (s->now >= deadline)
		return -ETIMEDOUT;
	while (len > 0) {
		struct step *t = play_step(s);

		if (t && t->kind == FULL) {
			play_next(s);
			return -ECONNRESET;
		}
		if (!t || t->kind != CLIENT_SENDS) {
			trouble(s, "the client writes \"%.*s\" where it should %s (line %u)",
				(int)(len < 60 ? len : 60), p, t ? "wait" : "be done", t ? t->line : 0);
			return -EIO;
		}
		if (*p != t->bytes.data[s->offset]) {
			trouble(s, "line %u: expected \"%.100s\", the client writes \"%.*s\"", t->line,
				buf_text(&t->bytes) + s->offset, (int)(len < 100 ? len : 100), p);
			return -EIO;
		}
		p++, len--, s->offset++;
		if (s->offset == t->bytes.len)
			play_next(s);
	}
	return 0;
}

static bool play_has_input(void *data)
{
	struct step *t = play_step(data);

	return t && (t->kind == SERVER_SENDS || t->kind == CLOSE);
}

static int play_start_tls(void *data, int64_t deadline, char **ret_error)
{
	struct scenario *s = data;
	struct step *t = play_step(s);

	if (!t || t->kind != TLS) {
		trouble(s, "the client turns on TLS where it should not (line %u)", t ? t->line : 0);
		return -EIO;
	}
	play_next(s);
	if (t->error < 0) {
		*ret_error = strdup(buf_text(&t->bytes));
		return t->error;
	}
	s->is_tls = true;
	return 0;
}

static bool play_is_tls(void *data)
{
	return ((struct scenario *)data)->is_tls;
}

static int play_binding(void *data, enum stream_binding kind, struct buf *ret)
{
	struct scenario *s = data;

	if (!s->has_binding[kind])
		return -EOPNOTSUPP;
	buf_puts(ret, kind == STREAM_TLS_EXPORTER ? "exported-keying-material" : "certificate-hash");
	return 0;
}

static const struct stream_ops play_ops = {
	.read = play_read,
	.write = play_write,
	.has_input = play_has_input,
	.start_tls = play_start_tls,
	.is_tls = play_is_tls,
	.binding = play_binding,
};

static void play_dialogue(void *data, const char *direction, const char *line)
{
	struct scenario *s = data;

	buf_printf(&s->transcript, "%s %s\n", direction, line);
}

/* The file */

static void put_unescaped(struct buf *b, const char *text)
{
	static const char letters[] = "rnt\\", values[] = "\r\n\t\\";

	for (; *text; text++) {
		const char *known = text[0] == '\\' && text[1] ? strchr(letters, text[1]) : NULL;
		unsigned code;

		if (known) {
			buf_putc(b, values[known - letters]);
			text++;
		} else if (text[0] == '\\' && text[1] == 'x' && sscanf(text + 2, "%2x", &code) == 1) {
			buf_putc(b, (char)code);
			text += 3;
		} else {
			buf_putc(b, *text);
		}
	}
}

static char *unescaped(const char *text)
{
	struct buf b = BUF(1024 * 1024);

	put_unescaped(&b, text);
	return buf_take(&b);
}

static struct step *add_step(struct scenario *s, enum step_kind kind, unsigned line)
{
	struct step *t = &s->steps[s->n_steps++];

	*t = (struct step){ .kind = kind, .bytes = BUF(1024 * 1024), .line = line };
	return t;
}

static struct mail *this_mail(struct scenario *s)
{
	return s->n_mails ? &s->mails[s->n_mails - 1] : NULL;
}

static int64_t seconds(const char *text)
{
	return (int64_t)(strtod(text, NULL) * (double)USEC_PER_SEC);
}

/* Takes the first word off *TEXT. */
static char *take_word(const char **text)
{
	size_t n = strcspn(*text, " ");
	char *word = strndup(*text, n);

	*text += n + strspn(*text + n, " ");
	return word;
}

static bool set_string(const char **member, const char *value)
{
	free((char *)(uintptr_t)*member);
	*member = unescaped(value);
	return true;
}

static bool set_security(struct scenario *s, const char *v, unsigned line)
{
	static const char *const names[] = { "tls", "starttls", "none" };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		if (strcmp(v, names[i]) == 0) {
			s->options.security = (enum smtp_security)i;
			return true;
		}
	}
	return false;
}

#define SETTER(function, statement)                                            \
	static bool function(struct scenario *s, const char *v, unsigned line) \
	{                                                                      \
		statement;                                                     \
		return true;                                                   \
	}

SETTER(set_loopback, s->options.is_loopback = true)
SETTER(set_plaintext, s->options.allow_plaintext = true)
SETTER(set_unencrypted, s->is_unencrypted = true)
SETTER(set_certificate, s->options.has_client_certificate = true)
SETTER(set_hello, set_string(&s->options.hello, v))
SETTER(set_server, set_string(&s->options.server, v))
SETTER(set_provider, set_string(&s->options.provider, v))
SETTER(set_user, set_string(&s->options.username, v))
SETTER(set_secret, set_string(&s->options.secret, v))
SETTER(set_token, set_string(&s->options.token, v))
SETTER(set_auth, set_string(&s->options.auth, v))
SETTER(set_nonce, set_string(&s->options.nonce, v))
SETTER(set_language, set_string(&s->language, v))
SETTER(set_binding,
	s->has_binding[strcmp(v, "exporter") == 0 ? STREAM_TLS_EXPORTER : STREAM_TLS_SERVER_END_POINT] = true)
SETTER(set_timeout, s->options.timeout_usec = seconds(v))
SETTER(set_receipt_timeout, s->options.timeout_receipt_usec = seconds(v))
SETTER(set_deadline, s->options.deadline_usec = START_USEC + seconds(v))
SETTER(set_rate, s->options.min_rate = atoi(v))
SETTER(set_turns, s->turns = atoi(v))
SETTER(set_elapsed, s->elapsed = seconds(v))
SETTER(set_pause, s->pause = seconds(v))
SETTER(set_shows, s->shows[s->n_shows++] = unescaped(v))
SETTER(set_hides, s->hides[s->n_hides++] = unescaped(v))

static bool set_mail(struct scenario *s, const char *v, unsigned line)
{
	struct mail *m = &s->mails[s->n_mails++];

	m->sender = unescaped(v);
	m->content = BUF(4 * 1024 * 1024);
	m->status = -1;
	return true;
}

#define MAIL_SETTER(function, statement)                                       \
	static bool function(struct scenario *s, const char *v, unsigned line) \
	{                                                                      \
		struct mail *m = this_mail(s);                                 \
		if (!m)                                                        \
			return false;                                          \
		statement;                                                     \
		return true;                                                   \
	}

MAIL_SETTER(set_to, m->recipients[m->n_recipients++].address = unescaped(v))
MAIL_SETTER(set_bytes, put_unescaped(&m->content, v))
MAIL_SETTER(set_text, put_unescaped(&m->content, v); buf_putc(&m->content, '\n'))
MAIL_SETTER(set_last, m->is_not_last = true)
MAIL_SETTER(set_ends, m->ends_early = true)
MAIL_SETTER(set_told, m->is_told_at_once = true)
MAIL_SETTER(set_status, m->status = atoi(v))
MAIL_SETTER(set_fill, for (long n = strtol(v, NULL, 10); n > 0; n--) buf_putc(&m->content, strchr(v, ' ')[1]))

static bool set_result(struct scenario *s, const char *v, unsigned line)
{
	struct mail *m = this_mail(s);
	struct expectation *e = &m->results[m->n_results++];

	_cleanup_free_ char *address = take_word(&v);
	e->address = unescaped(address);
	_cleanup_free_ char *outcome = take_word(&v);
	if (strncmp(v, "again ", 6) == 0) {
		e->again = true;
		v += 6;
	}
	_cleanup_free_ char *code = take_word(&v);
	e->code = strcmp(code, "-") == 0 ? -1 : atoi(code);
	e->words = unescaped(v);
	for (e->outcome = SMTP_SENT; e->outcome <= SMTP_PERMANENT; e->outcome++)
		if (strcmp(smtp_outcome_name(e->outcome), outcome) == 0)
			return true;
	return false;
}

static bool set_open(struct scenario *s, const char *v, unsigned line)
{
	_cleanup_free_ char *status = take_word(&v);

	s->open_status = atoi(status);
	s->open_words = unescaped(v);
	return true;
}

#define STEP(function, kind_, statement)                                       \
	static bool function(struct scenario *s, const char *v, unsigned line) \
	{                                                                      \
		struct step *t = add_step(s, kind_, line);                     \
		statement;                                                     \
		return true;                                                   \
	}

STEP(step_server, SERVER_SENDS, put_unescaped(&t->bytes, v); buf_puts(&t->bytes, "\r\n"))
STEP(step_server_raw, SERVER_SENDS, put_unescaped(&t->bytes, v))
STEP(step_client, CLIENT_SENDS, put_unescaped(&t->bytes, v); buf_puts(&t->bytes, "\r\n"))
STEP(step_client_raw, CLIENT_SENDS, put_unescaped(&t->bytes, v))
STEP(step_wait, WAIT, t->usec = seconds(v))
STEP(step_stall, STALL, t->usec = USEC_NEVER)
STEP(step_full, FULL, t->error = -ECONNRESET)
STEP(step_drip, DRIP, t->usec = seconds(v); put_unescaped(&t->bytes, strchr(v, ' ') + 1))

static int error_named(const char *word)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {
		{ "ok", 0 },
		{ "clean", 0 },
		{ "timeout", -ETIMEDOUT },
		{ "reset", -ECONNRESET },
		{ "cut", -EPIPE },
		{ "error", -EPROTO },
	};

	for (size_t i = 0; i < ELEMENTS(errors); i++)
		if (strcmp(errors[i].name, word) == 0)
			return errors[i].error;
	return 1;
}

static bool step_error(struct scenario *s, enum step_kind kind, const char *v, unsigned line)
{
	_cleanup_free_ char *word = take_word(&v);
	struct step *t = add_step(s, kind, line);

	t->error = error_named(word);
	put_unescaped(&t->bytes, v);
	return t->error <= 0;
}

static bool step_tls(struct scenario *s, const char *v, unsigned line)
{
	return step_error(s, TLS, v, line);
}

static bool step_close(struct scenario *s, const char *v, unsigned line)
{
	return step_error(s, CLOSE, v, line);
}

static const struct {
	const char *word;
	bool (*set)(struct scenario *s, const char *value, unsigned line);
} words[] = {
	{ "security", set_security },
	{ "loopback", set_loopback },
	{ "allow-plaintext", set_plaintext },
	{ "unencrypted", set_unencrypted },
	{ "certificate", set_certificate },
	{ "language", set_language },
	{ "hello", set_hello },
	{ "server", set_server },
	{ "provider", set_provider },
	{ "user", set_user },
	{ "secret", set_secret },
	{ "token", set_token },
	{ "auth", set_auth },
	{ "nonce", set_nonce },
	{ "binding", set_binding },
	{ "timeout", set_timeout },
	{ "receipt-timeout", set_receipt_timeout },
	{ "deadline", set_deadline },
	{ "rate", set_rate },
	{ "mail", set_mail },
	{ "to", set_to },
	{ "text", set_text },
	{ "bytes", set_bytes },
	{ "fill", set_fill },
	{ "last", set_last },
	{ "S", step_server },
	{ "s", step_server_raw },
	{ "C", step_client },
	{ "c", step_client_raw },
	{ "wait", step_wait },
	{ "drip", step_drip },
	{ "tls", step_tls },
	{ "close", step_close },
	{ "stall", step_stall },
	{ "full", step_full },
	{ "open", set_open },
	{ "result", set_result },
	{ "ends", set_ends },
	{ "told", set_told },
	{ "status", set_status },
	{ "turns", set_turns },
	{ "elapsed", set_elapsed },
	{ "pause", set_pause },
	{ "shows", set_shows },
	{ "hides", set_hides },
};

static bool read_line(struct scenario *s, char *line, unsigned number)
{
	size_t n = strcspn(line, ":");

	line[strcspn(line, "\n")] = '\0';
	if (!*line || *line == '#')
		return true;
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strlen(words[i].word) == n && strncmp(words[i].word, line, n) == 0 && line[n] == ':')
			return s->n_steps < SCRIPT_MAX &&
			       words[i].set(s, line[n + 1] == ' ' ? line + n + 2 : "", number);
	return false;
}

static bool scenario_read(struct scenario *s)
{
	_cleanup_fclose_ FILE *f = fopen(s->path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!f) {
		trouble(s, "cannot be read: %s", strerror(errno));
		return false;
	}
	for (unsigned number = 1; getline(&line, &size, f) >= 0; number++) {
		if (!read_line(s, line, number)) {
			trouble(s, "line %u is not understood", number);
			return false;
		}
	}
	return true;
}

static void scenario_free(struct scenario *s)
{
	const char *const strings[] = { s->options.hello, s->options.server, s->options.provider,
		s->options.username, s->options.secret, s->options.token, s->options.auth, s->options.nonce,
		s->open_words, s->language };

	for (size_t i = 0; i < ELEMENTS(strings); i++)
		free((char *)(uintptr_t)strings[i]);
	for (size_t i = 0; i < s->n_steps; i++)
		buf_free(&s->steps[i].bytes);
	for (size_t i = 0; i < s->n_shows; i++)
		free(s->shows[i]);
	for (size_t i = 0; i < s->n_hides; i++)
		free(s->hides[i]);
	for (size_t i = 0; i < s->n_mails; i++) {
		struct mail *m = &s->mails[i];

		for (size_t k = 0; k < m->n_recipients; k++) {
			free((char *)(uintptr_t)m->recipients[k].address);
			smtp_verdict_free(&m->recipients[k].verdict);
		}
		for (size_t k = 0; k < m->n_results; k++) {
			free(m->results[k].address);
			free(m->results[k].words);
		}
		free(m->sender);
		buf_free(&m->content);
	}
	buf_free(&s->transcript);
	free(s);
}

/* Playing and judging */

static bool verdict_says(const struct scenario *s, const struct smtp_verdict *v, const char *words_)
{
	if (s->is_translated && v->code && !v->advice)
		return true; /* the server's words alone */
	if (s->is_translated && v->status != EX_OK)
		return has_han(v->text) || (v->advice && has_han(v->advice));
	return (v->text && strstr(v->text, words_)) || (v->advice && strstr(v->advice, words_));
}

static void check_hidden(struct scenario *s, const char *text)
{
	for (size_t i = 0; i < s->n_hides; i++)
		if (strstr(text, s->hides[i]))
			trouble(s, "\"%s\" is shown in: %s", s->hides[i], text);
}

static void check_result(struct scenario *s, const struct smtp_recipient *r, const struct expectation *e)
{
	const char *text = r->verdict.text ? r->verdict.text : "";

	if (strcmp(r->address, e->address) != 0)
		trouble(s, "results are not in the order of the recipients: %s, %s", r->address, e->address);
	if (r->outcome != e->outcome || r->again != e->again)
		trouble(s, "%s is %s%s, not %s: %s", r->address, smtp_outcome_name(r->outcome),
			r->again ? " again" : "", smtp_outcome_name(e->outcome), text);
	if (e->code >= 0 && r->verdict.code != e->code)
		trouble(s, "%s has code %d, not %d", r->address, r->verdict.code, e->code);
	if (!verdict_says(s, &r->verdict, e->words))
		trouble(s, "%s: \"%s\" (%s) does not say \"%s\"", r->address, text,
			r->verdict.advice ? r->verdict.advice : "", e->words);
	if (s->pause && r->verdict.pause_usec != s->pause)
		trouble(s, "%s: the pause is %lld", r->address, (long long)r->verdict.pause_usec);
	check_hidden(s, text);
}

static int worst_status(const struct smtp_mail *m)
{
	int status = EX_OK;

	for (size_t i = 0; i < m->n_recipients; i++)
		status = smtp_status_worse(status, m->recipients[i].verdict.status);
	return status;
}

static void play_mail(struct scenario *s, struct smtp *session, struct mail *m, bool is_last)
{
	struct smtp_mail mail = {
		.sender = m->sender,
		.content = buf_text(&m->content),
		.content_len = m->content.len,
		.recipients = m->recipients,
		.n_recipients = m->n_recipients,
	};
	int e = smtp_send(session, &mail, is_last && !m->is_not_last);

	if (m->is_told_at_once && s->now > START_USEC)
		trouble(s, "smtp_send() took until %lld µs", (long long)(s->now - START_USEC));
	if (e != (m->ends_early ? -ENOTCONN : 0))
		trouble(s, "smtp_send() returned %d", e);
	if (m->n_results != m->n_recipients)
		trouble(s, "the file names %zu results for %zu recipients", m->n_results, m->n_recipients);
	for (size_t i = 0; i < m->n_results && !*s->trouble; i++)
		check_result(s, &m->recipients[i], &m->results[i]);
	if (m->status >= 0 && worst_status(&mail) != m->status)
		trouble(s, "the status is %d, not %d", worst_status(&mail), m->status);
}

static void check_open(struct scenario *s, int e, const struct smtp_verdict *failure)
{
	static const int errors[][2] = { { EX_CONFIG, -EINVAL }, { EX_NOPERM, -EACCES },
		{ EX_PROTOCOL, -EPROTO }, { EX_TEMPFAIL, -EAGAIN } };

	if (e == 0 && s->open_status)
		trouble(s, "smtp_open() succeeds");
	if (e == 0)
		return;
	bool says = s->is_translated ? has_han(failure->text) :
		verdict_says(s, failure, s->open_words ? s->open_words : "");
	if (failure->status != s->open_status || !says)
		trouble(s, "smtp_open() fails with %d: %s (%s)", failure->status, failure->text,
			failure->advice ? failure->advice : "");
	for (size_t i = 0; i < ELEMENTS(errors); i++)
		if (failure->status == errors[i][0] && e != errors[i][1])
			trouble(s, "smtp_open() returned %d for status %d", e, failure->status);
	if (s->pause && failure->pause_usec != s->pause)
		trouble(s, "the pause is %lld", (long long)failure->pause_usec);
	check_hidden(s, failure->text);
}

static void check_end(struct scenario *s)
{
	for (size_t i = s->step; i < s->n_steps; i++) {
		const struct step *t = &s->steps[i];

		if (t->kind == CLIENT_SENDS || t->kind == TLS || t->kind == FULL)
			trouble(s, "line %u was not reached", t->line);
	}
	if (s->turns && s->n_turns != s->turns)
		trouble(s, "the client waited %d times, not %d", s->n_turns, s->turns);
	if (s->elapsed && s->now - START_USEC > s->elapsed)
		trouble(s, "it took %lld µs", (long long)(s->now - START_USEC));
	check_hidden(s, buf_text(&s->transcript));
	for (size_t i = 0; i < s->n_shows; i++)
		if (!(s->is_translated && s->shows[i][0] == '*') && !strstr(buf_text(&s->transcript), s->shows[i]))
			trouble(s, "the dialogue does not show \"%s\"", s->shows[i]);
}

static void play(struct scenario *s)
{
	const struct stream stream = { &play_ops, s };
	_cleanup_smtp_verdict_ struct smtp_verdict failure = { 0 };
	_cleanup_smtp_ struct smtp *session = NULL;

	s->is_tls = s->options.security == SMTP_TLS && !s->is_unencrypted;
	int e = smtp_open(&stream, &s->options, &failure, &session);
	check_open(s, e, &failure);
	for (size_t i = 0; session && i < s->n_mails; i++)
		play_mail(s, session, &s->mails[i], i + 1 == s->n_mails);
	if (session && s->n_mails && !s->mails[s->n_mails - 1].is_not_last)
		smtp_quit(session);
	check_end(s);
}

static void run(const char *path, bool by_bytes, const char *language)
{
	struct scenario *s = calloc(1, sizeof(*s));

	s->path = path;
	s->by_bytes = by_bytes;
	s->now = START_USEC;
	s->has_written = true; /* the greeting is waited for, too */
	s->transcript = BUF(8 * 1024 * 1024);
	s->options.now = play_now;
	s->options.dialogue = play_dialogue;
	s->options.now_data = s->options.dialogue_data = s;
	set_string(&s->options.hello, "client.example.org");
	set_string(&s->options.server, "mail.example.org");
	s->options.port = 465;
	bool is_read = scenario_read(s);
	s->is_translated = !s->language && strcmp(language, "en") != 0;
	if (language_use(s->language ? s->language : language) < 0)
		trouble(s, "there is no language %s", s->language);
	if (is_read)
		play(s);
	if (*s->trouble) {
		n_failures++;
		printf("FAIL %s%s, %s: %s\n%s", path, by_bytes ? " (byte by byte)" : "", language, s->trouble,
			buf_text(&s->transcript));
	}
	scenario_free(s);
}

static void run_thrice(const char *path)
{
	run(path, false, "en");
	run(path, true, "en");
	run(path, false, "zh_CN");
}

static int is_scenario(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".smtp") == 0;
}

static int run_all(void)
{
	const char *srcdir = getenv("srcdir");
	struct dirent **entries;
	char directory[4096];

	snprintf(directory, sizeof(directory), "%s/tests/scenarios/smtp", srcdir ? srcdir : ".");
	int n = scandir(directory, &entries, is_scenario, alphasort);
	for (int i = 0; i < n; i++) {
		char path[8192];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		run_thrice(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return n;
}

int main(int argc, char **argv)
{
	int n = argc - 1;

	for (int i = 1; i < argc; i++)
		run_thrice(argv[i]);
	if (argc == 1)
		n = run_all();
	printf("%d scenarios, %d failures\n", n, n_failures);
	return n < 1 || n_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
