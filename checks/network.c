/* SPDX-License-Identifier: GPL-3.0-or-later */
/* network: the interfaces of the host: whether they have a link, what they lose, and how full they are. The
 * link is /sys/class/net (Documentation/ABI/testing/sysfs-class-net), the counters are /proc/net/dev; rates
 * are those between the look before and this one. A change of a link is noticed at once by a netlink socket
 * (rtnetlink(7)).
 *
 * It sends nothing: whether somebody answers is for ping, tcp and dns. */
#include "buf.h"
#include "clock.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define SYS "/sys/class/net/"
#define INTERFACES_MAX 1024
#define RATE_AFTER_USEC USEC_PER_SEC /* of a shorter time a rate says little */

enum kind { ERRORS, DROPS, KINDS };

struct config {
	struct tocsin_list interface, exclude;
	int64_t speed_min, losses_warning;
	bool full_duplex;
	double warning[KINDS], critical[KINDS];
	struct tocsin_limit throughput_warning, throughput_critical;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)
#define RATE_OPTION(key, severity, kind, value, sentence)                                          \
	{                                                                                          \
		.name = key "_" #severity, .type = TOCSIN_NUMBER,                                  \
		.offset = offsetof(struct config, severity[kind]), .fallback = value, .max = 1e12, \
		.help = sentence                                                                   \
	}

/* Drops have no limit below a hundred: the kernel counts packets of protocols that nobody wants (LLDP,
 * spanning tree) among them. */
static const struct tocsin_option options[] = {
	{ MEMBER(interface, TOCSIN_LIST), .fallback = "auto",
		.help = N_("The interfaces, by name; \"auto\" stands for all physical ones that are switched "
			   "on") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("With interface = auto, names to leave out (glob)") },
	{ MEMBER(speed_min, TOCSIN_INT), .fallback = "0", .max = 1e9,
		.help = N_("Mbit/s below which the speed of the link is a warning; 0: not judged") },
	{ MEMBER(full_duplex, TOCSIN_BOOL), .fallback = "no",
		.help = N_("A link that runs in half duplex is a warning") },
	{ MEMBER(losses_warning, TOCSIN_INT), .fallback = "1", .max = 1e9,
		.help = N_("Losses of the link since the look before from which it is a warning; 0: not "
			   "judged") },
	RATE_OPTION("errors", warning, ERRORS, "1",
		N_("Packets with errors a second, in or out, from which it is a warning; 0: not judged")),
	RATE_OPTION("errors", critical, ERRORS, "0",
		N_("Packets with errors a second, in or out, from which it is critical; 0: not judged")),
	RATE_OPTION("drops", warning, DROPS, "100",
		N_("Dropped packets a second, in or out, from which it is a warning; 0: not judged")),
	RATE_OPTION("drops", critical, DROPS, "0",
		N_("Dropped packets a second, in or out, from which it is critical; 0: not judged")),
	{ MEMBER(throughput_warning, TOCSIN_LIMIT), .fallback = "0", .max = 100,
		.help = N_("Throughput in one direction, of the speed of the link (80%) or in bytes a second "
			   "(10M), from which it is a warning; 0: not judged") },
	{ MEMBER(throughput_critical, TOCSIN_LIMIT), .fallback = "0", .max = 100,
		.help = N_("Throughput in one direction, of the speed of the link (95%) or in bytes a second "
			   "(12M), from which it is critical; 0: not judged") },
	{ .name = NULL },
};

static const char *const kind_words[KINDS] = { N_("packets with errors"), N_("dropped packets") };

static bool is_auto(const char *name)
{
	return strcmp(name, "auto") == 0;
}

