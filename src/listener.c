/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who takes TCP connections on this host; see listener.h. */
#include "listener.h"

#include "account.h"
#include "buf.h"
#include "connect.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_LISTEN 10 /* of enum in the kernel's tcp_states.h */
#define LISTENERS_MAX 10000
#define ADDRESSES_MAX 32
#define OTHERS_SHOWN 20
#define TEXT_BYTES 8192

/* The sentences of this file. */
#define TITLE N_("TCP sockets of this host that listen")
#define SAY_NOTHING _("Nothing listens on port %u, neither by IPv4 nor by IPv6.\n")
#define SAY_ELSEWHERE _("Something listens on port %u, but not on the address that refused:\n")
#define SAY_IPV6_ONLY _("[::]:%u takes connections by IPv6 only.\n")
#define SAY_NOW _("Something listens on that address: it has begun since, or a firewall refuses the connection.\n")
#define SAY_OTHERS _("\nOn other ports:\n")
#define SAY_MORE _("and %zu more\n")
#define SAY_HIDDEN _("\nWhere no process is named, tocsin may not see it; as root, ss -ltnp names it.\n")
#define SAY_PROCESS _("%s, pid %d")
#define SAY_UNIT _("%s, user %s")
#define SAY_USER _("user %s")
#define SAY_FAILED _("The sockets cannot be listed: %s")

void listeners_free(struct listeners *l)
{
	free(l->items);
	*l = (struct listeners){ 0 };
}

static bool is_v4(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a);
}

static struct in6_addr mapped(uint32_t v4_be)
{
	return (struct in6_addr){ .s6_addr32 = { 0, 0, htonl(0xffff), v4_be } };
}

static bool is_any(const struct in6_addr *a)
{
	return is_v4(a) ? a->s6_addr32[3] == 0 : IN6_IS_ADDR_UNSPECIFIED(a);
}

/* ---- /proc/net ---- */

/* "0100007F", or four times as much: words of 32 bits as this machine has them in memory. */
static bool parse_address(const char *text, struct in6_addr *ret)
{
	uint32_t words[4] = { 0 };
	size_t len = strlen(text), n = len / 8;

	if (len != 8 && len != 32)
		return false;
	for (size_t i = 0; i < n; i++)
		if (sscanf(text + 8 * i, "%8" SCNx32, &words[i]) != 1)
			return false;
	if (n == 1)
		*ret = mapped(words[0]);
	else
		memcpy(ret->s6_addr32, words, sizeof(words));
	return true;
}

/* False: it is none. */
static bool parse_line(const char *line, struct listener *ret, unsigned *ret_state)
{
	char address[33];
	unsigned port;

	int n = sscanf(line, " %*u: %32[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*4x %2x %*x:%*x %*x:%*x %*x %" SCNu32 " %*u %" SCNu64,
		address, &port, ret_state, &ret->uid, &ret->inode);
	ret->port = (uint16_t)port;
	return n == 5 && parse_address(address, &ret->address);
}

static int add(struct listeners *l, const struct listener *one)
{
	if (l->n == LISTENERS_MAX)
		return 0;
	if ((l->n & (l->n - 1)) == 0) { /* full when it is a power of two */
		struct listener *items = reallocarray(l->items, l->n ? 2 * l->n : 1, sizeof(*items));

		if (!items)
			return -ENOMEM;
		l->items = items;
	}
	l->items[l->n++] = *one;
	return 0;
}

int listeners_read(FILE *file, struct listeners *l)
{
	char line[512];
	int r = 0;

	if (!fgets(line, sizeof(line), file) || !strstr(line, "local_address"))
		return -EBADMSG;
	while (r == 0 && fgets(line, sizeof(line), file)) {
		struct listener one = { 0 };
		unsigned state = 0;

		if (!parse_line(line, &one, &state))
			return -EBADMSG;
		if (state == TCP_LISTEN)
			r = add(l, &one);
	}
	return r;
}

static int read_all(struct tocsin_run *run, struct listeners *l)
{
	_cleanup_fclose_ FILE *v4 = tocsin_fopen(run, "/proc/self/net/tcp");
	int r = v4 ? listeners_read(v4, l) : -errno;

	_cleanup_fclose_ FILE *v6 = r < 0 ? NULL : tocsin_fopen(run, "/proc/self/net/tcp6");
	return v6 ? listeners_read(v6, l) : r; /* a host without IPv6 does not have the second */
}

