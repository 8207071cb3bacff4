/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From settings to struct conf; see conf.h. Reads no file (conf-read.c does), loads no module, and knows no key by
 * itself (conf-table.c does). */
#include "conf.h"

#include "clock.h"
#include "conf-table.h"
#include "conf-work.h"
#include "option.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Keys that somebody will try, and what to write instead. */
static const struct {
	const char *section, *key, *advice;
} refused[] = {
	{ "mail", "password", "a password does not belong into this file, which others may read and backups copy: put it "
		"into a file of its own and name that as password_file = /etc/tocsin/mail-password, or use credential" },
};
bool conf_is_in_section(const struct conf_setting *s, const char *section, const char *name)
{
	return strcmp(s->section, section) == 0 && strcmp(s->name, name) == 0;
}

const struct conf_setting *conf_find_setting(
	const struct conf_settings *s, size_t first, const char *section, const char *name, const char *key)
{
	for (size_t i = first; i < s->n; i++)
		if (conf_is_in_section(&s->items[i], section, name) && (!key || strcmp(s->items[i].key, key) == 0))
			return &s->items[i];
	return NULL;
}

const struct conf_setting *conf_place_of(const struct conf_work *b, const char *section, const char *name, const char *key)
{
	const struct conf_setting *s = conf_find_setting(b->settings, 0, section, name, key);

	return s ? s : conf_find_setting(b->settings, 0, section, name, NULL);
}

static int report_refused(struct conf_work *b, const struct conf_setting *s, bool *ret_done)
{
	for (size_t i = 0; i < ELEMENTS(refused); i++) {
		if (strcmp(refused[i].section, s->section) == 0 && strcmp(refused[i].key, s->key) == 0) {
			*ret_done = true;
			return error_at(b, s, "%s", refused[i].advice);
		}
	}
	return 0;
}

static int report_unknown_key(struct conf_work *b, const struct tocsin_option *options, const struct conf_setting *s)
{
	_cleanup_buf_ struct buf expected = BUF(CONF_TEXT_MAX / 2);
	_cleanup_free_ char *key = text_cleaned(s->key, 60);
	const char *names[64];
	bool done = false;
	size_t n = 0;

	int r = report_refused(b, s, &done);
	if (r < 0 || done)
		return r;
	for (; options[n].name && n < ELEMENTS(names); n++) {
		names[n] = options[n].name;
		buf_printf(&expected, "%s%s", n ? ", " : "", names[n]);
	}
	if (!key)
		return -ENOMEM;
	const char *nearest = text_nearest(s->key, names, n);
	if (nearest)
		return error_at(b, s, "unknown key '%s' in [%s]: did you mean %s?", key, s->section, nearest);
	return error_at(b, s, "unknown key '%s' in [%s]: expected one of %s", key, s->section, buf_text(&expected));
}

/* Sets the member of OPTION in BASE; a wrong value is a problem and leaves the default. */
static int apply(struct conf_work *b, const struct tocsin_option *option, void *base, const struct conf_setting *s)
{
	_cleanup_free_ char *error = NULL;
	int r = option_set(option, base, s->value, &error);

	if (r < 0 && error)
		return error_at(b, s, "%s: %s", s->key, error);
	return r;
}

int conf_apply(
	struct conf_work *b, const struct tocsin_option *options, void *base, const struct conf_setting *s)
{
	const struct tocsin_option *option = option_find(options, s->key);

	return option ? apply(b, option, base, s) : report_unknown_key(b, options, s);
}

