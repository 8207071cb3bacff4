/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of `tocsin status`; see status-view.h. */
#include "status-view.h"

#include "cleanup.h"
#include "clock.h"
#include "sparkline.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <math.h>
#include <string.h>

#define STATE_COLUMNS 8
#define INDENT (STATE_COLUMNS + 2)
#define TEXT_COLUMNS_LEAST 28 /* with fewer the names get a line of their own, and the text the next */
#define TABLE_COLUMNS_LEAST 72 /* with fewer nothing is shortened for a table */
#define TEXT_LINES_MAX 6 /* of a problem; what is well gets one */
#define POINTS_MAX 24
#define RANK_OK 3 /* in the table below */

/* Order is rank: the worst first, then what has no state yet. */
static const struct {
	const char *name, *colour;
} states[] = {
	{ "CRITICAL", "\033[1;31m" },
	{ "UNKNOWN", "\033[35m" },
	{ "WARNING", "\033[33m" },
	{ "OK", "\033[32m" },
};

const char *status_view_colour(const char *state)
{
	for (size_t i = 0; i < ELEMENTS(states); i++)
		if (strcmp(states[i].name, state) == 0)
			return states[i].colour;
	return "";
}

static size_t rank(const json_t *item)
{
	const char *state = json_string_value(json_object_get(item, "state"));

	for (size_t i = 0; state && i < ELEMENTS(states); i++)
		if (strcmp(states[i].name, state) == 0)
			return i;
	return ELEMENTS(states);
}

/* ---- pieces ---- */

/* Widths of one picture; 0: the column is not there, SIZE_MAX: it is never cut. */
struct layout {
	bool is_stacked;
	bool is_since_short; /* "1 h", not "1 h 12 min" */
	size_t columns, check, item, since, chart, text;
};

/* A member as clean text. Free it; NULL without memory. */
static char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text_cleaned(text ? text : "", 4000);
}

static void put(struct buf *b, const json_t *object, const char *name)
{
	_cleanup_free_ char *text = member(object, name);

	buf_puts(b, text ? text : "");
}

static void put_padded(struct buf *b, const json_t *object, const char *name, size_t columns)
{
	_cleanup_free_ char *text = member(object, name);

	text_pad(b, text ? text : "", columns);
	buf_puts(b, "  ");
}

static bool has_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && *text;
}

static void put_state(struct buf *b, const struct status_view *v, const char *state, size_t columns)
{
	const char *colour = v->terminal.has_colour ? status_view_colour(state) : "";

	buf_puts(b, colour);
	text_pad(b, state, columns);
	buf_puts(b, *colour ? "\033[0m" : "");
}

static void put_blanks(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_putc(b, ' ');
}

/* TEXT in lines that the terminal is wide enough for, the further ones indented. */
static void put_lines(struct buf *b, const struct layout *l, const char *text, size_t indent, size_t n_max)
{
	size_t columns = l->columns == 0 ? SIZE_MAX : l->columns > indent + 8 ? l->columns - indent : 8;

	for (size_t i = 1; *text; i++) {
		const char *next;
		size_t n = text_line(text, columns, &next);

		if (i == n_max) {
			text_fit(b, text, columns);
			return;
		}
		buf_append(b, text, n);
		if (*next) {
			buf_putc(b, '\n');
			put_blanks(b, indent);
		}
		text = next;
	}
}

static size_t widest(const json_t *items, const char *name, size_t least, size_t most)
{
	const json_t *item;
	size_t width = least, i;

	json_array_foreach(items, i, item) {
		_cleanup_free_ char *text = member(item, name);
		size_t columns = text_columns(text ? text : "");

		width = columns > width ? columns : width;
	}
	return width > most ? most : width;
}

/* ---- charts ---- */

static const json_t *find_chart(const struct status_view *v, const json_t *item)
{
	const json_t *chart;
	size_t i;

	json_array_foreach(json_object_get(v->charts, "charts"), i, chart)
		if (json_equal(json_object_get(chart, "check"), json_object_get(item, "check")) &&
			json_equal(json_object_get(chart, "item"), json_object_get(item, "item")))
			return chart;
	return NULL;
}

static double number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static const json_t *find_metric(const json_t *item, const json_t *name)
{
	const json_t *metric;
	size_t i;

	json_array_foreach(json_object_get(item, "metrics"), i, metric)
		if (json_equal(json_object_get(metric, "name"), name))
			return metric;
	return NULL;
}