/* Not longer than the kernel allows, and nothing that leads elsewhere as a path. */
static bool is_interface_name(const char *name)
{
	return strlen(name) < IFNAMSIZ && !strpbrk(name, "/ ") && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static bool throughputs_are_crossed(const struct tocsin_limit *w, const struct tocsin_limit *c)
{
	return w->value > 0 && c->value > 0 && w->unit == c->unit && c->value < w->value;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < c->interface.n; i++)
		if (!is_interface_name(c->interface.items[i]))
			return N_("interface is \"auto\" or the name of an interface, at most 15 characters "
				  "without blank and slash");
	for (size_t i = 0; i < KINDS; i++)
		if (c->warning[i] > 0 && c->critical[i] > 0 && c->critical[i] < c->warning[i])
			return N_(
				"the limit for critical is below the one for warning: one of errors, drops");
	if (throughputs_are_crossed(&c->throughput_warning, &c->throughput_critical))
		return N_("throughput_critical must not be below throughput_warning");
	return NULL;
}

/* --- What the kernel counts */

enum counter {
	IN_BYTES,
	IN_PACKETS,
	IN_ERRORS,
	IN_DROPS,
	OUT_BYTES = 8,
	OUT_PACKETS,
	OUT_ERRORS,
	OUT_DROPS,
	COUNTERS = 16 /* the others stand between and behind these */
};

/* What is kept from one look to the next. */
static const struct {
	enum counter counter;
	const char *key;
} kept[] = {
	{ IN_BYTES, "in_bytes" },
	{ OUT_BYTES, "out_bytes" },
	{ IN_ERRORS, "in_errors" },
	{ OUT_ERRORS, "out_errors" },
	{ IN_DROPS, "in_drops" },
	{ OUT_DROPS, "out_drops" },
};

struct interface {
	char name[IFNAMSIZ];
	double counters[COUNTERS];
};

struct interfaces {
	struct interface *items;
	size_t n;
};

static void free_interfaces(struct interfaces *all)
{
	free(all->items);
}

static int parse_counters(const char *text, double *counters)
{
	char *end;

	for (size_t i = 0; i < COUNTERS; i++) {
		text += strspn(text, " \t");
		if (*text < '0' || *text > '9')
			return -EBADMSG;
		counters[i] = (double)strtoull(text, &end, 10);
		text = end;
	}
	return *text == '\n' || *text == '\0' ? 0 : -EBADMSG;
}

/* "  eth0: 1 2 3 …": sixteen numbers behind the name. */
static int parse_interface(const char *line, struct interface *ret)
{
	struct interface i = { .name = "" };

	line += strspn(line, " \t");
	const char *colon = strrchr(line, ':');
	if (!colon || colon == line || (size_t)(colon - line) >= sizeof(i.name))
		return -EBADMSG;
	memcpy(i.name, line, (size_t)(colon - line));
	int r = parse_counters(colon + 1, i.counters);
	if (r == 0)
		*ret = i;
	return r;
}

static int read_lines(FILE *file, struct interfaces *all)
{
	char line[512];

	for (size_t n = 0; errno = 0, fgets(line, sizeof(line), file); n++) {
		if (n < 2 && strchr(line, '|')) /* two lines of headings */
			continue;
		int r = all->n < INTERFACES_MAX ? parse_interface(line, &all->items[all->n]) : -E2BIG;
		if (r < 0)
			return r;
		all->n++;
	}
	return ferror(file) ? -errno : 0;
}

static int read_interfaces(struct tocsin_run *run, struct interfaces *all)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/net/dev");

	all->items = calloc(INTERFACES_MAX, sizeof(*all->items));
	if (!all->items)
		return -ENOMEM;
	int r = file ? read_lines(file, all) : -errno;
	if (r < 0)
		tocsin_reason(run, "%s cannot be read: %s", "/proc/net/dev", strerror(-r));
	return r;
}

/* --- What sysfs says of one */

struct word {
	char text[128]; /* "" when it cannot be read */
};

static struct word read_word(struct tocsin_run *run, const char *interface, const char *attribute)
{
	_cleanup_fclose_ FILE *file = NULL;
	struct word w = { "" };
	char path[256];

	snprintf(path, sizeof(path), SYS "%s/%s", interface, attribute);
	file = tocsin_fopen(run, path);
	if (!file || !fgets(w.text, sizeof(w.text), file))
		w.text[0] = '\0';
	w.text[strcspn(w.text, "\n")] = '\0';
	return w;
}

