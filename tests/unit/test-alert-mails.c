/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold of the mails, whoever gets them, for random weeks of a random host: several items, one of which depends
 * on another, several recipients, quiet hours, limits, silences, acknowledgements, suspends, restarts, reboots, clocks that
 * are set. The fake daemon drives the engine; the judge here reads only mails, and the world.
 *
 *   - Nobody gets an event twice, nor a mail without events, nor more mails than the limits allow.
 *   - Quiet hours are broken only by what is CRITICAL, or could have gone before they began (the host slept).
 *   - Whoever wants only CRITICAL hears of nothing else.
 *   - When the world stands still and nothing keeps mails back, everybody believes what is so. */
#include "../support/fake-daemon.h"
#include "../support/random.h"
#include "test.h"

#include <string.h>
#include <time.h>

#define TRIALS 100
#define RECIPIENTS 4
#define ITEMS 3
#define EVENTS_MAX 8192
#define MAILS_MAX 4096
#define HOUR USEC_PER_HOUR

static const char *const names[ITEMS] = { "net", "web", "disk//home" };

struct said {
	int item;
	enum tocsin_state state; /* as a reader takes it */
	bool is_critical; /* also when nobody can see it any longer */
	bool passes; /* quiet hours */
	int64_t time_usec;
	unsigned mailed_to;
};

struct reader {
	enum tocsin_state believes[ITEMS];
	bool knows_critical[ITEMS]; /* of this incident, to readers */
	int64_t mails[MAILS_MAX]; /* when */
	size_t n_mails;
};

struct trial {
	struct random random;
	struct fake_daemon d;
	struct said said[EVENTS_MAX];
	struct reader readers[RECIPIENTS];
	struct conf_recipient conf[RECIPIENTS];
	size_t n_recipients;
};

static int64_t draw(struct trial *t, int64_t n)
{
	return random_below(&t->random, n);
}

static int index_of(const char *name)
{
	for (int i = 0; i < ITEMS; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	fail_msg("an item that nobody made: %s", name);
	return 0;
}

static void on_event(struct fake_daemon *d, struct fake_item *item, const struct notice *notice, int64_t incident)
{
	struct trial *t = d->userdata;
	const struct alert_state *a = &item->alert;
	bool is_better = notice->event == ALERT_RECOVERED || notice->event == ALERT_SEEN_AGAIN;

	assert_true(d->last_event < EVENTS_MAX);
	t->said[d->last_event] = (struct said){
		.item = index_of(item->name),
		.state = a->incident == 0 ? TOCSIN_OK : a->is_blind ? TOCSIN_UNKNOWN : a->state,
		.is_critical = a->incident && a->state == TOCSIN_CRITICAL,
		.passes = a->state == TOCSIN_CRITICAL && !is_better,
		.time_usec = fake_realtime(d),
	};
}

/* The clock on the wall, and a window of every day. */
static bool is_within(const struct calendar_windows *w, int64_t realtime_usec)
{
	int64_t minute = (realtime_usec - FAKE_EPOCH) / USEC_PER_MINUTE % (24 * 60);

	minute += minute < 0 ? 24 * 60 : 0;
	for (size_t i = 0; i < w->n; i++) {
		int from = w->window[i].from_minute, to = w->window[i].to_minute;

		if (from < to ? minute >= from && minute < to : minute >= from || minute < to)
			return true;
	}
	return false;
}

static bool is_all_within(const struct calendar_windows *w, int64_t from_usec, int64_t to_usec)
{
	for (int64_t at = from_usec; at < to_usec; at += USEC_PER_MINUTE)
		if (!is_within(w, at))
			return false;
	return is_within(w, to_usec);
}

static size_t mails_within(const struct reader *r, int64_t usec, int64_t now_usec)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_mails; i++)
		n += r->mails[i] > now_usec - usec;
	return n;
}

/* Limits are of the clock that nobody sets. Past that of the day one an hour goes. */
static void is_within_limits(struct trial *t, struct reader *r)
{
	const struct conf_alert *conf = &t->d.conf;

	assert_true(r->n_mails < MAILS_MAX);
	if (mails_within(r, USEC_PER_DAY, t->d.now_usec) >= (size_t)conf->max_per_day && r->n_mails > 0)
		assert_true(t->d.now_usec - r->mails[r->n_mails - 1] >= HOUR);
	r->mails[r->n_mails++] = t->d.now_usec;
	assert_true(mails_within(r, HOUR, t->d.now_usec) <= (size_t)conf->max_per_hour);
}

