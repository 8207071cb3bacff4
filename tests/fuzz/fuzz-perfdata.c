/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the output of a monitoring plugin: the reader comes to its end, and what it accepts is whole.
 */
#include "perfdata.h"

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

static void require_range(const struct perfdata_range *range)
{
	struct perfdata_range again;

	if (!*range->text) {
		require(isnan(range->start) && isnan(perfdata_range_limit(range, 1)));
		return;
	}
	require(range->start <= range->end && perfdata_parse_range(range->text, &again) == 0);
	require(!perfdata_range_is_upper_limit(range) || perfdata_range_limit(range, 1) == range->end);
}

static void read_all(const char *text)
{
	const char *end = text + strlen(text), *bad = NULL;
	size_t len = 0;

	for (;;) {
		_cleanup_perfdata_ struct perfdata p = { 0 };
		const char *before = text;

		int r = perfdata_next(&text, &p, &bad, &len);
		if (r == 0)
			break;
		require(text > before && text <= end);
		if (r < 0) {
			require(len > 0 && bad >= before && bad + len == text);
			continue;
		}
		require(*p.label && !isinf(p.value) && strlen(p.unit) < sizeof(p.unit));
		require_range(&p.warning);
		require_range(&p.critical);
	}
	require(text == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *text = malloc(len + 1);
	struct perfdata_output o;

	require(text != NULL);
	memcpy(text, data, len);
	text[len] = '\0';
	read_all(text);
	perfdata_split(text, &o);
	read_all(o.first);
	read_all(o.more);
	return 0;
}
