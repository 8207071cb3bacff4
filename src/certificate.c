/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging a server's certificate; see certificate.h. */
#include "certificate.h"

#include "clock.h"
#include "connect.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define NAMES_SHOWN 6
#define PIN_PREFIX "sha256:"

/* What the sentences need. */
struct judgement {
	const struct certificate_policy *policy;
	gnutls_x509_crt_t leaf;
	struct buf *why;
	unsigned status; /* of gnutls_certificate_verify_peers() */
	int64_t now_usec;
};

static void crt_deinit_pointer(gnutls_x509_crt_t *crt)
{
	if (*crt)
		gnutls_x509_crt_deinit(*crt);
}

int certificate_parse_pin(const char *text, unsigned char ret_pin[CERTIFICATE_PIN_SIZE])
{
	static const char *const prefixes[] = { PIN_PREFIX, "sha256//" };

	for (size_t i = 0; i < ELEMENTS(prefixes); i++) {
		size_t len = strlen(prefixes[i]);
		gnutls_datum_t hash = { NULL, 0 };

		if (strncasecmp(text, prefixes[i], len) != 0)
			continue;
		const gnutls_datum_t base64 = { (unsigned char *)text + len, (unsigned)strlen(text + len) };
		if (gnutls_base64_decode2(&base64, &hash) < 0)
			return -EINVAL;
		bool fits = hash.size == CERTIFICATE_PIN_SIZE;
		if (fits)
			memcpy(ret_pin, hash.data, hash.size);
		gnutls_free(hash.data);
		return fits ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static int leaf_pin(gnutls_x509_crt_t leaf, unsigned char ret_pin[CERTIFICATE_PIN_SIZE])
{
	size_t size = CERTIFICATE_PIN_SIZE;

	return gnutls_x509_crt_get_key_id(leaf, GNUTLS_KEYID_USE_SHA256, ret_pin, &size) < 0 ? -EINVAL : 0;
}

static void append_pin(const unsigned char pin[CERTIFICATE_PIN_SIZE], struct buf *b)
{
	const gnutls_datum_t data = { (unsigned char *)pin, CERTIFICATE_PIN_SIZE };
	gnutls_datum_t text = { NULL, 0 };

	buf_puts(b, PIN_PREFIX);
	if (gnutls_base64_encode2(&data, &text) >= 0)
		buf_append(b, text.data, text.size);
	gnutls_free(text.data);
}

/* "; or, if you have made sure that this key is the server's, set tls_pin = sha256:…" */
static void append_pin_advice(struct judgement *j)
{
	_cleanup_buf_ struct buf text = BUF(100);
	unsigned char pin[CERTIFICATE_PIN_SIZE];

	if (leaf_pin(j->leaf, pin) < 0)
		return;
	append_pin(pin, &text);
	buf_printf(j->why, _("; or, if you have made sure that this is the server's own key, set tls_pin = %s"), buf_text(&text));
}

struct time_text {
	char text[64];
};

static struct time_text time_text(int64_t usec)
{
	struct time_text t;
	_cleanup_buf_ struct buf b = BUF(sizeof(t.text) - 1);

	format_time(&b, usec);
	snprintf(t.text, sizeof(t.text), "%s", buf_text(&b));
	return t;
}

/* Distinguished names are chosen by whoever made the certificate. */
static void append_dn(int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned), gnutls_x509_crt_t crt,
	struct buf *b)
{
	gnutls_datum_t dn = { NULL, 0 };

	buf_putc(b, '"');
	if (get(crt, &dn, 0) >= 0)
		text_clean(b, (const char *)dn.data, 120);
	gnutls_free(dn.data);
	buf_putc(b, '"');
}

/* Names. */

bool certificate_name_matches(const char *pattern, const char *host)
{
	if (strncmp(pattern, "*.", 2) != 0)
		return strcasecmp(pattern, host) == 0;

	const char *rest = strchr(host, '.');
	return rest && rest != host && strchr(pattern + 2, '.') && !strchr(pattern + 2, '*') &&
	       strcasecmp(pattern + 1, rest) == 0;
}

/* SAN number I; 0 with *ret_type, -ENOENT behind the last. A name with a NUL inside is no name. */
static int leaf_name(gnutls_x509_crt_t leaf, unsigned i, char *name, size_t *len, unsigned *ret_type)
{
	int type = gnutls_x509_crt_get_subject_alt_name2(leaf, i, name, len, ret_type, NULL);

	if (type == GNUTLS_E_SHORT_MEMORY_BUFFER) {
		*len = 0;
		*ret_type = GNUTLS_SAN_OTHERNAME;
		return 0;
	}
	if (type < 0)
		return -ENOENT;
	name[*len] = '\0';
	if (type == GNUTLS_SAN_DNSNAME && strlen(name) != *len)
		*ret_type = GNUTLS_SAN_OTHERNAME;
	return 0;
}

static bool address_equals(const struct sockaddr_storage *a, const void *bytes, size_t len)
{
	if (a->ss_family == AF_INET)
		return len == 4 && memcmp(&((const struct sockaddr_in *)a)->sin_addr, bytes, 4) == 0;
	return len == 16 && memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, bytes, 16) == 0;
}

