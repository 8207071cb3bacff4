/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of systemd's journal as lines for a person. Needs libsystemd, so it is linked by the modules that
 * use it. */
#pragma once

#include "buf.h"

#include <stddef.h>
#include <systemd/sd-journal.h>

#define JOURNAL_LINE_BYTES 400

/* Copies FIELD of the entry that JOURNAL stands on: 0; -ENOENT when it has none; -errno. What does not fit is
 * cut. */
int journal_field(sd_journal *journal, const char *field, char *text, size_t size);

/* Appends "TIME IDENTIFIER: MESSAGE\n" of that entry. */
void journal_put_line(struct buf *b, sd_journal *journal);
