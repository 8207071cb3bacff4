/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of SASL mechanisms and all of them but SCRAM; see sasl.h. */
#include "sasl-internal.h"

#include "translate.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

int sasl_buf(struct buf *b, size_t max)
{
	char *data = malloc(max + 1);

	if (!data)
		return -ENOMEM;
	data[0] = '\0';
	*b = (struct buf){ .data = data, .size = max + 1, .max = max };
	return 0;
}

void sasl_buf_free(struct buf *b)
{
	if (b->data)
		gnutls_memset(b->data, 0, b->size);
	buf_free(b);
}

int sasl_base64_encode(const void *data, size_t len, struct buf *b)
{
	gnutls_datum_t in = { .data = (unsigned char *)(uintptr_t)data, .size = (unsigned)len }, out = { 0 };

	if (len == 0)
		return 0;
	if (len > SASL_MESSAGE_MAX)
		return -EMSGSIZE;
	if (gnutls_base64_encode2(&in, &out) < 0)
		return -ENOMEM;
	buf_append(b, out.data, out.size);
	gnutls_memset(out.data, 0, out.size);
	gnutls_free(out.data);
	return buf_error(b);
}

/* The library's decoder takes line ends and misses padding; RFC 4954 allows neither. */
static bool is_base64(const char *text, size_t len)
{
	size_t padding = 0;

	if (len % 4)
		return false;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len - padding; i++) {
		char c = text[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '+' || c == '/'))
			return false;
	}
	return true;
}

int sasl_base64_decode(const char *text, size_t len, struct buf *b)
{
	gnutls_datum_t in = { .data = (unsigned char *)(uintptr_t)text, .size = (unsigned)len }, out = { 0 };

	if (len == 0)
		return 0;
	if (len > 2 * SASL_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!is_base64(text, len))
		return -EPROTO;
	int r = gnutls_base64_decode2(&in, &out);
	if (r < 0)
		return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EPROTO;
	buf_append(b, out.data, out.size);
	gnutls_memset(out.data, 0, out.size);
	gnutls_free(out.data);
	return buf_error(b);
}

int sasl_fail(struct sasl *s, const char *format, ...)
{
	va_list arguments;

	buf_clear(&s->error);
	va_start(arguments, format);
	buf_vprintf(&s->error, translate(format), arguments);
	va_end(arguments);
	return -EPROTO;
}

static bool is_printable_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < 32 || *text > 126)
			return false;
	return true;
}

int sasl_prepare(const char *text, struct buf *b)
{
	gnutls_datum_t out = { 0 };

	if (is_printable_ascii(text)) {
		buf_puts(b, text);
		return buf_error(b);
	}
	int r = gnutls_utf8_password_normalize((const unsigned char *)text, (unsigned)strlen(text), &out, 0);
	if (r < 0)
		return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
	buf_append(b, out.data, out.size);
	gnutls_memset(out.data, 0, out.size);
	gnutls_free(out.data);
	return buf_error(b);
}

/* Mechanisms whose only message is the first. */
static int only_once(struct sasl *s, const char *challenge)
{
	if (challenge)
		return sasl_fail(
			s, "the server asks for more, where %s has nothing more to say", s->mechanism->name);
	s->is_complete = true;
	return 0;
}

/* RFC 4616. */
static int plain_step(struct sasl *s, const char *challenge, size_t len, struct buf *response)
{
	int e = only_once(s, challenge);

	if (e < 0)
		return e;
	buf_putc(response, '\0');
	buf_puts(response, s->account->username);
	buf_putc(response, '\0');
	buf_puts(response, s->account->secret);
	return buf_error(response);
}

/* RFC 4422, appendix A: the empty message leaves it to the server to take the name from the certificate. */
static int external_step(struct sasl *s, const char *challenge, size_t len, struct buf *response)
{
	int e = only_once(s, challenge);

	if (e < 0)
		return e;
	buf_puts(response, s->account->username ? s->account->username : "");
	return buf_error(response);
}

static bool contains_word(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (strncasecmp(text + i, word, n) == 0)
			return true;
	return false;
}

/* Is it a prompt for the password? Prompts come in base64 ("UGFzc3dvcmQ6"), and as they are from some appliances. */
static bool is_password_prompt(const char *prompt, size_t len)
{
	_cleanup_buf_ struct buf plain = BUF(SASL_MESSAGE_MAX);

	if (sasl_base64_decode(prompt, len, &plain) < 0)
		return contains_word(prompt, len, "pass");
	return contains_word(buf_text(&plain), plain.len, "pass");
}

enum { LOGIN_SENT_USERNAME = 1, LOGIN_SENT_PASSWORD = 2 };

