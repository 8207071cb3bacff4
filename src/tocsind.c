/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsind: the options of the command line; the rest is daemon.c. */
#include "conf-loader.h"
#include "daemon.h"
#include "language.h"
#include "log.h"
#include "translate.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

static void print_help(void)
{
	puts("Usage: tocsind [OPTION]...\n"
	     "Watches this host, mails a status report at every interval and an alert when something fails.\n\n"
	     "      --config FILE     configuration (" SYSCONFDIR "/tocsin/tocsin.conf)\n"
	     "      --conf-dir DIR    folder of further *.conf files (" SYSCONFDIR "/tocsin/conf.d)\n"
	     "      --state FILE      state file (" LOCALSTATEDIR "/lib/tocsin/state.db)\n"
	     "      --control SOCKET  control socket (/run/tocsin/control)\n"
	     "      --check-config    only checks the configuration: exit status 0, or 78 when it has errors\n"
	     "      --debug           tells more\n"
	     "      --version         shows the version; twice: how it was built\n"
	     "      --help            shows this\n\n"
	     "See tocsind(8) and tocsin.conf(5).");
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

	conf_settings_use_language(&loaded->settings);
	for (size_t i = 0; i < loaded->problems.n; i++) {
		_cleanup_buf_ struct buf line = BUF(4000);

		conf_problem_format(&loaded->problems.items[i], &line);
		fprintf(stderr, "%s\n", buf_text(&line));
	}
	if (loaded->problems.n_errors == 0)
		fprintf(stderr, _("The configuration is good: %zu checks, %zu relays.\n"), loaded->conf->n_checks,
			loaded->conf->n_mails);
	*status = loaded->problems.n_errors ? EX_CONFIG : EX_OK;
}

static int check_config(const struct options *o)
{
	const struct conf_source source = { .path = o->conf_path, .dropins = o->conf_dropins };
	int status = -1;

	language_from_environment();
	int r = conf_load_and_wait(&source, on_checked, &status);
	if (r < 0) {
		log_error_errno(r, "cannot check the configuration");
		return EX_OSERR;
	}
	return status;
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
		.conf_path = SYSCONFDIR "/tocsin/tocsin.conf", .conf_dropins = NULL,
		.state_path = LOCALSTATEDIR "/lib/tocsin/state.db", .control_path = "/run/tocsin/control",
	};
	bool only_check = false, has_config = false;
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
			print_help();
			return EX_OK;
		default:
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		log_error("unexpected argument '%s'; see tocsind --help", argv[optind]);
		return EX_USAGE;
	}
	if (versions) {
		print_version(versions > 1);
		return EX_OK;
	}
	/* The packaged folder belongs to the packaged file; another file brings its own, or none. */
	if (!o.conf_dropins && !has_config)
		o.conf_dropins = SYSCONFDIR "/tocsin/conf.d";
	return only_check ? check_config(&o) : daemon_run(&o);
}