/* [tocsin], [report] and [alert]: the sections that every check builds on. */
static int build_plain_sections(struct conf_work *b)
{
	struct conf *c = b->conf;
	const struct {
		const char *section;
		const struct tocsin_option *options;
		void *base;
	} plain[] = {
		{ "tocsin", conf_tocsin_options, c }, { "report", conf_report_options, c }, { "alert", conf_alert_options, &c->alert },
	};

	for (size_t k = 0; k < ELEMENTS(plain); k++) {
		int r = option_set_defaults(plain[k].options, plain[k].base, NULL);

		for (size_t i = 0; r == 0 && i < b->settings->n; i++) {
			const struct conf_setting *s = &b->settings->items[i];

			if (strcmp(s->section, plain[k].section) == 0)
				r = conf_apply(b, plain[k].options, plain[k].base, s);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* What conf_read() has refused cannot be here, unless whoever sent the settings is broken. */
static int check_sections(struct conf_work *b)
{
	for (size_t i = 0; i < b->settings->n; i++) {
		_cleanup_buf_ struct buf text = BUF(CONF_TEXT_MAX / 2);
		const struct conf_setting *s = &b->settings->items[i];

		if (conf_section_is_valid(s->section, s->name, &text))
			continue;
		int r = error_at(b, s, "%s", buf_text(&text));
		if (r < 0)
			return r;
	}
	return 0;
}

/* Characters of a host name, and not too many; Internet addresses in brackets are for EHLO only. */
static bool is_host(const char *host)
{
	size_t len = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len < 254 && host[len] == '\0';
}

static int build_host(struct conf_work *b)
{
	char host[HOST_NAME_MAX + 1] = "";
	struct conf *c = b->conf;

	if (c->host && !is_host(c->host))
		return error_at(b, conf_place_of(b, "tocsin", "", "host"),
			"host: expected a host name of letters, digits, '.', '_' and '-', like web1.example.org");
	if (c->host)
		return 0;
	gethostname(host, sizeof(host) - 1);
	c->host = strdup(is_host(host) ? host : "localhost");
	return c->host ? 0 : -ENOMEM;
}

static int build_general(struct conf_work *b)
{
	struct conf *c = b->conf;

	if (c->alert.interval == 0)
		c->alert.interval = c->interval;
	int r = build_host(b);
	if (r == 0 && c->report_every > 0 && c->report_every < USEC_PER_SEC)
		r = error_at(b, conf_place_of(b, "report", "", "every"), "every: expected 0 for no reports, or at least 1s");
	return r;
}
static const struct conf_module *find_module(const struct conf_work *b, const char *name)
{
	for (size_t i = 0; i < b->n_modules; i++)
		if (strcmp(b->modules[i].name, name) == 0)
			return &b->modules[i];
	return NULL;
}

static bool alert_sets(const struct conf_work *b, const char *key)
{
	return conf_find_setting(b->settings, 0, "alert", "", key);
}

/* What its section does not set: [alert]. For events there is nothing to confirm, so there a general `confirm` does
 * not apply; the other two are only other defaults. */
static void set_check_defaults(const struct conf_work *b, struct conf_check *check, const char *module_name)
{
	const struct conf_module *module = module_name ? find_module(b, module_name) : NULL;

	check->alert = b->conf->alert;
	if (!module)
		return;
	check->is_slow = module->is_slow;
	check->is_event = module->is_event;
	if (module->is_event) {
		check->alert.confirm = 1;
		if (!alert_sets(b, "recover"))
			check->alert.recover = 1;
		if (!alert_sets(b, "grace"))
			check->alert.grace = 5 * USEC_PER_SEC;
	}
}

/* A new check for the section that begins with setting FIRST. */
static int add_check(struct conf_work *b, size_t first, struct conf_check **ret)
{
	const struct conf_setting *s = &b->settings->items[first];
	const struct conf_setting *type = conf_find_setting(b->settings, first, "check", s->name, "type");
	struct conf *c = b->conf;

	int r = conf_grow(&c->checks, c->n_checks, sizeof(*c->checks));
	if (r < 0)
		return r;
	struct conf_check *check = &c->checks[c->n_checks++];
	*check = (struct conf_check){ .name = strdup(s->name), .file = strdup(s->file), .line = s->line };
	if (!check->name || !check->file)
		return -ENOMEM;
	set_check_defaults(b, check, type ? type->value : NULL);
	*ret = check;
	return option_set_defaults(conf_check_options, check, NULL);
}

static int add_module_option(struct conf_check *check, const struct conf_setting *s)
{
	int r = conf_grow(&check->options, check->n_options, sizeof(*check->options));

	if (r == 0)
		r = conf_setting_copy(s, &check->options[check->n_options]);
	if (r == 0)
		check->n_options++;
	return r;
}

static int apply_to_check(struct conf_work *b, struct conf_check *check, const struct conf_setting *s)
{
	const struct tocsin_option *option = option_find(conf_check_options, s->key);

	if (option)
		return apply(b, option, check, s);
	option = option_find(conf_alert_options, s->key);
	if (option)
		return apply(b, option, &check->alert, s);
	return add_module_option(check, s);
}

static int build_check_sections(struct conf_work *b)
{
	struct conf *c = b->conf;
	struct conf_check *check = NULL;

	for (size_t i = 0; i < b->settings->n; i++) {
		const struct conf_setting *s = &b->settings->items[i];
		int r = 0;

		if (strcmp(s->section, "check") != 0)
			continue;
		if (!check || strcmp(check->name, s->name) != 0) {
			check = NULL;
			for (size_t k = 0; k < c->n_checks && !check; k++)
				if (strcmp(c->checks[k].name, s->name) == 0)
					check = &c->checks[k];
			if (!check)
				r = add_check(b, i, &check);
		}
		if (r == 0)
			r = apply_to_check(b, check, s);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_module_name(const char *name)
{
	return conf_is_name(name) && *name != '.';
}

/* A confirmation that looked less often than the ordinary check would make an alert later, not sooner. */
static void bound_retry(struct conf_alert *alert)
{
	if (alert->retry_interval > alert->interval)
		alert->retry_interval = alert->interval;
}

static int build_checks(struct conf_work *b)
{
	struct conf *c = b->conf;
	int r = build_check_sections(b);

	bound_retry(&c->alert);
	for (size_t i = 0; r == 0 && i < c->n_checks; i++) {
		struct conf_check *check = &c->checks[i];

		bound_retry(&check->alert);
		if (!check->module)
			r = conf_add_problem(b->problems, true, check->file, check->line,
				"[check %s] has no type: expected a line like type = disk", check->name);
		else if (!is_module_name(check->module))
			r = error_at(b, conf_place_of(b, "check", check->name, "type"),
				"type: expected the name of a check module, like disk");
	}
	return r;
}

int conf_build(const struct conf_settings *s, const struct conf_module *modules, size_t n_modules,
	struct conf_problems *p, struct conf **ret_conf)
{
	struct conf_work b = { .settings = s, .modules = modules, .n_modules = n_modules, .problems = p };
	static int (*const steps[])(struct conf_work *) = {
		check_sections, build_plain_sections, build_general, conf_build_mails, build_checks,
	};
	int r = 0;

	b.conf = calloc(1, sizeof(*b.conf));
	if (!b.conf)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ELEMENTS(steps); i++)
		r = steps[i](&b);
	if (r == 0 && p->n_errors > 0)
		r = -EINVAL;
	if (r < 0) {
		conf_free(b.conf);
		return r;
	}
	*ret_conf = b.conf;
	return 0;
}

static void mail_clear(struct conf_mail *m)
{
	free(m->name);
	option_free(conf_mail_options, m);
}

static void check_clear(struct conf_check *check)
{
	for (size_t i = 0; i < check->n_options; i++)
		conf_setting_clear(&check->options[i]);
	free(check->options);
	free(check->name);
	free(check->file);
	option_free(conf_check_options, check);
}

struct conf *conf_free(struct conf *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_mails; i++)
		mail_clear(&c->mails[i]);
	for (size_t i = 0; i < c->n_checks; i++)
		check_clear(&c->checks[i]);
	free(c->mails);
	free(c->checks);
	option_free(conf_tocsin_options, c);
	free(c);
	return NULL;
}

/* Adds the values in force of one section that its settings leave out, unless BESIDE has the same. */
static int add_section_defaults(struct conf_settings *s, const char *section, const char *name,
	const struct tocsin_option *options, const void *base, const void *beside)
{
	for (const struct tocsin_option *o = options; o->name; o++) {
		_cleanup_buf_ struct buf value = BUF(CONF_TEXT_MAX), other = BUF(CONF_TEXT_MAX);

		if (conf_find_setting(s, 0, section, name, o->name))
			continue;
		option_format(o, base, &value);
		if (beside)
			option_format(o, beside, &other);
		if (value.len == 0 || (beside && strcmp(buf_text(&value), buf_text(&other)) == 0))
			continue;
		int r = conf_add_setting(s, section, name, o->name, buf_text(&value), "default", 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_defaults(struct conf_settings *s, const struct conf *c)
{
	int r = add_section_defaults(s, "tocsin", "", conf_tocsin_options, c, NULL);

	if (r == 0)
		r = add_section_defaults(s, "report", "", conf_report_options, c, NULL);
	if (r == 0)
		r = add_section_defaults(s, "alert", "", conf_alert_options, &c->alert, NULL);
	for (size_t i = 0; r == 0 && i < c->n_mails; i++)
		r = add_section_defaults(s, "mail", c->mails[i].name, conf_mail_options, &c->mails[i], NULL);
	for (size_t i = 0; r == 0 && i < c->n_checks; i++) {
		const struct conf_check *check = &c->checks[i];

		r = add_section_defaults(s, "check", check->name, conf_check_options, check, NULL);
		if (r == 0)
			r = add_section_defaults(s, "check", check->name, conf_alert_options, &check->alert, &c->alert);
	}
	return r;
}

int conf_add_defaults(struct conf_settings *s, const struct conf_module *modules, size_t n_modules)
{
	struct conf_problems ignored = { 0 };
	struct conf *c = NULL;
	int r = conf_build(s, modules, n_modules, &ignored, &c);

	if (r == 0)
		r = add_defaults(s, c);
	conf_free(c);
	conf_problems_free(&ignored);
	return r;
}
