/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sample.h"

#include "units.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define COUNT_MAX 1000000000 /* sums of it do not overflow, however long a chart is */

int64_t sample_hour_of(int64_t realtime_usec)
{
	return realtime_usec - realtime_usec % USEC_PER_HOUR;
}

/* ---- buckets ---- */

void sample_merge(struct sample_bucket *into, const struct sample_bucket *later)
{
	int64_t count = into->count + later->count;

	if (later->count == 0)
		return;
	if (into->count == 0) {
		*into = *later;
		return;
	}
	/* Each part is smaller than the whole: nothing overflows. */
	into->mean = into->mean * ((double)into->count / (double)count) + later->mean * ((double)later->count / (double)count);
	into->min = later->min < into->min ? later->min : into->min;
	into->max = later->max > into->max ? later->max : into->max;
	into->last = later->last;
	into->count = count;
}

void sample_add(struct sample_bucket *b, double value)
{
	const struct sample_bucket one = { value, value, value, value, 1 };

	sample_merge(b, &one);
}

void sample_chart(struct sample_bucket *points, size_t n, int64_t since_usec, int64_t step_usec,
	const struct sample_hour *hour)
{
	for (size_t i = 0; i < SAMPLE_BUCKETS; i++) {
		int64_t at = hour->hour_usec + (int64_t)i * SAMPLE_BUCKET_USEC - since_usec;

		if (at >= 0 && (size_t)(at / step_usec) < n)
			sample_merge(&points[at / step_usec], &hour->buckets[i]);
	}
}

/* ---- text ---- */

static void format_bucket(struct buf *b, const struct sample_bucket *bucket)
{
	if (bucket->count == 0)
		return;
	buf_printf(b, "%lld:", (long long)bucket->count);
	if (bucket->min == bucket->max)
		buf_printf(b, "%.6g", bucket->last);
	else
		buf_printf(b, "%.6g,%.6g,%.6g,%.6g", bucket->min, bucket->mean, bucket->max, bucket->last);
}

void sample_format(struct buf *b, const struct sample_hour *hour)
{
	size_t n = SAMPLE_BUCKETS;

	while (n > 0 && hour->buckets[n - 1].count == 0)
		n--;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, ';');
		format_bucket(b, &hour->buckets[i]);
	}
}

static int read_bucket(char *text, struct sample_bucket *b)
{
	double *const numbers[] = { &b->min, &b->mean, &b->max, &b->last };
	char *values = strchr(text, ':');
	size_t n = 0;

	if (!*text)
		return 0;
	if (!values)
		return -EINVAL;
	*values++ = '\0';
	if (parse_int(text, &b->count) < 0 || b->count < 1 || b->count > COUNT_MAX)
		return -EINVAL;
	for (char *word = strsep(&values, ","); word; word = strsep(&values, ","))
		if (n == ELEMENTS(numbers) || parse_number(word, numbers[n++]) < 0)
			return -EINVAL;
	if (n == 1)
		b->mean = b->max = b->last = b->min;
	return n == 1 || n == ELEMENTS(numbers) ? 0 : -EINVAL;
}

int sample_parse(const char *text, int64_t hour_usec, struct sample_hour *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	struct sample_hour hour = { .hour_usec = hour_usec };
	char *rest = copy;
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	for (char *word = strsep(&rest, ";"); word; word = strsep(&rest, ";"))
		if (n == SAMPLE_BUCKETS || read_bucket(word, &hour.buckets[n++]) < 0)
			return -EINVAL;
	*ret = hour;
	return 0;
}

/* ---- series ---- */

static int compare(const struct sample_series *s, const char *check, const char *item, const char *metric)
{
	int order = strcmp(s->check, check);

	if (order == 0)
		order = strcmp(s->item, item);
	return order ? order : strcmp(s->metric, metric);
}

/* Where the series stands, or would. */
static size_t find_place(const struct sample_set *set, const char *check, const char *item, const char *metric)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(set->series[middle], check, item, metric) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct sample_series *sample_set_find(const struct sample_set *set, const char *check, const char *item,
	const char *metric)
{
	size_t at = find_place(set, check, item, metric);

	return at < set->n && compare(set->series[at], check, item, metric) == 0 ? set->series[at] : NULL;
}

