/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vectors of the RFCs for each mechanism, and what a hostile server may say. */
#include "sasl.h"
#include "test.h"
#include "tests/support/both-languages.h"
#include "translate.h"

#include <errno.h>
#include <string.h>

static struct sasl *begin(const char *mechanism, const struct sasl_account *a)
{
	struct sasl *s = NULL;

	assert_int_equal(sasl_new(sasl_find(mechanism), a, false, &s), 0);
	return s;
}

/* Steps with CHALLENGE (NULL: none) and expects RESPONSE. */
static void assert_step(struct sasl *s, const char *challenge, const char *response)
{
	_cleanup_sasl_buf_ struct buf b = BUF(0);

	assert_int_equal(sasl_buf(&b, SASL_MESSAGE_MAX), 0);
	assert_int_equal(sasl_step(s, challenge, challenge ? strlen(challenge) : 0, &b), 0);
	assert_string_equal(b.data, response);
}

static void assert_refused(struct sasl *s, const char *challenge, const char *words)
{
	_cleanup_sasl_buf_ struct buf b = BUF(0);

	assert_int_equal(sasl_buf(&b, SASL_MESSAGE_MAX), 0);
	assert_int_equal(sasl_step(s, challenge, strlen(challenge), &b), -EPROTO);
	assert_non_null(sasl_error(s));
	assert_says(sasl_error(s), words);
	assert_false(sasl_is_complete(s));
}

