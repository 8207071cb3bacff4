/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "canvas.h"

#include "png.h"
#include "text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Middle tones, which have a contrast of about 4 to 1 with white and with the grounds of dark screens. An ink of three tones
 * has its edges in two of them. */
static const struct png_color palette[PNG_COLORS_MAX] = {
	{ 0xff, 0xff, 0xff, 0 },
	{ 0x80, 0x8a, 0x96, 56 },
	{ 0x78, 0x82, 0x8e, 85 }, { 0x78, 0x82, 0x8e, 170 }, { 0x78, 0x82, 0x8e, 255 },
	{ 0x3b, 0x82, 0xc4, 44 },
	{ 0x3b, 0x82, 0xc4, 110 },
	{ 0x3b, 0x82, 0xc4, 85 }, { 0x3b, 0x82, 0xc4, 170 }, { 0x3b, 0x82, 0xc4, 255 },
	{ 0xb7, 0x79, 0x1f, 85 }, { 0xb7, 0x79, 0x1f, 170 }, { 0xb7, 0x79, 0x1f, 255 },
	{ 0xd9, 0x45, 0x4f, 85 }, { 0xd9, 0x45, 0x4f, 170 }, { 0xd9, 0x45, 0x4f, 255 },
};

static const struct ink {
	uint8_t first, tones;
} inks[] = {
	[CANVAS_GRID] = { 1, 1 },
	[CANVAS_TEXT] = { 2, 3 },
	[CANVAS_AREA] = { 5, 1 },
	[CANVAS_BAND] = { 6, 1 },
	[CANVAS_LINE] = { 7, 3 },
	[CANVAS_WARNING] = { 10, 3 },
	[CANVAS_CRITICAL] = { 13, 3 },
};

int canvas_new(int width, int height, struct canvas *ret)
{
	uint8_t *pixels = calloc((size_t)width * (size_t)height, 1);

	if (!pixels)
		return -ENOMEM;
	*ret = (struct canvas){ pixels, width, height };
	return 0;
}

void canvas_free(struct canvas *c)
{
	free(c->pixels);
}

int canvas_png(const struct canvas *c, struct buf *b)
{
	return png_write(b, palette, ELEMENTS(palette), c->pixels, (size_t)c->width, (size_t)c->height);
}

