/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A report as an HTML document for mail readers: tables and inline styles, because many of them drop the rest. The
 * style element only adds the colours of a dark screen; without it the mail is light and complete. No scripts, no
 * images but those of the mail itself, nothing that is loaded. The state is always a word, never a colour alone. */
#include "page.h"

#include "chart.h"
#include "text.h"
#include "translate.h"

#include <string.h>

#define LINE_CHARACTERS 600 /* of one text from outside */
#define EVIDENCE_BYTES 6000 /* of one piece, escaped */

/* Until which size of a page of PAGE_HTML_MAX bytes a block of each kind is still written: what comes later must find
 * room too. */
#define ROOM_REMARKS 10000
#define ROOM_EVIDENCE 34000
#define ROOM_HEADINGS 57000
static const size_t rooms[] = {
	[PAGE_SUMMARY] = 20000,
	[PAGE_DETAILS] = 40000,
	[PAGE_LISTS] = 48000,
	[PAGE_STATES] = 54000,
	[PAGE_FOOTER] = 58000,
};

/* The sentences of this file. */
#define SAY_LANGUAGE C_("language, as HTML calls it", "en")
#define SAY_NOTE C_("before a remark", "Note: ")
#define SAY_CUT _("… (cut here; the text part of this mail has more)")
#define SAY_LEFT_OUT _("%zu further lines are left out here; the text part of this mail has more.")
#define SAY_CUT_IN_FILE _("… (cut here; \"tocsin check NAME\" shows all of it)")
#define SAY_LEFT_OUT_IN_FILE _("%zu further lines are left out here: the page would be too large. \"tocsin status\" shows all checks.")

/* Chinese has fonts of its own, in the order of macOS, Windows, Android and Linux: what a browser takes by itself for a
 * generic family may have serifs, as NSimSun for "monospace". */
#define CHINESE "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','WenQuanYi Micro Hei'"
#define FONT "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial," CHINESE ",sans-serif;"
#define MONOSPACE "font-family:ui-monospace,SFMono-Regular,Consolas,'Liberation Mono',Menlo,'DejaVu Sans Mono'," \
		  "'Noto Sans Mono CJK SC'," CHINESE ",monospace;"
/* Those that have all eight blocks of a sparkline; in Chinese fonts each would be twice as wide. */
#define BLOCKS "font-family:Menlo,'DejaVu Sans Mono','Cascadia Mono','Segoe UI Symbol',monospace;"
#define TABLE "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" "
#define BREAK "overflow-wrap:anywhere;word-break:break-word;"

/* Dark text on a pale ground and back; white on each of the strong ones has a contrast of 4.5 to 1 or more. */
static const struct {
	const char *strong, *pale, *name;
} tones[] = {
	[TOCSIN_OK] = { "#1a7f37", "#e9f6ec", "ok" },
	[TOCSIN_WARNING] = { "#9a6700", "#fdf4dc", "warn" },
	[TOCSIN_CRITICAL] = { "#b91c26", "#fdebec", "crit" },
	[TOCSIN_UNKNOWN] = { "#6b3fb5", "#f2ecfb", "unk" },
	[PAGE_NEUTRAL] = { "#57606a", "#eff1f3", "none" },
};

static const char style[] =
	"<style>@media (max-width:480px){.pre{font-size:11px!important}.fg{padding:12px 10px!important}"
	".key{width:90px!important;padding-right:8px!important}"
	".spark{display:block;float:none!important;padding:3px 0!important}.break{display:none}}:root{color-scheme:light dark;supported-color-schemes:light dark}"
	"@media (prefers-color-scheme:dark){.page{background:#0d1117!important}"
	".card{background:#161b22!important;border-color:#30363d!important}"
	".fg{color:#e6edf3!important}.dim{color:#9da7b1!important}.line{border-color:#30363d!important}"
	".pre{background:#0d1117!important;color:#d6dde4!important;border-color:#30363d!important}"
	".p-ok{background:#12261a!important}.p-warn{background:#2d2410!important}.p-crit{background:#34161a!important}"
	".p-unk{background:#241a38!important}.p-none{background:#21262d!important}}</style>";

/* TEXT, clean already, with what means something to HTML written as a reference; at most MAX bytes. Returns whether
 * all of it is there. Where lines are ours to break, none ends before a unit. */
