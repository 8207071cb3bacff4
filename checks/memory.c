/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: what the host could still give to programs without swapping, and how full its swap is.
 *
 * "Available" is the kernel's own estimate (MemAvailable, proc_meminfo(5)): free memory alone is always
 * short, because caches fill it.
 *
 * Beside that, how much of their own limit control groups use (version 2): that of the container in which
 * this host may live, or named ones. */
#include "cgroup.h"
#include "cleanup.h"
#include "container.h"
#include "evidence.h"
#include "procread.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct config {
	struct tocsin_limit available_warning, available_critical;
	double swap_warning, swap_critical, limit_warning, limit_critical;
	struct tocsin_list cgroup;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(available_warning, TOCSIN_LIMIT), .fallback = "10%", .max = 100,
		.help = N_("Available memory, of all of it (10%) or in bytes (512M), at which it is a "
			   "warning; 0: not judged") },
	{ MEMBER(available_critical, TOCSIN_LIMIT), .fallback = "5%", .max = 100,
		.help = N_("Available memory, of all of it (5%) or in bytes (256M), at which it is critical; "
			   "0: not judged") },
	{ MEMBER(swap_warning, TOCSIN_PERCENT), .fallback = "0%", .max = 100,
		.help = N_("Used swap from which it is a warning; 0%: not judged") },
	{ MEMBER(swap_critical, TOCSIN_PERCENT), .fallback = "0%", .max = 100,
		.help = N_("Used swap from which it is critical; 0%: not judged") },
	{ MEMBER(cgroup, TOCSIN_LIST), .fallback = "auto",
		.help = N_("Control groups whose limit is looked at, like /system.slice/mysql.service; "
			   "\"auto\": that of the container, where this is one with a limit") },
	{ MEMBER(limit_warning, TOCSIN_PERCENT), .fallback = "90%", .max = 100,
		.help = N_("Share of its limit that a control group uses, without the cache that it can give "
			   "back, from which it is a warning; 0%: not judged") },
	{ MEMBER(limit_critical, TOCSIN_PERCENT), .fallback = "97%", .max = 100,
		.help = N_("Share of its limit that a control group uses, without the cache that it can give "
			   "back, from which it is critical; 0%: not judged") },
	{ .name = NULL },
};

static bool is_auto(const char *cgroup)
{
	return strcmp(cgroup, "auto") == 0;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->available_warning.value > 0 && c->available_warning.unit == c->available_critical.unit &&
		c->available_critical.value > c->available_warning.value)
		return N_("available_critical would be reached before available_warning: it must be the "
			  "smaller one");
	if (c->swap_warning > 0 && c->swap_critical > 0 && c->swap_critical < c->swap_warning)
		return N_("swap_critical must not be below swap_warning");
	if (c->limit_warning > 0 && c->limit_critical > 0 && c->limit_critical < c->limit_warning)
		return N_("limit_critical must not be below limit_warning");
	for (size_t i = 0; i < c->cgroup.n; i++)
		if (!is_auto(c->cgroup.items[i]) && !cgroup_is_name(c->cgroup.items[i]))
			return N_("cgroup is \"auto\" or the path of a control group below /sys/fs/cgroup, "
				  "like /system.slice/mysql.service");
	return NULL;
}

enum {
	TOTAL,
	AVAILABLE,
	FREE,
	BUFFERS,
	CACHED,
	SHMEM,
	ANON,
	RECLAIMABLE,
	UNRECLAIMABLE,
	PAGE_TABLES,
	HUGE_TABLES,
	SWAP_TOTAL,
	SWAP_FREE,
	COMMITTED,
	MEMORY_COUNTERS
};

