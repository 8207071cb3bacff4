/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line that fits: what happened, worst first, with the longest names cut. */
#include "report-internal.h"

#include <string.h>

#define SUBJECT_COLUMNS 78
#define HOST_COLUMNS 26
#define LABEL_COLUMNS 36 /* in a subject about one item */
#define LABEL_COLUMNS_IN_LIST 26

/* The sentences of this file. */
#define SAY_CHECK "check"
#define SAY_CHECKS "checks"
#define SAY_PROBLEM "problem"
#define SAY_PROBLEMS "problems"
#define SAY_N_RECOVERED "%zu recovered"
#define SAY_MORE "%zu more"
#define SAY_AFTER "after %s"
#define SAY_SUBJECT_STATUS "status "
#define SAY_SUBJECT_OF "%s: %zu of %zu %s: "
#define SAY_SUBJECT_STARTED "monitoring started: "
#define SAY_SUBJECT_TEST "test mail"

static size_t character_length(const char *text, size_t *ret_columns)
{
	char one[5] = { 0 };
	size_t n = utf8_next(text, strlen(text), NULL);

	memcpy(one, text, n ? n : 1);
	*ret_columns = text_columns(one);
	return n ? n : 1;
}

/* Bytes of the longest beginning of TEXT that has at most COLUMNS. */
static size_t length_of_columns(const char *text, size_t columns)
{
	size_t len = 0;

	while (text[len]) {
		size_t width, n = character_length(text + len, &width);

		if (width > columns)
			break;
		columns -= width;
		len += n;
	}
	return len;
}

/* TEXT cleaned, and cut in its middle when it has more than COLUMNS: both ends tell more. */
static void put_fitted(struct buf *b, const char *text, size_t columns)
{
	FORMAT_BUF(cleaned);

	text_clean(&cleaned, text, 1000);
	const char *all = buf_text(&cleaned);
	size_t total = text_columns(all);
	if (total <= columns || columns == 0) {
		buf_puts(b, columns ? all : "");
		return;
	}

	size_t head = length_of_columns(all, (columns - 1) * 2 / 3), tail = head, width;
	buf_append(b, all, head);
	buf_puts(b, "…");
	total -= text_columns(all) - text_columns(all + head);
	while (total > (columns - 1) - (columns - 1) * 2 / 3 && all[tail]) {
		tail += character_length(all + tail, &width);
		total -= width;
	}
	/* Not with a combining character, which would now stand on the "…". */
	for (size_t n; all[tail] && (n = character_length(all + tail, &width), width == 0);)
		tail += n;
	buf_puts(b, all + tail);
}

/* "CRITICAL disk /, process web, WARNING load and 3 more", as far as the columns reach. */
struct list {
	struct buf *b;
	const char *word; /* of the entry before */
	size_t n, n_left_out;
};

static void list_add(struct list *l, const char *word, const char *label, bool is_last)
{
	FORMAT_BUF(entry);
	/* Room for ", 123 more" behind it. */
	size_t used = text_columns(buf_text(l->b)) + (is_last && !l->n_left_out ? 0 : 10);

	buf_puts(&entry, l->n ? ", " : "");
	if (!text_equal(word, l->word))
		buf_printf(&entry, "%s ", word);
	put_fitted(&entry, label, LABEL_COLUMNS_IN_LIST);
	if (l->n_left_out || used + text_columns(buf_text(&entry)) > SUBJECT_COLUMNS) {
		l->n_left_out++;
		return;
	}
	buf_puts(l->b, buf_text(&entry));
	l->word = word;
	l->n++;
}

static void list_end(struct list *l)
{
	if (l->n_left_out)
		buf_printf(l->b, "%s" SAY_MORE, l->n ? ", " : "", l->n_left_out);
}

static void put_host(struct buf *b, const struct report *r)
{
	buf_putc(b, '[');
	put_fitted(b, r->host, HOST_COLUMNS);
	buf_puts(b, "] ");
}

