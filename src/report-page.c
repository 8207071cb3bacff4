/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTML of a mail as a page in a file: what a mail must not have, a picture within its address and an order to load again,
 * is what a file needs. */
#include "mime.h"
#include "report.h"

#include <string.h>

#define CHARSET "<meta charset=\"utf-8\">" /* as page-html.c writes it */
#define AGAIN "<meta http-equiv=\"refresh\" content=\"60\">"
#define SOURCE "src=\"cid:"

/* Copies up to the first MARK. Returns what is behind it, NULL if there is none. */
static const char *copy_until(struct buf *b, const char *html, const char *mark)
{
	const char *at = strstr(html, mark);

	if (at)
		buf_append(b, html, (size_t)(at - html));
	return at ? at + strlen(mark) : NULL;
}

static void put_image(struct buf *b, const char *cid, size_t len, const struct report_images *images)
{
	buf_puts(b, "src=\"data:image/png;base64,");
	for (size_t i = 0; i < images->n; i++)
		if (strlen(images->items[i].cid) == len && memcmp(images->items[i].cid, cid, len) == 0)
			mime_base64(b, images->items[i].data.data, images->items[i].data.len);
}

void report_embed(struct buf *b, const char *html, const struct report_images *images)
{
	const char *rest = copy_until(b, html, CHARSET), *next;

	if (rest)
		buf_puts(b, CHARSET AGAIN);
	else
		rest = html;
	/* In what comes from outside a quotation mark is a reference: these are ours. */
	while ((next = copy_until(b, rest, SOURCE))) {
		size_t len = strcspn(next, "\"");

		put_image(b, next, len, images);
		rest = next + len;
	}
	buf_puts(b, rest);
}
