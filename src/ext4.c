/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ext4.h"

#include "clock.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Beyond it microseconds do not fit. */
#define SECONDS_MAX (INT64_MAX / USEC_PER_SEC)

static int read_line(struct tocsin_run *run, const char *path, char *line, int size)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

	if (!file)
		return -errno;
	if (!fgets(line, size, file))
		return -EBADMSG;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

/* The kernel's name of the device, as folders of /sys have it: dm-0, sda1. */
static int read_name(struct tocsin_run *run, const struct mount *m, char *ret, size_t size)
{
	static const char key[] = "DEVNAME=";
	char path[64], line[256];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", m->major, m->minor);
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		snprintf(ret, size, "%.200s", line + sizeof(key) - 1);
		ret[strcspn(ret, "\n")] = '\0';
		for (char *slash = ret; (slash = strchr(slash, '/'));)
			*slash = '!';
		return 0;
	}
	return -ENOENT;
}

static int read_attribute(
	struct tocsin_run *run, const char *device, const char *attribute, char *line, int size)
{
	char path[320];

	snprintf(path, sizeof(path), "/sys/fs/ext4/%.200s/%s", device, attribute);
	return read_line(run, path, line, size);
}

static int read_number(struct tocsin_run *run, const char *device, const char *attribute, int64_t *ret)
{
	char line[64];
	int r = read_attribute(run, device, attribute, line, sizeof(line));

	return r == 0 ? parse_int(line, ret) : r;
}

static int64_t read_time(struct tocsin_run *run, const char *device, const char *attribute)
{
	int64_t seconds = 0;

	if (read_number(run, device, attribute, &seconds) < 0 || seconds < 0 || seconds > SECONDS_MAX)
		return 0;
	return seconds * USEC_PER_SEC;
}

int ext4_read_errors(struct tocsin_run *run, const struct mount *m, struct ext4_errors *ret)
{
	struct ext4_errors e = { 0 };
	char device[256];

	/* Its driver serves the older ones too. */
	if (strcmp(m->type, "ext4") != 0 && strcmp(m->type, "ext3") != 0 && strcmp(m->type, "ext2") != 0)
		return -ENOENT;
	int r = read_name(run, m, device, sizeof(device));
	if (r == 0)
		r = read_number(run, device, "errors_count", &e.count);
	if (r < 0)
		return r;
	e.first_usec = read_time(run, device, "first_error_time");
	e.last_usec = read_time(run, device, "last_error_time");
	if (read_attribute(run, device, "last_error_func", e.function, sizeof(e.function)) < 0)
		e.function[0] = '\0';
	*ret = e;
	return 0;
}
