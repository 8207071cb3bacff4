/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pool.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <string.h>

#define START_LIMIT_USEC (60 * USEC_PER_SEC) /* from exec to MSG_READY; a slow disk is no reason to give up */
#define RESTART_FIRST_USEC (1 * USEC_PER_SEC)
#define RESTART_MOST_USEC (60 * USEC_PER_SEC)

struct member {
	struct member *next;
	struct pool *pool;
	struct helper *helper;
	bool was_ready, has_worked, is_dismissed;
	const struct helper_callbacks *callbacks; /* of who has taken it, or NULL */
	void *userdata;
};

struct pool {
	sd_event *event;
	struct pool_options options;
	char *path, **argv, *note;
	int lock_error;
	struct member *members;
	sd_event_source *restart_source;
	int64_t restart_usec; /* the pause before the next start after a failed one */
};

static void pool_fill(struct pool *p);

static void member_remove(struct member *m)
{
	for (struct member **at = &m->pool->members; *at; at = &(*at)->next) {
		if (*at == m) {
			*at = m->next;
			break;
		}
	}
	helper_free(m->helper);
	free(m);
}

static bool is_fresh(const struct member *m)
{
	return !m->has_worked && helper_phase(m->helper) <= HELPER_IDLE;
}

/* A successor is ready: who has worked and is idle may go. */
static void retire_workers(struct pool *p)
{
	for (struct member *m = p->members; m; m = m->next)
		if (m->has_worked && helper_phase(m->helper) == HELPER_IDLE)
			helper_retire(m->helper);
}

static void set_note(struct pool *p, const char *text)
{
	char *note = strdup(text);

	if (!note)
		return;
	free(p->note);
	p->note = note;
}

static void on_ready(struct pool *p, struct member *m)
{
	m->was_ready = true;
	p->restart_usec = RESTART_FIRST_USEC;
	if (*helper_note(m->helper) && strcmp(p->note, helper_note(m->helper)) != 0)
		log_notice("%s: %s", p->options.what, helper_note(m->helper));
	set_note(p, helper_note(m->helper));
	if (helper_lock_error(m->helper) && p->lock_error != helper_lock_error(m->helper))
		log_notice("%s: memory is not locked: %s", p->options.what, strerror(helper_lock_error(m->helper)));
	p->lock_error = helper_lock_error(m->helper);
	helper_set_deadline(m->helper, USEC_NEVER);
	if (m->is_dismissed) {
		helper_retire(m->helper);
		return;
	}
	if (!m->has_worked) /* pool_renew() overtook it: it is no successor, and serves until there is one */
		retire_workers(p);
	p->options.available(p, p->options.userdata);
}

static void on_message(struct helper *h, struct msg *message, void *userdata)
{
	struct member *m = userdata;

	if (message->kind == MSG_READY && !m->was_ready)
		on_ready(m->pool, m);
	else if (m->callbacks)
		m->callbacks->message(h, message, m->userdata);
	else
		helper_kill(h); /* speaks without being asked */
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pool *p = userdata;

	p->restart_source = sd_event_source_disable_unref(p->restart_source);
	pool_fill(p);
	return 0;
}

/* One could not be started: try again, ever less often. */
static void restart_later(struct pool *p)
{
	if (p->restart_source)
		return;
	int r = sd_event_add_time(p->event, &p->restart_source, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_usec() + p->restart_usec), USEC_PER_MSEC, on_restart, p);
	if (r < 0)
		log_error_errno(r, "%s: cannot set a timer", p->options.what);
	p->restart_usec = p->restart_usec * 2 > RESTART_MOST_USEC ? RESTART_MOST_USEC : p->restart_usec * 2;
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct member *m = userdata;
	struct pool *p = m->pool;
	const struct helper_callbacks *callbacks = m->callbacks;
	bool ended_idle = !m->has_worked; /* not retired, not at work: something is wrong with it */

	if (!m->was_ready) {
		_cleanup_buf_ struct buf why = BUF(1000);

		helper_describe_end(end, &why);
		log_error("%s %s before it was ready", p->options.what, buf_text(&why));
		set_note(p, buf_text(&why));
	}
	if (helper_phase(h) != HELPER_STUCK)
		m->callbacks = NULL;
	if (callbacks)
		callbacks->ended(h, end, m->userdata);
	if (helper_phase(h) != HELPER_STUCK) {
		member_remove(m);
		helper_sweep_strays();
	}
	if (ended_idle)
		restart_later(p);
	else
		pool_fill(p);
}

