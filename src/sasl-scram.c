/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCRAM (RFC 5802, RFC 7677), with channel binding by RFC 9266 or RFC 5929. The password is proved without being
 * shown, and the server proves that it knows it: a success without that proof is none. */
#include "sasl-internal.h"

#include "units.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define SCRAM_HASH_MAX 32
#define SCRAM_NONCE_BYTES 18
#define SCRAM_TEXT_MAX 4096
#define SCRAM_SALT_MAX 1024

struct hash {
	gnutls_mac_algorithm_t mac;
	gnutls_digest_algorithm_t digest;
	size_t size;
};

static const struct hash hashes[] = {
	[SASL_SHA1] = { GNUTLS_MAC_SHA1, GNUTLS_DIG_SHA1, 20 },
	[SASL_SHA256] = { GNUTLS_MAC_SHA256, GNUTLS_DIG_SHA256, 32 },
};

enum { SCRAM_START, SCRAM_SENT_FIRST, SCRAM_SENT_PROOF, SCRAM_OVER };

struct scram {
	const struct hash *hash;
	struct buf binding; /* gs2 header and channel binding data: what c= carries */
	size_t header_len; /* of the gs2 header in it */
	struct buf bare; /* client-first-message-bare */
	struct buf nonce;
	unsigned char expected[SCRAM_HASH_MAX]; /* ServerSignature */
};

/* What the server's first message says. */
struct scram_first {
	const char *nonce;
	size_t nonce_len;
	struct buf salt;
	int64_t iterations;
};

static void scram_first_free(struct scram_first *f)
{
	buf_free(&f->salt);
}

static int scram_nonce(struct sasl *s, struct scram *c)
{
	unsigned char bytes[SCRAM_NONCE_BYTES];

	if (s->account->nonce) {
		buf_puts(&c->nonce, s->account->nonce);
		return buf_error(&c->nonce);
	}
	if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes)) < 0)
		return -EIO;
	return sasl_base64_encode(bytes, sizeof(bytes), &c->nonce);
}

/* The exporter where TLS 1.3 has one, else the hash of the server's certificate. */
static int scram_binding(const struct sasl_account *a, struct buf *ret_data, const char **ret_name)
{
	static const struct {
		enum stream_binding kind;
		const char *name;
	} kinds[] = {
		{ STREAM_TLS_EXPORTER, "tls-exporter" },
		{ STREAM_TLS_SERVER_END_POINT, "tls-server-end-point" },
	};

	if (!a->stream || !a->stream->ops->is_tls(a->stream->data))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		buf_clear(ret_data);
		if (a->stream->ops->binding(a->stream->data, kinds[i].kind, ret_data) == 0 &&
			ret_data->len > 0) {
			*ret_name = kinds[i].name;
			return buf_error(ret_data);
		}
	}
	return -EOPNOTSUPP;
}

/* "p=…" with binding; "y": we could, and believe that the server cannot (so that it notices when somebody took
 * -PLUS out of its offer); "n": we cannot, or were told not to (RFC 5802, 6). */
static int scram_header(struct sasl *s, struct scram *c, bool server_has_plus)
{
	_cleanup_buf_ struct buf data = BUF(SCRAM_TEXT_MAX);
	const char *name = NULL;
	int has_binding = scram_binding(s->account, &data, &name);

	if (s->mechanism->flags & SASL_NEEDS_BINDING) {
		if (has_binding < 0)
			return has_binding;
		buf_printf(&c->binding, "p=%s,,", name);
	} else {
		buf_puts(&c->binding, has_binding == 0 && !server_has_plus ? "y,," : "n,,");
		buf_clear(&data);
	}
	c->header_len = c->binding.len;
	buf_append(&c->binding, buf_text(&data), data.len);
	return buf_error(&c->binding);
}

static int scram_bare(struct sasl *s, struct scram *c)
{
	_cleanup_buf_ struct buf name = BUF(SCRAM_TEXT_MAX);
	int e = sasl_prepare(s->account->username, &name);

	if (e < 0)
		return e;
	buf_puts(&c->bare, "n=");
	for (const char *p = buf_text(&name); *p; p++) {
		if (*p == ',')
			buf_puts(&c->bare, "=2C");
		else if (*p == '=')
			buf_puts(&c->bare, "=3D");
		else
			buf_putc(&c->bare, *p);
	}
	buf_printf(&c->bare, ",r=%s", buf_text(&c->nonce));
	return buf_error(&c->bare);
}

static void scram_end(struct sasl *s)
{
	struct scram *c = s->state;

	if (!c)
		return;
	buf_free(&c->binding);
	buf_free(&c->bare);
	buf_free(&c->nonce);
	gnutls_memset(c, 0, sizeof(*c));
	free(c);
	s->state = NULL;
}

