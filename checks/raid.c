/* SPDX-License-Identifier: GPL-3.0-or-later */
/* raid: whether redundancy is complete: arrays of Linux software RAID (/proc/mdstat, which wakes us by
 * itself), devices and error counts of btrfs, pools of ZFS. Reads what the kernel shows to everybody; runs no
 * program, opens no device.
 *
 * Not here: controllers with a firmware of their own, RAID by LVM (device mapper), and whether the disks
 * themselves are well, which is for "smart". */
#include "buf.h"
#include "clock.h"
#include "mdstat.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <string.h>

#define AUTO "auto"
#define MDSTAT "/proc/mdstat"
#define BTRFS "/sys/fs/btrfs"
#define ZFS "/proc/spl/kstat/zfs"
#define ITEM_MAX 300
#define REMEMBERED_USEC (7 * USEC_PER_DAY) /* so long it is strange that no array is left */

struct config {
	struct tocsin_list array, exclude;
	int64_t spares;
	int rebuilding;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const rebuilding_states[] = { "ok", "warning", "critical", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(array, TOCSIN_LIST), .fallback = AUTO,
		.help = N_("An array that must be there, like md0, \"btrfs LABEL\" or \"zfs POOL\"; or "
			   "\"auto\" for all that are there") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("With array = auto, arrays to leave out (glob)") },
	{ MEMBER(rebuilding, TOCSIN_CHOICE), .fallback = "warning", .choices = rebuilding_states,
		.help = N_("How bad it is when redundancy is missing, but is being restored") },
	{ MEMBER(spares, TOCSIN_INT), .fallback = "0", .max = 100,
		.help = N_("So many spare disks must stand by for each array of Linux software RAID") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < c->array.n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->array.items[i], c->array.items[j]) == 0)
				return N_("array names the same array twice");
	return NULL;
}

/* --- Which of them are looked at */

struct look {
	struct tocsin_run *run;
	const struct config *config;
	bool *was_found; /* for each of config->array */
	size_t n_reported;
};

static bool is_wanted(struct look *l, const char *item)
{
	const struct config *c = l->config;
	bool is_auto = false;

	for (size_t i = 0; i < c->array.n; i++) {
		if (strcmp(c->array.items[i], item) == 0) {
			l->was_found[i] = true;
			return true;
		}
		is_auto |= strcmp(c->array.items[i], AUTO) == 0;
	}
	for (size_t i = 0; is_auto && i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], item, 0) == 0)
			return false;
	return is_auto;
}

static void metric(
	struct look *l, const char *item, const char *name, double value, const char *unit, double max)
{
	if (!isnan(value))
		tocsin_metric(l->run, item, &(struct tocsin_metric){ name, value, unit, NAN, NAN, 0, max });
}

/* The first line of a file, "" when there is none. */
static void read_line(struct tocsin_run *run, const char *path, char *text, size_t size)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

	if (!file || !fgets(text, (int)size, file))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* --- Linux software RAID */

static size_t count_spares(const struct md_array *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_members; i++)
		n += a->members[i].is_spare && !a->members[i].is_faulty;
	return n;
}

static size_t put_faulty(struct buf *b, const struct md_array *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_members; i++)
		if (a->members[i].is_faulty)
			buf_printf(b, "%s%s", n++ ? ", " : "", a->members[i].name);
	return n;
}

/* "recovery 12.6 %, 2 h 7 min left" */
static void put_work(struct buf *b, const struct md_work *w)
{
	if (*w->waits) {
		buf_printf(b, _("%s waits (%s)"), w->what, w->waits);
		return;
	}
	buf_puts(b, w->what);
	if (!isnan(w->percent))
		buf_printf(b, " %.1f %%", w->percent);
	if (!isnan(w->minutes_left) && w->minutes_left < 1e8)
		buf_printf(b, _(", %s left"), short_duration((int64_t)(w->minutes_left * 60e6)).text);
}

