/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Charts as pictures. Those in tests/golden are compared by their pixels, as each zlib packs them in its own way;
 * `test-chart DIRECTORY` writes them. */
#include "../support/picture.h"
#include "../support/random.h"
#include "../support/torture.h"
#include "canvas.h"
#include "chart.h"
#include "png.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define NOW INT64_C(1795435445000000) /* 2026-11-23 20:04:05 +0800 */
#define FILE_MAX 8000
/* Where multiplications and additions are fused, an edge may be rounded to the other tone. */
#define PIXELS_MAY_DIFFER (CHART_WIDTH * CHART_HEIGHT / 1000)

static struct trend trend;
static struct trend_view view;

static int set_zone(void **state)
{
	setenv("TZ", "CST-8", 1);
	tzset();
	return 0;
}

/* ---- what is drawn ---- */

static double wave(int minute)
{
	int phase = minute % 1440;

	return (phase < 720 ? phase : 1440 - phase) / 360.0;
}

/* A disk that fills up, with an outage of the watcher. */
static struct chart disk_week(void)
{
	struct chart c = { &view, USEC_PER_MINUTE, "%", 80, 90, 0, 100, NAN };

	for (int minute = 0; minute <= 7 * 1440; minute++)
		if (minute < 3000 || minute > 3700)
			trend_add(&trend, 70 + minute / 450.0 + wave(minute), NOW - (7 * 1440 - minute) * USEC_PER_MINUTE);
	trend_week(&trend, NOW, &view);
	assert_true(trend_fit(&view, &c.slope));
	return c;
}

/* Restless, with peaks that the mean does not show, and begun a few hours ago. */
static struct chart load_day(void)
{
	struct random random = { 4 };

	for (int minute = 300; minute <= 1440; minute++) {
		double peak = random_below(&random, 100) == 0 ? 4 : 0, rise = minute > 1200 ? (minute - 1200) / 80.0 : 0;

		trend_add(&trend, 0.6 + random_unit(&random) + peak + rise, NOW - (1440 - minute) * USEC_PER_MINUTE);
	}
	trend_day(&trend, NOW, &view);
	return (struct chart){ &view, USEC_PER_MINUTE, "", 4, 8, 0, NAN, NAN };
}

/* Less is worse, and it is looked at only each half hour. */
static struct chart memory_day(void)
{
	for (int minute = 0; minute <= 1440; minute += 30)
		trend_add(&trend, (9 - minute / 200.0) * 1024 * 1024 * 1024, NOW - (1440 - minute) * USEC_PER_MINUTE);
	trend_day(&trend, NOW, &view);
	return (struct chart){ &view, 30 * USEC_PER_MINUTE, "B", 3e9, 2e9, 0, 16e9, NAN };
}

static struct chart one_value(void)
{
	trend_add(&trend, 0.25, NOW);
	trend_day(&trend, NOW, &view);
	return (struct chart){ &view, USEC_PER_MINUTE, "s", 0.3, 0.3, 0, NAN, NAN };
}

static struct chart below_zero(void)
{
	for (int minute = 0; minute <= 1440; minute++)
		trend_add(&trend, 5 * wave(minute) - 4, NOW - (1440 - minute) * USEC_PER_MINUTE);
	trend_day(&trend, NOW, &view);
	return (struct chart){ &view, USEC_PER_MINUTE, "\xc2\xb0" "C", NAN, 1000, NAN, NAN, NAN };
}

/* One process, all the day. */
static struct chart flat(void)
{
	for (int minute = 0; minute <= 1440; minute++)
		trend_add(&trend, 1, NOW - (1440 - minute) * USEC_PER_MINUTE);
	trend_day(&trend, NOW, &view);
	return (struct chart){ &view, USEC_PER_MINUTE, "", NAN, NAN, 0, NAN, NAN };
}

static const struct sheet {
	const char *name;
	struct chart (*make)(void);
} sheets[] = {
	{ "chart-disk", disk_week },
	{ "chart-load", load_day },
	{ "chart-memory", memory_day },
	{ "chart-one", one_value },
	{ "chart-below", below_zero },
	{ "chart-flat", flat },
};

static void draw(const struct sheet *s, struct buf *b)
{
	trend_init(&trend);
	struct chart c = s->make();
	assert_int_equal(chart_draw(b, &c), 0);
}

static size_t read_golden(const char *name, char *data, size_t size)
{
	char path[1000];

	snprintf(path, sizeof(path), "%s/%s.png", GOLDEN, name);
	FILE *file = fopen(path, "r");
	if (!file)
		fail_msg("%s: %s; `make refresh-golden` writes it", path, strerror(errno));
	size_t n = fread(data, 1, size, file);
	fclose(file);
	return n;
}

