/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers that look random and are the same in every run (xorshift64*, Vigna 2016): a failure can be repeated. */
#pragma once

#include <stdint.h>

struct random {
	uint64_t state; /* the seed, not 0 */
};

static inline uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(2685821657736338717);
}

/* 0 … n - 1 */
static inline int64_t random_below(struct random *r, int64_t n)
{
	return (int64_t)((random_next(r) >> 11) % (uint64_t)n);
}

/* 0 ≤ x < 1 */
static inline double random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) / 9007199254740992.0;
}
