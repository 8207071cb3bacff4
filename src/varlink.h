/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Varlink wire format (https://varlink.org): JSON objects, each ended by NUL, on a stream socket.
 *
 * The server runs in the daemon's loop and never waits: a client that does not read is dropped when what it is owed
 * passes a limit. A client may ask one thing at a time; further calls wait. The client side blocks; it is for the
 * command line. JSON is jansson's. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#define VARLINK_MESSAGE_MAX (64 * 1024) /* a request */
#define VARLINK_REPLY_MAX (16 * 1024 * 1024)

struct varlink_server;
struct varlink_call; /* a request that waits for its answer; stays valid until it is answered, even if the client goes */

struct varlink_method {
	const char *name; /* "Status" */
	bool needs_root; /* else the group of the socket suffices */
	void (*handle)(struct varlink_call *call, json_t *parameters, void *userdata);
};

struct varlink_interface {
	const char *name; /* "org.tocsin.Control" */
	const char *description; /* its text in the interface definition language */
	const struct varlink_method *methods; /* name NULL ends them */
	const char *vendor, *product, *version, *url; /* for org.varlink.service.GetInfo */
};

/* Listens on LISTEN_FD (taken over) as INTERFACE. */
int varlink_server_new(sd_event *event, int listen_fd, const struct varlink_interface *interface, void *userdata,
	struct varlink_server **ret);
struct varlink_server *varlink_server_free(struct varlink_server *s);

/* Does the caller take several answers ("more")? */
bool varlink_wants_more(const struct varlink_call *call);
uid_t varlink_uid(const struct varlink_call *call); /* of the peer, from SO_PEERCRED */

/* One of several answers. PARAMETERS is taken over. */
void varlink_continue(struct varlink_call *call, json_t *parameters);

/* The last answer; CALL is gone afterwards. */
void varlink_reply(struct varlink_call *call, json_t *parameters);

/* An error of our interface ("NotFound") or, with a dot in it, of any; CALL is gone afterwards. */
void varlink_error(struct varlink_call *call, const char *error, json_t *parameters);

/* ---- client ---- */

/* Connects to the socket at PATH. A descriptor or -errno. */
int varlink_connect(const char *path);

/* Calls METHOD ("org.tocsin.Control.Status") and hands each answer to ANSWER (may be NULL for single answers) until the
 * last one. *ret_reply is the parameters of the last, *ret_error the name of the error or NULL; free both.
 * -ETIMEDOUT, -ECONNRESET, -EPROTO. */
int varlink_query(int fd, const char *method, json_t *parameters, int64_t timeout_usec,
	void (*answer)(json_t *parameters, void *userdata), void *userdata, json_t **ret_reply, char **ret_error);
