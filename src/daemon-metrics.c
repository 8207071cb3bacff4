/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon knows as metrics of Prometheus. The names are an interface: they stay. Who writes them into a file is
 * daemon-export.c. */
#include "daemon.h"

#include "prometheus.h"
#include "units.h"

#include <math.h>
#include <string.h>

static double seconds(int64_t usec)
{
	return (double)usec / USEC_PER_SEC;
}

static void put_one(struct buf *b, const char *name, const char *help, double value)
{
	prometheus_family(b, name, "gauge", help);
	prometheus_sample(b, name, NULL, 0, value);
}

/* The state that is confirmed: what a mail would say. */
static double state_of(const struct report_item *i)
{
	const struct alert_state *a = i->alert;

	if (a->is_blind)
		return TOCSIN_UNKNOWN;
	return a->is_known ? a->state : NAN;
}

static double is_acknowledged(const struct report_item *i)
{
	return i->alert->incident ? i->ack_who != NULL : NAN;
}

static double last_state_of(const struct report_item *i)
{
	return i->result->time_usec ? i->result->state : NAN;
}

static double since(const struct report_item *i)
{
	const struct alert_state *a = i->alert;
	int64_t usec = a->is_blind ? a->rows[ALERT_ROW_UNKNOWN].since_usec : a->since_usec;

	return usec ? seconds(usec) : NAN;
}

static const struct item_metric {
	const char *name, *help;
	double (*value)(const struct report_item *i); /* NAN: it has none */
} item_metrics[] = {
	{ "tocsin_item_state", "The confirmed state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", state_of },
	{ "tocsin_item_last_state", "The state at the last look, confirmed or not.", last_state_of },
	{ "tocsin_item_since_timestamp_seconds", "When the confirmed state began.", since },
	{ "tocsin_item_acknowledged", "Whether somebody has acknowledged the open incident.", is_acknowledged },
};

static void put_items(struct buf *b, const struct report_item *items, size_t n)
{
	for (size_t i = 0; i < ELEMENTS(item_metrics); i++) {
		const struct item_metric *m = &item_metrics[i];

		prometheus_family(b, m->name, "gauge", m->help);
		for (size_t j = 0; j < n; j++)
			prometheus_sample(b, m->name, PROMETHEUS_LABELS({ "check", items[j].check }, { "item", items[j].item },
							      { "type", items[j].module }), m->value(&items[j]));
	}
}

/* The same sample twice, and node_exporter would refuse the whole file. */
static bool is_repeated(const struct result *r, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(r->metrics[i].name, r->metrics[at].name) == 0)
			return true;
	return false;
}

static void put_values(struct buf *b, const struct report_item *items, size_t n)
{
	prometheus_family(b, "tocsin_item_value", "gauge", "What the last look measured, by the name of the metric.");
	for (size_t i = 0; i < n; i++) {
		const struct result *r = items[i].result;

		for (size_t j = 0; j < r->n_metrics; j++)
			if (!is_repeated(r, j))
				prometheus_sample(b, "tocsin_item_value",
					PROMETHEUS_LABELS({ "check", items[i].check }, { "item", items[i].item },
						{ "metric", r->metrics[j].name },
						{ "unit", r->metrics[j].unit ? r->metrics[j].unit : "" }),
					r->metrics[j].value);
	}
}

static double last_run(const struct check *c)
{
	return c->ended_usec ? seconds(c->ended_usec) : NAN;
}

static double duration(const struct check *c)
{
	return c->ended_usec ? seconds(c->took_usec) : NAN;
}

static double interval(const struct check *c)
{
	return seconds(c->conf->alert.interval);
}

static double is_applicable(const struct check *c)
{
	return c->has_looked ? !c->not_applicable : NAN;
}

static const struct check_metric {
	const char *name, *help;
	double (*value)(const struct check *c);
} check_metrics[] = {
	{ "tocsin_check_last_run_timestamp_seconds", "When the last run ended.", last_run },
	{ "tocsin_check_duration_seconds", "How long the last run took.", duration },
	{ "tocsin_check_interval_seconds", "How often it is to run.", interval },
	{ "tocsin_check_applicable", "Whether there is anything of the kind on this host.", is_applicable },
};

static void put_checks(struct buf *b, const struct daemon *d)
{
	for (size_t i = 0; i < ELEMENTS(check_metrics); i++) {
		const struct check_metric *m = &check_metrics[i];

		prometheus_family(b, m->name, "gauge", m->help);
		for (size_t j = 0; j < d->n_checks; j++)
			prometheus_sample(b, m->name, PROMETHEUS_LABELS({ "check", d->checks[j]->conf->name },
							      { "type", d->checks[j]->conf->module }), m->value(d->checks[j]));
	}
}

static double n_incidents(const struct daemon *d)
{
	double n = 0;

	for (const struct incident *i = d->incidents; i; i = i->next)
		n += i->closed_usec == 0;
	return n;
}

static double oldest_mail(const struct daemon *d)
{
	double oldest = NAN;

	for (size_t i = 0; i < d->n_outbox; i++)
		if (isnan(oldest) || seconds(d->outbox[i]->queued_usec) < oldest)
			oldest = seconds(d->outbox[i]->queued_usec);
	return oldest;
}

void metrics_compose(const struct daemon *d, struct buf *b)
{
	size_t n;
	_cleanup_free_ struct report_item *items = look_report_items(d, &n);

	prometheus_family(b, "tocsin_build_info", "gauge", "The version of tocsin that watches this host.");
	prometheus_sample(b, "tocsin_build_info", PROMETHEUS_LABELS({ "version", PACKAGE_VERSION }), 1);
	put_one(b, "tocsin_start_timestamp_seconds", "When tocsind was started.", seconds(d->started_usec));
	put_one(b, "tocsin_incidents_open", "Problems that are open.", n_incidents(d));
	put_one(b, "tocsin_mail_configured", "Whether there is a mail server and a recipient.", mail_is_configured(d));
	put_one(b, "tocsin_mails_queued", "Mails that wait for delivery.", (double)d->n_outbox);
	put_one(b, "tocsin_mails_queued_oldest_timestamp_seconds", "When the oldest of them was written.", oldest_mail(d));
	put_one(b, "tocsin_mail_last_success_timestamp_seconds", "When a mail server has accepted a mail at last.",
		d->last_mail_usec ? seconds(d->last_mail_usec) : NAN);
	put_one(b, "tocsin_state_file_written", "Whether changes reach the state file.", d->state.phase == STATE_GOOD);
	if (items)
		put_items(b, items, n);
	if (items)
		put_values(b, items, n);
	put_checks(b, d);
}
