/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS over a socket; see transport.h. Certificates are judged in GnuTLS' verification callback, so that a
 * server that is not believed never sees our own certificate. How is certificate.c. */
#include "transport.h"

#include "certificate.h"
#include "clock.h"
#include "connect.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Behind GnuTLS' own default. Not "@SYSTEM": that is a syntax error where no such file exists (Debian). */
#define PRIORITY "-VERS-TLS1.0:-VERS-TLS1.1:%PROFILE_MEDIUM"
#define AHEAD_MAX (16 * 1024)
#define FIRST_BYTES 48
#define PROBE_USEC USEC_PER_SEC

struct transport_trust {
	gnutls_certificate_credentials_t credentials;
	bool has_pin, has_certificate;
	unsigned char pin[CERTIFICATE_PIN_SIZE];
	char *origin; /* words for errors: "the system's authorities", "tls_ca_file /…" */
};

struct transport {
	int fd;
	const struct transport_trust *trust;
	char *host; /* A-labels or an address, as it must stand in the certificate */
	gnutls_session_t session; /* NULL: plain */
	bool has_tls; /* the handshake is over */
	struct buf ahead; /* read already, not yet asked for */
	int ahead_result; /* what has_input() met behind these bytes: 0 nothing; -errno; 1: the end */
	unsigned char first[FIRST_BYTES]; /* what came first since TLS or the connection began */
	size_t n_first;
	size_t n_plain; /* bytes read without TLS */
	bool is_closed; /* the peer has closed its side */
	int pull_error; /* errno of the last failed recv() */
	struct buf why;
	struct buf description;
	struct transport_certificate peer;
};

/* Trust. */

#define transport_refuse(ret_error, error, ...) text_error(ret_error, error, 1000, __VA_ARGS__)

static int trust_load_authorities(struct transport_trust *t, const char *ca_file, char **ret_error)
{
	int n = ca_file ? gnutls_certificate_set_x509_trust_file(t->credentials, ca_file, GNUTLS_X509_FMT_PEM)
			: gnutls_certificate_set_x509_system_trust(t->credentials);

	if (n > 0 && ca_file)
		return asprintf(&t->origin, "tls_ca_file %s", ca_file) < 0 ? -ENOMEM : 0;
	if (n > 0)
		return (t->origin = strdup(_("the system's authorities"))) ? 0 : -ENOMEM;
	if (ca_file)
		return transport_refuse(ret_error, -EKEYREJECTED, "tls_ca_file %s cannot be used: %s", ca_file,
			n < 0 ? gnutls_strerror(n) : _("it holds no certificate in PEM form"));
	return transport_refuse(ret_error, -ENOENT,
		"this host has no certificate authorities (%s); install ca-certificates, or set tls_ca_file "
		"or tls_pin",
		n < 0 ? gnutls_strerror(n) : _("the system's store is empty"));
}

static int trust_load_own(
	struct transport_trust *t, const char *cert_file, const char *key_file, char **ret_error)
{
	if (!key_file)
		key_file = cert_file;
	int r = gnutls_certificate_set_x509_key_file2(
		t->credentials, cert_file, key_file, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r < 0)
		return transport_refuse(ret_error, -EKEYREJECTED,
			"the client certificate (tls_cert_file %s, tls_key_file %s) cannot be used: %s",
			cert_file, key_file, gnutls_strerror(r));
	t->has_certificate = true;
	return 0;
}

int transport_trust_new(
	const struct transport_trust_options *o, struct transport_trust **ret, char **ret_error)
{
	_cleanup_transport_trust_ struct transport_trust *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t || gnutls_certificate_allocate_credentials(&t->credentials) < 0)
		return -ENOMEM;
	if (o->pin && certificate_parse_pin(o->pin, t->pin) < 0)
		return transport_refuse(ret_error, -EINVAL,
			"tls_pin '%s' is none: expected sha256: and 44 characters of base64, the hash of "
			"the server's public key",
			o->pin);
	t->has_pin = o->pin;
	if (!t->has_pin)
		r = trust_load_authorities(t, o->ca_file, ret_error);
	if (r < 0)
		return r;
	if (o->key_file && !o->cert_file)
		return transport_refuse(ret_error, -EINVAL, "tls_key_file is given without tls_cert_file");
	if (o->cert_file)
		r = trust_load_own(t, o->cert_file, o->key_file, ret_error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct transport_trust *transport_trust_free(struct transport_trust *t)
{
	if (t) {
		if (t->credentials)
			gnutls_certificate_free_credentials(t->credentials);
		free(t->origin);
		free(t);
	}
	return NULL;
}

/* The socket. */

/* A server that answers pipelined commands with several small writes waits, by Nagle's algorithm, for our
 * acknowledgement of the first, which Linux delays by 40 ms unless it is asked not to (tcp(7), TCP_QUICKACK;
 * the option does not last, so it is set before each wait). */
static void acknowledge(int fd)
{
	const int yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof(yes));
}

