/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an SMTP dialogue runs over: a byte stream with deadlines that may turn on TLS. Injected, so that a dialogue is
 * a test file; transport.c makes the real one. Blocking; every wait ends at a deadline on CLOCK_BOOTTIME (µs). */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum stream_binding { STREAM_TLS_EXPORTER, STREAM_TLS_SERVER_END_POINT }; /* RFC 9266, RFC 5929 */

struct stream_ops {
	/* Reads what is there, at least one byte. 0: the peer has closed (cleanly, under TLS with close_notify).
	 * -ETIMEDOUT; -ECONNRESET; -EPIPE: TLS was cut without close_notify; -EPROTO: TLS error. */
	ssize_t (*read)(void *data, void *bytes, size_t len, int64_t deadline_usec);
	/* Writes all of it, one TLS record or segment where that is possible. 0 or -errno as above. */
	int (*write)(void *data, const void *bytes, size_t len, int64_t deadline_usec);
	/* Are bytes there that can be read without waiting? */
	bool (*has_input)(void *data);
	/* Handshake and verification. -errno with a sentence for the administrator in *ret_error (free it). */
	int (*start_tls)(void *data, int64_t deadline_usec, char **ret_error);
	bool (*is_tls)(void *data);
	/* Channel binding data for SCRAM-…-PLUS. -EOPNOTSUPP: not with this version or certificate. */
	int (*binding)(void *data, enum stream_binding kind, struct buf *ret);
	/* Words for the last failure of read, write or start_tls, or NULL. Owned by the stream. */
	const char *(*failure)(void *data);
	/* Version and ciphers of TLS, for a person; NULL: there is none. Owned by the stream. May be missing. */
	const char *(*description)(void *data);
};

struct stream {
	const struct stream_ops *ops;
	void *data;
};
