/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cgroup: how near services, containers and their slices are to the limits of their own: memory, number of
 * tasks, processor time; and whether processes were killed in them for want of memory. Reads the files of
 * control groups of version 2 (Documentation/admin-guide/cgroup-v2.rst).
 *
 * Containers come and go under names that never come again, so "auto" and a pattern are one item each,
 * however many groups it stands for. */
#include "cgroup.h"
#include "procread.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define AUTO "auto"
#define NAME_SIZE 3072
#define DEPTH_MAX 24
#define GROUPS_MAX 10000
#define QUOTAS_MAX 200 /* groups with a quota of processor time that are compared with the look before */
#define TABLE_MAX 30

struct config {
	struct tocsin_list cgroup, exclude;
	double memory_warning, memory_critical, pids_warning, pids_critical;
	double throttled_warning, throttled_critical;
	int oom;
	int64_t oom_window;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const states[] = { "ok", "warning", "critical", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(cgroup, TOCSIN_LIST), .fallback = AUTO,
		.help = N_(
			"A control group below /sys/fs/cgroup, like /system.slice/mysql.service, or a "
			"pattern for several, like /system.slice/docker-*.scope; \"auto\": all there are") },
	{ MEMBER(exclude, TOCSIN_LIST),
		.help = N_("Control groups (patterns) that are left out, with all below them") },
	{ MEMBER(memory_warning, TOCSIN_PERCENT), .fallback = "90%", .max = 100,
		.help = N_("Part of its memory.max that a group uses, without the cache that it can give "
			   "back, from which it is a warning; 0%: not judged") },
	{ MEMBER(memory_critical, TOCSIN_PERCENT), .fallback = "97%", .max = 100,
		.help = N_("Part of its memory.max that a group uses, from which it is critical; 0%: not "
			   "judged") },
	{ MEMBER(pids_warning, TOCSIN_PERCENT), .fallback = "80%", .max = 100,
		.help = N_("Tasks of a group, of its pids.max, from which it is a warning; 0%: not judged") },
	{ MEMBER(pids_critical, TOCSIN_PERCENT), .fallback = "95%", .max = 100,
		.help = N_("Tasks of a group, of its pids.max, from which it is critical; 0%: not judged") },
	{ MEMBER(throttled_warning, TOCSIN_PERCENT), .fallback = "50%", .max = 100,
		.help = N_("Periods between two looks in which a group with a quota (cpu.max) used it up and "
			   "had to wait, from which it is a warning; 0%: not judged") },
	{ MEMBER(throttled_critical, TOCSIN_PERCENT), .fallback = "0%", .max = 100,
		.help = N_("Periods in which it had to wait, from which it is critical; 0%: not judged") },
	{ MEMBER(oom, TOCSIN_CHOICE), .fallback = "warning", .choices = states,
		.help = N_("What it is when a process of a group was killed for want of memory") },
	{ MEMBER(oom_window, TOCSIN_DURATION), .fallback = "1h", .max = 365 * 86400e6,
		.help = N_("How long a killed process is told; 0: it is not") },
	{ .name = NULL },
};

static bool is_auto(const char *name)
{
	return strcmp(name, AUTO) == 0;
}

static bool are_crossed(double warning, double critical)
{
	return warning > 0 && critical > 0 && critical < warning;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (are_crossed(c->memory_warning, c->memory_critical) ||
		are_crossed(c->pids_warning, c->pids_critical) ||
		are_crossed(c->throttled_warning, c->throttled_critical))
		return N_("the limit for critical is below the one for warning: one of memory, pids, "
			  "throttled");
	for (size_t i = 0; i < c->cgroup.n; i++) {
		if (!is_auto(c->cgroup.items[i]) && !cgroup_is_name(c->cgroup.items[i]))
			return N_("cgroup is \"auto\" or the path of a control group below /sys/fs/cgroup, "
				  "like /system.slice/mysql.service");
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->cgroup.items[i], c->cgroup.items[j]) == 0)
				return N_("cgroup names the same control group twice");
	}
	return NULL;
}

/* --- One group, as the kernel shows it */

