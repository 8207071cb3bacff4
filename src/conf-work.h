/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What conf.c, which builds a configuration, and conf-mail.c, which does so for [mail], share. */
#pragma once

#include "conf.h"
#include "conf-table.h"

#define CONF_TEXT_MAX 4096 /* bytes of a message or value */

struct conf_work {
	const struct conf_settings *settings;
	const struct conf_module *modules;
	size_t n_modules;
	struct conf_problems *problems;
	struct conf *conf;
};

#define error_at(work, setting, ...)                                                                        \
	conf_add_problem((work)->problems, true, (setting)->file, (setting)->line, __VA_ARGS__)
#define warning_at(work, setting, ...)                                                                      \
	conf_add_problem((work)->problems, false, (setting)->file, (setting)->line, __VA_ARGS__)

/* Makes room for one more behind the N items of an array; doubles it each time N is a power of two. -ENOMEM. */
int conf_grow(void *items, size_t n, size_t size);

int conf_setting_copy(const struct conf_setting *s, struct conf_setting *ret);

bool conf_is_in_section(const struct conf_setting *s, const char *section, const char *name);

/* The first setting of KEY in a section, KEY NULL: of any key; from number FIRST on. NULL: there is none. */
const struct conf_setting *conf_find_setting(
	const struct conf_settings *s, size_t first, const char *section, const char *name, const char *key);

/* Where to point when KEY is wrong or missing: its setting, else the first one of the section. */
const struct conf_setting *conf_place_of(
	const struct conf_work *w, const char *section, const char *name, const char *key);

/* Sets the member of BASE that S names. A wrong value or an unknown key becomes a problem. -ENOMEM. */
int conf_apply(struct conf_work *w, const struct tocsin_option *options, void *base, const struct conf_setting *s);

/* All of [mail] and [mail NAME]. -ENOMEM. */
int conf_build_mails(struct conf_work *w);
