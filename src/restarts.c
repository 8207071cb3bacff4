/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "restarts.h"

#include "clock.h"

#include <stdio.h>

struct key {
	char text[300];
};

static struct key restart_key(const char *name, int64_t i)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), *name ? "restart%d %s" : "restart%d", (int)i, name);
	return k;
}

int64_t restarts_count(
	struct tocsin_run *run, const char *name, int64_t fresh, int64_t limit, int64_t window_usec)
{
	double now = (double)clock_boottime_usec(), times[2 * RESTARTS_MAX];
	int64_t n = 0, age;

	while (n < fresh && n < limit)
		times[n++] = now;
	for (int64_t i = 1; i <= limit; i++) {
		double t;

		if (tocsin_recall(run, restart_key(name, i).text, &t, &age) == 0 && t <= now &&
			now - t < (double)window_usec)
			times[n++] = t;
	}
	if (n > limit)
		n = limit;
	for (int64_t i = 0; i < n; i++)
		tocsin_remember(run, restart_key(name, i + 1).text, times[i]);
	return n;
}
