/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The batches that tocsin-check runs: what goes to it, what it tells, and how it ends. When a batch dies or stalls, what it
 * has finished stands, the item that it had announced becomes UNKNOWN, and the checks that it had not come to go to the
 * next process at once. */
#include "look.h"

#include "log.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define WAIT_LIMIT_USEC (20 * USEC_PER_SEC) /* for a process to look with */
#define CALLERS_MAX 32 /* runs for `tocsin check` at once */
#define RUN_GRACE_USEC (2 * USEC_PER_SEC) /* on top of a check's own limit: for loading its module */

/* The sentences of this file. */
#define SAY_REMOVED _("the check was removed from the configuration")
#define SAY_STOPPING _("tocsind is stopping")
#define SAY_STUCK _("is stuck in the kernel")
#define SAY_STUCK_SINCE _("the check is stuck in the kernel since %s")
#define SAY_NOBODY _("nobody could look: no new tocsin-check process became ready")
/* TRANSLATORS: %s is how it ended: "crashed (SIGSEGV, …)" */
#define SAY_NOBODY_LAST _("nobody could look: no new tocsin-check process became ready; the last one %s")

static int on_no_checker(sd_event_source *source, uint64_t usec, void *userdata);

/* A run for `tocsin check` has ended: its items are shown. */
static void answer_caller(struct batch *b, struct check *c, const char *error)
{
	for (struct item *i = b->shown; i; i = i->next) {
		i->last = i->incoming;
		i->incoming = (struct result){ 0 };
	}
	control_looked(TAKE_PTR(b->caller), c, b->shown, error, b->is_not_applicable);
}

struct batch *batch_free(struct batch *b)
{
	for (struct batch **at = &b->daemon->batches; *at; at = &(*at)->next) {
		if (*at == b) {
			*at = b->next;
			break;
		}
	}
	if (b->caller)
		answer_caller(b, b->checks[0], SAY_STOPPING);
	sd_event_source_disable_unref(b->wait_source);
	items_free(b->shown);
	for (size_t i = 0; i < b->n; i++)
		free(b->names[i]);
	free(b->names);
	free(b->checks);
	free(b->item);
	free(b);
	return NULL;
}

struct batch *batch_new(struct daemon *d, size_t room)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->checks = calloc(room + 1, sizeof(*b->checks));
	b->names = calloc(room + 1, sizeof(*b->names));
	if (!b->checks || !b->names) {
		free(b->checks);
		free(b->names);
		free(b);
		return NULL;
	}
	b->daemon = d;
	daemon_set_timer(d, &b->wait_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), WAIT_LIMIT_USEC),
		on_no_checker, b);
	struct batch **end = &d->batches;
	while (*end)
		end = &(*end)->next;
	return *end = b;
}

int batch_add(struct batch *b, struct check *c)
{
	char *name = strdup(c->conf->name);

	if (!name)
		return -ENOMEM;
	b->names[b->n] = name;
	b->checks[b->n++] = c;
	return 0;
}

/* Cuts B after its first N checks. */
static void batch_cut(struct batch *b, size_t n)
{
	while (b->n > n)
		free(b->names[--b->n]);
}

void batches_forget(struct check *c)
{
	for (struct batch *b = c->daemon->batches; b; b = b->next) {
		for (size_t i = 0; i < b->n; i++) {
			if (b->checks[i] != c)
				continue;
			if (b->caller)
				answer_caller(b, c, SAY_REMOVED);
			b->checks[i] = NULL;
			if (i == b->at && b->helper)
				helper_kill(b->helper); /* the others in the batch do not wait for it */
		}
	}
}

/* The check of B that is looked at now is called NAME: the reports of any other are out of turn. */
static bool is_current(const struct batch *b, const char *name)
{
	return b->at < b->n && strcmp(b->names[b->at], name) == 0;
}

static void set_announced(struct batch *b, const char *item)
{
	free(b->item);
	b->item = item ? strdup(item) : NULL;
}