/* Reads without waiting and keeps what came first: it tells one kind of port from another. */
static ssize_t socket_receive(struct transport *t, void *bytes, size_t len)
{
	ssize_t n;

	do
		n = recv(t->fd, bytes, len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	t->is_closed = n == 0 && len > 0;
	size_t kept = (size_t)n < FIRST_BYTES - t->n_first ? (size_t)n : FIRST_BYTES - t->n_first;
	memcpy(t->first + t->n_first, bytes, kept);
	t->n_first += kept;
	return n;
}

static ssize_t tls_pull(gnutls_transport_ptr_t data, void *bytes, size_t len)
{
	struct transport *t = data;
	ssize_t n = socket_receive(t, bytes, len);

	if (n >= 0)
		return n;
	if (n != -EAGAIN)
		t->pull_error = (int)-n;
	gnutls_transport_set_errno(t->session, (int)-n);
	return -1;
}

/* Own, for MSG_NOSIGNAL and for one packet in place of several. */
static ssize_t tls_push(gnutls_transport_ptr_t data, const giovec_t *vector, int n)
{
	struct transport *t = data;
	struct msghdr header = { .msg_iov = (struct iovec *)vector, .msg_iovlen = (size_t)n };
	ssize_t sent;

	do
		sent = sendmsg(t->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		if (errno != EAGAIN)
			t->pull_error = errno;
		gnutls_transport_set_errno(t->session, errno);
	}
	return sent;
}

static int explain_errno(struct transport *t, int error)
{
	buf_clear(&t->why);
	switch (error) {
	case -ETIMEDOUT:
		buf_puts(&t->why, _("the server did not answer in time"));
		break;
	case -ECONNRESET:
	case -EPIPE:
		buf_puts(&t->why, _("the server reset the connection"));
		error = -ECONNRESET;
		break;
	default:
		buf_printf(&t->why, _("the connection failed: %s"), strerror(-error));
	}
	return error;
}

static ssize_t plain_receive(struct transport *t, void *bytes, size_t len)
{
	ssize_t n = socket_receive(t, bytes, len);

	if (n > 0)
		t->n_plain += (size_t)n;
	return n;
}

/* TLS records. */

static int tls_alert(struct transport *t)
{
	gnutls_alert_description_t alert = gnutls_alert_get(t->session);
	const char *name = gnutls_alert_get_name(alert);

	buf_clear(&t->why);
	if (!certificate_alert_is_about_ours(alert))
		buf_printf(&t->why, _("the server ended TLS with the alert \"%s\""), name);
	else if (t->trust->has_certificate)
		buf_printf(&t->why, _("the server refused our client certificate (TLS alert \"%s\"); see tls_cert_file"), name);
	else
		buf_printf(&t->why,
			_("the server refused us for want of a client certificate (TLS alert \"%s\"); see tls_cert_file"), name);
	return -EPROTO;
}

/* What an error of GnuTLS on an open session means to the dialogue. */
static int tls_error(struct transport *t, ssize_t code)
{
	if (code == GNUTLS_E_PREMATURE_TERMINATION) {
		buf_clear(&t->why);
		buf_puts(&t->why, _("the server cut the connection without ending TLS (no close_notify)"));
		return -EPIPE;
	}
	if (code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR)
		return explain_errno(t, t->pull_error ? -t->pull_error : -ECONNRESET);
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return tls_alert(t);
	buf_clear(&t->why);
	buf_printf(&t->why, _("TLS failed: %s"), gnutls_strerror((int)code));
	return -EPROTO;
}

/* -EAGAIN when nothing is there. A TLS 1.2 server's wish to shake hands again is passed over, as RFC
 * 5246, 7.4.1.1 allows; tickets and key updates of TLS 1.3 look like EAGAIN. */
static ssize_t tls_receive(struct transport *t, void *bytes, size_t len)
{
	for (;;) {
		ssize_t n = gnutls_record_recv(t->session, bytes, len);

		if (n >= 0)
			return n;
		if (n == GNUTLS_E_AGAIN)
			return -EAGAIN;
		if (gnutls_error_is_fatal((int)n))
			return tls_error(t, n);
	}
}

static int tls_write(struct transport *t, const char *bytes, size_t len, int64_t deadline_usec)
{
	ssize_t n = 0;

	while (len > 0) {
		/* after EAGAIN the same record goes on: NULL, 0 */
		n = n == GNUTLS_E_AGAIN ? gnutls_record_send(t->session, NULL, 0) :
					  gnutls_record_send(t->session, bytes, len);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (n == GNUTLS_E_AGAIN) {
			int r = clock_wait_for(t->fd, POLLOUT, deadline_usec);
			if (r < 0)
				return explain_errno(t, r);
		} else if (n < 0 && gnutls_error_is_fatal((int)n)) {
			return tls_error(t, n);
		}
	}
	return 0;
}

/* The handshake. */

static int verify(gnutls_session_t session)
{
	struct transport *t = gnutls_session_get_ptr(session);
	gnutls_x509_trust_list_t trusted = NULL;

	if (!t->trust) /* only probing: nothing is believed */
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	const struct certificate_policy policy = {
		.host = t->host,
		.owner = t->host,
		.pin = t->trust->has_pin ? t->trust->pin : NULL,
		.origin = t->trust->origin,
	};

	buf_clear(&t->why);
	gnutls_certificate_get_trust_list(t->trust->credentials, &trusted);
	certificate_describe_peer(session, t->host, trusted, &t->peer);
	int r = certificate_verify(session, &policy, &t->why);
	return r < 0 ? GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR : 0;
}

static int session_set_up(struct transport *t)
{
	int r = gnutls_init(
		&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);

	if (r >= 0)
		r = gnutls_set_default_priority_append(t->session, PRIORITY, NULL, 0);
	if (r >= 0 && t->trust)
		r = gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->trust->credentials);
	if (r >= 0 && !connect_is_literal(t->host, NULL, NULL))
		r = gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, t->host, strlen(t->host));
	if (r < 0)
		return r;
	gnutls_session_set_ptr(t->session, t);
	gnutls_session_set_verify_function(t->session, verify);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, tls_pull);
	gnutls_transport_set_vec_push_function(t->session, tls_push);
	return 0;
}

