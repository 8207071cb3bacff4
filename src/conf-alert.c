/* SPDX-License-Identifier: GPL-3.0-or-later */
/* [alert], and the same keys in [check NAME]: what the rows of the table cannot say, and which checks depend on which.
 * Part of conf_build(). */
#include "clock.h"
#include "conf-work.h"
#include "option.h"
#include "text.h"
#include "units.h"

#include <errno.h>
#include <string.h>

#define NONE "none"
#define AGE_MIN USEC_PER_SEC
#define AGE_MAX (366 * USEC_PER_DAY)
#define STEADY_POINTS 2
#define ROUND_SHOWN 20 /* names */
#define UNSET (-1.0) /* where no value is below 0 */

/* Members as they are written, and the same as they are used. */
static const struct reminder {
	const char *key;
	size_t text, ages;
} reminders[] = {
	{ "remind_critical", offsetof(struct conf_alert, remind_critical), offsetof(struct conf_alert, remind_critical_ages) },
	{ "remind_warning", offsetof(struct conf_alert, remind_warning), offsetof(struct conf_alert, remind_warning_ages) },
};

static const struct span {
	const char *key;
	size_t list, windows;
} spans[] = {
	{ "quiet_hours", offsetof(struct conf_alert, quiet_hours), offsetof(struct conf_alert, quiet) },
	{ "maintenance", offsetof(struct conf_alert, maintenance), offsetof(struct conf_alert, maintained) },
};

static void *member(struct conf_alert *a, size_t offset)
{
	return (char *)a + offset;
}

/* ---- Ages of reminders */

static int add_age(struct conf_work *w, const struct conf_setting *s, const char *word, struct alert_ages *ages)
{
	int64_t age, before = ages->n ? ages->age_usec[ages->n - 1] : 0;

	if (parse_duration(word, &age) < 0 || age < AGE_MIN || age > AGE_MAX)
		return error_at(w, s, "%s: expected ages from 1s to 366d with blanks between them, like 4h 12h 36h, or none", s->key);
	if (age <= before)
		return error_at(w, s, "%s: expected rising ages, but %s is no more than the one before it", s->key, word);
	if (ages->n == ALERT_AGES_MAX)
		return error_at(w, s, "%s: there are too many ages: expected at most %d", s->key, ALERT_AGES_MAX);
	ages->age_usec[ages->n++] = age;
	return 0;
}

static int build_ages(struct conf_work *w, const struct conf_setting *s, const char *text, struct alert_ages *ret)
{
	const size_t errors_before = w->problems->n_errors;
	_cleanup_free_ char *copy = strdup(text);
	struct alert_ages ages = { 0 };
	char *rest = strcmp(text, NONE) == 0 ? NULL : copy, *word;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && w->problems->n_errors == errors_before && (word = strsep(&rest, " \t")))
		if (*word)
			r = add_age(w, s, word, &ages);
	*ret = ages;
	return r;
}

/* ---- Windows and moments */

const struct conf_setting *conf_place_of_item(
	const struct conf_work *w, const char *section, const char *name, const char *key, const char *value)
{
	for (size_t i = 0; i < w->settings->n; i++) {
		const struct conf_setting *s = &w->settings->items[i];

		if (conf_is_in_section(s, section, name) && strcmp(s->key, key) == 0 && strcmp(s->value, value) == 0)
			return s;
	}
	return conf_place_of(w, section, name, key);
}

static int report_window(struct conf_work *w, const struct conf_setting *s, const char *value)
{
	_cleanup_free_ char *shown = text_cleaned(value, 60);

	if (!shown)
		return -ENOMEM;
	return error_at(w, s, "%s: '%s' is no window of the week: expected hours, behind days if not on every day, like "
		"22:00-07:00 or Sat,Sun 00:00-24:00; for more, repeat the line", s->key, shown);
}

int conf_build_windows(struct conf_work *w, const char *section, const char *name, const char *key,
	const struct tocsin_list *list, struct calendar_windows *ret)
{
	bool is_right = true;
	int r = 0;

	*ret = (struct calendar_windows){ 0 };
	if (list->n == 1 && strcmp(list->items[0], NONE) == 0)
		return 0;
	if (list->n > CALENDAR_MAX)
		return error_at(w, conf_place_of(w, section, name, key), "%s: there are too many windows: expected at most %d", key,
			CALENDAR_MAX);
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		if (calendar_parse_window(list->items[i], &ret->window[ret->n]) == 0) {
			ret->n++;
			continue;
		}
		is_right = false;
		r = report_window(w, conf_place_of_item(w, section, name, key, list->items[i]), list->items[i]);
	}
	/* What waits for the end of something that never ends would be lost. */
	if (r == 0 && is_right && ret->n > 0 && calendar_end(ret, 0) == USEC_NEVER)
		r = error_at(w, conf_place_of(w, section, name, key), "%s: nothing of the week is left", key);
	return r;
}

