/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fails the n-th allocation, for every n. For one test program, linked with $(TORTURE_LDFLAGS): the linker then sends
 * the calls of our own code here, and leaves those of the C library alone. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static int torture_left; /* allocations that still succeed, and then one fails; 0: all succeed */

static int torture_hits(void)
{
	return torture_left > 0 && --torture_left == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return torture_hits() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return torture_hits() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return torture_hits() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text)
{
	return torture_hits() ? NULL : __real_strdup(text);
}