static const struct counter memory_names[MEMORY_COUNTERS] = {
	[TOTAL] = { .name = "MemTotal" },
	[AVAILABLE] = { .name = "MemAvailable" },
	[FREE] = { .name = "MemFree" },
	[BUFFERS] = { .name = "Buffers" },
	[CACHED] = { .name = "Cached" },
	[SHMEM] = { .name = "Shmem" },
	[ANON] = { .name = "AnonPages" },
	[RECLAIMABLE] = { .name = "SReclaimable" },
	[UNRECLAIMABLE] = { .name = "SUnreclaim" },
	[PAGE_TABLES] = { .name = "PageTables" },
	[HUGE_TABLES] = { .name = "Hugetlb" },
	[SWAP_TOTAL] = { .name = "SwapTotal" },
	[SWAP_FREE] = { .name = "SwapFree" },
	[COMMITTED] = { .name = "Committed_AS" },
};

struct memory {
	struct counter counters[MEMORY_COUNTERS];
	double total, available, swap, swap_used;
	double zfs;       /* of the available memory, held by the cache of ZFS */
	double oom_kills; /* since the boot; NAN: not known */
};

/* The cache of ZFS (ARC) shrinks when programs want memory, down to c_min, but the kernel counts all of it as
 * used ("name type data" lines). In a container whose memory lxcfs tells it is that of the host all the same.
 */
static double read_zfs_cache(struct tocsin_run *run)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/spl/kstat/zfs/arcstats");
	unsigned long long value, size = 0, least = 0;
	char line[256], name[64];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %*u %llu", name, &value) == 2) {
			if (strcmp(name, "size") == 0)
				size = value;
			else if (strcmp(name, "c_min") == 0)
				least = value;
		}
	return size > least && !is_from_lxcfs(run, "/proc/meminfo") ? (double)(size - least) : 0;
}

static double read_oom_kills(struct tocsin_run *run)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/vmstat");
	struct counter kills = { .name = "oom_kill" };

	return file && counters_read(file, &kills, 1) == 0 ? kills.value : NAN;
}

static double or_zero(double value)
{
	return isnan(value) ? 0 : value;
}

static int read_memory(struct tocsin_run *run, struct memory *m)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/meminfo");

	memcpy(m->counters, memory_names, sizeof(memory_names));
	int r = file ? counters_read(file, m->counters, MEMORY_COUNTERS) : -errno;
	if (r < 0) {
		tocsin_reason(run, "/proc/meminfo cannot be read: %s", strerror(-r));
		return r;
	}
	m->total = m->counters[TOTAL].value;
	m->available = m->counters[AVAILABLE].value;
	if (!(m->total > 0) || isnan(m->available)) {
		tocsin_reason(run, "/proc/meminfo does not tell how much memory is available");
		return -EBADMSG;
	}
	m->zfs = fmin(read_zfs_cache(run), fmax(0, m->total - m->available));
	m->available = fmin(m->available + m->zfs, m->total);
	m->swap = or_zero(m->counters[SWAP_TOTAL].value);
	m->swap_used = fmax(0, m->swap - or_zero(m->counters[SWAP_FREE].value));
	m->oom_kills = read_oom_kills(run);
	return 0;
}

static double share(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : NAN;
}

static bool is_reached(const struct tocsin_limit *limit, const struct memory *m)
{
	if (!(limit->value > 0))
		return false;
	return limit->unit == TOCSIN_LIMIT_PERCENT ? share(m->available, m->total) <= limit->value
						   : m->available <= limit->value;
}

static void judge_available(const struct config *c, const struct memory *m, struct verdict *v)
{
	bool is_critical = is_reached(&c->available_critical, m);
	const struct tocsin_limit *limit = is_critical ? &c->available_critical : &c->available_warning;
	enum tocsin_state state = is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING;

	if (!is_reached(limit, m))
		return;
	if (limit->unit == TOCSIN_LIMIT_PERCENT)
		verdict_add(v, state, "%.1f %% of the memory available (limit %.4g %%), %s of %s",
			share(m->available, m->total), limit->value, short_size(m->available).text,
			short_size(m->total).text);
	else
		verdict_add(v, state, "%s of the memory available (limit %s), %.1f %% of %s",
			short_size(m->available).text, short_size(limit->value).text,
			share(m->available, m->total), short_size(m->total).text);
}

