/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many mails a day come of a bad day? Drives the real engine with checks that hover, spike, crash in a loop, go blind
 * or fail for long, first as naively as can be and then with one rule more in each column, up to the defaults, which it
 * takes from the configuration. They are argued with this table (README.md). It judges nothing: tests/unit does.
 *
 * Usage: simulate [DAYS [KEY=VALUE …]], keys of [alert] in place of their defaults.
 *
 * A figure of 0.03 over 30 days is one mail in all. A process that is dead whenever it is looked at, and only then, is
 * one long failure; one that is back within its grace period is not seen at all, unless restarts are counted. */
#include "../support/fake-daemon.h"
#include "../support/random.h"
#include "cleanup.h"

#include <math.h>
#include <string.h>

/* ---- what is watched ---- */

/* A value moves around MEAN by DEVIATION, and forgets where it was within MEMORY: WARNING from 80 on, CRITICAL from 90. */
struct kind {
	const char *name;
	struct fake_finding (*look)(struct fake_daemon *d, struct fake_item *item); /* polled */
	double mean, deviation, memory_usec;
	int64_t period_usec, down_usec; /* or: is down for so long in each period, and a watch tells at once */
};

struct simulation {
	const struct kind *kind;
	struct random random;
	double place; /* of the value, in units of its deviation from the mean */
	int64_t looked_usec;
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

/* An Ornstein–Uhlenbeck process, whenever it is looked at. */
static double measure(struct fake_daemon *d)
{
	struct simulation *sim = d->userdata;
	double kept = exp((double)(sim->looked_usec - d->now_usec) / sim->kind->memory_usec);

	sim->place = sim->place * kept + draw_normal(&sim->random) * sqrt(1 - kept * kept);
	sim->looked_usec = d->now_usec;
	return sim->kind->mean + sim->kind->deviation * sim->place;
}

static struct fake_finding judged(double value)
{
	enum tocsin_state state = value >= 90 ? TOCSIN_CRITICAL : value >= 80 ? TOCSIN_WARNING : TOCSIN_OK;

	return (struct fake_finding){ state, { value } };
}

static struct fake_finding look_at_value(struct fake_daemon *d, struct fake_item *item)
{
	return judged(measure(d));
}

static struct fake_finding look_when_seen(struct fake_daemon *d, struct fake_item *item)
{
	return (struct fake_finding){ measure(d) >= 80 ? TOCSIN_UNKNOWN : TOCSIN_OK, { 0 } };
}

static struct fake_finding look_at_failure(struct fake_daemon *d, struct fake_item *item)
{
	struct simulation *sim = d->userdata;

	return judged(d->now_usec < USEC_PER_HOUR ? 0 : sim->kind->mean);
}

/* From midnight on for an hour. */
static struct fake_finding look_at_backup(struct fake_daemon *d, struct fake_item *item)
{
	return judged(d->now_usec % USEC_PER_DAY < USEC_PER_HOUR ? 85 : 50);
}

#define VALUE(look, mean, deviation, memory) look, mean, deviation, (memory) * 1e6, 0, 0
#define LOOP(down, period) NULL, 0, 0, 1, (period) * USEC_PER_SEC, (down) * USEC_PER_SEC

static const struct kind kinds[] = {
	{ "hovers by 5 %, forgets in 30 s", VALUE(look_at_value, 80, 4, 30) },
	{ "hovers by 5 %, forgets in 5 min", VALUE(look_at_value, 80, 4, 300) },
	{ "hovers by 5 %, forgets in 1 h", VALUE(look_at_value, 80, 4, 3600) },
	{ "hovers by 2 %, forgets in 5 min", VALUE(look_at_value, 80, 1.6, 300) },
	{ "hovers by 20 %, forgets in 5 min", VALUE(look_at_value, 76, 16, 300) },
	{ "hovers between bad and worse", VALUE(look_at_value, 90, 2, 300) },
	{ "spikes, one look in 30", VALUE(look_at_value, 50, 16.36, 1) },
	{ "a backup each night, for 1 h", VALUE(look_at_backup, 0, 0, 1) },
	{ "cannot be seen half the time", VALUE(look_when_seen, 80, 4, 300) },
	{ "WARNING, and stays so", VALUE(look_at_failure, 85, 0, 1) },
	{ "CRITICAL, and stays so", VALUE(look_at_failure, 95, 0, 1) },
	{ "crash loop: 1 s in 40 s", LOOP(1, 40) },
	{ "crash loop: 30 s in 10 min", LOOP(30, 600) },
	{ "crash loop: 3 min in 10 min", LOOP(180, 600) },
	{ "dies once a day, for 10 min", LOOP(600, 86400) },
};

/* ---- rules, one more in each column ---- */

enum rule {
	CONFIRM = 1, /* and coalescing */
	RECOVER = 2,
	HYSTERESIS = 4,
	FLAPPING = 8,
	REMINDERS = 16,
	LIMITS = 32,
};

static const struct column {
	const char *name;
	int rules;
	bool is_event; /* with the defaults of checks whose single bad look is proof */
} columns[] = {
	{ "naive", 0, false },
	{ "3 bad", CONFIRM, false },
	{ "5 good", CONFIRM | RECOVER, false },
	{ "10 %", CONFIRM | RECOVER | HYSTERESIS, false },
	{ "unstable", CONFIRM | RECOVER | HYSTERESIS | FLAPPING, false },
	{ "default", CONFIRM | RECOVER | HYSTERESIS | FLAPPING | REMINDERS | LIMITS, false },
	{ "event", CONFIRM | RECOVER | HYSTERESIS | FLAPPING | REMINDERS | LIMITS, true },
};

static struct conf_alert without(const struct conf_alert *defaults, int rules)
{
	struct conf_alert a = *defaults;

