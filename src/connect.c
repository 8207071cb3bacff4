/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Resolving and connecting; see connect.h. One race: the resolver's child, and sockets that are being
 * connected. */
#include "connect.h"

#include "clock.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define ANSWER_MAX 4096 /* bytes that the resolver's child may say */
#define FAILURES_SHOWN 4

struct address {
	struct sockaddr_storage socket;
	socklen_t len;
};

struct attempt {
	struct address address;
	int fd; /* -1: not begun, or over */
	int error; /* errno, 0: not over */
};

struct race {
	const struct connect_options *options;
	struct address source; /* len 0: none was asked for */
	bool is_literal;
	/* the resolver */
	pid_t resolver; /* 0: none */
	int resolver_fd; /* -1: it has said all */
	struct buf answer;
	int resolver_error; /* -errno, its sentence is in the answer */
	/* the attempts in order; those before NEXT have begun */
	struct attempt attempts[CONNECT_ADDRESSES_MAX];
	size_t n, next;
	int64_t next_usec; /* when the next one begins, at the latest */
	int64_t remembered_usec; /* when the remembered address joins, or never */
	int64_t begun_usec;
};

static const struct sockaddr *address_socket(const struct address *a)
{
	return (const struct sockaddr *)&a->socket;
}

static void address_numeric(const struct sockaddr *address, socklen_t len, struct buf *b)
{
	char host[NI_MAXHOST];

	if (getnameinfo(address, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
		buf_puts(b, host);
}

void connect_format(const struct sockaddr *address, socklen_t len, struct buf *b)
{
	bool is_v6 = address->sa_family == AF_INET6;
	char port[16];

	if (getnameinfo(address, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV) != 0)
		return;
	buf_puts(b, is_v6 ? "[" : "");
	address_numeric(address, len, b);
	buf_printf(b, "%s:%s", is_v6 ? "]" : "", port);
}

static void end_address(int fd, int (*get)(int, struct sockaddr *, socklen_t *), struct buf *b)
{
	struct address a = { .len = sizeof(a.socket) };

	if (get(fd, (struct sockaddr *)&a.socket, &a.len) == 0)
		address_numeric(address_socket(&a), a.len, b);
}

void connect_peer_address(int fd, struct buf *b)
{
	end_address(fd, getpeername, b);
}

void connect_own_address(int fd, struct buf *b)
{
	end_address(fd, getsockname, b);
}

/* AI_NUMERICHOST alone takes "1" for 0.0.0.1 (inet_aton), so an IPv4 address must have its four parts. */
static bool parse_literal(const char *host, uint16_t port, struct address *ret)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct in_addr v4;
	char bare[INET6_ADDRSTRLEN + 32], service[16];

	size_t len = strlen(host);
	bool has_brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
	if (len == 0 || len >= sizeof(bare))
		return false;
	snprintf(bare, sizeof(bare), "%.*s", (int)(has_brackets ? len - 2 : len), host + has_brackets);
	if (!strchr(bare, ':') && (has_brackets || inet_pton(AF_INET, bare, &v4) != 1))
		return false;
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(bare, service, &hints, &found) != 0)
		return false;
	memcpy(&ret->socket, found->ai_addr, found->ai_addrlen);
	ret->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

bool connect_is_literal(const char *host, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
	struct address a = { 0 };

	if (!parse_literal(host, 0, &a))
		return false;
	if (ret_address) {
		*ret_address = a.socket;
		*ret_len = a.len;
	}
	return true;
}

bool connect_is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
	if (address->sa_family != AF_INET6)
		return false;

	const struct in6_addr *a = &((const struct sockaddr_in6 *)address)->sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

/* The resolver, in its child. */

static int resolve_failure(int code, struct buf *b)
{
	if (code == EAI_SYSTEM) {
		buf_printf(b, _("the resolver failed: %s"), strerror(errno));
		return -EAGAIN;
	}
	if (code == EAI_NONAME || code == EAI_NODATA) {
		buf_printf(b, _("name not found (the resolver says: %s); check the name in the configuration"),
			gai_strerror(code));
		return -ENXIO;
	}
	buf_printf(b,
		_("the name could not be resolved now (the resolver says: %s); check /etc/resolv.conf and the "
		  "network"),
		gai_strerror(code));
	return -EAGAIN;
}

/* Without AI_ADDRCONFIG: it ignores loopback addresses, and a family without a route fails at once anyway. */
static int resolve_name(const char *host, struct buf *b)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	int code = getaddrinfo(host, NULL, &hints, &list);
	if (code != 0)
		return resolve_failure(code, b);
	for (struct addrinfo *i = list; i; i = i->ai_next) {
		address_numeric(i->ai_addr, i->ai_addrlen, b);
		buf_putc(b, '\n');
	}
	freeaddrinfo(list);
	return 0;
}

