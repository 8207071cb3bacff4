/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listeners on loopback; names come from resolvers of our own, in the child where the real one runs. */
#include "clock.h"
#include "connect.h"
#include "test.h"
#include "tests/support/both-languages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define SOON (20 * USEC_PER_SEC) /* generous: never reached by what works */

/* A listener on ADDRESS with PORT (0: any); -1 when the host has no such address. */
static int listen_on(const char *address, uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_storage a;
	socklen_t len;

	assert_true(connect_is_literal(address, &a, &len));
	if (a.ss_family == AF_INET)
		((struct sockaddr_in *)&a)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&a)->sin6_port = htons(port);
	int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 1) < 0)
		return close_fd(fd);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(((struct sockaddr_in *)&a)->sin_port); /* at the same place in both families */
	return fd;
}

static void accepts_literals(void **state)
{
	static const struct {
		const char *text;
		bool is_literal;
	} rows[] = {
		{ "192.0.2.1", true }, { "2001:db8::1", true }, { "[2001:db8::1]", true }, { "::", true },
		{ "[192.0.2.1]", false }, { "1", false }, { "127.1", false }, { "", false }, { "[]", false },
		{ "example.org", false }, { "192.0.2.256", false }, { "2001:db8::1::", false },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(connect_is_literal(rows[i].text, NULL, NULL), rows[i].is_literal);
}

static void knows_loopback(void **state)
{
	static const struct {
		const char *text;
		bool is_loopback;
	} rows[] = {
		{ "127.0.0.1", true }, { "127.9.9.9", true }, { "::1", true }, { "::ffff:127.0.0.1", true },
		{ "128.0.0.1", false }, { "::2", false }, { "0.0.0.0", false }, { "::ffff:10.0.0.1", false },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct sockaddr_storage a;
		socklen_t len;

		assert_true(connect_is_literal(rows[i].text, &a, &len));
		assert_int_equal(connect_is_loopback((struct sockaddr *)&a), rows[i].is_loopback);
	}
}

static int connect_simply(struct connect_options o, int *ret_fd, char **ret_error)
{
	o.deadline_usec = clock_boottime_usec() + SOON;
	return connect_host(&o, ret_fd, ret_error);
}

static void connects_to_a_literal(void **state)
{
	_cleanup_buf_ struct buf peer = BUF(100);
	_cleanup_free_ char *error = NULL;
	_cleanup_close_ int fd = -1;
	uint16_t port;
	_cleanup_close_ int listener = listen_on("127.0.0.1", 0, &port);

	assert_true(listener >= 0);
	assert_int_equal(
		connect_simply((struct connect_options){ .host = "127.0.0.1", .port = port }, &fd, &error),
		0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	connect_peer_address(fd, &peer);
	assert_string_equal(buf_text(&peer), "127.0.0.1");
	assert_null(error);
}

static void connects_to_v6_in_brackets(void **state)
{
	_cleanup_buf_ struct buf own = BUF(100);
	_cleanup_free_ char *error = NULL;
	_cleanup_close_ int fd = -1;
	uint16_t port;
	_cleanup_close_ int listener = listen_on("::1", 0, &port);

	if (listener < 0)
		skip();
	assert_int_equal(
		connect_simply((struct connect_options){ .host = "[::1]", .port = port }, &fd, &error), 0);
	connect_own_address(fd, &own);
	assert_string_equal(buf_text(&own), "::1");
}

/* A port that was ours a moment ago and that nobody listens on. */
static uint16_t closed_port(void)
{
	uint16_t port;

	close_fd(listen_on("127.0.0.1", 0, &port));
	return port;
}

static void says_who_refused(void **state)
{
	_cleanup_free_ char *error = NULL;
	char expected[100];
	uint16_t port = closed_port();
	int fd = -2;

	assert_int_equal(
		connect_simply((struct connect_options){ .host = "127.0.0.1", .port = port }, &fd, &error),
		-ECONNREFUSED);
	snprintf(expected, sizeof(expected), "connection refused by 127.0.0.1:%u", port);
	assert_sentence(error, expected);
	assert_int_equal(fd, -2);
}

static int resolve_two(const char *host, struct buf *b)
{
	buf_puts(b, "127.0.0.1\n127.0.0.2\n::1\n");
	return 0;
}

/* Only the address in the middle of the list answers; and all failures are told when none does. */
static void tries_all_addresses(void **state)
{
	_cleanup_buf_ struct buf peer = BUF(100);
	_cleanup_free_ char *error = NULL;
	_cleanup_close_ int fd = -1;
	uint16_t port;
	int listener = listen_on("127.0.0.2", 0, &port);
	struct connect_options o = { .host = "mail.test", .port = port, .resolve = resolve_two };

	assert_int_equal(connect_simply(o, &fd, &error), 0);
	connect_peer_address(fd, &peer);
	assert_string_equal(buf_text(&peer), "127.0.0.2");

	close_fd(listener);
	fd = close_fd(fd);
	assert_true(connect_simply(o, &fd, &error) < 0);
	assert_int_equal(fd, -1);
	assert_says(error, "mail.test: connection refused by 127.0.0.1:");
	assert_says(error, "127.0.0.2:");
	assert_says(error, "[::1]:");
	/* the families in turn: ::1 stands last in the resolver's list and second in ours */
	assert_true(strstr(error, "[::1]:") < strstr(error, "127.0.0.2:"));
}

/* Fills the queue of a listener that nobody accepts from, so that a further connection gets no answer. */
static void fill(const char *address, uint16_t port, int *fds, size_t n)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, address, &a.sin_addr);
	for (size_t i = 0; i < n; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&a, sizeof(a));
	}
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	nanosleep(&pause, NULL);
}

