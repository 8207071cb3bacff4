/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What has become history: to be read in small pieces, so that no commit waits long for it, and forgotten when it is
 * old. A query keeps no statement open between two pieces: it knows the last row that it read and goes on behind it,
 * whatever was changed meanwhile. */
#include "store-internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define QUERY_STEP_ROWS 256 /* that are looked at; hardly a millisecond when they are in memory */
#define PRUNE_STEP_ROWS 500
#define ORDER_MAX 4
#define NAMES_MAX 3

static const struct view {
	const char *table;
	const char *matches; /* ?1: since, ?2: until */
	const char *begins; /* in the first step too; the later ones begin behind a row, and SQLite shall seek that one */
	const char *order[ORDER_MAX]; /* from old to new; no two rows are alike in it */
	size_t n_order;
	const char *is_old; /* with the time behind it */
	size_t names[NAMES_MAX]; /* the columns that make a name, "disk//home/used": a glob matches one of its beginnings */
	size_t n_names;
} views[] = {
	{ "event", "time_usec >= ?1", "time_usec <= ?2", { "time_usec", "number" }, 2, "waiting = '' AND time_usec <", { 2, 3 }, 2 },
	{ "incident", "opened_usec <= ?2 AND (closed_usec = 0 OR closed_usec >= ?1)", "1", { "number" },
		1, "closed_usec <> 0 AND closed_usec <", { 1, 2 }, 2 },
	{ "sample", "hour_usec >= ?1", "hour_usec <= ?2", { "hour_usec", "check_name", "item", "metric" }, 4, "hour_usec <",
		{ 1, 2, 3 }, 3 },
};

struct store_query {
	const struct view *view;
	const struct store_table *table;
	int64_t since_usec, until_usec;
	char *glob;
	int64_t limit; /* rows that may still come */
	size_t bytes; /* that have come */
	sqlite3_value *behind[ORDER_MAX]; /* of the last row of the last step; NULL in the first */
};

static const struct view *find_view(const char *table)
{
	for (size_t i = 0; i < ELEMENTS(views); i++)
		if (strcmp(views[i].table, table) == 0)
			return &views[i];
	return NULL;
}

bool store_has_history(const struct store_table *table)
{
	return find_view(table->name) != NULL;
}

int store_query_new(const char *what, int64_t since_usec, int64_t until_usec, const char *glob, int64_t limit,
	struct store_query **ret)
{
	const struct view *view = find_view(what);
	struct store_query *q;

	if (!view)
		return -EINVAL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct store_query){ .view = view, .table = store_find_table(what), .since_usec = since_usec,
		.until_usec = until_usec, .limit = limit };
	if (limit <= 0 || limit > STORE_QUERY_ROWS_MAX)
		q->limit = STORE_QUERY_ROWS_MAX;
	q->glob = strdup(glob);
	if (!q->glob) {
		store_query_free(q);
		return -ENOMEM;
	}
	*ret = q;
	return 0;
}

struct store_query *store_query_free(struct store_query *q)
{
	if (q) {
		for (size_t i = 0; i < ORDER_MAX; i++)
			sqlite3_value_free(q->behind[i]);
		free(q->glob);
		free(q);
	}
	return NULL;
}

/* "time_usec DESC, number DESC" or "(time_usec, number) < (?3, ?4)" */
static void append_order(struct buf *sql, const struct view *view)
{
	for (size_t i = 0; i < view->n_order; i++)
		buf_printf(sql, "%s%s DESC", i ? ", " : "", view->order[i]);
}

static void append_behind(struct buf *sql, const struct view *view)
{
	buf_puts(sql, "(");
	for (size_t i = 0; i < view->n_order; i++)
		buf_printf(sql, "%s%s", i ? ", " : "", view->order[i]);
	buf_puts(sql, ") < (");
	for (size_t i = 0; i < view->n_order; i++)
		buf_printf(sql, "%s?%zu", i ? ", " : "", i + 3);
	buf_puts(sql, ")");
}

