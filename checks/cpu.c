/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpu: what the processors did between the look before and this one: how much of their time they worked,
 * waited for a disk (iowait), or were kept waiting by the hypervisor (steal). All processors together, as in
 * the first line of /proc/stat (proc_stat(5)).
 *
 * The first look after a start has nothing to compare with, and says so. */
#include "cleanup.h"
#include "evidence.h"
#include "procread.h"
#include "tocsin-check.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* The boot time in /proc/stat moves when the clock is set; more than this is another boot. */
#define SAME_BOOT_SECONDS 300

enum value { USAGE, IOWAIT, STEAL, VALUES };

struct config {
	double warning[VALUES], critical[VALUES];
};

#define LIMIT_OPTION(key, severity, index, value, what)                                            \
	{                                                                                          \
		.name = key "_" #severity, .type = TOCSIN_PERCENT,                                 \
		.offset = offsetof(struct config, severity[index]), .fallback = value, .max = 100, \
		.help = "Share of the processors' time " what " from which it is " #severity       \
			"; 0%: not judged"                                                         \
	}

/* A host may work at its full power by intent: that alone is never critical unless it is asked for. */
static const struct tocsin_option options[] = {
	LIMIT_OPTION("usage", warning, USAGE, "95%", "spent working"),
	LIMIT_OPTION("usage", critical, USAGE, "0%", "spent working"),
	LIMIT_OPTION("iowait", warning, IOWAIT, "50%", "idle while a task waited for a disk"),
	LIMIT_OPTION("iowait", critical, IOWAIT, "80%", "idle while a task waited for a disk"),
	LIMIT_OPTION("steal", warning, STEAL, "20%", "taken by the hypervisor for other guests"),
	LIMIT_OPTION("steal", critical, STEAL, "50%", "taken by the hypervisor for other guests"),
	{ .name = NULL },
};

static const char *const names[VALUES] = { "usage", "iowait", "steal" };

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < VALUES; i++)
		if (c->warning[i] > 0 && c->critical[i] > 0 && c->critical[i] < c->warning[i])
			return "the limit for critical is below the one for warning: one of usage, iowait, "
			       "steal";
	return NULL;
}

static const char *const keys[CPU_TIMES] = { "user", "nice", "system", "idle", "iowait", "irq", "softirq",
	"steal" };

static int read_times(struct tocsin_run *run, struct cpu_times *ret)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/stat");

	int r = file ? cpu_times_read(file, ret) : -errno;
	if (r < 0)
		tocsin_reason(run, "/proc/stat cannot be read: %s", strerror(-r));
	return r;
}

static void remember(struct tocsin_run *run, const struct cpu_times *t)
{
	for (size_t i = 0; i < CPU_TIMES; i++)
		tocsin_remember(run, keys[i], t->ticks[i]);
	tocsin_remember(run, "boot", t->boot_seconds);
}

static int recall(struct tocsin_run *run, struct cpu_times *ret, int64_t *ret_age_usec)
{
	struct cpu_times t = { 0 };

	int r = tocsin_recall(run, "boot", &t.boot_seconds, ret_age_usec);
	for (size_t i = 0; i < CPU_TIMES && r == 0; i++)
		r = tocsin_recall(run, keys[i], &t.ticks[i], ret_age_usec);
	if (r == 0)
		*ret = t;
	return r;
}

/* What passed between BEFORE and NOW in percent of all of it; false when the two cannot be compared. iowait,
 * and idle with it, may go back a little (Documentation/filesystems/proc.rst); anything else does only after
 * a boot. */
static bool compare(
	const struct cpu_times *before, const struct cpu_times *now, double ret_percent[CPU_TIMES])
{
	double passed[CPU_TIMES], all = 0;

	if (fabs(now->boot_seconds - before->boot_seconds) > SAME_BOOT_SECONDS)
		return false;
	for (size_t i = 0; i < CPU_TIMES; i++) {
		passed[i] = now->ticks[i] - before->ticks[i];
		if (passed[i] < 0 && i != CPU_IDLE && i != CPU_IOWAIT)
			return false;
		passed[i] = fmax(0, passed[i]);
		all += passed[i];
	}
	if (!(all > 0))
		return false;
	for (size_t i = 0; i < CPU_TIMES; i++)
		ret_percent[i] = 100 * passed[i] / all;
	return true;
}

