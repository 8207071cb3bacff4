/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In which control groups the listening TCP sockets of this host were made (sock_diag(7), since Linux 5.7). Unlike the
 * processes that have them open, everybody may see that; and under systemd it is a unit. For check modules; shows nothing. */
#pragma once

#include <stdint.h>

#define SOCKET_GROUP_NAME_MAX 128

/* Calls FOUND for each of them: the inode of the socket, and the number of its control group, which is the inode of a folder
 * below /sys/fs/cgroup. 0, or -errno: what was found until then stands. */
int socket_groups_read(void (*found)(void *userdata, uint64_t inode, uint64_t group), void *userdata);

/* Calls FOUND for each control group of version 2: its number and the name of its folder, "nginx.service". */
void socket_groups_name(void (*found)(void *userdata, uint64_t group, const char *name), void *userdata);
