/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches of what may change all the time, like a journal: they rest after a look that came soon after another one. For
 * check modules only. */
#pragma once

#include "tocsin-check.h"

#include <stdbool.h>

/* True: hand over the descriptor. False: this look came within 10 s of the last one, so a timer is watched instead, and the
 * next look is in 30 s at the latest: what happens meanwhile is seen then, however long the interval is. */
bool watch_is_rested(struct tocsin_run *run);
