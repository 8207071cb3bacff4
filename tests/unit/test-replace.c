/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cleanup.h"
#include "replace.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[40], file[60], partial[60], other[60];
};

static int set_up(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->path, "/tmp/tocsin-replace-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	snprintf(f->file, sizeof(f->file), "%s/page", f->path);
	snprintf(f->partial, sizeof(f->partial), "%s/page.new", f->path);
	snprintf(f->other, sizeof(f->other), "%s/other", f->path);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct folder *f = *state;

	unlink(f->file);
	rmdir(f->file);
	unlink(f->partial);
	unlink(f->other);
	assert_int_equal(rmdir(f->path), 0); /* nothing is left */
	free(f);
	return 0;
}

static int replace(const struct folder *f, const char *text, const char **ret_what)
{
	return replace_file(f->file, text, strlen(text), true, ret_what);
}

static void expect(const char *path, const char *text)
{
	char found[100] = "";
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, found, sizeof(found) - 1), (int)strlen(text));
	assert_string_equal(found, text);
}

static void replaces(void **state)
{
	const struct folder *f = *state;
	const char *what;
	struct stat before, after;
	mode_t mask = umask(077);

	assert_int_equal(replace(f, "one", &what), 0);
	_cleanup_close_ int old = open(f->file, O_RDONLY | O_CLOEXEC); /* a reader who is there already */
	assert_int_equal(fstat(old, &before), 0);
	assert_int_equal(replace(f, "", &what), 0);
	expect(f->file, "");
	assert_int_equal(replace_file(f->file, "three", 5, false, &what), 0);
	umask(mask);
	expect(f->file, "three");
	assert_int_equal(stat(f->file, &after), 0);
	assert_int_equal(after.st_mode & 07777, 0644);
	assert_true(before.st_ino != after.st_ino);
	char text[10] = "";
	assert_int_equal(read(old, text, sizeof(text)), 3);
	assert_string_equal(text, "one");
	assert_int_equal(access(f->partial, F_OK), -1);
}

/* Of one that was killed; and what somebody has put there to have another file written. */
static void removes_what_is_left(void **state)
{
	const struct folder *f = *state;
	const char *what;

	assert_int_equal(replace_file(f->other, "kept", 4, false, &what), 0);
	assert_int_equal(symlink(f->other, f->partial), 0);
	assert_int_equal(replace(f, "new", &what), 0);
	expect(f->other, "kept");
	expect(f->file, "new");
}

static void keeps_the_old_one(void **state)
{
	struct folder *f = *state, nowhere = *f;
	const char *what;

	snprintf(nowhere.file, sizeof(nowhere.file), "%s/no/page", f->path);
	assert_int_equal(replace(&nowhere, "x", &what), -ENOENT);
	assert_string_equal(what, "create");

	struct rlimit limit, little;
	assert_int_equal(replace(f, "old", &what), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	little = (struct rlimit){ 4, limit.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	int r = replace(f, "much too long", &what);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(r, -EFBIG);
	assert_string_equal(what, "write");
	expect(f->file, "old");
	assert_int_equal(access(f->partial, F_OK), -1);

	assert_int_equal(unlink(f->file), 0);
	assert_int_equal(mkdir(f->file, 0700), 0);
	assert_int_equal(replace(f, "x", &what), -EISDIR);
	assert_string_equal(what, "replace");
	assert_int_equal(access(f->partial, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replaces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_what_is_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_old_one, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