/* NAN when there is no such number: many drivers have no speed, and none while there is no link. */
static double read_number(struct tocsin_run *run, const char *interface, const char *attribute)
{
	struct word w = read_word(run, interface, attribute);
	int64_t value;

	return parse_int(w.text, &value) == 0 && value >= 0 ? (double)value : NAN;
}

static bool has_entry(struct tocsin_run *run, const char *interface, const char *entry)
{
	char path[256];

	snprintf(path, sizeof(path), SYS "%s/%s", interface, entry);
	_cleanup_close_ int fd = tocsin_open(run, path, O_PATH);
	return fd >= 0;
}

enum link { LINK_UP, LINK_DOWN, LINK_OFF, LINK_UNKNOWN };

struct link_state {
	enum link link;
	const char *why; /* words for LINK_DOWN */
	double speed;    /* Mbit/s, NAN: not known */
	bool is_half_duplex;
	double losses; /* of the link, since the interface is there */
};

/* The operational states of RFC 2863 as the kernel writes them (Documentation/networking/operstates.rst). */
static const struct {
	const char *operstate;
	enum link link;
	const char *why;
} operstates[] = {
	{ "up", LINK_UP, NULL },
	{ "down", LINK_DOWN, N_("no link: no cable, or nothing at its other end") },
	{ "lowerlayerdown", LINK_DOWN, N_("no link: the interface below it is down") },
	{ "dormant", LINK_DOWN, N_("the link waits for an event outside, like 802.1X authentication") },
	{ "testing", LINK_DOWN, N_("the interface is in test mode") },
	{ "notpresent", LINK_DOWN, N_("a part of the device is missing") },
};

/* "unknown" is what drivers say that do not tell (loopback, tun): then the carrier decides. */
static void judge_operstate(struct link_state *s, const char *operstate, double carrier)
{
	for (size_t i = 0; i < ELEMENTS(operstates); i++)
		if (strcmp(operstate, operstates[i].operstate) == 0) {
			s->link = operstates[i].link;
			s->why = operstates[i].why;
			return;
		}
	if (strcmp(operstate, "unknown") == 0 && !isnan(carrier)) {
		s->link = carrier > 0 ? LINK_UP : LINK_DOWN;
		s->why = N_("no carrier");
	}
}

static bool is_switched_on(struct tocsin_run *run, const char *interface)
{
	return strtoul(read_word(run, interface, "flags").text, NULL, 16) & IFF_UP;
}

static struct link_state read_link(struct tocsin_run *run, const char *interface)
{
	struct link_state s = {
		.link = LINK_UNKNOWN,
		.speed = read_number(run, interface, "speed"),
		.is_half_duplex = strcmp(read_word(run, interface, "duplex").text, "half") == 0,
		.losses = read_number(run, interface, "carrier_down_count"),
	};
	struct word operstate = read_word(run, interface, "operstate");

	/* Drivers that have no answer: 0, or -1 in 16 or in 32 bits without a sign. */
	if (s.speed == 0 || s.speed == UINT16_MAX || s.speed >= INT32_MAX)
		s.speed = NAN;
	if (has_entry(run, interface, "flags") && !is_switched_on(run, interface))
		s.link = LINK_OFF;
	else
		judge_operstate(&s, operstate.text, read_number(run, interface, "carrier"));
	return s;
}

/* --- What changed since the look before */

struct change {
	double rate[COUNTERS]; /* a second; NAN: not known */
	double losses;
};

struct key {
	char text[64];
};

static struct key key(const char *what, const char *interface)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%s %s", what, interface);
	return k;
}

/* How much was added since; NAN at the first look, and when the counter began anew. */
static double difference(
	struct tocsin_run *run, const char *what, const char *interface, double now, int64_t *ret_usec)
{
	double before;

	if (tocsin_recall(run, key(what, interface).text, &before, ret_usec) < 0 || now < before)
		return NAN;
	return now - before;
}

static struct change measure(struct tocsin_run *run, const struct interface *i, const struct link_state *s)
{
	struct change c = { .losses = NAN };
	int64_t usec = 0;

