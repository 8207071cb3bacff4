/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of the kernel's counters: /proc/meminfo and files like it, /proc/pressure, /proc/stat, and the
 * memory of a process. Numbers only; they judge nothing. All return 0 or -errno and touch the output only on
 * success. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One number that is looked for in a file of "NAME: NUMBER" or "NAME NUMBER" lines. */
struct counter {
	const char *name;
	double value; /* NAN: the file does not have it. In bytes where the file says kB */
};

/* Reads meminfo, vmstat, a status file: fills COUNTERS (N of them). -EBADMSG when none of them is there. */
int counters_read(FILE *file, struct counter *counters, size_t n);

/* One line "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" of a pressure file. */
#define PRESSURE_AVERAGES 3 /* of 10, 60 and 300 seconds */

struct pressure_line {
	bool is_known;
	double average[PRESSURE_AVERAGES]; /* percent */
	double total_usec;
};

struct pressure {
	struct pressure_line some, full; /* there is no "full" for cpu before Linux 5.13 */
};

/* -EBADMSG for what is not of this form, or without "some"; -EOPNOTSUPP where PSI is switched off. */
int pressure_read(FILE *file, struct pressure *ret);

/* The line "cpu" of /proc/stat, in ticks since the boot of all processors. guest is part of user, and left
 * out. */
enum cpu_time {
	CPU_USER,
	CPU_NICE,
	CPU_SYSTEM,
	CPU_IDLE,
	CPU_IOWAIT,
	CPU_IRQ,
	CPU_SOFTIRQ,
	CPU_STEAL,
	CPU_TIMES
};

struct cpu_times {
	double ticks[CPU_TIMES];
	unsigned processors;
	double boot_seconds; /* CLOCK_REALTIME of the boot, 0 when the file does not tell */
};

int cpu_times_read(FILE *file, struct cpu_times *ret);

/* Bytes that a process has in memory and in swap. Does not take its memory lock. -ENODATA for a kernel
 * thread. */
int read_process_memory(int proc_fd, pid_t pid, uint64_t *ret_resident, uint64_t *ret_swapped);
