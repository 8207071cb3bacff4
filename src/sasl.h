/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SASL mechanisms (RFC 4422), client side: bytes in, bytes out. No base64 of the profile and no SMTP: that is smtp.c.
 *
 * One login is one `struct sasl`: sasl_new(), sasl_step() for the initial response and for each challenge, and
 * sasl_is_complete() when the server says that it succeeded, which may be believed only then. */
#pragma once

#include "stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SASL_MESSAGE_MAX (64 * 1024) /* most bytes of one challenge or response, before base64 */
/* RFC 7677, 4: 4096 at least. The upper end costs about a second; nothing can stop PBKDF2 once it runs. */
#define SASL_ITERATIONS_MIN 4096
#define SASL_ITERATIONS_MAX 1000000

struct sasl_account {
	const char *username, *secret, *token; /* NULL where there is none */
	const char *server; /* host and port as configured, for OAUTHBEARER */
	uint16_t port;
	const struct stream *stream; /* for channel binding; NULL: none */
	const char *nonce; /* for the test vectors of the RFCs; NULL: a random one */
};

enum sasl_flags {
	SASL_READABLE = 1 << 0, /* the wire carries what can be used again: never without encryption */
	SASL_NEEDS_SECRET = 1 << 1,
	SASL_NEEDS_TOKEN = 1 << 2,
	SASL_NEEDS_BINDING = 1 << 3, /* SCRAM-…-PLUS */
	SASL_NEEDS_USERNAME = 1 << 4,
	SASL_CERTIFICATE = 1 << 5, /* EXTERNAL */
	SASL_CLIENT_FIRST = 1 << 6, /* has an initial response */
	SASL_RAW_CHALLENGE = 1 << 7, /* LOGIN: prompts as the field has them, base64 or not */
};

struct sasl_mechanism {
	const char *name;
	unsigned flags;
	const struct sasl_ops *ops;
	int variant; /* of the ops: which hash */
};

/* The mechanism called NAME (any case), or NULL. */
const struct sasl_mechanism *sasl_find(const char *name);

/* All of them, the strongest first; the last row has name NULL. PLAIN and LOGIN stand before CRAM-MD5: over TLS that
 * only adds a round trip and obliges the server to keep the password itself (draft-ietf-sasl-crammd5-to-historic). */
extern const struct sasl_mechanism sasl_mechanisms[];

/* Can this account use M, over a stream that is encrypted or not? What is missing comes as words for the
 * administrator: *ret_reason is a constant string. */
bool sasl_is_possible(const struct sasl_mechanism *m, const struct sasl_account *a, bool is_encrypted,
	const char **ret_reason);

struct sasl;

/* SERVER_HAS_PLUS: the server offers the -PLUS sibling (RFC 5802, 6: what the gs2 flag must say against downgrade).
 * The account must outlive it. -ENOMEM; -EINVAL: user name or password cannot be used with it (NUL, not UTF-8);
 * -EOPNOTSUPP: no channel binding here. */
int sasl_new(const struct sasl_mechanism *m, const struct sasl_account *a, bool server_has_plus, struct sasl **ret);

/* Answers CHALLENGE, or, when CHALLENGE is NULL, gives the initial response. Appends to RESPONSE, which must come from
 * sasl_buf(). Returns 0; -EPROTO: the server's message is wrong or proves nothing, see sasl_error(): cancel with "*";
 * -ENOMEM, -EMSGSIZE. */
int sasl_step(struct sasl *s, const void *challenge, size_t len, struct buf *response);

/* Has the server proved all that this mechanism proves? Mechanisms without proof: are all our messages sent? */
bool sasl_is_complete(const struct sasl *s);

/* One sentence: why the last step failed, or what the server said about its refusal (the JSON of XOAUTH2, e= of
 * SCRAM). NULL: nothing to add. Not cleaned. */
const char *sasl_error(const struct sasl *s);

/* Wipes. Returns NULL. */
struct sasl *sasl_free(struct sasl *s);

static inline void sasl_free_pointer(struct sasl **s)
{
	sasl_free(*s);
}
#define _cleanup_sasl_ _cleanup_(sasl_free_pointer)

/* A buffer for secrets: memory for MAX bytes from birth, so that growing leaves no copies behind. -ENOMEM. */
int sasl_buf(struct buf *b, size_t max);

/* Wipes and frees. */
void sasl_buf_free(struct buf *b);
#define _cleanup_sasl_buf_ _cleanup_(sasl_buf_free)

/* Appends base64 of DATA. -ENOMEM, -EMSGSIZE. */
int sasl_base64_encode(const void *data, size_t len, struct buf *b);

/* Appends what TEXT stands for; strict: padding, no blanks. -EPROTO, -ENOMEM, -EMSGSIZE. */
int sasl_base64_decode(const char *text, size_t len, struct buf *b);
