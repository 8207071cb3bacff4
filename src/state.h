/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The states of an item by name, and what one look at an item gave. Data only; who decides is alert.c. */
#pragma once

#include "cleanup.h"
#include "tocsin-check.h"

#include <stdbool.h>
#include <stdint.h>

/* "OK", "WARNING", "CRITICAL", "UNKNOWN": these words stand in mails, in the state file and on the socket. */
const char *state_name(enum tocsin_state state);

/* 0, or -EINVAL for any other word. */
int state_parse(const char *name, enum tocsin_state *ret);

/* The order in which people want to read: CRITICAL 0, UNKNOWN 1, WARNING 2, OK 3. */
int state_rank(enum tocsin_state state);

struct metric {
	char *name, *unit;
	double value, warning, critical, min, max; /* NAN: not given */
};

struct evidence {
	char *title, *text;
};

/* One result of one item. Owns its strings. */
struct result {
	enum tocsin_state state;
	char *text;
	int64_t time_usec; /* CLOCK_REALTIME of the look; 0: none yet */
	struct metric *metrics;
	size_t n_metrics;
	struct evidence *evidence;
	size_t n_evidence;
};

void result_clear(struct result *r); /* frees the content; R is then without a look */

/* Copies of the strings are kept. -ENOMEM; -E2BIG past 256 metrics or 32 pieces of evidence. */
int result_add_metric(struct result *r, const struct metric *metric);
int result_add_evidence(struct result *r, const char *title, const char *text);

/* A copy without what TO held. -ENOMEM: TO is not complete; result_clear() it. */
int result_copy(struct result *to, const struct result *from);

/* A copy of metrics; -ENOMEM, and then there is none. */
int metrics_copy(const struct metric *metrics, size_t n, struct metric **ret, size_t *ret_n);
void metrics_free(struct metric *metrics, size_t n);