/* ---- whose they are ---- */

/* The descriptor NAME of the process that FD_FOLDER belongs to: gives it those sockets that are still nobody's. */
static void claim(struct listeners *l, int fd_folder, const char *name, const struct proc *p)
{
	char target[64];
	uint64_t inode;

	ssize_t n = readlinkat(fd_folder, name, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].inode == inode && l->items[i].pid == 0) {
			l->items[i].pid = p->pid;
			snprintf(l->items[i].comm, sizeof(l->items[i].comm), "%s", p->comm);
		}
}

static void search(struct listeners *l, int proc_fd, const struct proc *p)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/fd", (int)p->pid);
	int fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (!folder) {
		close_fd(fd); /* another user's, or it has ended */
		return;
	}
	for (const struct dirent *e = readdir(folder); e; e = readdir(folder))
		claim(l, fd, e->d_name, p);
	closedir(folder);
}

static void find_processes(struct tocsin_run *run, struct listeners *l)
{
	_cleanup_close_ int proc = tocsin_open(run, "/proc", O_RDONLY | O_DIRECTORY);
	_cleanup_proctree_ struct proctree tree = PROCTREE_EMPTY;

	if (proc < 0 || proctree_scan(proc, &tree) < 0)
		return;
	for (size_t i = 0; i < tree.n; i++)
		if (!tree.items[i].is_kernel)
			search(l, proc, &tree.items[i]);
}

/* ---- in which unit ---- */

static bool has_hidden(const struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].pid == 0)
			return true;
	return false;
}

static void take_group(void *userdata, uint64_t inode, uint64_t group)
{
	struct listeners *l = userdata;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].inode == inode)
			l->items[i].group = group;
}

static void take_name(void *userdata, uint64_t group, const char *name)
{
	struct listeners *l = userdata;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].group == group)
			snprintf(l->items[i].unit, sizeof(l->items[i].unit), "%.*s", SOCKET_GROUP_NAME_MAX - 1, name);
}

static void find_units(struct listeners *l)
{
	if (has_hidden(l) && socket_groups_read(take_group, l) == 0)
		socket_groups_name(take_name, l);
}

/* ---- what refused ---- */

struct refused {
	struct in6_addr addresses[ADDRESSES_MAX]; /* those of this host */
	size_t n;
	uint16_t port;
};

static bool to_v6(const struct sockaddr *address, struct in6_addr *ret)
{
	if (address->sa_family == AF_INET6)
		*ret = ((const struct sockaddr_in6 *)address)->sin6_addr;
	else if (address->sa_family == AF_INET)
		*ret = mapped(((const struct sockaddr_in *)address)->sin_addr.s_addr);
	else
		return false;
	return true;
}

static bool is_own(const struct sockaddr *address, const struct in6_addr *as_v6, const struct ifaddrs *interfaces)
{
	struct in6_addr own;

	if (connect_is_loopback(address))
		return true;
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next)
		if (i->ifa_addr && to_v6(i->ifa_addr, &own) && IN6_ARE_ADDR_EQUAL(&own, as_v6))
			return true;
	return false;
}

/* LINE is "ADDRESS:PORT". */
static void add_refused(struct refused *r, char *line, const struct ifaddrs *interfaces)
{
	struct sockaddr_storage address;
	struct in6_addr as_v6;
	socklen_t len;
	int64_t port;
	char *colon = strrchr(line, ':');

	if (!colon || parse_int(colon + 1, &port) < 0 || port <= 0 || port > UINT16_MAX)
		return;
	*colon = '\0';
	if (r->n == ADDRESSES_MAX || !connect_is_literal(line, &address, &len) ||
		!to_v6((struct sockaddr *)&address, &as_v6) || !is_own((struct sockaddr *)&address, &as_v6, interfaces))
		return;
	r->port = (uint16_t)port;
	r->addresses[r->n++] = as_v6;
}

static void parse_refused(const char *lines, struct refused *ret)
{
	_cleanup_free_ char *copy = strdup(lines);
	struct ifaddrs *interfaces = NULL;
	char *rest = NULL;

	*ret = (struct refused){ 0 };
	if (getifaddrs(&interfaces) < 0)
		interfaces = NULL;
	for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
		add_refused(ret, line, interfaces);
	freeifaddrs(interfaces);
}

