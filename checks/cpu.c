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
#include "translate.h"
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

#define LIMIT_OPTION(key, severity, index, value, sentence)                                        \
	{                                                                                          \
		.name = key "_" #severity, .type = TOCSIN_PERCENT,                                 \
		.offset = offsetof(struct config, severity[index]), .fallback = value, .max = 100, \
		.help = sentence                                                                   \
	}

/* A host may work at its full power by intent: that alone is never critical unless it is asked for. */
static const struct tocsin_option options[] = {
	LIMIT_OPTION("usage", warning, USAGE, "95%",
		N_("Share of the processors' time spent working from which it is a warning; 0%: not judged")),
	LIMIT_OPTION("usage", critical, USAGE, "0%",
		N_("Share of the processors' time spent working from which it is critical; 0%: not judged")),
	LIMIT_OPTION("iowait", warning, IOWAIT, "50%",
		N_("Share of the processors' time idle while a task waited for a disk from which it is "
		   "a warning; 0%: not judged")),
	LIMIT_OPTION("iowait", critical, IOWAIT, "80%",
		N_("Share of the processors' time idle while a task waited for a disk from which it is "
		   "critical; 0%: not judged")),
	LIMIT_OPTION("steal", warning, STEAL, "20%",
		N_("Share of the processors' time taken by the hypervisor for other guests from which it is "
		   "a warning; 0%: not judged")),
	LIMIT_OPTION("steal", critical, STEAL, "50%",
		N_("Share of the processors' time taken by the hypervisor for other guests from which it is "
		   "critical; 0%: not judged")),
	{ .name = NULL },
};

static const char *const names[VALUES] = { "usage", "iowait", "steal" };

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < VALUES; i++)
		if (c->warning[i] > 0 && c->critical[i] > 0 && c->critical[i] < c->warning[i])
			return N_("the limit for critical is below the one for warning: one of usage, "
				  "iowait, steal");
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
 * and idle with it, may go back a little (Documentation/filesystems/proc.rst), and so may steal, which is
 * what the hypervisor says; anything else does only after a boot. */
static bool compare(
	const struct cpu_times *before, const struct cpu_times *now, double ret_percent[CPU_TIMES])
{
	double passed[CPU_TIMES], all = 0;

	if (fabs(now->boot_seconds - before->boot_seconds) > SAME_BOOT_SECONDS)
		return false;
	for (size_t i = 0; i < CPU_TIMES; i++) {
		passed[i] = now->ticks[i] - before->ticks[i];
		if (passed[i] < 0 && i != CPU_IDLE && i != CPU_IOWAIT && i != CPU_STEAL)
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

static enum tocsin_state reached(const struct config *c, enum value i, double value, double *ret_limit)
{
	bool is_critical = c->critical[i] > 0 && value >= c->critical[i];
	bool is_warning = c->warning[i] > 0 && value >= c->warning[i];

	*ret_limit = is_critical ? c->critical[i] : c->warning[i];
	return is_critical ? TOCSIN_CRITICAL : is_warning ? TOCSIN_WARNING : TOCSIN_OK;
}

static void judge(const struct config *c, const double value[VALUES], struct verdict *v)
{
	double limit;

	enum tocsin_state state = reached(c, USAGE, value[USAGE], &limit);
	verdict_add(v, state, "the processors were busy for %.0f %% of the time (usage, limit %.4g %%)",
		value[USAGE], limit);
	state = reached(c, IOWAIT, value[IOWAIT], &limit);
	verdict_add(v, state,
		"the processors waited for a disk for %.0f %% of the time (iowait, limit %.4g %%)",
		value[IOWAIT], limit);
	state = reached(c, STEAL, value[STEAL], &limit);
	verdict_add(v, state, "the hypervisor took %.0f %% of the time (steal, limit %.4g %%)", value[STEAL],
		limit);
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
			processors == 1 ? N_("%.0f %% busy, %.0f %% iowait, %.0f %% steal in the last %s, on "
					     "%u processor")
					: N_("%.0f %% busy, %.0f %% iowait, %.0f %% steal in the last %s, on "
					     "%u processors"),
			value[USAGE], value[IOWAIT], value[STEAL], short_duration(between_usec).text,
			processors);
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
	.summary = N_("Use of the processors, iowait and steal"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