/* ---- One policy */

int conf_build_alert(struct conf_work *w, const char *section, const char *name, struct conf_alert *a)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(reminders); i++) {
		const char *text = *(const char **)member(a, reminders[i].text);

		if (text)
			r = build_ages(w, conf_place_of(w, section, name, reminders[i].key), text, member(a, reminders[i].ages));
	}
	for (size_t i = 0; r == 0 && i < ELEMENTS(spans); i++) {
		const struct tocsin_list *list = member(a, spans[i].list);

		if (list->n > 0)
			r = conf_build_windows(w, section, name, spans[i].key, list, member(a, spans[i].windows));
	}
	/* A confirmation that looked less often than the ordinary check would make an alert later, not sooner. */
	if (a->retry_interval > a->interval)
		a->retry_interval = a->interval;
	return r;
}

void conf_inherit_alert(const struct conf_alert *from, struct conf_alert *to)
{
	*to = *from;
	to->hysteresis = to->hysteresis_points = UNSET;
	to->depends = (struct tocsin_list){ 0 };
	for (size_t i = 0; i < ELEMENTS(reminders); i++)
		*(const char **)member(to, reminders[i].text) = NULL;
	for (size_t i = 0; i < ELEMENTS(spans); i++)
		*(struct tocsin_list *)member(to, spans[i].list) = (struct tocsin_list){ 0 };
}

/* Copies what A, which belongs to a check, has not got itself, as it is written in [alert]. */
static int inherit_text(const struct conf_alert *from, struct conf_alert *a, const struct reminder *reminder)
{
	const char *text = *(const char *const *)((const char *)from + reminder->text);
	char **own = member(a, reminder->text);

	if (!*own && text)
		*own = strdup(text);
	return !text || *own ? 0 : -ENOMEM;
}

static int inherit_list(const struct conf_alert *from, struct conf_alert *a, const struct span *span)
{
	const struct tocsin_list *list = (const struct tocsin_list *)((const char *)from + span->list), *own = member(a, span->list);
	const struct tocsin_option *option = option_find(conf_alert_options, span->key);
	_cleanup_free_ char *error = NULL;
	int r = 0;

	if (own->n > 0)
		return 0;
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = option_set(option, a, list->items[i], &error);
	return r;
}

/* A band of so many percent of a limit is wide where the limit is 90 %; for values that creep, less will do. Who
 * has set the width of the band, meant it. */
static void choose_hysteresis(const struct conf_work *w, struct conf_check *check)
{
	const struct conf_alert *general = &w->conf->alert;
	struct conf_alert *a = &check->alert;
	bool is_set = w->alert_sets_hysteresis || a->hysteresis != UNSET;

	if (a->hysteresis_points == UNSET)
		a->hysteresis_points = is_set ? general->hysteresis_points : check->is_steady ? STEADY_POINTS : 0;
	if (a->hysteresis == UNSET)
		a->hysteresis = general->hysteresis;
}

int conf_finish_check(struct conf_work *w, struct conf_check *check)
{
	const struct conf_alert *general = &w->conf->alert;
	int r = conf_build_alert(w, "check", check->name, &check->alert);

	for (size_t i = 0; r == 0 && i < ELEMENTS(reminders); i++)
		r = inherit_text(general, &check->alert, &reminders[i]);
	for (size_t i = 0; r == 0 && i < ELEMENTS(spans); i++)
		r = inherit_list(general, &check->alert, &spans[i]);
	choose_hysteresis(w, check);
	return r;
}

/* ---- Which check depends on which */

enum visit { NEW, ON_PATH, DONE };

struct graph {
	struct conf_work *work;
	const struct conf_check **by_name; /* all checks */
	enum visit *visits; /* in the order of conf.checks */
	const struct conf_check **path; /* from a check to what it depends on, and so on */
	size_t depth;
};

