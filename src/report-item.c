/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How an item is: its state, alone and counted with the others, at length and in a row. */
#include "report-internal.h"

/* The sentences of this file. */
#define SAY_WAITING "WAITING"
#define SAY_NOT_HERE "N/A"
#define SAY_NO_CHECKS _("UNKNOWN (no check is configured)")
#define SAY_NO_LOOKS _("UNKNOWN (nothing was looked at yet)")
#define SAY_OK_ONE _("OK (%zu check)")
#define SAY_OK_ALL _("OK (%zu checks)")
#define SAY_OK_ONE_BUT _("OK (%zu check, %zu not looked at yet)")
#define SAY_OK_ALL_BUT _("OK (%zu checks, %zu not looked at yet)")
#define SAY_N_OF_STATE C_("number and state", "%zu %s")
#define SAY_NOT_LOOKED _("not looked at yet")
#define SAY_N_NOT_LOOKED _("%zu not looked at yet")
#define SAY_NOT_APPLICABLE _("nothing to do on this host: %s")
#define SAY_ROW_SINCE _("%s, since %s")
#define SAY_ROW_BLIND _("%s; cannot be looked at since %s")
#define SAY_ROW_ACKNOWLEDGED _("; acknowledged %s")
#define SAY_ROW_UNCONFIRMED _("last look, not confirmed: %s, %s")
#define FIELD_SINCE C_("field", "Since")
#define FIELD_NO_LOOK C_("field", "No look since")
#define FIELD_LAST_LOOK C_("field", "Last look")

bool report_item_is_looked_at(const struct report_item *item)
{
	return !item->not_applicable &&
		((item->alert && item->alert->is_known) || (item->result && item->result->time_usec));
}

enum tocsin_state report_item_state(const struct report_item *item)
{
	if (item->alert && item->alert->is_known)
		return item->alert->state;
	return item->result->state;
}

static bool item_is_unconfirmed(const struct report_item *item)
{
	return item->result && item->result->time_usec && item->result->state != report_item_state(item) &&
		!item->alert->is_blind;
}

struct report_numbers report_count_items(const struct report *r)
{
	struct report_numbers c = { 0 };

	for (size_t i = 0; i < r->n_items; i++) {
		if (report_item_is_looked_at(&r->items[i])) {
			c.of[report_item_state(&r->items[i])]++;
			c.looked_at++;
		} else if (!r->items[i].not_applicable) {
			c.waiting++;
		}
	}
	return c;
}

enum tocsin_state report_state_of_rank(int rank)
{
	for (enum tocsin_state s = TOCSIN_OK; s <= TOCSIN_UNKNOWN; s++)
		if (state_rank(s) == rank)
			return s;
	return TOCSIN_OK;
}

enum tocsin_state report_worst(const struct report *r)
{
	struct report_numbers c = report_count_items(r);

	/* Law 4: where nobody looked, nobody may say that all is well. */
	if (c.looked_at == 0)
		return TOCSIN_UNKNOWN;
	for (int rank = 0; rank < 4; rank++)
		if (c.of[report_state_of_rank(rank)])
			return report_state_of_rank(rank);
	return TOCSIN_OK;
}

static void put_all_ok(struct buf *b, size_t n, size_t waiting)
{
	if (waiting)
		buf_printf(b, plural(n, SAY_OK_ONE_BUT, SAY_OK_ALL_BUT), n, waiting);
	else
		buf_printf(b, plural(n, SAY_OK_ONE, SAY_OK_ALL), n);
}

static void put_states(struct buf *b, const struct report_numbers *c)
{
	const char *and = "";

	for (int rank = 0; rank < 4; rank++) {
		enum tocsin_state s = report_state_of_rank(rank);

		if (c->of[s] == 0)
			continue;
		buf_puts(b, and);
		buf_printf(b, SAY_N_OF_STATE, c->of[s], state_name(s));
		and = SAY_AND;
	}
	if (c->waiting) {
		buf_puts(b, and);
		buf_printf(b, SAY_N_NOT_LOOKED, c->waiting);
	}
}

void report_counts(struct buf *b, const struct report *r)
{
	struct report_numbers c = report_count_items(r);

	if (c.looked_at == 0)
		buf_puts(b, c.waiting ? SAY_NO_LOOKS : SAY_NO_CHECKS);
	else if (c.of[TOCSIN_OK] == c.looked_at)
		put_all_ok(b, c.looked_at, c.waiting);
	else
		put_states(b, &c);
}

