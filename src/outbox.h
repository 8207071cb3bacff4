/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail until it is delivered: to whom it still has to go, when to try again, when to give up. Pure.
 *
 * Each recipient has a fate of its own: accepted, refused for good, or still to be tried. A mail leaves the outbox
 * when no recipient is left to be tried. Times are CLOCK_REALTIME µs, because they outlive a reboot; the daemon
 * moves next_try when the clock is set back (outbox_clock_stepped()). */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outbox_fate {
	OUTBOX_PENDING,
	OUTBOX_SENT,
	OUTBOX_REFUSED,
	OUTBOX_GIVEN_UP,
	OUTBOX_MERGED, /* another mail tells it */
};

const char *outbox_fate_name(enum outbox_fate fate);
int outbox_fate_parse(const char *name, enum outbox_fate *ret);

struct outbox_recipient {
	char *address;
	enum outbox_fate fate;
	char *answer; /* the server's words at the last attempt, or why there was none; may be NULL */
	bool has_answered; /* in the attempt under way; not stored */
};

struct outbox_mail {
	char *id; /* unique, the local part of the Message-ID */
	char *subject; /* for people: "tocsin outbox" */
	char *sender;
	char *content; /* the whole message, fixed when it was queued */
	int64_t queued_usec;
	int64_t attempts;
	int64_t next_try_usec;
	char *kind; /* "alert", "status" …: a word of the caller's */
	int64_t *events; /* numbers of what it tells */
	size_t n_events;
	struct outbox_recipient *recipients;
	size_t n_recipients;
	bool in_flight; /* handed to the mailer; not stored */
	bool is_stored; /* its commit was acknowledged; not stored */
	bool lost_mailer; /* the mailer of the last attempt died with it: it goes alone; not stored */
	bool is_fixed; /* some of what it tells is remembered nowhere else: it is not merged; the caller's, not stored */
	size_t n_remarks; /* that it brings besides: the caller's, not stored */
	int64_t former_attempts, kept_until_usec; /* of a mail that nobody could try for long, see outbox_resume(); not stored */
};

/* Copies; the mail is due at once. An address that is named twice is one recipient. NULL without memory. */
struct outbox_mail *outbox_mail_new(const char *id, const char *subject, const char *sender, const char *content,
	const char *const *recipients, size_t n_recipients, int64_t now_usec);
struct outbox_mail *outbox_mail_free(struct outbox_mail *m);

static inline void outbox_mail_free_pointer(struct outbox_mail **m)
{
	outbox_mail_free(*m);
}
#define _cleanup_outbox_mail_ _cleanup_(outbox_mail_free_pointer)

/* Copies KIND and the numbers. -ENOMEM. */
int outbox_mail_about(struct outbox_mail *m, const char *kind, const int64_t *events, size_t n_events);

/* How long to wait after the N-th attempt (1, 2, …) that left a recipient pending: 1, 2, 5, 10, 30 min, then
 * hourly. */
int64_t outbox_retry_delay(int64_t attempts);

/* What the server said for ADDRESS. Words for outcome as in MSG_RESULT. -ENOENT: no such recipient is pending;
 * -EINVAL: no such outcome. */
int outbox_result(struct outbox_mail *m, const char *address, const char *outcome, const char *answer);

/* An attempt has ended: counts it and sets the next one. Recipients still pending GIVE_UP µs after the mail was
 * queued are given up. Returns whether the mail is finished: no recipient is pending any more. */
bool outbox_attempted(struct outbox_mail *m, int64_t give_up_usec, int64_t now_usec);

/* The mailer ended, and WHY, before it had said what became of the mail. Who had no answer yet gets WHY as one. With IS_CRASH
 * (nobody has refused anything) the mail is due again at once, and that is no attempt; but if the mailer of that one is lost
 * too, it is one, and the next follows as after any other. So between two that come at once is one that waits. */
bool outbox_interrupted(struct outbox_mail *m, const char *why, bool is_crash, int64_t give_up_usec, int64_t now_usec);

/* Mails that were queued before OLDER_THAN and that the same recipients still wait for: each group of two or more can go
 * as one. Those in flight, and those that are fixed, are left alone. */
struct outbox_merge {
	size_t *mails; /* indexes, oldest first */
	size_t n_mails;
	const char **addresses; /* belong to the mails */
	size_t n_addresses;
};

/* The first such group; 1, 0: there is none, -ENOMEM. Free it by outbox_merge_clear(). */
int outbox_find_merge(struct outbox_mail *const *mails, size_t n, int64_t older_than_usec, struct outbox_merge *ret);
void outbox_merge_clear(struct outbox_merge *m);

/* ADDRESS gets what M tells by another mail. Returns whether the mail is finished. */
bool outbox_merged(struct outbox_mail *m, const char *address);

/* The last that was heard for a recipient who still waits, or NULL. */
const char *outbox_last_answer(const struct outbox_mail *m);

bool outbox_is_finished(const struct outbox_mail *m);
size_t outbox_pending(const struct outbox_mail *m);

/* After a mail was read from the state file: nobody has it in flight, and where the clock is behind what it was (a host
 * without a battery starts in 1970) it waits no longer than its delay and counts as queued now. One that has been due for
 * half an hour, because the host was off, begins the schedule of tries anew, and is not given up within an hour: the network
 * may not be up yet. */
void outbox_resume(struct outbox_mail *m, int64_t now_usec);

/* DIGEST takes the place of M: it has been tried as often, and is kept as long. */
void outbox_inherit(struct outbox_mail *digest, const struct outbox_mail *m);

/* The clock was set by DELTA µs: keeps the wait that is left, and the time until it is given up: a clock that is
 * set right by 50 years must not give up every mail. */
void outbox_clock_stepped(struct outbox_mail *m, int64_t delta_usec);
