/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "png.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define SIDE_MAX 4096
#define BITS 4

static void put_u32(struct buf *b, uint32_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };

	buf_append(b, bytes, sizeof(bytes));
}

/* Length, type, data, and a checksum over type and data. */
static void put_chunk(struct buf *b, const char type[static 5], const void *data, size_t len)
{
	uLong crc = crc32(0, (const Bytef *)type, 4);

	if (len) /* no data would ask crc32() for its first value */
		crc = crc32(crc, data, (uInt)len);
	put_u32(b, (uint32_t)len);
	buf_append(b, type, 4);
	buf_append(b, data, len);
	put_u32(b, (uint32_t)crc);
}

static void put_header(struct buf *b, size_t width, size_t height)
{
	_cleanup_buf_ struct buf header = BUF(13);
	static const uint8_t rest[] = { BITS, 3 /* indexed colours */, 0, 0, 0 };

	put_u32(&header, (uint32_t)width);
	put_u32(&header, (uint32_t)height);
	buf_append(&header, rest, sizeof(rest));
	if (header.error && !b->error)
		b->error = header.error;
	put_chunk(b, "IHDR", header.data, header.len);
}

static void put_palette(struct buf *b, const struct png_color *palette, size_t n)
{
	uint8_t colors[PNG_COLORS_MAX * 3], alphas[PNG_COLORS_MAX];

	for (size_t i = 0; i < n; i++) {
		memcpy(colors + 3 * i, (const uint8_t[]){ palette[i].red, palette[i].green, palette[i].blue }, 3);
		alphas[i] = palette[i].alpha;
	}
	put_chunk(b, "PLTE", colors, 3 * n);
	put_chunk(b, "tRNS", alphas, n);
}

/* Two pixels a byte, the left one in the high bits; before each row its filter: none, which suits a palette best. */
static void pack(uint8_t *rows, const uint8_t *pixels, size_t width, size_t height)
{
	for (size_t y = 0; y < height; y++) {
		*rows++ = 0;
		for (size_t x = 0; x < width; x += 2, pixels += 2)
			*rows++ = (uint8_t)(pixels[0] << BITS | (x + 1 < width ? pixels[1] : 0));
		pixels -= width % 2;
	}
}

static int put_pixels(struct buf *b, const uint8_t *pixels, size_t width, size_t height)
{
	size_t len = height * (1 + (width + 1) / 2);
	uLongf packed_len = compressBound(len);
	_cleanup_free_ uint8_t *rows = malloc(len), *packed = malloc(packed_len);

	if (!rows || !packed)
		return -ENOMEM;
	pack(rows, pixels, width, height);
	/* Its default level: the best one takes four times as long for a twentieth of the size. */
	if (compress(packed, &packed_len, rows, len) != Z_OK)
		return -ENOMEM; /* the one thing that can be wrong */
	put_chunk(b, "IDAT", packed, packed_len);
	return 0;
}

int png_write(struct buf *b, const struct png_color *palette, size_t n_colors, const uint8_t *pixels, size_t width,
	size_t height)
{
	if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX || n_colors == 0 || n_colors > PNG_COLORS_MAX)
		return -EINVAL;
	buf_append(b, "\x89PNG\r\n\x1a\n", 8);
	put_header(b, width, height);
	put_palette(b, palette, n_colors);
	int r = put_pixels(b, pixels, width, height);
	if (r < 0)
		return r;
	put_chunk(b, "IEND", "", 0);
	return buf_error(b);
}