static size_t count_differences(const struct picture *a, const struct picture *b)
{
	size_t n = 0;

	for (unsigned y = 0; y < a->height; y++)
		for (unsigned x = 0; x < a->width; x++)
			n += picture_pixel(a, x, y) != picture_pixel(b, x, y);
	return n;
}

static void draws_as_before(void **state)
{
	for (size_t i = 0; i < ELEMENTS(sheets); i++) {
		_cleanup_buf_ struct buf b = BUF(100000), again = BUF(100000);
		char golden[100000];
		size_t golden_len = read_golden(sheets[i].name, golden, sizeof(golden));
		struct picture now, before;

		draw(&sheets[i], &b);
		draw(&sheets[i], &again);
		assert_true(b.len == again.len && memcmp(b.data, again.data, b.len) == 0);
		assert_in_range(b.len, 500, FILE_MAX);
		assert_true(picture_read(b.data, b.len, &now));
		assert_true(picture_read(golden, golden_len, &before));
		assert_int_equal(now.width, CHART_WIDTH);
		assert_int_equal(now.height, CHART_HEIGHT);
		assert_memory_equal(now.palette, before.palette, sizeof(now.palette));
		assert_memory_equal(now.alpha, before.alpha, sizeof(now.alpha));
		assert_in_range(count_differences(&now, &before), 0, PIXELS_MAY_DIFFER);
		free(now.pixels);
		free(before.pixels);
	}
}

/* The rows that an ink has at the right of the plane, in a margin of so many pixels. */
struct rows {
	unsigned first, last;
};

static struct rows rows_of(const struct picture *p, unsigned ink, unsigned margin)
{
	struct rows r = { p->height, 0 };

	for (unsigned y = 0; y < p->height; y++)
		for (unsigned x = p->width - margin; x < p->width; x++)
			if (picture_pixel(p, x, y) >= ink && picture_pixel(p, x, y) < ink + 3) {
				r.first = y < r.first ? y : r.first;
				r.last = y;
			}
	return r;
}

/* Beside limits that are nearly the same, in the middle, at the top and at the bottom of the scale, where the times are. */
static void keeps_labels_apart(void **state)
{
	static const struct {
		double highest, warning, critical;
	} cases[] = { { 900, 5, 10 }, { 900, 10, 5 }, { 900, 995, 999 }, { 900, 999, 995 }, { 900, 500, 510 }, { 900, 100, 900 } };

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(100000);
		struct picture picture;

		trend_init(&trend);
		for (int minute = 0; minute <= 1440; minute++)
			trend_add(&trend, cases[i].highest * minute / 1440, NOW - (1440 - minute) * USEC_PER_MINUTE);
		trend_day(&trend, NOW, &view);
		const struct chart c = { &view, USEC_PER_MINUTE, "", cases[i].warning, cases[i].critical, NAN, NAN, NAN };
		assert_int_equal(chart_draw(&b, &c), 0);
		assert_true(picture_read(b.data, b.len, &picture));
		unsigned margin = 14 + (unsigned)canvas_text_width(cases[i].critical > 99 ? "999" : "10");
		struct rows warning = rows_of(&picture, 10, margin), critical = rows_of(&picture, 13, margin);
		struct rows upper = warning.first < critical.first ? warning : critical;
		struct rows lower = warning.first < critical.first ? critical : warning;

		assert_true((cases[i].warning > cases[i].critical) == (warning.first < critical.first));
		assert_in_range(upper.last - upper.first, CANVAS_TEXT_HEIGHT - 1, CANVAS_TEXT_HEIGHT + 2);
		assert_in_range(lower.last - lower.first, CANVAS_TEXT_HEIGHT - 1, CANVAS_TEXT_HEIGHT + 2);
		assert_true(upper.last + 2 < lower.first);
		/* The times begin 12 pixels below the plane, which ends 34 above the edge. */
		assert_true(lower.last < picture.height - 34 + 12);
		free(picture.pixels);
	}
}

static void draws_nothing_of_nothing(void **state)
{
	const struct chart c = { &view, USEC_PER_MINUTE, "%", 80, 90, 0, 100, NAN };
	_cleanup_buf_ struct buf b = BUF(100000), small = BUF(100);

	trend_init(&trend);
	trend_day(&trend, NOW, &view);
	assert_int_equal(chart_draw(&b, &c), -EINVAL);
	assert_int_equal(b.len, 0);
	trend_add(&trend, 5, NOW);
	trend_day(&trend, NOW, &view);
	assert_int_equal(chart_draw(&small, &c), -EMSGSIZE);
}

