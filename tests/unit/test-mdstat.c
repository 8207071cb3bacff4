/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mdstat.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HEAD "Personalities : [raid1] [raid6] [raid5] [raid4] \n"
#define TAIL "unused devices: <none>\n"

static int read_text(const char *text, struct mdstat *ret)
{
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, strlen(text), "r");

	return mdstat_read(file, ret);
}

static void reads_arrays(void **state)
{
	_cleanup_mdstat_ struct mdstat m = { 0 };

	assert_int_equal(
		read_text(HEAD "md127 : active (auto-read-only) raid1 sdb1[1](W) sda1[0]\n"
			       "      1953382400 blocks super 1.2 [2/2] [UU]\n"
			       "      \tresync=PENDING\n"
			       "      bitmap: 0/15 pages [0KB], 65536KB chunk\n\n"
			       "md1 : active raid5 sde1[4](S) sdd1[3](F) sdc1[2] sdb2[1](R)\n"
			       "      585890304 blocks level 5, 64k chunk, algorithm 2 [3/2] [_UU]\n"
			       "      [==>..................]  recovery = 12.6% (37043392/292945152) "
			       "finish=127.5min speed=33440K/sec\n\n" TAIL,
			&m),
		0);
	assert_int_equal(m.n, 2);
	const struct md_array *a = &m.arrays[0], *b = &m.arrays[1];
	assert_string_equal(a->name, "md127");
	assert_string_equal(a->level, "raid1");
	assert_true(
		a->is_active && !a->is_read_only && a->wanted == 2 && a->working == 2 && a->n_members == 2);
	assert_string_equal(a->members[0].name, "sdb1");
	assert_string_equal(a->work.what, "resync");
	assert_string_equal(a->work.waits, "PENDING");
	assert_true(isnan(a->work.percent));
	assert_true(b->wanted == 3 && b->working == 2 && b->n_members == 4);
	assert_true(b->members[0].is_spare && b->members[1].is_faulty && b->members[3].is_replacement);
	assert_string_equal(b->work.what, "recovery");
	assert_string_equal(b->work.waits, "");
	assert_true(
		b->work.percent == 12.6 && b->work.minutes_left == 127.5 && b->work.kib_per_second == 33440);
	assert_non_null(strstr(b->text, "algorithm 2"));
	assert_null(strstr(b->text, "unused"));
}

static void reads_inactive_ones(void **state)
{
	_cleanup_mdstat_ struct mdstat m = { 0 };

	assert_int_equal(read_text("Personalities : \n"
				   "md127 : inactive sdb[1](S) sda[0](S)\n"
				   "      6306 blocks super external:imsm\n\n"
				   "md126 : active raid1 sda[1] sdb[0]\n"
				   "      100 blocks super external:/md127/0 [2/2] [UU]\n\n"
				   "md3 : inactive sdc[0](S)\n"
				   "      3906887168 blocks super 1.2\n\n"
				   "md4 : inactive super external:ddf\n\n"
				   "md5 : active (read-only) raid0 sdx[0] sdy[1]\n"
				   "      100 blocks super 1.2 512k chunks\n\n" TAIL,
				 &m),
		0);
	assert_int_equal(m.n, 5);
	assert_true(m.arrays[0].is_container && !m.arrays[0].is_active);
	assert_true(!m.arrays[1].is_container && m.arrays[1].is_active);
	assert_true(!m.arrays[2].is_container && m.arrays[2].n_members == 1 && !*m.arrays[2].level);
	assert_true(m.arrays[3].is_container && m.arrays[3].n_members == 0);
	assert_true(m.arrays[4].is_read_only && m.arrays[4].wanted == -1 && m.arrays[4].working == -1);
}

static void reads_an_empty_one(void **state)
{
	_cleanup_mdstat_ struct mdstat m = { 0 };

	assert_int_equal(read_text("Personalities : \n" TAIL, &m), 0);
	assert_int_equal(m.n, 0);
}

static void refuses_other_files(void **state)
{
	static const char *const texts[] = {
		"\n",
		TAIL,
		"md0 : active raid1 sda[0]\n",
		HEAD "      100 blocks\n",
		HEAD "md0 active raid1 sda[0]\n",
		HEAD "md0 : passive raid1 sda[0]\n",
		HEAD "md0 : active\n",
		HEAD "md0 : active raid1 sda\n",
		HEAD "md0 : active raid1 sda[x]\n",
		HEAD "md0 : active raid1 sda[0](F\n",
		HEAD "md0 : active raid1 [0]\n",
		HEAD " : active raid1 sda[0]\n",
		HEAD "../x : active raid1 sda[0]\n",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct mdstat m = { 0 };

		assert_int_equal(read_text(texts[i], &m), -EBADMSG);
		assert_int_equal(m.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_arrays),
		cmocka_unit_test(reads_inactive_ones),
		cmocka_unit_test(reads_an_empty_one),
		cmocka_unit_test(refuses_other_files),
	};

	return cmocka_run_group_tests_name("mdstat", tests, NULL, NULL);
}
