/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file in SQLite: to open it whatever it holds, and to make transactions durable. What the rows mean is not
 * known here, and no text of a value ever becomes SQL: it is bound.
 *
 * Laid out for the day when the disk is full: a rollback journal that stays, and a reserve (store-reserve.c). (WAL is no
 * choice: its shared memory is a sparse mapping, and dies of SIGBUS on a full disk.)
 *
 * Trap: closing any descriptor of the file drops this process's POSIX locks on it (fcntl(2)), so nothing here opens
 * the file itself while SQLite has it open. The journal carries no locks. */
#include "store-internal.h"

#include "log.h"
#include "translate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define APPLICATION_ID INT64_C(0x5463736e) /* "Tcsn" */
#define VERSION_MAX 9999 /* a greater one was never ours: bits have flipped */
#define LOCK_PATIENCE_MSEC 5000 /* for a former writer that waits for its disk; half of what the daemon waits for rows */
#define WORDS_MAX 2048

/* Whole notes for the next mail. */
#define SAY_SET_ASIDE N_("The state file %s was damaged (%s). It was set aside as %s, and a new one was begun: what was known" \
	" of open problems, of events and of mails that were waiting is lost, and problems that last will be" \
	" reported again. Look at the disk, and remove the damaged file when it is of no more use.")
#define SAY_READ_ONLY _("The state file %s can be read but not written: what happens from now on cannot be stored. See whether its" \
	" file system was mounted read-only after an error.")

