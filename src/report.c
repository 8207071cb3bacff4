/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in a mail and in which order. How it looks is in page-text.c and page-html.c, how it is sent over the
 * wire in mime.c; when there is a mail at all was decided before. */
#include "report.h"

#include "clock.h"
#include "page.h"
#include "text.h"
#include "units.h"

#include <math.h>
#include <string.h>

#define SUBJECT_COLUMNS 78
#define HOST_COLUMNS 26
#define LABEL_COLUMNS 36 /* in a subject about one item */
#define LABEL_COLUMNS_IN_LIST 26

/* All sentences of this file, in one place for the translators to come. The state words stay English in every
 * language, so that filters survive; so does SAY_RECOVERED. */
#define SAY_RECOVERED "RECOVERED"
#define SAY_WAITING "WAITING"
#define SAY_NOT_HERE "N/A"
#define SAY_CHECK "check"
#define SAY_CHECKS "checks"
#define SAY_LOOK "look"
#define SAY_LOOKS "looks"
#define SAY_PROBLEM "problem"
#define SAY_PROBLEMS "problems"
#define SAY_N_RECOVERED "%zu recovered"
#define SAY_MORE "%zu more"
#define SAY_AFTER "after %s"
#define SAY_EASED "was %s: %s"
#define SAY_SEEN_AGAIN "can be looked at again: %s"
#define SAY_NO_CHECKS "no check is configured"
#define SAY_NO_LOOKS "nothing was looked at yet"
#define SAY_NOT_LOOKED "not looked at yet"
#define SAY_N_NOT_LOOKED "%zu not looked at yet"
#define SAY_NOT_APPLICABLE "nothing to do on this host: %s"
#define SAY_SUBJECT_STATUS "status "
#define SAY_SUBJECT_OF "%s: %zu of %zu %s: "
#define SAY_SUBJECT_STARTED "monitoring started: "
#define SAY_SUBJECT_TEST "test mail"
#define SAY_ON_HOST "%s on %s"
#define SAY_ALL_OK "all %zu %s are OK"
#define SAY_ONE_OK "its one check is OK"
#define SAY_SINCE "%s, %s ago"
#define SAY_BY_LOOKS "%s, by %lld %s in %s"
#define SAY_BY_LOOK "%s, by %lld %s"
#define SAY_ENDED "%s, after %s"
#define SAY_IS_MODULE "%s (module %s)"
#define SAY_EVERY ", looked at every %s"
#define SAY_ROW_SINCE "%s, since %s"
#define SAY_ROW_BLIND "%s; cannot be looked at since %s"
#define SAY_ROW_UNCONFIRMED "last look, not confirmed: %s, %s"
#define SAY_BLIND "tocsin could not look, so it does not know whether this is well. A problem that was open before stays " \
		  "open."
#define SAY_TEST "This is a test mail of tocsin. As you can read it, mails from %s find their way to this mailbox."
#define SAY_STARTED "tocsin now watches %s. It mails an alert when a check fails and another when it is well again."
#define SAY_REPORT_NUMBER "Status report %lld, %s."
#define SAY_REPORT "Status report, %s."
#define SAY_NO_CHANGE "Nothing has changed."
#define SAY_NEXT_NONE "none is planned"
#define SAY_LIMITS_BOTH "%s (warning at %s, critical at %s)"
#define SAY_LIMIT_WARNING "%s (warning at %s)"
#define SAY_LIMIT_CRITICAL "%s (critical at %s)"
#define SAY_OF_MAXIMUM "%s of %s"

#define HEADING_VALUES "Values"
#define HEADING_EVENTS "In this mail"
#define HEADING_CHANGES "Since the last report"
#define HEADING_OTHERS "Other checks"
#define HEADING_ALL "All checks"
#define HEADING_HOST "Host and monitoring"

#define FIELD_SINCE "Since"
#define FIELD_CONFIRMED "Confirmed"
#define FIELD_BEFORE "Before"
#define FIELD_PROBLEM_SINCE "Failed"
#define FIELD_RECOVERED "Recovered"
#define FIELD_CHECK "Check"
#define FIELD_INCIDENT "Incident"
#define FIELD_NO_LOOK "No look since"
#define FIELD_LAST_LOOK "Last look"
#define FIELD_UPTIME "Uptime"
#define FIELD_WATCHED "Watched since"
#define FIELD_NEXT "Next report"
#define FIELD_TIME "Time"
#define FIELD_VERSION "Sent by"

