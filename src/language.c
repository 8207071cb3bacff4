/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalogues that are built in; see language.h. They are part of the program, and so of its locked memory: an alert in
 * Chinese depends on no further file. */
#include "language.h"

#include "catalogues.h"
#include "translate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const language_names[] = { "en", "zh_CN", NULL };

static const struct {
	const unsigned char *catalogue; /* NULL: the texts are as they are written in the source */
	size_t size;
} languages[] = {
	{ NULL, 0 },
	{ catalogue_zh_CN, sizeof(catalogue_zh_CN) },
};

int language_use(const char *name)
{
	for (size_t i = 0; language_names[i]; i++)
		if (strcmp(language_names[i], name) == 0) {
			translate_from(languages[i].catalogue, languages[i].size);
			return setenv(LANGUAGE_VARIABLE, name, 1) < 0 ? -errno : 0;
		}
	return -EINVAL;
}

void language_from_environment(void)
{
	const char *name = getenv(LANGUAGE_VARIABLE);

	if (!name || language_use(name) < 0)
		language_use(language_names[0]);
}
