/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diskio: how much disks have to do, and how long they take for it, between the look before and this one:
 * busy time, requests in the queue, latency, throughput, from /proc/diskstats
 * (Documentation/admin-guide/iostats.rst); and disks that complete nothing any more while requests wait.
 *
 * It opens no disk. Whether they are healthy is for smart, whether they are full for disk. */
#include "buf.h"
#include "clock.h"
#include "evidence.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define DISKSTATS "/proc/diskstats"
#define AUTO "auto"
#define NAME_SIZE 64
#define DEVICES_MAX 1024
#define SECTOR_BYTES 512             /* whatever the disk has */
#define RATE_AFTER_USEC USEC_PER_SEC /* of a shorter time a rate says little */
#define REQUESTS_MIN 10 /* the time that fewer take is chance, like that of a disk which spins up */

struct config {
	struct tocsin_list device, exclude;
	int64_t latency_warning, latency_critical, stalled;
	double busy_warning, busy_critical, queue_warning, queue_critical;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(device, TOCSIN_LIST), .fallback = AUTO,
		.help = N_(
			"A disk, partition or other block device by the kernel's name (sda, nvme0n1p2, md0) "
			"or that of the device mapper (vg0-root); \"auto\": all disks of this host") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("With device = auto, names to leave out (glob)") },
	{ MEMBER(latency_warning, TOCSIN_DURATION), .fallback = "250ms", .max = 3600e6,
		.help = N_("Mean time that a read or a write takes, waiting included, from which it is a "
			   "warning; 0: not judged") },
	{ MEMBER(latency_critical, TOCSIN_DURATION), .fallback = "0", .max = 3600e6,
		.help = N_(
			"Mean time that a read or a write takes, from which it is critical; 0: not judged") },
	{ MEMBER(stalled, TOCSIN_DURATION), .fallback = "30s", .max = 86400e6,
		.help = N_("It is critical when for so long requests wait and none is completed; 0: not "
			   "judged") },
	{ MEMBER(busy_warning, TOCSIN_PERCENT), .fallback = "0%", .max = 100,
		.help = N_("Part of the time in which the disk had work, from which it is a warning; 0%: not "
			   "judged") },
	{ MEMBER(busy_critical, TOCSIN_PERCENT), .fallback = "0%", .max = 100,
		.help = N_("Part of the time in which the disk had work, from which it is critical; 0%: not "
			   "judged") },
	{ MEMBER(queue_warning, TOCSIN_NUMBER), .fallback = "0", .max = 1e6,
		.help = N_("Mean number of requests that waited or were served, from which it is a warning; "
			   "0: not judged") },
	{ MEMBER(queue_critical, TOCSIN_NUMBER), .fallback = "0", .max = 1e6,
		.help = N_("Mean number of requests, from which it is critical; 0: not judged") },
	{ .name = NULL },
};

static bool is_auto(const char *name)
{
	return strcmp(name, AUTO) == 0;
}

static bool is_name(const char *name)
{
	return *name && *name != '.' && strlen(name) < NAME_SIZE && !strpbrk(name, "/ \t");
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if ((c->latency_critical > 0 && c->latency_critical < c->latency_warning) ||
		(c->busy_critical > 0 && c->busy_critical < c->busy_warning) ||
		(c->queue_critical > 0 && c->queue_critical < c->queue_warning))
		return N_("the limit for critical is below the one for warning: one of latency, busy, queue");
	for (size_t i = 0; i < c->device.n; i++) {
		if (!is_name(c->device.items[i]))
			return N_("device is \"auto\" or the name of a block device without /dev/, like sda");
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->device.items[i], c->device.items[j]) == 0)
				return N_("device names the same device twice");
	}
	return NULL;
}

/* --- What the kernel counts. All but IN_FLIGHT only grow. */

enum counter {
	READS,
	READS_MERGED,
	READ_SECTORS,
	READ_MS,
	WRITES,
	WRITES_MERGED,
	WRITTEN_SECTORS,
	WRITE_MS,
	IN_FLIGHT,
	BUSY_MS,
	QUEUE_MS, /* each request counts while it is there */
	COUNTERS_OLD,
	DISCARDS = COUNTERS_OLD, /* Linux 4.18 */
	DISCARDS_MERGED,
	DISCARDED_SECTORS,
	DISCARD_MS,
	FLUSHES, /* Linux 5.5 */
	FLUSH_MS,
	COUNTERS
};

struct device {
	char name[NAME_SIZE];
	double counters[COUNTERS]; /* 0 where the kernel does not count it */
};

struct devices {
	struct device *items;
	size_t n;
};

static void free_devices(struct devices *all)
{
	free(all->items);
}