static double any_number(struct random *random)
{
	static const double strange[] = { NAN, INFINITY, -INFINITY, 0, -0.0, 1e37, -1e37, 1e308, -1e308, 5e-324, 1e-40, 100 };
	double sign = random_below(random, 2) ? 1 : -1;

	if (random_below(random, 3) == 0)
		return strange[random_below(random, (int64_t)ELEMENTS(strange))];
	double value = sign * random_unit(random);
	for (int64_t i = random_below(random, 30); i > 0; i--)
		value *= 10;
	return value;
}

/* Sanitizers watch it. */
static void draws_whatever_comes(void **state)
{
	static const char *const units[] = { "", "%", "B", "s", "c", "\xff\xfe", "a unit that is longer than any should ever be, of a module" };
	struct random random = { 12 };

	for (int round = 0; round < 300; round++) {
		_cleanup_buf_ struct buf b = BUF(200000);
		struct chart c = { &view, random_below(&random, 3) ? USEC_PER_MINUTE : random_below(&random, USEC_PER_DAY),
			units[random_below(&random, (int64_t)ELEMENTS(units))], any_number(&random), any_number(&random),
			any_number(&random), any_number(&random), any_number(&random) };
		struct picture picture;

		trend_init(&trend);
		for (int64_t i = random_below(&random, 400); i >= 0; i--)
			trend_add(&trend, any_number(&random), NOW - i * random_below(&random, USEC_PER_HOUR));
		trend_add(&trend, 1, NOW);
		(round % 2 ? trend_day : trend_week)(&trend, NOW, &view);
		assert_int_equal(chart_draw(&b, &c), 0);
		assert_true(picture_read(b.data, b.len, &picture));
		free(picture.pixels);
	}
}

static void writes_any_text(void **state)
{
	struct canvas c;

	assert_int_equal(canvas_new(300, 60, &c), 0);
	for (uint32_t code = 1; code < 256; code++) {
		const char text[] = { (char)code, 'x', (char)code, '\0' };

		canvas_text(&c, CANVAS_TEXT, (int)code - 20, (int)code % 80 - 10, text);
		assert_true(canvas_text_width(text) > 0);
	}
	assert_true(canvas_text_width("100 %") > canvas_text_width("10 %"));
	assert_int_equal(canvas_text_width(""), 0);
	canvas_rectangle(&c, CANVAS_GRID, -5, -5, 1000, 1000);
	canvas_rectangle(&c, CANVAS_GRID, 50, 50, 10, 10);
	canvas_line(&c, CANVAS_LINE, 5, -1e9, -1e9, 1e9, 1e9);
	canvas_free(&c);
}

static void survives_want_of_memory(void **state)
{
	int n = 0, r = -ENOMEM;

	while (r == -ENOMEM) {
		_cleanup_buf_ struct buf b = BUF(100000);

		trend_init(&trend);
		struct chart c = load_day();
		torture_left = ++n;
		r = chart_draw(&b, &c);
		if (torture_left > 0)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	torture_left = 0;
	assert_int_equal(r, 0);
	assert_true(n > 2);
}

static void refuses_what_is_no_picture(void **state)
{
	static const struct png_color colors[17];
	static const uint8_t pixels[3] = { 0, 1, 2 };
	_cleanup_buf_ struct buf b = BUF(10000);
	struct picture picture;

	assert_int_equal(png_write(&b, colors, 17, pixels, 1, 1), -EINVAL);
	assert_int_equal(png_write(&b, colors, 0, pixels, 1, 1), -EINVAL);
	assert_int_equal(png_write(&b, colors, 3, pixels, 0, 1), -EINVAL);
	assert_int_equal(png_write(&b, colors, 3, pixels, 4097, 1), -EINVAL);
	assert_int_equal(png_write(&b, colors, 3, pixels, 3, 1), 0);
	assert_true(picture_read(b.data, b.len, &picture));
	assert_int_equal(picture_pixel(&picture, 2, 0), 2);
	assert_int_equal(picture_pixel(&picture, 1, 0), 1);
	free(picture.pixels);
}

static int write_all(const char *directory)
{
	for (size_t i = 0; i < ELEMENTS(sheets); i++) {
		_cleanup_buf_ struct buf b = BUF(100000);
		char path[1000];

		draw(&sheets[i], &b);
		snprintf(path, sizeof(path), "%s/%s.png", directory, sheets[i].name);
		FILE *file = fopen(path, "w");
		if (!file || fwrite(b.data, 1, b.len, file) != b.len || fclose(file) != 0)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_as_before),
		cmocka_unit_test(keeps_labels_apart),
		cmocka_unit_test(draws_nothing_of_nothing),
		cmocka_unit_test(draws_whatever_comes),
		cmocka_unit_test(writes_any_text),
		cmocka_unit_test(survives_want_of_memory),
		cmocka_unit_test(refuses_what_is_no_picture),
	};

	set_zone(NULL);
	return argc > 1 ? write_all(argv[1]) : cmocka_run_group_tests(tests, set_zone, NULL);
}
