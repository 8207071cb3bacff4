/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cgroup.h"

#include <stdio.h>
#include <string.h>

#define MOUNT_POINT "/sys/fs/cgroup"

static bool is_step_up(const char *part)
{
	return strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0');
}

bool cgroup_is_name(const char *name)
{
	size_t len = strlen(name);

	if (name[0] != '/' || len >= 3000 || (len > 1 && name[len - 1] == '/'))
		return false;
	for (const char *slash = name; slash; slash = strchr(slash + 1, '/'))
		if (is_step_up(slash + 1))
			return false;
	return true;
}

struct cgroup_path cgroup_path(const char *name, const char *file)
{
	struct cgroup_path p;
	int len = snprintf(
		p.text, sizeof(p.text), MOUNT_POINT "%s/%s", strcmp(name, "/") == 0 ? "" : name, file);

	if (len < 0 || (size_t)len >= sizeof(p.text))
		p.text[0] = '\0';
	return p;
}