/* "   8  0 sda 1 2 3 …": eleven numbers behind the name, of newer kernels up to seventeen or more. */
static int parse_device(const char *line, struct device *ret)
{
	struct device d = { .name = "" };
	size_t n = 0;
	int used = 0;

	if (sscanf(line, "%*u %*u %63s%n", d.name, &used) != 1)
		return -EBADMSG;
	for (const char *text = line + used; n < COUNTERS; n++) {
		char *end;

		text += strspn(text, " \t");
		if (*text < '0' || *text > '9')
			break;
		d.counters[n] = (double)strtoull(text, &end, 10);
		text = end;
	}
	if (n < COUNTERS_OLD)
		return -EBADMSG;
	/* Some kernels forget to count a request that comes, and write -1 as if it had no sign. */
	if (d.counters[IN_FLIGHT] > INT32_MAX)
		d.counters[IN_FLIGHT] = 0;
	*ret = d;
	return 0;
}

static int read_lines(FILE *file, struct devices *all)
{
	char line[1024];

	while (errno = 0, fgets(line, sizeof(line), file)) {
		int r = all->n < DEVICES_MAX ? parse_device(line, &all->items[all->n]) : -E2BIG;

		if (r < 0)
			return r;
		all->n++;
	}
	return ferror(file) ? -errno : 0;
}

static int read_devices(struct tocsin_run *run, struct devices *all)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, DISKSTATS);

	all->items = calloc(DEVICES_MAX, sizeof(*all->items));
	if (!all->items)
		return -ENOMEM;
	int r = file ? read_lines(file, all) : -errno;
	if (r < 0)
		tocsin_reason(run, "%s cannot be read: %s", DISKSTATS,
			r == -EBADMSG ? _("it is not of the form that is known") : strerror(-r));
	return r;
}

/* --- The look before and this one */

struct change {
	double seconds; /* NAN: there is nothing to compare with */
	double by[COUNTERS];
	double requests, ms; /* completed, and the time that they took together */
	double stalled_usec; /* since when requests wait and none is completed; 0: that is not so */
};

struct key {
	char text[NAME_SIZE + 16];
};

static struct key key(const char *device, size_t counter)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%s %zu", device, counter);
	return k;
}

static double completed(const double *counters)
{
	return counters[READS] + counters[WRITES] + counters[DISCARDS] + counters[FLUSHES];
}

/* While all these looks found requests and none completed, the first of them is what counts. */
static double measure_stall(struct tocsin_run *run, const struct device *d)
{
	struct key key_completed = key(d->name, COUNTERS);
	double before;
	int64_t age;

	bool is_same = tocsin_recall(run, key_completed.text, &before, &age) == 0 &&
		       before == completed(d->counters);
	if (d->counters[IN_FLIGHT] > 0 && is_same)
		return (double)age;
	/* Without requests there is no stall that could begin: another number than any count. */
	tocsin_remember(run, key_completed.text, d->counters[IN_FLIGHT] > 0 ? completed(d->counters) : -1);
	return 0;
}

static struct change measure(struct tocsin_run *run, const struct device *d)
{
	struct change c = { .seconds = NAN, .stalled_usec = measure_stall(run, d) };
	double before[COUNTERS];
	bool is_anew = false;
	int64_t age = 0;

	for (size_t i = 0; i < COUNTERS; i++) {
		is_anew |= tocsin_recall(run, key(d->name, i).text, &before[i], &age) < 0 ||
			   (i != IN_FLIGHT && d->counters[i] < before[i]);
		c.by[i] = is_anew ? NAN : d->counters[i] - before[i];
	}
	if (!is_anew && age < RATE_AFTER_USEC) /* the look before that stays the one to compare with */
		return c;
	for (size_t i = 0; i < COUNTERS; i++)
		tocsin_remember(run, key(d->name, i).text, d->counters[i]);
	if (is_anew)
		return c;
	c.seconds = (double)age / (double)USEC_PER_SEC;
	c.requests = completed(c.by);
	c.ms = c.by[READ_MS] + c.by[WRITE_MS] + c.by[DISCARD_MS] + c.by[FLUSH_MS];
	return c;
}

/* --- What it means */

static double mean_ms(double ms, double requests)
{
	return requests > 0 ? ms / requests : NAN;
}

/* The worse of reads and writes, where there were enough of them. */
static double latency_ms(const struct change *c, bool *ret_is_read)
{
	double reads = c->by[READS] >= REQUESTS_MIN ? mean_ms(c->by[READ_MS], c->by[READS]) : NAN;
	double writes = c->by[WRITES] >= REQUESTS_MIN ? mean_ms(c->by[WRITE_MS], c->by[WRITES]) : NAN;
	double worst = fmax(reads, writes); /* NAN only when both are */

	*ret_is_read = worst == reads;
	return worst;
}

