/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration when memory runs out: each allocation of it fails once. Nothing may crash, leak (the sanitizers see
 * that) or be taken for read. */
#include "test.h"

#include "../support/torture.h"
#include "cleanup.h"
#include "conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ATTEMPTS_MAX 100000

static const struct conf_module modules[] = {
	{ "disk", false, false, true }, { "process", false, true, false }, { "load", false, false, false },
};

struct made {
	struct conf_settings settings;
	struct conf_problems problems;
	struct conf *conf;
};

static void made_clear(struct made *m)
{
	conf_free(m->conf);
	conf_settings_free(&m->settings);
	conf_problems_free(&m->problems);
	*m = (struct made){ 0 };
}

/* All that is done with a configuration. Returns what the step that failed returned; -EINVAL: it has errors. */
static int make(const char *path, const char *dropins, struct made *m)
{
	int r = conf_read(path, dropins, &m->settings, &m->problems);

	if (r == 0)
		r = conf_build(&m->settings, modules, ELEMENTS(modules), &m->problems, &m->conf);
	if (r == 0)
		r = conf_add_defaults(&m->settings, modules, ELEMENTS(modules));
	return r;
}

static void torture(const char *name)
{
	const char *srcdir = getenv("srcdir");
	_cleanup_free_ char *path = NULL, *dropins = NULL;
	struct made whole = { 0 };
	bool is_over = false;
	int n = 0;

	assert_true(asprintf(&path, "%s/tests/conf/%s.conf", srcdir ? srcdir : "..", name) > 0);
	assert_true(asprintf(&dropins, "%s/tests/conf/%s.d", srcdir ? srcdir : "..", name) > 0);
	int expected = make(path, dropins, &whole);
	assert_true(expected == 0 || expected == -EINVAL);
	for (; !is_over; n++) {
		struct made m = { 0 };

		assert_true(n < ATTEMPTS_MAX);
		torture_left = n + 1;
		int r = make(path, dropins, &m);
		is_over = torture_left > 0; /* it has not failed any more */
		torture_left = 0;
		/* Where the text of a message had no room, the message is poorer, but there. */
		assert_true(r == -ENOMEM || r == expected);
		if (r == expected) {
			assert_int_equal(m.settings.n, whole.settings.n);
			assert_int_equal(m.problems.n, whole.problems.n);
			assert_int_equal(m.conf == NULL, whole.conf == NULL);
		}
		assert_true(!is_over || r == expected);
		made_clear(&m);
	}
	print_message("%s: %d allocations\n", name, n - 1);
	assert_true(n > 100);
	made_clear(&whole);
}

#define TORTURE(identifier, name)                                                                            \
	static void identifier(void **state)                                                                 \
	{                                                                                                    \
		torture(name);                                                                               \
	}

TORTURE(every_key, "good")
TORTURE(several_files, "merge")
TORTURE(wrong_policies, "policy")
TORTURE(wrong_keys, "wrong-keys")
TORTURE(wrong_mails, "mails")
TORTURE(rounds, "rounds")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key),
		cmocka_unit_test(several_files),
		cmocka_unit_test(wrong_policies),
		cmocka_unit_test(wrong_keys),
		cmocka_unit_test(wrong_mails),
		cmocka_unit_test(rounds),
	};

	return cmocka_run_group_tests_name("conf-torture", tests, NULL, NULL);
}
