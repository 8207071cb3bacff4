/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration service with modules from tests/modules: what it sends for a file, message by message. */
#include "test.h"

#include "buf.h"
#include "config-service.h"
#include "msg.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char *folder;

/* Runs the service for TEXT in a child, as tocsin-check does, and writes down what it sends. */
static void serve(const char *text, bool with_defaults, struct buf *b)
{
	_cleanup_free_ char *path = NULL;
	int pair[2], status;
	bool done = false;

	assert_true(asprintf(&path, "%s/x.conf", folder) > 0);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(config_service_run(path, NULL, pair[1], with_defaults) == 0 ? 0 : 1);
	close(pair[1]);
	while (!done) {
		_cleanup_msg_ struct msg *m = NULL;

		assert_int_equal(msg_receive(pair[0], &m), 1);
		done = m->kind == MSG_DONE;
		buf_puts(b, msg_name(m->kind));
		for (size_t i = 0; i < m->n_fields; i++)
			buf_printf(b, "|%s", strncmp(m->field[i], folder, strlen(folder)) == 0 ? "x.conf" : m->field[i]);
		buf_putc(b, '\n');
	}
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void assert_serves(const char *text, bool with_defaults, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);

	serve(text, with_defaults, &b);
	assert_string_equal(buf_text(&b), expected);
}

#define NO_MAIL "problem|warning|x.conf|0|there is no [mail] section, so no mail will be sent: run tocsin setup, or add one with provider " \
		"or server, and to\n"
#define SAMPLE "module|sample|event steady|a module for tests\n"

static void sends_what_is_right(void **state)
{
	assert_serves("[check a]\ntype = sample\npath = /\npath = /home\nwarning = 10G\ntimeout = 5s\n", false,
		NO_MAIL SAMPLE
		"setting|check|a|type|sample|x.conf|2\n"
		"setting|check|a|path|/|x.conf|3\n"
		"setting|check|a|path|/home|x.conf|4\n"
		"setting|check|a|warning|10G|x.conf|5\n"
		"setting|check|a|timeout|5s|x.conf|6\n"
		"done\n");
}

static void options_are_held_against_the_module(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100000);

	serve("[check a]\ntype = sample\nwarnin = 5\nleast = many\nleast = 101\nmost = 2\nmost = 3\ntimeot = 1s\n"
	      "xyzzyplugh = 1\n[check b]\ntype = sample\nleast = 5\nmost = 4\n[check c]\ntype = sample\nleast = x\nmost = 0\n",
		false, &b);
	const char *end = strstr(buf_text(&b), "module|");
	assert_non_null(end);
	b.data[end - b.data] = '\0';
	assert_string_equal(b.data,
		NO_MAIL
		"problem|error|x.conf|3|unknown key 'warnin' in [check a] of type sample: did you mean warning?\n"
		"problem|error|x.conf|4|least: 'many' is no whole number: expected a number without fraction, like 3\n"
		"problem|error|x.conf|5|least stands already in line 4 of this section: expected it once\n"
		"problem|error|x.conf|7|most stands already in line 6 of this section: expected it once\n"
		"problem|error|x.conf|8|unknown key 'timeot' in [check a] of type sample: did you mean timeout?\n"
		"problem|error|x.conf|9|unknown key 'xyzzyplugh' in [check a] of type sample: expected one of warning, path, "
		"user, least, most, deep, or a key of [alert]\n"
		"problem|error|x.conf|11|[check b]: least is more than most\n"
		"problem|error|x.conf|16|least: 'x' is no whole number: expected a number without fraction, like 3\n");
}

static void a_module_that_is_not_there_harms_only_its_check(void **state)
{
	_cleanup_buf_ struct buf b = BUF(100000);

	serve("[check a]\ntype = sampel\nwhatever = 1\n[check b]\ntype = explosive\n[check c]\ntype = sample\n"
	      "[check d]\ntype = explosive\n", false, &b);
	assert_non_null(strstr(buf_text(&b), "problem|warning|x.conf|2|type: there is no check module 'sampel'"));
	assert_non_null(strstr(buf_text(&b), "did you mean 'sample'?"));
	assert_non_null(strstr(buf_text(&b), "problem|warning|x.conf|5|type: the module crashes or hangs when it is loaded; "
					     "until that is mended, [check b] is UNKNOWN\n"));
	assert_non_null(strstr(buf_text(&b), "is UNKNOWN\n" SAMPLE));
	assert_non_null(strstr(buf_text(&b), "setting|check|a|whatever|1|x.conf|3\n"));
	assert_non_null(strstr(buf_text(&b), "[check d] is UNKNOWN"));
	assert_null(strstr(buf_text(&b), "|error|"));
}