static void judge_swap(const struct config *c, const struct memory *m, struct verdict *v)
{
	double used = share(m->swap_used, m->swap);
	bool is_critical = c->swap_critical > 0 && used >= c->swap_critical;

	if (is_critical || (c->swap_warning > 0 && used >= c->swap_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"%.0f %% of the swap used (limit %.4g %%), %s of %s", used,
			is_critical ? c->swap_critical : c->swap_warning, short_size(m->swap_used).text,
			short_size(m->swap).text);
}

static double limit_if(const struct tocsin_limit *l, enum tocsin_limit_unit unit)
{
	return l->unit == unit && l->value > 0 ? l->value : NAN;
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct config *c, const struct memory *m)
{
	const struct tocsin_limit *warning = &c->available_warning, *critical = &c->available_critical;
	const struct tocsin_metric metrics[] = {
		{ "available", share(m->available, m->total), "%", limit_if(warning, TOCSIN_LIMIT_PERCENT),
			limit_if(critical, TOCSIN_LIMIT_PERCENT), 0, 100 },
		{ "available_bytes", m->available, "B", limit_if(warning, TOCSIN_LIMIT_ABSOLUTE),
			limit_if(critical, TOCSIN_LIMIT_ABSOLUTE), 0, m->total },
		{ "swap_used", share(m->swap_used, m->swap), "%", positive(c->swap_warning),
			positive(c->swap_critical), 0, 100 },
		{ "swap_used_bytes", m->swap > 0 ? m->swap_used : NAN, "B", NAN, NAN, 0, m->swap },
		{ "oom_kills", m->oom_kills, "c", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

/* Programs can be ended, caches shrink by themselves, and what the kernel holds is a leak if it is much. */
static void show_shares(struct tocsin_run *run, const struct memory *m)
{
	static const struct {
		int counter;
		const char *what;
	} rows[] = {
		{ ANON, N_("programs") },
		{ SHMEM, N_("shared memory and tmpfs") },
		{ CACHED, N_("cache of files (with tmpfs)") },
		{ BUFFERS, N_("buffers") },
		{ RECLAIMABLE, N_("kernel, can be given back") },
		{ UNRECLAIMABLE, N_("kernel, cannot be given back") },
		{ PAGE_TABLES, N_("page tables") },
		{ HUGE_TABLES, N_("reserved huge pages") },
		{ FREE, CN_("memory", "free") },
		{ COMMITTED, N_("promised to programs") },
	};
	_cleanup_buf_ struct buf b = BUF(4096);

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (or_zero(m->counters[rows[i].counter].value) > 0)
			buf_printf(&b, "%9s  %s\n", short_size(m->counters[rows[i].counter].value).text,
				_(rows[i].what));
	if (m->zfs > 0)
		buf_printf(&b, _("%9s  cache of ZFS, counted as available\n"), short_size(m->zfs).text);
	if (m->swap > 0)
		buf_printf(&b, _("%9s  of %s swap used\n"), short_size(m->swap_used).text,
			short_size(m->swap).text);
	if (m->oom_kills > 0)
		buf_printf(&b, _("processes killed for want of memory since the boot: %.0f\n"), m->oom_kills);
	tocsin_evidence(run, tocsin_name(run), "Where the memory is", buf_text(&b));
}

static void report_good(struct tocsin_run *run, const struct memory *m)
{
	double percent = share(m->available, m->total);

	if (m->swap > 0)
		tocsin_item(run, tocsin_name(run), TOCSIN_OK,
			"%.0f %% available, %s of %s; %.0f %% of %s swap used", percent,
			short_size(m->available).text, short_size(m->total).text,
			share(m->swap_used, m->swap), short_size(m->swap).text);
	else
		tocsin_item(run, tocsin_name(run), TOCSIN_OK, "%.0f %% available, %s of %s; no swap", percent,
			short_size(m->available).text, short_size(m->total).text);
}

/* --- Control groups */

enum {
	GROUP_ANON,
	GROUP_FILE,
	GROUP_INACTIVE_FILE,
	GROUP_ACTIVE_FILE,
	GROUP_SHMEM,
	GROUP_KERNEL,
	GROUP_SLAB,
	GROUP_SLAB_RECLAIMABLE,
	GROUP_COUNTERS
};

struct group {
	const char *name;
	double limit, used; /* bytes; limit: INFINITY when there is none */
	double cache;       /* of that what is given back when it is needed */
	double kept;        /* used, without the cache */
	double oom_kills;   /* since it was made; NAN: not known */
	struct counter counters[GROUP_COUNTERS];
};

/* -EBADMSG for what is neither a number nor "max". */
static int read_bytes(struct tocsin_run *run, const char *group, const char *file, double *ret)
{
	_cleanup_fclose_ FILE *f = tocsin_fopen(run, cgroup_path(group, file).text);
	char line[64];
	int64_t value;

	if (!f || !fgets(line, sizeof(line), f))
		return f ? -EBADMSG : -errno;
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "max") == 0) {
		*ret = INFINITY;
		return 0;
	}
	int r = parse_int(line, &value);
	if (r == 0 && value >= 0)
		*ret = (double)value;
	return r == 0 && value >= 0 ? 0 : -EBADMSG;
}

static int read_counters(
	struct tocsin_run *run, const char *group, const char *file, struct counter *counters, size_t n)
{
	_cleanup_fclose_ FILE *f = tocsin_fopen(run, cgroup_path(group, file).text);

	return f ? counters_read(f, counters, n) : -errno;
}

static int read_group(struct tocsin_run *run, struct group *g)
{
	static const struct counter names[GROUP_COUNTERS] = {
		[GROUP_ANON] = { .name = "anon" },
		[GROUP_FILE] = { .name = "file" },
		[GROUP_INACTIVE_FILE] = { .name = "inactive_file" },
		[GROUP_ACTIVE_FILE] = { .name = "active_file" },
		[GROUP_SHMEM] = { .name = "shmem" },
		[GROUP_KERNEL] = { .name = "kernel" },
		[GROUP_SLAB] = { .name = "slab" },
		[GROUP_SLAB_RECLAIMABLE] = { .name = "slab_reclaimable" },
	};
	/* Files that were used lately count as little as in MemAvailable: a group that reads much would
	 * always seem full. */
	static const int given_back[] = { GROUP_INACTIVE_FILE, GROUP_ACTIVE_FILE, GROUP_SLAB_RECLAIMABLE };
	struct counter kills = { .name = "oom_kill" };

	memcpy(g->counters, names, sizeof(names));
	int r = read_bytes(run, g->name, "memory.max", &g->limit);
	if (r == 0)
		r = read_bytes(run, g->name, "memory.current", &g->used);
	if (r == 0)
		r = read_counters(run, g->name, "memory.stat", g->counters, GROUP_COUNTERS);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTS(given_back); i++)
		g->cache += or_zero(g->counters[given_back[i]].value);
	g->kept = fmax(0, g->used - g->cache);
	g->oom_kills = read_counters(run, g->name, "memory.events", &kills, 1) == 0 ? kills.value : NAN;
	return 0;
}

static void show_group(struct tocsin_run *run, const char *item, const struct group *g)
{
	static const struct {
		int counter;
		const char *what;
	} rows[] = {
		{ GROUP_ANON, N_("programs") },
		{ GROUP_SHMEM, N_("shared memory and tmpfs") },
		{ GROUP_FILE, N_("cache of files (with tmpfs)") },
		{ GROUP_KERNEL, N_("kernel") },
		{ GROUP_SLAB, N_("of that caches of the kernel") },
	};
	_cleanup_buf_ struct buf b = BUF(4096);

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (or_zero(g->counters[rows[i].counter].value) > 0)
			buf_printf(&b, "%9s  %s\n", short_size(g->counters[rows[i].counter].value).text,
				_(rows[i].what));
	if (g->cache > 0)
		buf_printf(&b, _("%9s  of all that can be given back, not counted here\n"),
			short_size(g->cache).text);
	if (g->oom_kills > 0)
		buf_printf(&b, _("processes killed for want of memory in it: %.0f\n"), g->oom_kills);
	tocsin_evidence(run, item, "Where the memory of the control group is", buf_text(&b));
}

static void judge_group(
	struct tocsin_run *run, const struct config *c, const char *item, const struct group *g)
{
	double used = share(g->kept, g->limit);
	bool is_critical = c->limit_critical > 0 && used >= c->limit_critical;
	double limit = is_critical ? c->limit_critical : c->limit_warning;
	enum tocsin_state state =
		limit > 0 && used >= limit ? is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING : TOCSIN_OK;

	if (isinf(g->limit))
		tocsin_item(run, item, TOCSIN_OK, "%s used, it has no limit", short_size(g->kept).text);
	else if (state == TOCSIN_OK)
		tocsin_item(run, item, state, "%.0f %% of its limit used, %s of %s", used,
			short_size(g->kept).text, short_size(g->limit).text);
	else
		tocsin_item(run, item, state, "%.1f %% of its limit used (limit %.4g %%), %s of %s", used,
			limit, short_size(g->kept).text, short_size(g->limit).text);
	const struct tocsin_metric metrics[] = {
		{ "limit_used", isinf(g->limit) ? NAN : used, "%", positive(c->limit_warning),
			positive(c->limit_critical), 0, 100 },
		{ "limit_used_bytes", g->kept, "B", NAN, NAN, 0, isinf(g->limit) ? NAN : g->limit },
		{ "oom_kills", g->oom_kills, "c", NAN, NAN, 0, NAN },
	};
	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, item, &metrics[i]);
	if (state != TOCSIN_OK)
		show_group(run, item, g);
}

