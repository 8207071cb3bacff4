/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coalescing: when the next alert mail is due. Which events wait for it, the caller knows. */
#include "group.h"

#include "clock.h"

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

int64_t group_due(const struct group *g, const struct group_policy *policy)
{
	if (!g->is_waiting)
		return USEC_NEVER;

	/* Also within a burst an event waits for its companions, however long ago the last mail went. */
	int64_t companions = usec_add(g->first_event_usec, policy->wait);
	if (g->mails == 0)
		return companions;

	int64_t pause = usec_add(g->last_mail_usec, g->mails == 1 ? policy->second : policy->interval);
	return pause > companions ? pause : companions;
}

void group_mailed(struct group *g, int64_t now_usec)
{
	g->is_waiting = false;
	g->mails++;
	g->last_mail_usec = now_usec;
}
