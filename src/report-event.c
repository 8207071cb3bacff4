/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thing that happened, in words: what it is called, what stands behind the name of the item, its sentence, and what to
 * do about it. What is made of several is in report-story.c. */
#include "report-internal.h"

/* The sentences of this file. */
#define SAY_RECOVERED "RECOVERED"
#define SAY_UNSTABLE "UNSTABLE"
#define SAY_STEADY "STEADY"
#define SAY_ESCALATED "ESCALATED"
#define SAY_ACKNOWLEDGED "ACK"
#define SAY_SILENCED "SILENCED"
#define SAY_REMOVED "REMOVED"
#define SAY_RESTARTED "RESTARTED"
#define SAY_TEST "TEST"
#define SAY_AFTER C_("a problem lasted", "after %s")
#define SAY_FOR C_("a problem lasts", "for %s")
#define SAY_UNACKNOWLEDGED _("for %s, not acknowledged")
#define SAY_WAS C_("state before", "was %s")
#define SAY_SEEN_AGAIN _("can be looked at again")
#define SAY_CHANGES _("%lld changes in %s, now %s")
#define SAY_STEADY_FOR C_("state, duration", "%s for %s")
#define ADVICE_BLIND N_("tocsin could not look, so it does not know whether this is well. A problem that was open before " \
			"stays open.")
#define ADVICE_REMINDER N_("This problem was told before and still lasts. Whoever acknowledges it ends the reminders.")
#define ADVICE_ESCALATED N_("Nobody has acknowledged this problem in time, so further people are told.")
#define ADVICE_STEADY N_("It was unstable, and its changes were not mailed. From now on they are again.")
#define ADVICE_RESTARTED N_("If nobody meant to restart the host, the end of the journal before that may say why.")
#define ADVICE_CRASHED N_("tocsin itself crashed, was killed or no longer answered the watchdog, or it could not store its " \
			  "end. Nobody has looked meanwhile. The journal says what it was.")
#define ADVICE_UNSTABLE _("Its state changes too often. Nothing more is mailed about it until it has been steady for %s. " \
			  "If it hovers about a limit, another limit or more hysteresis makes it quiet.")
#define ADVICE_UNSTABLE_BUT _("Its state changes too often. Nothing more is mailed about it until it has been steady for " \
			      "%s, or is CRITICAL for the first time. If it hovers about a limit, another limit or more " \
			      "hysteresis makes it quiet.")

void report_put_event_duration(struct buf *b, const struct report_event *e)
{
	format_duration(b, span_usec(e->since_usec, e->time_usec));
}

static void put_after(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(duration);

	report_put_event_duration(&duration, e);
	buf_printf(b, SAY_AFTER, buf_text(&duration));
}

static void put_for(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(duration);

	report_put_event_duration(&duration, e);
	buf_printf(b, SAY_FOR, buf_text(&duration));
}

static void put_unacknowledged(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(duration);

	report_put_event_duration(&duration, e);
	buf_printf(b, SAY_UNACKNOWLEDGED, buf_text(&duration));
}

static void put_text(struct buf *b, const struct report_event *e)
{
	buf_puts(b, text_or_empty(e->text));
}

static void put_was(struct buf *b, const struct report_event *e)
{
	buf_printf(b, SAY_WAS, state_name(e->from));
	put_joined(b, ": ", text_or_empty(e->text));
}

static void put_seen_again(struct buf *b, const struct report_event *e)
{
	buf_puts(b, SAY_SEEN_AGAIN);
	put_joined(b, ": ", text_or_empty(e->text));
}

static void put_unstable(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(duration);

	report_put_event_duration(&duration, e);
	buf_printf(b, SAY_CHANGES, (long long)e->changes, buf_text(&duration), state_name(e->to));
}

static void put_steady(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(duration);

	report_put_event_duration(&duration, e);
	buf_printf(b, SAY_STEADY_FOR, state_name(e->to), buf_text(&duration));
}

/* How an event is told. The words are no longer than 9 columns, which the rows of a text have for them. */
static const struct event_manner {
	const char *word; /* NULL: its state */
	bool with_state; /* the word and the state */
	enum report_role role;
	bool is_confirmed; /* by looks */
	void (*put_tail)(struct buf *b, const struct report_event *e); /* behind the name of the item; or NULL */
	void (*put_text)(struct buf *b, const struct report_event *e);
	const char *advice;
} manners[ALERT_EVENTS] = {
	/*                       word              state  role            looks  tail       text      advice */
	[ALERT_NONE] =         { NULL, false, REPORT_REPEATS, false, NULL, put_text, NULL },
	[ALERT_FOUND] =        { NULL, false, REPORT_CHANGES, true, NULL, put_text, NULL },
	[ALERT_PROBLEM] =      { NULL, false, REPORT_CHANGES, true, NULL, put_text, NULL },
	[ALERT_WORSE] =        { NULL, false, REPORT_CHANGES, true, NULL, put_text, NULL },
	[ALERT_EASED] =        { NULL, false, REPORT_CHANGES, true, NULL, put_was, NULL },
	[ALERT_BLIND] =        { NULL, false, REPORT_CHANGES, true, NULL, put_text, ADVICE_BLIND },
	[ALERT_SEEN_AGAIN] =   { NULL, false, REPORT_CHANGES, true, NULL, put_seen_again, NULL },
	[ALERT_RECOVERED] =    { SAY_RECOVERED, false, REPORT_CHANGES, true, put_after, put_text, NULL },
	[ALERT_RELAPSED] =     { NULL, false, REPORT_CHANGES, true, NULL, put_text, NULL },
	[ALERT_UNSTABLE] =     { SAY_UNSTABLE, false, REPORT_SUMS_UP, false, NULL, put_unstable, NULL },
	[ALERT_STEADY] =       { SAY_STEADY, false, REPORT_SUMS_UP, false, NULL, put_steady, ADVICE_STEADY },
	[ALERT_LATE] =         { NULL, false, REPORT_REPEATS, false, NULL, put_text, NULL },
	[ALERT_REMINDER] =     { NULL, false, REPORT_REPEATS, false, put_for, put_text, ADVICE_REMINDER },
	[ALERT_ESCALATED] =    { SAY_ESCALATED, true, REPORT_REPEATS, false, put_unacknowledged, put_text, ADVICE_ESCALATED },
	[ALERT_ACKNOWLEDGED] = { SAY_ACKNOWLEDGED, false, REPORT_REMARKS, false, NULL, put_text, NULL },
	[ALERT_SILENCED] =     { SAY_SILENCED, false, REPORT_REMARKS, false, NULL, put_text, NULL },
	[ALERT_REMOVED] =      { SAY_REMOVED, false, REPORT_ENDS, false, NULL, put_was, NULL },
	[ALERT_RESTARTED] =    { SAY_RESTARTED, false, REPORT_ENDS, false, NULL, put_text, ADVICE_RESTARTED },
	[ALERT_CRASHED] =      { SAY_RESTARTED, false, REPORT_ENDS, false, NULL, put_text, ADVICE_CRASHED },
	[ALERT_TEST] =         { NULL, false, REPORT_CHANGES, true, NULL, put_text, NULL },
};

