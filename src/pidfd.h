/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors of processes (pidfd_open(2)), and what they tell of an end. For check modules only. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* A descriptor with O_CLOEXEC, which becomes readable when PID ends; -ESRCH: there is none; -errno. */
int pidfd_open_process(pid_t pid);

/* What names the process of FD for ever, from Linux 6.9 on; before, all have the same. 0: cannot be read. */
uint64_t pidfd_inode(int fd);

/* How the process of FD ended, as wait(2) gives it, also of a process that is not ours (PIDFD_GET_INFO with
 * PIDFD_INFO_EXIT, Linux 6.15). Known as soon as its parent has taken it, which is waited for until WAIT_MSEC
 * are over. -EAGAIN: it lives, or is a zombie; -EOPNOTSUPP: this kernel does not tell. */
int pidfd_exit_status(int fd, int wait_msec, int *ret_status);
