/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemon and its helpers say to each other.
 *
 * They share one SOCK_SEQPACKET socket, descriptor 3 of the helper. One datagram is one message: the name of its
 * kind and its fields, each ended by NUL. A message over MSG_INLINE_MAX travels as a sealed memfd; the receiver
 * checks seals and size, and sees no difference. A kind may carry one descriptor (SCM_RIGHTS).
 *
 * The receiver trusts nobody: an unknown kind, a wrong number of fields, a missing NUL, a truncated datagram or
 * descriptors that nobody asked for are -EBADMSG, and the daemon then treats the helper as broken.
 *
 * Numbers are decimal text, times microseconds, truth is "yes" or "no", "" stands for "not given". */
#pragma once

#include "cleanup.h"

#include <stddef.h>
#include <stdint.h>

#define MSG_FD 3 /* where a helper finds its socket */
#define MSG_FIELDS_MAX 16
#define MSG_INLINE_MAX (16 * 1024)
#define MSG_SIZE_MAX (16 * 1024 * 1024)

enum msg_kind {
	/* any helper → daemon */
	MSG_READY, /* note: "" or what is not as it should be; errno: why its memory could not be locked. "0" or nothing: it is,
	            * or need not be */
	MSG_DONE, /* the batch, the configuration or the state is complete */

	/* tocsin-check --config FILE → daemon: nothing is asked first, MSG_DONE ends it */
	MSG_PROBLEM, /* severity ("error" | "warning"), file, line, text */
	MSG_MODULE, /* name, flags (words: "slow", "event", "steady"), summary */
	MSG_SETTING, /* section kind, section name or "", key, value, file or "default", line.
	              * Also daemon → tocsin-mail: the [mail] sections in order, ended by MSG_LOAD. After MSG_LOAD and
	              * before MSG_RUN what earlier mailers have learned of a relay, and back when it changes:
	              * "address", relay, server, the address that it was reached at last (for a time when no
	              * resolver answers), "default", "0";
	              * "spared", relay, server, boottime before which it is not to be tried (so that the account is
	              * not locked; 0: no longer), why, "0". */

	/* tocsin-check --describe → tocsin: each MSG_MODULE (or a section of tocsin.conf, its flags "section") is
	 * followed by its options; what cannot be loaded is a MSG_PROBLEM */
	MSG_KEY, /* module, key, type in one word, type in words, default or "", minimum or "", maximum or "",
	          * choices (each ended by a newline), help */

	/* daemon → tocsin-check: a batch */
	MSG_CHECK, /* check, module, timeout in µs */
	MSG_OPTION, /* check, key, value: an option of that module */
	MSG_MEMORY, /* check, key, number, age in µs: what it remembered in an earlier run */
	MSG_RUN, /* "" ; runs the batch. To tocsin-mail: deadline in µs or "", dialogue ("yes" | "no" |
	          * "stages": and how far each session has got | "probe": that, and no mail is sent) */

	/* tocsin-check → daemon */
	MSG_LOOK, /* check, item: about to touch it */
	MSG_ITEM, /* check, item, state ("OK" …), text */
	MSG_METRIC, /* check, item, name, value, unit, warning, critical, min, max */
	MSG_EVIDENCE, /* check, item, title, text */
	MSG_REMEMBER, /* check, key, number */
	MSG_WATCH, /* check, poll mask; with the descriptor. Also daemon → tocsin-check, before MSG_RUN: one of the
	            * last run that has become ready since, with what it was watched for */
	MSG_END, /* check, errno (0: it looked), text: the reason when it could not */

	/* daemon → tocsin-mail */
	MSG_LOAD, /* no field: settings are complete; read secrets and trust, answer MSG_READY */
	MSG_MAIL, /* id, sender, content: an RFC 5322 message with LF or CRLF line ends */
	MSG_RECIPIENT, /* id of the mail, address */

	/* tocsin-mail → daemon */
	MSG_RESULT, /* id of the mail, address, outcome ("sent" | "temporary" | "permanent"; of a probe "accepted"), reply code or "",
	             * enhanced status code or "", text, name of the relay, exit status of sysexits.h */
	MSG_DIALOGUE, /* direction (">" sent, "<" received, "*" remark, "@" stage: see mailer.h), one cleaned line, secrets masked */

