/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "perfdata.h"

#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define BLANKS " \t\r\n"
#define LABEL_MAX 1024
#define NUMBER_MAX 64 /* letters of a number that anybody means */

/* --- The output */

/* Cuts TEXT at the first C and returns what is behind it, or the empty end. */
static char *cut_at(char *text, char c)
{
	char *found = strchr(text, c);

	if (!found)
		return text + strlen(text);
	*found = '\0';
	return found + 1;
}

static void strip_end(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(BLANKS, text[len - 1]))
		text[--len] = '\0';
}

void perfdata_split(char *output, struct perfdata_output *ret)
{
	struct perfdata_output o = { .text = output };

	o.lines = cut_at(output, '\n');
	o.first = cut_at(output, '|');
	o.more = cut_at(o.lines, '|');
	strip_end(o.text);
	strip_end(o.lines);
	*ret = o;
}

/* --- Numbers and ranges */

/* Length of the decimal number at TEXT, 0 when there is none. An exponent is one only with its digits: the
 * 'E' may begin a unit. */
static size_t number_length(const char *text)
{
	const char *t = text + (*text == '-' || *text == '+');
	size_t digits = strspn(t, "0123456789");

	t += digits;
	if (*t == '.') {
		size_t fraction = strspn(t + 1, "0123456789");

		digits += fraction;
		t += 1 + fraction;
	}
	if (digits == 0)
		return 0;
	if (*t == 'e' || *t == 'E') {
		const char *exponent = t + 1 + (t[1] == '-' || t[1] == '+');
		size_t n = strspn(exponent, "0123456789");

		if (n)
			t = exponent + n;
	}
	return (size_t)(t - text);
}

