/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in a mail and in which order. How it looks is in page-text.c and page-html.c, how it is sent over the
 * wire in mime.c; when there is a mail at all was decided before. */
#include "report-internal.h"

#include <errno.h>

#define LIST_MAX 30 /* rows of one list; the rest is counted */

/* The sentences of this file. */
#define SAY_SILENCED "SILENCED"
#define SAY_WAITING "WAITING"
#define SAY_LATE "LATE"
#define SAY_ALL_OK _("all %zu checks are OK")
#define SAY_ONE_OK _("its one check is OK")
#define SAY_TEST _("This is a test mail of tocsin. As you can read it, mails from %s find their way to this mailbox.")
#define SAY_STARTED _("tocsin now watches %s. It mails an alert when a check fails and another when it is well again.")
#define SAY_REPORT_NUMBER _("Status report %lld, %s.")
#define SAY_REPORT _("Status report, %s.")
#define SAY_PAGE _("As of %s. This page is written anew every minute; if that time is older, look at the host.")
#define SAY_INCIDENT_OVER _("incident %lld, %s, for %s")
#define SAY_INCIDENT_OPEN _("incident %lld, since %s, for %s until now")
#define SAY_NO_INCIDENTS _("There were none.")
#define SAY_INCIDENTS_UNKNOWN _("They are not known just now: the state file did not answer.")
#define SAY_NEXT_NUMBER _(" Report %llu is expected by %s; if it does not come, look at the host.")
#define SAY_NEXT _(" The next report is expected by %s; if it does not come, look at the host.")
#define SAY_NO_CHANGE _("Nothing has changed.")
#define SAY_NEXT_NONE _("none is planned")
#define SAY_LEFT_OUT _("And %zu more: \"%s\" shows all.")
#define SAY_CHART_LEFT_OUT _("%zu chart is not drawn: there would be too many of them. Its numbers stand in its place.")
#define SAY_CHARTS_LEFT_OUT _("%zu charts are not drawn: there would be too many of them. Their numbers stand in their places.")
#define SAY_NOTE C_("note", " (%s)")
#define SAY_UNTIL C_("silence", "until %s")
#define SAY_UNTIL_BY C_("silence", "until %s, by %s")
#define SAY_WRITTEN _("written %s")
#define SAY_WRITTEN_TRIED_ONCE _("written %s, tried %lld time")
#define SAY_WRITTEN_TRIED _("written %s, tried %lld times")
#define SAY_DIGEST_OF_ONE _("This mail takes the place of %zu mail that could not be delivered in time.")
#define SAY_DIGEST _("This mail takes the place of %zu mails that could not be delivered in time.")
#define SAY_DIGEST_ALONE _("This mail sums up what could not be told in time.")
#define SAY_REASON _(" The reason: %s.")
#define SAY_WRITTEN_LATE _("This mail is late. It was written at %s, %s before it could be sent.")
#define SAY_ALL_TESTS _("Nothing has happened. This is a test, asked for with \"tocsin test-alert\"; it goes the way of a " \
			"real alert, and there is nothing to do.")
#define SAY_SOME_TESTS _("What is marked TEST has not happened: it was asked for with \"tocsin test-alert\". The rest of " \
			 "this mail is real.")
#define HEADING_EVENTS _("In this mail")
#define HEADING_HAPPENED _("What happened")
#define HEADING_MERGED _("The mails that could not be delivered in time")
#define HEADING_CHANGES _("Since the last report")
#define HEADING_SILENCES _("Silences in force")
#define HEADING_UNDELIVERED _("Mails not delivered yet")
#define HEADING_OTHERS _("Other checks")
#define HEADING_ALL _("All checks")
#define HEADING_HOST _("Host and monitoring")
#define FIELD_UPTIME C_("field", "Uptime")
#define FIELD_WATCHED C_("field", "Watched since")
#define FIELD_NEXT C_("field", "Next report")
#define FIELD_TIME C_("field", "Time")
#define FIELD_VERSION C_("field", "Sent by")
#define HEADING_INCIDENTS _("Incidents of the last 7 days")
#define COMMAND_INCIDENTS "tocsin incidents"
#define COMMAND_HISTORY "tocsin history"
#define COMMAND_OUTBOX "tocsin outbox"

