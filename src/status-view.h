/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `tocsin status` shows, from the answers of the control socket (Status, Charts): worst first, and fitted to a
 * terminal of any width. Pure. */
#pragma once

#include "buf.h"
#include "terminal.h"

#include <jansson.h>
#include <stdint.h>

struct status_view {
	struct terminal terminal; /* without one lines are as long as they are, and nothing is cut */
	int64_t now_usec; /* realtime */
	const json_t *status; /* of the method Status */
	const json_t *charts; /* of the method Charts; NULL: there is no history */
};

void status_view_append(struct buf *b, const struct status_view *v);

/* The mails of the outbox alone, and the silences; nothing where there are none. */
void status_view_append_mails(struct buf *b, const struct status_view *v);
void status_view_append_silences(struct buf *b, const struct status_view *v);

/* The escape sequence that a state word begins with, or "" for what is none. */
const char *status_view_colour(const char *state);
