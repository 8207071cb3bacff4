/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Incidents: from the first event that an item fails until readers know how it ended; and who has acknowledged them. */
#include "event.h"

#include "translate.h"
#include "units.h"

#include <errno.h>
#include <string.h>

/* The sentences of this file. */
#define SAY_BY C_("acknowledged", "by %s")
#define SAY_BY_WHY C_("acknowledged", "by %s: %s")
#define SAY_BY_UNTIL C_("acknowledged", "by %s until %s")
#define SAY_BY_UNTIL_WHY C_("acknowledged", "by %s until %s: %s")

#define COUNTED_MAX INT64_C(1000000000) /* no state file has counted that far */

int64_t incident_uncounted(int64_t now_usec)
{
	int64_t number = now_usec / USEC_PER_SEC;

	return number > COUNTED_MAX ? number : COUNTED_MAX + number; /* a clock without a battery begins in 1970 */
}

/* Who has acknowledged it. */
static void describe_acknowledgement(struct buf *b, const struct incident *i)
{
	_cleanup_buf_ struct buf until = BUF(100);

	if (!i->ack_until_usec) {
		buf_printf(b, *i->ack_why ? SAY_BY_WHY : SAY_BY, i->ack_who, i->ack_why);
		return;
	}
	format_time(&until, i->ack_until_usec);
	buf_printf(b, *i->ack_why ? SAY_BY_UNTIL_WHY : SAY_BY_UNTIL, i->ack_who, buf_text(&until), i->ack_why);
}

struct incident *incident_find(const struct daemon *d, int64_t number)
{
	struct incident *i = d->incidents;

	while (i && i->number != number)
		i = i->next;
	return i;
}

void incident_free(struct incident *i)
{
	free(i->check);
	free(i->item);
	free(i->module);
	free(i->text);
	free(i->ack_who);
	free(i->ack_why);
	free(i);
}

struct incident *incident_open(struct daemon *d, struct item *item)
{
	struct incident *i = calloc(1, sizeof(*i));
	uint64_t escalated = item->incident ? item->incident->escalated : 0;

	if (item->incident) /* its end was never told: to readers this one goes on with it */
		incident_forget(d, item);
	if (!i)
		return NULL;
	*i = (struct incident){
		.number = item->alert.incident, .check = strdup(item->check->conf->name),
		.item = strdup(item->name), .module = strdup(item->check->conf->module),
		.text = strdup(item->last.text ? item->last.text : ""), .opened_usec = item->alert.incident_since_usec,
		.worst = item->alert.state, .escalated = escalated,
	};
	if (!i->check || !i->item || !i->module || !i->text) {
		incident_free(i);
		return NULL;
	}
	incident_adopt(d, item, i);
	state_put_incident(d, i);
	return i;
}

void incident_adopt(struct daemon *d, struct item *item, struct incident *i)
{
	i->next = d->incidents;
	if (i->next)
		i->next->previous = i;
	d->incidents = item->incident = i;
}

void incident_close(struct daemon *d, struct item *item)
{
	struct incident *i = item->incident;

	if (!i || i->closed_usec)
		return;
	i->closed_usec = clock_realtime_usec();
	state_put_incident(d, i);
}

void incident_forget(struct daemon *d, struct item *item)
{
	struct incident *i = TAKE_PTR(item->incident);

	if (!i)
		return;
	if (i->previous)
		i->previous->next = i->next;
	else
		d->incidents = i->next;
	if (i->next)
		i->next->previous = i->previous;
	incident_free(i);
}

int incident_acknowledge(struct daemon *d, int64_t number, int64_t until_usec, const char *who, const char *why)
{
	struct incident *i = incident_find(d, number);
	struct item *item = i && !i->closed_usec ? event_find_item(d, i->check, i->item) : NULL;
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX);

	if (!item || item->alert.incident != number)
		return -ENOENT;
	free(i->ack_who);
	free(i->ack_why);
	i->ack_who = strdup(who);
	i->ack_why = strdup(why);
	i->ack_usec = clock_realtime_usec();
	i->ack_until_usec = until_usec;
	item->alert.acknowledged_until_usec = until_usec ? until_usec : USEC_NEVER;
	state_put_incident(d, i);
	state_put_item(d, item);
	if (i->ack_who && i->ack_why)
		describe_acknowledgement(&text, i);
	struct happening *h = happening_new(d, ALERT_ACKNOWLEDGED, i->check, i->item, buf_text(&text));
	if (h) {
		h->who = strdup(who);
		h->incident = number;
		h->from = h->to = alert_seen(&item->alert);
		happening_finish(d, h);
	}
	d->is_owed_stale = true;
	return 0;
}
