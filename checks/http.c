/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http: does a web server answer a request with the status and the text that are expected, in time, and how
 * long is its certificate still valid. The protocol is libcurl's; redirects are followed here, one request
 * each, by a rule. */
#include "clock.h"
#include "conf.h"
#include "connect.h"
#include "listener.h"
#include "secret.h"
#include "server.h"
#include "translate.h"
#include "transport.h"
#include "units.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (1024 * 1024) /* of it nothing more is read */
#define HEADER_MAX (64 * 1024)
#define SHOWN_BODY 1000
#define SHOWN_HEADER 2000

enum method { GET, HEAD, POST };
enum redirect { FOLLOW, SAME_HOST, STAY };
enum family { ANY, V4, V6 };

struct config {
	struct server_config
		server; /* for time, certificate and login; the rows of the others are not used */
	const char *url, *forbid, *body, *proxy, *address;
	struct tocsin_list status, header;
	int method, redirect, family;
	int64_t redirect_max;
	bool trust;
};

_Static_assert(offsetof(struct config, server) == 0, "the rows of server.h count from the beginning");

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const methods[] = { "get", "head", "post", NULL };
static const char *const redirects[] = { "follow", "same-host", "no", NULL };
static const char *const families[] = { "any", "ipv4", "ipv6", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(url, TOCSIN_STRING), .help = N_("What to ask for, http://… or https://…") },
	{ MEMBER(method, TOCSIN_CHOICE), .fallback = "get", .choices = methods, .help = N_("How to ask") },
	{ MEMBER(body, TOCSIN_STRING), .help = N_("What is sent with method = post") },
	{ MEMBER(header, TOCSIN_LIST), .help = N_("A line to send along, like \"Accept: text/html\"") },
	{ MEMBER(status, TOCSIN_LIST), .fallback = "2xx",
		.help = N_("The status codes that are good: 200, 2xx or 200-299; any other is critical") },
	{ SERVER_MEMBER(expect, TOCSIN_STRING), .help = N_("A text that the page must contain") },
	{ MEMBER(forbid, TOCSIN_STRING), .help = N_("A text that the page must not contain") },
	{ MEMBER(redirect, TOCSIN_CHOICE), .fallback = "follow", .choices = redirects,
		.help = N_("Follow redirects, those to the same host only (others are critical), or none "
			   "(3xx is then a status like others)") },
	{ MEMBER(redirect_max, TOCSIN_INT), .fallback = "5", .min = 1, .max = 50,
		.help = N_("More redirects than this are critical") },
	{ MEMBER(address, TOCSIN_STRING), .help = N_("Connect to this address instead of those of the host "
						     "in url: one server of several") },
	{ MEMBER(family, TOCSIN_CHOICE), .fallback = "any", .choices = families,
		.help = N_("Which addresses may be used") },
	{ MEMBER(proxy, TOCSIN_STRING), .help = N_("A proxy, like http://proxy.example.org:3128") },
	{ SERVER_MEMBER(username, TOCSIN_STRING), .help = N_("Log in as this user (Basic); needs https") },
	{ SERVER_MEMBER(password_file, TOCSIN_PATH), .help = N_("A file whose first line is the password") },
	{ SERVER_MEMBER(credential, TOCSIN_STRING),
		.help = N_("The name of a systemd credential that is the password") },
	{ MEMBER(trust, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("A trusted authority must stand for the certificate; \"no\": only its dates and "
			   "name are judged") },
	{ SERVER_MEMBER(tls_ca_file, TOCSIN_PATH),
		.help = N_(
			"Certificates of the authorities to trust, in PEM form, instead of the system's") },
	SERVER_OPTIONS_CERTIFICATE("certificate_warning", "certificate_critical"),
	SERVER_OPTIONS_TIME,
	{ .name = NULL },
};

