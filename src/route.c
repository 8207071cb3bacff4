/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "route.h"

#include "clock.h"

struct group_policy route_policy(const struct conf_alert *a)
{
	return (struct group_policy){
		a->group_wait, a->group_second, a->group_interval, a->max_per_hour, a->max_per_day,
	};
}

void route_add(struct route *r, const struct group_policy *policy, int64_t until_realtime_usec, int64_t now_usec,
	int64_t now_realtime_usec)
{
	if (until_realtime_usec <= now_realtime_usec)
		group_add(&r->group, policy, now_usec);
	else if (r->held_until_usec == 0 || until_realtime_usec < r->held_until_usec)
		r->held_until_usec = until_realtime_usec;
}

int64_t route_due(const struct route *r, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec)
{
	int64_t due = group_due(&r->group, policy, now_usec, now_realtime_usec);

	if (r->held_until_usec == 0 || r->held_until_usec == USEC_NEVER)
		return due;
	int64_t left = r->held_until_usec - now_realtime_usec;
	int64_t released = usec_add(now_usec, left > 0 ? left : 0);
	return released < due ? released : due;
}

bool route_is_due(struct route *r, const struct group_policy *policy, int64_t now_usec, int64_t now_realtime_usec)
{
	if (r->held_until_usec != 0 && r->held_until_usec <= now_realtime_usec) {
		r->held_until_usec = 0;
		group_add(&r->group, policy, now_usec);
	}
	return group_due(&r->group, policy, now_usec, now_realtime_usec) <= now_usec;
}

void route_mailed(struct route *r, int64_t now_usec, int64_t now_realtime_usec)
{
	r->held_until_usec = 0;
	group_mailed(&r->group, now_usec, now_realtime_usec);
}

void route_clock_stepped(struct route *r, int64_t delta_usec)
{
	group_clock_stepped(&r->group, delta_usec);
	r->group.is_waiting = false;
	r->held_until_usec = 0;
}

void route_clear(struct route *r)
{
	group_clear(&r->group);
	r->held_until_usec = 0;
}
