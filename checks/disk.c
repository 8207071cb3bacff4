/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk: space and inodes of a file system, and whether it can still be written to; of one path, or of every
 * real local file system. It looks at file systems, not at what fills them. */
#include "buf.h"
#include "clock.h"
#include "ext4.h"
#include "mountinfo.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* The rate at which it fills is an average that forgets within hours: one burst of a minute does not make a
 * forecast. */
#define RATE_WINDOW_USEC (2 * USEC_PER_HOUR)
#define RATE_TRUSTED 0.08 /* weight of the average after ten minutes */
#define FORECAST_MAX_USEC (60 * USEC_PER_DAY)

struct config {
	const char *path;
	struct tocsin_limit warning, critical;
	double inodes_warning, inodes_critical;
	int64_t full_warning, full_critical;
	bool mounted, read_only, network;
	struct tocsin_list exclude, exclude_type;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(path, TOCSIN_STRING), .fallback = "auto",
		.help = N_("A path on the file system, or \"auto\" for every local file system") },
	{ MEMBER(warning, TOCSIN_LIMIT), .fallback = "85%", .max = 100,
		.help = N_("Used space (90%) or space left (10G) from which it is a warning") },
	{ MEMBER(critical, TOCSIN_LIMIT), .fallback = "95%", .max = 100,
		.help = N_("Used space (95%) or space left (2G) from which it is critical") },
	{ MEMBER(inodes_warning, TOCSIN_PERCENT), .fallback = "90%", .max = 100,
		.help = N_("Used inodes from which it is a warning; 0%: not judged") },
	{ MEMBER(inodes_critical, TOCSIN_PERCENT), .fallback = "97%", .max = 100,
		.help = N_("Used inodes from which it is critical; 0%: not judged") },
	{ MEMBER(full_warning, TOCSIN_DURATION), .fallback = "0",
		.help = N_(
			"Warn when it will be full in less than this at its present rate; 0: not judged") },
	{ MEMBER(full_critical, TOCSIN_DURATION), .fallback = "0",
		.help = N_("Critical when it will be full in less than this at its present rate; 0: not "
			   "judged") },
	{ MEMBER(mounted, TOCSIN_BOOL), .fallback = "no",
		.help = N_("The path must be a mount point; critical when nothing is mounted there") },
	{ MEMBER(read_only, TOCSIN_BOOL), .fallback = "no",
		.help = N_("The file system is meant to be read-only; otherwise one that became so is "
			   "critical") },
	{ MEMBER(network, TOCSIN_BOOL), .fallback = "no",
		.help = N_("With path = auto, network file systems too") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("With path = auto, mount points to leave out (glob)") },
	{ MEMBER(exclude_type, TOCSIN_LIST),
		.help = N_("With path = auto, file system types to leave out (glob)") },
	{ .name = NULL },
};

static bool is_auto(const struct config *c)
{
	return strcmp(c->path, "auto") == 0;
}

/* Both limits of one kind and the wrong way round? */
static bool limits_are_crossed(const struct config *c)
{
	if (c->warning.unit != c->critical.unit)
		return false;
	if (c->warning.unit == TOCSIN_LIMIT_PERCENT)
		return c->warning.value > c->critical.value;
	return c->warning.unit == TOCSIN_LIMIT_ABSOLUTE && c->warning.value < c->critical.value;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (!is_auto(c) && c->path[0] != '/')
		return N_("path must be an absolute path, or \"auto\"");
	if (is_auto(c) && c->mounted)
		return N_("mounted = yes needs a path: \"auto\" only sees what is mounted");
	if (limits_are_crossed(c))
		return N_("critical would be reached before warning: for percentages critical must be the "
			  "larger one, for space left the smaller one");
	if (c->inodes_warning > 0 && c->inodes_critical > 0 && c->inodes_warning > c->inodes_critical)
		return N_("inodes_critical must not be below inodes_warning");
	if (c->full_warning > 0 && c->full_critical > c->full_warning)
		return N_("full_critical must not be above full_warning");
	return NULL;
}

/* --- Which file systems */

/* Hold data, but no device name is their source. */
static const char *const local_types[] = { "bcachefs", "btrfs", "f2fs", "fuseblk", "ubifs", "zfs", NULL };

