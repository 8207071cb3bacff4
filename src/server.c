/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server that is asked; see server.h. */
#include "server.h"

#include "clock.h"
#include "conf.h"
#include "connect.h"
#include "listener.h"
#include "secret.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES 8192 /* RFC 7162 wants as much of IMAP clients */
#define LINES_MAX 200       /* before the one that is waited for */
#define DIALOGUE_MAX (16 * 1024)
#define SHOWN_MAX 300

const char *const server_securities[] = { "tls", "starttls", "none", NULL };

const char *server_validate(const struct server_config *c)
{
	unsigned secrets = !!c->password_file + !!c->credential;

	if (c->username && secrets != 1)
		return N_("username needs one of password_file and credential");
	if (c->username && c->security == SERVER_PLAIN)
		return N_("username needs security = tls or starttls: a password goes over no connection "
			  "that is not encrypted");
	if (!c->username && secrets)
		return N_("a password is given, but no username");
	if (c->time_warning > 0 && c->time_critical > 0 && c->time_warning > c->time_critical)
		return N_("time_critical must not be below time_warning");
	if (c->certificate_warning > 0 && c->certificate_critical > c->certificate_warning)
		return N_("the time left of the certificate for critical must not be above the one for "
			  "warning");
	return NULL;
}

int server_fail(struct server *s, const char *format, ...)
{
	va_list arguments;

	if (s->failure.len == 0) {
		va_start(arguments, format);
		buf_vprintf(&s->failure, translate(format), arguments);
		va_end(arguments);
	}
	return -ECONNABORTED;
}

/* --- Opening */

static int read_password(struct server *s)
{
	const struct conf_mail mail = {
		.password_file = (char *)s->config->password_file,
		.credential = (char *)s->config->credential,
	};
	_cleanup_free_ char *error = NULL;

	int r = secret_password(&mail, s->deadline_usec, &s->password, &error);
	if (r < 0)
		tocsin_reason(s->run, "%s", error ? error : strerror(-r));
	return r;
}

static int read_trust(struct server *s)
{
	const struct transport_trust_options options = {
		.ca_file = s->config->tls_ca_file,
		.pin = s->config->tls_pin,
	};
	_cleanup_free_ char *error = NULL;

	int r = transport_trust_new(&options, &s->trust, &error);
	if (r < 0)
		tocsin_reason(s->run, "%s", error ? error : strerror(-r));
	return r;
}

static void note_addresses(struct server *s, int fd)
{
	_cleanup_buf_ struct buf own = BUF(128);
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	connect_peer_address(fd, &s->peer);
	buf_printf(&s->peer, " port %u", s->port);
	connect_own_address(fd, &own);
	buf_printf(&s->own, strchr(buf_text(&own), ':') ? "[IPv6:%s]" : "[%s]", buf_text(&own));
	s->is_loopback = getpeername(fd, (struct sockaddr *)&address, &len) == 0 &&
			 connect_is_loopback((const struct sockaddr *)&address);
}

static int connect_to(struct server *s)
{
	_cleanup_free_ char *error = NULL, *host = NULL;
	const char *name = s->config->name;
	int fd = -1;

	int r = transport_ascii_host(s->config->host, &host);
	if (r < 0) {
		tocsin_reason(s->run, "'%s' is neither a name nor an address", s->config->host);
		return r;
	}
	const struct connect_options where = {
		.host = host, .port = s->port, .deadline_usec = s->deadline_usec, .refused = &s->refused
	};
	r = connect_host(&where, &fd, &error);
	if (r < 0 && connect_failed_here(r)) {
		tocsin_reason(s->run, "%s", error ? error : strerror(-r));
		return r;
	}
	if (r < 0)
		return server_fail(s, "%s", error ? error : strerror(-r));
	note_addresses(s, fd);
	r = transport_new(fd, s->trust, name ? name : host, &s->transport);
	if (r == 0)
		s->stream = transport_stream(s->transport);
	return r;
}