	for (size_t n = 0; n < COUNTERS; n++)
		c.rate[n] = NAN;
	for (size_t n = 0; n < ELEMENTS(kept); n++) {
		double now = i->counters[kept[n].counter];
		double added = difference(run, kept[n].key, i->name, now, &usec);

		/* Woken twice within a second: the look before that stays the one to compare with. */
		if (!isnan(added) && usec < RATE_AFTER_USEC)
			continue;
		c.rate[kept[n].counter] = added * (double)USEC_PER_SEC / (double)usec;
		tocsin_remember(run, key(kept[n].key, i->name).text, now);
	}
	if (!isnan(s->losses)) {
		c.losses = difference(run, "losses", i->name, s->losses, &usec);
		tocsin_remember(run, key("losses", i->name).text, s->losses);
	}
	return c;
}

/* Said again at every look, so that it stays known while the link is down. */
static bool had_link(struct tocsin_run *run, const char *interface, bool has_link)
{
	int64_t age;
	double was = 0;

	tocsin_recall(run, key("link", interface).text, &was, &age);
	tocsin_remember(run, key("link", interface).text, has_link || was > 0);
	return was > 0;
}

/* --- What it means */

static struct word bits(double bytes)
{
	static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s" };
	double value = 8 * bytes;
	struct word w;
	size_t u = 0;

	while (value >= 1000 && u + 1 < ELEMENTS(units)) {
		value /= 1000;
		u++;
	}
	snprintf(w.text, sizeof(w.text), "%.*f %s", value >= 100 || u == 0 ? 0 : 1, value, units[u]);
	return w;
}

static double speed_bytes(const struct link_state *s)
{
	return s->speed * 1e6 / 8;
}

static double larger(double a, double b)
{
	return fmax(a, b); /* NAN only when both are */
}

