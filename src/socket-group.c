/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control groups of listening sockets; see socket-group.h. */
#include "socket-group.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MOUNT_POINT "/sys/fs/cgroup"
#define DEPTH_MAX 16

/* ---- sockets ---- */

static int ask(int fd, int family)
{
	const struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message = {
		.header = { .nlmsg_len = sizeof(message), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.request = { .sdiag_family = (uint8_t)family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1 << TCP_LISTEN },
	};

	return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

static void take_socket(const struct nlmsghdr *h, void (*found)(void *userdata, uint64_t inode, uint64_t group), void *userdata)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	int len = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*m));

	for (const struct rtattr *a = (const struct rtattr *)(m + 1); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		uint64_t group;

		if (a->rta_type != INET_DIAG_CGROUP_ID || RTA_PAYLOAD(a) != sizeof(group))
			continue;
		memcpy(&group, RTA_DATA(a), sizeof(group));
		found(userdata, m->idiag_inode, group);
	}
}

/* 1 at the end of the answer. */
static int take_answer(int fd, void (*found)(void *userdata, uint64_t inode, uint64_t group), void *userdata)
{
	union {
		struct nlmsghdr header;
		char bytes[32 * 1024];
	} answer;
	ssize_t n = recv(fd, &answer, sizeof(answer), 0);

	if (n <= 0)
		return n < 0 ? -errno : -EPROTO;
	for (const struct nlmsghdr *h = &answer.header; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return -EOPNOTSUPP; /* the kernel has no such module, or may not load it */
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			take_socket(h, found, userdata);
	}
	return 0;
}

int socket_groups_read(void (*found)(void *userdata, uint64_t inode, uint64_t group), void *userdata)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct timeval limit = { .tv_sec = 1 };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	for (size_t i = 0; i < ELEMENTS(families); i++) {
		int r = ask(fd, families[i]);

		while (r == 0)
			r = take_answer(fd, found, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- groups ---- */

/* In a tree of version 2 the number of a group is the inode of its folder. */
static void walk(int parent, const char *name, int depth, void (*found)(void *userdata, uint64_t group, const char *name),
	void *userdata)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *folder = fd >= 0 && depth < DEPTH_MAX ? fdopendir(fd) : NULL;

	if (!folder) {
		close_fd(fd);
		return;
	}
	for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		found(userdata, e->d_ino, e->d_name);
		walk(fd, e->d_name, depth + 1, found, userdata);
	}
	closedir(folder);
}

void socket_groups_name(void (*found)(void *userdata, uint64_t group, const char *name), void *userdata)
{
	if (access(MOUNT_POINT "/cgroup.controllers", F_OK) == 0)
		walk(AT_FDCWD, MOUNT_POINT, 0, found, userdata);
}
