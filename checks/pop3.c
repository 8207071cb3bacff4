/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pop3: does a POP3 server (RFC 1939) greet, encrypt with a good certificate, and let a user log in. Nothing
 * is read or deleted; while logged in it holds the lock on the mailbox, as each client of POP3 does. */
#include "server.h"
#include "translate.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct tocsin_option options[] = { SERVER_OPTIONS_MAIL("tls"), { .name = NULL } };

static const char *validate(const void *config)
{
	return server_validate(config);
}

/* LINE and its answer, which must be +OK. WHAT is looked up. */
static int ask(struct server *s, const char *line, const char *shown, const char *what)
{
	int r = server_send(s, line, shown);

	if (r == 0)
		r = server_read(s, what);
	if (r == 0 && strncmp(buf_text(&s->line), "+OK", 3) != 0)
		r = server_fail(s, "%s refuses %s: \"%.200s\"", buf_text(&s->peer), _(what), buf_text(&s->line));
	return r;
}

static int log_in(struct server *s)
{
	_cleanup_buf_ struct buf user = BUF(512), password = BUF(512);

	if (strpbrk(s->config->username, "\r\n"))
		return -EINVAL;
	buf_printf(&user, "USER %s", s->config->username);
	buf_printf(&password, "PASS %s", s->password);
	int r = buf_error(&user) ? buf_error(&user) : buf_error(&password);
	if (r == 0)
		r = ask(s, buf_text(&user), NULL, N_("the user name"));
	if (r == 0)
		r = ask(s, buf_text(&password), "PASS ****", N_("the login"));
	if (password.data)
		explicit_bzero(password.data, password.len);
	return r;
}

/* "+OK 12 34567": messages and bytes. */
static int count(struct server *s, double *ret_messages)
{
	unsigned long long n;
	int r = ask(s, "STAT", NULL, N_("the look into the mailbox"));

	if (r == 0 && sscanf(buf_text(&s->line), "+OK %llu", &n) != 1)
		return server_fail(s, "%s does not tell what is in the mailbox: \"%.200s\"",
			buf_text(&s->peer), buf_text(&s->line));
	if (r == 0)
		*ret_messages = (double)n;
	return r;
}

static int talk(struct server *s, double *ret_messages)
{
	const struct server_config *c = s->config;

	int r = c->username ? log_in(s) : 0;
	if (r == 0 && c->username)
		r = count(s, ret_messages);
	if (r == 0)
		server_send(s, "QUIT", NULL); /* what it says to that is not waited for */
	return r;
}

static int look(struct tocsin_run *run, const void *config)
{
	static const char *const greetings[] = { "+OK", NULL };
	static const struct server_mailbox mailbox = { "pop3", "POP3", greetings, talk };

	return server_look_into(run, config, &mailbox);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "pop3",
	.summary = N_("A POP3 server: greeting, STARTTLS, certificate and login"),
	.options = options,
	.config_size = sizeof(struct server_config),
	.validate = validate,
	.run = look,
};
