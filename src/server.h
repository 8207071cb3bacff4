/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks certificate, smtp, imap and pop3 share: a server that is asked, with TLS from the start,
 * after STARTTLS, or without; lines that go to and fro, kept as evidence without secrets; and what is said
 * of it in the end. (http shares its options and the judgement of a certificate.) It knows the few lines
 * that come before TLS in each protocol, and nothing else of them. */
#pragma once

#include "buf.h"
#include "stream.h"
#include "tocsin-check.h"
#include "translate.h"
#include "transport.h"
#include "verdict.h"

/* The order is that of enum smtp_security. */
enum server_security { SERVER_TLS, SERVER_STARTTLS, SERVER_PLAIN };

struct server;

/* What all of them are told; a module's own struct begins with it. */
struct server_config {
	const char *host, *expect, *tls_ca_file, *tls_pin;
	const char *name; /* that its certificate must have; NULL: host */
	const char *username, *password_file, *credential;
	int64_t port, answer_timeout, time_warning, time_critical, certificate_warning, certificate_critical;
	int security;
};

extern const char *const server_securities[];

#define SERVER_MEMBER(name_, type_) \
	.name = #name_, .type = type_, .offset = offsetof(struct server_config, name_)

/* Rows for their option tables. */
#define SERVER_OPTIONS_TIME										\
	{ SERVER_MEMBER(answer_timeout, TOCSIN_DURATION), .fallback = "8s", .min = 10000, .max = 3600e6, \
		.help = N_("How long all of it may take together; keep it below the timeout of the check") }, \
	{ SERVER_MEMBER(time_warning, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,			\
		.help = N_("It is a warning when it took longer than this; 0: not judged") },		\
	{ SERVER_MEMBER(time_critical, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,		\
		.help = N_("It is critical when it took longer than this; 0: not judged") }

#define SERVER_OPTIONS_CERTIFICATE(warning_key, critical_key)						\
	{ .name = warning_key, .type = TOCSIN_DURATION, .fallback = "14d", .max = 3650 * 86400e6,	\
		.offset = offsetof(struct server_config, certificate_warning),				\
		.help = N_("It is a warning when the certificate is valid for less than this; 0: not judged") }, \
	{ .name = critical_key, .type = TOCSIN_DURATION, .fallback = "3d", .max = 3650 * 86400e6,	\
		.offset = offsetof(struct server_config, certificate_critical),				\
		.help = N_("It is critical when the certificate is valid for less than this; 0: not judged") }

#define SERVER_OPTIONS_TLS(warning_key, critical_key)							\
	{ SERVER_MEMBER(tls_ca_file, TOCSIN_PATH),							\
		.help = N_("Certificates of the authorities to trust, in PEM form, instead of the system's") }, \
	{ SERVER_MEMBER(tls_pin, TOCSIN_STRING),							\
		.help = N_("The only public key to accept, \"sha256:BASE64\"; stands for authority, "	\
			   "name and dates") },								\
	SERVER_OPTIONS_CERTIFICATE(warning_key, critical_key)

#define SERVER_OPTIONS_MAIL(security_)									\
	{ SERVER_MEMBER(host, TOCSIN_STRING), .fallback = "localhost",					\
		.help = N_("The server, a name or an address") },						\
	{ SERVER_MEMBER(port, TOCSIN_INT), .fallback = "0", .max = 65535,				\
		.help = N_("Its port; 0: the usual one") },							\
	{ SERVER_MEMBER(security, TOCSIN_CHOICE), .fallback = security_, .choices = server_securities,	\
		.help = N_("TLS from the start, STARTTLS, or no encryption") },				\
	SERVER_OPTIONS_TLS("certificate_warning", "certificate_critical"),				\
	{ SERVER_MEMBER(expect, TOCSIN_STRING), .help = N_("A text that its greeting must contain") },	\
	{ SERVER_MEMBER(username, TOCSIN_STRING), .help = N_("Log in as this user; needs encryption") },	\
	{ SERVER_MEMBER(password_file, TOCSIN_PATH), .help = N_("A file whose first line is the password") }, \
	{ SERVER_MEMBER(credential, TOCSIN_STRING),							\
		.help = N_("The name of a systemd credential that is the password") },			\
	SERVER_OPTIONS_TIME

/* A sentence in English, or NULL. */
const char *server_validate(const struct server_config *c);

/* The lines of one protocol before TLS. */
struct server_protocol {
	const char *name;
	uint16_t port_tls, port_plain;
	/* Greeting, request for TLS, consent: 0, or as server_fail(). NULL: there is no STARTTLS. */
	int (*ask_for_tls)(struct server *s);
	const char *goodbye; /* NULL: none is needed */
};

/* "smtp", "imap", "pop3", "ftp", "postgresql"; NULL: none of them. */
const struct server_protocol *server_protocol_find(const char *name);

struct server {
	struct tocsin_run *run;
	const struct server_config *config;
	uint16_t port;
	int64_t began_usec, deadline_usec;
	struct transport_trust *trust;
	struct transport *transport;
	struct stream stream;
	bool is_loopback;
	int tls_error;        /* of server_start_tls() */
	bool is_untrusted;    /* its certificate is judged although nobody stands for it */
	char *password;       /* NULL: nobody logs in */
	char *hidden;         /* the line with it that was sent last, NULL: none */
	struct buf refused;   /* addresses that did, for listener_explain() */
	struct buf peer, own; /* addresses: ours as an address literal of SMTP */
	struct buf input;     /* read and not consumed */
	struct buf line;      /* the one that was read last */
	struct buf dialogue, greeting;
	struct buf failure; /* what is wrong with the server, one sentence; "" while nothing is */
};

/* Reads what must be read, connects, and begins TLS when the configuration has it from the start. Fills *S in
 * any case: server_free() it. 0; -ECONNABORTED: s->failure says what is wrong with the server; other -errno:
 * it could not look, and the reason was told. */
int server_open(struct server *s, struct tocsin_run *run, const struct server_config *c,
	const struct server_protocol *protocol);
void server_free(struct server *s);
#define _cleanup_server_ _cleanup_(server_free)

/* The server is to blame: keeps the first sentence, whose FORMAT is looked up; returns -ECONNABORTED. */
int server_fail(struct server *s, const char *format, ...) _printf_(2, 3);

/* Sends LINE and CRLF; SHOWN stands in the evidence in its place, NULL: LINE itself. */
int server_send(struct server *s, const char *line, const char *shown);

/* Reads one line, which is then in s->line without its end, and without the password should the server repeat
 * it. WHAT is waited for, in words that are looked up. */
int server_read(struct server *s, const char *what);

/* For the evidence, and the first line of the server's is its greeting. */
void server_note(struct server *s, const char *direction, const char *line);

/* Begins TLS after the server's consent; refuses when more came with it. */
int server_start_tls(struct server *s);

/* Judges how long a certificate is still valid. Needs c->is_known. */
void server_judge_certificate(
	const struct server_config *config, const struct transport_certificate *c, struct verdict *v);

/* Reports what was found: S after RESULT of the talk; GOOD, a clause that is looked up, is put behind "answered
 * after …". Returns what run() is to return. */
int server_report(struct server *s, int result, const char *good);

/* What the checks of mailboxes, imap and pop3, do in different ways. */
struct server_mailbox {
	const char *protocol, *name;  /* for server_protocol_find(), and for people */
	const char *const *greetings; /* how its first line may begin, NULL at the end */
	/* All that comes behind greeting or STARTTLS. 0 and how many messages there are, untouched: not
	 * known; else as server_fail(). */
	int (*talk)(struct server *s, double *ret_messages);
};

/* Such a look from beginning to end. Returns what run() is to return. */
int server_look_into(
	struct tocsin_run *run, const struct server_config *c, const struct server_mailbox *mailbox);
