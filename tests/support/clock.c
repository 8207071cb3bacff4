/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into tocsind and its helpers by tests/e2e/test_clock.py: CLOCK_REALTIME is as many µs ahead of the kernel's as
 * the file $TOCSIN_CLOCK says, 8 bytes, and when that number changes the kernel's part of a step is played too. Timers that
 * are set to a time of that clock are due at once if the step has passed them, later if it went back, and one with
 * TFD_TIMER_CANCEL_ON_SET is readable, and read(2) fails with ECANCELED (timerfd_create(2)). No namespace has this clock
 * (time_namespaces(7)). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 1024
#define TICK_USEC 5000

static struct timer {
	bool is_realtime, is_absolute, is_cancelled_on_set, was_cancelled;
	struct itimerspec value; /* by the clock that is ahead */
} timers[FDS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const volatile int64_t *ahead;
static _Atomic int64_t current; /* once steps are watched: timers and the clock change together, as in the kernel */
static bool is_watched;
static int (*real_settime)(int, int, const struct itimerspec *, struct itimerspec *);

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

__attribute__((constructor)) static void map(void)
{
	static const int64_t nothing;
	const char *path = getenv("TOCSIN_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);

	ahead = mapped == MAP_FAILED ? &nothing : mapped;
	real_settime = next("timerfd_settime");
	if (fd >= 0)
		close(fd);
}

static struct timespec shifted(struct timespec t, int64_t usec)
{
	int64_t ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + usec * 1000;

	if (ns < 1) /* it is past, and 0 would mean never */
		ns = 1;
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))next("clock_gettime");
	int r = real(clock, t);
	if (r == 0 && clock == CLOCK_REALTIME && ahead)
		*t = shifted(*t, is_watched ? current : *ahead);
	return r;
}

static int set(int fd, const struct timer *t)
{
	struct itimerspec v = t->value;

	if (t->is_absolute && (v.it_value.tv_sec || v.it_value.tv_nsec) && v.it_value.tv_sec < INT64_C(1) << 32)
		v.it_value = shifted(v.it_value, -(is_watched ? current : *ahead));
	return real_settime(fd, t->is_absolute ? TFD_TIMER_ABSTIME : 0, &v, NULL);
}

static void cancel(int fd, struct timer *t)
{
	static const struct itimerspec now = { .it_value.tv_nsec = 1 };

	t->was_cancelled = true;
	real_settime(fd, 0, &now, NULL);
}

static void step(void)
{
	pthread_mutex_lock(&lock);
	current = *ahead;
	for (int pass = 0; pass < 2; pass++) {
		for (int fd = 0; fd < FDS_MAX; fd++) {
			struct timer *t = &timers[fd];

			if (!t->is_realtime || !t->is_absolute || t->is_cancelled_on_set != (pass == 0))
				continue;
			if (t->is_cancelled_on_set)
				cancel(fd, t);
			else
				set(fd, t);
		}
	}
	pthread_mutex_unlock(&lock);
}

static void *watch(void *userdata)
{
	for (;; usleep(TICK_USEC))
		if (*ahead != current)
			step();
	return userdata;
}

/* Signals are the program's own. */
static void watch_steps(void)
{
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&thread, NULL, watch, NULL) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int timerfd_create(int clock, int flags)
{
	static int (*real)(int, int);

	if (!real)
		real = (int (*)(int, int))next("timerfd_create");
	int fd = real(clock, flags);
	if (fd >= FDS_MAX)
		abort();
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&lock);
	timers[fd] = (struct timer){ .is_realtime = clock == CLOCK_REALTIME };
	pthread_mutex_unlock(&lock);
	if (clock == CLOCK_REALTIME && !is_watched) {
		current = *ahead;
		is_watched = true;
		watch_steps();
	}
	return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	if (fd < 0 || fd >= FDS_MAX || !timers[fd].is_realtime)
		return real_settime(fd, flags, value, old);
	pthread_mutex_lock(&lock);
	timers[fd] = (struct timer){ .is_realtime = true, .is_absolute = flags & TFD_TIMER_ABSTIME,
		.is_cancelled_on_set = flags & TFD_TIMER_CANCEL_ON_SET, .value = *value };
	int r = set(fd, &timers[fd]);
	pthread_mutex_unlock(&lock);
	return r;
}

ssize_t read(int fd, void *data, size_t size)
{
	static ssize_t (*real)(int, void *, size_t);

	if (!real)
		real = (ssize_t (*)(int, void *, size_t))next("read");
	ssize_t n = real(fd, data, size);
	if (n < 0 || fd < 0 || fd >= FDS_MAX || !timers[fd].was_cancelled)
		return n;
	timers[fd].was_cancelled = false;
	errno = ECANCELED;
	return -1;
}

int close(int fd)
{
	static int (*real)(int);

	if (!real)
		real = (int (*)(int))next("close");
	if (fd >= 0 && fd < FDS_MAX)
		timers[fd].is_realtime = false;
	return real(fd);
}
