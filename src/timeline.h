/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States over time in one line of text: the worst state in each of N equal spans. Pure. */
#pragma once

#include "buf.h"
#include "tocsin-check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMELINE_MAX 200

struct timeline {
	int64_t since_usec, until_usec;
	size_t n; /* spans, at most TIMELINE_MAX */
	unsigned char worst[TIMELINE_MAX]; /* 0: nothing is known */
};

/* Something was in STATE between two times; what lies outside is left out. */
void timeline_add(struct timeline *t, enum tocsin_state state, int64_t from_usec, int64_t to_usec);

/* ▁ OK, ▄ WARNING, ? UNKNOWN, █ CRITICAL, a blank where nothing is known; in ASCII - w ? C. */
void timeline_append(struct buf *b, const struct timeline *t, bool has_colour, bool has_blocks);
