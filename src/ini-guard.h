/* SPDX-License-Identifier: GPL-3.0-or-later */
/* INI files, read in one way whatever the library underneath does.
 *
 * inih reads `key = value`, but is silent about much: it cuts long lines and long names, takes an indented key for a
 * continuation, drops what follows a " ;", merges sections that stand twice, and goes on in the section before a
 * header that is broken; and its behaviour is chosen when it is built. So a guard stands before it, gives it one
 * clean line at a time, and reports all that inih would swallow, with the line. Only ini-guard.c knows inih (and is not called ini.h, as inih's header is). */
#pragma once

#include <stddef.h>

#define INI_LINE_MAX 8192 /* bytes of a line, without indentation and blanks at its end */
#define INI_FILE_MAX (1024 * 1024)
#define INI_KEY_MAX 48

struct ini_handler {
	/* A section header with the text between the brackets. Returns 0; 1: what follows until the next header is to
	 * be left out (the handler has said why); or -errno, which ends the reading. */
	int (*section)(void *user, const char *text, unsigned line);
	/* KEY is of [A-Za-z0-9_-]{1,48}; VALUE is UTF-8 without control characters other than tabs. 0 or -errno. */
	int (*setting)(void *user, const char *key, const char *value, unsigned line);
	/* A sentence for the administrator; LINE 0: about the file as a whole. 0 or -errno. */
	int (*problem)(void *user, unsigned line, const char *text);
	void *user;
};

/* Reads LEN bytes. Goes on after problems. 0, -ENOMEM, or what the handler returned. */
int ini_guard_text(const char *data, size_t len, const struct ini_handler *handler);

/* Reads the file PATH; that it is missing, unreadable, no regular file or too large is a problem too. */
int ini_guard_path(const char *path, const struct ini_handler *handler);
