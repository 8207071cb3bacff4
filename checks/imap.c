/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imap: does an IMAP server (RFC 9051, RFC 3501) greet, encrypt with a good certificate, let a user log in,
 * and open a mailbox, which happens read-only: nothing is changed, nothing becomes "seen". */
#include "sasl.h"
#include "server.h"
#include "text.h"
#include "translate.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 500 /* of one answer */

struct config {
	struct server_config server;
	const char *mailbox;
};

_Static_assert(offsetof(struct config, server) == 0, "the rows of server.h count from the beginning");

static const struct tocsin_option options[] = {
	SERVER_OPTIONS_MAIL("tls"),
	{ .name = "mailbox",
		.type = TOCSIN_STRING,
		.offset = offsetof(struct config, mailbox),
		.help = N_("A mailbox to open after the login, read-only, like INBOX") },
	{ .name = NULL },
};

/* What a quoted string may hold (RFC 9051, section 9): a login with anything else goes by SASL. */
static bool is_quotable(const char *text)
{
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			return false;
	return true;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->mailbox && !c->server.username)
		return N_("mailbox needs a login: username is not given");
	if (c->mailbox && !is_quotable(c->mailbox))
		return N_("mailbox is written in ASCII, others in modified UTF-7 as the server has them");
	return server_validate(&c->server);
}

/* --- The dialogue */

struct talk {
	struct server *server;
	unsigned tag;                       /* of the last command */
	bool has_plain, has_login_disabled; /* AUTH=PLAIN, LOGINDISABLED */
	double messages;                    /* NAN: not known */
};

static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (; *line; line += strcspn(line, " ")) {
		line += strspn(line, " ");
		size_t n = strcspn(line, " ]");
		if (n == len && strncasecmp(line, word, n) == 0)
			return true;
	}
	return false;
}

static void take_capabilities(struct talk *t, const char *words)
{
	t->has_plain = has_word(words, "AUTH=PLAIN");
	t->has_login_disabled = has_word(words, "LOGINDISABLED");
}

/* "* CAPABILITY …" and "* 23 EXISTS"; the others say nothing that is asked for. */
static void take_untagged(struct talk *t, const char *line)
{
	static const char capability[] = "* CAPABILITY ";
	unsigned long long n;
	char word[16];

	if (strncasecmp(line, capability, strlen(capability)) == 0)
		take_capabilities(t, line + strlen(capability));
	else if (sscanf(line, "* %llu %15s", &n, word) == 2 && strcasecmp(word, "EXISTS") == 0)
		t->messages = (double)n;
}

/* Reads to the answer with our tag; or to "+", when CONTINUES is not NULL. */
static int read_answer(struct talk *t, const char *what, bool *continues)
{
	struct server *s = t->server;
	char tag[16];

	int len = snprintf(tag, sizeof(tag), "a%u ", t->tag);
	for (size_t n = 0; n < LINES_MAX; n++) {
		int r = server_read(s, what);
		const char *line = buf_text(&s->line);

		if (r < 0)
			return r;
		if (continues && *line == '+') {
			*continues = true;
			return 0;
		}
		if (strncmp(line, tag, (size_t)len) != 0) {
			take_untagged(t, line);
			continue;
		}
		if (strncasecmp(line + len, "OK", 2) == 0)
			return 0;
		return server_fail(s, "%s refuses %s: \"%.200s\"", buf_text(&s->peer), _(what), line + len);
	}
	return server_fail(s, "%s never came to the end of its answer to %s", buf_text(&s->peer), _(what));
}

/* COMMAND without its tag; SHOWN as in server_send(). */
static int send_command(struct talk *t, const char *command, const char *shown)
{
	_cleanup_sasl_buf_ struct buf line = BUF(0);
	_cleanup_buf_ struct buf shown_line = BUF(512);

	int r = sasl_buf(&line, 8192);
	t->tag++;
	buf_printf(&line, "a%u %s", t->tag, command);
	buf_printf(&shown_line, "a%u %s", t->tag, shown ? shown : "");
	if (r == 0)
		r = buf_error(&line);
	return r < 0 ? r : server_send(t->server, buf_text(&line), shown ? buf_text(&shown_line) : NULL);
}

