/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system bus, for checks: nothing here waits longer than it was told to. */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

/* Connects within LIMIT µs, which is the limit of each call on it too. sd_bus_close_unref() it. -ENOENT: there is no bus here;
 * -ETIMEDOUT; other -errno. */
int system_bus_open(int64_t limit_usec, sd_bus **ret);