static bool leaf_has_name(gnutls_x509_crt_t leaf, const char *host)
{
	struct sockaddr_storage address;
	socklen_t address_len;
	bool is_literal = connect_is_literal(host, &address, &address_len);

	for (unsigned i = 0;; i++) {
		char name[512];
		size_t len = sizeof(name) - 1;
		unsigned type;

		if (leaf_name(leaf, i, name, &len, &type) < 0)
			return false;
		if (is_literal && type == GNUTLS_SAN_IPADDRESS && address_equals(&address, name, len))
			return true;
		if (!is_literal && type == GNUTLS_SAN_DNSNAME && certificate_name_matches(name, host))
			return true;
	}
}

static void append_address(const void *bytes, size_t len, struct buf *b)
{
	char text[INET6_ADDRSTRLEN];

	if ((len == 4 || len == 16) && inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
		buf_puts(b, text);
}

/* The names in the certificate, quoted; returns how many. */
static size_t append_names(gnutls_x509_crt_t leaf, struct buf *b)
{
	size_t n = 0;

	for (unsigned i = 0;; i++) {
		char name[512];
		size_t len = sizeof(name) - 1;
		unsigned type;

		if (leaf_name(leaf, i, name, &len, &type) < 0)
			break;
		if (type != GNUTLS_SAN_DNSNAME && type != GNUTLS_SAN_IPADDRESS)
			continue;
		if (n < NAMES_SHOWN) {
			buf_puts(b, n ? ", \"" : "\"");
			if (type == GNUTLS_SAN_IPADDRESS)
				append_address(name, len, b);
			else
				text_clean(b, name, 80);
			buf_putc(b, '"');
		}
		n++;
	}
	if (n > NAMES_SHOWN)
		buf_printf(b, _(" and %zu more"), n - NAMES_SHOWN);
	return n;
}

static int judge_name(struct judgement *j)
{
	_cleanup_buf_ struct buf names = BUF(4096), subject = BUF(2048);
	const char *host = j->policy->host;

	if (!host || leaf_has_name(j->leaf, host))
		return 0;
	append_dn(gnutls_x509_crt_get_dn3, j->leaf, &subject);
	if (append_names(j->leaf, &names))
		buf_printf(j->why,
			_("the server's certificate is for %s, not for \"%s\"; correct the name here, or the certificate there"),
			buf_text(&names), host);
	else
		buf_printf(j->why,
			_("the server's certificate has no name in subjectAltName that could be \"%s\" (subject %s; common names "
			  "do not count any more); correct the name here, or the certificate there"),
			host, buf_text(&subject));
	append_pin_advice(j);
	return -EKEYREJECTED;
}

/* Dates and chain: one function for each kind of complaint. Each says its words, or nothing when it does not
 * apply. */

static bool say_expired(struct judgement *j)
{
	int64_t until = (int64_t)gnutls_x509_crt_get_expiration_time(j->leaf) * USEC_PER_SEC;
	_cleanup_buf_ struct buf age = BUF(100);

	if (until >= j->now_usec)
		return false;
	format_duration(&age, j->now_usec - until);
	buf_printf(j->why,
		_("the certificate of %s expired on %s (%s ago); the server needs a new one, unless this host's clock is wrong: "
		  "check this host's clock, it says %s"),
		j->policy->owner, time_text(until).text, buf_text(&age), time_text(j->now_usec).text);
	return true;
}

static bool say_not_yet_valid(struct judgement *j)
{
	int64_t since = (int64_t)gnutls_x509_crt_get_activation_time(j->leaf) * USEC_PER_SEC;

	if (since <= j->now_usec)
		return false;
	buf_printf(j->why, _("the certificate of %s is not yet valid, only from %s on; check this host's clock, it says %s"),
		j->policy->owner, time_text(since).text, time_text(j->now_usec).text);
	return true;
}

static bool say_chain_dates(struct judgement *j)
{
	buf_printf(j->why,
		_("a certificate of an authority that %s sent has expired or is not yet valid; the server "
		  "needs a new chain, unless this host's clock is wrong: check this host's clock, it says %s"),
		j->policy->owner, time_text(j->now_usec).text);
	return true;
}

static bool say_revoked(struct judgement *j)
{
	_cleanup_buf_ struct buf issuer = BUF(2048);

	append_dn(gnutls_x509_crt_get_issuer_dn3, j->leaf, &issuer);
	buf_printf(j->why, _("the certificate of %s has been revoked by its authority, %s; the server needs a new one"),
		j->policy->owner, buf_text(&issuer));
	return true;
}

static bool say_purpose(struct judgement *j)
{
	char oid[128];
	size_t len = sizeof(oid);
	unsigned critical;

	if (gnutls_x509_crt_get_key_purpose_oid(j->leaf, 0, oid, &len, &critical) >= 0)
		buf_printf(j->why,
			_("the certificate of %s is not for servers (its key purpose is %s); the server needs one with the purpose "
			  "TLS server (1.3.6.1.5.5.7.3.1)"),
			j->policy->owner, strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0 ? _("TLS client") : oid);
	else
		buf_printf(j->why,
			_("the certificate of %s is not for servers; the server needs one with the purpose TLS server "
			  "(1.3.6.1.5.5.7.3.1)"),
			j->policy->owner);
	return true;
}

static bool say_insecure(struct judgement *j)
{
	buf_printf(j->why,
		_("the certificate of %s, or one of its chain, is signed with an outdated algorithm or a weak "
		  "key; the server needs a new one (SHA-256 or better, RSA 2048 or better)"),
		j->policy->owner);
	return true;
}

static bool say_self_signed(struct judgement *j)
{
	if (!gnutls_x509_crt_check_issuer(j->leaf, j->leaf))
		return false;
	buf_printf(j->why,
		_("the certificate of %s is self-signed, no authority stands for it (looked in %s); set "
		  "tls_ca_file"),
		j->policy->owner, j->policy->origin);
	append_pin_advice(j);
	return true;
}

static bool say_unknown_issuer(struct judgement *j)
{
	_cleanup_buf_ struct buf issuer = BUF(2048);

	append_dn(gnutls_x509_crt_get_issuer_dn3, j->leaf, &issuer);
	buf_printf(j->why,
		_("the certificate of %s was issued by %s, who is not among %s, nor confirmed by one of them in what the server "
		  "sent; set tls_ca_file to the authority's certificate"),
		j->policy->owner, buf_text(&issuer), j->policy->origin);
	append_pin_advice(j);
	return true;
}

/* In the order in which they matter; the first that applies is told. */
static const struct {
	unsigned status;
	bool (*say)(struct judgement *j);
} complaints[] = {
	{ GNUTLS_CERT_REVOKED, say_revoked },
	{ GNUTLS_CERT_INVALID, say_expired },
	{ GNUTLS_CERT_INVALID, say_not_yet_valid },
	{ GNUTLS_CERT_PURPOSE_MISMATCH, say_purpose },
	{ GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED, say_chain_dates },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA, say_self_signed },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA, say_unknown_issuer },
	{ GNUTLS_CERT_INSECURE_ALGORITHM, say_insecure },
};