/* Read-only by nature, and always full. */
static const char *const image_types[] = { "cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf", NULL };

static const char *const network_types[] = { "9p", "afs", "ceph", "cifs", "fuse.ceph", "fuse.cephfs",
	"fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs",
	"nfs4", "ocfs2", "smb3", "smbfs", "virtiofs", NULL };

/* Made for single containers by their engines, which do not let others look into them; they come and go. A
 * disk that somebody mounted for the engine itself lies further up. */
static const char *const engine_points[] = { "/run/containerd/*", "/var/lib/containerd/*/*",
	"/var/lib/containers/storage/*/*", "/var/lib/docker/*/*", "*/kubelet/plugins/*", "*/kubelet/pods/*",
	NULL };

static bool is_one_of(const char *type, const char *const *types)
{
	for (; *types; types++)
		if (strcmp(type, *types) == 0)
			return true;
	return false;
}

static bool matches(const char *text, const struct tocsin_list *globs)
{
	for (size_t i = 0; i < globs->n; i++)
		if (fnmatch(globs->items[i], text, 0) == 0)
			return true;
	return false;
}

static bool is_of_an_engine(const struct mount *m)
{
	for (const char *const *glob = engine_points; *glob; glob++)
		if (fnmatch(*glob, m->point, 0) == 0)
			return true;
	return false;
}

/* A part of a file system that is mounted on a single file (a container's /etc/hosts) is none of its own. */
static bool is_on_file(struct tocsin_run *run, const struct mount *m)
{
	struct stat st;

	if (strcmp(m->root, "/") == 0)
		return false;
	tocsin_look(run, m->point);
	_cleanup_close_ int fd = tocsin_open(run, m->point, O_PATH | O_NOFOLLOW);
	return fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool is_wanted(const struct config *c, const struct mount *m)
{
	if (matches(m->point, &c->exclude) || matches(m->type, &c->exclude_type) || is_of_an_engine(m))
		return false;
	if (is_one_of(m->type, network_types))
		return c->network;
	if (is_one_of(m->type, image_types) || strcmp(m->type, "devtmpfs") == 0 ||
		strcmp(m->type, "autofs") == 0)
		return false;
	/* The root of a container is an overlay; other overlays show the space of a file system that is
	 * listed anyway. */
	if (strcmp(m->type, "overlay") == 0)
		return strcmp(m->point, "/") == 0;
	/* libfuse calls the source so where the file system gives none. */
	if (strcmp(m->source, "/dev/fuse") == 0)
		return false;
	return strncmp(m->source, "/dev/", 5) == 0 || is_one_of(m->type, local_types);
}

/* Of several mounts of one file system: the whole rather than a part of it, then the shorter path. */
static bool is_better(const struct mount *a, const struct mount *b)
{
	bool a_is_whole = strcmp(a->root, "/") == 0, b_is_whole = strcmp(b->root, "/") == 0;

	if (a_is_whole != b_is_whole)
		return a_is_whole;
	return strlen(a->point) < strlen(b->point);
}

static bool same_file_system(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* Marks one mount of each file system in CHOSEN. */
static void choose(struct tocsin_run *run, const struct config *c, const struct mountinfo *info, bool *chosen)
{
	for (size_t i = 0; i < info->n; i++) {
		const struct mount *m = &info->items[i];

		size_t j = 0;

		if (!is_wanted(c, m) || mountinfo_is_covered(info, m))
			continue;
		while (j < i && !(chosen[j] && same_file_system(&info->items[j], m)))
			j++;
		if ((j < i && !is_better(m, &info->items[j])) || is_on_file(run, m))
			continue;
		chosen[j] = false;
		chosen[i] = true;
	}
}

/* --- How much there is */

struct space {
	double total, free, available; /* bytes; available: to others than root */
	double inodes, inodes_free, inodes_available;
};

/* In a recorded tree the file /statvfs has, for each path, either its numbers
 *     path blocks bfree bavail files ffree favail frsize
 * or the errno that statvfs() gave. */
static int recorded_statvfs(struct tocsin_run *run, const char *path, struct statvfs *ret)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/statvfs");
	unsigned long long v[7];
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		size_t len = strlen(path);

		if (strncmp(line, path, len) != 0 || line[len] != ' ')
			continue;
		int n = sscanf(line + len, "%llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3],
			&v[4], &v[5], &v[6]);
		if (n != ELEMENTS(v))
			return n == 1 ? -(int)v[0] : -EBADMSG;
		*ret = (struct statvfs){
			.f_blocks = v[0],
			.f_bfree = v[1],
			.f_bavail = v[2],
			.f_files = v[3],
			.f_ffree = v[4],
			.f_favail = v[5],
			.f_frsize = v[6],
		};
		return 0;
	}
	return -ENOENT;
}

