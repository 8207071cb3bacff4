/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of one check: the functions of tocsin-check.h that a module calls, and the limits on what it may say.
 *
 * Each call becomes a message to the daemon at once, so that what was said stands if the process dies. If the daemon
 * cannot be told, nobody listens any more: the process ends. It knows nothing of batches, options or loading. */
#pragma once

#include "buf.h"
#include "tocsin-check.h"

#include <stdbool.h>
#include <sys/types.h>

#define RUN_ITEMS_MAX 4096
#define RUN_ITEM_BYTES 255
#define RUN_TEXT_BYTES 4096
#define RUN_METRICS_MAX 256 /* for each item */
#define RUN_EVIDENCE_MAX 32 /* for each item */
#define RUN_EVIDENCE_BYTES (64 * 1024)
#define RUN_EVIDENCE_TOTAL_BYTES (4 * 1024 * 1024) /* in one run */
#define RUN_WATCHES_MAX 64
#define RUN_MEMORIES_MAX 4096
#define RUN_KEY_BYTES 255

struct msg;

/* What the check remembered in an earlier run. */
struct run_memory {
	const char *key;
	double value;
	int64_t age_usec;
};

struct run_item {
	char *name;
	unsigned n_metrics, n_evidence;
};

struct tocsin_run {
	int socket;
	const char *check; /* its name */
	const char *root; /* "" for the real one */
	uint64_t batch;
	pid_t pid; /* of the runner: a child that the module forked must not speak */
	const struct run_memory *memory;
	size_t n_memory;
	struct msg *const *ready; /* MSG_WATCH of the last run's descriptors that became ready */
	size_t n_ready;

	struct run_item *items;
	size_t n_items;
	size_t n_watches, n_memories, n_evidence_bytes;
	struct buf reason; /* why it could not look */
	struct buf fault; /* the first thing that the module did wrong */
	bool was_told; /* the log got a line about what was dropped */
};

/* Sends MSG_END for a run() that returned RESULT, and frees what RUN holds. */
void run_end(struct tocsin_run *run, int result);

/* Sends MSG_END for a check that never ran. */
void run_refuse(struct tocsin_run *run, int error, const char *why);
