/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one parser for every option of tocsin: the sections of the configuration file and the options of check
 * modules are tables of struct tocsin_option (tocsin-check.h), and nothing else reads a value.
 *
 * Strings and lists in the filled struct are owned by it: option_free(). */
#pragma once

#include "buf.h"
#include "tocsin-check.h"

/* The row called NAME, or NULL. */
const struct tocsin_option *option_find(const struct tocsin_option *table, const char *name);

/* Sets every member to its default; the struct was zeroed once, before its first use. Defaults are part of the
 * program: a bad one is a bug (asserted when RET_ERROR is NULL, as for our own tables; for a module -EINVAL or
 * -ERANGE with *ret_error). The default of a list is its items with commas between them. -ENOMEM. */
int option_set_defaults(const struct tocsin_option *table, void *base, char **ret_error);

/* Parses VALUE into the member of OPTION, replacing what is there; a TOCSIN_LIST gets VALUE appended (the first call
 * after the defaults replaces them: see option_list_begin()). -EINVAL or -ERANGE with a sentence in *ret_error
 * (free it): what is wrong and what was expected, e.g. "'90' is no percentage: expected a number with a percent
 * sign, like 90%". -ENOMEM without a sentence. An empty value is always wrong. A row with only .min has no upper bound;
 * the bounds of a TOCSIN_LIMIT are those of a percentage. */
int option_set(const struct tocsin_option *option, void *base, const char *value, char **ret_error);

/* Empties a list before values from a file replace its default, or those of an earlier file. */
void option_list_begin(const struct tocsin_option *option, void *base);

/* The value in force as the file would write it; lists are joined by ", ". */
void option_format(const struct tocsin_option *option, const void *base, struct buf *b);

/* What a value of this option looks like: "a duration, like 90s or 5m", "one of tls, starttls, none". */
void option_describe_type(const struct tocsin_option *option, struct buf *b);

/* The type in one word that never changes: "duration", "limit"; "unknown" for one that does not exist. */
const char *option_type_word(const struct tocsin_option *option);

/* The bounds, written as in the file; a bound that there is not stays "". */
void option_bounds(const struct tocsin_option *option, struct buf *min, struct buf *max);

/* Frees what the struct owns and zeroes those members. */
void option_free(const struct tocsin_option *table, void *base);
