/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs by which an administrator acts: acknowledge, silence, see to the outbox. The daemon does it; here the words
 * become its parameters, and its answers words. */
#define _XOPEN_SOURCE 700 /* strptime */
#include "cli.h"
#include "clock.h"
#include "status-view.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

/* ---- what all of them need ---- */

/* The caller as a person would say it. The daemon notes the user id besides, which cannot be made up. */
static const char *own_name(void)
{
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	const struct passwd *entry = sudo && *sudo ? NULL : getpwuid(getuid());

	return sudo && *sudo ? sudo : entry ? entry->pw_name : "";
}

/* A time of the day: the next one. Returns its distance from now in seconds. */
static int64_t until_time_of_day(const struct tm *given, time_t now)
{
	struct tm tm = *localtime(&now);

	tm.tm_hour = given->tm_hour;
	tm.tm_min = given->tm_min;
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	time_t then = mktime(&tm);
	if (then <= now) {
		tm.tm_mday++;
		tm.tm_isdst = -1;
		then = mktime(&tm);
	}
	return then - now;
}

static int64_t until_date(const struct tm *given, time_t now)
{
	struct tm tm = *given;

	tm.tm_isdst = -1;
	return mktime(&tm) - now;
}

int cli_parse_until(const char *text, int64_t *ret_usec)
{
	static const struct {
		const char *format;
		int64_t (*until)(const struct tm *given, time_t now);
	} forms[] = {
		{ "%H:%M", until_time_of_day }, { "%Y-%m-%d", until_date }, { "%Y-%m-%d %H:%M", until_date },
		{ "%Y-%m-%dT%H:%M", until_date },
	};
	time_t now = time(NULL);

	if (parse_duration(text, ret_usec) == 0)
		return *ret_usec > 0 ? 0 : -EINVAL;
	for (size_t i = 0; i < ELEMENTS(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i].format, &tm);

		if (!end || *end)
			continue;
		int64_t seconds = forms[i].until(&tm, now);
		if (seconds <= 0)
			return -EINVAL;
		*ret_usec = seconds * USEC_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

static json_t *json_duration(int64_t usec)
{
	return usec ? json_sprintf("%" PRId64 "us", usec) : json_null();
}

/* Prints REPLY where a program asked, or calls PRINT; frees it. */
static int show(const struct cli *cli, json_t *reply, void (*print)(const json_t *reply))
{
	if (cli->json)
		cli_print_json(reply);
	else
		print(reply);
	json_decref(reply);
	return EX_OK;
}

/* ---- incidents and silences ---- */

static void print_acknowledged(const json_t *reply)
{
	_cleanup_buf_ struct buf until = BUF(100);

	cli_append_time(&until, cli_text_of(reply, "until"));
	if (until.len)
		printf(_("acknowledged: no reminders and no escalation, until %s\n"), buf_text(&until));
	else
		puts(_("acknowledged: no reminders and no escalation"));
}

int cli_ack(const struct cli *cli, char **arguments)
{
	json_t *reply;
	int64_t number;

	if (parse_int(arguments[0][0] == '#' ? arguments[0] + 1 : arguments[0], &number) < 0) {
		cli_error("'%s' is no number of an incident: it stands in the mail, and \"tocsin incidents\" lists them",
			arguments[0]);
		return EX_USAGE;
	}
	int r = cli_ask(cli, "Acknowledge", json_pack("{s:I, s:o, s:s, s:s}", "incident", (json_int_t)number, "duration",
				json_duration(cli->until_usec), "reason", cli->message ? cli->message : "", "name", own_name()), &reply);
	return r ? r : show(cli, reply, print_acknowledged);
}

/* Lines of the answer of Status, as `tocsin status` has them, or NONE. */
static void print_part(const json_t *status, void (*append)(struct buf *b, const struct status_view *v), const char *none)
{
	const struct status_view v = { .terminal = terminal_look(), .now_usec = clock_realtime_usec(), .status = status };
	_cleanup_buf_ struct buf text = BUF(16 * 1024 * 1024);

	append(&text, &v);
	if (text.len)
		fputs(buf_text(&text), stdout);
	else
		puts(none);
}

static void print_silences(const json_t *reply)
{
	print_part(reply, status_view_append_silences, _("nothing is silenced"));
}

static void print_silenced(const json_t *reply)
{
	_cleanup_buf_ struct buf until = BUF(100);

	cli_append_time(&until, cli_text_of(reply, "until"));
	printf(_("silenced as %s, until %s\n"), cli_text_of(reply, "id"), buf_text(&until));
}

int cli_silence(const struct cli *cli, char **arguments)
{
	json_t *reply;
	int64_t duration = cli->until_usec;

	if (!arguments[0]) {
		int r = cli_ask(cli, "Status", NULL, &reply);
		return r ? r : show(cli, reply, print_silences);
	}
	if (arguments[1] && cli_parse_until(arguments[1], &duration) < 0) {
		cli_error("%s: expected a time to come, like 2h, 18:00 or 2026-12-24", arguments[1]);
		return EX_USAGE;
	}
	if (duration == 0 || !cli->message || !*cli->message) {
		cli_print_problem(_("Usage: tocsin silence GLOB TIME -m WHY: a silence always ends, and says why it is there"));
		return EX_USAGE;
	}
	int r = cli_ask(cli, "Silence", json_pack("{s:s, s:o, s:s, s:s}", "glob", arguments[0], "duration",
				json_duration(duration), "reason", cli->message, "name", own_name()), &reply);
	return r ? r : show(cli, reply, print_silenced);
}

static void print_done(const json_t *reply)
{
	puts(_("done"));
}

int cli_unsilence(const struct cli *cli, char **arguments)
{
	json_t *reply;
	int r = cli_ask(cli, "Unsilence", json_pack("{s:s, s:s}", "silence", arguments[0], "name", own_name()), &reply);

	return r ? r : show(cli, reply, print_done);
}

/* ---- the outbox ---- */

static void print_outbox(const json_t *reply)
{
	print_part(reply, status_view_append_mails, _("no mail waits for delivery"));
}

static void print_content(const json_t *reply)
{
	const char *content = json_string_value(json_object_get(reply, "content"));

	/* As it is: base64 and header lines; nothing from outside can stand there unencoded. */
	fputs(content ? content : "", stdout);
}

static int list_outbox(const struct cli *cli)
{
	json_t *reply;
	int r = cli_ask(cli, "Status", NULL, &reply);

	return r ? r : show(cli, reply, print_outbox);
}

int cli_outbox(const struct cli *cli, char **arguments)
{
	static const struct {
		const char *verb, *method;
		bool needs_id;
		void (*print)(const json_t *reply);
	} verbs[] = {
		{ "show", "ShowMail", true, print_content },
		{ "retry", "RetryMail", false, print_done },
		{ "drop", "DropMail", true, print_done },
	};
	const char *verb = arguments[0], *id = verb ? arguments[1] : NULL;
	json_t *reply;

	if (!verb)
		return list_outbox(cli);
	for (size_t i = 0; i < ELEMENTS(verbs); i++) {
		if (strcmp(verbs[i].verb, verb) != 0 || (verbs[i].needs_id && !id))
			continue;
		int r = cli_ask(cli, verbs[i].method, json_pack("{s:s?, s:s}", "id", id, "name", own_name()), &reply);
		return r ? r : show(cli, reply, verbs[i].print);
	}
	cli_print_problem(_("Usage: tocsin outbox, or tocsin outbox show ID | retry [ID] | drop ID"));
	return EX_USAGE;
}

/* ---- the rest ---- */

static void print_report(const json_t *reply)
{
	const char *text = json_string_value(json_object_get(reply, "text"));

	if (json_is_true(json_object_get(reply, "sent")))
		puts(_("the report is on its way"));
	else
		fputs(text ? text : "", stdout);
}

int cli_report(const struct cli *cli, char **arguments)
{
	json_t *reply;
	int r = cli_ask(cli, "Report", json_pack("{s:b}", "send", cli->send), &reply);

	return r ? r : show(cli, reply, print_report);
}

/* CHECK/ITEM; a check by itself names the item that is called like it. */
int cli_forget(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *check = strdup(arguments[0]);
	char *slash = check ? strchr(check, '/') : NULL;
	json_t *reply;

	if (!check)
		return EX_OSERR;
	if (slash)
		*slash = '\0';
	int r = cli_ask(cli, "Forget", json_pack("{s:s, s:s}", "check", check, "item", slash ? slash + 1 : check), &reply);
	return r ? r : show(cli, reply, print_done);
}

static void print_test(const json_t *reply)
{
	puts(_("on its way: a mail that says CRITICAL, then one that says RECOVERED, both marked as a test; \"tocsin outbox\" "
	       "shows what has not been delivered yet"));
}

int cli_test_alert(const struct cli *cli, char **arguments)
{
	json_t *reply;
	int r = cli_ask(cli, "TestAlert", json_pack("{s:s, s:s}", "check", arguments[0], "name", own_name()), &reply);

	return r ? r : show(cli, reply, print_test);
}
