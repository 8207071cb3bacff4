/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From settings to struct conf; see conf.h. Reads no file (conf-read.c does), loads no module, and knows no key by
 * itself (conf-table.c does). */
#include "conf.h"

#include "clock.h"
#include "conf-table.h"
#include "conf-work.h"
#include "option.h"
#include "template.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <string.h>

/* Keys that somebody will try, and what to write instead. */
static const struct {
	const char *section, *key, *advice;
} refused[] = {
	{ "mail", "password", N_("a password does not belong into this file, which others may read and backups copy: put it "
		"into a file of its own and name that as password_file = /etc/tocsin/mail-password, or use credential") },
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
			return error_at(b, s, "%s", _(refused[i].advice));
		}
	}
	return 0;
}

/* A key that another section has belongs there; one that none has was perhaps meant to be one of these. */
static int report_unknown_key(struct conf_work *b, const struct conf_setting *s)
{
	_cleanup_buf_ struct buf expected = BUF(CONF_TEXT_MAX / 2), others = BUF(CONF_TEXT_MAX / 2);
	_cleanup_free_ char *key = text_cleaned(s->key, 60);
	const struct conf_kind *kind = conf_kind_find(s->section);
	const char *names[CONF_KEYS_MAX];
	size_t n = conf_kind_keys(kind, names, ELEMENTS(names));
	bool done = false;

	int r = report_refused(b, s, &done);
	if (r < 0 || done)
		return r;
	if (!key)
		return -ENOMEM;
	conf_kinds_with(s->key, kind, &others);
	if (others.len)
		return error_at(b, s, "%s is no key of [%s]: expected it in %s", key, s->section, buf_text(&others));
	const char *nearest = text_nearest(s->key, names, n);
	if (nearest)
		return error_at(b, s, "unknown key '%s' in [%s]: did you mean %s?", key, s->section, nearest);
	for (size_t i = 0; i < n; i++)
		buf_printf(&expected, "%s%s", i ? ", " : "", names[i]);
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

	return option ? apply(b, option, base, s) : report_unknown_key(b, s);
}

/* The tables of a section that there is once, and what they fill. */
struct plain {
	const char *section;
	const struct tocsin_option *options, *more;
	void *base;
};

static int build_plain_section(struct conf_work *b, const struct plain *plain)
{
	int r = option_set_defaults(plain->options, plain->base, NULL);

	if (r == 0)
		r = option_set_defaults(plain->more, plain->base, NULL);
	for (size_t i = 0; r == 0 && i < b->settings->n; i++) {
		const struct conf_setting *s = &b->settings->items[i];

		if (strcmp(s->section, plain->section) == 0)
			r = conf_apply(b, option_find(plain->more, s->key) ? plain->more : plain->options, plain->base, s);
	}
	return r;
}

/* [tocsin], [report], [alert] and the like: the sections that every check builds on. */
static int build_plain_sections(struct conf_work *b)
{
	struct conf *c = b->conf;
	const struct plain plain[] = {
		{ "tocsin", conf_tocsin_options, NULL, c }, { "report", conf_report_options, NULL, c },
		{ "metrics", conf_metrics_options, NULL, c }, { "heartbeat", conf_heartbeat_options, NULL, c },
		{ "page", conf_page_options, NULL, c },
		{ "alert", conf_alert_only_options, conf_alert_options, &c->alert },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(plain); i++)
		r = build_plain_section(b, &plain[i]);
	return r;
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

static int add_moment(struct conf_work *b, const char *text)
{
	const struct conf_setting *s = conf_place_of_item(b, "report", "", "at", text);
	struct calendar_moments *m = &b->conf->report_moments;
	_cleanup_free_ char *shown = text_cleaned(text, 60);

	if (!shown)
		return -ENOMEM;
	if (calendar_parse_moment(text, &m->moment[m->n]) < 0)
		return error_at(b, s, "at: '%s' is no time of the week: expected an hour, behind days if not on every day, like 08:00 "
			"or Mon,Thu 08:00; for more, repeat the line", shown);
	m->n++;
	return 0;
}

static int check_templates(struct conf_work *b)
{
	const struct {
		const char *key, *template;
	} rows[] = { { "subject_prefix", b->conf->report_subject_prefix }, { "header", b->conf->report_header },
		{ "footer", b->conf->report_footer } };
	size_t len;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(rows); i++) {
		const char *unknown = rows[i].template ? template_find_unknown(rows[i].template, &len) : NULL;

		if (unknown)
			r = error_at(b, conf_place_of(b, "report", "", rows[i].key),
				"%s: %.*s is not known: expected {host}, {state}, {time} or {version}", rows[i].key,
				(int)(len < 60 ? len : 60), unknown);
	}
	return r;
}

