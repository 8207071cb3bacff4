/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at the host: when which check is due, the batches that tocsin-check runs, and what becomes of the results.
 *
 * All quick checks that are due together share one process; a slow one gets a process of its own. When a batch dies
 * or stalls, what it has finished stands, the item that it had announced becomes UNKNOWN, and the checks that it had
 * not come to go to the next process at once. */
#include "daemon.h"

#include "log.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <string.h>

#define TOGETHER_USEC (50 * USEC_PER_MSEC) /* checks that are due this soon join the batch */
#define WATCH_PAUSE_USEC (1 * USEC_PER_SEC) /* between two looks that watches ask for */
#define MEMORIES_MAX 1024 /* numbers that one check may remember */
#define STALLED_USEC (60 * USEC_PER_SEC) /* a due check that is not started for so long: the schedule hangs */
#define WAIT_LIMIT_USEC (20 * USEC_PER_SEC) /* for a process to look with */
#define CALLERS_MAX 32 /* runs for `tocsin check` at once */
#define RUN_GRACE_USEC (2 * USEC_PER_SEC) /* on top of a check's own limit: for loading its module */

struct batch {
	struct batch *next;
	struct daemon *daemon;
	struct helper *helper; /* NULL while it waits for one */
	struct check **checks; /* NULL for one that is no longer configured */
	char **names; /* of the same, as tocsin-check knows them */
	size_t n, at; /* checks[at] is the one that is looked at now */
	char *item; /* what it announced last, or NULL */
	struct varlink_call *caller; /* `tocsin check`: the result is shown and counts for nothing else */
	struct item *shown; /* items of a run for a caller */
	bool is_not_applicable; /* so ended its last check */
	sd_event_source *wait_source; /* while it waits for a helper */
	bool is_stuck; /* its process hangs in the kernel; kept, with the check that it hangs over, until it is released */
};

static void start_batches(struct daemon *d);
static int on_look_due(sd_event_source *source, uint64_t usec, void *userdata);
static int on_no_checker(sd_event_source *source, uint64_t usec, void *userdata);
static void answer_caller(struct batch *b, struct check *c, const char *error);

/* ---- checks ---- */

static int compare_names(const void *a, const void *b)
{
	const struct check *const *x = a, *const *y = b;

	return strcmp((*x)->conf->name, (*y)->conf->name);
}

static int compare_name(const void *name, const void *check)
{
	const struct check *const *c = check;

	return strcmp(name, (*c)->conf->name);
}

static struct check *find_by_name(struct check **by_name, size_t n, const char *name)
{
	struct check **found = n ? bsearch(name, by_name, n, sizeof(struct check *), compare_name) : NULL;

	return found ? *found : NULL;
}

struct check *look_find_check(const struct daemon *d, const char *name)
{
	return find_by_name(d->checks_by_name, d->n_checks, name);
}

static struct watch *watch_free(struct watch *w)
{
	if (w) {
		sd_event_source_disable_unref(w->source);
		close_fd(w->fd);
		w->check->daemon->n_watches--;
		free(w);
	}
	return NULL;
}

static void watches_clear(struct watch_list *watches)
{
	for (size_t i = 0; i < watches->n; i++)
		watch_free(watches->items[i]);
	free(watches->items);
	*watches = (struct watch_list){ 0 };
}

static struct check *check_free(struct check *c)
{
	if (!c)
		return NULL;
	for (struct batch *b = c->daemon->batches; b; b = b->next) {
		for (size_t i = 0; i < b->n; i++) {
			if (b->checks[i] != c)
				continue;
			if (b->caller)
				answer_caller(b, c, "the check was removed from the configuration");
			b->checks[i] = NULL;
			if (i == b->at && b->helper)
				helper_kill(b->helper); /* the others in the batch do not wait for it */
		}
	}
	watches_clear(&c->watches);
	watches_clear(&c->new_watches);
	free(c->dependents);
	items_free(c->items);
	for (size_t i = 0; i < c->n_memory; i++) {
		free(c->memory[i].name);
		free(c->memory[i].value);
	}
	free(c->memory);
	free(c->not_applicable);
	free(c);
	return NULL;
}