/* Keeps no descriptor but standard ones and its pipe: a stuck child must not hold the mailer's socket open.
 */
static void __attribute__((noreturn)) resolver_main(const struct connect_options *o, int out)
{
	struct buf text = BUF(ANSWER_MAX / 2), b = BUF(ANSWER_MAX);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, 3) < 0 || close_range(4, ~0U, 0) < 0)
		_exit(1);
	int r = (o->resolve ? o->resolve : resolve_name)(o->host, &text);
	buf_printf(&b, "%d\n%s", -r, buf_text(&text));
	for (size_t done = 0; done < b.len;) {
		ssize_t n = write(3, b.data + done, b.len - done);

		if (n < 0)
			_exit(1);
		done += (size_t)n;
	}
	_exit(0);
}

static int resolver_start(struct race *race)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		resolver_main(race->options, ends[1]);
	int r = pid < 0 ? -errno : 0;
	close_fd(ends[1]);
	if (r < 0) {
		close_fd(ends[0]);
		return r;
	}
	race->resolver = pid;
	race->resolver_fd = ends[0];
	return 0;
}

/* A child that waits for a dead disk survives SIGKILL: it is waited for no longer than 100 ms. */
static void resolver_end(struct race *race)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };

	race->resolver_fd = close_fd(race->resolver_fd);
	if (race->resolver == 0)
		return;
	kill(race->resolver, SIGKILL);
	for (int i = 0; i < 50 && waitpid(race->resolver, NULL, WNOHANG) == 0; i++)
		nanosleep(&pause, NULL);
	race->resolver = 0;
}

/* The attempts. */

static bool race_knows(const struct race *race, const struct address *a)
{
	for (size_t i = 0; i < race->n; i++) {
		const struct address *known = &race->attempts[i].address;

		if (known->len == a->len && memcmp(&known->socket, &a->socket, a->len) == 0)
			return true;
	}
	return false;
}

static void race_add(struct race *race, const struct address *a)
{
	if (race->n < CONNECT_ADDRESSES_MAX && !race_knows(race, a))
		race->attempts[race->n++] = (struct attempt){ .address = *a, .fd = -1 };
}

/* "First Address Family Count" 1: the families in turn, each in the order of the resolver (RFC 8305 section
 * 4). */
static void race_add_in_turn(struct race *race, const struct address *list, size_t n)
{
	bool used[CONNECT_ADDRESSES_MAX] = { false };
	int family = n ? list[0].socket.ss_family : 0;

	for (size_t done = 0; done < n; done++) {
		size_t choice = n;

		for (size_t i = 0; i < n && choice == n; i++)
			if (!used[i] && list[i].socket.ss_family == family)
				choice = i;
		for (size_t i = 0; i < n && choice == n; i++) /* the other family alone is left */
			if (!used[i])
				choice = i;
		used[choice] = true;
		race_add(race, &list[choice]);
		family = list[choice].socket.ss_family == AF_INET ? AF_INET6 : AF_INET;
	}
}

/* What the child said in all begins with its errno; what is left is addresses or a sentence. */
static void race_take_error(struct race *race)
{
	int64_t error;

	char *text = race->answer.data, *end = text ? strchr(text, '\n') : NULL;
	if (end)
		*end = '\0';
	if (!end || parse_int(text, &error) < 0 || error < 0 || error > INT_MAX) {
		race->resolver_error = -EAGAIN;
		buf_clear(&race->answer);
		buf_puts(&race->answer, _("the resolver's process died without an answer"));
		return;
	}
	buf_drop(&race->answer, (size_t)(end - text) + 1);
	race->resolver_error = -(int)error;
}

