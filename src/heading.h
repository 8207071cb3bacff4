/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a finished mail, made fit for the relay that is to take it. Pure; the body is not touched. */
#pragma once

#include "buf.h"

#include <stddef.h>

/* Appends CONTENT (lines end by LF or CRLF). In From the address SENDER becomes FROM: a service takes mail only from the
 * account that logs in, and each relay has its own. Domains that are not ASCII become A-labels, in From, Sender,
 * Reply-To, To and Cc: with 8-bit bytes in them the mail would need SMTPUTF8 on its whole way. All else stays as it is.
 * The error is in B. */
void heading_fit(struct buf *b, const char *content, size_t len, const char *sender, const char *from);
