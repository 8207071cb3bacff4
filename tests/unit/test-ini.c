/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guard before inih: each trap of inih 55 and 59 as a case, and every limit at and past it. What comes out is
 * written down as one text: "N [section]", "N key=value", "N! problem". */
#include "test.h"

#include "buf.h"
#include "ini-guard.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

struct events {
	struct buf text;
	const char *skipped; /* the section to be left out */
	int fail_at; /* line at which the handler fails */
};

static int on_section(void *user, const char *text, unsigned line)
{
	struct events *e = user;

	buf_printf(&e->text, "%u [%s]\n", line, text);
	if ((int)line == e->fail_at)
		return -ENOTRECOVERABLE;
	return e->skipped && strcmp(e->skipped, text) == 0;
}

static int on_setting(void *user, const char *key, const char *value, unsigned line)
{
	struct events *e = user;

	buf_printf(&e->text, "%u %s=%s\n", line, key, value);
	return (int)line == e->fail_at ? -ENOTRECOVERABLE : 0;
}

static int on_problem(void *user, unsigned line, const char *text)
{
	struct events *e = user;

	buf_printf(&e->text, "%u! %s\n", line, text);
	return (int)line == e->fail_at ? -ENOTRECOVERABLE : 0;
}

static struct ini_handler handler_for(struct events *e)
{
	return (struct ini_handler){ on_section, on_setting, on_problem, e };
}

static void assert_events(const char *data, size_t len, const char *expected)
{
	struct events e = { .text = BUF(4 * INI_FILE_MAX), .skipped = "skipped", .fail_at = -1 };
	struct ini_handler handler = handler_for(&e);

	assert_int_equal(ini_guard_text(data, len, &handler), 0);
	assert_string_equal(buf_text(&e.text), expected);
	buf_free(&e.text);
}

#define assert_text(text, expected) assert_events(text, sizeof(text) - 1, expected)

static void reads_what_is_right(void **state)
{
	assert_text("", "");
	assert_text("[a]\nkey=value\n", "1 [a]\n2 key=value\n");
	assert_text("[a]\nkey=value", "1 [a]\n2 key=value\n");
	assert_text("; c\n# c\n\n  ; c\n\t# c\n[a b]\n  k  =  v w  \nempty =\n",
		"6 [a b]\n7 k=v w\n8 empty=\n");
	assert_text("[a]\nk = a=b;c#d : e # f\n", "1 [a]\n2 k=a=b;c#d : e # f\n");
	assert_text("[a]\nk = 中文 é\nK-2_x = 1\n", "1 [a]\n2 k=中文 é\n3 K-2_x=1\n");
	assert_text("[a]\nk = one\ttwo\n", "1 [a]\n2 k=one\ttwo\n");
	assert_text("[a]\nk = \"quoted\"\n", "1 [a]\n2 k=\"quoted\"\n");
}

static void line_ends_and_byte_order_marks_do_not_matter(void **state)
{
	assert_text("\xef\xbb\xbf[a]\r\nk = v\r\n", "1 [a]\n2 k=v\n");
	assert_text("\xef\xbb\xbf", "");
	assert_text("[a]\r\n\r\n; c\r\nk = v", "1 [a]\n4 k=v\n");
	assert_text("[a]\rk = v\n",
		"1! there is the control character 0x0d: expected text\n");
	assert_text("[a]\nk = v\n\xef\xbb\xbfl = w\n",
		"1 [a]\n2 k=v\n3! '\\u{feff}l' is no key: expected letters, digits and _ before the =\n");
}

/* inih: an indented key continues the value above. */
static void indentation_means_nothing(void **state)
{
	assert_text("[a]\nk = v\n  l = w\n\tm = x\n", "1 [a]\n2 k=v\n3 l=w\n4 m=x\n");
	assert_text("  [a]\n k = v\n", "1 [a]\n2 k=v\n");
	assert_text("[a]\nk = v\n  and more\n",
		"1 [a]\n2 k=v\n3! there is no =: expected key = value; a value cannot go on in a second line\n");
}

/* inih: after "[bad" the keys land in the section before. */
static void broken_headers_keep_their_keys(void **state)
{
	assert_text("[a]\n[bad\nk = v\n[b]\nl = w\n",
		"1 [a]\n2! the section header has no ]: expected a line like [mail] or [check NAME]\n4 [b]\n5 l=w\n");
	assert_text("[a] ; c\nk = v\n",
		"1! there is text behind the ]: expected nothing there; a comment needs a line of its own\n");
	assert_text("[a[b]\nk = v\n",
		"1! there is a second [ in the section header: expected a line like [mail] or [check NAME]\n");
	assert_text("[skipped]\nk = v\nnonsense\n[b]\nl = w\n",
		"1 [skipped]\n3! there is no =: expected key = value\n4 [b]\n5 l=w\n");
	assert_text("k = v\n[a]\n", "1! there is no section yet: expected a line like [mail] before\n2 [a]\n");
	assert_text("[]\n", "1 []\n");
}