/* Would L take a connection to ADDRESS? By IPv4 not even one of "::", or it would not have been refused. */
static bool serves(const struct listener *l, const struct in6_addr *address)
{
	if (IN6_ARE_ADDR_EQUAL(&l->address, address))
		return true;
	return is_any(&l->address) && is_v4(&l->address) == is_v4(address);
}

static bool serves_any(const struct listener *l, const struct refused *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (serves(l, &r->addresses[i]))
			return true;
	return false;
}

static bool has_v4(const struct refused *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (is_v4(&r->addresses[i]))
			return true;
	return false;
}

/* ---- in words ---- */

static void put_address(struct buf *b, const struct listener *l)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (is_v4(&l->address))
		inet_ntop(AF_INET, &l->address.s6_addr32[3], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &l->address, text, sizeof(text));
	buf_printf(b, is_v4(&l->address) ? "%s:%u" : "[%s]:%u", text, l->port);
}

static void put_listener(struct buf *b, struct tocsin_run *run, const struct listener *l)
{
	_cleanup_buf_ struct buf address = BUF(INET6_ADDRSTRLEN + 16);

	put_address(&address, l);
	buf_printf(b, "%-22s  ", buf_text(&address));
	if (l->pid)
		buf_printf(b, SAY_PROCESS, l->comm, (int)l->pid);
	else if (*l->unit)
		buf_printf(b, SAY_UNIT, l->unit, account_user_name(run, l->uid).text);
	else
		buf_printf(b, SAY_USER, account_user_name(run, l->uid).text);
	buf_putc(b, '\n');
}

static size_t count_on(const struct listeners *l, uint16_t port)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->items[i].port == port;
	return n;
}

static void put_on_port(struct buf *b, struct tocsin_run *run, const struct listeners *l, const struct refused *r)
{
	bool is_v6_only = false, is_there = false;

	for (size_t i = 0; i < l->n; i++) {
		const struct listener *one = &l->items[i];

		if (one->port != r->port)
			continue;
		is_there |= serves_any(one, r);
		is_v6_only |= is_any(&one->address) && !is_v4(&one->address) && has_v4(r);
	}
	if (count_on(l, r->port) == 0)
		buf_printf(b, SAY_NOTHING, r->port);
	else if (is_there)
		buf_puts(b, SAY_NOW);
	else
		buf_printf(b, SAY_ELSEWHERE, r->port);
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].port == r->port)
			put_listener(b, run, &l->items[i]);
	if (is_v6_only && !is_there)
		buf_printf(b, SAY_IPV6_ONLY, r->port);
}

static void put_others(struct buf *b, struct tocsin_run *run, const struct listeners *l, uint16_t port)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].port == port)
			continue;
		if (n == 0)
			buf_puts(b, SAY_OTHERS);
		if (n++ < OTHERS_SHOWN)
			put_listener(b, run, &l->items[i]);
	}
	if (n > OTHERS_SHOWN)
		buf_printf(b, SAY_MORE, n - OTHERS_SHOWN);
}

static int by_port(const void *a, const void *b)
{
	const struct listener *x = a, *y = b;

	return x->port != y->port ? x->port - y->port : memcmp(&x->address, &y->address, sizeof(x->address));
}

/* Sorts them. Several sockets of one process on one address (SO_REUSEPORT) are one. */
static void arrange(struct listeners *l)
{
	size_t n = 0;

	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), by_port);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || by_port(&l->items[i], &l->items[n - 1]) != 0 || l->items[i].pid != l->items[n - 1].pid)
			l->items[n++] = l->items[i];
	l->n = n;
}

void listener_explain(struct tocsin_run *run, const char *item, const char *refused)
{
	_cleanup_listeners_ struct listeners l = { 0 };
	_cleanup_buf_ struct buf text = BUF(TEXT_BYTES);
	struct refused where;

	parse_refused(refused, &where);
	if (where.n == 0)
		return;
	int r = read_all(run, &l);
	if (r < 0) {
		buf_printf(&text, SAY_FAILED, strerror(-r));
	} else {
		find_processes(run, &l);
		find_units(&l);
		arrange(&l);
		put_on_port(&text, run, &l, &where);
		put_others(&text, run, &l, where.port);
		if (has_hidden(&l))
			buf_puts(&text, SAY_HIDDEN);
	}
	tocsin_evidence(run, item, TITLE, buf_text(&text));
}