static int judge_chain(struct judgement *j)
{
	_cleanup_buf_ struct buf shown = BUF(2048);
	gnutls_datum_t words = { NULL, 0 };

	if (j->status == 0)
		return 0;
	for (size_t i = 0; i < ELEMENTS(complaints); i++)
		if (j->status & complaints[i].status && complaints[i].say(j))
			return -EKEYREJECTED;
	gnutls_certificate_verification_status_print(j->status, GNUTLS_CRT_X509, &words, 0);
	text_clean(&shown, words.data ? (const char *)words.data : _("unknown reason"), 400);
	gnutls_free(words.data);
	buf_printf(j->why, _("the certificate of %s cannot be trusted: %s"), j->policy->owner, buf_text(&shown));
	return -EKEYREJECTED;
}

static int judge_pin(struct judgement *j)
{
	_cleanup_buf_ struct buf wanted = BUF(100), has = BUF(100);
	unsigned char pin[CERTIFICATE_PIN_SIZE] = { 0 };

	if (leaf_pin(j->leaf, pin) == 0 && memcmp(pin, j->policy->pin, sizeof(pin)) == 0)
		return 0;
	append_pin(j->policy->pin, &wanted);
	append_pin(pin, &has);
	buf_printf(j->why,
		_("the public key of %s is not the pinned one: tls_pin is %s, the server has %s; if its key was changed on "
		  "purpose set the new one, else somebody may stand in between"),
		j->policy->owner, buf_text(&wanted), buf_text(&has));
	return -EKEYREJECTED;
}

