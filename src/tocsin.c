/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin: the administrator's command line. Verbs are a table; what they do stands in cli-*.c. */
#include "cli.h"
#include "language.h"
#include "log.h"
#include "terminal.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct verb {
	const char *name, *arguments, *help;
	int (*run)(const struct cli *cli, char **arguments);
	int min, max; /* arguments */
	bool is_plugin; /* exit status of a Nagios plugin: usage errors are 3 */
} verbs[] = {
	{ "setup", "[--address A] [--provider P] [--to A] [--password-file F] [--yes]...",
		N_("asks for the mail account, writes the configuration, sends a test mail and starts the service"), cli_setup, 0, 0,
		false },
	{ "status", "[--watch [--interval TIME]] [--json]", N_("states of all checks, worst first, and mails that wait"), cli_status,
		0, 0, true },
	{ "check", "NAME [--direct] [--json]", N_("runs one check now and shows all of it"), cli_check, 1, 1, true },
	{ "try", "MODULE [KEY=VALUE]... [--again TIME] [--root DIR] [--json]",
		N_("runs a check module once with these options and shows all of it"), cli_try, 1, 1000, true },
	{ "describe", "[MODULE [KEY]] [--sections] [--json]", N_("the check modules, and the options that each takes"), cli_describe,
		0, 2, false },
	{ "test-mail", "[-v] [--direct]", N_("sends a test mail; -v shows the SMTP dialogue"), cli_test_mail, 0, 0, false },
	{ "send", "[--raw] [--subject S] [--from-name N] RCPT...|--to-configured", N_("sends one mail from standard input"), cli_send,
		0, 1000, false },
	{ "config", "", N_("every value in force, and where it comes from"), cli_config, 0, 0, false },
	{ "ack", "INCIDENT [--until TIME] [-m WHY]", N_("no reminders and no escalation: somebody knows of it"), cli_ack, 1, 1,
		false },
	{ "silence", "GLOB TIME -m WHY", N_("no mails about CHECK or CHECK/ITEM for so long; without arguments: which there are"),
		cli_silence, 0, 2, false },
	{ "unsilence", "ID|GLOB", N_("ends a silence"), cli_unsilence, 1, 1, false },
	{ "outbox", "[show|retry|drop [ID]]", N_("mails that wait for delivery"), cli_outbox, 0, 2, false },
	{ "report", "[--send]", N_("prints the status report, or mails it"), cli_report, 0, 0, false },
	{ "forget", "CHECK[/ITEM]", N_("closes what is known of an item that is no longer there"), cli_forget, 1, 1, false },
	{ "test-alert", "CHECK", N_("mails a marked problem and its recovery, on the way of real ones"), cli_test_alert, 1, 1,
		false },
	{ "history", "[--since TIME] [--check GLOB] [--json]", N_("what happened in the last week, or since a time"), cli_history, 0, 0,
		false },
	{ "incidents", "[--all] [--since TIME] [--check GLOB] [--json]", N_("problems that are open, or all that ever were"),
		cli_incidents, 0, 0, false },
	{ "doctor", "[--send] [--json]", N_("goes through everything between here and the mailbox: what is wrong, and what to do"),
		cli_doctor, 0, 0, true },
	{ "reload", "", N_("the daemon reads its configuration again"), cli_reload, 0, 0, false },
};

