/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the subject of each mail begins, and the whole one of a test mail, which the command line sends as the daemon does: so
 * nothing here draws or counts. */
#include "report-internal.h"

#include "template.h"

#define HOST_COLUMNS 26
#define PREFIX_COLUMNS 32
#define DEFAULT_PREFIX "[{host}]"

/* The sentence of this file. */
#define SAY_SUBJECT_TEST _("test mail")

/* Bytes of the longest beginning of TEXT that has at most COLUMNS. */
static size_t length_of_columns(const char *text, size_t columns)
{
	size_t len = 0;

	while (text[len]) {
		size_t width, n = text_character(text + len, &width);

		if (width > columns)
			break;
		columns -= width;
		len += n;
	}
	return len;
}

void report_put_fitted(struct buf *b, const char *text, size_t columns)
{
	FORMAT_BUF(cleaned);

	text_clean(&cleaned, text, 1000);
	if (cleaned.error)
		b->error = cleaned.error;
	const char *all = buf_text(&cleaned);
	size_t total = text_columns(all);
	if (total <= columns || columns == 0) {
		buf_puts(b, columns ? all : "");
		return;
	}

	size_t head = length_of_columns(all, (columns - 1) * 2 / 3), tail = head, width;
	buf_append(b, all, head);
	buf_puts(b, "…");
	total -= text_columns(all) - text_columns(all + head);
	while (total > (columns - 1) - (columns - 1) * 2 / 3 && all[tail]) {
		tail += text_character(all + tail, &width);
		total -= width;
	}
	/* Not with a combining character, which would now stand on the "…". */
	for (size_t n; all[tail] && (n = text_character(all + tail, &width), width == 0);)
		tail += n;
	buf_puts(b, all + tail);
}

void report_fill_template(struct buf *b, const struct report *r, const char *state, const char *template)
{
	FORMAT_BUF(host);
	FORMAT_BUF(time);

	report_put_fitted(&host, r->host, HOST_COLUMNS);
	format_time(&time, r->now_usec);
	template_put(b, template, (const struct template_field[]){ { "host", buf_text(&host) }, { "state", state },
		{ "time", buf_text(&time) }, { "version", r->version }, { 0 } });
}

void report_put_prefix(struct buf *b, const struct report *r, const char *state)
{
	FORMAT_BUF(prefix);

	report_fill_template(&prefix, r, state, r->subject_prefix ? r->subject_prefix : DEFAULT_PREFIX);
	report_put_fitted(b, buf_text(&prefix), PREFIX_COLUMNS);
	if (b->len)
		buf_putc(b, ' ');
}

void report_put_test(struct buf *b)
{
	buf_puts(b, SAY_SUBJECT_TEST);
}

void report_test_subject(struct buf *b, const struct report *r)
{
	report_put_prefix(b, r, state_name(TOCSIN_UNKNOWN)); /* nobody has looked */
	report_put_test(b);
}
