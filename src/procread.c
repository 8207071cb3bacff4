/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "procread.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#define LINES_MAX 100000 /* of a file that never ends */

static int read_error(FILE *file)
{
	return ferror(file) ? (errno ? -errno : -EIO) : 0;
}

/* The whole of TEXT up to a blank is one number that is not negative. Returns what comes behind it, or NULL.
 */
static const char *parse_count(const char *text, double *ret)
{
	char *end;

	while (*text == ' ' || *text == '\t')
		text++;
	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || (*end && !isspace((unsigned char)*end)))
		return NULL;
	*ret = (double)value;
	return end;
}

static void take_counter(const char *line, struct counter *counters, size_t n)
{
	size_t len = strcspn(line, ": \t\n");
	double value;

	const char *rest = parse_count(line + len + (line[len] == ':'), &value);
	if (!rest)
		return;
	if (strncmp(rest, " kB", 3) == 0)
		value *= 1024;
	for (size_t i = 0; i < n; i++)
		if (strlen(counters[i].name) == len && memcmp(counters[i].name, line, len) == 0)
			counters[i].value = value;
}

int counters_read(FILE *file, struct counter *counters, size_t n)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0, known = 0;

	for (size_t i = 0; i < n; i++)
		counters[i].value = NAN;
	for (size_t i = 0; i < LINES_MAX && (errno = 0, getline(&line, &size, file) > 0); i++)
		take_counter(line, counters, n);
	for (size_t i = 0; i < n; i++)
		known += !isnan(counters[i].value);
	int r = read_error(file);
	return r < 0 ? r : known ? 0 : -EBADMSG;
}

static int parse_pressure(const char *line, struct pressure *p)
{
	struct pressure_line l = { .is_known = true };
	char kind[8];

	if (sscanf(line, "%7s avg10=%lf avg60=%lf avg300=%lf total=%lf", kind, &l.average[0], &l.average[1],
		    &l.average[2], &l.total_usec) != 5)
		return -EBADMSG;
	for (size_t i = 0; i < PRESSURE_AVERAGES; i++)
		if (!(l.average[i] >= 0 && l.average[i] <= 100))
			return -EBADMSG;
	if (!(isfinite(l.total_usec) && l.total_usec >= 0))
		return -EBADMSG;
	if (strcmp(kind, "some") == 0)
		p->some = l;
	else if (strcmp(kind, "full") == 0)
		p->full = l;
	return 0; /* of other kinds nobody knows yet */
}

int pressure_read(FILE *file, struct pressure *ret)
{
	struct pressure p = { 0 };
	char line[256];

	while (errno = 0, fgets(line, sizeof(line), file)) {
		int r = parse_pressure(line, &p);
		if (r < 0)
			return r;
	}
	int r = read_error(file);
	if (r < 0)
		return r;
	if (!p.some.is_known)
		return -EBADMSG;
	*ret = p;
	return 0;
}

/* Early kernels have fewer columns; what is not there was not counted. */
static int parse_cpu_line(const char *text, struct cpu_times *t)
{
	size_t n = 0;

	while (n < CPU_TIMES && text && *text && *text != '\n') {
		text = parse_count(text, &t->ticks[n]);
		n += !!text;
	}
	return n > CPU_IDLE && text ? 0 : -EBADMSG;
}

int cpu_times_read(FILE *file, struct cpu_times *ret)
{
	_cleanup_free_ char *line = NULL;
	struct cpu_times t = { 0 };
	bool has_total = false;
	size_t size = 0;

	for (size_t i = 0; i < LINES_MAX && (errno = 0, getline(&line, &size, file) > 0); i++) {
		if (strncmp(line, "cpu ", 4) == 0) {
			if (has_total || parse_cpu_line(line + 4, &t) < 0)
				return -EBADMSG;
			has_total = true;
		}
		if (strncmp(line, "cpu", 3) == 0 && isdigit((unsigned char)line[3]))
			t.processors++;
		if (strncmp(line, "btime ", 6) == 0 && !parse_count(line + 6, &t.boot_seconds))
			return -EBADMSG;
	}
	int r = read_error(file);
	if (r < 0)
		return r;
	if (!has_total || t.processors == 0)
		return -EBADMSG;
	*ret = t;
	return 0;
}

int read_process_memory(int proc_fd, pid_t pid, uint64_t *ret_resident, uint64_t *ret_swapped)
{
	struct counter memory[] = { { "VmRSS", 0 }, { "VmSwap", 0 } };
	char path[32];

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		int r = -errno;

		close_fd(fd);
		return r;
	}
	int r = counters_read(file, memory, ELEMENTS(memory));
	if (r < 0)
		return r == -EBADMSG ? -ENODATA : r;
	*ret_resident = isnan(memory[0].value) ? 0 : (uint64_t)memory[0].value;
	*ret_swapped = isnan(memory[1].value) ? 0 : (uint64_t)memory[1].value;
	return 0;
}
