/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that befell one item, as one entry: a problem and its recovery, five changes in a storm. */
#include "report-internal.h"

#include <errno.h>
#include <string.h>

#define TIMELINE_MAX 20

/* The sentences of this file. */
#define SAY_AFTER_PROBLEMS _("after %zu problems in %s")
#define SAY_FROM_TO _(" (found %s, over %s)")
#define SAY_FOUND _(", found %s")
#define SAY_NOT_OVER _(", not over")
#define SAY_NOW _(", now %s")
#define SAY_CHANGES _("%zu changes in %s, last: %s")
#define SAY_ONE_DEPENDENT _("; %zu more fails because of it")
#define SAY_DEPENDENTS _("; %zu more fail because of it")
#define SAY_NOTE C_("note", " (%s)")
#define SAY_BY_LOOKS_IN _("%s, by %lld looks in %s")
#define SAY_BY_LOOKS _("%s, by %lld looks")
#define SAY_BY_LOOK _("%s, by %lld look")
#define SAY_ENDED C_("end of a problem", "%s, after %s")
#define COMMAND_CHECK "tocsin check"
#define COMMAND_JOURNAL "journalctl -b -1 -e"
#define COMMAND_JOURNAL_OURS "journalctl -u tocsin -e"
#define HEADING_TIMELINE _("Course of events")
#define HEADING_LAST _("The last %d of %zu events")
#define HEADING_DEPENDENTS _("Also failing because of it")
#define FIELD_SINCE C_("field", "Since")
#define FIELD_CONFIRMED C_("field", "Confirmed")
#define FIELD_BEFORE C_("field", "Before")
#define FIELD_PROBLEM_SINCE C_("field", "Failed")
#define FIELD_RECOVERED C_("field", "Recovered")
#define FIELD_LAST_ALIVE C_("field", "Last alive")
#define FIELD_UP_AGAIN C_("field", "Up again")
#define FIELD_JOURNAL C_("field", "Journal")
#define FIELD_LAST_LOOK C_("field", "Last look")
#define FIELD_NOW C_("field", "Now")
#define FIELD_LOOK_AGAIN C_("field", "Look again")
#define FIELD_WHY_NOW C_("field", "Why only now")
#define FIELD_NOTE C_("field", "Note")

/* ---- putting them together ---- */

/* Events of one item side by side, in the order in which they happened; a test is not mixed with what is real. */
static int compare_events(const void *a, const void *b)
{
	const struct report_event *const *x = a, *const *y = b;
	int by_check = strcmp(text_or_empty((*x)->check), text_or_empty((*y)->check));
	int by_item = strcmp(text_or_empty((*x)->item), text_or_empty((*y)->item));
	int by_test = report_event_is_test(*x) - report_event_is_test(*y);

	return by_check ? by_check : by_item ? by_item : by_test ? by_test : *x < *y ? -1 : *x > *y;
}

static bool is_same_story(const struct report_event *a, const struct report_event *b)
{
	return strcmp(text_or_empty(a->check), text_or_empty(b->check)) == 0 &&
		strcmp(text_or_empty(a->item), text_or_empty(b->item)) == 0 &&
		report_event_is_test(a) == report_event_is_test(b);
}

enum report_part report_story_part(const struct report_story *s)
{
	int tone = report_event_tone(s->last);

	return tone == TOCSIN_OK ? REPORT_WELL : tone == PAGE_NEUTRAL ? REPORT_NOTICE : REPORT_PROBLEM;
}

static int story_rank(const struct report_story *s)
{
	enum report_part part = report_story_part(s);

	return part == REPORT_PROBLEM ? state_rank((enum tocsin_state)report_event_tone(s->last)) : 10 * (int)part;
}

static int compare_stories(const void *a, const void *b)
{
	const struct report_story *x = a, *y = b;
	int by_rank = story_rank(x) - story_rank(y);

	return by_rank ? by_rank : x->events[0] < y->events[0] ? -1 : x->events[0] > y->events[0];
}

static void add_to_story(struct report_story *s, const struct report_event *e, enum tocsin_state *state)
{
	enum tocsin_state next = report_event_state(e);

	if (report_event_role(e) == REPORT_REMARKS)
		return;
	if (s->n_told++ == 0) {
		*state = report_event_role(e) == REPORT_CHANGES ? e->from : next;
		s->since_usec = e->since_usec;
		s->problems = *state != TOCSIN_OK;
	}
	s->changes += next != *state;
	s->problems += next != TOCSIN_OK && *state == TOCSIN_OK;
	*state = next;
	s->last = e;
}

