/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests that run in English, and then once more in Chinese: assert_says() wants the English words in the one, and in the
 * other a sentence that was looked up. Behind "test.h". */
#pragma once

#include "language.h"
#include "tests/support/han.h"

#include <stdbool.h>

static bool in_chinese;

#define assert_says(text, words) assert_true(in_chinese ? has_han(text) : strstr(text, words) != NULL)

/* The same for a whole sentence. */
#define assert_sentence(text, english) assert_true(in_chinese ? has_han(text) && !english_in(text) : strcmp(text, english) == 0)

#define run_in_both_languages(tests, set_up, tear_down)                                                              \
	({                                                                                                           \
		int failures_ = cmocka_run_group_tests(tests, set_up, tear_down);                                    \
		in_chinese = language_use("zh_CN") == 0;                                                             \
		failures_ + !in_chinese + cmocka_run_group_tests(tests, set_up, tear_down);                          \
	})
