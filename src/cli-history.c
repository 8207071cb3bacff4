/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs that show the past: what happened, and which problems there were. */
#include "cli.h"

#include "clock.h"
#include "state.h"
#include "terminal.h"
#include "text.h"
#include "timeline.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define SINCE_DEFAULT_USEC (7 * USEC_PER_DAY)
#define EVENTS_MAX 10000
#define LINE_COLUMNS_MAX 96
#define LINE_EVENTS_MAX 2000 /* more are no line that a person reads */

#define SAY_REMEMBERED _("tocsin: %s; this is what the daemon remembers: all that is open, and the last events\n")

/* "2d" ago, a local date, or RFC 3339. */
static int parse_since(const char *text, int64_t *ret_usec)
{
	struct tm tm = { .tm_isdst = -1 };
	int64_t ago;

	if (parse_duration(text, &ago) == 0) {
		*ret_usec = clock_realtime_usec() - ago;
		return *ret_usec < 0 ? -ERANGE : 0;
	}
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	if (!rest || *rest)
		return parse_time_rfc3339(text, ret_usec);
	*ret_usec = (int64_t)mktime(&tm) * USEC_PER_SEC;
	return *ret_usec < 0 ? -ERANGE : 0;
}

/* Adds since and check to the question, or says what is wrong with them. */
static int add_filter(const struct cli *cli, json_t *parameters)
{
	_cleanup_buf_ struct buf time = BUF(100);
	int64_t since;

	if (cli->since) {
		if (parse_since(cli->since, &since) < 0) {
			fprintf(stderr, "tocsin: --since %s: expected a time like 2d (ago), 2026-11-25, or 2026-11-25T08:00:00+08:00\n",
				cli->since);
			return EX_USAGE;
		}
		format_time_rfc3339(&time, since);
		json_object_set_new(parameters, "since", json_string(buf_text(&time)));
	}
	json_t *check = cli->check ? json_string(cli->check) : json_null();
	if (!check) {
		fputs("tocsin: --check is not UTF-8\n", stderr);
		return EX_USAGE;
	}
	json_object_set_new(parameters, "check", check);
	return 0;
}

