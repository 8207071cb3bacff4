/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of events: daemon-event.c (what has happened), daemon-incident.c, daemon-silence.c, daemon-test.c,
 * daemon-route.c (who waits to be told), daemon-journal.c. Everybody else uses daemon.h. */
#pragma once

#include "daemon.h"

#define WORDS_MAX 2000 /* bytes of what an event says */

/* ---- daemon-event.c ---- */

/* A happening of now, with a number of its own; NULL without memory. The caller fills in the rest and finishes it. */
struct happening *happening_new(struct daemon *d, enum alert_event event, const char *check, const char *item,
	const char *text);

/* It stands, with all that it says: it is logged, stored, and waits for whom it has to. It is the daemon's now. */
void happening_finish(struct daemon *d, struct happening *h);

/* The routes that want H. ITEM is NULL for what is about none, or about one that is no more: then nobody asks how bad it
 * was. */
uint64_t event_routes(const struct daemon *d, const struct happening *h, const struct item *item);

struct item *event_find_item(const struct daemon *d, const char *check, const char *item);

/* ---- daemon-journal.c ---- */

void happening_log(const struct happening *h);

/* ---- daemon-route.c ---- */

/* Its routes get H with their next mails; and those of all that waits. */
void routes_await(struct daemon *d, const struct happening *h);
void routes_await_all(struct daemon *d);

void routes_arm(struct daemon *d); /* the timer, for the next mail of any route */
void routes_free(struct daemon *d);

/* ---- daemon-silence.c ---- */

void silence_drop_expired(struct daemon *d, int64_t now_usec);