int server_open(struct server *s, struct tocsin_run *run, const struct server_config *c,
	const struct server_protocol *protocol)
{
	int64_t now = clock_boottime_usec();
	uint16_t usual = !protocol                   ? 0
			 : c->security == SERVER_TLS ? protocol->port_tls
						     : protocol->port_plain;

	*s = (struct server){
		.run = run,
		.config = c,
		.port = c->port ? (uint16_t)c->port : usual,
		.began_usec = now,
		.deadline_usec = now + c->answer_timeout,
		.refused = BUF(4096),
		.peer = BUF(128),
		.own = BUF(128),
		.input = BUF(65536),
		.line = BUF(LINE_MAX_BYTES),
		.dialogue = BUF(DIALOGUE_MAX),
		.greeting = BUF(LINE_MAX_BYTES),
		.failure = BUF(4096),
	};
	if (*tocsin_root(run)) {
		tocsin_reason(run, "a server cannot be asked about a recorded tree");
		return -EOPNOTSUPP;
	}
	tocsin_look(run, tocsin_name(run));
	int r = c->username ? read_password(s) : 0;
	if (r == 0 && c->security != SERVER_PLAIN)
		r = read_trust(s);
	if (r == 0)
		r = connect_to(s);
	return r == 0 && c->security == SERVER_TLS ? server_start_tls(s) : r;
}

void server_free(struct server *s)
{
	s->transport = transport_free(s->transport);
	s->trust = transport_trust_free(s->trust);
	s->password = secret_free(s->password);
	s->hidden = secret_free(s->hidden);
	struct buf *const bufs[] = { &s->refused, &s->peer, &s->own, &s->input, &s->line, &s->dialogue, &s->greeting,
		&s->failure };
	for (size_t i = 0; i < ELEMENTS(bufs); i++)
		buf_free(bufs[i]);
}

/* --- Talking */

void server_note(struct server *s, const char *direction, const char *line)
{
	if (*direction == '<' && s->greeting.len == 0)
		buf_puts(&s->greeting, line);
	if (s->dialogue.len + SHOWN_MAX + 8 < DIALOGUE_MAX)
		buf_printf(&s->dialogue, "%s %.*s\n", direction, SHOWN_MAX, line);
}

static int fail_stream(struct server *s, ssize_t error, const char *what)
{
	const char *words = s->stream.ops->failure(s->stream.data);

	if (error == 0)
		return server_fail(s, "%s closed the connection instead of %s", buf_text(&s->peer), _(what));
	return server_fail(s, "%s: waiting for %s: %s", buf_text(&s->peer), _(what),
		words ? words : strerror((int)-error));
}

int server_send(struct server *s, const char *line, const char *shown)
{
	_cleanup_buf_ struct buf b = BUF(LINE_MAX_BYTES);

	buf_printf(&b, "%s\r\n", line);
	if (buf_error(&b))
		return buf_error(&b);
	int r = s->stream.ops->write(s->stream.data, b.data, b.len, s->deadline_usec);
	if (shown) {
		explicit_bzero(b.data, b.len);
		secret_free(s->hidden);
		s->hidden = strdup(line);
	}
	server_note(s, ">", shown ? shown : line);
	return r < 0 ? fail_stream(s, r, N_("an answer")) : 0;
}

/* Moves the first line of the input to s->line; false: it is not whole yet. */
static bool take_line(struct server *s)
{
	char *end = s->input.len ? memchr(s->input.data, '\n', s->input.len) : NULL;

	if (!end)
		return false;
	size_t len = (size_t)(end - s->input.data);
	buf_clear(&s->line);
	buf_append(&s->line, s->input.data, len > 0 && end[-1] == '\r' ? len - 1 : len);
	buf_drop(&s->input, len + 1);
	return true;
}

/* A server that repeats what it was sent must not bring the password into a mail. */
static void mask(struct buf *line, const char *secret)
{
	char *found = secret && *secret && line->len ? strstr(line->data, secret) : NULL;

	if (!found)
		return;
	line->len = (size_t)(found - line->data);
	buf_puts(line, "****");
}

