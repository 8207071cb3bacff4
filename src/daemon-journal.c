/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has happened, as entries of the journal with fields; the kinds of entries are in message-id.h. */
#include "event.h"

#include "log.h"
#include "message-id.h"

#define VALUES_MAX 16 /* metrics that an entry has */

static const char *const message_ids[ALERT_EVENTS] = {
	[ALERT_PROBLEM] = MESSAGE_FAILS,
	[ALERT_WORSE] = MESSAGE_FAILS,
	[ALERT_EASED] = MESSAGE_FAILS,
	[ALERT_BLIND] = MESSAGE_BLIND,
	[ALERT_SEEN_AGAIN] = MESSAGE_WELL,
	[ALERT_RECOVERED] = MESSAGE_WELL,
	[ALERT_RELAPSED] = MESSAGE_FAILS,
	[ALERT_UNSTABLE] = MESSAGE_CHANGES,
	[ALERT_STEADY] = MESSAGE_CHANGES,
	[ALERT_LATE] = MESSAGE_FAILS,
	[ALERT_REMINDER] = MESSAGE_FAILS,
	[ALERT_ESCALATED] = MESSAGE_FAILS,
	[ALERT_ACKNOWLEDGED] = MESSAGE_NOTED,
	[ALERT_SILENCED] = MESSAGE_NOTED,
	[ALERT_REMOVED] = MESSAGE_NOTED,
	[ALERT_RESTARTED] = MESSAGE_RESTARTED,
	[ALERT_TEST] = MESSAGE_NOTED,
};

/* "used=96.2%" for each metric, which are several fields VALUE. */
static size_t add_values(const struct result *r, struct buf *texts, struct log_field *fields)
{
	size_t n = r->n_metrics < VALUES_MAX ? r->n_metrics : VALUES_MAX;

	for (size_t i = 0; i < n; i++) {
		const struct metric *m = &r->metrics[i];

		buf_printf(&texts[i], "%s=%.10g%s", m->name, m->value, m->unit ? m->unit : "");
		fields[i] = (struct log_field){ "VALUE", buf_text(&texts[i]) };
	}
	return n;
}

static int priority_of(const struct happening *h)
{
	if (h->to == TOCSIN_OK || h->event == ALERT_TEST)
		return LOG_NOTICE;
	return h->to == TOCSIN_CRITICAL ? LOG_ERR : LOG_WARNING;
}

void happening_log(const struct happening *h)
{
	struct buf values[VALUES_MAX] = { [0 ... VALUES_MAX - 1] = BUF(200) };
	struct log_field fields[6 + VALUES_MAX] = {
		{ "EVENT", alert_event_name(h->event) }, { "CHECK", h->check }, { "ITEM", h->item },
		{ "STATE", state_name(h->to) }, { "STATE_BEFORE", h->is_first ? NULL : state_name(h->from) },
		{ "INCIDENT", h->incident ? MSG_NUMBER(h->incident) : NULL },
	};
	_cleanup_buf_ struct buf why = BUF(WORDS_MAX);

	if (h->event == ALERT_FOUND)
		return;
	if (h->note)
		buf_printf(&why, " (%s%s)", h->waits_for ? "" : "not mailed: ", h->note);
	size_t n = add_values(&h->result, values, fields + 6);
	log_entry(priority_of(h), message_ids[h->event], fields, 6 + n, "%s: %s: %s %s: %s%s", alert_event_name(h->event),
		state_name(h->to), h->check, h->item, h->text, buf_text(&why));
	for (size_t i = 0; i < n; i++)
		buf_free(&values[i]);
}
