/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of the administrator's command line. Each gets the options that main() read and its own arguments, and
 * returns the exit status of the process. */
#pragma once

#include "cleanup.h"
#include "conf.h"
#include "helper.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct cli {
	const char *conf_path, *conf_dropins, *control_path, *state_path;
	bool help, json, verbose, direct, raw, sections, words, mdoc, send, to_configured, failed;
	const char *message; /* -m: why */
	int64_t until_usec; /* µs from now; 0: not given */
	const char *subject, *from_name, *relay;
	const char *root; /* of a recorded tree, or NULL */
	int64_t timeout_usec; /* 0: as configured */
	int64_t again_usec; /* 0: looks once */
	const char *since, *check; /* of what was; NULL: not given */
	bool all;
	/* of setup; NULL: not given */
	const char *provider, *address, *security, *port, *username, *password_file, *to, *language;
	bool yes, no_test, no_start;
	bool watch; /* draws again and again */
	int64_t interval_usec; /* between two pictures; 0: not given */
};

/* cli-status.c */
int cli_status(const struct cli *cli, char **arguments);

/* cli-ask.c: what the daemon answers */
int cli_check(const struct cli *cli, char **arguments);
int cli_reload(const struct cli *cli, char **arguments);

/* cli-act.c: what an administrator does, through the daemon */
int cli_ack(const struct cli *cli, char **arguments);
int cli_silence(const struct cli *cli, char **arguments);
int cli_unsilence(const struct cli *cli, char **arguments);
int cli_outbox(const struct cli *cli, char **arguments);
int cli_report(const struct cli *cli, char **arguments);
int cli_forget(const struct cli *cli, char **arguments);
int cli_test_alert(const struct cli *cli, char **arguments);

/* "2h", "18:00" (today, or tomorrow when that is past), "2026-12-24", "2026-12-24 18:00": how long that is from now, µs.
 * -EINVAL for anything else, and for a time that is past. */
int cli_parse_until(const char *text, int64_t *ret_usec);

/* Asks the daemon METHOD of org.tocsin.Control; PARAMETERS is taken over. Returns 0 with *ret_reply, which the caller frees,
 * or prints what is wrong and returns an exit status. */
int cli_ask(const struct cli *cli, const char *method, json_t *parameters, json_t **ret_reply);

/* Says why the daemon could not be asked: ERROR is that of varlink_connect() or varlink_query(). Returns an exit status. */
int cli_no_daemon(const struct cli *cli, int error);

/* An error that the daemon answered, in words on standard error. */
void cli_print_error(const char *error, const json_t *reply);

/* Says on standard error what is wrong; the format is looked up. */
void cli_error(const char *format, ...) _printf_(1, 2);

/* Prints a whole sentence to standard error as it is, on a terminal in lines that it is wide enough for. */
void cli_print_problem(const char *text);

/* cli-direct.c: what needs no daemon */
int cli_config(const struct cli *cli, char **arguments);
int cli_send(const struct cli *cli, char **arguments);
int cli_check_direct(const struct cli *cli, const char *name);
int cli_test_mail_direct(const struct cli *cli);

/* Prints what is wrong in the configuration; EX_CONFIG when that are errors. */
int cli_check_config(const struct cli *cli);

/* Loads the configuration, whose problems are the caller's to tell. 0 or -errno. Free it by conf_loaded_free(). */
struct conf_loaded;
int cli_load(const struct cli *cli, struct conf_loaded *ret);

/* Lets a tocsin-mail of our own send a test mail by RELAY, or only ask whether it would be taken. HEAR gets what it says:
 * MSG_READY, MSG_DIALOGUE with the stages of mailer.h, MSG_RESULT. 0; -EPIPE: it ended; -ETIMEDOUT; other -errno. */
struct cli_letter {
	const char *const *to;
	size_t n_to;
	bool is_probe;
};
int cli_probe(const struct cli *cli, const struct conf_loaded *loaded, const struct conf_mail *relay,
	const struct cli_letter *letter, void (*hear)(const struct msg *m, void *userdata), void *userdata);

