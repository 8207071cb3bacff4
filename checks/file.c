/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file: whether a file is there (or is not), how old and how large it is, how fast it grows, whose it is, and
 * whether its content is the one that is expected. It looks at the file's description (stat(2)); only for a
 * checksum it reads the file, and again only when the description has changed. A link is followed.
 *
 * A change is noticed at once by inotify(7): of the file while it is there, else of the nearest folder above
 * it. */
#include "account.h"
#include "clock.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* Clocks of file servers differ a little. */
#define FUTURE_SLACK_USEC (5 * USEC_PER_MINUTE)
#define LISTED 10
#define ENTRIES_MAX 5000

/* What can be asked for, and what else there is. */
enum kind { KIND_ANY, KIND_FILE, KIND_DIRECTORY, KIND_SOCKET, KIND_DEVICE, KIND_FIFO, KIND_OTHER };

struct config {
	const char *path, *mode, *owner, *group, *checksum;
	bool exists, watch;
	int kind;
	int64_t age_min, age_warning, age_critical;
	int64_t size_min, size_warning, size_critical;
	int64_t growth_warning, growth_critical, checksum_max;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const kinds[] = { "any", "file", "directory", "socket", "device", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(path, TOCSIN_PATH), .help = N_("The file, folder or socket") },
	{ MEMBER(exists, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("Whether it must be there; with \"no\" it is critical when it is") },
	{ MEMBER(kind, TOCSIN_CHOICE), .fallback = "any", .choices = kinds, .help = N_("What it must be") },
	{ MEMBER(age_min, TOCSIN_DURATION), .fallback = "0",
		.help = N_("Changed more recently than this is critical; 0: not judged") },
	{ MEMBER(age_warning, TOCSIN_DURATION), .fallback = "0",
		.help = N_("Not changed for this long is a warning; 0: not judged") },
	{ MEMBER(age_critical, TOCSIN_DURATION), .fallback = "0",
		.help = N_("Not changed for this long is critical; 0: not judged") },
	{ MEMBER(size_min, TOCSIN_SIZE), .fallback = "0",
		.help = N_("Smaller than this is critical; 1 for \"not empty\", 0: not judged") },
	{ MEMBER(size_warning, TOCSIN_SIZE), .fallback = "0",
		.help = N_("The size from which it is a warning; 0: not judged") },
	{ MEMBER(size_critical, TOCSIN_SIZE), .fallback = "0",
		.help = N_("The size from which it is critical; 0: not judged") },
	{ MEMBER(growth_warning, TOCSIN_SIZE), .fallback = "0",
		.help = N_("Growth between two looks, reckoned for an hour, from which it is a warning; 0: "
			   "not judged") },
	{ MEMBER(growth_critical, TOCSIN_SIZE), .fallback = "0",
		.help = N_("Growth between two looks, reckoned for an hour, from which it is critical; 0: "
			   "not judged") },
	{ MEMBER(mode, TOCSIN_STRING), .help = N_("The permissions that it must have, octal like 0640") },
	{ MEMBER(owner, TOCSIN_STRING), .help = N_("The user whom it must belong to, a name or a number") },
	{ MEMBER(group, TOCSIN_STRING), .help = N_("The group that it must belong to, a name or a number") },
	{ MEMBER(checksum, TOCSIN_STRING), .help = N_("The SHA-256 of its content, 64 hexadecimal digits as "
						      "sha256sum(1) prints them; another one is critical") },
	{ MEMBER(checksum_max, TOCSIN_SIZE), .fallback = "100M", .min = 1, .max = 1099511627776.0,
		.help = N_("A larger file is not read for its checksum, which is then not known") },
	{ MEMBER(watch, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("Notice changes at once; \"no\" spares work where the file or its folder changes "
			   "all the time") },
	{ .name = NULL },
};

static bool parse_mode(const char *text, mode_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || value > 07777)
		return false;
	*ret = (mode_t)value;
	return true;
}

static bool parse_checksum(const char *text, uint8_t ret[SHA256_DIGEST_SIZE])
{
	if (strlen(text) != 2 * SHA256_DIGEST_SIZE || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return false;
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
		const char byte[] = { text[2 * i], text[2 * i + 1], '\0' };

		ret[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return true;
}

static bool are_crossed(int64_t warning, int64_t critical)
{
	return warning > 0 && critical > 0 && critical < warning;
}

static bool judges_content(const struct config *c)
{
	return c->kind || c->mode || c->checksum || c->owner || c->group || c->age_min > 0 ||
	       c->age_warning > 0 || c->age_critical > 0 || c->size_min > 0 || c->size_warning > 0 ||
	       c->size_critical > 0 || c->growth_warning > 0 || c->growth_critical > 0;
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	int64_t age_max = c->age_critical > 0 ? c->age_critical : c->age_warning;
	int64_t size_max = c->size_critical > 0 ? c->size_critical : c->size_warning;
	uint8_t digest[SHA256_DIGEST_SIZE];
	mode_t mode;

	if (!c->path)
		return N_("path is needed: the file to look at");
	if (!c->exists && judges_content(c))
		return N_("with exists = no nothing else can be asked of the file");
	if (are_crossed(c->age_warning, c->age_critical) || are_crossed(c->size_warning, c->size_critical) ||
		are_crossed(c->growth_warning, c->growth_critical))
		return N_("the limit for critical is below the one for warning: one of age, size, growth");
	if (are_crossed(c->age_min, age_max))
		return N_("age_min must not be above the limits for the age");
	if (are_crossed(c->size_min, size_max))
		return N_("size_min must not be above the limits for the size");
	if (c->mode && !parse_mode(c->mode, &mode))
		return N_("mode is an octal number like 0640");
	if (c->checksum && !parse_checksum(c->checksum, digest))
		return N_("checksum is a SHA-256, 64 hexadecimal digits as sha256sum(1) prints them");
	return NULL;
}

/* --- Noticing changes */

/* The folder above PATH, in place; false at the root. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || path[1] == '\0')
		return false;
	slash[slash == path] = '\0';
	return true;
}

/* What only says that more was written is left out: a busy log would keep us busy. When the last name of a
 * file that is still open goes away, IN_ATTRIB comes at once (its count of links) and IN_DELETE_SELF much
 * later. */
static int arm(struct tocsin_run *run, const struct config *c)
{
	_cleanup_free_ char *path = strdup(c->path);

	if (!c->watch || !path || *tocsin_root(run))
		return 0;
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	int r = inotify_add_watch(fd, path, IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF);
	while (r < 0 && (errno == ENOENT || errno == ENOTDIR) && go_up(path))
		r = inotify_add_watch(
			fd, path, IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
	return r < 0 ? -errno : tocsin_watch(run, fd, POLLIN);
}

/* Polling remains. The commonest reason is the limit of the kernel, 128 for a user. */
static void show_unwatched(struct tocsin_run *run, const struct config *c, int error)
{
	_cleanup_buf_ struct buf b = BUF(1024);

	if (error == 0)
		return;
	buf_printf(&b, _("changes are seen by the next look, not at once: %s"), strerror(-error));
	if (error == -EMFILE)
		buf_puts(&b, _(" (fs.inotify.max_user_instances, sysctl(8), or open files)"));
	tocsin_evidence(run, c->path, "Not watched", buf_text(&b));
}

/* --- What it means */

struct look {
	const struct config *config;
	struct stat st;
	int64_t uid, gid;                        /* -1: not judged */
	int64_t age_usec;                        /* negative: its time lies in the future */
	double growth;                           /* bytes an hour; NAN: not known */
	bool is_other;                           /* its content is not the one that is expected */
	char digest[2 * SHA256_DIGEST_SIZE + 1]; /* "" when it was not read this time */
};

static enum kind kind_of(mode_t mode)
{
	static const struct {
		mode_t type;
		enum kind kind;
	} types[] = {
		{ S_IFREG, KIND_FILE },
		{ S_IFDIR, KIND_DIRECTORY },
		{ S_IFSOCK, KIND_SOCKET },
		{ S_IFBLK, KIND_DEVICE },
		{ S_IFCHR, KIND_DEVICE },
		{ S_IFIFO, KIND_FIFO },
	};

	for (size_t i = 0; i < ELEMENTS(types); i++)
		if ((mode & S_IFMT) == types[i].type)
			return types[i].kind;
	return KIND_OTHER;
}

static const char *kind_word(enum kind kind)
{
	static const char *const words[] = {
		[KIND_FILE] = CN_("kind of file", "file"),
		[KIND_DIRECTORY] = CN_("kind of file", "directory"),
		[KIND_SOCKET] = CN_("kind of file", "socket"),
		[KIND_DEVICE] = CN_("kind of file", "device"),
		[KIND_FIFO] = CN_("kind of file", "fifo"),
		[KIND_OTHER] = CN_("kind of file", "file of another kind"),
	};

	return _(words[kind]);
}

/* A file that was replaced or cut (a log that was rotated) has not grown. */
static double measure_growth(struct tocsin_run *run, const struct stat *st)
{
	double size = (double)st->st_size, inode = (double)st->st_ino, before, growth = NAN, same;
	int64_t age;

	if (tocsin_recall(run, "inode", &same, &age) == 0 && same == inode &&
		tocsin_recall(run, "size", &before, &age) == 0 && age > 0)
		growth = fmax(0, size - before) * (double)USEC_PER_HOUR / (double)age;
	tocsin_remember(run, "size", size);
	tocsin_remember(run, "inode", inode);
	return growth;
}

static void judge_age(const struct look *l, struct verdict *v)
{
	const struct config *c = l->config;
	bool is_critical = c->age_critical > 0 && l->age_usec >= c->age_critical;

	if (is_critical || (c->age_warning > 0 && l->age_usec >= c->age_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"not changed for %s (limit %s)", short_duration(l->age_usec).text,
			short_duration(is_critical ? c->age_critical : c->age_warning).text);
	/* It would never become too old. */
	if ((c->age_critical > 0 || c->age_warning > 0) && l->age_usec < -FUTURE_SLACK_USEC)
		verdict_add(v, TOCSIN_WARNING, "its time of change lies %s in the future",
			short_duration(-l->age_usec).text);
	if (c->age_min > 0 && l->age_usec < c->age_min)
		verdict_add(v, TOCSIN_CRITICAL, "changed %s ago (limit %s)",
			short_duration(l->age_usec > 0 ? l->age_usec : 0).text,
			short_duration(c->age_min).text);
}

static void judge_size(const struct look *l, struct verdict *v)
{
	const struct config *c = l->config;
	int64_t size = l->st.st_size;
	bool is_critical = c->size_critical > 0 && size >= c->size_critical;

	if (is_critical || (c->size_warning > 0 && size >= c->size_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "%s large (limit %s)",
			short_size((double)size).text,
			short_size((double)(is_critical ? c->size_critical : c->size_warning)).text);
	if (size < c->size_min && size == 0)
		verdict_add(v, TOCSIN_CRITICAL, "empty");
	else if (size < c->size_min)
		verdict_add(v, TOCSIN_CRITICAL, "only %s large (at least %s)", short_size((double)size).text,
			short_size((double)c->size_min).text);
}

static void judge_growth(const struct look *l, struct verdict *v)
{
	const struct config *c = l->config;
	bool is_critical = c->growth_critical > 0 && l->growth >= (double)c->growth_critical;

	if (is_critical || (c->growth_warning > 0 && l->growth >= (double)c->growth_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"grows by %s an hour (limit %s)", short_size(l->growth).text,
			short_size((double)(is_critical ? c->growth_critical : c->growth_warning)).text);
}

static void judge_kind_and_rights(const struct look *l, struct verdict *v)
{
	const struct config *c = l->config;
	enum kind kind = kind_of(l->st.st_mode), wanted = (enum kind)c->kind;
	mode_t mode;

	if (wanted != KIND_ANY && kind != wanted)
		verdict_add(v, TOCSIN_CRITICAL, "is a %s, not a %s", kind_word(kind), kind_word(wanted));
	if (c->mode && parse_mode(c->mode, &mode) && (l->st.st_mode & 07777) != mode)
		verdict_add(v, TOCSIN_CRITICAL, "its permissions are %04o, not %04o",
			(unsigned)(l->st.st_mode & 07777), (unsigned)mode);
	if (l->uid >= 0 && l->st.st_uid != l->uid)
		verdict_add(v, TOCSIN_CRITICAL, "belongs to the user %u, not to %s", (unsigned)l->st.st_uid,
			c->owner);
	if (l->gid >= 0 && l->st.st_gid != l->gid)
		verdict_add(v, TOCSIN_CRITICAL, "belongs to the group %u, not to %s", (unsigned)l->st.st_gid,
			c->group);
}

static void judge_content(const struct look *l, struct verdict *v)
{
	if (l->is_other)
		verdict_add(v, TOCSIN_CRITICAL, "its content is not the one that is expected (SHA-256)");
}

/* --- The content */

/* What of a file changes with its content, and what is expected of it. The number of the second is a part of
 * the sum itself, so that another checksum in the configuration is asked for anew. */
static const char *const marks[] = { "sum_size", "sum_inode", "sum_changed", "sum_modified", "sum_expected" };

static void mark(
	const struct stat *st, const uint8_t expected[SHA256_DIGEST_SIZE], double ret[ELEMENTS(marks)])
{
	ret[0] = (double)st->st_size;
	ret[1] = (double)st->st_ino;
	ret[2] = (double)st->st_ctim.tv_sec + (double)st->st_ctim.tv_nsec / 1e9;
	ret[3] = (double)st->st_mtim.tv_sec + (double)st->st_mtim.tv_nsec / 1e9;
	ret[4] = 0;
	for (size_t i = 0; i < 6; i++)
		ret[4] = ret[4] * 256 + expected[i];
}

/* Is the verdict of the look before still good? */
static bool recall_content(struct tocsin_run *run, const double now[ELEMENTS(marks)], bool *ret_is_other)
{
	double value;
	int64_t age;

	for (size_t i = 0; i < ELEMENTS(marks); i++)
		if (tocsin_recall(run, marks[i], &value, &age) < 0 || value != now[i])
			return false;
	if (tocsin_recall(run, "sum_other", &value, &age) < 0)
		return false;
	*ret_is_other = value > 0;
	return true;
}

static int hash(int fd, int64_t max, uint8_t ret[SHA256_DIGEST_SIZE])
{
	static uint8_t bytes[64 * 1024];
	struct sha256_ctx context;
	int64_t all = 0;
	ssize_t n;

	sha256_init(&context);
	while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		all += n;
		if (all > max) /* it grows under our hands */
			return -EFBIG;
		sha256_update(&context, (size_t)n, bytes);
	}
	sha256_digest(&context, SHA256_DIGEST_SIZE, ret);
	return 0;
}

static int refuse_content(struct tocsin_run *run, const struct config *c, int error)
{
	if (error == -EFBIG)
		tocsin_reason(run, "%s is larger than checksum_max, so its content is not read", c->path);
	else
		tocsin_reason(run, "%s cannot be read for its checksum: %s", c->path, strerror(-error));
	return error;
}

static int read_content(struct tocsin_run *run, struct look *l, const uint8_t expected[SHA256_DIGEST_SIZE])
{
	const struct config *c = l->config;
	uint8_t digest[SHA256_DIGEST_SIZE];

	if (!S_ISREG(l->st.st_mode))
		return -EISDIR;
	if (l->st.st_size > c->checksum_max)
		return -EFBIG;
	_cleanup_close_ int fd = tocsin_open(run, c->path, O_RDONLY | O_NONBLOCK);
	int r = fd < 0 ? fd : hash(fd, c->checksum_max, digest);
	if (r < 0)
		return r;
	l->is_other = memcmp(digest, expected, sizeof(digest)) != 0;
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(l->digest + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static int look_at_content(struct tocsin_run *run, struct look *l)
{
	uint8_t expected[SHA256_DIGEST_SIZE];
	double now[ELEMENTS(marks)];

	if (!l->config->checksum || !parse_checksum(l->config->checksum, expected))
		return 0;
	mark(&l->st, expected, now);
	if (recall_content(run, now, &l->is_other))
		return 0;
	int r = read_content(run, l, expected);
	if (r < 0)
		return refuse_content(run, l->config, r);
	for (size_t i = 0; i < ELEMENTS(marks); i++)
		tocsin_remember(run, marks[i], now[i]);
	tocsin_remember(run, "sum_other", l->is_other);
	return 0;
}

/* --- Reporting */

static double positive(int64_t limit)
{
	return limit > 0 ? (double)limit : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct look *l)
{
	const struct config *c = l->config;
	const double second = (double)USEC_PER_SEC;
	const struct tocsin_metric metrics[] = {
		{ "size", (double)l->st.st_size, "B", positive(c->size_warning), positive(c->size_critical),
			0, NAN },
		{ "age", (double)l->age_usec / second, "s", positive(c->age_warning) / second,
			positive(c->age_critical) / second, NAN, NAN },
		{ "growth", l->growth, "B/h", positive(c->growth_warning), positive(c->growth_critical), 0,
			NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, c->path, &metrics[i]);
}

static int64_t changed_usec(const struct stat *st)
{
	return st->st_mtim.tv_sec * USEC_PER_SEC + st->st_mtim.tv_nsec / 1000;
}

static void put_stat(struct buf *b, const struct stat *st, const char *name)
{
	buf_printf(b, "%04o  %5u:%-5u  %9s  ", (unsigned)(st->st_mode & 07777), (unsigned)st->st_uid,
		(unsigned)st->st_gid, short_size((double)st->st_size).text);
	format_time(b, changed_usec(st));
	buf_printf(b, "  %s%s\n", name, S_ISDIR(st->st_mode) ? "/" : "");
}

struct entry {
	struct stat st;
	char name[256];
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *e = a, *f = b;
	int64_t e_usec = changed_usec(&e->st), f_usec = changed_usec(&f->st);

	return e_usec != f_usec ? (e_usec < f_usec ? 1 : -1) : strcmp(e->name, f->name);
}

/* Keeps the newest LISTED of the entries in ENTRIES, which has room for one more. Returns how many there
 * were. */
static size_t read_newest(DIR *dir, struct entry entries[LISTED + 1])
{
	struct dirent *d;
	size_t n = 0;

	while (n < ENTRIES_MAX && (d = readdir(dir))) {
		struct entry *e = &entries[n < LISTED ? n : LISTED];

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
			fstatat(dirfd(dir), d->d_name, &e->st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		snprintf(e->name, sizeof(e->name), "%s", d->d_name);
		n++;
		qsort(entries, n <= LISTED ? n : LISTED + 1, sizeof(*entries), compare_entries);
	}
	return n;
}

/* The nearest folder above the file that is there, with what changed last in it. */
static void show_folder(struct tocsin_run *run, const char *item)
{
	_cleanup_free_ char *path = strdup(item);
	_cleanup_buf_ struct buf b = BUF(16384);
	struct entry entries[LISTED + 1];
	int fd = -ENOENT;

	while (fd < 0 && path && go_up(path))
		fd = tocsin_open(run, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_fd(fd);
		return;
	}
	size_t n = read_newest(dir, entries);
	closedir(dir);
	buf_printf(&b, _("%s, newest first:\n"), path);
	for (size_t i = 0; i < n && i < LISTED; i++)
		put_stat(&b, &entries[i].st, entries[i].name);
	if (n == 0)
		buf_puts(&b, _("(empty)\n"));
	if (n > LISTED)
		buf_printf(&b, n == ENTRIES_MAX ? _("and at least %zu more\n") : _("and %zu more\n"),
			n - LISTED);
	tocsin_evidence(run, item, "The folder", buf_text(&b));
}

static void report(struct tocsin_run *run, const struct look *l, const struct verdict *v)
{
	const char *item = l->config->path;
	_cleanup_buf_ struct buf b = BUF(8192);

	if (v->state != TOCSIN_OK)
		tocsin_item(run, item, v->state, "%s", buf_text(&v->text));
	else if (l->age_usec >= 0)
		tocsin_item(run, item, v->state, "%s, %s, changed %s ago", kind_word(kind_of(l->st.st_mode)),
			short_size((double)l->st.st_size).text, short_duration(l->age_usec).text);
	else
		tocsin_item(run, item, v->state, "%s, %s, changed now", kind_word(kind_of(l->st.st_mode)),
			short_size((double)l->st.st_size).text);
	report_metrics(run, l);
	if (v->state == TOCSIN_OK)
		return;
	put_stat(&b, &l->st, item);
	if (*l->digest)
		buf_printf(&b, "SHA-256: %s\n", l->digest);
	tocsin_evidence(run, item, "The file (permissions, user:group, size, changed)", buf_text(&b));
	show_folder(run, item);
}

static int look_at_file(struct tocsin_run *run, const struct config *c, const struct stat *st)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	struct look l = { .config = c, .st = *st, .uid = -1, .gid = -1 };

	int r = c->owner ? account_find_user(run, c->owner, &l.uid) : 0;
	if (r == 0 && c->group)
		r = account_find_group(run, c->group, &l.gid);
	if (r < 0)
		return r;
	l.age_usec = clock_realtime_usec() - changed_usec(st);
	l.growth = measure_growth(run, st);
	r = look_at_content(run, &l);
	if (r < 0)
		return r;
	if (!c->exists)
		verdict_add(&v, TOCSIN_CRITICAL, "is there, and must not be");
	judge_age(&l, &v);
	judge_size(&l, &v);
	judge_growth(&l, &v);
	judge_kind_and_rights(&l, &v);
	judge_content(&l, &v);
	report(run, &l, &v);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	struct stat st;

	tocsin_look(run, c->path);
	int unwatched = arm(run, c);
	/* O_PATH: neither needs the right to read it, nor wakes what is behind a device or a fifo. */
	_cleanup_close_ int fd = tocsin_open(run, c->path, O_PATH);
	int r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0) {
		r = look_at_file(run, c, &st);
		show_unwatched(run, c, unwatched);
		return r;
	}
	if (r != -ENOENT && r != -ENOTDIR) {
		tocsin_reason(run, "%s cannot be looked at: %s", c->path, strerror(-r));
		return r;
	}
	tocsin_item(run, c->path, c->exists ? TOCSIN_CRITICAL : TOCSIN_OK,
		c->exists ? N_("is not there") : N_("is not there, as it should be"));
	if (c->exists)
		show_folder(run, c->path);
	show_unwatched(run, c, unwatched);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "file",
	.summary = N_("Existence, age, size, growth, permissions and checksum of a file"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
