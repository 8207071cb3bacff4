/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many mails a day come of a bad day? Drives the real engine, coalescing and schedule with checks that hover,
 * spike, crash in a loop, go blind or fail for long, under several policies, and prints a table. The defaults are
 * argued with it. It judges nothing: tests/unit does. Usage: simulate [DAYS]
 *
 * A figure of 0.03 over 30 days is one mail in all. A process that is dead whenever it is looked at, and only then, is
 * one long failure; one that is back within its grace period is not seen at all, unless restarts are counted. */
#include "../support/fake-daemon.h"
#include "../support/random.h"
#include "cleanup.h"

#include <math.h>
#include <string.h>

struct kind {
	const char *name;
	enum tocsin_state (*look)(struct fake_daemon *d, struct fake_item *item); /* polled */
	int64_t period_usec, down_usec; /* or: is down for so long in each period, and a watch tells at once */
};

struct simulation {
	struct random random;
	double value; /* of what is measured, in units of its deviation from the mean */
	int64_t looked_usec;
	bool was_bad; /* what a check with hysteresis remembers */
	int64_t events, mails;
};

/* Nearly normal: the sum of twelve (Irwin–Hall). */
static double draw_normal(struct random *r)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += random_unit(r);
	return sum;
}

/* A value that forgets where it was within MEMORY_USEC (an Ornstein–Uhlenbeck process), whenever it is looked at. */
static double measure(struct fake_daemon *d, double memory_usec)
{
	struct simulation *sim = d->userdata;
	double kept = exp((double)(sim->looked_usec - d->now_usec) / memory_usec);

	sim->value = sim->value * kept + draw_normal(&sim->random) * sqrt(1 - kept * kept);
	sim->looked_usec = d->now_usec;
	return sim->value;
}

static enum tocsin_state look_hovering_fast(struct fake_daemon *d, struct fake_item *item)
{
	return measure(d, 30e6) > 0 ? TOCSIN_WARNING : TOCSIN_OK;
}

static enum tocsin_state look_hovering_slow(struct fake_daemon *d, struct fake_item *item)
{
	return measure(d, 300e6) > 0 ? TOCSIN_WARNING : TOCSIN_OK;
}

/* Bad above the limit, good again only two deviations below it: by 10 % of a limit around which it moves by 5 %. */
static enum tocsin_state look_damped(struct fake_daemon *d, struct fake_item *item)
{
	struct simulation *sim = d->userdata;
	double value = measure(d, 300e6);

	sim->was_bad = value > (sim->was_bad ? -2 : 0);
	return sim->was_bad ? TOCSIN_WARNING : TOCSIN_OK;
}

/* Always bad, and around the limit to CRITICAL. */
static enum tocsin_state look_hovering_high(struct fake_daemon *d, struct fake_item *item)
{
	return measure(d, 300e6) > 0 ? TOCSIN_CRITICAL : TOCSIN_WARNING;
}

/* One look in thirty is bad, whatever the one before was. */
static enum tocsin_state look_spiking(struct fake_daemon *d, struct fake_item *item)
{
	return measure(d, 1e6) > 1.834 ? TOCSIN_CRITICAL : TOCSIN_OK;
}

static enum tocsin_state look_half_blind(struct fake_daemon *d, struct fake_item *item)
{
	return measure(d, 300e6) > 0 ? TOCSIN_UNKNOWN : TOCSIN_OK;
}

static enum tocsin_state look_failing(struct fake_daemon *d, struct fake_item *item)
{
	measure(d, 1e6);
	return d->now_usec < USEC_PER_HOUR ? TOCSIN_OK : TOCSIN_CRITICAL;
}

static const struct kind kinds[] = {
	{ "hovers, forgets in 30 s", look_hovering_fast, 0, 0 },
	{ "hovers, forgets in 5 min", look_hovering_slow, 0, 0 },
	{ "the same with hysteresis", look_damped, 0, 0 },
	{ "hovers between bad and worse", look_hovering_high, 0, 0 },
	{ "spikes, one look in 30", look_spiking, 0, 0 },
	{ "cannot be seen half the time", look_half_blind, 0, 0 },
	{ "fails and stays so", look_failing, 0, 0 },
	{ "crash loop: 1 s in 40 s", NULL, 40 * USEC_PER_SEC, USEC_PER_SEC },
	{ "crash loop: 30 s in 10 min", NULL, 10 * USEC_PER_MINUTE, 30 * USEC_PER_SEC },
	{ "crash loop: 3 min in 10 min", NULL, 10 * USEC_PER_MINUTE, 3 * USEC_PER_MINUTE },
};

#define POLICY(c, r, u, g) { c, r, u, 60 * USEC_PER_SEC, 20 * USEC_PER_SEC, (g) * USEC_PER_SEC }

static const struct {
	const char *name;
	struct alert_policy policy;
} policies[] = {
	{ "each", POLICY(1, 1, 1, 0) },
	{ "3 bad", POLICY(3, 1, 3, 0) },
	{ "default", POLICY(3, 5, 5, 0) },
	{ "event", POLICY(1, 5, 5, 5) },
};

static void on_event(struct fake_daemon *d, struct fake_item *item, enum alert_event event)
{
	struct simulation *sim = d->userdata;

	sim->events += alert_event_is_mailed(event);
}

static void on_mail(struct fake_daemon *d)
{
	struct simulation *sim = d->userdata;

	sim->mails++;
}

/* The process dies at the end of each period and is back later; its death is seen at once, its return is polled. */
static void run_loop(struct fake_daemon *d, const struct kind *kind, const struct alert_policy *policy, int64_t end)
{
	for (int64_t dies = kind->period_usec; dies < end; dies += kind->period_usec) {
		struct fake_item *item = fake_item(d, "x", policy);

		fake_run(d, dies);
		item->world.state = TOCSIN_CRITICAL;
		fake_look(d, item);
		fake_run(d, dies + kind->down_usec);
		item->world.state = TOCSIN_OK;
	}
}

static void simulate(const struct kind *kind, const struct alert_policy *policy, int64_t days)
{
	const struct fake_calls calls = { kind->look, on_event, on_mail };
	struct simulation sim = { .random = { 7 } };
	struct fake_daemon d;

	fake_daemon_init(&d, &calls, &sim);
	fake_look(&d, fake_item(&d, "x", policy));
	if (!kind->look)
		run_loop(&d, kind, policy, days * USEC_PER_DAY);
	fake_run(&d, days * USEC_PER_DAY);
	fake_daemon_done(&d);
	printf(" %8.2f /%7.2f", (double)sim.mails / (double)days, (double)sim.events / (double)days);
}

int main(int argc, char **argv)
{
	int64_t days = argc > 1 ? atoi(argv[1]) : 30;

	if (days < 1) {
		fprintf(stderr, "usage: %s [DAYS]\n", argv[0]);
		return 64;
	}
	printf("mails / events that are mailed, a day, over %lld days\n%-30s", (long long)days, "");
	for (size_t i = 0; i < ELEMENTS(policies); i++)
		printf(" %17s", policies[i].name);
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		printf("\n%-30s", kinds[i].name);
		for (size_t j = 0; j < ELEMENTS(policies); j++)
			simulate(&kinds[i], &policies[j].policy, days);
	}
	printf("\n");
	return 0;
}
