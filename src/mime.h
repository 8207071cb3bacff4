/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One RFC 5322 message from its parts. Pure; the one encoder that everything from outside passes.
 *
 * The result has CRLF line ends, is pure ASCII (but for an address that is not: RFC 6532, needs SMTPUTF8), has no line
 * over 998 bytes (headers folded at 78), each header once, and cannot be broken by any content of the parts: runs of
 * blanks and control characters in header values become one blank, bytes that are not UTF-8 become U+FFFD, what an
 * id may not hold becomes "_", texts are quoted-printable. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIME_MESSAGE_MAX (8 * 1024 * 1024)

struct mime_image {
	const char *cid; /* what <img src="cid:…"> in the HTML names */
	const char *type; /* "image/png" */
	const void *data;
	size_t len;
};

struct mime_header {
	const char *name, *value; /* ASCII name; value any UTF-8 */
};

struct mime_mail {
	const char *from; /* an address */
	const char *from_name; /* or NULL */
	const char *const *to; /* addresses */
	size_t n_to;
	const char *subject;
	int64_t date_usec; /* realtime; written in the local zone */
	const char *message_id; /* without <> */
	const char *in_reply_to; /* without <>, or NULL; References is the same */
	const struct mime_header *headers; /* further ones, in order */
	size_t n_headers;
	const char *text; /* complete by itself */
	const char *html; /* or NULL: then the message is plain text */
	const struct mime_image *images; /* for the HTML */
	size_t n_images;
};

/* Appends the message. B's maximum bounds it; the error is in B (-EMSGSIZE). -EINVAL: an address that is none
 * (mime_is_address()), no recipient, no message id, or a further header whose name is none, is written here anyway
 * (Subject, Content-Type …) or comes twice; B is then as it was. */
int mime_compose(struct buf *b, const struct mime_mail *mail);

/* A mailbox address as RFC 5321 allows it on the wire: local part (dot-atom or quoted string, UTF-8 allowed) @ domain
 * or address literal; no control characters, blanks outside quotes, brackets <>; length limits of 4.5.3.1. */
bool mime_is_address(const char *address);

/* What stands after the @ of a Message-ID: HOST if it is a full name, else the domain of the address FROM, else "localhost".
 * RFC 5322, 3.6.4, wants a domain there, and filters count against a mail that has none. Points into its arguments. */
const char *mime_id_domain(const char *host, const char *from);

/* VALUE as the value of header NAME (whose length counts in the first line): ASCII as it is, else RFC 2047
 * encoded-words that never split a character; folded at 78 columns. */
void mime_header_value(struct buf *b, const char *name, const char *value);

/* DATA in base64 without line ends. */
void mime_base64(struct buf *b, const void *data, size_t len);

/* "Mon, 23 Nov 2026 20:14:05 +0800" */
void mime_date(struct buf *b, int64_t realtime_usec);
