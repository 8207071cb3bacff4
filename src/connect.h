/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a host name to a connected TCP socket, under one deadline.
 *
 * The resolver may block for a minute and cannot be cancelled, so it runs in a child that is killed when it
 * is no longer needed. Addresses are tried as RFC 8305 says: both families in turn, the next one after 250 ms
 * while the ones before it may still answer. Knows nothing of TLS or SMTP. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define CONNECT_NEXT_USEC (250 * INT64_C(1000)) /* "Connection Attempt Delay", RFC 8305 section 5 */
#define CONNECT_REMEMBERED_USEC \
	INT64_C(1000000) /* how long the resolver has before the remembered address is tried */
#define CONNECT_ADDRESSES_MAX 32

struct connect_options {
	const char *host; /* a name in A-labels, or an address with or without brackets */
	uint16_t port;
	const char *source_address; /* an address of this host, or NULL */
	const char *remembered; /* an address that worked before, or NULL */
	int64_t deadline_usec; /* CLOCK_BOOTTIME */
	struct buf *refused; /* gets the addresses that refused, as of connect_format(), each ended by a newline; or NULL */
	/* How names become addresses, in the child: NULL is getaddrinfo(). Appends addresses, each ended by a
	 * newline; or returns -errno with a sentence in B. For tests. */
	int (*resolve)(const char *host, struct buf *b);
};

/* Connects. *ret_fd is nonblocking, without Nagle's delay and the caller's. Errors, each with a sentence for
 * the administrator in *ret_error (free it): -EINVAL: an address in the options is none; -ENXIO: the name
 * does not exist; -EAGAIN: the resolver failed; -ETIMEDOUT; else the errno of the attempt that failed last.
 */
int connect_host(const struct connect_options *o, int *ret_fd, char **ret_error);

/* Only resolves, in a child until the deadline. *ret gets what the resolver has appended: addresses, each ended
 * by a newline, or, with -errno, a sentence. -ETIMEDOUT; -ECHILD: it could not even be tried; -ENXIO: there is no
 * such name; else what O->resolve returned. */
int connect_resolve(const struct connect_options *o, struct buf *ret);

/* Does an error of connect_host() speak of this host (no memory, the resolver, a firewall of its own) rather than
 * of the server? Then nothing is known of the server. */
bool connect_failed_here(int error);

/* The other or the own end of a connected socket, "192.0.2.1" or "2001:db8::1"; "" when it has none. */
void connect_peer_address(int fd, struct buf *b);
void connect_own_address(int fd, struct buf *b);

/* "192.0.2.1:25" or "[2001:db8::1]:25". */
void connect_format(const struct sockaddr *address, socklen_t len, struct buf *b);

/* Is HOST an address rather than a name? Brackets are allowed. *ret_address may be NULL. */
bool connect_is_literal(const char *host, struct sockaddr_storage *ret_address, socklen_t *ret_len);

/* Does the address belong to this host's loopback (127.0.0.0/8, ::1)? */
bool connect_is_loopback(const struct sockaddr *address);
