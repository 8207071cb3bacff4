/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check module with an option of each kind that matters to the configuration service. For tests only; it
 * looks at nothing. */
#include "tocsin-check.h"

#include <stdbool.h>

struct config {
	struct tocsin_limit warning;
	struct tocsin_list path;
	const char *user;
	int64_t least, most;
	bool deep;
};

static const struct tocsin_option options[] = {
	{ "warning", TOCSIN_LIMIT, offsetof(struct config, warning), "80%", 0, 100, NULL, "A limit" },
	{ "path", TOCSIN_LIST, offsetof(struct config, path), "/", 0, 0, NULL, "A list" },
	{ "user", TOCSIN_STRING, offsetof(struct config, user), NULL, 0, 0, NULL, "A text without default" },
	{ "least", TOCSIN_INT, offsetof(struct config, least), "1", 0, 100, NULL, "A number" },
	{ "most", TOCSIN_INT, offsetof(struct config, most), "9", 0, 100, NULL, "A number" },
	{ "deep", TOCSIN_BOOL, offsetof(struct config, deep), NULL, 0, 0, NULL, "A truth value" },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	return c->least > c->most ? "least is more than most" : NULL;
}

static int run(struct tocsin_run *r, const void *config)
{
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_EVENT | TOCSIN_CHECK_STEADY,
	.name = "sample",
	.summary = "a module for tests",
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = run,
};