#define FORMAT_BUF(name) _cleanup_buf_ struct buf name = BUF(SIZE_MAX / 2)

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

/* -- cutting for a subject -- */

static size_t character_length(const char *text, size_t *ret_columns)
{
	char one[5] = { 0 };
	size_t n = utf8_next(text, strlen(text), NULL);

	memcpy(one, text, n ? n : 1);
	*ret_columns = text_columns(one);
	return n ? n : 1;
}

/* Bytes of the longest beginning of TEXT that has at most COLUMNS. */
static size_t length_of_columns(const char *text, size_t columns)
{
	size_t len = 0;

	while (text[len]) {
		size_t width, n = character_length(text + len, &width);

		if (width > columns)
			break;
		columns -= width;
		len += n;
	}
	return len;
}

/* TEXT cleaned, and cut in its middle when it has more than COLUMNS: both ends tell more. */
static void put_fitted(struct buf *b, const char *text, size_t columns)
{
	FORMAT_BUF(cleaned);

	text_clean(&cleaned, text, 1000);
	const char *all = buf_text(&cleaned);
	size_t total = text_columns(all);
	if (total <= columns || columns == 0) {
		buf_puts(b, columns ? all : "");
		return;
	}

	size_t head = length_of_columns(all, (columns - 1) * 2 / 3), tail = head, width;
	buf_append(b, all, head);
	buf_puts(b, "…");
	total -= text_columns(all) - text_columns(all + head);
	while (total > (columns - 1) - (columns - 1) * 2 / 3 && all[tail]) {
		tail += character_length(all + tail, &width);
		total -= width;
	}
	/* Not with a combining character, which would now stand on the "…". */
	for (size_t n; all[tail] && (n = character_length(all + tail, &width), width == 0);)
		tail += n;
	buf_puts(b, all + tail);
}

/* -- items and their states -- */

static bool item_is_looked_at(const struct report_item *item)
{
	return !item->not_applicable &&
		((item->alert && item->alert->is_known) || (item->result && item->result->time_usec));
}

/* The state that is told: the confirmed one, and before there is one that of the last look. */
static enum tocsin_state item_state(const struct report_item *item)
{
	if (item->alert && item->alert->is_known)
		return item->alert->state;
	return item->result->state;
}

static bool item_is_unconfirmed(const struct report_item *item)
{
	return item->result && item->result->time_usec && item->result->state != item_state(item) &&
		!item->alert->is_blind;
}

struct counts {
	size_t of[4], looked_at, waiting;
};

static struct counts count_items(const struct report *r)
{
	struct counts c = { 0 };

	for (size_t i = 0; i < r->n_items; i++) {
		if (item_is_looked_at(&r->items[i])) {
			c.of[item_state(&r->items[i])]++;
			c.looked_at++;
		} else if (!r->items[i].not_applicable) {
			c.waiting++;
		}
	}
	return c;
}

/* The states in the order in which people want to read them. */
static enum tocsin_state state_of_rank(int rank)
{
	for (enum tocsin_state s = TOCSIN_OK; s <= TOCSIN_UNKNOWN; s++)
		if (state_rank(s) == rank)
			return s;
	return TOCSIN_OK;
}

enum tocsin_state report_worst(const struct report *r)
{
	struct counts c = count_items(r);

	/* Law 4: where nobody looked, nobody may say that all is well. */
	if (c.looked_at == 0)
		return TOCSIN_UNKNOWN;
	for (int rank = 0; rank < 4; rank++)
		if (c.of[state_of_rank(rank)])
			return state_of_rank(rank);
	return TOCSIN_OK;
}

