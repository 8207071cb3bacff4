/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount: whether something is mounted where it must be, of the right type and with the right options. It
 * reads the kernel's list only and never touches what is mounted, so a file server that hangs does not hang
 * it; whether a file system answers and has space is for "disk". */
#include "buf.h"
#include "mountinfo.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <errno.h>
#include <fnmatch.h>
#include <mntent.h>
#include <poll.h>
#include <string.h>

#define FSTAB "fstab"
#define FSTAB_MAX 1000

enum access { ACCESS_ANY, ACCESS_RW, ACCESS_RO };

struct config {
	struct tocsin_list path, fstype, options;
	const char *source;
	int access;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const accesses[] = { "any", "rw", "ro", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(path, TOCSIN_LIST), .fallback = FSTAB,
		.help = N_("A path where something must be mounted, or \"fstab\" for all of /etc/fstab that "
			   "is mounted at boot") },
	{ MEMBER(fstype, TOCSIN_LIST), .help = N_("The type that it must have (glob); any of several") },
	{ MEMBER(source, TOCSIN_STRING),
		.help = N_("The device or export that must be mounted there (glob)") },
	{ MEMBER(access, TOCSIN_CHOICE), .fallback = "any", .choices = accesses,
		.help = N_("Whether it must be writable or read-only") },
	{ MEMBER(options, TOCSIN_LIST), .help = N_("A mount option that it must have, like noexec") },
	{ .name = NULL },
};

static bool is_fstab(const char *path)
{
	return strcmp(path, FSTAB) == 0;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < c->path.n; i++)
		if (c->path.items[i][0] != '/' && !is_fstab(c->path.items[i]))
			return N_("path must be an absolute path, or \"fstab\"");
	for (size_t i = 0; i < c->options.n; i++)
		if (strcmp(c->options.items[i], "rw") == 0 || strcmp(c->options.items[i], "ro") == 0)
			return N_("use access = rw or access = ro instead of the mount option");
		else if (strchr(c->options.items[i], ','))
			return N_("options holds one mount option; repeat the key for more");
	return NULL;
}

/* --- What is mounted */

struct view {
	struct mountinfo info;
	bool is_own; /* of our own name space: there a service manager may have made mounts read-only for us
			alone */
};

static void view_free(struct view *view)
{
	mountinfo_free(&view->info);
}

static int read_view(struct tocsin_run *run, const char *path, struct view *view)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

	if (!file)
		return -errno;
	/* Armed before it is read, so that no change falls between. */
	tocsin_watch(run, fileno(file), POLLPRI);
	return mountinfo_read(file, &view->info);
}

/* The mounts as process 1 has them are those of the host; with hidepid we cannot see them. */
static int read_mounts(struct tocsin_run *run, struct view *view)
{
	int r = read_view(run, "/proc/1/mountinfo", view);

	if (r < 0) {
		view->is_own = true;
		r = read_view(run, "/proc/self/mountinfo", view);
	}
	if (r < 0)
		tocsin_reason(run, "/proc/self/mountinfo cannot be read: %s", strerror(-r));
	return r;
}

static bool has_option(const struct mount *m, const char *word)
{
	return mount_has_option(m->options, word) || mount_has_option(m->super_options, word);
}

static bool is_read_only(const struct view *view, const struct mount *m)
{
	return mount_has_option(m->super_options, "ro") || mount_is_stopped(m) ||
	       (!view->is_own && mount_has_option(m->options, "ro"));
}

/* What is on top at PATH, when that is a mount point that can be reached. */
static const struct mount *find_at(const struct view *view, const char *path)
{
	const struct mount *m = mountinfo_find(&view->info, path);

	return m && strcmp(m->point, path) == 0 && !mountinfo_is_covered(&view->info, m) ? m : NULL;
}

/* Mount points have no links in them; whoever configured the path may have. Resolving can hang, so it comes
 * last. */
static const struct mount *find_mount(struct tocsin_run *run, const struct view *view, const char *path)
{
	_cleanup_free_ char *plain = strdup(path);
	size_t len = plain ? strlen(plain) : 0;

	while (len > 1 && plain[len - 1] == '/')
		plain[--len] = '\0';
	const struct mount *m = plain ? find_at(view, plain) : NULL;
	if (m || *tocsin_root(run))
		return m;
	_cleanup_free_ char *resolved = realpath(path, NULL);
	return resolved ? find_at(view, resolved) : NULL;
}

