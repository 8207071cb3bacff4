/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs that need no daemon: they start tocsin-check and tocsin-mail themselves and speak to them as it would. */
#include "cli.h"

#include "buf.h"
#include "clock.h"
#include "conf-loader.h"
#include "helper.h"
#include "mime.h"
#include "report.h"
#include "state.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-id128.h>

#define MESSAGE_MAX (12 * 1024 * 1024) /* a mail from standard input */

/* ---- the configuration ---- */


static void keep_loaded(struct conf_loaded *loaded, void *userdata)
{
	struct conf_loaded *kept = userdata;

	*kept = *loaded;
	*loaded = (struct conf_loaded){ 0 };
}

enum load_flags {
	LOAD_DEFAULTS = 1, /* values in force that no file names, too */
	LOAD_QUIET = 2, /* no warnings, but with -v: they are about the daemon, and this is run by scripts */
};

static int read_configuration(const struct cli *cli, unsigned flags, struct conf_loaded *ret)
{
	const struct conf_source source = {
		.path = cli->conf_path, .dropins = cli->conf_dropins, .with_defaults = flags & LOAD_DEFAULTS,
		.keeps_language = true, /* tocsin.c has chosen it */
	};

	return conf_load_and_wait(&source, keep_loaded, ret);
}

int cli_load(const struct cli *cli, struct conf_loaded *ret)
{
	return read_configuration(cli, 0, ret);
}

/* Loads the configuration and prints its problems. 0 or an exit status. */
static int load(const struct cli *cli, unsigned flags, struct conf_loaded *ret)
{
	bool hides_warnings = (flags & LOAD_QUIET) && !cli->verbose;
	int r = read_configuration(cli, flags, ret);

	if (r < 0) {
		cli_error("cannot read the configuration: %s", strerror(-r));
		return EX_OSERR;
	}
	for (size_t i = 0; i < ret->problems.n; i++) {
		_cleanup_buf_ struct buf line = BUF(4000);

		if (hides_warnings && !ret->problems.items[i].is_error)
			continue;
		conf_problem_format(&ret->problems.items[i], &line);
		cli_print_problem(buf_text(&line));
	}
	return ret->problems.n_errors ? EX_CONFIG : 0;
}

int cli_check_config(const struct cli *cli)
{
	_cleanup_(conf_loaded_free) struct conf_loaded loaded = { 0 };

	return load(cli, 0, &loaded);
}

int cli_config(const struct cli *cli, char **arguments)
{
	_cleanup_(conf_loaded_free) struct conf_loaded loaded = { 0 };
	const char *section = "", *name = "";
	int status = load(cli, LOAD_DEFAULTS, &loaded);

	for (size_t i = 0; i < loaded.settings.n; i++) {
		const struct conf_setting *s = &loaded.settings.items[i];
		_cleanup_buf_ struct buf text = BUF(20000), origin = BUF(5000);

		if (strcmp(section, s->section) != 0 || strcmp(name, s->name) != 0)
			printf("%s[%s%s%s]\n", i ? "\n" : "", s->section, *s->name ? " " : "", s->name);
		section = s->section;
		name = s->name;
		buf_printf(&text, "%s = ", s->key);
		text_clean(&text, s->value, 4000);
		buf_puts(&origin, s->line ? s->file : _("default"));
		if (s->line)
			buf_printf(&origin, ":%u", s->line);
		printf("%s%*s  # %s\n", buf_text(&text), text_columns(buf_text(&text)) < 40 ?
			(int)(40 - text_columns(buf_text(&text))) : 0, "", buf_text(&origin));
	}
	return status;
}

/* ---- a helper of one's own ---- */

struct direct {
	pid_t pid;
	int socket;
};
#define DIRECT_NONE { .socket = -1 }

/* Copies no page tables for a process that is about to be another program, as fork() would. A dup2() of a descriptor
 * to itself takes CLOEXEC from it (glibc 2.29). */
