/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cleanup.h"
#include "msg.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int pair[2];

static int set_up(void **state)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state)
{
	close_fd(pair[0]);
	close_fd(pair[1]);
	return 0;
}

static void carries_fields(void **state)
{
	_cleanup_msg_ struct msg *m = NULL;

	assert_int_equal(msg_send(pair[0], MSG_ITEM, -1, "root", "/", "OK", ""), 0);
	assert_int_equal(msg_receive(pair[1], &m), 1);
	assert_int_equal(m->kind, MSG_ITEM);
	assert_int_equal(m->n_fields, 4);
	assert_string_equal(m->field[0], "root");
	assert_string_equal(m->field[3], "");
	assert_null(m->field[4]);
}

static void carries_no_field(void **state)
{
	_cleanup_msg_ struct msg *m = NULL;

	assert_int_equal(msg_send(pair[0], MSG_DONE, -1), 0);
	assert_int_equal(msg_receive(pair[1], &m), 1);
	assert_int_equal(m->kind, MSG_DONE);
	assert_int_equal(m->n_fields, 0);
}

static void carries_a_descriptor(void **state)
{
	_cleanup_msg_ struct msg *m = NULL;

	assert_int_equal(msg_send(pair[0], MSG_WATCH, STDIN_FILENO, "root", "1"), 0);
	assert_int_equal(msg_receive(pair[1], &m), 1);
	assert_true(m->fd > 2);
	assert_int_equal(fcntl(m->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

/* One byte under, at and over the size that still travels inline; and at the limit of all. */
static void carries_large_fields(void **state)
{
	static const size_t overhead = sizeof("evidence") + sizeof("c") + sizeof("i") + sizeof("t") + 1;
	const size_t sizes[] = {
		MSG_INLINE_MAX - overhead, MSG_INLINE_MAX - overhead + 1, 100000, MSG_SIZE_MAX - overhead,
	};

	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		_cleanup_msg_ struct msg *m = NULL;
		_cleanup_free_ char *text = calloc(1, sizes[i] + 1);

		memset(text, 'x', sizes[i]);
		assert_int_equal(msg_send(pair[0], MSG_EVIDENCE, -1, "c", "i", "t", text), 0);
		assert_int_equal(msg_receive(pair[1], &m), 1);
		assert_int_equal(strlen(m->field[3]), sizes[i]);
		assert_int_equal(m->fd, -1);
	}

	_cleanup_free_ char *text = calloc(1, MSG_SIZE_MAX + 1);
	memset(text, 'x', MSG_SIZE_MAX);
	assert_int_equal(msg_send(pair[0], MSG_EVIDENCE, -1, "c", "i", "t", text), -EMSGSIZE);
}

static void assert_refused(const void *data, size_t len, int fd)
{
	struct msg *m = NULL;

	assert_int_equal(msg_send_data(pair[0], data, len, fd), 0);
	assert_int_equal(msg_receive(pair[1], &m), -EBADMSG);
	assert_null(m);
}

static void refuses_what_is_no_message(void **state)
{
	static const char large[MSG_INLINE_MAX + 1] = "done";
	static const char many_fields[] = "row\0001\0002\0003\0004\0005\0006\0007\0008\0009\00010\00011\00012\00013\00014\00015\00016\00017";

	assert_refused("done", 4, -1); /* half a message: its NUL is missing */
	assert_refused("nonsense", 9, -1);
	assert_refused("item\0root", 10, -1); /* fields missing */
	assert_refused("done\0more", 10, -1);
	assert_refused("commit\0a\0b", 11, -1); /* one too many */
	assert_refused("", 1, -1);
	assert_refused(large, sizeof(large), -1);
	assert_refused("done", 5, STDIN_FILENO); /* a descriptor that nobody asked for */
	assert_refused("watch\0root\0001", 13, -1); /* one that is missing */
	assert_refused(many_fields, sizeof(many_fields), -1);
}

static void refuses_unsealed_memory(void **state)
{
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, "done", 5), 5);
	assert_refused("memfd", 6, fd);
	assert_refused("memfd", 6, STDIN_FILENO);
	assert_int_equal(ftruncate(fd, MSG_SIZE_MAX + 1), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_refused("memfd", 6, fd);
}

static void tells_the_end(void **state)
{
	struct msg *m = NULL;

	assert_int_equal(msg_receive(pair[1], &m), -EAGAIN);
	pair[0] = close_fd(pair[0]);
	assert_int_equal(msg_receive(pair[1], &m), 0);
	assert_int_equal(msg_send(pair[1], MSG_DONE, -1), -EPIPE);
}

static void reads_numbers(void **state)
{
	_cleanup_msg_ struct msg *m = NULL;
	int64_t value = 0;

	assert_int_equal(msg_send(pair[0], MSG_FAILED, -1, "17", "why"), 0);
	assert_int_equal(msg_receive(pair[1], &m), 1);
	assert_int_equal(msg_number(m, 0, &value), 0);
	assert_int_equal(value, 17);
	assert_int_equal(msg_number(m, 1, &value), -EBADMSG);
	assert_int_equal(msg_number(m, 2, &value), -EBADMSG);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(carries_fields), TEST(carries_no_field), TEST(carries_a_descriptor), TEST(carries_large_fields),
		TEST(refuses_what_is_no_message), TEST(refuses_unsealed_memory), TEST(tells_the_end), TEST(reads_numbers),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
