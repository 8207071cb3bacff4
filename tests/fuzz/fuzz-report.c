/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any events of any items, with any bytes in every text: the subject is one line that fits, the text has no control
 * characters, the HTML has its size, only elements and references that we write, and its tables are closed. The input is
 * numbers (the bytes before the first NUL, used over and over) and texts, separated by NUL. */
#include "clock.h"
#include "language.h"
#include "page.h"
#include "report.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                                   \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "not true: %s\n", #condition);                                       \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

#define NOW INT64_C(1795435445000000)
#define TEXTS_MAX 64
#define ITEMS_MAX 6
#define EVENTS_MAX 40

static struct input {
	const unsigned char *numbers;
	size_t n_numbers, number;
	const char *texts[TEXTS_MAX];
	size_t n_texts, text;
} in;

static size_t number_below(size_t n)
{
	return in.n_numbers ? in.numbers[in.number++ % in.n_numbers] % n : 0;
}

static const char *text(void)
{
	return in.n_texts ? in.texts[in.text++ % in.n_texts] : "";
}

static const char *text_or_null(void)
{
	return number_below(2) ? text() : NULL;
}

static int64_t integer(void)
{
	static const int64_t values[] = { 0, 1, 3, -1, NOW, NOW - 12 * USEC_PER_MINUTE, NOW - 40 * USEC_PER_DAY, INT64_MIN,
		INT64_MAX };

	return values[number_below(ELEMENTS(values))];
}

static enum tocsin_state any_state(void)
{
	return (enum tocsin_state)number_below(4);
}

static void read_input(char *copy, size_t size)
{
	in = (struct input){ .numbers = (const unsigned char *)copy, .n_numbers = strlen(copy) };
	for (size_t at = in.n_numbers + 1; at < size && in.n_texts < TEXTS_MAX; at += strlen(copy + at) + 1)
		in.texts[in.n_texts++] = copy + at;
}

static struct metric metric;
static struct evidence evidence;
static struct result results[ITEMS_MAX];
static struct alert_state alerts[ITEMS_MAX];
static struct report_item items[ITEMS_MAX];
static struct report_event events[EVENTS_MAX];
static const char *lines[3];
static struct report_silence silences[2];
static struct report_mail mails[2];
static struct report_incident incidents[2];

static void fill_item(size_t i)
{
	results[i] = (struct result){ any_state(), (char *)text(), integer(), &metric, number_below(2), &evidence,
		number_below(2) };
	alerts[i] = (struct alert_state){ .state = any_state(), .is_known = number_below(2), .is_blind = number_below(2),
		.since_usec = integer(), .incident = integer() };
	items[i] = (struct report_item){ text(), text(), &alerts[i], &results[i], number_below(2) ? &results[0] : NULL,
		text_or_null(), integer(), number_below(5) ? NULL : text(), text_or_null(), text_or_null(), integer() };
}

static void fill_event(size_t i)
{
	const struct report_item *item = &items[number_below(ITEMS_MAX)];
	bool is_known = number_below(2);

	events[i] = (struct report_event){ (enum alert_event)number_below(ALERT_EVENTS), is_known ? item->check : text_or_null(),
		is_known ? item->item : text_or_null(), any_state(), any_state(), integer(), integer(), integer(), integer(),
		text_or_null(), number_below(2) ? item->result : NULL, text_or_null(), lines, number_below(4), number_below(2),
		integer(), integer(), number_below(2) };
}

static struct trend trend;

static void fill_trend(void)
{
	trend_init(&trend);
	for (size_t i = number_below(60); i > 0; i--)
		trend_add(&trend, (double)integer() / (double)(1 + number_below(100)), NOW - (int64_t)(i * number_below(100)) * USEC_PER_MINUTE);
}

static const struct trend *find_trend(void *userdata, const char *check, const char *item, const char *name)
{
	return (unsigned char)*name % 4 != 1 ? &trend : NULL;
}

static struct report make_report(void)
{
	fill_trend();
	metric = (struct metric){ (char *)text(), (char *)text(), (double)integer(), NAN, INFINITY, 0, (double)integer() };
	evidence = (struct evidence){ (char *)text(), (char *)text() };
	for (size_t i = 0; i < ELEMENTS(lines); i++)
		lines[i] = text();
	for (size_t i = 0; i < ITEMS_MAX; i++)
		fill_item(i);
	for (size_t i = 0; i < EVENTS_MAX; i++)
		fill_event(i);
	for (size_t i = 0; i < 2; i++) {
		silences[i] = (struct report_silence){ text(), text_or_null(), text_or_null(), integer() };
		incidents[i] = (struct report_incident){ text(), text(), text_or_null(), text_or_null(), any_state(), integer(), integer(),
			integer() };
		mails[i] = (struct report_mail){ text(), integer(), integer(), text_or_null() };
	}
	return (struct report){ text(), text(), integer(), integer(), integer(), integer(), integer(), items,
		number_below(ITEMS_MAX + 1), events, number_below(EVENTS_MAX + 1), lines, number_below(4), silences, number_below(3),
		mails, number_below(3), mails, number_below(3), integer(), text_or_null(), incidents,
		number_below(3), number_below(2), text_or_null(), text_or_null(), text_or_null(), number_below(2), (enum report_charts)number_below(3), find_trend, NULL, NULL };
}