static void read_event(struct trial *t, size_t reader, const struct fake_event *e)
{
	struct reader *r = &t->readers[reader];
	struct said *said = &t->said[e->number];

	assert_false(said->mailed_to & 1u << reader);
	said->mailed_to |= 1u << reader;
	r->knows_critical[said->item] |= said->is_critical;
	if (t->conf[reader].minimum) /* it, or what is of the same incident */
		assert_true(r->knows_critical[said->item]);
	if (said->state == TOCSIN_OK && e->event != ALERT_UNSTABLE)
		r->knows_critical[said->item] = false;
	r->believes[said->item] = said->state;
}

static void on_mail(struct fake_daemon *d, const struct fake_mail *mail)
{
	struct trial *t = d->userdata;

	assert_true(mail->n_events > 0 && mail->recipients != 0);
	for (size_t i = 0; i < t->n_recipients; i++) {
		bool may_be_now = false;

		if (!(mail->recipients & UINT64_C(1) << i))
			continue;
		is_within_limits(t, &t->readers[i]);
		for (size_t j = 0; j < mail->n_events; j++) {
			const struct said *said = &t->said[mail->events[j]->number];

			may_be_now |= said->passes || !is_all_within(&t->conf[i].quiet, said->time_usec, fake_realtime(d));
			read_event(t, i, mail->events[j]);
		}
		assert_true(may_be_now);
	}
}

static const struct fake_calls calls = { NULL, on_event, on_mail };

/* ---- a week ---- */

static enum tocsin_state draw_state(struct trial *t)
{
	static const enum tocsin_state states[] = { TOCSIN_OK, TOCSIN_OK, TOCSIN_OK, TOCSIN_WARNING, TOCSIN_CRITICAL,
		TOCSIN_CRITICAL, TOCSIN_UNKNOWN };

	return states[draw(t, ELEMENTS(states))];
}

static struct fake_item *draw_item(struct trial *t)
{
	return fake_find_item(&t->d, names[draw(t, ITEMS)]);
}

static void world_changes(struct trial *t)
{
	struct fake_item *item = draw_item(t);

	item->world.state = draw_state(t);
	if (draw(t, 2))
		fake_look(&t->d, item);
}

static void somebody_silences(struct trial *t)
{
	static const char *const globs[] = { "*", "w*", "disk//home" };

	fake_silence(&t->d, globs[draw(t, ELEMENTS(globs))], fake_realtime(&t->d) + draw(t, 8 * HOUR));
}

static void somebody_acknowledges(struct trial *t)
{
	struct fake_item *item = draw_item(t);

	if (item->alert.incident)
		fake_acknowledge(&t->d, item, fake_realtime(&t->d) + 1 + draw(t, 12 * HOUR));
}

static void daemon_restarts(struct trial *t)
{
	bool is_reboot = draw(t, 2);

	if (is_reboot && draw(t, 2))
		fake_go_down(&t->d, true);
	fake_run(&t->d, t->d.now_usec + draw(t, USEC_PER_MINUTE));
	fake_stop(&t->d);
	fake_run(&t->d, t->d.now_usec + draw(t, HOUR));
	fake_start(&t->d, is_reboot);
}

static void something_happens(struct trial *t)
{
	switch (draw(t, 24)) {
	case 0:
		somebody_silences(t);
		break;
	case 1:
		somebody_acknowledges(t);
		break;
	case 2:
		daemon_restarts(t);
		break;
	case 3:
		fake_suspend(&t->d, draw(t, 10 * HOUR));
		break;
	case 4:
		fake_set_clock(&t->d, draw(t, 96 * HOUR) - 48 * HOUR);
		break;
	case 5:
		fake_go_down(&t->d, !t->d.is_going_down);
		break;
	default:
		world_changes(t);
	}
}

