/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns: does a name resolve, to what is expected, and how fast. Addresses without a server are asked for as
 * programs of this host do (getaddrinfo(3), with /etc/hosts and all of nsswitch.conf); everything else is a
 * question to DNS itself (resolver(3)). The question is put in a child, because a resolver can block for a
 * minute. */
#include "buf.h"
#include "clock.h"
#include "connect.h"
#include "text.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX 65536
#define TRIES 2
#define SHOWN 6

enum type { ADDRESS, A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT };

struct config {
	const char *name, *server;
	struct tocsin_list expect;
	int record;
	bool exact, exists;
	int64_t port, answer_timeout, time_warning, time_critical;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const types[] = { "address", "a", "aaaa", "cname", "mx", "ns", "ptr", "soa", "srv", "txt",
	NULL };

/* What the data of a record are made of: numbers of 16 bits, names, numbers of 32 bits, in this order (RFC
 * 1035, 3.3; RFC 2782); addresses and texts are otherwise. */
static const struct shape {
	ns_type type;
	int numbers, names, long_numbers;
} shapes[] = {
	[A] = { .type = ns_t_a },
	[AAAA] = { .type = ns_t_aaaa },
	[CNAME] = { .type = ns_t_cname, .names = 1 },
	[MX] = { .type = ns_t_mx, .numbers = 1, .names = 1 },
	[NS] = { .type = ns_t_ns, .names = 1 },
	[PTR] = { .type = ns_t_ptr, .names = 1 },
	[SOA] = { .type = ns_t_soa, .names = 2, .long_numbers = 1 /* the serial number */ },
	[SRV] = { .type = ns_t_srv, .numbers = 3, .names = 1 },
	[TXT] = { .type = ns_t_txt },
};

static const struct tocsin_option options[] = {
	{ MEMBER(name, TOCSIN_STRING),
		.help = N_("The name to resolve; with record = ptr an address will do") },
	{ MEMBER(record, TOCSIN_CHOICE), .fallback = "address", .choices = types,
		.help = N_("What is asked for; \"address\" stands for both kinds") },
	{ MEMBER(server, TOCSIN_STRING),
		.help = N_("The address of the DNS server to ask; not given: as this host resolves") },
	{ MEMBER(port, TOCSIN_INT), .fallback = "53", .min = 1, .max = 65535,
		.help = N_("The port of that server") },
	{ MEMBER(expect, TOCSIN_LIST),
		.help = N_("What must be in the answer: an address, a name, \"10 mx.example.org\"") },
	{ MEMBER(exact, TOCSIN_BOOL), .fallback = "no",
		.help = N_("Nothing but what is expected may be in the answer") },
	{ MEMBER(exists, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("Whether it must be there; \"no\" for lists of blocked hosts, it is critical when "
			   "it is") },
	{ MEMBER(answer_timeout, TOCSIN_DURATION), .fallback = "8s", .min = 10000, .max = 3600e6,
		.help = N_("How long it may take; keep it below the timeout of the check") },
	{ MEMBER(time_warning, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,
		.help = N_("It is a warning when it took longer than this; 0: not judged") },
	{ MEMBER(time_critical, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,
		.help = N_("It is critical when it took longer than this; 0: not judged") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (!c->name)
		return N_("name is needed: what to resolve");
	if (c->record != PTR && is_ip_address(c->name))
		return N_("name is an address already; record = ptr asks for its name");
	if (c->server && !is_ip_address(c->server))
		return N_("server is the address of a DNS server, like 192.0.2.53");
	if (!c->exists && (c->expect.n > 0 || c->exact))
		return N_("with exists = no nothing else can be asked of the answer");
	if (c->exact && c->expect.n == 0)
		return N_("exact needs what is expected");
	if (c->time_warning > 0 && c->time_critical > 0 && c->time_warning > c->time_critical)
		return N_("time_critical must not be below time_warning");
	return NULL;
}

/* --- Asking, in the child */

static const struct config *asked; /* connect.h hands on the name only */

/* glibc keeps addresses of IPv4 servers in one place and of others in another (resolv.h, struct __res_state).
 */
static int set_server(res_state state, const char *server, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t len;

	if (!connect_is_literal(server, &address, &len))
		return -EINVAL;
	state->nscount = 1;
	if (address.ss_family == AF_INET) {
		state->nsaddr_list[0] = *(struct sockaddr_in *)&address;
		state->nsaddr_list[0].sin_port = htons(port);
		return 0;
	}
	struct sockaddr_in6 *v6 = calloc(1, sizeof(*v6));
	if (!v6)
		return -ENOMEM;
	*v6 = *(struct sockaddr_in6 *)&address;
	v6->sin6_port = htons(port);
	state->nsaddr_list[0].sin_family = 0;
	state->_u._ext.nsaddrs[0] = v6;
	return 0;
}

static const struct {
	int code; /* of h_errno */
	int error;
	const char *words;
} failures[] = {
	{ HOST_NOT_FOUND, -ENXIO, N_("there is no such name (NXDOMAIN)") },
	{ NO_DATA, -ENXIO, N_("the name has no such record") },
	{ TRY_AGAIN, -EAGAIN, N_("no server answered, or they failed (SERVFAIL)") },
	{ NO_RECOVERY, -EPROTO, N_("the server refuses the question, or its answer makes no sense") },
};

static int explain(const struct config *c, res_state state, struct buf *b)
{
	for (size_t i = 0; i < ELEMENTS(failures); i++)
		if (state->res_h_errno == failures[i].code) {
			buf_puts(b, _(failures[i].words));
			if (c->server)
				buf_printf(b, _("; asked: %s"), c->server);
			return failures[i].error;
		}
	buf_printf(b, _("the question could not be put: %s"), strerror(errno));
	return -EIO;
}

static int put_address(const ns_rr *record, struct buf *b)
{
	int family = ns_rr_type(*record) == ns_t_a ? AF_INET : AF_INET6;
	char text[INET6_ADDRSTRLEN];

	if (ns_rr_rdlen(*record) != (family == AF_INET ? 4 : 16) ||
		!inet_ntop(family, ns_rr_rdata(*record), text, sizeof(text)))
		return -EBADMSG;
	buf_puts(b, text);
	return 0;
}

/* Pieces of up to 255 bytes, each behind its length. */
static int put_texts(const ns_rr *record, struct buf *b)
{
	const unsigned char *data = ns_rr_rdata(*record), *end = data + ns_rr_rdlen(*record);
	_cleanup_buf_ struct buf raw = BUF(65536);

	for (; data < end; data += 1 + *data) {
		if (*data > end - data - 1)
			return -EBADMSG;
		buf_append(&raw, data + 1, *data);
	}
	text_clean(b, buf_text(&raw), 4096);
	return 0;
}

static int put_fields(const ns_msg *message, const ns_rr *record, const struct shape *shape, struct buf *b)
{
	const unsigned char *data = ns_rr_rdata(*record), *end = data + ns_rr_rdlen(*record);
	char name[NS_MAXDNAME];

	for (int i = 0; i < shape->numbers; i++, data += NS_INT16SZ) {
		if (end - data < NS_INT16SZ)
			return -EBADMSG;
		buf_printf(b, "%u ", (unsigned)ns_get16(data));
	}
	for (int i = 0; i < shape->names; i++) {
		int len = dn_expand(ns_msg_base(*message), ns_msg_end(*message), data, name, sizeof(name));
		if (len < 0 || len > end - data)
			return -EBADMSG;
		buf_printf(b, "%s%s", i ? " " : "", *name ? name : ".");
		data += len;
	}
	for (int i = 0; i < shape->long_numbers; i++, data += NS_INT32SZ) {
		if (end - data < NS_INT32SZ)
			return -EBADMSG;
		buf_printf(b, " %lu", ns_get32(data));
	}
	return 0;
}

static int put_record(const ns_msg *message, const ns_rr *record, const struct shape *shape, struct buf *b)
{
	int r = shape->type == ns_t_a || shape->type == ns_t_aaaa ? put_address(record, b)
		: shape->type == ns_t_txt                         ? put_texts(record, b)
								  : put_fields(message, record, shape, b);

	buf_putc(b, '\n');
	return r;
}

/* On the way to what was asked for lie others, like CNAME. */
static int put_records(const unsigned char *answer, int len, const struct shape *shape, struct buf *b)
{
	ns_msg message;
	size_t n = 0;

	int r = ns_initparse(answer, len, &message) < 0 ? -EBADMSG : 0;
	for (int i = 0; r == 0 && i < ns_msg_count(message, ns_s_an); i++) {
		ns_rr record;

		if (ns_parserr(&message, ns_s_an, i, &record) < 0)
			r = -EBADMSG;
		else if (ns_rr_type(record) == shape->type && ++n)
			r = put_record(&message, &record, shape, b);
	}
	if (r < 0) {
		buf_clear(b);
		buf_puts(b, _("the answer makes no sense"));
	}
	return r < 0 ? r : n > 0 ? 0 : -ENODATA;
}

static int ask_for(res_state state, const struct config *c, const char *name, enum type type, struct buf *b)
{
	static unsigned char answer[ANSWER_MAX];

	int len = res_nquery(state, name, ns_c_in, (int)shapes[type].type, answer, sizeof(answer));
	return len < 0 ? explain(c, state, b) : put_records(answer, len, &shapes[type], b);
}

/* Both kinds; that one is missing is no failure. */
static int ask_for_addresses(res_state state, const struct config *c, const char *name, struct buf *b)
{
	_cleanup_buf_ struct buf v4 = BUF(4096), v6 = BUF(4096);
	int r = ask_for(state, c, name, A, &v4);
	int s = ask_for(state, c, name, AAAA, &v6);

	if (r == 0 || s != 0)
		buf_puts(b, buf_text(&v4));
	if (s == 0)
		buf_puts(b, buf_text(&v6));
	return r == 0 || s == 0 ? 0 : r;
}

/* The name under which the name of an address stands (RFC 1035, 3.5; RFC 3596, 2.5). */
static void put_reverse(struct buf *b, const char *address)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, address, bytes) == 1) {
		buf_printf(b, "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
	} else if (inet_pton(AF_INET6, address, bytes) == 1) {
		for (size_t i = sizeof(bytes); i-- > 0;)
			buf_printf(b, "%x.%x.", bytes[i] & 15, bytes[i] >> 4);
		buf_puts(b, "ip6.arpa");
	} else {
		buf_puts(b, address);
	}
}

static int ask(const char *name, struct buf *b)
{
	_cleanup_buf_ struct buf reverse = BUF(256);
	const struct config *c = asked;
	struct __res_state state = { 0 };

	int r = res_ninit(&state) < 0 ? -EIO : 0;
	if (r == 0 && c->server)
		r = set_server(&state, c->server, (uint16_t)c->port);
	if (r < 0) {
		buf_printf(b, _("the resolver cannot be set up: %s"), strerror(-r));
		return r;
	}
	/* The second try waits twice as long. */
	int64_t wait = c->answer_timeout / (3 * USEC_PER_SEC);
	state.retry = TRIES;
	state.retrans = wait > 0 ? (int)wait : 1;
	if (c->record == PTR)
		put_reverse(&reverse, name);
	if (c->record == ADDRESS)
		return ask_for_addresses(&state, c, name, b);
	return ask_for(&state, c, c->record == PTR ? buf_text(&reverse) : name, (enum type)c->record, b);
}

/* --- What it means */

struct answer {
	char *text; /* what the lines point into */
	const char **lines;
	size_t n;
};

static void free_answer(struct answer *a)
{
	free(a->text);
	free(a->lines);
}

static bool has_line(const struct answer *a, const char *line)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->lines[i], line) == 0)
			return true;
	return false;
}

