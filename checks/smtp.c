/* SPDX-License-Identifier: GPL-3.0-or-later */
/* smtp: does a mail server greet, offer what it should, encrypt with a good certificate, and let a user log
 * in. The dialogue is that of the mailer (smtp.h); no mail is sent. */
#include "smtp.h"
#include "clock.h"
#include "server.h"
#include "translate.h"

#include <errno.h>

struct config {
	struct server_config server;
	const char *hello;
};

_Static_assert(offsetof(struct config, server) == 0, "the rows of server.h count from the beginning");

static const struct tocsin_option options[] = {
	SERVER_OPTIONS_MAIL("starttls"),
	{ .name = "hello",
		.type = TOCSIN_STRING,
		.offset = offsetof(struct config, hello),
		.help = N_("The name to greet with; not given: that of this host, else its address") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->hello && !smtp_is_hello(c->hello))
		return N_("hello is the full name of a host, like web1.example.org, or an address literal, "
			  "like [192.0.2.1]");
	return server_validate(&c->server);
}

static void note(void *data, const char *direction, const char *line)
{
	server_note(data, direction, line);
}

static int talk(struct server *s, const struct config *c)
{
	_cleanup_smtp_verdict_ struct smtp_verdict verdict = { 0 };
	_cleanup_smtp_ struct smtp *session = NULL;
	_cleanup_buf_ struct buf words = BUF(4096);
	int64_t left = s->deadline_usec - clock_boottime_usec();
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	const struct smtp_options o = {
		.security = (enum smtp_security)c->server.security,
		.is_loopback = s->is_loopback,
		.allow_plaintext = true, /* nothing is sent */
		.hello = c->hello              ? c->hello
			 : smtp_is_hello(host) ? host
					       : buf_text(&s->own),
		.server = c->server.host,
		.port = s->port,
		.username = c->server.username,
		.secret = s->password,
		.timeout_usec =
			left -
			left / 10, /* the words for a silent server are better than those for the end */
		.deadline_usec = s->deadline_usec,
		.dialogue = note,
		.dialogue_data = s,
	};
	int r = smtp_open(&s->stream, &o, &verdict, &session);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		smtp_verdict_format(&verdict, &words);
		return server_fail(s, "%s: %s", buf_text(&s->peer), buf_text(&words));
	}
	smtp_quit(session);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	_cleanup_server_ struct server s;

	int r = server_open(&s, run, &c->server, server_protocol_find("smtp"));
	if (r == 0)
		r = talk(&s, c);
	return server_report(&s, r, c->server.username ? N_(", the login works") : "");
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "smtp",
	.summary = N_("A mail server: greeting, STARTTLS, certificate and login"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