int server_read(struct server *s, const char *what)
{
	char bytes[4096];

	while (!take_line(s)) {
		if (s->input.len > LINE_MAX_BYTES)
			return server_fail(s, "%s sent a line without an end instead of %s",
				buf_text(&s->peer), _(what));
		ssize_t n = s->stream.ops->read(s->stream.data, bytes, sizeof(bytes), s->deadline_usec);
		if (n <= 0)
			return fail_stream(s, n, what);
		buf_append(&s->input, bytes, (size_t)n);
	}
	if (buf_error(&s->line) || (s->line.len && memchr(s->line.data, '\0', s->line.len)))
		return server_fail(
			s, "%s sent what is no line of text instead of %s", buf_text(&s->peer), _(what));
	if (s->hidden) {
		mask(&s->line, s->hidden);
		mask(&s->line, s->password);
	}
	server_note(s, "<", buf_text(&s->line));
	return 0;
}

/* What came with the consent was sent without encryption and would be taken for an answer from inside it. */
int server_start_tls(struct server *s)
{
	_cleanup_free_ char *error = NULL;

	if (s->input.len || (s->config->security != SERVER_TLS && s->stream.ops->has_input(s->stream.data)))
		return server_fail(s,
			"%s sent more behind its consent to STARTTLS, unencrypted: somebody may be inserting "
			"commands",
			buf_text(&s->peer));
	int r = s->stream.ops->start_tls(s->stream.data, s->deadline_usec, &error);
	s->tls_error = r;
	if (r < 0)
		return server_fail(s, "%s", error ? error : strerror(-r));
	server_note(s, "*", transport_description(s->transport));
	return 0;
}

/* --- The lines before TLS */

/* Reads to the last line of an answer, which must begin with GOOD. */
static int expect(struct server *s, bool (*is_last)(const char *line), const char *good, const char *what)
{
	for (size_t n = 0; n < LINES_MAX; n++) {
		int r = server_read(s, what);

		if (r < 0)
			return r;
		const char *line = buf_text(&s->line);
		if (is_last && !is_last(line))
			continue;
		if (strncasecmp(line, good, strlen(good)) == 0)
			return 0;
		return server_fail(
			s, "%s did not give %s, it said \"%.200s\"", buf_text(&s->peer), _(what), line);
	}
	return server_fail(s, "%s never came to %s", buf_text(&s->peer), _(what));
}

static int ask(struct server *s, const char *line, bool (*is_last)(const char *line), const char *good,
	const char *what)
{
	int r = server_send(s, line, NULL);

	return r < 0 ? r : expect(s, is_last, good, what);
}

/* "220-more" and "220 last": SMTP (RFC 5321, 4.2.1), FTP (RFC 959, 4.2). */
static bool is_last_reply(const char *line)
{
	return strlen(line) < 4 || line[3] != '-';
}

static bool is_tagged(const char *line)
{
	return strncmp(line, "* ", 2) != 0;
}

static int ask_smtp(struct server *s)
{
	_cleanup_buf_ struct buf hello = BUF(256);

	buf_printf(&hello, "EHLO %s", buf_text(&s->own));
	int r = expect(s, is_last_reply, "220", N_("a greeting"));
	if (r == 0)
		r = ask(s, buf_text(&hello), is_last_reply, "250", N_("its answer to EHLO"));
	return r < 0 ? r : ask(s, "STARTTLS", is_last_reply, "220", N_("its consent to STARTTLS"));
}

static int ask_imap(struct server *s)
{
	int r = expect(s, NULL, "* OK", N_("a greeting"));

	return r < 0 ? r : ask(s, "s STARTTLS", is_tagged, "s OK", N_("its consent to STARTTLS"));
}

static int ask_pop3(struct server *s)
{
	int r = expect(s, NULL, "+OK", N_("a greeting"));

	return r < 0 ? r : ask(s, "STLS", NULL, "+OK", N_("its consent to STLS"));
}

/* RFC 4217. */
static int ask_ftp(struct server *s)
{
	int r = expect(s, is_last_reply, "220", N_("a greeting"));

	return r < 0 ? r : ask(s, "AUTH TLS", is_last_reply, "234", N_("its consent to AUTH TLS"));
}

/* The message SSLRequest is its length and a number; the answer is the one byte 'S' (PostgreSQL,
 * Frontend/Backend Protocol, "SSL Session Encryption"). */
