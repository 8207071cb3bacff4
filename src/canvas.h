/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small picture to draw on: rectangles, smooth lines and a font of strokes, in a few inks that are seen on a light ground
 * as on a dark one, because what is not drawn on stays transparent. */
#pragma once

#include "buf.h"

#include <stdint.h>

enum canvas_ink {
	CANVAS_GRID, /* faint */
	CANVAS_TEXT,
	CANVAS_AREA, /* the palest of the line's colour */
	CANVAS_BAND, /* between that and the line */
	CANVAS_LINE,
	CANVAS_WARNING,
	CANVAS_CRITICAL,
};

struct canvas {
	uint8_t *pixels; /* indices of colours */
	int width, height;
};

#define CANVAS_TEXT_HEIGHT 18 /* of capitals and digits */

int canvas_new(int width, int height, struct canvas *ret); /* -ENOMEM */
void canvas_free(struct canvas *c);

#define _cleanup_canvas_ _cleanup_(canvas_free)

/* What lies outside of the picture is not drawn. The right and the bottom side are not part of a rectangle. */
void canvas_rectangle(struct canvas *c, enum canvas_ink ink, int left, int top, int right, int bottom);

/* With round ends. CANVAS_GRID, _AREA and _BAND have no half tones. */
void canvas_line(struct canvas *c, enum canvas_ink ink, double width, double x1, double y1, double x2, double y2);

/* The upper left corner of the capitals; letters may hang below. UTF-8; characters that the font lacks are "?". */
void canvas_text(struct canvas *c, enum canvas_ink ink, int x, int y, const char *text);
int canvas_text_width(const char *text);

int canvas_png(const struct canvas *c, struct buf *b); /* as png_write() */
