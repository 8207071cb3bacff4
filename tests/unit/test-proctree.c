/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proctree.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define REST                                                                                                 \
	" 4194560 1 2 3 4 70 30 0 0 20 0 1 0 5000 1000000 321 18446744073709551615 1 2 3 4 5 6 7 8 9 10 11 " \
	"12 "                                                                                                \
	"13 17 0 0 0 0 0 0 0 0 0 0 0 0 2304"

static void reads_a_line(void **state)
{
	struct proc p;

	assert_int_equal(proc_parse_stat("4711 (sshd) S 1 4711 4711 0 -1" REST "\n", &p), 0);
	assert_int_equal(p.pid, 4711);
	assert_int_equal(p.ppid, 1);
	assert_int_equal(p.state, 'S');
	assert_string_equal(p.comm, "sshd");
	assert_false(p.is_kernel);
	assert_int_equal(p.cpu_ticks, 100);
	assert_int_equal(p.start_ticks, 5000);
	assert_int_equal(p.rss_pages, 321);
	assert_int_equal(p.exit_code, 2304);
	assert_true(proc_is_alive(&p));
}

static void reads_any_name(void **state)
{
	static const char *const names[] = { "", ")", "(", ") (", ") R 1 (", "a b", "((()))", "\xff\n\t",
		"kworker/u8:2-events" };

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		char line[512];
		struct proc p;

		snprintf(line, sizeof(line), "12 (%s) Z 3 1 1 0 -1" REST, names[i]);
		assert_int_equal(proc_parse_stat(line, &p), 0);
		assert_string_equal(p.comm, names[i]);
		assert_int_equal(p.ppid, 3);
		assert_false(proc_is_alive(&p));
	}
}

static void knows_threads_of_the_kernel(void **state)
{
	struct proc p;

	assert_int_equal(
		proc_parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0", &p), 0);
	assert_true(p.is_kernel);
	assert_true(proc_is_alive(&p));
}

/* The first thread may end before the others: it stays as a zombie until they have ended, too. */
static void a_process_lives_as_long_as_one_of_its_threads(void **state)
{
	struct proc p;

	assert_int_equal(proc_parse_stat("7 (x) Z 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 1 0 0", &p), 0);
	assert_true(proc_is_alive(&p));
	assert_int_equal(proc_parse_stat("7 (x) Z 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0", &p), 0);
	assert_false(proc_is_alive(&p));
}

static void refuses_other_lines(void **state)
{
	char long_name[400];
	const char *const lines[] = {
		"",
		"12",
		"12 (a",
		"12 a) S 1",
		"x (a) S 1 1 1 0 -1" REST,
		"-5 (a) S 1 1 1 0 -1" REST,
		"0 (a) S 1 1 1 0 -1" REST,
		"99999999999 (a) S 1 1 1 0 -1" REST,
		"12 (a)S 1 1 1 0 -1" REST,
		"12 (a) 5 1 1 1 0 -1" REST,
		"12 (a) SS 1 1 1 0 -1" REST,
		"12 (a) S 1 1 1 0 -1 5",
		"12 (a) S x",
		"12 (a) S -1 1 1 0 -1" REST,
		long_name,
	};

	snprintf(long_name, sizeof(long_name), "12 (%0100d) S 1 1 1 0 -1" REST, 1);
	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		struct proc p;

		assert_int_equal(proc_parse_stat(lines[i], &p), -EBADMSG);
	}
}

static void survives_any_bytes(void **state)
{
	const char good[] = "12 (a) (b) S 1 1 1 0 -1" REST;
	const char bytes[] = " ()-x9\n\xff";

	for (size_t len = 0; len <= strlen(good); len++)
		for (size_t at = 0; at < len; at++)
			for (size_t b = 0; b < strlen(bytes); b++) {
				_cleanup_free_ char *line = strndup(good, len);
				struct proc p;

				line[at] = bytes[b];
				if (proc_parse_stat(line, &p) == 0)
					assert_true(
						p.pid > 0 && p.ppid >= 0 && strlen(p.comm) < PROC_COMM_MAX);
			}
}

static void scans_this_host(void **state)
{
	_cleanup_proctree_ struct proctree t = PROCTREE_EMPTY;
	_cleanup_close_ int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t start;

	assert_int_equal(proctree_scan(fd, &t), 0);
	struct proc *p = (struct proc *)proctree_find(&t, getpid());
	assert_non_null(p);
	assert_int_equal(p->ppid, getppid());
	assert_true(proc_is_alive(p));
	assert_string_equal(p->comm, "test-proctree");
	assert_non_null(strstr(proc_cmdline(&t, p), "test-proctree"));
	assert_non_null(strstr(proc_exe(&t, p), "test-proctree"));
	assert_int_equal(proc_uid(&t, p), geteuid());
	assert_int_equal(proc_read_start(&t, p->pid, &start), 0);
	assert_int_equal(start, p->start_ticks);
	assert_null(proctree_find(&t, -1));
}

static void sees_a_zombie(void **state)
{
	_cleanup_proctree_ struct proctree t = PROCTREE_EMPTY;
	_cleanup_close_ int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	siginfo_t info;

	pid_t pid = fork();
	if (pid == 0)
		_exit(9);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proctree_scan(fd, &t), 0);
	struct proc *p = (struct proc *)proctree_find(&t, pid);
	assert_non_null(p);
	assert_int_equal(p->state, 'Z');
	assert_false(proc_is_alive(p));
	assert_string_equal(proc_cmdline(&t, p), "");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_line),
		cmocka_unit_test(reads_any_name),
		cmocka_unit_test(knows_threads_of_the_kernel),
		cmocka_unit_test(a_process_lives_as_long_as_one_of_its_threads),
		cmocka_unit_test(refuses_other_lines),
		cmocka_unit_test(survives_any_bytes),
		cmocka_unit_test(scans_this_host),
		cmocka_unit_test(sees_a_zombie),
	};

	return cmocka_run_group_tests_name("proctree", tests, NULL, NULL);
}