/* The worse end of what was measured in each of N columns, for STEPS steps: where low is bad the least value, else the greatest. */
static void read_values(const json_t *chart, json_int_t steps, bool low_is_bad, double *values, size_t n)
{
	const json_t *point;
	size_t i;

	for (i = 0; i < n; i++)
		values[i] = NAN;
	json_array_foreach(json_object_get(chart, "points"), i, point) {
		json_int_t step = json_integer_value(json_object_get(point, "step"));

		if (step < 0 || step >= steps)
			continue;
		double *at = &values[(size_t)step * n / (size_t)steps];
		*at = low_is_bad ? fmin(*at, number(point, "min")) : fmax(*at, number(point, "max"));
	}
}

static void put_chart(struct buf *b, const struct status_view *v, const json_t *item, size_t columns)
{
	const json_t *chart = find_chart(v, item), *metric = find_metric(item, json_object_get(chart, "metric"));
	double values[POINTS_MAX];
	struct sparkline s = {
		.values = values, .n = columns < POINTS_MAX ? columns : POINTS_MAX, .low = number(metric, "min"),
		.high = number(metric, "max"), .warning = number(metric, "warning"), .critical = number(metric, "critical"),
		.has_colour = v->terminal.has_colour, .has_blocks = v->terminal.has_blocks,
	};

	if (!chart) {
		put_blanks(b, columns);
		return;
	}
	read_values(chart, json_integer_value(json_object_get(v->charts, "steps")), s.critical < s.warning, values, s.n);
	sparkline_append(b, &s);
	put_blanks(b, columns - s.n);
}

/* ---- items ---- */

static const char *state_of(const json_t *item)
{
	const char *state = json_string_value(json_object_get(item, "state"));

	return state ? state : json_is_string(json_object_get(item, "not_applicable")) ? _("n/a") : "-";
}

/* 1 h 12 min → 1 h */
static int64_t largest_unit(int64_t usec)
{
	static const int64_t units[] = { USEC_PER_DAY, USEC_PER_HOUR, USEC_PER_MINUTE };

	for (size_t i = 0; i < ELEMENTS(units); i++)
		if (usec >= units[i])
			return usec - usec % units[i];
	return usec;
}

static void put_since(struct buf *b, const struct status_view *v, const struct layout *l, const json_t *item)
{
	const char *since = json_string_value(json_object_get(item, "since"));
	int64_t usec;

	if (!json_is_string(json_object_get(item, "state")) || !since || parse_time_rfc3339(since, &usec) < 0)
		return;
	int64_t age = v->now_usec > usec ? v->now_usec - usec : 0;
	age -= age % USEC_PER_SEC;
	format_duration(b, l->is_since_short ? largest_unit(age) : age);
}

/* Free it. */
static char *text_of(const json_t *item)
{
	if (json_is_string(json_object_get(item, "not_applicable")))
		return member(item, "not_applicable");
	return has_text(item, "text") ? member(item, "text") : strdup(_("not looked at yet"));
}

static void put_text(struct buf *b, const struct layout *l, const json_t *item, size_t indent)
{
	_cleanup_free_ char *text = text_of(item);

	if (rank(item) < RANK_OK)
		put_lines(b, l, text ? text : "", indent, TEXT_LINES_MAX);
	else
		text_fit(b, text ? text : "", l->text);
	buf_putc(b, '\n');
}

/* A further line about the item. */
static void put_remark(struct buf *b, const struct layout *l, const struct buf *remark)
{
	size_t indent = l->is_stacked ? 2 : INDENT;

	put_blanks(b, indent);
	put_lines(b, l, buf_text(remark), indent, SIZE_MAX);
	buf_putc(b, '\n');
}

/* ": because", where somebody has said why. */
static void put_reason(struct buf *b, const json_t *object)
{
	buf_puts(b, has_text(object, "reason") ? ": " : "");
	put(b, object, "reason");
}

/* What an administrator has said, and what is peculiar. */
static void put_circumstances(struct buf *b, const struct layout *l, const json_t *item)
{
	const json_t *acknowledged = json_object_get(item, "acknowledged");
	_cleanup_buf_ struct buf remark = BUF(10000);

	if (json_is_true(json_object_get(item, "flapping"))) {
		buf_puts(&remark, _("unstable: it changes too often"));
		put_remark(b, l, &remark);
		buf_clear(&remark);
	}
	if (!json_is_integer(json_object_get(item, "incident")))
		return;
	_cleanup_free_ char *who = member(acknowledged, "who");
	long long number = json_integer_value(json_object_get(item, "incident"));
	if (json_is_object(acknowledged))
		buf_printf(&remark, _("incident %lld, acknowledged by %s"), number, who ? who : "");
	else
		buf_printf(&remark, _("incident %lld"), number);
	put_reason(&remark, acknowledged);
	put_remark(b, l, &remark);
}

