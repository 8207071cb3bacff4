/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches of checks: reads what the daemon asks, loads the modules, runs one check after the other, and makes each
 * run start from the same process: signals, working directory, children. It decides nothing about results, and
 * deadlines are the daemon's: it kills what takes too long. */
#pragma once

#include "cleanup.h"

#include <stddef.h>

struct runner;

/* SOCKET stays the caller's. ROOT is "" or the root of a recorded tree, without a slash at its end. */
int runner_new(int socket, const char *module_dir, const char *root, struct runner **ret);
struct runner *runner_free(struct runner *r);

/* Makes this process fit for running foreign code: its children's strays come to it, standard input and output are
 * /dev/null, and *SOCKET is moved where a module does not find it, with /dev/null in its place. */
int runner_prepare_process(int *socket);

/* Loads modules ahead. One that cannot be loaded, or that crashes when it is, is left for the batch that wants it. */
void runner_preload(const struct runner *r, char *const *names, size_t n);

/* Locks the memory, says MSG_READY, and serves batches until the daemon closes the socket: 0. -EBADMSG: the daemon
 * said something that makes no sense; other -errno of the socket. */
int runner_serve(struct runner *r);

static inline void runner_free_pointer(struct runner **r)
{
	runner_free(*r);
}
#define _cleanup_runner_ _cleanup_(runner_free_pointer)
