/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture of at most 16 colours as a PNG file (ISO/IEC 15948): four bits a pixel, alpha from the palette. */
#pragma once

#include "buf.h"

#include <stdint.h>

#define PNG_COLORS_MAX 16

struct png_color {
	uint8_t red, green, blue, alpha; /* alpha 0: not there, 255: opaque */
};

/* Appends the file; PIXELS are WIDTH × HEIGHT indices into PALETTE, row by row. -EINVAL: no pixel, more than 4096 in a row or
 * column, or too many colours; else the error of B. */
int png_write(struct buf *b, const struct png_color *palette, size_t n_colors, const uint8_t *pixels, size_t width,
	size_t height);