static void judge_rate(const struct config *c, enum kind kind, double in, double out, struct verdict *v)
{
	double rate = larger(in, out), critical = c->critical[kind], warning = c->warning[kind];
	bool is_critical = critical > 0 && rate >= critical;

	if (is_critical || (warning > 0 && rate >= warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			in == rate ? N_("%.3g %s a second in (limit %.4g)")
				   : N_("%.3g %s a second out (limit %.4g)"),
			rate, _(kind_words[kind]), is_critical ? critical : warning);
}

/* The limit in bytes a second; NAN where it is a share of a speed that is not known. */
static double limit_bytes(const struct tocsin_limit *l, const struct link_state *s)
{
	return l->unit == TOCSIN_LIMIT_PERCENT ? l->value / 100 * speed_bytes(s) : l->value;
}

static bool is_judged(const struct tocsin_limit *l)
{
	return l->value > 0;
}

static void judge_throughput(
	const struct config *c, const struct change *change, const struct link_state *s, struct verdict *v)
{
	double in = change->rate[IN_BYTES], out = change->rate[OUT_BYTES], rate = larger(in, out);
	const struct tocsin_limit *limit = &c->throughput_critical;

	if (!is_judged(limit) || !(rate >= limit_bytes(limit, s)))
		limit = &c->throughput_warning;
	if (!is_judged(limit) || !(rate >= limit_bytes(limit, s)))
		return;
	verdict_add(v, limit == &c->throughput_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
		in == rate ? N_("%s in (limit %s)") : N_("%s out (limit %s)"), bits(rate).text,
		bits(limit_bytes(limit, s)).text);
}

static void judge_link(
	const struct config *c, const struct link_state *s, const struct change *change, struct verdict *v)
{
	if (c->speed_min > 0 && s->speed < (double)c->speed_min)
		verdict_add(v, TOCSIN_WARNING, "the link runs with %.0f Mbit/s only (at least %lld)",
			s->speed, (long long)c->speed_min);
	if (c->full_duplex && s->is_half_duplex)
		verdict_add(v, TOCSIN_WARNING, "the link runs in half duplex");
	if (c->losses_warning > 0 && change->losses >= (double)c->losses_warning)
		verdict_add(v, TOCSIN_WARNING,
			change->losses == 1 ? N_("the link was lost %.0f time since the look before")
					    : N_("the link was lost %.0f times since the look before"),
			change->losses);
}

/* A bond is up while one of its interfaces is. One that is up itself may take no part in it, because the
 * switch does not want it (kernel document networking/bonding). */
static void judge_bond(struct tocsin_run *run, const char *interface, struct verdict *v)
{
	struct word members = read_word(run, interface, "bonding/slaves");
	_cleanup_buf_ struct buf down = BUF(1024);
	unsigned n = 0, n_down = 0;
	char *rest = NULL;

	for (const char *m = strtok_r(members.text, " ", &rest); m; m = strtok_r(NULL, " ", &rest), n++) {
		struct word status = read_word(run, m, "bonding_slave/mii_status");

		if (*status.text && strcmp(status.text, "up") != 0)
			buf_printf(&down, "%s%s", n_down++ ? C_("list", ", ") : "", m);
	}
	double ports = read_number(run, interface, "bonding/ad_num_ports");
	if (n_down)
		verdict_add(v, TOCSIN_WARNING, "%u of %u interfaces of the bond work, not %s", n - n_down, n,
			buf_text(&down));
	else if (ports < n)
		verdict_add(v, TOCSIN_WARNING,
			"only %.0f of %u interfaces take part in the bond: the switch has not agreed to the "
			"others (LACP)",
			ports, n);
}

/* --- Reporting */

static void put_attributes(struct buf *b, struct tocsin_run *run, const char *interface)
{
	static const char *const attributes[] = { "operstate", "carrier", "speed", "duplex", "mtu", "address",
		"carrier_up_count", "carrier_down_count", "bonding/mode", "bonding/slaves",
		"bonding/active_slave", "bonding/ad_num_ports", "bonding_slave/state",
		"bonding_slave/mii_status" };

	for (size_t i = 0; i < ELEMENTS(attributes); i++) {
		struct word w = read_word(run, interface, attributes[i]);

		if (*w.text)
			buf_printf(b, "%s: %s\n", attributes[i], w.text);
	}
}

/* Which kind of error it is says where to look: CRC is the cable, missed is a host that is too slow. */
static void put_statistics(struct buf *b, struct tocsin_run *run, const char *interface)
{
	static const char *const names[] = { "rx_errors", "rx_dropped", "rx_crc_errors", "rx_frame_errors",
		"rx_length_errors", "rx_over_errors", "rx_fifo_errors", "rx_missed_errors", "rx_nohandler",
		"tx_errors", "tx_dropped", "tx_carrier_errors", "tx_fifo_errors", "tx_aborted_errors",
		"tx_window_errors", "collisions" };
	char attribute[64];

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		snprintf(attribute, sizeof(attribute), "statistics/%s", names[i]);
		double value = read_number(run, interface, attribute);
		if (value > 0)
			buf_printf(b, "%s: %.0f\n", names[i], value);
	}
}

