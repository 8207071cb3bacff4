/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and builds of kernels: which of two is newer, where that can be told, and what a kernel image says of
 * itself. Reads; judges nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define KERNEL_TEXT_MAX 256

/* Is the kernel release B ("6.1.0-25-amd64") newer than A ("6.1.0-18-amd64")? False also where they cannot be
 * compared: they are of different flavours ("-amd64", "-cloud-amd64", "-generic", "+debug"; all from the
 * first
 * "-" that a letter follows, or the last "+"), or of different lines of a distribution ("el8uek"). */
bool kernel_is_newer(const char *a, const char *b);

/* The version text in the header of the x86 image FD (Documentation/arch/x86/boot.rst, kernel_version):
 * "6.1.0-18-amd64 (debian-kernel@…) #1 SMP … Debian 6.1.76-1 (2024-02-01)". 0, -EBADMSG for what is no such
 * image, -errno. */
int kernel_image_version(int fd, char ret[KERNEL_TEXT_MAX]);

/* The build in such a text, as /proc/sys/kernel/version has it: from "#1 SMP" on. NULL when there is none. */
const char *kernel_build(const char *version);
