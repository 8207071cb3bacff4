/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module built for another interface. For tests only. */
#include "tocsin-check.h"

static int run(struct tocsin_run *r, const void *config)
{
	tocsin_item(r, "alien", TOCSIN_OK, "this must never be reported");
	return 0;
}

static const struct tocsin_option options[] = { { .name = NULL } };

const struct tocsin_check tocsin_check_module = {
	.abi = TOCSIN_CHECK_ABI + 1,
	.check_size = sizeof(struct tocsin_check),
	.option_size = sizeof(struct tocsin_option),
	.name = "alien",
	.summary = "speaks another ABI",
	.options = options,
	.run = run,
};