static int parse_part(const char *text, size_t len, double *ret)
{
	char copy[NUMBER_MAX + 1];

	if (len == 0 || len > NUMBER_MAX)
		return -EINVAL;
	if (*text == '+') {
		text++;
		len--;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	return parse_number(copy, ret);
}

/* A number that fills all of TEXT. */
static int parse_whole(const char *text, size_t len, double *ret)
{
	return number_length(text) == len ? parse_part(text, len, ret) : -EINVAL;
}

int perfdata_parse_range(const char *text, struct perfdata_range *ret)
{
	struct perfdata_range range = { .start = 0, .end = INFINITY };
	size_t len = strlen(text);
	int r = 0;

	if (len >= sizeof(range.text))
		return -EINVAL;
	memcpy(range.text, text, len + 1);
	if (*text == '@') {
		range.is_inside = true;
		text++;
	}
	const char *colon = strchr(text, ':'), *end = colon ? colon + 1 : text;
	if (colon && colon == text + 1 && *text == '~')
		range.start = -INFINITY;
	else if (colon && colon > text) /* ":10" is written by some for "0:10" */
		r = parse_whole(text, (size_t)(colon - text), &range.start);
	if (r == 0 && *end)
		r = parse_whole(end, strlen(end), &range.end);
	if (r < 0 || (!*end && !(colon && colon > text)) || range.start > range.end)
		return -EINVAL;
	*ret = range;
	return 0;
}

/* A start of 0 is what one gets by writing nothing; it is meant only where there is no end. */
static bool start_counts(const struct perfdata_range *range)
{
	return isfinite(range->start) && (range->start != 0 || !isfinite(range->end));
}

double perfdata_range_limit(const struct perfdata_range *range, double value)
{
	if (!isfinite(range->start) && !isfinite(range->end))
		return NAN;
	if (!start_counts(range))
		return range->end;
	if (!isfinite(range->end))
		return range->start;
	return fabs(value - range->start) < fabs(value - range->end) ? range->start : range->end;
}

bool perfdata_range_is_upper_limit(const struct perfdata_range *range)
{
	return !range->is_inside && isfinite(range->end) && !start_counts(range);
}

/* --- Label and value */

static bool is_blank(char c)
{
	return c && strchr(BLANKS, c);
}

static const char *skip_word(const char *t)
{
	return t + strcspn(t, BLANKS);
}

/* 'it''s' up to the quote that ends it. NULL when none does, or no label comes out. */
static const char *read_quoted(const char *t, struct buf *label)
{
	for (t++; *t; t++) {
		if (*t == '\'' && t[1] != '\'')
			return label->len ? t + 1 : NULL;
		if (*t == '\'')
			t++;
		buf_putc(label, *t);
	}
	return NULL;
}

/* Returns what is behind the label, NULL when there is none. */
static const char *read_label(const char *t, struct buf *label)
{
	if (*t == '\'') {
		t = read_quoted(t, label);
	} else {
		size_t len = strcspn(t, "='" BLANKS);

		buf_append(label, t, len);
		t += len;
	}
	return t && label->len && *t == '=' ? t + 1 : NULL;
}

static const struct {
	const char *unit, *base;
	double factor;
} scales[] = {
	/* Whether a plugin's "MB" has 1000 or 1024 kB differs from plugin to plugin: such units stay. */
	{ "ms", "s", 1e-3 },
	{ "us", "s", 1e-6 },
	{ "µs", "s", 1e-6 },
	{ "ns", "s", 1e-9 },
};

static void scale_range(struct perfdata_range *range, double factor)
{
	range->start *= factor;
	range->end *= factor;
}

static void scale(struct perfdata *p)
{
	for (size_t i = 0; i < ELEMENTS(scales); i++)
		if (strcmp(p->unit, scales[i].unit) == 0) {
			snprintf(p->unit, sizeof(p->unit), "%s", scales[i].base);
			p->value *= scales[i].factor;
			p->min *= scales[i].factor;
			p->max *= scales[i].factor;
			scale_range(&p->warning, scales[i].factor);
			scale_range(&p->critical, scales[i].factor);
			return;
		}
}

static int take_value(const char *text, struct perfdata *p)
{
	size_t len = number_length(text);

	if (strcmp(text, "U") == 0)
		return 0;
	if (len == 0 || strlen(text + len) >= sizeof(p->unit) || strpbrk(text + len, "0123456789'\""))
		return -EBADMSG;
	strcpy(p->unit, text + len);
	return parse_part(text, len, &p->value) < 0 ? -EBADMSG : 0;
}

static int take_range(const char *text, struct perfdata_range *range)
{
	return *text && perfdata_parse_range(text, range) < 0 ? -EBADMSG : 0;
}

static int take_warning(const char *text, struct perfdata *p)
{
	return take_range(text, &p->warning);
}

static int take_critical(const char *text, struct perfdata *p)
{
	return take_range(text, &p->critical);
}

/* "U" is not in the grammar here, but plugins write it. */
static int take_bound(const char *text, double *bound)
{
	if (!*text || strcmp(text, "U") == 0)
		return 0;
	return parse_whole(text, strlen(text), bound) < 0 ? -EBADMSG : 0;
}

static int take_min(const char *text, struct perfdata *p)
{
	return take_bound(text, &p->min);
}

static int take_max(const char *text, struct perfdata *p)
{
	return take_bound(text, &p->max);
}

static int (*const fields[])(const char *text, struct perfdata *p) = {
	take_value,
	take_warning,
	take_critical,
	take_min,
	take_max,
};

/* "value[UOM];[warn];[crit];[min];[max]"; semicolons at the end may be left out. */
static int parse_fields(char *text, struct perfdata *p)
{
	char *rest = text;

	for (size_t i = 0; rest; i++) {
		const char *field = strsep(&rest, ";");

		if (i >= ELEMENTS(fields)) {
			if (*field)
				return -EBADMSG;
			continue; /* one semicolon too many harms nobody */
		}
		int r = fields[i](field, p);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct perfdata_range no_range = { .start = NAN, .end = NAN };

static int parse_one(const char *t, const char **ret_end, struct perfdata *p)
{
	_cleanup_buf_ struct buf label = BUF(LABEL_MAX);

	const char *values = read_label(t, &label);
	if (!values) {
		*ret_end = skip_word(t);
		return -EBADMSG;
	}
	*ret_end = skip_word(values);
	if (buf_error(&label))
		return buf_error(&label) == -ENOMEM ? -ENOMEM : -EBADMSG;
	_cleanup_free_ char *copy = strndup(values, (size_t)(*ret_end - values));
	if (!copy)
		return -ENOMEM;
	int r = parse_fields(copy, p);
	if (r < 0)
		return r;
	scale(p);
	p->label = buf_take(&label);
	return p->label ? 1 : -ENOMEM;
}

int perfdata_next(const char **text, struct perfdata *ret, const char **ret_bad, size_t *ret_bad_len)
{
	struct perfdata p = {
		.value = NAN, .warning = no_range, .critical = no_range, .min = NAN, .max = NAN
	};
	const char *t = *text;

	while (is_blank(*t))
		t++;
	*text = t;
	if (!*t)
		return 0;
	int r = parse_one(t, text, &p);
	if (r == 1) {
		*ret = p;
	} else if (r == -EBADMSG) {
		*ret_bad = t;
		*ret_bad_len = (size_t)(*text - t);
	}
	return r;
}

void perfdata_free(struct perfdata *p)
{
	free(p->label);
	p->label = NULL;
}
