/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values over time in one line of text, a column for each. Pure. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

struct sparkline {
	const double *values; /* NAN: nothing was measured; a blank */
	size_t n;
	double low, high; /* of the scale; NAN: of the values, and of the critical limit */
	double warning, critical; /* limits, which show in colour when both are known; critical below warning: low is bad */
	bool has_colour, has_blocks; /* without blocks: ASCII */
};

void sparkline_append(struct buf *b, const struct sparkline *s);
