/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What conf.c, which builds a configuration, and the files that do so for some of its sections share. */
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
	bool alert_sets_hysteresis; /* or hysteresis_points */
	bool alert_sets_recover, alert_sets_grace;
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

/* The same when VALUE, one of a list, is wrong. */
const struct conf_setting *conf_place_of_item(
	const struct conf_work *w, const char *section, const char *name, const char *key, const char *value);

/* The following make problems of what is wrong. -ENOMEM. */

/* All of [mail] and [mail NAME]. */
int conf_build_mails(struct conf_work *w);

/* Is each `to` of a section a mail address? */
int conf_check_addresses(struct conf_work *w, const char *section, const char *name);

/* All of [recipient NAME], and the recipient "mail"; when checks and mails are complete. */
int conf_build_recipients(struct conf_work *w);

/* Parses a list of windows of the week; "none" alone is an empty one. */
int conf_build_windows(struct conf_work *w, const char *section, const char *name, const char *key,
	const struct tocsin_list *list, struct calendar_windows *ret);

/* Fills the parsed members of a policy from those that its section wrote, and bounds what needs it. */
int conf_build_alert(struct conf_work *w, const char *section, const char *name, struct conf_alert *a);

/* What a check has of [alert] before its own keys are applied; nothing that is owned. */
void conf_inherit_alert(const struct conf_alert *from, struct conf_alert *to);

/* When they are: the rest, owned by the check. */
int conf_finish_check(struct conf_work *w, struct conf_check *check);

/* Do all `depends` name checks, and do they end somewhere? When checks are complete. */
int conf_check_dependencies(struct conf_work *w);