static int resolve_silent_first(const char *host, struct buf *b)
{
	buf_puts(b, "127.0.0.3\n127.0.0.4\n");
	return 0;
}

/* The first address swallows everything in silence: the second is connected after 250 ms, not after a
 * time-out. */
static void passes_a_silent_address(void **state)
{
	_cleanup_buf_ struct buf peer = BUF(100);
	_cleanup_free_ char *error = NULL;
	_cleanup_close_ int fd = -1;
	uint16_t port, same;
	int fillers[8];
	_cleanup_close_ int silent = listen_on("127.0.0.3", 0, &port);
	_cleanup_close_ int good = listen_on("127.0.0.4", port, &same);
	struct connect_options o = { .host = "mail.test", .port = port, .resolve = resolve_silent_first };

	assert_true(silent >= 0 && good >= 0);
	fill("127.0.0.3", port, fillers, ELEMENTS(fillers));
	int64_t begun = clock_boottime_usec();
	assert_int_equal(connect_simply(o, &fd, &error), 0);
	int64_t took = clock_boottime_usec() - begun;
	connect_peer_address(fd, &peer);
	assert_string_equal(buf_text(&peer), "127.0.0.4");
	assert_true(took >= CONNECT_NEXT_USEC);
	assert_true(took < 10 * USEC_PER_SEC);

	/* and alone it is a time-out that names the address */
	o.host = "127.0.0.3";
	o.deadline_usec = clock_boottime_usec() + 300 * USEC_PER_MSEC;
	assert_int_equal(connect_host(&o, &fd, &error), -ETIMEDOUT);
	assert_says(error, "no answer from 127.0.0.3:");
	for (size_t i = 0; i < ELEMENTS(fillers); i++)
		close_fd(fillers[i]);
}

static int resolve_nothing(const char *host, struct buf *b)
{
	buf_puts(b, "name not found (the resolver says: no)");
	return -ENXIO;
}

static int resolve_never(const char *host, struct buf *b)
{
	sleep(60);
	return -EAGAIN;
}

static int resolve_crash(const char *host, struct buf *b)
{
	_exit(3);
}

static int resolve_rubbish(const char *host, struct buf *b)
{
	buf_puts(b, "not an address\n\n999.1.1.1\n");
	return 0;
}