static int prepare_step(struct store *s, const struct store_query *q, sqlite3_stmt **ret)
{
	_cleanup_buf_ struct buf sql = BUF(4096);
	const struct view *view = q->view;

	buf_puts(&sql, "SELECT ");
	for (size_t i = 0; i < q->table->n_columns; i++)
		buf_printf(&sql, "%s%s", i ? ", " : "", q->table->columns[i]);
	/* The keys once more, for the place to go on from. */
	for (size_t i = 0; i < view->n_order; i++)
		buf_printf(&sql, ", %s", view->order[i]);
	buf_printf(&sql, " FROM %s WHERE %s AND ", view->table, view->matches);
	if (q->behind[0])
		append_behind(&sql, view);
	else
		buf_puts(&sql, view->begins);
	buf_puts(&sql, " ORDER BY ");
	append_order(&sql, view);
	buf_printf(&sql, " LIMIT %d", QUERY_STEP_ROWS);
	int r = buf_error(&sql) ? buf_error(&sql) : store_prepare(s, buf_text(&sql), ret);
	if (r < 0)
		return r;
	int code = sqlite3_bind_int64(*ret, 1, q->since_usec);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(*ret, 2, q->until_usec); /* which not every step asks for */
	for (size_t i = 0; code == SQLITE_OK && q->behind[0] && i < view->n_order; i++)
		code = sqlite3_bind_value(*ret, (int)i + 3, q->behind[i]);
	return code == SQLITE_OK ? 0 : store_fail_sqlite(s, code);
}

static int remember_place(struct store_query *q, sqlite3_stmt *statement)
{
	for (size_t i = 0; i < q->view->n_order; i++) {
		sqlite3_value *value = sqlite3_value_dup(sqlite3_column_value(statement, (int)(q->table->n_columns + i)));

		if (!value)
			return -ENOMEM;
		sqlite3_value_free(q->behind[i]);
		q->behind[i] = value;
	}
	return 0;
}

/* 1: yes; 0: no; -ENOMEM. */
static int matches(const struct store_query *q, const char *const *values)
{
	_cleanup_buf_ struct buf name = BUF(SIZE_MAX);

	if (!*q->glob)
		return 1;
	for (size_t i = 0; i < q->view->n_names; i++) {
		buf_printf(&name, "%s%s", i ? "/" : "", values[q->view->names[i]]);
		if (buf_error(&name))
			return buf_error(&name);
		if (fnmatch(q->glob, buf_text(&name), 0) == 0)
			return 1;
	}
	return 0;
}

/* Hands the current row out if it is wanted. An odd one is left out, as at the start. */
static int take_row(struct store_query *q, sqlite3_stmt *statement,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata)
{
	const char *values[ELEMENTS(q->table->columns)];

	int r = store_read_row(statement, q->table, values);
	if (r == -EBADMSG)
		return 0;
	if (r == 0)
		r = matches(q, values);
	if (r <= 0)
		return r;
	q->limit--;
	for (size_t i = 0; i < q->table->n_columns; i++)
		q->bytes += strlen(values[i]) + 1;
	return row(q->table, values, userdata);
}

int store_query_step(struct store *s, struct store_query *q,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata)
{
	_cleanup_finalize_ sqlite3_stmt *statement = NULL;
	int code = SQLITE_ROW, looked = 0;

	int r = prepare_step(s, q, &statement);
	while (r >= 0 && q->limit > 0 && q->bytes < STORE_QUERY_BYTES_MAX && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		r = take_row(q, statement, row, userdata);
		if (++looked == QUERY_STEP_ROWS && r >= 0)
			r = remember_place(q, statement);
	}
	if (r < 0)
		return r;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return store_fail_sqlite(s, code);
	return looked == QUERY_STEP_ROWS && code == SQLITE_DONE;
}

int store_prune_step(struct store *s, const struct store_table *table, int64_t before_usec)
{
	const struct view *view = find_view(table->name);
	_cleanup_buf_ struct buf sql = BUF(1024), keys = BUF(256);

	if (!view)
		return -EINVAL;
	for (size_t i = 0; i < table->n_keys; i++)
		buf_printf(&keys, "%s%s", i ? ", " : "", table->columns[i]);
	buf_printf(&sql, "DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s %lld LIMIT %d)", view->table, buf_text(&keys),
		buf_text(&keys), view->table, view->is_old, (long long)before_usec, PRUNE_STEP_ROWS);
	int r = buf_error(&sql) ? buf_error(&sql) : store_transact(s, buf_text(&sql));
	return r < 0 ? r : sqlite3_changes(s->db);
}

bool store_is_idle(const struct store *s)
{
	return s->error == 0 && sqlite3_get_autocommit(s->db);
}
