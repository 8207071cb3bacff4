/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches: descriptors that checks hand over with their results. One that is ready makes its check look again, and goes
 * back to that run. */
#include "look.h"

#include "log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

static struct watch *watch_free(struct watch *w)
{
	if (w) {
		sd_event_source_disable_unref(w->source);
		close_fd(w->fd);
		w->check->daemon->n_watches--;
		free(w);
	}
	return NULL;
}

void watches_clear(struct watch_list *watches)
{
	for (size_t i = 0; i < watches->n; i++)
		watch_free(watches->items[i]);
	free(watches->items);
	*watches = (struct watch_list){ 0 };
}

static int on_watch(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct watch *w = userdata;
	struct check *c = w->check;
	int64_t soonest = usec_add(c->started_usec, WATCH_PAUSE_USEC), now = clock_boottime_usec();

	w->was_ready = true;
	if (c->batch)
		c->look_again = true;
	else if (c->stuck_since_usec == 0)
		look_set_due(c, soonest > now ? soonest : now);
	return 0;
}

/* The watches of this run take the place of those of the last. */
void watches_take_over(struct check *c)
{
	struct daemon *d = c->daemon;

	size_t n = 0;

	watches_clear(&c->watches);
	c->watches = c->new_watches;
	c->new_watches = (struct watch_list){ 0 };
	for (size_t i = 0; i < c->watches.n; i++) {
		struct watch *w = c->watches.items[i];
		int r = sd_event_add_io(d->event, &w->source, w->fd, w->events, on_watch, w);

		if (r >= 0)
			r = sd_event_source_set_enabled(w->source, SD_EVENT_ONESHOT);
		if (r < 0) {
			log_warning("%s: a descriptor cannot be watched: %s; polling remains", c->conf->name, strerror(-r));
			watch_free(w);
			continue;
		}
		c->watches.items[n++] = w;
	}
	c->watches.n = n;
}

/* Those of its last look are closed when this one ends. */
static bool has_room_for_watch(const struct check *c)
{
	struct daemon *d = c->daemon;

	if (d->n_watches - c->watches.n < d->watches_max)
		return true;
	if (!d->has_told_watches_max) {
		d->has_told_watches_max = true;
		log_warning("%s: more than %zu descriptors are to be watched, as many as the limit of open files (RLIMIT_NOFILE, "
			    "LimitNOFILE=) allows: of what is past that number changes are noticed by polling",
			c->conf->name, d->watches_max);
		mail_remark(d, "More than %zu descriptors are to be watched, which is what the limit of open files (LimitNOFILE= of "
			       "tocsin.service) allows: some checks notice changes only when their interval has passed.",
			d->watches_max);
	}
	return false;
}

int watch_received(struct batch *b, struct check *c, struct msg *m)
{
	int64_t mask;

	if (msg_number(m, 1, &mask) < 0)
		return -EBADMSG;
	if (b->caller || c->new_watches.n == WATCHES_MAX || !has_room_for_watch(c))
		return 0;
	struct watch **grown = reallocarray(c->new_watches.items, c->new_watches.n + 1, sizeof(*grown));
	if (!grown)
		return 0;
	c->new_watches.items = grown;
	struct watch *w = calloc(1, sizeof(*w));
	if (!w)
		return 0;
	c->daemon->n_watches++;
	w->check = c;
	w->fd = TAKE_FD(m->fd);
	w->events = (uint32_t)(mask & (POLLIN | POLLPRI | POLLOUT | POLLRDHUP)); /* EPOLLIN … have the same values */
	grown[c->new_watches.n++] = w;
	return 0;
}
