/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a check runs in a container, whose kernel, clock and disks are those of its host. For check modules
 * only. */
#pragma once

#include "tocsin-check.h"

#include <stdbool.h>

/* By the traces that container managers leave: systemd's and podman's files, docker's, and the variable
 * "container" of process 1 where we may read it. A manager that leaves none is not noticed. */
bool is_container(struct tocsin_run *run);

/* Does PATH, a file of /proc, come from lxcfs, which lays those of a container over those of its host? */
bool is_from_lxcfs(struct tocsin_run *run, const char *path);
