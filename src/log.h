/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the programs tell an administrator while they run: one line to standard error, with the priority that
 * the journal understands (sd-daemon(3), "<N>") when standard error is a journal stream, and the program's name
 * otherwise. Text from outside is cleaned here, once (text_clean()). */
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