/* The root of a host has no limit, and no file for one; that of a container has. */
static void look_at_container(struct tocsin_run *run, const struct config *c)
{
	struct group g = { .name = "/" };

	if (read_bytes(run, g.name, "memory.max", &g.limit) < 0 || isinf(g.limit))
		return;
	int r = read_group(run, &g);
	if (r == 0)
		judge_group(run, c, "container", &g);
	else
		tocsin_item(run, "container", TOCSIN_UNKNOWN, "its memory cannot be read: %s", strerror(-r));
}

static void look_at_group(struct tocsin_run *run, const struct config *c, const char *name)
{
	struct group g = { .name = name };

	int r = read_group(run, &g);
	if (r == 0)
		judge_group(run, c, name, &g);
	else if (r == -ENOENT)
		tocsin_item(run, name, TOCSIN_UNKNOWN,
			"there is no such control group of version 2, or its memory is not "
			"accounted (a service that is stopped has none)");
	else
		tocsin_item(run, name, TOCSIN_UNKNOWN, "its memory cannot be read: %s", strerror(-r));
}

static bool came_before(const struct tocsin_list *list, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(list->items[j], list->items[i]) == 0)
			return true;
	return false;
}

static void look_at_groups(struct tocsin_run *run, const struct config *c)
{
	for (size_t i = 0; i < c->cgroup.n; i++) {
		const char *name = c->cgroup.items[i];

		if (came_before(&c->cgroup, i))
			continue;
		if (is_auto(name))
			look_at_container(run, c);
		else
			look_at_group(run, c, name);
	}
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	const struct config *c = config;
	struct memory m = { 0 };

	int r = read_memory(run, &m);
	if (r < 0)
		return r;
	judge_available(c, &m, &v);
	judge_swap(c, &m, &v);
	if (v.state == TOCSIN_OK)
		report_good(run, &m);
	else
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	report_metrics(run, c, &m);
	if (v.state != TOCSIN_OK) {
		show_shares(run, &m);
		evidence_processes(run, tocsin_name(run), EVIDENCE_MEMORY);
		evidence_pressure(run, tocsin_name(run));
	}
	look_at_groups(run, c);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "memory",
	.summary = N_("Available memory and used swap, and the limits of control groups"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