static void require_subject(const struct buf *b)
{
	REQUIRE(utf8_valid(buf_text(b), b->len) && strlen(buf_text(b)) == b->len);
	REQUIRE(text_columns(buf_text(b)) <= 78);
	for (size_t i = 0; i < b->len; i++)
		REQUIRE((unsigned char)b->data[i] >= ' ' && b->data[i] != 0x7f);
}

static void require_text(const struct buf *b)
{
	REQUIRE(utf8_valid(buf_text(b), b->len) && strlen(buf_text(b)) == b->len);
	for (size_t i = 0; i < b->len; i++)
		REQUIRE((unsigned char)b->data[i] >= ' ' || b->data[i] == '\n' || b->data[i] == '\t');
}

static bool begins_with_one_of(const char *at, const char *const *beginnings)
{
	for (; *beginnings; beginnings++)
		if (strncmp(at, *beginnings, strlen(*beginnings)) == 0)
			return true;
	return false;
}

static size_t count(const char *page, const char *needle)
{
	size_t n = 0;

	for (; (page = strstr(page, needle)); page += strlen(needle))
		n++;
	return n;
}

static void require_html(enum report_kind kind, const struct buf *b)
{
	static const char *const elements[] = { "<!DOCTYPE html>\n", "<html lang=\"en\">", "<html lang=\"zh-CN\">", "<head>", "<meta ", "<title>", "</title>",
		"<style>", "</style>", "</head>", "<body class=\"page\"", "</body>", "</html>", "<table role=", "</table>", "<tr>",
		"</tr>", "<td ", "</td>", "<p ", "<p>", "</p>", "<b>", "<b style=", "</b>", "<br>", "<br class=\"break\">", "<span ", "</span>",
		"<pre class=\"pre\"", "</pre>",
		"<div style=", "</div>", "<img src=\"cid:chart", NULL };
	static const char *const references[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#8226;", "&nbsp;", NULL };

	REQUIRE(b->len < (kind == REPORT_PAGE ? PAGE_FILE_MAX : PAGE_HTML_MAX));
	REQUIRE(utf8_valid(buf_text(b), b->len) && strlen(buf_text(b)) == b->len);
	for (const char *at = buf_text(b); *at; at++) {
		REQUIRE(*at != '<' || begins_with_one_of(at, elements));
		REQUIRE(*at != '&' || begins_with_one_of(at, references));
	}
	REQUIRE(count(buf_text(b), "<table") == count(buf_text(b), "</table>"));
	REQUIRE(count(buf_text(b), "<tr>") == count(buf_text(b), "</tr>"));
}

static void compose_all(const uint8_t *data, size_t size)
{
	static const enum report_kind kinds[] = { REPORT_STARTED, REPORT_STATUS, REPORT_ALERT, REPORT_DIGEST, REPORT_TEST,
		REPORT_PAGE };
	_cleanup_free_ char *copy = calloc(1, size + 1);

	if (!copy)
		return;
	if (size)
		memcpy(copy, data, size);
	read_input(copy, size);
	struct report r = make_report();
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		_cleanup_buf_ struct buf subject = BUF(100000), plain = BUF(SIZE_MAX / 2), html = BUF(SIZE_MAX / 2);
		_cleanup_images_ struct report_images images = { .id = "17.1@web1", .max_bytes = 1000 * number_below(30) };

		r.images = number_below(4) ? &images : NULL;
		report_subject(&subject, kinds[i], &r);
		report_text(&plain, kinds[i], &r);
		report_html(&html, kinds[i], &r);
		REQUIRE(!buf_error(&subject) && !buf_error(&plain) && !buf_error(&html));
		require_subject(&subject);
		require_text(&plain);
		require_html(kinds[i], &html);
		REQUIRE(count(buf_text(&html), "<img ") == images.n && images.bytes <= images.max_bytes);
	}
}

/* The same bounds hold in every language, however many bytes and columns its words have. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; language_names[i]; i++) {
		REQUIRE(language_use(language_names[i]) == 0);
		compose_all(data, size);
	}
	return 0;
}
