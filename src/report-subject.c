/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line that fits: what happened, worst first, with the longest names cut. */
#include "report-internal.h"

#include <errno.h>
#include <string.h>

#define SUBJECT_COLUMNS 78
#define LABEL_COLUMNS 36 /* in a subject about one item */
#define LABEL_COLUMNS_MIN 12
#define LABEL_COLUMNS_IN_LIST 26
#define TEXT_COLUMNS_MIN 8 /* fewer tell nothing */

/* The sentences of this file. */
#define SAY_INCIDENT _(": incident %lld")
#define SAY_PROBLEM _("%zu problem")
#define SAY_PROBLEMS _("%zu problems")
#define SAY_NOTICE _("%zu notice")
#define SAY_NOTICES _("%zu notices")
#define SAY_RECOVERED _("%zu recovered")
#define SAY_MORE _("%zu more")
#define SAY_AND_MORE _(", %zu more")
#define SAY_SUBJECT_STATUS _("status %s")
#define SAY_SUBJECT_OF_ONE _("status %s: %zu of %zu check: ")
#define SAY_SUBJECT_OF _("status %s: %zu of %zu checks: ")
#define SAY_SUBJECT_STARTED _("monitoring started: %s")
#define SAY_SUBJECT_RESTARTED _("host restarted")
#define SAY_SUBJECT_CRASHED _("tocsin restarted")
#define SAY_SUBJECT_SEVERAL C_("counts, before a list", "%s: ")
#define SAY_SUBJECT_DIGEST _("digest: ")
#define SAY_SUBJECT_MAIL _("%zu late mail")
#define SAY_SUBJECT_MAILS _("%zu late mails")

/* "CRITICAL disk /, process web, WARNING load and 3 more", as far as the columns reach. */
struct list {
	struct buf *b;
	const char *word; /* of the entry before */
	size_t n, n_left_out;
};

/* The first name is cut further rather than left out. */
static size_t label_columns(const struct list *l, size_t used)
{
	if (l->n || l->n_left_out || used + LABEL_COLUMNS_MIN > SUBJECT_COLUMNS || used + LABEL_COLUMNS_IN_LIST <= SUBJECT_COLUMNS)
		return LABEL_COLUMNS_IN_LIST;
	return SUBJECT_COLUMNS - used;
}

/* What stands behind the last entry of a list that is too long has as many columns. */
static size_t columns_of_more(void)
{
	FORMAT_BUF(more);

	buf_printf(&more, SAY_AND_MORE, (size_t)123);
	return text_columns(buf_text(&more));
}

static void list_add(struct list *l, const char *word, const char *label, bool is_last)
{
	FORMAT_BUF(entry);
	size_t used = text_columns(buf_text(l->b)) + (is_last && !l->n_left_out ? 0 : columns_of_more());

	buf_puts(&entry, l->n ? SAY_AND : "");
	if (!text_equal(word, l->word))
		buf_printf(&entry, "%s ", word);
	report_put_fitted(&entry, label, label_columns(l, used + text_columns(buf_text(&entry))));
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
		buf_printf(l->b, l->n ? SAY_AND_MORE : SAY_MORE, l->n_left_out);
}

/* What a template of the administrator's says of the host. */
static const char *host_state(const struct report *r)
{
	return state_name(r->n_items ? report_worst(r) : TOCSIN_UNKNOWN);
}

void report_put_template(struct buf *b, const struct report *r, const char *template)
{
	report_fill_template(b, r, host_state(r), template);
}

/* For mail readers that put into one thread what has one subject. */
static bool is_one_incident(const struct report *r, const struct report_stories *stories)
{
	const struct report_event *e = stories->items[0].last;

	return r->has_stable_subject && stories->n == 1 && e->incident && e->item && !report_event_is_test(e);
}

static void subject_stable(struct buf *b, const struct report *r, const struct report_story *s)
{
	FORMAT_BUF(label);

	report_put_event_label(&label, r, s->last, s->item);
	report_put_fitted(b, buf_text(&label), LABEL_COLUMNS_IN_LIST);
	buf_printf(b, SAY_INCIDENT, (long long)s->last->incident);
}