static void race_take_answer(struct race *race)
{
	struct address list[CONNECT_ADDRESSES_MAX];
	size_t n = 0;

	race_take_error(race);
	if (race->resolver_error)
		return;

	char *rest = NULL;
	for (char *line = strtok_r(race->answer.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (n < ELEMENTS(list) && parse_literal(line, race->options->port, &list[n]))
			n++;
	race_add_in_turn(race, list, n);
	if (n == 0) {
		race->resolver_error = -ENXIO;
		buf_clear(&race->answer);
		buf_puts(&race->answer, _("the name has no address"));
	}
}

static void race_read_resolver(struct race *race)
{
	char bytes[1024];
	ssize_t n = read(race->resolver_fd, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0) {
		buf_append(&race->answer, bytes, (size_t)n);
		if (buf_error(&race->answer) == 0)
			return;
	}
	race->resolver_fd = close_fd(race->resolver_fd);
	race_take_answer(race);
	/* Without an answer the remembered address is the last hope; with one it is not needed. */
	race->remembered_usec = race->resolver_error && race->remembered_usec != USEC_NEVER ? 0 : USEC_NEVER;
}

static int attempt_bind(const struct race *race, int fd)
{
	const int yes = 1;

	if (race->source.len == 0)
		return 0;
	/* the port is chosen at connect(), when the whole tuple is known */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	return bind(fd, address_socket(&race->source), race->source.len) < 0 ? -errno : 0;
}

static void attempt_begin(const struct race *race, struct attempt *a)
{
	const int yes = 1;
	int family = a->address.socket.ss_family;

	if (race->source.len && race->source.socket.ss_family != family) {
		a->error = EAFNOSUPPORT;
		return;
	}
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		a->error = errno;
		return;
	}
	a->error = -attempt_bind(race, fd);
	if (a->error)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (connect(fd, address_socket(&a->address), a->address.len) < 0 && errno != EINPROGRESS)
		a->error = errno;
	else
		a->fd = TAKE_FD(fd);
}

static bool race_is_running(const struct race *race)
{
	for (size_t i = 0; i < race->next; i++)
		if (race->attempts[i].fd >= 0)
			return true;
	return false;
}

/* Begins what is due: after 250 ms, or as soon as nothing else runs. */
static void race_begin_due(struct race *race, int64_t now_usec)
{
	struct address remembered;

	if (race->remembered_usec <= now_usec) {
		race->remembered_usec = USEC_NEVER;
		if (parse_literal(race->options->remembered, race->options->port, &remembered))
			race_add(race, &remembered);
	}
	while (race->next < race->n && (race->next_usec <= now_usec || !race_is_running(race))) {
		attempt_begin(race, &race->attempts[race->next++]);
		race->next_usec = usec_add(now_usec, CONNECT_NEXT_USEC);
	}
}

/* Looks at an attempt whose socket is ready: true when it is connected. */
static bool attempt_finish(struct attempt *a)
{
	socklen_t len = sizeof(a->error);

	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &a->error, &len) < 0)
		a->error = errno;
	if (a->error == 0)
		return true;
	a->fd = close_fd(a->fd);
	return false;
}

static int64_t race_next_event(const struct race *race)
{
	int64_t next = race->options->deadline_usec;

	if (race->next < race->n && race->next_usec < next)
		next = race->next_usec;
	return race->remembered_usec < next ? race->remembered_usec : next;
}

/* One wait. Returns the connected socket, or -1. */
static int race_wait(struct race *race, int64_t now_usec)
{
	struct pollfd fds[CONNECT_ADDRESSES_MAX + 1];
	int64_t wait = race_next_event(race) - now_usec;

	for (size_t i = 0; i < race->next; i++)
		fds[i] = (struct pollfd){ .fd = race->attempts[i].fd, .events = POLLOUT };
	fds[race->next] = (struct pollfd){ .fd = race->resolver_fd, .events = POLLIN };
	size_t n = race->next;

	const struct timespec timeout = { .tv_sec = wait / USEC_PER_SEC,
		.tv_nsec = wait % USEC_PER_SEC * 1000 };
	if (ppoll(fds, n + 1, &timeout, NULL) <= 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && fds[i].revents && attempt_finish(&race->attempts[i]))
			return TAKE_FD(race->attempts[i].fd);
	if (fds[n].revents)
		race_read_resolver(race);
	return -1;
}