static int read_space(struct tocsin_run *run, const char *path, struct space *ret)
{
	struct statvfs s;
	int r = 0;

	if (*tocsin_root(run))
		r = recorded_statvfs(run, path, &s);
	else if (statvfs(path, &s) < 0)
		r = -errno;
	if (r < 0)
		return r;
	double unit = (double)s.f_frsize;
	*ret = (struct space){
		.total = unit * (double)s.f_blocks,
		.free = unit * (double)s.f_bfree,
		.available = unit * (double)s.f_bavail,
		.inodes = (double)s.f_files,
		.inodes_free = (double)s.f_ffree,
		.inodes_available = (double)s.f_favail,
	};
	/* Some servers report more available than free, or more free than there is. */
	ret->free = fmin(ret->free, ret->total);
	ret->available = fmin(ret->available, ret->free);
	ret->inodes_free = fmin(ret->inodes_free, ret->inodes);
	return 0;
}

/* As df(1) shows it: of what ordinary users can have, rounded up. NAN where there is nothing to share out. */
static double percent_used(double used, double available)
{
	return used + available > 0 ? ceil(100.0 * used / (used + available) - 1e-9) : NAN;
}

/* --- How fast it fills */

struct growth {
	double rate;       /* bytes a second, NAN when not known */
	double weight;     /* how much of the window it rests on, 0 to 1 */
	int64_t full_usec; /* until it is full; USEC_NEVER: it will not, or nobody can say yet */
};

struct key {
	char text[512];
};

static struct key key(const char *what, const char *item)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%s %.500s", what, item);
	return k;
}

static double recall_or(struct tocsin_run *run, const char *what, const char *item, double otherwise)
{
	double value;
	int64_t age;

	return tocsin_recall(run, key(what, item).text, &value, &age) == 0 ? value : otherwise;
}

/* An exponential average that starts from nothing: the sum divided by the weight that it has by now. */
static struct growth measure_growth(struct tocsin_run *run, const char *item, const struct space *s)
{
	struct growth g = { .rate = NAN, .full_usec = USEC_NEVER };
	double used = s->total - s->free, before, sum = recall_or(run, "rate", item, 0);
	int64_t age = 0;

	g.weight = recall_or(run, "weight", item, 0);
	if (tocsin_recall(run, key("used", item).text, &before, &age) == 0 && age > 0) {
		double share = 1 - exp(-(double)age / (double)RATE_WINDOW_USEC);
		double rate = (used - before) / ((double)age / (double)USEC_PER_SEC);

		sum += share * (rate - sum);
		g.weight += share * (1 - g.weight);
		if (g.weight > 0)
			g.rate = sum / g.weight;
		tocsin_remember(run, key("rate", item).text, sum);
		tocsin_remember(run, key("weight", item).text, g.weight);
	}
	tocsin_remember(run, key("used", item).text, used);
	if (g.rate > 0 && g.weight >= RATE_TRUSTED) {
		double seconds = s->available / g.rate;

		if (seconds < (double)FORECAST_MAX_USEC / (double)USEC_PER_SEC)
			g.full_usec = (int64_t)(seconds * (double)USEC_PER_SEC);
	}
	return g;
}

/* --- What it means */

static bool is_past(const struct tocsin_limit *limit, double percent, double available)
{
	if (limit->unit == TOCSIN_LIMIT_PERCENT)
		return percent >= limit->value;
	return limit->unit == TOCSIN_LIMIT_ABSOLUTE && available <= limit->value;
}

