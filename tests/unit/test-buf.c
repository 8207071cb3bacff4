/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "buf.h"
#include "test.h"

#include <errno.h>
#include <string.h>

static void grows_up_to_its_maximum(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);

	assert_string_equal(buf_text(&b), "");
	for (int i = 0; i < 10; i++)
		buf_printf(&b, "%09d-", i);
	assert_int_equal(b.len, 100);
	assert_int_equal(buf_error(&b), 0);
	buf_putc(&b, 'x');
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	assert_int_equal(b.len, 100);
}

static void errors_stick(void **state)
{
	_cleanup_buf_ struct buf b = BUF(3);

	buf_puts(&b, "four");
	buf_puts(&b, "x");
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	assert_null(buf_take(&b));
	buf_clear(&b);
	buf_puts(&b, "x");
	assert_string_equal(buf_text(&b), "x");
}

static void drops_from_the_front(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);

	buf_puts(&b, "abcdef");
	buf_drop(&b, 2);
	assert_string_equal(buf_text(&b), "cdef");
	buf_drop(&b, 10);
	assert_string_equal(buf_text(&b), "");
}

static void takes_an_empty_string(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);
	_cleanup_free_ char *text = buf_take(&b);

	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_up_to_its_maximum),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(drops_from_the_front),
		cmocka_unit_test(takes_an_empty_string),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
