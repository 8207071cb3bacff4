/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of a block about one item, and the values and evidence of a look. */
#include "report-internal.h"

#include <math.h>

/* The sentences of this file. */
#define SAY_ON_HOST C_("item, host", "%s on %s")
#define SAY_SINCE _("%s, %s ago")
#define SAY_IS_MODULE _("%s (module %s)")
#define SAY_EVERY _(", looked at every %s")
#define SAY_LIMITS_BOTH _("%s (warning at %s, critical at %s)")
#define SAY_LIMIT_WARNING _("%s (warning at %s)")
#define SAY_LIMIT_CRITICAL _("%s (critical at %s)")
#define SAY_OF_MAXIMUM C_("value, maximum", "%s of %s")
#define SAY_BY_UNTIL _("by %s until %s")
#define SAY_BY_WHILE_IT_LASTS _("by %s while it lasts")
#define COMMAND_ACKNOWLEDGE "tocsin ack %lld"
#define HEADING_VALUES _("Values")
#define HEADING_VALUES_THEN _("Values when it failed")
#define FIELD_CHECK C_("field", "Check")
#define FIELD_INCIDENT C_("field", "Incident")
#define FIELD_ACKNOWLEDGE C_("field", "Acknowledge")
#define FIELD_ACKNOWLEDGED C_("field", "Acknowledged")

/* "93.4 GiB of 98.1 GiB (warning at 80 GiB, critical at 90 GiB)" */
static void put_metric(struct buf *b, const struct metric *m)
{
	FORMAT_BUF(value);
	FORMAT_BUF(warning);
	FORMAT_BUF(critical);

	format_value(&warning, m->warning, m->unit);
	format_value(&critical, m->critical, m->unit);
	format_value(&value, m->value, m->unit);
	if (isfinite(m->max) && !text_equal(m->unit, "%")) {
		FORMAT_BUF(maximum);
		FORMAT_BUF(both);

		format_value(&maximum, m->max, m->unit);
		buf_printf(&both, SAY_OF_MAXIMUM, buf_text(&value), buf_text(&maximum));
		buf_clear(&value);
		buf_puts(&value, buf_text(&both));
	}
	if (isfinite(m->warning) && isfinite(m->critical))
		buf_printf(b, SAY_LIMITS_BOTH, buf_text(&value), buf_text(&warning), buf_text(&critical));
	else if (isfinite(m->warning))
		buf_printf(b, SAY_LIMIT_WARNING, buf_text(&value), buf_text(&warning));
	else if (isfinite(m->critical))
		buf_printf(b, SAY_LIMIT_CRITICAL, buf_text(&value), buf_text(&critical));
	else
		buf_puts(b, buf_text(&value));
}

void report_write_result(struct page *p, const struct result *result, bool is_over)
{
	if (!result)
		return;
	if (result->n_metrics)
		p->ops->subheading(p, is_over ? HEADING_VALUES_THEN : HEADING_VALUES);
	for (size_t i = 0; i < result->n_metrics; i++) {
		FORMAT_BUF(value);

		put_metric(&value, &result->metrics[i]);
		p->ops->field(p, result->metrics[i].name, buf_text(&value));
	}
	for (size_t i = 0; i < result->n_evidence; i++)
		p->ops->evidence(p, result->evidence[i].title, result->evidence[i].text);
}

void report_write_time(struct page *p, const char *name, int64_t usec)
{
	FORMAT_BUF(value);

	format_time(&value, usec);
	p->ops->field(p, name, buf_text(&value));
}

void report_write_since(struct page *p, const char *name, int64_t since_usec, int64_t now_usec)
{
	FORMAT_BUF(time);
	FORMAT_BUF(age);
	FORMAT_BUF(value);

	if (since_usec <= 0)
		return;
	format_time(&time, since_usec);
	format_duration(&age, span_usec(since_usec, now_usec));
	buf_printf(&value, SAY_SINCE, buf_text(&time), buf_text(&age));
	p->ops->field(p, name, buf_text(&value));
}

void report_write_check(struct page *p, const struct report_item *item, const char *check)
{
	FORMAT_BUF(value);

	if (item && item->module && *item->module)
		buf_printf(&value, SAY_IS_MODULE, check, item->module);
	else
		buf_puts(&value, check);
	if (item && item->interval_usec > 0) {
		FORMAT_BUF(interval);

		format_duration(&interval, item->interval_usec);
		buf_printf(&value, SAY_EVERY, buf_text(&interval));
	}
	p->ops->field(p, FIELD_CHECK, buf_text(&value));
}

void report_put_acknowledgement(struct buf *b, const struct report *r, const struct report_item *item)
{
	if (item->ack_until_usec > 0 && item->ack_until_usec < USEC_NEVER) {
		FORMAT_BUF(until);

		format_clock(&until, item->ack_until_usec, r->now_usec);
		buf_printf(b, SAY_BY_UNTIL, item->ack_who, buf_text(&until));
	} else {
		buf_printf(b, SAY_BY_WHILE_IT_LASTS, item->ack_who);
	}
	put_joined(b, ": ", text_or_empty(item->ack_why));
}

void report_write_incident(struct page *p, const struct report *r, int64_t incident, bool is_open,
	const struct report_item *item)
{
	FORMAT_BUF(number);
	FORMAT_BUF(value);

	if (incident == 0)
		return;
	buf_printf(&number, "%lld", (long long)incident);
	p->ops->field(p, FIELD_INCIDENT, buf_text(&number));
	if (is_open && item && item->ack_who) {
		report_put_acknowledgement(&value, r, item);
		p->ops->field(p, FIELD_ACKNOWLEDGED, buf_text(&value));
	} else if (is_open) {
		buf_printf(&value, COMMAND_ACKNOWLEDGE, (long long)incident);
		p->ops->field(p, FIELD_ACKNOWLEDGE, buf_text(&value));
	}
}

void report_write_headline(struct page *p, const char *word, int tone, const char *label, const char *host,
	const char *text)
{
	FORMAT_BUF(whole);

	if (host)
		buf_printf(&whole, SAY_ON_HOST, label, host);
	else
		buf_puts(&whole, label);
	p->ops->headline(p, word, tone, buf_text(&whole), text);
}