static void put_addresses(struct buf *b, struct tocsin_run *run, const char *interface)
{
	struct ifaddrs *list = NULL;
	char host[NI_MAXHOST];

	if (*tocsin_root(run) || getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *a = list; a; a = a->ifa_next) {
		int family = a->ifa_addr ? a->ifa_addr->sa_family : AF_UNSPEC;
		socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

		if ((family != AF_INET && family != AF_INET6) || strcmp(a->ifa_name, interface) != 0)
			continue;
		if (getnameinfo(a->ifa_addr, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
			buf_printf(b, _("IP address: %s\n"), host);
	}
	freeifaddrs(list);
}

static void put_others(struct buf *b, struct tocsin_run *run, const struct interfaces *all, const char *but)
{
	for (size_t i = 0; i < all->n && i < 20; i++)
		if (strcmp(all->items[i].name, but) != 0)
			buf_printf(b, "%s: %s\n", all->items[i].name,
				is_switched_on(run, all->items[i].name)
					? read_word(run, all->items[i].name, "operstate").text
					: _("switched off"));
}

static void show(struct tocsin_run *run, const char *interface, const struct interfaces *all)
{
	_cleanup_buf_ struct buf b = BUF(16384), others = BUF(4096);

	put_attributes(&b, run, interface);
	put_addresses(&b, run, interface);
	put_statistics(&b, run, interface);
	if (b.len)
		tocsin_evidence(run, interface, "The interface (counters since it is there)", buf_text(&b));
	put_others(&others, run, all, interface);
	if (others.len)
		tocsin_evidence(run, interface, "The other interfaces", buf_text(&others));
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct config *c, const char *item,
	const struct link_state *s, const struct change *change)
{
	double warning = positive(limit_bytes(&c->throughput_warning, s));
	double critical = positive(limit_bytes(&c->throughput_critical, s));
	const double *rate = change->rate, *w = c->warning, *k = c->critical;
	const struct tocsin_metric metrics[] = {
		{ "in", rate[IN_BYTES], "B/s", warning, critical, 0, speed_bytes(s) },
		{ "out", rate[OUT_BYTES], "B/s", warning, critical, 0, speed_bytes(s) },
		{ "usage", 100 * larger(rate[IN_BYTES], rate[OUT_BYTES]) / speed_bytes(s), "%", NAN, NAN, 0,
			100 },
		{ "in_errors", rate[IN_ERRORS], "/s", positive(w[ERRORS]), positive(k[ERRORS]), 0, NAN },
		{ "out_errors", rate[OUT_ERRORS], "/s", positive(w[ERRORS]), positive(k[ERRORS]), 0, NAN },
		{ "in_drops", rate[IN_DROPS], "/s", positive(w[DROPS]), positive(k[DROPS]), 0, NAN },
		{ "out_drops", rate[OUT_DROPS], "/s", positive(w[DROPS]), positive(k[DROPS]), 0, NAN },
		{ "speed", s->speed, "Mbit/s", NAN, NAN, 0, NAN },
		{ "losses", s->losses, "c", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, item, &metrics[i]);
}

static void report_good(
	struct tocsin_run *run, const char *item, const struct link_state *s, const struct change *change)
{
	_cleanup_buf_ struct buf b = BUF(256);

	buf_puts(&b, C_("link", "up"));
	if (!isnan(s->speed))
		buf_printf(&b, _(", %.0f Mbit/s"), s->speed);
	if (isnan(change->rate[IN_BYTES]))
		buf_puts(&b, _("; rates come with the next look"));
	else
		buf_printf(&b, _(", %s in, %s out"), bits(change->rate[IN_BYTES]).text,
			bits(change->rate[OUT_BYTES]).text);
	tocsin_item(run, item, TOCSIN_OK, "%s", buf_text(&b));
}

static bool wants_speed(const struct config *c)
{
	return (is_judged(&c->throughput_warning) && c->throughput_warning.unit == TOCSIN_LIMIT_PERCENT) ||
	       (is_judged(&c->throughput_critical) && c->throughput_critical.unit == TOCSIN_LIMIT_PERCENT) ||
	       c->speed_min > 0;
}

static void report_link(struct tocsin_run *run, const struct config *c, const struct interface *i,
	const struct link_state *s, const struct change *change, const struct interfaces *all)
{
	_cleanup_verdict_ struct verdict v = VERDICT;

	judge_link(c, s, change, &v);
	judge_bond(run, i->name, &v);
	judge_rate(c, ERRORS, change->rate[IN_ERRORS], change->rate[OUT_ERRORS], &v);
	judge_rate(c, DROPS, change->rate[IN_DROPS], change->rate[OUT_DROPS], &v);
	judge_throughput(c, change, s, &v);
	if (v.state != TOCSIN_OK)
		tocsin_item(run, i->name, v.state, "%s", buf_text(&v.text));
	else if (isnan(s->speed) && wants_speed(c))
		tocsin_item(run, i->name, TOCSIN_UNKNOWN,
			"up, but its driver does not tell the speed of the link, by which it is to be "
			"judged; give the "
			"throughput in bytes a second");
	else
		report_good(run, i->name, s, change);
	report_metrics(run, c, i->name, s, change);
	if (v.state != TOCSIN_OK)
		show(run, i->name, all);
}

/* An interface that IS_NAMED must have a link, and so must a part of a bond; of the others many wait for a
 * cable that never was there. */
static void look_at(struct tocsin_run *run, const struct config *c, const struct interface *i, bool is_named,
	const struct interfaces *all)
{
	tocsin_look(run, i->name);
	struct link_state s = read_link(run, i->name);
	struct change change = measure(run, i, &s);
	bool is_expected = had_link(run, i->name, s.link == LINK_UP) || is_named ||
			   has_entry(run, i->name, "bonding_slave");

	if (s.link == LINK_UP) {
		report_link(run, c, i, &s, &change, all);
		return;
	}
	if (s.link == LINK_UNKNOWN)
		tocsin_item(run, i->name, TOCSIN_UNKNOWN, "the state of its link cannot be read from %s%s",
			SYS, i->name);
	else if (s.link == LINK_OFF)
		tocsin_item(run, i->name, TOCSIN_CRITICAL, "switched off (administratively down)");
	else if (is_expected)
		tocsin_item(run, i->name, TOCSIN_CRITICAL, "%s", _(s.why));
	else
		tocsin_item(run, i->name, TOCSIN_OK, "%s, and there was none since it is watched", _(s.why));
	report_metrics(run, c, i->name, &s, &change);
	if (is_expected || s.link != LINK_DOWN)
		show(run, i->name, all);
}

/* --- Which ones */

static bool is_listed(const struct tocsin_list *list, const char *name, size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (strcmp(list->items[i], name) == 0)
			return true;
	return false;
}

static bool is_excluded(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], name, 0) == 0)
			return true;
	return false;
}

