/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS against servers of this process' children, over socket pairs; every certificate is made when the test
 * runs. */
#include "buf.h"
#include "certificate.h"
#include "clock.h"
#include "test.h"
#include "tests/support/both-languages.h"
#include "transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define DAY (24 * 3600)
#define SOON (clock_boottime_usec() + 20 * USEC_PER_SEC)
#define HOST "mail.example.org"

/* Certificates. */

struct identity {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

struct recipe {
	const char *cn, *dns, *dns2, *ip, *purpose;
	unsigned rsa_bits; /* 0: P-256 */
	time_t since, until; /* relative to now; 0: a year each way */
	const struct identity *issuer; /* NULL: self-signed */
	bool is_ca;
};

#define FOLDER "/tmp/tocsin-transport-XXXXXX"
static char folder[sizeof(FOLDER)];
static struct identity authority;

static void add_ip(gnutls_x509_crt_t crt, const char *text)
{
	unsigned char bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, bytes), 1);
	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, bytes,
				 family == AF_INET ? 4 : 16, GNUTLS_FSAN_APPEND), 0);
}

static void add_dns(gnutls_x509_crt_t crt, const char *name)
{
	assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
				 (unsigned)strlen(name), GNUTLS_FSAN_APPEND), 0);
}

static void set_dates(gnutls_x509_crt_t crt, const struct recipe *r)
{
	time_t now = time(NULL);

	gnutls_x509_crt_set_activation_time(crt, now + (r->since ? r->since : -365 * DAY));
	gnutls_x509_crt_set_expiration_time(crt, now + (r->until ? r->until : 365 * DAY));
}

static struct identity identity_make(struct recipe r)
{
	static unsigned char serial = 1;
	struct identity id;