/* inih: " ;" cuts the value. */
static void comments_in_values_are_refused(void **state)
{
	static const char problem[] = "1 [a]\n2! there is a blank and a ; in the value: a comment needs a line of its own; "
		"if it belongs to the value, leave out the blank\n";

	assert_text("[a]\nk = v ; c\n", problem);
	assert_text("[a]\nk = v\t; c\n", problem);
	assert_text("[a]\nk = ;\n", problem);
	assert_text("[a]\nk = a;b ;c\n", problem);
	assert_text("[a]\nk =;v\n", "1 [a]\n2 k=;v\n");
}

static void what_is_no_setting_is_told(void **state)
{
	assert_text("[a]\nnonsense\n= v\nk: v\ntwo words = v\nk;l = v\n",
		"1 [a]\n2! there is no =: expected key = value\n3! there is no key before the =: expected key = value\n"
		"4! there is no =: expected key = value\n"
		"5! 'two words' is no key: expected letters, digits and _ before the =\n"
		"6! 'k;l' is no key: expected letters, digits and _ before the =\n");
}

/* inih: text after NUL is lost. */
static void binaries_are_told_once(void **state)
{
	assert_text("[a]\nk = v\0w\nl = w\n", "1 [a]\n2! there is a NUL byte: this is no text file, or it was not saved "
		"as UTF-8; the rest was not read\n");
	assert_text("\x7f" "ELF\0\0\0\0\n\0\n", "1! there is a NUL byte: this is no text file, or it was not saved as "
		"UTF-8; the rest was not read\n");
	assert_text("[a]\nk = v\x1b[2J\nl = \x7f\n", "1 [a]\n2! there is the control character 0x1b: expected text\n"
		"3! there is the control character 0x7f: expected text\n");
}

static void other_encodings_are_told_once(void **state)
{
	assert_text("[a]\n; \xd6\xd0\nk = \xd6\xd0\xce\xc4\nl = w\n",
		"1 [a]\n2! the line is not UTF-8 (perhaps GBK or Latin-1): save the file as UTF-8\n4 l=w\n");
	assert_text("[a]\nk = \xc0\xaf\n",
		"1 [a]\n2! the line is not UTF-8 (perhaps GBK or Latin-1): save the file as UTF-8\n");
}

/* "PREFIX" and LEN times FILL and "SUFFIX". */
static void put_filled(struct buf *b, const char *prefix, size_t len, char fill, const char *suffix)
{
	buf_puts(b, prefix);
	for (size_t i = 0; i < len; i++)
		buf_putc(b, fill);
	buf_puts(b, suffix);
}

/* inih 55: what is over 198 bytes of a line is read as the next lines. Tried at each length around its buffer, with
 * a tail that would be a section header or a setting. */
static void long_lines_stay_one(void **state)
{
	for (size_t len = 150; len < 450; len++) {
		_cleanup_buf_ struct buf text = BUF(5000), expected = BUF(5000);

		put_filled(&text, "[a]\n; ", len, 'c', "[b]\n");
		put_filled(&text, "; ", len, 'c', "k = stolen\n");
		put_filled(&text, "k = ", len, 'v', "[b] m = n\nlast = 1\n");
		put_filled(&expected, "1 [a]\n4 k=", len, 'v', "[b] m = n\n5 last=1\n");
		assert_events(text.data, text.len, buf_text(&expected));
	}
}

static void the_limit_of_a_line(void **state)
{
	_cleanup_buf_ struct buf good = BUF(20000), bad = BUF(20000), expected = BUF(20000);

	put_filled(&good, "[a]\n\t k=", INI_LINE_MAX - 2, 'v', "  \r\nl = w\n");
	put_filled(&expected, "1 [a]\n2 k=", INI_LINE_MAX - 2, 'v', "\n3 l=w\n");
	assert_events(good.data, good.len, buf_text(&expected));

	put_filled(&bad, "[a]\nk=", INI_LINE_MAX - 1, 'v', "\nl = w\n");
	assert_events(bad.data, bad.len, "1 [a]\n2! the line has 8193 bytes: expected at most 8192\n3 l=w\n");
}