/* RFC 5802, section 5. */
static void knows_scram_sha_1(void **state)
{
	const struct sasl_account a = {
		.username = "user", .secret = "pencil", .nonce = "fyko+d2lbbFgONRv9qkxdawL"
	};
	_cleanup_sasl_ struct sasl *s = begin("SCRAM-SHA-1", &a);

	assert_step(s, NULL, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
	assert_step(s, "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
	assert_false(sasl_is_complete(s));
	assert_step(s, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "");
	assert_true(sasl_is_complete(s));
	assert_refused(s, "more", "goes on");
}

/* RFC 7677, section 3. */
static const struct sasl_account sha256_account = {
	.username = "user",
	.secret = "pencil",
	.nonce = "rOprNGfwEbeRWgbNEkqO",
};
#define SHA256_FIRST "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define SHA256_PROOF                                                                     \
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+" \
	"Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void knows_scram_sha_256(void **state)
{
	_cleanup_sasl_ struct sasl *s = begin("scram-sha-256", &sha256_account);

	assert_step(s, NULL, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	assert_step(s, SHA256_FIRST, SHA256_PROOF);
	assert_step(s, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "");
	assert_true(sasl_is_complete(s));
}

static void wants_the_servers_signature(void **state)
{
	static const char *const finals[] = {
		"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		"v=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95A==",
		"",
		"e=other-error",
		"w=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
	};

	for (size_t i = 0; i < ELEMENTS(finals); i++) {
		_cleanup_sasl_ struct sasl *s = begin("SCRAM-SHA-256", &sha256_account);

		assert_step(s, NULL, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
		assert_step(s, SHA256_FIRST, SHA256_PROOF);
		assert_refused(
			s, finals[i], strchr(finals[i], 'e') == finals[i] ? "other-error" : "cannot prove");
	}
}

static void refuses_bad_first_messages(void **state)
{
	static const struct {
		const char *message, *words;
	} bad[] = {
		{ "", "nonce" },
		{ "m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096", "nonce" },
		{ "r=rOprNGfwEbeRWgbNEkqO,s=c2FsdA==,i=4096", "nonce" },
		{ "r=xrOprNGfwEbeRWgbNEkqO,s=c2FsdA==,i=4096", "nonce" },
		{ "r=rOprNGfwEbeRWgbNEkqO x,s=c2FsdA==,i=4096", "nonce" },
		{ "r=rOprNGfwEbeRWgbNEkqOx", "salt" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "salt" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2Fsd,i=4096", "salt" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==", "iteration" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=", "iteration" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4095", "4095" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=1000001", "1000001" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=40 96", "iteration" },
		{ "r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=0x1000", "iteration" },
		{ "e=unknown-user", "unknown-user" },
	};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_sasl_ struct sasl *s = begin("SCRAM-SHA-256", &sha256_account);

		assert_step(s, NULL, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
		assert_refused(s, bad[i].message, bad[i].words);
	}
}

static void escapes_names(void **state)
{
	const struct sasl_account a = { .username = "a,b=c", .secret = "x", .nonce = "n" };
	_cleanup_sasl_ struct sasl *s = begin("SCRAM-SHA-1", &a);

	assert_step(s, NULL, "n,,n=a=2Cb=3Dc,r=n");
}

/* RFC 8265 for what is not ASCII; bytes that are no UTF-8, and control characters, are refused. */
static void prepares_passwords(void **state)
{
	static const struct {
		const char *username;
		int expected;
	} names[] = { { "user", 0 }, { "j\xc3\xbcrgen", 0 }, { "j\xfcrgen", -EINVAL }, { "a\nb", -EINVAL } };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		const struct sasl_account a = { .username = names[i].username, .secret = "x" };
		_cleanup_sasl_ struct sasl *s = NULL;

		assert_int_equal(sasl_new(sasl_find("SCRAM-SHA-256"), &a, false, &s), names[i].expected);
	}
	const struct sasl_account latin1 = {
		.username = "user", .secret = "gr\xfc\xdf", .nonce = "rOprNGfwEbeRWgbNEkqO"
	};
	_cleanup_sasl_ struct sasl *s = begin("SCRAM-SHA-256", &latin1);
	assert_step(s, NULL, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	assert_refused(s, SHA256_FIRST, "not UTF-8");
}

static void chooses_its_own_nonce(void **state)
{
	const struct sasl_account a = { .username = "user", .secret = "pencil" };
	struct buf first[2];

	for (size_t i = 0; i < 2; i++) {
		_cleanup_sasl_ struct sasl *s = begin("SCRAM-SHA-256", &a);

		assert_int_equal(sasl_buf(&first[i], SASL_MESSAGE_MAX), 0);
		assert_int_equal(sasl_step(s, NULL, 0, &first[i]), 0);
		assert_true(first[i].len > strlen("n,,n=user,r=") + 20);
	}
	assert_string_not_equal(first[0].data, first[1].data);
	sasl_buf_free(&first[0]);
	sasl_buf_free(&first[1]);
}

/* RFC 4616, section 4. */
static void knows_plain(void **state)
{
	const struct sasl_account a = { .username = "tim", .secret = "tanstaaftanstaaf" };
	_cleanup_sasl_ struct sasl *s = begin("PLAIN", &a);
	_cleanup_sasl_buf_ struct buf b = BUF(0);

	assert_int_equal(sasl_buf(&b, 100), 0);
	assert_int_equal(sasl_step(s, NULL, 0, &b), 0);
	assert_int_equal(b.len, 21);
	assert_memory_equal(b.data, "\0tim\0tanstaaftanstaaf", 21);
	assert_true(sasl_is_complete(s));
}

/* RFC 2195, section 2. */
static void knows_cram_md5(void **state)
{
	const struct sasl_account a = { .username = "tim", .secret = "tanstaaftanstaaf" };
	_cleanup_sasl_ struct sasl *s = begin("CRAM-MD5", &a);

	assert_step(s, "<1896.697170952@postoffice.reston.mci.net>", "tim b913a602c7eda7a495b4e6e7334d3890");
	assert_true(sasl_is_complete(s));
	assert_int_equal(sasl_step(s, "x", 1, &(struct buf){ .max = 10 }), -EPROTO);
}

/* RFC 7628, section 4.1; its port and host. */
static void knows_oauthbearer(void **state)
{
	const struct sasl_account a = {
		.username = "user@example.com",
		.token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
		.server = "server.example.com",
		.port = 143,
	};
	_cleanup_sasl_ struct sasl *s = begin("OAUTHBEARER", &a);

	assert_step(s, NULL,
		"n,a=user@example.com,\1host=server.example.com\1port=143\1"
		"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1");
	assert_true(sasl_is_complete(s));
	assert_step(s,
		"{\"status\":\"invalid_token\",\"scope\":\"example_scope\","
		"\"openid-configuration\":\"https://example.com/.well-known/openid-configuration\"}",
		"\1");
	assert_says(
		sasl_error(s), "the token was refused: status invalid_token, scope example_scope");
	assert_false(sasl_is_complete(s));
}

/* developers.google.com/workspace/gmail/imap/xoauth2-protocol */
static void knows_xoauth2(void **state)
{
	const struct sasl_account a = {
		.username = "someuser@example.com",
		.token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
	};
	_cleanup_sasl_ struct sasl *s = begin("XOAUTH2", &a);

	assert_step(s, NULL,
		"user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1");
	assert_step(
		s, "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"https://mail.google.com/\"}", "");
	assert_says(sasl_error(s),
		"the token was refused: status 401, schemes bearer, scope https://mail.google.com/");
	assert_false(sasl_is_complete(s));
}

static void refuses_tokens_that_inject(void **state)
{
	const struct sasl_account a = { .username = "u", .token = "abc\1auth=Bearer other" };
	struct sasl *s = NULL;

	assert_int_equal(sasl_new(sasl_find("XOAUTH2"), &a, false, &s), -EINVAL);
	assert_null(s);
}

static void says_what_is_missing(void **state)
{
	const struct sasl_account none = { .username = "u" }, secret = { .username = "u", .secret = "s" };
	const char *reason = NULL;

	assert_false(sasl_is_possible(sasl_find("PLAIN"), &none, true, &reason));
	assert_says(_(reason), "password");
	assert_false(sasl_is_possible(sasl_find("PLAIN"), &secret, false, &reason));
	assert_says(_(reason), "unencrypted");
	assert_true(sasl_is_possible(sasl_find("PLAIN"), &secret, true, &reason));
	assert_true(sasl_is_possible(sasl_find("SCRAM-SHA-256"), &secret, false, &reason));
	assert_false(sasl_is_possible(sasl_find("SCRAM-SHA-256-PLUS"), &secret, true, &reason));
	assert_false(sasl_is_possible(sasl_find("XOAUTH2"), &secret, true, &reason));
	assert_null(sasl_find("GSSAPI"));
}

/* RFC 4648, section 10, and what is none. */
static void knows_base64(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Zg", "Zg=", "Z===", "Zm9v ", "Zm\n9v", "Zm9v\r\n",
		"====", "Zg==Zg==", "Zm-_" };

	for (size_t i = 0; i < ELEMENTS(pairs); i++) {
		_cleanup_buf_ struct buf coded = BUF(100), plain = BUF(100);

		assert_int_equal(sasl_base64_encode(pairs[i][0], strlen(pairs[i][0]), &coded), 0);
		assert_string_equal(buf_text(&coded), pairs[i][1]);
		assert_int_equal(sasl_base64_decode(pairs[i][1], strlen(pairs[i][1]), &plain), 0);
		assert_string_equal(buf_text(&plain), pairs[i][0]);
	}
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_buf_ struct buf plain = BUF(100);

		assert_int_equal(sasl_base64_decode(bad[i], strlen(bad[i]), &plain), -EPROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_scram_sha_1),
		cmocka_unit_test(knows_scram_sha_256),
		cmocka_unit_test(wants_the_servers_signature),
		cmocka_unit_test(refuses_bad_first_messages),
		cmocka_unit_test(escapes_names),
		cmocka_unit_test(prepares_passwords),
		cmocka_unit_test(chooses_its_own_nonce),
		cmocka_unit_test(knows_plain),
		cmocka_unit_test(knows_cram_md5),
		cmocka_unit_test(knows_oauthbearer),
		cmocka_unit_test(knows_xoauth2),
		cmocka_unit_test(refuses_tokens_that_inject),
		cmocka_unit_test(says_what_is_missing),
		cmocka_unit_test(knows_base64),
	};

	return run_in_both_languages(tests, NULL, NULL);
}