const char *const store_steps[] = {
	"CREATE TABLE meta (name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name)) WITHOUT ROWID;"
	"CREATE TABLE item (check_name TEXT NOT NULL, item TEXT NOT NULL, module TEXT NOT NULL, alert TEXT NOT NULL,"
	" result TEXT NOT NULL, thread TEXT NOT NULL, stands_in TEXT NOT NULL, absent_since TEXT NOT NULL,"
	" PRIMARY KEY (check_name, item)) WITHOUT ROWID;"
	"CREATE TABLE event (number TEXT NOT NULL, event TEXT NOT NULL, check_name TEXT NOT NULL, item TEXT NOT NULL,"
	" from_state TEXT NOT NULL, to_state TEXT NOT NULL, time_usec TEXT NOT NULL, since_usec TEXT NOT NULL,"
	" incident TEXT NOT NULL, text TEXT NOT NULL, mail_id TEXT NOT NULL, PRIMARY KEY (number)) WITHOUT ROWID;"
	"CREATE TABLE mail (id TEXT NOT NULL, subject TEXT NOT NULL, sender TEXT NOT NULL, content TEXT NOT NULL,"
	" queued_usec TEXT NOT NULL, attempts TEXT NOT NULL, next_try_usec TEXT NOT NULL, PRIMARY KEY (id)) WITHOUT ROWID;"
	"CREATE TABLE recipient (mail_id TEXT NOT NULL, address TEXT NOT NULL, fate TEXT NOT NULL, answer TEXT NOT NULL,"
	" PRIMARY KEY (mail_id, address)) WITHOUT ROWID;"
	"CREATE TABLE memory (check_name TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, time_usec TEXT NOT NULL,"
	" PRIMARY KEY (check_name, name)) WITHOUT ROWID;",
	/* What happened is asked for by time now, so its numbers are numbers; reminders and late mails need to know what
	 * the readers believe: version 1 had told them whatever no event waited to tell. */
	"ALTER TABLE item ADD COLUMN fault TEXT NOT NULL DEFAULT '';"
	"CREATE TABLE incident (number INTEGER NOT NULL, check_name TEXT NOT NULL, item TEXT NOT NULL, module TEXT NOT NULL,"
	" opened_usec INTEGER NOT NULL, closed_usec INTEGER NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL,"
	" ack_who TEXT NOT NULL, ack_why TEXT NOT NULL, ack_usec INTEGER NOT NULL, ack_until_usec INTEGER NOT NULL,"
	" escalated TEXT NOT NULL, PRIMARY KEY (number)) WITHOUT ROWID;"
	"CREATE TABLE silence (id TEXT NOT NULL, glob TEXT NOT NULL, until_usec INTEGER NOT NULL,"
	" created_usec INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (id)) WITHOUT ROWID;"
	"CREATE TABLE sample (hour_usec INTEGER NOT NULL, check_name TEXT NOT NULL, item TEXT NOT NULL,"
	" metric TEXT NOT NULL, unit TEXT NOT NULL, buckets TEXT NOT NULL,"
	" PRIMARY KEY (hour_usec, check_name, item, metric)) WITHOUT ROWID;"
	"ALTER TABLE mail ADD COLUMN kind TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE mail ADD COLUMN events TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE mail ADD COLUMN routes TEXT NOT NULL DEFAULT '';"
	"UPDATE mail SET routes = 'mail', events = coalesce((SELECT group_concat(number, ' ') FROM"
	" (SELECT number FROM event WHERE mail_id = mail.id ORDER BY CAST(number AS INTEGER))), '');"
	"UPDATE mail SET kind = CASE events WHEN '' THEN 'status' ELSE 'alert' END;"
	"ALTER TABLE event RENAME TO event_1;"
	"CREATE TABLE event (number INTEGER NOT NULL, event TEXT NOT NULL, check_name TEXT NOT NULL, item TEXT NOT NULL,"
	" from_state TEXT NOT NULL, to_state TEXT NOT NULL, time_usec INTEGER NOT NULL, since_usec INTEGER NOT NULL,"
	" incident INTEGER NOT NULL, text TEXT NOT NULL, waiting TEXT NOT NULL, note TEXT NOT NULL, looks INTEGER NOT NULL,"
	" who TEXT NOT NULL, PRIMARY KEY (number)) WITHOUT ROWID;"
	"CREATE INDEX event_time ON event (time_usec);"
	"INSERT INTO event SELECT number, event, check_name, item, from_state, to_state, time_usec, since_usec, incident,"
	" text, CASE mail_id WHEN '' THEN 'mail' ELSE '' END, '', 0, '' FROM event_1;"
	"DROP TABLE event_1;"
	/* A number behind a word is what CAST() makes of the rest of the line; a word is never at its beginning but "state".
	 * Reminders count from the upgrade on. */
	"UPDATE item SET alert = alert || (SELECT ' told=' || state || ' told_blind=' || blind || CASE WHEN incident > 0 THEN"
	" ' told_at=' || now || ' reminded_at=' || now || ' told_incident=' || incident || ' told_open=' || now ||"
	" CASE state WHEN 'CRITICAL' THEN ' told_critical=' || now ELSE '' END ELSE '' END"
	" FROM (SELECT substr(alert, 7, instr(alert || ' ', ' ') - 7) AS state, instr(alert, ' blind=1') > 0 AS blind,"
	" CAST(substr(alert, instr(alert, ' incident=') + 10) AS INTEGER) AS incident,"
	" CAST(strftime('%s', 'now') AS INTEGER) * 1000000 AS now)) WHERE alert LIKE 'state=%';"
	"INSERT OR IGNORE INTO incident SELECT o.number, check_name, item, module, o.since, 0,"
	" coalesce((SELECT to_state FROM event e WHERE e.incident = o.number ORDER BY to_state <> 'CRITICAL', e.number LIMIT 1),"
	" 'UNKNOWN'), coalesce((SELECT text FROM event e WHERE e.incident = o.number ORDER BY e.number LIMIT 1), ''),"
	" '', '', 0, 0, '' FROM (SELECT *, CAST(substr(alert, instr(alert, ' incident=') + 10) AS INTEGER) AS number,"
	" CAST(substr(alert, instr(alert, ' incident_since=') + 16) AS INTEGER) AS since FROM item"
	" WHERE instr(alert, ' incident=') > 0) o WHERE o.number > 0;",
};

const size_t store_n_steps = ELEMENTS(store_steps);

/* Errors */