static bool is_degraded(const struct md_array *a)
{
	return a->wanted > a->working;
}

static void judge_degraded(
	struct verdict *v, const struct config *c, const struct md_array *a, const char *faulty)
{
	/* Arrays on the same disks are rebuilt one after the other; those whose turn it is not
	 * "resync=DELAYED". */
	bool is_rebuilding = strcmp(a->work.what, "recovery") == 0 || strcmp(a->work.waits, "DELAYED") == 0;
	/* "ok" is no finding, but it shall not look complete either: report_array() shows the work. */
	static const enum tocsin_state states[] = { TOCSIN_OK, TOCSIN_WARNING, TOCSIN_CRITICAL };
	_cleanup_buf_ struct buf b = BUF(4096);

	buf_printf(&b, _("degraded: %d of %d disks work"), a->working, a->wanted);
	if (*faulty)
		buf_printf(&b, _(", failed: %s"), faulty);
	if (is_rebuilding) {
		buf_puts(&b, _("; "));
		put_work(&b, &a->work);
	}
	verdict_add(v, is_rebuilding ? states[c->rebuilding] : TOCSIN_CRITICAL, "%s", buf_text(&b));
}

static void judge_array(
	struct verdict *v, const struct config *c, const struct md_array *a, const char *state)
{
	_cleanup_buf_ struct buf faulty = BUF(4096);
	size_t n_faulty = put_faulty(&faulty, a), n_spares = count_spares(a);

	if (!a->is_active) {
		verdict_add(v, TOCSIN_CRITICAL,
			"inactive: it was not assembled, or not all of its %zu members were found",
			a->n_members);
		return;
	}
	if (strcmp(state, "broken") == 0) /* RAID 0 and linear after the loss of a disk */
		verdict_add(v, TOCSIN_CRITICAL, "broken: a disk is gone, and there is no redundancy");
	if (is_degraded(a))
		judge_degraded(v, c, a, buf_text(&faulty));
	else if (n_faulty && a->wanted < 0)
		verdict_add(v, TOCSIN_CRITICAL, "failed: %s, and there is no redundancy", buf_text(&faulty));
	else if (n_faulty)
		verdict_add(v, TOCSIN_WARNING, "complete, but with a failed disk: %s", buf_text(&faulty));
	if (n_spares < (size_t)c->spares)
		verdict_add(v, TOCSIN_WARNING, "%zu spare disks, of %d that must stand by", n_spares,
			(int)c->spares);
}

static void put_good(struct buf *b, const struct md_array *a)
{
	if (a->wanted >= 0)
		buf_printf(b, _("%s, %d of %d disks work"), a->level, a->working, a->wanted);
	else
		buf_printf(b, _("%s without redundancy, %zu disks"), a->level, a->n_members);
	if (a->is_read_only)
		buf_puts(b, _(", read-only"));
	if (*a->work.what) {
		buf_puts(b, _("; "));
		put_work(b, &a->work);
	}
}

static void report_array(struct look *l, const struct md_array *a)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf good = BUF(4096);
	char path[MD_NAME_MAX + 64], state[32], mismatches[32];

	snprintf(path, sizeof(path), "/sys/block/%s/md/array_state", a->name);
	read_line(l->run, path, state, sizeof(state));
	snprintf(path, sizeof(path), "/sys/block/%s/md/mismatch_cnt", a->name);
	read_line(l->run, path, mismatches, sizeof(mismatches));
	judge_array(&v, l->config, a, state);
	put_good(&good, a);
	tocsin_item(
		l->run, a->name, v.state, "%s", v.state == TOCSIN_OK ? buf_text(&good) : buf_text(&v.text));
	if (a->wanted >= 0) {
		metric(l, a->name, "working", a->working, "", a->wanted);
		metric(l, a->name, "missing", is_degraded(a) ? a->wanted - a->working : 0, "", a->wanted);
	}
	metric(l, a->name, "spares", (double)count_spares(a), "", NAN);
	metric(l, a->name, "progress", a->work.percent, "%", 100);
	metric(l, a->name, "speed", a->work.kib_per_second * 1024, "B/s", NAN);
	if (*mismatches)
		metric(l, a->name, "mismatches", strtod(mismatches, NULL), "", NAN);
	if (v.state != TOCSIN_OK)
		tocsin_evidence(l->run, a->name, MDSTAT, a->text);
}

