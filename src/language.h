/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which languages there are, and which one is in use: that of `language` in the configuration, never of the locale. */
#pragma once

#define LANGUAGE_VARIABLE "TOCSIN_LANGUAGE" /* in the environment: how helpers know it, and `tocsin` may be told */

/* As the configuration calls them, English first; NULL at the end. */
extern const char *const language_names[];

/* From now on _() gives texts in this language, and programs that are started from here do so too. -EINVAL: there is no
 * such language, and nothing has changed. */
int language_use(const char *name);

/* The language of LANGUAGE_VARIABLE, English when there is none or no such. For the beginning of a helper. */
void language_from_environment(void);
