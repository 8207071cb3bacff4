/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches that rest; see watch-rest.h. */
#include "watch-rest.h"

#include "cleanup.h"
#include "clock.h"

#include <poll.h>
#include <sys/timerfd.h>

#define QUIET_USEC (10 * USEC_PER_SEC)
#define REST_SEC 30 /* longer than that: the look after it hands over the descriptor again */

bool watch_is_rested(struct tocsin_run *run)
{
	static const struct itimerspec rest = { .it_value.tv_sec = REST_SEC };
	double value;
	int64_t age;

	bool was_just_now = tocsin_recall(run, "looked", &value, &age) == 0 && age < QUIET_USEC;
	tocsin_remember(run, "looked", 1);
	if (!was_just_now)
		return true;
	/* Without one of these it is the interval that looks. */
	_cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd >= 0 && timerfd_settime(fd, 0, &rest, NULL) == 0)
		tocsin_watch(run, fd, POLLIN);
	return false;
}