static void subject_status(struct buf *b, const struct report *r)
{
	struct report_numbers c = report_count_items(r);
	const char *worst = state_name(report_worst(r));
	size_t n_bad = c.looked_at - c.of[TOCSIN_OK], n = 0;
	struct list l = { .b = b, .word = worst };

	buf_puts(b, SAY_SUBJECT_STATUS);
	if (n_bad == 0) {
		report_counts(b, r);
		return;
	}
	buf_printf(b, SAY_SUBJECT_OF, worst, n_bad, c.looked_at, plural(c.looked_at, SAY_CHECK, SAY_CHECKS));
	for (int rank = 0; rank < state_rank(TOCSIN_OK); rank++) {
		for (size_t i = 0; i < r->n_items; i++) {
			const struct report_item *item = &r->items[i];
			FORMAT_BUF(label);

			if (!report_item_is_looked_at(item) || state_rank(report_item_state(item)) != rank)
				continue;
			report_put_label(&label, item->module, item->check, item->item);
			list_add(&l, state_name(report_item_state(item)), buf_text(&label), ++n == n_bad);
		}
	}
	list_end(&l);
}

static void subject_one_event(struct buf *b, const struct report *r, const struct report_event *e)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	report_put_event_label(&label, r, e);
	buf_printf(b, "%s ", report_event_word(e));
	put_fitted(b, buf_text(&label), LABEL_COLUMNS);
	if (report_event_is_recovery(e)) {
		FORMAT_BUF(duration);

		report_put_event_duration(&duration, e);
		buf_printf(&text, SAY_AFTER, buf_text(&duration));
	} else {
		report_put_event_text(&text, e);
	}
	size_t used = text_columns(buf_text(b)) + 2;
	if (text.len == 0 || used + 8 > SUBJECT_COLUMNS)
		return;
	buf_puts(b, report_event_is_recovery(e) ? " " : ": ");
	put_fitted(b, buf_text(&text), SUBJECT_COLUMNS - used);
}

static void subject_events(struct buf *b, const struct report *r)
{
	size_t n_recovered = 0, n = 0;
	struct list l = { .b = b };

	for (size_t i = 0; i < r->n_events; i++)
		n_recovered += report_event_state(&r->events[i]) == TOCSIN_OK;
	size_t n_problems = r->n_events - n_recovered;
	if (n_problems)
		buf_printf(b, "%zu %s", n_problems, plural(n_problems, SAY_PROBLEM, SAY_PROBLEMS));
	if (n_recovered)
		buf_printf(b, "%s" SAY_N_RECOVERED, n_problems ? ", " : "", n_recovered);
	buf_puts(b, ": ");
	for (int rank = 0; rank < 4; rank++) {
		for (size_t i = 0; i < r->n_events; i++) {
			FORMAT_BUF(label);

			if (state_rank(report_event_state(&r->events[i])) != rank)
				continue;
			report_put_event_label(&label, r, &r->events[i]);
			list_add(&l, report_event_word(&r->events[i]), buf_text(&label), ++n == r->n_events);
		}
	}
	list_end(&l);
}

void report_subject(struct buf *b, enum report_kind kind, const struct report *r)
{
	FORMAT_BUF(line);

	put_host(&line, r);
	if (kind == REPORT_TEST) {
		buf_puts(&line, SAY_SUBJECT_TEST);
	} else if (kind == REPORT_STARTED) {
		buf_puts(&line, SAY_SUBJECT_STARTED);
		report_counts(&line, r);
	} else if (kind == REPORT_STATUS || r->n_events == 0) {
		subject_status(&line, r);
	} else if (r->n_events == 1) {
		subject_one_event(&line, r, &r->events[0]);
	} else {
		subject_events(&line, r);
	}
	/* What is too long now has fixed parts only ("…, 3 not looked at yet"). */
	put_fitted(b, buf_text(&line), SUBJECT_COLUMNS);
}
