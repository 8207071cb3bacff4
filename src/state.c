/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"

#include <errno.h>
#include <string.h>

#define METRICS_MAX 256
#define EVIDENCE_MAX 32

static const struct {
	const char *name;
	int rank;
} states[] = {
	[TOCSIN_OK] = { "OK", 3 },
	[TOCSIN_WARNING] = { "WARNING", 2 },
	[TOCSIN_CRITICAL] = { "CRITICAL", 0 },
	[TOCSIN_UNKNOWN] = { "UNKNOWN", 1 },
};

const char *state_name(enum tocsin_state state)
{
	return states[state].name;
}

int state_rank(enum tocsin_state state)
{
	return states[state].rank;
}

int state_parse(const char *name, enum tocsin_state *ret)
{
	for (size_t i = 0; i < ELEMENTS(states); i++) {
		if (strcmp(states[i].name, name) == 0) {
			*ret = (enum tocsin_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

void metrics_free(struct metric *metrics, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(metrics[i].name);
		free(metrics[i].unit);
	}
	free(metrics);
}

int metrics_copy(const struct metric *metrics, size_t n, struct metric **ret, size_t *ret_n)
{
	struct result r = { 0 };

	for (size_t i = 0; i < n; i++) {
		int error = result_add_metric(&r, &metrics[i]);

		if (error < 0) {
			metrics_free(r.metrics, r.n_metrics);
			return error;
		}
	}
	*ret = r.metrics;
	*ret_n = r.n_metrics;
	return 0;
}

void result_clear(struct result *r)
{
	metrics_free(r->metrics, r->n_metrics);
	for (size_t i = 0; i < r->n_evidence; i++) {
		free(r->evidence[i].title);
		free(r->evidence[i].text);
	}
	free(r->evidence);
	free(r->text);
	*r = (struct result){ 0 };
}

int result_add_metric(struct result *r, const struct metric *metric)
{
	if (r->n_metrics == METRICS_MAX)
		return -E2BIG;

	struct metric *grown = reallocarray(r->metrics, r->n_metrics + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r->metrics = grown;

	struct metric copy = *metric;
	copy.name = strdup(metric->name);
	copy.unit = strdup(metric->unit);
	if (!copy.name || !copy.unit) {
		free(copy.name);
		free(copy.unit);
		return -ENOMEM;
	}
	r->metrics[r->n_metrics++] = copy;
	return 0;
}

int result_add_evidence(struct result *r, const char *title, const char *text)
{
	if (r->n_evidence == EVIDENCE_MAX)
		return -E2BIG;

	struct evidence *grown = reallocarray(r->evidence, r->n_evidence + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	r->evidence = grown;

	struct evidence copy = { strdup(title), strdup(text) };
	if (!copy.title || !copy.text) {
		free(copy.title);
		free(copy.text);
		return -ENOMEM;
	}
	r->evidence[r->n_evidence++] = copy;
	return 0;
}

int result_copy(struct result *to, const struct result *from)
{
	int r;

	*to = (struct result){ .state = from->state, .time_usec = from->time_usec, .text = strdup(from->text ? from->text : "") };
	r = to->text ? metrics_copy(from->metrics, from->n_metrics, &to->metrics, &to->n_metrics) : -ENOMEM;
	for (size_t i = 0; r >= 0 && i < from->n_evidence; i++)
		r = result_add_evidence(to, from->evidence[i].title, from->evidence[i].text);
	return r;
}
