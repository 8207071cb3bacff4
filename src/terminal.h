/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What standard output and standard error are: a terminal or not, how large, and what it can show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct terminal {
	size_t columns, rows; /* 0: no terminal, so nothing is cut */
	bool has_colour; /* and nobody has set NO_COLOR (https://no-color.org) */
	bool has_blocks; /* ▁▂▃▄▅▆▇█: the locale is UTF-8, and it is not the console of the kernel, whose font has few of them */
};

/* Columns of the terminal that FD is, 0: it is none. */
size_t terminal_columns(int fd);

/* Writes TEXT, clean, and the end of the line to FILE: on a terminal in lines that it is wide enough for, the further ones
 * indented by INDENT columns, else in one. */
void terminal_print_lines(FILE *file, const char *text, size_t indent);

/* Asks anew with each call: windows change their size. */
struct terminal terminal_look(void);