static void says_what_the_resolver_said(void **state)
{
	static const struct {
		int (*resolve)(const char *, struct buf *);
		int error;
		const char *text;
	} rows[] = {
		{ resolve_nothing, -ENXIO, "mail.test: name not found (the resolver says: no)" },
		{ resolve_crash, -EAGAIN, "mail.test: the resolver's process died without an answer" },
		{ resolve_rubbish, -ENXIO, "mail.test: the name has no address" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *error = NULL;
		int fd = -1;

		if (in_chinese && rows[i].resolve == resolve_nothing)
			continue; /* its words are those of this test */
		assert_int_equal(connect_simply((struct connect_options){ .host = "mail.test", .port = 1,
						.resolve = rows[i].resolve }, &fd, &error), rows[i].error);
		assert_sentence(error, rows[i].text);
	}
}

/* A resolver that hangs is left behind at the deadline, and no child stays. */
static void leaves_a_hung_resolver(void **state)
{
	_cleanup_free_ char *error = NULL;
	int fd = -1;
	struct connect_options o = { .host = "mail.test", .port = 1, .resolve = resolve_never,
		.deadline_usec = clock_boottime_usec() + 200 * USEC_PER_MSEC };

	int64_t begun = clock_boottime_usec();
	assert_int_equal(connect_host(&o, &fd, &error), -ETIMEDOUT);
	assert_true(clock_boottime_usec() - begun < 10 * USEC_PER_SEC);
	assert_says(error, "mail.test: the resolver did not answer within ");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* While it hangs, the remembered address is connected after a second; at once when the resolver has failed.
 */
static void uses_the_remembered_address(void **state)
{
	static const struct {
		int (*resolve)(const char *, struct buf *);
		int64_t at_least;
	} rows[] = { { resolve_never, CONNECT_REMEMBERED_USEC }, { resolve_nothing, 0 } };
	uint16_t port;
	_cleanup_close_ int listener = listen_on("127.0.0.1", 0, &port);

	assert_true(listener >= 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_free_ char *error = NULL;
		_cleanup_close_ int fd = -1;
		int64_t begun = clock_boottime_usec();

		assert_int_equal(connect_simply((struct connect_options){ .host = "mail.test",
							.port = port,
							.resolve = rows[i].resolve,
							.remembered = "127.0.0.1" },
					 &fd, &error),
			0);
		assert_true(clock_boottime_usec() - begun >= rows[i].at_least);
		assert_true(clock_boottime_usec() - begun < 10 * USEC_PER_SEC);
	}
}

/* getaddrinfo() itself, on the one name that needs no server. */
static void resolves_localhost(void **state)
{
	_cleanup_free_ char *error = NULL;
	_cleanup_close_ int fd = -1;
	uint16_t port;
	_cleanup_close_ int listener = listen_on("127.0.0.1", 0, &port);

	assert_true(listener >= 0);
	assert_int_equal(
		connect_simply((struct connect_options){ .host = "localhost", .port = port }, &fd, &error),
		0);
	assert_true(fd >= 0);
}

static void uses_the_source_address(void **state)
{
	_cleanup_buf_ struct buf own = BUF(100);
	_cleanup_free_ char *error = NULL, *foreign = NULL, *bad = NULL;
	_cleanup_close_ int fd = -1;
	uint16_t port;
	_cleanup_close_ int listener = listen_on("127.0.0.1", 0, &port);
	struct connect_options o = { .host = "127.0.0.1", .port = port, .source_address = "127.0.0.9" };

	assert_true(listener >= 0);
	assert_int_equal(connect_simply(o, &fd, &error), 0);
	connect_own_address(fd, &own);
	assert_string_equal(buf_text(&own), "127.0.0.9");

	o.source_address = "192.0.2.77";
	assert_int_equal(connect_simply(o, &fd, &foreign), -EADDRNOTAVAIL);
	assert_sentence(foreign, "source_address 192.0.2.77 does not belong to this host");
	o.source_address = "eth0";
	assert_int_equal(connect_simply(o, &fd, &bad), -EINVAL);
	assert_sentence(bad, "source_address 'eth0' is no IP address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_literals),
		cmocka_unit_test(knows_loopback),
		cmocka_unit_test(connects_to_a_literal),
		cmocka_unit_test(connects_to_v6_in_brackets),
		cmocka_unit_test(says_who_refused),
		cmocka_unit_test(tries_all_addresses),
		cmocka_unit_test(passes_a_silent_address),
		cmocka_unit_test(says_what_the_resolver_said),
		cmocka_unit_test(leaves_a_hung_resolver),
		cmocka_unit_test(uses_the_remembered_address),
		cmocka_unit_test(resolves_localhost),
		cmocka_unit_test(uses_the_source_address),
	};

	return run_in_both_languages(tests, NULL, NULL);
}
