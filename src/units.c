/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "units.h"

#include "clock.h"
#include "translate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DIGITS "0123456789"

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* Reads digits with an optional fraction; strtod() would take signs, hex, "inf" and the locale's point. */
static int scan_number(const char **text, double *ret_value)
{
	const char *t = *text;
	double value = 0, scale = 1;
	size_t digits = 0;

	for (; isdigit((unsigned char)*t); t++, digits++)
		value = value * 10 + (*t - '0');
	if (*t == '.') {
		for (t++; isdigit((unsigned char)*t); t++, digits++) {
			scale /= 10;
			value += (*t - '0') * scale;
		}
	}
	if (digits == 0)
		return -EINVAL;
	*text = t;
	*ret_value = value;
	return 0;
}

struct unit {
	const char *name;
	int64_t factor;
};

/* The unit at *TEXT, the longest name first in the table; -EINVAL for letters that are none. */
static int scan_unit(const char **text, const struct unit *units, size_t n, int64_t *ret_factor)
{
	size_t len = 0;

	while (isalpha((unsigned char)(*text)[len]))
		len++;
	for (size_t i = 0; i < n; i++) {
		if (strlen(units[i].name) == len && strncmp(units[i].name, *text, len) == 0) {
			*ret_factor = units[i].factor;
			*text += len;
			return 0;
		}
	}
	return -EINVAL;
}

static int scaled(double value, int64_t factor, int64_t *ret)
{
	double product = value * (double)factor;

	if (!(product < 9.2e18))
		return -ERANGE;
	*ret = llrint(product);
	return 0;
}

int parse_duration(const char *text, int64_t *ret_usec)
{
	static const struct unit units[] = {
		{ "us", 1 }, { "ms", USEC_PER_MSEC }, { "s", USEC_PER_SEC }, { "sec", USEC_PER_SEC },
		{ "m", USEC_PER_MINUTE }, { "min", USEC_PER_MINUTE }, { "h", USEC_PER_HOUR },
		{ "d", USEC_PER_DAY }, { "w", 7 * USEC_PER_DAY }, { "", USEC_PER_SEC },
	};
	int64_t sum = 0;

	text = skip_blanks(text);
	do {
		int64_t factor, part;
		double value;
		int r = scan_number(&text, &value);

		if (r < 0)
			return r;
		text = skip_blanks(text);
		r = scan_unit(&text, units, ELEMENTS(units), &factor);
		if (r == 0)
			r = scaled(value, factor, &part);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, part, &sum))
			return -ERANGE;
		text = skip_blanks(text);
	} while (*text);
	*ret_usec = sum;
	return 0;
}

int parse_size(const char *text, int64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "B", 1 },
		{ "k", 1LL << 10 }, { "K", 1LL << 10 }, { "kB", 1LL << 10 }, { "KB", 1LL << 10 }, { "KiB", 1LL << 10 },
		{ "M", 1LL << 20 }, { "MB", 1LL << 20 }, { "MiB", 1LL << 20 },
		{ "G", 1LL << 30 }, { "GB", 1LL << 30 }, { "GiB", 1LL << 30 },
		{ "T", 1LL << 40 }, { "TB", 1LL << 40 }, { "TiB", 1LL << 40 },
		{ "P", 1LL << 50 }, { "PB", 1LL << 50 }, { "PiB", 1LL << 50 },
	};
	int64_t factor;
	double value;

	text = skip_blanks(text);
	int r = scan_number(&text, &value);
	if (r < 0)
		return r;
	text = skip_blanks(text);
	r = scan_unit(&text, units, ELEMENTS(units), &factor);
	if (r < 0)
		return r;
	if (*skip_blanks(text))
		return -EINVAL;
	return scaled(value, factor, ret_bytes);
}

int parse_percent(const char *text, double *ret_percent)
{
	double value;

	text = skip_blanks(text);
	int r = scan_number(&text, &value);
	if (r < 0)
		return r;
	text = skip_blanks(text);
	if (*text != '%' || *skip_blanks(text + 1))
		return -EINVAL;
	if (!(value < 1e9))
		return -ERANGE;
	*ret_percent = value;
	return 0;
}

int parse_int(const char *text, int64_t *ret_value)
{
	char *end;

	text = skip_blanks(text);
	if (!isdigit((unsigned char)text[*text == '-']))
		return -EINVAL;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*skip_blanks(end))
		return -EINVAL;
	*ret_value = value;
	return 0;
}