/* "200", "2xx", "200-299". */
static bool parse_status(const char *text, long *ret_first, long *ret_last)
{
	char end;

	if (text[0] >= '1' && text[0] <= '5' && strcasecmp(text + 1, "xx") == 0) {
		*ret_first = (text[0] - '0') * 100L;
		*ret_last = *ret_first + 99;
		return true;
	}
	int n = sscanf(text, "%3ld-%3ld%c", ret_first, ret_last, &end);
	if (n == 1 && strlen(text) == 3)
		*ret_last = *ret_first;
	return (n == 2 || (n == 1 && strlen(text) == 3)) && *ret_first >= 100 && *ret_last <= 599 &&
	       *ret_first <= *ret_last;
}

static bool is_url(const char *url, const char *scheme)
{
	return url && strncasecmp(url, scheme, strlen(scheme)) == 0 && url[strlen(scheme)];
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	long first, last;

	if (!is_url(c->url, "http://") && !is_url(c->url, "https://"))
		return N_("url is needed, and begins with http:// or https://");
	for (size_t i = 0; i < c->status.n; i++)
		if (!parse_status(c->status.items[i], &first, &last))
			return N_("status is a code like 200, a class like 2xx or a range like 200-299");
	for (size_t i = 0; i < c->header.n; i++)
		if (!strchr(c->header.items[i], ':'))
			return N_("header is a line of the form \"Name: value\"");
	if (c->body && c->method != POST)
		return N_("body needs method = post");
	if ((c->server.expect || c->forbid) && c->method == HEAD)
		return N_("with method = head there is no page in which a text could be");
	if (c->server.username && !is_url(c->url, "https://"))
		return N_("username needs an url with https: a password goes over no connection that is not "
			  "encrypted");
	if (c->address && !is_ip_address(c->address))
		return N_("address is an IP address");
	return server_validate(&c->server);
}

/* --- One request */

struct talk {
	struct tocsin_run *run;
	const struct config *config;
	int64_t began_usec, deadline_usec;
	CURL *curl;
	char *password;
	char *host;                    /* of the first url: whom the password is for */
	struct buf header, body, path; /* path: the requests so far, for the evidence */
	struct buf failure;
	struct buf tried, refused; /* addresses of the last request, as of connect_format() */
	char words[CURL_ERROR_SIZE];
	struct transport_certificate certificate;
	int method;   /* of the next request */
	bool was_cut; /* the body was longer */
	long status;
};

static void talk_end(struct talk *t)
{
	struct buf *const bufs[] = { &t->header, &t->body, &t->path, &t->failure, &t->tried, &t->refused, &t->certificate.text };

	if (t->curl)
		curl_easy_cleanup(t->curl);
	secret_free(t->password);
	free(t->host);
	for (size_t i = 0; i < ELEMENTS(bufs); i++)
		buf_free(bufs[i]);
}

static int http_fail(struct talk *t, const char *format, ...) _printf_(2, 3);
static int http_fail(struct talk *t, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&t->failure, translate(format), arguments);
	va_end(arguments);
	return -ECONNABORTED;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *data)
{
	struct talk *t = data;

	if (t->header.len + n < HEADER_MAX)
		buf_append(&t->header, bytes, n);
	return n;
}

/* A NUL would hide what follows it. Less than N ends the transfer. */
static size_t take_body(char *bytes, size_t size, size_t n, void *data)
{
	struct talk *t = data;
	size_t kept = n < BODY_MAX - t->body.len ? n : BODY_MAX - t->body.len;

	for (size_t i = 0; i < kept; i++)
		buf_putc(&t->body, bytes[i] ? bytes[i] : ' ');
	t->was_cut = kept < n;
	return kept;
}

struct parts {
	char *scheme, *host, *port;
};

static void parts_free(struct parts *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
}

static int split_url(const char *url, struct parts *ret)
{
	CURLU *u = curl_url();

	bool is_good = u && curl_url_set(u, CURLUPART_URL, url, 0) == 0 &&
		       curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0) == 0 &&
		       curl_url_get(u, CURLUPART_HOST, &ret->host, 0) == 0 &&
		       curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) == 0;
	curl_url_cleanup(u);
	return is_good ? 0 : -EINVAL;
}