static int spawn(const char *path, const char *const *argv, int socket, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;

	sigemptyset(&none);
	int r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r == 0) {
		r = posix_spawn_file_actions_adddup2(&actions, socket, MSG_FD);
		if (r == 0)
			r = posix_spawnattr_setsigmask(&attributes, &none);
		if (r == 0)
			r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
		if (r == 0)
			r = posix_spawn(ret, path, &actions, &attributes, (char *const *)argv, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int direct_start(const char *program, const char *const *argv, struct direct *ret)
{
	_cleanup_free_ char *path = helper_path(program);
	int pair[2];
	pid_t pid;

	if (!path || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	int r = spawn(path, argv, pair[1], &pid);
	close_fd(pair[1]);
	if (r < 0) {
		close_fd(pair[0]);
		return r;
	}
	*ret = (struct direct){ .pid = pid, .socket = pair[0] };
	return 0;
}

static void direct_stop(struct direct *h)
{
	h->socket = close_fd(h->socket);
	if (h->pid > 0) {
		kill(h->pid, SIGKILL);
		waitpid(h->pid, NULL, 0);
	}
}

/* The next message, or -ETIMEDOUT, or -EPIPE when the helper has ended. */
static int direct_receive(struct direct *h, int64_t deadline, struct msg **ret)
{
	struct pollfd p = { .fd = h->socket, .events = POLLIN };
	int64_t left = deadline - clock_boottime_usec();
	int r;

	if (left <= 0 || poll(&p, 1, (int)(left / USEC_PER_MSEC) + 1) == 0)
		return -ETIMEDOUT;
	r = msg_receive(h->socket, ret);
	return r == 0 ? -EPIPE : r;
}

static void print_helper_failure(const char *program, int r)
{
	if (r == -EPIPE)
		cli_error("%s ended without an answer", program);
	else if (r == -ETIMEDOUT)
		cli_error("%s gave no answer in time", program);
	else
		cli_error("%s: %s", program, strerror(-r));
}

/* ---- check NAME --direct ---- */

static const struct conf_check *find_check(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_checks; i++)
		if (strcmp(conf->checks[i].name, name) == 0)
			return &conf->checks[i];
	return NULL;
}

int cli_check_direct(const struct cli *cli, const char *name)
{
	_cleanup_(conf_loaded_free) struct conf_loaded loaded = { 0 };
	const struct conf_check *c;

	if (load(cli, 0, &loaded) != 0)
		return 3;
	c = find_check(loaded.conf, name);
	if (!c) {
		cli_error("%s has no [check %s]", cli->conf_path, name);
		return 3;
	}
	const struct cli_look look = {
		.check = c->name, .module = c->module, .options = c->options, .n_options = c->n_options,
		.timeout_usec = c->timeout,
	};
	return cli_look(cli, &look);
}

/* ---- mail without the daemon ---- */

/* One mail, sent once. */
struct letter {
	const char *sender, *content;
	const char *const *recipients;
	size_t n_recipients;
	bool is_test; /* a person reads what became of it; of others it is for scripts, and the same in every language */
};

static bool is_wanted(const struct cli *cli, const struct conf_setting *s)
{
	return strcmp(s->section, "mail") == 0 && (!cli->relay || strcmp(cli->relay, s->name) == 0);
}

/* The relay whose sender stands in the mail: the one asked for, else the first. */
static const struct conf_mail *find_relay(const struct cli *cli, const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_mails; i++)
		if (!cli->relay || strcmp(cli->relay, conf->mails[i].name) == 0)
			return &conf->mails[i];
	cli_error("%s has no [mail%s%s]", cli->conf_path, cli->relay && *cli->relay ? " " : "",
		cli->relay ? cli->relay : "");
	return NULL;
}

static int64_t whole_deadline(const struct cli *cli, const struct conf *conf)
{
	int64_t limit = cli->timeout_usec;

	for (size_t i = 0; !cli->timeout_usec && i < conf->n_mails; i++)
		limit = usec_add(limit, conf->mails[i].deadline);
	return usec_add(clock_boottime_usec(), usec_add(limit, 10 * USEC_PER_SEC));
}

static void greet(const struct cli *cli, struct direct *h, const struct conf_loaded *loaded)
{
	for (size_t i = 0; i < loaded->settings.n; i++) {
		const struct conf_setting *s = &loaded->settings.items[i];

		if (is_wanted(cli, s))
			msg_send(h->socket, MSG_SETTING, -1, s->section, s->name, s->key, s->value, s->file, "0");
	}
	msg_send(h->socket, MSG_SETTING, -1, "tocsin", "", "host", loaded->conf->host, "", "0");
	msg_send(h->socket, MSG_LOAD, -1);
}

static void print_result(const struct msg *m, bool is_test)
{
	_cleanup_free_ char *text = text_cleaned(m->field[5], 2000);
	const char *code = m->field[3], *enhanced = m->field[4];

	/* A script finds them in their place; a person need not read them twice. */
	if (is_test && text && strstr(text, code))
		code = enhanced = "";
	printf("%s %s: %s%s%s%s%s\n", is_test ? cli_outcome(m->field[2]) : m->field[2], m->field[1], code, *code ? " " : "",
		enhanced, *enhanced ? " " : "", text ? text : "");
	fflush(stdout);
}

/* Takes what the mailer says until it is done; the exit status. */
static int collect(struct direct *h, const struct letter *letter, int64_t deadline)
{
	size_t n_results = 0;
	int status = EX_OK, r;

	for (;;) {
		_cleanup_msg_ struct msg *m = NULL;

		r = direct_receive(h, deadline, &m);
		if (r < 0)
			break;
		if (m->kind == MSG_READY && *m->field[0]) {
			_cleanup_free_ char *note = text_cleaned(m->field[0], 1000);

			cli_error("note: %s", note ? note : "");
		} else if (m->kind == MSG_DIALOGUE) {
			cli_print_dialogue(m->field[0], m->field[1]);
		} else if (m->kind == MSG_RESULT) {
			print_result(m, letter->is_test);
			status = cli_worse(status, atoi(m->field[7]));
			n_results++;
		} else if (m->kind == MSG_DONE) {
			return n_results < letter->n_recipients ? cli_worse(status, EX_PROTOCOL) : status;
		}
	}
	print_helper_failure("tocsin-mail", r);
	return cli_worse(status, r == -ETIMEDOUT ? EX_TEMPFAIL : EX_PROTOCOL);
}

/* Its program loads while we read the configuration. 0 or an exit status. */
static int start_mailer(struct direct *ret)
{
	static const char *const argv[] = { "tocsin-mail", NULL };
	int r = direct_start("tocsin-mail", argv, ret);

	if (r == 0)
		return 0;
	print_helper_failure("tocsin-mail", r);
	return EX_OSERR;
}

static int deliver(const struct cli *cli, struct direct *h, const struct conf_loaded *loaded,
	const struct letter *letter)
{
	char deadline[24] = "";

	if (cli->timeout_usec)
		snprintf(deadline, sizeof(deadline), "%" PRId64, cli->timeout_usec);
	greet(cli, h, loaded);
	msg_send(h->socket, MSG_MAIL, -1, "1", letter->sender, letter->content);
	for (size_t i = 0; i < letter->n_recipients; i++)
		msg_send(h->socket, MSG_RECIPIENT, -1, "1", letter->recipients[i]);
	msg_send(h->socket, MSG_RUN, -1, deadline, cli->verbose ? "yes" : "no");
	return collect(h, letter, whole_deadline(cli, loaded->conf));
}

/* A mail of ours around TEXT. */
static int compose(const struct cli *cli, const struct conf_loaded *loaded, const struct conf_mail *relay,
	const char *subject, const char *text, const char *const *to, size_t n_to, struct buf *content)
{
	char id[SD_ID128_STRING_MAX];
	sd_id128_t random;
	_cleanup_free_ char *message_id = NULL;
	static const struct mime_header headers[] = { { "Auto-Submitted", "auto-generated" } };

	int r = sd_id128_randomize(&random);
	if (r < 0)
		return r;
	if (asprintf(&message_id, "%s@%s", sd_id128_to_string(random, id), mime_id_domain(loaded->conf->host, relay->from)) < 0)
		return -ENOMEM;
	const struct mime_mail mail = {
		.from = relay->from, .from_name = cli->from_name ? cli->from_name : relay->from_name, .to = to, .n_to = n_to,
		.subject = subject, .date_usec = clock_realtime_usec(), .message_id = message_id, .headers = headers,
		.n_headers = ELEMENTS(headers), .text = text,
	};
	r = mime_compose(content, &mail);
	return r < 0 ? r : buf_error(content);
}

/* The same as of a test mail of the daemon's. */
static void put_test_subject(struct buf *b, const struct conf *conf)
{
	const struct report r = { .host = conf->host, .version = PACKAGE_VERSION, .now_usec = clock_realtime_usec(),
		.subject_prefix = conf->report_subject_prefix };

	report_test_subject(b, &r);
}

static int read_input(struct buf *b)
{
	char bytes[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			cli_error("cannot read standard input: %s", strerror(errno));
			return EX_NOINPUT;
		}
		buf_append(b, bytes, (size_t)n);
		if (buf_error(b)) {
			cli_error("the message is larger than %d MiB", MESSAGE_MAX >> 20);
			return EX_DATAERR;
		}
	}
	if (b->len && memchr(b->data, '\0', b->len)) {
		cli_error("the message has a NUL byte in it, which no mail may have");
		return EX_DATAERR;
	}
	return 0;
}

