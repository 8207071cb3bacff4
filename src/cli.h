/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of the administrator's command line. Each gets the options that main() read and its own arguments, and
 * returns the exit status of the process. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct cli {
	const char *conf_path, *conf_dropins, *control_path;
	bool json, verbose, direct, raw;
	const char *subject, *from_name, *relay;
	int64_t timeout_usec; /* 0: as configured */
};

/* cli-ask.c: what the daemon answers */
int cli_status(const struct cli *cli, char **arguments);
int cli_check(const struct cli *cli, char **arguments);
int cli_reload(const struct cli *cli, char **arguments);

/* cli-direct.c: what needs no daemon */
int cli_config(const struct cli *cli, char **arguments);
int cli_send(const struct cli *cli, char **arguments);
int cli_check_direct(const struct cli *cli, const char *name);
int cli_test_mail_direct(const struct cli *cli);

/* cli-ask.c, through the daemon unless cli->direct */
int cli_test_mail(const struct cli *cli, char **arguments);

/* A state as a Nagios plugin's exit status. */
int cli_exit_status(const char *state);

/* Prints a state word in its colour if standard output is a terminal that wants colour, padded to WIDTH columns. */
void cli_print_state(const char *state, int width);

/* Of two exit statuses of sysexits.h the worse: 78 > 77 > 76 > 69 > 75 > 0. */
int cli_worse(int a, int b);

/* One line of an SMTP dialogue as telnet would show it. */
void cli_print_dialogue(const char *direction, const char *line);