static void put_addresses(const struct config *c, char *lines, struct buf *b)
{
	char *rest = NULL;
	size_t n = 0;

	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		bool is_v6 = strchr(line, ':');

		if ((c->family == V4 && is_v6) || (c->family == V6 && !is_v6))
			continue;
		buf_printf(b, is_v6 ? "%s[%s]" : "%s%s", n++ ? "," : "", line);
	}
}

/* "host:port:address,address" for libcurl, which so never resolves itself: the resolver has a deadline, and a
 * host that cannot resolve now is another thing than a name that does not exist. Not for the proxy's work,
 * nor for literals. */
static int resolve(struct talk *t, const struct parts *p, struct curl_slist **ret)
{
	_cleanup_buf_ struct buf lines = BUF(65536), entry = BUF(65536);
	_cleanup_free_ char *host = NULL;
	const struct config *c = t->config;

	if (c->proxy || connect_is_literal(p->host, NULL, NULL))
		return 0;
	int r = transport_ascii_host(p->host, &host);
	if (r < 0)
		return http_fail(t, "'%s' is no name of a host", p->host);
	const struct connect_options where = { .host = host, .deadline_usec = t->deadline_usec };
	if (c->address)
		buf_printf(&lines, "%s\n", c->address);
	else
		r = connect_resolve(&where, &lines);
	if (r == -ENXIO)
		return http_fail(t, "%s: %s", p->host, buf_text(&lines));
	if (r < 0) {
		tocsin_reason(t->run, "%s: %s", p->host, buf_text(&lines));
		return r;
	}
	buf_printf(&entry, "%s:%s:", host, p->port);
	size_t len = entry.len;
	put_addresses(c, lines.data, &entry);
	if (entry.len == len)
		return http_fail(t, "%s has no address of the kind that is wanted (family = %s)", p->host,
			families[c->family]);
	*ret = curl_slist_append(NULL, buf_text(&entry));
	return *ret ? 0 : -ENOMEM;
}

/* CURLOPT_OPENSOCKETFUNCTION: what libcurl does by itself, and a note of where to. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct talk *t = userdata;

	(void)purpose;
	connect_format(&address->addr, address->addrlen, &t->tried);
	buf_putc(&t->tried, '\n');
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_tls(CURL *curl, const struct config *c)
{
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, c->trust ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	if (c->server.tls_ca_file) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, c->server.tls_ca_file);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
}

static void set_method(CURL *curl, int method, const struct config *c)
{
	const char *body = c->body ? c->body : "";

	if (method == HEAD)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	if (method == POST) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
}

/* The password is for the first host alone, and never without encryption. */
static void set_login(struct talk *t, const struct parts *p)
{
	if (!t->password || strcasecmp(p->scheme, "https") != 0 || strcasecmp(p->host, t->host) != 0)
		return;
	curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(t->curl, CURLOPT_USERNAME, t->config->server.username);
	curl_easy_setopt(t->curl, CURLOPT_PASSWORD, t->password);
}

static void set_up(struct talk *t, const char *url, const struct parts *p)
{
	static const long versions[] = { CURL_IPRESOLVE_WHATEVER, CURL_IPRESOLVE_V4, CURL_IPRESOLVE_V6 };
	const struct config *c = t->config;
	int64_t left = t->deadline_usec - clock_boottime_usec();
	CURL *curl = t->curl;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left > USEC_PER_MSEC ? (long)(left / USEC_PER_MSEC) : 1L);
	curl_easy_setopt(curl, CURLOPT_IPRESOLVE, versions[c->family]);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(curl, CURLOPT_PROXY, c->proxy ? c->proxy : "");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->words);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, t);
	set_tls(curl, c);
	set_method(curl, t->method, c);
	set_login(t, p);
}

/* An authority's certificate that ends soon may not be needed: those that are trusted tell. They are many,
 * and read only for this. */
