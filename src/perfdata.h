/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a monitoring plugin prints: its text, and its performance data, as the Monitoring Plugins Development
 * Guidelines write them (https://www.monitoring-plugins.org/doc/guidelines.html) and as plugins really do.
 * It reads; it judges nothing. */
#pragma once

#include "buf.h"

#include <stdbool.h>

/* "[@]start:end". Alert outside of it (inclusive of both ends it is fine), or inside of it with '@'. */
struct perfdata_range {
	char text[64];     /* as it was written, "" when there is none */
	double start, end; /* -INFINITY for "~", INFINITY for no end; NAN when there is no range */
	bool is_inside;
};

struct perfdata {
	char *label;
	double value;  /* NAN for "U", what could not be determined */
	char unit[16]; /* as tocsin_metric has it: times in seconds; others as the plugin wrote them */
	struct perfdata_range warning, critical;
	double min, max; /* NAN when they are not there */
};

/* The parts of an output; they point into it. */
struct perfdata_output {
	char *text;  /* the first line */
	char *lines; /* the lines behind it, "" if none */
	char *first; /* performance data of the first line, "" if none */
	char *more;  /* and that which follows the lines */
};

/* Cuts OUTPUT into its parts. */
void perfdata_split(char *output, struct perfdata_output *ret);

/* Reads one label and its numbers, and moves *TEXT behind them. 1: *ret is filled, free it; 0: there is no
 * more; -EBADMSG: what stands there is none; *TEXT is behind it and *ret_bad (owned by the caller's text)
 * with its length says what it was. -ENOMEM. */
int perfdata_next(const char **text, struct perfdata *ret, const char **ret_bad, size_t *ret_bad_len);
void perfdata_free(struct perfdata *p);

/* "10", "10:", "~:10", "10:20", "@10:20". -EINVAL for anything else, also for an end below the start. */
int perfdata_parse_range(const char *text, struct perfdata_range *ret);

/* The end of the range that a value like VALUE reaches, in the units of the plugin; NAN without one. */
double perfdata_range_limit(const struct perfdata_range *range, double value);

/* Is that number the whole of it: alert when a value is above? Otherwise the text says more. */
bool perfdata_range_is_upper_limit(const struct perfdata_range *range);

#define _cleanup_perfdata_ _cleanup_(perfdata_free)