/* Returns the descriptor, or -ETIMEDOUT, or -ENXIO when nothing is left to try. */
static int race_run(struct race *race)
{
	for (;;) {
		int64_t now = clock_boottime_usec();

		if (now >= race->options->deadline_usec)
			return -ETIMEDOUT;
		race_begin_due(race, now);
		if (race->resolver_fd < 0 && race->remembered_usec == USEC_NEVER && race->next == race->n &&
			!race_is_running(race))
			return -ENXIO;
		int fd = race_wait(race, clock_boottime_usec());
		if (fd >= 0)
			return fd;
	}
}

/* The words. */

/* Sentences rather than a table of them, so that the compiler holds each against its argument. */
static void explain_error(int error, const char *address, struct buf *b)
{
	switch (error) {
	case ECONNREFUSED:
		buf_printf(b, _("connection refused by %s"), address);
		break;
	case ETIMEDOUT:
		buf_printf(b, _("no answer from %s"), address);
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
		buf_printf(b, _("no route to %s"), address);
		break;
	case ECONNRESET:
		buf_printf(b, _("connection reset by %s"), address);
		break;
	case EPERM:
		buf_printf(b, _("connecting to %s is forbidden on this host (firewall)"), address);
		break;
	case EACCES:
		buf_printf(b, _("connecting to %s is forbidden on this host (firewall or sandbox)"), address);
		break;
	case EADDRNOTAVAIL:
		buf_printf(b, _("no own address to reach %s from"), address);
		break;
	case EAFNOSUPPORT:
		buf_printf(b, _("%s is of another family than source_address, or one that this host does not have"), address);
		break;
	default:
		buf_printf(b, "%s: %s", address, strerror(error));
	}
}

static void attempt_note_refused(const struct attempt *a, struct buf *refused)
{
	if (!refused || a->error != ECONNREFUSED)
		return;
	connect_format(address_socket(&a->address), a->address.len, refused);
	buf_putc(refused, '\n');
}

static void attempt_explain(const struct attempt *a, int64_t waited_usec, struct buf *b)
{
	_cleanup_buf_ struct buf address = BUF(NI_MAXHOST + 16), waited = BUF(100);

	connect_format(address_socket(&a->address), a->address.len, &address);
	if (a->error) {
		explain_error(a->error, buf_text(&address), b);
		return;
	}
	format_duration(&waited, waited_usec);
	buf_printf(b, _("no answer from %s within %s"), buf_text(&address), buf_text(&waited));
}

/* Why nothing was connected; returns the -errno of the whole. */
static int race_explain(const struct race *race, int result, struct buf *b)
{
	int64_t waited = clock_boottime_usec() - race->begun_usec;
	int last = race->resolver_error ? race->resolver_error : result;
	_cleanup_buf_ struct buf duration = BUF(100);
	size_t told = 0;

	format_duration(&duration, waited);
	if (!race->is_literal)
		buf_printf(b, "%s: ", race->options->host);
	if (race->resolver_error) {
		buf_puts(b, buf_text(&race->answer));
		told++;
	} else if (race->resolver_fd >= 0) {
		buf_printf(b, _("the resolver did not answer within %s"), buf_text(&duration));
		told++;
	}
	for (size_t i = 0; i < race->next; i++) {
		const struct attempt *a = &race->attempts[i];

		attempt_note_refused(a, race->options->refused);
		if (told < FAILURES_SHOWN) {
			buf_puts(b, told ? "; " : "");
			attempt_explain(a, waited, b);
		}
		told++;
		last = a->error ? -a->error : -ETIMEDOUT;
	}
	if (told > FAILURES_SHOWN)
		buf_printf(b, _("; and %zu more"), told - FAILURES_SHOWN);
	if (told == 0)
		buf_puts(b, _("no time was left to connect"));
	return last;
}

