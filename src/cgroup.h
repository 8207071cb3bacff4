/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the files of a control group of version 2 are (cgroups(7)). For check modules only. */
#pragma once

#include <stdbool.h>

struct cgroup_path {
	char text[4096]; /* "" when it would not fit */
};

/* Absolute, below the mount point, without ".." and without a slash at its end ("/" alone may be):
 * "/system.slice/x". */
bool cgroup_is_name(const char *name);

/* The path of FILE ("memory.max") of the group NAME. */
struct cgroup_path cgroup_path(const char *name, const char *file);