static const struct {
	int code, error;
} codes[] = {
	{ SQLITE_FULL, ENOSPC },
	{ SQLITE_READONLY, EROFS },
	{ SQLITE_BUSY, EBUSY },
	{ SQLITE_LOCKED, EBUSY },
	{ SQLITE_CORRUPT, EUCLEAN },
	{ SQLITE_NOTADB, EUCLEAN },
	{ SQLITE_NOMEM, ENOMEM },
	{ SQLITE_TOOBIG, EMSGSIZE },
	{ SQLITE_PERM, EACCES },
	{ SQLITE_CONSTRAINT, EINVAL },
};

/* An SQLite result code as a negative errno. */
static int code_error(const struct store *s, int code)
{
	for (size_t i = 0; i < ELEMENTS(codes); i++)
		if (codes[i].code == (code & 0xff))
			return -codes[i].error;
	if ((code & 0xff) == SQLITE_ERROR && !s->open) /* our SQL is right, so the tables are not as we made them */
		return -EUCLEAN;
	int system_error = sqlite3_system_errno(s->db);
	return system_error > 0 ? -system_error : -EIO;
}

/* A file beside the state file that says: it was found damaged while in use. */
static char *marker_name(const struct store *s)
{
	char *name;

	return asprintf(&name, "%s.damaged", s->path) < 0 ? NULL : name;
}

static void mark_damaged(const struct store *s)
{
	_cleanup_free_ char *name = marker_name(s);

	/* When this fails too, the check at the next start decides alone. */
	if (name)
		close_fd(open(name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
}

/* Keeps words for store_error() and returns ERROR. */
static int store_fail(struct store *s, int error, const char *format, ...) _printf_(3, 4);
static int store_fail(struct store *s, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	buf_clear(&s->words);
	buf_vprintf(&s->words, translate(format), arguments);
	va_end(arguments);
	if (error == -EUCLEAN && s->open)
		mark_damaged(s);
	return error;
}

/* The failure that SQLite just had with CODE. */
int store_fail_sqlite(struct store *s, int code)
{
	int error = code_error(s, code);
	int system_error = sqlite3_system_errno(s->db);

	if (system_error > 0 && (code & 0xff) == SQLITE_IOERR)
		return store_fail(s, error, "%s (%s)", sqlite3_errmsg(s->db), strerror(system_error));
	return store_fail(s, error, "%s", sqlite3_errmsg(s->db));
}

const char *store_error(const struct store *s)
{
	return buf_text(&s->words);
}

/* SQL */

static int run_sql(struct store *s, const char *sql)
{
	int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : store_fail_sqlite(s, code);
}

int store_run(struct store *s, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);
	int r = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : store_fail_sqlite(s, code);

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return r;
}

int store_prepare(struct store *s, const char *sql, sqlite3_stmt **ret)
{
	int code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL);

	return code == SQLITE_OK ? 0 : store_fail_sqlite(s, code);
}

