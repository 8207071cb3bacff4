/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs that show the past: what happened, and which problems there were. */
#include "cli.h"

#include "clock.h"
#include "history-view.h"
#include "notice.h"
#include "state.h"
#include "terminal.h"
#include "text.h"
#include "timeline.h"
#include "translate.h"
#include "units.h"
#include "varlink.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define SINCE_DEFAULT_USEC (7 * USEC_PER_DAY)
#define EVENTS_MAX 10000
#define TEXT_COLUMNS_LEAST 30
#define OWN_LINE_INDENT 4
#define CHARTS_MAX 40 /* without --check */
#define CHARTS_USEC (5 * USEC_PER_SEC) /* charts adorn: who asks waits no longer for them */
#define NUMBER_COLUMNS 6
#define LINE_EVENTS_MAX 2000 /* more are no line that a person reads */

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
			cli_error("--since %s: expected a time like 2d (ago), 2026-11-25, or 2026-11-25T08:00:00+08:00",
				cli->since);
			return EX_USAGE;
		}
		format_time_rfc3339(&time, since);
		json_object_set_new(parameters, "since", json_string(buf_text(&time)));
	}
	json_t *check = cli->check ? json_string(cli->check) : json_null();
	if (!check) {
		cli_error("--check is not UTF-8");
		return EX_USAGE;
	}
	json_object_set_new(parameters, "check", check);
	return 0;
}

static void print_time(const json_t *object, const char *name)
{
	_cleanup_buf_ struct buf b = BUF(100);

	cli_append_time(&b, cli_text_of(object, name));
	cli_print_padded(buf_text(&b), 19);
}

/* Names in an array as "a, b". */
static void append_names(struct buf *b, const json_t *array)
{
	const json_t *name;
	size_t i;

	json_array_foreach(array, i, name) {
		_cleanup_free_ char *cleaned = text_cleaned(json_string_value(name), 100);

		buf_printf(b, "%s%s", i ? _(", ") : "", cleaned ? cleaned : "");
	}
}

/* The state file did not answer. */
static int tell_unavailable(const json_t *reply)
{
	const char *why = cli_text_of(reply, "unavailable");

	if (!*why)
		return EX_OK;
	cli_error("%s; this is what the daemon remembers: all that is open, and the last events", why);
	return EX_UNAVAILABLE;
}

/* Asks; unless JSON was wanted, SHOW prints the answer. */
static int show(const struct cli *cli, const char *method, json_t *parameters,
	void (*show_reply)(const struct cli *cli, const json_t *reply, int64_t since_usec))
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
		show_reply(cli, reply, since);
	if (!cli->json && json_is_true(json_object_get(reply, "cut")))
		cli_error("older ones are not shown; ask with --since or --check for fewer");
	r = tell_unavailable(reply);
	json_decref(reply);
	return r;
}

/* ---- history ---- */

/* In the language in use. The words of daemons to come are shown as they are. */
static const char *event_words(const json_t *event)
{
	static const char *const words[][2] = {
		{ "found", CN_("event", "found") }, { "problem", CN_("event", "problem") }, { "worse", CN_("event", "worse") },
		{ "eased", CN_("event", "eased") }, { "blind", CN_("event", "blind") }, { "seen-again", CN_("event", "seen-again") },
		{ "recovered", CN_("event", "recovered") }, { "relapsed", CN_("event", "relapsed") },
		{ "unstable", CN_("event", "unstable") }, { "steady", CN_("event", "steady") }, { "late", CN_("event", "late") },
		{ "reminder", CN_("event", "reminder") }, { "escalated", CN_("event", "escalated") },
		{ "acknowledged", CN_("event", "acknowledged") }, { "silenced", CN_("event", "silenced") },
		{ "removed", CN_("event", "removed") }, { "restarted", CN_("event", "restarted") },
		{ "crashed", CN_("event", "crashed") }, { "test", CN_("event", "test") },
	};
	const char *name = cli_text_of(event, "event");

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strcmp(words[i][0], name) == 0)
			return _(words[i][1]);
	return name;
}

static size_t widest_event(const json_t *events)
{
	size_t width = text_columns(_("EVENT")), i;
	const json_t *event;

	json_array_foreach(events, i, event) {
		size_t columns = text_columns(event_words(event));

		width = columns > width ? columns : width;
	}
	return width;
}

/* What follows the text of an event: who did it, and why the mail did not go as usual. */
static void append_remarks(struct buf *b, const json_t *event)
{
	_cleanup_buf_ struct buf waiting = BUF(4000);
	const char *who = cli_text_of(event, "who"), *note = cli_text_of(event, "note"), *text = cli_text_of(event, "text");

	append_names(&waiting, json_object_get(event, "waiting"));
	if (*who && !strstr(text, who))
		buf_printf(b, _(" [by %s]"), who);
	if (*note)
		buf_printf(b, " [%s]", note);
	if (*buf_text(&waiting))
		buf_printf(b, _(" [waits for a mail to %s]"), buf_text(&waiting));
}