static bool put_escaped(struct buf *b, const char *whole, size_t max, bool is_ours_to_break)
{
	static const char *const references[128] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;",
	};
	const char *text = whole;
	size_t begin = b->len, left = strlen(text);

	while (left) {
		unsigned char c = (unsigned char)*text;
		bool is_kept = is_ours_to_break && c == ' ' && page_is_before_unit(whole, (size_t)(text - whole));
		const char *reference = is_kept ? "&nbsp;" : c < 128 ? references[c] : NULL;
		size_t n = utf8_next(text, left, NULL);
		size_t width = reference ? strlen(reference) : n;

		if (b->error || b->len - begin + width > max)
			return false;
		buf_append(b, reference ? reference : text, width);
		text += n ? n : 1;
		left -= n ? n : 1;
	}
	return true;
}

static void put(struct buf *b, const char *text)
{
	_cleanup_buf_ struct buf cleaned = BUF(SIZE_MAX / 2);

	text_clean(&cleaned, text, LINE_CHARACTERS);
	if (cleaned.error && !b->error)
		b->error = cleaned.error;
	put_escaped(b, buf_text(&cleaned), SIZE_MAX / 2, true);
}

/* SIZE is that of a page of PAGE_HTML_MAX bytes. */
static size_t scaled(const struct page *p, size_t size)
{
	return size * (p->ops->max / PAGE_HTML_MAX);
}

static size_t room_for(const struct page *p, enum page_block block)
{
	if (block == PAGE_EVIDENCE)
		return scaled(p, ROOM_EVIDENCE);
	if (block == PAGE_REMARK)
		return scaled(p, ROOM_REMARKS);
	return scaled(p, p->part == PAGE_DETAILS || p->part == PAGE_FOOTER || block == PAGE_ROW ? rooms[p->part] : ROOM_HEADINGS);
}

static void leave(struct page *p)
{
	if (p->last == PAGE_FIELD || p->last == PAGE_ROW)
		buf_puts(p->b, "</table>");
}

/* The bit in p->full. All blocks of the details but evidence are of one kind. */
static unsigned kind_of(const struct page *p, enum page_block block)
{
	return 1U << (p->part == PAGE_DETAILS && block != PAGE_EVIDENCE ? PAGE_HEADLINE : block);
}

/* Appends the finished block HTML unless the page has no room for more of its kind. When one of the
 * details is left out all that follow are, so that none stands under a headline that is not its own. */
static void put_block(struct page *p, enum page_block block, const struct buf *html)
{
	unsigned kind = kind_of(p, block);

	if (html->error && !p->b->error)
		p->b->error = html->error;
	if (p->part != PAGE_FOOTER && (p->full & kind || p->b->len - p->start + html->len > room_for(p, block))) {
		p->full |= kind;
		if (kind == 1U << PAGE_HEADLINE)
			p->full |= 1U << PAGE_EVIDENCE;
		p->n_left_out++;
		return;
	}
	if (p->last != block || (block != PAGE_FIELD && block != PAGE_ROW)) {
		leave(p);
		if (block == PAGE_FIELD)
			buf_puts(p->b, TABLE "style=\"margin:0 0 12px\">");
		if (block == PAGE_ROW)
			buf_puts(p->b, TABLE "style=\"margin:0 0 16px\">");
	}
	buf_append(p->b, buf_text(html), html->len);
	p->last = block;
}

static void html_begin(struct page *p, const char *title)
{
	struct buf *b = p->b;

	buf_printf(b, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">", SAY_LANGUAGE);
	buf_puts(b, "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
		    "<meta name=\"color-scheme\" content=\"light dark\">"
		    "<meta name=\"supported-color-schemes\" content=\"light dark\">"
		    "<meta name=\"format-detection\" content=\"telephone=no\"><title>");
	put(b, title);
	buf_printf(b, "</title>%s</head>\n<body class=\"page\" style=\"margin:0;padding:0;background:#f3f4f6\">\n", style);
	buf_puts(b, TABLE "class=\"page\" style=\"background:#f3f4f6\"><tr><td align=\"center\" style=\"padding:12px 8px\">\n"
		TABLE "class=\"card\" style=\"max-width:680px;background:#ffffff;border:1px solid #d8dee4;"
		"border-radius:8px\"><tr><td class=\"fg\" style=\"padding:16px;" FONT
		"font-size:15px;line-height:1.45;color:#1f2328;text-align:left\">\n");
}

