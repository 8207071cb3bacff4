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

/* Opens or creates the state file, checks it, migrates it, and keeps it locked. *ret_note is NULL or what must be
 * told by mail: a damaged file was set aside as PATH.damaged-TIME and a new one begun, or the file can only be read.
 * -errno when there can be no file at all; *ret_note is then the reason in words. Free it in both cases.
 * -EBUSY: another process holds it, and still does after 5 s (a former writer may wait for its disk). -ENOTSUP: a newer tocsin
 * wrote it; it stays untouched. -ELOOP: a symbolic link.
 * A file that can be read but not written is opened: each commit then fails with -EROFS. */
int store_open(const char *path, struct store **ret, char **ret_note);

/* The migrations: step I makes version I + 1 of version I, by SQL. A step that was released never changes. */
extern const char *const store_steps[];
extern const size_t store_n_steps;

/* store_open() with other migrations, for tests: a file of an older version is one made with fewer steps. */
int store_open_with(const char *path, const char *const *steps, size_t n_steps, struct store **ret, char **ret_note);

/* Calls ROW for each row of each table, in the order of store_tables, and in one table by its keys as text ("10" before
 * "9"). ROW returns < 0 to stop, which is returned. A row that no tocsin can have written is left out and logged. */
int store_load(struct store *s,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata);

/* Between two commits everything is one transaction. Values: n_columns of them, keys: n_keys. The first error sticks
 * until the commit, which then rolls back and returns it. */
int store_put(struct store *s, const struct store_table *table, const char *const *values);
int store_delete(struct store *s, const struct store_table *table, const char *const *keys);
int store_clear(struct store *s, const struct store_table *table);

/* -ENOSPC, -EROFS, -EIO, -EUCLEAN (damaged: the next store_open() will set the file aside) …; store_error()
 * has SQLite's words, "" when nothing has failed yet. */
int store_commit(struct store *s);
const char *store_error(const struct store *s);

/* Between transactions, when nobody waits: keeps space on the disk for the transactions that come when it is full. */
void store_tend(struct store *s);

struct store *store_close(struct store *s);

/* tocsin-store: says MSG_READY and the rows, then serves MSG_PUT … on SOCKET until the peer closes. Returns the exit
 * status of `tocsin-store PATH`: 0; 73 no file can be had, 75 another process holds it (both after MSG_FAILED "0");
 * 74 the file cannot be read or is damaged; 76 a bad message. */
int store_serve(const char *path, int socket);
