/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the terminal shows of states and results. It prints; where a result comes from is known to its callers. */
#include "cli.h"

#include "clock.h"
#include "status-view.h"
#include "terminal.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UNKNOWN 3

static const struct {
	const char *name;
	int status;
} states[] = {
	{ "OK", 0 },
	{ "WARNING", 1 },
	{ "CRITICAL", 2 },
	{ "UNKNOWN", 3 },
};

int cli_exit_status(const char *state)
{
	for (size_t i = 0; state && i < ELEMENTS(states); i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].status;
	return UNKNOWN;
}

void cli_print_state(const char *state, size_t width)
{
	const char *colour = terminal_look().has_colour ? status_view_colour(state) : "";
	_cleanup_buf_ struct buf padded = BUF(1000);

	text_pad(&padded, state, width);
	printf("%s%s%s", colour, buf_text(&padded), *colour ? "\033[0m" : "");
}

void cli_error(const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(16 * 1024);
	va_list arguments;

	buf_puts(&text, "tocsin: ");
	va_start(arguments, format);
	buf_vprintf(&text, _(format), arguments);
	va_end(arguments);
	cli_print_problem(buf_text(&text));
}

void cli_print_problem(const char *text)
{
	terminal_print_lines(stderr, text, 2);
}

void cli_append_time(struct buf *b, const char *rfc3339)
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

void cli_print_lines(const char *text, size_t indent)
{
	terminal_print_lines(stdout, text, indent);
}

const char *cli_outcome(const char *outcome)
{
	static const char *const words[][2] = {
		{ "sent", CN_("fate", "sent") }, { "accepted", CN_("fate", "accepted") }, { "temporary", CN_("fate", "temporary") },
		{ "permanent", CN_("fate", "permanent") },
	};

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strcmp(words[i][0], outcome) == 0)
			return _(words[i][1]);
	return outcome;
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

void cli_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
}

/* "75.3 GiB", "1 h 12 min", "22 %": as a person reads it. */
static void append_value(struct buf *b, double value, const char *unit)
{
	bool is_rate = strcmp(unit, "B/s") == 0;

	if ((strcmp(unit, "B") == 0 || is_rate) && fabs(value) < 9e18)
		format_size(b, (int64_t)value);
	else if (strcmp(unit, "s") == 0 && fabs(value) < 9e12)
		format_duration(b, llrint(value * USEC_PER_SEC));
	else
		buf_printf(b, "%.*g%s%s", strcmp(unit, "%") == 0 ? 4 : 6, value, *unit && strcmp(unit, "c") != 0 ? " " : "", strcmp(unit, "c") ? unit : "");
	buf_puts(b, is_rate ? "/s" : "");
}

static void print_metric(const json_t *metric, size_t width)
{
	_cleanup_buf_ struct buf b = BUF(1000);
	const char *unit = cli_text_of(metric, "unit");
	static const struct {
		const char *name, *words;
	} limits[] = {
		{ "warning", CN_("limit", "warning") }, { "critical", CN_("limit", "critical") }, { "min", CN_("limit", "min") },
		{ "max", CN_("limit", "max") },
	};
	const json_t *value = json_object_get(metric, "value");

	buf_puts(&b, "    ");
	text_pad(&b, cli_text_of(metric, "name"), width);
	buf_puts(&b, " = ");
	if (json_is_number(value))
		append_value(&b, json_number_value(value), unit);
	else
		buf_puts(&b, _("not known"));
	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		const json_t *limit = json_object_get(metric, limits[i].name);

		if (!json_is_number(limit))
			continue;
		buf_printf(&b, _(", %s "), _(limits[i].words));
		append_value(&b, json_number_value(limit), unit);
	}
	puts(buf_text(&b));
}

static void print_evidence(const json_t *evidence)
{
	_cleanup_buf_ struct buf text = BUF(1024 * 1024);
	const char *content = json_string_value(json_object_get(evidence, "text"));

	printf("\n    %s:\n", cli_text_of(evidence, "title"));
	text_clean_lines(&text, content ? content : "", 100000);
	for (char *line = strtok((char *)buf_text(&text), "\n"); line; line = strtok(NULL, "\n")) {
		fputs("      ", stdout);
		cli_print_lines(line, 8);
	}
}

/* What stands behind a state. */
static void print_said(const char *name, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(20000);

	buf_printf(&b, "%s: %s", name, text);
	fputs("  ", stdout);
	cli_print_lines(buf_text(&b), 8 + 2);
}

static void print_item(const json_t *item)
{
	const json_t *part;
	size_t i;

	cli_print_state(cli_text_of(item, "state"), 8);
	print_said(cli_text_of(item, "item"), cli_text_of(item, "text"));
	size_t width = cli_widest(json_object_get(item, "metrics"), "name", 1);
	json_array_foreach(json_object_get(item, "metrics"), i, part)
		print_metric(part, width);
	json_array_foreach(json_object_get(item, "evidence"), i, part)
		print_evidence(part);
}

static void _printf_(2, 3) print_trace(const char *what, const char *format, ...)
{
	va_list arguments;

	cli_print_padded(what, 10);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* What a look leaves behind, and how long it took. */
static void print_traces(const json_t *result)
{
	const json_t *elapsed = json_object_get(result, "elapsed"), *watch, *value;
	const char *key;
	size_t i;

	if (!elapsed)
		return;
	putchar('\n');
	json_array_foreach(json_object_get(result, "watches"), i, watch)
		print_trace(_("watches"), "%s (%s)", cli_text_of(watch, "what"), cli_text_of(watch, "events"));
	json_object_foreach((json_t *)json_object_get(result, "memories"), key, value)
		print_trace(_("remembers"), "%s = %.15g", key, json_number_value(value));
	print_trace(_("took"), "%.1f ms", 1000 * json_number_value(elapsed));
}

/* CRITICAL is the worst, then UNKNOWN (3), then WARNING; -1 is nothing at all. */
static int worse_state(int a, int b)
{
	return a < 0 || b == 2 || (a != 2 && b > a) ? b : a;
}

static int worst_of(const json_t *result)
{
	const json_t *item;
	int worst = -1;
	size_t i;

	json_array_foreach(json_object_get(result, "items"), i, item)
		worst = worse_state(worst, cli_exit_status(json_string_value(json_object_get(item, "state"))));
	if (json_is_string(json_object_get(result, "error")))
		worst = worse_state(worst, UNKNOWN);
	return worst < 0 ? UNKNOWN : worst;
}

int cli_print_result(const struct cli *cli, const json_t *result)
{
	const json_t *item;
	size_t i;

	if (cli->json) {
		cli_print_json(result);
		return worst_of(result);
	}
	json_array_foreach(json_object_get(result, "items"), i, item)
		print_item(item);
	if (json_is_string(json_object_get(result, "error"))) {
		cli_print_state(json_is_true(json_object_get(result, "not_applicable")) ? _("n/a") : "UNKNOWN", 8);
		print_said(cli_text_of(result, "check"), cli_text_of(result, "error"));
	}
	print_traces(result);
	return worst_of(result);
}