static int ask_postgresql(struct server *s)
{
	static const unsigned char request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };
	char answer = 0;

	int r = s->stream.ops->write(s->stream.data, request, sizeof(request), s->deadline_usec);
	ssize_t n = r < 0 ? r : s->stream.ops->read(s->stream.data, &answer, 1, s->deadline_usec);
	server_note(s, ">", "SSLRequest");
	if (n <= 0)
		return fail_stream(s, n, N_("its consent to SSLRequest"));
	if (answer == 'N')
		return server_fail(s, "%s has TLS switched off", buf_text(&s->peer));
	if (answer != 'S')
		return server_fail(s, "%s is no server of PostgreSQL", buf_text(&s->peer));
	return 0;
}

static const struct server_protocol protocols[] = {
	{ "smtp", 465, 25, ask_smtp, "QUIT" },
	{ "imap", 993, 143, ask_imap, "q LOGOUT" },
	{ "pop3", 995, 110, ask_pop3, "QUIT" },
	{ "ftp", 990, 21, ask_ftp, "QUIT" },
	{ "postgresql", 5432, 5432, ask_postgresql, NULL },
};

const struct server_protocol *server_protocol_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

/* --- What it means */

static struct short_text date(int64_t realtime_usec)
{
	_cleanup_buf_ struct buf b = BUF(64);
	struct short_text t;

	format_time(&b, realtime_usec);
	snprintf(t.text, sizeof(t.text), "%.16s", buf_text(&b));
	return t;
}

static void judge_end(
	const char *whose, int64_t until_usec, int64_t limit_usec, enum tocsin_state state, struct verdict *v)
{
	int64_t left = until_usec - clock_realtime_usec();

	if (left < 0)
		verdict_add(v, TOCSIN_CRITICAL, "%s expired %s ago, on %s", _(whose),
			short_duration(-left).text, date(until_usec).text);
	else if (limit_usec > 0 && left < limit_usec)
		verdict_add(v, state, "%s expires in %s, on %s (limit %s)", _(whose),
			short_duration(left).text, date(until_usec).text, short_duration(limit_usec).text);
}

/* Of the authorities' certificates some may not be needed, so the end of one is never more than a warning;
 * one that is needed and has expired fails the chain. */
void server_judge_certificate(
	const struct server_config *config, const struct transport_certificate *c, struct verdict *v)
{
	int64_t left = c->until_usec - clock_realtime_usec(), chain_left = INT64_MAX;
	bool is_critical = left < config->certificate_critical;

	if (config->tls_pin) /* it stands for the dates too */
		return;
	if (c->since_usec > clock_realtime_usec())
		verdict_add(v, TOCSIN_CRITICAL, "the certificate is not valid before %s",
			date(c->since_usec).text);
	judge_end(N_("the certificate"), c->until_usec,
		is_critical ? config->certificate_critical : config->certificate_warning,
		is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, v);
	if (c->chain_until_usec != INT64_MAX)
		chain_left = c->chain_until_usec - clock_realtime_usec();
	if (chain_left > 0 && chain_left < left)
		judge_end(N_("a certificate of an authority in its chain"), c->chain_until_usec,
			config->certificate_warning, TOCSIN_WARNING, v);
}

