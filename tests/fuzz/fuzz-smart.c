/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an answer of smartctl: what the readers accept is whole. */
#include "smart-json.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_smart_scan_ struct smart_scan scan = { 0 };
	_cleanup_smart_health_ struct smart_health health = { 0 };

	if (smart_scan_parse((const char *)data, len, &scan) == 0)
		for (size_t i = 0; i < scan.n; i++)
			require(*scan.devices[i].name && strlen(scan.devices[i].type) < SMART_TEXT_MAX);
	if (smart_health_parse((const char *)data, len, &health) == 0) {
		require(health.table != NULL && strlen(health.model) < SMART_TEXT_MAX);
		require(health.has_verdict || !health.has_passed);
		for (size_t i = 0; i < SMART_NUMBERS; i++)
			require(isnan(health.number[i]) ||
				(health.number[i] >= 0 && isfinite(health.number[i])));
	}
	return 0;
}
