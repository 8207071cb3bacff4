/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conf-loader.h"

#include "clock.h"
#include "conf-table.h"
#include "helper.h"
#include "translate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define LOAD_LIMIT_USEC (30 * USEC_PER_SEC)

struct conf_loader {
	struct helper *helper;
	char *path;
	struct conf_loaded loaded;
	struct conf_module *modules;
	size_t n_modules;
	bool is_complete; /* MSG_DONE came */
	int error; /* of our own: no memory */
	conf_loaded_handler done;
	void *userdata;
};

char *helper_path(const char *program)
{
	const char *folder = getenv("TOCSIN_LIBEXEC_DIR");
	char *path;

	return asprintf(&path, "%s/%s", folder ? folder : LIBEXECDIR, program) < 0 ? NULL : path;
}

void conf_loaded_free(struct conf_loaded *loaded)
{
	conf_settings_free(&loaded->settings);
	conf_problems_free(&loaded->problems);
	loaded->conf = conf_free(loaded->conf);
}

void conf_problem_format(const struct conf_problem *problem, struct buf *b)
{
	buf_puts(b, problem->file);
	if (problem->line)
		buf_printf(b, ":%u", problem->line);
	buf_printf(b, ": %s: %s", problem->is_error ? C_("of the configuration", "error") : C_("of the configuration", "warning"),
		problem->text);
}

struct conf_loader *conf_loader_free(struct conf_loader *l)
{
	if (!l)
		return NULL;
	helper_free(l->helper);
	conf_loaded_free(&l->loaded);
	for (size_t i = 0; i < l->n_modules; i++)
		free((char *)l->modules[i].name);
	free(l->modules);
	free(l->path);
	free(l);
	return NULL;
}

static int add_module(struct conf_loader *l, const struct msg *m)
{
	struct conf_module *grown = reallocarray(l->modules, l->n_modules + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	l->modules = grown;
	struct conf_module module = { .name = strdup(m->field[0]) };
	if (!module.name)
		return -ENOMEM;
	for (const struct conf_flag *f = conf_flags; f->word; f++)
		*conf_flag_of(&module, f) = strstr(m->field[1], f->word) != NULL;
	l->modules[l->n_modules++] = module;
	return 0;
}

static int add_setting(struct conf_loader *l, const struct msg *m)
{
	int64_t line;

	int r = msg_number(m, 5, &line);
	if (r < 0)
		return r;
	return conf_add_setting(&l->loaded.settings, m->field[0], m->field[1], m->field[2], m->field[3], m->field[4],
		(unsigned)line);
}

static int add_problem(struct conf_loader *l, const struct msg *m)
{
	int64_t line;

	int r = msg_number(m, 2, &line);
	if (r < 0)
		return r;
	return conf_add_problem(&l->loaded.problems, strcmp(m->field[0], "error") == 0, m->field[1], (unsigned)line, "%s",
		m->field[3]);
}

static int note_done(struct conf_loader *l, const struct msg *m)
{
	l->is_complete = true;
	return 0;
}

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	static int (*const handlers[MSG_KINDS])(struct conf_loader *l, const struct msg *m) = {
		[MSG_PROBLEM] = add_problem,
		[MSG_MODULE] = add_module,
		[MSG_SETTING] = add_setting,
		[MSG_DONE] = note_done,
	};
	struct conf_loader *l = userdata;
	int r = handlers[m->kind] ? handlers[m->kind](l, m) : -EBADMSG;

	if (r < 0 && l->error == 0)
		l->error = r;
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct conf_loader *l = userdata;
	struct conf_loaded *loaded = &l->loaded;

	if (!l->is_complete || l->error < 0) {
		_cleanup_buf_ struct buf why = BUF(1000);

		loaded->is_unread = true;
		if (l->error < 0)
			buf_printf(&why, _("sent what cannot be taken in: %s"), strerror(-l->error));
		else
			helper_describe_end(end, &why);
		conf_add_problem(&loaded->problems, true, l->path, 0,
			"the configuration was not read: tocsin-check %s; its own messages may stand above",
			buf_text(&why));
	}
	if (loaded->problems.n_errors == 0) {
		/* The reader has told its warnings; only what it could not know is new. */
		struct conf_problems again = { 0 };
		int r = conf_build(&loaded->settings, l->modules, l->n_modules, &again, &loaded->conf);

		for (size_t i = 0; r < 0 && i < again.n; i++)
			conf_add_problem(&loaded->problems, again.items[i].is_error, again.items[i].file,
				again.items[i].line, "%s", again.items[i].text);
		if (r < 0 && loaded->problems.n_errors == 0)
			conf_add_problem(&loaded->problems, true, l->path, 0, "%s", strerror(-r));
		conf_problems_free(&again);
	}
	l->done(loaded, l->userdata);
	conf_loader_free(l);
}

int conf_loader_start(sd_event *event, const struct conf_source *source, conf_loaded_handler done, void *userdata,
	struct conf_loader **ret)
{
	static const struct helper_callbacks callbacks = { .message = on_message, .ended = on_ended };
	_cleanup_free_ char *program = helper_path("tocsin-check");
	const char *argv[8] = {
		"tocsin-check", "--config", source->path, "--conf-dir", source->dropins ? source->dropins : "",
	};
	size_t n = 5;

	if (source->with_defaults)
		argv[n++] = "--defaults";
	if (source->keeps_language)
		argv[n++] = "--keep-language";
	struct conf_loader *l = calloc(1, sizeof(*l));

	if (!l || !program) {
		free(l);
		return -ENOMEM;
	}
	l->done = done;
	l->userdata = userdata;
	l->path = strdup(source->path);
	const struct helper_options options = { .path = program, .argv = argv, .dies_with_daemon = true };
	int r = l->path ? helper_start(event, &options, &callbacks, l, &l->helper) : -ENOMEM;
	if (r < 0) {
		conf_loader_free(l);
		return r;
	}
	helper_set_deadline(l->helper, usec_add(clock_boottime_usec(), LOAD_LIMIT_USEC));
	*ret = l;
	return 0;
}

struct waiting {
	sd_event *event;
	conf_loaded_handler done;
	void *userdata;
};

static void on_waited(struct conf_loaded *loaded, void *userdata)
{
	struct waiting *w = userdata;

	w->done(loaded, w->userdata);
	sd_event_exit(w->event, 0);
}

int conf_load_and_wait(const struct conf_source *source, conf_loaded_handler done, void *userdata)
{
	struct waiting w = { .done = done, .userdata = userdata };
	struct conf_loader *loader;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int r = sd_event_new(&w.event);
	if (r >= 0)
		r = conf_loader_start(w.event, source, on_waited, &w, &loader);
	if (r >= 0)
		r = sd_event_loop(w.event);
	sd_event_unref(w.event);
	return r;
}