static int look_at_md(struct look *l)
{
	_cleanup_mdstat_ struct mdstat md = { 0 };
	_cleanup_fclose_ FILE *file = tocsin_fopen(l->run, MDSTAT);

	if (!file && errno == ENOENT)
		return 0;
	int r = file ? 0 : -errno;
	/* From its reading on: the kernel compares with the moment of the first line. */
	if (r == 0)
		tocsin_watch(l->run, fileno(file), POLLPRI);
	if (r == 0)
		r = mdstat_read(file, &md);
	if (r < 0) {
		tocsin_reason(l->run, "%s cannot be read: %s", MDSTAT, strerror(-r));
		return r;
	}
	for (size_t i = 0; i < md.n; i++)
		if (!md.arrays[i].is_container && is_wanted(l, md.arrays[i].name)) {
			report_array(l, &md.arrays[i]);
			l->n_reported++;
		}
	return 0;
}

/* --- Folders of /sys and /proc */

typedef int (*visit_t)(struct look *l, const char *name, void *context);

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Calls VISIT for each entry of the folder PATH, in the order of their names; 0 when there is no such folder.
 */
static int visit_folder(struct look *l, const char *path, visit_t visit, void *context)
{
	_cleanup_close_ int fd = tocsin_open(l->run, path, O_RDONLY | O_DIRECTORY);
	struct dirent **entries = NULL;
	int n = fd < 0 ? fd : scandirat(fd, ".", &entries, is_visible, versionsort), r = 0;

	if (fd >= 0 && n < 0)
		n = -errno;
	if (n == -ENOENT || n == -ENOTDIR)
		return 0;
	if (n < 0) {
		tocsin_reason(l->run, "%s cannot be read: %s", path, strerror(-n));
		return n;
	}
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = visit(l, entries[i]->d_name, context);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* --- btrfs */

struct error_kind {
	const char *name, *text;
};

static const struct error_kind error_kinds[] = {
	{ "write_errs", CN_("errors", "write") },
	{ "read_errs", CN_("errors", "read") },
	{ "flush_errs", CN_("errors", "flush") },
	{ "corruption_errs", CN_("errors", "corruption") },
	{ "generation_errs", CN_("errors", "generation") },
};

struct btrfs {
	const char *uuid;
	unsigned n_devices, n_missing, n_unknown;
	uint64_t errors, fresh; /* since the last look */
	struct buf found, table;
};

/* "write_errs 0" lines, one for each kind (Linux 5.14). False when the kernel does not tell. */
static bool add_errors(struct look *l, const char *path, const char *device, struct btrfs *f, uint64_t *ret)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(l->run, path);
	char line[128], name[32];
	uint64_t count, sum = 0;
	bool is_known = false;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %" SCNu64, name, &count) != 2)
			continue;
		for (size_t i = 0; i < ELEMENTS(error_kinds); i++)
			if (strcmp(name, error_kinds[i].name) == 0) {
				is_known = true;
				sum += count;
				if (count && f->found.len)
					buf_puts(&f->found, _(", "));
				if (count)
					buf_printf(&f->found, _("%llu %s errors on device %s"),
						(unsigned long long)count, _(error_kinds[i].text), device);
				buf_printf(&f->table, _("device %s: %s %llu\n"), device, name,
					(unsigned long long)count);
			}
	}
	*ret = sum;
	return is_known;
}