static void series_free(struct sample_series *s)
{
	free(s->check);
	free(s->item);
	free(s->metric);
	free(s->unit);
	free(s->trend);
	free(s);
}

static bool is_stored(const struct sample_series *s)
{
	for (size_t i = 0; i < SAMPLE_HOURS; i++)
		if (s->hours[i].is_changed)
			return false;
	return true;
}

void sample_set_forget(struct sample_set *set, int64_t fed_before_usec, int64_t trends_before_usec)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct sample_series *s = set->series[i];

		if (s->fed_usec < (s->trend ? trends_before_usec : fed_before_usec) && is_stored(s))
			series_free(s);
		else
			set->series[n++] = s;
	}
	set->n = n;
}

void sample_set_free(struct sample_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		series_free(set->series[i]);
	free(set->series);
	*set = (struct sample_set){ 0 };
}

static int insert(struct sample_set *set, const char *check, const char *item, const char *metric, const char *unit,
	struct sample_series **ret)
{
	size_t at = find_place(set, check, item, metric);
	struct sample_series **grown;

	if (set->n == SAMPLE_SERIES_MAX) {
		set->n_refused++;
		return -ENOSPC;
	}
	grown = reallocarray(set->series, set->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	set->series = grown;
	struct sample_series *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->check = strdup(check);
	s->item = strdup(item);
	s->metric = strdup(metric);
	s->unit = strdup(unit);
	if (!s->check || !s->item || !s->metric || !s->unit) {
		series_free(s);
		return -ENOMEM;
	}
	memmove(&grown[at + 1], &grown[at], (set->n++ - at) * sizeof(*grown));
	grown[at] = s;
	*ret = s;
	return 0;
}

static int find_or_insert(struct sample_set *set, const char *check, const char *item, const char *metric,
	const char *unit, struct sample_series **ret)
{
	struct sample_series *s = sample_set_find(set, check, item, metric);

	if (!s)
		return insert(set, check, item, metric, unit, ret);
	if (strcmp(s->unit, unit) != 0) {
		char *copy = strdup(unit);

		if (!copy)
			return -ENOMEM;
		free(s->unit);
		s->unit = copy;
	}
	*ret = s;
	return 0;
}

/* The hour of the series; a new one takes the place of the oldest. */
static struct sample_hour *find_hour(struct sample_series *s, int64_t hour_usec)
{
	struct sample_hour *oldest = &s->hours[0];

	for (size_t i = 0; i < SAMPLE_HOURS; i++) {
		if (s->hours[i].hour_usec == hour_usec)
			return &s->hours[i];
		if (s->hours[i].hour_usec < oldest->hour_usec)
			oldest = &s->hours[i];
	}
	*oldest = (struct sample_hour){ .hour_usec = hour_usec };
	return oldest;
}

int sample_set_add(struct sample_set *set, const char *check, const char *item, const char *metric, const char *unit,
	double value, int64_t realtime_usec)
{
	int64_t hour_usec = sample_hour_of(realtime_usec);
	struct sample_series *s;

	if (!isfinite(value) || realtime_usec <= 0)
		return 0;
	int r = find_or_insert(set, check, item, metric, unit, &s);
	if (r < 0)
		return r;
	struct sample_hour *hour = find_hour(s, hour_usec);
	sample_add(&hour->buckets[(realtime_usec - hour_usec) / SAMPLE_BUCKET_USEC], value);
	hour->is_changed = true;
	s->fed_usec = realtime_usec;
	return 0;
}

int sample_set_restore(struct sample_set *set, const char *check, const char *item, const char *metric, const char *unit,
	const struct sample_hour *stored)
{
	struct sample_series *s;

	int r = find_or_insert(set, check, item, metric, unit, &s);
	if (r < 0)
		return r;
	struct sample_hour *hour = find_hour(s, stored->hour_usec);
	for (size_t i = 0; i < SAMPLE_BUCKETS; i++)
		if (hour->buckets[i].count == 0)
			hour->buckets[i] = stored->buckets[i];
	if (s->fed_usec == 0)
		s->fed_usec = stored->hour_usec + USEC_PER_HOUR;
	return 0;
}
