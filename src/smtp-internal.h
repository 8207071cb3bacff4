/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What smtp.c (words, waits and replies), smtp-open.c (up to the login) and smtp-send.c (mails) share; nobody else
 * includes it. */
#pragma once

#include "provider.h"
#include "reply.h"
#include "smtp.h"

enum smtp_capability {
	SMTP_PIPELINING = 1 << 0,
	SMTP_CHUNKING = 1 << 1,
	SMTP_8BITMIME = 1 << 2,
	SMTP_SMTPUTF8 = 1 << 3,
	SMTP_SIZE = 1 << 4,
	SMTP_OFFERS_STARTTLS = 1 << 5,
	SMTP_OFFERS_AUTH = 1 << 6,
};

struct smtp {
	const struct stream *stream;
	const struct smtp_options *o;
	const struct provider *provider; /* for advice; may be NULL */
	int64_t deadline;

	struct buf input; /* read and not consumed */
	struct reply_reader reader;
	struct smtp_verdict failure; /* why it is over, once is_over */
	bool is_over;
	bool is_late; /* because an answer did not come in time */
	bool has_quit; /* QUIT has travelled, its answer was not waited for */

	/* What the last EHLO said. */
	unsigned capabilities;
	int64_t size_max, recipients_max, mails_max; /* 0: not said */
	struct buf mechanisms; /* " PLAIN LOGIN " */

	int64_t n_mails; /* transactions so far, for MAILMAX */
	bool needs_reset; /* a transaction was left half-way */
};

/* Ends the session: the first failure stands. Returns the -errno of STATUS (smtp_open()). These functions look up what they
 * are given (translate.h). */
int smtp_fail(struct smtp *s, int status, const char *format, ...) _printf_(3, 4);
int smtp_fail_memory(struct smtp *s);

/* The same with a reply: WHAT happened, then the server's words. */
int smtp_fail_reply(struct smtp *s, int status, const struct reply *r, const char *what);

/* Its words, fit for a line, secrets masked. Appends. */
void smtp_words(const struct smtp *s, const struct reply *r, struct buf *b);

/* A verdict from a reply: 4yz or 5yz by its first digit, with the advice that is known for it. */
void smtp_judge(const struct smtp *s, const struct reply *r, struct smtp_verdict *v);

/* A verdict of our own. TEXT NULL: out of memory. */
void smtp_verdict_set(struct smtp_verdict *v, int status, const char *text);

/* The dialogue: LINE is cleaned and masked here. */
void smtp_tell(const struct smtp *s, const char *direction, const char *line);
void smtp_remark(const struct smtp *s, const char *format, ...) _printf_(2, 3);

int64_t smtp_now(const struct smtp *s);
int64_t smtp_timeout(const struct smtp *s);
int64_t smtp_timeout_receipt(const struct smtp *s);

/* Writes one group of commands. What came before it was sent cannot be its answer: such bytes end the session. */
int smtp_write(struct smtp *s, const void *bytes, size_t len);

/* Writes one command line (without CRLF) and shows it as SHOWN (NULL: as it is). Wipes nothing. */
int smtp_command(struct smtp *s, const char *line, const char *shown);

/* Waits for the reply to WHAT. *ret is valid until the next one. 421 and the end of the connection end the session
 * as a temporary failure. */
int smtp_read(struct smtp *s, const char *what, int64_t timeout, const struct reply **ret);

/* smtp_command() and smtp_read(); WHAT is the verb. */
int smtp_ask(struct smtp *s, const char *line, const struct reply **ret);

/* Reads a reply that may still be there although a write failed: the reason. 0 or -ENOENT. */
int smtp_read_last_words(struct smtp *s, const struct reply **ret);

/* Is the stream as secure as the options demand? Asked before AUTH and before each mail. */
bool smtp_is_secure(const struct smtp *s);