static struct report_story make_story(const struct report_event *const *events, size_t n)
{
	struct report_story s = { .events = events, .n = n, .last = events[n - 1] };
	enum tocsin_state state = TOCSIN_OK;

	for (size_t i = 0; i < n; i++)
		add_to_story(&s, events[i], &state);
	return s;
}

static int compare_to_item(const struct report_story *s, const struct report_item *item)
{
	const struct report_event *e = s->events[0];
	int by_check = strcmp(text_or_empty(e->check), item->check);

	return by_check ? by_check : strcmp(text_or_empty(e->item), item->item);
}

/* Gives its stories the item: one that is real and one that is a test, at most. They are still in the order of names, for
 * there may be thousands of both. Returns whether there are any. */
static bool tie_item(struct report_stories *stories, const struct report_item *item)
{
	size_t low = 0, high = stories->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_to_item(&stories->items[middle], item) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (high = low; high < stories->n && compare_to_item(&stories->items[high], item) == 0; high++)
		if (!stories->items[high].item)
			stories->items[high].item = item;
	return high > low;
}

int report_stories_make(const struct report *r, struct report_stories *ret)
{
	*ret = (struct report_stories){
		.events = calloc(r->n_events + 1, sizeof(*ret->events)), .items = calloc(r->n_events + 1, sizeof(*ret->items)),
		.has_story = calloc(r->n_items + 1, sizeof(*ret->has_story)),
	};
	if (!ret->events || !ret->items || !ret->has_story)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_events; i++)
		ret->events[i] = &r->events[i];
	qsort(ret->events, r->n_events, sizeof(*ret->events), compare_events);
	for (size_t i = 0, next; i < r->n_events; i = next) {
		for (next = i + 1; next < r->n_events && is_same_story(ret->events[i], ret->events[next]);)
			next++;
		ret->items[ret->n++] = make_story(ret->events + i, next - i);
	}
	for (size_t i = 0; i < r->n_items; i++)
		ret->has_story[i] = tie_item(ret, &r->items[i]);
	qsort(ret->items, ret->n, sizeof(*ret->items), compare_stories);
	return 0;
}

void report_stories_free(struct report_stories *stories)
{
	free(stories->events);
	free(stories->items);
	free(stories->has_story);
}

/* ---- in a few words ---- */

void report_put_story_tail(struct buf *b, const struct report_story *s)
{
	FORMAT_BUF(duration);

	if (!report_event_is_recovery(s->last) || s->problems < 2) {
		report_put_event_tail(b, s->last);
		return;
	}
	format_duration(&duration, span_usec(s->since_usec, s->last->time_usec));
	buf_printf(b, SAY_AFTER_PROBLEMS, s->problems, buf_text(&duration));
}

void report_put_story_text(struct buf *b, const struct report_story *s)
{
	FORMAT_BUF(duration);
	enum report_role role = report_event_role(s->last);

	if (s->changes < 3 || report_event_is_recovery(s->last) || (role != REPORT_CHANGES && role != REPORT_REPEATS)) {
		report_put_event_text(b, s->last);
		return;
	}
	format_duration(&duration, span_usec(s->since_usec, s->last->time_usec));
	buf_printf(b, SAY_CHANGES, s->changes, buf_text(&duration), text_or_empty(s->last->text));
}

/* The state that the item has now, when that is not what the story ends with. */
static bool has_other_state(const struct report_story *s, enum tocsin_state *ret_state)
{
	enum report_role role = report_event_role(s->last);

	if (!s->item || !report_item_is_looked_at(s->item) || role == REPORT_REMARKS || role == REPORT_ENDS)
		return false;
	*ret_state = s->item->alert ? alert_seen(s->item->alert) : report_item_state(s->item);
	return *ret_state != report_event_state(s->last);
}

static void put_times(struct buf *b, const struct report *r, const struct report_story *s)
{
	FORMAT_BUF(found);
	FORMAT_BUF(over);

	format_clock(&found, s->since_usec, r->now_usec);
	format_clock(&over, s->last->time_usec, r->now_usec);
	if (report_event_is_recovery(s->last))
		buf_printf(b, SAY_FROM_TO, buf_text(&found), buf_text(&over));
	else if (report_story_part(s) == REPORT_PROBLEM)
		buf_printf(b, SAY_FOUND, buf_text(&found));
}