static const char *plural(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

void report_counts(struct buf *b, const struct report *r)
{
	struct counts c = count_items(r);
	const char *comma = "";

	if (c.looked_at == 0) {
		buf_printf(b, "UNKNOWN (%s)", c.waiting ? SAY_NO_LOOKS : SAY_NO_CHECKS);
		return;
	}
	if (c.of[TOCSIN_OK] == c.looked_at) {
		buf_printf(b, "OK (%zu %s", c.looked_at, plural(c.looked_at, SAY_CHECK, SAY_CHECKS));
		if (c.waiting)
			buf_printf(b, ", " SAY_N_NOT_LOOKED, c.waiting);
		buf_putc(b, ')');
		return;
	}
	for (int rank = 0; rank < 4; rank++) {
		enum tocsin_state s = state_of_rank(rank);

		if (c.of[s]) {
			buf_printf(b, "%s%zu %s", comma, c.of[s], state_name(s));
			comma = ", ";
		}
	}
	if (c.waiting)
		buf_printf(b, ", " SAY_N_NOT_LOOKED, c.waiting);
}

/* -- names -- */

/* "disk /", "process web", "load": the module says what kind of thing it is, the item which one. The name of the
 * check stands in the body, unless it is the item's too. */
static void put_label(struct buf *b, const char *module, const char *check, const char *item)
{
	const char *kind = module && *module ? module : check;

	buf_puts(b, kind);
	if (!text_equal(kind, item))
		buf_printf(b, " %s", item);
}

static const struct report_item *find_item(const struct report *r, const char *check, const char *item)
{
	for (size_t i = 0; i < r->n_items; i++)
		if (text_equal(r->items[i].check, check) && text_equal(r->items[i].item, item))
			return &r->items[i];
	return NULL;
}

static void put_event_label(struct buf *b, const struct report *r, const struct report_event *e)
{
	const struct report_item *item = find_item(r, e->check, e->item);

	put_label(b, item ? item->module : NULL, e->check, e->item);
}

static bool event_is_recovery(const struct report_event *e)
{
	return e->event == ALERT_RECOVERED;
}

static enum tocsin_state event_state(const struct report_event *e)
{
	if (event_is_recovery(e))
		return TOCSIN_OK;
	return e->event == ALERT_BLIND ? TOCSIN_UNKNOWN : e->to;
}

static const char *event_word(const struct report_event *e)
{
	return event_is_recovery(e) ? SAY_RECOVERED : state_name(event_state(e));
}

/* One sentence: what the look gave, and what that means for what was before. */
static void put_event_text(struct buf *b, const struct report_event *e)
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

static void put_event_duration(struct buf *b, const struct report_event *e)
{
	format_duration(b, e->time_usec > e->since_usec ? e->time_usec - e->since_usec : 0);
}

/* -- the subject -- */

/* "CRITICAL disk /, process web, WARNING load and 3 more", as far as the columns reach. */
struct list {
	struct buf *b;
	const char *word; /* of the entry before */
	size_t n, n_left_out;
};

static void list_add(struct list *l, const char *word, const char *label, bool is_last)
{
	FORMAT_BUF(entry);
	/* Room for ", 123 more" behind it. */
	size_t used = text_columns(buf_text(l->b)) + (is_last && !l->n_left_out ? 0 : 10);

	buf_puts(&entry, l->n ? ", " : "");
	if (!text_equal(word, l->word))
		buf_printf(&entry, "%s ", word);
	put_fitted(&entry, label, LABEL_COLUMNS_IN_LIST);
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
		buf_printf(l->b, "%s" SAY_MORE, l->n ? ", " : "", l->n_left_out);
}

static void put_host(struct buf *b, const struct report *r)
{
	buf_putc(b, '[');
	put_fitted(b, r->host, HOST_COLUMNS);
	buf_puts(b, "] ");
}

static void subject_status(struct buf *b, const struct report *r)
{
	struct counts c = count_items(r);
	const char *worst = state_name(report_worst(r));
	size_t n_bad = c.looked_at - c.of[TOCSIN_OK], n = 0;
	struct list l = { .b = b, .word = worst };

	buf_puts(b, SAY_SUBJECT_STATUS);
	if (n_bad == 0) {
		report_counts(b, r);
		return;
	}
	buf_printf(b, SAY_SUBJECT_OF, worst, n_bad, c.looked_at, plural(c.looked_at, SAY_CHECK, SAY_CHECKS));
	for (int rank = 0; rank < state_rank(TOCSIN_OK); rank++) {
		for (size_t i = 0; i < r->n_items; i++) {
			const struct report_item *item = &r->items[i];
			FORMAT_BUF(label);

			if (!item_is_looked_at(item) || state_rank(item_state(item)) != rank)
				continue;
			put_label(&label, item->module, item->check, item->item);
			list_add(&l, state_name(item_state(item)), buf_text(&label), ++n == n_bad);
		}
	}
	list_end(&l);
}

static void subject_one_event(struct buf *b, const struct report *r, const struct report_event *e)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	put_event_label(&label, r, e);
	buf_printf(b, "%s ", event_word(e));
	put_fitted(b, buf_text(&label), LABEL_COLUMNS);
	if (event_is_recovery(e)) {
		FORMAT_BUF(duration);

		put_event_duration(&duration, e);
		buf_printf(&text, SAY_AFTER, buf_text(&duration));
	} else {
		put_event_text(&text, e);
	}
	size_t used = text_columns(buf_text(b)) + 2;
	if (text.len == 0 || used + 8 > SUBJECT_COLUMNS)
		return;
	buf_puts(b, event_is_recovery(e) ? " " : ": ");
	put_fitted(b, buf_text(&text), SUBJECT_COLUMNS - used);
}