static void draw_recipients(struct trial *t)
{
	static char recipient[] = "r";
	static const char *const web[] = { "web" };

	t->n_recipients = 1 + (size_t)draw(t, RECIPIENTS);
	for (size_t i = 0; i < t->n_recipients; i++) {
		struct conf_recipient *r = &t->conf[i];

		*r = (struct conf_recipient){ .name = recipient, .minimum = (int)draw(t, 2) };
		if (draw(t, 4) == 0)
			r->checks = (struct tocsin_list){ web, 1 };
		if (draw(t, 3) == 0)
			r->escalate_after = (1 + draw(t, 180)) * USEC_PER_MINUTE;
		if (draw(t, 2))
			r->quiet = (struct calendar_windows){
				{ { 0x7f, (int)draw(t, 1440), (int)draw(t, 1440) } }, 1 };
		if (r->quiet.n && r->quiet.window[0].from_minute == r->quiet.window[0].to_minute)
			r->quiet.n = 0;
		fake_add_recipient(&t->d, r);
	}
}

static struct conf_alert draw_policy(struct trial *t)
{
	return (struct conf_alert){
		.confirm = 1 + draw(t, 3),
		.recover = 1 + draw(t, 5),
		.unknown_confirm = 1 + draw(t, 5),
		.interval = USEC_PER_MINUTE,
		.retry_interval = 20 * USEC_PER_SEC,
		.grace = draw(t, 3) * 5 * USEC_PER_SEC,
		.flap_count = draw(t, 2) ? 2 + draw(t, 5) : 0,
		.flap_window = 3 * HOUR,
		.flap_quiet = 2 * HOUR,
		.remind_critical_ages = { { 4 * HOUR, 12 * HOUR, 36 * HOUR }, 3 },
		.remind_warning_ages = { { 24 * HOUR }, 1 },
	};
}

/* ---- and what is believed after it ---- */

static bool wants(const struct conf_recipient *r, int item)
{
	return r->checks.n == 0 || item == 1;
}

/* A problem of "web" is nobody's business as long as "net" is bad, or was so before nobody could look. */
static bool is_kept_back(const struct trial *t, int item)
{
	return item == 1 && fake_find_item(&t->d, names[0])->world.state != TOCSIN_OK;
}

static void believes_the_truth(const struct trial *t, size_t reader, int item)
{
	const struct conf_recipient *r = &t->conf[reader];
	const struct reader *who = &t->readers[reader];
	enum tocsin_state believed = who->believes[item], truth = fake_find_item(&t->d, names[item])->world.state;

	if (truth == TOCSIN_OK || !wants(r, item)) {
		assert_int_equal(believed, TOCSIN_OK);
		return;
	}
	if (is_kept_back(t, item) || (r->minimum && truth != TOCSIN_CRITICAL && !who->knows_critical[item]))
		return;
	assert_int_equal(believed, truth);
}

static void world_stands_still(struct trial *t)
{
	static const char *const globs[] = { "*", "w*", "disk//home" };

	for (size_t i = 0; i < ELEMENTS(globs); i++)
		fake_silence(&t->d, globs[i], fake_realtime(&t->d));
	fake_go_down(&t->d, false);
	for (int i = 0; i < ITEMS; i++)
		fake_find_item(&t->d, names[i])->world.state = draw_state(t);
	fake_run(&t->d, t->d.now_usec + 4 * USEC_PER_DAY);
	for (size_t i = 0; i < t->n_recipients; i++)
		for (int j = 0; j < ITEMS; j++)
			believes_the_truth(t, i, j);
}

static void run_trial(uint64_t seed)
{
	struct trial *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->random.state = seed;
	fake_daemon_init(&t->d, &calls, t);
	t->d.conf.max_per_hour = 1 + draw(t, 10);
	t->d.conf.max_per_day = 1 + draw(t, 50);
	draw_recipients(t);
	fake_add_dependence(&t->d, "web", "net");
	for (int i = 0; i < ITEMS; i++) {
		struct conf_alert policy = draw_policy(t);

		fake_look(&t->d, fake_item(&t->d, names[i], &policy));
	}
	for (int i = 0; i < 80; i++) {
		fake_run(&t->d, t->d.now_usec + draw(t, draw(t, 4) ? 10 * USEC_PER_MINUTE : 6 * HOUR));
		something_happens(t);
	}
	world_stands_still(t);
	fake_daemon_done(&t->d);
	free(t);
}

static void holds_for_random_weeks(void **state)
{
	for (uint64_t i = 1; i <= TRIALS; i++)
		run_trial(i * UINT64_C(0x9e3779b97f4a7c15));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(holds_for_random_weeks) };

	setenv("TZ", FAKE_TIME_ZONE, 1);
	tzset();
	return cmocka_run_group_tests_name("alert mails", tests, NULL, NULL);
}