void report_put_label(struct buf *b, const char *module, const char *check, const char *item)
{
	const char *kind = module && *module ? module : check;

	buf_puts(b, kind);
	if (item && *item && !text_equal(kind, item))
		buf_printf(b, " %s", item);
}

static void put_item_text(struct buf *b, const struct report_item *item)
{
	const char *text = item->result && item->result->time_usec ? text_or_empty(item->result->text) : SAY_NOT_LOOKED;
	const char *now = item->result ? state_name(item->result->state) : "";

	if (item_is_unconfirmed(item))
		buf_printf(b, SAY_ROW_UNCONFIRMED, now, text);
	else
		buf_puts(b, text);
}

static int64_t item_since(const struct report_item *item)
{
	return item->alert && item->alert->is_known ? item->alert->since_usec : 0;
}

/* An item that is not well, at length. */
static void write_problem(struct page *p, const struct report *r, const struct report_item *item)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	report_put_label(&label, item->module, item->check, item->item);
	put_item_text(&text, item);
	p->part = PAGE_DETAILS;
	report_write_headline(p, state_name(report_item_state(item)), (int)report_item_state(item), buf_text(&label), r->host,
		buf_text(&text));
	report_write_since(p, FIELD_SINCE, item_since(item), r->now_usec);
	if (item->alert && item->alert->is_blind)
		report_write_time(p, FIELD_NO_LOOK, item->alert->rows[ALERT_ROW_UNKNOWN].since_usec);
	else if (item->result && item->result->time_usec)
		report_write_time(p, FIELD_LAST_LOOK, item->result->time_usec);
	report_write_check(p, item, item->check);
	report_write_incident(p, r, item->alert ? item->alert->incident : 0, true, item);
	report_write_charts(p, r, item, NULL);
	report_write_result(p, item->result, false);
}

void report_write_problems(struct page *p, const struct report *r)
{
	for (int rank = 0; rank < state_rank(TOCSIN_OK); rank++)
		for (size_t i = 0; i < r->n_items; i++)
			if (report_item_is_looked_at(&r->items[i]) && state_rank(report_item_state(&r->items[i])) == rank)
				write_problem(p, r, &r->items[i]);
}

static void write_looked_at(struct page *p, const struct report *r, const struct report_item *item)
{
	enum tocsin_state state = report_item_state(item);
	FORMAT_BUF(label);
	FORMAT_BUF(text);
	FORMAT_BUF(time);
	FORMAT_BUF(row);
	FORMAT_BUF(acknowledgement);
	FORMAT_BUF(spark);

	report_put_label(&label, item->module, item->check, item->item);
	put_item_text(&text, item);
	if (item->alert && item->alert->is_blind) {
		format_time(&time, item->alert->rows[ALERT_ROW_UNKNOWN].since_usec);
		buf_printf(&row, SAY_ROW_BLIND, buf_text(&text), buf_text(&time));
	} else if (state != TOCSIN_OK && item_since(item)) {
		format_time(&time, item_since(item));
		buf_printf(&row, SAY_ROW_SINCE, buf_text(&text), buf_text(&time));
	} else {
		buf_puts(&row, buf_text(&text));
	}
	if (item->ack_who) {
		report_put_acknowledgement(&acknowledgement, r, item);
		buf_printf(&row, SAY_ROW_ACKNOWLEDGED, buf_text(&acknowledgement));
	}
	report_put_sparkline(&spark, r, item);
	p->ops->row(p, state_name(state), (int)state, buf_text(&label), buf_text(&row), buf_text(&spark));
}

static void write_not_looked_at(struct page *p, const struct report_item *item)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	report_put_label(&label, item->module, item->check, item->item);
	if (item->not_applicable)
		buf_printf(&text, SAY_NOT_APPLICABLE, item->not_applicable);
	else
		buf_puts(&text, SAY_NOT_LOOKED);
	p->ops->row(p, item->not_applicable ? SAY_NOT_HERE : SAY_WAITING, PAGE_NEUTRAL, buf_text(&label), buf_text(&text), "");
}

void report_write_items(struct page *p, const struct report *r, const char *heading, const struct report_stories *without)
{
	bool is_first = true;

	for (int rank = 0; rank <= 4; rank++) {
		for (size_t i = 0; i < r->n_items; i++) {
			const struct report_item *item = &r->items[i];
			bool looked = report_item_is_looked_at(item);

			if ((looked ? state_rank(report_item_state(item)) : 4) != rank || (without && without->has_story[i]))
				continue;
			if (is_first)
				p->ops->heading(p, heading);
			is_first = false;
			if (looked)
				write_looked_at(p, r, item);
			else
				write_not_looked_at(p, item);
		}
	}
}
