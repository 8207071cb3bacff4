/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system-bus.h"

#include "clock.h"

#include <errno.h>

/* The library alone would wait for a bus that says nothing longer than a check may take. */
static int await(sd_bus *bus, int64_t until_usec)
{
	for (;;) {
		int64_t left = until_usec - clock_boottime_usec();

		int r = sd_bus_is_ready(bus);
		if (r != 0)
			return r < 0 ? r : 0;
		if (left <= 0)
			return -ETIMEDOUT;
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, (uint64_t)left);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

int system_bus_open(int64_t limit_usec, sd_bus **ret)
{
	int64_t until = usec_add(clock_boottime_usec(), limit_usec);
	sd_bus *bus = NULL;

	int r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = await(bus, until);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(bus, (uint64_t)limit_usec);
	if (r < 0) {
		sd_bus_close_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}
