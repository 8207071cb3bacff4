/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the programs tell an administrator while they run: one line to standard error, with the priority that
 * the journal understands (sd-daemon(3), "<N>") when standard error is a journal stream, and the program's name
 * otherwise. Text from outside is cleaned here, once (text_clean()).
 *
 * What somebody may want to find again has fields beside its line (log_entry()), where there is a journal to take them.
 * Nothing here waits: what the journal does not take at once is lost. */
#pragma once

#include "cleanup.h"

#include <syslog.h>

/* NAME stands before lines that go to a terminal or file. Call once, first in main(). */
void log_open(const char *name);

/* The least important priority that is still written; LOG_INFO at the start. */
void log_set_level(int priority);

void log_message(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

/* Logs "…: strerror(-error)" and returns ERROR, for "return log_error_errno(r, …)". */
int log_error_errno(int error, const char *format, ...) _printf_(2, 3);

/* One field of an entry: an upper-case NAME, and a VALUE; NULL or "" leaves it out. A name may occur several times. */
struct log_field {
	const char *name, *value;
};

/* A line with FIELDS, and with MESSAGE_ID (message-id.h). When standard error is the journal it goes there by the native
 * protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/), else or when the journal does not take it, as the line alone. */
void log_entry(int priority, const char *message_id, const struct log_field *fields, size_t n, const char *format, ...)
	_printf_(5, 6);

/* For fields that are written out: log_entry(LOG_INFO, MESSAGE_…, LOG_FIELDS({ "CHECK", check }), "…", …) */
#define LOG_FIELDS(...) (const struct log_field[]){ __VA_ARGS__ }, ELEMENTS(((const struct log_field[]){ __VA_ARGS__ }))
