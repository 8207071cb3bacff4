/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes: each recipient of the configuration is one (route.h) that an event waits for until a mail brings it there. Here is
 * which route waits for what, and when the next mail of any of them is due; daemon-mail.c writes it. */
#include "event.h"

#include <errno.h>
#include <string.h>

void route_names(const struct daemon *d, uint64_t routes, struct buf *b)
{
	const char *blank = "";

	for (size_t i = 0; i < d->n_routes; i++) {
		if (!(routes & UINT64_C(1) << i))
			continue;
		buf_printf(b, "%s%s", blank, d->routes[i].conf->name);
		blank = " ";
	}
}

static uint64_t route_named(const struct daemon *d, const char *name)
{
	for (size_t i = 0; i < d->n_routes; i++)
		if (strcmp(d->routes[i].conf->name, name) == 0)
			return UINT64_C(1) << i;
	return 0;
}

uint64_t route_mask(const struct daemon *d, const char *names, bool *ret_lost)
{
	_cleanup_free_ char *copy = strdup(names);
	uint64_t mask = 0;
	bool is_lost = false;
	char *rest = copy;

	for (char *name = copy ? strsep(&rest, " ") : NULL; name; name = strsep(&rest, " ")) {
		uint64_t route = route_named(d, name);

		is_lost |= *name && !route;
		mask |= route;
	}
	if (ret_lost)
		*ret_lost = is_lost;
	return mask;
}

/* The routes of MASK as the new configuration counts them; TO[I] is the new index of the old route I, or SIZE_MAX. */
static uint64_t move_mask(uint64_t mask, const size_t *to, size_t n)
{
	uint64_t moved = 0;

	for (size_t i = 0; i < n; i++)
		if (mask & UINT64_C(1) << i && to[i] != SIZE_MAX)
			moved |= UINT64_C(1) << to[i];
	return moved;
}

static uint64_t all_routes(const struct daemon *d)
{
	return d->n_routes ? UINT64_MAX >> (64 - d->n_routes) : 0;
}

static void move_masks(struct daemon *d, const size_t *to, size_t n)
{
	uint64_t fresh = all_routes(d) & ~move_mask(UINT64_MAX, to, n);

	for (struct incident *i = d->incidents; i; i = i->next)
		i->escalated = move_mask(i->escalated, to, n);
	for (struct happening *h = d->happenings; h; h = h->next) {
		uint64_t moved = move_mask(h->waits_for, to, n);
		bool has_lost = __builtin_popcountll(moved) != __builtin_popcountll(h->waits_for);

		h->waits_for = moved;
		if (has_lost)
			event_orphaned(d, h, fresh);
	}
}

static const struct conf_alert *policy_of(const struct daemon *d, const char *check)
{
	const struct check *c = look_find_check(d, check);

	return c ? &c->conf->alert : &d->conf->alert;
}

void routes_await(struct daemon *d, const struct happening *h)
{
	const struct group_policy policy = route_policy(&d->conf->alert);
	int64_t now = clock_boottime_usec(), realtime = clock_realtime_usec();

	for (size_t i = 0; i < d->n_routes; i++) {
		struct route *r = &d->routes[i];

		if (h->waits_for & UINT64_C(1) << i)
			route_add(r, &policy, notice_waits(r->conf, policy_of(d, h->check), h->event, h->to, realtime), now,
				realtime);
	}
	d->is_route_stale = true;
}

void routes_await_all(struct daemon *d)
{
	for (const struct happening *h = d->happenings; h; h = h->next)
		if (h->waits_for)
			routes_await(d, h);
}

int routes_configure(struct daemon *d)
{
	size_t n = d->conf->n_recipients, to[CONF_RECIPIENTS_MAX];
	struct route *routes = calloc(n + 1, sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		routes[i].conf = &d->conf->recipients[i];
	for (size_t i = 0; i < d->n_routes; i++) {
		struct route *old = &d->routes[i];

		to[i] = SIZE_MAX;
		for (size_t j = 0; j < n; j++)
			if (strcmp(routes[j].conf->name, old->conf->name) == 0)
				to[i] = j;
		if (to[i] == SIZE_MAX) {
			route_clear(old);
			continue;
		}
		routes[to[i]].group = old->group;
		routes[to[i]].held_until_usec = old->held_until_usec;
	}
	size_t n_old = d->n_routes;
	free(d->routes);
	d->routes = routes;
	d->n_routes = n;
	move_masks(d, to, n_old);
	/* Quiet hours may be others now. */
	for (size_t i = 0; i < n; i++)
		routes[i].held_until_usec = 0;
	routes_await_all(d);
	d->is_route_stale = d->is_owed_stale = true;
	return 0;
}

static int on_route_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	d->is_route_stale = true;
	if (mail_events(d))
		return 0;
	d->is_route_stale = false;
	daemon_set_timer(d, &d->route_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), USEC_PER_MINUTE), on_route_due,
		d);
	return 0;
}

void routes_arm(struct daemon *d)
{
	const struct group_policy policy = route_policy(&d->conf->alert);
	int64_t now = clock_boottime_usec(), realtime = clock_realtime_usec(), due = USEC_NEVER;

	d->is_route_stale = false;
	for (size_t i = 0; i < d->n_routes; i++) {
		int64_t next = route_due(&d->routes[i], &policy, now, realtime);

		due = next < due ? next : due;
	}
	daemon_set_timer(d, &d->route_source, CLOCK_BOOTTIME, due, on_route_due, d);
}

void routes_free(struct daemon *d)
{
	d->route_source = sd_event_source_disable_unref(d->route_source);
	for (size_t i = 0; i < d->n_routes; i++)
		route_clear(&d->routes[i]);
	free(d->routes);
}