static void write_footer(struct page *p, const struct report *r)
{
	FORMAT_BUF(uptime);
	FORMAT_BUF(version);

	p->part = PAGE_FOOTER;
	p->ops->heading(p, HEADING_HOST);
	report_write_time(p, FIELD_TIME, r->now_usec);
	format_duration(&uptime, r->uptime_usec);
	p->ops->field(p, FIELD_UPTIME, buf_text(&uptime));
	report_write_time(p, FIELD_WATCHED, r->started_usec);
	if (r->next_report_usec)
		report_write_time(p, FIELD_NEXT, r->next_report_usec);
	else
		p->ops->field(p, FIELD_NEXT, SAY_NEXT_NONE);
	buf_printf(&version, "tocsin %s", r->version);
	p->ops->field(p, FIELD_VERSION, buf_text(&version));
}

/* The host as a whole. */
static void write_state_of_host(struct page *p, const struct report *r)
{
	struct report_numbers c = report_count_items(r);
	enum tocsin_state worst = report_worst(r);
	FORMAT_BUF(text);

	if (worst == TOCSIN_OK && c.looked_at == 1 && !c.waiting)
		buf_puts(&text, SAY_ONE_OK);
	else if (worst == TOCSIN_OK && !c.waiting)
		buf_printf(&text, SAY_ALL_OK, c.looked_at);
	else
		report_counts(&text, r);
	report_write_headline(p, state_name(worst), (int)worst, r->host, NULL, buf_text(&text));
}

/* The absence of a report is the only thing that a host can say when it is down: so each names the next one. */
static void put_expectation(struct buf *b, const struct report *r)
{
	FORMAT_BUF(next);

	if (r->next_report_usec <= 0)
		return;
	format_time(&next, r->next_report_usec);
	if (r->serial > 0)
		buf_printf(b, SAY_NEXT_NUMBER, (unsigned long long)r->serial + 1, buf_text(&next));
	else
		buf_printf(b, SAY_NEXT, buf_text(&next));
}

static void write_intro(struct page *p, enum report_kind kind, const struct report *r)
{
	FORMAT_BUF(time);
	FORMAT_BUF(text);

	format_time(&time, r->now_usec);
	if (kind == REPORT_TEST)
		buf_printf(&text, SAY_TEST, r->host);
	else if (kind == REPORT_STARTED)
		buf_printf(&text, SAY_STARTED, r->host);
	else if (kind == REPORT_PAGE)
		buf_printf(&text, SAY_PAGE, buf_text(&time));
	else if (r->serial)
		buf_printf(&text, SAY_REPORT_NUMBER, (long long)r->serial, buf_text(&time));
	else
		buf_printf(&text, SAY_REPORT, buf_text(&time));
	if (kind == REPORT_STATUS || kind == REPORT_STARTED)
		put_expectation(&text, r);
	p->ops->paragraph(p, buf_text(&text));
}

/* COMMAND shows those of a list that are left out here. */
static void write_left_out(struct page *p, const char *command, size_t n)
{
	FORMAT_BUF(text);

	if (n <= LIST_MAX)
		return;
	buf_printf(&text, SAY_LEFT_OUT, n - LIST_MAX, command);
	p->ops->paragraph(p, buf_text(&text));
}

/* Of a few. */
static const struct report_item *item_of(const struct report_stories *stories, const struct report_event *e)
{
	for (size_t i = 0; i < stories->n; i++)
		for (size_t j = 0; j < stories->items[i].n; j++)
			if (stories->items[i].events[j] == e)
				return stories->items[i].item;
	return NULL;
}

static void write_change(struct page *p, const struct report *r, const struct report_stories *stories,
	const struct report_event *e)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);
	FORMAT_BUF(row);

	report_put_event_label(&label, r, e, item_of(stories, e));
	format_time(&text, e->time_usec);
	report_put_event_row(&row, e);
	put_joined(&text, SAY_COMMA, buf_text(&row));
	if (e->note)
		buf_printf(&text, SAY_NOTE, e->note);
	p->ops->row(p, report_event_word(e), report_event_tone(e), buf_text(&label), buf_text(&text), "");
}

/* Each one in the order of time; if they are many, an item a row. */
static void write_changes(struct page *p, const struct report *r, const struct report_stories *stories)
{
	p->ops->heading(p, HEADING_CHANGES);
	p->part = PAGE_LISTS;
	if (r->n_events == 0)
		p->ops->paragraph(p, SAY_NO_CHANGE);
	for (size_t i = 0; r->n_events <= LIST_MAX && i < r->n_events; i++)
		write_change(p, r, stories, &r->events[i]);
	if (r->n_events <= LIST_MAX)
		return;
	for (size_t i = 0; i < stories->n && i < LIST_MAX; i++)
		report_write_story_row(p, r, &stories->items[i], true);
	write_left_out(p, COMMAND_HISTORY, stories->n);
}