static void subject_events(struct buf *b, const struct report *r)
{
	size_t n_recovered = 0, n = 0;
	struct list l = { .b = b };

	for (size_t i = 0; i < r->n_events; i++)
		n_recovered += event_state(&r->events[i]) == TOCSIN_OK;
	size_t n_problems = r->n_events - n_recovered;
	if (n_problems)
		buf_printf(b, "%zu %s", n_problems, plural(n_problems, SAY_PROBLEM, SAY_PROBLEMS));
	if (n_recovered)
		buf_printf(b, "%s" SAY_N_RECOVERED, n_problems ? ", " : "", n_recovered);
	buf_puts(b, ": ");
	for (int rank = 0; rank < 4; rank++) {
		for (size_t i = 0; i < r->n_events; i++) {
			FORMAT_BUF(label);

			if (state_rank(event_state(&r->events[i])) != rank)
				continue;
			put_event_label(&label, r, &r->events[i]);
			list_add(&l, event_word(&r->events[i]), buf_text(&label), ++n == r->n_events);
		}
	}
	list_end(&l);
}

void report_subject(struct buf *b, enum report_kind kind, const struct report *r)
{
	FORMAT_BUF(line);

	put_host(&line, r);
	if (kind == REPORT_TEST) {
		buf_puts(&line, SAY_SUBJECT_TEST);
	} else if (kind == REPORT_STARTED) {
		buf_puts(&line, SAY_SUBJECT_STARTED);
		report_counts(&line, r);
	} else if (kind == REPORT_STATUS || r->n_events == 0) {
		subject_status(&line, r);
	} else if (r->n_events == 1) {
		subject_one_event(&line, r, &r->events[0]);
	} else {
		subject_events(&line, r);
	}
	/* What is too long now has fixed parts only ("…, 3 not looked at yet"). */
	put_fitted(b, buf_text(&line), SUBJECT_COLUMNS);
}

/* -- the body -- */

static void put_number(struct buf *b, double value)
{
	/* Three digits, but whole numbers whole; "%.3g" alone would write 1e+03. */
	if (fabs(value) >= 99.95 && fabs(value) < 1e15)
		buf_printf(b, "%.0f", value);
	else
		buf_printf(b, "%.3g", value);
}

static void put_value(struct buf *b, double value, const char *unit)
{
	if (!isfinite(value))
		buf_puts(b, "?");
	else if (text_equal(unit, "B") && fabs(value) < 9e18)
		format_size(b, (int64_t)value);
	else if (text_equal(unit, "s") && fabs(value) < 9e12)
		format_duration(b, llrint(value * USEC_PER_SEC));
	else
		put_number(b, value);
	if (text_equal(unit, "%"))
		buf_puts(b, " %");
	else if (unit && *unit && !text_equal(unit, "B") && !text_equal(unit, "s") && !text_equal(unit, "c"))
		buf_printf(b, " %s", unit);
}

