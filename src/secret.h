/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a relay's password or token comes from: a file, a systemd credential, a command. Secrets are plain
 * strings that are wiped by secret_free(); they are never logged. */
#pragma once

#include "conf.h"

#define SECRET_MAX (16 * 1024) /* bytes; tokens are the longest */
#define SECRET_COMMAND_USEC (20 * INT64_C(1000000)) /* how long a command may take, at most */

/* The password that password_file, credential or password_command of MAIL name; NULL in *ret when none is
 * configured. Errors come with a sentence in *ret_error (free it). A file that everybody can read gets a
 * warning in the log. */
int secret_password(const struct conf_mail *mail, int64_t deadline_usec, char **ret, char **ret_error);

/* What token_command prints; NULL in *ret when none is configured. */
int secret_token(const struct conf_mail *mail, int64_t deadline_usec, char **ret, char **ret_error);

/* The first line of a file. */
int secret_from_file(const char *key, const char *path, char **ret, char **ret_error);

/* The first line that COMMAND (for /bin/sh) prints. It runs in a process group of its own, which is killed at
 * the end. -ETIMEDOUT, -EIO: it failed. */
int secret_from_command(
	const char *key, const char *command, int64_t deadline_usec, char **ret, char **ret_error);

/* Wipes and frees. Returns NULL. */
char *secret_free(char *secret);

static inline void secret_free_pointer(char **secret)
{
	secret_free(*secret);
}
#define _cleanup_secret_ _cleanup_(secret_free_pointer)
