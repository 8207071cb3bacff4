/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scope-bound ownership: what a function holds is released at every return, what it hands out is taken first. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((__cleanup__(function)))
#define _printf_(format, first) __attribute__((__format__(__printf__, format, first)))

/* Takes a pointer out of VARIABLE, which then owns nothing. */
#define TAKE_PTR(variable)                                                                                   \
	({                                                                                                   \
		__typeof__(variable) *taken_from_ = &(variable);                                             \
		__typeof__(variable) taken_ = *taken_from_;                                                  \
		*taken_from_ = NULL;                                                                         \
		taken_;                                                                                      \
	})

/* The same for a file descriptor. */
#define TAKE_FD(variable)                                                                                    \
	({                                                                                                   \
		int *taken_from_ = &(variable);                                                              \
		int taken_ = *taken_from_;                                                                   \
		*taken_from_ = -1;                                                                           \
		taken_;                                                                                      \
	})

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static inline void free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

/* Closes a descriptor unless it is negative; keeps errno. Returns -1, to be assigned. */
int close_fd(int fd);

static inline void close_fd_pointer(int *fd)
{
	close_fd(*fd);
}

static inline void close_file_pointer(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_fd_pointer)
#define _cleanup_fclose_ _cleanup_(close_file_pointer)
