/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the configuration and holds it against the modules; see config-service.h. Runs in a process of its own,
 * because it runs the code of modules: their loading, and their validate(). */
#include "config-service.h"

#include "buf.h"
#include "conf.h"
#include "conf-table.h"
#include "module.h"
#include "msg.h"
#include "option.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define TEXT_MAX 4096

/* One module that is named in the configuration. */
struct loaded {
	char *name;
	const struct tocsin_check *module; /* NULL: it cannot be loaded */
	bool is_deadly; /* loading it ends the process: not to be tried here */
};

struct service {
	struct conf_settings settings;
	struct conf_settings defaults; /* of module options */
	struct conf_problems problems;
	struct loaded *loaded;
	size_t n_loaded;
	struct conf_module *modules; /* those that could be loaded, for conf_build() */
	size_t n_modules;
	bool with_defaults;
	int socket;
};

static void service_clear(struct service *s)
{
	for (size_t i = 0; i < s->n_loaded; i++)
		free(s->loaded[i].name);
	free(s->loaded);
	free(s->modules);
	conf_settings_free(&s->settings);
	conf_settings_free(&s->defaults);
	conf_problems_free(&s->problems);
}

static int report_module(struct service *s, const struct conf_setting *type, const char *why)
{
	return conf_add_problem(&s->problems, false, type->file, type->line,
		"type: %s; until that is mended, [check %s] is UNKNOWN", why, type->name);
}

static struct loaded *find_loaded(const struct service *s, const char *name)
{
	for (size_t i = 0; i < s->n_loaded; i++)
		if (strcmp(s->loaded[i].name, name) == 0)
			return &s->loaded[i];
	return NULL;
}

static int add_loaded(struct service *s, const char *name, const struct tocsin_check *module, bool is_deadly)
{
	struct loaded *loaded = realloc(s->loaded, (s->n_loaded + 1) * sizeof(*loaded));
	if (!loaded)
		return -ENOMEM;
	s->loaded = loaded;
	struct conf_module *modules = realloc(s->modules, (s->n_modules + 1) * sizeof(*modules));
	if (!modules)
		return -ENOMEM;
	s->modules = modules;

	char *copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	loaded[s->n_loaded++] = (struct loaded){ .name = copy, .module = module, .is_deadly = is_deadly };
	if (!module)
		return 0;
	modules[s->n_modules] = (struct conf_module){ .name = copy };
	for (const struct conf_flag *f = conf_flags; f->word; f++)
		*conf_flag_of(&modules[s->n_modules], f) = module->flags & f->flag;
	s->n_modules++;
	return 0;
}

static int load_module(struct service *s, const struct conf_setting *type)
{
	_cleanup_free_ char *error = NULL;
	const struct tocsin_check *module = NULL;
	const struct loaded *before = find_loaded(s, type->value);
	int r = 0;

	if (before && before->module)
		return 0;
	bool is_deadly = before ? before->is_deadly : !module_survives_loading(module_directory(), type->value, s->socket);
	if (is_deadly)
		r = report_module(s, type, _("the module crashes or hangs when it is loaded"));
	else if (module_load(module_directory(), type->value, &module, &error) < 0)
		r = error ? report_module(s, type, error) : -ENOMEM;
	return r < 0 || before ? r : add_loaded(s, type->value, module, is_deadly);
}

static int load_modules(struct service *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->settings.n; i++) {
		const struct conf_setting *setting = &s->settings.items[i];

		if (strcmp(setting->section, "check") == 0 && strcmp(setting->key, "type") == 0)
			r = load_module(s, setting);
	}
	return r;
}

/* The settings of one check: conf_read() leaves them together. */
struct section {
	const struct conf_setting *items;
	size_t n;
};

static struct section section_at(const struct conf_settings *s, size_t first)
{
	struct section section = { .items = &s->items[first] };

	while (first + section.n < s->n && strcmp(section.items[section.n].section, section.items->section) == 0 &&
		strcmp(section.items[section.n].name, section.items->name) == 0)
		section.n++;
	return section;
}

static const struct conf_setting *section_find(const struct section *section, const char *key)
{
	for (size_t i = 0; i < section->n; i++)
		if (strcmp(section->items[i].key, key) == 0)
			return &section->items[i];
	return NULL;
}

