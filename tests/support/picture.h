/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads a PNG of the kind that png.c writes, strictly: what is not of that form fails the test. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct picture {
	unsigned width, height;
	uint8_t palette[16 * 3], alpha[16];
	size_t n_colors;
	uint8_t *pixels; /* packed rows, each with its filter byte */
	size_t len;
};

static inline uint32_t picture_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The data of the next chunk, which must be of TYPE and have its checksum; *OFFSET moves behind it. */
static inline const uint8_t *picture_chunk(const uint8_t *file, size_t size, size_t *offset, const char *type, size_t *ret_len)
{
	const uint8_t *at = file + *offset;

	if (size - *offset < 12 || memcmp(at + 4, type, 4) != 0)
		return NULL;
	*ret_len = picture_u32(at);
	if (*ret_len > size - *offset - 12)
		return NULL;
	if (picture_u32(at + 8 + *ret_len) != crc32(crc32(0, NULL, 0), at + 4, (uInt)*ret_len + 4))
		return NULL;
	*offset += *ret_len + 12;
	return at + 8;
}

/* Free ret->pixels. */
static inline bool picture_read(const void *file, size_t size, struct picture *ret)
{
	size_t offset = 8, header_len, palette_len, alpha_len, data_len, end_len;

	if (size < 8 || memcmp(file, "\x89PNG\r\n\x1a\n", 8) != 0)
		return false;
	const uint8_t *header = picture_chunk(file, size, &offset, "IHDR", &header_len);
	const uint8_t *palette = header ? picture_chunk(file, size, &offset, "PLTE", &palette_len) : NULL;
	const uint8_t *alpha = palette ? picture_chunk(file, size, &offset, "tRNS", &alpha_len) : NULL;
	const uint8_t *data = alpha ? picture_chunk(file, size, &offset, "IDAT", &data_len) : NULL;
	if (!data || !picture_chunk(file, size, &offset, "IEND", &end_len) || end_len || offset != size)
		return false;
	if (header_len != 13 || memcmp(header + 8, "\x04\x03\0\0\0", 5) != 0 || palette_len > 48 || alpha_len * 3 != palette_len)
		return false;
	*ret = (struct picture){ .width = picture_u32(header), .height = picture_u32(header + 4), .n_colors = alpha_len };
	memcpy(ret->palette, palette, palette_len);
	memcpy(ret->alpha, alpha, alpha_len);
	ret->len = ret->height * (1 + (ret->width + 1) / 2);
	ret->pixels = malloc(ret->len + 1);
	uLongf len = ret->len + 1;
	return ret->pixels && uncompress(ret->pixels, &len, data, data_len) == Z_OK && len == ret->len;
}

static inline unsigned picture_pixel(const struct picture *p, unsigned x, unsigned y)
{
	uint8_t pair = p->pixels[y * (1 + (p->width + 1) / 2) + 1 + x / 2];

	return x % 2 ? pair & 15U : pair >> 4;
}
