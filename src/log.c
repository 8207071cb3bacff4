/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"

#include "buf.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_MAX_BYTES 4096

static const char *log_name = "tocsin";
static bool log_to_journal;
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