/* draft-murchison-sasl-login: first the name, then the password, whatever the prompts say; only a prompt that names
 * the password gets it although the name was not asked for. */
static int login_step(struct sasl *s, const char *challenge, size_t len, struct buf *response)
{
	unsigned next = LOGIN_SENT_USERNAME;

	if ((s->stage & LOGIN_SENT_USERNAME) || is_password_prompt(challenge, len))
		next = LOGIN_SENT_PASSWORD;
	if (s->stage & next)
		return sasl_fail(s, "the server asks a third time in LOGIN");
	s->stage |= next;
	buf_puts(response, next == LOGIN_SENT_PASSWORD ? s->account->secret : s->account->username);
	s->is_complete = next == LOGIN_SENT_PASSWORD;
	return buf_error(response);
}

/* RFC 2195. */
static int cram_md5_step(struct sasl *s, const char *challenge, size_t len, struct buf *response)
{
	const char *secret = s->account->secret;
	unsigned char digest[16];

	if (s->stage++ > 0)
		return sasl_fail(s, "the server sends a second challenge in CRAM-MD5");
	if (gnutls_hmac_fast(GNUTLS_MAC_MD5, secret, strlen(secret), challenge, len, digest) < 0)
		return sasl_fail(
			s, "this host's cryptographic policy does not allow MD5, so not CRAM-MD5 either");
	buf_printf(response, "%s ", s->account->username);
	for (size_t i = 0; i < sizeof(digest); i++)
		buf_printf(response, "%02x", digest[i]);
	gnutls_memset(digest, 0, sizeof(digest));
	s->is_complete = true;
	return buf_error(response);
}

enum { OAUTH_XOAUTH2, OAUTH_BEARER };

/* An authorization identity inside a GS2 header: RFC 5801, 4 "saslname". */
static void put_saslname(struct buf *b, const char *name)
{
	for (; *name; name++) {
		if (*name == ',')
			buf_puts(b, "=2C");
		else if (*name == '=')
			buf_puts(b, "=3D");
		else
			buf_putc(b, *name);
	}
}

static int oauth_first(struct sasl *s, struct buf *response)
{
	const struct sasl_account *a = s->account;

	if (s->mechanism->variant == OAUTH_XOAUTH2) {
		buf_printf(response, "user=%s\1", a->username);
	} else {
		buf_puts(response, "n,a=");
		put_saslname(response, a->username);
		buf_putc(response, ',');
		if (a->server)
			buf_printf(response, "\1host=%s", a->server);
		if (a->port)
			buf_printf(response, "\1port=%u", a->port);
		buf_putc(response, '\1');
	}
	buf_puts(response, "auth=Bearer ");
	buf_puts(response, a->token);
	buf_puts(response, "\1\1");
	s->is_complete = true;
	return buf_error(response);
}

static void add_member(struct buf *b, json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	if (value)
		buf_printf(b, "%s%s %s", b->len > 0 ? ", " : "", key, value);
}

static void json_decref_pointer(json_t **json)
{
	json_decref(*json);
}

/* RFC 7628, 3.2.2, and the like of it that came before: {"status":"401","schemes":"bearer","scope":"…"}. */
static void oauth_read_refusal(struct sasl *s, const char *text, size_t len)
{
	static const char *const keys[] = { "status", "error", "error_description", "schemes", "scope" };
	_cleanup_buf_ struct buf words = BUF(4096);
	json_error_t error;
	_cleanup_(json_decref_pointer) json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		add_member(&words, json, keys[i]);
	buf_clear(&s->error);
	if (words.len > 0 && buf_error(&words) == 0)
		buf_printf(&s->error, _("the token was refused: %s"), buf_text(&words));
	else
		buf_puts(&s->error, _("the token was refused, and the reason given is not readable"));
}

/* A challenge is the reason of a refusal; a dummy answer lets the server say 535. */
static int oauth_step(struct sasl *s, const char *challenge, size_t len, struct buf *response)
{
	if (!challenge)
		return oauth_first(s, response);
	if (s->stage++ > 0)
		return sasl_fail(s, "the server goes on asking after it refused the token");
	s->is_complete = false;
	oauth_read_refusal(s, challenge, len);
	if (s->mechanism->variant == OAUTH_BEARER)
		buf_putc(response, '\1'); /* RFC 7628, 3.2.3 */
	return buf_error(response);
}

static const struct sasl_ops plain_ops = { .step = plain_step };
static const struct sasl_ops external_ops = { .step = external_step };
static const struct sasl_ops login_ops = { .step = login_step };
static const struct sasl_ops cram_md5_ops = { .step = cram_md5_step };
static const struct sasl_ops oauth_ops = { .step = oauth_step };