/* getaddrinfo(3) names an address once for each kind of socket. */
static int split(struct buf *text, struct answer *ret)
{
	char *rest = NULL;

	ret->text = buf_take(text);
	ret->lines = ret->text ? calloc(strlen(ret->text) + 1, sizeof(*ret->lines)) : NULL;
	if (!ret->lines)
		return -ENOMEM;
	for (char *line = strtok_r(ret->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!has_line(ret, line))
			ret->lines[ret->n++] = line;
	return 0;
}

/* Addresses in whatever notation; names in any case, with or without the dot at their end. */
static bool is_same(const char *a, const char *b)
{
	unsigned char x[16], y[16];
	size_t n = strlen(a), m = strlen(b);

	for (int family = AF_INET;; family = AF_INET6) {
		if (inet_pton(family, a, x) == 1)
			return inet_pton(family, b, y) == 1 && memcmp(x, y, family == AF_INET ? 4 : 16) == 0;
		if (family == AF_INET6)
			break;
	}
	n -= n > 1 && a[n - 1] == '.';
	m -= m > 1 && b[m - 1] == '.';
	return n == m && strncasecmp(a, b, n) == 0;
}

static bool is_in(const char *value, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_same(value, list[i]))
			return true;
	return false;
}

static void judge_answer(const struct config *c, const struct answer *a, struct verdict *v)
{
	for (size_t i = 0; i < c->expect.n; i++)
		if (!is_in(c->expect.items[i], a->lines, a->n))
			verdict_add(v, TOCSIN_CRITICAL, "%s is not in the answer for %s", c->expect.items[i],
				c->name);
	for (size_t i = 0; i < a->n && c->exact; i++)
		if (!is_in(a->lines[i], c->expect.items, c->expect.n))
			verdict_add(v, TOCSIN_CRITICAL, "%s is in the answer for %s and not expected",
				a->lines[i], c->name);
	if (!c->exists)
		verdict_add(v, TOCSIN_CRITICAL, "%s is there, and must not be: %s", c->name, a->lines[0]);
}