static void judge_chain(struct talk *t, const struct buf *pem)
{
	const struct server_config *c = &t->config->server;
	const struct transport_trust_options trusted = { .ca_file = c->tls_ca_file };
	_cleanup_transport_trust_ struct transport_trust *trust = NULL;
	_cleanup_free_ char *error = NULL;
	_cleanup_buf_ struct buf why = BUF(4096);
	struct transport_certificate *end = &t->certificate;

	if (!t->config->trust || end->chain_until_usec >= end->until_usec ||
		end->chain_until_usec - clock_realtime_usec() >= c->certificate_warning ||
		transport_trust_new(&trusted, &trust, &error) < 0)
		return;
	buf_free(&end->text);
	*end = TRANSPORT_CERTIFICATE;
	transport_judge_file(trust, pem->data, pem->len, NULL, end, &why);
}

/* The PEM form is the same whichever library of TLS libcurl was built with; the other fields are not. */
static void take_certificate(struct talk *t)
{
	_cleanup_buf_ struct buf pem = BUF(256 * 1024), why = BUF(1024);
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(t->curl, CURLINFO_CERTINFO, &info) != CURLE_OK || !info)
		return;
	for (int i = 0; i < info->num_of_certs; i++)
		for (const struct curl_slist *s = info->certinfo[i]; s; s = s->next)
			if (strncmp(s->data, "Cert:", 5) == 0)
				buf_printf(&pem, "%s\n", s->data + 5);
	buf_free(&t->certificate.text);
	t->certificate = TRANSPORT_CERTIFICATE;
	if (pem.len && transport_judge_file(NULL, pem.data, pem.len, NULL, &t->certificate, &why) == 0)
		judge_chain(t, &pem);
}

/* What speaks of this host rather than of the server. */
static int explain_own(struct talk *t, CURLcode code)
{
	long os_errno = 0;

	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os_errno);
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code == CURLE_SSL_CACERT_BADFILE)
		tocsin_reason(
			t->run, "tls_ca_file %s cannot be used: %s", t->config->server.tls_ca_file, t->words);
	else if (code == CURLE_COULDNT_CONNECT && connect_failed_here((int)-os_errno))
		tocsin_reason(t->run, "%s: %s", t->words, strerror((int)os_errno));
	else
		return 0;
	return os_errno && code == CURLE_COULDNT_CONNECT ? (int)-os_errno : -EKEYREJECTED;
}

static void note_refused(struct talk *t, CURLcode code)
{
	long os_errno = 0;

	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os_errno);
	if (code == CURLE_COULDNT_CONNECT && os_errno == ECONNREFUSED)
		buf_puts(&t->refused, buf_text(&t->tried));
}

static int explain(struct talk *t, const char *url, CURLcode code)
{
	int r = explain_own(t, code);

	if (r < 0)
		return r;
	note_refused(t, code);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return http_fail(t, "%s did not answer within %s", url,
			short_duration(t->config->server.answer_timeout).text);
	return http_fail(t, "%s: %s", url, *t->words ? t->words : curl_easy_strerror(code));
}

static int perform(struct talk *t, const char *url, struct curl_slist *addresses)
{
	struct curl_slist *lines = NULL;

	for (size_t i = 0; i < t->config->header.n; i++)
		lines = curl_slist_append(lines, t->config->header.items[i]);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, lines);
	curl_easy_setopt(t->curl, CURLOPT_RESOLVE, addresses);
	buf_clear(&t->header);
	buf_clear(&t->body);
	buf_clear(&t->tried);
	CURLcode code = curl_easy_perform(t->curl);
	curl_slist_free_all(lines);
	take_certificate(t);
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->status);
	if (t->status)
		buf_printf(&t->path, "%s → %ld\n", url, t->status);
	else
		buf_printf(&t->path, _("%s → no answer\n"), url);
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && t->was_cut))
		return explain(t, url, code);
	return 0;
}

static int request(struct talk *t, const char *url)
{
	_cleanup_(parts_free) struct parts p = { 0 };
	struct curl_slist *addresses = NULL;

	if (split_url(url, &p) < 0)
		return http_fail(t, "this is no URL: %s", url);
	if (!t->host)
		t->host = strdup(p.host);
	int r = t->host ? resolve(t, &p, &addresses) : -ENOMEM;
	if (r == 0) {
		set_up(t, url, &p);
		r = perform(t, url, addresses);
	}
	curl_slist_free_all(addresses);
	return r;
}

