/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the configuration without touching a file: "tocsin-check --config" reads and checks it, this collects what it
 * says. Used by the daemon at start and reload, and by the command line. */
#pragma once

#include "buf.h"
#include "conf.h"

#include <systemd/sd-event.h>

struct conf_loaded {
	bool is_unread; /* nobody could read it: no fault of the files, perhaps, and another time it may go well */
	struct conf_settings settings;
	struct conf_problems problems;
	struct conf *conf; /* NULL when there are errors */
};

struct conf_source {
	const char *path; /* of tocsin.conf */
	const char *dropins; /* the conf.d folder */
	bool with_defaults; /* settings for what no file says, too */
	bool keeps_language; /* problems are told in the language in use, not in that of the files */
};

struct conf_loader;

/* DONE gets the result; it may take parts out of it (conf), the rest is freed afterwards, and so is the loader. */
typedef void (*conf_loaded_handler)(struct conf_loaded *loaded, void *userdata);

int conf_loader_start(sd_event *event, const struct conf_source *source, conf_loaded_handler done, void *userdata,
	struct conf_loader **ret);

/* The same for programs without a loop of their own: waits for the handler to have been called. */
int conf_load_and_wait(const struct conf_source *source, conf_loaded_handler done, void *userdata);

/* Gives up without a call of the handler. */
struct conf_loader *conf_loader_free(struct conf_loader *l);

void conf_loaded_free(struct conf_loaded *loaded);

/* One line for a problem: "file:line: error: text". */
void conf_problem_format(const struct conf_problem *problem, struct buf *b);

/* The path of a helper program: in $TOCSIN_LIBEXEC_DIR, or where it is installed. NULL without memory. */
char *helper_path(const char *program);
