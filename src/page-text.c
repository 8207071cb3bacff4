/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A report as plain text: complete by itself, readable in a terminal and read aloud. */
#include "page.h"

#include "text.h"
#include "translate.h"

#include <string.h>

#define WIDTH 72
#define FIELD_COLUMN 16
#define ROW_COLUMN 13
#define POINT_COLUMN 4
#define LINE_CHARACTERS 1000 /* of one text from outside on a line of ours */
#define EVIDENCE_MAX 40000 /* of a mail */
#define TEXT_MAX (PAGE_TEXT_MAX - LINE_CHARACTERS * 4) /* what begins before it is written to its end */

/* The sentences of this file. */
#define SAY_REMARK _("NOTE: ")
#define SAY_LEFT_OUT _("%zu further lines are left out here: the mail would be too long. \"tocsin status\" shows all checks.")
#define SAY_CUT _("(cut here: the mail would be too long; \"tocsin check NAME\" shows all of it)")

/* A blank line between blocks; fields, points and rows follow each other. Returns whether there is room for the block. */
static bool enter(struct page *p, enum page_block block)
{
	bool is_list = block == PAGE_FIELD || block == PAGE_POINT || block == PAGE_ROW;

	if (p->part != PAGE_FOOTER && p->b->len - p->start > TEXT_MAX) {
		p->n_left_out++;
		return false;
	}
	if (p->last != PAGE_NOTHING && p->last != PAGE_HEADING && !(is_list && p->last == block))
		buf_putc(p->b, '\n');
	p->last = block;
	return true;
}

static bool is_wide(const char *text)
{
	size_t columns;

	return text_character(text, &columns) > 0 && columns == 2;
}

static bool is_end_of_unit(const char *text)
{
	return !*text || strchr(" ,;:.)", *text) || is_wide(text);
}

bool page_is_before_unit(const char *text, size_t at)
{
	static const char *const units[] = { "%", "ms", "s", "min", "h", "d", "B", "KiB", "MiB", "GiB", "TiB" };
	const char *unit = text + at + 1;

	if (at == 0 || text[at - 1] < '0' || text[at - 1] > '9')
		return false;
	if (is_wide(unit)) /* "12 个", "45 秒前" */
		return true;
	for (size_t i = 0; i < ELEMENTS(units); i++) {
		size_t len = strlen(units[i]);

		if (strncmp(units[i], unit, len) == 0 && is_end_of_unit(unit + len))
			return true;
	}
	return false;
}

/* The bytes at TEXT that stay on one line: up to a blank that is none before a unit, or to where it may be broken. */
static size_t piece_length(const char *text, size_t *ret_columns)
{
	size_t before = 0; /* where the last character that has a width begins */
	size_t len = 0, columns = 0;

	while (text[len] && (text[len] != ' ' || page_is_before_unit(text, len))) {
		size_t width, n = text_character(text + len, &width);

		if (columns && text_may_break(text + before, text + len))
			break;
		before = width ? len : before;
		columns += width;
		len += n;
	}
	*ret_columns = columns;
	return len;
}

/* TEXT from COLUMN on, further lines from HANG on, and a newline. */
static void put_wrapped(struct buf *b, const char *text, size_t column, size_t hang)
{
	bool is_first = true;

	for (;;) {
		size_t blanks = strspn(text, " "), columns;
		size_t len = piece_length(text + blanks, &columns);

		if (len == 0)
			break;
		if (!is_first && column + (blanks > 0) + columns > WIDTH) {
			buf_printf(b, "\n%*s", (int)hang, "");
			column = hang;
		} else if (!is_first && blanks) {
			buf_putc(b, ' ');
			column++;
		}
		buf_append(b, text + blanks, len);
		column += columns;
		text += blanks + len;
		is_first = false;
	}
	buf_putc(b, '\n');
}

static void put_cleaned(struct buf *b, const char *text, size_t column, size_t hang)
{
	_cleanup_buf_ struct buf cleaned = BUF(SIZE_MAX / 2);

	text_clean(&cleaned, text, LINE_CHARACTERS);
	if (cleaned.error && !b->error)
		b->error = cleaned.error;
	put_wrapped(b, buf_text(&cleaned), column, hang);
}

static void text_begin(struct page *p, const char *title)
{
	/* The subject says it already. */
}

static void text_remark(struct page *p, const char *text)
{
	size_t columns = text_columns(SAY_REMARK);

	if (!enter(p, PAGE_REMARK))
		return;
	buf_puts(p->b, SAY_REMARK);
	put_cleaned(p->b, text, columns, columns);
}

static void text_headline(struct page *p, const char *word, int tone, const char *label, const char *text)
{
	if (!enter(p, PAGE_HEADLINE))
		return;
	buf_printf(p->b, "%s  ", word);
	put_cleaned(p->b, label, strlen(word) + 2, strlen(word) + 2);
	if (*text)
		put_cleaned(p->b, text, 0, 0);
}

