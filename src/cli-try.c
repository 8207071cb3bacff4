/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One look of one check without the daemon: "tocsin try", and "tocsin check --direct". It makes the same JSON of it as
 * the daemon would, for the one printer in cli-result.c. */
#include "cli.h"

#include "buf.h"
#include "clock.h"
#include "conf-table.h"
#include "state.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UNKNOWN 3

struct trial {
	const struct cli_look *look;
	const json_t *memories; /* of the look before, or NULL */
	int64_t age_usec;
	json_t *result;
	char *announced; /* the item that it looks at */
	int64_t started_usec;
};

static json_t *json_text(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string(_("(text that is not UTF-8)"));
}

static json_t *json_number(const char *text)
{
	double value;

	return parse_number(text, &value) < 0 ? json_null() : json_real(value);
}

static json_t *find_item(const struct trial *t, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(t->result, "items"), i, item)
		if (strcmp(json_string_value(json_object_get(item, "item")), name) == 0)
			return item;
	return NULL;
}

static void add_item(struct trial *t, const struct msg *m)
{
	json_array_append_new(json_object_get(t->result, "items"),
		json_pack("{s:s, s:o, s:s, s:o, s:o, s:[], s:[]}", "check", t->look->check, "item",
			json_text(m->field[1]), "module", t->look->module, "state", json_text(m->field[2]), "text",
			json_text(m->field[3]), "metrics", "evidence"));
}

static void add_metric(struct trial *t, const struct msg *m)
{
	json_array_append_new(json_object_get(find_item(t, m->field[1]), "metrics"),
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", json_text(m->field[2]), "value",
			json_number(m->field[3]), "unit", json_text(m->field[4]), "warning", json_number(m->field[5]),
			"critical", json_number(m->field[6]), "min", json_number(m->field[7]), "max",
			json_number(m->field[8])));
}

static void add_evidence(struct trial *t, const struct msg *m)
{
	json_array_append_new(json_object_get(find_item(t, m->field[1]), "evidence"),
		json_pack("{s:o, s:o}", "title", json_text(m->field[2]), "text", json_text(m->field[3])));
}

static void add_memory(struct trial *t, const struct msg *m)
{
	json_object_set_new(json_object_get(t->result, "memories"), m->field[1], json_number(m->field[2]));
}

/* "anon_inode:[pidfd]" says little: of which process? */
static void put_pid(int fd, struct buf *b)
{
	char path[64], line[128];
	int pid;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	_cleanup_fclose_ FILE *info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			buf_printf(b, _(" of process %d"), pid);
}

static void put_target(int fd, struct buf *b)
{
	char path[64], target[1000];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	text_clean(b, n < 0 ? _("a descriptor") : target, sizeof(target));
	put_pid(fd, b);
}

static void put_events(int64_t mask, struct buf *b)
{
	static const struct {
		short bit;
		const char *name;
	} events[] = {
		{ POLLIN, "POLLIN" }, { POLLPRI, "POLLPRI" }, { POLLOUT, "POLLOUT" }, { POLLRDHUP, "POLLRDHUP" },
	};

	for (size_t i = 0; i < ELEMENTS(events); i++)
		if (mask & events[i].bit)
			buf_printf(b, "%s%s", b->len ? " " : "", events[i].name);
}

static void add_watch(struct trial *t, const struct msg *m)
{
	_cleanup_buf_ struct buf target = BUF(8000), events = BUF(100);
	int64_t mask = 0;

	put_target(m->fd, &target);
	if (msg_number(m, 1, &mask) == 0)
		put_events(mask, &events);
	json_array_append_new(json_object_get(t->result, "watches"),
		json_pack("{s:o, s:s}", "what", json_text(buf_text(&target)), "events", buf_text(&events)));
}

static void note_look(struct trial *t, const struct msg *m)
{
	free(t->announced);
	t->announced = strdup(m->field[1]);
}

static void note_time(struct trial *t)
{
	int64_t elapsed = t->started_usec ? clock_boottime_usec() - t->started_usec : 0;

	json_object_set_new(t->result, "elapsed", json_real((double)elapsed / USEC_PER_SEC));
}

static void note_end(struct trial *t, const struct msg *m)
{
	int64_t error = 0;

	note_time(t);
	if (msg_number(m, 1, &error) == 0 && error == 0)
		return;
	json_object_set_new(t->result, "error", json_text(m->field[2]));
	json_object_set_new(t->result, "not_applicable", json_boolean(error == EOPNOTSUPP));
}

static bool on_message(struct msg *m, void *userdata)
{
	static void (*const handlers[MSG_KINDS])(struct trial *t, const struct msg *m) = {
		[MSG_LOOK] = note_look, [MSG_ITEM] = add_item, [MSG_METRIC] = add_metric, [MSG_EVIDENCE] = add_evidence,
		[MSG_REMEMBER] = add_memory, [MSG_WATCH] = add_watch, [MSG_END] = note_end,
	};

	if (handlers[m->kind])
		handlers[m->kind](userdata, m);
	return m->kind != MSG_DONE;
}

static void send_memories(struct helper *h, const struct trial *t)
{
	const json_t *value;
	const char *key;

	json_object_foreach((json_t *)t->memories, key, value) {
		char number[32];

		snprintf(number, sizeof(number), "%.17g", json_number_value(value));
		helper_send(h, MSG_MEMORY, t->look->check, key, number, MSG_NUMBER(t->age_usec));
	}
}

