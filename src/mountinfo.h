/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5)). Reads; judges nothing. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount {
	uint64_t id;
	unsigned major, minor; /* of the file system: the same for all its mounts */
	char *root; /* the folder of the file system that is mounted: "/" but for binds and subvolumes */
	char *point; /* where */
	char *options; /* of this mount: read-only for us */
	char *type, *source;
	char *super_options; /* of the file system: read-only for everybody */
	char *line; /* what the others point into */
};

struct mountinfo {
	struct mount *items; /* in the order in which they were mounted, in the main */
	size_t n;
};

/* Parses LINE in place (it is changed, and must live as long as *ret). -EBADMSG for what is no such line. */
int mount_parse(char *line, struct mount *ret);

/* Reads all lines. -EBADMSG for a line that is none, -errno. */
int mountinfo_read(FILE *file, struct mountinfo *ret);
void mountinfo_free(struct mountinfo *m);

/* The mount that the absolute PATH (without links) lies on; of several at one place the last, which is on top. */
const struct mount *mountinfo_find(const struct mountinfo *m, const char *path);

/* Something was mounted over the mount ITEM of M, or over a folder above it, so its path leads elsewhere. */
bool mountinfo_is_covered(const struct mountinfo *m, const struct mount *item);

/* Is WORD ("ro", "errors=remount-ro") one of the comma-separated OPTIONS? */
bool mount_has_option(const char *options, const char *word);

/* The kernel writes to it no more, after an error, and says so: "emergency_ro" of ext4 (Linux 6.15), "shutdown". */
bool mount_is_stopped(const struct mount *m);

#define _cleanup_mountinfo_ _cleanup_(mountinfo_free)
