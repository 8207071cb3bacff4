/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hysteresis: a value that was past its limit counts as good again only when it is clear of it. Pure. */
#pragma once

#include "alert.h"
#include "state.h"

struct damp_policy {
	double percent; /* of the limit */
	double points; /* for metrics in percent: no more than so many points; 0: no such bound */
};

/* The look for alert_feed() at an item whose confirmed state is CONFIRMED. FAULT are the metrics of the last look that
 * was as bad as that: a metric whose value has changed sides of the limit since then was at fault, and is not good yet
 * as long as it is within the band. Which side is the bad one need not be known. */
enum alert_look damp_look(const struct damp_policy *policy, enum tocsin_state confirmed, const struct result *look,
	const struct metric *fault, size_t n_fault);

/* After the look was fed: are its metrics the FAULT of later looks? Those of a better look leave it as it is. */
bool damp_is_fault(enum tocsin_state confirmed, enum tocsin_state look);