static int scram_begin(struct sasl *s, bool server_has_plus)
{
	struct scram *c = s->state = calloc(1, sizeof(*c));
	int e;

	if (!c)
		return -ENOMEM;
	c->hash = &hashes[s->mechanism->variant];
	c->binding = c->bare = BUF(2 * SCRAM_TEXT_MAX);
	c->nonce = BUF(SCRAM_TEXT_MAX);
	e = scram_nonce(s, c);
	if (e == 0)
		e = scram_header(s, c, server_has_plus);
	return e < 0 ? e : scram_bare(s, c);
}

/* Takes "K=value" off *TEXT, with the comma behind it. */
static bool take_attribute(const char **text, const char *end, char key, const char **ret, size_t *ret_len)
{
	const char *t = *text;

	if (end - t < 2 || t[0] != key || t[1] != '=')
		return false;
	const char *comma = memchr(t, ',', (size_t)(end - t));
	const char *stop = comma ? comma : end;
	*ret = t + 2;
	*ret_len = (size_t)(stop - t - 2);
	*text = comma ? comma + 1 : end;
	return true;
}

static bool is_nonce(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e || text[i] == ',')
			return false;
	return len > 0;
}

static int scram_iterations(struct sasl *s, const char *text, size_t len, int64_t *ret)
{
	char digits[8];
	int64_t n = 0;

	if (len == 0 || len >= sizeof(digits))
		return sasl_fail(s, "the server's SCRAM iteration count is missing or absurd");
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (digits[strspn(digits, "0123456789")])
		return sasl_fail(s, "the server's SCRAM iteration count is no number");
	if (parse_int(digits, &n) < 0 || n < SASL_ITERATIONS_MIN || n > SASL_ITERATIONS_MAX)
		return sasl_fail(s,
			"the server wants %s SCRAM iterations; %d to %d are accepted (fewer protect the "
			"password badly, more would only keep this host busy)",
			digits, SASL_ITERATIONS_MIN, SASL_ITERATIONS_MAX);
	*ret = n;
	return 0;
}

static int scram_parse_first(
	struct sasl *s, const struct scram *c, const char *text, size_t len, struct scram_first *f)
{
	const char *end = text + len, *value;
	size_t n;

	if (take_attribute(&text, end, 'e', &value, &n))
		return sasl_fail(s, "the server ends SCRAM: %.*s", (int)n, value);
	if (!take_attribute(&text, end, 'r', &f->nonce, &f->nonce_len))
		return sasl_fail(s, "the server's first SCRAM message does not begin with a nonce");
	/* Without our own nonce in it the message could be a recorded one. */
	if (f->nonce_len <= c->nonce.len || memcmp(f->nonce, c->nonce.data, c->nonce.len) != 0 ||
		!is_nonce(f->nonce, f->nonce_len))
		return sasl_fail(
			s, "the server's SCRAM nonce does not continue ours: a replay or a broken server");
	if (!take_attribute(&text, end, 's', &value, &n) || sasl_base64_decode(value, n, &f->salt) < 0 ||
		f->salt.len == 0)
		return sasl_fail(s, "the server's SCRAM salt is missing or no base64");
	if (!take_attribute(&text, end, 'i', &value, &n))
		return sasl_fail(s, "the server's SCRAM iteration count is missing");
	return scram_iterations(s, value, n, &f->iterations);
}

static int hmac(const struct hash *h, const void *key, size_t key_len, const void *data, size_t len,
	unsigned char *ret)
{
	return gnutls_hmac_fast(h->mac, key, key_len, data, len, ret) < 0 ? -EIO : 0;
}

/* RFC 5802, 3: SaltedPassword. */
static int scram_salt_password(
	struct sasl *s, const struct hash *h, const struct scram_first *f, unsigned char *ret)
{
	_cleanup_sasl_buf_ struct buf password = BUF(0);
	int e = sasl_buf(&password, SCRAM_TEXT_MAX);

	if (e == 0)
		e = sasl_prepare(s->account->secret, &password);
	if (e < 0)
		return e == -EINVAL
			       ? sasl_fail(s, "the password is not UTF-8, or holds what SCRAM does not allow")
			       : e;

	gnutls_datum_t key = { (unsigned char *)password.data, (unsigned)password.len };
	gnutls_datum_t salt = { (unsigned char *)f->salt.data, (unsigned)f->salt.len };
	return gnutls_pbkdf2(h->mac, &key, &salt, (unsigned)f->iterations, ret, h->size) < 0 ? -EIO : 0;
}

