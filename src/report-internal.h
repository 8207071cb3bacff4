/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of report.h share: items, events and their fields. All of it is pure. The state words stay English in
 * every language, so that filters survive; so does RECOVERED. */
#pragma once

#include "clock.h"
#include "page.h"
#include "report.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#define FORMAT_BUF(name) _cleanup_buf_ struct buf name = BUF(SIZE_MAX / 2)

static inline const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

/* Between the entries of a list, and between the parts of a sentence: two different characters in Chinese. */
#define SAY_AND C_("list", ", ")
#define SAY_COMMA C_("sentence", ", ")

/* Two formats that differ in a word; both take the same arguments, the number among them. */
static inline __attribute__((__format_arg__(2), __format_arg__(3))) const char *plural(size_t n, const char *one,
	const char *many)
{
	return n == 1 ? one : many;
}

/* Appends TEXT, if there is any, behind what is there and SEPARATOR. */
static inline void put_joined(struct buf *b, const char *separator, const char *text)
{
	if (*text)
		buf_printf(b, "%s%s", b->len ? separator : "", text);
}

/* ---- how a subject begins: report-prefix.c ---- */

/* TEXT cleaned, and cut in its middle when it has more than COLUMNS: both ends tell more. */
void report_put_fitted(struct buf *b, const char *text, size_t columns);

/* The administrator's text with its places filled in, that for the state with STATE. */
void report_fill_template(struct buf *b, const struct report *r, const char *state, const char *template);
void report_put_prefix(struct buf *b, const struct report *r, const char *state); /* and a blank, unless it is empty */
void report_put_test(struct buf *b); /* "test mail" */

/* The same with the worst state of the items. */
void report_put_template(struct buf *b, const struct report *r, const char *template);

/* How long it was; never negative, whatever the clock did. */
static inline int64_t span_usec(int64_t from_usec, int64_t to_usec)
{
	int64_t span;

	if (to_usec <= from_usec)
		return 0;
	return __builtin_sub_overflow(to_usec, from_usec, &span) ? INT64_MAX : span;
}

/* ---- items: report-item.c ---- */

struct report_numbers {
	size_t of[4], looked_at, waiting;
};

struct report_numbers report_count_items(const struct report *r);
bool report_item_is_looked_at(const struct report_item *item);

/* The state that is told of an item that was looked at: the confirmed one, and before there is one that of the last
 * look. */
enum tocsin_state report_item_state(const struct report_item *item);

/* The states in the order in which people want to read them: the inverse of state_rank(). */
enum tocsin_state report_state_of_rank(int rank);

/* "disk /", "process web", "load": the module says what kind of thing it is, the item which one. The name of the
 * check stands in the body, unless it is the item's too. */
void report_put_label(struct buf *b, const char *module, const char *check, const char *item);

/* Items that are not well, at length. */
void report_write_problems(struct page *p, const struct report *r);

struct report_stories;

/* A line for each item, the worst first; without those that the stories WITHOUT (or NULL) are about. */
void report_write_items(struct page *p, const struct report *r, const char *heading, const struct report_stories *without);

/* ---- over time: report-chart.c ---- */

/* 24 characters for the day of its most important metric. Nothing when there is none. */
void report_put_sparkline(struct buf *b, const struct report *r, const struct report_item *item);

/* The metrics of RESULT (NULL: of the last look) that have limits, those past theirs first. ITEM may be NULL. */
void report_write_charts(struct page *p, const struct report *r, const struct report_item *item, const struct result *result);

/* Load, memory and disks that are well: those that are not have their charts already. */
void report_write_overview(struct page *p, const struct report *r);

/* ---- events: report-event.c ---- */

/* What an event is in the story of an item. */
enum report_role {
	REPORT_CHANGES, /* its state is another now */
	REPORT_REPEATS, /* its state is told again */
	REPORT_SUMS_UP, /* several changes, in a sentence of its own */
	REPORT_ENDS, /* nothing is left whose state could be told */
	REPORT_REMARKS, /* says nothing of its state */
};

