/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A metric over a day or a week as a small picture: its course with the least and the greatest values around the mean, its
 * limits, hatched where nothing was measured, dotted where it will be if it goes on as it did. Numbers and times only, no
 * words: those stand in the mail, in its language. Pure. */
#pragma once

#include "buf.h"
#include "trend.h"

/* Of the picture; it is shown at half the size, so that it is sharp on fine screens too. */
#define CHART_WIDTH 640
#define CHART_HEIGHT 264

struct chart {
	const struct trend_view *view;
	int64_t interval_usec; /* between two looks: what lasts longer than two of them is a gap */
	const char *unit; /* of struct metric */
	double warning, critical, min, max; /* NAN: none */
	double slope; /* of trend_fit(): the picture goes on with it for a quarter of its time; NAN: it does not */
};

/* Appends a PNG file of 2 to 5 KB. -EINVAL: there is nothing to draw, as nothing was measured; -ENOMEM, or the error of B. */
int chart_draw(struct buf *b, const struct chart *c);