struct group {
	const char *name;
	unsigned depth;                            /* 0: the root */
	double id;                                 /* never comes again before the next boot */
	double memory, memory_max, pids, pids_max; /* NAN: not accounted; the limit INFINITY: none */
	double quota;                              /* processors; INFINITY: no limit, NAN: not known */
	double periods, throttled;                 /* since it was made */
	double throttled_share;                    /* percent, since the look before; NAN: not known */
	double kills;                              /* in it and below it, since it was made; NAN: not known */
	double refused;                            /* times that a task could not be started, likewise */
};

/* The first line of FILE of the group; 0, -ENOENT where its controller is not switched on, -errno. */
static int read_line(struct tocsin_run *run, const char *group, const char *file, char *line, int size)
{
	_cleanup_fclose_ FILE *f = tocsin_fopen(run, cgroup_path(group, file).text);

	if (!f)
		return -errno;
	errno = 0;
	if (!fgets(line, size, f))
		return errno ? -errno : -EBADMSG;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int parse_amount(const char *text, double *ret)
{
	int64_t value;
	int r = 0;

	if (strcmp(text, "max") == 0) {
		*ret = INFINITY;
		return 0;
	}
	r = parse_int(text, &value);
	if (r < 0 || value < 0)
		return -EBADMSG;
	*ret = (double)value;
	return 0;
}

/* Leaves *RET as it is where there is no such file. */
static int read_amount(struct tocsin_run *run, const char *group, const char *file, double *ret)
{
	char line[64];
	int r = read_line(run, group, file, line, sizeof(line));

	return r == 0 ? parse_amount(line, ret) : r == -ENOENT ? 0 : r;
}

static int read_counters(
	struct tocsin_run *run, const char *group, const char *file, struct counter *counters, size_t n)
{
	_cleanup_fclose_ FILE *f = tocsin_fopen(run, cgroup_path(group, file).text);
	int r = f ? counters_read(f, counters, n) : -errno;

	return r == -ENOENT ? 0 : r;
}

static int read_memory(struct tocsin_run *run, struct group *g)
{
	/* What the kernel takes back before it ends a process, also files that were used lately. */
	struct counter cache[] = { { .name = "inactive_file", .value = NAN },
		{ .name = "active_file", .value = NAN }, { .name = "slab_reclaimable", .value = NAN } };
	struct counter kills = { .name = "oom_kill", .value = NAN };

	int r = read_counters(run, g->name, "memory.events", &kills, 1);
	g->kills = kills.value;
	if (r == 0)
		r = read_amount(run, g->name, "memory.max", &g->memory_max);
	if (r == 0)
		r = read_amount(run, g->name, "memory.current", &g->memory);
	if (r == 0 && !isnan(g->memory))
		r = read_counters(run, g->name, "memory.stat", cache, ELEMENTS(cache));
	for (size_t i = 0; r == 0 && i < ELEMENTS(cache); i++)
		if (cache[i].value > 0)
			g->memory = fmax(0, g->memory - cache[i].value);
	return r;
}

static int read_pids(struct tocsin_run *run, struct group *g)
{
	struct counter refused = { .name = "max", .value = NAN };

	int r = read_amount(run, g->name, "pids.max", &g->pids_max);
	if (r == 0)
		r = read_amount(run, g->name, "pids.current", &g->pids);
	if (r == 0 && isfinite(g->pids_max))
		r = read_counters(run, g->name, "pids.events", &refused, 1);
	g->refused = refused.value;
	return r;
}

/* cpu.max: "QUOTA PERIOD" in microseconds, or "max PERIOD". */
static int read_processor(struct tocsin_run *run, struct group *g)
{
	struct counter stat[] = { { .name = "nr_periods", .value = NAN },
		{ .name = "nr_throttled", .value = NAN } };
	char line[64], quota[32];
	double period;

	int r = read_line(run, g->name, "cpu.max", line, sizeof(line));
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (sscanf(line, "%31s %lf", quota, &period) != 2 || !(period > 0) ||
		parse_amount(quota, &g->quota) < 0)
		return -EBADMSG;
	g->quota /= period;
	r = isfinite(g->quota) ? read_counters(run, g->name, "cpu.stat", stat, ELEMENTS(stat)) : 0;
	g->periods = stat[0].value;
	g->throttled = stat[1].value;
	return r;
}

static int read_id(struct tocsin_run *run, struct group *g)
{
	_cleanup_close_ int fd = tocsin_open(run, cgroup_path(g->name, "").text, O_PATH | O_DIRECTORY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	g->id = (double)st.st_ino;
	return 0;
}

static int read_group(struct tocsin_run *run, struct group *g)
{
	int r = read_id(run, g);

	if (r == 0)
		r = read_memory(run, g);
	if (r == 0)
		r = read_pids(run, g);
	if (r == 0)
		r = read_processor(run, g);
	return r;
}

/* --- Throttling since the look before. Groups are recognised by their number; the places in which they are
 * kept are used again. */

struct quota {
	double id, periods, throttled;
};

struct quotas {
	struct quota items[QUOTAS_MAX];
	size_t n;
};

static const char *const quota_words[] = { "id", "periods", "throttled" };

struct key {
	char text[64];
};

static struct key key(const char *what, size_t i)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%s %zu", what, i);
	return k;
}

static void recall_quotas(struct tocsin_run *run, struct quotas *q)
{
	int64_t age;

	for (q->n = 0; q->n < QUOTAS_MAX; q->n++) {
		struct quota *one = &q->items[q->n];
		double *const values[] = { &one->id, &one->periods, &one->throttled };

		for (size_t i = 0; i < ELEMENTS(values); i++)
			if (tocsin_recall(run, key(quota_words[i], q->n).text, values[i], &age) < 0)
				return;
		if (one->id == 0)
			return;
	}
}

/* The number 0, which no group has, ends the list. */
static void remember_quotas(struct tocsin_run *run, const struct quotas *q)
{
	for (size_t n = 0; n < q->n; n++) {
		const struct quota *one = &q->items[n];
		const double values[] = { one->id, one->periods, one->throttled };

		for (size_t i = 0; i < ELEMENTS(values); i++)
			tocsin_remember(run, key(quota_words[i], n).text, values[i]);
	}
	if (q->n < QUOTAS_MAX)
		tocsin_remember(run, key(quota_words[0], q->n).text, 0);
}

static double throttled_share(const struct quotas *before, const struct group *g)
{
	for (size_t i = 0; i < before->n; i++) {
		const struct quota *b = &before->items[i];
		double periods = g->periods - b->periods, throttled = g->throttled - b->throttled;

		if (b->id == g->id)
			return periods > 0 && throttled >= 0 ? fmin(100, 100 * throttled / periods)
			       : periods == 0                ? 0
							     : NAN;
	}
	return NAN;
}

/* --- What it means */

/* One item: what "auto", a path or a pattern stands for. */
struct subject {
	const char *name, *item;
	size_t n, n_limited, n_bad, n_unread;
	struct verdict verdict;
	struct buf table, why;
	double kills; /* NAN: not known */
	bool has_root;
	struct group last; /* of which the numbers are shown when there is only one */
};

struct look {
	struct tocsin_run *run;
	const struct config *config;
	struct subject *subjects;
	struct quotas before, now;
	size_t n_seen;
};

static double share(double part, double whole)
{
	return isfinite(whole) && whole > 0 ? 100 * part / whole : NAN;
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

/* The limit that VALUE reaches, NAN: none. */
static double reached(double value, double warning, double critical, enum tocsin_state *ret_state)
{
	*ret_state = value >= positive(critical)  ? TOCSIN_CRITICAL
		     : value >= positive(warning) ? TOCSIN_WARNING
						  : TOCSIN_OK;
	return *ret_state == TOCSIN_CRITICAL ? critical : *ret_state == TOCSIN_WARNING ? warning : NAN;
}

static enum tocsin_state worse(enum tocsin_state a, enum tocsin_state b)
{
	return a > b ? a : b;
}

/* A pattern says in its sentences which of its groups it means. */
static bool is_several(const struct subject *s)
{
	return is_auto(s->name) || strpbrk(s->name, "*?[");
}

static enum tocsin_state judge_group(const struct config *c, struct subject *s, const struct group *g)
{
	_cleanup_buf_ struct buf prefix = BUF(NAME_SIZE + 2);
	enum tocsin_state memory, pids, throttled;
	double limit =
		reached(share(g->memory, g->memory_max), c->memory_warning, c->memory_critical, &memory);

	if (is_several(s))
		buf_printf(&prefix, "%s: ", g->name);
	const char *who = buf_text(&prefix);
	verdict_add(&s->verdict, memory, "%s%.1f %% of its memory used (limit %.4g %%), %s of %s", who,
		share(g->memory, g->memory_max), limit, short_size(g->memory).text,
		short_size(isfinite(g->memory_max) ? g->memory_max : 0).text);
	limit = reached(share(g->pids, g->pids_max), c->pids_warning, c->pids_critical, &pids);
	verdict_add(&s->verdict, pids, "%s%.0f %% of its tasks (limit %.4g %%), %.0f of %.0f", who,
		share(g->pids, g->pids_max), limit, g->pids, g->pids_max);
	limit = reached(g->throttled_share, c->throttled_warning, c->throttled_critical, &throttled);
	verdict_add(&s->verdict, throttled,
		"%shad to wait for processor time in %.0f %% of the periods (limit %.4g %%), its quota is "
		"%.3g processors",
		who, g->throttled_share, limit, g->quota);
	return worse(memory, worse(pids, throttled));
}

static void put_group(struct buf *b, const struct group *g)
{
	buf_printf(b, "%s:", g->name);
	if (isfinite(g->memory_max))
		buf_printf(b, _(" memory %s of %s;"), short_size(g->memory).text,
			short_size(g->memory_max).text);
	if (!isnan(g->pids) && isfinite(g->pids_max))
		buf_printf(b, _(" tasks %.0f of %.0f"), g->pids, g->pids_max);
	else if (!isnan(g->pids))
		buf_printf(b, _(" tasks %.0f"), g->pids);
	if (g->refused > 0)
		buf_printf(b, _(", %.0f times one could not be started"), g->refused);
	if (isfinite(g->quota))
		buf_printf(b, _("; quota %.3g processors, used up in %.0f of %.0f periods"), g->quota,
			g->throttled, g->periods);
	if (g->kills > 0)
		buf_printf(b, _("; killed for want of memory in it or below it: %.0f"), g->kills);
	buf_puts(b, "\n");
}

/* What is killed is counted in the group and in all above it: for all groups those at the top suffice, or the
 * root, which is one with numbers only in a container. */
static void add_kills(struct subject *s, const struct group *g)
{
	bool counts = !is_auto(s->name) || g->depth == 0 || (g->depth == 1 && !s->has_root);

	if (isnan(g->kills) || !counts)
		return;
	s->has_root |= g->depth == 0;
	s->kills = isnan(s->kills) ? g->kills : s->kills + g->kills;
}

static void add_group(const struct config *c, struct subject *s, const struct group *g)
{
	enum tocsin_state state = judge_group(c, s, g);

	s->n++;
	s->n_limited += isfinite(g->memory_max) || isfinite(g->quota);
	s->n_bad += state != TOCSIN_OK;
	if ((state != TOCSIN_OK || g->kills > 0 || !is_several(s)) && s->table.len < TABLE_MAX * 200u)
		put_group(&s->table, g);
	add_kills(s, g);
	s->last = *g;
}

/* Processes that were killed within the window. */
static double recent_kills(struct look *l, const struct subject *s)
{
	char count[NAME_SIZE + 32], recent[NAME_SIZE + 32];
	double before, amount = 0;
	int64_t age;

	/* Keys have 255 bytes; the end of a name tells more than its beginning. */
	size_t len = strlen(s->name);
	const char *name = len > 200 ? s->name + len - 200 : s->name;
	snprintf(count, sizeof(count), "kills %s", name);
	snprintf(recent, sizeof(recent), "recent %s", name);
	if (tocsin_recall(l->run, recent, &before, &age) == 0 && age < l->config->oom_window)
		amount = before;
	if (tocsin_recall(l->run, count, &before, &age) == 0 && s->kills > before) {
		amount += s->kills - before;
		tocsin_remember(l->run, recent, amount);
	}
	if (!isnan(s->kills))
		tocsin_remember(l->run, count, s->kills);
	return l->config->oom_window > 0 ? amount : 0;
}

/* --- The report of one item */

static void report_metrics(struct look *l, const struct subject *s, double kills)
{
	const struct config *c = l->config;
	const struct group *g = &s->last;
	bool is_one = s->n == 1 && !is_several(s);
	const struct tocsin_metric metrics[] = {
		{ "groups", is_several(s) ? (double)s->n : NAN, "", NAN, NAN, 0, NAN },
		{ "near_limit", is_several(s) ? (double)s->n_bad : NAN, "", NAN, NAN, 0, NAN },
		{ "oom_kills", s->kills, "c", NAN, NAN, 0, NAN },
		{ "oom_kills_recent", isnan(s->kills) ? NAN : kills, "", NAN, NAN, 0, NAN },
		{ "memory", is_one ? share(g->memory, g->memory_max) : NAN, "%", positive(c->memory_warning),
			positive(c->memory_critical), 0, 100 },
		{ "memory_bytes", is_one ? g->memory : NAN, "B", NAN, NAN, 0,
			isfinite(g->memory_max) ? g->memory_max : NAN },
		{ "pids", is_one ? g->pids : NAN, "", NAN, NAN, 0,
			isfinite(g->pids_max) ? g->pids_max : NAN },
		{ "throttled", is_one ? g->throttled_share : NAN, "%", positive(c->throttled_warning),
			positive(c->throttled_critical), 0, 100 },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(l->run, s->item, &metrics[i]);
}

static void put_good(struct buf *b, const struct subject *s)
{
	const struct group *g = &s->last;

	if (is_several(s)) {
		buf_printf(b, _("%zu control groups, %zu of them with a limit of memory or processors"), s->n,
			s->n_limited);
		return;
	}
	if (isfinite(g->memory_max))
		buf_printf(b, _("%.0f %% of its memory used, %s of %s"), share(g->memory, g->memory_max),
			short_size(g->memory).text, short_size(g->memory_max).text);
	else if (isnan(g->memory))
		buf_puts(b, _("an unknown amount of memory used, it has no limit"));
	else
		buf_printf(b, _("%s of memory used, it has no limit"), short_size(g->memory).text);
	if (!isnan(g->pids))
		buf_printf(b, _(", %.0f tasks"), g->pids);
	if (!isnan(g->throttled_share))
		buf_printf(b, _(", waited for processor time in %.0f %% of the periods"), g->throttled_share);
}

static void report(struct look *l, struct subject *s)
{
	_cleanup_buf_ struct buf good = BUF(4096);

	double kills = recent_kills(l, s);
	if (kills > 0)
		verdict_add(&s->verdict, (enum tocsin_state)l->config->oom,
			kills == 1 ? N_("%.0f process killed for want of memory within %s")
				   : N_("%.0f processes killed for want of memory within %s"),
			kills, short_duration(l->config->oom_window).text);
	enum tocsin_state state = s->verdict.state;
	put_good(&good, s);
	if (state != TOCSIN_OK)
		tocsin_item(l->run, s->item, state, "%s", buf_text(&s->verdict.text));
	else if (s->n_unread)
		tocsin_item(l->run, s->item, TOCSIN_UNKNOWN, "%zu control groups cannot be read: %s",
			s->n_unread, buf_text(&s->why));
	else if (s->n == 0)
		tocsin_item(l->run, s->item, TOCSIN_CRITICAL,
			"there is no such control group: what should run in it does not run");
	else
		tocsin_item(l->run, s->item, TOCSIN_OK, "%s", buf_text(&good));
	report_metrics(l, s, kills);
	if (state != TOCSIN_OK && s->table.len)
		tocsin_evidence(l->run, s->item, "Control groups near a limit, or with killed processes",
			buf_text(&s->table));
}

/* --- The walk */

static bool is_excluded(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], name, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static bool is_meant(const struct subject *s, const char *name)
{
	return is_auto(s->name) || strcmp(s->name, name) == 0 ||
	       (is_several(s) && fnmatch(s->name, name, FNM_PATHNAME) == 0);
}

static void note_unread(struct subject *s, const char *name, int error)
{
	if (s->n_unread++ == 0)
		buf_printf(&s->why, "%s: %s", name,
			error == -EBADMSG ? _("a file is not of the form that is known") : strerror(-error));
}

static void visit(struct look *l, const char *name, unsigned depth)
{
	struct group g = { .name = name,
		.depth = depth,
		.memory = NAN,
		.memory_max = NAN,
		.pids = NAN,
		.pids_max = NAN,
		.quota = NAN,
		.periods = NAN,
		.throttled = NAN,
		.throttled_share = NAN,
		.kills = NAN,
		.refused = NAN };
	bool is_wanted = false;
	int r = 0;

	for (size_t i = 0; i < l->config->cgroup.n; i++)
		is_wanted |= is_meant(&l->subjects[i], name);
	if (!is_wanted)
		return;
	r = read_group(l->run, &g);
	if (r == -ENOENT || r == -ENODEV) /* it has ended meanwhile */
		return;
	if (r == 0 && !isnan(g.periods) && !isnan(g.throttled) && l->now.n < QUOTAS_MAX) {
		g.throttled_share = throttled_share(&l->before, &g);
		l->now.items[l->now.n++] = (struct quota){ g.id, g.periods, g.throttled };
	}
	for (size_t i = 0; i < l->config->cgroup.n; i++) {
		struct subject *s = &l->subjects[i];

		if (is_meant(s, name) && r == 0)
			add_group(l->config, s, &g);
		else if (is_meant(s, name))
			note_unread(s, name, r);
	}
}

static int walk(struct look *l, char name[NAME_SIZE], unsigned depth)
{
	int fd = tocsin_open(l->run, cgroup_path(*name ? name : "/", "").text, O_RDONLY | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	size_t len = strlen(name);
	int r = 0;

	if (!folder) {
		close_fd(fd);
		return depth == 0 ? (fd < 0 ? fd : -ENOMEM) : 0; /* ended meanwhile */
	}
	visit(l, *name ? name : "/", depth);
	for (const struct dirent *e; r == 0 && (e = readdir(folder));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.' || depth >= DEPTH_MAX ||
			len + strlen(e->d_name) + 2 > NAME_SIZE)
			continue;
		snprintf(name + len, NAME_SIZE - len, "/%s", e->d_name);
		if (++l->n_seen > GROUPS_MAX)
			r = -E2BIG;
		else if (!is_excluded(l->config, name))
			r = walk(l, name, depth + 1);
		name[len] = '\0';
	}
	closedir(folder);
	return r;
}

/* --- The look */

static bool is_only_auto(const struct config *c)
{
	return c->cgroup.n == 1 && is_auto(c->cgroup.items[0]);
}

static int find_hierarchy(struct tocsin_run *run, const struct config *c)
{
	_cleanup_close_ int fd = tocsin_open(run, cgroup_path("/", "cgroup.controllers").text, O_PATH);

	if (fd >= 0)
		return 0;
	tocsin_reason(run, "control groups of version 2 alone are not in use here: there is no "
			   "/sys/fs/cgroup/cgroup.controllers");
	return fd == -ENOENT && is_only_auto(c) ? -EOPNOTSUPP : fd;
}

static void release(struct look *l)
{
	for (size_t i = 0; l->subjects && i < l->config->cgroup.n; i++) {
		verdict_free(&l->subjects[i].verdict);
		buf_free(&l->subjects[i].table);
		buf_free(&l->subjects[i].why);
	}
	free(l->subjects);
}

static int look_at_all(struct look *l)
{
	_cleanup_free_ char *name = calloc(1, NAME_SIZE);
	const struct config *c = l->config;

	l->subjects = calloc(c->cgroup.n + 1, sizeof(*l->subjects));
	if (!l->subjects || !name)
		return -ENOMEM;
	for (size_t i = 0; i < c->cgroup.n; i++)
		l->subjects[i] = (struct subject){ .name = c->cgroup.items[i],
			.item = is_auto(c->cgroup.items[i]) ? tocsin_name(l->run) : c->cgroup.items[i],
			.verdict = VERDICT,
			.table = BUF(65536),
			.why = BUF(8192),
			.kills = NAN };
	recall_quotas(l->run, &l->before);
	int r = walk(l, name, 0);
	if (r < 0) {
		tocsin_reason(l->run, "/sys/fs/cgroup cannot be read: %s",
			r == -E2BIG ? _("there are more than 10000 control groups") : strerror(-r));
		return r;
	}
	for (size_t i = 0; i < c->cgroup.n; i++)
		report(l, &l->subjects[i]);
	remember_quotas(l->run, &l->now);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(release) struct look l = { .run = run, .config = config };

	int r = find_hierarchy(run, config);
	return r < 0 ? r : look_at_all(&l);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "cgroup",
	.summary = N_("Services and containers near their limits of memory and time"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
