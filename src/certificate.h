/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is this server who it should be? Judges the certificate of a TLS session and says in a sentence or two what
 * was expected, what came, and what to do. The second half of transport.c; nothing else uses it.
 *
 * Names: subjectAltName only, never the common name; "*" only as the whole leftmost label (RFC 9525, 6.3). */
#pragma once

#include "buf.h"
#include "transport.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>

#define CERTIFICATE_PIN_SIZE 32

struct certificate_policy {
	const char *host; /* A-labels, or an address; NULL (of a file only): any name will do */
	const char *owner; /* whose certificate it is, for the words: the host, or a file */
	const unsigned char *pin; /* stands for chain, dates and name; NULL: none */
	const char *origin; /* of the authorities, in words; NULL with a pin */
};

/* 0, or -EKEYREJECTED with the words in WHY. To be called from the verification callback. */
int certificate_verify(gnutls_session_t session, const struct certificate_policy *policy, struct buf *why);

/* The same for certificates that came otherwise, the server's own first. */
int certificate_verify_chain(const gnutls_x509_crt_t *chain, unsigned n, gnutls_x509_trust_list_t trusted,
	const struct certificate_policy *policy, struct buf *why);

/* What they say of themselves. HOST and TRUSTED may be NULL; of the authorities' only those count that who believes in
 * TRUSTED needs. Adds to *ret, which TRANSPORT_CERTIFICATE has initialised. */
void certificate_describe(const gnutls_x509_crt_t *chain, unsigned n, const char *host,
	gnutls_x509_trust_list_t trusted, struct transport_certificate *ret);

/* The same for the peer of a session; nothing when it sent none. */
void certificate_describe_peer(gnutls_session_t session, const char *host, gnutls_x509_trust_list_t trusted,
	struct transport_certificate *ret);

/* "sha256:BASE64" or "sha256//BASE64". -EINVAL. */
int certificate_parse_pin(const char *text, unsigned char ret_pin[CERTIFICATE_PIN_SIZE]);

/* Does a SAN of DNS names that says PATTERN cover HOST? */
bool certificate_name_matches(const char *pattern, const char *host);

/* Does the server's alert complain of the client's certificate? */
bool certificate_alert_is_about_ours(gnutls_alert_description_t alert);