static void write_silences(struct page *p, const struct report *r)
{
	if (r->n_silences)
		p->ops->heading(p, HEADING_SILENCES);
	for (size_t i = 0; i < r->n_silences; i++) {
		const struct report_silence *s = &r->silences[i];
		FORMAT_BUF(time);
		FORMAT_BUF(text);

		format_time(&time, s->until_usec);
		if (s->who && *s->who)
			buf_printf(&text, SAY_UNTIL_BY, buf_text(&time), s->who);
		else
			buf_printf(&text, SAY_UNTIL, buf_text(&time));
		put_joined(&text, ": ", text_or_empty(s->why));
		p->ops->row(p, SAY_SILENCED, PAGE_NEUTRAL, text_or_empty(s->glob), buf_text(&text), "");
	}
}

static void write_mails(struct page *p, const char *heading, const char *word, const struct report_mail *mails, size_t n)
{
	if (n)
		p->ops->heading(p, heading);
	for (size_t i = 0; i < n && i < LIST_MAX; i++) {
		const struct report_mail *m = &mails[i];
		FORMAT_BUF(time);
		FORMAT_BUF(text);

		format_time(&time, m->queued_usec);
		if (m->attempts > 0)
			buf_printf(&text, plural((size_t)m->attempts, SAY_WRITTEN_TRIED_ONCE, SAY_WRITTEN_TRIED), buf_text(&time),
				(long long)m->attempts);
		else
			buf_printf(&text, SAY_WRITTEN, buf_text(&time));
		put_joined(&text, ": ", text_or_empty(m->why));
		p->ops->row(p, word, PAGE_NEUTRAL, text_or_empty(m->subject), buf_text(&text), "");
	}
	write_left_out(p, COMMAND_OUTBOX, n);
}

/* "2026-11-22 03:10, for 12 min: 96 % used" */
static void write_incident(struct page *p, const struct report *r, const struct report_incident *i)
{
	int64_t end = i->closed_usec ? i->closed_usec : r->now_usec;
	FORMAT_BUF(label);
	FORMAT_BUF(text);
	FORMAT_BUF(time);
	FORMAT_BUF(duration);

	report_put_label(&label, i->module, i->check, i->item);
	format_clock(&time, i->opened_usec, r->now_usec);
	format_duration(&duration, span_usec(i->opened_usec, end));
	buf_printf(&text, i->closed_usec ? SAY_INCIDENT_OVER : SAY_INCIDENT_OPEN, (long long)i->number, buf_text(&time),
		buf_text(&duration));
	put_joined(&text, ": ", text_or_empty(i->text));
	p->ops->row(p, state_name(i->worst), i->closed_usec ? PAGE_NEUTRAL : (int)i->worst, buf_text(&label), buf_text(&text), "");
}

static void write_incidents(struct page *p, const struct report *r)
{
	p->ops->heading(p, HEADING_INCIDENTS);
	if (r->has_no_incidents)
		p->ops->paragraph(p, SAY_INCIDENTS_UNKNOWN);
	else if (r->n_incidents == 0)
		p->ops->paragraph(p, SAY_NO_INCIDENTS);
	for (size_t i = 0; i < r->n_incidents && i < LIST_MAX; i++)
		write_incident(p, r, &r->incidents[i]);
	write_left_out(p, COMMAND_INCIDENTS, r->n_incidents);
}

static void write_status(struct page *p, enum report_kind kind, const struct report *r, const struct report_stories *stories)
{
	write_state_of_host(p, r);
	write_intro(p, kind, r);
	report_write_problems(p, r);
	p->part = PAGE_LISTS;
	if (kind == REPORT_STATUS)
		write_changes(p, r, stories);
	else if (kind == REPORT_PAGE)
		write_incidents(p, r);
	write_silences(p, r);
	write_mails(p, HEADING_UNDELIVERED, SAY_WAITING, r->undelivered, r->n_undelivered);
	p->part = PAGE_STATES;
	report_write_items(p, r, HEADING_ALL, NULL);
	report_write_overview(p, r);
}

static void write_alert(struct page *p, const struct report *r, const struct report_stories *stories)
{
	if (stories->n > 1)
		p->ops->heading(p, HEADING_EVENTS);
	for (size_t i = 0; stories->n > 1 && i < stories->n; i++)
		report_write_story_row(p, r, &stories->items[i], false);
	for (size_t i = 0; i < stories->n; i++)
		report_write_story(p, r, &stories->items[i], r->written_usec > 0);
	p->part = PAGE_STATES;
	report_write_items(p, r, HEADING_OTHERS, stories);
}

