/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encoder byte by byte; what a mail reader makes of whole messages is in tests/e2e/test_mime.py. */
#include "mime.h"
#include "test.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static const char *const ops = "ops@example.org";

static struct mime_mail sample(void)
{
	return (struct mime_mail){ .from = "tocsin@example.org", .to = &ops, .n_to = 1, .subject = "s",
		.date_usec = INT64_C(1795435445000000), .message_id = "1@web1", .text = "hello\n" };
}

static void assert_header(const char *value, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);

	mime_header_value(&b, "Subject", value);
	assert_string_equal(buf_text(&b), expected);
}

static void composes_plain_text(void **state)
{
	_cleanup_buf_ struct buf b = BUF(MIME_MESSAGE_MAX);
	struct mime_mail mail = sample();

	assert_int_equal(mime_compose(&b, &mail), 0);
	assert_string_equal(buf_text(&b), "Date: Mon, 23 Nov 2026 20:04:05 +0800\r\n"
					  "From: tocsin@example.org\r\n"
					  "To: ops@example.org\r\n"
					  "Subject: s\r\n"
					  "Message-ID: <1@web1>\r\n"
					  "MIME-Version: 1.0\r\n"
					  "Content-Type: text/plain; charset=utf-8\r\n"
					  "Content-Transfer-Encoding: quoted-printable\r\n"
					  "\r\n"
					  "hello\r\n");
}

static void encodes_words_of_headers(void **state)
{
	assert_header("plain text", "plain text");
	assert_header("a\r\nBcc: x@y", "a Bcc: x@y");
	assert_header(" a \t\x01 b\x7f ", "a b");
	assert_header("[web1] 96 % … (limit)", "[web1] 96 % =?UTF-8?B?4oCm?= (limit)");
	assert_header("x na\xc3\xafve words in a caf\xc3\xa9 z", "x =?UTF-8?Q?na=C3=AFve_words_in_a_caf=C3=A9?= z");
	assert_header("looks =?UTF-8?Q?like?= one", "looks =?UTF-8?B?PT9VVEYtOD9RP2xpa2U/PQ==?= one");
	assert_header("\xff", "=?UTF-8?B?77+9?=");
	assert_header("", "");
}

/* Whatever the length: no line over 78, none of blanks only, no encoded-word over 75, each a whole number of
 * characters. */
static void folds_headers(void **state)
{
	for (size_t n = 1; n < 200; n++) {
		_cleanup_buf_ struct buf value = BUF(10000), b = BUF(10000);

		for (size_t i = 0; i < n; i++)
			buf_puts(&value, n % 3 == 0 ? "磁" : n % 3 == 1 ? "a\xc3\xa9" : i % 9 ? "w" : " ");
		mime_header_value(&b, "X-Test", buf_text(&value));

		size_t column = strlen("X-Test: ");
		for (const char *line = buf_text(&b); *line;) {
			size_t len = strcspn(line, "\r");

			assert_true(column + len <= 78);
			assert_true(strspn(line, " ") < len);
			line += len;
			if (*line)
				assert_memory_equal(line, "\r\n ", 3);
			line += *line ? 2 : 0;
			column = 0;
		}
		for (const char *word = buf_text(&b); (word = strstr(word, "=?UTF-8?B?")); word++) {
			assert_true(strcspn(word, " \r") <= 75);
			/* Three bytes of each character here, so four digits: a split one would need padding. */
			assert_true(n % 3 != 0 || (strcspn(word, " \r") - 12) % 4 == 0);
			assert_true(n % 3 != 0 || !memchr(word + 10, '=', strcspn(word + 10, "?")));
		}
	}
}

