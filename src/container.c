/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "container.h"

#include "cleanup.h"
#include "mountinfo.h"

#include <fcntl.h>
#include <string.h>

/* systemd.io/CONTAINER_INTERFACE: what process 1 was told, and where systemd as process 1 writes it down. */
static bool has_variable(struct tocsin_run *run)
{
	static const char name[] = "container=";
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/1/environ");
	_cleanup_free_ char *variable = NULL;
	size_t size = 0;

	while (file && getdelim(&variable, &size, '\0', file) > 0)
		if (strncmp(variable, name, strlen(name)) == 0 && variable[strlen(name)])
			return true;
	return false;
}

bool is_container(struct tocsin_run *run)
{
	static const char *const traces[] = { "/run/systemd/container", "/run/host/container-manager",
		"/run/.containerenv", "/.dockerenv" };

	for (size_t i = 0; i < ELEMENTS(traces); i++) {
		_cleanup_close_ int fd = tocsin_open(run, traces[i], O_PATH);

		if (fd >= 0)
			return true;
	}
	return has_variable(run);
}

bool is_from_lxcfs(struct tocsin_run *run, const char *path)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/self/mountinfo");
	_cleanup_mountinfo_ struct mountinfo info = { 0 };

	if (!file || mountinfo_read(file, &info) < 0)
		return false;
	const struct mount *m = mountinfo_find(&info, path);
	return m && strcmp(m->point, path) == 0 && strncmp(m->type, "fuse", 4) == 0;
}
