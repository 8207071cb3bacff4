/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What standard output is; see terminal.h. */
#include "terminal.h"

#include "text.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_USUAL 80
#define ROWS_USUAL 24

/* The first of those that are set says it (locale(7)). */
static bool is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

static size_t size_of(unsigned short told, const char *variable, size_t usual)
{
	const char *text = getenv(variable);
	int64_t value;

	if (told > 0)
		return told;
	return text && parse_int(text, &value) == 0 && value > 0 && value <= 10000 ? (size_t)value : usual;
}

static struct winsize ask_size(int fd)
{
	struct winsize size = { 0 };

	return ioctl(fd, TIOCGWINSZ, &size) < 0 ? (struct winsize){ 0 } : size;
}

size_t terminal_columns(int fd)
{
	return isatty(fd) ? size_of(ask_size(fd).ws_col, "COLUMNS", COLUMNS_USUAL) : 0;
}

void terminal_print_lines(FILE *file, const char *text, size_t indent)
{
	size_t columns = terminal_columns(fileno(file));
	size_t room = columns > indent + 20 ? columns - indent : columns ? 20 : SIZE_MAX;

	do {
		const char *next;
		size_t n = text_line(text, room, &next);

		fprintf(file, "%.*s\n%*s", (int)n, text, *next ? (int)indent : 0, "");
		text = next;
	} while (*text);
}

struct terminal terminal_look(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return (struct terminal){ 0 };
	size = ask_size(STDOUT_FILENO);
	return (struct terminal){
		.columns = terminal_columns(STDOUT_FILENO), .rows = size_of(size.ws_row, "LINES", ROWS_USUAL),
		.has_colour = !(no && *no) && term && strcmp(term, "dumb") != 0,
		.has_blocks = is_utf8() && term && strcmp(term, "linux") != 0,
	};
}