static void judge_space(const struct config *c, const struct space *s, struct verdict *v)
{
	double percent = percent_used(s->total - s->free, s->available);
	bool is_critical = is_past(&c->critical, percent, s->available);
	const struct tocsin_limit *limit = is_critical ? &c->critical : &c->warning;

	if (isnan(percent) || !is_past(limit, percent, s->available))
		return;
	enum tocsin_state state = is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING;
	if (limit->unit == TOCSIN_LIMIT_PERCENT)
		verdict_add(v, state, "%.0f %% used (limit %.4g %%), %s left", percent, limit->value,
			short_size(s->available).text);
	else
		verdict_add(v, state, "%s left (limit %s), %.0f %% used", short_size(s->available).text,
			short_size(limit->value).text, percent);
}

static void judge_inodes(const struct config *c, const struct space *s, struct verdict *v)
{
	double percent = percent_used(s->inodes - s->inodes_free, s->inodes_free);

	if (s->inodes <= 0) /* btrfs, vfat: they make inodes as they need them */
		return;
	if (c->inodes_critical > 0 && percent >= c->inodes_critical)
		verdict_add(v, TOCSIN_CRITICAL, "%.0f %% of the inodes used (limit %.4g %%)", percent,
			c->inodes_critical);
	else if (c->inodes_warning > 0 && percent >= c->inodes_warning)
		verdict_add(v, TOCSIN_WARNING, "%.0f %% of the inodes used (limit %.4g %%)", percent,
			c->inodes_warning);
}

static void judge_growth(const struct config *c, const struct growth *g, struct verdict *v)
{
	if (g->full_usec == USEC_NEVER)
		return;
	if (c->full_critical > 0 && g->full_usec < c->full_critical)
		verdict_add(v, TOCSIN_CRITICAL, "full in about %s at the present rate",
			short_duration(g->full_usec).text);
	else if (c->full_warning > 0 && g->full_usec < c->full_warning)
		verdict_add(v, TOCSIN_WARNING, "full in about %s at the present rate",
			short_duration(g->full_usec).text);
}

/* Only the options of the file system count: in a service's name space every mount may be read-only. From
 * Linux 6.12 ext4 no longer sets them to "ro" after an error: see judge_errors(). */
static void judge_writable(struct tocsin_run *run, const struct config *c, const struct mount *m,
	const char *item, struct verdict *v)
{
	bool is_read_only = mount_has_option(m->super_options, "ro");
	bool was_writable = recall_or(run, "writable", item, 0) > 0;

	if (mount_is_stopped(m))
		verdict_add(v, TOCSIN_CRITICAL, "the kernel stopped writing after an error");
	else if (is_read_only && !c->read_only && was_writable)
		verdict_add(v, TOCSIN_CRITICAL, "has become read-only");
	else if (is_read_only && !c->read_only && mount_has_option(m->super_options, "errors=remount-ro"))
		verdict_add(v, TOCSIN_CRITICAL, "is read-only, as the kernel makes it after an error");
	/* Said again at every look, so that it stays known while the file system is read-only. */
	tocsin_remember(run, key("writable", item).text, !is_read_only || was_writable);
}

static bool is_since_boot(int64_t realtime_usec)
{
	return realtime_usec >= clock_realtime_usec() - clock_boottime_usec();
}

/* What is older than the boot was there when it was mounted again, and writing went on. */
static void judge_errors(const struct ext4_errors *e, struct verdict *v)
{
	struct short_text age = short_duration(llabs(clock_realtime_usec() - e->last_usec));

	if (e->count > 0 && is_since_boot(e->last_usec))
		verdict_add(v, TOCSIN_CRITICAL,
			"the file system has met errors, %lld of them, the last %s ago: the kernel may have "
			"stopped "
			"writing to it",
			(long long)e->count, age.text);
	else if (e->count > 0)
		verdict_add(v, TOCSIN_WARNING,
			"the file system has errors from before this boot, %lld of them: e2fsck(8) was not "
			"run",
			(long long)e->count);
}

