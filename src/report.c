/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in a mail and in which order. How it looks is in page-text.c and page-html.c, how it is sent over the
 * wire in mime.c; when there is a mail at all was decided before. */
#include "report-internal.h"

/* The sentences of this file. */
#define SAY_CHECKS "checks"
#define SAY_ALL_OK "all %zu %s are OK"
#define SAY_ONE_OK "its one check is OK"
#define SAY_TEST "This is a test mail of tocsin. As you can read it, mails from %s find their way to this mailbox."
#define SAY_STARTED "tocsin now watches %s. It mails an alert when a check fails and another when it is well again."
#define SAY_REPORT_NUMBER "Status report %lld, %s."
#define SAY_REPORT "Status report, %s."
#define SAY_NO_CHANGE "Nothing has changed."
#define SAY_NEXT_NONE "none is planned"
#define HEADING_EVENTS "In this mail"
#define HEADING_CHANGES "Since the last report"
#define HEADING_OTHERS "Other checks"
#define HEADING_ALL "All checks"
#define HEADING_HOST "Host and monitoring"
#define FIELD_UPTIME "Uptime"
#define FIELD_WATCHED "Watched since"
#define FIELD_NEXT "Next report"
#define FIELD_TIME "Time"
#define FIELD_VERSION "Sent by"

static void write_footer(struct page *p, const struct report *r)
{
	FORMAT_BUF(uptime);
	FORMAT_BUF(version);

	p->is_footer = true;
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
		buf_printf(&text, SAY_ALL_OK, c.looked_at, SAY_CHECKS);
	else
		report_counts(&text, r);
	p->ops->headline(p, state_name(worst), (int)worst, r->host, buf_text(&text));
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
	else if (r->serial)
		buf_printf(&text, SAY_REPORT_NUMBER, (long long)r->serial, buf_text(&time));
	else
		buf_printf(&text, SAY_REPORT, buf_text(&time));
	p->ops->paragraph(p, buf_text(&text));
}

static void write_changes(struct page *p, const struct report *r)
{
	p->ops->heading(p, HEADING_CHANGES);
	if (r->n_events == 0)
		p->ops->paragraph(p, SAY_NO_CHANGE);
	p->is_summary = true;
	for (size_t i = 0; i < r->n_events; i++)
		report_write_event_row(p, r, &r->events[i], true);
	p->is_summary = false;
}

static void write_status(struct page *p, enum report_kind kind, const struct report *r)
{
	write_state_of_host(p, r);
	write_intro(p, kind, r);
	report_write_problems(p, r);
	if (kind == REPORT_STATUS)
		write_changes(p, r);
	report_write_items(p, r, HEADING_ALL, false);
}

static void write_event_summary(struct page *p, const struct report *r, const struct report_event *e)
{
	report_write_event_row(p, r, e, false);
}

static void write_events_by_rank(struct page *p, const struct report *r,
	void (*write)(struct page *p, const struct report *r, const struct report_event *e))
{
	for (int rank = 0; rank < 4; rank++)
		for (size_t i = 0; i < r->n_events; i++)
			if (state_rank(report_event_state(&r->events[i])) == rank)
				write(p, r, &r->events[i]);
}

static void write_alert(struct page *p, const struct report *r)
{
	if (r->n_events > 1) {
		p->ops->heading(p, HEADING_EVENTS);
		p->is_summary = true;
		write_events_by_rank(p, r, write_event_summary);
		p->is_summary = false;
	}
	write_events_by_rank(p, r, report_write_event);
	report_write_items(p, r, HEADING_OTHERS, true);
}

static void write_page(struct buf *b, const struct page_ops *ops, enum report_kind kind, const struct report *r)
{
	struct page p = { .ops = ops, .b = b, .start = b->len };
	FORMAT_BUF(subject);

	report_subject(&subject, kind, r);
	ops->begin(&p, buf_text(&subject));
	for (size_t i = 0; i < r->n_remarks; i++)
		ops->remark(&p, r->remarks[i]);
	if (kind == REPORT_ALERT && r->n_events)
		write_alert(&p, r);
	else
		write_status(&p, kind, r);
	write_footer(&p, r);
	ops->end(&p);
}

void report_text(struct buf *b, enum report_kind kind, const struct report *r)
{
	write_page(b, &page_text, kind, r);
}

void report_html(struct buf *b, enum report_kind kind, const struct report *r)
{
	write_page(b, &page_html, kind, r);
}
