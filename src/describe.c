/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "describe.h"

#include "buf.h"
#include "conf-table.h"
#include "module.h"
#include "msg.h"
#include "option.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <string.h>

#define TEXT_MAX 4096
#define HELP_MAX 1000 /* characters; a module's table is data from outside */

static void put_choices(const struct tocsin_option *o, struct buf *b)
{
	for (size_t i = 0; o->type == TOCSIN_CHOICE && o->choices[i]; i++) {
		text_clean(b, o->choices[i], HELP_MAX);
		buf_putc(b, '\n');
	}
}

static int send_option(int socket, const char *owner, const struct tocsin_option *o)
{
	_cleanup_buf_ struct buf name = BUF(TEXT_MAX), type = BUF(TEXT_MAX), fallback = BUF(TEXT_MAX), min = BUF(TEXT_MAX),
		max = BUF(TEXT_MAX), choices = BUF(TEXT_MAX), help = BUF(TEXT_MAX);

	text_clean(&name, o->name, HELP_MAX);
	option_describe_type(o, &type);
	text_clean(&fallback, o->fallback ? o->fallback : "", HELP_MAX);
	option_bounds(o, &min, &max);
	put_choices(o, &choices);
	text_clean(&help, o->help ? _(o->help) : "", HELP_MAX);
	return msg_send(socket, MSG_KEY, -1, owner, buf_text(&name), option_type_word(o), buf_text(&type),
		buf_text(&fallback), buf_text(&min), buf_text(&max), buf_text(&choices), buf_text(&help));
}

static int send_options(int socket, const char *owner, const struct tocsin_option *table)
{
	int r = 0;

	for (const struct tocsin_option *o = table; r == 0 && o && o->name; o++)
		r = send_option(socket, owner, o);
	return r;
}

static int send_module(int socket, const struct tocsin_check *m)
{
	_cleanup_free_ char *summary = text_cleaned(_(m->summary), 200);
	char flags[MODULE_FLAGS_MAX];

	int r = summary ? msg_send(socket, MSG_MODULE, -1, m->name, module_flags(m, flags), summary) : -ENOMEM;
	return r < 0 ? r : send_options(socket, m->name, m->options);
}

static int describe_module(int socket, const char *name)
{
	_cleanup_free_ char *error = NULL, *shown = text_cleaned(name, 100);
	const struct tocsin_check *m;

	if (!shown)
		return -ENOMEM;
	if (!module_survives_loading(module_directory(), name, socket))
		return msg_send(socket, MSG_PROBLEM, -1, "error", shown, "0",
			_("the module crashes or hangs when it is loaded"));
	int r = module_load(module_directory(), name, &m, &error);
	if (r == 0)
		return send_module(socket, m);
	return error ? msg_send(socket, MSG_PROBLEM, -1, "error", shown, "0", error) : r;
}

static int describe_folder(int socket)
{
	char **names;
	size_t n;

	int r = module_names(module_directory(), &names, &n);
	if (r < 0)
		return r == -ENOMEM ? r : msg_send(socket, MSG_PROBLEM, -1, "error", module_directory(), "0", strerror(-r));
	for (size_t i = 0; r == 0 && i < n; i++)
		r = describe_module(socket, names[i]);
	module_names_free(names, n);
	return r;
}

int describe_modules(char *const *names, size_t n, int socket)
{
	int r = n ? 0 : describe_folder(socket);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = describe_module(socket, names[i]);
	return r < 0 ? r : msg_send(socket, MSG_DONE, -1);
}

int describe_sections(int socket)
{
	const struct conf_kind *kinds;
	size_t n = conf_kinds(&kinds);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = msg_send(socket, MSG_MODULE, -1, kinds[i].name, "section", _(kinds[i].summary));
		if (r == 0)
			r = send_options(socket, kinds[i].name, kinds[i].options);
		if (r == 0)
			r = send_options(socket, kinds[i].name, kinds[i].more);
	}
	return r < 0 ? r : msg_send(socket, MSG_DONE, -1);
}