static void html_remark(struct page *p, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	buf_printf(&b, "<p class=\"p-warn\" style=\"margin:0 0 12px;padding:8px 12px;background:%s;border-left:4px solid %s;"
		BREAK "\"><b>%s</b>", tones[TOCSIN_WARNING].pale, tones[TOCSIN_WARNING].strong, SAY_NOTE);
	put(&b, text);
	buf_puts(&b, "</p>\n");
	put_block(p, PAGE_REMARK, &b);
}

static void put_badge(struct buf *b, const char *word, int tone, const char *size)
{
	buf_printf(b, "<span style=\"display:inline-block;padding:1px 7px;margin:0 4px 0 0;border-radius:4px;background:%s;color:#ffffff;"
		"font-weight:bold;font-size:%s;white-space:nowrap\">", tones[tone].strong, size);
	put(b, word);
	buf_puts(b, "</span> ");
}

static void html_headline(struct page *p, const char *word, int tone, const char *label, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	buf_puts(&b, TABLE);
	buf_printf(&b, "style=\"margin:16px 0 12px\"><tr><td class=\"p-%s\" style=\"padding:10px 12px;background:%s;"
		"border-left:5px solid %s;" BREAK "\">", tones[tone].name, tones[tone].pale, tones[tone].strong);
	put_badge(&b, word, tone, "14px");
	buf_puts(&b, "<b style=\"font-size:17px\">");
	put(&b, label);
	buf_puts(&b, "</b>");
	if (*text) {
		buf_puts(&b, "<br><span style=\"font-size:16px\">");
		put(&b, text);
		buf_puts(&b, "</span>");
	}
	buf_puts(&b, "</td></tr></table>\n");
	put_block(p, PAGE_HEADLINE, &b);
}

static void html_heading(struct page *p, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	p->full &= ~(1U << PAGE_ROW);
	buf_puts(&b, "<p class=\"line\" style=\"margin:16px 0 6px;padding:0 0 3px;border-bottom:1px solid #d8dee4;"
		     "font-weight:bold\">");
	put(&b, text);
	buf_puts(&b, "</p>\n");
	put_block(p, PAGE_HEADING, &b);
}

static void put_subheading(struct buf *b, const char *text)
{
	buf_puts(b, "<p style=\"margin:12px 0 4px;font-weight:bold;font-size:14px;" BREAK "\">");
	put(b, text);
	buf_puts(b, "</p>");
}

static void html_subheading(struct page *p, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	put_subheading(&b, text);
	put_block(p, PAGE_HEADING, &b);
}

static void html_paragraph(struct page *p, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	buf_puts(&b, "<p style=\"margin:0 0 12px;" BREAK "\">");
	put(&b, text);
	buf_puts(&b, "</p>\n");
	put_block(p, PAGE_PARAGRAPH, &b);
}

static void html_field(struct page *p, const char *name, const char *value)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	buf_puts(&b, "<tr><td class=\"dim key\" width=\"100\" valign=\"top\" style=\"padding:2px 12px 2px 0;color:#57606a;"
		     "font-size:14px;" BREAK "\">");
	put(&b, name);
	buf_puts(&b, "</td><td valign=\"top\" style=\"padding:2px 0;font-size:14px;" BREAK "\">");
	put(&b, value);
	buf_puts(&b, "</td></tr>\n");
	put_block(p, PAGE_FIELD, &b);
}

static void html_point(struct page *p, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	buf_puts(&b, "<p style=\"margin:0 0 4px;padding:0 0 0 14px;text-indent:-14px;font-size:14px;" BREAK "\">"
		     "<span style=\"display:inline-block;width:14px;text-indent:0\">&#8226;</span>");
	put(&b, text);
	buf_puts(&b, "</p>\n");
	put_block(p, PAGE_POINT, &b);
}

static void html_evidence(struct page *p, const char *title, const char *text)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2), lines = BUF(SIZE_MAX / 2);
	size_t max = scaled(p, EVIDENCE_BYTES);

	text_clean_lines(&lines, text, max);
	put_subheading(&b, title);
	buf_puts(&b, "<pre class=\"pre\" style=\"margin:0 0 12px;padding:8px 10px;background:#f6f8fa;"
		     "border:1px solid #d8dee4;border-radius:4px;" MONOSPACE
		     "font-size:12px;line-height:1.4;white-space:pre-wrap;overflow-wrap:anywhere\">\n");
	if (!put_escaped(&b, buf_text(&lines), max, false))
		buf_printf(&b, "\n%s", p->ops->is_file ? SAY_CUT_IN_FILE : SAY_CUT);
	buf_puts(&b, "</pre>\n");
	put_block(p, PAGE_EVIDENCE, &b);
}

