/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file: what is put comes back, and whatever lies in its place is survived. The protocol and crashes are in
 * tests/e2e/test_store.py. */
#include "store.h"

#include "buf.h"
#include "cleanup.h"
#include "log.h"
#include "test.h"
#include "tests/support/both-languages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RESERVE_PAGES 256

struct world {
	char folder[64];
	char path[96], journal[128], marker[128];
	struct store *store;
	char *note;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	/* Memory, when there is: some of these tests open a file a thousand times, and each is synced. */
	strcpy(w->folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/tocsin-test-XXXXXX" : "/tmp/tocsin-test-XXXXXX");
	if (!mkdtemp(w->folder))
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/state.db", w->folder);
	snprintf(w->journal, sizeof(w->journal), "%s-journal", w->path);
	snprintf(w->marker, sizeof(w->marker), "%s.damaged", w->path);
	*state = w;
	return 0;
}

/* Removes all files; returns how many had names with PART in them. */
static int empty_folder(const struct world *w, const char *part)
{
	DIR *d = opendir(w->folder);
	int count = 0;

	for (struct dirent *e; (e = readdir(d));) {
		count += strstr(e->d_name, part) != NULL;
		unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return count;
}

static void close_store(struct world *w)
{
	w->store = store_close(w->store);
	free(w->note);
	w->note = NULL;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	close_store(w);
	empty_folder(w, "");
	rmdir(w->folder);
	free(w);
	return 0;
}

static int try_open(struct world *w)
{
	close_store(w);
	return store_open(w->path, &w->store, &w->note);
}

static void open_sound(struct world *w)
{
	assert_int_equal(try_open(w), 0);
	assert_null(w->note);
}

static void put(struct world *w, const char *table, const char *const *values)
{
	assert_int_equal(store_put(w->store, store_find_table(table), values), 0);
}
#define put(w, table, ...) put(w, table, (const char *const[]){ __VA_ARGS__ })

static void commit(struct world *w)
{
	assert_int_equal(store_commit(w->store), 0);
}

/* All rows as lines "table|column|…". */
static int append_row(const struct store_table *table, const char *const *values, void *userdata)
{
	buf_puts(userdata, table->name);
	for (size_t i = 0; i < table->n_columns; i++)
		buf_printf(userdata, "|%s", values[i]);
	buf_putc(userdata, '\n');
	return 0;
}

static void assert_rows(struct world *w, const char *expected)
{
	_cleanup_buf_ struct buf rows = BUF(32 * 1024 * 1024);

	assert_int_equal(store_load(w->store, append_row, &rows), 0);
	assert_string_equal(buf_text(&rows), expected);
}

/* SQL behind the store's back, while it is closed. Returns the first number it gives. */
static int64_t raw(const struct world *w, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db;
	int64_t number = -1;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	for (const char *rest = sql; *rest;) {
		assert_int_equal(sqlite3_prepare_v2(db, rest, -1, &statement, &rest), SQLITE_OK);
		int code = sqlite3_step(statement);
		assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
		if (code == SQLITE_ROW)
			number = sqlite3_column_int64(statement, 0);
		sqlite3_finalize(statement);
	}
	sqlite3_close(db);
	return number;
}

static char *read_all(const char *path, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	char *data = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	*ret_len = (size_t)st.st_size;
	return data;
}

static void write_all(const char *path, const void *data, size_t len)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
}

/* A file with a row in each table; returns its bytes. */
static char *make_file(struct world *w, size_t *ret_len)
{
	open_sound(w);
	for (size_t i = 0; i < store_n_tables; i++) {
		const char *values[16];

		for (size_t j = 0; j < 16; j++)
			values[j] = "some text that stands for a value";
		assert_int_equal(store_put(w->store, &store_tables[i], values), 0);
	}
	commit(w);
	close_store(w);
	return read_all(w->path, ret_len);
}

static void brings_every_table_back(void **state)
{
	static const char *const odd[] = {
		"", "'; DROP TABLE mail; --", "\"?1\"", "line\nline\r\n", "\xe6\x8a\xa5\xe8\xad\xa6", "not \xff UTF-8", "1", "0x1", "-7", "NULL",
	};
	_cleanup_buf_ struct buf expected = BUF(1024 * 1024);
	struct world *w = *state;

	open_sound(w);
	for (size_t i = 0; i < store_n_tables; i++) {
		const char *values[16];

		for (size_t j = 0; j < 16; j++)
			values[j] = odd[(i + j) % ELEMENTS(odd)];
		assert_int_equal(store_put(w->store, &store_tables[i], values), 0);
		append_row(&store_tables[i], values, &expected);
	}
	assert_rows(w, buf_text(&expected));
	commit(w);
	open_sound(w);
	assert_rows(w, buf_text(&expected));
}

static void replaces_deletes_and_clears(void **state)
{
	struct world *w = *state;

	open_sound(w);
	put(w, "recipient", "m1", "a@b", "waiting", "");
	put(w, "recipient", "m1", "c@d", "waiting", "");
	put(w, "recipient", "m2", "a@b", "waiting", "");
	put(w, "recipient", "m1", "a@b", "sent", "250 ok");
	put(w, "meta", "serial", "10");
	commit(w);
	assert_rows(w, "meta|serial|10\nrecipient|m1|a@b|sent|250 ok\nrecipient|m1|c@d|waiting|\nrecipient|m2|a@b|waiting|\n");

	const struct store_table *recipient = store_find_table("recipient");
	assert_int_equal(store_delete(w->store, recipient, (const char *const[]){ "m1", "a@b" }), 0);
	assert_int_equal(store_delete(w->store, recipient, (const char *const[]){ "m9", "a@b" }), 0);
	commit(w);
	open_sound(w);
	assert_rows(w, "meta|serial|10\nrecipient|m1|c@d|waiting|\nrecipient|m2|a@b|waiting|\n");

	assert_int_equal(store_clear(w->store, recipient), 0);
	commit(w);
	commit(w); /* nothing to do */
	open_sound(w);
	assert_rows(w, "meta|serial|10\n");
}

static void keeps_a_large_text(void **state)
{
	const size_t len = 15 * 1024 * 1024;
	_cleanup_free_ char *text = malloc(len + 1), *expected = NULL;
	struct world *w = *state;

	memset(text, 'x', len);
	text[len] = '\0';
	open_sound(w);
	put(w, "mail", "m1", "s", "f", text, "1", "2", "3", "status", "", "mail");
	commit(w);
	open_sound(w);
	assert_true(asprintf(&expected, "mail|m1|s|f|%s|1|2|3|status||mail\n", text) > 0);
	assert_rows(w, expected);
}

static int refuse_row(const struct store_table *table, const char *const *values, void *userdata)
{
	++*(int *)userdata;
	return -ECANCELED;
}

static void stops_loading_when_told(void **state)
{
	struct world *w = *state;
	int rows = 0;

	open_sound(w);
	put(w, "meta", "a", "1");
	put(w, "meta", "b", "2");
	put(w, "memory", "c", "n", "v", "5");
	commit(w);
	assert_int_equal(store_load(w->store, refuse_row, &rows), -ECANCELED);
	assert_int_equal(rows, 1);
	put(w, "meta", "b", "3");
	commit(w);
	assert_rows(w, "meta|a|1\nmeta|b|3\nmemory|c|n|v|5\n");
}

static void forgets_what_was_not_committed(void **state)
{
	struct world *w = *state;

	open_sound(w);
	put(w, "meta", "a", "1");
	commit(w);
	put(w, "meta", "a", "2");
	put(w, "meta", "b", "2");
	open_sound(w);
	assert_rows(w, "meta|a|1\n");
}

static void keeps_the_first_error_until_the_commit(void **state)
{
	const struct store_table *meta = store_find_table("meta");
	struct world *w = *state;

	open_sound(w);
	assert_string_equal(store_error(w->store), "");
	put(w, "meta", "a", "1");
	commit(w);
	put(w, "meta", "a", "2");
	assert_int_equal(store_put(w->store, meta, (const char *const[]){ "b", NULL }), -EINVAL);
	assert_int_equal(store_put(w->store, meta, (const char *const[]){ "c", "3" }), -EINVAL);
	assert_int_equal(store_clear(w->store, meta), -EINVAL);
	assert_int_equal(store_commit(w->store), -EINVAL);
	assert_non_null(strstr(store_error(w->store), "NOT NULL"));
	assert_rows(w, "meta|a|1\n");

	put(w, "meta", "d", "4");
	commit(w);
	open_sound(w);
	assert_rows(w, "meta|a|1\nmeta|d|4\n");
}

/* A limit on file sizes stands for any write that fails in the middle of a commit. */
static void rolls_back_when_a_write_fails(void **state)
{
	const size_t len = 8 * 1024 * 1024;
	_cleanup_free_ char *text = malloc(len + 1);
	struct rlimit before, tight;
	struct world *w = *state;

	memset(text, 'x', len);
	text[len] = '\0';
	open_sound(w);
	put(w, "meta", "a", "1");
	commit(w);

	getrlimit(RLIMIT_FSIZE, &before);
	tight = before;
	tight.rlim_cur = 4 * 1024 * 1024;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &tight);
	put(w, "meta", "a", "2");
	put(w, "mail", "m1", "s", "f", text, "1", "2", "3", "status", "", "mail");
	int r = store_commit(w->store);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_true(r == -EIO || r == -EFBIG); /* SQLite may have lost the reason while it rolled back */
	assert_string_not_equal(store_error(w->store), "");
	assert_rows(w, "meta|a|1\n");

