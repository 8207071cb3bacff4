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

/* Mails within LENGTH before NOW. A clock that was set back must not count those of the future for ever. */
static int64_t sent_within(const struct group *g, int64_t length_usec, int64_t now_realtime_usec)
{
	int64_t n = 0;

	for (size_t i = 0; i < g->n_sent; i++)
		n += g->sent_usec[i] > now_realtime_usec - length_usec && g->sent_usec[i] <= now_realtime_usec;
	return n;
}

bool group_is_limited(const struct group *g, const struct group_policy *policy, int64_t now_realtime_usec)
{
	return (policy->max_per_hour > 0 && sent_within(g, USEC_PER_HOUR, now_realtime_usec) >= policy->max_per_hour) ||
		(policy->max_per_day > 0 && sent_within(g, USEC_PER_DAY, now_realtime_usec) >= policy->max_per_day);
}

/* Past a limit one mail goes an hour, with all that has come together. */
static int64_t limited_until(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec)
{
	if (g->n_sent == 0 || !group_is_limited(g, policy, now_realtime_usec))
		return 0;
	int64_t ago = now_realtime_usec - g->sent_usec[g->n_sent - 1];
	return usec_add(now_usec, ago < USEC_PER_HOUR ? USEC_PER_HOUR - ago : 0);
}

int64_t group_due(const struct group *g, const struct group_policy *policy, int64_t now_usec,
	int64_t now_realtime_usec)
{
	if (!g->is_waiting)
		return USEC_NEVER;

	/* Also within a burst an event waits for its companions, however long ago the last mail went. */
	int64_t due = usec_add(g->first_event_usec, policy->wait);
	int64_t limited = limited_until(g, policy, now_usec, now_realtime_usec);
	if (g->mails > 0) {
		int64_t pause = usec_add(g->last_mail_usec, g->mails == 1 ? policy->second : policy->interval);

		due = pause > due ? pause : due;
	}
	return limited > due ? limited : due;
}

void group_was_mailed(struct group *g, int64_t realtime_usec)
{
	size_t old = 0;

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