/* --- Redirects */

static int check_host(struct talk *t, const char *url)
{
	_cleanup_(parts_free) struct parts p = { 0 };

	if (split_url(url, &p) < 0)
		return http_fail(t, "it redirects to what is no URL: %s", url);
	if (t->config->redirect == SAME_HOST && strcasecmp(p.host, t->host) != 0)
		return http_fail(t, "it redirects to another host: %s", url);
	return 0;
}

/* The url that comes next, NULL: this was the last one. */
static int next_url(struct talk *t, char **ret)
{
	const char *url = NULL;

	if (t->config->redirect == STAY || t->status / 100 != 3)
		return 0;
	if (curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_URL, &url) != CURLE_OK || !url)
		return 0; /* 304 and its like */
	int r = check_host(t, url);
	if (r < 0)
		return r;
	/* 307 and 308 ask for the same again; behind the others is a page (RFC 9110, 15.4). */
	if (t->method == POST && t->status != 307 && t->status != 308)
		t->method = GET;
	*ret = strdup(url);
	return *ret ? 0 : -ENOMEM;
}

static int request_all(struct talk *t)
{
	_cleanup_free_ char *url = strdup(t->config->url);

	if (!url)
		return -ENOMEM;
	for (int64_t n = 0;; n++) {
		char *next = NULL;
		int r = request(t, url);

		if (r == 0)
			r = next_url(t, &next);
		if (r < 0 || !next)
			return r;
		free(url);
		url = next;
		if (n == t->config->redirect_max)
			return http_fail(t, "more than %lld redirects, the last one to %s",
				(long long)t->config->redirect_max, url);
	}
}

/* --- What it means */

static bool is_good_status(const struct config *c, long status)
{
	long first, last;

	for (size_t i = 0; i < c->status.n; i++)
		if (parse_status(c->status.items[i], &first, &last) && status >= first && status <= last)
			return true;
	return false;
}

static void judge_page(const struct talk *t, struct verdict *v)
{
	const struct config *c = t->config;
	if (!is_good_status(c, t->status))
		verdict_add(v, TOCSIN_CRITICAL, "status %ld, which is none of those expected", t->status);
	if (c->server.expect && !strstr(buf_text(&t->body), c->server.expect))
		verdict_add(v, TOCSIN_CRITICAL,
			t->was_cut ? N_("the page does not contain '%s' (in its first MiB)")
				   : N_("the page does not contain '%s'"),
			c->server.expect);
	if (c->forbid && strstr(buf_text(&t->body), c->forbid))
		verdict_add(v, TOCSIN_CRITICAL, "the page contains '%s'", c->forbid);
}

