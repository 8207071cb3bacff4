/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-check: the helper that runs checks, reads the configuration, or describes modules. It is started by tocsind
 * or tocsin, with a socket as descriptor 3; all that it does is in runner.c, config-service.c and describe.c. */
#include "conf.h"
#include "config-service.h"
#include "describe.h"
#include "language.h"
#include "log.h"
#include "module.h"
#include "msg.h"
#include "runner.h"
#include "translate.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

#define SAY_USAGE \
	_("Usage: tocsin-check [--root DIR] [MODULE...]\n" \
	  "       tocsin-check --config FILE [--conf-dir DIR] [--defaults] [--keep-language]\n" \
	  "       tocsin-check --describe [MODULE...] | --describe-sections\n" \
	  "\n" \
	  "A helper of tocsind, which starts it with a socket as descriptor 3.\n" \
	  "To run a check by hand use \"tocsin check NAME\" or \"tocsin try MODULE\".\n" \
	  "\n" \
	  "  --root DIR           look at the recorded tree in DIR instead of this host\n" \
	  "  --config FILE        read the configuration, report settings and problems\n" \
	  "  --conf-dir DIR       and the *.conf files in DIR after it\n" \
	  "  --defaults           report the settings that no file makes, too\n" \
	  "  --keep-language      speak the language of the environment, not that of the configuration\n" \
	  "  --describe           report what the modules are and which options they take\n" \
	  "  --describe-sections  the same for the sections of the configuration\n" \
	  "  --help, --version\n" \
	  "\n" \
	  "Modules are looked for in $TOCSIN_CHECK_DIR, else in %s.\n")

struct arguments {
	const char *root;
	const char *config, *conf_dir;
	bool with_defaults, keeps_language, describes, describes_sections;
};

/* Returns -1 to go on, else the exit status. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "config", required_argument, NULL, 'c' },
		{ "conf-dir", required_argument, NULL, 'd' },
		{ "defaults", no_argument, NULL, 'D' },
		{ "keep-language", no_argument, NULL, 'k' },
		{ "describe", no_argument, NULL, 's' },
		{ "describe-sections", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		switch (option) {
		case 'r':
			a->root = optarg;
			break;
		case 'c':
			a->config = optarg;
			break;
		case 'd':
			a->conf_dir = optarg;
			break;
		case 'D':
			a->with_defaults = true;
			break;
		case 'k':
			a->keeps_language = true;
			break;
		case 's':
			a->describes = true;
			break;
		case 'S':
			a->describes_sections = true;
			break;
		case 'h':
			return printf(SAY_USAGE, CHECKDIR) < 0 ? EX_IOERR : EX_OK;
		case 'v':
			return puts(PACKAGE_STRING) < 0 ? EX_IOERR : EX_OK;
		default:
			return EX_USAGE;
		}
	return -1;
}

static int serve(int socket, const char *root, char *const *modules, size_t n)
{
	_cleanup_runner_ struct runner *runner = NULL;
	/* Checks run in /, so what was named from here must not depend on here. */
	_cleanup_free_ char *real_root = realpath(root, NULL),
			    *module_dir = realpath(module_directory(), NULL);

	if (!real_root)
		return log_error_errno(-errno, "the recorded tree %s", root), EX_USAGE;
	int r = runner_prepare_process(&socket);
	if (r == 0)
		r = runner_new(socket, module_dir ? module_dir : module_directory(),
			strcmp(real_root, "/") == 0 ? "" : real_root, &runner);
	if (r < 0)
		return log_error_errno(r, "cannot start"), EX_OSERR;
	runner_preload(runner, modules, n);
	r = runner_serve(runner);
	if (r < 0)
		return log_error_errno(r, "the conversation with the daemon broke"), EX_PROTOCOL;
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct arguments a = { .root = "/" };
	int type;
	socklen_t len = sizeof(type);

	log_open("tocsin-check");
	language_from_environment();
	int status = parse_arguments(argc, argv, &a);
	if (status >= 0)
		return status;
	if (getsockopt(MSG_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fprintf(stderr, SAY_USAGE, CHECKDIR);
		return EX_USAGE;
	}
	if (a.config && !a.keeps_language && conf_use_language(a.config, a.conf_dir) < 0)
		return EX_OSERR;
	if (a.config)
		return config_service_run(a.config, a.conf_dir, MSG_FD, a.with_defaults) < 0 ? EX_IOERR
											     : EX_OK;
	if (a.describes_sections)
		return describe_sections(MSG_FD) < 0 ? EX_IOERR : EX_OK;
	if (a.describes)
		_exit(describe_modules(argv + optind, (size_t)(argc - optind), MSG_FD) < 0 ? EX_IOERR : EX_OK);
	status = serve(MSG_FD, a.root, argv + optind, (size_t)(argc - optind));
	/* Handlers that modules left with atexit() are not ours to run. */
	_exit(status);
}
