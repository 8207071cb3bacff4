/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What standard output is: a terminal or not, how large, and what it can show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct terminal {
	size_t columns, rows; /* 0: no terminal, so nothing is cut */
	bool has_colour; /* and nobody has set NO_COLOR (https://no-color.org) */
	bool has_blocks; /* ▁▂▃▄▅▆▇█: the locale is UTF-8, and it is not the console of the kernel, whose font has few of them */
};

/* Asks anew with each call: windows change their size. */
struct terminal terminal_look(void);
