/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test.h"

#include "heading.h"

#include <errno.h>
#include <string.h>

#define OLD "me@example.org"
#define NEW "other@example.net"

static void check(const char *content, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);

	heading_fit(&b, content, strlen(content), OLD, NEW);
	assert_int_equal(buf_error(&b), 0);
	assert_string_equal(buf_text(&b), expected);
}

static void the_sender_becomes_the_relays(void **state)
{
	check("From: me@example.org\n\nx", "From: other@example.net\n\nx");
	check("Subject: a\r\nFROM: =?UTF-8?B?5Y+r?= <Me@Example.ORG>\r\n\r\nx", "Subject: a\r\nFROM: =?UTF-8?B?5Y+r?= <other@example.net>\r\n\r\nx");
	check("From: a long name\r\n <me@example.org>\r\nTo: me@example.org\r\n\r\n",
		"From: a long name\r\n <other@example.net>\r\nTo: me@example.org\r\n\r\n");
	check("From:me@example.org\n", "From:other@example.net\n");
	check("From: me@example.org", "From: other@example.net");
}

static void other_senders_stay(void **state)
{
	static const char *const same[] = {
		"From: you@example.org\n\nFrom: me@example.org\n", "From: not-me@example.org\n\n", "From: me@example.org.uk\n\n",
		"Sender: me@example.org\n\n", "X-From: me@example.org\n\n", "Subject: From: me@example.org\n\n", "", "\n",
		"\nFrom: me@example.org\n", "\r\nFrom: me@example.org\r\n", " From: me@example.org\n\n", "From", "From:",
		"From: \"me@example.org\" <x@example.org>\n\n", "no header at all",
	};

	for (size_t i = 0; i < ELEMENTS(same); i++)
		check(same[i], same[i]);
}

static void domains_become_a_labels(void **state)
{
	check("To: a@b.test, ops@例子.test,\n x <y@例子.test>\nX-To: ops@例子.test\n\nops@例子.test\n",
		"To: a@b.test, ops@xn--fsqu00a.test,\n x <y@xn--fsqu00a.test>\nX-To: ops@例子.test\n\nops@例子.test\n");
	check("To: 值班@例子.test\n\n", "To: 值班@xn--fsqu00a.test\n\n"); /* SMTPUTF8 is for the local part alone */
	check("To: \xff@\xff.test, a@\n\n", "To: \xff@\xff.test, a@\n\n");
}

static void a_sender_in_chinese(void **state)
{
	static const char content[] = "From: <x@例子.test>\n\n";
	_cleanup_buf_ struct buf b = BUF(1000), none = BUF(1000);

	heading_fit(&b, content, strlen(content), "x@例子.test", "x@例子.test");
	assert_string_equal(buf_text(&b), "From: <x@xn--fsqu00a.test>\n\n");
	heading_fit(&none, "From: <>\n\n", 10, "", NEW); /* the null sender */
	assert_string_equal(buf_text(&none), "From: <>\n\n");
}

static void long_words_and_small_buffers(void **state)
{
	char content[2000] = "From: ";
	_cleanup_buf_ struct buf b = BUF(5);

	memset(content + 6, 'x', 1000);
	strcpy(content + 1006, "@example.org\n\n");
	check(content, content);
	heading_fit(&b, content, strlen(content), OLD, NEW);
	assert_int_equal(buf_error(&b), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sender_becomes_the_relays),
		cmocka_unit_test(other_senders_stay),
		cmocka_unit_test(domains_become_a_labels),
		cmocka_unit_test(a_sender_in_chinese),
		cmocka_unit_test(long_words_and_small_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
