/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a program for a check module: no shell, a clean environment, standard input from /dev/null, a process
 * group of its own that is killed when the time is over or the program has ended, and output up to a limit.
 * What left the group is ended by the runner, who is its subreaper. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define COMMAND_FLOOD_MAX (16 << 20) /* who writes more than this does not come to an end */

struct command_stream {
	int fd;
	struct buf kept; /* NUL bytes became '?' */
	size_t written;  /* more than kept.len: the rest was dropped */
};

struct command {
	pid_t pid;
	int pidfd;
	struct command_stream out, err;
	bool is_late, is_flooding, is_stuck; /* killed for the time or the output; and it did not die */
	int status;                          /* of waitpid(), if it is not stuck */
	int64_t began_usec, ended_usec; /* CLOCK_BOOTTIME */
};

/* Keeps up to MAXIMUM bytes of each stream. */
#define COMMAND(maximum)                                   \
	((struct command){ .pidfd = -1,                    \
		.out = { .fd = -1, .kept = BUF(maximum) }, \
		.err = { .fd = -1, .kept = BUF(maximum) } })

/* Runs WORDS (the absolute path, the arguments, NULL) to its end or for TIMEOUT_USEC. 0 when it was started,
 * whatever became of it, else -errno of what failed, which may be that of execve(2). */
int command_run(struct command *c, char *const *words, int64_t timeout_usec);
void command_free(struct command *c);

#define _cleanup_command_ _cleanup_(command_free)
