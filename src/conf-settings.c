/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lists of settings and problems; see conf.h. */
#include "conf.h"

#include "buf.h"
#include "conf-work.h"
#include "language.h"
#include "translate.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define PROBLEM_MAX 4096

/* Doubles the room of an array each time its number is a power of two. */
int conf_grow(void *items, size_t n, size_t size)
{
	void **array = items;

	if ((n & (n - 1)) == 0) {
		void *larger = realloc(*array, (n ? n * 2 : 1) * size);

		if (!larger)
			return -ENOMEM;
		*array = larger;
	}
	return 0;
}

void conf_setting_clear(struct conf_setting *s)
{
	free(s->section);
	free(s->name);
	free(s->key);
	free(s->value);
	free(s->file);
	*s = (struct conf_setting){ 0 };
}

int conf_setting_copy(const struct conf_setting *s, struct conf_setting *ret)
{
	struct conf_setting copy = {
		.section = strdup(s->section), .name = strdup(s->name), .key = strdup(s->key),
		.value = strdup(s->value), .file = strdup(s->file), .line = s->line,
	};

	if (!copy.section || !copy.name || !copy.key || !copy.value || !copy.file) {
		conf_setting_clear(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

int conf_add_setting(struct conf_settings *s, const char *section, const char *name, const char *key,
	const char *value, const char *file, unsigned line)
{
	const struct conf_setting setting = { (char *)section, (char *)name, (char *)key, (char *)value, (char *)file, line };

	int r = conf_grow(&s->items, s->n, sizeof(*s->items));
	if (r == 0)
		r = conf_setting_copy(&setting, &s->items[s->n]);
	if (r == 0)
		s->n++;
	return r;
}

int conf_add_problem(struct conf_problems *p, bool is_error, const char *file, unsigned line, const char *format, ...)
{
	_cleanup_buf_ struct buf b = BUF(PROBLEM_MAX);
	va_list arguments;

	p->n_errors += is_error;
	if (p->n > CONF_PROBLEMS_MAX)
		return 0;
	int r = conf_grow(&p->items, p->n, sizeof(*p->items));
	if (r < 0)
		return r;
	va_start(arguments, format);
	if (p->n < CONF_PROBLEMS_MAX)
		buf_vprintf(&b, translate(format), arguments);
	else
		buf_puts(&b, _("there are too many problems: this and further ones are not shown"));
	va_end(arguments);
	char *text = buf_take(&b), *copy = strdup(file);
	if (!text || !copy) {
		free(text);
		free(copy);
		return -ENOMEM;
	}
	p->items[p->n++] = (struct conf_problem){ .is_error = is_error, .file = copy, .line = line, .text = text };
	return 0;
}

int conf_settings_use_language(const struct conf_settings *s)
{
	const struct conf_setting *language = conf_find_setting(s, 0, "tocsin", "", "language");

	if (s->n == 0) /* nothing could be read: it says nothing of a language either */
		return 0;
	return language_use(language ? language->value : language_names[0]) == -ENOMEM ? -ENOMEM : 0;
}

void conf_settings_free(struct conf_settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		conf_setting_clear(&s->items[i]);
	free(s->items);
	*s = (struct conf_settings){ 0 };
}

void conf_problems_free(struct conf_problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].file);
		free(p->items[i].text);
	}
	free(p->items);
	*p = (struct conf_problems){ 0 };
}