static void judge(const struct config *c, const double value[VALUES], struct verdict *v)
{
	static const char *const sentences[VALUES] = {
		"the processors were busy for",
		"the processors waited for a disk for",
		"the hypervisor took",
	};

	for (size_t i = 0; i < VALUES; i++) {
		bool is_critical = c->critical[i] > 0 && value[i] >= c->critical[i];

		if (is_critical || (c->warning[i] > 0 && value[i] >= c->warning[i]))
			verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
				"%s %.0f %% of the time (%s, limit %.4g %%)", sentences[i], value[i],
				names[i], is_critical ? c->critical[i] : c->warning[i]);
	}
}

static void report_metrics(struct tocsin_run *run, const struct config *c, const double value[VALUES],
	const double percent[CPU_TIMES], unsigned processors)
{
	static const enum cpu_time parts[] = { CPU_USER, CPU_NICE, CPU_SYSTEM, CPU_IRQ, CPU_SOFTIRQ };

	for (size_t i = 0; i < VALUES; i++)
		tocsin_metric(run, tocsin_name(run),
			&(struct tocsin_metric){ names[i], value[i], "%",
				c->warning[i] > 0 ? c->warning[i] : NAN,
				c->critical[i] > 0 ? c->critical[i] : NAN, 0, 100 });
	for (size_t i = 0; i < ELEMENTS(parts); i++)
		tocsin_metric(run, tocsin_name(run),
			&(struct tocsin_metric){ keys[parts[i]], percent[parts[i]], "%", NAN, NAN, 0, 100 });
	tocsin_metric(run, tocsin_name(run),
		&(struct tocsin_metric){ "processors", processors, "", NAN, NAN, 0, NAN });
}

static void report(struct tocsin_run *run, const struct config *c, const double percent[CPU_TIMES],
	unsigned processors, int64_t between_usec)
{
	const double value[VALUES] = {
		[USAGE] = fmax(0, 100 - percent[CPU_IDLE] - percent[CPU_IOWAIT] - percent[CPU_STEAL]),
		[IOWAIT] = percent[CPU_IOWAIT],
		[STEAL] = percent[CPU_STEAL],
	};
	_cleanup_verdict_ struct verdict v = VERDICT;

	judge(c, value, &v);
	if (v.state == TOCSIN_OK)
		tocsin_item(run, tocsin_name(run), v.state,
			"%.0f %% busy, %.0f %% iowait, %.0f %% steal in the last %s, on %u processor%s",
			value[USAGE], value[IOWAIT], value[STEAL], short_duration(between_usec).text,
			processors, processors == 1 ? "" : "s");
	else
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	report_metrics(run, c, value, percent, processors);
	if (v.state == TOCSIN_OK)
		return;
	evidence_processes(run, tocsin_name(run), EVIDENCE_BUSY | EVIDENCE_BLOCKED);
	evidence_pressure(run, tocsin_name(run));
}

static int look(struct tocsin_run *run, const void *config)
{
	struct cpu_times before = { 0 }, now = { 0 };
	double percent[CPU_TIMES];
	int64_t between_usec;

	int r = read_times(run, &now);
	if (r < 0)
		return r;
	r = recall(run, &before, &between_usec);
	remember(run, &now);
	if (r < 0)
		tocsin_item(run, tocsin_name(run), TOCSIN_OK,
			"first look: nothing to compare with yet, a value comes with the next one");
	else if (!compare(&before, &now, percent))
		tocsin_item(run, tocsin_name(run), TOCSIN_OK,
			"first look since the counters began anew: a value comes with the next one");
	else
		report(run, config, percent, now.processors, between_usec);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "cpu",
	.summary = "Use of the processors, iowait and steal",
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
