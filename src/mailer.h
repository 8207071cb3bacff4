/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One submission: mails that are due, the relays in order, one connection for all mails, an outcome for each
 * recipient. Plain blocking code under deadlines. No queue: when to try again is the daemon's business.
 *
 * Sent recipients, and those that are refused for what they are, are final. Whatever is temporary at one relay (no
 * connection, TLS, login, a 4yz, a lost receipt) goes on to the next one, and so does what only this relay refuses for
 * good (the sender, this host, the content). What no relay took is temporary, or permanent where each refused it for
 * good, with what each relay said. Each relay gets a mail as its own: MAIL FROM, and the sender's address in From, are its `from`. */
#pragma once

#include "conf.h"
#include "smtp.h"

struct mailer_mail {
	char *id; /* of the caller; "" is allowed */
	struct smtp_mail smtp; /* sender, content, recipients */
	struct mailer_fate *fates; /* the mailer's: one for each recipient */
};

struct mailer_result {
	const struct mailer_mail *mail;
	const char *recipient;
	enum smtp_outcome outcome; /* never SMTP_PENDING */
	int status; /* of sysexits.h; EX_OK when sent */
	int code; /* 0: there was no reply */
	const char *enhanced, *text;
	const char *relay; /* the name of its section: "" for [mail] */
};

struct mailer_batch {
	struct mailer_mail *mails;
	size_t n;
	int64_t deadline_usec; /* CLOCK_BOOTTIME; 0: each relay's own `deadline` from now */
	/* Called once for each recipient, as soon as its outcome is final. */
	void (*result)(void *data, const struct mailer_result *result);
	void (*dialogue)(void *data, const char *direction, const char *line); /* or NULL */
	/* The address that a relay was reached at, for mailer_remember() of a later process. Or NULL. */
	void (*connected)(void *data, const char *relay, const char *server, const char *address);
	/* The account of a relay is to be spared until then (CLOCK_BOOTTIME; 0: no longer, it has let us in), for
	 * mailer_spare() of every other process. Or NULL. */
	void (*spared)(void *data, const char *relay, const char *server, int64_t until_usec, const char *why);
	bool is_probe; /* asks whether the mails would be taken, see smtp_probe(), and sends none */
	/* The stages of each session in the dialogue too, with the direction "@": a word, and what belongs to it. "secret":
	 * passwords and authorities are read; "name": the server is looked up; "connect": the name is known; then perhaps the
	 * address; "tls"; "certificate", until when it and those that came with it are valid (µs, or "never"), and whose it
	 * is: of whatever was shown, also when it was not believed. What comes later can be seen from the commands. */
	bool with_stages;
	bool by_hand; /* somebody is waiting: a relay that is being spared is tried all the same */
	void *data;
};

struct mailer;

/* CONF must outlive the mailer. -ENOMEM. */
int mailer_new(const struct conf *conf, struct mailer **ret);

/* The relay of section RELAY was reached at ADDRESS while it was called SERVER: to be used when the resolver
 * fails or hangs. Ignored when it has another name now. */
void mailer_remember(struct mailer *m, const char *relay, const char *server, const char *address);

/* The relay of section RELAY, called SERVER, is not to be tried before UNTIL_USEC (CLOCK_BOOTTIME; no more than a day
 * from now), and WHY. Ignored when it has another name now. */
void mailer_spare(struct mailer *m, const char *relay, const char *server, int64_t until_usec, const char *why);

/* Reads secrets and authorities of every relay ahead. What could not be read is said in NOTES, one sentence
 * after the other, and is read again by the next run. */
void mailer_load(struct mailer *m, struct buf *notes);

/* Runs a batch. -ENOMEM: nothing was begun and nothing reported. Otherwise 0, with every recipient reported.
 */
int mailer_run(struct mailer *m, const struct mailer_batch *batch);

/* Wipes the secrets. Returns NULL. */
struct mailer *mailer_free(struct mailer *m);

static inline void mailer_free_pointer(struct mailer **m)
{
	mailer_free(*m);
}
#define _cleanup_mailer_ _cleanup_(mailer_free_pointer)

/* What EHLO says: HELLO, else HOST if it has a dot, else the literal of the socket's own address. */
void mailer_hello(const char *hello, const char *host, int fd, struct buf *b);
