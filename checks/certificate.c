/* SPDX-License-Identifier: GPL-3.0-or-later */
/* certificate: how long a certificate is still valid, whether a trusted authority stands for it, and whether
 * it has the right name: of PEM files, or of a server, with TLS from its start or after the STARTTLS of its
 * protocol.
 *
 * The files are watched by inotify(7), so that a renewal is seen at once. Revocation is not asked for. */
#include "clock.h"
#include "server.h"
#include "translate.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

#define FILE_MAX (1024 * 1024)
#define FILES_MAX 1000

struct config {
	struct server_config server;
	struct tocsin_list file;
	int starttls;
	bool trust;
};

_Static_assert(offsetof(struct config, server) == 0, "the rows of server.h count from the beginning");

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const prologues[] = { "no", "smtp", "imap", "pop3", "ftp", "postgresql", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(file, TOCSIN_LIST),
		.help = N_("Files in PEM form, the server's own certificate first (glob)") },
	{ SERVER_MEMBER(host, TOCSIN_STRING),
		.help = N_("A server to ask for its certificate, a name or an address") },
	{ SERVER_MEMBER(port, TOCSIN_INT), .fallback = "0", .max = 65535,
		.help = N_("Its port; 0: 443, or the usual one of the protocol") },
	{ MEMBER(starttls, TOCSIN_CHOICE), .fallback = "no", .choices = prologues,
		.help = N_("The protocol by which TLS is asked for; \"no\": TLS from the start") },
	{ SERVER_MEMBER(name, TOCSIN_STRING),
		.help = N_("The name that it must have; not given: host, or any for a file") },
	{ MEMBER(trust, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("A trusted authority must stand for it; \"no\": only dates and name are judged") },
	SERVER_OPTIONS_TLS("warning", "critical"),
	SERVER_OPTIONS_TIME,
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if ((c->file.n > 0) == !!c->server.host)
		return N_("either file or host is needed: whose certificate to look at");
	for (size_t i = 0; i < c->file.n; i++)
		if (c->file.items[i][0] != '/')
			return N_("file is an absolute path");
	if (c->file.n > 0 && (c->server.port || c->starttls))
		return N_("port and starttls are for a host, not for a file");
	return server_validate(&c->server);
}

/* --- Of a server */

/* Untrusted is what was asked to be passed over; the name is not. */
static int pass_over_trust(struct server *s, const struct config *c)
{
	const struct transport_certificate *peer = transport_peer_certificate(s->transport);

	if (c->trust || s->tls_error != -EKEYREJECTED || !peer->is_known)
		return -ECONNABORTED;
	buf_clear(&s->failure);
	s->is_untrusted = true;
	return peer->has_name ? 0
			      : server_fail(s, "the certificate is not for \"%s\"",
					c->server.name ? c->server.name : c->server.host);
}

static int look_at_server(struct tocsin_run *run, const struct config *c)
{
	static const struct server_protocol https = { .name = "https", .port_tls = 443 };
	const struct server_protocol *protocol =
		c->starttls ? server_protocol_find(prologues[c->starttls]) : &https;
	struct server_config config = c->server;
	_cleanup_server_ struct server s;

	config.security = c->starttls ? SERVER_STARTTLS : SERVER_TLS;
	int r = server_open(&s, run, &config, protocol);
	if (r == 0 && c->starttls)
		r = protocol->ask_for_tls(&s);
	if (r == 0 && c->starttls)
		r = server_start_tls(&s);
	/* Who goes without a word after STARTTLS is one of those that look for holes, and is shut out by
	 * fail2ban. */
	if (r == 0 && c->starttls && protocol->goodbye)
		server_send(&s, protocol->goodbye, NULL);
	if (r == -ECONNABORTED && s.transport)
		r = pass_over_trust(&s, c);
	return server_report(&s, r, "");
}

/* --- Of files */

struct files {
	const struct config *config;
	struct transport_trust *trust;
	int inotify; /* -1: polling remains */
};

static void free_files(struct files *f)
{
	f->trust = transport_trust_free(f->trust);
	close_fd(f->inotify);
}

/* Both the file and its folder: renewing exchanges the file, or the link that leads to it. */
static void watch(const struct files *f, const char *path)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (f->inotify < 0 || !slash)
		return;
	slash[slash == folder] = '\0';
	inotify_add_watch(f->inotify, path, IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF);
	inotify_add_watch(
		f->inotify, folder, IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
}

