/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "damp.h"

#include <math.h>
#include <string.h>

static const struct metric *find_metric(const struct metric *metrics, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(metrics[i].name, name) == 0)
			return &metrics[i];
	return NULL;
}

/* How far a value must be clear of LIMIT. */
static double band(const struct damp_policy *policy, const struct metric *m, double limit)
{
	double width = fabs(limit) * policy->percent / 100;
	bool is_bounded = policy->points > 0 && strcmp(m->unit, "%") == 0;

	return is_bounded && width > policy->points ? policy->points : width;
}

/* The value was beyond the limit when the look was bad, is on the other side now, and not far from it. */
static bool is_near(const struct damp_policy *policy, const struct metric *now, const struct metric *then, double limit)
{
	if (!then || !isfinite(limit) || !isfinite(now->value) || !isfinite(then->value))
		return false;
	/* At the limit itself a module may call a value good or bad: so equal is neither side. */
	bool has_changed_sides = (now->value - limit) * (then->value - limit) <= 0;
	return has_changed_sides && fabs(now->value - limit) < band(policy, now, limit);
}

static bool any_is_near(const struct damp_policy *policy, enum tocsin_state limit_of, const struct result *look,
	const struct metric *fault, size_t n_fault)
{
	for (size_t i = 0; i < look->n_metrics; i++) {
		const struct metric *m = &look->metrics[i];
		double warning = isfinite(m->warning) ? m->warning : m->critical;
		double limit = limit_of == TOCSIN_CRITICAL ? m->critical : warning;

		if (is_near(policy, m, find_metric(fault, n_fault, m->name), limit))
			return true;
	}
	return false;
}

enum alert_look damp_look(const struct damp_policy *policy, enum tocsin_state confirmed, const struct result *look,
	const struct metric *fault, size_t n_fault)
{
	bool has_problem = confirmed == TOCSIN_WARNING || confirmed == TOCSIN_CRITICAL;

	if (has_problem && look->state == TOCSIN_OK && any_is_near(policy, TOCSIN_WARNING, look, fault, n_fault))
		return ALERT_LOOK_NEARLY_OK;
	if (confirmed == TOCSIN_CRITICAL && look->state == TOCSIN_WARNING &&
		any_is_near(policy, TOCSIN_CRITICAL, look, fault, n_fault))
		return ALERT_LOOK_NEARLY_WARNING;
	return (enum alert_look)look->state;
}

bool damp_is_fault(enum tocsin_state confirmed, enum tocsin_state look)
{
	return look == TOCSIN_CRITICAL || (look == TOCSIN_WARNING && confirmed != TOCSIN_CRITICAL);
}
