/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `tocsin test-alert`: a marked problem, and its marked recovery when that is mailed, both on the way of real ones. */
#include "event.h"

#include "text.h"
#include "translate.h"

#include <errno.h>
#include <string.h>

/* The sentence of this file. */
#define SAY_TEST _("a test that an administrator asked for; nothing has happened")

struct test {
	struct daemon *daemon;
	char *check;
	int64_t since_usec; /* realtime */
};

static void test_free(void *userdata)
{
	struct test *t = userdata;

	free(t->check);
	free(t);
}

static int raise_test(struct test *t, enum tocsin_state from, enum tocsin_state to, const char *who)
{
	struct daemon *d = t->daemon;
	struct happening *h = happening_new(d, ALERT_TEST, t->check, t->check, SAY_TEST);

	if (!h)
		return -ENOMEM;
	h->since_usec = t->since_usec;
	h->from = from;
	h->to = to;
	h->who = text_copy(who);
	h->waits_for = event_routes(d, h, NULL);
	if (!h->waits_for) {
		happening_free(h);
		return -EHOSTUNREACH;
	}
	happening_finish(d, h);
	return 0;
}

static int on_test_recovers(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct test *t = userdata;

	raise_test(t, TOCSIN_CRITICAL, TOCSIN_OK, NULL);
	sd_event_source_disable_unref(source);
	return 0;
}

int event_test(struct daemon *d, const char *check, const char *who)
{
	sd_event_source *source = NULL;
	struct test *t;

	if (!look_find_check(d, check))
		return -ENOENT;
	if (!mail_is_configured(d))
		return -ENOTCONN;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct test){ d, strdup(check), clock_realtime_usec() };
	/* When the problem is in a mail of its own. */
	int64_t when = usec_add(usec_add(clock_boottime_usec(), d->conf->alert.group_wait), USEC_PER_SEC);
	int r = t->check ? raise_test(t, TOCSIN_OK, TOCSIN_CRITICAL, who) : -ENOMEM;
	if (r >= 0)
		r = sd_event_add_time(d->event, &source, CLOCK_BOOTTIME, (uint64_t)when, 0, on_test_recovers, t);
	if (r < 0) {
		test_free(t);
		return r;
	}
	sd_event_source_set_destroy_callback(source, test_free);
	sd_event_source_set_floating(source, true);
	sd_event_source_unref(source); /* the loop has one of its own now */
	return 0;
}
