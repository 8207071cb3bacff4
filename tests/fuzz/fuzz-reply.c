/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as what a server says: the reply reader keeps its limits, and reads the same whatever the segmentation. */
#include "reply.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REPLIES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen {
	int result; /* of the last call */
	size_t used, n;
	int codes[REPLIES_MAX];
	size_t lengths[REPLIES_MAX];
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void require_promises(const struct reply *r)
{
	require(r->code >= 200 && r->code < 600);
	require(r->n_lines >= 1 && r->n_lines <= REPLY_LINES_MAX);
	require(r->text.len <= REPLY_SIZE_MAX && strlen(buf_text(&r->text)) == r->text.len);
	require(!*r->enhanced || r->enhanced[0] == '0' + r->code / 100);
}

static void read_all(const char *bytes, size_t len, size_t piece, struct seen *seen)
{
	struct reply_reader r = REPLY_READER;

	*seen = (struct seen){ 0 };
	while (seen->used < len && seen->result >= 0 && seen->n < REPLIES_MAX) {
		size_t n = len - seen->used < piece ? len - seen->used : piece, used;

		seen->result = reply_feed(&r, bytes + seen->used, n, &used);
		require(used <= n && (seen->result != 0 || used == n));
		seen->used += used;
		if (seen->result <= 0)
			continue;
		require_promises(&r.reply);
		seen->codes[seen->n] = r.reply.code;
		seen->lengths[seen->n++] = r.reply.text.len;
	}
	reply_reader_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen whole, bytes, threes;

	read_all((const char *)data, len, SIZE_MAX, &whole);
	read_all((const char *)data, len, 1, &bytes);
	read_all((const char *)data, len, 3, &threes);
	require(memcmp(&whole, &bytes, sizeof(whole)) == 0);
	require(memcmp(&whole, &threes, sizeof(whole)) == 0);
	return 0;
}
