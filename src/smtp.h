/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's side of an SMTP submission (RFC 5321, 6409) over an injected stream: greeting, EHLO, STARTTLS, AUTH,
 * mails, QUIT. It knows no sockets, no TLS library, no configuration files and no queue: who connects is transport.c,
 * who tries again is outbox.c. Blocking; every wait ends at a deadline.
 *
 *	r = smtp_open(&stream, &options, &failure, &session);
 *	for each mail: r = smtp_send(session, &mail, is_last);
 *	smtp_quit(session);
 *	session = smtp_free(session);
 *
 * Laws: a recipient is SENT if and only if a 2yz came after the end of the data; nothing that happens later changes
 * it. Neither AUTH nor a mail goes over a stream that was to be encrypted and is not. A password or token that can be
 * read from the wire goes over no unencrypted stream at all. */
#pragma once

#include "stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#define SMTP_ENHANCED_SIZE 12 /* "5.123.123" and NUL */
#define SMTP_CONTENT_MAX (32 * 1024 * 1024)
#define SMTP_RECIPIENTS_MAX 100 /* in one transaction: what every server must take (RFC 5321, 4.5.3.1.8) */

/* The order is that of enum conf_security. */
enum smtp_security {
	SMTP_TLS, /* the stream is encrypted already */
	SMTP_STARTTLS, /* plain at first, STARTTLS is required */
	SMTP_PLAIN, /* never encrypted: only with is_loopback or allow_plaintext */
};

struct smtp_options {
	enum smtp_security security;
	bool is_loopback; /* the peer's address is one of this host's loopback addresses */
	bool allow_plaintext; /* SMTP_PLAIN to other hosts, still never with a readable password */
	const char *hello; /* the EHLO name: FQDN or address literal, see smtp_is_hello() */
	const char *server; /* the name connected to: for OAUTHBEARER and for advice */
	uint16_t port;
	const char *provider; /* key of provider.h, or NULL: it is guessed from SERVER for the advice */

	/* Login. Without username, secret and token, and with auth NULL or "auto", nobody logs in. Owned by the caller,
	 * who wipes them. */
	const char *username, *secret, *token;
	const char *auth; /* NULL, "auto" or the name of one mechanism */
	bool has_client_certificate; /* "auto" may take EXTERNAL */

	/* Time, µs. The waits of the dialogue: one reply, or one write of at most 16 KiB. */
	int64_t timeout_usec; /* 0: 30 s */
	int64_t timeout_receipt_usec; /* for the reply to the end of the data; 0: 120 s */
	int64_t deadline_usec; /* CLOCK_BOOTTIME when all must be over; 0: in 5 min */
	int64_t min_rate; /* bytes a second, both ways: a reply that has begun and a write that does not get on end
	                   * after 10 s + size / min_rate, so that a peer cannot drip; 0: 100 */

	/* The dialogue for a person: direction ">" sent, "<" received, "*" remark, and one line, cleaned, secrets
	 * masked, content left out. May be NULL. */
	void (*dialogue)(void *data, const char *direction, const char *line);
	void *dialogue_data;

	/* Tests bring their own. */
	int64_t (*now)(void *data); /* NULL: clock_boottime_usec() */
	void *now_data;
	const char *nonce; /* of SCRAM; NULL: a random one */
};

/* What became of something, for a person and for sysexits.h. */
struct smtp_verdict {
	/* EX_OK; EX_TEMPFAIL (75) try again; EX_UNAVAILABLE (69) refused for good; EX_PROTOCOL (76) TLS, or what
	 * came is no SMTP; EX_NOPERM (77) login refused; EX_CONFIG (78) */
	int status;
	int code; /* of the server's reply; 0: there was none */
	char enhanced[SMTP_ENHANCED_SIZE]; /* "5.7.8" or "" */
	char *text; /* one cleaned line: the server's words, or what happened; owned */
	const char *advice; /* a sentence from provider.h, or NULL; constant */
	int64_t pause_usec; /* advice: do not try again sooner, the account could be locked; 0: no opinion */
};

void smtp_verdict_free(struct smtp_verdict *v);
#define _cleanup_smtp_verdict_ _cleanup_(smtp_verdict_free)

/* "text (advice)" or the text alone, never NULL: for a log line. Appends. */
void smtp_verdict_format(const struct smtp_verdict *v, struct buf *b);

enum smtp_outcome {
	SMTP_PENDING,
	SMTP_SENT,
	SMTP_TEMPORARY,
	SMTP_PERMANENT,
	SMTP_ACCEPTED, /* only of smtp_probe(): the server would take a mail for it */
};

/* "pending", "sent", "temporary", "permanent", "accepted" */
const char *smtp_outcome_name(enum smtp_outcome outcome);

