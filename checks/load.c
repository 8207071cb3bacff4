/* SPDX-License-Identifier: GPL-3.0-or-later */
/* load: the load averages of 1, 5 and 15 minutes, as they are or for each processor.
 *
 * Linux counts processes that run or want to, and those in uninterruptible sleep (proc_loadavg(5)): a high
 * load is either many busy processes or a disk or file server that does not answer, so the evidence shows
 * both. */
#include "buf.h"
#include "cleanup.h"
#include "container.h"
#include "evidence.h"
#include "proctree.h"
#include "tocsin-check.h"
#include "translate.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

struct config {
	bool per_cpu;
	double warning[3], critical[3];
};

#define LIMIT_OPTION(key, severity, index, value, sentence)                                             \
	{                                                                                               \
		.name = key, .type = TOCSIN_NUMBER, .offset = offsetof(struct config, severity[index]), \
		.fallback = value, .min = 0, .max = 1e6, .help = sentence                               \
	}

static const struct tocsin_option options[] = {
	{ .name = "per_cpu",
		.type = TOCSIN_BOOL,
		.offset = offsetof(struct config, per_cpu),
		.fallback = "yes",
		.help = N_("Divide the load by the number of processors before it is judged") },
	LIMIT_OPTION("load1_warning", warning, 0, "0",
		N_("Load average of one minute from which it is a warning; 0: not judged")),
	LIMIT_OPTION("load1_critical", critical, 0, "0",
		N_("Load average of one minute from which it is critical; 0: not judged")),
	LIMIT_OPTION("load5_warning", warning, 1, "5",
		N_("Load average of five minutes from which it is a warning; 0: not judged")),
	LIMIT_OPTION("load5_critical", critical, 1, "10",
		N_("Load average of five minutes from which it is critical; 0: not judged")),
	LIMIT_OPTION("load15_warning", warning, 2, "3",
		N_("Load average of fifteen minutes from which it is a warning; 0: not judged")),
	LIMIT_OPTION("load15_critical", critical, 2, "6",
		N_("Load average of fifteen minutes from which it is critical; 0: not judged")),
	{ .name = NULL },
};

static const char *const names[] = { "load1", "load5", "load15" };

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (c->warning[i] > 0 && c->critical[i] > 0 && c->warning[i] > c->critical[i])
			return N_("the limit for critical is below the one for warning: one of load1, load5, "
				  "load15");
	return NULL;
}

struct load {
	double average[3];
	unsigned runnable, total;
	unsigned cpus;
	bool is_of_host; /* we see it in a container that has processors of its own, but no load */
};

static int read_line(struct tocsin_run *run, const char *path, char *line, size_t size)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

	if (!file)
		return -errno;
	if (!fgets(line, (int)size, file))
		return ferror(file) ? -EIO : -ENODATA;
	return 0;
}

static int read_loadavg(struct tocsin_run *run, struct load *load)
{
	char line[256];

	int r = read_line(run, "/proc/loadavg", line, sizeof(line));
	if (r < 0) {
		tocsin_reason(run, "/proc/loadavg cannot be read: %s", strerror(-r));
		return r;
	}
	if (sscanf(line, "%lf %lf %lf %u/%u", &load->average[0], &load->average[1], &load->average[2],
		    &load->runnable, &load->total) != 5 ||
		!isfinite(load->average[0] + load->average[1] + load->average[2])) {
		tocsin_reason(run, "/proc/loadavg is not of the form that Linux writes: %.80s", line);
		return -EBADMSG;
	}
	return 0;
}

/* /proc/stat rather than sysconf(): it belongs to the same host or container as the load. */
static int count_cpus(struct tocsin_run *run, unsigned *ret)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/stat");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	unsigned n = 0;

	while (file && getline(&line, &size, file) > 0)
		if (strncmp(line, "cpu", 3) == 0 && isdigit((unsigned char)line[3]))
			n++;
	if (n == 0) {
		tocsin_reason(run, "/proc/stat does not tell the number of processors");
		return file ? -EBADMSG : -ENOENT;
	}
	*ret = n;
	return 0;
}

/* lxcfs tells how many processors a container has, but its load only when it was started so (lxcfs -l): else
 * it is the load of the host, with the number of its tasks. Those that we see are all of the container. */
static bool is_load_of_host(struct tocsin_run *run, unsigned total)
{
	_cleanup_proctree_ struct proctree tree = PROCTREE_EMPTY;
	double seen = 0;

	if (!is_from_lxcfs(run, "/proc/stat"))
		return false;
	_cleanup_close_ int fd = tocsin_open(run, "/proc", O_RDONLY | O_DIRECTORY);
	if (fd < 0 || proctree_scan(fd, &tree) < 0 || tree.is_hidden)
		return false;
	for (size_t i = 0; i < tree.n; i++)
		seen += tree.items[i].threads;
	return total > 2 * seen + 20;
}