static void begin(struct helper *h, void *userdata)
{
	struct trial *t = userdata;
	const struct cli_look *l = t->look;

	helper_send(h, MSG_CHECK, l->check, l->module, MSG_NUMBER(l->timeout_usec));
	for (size_t i = 0; i < l->n_options; i++)
		helper_send(h, MSG_OPTION, l->check, l->options[i].key, l->options[i].value);
	send_memories(h, t);
	helper_send(h, MSG_RUN, "");
	t->started_usec = clock_boottime_usec();
}

/* The process died or stalled over the check: in the words of the daemon. */
static void note_failure(struct trial *t, const char *why)
{
	_cleanup_buf_ struct buf words = BUF(2000);

	if (t->announced)
		buf_printf(&words, _("the check %s while it looked at %s"), why, t->announced);
	else
		buf_printf(&words, _("the check %s"), why);
	json_object_set_new(t->result, "error", json_text(buf_text(&words)));
	note_time(t);
}

/* Fills T->result. */
static int look(const struct cli *cli, struct trial *t)
{
	const char *argv[] = { "tocsin-check", cli->root ? "--root" : NULL, cli->root, NULL };
	const struct cli_checker checker = {
		.argv = argv, .limit_usec = t->look->timeout_usec, .begin = begin,
		.message = on_message, .userdata = t,
	};
	_cleanup_free_ char *why = NULL;

	t->result = json_pack("{s:s, s:s, s:n, s:[], s:[], s:{}}", "check", t->look->check, "module", t->look->module,
		"error", "items", "watches", "memories");
	if (!t->result)
		return -ENOMEM;
	int r = cli_ask_checker(&checker, &why);
	if (r == -ECANCELED)
		note_failure(t, why);
	free(t->announced);
	t->announced = NULL;
	return r == -ECANCELED ? 0 : r;
}

static void wait_until_again(int64_t usec)
{
	struct timespec t = { .tv_sec = usec / USEC_PER_SEC, .tv_nsec = usec % USEC_PER_SEC * 1000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

int cli_look(const struct cli *cli, const struct cli_look *l)
{
	struct trial first = { .look = l }, second = { .look = l, .age_usec = cli->again_usec };
	int status = UNKNOWN;

	int r = look(cli, &first);
	bool is_twice = r == 0 && cli->again_usec > 0 && json_is_null(json_object_get(first.result, "error"));
	if (is_twice) {
		wait_until_again(cli->again_usec);
		second.memories = json_object_get(first.result, "memories");
		r = look(cli, &second);
	}
	if (r < 0)
		cli_error("cannot run tocsin-check: %s", strerror(-r));
	else
		status = cli_print_result(cli, is_twice ? second.result : first.result);
	json_decref(first.result);
	json_decref(second.result);
	return status;
}

json_t *cli_look_once(const struct cli *cli, const struct cli_look *l)
{
	struct trial t = { .look = l };

	if (look(cli, &t) < 0) {
		json_decref(t.result);
		return NULL;
	}
	return t.result;
}

/* ---- try NAME key=value... ---- */

/* `timeout` is a key of [check NAME] and no option of the module; its bounds and its default stand in that table. */
static int set_timeout(const char *value, int64_t *ret)
{
	const struct tocsin_option *o = conf_kind_option(conf_kind_find("check"), "timeout");
	_cleanup_free_ char *error = NULL;

	int r = conf_option_try(o, value ? value : o->fallback, &error);
	if (r < 0) {
		cli_error("timeout: %s", error ? error : strerror(-r));
		return r;
	}
	return parse_duration(value ? value : o->fallback, ret);
}

/* Cuts ARGUMENT in two. */
static int add_option(struct cli_look *l, struct conf_setting *options, char *argument)
{
	char *value = strchr(argument, '=');

	if (!value || value == argument) {
		cli_error("'%s': expected KEY=VALUE; see \"tocsin describe %s\"", argument, l->module);
		return -EINVAL;
	}
	*value++ = '\0';
	if (strcmp(argument, "timeout") == 0)
		return set_timeout(value, &l->timeout_usec);
	options[l->n_options++] = (struct conf_setting){ .key = argument, .value = value };
	return 0;
}

static int read_arguments(const struct cli *cli, char **arguments, struct cli_look *l, struct conf_setting *options)
{
	int r = set_timeout(NULL, &l->timeout_usec);

	if (cli->timeout_usec)
		l->timeout_usec = cli->timeout_usec;
	for (size_t i = 0; r == 0 && arguments[i]; i++)
		r = add_option(l, options, arguments[i]);
	return r;
}

int cli_try(const struct cli *cli, char **arguments)
{
	_cleanup_free_ char *name = NULL;
	size_t n = 0;

	int r = cli_find_module(arguments[0], &name);
	if (r < 0) {
		cli_error("%s: %s", arguments[0],
			r == -EINVAL ? _("expected the name of a module, or a path that ends in .so") : strerror(-r));
		return UNKNOWN;
	}
	while (arguments[n])
		n++;
	_cleanup_free_ struct conf_setting *options = calloc(n, sizeof(*options));
	struct cli_look l = { .check = name, .module = name, .options = options };
	if (!options || read_arguments(cli, arguments + 1, &l, options) < 0)
		return UNKNOWN;
	return cli_look(cli, &l);
}