static void arm_deadline(struct batch *b)
{
	int64_t limit = RUN_GRACE_USEC;

	if (b->at < b->n) /* one that was removed while the batch ran still has its time */
		limit = usec_add(limit, b->checks[b->at] ? b->checks[b->at]->conf->timeout : USEC_PER_MINUTE);
	helper_set_deadline(b->helper, usec_add(clock_boottime_usec(), limit));
}

/* The item that a message is about, in the check or among those that are only shown. */
static struct item *reported_item(struct batch *b, struct check *c, const char *name, bool create)
{
	struct item **items = b->caller ? &b->shown : &c->items;
	struct item *item = item_find(*items, name);

	return item || !create ? item : item_add(items, c, name);
}

static int on_look(struct batch *b, struct check *c, struct msg *m)
{
	set_announced(b, m->field[1]);
	/* Each look begins with an announcement of the check's own name; what it takes from there on is its own time and not
	 * that of the checks before it in the batch. */
	if (c->begun_usec < c->started_usec)
		c->begun_usec = clock_boottime_usec();
	return 0;
}

static int on_item(struct batch *b, struct check *c, struct msg *m)
{
	enum tocsin_state state;
	struct item *item;

	if (state_parse(m->field[2], &state) < 0)
		return -EBADMSG;
	item = reported_item(b, c, m->field[1], true);
	if (!item)
		return 0; /* past the limit: the rest is as if it had not been reported */
	result_clear(&item->incoming);
	item->incoming = (struct result){ .state = state, .text = strdup(m->field[3]), .time_usec = clock_realtime_usec() };
	item->is_reported = item->incoming.text != NULL;
	set_announced(b, NULL);
	return 0;
}

static double to_double(const char *text)
{
	double value;

	return parse_number(text, &value) < 0 ? NAN : value;
}

static int on_metric(struct batch *b, struct check *c, struct msg *m)
{
	struct item *item = reported_item(b, c, m->field[1], false);
	const struct metric metric = {
		.name = (char *)m->field[2], .value = to_double(m->field[3]), .unit = (char *)m->field[4],
		.warning = to_double(m->field[5]), .critical = to_double(m->field[6]), .min = to_double(m->field[7]),
		.max = to_double(m->field[8]),
	};

	if (item)
		result_add_metric(&item->incoming, &metric);
	return 0;
}

static int on_evidence(struct batch *b, struct check *c, struct msg *m)
{
	struct item *item = reported_item(b, c, m->field[1], false);

	if (item)
		result_add_evidence(&item->incoming, m->field[2], m->field[3]);
	return 0;
}

static int on_remember(struct batch *b, struct check *c, struct msg *m)
{
	if (b->caller)
		return 0;
	look_remember(c, m->field[1], m->field[2], clock_realtime_usec());
	struct memory *memory = look_find_memory(c, m->field[1]);
	/* A pid that is the same at each look is no news for the state file: what a later start finds there may be older
	 * than it is by this pause. */
	if (memory && (memory->stored_usec == 0 || clock_boottime_usec() - memory->stored_usec >= STORE_PAUSE_USEC))
		state_put_memory(c->daemon, c, memory);
	return 0;
}

static int on_end(struct batch *b, struct check *c, struct msg *m)
{
	int64_t error;

	if (msg_number(m, 1, &error) < 0)
		return -EBADMSG;
	set_announced(b, NULL);
	b->at++;
	arm_deadline(b);
	b->is_not_applicable = error == EOPNOTSUPP;
	if (b->caller)
		answer_caller(b, c, error ? m->field[2] : NULL);
	else
		look_reported(c, error, m->field[2]);
	return 0;
}

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	static int (*const handlers[MSG_KINDS])(struct batch *b, struct check *c, struct msg *m) = {
		[MSG_LOOK] = on_look,
		[MSG_ITEM] = on_item,
		[MSG_METRIC] = on_metric,
		[MSG_EVIDENCE] = on_evidence,
		[MSG_REMEMBER] = on_remember,
		[MSG_WATCH] = watch_received,
		[MSG_END] = on_end,
	};
	struct batch *b = userdata;

	if (m->kind == MSG_DONE) {
		struct daemon *d = b->daemon;

		if (b->at < b->n) {
			log_warning("tocsin-check says it is done and is not");
			helper_kill(h);
			return;
		}
		batch_free(b);
		daemon_changed(d); /* what it told waits for its end */
		helper_sweep_strays();
		pool_give_back(d->checkers, h);
		return;
	}
	if (!handlers[m->kind]) {
		log_warning("tocsin-check sent '%s', which is not its to send", msg_name(m->kind));
		helper_kill(h);
		return;
	}
	if (!is_current(b, m->field[0]))
		return;
	struct check *c = b->checks[b->at];
	if (!c) { /* no longer configured: it is only waited for */
		if (m->kind == MSG_END) {
			b->at++;
			arm_deadline(b);
		}
		return;
	}
	if (handlers[m->kind](b, c, m) < 0)
		helper_kill(h);
}

