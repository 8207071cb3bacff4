/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal-line.h"

#include "units.h"

#include <errno.h>
#include <string.h>

int journal_field(sd_journal *journal, const char *field, char *text, size_t size)
{
	size_t len, skip = strlen(field) + 1;
	const void *data;

	int r = sd_journal_get_data(journal, field, &data, &len);
	if (r >= 0 && len < skip)
		r = -EBADMSG;
	if (r < 0)
		return r;
	len = len - skip < size - 1 ? len - skip : size - 1;
	memcpy(text, (const char *)data + skip, len);
	text[len] = '\0';
	return 0;
}

void journal_put_line(struct buf *b, sd_journal *journal)
{
	char text[JOURNAL_LINE_BYTES + 1];
	uint64_t usec;

	if (sd_journal_get_realtime_usec(journal, &usec) == 0)
		format_time(b, (int64_t)usec);
	buf_putc(b, ' ');
	if (journal_field(journal, "SYSLOG_IDENTIFIER", text, sizeof(text)) == 0 ||
		journal_field(journal, "_COMM", text, sizeof(text)) == 0)
		buf_puts(b, text);
	buf_puts(b, ": ");
	if (journal_field(journal, "MESSAGE", text, sizeof(text)) == 0)
		buf_puts(b, text);
	buf_putc(b, '\n');
}
