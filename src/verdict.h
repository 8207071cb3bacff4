/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a check module found about one item, put together: the worst state and the sentences that belong to it; and
 * sizes and durations as short texts for such sentences. For check modules only; it reports nothing itself. */
#pragma once

#include "buf.h"
#include "tocsin-check.h"

/* The worst finding and the sentence about it; what is equally bad is added. */
struct verdict {
	enum tocsin_state state;
	struct buf text;
};

#define VERDICT ((struct verdict){ .state = TOCSIN_OK, .text = BUF(4096) })

/* FORMAT is looked up. TOCSIN_OK is no finding. UNKNOWN is the largest number and so outranks all: report it instead of
 * adding it. */
void verdict_add(struct verdict *v, enum tocsin_state state, const char *format, ...) _printf_(3, 4);
void verdict_free(struct verdict *v);

#define _cleanup_verdict_ _cleanup_(verdict_free)

struct short_text {
	char text[32];
};

struct short_text short_size(double bytes); /* "9.60 GiB" */
struct short_text short_duration(int64_t usec); /* "1 h 12 min" */
