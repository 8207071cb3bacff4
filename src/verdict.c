/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verdict.h"

#include "translate.h"
#include "units.h"

void verdict_add(struct verdict *v, enum tocsin_state state, const char *format, ...)
{
	va_list arguments;

	if (state == TOCSIN_OK || state < v->state)
		return;
	if (state > v->state)
		buf_clear(&v->text);
	else
		buf_puts(&v->text, _("; "));
	v->state = state;
	va_start(arguments, format);
	buf_vprintf(&v->text, translate(format), arguments);
	va_end(arguments);
}

void verdict_free(struct verdict *v)
{
	buf_free(&v->text);
}

struct short_text short_size(double bytes)
{
	_cleanup_buf_ struct buf b = BUF(sizeof(struct short_text) - 1);
	struct short_text s;

	format_size(&b, (int64_t)bytes);
	snprintf(s.text, sizeof(s.text), "%s", buf_text(&b));
	return s;
}

struct short_text short_duration(int64_t usec)
{
	_cleanup_buf_ struct buf b = BUF(sizeof(struct short_text) - 1);
	struct short_text s;

	format_duration(&b, usec);
	snprintf(s.text, sizeof(s.text), "%s", buf_text(&b));
	return s;
}
