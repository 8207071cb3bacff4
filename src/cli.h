/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of the administrator's command line. Each gets the options that main() read and its own arguments, and
 * returns the exit status of the process. */
#pragma once

#include "cleanup.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cli {
	const char *conf_path, *conf_dropins, *control_path;
	bool json, verbose, direct, raw;
	const char *subject, *from_name, *relay;
	int64_t timeout_usec; /* 0: as configured */
	const char *since, *check; /* of what was; NULL: not given */
	bool all;
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

/* cli-history.c: what was */
int cli_history(const struct cli *cli, char **arguments);
int cli_incidents(const struct cli *cli, char **arguments);

/* Asks the daemon METHOD of org.tocsin.Control; PARAMETERS is taken over. Returns 0 with *ret_reply, which the caller frees,
 * or prints what is wrong and returns an exit status. */
int cli_ask(const struct cli *cli, const char *method, json_t *parameters, json_t **ret_reply);

/* Whatever is for programs. */
void cli_print_json(const json_t *value);

/* A member as text, cleaned for the terminal; "" for null. Valid until the next call but seven. */
const char *cli_text_of(const json_t *object, const char *name);

/* The columns of the widest member NAME of all OBJECTS, LEAST at least and 40 at most; and TEXT padded to such a width. */
size_t cli_widest(const json_t *objects, const char *name, size_t least);
void cli_print_padded(const char *text, size_t width);

/* A state as a Nagios plugin's exit status. */
int cli_exit_status(const char *state);

/* Prints a state word in its colour if standard output is a terminal that wants colour, padded to WIDTH columns. */
void cli_print_state(const char *state, int width);

/* Of two exit statuses of sysexits.h the worse: 78 > 77 > 76 > 69 > 75 > 0. */
int cli_worse(int a, int b);

/* One line of an SMTP dialogue as telnet would show it. */
void cli_print_dialogue(const char *direction, const char *line);