static void session_end(struct transport *t)
{
	if (t->session)
		gnutls_deinit(t->session);
	t->session = NULL;
}

/* Shakes hands until DEADLINE: 0, an error of GnuTLS, or GNUTLS_E_TIMEDOUT. */
static int shake_hands(struct transport *t, int64_t deadline_usec)
{
	for (;;) {
		int r = gnutls_handshake(t->session);

		if (r == GNUTLS_E_AGAIN) {
			short events = gnutls_record_get_direction(t->session) ? POLLOUT : POLLIN;

			if (clock_wait_for(t->fd, events, deadline_usec) < 0)
				return GNUTLS_E_TIMEDOUT;
		} else if (r >= 0 || gnutls_error_is_fatal(r)) {
			return r;
		}
	}
}

/* A record of TLS begins with its type, 20 to 24, and the version 3.x (RFC 8446, 5.1). */
static bool first_is_tls(const struct transport *t)
{
	return t->n_first > 0 && t->first[0] >= 20 && t->first[0] <= 24 &&
	       (t->n_first < 2 || t->first[1] == 3);
}

static int explain_no_tls(struct transport *t)
{
	_cleanup_buf_ struct buf words = BUF(512);
	char text[FIRST_BYTES + 1] = "", rest[FIRST_BYTES];

	socket_receive(t, rest, sizeof(rest)); /* GnuTLS took no more than the head of a record */
	memcpy(text, t->first, t->n_first);
	text[strcspn(text, "\r\n")] = '\0';
	text_clean(&words, text, FIRST_BYTES);
	buf_clear(&t->why);
	if (t->n_plain)
		buf_printf(&t->why, _("after STARTTLS the server did not begin TLS, it said \"%s\""),
			buf_text(&words));
	else
		buf_printf(&t->why,
			_("this port does not speak TLS: the server began with \"%s\"; set security = "
			  "starttls, or the port for TLS (465)"),
			buf_text(&words));
	return -EPROTO;
}

