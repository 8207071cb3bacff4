/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typed options: one row for each type says how it is parsed, shown and described; see option.h. It knows
 * nothing of files, sections or modules. */
#include "option.h"

#include "text.h"
#include "translate.h"
#include "units.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_MAX 4096
#define SHOWN_MAX 60 /* characters of a wrong value that an error repeats */
#define LIST_MAX 1000

static void *member_of(const struct tocsin_option *option, void *base)
{
	return (char *)base + option->offset;
}

static const void *const_member_of(const struct tocsin_option *option, const void *base)
{
	return (const char *)base + option->offset;
}

/* Each parser writes MEMBER only on success, and returns 0, -EINVAL, -ERANGE or -ENOMEM. */

static int set_bool(const struct tocsin_option *option, void *member, const char *value)
{
	static const struct {
		const char *word;
		bool is_true;
	} words[] = {
		{ "yes", true }, { "no", false }, { "true", true }, { "false", false },
		{ "on", true }, { "off", false }, { "1", true }, { "0", false },
	};

	for (size_t i = 0; i < ELEMENTS(words); i++) {
		if (strcmp(words[i].word, value) == 0) {
			*(bool *)member = words[i].is_true;
			return 0;
		}
	}
	return -EINVAL;
}

/* MIN above MAX stands for "no upper bound": that is how a row with only .min looks. */
static bool in_bounds(const struct tocsin_option *option, double value)
{
	if (option->min == 0 && option->max == 0)
		return true;
	return value >= option->min && (option->max < option->min || value <= option->max);
}

static int store_int64(const struct tocsin_option *option, void *member, int64_t value)
{
	if (!in_bounds(option, (double)value))
		return -ERANGE;
	*(int64_t *)member = value;
	return 0;
}

static int store_double(const struct tocsin_option *option, void *member, double value)
{
	if (!in_bounds(option, value))
		return -ERANGE;
	*(double *)member = value;
	return 0;
}

static int set_int(const struct tocsin_option *option, void *member, const char *value)
{
	int64_t number;
	int r = parse_int(value, &number);

	return r < 0 ? r : store_int64(option, member, number);
}

static int set_duration(const struct tocsin_option *option, void *member, const char *value)
{
	int64_t usec;
	int r = parse_duration(value, &usec);

	return r < 0 ? r : store_int64(option, member, usec);
}

static int set_size(const struct tocsin_option *option, void *member, const char *value)
{
	int64_t bytes;
	int r = parse_size(value, &bytes);

	return r < 0 ? r : store_int64(option, member, bytes);
}

static int set_number(const struct tocsin_option *option, void *member, const char *value)
{
	double number;
	int r = parse_number(value, &number);

	return r < 0 ? r : store_double(option, member, number);
}

static int set_percent(const struct tocsin_option *option, void *member, const char *value)
{
	double percent;
	int r = parse_percent(value, &percent);

	return r < 0 ? r : store_double(option, member, percent);
}

/* The bounds of a row are those of the percentage; what an absolute number may be depends on the host. */
static int set_limit(const struct tocsin_option *option, void *member, const char *value)
{
	struct tocsin_limit limit = { .unit = TOCSIN_LIMIT_PERCENT };
	int64_t bytes;

	int r = parse_percent(value, &limit.value);
	if (r == 0 && !in_bounds(option, limit.value))
		r = -ERANGE;
	if (r == -EINVAL) {
		limit.unit = TOCSIN_LIMIT_ABSOLUTE;
		r = parse_number(value, &limit.value); /* before the size, which would round it */
	}
	if (r == -EINVAL) {
		r = parse_size(value, &bytes);
		if (r == 0)
			limit.value = (double)bytes;
	}
	if (r < 0)
		return r;
	*(struct tocsin_limit *)member = limit;
	return 0;
}

static int set_string(const struct tocsin_option *option, void *member, const char *value)
{
	if (!*value)
		return -EINVAL;

	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*(char **)member);
	*(char **)member = copy;
	return 0;
}

static int set_path(const struct tocsin_option *option, void *member, const char *value)
{
	return value[0] == '/' ? set_string(option, member, value) : -EINVAL;
}

