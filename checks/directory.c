/* SPDX-License-Identifier: GPL-3.0-or-later */
/* directory: how many files lie in a folder and below it, how large they are together, and how old the oldest
 * and the newest of them are: a spool that is not emptied, a backup that did not come, a cache without end.
 *
 * The walk stays on one file system, follows no link, reads no file, and has an end: when the time is over,
 * what was counted until then is the least that there is. */
#include "clock.h"
#include "text.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <search.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 64      /* each level holds a descriptor */
#define LINKS_MAX 1000000 /* files with several names that are kept in mind */
#define LARGEST 5
#define NAME_SIZE 4096

struct config {
	const char *path;
	struct tocsin_list pattern, exclude;
	bool recursive;
	int64_t files_min, files_warning, files_critical, size_warning, size_critical;
	int64_t oldest_warning, oldest_critical, newest_warning, newest_critical;
	int64_t walk_timeout;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)
#define COUNT_MAX 1e12
#define AGE_MAX (36500 * 86400e6)

static const struct tocsin_option options[] = {
	{ MEMBER(path, TOCSIN_PATH), .help = N_("The folder") },
	{ MEMBER(pattern, TOCSIN_LIST),
		.help = N_("Only files whose name is like this (glob), as *.tar.gz; without it, all") },
	{ MEMBER(exclude, TOCSIN_LIST),
		.help = N_("Names (glob) of files and folders that are left out, folders with all in them") },
	{ MEMBER(recursive, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("The folders in it are looked at, too") },
	{ MEMBER(files_min, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Fewer files than this are critical") },
	{ MEMBER(files_warning, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Number of files from which it is a warning; 0: not judged") },
	{ MEMBER(files_critical, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Number of files from which it is critical; 0: not judged") },
	{ MEMBER(size_warning, TOCSIN_SIZE), .fallback = "0",
		.help = N_("Space that they take together from which it is a warning; 0: not judged") },
	{ MEMBER(size_critical, TOCSIN_SIZE), .fallback = "0",
		.help = N_("Space that they take together from which it is critical; 0: not judged") },
	{ MEMBER(oldest_warning, TOCSIN_DURATION), .fallback = "0", .max = AGE_MAX,
		.help = N_("Age of the oldest file from which it is a warning; 0: not judged") },
	{ MEMBER(oldest_critical, TOCSIN_DURATION), .fallback = "0", .max = AGE_MAX,
		.help = N_("Age of the oldest file from which it is critical; 0: not judged") },
	{ MEMBER(newest_warning, TOCSIN_DURATION), .fallback = "0", .max = AGE_MAX,
		.help = N_("Age of the newest file from which it is a warning; 0: not judged") },
	{ MEMBER(newest_critical, TOCSIN_DURATION), .fallback = "0", .max = AGE_MAX,
		.help = N_("Age of the newest file from which it is critical; 0: not judged") },
	{ MEMBER(walk_timeout, TOCSIN_DURATION), .fallback = "8s", .min = 1000, .max = 3600e6,
		.help = N_("How long it may count; keep it below the timeout of the check") },
	{ .name = NULL },
};

static bool are_crossed(int64_t warning, int64_t critical)
{
	return warning > 0 && critical > 0 && critical < warning;
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	int64_t files_max = c->files_critical > 0 ? c->files_critical : c->files_warning;

	if (!c->path)
		return N_("path is needed: the folder to look at");
	if (are_crossed(c->files_warning, c->files_critical) ||
		are_crossed(c->size_warning, c->size_critical) ||
		are_crossed(c->oldest_warning, c->oldest_critical) ||
		are_crossed(c->newest_warning, c->newest_critical))
		return N_("the limit for critical is below the one for warning: one of files, size, oldest, "
			  "newest");
	if (are_crossed(c->files_min, files_max))
		return N_("files_min must not be above the limits for the number of files");
	return NULL;
}

/* --- The walk */

struct found {
	char name[NAME_SIZE]; /* below the folder */
	int64_t time_usec;    /* CLOCK_REALTIME of its last change */
	double bytes;
};

struct walk {
	const struct config *config;
	dev_t device;
	int64_t until_usec;
	double files, folders, bytes;
	struct found oldest, newest, largest[LARGEST];
	void *links; /* tree of struct link */
	size_t n_links;
	size_t n_unread, n_elsewhere;
	char unread[NAME_SIZE];
	int unread_error;
	bool is_late;
};

/* One file with several names takes its space once. */
struct link {
	ino_t inode;
};

static int compare_links(const void *a, const void *b)
{
	const struct link *one = a, *other = b;

	return one->inode < other->inode ? -1 : one->inode > other->inode;
}

static bool is_counted(struct walk *w, const struct stat *st)
{
	if (st->st_nlink < 2 || w->n_links >= LINKS_MAX)
		return false;
	struct link *link = malloc(sizeof(*link));
	if (!link)
		return false;
	link->inode = st->st_ino;
	struct link **place = tsearch(link, &w->links, compare_links);
	if (place && *place == link) {
		w->n_links++;
		return false;
	}
	free(link);
	return place != NULL;
}

static void keep(struct found *f, const char *name, int64_t time_usec, double bytes)
{
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->time_usec = time_usec;
	f->bytes = bytes;
}

static void keep_if_large(struct walk *w, const char *name, int64_t time_usec, double bytes)
{
	size_t i = LARGEST;

	while (i > 0 && bytes > w->largest[i - 1].bytes)
		i--;
	if (i == LARGEST)
		return;
	memmove(&w->largest[i + 1], &w->largest[i], (LARGEST - 1 - i) * sizeof(*w->largest));
	keep(&w->largest[i], name, time_usec, bytes);
}

static bool is_excluded(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], name, 0) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_wanted(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->pattern.n; i++)
		if (fnmatch(c->pattern.items[i], name, 0) == 0)
			return true;
	return c->pattern.n == 0;
}

static void count_file(struct walk *w, const char *path, const char *name, const struct stat *st)
{
	int64_t time_usec = st->st_mtim.tv_sec * USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;
	double bytes = (double)st->st_blocks * 512;

	if (!is_wanted(w->config, name))
		return;
	if (is_counted(w, st))
		bytes = 0;
	w->bytes += bytes;
	if (w->files == 0 || time_usec < w->oldest.time_usec)
		keep(&w->oldest, path, time_usec, bytes);
	if (w->files == 0 || time_usec > w->newest.time_usec)
		keep(&w->newest, path, time_usec, bytes);
	keep_if_large(w, path, time_usec, bytes);
	w->files++;
}

static void note_unread(struct walk *w, const char *path, int error)
{
	if (error == -ENOENT) /* it was removed meanwhile */
		return;
	if (w->n_unread++ == 0) {
		snprintf(w->unread, sizeof(w->unread), "%s", *path ? path : ".");
		w->unread_error = error;
	}
}

static int walk_folder(struct walk *w, int fd, char path[NAME_SIZE], unsigned depth);

static int enter(struct walk *w, int parent, char path[NAME_SIZE], const char *name, unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		note_unread(w, path, -errno);
		return 0;
	}
	return walk_folder(w, fd, path, depth + 1);
}

static int visit(struct walk *w, int parent, char path[NAME_SIZE], const char *name, unsigned depth)
{
	struct stat st;

	w->is_late = clock_boottime_usec() > w->until_usec;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		note_unread(w, path, -errno);
		return w->is_late ? -ETIME : 0;
	}
	if (S_ISDIR(st.st_mode))
		w->folders++;
	else
		count_file(w, path, name, &st);
	if (w->is_late)
		return -ETIME;
	if (!S_ISDIR(st.st_mode) || !w->config->recursive)
		return 0;
	if (st.st_dev != w->device) {
		w->n_elsewhere++;
		return 0;
	}
	if (depth >= DEPTH_MAX) {
		note_unread(w, path, -ELOOP);
		return 0;
	}
	return enter(w, parent, path, name, depth);
}

/* FD becomes its own. */
static int walk_folder(struct walk *w, int fd, char path[NAME_SIZE], unsigned depth)
{
	DIR *folder = fdopendir(fd);
	size_t len = strlen(path);
	int r = 0;

	if (!folder) {
		close_fd(fd);
		return -ENOMEM;
	}
	for (const struct dirent *e; r == 0 && (errno = 0, e = readdir(folder));) {
		if (is_excluded(w->config, e->d_name))
			continue;
		snprintf(path + len, NAME_SIZE - len, "%s%s", len ? "/" : "", e->d_name);
		r = visit(w, dirfd(folder), path, e->d_name, depth);
		path[len] = '\0';
	}
	if (r == 0 && errno)
		note_unread(w, path, -errno);
	closedir(folder);
	return r;
}

/* --- What it means */

static double age_usec(int64_t now_usec, const struct found *f)
{
	return f->time_usec < now_usec ? (double)(now_usec - f->time_usec) : 0;
}

/* The limit that VALUE reaches; TOCSIN_OK: none. */
static enum tocsin_state reached(double value, int64_t warning, int64_t critical, double *ret_limit)
{
	bool is_critical = critical > 0 && value >= (double)critical;
	bool is_warning = warning > 0 && value >= (double)warning;

	*ret_limit = (double)(is_critical ? critical : warning);
	return is_critical ? TOCSIN_CRITICAL : is_warning ? TOCSIN_WARNING : TOCSIN_OK;
}

static struct short_text short_age(double usec)
{
	return short_duration((int64_t)usec);
}

/* More than what was counted can only make these worse. */
static void judge_most(const struct config *c, const struct walk *w, int64_t now_usec, struct verdict *v)
{
	double limit, oldest = w->files > 0 ? age_usec(now_usec, &w->oldest) : NAN;

	enum tocsin_state state = reached(w->files, c->files_warning, c->files_critical, &limit);
	verdict_add(v, state,
		w->is_late ? N_("at least %.0f files (limit %.0f)") : N_("%.0f files (limit %.0f)"), w->files,
		limit);
	state = reached(w->bytes, c->size_warning, c->size_critical, &limit);
	verdict_add(v, state,
		w->is_late ? N_("at least %s together (limit %s)") : N_("%s together (limit %s)"),
		short_size(w->bytes).text, short_size(limit).text);
	state = reached(oldest, c->oldest_warning, c->oldest_critical, &limit);
	if (state != TOCSIN_OK)
		verdict_add(v, state, "the oldest file is %s old (limit %s)", short_age(oldest).text,
			short_age(limit).text);
}

/* And these better, so they are judged when all was counted. */
static void judge_least(const struct config *c, const struct walk *w, int64_t now_usec, struct verdict *v)
{
	double limit, newest = w->files > 0 ? age_usec(now_usec, &w->newest) : NAN;

	if (w->files < (double)c->files_min)
		verdict_add(v, TOCSIN_CRITICAL,
			w->files == 1 ? N_("%.0f file (at least %lld)") : N_("%.0f files (at least %lld)"),
			w->files, (long long)c->files_min);
	enum tocsin_state state = reached(newest, c->newest_warning, c->newest_critical, &limit);
	if (state != TOCSIN_OK)
		verdict_add(v, state, "the newest file is %s old (limit %s)", short_age(newest).text,
			short_age(limit).text);
	if (w->files > 0)
		return;
	if (c->newest_warning > 0 || c->newest_critical > 0)
		verdict_add(v, c->newest_critical > 0 ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"there is no file, so none that is new enough");
}

/* --- Reporting */

static double limit(int64_t value, double unit)
{
	return value > 0 ? (double)value / unit : NAN;
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const struct walk *w, int64_t now_usec)
{
	bool has_files = w->files > 0;
	const struct tocsin_metric metrics[] = {
		{ "files", w->files, "", limit(c->files_warning, 1), limit(c->files_critical, 1), 0, NAN },
		{ "folders", w->folders, "", NAN, NAN, 0, NAN },
		{ "size", w->bytes, "B", limit(c->size_warning, 1), limit(c->size_critical, 1), 0, NAN },
		{ "oldest", has_files ? age_usec(now_usec, &w->oldest) / 1e6 : NAN, "s",
			limit(c->oldest_warning, 1e6), limit(c->oldest_critical, 1e6), 0, NAN },
		{ "newest", has_files ? age_usec(now_usec, &w->newest) / 1e6 : NAN, "s",
			limit(c->newest_warning, 1e6), limit(c->newest_critical, 1e6), 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, c->path, &metrics[i]);
}

static void put_found(struct buf *b, const char *what, const struct found *f)
{
	text_pad(b, what, 8);
	buf_putc(b, ' ');
	format_time(b, f->time_usec);
	buf_printf(b, "  %9s  %s\n", short_size(f->bytes).text, f->name);
}

static void show(struct tocsin_run *run, const struct config *c, const struct walk *w)
{
	_cleanup_buf_ struct buf b = BUF(60000);

	if (w->files > 0) {
		put_found(&b, C_("file", "oldest"), &w->oldest);
		put_found(&b, C_("file", "newest"), &w->newest);
	}
	for (size_t i = 0; i < LARGEST && w->largest[i].bytes > 0; i++)
		put_found(&b, i ? "" : C_("file", "largest"), &w->largest[i]);
	if (w->n_elsewhere)
		buf_printf(&b, _("not counted: %zu folders that are other file systems\n"), w->n_elsewhere);
	if (w->n_unread)
		buf_printf(&b, _("not counted: %zu that cannot be read, the first is %s: %s\n"), w->n_unread,
			w->unread, strerror(-w->unread_error));
	if (b.len)
		tocsin_evidence(run, c->path, "In the folder", buf_text(&b));
}

static void report_good(
	struct tocsin_run *run, const struct config *c, const struct walk *w, int64_t now_usec)
{
	if (w->files == 0)
		tocsin_item(run, c->path, TOCSIN_OK, "no file");
	else
		tocsin_item(run, c->path, TOCSIN_OK,
			w->files == 1 ? N_("%.0f file, %s; the newest is %s old, the oldest %s")
				      : N_("%.0f files, %s; the newest is %s old, the oldest %s"),
			w->files, short_size(w->bytes).text, short_age(age_usec(now_usec, &w->newest)).text,
			short_age(age_usec(now_usec, &w->oldest)).text);
}

static void report(struct tocsin_run *run, const struct config *c, const struct walk *w)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	int64_t now_usec = clock_realtime_usec();
	bool is_whole = !w->is_late && w->n_unread == 0;

	judge_most(c, w, now_usec, &v);
	if (is_whole)
		judge_least(c, w, now_usec, &v);
	if (v.state != TOCSIN_OK)
		tocsin_item(run, c->path, v.state, "%s", buf_text(&v.text));
	else if (w->is_late)
		tocsin_item(run, c->path, TOCSIN_UNKNOWN,
			"there are too many files to count within %s (walk_timeout): at least %.0f",
			short_duration(c->walk_timeout).text, w->files);
	else if (w->n_unread)
		tocsin_item(run, c->path, TOCSIN_UNKNOWN,
			"%zu of its entries cannot be read, the first is %s: %s", w->n_unread, w->unread,
			strerror(-w->unread_error));
	else
		report_good(run, c, w, now_usec);
	if (is_whole)
		report_metrics(run, c, w, now_usec);
	if (v.state != TOCSIN_OK)
		show(run, c, w);
}

/* --- The look */

static int open_folder(struct tocsin_run *run, const struct config *c, struct stat *st)
{
	int fd = tocsin_open(run, c->path, O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR) {
		tocsin_item(run, c->path, TOCSIN_CRITICAL,
			fd == -ENOENT ? N_("there is no such folder") : N_("this is not a folder"));
		return fd;
	}
	if (fd >= 0 && fstat(fd, st) < 0) {
		int r = -errno;

		close_fd(fd);
		fd = r;
	}
	if (fd < 0)
		tocsin_item(run, c->path, TOCSIN_UNKNOWN, "it cannot be read: %s", strerror(-fd));
	return fd;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_free_ struct walk *w = calloc(1, sizeof(*w));
	char path[NAME_SIZE] = "";
	struct stat st;

	if (!w)
		return -ENOMEM;
	w->config = config;
	w->until_usec = clock_boottime_usec() + w->config->walk_timeout;
	tocsin_look(run, w->config->path);
	int fd = open_folder(run, w->config, &st);
	if (fd < 0)
		return 0; /* reported */
	w->device = st.st_dev;
	int r = walk_folder(w, fd, path, 0);
	if (r == 0 || r == -ETIME)
		report(run, w->config, w);
	tdestroy(w->links, free);
	return r == -ETIME ? 0 : r;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "directory",
	.summary = N_("Number, size and age of the files in a folder"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
