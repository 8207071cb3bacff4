/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ping: does a host answer ICMP echo requests (RFC 792, RFC 4443), how many of them, and how fast. It uses
 * datagram sockets for ICMP (icmp(7)), which need no privilege but a group in net.ipv4.ping_group_range. */
#include "buf.h"
#include "clock.h"
#include "connect.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <math.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PACKETS_MAX 100
#define SIZE_MAX_BYTES 8192

enum family { ANY, V4, V6 };

struct config {
	const char *host;
	int family;
	int64_t packets, size, spacing, answer_timeout, time_warning, time_critical;
	double loss_warning, loss_critical;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const families[] = { "any", "ipv4", "ipv6", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(host, TOCSIN_STRING), .help = N_("The host, a name or an address") },
	{ MEMBER(family, TOCSIN_CHOICE), .fallback = "any", .choices = families,
		.help = N_("Which of its addresses; \"any\": the first to which there is a route") },
	{ MEMBER(packets, TOCSIN_INT), .fallback = "5", .min = 1, .max = PACKETS_MAX,
		.help = N_("How many requests") },
	{ MEMBER(size, TOCSIN_INT), .fallback = "56", .min = 0, .max = SIZE_MAX_BYTES,
		.help = N_("Bytes of data in each of them") },
	{ MEMBER(spacing, TOCSIN_DURATION), .fallback = "200ms", .min = 10000, .max = 60e6,
		.help = N_("Time between two of them") },
	{ MEMBER(answer_timeout, TOCSIN_DURATION), .fallback = "2s", .min = 10000, .max = 60e6,
		.help = N_("How long the answer to one may take; with all spacings keep it below the timeout "
			   "of the check") },
	{ MEMBER(loss_warning, TOCSIN_PERCENT), .fallback = "20%", .max = 100,
		.help = N_("Share without an answer from which it is a warning; 0%: not judged") },
	{ MEMBER(loss_critical, TOCSIN_PERCENT), .fallback = "60%", .max = 100,
		.help = N_("Share without an answer from which it is critical; 0%: only when none came") },
	{ MEMBER(time_warning, TOCSIN_DURATION), .fallback = "0", .max = 60e6,
		.help = N_(
			"It is a warning when an answer took longer than this on average; 0: not judged") },
	{ MEMBER(time_critical, TOCSIN_DURATION), .fallback = "0", .max = 60e6,
		.help = N_("It is critical when an answer took longer than this on average; 0: not judged") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (!c->host)
		return N_("host is needed: whom to ask");
	if (c->loss_warning > 0 && c->loss_critical > 0 && c->loss_critical < c->loss_warning)
		return N_("loss_critical must not be below loss_warning");
	if (c->time_warning > 0 && c->time_critical > 0 && c->time_critical < c->time_warning)
		return N_("time_critical must not be below time_warning");
	return NULL;
}

/* --- Requests and answers */

struct echo {
	const struct config *config;
	int fd, family;
	char address[INET6_ADDRSTRLEN];
	int64_t sent_usec[PACKETS_MAX]; /* 0: could not be sent */
	int64_t took_usec[PACKETS_MAX]; /* -1: no answer */
	size_t n_sent, n_answers, n_duplicates;
	int send_error;    /* errno of the last that could not be sent */
	int network_error; /* that a router or the host itself told */
	char teller[INET6_ADDRSTRLEN];
};

/* The checksum and the identifier are the kernel's. Both families begin alike: type, code, checksum, id,
 * sequence. */
static void send_request(struct echo *e, size_t i)
{
	struct icmphdr header = { .type = e->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	static const unsigned char data[SIZE_MAX_BYTES];

	header.un.echo.sequence = htons((uint16_t)(i + 1));
	const struct iovec parts[] = { { &header, sizeof(header) },
		{ (void *)data, (size_t)e->config->size } };
	const struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = ELEMENTS(parts) };

	int64_t now = clock_boottime_usec();
	if (sendmsg(e->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		e->send_error = errno;
	} else {
		e->sent_usec[i] = now;
		e->n_sent++;
	}
}

/* An error that was queued for an earlier packet comes in the place of the next result: then it is taken from
 * the queue and the packet is sent. */
static void take_errors(struct echo *e)
{
	unsigned char control[512], packet[128];

	for (;;) {
		struct iovec part = { packet, sizeof(packet) };
		struct msghdr message = { .msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };

		if (recvmsg(e->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			const struct sock_extended_err *error = (const void *)CMSG_DATA(c);
			bool is_v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;

			if (!is_v4 && !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
				continue;
			const void *who =
				is_v4 ? (const void *)&((const struct sockaddr_in *)(error + 1))->sin_addr
				      : (const void *)&((const struct sockaddr_in6 *)(error + 1))->sin6_addr;
			e->network_error = (int)error->ee_errno;
			if (error->ee_origin == SO_EE_ORIGIN_LOCAL ||
				!inet_ntop(is_v4 ? AF_INET : AF_INET6, who, e->teller, sizeof(e->teller)))
				snprintf(e->teller, sizeof(e->teller), "%s", _("this host"));
		}
	}
}

static void take_answer(struct echo *e, const struct icmphdr *header, size_t len)
{
	size_t i = (size_t)ntohs(header->un.echo.sequence) - 1;

	if (len < sizeof(*header) ||
		header->type != (e->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY))
		return;
	if (i >= (size_t)e->config->packets || e->sent_usec[i] == 0)
		return;
	if (e->took_usec[i] >= 0) {
		e->n_duplicates++;
		return;
	}
	e->took_usec[i] = clock_boottime_usec() - e->sent_usec[i];
	/* Later than it was waited for is lost, whoever is still listening for another. */
	if (e->took_usec[i] > e->config->answer_timeout)
		e->took_usec[i] = -1;
	else
		e->n_answers++;
}

/* Takes what comes until UNTIL, or until all that was sent is answered and IS_LAST. */
static void listen_until(struct echo *e, int64_t until_usec, bool is_last)
{
	union {
		struct icmphdr header;
		unsigned char bytes[SIZE_MAX_BYTES + 64];
	} packet;

	for (;;) {
		struct pollfd fd = { .fd = e->fd, .events = POLLIN };
		int64_t left = until_usec - clock_boottime_usec();

		if (left <= 0 || (is_last && e->n_answers >= e->n_sent))
			return;
		const struct timespec wait = { left / USEC_PER_SEC, left % USEC_PER_SEC * 1000 };
		if (ppoll(&fd, 1, &wait, NULL) <= 0)
			continue;
		if (fd.revents & POLLERR)
			take_errors(e);
		ssize_t n = recv(e->fd, &packet, sizeof(packet), MSG_DONTWAIT);
		if (n > 0)
			take_answer(e, &packet.header, (size_t)n);
	}
}

static void exchange(struct echo *e)
{
	const struct config *c = e->config;

	for (size_t i = 0; i < (size_t)c->packets; i++)
		e->took_usec[i] = -1;
	for (size_t i = 0; i < (size_t)c->packets; i++) {
		int64_t next = clock_boottime_usec() + c->spacing;

		take_errors(e);
		send_request(e, i);
		if (i + 1 < (size_t)c->packets)
			listen_until(e, next, false);
	}
	listen_until(e, clock_boottime_usec() + c->answer_timeout, true);
}

/* --- To which address */

static bool is_wanted(const struct config *c, int family)
{
	return c->family == ANY || family == (c->family == V4 ? AF_INET : AF_INET6);
}

/* Connecting sends nothing, but fails where there is no route. */
static int open_echo(struct echo *e, const struct sockaddr_storage *address, socklen_t len)
{
	const int yes = 1;
	bool is_v4 = address->ss_family == AF_INET;
	_cleanup_close_ int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, len) < 0)
		return -errno;
	if (is_v4)
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &yes, sizeof(yes));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &yes, sizeof(yes));
	e->fd = TAKE_FD(fd);
	e->family = address->ss_family;
	return 0;
}

