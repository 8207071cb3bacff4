/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When is which check due? A heap of (time, id); pure, CLOCK_BOOTTIME µs. Ids are small numbers chosen by the
 * caller, each at most once in the schedule. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule;

struct schedule *schedule_new(void);
struct schedule *schedule_free(struct schedule *s);

static inline void schedule_free_pointer(struct schedule **s)
{
	schedule_free(*s);
}
#define _cleanup_schedule_ __attribute__((__cleanup__(schedule_free_pointer)))

/* Puts ID at DUE_USEC, or moves it there. -ENOMEM. */
int schedule_set(struct schedule *s, size_t id, int64_t due_usec);

void schedule_remove(struct schedule *s, size_t id);

/* The time of the earliest entry, USEC_NEVER when it is empty. */
int64_t schedule_next(const struct schedule *s);

/* Takes one entry that is due at NOW out of the schedule, the earliest first. false: none is. */
bool schedule_pop(struct schedule *s, int64_t now_usec, size_t *ret_id);

/* The next look of a check with INTERVAL that was due at DUE: keeps its phase, skips what was missed (suspend), and
 * is always after NOW. */
int64_t schedule_after(int64_t due_usec, int64_t interval_usec, int64_t now_usec);