/* Is LINE of LEN bytes the begin of a header field: printable ASCII but the colon, then the colon (RFC 5322, 2.2)? */
static bool is_field(const char *line, size_t len)
{
	size_t name = 0;

	while (name < len && line[name] > ' ' && line[name] <= '~' && line[name] != ':')
		name++;
	return name > 0 && name < len && line[name] == ':';
}

/* A finished message begins with header fields, and nothing but those comes before its first empty line. What stands
 * there else would become text for one server and a header for the next. */
static int check_raw(const char *message)
{
	unsigned number = 1;

	for (const char *line = message;; number++) {
		size_t len = strcspn(line, "\n"), shown = len > 0 && line[len - 1] == '\r' ? len - 1 : len;
		bool is_folded = number > 1 && (line[0] == ' ' || line[0] == '\t');

		if (number > 1 && shown == 0)
			return 0;
		if (!is_folded && !is_field(line, shown))
			break;
		if (!line[len])
			return 0; /* no body: that may be */
		line += len + 1;
	}
	if (number == 1)
		cli_error("this is no finished message: it does not begin with a header field such as 'From: …'; "
			"leave out --raw to have one composed");
	else
		cli_error("this is no finished message: line %u is no header field, and no empty line comes before it",
			number);
	return EX_DATAERR;
}