static int judge_key(struct judgement *j)
{
	unsigned bits = 0;
	int algorithm = gnutls_x509_crt_get_pk_algorithm(j->leaf, &bits);

	if (algorithm >= 0 && gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)algorithm, bits) >=
				      GNUTLS_SEC_PARAM_MEDIUM)
		return 0;
	buf_printf(j->why,
		_("the key of the certificate of %s is too weak: %s with %u bits, while 2048 for RSA or 256 "
		  "for elliptic curves are required; the server needs a new key and certificate"),
		j->policy->owner,
		algorithm >= 0 ? gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm) : C_("kind of key", "unknown"), bits);
	return -EKEYREJECTED;
}

static int import_leaf(gnutls_session_t session, gnutls_x509_crt_t *ret)
{
	unsigned n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);

	if (!chain || n == 0 || gnutls_x509_crt_init(ret) < 0)
		return -EKEYREJECTED;
	return gnutls_x509_crt_import(*ret, &chain[0], GNUTLS_X509_FMT_DER) < 0 ? -EKEYREJECTED : 0;
}

/* The names are not left to GnuTLS: it falls back to the common name where there is no subjectAltName. */
int certificate_verify(gnutls_session_t session, const struct certificate_policy *policy, struct buf *why)
{
	gnutls_typed_vdata_st wanted = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER };
	_cleanup_(crt_deinit_pointer) gnutls_x509_crt_t leaf = NULL;
	struct judgement j = { .policy = policy, .why = why, .now_usec = clock_realtime_usec() };

	if (import_leaf(session, &leaf) < 0) {
		buf_printf(why, _("%s sent no certificate that can be read"), policy->owner);
		return -EKEYREJECTED;
	}
	j.leaf = leaf;
	int r = judge_key(&j);
	if (r < 0 || policy->pin)
		return r < 0 ? r : judge_pin(&j);
	r = gnutls_certificate_verify_peers(session, &wanted, 1, &j.status);
	if (r < 0) {
		buf_printf(
			why, _("the certificate of %s cannot be checked: %s"), policy->owner, gnutls_strerror(r));
		return -EKEYREJECTED;
	}
	r = judge_chain(&j);
	return r < 0 ? r : judge_name(&j);
}

int certificate_verify_chain(const gnutls_x509_crt_t *chain, unsigned n, gnutls_x509_trust_list_t trusted,
	const struct certificate_policy *policy, struct buf *why)
{
	gnutls_typed_vdata_st wanted = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_SERVER };
	struct judgement j = {
		.policy = policy, .why = why, .now_usec = clock_realtime_usec(), .leaf = chain[0]
	};

	int r = judge_key(&j);
	if (r < 0 || policy->pin)
		return r < 0 ? r : judge_pin(&j);
	r = gnutls_x509_trust_list_verify_crt2(trusted, (gnutls_x509_crt_t *)chain, n, &wanted, 1,
		GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &j.status, NULL);
	if (r < 0) {
		buf_printf(
			why, _("the certificate of %s cannot be checked: %s"), policy->owner, gnutls_strerror(r));
		return -EKEYREJECTED;
	}
	r = judge_chain(&j);
	return r < 0 ? r : judge_name(&j);
}

/* Describing. */

static int64_t until_usec(gnutls_x509_crt_t crt)
{
	return (int64_t)gnutls_x509_crt_get_expiration_time(crt) * USEC_PER_SEC;
}

static void put_key(gnutls_x509_crt_t leaf, struct buf *b)
{
	unsigned char pin[CERTIFICATE_PIN_SIZE];
	unsigned bits = 0;
	int algorithm = gnutls_x509_crt_get_pk_algorithm(leaf, &bits);

	if (algorithm >= 0)
		buf_printf(b, _("key: %s, %u bits\n"), gnutls_pk_get_name((gnutls_pk_algorithm_t)algorithm), bits);
	if (leaf_pin(leaf, pin) < 0)
		return;
	buf_puts(b, "tls_pin: ");
	append_pin(pin, b);
	buf_putc(b, '\n');
}