static void put_spark(struct buf *b, const char *spark)
{
	/* Its language decides which font a browser looks into further. */
	buf_puts(b, "<span lang=\"en\" style=\"" BLOCKS "font-size:12px;line-height:1;color:#3b82c4;white-space:nowrap\">");
	put(b, spark);
	buf_puts(b, "</span>");
}

/* The size is that of chart.h, halved; on a narrow screen the picture shrinks with it. */
static void put_chart(struct buf *b, const struct page_chart *c)
{
	buf_puts(b, "<div style=\"display:inline-block;vertical-align:bottom;width:100%;max-width:320px;margin:0 2px 10px 0\">"
		    "<p style=\"margin:0 8px 3px 0;font-size:13px;" BREAK "\"><b>");
	put(b, c->name);
	buf_puts(b, "</b><br><span class=\"dim\" style=\"color:#57606a\">");
	put(b, c->numbers);
	buf_puts(b, "</span></p>");
	if (!c->cid) {
		put_spark(b, c->spark);
	} else {
		buf_puts(b, "<img src=\"cid:");
		put(b, c->cid);
		buf_printf(b, "\" width=\"%d\" height=\"%d\" alt=\"", CHART_WIDTH / 2, CHART_HEIGHT / 2);
		put(b, c->name);
		buf_puts(b, ": ");
		put(b, c->numbers);
		put(b, c->limits);
		buf_puts(b, "\" style=\"display:block;width:100%;max-width:320px;height:auto;border:0\">");
	}
	buf_puts(b, "</div>");
}

static void html_charts(struct page *p, const struct page_chart *charts, size_t n)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	/* No blank between two of them: they would not fit side by side. */
	for (size_t i = 0; i < n; i++)
		put_chart(&b, &charts[i]);
	put_block(p, PAGE_CHART, &b);
}

static void html_row(struct page *p, const char *word, int tone, const char *label, const char *text, const char *spark)
{
	_cleanup_buf_ struct buf b = BUF(SIZE_MAX / 2);

	if (p->full & kind_of(p, PAGE_ROW)) { /* of a thousand rows most need not be written at all */
		p->n_left_out++;
		return;
	}
	buf_puts(&b, "<tr><td class=\"line\" width=\"100\" valign=\"top\" style=\"padding:5px 12px 5px 0;"
		     "border-bottom:1px solid #eaeef2\">");
	put_badge(&b, word, tone, "11px");
	buf_puts(&b, "</td><td class=\"line\" valign=\"top\" style=\"padding:5px 0;border-bottom:1px solid #eaeef2;"
		     "font-size:14px;" BREAK "\"><b>");
	put(&b, label);
	buf_puts(&b, "</b>");
	if (*spark) {
		buf_puts(&b, " <span class=\"spark\" style=\"float:right;padding:0 0 0 8px\">");
		put_spark(&b, spark);
		buf_puts(&b, "</span>");
	}
	if (*text) {
		/* Where the sparkline has a line of its own that ends it. */
		buf_puts(&b, *spark ? "<br class=\"break\">" : "<br>");
		buf_puts(&b, "<span class=\"dim\" style=\"color:#57606a\">");
		put(&b, text);
		buf_puts(&b, "</span>");
	}
	buf_puts(&b, "</td></tr>\n");
	put_block(p, PAGE_ROW, &b);
}

static void html_end(struct page *p)
{
	leave(p);
	if (p->n_left_out) {
		buf_printf(p->b, "<p><b>%s</b>", SAY_NOTE);
		buf_printf(p->b, p->ops->is_file ? SAY_LEFT_OUT_IN_FILE : SAY_LEFT_OUT, p->n_left_out);
		buf_puts(p->b, "</p>\n");
	}
	buf_puts(p->b, "</td></tr></table>\n</td></tr></table>\n</body></html>\n");
}

#define BLOCKS_OF_HTML \
	.draws = true, \
	.begin = html_begin, \
	.remark = html_remark, \
	.headline = html_headline, \
	.heading = html_heading, \
	.subheading = html_subheading, \
	.paragraph = html_paragraph, \
	.field = html_field, \
	.point = html_point, \
	.evidence = html_evidence, \
	.row = html_row, \
	.charts = html_charts, \
	.end = html_end

const struct page_ops page_html = { .max = PAGE_HTML_MAX, BLOCKS_OF_HTML };
const struct page_ops page_html_file = { .max = PAGE_FILE_MAX, .is_file = true, BLOCKS_OF_HTML };