/* "0-3,6": lxcfs leaves this file as it is. */
static unsigned count_cpus_of_host(struct tocsin_run *run)
{
	char line[1024], *rest = line;
	unsigned first, last, n = 0;

	if (read_line(run, "/sys/devices/system/cpu/present", line, sizeof(line)) < 0)
		return 0;
	for (char *range; (range = strsep(&rest, ","));) {
		int parts = sscanf(range, "%u-%u", &first, &last);
		n += parts == 2 && last >= first ? last - first + 1 : parts == 1;
	}
	return n;
}

/* The worst state, and the average that has it in *ret_worst. */
static enum tocsin_state judge(const struct config *c, const double value[3], size_t *ret_worst)
{
	enum tocsin_state worst = TOCSIN_OK;

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		enum tocsin_state s = TOCSIN_OK;

		if (c->critical[i] > 0 && value[i] >= c->critical[i])
			s = TOCSIN_CRITICAL;
		else if (c->warning[i] > 0 && value[i] >= c->warning[i])
			s = TOCSIN_WARNING;
		if (s > worst) {
			worst = s;
			*ret_worst = i;
		}
	}
	return worst;
}

/* What the host has, whatever was judged. */
static void put_load(struct buf *b, const struct load *load)
{
	buf_printf(b,
		load->cpus == 1 ? _("load %.2f, %.2f, %.2f on %u processor")
				: _("load %.2f, %.2f, %.2f on %u processors"),
		load->average[0], load->average[1], load->average[2], load->cpus);
	if (load->is_of_host)
		buf_puts(b, _(" of the host (in this container lxcfs tells no load of its own)"));
}

static void report(struct tocsin_run *run, const struct config *c, const struct load *load,
	enum tocsin_state state, const double value[3], size_t worst)
{
	const double *limits = state == TOCSIN_CRITICAL ? c->critical : c->warning;
	_cleanup_buf_ struct buf all = BUF(256);

	put_load(&all, load);
	if (state == TOCSIN_OK)
		tocsin_item(run, tocsin_name(run), state, "%s", buf_text(&all));
	else
		tocsin_item(run, tocsin_name(run), state,
			c->per_cpu ? N_("%s is %.2f for each processor (limit %.4g); %s")
				   : N_("%s is %.2f (limit %.4g); %s"),
			names[worst], value[worst], limits[worst], buf_text(&all));
}

static double limit_or_nan(double limit)
{
	return limit > 0 ? limit : NAN;
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const struct load *load, const double value[3])
{
	for (size_t i = 0; i < ELEMENTS(names); i++)
		tocsin_metric(run, tocsin_name(run),
			&(struct tocsin_metric){ .name = names[i],
				.value = value[i],
				.unit = "",
				.warning = limit_or_nan(c->warning[i]),
				.critical = limit_or_nan(c->critical[i]),
				.min = 0,
				.max = NAN });
	const struct {
		const char *name;
		double value;
	} counts[] = {
		{ "runnable", load->runnable },
		{ "tasks", load->total },
		{ "processors", load->cpus },
	};
	for (size_t i = 0; i < ELEMENTS(counts); i++)
		tocsin_metric(run, tocsin_name(run),
			&(struct tocsin_metric){ .name = counts[i].name,
				.value = counts[i].value,
				.unit = "",
				.warning = NAN,
				.critical = NAN,
				.min = 0,
				.max = NAN });
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	struct load load = { 0 };
	double value[3];
	size_t worst = 0;

	int r = read_loadavg(run, &load);
	if (r == 0)
		r = count_cpus(run, &load.cpus);
	if (r < 0)
		return r;
	unsigned host_cpus = count_cpus_of_host(run);
	if (host_cpus > load.cpus && is_load_of_host(run, load.total)) {
		load.cpus = host_cpus;
		load.is_of_host = true;
	}
	for (size_t i = 0; i < ELEMENTS(names); i++)
		value[i] = c->per_cpu ? load.average[i] / load.cpus : load.average[i];
	enum tocsin_state state = judge(c, value, &worst);
	report(run, c, &load, state, value, worst);
	report_metrics(run, c, &load, value);
	if (state != TOCSIN_OK) {
		evidence_pressure(run, tocsin_name(run));
		evidence_processes(run, tocsin_name(run), EVIDENCE_BUSY | EVIDENCE_BLOCKED);
	}
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "load",
	.summary = N_("Load averages of 1, 5 and 15 minutes"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
