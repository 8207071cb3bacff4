/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that others read while it is written anew: they see the old one or the new one, never a part. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes DATA to PATH, for everybody to read whatever the umask: PATH.new takes its place when it is complete, and with
 * IS_DURABLE on the disk. One that another writer left there is removed; two writers at once are not provided for. PATH
 * keeps what it had on an error: -errno, and *ret_what says at which step ("create"). */
int replace_file(const char *path, const void *data, size_t len, bool is_durable, const char **ret_what);
