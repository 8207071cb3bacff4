/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a line of /proc/PID/stat, as /proc/self/mountinfo, and as the files of counters: what a reader
 * accepts is whole. */
#include "mountinfo.h"
#include "procread.h"
#include "proctree.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void read_stat(const char *text)
{
	struct proc p;

	if (proc_parse_stat(text, &p) == 0)
		require(p.pid > 0 && p.ppid >= 0 && p.state && strlen(p.comm) < PROC_COMM_MAX);
}

static void read_mounts(const char *text, size_t len)
{
	_cleanup_mountinfo_ struct mountinfo info = { 0 };
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, len, "r");

	if (!file || mountinfo_read(file, &info) < 0)
		return;
	for (size_t i = 0; i < info.n; i++) {
		const struct mount *m = &info.items[i];

		require(m->point[0] == '/' && *m->type && m->root && m->source && m->super_options);
		require(mountinfo_find(&info, m->point) != NULL);
		mount_has_option(m->super_options, "ro");
	}
}

static void read_counters(const char *text, size_t len)
{
	struct counter counters[] = { { "MemTotal", 0 }, { "VmRSS", 0 } };
	struct cpu_times times;
	struct pressure pressure;
	_cleanup_fclose_ FILE *first = fmemopen((void *)text, len, "r"),
			      *second = fmemopen((void *)text, len, "r"),
			      *third = fmemopen((void *)text, len, "r");

	if (first && counters_read(first, counters, ELEMENTS(counters)) == 0)
		require(!isnan(counters[0].value) || !isnan(counters[1].value));
	if (second && cpu_times_read(second, &times) == 0)
		for (size_t i = 0; i < CPU_TIMES; i++)
			require(times.processors && times.ticks[i] >= 0);
	if (third && pressure_read(third, &pressure) == 0)
		require(pressure.some.is_known && pressure.some.average[0] >= 0 &&
			pressure.some.average[0] <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = malloc(len + 1);

	require(text != NULL);
	memcpy(text, data, len);
	text[len] = '\0';
	read_stat(text);
	if (len) {
		read_mounts(text, len);
		read_counters(text, len);
	}
	return 0;
}