/* A look that the confirmed state does not show yet. */
static void put_last_look(struct buf *b, const struct layout *l, const json_t *item)
{
	_cleanup_buf_ struct buf remark = BUF(1000);

	if (!json_is_string(json_object_get(item, "state")) || !json_is_string(json_object_get(item, "last_state")) ||
		json_equal(json_object_get(item, "state"), json_object_get(item, "last_state")))
		return;
	_cleanup_free_ char *state = member(item, "last_state");
	buf_printf(&remark, _("%s at the last look, not confirmed yet"), state ? state : "");
	put_remark(b, l, &remark);
}

static void put_row(struct buf *b, const struct status_view *v, const struct layout *l, const json_t *item)
{
	_cleanup_buf_ struct buf since = BUF(100);
	size_t indent = INDENT + l->check + 2 + l->item + 2 + l->since + 2 + (l->chart ? l->chart + 2 : 0);

	put_since(&since, v, l, item);
	put_state(b, v, state_of(item), STATE_COLUMNS);
	buf_puts(b, "  ");
	put_padded(b, item, "check", l->check);
	put_padded(b, item, "item", l->item);
	text_pad(b, buf_text(&since), l->since);
	buf_puts(b, "  ");
	if (l->chart) {
		put_chart(b, v, item, l->chart);
		buf_puts(b, "  ");
	}
	put_text(b, l, item, indent);
}

/* State, name and age; below it the text; below that the chart, if there is one. */
static void put_stack(struct buf *b, const struct status_view *v, const struct layout *l, const json_t *item)
{
	_cleanup_buf_ struct buf since = BUF(100), name = BUF(10000);
	bool has_item = !json_equal(json_object_get(item, "check"), json_object_get(item, "item"));
	size_t age;

	put_since(&since, v, l, item);
	put(&name, item, "check");
	buf_puts(&name, has_item ? " " : "");
	if (has_item)
		put(&name, item, "item");
	age = text_columns(buf_text(&since));
	put_state(b, v, state_of(item), STATE_COLUMNS);
	buf_putc(b, ' ');
	if (age)
		text_pad(b, buf_text(&name), l->columns > STATE_COLUMNS + 3 + age ? l->columns - STATE_COLUMNS - 3 - age : 1);
	else
		text_fit(b, buf_text(&name), l->columns - STATE_COLUMNS - 1);
	buf_printf(b, "%s%s\n  ", age ? " " : "", buf_text(&since));
	put_text(b, l, item, 2);
	if (find_chart(v, item) && l->chart) {
		buf_puts(b, "  ");
		put_chart(b, v, item, l->chart);
		buf_printf(b, " %s\n", _("24 h"));
	}
}

static void put_item(struct buf *b, const struct status_view *v, const struct layout *l, const json_t *item)
{
	if (l->is_stacked)
		put_stack(b, v, l, item);
	else
		put_row(b, v, l, item);
	put_circumstances(b, l, item);
	put_last_look(b, l, item);
}

/* ---- the whole ---- */

/* What a heading or a name needs; of names up to MOST. */
static size_t column_of(const json_t *items, const char *name, const char *heading, size_t most)
{
	return widest(items, name, text_columns(heading), most);
}

/* The longest durations, "23 h 59 min" or "59 min". */
static size_t since_columns(bool is_short)
{
	static const int64_t longest[] = { 23 * USEC_PER_HOUR, 59 * USEC_PER_MINUTE, 59 * USEC_PER_SEC };
	size_t columns = text_columns(_("SINCE"));

	for (size_t i = 0; i < ELEMENTS(longest); i++) {
		_cleanup_buf_ struct buf b = BUF(100);

		format_duration(&b, is_short || i ? longest[i] : longest[0] + longest[1]);
		size_t n = text_columns(buf_text(&b));
		columns = n > columns ? n : columns;
	}
	return columns;
}