/* Digits, a fraction, an exponent: what printf("%g") writes of a finite number. */
static bool is_number(const char *text)
{
	size_t whole = strspn(text, DIGITS), fraction = 0;

	text += whole;
	if (*text == '.') {
		fraction = strspn(++text, DIGITS);
		text += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '+' || *text == '-';
		if (!isdigit((unsigned char)*text))
			return false;
		text += strspn(text, DIGITS);
	}
	return !*skip_blanks(text);
}

int parse_number(const char *text, double *ret_value)
{
	static locale_t c_locale;

	text = skip_blanks(text);
	if (!is_number(text + (*text == '-')))
		return -EINVAL;
	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	if (!c_locale)
		return -ENOMEM;
	double value = strtod_l(text, NULL, c_locale);
	if (!isfinite(value))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static const struct unit long_units[] = {
	{ CN_("duration", "d"), USEC_PER_DAY }, { CN_("duration", "h"), USEC_PER_HOUR }, { CN_("duration", "min"), USEC_PER_MINUTE },
	{ CN_("duration", "s"), USEC_PER_SEC }, { CN_("duration", "ms"), USEC_PER_MSEC }, { CN_("duration", "µs"), 1 },
};

static void put_units(struct buf *b, int64_t n, const struct unit *unit)
{
	buf_printf(b, "%lld %s", (long long)n, _(unit->name));
}

void format_duration(struct buf *b, int64_t usec)
{
	size_t i = 0;

	if (usec < 0) {
		buf_putc(b, '-');
		usec = usec == INT64_MIN ? INT64_MAX : -usec;
	}
	if (usec == 0) {
		put_units(b, 0, &long_units[3]);
		return;
	}
	while (usec < long_units[i].factor)
		i++;
	put_units(b, usec / long_units[i].factor, &long_units[i]);
	usec %= long_units[i].factor;
	/* A second unit for days, hours and minutes; "5 s 12 ms" says no more than "5 s". */
	if (i < 3 && usec / long_units[i + 1].factor) {
		buf_putc(b, ' ');
		put_units(b, usec / long_units[i + 1].factor, &long_units[i + 1]);
	}
}

void format_duration_exact(struct buf *b, int64_t usec)
{
	static const struct unit units[] = {
		{ "d", USEC_PER_DAY }, { "h", USEC_PER_HOUR }, { "m", USEC_PER_MINUTE }, { "s", USEC_PER_SEC },
		{ "ms", USEC_PER_MSEC }, { "us", 1 },
	};

	if (usec == 0)
		buf_puts(b, "0");
	for (size_t i = 0; i < ELEMENTS(units); i++) {
		if (usec >= units[i].factor)
			buf_printf(b, "%lld%s", (long long)(usec / units[i].factor), units[i].name);
		usec %= units[i].factor;
	}
}

void format_size(struct buf *b, int64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t i = 0;

	while (i + 1 < ELEMENTS(names) && fabs(value) >= 1023.5) {
		value /= 1024;
		i++;
	}
	int decimals = i == 0 || fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;
	buf_printf(b, "%.*f %s", decimals, value, names[i]);
}

static void put_number(struct buf *b, double value)
{
	/* Three digits, but whole numbers whole; "%.3g" alone would write 1e+03. */
	if (fabs(value) >= 99.95 && fabs(value) < 1e15)
		buf_printf(b, "%.0f", value);
	else
		buf_printf(b, "%.3g", value);
}

void format_value(struct buf *b, double value, const char *unit)
{
	static const char *const told[] = { "B", "s", "c" }; /* by the number already; "c" is a counter */
	bool is_rate = unit && strcmp(unit, "B/s") == 0, is_size = unit && strcmp(unit, "B") == 0;
	bool is_time = unit && strcmp(unit, "s") == 0;

	if (!isfinite(value))
		buf_puts(b, "?");
	else if ((is_size || is_rate) && fabs(value) < 9e18)
		format_size(b, (int64_t)value);
	else if (is_time && fabs(value) < 9e12)
		format_duration(b, llrint(value * USEC_PER_SEC));
	else
		put_number(b, value);
	for (size_t i = 0; i < ELEMENTS(told); i++)
		if (!unit || strcmp(unit, told[i]) == 0)
			return;
	if (is_rate)
		buf_puts(b, "/s");
	else if (*unit)
		buf_printf(b, " %s", unit);
}

static struct tm local_time(int64_t realtime_usec)
{
	time_t seconds = (time_t)(realtime_usec / USEC_PER_SEC);
	struct tm tm;

	localtime_r(&seconds, &tm);
	return tm;
}

void format_time(struct buf *b, int64_t realtime_usec)
{
	struct tm tm = local_time(realtime_usec);
	char text[64];

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	buf_puts(b, text);
}

void format_clock(struct buf *b, int64_t realtime_usec, int64_t now_usec)
{
	struct tm tm = local_time(realtime_usec), now = local_time(now_usec);
	bool is_today = tm.tm_year == now.tm_year && tm.tm_yday == now.tm_yday;
	char text[64];

	strftime(text, sizeof(text), is_today ? "%H:%M" : "%Y-%m-%d %H:%M", &tm);
	buf_puts(b, text);
}

void format_time_rfc3339(struct buf *b, int64_t realtime_usec)
{
	struct tm tm = local_time(realtime_usec);
	char text[64];
	long offset = tm.tm_gmtoff;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(b, "%s.%06lld%c%02ld:%02ld", text, (long long)(realtime_usec % USEC_PER_SEC), offset < 0 ? '-' : '+',
		labs(offset) / 3600, labs(offset) / 60 % 60);
}

/* Two digits of at most MAX, and what stands behind them. */
static int read_two(const char **text, int max, int *ret)
{
	const char *t = *text;

	if (t[0] < '0' || t[0] > '9' || t[1] < '0' || t[1] > '9')
		return -EINVAL;
	*ret = (t[0] - '0') * 10 + t[1] - '0';
	*text += 2;
	return *ret > max ? -EINVAL : 0;
}

static int read_char(const char **text, const char *allowed)
{
	return **text && strchr(allowed, **text) ? *(*text)++ : -EINVAL;
}

static int64_t read_fraction(const char **text)
{
	int64_t usec = 0, digit = USEC_PER_SEC / 10;

	for (; **text >= '0' && **text <= '9'; ++*text, digit /= 10)
		usec += (**text - '0') * digit;
	return usec;
}

/* "Z", "+08:00": seconds to the east. */
static int read_zone(const char **text, int *ret)
{
	int hours, minutes, sign = read_char(text, "Zz+-");

	*ret = 0;
	if (sign < 0 || sign == 'Z' || sign == 'z')
		return sign < 0 ? sign : 0;
	if (read_two(text, 23, &hours) < 0 || read_char(text, ":") < 0 || read_two(text, 59, &minutes) < 0)
		return -EINVAL;
	*ret = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 0;
}

int parse_time_rfc3339(const char *text, int64_t *ret_realtime_usec)
{
	struct tm tm = { 0 };
	int century, year, offset;
	int64_t usec = 0;

	if (read_two(&text, 99, &century) < 0 || read_two(&text, 99, &year) < 0 || read_char(&text, "-") < 0 ||
		read_two(&text, 12, &tm.tm_mon) < 0 || read_char(&text, "-") < 0 || read_two(&text, 31, &tm.tm_mday) < 0 ||
		read_char(&text, "Tt ") < 0 || read_two(&text, 23, &tm.tm_hour) < 0 || read_char(&text, ":") < 0 ||
		read_two(&text, 59, &tm.tm_min) < 0 || read_char(&text, ":") < 0 || read_two(&text, 60, &tm.tm_sec) < 0)
		return -EINVAL;
	if (*text == '.') {
		const char *digits = ++text;

		usec = read_fraction(&text);
		if (text == digits)
			return -EINVAL;
	}
	if (tm.tm_mon == 0 || tm.tm_mday == 0 || read_zone(&text, &offset) < 0 || *text)
		return -EINVAL;
	tm.tm_mon--;
	tm.tm_year = century * 100 + year - 1900;
	*ret_realtime_usec = ((int64_t)timegm(&tm) - offset) * USEC_PER_SEC + usec;
	return 0;
}

bool is_ip_address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char bare[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");

	if (len >= sizeof(bare))
		return false;
	memcpy(bare, text, len);
	bare[len] = '\0';
	if (!text[len])
		return inet_pton(AF_INET, bare, bytes) == 1 || inet_pton(AF_INET6, bare, bytes) == 1;
	size_t zone = strlen(text + len + 1);
	return zone > 0 && zone < IF_NAMESIZE && !strpbrk(text + len + 1, " \t\n/%") && inet_pton(AF_INET6, bare, bytes) == 1;
}