static int within(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

void canvas_rectangle(struct canvas *c, enum canvas_ink ink, int left, int top, int right, int bottom)
{
	uint8_t color = (uint8_t)(inks[ink].first + inks[ink].tones - 1);

	left = within(left, 0, c->width);
	right = within(right, left, c->width);
	top = within(top, 0, c->height);
	bottom = within(bottom, top, c->height);
	for (int y = top; y < bottom; y++)
		memset(c->pixels + (size_t)y * (size_t)c->width + left, color, (size_t)(right - left));
}

/* A tone never pales one of its own ink, and the edge of a line lies on the ground only, not on another line. */
static void touch(struct canvas *c, const struct ink *ink, int x, int y, double coverage)
{
	uint8_t *pixel = &c->pixels[(size_t)y * (size_t)c->width + (size_t)x];
	int tone = (int)(coverage * ink->tones + 0.5);
	uint8_t color = (uint8_t)(ink->first + tone - 1);
	bool is_own = *pixel >= ink->first && *pixel < ink->first + ink->tones;

	if (tone > 0 && (is_own ? *pixel < color : tone == ink->tones || *pixel < inks[CANVAS_BAND].first))
		*pixel = color;
}

/* How far the point is from the line. */
static double distance(double x, double y, double x1, double y1, double x2, double y2)
{
	double dx = x2 - x1, dy = y2 - y1, square = dx * dx + dy * dy;
	double along = square > 0 ? ((x - x1) * dx + (y - y1) * dy) / square : 0;

	along = along < 0 ? 0 : along > 1 ? 1 : along;
	dx = x - x1 - along * dx;
	dy = y - y1 - along * dy;
	return sqrt(dx * dx + dy * dy);
}

static int bound(double value, int max)
{
	return value < 0 ? 0 : value > max ? max : (int)value;
}

void canvas_line(struct canvas *c, enum canvas_ink ink, double width, double x1, double y1, double x2, double y2)
{
	double reach = width / 2 + 1;
	int left = bound((x1 < x2 ? x1 : x2) - reach, c->width), right = bound((x1 < x2 ? x2 : x1) + reach + 1, c->width);
	int top = bound((y1 < y2 ? y1 : y2) - reach, c->height), bottom = bound((y1 < y2 ? y2 : y1) + reach + 1, c->height);

	for (int y = top; y < bottom; y++) {
		for (int x = left; x < right; x++) {
			double coverage = width / 2 + 0.5 - distance(x + 0.5, y + 0.5, x1, y1, x2, y2);

			touch(c, &inks[ink], x, y, coverage > 1 ? 1 : coverage < 0 ? 0 : coverage);
		}
	}
}

/* ---- the font ---- */

#define PEN 2.2
#define UNIT 2 /* pixels */
#define SPACING 3 /* units between two characters; the pen takes one of them */
#define BLANK 4

/* Each character by its strokes, each stroke by its points, each point by x and y in hexadecimal units: capitals stand from
 * 0 down to 9, small letters begin at 3, and c is as low as any goes. */
static const struct glyph {
	uint32_t code;
	const char *strokes;
} glyphs[] = {
	{ '%', "10212213020110 5009 46575849383746" },
	{ '\'', "2022" },
	{ '(', "30121739" },
	{ ')', "10323719" },
	{ '*', "2327 0446 4406" },
	{ '+', "0656 3339" },
	{ ',', "281a" },
	{ '-', "0646" },
	{ '.', "29" },
	{ '/', "5009" },
	{ '0', "104052574919070210" },
	{ '1', "122029" },
	{ '2', "02104052530959" },
	{ '3', "01104052534424445557491908" },
	{ '4', "49400656" },
	{ '5', "500004445557491908" },
	{ '6', "514010020719495755441405" },
	{ '7', "005019" },
	{ '8', "14030210405253441405071949575544" },
	{ '9', "081949575240100204154554" },
	{ ':', "24 29" },
	{ '<', "520558" },
	{ '=', "0454 0757" },
	{ '>', "025508" },
	{ '?', "02104052532526 29" },
	{ 'A', "093069 1555" },
	{ 'B', "00094957554404 0040525344" },
	{ 'C', "5240100207194957" },
	{ 'D', "00093957523000" },
	{ 'E', "50000959 0444" },
	{ 'F', "500009 0444" },
	{ 'G', "52401002071949575535" },
	{ 'H', "0009 5059 0454" },
	{ 'I', "2029" },
	{ 'J', "5057491907" },
	{ 'K', "0009 5005 2459" },
	{ 'L', "000959" },
	{ 'M', "0900356069" },
	{ 'N', "09005950" },
	{ 'O', "104052574919070210" },
	{ 'P', "09004052534404" },
	{ 'Q', "104052574919070210 3659" },
	{ 'R', "09004052534404 2459" },
	{ 'S', "514010020314445557491908" },
	{ 'T', "0060 3039" },
	{ 'U', "000719495750" },
	{ 'V', "003960" },
	{ 'W', "0019345960" },
	{ 'X', "0059 5009" },
	{ 'Y', "003460 3439" },
	{ 'Z', "00500959" },
	{ '_', "0a5a" },
	{ 'a', "13435459 56160708194957" },
	{ 'b', "0009 0513435557491907" },
	{ 'c', "5443130507194958" },
	{ 'd', "5059 5543130507194957" },
	{ 'e', "06565543130507194958" },
	{ 'f', "50302229 0343" },
	{ 'g', "535b4c1c 5543130507194957" },
	{ 'h', "0009 0513435559" },
	{ 'i', "2329 20" },
	{ 'j', "333b2c1c 30" },
	{ 'k', "0009 4306 2549" },
	{ 'l', "2029" },
	{ 'm', "0309 0513233539 3543536569" },
	{ 'n', "0309 0513435559" },
	{ 'o', "134355574919070513" },
	{ 'p', "030c 0513435557491907" },
	{ 'q', "535c 5543130507194957" },
	{ 'r', "0309 05133344" },
	{ 's', "544313040516465758491908" },
	{ 't', "20273949 0343" },
	{ 'u', "0307194957 5359" },
	{ 'v', "033963" },
	{ 'w', "0319355963" },
	{ 'x', "0359 5309" },
	{ 'y', "0339 631c" },
	{ 'z', "03530959" },
	{ 0xb0, "10212213020110" }, /* degree */
	{ 0xb5, "030c 07194957 5359" }, /* micro */
	{ 0x3bc, "030c 07194957 5359" }, /* mu, which many write for it */
};

static const struct glyph *find_glyph(uint32_t code)
{
	const struct glyph *unknown = NULL;

	for (size_t i = 0; i < ELEMENTS(glyphs); i++) {
		if (glyphs[i].code == code)
			return &glyphs[i];
		if (glyphs[i].code == '?')
			unknown = &glyphs[i];
	}
	return unknown;
}

static int units_of(char digit)
{
	return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

static void glyph_sides(const struct glyph *g, int *ret_left, int *ret_right)
{
	int left = 9, right = 0;

	for (const char *s = g->strokes; *s; s += *s == ' ' ? 1 : 2) {
		if (*s == ' ')
			continue;
		left = units_of(*s) < left ? units_of(*s) : left;
		right = units_of(*s) > right ? units_of(*s) : right;
	}
	*ret_left = left;
	*ret_right = right;
}

static void draw_glyph(struct canvas *c, enum canvas_ink ink, const struct glyph *g, double x, double y)
{
	double x1 = 0, y1 = 0;
	bool is_down = false;

	for (const char *s = g->strokes; *s; s += *s == ' ' ? 1 : 2) {
		if (*s == ' ') {
			is_down = false;
			continue;
		}
		double x2 = x + UNIT * units_of(s[0]), y2 = y + UNIT * units_of(s[1]);
		if (is_down || s[2] == ' ' || s[2] == '\0') /* one point alone is a dot */
			canvas_line(c, ink, is_down ? PEN : PEN + 1, is_down ? x1 : x2, is_down ? y1 : y2, x2, y2);
		x1 = x2;
		y1 = y2;
		is_down = true;
	}
}

/* Draws if C is given. */
static int walk_text(struct canvas *c, enum canvas_ink ink, int x, int y, const char *text)
{
	size_t left = strlen(text);
	int units = 0;

	while (left) {
		uint32_t code = '?';
		size_t n = utf8_next(text, left, &code);

		text += n ? n : 1;
		left -= n ? n : 1;
		if (code == ' ') {
			units += BLANK;
			continue;
		}
		const struct glyph *g = find_glyph(code);
		int begin, end;
		glyph_sides(g, &begin, &end);
		if (c)
			draw_glyph(c, ink, g, x + UNIT * (units - begin) + PEN / 2, y);
		units += end - begin + SPACING;
	}
	return UNIT * units;
}

void canvas_text(struct canvas *c, enum canvas_ink ink, int x, int y, const char *text)
{
	walk_text(c, ink, x, y, text);
}

int canvas_text_width(const char *text)
{
	int width = walk_text(NULL, CANVAS_TEXT, 0, 0, text);

	return width > 0 ? width - UNIT * (SPACING - 1) : 0;
}
