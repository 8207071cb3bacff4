/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mountinfo.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void reads_a_line(void **state)
{
	char line[] =
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue";
	struct mount m;

	assert_int_equal(mount_parse(line, &m), 0);
	assert_int_equal(m.id, 36);
	assert_int_equal(m.major, 98);
	assert_string_equal(m.root, "/mnt1");
	assert_string_equal(m.point, "/mnt2");
	assert_string_equal(m.options, "rw,noatime");
	assert_string_equal(m.type, "ext3");
	assert_string_equal(m.source, "/dev/root");
	assert_string_equal(m.super_options, "rw,errors=continue");
}

static void unescapes(void **state)
{
	char line[] = "36 35 98:0 / /a\\040b\\011\\012\\134x\\043\\8\\04 rw - ext4 /dev/a\\040b rw";
	char empty_source[] = "36 35 98:0 / /a rw - tmpfs  rw";
	struct mount m;

	assert_int_equal(mount_parse(line, &m), 0);
	assert_string_equal(m.point, "/a b\t\n\\x#\\8\\04");
	assert_string_equal(m.source, "/dev/a b");
	assert_int_equal(mount_parse(empty_source, &m), 0);
	assert_string_equal(m.source, "");
	assert_string_equal(m.super_options, "rw");
}

static void refuses_other_lines(void **state)
{
	const char *const lines[] = {
		"",
		" ",
		"-",
		"36",
		"36 35 98:0 / /a rw ext4 /dev/a rw",
		"36 35 98:0 / /a rw - ext4 /dev/a",
		"x 35 98:0 / /a rw - ext4 /dev/a rw",
		"36 35 98 / /a rw - ext4 /dev/a rw",
		"36 35 98:x / /a rw - ext4 /dev/a rw",
		"36 35 98:0 / a rw - ext4 /dev/a rw",
		"36 35 98:0 / /a rw -  /dev/a rw",
		"36 35 98:0 /  rw - ext4 /dev/a rw",
	};

	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		_cleanup_free_ char *line = strdup(lines[i]);
		struct mount m;

		assert_int_equal(mount_parse(line, &m), -EBADMSG);
	}
}

/* Every line with one byte changed, cut at each length: no result is wrong, as long as the sanitizers are
 * content. */
static void survives_any_bytes(void **state)
{
	const char good[] = "36 35 98:0 / /a\\040b rw,x shared:1 - ext4 /dev/a\\134 rw,errors=remount-ro";
	const char bytes[] = " -\\0\t:/\xff,9";

	for (size_t len = 0; len <= strlen(good); len++)
		for (size_t at = 0; at < len; at++)
			for (size_t b = 0; b < strlen(bytes); b++) {
				_cleanup_free_ char *line = strndup(good, len);
				struct mount m;

				line[at] = bytes[b];
				if (mount_parse(line, &m) == 0)
					assert_true(m.point[0] == '/' && *m.type && m.super_options);
			}
}

static void read_text(const char *text, struct mountinfo *ret)
{
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, strlen(text), "r");

	assert_int_equal(mountinfo_read(file, ret), 0);
}

static void finds_the_mount_of_a_path(void **state)
{
	_cleanup_mountinfo_ struct mountinfo info = { 0 };

	read_text("1 0 8:1 / / rw - ext4 /dev/a rw\n"
		  "2 1 8:2 / /home rw - ext4 /dev/b rw\n"
		  "3 1 8:3 / /home/x rw - ext4 /dev/c rw\n"
		  "4 2 8:4 / /home rw - ext4 /dev/d rw",
		&info);
	assert_int_equal(info.n, 4);
	assert_int_equal(mountinfo_find(&info, "/")->id, 1);
	assert_int_equal(mountinfo_find(&info, "/homer")->id, 1);
	assert_int_equal(mountinfo_find(&info, "/home")->id, 4); /* the one on top */
	assert_int_equal(mountinfo_find(&info, "/home/y")->id, 4);
	assert_int_equal(mountinfo_find(&info, "/home/x/y")->id, 3);
	assert_null(mountinfo_find(&info, "relative"));
}

static void refuses_a_file_of_other_lines(void **state)
{
	static const char text[] = "1 0 8:1 / / rw - ext4 /dev/a rw\n\n";
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, strlen(text), "r");
	struct mountinfo info;

	assert_int_equal(mountinfo_read(file, &info), -EBADMSG);
}

static void knows_what_is_covered(void **state)
{
	static const char text[] = "1 0 8:1 / /a rw - ext4 /dev/a rw\n"
				   "2 0 8:2 / /a/b rw - ext4 /dev/b rw\n"
				   "3 0 8:3 / /c rw - ext4 /dev/c rw\n"
				   "4 0 8:4 / /a rw - ext4 /dev/d rw\n"
				   "5 0 8:5 / /ccc rw - ext4 /dev/e rw\n"
				   "6 0 8:6 / / rw - ext4 /dev/f rw\n";
	const bool covered[] = { true, true, false, false, false, false };
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, strlen(text), "r");
	_cleanup_mountinfo_ struct mountinfo info = { 0 };

	assert_int_equal(mountinfo_read(file, &info), 0);
	assert_int_equal(info.n, ELEMENTS(covered));
	for (size_t i = 0; i < info.n; i++)
		assert_int_equal(mountinfo_is_covered(&info, &info.items[i]), covered[i]);
}

static void finds_options(void **state)
{
	assert_true(mount_has_option("rw,errors=remount-ro", "rw"));
	assert_true(mount_has_option("rw,errors=remount-ro", "errors=remount-ro"));
	assert_false(mount_has_option("rw,errors=remount-ro", "ro"));
	assert_false(mount_has_option("rw,row", "ro"));
	assert_true(mount_has_option("ro", "ro"));
	assert_false(mount_has_option("", "ro"));
}

static void knows_what_is_stopped(void **state)
{
	char options[][40] = { "rw,emergency_ro", "rw,shutdown", "ro", "rw,errors=remount-ro" };
	const bool stopped[] = { true, true, false, false };

	for (size_t i = 0; i < ELEMENTS(stopped); i++)
		assert_int_equal(
			mount_is_stopped(&(struct mount){ .super_options = options[i] }), stopped[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_line),
		cmocka_unit_test(unescapes),
		cmocka_unit_test(refuses_other_lines),
		cmocka_unit_test(survives_any_bytes),
		cmocka_unit_test(finds_the_mount_of_a_path),
		cmocka_unit_test(refuses_a_file_of_other_lines),
		cmocka_unit_test(knows_what_is_covered),
		cmocka_unit_test(finds_options),
		cmocka_unit_test(knows_what_is_stopped),
	};

	return cmocka_run_group_tests_name("mountinfo", tests, NULL, NULL);
}