static int check_arguments(const struct cli *cli, char **arguments, size_t *ret_n)
{
	size_t n = 0;

	if (cli->raw && (cli->subject || cli->from_name)) {
		cli_error("--raw takes a message that is finished, so --%s has no place in it",
			cli->subject ? "subject" : "from-name");
		return EX_USAGE;
	}
	if (cli->failed && (cli->raw || cli->subject || !cli->to_configured)) {
		cli_error("--failed has its own subject, and goes with --to-configured alone");
		return EX_USAGE;
	}
	if (cli->to_configured ? arguments[0] != NULL : arguments[0] == NULL) {
		cli_error(cli->to_configured ? N_("--to-configured is in place of addresses") :
			N_("to whom? expected addresses, or --to-configured"));
		return EX_USAGE;
	}
	for (; arguments[n]; n++) {
		if (!mime_is_address(arguments[n])) {
			_cleanup_free_ char *shown = text_cleaned(arguments[n], 200);

			cli_error("'%s' is no mail address", shown ? shown : "");
			return EX_USAGE;
		}
	}
	*ret_n = n;
	return 0;
}

/* Builds the configuration of the first N SECTIONS alone. */
static void build_from(struct conf_loaded *loaded, const char *const *sections, size_t n)
{
	struct conf_settings some = { .items = calloc(loaded->settings.n + 1, sizeof(*some.items)) };
	struct conf_problems ignored = { 0 };

	for (size_t i = 0; some.items && i < loaded->settings.n; i++)
		for (size_t j = 0; j < n; j++)
			if (strcmp(loaded->settings.items[i].section, sections[j]) == 0)
				some.items[some.n++] = loaded->settings.items[i];
	if (some.items)
		conf_build(&some, NULL, 0, &ignored, &loaded->conf);
	conf_problems_free(&ignored);
	free(some.items); /* its texts are LOADED's */
}