static int compare_names(const void *a, const void *b)
{
	const struct conf_check *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static const struct conf_check *find_check(const struct graph *g, const char *name)
{
	const struct conf_check key = { .name = (char *)name }, *pointer = &key;
	const struct conf_check **found =
		bsearch(&pointer, g->by_name, g->work->conf->n_checks, sizeof(*g->by_name), compare_names);

	return found ? *found : NULL;
}

static enum visit *visit_of(const struct graph *g, const struct conf_check *check)
{
	return &g->visits[check - g->work->conf->checks];
}

static const struct conf_setting *depends_place(const struct graph *g, const struct conf_check *check, const char *parent)
{
	return conf_place_of_item(g->work, "check", check->name, "depends", parent);
}

static int report_no_parent(const struct graph *g, const struct conf_check *check, const char *parent)
{
	const struct conf *c = g->work->conf;
	_cleanup_free_ const char **names = calloc(c->n_checks, sizeof(*names));
	_cleanup_free_ char *shown = text_cleaned(parent, 60);
	size_t n = 0;

	if (!names || !shown)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_checks; i++)
		if (&c->checks[i] != check)
			names[n++] = c->checks[i].name;
	const char *nearest = text_nearest(parent, names, n);
	if (nearest)
		return error_at(g->work, depends_place(g, check, parent), "depends: there is no [check %s]: did you mean %s?",
			shown, nearest);
	return error_at(g->work, depends_place(g, check, parent),
		"depends: there is no [check %s]: expected the name of one check; for more, repeat the line", shown);
}

static int check_parents(const struct graph *g, const struct conf_check *check)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < check->alert.depends.n; i++) {
		const char *parent = check->alert.depends.items[i];

		if (strcmp(parent, check->name) == 0)
			r = error_at(g->work, depends_place(g, check, parent), "depends: a check cannot depend on itself");
		else if (!find_check(g, parent))
			r = report_no_parent(g, check, parent);
	}
	return r;
}

/* A check that CHECK depends on and that is not done, or NULL. */
static const struct conf_check *open_parent(const struct graph *g, const struct conf_check *check)
{
	for (size_t i = 0; i < check->alert.depends.n; i++) {
		const struct conf_check *parent = find_check(g, check->alert.depends.items[i]);

		if (*visit_of(g, parent) != DONE)
			return parent;
	}
	return NULL;
}

/* The path has come back to CHECK, which is on it. */
static int report_round(const struct graph *g, const struct conf_check *check)
{
	_cleanup_buf_ struct buf names = BUF(CONF_TEXT_MAX / 2);
	size_t first = 0;

	while (g->path[first] != check)
		first++;
	for (size_t i = first; i < g->depth && i < first + ROUND_SHOWN; i++)
		buf_printf(&names, "%s → ", g->path[i]->name);
	if (g->depth > first + ROUND_SHOWN)
		buf_puts(&names, "… → ");
	const char *parent = first + 1 < g->depth ? g->path[first + 1]->name : check->name;
	return error_at(g->work, depends_place(g, check, parent), "depends: these checks depend on each other in a round: %s%s",
		buf_text(&names), check->name);
}

/* Walks along all that CHECK depends on. After a round, its checks count as done, so that each is told once. */
static int walk_from(struct graph *g, const struct conf_check *check)
{
	int r = 0;

	while (r == 0 && check) {
		if (*visit_of(g, check) == NEW) {
			*visit_of(g, check) = ON_PATH;
			g->path[g->depth++] = check;
		}
		const struct conf_check *parent = open_parent(g, check);
		if (parent && *visit_of(g, parent) == ON_PATH)
			r = report_round(g, parent);
		if (parent && *visit_of(g, parent) == NEW) {
			check = parent;
			continue;
		}
		*visit_of(g, check) = DONE;
		g->depth--;
		check = g->depth ? g->path[g->depth - 1] : NULL;
	}
	return r;
}

static int check_graph(struct graph *g)
{
	const size_t errors_before = g->work->problems->n_errors;
	const struct conf *c = g->work->conf;
	int r = 0;

	for (size_t i = 0; i < c->n_checks; i++)
		g->by_name[i] = &c->checks[i];
	qsort(g->by_name, c->n_checks, sizeof(*g->by_name), compare_names);
	for (size_t i = 0; r == 0 && i < c->n_checks; i++)
		r = check_parents(g, &c->checks[i]);
	if (g->work->problems->n_errors > errors_before)
		return r;
	for (size_t i = 0; r == 0 && i < c->n_checks; i++)
		if (g->visits[i] == NEW)
			r = walk_from(g, &c->checks[i]);
	return r;
}

int conf_check_dependencies(struct conf_work *w)
{
	const size_t n = w->conf->n_checks;
	_cleanup_free_ const struct conf_check **by_name = calloc(n + 1, sizeof(*by_name)), **path = calloc(n + 1, sizeof(*path));
	_cleanup_free_ enum visit *visits = calloc(n + 1, sizeof(*visits));
	struct graph g = { .work = w, .by_name = by_name, .visits = visits, .path = path };

	return by_name && path && visits ? check_graph(&g) : -ENOMEM;
}
