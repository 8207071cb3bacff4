/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as what a server says in a login. The first byte chooses the mechanism; then each line is a challenge. A
 * server that does not know the password never gets a SCRAM login believed. */
#include "sasl.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHALLENGES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct sasl_account account = {
	.username = "user",
	.secret = "a password that no input holds",
	.token = "token",
	.server = "mail.example.org",
	.port = 465,
	.nonce = "rOprNGfwEbeRWgbNEkqO",
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* -errno when the mechanism gives up. */
static int step(struct sasl *s, const char *challenge, size_t len)
{
	_cleanup_sasl_buf_ struct buf response = BUF(0);

	require(sasl_buf(&response, SASL_MESSAGE_MAX) == 0);
	return sasl_step(s, challenge, len, &response);
}

static void talk(struct sasl *s, const char *text, size_t len)
{
	for (int i = 0; i < CHALLENGES_MAX; i++) {
		const char *end = len ? memchr(text, '\n', len) : NULL;
		size_t n = end ? (size_t)(end - text) : len;
		/* an allocation of the exact size, so that reading past the end is noticed */
		char *challenge = malloc(n + 1);

		require(challenge != NULL);
		memcpy(challenge, text, n);
		challenge[n] = '\0';
		int e = step(s, challenge, n);
		free(challenge);
		if (e < 0 || !end)
			return;
		text += n + 1;
		len -= n + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = {
		"SCRAM-SHA-256",
		"SCRAM-SHA-1",
		"OAUTHBEARER",
		"XOAUTH2",
		"LOGIN",
		"CRAM-MD5",
		"PLAIN",
		"EXTERNAL",
	};
	_cleanup_buf_ struct buf plain = BUF(SASL_MESSAGE_MAX);
	_cleanup_sasl_ struct sasl *s = NULL;

	if (len == 0)
		return 0;
	const struct sasl_mechanism *m = sasl_find(names[data[0] % ELEMENTS(names)]);
	require(sasl_new(m, &account, false, &s) == 0);
	if (m->flags & SASL_CLIENT_FIRST)
		require(step(s, NULL, 0) == 0);
	talk(s, (const char *)data + 1, len - 1);
	if (strncmp(m->name, "SCRAM", 5) == 0)
		require(!sasl_is_complete(s));
	sasl_base64_decode((const char *)data + 1, len - 1, &plain);
	return 0;
}