/* A mistake in [check web] must not keep a mail from those whose addresses are right; nor must one in [tocsin], without which
 * only the name of the host may be another. */
static void mend(struct conf_loaded *loaded)
{
	static const char *const needed[] = { "mail", "recipient", "tocsin" };

	for (size_t n = ELEMENTS(needed); !loaded->conf && n >= 2; n--)
		build_from(loaded, needed, n);
}

/* The addresses of all who get problems at once. They are CONF's; free() the array. 0 or an exit status. */
static int configured_recipients(const struct conf *conf, const char ***ret, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_recipients; i++)
		n += conf->recipients[i].to.n;
	const char **to = calloc(n + 1, sizeof(*to));
	if (!to)
		return EX_OSERR;
	n = 0;
	for (size_t i = 0; i < conf->n_recipients; i++)
		for (size_t j = 0; conf->recipients[i].escalate_after == 0 && j < conf->recipients[i].to.n; j++)
			to[n++] = conf->recipients[i].to.items[j];
	if (n == 0)
		cli_error("nobody to write to: 'to' is missing in [mail]");
	*ret = to;
	*ret_n = n;
	return n ? 0 : EX_CONFIG;
}

/* For tocsin-failed.service: around what systemd knows, which is on standard input. */
static void put_failure(const struct conf *conf, struct buf *subject, struct buf *text, const char *known)
{
	buf_printf(subject, _("[%s] CRITICAL tocsin: it has failed, nobody watches this host"), conf->host);
	buf_printf(text,
		_("tocsind on %s has ended and is not started again: nobody watches this host. What systemd knows of it:\n\n"
		  "%s\n"
		  "ExecMainStatus=78 means that the configuration is wrong: tocsind --check-config says where.\n"
		  "journalctl -u tocsin tells the rest. When it is mended: systemctl restart tocsin\n"),
		conf->host, known);
}

int cli_send(const struct cli *cli, char **arguments)
{
	_cleanup_free_ const char **configured = NULL;
	const char *const *to = (const char *const *)arguments;
	_cleanup_(conf_loaded_free) struct conf_loaded loaded = { 0 };
	_cleanup_(direct_stop) struct direct helper = DIRECT_NONE;
	_cleanup_buf_ struct buf input = BUF(MESSAGE_MAX), content = BUF(MIME_MESSAGE_MAX * 2);
	_cleanup_buf_ struct buf failure = BUF(MESSAGE_MAX + 2000), failure_subject = BUF(1000);
	const struct conf_mail *relay;
	size_t n = 0;

	int status = check_arguments(cli, arguments, &n);
	if (status == 0)
		status = read_input(&input);
	if (status == 0 && cli->raw)
		status = check_raw(buf_text(&input));
	if (status == 0)
		status = start_mailer(&helper);
	if (status == 0)
		status = load(cli, LOAD_QUIET, &loaded);
	if (status == EX_CONFIG && cli->to_configured)
		mend(&loaded);
	if (status != 0 && !loaded.conf)
		return status;
	relay = find_relay(cli, loaded.conf);
	if (!relay)
		return EX_CONFIG;
	status = cli->to_configured ? configured_recipients(loaded.conf, &configured, &n) : 0;
	if (status != 0)
		return status;
	if (cli->to_configured)
		to = configured;
	if (cli->failed)
		put_failure(loaded.conf, &failure_subject, &failure, buf_text(&input));
	if (!cli->raw) {
		const char *subject = cli->subject ? cli->subject : _("(no subject)");
		int r = compose(cli, &loaded, relay, cli->failed ? buf_text(&failure_subject) : subject,
			buf_text(cli->failed ? &failure : &input), to, n, &content);

		if (r < 0) {
			cli_error("cannot compose the message: %s", strerror(-r));
			return EX_DATAERR;
		}
	}
	const struct letter letter = {
		.sender = relay->from, .content = buf_text(cli->raw ? &input : &content),
		.recipients = to, .n_recipients = n,
	};
	return deliver(cli, &helper, &loaded, &letter);
}