static const struct verb *find_verb(const char *name)
{
	const char *names[ELEMENTS(verbs)];

	for (size_t i = 0; i < ELEMENTS(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	const char *nearest = text_nearest(name, names, ELEMENTS(names));
	if (nearest)
		cli_error("there is no verb '%s'; did you mean '%s'? See tocsin --help", name, nearest);
	else
		cli_error("there is no verb '%s'; see tocsin --help", name);
	return NULL;
}

/* ---- options ---- */

#define FIRST 256 /* what getopt_long() returns for the first row */
#define HELP_COLUMN 28
#define USAGE_INDENT 8
#define VERBS_NAMED_MAX 24

enum kind { KIND_FLAG, KIND_TEXT, KIND_TIME, KIND_UNTIL, KIND_VERSION };

static const struct cli_option {
	const char *name, *argument; /* NULL: takes none */
	char letter; /* or 0 */
	enum kind kind;
	size_t offset; /* in struct cli */
	const char *help;
	const char *fallback; /* what holds without it, told in the help; or NULL */
	const char *verbs; /* that take it, with blanks between them; NULL: all do */
} cli_options[] = {
	{ "config", "FILE", 0, KIND_TEXT, offsetof(struct cli, conf_path), N_("configuration"), SYSCONFDIR "/tocsin/tocsin.conf", NULL },
	{ "conf-dir", "DIR", 0, KIND_TEXT, offsetof(struct cli, conf_dropins),
		N_("folder of further *.conf files"), SYSCONFDIR "/tocsin/conf.d", NULL },
	{ "control", "SOCKET", 0, KIND_TEXT, offsetof(struct cli, control_path),
		N_("control socket of the daemon"), "$TOCSIN_CONTROL, /run/tocsin/control", NULL },
	{ "state", "FILE", 0, KIND_TEXT, offsetof(struct cli, state_path),
		N_("state file of the daemon"), LOCALSTATEDIR "/lib/tocsin/state.db", NULL },
	{ "direct", NULL, 0, KIND_FLAG, offsetof(struct cli, direct), N_("past the daemon, with the rights of the caller"), NULL, "check test-mail" },
	{ "mail", "NAME", 0, KIND_TEXT, offsetof(struct cli, relay), N_("the relay [mail NAME]; '' is [mail]"), NULL, "test-mail send" },
	{ "timeout", "TIME", 0, KIND_TIME, offsetof(struct cli, timeout_usec), N_("gives up after this time"), NULL, "try test-mail send" },
	{ "again", "TIME", 0, KIND_TIME, offsetof(struct cli, again_usec),
		N_("looks a second time so much later, with what the first look remembered"), NULL, "try" },
	{ "root", "DIR", 0, KIND_TEXT, offsetof(struct cli, root), N_("looks at the recorded tree in DIR instead of this host"), NULL, "try" },
	{ "sections", NULL, 0, KIND_FLAG, offsetof(struct cli, sections),
		N_("the sections of the configuration instead of the modules"), NULL, "describe" },
	{ "message", "WHY", 'm', KIND_TEXT, offsetof(struct cli, message), N_("the reason, for those who read it later"), NULL, "ack silence" },
	{ "until", "TIME", 0, KIND_UNTIL, offsetof(struct cli, until_usec),
		N_("until then: 2h, 18:00, 2026-12-24 or \"2026-12-24 18:00\""), NULL, "ack silence" },
	{ "since", "TIME", 0, KIND_TEXT, offsetof(struct cli, since), N_("2d (ago), 2026-11-25, or 2026-11-25T08:00:00+08:00"), NULL, "history incidents" },
	{ "check", "GLOB", 0, KIND_TEXT, offsetof(struct cli, check), N_("only checks, or CHECK/ITEM, that match"), NULL, "history incidents" },
	{ "all", NULL, 0, KIND_FLAG, offsetof(struct cli, all), N_("ended incidents too"), NULL, "incidents" },
	{ "watch", NULL, 'w', KIND_FLAG, offsetof(struct cli, watch), N_("draws again and again, until q or Ctrl-C"), NULL, "status" },
	{ "interval", "TIME", 0, KIND_TIME, offsetof(struct cli, interval_usec), N_("so long from one picture to the next"), "2s", "status" },
	{ "json", NULL, 0, KIND_FLAG, offsetof(struct cli, json), N_("for programs"), NULL, "status check try describe ack silence unsilence outbox report forget test-alert history incidents doctor" },
	{ "words", NULL, 0, KIND_FLAG, offsetof(struct cli, words), N_("one word and its meaning a line, for shells"), NULL, "describe" },
	{ "mdoc", NULL, 0, KIND_FLAG, offsetof(struct cli, mdoc), N_("the options as a list for a manual page"), NULL, "describe" },
	{ "verbose", NULL, 'v', KIND_FLAG, offsetof(struct cli, verbose), N_("shows more"), NULL, NULL },
	{ "raw", NULL, 0, KIND_FLAG, offsetof(struct cli, raw), N_("standard input is a whole message, with its header"), NULL, "send" },
	{ "to-configured", NULL, 0, KIND_FLAG, offsetof(struct cli, to_configured), N_("to the recipients of the configuration"), NULL, "send" },
	{ "failed", NULL, 0, KIND_FLAG, offsetof(struct cli, failed), N_("the mail that the service has failed, around standard input"), NULL, "send" },
	{ "send", NULL, 0, KIND_FLAG, offsetof(struct cli, send), N_("mails the report; of doctor: a test mail"), NULL, "report doctor" },
	{ "subject", "TEXT", 0, KIND_TEXT, offsetof(struct cli, subject), N_("the subject"), NULL, "send" },
	{ "from-name", "NAME", 0, KIND_TEXT, offsetof(struct cli, from_name), N_("the name beside the address of the sender"), NULL, "send" },
	{ "address", "ADDRESS", 0, KIND_TEXT, offsetof(struct cli, address), N_("the mail address that sends"), NULL, "setup" },
	{ "provider", "NAME", 0, KIND_TEXT, offsetof(struct cli, provider),
		N_("the mail service, or the name of a mail server"), NULL, "setup" },
	{ "security", "HOW", 0, KIND_TEXT, offsetof(struct cli, security), N_("tls, starttls or none"), NULL, "setup" },
	{ "port", "NUMBER", 0, KIND_TEXT, offsetof(struct cli, port), N_("the port of the mail server"), NULL, "setup" },
	{ "username", "NAME", 0, KIND_TEXT, offsetof(struct cli, username), N_("the login, when it is not the address"), NULL, "setup" },
	{ "password-file", "FILE", 0, KIND_TEXT, offsetof(struct cli, password_file),
		N_("its first line is the password or authorization code; - for standard input"), NULL, "setup" },
	{ "to", "ADDRESSES", 0, KIND_TEXT, offsetof(struct cli, to), N_("who gets the mails, with commas between them"), NULL, "setup" },
	{ "language", "NAME", 0, KIND_TEXT, offsetof(struct cli, language),
		N_("speaks en or zh_CN, whatever the configuration says; of setup: the language that it writes there"), NULL, NULL },
	{ "yes", NULL, 0, KIND_FLAG, offsetof(struct cli, yes), N_("asks nothing"), NULL, "setup" },
	{ "no-test", NULL, 0, KIND_FLAG, offsetof(struct cli, no_test), N_("sends no test mail"), NULL, "setup" },
	{ "no-start", NULL, 0, KIND_FLAG, offsetof(struct cli, no_start), N_("starts no service"), NULL, "setup" },
	{ "version", NULL, 0, KIND_VERSION, 0, N_("the version"), NULL, NULL },
	{ "help", NULL, 'h', KIND_FLAG, offsetof(struct cli, help), N_("this text; after a verb: what that verb takes"), NULL, NULL },
};

static bool is_for(const struct cli_option *o, const struct verb *verb)
{
	size_t len = strlen(verb->name);

	for (const char *at = o->verbs; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
		if (strncmp(at, verb->name, len) == 0 && strchr(" ", at[len]))
			return true;
	return !o->verbs;
}

/* The text of all verbs says whose an option is, unless it is that of many. */
static void put_verbs(struct buf *b, const struct cli_option *o)
{
	_cleanup_free_ char *verbs_list = o->verbs && strlen(o->verbs) < VERBS_NAMED_MAX ? strdup(o->verbs) : NULL;

	for (char *c = verbs_list; c && *c; c++)
		*c = *c == ' ' ? '/' : *c;
	if (verbs_list) /* TRANSLATORS: before what an option is for, the verbs that take it */
		buf_printf(b, _("%s: "), verbs_list);
}

/* VERB is the one whose text it is, NULL: that of all. */
static void print_option(const struct cli_option *o, const struct verb *verb)
{
	_cleanup_buf_ struct buf help = BUF(1000);
	char letter[8] = "   ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c,", o->letter);
	int width = printf("  %s --%s%s%s", letter, o->name, o->argument ? " " : "", o->argument ? o->argument : "");
	printf("%*s", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "");
	if (!verb)
		put_verbs(&help, o);
	if (o->fallback) /* TRANSLATORS: what an option is for, and what holds without it */
		buf_printf(&help, _("%s (%s)"), _(o->help), o->fallback);
	else
		buf_puts(&help, _(o->help));
	cli_print_lines(buf_text(&help), HELP_COLUMN);
}

static void print_help(void)
{
	puts(_("Usage: tocsin [OPTION]... VERB [ARGUMENT]...\n"));
	for (size_t i = 0; i < ELEMENTS(verbs); i++) {
		printf("  %s%s%s\n      ", verbs[i].name, *verbs[i].arguments ? " " : "", verbs[i].arguments);
		cli_print_lines(_(verbs[i].help), 6);
	}
	putchar('\n');
	for (size_t i = 0; i < ELEMENTS(cli_options); i++)
		print_option(&cli_options[i], NULL);
	putchar('\n');
	puts(_("See tocsin(1)."));
}

static void print_usage(FILE *file, const struct verb *verb)
{
	_cleanup_buf_ struct buf usage = BUF(1000);

	buf_printf(&usage, *verb->arguments ? _("Usage: tocsin %s %s") : _("Usage: tocsin %s"), verb->name, verb->arguments);
	terminal_print_lines(file, buf_text(&usage), USAGE_INDENT);
}

/* Its own options first. */
static void print_help_of(const struct verb *verb)
{
	bool is_first = true;

	print_usage(stdout, verb);
	printf("  ");
	cli_print_lines(_(verb->help), 2);
	putchar('\n');
	for (size_t i = 0; i < ELEMENTS(cli_options); i++)
		if (cli_options[i].verbs && is_for(&cli_options[i], verb)) {
			print_option(&cli_options[i], verb);
			is_first = false;
		}
	if (!is_first)
		putchar('\n');
	for (size_t i = 0; i < ELEMENTS(cli_options); i++)
		if (!cli_options[i].verbs)
			print_option(&cli_options[i], verb);
	putchar('\n');
	puts(_("See tocsin(1)."));
}

/* Does the command line have it? */
static bool is_given(const struct cli *cli, const struct cli_option *o)
{
	const void *member = (const char *)cli + o->offset;

	switch (o->kind) {
	case KIND_FLAG:
		return *(const bool *)member;
	case KIND_TEXT:
		return *(const char *const *)member;
	case KIND_TIME:
	case KIND_UNTIL:
		return *(const int64_t *)member > 0;
	case KIND_VERSION:
		break;
	}
	return false;
}

/* Takes an option over. Returns an exit status, or -1 to go on. */
static int take_option(struct cli *cli, const struct cli_option *o, const char *value)
{
	void *member = (char *)cli + o->offset;

	switch (o->kind) {
	case KIND_FLAG:
		*(bool *)member = true;
		return -1;
	case KIND_TEXT:
		*(const char **)member = value;
		return -1;
	case KIND_TIME:
		if (parse_duration(value, member) == 0 && *(int64_t *)member > 0)
			return -1;
		cli_error("--%s %s: expected a time like 30s or 2m", o->name, value);
		return EX_USAGE;
	case KIND_UNTIL:
		if (cli_parse_until(value, member) == 0)
			return -1;
		cli_error("--%s %s: expected a time to come, like 2h, 18:00, 2026-12-24 or \"2026-12-24 18:00\"", o->name, value);
		return EX_USAGE;
	case KIND_VERSION:
		puts("tocsin " PACKAGE_VERSION);
		return EX_OK;
	}
	return EX_USAGE;
}

/* What getopt_long() did not understand: an option that there is not, or with a value where there is none, or without one. */
static int refuse_option(int c, const char *argument)
{
	char letter[] = { '-', (char)optopt, '\0' };
	const char *shown = optopt > 0 && optopt < FIRST ? letter : argument;

	if (c == ':')
		cli_error("the value of %s is missing; see tocsin --help", shown);
	else
		cli_error("unknown option %s; see tocsin --help", shown);
	return EX_USAGE;
}

/* Takes options over until one ends it: returns an exit status, or -1 to go on. With IS_EARLY it takes texts alone and says
 * nothing of the rest: among them is what tells the language for that. */
static int read_options(struct cli *cli, int argc, char *argv[], bool is_early)
{
	struct option options[ELEMENTS(cli_options) + 1] = { 0 };
	char letters[2 * ELEMENTS(cli_options) + 2] = ":";
	int c, status = -1;

	for (size_t i = 0; i < ELEMENTS(cli_options); i++) {
		const struct cli_option *o = &cli_options[i];
		const char letter[] = { o->letter, o->letter && o->argument ? ':' : '\0', '\0' };

		options[i] = (struct option){ o->name, o->argument ? required_argument : no_argument, NULL, FIRST + (int)i };
		strcat(letters, letter);
	}
	optind = 0; /* from the beginning, with glibc */
	while (status < 0 && (c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		size_t i = 0;

		while (c < FIRST && i < ELEMENTS(cli_options) && cli_options[i].letter != c)
			i++;
		i = c >= FIRST ? (size_t)(c - FIRST) : i;
		if (i < ELEMENTS(cli_options) && (!is_early || cli_options[i].kind == KIND_TEXT))
			status = take_option(cli, &cli_options[i], optarg);
		else if (!is_early)
			status = refuse_option(c, argv[optind - 1]);
	}
	return status;
}

/* What tells the language. getopt_long() puts arguments into another order, so it gets a copy. */
static void read_early(struct cli *cli, int argc, char *argv[])
{
	_cleanup_free_ char **copy = calloc((size_t)argc + 1, sizeof(*copy));

	if (!copy)
		return;
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	read_options(cli, argc, copy, true);
}

/* Before anything is said. Returns an exit status, or -1 to go on. */
static int choose_language(const struct cli *cli)
{
	if (cli->language && language_use(cli->language) == -EINVAL) {
		_cleanup_buf_ struct buf names = BUF(1000);

		language_from_environment();
		cli_append_languages(&names);
		cli_error("--language %s: expected one of %s", cli->language, buf_text(&names));
		return EX_USAGE;
	}
	if (!cli->language && getenv(LANGUAGE_VARIABLE))
		language_from_environment();
	else if (!cli->language)
		conf_use_language(cli->conf_path, cli->conf_dropins); /* what is wrong there is told by who needs it */
	return -1;
}

/* An option that the verb does not take would be ignored, and somebody would believe that it was not. */
static int refuse_foreign(const struct cli *cli, const struct verb *verb)
{
	for (size_t i = 0; i < ELEMENTS(cli_options); i++) {
		const struct cli_option *o = &cli_options[i];

		if (!is_given(cli, o) || is_for(o, verb))
			continue;
		cli_error("tocsin %s takes no --%s; see tocsin %s --help", verb->name, o->name, verb->name);
		return verb->is_plugin ? 3 : EX_USAGE;
	}
	return -1;
}

static int run_verb(const struct cli *cli, int argc, char **argv)
{
	const struct verb *verb = argc ? find_verb(argv[0]) : NULL;

	if (argc == 0) {
		print_help();
		return cli->help ? EX_OK : EX_USAGE;
	}
	if (!verb)
		return EX_USAGE;
	if (cli->help) {
		print_help_of(verb);
		return EX_OK;
	}
	if (argc - 1 < verb->min || argc - 1 > verb->max) {
		print_usage(stderr, verb);
		return verb->is_plugin ? 3 : EX_USAGE;
	}
	int status = refuse_foreign(cli, verb);
	return status >= 0 ? status : verb->run(cli, argv + 1);
}

/* The packaged folder belongs to the packaged file. */
static void choose_files(struct cli *cli)
{
	if (cli->conf_path)
		return;
	cli->conf_path = SYSCONFDIR "/tocsin/tocsin.conf";
	if (!cli->conf_dropins)
		cli->conf_dropins = SYSCONFDIR "/tocsin/conf.d";
}

int main(int argc, char *argv[])
{
	const char *control = getenv("TOCSIN_CONTROL");
	struct cli cli = { .control_path = control ? control : "/run/tocsin/control",
		.state_path = LOCALSTATEDIR "/lib/tocsin/state.db" };

	log_open("tocsin");
	opterr = 0; /* the words are ours */
	read_early(&cli, argc, argv);
	choose_files(&cli);
	int status = choose_language(&cli);
	if (status < 0)
		status = read_options(&cli, argc, argv, false);
	return status >= 0 ? status : run_verb(&cli, argc - optind, argv + optind);
}