/* The first of the addresses in LINES that can be used. -EAFNOSUPPORT: none is of the family that is wanted.
 */
static int open_first(struct echo *e, char *lines)
{
	int r = -EAFNOSUPPORT;
	char *rest = NULL;

	for (char *line = strtok_r(lines, "\n", &rest); line && r < 0; line = strtok_r(NULL, "\n", &rest)) {
		struct sockaddr_storage address;
		socklen_t len;

		if (!connect_is_literal(line, &address, &len) || !is_wanted(e->config, address.ss_family))
			continue;
		r = open_echo(e, &address, len);
		if (r == 0)
			snprintf(e->address, sizeof(e->address), "%.45s", line);
	}
	return r;
}

/* --- What it means */

struct times {
	double min, average, max, deviation; /* seconds, NAN: no answer came */
};

static struct times summarise(const struct echo *e)
{
	struct times t = { INFINITY, 0, 0, 0 };
	double squares = 0, n = (double)e->n_answers;

	for (size_t i = 0; i < (size_t)e->config->packets; i++) {
		double took = (double)e->took_usec[i] / (double)USEC_PER_SEC;

		if (took < 0)
			continue;
		t.min = fmin(t.min, took);
		t.max = fmax(t.max, took);
		t.average += took / n;
		squares += took * took / n;
	}
	t.deviation = sqrt(fmax(0, squares - t.average * t.average));
	return e->n_answers ? t : (struct times){ NAN, NAN, NAN, NAN };
}