static int fail(struct buf *b, int error, char **ret_error)
{
	char *text = text_cleaned(buf_text(b), 600);

	if (!text)
		return -ENOMEM;
	*ret_error = text;
	return error;
}

static int race_set_up(struct race *race, struct buf *why)
{
	const struct connect_options *o = race->options;
	struct address a;

	if (o->source_address && !parse_literal(o->source_address, 0, &race->source)) {
		buf_printf(why, _("source_address '%s' is no IP address"), o->source_address);
		return -EINVAL;
	}
	race->is_literal = parse_literal(o->host, o->port, &a);
	if (race->is_literal) {
		race_add(race, &a);
		return 0;
	}
	if (o->remembered)
		race->remembered_usec = usec_add(race->begun_usec, CONNECT_REMEMBERED_USEC);
	int r = resolver_start(race);
	if (r < 0)
		buf_printf(why, _("%s: cannot start a process to resolve the name: %s"), o->host, strerror(-r));
	return r;
}

static void race_end(struct race *race)
{
	for (size_t i = 0; i < race->n; i++)
		close_fd(race->attempts[i].fd);
	resolver_end(race);
	buf_free(&race->answer);
}

/* Waits for the whole answer of the resolver alone. */
static int race_await_resolver(struct race *race)
{
	char bytes[1024];

	for (;;) {
		struct pollfd fd = { .fd = race->resolver_fd, .events = POLLIN };
		int64_t left = race->options->deadline_usec - clock_boottime_usec();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&fd, 1, (int)(left / USEC_PER_MSEC) + 1) <= 0)
			continue;
		ssize_t n = read(race->resolver_fd, bytes, sizeof(bytes));
		if (n == 0 || (n < 0 && errno != EINTR))
			return 0;
		buf_append(&race->answer, bytes, n > 0 ? (size_t)n : 0);
	}
}

int connect_resolve(const struct connect_options *o, struct buf *ret)
{
	_cleanup_(race_end) struct race race = { .options = o, .resolver_fd = -1, .answer = BUF(ANSWER_MAX) };

	int r = resolver_start(&race);
	if (r < 0) {
		buf_printf(ret, _("cannot start a process to resolve the name: %s"), strerror(-r));
		return -ECHILD;
	}
	r = race_await_resolver(&race);
	if (r < 0) {
		buf_puts(ret, _("the resolver did not answer in time"));
		return r;
	}
	race_take_error(&race);
	buf_puts(ret, buf_text(&race.answer));
	return race.resolver_error;
}

/* A source address that is not ours fails each attempt alike: one sentence says it. */
static bool source_is_foreign(const struct race *race)
{
	return race->source.len && race->next > 0 && race->attempts[0].error == EADDRNOTAVAIL;
}

int connect_host(const struct connect_options *o, int *ret_fd, char **ret_error)
{
	_cleanup_(race_end) struct race race = {
		.options = o, .resolver_fd = -1, .answer = BUF(ANSWER_MAX), .remembered_usec = USEC_NEVER,
		.begun_usec = clock_boottime_usec(),
	};
	_cleanup_buf_ struct buf why = BUF(2048);

	int r = race_set_up(&race, &why);
	if (r < 0)
		return fail(&why, r, ret_error);
	r = race_run(&race);
	if (r >= 0) {
		*ret_fd = r;
		return 0;
	}
	if (source_is_foreign(&race)) {
		buf_printf(&why, _("source_address %s does not belong to this host"), o->source_address);
		return fail(&why, -EADDRNOTAVAIL, ret_error);
	}
	return fail(&why, race_explain(&race, r, &why), ret_error);
}

bool connect_failed_here(int error)
{
	static const int own[] = { EAGAIN, EINVAL, ENOMEM, ENOBUFS, EMFILE, ENFILE, EPERM, EACCES,
		EADDRNOTAVAIL, EAFNOSUPPORT };

	for (size_t i = 0; i < ELEMENTS(own); i++)
		if (error == -own[i])
			return true;
	return false;
}
