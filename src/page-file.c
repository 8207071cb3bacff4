/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "page-file.h"

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

static int fill(int fd, const void *data, size_t len, const char **ret_what)
{
	int r = write_all(fd, data, len);

	*ret_what = "write";
	if (r < 0)
		return r;
	if (fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int page_file_write(const char *path, const void *data, size_t len, const char **ret_what)
{
	_cleanup_free_ char *temporary = NULL;

	*ret_what = "create";
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fill(fd, data, len, ret_what);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0) {
		*ret_what = "replace";
		r = -errno;
	}
	if (r < 0)
		unlink(temporary);
	return r;
}
