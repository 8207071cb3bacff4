/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replace.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int fill(int fd, const void *data, size_t len, bool is_durable)
{
	int r = write_all(fd, data, len);

	if (r < 0)
		return r;
	return fchmod(fd, 0644) < 0 || (is_durable && fsync(fd) < 0) ? -errno : 0;
}

static int write_new(const char *path, const void *data, size_t len, bool is_durable, const char **ret_what)
{
	*ret_what = "create";
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	*ret_what = "write";
	int r = fill(fd, data, len, is_durable);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int replace_file(const char *path, const void *data, size_t len, bool is_durable, const char **ret_what)
{
	_cleanup_free_ char *partial = NULL;

	*ret_what = "create";
	if (asprintf(&partial, "%s.new", path) < 0)
		return -ENOMEM;
	if (unlink(partial) < 0 && errno != ENOENT)
		return -errno;
	int r = write_new(partial, data, len, is_durable, ret_what);
	if (r == 0 && rename(partial, path) < 0) {
		*ret_what = "replace";
		r = -errno;
	}
	if (r < 0)
		unlink(partial);
	return r;
}
