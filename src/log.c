/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"

#include "buf.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LINE_MAX_BYTES 4096
#define ENTRY_MAX_BYTES (64 * 1024) /* well below what a datagram holds (net.core.wmem_default) */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const char *log_name = "tocsin";
static bool log_to_journal;
static int journal_fd = -1;
static int log_level = LOG_INFO;

/* $JOURNAL_STREAM names device and inode of the stream that systemd connected (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	unsigned long long device, inode;
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *name)
{
	log_name = name;
	log_to_journal = stderr_is_journal();
}

void log_set_level(int priority)
{
	log_level = priority;
}

static void log_line(int priority, const char *text)
{
	_cleanup_buf_ struct buf line = BUF(LINE_MAX_BYTES);

	if (log_to_journal)
		buf_printf(&line, "<%d>", priority);
	else
		buf_printf(&line, "%s: ", log_name);
	text_clean(&line, text, LINE_MAX_BYTES / 4);
	buf_putc(&line, '\n');
	/* A journal that hangs with its disk reads no more, and writing would hang with it: then the line is lost. */
	if (poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, 0) == 0)
		return;
	/* One write, so that lines of several processes do not mix; nothing can be done about its failure. */
	if (write(STDERR_FILENO, buf_text(&line), line.len) < 0)
		return;
}

/* ---- entries with fields ---- */

/* A value is cleaned to one line, so that none can bring fields of its own. */
static void add_field(struct buf *b, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_printf(b, "%s=", name);
	text_clean(b, value, LINE_MAX_BYTES / 4);
	buf_putc(b, '\n');
}

/* Not sd_journal_send(): that waits while the socket is full, which it is as soon as journald hangs with its disk. And not
 * connected: the socket may be another one tomorrow. Its folder is no disk. */
static bool send_to_journal(const struct buf *b)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("TOCSIN_JOURNAL_SOCKET");

	if (!path)
		path = JOURNAL_SOCKET;
	if (strlen(path) >= sizeof(address.sun_path) || buf_error(b))
		return false;
	strcpy(address.sun_path, path);
	if (journal_fd < 0)
		journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return journal_fd >= 0 && sendto(journal_fd, b->data, b->len, MSG_NOSIGNAL | MSG_DONTWAIT,
					  (const struct sockaddr *)&address, sizeof(address)) == (ssize_t)b->len;
}

static bool log_fields(int priority, const char *text, const char *message_id, const struct log_field *fields, size_t n)
{
	_cleanup_buf_ struct buf b = BUF(ENTRY_MAX_BYTES);

	add_field(&b, "MESSAGE", text);
	buf_printf(&b, "PRIORITY=%d\n", priority);
	add_field(&b, "SYSLOG_IDENTIFIER", log_name);
	add_field(&b, "MESSAGE_ID", message_id);
	for (size_t i = 0; i < n; i++)
		add_field(&b, fields[i].name, fields[i].value);
	return send_to_journal(&b);
}

void log_entry(int priority, const char *message_id, const struct log_field *fields, size_t n, const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(LINE_MAX_BYTES);
	int saved = errno;
	va_list arguments;

	if (priority > log_level)
		return;
	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	const char *words = buf_error(&text) ? format : buf_text(&text);
	if (!log_to_journal || !log_fields(priority, words, message_id, fields, n))
		log_line(priority, words);
	errno = saved;
}

/* ---- lines ---- */

static void log_with(int priority, int error, const char *format, va_list arguments) _printf_(3, 0);
static void log_with(int priority, int error, const char *format, va_list arguments)
{
	_cleanup_buf_ struct buf text = BUF(LINE_MAX_BYTES);
	int saved = errno;

	if (priority > log_level)
		return;
	buf_vprintf(&text, format, arguments);
	if (error)
		buf_printf(&text, ": %s", strerror(-error));
	log_line(priority, buf_error(&text) ? format : buf_text(&text));
	errno = saved;
}

void log_message(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_with(priority, 0, format, arguments);
	va_end(arguments);
}

int log_error_errno(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_with(LOG_ERR, error, format, arguments);
	va_end(arguments);
	return error;
}