/* The checks that the batch had not come to: into a new one. */
static void requeue_rest(struct batch *b)
{
	struct batch *rest = NULL;

	for (size_t i = b->at; i < b->n; i++) {
		struct check *c = b->checks[i];

		if (!c)
			continue;
		if (!rest)
			rest = batch_new(b->daemon, b->n);
		if (!rest || batch_add(rest, c) < 0) {
			c->batch = NULL;
			look_set_due(c, clock_boottime_usec());
			continue;
		}
		c->batch = rest;
	}
	batch_cut(b, b->at);
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct batch *b = userdata;
	struct daemon *d = b->daemon;
	_cleanup_buf_ struct buf text = BUF(500);
	struct check *c;

	c = b->at < b->n ? b->checks[b->at] : NULL;
	b->at += b->at < b->n;
	b->helper = NULL;
	b->is_stuck = helper_phase(h) == HELPER_STUCK;
	helper_describe_end(end, &text);
	if (c) {
		if (b->is_stuck) {
			buf_clear(&text);
			buf_puts(&text, SAY_STUCK);
			c->stuck_since_usec = clock_realtime_usec();
		}
		/* Once: its UNKNOWN says it from then on. */
		log_message(c->has_failed ? LOG_DEBUG : LOG_WARNING, "check %s %s%s%s", c->conf->name,
			b->is_stuck ? "is stuck in the kernel" : buf_text(&text), b->item ? " while it looked at " : "",
			b->item ? b->item : "");
		if (b->caller)
			answer_caller(b, c, buf_text(&text));
		else
			look_failed(c, b->item, buf_text(&text));
	}
	requeue_rest(b);
	for (size_t i = 0; i < b->n; i++)
		if (b->checks[i] != c)
			b->checks[i] = NULL; /* it hangs over C, if over any */
	if (!b->is_stuck)
		batch_free(b);
	batches_start(d);
}

/* A process that hung in the kernel is gone: its check may be looked at again. */
static void on_released(struct helper *h, void *userdata)
{
	struct batch *b = userdata;

	for (size_t i = 0; i < b->n; i++) {
		struct check *c = b->checks[i];

		if (!c)
			continue;
		log_notice("check %s: its process, stuck in the kernel, has ended", c->conf->name);
		c->stuck_since_usec = 0;
		if (!c->batch)
			look_set_due(c, clock_boottime_usec());
	}
	batch_free(b);
}

static const struct helper_callbacks batch_callbacks = {
	.message = on_message, .ended = on_ended, .released = on_released,
};

/* What woke the check may have more to say: a pidfd knows how its process ended. */
static int send_ready_watches(struct helper *h, const struct check *c)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->watches.n; i++) {
		const struct watch *w = c->watches.items[i];

		if (w->was_ready)
			r = helper_sendv_fd(h, MSG_WATCH, w->fd,
				(const char *const[]){ c->conf->name, MSG_NUMBER(w->events) }, 2);
	}
	return r;
}

static int send_check(struct helper *h, const struct check *c)
{
	int64_t now = clock_realtime_usec();

	int r = helper_send(h, MSG_CHECK, c->conf->name, c->conf->module, MSG_NUMBER(c->conf->timeout));
	for (size_t i = 0; r >= 0 && i < c->conf->n_options; i++)
		r = helper_send(h, MSG_OPTION, c->conf->name, c->conf->options[i].key, c->conf->options[i].value);
	for (size_t i = 0; r >= 0 && i < c->n_memory; i++) {
		const struct memory *m = &c->memory[i];
		int64_t age = now > m->time_usec ? now - m->time_usec : 0;

		r = helper_send(h, MSG_MEMORY, c->conf->name, m->name, m->value, MSG_NUMBER(age));
	}
	return r < 0 ? r : send_ready_watches(h, c);
}

