/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "template.h"
#include "test.h"

static void fills_in(void **state)
{
	static const struct {
		const char *template, *expected;
	} cases[] = {
		{ "", "" },
		{ "[{host}]", "[web1]" },
		{ "{host}{host} {state}", "web1web1 {host}" }, /* what is filled in is not looked at again */
		{ "{unknown} {} {host {host}}", "{unknown} {} {host web1}" },
		{ "磁盘 {host}", "磁盘 web1" },
	};
	static const struct template_field fields[] = { { "host", "web1" }, { "state", "{host}" }, { 0 } };

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(1000);

		template_put(&b, cases[i].template, fields);
		assert_string_equal(buf_text(&b), cases[i].expected);
	}
}

static void finds_what_is_unknown(void **state)
{
	size_t len = 0;

	assert_null(template_find_unknown("{host} {state} {time} {version} {} { {Host} }", &len));
	assert_memory_equal(template_find_unknown("a {host} {hots}", &len), "{hots}", 6);
	assert_int_equal(len, 6);
	assert_non_null(template_find_unknown("{hosts}", &len));
	assert_non_null(template_find_unknown("{hos}", &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in),
		cmocka_unit_test(finds_what_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