/* inih: names are cut at 49 bytes. */
static void the_limit_of_names(void **state)
{
	_cleanup_buf_ struct buf text = BUF(5000), expected = BUF(5000);

	put_filled(&text, "[check ", 100, 's', "]\n");
	put_filled(&text, "", 48, 'k', " = 1\n");
	put_filled(&text, "", 49, 'k', " = 1\n");
	put_filled(&text, "", 300, 'k', " = 1\n");
	put_filled(&expected, "1 [check ", 100, 's', "]\n");
	put_filled(&expected, "2 ", 48, 'k', "=1\n");
	put_filled(&expected, "3! the key '", 40, 'k', "…' has 49 bytes: expected at most 48\n");
	put_filled(&expected, "4! the key '", 40, 'k', "…' has 300 bytes: expected at most 48\n");
	assert_events(text.data, text.len, buf_text(&expected));
}

static void a_failing_handler_ends_the_reading(void **state)
{
	static const char text[] = "[a]\nk = 1\nnonsense\nl = 2\n";

	for (int line = 1; line <= 4; line++) {
		struct events e = { .text = BUF(1000), .fail_at = line };
		struct ini_handler handler = handler_for(&e);
		char last[16];

		assert_int_equal(ini_guard_text(text, sizeof(text) - 1, &handler), -ENOTRECOVERABLE);
		snprintf(last, sizeof(last), "%d", line + 1);
		assert_null(strstr(buf_text(&e.text), last));
		buf_free(&e.text);
	}
}

static char *folder;

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void write_file(const char *name, size_t len)
{
	_cleanup_free_ char *path = path_of(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs("[a]\nk = v\n;", f);
	for (size_t i = 11; i + 1 < len; i++)
		fputc(i % 1000 ? 'x' : '\n', f); /* lines "xxx" without "=" but for the first, a comment */
	fputc('\n', f);
	fclose(f);
}

static void assert_path(const char *name, const char *expected)
{
	_cleanup_free_ char *path = path_of(name);
	struct events e = { .text = BUF(4 * INI_FILE_MAX), .fail_at = -1 };
	struct ini_handler handler = handler_for(&e);

	assert_int_equal(ini_guard_path(path, &handler), 0);
	assert_int_equal(strncmp(buf_text(&e.text), expected, strlen(expected)), 0);
	buf_free(&e.text);
}

static void what_is_no_file_is_told(void **state)
{
	_cleanup_free_ char *fifo = path_of("fifo"), *closed = path_of("closed"), *link = path_of("link");

	write_file("closed", 12);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("nowhere", link), 0);
	assert_path("missing", "0! the file cannot be opened: No such file or directory\n");
	assert_path("link", "0! the file cannot be opened: No such file or directory\n");
	assert_path(".", "0! this is a directory: expected a file\n");
	assert_path("fifo", "0! this is no regular file: expected a text file\n");
	if (geteuid() != 0) {
		chmod(closed, 0);
		assert_path("closed", "0! the file cannot be opened: Permission denied\n");
	}
}

static void the_limit_of_a_file(void **state)
{
	write_file("largest", INI_FILE_MAX);
	assert_path("largest", "1 [a]\n2 k=v\n");
	write_file("larger", INI_FILE_MAX + 1);
	assert_path("larger", "0! the file is larger than 1 MiB: expected a configuration file\n");
}

static int make_folder(void **state)
{
	folder = strdup("/tmp/test-ini-XXXXXX");
	return folder && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "fifo", "closed", "link", "largest", "larger" };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_free_ char *path = path_of(names[i]);

		unlink(path);
	}
	rmdir(folder);
	free(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_right),
		cmocka_unit_test(line_ends_and_byte_order_marks_do_not_matter),
		cmocka_unit_test(indentation_means_nothing),
		cmocka_unit_test(broken_headers_keep_their_keys),
		cmocka_unit_test(comments_in_values_are_refused),
		cmocka_unit_test(what_is_no_setting_is_told),
		cmocka_unit_test(binaries_are_told_once),
		cmocka_unit_test(other_encodings_are_told_once),
		cmocka_unit_test(long_lines_stay_one),
		cmocka_unit_test(the_limit_of_a_line),
		cmocka_unit_test(the_limit_of_names),
		cmocka_unit_test(a_failing_handler_ends_the_reading),
		cmocka_unit_test(what_is_no_file_is_told),
		cmocka_unit_test(the_limit_of_a_file),
	};

	return cmocka_run_group_tests_name("ini", tests, make_folder, remove_folder);
}
