/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module that writes rubbish wherever it can: standard output, standard error, and the socket to the
 * daemon, which it has no business to know. For tests only. */
#include "tocsin-check.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int run(struct tocsin_run *r, const void *config)
{
	static const char *const rubbish[] = { "item", "item\0only\0two", "no such kind\0x", "\0\0\0\0" };
	char big[4096];

	tocsin_look(r, "noise");
	memset(big, 0xff, sizeof(big));
	fwrite(big, 1, sizeof(big), stdout);
	fwrite(big, 1, sizeof(big), stderr);
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++)
		send(3, rubbish[i], i == 1 ? 14 : 4, MSG_NOSIGNAL);
	send(3, big, sizeof(big), MSG_NOSIGNAL);
	return 0;
}

static const struct tocsin_option options[] = { { .name = NULL } };

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "noise",
	.summary = "writes rubbish to every descriptor",
	.options = options,
	.run = run,
};
