/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tcp: does a server take connections, how fast, and does it say what is expected. It knows no protocol and
 * no TLS: a text is sent as it is written, and the answer is compared from its beginning. */
#include "buf.h"
#include "clock.h"
#include "connect.h"
#include "listener.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_MAX 4096
#define TEXT_MAX 1024

struct config {
	const char *host, *send, *expect;
	int64_t port, answer_timeout, time_warning, time_critical;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(host, TOCSIN_STRING), .fallback = "localhost",
		.help = N_("The server, a name or an address") },
	{ MEMBER(port, TOCSIN_INT), .min = 0, .max = 65535, .help = N_("Its port") },
	{ MEMBER(send, TOCSIN_STRING), .help = N_("What is sent when the connection is there; \\r, \\n, \\t, "
						  "\\\\ and \\xHH are read as in C") },
	{ MEMBER(expect, TOCSIN_STRING), .help = N_("What the server's answer must begin with, written as in "
						    "send; otherwise it is critical") },
	{ MEMBER(answer_timeout, TOCSIN_DURATION), .fallback = "8s", .min = 10000, .max = 3600e6,
		.help = N_("How long name, connection and answer may take together; keep it below the "
			   "timeout of the check") },
	{ MEMBER(time_warning, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,
		.help = N_("It is a warning when that took longer than this; 0: not judged") },
	{ MEMBER(time_critical, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,
		.help = N_("It is critical when that took longer than this; 0: not judged") },
	{ .name = NULL },
};

/* --- Texts with escapes */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Appends what the backslash at *S stands for, and moves behind it. */
static int put_escape(const char **s, struct buf *b)
{
	static const char letters[] = "rnt\\", values[] = "\r\n\t\\";
	const char *found = (*s)[1] ? strchr(letters, (*s)[1]) : NULL;

	if (found) {
		buf_putc(b, values[found - letters]);
		*s += 2;
	} else if ((*s)[1] == 'x' && isxdigit((unsigned char)(*s)[2]) && isxdigit((unsigned char)(*s)[3])) {
		buf_putc(b, (char)(hex_digit((*s)[2]) << 4 | hex_digit((*s)[3])));
		*s += 4;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int unescape(const char *s, struct buf *b)
{
	while (s && *s)
		if (*s != '\\')
			buf_putc(b, *s++);
		else if (put_escape(&s, b) < 0)
			return -EINVAL;
	return buf_error(b);
}

static bool is_readable(const char *text)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);

	return unescape(text, &b) == 0;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->port == 0)
		return N_("port is needed, a number from 1 to 65535");
	if (!is_readable(c->send))
		return N_("send has more than 1024 bytes, or a backslash that is none of \\r, \\n, \\t, \\\\ "
			  "and \\xHH");
	if (!is_readable(c->expect))
		return N_("expect has more than 1024 bytes, or a backslash that is none of \\r, \\n, \\t, "
			  "\\\\ and \\xHH");
	if (c->time_warning > 0 && c->time_critical > 0 && c->time_warning > c->time_critical)
		return N_("time_critical must not be below time_warning");
	return NULL;
}

/* --- The conversation */

struct talk {
	int fd;
	int64_t deadline_usec;
	struct buf answer;
};