static void judge_time(struct server *s, int64_t usec, struct verdict *v)
{
	const struct server_config *c = s->config;
	bool is_critical = c->time_critical > 0 && usec > c->time_critical;

	if (is_critical || (c->time_warning > 0 && usec > c->time_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "it took %s (limit %s)",
			short_duration(usec).text,
			short_duration(is_critical ? c->time_critical : c->time_warning).text);
}

static double seconds(int64_t usec)
{
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

static void report_metrics(struct server *s, const struct transport_certificate *certificate, int64_t usec)
{
	const struct server_config *c = s->config;
	const struct tocsin_metric metrics[] = {
		{ "time", (double)usec / (double)USEC_PER_SEC, "s", seconds(c->time_warning),
			seconds(c->time_critical), 0, seconds(c->answer_timeout) },
		{ "certificate_left",
			certificate ? (double)(certificate->until_usec - clock_realtime_usec()) / 1e6 : NAN,
			"s", seconds(c->certificate_warning), seconds(c->certificate_critical), NAN, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(s->run, tocsin_name(s->run), &metrics[i]);
}

static void put_good(struct server *s, const struct transport_certificate *certificate, int64_t usec,
	const char *good, struct buf *b)
{
	buf_printf(b, _("%s answered after %s"), buf_text(&s->peer), short_duration(usec).text);
	buf_puts(b, _(good));
	if (certificate)
		buf_printf(b, _(", certificate for another %s"),
			short_duration(certificate->until_usec - clock_realtime_usec()).text);
}

/* The certificate that came, also where TLS failed for it. */
static const struct transport_certificate *certificate_of(const struct server *s)
{
	const struct transport_certificate *c =
		s->transport ? transport_peer_certificate(s->transport) : NULL;

	return c && c->is_known ? c : NULL;
}

static void judge(
	struct server *s, const struct transport_certificate *certificate, int64_t usec, struct verdict *v)
{
	const char *wanted = s->config->expect;

	if (s->failure.len)
		verdict_add(v, TOCSIN_CRITICAL, "%s", buf_text(&s->failure));
	else if (wanted && !strstr(buf_text(&s->greeting), wanted))
		verdict_add(v, TOCSIN_CRITICAL, "its greeting does not contain '%s': \"%.200s\"", wanted,
			buf_text(&s->greeting));
	/* What is wrong with the certificate itself has been said. */
	if (certificate && (s->is_untrusted || s->stream.ops->is_tls(s->stream.data)))
		server_judge_certificate(s->config, certificate, v);
	if (s->failure.len == 0)
		judge_time(s, usec, v);
}

int server_report(struct server *s, int result, const char *good)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf b = BUF(4096);
	const struct transport_certificate *certificate = certificate_of(s);
	int64_t usec = clock_boottime_usec() - s->began_usec;
	const char *item = tocsin_name(s->run);

	if (result < 0 && s->failure.len == 0)
		return result;
	judge(s, certificate, usec, &v);
	if (v.state == TOCSIN_OK)
		put_good(s, certificate, usec, good, &b);
	tocsin_item(s->run, item, v.state, "%s", v.state == TOCSIN_OK ? buf_text(&b) : buf_text(&v.text));
	report_metrics(s, certificate, usec);
	if (v.state == TOCSIN_OK)
		return 0;
	listener_explain(s->run, item, buf_text(&s->refused));
	if (s->dialogue.len)
		tocsin_evidence(
			s->run, item, "What was said (> by us, < by the server)", buf_text(&s->dialogue));
	if (certificate)
		tocsin_evidence(s->run, item, "The certificate", buf_text(&certificate->text));
	return 0;
}

/* --- Mailboxes */

static int greet(struct server *s, const struct server_mailbox *mailbox)
{
	int r = server_read(s, N_("a greeting"));

	if (r < 0)
		return r;
	for (const char *const *greeting = mailbox->greetings; *greeting; greeting++)
		if (strncasecmp(buf_text(&s->line), *greeting, strlen(*greeting)) == 0)
			return 0;
	return server_fail(s, "%s does not greet as a server of %s: \"%.200s\"", buf_text(&s->peer),
		mailbox->name, buf_text(&s->line));
}

static int begin(
	struct server *s, const struct server_protocol *protocol, const struct server_mailbox *mailbox)
{
	if (s->config->security != SERVER_STARTTLS)
		return greet(s, mailbox);
	int r = protocol->ask_for_tls(s);
	return r < 0 ? r : server_start_tls(s);
}

int server_look_into(
	struct tocsin_run *run, const struct server_config *c, const struct server_mailbox *mailbox)
{
	const struct server_protocol *protocol = server_protocol_find(mailbox->protocol);
	_cleanup_server_ struct server s;
	double messages = NAN;

	int r = server_open(&s, run, c, protocol);
	if (r == 0)
		r = begin(&s, protocol, mailbox);
	if (r == 0)
		r = mailbox->talk(&s, &messages);
	r = server_report(&s, r, c->username ? N_(", the login works") : "");
	if (r == 0 && !isnan(messages))
		tocsin_metric(run, tocsin_name(run),
			&(struct tocsin_metric){ "messages", messages, "", NAN, NAN, 0, NAN });
	return r;
}