static struct memory *find_memory(struct check *c, const char *name)
{
	for (size_t i = 0; i < c->n_memory; i++)
		if (strcmp(c->memory[i].name, name) == 0)
			return &c->memory[i];
	return NULL;
}

void look_remember(struct check *c, const char *name, const char *value, int64_t time_usec)
{
	struct memory *m = find_memory(c, name);
	char *copy = strdup(value);

	if (!m && copy && c->n_memory < MEMORIES_MAX) {
		struct memory *grown = reallocarray(c->memory, c->n_memory + 1, sizeof(*grown));

		if (grown) {
			c->memory = grown;
			m = &grown[c->n_memory];
			*m = (struct memory){ .name = strdup(name) };
			c->n_memory += m->name != NULL;
			m = m->name ? m : NULL;
		}
	}
	if (!m || !copy) {
		free(copy);
		return;
	}
	if (!m->value || strcmp(m->value, value) != 0)
		m->stored_usec = 0;
	free(m->value);
	m->value = copy;
	m->time_usec = time_usec;
}

/* ---- the schedule ---- */

static void arm_look_timer(struct daemon *d)
{
	daemon_set_timer(d, &d->look_source, CLOCK_BOOTTIME, schedule_next(d->schedule), on_look_due, d);
}

static void set_due(struct check *c, int64_t due_usec)
{
	struct daemon *d = c->daemon;

	c->due_usec = due_usec;
	if (schedule_set(d->schedule, c->id, due_usec) < 0)
		log_error("no memory for the schedule; check %s pauses", c->conf->name);
	arm_look_timer(d);
}

void look_soon(struct check *c)
{
	if (c->batch)
		c->look_again = true;
	else if (c->stuck_since_usec == 0)
		set_due(c, clock_boottime_usec());
}

/* The earliest look that any item of the check wants, in phase with the interval otherwise. */
static int64_t next_due(const struct check *c)
{
	const struct alert_policy policy = notice_policy(&c->conf->alert);
	int64_t now = clock_boottime_usec();
	int64_t due = schedule_after(c->due_usec, policy.interval, now);

	for (const struct item *i = c->items; i; i = i->next) {
		int64_t wanted = alert_is_confirming(&i->alert) ?
			alert_next_look(&i->alert, &policy, c->started_usec) : USEC_NEVER;

		if (wanted < due)
			due = wanted;
	}
	return due < now ? now : due;
}

/* ---- results ---- */

/* The check could not look: whatever of it was not reported is UNKNOWN; if it never reported anything, the check itself
 * stands in as its only item. */
static void feed_unknown(struct check *c, const char *text)
{
	if (!c->items) {
		struct item *item = item_add(&c->items, c, c->conf->name);

		if (!item)
			return;
		item->stands_in = true;
	}
	for (struct item *i = c->items; i; i = i->next)
		if (!i->is_reported)
			item_feed_words(i, TOCSIN_UNKNOWN, text);
}

/* What a successful run did not report: gone for good after `forget`, UNKNOWN until then. */
static void feed_absent(struct check *c)
{
	int64_t now = clock_realtime_usec();
	struct item *next;

	for (struct item *i = c->items; i; i = next) {
		next = i->next;
		if (i->is_reported) {
			i->absent_since_usec = 0;
			continue;
		}
		if (i->stands_in) { /* the check reports items of its own now */
			item_feed_words(i, TOCSIN_OK, "the check works again");
			if (i->alert.incident == 0)
				item_remove(i);
			continue;
		}
		if (i->absent_since_usec == 0)
			i->absent_since_usec = now;
		if (now - i->absent_since_usec >= c->conf->alert.forget) {
			log_notice("%s: %s was not reported for so long that it is forgotten", c->conf->name, i->name);
			item_remove(i);
			continue;
		}
		item_feed_words(i, TOCSIN_UNKNOWN, "no longer reported");
	}
}

static void take_over_reports(struct check *c)
{
	for (struct item *i = c->items; i; i = i->next) {
		if (!i->is_reported)
			continue;
		result_clear(&i->last);
		i->last = i->incoming;
		i->incoming = (struct result){ 0 };
		i->stands_in = false;
		item_feed(i);
		history_looked(i);
	}
}

