/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs that ask the daemon over its control socket. */
#include "cli.h"

#include "clock.h"
#include "text.h"
#include "units.h"
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

static const struct {
	const char *name, *colour;
	int status;
} states[] = {
	{ "OK", "\033[32m", 0 },
	{ "WARNING", "\033[33m", 1 },
	{ "CRITICAL", "\033[1;31m", 2 },
	{ "UNKNOWN", "\033[35m", 3 },
};

int cli_exit_status(const char *state)
{
	for (size_t i = 0; state && i < ELEMENTS(states); i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].status;
	return NO_DAEMON;
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void cli_print_state(const char *state, int width)
{
	bool in_colour = wants_colour();

	for (size_t i = 0; in_colour && i < ELEMENTS(states); i++)
		if (strcmp(states[i].name, state) == 0)
			fputs(states[i].colour, stdout);
	printf("%-*s", width, state);
	if (in_colour)
		fputs("\033[0m", stdout);
}

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

const char *cli_text_of(const json_t *object, const char *name)
{
	static char *kept[8];
	static size_t next;
	const char *text = json_string_value(json_object_get(object, name));
	size_t at = next++ % ELEMENTS(kept);

	free(kept[at]);
	kept[at] = text_cleaned(text ? text : "", 4000);
	return kept[at] ? kept[at] : "";
}

/* Asks and prints what is wrong. Returns 0 with *ret_reply (which may be that of *ret_error), or an exit status. */
static int ask(const struct cli *cli, const char *method, json_t *parameters, int64_t timeout_usec,
	void (*answer)(json_t *parameters, void *userdata), void *userdata, json_t **ret_reply, char **ret_error)
{
	_cleanup_close_ int fd = varlink_connect(cli->control_path);

	if (fd < 0) {
		json_decref(parameters);
		fprintf(stderr, "tocsin: %s: %s; is tocsind running? (systemctl status tocsin)\n", cli->control_path,
			fd == -EACCES ? "permission denied: ask as root or as a member of the group tocsin" : strerror(-fd));
		return fd == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
	}
	int r = varlink_query(fd, method, parameters, timeout_usec, answer, userdata, ret_reply, ret_error);
	if (r < 0) {
		fprintf(stderr, "tocsin: no answer from tocsind: %s\n", strerror(-r));
		return EX_UNAVAILABLE;
	}
	return 0;
}

/* An error of the daemon in words. */
static void print_error(const char *error, const json_t *reply)
{
	const char *last = strrchr(error, '.');
	const char *reason = json_string_value(json_object_get(reply, "reason"));

	if (reason)
		fprintf(stderr, "tocsin: %s\n", cli_text_of(reply, "reason"));
	else if (last && strcmp(last, ".PermissionDenied") == 0)
		fprintf(stderr, "tocsin: only root may do this\n");
	else if (last && strcmp(last, ".NotReady") == 0)
		fprintf(stderr, "tocsin: tocsind is still starting; try again in a moment\n");
	else
		fprintf(stderr, "tocsin: tocsind refused: %s\n", error);
}

void cli_print_json(const json_t *reply)
{
	json_dumpf(reply, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
}

int cli_ask(const struct cli *cli, const char *method, json_t *parameters, json_t **ret_reply)
{
	_cleanup_free_ char *error = NULL, *name = NULL;
	json_t *reply = NULL;

	if (asprintf(&name, "org.tocsin.Control.%s", method) < 0)
		return EX_OSERR;
	int r = ask(cli, name, parameters, ASK_USEC, NULL, NULL, &reply, &error);
	if (r == 0 && error) {
		print_error(error, reply);
		r = strcmp(error, "org.tocsin.Control.HistoryUnavailable") == 0 ? EX_UNAVAILABLE : EX_CONFIG;
	}
	if (r == 0)
		*ret_reply = reply;
	else
		json_decref(reply);
	return r;
}

/* ---- status ---- */

/* CRITICAL, UNKNOWN, WARNING, OK, then what has no state yet. */
static int rank(const json_t *item)
{
	static const char *const order[] = { "CRITICAL", "UNKNOWN", "WARNING", "OK" };
	const char *state = json_string_value(json_object_get(item, "state"));

	for (size_t i = 0; state && i < ELEMENTS(order); i++)
		if (strcmp(order[i], state) == 0)
			return (int)i;
	return ELEMENTS(order);
}

static int64_t to_realtime(const char *rfc3339)
{
	int64_t usec = 0;

	parse_time_rfc3339(rfc3339, &usec);
	return usec;
}

void cli_print_padded(const char *text, size_t width)
{
	size_t columns = text_columns(text);

	fputs(text, stdout);
	while (columns++ < width)
		putchar(' ');
	fputs("  ", stdout);
}

size_t cli_widest(const json_t *items, const char *name, size_t least)
{
	size_t width = least, i;
	const json_t *item;

	json_array_foreach(items, i, item) {
		size_t columns = text_columns(cli_text_of(item, name));

		width = columns > width ? columns : width;
	}
	return width > 40 ? 40 : width;
}

static void print_item(const json_t *item, size_t check_width, size_t item_width, int64_t now)
{
	_cleanup_buf_ struct buf age = BUF(100);
	int64_t since = to_realtime(cli_text_of(item, "since"));
	bool is_idle = json_is_string(json_object_get(item, "not_applicable"));
	bool has_state = json_is_string(json_object_get(item, "state"));

	if (has_state && since)
		format_duration(&age, now - since);
	cli_print_state(has_state ? cli_text_of(item, "state") : is_idle ? "n/a" : "-", 8);
	fputs("  ", stdout);
	cli_print_padded(cli_text_of(item, "check"), check_width);
	cli_print_padded(cli_text_of(item, "item"), item_width);
	cli_print_padded(buf_text(&age), 12);
	puts(is_idle ? cli_text_of(item, "not_applicable") : *cli_text_of(item, "text") ? cli_text_of(item, "text") : "not looked at yet");
	/* A look that the confirmed state does not show yet. */
	if (has_state && strcmp(cli_text_of(item, "last_state"), cli_text_of(item, "state")) != 0)
		printf("          %s at the last look, not confirmed yet\n", cli_text_of(item, "last_state"));
}

static void print_outbox(const json_t *outbox)
{
	const json_t *mail, *recipient;
	size_t i, j;

	if (json_array_size(outbox))
		printf("\n%zu mail(s) wait for delivery:\n", json_array_size(outbox));
	json_array_foreach(outbox, i, mail) {
		printf("  %s\n    queued %s, %lld attempt(s), next %s\n", cli_text_of(mail, "subject"), cli_text_of(mail, "queued"),
			(long long)json_integer_value(json_object_get(mail, "attempts")), cli_text_of(mail, "next_try"));
		json_array_foreach(json_object_get(mail, "recipients"), j, recipient)
			printf("    %s %s: %s\n", cli_text_of(recipient, "fate"), cli_text_of(recipient, "address"),
				cli_text_of(recipient, "answer"));
	}
}

static void print_status(const json_t *reply)
{
	const json_t *items = json_object_get(reply, "items"), *notes = json_object_get(reply, "notes"), *item, *note;
	size_t check_width = cli_widest(items, "check", 5), item_width = cli_widest(items, "item", 4), i;
	int64_t now = clock_realtime_usec();

	printf("%s: ", cli_text_of(reply, "host"));
	cli_print_state(cli_text_of(reply, "state"), 0);
	printf(" (%s)\n", cli_text_of(reply, "summary"));
	json_array_foreach(notes, i, note) {
		_cleanup_free_ char *cleaned = text_cleaned(json_string_value(note), 1000);

		printf("! %s\n", cleaned ? cleaned : "");
	}
	printf("\n%-8s  ", "STATE");
	cli_print_padded("CHECK", check_width);
	cli_print_padded("ITEM", item_width);
	cli_print_padded("SINCE", 12);
	puts("LAST LOOK");
	for (int r = 0; r <= 4; r++)
		json_array_foreach(items, i, item)
			if (rank(item) == r)
				print_item(item, check_width, item_width, now);
	print_outbox(json_object_get(reply, "outbox"));
}

int cli_status(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *error = NULL;
	json_t *reply = NULL;
	int status = NO_DAEMON;

	if (ask(cli, "org.tocsin.Control.Status", NULL, ASK_USEC, NULL, NULL, &reply, &error) != 0)
		return NO_DAEMON;
	if (error) {
		print_error(error, reply);
	} else {
		if (cli->json)
			cli_print_json(reply);
		else
			print_status(reply);
		status = cli_exit_status(json_string_value(json_object_get(reply, "state")));
	}
	json_decref(reply);
	return status;
}

/* ---- check ---- */

static void print_metric(const json_t *metric)
{
	static const char *const names[] = { "warning", "critical", "min", "max" };

	printf("    %s = %.6g%s", cli_text_of(metric, "name"), json_number_value(json_object_get(metric, "value")),
		cli_text_of(metric, "unit"));
	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (json_is_number(json_object_get(metric, names[i])))
			printf(", %s %.6g", names[i], json_number_value(json_object_get(metric, names[i])));
	putchar('\n');
}

static void print_evidence(const json_t *evidence)
{
	_cleanup_buf_ struct buf text = BUF(1024 * 1024);
	const char *content = json_string_value(json_object_get(evidence, "text"));

	printf("\n    %s:\n", cli_text_of(evidence, "title"));
	text_clean_lines(&text, content ? content : "", 100000);
	for (char *line = strtok((char *)buf_text(&text), "\n"); line; line = strtok(NULL, "\n"))
		printf("      %s\n", line);
}

/* The result of one run; returns the worst state's exit status. */
static int print_run(const json_t *reply)
{
	const json_t *items = json_object_get(reply, "items"), *item, *part;
	int worst = -1;
	size_t i, j;

	json_array_foreach(items, i, item) {
		int status = cli_exit_status(json_string_value(json_object_get(item, "state")));

		/* CRITICAL is the worst, then UNKNOWN (3), then WARNING */
		if (worst < 0 || (status == 2 || (worst != 2 && status > worst)))
			worst = status;
		cli_print_state(cli_text_of(item, "state"), 8);
		printf("  %s: %s\n", cli_text_of(item, "item"), cli_text_of(item, "text"));
		json_array_foreach(json_object_get(item, "metrics"), j, part)
			print_metric(part);
		json_array_foreach(json_object_get(item, "evidence"), j, part)
			print_evidence(part);
	}
	if (json_is_string(json_object_get(reply, "error"))) {
		cli_print_state("UNKNOWN", 8);
		printf("  %s: %s\n", cli_text_of(reply, "check"), cli_text_of(reply, "error"));
		return worst == 2 ? 2 : NO_DAEMON;
	}
	return worst < 0 ? NO_DAEMON : worst;
}

static void print_check_error(const char *error, const json_t *reply)
{
	const json_t *names = json_object_get(reply, "checks"), *name;
	size_t i;

	if (!names) {
		print_error(error, reply);
		return;
	}
	fprintf(stderr, "tocsin: there is no check called '%s'; there are:", cli_text_of(reply, "name"));
	json_array_foreach(names, i, name)
		fprintf(stderr, " %s", json_string_value(name));
	fputc('\n', stderr);
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
	else if (cli->json)
		cli_print_json(reply);
	if (!error && !cli->json)
		status = print_run(reply);
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

		fprintf(stderr, "%s\n", cleaned ? cleaned : "");
	}
	if (error && !problems)
		print_error(error, reply);
	else if (error)
		fprintf(stderr, "tocsin: not reloaded: the configuration in force stays in force\n");
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
		printf("%s %s: %s\n", cli_text_of(result, "outcome"), cli_text_of(result, "recipient"), cli_text_of(result, "answer"));
		status = cli_worse(status, atoi(cli_text_of(result, "status")));
	}
	if (json_array_size(results) == 0) {
		fputs("tocsin: the mailer reported no recipient\n", stderr);
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
		print_error(error, reply);
	else
		status = print_results(json_object_get(reply, "results"));
	json_decref(reply);
	return status;
}
