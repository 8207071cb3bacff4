/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A recipient as mails come to it: when the next one goes. Pure. What waits for it, and what it gets at all, is known
 * elsewhere (the daemon, notice.h). */
#pragma once

#include "conf.h"
#include "group.h"

struct route {
	const struct conf_recipient *conf;
	struct group group;
	int64_t held_until_usec; /* realtime: something waits for the end of quiet hours; 0: nothing does */
};

struct group_policy route_policy(const struct conf_alert *a);

/* An event waits for this recipient, not to be mailed alone before UNTIL (realtime; not after now: it may go at once). A
 * mail that goes earlier takes it along. */
void route_add(struct route *r, const struct group_policy *policy, int64_t until_realtime_usec, int64_t now_usec,
	int64_t now_realtime_usec);

/* When the next mail is due, or quiet hours end (boottime); USEC_NEVER. */
int64_t route_due(const struct route *r, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec);

/* Is a mail due now? Ends the wait when quiet hours are over. */
bool route_is_due(struct route *r, const struct group_policy *policy, int64_t now_usec, int64_t now_realtime_usec);

void route_mailed(struct route *r, int64_t now_usec, int64_t now_realtime_usec);

/* The realtime clock was set: quiet hours are others now. The caller adds again (route_add()) what waits. */
void route_clock_stepped(struct route *r, int64_t delta_usec);

void route_clear(struct route *r);
