/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guard before inih; see ini-guard.h. The traps it keeps out were measured with inih 55 and 59. */
#include "ini-guard.h"

#include "buf.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define BLANKS " \t"
#define TEXT_MAX (INI_LINE_MAX + 1024)

/* inih calls its handler from within the reader's loop, before it asks for the next line. So what the reader saw
 * last is what the handler is called for, and the line number is exact. */
struct guard {
	const struct ini_handler *handler;
	const char *rest, *end;
	unsigned line;
	bool is_indented;
	bool in_section; /* a header was seen, good or bad */
	bool skip; /* the section is left out */
	bool told_utf8;
	int error; /* ends the reading */
	char text[INI_LINE_MAX + 1]; /* the line, cleaned */
	const char *value; /* in `text`: of the setting that inih reads now */
};

static _printf_(2, 3) void line_problem(struct guard *g, const char *format, ...)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	va_list arguments;

	if (g->error)
		return;
	va_start(arguments, format);
	buf_vprintf(&b, translate(format), arguments);
	va_end(arguments);
	g->error = buf_error(&b) ? buf_error(&b) : g->handler->problem(g->handler->user, g->line, buf_text(&b));
}

/* A piece of the file in a message. */
static char *shown(const char *text, size_t len)
{
	_cleanup_free_ char *piece = strndup(text, len);

	return piece ? text_cleaned(piece, 40) : NULL;
}

static bool has_control(const char *text, unsigned char *ret)
{
	for (; *text; text++) {
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f) {
			*ret = (unsigned char)*text;
			return true;
		}
	}
	return false;
}

/* Is the line text at all? A file in another encoding has many bad lines and one cause: told once. */
static bool line_is_text(struct guard *g, const char *line, size_t len)
{
	unsigned char control;

	if (memchr(line, '\0', len)) {
		line_problem(g, "there is a NUL byte: this is no text file, or it was not saved as UTF-8; the rest was not read");
		g->rest = g->end;
		return false;
	}
	if (len > INI_LINE_MAX) {
		line_problem(g, "the line has %zu bytes: expected at most %d", len, INI_LINE_MAX);
		return false;
	}
	if (!utf8_valid(line, len)) {
		if (!g->told_utf8)
			line_problem(g, "the line is not UTF-8 (perhaps GBK or Latin-1): save the file as UTF-8");
		g->told_utf8 = true;
		return false;
	}
	memcpy(g->text, line, len);
	g->text[len] = '\0';
	if (has_control(g->text, &control)) {
		line_problem(g, "there is the control character 0x%02x: expected text", control);
		return false;
	}
	return true;
}