static int read_file(struct tocsin_run *run, const char *path, struct buf *ret)
{
	_cleanup_close_ int fd = tocsin_open(run, path, O_RDONLY | O_NONBLOCK);
	char chunk[16384];
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	while (buf_error(ret) == 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(ret, chunk, (size_t)n);
	return n < 0 ? -errno : buf_error(ret);
}

static void report_certificate(struct tocsin_run *run, const char *path, const struct server_config *config,
	const struct transport_certificate *c, const struct verdict *v)
{
	double left = (double)(c->until_usec - clock_realtime_usec()) / (double)USEC_PER_SEC;

	if (v->state == TOCSIN_OK)
		tocsin_item(run, path, v->state, "valid for another %s",
			short_duration(c->until_usec - clock_realtime_usec()).text);
	else
		tocsin_item(run, path, v->state, "%s", buf_text(&v->text));
	if (!c->is_known)
		return;
	tocsin_metric(run, path,
		&(struct tocsin_metric){ "certificate_left", left, "s",
			(double)config->certificate_warning / (double)USEC_PER_SEC,
			(double)config->certificate_critical / (double)USEC_PER_SEC, -INFINITY, INFINITY });
	if (v->state != TOCSIN_OK)
		tocsin_evidence(run, path, "The certificate", buf_text(&c->text));
}

static void judge_file(struct tocsin_run *run, const struct files *f, const char *path, const struct buf *pem)
{
	const struct server_config *config = &f->config->server;
	struct transport_certificate c = TRANSPORT_CERTIFICATE;
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf why = BUF(4096);

	int r = transport_judge_file(f->trust, pem->data, pem->len, config->name, &c, &why);
	int64_t now = clock_realtime_usec();
	bool is_out = c.is_known && (c.until_usec < now || c.since_usec > now);
	if (r == -EBADMSG || (r < 0 && f->config->trust))
		verdict_add(&v, TOCSIN_CRITICAL, "%s", buf_text(&why));
	else if (r < 0 && config->name && !c.has_name)
		verdict_add(&v, TOCSIN_CRITICAL, "the certificate is not for \"%s\"", config->name);
	if (c.is_known && !(is_out && v.state != TOCSIN_OK)) /* its dates have been told */
		server_judge_certificate(config, &c, &v);
	report_certificate(run, path, config, &c, &v);
	buf_free(&c.text);
}

static void look_at_file(struct tocsin_run *run, const struct files *f, const char *path)
{
	_cleanup_buf_ struct buf pem = BUF(FILE_MAX);

	tocsin_look(run, path);
	watch(f, path);
	int r = read_file(run, path, &pem);
	if (r == -ENOENT || r == -ENOTDIR)
		tocsin_item(run, path, TOCSIN_CRITICAL, "there is no such file");
	else if (r == -EACCES)
		tocsin_item(run, path, TOCSIN_UNKNOWN,
			"cannot be read: %s; let the group of this service read it, or ask "
			"the server that uses it (host = …)",
			strerror(EACCES));
	else if (r < 0)
		tocsin_item(run, path, TOCSIN_UNKNOWN, "cannot be read: %s", strerror(-r));
	else
		judge_file(run, f, path, &pem);
}

static bool was_found_before(const glob_t *found, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(found->gl_pathv[j], found->gl_pathv[i]) == 0)
			return true;
	return false;
}

/* A pattern that fits nothing stands for itself, and then is not there. */
static int find_files(struct tocsin_run *run, const struct config *c, glob_t *found)
{
	int r = 0;

	for (size_t i = 0; i < c->file.n && r == 0; i++) {
		_cleanup_free_ char *whole = NULL;

		if (asprintf(&whole, "%s%s", tocsin_root(run), c->file.items[i]) < 0)
			return -ENOMEM;
		tocsin_look(run, c->file.items[i]);
		r = glob(whole, GLOB_NOCHECK | (i > 0 ? GLOB_APPEND : 0), NULL, found);
	}
	return r == 0 ? 0 : -ENOMEM;
}

static int look_at_found(struct tocsin_run *run, const struct files *f)
{
	size_t root = strlen(tocsin_root(run));
	glob_t found = { 0 };

	int r = find_files(run, f->config, &found);
	for (size_t i = 0; i < found.gl_pathc && i < FILES_MAX && r == 0; i++)
		if (!was_found_before(&found, i))
			look_at_file(run, f, found.gl_pathv[i] + root);
	globfree(&found);
	return r;
}

static int look_at_files(struct tocsin_run *run, const struct config *c)
{
	const struct transport_trust_options trust = { .ca_file = c->server.tls_ca_file,
		.pin = c->server.tls_pin };
	_cleanup_(free_files) struct files f = { .config = c, .inotify = -1 };
	_cleanup_free_ char *error = NULL;

	int r = transport_trust_new(&trust, &f.trust, &error);
	if (r < 0) {
		tocsin_reason(run, "%s", error ? error : strerror(-r));
		return r;
	}
	if (!*tocsin_root(run))
		f.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f.inotify >= 0)
		tocsin_watch(run, f.inotify, POLLIN);
	return look_at_found(run, &f);
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;

	return c->file.n > 0 ? look_at_files(run, c) : look_at_server(run, c);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "certificate",
	.summary = N_("Days left, issuer and name of a certificate, file or server"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