static void judge_time(const struct config *c, int64_t usec, struct verdict *v)
{
	bool is_critical = c->time_critical > 0 && usec > c->time_critical;

	if (is_critical || (c->time_warning > 0 && usec > c->time_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"%s was resolved only after %s (limit %s)", c->name, short_duration(usec).text,
			short_duration(is_critical ? c->time_critical : c->time_warning).text);
}

/* --- Reporting */

static double seconds(int64_t usec)
{
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct config *c, size_t answers, int64_t usec)
{
	const struct tocsin_metric metrics[] = {
		{ "time", (double)usec / (double)USEC_PER_SEC, "s", seconds(c->time_warning),
			seconds(c->time_critical), 0, seconds(c->answer_timeout) },
		{ "answers", (double)answers, "", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

/* Whom this host asks. */
static void show_servers(struct tocsin_run *run, const struct config *c)
{
	_cleanup_fclose_ FILE *file = c->server ? NULL : tocsin_fopen(run, "/etc/resolv.conf");
	_cleanup_buf_ struct buf b = BUF(8192);
	char line[512];

	while (file && fgets(line, sizeof(line), file) && b.len < 4096)
		if (*line != '#' && *line != ';' && *line != '\n')
			buf_puts(&b, line);
	if (b.len)
		tocsin_evidence(run, tocsin_name(run), "/etc/resolv.conf", buf_text(&b));
}

static void show_answer(struct tocsin_run *run, const struct answer *a)
{
	_cleanup_buf_ struct buf b = BUF(65536);

	for (size_t i = 0; i < a->n; i++)
		buf_printf(&b, "%s\n", a->lines[i]);
	tocsin_evidence(run, tocsin_name(run), "The answer", buf_text(&b));
}

static void report_good(struct tocsin_run *run, const struct config *c, const struct answer *a, int64_t usec)
{
	_cleanup_buf_ struct buf b = BUF(4096);

	for (size_t i = 0; i < a->n && i < SHOWN; i++)
		buf_printf(&b, "%s%.200s", i ? ", " : "", a->lines[i]);
	if (a->n > SHOWN)
		buf_printf(&b, _(" and %zu more"), a->n - SHOWN);
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "%s: %s, after %s", c->name, buf_text(&b),
		short_duration(usec).text);
}

static int report_answer(struct tocsin_run *run, const struct config *c, struct buf *text, int64_t usec)
{
	_cleanup_(free_answer) struct answer a = { 0 };
	_cleanup_verdict_ struct verdict v = VERDICT;

	int r = split(text, &a);
	if (r < 0)
		return r;
	if (a.n == 0) {
		tocsin_reason(run, "the resolver gave an empty answer");
		return -EPROTO;
	}
	judge_answer(c, &a, &v);
	judge_time(c, usec, &v);
	if (v.state == TOCSIN_OK)
		report_good(run, c, &a, usec);
	else
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	report_metrics(run, c, a.n, usec);
	if (v.state == TOCSIN_OK)
		return 0;
	show_answer(run, &a);
	show_servers(run, c);
	return 0;
}

/* "There is none" is an answer too; only where it was not even asked nothing is known. */
static int report_failure(
	struct tocsin_run *run, const struct config *c, int error, const char *words, int64_t usec)
{
	bool is_absent = error == -ENXIO || error == -ENODATA;

	if (error == -ECHILD || error == -ENOMEM || error == -EIO) {
		tocsin_reason(run, "%s", words);
		return error;
	}
	if (is_absent && !c->exists)
		tocsin_item(run, tocsin_name(run), TOCSIN_OK, "%s is not there, as it should be", c->name);
	else
		tocsin_item(run, tocsin_name(run), TOCSIN_CRITICAL, "%s: %s", c->name,
			*words ? words : _("the name has no such record"));
	report_metrics(run, c, 0, usec);
	if (c->exists || !is_absent)
		show_servers(run, c);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_buf_ struct buf text = BUF(65536);
	const struct config *c = config;
	int64_t began = clock_boottime_usec();
	const struct connect_options where = {
		.host = c->name,
		.deadline_usec = began + c->answer_timeout,
		.resolve = c->server || c->record != ADDRESS ? ask : NULL,
	};

	if (*tocsin_root(run)) {
		tocsin_reason(run, "no name can be resolved in a recorded tree");
		return -EOPNOTSUPP;
	}
	tocsin_look(run, tocsin_name(run));
	asked = c;
	int r = connect_resolve(&where, &text);
	int64_t usec = clock_boottime_usec() - began;
	return r < 0 ? report_failure(run, c, r, buf_text(&text), usec) : report_answer(run, c, &text, usec);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "dns",
	.summary = N_("A name that resolves, to what is expected, in time"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