static void writes_names(void **state)
{
	static const struct {
		const char *name, *expected;
	} rows[] = {
		{ NULL, "From: tocsin@example.org\r\n" },
		{ "", "From: tocsin@example.org\r\n" },
		{ "web1", "From: \"web1\" <tocsin@example.org>\r\n" },
		{ "a \"b\" \\", "From: \"a \\\"b\\\" \\\\\" <tocsin@example.org>\r\n" },
		{ "x\r\nBcc: y", "From: \"x Bcc: y\" <tocsin@example.org>\r\n" },
		{ "警钟", "From: =?UTF-8?B?6K2m6ZKf?= <tocsin@example.org>\r\n" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_buf_ struct buf b = BUF(MIME_MESSAGE_MAX);
		struct mime_mail mail = sample();

		mail.from_name = rows[i].name;
		assert_int_equal(mime_compose(&b, &mail), 0);
		assert_non_null(strstr(buf_text(&b), rows[i].expected));
	}
}

static void ids_have_a_domain(void **state)
{
	static const struct {
		const char *host, *from, *domain;
	} rows[] = {
		{ "web1.example.org", "ops@example.com", "web1.example.org" },
		{ "web1", "ops@example.com", "example.com" },
		{ "the web server", "ops@example.com", "example.com" },
		{ "主机.example.org", "ops@example.com", "example.com" },
		{ "web1..org", "\"a@b\"@example.com", "example.com" },
		{ "web1", "root@localhost", "localhost" },
		{ "web1", "ops@[192.0.2.1]", "localhost" },
		{ "web1", "", "localhost" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_string_equal(mime_id_domain(rows[i].host, rows[i].from), rows[i].domain);
}

static void encodes_bodies(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "a=b \n", "\r\n\r\na=3Db=20\r\n" },
		{ "a\t\nb", "\r\n\r\na=09\r\nb\r\n" },
		{ "From x\n.\nb\r\nc\n", "\r\n\r\n=46rom x\r\n=2E\r\nb\r\nc\r\n" },
		{ "a\rb", "\r\n\r\na=0Db\r\n" },
		{ "plain long text \xff", "\r\n\r\nplain long text =EF=BF=BD\r\n" },
		{ "", "\r\n\r\n\r\n" },
		{ "磁盘磁盘", "quoted-printable\r\n\r\n=E7=A3=81=E7=9B=98=E7=A3=81=E7=9B=98\r\n" },
		/* 76 columns stay one line, 77 are two; a lone CR is no line end. */
		{ "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg123456",
			"\r\n\r\naaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg123456\r\n" },
		{ "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg1234567",
			"ffffffffffgggggggggg12345=\r\n67\r\n" },
		{ "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg123456\rz",
			"ffffffffffgggggggggg12345=\r\n6=0Dz\r\n" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_buf_ struct buf b = BUF(MIME_MESSAGE_MAX);
		struct mime_mail mail = sample();

		mail.text = rows[i].text;
		assert_int_equal(mime_compose(&b, &mail), 0);
		assert_true(strlen(rows[i].expected) <= b.len);
		assert_string_equal(b.data + b.len - strlen(rows[i].expected), rows[i].expected);
	}
}

static void knows_addresses(void **state)
{
	char local[67] = { 0 }, label[80] = { 0 };
	static const char *const good[] = { "a@b", "10000@qq.com", "a.b+c@example.org", "\"john doe\"@example.org",
		"\"a\\\"b\"@example.org", "root@[127.0.0.1]", "root@[IPv6:::1]", "用户@例子.中国", "o'neil@xn--fsq.com" };
	static const char *const bad[] = { "", "a", "@b", "a@", "a@b\r\nBcc: x@y", "a b@c", "<a@b>", "a@b>", "a@@b", ".a@b",
		"a.@b", "a..b@c", "a@-b", "a@b-", "a@b.", "a@b..c", "a@b c", "\"a@b", "\"a\nb\"@c", "\"a\\\n\"@c", "a@[1.2.3]",
		"a@[127.0.0.1", "a@[IPv6:zz]", "a@b,c@d", "a\xff@b", "a@b\xff", "a\xc2\x85@b", "a@b_c", "a@[]", "a\"b@c",
		"\"a\"b@c" };

	for (size_t i = 0; i < ELEMENTS(good); i++)
		if (!mime_is_address(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		if (mime_is_address(bad[i]))
			fail_msg("accepted: %s", bad[i]);
	memset(local, 'l', 64);
	strcpy(local + 64, "@b");
	assert_true(mime_is_address(local));
	memmove(local + 65, "@", 2);
	local[64] = 'l';
	assert_false(mime_is_address(local));
	memcpy(label, "a@", 2);
	memset(label + 2, 'd', 63);
	assert_true(mime_is_address(label));
	label[65] = 'd';
	assert_false(mime_is_address(label));
}

static void limits_the_whole_address(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	buf_puts(&b, "a@");
	for (size_t i = 0; i < 126; i++)
		buf_puts(&b, "d.");
	b.data[b.len - 1] = 'd';
	assert_int_equal(b.len, 254);
	assert_true(mime_is_address(buf_text(&b)));
	buf_putc(&b, 'd');
	assert_false(mime_is_address(buf_text(&b)));
}

static void refuses_what_is_no_mail(void **state)
{
	static const struct mime_header bad[] = { { "Subject", "x" }, { "content-type", "x" }, { "mime-version", "x" },
		{ "X Y", "x" }, { "X:", "x" }, { "", "x" }, { "X\r\nBcc", "x" }, { "X-\xc3\xa9", "x" } };
	static const struct mime_header twice[] = { { "X-A", "1" }, { "x-a", "2" } };
	static const char *const wrong = "a@b\r\nBcc: c@d";
	_cleanup_buf_ struct buf b = BUF(MIME_MESSAGE_MAX);
	struct mime_mail mail;

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		mail = sample();
		mail.headers = &bad[i];
		mail.n_headers = 1;
		assert_int_equal(mime_compose(&b, &mail), -EINVAL);
	}
	mail = sample();
	mail.headers = twice;
	mail.n_headers = 2;
	assert_int_equal(mime_compose(&b, &mail), -EINVAL);
	mail = sample();
	mail.n_to = 0;
	assert_int_equal(mime_compose(&b, &mail), -EINVAL);
	mail = sample();
	mail.to = &wrong;
	assert_int_equal(mime_compose(&b, &mail), -EINVAL);
	mail = sample();
	mail.from = wrong;
	assert_int_equal(mime_compose(&b, &mail), -EINVAL);
	mail = sample();
	mail.message_id = "";
	assert_int_equal(mime_compose(&b, &mail), -EINVAL);
	assert_int_equal(b.len, 0);
}

static void stops_at_the_maximum(void **state)
{
	struct mime_mail mail = sample();
	_cleanup_buf_ struct buf whole = BUF(MIME_MESSAGE_MAX);

	mail.html = "<p>é";
	assert_int_equal(mime_compose(&whole, &mail), 0);
	for (size_t max = 0; max <= whole.len; max++) {
		_cleanup_buf_ struct buf b = BUF(max);

		assert_int_equal(mime_compose(&b, &mail), max < whole.len ? -EMSGSIZE : 0);
	}
}

static void keeps_ids_in_their_brackets(void **state)
{
	_cleanup_buf_ struct buf b = BUF(MIME_MESSAGE_MAX);
	struct mime_mail mail = sample();

	mail.message_id = "1>\r\nBcc: x@web 1";
	mail.in_reply_to = "0\xff@web1";
	assert_int_equal(mime_compose(&b, &mail), 0);
	assert_non_null(strstr(buf_text(&b), "\r\nMessage-ID: <1___Bcc__x@web_1>\r\n"));
	assert_non_null(strstr(buf_text(&b), "\r\nIn-Reply-To: <0_@web1>\r\nReferences: <0_@web1>\r\n"));
}

static void writes_dates(void **state)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	mime_date(&b, INT64_C(1795435445999999));
	buf_putc(&b, '|');
	mime_date(&b, 0);
	assert_string_equal(buf_text(&b), "Mon, 23 Nov 2026 20:04:05 +0800|Thu, 1 Jan 1970 08:00:00 +0800");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(composes_plain_text),
		cmocka_unit_test(encodes_words_of_headers),
		cmocka_unit_test(folds_headers),
		cmocka_unit_test(writes_names),
		cmocka_unit_test(ids_have_a_domain),
		cmocka_unit_test(encodes_bodies),
		cmocka_unit_test(knows_addresses),
		cmocka_unit_test(limits_the_whole_address),
		cmocka_unit_test(refuses_what_is_no_mail),
		cmocka_unit_test(stops_at_the_maximum),
		cmocka_unit_test(keeps_ids_in_their_brackets),
		cmocka_unit_test(writes_dates),
	};

	setenv("TZ", "CST-8", 1);
	tzset();
	return cmocka_run_group_tests_name("mime", tests, NULL, NULL);
}
