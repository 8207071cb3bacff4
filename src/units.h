/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Durations, sizes and percentages, as a person writes and reads them.
 *
 * The parsers return 0, -EINVAL for what is not of the form, -ERANGE for what does not fit; the output is
 * touched only on success. Blanks around and between number and unit are allowed. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

/* "90s", "5m", "2h", "1d", "1w", "500ms", "100us" and sums like "1h 30m"; a bare number is seconds; "0".
 * Fractions are allowed ("1.5h"). */
int parse_duration(const char *text, int64_t *ret_usec);

/* "10G", "512M", "100k", "1.5T", with or without B or iB; all are powers of 1024 (as systemd and LVM read them);
 * a bare number is bytes. */
int parse_size(const char *text, int64_t *ret_bytes);

/* "90%" or "99.5 %"; the sign is required. Nothing below 0 or, here, above any limit. */
int parse_percent(const char *text, double *ret_percent);

/* A whole number, decimal, with nothing behind it. */
int parse_int(const char *text, int64_t *ret_value);

/* A finite decimal number, with an exponent if need be ("1.5e+09"). Always '.' as its point, whatever the locale. */
int parse_number(const char *text, double *ret_value);

/* Is it an IPv4 address with its four parts, or an IPv6 one, perhaps with a zone ("fe80::1%eth0")? No brackets. */
bool is_ip_address(const char *text);

/* "1 h 12 min", "45 s", "3 d 4 h", "250 ms": the two largest units. */
void format_duration(struct buf *b, int64_t usec);

/* The form that parse_duration() reads back to the same number: "1h30m". */
void format_duration_exact(struct buf *b, int64_t usec);

/* "9.6 GiB", "512 MiB", "123 B": three significant digits. */
void format_size(struct buf *b, int64_t bytes);

/* A value of a metric in its unit: "93.4 GiB" for "B", "1 h 12 min" for "s", "96.4 %", "12" for "c" (a counter) and for NULL;
 * three digits, "?" for what is no number. */
void format_value(struct buf *b, double value, const char *unit);

/* "2026-11-23 20:14:05 +0800" in the local time zone. */
void format_time(struct buf *b, int64_t realtime_usec);

/* "20:14", and "2026-11-22 20:14" when that is not the day of NOW, in the local time zone. */
void format_clock(struct buf *b, int64_t realtime_usec, int64_t now_usec);

/* RFC 3339: "2026-11-23T20:14:05.123456+08:00". */
void format_time_rfc3339(struct buf *b, int64_t realtime_usec);

/* Reads that back; the fraction may be absent or of any length, and the zone "Z". -EINVAL. */
int parse_time_rfc3339(const char *text, int64_t *ret_realtime_usec);
