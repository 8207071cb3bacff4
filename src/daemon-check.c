/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which checks there are: those of the configuration, what they remember, and how they find each other. */
#include "look.h"

#include "log.h"

#include <errno.h>
#include <string.h>

#define MEMORIES_MAX 1024 /* numbers that one check may remember */

static int compare_names(const void *a, const void *b)
{
	const struct check *const *x = a, *const *y = b;

	return strcmp((*x)->conf->name, (*y)->conf->name);
}

static int compare_name(const void *name, const void *check)
{
	const struct check *const *c = check;

	return strcmp(name, (*c)->conf->name);
}

static struct check *find_by_name(struct check **by_name, size_t n, const char *name)
{
	struct check **found = n ? bsearch(name, by_name, n, sizeof(struct check *), compare_name) : NULL;

	return found ? *found : NULL;
}

struct check *look_find_check(const struct daemon *d, const char *name)
{
	return find_by_name(d->checks_by_name, d->n_checks, name);
}

static struct check *check_free(struct check *c)
{
	if (!c)
		return NULL;
	batches_forget(c);
	watches_clear(&c->watches);
	watches_clear(&c->new_watches);
	free(c->dependents);
	items_free(c->items);
	for (size_t i = 0; i < c->n_memory; i++) {
		free(c->memory[i].name);
		free(c->memory[i].value);
	}
	free(c->memory);
	free(c->not_applicable);
	free(c);
	return NULL;
}

struct memory *look_find_memory(struct check *c, const char *name)
{
	for (size_t i = 0; i < c->n_memory; i++)
		if (strcmp(c->memory[i].name, name) == 0)
			return &c->memory[i];
	return NULL;
}

void look_remember(struct check *c, const char *name, const char *value, int64_t time_usec)
{
	struct memory *m = look_find_memory(c, name);
	char *copy = strdup(value);

	if (!m && copy && c->n_memory < MEMORIES_MAX) {
		struct memory *grown = reallocarray(c->memory, c->n_memory + 1, sizeof(*grown));

		if (grown) {
			c->memory = grown;
			m = &grown[c->n_memory];
			*m = (struct memory){ .name = strdup(name) };
			c->n_memory += m->name != NULL;
			m = m->name ? m : NULL;
		}
	}
	if (!m || !copy) {
		free(copy);
		return;
	}
	if (!m->value || strcmp(m->value, value) != 0)
		m->stored_usec = 0;
	free(m->value);
	m->value = copy;
	m->time_usec = time_usec;
}

/* Of the old checks, the one that CONF goes on with, taken out of OLD; or a new one. */
static struct check *take_or_make(struct daemon *d, struct check **old, struct check **old_by_name, size_t n_old,
	const struct conf_check *conf)
{
	struct check *c = find_by_name(old_by_name, n_old, conf->name);

	if (c && strcmp(c->conf->module, conf->module) == 0)
		return TAKE_PTR(old[c->id]);
	c = calloc(1, sizeof(*c));
	if (c) {
		c->daemon = d;
		c->due_usec = clock_boottime_usec();
	}
	return c;
}

static void forget_check(struct check *c)
{
	log_notice("check %s is no longer configured", c->conf->name);
	while (c->items)
		item_remove(c->items);
	for (size_t i = 0; i < c->n_memory; i++)
		state_delete_memory(c->daemon, c, &c->memory[i]);
	check_free(c);
}

static void add_dependent(struct check *parent, struct check *c)
{
	struct check **grown = reallocarray(parent->dependents, parent->n_dependents + 1, sizeof(*grown));

	if (!grown)
		return; /* it is then looked at by its own interval only */
	parent->dependents = grown;
	grown[parent->n_dependents++] = c;
}

/* How checks find each other: by name, and from a check to those that depend on it. */
static void index_checks(struct daemon *d)
{
	memcpy(d->checks_by_name, d->checks, d->n_checks * sizeof(*d->checks));
	qsort(d->checks_by_name, d->n_checks, sizeof(*d->checks_by_name), compare_names);
	for (size_t i = 0; i < d->n_checks; i++) {
		free(TAKE_PTR(d->checks[i]->dependents));
		d->checks[i]->n_dependents = 0;
	}
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct tocsin_list *depends = &d->checks[i]->conf->alert.depends;

		for (size_t j = 0; j < depends->n; j++) {
			struct check *parent = look_find_check(d, depends->items[j]);

			if (parent)
				add_dependent(parent, d->checks[i]);
		}
	}
}