static void write_digest_intro(struct page *p, const struct report *r, const struct report_stories *stories)
{
	FORMAT_BUF(text);
	FORMAT_BUF(counts);

	if (stories->n) {
		const struct report_event *worst = stories->items[0].last;

		report_put_story_counts(&counts, stories);
		report_write_headline(p, report_event_word(worst), report_event_tone(worst), r->host, NULL, buf_text(&counts));
	}
	if (r->n_merged)
		buf_printf(&text, plural(r->n_merged, SAY_DIGEST_OF_ONE, SAY_DIGEST), r->n_merged);
	else
		buf_puts(&text, SAY_DIGEST_ALONE);
	if (r->late_why)
		buf_printf(&text, SAY_REASON, r->late_why);
	p->ops->paragraph(p, buf_text(&text));
}

/* An item a row; at length only what is not well again. */
static void write_digest(struct page *p, const struct report *r, const struct report_stories *stories)
{
	write_digest_intro(p, r, stories);
	if (stories->n)
		p->ops->heading(p, HEADING_HAPPENED);
	for (size_t i = 0; i < stories->n; i++)
		report_write_story_row(p, r, &stories->items[i], true);
	for (size_t i = 0; i < stories->n; i++)
		if (report_story_part(&stories->items[i]) != REPORT_WELL)
			report_write_story(p, r, &stories->items[i], true);
	p->part = PAGE_LISTS;
	write_mails(p, HEADING_MERGED, SAY_LATE, r->merged, r->n_merged);
	p->part = PAGE_STATES;
	report_write_items(p, r, HEADING_OTHERS, stories);
}

/* ---- what must be known before all else ---- */

static void write_late(struct page *p, const struct report *r)
{
	FORMAT_BUF(time);
	FORMAT_BUF(age);
	FORMAT_BUF(text);

	format_time(&time, r->written_usec);
	format_duration(&age, span_usec(r->written_usec, r->now_usec));
	buf_printf(&text, SAY_WRITTEN_LATE, buf_text(&time), buf_text(&age));
	if (r->late_why)
		buf_printf(&text, SAY_REASON, r->late_why);
	p->ops->remark(p, buf_text(&text));
}

static void write_remarks(struct page *p, enum report_kind kind, const struct report *r)
{
	size_t n_tests = 0;

	for (size_t i = 0; i < r->n_events; i++)
		n_tests += report_event_is_test(&r->events[i]);
	if (n_tests && kind != REPORT_STATUS)
		p->ops->remark(p, n_tests == r->n_events ? SAY_ALL_TESTS : SAY_SOME_TESTS);
	if (r->written_usec > 0 && kind != REPORT_DIGEST)
		write_late(p, r);
	for (size_t i = 0; i < r->n_remarks; i++)
		p->ops->remark(p, r->remarks[i]);
}

/* Header and footer. */
static void write_own(struct page *p, const struct report *r, const char *template)
{
	FORMAT_BUF(text);

	if (!template || !*template)
		return;
	report_put_template(&text, r, template);
	p->ops->paragraph(p, buf_text(&text));
}

static void write_images_left_out(struct page *p, const struct report *r)
{
	FORMAT_BUF(text);

	if (!p->ops->draws || !r->images || r->images->n_left_out == 0)
		return;
	buf_printf(&text, plural(r->images->n_left_out, SAY_CHART_LEFT_OUT, SAY_CHARTS_LEFT_OUT), r->images->n_left_out);
	p->ops->paragraph(p, buf_text(&text));
}

static void write_page(struct buf *b, const struct page_ops *ops, enum report_kind kind, const struct report *r)
{
	_cleanup_stories_ struct report_stories stories = { 0 };
	struct page p = { .ops = ops, .b = b, .start = b->len };
	FORMAT_BUF(subject);

	if (report_stories_make(r, &stories) < 0) {
		b->error = -ENOMEM;
		return;
	}
	report_subject(&subject, kind, r);
	if (subject.error)
		b->error = subject.error;
	ops->begin(&p, buf_text(&subject));
	write_own(&p, r, r->header);
	write_remarks(&p, kind, r);
	if (kind == REPORT_DIGEST)
		write_digest(&p, r, &stories);
	else if (kind == REPORT_ALERT && r->n_events)
		write_alert(&p, r, &stories);
	else
		write_status(&p, kind, r, &stories);
	write_images_left_out(&p, r);
	write_own(&p, r, r->footer);
	write_footer(&p, r);
	ops->end(&p);
}

void report_text(struct buf *b, enum report_kind kind, const struct report *r)
{
	write_page(b, &page_text, kind, r);
}

void report_html(struct buf *b, enum report_kind kind, const struct report *r)
{
	write_page(b, kind == REPORT_PAGE ? &page_html_file : &page_html, kind, r);
}