	/* tocsin-store → daemon */
	MSG_ROW, /* table, the columns in the order of store.h; MSG_DONE after the last one */
	MSG_COMMITTED, /* number of the transaction */
	MSG_FAILED, /* number of the transaction, text */
	MSG_ANSWER, /* id of the question, the columns of one row in the order of store.h; newest first */
	MSG_ANSWERED, /* id of the question, "" or why the answer is not complete */

	/* daemon → tocsin-store */
	MSG_PUT, /* table, the columns: inserts the row or replaces the one with the same key */
	MSG_DELETE, /* table, the key columns */
	MSG_CLEAR, /* table: all its rows */
	MSG_COMMIT, /* number: all since the last commit becomes one transaction */
	MSG_QUERY, /* id of the question, table ("event" | "incident" | "sample"), since and until in µs, glob or "", most
	            * rows or "0": see store_query_new(). Answered between two transactions. */
	MSG_PRUNE, /* table, µs: what is older is deleted, between two transactions, in small ones of its own */

	/* daemon → tocsin-metrics, tocsin-heartbeat; answered by MSG_DONE or MSG_FAILED */
	MSG_EXPORT, /* path or URL, "ok" or "fail" (something is CRITICAL), text */

	/* daemon → tocsin-page: one, answered by MSG_DONE, or MSG_FAILED with the step and the reason */
	MSG_PAGE, /* the file as a whole */

	MSG_KINDS
};

struct msg {
	enum msg_kind kind;
	size_t n_fields;
	const char *field[MSG_FIELDS_MAX + 1]; /* NULL behind the last */
	int fd; /* the descriptor that came along, owned by the message, or -1 */
	char *data; /* what the fields point into */
};

/* The name of a kind as it travels: "check". */
const char *msg_name(enum msg_kind kind);

/* Encodes to a malloc'ed datagram. *ret_fd is the memfd that must travel with it, or -1.
 * -EINVAL: wrong number of fields for the kind (own bug, asserted), -EMSGSIZE: over MSG_SIZE_MAX, or over
 * MSG_INLINE_MAX in a kind that carries a descriptor. */
int msg_encode(enum msg_kind kind, const char *const *fields, size_t n, char **ret_data, size_t *ret_len, int *ret_fd);

/* Sends one datagram with PASS_FD (or -1), which stays the caller's. -EAGAIN: the socket is full. */
int msg_send_data(int socket, const void *data, size_t len, int pass_fd);

/* Encodes and sends; blocks if the socket blocks. */
int msg_sendv(int socket, enum msg_kind kind, int pass_fd, const char *const *fields, size_t n);

/* msg_send(socket, MSG_ITEM, -1, "root", "/", "OK", "42 % used") */
#define msg_send(socket, kind, pass_fd, ...)                                                                \
	msg_sendv(socket, kind, pass_fd, (const char *const[]){ "", ##__VA_ARGS__ } + 1,                     \
		sizeof((const char *const[]){ "", ##__VA_ARGS__ }) / sizeof(char *) - 1)

/* Receives one message. Returns 1 with *ret to be freed by msg_free(); 0 when the peer has closed; -EAGAIN on a
 * nonblocking socket without one; -EBADMSG for what is no message; other -errno of recvmsg(). */
int msg_receive(int socket, struct msg **ret);

struct msg *msg_free(struct msg *m);

static inline void msg_free_pointer(struct msg **m)
{
	msg_free(*m);
}
#define _cleanup_msg_ _cleanup_(msg_free_pointer)

/* VALUE as the text of a field; valid as long as the block that it stands in. */
struct msg_number_text {
	char text[24];
};
const char *msg_number_text(struct msg_number_text *n, int64_t value);
#define MSG_NUMBER(value) msg_number_text(&(struct msg_number_text){ "" }, value)

/* Reads field I as a number; -EBADMSG when it is none. */
int msg_number(const struct msg *m, size_t i, int64_t *ret);
