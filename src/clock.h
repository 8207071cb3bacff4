/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clocks. Pure modules never call these: they take `now` as an argument. Times are microseconds. */
#pragma once

#include <stdint.h>

#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_NEVER INT64_MAX

int64_t clock_boottime_usec(void); /* CLOCK_BOOTTIME: for intervals and deadlines, goes on during suspend */
int64_t clock_realtime_usec(void); /* CLOCK_REALTIME: for what a person reads */

/* Waits until FD is ready for EVENTS of poll(2): 0; -ETIMEDOUT at DEADLINE (CLOCK_BOOTTIME). Signals do not end it. */
int clock_wait_for(int fd, short events, int64_t deadline_usec);

/* A + B without overflow: USEC_NEVER stays never. */
int64_t usec_add(int64_t a, int64_t b);