/* "93.4 GiB of 98.1 GiB (warning at 80 GiB, critical at 90 GiB)" */
static void put_metric(struct buf *b, const struct metric *m)
{
	FORMAT_BUF(value);
	FORMAT_BUF(warning);
	FORMAT_BUF(critical);

	put_value(&warning, m->warning, m->unit);
	put_value(&critical, m->critical, m->unit);
	put_value(&value, m->value, m->unit);
	if (isfinite(m->max) && !text_equal(m->unit, "%")) {
		FORMAT_BUF(maximum);
		FORMAT_BUF(both);

		put_value(&maximum, m->max, m->unit);
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

static void write_result(struct page *p, const struct result *result)
{
	if (!result)
		return;
	if (result->n_metrics)
		p->ops->subheading(p, HEADING_VALUES);
	for (size_t i = 0; i < result->n_metrics; i++) {
		FORMAT_BUF(value);

		put_metric(&value, &result->metrics[i]);
		p->ops->field(p, result->metrics[i].name, buf_text(&value));
	}
	for (size_t i = 0; i < result->n_evidence; i++)
		p->ops->evidence(p, result->evidence[i].title, result->evidence[i].text);
}

static void write_time(struct page *p, const char *name, int64_t usec)
{
	FORMAT_BUF(value);

	format_time(&value, usec);
	p->ops->field(p, name, buf_text(&value));
}

static void write_since(struct page *p, const char *name, int64_t since_usec, int64_t now_usec)
{
	FORMAT_BUF(time);
	FORMAT_BUF(age);
	FORMAT_BUF(value);

	if (since_usec <= 0)
		return;
	format_time(&time, since_usec);
	format_duration(&age, now_usec > since_usec ? now_usec - since_usec : 0);
	buf_printf(&value, SAY_SINCE, buf_text(&time), buf_text(&age));
	p->ops->field(p, name, buf_text(&value));
}

static void write_check(struct page *p, const struct report_item *item, const char *check)
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

/* "2026-11-23 20:14:05 +0800, by 3 looks in 40 s" */
static void write_confirmation(struct page *p, const struct report_event *e)
{
	FORMAT_BUF(time);
	FORMAT_BUF(duration);
	FORMAT_BUF(value);
	const char *looks = plural((size_t)e->looks, SAY_LOOK, SAY_LOOKS);

	format_time(&time, e->time_usec);
	put_event_duration(&duration, e);
	if (e->looks > 1 && !event_is_recovery(e))
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
	put_event_duration(&duration, e);
	buf_printf(&value, SAY_ENDED, buf_text(&time), buf_text(&duration));
	p->ops->field(p, FIELD_RECOVERED, buf_text(&value));
}

static void write_headline(struct page *p, const struct report *r, const char *word, int tone, const char *label,
	const char *text)
{
	FORMAT_BUF(whole);

	buf_printf(&whole, SAY_ON_HOST, label, r->host);
	p->ops->headline(p, word, tone, buf_text(&whole), text);
}

static void write_event(struct page *p, const struct report *r, const struct report_event *e)
{
	const struct report_item *item = find_item(r, e->check, e->item);
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	put_event_label(&label, r, e);
	put_event_text(&text, e);
	p->is_detail = true;
	write_headline(p, r, event_word(e), (int)event_state(e), buf_text(&label), buf_text(&text));
	if (event_is_recovery(e)) {
		write_time(p, FIELD_PROBLEM_SINCE, e->since_usec);
		write_recovery_time(p, e);
	} else {
		write_since(p, FIELD_SINCE, e->since_usec, r->now_usec);
		write_confirmation(p, e);
	}
	write_before(p, e, item);
	write_check(p, item, e->check);
	if (e->incident) {
		FORMAT_BUF(number);

		buf_printf(&number, "%lld", (long long)e->incident);
		p->ops->field(p, FIELD_INCIDENT, buf_text(&number));
	}
	if (e->event == ALERT_BLIND)
		p->ops->paragraph(p, SAY_BLIND);
	write_result(p, e->result);
	p->is_detail = false;
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

	put_label(&label, item->module, item->check, item->item);
	put_item_text(&text, item);
	p->is_detail = true;
	write_headline(p, r, state_name(item_state(item)), (int)item_state(item), buf_text(&label), buf_text(&text));
	write_since(p, FIELD_SINCE, item_since(item), r->now_usec);
	if (item->alert && item->alert->is_blind)
		write_time(p, FIELD_NO_LOOK, item->alert->rows[ALERT_ROW_UNKNOWN].since_usec);
	else if (item->result && item->result->time_usec)
		write_time(p, FIELD_LAST_LOOK, item->result->time_usec);
	write_check(p, item, item->check);
	if (item->alert && item->alert->incident) {
		FORMAT_BUF(number);

		buf_printf(&number, "%lld", (long long)item->alert->incident);
		p->ops->field(p, FIELD_INCIDENT, buf_text(&number));
	}
	write_result(p, item->result);
	p->is_detail = false;
}

static void write_problems(struct page *p, const struct report *r)
{
	for (int rank = 0; rank < state_rank(TOCSIN_OK); rank++)
		for (size_t i = 0; i < r->n_items; i++)
			if (item_is_looked_at(&r->items[i]) && state_rank(item_state(&r->items[i])) == rank)
				write_problem(p, r, &r->items[i]);
}

static void write_looked_at(struct page *p, const struct report_item *item)
{
	enum tocsin_state state = item_state(item);
	FORMAT_BUF(label);
	FORMAT_BUF(text);
	FORMAT_BUF(time);
	FORMAT_BUF(row);

	put_label(&label, item->module, item->check, item->item);
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
	p->ops->row(p, state_name(state), (int)state, buf_text(&label), buf_text(&row));
}

static void write_not_looked_at(struct page *p, const struct report_item *item)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	put_label(&label, item->module, item->check, item->item);
	if (item->not_applicable)
		buf_printf(&text, SAY_NOT_APPLICABLE, item->not_applicable);
	else
		buf_puts(&text, SAY_NOT_LOOKED);
	p->ops->row(p, item->not_applicable ? SAY_NOT_HERE : SAY_WAITING, PAGE_NEUTRAL, buf_text(&label), buf_text(&text));
}

static bool has_event(const struct report *r, const struct report_item *item)
{
	for (size_t i = 0; i < r->n_events; i++)
		if (text_equal(r->events[i].check, item->check) && text_equal(r->events[i].item, item->item))
			return true;
	return false;
}

/* A line for each item, the worst first; with WITHOUT_EVENTS only for those that this mail is not about. */
static void write_items(struct page *p, const struct report *r, const char *heading, bool without_events)
{
	bool is_first = true;

	for (int rank = 0; rank <= 4; rank++) {
		for (size_t i = 0; i < r->n_items; i++) {
			const struct report_item *item = &r->items[i];
			bool looked = item_is_looked_at(item);

			if ((looked ? state_rank(item_state(item)) : 4) != rank || (without_events && has_event(r, item)))
				continue;
			if (is_first)
				p->ops->heading(p, heading);
			is_first = false;
			if (looked)
				write_looked_at(p, item);
			else
				write_not_looked_at(p, item);
		}
	}
}

static void write_event_row(struct page *p, const struct report *r, const struct report_event *e, bool with_time)
{
	FORMAT_BUF(label);
	FORMAT_BUF(text);

	put_event_label(&label, r, e);
	if (with_time) {
		format_time(&text, e->time_usec);
		buf_puts(&text, ", ");
	}
	if (event_is_recovery(e)) {
		FORMAT_BUF(duration);

		put_event_duration(&duration, e);
		buf_printf(&text, SAY_AFTER, buf_text(&duration));
	} else {
		put_event_text(&text, e);
	}
	p->ops->row(p, event_word(e), (int)event_state(e), buf_text(&label), buf_text(&text));
}

static void write_footer(struct page *p, const struct report *r)
{
	FORMAT_BUF(uptime);
	FORMAT_BUF(version);

	p->is_footer = true;
	p->ops->heading(p, HEADING_HOST);
	write_time(p, FIELD_TIME, r->now_usec);
	format_duration(&uptime, r->uptime_usec);
	p->ops->field(p, FIELD_UPTIME, buf_text(&uptime));
	write_time(p, FIELD_WATCHED, r->started_usec);
	if (r->next_report_usec)
		write_time(p, FIELD_NEXT, r->next_report_usec);
	else
		p->ops->field(p, FIELD_NEXT, SAY_NEXT_NONE);
	buf_printf(&version, "tocsin %s", r->version);
	p->ops->field(p, FIELD_VERSION, buf_text(&version));
}

/* The host as a whole. */
static void write_state_of_host(struct page *p, const struct report *r)
{
	struct counts c = count_items(r);
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
		write_event_row(p, r, &r->events[i], true);
	p->is_summary = false;
}

static void write_status(struct page *p, enum report_kind kind, const struct report *r)
{
	write_state_of_host(p, r);
	write_intro(p, kind, r);
	write_problems(p, r);
	if (kind == REPORT_STATUS)
		write_changes(p, r);
	write_items(p, r, HEADING_ALL, false);
}

static void write_event_summary(struct page *p, const struct report *r, const struct report_event *e)
{
	write_event_row(p, r, e, false);
}

static void write_events_by_rank(struct page *p, const struct report *r,
	void (*write)(struct page *p, const struct report *r, const struct report_event *e))
{
	for (int rank = 0; rank < 4; rank++)
		for (size_t i = 0; i < r->n_events; i++)
			if (state_rank(event_state(&r->events[i])) == rank)
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
	write_events_by_rank(p, r, write_event);
	write_items(p, r, HEADING_OTHERS, true);
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