#define SAY_TEST_MAIL \
	_("This is a test mail of tocsin, sent by \"tocsin setup\" or \"tocsin test-mail --direct\".\n\n" \
	  "It went past the daemon: with the rights, the network and the secrets of whoever called it.\n")

int cli_test_mail_direct(const struct cli *cli)
{
	_cleanup_(conf_loaded_free) struct conf_loaded loaded = { 0 };
	_cleanup_(direct_stop) struct direct helper = DIRECT_NONE;
	_cleanup_buf_ struct buf content = BUF(MIME_MESSAGE_MAX), subject = BUF(1000);
	const struct conf_mail *relay;
	int status = start_mailer(&helper);

	if (status == 0)
		status = load(cli, 0, &loaded);
	if (status != 0)
		return status;
	relay = find_relay(cli, loaded.conf);
	if (!relay || relay->to.n == 0) {
		if (relay)
			cli_error("nobody to write to: 'to' is missing in [mail]");
		return EX_CONFIG;
	}
	put_test_subject(&subject, loaded.conf);
	int r = compose(cli, &loaded, relay, buf_text(&subject), SAY_TEST_MAIL, relay->to.items, relay->to.n, &content);
	if (r < 0) {
		cli_error("cannot compose the message: %s", strerror(-r));
		return EX_DATAERR;
	}
	const struct letter letter = {
		.sender = relay->from, .content = buf_text(&content), .recipients = relay->to.items, .n_recipients = relay->to.n,
		.is_test = true,
	};
	return deliver(cli, &helper, &loaded, &letter);
}

/* ---- for the doctor ---- */

static int hear_all(struct direct *h, int64_t deadline, void (*hear)(const struct msg *m, void *userdata), void *userdata)
{
	for (;;) {
		_cleanup_msg_ struct msg *m = NULL;
		int r = direct_receive(h, deadline, &m);

		if (r < 0 || m->kind == MSG_DONE)
			return r < 0 ? r : 0;
		hear(m, userdata);
	}
}

int cli_probe(const struct cli *cli, const struct conf_loaded *loaded, const struct conf_mail *relay,
	const struct cli_letter *letter, void (*hear)(const struct msg *m, void *userdata), void *userdata)
{
	const char *text = _("This is a test mail of tocsin, sent by \"tocsin doctor --send\".\n");
	static const char *const argv[] = { "tocsin-mail", NULL };
	_cleanup_(direct_stop) struct direct helper = DIRECT_NONE;
	_cleanup_buf_ struct buf content = BUF(MIME_MESSAGE_MAX), subject = BUF(1000);
	struct cli one = *cli;

	one.relay = relay->name;
	put_test_subject(&subject, loaded->conf);
	int r = compose(&one, loaded, relay, buf_text(&subject), text, letter->to, letter->n_to, &content);
	if (r == 0)
		r = direct_start("tocsin-mail", argv, &helper);
	if (r < 0)
		return r;
	greet(&one, &helper, loaded);
	msg_send(helper.socket, MSG_MAIL, -1, "1", relay->from, buf_text(&content));
	for (size_t i = 0; i < letter->n_to; i++)
		msg_send(helper.socket, MSG_RECIPIENT, -1, "1", letter->to[i]);
	msg_send(helper.socket, MSG_RUN, -1, "", letter->is_probe ? "probe" : "stages");
	return hear_all(&helper, usec_add(clock_boottime_usec(), usec_add(relay->deadline, 10 * USEC_PER_SEC)), hear, userdata);
}
