/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coalescing: when the next alert mail is due. Which events wait for it, the caller knows. */
#include "group.h"

#include "cleanup.h"
#include "clock.h"

#include <string.h>

void group_clear(struct group *g)
{
	free(g->sent_usec);
	*g = (struct group){ 0 };
}

/* A burst ends when nothing has happened for an interval; an event that waits is something that happened. */
static bool burst_is_over(const struct group *g, const struct group_policy *policy, int64_t now_usec)
{
	return !g->is_waiting && g->mails > 0 && now_usec >= usec_add(g->last_mail_usec, policy->interval);
}

void group_add(struct group *g, const struct group_policy *policy, int64_t now_usec)
{
	if (burst_is_over(g, policy, now_usec))
		g->mails = 0;
	if (g->is_waiting)
		return;
	g->is_waiting = true;
	g->first_event_usec = now_usec;
}

/* Mails within LENGTH up to the last one. */
static int64_t sent_within(const struct group *g, int64_t length_usec)
{
	int64_t last = g->sent_usec[g->n_sent - 1], n = 0;

	for (size_t i = 0; i < g->n_sent; i++)
		n += g->sent_usec[i] > last - length_usec;
	return n;
}

/* Did the last mail reach a limit? That is so until the next one goes: what waits must not depend on who asks when. */
static bool is_at_limit(const struct group *g, const struct group_policy *policy)
{
	return g->n_sent > 0 &&
		((policy->max_per_hour > 0 && sent_within(g, USEC_PER_HOUR) >= policy->max_per_hour) ||
			(policy->max_per_day > 0 && sent_within(g, USEC_PER_DAY) >= policy->max_per_day));
}

/* Past a limit one mail goes an hour, with all that has come together. A mail of the future was noted by a clock that was
 * wrong, and holds up nothing. */
static int64_t limited_until(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec)
{
	if (!is_at_limit(g, policy) || g->sent_usec[g->n_sent - 1] > now_realtime_usec)
		return 0;
	return usec_add(now_usec, g->sent_usec[g->n_sent - 1] + USEC_PER_HOUR - now_realtime_usec);
}

/* When it would be due without limits. Also within a burst an event waits for its companions, however long ago the last
 * mail went. */
static int64_t wanted_at(const struct group *g, const struct group_policy *policy)
{
	int64_t due = usec_add(g->first_event_usec, policy->wait);

	if (g->mails == 0)
		return due;
	int64_t pause = usec_add(g->last_mail_usec, g->mails == 1 ? policy->second : policy->interval);
	return pause > due ? pause : due;
}

bool group_is_limited(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec)
{
	return g->is_waiting && limited_until(g, policy, now_usec, now_realtime_usec) > wanted_at(g, policy);
}

int64_t group_due(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec)
{
	if (!g->is_waiting)
		return USEC_NEVER;

	int64_t due = wanted_at(g, policy), limited = limited_until(g, policy, now_usec, now_realtime_usec);
	return limited > due ? limited : due;
}

void group_was_mailed(struct group *g, int64_t realtime_usec)
{
	size_t old = 0;

	while (g->n_sent > 0 && g->sent_usec[g->n_sent - 1] > realtime_usec) /* by a clock that was wrong */
		g->n_sent--;
	while (old < g->n_sent && (g->sent_usec[old] <= realtime_usec - USEC_PER_DAY || g->n_sent - old >= GROUP_SENT_MAX))
		old++;
	g->n_sent -= old;
	if (old > 0)
		memmove(g->sent_usec, g->sent_usec + old, g->n_sent * sizeof(*g->sent_usec));
	int64_t *grown = reallocarray(g->sent_usec, g->n_sent + 1, sizeof(*grown));
	if (!grown)
		return; /* a mail more than the limit is no harm */
	g->sent_usec = grown;
	grown[g->n_sent++] = realtime_usec;
}

void group_mailed(struct group *g, int64_t now_usec, int64_t now_realtime_usec)
{
	g->is_waiting = false;
	g->mails++;
	g->last_mail_usec = now_usec;
	group_was_mailed(g, now_realtime_usec);
}

void group_clock_stepped(struct group *g, int64_t delta_usec)
{
	for (size_t i = 0; i < g->n_sent; i++)
		g->sent_usec[i] += delta_usec;
}
