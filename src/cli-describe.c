/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "tocsin describe": what tocsin-check tells of modules and sections, as text, JSON, words for a shell, or a part of a
 * manual page. All of these are made from the same JSON; the tables themselves are in the modules. */
#include "cli.h"

#include "terminal.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define COLUMNS 78

struct description {
	json_t *modules; /* or sections */
	int status;
};

/* ---- what tocsin-check says ---- */

static json_t *json_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

/* The words of TEXT, each ended by SEPARATOR. */
static json_t *json_words(const char *text, char separator)
{
	json_t *array = json_array();

	while (*text) {
		const char *end = strchrnul(text, separator);

		json_array_append_new(array, json_stringn(text, (size_t)(end - text)));
		text = *end ? end + 1 : end;
	}
	return array;
}

static void add_module(struct description *d, const struct msg *m)
{
	json_array_append_new(d->modules, json_pack("{s:s, s:s, s:o, s:[]}", "name", m->field[0], "summary", m->field[2],
			"flags", json_words(m->field[1], ' '), "options"));
}

static void add_key(struct description *d, const struct msg *m)
{
	const json_t *module = json_array_get(d->modules, json_array_size(d->modules) - 1);

	json_array_append_new(json_object_get(module, "options"),
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "name", m->field[1], "type", m->field[2], "expects",
			m->field[3], "default", json_or_null(m->field[4]), "min", json_or_null(m->field[5]), "max",
			json_or_null(m->field[6]), "choices", json_words(m->field[7], '\n'), "help", m->field[8]));
}

static void tell_problem(struct description *d, const struct msg *m)
{
	_cleanup_free_ char *text = text_cleaned(m->field[3], 4000);

	cli_error("%s: %s", m->field[1], text ? text : "");
	d->status = EX_CONFIG;
}

static bool on_message(struct msg *m, void *userdata)
{
	static void (*const handlers[MSG_KINDS])(struct description *d, const struct msg *m) = {
		[MSG_MODULE] = add_module, [MSG_KEY] = add_key, [MSG_PROBLEM] = tell_problem,
	};

	if (handlers[m->kind])
		handlers[m->kind](userdata, m);
	return m->kind != MSG_DONE;
}

static void ask(bool of_sections, const char *name, struct description *d)
{
	const char *argv[] = { "tocsin-check", of_sections ? "--describe-sections" : "--describe",
		of_sections ? NULL : "--", name, NULL };
	const struct cli_checker checker = {
		.argv = argv, .message = on_message, .userdata = d,
	};
	_cleanup_free_ char *why = NULL;

	d->modules = json_array();
	int r = d->modules ? cli_ask_checker(&checker, &why) : -ENOMEM;
	if (r < 0) {
		cli_error("tocsin-check: %s", why ? why : strerror(-r));
		d->status = EX_UNAVAILABLE;
	}
}

/* ---- as text ---- */

/* TEXT in lines of at most COLUMNS, each after INDENT blanks. */
static void print_folded(const char *text, size_t indent)
{
	while (*text) {
		const char *next;
		size_t n = text_line(text, COLUMNS - indent, &next);

		printf("%*s%.*s\n", (int)indent, "", (int)n, text);
		text = next;
	}
}

/* "a duration, like 90s or 5m; from 1s to 7d" */
static void put_expects(const json_t *option, struct buf *b)
{
	const char *min = cli_text_of(option, "min"), *max = cli_text_of(option, "max");

	buf_puts(b, cli_text_of(option, "expects"));
	if (*max)
		buf_printf(b, _("; from %s to %s"), min, max);
	else if (*min)
		buf_printf(b, _("; at least %s"), min);
}

static void print_option(const json_t *option)
{
	_cleanup_buf_ struct buf text = BUF(10000), expects = BUF(10000);
	const char *fallback = cli_text_of(option, "default");

	printf("\n  %s%s%s\n", cli_text_of(option, "name"), *fallback ? " = " : "", fallback);
	buf_printf(&text, C_("sentence", "%s."), cli_text_of(option, "help"));
	print_folded(buf_text(&text), 6);
	buf_clear(&text);
	put_expects(option, &expects);
	buf_printf(&text, _("Expects %s."), buf_text(&expects));
	print_folded(buf_text(&text), 6);
}

static void print_flags(const json_t *module)
{
	static const struct {
		const char *flag, *text;
	} meanings[] = {
		{ "slow", N_("Waits for something outside, so it runs in a process of its own.") },
		{ "event", N_("One bad look is proof: it is not confirmed by further ones.") },
	};
	const json_t *flag;
	size_t i;

	json_array_foreach(json_object_get(module, "flags"), i, flag)
		for (size_t k = 0; k < ELEMENTS(meanings); k++)
			if (strcmp(meanings[k].flag, json_string_value(flag)) == 0)
				puts(_(meanings[k].text));
}