	gnutls_x509_privkey_init(&id.key);
	assert_int_equal(r.rsa_bits ? gnutls_x509_privkey_generate(id.key, GNUTLS_PK_RSA, r.rsa_bits, 0) :
				      gnutls_x509_privkey_generate(id.key, GNUTLS_PK_ECDSA,
					      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
	gnutls_x509_crt_init(&id.crt);
	gnutls_x509_crt_set_version(id.crt, 3);
	serial++;
	gnutls_x509_crt_set_serial(id.crt, &serial, 1);
	set_dates(id.crt, &r);
	if (r.cn)
		gnutls_x509_crt_set_dn_by_oid(
			id.crt, GNUTLS_OID_X520_COMMON_NAME, 0, r.cn, (unsigned)strlen(r.cn));
	if (r.dns)
		add_dns(id.crt, r.dns);
	if (r.dns2)
		add_dns(id.crt, r.dns2);
	if (r.ip)
		add_ip(id.crt, r.ip);
	if (r.purpose)
		gnutls_x509_crt_set_key_purpose_oid(id.crt, r.purpose, 0);
	gnutls_x509_crt_set_basic_constraints(id.crt, r.is_ca, -1);
	gnutls_x509_crt_set_key(id.crt, id.key);
	const struct identity *issuer = r.issuer ? r.issuer : &id;
	assert_int_equal(gnutls_x509_crt_sign2(id.crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0), 0);
	return id;
}

static void identity_free(struct identity *id)
{
	gnutls_x509_crt_deinit(id->crt);
	gnutls_x509_privkey_deinit(id->key);
}

static void path_of(const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", folder, name);
}

static void identity_save(const struct identity *id, const char *name, char path[64])
{
	gnutls_datum_t crt, key;

	path_of(name, path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(gnutls_x509_crt_export2(id->crt, GNUTLS_X509_FMT_PEM, &crt), 0);
	assert_int_equal(gnutls_x509_privkey_export2(id->key, GNUTLS_X509_FMT_PEM, &key), 0);
	fprintf(f, "%s%s", crt.data, key.data);
	fclose(f);
	gnutls_free(crt.data);
	gnutls_free(key.data);
}

/* Servers. */

enum behaviour {
	ECHO, /* sends back what comes, and ends properly */
	CUT, /* sends a word and closes the socket without close_notify */
	SAY_FIRST, /* greets in plain text and waits */
	SAY_NOTHING, /* accepts all in silence */
	CLOSE, /* closes at once */
	TALK_TWICE, /* one word, and a second one in the same moment */
};

struct server {
	enum behaviour behaviour;
	const struct identity *id;
	const char *priority; /* NULL: NORMAL */
	bool wants_certificate;
};

struct peer {
	struct transport *transport;
	struct transport_trust *trust;
	struct stream stream;
	pid_t pid;
};

static void server_plain(int fd, const struct server *s)
{
	char bytes[4096];

	if (s->behaviour == SAY_FIRST && send(fd, "220 mail.example.org ESMTP\r\n", 28, MSG_NOSIGNAL) < 0)
		_exit(1);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

static void server_tls(int fd, const struct server *s)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	char bytes[65536];
	ssize_t n;

	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_certificate_set_x509_key(credentials, (gnutls_x509_crt_t *)&s->id->crt, 1, s->id->key);
	gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
	gnutls_priority_set_direct(session, s->priority ? s->priority : "NORMAL", NULL);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	if (s->wants_certificate)
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
	gnutls_transport_set_int(session, fd);
	int r;
	do
		r = gnutls_handshake(session);
	while (r < 0 && !gnutls_error_is_fatal(r));
	if (r < 0) {
		gnutls_alert_send_appropriate(session, r);
		return;
	}
	if (s->behaviour == CUT)
		gnutls_record_send(session, "word", 4);
	if (s->behaviour == TALK_TWICE) {
		gnutls_record_send(session, "one", 3);
		gnutls_record_send(session, "two", 3);
	}
	if (s->behaviour == CUT)
		return;
	while ((n = gnutls_record_recv(session, bytes, sizeof(bytes))) > 0)
		gnutls_record_send(session, bytes, (size_t)n);
	gnutls_bye(session, GNUTLS_SHUT_WR);
}

static void __attribute__((noreturn)) server_main(int fd, const struct server *s)
{
	alarm(30);
	signal(SIGPIPE, SIG_IGN);
	if (s->behaviour == SAY_FIRST || s->behaviour == SAY_NOTHING)
		server_plain(fd, s);
	else if (s->behaviour != CLOSE)
		server_tls(fd, s);
	close(fd);
	_exit(0);
}

static struct peer peer_start(struct server s, struct transport_trust_options o, const char *host)
{
	struct peer p = { 0 };
	char *error = NULL;
	int ends[2];

	int r = transport_trust_new(&o, &p.trust, &error);
	if (error)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	p.pid = fork();
	if (p.pid == 0) {
		close(ends[0]);
		server_main(ends[1], &s);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(transport_new(ends[0], p.trust, host, &p.transport), 0);
	p.stream = transport_stream(p.transport);
	return p;
}

static void peer_end(struct peer *p)
{
	transport_free(p->transport);
	transport_trust_free(p->trust);
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
}

static struct transport_trust_options our_authority(void)
{
	static char path[64];

	path_of("ca.pem", path);
	return (struct transport_trust_options){ .ca_file = path };
}

/* Shakes hands with such a server; returns the result, and the words in *ret_words (free them). */
static int try(struct server s, struct transport_trust_options o, const char *host, char **ret_words)
{
	struct peer p = peer_start(s, o, host);

	*ret_words = NULL;
	int r = p.stream.ops->start_tls(p.stream.data, SOON, ret_words);
	assert_int_equal(r == 0, p.stream.ops->is_tls(p.stream.data));
	assert_int_equal(r == 0, *ret_words == NULL);
	peer_end(&p);
	return r;
}

/* The certificates that are judged: what is wrong with each, and which words an administrator must find. */
static void judges_certificates(void **state)
{
	const struct recipe any = { .cn = "any", .dns = HOST, .issuer = &authority };
	struct recipe expired = any, early = any, client = any, weak = any, wrong = any, none = any,
		      wild = any;
	struct recipe inner = any, ip = any, ip6 = any, self = any, two = any, bare = any, server = any;

	expired.until = -3 * DAY;
	early.since = 5 * DAY;
	client.purpose = GNUTLS_KP_TLS_WWW_CLIENT;
	server.purpose = GNUTLS_KP_TLS_WWW_SERVER;
	weak.rsa_bits = 1024;
	wrong.dns = "smtp.example.net";
	none.dns = NULL;
	none.cn = HOST;
	wild.dns = "*.example.org";
	inner.dns = "*.org";
	ip.dns = ip6.dns = NULL;
	ip.ip = "192.0.2.1";
	ip6.ip = "2001:db8::1";
	self.issuer = NULL;
	two.dns = "other.example.org";
	two.dns2 = "MAIL.Example.ORG";
	bare.dns = "example.org";

	const struct {
		const struct recipe *recipe;
		const char *host;
		const char *words[3]; /* NULL: it is believed */
	} rows[] = {
		{ &any, HOST, { NULL } },
		{ &any, "MAIL.example.org", { NULL } },
		{ &any, "mail.example.org.", { NULL } },
		{ &server, HOST, { NULL } },
		{ &two, HOST, { NULL } },
		{ &wild, HOST, { NULL } },
		{ &ip, "192.0.2.1", { NULL } },
		{ &ip6, "2001:db8:0::1", { NULL } },
		{ &expired, HOST,
			{ HOST " expired on ", "(3 d ago", "check this host's clock, it says 20" } },
		{ &early, HOST, { "not yet valid, only from ", "check this host's clock, it says 20" } },
		{ &client, HOST, { "not for servers (its key purpose is TLS client)" } },
		{ &weak, HOST, { "too weak: RSA with 1024 bits" } },
		{ &wrong, HOST,
			{ "is for \"smtp.example.net\", not for \"" HOST "\"", "set tls_pin = sha256:" } },
		{ &none, HOST,
			{ "no name in subjectAltName", "\"CN=" HOST "\"", "common names do not count" } },
		{ &wild, "a.b.example.org", { "is for \"*.example.org\"" } },
		{ &wild, "example.org", { "is for \"*.example.org\"" } },
		{ &inner, "example.org", { "is for \"*.org\"" } },
		{ &bare, HOST, { "is for \"example.org\"" } },
		{ &ip, "192.0.2.2", { "is for \"192.0.2.1\", not for \"192.0.2.2\"" } },
		{ &ip6, "192.0.2.2", { "is for \"2001:db8::1\"" } },
		{ &any, "192.0.2.1", { "is for \"" HOST "\", not for \"192.0.2.1\"" } },
		{ &self, HOST, { "is self-signed", "set tls_ca_file; or", "tls_pin = sha256:" } },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct identity id = identity_make(*rows[i].recipe);
		_cleanup_free_ char *words = NULL;

		int r = try((struct server){ .id = &id }, our_authority(), rows[i].host, &words);
		identity_free(&id);
		if (r != (rows[i].words[0] ? -EKEYREJECTED : 0))
			fail_msg("row %zu: %d %s", i, r, words ? words : "");
		for (size_t k = 0; k < ELEMENTS(rows[i].words) && rows[i].words[k]; k++)
			if (in_chinese ? !has_han(words) || english_in(words) : !strstr(words, rows[i].words[k]))
				fail_msg("row %zu: not in the words: %s: %s", i, rows[i].words[k], words);
	}
}

static void names_the_unknown_issuer(void **state)
{
	struct identity other = identity_make((struct recipe){ .cn = "Elsewhere CA", .is_ca = true });
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &other });
	_cleanup_free_ char *words = NULL;

	assert_int_equal(try((struct server){ .id = &id }, our_authority(), HOST, &words), -EKEYREJECTED);
	assert_says(words, "was issued by \"CN=Elsewhere CA\"");
	assert_says(words, "tls_ca_file");
	identity_free(&id);
	identity_free(&other);
}

/* A certificate of an authority of ours, but one that is no authority itself. */
static void refuses_a_leaf_as_issuer(void **state)
{
	struct identity leaf =
		identity_make((struct recipe){ .cn = "leaf", .dns = HOST, .issuer = &authority });
	struct identity id = identity_make((struct recipe){ .cn = "x", .dns = HOST, .issuer = &leaf });
	_cleanup_free_ char *words = NULL;

	assert_int_equal(try((struct server){ .id = &id }, our_authority(), HOST, &words), -EKEYREJECTED);
	identity_free(&id);
	identity_free(&leaf);
}

static void wildcards(void **state)
{
	static const struct {
		const char *pattern, *host;
		bool fits;
	} rows[] = {
		{ "a.example.org", "a.example.org", true }, { "*.example.org", "a.example.org", true },
		{ "*.EXAMPLE.org", "a.example.ORG", true }, { "*.example.org", "a.b.example.org", false },
		{ "*.example.org", ".example.org", false }, { "*.example.org", "example.org", false },
		{ "*.org", "example.org", false }, { "*", "org", false }, { "*", "a.example.org", false },
		{ "a*.example.org", "ab.example.org", false }, { "a.*.org", "a.example.org", false },
		{ "*.*.org", "a.example.org", false }, { "", "", true }, { "*.", "a.", false },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (certificate_name_matches(rows[i].pattern, rows[i].host) != rows[i].fits)
			fail_msg("%s, %s", rows[i].pattern, rows[i].host);
}

/* The pin that the failure names is the one that makes it work, in both spellings; another one does not. */
static void accepts_the_pin_that_it_named(void **state)
{
	struct identity id = identity_make((struct recipe){ .cn = "box", .dns = "other", .until = -DAY });
	struct identity self = identity_make((struct recipe){ .cn = "box", .dns = HOST });
	_cleanup_free_ char *words = NULL, *none = NULL, *again = NULL, *refused = NULL;
	char pin[64] = "", curl[80];

	assert_int_equal(try((struct server){ .id = &self }, our_authority(), HOST, &words), -EKEYREJECTED);
	assert_int_equal(sscanf(strstr(words, "tls_pin = "), "tls_pin = %63s", pin), 1);
	assert_int_equal(try((struct server){ .id = &self }, (struct transport_trust_options){ .pin = pin },
				 HOST, &none),
		0);
	snprintf(curl, sizeof(curl), "sha256//%s", pin + strlen("sha256:"));
	assert_int_equal(try((struct server){ .id = &self }, (struct transport_trust_options){ .pin = curl },
				 "192.0.2.9", &again), 0);
	assert_int_equal(try((struct server){ .id = &id }, (struct transport_trust_options){ .pin = pin },
				 HOST, &refused),
		-EKEYREJECTED);
	assert_says(refused, "is not the pinned one");
	assert_says(refused, pin);
	identity_free(&id);
	identity_free(&self);
}

/* A pin is no leave for weak keys. */
static void refuses_a_weak_key_in_spite_of_a_pin(void **state)
{
	struct identity id = identity_make((struct recipe){ .cn = "box", .dns = HOST, .rsa_bits = 1024 });
	const char *pin = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	_cleanup_free_ char *words = NULL;

	assert_int_equal(try((struct server){ .id = &id }, (struct transport_trust_options){ .pin = pin },
				 HOST, &words),
		-EKEYREJECTED);
	assert_says(words, "too weak");
	identity_free(&id);
}

static void refuses_bad_options(void **state)
{
	char missing[64], empty[64], alone[64];
	path_of("missing.pem", missing);
	path_of("empty.pem", empty);
	path_of("ca-only.pem", alone);
	close_fd(open(empty, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	const struct {
		struct transport_trust_options o;
		const char *words;
	} rows[] = {
		{ { .pin = "sha256:" }, "tls_pin 'sha256:' is none" },
		{ { .pin = "sha256:AAAA" }, "is none" },
		{ { .pin = "md5:AAAA" }, "is none" },
		{ { .ca_file = missing }, "missing.pem cannot be used" },
		{ { .ca_file = empty }, "empty.pem cannot be used" },
		{ { .pin = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", .key_file = empty },
			"tls_key_file is given without tls_cert_file" },
		{ { .pin = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", .cert_file = missing },
			"missing.pem" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct transport_trust *t = NULL;
		_cleanup_free_ char *words = NULL;

		assert_true(transport_trust_new(&rows[i].o, &t, &words) < 0);
		assert_null(t);
		assert_says(words, rows[i].words);
	}
}

static void needs_tls_1_2(void **state)
{
	struct identity id =
		identity_make((struct recipe){ .dns = HOST, .issuer = &authority, .rsa_bits = 2048 });
	_cleanup_free_ char *words = NULL, *none = NULL;
	struct server old = { .id = &id, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT" };
	struct server tls12 = { .id = &id, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2" };

	assert_int_equal(try(old, our_authority(), HOST, &words), -EPROTO);
	assert_says(words, "offers no TLS 1.2 or newer");
	assert_int_equal(try(tls12, our_authority(), HOST, &none), 0);
	identity_free(&id);
}

static void recognises_a_plain_port(void **state)
{
	_cleanup_free_ char *words = NULL, *closed = NULL;

	assert_int_equal(
		try((struct server){ .behaviour = SAY_FIRST }, our_authority(), HOST, &words), -EPROTO);
	assert_says(words, "this port does not speak TLS: the server began with \"220 mail.example.org");
	assert_says(words, "security = starttls");
	assert_int_equal(
		try((struct server){ .behaviour = CLOSE }, our_authority(), HOST, &closed), -ECONNRESET);
}

static void recognises_a_tls_port(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	struct peer p = peer_start((struct server){ .id = &id }, our_authority(), HOST);
	char byte;

	assert_int_equal(
		p.stream.ops->read(p.stream.data, &byte, 1, clock_boottime_usec() + 2 * USEC_PER_SEC),
		-EPROTO);
	assert_says(p.stream.ops->failure(p.stream.data), "this port speaks TLS from the start");
	peer_end(&p);
	identity_free(&id);
}

/* Silence is a time-out and nothing else, in the handshake and in plain. */
static void ends_silence(void **state)
{
	struct peer p = peer_start((struct server){ .behaviour = SAY_NOTHING }, our_authority(), HOST);
	_cleanup_free_ char *words = NULL;
	int64_t begun = clock_boottime_usec();
	char byte;

	assert_int_equal(
		p.stream.ops->read(p.stream.data, &byte, 1, begun + 100 * USEC_PER_MSEC), -ETIMEDOUT);
	assert_int_equal(
		p.stream.ops->start_tls(p.stream.data, begun + 300 * USEC_PER_MSEC, &words), -ETIMEDOUT);
	assert_says(words, "did not finish the TLS handshake in time");
	assert_true(clock_boottime_usec() - begun < 10 * USEC_PER_SEC);
	assert_false(p.stream.ops->is_tls(p.stream.data));
	peer_end(&p);
}

static struct peer peer_secured(struct server s)
{
	struct peer p = peer_start(s, our_authority(), HOST);
	char *words = NULL;

	int r = p.stream.ops->start_tls(p.stream.data, SOON, &words);
	if (r < 0)
		fail_msg("%s", words);
	return p;
}

static void carries_bytes(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	struct peer p = peer_secured((struct server){ .id = &id });
	char sent[40000], got[40000];
	size_t done = 0;

	memset(sent, 'x', sizeof(sent));
	assert_false(p.stream.ops->has_input(p.stream.data));
	assert_int_equal(p.stream.ops->write(p.stream.data, sent, sizeof(sent), SOON), 0);
	while (done < sizeof(got)) {
		ssize_t n = p.stream.ops->read(p.stream.data, got + done, sizeof(got) - done, SOON);
		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_memory_equal(sent, got, sizeof(sent));
	assert_non_null(strstr(transport_description(p.transport), "TLS1.3"));
	peer_end(&p);
	identity_free(&id);
}

/* What has come is found whether GnuTLS, the kernel or has_input() itself holds it, and is read in order. */
static void finds_input(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	struct peer p = peer_secured((struct server){ .id = &id, .behaviour = TALK_TWICE });
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };
	char got[16] = "";

	for (int i = 0; i < 1000 && !p.stream.ops->has_input(p.stream.data); i++)
		nanosleep(&pause, NULL);
	for (size_t done = 0; done < 6;) {
		ssize_t n = p.stream.ops->read(p.stream.data, got + done, 2, SOON);
		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_string_equal(got, "onetwo");
	assert_false(p.stream.ops->has_input(p.stream.data));
	peer_end(&p);
	identity_free(&id);
}

static void tells_a_cut_from_an_end(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	struct peer cut = peer_secured((struct server){ .id = &id, .behaviour = CUT });
	char got[16];

	assert_int_equal(cut.stream.ops->read(cut.stream.data, got, sizeof(got), SOON), 4);
	assert_int_equal(cut.stream.ops->read(cut.stream.data, got, sizeof(got), SOON), -EPIPE);
	assert_says(cut.stream.ops->failure(cut.stream.data), "close_notify");
	peer_end(&cut);
	identity_free(&id);
}

/* Nothing of ours to write to a peer that is gone may raise SIGPIPE, which would end this test. */
static void survives_a_reset(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	struct peer p = peer_secured((struct server){ .id = &id, .behaviour = CUT });
	char bytes[30000] = { 0 };
	int r = 0;

	waitpid(p.pid, NULL, 0);
	for (int i = 0; i < 100 && r == 0; i++)
		r = p.stream.ops->write(p.stream.data, bytes, sizeof(bytes), SOON);
	assert_int_equal(r, -ECONNRESET);
	transport_free(p.transport);
	transport_trust_free(p.trust);
	identity_free(&id);
}

/* A TLS 1.3 server refuses our certificate, or the want of one, after our side of the handshake is over. */
static void shows_our_certificate(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	struct identity own = identity_make((struct recipe){ .cn = "client" });
	struct transport_trust_options o = our_authority();
	struct server s = { .id = &id, .wants_certificate = true };
	_cleanup_free_ char *words = NULL;
	char path[64], got[16];

	struct peer p = peer_secured(s);
	assert_int_equal(p.stream.ops->read(p.stream.data, got, sizeof(got), SOON), -EPROTO);
	assert_says(p.stream.ops->failure(p.stream.data), "for want of a client certificate");
	peer_end(&p);

	identity_save(&own, "own.pem", path);
	o.cert_file = path;
	p = peer_start(s, o, HOST);
	assert_int_equal(p.stream.ops->start_tls(p.stream.data, SOON, &words), 0);
	assert_int_equal(p.stream.ops->write(p.stream.data, "hello", 5, SOON), 0);
	assert_int_equal(p.stream.ops->read(p.stream.data, got, sizeof(got), SOON), 5);
	peer_end(&p);
	identity_free(&own);
	identity_free(&id);
}

static void binds_the_channel(void **state)
{
	struct identity id = identity_make((struct recipe){ .dns = HOST, .issuer = &authority });
	static const struct {
		const char *priority;
		bool ems;
	} rows[] = { { NULL, true }, { "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
		{ "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH", false } };

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_buf_ struct buf exporter = BUF(100), end_point = BUF(100);
		struct peer p = peer_secured((struct server){ .id = &id, .priority = rows[i].priority });

		assert_int_equal(p.stream.ops->binding(p.stream.data, STREAM_TLS_EXPORTER, &exporter),
			rows[i].ems ? 0 : -EOPNOTSUPP);
		assert_int_equal(exporter.len, rows[i].ems ? 32 : 0);
		/* RFC 5929, 4.1: the hash of the certificate, here by the SHA-256 of its signature */
		unsigned char hash[32];
		size_t len = sizeof(hash);
		assert_int_equal(
			p.stream.ops->binding(p.stream.data, STREAM_TLS_SERVER_END_POINT, &end_point), 0);
		assert_int_equal(gnutls_x509_crt_get_fingerprint(id.crt, GNUTLS_DIG_SHA256, hash, &len), 0);
		assert_int_equal(end_point.len, len);
		assert_memory_equal(end_point.data, hash, len);
		peer_end(&p);
	}
	identity_free(&id);
}

static void plain_has_no_binding(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100);
	struct peer p = peer_start((struct server){ .behaviour = SAY_FIRST }, our_authority(), HOST);
	char got[100];

	assert_int_equal(p.stream.ops->binding(p.stream.data, STREAM_TLS_EXPORTER, &b), -EOPNOTSUPP);
	assert_int_equal(p.stream.ops->read(p.stream.data, got, sizeof(got), SOON), 28);
	assert_false(p.stream.ops->has_input(p.stream.data));
	peer_end(&p);
}

static void maps_host_names(void **state)
{
	static const struct {
		const char *host, *ascii; /* NULL: refused */
	} rows[] = {
		{ "Mail.Example.ORG", "mail.example.org" }, { "mail.example.org.", "mail.example.org" },
		{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" }, { "192.0.2.1", "192.0.2.1" },
		{ "[2001:db8::1]", "[2001:db8::1]" }, { "", NULL }, { "\xff\xfe", NULL },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *ascii = NULL;

		assert_int_equal(transport_ascii_host(rows[i].host, &ascii), rows[i].ascii ? 0 : -EINVAL);
		if (rows[i].ascii)
			assert_string_equal(ascii, rows[i].ascii);
	}
}

static int set_up(void **state)
{
	char path[64];

	memcpy(folder, FOLDER, sizeof(folder));
	if (!mkdtemp(folder))
		return -1;
	authority = identity_make((struct recipe){ .cn = "Test CA", .is_ca = true });
	identity_save(&authority, "ca.pem", path);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "ca.pem", "empty.pem", "own.pem" };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		char path[64];

		path_of(names[i], path);
		unlink(path);
	}
	identity_free(&authority);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wildcards),
		cmocka_unit_test(maps_host_names),
		cmocka_unit_test(judges_certificates),
		cmocka_unit_test(names_the_unknown_issuer),
		cmocka_unit_test(refuses_a_leaf_as_issuer),
		cmocka_unit_test(accepts_the_pin_that_it_named),
		cmocka_unit_test(refuses_a_weak_key_in_spite_of_a_pin),
		cmocka_unit_test(refuses_bad_options),
		cmocka_unit_test(needs_tls_1_2),
		cmocka_unit_test(recognises_a_plain_port),
		cmocka_unit_test(recognises_a_tls_port),
		cmocka_unit_test(ends_silence),
		cmocka_unit_test(carries_bytes),
		cmocka_unit_test(finds_input),
		cmocka_unit_test(tells_a_cut_from_an_end),
		cmocka_unit_test(survives_a_reset),
		cmocka_unit_test(shows_our_certificate),
		cmocka_unit_test(binds_the_channel),
		cmocka_unit_test(plain_has_no_binding),
	};

	return run_in_both_languages(tests, set_up, tear_down);
}