/* Only hardware has an entry "device". */
static bool is_wanted(struct tocsin_run *run, const struct config *c, const char *name)
{
	return !is_listed(&c->interface, name, c->interface.n) && !is_excluded(c, name) &&
	       has_entry(run, name, "device") && is_switched_on(run, name);
}

static size_t look_at_physical(struct tocsin_run *run, const struct config *c, const struct interfaces *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (is_wanted(run, c, all->items[i].name)) {
			look_at(run, c, &all->items[i], false, all);
			n++;
		}
	return n;
}

static void look_at_named(
	struct tocsin_run *run, const struct config *c, const char *name, const struct interfaces *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->items[i].name, name) == 0) {
			look_at(run, c, &all->items[i], true, all);
			return;
		}
	tocsin_item(run, name, TOCSIN_CRITICAL, "there is no such interface");
	show(run, name, all);
}

static int look_at_all(struct tocsin_run *run, const struct config *c, const struct interfaces *all)
{
	size_t n = 0;

	for (size_t i = 0; i < c->interface.n; i++) {
		const char *name = c->interface.items[i];

		if (is_listed(&c->interface, name, i))
			continue;
		n += is_auto(name) ? look_at_physical(run, c, all) : 1;
		if (!is_auto(name))
			look_at_named(run, c, name, all);
	}
	if (n > 0)
		return 0;
	tocsin_reason(
		run, "no physical network interface is switched on here; name those that are to be watched");
	return -EOPNOTSUPP;
}

/* Each change of a link is one message on this socket; nobody reads it, it is only waited for. */
static void arm(struct tocsin_run *run)
{
	const struct sockaddr_nl links = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	if (*tocsin_root(run))
		return;
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&links, sizeof(links)) == 0)
		tocsin_watch(run, fd, POLLIN); /* where it is forbidden polling remains */
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(free_interfaces) struct interfaces all = { 0 };

	arm(run);
	_cleanup_close_ int sys = tocsin_open(run, SYS, O_RDONLY | O_DIRECTORY);
	if (sys < 0) {
		tocsin_reason(run, "%s cannot be opened: %s", SYS, strerror(-sys));
		return sys;
	}
	int r = read_interfaces(run, &all);
	return r < 0 ? r : look_at_all(run, config, &all);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "network",
	.summary = N_("Links, errors, drops and throughput of network interfaces"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