static int report_unknown_option(struct service *s, const struct tocsin_check *module, const struct conf_setting *at)
{
	_cleanup_buf_ struct buf expected = BUF(TEXT_MAX);
	const char *names[64];
	size_t n = 0;

	for (; module->options[n].name && n < ELEMENTS(names); n++) {
		names[n] = module->options[n].name;
		buf_printf(&expected, "%s%s", n ? ", " : "", names[n]);
	}
	const char *nearest = text_nearest(at->key, names, n);
	if (!nearest)
		nearest = conf_nearest_check_key(at->key);
	if (nearest)
		return conf_add_problem(&s->problems, true, at->file, at->line,
			"unknown key '%s' in [check %s] of type %s: did you mean %s?", at->key, at->name, module->name, nearest);
	if (n == 0)
		return conf_add_problem(&s->problems, true, at->file, at->line,
			"unknown key '%s' in [check %s] of type %s: expected timeout, or a key of [alert]", at->key, at->name,
			module->name);
	return conf_add_problem(&s->problems, true, at->file, at->line,
		"unknown key '%s' in [check %s] of type %s: expected one of %s, or a key of [alert]", at->key, at->name,
		module->name, buf_text(&expected));
}

/* One option of a module. conf_read() could not know which of its keys may be repeated. */
static int apply_option(struct service *s, const struct tocsin_check *module, void *config,
	const struct section *section, const struct conf_setting *setting)
{
	const struct tocsin_option *option = option_find(module->options, setting->key);
	const struct conf_setting *first = section_find(section, setting->key);
	_cleanup_free_ char *error = NULL;

	if (!option)
		return report_unknown_option(s, module, setting);
	if (option->type != TOCSIN_LIST && first != setting)
		return conf_add_problem(&s->problems, true, setting->file, setting->line,
			"%s stands already in line %u of this section: expected it once", setting->key, first->line);
	if (option->type == TOCSIN_LIST && first == setting)
		option_list_begin(option, config);
	int r = option_set(option, config, setting->value, &error);
	if (r < 0 && error)
		return conf_add_problem(
			&s->problems, true, setting->file, setting->line, "%s: %s", setting->key, error);
	return r;
}

/* What the module says of all its options together; only when each by itself is right. */
static int validate(struct service *s, const struct tocsin_check *module, const void *config,
	const struct conf_setting *at)
{
	_cleanup_free_ char *text = NULL;
	const char *complaint = module->validate ? module->validate(config) : NULL;

	if (!complaint)
		return 0;
	text = text_cleaned(_(complaint), 500);
	if (!text)
		return -ENOMEM;
	return conf_add_problem(&s->problems, true, at->file, at->line, "[check %s]: %s", at->name, text);
}

