/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors that ext4 has met, as it counts them in each file system until e2fsck(8) has repaired it (kernel
 * document ABI/testing/sysfs-fs-ext4). From Linux 6.12 on, and in older kernels that have that change too,
 * they are all that tells to those who do not write that the kernel has stopped writing. Reads; judges
 * nothing. */
#pragma once

#include "mountinfo.h"
#include "tocsin-check.h"

#include <stdint.h>

struct ext4_errors {
	int64_t count;
	int64_t first_usec, last_usec; /* CLOCK_REALTIME; 0: not known */
	char function[64];             /* of the kernel, that met the last one; "": not known */
};

/* Of the file system that is mounted as M. -ENOENT when it is none of ext4 or nothing is told of it,
 * -EBADMSG, -errno. */
int ext4_read_errors(struct tocsin_run *run, const struct mount *m, struct ext4_errors *ret);
