/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often something was restarted lately, kept from one run of a check to the next. For check modules only. */
#pragma once

#include "tocsin-check.h"

#define RESTARTS_MAX 10

/* Notes that NAME ("" for a check with one item) was restarted FRESH times just now, and returns how many of
 * its last LIMIT (at most RESTARTS_MAX) restarts lie within WINDOW. */
int64_t restarts_count(
	struct tocsin_run *run, const char *name, int64_t fresh, int64_t limit, int64_t window_usec);