/* Columns side by side; false: the text would have too few. */
static bool lay_out_row(const struct status_view *v, struct layout *l)
{
	const json_t *items = json_object_get(v->status, "items");
	static const size_t charts[] = { 24, 12, 0 }; /* the widest that leaves room for the text */

	l->since = since_columns(l->is_since_short);
	size_t fixed = INDENT + 2 + 2 + l->since + 2, share = l->columns > fixed ? (l->columns - fixed) / 4 : 1;
	/* Names get what they need, up to a share, whether there are charts or not. */
	l->check = column_of(items, "check", _("CHECK"), share);
	l->item = column_of(items, "item", _("ITEM"), share);
	fixed += l->check + l->item;
	for (size_t i = v->charts ? 0 : ELEMENTS(charts) - 1; i < ELEMENTS(charts); i++) {
		size_t used = fixed + (charts[i] ? charts[i] + 2 : 0);

		l->chart = charts[i];
		l->text = l->columns > used ? l->columns - used : 1;
		if (l->text >= TEXT_COLUMNS_LEAST)
			return true;
	}
	return false;
}

static struct layout lay_out(const struct status_view *v)
{
	const json_t *items = json_object_get(v->status, "items");
	struct layout l = { .columns = v->terminal.columns, .since = since_columns(false), .text = SIZE_MAX };

	if (l.columns == 0) {
		l.check = column_of(items, "check", _("CHECK"), SIZE_MAX);
		l.item = column_of(items, "item", _("ITEM"), SIZE_MAX);
		return l;
	}
	if (lay_out_row(v, &l))
		return l;
	l.is_since_short = true; /* where durations are long words, as in Chinese, this is what 80 columns want */
	if (l.columns >= TABLE_COLUMNS_LEAST && lay_out_row(v, &l))
		return l;
	l.is_since_short = false;
	l.is_stacked = true;
	l.chart = v->charts && l.columns >= 34 ? 24 : 0;
	l.text = l.columns > 3 ? l.columns - 2 : 1;
	return l;
}

/* The heading of a column that begins where the items' does. */
static void put_heading(struct buf *b, const struct status_view *v, const struct layout *l)
{
	if (l->is_stacked)
		return;
	buf_puts(b, v->terminal.has_colour ? "\033[2m" : "");
	text_pad(b, _("STATE"), STATE_COLUMNS + 2);
	text_pad(b, _("CHECK"), l->check + 2);
	text_pad(b, _("ITEM"), l->item + 2);
	text_pad(b, _("SINCE"), l->since + 2);
	if (l->chart)
		text_pad(b, _("24 H"), l->chart + 2);
	buf_puts(b, _("LAST LOOK"));
	buf_puts(b, v->terminal.has_colour ? "\033[0m\n" : "\n");
}

/* "(1 CRITICAL, 2 OK)", or what follows the state in "OK (3 checks)", with a blank before it where the language has one. */
static void put_counts(struct buf *b, const struct status_view *v, const char *state)
{
	_cleanup_free_ char *summary = member(v->status, "summary");
	const char *text = summary ? summary : "";
	size_t len = strlen(state);

	if (len && strncmp(text, state, len) == 0)
		buf_puts(b, text + len);
	else
		buf_printf(b, _(" (%s)"), text);
}

static void put_summary(struct buf *b, const struct status_view *v, const struct layout *l)
{
	const json_t *note;
	_cleanup_buf_ struct buf counts = BUF(2000);
	_cleanup_free_ char *host = member(v->status, "host"), *state = member(v->status, "state");
	size_t used = text_columns(host ? host : "") + 2 + strlen(state ? state : ""), i;

	put_counts(&counts, v, state ? state : "");
	bool has_blank = *buf_text(&counts) == ' ';
	buf_printf(b, "%s: ", host ? host : "");
	put_state(b, v, state ? state : "", strlen(state ? state : ""));
	buf_puts(b, l->columns && used + text_columns(buf_text(&counts)) > l->columns ? "\n  " : has_blank ? " " : "");
	put_lines(b, l, buf_text(&counts) + has_blank, 2, SIZE_MAX);
	buf_putc(b, '\n');
	json_array_foreach(json_object_get(v->status, "notes"), i, note) {
		_cleanup_free_ char *text = text_cleaned(json_string_value(note) ? json_string_value(note) : "", 1000);

		buf_puts(b, "! ");
		put_lines(b, l, text ? text : "", 2, SIZE_MAX);
		buf_putc(b, '\n');
	}
}

/* A time of the control socket as a person says it: "20:14" today. */
static void put_time(struct buf *b, const struct status_view *v, const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	int64_t usec;

	if (text && parse_time_rfc3339(text, &usec) == 0)
		format_clock(b, usec, v->now_usec);
}