struct smtp_recipient {
	const char *address; /* the caller's */
	enum smtp_outcome outcome; /* only SMTP_PENDING ones are tried by smtp_send() */
	struct smtp_verdict verdict;
	/* Temporary, and another connection at once may take it: the server wanted fewer recipients in one
	 * transaction, but QUIT had travelled already. */
	bool again;
	/* Permanent, but not for what the recipient is: the sender, this host, the mail or its form is not to this server's
	 * liking, and perhaps to that of another. */
	bool elsewhere;
};

struct smtp_mail {
	const char *sender; /* "" is the null sender <> */
	const char *content; /* RFC 5322, lines end by LF or CRLF; any bytes are made fit for the wire */
	size_t content_len;
	struct smtp_recipient *recipients; /* caller's array; smtp_mail_clear() frees what smtp_send() put in */
	size_t n_recipients;
};

/* Before connecting: recipients that are no addresses (smtp_address()) become permanent. *ret_pending: how many are
 * left. -ENOMEM. smtp_send() does it too. */
int smtp_mail_check(struct smtp_mail *m, size_t *ret_pending);

/* Frees the verdicts of the recipients and makes them pending again. */
void smtp_mail_clear(struct smtp_mail *m);

/* Gives every pending recipient a verdict of the same kind: temporary, whatever STATUS. For a session that could not
 * be opened (the mail was refused by nobody). -ENOMEM only when the text is lost; the outcome is set always. */
int smtp_mail_fail(struct smtp_mail *m, const struct smtp_verdict *v);

/* The worse of two: 78 > 77 > 76 > 69 > 75 > 0. */
int smtp_status_worse(int a, int b);

/* A session that is logged in. */
struct smtp;

/* Checks the options, reads the greeting, says EHLO, STARTTLS and EHLO again, logs in. On failure *ret_failure is
 * filled (initialise it to {}), the peer may have been told QUIT, and the caller closes the stream. The stream and
 * what OPTIONS points to must outlive the session.
 * Returns 0, or by the kind of failure: -EINVAL configuration, -EACCES login, -EPROTO TLS or protocol,
 * -EAGAIN temporary; -ENOMEM also fills the failure (temporary). Never EX_UNAVAILABLE: a 5yz before MAIL refuses
 * this client now, not the mail; what to do is try another relay, or later (as Postfix does, smtp_skip_5xx_greeting).
 *
 * Source: RFC 5321 3.1, 4.1.1.1, 4.2; RFC 3207; RFC 4954. */
int smtp_open(const struct stream *stream, const struct smtp_options *options, struct smtp_verdict *ret_failure,
	struct smtp **ret);

/* Sends one mail to its pending recipients, in as many transactions as the server makes necessary, and leaves none
 * of them pending. IS_LAST: QUIT travels with the last write where it can; nothing can be sent any more, and what is
 * left is smtp_quit(), which the caller calls after the outcomes have been told: no receipt waits for the answer to
 * QUIT. Returns 0 when the session went well, -ENOTCONN when it ended early: the recipients that it hit are temporary, and further mails need a new connection.
 * A mail that no recipient was left for, or that was refused, does not end the session. */
int smtp_send(struct smtp *s, struct smtp_mail *mail, bool is_last);

/* Everything of smtp_send() up to the content, which is not sent: who would be accepted is SMTP_ACCEPTED, the others are what
 * they would be. The transaction is taken back (RSET). */
int smtp_probe(struct smtp *s, struct smtp_mail *mail);

/* Can it take another mail? False after an error, after QUIT, and when the server's MAILMAX (RFC 9422) is reached. */
bool smtp_is_usable(const struct smtp *s);

/* QUIT, if it was not sent with the last mail, waited for at most one second. Nothing to report: all receipts are in. */
void smtp_quit(struct smtp *s);

/* Frees without a word to the peer, wipes what was secret. Returns NULL; the stream is the caller's. */
struct smtp *smtp_free(struct smtp *s);

static inline void smtp_free_pointer(struct smtp **s)
{
	smtp_free(*s);
}
#define _cleanup_smtp_ _cleanup_(smtp_free_pointer)

/* A name for EHLO: a domain of two labels or more, letters, digits and hyphens, or a literal "[192.0.2.1]",
 * "[IPv6:2001:db8::1]" (RFC 5321, 4.1.2, 4.1.3). */
bool smtp_is_hello(const char *name);

/* ADDRESS as it stands between < and > on the wire: the domain as A-labels (IDNA), the local part as it is.
 * *ret_needs_utf8 (RFC 6531): the local part is not ASCII. -EINVAL: it is no address, could end the command or begin
 * another (CR, LF, NUL, angle brackets, blanks), or is too long; -ENOMEM. Appends to WIRE. "" is refused. */
int smtp_address(const char *address, struct buf *wire, bool *ret_needs_utf8);
