/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that others read while it is written anew: they see the old one or the new one, never a part. */
#pragma once

#include <stddef.h>

/* Writes DATA to PATH, for everybody to read: a new file beside it takes its place when it is complete and on the disk. PATH
 * keeps what it had on an error: -errno, and *ret_what says at which step ("create"). */
int page_file_write(const char *path, const void *data, size_t len, const char **ret_what);
