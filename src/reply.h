/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads SMTP replies (RFC 5321, 4.2) from any segmentation of the bytes. Pure: no stream, no time, no meaning of
 * codes. What is no reply is refused at the first byte that shows it. */
#pragma once

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

/* RFC 5321 says 512; services write longer lines than that, and none that is ours to keep. */
#define REPLY_LINE_MAX 2048
#define REPLY_LINES_MAX 128
#define REPLY_SIZE_MAX (32 * 1024)
#define REPLY_ENHANCED_SIZE 12

struct reply {
	int code; /* 200 … 599 */
	char enhanced[REPLY_ENHANCED_SIZE]; /* "5.1.1" (RFC 3463), of the first line, or "" */
	size_t n_lines;
	struct buf text; /* the lines without their codes, joined by '\n'; never cleaned, but without NUL */
};

struct reply_reader {
	struct reply reply; /* whole once reply_feed() returned 1 */
	struct buf line;
	bool is_done;
};

#define REPLY_READER                                                                                         \
	((struct reply_reader){ .reply.text = BUF(REPLY_SIZE_MAX), .line = BUF(REPLY_LINE_MAX) })

void reply_reader_free(struct reply_reader *r);

/* Forgets everything. */
void reply_reader_reset(struct reply_reader *r);

/* Has it begun to read a reply that is not whole yet? */
bool reply_has_begun(const struct reply_reader *r);

/* Takes bytes until a reply is whole. *ret_used says how many it took, also on errors. The first call after a whole
 * reply begins the next. Returns 1: r->reply is whole; 0: more is needed; -EPROTO: no SMTP; -EMSGSIZE: a line, the
 * number of lines or the whole is too long; -ENOMEM. After an error the reader is of no more use. */
int reply_feed(struct reply_reader *r, const char *bytes, size_t len, size_t *ret_used);