static void text_heading(struct page *p, const char *text)
{
	if (!enter(p, PAGE_HEADING))
		return;
	size_t columns = text_columns(text);
	buf_printf(p->b, "%s\n", text);
	for (size_t i = 0; i < columns; i++)
		buf_putc(p->b, '-');
	buf_putc(p->b, '\n');
}

static void text_subheading(struct page *p, const char *text)
{
	if (!enter(p, PAGE_HEADING))
		return;
	put_cleaned(p->b, text, 0, 0);
}

static void text_paragraph(struct page *p, const char *text)
{
	if (!enter(p, PAGE_PARAGRAPH))
		return;
	put_cleaned(p->b, text, 0, 0);
}

static void text_field(struct page *p, const char *name, const char *value)
{
	_cleanup_buf_ struct buf cleaned = BUF(SIZE_MAX / 2);

	text_clean(&cleaned, name, LINE_CHARACTERS);

	size_t columns = 2 + text_columns(buf_text(&cleaned));
	if (!enter(p, PAGE_FIELD))
		return;
	buf_printf(p->b, "  %s", buf_text(&cleaned));
	if (columns + 1 > FIELD_COLUMN) {
		buf_putc(p->b, '\n');
		columns = 0;
	}
	buf_printf(p->b, "%*s", (int)(FIELD_COLUMN - columns), "");
	put_cleaned(p->b, value, FIELD_COLUMN, FIELD_COLUMN);
}

static void text_point(struct page *p, const char *text)
{
	if (!enter(p, PAGE_POINT))
		return;
	buf_puts(p->b, "  - ");
	put_cleaned(p->b, text, POINT_COLUMN, POINT_COLUMN);
}

/* Not broken into lines, which are not ours, but set in: so no line of it looks like one of ours, or like the "-- "
 * that begins a signature. */
static void text_evidence(struct page *p, const char *title, const char *text)
{
	size_t room = EVIDENCE_MAX - p->evidence_len;
	_cleanup_buf_ struct buf lines = BUF(SIZE_MAX / 2);

	if (!enter(p, PAGE_EVIDENCE))
		return;
	text_clean_lines(&lines, text, room);
	p->evidence_len += lines.len < room ? lines.len : room;
	put_cleaned(p->b, title, 0, 0);
	for (const char *line = buf_text(&lines); *line;) {
		size_t len = strcspn(line, "\n");

		buf_puts(p->b, len ? "  " : "");
		buf_append(p->b, line, len);
		buf_putc(p->b, '\n');
		line += len + (line[len] == '\n');
	}
	if (strlen(text) > room)
		buf_printf(p->b, "  %s\n", SAY_CUT);
}

/* At the right, on the line before if that is short enough. */
static void put_spark(struct buf *b, const char *spark)
{
	const char *line = buf_text(b);
	size_t begin = b->len - 1, width = text_columns(spark);

	if (b->error || width == 0 || width >= WIDTH)
		return;
	while (begin > 0 && line[begin - 1] != '\n')
		begin--;
	b->data[b->len - 1] = '\0'; /* without its newline */
	size_t used = text_columns(line + begin);
	b->data[b->len - 1] = '\n';
	if (used + 2 + width > WIDTH)
		used = 0;
	else
		b->len--;
	buf_printf(b, "%*s%s\n", (int)(WIDTH - width - used), "", spark);
}

static void text_charts(struct page *p, const struct page_chart *charts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_buf_ struct buf value = BUF(SIZE_MAX / 2);

		buf_printf(&value, "%s %s", charts[i].spark, charts[i].numbers);
		text_field(p, charts[i].name, buf_text(&value));
	}
}

static void text_row(struct page *p, const char *word, int tone, const char *label, const char *text, const char *spark)
{
	_cleanup_buf_ struct buf line = BUF(SIZE_MAX / 2);

	if (!enter(p, PAGE_ROW))
		return;
	buf_printf(p->b, "  %-9s  ", word);
	buf_puts(&line, label);
	if (*text)
		buf_printf(&line, ": %s", text);
	put_cleaned(p->b, buf_text(&line), ROW_COLUMN, ROW_COLUMN);
	put_spark(p->b, spark);
}

static void text_end(struct page *p)
{
	_cleanup_buf_ struct buf text = BUF(1000);

	if (p->n_left_out == 0)
		return;
	buf_printf(&text, SAY_LEFT_OUT, p->n_left_out);
	buf_putc(p->b, '\n');
	put_wrapped(p->b, buf_text(&text), 0, 0);
}

const struct page_ops page_text = {
	.begin = text_begin,
	.remark = text_remark,
	.headline = text_headline,
	.heading = text_heading,
	.subheading = text_subheading,
	.paragraph = text_paragraph,
	.field = text_field,
	.point = text_point,
	.evidence = text_evidence,
	.row = text_row,
	.charts = text_charts,
	.end = text_end,
};