	put(w, "meta", "b", "3");
	commit(w);
	open_sound(w);
	assert_rows(w, "meta|a|1\nmeta|b|3\n");
	close_store(w);
	assert_int_equal(raw(w, "PRAGMA integrity_check; SELECT count(*) FROM meta"), 2);
}

static void keeps_others_out(void **state)
{
	struct world *w = *state;
	struct stat st;

	write_all(w->path, "", 0);
	chmod(w->path, 0644);
	mode_t mask = umask(0);
	open_sound(w);
	put(w, "meta", "a", "1");
	commit(w);
	umask(mask);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(w->journal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* History */

static void put_event(struct world *w, int64_t number, int64_t time, const char *check, const char *item, const char *waiting)
{
	char numbers[2][24];

	snprintf(numbers[0], sizeof(numbers[0]), "%lld", (long long)number);
	snprintf(numbers[1], sizeof(numbers[1]), "%lld", (long long)time);
	put(w, "event", numbers[0], "problem", check, item, "OK", "WARNING", numbers[1], "1", "1", "text", waiting, "", "3", "");
}

static void put_incident(struct world *w, const char *number, const char *opened, const char *closed, const char *item)
{
	put(w, "incident", number, "disk", item, "disk", opened, closed, "WARNING", "text", "", "", "0", "0", "");
}

/* The keys of the answer, each with a blank behind it. */
static int append_key(const struct store_table *table, const char *const *values, void *userdata)
{
	buf_printf(userdata, "%s ", values[0]);
	return 0;
}

static void assert_answer(struct world *w, const char *expected, const char *what, int64_t since, int64_t until,
	const char *glob, int64_t limit)
{
	_cleanup_buf_ struct buf keys = BUF(1024 * 1024);
	struct store_query *q;
	int r;

	assert_int_equal(store_query_new(what, since, until, glob, limit, &q), 0);
	do
		r = store_query_step(w->store, q, append_key, &keys);
	while (r == 1);
	assert_int_equal(r, 0);
	assert_string_equal(buf_text(&keys), expected);
	store_query_free(q);
}

static void answers_for_events(void **state)
{
	struct world *w = *state;
	struct store_query *q;

	open_sound(w);
	put_event(w, 9, 100, "disk", "/", "");
	put_event(w, 10, 100, "disk", "/home", ""); /* the same instant */
	put_event(w, 11, 90, "disk", "/", ""); /* the clock was set back */
	put_event(w, 100, 200, "web", "nginx", "mail");
	commit(w);
	assert_answer(w, "100 10 9 11 ", "event", 0, INT64_MAX, "", 0);
	assert_answer(w, "10 9 ", "event", 100, 199, "", 0);
	assert_answer(w, "100 10 ", "event", 0, INT64_MAX, "", 2);
	assert_answer(w, "10 9 11 ", "event", 0, INT64_MAX, "di*", 0);
	assert_answer(w, "9 11 ", "event", 0, INT64_MAX, "disk//", 0);
	assert_answer(w, "10 ", "event", 0, INT64_MAX, "disk//h*", 0);
	assert_answer(w, "100 ", "event", 0, INT64_MAX, "[!d]*", 0);
	assert_answer(w, "", "event", 0, INT64_MAX, "'; DROP TABLE event; --", 0);
	assert_answer(w, "", "event", 300, 200, "", 0);
	assert_int_equal(store_query_new("meta", 0, 1, "", 0, &q), -EINVAL);
	assert_int_equal(store_query_new("sqlite_master", 0, 1, "", 0, &q), -EINVAL);
}

static void answers_for_incidents(void **state)
{
	struct world *w = *state;

	open_sound(w);
	put_incident(w, "1", "100", "200", "/");
	put_incident(w, "2", "150", "0", "/home");
	put_incident(w, "3", "300", "310", "/");
	commit(w);
	assert_answer(w, "3 2 1 ", "incident", 0, INT64_MAX, "", 0);
	assert_answer(w, "3 2 ", "incident", 201, INT64_MAX, "", 0); /* 2 lasts */
	assert_answer(w, "2 1 ", "incident", 200, 299, "", 0);
	assert_answer(w, "2 ", "incident", INT64_MAX, INT64_MAX, "", 0);
	assert_answer(w, "3 1 ", "incident", 0, INT64_MAX, "disk//", 0);
	/* A start gets what is open, and the last of each item. */
	assert_rows(w, "incident|2|disk|/home|disk|150|0|WARNING|text|||0|0|\nincident|3|disk|/|disk|300|310|WARNING|text|||0|0|\n");
}

static void answers_for_samples(void **state)
{
	struct world *w = *state;

	open_sound(w);
	for (int hour = 8; hour < 11; hour++)
		for (int item = 0; item < 2; item++) {
			char text[24];

			snprintf(text, sizeof(text), "%d", hour);
			put(w, "sample", text, "disk", item ? "/" : "/home", "used", "%", "1");
		}
	commit(w);
	assert_answer(w, "10 10 9 9 8 8 ", "sample", 0, 100, "", 0);
	assert_answer(w, "9 8 ", "sample", 0, 9, "disk//", 0);
	assert_answer(w, "10 10 9 ", "sample", 0, 100, "", 3);
	assert_rows(w, "sample|10|disk|/|used|%|1\nsample|10|disk|/home|used|%|1\n");
}

/* More than fits into a step; rows come, change and go between the steps. */
static void answers_in_steps(void **state)
{
	_cleanup_buf_ struct buf keys = BUF(1024 * 1024);
	struct world *w = *state;
	struct store_query *q;
	int steps = 1, rows = 0;

	open_sound(w);
	for (int64_t i = 1; i <= 2000; i++)
		put_event(w, i, i / 10, "disk", i % 2 ? "/" : "/home", "");
	commit(w);
	assert_int_equal(store_query_new("event", 0, INT64_MAX, "disk//", 0, &q), 0);
	assert_int_equal(store_query_step(w->store, q, append_key, &keys), 1);
	put_event(w, 3000, 3000, "disk", "/", ""); /* newer than what was read: not in this answer */
	const struct store_table *event = store_find_table("event");
	assert_int_equal(store_delete(w->store, event, (const char *const[]){ "1" }), 0);
	commit(w);
	store_tend(w->store);
	while (store_query_step(w->store, q, append_key, &keys) == 1)
		steps++;
	store_query_free(q);
	assert_in_range(steps, 5, 50);
	for (const char *p = buf_text(&keys); *p; p++)
		rows += *p == ' ';
	assert_int_equal(rows, 999);
	assert_memory_equal(buf_text(&keys), "1999 1997 ", 10);
	assert_string_equal(buf_text(&keys) + keys.len - 5, " 5 3 ");
}

static void bounds_an_answer(void **state)
{
	const size_t len = 1024 * 1024;
	_cleanup_free_ char *text = malloc(len + 1);
	struct world *w = *state;

	memset(text, 'x', len);
	text[len] = '\0';
	open_sound(w);
	for (int i = 0; i < 20; i++) {
		char number[24];

		snprintf(number, sizeof(number), "%d", 10 + i);
		put(w, "event", number, "problem", "c", "i", "OK", "WARNING", "5", "1", "1", text, "", "", "3", "");
	}
	commit(w);
	assert_answer(w, "29 28 27 26 25 24 23 22 ", "event", 0, INT64_MAX, "", 0);
}

/* An odd row is no end of the answer, wherever it stands. */
static void answers_around_odd_rows(void **state)
{
	struct world *w = *state;

	open_sound(w);
	put_event(w, 1, 10, "disk", "/", "");
	put_event(w, 2, 20, "disk", "/", "");
	commit(w);
	close_store(w);
	raw(w, "UPDATE event SET text = x'00' WHERE number = 1;"
	       "INSERT INTO event SELECT 3, event, check_name, item, from_state, to_state, 15, 1, 1, 'kept', '', '', 1, '' FROM event"
	       " WHERE number = 2; INSERT INTO event SELECT x'34', event, check_name, item, from_state, to_state, x'3530', 1, 1,"
	       " 'odd', '', '', 1, '' FROM event WHERE number = 2");
	open_sound(w);
	assert_answer(w, "2 3 ", "event", 0, INT64_MAX, "", 0);
}

static int prune_all(struct world *w, const char *table, int64_t before)
{
	int all = 0, n;

	while ((n = store_prune_step(w->store, store_find_table(table), before)) > 0)
		all += n;
	assert_int_equal(n, 0);
	return all;
}

static void forgets_what_is_old(void **state)
{
	struct world *w = *state;

	open_sound(w);
	for (int64_t i = 1; i <= 1200; i++)
		put_event(w, i, i, "disk", "/", i == 7 ? "mail" : "");
	put_incident(w, "1", "100", "200", "/");
	put_incident(w, "2", "100", "0", "/home");
	put_incident(w, "3", "100", "1200", "/");
	put(w, "sample", "5", "disk", "/", "used", "%", "1");
	put(w, "sample", "1100", "disk", "/", "used", "%", "1");
	assert_false(store_is_idle(w->store));
	commit(w);
	assert_true(store_is_idle(w->store));
	assert_int_equal(prune_all(w, "event", 1199), 1197);
	assert_int_equal(prune_all(w, "incident", 1199), 1);
	assert_int_equal(prune_all(w, "sample", 1199), 2);
	assert_int_equal(store_prune_step(w->store, store_find_table("meta"), 5), -EINVAL);
	assert_answer(w, "1200 1199 7 ", "event", 0, INT64_MAX, "", 0);
	assert_answer(w, "3 2 ", "incident", 0, INT64_MAX, "", 0);
	open_sound(w);
	assert_answer(w, "1200 1199 7 ", "event", 0, INT64_MAX, "", 0);
}

/* A start wants what still matters: what somebody waits for, and what happened since the last report. */
static void loads_what_a_start_wants(void **state)
{
	_cleanup_buf_ struct buf expected = BUF(1024 * 1024);
	struct world *w = *state;

	open_sound(w);
	put(w, "meta", "last_report", "500");
	put_event(w, 1, 100, "disk", "/", "night mail");
	put_event(w, 2, 499, "disk", "/", "");
	put_event(w, 3, 500, "disk", "/", "");
	commit(w);
	open_sound(w);
	assert_rows(w, "meta|last_report|500\nevent|1|problem|disk|/|OK|WARNING|100|1|1|text|night mail||3|\n"
		       "event|3|problem|disk|/|OK|WARNING|500|1|1|text|||3|\n");
	/* Without reports it would be ever more. */
	assert_int_equal(store_delete(w->store, store_find_table("meta"), (const char *const[]){ "last_report" }), 0);
	for (int64_t i = 2; i <= 6000; i++)
		put_event(w, i, i, "disk", "/", "");
	commit(w);
	assert_int_equal(store_load(w->store, append_key, &expected), 0);
	assert_memory_equal(buf_text(&expected), "1 1001 1002 ", 12);
}

/* Damage */

/* The path of the one file that was set aside. */
static char *find_aside(const struct world *w)
{
	DIR *d = opendir(w->folder);
	char *path = NULL;

	for (struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, "state.db.damaged-", 17) == 0 && !strstr(e->d_name, "-journal"))
			assert_true(asprintf(&path, "%s/%s", w->folder, e->d_name) > 0);
	closedir(d);
	assert_non_null(path);
	return path;
}

/* The file at w->path was damaged: it must be set aside, and the new one must work. */
static void assert_set_aside(struct world *w, const char *words)
{
	assert_int_equal(try_open(w), 0);
	assert_non_null(w->note);
	assert_says(w->note, ".damaged-2");
	if (words && !in_chinese && !strstr(w->note, words))
		fail_msg("\"%s\" is not in: %s", words, w->note);
	assert_rows(w, "");
	put(w, "meta", "a", "1");
	commit(w);
	open_sound(w);
	assert_rows(w, "meta|a|1\n");
	close_store(w);
}

static void sets_garbage_aside(void **state)
{
	static const char text[] = "This is no state file, but is long enough to have been one: it is over a hundred bytes in "
				   "all, so that a whole header of SQLite's is there to be looked at.";
	_cleanup_free_ char *noise = malloc(100000);
	struct world *w = *state;
	size_t len;

	write_all(w->path, text, sizeof(text));
	assert_set_aside(w, "not a database");
	_cleanup_free_ char *path = find_aside(w), *kept = read_all(path, &len);
	assert_int_equal(len, sizeof(text));
	assert_memory_equal(kept, text, len);

	uint32_t seed = 1;
	for (size_t i = 0; i < 100000; i++)
		noise[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
	write_all(w->path, noise, 100000);
	assert_set_aside(w, "not a database");
	memcpy(noise, "SQLite format 3", 16);
	write_all(w->path, noise, 100000);
	assert_set_aside(w, NULL);
	assert_int_equal(empty_folder(w, ".damaged-2"), 3 + 2); /* the last two with a journal */
}

static void sets_a_truncated_file_aside(void **state)
{
	struct world *w = *state;
	size_t len;
	_cleanup_free_ char *data = make_file(w, &len);
	_cleanup_free_ char *journal = calloc(1, 1024 * 1024);

	/* The last page is a free one: a cut through it loses nothing, and SQLite does not mind. */
	for (size_t cut = 0; cut <= len - 4096; cut += cut < 20 * 4096 ? 512 : 50 * 512) {
		empty_folder(w, "");
		write_all(w->path, data, cut);
		write_all(w->journal, journal, 1024 * 1024);
		assert_set_aside(w, NULL);
	}
	empty_folder(w, "");
	write_all(w->path, data, len - 1);
	open_sound(w);
}

/* One wrong byte: often nobody can tell, but nothing may break. */
static void survives_flipped_bytes(void **state)
{
	struct world *w = *state;
	size_t len;
	_cleanup_free_ char *data = make_file(w, &len);
	int refused = 0, aside = 0;

	for (size_t at = 0; at < 9 * 4096; at += at < 120 ? 1 : 61) {
		_cleanup_buf_ struct buf rows = BUF(1024 * 1024);

		empty_folder(w, "");
		data[at] ^= (char)(1 << at % 8);
		write_all(w->path, data, len);
		data[at] ^= (char)(1 << at % 8);
		int r = try_open(w);
		if (r == -ENOTSUP && at >= 60 && at < 64) { /* a version of the future, it seems */
			refused++;
			continue;
		}
		assert_int_equal(r, 0);
		aside += w->note != NULL;
		assert_int_equal(store_load(w->store, append_row, &rows), 0);
		put(w, "meta", "a", "1");
		commit(w);
	}
	assert_in_range(refused, 1, 4);
	assert_true(aside > 50);
}

static void sets_another_programs_file_aside(void **state)
{
	struct world *w = *state;

	raw(w, "CREATE TABLE meta (name, value)");
	assert_set_aside(w, "another program");
	raw(w, "PRAGMA application_id=7");
	assert_set_aside(w, "another program");
	raw(w, "DROP TABLE memory");
	assert_set_aside(w, "memory");
	raw(w, "ALTER TABLE memory RENAME COLUMN value TO worth");
	assert_set_aside(w, "value");
	raw(w, "PRAGMA user_version=-1");
	assert_set_aside(w, "version");
	raw(w, "PRAGMA user_version=0");
	assert_set_aside(w, "already exists");
}

static void runs_nothing_out_of_the_file(void **state)
{
	struct world *w = *state;

	open_sound(w);
	close_store(w);
	raw(w, "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM meta; END");
	open_sound(w);
	put(w, "meta", "a", "1");
	commit(w);
	assert_rows(w, "meta|a|1\n");
}

static void leaves_odd_rows_out(void **state)
{
	struct world *w = *state;

	open_sound(w);
	put(w, "meta", "a", "1");
	put(w, "meta", "z", "2");
	commit(w);
	close_store(w);
	raw(w, "INSERT INTO meta VALUES ('b', x'3132'); INSERT INTO meta VALUES ('c', CAST(x'310032' AS TEXT));"
	       "INSERT INTO meta VALUES (x'64', 'd')");
	open_sound(w);
	assert_rows(w, "meta|a|1\nmeta|z|2\n");
}

/* Runs FUNCTION in a child, so that what it opens and closes there does not touch our locks. */
static void in_child(struct world *w, void (*function)(struct world *w))
{
	int status;

	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		function(w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void overwrite_pages(struct world *w)
{
	static const char zeros[1024 * 1024];
	_cleanup_close_ int fd = open(w->path, O_WRONLY | O_CLOEXEC);

	if (pwrite(fd, zeros, sizeof(zeros), 3 * 1024 * 1024) != sizeof(zeros))
		_exit(1);
}

static void marks_what_is_damaged_in_use(void **state)
{
	const size_t len = 12 * 1024 * 1024; /* more than SQLite keeps in memory */
	_cleanup_free_ char *text = malloc(len + 1);
	_cleanup_buf_ struct buf rows = BUF(32 * 1024 * 1024);
	struct world *w = *state;

	memset(text, 'x', len);
	text[len] = '\0';
	open_sound(w);
	put(w, "mail", "m1", "s", "f", text, "1", "2", "3", "status", "", "mail");
	commit(w);
	open_sound(w);
	in_child(w, overwrite_pages);
	assert_int_equal(store_load(w->store, append_row, &rows), -EUCLEAN);
	assert_non_null(strstr(store_error(w->store), "malformed"));
	assert_int_equal(access(w->marker, F_OK), 0);
	close_store(w);
	assert_set_aside(w, "in use");
	assert_int_equal(access(w->marker, F_OK), -1);
}

/* Versions */

static void leaves_a_newer_file_alone(void **state)
{
	struct world *w = *state;
	size_t len, len_after;

	free(make_file(w, &len));
	raw(w, "PRAGMA user_version=9; CREATE TABLE of_the_future (a)");
	_cleanup_free_ char *before = read_all(w->path, &len);
	assert_int_equal(try_open(w), -ENOTSUP);
	assert_says(w->note, "newer");
	_cleanup_free_ char *after = read_all(w->path, &len_after);
	assert_int_equal(len, len_after);
	assert_memory_equal(before, after, len);
	close_store(w);
	assert_int_equal(empty_folder(w, ".damaged"), 0);
}

/* Each version that was ever released becomes today's, with its rows. */
static void migrates_from_every_version(void **state)
{
	struct world *w = *state;

	for (size_t n = 1; n <= store_n_steps; n++) {
		empty_folder(w, "");
		for (size_t i = 0; i < n; i++)
			raw(w, store_steps[i]);
		_cleanup_free_ char *sql = NULL;
		assert_true(asprintf(&sql, "PRAGMA application_id=%d; PRAGMA user_version=%zu;"
			"INSERT INTO meta VALUES ('a', '1')", 0x5463736e, n) > 0);
		raw(w, sql);
		open_sound(w);
		assert_rows(w, "meta|a|1\n");
		close_store(w);
		assert_int_equal(raw(w, "PRAGMA user_version"), store_n_steps);
	}
}

/* Numbers as large as a time of today become "*". */
static void hide_times(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		size_t digits = strspn(from, "0123456789");

		if (digits < 16) {
			*to++ = *from++;
			continue;
		}
		*to++ = '*';
		from += digits;
	}
	*to = '\0';
}

/* What the readers of version 1 had been told is not told again, and what they had not is. */
static void migrates_what_was_told(void **state)
{
	struct world *w = *state;

	raw(w, store_steps[0]);
	raw(w, "PRAGMA application_id=1415803758; PRAGMA user_version=1;"
	       "INSERT INTO meta VALUES ('last_report', '500');"
	       "INSERT INTO item VALUES ('disk', '/', 'disk', 'state=CRITICAL known=1 since=90 incident=12 incident_since=80 "
	       "blind=0 eased=0 bad=1,2,3', '{}', 't@h', 'no', '0');"
	       "INSERT INTO item VALUES ('nfs', '/n', 'disk', 'state=OK known=1 since=10 incident=13 incident_since=70 blind=1',"
	       " '{}', '', 'no', '0');"
	       "INSERT INTO item VALUES ('web', 'nginx', 'process', 'state=OK known=1 since=5 incident=0 incident_since=3 blind=0',"
	       " '{}', '', 'no', '0');"
	       "INSERT INTO item VALUES ('odd', 'odd', 'process', 'nonsense', '{}', '', 'no', '0');"
	       "INSERT INTO event VALUES ('9', 'problem', 'disk', '/', 'OK', 'WARNING', '90', '80', '12', 'full', 'm1');"
	       "INSERT INTO event VALUES ('10', 'worse', 'disk', '/', 'WARNING', 'CRITICAL', '600', '90', '12', 'fuller', 'm1');"
	       "INSERT INTO event VALUES ('11', 'blind', 'nfs', '/n', 'OK', 'UNKNOWN', '610', '70', '13', 'hangs', '');"
	       "INSERT INTO event VALUES ('12', 'found', 'web', 'nginx', 'OK', 'OK', '620', '3', '0', 'runs', '-');"
	       "INSERT INTO mail VALUES ('m1', 's', 'f', 'c', '600', '0', '600');"
	       "INSERT INTO mail VALUES ('m2', 'report', 'f', 'c', '500', '1', '700');"
	       "INSERT INTO recipient VALUES ('m1', 'a@b', 'pending', '')");
	open_sound(w);
	_cleanup_buf_ struct buf rows = BUF(100000);
	assert_int_equal(store_load(w->store, append_row, &rows), 0);
	hide_times((char *)buf_text(&rows));
	assert_string_equal(buf_text(&rows),
		"meta|last_report|500\n"
		"item|disk|/|disk|state=CRITICAL known=1 since=90 incident=12 incident_since=80 blind=0 eased=0 bad=1,2,3"
		" told=CRITICAL told_blind=0 told_at=* reminded_at=* told_incident=12 told_open=* told_critical=*|{}|t@h|no|0|\n"
		"item|nfs|/n|disk|state=OK known=1 since=10 incident=13 incident_since=70 blind=1"
		" told=OK told_blind=1 told_at=* reminded_at=* told_incident=13 told_open=*|{}||no|0|\n"
		"item|odd|odd|process|nonsense|{}||no|0|\n"
		"item|web|nginx|process|state=OK known=1 since=5 incident=0 incident_since=3 blind=0 told=OK told_blind=0|{}||no|0|\n"
		"incident|12|disk|/|disk|80|0|CRITICAL|full|||0|0|\n"
		"incident|13|nfs|/n|disk|70|0|UNKNOWN|hangs|||0|0|\n"
		"mail|m1|s|f|c|600|0|600|alert|9 10|mail\n"
		"mail|m2|report|f|c|500|1|700|status||mail\n"
		"recipient|m1|a@b|pending|\n"
		"event|9|problem|disk|/|OK|WARNING|90|80|12|full|||0|\n" /* older, but in a mail that waits */
		"event|10|worse|disk|/|WARNING|CRITICAL|600|90|12|fuller|||0|\n"
		"event|11|blind|nfs|/n|OK|UNKNOWN|610|70|13|hangs|mail||0|\n"
		"event|12|found|web|nginx|OK|OK|620|3|0|runs|||0|\n");
	close_store(w);
	assert_int_equal(raw(w, "SELECT count(*) FROM event"), 4);
}

static void takes_all_steps_or_none(void **state)
{
	const char *const good[] = {
		store_steps[0], store_steps[1], "ALTER TABLE memory ADD COLUMN unit TEXT NOT NULL DEFAULT ''", "UPDATE meta SET value = value || '!'",
	};
	const char *const bad[] = {
		store_steps[0], store_steps[1],
		"UPDATE meta SET value='lost'; ALTER TABLE memory ADD COLUMN unit TEXT NOT NULL DEFAULT ''",
	};
	struct world *w = *state;

	assert_int_equal(store_n_steps, 2); /* else start from the last version here */
	open_sound(w);
	put(w, "meta", "a", "1");
	put(w, "memory", "c", "n", "v", "5");
	commit(w);
	close_store(w);
	assert_int_equal(store_open_with(w->path, good, 4, &w->store, &w->note), 0);
	assert_null(w->note);
	assert_rows(w, "meta|a|1!\nmemory|c|n|v|5\n");
	close_store(w);
	assert_int_equal(raw(w, "PRAGMA user_version"), 4);
	assert_int_equal(store_open_with(w->path, good, 3, &w->store, &w->note), -ENOTSUP);
	close_store(w);

	raw(w, "PRAGMA user_version=2");
	assert_int_equal(store_open_with(w->path, bad, 3, &w->store, &w->note), 0);
	assert_says(w->note, "duplicate column");
	close_store(w);
	_cleanup_free_ char *aside = find_aside(w);
	assert_int_equal(rename(aside, w->path), 0);
	assert_int_equal(raw(w, "SELECT count(*) FROM meta WHERE value='1!'"), 1);
}

/* Who else, and where */

static void hold(struct world *w, int ready, int go)
{
	char c = 'x';

	if (store_open(w->path, &w->store, &w->note) == 0 && write(ready, &c, 1) == 1)
		while (read(go, &c, 1) < 0 && errno == EINTR)
			;
	_exit(0);
}

static void names_who_holds_the_file(void **state)
{
	_cleanup_free_ char *expected = NULL;
	struct world *w = *state;
	int ready[2], go[2];
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(go[1]);
		hold(w, ready[1], go[0]);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(try_open(w), -EBUSY);
	assert_true(asprintf(&expected, "process %d (", (int)pid) > 0);
	assert_says(w->note, expected);
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(go[0]);
	open_sound(w);

	struct store *second = NULL;
	_cleanup_free_ char *note = NULL;
	assert_int_equal(store_open(w->path, &second, &note), -EBUSY);
	assert_null(second);
}

static void refuses_what_is_no_plain_file(void **state)
{
	char other[128], link_path[128];
	struct world *w = *state;

	snprintf(other, sizeof(other), "%s/other", w->folder);
	assert_int_equal(symlink(other, w->path), 0);
	assert_int_equal(try_open(w), -ELOOP);
	assert_says(w->note, "symbolic link");
	assert_int_equal(access(other, F_OK), -1); /* nothing was made at its end */
	write_all(other, "", 0);
	assert_int_equal(try_open(w), -ELOOP);
	unlink(w->path);

	assert_int_equal(symlink(other, w->journal), 0);
	assert_int_equal(try_open(w), -ELOOP);
	unlink(w->journal);
	unlink(w->path);

	assert_int_equal(mkfifo(w->path, 0600), 0);
	assert_int_equal(try_open(w), -EINVAL);
	unlink(w->path);
	assert_int_equal(mkdir(w->path, 0700), 0);
	assert_int_equal(try_open(w), -EISDIR);
	rmdir(w->path);

	/* A link to the folder is the administrator's business. */
	snprintf(link_path, sizeof(link_path), "%s/link", w->folder);
	assert_int_equal(symlink(".", link_path), 0);
	snprintf(w->path, sizeof(w->path), "%s/link/state.db", w->folder);
	open_sound(w);
	put(w, "meta", "a", "1");
	commit(w);
}

static void wants_its_folder(void **state)
{
	_cleanup_free_ char *note = NULL;
	struct store *s = NULL;

	assert_int_equal(store_open("/nonexistent/folder/state.db", &s, &note), -ENOENT);
	assert_null(s);
	assert_says(note, "folder");
}

static void takes_a_path_as_a_name_only(void **state)
{
	_cleanup_free_ char *here = getcwd(NULL, 0), *note = NULL;
	struct world *w = *state;

	assert_int_equal(chdir(w->folder), 0);
	assert_int_equal(store_open(":memory:", &w->store, &note), 0);
	close_store(w);
	assert_int_equal(store_open("file:x?mode=memory", &w->store, &note), 0);
	close_store(w);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(empty_folder(w, ":memory:") + empty_folder(w, "file:x"), 2 + 0); /* each with its journal */
}

/* In a child with a mount table of its own: exit status 77 when that cannot be had. */
static int try_read_only(struct world *w)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", w->folder, "tmpfs", MS_NOSUID, "size=16m") < 0)
		return 77;
	open_sound(w);
	put(w, "meta", "a", "1");
	commit(w);
	close_store(w);
	assert_int_equal(mount(NULL, w->folder, NULL, MS_REMOUNT | MS_RDONLY, "size=16m"), 0);
	assert_int_equal(try_open(w), 0);
	assert_says(w->note, "read but not written");
	assert_rows(w, "meta|a|1\n");
	assert_true(store_put(w->store, store_find_table("meta"), (const char *const[]){ "b", "2" }) == -EROFS);
	assert_int_equal(store_commit(w->store), -EROFS);
	store_tend(w->store);
	assert_rows(w, "meta|a|1\n");
	close_store(w);

	snprintf(w->path, sizeof(w->path), "%s/new.db", w->folder);
	assert_int_equal(try_open(w), -EROFS);
	return 0;
}

static void reads_what_it_cannot_write(void **state)
{
	int status;

	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(try_read_only(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* no mount namespace: not root, or a container */
	assert_int_equal(status, 0);
}

/* The reserve */

static void assert_reserve(const struct world *w, int64_t pages)
{
	struct stat st;

	assert_int_equal(stat(w->journal, &st), 0);
	assert_true(st.st_size >= 1024 * 1024);
	assert_true((int64_t)st.st_blocks * 512 >= st.st_size);
	assert_int_equal(stat(w->path, &st), 0);
	assert_true((int64_t)st.st_blocks * 512 >= st.st_size); /* free pages are no hole */
	assert_true(raw(w, "PRAGMA freelist_count") >= pages);
}

static void keeps_a_reserve_on_the_disk(void **state)
{
	_cleanup_free_ char *text = malloc(50001);
	struct world *w = *state;

	memset(text, 'x', 50000);
	text[50000] = '\0';
	open_sound(w);
	close_store(w);
	assert_reserve(w, RESERVE_PAGES);
	open_sound(w);
	for (int i = 0; i < 200; i++) {
		char id[16];

		snprintf(id, sizeof(id), "m%d", i);
		put(w, "mail", id, "s", "f", text, "1", "2", "3", "status", "", "mail");
		commit(w);
		store_tend(w->store);
	}
	close_store(w);
	assert_reserve(w, RESERVE_PAGES / 2);
	open_sound(w);
	close_store(w);
	assert_reserve(w, RESERVE_PAGES);
	raw(w, "CREATE TABLE reserve (content BLOB); INSERT INTO reserve VALUES (zeroblob(1048576))"); /* died between */
	open_sound(w);
	close_store(w);
	assert_reserve(w, RESERVE_PAGES);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(brings_every_table_back), TEST(replaces_deletes_and_clears), TEST(keeps_a_large_text), TEST(stops_loading_when_told),
		TEST(forgets_what_was_not_committed), TEST(keeps_the_first_error_until_the_commit),
		TEST(answers_for_events), TEST(answers_for_incidents), TEST(answers_for_samples), TEST(answers_in_steps),
		TEST(bounds_an_answer), TEST(answers_around_odd_rows), TEST(forgets_what_is_old), TEST(loads_what_a_start_wants),
		TEST(migrates_what_was_told), TEST(rolls_back_when_a_write_fails), TEST(keeps_others_out), TEST(sets_garbage_aside),
		TEST(sets_a_truncated_file_aside), TEST(survives_flipped_bytes), TEST(sets_another_programs_file_aside),
		TEST(runs_nothing_out_of_the_file), TEST(leaves_odd_rows_out), TEST(marks_what_is_damaged_in_use),
		TEST(leaves_a_newer_file_alone), TEST(migrates_from_every_version), TEST(takes_all_steps_or_none),
		TEST(names_who_holds_the_file), TEST(refuses_what_is_no_plain_file), TEST(wants_its_folder),
		TEST(takes_a_path_as_a_name_only), TEST(reads_what_it_cannot_write), TEST(keeps_a_reserve_on_the_disk),
	};

	log_set_level(LOG_EMERG);
	return run_in_both_languages(tests, NULL, NULL);
}
