/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

static int64_t clock_usec(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

int64_t clock_boottime_usec(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}

int64_t clock_realtime_usec(void)
{
	return clock_usec(CLOCK_REALTIME);
}

int clock_wait_for(int fd, short events, int64_t deadline_usec)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline_usec - clock_boottime_usec();

		if (left <= 0)
			return -ETIMEDOUT;
		const struct timespec timeout = { .tv_sec = left / USEC_PER_SEC, .tv_nsec = left % USEC_PER_SEC * 1000 };
		if (ppoll(&p, 1, &timeout, NULL) > 0)
			return 0;
	}
}

int64_t usec_add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? USEC_NEVER : sum;
}