static int build_report(struct conf_work *b)
{
	const struct conf_setting *every = conf_find_setting(b->settings, 0, "report", "", "every");
	struct conf *c = b->conf;
	int r = check_templates(b);

	if (r == 0 && every && c->report_every > 0 && c->report_every < USEC_PER_SEC)
		r = error_at(b, every, "every: expected 0 for no reports, or at least 1s");
	if (r < 0 || c->report_at.n == 0)
		return r;
	if (every)
		return error_at(b, conf_place_of(b, "report", "", "at"), "at and every are both given: expected one of them");
	if (c->report_at.n > CALENDAR_MAX)
		return error_at(b, conf_place_of(b, "report", "", "at"), "at: there are too many times: expected at most %d",
			CALENDAR_MAX);
	c->report_every = 0;
	for (size_t i = 0; r == 0 && i < c->report_at.n; i++)
		r = add_moment(b, c->report_at.items[i]);
	return r;
}

static bool alert_sets(const struct conf_work *b, const char *key)
{
	return conf_find_setting(b->settings, 0, "alert", "", key);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len > n && strcmp(text + len - n, end) == 0;
}

/* node_exporter reads no file of another name; and a URL with parameters has no place for /fail. */
static int build_exports(struct conf_work *b)
{
	const char *textfile = b->conf->metrics_textfile, *url = b->conf->heartbeat_url;
	int r = 0;

	if (textfile && !ends_with(textfile, ".prom"))
		r = error_at(b, conf_place_of(b, "metrics", "", "textfile"),
			"textfile: expected a path that ends in .prom, like /run/tocsin/tocsin.prom");
	if (r == 0 && url && ((strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) || strpbrk(url, "?# \"\\")))
		r = error_at(b, conf_place_of(b, "heartbeat", "", "url"),
			"url: expected https:// or http://, without parameters, like https://hc-ping.com/UUID");
	return r;
}

static int build_general(struct conf_work *b)
{
	struct conf *c = b->conf;

	if (c->alert.interval == 0)
		c->alert.interval = c->interval;
	int r = build_host(b);
	if (r == 0)
		r = build_report(b);
	if (r == 0)
		r = build_exports(b);
	if (r == 0)
		r = conf_build_alert(b, "alert", "", &c->alert);
	b->alert_sets_hysteresis = alert_sets(b, "hysteresis") || alert_sets(b, "hysteresis_points");
	b->alert_sets_recover = alert_sets(b, "recover");
	b->alert_sets_grace = alert_sets(b, "grace");
	return r;
}

static const struct conf_module *find_module(const struct conf_work *b, const char *name)
{
	for (size_t i = 0; i < b->n_modules; i++)
		if (strcmp(b->modules[i].name, name) == 0)
			return &b->modules[i];
	return NULL;
}

/* What its section does not set: [alert]. For events there is nothing to confirm, so there a general `confirm` does
 * not apply; the other two are only other defaults. */
