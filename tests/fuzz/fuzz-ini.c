/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a configuration file: the guard must keep its promises about what it hands on (ini-guard.h). */
#include "ini-guard.h"
#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct progress {
	unsigned lines; /* in the input */
	unsigned last; /* line of the last event */
	bool has_section;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static bool is_clean(const char *text)
{
	for (const char *t = text; *t; t++)
		if (((unsigned char)*t < ' ' && *t != '\t') || *t == 0x7f)
			return false;
	return utf8_valid(text, strlen(text)) && strlen(text) <= INI_LINE_MAX;
}

static void require_order(struct progress *p, unsigned line)
{
	require(line > p->last && line <= p->lines);
	p->last = line;
}

static int on_section(void *user, const char *text, unsigned line)
{
	struct progress *p = user;

	require_order(p, line);
	require(is_clean(text) && !strpbrk(text, "[]"));
	p->has_section = strcmp(text, "skip") != 0;
	return !p->has_section;
}

static int on_setting(void *user, const char *key, const char *value, unsigned line)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	struct progress *p = user;
	size_t n = strspn(key, letters);

	require_order(p, line);
	require(p->has_section && n > 0 && n <= INI_KEY_MAX && key[n] == '\0');
	require(is_clean(value) && !strstr(value, " ;") && !strstr(value, "\t;"));
	require(value[0] != ' ' && (!*value || !strchr(" \t\r", value[strlen(value) - 1])));
	return 0;
}

static int on_problem(void *user, unsigned line, const char *text)
{
	struct progress *p = user;

	require_order(p, line);
	require(utf8_valid(text, strlen(text)));
	if (strncmp(text, "the section header", 18) == 0 || strncmp(text, "there is text behind the ]", 26) == 0 ||
		strncmp(text, "there is a second [", 19) == 0)
		p->has_section = false;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct progress p = { .lines = 1 };
	const struct ini_handler handler = { on_section, on_setting, on_problem, &p };

	for (size_t i = 0; i < len; i++)
		p.lines += data[i] == '\n';
	require(ini_guard_text((const char *)data, len, &handler) == 0);
	return 0;
}
