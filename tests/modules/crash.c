/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module that announces one item and then ends its whole process by a signal. For tests only. */
#include "tocsin-check.h"

#include <signal.h>

static int run(struct tocsin_run *r, const void *config)
{
	tocsin_look(r, "crash");
	raise(SIGSEGV);
	return 0;
}

static const struct tocsin_option options[] = { { .name = NULL } };

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "crash",
	.summary = "ends its process by SIGSEGV",
	.options = options,
	.run = run,
};
