/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pressure: the share of time in which work had to wait for the processor, for disks, or for memory (the
 * kernel's pressure stall information, Documentation/accounting/psi.rst). "some": at least one task waited;
 * "full": all that could have worked waited.
 *
 * Of the whole host, or of one control group (version 2). With window = avg10 the kernel itself wakes the
 * check. */
#include "cgroup.h"
#include "cleanup.h"
#include "evidence.h"
#include "procread.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* The longest window of a trigger, and a multiple of the 2 s that the kernel wants from unprivileged ones. */
#define TRIGGER_WINDOW_USEC 10000000

enum resource { CPU, IO, MEMORY, RESOURCES };
enum share { SOME, FULL, SHARES };

struct config {
	int window;
	const char *cgroup;
	double warning[RESOURCES][SHARES], critical[RESOURCES][SHARES];
};

static const char *const windows[] = { "avg10", "avg60", "avg300", NULL };

#define LIMIT_OPTION(key, severity, resource, share, value, sentence)                                        \
	{                                                                                                    \
		.name = key "_" #severity, .type = TOCSIN_PERCENT,                                           \
		.offset = offsetof(struct config, severity[resource][share]), .fallback = value, .max = 100, \
		.help = sentence                                                                             \
	}

/* A host may be busy by intent, so waiting for the processor is only a warning; full pressure of memory is
 * thrashing (systemd-oomd(8) kills at 60 %). */
static const struct tocsin_option options[] = {
	{ .name = "window",
		.type = TOCSIN_CHOICE,
		.offset = offsetof(struct config, window),
		.fallback = "avg60",
		.choices = windows,
		.help = N_("The average that is judged, of 10, 60 or 300 seconds; with avg10 the kernel "
			   "wakes the check") },
	{ .name = "cgroup",
		.type = TOCSIN_PATH,
		.offset = offsetof(struct config, cgroup),
		.help = N_("The control group whose pressure is judged instead of that of the host, like "
			   "/system.slice/mysql.service") },
	LIMIT_OPTION("cpu_some", warning, CPU, SOME, "80%",
		N_("Share of time in which a task waited for a processor from which it is a warning; 0%: not "
		   "judged")),
	LIMIT_OPTION("cpu_some", critical, CPU, SOME, "0%",
		N_("Share of time in which a task waited for a processor from which it is critical; 0%: not "
		   "judged")),
	LIMIT_OPTION("io_some", warning, IO, SOME, "0%",
		N_("Share of time in which a task waited for a disk from which it is a warning; 0%: not "
		   "judged")),
	LIMIT_OPTION("io_some", critical, IO, SOME, "0%",
		N_("Share of time in which a task waited for a disk from which it is critical; 0%: not "
		   "judged")),
	LIMIT_OPTION("io_full", warning, IO, FULL, "40%",
		N_("Share of time in which all tasks waited for a disk from which it is a warning; 0%: not "
		   "judged")),
	LIMIT_OPTION("io_full", critical, IO, FULL, "80%",
		N_("Share of time in which all tasks waited for a disk from which it is critical; 0%: not "
		   "judged")),
	LIMIT_OPTION("memory_some", warning, MEMORY, SOME, "20%",
		N_("Share of time in which a task waited for memory from which it is a warning; 0%: not "
		   "judged")),
	LIMIT_OPTION("memory_some", critical, MEMORY, SOME, "60%",
		N_("Share of time in which a task waited for memory from which it is critical; 0%: not "
		   "judged")),
	LIMIT_OPTION("memory_full", warning, MEMORY, FULL, "10%",
		N_("Share of time in which all tasks waited for memory from which it is a warning; 0%: not "
		   "judged")),
	LIMIT_OPTION("memory_full", critical, MEMORY, FULL, "40%",
		N_("Share of time in which all tasks waited for memory from which it is critical; 0%: not "
		   "judged")),
	{ .name = NULL },
};

static const char *const share_names[SHARES] = { "some", "full" };

static const struct {
	const char *item, *path, *group_file;
	const char *waiting[SHARES];
	unsigned evidence;
} resources[RESOURCES] = {
	[CPU] = { "cpu", "/proc/pressure/cpu", "cpu.pressure", { N_("tasks waited for a processor"), NULL },
		EVIDENCE_BUSY },
	[IO] = { "io", "/proc/pressure/io", "io.pressure",
		{ N_("tasks waited for a disk"), N_("all tasks waited for a disk") }, EVIDENCE_BLOCKED },
	[MEMORY] = { "memory", "/proc/pressure/memory", "memory.pressure",
		{ N_("tasks waited for memory"), N_("all tasks waited for memory") },
		EVIDENCE_MEMORY | EVIDENCE_BLOCKED },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->cgroup && !cgroup_is_name(c->cgroup))
		return N_("cgroup is the path of a control group below /sys/fs/cgroup, like "
			  "/system.slice/mysql.service");
	for (size_t r = 0; r < RESOURCES; r++)
		for (size_t s = 0; s < SHARES; s++)
			if (c->warning[r][s] > 0 && c->critical[r][s] > 0 &&
				c->critical[r][s] < c->warning[r][s])
				return N_("the limit for critical is below the one for warning: one of "
					  "cpu_some, io_some, io_full, memory_some, memory_full");
	return NULL;
}

static struct cgroup_path path_of(const struct config *c, size_t resource)
{
	struct cgroup_path p;

	if (c->cgroup)
		return cgroup_path(c->cgroup, resources[resource].group_file);
	snprintf(p.text, sizeof(p.text), "%s", resources[resource].path);
	return p;
}

