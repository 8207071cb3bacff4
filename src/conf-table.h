/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which sections and keys there are. Between the files conf*.c; everybody else uses conf.h. */
#pragma once

#include "buf.h"
#include "conf.h"
#include "tocsin-check.h"

#include <stdbool.h>

#define CONF_KEYS_MAX 64 /* keys of one kind of section */
#define CONF_NAME_MAX 48 /* bytes of NAME in [check NAME] */

enum conf_naming { CONF_NEVER_NAMED, CONF_MAY_BE_NAMED, CONF_ALWAYS_NAMED };

struct conf_kind {
	const char *name;
	enum conf_naming naming;
	const struct tocsin_option *options; /* of the section itself */
	const struct tocsin_option *more; /* in [alert] and [check NAME]: those of struct conf_alert that both have, or NULL */
	bool takes_others; /* further keys belong to the module */
	const char *summary;
};

extern const struct tocsin_option conf_tocsin_options[]; /* fill struct conf */
extern const struct tocsin_option conf_page_options[];
extern const struct tocsin_option conf_report_options[]; /* fill struct conf */
extern const struct tocsin_option conf_metrics_options[]; /* fill struct conf */
extern const struct tocsin_option conf_heartbeat_options[]; /* fill struct conf */
extern const struct tocsin_option conf_alert_options[]; /* of [alert] and [check NAME]; fill struct conf_alert */
extern const struct tocsin_option conf_alert_only_options[]; /* of [alert]; fill struct conf_alert */
extern const struct tocsin_option conf_check_options[]; /* fill struct conf_check */
extern const struct tocsin_option conf_recipient_options[]; /* fill struct conf_recipient */
extern const struct tocsin_option conf_mail_options[]; /* fill struct conf_mail */

extern const char *const conf_mechanisms[]; /* that `auth` may name, ended by NULL */

/* What a module may say of itself, in TOCSIN_CHECK_…, as a word of MSG_MODULE, and as a bool of struct conf_module. */
struct conf_flag {
	unsigned flag;
	const char *word;
	size_t offset;
};
extern const struct conf_flag conf_flags[]; /* ended by a word of NULL */

static inline bool *conf_flag_of(struct conf_module *module, const struct conf_flag *flag)
{
	return (bool *)((char *)module + flag->offset);
}

/* The names of all keys of this kind, up to MAX; returns how many. */
size_t conf_kind_keys(const struct conf_kind *kind, const char **ret_names, size_t max);

/* The sections other than KIND that have KEY, as "[mail] and [check NAME]"; nothing when there is none. */
void conf_kinds_with(const char *key, const struct conf_kind *kind, struct buf *b);

/* One word of [A-Za-z0-9._-]: it stands in subjects, file names and on command lines. */
bool conf_is_name(const char *name);

/* All kinds; returns how many. */
size_t conf_kinds(const struct conf_kind **ret);

/* The kind of section called NAME, or NULL. */
const struct conf_kind *conf_kind_find(const char *name);

/* The row of KEY in sections of this kind, or NULL. */
const struct tocsin_option *conf_kind_option(const struct conf_kind *kind, const char *key);

/* Is [SECTION NAME] a section that may be? Else says in B what was expected. */
bool conf_section_is_valid(const char *section, const char *name, struct buf *b);

/* Does VALUE fit KEY? -EINVAL or -ERANGE with a sentence in *ret_error, -ENOMEM. */
int conf_option_try(const struct tocsin_option *option, const char *value, char **ret_error);

void conf_setting_clear(struct conf_setting *s);
