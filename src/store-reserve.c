/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reserve for the day when the disk is full: about 1 MB of free pages within the state file and as much in its journal,
 * so that a commit needs no new block. */
#include "store-internal.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define RESERVE_BYTES (1024 * 1024)
#define RESERVE_PAGES (RESERVE_BYTES / 4096) /* page_size of store.c */
#define SPACE_TO_GROW (4 * (int64_t)RESERVE_BYTES) /* free on the disk before we take of it */
#define TEND_EVERY 32 /* commits between two attempts to grow the reserve when one failed */

static int64_t count_free_pages(struct store *s)
{
	int64_t n = sqlite3_step(s->free_pages) == SQLITE_ROW ? sqlite3_column_int64(s->free_pages, 0) : -1;

	sqlite3_reset(s->free_pages);
	return n;
}

static bool disk_has_room(const struct store *s)
{
	struct statvfs st;

	return statvfs(s->path, &st) == 0 && (int64_t)st.f_bavail * (int64_t)st.f_frsize >= SPACE_TO_GROW;
}

/* Makes RESERVE_PAGES free pages. In two transactions: SQLite need not write pages that are taken and freed in one,
 * and then the file has a hole there, which needs blocks of the disk when it is too late. */
static int fill_reserve(struct store *s)
{
	_cleanup_buf_ struct buf sql = BUF(256);

	buf_printf(&sql, "DROP TABLE IF EXISTS reserve; CREATE TABLE reserve (content BLOB);"
			 "INSERT INTO reserve VALUES (zeroblob(%d))", RESERVE_BYTES);
	int r = store_transact(s, buf_text(&sql));
	if (r == 0)
		r = store_transact(s, "DROP TABLE reserve");
	return r;
}

/* Makes the journal STORE_JOURNAL_BYTES long with written blocks, not a hole. What lies behind its header of zeros means
 * nothing to SQLite, as long as no transaction runs. */
static int grow_journal(struct store *s)
{
	static const char zeros[64 * 1024];
	_cleanup_free_ char *name = NULL;
	struct stat st;

	if (asprintf(&name, "%s-journal", s->path) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = open(name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_size >= STORE_JOURNAL_BYTES)
		return 0;
	for (off_t at = st.st_size; at < STORE_JOURNAL_BYTES;) {
		size_t len = sizeof(zeros) - (size_t)at % sizeof(zeros);
		ssize_t n = pwrite(fd, zeros, len, at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? n : 0;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* A former writer that died half way in fill_reserve() left the pages taken. */
static int64_t count_reserve(struct store *s, int64_t enough)
{
	int64_t n = count_free_pages(s);

	return n < enough && store_transact(s, "DROP TABLE IF EXISTS reserve") == 0 ? count_free_pages(s) : n;
}

static void tend(struct store *s, int64_t enough)
{
	if (s->read_only || !sqlite3_get_autocommit(s->db) || s->tend_pause > 0)
		return;
	int64_t n = count_reserve(s, enough);
	if (n < enough) {
		s->tend_pause = TEND_EVERY;
		if (!disk_has_room(s)) {
			log_warning("%s: the disk is nearly full; %lld of %d reserved pages are left to store alerts in", s->path,
				(long long)n, RESERVE_PAGES);
			return;
		}
		if (fill_reserve(s) < 0) {
			log_warning("%s: no space could be reserved: %s", s->path, store_error(s));
			return;
		}
	}
	int r = disk_has_room(s) ? grow_journal(s) : 0;
	s->tend_pause = r < 0 ? TEND_EVERY : 0;
	if (r < 0)
		log_error_errno(r, "%s-journal: no space could be reserved", s->path);
}

void store_reserve(struct store *s)
{
	tend(s, RESERVE_PAGES);
}

void store_tend(struct store *s)
{
	if (s->tend_pause > 0)
		s->tend_pause--;
	tend(s, RESERVE_PAGES * 3 / 4);
}
