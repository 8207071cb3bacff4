/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocks that a report is made of, written as text or as HTML. report.c says what stands in a mail, the two
 * writers (page-text.c, page-html.c) how it looks; so both parts of a mail say the same. Pure.
 *
 * Every string handed in may come from outside: the writers clean and escape it. */
#pragma once

#include "buf.h"
#include "state.h"

#include <stdbool.h>

#define PAGE_NEUTRAL 4 /* a tone beside those of enum tocsin_state: nothing is known */

enum page_block { PAGE_NOTHING, PAGE_REMARK, PAGE_HEADLINE, PAGE_HEADING, PAGE_PARAGRAPH, PAGE_FIELD, PAGE_POINT,
	PAGE_EVIDENCE, PAGE_ROW, PAGE_CHART };

/* The parts of a page in their order; each but the last leaves room for what follows it. */
enum page_part {
	PAGE_SUMMARY, /* rows before the details */
	PAGE_DETAILS, /* of one problem after the other */
	PAGE_LISTS, /* what else there is to know: rows of things that happened, mails, silences */
	PAGE_STATES, /* a row for each item */
	PAGE_FOOTER /* must not be left out */
};

struct page {
	const struct page_ops *ops;
	struct buf *b;
	size_t start; /* of the page in B */
	enum page_block last; /* what was written last; the HTML writer has its table open */
	enum page_part part; /* of what is written now */
	unsigned full; /* kinds of blocks (1 << kind) for which there is no more room */
	size_t n_left_out;
	size_t evidence_len; /* bytes of evidence so far */
};

/* A metric over time, in numbers and as a picture if there is one. */
struct page_chart {
	const char *name, *numbers, *spark;
	const char *limits; /* which the picture shows, and its alternative text says */
	const char *cid; /* of the picture in the mail, or NULL */
};

struct page_ops {
	bool draws; /* has a place for pictures */
	bool is_file; /* nothing else belongs to it, as the text to the HTML of a mail */
	size_t max; /* bytes */
	void (*begin)(struct page *p, const char *title);
	void (*remark)(struct page *p, const char *text);
	/* What is the matter: a state word, its tone (enum tocsin_state or PAGE_NEUTRAL), of what, and a sentence. */
	void (*headline)(struct page *p, const char *word, int tone, const char *label, const char *text);
	void (*heading)(struct page *p, const char *text);
	void (*subheading)(struct page *p, const char *text);
	void (*paragraph)(struct page *p, const char *text);
	void (*field)(struct page *p, const char *name, const char *value);
	void (*point)(struct page *p, const char *text); /* of a list */
	void (*evidence)(struct page *p, const char *title, const char *text);
	/* SPARK is a sparkline, or "". */
	void (*row)(struct page *p, const char *word, int tone, const char *label, const char *text, const char *spark);
	void (*charts)(struct page *p, const struct page_chart *charts, size_t n); /* side by side where there is room */
	void (*end)(struct page *p);
};

extern const struct page_ops page_text; /* at most 72 columns where it is ours to break; about PAGE_TEXT_MAX bytes */
extern const struct page_ops page_html; /* a whole document of less than PAGE_HTML_MAX bytes */
extern const struct page_ops page_html_file; /* the same for a web server: of less than PAGE_FILE_MAX bytes */

/* Both parts of a mail, encoded, have less than 200,000 bytes. */
#define PAGE_TEXT_MAX 76000
#define PAGE_HTML_MAX 60000
#define PAGE_FILE_MAX 1500000

/* Is the blank at TEXT[AT] one between a number and its unit, where no line should end ("96 %", "10 min", "12 个")? */
bool page_is_before_unit(const char *text, size_t at);
