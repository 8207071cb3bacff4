/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coalescing: which events share a mail. Pure.
 *
 * The first event of a quiet host waits `group_wait` for its companions; what follows is collected: the next mail
 * after `group_second`, then at most one per `group_interval`, until nothing has happened for a `group_interval`.
 * All times are CLOCK_BOOTTIME µs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct group_policy {
	int64_t wait, second, interval; /* µs */
};

struct group {
	bool is_waiting; /* events have come that are in no mail yet */
	int64_t first_event_usec; /* of those */
	int mails; /* mails in the present burst: 0 = the host is quiet */
	int64_t last_mail_usec; /* valid while mails > 0 */
};

/* An event that is to be mailed has happened. */
void group_add(struct group *g, const struct group_policy *policy, int64_t now_usec);

/* When the next mail is due, USEC_NEVER if no event waits. */
int64_t group_due(const struct group *g, const struct group_policy *policy);

/* The waiting events are in a mail now. */
void group_mailed(struct group *g, int64_t now_usec);