static void put_errors(struct buf *b, const struct ext4_errors *e)
{
	if (e->count <= 0)
		return;
	_cleanup_buf_ struct buf first = BUF(64), last = BUF(64);
	format_time(&first, e->first_usec);
	format_time(&last, e->last_usec);
	buf_printf(b,
		_("errors since the last e2fsck: %lld, the first %s, the last %s, in the function %s of the "
		  "kernel\n"),
		(long long)e->count, buf_text(&first), buf_text(&last), *e->function ? e->function : "?");
}

static double limit_percent(const struct tocsin_limit *l)
{
	return l->unit == TOCSIN_LIMIT_PERCENT ? l->value : NAN;
}

static double limit_bytes(const struct tocsin_limit *l)
{
	return l->unit == TOCSIN_LIMIT_ABSOLUTE ? l->value : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct config *c, const char *item,
	const struct space *s, const struct growth *g)
{
	double used = s->total - s->free;
	const struct tocsin_metric metrics[] = {
		{ "used", percent_used(used, s->available), "%", limit_percent(&c->warning),
			limit_percent(&c->critical), 0, 100 },
		{ "left", s->available, "B", limit_bytes(&c->warning), limit_bytes(&c->critical), 0,
			s->total },
		{ "used_bytes", used, "B", NAN, NAN, 0, s->total },
		{ "inodes", s->inodes > 0 ? percent_used(s->inodes - s->inodes_free, s->inodes_free) : NAN,
			"%", c->inodes_warning > 0 ? c->inodes_warning : NAN,
			c->inodes_critical > 0 ? c->inodes_critical : NAN, 0, 100 },
		{ "growth", g->rate, "B/s", NAN, NAN, NAN, NAN },
		{ "time_to_full",
			g->full_usec == USEC_NEVER ? NAN : (double)g->full_usec / (double)USEC_PER_SEC, "s",
			c->full_warning > 0 ? (double)c->full_warning / (double)USEC_PER_SEC : NAN,
			c->full_critical > 0 ? (double)c->full_critical / (double)USEC_PER_SEC : NAN, 0,
			NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, item, &metrics[i]);
}

static void put_growth(struct buf *b, const struct growth *g)
{
	double an_hour = fabs(g->rate) * 3600;

	if (isnan(g->rate)) {
		buf_puts(b, _("growth: not known yet, this is the first look\n"));
	} else if (an_hour < 1024) {
		buf_puts(b, _("growth: none\n"));
	} else {
		buf_printf(b,
			g->rate > 0 ? _("growth: fills by %s an hour") : _("growth: empties by %s an hour"),
			short_size(an_hour).text);
		buf_puts(b, g->weight < RATE_TRUSTED ? _(" (over the last minutes only)")
						     : _(" (average of about two hours)"));
		if (g->full_usec != USEC_NEVER)
			buf_printf(b, _("; at this rate it is full in about %s"),
				short_duration(g->full_usec).text);
		buf_putc(b, '\n');
	}
}

static void report_evidence(struct tocsin_run *run, const char *item, const struct mount *m,
	const struct space *s, const struct growth *g, const struct ext4_errors *e)
{
	_cleanup_buf_ struct buf b = BUF(65536);

	buf_printf(&b, _("device: %s\ntype: %s\n"), m->source, m->type);
	if (strcmp(m->point, item) != 0)
		buf_printf(&b, _("mounted on: %s\n"), m->point);
	buf_printf(&b, _("options: %s; of the file system: %s\n"), m->options, m->super_options);
	buf_printf(&b, _("size: %s, used: %s, left: %s"), short_size(s->total).text,
		short_size(s->total - s->free).text, short_size(s->available).text);
	/* What btrfs holds back is nobody's: it has to be allocated for metadata first. */
	if (s->free > s->available && strcmp(m->type, "btrfs") != 0)
		buf_printf(&b, _(" (and %s for root only)"), short_size(s->free - s->available).text);
	buf_putc(&b, '\n');
	if (s->inodes > 0)
		buf_printf(&b, _("inodes: %.0f, free: %.0f\n"), s->inodes, s->inodes_free);
	put_growth(&b, g);
	put_errors(&b, e);
	tocsin_evidence(run, item, "The file system", buf_text(&b));
}

static void look_at_file_system(struct tocsin_run *run, const struct config *c, const char *item,
	const struct mount *m, const struct space *s)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	struct growth g = measure_growth(run, item, s);
	struct ext4_errors errors = { 0 };
	double percent = percent_used(s->total - s->free, s->available);

	judge_space(c, s, &v);
	judge_inodes(c, s, &v);
	judge_growth(c, &g, &v);
	judge_writable(run, c, m, item, &v);
	/* Where nothing is told of them, the options above are what there is. */
	if (ext4_read_errors(run, m, &errors) == 0)
		judge_errors(&errors, &v);
	if (v.state == TOCSIN_OK && isnan(percent))
		tocsin_item(run, item, v.state, "%s without a size of its own", m->type);
	else if (v.state == TOCSIN_OK)
		tocsin_item(run, item, v.state,
			mount_has_option(m->super_options, "ro")
				? N_("%.0f %% used, %s of %s left, read-only")
				: N_("%.0f %% used, %s of %s left"),
			percent, short_size(s->available).text, short_size(s->total).text);
	else
		tocsin_item(run, item, v.state, "%s", buf_text(&v.text));
	report_metrics(run, c, item, s, &g);
	report_evidence(run, item, m, s, &g, &errors);
}

