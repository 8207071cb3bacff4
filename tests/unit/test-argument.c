/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "argument.h"
#include "test.h"

#include <string.h>

#define WORDS(...) ((const char *[]){ "/p/check_it", __VA_ARGS__, NULL })

struct example {
	const char **words;
	const char *shown; /* behind the first */
};

static void assert_shown(const char **words, const char *shown)
{
	_cleanup_buf_ struct buf b = BUF(4096);
	bool is_hidden = argument_show_all(&b, (char *const *)words);

	assert_memory_equal(buf_text(&b), "/p/check_it ", 12);
	assert_string_equal(buf_text(&b) + 12, shown);
	assert_int_equal(is_hidden, strstr(shown, ARGUMENT_HIDDEN) != NULL);
}

static void quotes_for_a_shell(void **state)
{
	const struct example examples[] = {
		{ WORDS("-w", "10%", "-c", "5,4", "-e", "/a/b_c*", "x@y"), "-w 10% -c 5,4 -e '/a/b_c*' x@y" },
		{ WORDS("a b", "it's", "", "$HOME", "~"), "'a b' 'it'\\''s' '' '$HOME' '~'" },
		{ WORDS("服务"), "'服务'" },
	};

	for (size_t i = 0; i < ELEMENTS(examples); i++)
		assert_shown(examples[i].words, examples[i].shown);
}

static void hides_secrets(void **state)
{
	const struct example examples[] = {
		{ WORDS("--password", "hunter2", "-H", "db"), "--password **** -H db" },
		{ WORDS("--password", "1234"), "--password ****" },
		{ WORDS("--password", "--hunter2"), "--password ****" },
		{ WORDS("--password=hunter2"), "--password=****" },
		{ WORDS("-H", "db", "-p", "hunter2"), "-H db -p ****" },
		{ WORDS("-phunter2"), "-p****" },
		{ WORDS("-p", "3306", "-p3306"), "-p 3306 -p3306" },
		{ WORDS("-p", "65536", "-p", "-8"), "-p **** -p -8" },
		{ WORDS("-C", "public", "-A", "one", "-X", "two"), "-C **** -A **** -X ****" },
		{ WORDS("-A", "-w", "10%", "-C", "-w", "20%"), "-A -w 10% -C -w 20%" },
		{ WORDS("-a", "user:hunter2", "-b", "user:hunter2"), "-a **** -b ****" },
		{ WORDS("-k", "Authorization: Bearer abc"), "-k 'Authorization: ****'" },
		{ WORDS("--header=Cookie: a=b"), "'--header=Cookie: ****'" },
		{ WORDS("-d", "user=x&passwd=y&z=1"), "-d 'user=x&passwd=****'" },
		{ WORDS("https://u:p@ss@h.example.org/?q=1"), "'https://u:****@h.example.org/?q=1'" },
		{ WORDS("https://h.example.org/?Token=abc"), "'https://h.example.org/?Token=****'" },
		{ WORDS("https://h.example.org:8080/a@b"), "https://h.example.org:8080/a@b" },
		{ WORDS("-u", "/keys/list"), "-u /keys/list" },
		{ WORDS("MYSQL_PWD=x", "-token", "y"), "MYSQL_PWD=**** -token ****" },
		{ WORDS("--password"), "--password" },
		{ WORDS("-p"), "-p" },
		{ WORDS("-p", ""), "-p ****" },
	};

	for (size_t i = 0; i < ELEMENTS(examples); i++)
		assert_shown(examples[i].words, examples[i].shown);
}

static void takes_the_name_alone(void **state)
{
	_cleanup_buf_ struct buf b = BUF(64);
	const char *words[] = { "/p/check_it", NULL };

	assert_false(argument_show_all(&b, (char *const *)words));
	assert_string_equal(buf_text(&b), "/p/check_it");
	words[0] = NULL;
	assert_false(argument_show_all(&b, (char *const *)words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_for_a_shell),
		cmocka_unit_test(hides_secrets),
		cmocka_unit_test(takes_the_name_alone),
	};

	return cmocka_run_group_tests_name("argument", tests, NULL, NULL);
}
