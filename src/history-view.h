/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The charts of `tocsin history`, from the answers of the control socket: a line for each metric, with what it lay between
 * and its limit, fitted to a terminal of any width. Pure. */
#pragma once

#include "buf.h"
#include "terminal.h"

#include <jansson.h>
#include <stdint.h>

#define HISTORY_VIEW_COLUMNS 96 /* of a line over time; a longer one tells no more */

struct history_view {
	struct terminal terminal; /* without one there is nothing to see */
	int64_t since_usec, until_usec; /* realtime */
	/* Each is what the method Samples answered, with check, item and metric, and the metric's warning, critical, min and
	 * max of the method Status. Those without points are left out. */
	const json_t *series;
};

void history_view_append(struct buf *b, const struct history_view *v);

/* When a line of COLUMNS over time begins, and that it ends now. */
void history_view_append_axis(struct buf *b, int64_t since_usec, int64_t until_usec, size_t columns);