static void put_silence(struct buf *b, const struct status_view *v, const struct layout *l, const json_t *silence)
{
	_cleanup_free_ char *id = member(silence, "id"), *glob = member(silence, "glob"), *who = member(silence, "who");
	_cleanup_buf_ struct buf text = BUF(10000), until = BUF(100);

	put_time(&until, v, silence, "until");
	buf_printf(&text, _("%s %s, until %s, by %s"), id ? id : "", glob ? glob : "", buf_text(&until), who ? who : "");
	put_reason(&text, silence);
	buf_puts(b, "  ");
	put_lines(b, l, buf_text(&text), 4, SIZE_MAX);
	buf_putc(b, '\n');
}

static void put_attempts(struct buf *b, const struct status_view *v, const json_t *mail)
{
	_cleanup_free_ char *id = member(mail, "id");
	_cleanup_buf_ struct buf queued = BUF(100), next = BUF(100);
	long long n = json_integer_value(json_object_get(mail, "attempts"));

	put_time(&queued, v, mail, "queued");
	put_time(&next, v, mail, "next_try");
	if (n == 0)
		buf_printf(b, _("id %s, queued %s, not tried yet"), id ? id : "", buf_text(&queued));
	else
		buf_printf(b, _("id %s, queued %s, attempts: %lld, next %s"), id ? id : "", buf_text(&queued), n, buf_text(&next));
}

static const char *fate_of(const json_t *recipient)
{
	static const char *const words[][2] = {
		{ "pending", CN_("fate", "pending") }, { "sent", CN_("fate", "sent") }, { "refused", CN_("fate", "refused") },
		{ "given-up", CN_("fate", "given-up") },
	};
	const char *fate = json_string_value(json_object_get(recipient, "fate"));

	for (size_t i = 0; fate && i < ELEMENTS(words); i++)
		if (strcmp(words[i][0], fate) == 0)
			return _(words[i][1]);
	return "?";
}

static void put_recipient(struct buf *b, const struct layout *l, const json_t *recipient)
{
	_cleanup_buf_ struct buf text = BUF(10000);

	buf_printf(&text, "%s ", fate_of(recipient));
	put(&text, recipient, "address");
	buf_puts(&text, has_text(recipient, "answer") ? ": " : "");
	put(&text, recipient, "answer");
	buf_puts(b, "    ");
	put_lines(b, l, buf_text(&text), 6, SIZE_MAX);
	buf_putc(b, '\n');
}

static void put_mail(struct buf *b, const struct status_view *v, const struct layout *l, const json_t *mail)
{
	const json_t *recipient;
	_cleanup_buf_ struct buf text = BUF(10000);
	size_t i;

	buf_puts(b, "  ");
	put(&text, mail, "subject");
	put_lines(b, l, buf_text(&text), 4, SIZE_MAX);
	buf_clear(&text);
	put_attempts(&text, v, mail);
	buf_puts(b, "\n    ");
	put_lines(b, l, buf_text(&text), 6, SIZE_MAX);
	buf_putc(b, '\n');
	json_array_foreach(json_object_get(mail, "recipients"), i, recipient)
		put_recipient(b, l, recipient);
}

void status_view_append_mails(struct buf *b, const struct status_view *v)
{
	const struct layout l = { .columns = v->terminal.columns };
	const json_t *mail;
	size_t i;

	json_array_foreach(json_object_get(v->status, "outbox"), i, mail)
		put_mail(b, v, &l, mail);
}

void status_view_append_silences(struct buf *b, const struct status_view *v)
{
	const struct layout l = { .columns = v->terminal.columns };
	const json_t *silence;
	size_t i;

	json_array_foreach(json_object_get(v->status, "silences"), i, silence)
		put_silence(b, v, &l, silence);
}

void status_view_append(struct buf *b, const struct status_view *v)
{
	const json_t *items = json_object_get(v->status, "items"), *item;
	size_t n_silences = json_array_size(json_object_get(v->status, "silences"));
	size_t n_mails = json_array_size(json_object_get(v->status, "outbox")), i;
	struct layout l = lay_out(v);

	put_summary(b, v, &l);
	buf_putc(b, '\n');
	put_heading(b, v, &l);
	for (size_t r = 0; r <= ELEMENTS(states); r++)
		json_array_foreach(items, i, item)
			if (rank(item) == r)
				put_item(b, v, &l, item);
	if (n_silences)
		buf_printf(b, _("\nSilences (%zu):\n"), n_silences);
	status_view_append_silences(b, v);
	if (n_mails)
		buf_printf(b, _("\nMails that wait for delivery (%zu):\n"), n_mails);
	status_view_append_mails(b, v);
}