static void put_leaf(gnutls_x509_crt_t leaf, const struct transport_certificate *c, struct buf *b)
{
	buf_puts(b, _("subject: "));
	append_dn(gnutls_x509_crt_get_dn3, leaf, b);
	buf_printf(b, "\n%s", _(CERTIFICATE_NAMES));
	if (append_names(leaf, b) == 0)
		buf_puts(b, C_("names of a certificate", "none"));
	buf_printf(b, "\n%s", _(CERTIFICATE_ISSUER));
	append_dn(gnutls_x509_crt_get_issuer_dn3, leaf, b);
	buf_puts(b, c->is_self_signed ? _(" (self-signed)") : "");
	buf_putc(b, '\n');
	buf_printf(b, _("valid: from %s until %s\n"), time_text(c->since_usec).text, time_text(c->until_usec).text);
	put_key(leaf, b);
}

static void put_issuer(gnutls_x509_crt_t crt, bool is_root, struct buf *b)
{
	_cleanup_buf_ struct buf subject = BUF(2048);
	const struct time_text until = time_text(until_usec(crt));

	append_dn(gnutls_x509_crt_get_dn3, crt, &subject);
	if (is_root)
		buf_printf(b, _("with it came the root: %s, valid until %s\n"), buf_text(&subject), until.text);
	else
		buf_printf(b, _("with it came: %s, valid until %s\n"), buf_text(&subject), until.text);
}

/* Whoever trusts the authority of CRT itself needs no other one that stands for that authority. */
static bool is_at_anchor(gnutls_x509_trust_list_t trusted, gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_t issuer = NULL;

	if (!trusted || gnutls_x509_trust_list_get_issuer(trusted, crt, &issuer, GNUTLS_TL_GET_COPY) < 0)
		return false;
	bool is_valid = until_usec(issuer) > clock_realtime_usec();
	gnutls_x509_crt_deinit(issuer);
	return is_valid;
}

void certificate_describe(const gnutls_x509_crt_t *chain, unsigned n, const char *host,
	gnutls_x509_trust_list_t trusted, struct transport_certificate *ret)
{
	gnutls_x509_crt_t leaf = chain[0];
	bool is_needed = true;

	ret->is_known = true;
	ret->since_usec = (int64_t)gnutls_x509_crt_get_activation_time(leaf) * USEC_PER_SEC;
	ret->until_usec = until_usec(leaf);
	ret->is_self_signed = gnutls_x509_crt_check_issuer(leaf, leaf);
	ret->has_name = host && leaf_has_name(leaf, host);
	put_leaf(leaf, ret, &ret->text);
	for (unsigned i = 1; i < n; i++) {
		/* The date of a root counts for nothing: who trusts it has it already. */
		bool is_root = gnutls_x509_crt_check_issuer(chain[i], chain[i]);

		is_needed = is_needed && !is_at_anchor(trusted, chain[i - 1]);
		if (!is_root && is_needed && until_usec(chain[i]) < ret->chain_until_usec)
			ret->chain_until_usec = until_usec(chain[i]);
		put_issuer(chain[i], is_root, &ret->text);
	}
}

#define PEERS_MAX 16u

void certificate_describe_peer(gnutls_session_t session, const char *host, gnutls_x509_trust_list_t trusted,
	struct transport_certificate *ret)
{
	gnutls_x509_crt_t chain[PEERS_MAX] = { NULL };
	unsigned n = 0, n_read = 0;
	const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &n);

	for (; peers && n_read < n && n_read < PEERS_MAX; n_read++)
		if (gnutls_x509_crt_init(&chain[n_read]) < 0 ||
			gnutls_x509_crt_import(chain[n_read], &peers[n_read], GNUTLS_X509_FMT_DER) < 0)
			break;
	if (n_read > 0)
		certificate_describe(chain, n_read, host, trusted, ret);
	for (unsigned i = 0; i < PEERS_MAX; i++)
		crt_deinit_pointer(&chain[i]);
}

bool certificate_alert_is_about_ours(gnutls_alert_description_t alert)
{
	static const gnutls_alert_description_t alerts[] = {
		GNUTLS_A_BAD_CERTIFICATE, GNUTLS_A_UNSUPPORTED_CERTIFICATE, GNUTLS_A_CERTIFICATE_REVOKED,
		GNUTLS_A_CERTIFICATE_EXPIRED, GNUTLS_A_CERTIFICATE_UNKNOWN, GNUTLS_A_UNKNOWN_CA,
		GNUTLS_A_ACCESS_DENIED, GNUTLS_A_CERTIFICATE_REQUIRED,
	};

	for (size_t i = 0; i < ELEMENTS(alerts); i++)
		if (alerts[i] == alert)
			return true;
	return false;
}