static double lowest_limit(const struct config *c, size_t resource, size_t share)
{
	double warning = c->warning[resource][share], critical = c->critical[resource][share];

	return warning > 0 ? warning : critical;
}

/* Asks the kernel to say when the limit is passed. Before Linux 6.5 only root may: then polling remains, as
 * in every other case in which the kernel does not want to. Each trigger needs a descriptor of its own. */
static void arm(struct tocsin_run *run, const struct config *c, size_t resource)
{
	char trigger[64];

	for (size_t s = 0; s < SHARES; s++) {
		double limit = lowest_limit(c, resource, s);

		if (!(limit > 0) || strcmp(windows[c->window], "avg10") != 0 || *tocsin_root(run))
			continue;
		_cleanup_close_ int fd = tocsin_open(run, path_of(c, resource).text, O_RDWR | O_NONBLOCK);
		int len = snprintf(trigger, sizeof(trigger), "%s %.0f %d", share_names[s],
			fmax(1, limit / 100 * TRIGGER_WINDOW_USEC), TRIGGER_WINDOW_USEC);
		/* With its NUL: the kernel's example writes it, and overwrites the last byte with one. */
		if (fd >= 0 && write(fd, trigger, (size_t)len + 1) == len + 1)
			tocsin_watch(run, fd, POLLPRI);
	}
}

static int read_pressure(struct tocsin_run *run, const char *path, struct pressure *ret)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

	return file ? pressure_read(file, ret) : -errno;
}

static const struct pressure_line *line_of(const struct pressure *p, size_t share)
{
	return share == SOME ? &p->some : &p->full;
}

static void judge(const struct config *c, size_t resource, const struct pressure *p, struct verdict *v)
{
	for (size_t s = 0; s < SHARES; s++) {
		const struct pressure_line *l = line_of(p, s);
		double value = l->average[c->window], warning = c->warning[resource][s];
		double critical = c->critical[resource][s];
		bool is_critical = critical > 0 && value >= critical;

		if (l->is_known && (is_critical || (warning > 0 && value >= warning)))
			verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
				"%s for %.1f %% of the time (%s %s, limit %.4g %%)",
				_(resources[resource].waiting[s]), value, share_names[s], windows[c->window],
				is_critical ? critical : warning);
	}
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, size_t resource, const struct pressure *p)
{
	char name[32];

	for (size_t s = 0; s < SHARES; s++)
		for (int w = 0; w < PRESSURE_AVERAGES; w++) {
			const struct pressure_line *l = line_of(p, s);
			bool is_judged = w == c->window;

			/* Of the whole host the kernel does not measure it: always 0. */
			if (!l->is_known || (resource == CPU && s == FULL && !c->cgroup))
				continue;
			snprintf(name, sizeof(name), "%s_%s", share_names[s], windows[w]);
			tocsin_metric(run, resources[resource].item,
				&(struct tocsin_metric){ .name = name,
					.value = l->average[w],
					.unit = "%",
					.warning = is_judged ? positive(c->warning[resource][s]) : NAN,
					.critical = is_judged ? positive(c->critical[resource][s]) : NAN,
					.min = 0,
					.max = 100 });
		}
}

static void report(struct tocsin_run *run, const struct config *c, size_t resource, const struct pressure *p)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	const char *item = resources[resource].item;

	judge(c, resource, p, &v);
	if (v.state != TOCSIN_OK)
		tocsin_item(run, item, v.state, "%s", buf_text(&v.text));
	else if (resource == CPU || !p->full.is_known)
		tocsin_item(run, item, v.state, "some %.1f %% (%s)", p->some.average[c->window],
			windows[c->window]);
	else
		tocsin_item(run, item, v.state, "some %.1f %%, full %.1f %% (%s)", p->some.average[c->window],
			p->full.average[c->window], windows[c->window]);
	report_metrics(run, c, resource, p);
	if (v.state != TOCSIN_OK)
		evidence_processes(run, item, resources[resource].evidence);
}

/* psi=0 takes the files away or, in older kernels, makes reading fail. */
static bool is_switched_off(int error)
{
	return error == -ENOENT || error == -EOPNOTSUPP;
}

static int look(struct tocsin_run *run, const void *config)
{
	struct pressure pressures[RESOURCES];
	const struct config *c = config;
	int results[RESOURCES];
	size_t n_off = 0;

	for (size_t i = 0; i < RESOURCES; i++) {
		arm(run, c, i);
		results[i] = read_pressure(run, path_of(c, i).text, &pressures[i]);
		n_off += is_switched_off(results[i]);
	}
	if (n_off == RESOURCES && c->cgroup) {
		tocsin_reason(run,
			"there is no control group %s of version 2 (a service that is stopped has none), or "
			"its "
			"pressure is not measured",
			c->cgroup);
		return -ENOENT;
	}
	if (n_off == RESOURCES) {
		tocsin_reason(run, "this kernel does not measure pressure: it wants CONFIG_PSI, and on some "
				   "distributions psi=1 on its command line");
		return -EOPNOTSUPP;
	}
	for (size_t i = 0; i < RESOURCES; i++)
		if (results[i] == 0)
			report(run, c, i, &pressures[i]);
		else
			tocsin_item(run, resources[i].item, TOCSIN_UNKNOWN, "%s cannot be read: %s",
				path_of(c, i).text, strerror(-results[i]));
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "pressure",
	.summary = N_("Time lost waiting for processor, disks and memory (PSI)"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
