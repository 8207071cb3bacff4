/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as /proc/mdstat: what the reader accepts is whole. */
#include "mdstat.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_array(const struct md_array *a)
{
	require(*a->name && !strchr(a->name, '/') && a->text && *a->text);
	require(!a->is_active || *a->level);
	require(!(a->is_active && a->is_container));
	require((a->wanted < 0) == (a->working < 0));
	require(isnan(a->work.percent) || (a->work.percent >= 0 && a->work.percent <= 100));
	require(isnan(a->work.minutes_left) || a->work.minutes_left >= 0);
	require(*a->work.what || (!*a->work.waits && isnan(a->work.percent)));
	for (size_t i = 0; i < a->n_members; i++)
		require(*a->members[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_mdstat_ struct mdstat m = { 0 };
	_cleanup_fclose_ FILE *file = len ? fmemopen((void *)data, len, "r") : NULL;

	if (file && mdstat_read(file, &m) == 0)
		for (size_t i = 0; i < m.n; i++)
			check_array(&m.arrays[i]);
	return 0;
}
