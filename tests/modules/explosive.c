/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module that ends the process that loads it. For tests only. */
#include "tocsin-check.h"

#include <signal.h>

static __attribute__((__constructor__)) void explode(void)
{
	raise(SIGKILL);
}

static int run(struct tocsin_run *r, const void *config)
{
	return 0;
}

static const struct tocsin_option options[] = { { .name = NULL } };

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "explosive",
	.summary = "never loaded alive",
	.options = options,
	.run = run,
};