bool report_event_is_recovery(const struct report_event *e)
{
	return e->event == ALERT_RECOVERED || (e->event == ALERT_TEST && e->to == TOCSIN_OK);
}

bool report_event_is_test(const struct report_event *e)
{
	return e->is_test || e->event == ALERT_TEST;
}

/* A test is told as what it plays. */
static const struct event_manner *manner_of(const struct report_event *e)
{
	return &manners[report_event_is_recovery(e) ? ALERT_RECOVERED : e->event];
}

enum report_role report_event_role(const struct report_event *e)
{
	return manner_of(e)->role;
}

bool report_event_is_confirmed(const struct report_event *e)
{
	return manner_of(e)->is_confirmed;
}

enum tocsin_state report_event_state(const struct report_event *e)
{
	if (report_event_is_recovery(e))
		return TOCSIN_OK;
	return e->event == ALERT_BLIND ? TOCSIN_UNKNOWN : e->to;
}

/* Whatever an unstable item is just now, it is not well. */
int report_event_tone(const struct report_event *e)
{
	enum report_role role = report_event_role(e);
	enum tocsin_state state = report_event_state(e);

	if (report_event_is_test(e) || role == REPORT_REMARKS || role == REPORT_ENDS)
		return PAGE_NEUTRAL;
	return e->event == ALERT_UNSTABLE && state == TOCSIN_OK ? TOCSIN_WARNING : (int)state;
}

static const char *word_or_state(const struct report_event *e)
{
	const char *word = manner_of(e)->word;

	return word ? word : state_name(report_event_state(e));
}

const char *report_event_word(const struct report_event *e)
{
	return report_event_is_test(e) ? SAY_TEST : word_or_state(e);
}

void report_put_event_title(struct buf *b, const struct report_event *e)
{
	if (report_event_is_test(e))
		buf_puts(b, SAY_TEST ": ");
	buf_puts(b, word_or_state(e));
	if (manner_of(e)->with_state)
		buf_printf(b, " %s", state_name(report_event_state(e)));
}

void report_put_event_label(struct buf *b, const struct report *r, const struct report_event *e, const struct report_item *item)
{
	if (e->check)
		report_put_label(b, item ? item->module : NULL, e->check, e->item);
	else
		buf_puts(b, r->host);
}

void report_put_event_tail(struct buf *b, const struct report_event *e)
{
	if (manner_of(e)->put_tail)
		manner_of(e)->put_tail(b, e);
}

void report_put_event_text(struct buf *b, const struct report_event *e)
{
	manner_of(e)->put_text(b, e);
}

void report_put_event_prefix(struct buf *b, const struct report_event *e)
{
	if (report_event_is_test(e))
		buf_puts(b, word_or_state(e));
	else if (manner_of(e)->with_state)
		buf_puts(b, state_name(report_event_state(e)));
}

void report_put_event_row(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(row);
	FORMAT_BUF(tail);
	FORMAT_BUF(text);

	report_put_event_prefix(&row, e);
	report_put_event_tail(&tail, e);
	report_put_event_text(&text, e);
	put_joined(&row, " ", buf_text(&tail));
	/* "RECOVERED disk / after 12 min" is all that there is to say. */
	if (!report_event_is_recovery(e))
		put_joined(&row, ": ", buf_text(&text));
	buf_puts(b, buf_text(&row));
}

/* What was CRITICAL already cannot be so for the first time. */
static void put_advice_unstable(struct buf *b, const struct report_event *e)
{
	FORMAT_BUF(quiet);

	format_duration(&quiet, e->quiet_usec);
	if (e->from == TOCSIN_CRITICAL || e->to == TOCSIN_CRITICAL)
		buf_printf(b, ADVICE_UNSTABLE, buf_text(&quiet));
	else
		buf_printf(b, ADVICE_UNSTABLE_BUT, buf_text(&quiet));
}

void report_put_event_advice(struct buf *b, const struct report_event *e)
{
	if (e->event == ALERT_UNSTABLE)
		put_advice_unstable(b, e);
	else if (manner_of(e)->advice)
		buf_puts(b, _(manner_of(e)->advice));
}