static int on_watch(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct watch *w = userdata;
	struct check *c = w->check;
	int64_t soonest = usec_add(c->started_usec, WATCH_PAUSE_USEC), now = clock_boottime_usec();

	w->was_ready = true;
	if (c->batch)
		c->look_again = true;
	else if (c->stuck_since_usec == 0)
		set_due(c, soonest > now ? soonest : now);
	return 0;
}

/* The watches of this run take the place of those of the last. */
static void take_over_watches(struct check *c)
{
	struct daemon *d = c->daemon;

	size_t n = 0;

	watches_clear(&c->watches);
	c->watches = c->new_watches;
	c->new_watches = (struct watch_list){ 0 };
	for (size_t i = 0; i < c->watches.n; i++) {
		struct watch *w = c->watches.items[i];
		int r = sd_event_add_io(d->event, &w->source, w->fd, w->events, on_watch, w);

		if (r >= 0)
			r = sd_event_source_set_enabled(w->source, SD_EVENT_ONESHOT);
		if (r < 0) {
			log_warning("%s: a descriptor cannot be watched: %s; polling remains", c->conf->name, strerror(-r));
			watch_free(w);
			continue;
		}
		c->watches.items[n++] = w;
	}
	c->watches.n = n;
}

static void forget_reports(struct check *c)
{
	struct item *next;

	for (struct item *i = c->items; i; i = next) {
		next = i->next;
		i->is_reported = false;
		result_clear(&i->incoming);
		if (i->last.time_usec == 0) /* announced, never reported */
			item_remove(i);
	}
}

/* One run of C has ended, well or not: it is scheduled again. */
static void check_ended(struct check *c)
{
	struct daemon *d = c->daemon;

	watches_clear(&c->new_watches);
	forget_reports(c);
	c->batch = NULL;
	c->has_looked = true;
	c->looked_usec = c->started_usec;
	c->took_usec = clock_boottime_usec() - (c->begun_usec < c->started_usec ? c->started_usec : c->begun_usec);
	c->ended_usec = clock_realtime_usec();
	item_reconsider_dependents(c);
	if (c->look_again) {
		c->look_again = false;
		set_due(c, usec_add(c->started_usec, WATCH_PAUSE_USEC));
	} else {
		set_due(c, next_due(c));
	}
	mail_looked(d);
	daemon_changed(d);
}

static void set_not_applicable(struct check *c, const char *text)
{
	if (!c->not_applicable)
		log_notice("%s: not applicable on this host: %s", c->conf->name, text);
	free(c->not_applicable);
	c->not_applicable = text ? strdup(text) : NULL;
}

/* The check said how its run went. */
static void check_reported(struct check *c, int64_t error, const char *text)
{
	c->has_failed = false;
	take_over_reports(c);
	if (error == EOPNOTSUPP) {
		set_not_applicable(c, text);
		while (c->items)
			item_remove(c->items);
	} else if (error) {
		feed_unknown(c, text);
	} else {
		feed_absent(c);
		take_over_watches(c);
		free(TAKE_PTR(c->not_applicable));
	}
	check_ended(c);
}

static bool all_are_reported(const struct check *c)
{
	for (const struct item *i = c->items; i; i = i->next)
		if (!i->is_reported)
			return false;
	return true;
}

/* The UNKNOWN of a check that did not come to its end must stand somewhere: at the item that was announced, if that was
 * never seen before; at the check itself, if every item was reported before its end. (Each look begins with an
 * announcement of the check's own name.) */
static void stand_in(struct check *c, const char *announced)
{
	bool is_new = announced && strcmp(announced, c->conf->name) != 0 && !item_find(c->items, announced);
	const char *name = is_new ? announced : c->conf->name;

	if (item_find(c->items, name) || (!is_new && !all_are_reported(c)))
		return;
	struct item *item = item_add(&c->items, c, name);
	if (item)
		item->stands_in = true;
}