static int ask(struct talk *t, const char *command, const char *shown, const char *what)
{
	int r = send_command(t, command, shown);

	return r < 0 ? r : read_answer(t, what, NULL);
}

/* --- The login */

static int log_in_quoted(struct talk *t)
{
	const struct server *s = t->server;
	_cleanup_sasl_buf_ struct buf command = BUF(0);

	if (!is_quotable(s->config->username) || !is_quotable(s->password))
		return server_fail(t->server,
			"%s takes names and passwords in ASCII only (it has no AUTH=PLAIN)",
			buf_text(&s->peer));
	int r = sasl_buf(&command, 4096);
	buf_puts(&command, "LOGIN ");
	text_quote(&command, s->config->username);
	buf_putc(&command, ' ');
	text_quote(&command, s->password);
	if (r == 0)
		r = buf_error(&command);
	return r < 0 ? r : ask(t, buf_text(&command), "LOGIN ****", N_("the login"));
}

/* RFC 4616, without an initial response, which not every server takes. */
static int log_in_plain(struct talk *t)
{
	const struct sasl_account account = { .username = t->server->config->username,
		.secret = t->server->password };
	_cleanup_sasl_buf_ struct buf response = BUF(0), line = BUF(0);
	_cleanup_sasl_ struct sasl *sasl = NULL;
	bool continues = false;

	int r = sasl_new(sasl_find("PLAIN"), &account, false, &sasl);
	if (r == 0)
		r = sasl_buf(&response, 4096);
	if (r == 0)
		r = sasl_buf(&line, 8000);
	if (r == 0)
		r = sasl_step(sasl, NULL, 0, &response);
	if (r == 0)
		r = sasl_base64_encode(response.data, response.len, &line);
	if (r == 0)
		r = send_command(t, "AUTHENTICATE PLAIN", NULL);
	if (r == 0)
		r = read_answer(t, N_("the login"), &continues);
	if (r < 0)
		return r;
	if (!continues)
		return server_fail(t->server, "%s says that the login is over before it began",
			buf_text(&t->server->peer));
	r = server_send(t->server, buf_text(&line), "****");
	return r < 0 ? r : read_answer(t, N_("the login"), NULL);
}

static int log_in(struct talk *t)
{
	struct server *s = t->server;

	if (t->has_plain)
		return log_in_plain(t);
	if (t->has_login_disabled)
		return server_fail(s, "%s allows no login here (LOGINDISABLED)", buf_text(&s->peer));
	return log_in_quoted(t);
}

static int open_mailbox(struct talk *t, const char *mailbox)
{
	_cleanup_buf_ struct buf command = BUF(2048), what = BUF(2048);

	buf_puts(&command, "EXAMINE ");
	text_quote(&command, mailbox);
	buf_printf(&what, _("to open the mailbox %s"), mailbox);
	int r = buf_error(&command) ? buf_error(&command) : buf_error(&what);
	return r < 0 ? r : ask(t, buf_text(&command), NULL, buf_text(&what));
}

static int talk(struct server *s, double *ret_messages)
{
	const struct config *c = (const void *)s->config; /* which is its first member */
	struct talk t = { .server = s, .messages = NAN };

	int r = ask(&t, "CAPABILITY", NULL, N_("to say what it can do"));
	if (r == 0 && c->server.username)
		r = log_in(&t);
	if (r == 0 && c->mailbox)
		r = open_mailbox(&t, c->mailbox);
	if (r == 0)
		send_command(&t, "LOGOUT", NULL); /* what it says to that is not waited for */
	*ret_messages = t.messages;
	return r;
}

static int look(struct tocsin_run *run, const void *config)
{
	static const char *const greetings[] = { "* OK", "* PREAUTH", NULL };
	static const struct server_mailbox mailbox = { "imap", "IMAP", greetings, talk };
	const struct config *c = config;

	return server_look_into(run, &c->server, &mailbox);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "imap",
	.summary = N_("An IMAP server: greeting, STARTTLS, certificate, login, mailbox"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