#define SCRAM (SASL_NEEDS_USERNAME | SASL_NEEDS_SECRET | SASL_CLIENT_FIRST)
#define PASSWORD (SASL_NEEDS_USERNAME | SASL_NEEDS_SECRET)
#define TOKEN (SASL_NEEDS_USERNAME | SASL_NEEDS_TOKEN | SASL_READABLE | SASL_CLIENT_FIRST)

const struct sasl_mechanism sasl_mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", SCRAM | SASL_NEEDS_BINDING, &sasl_scram_ops, SASL_SHA256 },
	{ "SCRAM-SHA-1-PLUS", SCRAM | SASL_NEEDS_BINDING, &sasl_scram_ops, SASL_SHA1 },
	{ "SCRAM-SHA-256", SCRAM, &sasl_scram_ops, SASL_SHA256 },
	{ "SCRAM-SHA-1", SCRAM, &sasl_scram_ops, SASL_SHA1 },
	{ "OAUTHBEARER", TOKEN, &oauth_ops, OAUTH_BEARER },
	{ "XOAUTH2", TOKEN, &oauth_ops, OAUTH_XOAUTH2 },
	{ "EXTERNAL", SASL_CERTIFICATE | SASL_CLIENT_FIRST, &external_ops, 0 },
	{ "PLAIN", PASSWORD | SASL_READABLE | SASL_CLIENT_FIRST, &plain_ops, 0 },
	{ "LOGIN", PASSWORD | SASL_READABLE | SASL_RAW_CHALLENGE, &login_ops, 0 },
	{ "CRAM-MD5", PASSWORD, &cram_md5_ops, 0 },
	{ NULL, 0, NULL, 0 },
};

const struct sasl_mechanism *sasl_find(const char *name)
{
	for (const struct sasl_mechanism *m = sasl_mechanisms; m->name; m++)
		if (strcasecmp(m->name, name) == 0)
			return m;
	return NULL;
}

bool sasl_is_possible(const struct sasl_mechanism *m, const struct sasl_account *a, bool is_encrypted,
	const char **ret_reason)
{
	const struct {
		unsigned flag;
		bool is_there;
		const char *reason;
	} needs[] = {
		{ SASL_READABLE, is_encrypted,
			N_("it would show the password or token on an unencrypted connection") },
		{ SASL_NEEDS_USERNAME, a->username && *a->username, N_("it needs a username") },
		{ SASL_NEEDS_SECRET, a->secret && *a->secret, N_("it needs a password") },
		{ SASL_NEEDS_TOKEN, a->token && *a->token, N_("it needs a token from token_command") },
		{ SASL_NEEDS_BINDING, is_encrypted && a->stream, N_("it needs TLS") },
		{ SASL_CERTIFICATE, is_encrypted, N_("it needs TLS with a client certificate") },
	};

	for (size_t i = 0; i < ELEMENTS(needs); i++) {
		if ((m->flags & needs[i].flag) && !needs[i].is_there) {
			*ret_reason = needs[i].reason;
			return false;
		}
	}
	return true;
}

int sasl_new(
	const struct sasl_mechanism *m, const struct sasl_account *a, bool server_has_plus, struct sasl **ret)
{
	_cleanup_sasl_ struct sasl *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->mechanism = m;
	s->account = a;
	s->error = BUF(8192);
	/* ^A separates the fields of the OAuth messages; a token may be of any other visible characters. */
	if ((m->flags & SASL_NEEDS_TOKEN) && (!is_printable_ascii(a->token) || strchr(a->username, '\1')))
		return -EINVAL;
	if (m->ops->begin) {
		int e = m->ops->begin(s, server_has_plus);
		if (e < 0)
			return e;
	}
	*ret = TAKE_PTR(s);
	return 0;
}

int sasl_step(struct sasl *s, const void *challenge, size_t len, struct buf *response)
{
	if (len > SASL_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!challenge && !(s->mechanism->flags & SASL_CLIENT_FIRST))
		return -EPROTO;
	return s->mechanism->ops->step(s, challenge, len, response);
}

bool sasl_is_complete(const struct sasl *s)
{
	return s->is_complete;
}

const char *sasl_error(const struct sasl *s)
{
	return s->error.len > 0 ? buf_text(&s->error) : NULL;
}

struct sasl *sasl_free(struct sasl *s)
{
	if (!s)
		return NULL;
	if (s->mechanism->ops->end)
		s->mechanism->ops->end(s);
	buf_free(&s->error);
	free(s);
	return NULL;
}