/* ClientProof to PROOF, ServerSignature to c->expected. KEYS is scratch, wiped by the caller. */
static int scram_prove(struct scram *c, const struct buf *message, unsigned char keys[4][SCRAM_HASH_MAX],
	unsigned char *proof)
{
	const struct hash *h = c->hash;
	unsigned char *salted = keys[0], *client_key = keys[1], *stored_key = keys[2], *server_key = keys[3];

	if (hmac(h, salted, h->size, "Client Key", 10, client_key) < 0 ||
		gnutls_hash_fast(h->digest, client_key, h->size, stored_key) < 0 ||
		hmac(h, stored_key, h->size, message->data, message->len, proof) < 0 ||
		hmac(h, salted, h->size, "Server Key", 10, server_key) < 0 ||
		hmac(h, server_key, h->size, message->data, message->len, c->expected) < 0)
		return -EIO;
	for (size_t i = 0; i < h->size; i++)
		proof[i] ^= client_key[i];
	return 0;
}

static int scram_answer(struct sasl *s, struct scram *c, const char *challenge, size_t len,
	const struct scram_first *f, struct buf *response)
{
	_cleanup_buf_ struct buf final = BUF(4 * SCRAM_TEXT_MAX), message = BUF(SASL_MESSAGE_MAX);
	unsigned char keys[4][SCRAM_HASH_MAX], proof[SCRAM_HASH_MAX];
	int e;

	buf_puts(&final, "c=");
	if (sasl_base64_encode(c->binding.data, c->binding.len, &final) < 0)
		return -ENOMEM;
	buf_puts(&final, ",r=");
	buf_append(&final, f->nonce, f->nonce_len);

	buf_printf(&message, "%s,", buf_text(&c->bare));
	buf_append(&message, challenge, len);
	buf_printf(&message, ",%s", buf_text(&final));
	if (buf_error(&final) || buf_error(&message))
		return sasl_fail(s, "the server's SCRAM message is too long");

	e = scram_salt_password(s, c->hash, f, keys[0]);
	if (e == 0)
		e = scram_prove(c, &message, keys, proof);
	if (e == 0) {
		buf_printf(response, "%s,p=", buf_text(&final));
		e = sasl_base64_encode(proof, c->hash->size, response);
	}
	gnutls_memset(keys, 0, sizeof(keys));
	gnutls_memset(proof, 0, sizeof(proof));
	return e == -EIO ? sasl_fail(s, "this host's cryptographic policy does not allow %s",
				   s->mechanism->name)
			 : e;
}

static int scram_continue(
	struct sasl *s, struct scram *c, const char *challenge, size_t len, struct buf *response)
{
	_cleanup_(scram_first_free) struct scram_first f = { .salt = BUF(SCRAM_SALT_MAX) };

	if (len > SCRAM_TEXT_MAX || memchr(challenge, '\0', len))
		return sasl_fail(s, "the server's SCRAM message is too long, or holds NUL");
	int e = scram_parse_first(s, c, challenge, len, &f);
	return e < 0 ? e : scram_answer(s, c, challenge, len, &f, response);
}

static int scram_verify(struct sasl *s, const struct scram *c, const char *challenge, size_t len)
{
	_cleanup_buf_ struct buf signature = BUF(SCRAM_SALT_MAX);
	const char *end = challenge + len, *value;
	size_t n;

	if (take_attribute(&challenge, end, 'e', &value, &n))
		return sasl_fail(s, "the server ends SCRAM: %.*s", (int)n, value);
	if (!take_attribute(&challenge, end, 'v', &value, &n) ||
		sasl_base64_decode(value, n, &signature) < 0 || signature.len != c->hash->size ||
		gnutls_memcmp(signature.data, c->expected, c->hash->size) != 0)
		return sasl_fail(s,
			"the server cannot prove that it knows the password: this is not the server it "
			"says it is, or somebody is in between");
	s->is_complete = true;
	return 0;
}

static int scram_step(struct sasl *s, const char *challenge, size_t len, struct buf *response)
{
	struct scram *c = s->state;

	switch (s->stage++) {
	case SCRAM_START:
		if (challenge)
			return sasl_fail(s, "the server speaks first in SCRAM");
		buf_append(response, c->binding.data, c->header_len);
		buf_append(response, c->bare.data, c->bare.len);
		return buf_error(response);
	case SCRAM_SENT_FIRST:
		return challenge ? scram_continue(s, c, challenge, len, response) : -EPROTO;
	case SCRAM_SENT_PROOF:
		return challenge ? scram_verify(s, c, challenge, len) : -EPROTO;
	default:
		s->is_complete = false;
		return sasl_fail(s, "the server goes on asking after SCRAM is over");
	}
}

const struct sasl_ops sasl_scram_ops = { .begin = scram_begin, .step = scram_step, .end = scram_end };