static void put_present(struct buf *b, const struct report_story *s)
{
	enum tocsin_state now;

	if (report_event_is_test(s->last))
		return;
	if (has_other_state(s, &now))
		buf_printf(b, SAY_NOW, state_name(now));
	else if (report_story_part(s) == REPORT_PROBLEM && s->item && s->item->alert && s->item->alert->incident)
		buf_puts(b, SAY_NOT_OVER);
}

static void put_story_row(struct buf *b, const struct report *r, const struct report_story *s, bool with_times)
{
	FORMAT_BUF(tail);
	FORMAT_BUF(text);
	const struct report_event *e = s->last;

	report_put_event_prefix(b, e);
	report_put_story_tail(&tail, s);
	report_put_story_text(&text, s);
	put_joined(b, " ", buf_text(&tail));
	if (!report_event_is_recovery(e))
		put_joined(b, ": ", buf_text(&text));
	if (with_times || s->n_told > 1)
		put_times(b, r, s);
	if (with_times)
		put_present(b, s);
	if (e->n_dependents)
		buf_printf(b, plural(e->n_dependents, SAY_ONE_DEPENDENT, SAY_DEPENDENTS), e->n_dependents);
	if (e->note)
		buf_printf(b, SAY_NOTE, e->note);
}

void report_write_story_row(struct page *p, const struct report *r, const struct report_story *s, bool with_times)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	report_put_event_label(&label, r, s->last, s->item);
	put_story_row(&text, r, s, with_times);
	p->ops->row(p, report_event_word(s->last), report_event_tone(s->last), buf_text(&label), buf_text(&text), "");
}

/* ---- at length ---- */

static void write_text(struct page *p, const char *name, const char *text)
{
	if (text && *text)
		p->ops->field(p, name, text);
}

static void write_command(struct page *p, const char *name, const char *command, const char *argument)
{
	FORMAT_BUF(value);

	buf_puts(&value, command);
	put_joined(&value, " ", text_or_empty(argument));
	p->ops->field(p, name, buf_text(&value));
}

/* "2026-11-23 20:14:05 +0800, by 3 looks in 40 s" */
static void write_confirmation(struct page *p, const struct report_event *e)
{
	FORMAT_BUF(time);
	FORMAT_BUF(duration);
	FORMAT_BUF(value);

	format_time(&time, e->time_usec);
	report_put_event_duration(&duration, e);
	if (e->looks > 1 && !report_event_is_recovery(e))
		buf_printf(&value, SAY_BY_LOOKS_IN, buf_text(&time), (long long)e->looks, buf_text(&duration));
	else if (e->looks > 0)
		buf_printf(&value, plural((size_t)e->looks, SAY_BY_LOOK, SAY_BY_LOOKS), buf_text(&time), (long long)e->looks);
	else
		buf_puts(&value, buf_text(&time));
	p->ops->field(p, FIELD_CONFIRMED, buf_text(&value));
}

static void write_before(struct page *p, const struct report_event *e, const struct report_item *item)
{
	FORMAT_BUF(value);

	buf_puts(&value, state_name(e->from));
	if (item && item->previous && item->previous->state == e->from && item->previous->text)
		buf_printf(&value, ": %s", item->previous->text);
	p->ops->field(p, FIELD_BEFORE, buf_text(&value));
}

static void write_recovery(struct page *p, const struct report_story *s)
{
	FORMAT_BUF(time);
	FORMAT_BUF(duration);
	FORMAT_BUF(value);

	report_write_time(p, FIELD_PROBLEM_SINCE, s->since_usec);
	format_time(&time, s->last->time_usec);
	format_duration(&duration, span_usec(s->since_usec, s->last->time_usec));
	buf_printf(&value, SAY_ENDED, buf_text(&time), buf_text(&duration));
	p->ops->field(p, FIELD_RECOVERED, buf_text(&value));
}

static void write_restart(struct page *p, const struct report *r, const struct report_event *e)
{
	if (e->since_usec)
		report_write_time(p, FIELD_LAST_ALIVE, e->since_usec);
	report_write_since(p, FIELD_UP_AGAIN, e->time_usec, r->now_usec);
	p->ops->field(p, FIELD_JOURNAL, e->event == ALERT_CRASHED ? COMMAND_JOURNAL_OURS : COMMAND_JOURNAL);
}

static void write_times(struct page *p, const struct report *r, const struct report_story *s)
{
	const struct report_event *e = s->last;

	if (report_event_is_recovery(e)) {
		write_recovery(p, s);
	} else if (e->event == ALERT_RESTARTED || e->event == ALERT_CRASHED) {
		write_restart(p, r, e);
	} else {
		report_write_since(p, FIELD_SINCE, e->since_usec, r->now_usec);
		if (report_event_is_confirmed(e))
			write_confirmation(p, e);
	}
}

