/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs that ask the daemon over its control socket. */
#include "cli.h"

#include "clock.h"
#include "text.h"
#include "translate.h"
#include "varlink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define ASK_USEC (10 * USEC_PER_SEC)
#define CHECK_USEC (5 * USEC_PER_MINUTE)
#define MAIL_USEC (15 * USEC_PER_MINUTE)
#define NO_DAEMON 3 /* of `status` and `check`, as of a Nagios plugin: UNKNOWN */

/* ---- small things that all verbs share ---- */

static const int by_severity[] = { EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, EX_PROTOCOL, EX_NOPERM, EX_CONFIG };

static size_t severity(int status)
{
	for (size_t i = 0; i < ELEMENTS(by_severity); i++)
		if (by_severity[i] == status)
			return i;
	return 3; /* what nobody foresaw counts as a protocol error */
}

int cli_worse(int a, int b)
{
	return severity(a) > severity(b) ? a : b;
}

void cli_print_dialogue(const char *direction, const char *line)
{
	_cleanup_free_ char *cleaned = text_cleaned(line, 2000);

	printf("%s %s\n", direction, cleaned ? cleaned : "");
	fflush(stdout);
}

int cli_no_daemon(const struct cli *cli, int error)
{
	if (error == -EACCES)
		cli_error("%s: permission denied: ask as root or as a member of the group tocsin", cli->control_path);
	else
		cli_error("%s: %s; is tocsind running? (systemctl status tocsin)", cli->control_path, strerror(-error));
	return error == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

/* Asks and prints what is wrong. Returns 0 with *ret_reply (which may be that of *ret_error), or an exit status. */
static int ask(const struct cli *cli, const char *method, json_t *parameters, int64_t timeout_usec,
	void (*answer)(json_t *parameters, void *userdata), void *userdata, json_t **ret_reply, char **ret_error)
{
	_cleanup_close_ int fd = varlink_connect(cli->control_path);

	if (fd < 0) {
		json_decref(parameters);
		return cli_no_daemon(cli, fd);
	}
	int r = varlink_query(fd, method, parameters, timeout_usec, answer, userdata, ret_reply, ret_error);
	if (r < 0) {
		cli_error("no answer from tocsind: %s", strerror(-r));
		return EX_UNAVAILABLE;
	}
	return 0;
}

/* An error of the daemon in words. */
void cli_print_error(const char *error, const json_t *reply)
{
	const char *last = strrchr(error, '.');
	const char *reason = json_string_value(json_object_get(reply, "reason"));

	if (reason)
		cli_error("%s", cli_text_of(reply, "reason"));
	else if (last && strcmp(last, ".PermissionDenied") == 0)
		cli_error("only root may do this");
	else if (last && strcmp(last, ".NotReady") == 0)
		cli_error("tocsind is still starting; try again in a moment");
	else
		cli_error("tocsind refused: %s", error);
}

static void print_check_error(const char *error, const json_t *reply);

/* What is looked for, by the member of the error that names it. */
static void print_refusal(const char *error, const json_t *reply)
{
	static const struct {
		const char *error, *words, *member;
	} errors[] = {
		{ ".NoSuchIncident", N_("no such incident is open; \"tocsin incidents\" lists them"), NULL },
		{ ".NoSuchSilence", N_("there is no such silence; \"tocsin silence\" lists them"), "silence" },
		{ ".NoSuchMail", N_("there is no such mail in the outbox; \"tocsin outbox\" lists them"), "id" },
		{ ".MailInFlight", N_("the mail is on its way just now; try again in a moment"), "id" },
		{ ".NoSuchItem", N_("the check has no such item; \"tocsin status\" lists them"), "item" },
	};
	const char *last = strrchr(error, '.');

	for (size_t i = 0; last && i < ELEMENTS(errors); i++) {
		if (strcmp(errors[i].error, last) != 0)
			continue;
		cli_error("%s%s%s", errors[i].member ? cli_text_of(reply, errors[i].member) : "",
			errors[i].member ? ": " : "", _(errors[i].words));
		return;
	}
	print_check_error(error, reply);
}

int cli_ask(const struct cli *cli, const char *method, json_t *parameters, json_t **ret_reply)
{
	_cleanup_free_ char *error = NULL, *name = NULL;
	json_t *reply = NULL;

	if (asprintf(&name, "org.tocsin.Control.%s", method) < 0)
		return EX_OSERR;
	int r = ask(cli, name, parameters, ASK_USEC, NULL, NULL, &reply, &error);
	if (r == 0 && error) {
		print_refusal(error, reply);
		r = strcmp(error, "org.tocsin.Control.HistoryUnavailable") == 0 ? EX_UNAVAILABLE : EX_CONFIG;
	}
	if (r == 0)
		*ret_reply = reply;
	else
		json_decref(reply);
	return r;
}

/* ---- check ---- */

static void print_check_error(const char *error, const json_t *reply)
{
	const json_t *names = json_object_get(reply, "checks"), *name;
	_cleanup_buf_ struct buf known = BUF(100000);
	size_t i;

	if (!names) {
		cli_print_error(error, reply);
		return;
	}
	json_array_foreach(names, i, name)
		buf_printf(&known, "%s%s", i ? " " : "", json_string_value(name));
	cli_error("there is no check called '%s'; there are: %s", cli_text_of(reply, "name"), buf_text(&known));
}

int cli_check(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *error = NULL;
	json_t *reply = NULL;
	int status = NO_DAEMON;

	if (cli->direct)
		return cli_check_direct(cli, arguments[0]);
	if (ask(cli, "org.tocsin.Control.Check", json_pack("{s:s}", "name", arguments[0]), CHECK_USEC, NULL, NULL, &reply,
		    &error) != 0)
		return NO_DAEMON;
	if (error)
		print_check_error(error, reply);
	else
		status = cli_print_result(cli, reply);
	json_decref(reply);
	return status;
}

/* ---- reload ---- */

int cli_reload(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *error = NULL;
	json_t *reply = NULL;
	const json_t *problems, *line;
	size_t i;

	int r = ask(cli, "org.tocsin.Control.Reload", NULL, USEC_PER_MINUTE, NULL, NULL, &reply, &error);
	if (r != 0)
		return r;
	problems = json_object_get(reply, "problems");
	json_array_foreach(problems, i, line) {
		_cleanup_free_ char *cleaned = text_cleaned(json_string_value(line), 4000);

		cli_print_problem(cleaned ? cleaned : "");
	}
	if (error && !problems)
		cli_print_error(error, reply);
	else if (error)
		cli_error("not reloaded: the configuration in force stays in force");
	else
		puts(_("reloaded"));
	json_decref(reply);
	return error ? EX_CONFIG : EX_OK;
}

/* ---- test-mail ---- */

static void on_dialogue(json_t *parameters, void *userdata)
{
	cli_print_dialogue(cli_text_of(parameters, "direction"), cli_text_of(parameters, "line"));
}

static int print_results(const json_t *results)
{
	const json_t *result;
	int status = EX_OK;
	size_t i;

	json_array_foreach(results, i, result) {
		printf("%s %s: %s\n", cli_outcome(cli_text_of(result, "outcome")), cli_text_of(result, "recipient"),
			cli_text_of(result, "answer"));
		status = cli_worse(status, atoi(cli_text_of(result, "status")));
	}
	if (json_array_size(results) == 0) {
		cli_error("the mailer reported no recipient");
		status = EX_PROTOCOL;
	}
	return status;
}

int cli_test_mail(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *error = NULL;
	json_t *reply = NULL;
	int status = EX_CONFIG;

	if (cli->direct)
		return cli_test_mail_direct(cli);
	int r = ask(cli, "org.tocsin.Control.TestMail", json_pack("{s:b}", "dialogue", cli->verbose), MAIL_USEC,
		on_dialogue, NULL, &reply, &error);
	if (r != 0)
		return r;
	if (error)
		cli_print_error(error, reply);
	else
		status = print_results(json_object_get(reply, "results"));
	json_decref(reply);
	return status;
}