/* The process died or stalled over the check. */
static void check_failed(struct check *c, const char *announced, const char *text)
{
	_cleanup_buf_ struct buf words = BUF(2000);

	c->has_failed = true;
	take_over_reports(c);
	stand_in(c, announced);
	buf_printf(&words, "the check %s", text);
	if (announced)
		buf_printf(&words, " while it looked at %s", announced);
	feed_unknown(c, buf_text(&words));
	check_ended(c);
}

/* ---- batches ---- */

static struct batch *batch_free(struct batch *b)
{
	for (struct batch **at = &b->daemon->batches; *at; at = &(*at)->next) {
		if (*at == b) {
			*at = b->next;
			break;
		}
	}
	if (b->caller)
		answer_caller(b, b->checks[0], "tocsind is stopping");
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

static struct batch *batch_new(struct daemon *d, size_t room)
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

static int batch_add(struct batch *b, struct check *c)
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
	struct memory *memory = find_memory(c, m->field[1]);
	/* A pid that is the same at each look is no news for the state file: what a later start finds there may be older
	 * than it is by this pause. */
	if (memory && (memory->stored_usec == 0 || clock_boottime_usec() - memory->stored_usec >= STORE_PAUSE_USEC))
		state_put_memory(c->daemon, c, memory);
	return 0;
}

/* Those of its last look are closed when this one ends. */
static bool has_room_for_watch(const struct check *c)
{
	struct daemon *d = c->daemon;

	if (d->n_watches - c->watches.n < d->watches_max)
		return true;
	if (!d->has_told_watches_max) {
		d->has_told_watches_max = true;
		log_warning("%s: more than %zu descriptors are to be watched, as many as the limit of open files (RLIMIT_NOFILE, "
			    "LimitNOFILE=) allows: of what is past that number changes are noticed by polling",
			c->conf->name, d->watches_max);
		mail_remark(d, "More than %zu descriptors are to be watched, which is what the limit of open files (LimitNOFILE= of "
			       "tocsin.service) allows: some checks notice changes only when their interval has passed.",
			d->watches_max);
	}
	return false;
}

static int on_new_watch(struct batch *b, struct check *c, struct msg *m)
{
	int64_t mask;

	if (msg_number(m, 1, &mask) < 0)
		return -EBADMSG;
	if (b->caller || c->new_watches.n == WATCHES_MAX || !has_room_for_watch(c))
		return 0;
	struct watch **grown = reallocarray(c->new_watches.items, c->new_watches.n + 1, sizeof(*grown));
	if (!grown)
		return 0;
	c->new_watches.items = grown;
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return 0;
	c->daemon->n_watches++;
	w->check = c;
	w->fd = TAKE_FD(m->fd);
	w->events = (uint32_t)(mask & (POLLIN | POLLPRI | POLLOUT | POLLRDHUP)); /* EPOLLIN … have the same values */
	grown[c->new_watches.n++] = w;
	return 0;
}

/* A run for `tocsin check` has ended: its items are shown. */
static void answer_caller(struct batch *b, struct check *c, const char *error)
{
	for (struct item *i = b->shown; i; i = i->next) {
		i->last = i->incoming;
		i->incoming = (struct result){ 0 };
	}
	control_looked(TAKE_PTR(b->caller), c, b->shown, error, b->is_not_applicable);
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
		check_reported(c, error, m->field[2]);
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
		[MSG_WATCH] = on_new_watch,
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
			set_due(c, clock_boottime_usec());
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
			buf_puts(&text, "is stuck in the kernel");
			c->stuck_since_usec = clock_realtime_usec();
		}
		/* Once: its UNKNOWN says it from then on. */
		log_message(c->has_failed ? LOG_DEBUG : LOG_WARNING, "check %s %s%s%s", c->conf->name, buf_text(&text),
			b->item ? " while it looked at " : "", b->item ? b->item : "");
		if (b->caller)
			answer_caller(b, c, buf_text(&text));
		else
			check_failed(c, b->item, buf_text(&text));
	}
	requeue_rest(b);
	for (size_t i = 0; i < b->n; i++)
		if (b->checks[i] != c)
			b->checks[i] = NULL; /* it hangs over C, if over any */
	if (!b->is_stuck)
		batch_free(b);
	start_batches(d);
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
			set_due(c, clock_boottime_usec());
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