static void remember_errors(struct look *l, const char *device, uint64_t errors, struct btrfs *f)
{
	char key[256];
	double last;
	int64_t age;

	snprintf(key, sizeof(key), "btrfs %.64s %.64s", f->uuid, device);
	if (tocsin_recall(l->run, key, &last, &age) == 0 && last >= 0 && last < (double)errors)
		f->fresh += errors - (uint64_t)last;
	tocsin_remember(l->run, key, (double)errors);
}

static int visit_device(struct look *l, const char *device, void *context)
{
	struct btrfs *f = context;
	char path[ITEM_MAX * 3], missing[8];
	uint64_t errors;

	snprintf(path, sizeof(path), BTRFS "/%.255s/devinfo/%.255s/missing", f->uuid, device);
	read_line(l->run, path, missing, sizeof(missing));
	f->n_devices++;
	f->n_missing += missing[0] == '1';
	snprintf(path, sizeof(path), BTRFS "/%.255s/devinfo/%.255s/error_stats", f->uuid, device);
	if (!add_errors(l, path, device, f, &errors)) {
		f->n_unknown++;
		return 0;
	}
	f->errors += errors;
	remember_errors(l, device, errors, f);
	return 0;
}

static int visit_name(struct look *l, const char *device, void *context)
{
	buf_printf(context, "%s\n", device);
	return 0;
}

static void report_btrfs(struct look *l, const char *item, struct btrfs *f)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf fresh = BUF(64);

	if (f->fresh)
		buf_printf(&fresh, _(" (%llu more since the last look)"), (unsigned long long)f->fresh);
	if (f->n_missing)
		verdict_add(&v, TOCSIN_CRITICAL, "%u of %u devices are missing", f->n_missing, f->n_devices);
	if (f->errors)
		verdict_add(&v, TOCSIN_WARNING, "%s%s", buf_text(&f->found), buf_text(&fresh));
	if (v.state != TOCSIN_OK)
		tocsin_item(l->run, item, v.state, "%s", buf_text(&v.text));
	else
		tocsin_item(l->run, item, TOCSIN_OK,
			f->n_unknown
				? N_("none of %u devices is missing; this kernel does not tell their errors")
				: N_("none of %u devices is missing, and they count no errors"),
			f->n_devices);
	metric(l, item, "devices", f->n_devices, "", NAN);
	metric(l, item, "missing", f->n_missing, "", f->n_devices);
	if (!f->n_unknown)
		metric(l, item, "errors", (double)f->errors, "c", NAN);
	if (v.state != TOCSIN_OK) {
		_cleanup_buf_ struct buf names = BUF(16384);
		char path[ITEM_MAX + 64];

		snprintf(path, sizeof(path), BTRFS "/%.255s/devices", f->uuid);
		visit_folder(l, path, visit_name, &names);
		tocsin_evidence(l->run, item, "Block devices that are there", buf_text(&names));
		tocsin_evidence(l->run, item, "Errors since they were last reset (btrfs device stats)",
			buf_text(&f->table));
	}
}

static int visit_btrfs(struct look *l, const char *uuid, void *context)
{
	struct btrfs f = { .uuid = uuid, .found = BUF(4096), .table = BUF(16384) };
	char path[ITEM_MAX + 64], label[ITEM_MAX - 16], item[ITEM_MAX];

	snprintf(path, sizeof(path), BTRFS "/%.255s/label", uuid);
	read_line(l->run, path, label, sizeof(label));
	snprintf(item, sizeof(item), "btrfs %.255s", *label ? label : uuid);
	snprintf(path, sizeof(path), BTRFS "/%.255s/devinfo", uuid);
	int r = is_wanted(l, item) ? visit_folder(l, path, visit_device, &f) : 0;
	if (r == 0 && f.n_devices) { /* "features" has none, nor has a kernel before 5.6 */
		report_btrfs(l, item, &f);
		l->n_reported++;
	}
	buf_free(&f.found);
	buf_free(&f.table);
	return r;
}

