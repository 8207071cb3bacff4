/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon knows, as JSON for the control socket. The names are an interface: they stay. */
#include "control.h"
#include "translate.h"
#include "units.h"

#include <math.h>

json_t *json_time(int64_t usec)
{
	_cleanup_buf_ struct buf b = BUF(100);

	if (usec == 0 || usec == USEC_NEVER)
		return json_null();
	format_time_rfc3339(&b, usec);
	return json_string(buf_text(&b));
}

json_t *json_text(const char *text)
{
	json_t *string = text ? json_string(text) : json_null();

	return string ? string : json_string(_("(text that is not UTF-8)"));
}

json_t *json_number(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *json_metrics(const struct result *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < r->n_metrics; i++) {
		const struct metric *m = &r->metrics[i];

		json_array_append_new(array,
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", json_text(m->name), "value",
				json_number(m->value), "unit", json_text(m->unit), "warning", json_number(m->warning),
				"critical", json_number(m->critical), "min", json_number(m->min), "max",
				json_number(m->max)));
	}
	return array;
}

static json_t *json_evidence(const struct result *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < r->n_evidence; i++)
		json_array_append_new(array, json_pack("{s:o, s:o}", "title", json_text(r->evidence[i].title), "text",
				json_text(r->evidence[i].text)));
	return array;
}

static json_t *json_acknowledgement(const struct report_item *i)
{
	if (!i->ack_who)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "who", json_text(i->ack_who), "reason", json_text(i->ack_why ? i->ack_why : ""),
		"until", json_time(i->ack_until_usec));
}

json_t *json_item(const struct report_item *i)
{
	const struct alert_state *a = i->alert;
	const char *state = a->is_blind ? "UNKNOWN" : a->is_known ? state_name(a->state) : NULL;
	const char *last = i->result->time_usec ? state_name(i->result->state) : NULL;

	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "check", json_text(i->check), "item",
		json_text(i->item), "module", i->module, "state", json_text(state), "since",
		json_time(a->is_blind ? a->rows[ALERT_ROW_UNKNOWN].since_usec : a->since_usec), "last_state", json_text(last), "last_look",
		json_time(i->result->time_usec), "text", json_text(i->result->text ? i->result->text : ""), "incident",
		a->incident ? json_integer(a->incident) : json_null(), "acknowledged", json_acknowledgement(i), "flapping",
		a->is_flapping, "not_applicable", json_text(i->not_applicable),
		"metrics", json_metrics(i->result), "evidence", json_evidence(i->result));
}

json_t *json_mail(const struct outbox_mail *m)
{
	json_t *recipients = json_array();

	for (size_t j = 0; j < m->n_recipients; j++)
		json_array_append_new(recipients,
			json_pack("{s:o, s:s, s:o}", "address", json_text(m->recipients[j].address), "fate",
				outbox_fate_name(m->recipients[j].fate), "answer",
				json_text(m->recipients[j].answer ? m->recipients[j].answer : "")));
	return json_pack("{s:s, s:o, s:o, s:I, s:o, s:o}", "id", m->id, "subject", json_text(m->subject), "queued",
		json_time(m->queued_usec), "attempts", (json_int_t)m->attempts, "next_try", json_time(m->next_try_usec),
		"recipients", recipients);
}

json_t *json_outbox(const struct daemon *d)
{
	json_t *mails = json_array();

	for (size_t i = 0; i < d->n_outbox; i++)
		json_array_append_new(mails, json_mail(d->outbox[i]));
	return mails;
}

json_t *json_silences(const struct daemon *d)
{
	json_t *array = json_array();

	for (const struct silence *s = d->silences; s; s = s->next)
		json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "id", s->id, "glob", json_text(s->glob),
				"created", json_time(s->created_usec), "until", json_time(s->until_usec), "who",
				json_text(s->who), "reason", json_text(s->why)));
	return array;
}