static double busy(const struct change *c)
{
	return fmin(100, c->by[BUSY_MS] / (10 * c->seconds));
}

static double queue(const struct change *c)
{
	return c->by[QUEUE_MS] / (1000 * c->seconds);
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

static bool find_reached(
	double value, double warning, double critical, enum tocsin_state *ret, double *ret_limit)
{
	*ret = value >= positive(critical)  ? TOCSIN_CRITICAL
	       : value >= positive(warning) ? TOCSIN_WARNING
					    : TOCSIN_OK;
	*ret_limit = *ret == TOCSIN_CRITICAL ? critical : warning;
	return *ret != TOCSIN_OK;
}

static struct short_text duration_of_ms(double ms)
{
	return short_duration((int64_t)(ms * 1000));
}

static void judge(
	const struct config *c, const struct change *change, const struct device *d, struct verdict *v)
{
	enum tocsin_state state;
	bool is_read;
	double limit, latency = latency_ms(change, &is_read);

	if (c->stalled > 0 && change->stalled_usec >= (double)c->stalled)
		verdict_add(v, TOCSIN_CRITICAL,
			d->counters[IN_FLIGHT] == 1
				? N_("%.0f request waits for %s, and none was completed: the disk hangs")
				: N_("%.0f requests wait for %s, and none was completed: the disk hangs"),
			d->counters[IN_FLIGHT], short_duration((int64_t)change->stalled_usec).text);
	if (find_reached(
		    1000 * latency, (double)c->latency_warning, (double)c->latency_critical, &state, &limit))
		verdict_add(v, state,
			is_read ? N_("a read takes %s (limit %s)") : N_("a write takes %s (limit %s)"),
			duration_of_ms(latency).text, short_duration((int64_t)limit).text);
	if (find_reached(busy(change), c->busy_warning, c->busy_critical, &state, &limit))
		verdict_add(v, state, "busy for %.0f %% of the time (limit %.4g %%)", busy(change), limit);
	if (find_reached(queue(change), c->queue_warning, c->queue_critical, &state, &limit))
		verdict_add(v, state, "%.1f requests in the queue (limit %.4g)", queue(change), limit);
}

/* --- Reporting */

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const struct device *d, const struct change *change)
{
	double warning = positive((double)c->latency_warning / 1e6);
	double critical = positive((double)c->latency_critical / 1e6), s = change->seconds;
	const double *by = change->by;
	const struct tocsin_metric metrics[] = {
		{ "busy", busy(change), "%", positive(c->busy_warning), positive(c->busy_critical), 0, 100 },
		{ "queue", queue(change), "", positive(c->queue_warning), positive(c->queue_critical), 0,
			NAN },
		{ "read_latency", mean_ms(by[READ_MS], by[READS]) / 1000, "s", warning, critical, 0, NAN },
		{ "write_latency", mean_ms(by[WRITE_MS], by[WRITES]) / 1000, "s", warning, critical, 0, NAN },
		{ "read", by[READ_SECTORS] * SECTOR_BYTES / s, "B/s", NAN, NAN, 0, NAN },
		{ "written", by[WRITTEN_SECTORS] * SECTOR_BYTES / s, "B/s", NAN, NAN, 0, NAN },
		{ "reads", by[READS] / s, "/s", NAN, NAN, 0, NAN },
		{ "writes", by[WRITES] / s, "/s", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; !isnan(s) && i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, d->name, &metrics[i]);
	tocsin_metric(run, d->name,
		&(struct tocsin_metric){ "in_flight", d->counters[IN_FLIGHT], "", NAN, NAN, 0, NAN });
}

static void report_good(struct tocsin_run *run, const struct device *d, const struct change *c)
{
	_cleanup_buf_ struct buf b = BUF(256);

	if (isnan(c->seconds)) {
		tocsin_item(run, d->name, TOCSIN_OK, "rates come with the next look");
		return;
	}
	buf_printf(&b, _("busy for %.0f %% of the time, %s/s read, %s/s written"), busy(c),
		short_size(c->by[READ_SECTORS] * SECTOR_BYTES / c->seconds).text,
		short_size(c->by[WRITTEN_SECTORS] * SECTOR_BYTES / c->seconds).text);
	if (c->requests > 0)
		buf_printf(&b, _(", a request takes %s"), duration_of_ms(c->ms / c->requests).text);
	tocsin_item(run, d->name, TOCSIN_OK, "%s", buf_text(&b));
}

static void show(struct tocsin_run *run, const struct device *d, const struct change *c)
{
	static const struct {
		const char *what;
		enum counter requests, ms;
	} rows[] = {
		{ N_("reads"), READS, READ_MS },
		{ N_("writes"), WRITES, WRITE_MS },
		{ N_("discards"), DISCARDS, DISCARD_MS },
		{ N_("flushes"), FLUSHES, FLUSH_MS },
	};
	_cleanup_buf_ struct buf b = BUF(4096);

	buf_printf(&b, _("requests in flight now: %.0f\n"), d->counters[IN_FLIGHT]);
	for (size_t i = 0; !isnan(c->seconds) && i < ELEMENTS(rows); i++)
		if (c->by[rows[i].requests] > 0)
			buf_printf(&b, _("%s: %.0f, each took %s\n"), _(rows[i].what),
				c->by[rows[i].requests],
				duration_of_ms(mean_ms(c->by[rows[i].ms], c->by[rows[i].requests])).text);
	if (!isnan(c->seconds))
		buf_printf(&b, _("in %.0f s\n"), c->seconds);
	tocsin_evidence(run, d->name, "Requests since the look before", buf_text(&b));
	evidence_processes(run, d->name, EVIDENCE_BLOCKED);
	evidence_pressure(run, d->name);
}

static void look_at(struct tocsin_run *run, const struct config *c, const struct device *d)
{
	_cleanup_verdict_ struct verdict v = VERDICT;

	struct change change = measure(run, d);
	judge(c, &change, d, &v);
	if (v.state == TOCSIN_OK)
		report_good(run, d, &change);
	else
		tocsin_item(run, d->name, v.state, "%s", buf_text(&v.text));
	report_metrics(run, c, d, &change);
	if (v.state != TOCSIN_OK)
		show(run, d, &change);
}

/* --- Which ones */

static void read_word(struct tocsin_run *run, const char *device, const char *attribute, char word[NAME_SIZE])
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[256];

	snprintf(path, sizeof(path), "/sys/block/%s/%s", device, attribute);
	file = tocsin_fopen(run, path);
	if (!file || !fgets(word, NAME_SIZE, file))
		word[0] = '\0';
	word[strcspn(word, "\n")] = '\0';
}

