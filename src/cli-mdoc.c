/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a module as a list in mdoc(7), for its manual page. Lines are as "mandoc -T lint" wants them: a
 * sentence begins a line, and none is longer than 80 bytes. */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 76

/* A word of a text. */
static void put_word(const char *word, size_t len, struct buf *b)
{
	if (*word == '.' || *word == '\'') /* at the begin of a line that were a request */
		buf_puts(b, "\\&");
	for (size_t i = 0; i < len; i++)
		if (word[i] == '\\')
			buf_puts(b, "\\e");
		else
			buf_append(b, &word[i], 1);
}

/* What mandoc counts for it: a character that is not ASCII is an escape of 8 bytes. */
static size_t mandoc_width(const struct buf *word)
{
	size_t width = 0;

	for (size_t i = 0; i < word->len; i++)
		width += (unsigned char)word->data[i] < 0x80 ? 1 : (unsigned char)word->data[i] >= 0xc0 ? 8 : 0;
	return width;
}

/* TEXT in lines, the last of them ended too. */
static void print_text(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");
		_cleanup_buf_ struct buf word = BUF(20000);
		/* "new sentence, new line" */
		bool ends_sentence = len > 1 && strchr(".!?", text[len - 1]) && isupper((unsigned char)text[len + strspn(text + len, " ")]);

		put_word(text, len, &word);
		if (column > 0 && column + 1 + mandoc_width(&word) > COLUMNS)
			column = 0, putchar('\n');
		printf("%s%s", column ? " " : "", buf_text(&word));
		column += mandoc_width(&word) + (column > 0);
		text += len;
		text += strspn(text, " ");
		if (ends_sentence || !*text)
			column = 0, putchar('\n');
	}
}

/* One argument of a macro. */
static void put_argument(const char *text, struct buf *b)
{
	buf_putc(b, '"');
	for (; *text; text++)
		if (*text == '"')
			buf_puts(b, "\"\"");
		else if (*text == '\\')
			buf_puts(b, "\\e");
		else
			buf_append(b, text, 1);
	buf_putc(b, '"');
}

static void print_sentence(const char *format, ...) _printf_(1, 2);
static void print_sentence(const char *format, ...)
{
	_cleanup_buf_ struct buf b = BUF(10000);
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&b, format, arguments);
	va_end(arguments);
	if (b.len)
		b.data[0] = (char)toupper((unsigned char)b.data[0]);
	print_text(buf_text(&b));
}

static void print_option(const json_t *option)
{
	_cleanup_buf_ struct buf name = BUF(10000), fallback = BUF(10000);
	const char *value = cli_text_of(option, "default"), *min = cli_text_of(option, "min"),
		   *max = cli_text_of(option, "max");

	put_argument(cli_text_of(option, "name"), &name);
	printf(".It Cm %s\n", buf_text(&name));
	print_sentence("%s.", cli_text_of(option, "help"));
	if (*max)
		print_sentence("%s; from %s to %s.", cli_text_of(option, "expects"), min, max);
	else if (*min)
		print_sentence("%s; at least %s.", cli_text_of(option, "expects"), min);
	else
		print_sentence("%s.", cli_text_of(option, "expects"));
	if (!*value)
		return;
	put_argument(value, &fallback);
	printf("By default\n.Li %s .\n", buf_text(&fallback));
}

void cli_print_mdoc(const json_t *module)
{
	const json_t *options = json_object_get(module, "options"), *option;
	size_t i;

	if (json_array_size(options) == 0) {
		puts("This check has no options of its own.");
		return;
	}
	puts(".Bl -tag -width Ds");
	json_array_foreach(options, i, option)
		print_option(option);
	puts(".El");
}
