/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsind: the options of the command line; the rest is daemon.c. */
#include "conf-loader.h"
#include "daemon.h"
#include "language.h"
#include "log.h"
#include "terminal.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#define CONF_PATH SYSCONFDIR "/tocsin/tocsin.conf"
#define CONF_DROPINS SYSCONFDIR "/tocsin/conf.d"
#define STATE_PATH LOCALSTATEDIR "/lib/tocsin/state.db"
#define CONTROL_PATH "/run/tocsin/control"

/* For what people ask at a terminal: of the environment, else of the configuration. */
static void use_language(struct conf_loaded *loaded, void *userdata)
{
	if (getenv(LANGUAGE_VARIABLE))
		language_from_environment();
	else
		conf_settings_use_language(&loaded->settings);
}

static void choose_language(const struct options *o)
{
	const struct conf_source source = { .path = o->conf_path, .dropins = o->conf_dropins };

	conf_load_and_wait(&source, use_language, NULL);
}

static void print_help(void)
{
	puts(_("Usage: tocsind [OPTION]...\n"
	       "Watches this host, mails a status report at every interval and an alert when something fails.\n"));
	printf(_("      --config FILE     configuration (%s)\n"
		 "      --conf-dir DIR    folder of further *.conf files (%s)\n"
		 "      --state FILE      state file (%s)\n"
		 "      --control SOCKET  control socket (%s)\n"
		 "      --check-config    only checks the configuration: exit status 0, or 78 when it has errors\n"
		 "      --debug           tells more\n"
		 "      --version         shows the version; twice: how it was built\n"
		 "      --help            shows this\n\n"
		 "See tocsind(8) and tocsin.conf(5).\n"),
		CONF_PATH, CONF_DROPINS, STATE_PATH, CONTROL_PATH);
}

static void print_version(bool whole)
{
	puts("tocsin " PACKAGE_VERSION);
	if (whole)
		puts("  helpers  " LIBEXECDIR "\n"
		     "  checks   " CHECKDIR "\n"
		     "  built    with " __VERSION__);
}

static void on_checked(struct conf_loaded *loaded, void *userdata)
{
	int *status = userdata;

	use_language(loaded, NULL);
	for (size_t i = 0; i < loaded->problems.n; i++) {
		_cleanup_buf_ struct buf line = BUF(4000);

		conf_problem_format(&loaded->problems.items[i], &line);
		terminal_print_lines(stderr, buf_text(&line), 2);
	}
	if (loaded->problems.n_errors == 0)
		fprintf(stderr, _("The configuration is good: %zu checks, %zu relays.\n"), loaded->conf->n_checks,
			loaded->conf->n_mails);
	*status = loaded->problems.n_errors ? EX_CONFIG : EX_OK;
}

static int check_config(const struct options *o)
{
	const struct conf_source source = {
		.path = o->conf_path, .dropins = o->conf_dropins, .keeps_language = getenv(LANGUAGE_VARIABLE) != NULL,
	};
	int status = -1;

	int r = conf_load_and_wait(&source, on_checked, &status);
	if (r < 0) {
		log_error_errno(r, "cannot check the configuration");
		return EX_OSERR;
	}
	return status;
}

/* Who asks for help gets it, and who is WRONG is told so. (The daemon itself learns its language with its configuration.) */
static int instruct(const struct options *o, const char *wrong)
{
	choose_language(o);
	if (wrong)
		log_error(_("unexpected argument '%s'; see tocsind --help"), wrong);
	else
		print_help();
	return wrong ? EX_USAGE : EX_OK;
}

int main(int argc, char *argv[])
{
	enum { OPT_CONFIG = 256, OPT_CONF_DIR, OPT_STATE, OPT_CONTROL, OPT_CHECK_CONFIG, OPT_DEBUG, OPT_VERSION, OPT_HELP };
	static const struct option options[] = {
		{ "config", required_argument, NULL, OPT_CONFIG }, { "conf-dir", required_argument, NULL, OPT_CONF_DIR },
		{ "state", required_argument, NULL, OPT_STATE }, { "control", required_argument, NULL, OPT_CONTROL },
		{ "check-config", no_argument, NULL, OPT_CHECK_CONFIG }, { "debug", no_argument, NULL, OPT_DEBUG },
		{ "version", no_argument, NULL, OPT_VERSION }, { "help", no_argument, NULL, OPT_HELP }, { 0 },
	};
	struct options o = {
		.conf_path = CONF_PATH, .conf_dropins = NULL, .state_path = STATE_PATH, .control_path = CONTROL_PATH,
	};
	bool only_check = false, has_config = false, wants_help = false;
	int c, versions = 0;

	log_open("tocsind");
	while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		switch (c) {
		case OPT_CONFIG:
			o.conf_path = optarg;
			has_config = true;
			break;
		case OPT_CONF_DIR:
			o.conf_dropins = optarg;
			break;
		case OPT_STATE:
			o.state_path = optarg;
			break;
		case OPT_CONTROL:
			o.control_path = optarg;
			break;
		case OPT_CHECK_CONFIG:
			only_check = true;
			break;
		case OPT_DEBUG:
			log_set_level(LOG_DEBUG);
			break;
		case 'v':
		case OPT_VERSION:
			versions++;
			break;
		case OPT_HELP:
			wants_help = true;
			break;
		default:
			return EX_USAGE;
		}
	}
	/* The packaged folder belongs to the packaged file; another file brings its own, or none. */
	if (!o.conf_dropins && !has_config)
		o.conf_dropins = CONF_DROPINS;
	if (versions) {
		print_version(versions > 1);
		return EX_OK;
	}
	if (wants_help || optind < argc)
		return instruct(&o, wants_help ? NULL : argv[optind]);
	return only_check ? check_config(&o) : daemon_run(&o);
}
