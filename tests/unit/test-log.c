/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ID "00112233445566778899aabbccddeeff"

/* A journal of the test: a socket for entries, and a pipe in the place of standard error. */
struct journal {
	char folder[32], path[64];
	int socket, lines, saved_stderr;
};

static int start(void **state)
{
	static struct journal j;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char stream[64];
	struct stat st;
	int ends[2];

	j = (struct journal){ .folder = "/tmp/tocsin-log-XXXXXX" };
	assert_non_null(mkdtemp(j.folder));
	snprintf(j.path, sizeof(j.path), "%s/socket", j.folder);
	strcpy(address.sun_path, j.path);
	j.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(j.socket >= 0);
	assert_int_equal(bind(j.socket, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("TOCSIN_JOURNAL_SOCKET", j.path, 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	j.lines = ends[0];
	j.saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("test-log");
	*state = &j;
	return 0;
}

static int stop(void **state)
{
	struct journal *j = *state;

	dup2(j->saved_stderr, STDERR_FILENO);
	close(j->saved_stderr);
	close(j->lines);
	close(j->socket);
	unlink(j->path);
	rmdir(j->folder);
	unsetenv("JOURNAL_STREAM");
	return 0;
}

/* What has come to FD, as text; "" for nothing. */
static const char *take(int fd)
{
	static char text[70000];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void an_entry_has_its_fields(void **state)
{
	struct journal *j = *state;

	log_entry(LOG_ERR, ID, LOG_FIELDS({ "CHECK", "disk" }, { "ITEM", "/" }, { "NOTHING", "" }, { "NONE", NULL }),
		"disk %s: %d %% used", "/", 96);
	assert_string_equal(take(j->socket), "MESSAGE=disk /: 96 % used\nPRIORITY=3\nSYSLOG_IDENTIFIER=test-log\n"
					     "MESSAGE_ID=" ID "\nCHECK=disk\nITEM=/\n");
	assert_string_equal(take(j->lines), "");
}

static void a_value_brings_no_fields_of_its_own(void **state)
{
	struct journal *j = *state;

	log_entry(LOG_NOTICE, ID, LOG_FIELDS({ "ITEM", "a\nPRIORITY=0\n\xff" }), "two\nlines");
	assert_string_equal(take(j->socket), "MESSAGE=two\\nlines\nPRIORITY=5\nSYSLOG_IDENTIFIER=test-log\n"
					     "MESSAGE_ID=" ID "\nITEM=a\\nPRIORITY=0\\n\\xff\n");
}

static void a_long_value_is_cut(void **state)
{
	struct journal *j = *state;
	char value[9000];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_entry(LOG_NOTICE, ID, LOG_FIELDS({ "ITEM", value }), "long");
	const char *entry = take(j->socket);
	assert_non_null(strstr(entry, "ITEM=xxx"));
	assert_true(strlen(entry) < 2000);
}

static void what_is_not_important_is_left_out(void **state)
{
	struct journal *j = *state;

	log_entry(LOG_DEBUG, ID, NULL, 0, "nothing");
	assert_string_equal(take(j->socket), "");
	assert_string_equal(take(j->lines), "");
}

static void without_a_journal_there_is_the_line(void **state)
{
	struct journal *j = *state;

	unsetenv("JOURNAL_STREAM");
	log_open("test-log");
	log_entry(LOG_ERR, ID, LOG_FIELDS({ "CHECK", "disk" }), "disk is full");
	assert_string_equal(take(j->socket), "");
	assert_string_equal(take(j->lines), "test-log: disk is full\n");
}

static void without_a_socket_there_is_the_line(void **state)
{
	struct journal *j = *state;

	unlink(j->path);
	errno = EPROTO;
	log_entry(LOG_ERR, ID, LOG_FIELDS({ "CHECK", "disk" }), "disk is full");
	assert_int_equal(errno, EPROTO);
	assert_string_equal(take(j->lines), "<3>disk is full\n");
	setenv("TOCSIN_JOURNAL_SOCKET", "/a/path/that/is/far/too/long/for/the/address/of/a/socket/of/the/family/unix/as/it/has/"
					 "no/more/than/a/hundred/and/eight/bytes", 1);
	log_entry(LOG_ERR, ID, NULL, 0, "disk is full");
	assert_string_equal(take(j->lines), "<3>disk is full\n");
}

/* A journald that hangs reads neither its socket nor the stream: whoever waits for it hangs too. */
static void a_journal_that_hangs_holds_up_nobody(void **state)
{
	struct journal *j = *state;
	size_t n = 0;

	alarm(20);
	for (int i = 0; i < 20000; i++)
		log_entry(LOG_NOTICE, ID, LOG_FIELDS({ "ITEM", "/" }), "number %d", i);
	alarm(0);
	assert_string_not_equal(take(j->lines), "");
	while (*take(j->socket))
		n++;
	assert_in_range(n, 1, 19999);
	log_entry(LOG_NOTICE, ID, NULL, 0, "it works again");
	assert_non_null(strstr(take(j->socket), "MESSAGE=it works again\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_entry_has_its_fields, start, stop),
		cmocka_unit_test_setup_teardown(a_value_brings_no_fields_of_its_own, start, stop),
		cmocka_unit_test_setup_teardown(a_long_value_is_cut, start, stop),
		cmocka_unit_test_setup_teardown(what_is_not_important_is_left_out, start, stop),
		cmocka_unit_test_setup_teardown(without_a_journal_there_is_the_line, start, stop),
		cmocka_unit_test_setup_teardown(without_a_socket_there_is_the_line, start, stop),
		cmocka_unit_test_setup_teardown(a_journal_that_hangs_holds_up_nobody, start, stop),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
