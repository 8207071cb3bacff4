/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files and commands that hold secrets may look like. Real relays with them:
 * tests/e2e/test_mailer.py. */
#include "clock.h"
#include "secret.h"
#include "test.h"
#include "tests/support/both-languages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH "/tmp/tocsin-secret-XXXXXX"
static char path[sizeof(PATH)];

static void put(const void *bytes, size_t len)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, bytes, len), len);
}

static void reads_the_first_line(void **state)
{
	static const struct {
		const char *content, *secret; /* NULL: refused */
		const char *words;
	} rows[] = {
		{ "abc", "abc", NULL },
		{ "abc\n", "abc", NULL },
		{ "abc\r\ndef\n", "abc", NULL },
		{ " a b \n", " a b ", NULL },
		{ "p\xc3\xa4ss\n", "p\xc3\xa4ss", NULL },
		{ "", NULL, "the first line of" },
		{ "\nabc\n", NULL, "is empty" },
		{ "\r\n", NULL, "is empty" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_secret_ char *secret = NULL;
		_cleanup_free_ char *error = NULL;

		put(rows[i].content, strlen(rows[i].content));
		int r = secret_from_file("password_file", path, &secret, &error);
		assert_int_equal(r, rows[i].secret ? 0 : -EINVAL);
		if (rows[i].secret)
			assert_string_equal(secret, rows[i].secret);
		else
			assert_says(error, rows[i].words);
	}
}

static void refuses_nul_size_and_folders(void **state)
{
	_cleanup_secret_ char *secret = NULL;
	_cleanup_free_ char *nul = NULL, *large = NULL, *folder = NULL, *bytes = calloc(1, SECRET_MAX + 2);

	put("ab\0c\n", 5);
	assert_int_equal(secret_from_file("password_file", path, &secret, &nul), -EINVAL);
	assert_non_null(strstr(nul, "NUL"));
	memset(bytes, 'x', SECRET_MAX + 1);
	put(bytes, SECRET_MAX + 1);
	assert_int_equal(secret_from_file("password_file", path, &secret, &large), -EMSGSIZE);
	assert_int_equal(secret_from_file("password_file", "/", &secret, &folder), -EISDIR);
	assert_null(secret);
	put(bytes, SECRET_MAX);
	assert_int_equal(secret_from_file("password_file", path, &secret, &large), 0);
	assert_int_equal(strlen(secret), SECRET_MAX);
}

static void needs_a_name_of_a_credential(void **state)
{
	static const char *const names[] = { "../x", "a/b", ".", "none" };

	for (int given = 0; given < 2; given++) {
		if (given)
			setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
		else
			unsetenv("CREDENTIALS_DIRECTORY");
		for (size_t i = 0; i < ELEMENTS(names); i++) {
			const struct conf_mail mail = { .credential = names[i] };
			_cleanup_free_ char *error = NULL;
			char *secret = NULL;

			assert_true(secret_password(&mail, USEC_NEVER, &secret, &error) < 0);
			assert_says(error, given ? "credential" : "LoadCredential=");
			assert_null(secret);
		}
	}
}

static int run(const char *command, int64_t limit_usec, char **ret, char **ret_error)
{
	return secret_from_command(
		"password_command", command, usec_add(clock_boottime_usec(), limit_usec), ret, ret_error);
}

static void judges_commands(void **state)
{
	static const struct {
		const char *command;
		int error;
		const char *text; /* the secret, or what the error says */
	} rows[] = {
		{ "printf 'abc\\ndef\\n'", 0, "abc" },
		{ "echo abc; exit 1", -EIO, "failed with exit status 1" },
		{ "no-such-command-here 2>/dev/null", -EIO, "127 (not found)" },
		{ "kill -9 $$", -EIO, "killed by signal 9" },
		{ "read x && echo $x; echo none", 0, "none" }, /* its input is empty */
		{ "trap '' TERM; echo abc; sleep 50", -ETIMEDOUT, "did not end in time" },
		{ "exec >&-; sleep 50", -ETIMEDOUT, "did not end in time" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_secret_ char *secret = NULL;
		_cleanup_free_ char *error = NULL;
		int64_t limit = rows[i].error == -ETIMEDOUT ? 200 * USEC_PER_MSEC : 20 * USEC_PER_SEC;

		assert_int_equal(run(rows[i].command, limit, &secret, &error), rows[i].error);
		if (rows[i].error)
			assert_says(error, rows[i].text);
		else
			assert_string_equal(secret, rows[i].text);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child stays */
	}
}

/* What the command has started dies with it. */
static void kills_the_whole_group(void **state)
{
	_cleanup_secret_ char *secret = NULL;
	_cleanup_free_ char *error = NULL;

	assert_int_equal(run("sleep 60 >/dev/null & echo $!", 20 * USEC_PER_SEC, &secret, &error), 0);
	pid_t left = (pid_t)atoi(secret);
	assert_true(left > 1);
	for (int i = 0; i < 1000 && kill(left, 0) == 0; i++) {
		char stat[64], line[256] = "";

		/* a zombie counts as dead: who reaps it is not us */
		snprintf(stat, sizeof(stat), "/proc/%d/stat", (int)left);
		_cleanup_fclose_ FILE *f = fopen(stat, "re");
		if (f && fgets(line, sizeof(line), f) && strstr(line, ") Z "))
			return;
		usleep(10000);
	}
	assert_int_equal(kill(left, 0), -1);
}

static int set_up(void **state)
{
	memcpy(path, PATH, sizeof(path));
	int fd = mkstemp(path);

	close_fd(fd);
	return fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_first_line),
		cmocka_unit_test(refuses_nul_size_and_folders),
		cmocka_unit_test(needs_a_name_of_a_credential),
		cmocka_unit_test(judges_commands),
		cmocka_unit_test(kills_the_whole_group),
	};

	return run_in_both_languages(tests, set_up, tear_down);
}