static void put_error(struct buf *b, const struct echo *e)
{
	if (e->network_error)
		buf_printf(b, _(" (%s says: %s)"), e->teller, strerror(e->network_error));
	else if (e->send_error)
		buf_printf(b, _(" (sending: %s)"), strerror(e->send_error));
}

static void judge_loss(const struct echo *e, double loss, struct verdict *v)
{
	const struct config *c = e->config;
	_cleanup_buf_ struct buf error = BUF(256);
	bool is_critical = loss >= 100 || (c->loss_critical > 0 && loss >= c->loss_critical);

	put_error(&error, e);
	if (e->n_answers == 0)
		verdict_add(v, TOCSIN_CRITICAL, "%s does not answer%s", e->address, buf_text(&error));
	else if (is_critical || (c->loss_warning > 0 && loss >= c->loss_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"%s answered %zu of %lld requests, %.0f %% are lost (limit %.4g %%)%s", e->address,
			e->n_answers, (long long)c->packets, loss,
			is_critical ? c->loss_critical : c->loss_warning, buf_text(&error));
}

static void judge_time(const struct echo *e, const struct times *t, struct verdict *v)
{
	const struct config *c = e->config;
	double usec = t->average * (double)USEC_PER_SEC;
	bool is_critical = c->time_critical > 0 && usec > (double)c->time_critical;

	if (is_critical || (c->time_warning > 0 && usec > (double)c->time_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"%s answers only after %.3g ms on average (limit %s)", e->address, t->average * 1e3,
			short_duration(is_critical ? c->time_critical : c->time_warning).text);
}

static double seconds(int64_t usec)
{
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct echo *e, double loss, const struct times *t)
{
	const struct config *c = e->config;
	const struct tocsin_metric metrics[] = {
		{ "loss", loss, "%", positive(c->loss_warning), positive(c->loss_critical), 0, 100 },
		{ "time", t->average, "s", seconds(c->time_warning), seconds(c->time_critical), 0, NAN },
		{ "time_min", t->min, "s", NAN, NAN, 0, NAN },
		{ "time_max", t->max, "s", NAN, NAN, 0, NAN },
		{ "time_deviation", t->deviation, "s", NAN, NAN, 0, NAN },
		{ "duplicates", (double)e->n_duplicates, "", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

static void show_requests(struct tocsin_run *run, const struct echo *e)
{
	_cleanup_buf_ struct buf b = BUF(16384);

	for (size_t i = 0; i < (size_t)e->config->packets; i++) {
		if (e->took_usec[i] >= 0)
			buf_printf(&b, _("request %zu: answered after %.3f ms\n"), i + 1,
				(double)e->took_usec[i] / 1e3);
		else
			buf_printf(&b,
				e->sent_usec[i] ? _("request %zu: no answer\n")
						: _("request %zu: could not be sent\n"),
				i + 1);
	}
	if (e->network_error)
		buf_printf(&b, _("%s says: %s\n"), e->teller, strerror(e->network_error));
	tocsin_evidence(run, tocsin_name(run), "The requests", buf_text(&b));
}

static void report(struct tocsin_run *run, const struct echo *e)
{
	double loss = 100 * (1 - (double)e->n_answers / (double)e->config->packets);
	_cleanup_verdict_ struct verdict v = VERDICT;
	const struct times t = summarise(e);

	judge_loss(e, loss, &v);
	if (e->n_answers > 0)
		judge_time(e, &t, &v);
	if (v.state == TOCSIN_OK)
		tocsin_item(run, tocsin_name(run), v.state,
			"%s answers after %.3g ms on average, %.0f %% lost", e->address, t.average * 1e3,
			loss);
	else
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	report_metrics(run, e, loss, &t);
	if (v.state != TOCSIN_OK)
		show_requests(run, e);
}

/* --- Could not look */

static int refuse_group(struct tocsin_run *run)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/sys/net/ipv4/ping_group_range");
	unsigned first = 0, last = 0;

	if (!file || fscanf(file, "%u %u", &first, &last) != 2)
		tocsin_reason(run,
			"the kernel does not allow the group %u of this process to send ICMP: see "
			"net.ipv4.ping_group_range in icmp(7)",
			(unsigned)getegid());
	else
		tocsin_reason(run,
			"the kernel does not allow the group %u of this process to send ICMP: "
			"net.ipv4.ping_group_range is "
			"\"%u %u\"; allow it by a line net.ipv4.ping_group_range = 0 2147483647 in "
			"/etc/sysctl.d/ping.conf, and sysctl --system",
			(unsigned)getegid(), first, last);
	return -EACCES;
}

static bool has_no_route(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH;
}

static int report_no_socket(struct tocsin_run *run, const struct config *c, int error)
{
	if (error == -EACCES || error == -EPERM)
		return refuse_group(run);
	if (has_no_route(error)) {
		tocsin_item(run, tocsin_name(run), TOCSIN_CRITICAL, "no route to %s", c->host);
		return 0;
	}
	if (error == -EAFNOSUPPORT)
		tocsin_reason(run, "%s has no address of the kind that is wanted here (family = %s)", c->host,
			families[c->family]);
	else
		tocsin_reason(run, "no socket for ICMP: %s", strerror(-error));
	return error;
}

static int resolve(struct tocsin_run *run, const struct config *c, struct buf *ret_lines)
{
	const struct connect_options where = { .host = c->host,
		.deadline_usec = clock_boottime_usec() + c->answer_timeout };

	if (connect_is_literal(c->host, NULL, NULL)) {
		buf_puts(ret_lines, c->host);
		return 0;
	}
	int r = connect_resolve(&where, ret_lines);
	if (r < 0 && r != -ENXIO)
		tocsin_reason(run, "%s: %s", c->host, buf_text(ret_lines));
	return r;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_buf_ struct buf lines = BUF(65536);
	const struct config *c = config;
	struct echo e = { .config = c };

	if (*tocsin_root(run)) {
		tocsin_reason(run, "nobody can be asked about a recorded tree");
		return -EOPNOTSUPP;
	}
	tocsin_look(run, tocsin_name(run));
	int r = resolve(run, c, &lines);
	if (r == -ENXIO) {
		tocsin_item(run, tocsin_name(run), TOCSIN_CRITICAL, "%s: %s", c->host, buf_text(&lines));
		return 0;
	}
	if (r < 0)
		return r;
	r = open_first(&e, lines.data);
	if (r < 0)
		return report_no_socket(run, c, r);
	exchange(&e);
	close_fd(e.fd);
	if (e.n_sent == 0 && (e.send_error == EPERM || e.send_error == EACCES)) {
		tocsin_reason(
			run, "a firewall on this host does not let ICMP out: %s", strerror(e.send_error));
		return -e.send_error;
	}
	report(run, &e);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "ping",
	.summary = N_("A host that answers ICMP echo requests: loss and round trip times"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