	if (!(rules & CONFIRM)) {
		a.confirm = a.unknown_confirm = 1;
		a.grace = a.group_wait = a.group_second = a.group_interval = 0;
	}
	if (!(rules & RECOVER))
		a.recover = 1;
	if (!(rules & HYSTERESIS))
		a.hysteresis = 0;
	if (!(rules & FLAPPING))
		a.flap_count = 0;
	if (!(rules & REMINDERS))
		a.remind_critical_ages.n = a.remind_warning_ages.n = 0;
	if (!(rules & LIMITS))
		a.max_per_hour = a.max_per_day = 0;
	return a;
}

/* ---- the run ---- */

static void on_event(struct fake_daemon *d, struct fake_item *item, const struct notice *notice, int64_t incident)
{
	struct simulation *sim = d->userdata;

	sim->events += notice->reason == NOTICE_NO_REASON;
}

static void on_mail(struct fake_daemon *d, const struct fake_mail *mail)
{
	struct simulation *sim = d->userdata;

	sim->mails++;
}

static struct fake_item *watch(struct fake_daemon *d, const struct conf_alert *conf)
{
	static char name[] = "value", unit[] = "";
	struct fake_item *item = fake_item(d, "x", conf);

	item->metrics[0] = (struct metric){ .name = name, .unit = unit, .warning = 80, .critical = 90, .min = NAN,
		.max = NAN };
	item->n_metrics = 1;
	return item;
}

/* The process dies at the end of each period and is back later; its death is seen at once, its return is polled. */
static void run_loop(struct fake_daemon *d, const struct kind *kind, struct fake_item *item, int64_t end)
{
	item->n_metrics = 0;
	for (int64_t dies = kind->period_usec; dies < end; dies += kind->period_usec) {
		fake_run(d, dies);
		item->world.state = TOCSIN_CRITICAL;
		fake_look(d, item);
		fake_run(d, dies + kind->down_usec);
		item->world.state = TOCSIN_OK;
	}
}

static void simulate(const struct kind *kind, const struct conf_alert *conf, int64_t days)
{
	const struct fake_calls calls = { kind->look, on_event, on_mail };
	struct simulation sim = { .kind = kind, .random = { 7 } };
	struct fake_daemon d;

	fake_daemon_init(&d, &calls, &sim);
	d.conf = *conf;
	struct fake_item *item = watch(&d, conf);
	fake_look(&d, item);
	if (!kind->look)
		run_loop(&d, kind, item, days * USEC_PER_DAY);
	fake_run(&d, days * USEC_PER_DAY);
	fake_daemon_done(&d);
	printf(" %7.2f /%7.2f", (double)sim.mails / (double)days, (double)sim.events / (double)days);
}

static void print_table(const struct conf *conf, int64_t days)
{
	printf("mails / events in them, a day, over %lld days\n%-32s", (long long)days, "");
	for (size_t i = 0; i < ELEMENTS(columns); i++)
		printf(" %16s", columns[i].name);
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		printf("\n%-32s", kinds[i].name);
		for (size_t j = 0; j < ELEMENTS(columns); j++) {
			const struct conf_alert *defaults = &conf->checks[columns[j].is_event].alert;
			struct conf_alert alert = without(defaults, columns[j].rules);

			simulate(&kinds[i], &alert, days);
		}
	}
	printf("\n");
}

/* ---- the defaults ---- */

static int add(struct conf_settings *s, const char *section, const char *name, const char *key, const char *value)
{
	return conf_add_setting(s, section, name, key, value, "command line", 0);
}

/* Two checks, the second one of a module whose single bad look is proof. */
static int build(char **words, struct conf_settings *s, struct conf_problems *p, struct conf **ret)
{
	static const struct conf_module modules[] = { { .name = "polled" }, { .name = "event", .is_event = true } };
	int r = add(s, "check", "polled", "type", "polled");

	if (r == 0)
		r = add(s, "check", "event", "type", "event");
	for (; r == 0 && *words; words++) {
		char *value = strchr(*words, '=');

		if (!value)
			return -1;
		*value++ = '\0';
		r = add(s, "alert", "", *words, value);
	}
	return r == 0 ? conf_build(s, modules, ELEMENTS(modules), p, ret) : r;
}

int main(int argc, char **argv)
{
	int64_t days = argc > 1 ? atoi(argv[1]) : 30;
	struct conf_settings settings = { .n = 0 };
	struct conf_problems problems = { .n = 0 };
	struct conf *conf = NULL;

	if (days < 1 || build(argc > 1 ? argv + 2 : argv + 1, &settings, &problems, &conf) < 0) {
		for (size_t i = 0; i < problems.n; i++)
			fprintf(stderr, "%s\n", problems.items[i].text);
		fprintf(stderr, "usage: %s [DAYS [KEY=VALUE …]]\n", argv[0]);
	} else {
		print_table(conf, days);
	}
	conf_settings_free(&settings);
	conf_problems_free(&problems);
	int status = conf ? 0 : 64;
	conf_free(conf);
	return status;
}
