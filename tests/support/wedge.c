/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into tocsind by tests/e2e/test_notify.py: loses the timers that the daemon sets on one clock for a time that lies
 * TOCSIN_WEDGE_FROM to TOCSIN_WEDGE_TO µs ahead, as a fault in its schedule or outbox would, and lets all clocks leap forward
 * by an hour as soon as the file $TOCSIN_WEDGE_LEAP is there, so that nobody has to wait for what is overdue by then. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#define LEAP_SECONDS 3600

static int64_t number(const char *name)
{
	const char *text = getenv(name);

	return text ? atoll(text) : 0;
}

static int (*real_clock)(clockid_t clock, struct timespec *t);

static uint64_t now_usec(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t lost(clockid_t clock, uint64_t usec)
{
	int64_t ahead = (int64_t)(usec - now_usec(clock));

	return clock == number("TOCSIN_WEDGE_CLOCK") && ahead >= number("TOCSIN_WEDGE_FROM") &&
			       ahead <= number("TOCSIN_WEDGE_TO") ?
		UINT64_MAX :
		usec;
}

static int leapt(void)
{
	const char *leap = getenv("TOCSIN_WEDGE_LEAP");

	return leap && access(leap, F_OK) == 0;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (!real_clock)
		*(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real_clock(clock, t);
	if (r == 0 && leapt())
		t->tv_sec += LEAP_SECONDS;
	return r;
}

/* The kernel has not leapt. */
int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
	struct itimerspec v = *value;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "timerfd_settime");
	if (flags & TFD_TIMER_ABSTIME && v.it_value.tv_sec > LEAP_SECONDS && leapt())
		v.it_value.tv_sec -= LEAP_SECONDS;
	return real(fd, flags, &v, old);
}

int sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
	sd_event_time_handler_t handler, void *userdata)
{
	static int (*real)(sd_event *, sd_event_source **, clockid_t, uint64_t, uint64_t, sd_event_time_handler_t, void *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sd_event_add_time");
	return real(event, ret, clock, lost(clock, usec), accuracy, handler, userdata);
}

int sd_event_source_set_time(sd_event_source *source, uint64_t usec)
{
	static int (*real)(sd_event_source *, uint64_t);
	clockid_t clock = CLOCK_BOOTTIME;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sd_event_source_set_time");
	sd_event_source_get_time_clock(source, &clock);
	return real(source, lost(clock, usec));
}