static void set_check_defaults(const struct conf_work *b, struct conf_check *check, const char *module_name)
{
	const struct conf_module *module = module_name ? find_module(b, module_name) : NULL;

	conf_inherit_alert(&b->conf->alert, &check->alert);
	if (!module)
		return;
	check->is_slow = module->is_slow;
	check->is_event = module->is_event;
	check->is_steady = module->is_steady;
	if (module->is_event) {
		check->alert.confirm = 1;
		if (!b->alert_sets_recover)
			check->alert.recover = 1;
		if (!b->alert_sets_grace)
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
	if (option_find(conf_alert_only_options, s->key))
		return report_unknown_key(b, s);
	return add_module_option(check, s);
}

/* Where a check stands: the array moves while it grows. */
struct place {
	const char *name; /* of the setting that began it */
	size_t index;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The check that setting I belongs to, a new one if it is the first of its section. */
static int find_or_add_check(struct conf_work *b, void **places, size_t i, struct conf_check **ret)
{
	const struct place key = { b->settings->items[i].name, b->conf->n_checks };
	struct place *const *found = tfind(&key, places, compare_places), *place;

	if (found) {
		*ret = &b->conf->checks[(*found)->index];
		return 0;
	}
	place = malloc(sizeof(*place));
	if (!place)
		return -ENOMEM;
	*place = key;
	if (!tsearch(place, places, compare_places)) {
		free(place);
		return -ENOMEM;
	}
	return add_check(b, i, ret);
}

static int apply_check_settings(struct conf_work *b, void **places)
{
	struct conf_check *check = NULL;

	for (size_t i = 0; i < b->settings->n; i++) {
		const struct conf_setting *s = &b->settings->items[i];
		int r = 0;

		if (strcmp(s->section, "check") != 0)
			continue;
		if (!check || strcmp(check->name, s->name) != 0)
			r = find_or_add_check(b, places, i, &check);
		if (r == 0)
			r = apply_to_check(b, check, s);
		if (r < 0)
			return r;
	}
	return 0;
}

static int build_check_sections(struct conf_work *b)
{
	void *places = NULL;
	int r = apply_check_settings(b, &places);

	tdestroy(places, free);
	return r;
}

static bool is_module_name(const char *name)
{
	return conf_is_name(name) && *name != '.';
}

static int build_checks(struct conf_work *b)
{
	struct conf *c = b->conf;
	int r = build_check_sections(b);

	for (size_t i = 0; r == 0 && i < c->n_checks; i++) {
		struct conf_check *check = &c->checks[i];

		r = conf_finish_check(b, check);
		if (r < 0)
			return r;
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
		check_sections, build_plain_sections, build_general, conf_build_mails, build_checks, conf_check_dependencies,
		conf_build_recipients,
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
	option_free(conf_alert_options, &check->alert);
}

static void recipient_clear(struct conf_recipient *recipient)
{
	free(recipient->name);
	free(recipient->file);
	option_free(conf_recipient_options, recipient);
}

struct conf *conf_free(struct conf *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_mails; i++)
		mail_clear(&c->mails[i]);
	for (size_t i = 0; i < c->n_checks; i++)
		check_clear(&c->checks[i]);
	for (size_t i = 0; i < c->n_recipients; i++)
		recipient_clear(&c->recipients[i]);
	free(c->mails);
	free(c->checks);
	free(c->recipients);
	option_free(conf_tocsin_options, c);
	option_free(conf_report_options, c);
	option_free(conf_metrics_options, c);
	option_free(conf_heartbeat_options, c);
	option_free(conf_page_options, c);
	option_free(conf_alert_options, &c->alert);
	free(c);
	return NULL;
}

/* A default that does not hold because another key stands in its place. */
static bool is_replaced(const struct conf_settings *s, const char *section, const char *key)
{
	return strcmp(section, "report") == 0 && strcmp(key, "every") == 0 && conf_find_setting(s, 0, section, "", "at");
}

/* Adds the values in force of one section that its settings leave out, unless BESIDE has the same. */
static int add_section_defaults(struct conf_settings *s, const char *section, const char *name,
	const struct tocsin_option *options, const void *base, const void *beside)
{
	for (const struct tocsin_option *o = options; o->name; o++) {
		_cleanup_buf_ struct buf value = BUF(CONF_TEXT_MAX), other = BUF(CONF_TEXT_MAX);

		if (conf_find_setting(s, 0, section, name, o->name) || is_replaced(s, section, o->name))
			continue;
		option_format(o, base, &value);
		if (beside)
			option_format(o, beside, &other);
		if (buf_error(&value) || buf_error(&other))
			return -ENOMEM;
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
	if (r == 0 && c->metrics_textfile)
		r = add_section_defaults(s, "metrics", "", conf_metrics_options, c, NULL);
	if (r == 0 && c->heartbeat_url)
		r = add_section_defaults(s, "heartbeat", "", conf_heartbeat_options, c, NULL);
	if (r == 0)
		r = add_section_defaults(s, "page", "", conf_page_options, c, NULL);
	if (r == 0)
		r = add_section_defaults(s, "alert", "", conf_alert_options, &c->alert, NULL);
	if (r == 0)
		r = add_section_defaults(s, "alert", "", conf_alert_only_options, &c->alert, NULL);
	for (size_t i = 0; r == 0 && i < c->n_mails; i++)
		r = add_section_defaults(s, "mail", c->mails[i].name, conf_mail_options, &c->mails[i], NULL);
	for (size_t i = 0; r == 0 && i < c->n_recipients; i++)
		if (strcmp(c->recipients[i].name, CONF_RECIPIENT_MAIL) != 0)
			r = add_section_defaults(
				s, "recipient", c->recipients[i].name, conf_recipient_options, &c->recipients[i], NULL);
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