/* A disk of its own, and no partition, loop or array: only hardware has an entry "device". What can be taken
 * out (a reader of cards, a drive of discs) comes and goes. */
static bool is_disk(struct tocsin_run *run, const char *name)
{
	char path[256], removable[NAME_SIZE];

	snprintf(path, sizeof(path), "/sys/block/%s/device", name);
	_cleanup_close_ int fd = tocsin_open(run, path, O_PATH);
	read_word(run, name, "removable", removable);
	return fd >= 0 && strcmp(removable, "1") != 0;
}

static bool is_left_out(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], name, 0) == 0)
			return true;
	for (size_t i = 0; i < c->device.n; i++)
		if (strcmp(c->device.items[i], name) == 0) /* it is named, and reported anyway */
			return true;
	return false;
}

static size_t look_at_disks(struct tocsin_run *run, const struct config *c, const struct devices *all)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (is_disk(run, all->items[i].name) && !is_left_out(c, all->items[i].name)) {
			look_at(run, c, &all->items[i]);
			n++;
		}
	return n;
}

/* The kernel calls it dm-0; its own name stands in sysfs, and what is reported has that one. */
static bool is_named(struct tocsin_run *run, const char *name, const struct device *d)
{
	char mapped[NAME_SIZE];

	if (strcmp(d->name, name) == 0)
		return true;
	if (strncmp(d->name, "dm-", 3) != 0)
		return false;
	read_word(run, d->name, "dm/name", mapped);
	return strcmp(mapped, name) == 0;
}

static void look_at_named(
	struct tocsin_run *run, const struct config *c, const char *name, const struct devices *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (is_named(run, name, &all->items[i])) {
			struct device d = all->items[i];

			snprintf(d.name, sizeof(d.name), "%s", name);
			look_at(run, c, &d);
			return;
		}
	tocsin_item(run, name, TOCSIN_CRITICAL, "there is no such block device");
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(free_devices) struct devices all = { 0 };
	const struct config *c = config;
	size_t n = 0;

	int r = read_devices(run, &all);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->device.n; i++) {
		n += is_auto(c->device.items[i]) ? look_at_disks(run, c, &all) : 1;
		if (!is_auto(c->device.items[i]))
			look_at_named(run, c, c->device.items[i], &all);
	}
	if (n > 0)
		return 0;
	tocsin_reason(run, "this host has no disk of its own");
	return -EOPNOTSUPP;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "diskio",
	.summary = N_("Busy time, queue and latency of disks, and disks that hang"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