/* cli-doctor.c */
int cli_doctor(const struct cli *cli, char **arguments);

/* cli-describe.c, cli-try.c: with tocsin-check alone */
int cli_describe(const struct cli *cli, char **arguments);
int cli_try(const struct cli *cli, char **arguments);

/* One look of a check by a tocsin-check of our own, or two with CLI->again_usec between them. Prints the result and
 * returns the exit status of a plugin. */
struct cli_look {
	const char *check, *module;
	const struct conf_setting *options; /* only key and value are read */
	size_t n_options;
	int64_t timeout_usec;
};
int cli_look(const struct cli *cli, const struct cli_look *look);

/* One look, as the JSON that cli_print_result() takes; json_decref() it. NULL: tocsin-check cannot be started. */
json_t *cli_look_once(const struct cli *cli, const struct cli_look *look);

/* cli-checker.c: starts tocsin-check with ARGV and hears its messages until one of them was the last. */
struct cli_checker {
	const char *const *argv;
	int64_t limit_usec; /* from when it is ready */
	void (*begin)(struct helper *h, void *userdata); /* asks, as soon as it is ready; may be NULL */
	bool (*message)(struct msg *m, void *userdata); /* whether more is to come */
	void *userdata;
};

/* 0, or -ECANCELED with *ret_why (free it): what became of it instead, as "crashed (SIGSEGV, Segmentation fault)"; other
 * -errno when it could not be started. */
int cli_ask_checker(const struct cli_checker *checker, char **ret_why);

/* The name of a module, which may be written as the path of its file: then modules come from that folder. -EINVAL for a
 * path that does not end in NAME.so, -ENOMEM. */
int cli_find_module(const char *argument, char **ret_name);

/* cli-result.c: the result of one look, in the JSON of the method Check of org.tocsin.Control, and with what only
 * cli_look() knows: elapsed (seconds), watches, memories. Returns the exit status of a plugin. */
int cli_print_result(const struct cli *cli, const json_t *result);

/* Whatever is for programs. */
void cli_print_json(const json_t *value);

/* A member as text, cleaned for the terminal; "" for null. Valid until the next call but seven. */
const char *cli_text_of(const json_t *object, const char *name);

/* cli-mdoc.c: the options of a module as the list of a manual page. */
void cli_print_mdoc(const json_t *module);

/* cli-ask.c, through the daemon unless cli->direct */
int cli_test_mail(const struct cli *cli, char **arguments);

/* cli-setup.c: the first configuration */
int cli_setup(const struct cli *cli, char **arguments);

/* The languages that there are: "en, zh_CN". */
void cli_append_languages(struct buf *b);

/* cli-history.c: what was */
int cli_history(const struct cli *cli, char **arguments);
int cli_incidents(const struct cli *cli, char **arguments);

/* The columns of the widest member NAME of all OBJECTS, LEAST at least and 40 at most; and TEXT padded to such a width. */
size_t cli_widest(const json_t *objects, const char *name, size_t least);
void cli_print_padded(const char *text, size_t width);

/* A state as a Nagios plugin's exit status. */
int cli_exit_status(const char *state);

/* Prints a state word in its colour if standard output is a terminal that wants colour, padded to WIDTH columns. */
void cli_print_state(const char *state, size_t width);

/* Prints TEXT and the end of the line, on a terminal in lines that it is wide enough for; what follows the first one is
 * indented. */
void cli_print_lines(const char *text, size_t indent);

/* A time of the control socket as "2026-11-25 18:38:12", local; nothing for "". */
void cli_append_time(struct buf *b, const char *rfc3339);

/* What became of a mail for one recipient ("sent", "temporary" …), in the language in use. */
const char *cli_outcome(const char *outcome);

/* Of two exit statuses of sysexits.h the worse: 78 > 77 > 76 > 69 > 75 > 0. */
int cli_worse(int a, int b);

/* One line of an SMTP dialogue as telnet would show it. */
void cli_print_dialogue(const char *direction, const char *line);
