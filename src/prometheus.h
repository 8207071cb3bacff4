/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), as far as
 * node_exporter takes it from a file: no time stamps, no type but counter and gauge. Pure. */
#pragma once

#include "buf.h"

#include <stddef.h>

struct prometheus_label {
	const char *name, *value;
};

/* The lines before all samples of a metric. TYPE is "gauge" or "counter". */
void prometheus_family(struct buf *b, const char *name, const char *type, const char *help);

/* One sample, unless a value of LABELS is no UTF-8, for which the whole file would be refused, or VALUE is NAN: none. */
void prometheus_sample(struct buf *b, const char *name, const struct prometheus_label *labels, size_t n, double value);

#define PROMETHEUS_LABELS(...)                                                                              \
	(const struct prometheus_label[]){ __VA_ARGS__ }, ELEMENTS(((const struct prometheus_label[]){ __VA_ARGS__ }))