/* Those that were removed from the configuration before the batch ran. */
static void drop_removed(struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (!b->checks[i]) {
			free(b->names[i]);
			continue;
		}
		b->checks[n] = b->checks[i];
		b->names[n++] = b->names[i];
	}
	b->n = n;
}

static void run_batch(struct batch *b, struct helper *h)
{
	int64_t now = clock_boottime_usec();
	int r = 0;

	drop_removed(b);
	b->wait_source = sd_event_source_disable_unref(b->wait_source);
	b->helper = h;
	for (size_t i = 0; r >= 0 && i < b->n; i++) {
		struct check *c = b->checks[i];

		if (!c)
			continue;
		if (!b->caller) {
			c->started_usec = now; /* looks of one batch are of one time */
			c->look_again = false;
		}
		r = send_check(h, c);
	}
	if (r >= 0)
		r = helper_send(h, MSG_RUN, "");
	if (r < 0) {
		log_error_errno(r, "cannot hand a batch of %zu checks to tocsin-check", b->n);
		helper_kill(h); /* `ended` makes the best of it */
		return;
	}
	arm_deadline(b);
}

void batches_start(struct daemon *d)
{
	if (d->is_stopping)
		return;
	for (struct batch *b = d->batches; b; b = b->next) {
		struct helper *h;

		if (b->helper || b->is_stuck)
			continue;
		h = pool_take(d->checkers, &batch_callbacks, b);
		if (!h)
			return; /* look_checker_available() goes on */
		run_batch(b, h);
	}
}

/* Nobody can look: the disk with the programs hangs, or they are gone. That is told, like everything that cannot be
 * seen, and tried again. */
static int on_no_checker(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct batch *b = userdata;
	const char *note = pool_note(b->daemon->checkers);
	_cleanup_buf_ struct buf text = BUF(1000);

	if (*note)
		buf_printf(&text, SAY_NOBODY_LAST, note);
	else
		buf_puts(&text, SAY_NOBODY);
	log_error("%zu check(s): %s", b->n, buf_text(&text));
	for (size_t i = 0; i < b->n; i++) {
		struct check *c = b->checks[i];

		if (c && b->caller) {
			answer_caller(b, c, buf_text(&text));
		} else if (c) {
			look_impossible(c, buf_text(&text));
		}
	}
	batch_free(b);
	return 0;
}

void look_checker_available(struct pool *p, void *userdata)
{
	struct daemon *d = userdata;

	daemon_changed(d);
	if (d->checkers)
		batches_start(d);
}

void batch_describe_stuck(struct buf *b, const struct check *c)
{
	_cleanup_buf_ struct buf since = BUF(100);

	format_time(&since, c->stuck_since_usec);
	buf_printf(b, SAY_STUCK_SINCE, buf_text(&since));
}

static size_t count_callers(const struct daemon *d)
{
	size_t n = 0;

	for (const struct batch *b = d->batches; b; b = b->next)
		n += b->caller != NULL;
	return n;
}

int look_now(struct daemon *d, const char *name, struct varlink_call *caller)
{
	struct check *c = look_find_check(d, name);
	struct batch *b;

	if (!c)
		return -ENOENT;
	if (c->stuck_since_usec) {
		_cleanup_buf_ struct buf text = BUF(200);

		batch_describe_stuck(&text, c);
		control_looked(caller, c, NULL, buf_text(&text), false);
		return 0;
	}
	if (count_callers(d) >= CALLERS_MAX)
		return -EBUSY;
	b = batch_new(d, 1);
	if (!b)
		return -ENOMEM;
	if (batch_add(b, c) < 0) {
		batch_free(b);
		return -ENOMEM;
	}
	b->caller = caller;
	batches_start(d);
	return 0;
}
