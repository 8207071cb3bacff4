/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "listener.h"

#include "buf.h"
#include "test.h"


#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define HEADING "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST "00000000:00000000 00:00000000 00000000"

/* As the kernel writes it on a little-endian machine; the words of an address are turned on others. */
static const char *address(const char *text)
{
	static char words[33];
	struct in6_addr a;
	int n = inet_pton(AF_INET6, text, &a) == 1 ? 4 : inet_pton(AF_INET, text, &a) == 1;

	for (int i = 0; i < n; i++)
		sprintf(words + 8 * i, "%08X", a.s6_addr32[i]);
	return words;
}

static int read_text(const char *text, struct listeners *l)
{
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, strlen(text), "r");

	return listeners_read(file, l);
}

static void assert_listener(const struct listener *l, const char *text, uint16_t port, uint32_t uid, uint64_t inode)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &a), 1);
	assert_memory_equal(&l->address, &a, sizeof(a));
	assert_int_equal(l->port, port);
	assert_int_equal(l->uid, uid);
	assert_true(l->inode == inode);
	assert_int_equal(l->pid, 0);
}

static void reads_what_listens(void **state)
{
	_cleanup_listeners_ struct listeners l = { 0 };
	char text[2048];

	snprintf(text, sizeof(text),
		HEADING "   0: %s:1F90 00000000:0000 0A " REST "   33        0 4294967296123 1 0000000000000000 100 0 0 10 0\n"
			"   1: 0100007F:1F90 0100007F:D431 01 " REST " 1000        0 7 1 0000000000000000 20 4 30 10 -1\n"
			"   2: 00000000:0016 00000000:0000 0A " REST "     0        0 8 1 0000000000000000 100 0 0 10 0\n",
		address("192.0.2.1"));
	assert_int_equal(read_text(text, &l), 0);
	assert_int_equal(l.n, 2);
	assert_listener(&l.items[0], "::ffff:192.0.2.1", 8080, 33, 4294967296123);
	assert_listener(&l.items[1], "::ffff:0.0.0.0", 22, 0, 8);
	snprintf(text, sizeof(text),
		HEADING "   0: %s:0019 00000000000000000000000000000000:0000 0A " REST "     0        0 9 1 0000000000000000\n",
		address("2001:db8::1"));
	assert_int_equal(read_text(text, &l), 0);
	assert_int_equal(l.n, 3);
	assert_listener(&l.items[2], "2001:db8::1", 25, 0, 9);
	assert_int_equal(read_text(HEADING, &l), 0);
	assert_int_equal(l.n, 3);
}

static void refuses_what_is_none(void **state)
{
	static const char *const texts[] = {
		"\n", "nonsense\n", HEADING "\n", HEADING "   0: \n",
		HEADING "   0: 0100007:1F90 00000000:0000 0A " REST " 0 0 1 1\n",
		HEADING "   0: 0100007F0100007F:1F90 00000000:0000 0A " REST " 0 0 1 1\n",
		HEADING "   0: 0100007F:1F90 00000000:0000 0A " REST " 0 0\n",
		HEADING "   0: 0100007F:XXXX 00000000:0000 0A " REST " 0 0 1 1\n",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_listeners_ struct listeners l = { 0 };

		assert_int_equal(read_text(texts[i], &l), -EBADMSG);
		assert_int_equal(l.n, 0);
	}
}

static void has_a_limit(void **state)
{
	static const char line[] = "   0: 0100007F:1F90 00000000:0000 0A " REST " 0 0 1 1\n";
	_cleanup_listeners_ struct listeners l = { 0 };
	_cleanup_buf_ struct buf b = BUF(16 << 20);

	buf_puts(&b, HEADING);
	for (int i = 0; i < 20000; i++)
		buf_puts(&b, line);
	assert_int_equal(read_text(buf_text(&b), &l), 0);
	assert_int_equal(l.n, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_listens),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