static int add_option_defaults(
	struct service *s, const struct tocsin_check *module, const void *config, const struct section *section)
{
	for (const struct tocsin_option *o = module->options; o->name; o++) {
		_cleanup_buf_ struct buf value = BUF(TEXT_MAX);

		if (!o->fallback || section_find(section, o->name) || conf_is_check_key(o->name))
			continue;
		option_format(o, config, &value);
		int r = conf_add_setting(
			&s->defaults, "check", section->items->name, o->name, buf_text(&value), "default", 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_options(
	struct service *s, const struct tocsin_check *module, void *config, const struct section *section)
{
	const struct conf_setting *type = section_find(section, "type");
	size_t errors_before = s->problems.n_errors;
	_cleanup_free_ char *error = NULL;

	int r = option_set_defaults(module->options, config, &error);
	if (r < 0 && error)
		return conf_add_problem(&s->problems, true, type->file, type->line, "the module %s is broken: %s",
			module->name, error);
	for (size_t i = 0; r == 0 && i < section->n; i++)
		if (!conf_is_check_key(section->items[i].key))
			r = apply_option(s, module, config, section, &section->items[i]);
	if (r == 0 && s->problems.n_errors == errors_before)
		r = validate(s, module, config, type);
	if (r == 0 && s->with_defaults)
		r = add_option_defaults(s, module, config, section);
	return r;
}

static int check_section(struct service *s, const struct section *section)
{
	const struct conf_setting *type = section_find(section, "type");
	const struct loaded *loaded = type ? find_loaded(s, type->value) : NULL;

	if (!loaded || !loaded->module)
		return 0;
	/* Aligned for any member; never of size 0, for which calloc() may return NULL. */
	void *config = calloc(1, loaded->module->config_size + 1);
	if (!config)
		return -ENOMEM;
	int r = check_options(s, loaded->module, config, section);
	option_free(loaded->module->options, config);
	free(config);
	return r;
}

static int check_module_options(struct service *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->settings.n;) {
		struct section section = section_at(&s->settings, i);

		if (strcmp(section.items->section, "check") == 0)
			r = check_section(s, &section);
		i += section.n;
	}
	return r;
}

static int add_defaults(struct service *s)
{
	int r = 0;

	if (!s->with_defaults)
		return 0;
	if (s->problems.n_errors == 0)
		r = conf_add_defaults(&s->settings, s->modules, s->n_modules);
	for (size_t i = 0; r == 0 && i < s->defaults.n; i++) {
		const struct conf_setting *d = &s->defaults.items[i];

		r = conf_add_setting(&s->settings, d->section, d->name, d->key, d->value, d->file, d->line);
	}
	return r;
}

/* As they stand in the files, whoever found them. */
static int by_place(const void *a, const void *b)
{
	const struct conf_problem *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

static int send_problems(struct service *s, int socket)
{
	int r = 0;

	if (s->problems.n)
		qsort(s->problems.items, s->problems.n, sizeof(*s->problems.items), by_place);
	for (size_t i = 0; r == 0 && i < s->problems.n; i++) {
		const struct conf_problem *p = &s->problems.items[i];
		char line[16];

		snprintf(line, sizeof(line), "%u", p->line);
		r = msg_send(socket, MSG_PROBLEM, -1, p->is_error ? "error" : "warning", p->file, line, p->text);
	}
	return r;
}

static int send_modules(const struct service *s, int socket)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_modules; i++) {
		const struct conf_module *m = &s->modules[i];
		const struct tocsin_check *module = find_loaded(s, m->name)->module;
		_cleanup_free_ char *summary = text_cleaned(_(module->summary), 200);
		char flags[MODULE_FLAGS_MAX];

		r = summary ? msg_send(socket, MSG_MODULE, -1, m->name, module_flags(module, flags), summary) : -ENOMEM;
	}
	return r;
}

static int send_setting(const struct conf_setting *s, int socket)
{
	char line[16];

	snprintf(line, sizeof(line), "%u", s->line);
	return msg_send(socket, MSG_SETTING, -1, s->section, s->name, s->key, s->value, s->file, line);
}

static bool same_section(const struct conf_setting *a, const struct conf_setting *b)
{
	return strcmp(a->section, b->section) == 0 && strcmp(a->name, b->name) == 0;
}

/* The settings, each section in one piece: defaults were added behind them all. */
static int send_settings(const struct service *service, int socket)
{
	const struct conf_settings *s = &service->settings;
	_cleanup_free_ bool *is_sent = calloc(s->n + 1, sizeof(*is_sent));
	int r = 0;

	if (!is_sent)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		size_t end = service->with_defaults ? s->n : i + 1;

		for (size_t k = i; r == 0 && !is_sent[i] && k < end; k++) {
			if (is_sent[k] || !same_section(&s->items[i], &s->items[k]))
				continue;
			is_sent[k] = k != i;
			r = send_setting(&s->items[k], socket);
		}
	}
	return r;
}

static int collect(struct service *s, const char *path, const char *dropins)
{
	struct conf *conf = NULL;

	int r = conf_read(path, dropins, &s->settings, &s->problems);
	if (r == 0)
		r = load_modules(s);
	if (r == 0)
		r = conf_build(&s->settings, s->modules, s->n_modules, &s->problems, &conf);
	conf_free(conf);
	if (r == -EINVAL) /* the problems say why */
		r = 0;
	if (r == 0)
		r = check_module_options(s);
	return r < 0 ? r : add_defaults(s);
}

int config_service_run(const char *path, const char *dropins, int socket, bool with_defaults)
{
	struct service s = { .with_defaults = with_defaults, .socket = socket };

	int r = collect(&s, path, dropins);
	if (r == 0)
		r = send_problems(&s, socket);
	if (r == 0)
		r = send_modules(&s, socket);
	if (r == 0)
		r = send_settings(&s, socket);
	if (r == 0)
		r = msg_send(socket, MSG_DONE, -1);
	service_clear(&s);
	return r;
}