static void print_module(const json_t *module)
{
	const json_t *option;
	size_t i;

	printf("%s: %s\n", cli_text_of(module, "name"), cli_text_of(module, "summary"));
	print_flags(module);
	json_array_foreach(json_object_get(module, "options"), i, option)
		print_option(option);
}

static void print_summaries(const json_t *modules)
{
	const json_t *module;
	size_t i;

	json_array_foreach(modules, i, module)
		printf("%-12s  %s\n", cli_text_of(module, "name"), cli_text_of(module, "summary"));
}

/* ---- for shells ---- */

/* NAME, a tab and HELP for each. */
static void print_words(const json_t *objects, const char *help)
{
	const json_t *object;
	size_t i;

	json_array_foreach(objects, i, object)
		printf("%s\t%s\n", cli_text_of(object, "name"), cli_text_of(object, help));
}

/* What may stand behind KEY=, where that can be told. */
static void print_values(const json_t *option)
{
	const json_t *choice;
	size_t i;

	json_array_foreach(json_object_get(option, "choices"), i, choice)
		printf("%s\t\n", json_string_value(choice));
	if (strcmp(cli_text_of(option, "type"), "bool") == 0)
		puts("yes\t\nno\t");
}

/* ---- the verb ---- */

static json_t *find(const json_t *objects, const char *name)
{
	json_t *object;
	size_t i;

	json_array_foreach(objects, i, object)
		if (strcmp(json_string_value(json_object_get(object, "name")), name) == 0)
			return object;
	return NULL;
}

enum what { MODULE, SECTION, OPTION };

/* As find(), and says what there is when it is not found. */
static json_t *find_or_tell(const json_t *objects, enum what what, const char *name)
{
	json_t *found = find(objects, name), *object;
	_cleanup_buf_ struct buf known = BUF(100000);
	size_t i;

	if (found)
		return found;
	json_array_foreach(objects, i, object)
		buf_printf(&known, "%s%s", i ? " " : "", cli_text_of(object, "name"));
	cli_error(what == MODULE ? N_("there is no module '%s'; there are: %s") :
		what == SECTION ? N_("there is no section '%s'; there are: %s") :
			N_("there is no option '%s'; there are: %s"), name, buf_text(&known));
	return NULL;
}

static void show_option(const struct cli *cli, const json_t *option)
{
	if (cli->json)
		cli_print_json(option);
	else if (cli->words)
		print_values(option);
	else
		print_option(option);
}

/* For people: nothing that reads a list wants a sentence behind it. */
static void print_hint(const char *text)
{
	if (!terminal_look().columns)
		return;
	putchar('\n');
	cli_print_lines(_(text), 0);
}

static void show_module(const struct cli *cli, const json_t *module)
{
	if (cli->json)
		cli_print_json(module);
	else if (cli->words)
		print_words(json_object_get(module, "options"), "help");
	else if (cli->mdoc)
		cli_print_mdoc(module);
	else
		print_module(module);
	if (!cli->json && !cli->words && !cli->mdoc && !cli->sections)
		print_hint(N_("Every check takes interval, confirm and others, too: tocsin describe --sections check."));
}

static void show_all(const struct cli *cli, const json_t *modules)
{
	if (cli->json)
		cli_print_json(modules);
	else if (cli->words)
		print_words(modules, "summary");
	else
		print_summaries(modules);
	if (!cli->json && !cli->words)
		print_hint(cli->sections ? N_("tocsin describe --sections NAME shows the keys of one.") :
			N_("tocsin describe MODULE shows the options of one; tocsin try MODULE KEY=VALUE... tries them."));
}

static int show_one(const struct cli *cli, const json_t *modules, const char *name, const char *key)
{
	const json_t *module = find_or_tell(modules, cli->sections ? SECTION : MODULE, name);
	const json_t *option = module && key ? find_or_tell(json_object_get(module, "options"), OPTION, key) : NULL;

	if (!module || (key && !option))
		return EX_CONFIG;
	if (key)
		show_option(cli, option);
	else
		show_module(cli, module);
	return EX_OK;
}

int cli_describe(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *name = NULL;
	struct description d = { .status = EX_OK };

	int r = arguments[0] ? cli_find_module(arguments[0], &name) : 0;
	if (r < 0) {
		cli_error("%s: %s", arguments[0],
			r == -EINVAL ? _("expected the name of a module, or a path that ends in .so") : strerror(-r));
		return EX_USAGE;
	}
	ask(cli->sections, name, &d);
	if (!name)
		show_all(cli, d.modules);
	else if (d.status == EX_OK)
		d.status = show_one(cli, d.modules, name, arguments[1]);
	json_decref(d.modules);
	return d.status;
}
