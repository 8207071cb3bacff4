/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin: the administrator's command line. Verbs are a table; what they do stands in cli-*.c. */
#include "cli.h"
#include "language.h"
#include "log.h"
#include "text.h"
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
		"asks for the mail account, writes the configuration, sends a test mail and starts the service", cli_setup, 0, 0, false },
	{ "status", "[--watch [--interval TIME]] [--json]", "states of all checks, worst first, and mails that wait", cli_status, 0, 0, true },
	{ "check", "NAME [--direct] [--json]", "runs one check now and shows all of it", cli_check, 1, 1, true },
	{ "try", "MODULE [KEY=VALUE]... [--again TIME] [--root DIR] [--json]",
		"runs a check module once with these options and shows all of it", cli_try, 1, 1000, true },
	{ "describe", "[MODULE [KEY]] [--sections] [--json]", "the check modules, and the options that each takes", cli_describe,
		0, 2, false },
	{ "test-mail", "[-v] [--direct]", "sends a test mail; -v shows the SMTP dialogue", cli_test_mail, 0, 0, false },
	{ "send", "[--raw] [--subject S] [--from-name N] RCPT...|--to-configured", "sends one mail from standard input", cli_send,
		0, 1000, false },
	{ "config", "", "every value in force, and where it comes from", cli_config, 0, 0, false },
	{ "ack", "INCIDENT [--until TIME] [-m WHY]", "no reminders and no escalation: somebody knows of it", cli_ack, 1, 1,
		false },
	{ "silence", "GLOB TIME -m WHY", "no mails about CHECK or CHECK/ITEM for so long; without arguments: which there are",
		cli_silence, 0, 2, false },
	{ "unsilence", "ID|GLOB", "ends a silence", cli_unsilence, 1, 1, false },
	{ "outbox", "[show|retry|drop [ID]]", "mails that wait for delivery", cli_outbox, 0, 2, false },
	{ "report", "[--send]", "prints the status report, or mails it", cli_report, 0, 0, false },
	{ "forget", "CHECK[/ITEM]", "closes what is known of an item that is no longer there", cli_forget, 1, 1, false },
	{ "test-alert", "CHECK", "mails a marked problem and its recovery, on the way of real ones", cli_test_alert, 1, 1,
		false },
	{ "history", "[--since TIME] [--check GLOB] [--json]", "what happened in the last week, or since a time", cli_history, 0, 0,
		false },
	{ "incidents", "[--all] [--since TIME] [--check GLOB] [--json]", "problems that are open, or all that ever were",
		cli_incidents, 0, 0, false },
	{ "doctor", "[--send] [--json]", "goes through everything between here and the mailbox: what is wrong, and what to do",
		cli_doctor, 0, 0, true },
	{ "reload", "", "the daemon reads its configuration again", cli_reload, 0, 0, false },
};

static void print_help(void);

