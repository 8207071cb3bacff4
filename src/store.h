/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file. Only store.c knows SQLite, and only tocsin-store links it.
 *
 * The daemon keeps the state in memory; the file is where it finds it again. So the store is asked only twice: for all
 * rows at the start, and to make transactions durable. What has become history (old events, closed incidents, samples)
 * is asked for when somebody wants to see it. All columns are text here (messages are), in the order given below; the
 * key columns come first. Add a column or a table by a further step of the migrations in store.c. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_table {
	const char *name;
	size_t n_keys, n_columns;
	const char *columns[15]; /* a message has 16 fields, and the first of them is the name of the table */
	const char *loaded; /* the rows that a start wants, as an SQL condition; NULL: all */
};

/* meta: small facts by name: "boot_id", "last_report", "report_serial", "next_incident", "stopped" …
 * item: state of the alert engine and the last result, one row an item. fault: the metrics of the last bad look, JSON.
 * incident: from the first bad look to the recovery; closed_usec is 0 while it lasts, state the worst so far, escalated
 *   the recipients it was escalated to. A start gets those that are open, and the last one of each item.
 * silence: who wants to hear nothing of what, until when, and why.
 * mail, recipient: the outbox. kind: the word of a report kind; events: the numbers of the events it tells; routes: "",
 *   since events say who waits for them.
 * event: what happened. waiting: the recipients that no mail tells it yet; the mail that does is queued in the
 *   transaction that takes them out. note: why it was not mailed, or is late. A start gets those that somebody waits
 *   for, and those since the last report.
 * memory: the numbers that checks remember between runs.
 * sample: an hour of a metric (sample.h). A start gets the last hour.
 * Names in lists have a blank between them. The outbox comes before the events, which may be on their way in it. */
extern const struct store_table store_tables[];
extern const size_t store_n_tables;

/* NULL: there is no such table. */
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

/* Calls ROW for each row that a start wants, in the order of store_tables, and in one table by its keys. ROW returns < 0 to stop, which is returned. A row that no tocsin can have written is left out and logged. */
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

/* ---- history (store-history.c) ---- */

#define STORE_QUERY_ROWS_MAX 20000
#define STORE_QUERY_BYTES_MAX (8 * 1024 * 1024)

struct store_query;

/* A question for rows of WHAT, newest first: "event" that happened, "incident" that was open at any time, or "sample" of
 * hours that began, between SINCE and UNTIL (µs realtime, both included). SINCE may be later than UNTIL: then only
 * incidents that are open now match. GLOB matches the check ("disk*"), or check and item ("disk//home*"), or of a sample
 * all three names ("disk//home/used"); "" matches all. At most LIMIT rows (0: STORE_QUERY_ROWS_MAX), and about
 * STORE_QUERY_BYTES_MAX bytes. -EINVAL: there is no such WHAT; -ENOMEM. */
int store_query_new(const char *what, int64_t since_usec, int64_t until_usec, const char *glob, int64_t limit,
	struct store_query **ret);

/* Calls ROW for the next matches, as in store_load(). One step is a few milliseconds, and changes may come between two of
 * them. 1: it goes on; 0: that was all; -errno, store_error() has the words. Not within a transaction. */
int store_query_step(struct store *s, struct store_query *q,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata);
struct store_query *store_query_free(struct store_query *q);

/* Deletes some rows of "event", "incident" or "sample" that are older than BEFORE (µs realtime), in a transaction of its
 * own; never an event that somebody waits for, nor an incident that is open. Returns how many, 0: there are no more.
 * -EINVAL: there is no history of TABLE. Not within a transaction. */
bool store_has_history(const struct store_table *table);
int store_prune_step(struct store *s, const struct store_table *table, int64_t before_usec);

/* Is no transaction under way? */
bool store_is_idle(const struct store *s);

/* ---- the reserve ---- */

/* Between transactions, when nobody waits: keeps space on the disk for the transactions that come when it is full. */
void store_tend(struct store *s);

struct store *store_close(struct store *s);

/* tocsin-store: says MSG_READY and the rows, then serves MSG_PUT … on SOCKET until the peer closes. Returns the exit
 * status of `tocsin-store PATH`: 0; 73 no file can be had, 75 another process holds it (both after MSG_FAILED "0");
 * 74 the file cannot be read or is damaged; 76 a bad message. */
int store_serve(const char *path, int socket);