static void subject_status(struct buf *b, const struct report *r)
{
	struct report_numbers c = report_count_items(r);
	const char *worst = state_name(report_worst(r));
	size_t n_bad = c.looked_at - c.of[TOCSIN_OK], n = 0;
	struct list l = { .b = b, .word = worst };
	FORMAT_BUF(counts);

	if (n_bad == 0) {
		report_counts(&counts, r);
		buf_printf(b, SAY_SUBJECT_STATUS, buf_text(&counts));
		return;
	}
	buf_printf(b, plural(c.looked_at, SAY_SUBJECT_OF_ONE, SAY_SUBJECT_OF), worst, n_bad, c.looked_at);
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

/* Both ends of the sentence tell more than its middle, and the name gives way to what befell it. */
static void subject_one(struct buf *b, const struct report *r, const struct report_story *s)
{
	FORMAT_BUF(label);
	FORMAT_BUF(tail);
	FORMAT_BUF(text);

	report_put_event_title(b, s->last);
	report_put_event_label(&label, r, s->last, s->item);
	report_put_story_tail(&tail, s);
	report_put_story_text(&text, s);
	size_t used = text_columns(buf_text(b)) + 1 + text_columns(buf_text(&tail)) + 1;
	size_t room = SUBJECT_COLUMNS - LABEL_COLUMNS_MIN > used ? SUBJECT_COLUMNS - used : LABEL_COLUMNS_MIN;
	buf_putc(b, ' ');
	report_put_fitted(b, buf_text(&label), room < LABEL_COLUMNS ? room : LABEL_COLUMNS);
	put_joined(b, " ", buf_text(&tail));
	used = text_columns(buf_text(b)) + 2;
	if (report_event_is_recovery(s->last) || s->last->event == ALERT_ESCALATED || text.len == 0 ||
		used + TEXT_COLUMNS_MIN > SUBJECT_COLUMNS)
		return;
	buf_puts(b, ": ");
	report_put_fitted(b, buf_text(&text), SUBJECT_COLUMNS - used);
}

/* NULL: it tells of no restart. */
static const char *restart_phrase(const struct report_story *s)
{
	return s->last->event == ALERT_RESTARTED ? SAY_SUBJECT_RESTARTED :
		s->last->event == ALERT_CRASHED  ? SAY_SUBJECT_CRASHED :
						   NULL;
}

static void subject_restarted(struct buf *b, const struct report_story *s)
{
	buf_puts(b, restart_phrase(s));
	put_joined(b, SAY_COMMA, text_or_empty(s->last->text));
}

static bool is_restart(const struct report_story *s)
{
	return restart_phrase(s) != NULL;
}

/* The host is no item of the list. */
static void list_stories(struct buf *b, const struct report *r, const struct report_stories *stories)
{
	struct list l = { .b = b };
	size_t left = 0;

	for (size_t i = 0; i < stories->n; i++)
		left += !is_restart(&stories->items[i]);
	for (size_t i = 0; i < stories->n; i++) {
		const struct report_event *e = stories->items[i].last;
		FORMAT_BUF(label);

		if (is_restart(&stories->items[i]))
			continue;
		report_put_event_label(&label, r, e, stories->items[i].item);
		list_add(&l, report_event_word(e), buf_text(&label), --left == 0);
	}
	list_end(&l);
}

static void put_count(struct buf *b, enum report_part part, size_t n)
{
	if (part == REPORT_PROBLEM)
		buf_printf(b, plural(n, SAY_PROBLEM, SAY_PROBLEMS), n);
	else if (part == REPORT_NOTICE)
		buf_printf(b, plural(n, SAY_NOTICE, SAY_NOTICES), n);
	else
		buf_printf(b, SAY_RECOVERED, n);
}

/* "2 problems, 1 recovered, host restarted" */
void report_put_story_counts(struct buf *b, const struct report_stories *stories)
{
	size_t n[REPORT_WELL + 1] = { 0 };
	const char *restarted = NULL;
	const char *and = "";

	for (size_t i = 0; i < stories->n; i++) {
		restarted = is_restart(&stories->items[i]) ? restart_phrase(&stories->items[i]) : restarted;
		n[report_story_part(&stories->items[i])] += !is_restart(&stories->items[i]);
	}
	for (enum report_part part = REPORT_PROBLEM; part <= REPORT_WELL; part++) {
		if (n[part] == 0)
			continue;
		buf_puts(b, and);
		put_count(b, part, n[part]);
		and = SAY_AND;
	}
	if (restarted)
		buf_printf(b, "%s%s", and, restarted);
}

static void subject_several(struct buf *b, const struct report *r, const struct report_stories *stories)
{
	FORMAT_BUF(counts);

	report_put_story_counts(&counts, stories);
	buf_printf(b, SAY_SUBJECT_SEVERAL, buf_text(&counts));
	list_stories(b, r, stories);
}

static void subject_stories(struct buf *b, const struct report *r, bool is_alert)
{
	_cleanup_stories_ struct report_stories stories = { 0 };

	if (report_stories_make(r, &stories) < 0)
		b->error = -ENOMEM;
	else if (is_alert && is_one_incident(r, &stories))
		subject_stable(b, r, &stories.items[0]);
	else if (stories.n > 1)
		subject_several(b, r, &stories);
	else if (is_restart(&stories.items[0]))
		subject_restarted(b, &stories.items[0]);
	else
		subject_one(b, r, &stories.items[0]);
}

static void subject_digest(struct buf *b, const struct report *r)
{
	buf_puts(b, SAY_SUBJECT_DIGEST);
	if (r->n_events)
		subject_stories(b, r, false);
	else
		buf_printf(b, plural(r->n_merged, SAY_SUBJECT_MAIL, SAY_SUBJECT_MAILS), r->n_merged);
}

void report_subject(struct buf *b, enum report_kind kind, const struct report *r)
{
	size_t begin = b->len;
	FORMAT_BUF(line);
	FORMAT_BUF(counts);

	report_put_prefix(&line, r, host_state(r));
	if (kind == REPORT_TEST) {
		report_put_test(&line);
	} else if (kind == REPORT_STARTED) {
		report_counts(&counts, r);
		buf_printf(&line, SAY_SUBJECT_STARTED, buf_text(&counts));
	} else if (kind == REPORT_DIGEST) {
		subject_digest(&line, r);
	} else if (kind == REPORT_STATUS || r->n_events == 0) {
		subject_status(&line, r);
	} else {
		subject_stories(&line, r, true);
	}
	if (line.error)
		b->error = line.error;
	/* What is too long now has fixed parts only ("…, 3 not looked at yet"). */
	report_put_fitted(b, buf_text(&line), SUBJECT_COLUMNS);
	if (b->len == begin && !b->error)
		b->error = -ENOMEM;
}