static void start_batches(struct daemon *d)
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

	buf_puts(&text, "nobody could look: no new tocsin-check process became ready");
	if (*note)
		buf_printf(&text, "; the last one %s", note);
	log_error("%zu check(s): %s", b->n, buf_text(&text));
	for (size_t i = 0; i < b->n; i++) {
		struct check *c = b->checks[i];

		if (c && b->caller) {
			answer_caller(b, c, buf_text(&text));
		} else if (c) {
			c->started_usec = clock_boottime_usec();
			feed_unknown(c, buf_text(&text));
			check_ended(c);
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
		start_batches(d);
}

static void describe_stuck(struct buf *b, const struct check *c)
{
	buf_puts(b, "the check is stuck in the kernel since ");
	format_time(b, c->stuck_since_usec);
}

/* A check is due whose process hangs in the kernel: no second one is sent after it. */
static void look_at_stuck(struct check *c)
{
	_cleanup_buf_ struct buf text = BUF(200);

	describe_stuck(&text, c);
	c->started_usec = clock_boottime_usec();
	feed_unknown(c, buf_text(&text));
	check_ended(c);
}

static void add_due(struct daemon *d, struct check *c, struct batch **quick)
{
	struct batch *b;

	if (c->batch)
		return; /* its end schedules it */
	if (c->stuck_since_usec) {
		look_at_stuck(c);
		return;
	}
	/* One that cost its process at the last look may do so again: the others do not wait for that. */
	b = c->conf->is_slow || c->has_failed ? batch_new(d, 1) : *quick ? *quick : (*quick = batch_new(d, d->n_checks));
	if (!b || batch_add(b, c) < 0) {
		set_due(c, usec_add(clock_boottime_usec(), USEC_PER_SEC));
		return;
	}
	c->batch = b;
}

static int on_look_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	int64_t until = usec_add(clock_boottime_usec(), TOGETHER_USEC);
	struct batch *quick = NULL;
	size_t id;

	while (schedule_pop(d->schedule, until, &id))
		add_due(d, d->checks[id], &quick);
	start_batches(d);
	arm_look_timer(d);
	return 0;
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

		describe_stuck(&text, c);
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
	start_batches(d);
	return 0;
}

/* ---- beginning, reloading, ending ---- */

/* Of the old checks, the one that CONF goes on with, taken out of OLD; or a new one. */
static struct check *take_or_make(struct daemon *d, struct check **old, struct check **old_by_name, size_t n_old,
	const struct conf_check *conf)
{
	struct check *c = find_by_name(old_by_name, n_old, conf->name);

	if (c && strcmp(c->conf->module, conf->module) == 0)
		return TAKE_PTR(old[c->id]);
	c = calloc(1, sizeof(*c));
	if (c) {
		c->daemon = d;
		c->due_usec = clock_boottime_usec();
	}
	return c;
}

static void forget_check(struct check *c)
{
	log_notice("check %s is no longer configured", c->conf->name);
	while (c->items)
		item_remove(c->items);
	for (size_t i = 0; i < c->n_memory; i++)
		state_delete_memory(c->daemon, c, &c->memory[i]);
	check_free(c);
}

static void add_dependent(struct check *parent, struct check *c)
{
	struct check **grown = reallocarray(parent->dependents, parent->n_dependents + 1, sizeof(*grown));

	if (!grown)
		return; /* it is then looked at by its own interval only */
	parent->dependents = grown;
	grown[parent->n_dependents++] = c;
}

/* How checks find each other: by name, and from a check to those that depend on it. */
static void index_checks(struct daemon *d)
{
	memcpy(d->checks_by_name, d->checks, d->n_checks * sizeof(*d->checks));
	qsort(d->checks_by_name, d->n_checks, sizeof(*d->checks_by_name), compare_names);
	for (size_t i = 0; i < d->n_checks; i++) {
		free(TAKE_PTR(d->checks[i]->dependents));
		d->checks[i]->n_dependents = 0;
	}
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct tocsin_list *depends = &d->checks[i]->conf->alert.depends;

		for (size_t j = 0; j < depends->n; j++) {
			struct check *parent = look_find_check(d, depends->items[j]);

			if (parent)
				add_dependent(parent, d->checks[i]);
		}
	}
}

