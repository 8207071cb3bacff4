/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module that never comes back, ignores a polite end, and has left a child in a session of its own, as
 * a plugin that "daemonises" would. For tests only. */
#include "tocsin-check.h"

#include <signal.h>
#include <unistd.h>

static void wait_long(void)
{
	for (int i = 0; i < 10; i++)
		sleep(60); /* bounded: should a test fail to end it, it goes by itself */
	_exit(1);
}

static int run(struct tocsin_run *r, const void *config)
{
	signal(SIGTERM, SIG_IGN);
	tocsin_look(r, "hang");
	if (fork() == 0) {
		setsid();
		wait_long();
	}
	wait_long();
	return 0;
}

static const struct tocsin_option options[] = { { .name = NULL } };

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "hang",
	.summary = "never comes back",
	.options = options,
	.run = run,
};