static void defaults_are_added_to_their_sections(void **state)
{
	assert_serves("[tocsin]\nhost = h\n[check a]\ntype = sample\nmost = 5\ninterval = 10s\n[report]\nevery = 0\n", true,
		NO_MAIL SAMPLE
		"setting|tocsin||host|h|x.conf|2\n"
		"setting|tocsin||language|en|default|0\n"
		"setting|tocsin||interval|1m|default|0\n"
		"setting|tocsin||keep_samples|7d|default|0\n"
		"setting|tocsin||keep_events|90d|default|0\n"
		"setting|check|a|type|sample|x.conf|4\n"
		"setting|check|a|most|5|x.conf|5\n"
		"setting|check|a|interval|10s|x.conf|6\n"
		"setting|check|a|timeout|10s|default|0\n"
		"setting|check|a|retry_interval|10s|default|0\n"
		"setting|check|a|confirm|1|default|0\n"
		"setting|check|a|recover|1|default|0\n"
		"setting|check|a|grace|5s|default|0\n"
		"setting|check|a|hysteresis_points|2|default|0\n"
		"setting|check|a|warning|80%|default|0\n"
		"setting|check|a|path|/|default|0\n"
		"setting|check|a|least|1|default|0\n"
		"setting|report||every|0|x.conf|8\n"
		"setting|report||on_first_start|yes|default|0\n"
		"setting|report||charts|png|default|0\n"
		"setting|report||subject|state-first|default|0\n"
		"setting|alert||interval|1m|default|0\n"
		"setting|alert||retry_interval|20s|default|0\n"
		"setting|alert||confirm|3|default|0\n"
		"setting|alert||recover|5|default|0\n"
		"setting|alert||unknown_confirm|5|default|0\n"
		"setting|alert||grace|0|default|0\n"
		"setting|alert||hysteresis|10%|default|0\n"
		"setting|alert||hysteresis_points|0|default|0\n"
		"setting|alert||flap_count|5|default|0\n"
		"setting|alert||flap_window|3h|default|0\n"
		"setting|alert||flap_quiet|2h|default|0\n"
		"setting|alert||remind_critical|4h 12h 36h|default|0\n"
		"setting|alert||remind_warning|1d 2d 3d 4d 5d 6d 7d 14d|default|0\n"
		"setting|alert||forget|7d|default|0\n"
		"setting|alert||group_wait|2s|default|0\n"
		"setting|alert||group_second|30s|default|0\n"
		"setting|alert||group_interval|5m|default|0\n"
		"setting|alert||max_per_hour|10|default|0\n"
		"setting|alert||max_per_day|50|default|0\n"
		"setting|alert||give_up|5d|default|0\n"
		"done\n");
}

static void a_closed_socket_is_an_error(void **state)
{
	_cleanup_free_ char *path = NULL;
	int pair[2];

	assert_true(asprintf(&path, "%s/missing.conf", folder) > 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[0]);
	assert_true(config_service_run(path, NULL, pair[1], false) < 0);
	close(pair[1]);
}

static int make_folder(void **state)
{
	setenv("TOCSIN_CHECK_DIR", "tests/modules/.libs", 1);
	folder = strdup("/tmp/test-config-XXXXXX");
	return folder && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/x.conf", folder) > 0);
	unlink(path);
	rmdir(folder);
	free(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_what_is_right),
		cmocka_unit_test(options_are_held_against_the_module),
		cmocka_unit_test(a_module_that_is_not_there_harms_only_its_check),
		cmocka_unit_test(defaults_are_added_to_their_sections),
		cmocka_unit_test(a_closed_socket_is_an_error),
	};

	return cmocka_run_group_tests_name("config-service", tests, make_folder, remove_folder);
}
