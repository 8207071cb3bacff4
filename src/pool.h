/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Helpers of one kind, one of them always ready ahead ("standby"), so that neither exec nor the disk lies on the way
 * of an alert.
 *
 * A helper that has worked is kept until its successor said MSG_READY and retires then: if the disk with the
 * executables hangs, the old one takes the next batch too. */
#pragma once

#include "helper.h"

struct pool;

struct pool_options {
	const char *what; /* for the log: "tocsin-mail" */
	struct helper_options helper; /* path and argv are copied */
	/* Called when a helper has started, to send it what it needs before it is ready. May be NULL. */
	void (*greet)(struct helper *h, void *userdata);
	/* A helper is ready, or has become free: who waits for one may call pool_take(). */
	void (*available)(struct pool *p, void *userdata);
	void *userdata;
};

int pool_new(sd_event *event, const struct pool_options *options, struct pool **ret);

/* Takes a ready helper for work and starts a successor; NULL: none is ready now, `available` follows. The callbacks
 * (all three) get its messages until pool_give_back(), or until it has ended, or was released after it was stuck;
 * they must not free it: the pool does. */
struct helper *pool_take(struct pool *p, const struct helper_callbacks *callbacks, void *userdata);

/* The work is done. */
void pool_give_back(struct pool *p, struct helper *h);

/* The configuration has changed: new helpers, started with ARGV and greeted again, take the place of all there are. */
int pool_renew(struct pool *p, const char *const *argv);

/* After pool_renew(): the helpers that were there before take nothing any more, though none of the new ones is ready. */
void pool_dismiss(struct pool *p);

/* Has one become ready, or is one at work? For READY=1 and status. */
bool pool_is_ready(const struct pool *p);

/* What is not as it should be, or "". */
const char *pool_note(const struct pool *p);

/* errno with which the memory of its helpers could not be locked; 0: it is. */
int pool_lock_error(const struct pool *p);

/* Ends all helpers, those at work too, without callbacks. */
struct pool *pool_free(struct pool *p);
