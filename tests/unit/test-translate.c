/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test.h"

#include "buf.h"
#include "clock.h"
#include "language.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_number(struct buf *b, size_t n)
{
	for (int i = 0; i < 4; i++)
		buf_putc(b, (char)(n >> 8 * i & 0xff));
}

/* The .mo file of these texts, which are in order. */
static void make_catalogue(struct buf *b, const char *const (*texts)[2], size_t n)
{
	size_t at = 20 + n * 16;

	put_number(b, 0x950412de);
	put_number(b, 0);
	put_number(b, n);
	put_number(b, 20);
	put_number(b, 20 + n * 8);
	for (int which = 0; which < 2; which++)
		for (size_t i = 0; i < n; at += strlen(texts[i++][which]) + 1) {
			put_number(b, strlen(texts[i][which]));
			put_number(b, at);
		}
	for (int which = 0; which < 2; which++)
		for (size_t i = 0; i < n; i++)
			buf_append(b, texts[i][which], strlen(texts[i][which]) + 1);
}

static const char *const texts[][2] = {
	{ "", "Language: x\n" }, { "after %s", "nach %s" }, { "b", "B" }, { "c", "" }, { "unit\004h", "Std." },
};

static void test_texts_are_found(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	make_catalogue(&b, texts, ELEMENTS(texts));
	assert_int_equal(translate_from((const unsigned char *)b.data, b.len), 0);
	assert_string_equal(_("after %s"), "nach %s");
	assert_string_equal(_("b"), "B");
	assert_string_equal(C_("unit", "h"), "Std.");
	/* What it does not have. */
	assert_string_equal(_("a"), "a");
	assert_string_equal(_("h"), "h");
	assert_string_equal(_("zzz"), "zzz");
	assert_string_equal(C_("clock", "h"), "h");
	/* The header is no translation of nothing. */
	assert_string_equal(_(""), "");
	assert_int_equal(translate_from(NULL, 0), 0);
	assert_string_equal(_("b"), "b");
	assert_string_equal(C_("unit", "h"), "h");
}

/* No byte of it can make the lookup leave the file: under ASan this would show. */
static void test_what_is_no_catalogue(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	make_catalogue(&b, texts, ELEMENTS(texts));
	for (size_t size = 0; size < b.len; size++) {
		unsigned char *cut = malloc(size ? size : 1);

		assert_non_null(cut);
		memcpy(cut, b.data, size);
		assert_int_equal(translate_from(cut, size), -EBADMSG);
		assert_string_equal(_("b"), "b");
		free(cut);
	}
	for (size_t at = 0; at < b.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			unsigned char *broken = malloc(b.len);

			assert_non_null(broken);
			memcpy(broken, b.data, b.len);
			broken[at] ^= (unsigned char)(1 << bit);
			translate_from(broken, b.len);
			for (size_t i = 0; i < ELEMENTS(texts); i++)
				assert_true(strlen(_(texts[i][0])) < b.len);
			translate_from(NULL, 0);
			free(broken);
		}
}

static void test_languages(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);

	assert_string_equal(language_names[0], "en");
	assert_int_equal(language_use("zh_CN"), 0);
	assert_string_equal(getenv(LANGUAGE_VARIABLE), "zh_CN");
	format_duration(&b, USEC_PER_HOUR + 12 * USEC_PER_MINUTE);
	assert_string_equal(buf_text(&b), "1 小时 12 分钟");
	assert_int_equal(language_use("zh_TW"), -EINVAL);
	buf_clear(&b);
	format_duration(&b, 0);
	assert_string_equal(buf_text(&b), "0 秒");

	assert_int_equal(setenv(LANGUAGE_VARIABLE, "tlh", 1), 0);
	language_from_environment();
	assert_string_equal(getenv(LANGUAGE_VARIABLE), "en");
	buf_clear(&b);
	format_duration(&b, 2 * USEC_PER_DAY);
	assert_string_equal(buf_text(&b), "2 d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_are_found),
		cmocka_unit_test(test_what_is_no_catalogue),
		cmocka_unit_test(test_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