static const struct verb *find_verb(const char *name)
{
	const char *names[ELEMENTS(verbs)];

	for (size_t i = 0; i < ELEMENTS(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	const char *nearest = text_nearest(name, names, ELEMENTS(names));
	fprintf(stderr, "tocsin: there is no verb '%s'%s%s%s; see tocsin --help\n", name, nearest ? "; did you mean '" : "",
		nearest ? nearest : "", nearest ? "'?" : "");
	return NULL;
}

static int run_verb(const struct cli *cli, int argc, char **argv)
{
	const struct verb *verb = argc ? find_verb(argv[0]) : NULL;

	if (argc == 0)
		print_help();
	if (!verb)
		return EX_USAGE;
	if (argc - 1 < verb->min || argc - 1 > verb->max) {
		fprintf(stderr, "Usage: tocsin %s %s\n", verb->name, verb->arguments);
		return verb->is_plugin ? 3 : EX_USAGE;
	}
	return verb->run(cli, argv + 1);
}

/* ---- options ---- */

enum kind { KIND_FLAG, KIND_TEXT, KIND_TIME, KIND_UNTIL, KIND_HELP, KIND_VERSION };

static const struct cli_option {
	const char *name, *argument; /* NULL: takes none */
	char letter; /* or 0 */
	enum kind kind;
	size_t offset; /* in struct cli */
	const char *help; /* NULL: of a verb, which tells of it */
} cli_options[] = {
	{ "config", "FILE", 0, KIND_TEXT, offsetof(struct cli, conf_path), "configuration (" SYSCONFDIR "/tocsin/tocsin.conf)" },
	{ "conf-dir", "DIR", 0, KIND_TEXT, offsetof(struct cli, conf_dropins),
		"folder of further *.conf files (" SYSCONFDIR "/tocsin/conf.d)" },
	{ "control", "SOCKET", 0, KIND_TEXT, offsetof(struct cli, control_path),
		"control socket of the daemon ($TOCSIN_CONTROL, /run/tocsin/control)" },
	{ "state", "FILE", 0, KIND_TEXT, offsetof(struct cli, state_path),
		"state file of the daemon (" LOCALSTATEDIR "/lib/tocsin/state.db)" },
	{ "direct", NULL, 0, KIND_FLAG, offsetof(struct cli, direct), "past the daemon, with the rights of the caller" },
	{ "mail", "NAME", 0, KIND_TEXT, offsetof(struct cli, relay), "the relay [mail NAME]; '' is [mail]" },
	{ "timeout", "TIME", 0, KIND_TIME, offsetof(struct cli, timeout_usec), "gives up after this time" },
	{ "again", "TIME", 0, KIND_TIME, offsetof(struct cli, again_usec),
		"looks a second time so much later, with what the first look remembered" },
	{ "root", "DIR", 0, KIND_TEXT, offsetof(struct cli, root), "looks at the recorded tree in DIR instead of this host" },
	{ "sections", NULL, 0, KIND_FLAG, offsetof(struct cli, sections),
		"the sections of the configuration instead of the modules" },
	{ "message", "WHY", 'm', KIND_TEXT, offsetof(struct cli, message), "the reason, for those who read it later" },
	{ "until", "TIME", 0, KIND_UNTIL, offsetof(struct cli, until_usec),
		"until then: 2h, 18:00, 2026-12-24 or \"2026-12-24 18:00\"" },
	{ "since", "TIME", 0, KIND_TEXT, offsetof(struct cli, since), "2d (ago), 2026-11-25, or 2026-11-25T08:00:00+08:00" },
	{ "check", "GLOB", 0, KIND_TEXT, offsetof(struct cli, check), "only checks, or CHECK/ITEM, that match" },
	{ "all", NULL, 0, KIND_FLAG, offsetof(struct cli, all), "ended incidents too" },
	{ "watch", NULL, 'w', KIND_FLAG, offsetof(struct cli, watch), "draws again and again, until q or Ctrl-C" },
	{ "interval", "TIME", 0, KIND_TIME, offsetof(struct cli, interval_usec), "so long from one picture to the next (2s)" },
	{ "json", NULL, 0, KIND_FLAG, offsetof(struct cli, json), "for programs" },
	{ "words", NULL, 0, KIND_FLAG, offsetof(struct cli, words), "one word and its meaning a line, for shells" },
	{ "mdoc", NULL, 0, KIND_FLAG, offsetof(struct cli, mdoc), "the options as a list for a manual page" },
	{ "verbose", NULL, 'v', KIND_FLAG, offsetof(struct cli, verbose), "shows more" },
	{ "raw", NULL, 0, KIND_FLAG, offsetof(struct cli, raw), NULL },
	{ "to-configured", NULL, 0, KIND_FLAG, offsetof(struct cli, to_configured), NULL },
	{ "send", NULL, 0, KIND_FLAG, offsetof(struct cli, send), NULL },
	{ "subject", "TEXT", 0, KIND_TEXT, offsetof(struct cli, subject), NULL },
	{ "from-name", "NAME", 0, KIND_TEXT, offsetof(struct cli, from_name), NULL },
	{ "address", "ADDRESS", 0, KIND_TEXT, offsetof(struct cli, address), "of setup: the mail address that sends" },
	{ "provider", "NAME", 0, KIND_TEXT, offsetof(struct cli, provider),
		"of setup: the mail service, or the name of a mail server" },
	{ "security", "HOW", 0, KIND_TEXT, offsetof(struct cli, security), "of setup: tls, starttls or none" },
	{ "port", "NUMBER", 0, KIND_TEXT, offsetof(struct cli, port), "of setup: the port of the mail server" },
	{ "username", "NAME", 0, KIND_TEXT, offsetof(struct cli, username), "of setup: the login, when it is not the address" },
	{ "password-file", "FILE", 0, KIND_TEXT, offsetof(struct cli, password_file),
		"of setup: its first line is the password or authorization code; - for standard input" },
	{ "to", "ADDRESSES", 0, KIND_TEXT, offsetof(struct cli, to), "of setup: who gets the mails, with commas between them" },
	{ "language", "NAME", 0, KIND_TEXT, offsetof(struct cli, language),
		"speaks en or zh_CN, whatever the configuration says; of setup: the language that it writes there" },
	{ "yes", NULL, 0, KIND_FLAG, offsetof(struct cli, yes), "of setup: asks nothing" },
	{ "no-test", NULL, 0, KIND_FLAG, offsetof(struct cli, no_test), "of setup: sends no test mail" },
	{ "no-start", NULL, 0, KIND_FLAG, offsetof(struct cli, no_start), "of setup: starts no service" },
	{ "version", NULL, 0, KIND_VERSION, 0, NULL },
	{ "help", NULL, 0, KIND_HELP, 0, NULL },
};

static void print_help(void)
{
	puts("Usage: tocsin [OPTION]... VERB [ARGUMENT]...\n");
	for (size_t i = 0; i < ELEMENTS(verbs); i++)
		printf("  %s %s\n      %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	putchar('\n');
	for (size_t i = 0; i < ELEMENTS(cli_options); i++) {
		const struct cli_option *o = &cli_options[i];
		char letter[8] = "   ";

		if (!o->help)
			continue;
		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c,", o->letter);
		int width = printf("  %s --%s%s%s", letter, o->name, o->argument ? " " : "", o->argument ? o->argument : "");
		printf("%*s%s\n", width < 24 ? 24 - width : 1, "", o->help);
	}
	puts("      --version, --help\n\nSee tocsin(1).");
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
		fprintf(stderr, "tocsin: --%s %s: expected a time like 30s or 2m\n", o->name, value);
		return EX_USAGE;
	case KIND_UNTIL:
		if (cli_parse_until(value, member) == 0)
			return -1;
		fprintf(stderr, "tocsin: --%s %s: expected a time to come, like 2h, 18:00, 2026-12-24 or \"2026-12-24 18:00\"\n",
			o->name, value);
		return EX_USAGE;
	case KIND_VERSION:
		puts("tocsin " PACKAGE_VERSION);
		return EX_OK;
	case KIND_HELP:
		print_help();
		return EX_OK;
	}
	return EX_USAGE;
}

#define FIRST 256 /* what getopt_long() returns for the first row */

static int read_options(struct cli *cli, int argc, char *argv[])
{
	struct option options[ELEMENTS(cli_options) + 1] = { 0 };
	char letters[2 * ELEMENTS(cli_options) + 1] = "";
	int c, status = -1;

	for (size_t i = 0; i < ELEMENTS(cli_options); i++) {
		const struct cli_option *o = &cli_options[i];
		const char letter[] = { o->letter, o->letter && o->argument ? ':' : '\0', '\0' };

		options[i] = (struct option){ o->name, o->argument ? required_argument : no_argument, NULL, FIRST + (int)i };
		strcat(letters, letter);
	}
	while (status < 0 && (c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		size_t i = 0;

		while (c < FIRST && i < ELEMENTS(cli_options) && cli_options[i].letter != c)
			i++;
		i = c >= FIRST ? (size_t)(c - FIRST) : i;
		status = i < ELEMENTS(cli_options) ? take_option(cli, &cli_options[i], optarg) : EX_USAGE;
	}
	return status;
}

/* Returns an exit status, or -1 to go on. */
static int choose_language(const struct cli *cli)
{
	if (cli->language && language_use(cli->language) == -EINVAL) {
		fprintf(stderr, "tocsin: --language %s: expected one of:", cli->language);
		for (size_t i = 0; language_names[i]; i++)
			fprintf(stderr, " %s", language_names[i]);
		fputc('\n', stderr);
		return EX_USAGE;
	}
	if (!cli->language && getenv(LANGUAGE_VARIABLE))
		language_from_environment();
	else if (!cli->language)
		conf_use_language(cli->conf_path, cli->conf_dropins); /* what is wrong there is told by who needs it */
	return -1;
}

int main(int argc, char *argv[])
{
	const char *control = getenv("TOCSIN_CONTROL");
	struct cli cli = { .control_path = control ? control : "/run/tocsin/control",
		.state_path = LOCALSTATEDIR "/lib/tocsin/state.db" };

	log_open("tocsin");
	int status = read_options(&cli, argc, argv);
	if (status >= 0)
		return status;
	/* The packaged folder belongs to the packaged file. */
	if (!cli.conf_path) {
		cli.conf_path = SYSCONFDIR "/tocsin/tocsin.conf";
		if (!cli.conf_dropins)
			cli.conf_dropins = SYSCONFDIR "/tocsin/conf.d";
	}
	status = choose_language(&cli);
	if (status >= 0)
		return status;
	return run_verb(&cli, argc - optind, argv + optind);
}
