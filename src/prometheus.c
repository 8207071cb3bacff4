/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "prometheus.h"

#include "text.h"

#include <math.h>
#include <string.h>

void prometheus_family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(struct buf *b, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			buf_puts(b, "\\n");
		else if (*value == '\\' || *value == '"')
			buf_printf(b, "\\%c", *value);
		else
			buf_putc(b, *value);
	}
}

void prometheus_sample(struct buf *b, const char *name, const struct prometheus_label *labels, size_t n, double value)
{
	if (isnan(value))
		return;
	for (size_t i = 0; i < n; i++)
		if (!utf8_valid(labels[i].value, strlen(labels[i].value)))
			return;
	buf_puts(b, name);
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%c%s=\"", i ? ',' : '{', labels[i].name);
		put_escaped(b, labels[i].value);
		buf_putc(b, '"');
	}
	buf_puts(b, n ? "} " : " ");
	if (isinf(value))
		buf_puts(b, value > 0 ? "+Inf\n" : "-Inf\n");
	else
		buf_printf(b, "%.15g\n", value);
}