static int set_choice(const struct tocsin_option *option, void *member, const char *value)
{
	for (int i = 0; option->choices && option->choices[i]; i++) {
		if (strcmp(option->choices[i], value) == 0) {
			*(int *)member = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int append_item(const struct tocsin_option *option, void *member, const char *value)
{
	struct tocsin_list *list = member;

	if (!*value)
		return -EINVAL;
	if (list->n >= LIST_MAX)
		return -ERANGE;

	_cleanup_free_ char *copy = strdup(value);
	const char **items = copy ? realloc((void *)list->items, (list->n + 1) * sizeof(*items)) : NULL;
	if (!items)
		return -ENOMEM;
	items[list->n++] = TAKE_PTR(copy);
	list->items = items;
	return 0;
}

static void free_string(void *member)
{
	free(*(char **)member);
	*(char **)member = NULL;
}

static void free_list(void *member)
{
	struct tocsin_list *list = member;

	for (size_t i = 0; i < list->n; i++)
		free((void *)list->items[i]);
	free((void *)list->items);
	*list = (struct tocsin_list){ 0 };
}

/* The shortest decimal notation that is read back to the same number; "%g" would give exponents, which
 * parse_number() refuses. */
static void put_number(struct buf *b, double value)
{
	char text[400];
	int decimals = 0;

	do
		snprintf(text, sizeof(text), "%.*f", decimals++, value);
	while (decimals <= 17 && strtod(text, NULL) != value);
	for (char *p = text; *p; p++) /* the point of the locale */
		if (!strchr("-0123456789", *p))
			*p = '.';
	buf_puts(b, text);
}

static void put_size(struct buf *b, int64_t bytes)
{
	static const char units[] = "\0KMGTP";
	size_t i = 0;

	while (i < 5 && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	buf_printf(b, "%lld", (long long)bytes);
	if (units[i])
		buf_putc(b, units[i]);
}

static void show_bool(const struct tocsin_option *option, const void *member, struct buf *b)
{
	buf_puts(b, *(const bool *)member ? "yes" : "no");
}

static void show_int(const struct tocsin_option *option, const void *member, struct buf *b)
{
	buf_printf(b, "%lld", (long long)*(const int64_t *)member);
}

static void show_number(const struct tocsin_option *option, const void *member, struct buf *b)
{
	put_number(b, *(const double *)member);
}

static void show_duration(const struct tocsin_option *option, const void *member, struct buf *b)
{
	format_duration_exact(b, *(const int64_t *)member);
}

static void show_size(const struct tocsin_option *option, const void *member, struct buf *b)
{
	put_size(b, *(const int64_t *)member);
}

static void show_percent(const struct tocsin_option *option, const void *member, struct buf *b)
{
	put_number(b, *(const double *)member);
	buf_putc(b, '%');
}

static void show_limit(const struct tocsin_option *option, const void *member, struct buf *b)
{
	const struct tocsin_limit *limit = member;

	if (limit->unit == TOCSIN_LIMIT_UNSET)
		return;
	put_number(b, limit->value);
	if (limit->unit == TOCSIN_LIMIT_PERCENT)
		buf_putc(b, '%');
}

static void show_string(const struct tocsin_option *option, const void *member, struct buf *b)
{
	const char *text = *(char *const *)member;

	buf_puts(b, text ? text : "");
}

static void show_choice(const struct tocsin_option *option, const void *member, struct buf *b)
{
	const char *choice = option->choices ? option->choices[*(const int *)member] : NULL;

	buf_puts(b, choice ? choice : "");
}

static void show_list(const struct tocsin_option *option, const void *member, struct buf *b)
{
	const struct tocsin_list *list = member;

	for (size_t i = 0; i < list->n; i++)
		buf_printf(b, "%s%s", i ? ", " : "", list->items[i]);
}

static const struct {
	const char *word; /* for programs: part of the interface of "tocsin describe --json" */
	const char *noun, *expected; /* "'90' is no NOUN: expected EXPECTED" */
	const char *range_noun; /* "a duration", in "expected a duration from 1s to 7d" */
	const char *description;
	size_t size; /* of the member */
	int (*set)(const struct tocsin_option *option, void *member, const char *value);
	void (*show)(const struct tocsin_option *option, const void *member, struct buf *b);
	void (*release)(void *member);
} types[] = {
	[TOCSIN_BOOL] = { "bool", CN_("kind of value", "truth value"), N_("yes or no"), "", N_("yes or no"), sizeof(bool),
		set_bool, show_bool, NULL },
	[TOCSIN_INT] = { "int", CN_("kind of value", "whole number"), N_("a number without fraction, like 3"),
		N_("a whole number"), N_("a whole number, like 3"), sizeof(int64_t), set_int, show_int, NULL },
	[TOCSIN_NUMBER] = { "number", CN_("kind of value", "number"), N_("a decimal number, like 0.5"), N_("a number"),
		N_("a number, like 0.5"), sizeof(double), set_number, show_number, NULL },
	[TOCSIN_DURATION] = { "duration", CN_("kind of value", "duration"), N_("a number with a unit, like 90s, 5m, 2h or 1d"),
		N_("a duration"), N_("a duration, like 90s or 5m"), sizeof(int64_t), set_duration, show_duration, NULL },
	[TOCSIN_SIZE] = { "size", CN_("kind of value", "size"), N_("a number with a unit, like 512M or 10G"), N_("a size"),
		N_("a size, like 512M or 10G"), sizeof(int64_t), set_size, show_size, NULL },
	[TOCSIN_PERCENT] = { "percent", CN_("kind of value", "percentage"), N_("a number with a percent sign, like 90%"),
		N_("a percentage"), N_("a percentage, like 90%"), sizeof(double), set_percent, show_percent, NULL },
	[TOCSIN_LIMIT] = { "limit", CN_("kind of value", "limit"), N_("a percentage, a size or a number, like 90%, 10G or 4"),
		N_("a percentage"), N_("a percentage, a size or a number, like 90%, 10G or 4"), sizeof(struct tocsin_limit),
		set_limit, show_limit, NULL },
	[TOCSIN_STRING] = { "string", CN_("kind of value", "text"), N_("at least one character, or no such line"), "",
		N_("a text"), sizeof(char *), set_string, show_string, free_string },
	[TOCSIN_PATH] = { "path", CN_("kind of value", "absolute path"), N_("a path that begins with /"), "",
		N_("an absolute path, like /var"), sizeof(char *), set_path, show_string, free_string },
	[TOCSIN_CHOICE] = { "choice", CN_("kind of value", "choice"), "", "", "", sizeof(int), set_choice, show_choice, NULL },
	[TOCSIN_LIST] = { "list", CN_("kind of value", "text"), N_("at least one character, or no such line"), "",
		N_("a text; repeat the key for more"), sizeof(struct tocsin_list), append_item, show_list, free_list },
};

/* A module's table is data from outside. */
static bool type_is_known(const struct tocsin_option *option)
{
	return (size_t)option->type < ELEMENTS(types);
}

const struct tocsin_option *option_find(const struct tocsin_option *table, const char *name)
{
	for (const struct tocsin_option *o = table; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static void put_choices(const struct tocsin_option *option, struct buf *b)
{
	_cleanup_buf_ struct buf words = BUF(MESSAGE_MAX);

	for (size_t i = 0; option->choices && option->choices[i]; i++)
		buf_printf(&words, "%s%s", i ? ", " : "", option->choices[i]);
	buf_printf(b, _("one of %s"), buf_text(&words));
}

void option_describe_type(const struct tocsin_option *option, struct buf *b)
{
	if (!type_is_known(option))
		buf_puts(b, _("of an unknown type"));
	else if (option->type == TOCSIN_CHOICE)
		put_choices(option, b);
	else
		buf_puts(b, _(types[option->type].description));
}

const char *option_type_word(const struct tocsin_option *option)
{
	return type_is_known(option) ? types[option->type].word : "unknown";
}

/* A bound, in the way a value is written. */
static void put_bound(const struct tocsin_option *option, double bound, struct buf *b)
{
	switch (option->type) {
	case TOCSIN_DURATION:
		format_duration_exact(b, (int64_t)bound);
		break;
	case TOCSIN_SIZE:
		put_size(b, (int64_t)bound);
		break;
	case TOCSIN_PERCENT:
	case TOCSIN_LIMIT:
		put_number(b, bound);
		buf_putc(b, '%');
		break;
	default:
		put_number(b, bound);
	}
}

void option_bounds(const struct tocsin_option *option, struct buf *min, struct buf *max)
{
	if (option->min == 0 && option->max == 0)
		return;
	put_bound(option, option->min, min);
	if (option->max >= option->min)
		put_bound(option, option->max, max);
}

static void put_range(const struct tocsin_option *option, struct buf *b)
{
	_cleanup_buf_ struct buf min = BUF(MESSAGE_MAX), max = BUF(MESSAGE_MAX);
	const char *noun = _(types[option->type].range_noun);

	option_bounds(option, &min, &max);
	if (min.len == 0)
		buf_printf(b, C_("range of values", "%s that fits into 64 bits"), noun);
	else if (max.len == 0)
		buf_printf(b, C_("range of values", "%s of at least %s"), noun, buf_text(&min));
	else
		buf_printf(b, C_("range of values", "%s from %s to %s"), noun, buf_text(&min), buf_text(&max));
}

static void put_expected(const struct tocsin_option *option, struct buf *b)
{
	if (option->type == TOCSIN_CHOICE)
		put_choices(option, b);
	else
		buf_puts(b, _(types[option->type].expected));
}

static const char *nearest_choice(const struct tocsin_option *option, const char *value)
{
	size_t n = 0;

	if (option->type != TOCSIN_CHOICE || !option->choices)
		return NULL;
	while (option->choices[n])
		n++;
	return text_nearest(value, option->choices, n);
}

/* The sentence for ERROR. */
static void put_error(const struct tocsin_option *option, const char *value, int error, struct buf *b)
{
	_cleanup_buf_ struct buf shown = BUF(MESSAGE_MAX), expected = BUF(MESSAGE_MAX);
	const char *nearest = nearest_choice(option, value);

	if (error == -ERANGE && option->type == TOCSIN_LIST) {
		buf_printf(b, _("there are too many values: expected at most %d"), LIST_MAX);
		return;
	}
	text_clean(&shown, value, SHOWN_MAX);
	(error == -ERANGE ? put_range : put_expected)(option, &expected);
	if (error == -ERANGE)
		buf_printf(b, _("'%s' is out of range: expected %s"), buf_text(&shown), buf_text(&expected));
	else if (*value)
		buf_printf(b, _("'%s' is no %s: expected %s"), buf_text(&shown), _(types[option->type].noun),
			buf_text(&expected));
	else
		buf_printf(b, _("the value is empty: expected %s"), buf_text(&expected));
	if (nearest && error != -ERANGE)
		buf_printf(b, _("; did you mean %s?"), nearest);
}

/* Returns ERROR, or -ENOMEM when there is no memory to say it. */
static int give_error(struct buf *b, int error, char **ret_error)
{
	char *text = buf_take(b);

	if (!text)
		return -ENOMEM;
	*ret_error = text;
	return error;
}

int option_set(const struct tocsin_option *option, void *base, const char *value, char **ret_error)
{
	_cleanup_buf_ struct buf b = BUF(MESSAGE_MAX);

	if (!type_is_known(option)) {
		buf_printf(&b, _("the option has the unknown type %d"), (int)option->type);
		return give_error(&b, -EINVAL, ret_error);
	}
	int r = types[option->type].set(option, member_of(option, base), value);
	if (r >= 0 || r == -ENOMEM)
		return r;
	put_error(option, value, r, &b);
	return give_error(&b, r, ret_error);
}

void option_list_begin(const struct tocsin_option *option, void *base)
{
	assert(option->type == TOCSIN_LIST);
	free_list(member_of(option, base));
}

static void reset_member(const struct tocsin_option *option, void *base)
{
	void *member = member_of(option, base);

	if (types[option->type].release)
		types[option->type].release(member);
	else
		memset(member, 0, types[option->type].size);
}

/* The default of a list is its items, separated by commas. */
static int set_default_list(const struct tocsin_option *option, void *base, char **ret_error)
{
	_cleanup_free_ char *items = strdup(option->fallback);
	char *rest = items, *item;
	int r = items ? 0 : -ENOMEM;

	while (r == 0 && (item = strsep(&rest, ","))) {
		item += strspn(item, " ");
		for (size_t len = strlen(item); len && item[len - 1] == ' '; len--)
			item[len - 1] = '\0';
		r = option_set(option, base, item, ret_error);
	}
	return r;
}

static int set_default(const struct tocsin_option *option, void *base, char **ret_error)
{
	if (!type_is_known(option))
		return option_set(option, base, "", ret_error);
	reset_member(option, base);
	if (!option->fallback)
		return 0;
	if (option->type == TOCSIN_LIST)
		return set_default_list(option, base, ret_error);
	return option_set(option, base, option->fallback, ret_error);
}

int option_set_defaults(const struct tocsin_option *table, void *base, char **ret_error)
{
	for (const struct tocsin_option *o = table; o && o->name; o++) {
		_cleanup_free_ char *error = NULL;
		int r = set_default(o, base, &error);

		if (r < 0 && ret_error && error) {
			_cleanup_buf_ struct buf b = BUF(MESSAGE_MAX);

			buf_printf(&b, _("the default of %s is wrong: %s"), o->name, error);
			return give_error(&b, r, ret_error);
		}
		assert(r == 0 || r == -ENOMEM);
		if (r < 0)
			return r;
	}
	return 0;
}

void option_format(const struct tocsin_option *option, const void *base, struct buf *b)
{
	if (type_is_known(option))
		types[option->type].show(option, const_member_of(option, base), b);
}

void option_free(const struct tocsin_option *table, void *base)
{
	for (const struct tocsin_option *o = table; o && o->name; o++)
		if (type_is_known(o) && types[o->type].release)
			types[o->type].release(member_of(o, base));
}
