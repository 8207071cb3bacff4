/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of looking: daemon-check.c (which checks there are), daemon-look.c (when they are due, and what results
 * mean), daemon-batch.c (the processes that look), daemon-watch.c. Everybody else uses daemon.h. */
#pragma once

#include "daemon.h"

#define WATCH_PAUSE_USEC (1 * USEC_PER_SEC) /* between two looks that watches ask for */

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

/* ---- daemon-check.c ---- */

struct memory *look_find_memory(struct check *c, const char *name);

/* ---- daemon-look.c ---- */

void look_set_due(struct check *c, int64_t due_usec); /* boottime */

/* One run of C has ended: tocsin-check said how (ERROR 0, or an errno with TEXT), or died or stalled over it while it
 * looked at ANNOUNCED (or NULL), or there was none to look with. It is scheduled again. */
void look_reported(struct check *c, int64_t error, const char *text);
void look_failed(struct check *c, const char *announced, const char *text);
void look_impossible(struct check *c, const char *text);

/* ---- daemon-batch.c ---- */

struct batch *batch_new(struct daemon *d, size_t room); /* for so many checks; NULL without memory */
struct batch *batch_free(struct batch *b);
int batch_add(struct batch *b, struct check *c);
void batches_start(struct daemon *d); /* those for which there is a process */
void batches_forget(struct check *c); /* it is no longer configured */
void batch_describe_stuck(struct buf *b, const struct check *c);

/* ---- daemon-watch.c ---- */

int watch_received(struct batch *b, struct check *c, struct msg *m); /* a MSG_WATCH */
void watches_take_over(struct check *c); /* those of the run that has ended take the place of those of the last */
void watches_clear(struct watch_list *watches);
