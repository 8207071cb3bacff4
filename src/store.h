/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file. Only store.c knows SQLite, and only tocsin-store links it.
 *
 * The daemon keeps the state in memory; the file is where it finds it again. So the store is asked only twice: for all
 * rows at the start, and to make transactions durable. All columns are text (messages are), in the order given here;
 * the key columns come first. Add a column or a table by a further step of the migrations in store.c. */
#pragma once

#include "cleanup.h"

#include <stddef.h>

struct store_table {
	const char *name;
	size_t n_keys, n_columns;
	const char *columns[16];
};

/* meta: small facts by name: "boot_id", "last_report", "serial", "next_incident", "clean_shutdown" …
 * item: state of the alert engine and the last result, one row an item.
 * event: what happened. mail_id is "" until a mail that tells it is queued in the same transaction.
 * mail, recipient: the outbox.
 * memory: the numbers that checks remember between runs. */
extern const struct store_table store_tables[];
extern const size_t store_n_tables;

/* STORE_TABLE("item") at run time; NULL: no such table. */
const struct store_table *store_find_table(const char *name);

struct store;

/* Opens or creates the state file, checks it, migrates it. *ret_note is NULL or what must be told by mail: a damaged
 * file was set aside as PATH.damaged-TIME and a new one begun (free it). -errno when there can be no file at all. */
int store_open(const char *path, struct store **ret, char **ret_note);

/* Calls ROW for each row of each table, in the order of store_tables. ROW returns < 0 to stop. */
int store_load(struct store *s,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata);

/* Between two commits everything is one transaction. Values: n_columns of them, keys: n_keys. The first error sticks
 * until the commit, which then rolls back and returns it. */
int store_put(struct store *s, const struct store_table *table, const char *const *values);
int store_delete(struct store *s, const struct store_table *table, const char *const *keys);
int store_clear(struct store *s, const struct store_table *table);

/* -ENOSPC, -EROFS, -EIO …; store_error() has SQLite's words. */
int store_commit(struct store *s);
const char *store_error(const struct store *s);

struct store *store_close(struct store *s);

/* tocsin-store: serves MSG_PUT … on SOCKET until the peer closes; `tocsin-store PATH`. */
int store_serve(const char *path, int socket);