static int explain_closed(struct transport *t)
{
	buf_clear(&t->why);
	buf_puts(&t->why, t->n_first ? _("the server closed the connection during the TLS handshake") :
		_("the server closed the connection during the TLS handshake; does this port speak TLS from the start?"));
	return -ECONNRESET;
}

static int explain_version(struct transport *t, const char *detail)
{
	buf_clear(&t->why);
	buf_printf(&t->why,
		_("the server offers no TLS 1.2 or newer (%s); older versions are not safe, the server must "
		  "be updated"),
		detail);
	return -EPROTO;
}

/* Why the handshake failed, as -errno with the words in t->why. */
static int explain_handshake(struct transport *t, int code)
{
	if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR && t->why.len)
		return -EKEYREJECTED; /* verify() has said why */
	if (t->n_first && !first_is_tls(t))
		return explain_no_tls(t);
	if (code == GNUTLS_E_TIMEDOUT) {
		buf_clear(&t->why);
		buf_puts(&t->why, _("the server did not finish the TLS handshake in time"));
		return -ETIMEDOUT;
	}
	if (t->is_closed)
		return explain_closed(t);
	if (code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
		return explain_version(t, _("it chose an older one"));
	if (code == GNUTLS_E_FATAL_ALERT_RECEIVED &&
		gnutls_alert_get(t->session) == GNUTLS_A_PROTOCOL_VERSION)
		return explain_version(t, _("it answers \"protocol version\""));
	int r = tls_error(t, code);
	if (r == -EPROTO && !(code == GNUTLS_E_FATAL_ALERT_RECEIVED &&
				    certificate_alert_is_about_ours(gnutls_alert_get(t->session))))
		buf_puts(&t->why,
			_(", during the handshake; it may have only outdated versions, ciphers or keys"));
	return r;
}