static void on_released(struct helper *h, void *userdata)
{
	struct member *m = userdata;

	struct pool *p = m->pool;

	if (m->callbacks)
		m->callbacks->released(h, m->userdata);
	member_remove(m);
	helper_sweep_strays();
	pool_fill(p);
}

static const struct helper_callbacks pool_callbacks = {
	.message = on_message, .ended = on_ended, .released = on_released,
};

/* The disk with the executables hangs, and that one with it: more of them would only hang beside it. */
static bool is_stuck_at_start(const struct member *m)
{
	return !m->was_ready && helper_phase(m->helper) == HELPER_STUCK;
}

/* Sees to it that one fresh helper is ready or on its way. */
static void pool_fill(struct pool *p)
{
	for (const struct member *m = p->members; m; m = m->next)
		if (is_fresh(m) || is_stuck_at_start(m))
			return;
	if (p->restart_source)
		return;

	struct member *m = calloc(1, sizeof(*m));
	if (!m) {
		restart_later(p);
		return;
	}
	m->pool = p;
	int r = helper_start(p->event, &p->options.helper, &pool_callbacks, m, &m->helper);
	if (r < 0) {
		log_error_errno(r, "cannot start %s", p->options.what);
		free(m);
		restart_later(p);
		return;
	}
	m->next = p->members;
	p->members = m;
	helper_set_deadline(m->helper, usec_add(clock_boottime_usec(), START_LIMIT_USEC));
	if (p->options.greet)
		p->options.greet(m->helper, p->options.userdata);
}

struct helper *pool_take(struct pool *p, const struct helper_callbacks *callbacks, void *userdata)
{
	struct member *best = NULL;

	for (struct member *m = p->members; m; m = m->next)
		if (helper_phase(m->helper) == HELPER_IDLE && (!best || best->has_worked))
			best = m;
	if (!best)
		return NULL;
	best->has_worked = true;
	best->callbacks = callbacks;
	best->userdata = userdata;
	helper_set_busy(best->helper, true);
	pool_fill(p);
	return best->helper;
}

void pool_give_back(struct pool *p, struct helper *h)
{
	struct member *m = helper_userdata(h);
	bool has_successor = m->is_dismissed;

	m->callbacks = NULL;
	helper_set_deadline(h, USEC_NEVER);
	helper_set_busy(h, false);
	for (const struct member *other = p->members; other; other = other->next)
		has_successor |= is_fresh(other) && helper_phase(other->helper) == HELPER_IDLE;
	if (has_successor)
		helper_retire(h);
	else
		p->options.available(p, p->options.userdata);
}

bool pool_is_ready(const struct pool *p)
{
	for (const struct member *m = p->members; m; m = m->next)
		if (helper_phase(m->helper) == HELPER_IDLE || helper_phase(m->helper) == HELPER_BUSY)
			return true;
	return false;
}

const char *pool_note(const struct pool *p)
{
	return p->note;
}

int pool_lock_error(const struct pool *p)
{
	return p->lock_error;
}

static void free_argv(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}

static char **copy_argv(const char *const *argv)
{
	size_t n = 0;

	while (argv[n])
		n++;
	char **copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(argv[i]);
		if (!copy[i]) {
			free_argv(copy);
			return NULL;
		}
	}
	return copy;
}

int pool_renew(struct pool *p, const char *const *argv)
{
	char **copy = copy_argv(argv);

	if (!copy)
		return -ENOMEM;
	free_argv(p->argv);
	p->argv = copy;
	p->options.helper.argv = (const char *const *)copy;
	for (struct member *m = p->members; m; m = m->next)
		m->has_worked = true; /* so it serves only until a successor is ready */
	pool_fill(p);
	return 0;
}

void pool_dismiss(struct pool *p)
{
	for (struct member *m = p->members; m; m = m->next)
		m->is_dismissed = m->has_worked;
	retire_workers(p);
}

int pool_new(sd_event *event, const struct pool_options *options, struct pool **ret)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	p->options = *options;
	p->path = strdup(options->helper.path);
	p->argv = copy_argv(options->helper.argv);
	p->note = strdup("");
	p->restart_usec = RESTART_FIRST_USEC;
	if (!p->path || !p->argv || !p->note) {
		pool_free(p);
		return -ENOMEM;
	}
	p->options.helper.path = p->path;
	p->options.helper.argv = (const char *const *)p->argv;
	pool_fill(p);
	*ret = p;
	return 0;
}

struct pool *pool_free(struct pool *p)
{
	if (!p)
		return NULL;
	while (p->members)
		member_remove(p->members);
	sd_event_source_disable_unref(p->restart_source);
	sd_event_unref(p->event);
	free_argv(p->argv);
	free(p->path);
	free(p->note);
	free(p);
	return NULL;
}
