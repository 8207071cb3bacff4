/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connected socket as a struct stream, with TLS by GnuTLS. Sessions are known here alone (and to
 * certificate.c, which judges the peer of one); no SMTP.
 *
 * TLS 1.2 or newer, keys of 2048 bits (RSA) or as strong, and the server must prove its name: by a chain to a
 * trusted authority, or by the public key that the administrator has pinned. A pin that fits stands for
 * chain, dates and name: it says "this key and no other". */
#pragma once

#include "stream.h"
#include "translate.h"

struct transport_trust_options {
	const char *ca_file; /* PEM; NULL: the system's authorities */
	const char *pin; /* "sha256:BASE64" or "sha256//BASE64" of the SubjectPublicKeyInfo (as RFC 7469), or
			    NULL */
	const char *cert_file, *key_file; /* PEM, or NULL; without key_file the key is in cert_file */
};

/* Whom to trust and who we are. Read ahead, used for any number of connections. */
struct transport_trust;

/* Reads the files. -EINVAL, -ENOENT, -EKEYREJECTED … with a sentence in *ret_error (free it). */
int transport_trust_new(
	const struct transport_trust_options *o, struct transport_trust **ret, char **ret_error);
struct transport_trust *transport_trust_free(struct transport_trust *t);

struct transport;

/* What a certificate says of itself, whoever stands for it. */
struct transport_certificate {
	bool is_known;
	int64_t since_usec, until_usec; /* CLOCK_REALTIME */
	int64_t chain_until_usec; /* the earliest end of the authorities' that came with it and are needed; USEC_NEVER: none */
	bool is_self_signed;
	bool has_name; /* it covers the host that was asked for */
	struct buf text; /* for a person, several lines */
};

/* Lines of the text begin so, in the language in use (translate.h). */
#define CERTIFICATE_NAMES N_("names: ")
#define CERTIFICATE_ISSUER N_("issuer: ")

#define TRANSPORT_CERTIFICATE                                                                                \
	((struct transport_certificate){ .chain_until_usec = INT64_MAX, .text = BUF(16 * 1024) })

/* That of the peer, from the handshake on, also of one that failed for it. Owned by T. */
const struct transport_certificate *transport_peer_certificate(const struct transport *t);

/* Judges the certificates of a PEM file, the server's own first, as if a server for HOST had sent them; HOST
 * NULL: any name; TRUST NULL: nothing is judged, only read. *ret is filled as far as they can be read; free its
 * text. -EBADMSG: there is none; -EKEYREJECTED; both with words in WHY. */
int transport_judge_file(const struct transport_trust *trust, const void *pem, size_t len, const char *host,
	struct transport_certificate *ret, struct buf *why);

/* Takes FD (nonblocking, connected) over, also when it fails. HOST is the name or address that the
 * certificate must have. TRUST must outlive it; NULL: start_tls() fails. -EINVAL: HOST is no name; -ENOMEM.
 */
int transport_new(int fd, const struct transport_trust *trust, const char *host, struct transport **ret);

/* Says good-bye under TLS, without waiting for an answer, and closes. Returns NULL. */
struct transport *transport_free(struct transport *t);

/* The stream is T's: it lives as long. Failures of start_tls(): -ETIMEDOUT; -ECONNRESET; -EPROTO: TLS, or
 * none; -EKEYREJECTED: the certificate.
 *
 * When nothing at all comes on the plain stream, the end of the first read's wait (a second at most) is spent
 * on finding out whether this is a port for TLS: failure() says so then. */
struct stream transport_stream(struct transport *t);

/* "TLS 1.3, ECDHE-X25519 …" for the dialogue, or NULL without TLS. Owned by T. */
const char *transport_description(struct transport *t);

/* HOST with its domain labels as A-labels (IDNA 2008), without a dot at its end; an address as it is.
 * -EINVAL. */
int transport_ascii_host(const char *host, char **ret);

static inline void transport_free_pointer(struct transport **t)
{
	transport_free(*t);
}
#define _cleanup_transport_ _cleanup_(transport_free_pointer)

static inline void transport_trust_free_pointer(struct transport_trust **t)
{
	transport_trust_free(*t);
}
#define _cleanup_transport_trust_ _cleanup_(transport_trust_free_pointer)
