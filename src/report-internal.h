/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of report.h share: items, events and their fields. All of it is pure. The state words stay English in
 * every language, so that filters survive; so does RECOVERED. */
#pragma once

#include "clock.h"
#include "page.h"
#include "report.h"
#include "text.h"
#include "units.h"

#define FORMAT_BUF(name) _cleanup_buf_ struct buf name = BUF(SIZE_MAX / 2)

static inline const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static inline const char *plural(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
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

const struct report_item *report_find_item(const struct report *r, const char *check, const char *item);

/* "disk /", "process web", "load": the module says what kind of thing it is, the item which one. The name of the
 * check stands in the body, unless it is the item's too. */
void report_put_label(struct buf *b, const char *module, const char *check, const char *item);

/* Items that are not well, at length. */
void report_write_problems(struct page *p, const struct report *r);

/* A line for each item, the worst first; with WITHOUT_EVENTS only for those that this mail is not about. */
void report_write_items(struct page *p, const struct report *r, const char *heading, bool without_events);

/* ---- events: report-event.c ---- */

bool report_event_is_recovery(const struct report_event *e);
enum tocsin_state report_event_state(const struct report_event *e);
const char *report_event_word(const struct report_event *e);
void report_put_event_label(struct buf *b, const struct report *r, const struct report_event *e);

/* One sentence: what the look gave, and what that means for what was before. */
void report_put_event_text(struct buf *b, const struct report_event *e);
void report_put_event_duration(struct buf *b, const struct report_event *e);

void report_write_event(struct page *p, const struct report *r, const struct report_event *e);
void report_write_event_row(struct page *p, const struct report *r, const struct report_event *e, bool with_time);

/* ---- fields of a block: report-field.c ---- */

void report_write_headline(struct page *p, const struct report *r, const char *word, int tone, const char *label,
	const char *text);
void report_write_time(struct page *p, const char *name, int64_t usec);

/* With how long ago that was. Nothing for 0. */
void report_write_since(struct page *p, const char *name, int64_t since_usec, int64_t now_usec);

void report_write_check(struct page *p, const struct report_item *item, const char *check);
void report_write_incident(struct page *p, int64_t incident);
void report_write_result(struct page *p, const struct result *result);