int look_configure(struct daemon *d)
{
	struct check **old = d->checks, **checks = calloc(d->conf->n_checks + 1, sizeof(*checks));
	struct check **old_by_name = d->checks_by_name, **by_name = calloc(d->conf->n_checks + 1, sizeof(*by_name));
	struct schedule *schedule = schedule_new();
	size_t n_old = d->n_checks;

	if (!checks || !by_name || !schedule) {
		free(checks);
		free(by_name);
		schedule_free(schedule);
		return -ENOMEM;
	}
	/* The old checks still point into the old configuration, which the caller frees after this. */
	d->checks = checks;
	d->checks_by_name = by_name;
	d->n_checks = d->n_looked = 0;
	schedule_free(d->schedule);
	d->schedule = schedule;
	for (size_t i = 0; i < d->conf->n_checks; i++) {
		struct check *c = take_or_make(d, old, old_by_name, n_old, &d->conf->checks[i]);

		if (!c)
			continue;
		c->id = d->n_checks;
		c->conf = &d->conf->checks[i];
		checks[d->n_checks++] = c;
	}
	free(old_by_name);
	index_checks(d);
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			forget_check(old[i]);
	free(old);
	return 0;
}

void look_start(struct daemon *d)
{
	int64_t now = clock_boottime_usec();

	for (size_t i = 0; i < d->n_checks; i++) {
		struct check *c = d->checks[i];

		if (!c->batch) {
			c->due_usec = now;
			set_due(c, now);
		}
	}
}

void look_stop(struct daemon *d)
{
	d->look_source = sd_event_source_disable_unref(d->look_source);
}

void look_free(struct daemon *d)
{
	look_stop(d);
	while (d->batches)
		batch_free(d->batches);
	for (size_t i = 0; i < d->n_checks; i++)
		check_free(d->checks[i]);
	free(d->checks);
	free(d->checks_by_name);
	d->schedule = schedule_free(d->schedule);
}

bool look_is_progressing(const struct daemon *d, int64_t now_usec)
{
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct check *c = d->checks[i];

		/* A check at work has a deadline, a waiting one is retried: those move. One that is due and not even in
		 * a batch has been forgotten. */
		if (!c->batch && now_usec - c->due_usec > STALLED_USEC)
			return false;
	}
	return true;
}

static struct report_item report_item_of(const struct item *item)
{
	static const struct incident nobody = { 0 };
	bool is_acknowledged = item->incident && item->alert.acknowledged_until_usec > clock_realtime_usec();
	const struct incident *i = is_acknowledged ? item->incident : &nobody;

	return (struct report_item){
		.check = item->check->conf->name, .item = item->name, .alert = &item->alert, .result = &item->last,
		.module = item->check->conf->module, .interval_usec = item->check->conf->alert.interval,
		.ack_who = i->ack_who, .ack_why = i->ack_why, .ack_until_usec = i->ack_until_usec,
	};
}

struct report_item *look_report_items(const struct daemon *d, size_t *ret_n)
{
	size_t n = 0, room = 1;

	for (size_t i = 0; i < d->n_checks; i++) {
		room++;
		for (const struct item *item = d->checks[i]->items; item; item = item->next)
			room++;
	}
	struct report_item *rows = calloc(room, sizeof(*rows));
	for (size_t i = 0; rows && i < d->n_checks; i++) {
		const struct check *c = d->checks[i];
		static const struct alert_state unseen = { 0 };
		static const struct result nothing = { 0 };

		for (const struct item *item = c->items; item; item = item->next)
			rows[n++] = report_item_of(item);
		if (!c->items)
			rows[n++] = (struct report_item){
				.check = c->conf->name, .item = c->conf->name, .alert = &unseen, .result = &nothing,
				.module = c->conf->module, .interval_usec = c->conf->alert.interval,
				.not_applicable = c->not_applicable,
			};
	}
	*ret_n = n;
	return rows;
}
