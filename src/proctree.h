/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processes of a host as /proc shows them, read in one pass. What costs more than /proc/PID/stat (the command
 * line, the executable, the user) is read when it is asked for and kept.
 *
 * Shared by check modules and the runner; knows nothing of checks. Reading a command line takes the memory lock of
 * that process and can hang with it: announce what you look at first. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_COMM_MAX 64 /* 15 for programs; kernel threads have longer ones */

struct proc {
	pid_t pid, ppid;
	char state; /* 'R', 'S', 'D', 'Z' … (proc_pid_stat(5)) */
	bool is_kernel; /* a thread of the kernel */
	int threads; /* of which the first one may have ended before the others */
	char comm[PROC_COMM_MAX];
	uint64_t start_ticks; /* after boot; with the pid it names a process for ever */
	uint64_t cpu_ticks; /* user and system time */
	uint64_t children_ticks; /* the same of its children that have ended, and of theirs */
	int64_t rss_pages;
	int exit_code; /* as wait(2) gives it; of zombies, 0 when we may not know */

	/* Kept by the functions below. */
	char *cmdline, *argv0, *exe;
	int64_t uid; /* PROC_UID_NOT_READ, -errno, or the effective user */
};

#define PROC_UID_NOT_READ INT64_MIN

struct proctree {
	struct proc *items; /* by pid */
	size_t n;
	int fd; /* of the folder, owned */
	bool is_hidden; /* process 1 cannot be seen: mount option hidepid, and others cannot be seen either */
};

#define PROCTREE_EMPTY ((struct proctree){ .fd = -1 })

/* Reads one line of /proc/PID/stat. -EBADMSG for anything else. The name may hold any byte, also ") R 1 (". */
int proc_parse_stat(const char *line, struct proc *ret);

/* Reads the folder PROC_FD ("/proc"), which stays the caller's. Processes that end meanwhile are left out. */
int proctree_scan(int proc_fd, struct proctree *ret);
void proctree_free(struct proctree *t);

const struct proc *proctree_find(const struct proctree *t, pid_t pid);

/* No zombie: a thread of it runs. */
bool proc_is_alive(const struct proc *p);

/* Does it lie in a name space of processes of its own below ours, as those of containers do? */
bool proc_is_contained(const struct proctree *t, const struct proc *p);

/* The arguments with a blank between them, the first of them, and the path of the executable; "" when they cannot be
 * read. */
const char *proc_cmdline(const struct proctree *t, struct proc *p);
const char *proc_argv0(const struct proctree *t, struct proc *p);
const char *proc_exe(const struct proctree *t, struct proc *p);

/* The effective user, or -errno. */
int64_t proc_uid(const struct proctree *t, struct proc *p);

/* Reads the start time of a process again; -ENOENT or -ESRCH when it is gone. */
int proc_read_start(const struct proctree *t, pid_t pid, uint64_t *ret_ticks);

/* A duration in ticks of /proc as microseconds. */
int64_t proc_ticks_usec(uint64_t ticks);

#define _cleanup_proctree_ _cleanup_(proctree_free)
