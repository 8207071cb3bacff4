/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The status page: soon after a state has changed, and once a minute because values do. A process writes it, so that a disk that
 * hangs costs the page and nothing else; while that process is stuck no second one is started. */
#include "daemon.h"

#include "log.h"
#include "text.h"
#include "units.h"

#include <errno.h>
#include <string.h>

#define EVERY_USEC USEC_PER_MINUTE
#define APART_USEC (5 * USEC_PER_SEC) /* between two, however much happens */
#define WRITE_LIMIT_USEC (30 * USEC_PER_SEC)
#define INCIDENTS_USEC (7 * USEC_PER_DAY)
#define INCIDENTS_MAX 100

static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

static bool is_wanted(const struct daemon *d)
{
	return d->is_ready && !d->is_stopping && d->conf && d->conf->page_file;
}

static void arm(struct daemon *d, int64_t when_usec)
{
	daemon_set_timer(d, &d->page.timer, CLOCK_BOOTTIME, is_wanted(d) ? when_usec : USEC_NEVER, on_due, d);
}

/* ---- the writer ---- */

/* Told once, until it works again. */
static void note_trouble(struct daemon *d, const char *why)
{
	if (why && !text_equal(d->page.trouble, why))
		log_warning("the status page %s was not written: %s", d->conf && d->conf->page_file ? d->conf->page_file : "", why);
	else if (!why && d->page.trouble)
		log_notice("the status page is written again");
	free(d->page.trouble);
	d->page.trouble = why ? strdup(why) : NULL;
}

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	_cleanup_buf_ struct buf why = BUF(1000);

	if (m->kind == MSG_DONE) {
		note_trouble(userdata, NULL);
	} else if (m->kind == MSG_FAILED) {
		buf_printf(&why, "%s: %s", m->field[0], m->field[1]);
		note_trouble(userdata, buf_text(&why));
	} else {
		helper_kill(h);
	}
}

static void on_released(struct helper *h, void *userdata)
{
	struct daemon *d = userdata;

	d->page.writer = helper_free(h);
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct daemon *d = userdata;
	_cleanup_buf_ struct buf why = BUF(500);

	if (end->timed_out || end->killed || end->broke_protocol) {
		buf_puts(&why, "tocsin-page ");
		helper_describe_end(end, &why);
		note_trouble(d, buf_text(&why));
	}
	if (helper_phase(h) != HELPER_STUCK)
		on_released(h, d);
}

static int start_writer(struct daemon *d, const char *page)
{
	static const struct helper_callbacks callbacks = { .message = on_message, .ended = on_ended, .released = on_released };
	_cleanup_free_ char *path = helper_path("tocsin-page");
	const char *argv[] = { "tocsin-page", d->conf->page_file, NULL };
	const struct helper_options options = { .path = path, .argv = argv, .dies_with_daemon = true };

	if (!path)
		return -ENOMEM;
	int r = helper_start(d->event, &options, &callbacks, d, &d->page.writer);
	if (r < 0)
		return r;
	r = helper_send(d->page.writer, MSG_PAGE, page);
	if (r >= 0)
		r = helper_set_deadline(d->page.writer, usec_add(clock_boottime_usec(), WRITE_LIMIT_USEC));
	if (r < 0)
		d->page.writer = helper_free(d->page.writer);
	return r;
}

/* ---- what stands in it ---- */

static struct report_incident incident_of(const struct history_row *row)
{
	const char *const *v = row->column; /* in the order of store.h */
	struct report_incident i = { .check = v[1], .item = v[2], .module = v[3], .text = v[7] };

	parse_int(v[0], &i.number);
	parse_int(v[4], &i.opened_usec);
	parse_int(v[5], &i.closed_usec);
	if (state_parse(v[6], &i.worst) < 0)
		i.worst = TOCSIN_UNKNOWN;
	return i;
}

static void write_page(struct daemon *d, const struct report_incident *incidents, size_t n)
{
	_cleanup_free_ char *page = mail_page(d, incidents, n);
	int r = page ? start_writer(d, page) : -ENOMEM;

	if (r < 0)
		note_trouble(d, strerror(-r));
}

/* Without an answer there is a page all the same. */
static void on_incidents(int error, const struct history_row *rows, size_t n, void *userdata)
{
	struct daemon *d = userdata;
	struct report_incident list[INCIDENTS_MAX + 1];

	d->page.is_asking = false;
	if (!is_wanted(d) || d->page.writer)
		return;
	for (size_t i = 0; i < n && i < INCIDENTS_MAX; i++)
		list[i] = incident_of(&rows[n - 1 - i]);
	write_page(d, error ? NULL : list, n < INCIDENTS_MAX ? n : INCIDENTS_MAX);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	int64_t now = clock_realtime_usec();

	d->page.begun_usec = clock_boottime_usec();
	arm(d, usec_add(d->page.begun_usec, EVERY_USEC));
	if (d->page.writer || d->page.is_asking) /* stuck; its end is not waited for */
		return 0;
	d->page.is_asking = true;
	if (history_query(d, "incident", now - INCIDENTS_USEC, now, "", INCIDENTS_MAX, on_incidents, d) < 0)
		on_incidents(-EIO, NULL, 0, d);
	return 0;
}

/* ---- life ---- */

void page_changed(struct daemon *d)
{
	int64_t now = clock_boottime_usec(), earliest = usec_add(d->page.begun_usec, APART_USEC);

	arm(d, d->page.begun_usec && earliest > now ? earliest : now);
}

void page_configure(struct daemon *d)
{
	page_changed(d);
}

void page_free(struct daemon *d)
{
	d->page.timer = sd_event_source_disable_unref(d->page.timer);
	d->page.writer = helper_free(d->page.writer);
	free(d->page.trouble);
}