/* --- What must be mounted */

struct fstab {
	struct mntent *items;
	size_t n;
};

static void fstab_free(struct fstab *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].mnt_fsname);
		free(f->items[i].mnt_dir);
		free(f->items[i].mnt_type);
		free(f->items[i].mnt_opts);
	}
	free(f->items);
}

static int fstab_add(struct fstab *f, const struct mntent *e)
{
	struct mntent copy = { .mnt_fsname = strdup(e->mnt_fsname),
		.mnt_dir = strdup(e->mnt_dir),
		.mnt_type = strdup(e->mnt_type),
		.mnt_opts = strdup(e->mnt_opts) };
	struct mntent *grown = reallocarray(f->items, f->n + 1, sizeof(*grown));

	if (grown) {
		f->items = grown;
		f->items[f->n++] = copy;
	}
	return grown && copy.mnt_fsname && copy.mnt_dir && copy.mnt_type && copy.mnt_opts ? 0 : -ENOMEM;
}

static int fstab_read(struct tocsin_run *run, struct fstab *f)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/etc/fstab");
	char text[4096];
	struct mntent e;

	if (!file)
		return errno == ENOENT ? 0 : -errno; /* a host without one mounts nothing by it */
	while (f->n < FSTAB_MAX && getmntent_r(file, &e, text, sizeof(text))) {
		int r = fstab_add(f, &e);
		if (r < 0)
			return r;
	}
	return ferror(file) ? -EIO : 0;
}

static bool is_mounted_at_boot(const struct mntent *e)
{
	return e->mnt_dir[0] == '/' && strcmp(e->mnt_type, "swap") != 0 &&
	       strcmp(e->mnt_type, "ignore") != 0 && !mount_has_option(e->mnt_opts, "noauto");
}

static const struct mntent *fstab_find(const struct fstab *f, const char *path)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->items[i].mnt_dir, path) == 0)
			return &f->items[i];
	return NULL;
}

/* --- What it means */

static bool matches(const char *text, const struct tocsin_list *globs)
{
	for (size_t i = 0; i < globs->n; i++)
		if (fnmatch(globs->items[i], text, 0) == 0)
			return true;
	return globs->n == 0;
}

static void judge(const struct config *c, const struct view *view, const struct mount *m, struct verdict *v)
{
	bool read_only = is_read_only(view, m);

	/* A mount by demand that nobody has asked for yet. */
	if (strcmp(m->type, "autofs") == 0)
		return;
	if (!matches(m->type, &c->fstype))
		verdict_add(v, TOCSIN_CRITICAL, "is of type %s, not of the one that is wanted", m->type);
	if (c->source && fnmatch(c->source, m->source, 0) != 0)
		verdict_add(v, TOCSIN_CRITICAL, "%s is mounted, not %s", m->source, c->source);
	if (c->access == ACCESS_RW && read_only)
		verdict_add(v, TOCSIN_CRITICAL,
			mount_is_stopped(m) ? N_("the kernel stopped writing after an error")
					    : N_("is read-only"));
	if (c->access == ACCESS_RO && !read_only)
		verdict_add(v, TOCSIN_CRITICAL, "is writable, and must be read-only");
	for (size_t i = 0; i < c->options.n; i++)
		if (!has_option(m, c->options.items[i]))
			verdict_add(v, TOCSIN_WARNING, "is mounted without %s", c->options.items[i]);
}

/* WHAT is looked up. */
static void put_mount(struct buf *b, const char *what, const struct mount *m)
{
	buf_printf(b, _("%s: %s on %s, type %s, options %s; of the file system: %s\n"), _(what), m->source,
		m->point, m->type, m->options, m->super_options);
}