static void write_present(struct page *p, const struct report_story *s)
{
	FORMAT_BUF(value);
	enum tocsin_state now;

	if (!has_other_state(s, &now))
		return;
	buf_puts(&value, state_name(now));
	if (s->item->result && s->item->result->state == now)
		put_joined(&value, ": ", text_or_empty(s->item->result->text));
	p->ops->field(p, FIELD_NOW, buf_text(&value));
}

/* The command to acknowledge it, as long as there is something to acknowledge. */
static void write_incident(struct page *p, const struct report *r, const struct report_story *s)
{
	const struct report_event *e = s->last;
	bool is_open = report_story_part(s) == REPORT_PROBLEM &&
		(!s->item || !s->item->alert || s->item->alert->incident == e->incident);

	report_write_incident(p, r, e->incident, is_open, s->item);
}

static void write_fields(struct page *p, const struct report *r, const struct report_story *s, bool is_late)
{
	const struct report_event *e = s->last;

	write_times(p, r, s);
	if (report_event_is_confirmed(e) && s->n_told == 1 && !e->is_first)
		write_before(p, e, s->item);
	if (report_event_role(e) == REPORT_SUMS_UP)
		write_text(p, FIELD_LAST_LOOK, e->text);
	if (is_late && !report_event_is_test(e))
		write_present(p, s);
	if (e->check)
		report_write_check(p, s->item, e->check);
	write_incident(p, r, s);
	if (e->event == ALERT_BLIND)
		write_command(p, FIELD_LOOK_AGAIN, COMMAND_CHECK, e->check);
	write_text(p, e->event == ALERT_LATE ? FIELD_WHY_NOW : FIELD_NOTE, e->note);
}

static void write_moment(struct page *p, const struct report_event *e)
{
	FORMAT_BUF(time);
	FORMAT_BUF(text);

	format_time(&time, e->time_usec);
	report_put_event_row(&text, e);
	if (e->note)
		buf_printf(&text, SAY_NOTE, e->note);
	p->ops->row(p, report_event_word(e), report_event_tone(e), buf_text(&time), buf_text(&text), "");
}

/* Each event with its time, if there are several; the oldest of too many are only counted. */
static void write_timeline(struct page *p, const struct report_story *s)
{
	size_t first = s->n > TIMELINE_MAX ? s->n - TIMELINE_MAX : 0;
	FORMAT_BUF(heading);

	if (s->n_told < 2)
		return;
	if (first)
		buf_printf(&heading, HEADING_LAST, TIMELINE_MAX, s->n);
	else
		buf_puts(&heading, HEADING_TIMELINE);
	p->ops->subheading(p, buf_text(&heading));
	for (size_t i = first; i < s->n; i++)
		write_moment(p, s->events[i]);
}

static void write_dependents(struct page *p, const struct report_event *e)
{
	if (e->n_dependents)
		p->ops->subheading(p, HEADING_DEPENDENTS);
	for (size_t i = 0; i < e->n_dependents; i++)
		p->ops->point(p, e->dependents[i]);
}

/* What was seen at the end; of an item that is well again, when it was not. */
static void write_results(struct page *p, const struct report_story *s)
{
	for (size_t i = s->n; s->n_told > 1 && report_story_part(s) == REPORT_WELL && i-- > 0;) {
		const struct report_event *e = s->events[i];

		if (e->result && report_event_state(e) != TOCSIN_OK) {
			report_write_result(p, e->result, true);
			return;
		}
	}
	report_write_result(p, s->last->result, false);
}

void report_write_story(struct page *p, const struct report *r, const struct report_story *s, bool is_late)
{
	const struct report_event *e = s->last;
	FORMAT_BUF(title);
	FORMAT_BUF(label);
	FORMAT_BUF(text);
	FORMAT_BUF(advice);

	report_put_event_title(&title, e);
	report_put_event_label(&label, r, e, s->item);
	report_put_story_text(&text, s);
	report_put_event_advice(&advice, e);
	p->part = PAGE_DETAILS;
	report_write_headline(p, buf_text(&title), report_event_tone(e), buf_text(&label), e->check ? r->host : NULL,
		buf_text(&text));
	write_fields(p, r, s, is_late);
	if (advice.len)
		p->ops->paragraph(p, buf_text(&advice));
	write_timeline(p, s);
	write_dependents(p, e);
	if (e->item)
		report_write_charts(p, r, s->item, e->result);
	write_results(p, s);
}