static void judge_time(const struct config *c, int64_t usec, struct verdict *v)
{
	bool is_critical = c->server.time_critical > 0 && usec > c->server.time_critical;

	if (is_critical || (c->server.time_warning > 0 && usec > c->server.time_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "it took %s (limit %s)",
			short_duration(usec).text,
			short_duration(is_critical ? c->server.time_critical : c->server.time_warning).text);
}

static void judge(const struct talk *t, int64_t usec, struct verdict *v)
{
	if (t->failure.len) {
		verdict_add(v, TOCSIN_CRITICAL, "%s", buf_text(&t->failure));
		return;
	}
	judge_page(t, v);
	judge_time(t->config, usec, v);
	if (t->certificate.is_known)
		server_judge_certificate(&t->config->server, &t->certificate, v);
}

/* --- Reporting */

static double seconds(int64_t usec)
{
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

/* Of the last request, in seconds; NAN when it did not get so far. */
static double phase(const struct talk *t, CURLINFO info)
{
	curl_off_t usec = 0;

	curl_easy_getinfo(t->curl, info, &usec);
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

static void report_metrics(const struct talk *t, int64_t usec)
{
	const struct server_config *c = &t->config->server;
	const struct transport_certificate *certificate = &t->certificate;
	const struct tocsin_metric metrics[] = {
		{ "time", (double)usec / (double)USEC_PER_SEC, "s", seconds(c->time_warning),
			seconds(c->time_critical), 0, seconds(c->answer_timeout) },
		{ "time_connect", phase(t, CURLINFO_CONNECT_TIME_T), "s", NAN, NAN, 0, NAN },
		{ "time_tls", phase(t, CURLINFO_APPCONNECT_TIME_T), "s", NAN, NAN, 0, NAN },
		{ "time_first_byte", phase(t, CURLINFO_STARTTRANSFER_TIME_T), "s", NAN, NAN, 0, NAN },
		{ "size", t->failure.len ? NAN : (double)t->body.len, "B", NAN, NAN, 0, NAN },
		{ "certificate_left",
			certificate->is_known
				? (double)(certificate->until_usec - clock_realtime_usec()) / 1e6
				: NAN,
			"s", seconds(c->certificate_warning), seconds(c->certificate_critical), NAN, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(t->run, tocsin_name(t->run), &metrics[i]);
}

static void show(const struct talk *t)
{
	_cleanup_buf_ struct buf body = BUF(16 * 1024);
	const char *item = tocsin_name(t->run);

	listener_explain(t->run, item, buf_text(&t->refused));
	buf_printf(&body, "%.*s%.*s", SHOWN_HEADER, buf_text(&t->header), SHOWN_BODY, buf_text(&t->body));
	if (t->path.len)
		tocsin_evidence(t->run, item, "The requests", buf_text(&t->path));
	if (body.len)
		tocsin_evidence(t->run, item, "The answer (its beginning)", buf_text(&body));
	if (t->certificate.is_known)
		tocsin_evidence(t->run, item, "The certificate", buf_text(&t->certificate.text));
}

static void report(const struct talk *t)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	int64_t usec = clock_boottime_usec() - t->began_usec;

	judge(t, usec, &v);
	if (v.state == TOCSIN_OK)
		tocsin_item(t->run, tocsin_name(t->run), v.state, "status %ld, %s after %s", t->status,
			short_size((double)t->body.len).text, short_duration(usec).text);
	else
		tocsin_item(t->run, tocsin_name(t->run), v.state, "%s", buf_text(&v.text));
	report_metrics(t, usec);
	if (v.state != TOCSIN_OK)
		show(t);
}

static int read_password(struct talk *t)
{
	const struct server_config *c = &t->config->server;
	const struct conf_mail mail = { .password_file = (char *)c->password_file,
		.credential = (char *)c->credential };
	_cleanup_free_ char *error = NULL;

	int r = c->username ? secret_password(&mail, t->deadline_usec, &t->password, &error) : 0;
	if (r < 0)
		tocsin_reason(t->run, "%s", error ? error : strerror(-r));
	return r;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	int64_t now = clock_boottime_usec();
	_cleanup_(talk_end) struct talk t = {
		.run = run,
		.config = c,
		.method = c->method,
		.began_usec = now,
		.deadline_usec = now + c->server.answer_timeout,
		.header = BUF(HEADER_MAX),
		.body = BUF(BODY_MAX),
		.path = BUF(64 * 1024),
		.failure = BUF(4096),
		.tried = BUF(4096),
		.refused = BUF(4096),
		.certificate = TRANSPORT_CERTIFICATE,
	};

	if (*tocsin_root(run)) {
		tocsin_reason(run, "a server cannot be asked about a recorded tree");
		return -EOPNOTSUPP;
	}
	tocsin_look(run, tocsin_name(run));
	int r = read_password(&t);
	if (r < 0)
		return r;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(t.curl = curl_easy_init()))
		return -ENOMEM;
	r = request_all(&t);
	if (r < 0 && t.failure.len == 0)
		return r;
	report(&t);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "http",
	.summary = N_("A web server: status, text, redirects, time and certificate"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