int look_configure(struct daemon *d)
{
	struct check **old = d->checks, **checks = calloc(d->conf->n_checks + 1, sizeof(*checks));
	struct check **old_by_name = d->checks_by_name, **by_name = calloc(d->conf->n_checks + 1, sizeof(*by_name));
	struct schedule *schedule = schedule_new();
	size_t n_old = d->n_checks;

	if (!checks || !by_name || !schedule) {
		free(checks);
		free(by_name);
		schedule_free(schedule);
		return -ENOMEM;
	}
	/* The old checks still point into the old configuration, which the caller frees after this. */
	d->checks = checks;
	d->checks_by_name = by_name;
	d->n_checks = d->n_looked = 0;
	schedule_free(d->schedule);
	d->schedule = schedule;
	for (size_t i = 0; i < d->conf->n_checks; i++) {
		struct check *c = take_or_make(d, old, old_by_name, n_old, &d->conf->checks[i]);

		if (!c)
			continue;
		c->id = d->n_checks;
		c->conf = &d->conf->checks[i];
		checks[d->n_checks++] = c;
	}
	free(old_by_name);
	index_checks(d);
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			forget_check(old[i]);
	free(old);
	return 0;
}

void look_free(struct daemon *d)
{
	look_stop(d);
	while (d->batches)
		batch_free(d->batches);
	for (size_t i = 0; i < d->n_checks; i++)
		check_free(d->checks[i]);
	free(d->checks);
	free(d->checks_by_name);
	d->schedule = schedule_free(d->schedule);
}

static void shift(int64_t *time_usec, int64_t delta_usec)
{
	if (*time_usec)
		*time_usec = usec_add(*time_usec, delta_usec);
}

void look_clock_set(struct daemon *d, int64_t delta_usec)
{
	for (size_t i = 0; i < d->n_checks; i++) {
		struct check *c = d->checks[i];

		shift(&c->stuck_since_usec, delta_usec);
		for (struct item *item = c->items; item; item = item->next)
			shift(&item->absent_since_usec, delta_usec);
		for (size_t m = 0; m < c->n_memory; m++) {
			shift(&c->memory[m].time_usec, delta_usec);
			state_put_memory(d, c, &c->memory[m]);
		}
	}
}

static struct report_item report_item_of(const struct item *item)
{
	static const struct incident nobody = { 0 };
	bool is_acknowledged = item->incident && item->alert.acknowledged_until_usec > clock_realtime_usec();
	const struct incident *i = is_acknowledged ? item->incident : &nobody;

	return (struct report_item){
		.check = item->check->conf->name, .item = item->name, .alert = &item->alert, .result = &item->last,
		.module = item->check->conf->module, .interval_usec = item->check->conf->alert.interval,
		.ack_who = i->ack_who, .ack_why = i->ack_why, .ack_until_usec = i->ack_until_usec,
	};
}

struct report_item *look_report_items(const struct daemon *d, size_t *ret_n)
{
	size_t n = 0, room = 1;

	for (size_t i = 0; i < d->n_checks; i++) {
		room++;
		for (const struct item *item = d->checks[i]->items; item; item = item->next)
			room++;
	}
	struct report_item *rows = calloc(room, sizeof(*rows));
	for (size_t i = 0; rows && i < d->n_checks; i++) {
		const struct check *c = d->checks[i];
		static const struct alert_state unseen = { 0 };
		static const struct result nothing = { 0 };

		for (const struct item *item = c->items; item; item = item->next)
			rows[n++] = report_item_of(item);
		if (!c->items)
			rows[n++] = (struct report_item){
				.check = c->conf->name, .item = c->conf->name, .alert = &unseen, .result = &nothing,
				.module = c->conf->module, .interval_usec = c->conf->alert.interval,
				.not_applicable = c->not_applicable,
			};
	}
	*ret_n = n;
	return rows;
}
