/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin: the administrator's command line. Verbs are a table; what they do stands in cli-*.c. */
#include "cli.h"
#include "log.h"
#include "text.h"
#include "units.h"

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
	{ "status", "[--json]", "states of all checks, and mails that wait", cli_status, 0, 0, true },
	{ "check", "NAME [--direct] [--json]", "runs one check now and shows all of it", cli_check, 1, 1, true },
	{ "test-mail", "[-v] [--direct]", "sends a test mail; -v shows the SMTP dialogue", cli_test_mail, 0, 0, false },
	{ "send", "[--raw] [--subject S] [--from-name N] RCPT...", "sends one mail from standard input", cli_send, 1, 1000,
		false },
	{ "config", "", "every value in force, and where it comes from", cli_config, 0, 0, false },
	{ "history", "[--since TIME] [--check GLOB] [--json]", "what happened in the last week, or since a time", cli_history, 0, 0,
		false },
	{ "incidents", "[--all] [--since TIME] [--check GLOB] [--json]", "problems that are open, or all that ever were",
		cli_incidents, 0, 0, false },
	{ "reload", "", "the daemon reads its configuration again", cli_reload, 0, 0, false },
};

static void print_help(void)
{
	puts("Usage: tocsin [OPTION]... VERB [ARGUMENT]...\n");
	for (size_t i = 0; i < ELEMENTS(verbs); i++)
		printf("  %s %s\n      %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
	puts("\n      --config FILE     configuration (" SYSCONFDIR "/tocsin/tocsin.conf)\n"
	     "      --conf-dir DIR    folder of further *.conf files (" SYSCONFDIR "/tocsin/conf.d)\n"
	     "      --control SOCKET  control socket of the daemon ($TOCSIN_CONTROL, /run/tocsin/control)\n"
	     "      --direct          past the daemon, with the rights of the caller\n"
	     "      --mail NAME       the relay [mail NAME]; '' is [mail]\n"
	     "      --timeout TIME    gives up after this time\n"
	     "      --since TIME      2d (ago), 2026-11-25, or 2026-11-25T08:00:00+08:00\n"
	     "      --check GLOB      only checks, or CHECK/ITEM, that match\n"
	     "      --all             ended incidents too\n"
	     "      --json            for programs\n"
	     "      --version, --help\n\n"
	     "See tocsin(1).");
}

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

int main(int argc, char *argv[])
{
	enum { OPT_CONFIG = 256, OPT_CONF_DIR, OPT_CONTROL, OPT_JSON, OPT_DIRECT, OPT_RAW, OPT_SUBJECT, OPT_FROM_NAME, OPT_MAIL, OPT_TIMEOUT, OPT_SINCE, OPT_CHECK, OPT_ALL, OPT_VERSION, OPT_HELP };
	static const struct option options[] = {
		{ "config", required_argument, NULL, OPT_CONFIG }, { "conf-dir", required_argument, NULL, OPT_CONF_DIR },
		{ "control", required_argument, NULL, OPT_CONTROL }, { "json", no_argument, NULL, OPT_JSON },
		{ "direct", no_argument, NULL, OPT_DIRECT }, { "raw", no_argument, NULL, OPT_RAW },
		{ "subject", required_argument, NULL, OPT_SUBJECT }, { "from-name", required_argument, NULL, OPT_FROM_NAME },
		{ "mail", required_argument, NULL, OPT_MAIL }, { "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "since", required_argument, NULL, OPT_SINCE }, { "check", required_argument, NULL, OPT_CHECK },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "verbose", no_argument, NULL, 'v' }, { "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP }, { 0 },
	};
	const char *control = getenv("TOCSIN_CONTROL");
	struct cli cli = { .conf_path = NULL, .control_path = control ? control : "/run/tocsin/control" };
	int c;

	log_open("tocsin");
	while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		switch (c) {
		case OPT_CONFIG:
			cli.conf_path = optarg;
			break;
		case OPT_CONF_DIR:
			cli.conf_dropins = optarg;
			break;
		case OPT_CONTROL:
			cli.control_path = optarg;
			break;
		case OPT_JSON:
			cli.json = true;
			break;
		case OPT_DIRECT:
			cli.direct = true;
			break;
		case OPT_RAW:
			cli.raw = true;
			break;
		case OPT_SUBJECT:
			cli.subject = optarg;
			break;
		case OPT_FROM_NAME:
			cli.from_name = optarg;
			break;
		case OPT_MAIL:
			cli.relay = optarg;
			break;
		case OPT_TIMEOUT:
			if (parse_duration(optarg, &cli.timeout_usec) < 0 || cli.timeout_usec == 0) {
				fprintf(stderr, "tocsin: --timeout %s: expected a time like 30s or 2m\n", optarg);
				return EX_USAGE;
			}
			break;
		case OPT_SINCE:
			cli.since = optarg;
			break;
		case OPT_CHECK:
			cli.check = optarg;
			break;
		case OPT_ALL:
			cli.all = true;
			break;
		case 'v':
			cli.verbose = true;
			break;
		case OPT_VERSION:
			puts("tocsin " PACKAGE_VERSION);
			return EX_OK;
		case OPT_HELP:
			print_help();
			return EX_OK;
		default:
			return EX_USAGE;
		}
	}
	/* The packaged folder belongs to the packaged file. */
	if (!cli.conf_path) {
		cli.conf_path = SYSCONFDIR "/tocsin/tocsin.conf";
		if (!cli.conf_dropins)
			cli.conf_dropins = SYSCONFDIR "/tocsin/conf.d";
	}
	return run_verb(&cli, argc - optind, argv + optind);
}