static int stream_start_tls(void *data, int64_t deadline_usec, char **ret_error)
{
	struct transport *t = data;

	if (!t->trust || t->session)
		return transport_refuse(ret_error, -EINVAL, "TLS was not prepared for this connection");
	t->n_first = 0;
	t->pull_error = 0;
	buf_clear(&t->why);
	int r = session_set_up(t);
	if (r < 0) {
		session_end(t);
		return transport_refuse(ret_error, -EPROTO, "TLS cannot be set up: %s", gnutls_strerror(r));
	}
	r = shake_hands(t, deadline_usec);
	if (r >= 0) {
		t->has_tls = true;
		return 0;
	}
	int error = explain_handshake(t, r);
	if (r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
		gnutls_alert_send_appropriate(t->session, r);
	session_end(t);
	return transport_refuse(ret_error, error, "%s", buf_text(&t->why));
}

/* Nobody greets us: is it because this port waits for a ClientHello? Asks with one, on a connection that is
 * lost anyway; only the kind of the answer counts. */
static int probe_for_tls(struct transport *t, int64_t deadline_usec)
{
	t->n_first = 0;
	if (session_set_up(t) >= 0)
		shake_hands(t, deadline_usec);
	session_end(t);
	if (!first_is_tls(t))
		return explain_errno(t, -ETIMEDOUT);
	buf_clear(&t->why);
	buf_puts(&t->why,
		_("this port speaks TLS from the start: set security = tls, or the port for STARTTLS (587)"));
	return -EPROTO;
}

/* The stream. */

static ssize_t receive(struct transport *t, void *bytes, size_t len)
{
	return t->has_tls ? tls_receive(t, bytes, len) : plain_receive(t, bytes, len);
}

static ssize_t take_ahead(struct transport *t, void *bytes, size_t len)
{
	size_t n = len < t->ahead.len ? len : t->ahead.len;

	memcpy(bytes, t->ahead.data, n);
	buf_drop(&t->ahead, n);
	return (ssize_t)n;
}

static int64_t probe_begins(const struct transport *t, int64_t deadline_usec)
{
	int64_t wait = deadline_usec - clock_boottime_usec();

	if (t->has_tls || t->n_plain > 0 || wait <= 0)
		return deadline_usec;
	return deadline_usec - (wait / 4 < PROBE_USEC ? wait / 4 : PROBE_USEC);
}

static ssize_t stream_read(void *data, void *bytes, size_t len, int64_t deadline_usec)
{
	struct transport *t = data;
	int64_t probe_usec = probe_begins(t, deadline_usec);

	if (t->ahead.len)
		return take_ahead(t, bytes, len);
	if (t->ahead_result)
		return t->ahead_result < 0 ? t->ahead_result : 0;
	for (;;) {
		ssize_t n = receive(t, bytes, len);

		if (n >= 0)
			return n;
		if (n != -EAGAIN)
			return t->has_tls ? n : explain_errno(t, (int)n);
		acknowledge(t->fd);
		int r = clock_wait_for(t->fd, POLLIN, probe_usec);
		if (r == -ETIMEDOUT && probe_usec < deadline_usec)
			return probe_for_tls(t, deadline_usec);
		if (r < 0)
			return explain_errno(t, r);
	}
}

static int plain_write(struct transport *t, const char *bytes, size_t len, int64_t deadline_usec)
{
	while (len > 0) {
		ssize_t n = send(t->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			int r = clock_wait_for(t->fd, POLLOUT, deadline_usec);
			if (r < 0)
				return explain_errno(t, r);
		} else if (errno != EINTR) {
			return explain_errno(t, -errno);
		}
	}
	return 0;
}

static int stream_write(void *data, const void *bytes, size_t len, int64_t deadline_usec)
{
	struct transport *t = data;

	return t->has_tls ? tls_write(t, bytes, len, deadline_usec)
			  : plain_write(t, bytes, len, deadline_usec);
}

/* A readable socket is not yet input under TLS (tickets), so it is read; errors wait for the next read(). */
static bool stream_has_input(void *data)
{
	struct transport *t = data;
	char bytes[1024];

	if (t->ahead.len)
		return true;
	if (t->ahead_result)
		return false;
	if (!t->has_tls)
		return recv(t->fd, bytes, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	ssize_t n = tls_receive(t, bytes, sizeof(bytes));
	if (n > 0)
		buf_append(&t->ahead, bytes, (size_t)n);
	else if (n != -EAGAIN)
		t->ahead_result = n == 0 ? 1 : (int)n;
	return n > 0;
}

static bool stream_is_tls(void *data)
{
	return ((struct transport *)data)->has_tls;
}

/* The exporter needs TLS 1.3, or TLS 1.2 with the extended master secret (RFC 9266, 3). */
static int stream_binding(void *data, enum stream_binding kind, struct buf *ret)
{
	static const gnutls_channel_binding_t kinds[] = {
		[STREAM_TLS_EXPORTER] = GNUTLS_CB_TLS_EXPORTER,
		[STREAM_TLS_SERVER_END_POINT] = GNUTLS_CB_TLS_SERVER_END_POINT,
	};
	struct transport *t = data;
	gnutls_datum_t binding = { NULL, 0 };

	if (!t->has_tls)
		return -EOPNOTSUPP;
	if (kind == STREAM_TLS_EXPORTER && gnutls_protocol_get_version(t->session) < GNUTLS_TLS1_3 &&
		!gnutls_session_ext_master_secret_status(t->session))
		return -EOPNOTSUPP;
	if (gnutls_session_channel_binding(t->session, kinds[kind], &binding) < 0)
		return -EOPNOTSUPP;
	buf_append(ret, binding.data, binding.size);
	gnutls_free(binding.data);
	return buf_error(ret);
}

static const char *stream_failure(void *data)
{
	struct transport *t = data;

	return t->why.len ? buf_text(&t->why) : NULL;
}

const char *transport_description(struct transport *t)
{
	if (!t->has_tls)
		return NULL;
	if (t->description.len == 0) {
		char *words = gnutls_session_get_desc(t->session);

		buf_puts(&t->description, words ? words : "TLS");
		gnutls_free(words);
	}
	return buf_text(&t->description);
}

static const char *stream_description(void *data)
{
	return transport_description(data);
}

static const struct stream_ops transport_ops = {
	.read = stream_read,
	.write = stream_write,
	.has_input = stream_has_input,
	.start_tls = stream_start_tls,
	.is_tls = stream_is_tls,
	.binding = stream_binding,
	.failure = stream_failure,
	.description = stream_description,
};

struct stream transport_stream(struct transport *t)
{
	return (struct stream){ .ops = &transport_ops, .data = t };
}

const struct transport_certificate *transport_peer_certificate(const struct transport *t)
{
	return &t->peer;
}

static int judge_list(const struct transport_trust *trust, const gnutls_x509_crt_t *chain, unsigned n,
	const char *host, struct transport_certificate *ret, struct buf *why)
{
	_cleanup_free_ char *name = NULL;
	gnutls_x509_trust_list_t trusted = NULL;
	int r = host ? transport_ascii_host(host, &name) : 0;

	if (r < 0)
		return r;
	if (trust)
		gnutls_certificate_get_trust_list(trust->credentials, &trusted);
	certificate_describe(chain, n, name, trusted, ret);
	if (!trust)
		return 0;
	const struct certificate_policy policy = {
		.host = name, .owner = name ? name : _("this file"), .pin = trust->has_pin ? trust->pin : NULL,
		.origin = trust->origin,
	};

	return certificate_verify_chain(chain, n, trusted, &policy, why);
}

int transport_judge_file(const struct transport_trust *trust, const void *pem, size_t len, const char *host,
	struct transport_certificate *ret, struct buf *why)
{
	const gnutls_datum_t data = { (unsigned char *)pem, (unsigned)len };
	gnutls_x509_crt_t *chain = NULL;
	unsigned n = 0;

	int r = gnutls_x509_crt_list_import2(&chain, &n, &data, GNUTLS_X509_FMT_PEM, 0);
	if (r < 0 || n == 0) {
		buf_printf(why, _("there is no certificate in PEM form in it: %s"),
			r < 0 ? gnutls_strerror(r) : _("it is empty"));
		return -EBADMSG;
	}
	r = judge_list(trust, chain, n, host, ret, why);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	return r;
}

int transport_ascii_host(const char *host, char **ret)
{
	_cleanup_free_ char *bare = strdup(host);
	gnutls_datum_t mapped = { NULL, 0 };

	if (!bare)
		return -ENOMEM;
	size_t len = strlen(bare);
	if (len > 1 && bare[len - 1] == '.')
		bare[--len] = '\0';
	if (!connect_is_literal(bare, NULL, NULL)) {
		if (len == 0 || gnutls_idna_map(bare, (unsigned)len, &mapped, 0) < 0)
			return -EINVAL;
		free(bare);
		bare = strdup((char *)mapped.data);
		gnutls_free(mapped.data);
		if (!bare)
			return -ENOMEM;
		for (char *c = bare; *c; c++) /* what is ASCII already comes back as it was */
			if (*c >= 'A' && *c <= 'Z')
				*c += 'a' - 'A';
	}
	*ret = TAKE_PTR(bare);
	return 0;
}

int transport_new(int fd, const struct transport_trust *trust, const char *host, struct transport **ret)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (!t) {
		close_fd(fd);
		return -ENOMEM;
	}
	*t = (struct transport){
		.fd = fd, .trust = trust, .ahead = BUF(AHEAD_MAX), .why = BUF(4096), .description = BUF(256),
		.peer = TRANSPORT_CERTIFICATE
	};
	int r = transport_ascii_host(host, &t->host);
	if (r < 0) {
		transport_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct transport *transport_free(struct transport *t)
{
	if (t) {
		if (t->has_tls)
			gnutls_bye(t->session, GNUTLS_SHUT_WR); /* nonblocking: what does not fit is left */
		session_end(t);
		close_fd(t->fd);
		free(t->host);
		buf_free(&t->ahead);
		buf_free(&t->why);
		buf_free(&t->description);
		buf_free(&t->peer.text);
		free(t);
	}
	return NULL;
}