/* What is there instead, what should be, and where else the same source is mounted. */
static void show(struct tocsin_run *run, const struct view *view, const char *path, const struct mount *m,
	const struct mntent *wanted)
{
	_cleanup_buf_ struct buf b = BUF(16384);
	const struct mount *under = m ? NULL : mountinfo_find(&view->info, path);

	if (m)
		put_mount(&b, N_("mounted"), m);
	if (under)
		put_mount(&b, N_("the path lies on"), under);
	if (wanted)
		buf_printf(&b, "/etc/fstab: %s %s %s %s\n", wanted->mnt_fsname, wanted->mnt_dir,
			wanted->mnt_type, wanted->mnt_opts);
	else
		buf_puts(&b, _("/etc/fstab: nothing for this path\n"));
	for (size_t i = 0; wanted && !m && i < view->info.n; i++)
		if (strcmp(view->info.items[i].source, wanted->mnt_fsname) == 0)
			put_mount(&b, N_("mounted elsewhere"), &view->info.items[i]);
	tocsin_evidence(run, path, "The mount", buf_text(&b));
}

static void look_at(struct tocsin_run *run, const struct config *c, const struct view *view, const char *path,
	const struct mntent *wanted)
{
	_cleanup_verdict_ struct verdict v = VERDICT;

	tocsin_look(run, path);
	const struct mount *m = find_mount(run, view, path);
	if (m)
		judge(c, view, m, &v);
	else if (wanted && mount_has_option(wanted->mnt_opts, "nofail"))
		verdict_add(&v, TOCSIN_WARNING, "not mounted (nofail in /etc/fstab)");
	else
		verdict_add(&v, TOCSIN_CRITICAL, "not mounted");
	if (v.state != TOCSIN_OK) {
		tocsin_item(run, path, v.state, "%s", buf_text(&v.text));
		show(run, view, path, m, wanted);
	} else if (strcmp(m->type, "autofs") == 0) {
		tocsin_item(run, path, v.state, "is mounted when it is first used");
	} else {
		tocsin_item(run, path, v.state, "%s, %s, %s", m->source, m->type,
			is_read_only(view, m) ? "ro" : "rw");
	}
}

/* A path may stand in the list and in fstab, or twice in it; an item is reported once. */
static bool is_listed(
	const struct config *c, const struct fstab *f, size_t n_fstab, const char *path, size_t n_list)
{
	for (size_t i = 0; i < n_list; i++)
		if (strcmp(c->path.items[i], path) == 0)
			return true;
	for (size_t i = 0; i < n_fstab; i++)
		if (is_mounted_at_boot(&f->items[i]) && strcmp(f->items[i].mnt_dir, path) == 0)
			return true;
	return false;
}

static size_t look_at_fstab(
	struct tocsin_run *run, const struct config *c, const struct view *view, const struct fstab *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (is_mounted_at_boot(&f->items[i]) && !is_listed(c, f, i, f->items[i].mnt_dir, c->path.n)) {
			look_at(run, c, view, f->items[i].mnt_dir, &f->items[i]);
			n++;
		}
	return n;
}

static size_t look_at_list(
	struct tocsin_run *run, const struct config *c, const struct view *view, const struct fstab *f)
{
	size_t n = 0;

	for (size_t i = 0; i < c->path.n; i++)
		if (!is_fstab(c->path.items[i]) && !is_listed(c, f, 0, c->path.items[i], i)) {
			look_at(run, c, view, c->path.items[i], fstab_find(f, c->path.items[i]));
			n++;
		}
	return n;
}

static bool wants_fstab(const struct config *c)
{
	for (size_t i = 0; i < c->path.n; i++)
		if (is_fstab(c->path.items[i]))
			return true;
	return false;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(fstab_free) struct fstab fstab = { 0 };
	const struct config *c = config;
	_cleanup_(view_free) struct view view = { 0 };

	int r = read_mounts(run, &view);
	if (r < 0)
		return r;
	r = fstab_read(run, &fstab);
	if (r < 0 && wants_fstab(c)) {
		tocsin_reason(run, "/etc/fstab cannot be read: %s", strerror(-r));
		return r;
	}
	size_t n = look_at_list(run, c, &view, &fstab);
	if (wants_fstab(c))
		n += look_at_fstab(run, c, &view, &fstab);
	if (n == 0) {
		tocsin_reason(run, "/etc/fstab names nothing that is mounted at boot");
		return -EOPNOTSUPP;
	}
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "mount",
	.summary = N_("Mount points that must be there, with type and options"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
