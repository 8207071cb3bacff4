/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coalescing: which events share a mail. Pure.
 *
 * The first event of a quiet host waits `group_wait` for its companions; what follows is collected: the next mail
 * after `group_second`, then at most one per `group_interval`, until nothing has happened for a `group_interval`.
 * A mail that is the last of so many an hour, or a day, is followed by none for an hour, in which all is collected.
 * All times are CLOCK_BOOTTIME µs, but for those of the mails that went, which must outlive a boot. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUP_SENT_MAX 1000 /* the most that a limit may be */

struct group_policy {
	int64_t wait, second, interval; /* µs */
	int64_t max_per_hour, max_per_day; /* mails; 0: no limit */
};

struct group {
	bool is_waiting; /* events have come that are in no mail yet */
	int64_t first_event_usec; /* of those */
	int mails; /* mails in the present burst: 0 = the host is quiet */
	int64_t last_mail_usec; /* valid while mails > 0 */
	int64_t *sent_usec; /* realtime of the mails of the last day, oldest first; owned */
	size_t n_sent;
};

void group_clear(struct group *g); /* frees; then as new */

/* An event that is to be mailed has happened. */
void group_add(struct group *g, const struct group_policy *policy, int64_t now_usec);

/* When the next mail is due, USEC_NEVER if no event waits. */
int64_t group_due(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec);

/* Is a limit what holds up, or held up, the events that wait? The mail should say so. */
bool group_is_limited(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec);

/* The waiting events are in a mail now. */
void group_mailed(struct group *g, int64_t now_usec, int64_t now_realtime_usec);

/* A mail went at REALTIME in an earlier life of the daemon; in the order of time. */
void group_was_mailed(struct group *g, int64_t realtime_usec);

/* The realtime clock was set. */
void group_clock_stepped(struct group *g, int64_t delta_usec);
