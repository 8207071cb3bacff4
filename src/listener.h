/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets of this host that take TCP connections, and whose they are: what `ss -ltnp` shows. For check modules, as
 * evidence about a connection that this host itself refused. Judges nothing. */
#pragma once

#include "proctree.h"
#include "socket-group.h"
#include "tocsin-check.h"

#include <netinet/in.h>

struct listener {
	struct in6_addr address; /* of IPv4 the mapped one, ::ffff:192.0.2.1 */
	uint16_t port;
	uint32_t uid; /* who made the socket */
	uint64_t inode;
	pid_t pid; /* the first process that has it open; 0: none that can be seen */
	char comm[PROC_COMM_MAX]; /* of that process */
	uint64_t group; /* of socket_groups_read(), 0: not known */
	char unit[SOCKET_GROUP_NAME_MAX]; /* that of the group, or "" */
};

struct listeners {
	struct listener *items;
	size_t n;
};

void listeners_free(struct listeners *l);
#define _cleanup_listeners_ _cleanup_(listeners_free)

/* Adds those of FILE, /proc/net/tcp or tcp6 (proc_net(5)), and leaves out sockets that do not listen. -EBADMSG: it is not of
 * this form; -ENOMEM. */
int listeners_read(FILE *file, struct listeners *l);

/* Evidence for ITEM, which was reported before. REFUSED holds addresses that refused a connection, each "192.0.2.1:25" or
 * "[2001:db8::1]:25" and a newline; none where no one of them is an address of this host. */
void listener_explain(struct tocsin_run *run, const char *item, const char *refused);