/* The last column of a table, which begins at INDENT; where there is little room for it, it has lines of its own. */
static void print_last(const char *text, size_t indent)
{
	size_t columns = terminal_look().columns;

	if (columns && columns < indent + TEXT_COLUMNS_LEAST && columns < indent + text_columns(text)) {
		printf("\n%*s", OWN_LINE_INDENT, "");
		indent = OWN_LINE_INDENT;
	}
	cli_print_lines(text, indent);
}

/* The last two columns, ITEM and TEXT, of a table. Where what stands before the text fills the line, the item leads the text,
 * in lines below. */
struct ending {
	size_t indent, item_width; /* where the text begins */
	bool is_below;
};

static struct ending ending_after(size_t indent, size_t item_width)
{
	size_t columns = terminal_look().columns;

	indent += item_width + 2;
	return (struct ending){ indent, item_width, columns && indent > columns };
}

static void print_ending_heading(const struct ending *e)
{
	size_t columns = terminal_look().columns;
	bool has_room = columns == 0 || e->indent + text_columns(_("TEXT")) <= columns;

	if (!e->is_below && has_room)
		cli_print_padded(_("ITEM"), e->item_width);
	puts(e->is_below ? "" : has_room ? _("TEXT") : _("ITEM"));
}

static void print_ending(const struct ending *e, const json_t *object, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(30000);
	bool has_item = !json_equal(json_object_get(object, "check"), json_object_get(object, "item"));

	if (!e->is_below) {
		cli_print_padded(cli_text_of(object, "item"), e->item_width);
		print_last(text, e->indent);
		return;
	}
	printf("\n%*s", OWN_LINE_INDENT, "");
	buf_printf(&b, "%s%s%s", has_item ? cli_text_of(object, "item") : "", has_item ? ": " : "", text);
	cli_print_lines(buf_text(&b), OWN_LINE_INDENT);
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

/* Does EVENT say in which state an item is? A test and a silence do not. */
static bool tells_state(const json_t *event)
{
	const char *name = cli_text_of(event, "event");

	return *cli_text_of(event, "check") && strcmp(name, "test") != 0 && strcmp(name, "silenced") != 0;
}

/* What the item of EVENTS[FIRST] was in, from change to change; before the first it was what that one came from. */
static void add_item(struct timeline *t, const json_t *events, size_t first)
{
	const json_t *begin = json_array_get(events, first), *event;
	const char *state = json_string_value(json_object_get(begin, "from")); /* empty: nobody had looked before */
	int64_t since = t->since_usec;
	enum tocsin_state was;
	size_t i;

	json_array_foreach(events, i, event) {
		if (i < first || !tells_state(event) || !is_same(event, begin, "check") || !is_same(event, begin, "item"))
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

		if (tells_state(other) && is_same(event, other, "check") && (!same_item || is_same(event, other, "item")))
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
		if (j >= i && tells_state(event) && is_same(event, first, "check") && !came_before(events, j, true))
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
	_cleanup_buf_ struct buf axis = BUF(1000);

	empty.n = empty.n > HISTORY_VIEW_COLUMNS ? HISTORY_VIEW_COLUMNS : empty.n;
	if (empty.n == 0 || n == 0 || n > LINE_EVENTS_MAX)
		return;
	history_view_append_axis(&axis, since_usec, empty.until_usec, empty.n);
	putchar('\n');
	cli_print_padded("", check_width);
	fputs(buf_text(&axis), stdout);
	for (size_t i = 0; i < n; i++)
		if (tells_state(json_array_get(events, i)) && !came_before(events, i, false))
			print_line(events, i, &empty, check_width);
}

/* ---- the charts of metrics ---- */

static bool has_limit(const json_t *metric)
{
	return json_is_number(json_object_get(metric, "warning")) || json_is_number(json_object_get(metric, "critical"));
}

/* The one that `tocsin status` draws: the first with a limit, else the first. */
static size_t main_metric(const json_t *metrics)
{
	const json_t *metric;
	size_t i;

	json_array_foreach(metrics, i, metric)
		if (has_limit(metric))
			return i;
	return 0;
}

/* What is measured of ITEM goes to SERIES: its main metric, and with IS_WHOLE each other that has a limit. */
static void add_series(json_t *series, const json_t *item, bool is_whole)
{
	static const char *const copied[] = { "warning", "critical", "min", "max" };
	const json_t *metrics = json_object_get(item, "metrics"), *metric;
	size_t chosen = main_metric(metrics), i;

	json_array_foreach(metrics, i, metric) {
		if (i != chosen && !(is_whole && has_limit(metric)))
			continue;
		json_t *one = json_pack("{s:O, s:O, s:O}", "check", json_object_get(item, "check"), "item",
			json_object_get(item, "item"), "metric", json_object_get(metric, "name"));
		for (size_t k = 0; k < ELEMENTS(copied); k++)
			json_object_set(one, copied[k], json_object_get(metric, copied[k]));
		json_array_append_new(series, one);
	}
}

/* Of all items that match; NULL: the daemon does not say. */
static json_t *list_series(const struct cli *cli, int fd)
{
	_cleanup_free_ char *error = NULL;
	json_t *status = NULL, *series = json_array(), *item;
	size_t i;

	varlink_query(fd, "org.tocsin.Control.Status", NULL, CHARTS_USEC, NULL, NULL, &status, &error);
	json_array_foreach(json_object_get(status, "items"), i, item) {
		const char *check = json_string_value(json_object_get(item, "check"));
		const char *name = json_string_value(json_object_get(item, "item"));

		if (check && name && (!cli->check || notice_matches(cli->check, check, name)))
			add_series(series, item, cli->check);
	}
	json_decref(status);
	return series;
}

/* What was measured since then. False: there is no answer just now. */
static bool fill_series(json_t *one, int fd, int64_t since_usec, int64_t limit_usec)
{
	static const char *const names[] = { "check", "item", "metric" };
	_cleanup_buf_ struct buf since = BUF(100);
	_cleanup_free_ char *error = NULL;
	json_t *parameters, *reply = NULL;

	format_time_rfc3339(&since, since_usec);
	parameters = json_pack("{s:s}", "since", buf_text(&since));
	for (size_t i = 0; i < ELEMENTS(names); i++)
		json_object_set(parameters, names[i], json_object_get(one, names[i]));
	int r = varlink_query(fd, "org.tocsin.Control.Samples", parameters, limit_usec, NULL, NULL, &reply, &error);
	if (r == 0 && !error)
		json_object_update(one, reply);
	json_decref(reply);
	return r == 0 && !error;
}

/* How many of SERIES are filled, one after the other in one connection, in the time that there is. */
static size_t fill_all(const struct cli *cli, json_t *series, int fd, int64_t since_usec)
{
	int64_t end = clock_boottime_usec() + CHARTS_USEC;
	json_t *one;
	size_t i;

	json_array_foreach(series, i, one) {
		int64_t left = end - clock_boottime_usec();

		if ((!cli->check && i == CHARTS_MAX) || left <= 0 || !fill_series(one, fd, since_usec, left))
			return i;
	}
	return i;
}

/* For a person only, too. */
static void print_charts(const struct cli *cli, int64_t since_usec)
{
	_cleanup_buf_ struct buf text = BUF(16 * 1024 * 1024);
	struct history_view v = { .terminal = terminal_look(), .since_usec = since_usec, .until_usec = clock_realtime_usec() };
	_cleanup_close_ int fd = v.terminal.columns ? varlink_connect(cli->control_path) : -1;

	if (fd < 0)
		return;
	json_t *series = list_series(cli, fd);
	size_t n = json_array_size(series), filled = fill_all(cli, series, fd, since_usec);
	v.series = series;
	history_view_append(&text, &v);
	if (text.len)
		printf("\n%s", buf_text(&text));
	if (filled < n)
		printf(_("%zu more metrics are not drawn; choose by --check GLOB\n"), n - filled);
	json_decref(series);
}

/* ---- events as a table ---- */

static void show_events(const json_t *reply, int64_t since_usec)
{
	const json_t *events = json_object_get(reply, "events"), *event;
	size_t event_width = widest_event(events), check_width = cli_widest(events, "check", text_columns(_("CHECK")));
	size_t item_width = cli_widest(events, "item", text_columns(_("ITEM"))), i;
	struct ending ending = ending_after(19 + 2 + event_width + 2 + 8 + 2 + check_width + 2, item_width);

	if (json_array_size(events) == 0) {
		puts(_("nothing happened"));
		return;
	}
	cli_print_padded(_("TIME"), 19);
	cli_print_padded(_("EVENT"), event_width);
	cli_print_padded(_("STATE"), 8);
	cli_print_padded(_("CHECK"), check_width);
	print_ending_heading(&ending);
	json_array_foreach(events, i, event) {
		_cleanup_buf_ struct buf text = BUF(20000);

		print_time(event, "time");
		cli_print_padded(event_words(event), event_width);
		cli_print_state(cli_text_of(event, "to"), 8);
		fputs("  ", stdout);
		cli_print_padded(cli_text_of(event, "check"), check_width);
		buf_puts(&text, cli_text_of(event, "text"));
		append_remarks(&text, event);
		print_ending(&ending, event, buf_text(&text));
	}
	print_lines(events, since_usec, check_width);
}

static void show_history(const struct cli *cli, const json_t *reply, int64_t since_usec)
{
	show_events(reply, since_usec);
	print_charts(cli, since_usec);
}

int cli_history(const struct cli *cli, char **arguments)
{
	_cleanup_buf_ struct buf since = BUF(100);

	format_time_rfc3339(&since, clock_realtime_usec() - SINCE_DEFAULT_USEC);
	return show(cli, "History", json_pack("{s:s, s:i}", "since", buf_text(&since), "limit", EVENTS_MAX),
		show_history);
}

/* ---- incidents ---- */

/* "1 h 12 min", "3 d 4 h, still open" */
static void append_duration(struct buf *b, const json_t *incident)
{
	bool is_open = !json_is_string(json_object_get(incident, "closed"));
	int64_t opened, closed = clock_realtime_usec();

	if (parse_time_rfc3339(cli_text_of(incident, "opened"), &opened) == 0 &&
		(is_open || parse_time_rfc3339(cli_text_of(incident, "closed"), &closed) == 0))
		format_duration(b, closed > opened ? closed - opened : 0);
	if (is_open)
		buf_puts(b, _(", still open"));
}

static size_t widest_duration(const json_t *incidents)
{
	size_t width = text_columns(_("DURATION")), i;
	const json_t *incident;

	json_array_foreach(incidents, i, incident) {
		_cleanup_buf_ struct buf b = BUF(100);

		append_duration(&b, incident);
		width = text_columns(buf_text(&b)) > width ? text_columns(buf_text(&b)) : width;
	}
	return width;
}

static long long number_of(const json_t *incident)
{
	return json_integer_value(json_object_get(incident, "number"));
}

/* Those of a start without the state file have ten digits. */
static size_t widest_number(const json_t *incidents)
{
	size_t width = NUMBER_COLUMNS, i;
	const json_t *incident;

	json_array_foreach(incidents, i, incident) {
		size_t digits = (size_t)snprintf(NULL, 0, "%lld", number_of(incident));

		width = digits > width ? digits : width;
	}
	return width;
}

static void print_acknowledgement(const json_t *acknowledged)
{
	_cleanup_buf_ struct buf until = BUF(100);

	if (!json_is_object(acknowledged))
		return;
	cli_append_time(&until, cli_text_of(acknowledged, "until"));
	fputs("        ", stdout);
	if (*buf_text(&until))
		printf(_("acknowledged by %s until %s"), cli_text_of(acknowledged, "who"), buf_text(&until));
	else
		printf(_("acknowledged by %s"), cli_text_of(acknowledged, "who"));
	printf("%s%s\n", *cli_text_of(acknowledged, "reason") ? ": " : "", cli_text_of(acknowledged, "reason"));
}

static void print_escalation(const json_t *names)
{
	_cleanup_buf_ struct buf b = BUF(4000);

	append_names(&b, names);
	if (*buf_text(&b))
		printf(_("        escalated to %s\n"), buf_text(&b));
}

static void show_incidents(const struct cli *cli, const json_t *reply, int64_t since_usec)
{
	const json_t *incidents = json_object_get(reply, "incidents"), *incident;
	size_t check_width = cli_widest(incidents, "check", text_columns(_("CHECK")));
	size_t item_width = cli_widest(incidents, "item", text_columns(_("ITEM"))), duration_width = widest_duration(incidents), i;
	size_t number_width = widest_number(incidents);
	struct ending ending = ending_after(number_width + 2 + 19 + 2 + duration_width + 2 + 8 + 2 + check_width + 2, item_width);

	if (json_array_size(incidents) == 0) {
		puts(_("no incidents"));
		return;
	}
	cli_print_padded(_("NUMBER"), number_width);
	cli_print_padded(_("OPENED"), 19);
	cli_print_padded(_("DURATION"), duration_width);
	cli_print_padded(_("WORST"), 8);
	cli_print_padded(_("CHECK"), check_width);
	print_ending_heading(&ending);
	json_array_foreach(incidents, i, incident) {
		_cleanup_buf_ struct buf duration = BUF(100);

		append_duration(&duration, incident);
		printf("%*lld  ", (int)number_width, number_of(incident));
		print_time(incident, "opened");
		cli_print_padded(buf_text(&duration), duration_width);
		cli_print_state(cli_text_of(incident, "state"), 8);
		fputs("  ", stdout);
		cli_print_padded(cli_text_of(incident, "check"), check_width);
		print_ending(&ending, incident, cli_text_of(incident, "text"));
		print_acknowledgement(json_object_get(incident, "acknowledged"));
		print_escalation(json_object_get(incident, "escalated"));
	}
}

int cli_incidents(const struct cli *cli, char **arguments)
{
	return show(cli, "Incidents", json_pack("{s:b}", "all", cli->all), show_incidents);
}
