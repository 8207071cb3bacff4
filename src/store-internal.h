/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between store.c, which opens the state file and changes it, store-history.c, which looks into its past, and
 * store-reserve.c, which keeps space for it. */
#pragma once

#include "buf.h"
#include "store.h"

#include <sqlite3.h>
#include <stdbool.h>

#define STORE_JOURNAL_BYTES (1024 * 1024) /* once it was used */

enum statement { PUT, DELETE, CLEAR, LOAD, STATEMENTS };

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *(*statement)[STATEMENTS]; /* of each table */
	sqlite3_stmt *begin, *commit, *rollback, *free_pages;
	struct buf words; /* of the last failure */
	int error; /* the first of this transaction, which will be rolled back */
	bool read_only;
	bool created; /* there was no file */
	bool open; /* it was found sound; what is damaged from now on is marked for the next start */
	unsigned tend_pause; /* commits until the reserve is looked at again */
};

/* The failure that SQLite just had with CODE, as -errno; its words are kept for store_error(). */
int store_fail_sqlite(struct store *s, int code);

int store_prepare(struct store *s, const char *sql, sqlite3_stmt **ret);

/* Runs STATEMENT, which gives no rows, and makes it ready to be bound and run again. */
int store_run(struct store *s, sqlite3_stmt *statement);

/* SQL as one transaction. */
int store_transact(struct store *s, const char *sql);

/* The columns of the current row; -EBADMSG: not all are text without NUL, or whole numbers. */
int store_read_row(sqlite3_stmt *statement, const struct store_table *table, const char **values);

/* store_tend() for a file that was just opened: fills the reserve up. */
void store_reserve(struct store *s);

static inline void finalize_pointer(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define _cleanup_finalize_ _cleanup_(finalize_pointer)
