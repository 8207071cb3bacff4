/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of metrics over time, as much of them as a chart needs: for each series (check, item, metric) and each five
 * minutes the least, the mean, the greatest and the last value. Twelve such buckets are an hour, which is one row of the
 * state file. Pure. */
#pragma once

#include "buf.h"
#include "clock.h"

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_BUCKET_USEC (5 * USEC_PER_MINUTE)
#define SAMPLE_BUCKETS 12
#define SAMPLE_HOURS 3 /* of a series that are in memory: as long may the state file be away */
#define SAMPLE_SERIES_MAX 1000

struct sample_bucket {
	double min, mean, max, last;
	int64_t count; /* values; 0: there were none, and the others mean nothing */
};

struct sample_hour {
	int64_t hour_usec; /* realtime of its beginning */
	struct sample_bucket buckets[SAMPLE_BUCKETS];
	bool is_changed; /* since it was stored last; whoever stores it clears that */
};

struct trend;

struct sample_series {
	char *check, *item, *metric, *unit;
	struct sample_hour hours[SAMPLE_HOURS]; /* in no order; hour_usec 0: not used */
	int64_t fed_usec; /* realtime of the last value */
	struct trend *trend; /* if its owner gave it one; freed with it */
};

/* Sorted by check, item, metric. */
struct sample_set {
	struct sample_series **series;
	size_t n;
	size_t n_refused; /* values of series for which there was no room */
};

/* The beginning of the hour of a time. */
int64_t sample_hour_of(int64_t realtime_usec);

void sample_add(struct sample_bucket *b, double value);
void sample_merge(struct sample_bucket *into, const struct sample_bucket *later);

/* Puts a value into its series, which is made when there is none. A value that is not finite is no value. -ENOSPC:
 * SAMPLE_SERIES_MAX are there already; -ENOMEM. */
int sample_set_add(struct sample_set *set, const char *check, const char *item, const char *metric, const char *unit,
	double value, int64_t realtime_usec);

/* An hour that was stored earlier: fills in what is not known here. -ENOSPC, -ENOMEM. */
int sample_set_restore(struct sample_set *set, const char *check, const char *item, const char *metric, const char *unit,
	const struct sample_hour *hour);

/* NULL: there is no such series. */
struct sample_series *sample_set_find(const struct sample_set *set, const char *check, const char *item,
	const char *metric);

/* Forgets series that had no value since a time, those with a trend since another one, and that hold nothing that is not
 * stored. */
void sample_set_forget(struct sample_set *set, int64_t fed_before_usec, int64_t trends_before_usec);
void sample_set_free(struct sample_set *set);

/* The buckets as text, "3:41.2,41.5,42,41.8;5:41;;7:…": the number of values, and least, mean, greatest and last one, or
 * the one that they all are; six digits each. Empty buckets at the end are left out. */
void sample_format(struct buf *b, const struct sample_hour *hour);

/* Reads that back. -EINVAL: it is not of that form. */
int sample_parse(const char *text, int64_t hour_usec, struct sample_hour *ret);

/* Adds the buckets of HOUR to N points, the I-th of which covers STEP µs (a multiple of SAMPLE_BUCKET_USEC) from
 * SINCE + I × STEP on. Hours are to come in the order of time. */
void sample_chart(struct sample_bucket *points, size_t n, int64_t since_usec, int64_t step_usec,
	const struct sample_hour *hour);