enum report_role report_event_role(const struct report_event *e);
bool report_event_is_recovery(const struct report_event *e);
bool report_event_is_test(const struct report_event *e);
bool report_event_is_confirmed(const struct report_event *e); /* by looks */
enum tocsin_state report_event_state(const struct report_event *e);
int report_event_tone(const struct report_event *e); /* enum tocsin_state or PAGE_NEUTRAL */

const char *report_event_word(const struct report_event *e); /* for a row: "CRITICAL", "ESCALATED" */
void report_put_event_title(struct buf *b, const struct report_event *e); /* "ESCALATED CRITICAL", "TEST: CRITICAL" */
void report_put_event_label(struct buf *b, const struct report *r, const struct report_event *e,
	const struct report_item *item); /* that it is about, or NULL */

/* What a sentence about it consists of; each may be nothing. The state where the word does not say it; what stands
 * behind the name of the item ("after 1 h 12 min"); what the look gave, and what that means for what was before; what it
 * means for the reader, and what is to be done. */
void report_put_event_prefix(struct buf *b, const struct report_event *e);
void report_put_event_tail(struct buf *b, const struct report_event *e);
void report_put_event_text(struct buf *b, const struct report_event *e);
void report_put_event_advice(struct buf *b, const struct report_event *e);

void report_put_event_duration(struct buf *b, const struct report_event *e);
void report_put_event_row(struct buf *b, const struct report_event *e); /* all that a row says beside word and label */

/* ---- all that befell one item: report-story.c ---- */

struct report_story {
	const struct report_event *const *events; /* oldest first, one at least */
	size_t n;
	const struct report_event *last; /* the last that says how the item is, if there is one */
	const struct report_item *item; /* as it is now, or NULL */
	size_t n_told; /* events that say how it is */
	size_t changes, problems; /* of the state; ways from good to bad */
	int64_t since_usec; /* when the first of those began */
};

/* In the order in which they are shown: what is still open first, the worst first. */
struct report_stories {
	const struct report_event **events;
	struct report_story *items;
	size_t n;
	bool *has_story; /* beside report.items: is one of the stories about it? */
};

/* -ENOMEM. Free it in any case. */
int report_stories_make(const struct report *r, struct report_stories *ret);
void report_stories_free(struct report_stories *stories);

#define _cleanup_stories_ _cleanup_(report_stories_free)

enum report_part { REPORT_PROBLEM, REPORT_NOTICE, REPORT_WELL };

enum report_part report_story_part(const struct report_story *s);

/* "2 problems, 1 recovered, host restarted" */
void report_put_story_counts(struct buf *b, const struct report_stories *stories);

/* As of one event. */
void report_put_story_tail(struct buf *b, const struct report_story *s);
void report_put_story_text(struct buf *b, const struct report_story *s);

/* WITH_TIMES: found and over when, even if it is one event only. */
void report_write_story_row(struct page *p, const struct report *r, const struct report_story *s, bool with_times);

/* At length. IS_LATE: and how it is now, if that is something else. */
void report_write_story(struct page *p, const struct report *r, const struct report_story *s, bool is_late);

/* ---- fields of a block: report-field.c ---- */

/* HOST is NULL where the label is it. */
void report_write_headline(struct page *p, const char *word, int tone, const char *label, const char *host,
	const char *text);
void report_write_time(struct page *p, const char *name, int64_t usec);

/* With how long ago that was. Nothing for 0. */
void report_write_since(struct page *p, const char *name, int64_t since_usec, int64_t now_usec);

void report_write_check(struct page *p, const struct report_item *item, const char *check);

/* Its number, and who has acknowledged it or, if it is open, how that is done. Nothing for 0. */
void report_write_incident(struct page *p, const struct report *r, int64_t incident, bool is_open,
	const struct report_item *item);

/* RESULT may be NULL. IS_OVER: the values are those of a problem that has passed. */
void report_write_result(struct page *p, const struct result *result, bool is_over);

/* "by ops until 20:14: the disk is ordered", for as long as ITEM has an acknowledgement. */
void report_put_acknowledgement(struct buf *b, const struct report *r, const struct report_item *item);
