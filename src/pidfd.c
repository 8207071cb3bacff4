/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From include/uapi/linux/pidfd.h, whose version in Debian 12 does not have them. */
struct exit_info {
	uint64_t mask, cgroup_id;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};

#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO _IOWR(0xFF, 11, struct exit_info)

_Static_assert(sizeof(struct exit_info) == 64, "PIDFD_INFO_SIZE_VER0");

int pidfd_open_process(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

uint64_t pidfd_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

/* A kernel that does not know the flag answers without it: of a process that is there, of others it says
 * ESRCH. */
static int get_exit(int fd, struct exit_info *info)
{
	*info = (struct exit_info){ .mask = INFO_EXIT };
	if (ioctl(fd, GET_INFO, info) < 0)
		return errno == EBADF ? -EBADF : -EOPNOTSUPP;
	return info->mask & INFO_EXIT ? 0 : -EAGAIN;
}

int pidfd_exit_status(int fd, int wait_msec, int *ret_status)
{
	struct pollfd taken = { .fd = fd }; /* POLLHUP comes when the parent has taken it */
	struct exit_info info;

	int r = get_exit(fd, &info);
	if (r == -EAGAIN && poll(&taken, 1, wait_msec) > 0)
		r = get_exit(fd, &info);
	if (r == 0)
		*ret_status = info.exit_code;
	return r;
}
