/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thing that happened: its word, its sentence, at length and in a row. */
#include "report-internal.h"

/* The sentences of this file. */
#define SAY_RECOVERED "RECOVERED"
#define SAY_LOOK "look"
#define SAY_LOOKS "looks"
#define SAY_AFTER "after %s"
#define SAY_EASED "was %s: %s"
#define SAY_SEEN_AGAIN "can be looked at again: %s"
#define SAY_BY_LOOKS "%s, by %lld %s in %s"
#define SAY_BY_LOOK "%s, by %lld %s"
#define SAY_ENDED "%s, after %s"
#define SAY_BLIND "tocsin could not look, so it does not know whether this is well. A problem that was open before stays " \
		  "open."
#define FIELD_SINCE "Since"
#define FIELD_CONFIRMED "Confirmed"
#define FIELD_BEFORE "Before"
#define FIELD_PROBLEM_SINCE "Failed"
#define FIELD_RECOVERED "Recovered"

void report_put_event_label(struct buf *b, const struct report *r, const struct report_event *e)
{
	const struct report_item *item = report_find_item(r, e->check, e->item);

	report_put_label(b, item ? item->module : NULL, e->check, e->item);
}

bool report_event_is_recovery(const struct report_event *e)
{
	return e->event == ALERT_RECOVERED;
}

enum tocsin_state report_event_state(const struct report_event *e)
{
	if (report_event_is_recovery(e))
		return TOCSIN_OK;
	return e->event == ALERT_BLIND ? TOCSIN_UNKNOWN : e->to;
}

const char *report_event_word(const struct report_event *e)
{
	return report_event_is_recovery(e) ? SAY_RECOVERED : state_name(report_event_state(e));
}

void report_put_event_text(struct buf *b, const struct report_event *e)
{
	const char *text = text_or_empty(e->text);

	switch (e->event) {
	case ALERT_EASED:
		buf_printf(b, SAY_EASED, state_name(e->from), text);
		break;
	case ALERT_SEEN_AGAIN:
		buf_printf(b, SAY_SEEN_AGAIN, text);
		break;
	default:
		buf_puts(b, text);
	}
}

void report_put_event_duration(struct buf *b, const struct report_event *e)
{
	format_duration(b, e->time_usec > e->since_usec ? e->time_usec - e->since_usec : 0);
}

/* "2026-11-23 20:14:05 +0800, by 3 looks in 40 s" */
static void write_confirmation(struct page *p, const struct report_event *e)
{
	FORMAT_BUF(time);
	FORMAT_BUF(duration);
	FORMAT_BUF(value);
	const char *looks = plural((size_t)e->looks, SAY_LOOK, SAY_LOOKS);

	format_time(&time, e->time_usec);
	report_put_event_duration(&duration, e);
	if (e->looks > 1 && !report_event_is_recovery(e))
		buf_printf(&value, SAY_BY_LOOKS, buf_text(&time), (long long)e->looks, looks, buf_text(&duration));
	else if (e->looks > 0)
		buf_printf(&value, SAY_BY_LOOK, buf_text(&time), (long long)e->looks, looks);
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

static void write_recovery_time(struct page *p, const struct report_event *e)
{
	FORMAT_BUF(time);
	FORMAT_BUF(duration);
	FORMAT_BUF(value);

	format_time(&time, e->time_usec);
	report_put_event_duration(&duration, e);
	buf_printf(&value, SAY_ENDED, buf_text(&time), buf_text(&duration));
	p->ops->field(p, FIELD_RECOVERED, buf_text(&value));
}

void report_write_event(struct page *p, const struct report *r, const struct report_event *e)
{
	const struct report_item *item = report_find_item(r, e->check, e->item);
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	report_put_event_label(&label, r, e);
	report_put_event_text(&text, e);
	p->is_detail = true;
	report_write_headline(p, r, report_event_word(e), (int)report_event_state(e), buf_text(&label), buf_text(&text));
	if (report_event_is_recovery(e)) {
		report_write_time(p, FIELD_PROBLEM_SINCE, e->since_usec);
		write_recovery_time(p, e);
	} else {
		report_write_since(p, FIELD_SINCE, e->since_usec, r->now_usec);
		write_confirmation(p, e);
	}
	write_before(p, e, item);
	report_write_check(p, item, e->check);
	report_write_incident(p, e->incident);
	if (e->event == ALERT_BLIND)
		p->ops->paragraph(p, SAY_BLIND);
	report_write_result(p, e->result);
	p->is_detail = false;
}

void report_write_event_row(struct page *p, const struct report *r, const struct report_event *e, bool with_time)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	report_put_event_label(&label, r, e);
	if (with_time) {
		format_time(&text, e->time_usec);
		buf_puts(&text, ", ");
	}
	if (report_event_is_recovery(e)) {
		FORMAT_BUF(duration);

		report_put_event_duration(&duration, e);
		buf_printf(&text, SAY_AFTER, buf_text(&duration));
	} else {
		report_put_event_text(&text, e);
	}
	p->ops->row(p, report_event_word(e), (int)report_event_state(e), buf_text(&label), buf_text(&text));
}
