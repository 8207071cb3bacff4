/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others are told at an interval: node_exporter by a file, a dead man's switch by a ping. Each by a helper of its own,
 * as the one may hang with its disk and the other with its network; who has not answered is not asked again, and what is
 * late is never made up for. */
#include "daemon.h"

#include "log.h"

#include <errno.h>
#include <string.h>

#define TEXT_MAX (8 * 1024 * 1024) /* half of what a message holds */
#define GOOD "ok"
#define BAD "fail"

static void compose_metrics(const struct daemon *d, struct buf *b);
static void compose_heartbeat(const struct daemon *d, struct buf *b);

static const struct export_kind {
	const char *section, *program, *package;
	size_t target, every; /* in struct conf */
	int64_t limit_usec; /* the helper is killed then */
	bool tells_state; /* the target learns at once that the state word has changed */
	void (*compose)(const struct daemon *d, struct buf *b);
} kinds[EXPORTS] = {
	{ "metrics", "tocsin-metrics", "tocsin", offsetof(struct conf, metrics_textfile), offsetof(struct conf, metrics_every),
		10 * USEC_PER_SEC, false, compose_metrics },
	{ "heartbeat", "tocsin-heartbeat", "tocsin-check-http", offsetof(struct conf, heartbeat_url),
		offsetof(struct conf, heartbeat_every), 40 * USEC_PER_SEC, true, compose_heartbeat },
};

struct export {
	const struct export_kind *kind;
	struct daemon *daemon;
	struct helper *helper; /* or NULL */
	sd_event_source *source;
	bool is_asked; /* an answer is owed */
	bool has_trouble; /* the journal knows */
	const char *told; /* GOOD or BAD, at last; NULL: nothing yet */
};

static const char *target_of(const struct export *e)
{
	return *(const char *const *)((const char *)e->daemon->conf + e->kind->target);
}

static int64_t pause_of(const struct export *e)
{
	return *(const int64_t *)((const char *)e->daemon->conf + e->kind->every);
}

static const char *state_word(const struct daemon *d)
{
	for (size_t i = 0; i < d->n_checks; i++)
		for (const struct item *item = d->checks[i]->items; item; item = item->next)
			if (!item->alert.is_blind && item->alert.is_known && item->alert.state == TOCSIN_CRITICAL)
				return BAD;
	return GOOD;
}

static void compose_metrics(const struct daemon *d, struct buf *b)
{
	metrics_compose(d, b);
}

static void compose_heartbeat(const struct daemon *d, struct buf *b)
{
	buf_printf(b, "%s: %s\n", d->conf->host, d->status ? d->status : "");
}

/* ---- the helper ---- */

static void answered(struct export *e, const char *trouble)
{
	const struct export_kind *k = e->kind;

	e->is_asked = false;
	if (e->helper && helper_phase(e->helper) != HELPER_STUCK)
		helper_set_deadline(e->helper, USEC_NEVER);
	if (trouble && !e->has_trouble)
		log_error("[%s]: %s", k->section, trouble);
	else if (!trouble && e->has_trouble)
		log_notice("[%s]: it works again", k->section);
	e->has_trouble = trouble;
}

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	struct export *e = userdata;

	if (m->kind == MSG_DONE)
		answered(e, NULL);
	else if (m->kind == MSG_FAILED)
		answered(e, m->field[1]);
	else if (m->kind != MSG_READY)
		helper_kill(h);
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct export *e = userdata;
	_cleanup_buf_ struct buf why = BUF(500);

	buf_printf(&why, "%s ", e->kind->program);
	helper_describe_end(end, &why);
	if (!end->killed && end->status == 127)
		buf_printf(&why, "; is the package %s installed?", e->kind->package);
	if (helper_phase(h) != HELPER_STUCK)
		e->helper = helper_free(h);
	if (e->is_asked)
		answered(e, buf_text(&why));
}

static void on_released(struct helper *h, void *userdata)
{
	struct export *e = userdata;

	e->helper = helper_free(h);
}

static int start_helper(struct export *e)
{
	static const struct helper_callbacks callbacks = {
		.message = on_message, .ended = on_ended, .released = on_released,
	};
	_cleanup_free_ char *path = helper_path(e->kind->program);
	const char *argv[] = { e->kind->program, NULL };
	const struct helper_options options = { .path = path, .argv = argv, .dies_with_daemon = true };

	return path ? helper_start(e->daemon->event, &options, &callbacks, e, &e->helper) : -ENOMEM;
}

/* Neither path nor URL stands in a command line: everybody reads those, and the URL is a secret of a kind. */
static void tell(struct export *e)
{
	_cleanup_buf_ struct buf text = BUF(TEXT_MAX);
	const char *word = state_word(e->daemon);
	int r = e->helper ? 0 : start_helper(e);

	e->kind->compose(e->daemon, &text);
	if (r >= 0)
		r = buf_error(&text);
	if (r >= 0)
		r = helper_send(e->helper, MSG_EXPORT, target_of(e), word, buf_text(&text));
	if (r < 0) {
		answered(e, strerror(-r));
		return;
	}
	e->is_asked = true;
	e->told = word;
	helper_set_deadline(e->helper, usec_add(clock_boottime_usec(), e->kind->limit_usec));
}

static bool is_free(const struct export *e)
{
	return !e->is_asked && (!e->helper || helper_phase(e->helper) == HELPER_STARTING ||
				       helper_phase(e->helper) == HELPER_IDLE);
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct export *e = userdata;
	struct daemon *d = e->daemon;

	if (d->is_stopping || !target_of(e))
		return 0;
	daemon_set_timer(d, &e->source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), pause_of(e)), on_due, e);
	if (is_free(e))
		tell(e);
	return 0;
}

/* ---- beginning, ending ---- */

int export_configure(struct daemon *d)
{
	if (!d->exports)
		d->exports = calloc(EXPORTS, sizeof(*d->exports));
	if (!d->exports)
		return -ENOMEM;
	for (size_t i = 0; i < EXPORTS; i++) {
		struct export *e = &d->exports[i];

		e->kind = &kinds[i];
		e->daemon = d;
		if (!target_of(e) && e->helper && is_free(e))
			helper_retire(e->helper);
		if (d->is_ready)
			daemon_set_timer(d, &e->source, CLOCK_BOOTTIME, target_of(e) ? clock_boottime_usec() : USEC_NEVER,
				on_due, e);
	}
	return 0;
}

void export_turn(struct daemon *d)
{
	for (size_t i = 0; d->is_ready && !d->is_stopping && i < EXPORTS; i++) {
		struct export *e = &d->exports[i];

		if (target_of(e) && e->kind->tells_state && e->told && e->told != state_word(d) && is_free(e))
			tell(e);
	}
}

void export_free(struct daemon *d)
{
	for (size_t i = 0; d->exports && i < EXPORTS; i++) {
		sd_event_source_disable_unref(d->exports[i].source);
		helper_free(d->exports[i].helper);
	}
	free(TAKE_PTR(d->exports));
}
