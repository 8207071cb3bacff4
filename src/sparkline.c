/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values over time in one line; see sparkline.h. */
#include "sparkline.h"

#include <math.h>

#define LEVELS 8

static const char *const blocks[LEVELS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const ascii[LEVELS] = { "_", ".", ",", "-", "=", "+", "*", "#" };

/* The scale of the values where none is given. */
static void find_scale(const struct sparkline *s, double *low, double *high)
{
	*low = s->low;
	*high = s->high;
	for (size_t i = 0; i < s->n; i++) {
		double v = s->values[i];

		if (isnan(s->low) && !isnan(v))
			*low = fmin(*low, v); /* fmin() passes NAN over */
		if (isnan(s->high) && !isnan(v))
			*high = fmax(*high, v);
	}
	if (isnan(s->high))
		*high = fmax(*high, s->critical);
}

static size_t level_of(double value, double low, double high)
{
	double share = high > low ? (value - low) / (high - low) : 0;
	double level = floor(share * LEVELS);

	return level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : (size_t)level;
}

static bool is_past(const struct sparkline *s, double value, double limit)
{
	return s->critical < s->warning ? value <= limit : value >= limit;
}

static const char *colour_of(const struct sparkline *s, double value)
{
	if (!s->has_colour || isnan(value) || isnan(s->warning) || isnan(s->critical))
		return "";
	return is_past(s, value, s->critical) ? "\033[31m" : is_past(s, value, s->warning) ? "\033[33m" : "\033[32m";
}

void sparkline_append(struct buf *b, const struct sparkline *s)
{
	const char *const *levels = s->has_blocks ? blocks : ascii, *colour = "";
	double low, high;

	find_scale(s, &low, &high);
	for (size_t i = 0; i < s->n; i++) {
		const char *wanted = colour_of(s, s->values[i]);

		if (wanted != colour && (*wanted || *colour))
			buf_puts(b, *wanted ? wanted : "\033[0m");
		colour = wanted;
		buf_puts(b, isnan(s->values[i]) ? " " : levels[level_of(s->values[i], low, high)]);
	}
	if (*colour)
		buf_puts(b, "\033[0m");
}
