/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States over time in one line; see timeline.h. */
#include "timeline.h"

/* By how bad they are. */
static const struct {
	const char *block, *ascii, *colour;
} cells[] = {
	{ " ", " ", "" },
	{ "▁", "-", "\033[32m" },
	{ "▄", "w", "\033[33m" },
	{ "?", "?", "\033[35m" },
	{ "█", "C", "\033[31m" },
};

static const unsigned char rank_of[] = {
	[TOCSIN_OK] = 1, [TOCSIN_WARNING] = 2, [TOCSIN_UNKNOWN] = 3, [TOCSIN_CRITICAL] = 4,
};

void timeline_add(struct timeline *t, enum tocsin_state state, int64_t from_usec, int64_t to_usec)
{
	int64_t span = t->n ? (t->until_usec - t->since_usec) / (int64_t)t->n : 0;

	from_usec = from_usec > t->since_usec ? from_usec : t->since_usec;
	to_usec = to_usec < t->until_usec ? to_usec : t->until_usec;
	if (span <= 0 || from_usec >= to_usec)
		return;
	for (size_t i = (size_t)((from_usec - t->since_usec) / span); i < t->n; i++) {
		if (t->since_usec + (int64_t)i * span >= to_usec)
			return;
		if (t->worst[i] < rank_of[state])
			t->worst[i] = rank_of[state];
	}
}

void timeline_append(struct buf *b, const struct timeline *t, bool has_colour, bool has_blocks)
{
	unsigned char before = 0;

	for (size_t i = 0; i < t->n; i++) {
		unsigned char rank = t->worst[i];

		if (has_colour && rank != before)
			buf_puts(b, rank ? cells[rank].colour : "\033[0m");
		before = rank;
		buf_puts(b, has_blocks ? cells[rank].block : cells[rank].ascii);
	}
	buf_puts(b, has_colour && before ? "\033[0m" : "");
}