/* 0 when it is ready. */
static int await(const struct talk *t, short events)
{
	struct pollfd fd = { .fd = t->fd, .events = events };

	for (;;) {
		int64_t left = t->deadline_usec - clock_boottime_usec();

		if (left <= 0)
			return -ETIMEDOUT;
		int n = poll(&fd, 1, (int)(left / USEC_PER_MSEC) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int send_all(const struct talk *t, const struct buf *text)
{
	size_t done = 0;

	while (done < text->len) {
		int r = await(t, POLLOUT);
		if (r < 0)
			return r;
		ssize_t n = send(t->fd, text->data + done, text->len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static bool begins_alike(const struct buf *answer, const struct buf *expected)
{
	size_t len = answer->len < expected->len ? answer->len : expected->len;

	return len == 0 || memcmp(answer->data, expected->data, len) == 0;
}

/* Reads until it is clear whether the answer is the expected one. -ENODATA: it ended before. */
static int read_answer(struct talk *t, const struct buf *expected)
{
	char chunk[512];

	while (t->answer.len < expected->len && begins_alike(&t->answer, expected)) {
		int r = await(t, POLLIN);
		if (r < 0)
			return r;
		ssize_t n = recv(t->fd, chunk, sizeof(chunk), 0);
		if (n == 0)
			return -ENODATA;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		buf_append(&t->answer, chunk, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

/* --- What is said of it */

static double seconds_or_nan(int64_t usec)
{
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

static void report_time(struct tocsin_run *run, const struct config *c, int64_t usec)
{
	tocsin_metric(run, tocsin_name(run),
		&(struct tocsin_metric){ "time", (double)usec / (double)USEC_PER_SEC, "s",
			seconds_or_nan(c->time_warning), seconds_or_nan(c->time_critical), 0,
			seconds_or_nan(c->answer_timeout) });
}

static void show_answer(struct tocsin_run *run, const struct talk *t)
{
	_cleanup_buf_ struct buf b = BUF(ANSWER_MAX);

	for (size_t i = 0; i < t->answer.len; i++)
		buf_putc(&b, t->answer.data[i] ? t->answer.data[i] : '?'); /* a NUL would hide what follows */
	if (b.len)
		tocsin_evidence(run, tocsin_name(run), "What the server said", buf_text(&b));
}

static void report_bad_talk(
	struct tocsin_run *run, const struct config *c, const struct talk *t, const char *peer, int error)
{
	const char *item = tocsin_name(run);

	if (error == -ETIMEDOUT)
		tocsin_item(run, item, TOCSIN_CRITICAL, "%s takes connections but did not answer within %s",
			peer, short_duration(c->answer_timeout).text);
	else if (error == -ENODATA)
		tocsin_item(run, item, TOCSIN_CRITICAL,
			t->answer.len ? N_("%s closed the connection in the middle of its answer")
				      : N_("%s closed the connection without an answer"),
			peer);
	else
		tocsin_item(
			run, item, TOCSIN_CRITICAL, "%s broke the connection: %s", peer, strerror(-error));
}

static void report_good_talk(struct tocsin_run *run, const struct config *c, const char *peer, int64_t usec)
{
	enum tocsin_state state = TOCSIN_OK;
	int64_t limit = 0;

	if (c->time_critical > 0 && usec > c->time_critical) {
		state = TOCSIN_CRITICAL;
		limit = c->time_critical;
	} else if (c->time_warning > 0 && usec > c->time_warning) {
		state = TOCSIN_WARNING;
		limit = c->time_warning;
	}
	if (state == TOCSIN_OK)
		tocsin_item(run, tocsin_name(run), state,
			c->expect ? N_("%s answered as expected after %s")
				  : N_("%s took the connection after %s"),
			peer, short_duration(usec).text);
	else
		tocsin_item(run, tocsin_name(run), state,
			c->expect ? N_("%s answered only after %s (limit %s)")
				  : N_("%s took the connection only after %s (limit %s)"),
			peer, short_duration(usec).text, short_duration(limit).text);
}

static int talk(struct tocsin_run *run, const struct config *c, struct talk *t, int64_t began_usec)
{
	_cleanup_buf_ struct buf text = BUF(TEXT_MAX), expected = BUF(TEXT_MAX), peer = BUF(256);

	int r = unescape(c->send, &text);
	if (r == 0)
		r = unescape(c->expect, &expected);
	if (r < 0)
		return r; /* -ENOMEM; validate() has read them */
	connect_peer_address(t->fd, &peer);
	buf_printf(&peer, " port %d", (int)c->port);
	r = send_all(t, &text);
	if (r == 0)
		r = read_answer(t, &expected);
	int64_t usec = clock_boottime_usec() - began_usec;
	if (r < 0)
		report_bad_talk(run, c, t, buf_text(&peer), r);
	else if (begins_alike(&t->answer, &expected))
		report_good_talk(run, c, buf_text(&peer), usec);
	else
		tocsin_item(run, tocsin_name(run), TOCSIN_CRITICAL,
			"%s answered something else than expected: its answer does not begin with '%s'",
			buf_text(&peer), c->expect);
	report_time(run, c, usec);
	show_answer(run, t);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_buf_ struct buf refused = BUF(4096);
	_cleanup_free_ char *error = NULL;
	_cleanup_close_ int fd = -1;
	const struct config *c = config;
	int64_t began = clock_boottime_usec();
	const struct connect_options where = {
		.host = c->host,
		.port = (uint16_t)c->port,
		.deadline_usec = began + c->answer_timeout,
		.refused = &refused,
	};

	if (*tocsin_root(run)) {
		tocsin_reason(run, "a server cannot be asked about a recorded tree");
		return -EOPNOTSUPP;
	}
	int r = connect_host(&where, &fd, &error);
	if (r < 0 && connect_failed_here(r)) {
		tocsin_reason(run, "%s", error ? error : strerror(-r));
		return r;
	}
	if (r < 0) {
		tocsin_item(run, tocsin_name(run), TOCSIN_CRITICAL, "%s", error ? error : strerror(-r));
		listener_explain(run, tocsin_name(run), buf_text(&refused));
		return 0;
	}
	struct talk t = { .fd = fd, .deadline_usec = where.deadline_usec, .answer = BUF(ANSWER_MAX) };
	r = talk(run, c, &t, began);
	buf_free(&t.answer);
	return r;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "tcp",
	.summary = N_("A server that takes connections, its answer and the time it takes"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
