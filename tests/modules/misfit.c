/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules that must be refused, each by one MISFIT_… of the build. For tests only. */
#include "tocsin-check.h"

#include <signal.h>
#include <stdlib.h>

#ifndef MISFIT_ABI
#define MISFIT_ABI TOCSIN_CHECK_ABI
#endif
#ifndef MISFIT_SIZE
#define MISFIT_SIZE 0
#endif
#ifndef MISFIT_OFFSET
#define MISFIT_OFFSET 0
#endif
#ifdef MISFIT_SYMBOL
#define tocsin_check_module misfit_module
extern const struct tocsin_check tocsin_check_module;
#endif

#ifdef MISFIT_CONSTRUCTOR
static void __attribute__((__constructor__)) crash_when_loaded(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}
#endif

static int look(struct tocsin_run *run, const void *config)
{
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "this must not run");
	return 0;
}

static const struct tocsin_option options[] = {
	{ .name = "value", .type = TOCSIN_INT, .offset = MISFIT_OFFSET, .fallback = "1", .help = "A number" },
	{ .name = NULL },
};

const struct tocsin_check tocsin_check_module = {
	.abi = MISFIT_ABI,
	.check_size = sizeof(struct tocsin_check) + MISFIT_SIZE,
	.option_size = sizeof(struct tocsin_option),
	.name = MISFIT_NAME,
	.summary = "Does not fit",
	.options = options,
	.config_size = sizeof(int64_t),
	.run = look,
};