/* "2026-11-25 18:38:12", local; "" for null. */
static void append_time(struct buf *b, const char *rfc3339)
{
	int64_t usec;
	struct tm tm;
	char text[32];

	if (parse_time_rfc3339(rfc3339, &usec) < 0)
		return;
	time_t seconds = (time_t)(usec / USEC_PER_SEC);
	if (localtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		buf_puts(b, text);
}

static void print_time(const json_t *object, const char *name)
{
	_cleanup_buf_ struct buf b = BUF(100);

	append_time(&b, cli_text_of(object, name));
	cli_print_padded(buf_text(&b), 19);
}

/* Names in an array as "a, b". */
static void append_names(struct buf *b, const json_t *array)
{
	const json_t *name;
	size_t i;

	json_array_foreach(array, i, name) {
		_cleanup_free_ char *cleaned = text_cleaned(json_string_value(name), 100);

		buf_printf(b, "%s%s", i ? ", " : "", cleaned ? cleaned : "");
	}
}

/* The state file did not answer. */
static int tell_unavailable(const json_t *reply)
{
	const char *why = cli_text_of(reply, "unavailable");

	if (!*why)
		return EX_OK;
	fprintf(stderr, SAY_REMEMBERED, why);
	return EX_UNAVAILABLE;
}

/* Asks; unless JSON was wanted, SHOW prints the answer. */
static int show(const struct cli *cli, const char *method, json_t *parameters,
	void (*show_reply)(const json_t *reply, int64_t since_usec))
{
	int64_t since = 0;
	json_t *reply;

	int r = add_filter(cli, parameters);
	if (r != 0) {
		json_decref(parameters);
		return r;
	}
	parse_time_rfc3339(cli_text_of(parameters, "since"), &since);
	r = cli_ask(cli, method, parameters, &reply);
	if (r != 0)
		return r;
	if (cli->json)
		cli_print_json(reply);
	else
		show_reply(reply, since);
	if (!cli->json && json_is_true(json_object_get(reply, "cut")))
		fputs("tocsin: older ones are not shown; ask with --since or --check for fewer\n", stderr);
	r = tell_unavailable(reply);
	json_decref(reply);
	return r;
}

/* ---- history ---- */

/* What follows the text of an event: who did it, and why the mail did not go as usual. */
static void print_remarks(const json_t *event)
{
	_cleanup_buf_ struct buf waiting = BUF(4000);
	const char *who = cli_text_of(event, "who"), *note = cli_text_of(event, "note"), *text = cli_text_of(event, "text");

	append_names(&waiting, json_object_get(event, "waiting"));
	if (*who && !strstr(text, who))
		printf(" [by %s]", who);
	if (*note)
		printf(" [%s]", note);
	if (*buf_text(&waiting))
		printf(" [waits for a mail to %s]", buf_text(&waiting));
	putchar('\n');
}

/* ---- the line of states ---- */

static int64_t time_of(const json_t *event)
{
	int64_t usec = 0;

	parse_time_rfc3339(cli_text_of(event, "time"), &usec);
	return usec;
}

static bool is_same(const json_t *a, const json_t *b, const char *name)
{
	return json_equal(json_object_get(a, name), json_object_get(b, name));
}

/* What the item of EVENTS[FIRST] was in, from change to change; before the first it was what that one came from. */
static void add_item(struct timeline *t, const json_t *events, size_t first)
{
	const json_t *begin = json_array_get(events, first), *event;
	bool is_new = strcmp(cli_text_of(begin, "event"), "found") == 0; /* nobody had looked before */
	const char *state = is_new ? NULL : json_string_value(json_object_get(begin, "from"));
	int64_t since = t->since_usec;
	enum tocsin_state was;
	size_t i;

	json_array_foreach(events, i, event) {
		if (i < first || !is_same(event, begin, "check") || !is_same(event, begin, "item"))
			continue;
		if (state && state_parse(state, &was) == 0)
			timeline_add(t, was, since, time_of(event));
		since = time_of(event);
		state = json_string_value(json_object_get(event, "to"));
	}
	if (state && state_parse(state, &was) == 0)
		timeline_add(t, was, since, t->until_usec);
}

/* Is there an earlier event of the same check, or of the same item? */
static bool came_before(const json_t *events, size_t i, bool same_item)
{
	const json_t *event = json_array_get(events, i);

	for (size_t j = 0; j < i; j++) {
		const json_t *other = json_array_get(events, j);

		if (is_same(event, other, "check") && (!same_item || is_same(event, other, "item")))
			return true;
	}
	return false;
}

static void print_line(const json_t *events, size_t i, const struct timeline *empty, size_t check_width)
{
	struct terminal terminal = terminal_look();
	const json_t *first = json_array_get(events, i), *event;
	_cleanup_buf_ struct buf line = BUF(10000);
	struct timeline t = *empty;
	size_t j;

	json_array_foreach(events, j, event)
		if (j >= i && is_same(event, first, "check") && !came_before(events, j, true))
			add_item(&t, events, j);
	timeline_append(&line, &t, terminal.has_colour, terminal.has_blocks);
	cli_print_padded(cli_text_of(first, "check"), check_width);
	puts(buf_text(&line));
}

/* A line for each check that something happened to: the states of its items, the worst of them, from the beginning of the
 * question till now. For a person only, so not in a pipe. */
static void print_lines(const json_t *events, int64_t since_usec, size_t check_width)
{
	size_t columns = terminal_look().columns, n = json_array_size(events);
	struct timeline empty = { .since_usec = since_usec, .until_usec = clock_realtime_usec(),
		.n = columns > check_width + 12 ? columns - check_width - 3 : 0 };
	_cleanup_buf_ struct buf since = BUF(100);

	empty.n = empty.n > LINE_COLUMNS_MAX ? LINE_COLUMNS_MAX : empty.n;
	if (empty.n == 0 || n > LINE_EVENTS_MAX)
		return;
	format_clock(&since, since_usec, empty.until_usec);
	putchar('\n');
	cli_print_padded("", check_width);
	printf("%-*s%s\n", (int)empty.n - 3, buf_text(&since), "now");
	for (size_t i = 0; i < n; i++)
		if (*cli_text_of(json_array_get(events, i), "check") && !came_before(events, i, false))
			print_line(events, i, &empty, check_width);
}

static void show_history(const json_t *reply, int64_t since_usec)
{
	const json_t *events = json_object_get(reply, "events"), *event;
	size_t event_width = cli_widest(events, "event", 5), check_width = cli_widest(events, "check", 5);
	size_t item_width = cli_widest(events, "item", 4), i;

	if (json_array_size(events) == 0) {
		puts("nothing happened");
		return;
	}
	cli_print_padded("TIME", 19);
	cli_print_padded("EVENT", event_width);
	printf("%-8s  ", "STATE");
	cli_print_padded("CHECK", check_width);
	cli_print_padded("ITEM", item_width);
	puts("TEXT");
	json_array_foreach(events, i, event) {
		print_time(event, "time");
		cli_print_padded(cli_text_of(event, "event"), event_width);
		cli_print_state(cli_text_of(event, "to"), 8);
		fputs("  ", stdout);
		cli_print_padded(cli_text_of(event, "check"), check_width);
		cli_print_padded(cli_text_of(event, "item"), item_width);
		fputs(cli_text_of(event, "text"), stdout);
		print_remarks(event);
	}
	print_lines(events, since_usec, check_width);
}

int cli_history(const struct cli *cli, char **arguments)
{
	_cleanup_buf_ struct buf since = BUF(100);

	format_time_rfc3339(&since, clock_realtime_usec() - SINCE_DEFAULT_USEC);
	return show(cli, "History", json_pack("{s:s, s:i}", "since", buf_text(&since), "limit", EVENTS_MAX),
		show_history);
}

/* ---- incidents ---- */

/* "1 h 12 min", "3 d 4 h and lasting" */
static void print_duration(const json_t *incident)
{
	_cleanup_buf_ struct buf b = BUF(100);
	bool is_open = !json_is_string(json_object_get(incident, "closed"));
	int64_t opened, closed = clock_realtime_usec();

	if (parse_time_rfc3339(cli_text_of(incident, "opened"), &opened) == 0 &&
		(is_open || parse_time_rfc3339(cli_text_of(incident, "closed"), &closed) == 0))
		format_duration(&b, closed > opened ? closed - opened : 0);
	if (is_open)
		buf_puts(&b, ", lasts");
	cli_print_padded(buf_text(&b), 20);
}

static void print_acknowledgement(const json_t *acknowledged)
{
	_cleanup_buf_ struct buf until = BUF(100);

	if (!json_is_object(acknowledged))
		return;
	append_time(&until, cli_text_of(acknowledged, "until"));
	printf("        acknowledged by %s%s%s", cli_text_of(acknowledged, "who"), *buf_text(&until) ? " until " : "",
		buf_text(&until));
	printf("%s%s\n", *cli_text_of(acknowledged, "reason") ? ": " : "", cli_text_of(acknowledged, "reason"));
}

static void print_escalation(const json_t *names)
{
	_cleanup_buf_ struct buf b = BUF(4000);

	append_names(&b, names);
	if (*buf_text(&b))
		printf("        escalated to %s\n", buf_text(&b));
}

static void show_incidents(const json_t *reply, int64_t since_usec)
{
	const json_t *incidents = json_object_get(reply, "incidents"), *incident;
	size_t check_width = cli_widest(incidents, "check", 5), item_width = cli_widest(incidents, "item", 4), i;

	if (json_array_size(incidents) == 0) {
		puts("no incidents");
		return;
	}
	printf("%6s  ", "NUMBER");
	cli_print_padded("OPENED", 19);
	cli_print_padded("DURATION", 20);
	printf("%-8s  ", "WORST");
	cli_print_padded("CHECK", check_width);
	cli_print_padded("ITEM", item_width);
	puts("TEXT");
	json_array_foreach(incidents, i, incident) {
		printf("%6lld  ", (long long)json_integer_value(json_object_get(incident, "number")));
		print_time(incident, "opened");
		print_duration(incident);
		cli_print_state(cli_text_of(incident, "state"), 8);
		fputs("  ", stdout);
		cli_print_padded(cli_text_of(incident, "check"), check_width);
		cli_print_padded(cli_text_of(incident, "item"), item_width);
		puts(cli_text_of(incident, "text"));
		print_acknowledgement(json_object_get(incident, "acknowledged"));
		print_escalation(json_object_get(incident, "escalated"));
	}
}

int cli_incidents(const struct cli *cli, char **arguments)
{
	return show(cli, "Incidents", json_pack("{s:b}", "all", cli->all), show_incidents);
}