/* --- ZFS */

static const struct {
	const char *name;
	enum tocsin_state state;
	const char *text;
} pool_states[] = {
	/* A failed device of the log or the cache, and errors that were corrected, leave a pool in this
	   state. */
	{ "ONLINE", TOCSIN_OK, N_("no device with data has failed; corrected errors are not told here") },
	{ "DEGRADED", TOCSIN_CRITICAL, N_("a device has failed, redundancy is missing") },
	{ "FAULTED", TOCSIN_CRITICAL, N_("the pool cannot be used") },
	{ "UNAVAIL", TOCSIN_CRITICAL, N_("devices are missing, the pool cannot be used") },
	{ "REMOVED", TOCSIN_CRITICAL, N_("devices were removed") },
	{ "SUSPENDED", TOCSIN_CRITICAL, N_("reading and writing has stopped after errors") },
	{ "OFFLINE", TOCSIN_CRITICAL, N_("somebody has taken it offline") },
};

static int visit_pool(struct look *l, const char *pool, void *context)
{
	char path[ITEM_MAX + 64], state[64], item[ITEM_MAX];

	snprintf(path, sizeof(path), ZFS "/%.255s/state", pool);
	_cleanup_close_ int fd = tocsin_open(l->run, path, O_PATH);
	snprintf(item, sizeof(item), "zfs %.255s", pool);
	if (fd < 0 || !is_wanted(l, item)) /* most entries are counters and no pools */
		return 0;
	l->n_reported++;
	tocsin_look(l->run, item);
	read_line(l->run, path, state, sizeof(state));
	for (size_t i = 0; i < ELEMENTS(pool_states); i++)
		if (strcmp(state, pool_states[i].name) == 0) {
			tocsin_item(
				l->run, item, pool_states[i].state, "%s: %s", state, _(pool_states[i].text));
			return 0;
		}
	if (*state)
		tocsin_item(l->run, item, TOCSIN_UNKNOWN, "is in a state that is not known here: %s", state);
	else
		tocsin_item(l->run, item, TOCSIN_UNKNOWN, "its state cannot be read");
	return 0;
}

/* --- The look */

static void report_absent(struct look *l)
{
	const struct config *c = l->config;

	for (size_t i = 0; i < c->array.n; i++)
		if (strcmp(c->array.items[i], AUTO) != 0 && !l->was_found[i]) {
			tocsin_item(l->run, c->array.items[i], TOCSIN_CRITICAL, "there is no such array");
			l->n_reported++;
		}
}

/* An array that is not even assembled after the boot leaves no trace. */
static int none_is_left(struct tocsin_run *run)
{
	double before;
	int64_t age;

	if (tocsin_recall(run, "arrays", &before, &age) == 0 && before > 0 && age < REMEMBERED_USEC) {
		tocsin_reason(run, "there were %d arrays %s ago, and now there is none", (int)before,
			short_duration(age).text);
		return -ENODEV;
	}
	tocsin_reason(run, "this host has no array of Linux software RAID, no btrfs and no ZFS");
	return -EOPNOTSUPP;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	_cleanup_free_ bool *was_found = calloc(c->array.n + 1, sizeof(*was_found));
	struct look l = { run, c, was_found, 0 };

	if (!was_found)
		return -ENOMEM;
	int r = look_at_md(&l);
	if (r == 0)
		r = visit_folder(&l, BTRFS, visit_btrfs, NULL);
	if (r == 0)
		r = visit_folder(&l, ZFS, visit_pool, NULL);
	if (r < 0)
		return r;
	report_absent(&l);
	if (l.n_reported == 0)
		return none_is_left(run);
	tocsin_remember(run, "arrays", (double)l.n_reported);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_EVENT,
	.name = "raid",
	.summary = N_("Arrays of Linux software RAID, devices of btrfs and pools of ZFS"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