/* The first column of the first row that SQL gives; "" when there is none. */
static int query(struct store *s, const char *sql, char **ret)
{
	_cleanup_finalize_ sqlite3_stmt *statement = NULL;
	const char *text = NULL;

	int r = store_prepare(s, sql, &statement);
	if (r < 0)
		return r;
	int code = sqlite3_step(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return store_fail_sqlite(s, code);
	if (code == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(statement, 0);
	char *copy = strdup(text ? text : "");
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int query_number(struct store *s, const char *sql, int64_t *ret)
{
	_cleanup_free_ char *text = NULL;

	int r = query(s, sql, &text);
	if (r == 0)
		*ret = strtoll(text, NULL, 10);
	return r;
}

static void append_names(struct buf *sql, const struct store_table *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(sql, "%s\"%s\"", i ? "," : "", table->columns[i]);
}

static void build_put(struct buf *sql, const struct store_table *table)
{
	buf_printf(sql, "INSERT INTO \"%s\" (", table->name);
	append_names(sql, table, table->n_columns);
	buf_puts(sql, ") VALUES (");
	for (size_t i = 0; i < table->n_columns; i++)
		buf_printf(sql, "%s?%zu", i ? "," : "", i + 1);
	buf_puts(sql, ") ON CONFLICT (");
	append_names(sql, table, table->n_keys);
	buf_puts(sql, table->n_keys < table->n_columns ? ") DO UPDATE SET " : ") DO NOTHING");
	for (size_t i = table->n_keys; i < table->n_columns; i++)
		buf_printf(sql, "%s\"%s\"=excluded.\"%s\"", i > table->n_keys ? "," : "", table->columns[i],
			table->columns[i]);
}

static void build_delete(struct buf *sql, const struct store_table *table)
{
	buf_printf(sql, "DELETE FROM \"%s\" WHERE ", table->name);
	for (size_t i = 0; i < table->n_keys; i++)
		buf_printf(sql, "%s\"%s\"=?%zu", i ? " AND " : "", table->columns[i], i + 1);
}

static void build_clear(struct buf *sql, const struct store_table *table)
{
	buf_printf(sql, "DELETE FROM \"%s\"", table->name);
}

static void build_load(struct buf *sql, const struct store_table *table)
{
	buf_puts(sql, "SELECT ");
	append_names(sql, table, table->n_columns);
	buf_printf(sql, " FROM \"%s\" WHERE %s ORDER BY ", table->name, table->loaded ? table->loaded : "1");
	append_names(sql, table, table->n_keys);
}

static void (*const builders[STATEMENTS])(struct buf *sql, const struct store_table *table) = {
	[PUT] = build_put, [DELETE] = build_delete, [CLEAR] = build_clear, [LOAD] = build_load,
};

static int prepare_tables(struct store *s)
{
	for (size_t i = 0; i < store_n_tables; i++)
		for (size_t j = 0; j < STATEMENTS; j++) {
			_cleanup_buf_ struct buf sql = BUF(4096);

			builders[j](&sql, &store_tables[i]);
			int r = buf_error(&sql) ? buf_error(&sql) : store_prepare(s, buf_text(&sql), &s->statement[i][j]);
			if (r < 0)
				return r;
		}
	return 0;
}

static int prepare_all(struct store *s)
{
	int r = prepare_tables(s);

	if (r == 0)
		r = store_prepare(s, "BEGIN IMMEDIATE", &s->begin);
	if (r == 0)
		r = store_prepare(s, "COMMIT", &s->commit);
	if (r == 0)
		r = store_prepare(s, "ROLLBACK", &s->rollback);
	if (r == 0)
		r = store_prepare(s, "PRAGMA freelist_count", &s->free_pages);
	return r;
}

/* Ends a transaction without it. SQLite has often done so already, after a failure to write. */
static void roll_back(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db) && s->rollback)
		store_run(s, s->rollback);
	else if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int store_transact(struct store *s, const char *sql)
{
	int r = run_sql(s, "BEGIN IMMEDIATE");

	if (r == 0)
		r = run_sql(s, sql);
	if (r == 0)
		r = run_sql(s, "COMMIT");
	if (r < 0) {
		_cleanup_free_ char *words = strdup(buf_text(&s->words));

		roll_back(s); /* which may fail in words of its own */
		buf_clear(&s->words);
		buf_puts(&s->words, words ? words : strerror(-r));
	}
	return r;
}

/* Opening */

/* The folder of PATH as it really is, and the name in it. So a path is never taken for a URI or ":memory:", links are
 * allowed for the folder, and SQLite can be told to follow none. */
static int resolve(struct store *s, const char *path)
{
	_cleanup_free_ char *for_folder = strdup(path), *for_name = strdup(path), *folder = NULL;

	if (!for_folder || !for_name)
		return -ENOMEM;
	s->path = strdup(path);
	folder = realpath(dirname(for_folder), NULL);
	if (!folder)
		return store_fail(s, -errno, "%s: the folder of the state file cannot be used: %s", path, strerror(errno));
	free(s->path);
	const char *slash = strcmp(folder, "/") == 0 ? "" : "/";
	if (asprintf(&s->path, "%s%s%s", folder, slash, basename(for_name)) < 0) {
		s->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int sync_folder(const struct store *s)
{
	_cleanup_free_ char *copy = strdup(s->path);

	if (!copy)
		return -ENOMEM;
	_cleanup_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Says what kind of error makes a file one that can be read only. */
static bool is_write_protected(int error)
{
	return error == EROFS || error == EACCES || error == EPERM;
}

/* Creates the file when there is none, and refuses what is no plain file. SQLite would create it readable for all. */
static int claim_file(struct store *s, struct stat *ret_st)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	s->created = lstat(s->path, &st) < 0;
	/* O_NONBLOCK: not to wait at a FIFO for its other end. */
	fd = open(s->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 && is_write_protected(errno)) {
		int denied = errno;

		fd = open(s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		s->read_only = fd >= 0;
		errno = denied;
	}
	if (fd < 0 && errno == ELOOP)
		return store_fail(s, -ELOOP, "%s: the state file is a symbolic link, which is refused: name the file itself", s->path);
	if (fd < 0)
		return store_fail(s, -errno, "%s: the state file cannot be opened: %s", s->path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return store_fail(s, -errno, "%s: %s", s->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return store_fail(s, -EINVAL, "%s: the state file is not a regular file", s->path);
	if ((st.st_mode & 07777) != 0600 && !s->read_only && fchmod(fd, 0600) < 0)
		log_error_errno(-errno, "%s: the mode of the state file cannot be set to 0600", s->path);
	int r = st.st_size == 0 ? sync_folder(s) : 0;
	if (r < 0)
		return store_fail(s, r, "%s: the folder of the state file cannot be synced: %s", s->path, strerror(-r));
	*ret_st = st;
	return 0;
}

/* The journal must be a plain file too. An empty state file beside a journal that was used once held something. */
static int look_at_journal(struct store *s, const struct stat *file)
{
	_cleanup_free_ char *journal = NULL, *marker = marker_name(s);
	struct stat st;

	if (!marker || asprintf(&journal, "%s-journal", s->path) < 0)
		return -ENOMEM;
	if (lstat(journal, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return store_fail(s, -ELOOP, "%s: the journal of the state file is not a regular file, which is refused", journal);
		if (file->st_size == 0 && !s->created && st.st_size >= STORE_JOURNAL_BYTES)
			return store_fail(s, -EUCLEAN, "it is empty, and was not");
	}
	if (file->st_size == 0)
		unlink(marker); /* it spoke of a file that is gone */
	else if (access(marker, F_OK) == 0)
		return store_fail(s, -EUCLEAN, "damage was found while it was in use");
	return 0;
}

/* Nothing in a damaged file may run or lead elsewhere. */
static const struct {
	int option, on;
} settings[] = {
	{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
	{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
	{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
	{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
	{ SQLITE_DBCONFIG_DQS_DML, 0 }, /* else a column that is missing reads as its own name */
	{ SQLITE_DBCONFIG_DQS_DDL, 0 },
};

static int connect_file(struct store *s)
{
	int flags = (s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOFOLLOW;
	int code = sqlite3_open_v2(s->path, &s->db, flags, NULL);

	if (!s->db)
		return store_fail(s, -ENOMEM, "%s: no memory", s->path);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, LOCK_PATIENCE_MSEC);
	if (code != SQLITE_OK)
		return store_fail_sqlite(s, code);
	for (size_t i = 0; i < ELEMENTS(settings); i++)
		sqlite3_db_config(s->db, settings[i].option, settings[i].on, NULL);
	return 0;
}

/* Takes the lock for good and sets how it is written. The first statement that reads also rolls back what a crash
 * left half done. Debian builds SQLite with secure_delete, which would write (and journal) each page that is freed. */
static int lock_file(struct store *s)
{
	_cleanup_free_ char *mode = NULL;

	int r = run_sql(s, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096; PRAGMA temp_store=MEMORY;"
			   "PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
			   "PRAGMA cache_size=-2048; PRAGMA cache_spill=OFF; PRAGMA journal_size_limit=4194304;");
	if (r == 0)
		r = run_sql(s, s->read_only ? "BEGIN; SELECT count(*) FROM sqlite_master; COMMIT" : "BEGIN EXCLUSIVE; COMMIT");
	if (r == 0 && !s->read_only)
		r = query(s, "PRAGMA journal_mode=PERSIST", &mode);
	if (r < 0)
		return r;
	/* Two bytes of the header may say "read only" or "WAL". */
	if (!s->read_only && (sqlite3_db_readonly(s->db, "main") != 0 || strcmp(mode, "persist") != 0))
		return store_fail(s, -EUCLEAN, "its header asks for another way of writing");
	return 0;
}

static int check_pages(struct store *s)
{
	_cleanup_free_ char *verdict = NULL;

	int r = query(s, "PRAGMA quick_check(1)", &verdict);
	if (r == 0 && strcmp(verdict, "ok") != 0)
		r = store_fail(s, -EUCLEAN, "%s", verdict);
	return r;
}

static int migrate(struct store *s, const char *const *steps, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		_cleanup_buf_ struct buf sql = BUF(64 * 1024);

		buf_puts(&sql, steps[i]);
		buf_printf(&sql, ";PRAGMA application_id=%lld;PRAGMA user_version=%zu", (long long)APPLICATION_ID, i + 1);
		if (buf_error(&sql))
			return buf_error(&sql);
		int r = store_transact(s, buf_text(&sql));
		if (r < 0)
			return r;
		log_info("%s: the state file is now of version %zu", s->path, i + 1);
	}
	return 0;
}

static int check_version(struct store *s, size_t n_steps, size_t *ret_version)
{
	int64_t version = 0, application = 0, tables = 0;

	int r = query_number(s, "PRAGMA user_version", &version);
	if (r == 0)
		r = query_number(s, "PRAGMA application_id", &application);
	if (r == 0)
		r = query_number(s, "SELECT count(*) FROM sqlite_master", &tables);
	if (r < 0)
		return r;
	bool is_new = version == 0 && application == 0 && tables == 0;
	if (!is_new && application != APPLICATION_ID)
		return store_fail(s, -EUCLEAN, "it belongs to another program (application id %lld)", (long long)application);
	if (version < 0 || version > VERSION_MAX)
		return store_fail(s, -EUCLEAN, "its version, %lld, is none that ever was", (long long)version);
	if ((uint64_t)version > n_steps)
		return store_fail(s, -ENOTSUP, "%s: a newer tocsin wrote the state file (version %lld; this one knows %zu): install"
			" that again, or move the file away to begin anew", s->path, (long long)version, n_steps);
	*ret_version = (size_t)version;
	return 0;
}

/* One attempt; -EUCLEAN: the file is damaged, words say how. */
static int open_file(struct store *s, const char *const *steps, size_t n_steps)
{
	struct stat st = { 0 };
	size_t version = 0;

	int r = claim_file(s, &st);
	if (r == 0)
		r = look_at_journal(s, &st);
	if (r == 0)
		r = connect_file(s);
	if (r == 0)
		r = lock_file(s);
	if (r == 0)
		r = check_pages(s);
	if (r == 0)
		r = check_version(s, n_steps, &version);
	if (r == 0 && version < n_steps)
		r = migrate(s, steps, version, n_steps);
	if (r == 0)
		r = prepare_all(s);
	return r;
}

static void disconnect(struct store *s)
{
	for (size_t i = 0; i < store_n_tables; i++)
		for (size_t j = 0; j < STATEMENTS; j++) {
			sqlite3_finalize(s->statement[i][j]);
			s->statement[i][j] = NULL;
		}
	sqlite3_stmt **const others[] = { &s->begin, &s->commit, &s->rollback, &s->free_pages };
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		sqlite3_finalize(*others[i]);
		*others[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* FROM + SUFFIX becomes TO + SUFFIX; nothing is ever replaced, and it need not be there. */
static int move(const char *from, const char *to, const char *suffix)
{
	_cleanup_free_ char *old = NULL, *new = NULL;

	if (asprintf(&old, "%s%s", from, suffix) < 0)
		return -ENOMEM;
	if (asprintf(&new, "%s%s", to, suffix) < 0)
		return -ENOMEM;
	if (renameat2(AT_FDCWD, old, AT_FDCWD, new, RENAME_NOREPLACE) == 0 || errno == ENOENT)
		return 0;
	/* Not every file system knows that flag. */
	if (errno == EINVAL && access(new, F_OK) < 0)
		return rename(old, new) < 0 ? -errno : 0;
	return -errno;
}

/* PATH.damaged-20261123T201405, or -2 … behind it when that is taken. */
static char *name_aside(const struct store *s)
{
	char when[32] = "", *name;
	time_t now = time(NULL);
	struct tm tm;
	struct stat st;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	for (int i = 1; i < 100; i++) {
		if (asprintf(&name, i == 1 ? "%s.damaged-%s" : "%s.damaged-%s-%d", s->path, when, i) < 0)
			return NULL;
		if (lstat(name, &st) < 0)
			return name;
		free(name);
	}
	return NULL;
}

/* Moves the damaged file out of the way, its journal first: a new file must never meet the old one's journal. */
static int set_aside(struct store *s, char **ret_note)
{
	_cleanup_free_ char *aside = name_aside(s), *marker = marker_name(s), *note = NULL;
	_cleanup_free_ char *damage = strdup(buf_text(&s->words));

	if (!aside || !marker || !damage)
		return store_fail(s, -ENOMEM, "%s: the damaged state file cannot be set aside", s->path);
	int r = move(s->path, aside, "-journal");
	if (r == 0)
		r = move(s->path, aside, "");
	if (r == 0)
		r = sync_folder(s);
	if (r < 0)
		return store_fail(s, r, "%s: the state file is damaged (%s) and cannot be set aside: %s", s->path, damage, strerror(-r));
	unlink(marker);
	log_warning(SAY_SET_ASIDE, s->path, damage, aside);
	if (asprintf(&note, _(SAY_SET_ASIDE), s->path, damage, aside) < 0)
		return -ENOMEM;
	*ret_note = TAKE_PTR(note);
	return 0;
}

/* Which process holds the file, 0: that is not known. Our own connection must be closed. */
static pid_t find_holder(const struct store *s, char name[static 64])
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_close_ int fd = open(s->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char path[64];

	name[0] = '\0';
	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)lock.l_pid);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	if (file && fgets(name, 64, file))
		name[strcspn(name, "\n")] = '\0';
	return lock.l_pid;
}

/* Words for an administrator, where SQLite's own do not name the file. */
static int explain(struct store *s, int error)
{
	char name[64];

	if (strncmp(buf_text(&s->words), s->path, strlen(s->path)) == 0)
		return error;
	if (error == -EBUSY) {
		pid_t holder = find_holder(s, name);

		if (holder == 0)
			return store_fail(s, error, "%s: the state file is held: a former writer still runs, or is stuck on the disk",
				s->path);
		return store_fail(s, error,
			"%s: the state file is held by process %d (%s): a former writer still runs, or is stuck on the disk", s->path,
			(int)holder, *name ? name : _("of an unknown name"));
	}
	_cleanup_free_ char *words = strdup(*buf_text(&s->words) ? buf_text(&s->words) : strerror(-error));
	return store_fail(s, error, "%s: the state file cannot be used: %s", s->path, words ? words : strerror(ENOMEM));
}

static int open_or_begin(struct store *s, const char *const *steps, size_t n_steps, char **ret_note)
{
	int r = open_file(s, steps, n_steps);

	if (r == -EUCLEAN) {
		disconnect(s);
		r = set_aside(s, ret_note);
		if (r == 0)
			r = open_file(s, steps, n_steps);
	}
	if (r < 0) {
		disconnect(s);
		return explain(s, r);
	}
	s->open = true;
	store_reserve(s);
	if (s->read_only && asprintf(ret_note, SAY_READ_ONLY, s->path) < 0)
		return -ENOMEM;
	return 0;
}

static void store_close_pointer(struct store **s)
{
	store_close(*s);
}
#define _cleanup_store_ _cleanup_(store_close_pointer)

int store_open_with(const char *path, const char *const *steps, size_t n_steps, struct store **ret, char **ret_note)
{
	_cleanup_store_ struct store *s = calloc(1, sizeof(*s));
	_cleanup_free_ char *note = NULL;

	*ret_note = NULL;
	if (!s)
		return -ENOMEM;
	s->words = BUF(WORDS_MAX);
	s->statement = calloc(store_n_tables, sizeof(*s->statement));
	int r = s->statement ? resolve(s, path) : -ENOMEM;
	if (r == 0)
		r = open_or_begin(s, steps, n_steps, &note);
	if (r < 0) {
		*ret_note = buf_take(&s->words);
		return r;
	}
	*ret_note = TAKE_PTR(note);
	*ret = TAKE_PTR(s);
	return 0;
}

int store_open(const char *path, struct store **ret, char **ret_note)
{
	return store_open_with(path, store_steps, store_n_steps, ret, ret_note);
}

/* Rows */

int store_read_row(sqlite3_stmt *statement, const struct store_table *table, const char **values)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		int column = (int)i, type = sqlite3_column_type(statement, column);

		if (type != SQLITE_TEXT && type != SQLITE_INTEGER)
			return -EBADMSG;
		values[i] = (const char *)sqlite3_column_text(statement, column);
		if (!values[i])
			return -ENOMEM;
		if (strlen(values[i]) != (size_t)sqlite3_column_bytes(statement, column))
			return -EBADMSG;
	}
	return 0;
}

static int load_table(struct store *s, size_t index,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata)
{
	const struct store_table *table = &store_tables[index];
	const char *values[ELEMENTS(table->columns)];
	sqlite3_stmt *statement = s->statement[index][LOAD];
	int code, r = 0;

	while (r >= 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		r = store_read_row(statement, table, values);
		if (r == -EBADMSG) {
			log_warning("%s: a row of table %s is not as tocsin writes it; it is left out", s->path, table->name);
			r = 0;
		} else if (r == 0) {
			r = row(table, values, userdata);
		}
	}
	if (r >= 0)
		r = code == SQLITE_DONE ? 0 : store_fail_sqlite(s, code);
	sqlite3_reset(statement);
	return r;
}

int store_load(struct store *s,
	int (*row)(const struct store_table *table, const char *const *values, void *userdata), void *userdata)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < store_n_tables; i++)
		r = load_table(s, i, row, userdata);
	return r;
}

static int change(struct store *s, enum statement kind, const struct store_table *table, const char *const *values,
	size_t n)
{
	sqlite3_stmt *statement = s->statement[table - store_tables][kind];
	int r = 0;

	if (s->error < 0)
		return s->error;
	if (sqlite3_get_autocommit(s->db))
		r = store_run(s, s->begin);
	for (size_t i = 0; r == 0 && i < n; i++) {
		int code = sqlite3_bind_text(statement, (int)i + 1, values[i], -1, SQLITE_STATIC);

		if (code != SQLITE_OK)
			r = store_fail_sqlite(s, code);
	}
	if (r == 0)
		r = store_run(s, statement);
	else
		sqlite3_clear_bindings(statement);
	s->error = r;
	return r;
}

int store_put(struct store *s, const struct store_table *table, const char *const *values)
{
	return change(s, PUT, table, values, table->n_columns);
}

int store_delete(struct store *s, const struct store_table *table, const char *const *keys)
{
	return change(s, DELETE, table, keys, table->n_keys);
}

int store_clear(struct store *s, const struct store_table *table)
{
	return change(s, CLEAR, table, NULL, 0);
}

int store_commit(struct store *s)
{
	int r = s->error;

	if (r == 0 && !sqlite3_get_autocommit(s->db))
		r = store_run(s, s->commit);
	if (r < 0) {
		_cleanup_free_ char *words = strdup(buf_text(&s->words));

		roll_back(s);
		buf_clear(&s->words); /* the first failure tells more than that of the rollback */
		buf_puts(&s->words, words ? words : strerror(-r));
	}
	s->error = 0;
	return r;
}

struct store *store_close(struct store *s)
{
	if (s) {
		if (s->statement)
			disconnect(s);
		free(s->statement);
		free(s->path);
		buf_free(&s->words);
		free(s);
	}
	return NULL;
}