static void look_at(struct tocsin_run *run, const struct config *c, const char *item, const char *path,
	const struct mount *m)
{
	struct space s;

	tocsin_look(run, item);
	int r = read_space(run, path, &s);
	if (r == 0)
		look_at_file_system(run, c, item, m, &s);
	else
		tocsin_item(run, item, TOCSIN_UNKNOWN, "cannot look at it (%s on %s): %s", m->type, m->source,
			strerror(-r));
}

static int look_at_all(struct tocsin_run *run, const struct config *c, const struct mountinfo *info)
{
	_cleanup_free_ bool *chosen = calloc(info->n + 1, sizeof(*chosen));
	size_t n = 0;

	if (!chosen)
		return -ENOMEM;
	choose(run, c, info, chosen);
	for (size_t i = 0; i < info->n; i++)
		if (chosen[i]) {
			look_at(run, c, info->items[i].point, info->items[i].point, &info->items[i]);
			n++;
		}
	if (n == 0) {
		tocsin_reason(run, "no local file system is mounted here (excluded ones left out)");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The path without links, because mount points have none. Under a recorded root there are none. */
static int resolve(struct tocsin_run *run, const char *path, char **ret)
{
	char *resolved = *tocsin_root(run) ? strdup(path) : realpath(path, NULL);

	if (!resolved)
		return -errno;
	*ret = resolved;
	return 0;
}

static int look_at_path(struct tocsin_run *run, const struct config *c, const struct mountinfo *info)
{
	_cleanup_free_ char *resolved = NULL;

	tocsin_look(run, c->path);
	int r = resolve(run, c->path, &resolved);
	if (r < 0 && !(r == -ENOENT && c->mounted)) {
		tocsin_reason(run, "%s: %s", c->path, strerror(-r));
		return r;
	}
	const struct mount *m = resolved ? mountinfo_find(info, resolved) : NULL;
	if (c->mounted && (!m || strcmp(m->point, resolved) != 0)) {
		tocsin_item(run, c->path, TOCSIN_CRITICAL,
			r < 0 ? N_("not mounted: there is no such folder") : N_("not mounted"));
		return 0;
	}
	if (!m) {
		tocsin_reason(run, "%s lies on no file system that this process can see", c->path);
		return -ENODEV;
	}
	look_at(run, c, c->path, resolved, m);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_mountinfo_ struct mountinfo info = { 0 };
	const struct config *c = config;

	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/self/mountinfo");
	int r = file ? 0 : -errno;
	/* Armed before it is read, so that no change falls between. */
	if (r == 0)
		tocsin_watch(run, fileno(file), POLLPRI);
	if (r == 0)
		r = mountinfo_read(file, &info);
	if (r < 0) {
		tocsin_reason(run, "/proc/self/mountinfo cannot be read: %s", strerror(-r));
		return r;
	}
	return is_auto(c) ? look_at_all(run, c, &info) : look_at_path(run, c, &info);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "disk",
	.summary = N_("Space, inodes and read-only state of file systems"),
	.flags = TOCSIN_CHECK_STEADY,
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