/* Takes the next line off the rest: without its end, indentation and blanks behind it. */
static const char *next_line(struct guard *g, size_t *ret_len)
{
	const char *begin = g->rest, *newline = memchr(begin, '\n', (size_t)(g->end - begin));
	const char *start = begin, *stop = newline ? newline : g->end;

	g->rest = newline ? newline + 1 : g->end;
	g->line++;
	while (stop > start && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	while (start < stop && (*start == ' ' || *start == '\t'))
		start++;
	g->is_indented = start > begin;
	*ret_len = (size_t)(stop - start);
	return start;
}

/* inih cuts section names at 49 bytes, too short for [check NAME], and keeps its old section after a broken header.
 * So the name goes past it to the handler, and what belongs to no good section does not reach it. */
static void take_header(struct guard *g, char *text)
{
	char *close = strchr(text, ']');

	g->in_section = true;
	g->skip = true;
	if (!close) {
		line_problem(g, "the section header has no ]: expected a line like [mail] or [check NAME]");
		return;
	}
	if (close[1]) {
		line_problem(g, "there is text behind the ]: expected nothing there; a comment needs a line of its own");
		return;
	}
	*close = '\0';
	if (strchr(text + 1, '[')) {
		line_problem(g, "there is a second [ in the section header: expected a line like [mail] or [check NAME]");
		return;
	}
	int r = g->handler->section(g->handler->user, text + 1, g->line);
	if (r < 0)
		g->error = r;
	g->skip = r != 0;
}

static bool key_is_valid(struct guard *g, const char *key, size_t len)
{
	_cleanup_free_ char *name = shown(key, len);
	size_t good = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	if (!name)
		g->error = -ENOMEM;
	else if (len == 0)
		line_problem(g, "there is no key before the =: expected key = value");
	else if (good < len)
		line_problem(g, "'%s' is no key: expected letters, digits and _ before the =", name);
	else if (len > INI_KEY_MAX)
		line_problem(g, "the key '%s' has %zu bytes: expected at most %d", name, len, INI_KEY_MAX);
	else
		return true;
	return false;
}

/* Stock inih cuts a value there, in silence. */
static bool value_is_whole(struct guard *g, const char *value)
{
	for (const char *t = value; (t = strchr(t, ';')); t++) {
		if (t != g->text && (t[-1] == ' ' || t[-1] == '\t')) {
			line_problem(g, "there is a blank and a ; in the value: a comment needs a line of its own; if it belongs "
				"to the value, leave out the blank");
			return false;
		}
	}
	return true;
}

/* Checks a line `key = value` in g->text, and cuts it. */
static bool take_setting(struct guard *g)
{
	char *equals = strchr(g->text, '=');
	size_t len;

	if (!equals && g->is_indented)
		line_problem(g, "there is no =: expected key = value; a value cannot go on in a second line");
	else if (!equals)
		line_problem(g, "there is no =: expected key = value");
	if (!equals)
		return false;
	for (len = (size_t)(equals - g->text); len > 0 && strchr(BLANKS, g->text[len - 1]);)
		len--;
	if (!key_is_valid(g, g->text, len) || !value_is_whole(g, equals + 1))
		return false;
	if (!g->in_section) {
		line_problem(g, "there is no section yet: expected a line like [mail] before");
		return false;
	}
	g->text[len] = '\0';
	g->value = equals + 1 + strspn(equals + 1, BLANKS);
	return !g->skip;
}

/* Looks at one line; true: it is a setting for inih. */
static bool take_line(struct guard *g)
{
	size_t len;
	const char *line = next_line(g, &len);

	if (!line_is_text(g, line, len) || len == 0 || g->text[0] == ';' || g->text[0] == '#')
		return false;
	if (g->text[0] == '[') {
		take_header(g, g->text);
		return false;
	}
	return take_setting(g);
}

/* The fgets() of inih: a setting for each line that is one, an empty line for all others, so that inih counts as we
 * do. Of a value only what fits its buffer is handed over, and the handler takes the whole one from the guard: inih 55
 * would go on with the tail as if it were a new line, and whether it cuts or grows depends on how it was built. */
static char *read_line(char *line, int size, void *stream)
{
	struct guard *g = stream;

	if (g->error || g->rest >= g->end)
		return NULL;
	if (!take_line(g))
		g->value = NULL;
	/* Room for the newline behind it; a key of 48 bytes fits any buffer that inih can have. */
	if (!g->value)
		snprintf(line, (size_t)size, "\n");
	else if (snprintf(line, (size_t)size - 1, "%s=%s", g->text, g->value) >= 0)
		strcat(line, "\n");
	return line;
}

static int on_setting(void *user, const char *section, const char *key, const char *value)
{
	struct guard *g = user;

	if (!g->error && g->value) {
		int r = g->handler->setting(g->handler->user, key, g->value, g->line);

		if (r < 0)
			g->error = r;
	}
	return 1;
}

int ini_guard_text(const char *data, size_t len, const struct ini_handler *handler)
{
	static const char bom[] = "\xef\xbb\xbf";
	_cleanup_free_ struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	if (len >= 3 && memcmp(data, bom, 3) == 0) {
		data += 3;
		len -= 3;
	}
	g->handler = handler;
	g->rest = data;
	g->end = data + len;
	int r = ini_parse_stream(read_line, g, on_setting, g);
	if (r < 0 && !g->error)
		g->error = -ENOMEM;
	if (r > 0 && !g->error) {
		g->line = (unsigned)r;
		line_problem(g, "the INI library cannot read this line: expected key = value");
	}
	return g->error;
}

/* Reads all of FD, up to one byte past the maximum. */
static int read_all(int fd, char *data, size_t max, size_t *ret_len)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, data + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int file_problem(const struct ini_handler *h, const char *what, int error)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);

	buf_printf(&b, "%s%s%s", translate(what), error ? ": " : "", error ? strerror(error) : "");
	return h->problem(h->user, 0, buf_text(&b));
}

int ini_guard_path(const char *path, const struct ini_handler *handler)
{
	_cleanup_free_ char *data = malloc(INI_FILE_MAX + 1);
	struct stat st;
	size_t len = 0;

	if (!data)
		return -ENOMEM;
	/* O_NONBLOCK: a FIFO must not hold us up before we know that it is one. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return file_problem(handler, "the file cannot be opened", errno);
	if (fstat(fd, &st) < 0)
		return file_problem(handler, "the file cannot be examined", errno);
	if (S_ISDIR(st.st_mode))
		return file_problem(handler, "this is a directory: expected a file", 0);
	if (!S_ISREG(st.st_mode))
		return file_problem(handler, "this is no regular file: expected a text file", 0);
	int r = read_all(fd, data, INI_FILE_MAX + 1, &len);
	if (r < 0)
		return file_problem(handler, "the file cannot be read", -r);
	if (len > INI_FILE_MAX)
		return file_problem(handler, "the file is larger than 1 MiB: expected a configuration file", 0);
	return ini_guard_text(data, len, handler);
}
