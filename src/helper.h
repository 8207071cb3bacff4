/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A helper process as the daemon sees it: started by fork and exec, spoken to over one SEQPACKET socket, killed with
 * its whole process group when its deadline has passed, and remembered as stuck while the kernel does not let it go.
 *
 * Nothing here blocks: messages that the socket does not take are queued, a helper that does not end is left to the
 * child source. All functions belong to the thread of the event loop. */
#pragma once

#include "buf.h"
#include "msg.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct helper;

enum helper_phase {
	HELPER_STARTING, /* has not said MSG_READY yet */
	HELPER_IDLE, /* ready for work */
	HELPER_BUSY, /* its owner gave it work */
	HELPER_ENDING, /* its socket is closed or it was killed; waiting for the process to go */
	HELPER_STUCK, /* was killed and still exists: it hangs in the kernel */
};

/* How a helper ended: text for an administrator is made by helper_describe_end(). */
struct helper_end {
	bool timed_out; /* the daemon killed it at its deadline */
	bool broke_protocol; /* it sent what is no message */
	bool killed; /* by a signal, else exited */
	int status; /* signal or exit status */
};

/* Callbacks may free the helper they are called for. */
struct helper_callbacks {
	/* One message. M is freed by the caller afterwards; a descriptor is kept by TAKE_FD(m->fd). */
	void (*message)(struct helper *h, struct msg *m, void *userdata);
	/* No further message comes: the process is gone, or it hangs in the kernel (phase HELPER_STUCK). */
	void (*ended)(struct helper *h, const struct helper_end *end, void *userdata);
	/* After `ended` with HELPER_STUCK: the process is gone at last. */
	void (*released)(struct helper *h, void *userdata);
};

struct helper_options {
	const char *path; /* of the executable */
	const char *const *argv; /* NULL at the end */
	bool dies_with_daemon; /* PR_SET_PDEATHSIG: not for the one that finishes a commit */
};

/* Starts one. -errno of fork() or socketpair(); a failed exec shows as `ended` with exit status 127. */
int helper_start(sd_event *event, const struct helper_options *options, const struct helper_callbacks *callbacks,
	void *userdata, struct helper **ret);

/* Queues a message; it leaves as soon as the socket takes it. -ENOMEM, -EMSGSIZE, -EPIPE: it is ending. */
int helper_sendv(struct helper *h, enum msg_kind kind, const char *const *fields, size_t n);

/* The same with a descriptor, which stays the caller's, for a kind that carries one. */
int helper_sendv_fd(struct helper *h, enum msg_kind kind, int fd, const char *const *fields, size_t n);

#define helper_send(h, kind, ...)                                                                           \
	helper_sendv(h, kind, (const char *const[]){ "", ##__VA_ARGS__ } + 1,                                \
		sizeof((const char *const[]){ "", ##__VA_ARGS__ }) / sizeof(char *) - 1)

/* Kills it WHEN (CLOCK_BOOTTIME µs); USEC_NEVER: no deadline. */
int helper_set_deadline(struct helper *h, int64_t when_usec);

/* Lets it end by itself: closes the socket; kills it 2 s later. `ended` follows. */
void helper_retire(struct helper *h);

/* Kills it with its process group. `ended` follows, at the latest a second later. */
void helper_kill(struct helper *h);

/* Kills what still runs and forgets it, without callbacks. Returns NULL. */
struct helper *helper_free(struct helper *h);

enum helper_phase helper_phase(const struct helper *h);
void helper_set_busy(struct helper *h, bool busy); /* between HELPER_IDLE and HELPER_BUSY */
const char *helper_note(const struct helper *h); /* what it said with MSG_READY, "" until then */
int helper_lock_error(const struct helper *h); /* errno with which its memory could not be locked; 0: it is */
void *helper_userdata(const struct helper *h);

/* "was killed by SIGSEGV", "did not answer within its deadline and was killed", "ended with status 3" … */
void helper_describe_end(const struct helper_end *end, struct buf *b);

/* Kills and reaps children of this process that nobody tracks: strays of helpers that called setsid(). */
void helper_sweep_strays(void);

/* For the end of the process, when every helper was freed: reaps them and what they left behind, for at most LIMIT µs;
 * only what hangs in the kernel outlives that. This one waits. */
void helper_reap_all(int64_t limit_usec);
