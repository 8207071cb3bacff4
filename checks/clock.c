/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock: whether somebody keeps the clock of this host right. The kernel knows (adjtimex(2)): every time
 * daemon tells it when the clock is synchronised and how wrong it may be at most; without news the kernel
 * lets that bound grow by 500 ppm and drops the state when it passes 16 s (kernel/time/ntp.c). No server is
 * asked here.
 *
 * Only the kernel's own loop (timesyncd, ntpd) knows an offset; chrony steers the clock by itself and leaves
 * none, and then none is reported.
 *
 * A sandbox refuses adjtimex(2) even to who only asks (ProtectClock= of systemd.exec(5)). Then systemd-timesyncd's file and
 * systemd-timedated say whether the clock is synchronised, and nobody how wrong it is. */
#include "clock.h"
#include "buf.h"
#include "container.h"
#include "proctree.h"
#include "system-bus.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>

#define CALL_USEC (5 * USEC_PER_SEC)
#define ANSWER_FRESH_USEC USEC_PER_HOUR

struct config {
	int64_t offset_warning, offset_critical, error_warning, error_critical, settle;
	int unsynchronised;
	bool required, in_container;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const severities[] = { "warning", "critical", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(unsynchronised, TOCSIN_CHOICE), .fallback = "warning", .choices = severities,
		.help = N_("How bad it is when the clock is not synchronised") },
	{ MEMBER(settle, TOCSIN_DURATION), .fallback = "10m", .max = 86400e6,
		.help = N_("How long after the boot the clock may take to be synchronised") },
	{ MEMBER(offset_warning, TOCSIN_DURATION), .fallback = "100ms", .max = 86400e6,
		.help = N_("Offset that is still to be corrected, forwards or backwards, from which it is a "
			   "warning; 0: not judged") },
	{ MEMBER(offset_critical, TOCSIN_DURATION), .fallback = "0", .max = 86400e6,
		.help = N_("Offset from which it is critical; 0: not judged") },
	{ MEMBER(error_warning, TOCSIN_DURATION), .fallback = "5s", .max = 86400e6,
		.help = N_("How wrong the clock may be at most (it grows while no time server answers), from "
			   "which it is a warning; 0: not judged") },
	{ MEMBER(error_critical, TOCSIN_DURATION), .fallback = "0", .max = 86400e6,
		.help = N_("The same bound, from which it is critical; 0: not judged") },
	{ MEMBER(required, TOCSIN_BOOL), .fallback = "no",
		.help = N_("Somebody must keep the clock: without it, a host where no time daemon was ever "
			   "seen is left alone") },
	{ MEMBER(in_container, TOCSIN_BOOL), .fallback = "no",
		.help = N_("Look also in a container, whose clock is that of its host") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->offset_warning > 0 && c->offset_critical > 0 && c->offset_critical < c->offset_warning)
		return N_("offset_critical must not be below offset_warning");
	if (c->error_warning > 0 && c->error_critical > 0 && c->error_critical < c->error_warning)
		return N_("error_critical must not be below error_warning");
	return NULL;
}

/* --- What the kernel says */

struct time_status {
	int status;                     /* STA_… */
	double offset, error, estimate; /* seconds; offset is NAN where the kernel does not steer */
	double frequency;               /* parts per million */
	int leap;                       /* TIME_INS or TIME_DEL before a leap second */
	const char *told_by;            /* somebody else than the kernel, who knows of nothing but STA_UNSYNC; or NULL */
};

static void take_timex(const struct timex *t, int state, struct time_status *ret)
{
	*ret = (struct time_status){
		.status = t->status,
		.offset = t->status & STA_PLL ? (double)t->offset / (t->status & STA_NANO ? 1e9 : 1e6) : NAN,
		.error = (double)t->maxerror / 1e6,
		.estimate = (double)t->esterror / 1e6,
		.frequency = (double)t->freq / 65536, /* adjtimex(2): scaled by 2^16 */
		.leap = state,
	};
}

/* A recorded tree has what the call gives in a file of NAME NUMBER lines. */
static int read_recorded(struct tocsin_run *run, struct timex *t, int *ret_state)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/adjtimex");
	long long value, state = -1;
	char name[32], line[128];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %lld", name, &value) != 2)
			return -EBADMSG;
		if (strcmp(name, "errno") == 0)
			return (int)-value;
		if (strcmp(name, "state") == 0)
			state = value;
		else if (strcmp(name, "status") == 0)
			t->status = (int)value;
		else if (strcmp(name, "offset") == 0)
			t->offset = (long)value;
		else if (strcmp(name, "maxerror") == 0)
			t->maxerror = (long)value;
		else if (strcmp(name, "esterror") == 0)
			t->esterror = (long)value;
		else if (strcmp(name, "freq") == 0)
			t->freq = (long)value;
	}
	*ret_state = (int)state;
	return state < 0 ? -EBADMSG : 0;
}

/* timesyncd touches a file whenever a server has answered, which is every 34 minutes at least (systemd-timesyncd.service(8),
 * PollIntervalMaxSec=). Returns when that was; 0: never, or nobody knows. */
static int64_t read_last_answer(struct tocsin_run *run)
{
	_cleanup_close_ int fd = tocsin_open(run, "/run/systemd/timesync/synchronized", O_PATH);
	struct stat st;

	return fd < 0 || fstat(fd, &st) < 0 ? 0 : (int64_t)st.st_mtim.tv_sec * USEC_PER_SEC;
}

/* It asks the kernel, and is outside of the sandbox. */
static int ask_timedated(struct tocsin_run *run, bool *ret_synchronised)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	int value;

	if (*tocsin_root(run))
		return -ENOENT; /* it says nothing of a recorded tree */
	int r = system_bus_open(CALL_USEC, &bus);
	if (r >= 0)
		r = sd_bus_get_property_trivial(bus, "org.freedesktop.timedate1", "/org/freedesktop/timedate1",
			"org.freedesktop.timedate1", "NTPSynchronized", NULL, 'b', &value);
	if (r >= 0)
		*ret_synchronised = value;
	return r < 0 ? r : 0;
}

/* The kernel was not to be asked, by WHY. */
static int ask_others(struct tocsin_run *run, int why, struct time_status *ret)
{
	int64_t age = clock_realtime_usec() - read_last_answer(run);
	bool is_fresh = age >= 0 && age < ANSWER_FRESH_USEC, is_synchronised = is_fresh;

	if (!is_fresh) {
		int r = ask_timedated(run, &is_synchronised);

		if (r < 0) {
			tocsin_reason(run,
				"nobody tells whether the clock is synchronised (adjtimex: %s; systemd-timedated: %s)",
				strerror(-why), strerror(-r));
			return why;
		}
	}
	*ret = (struct time_status){
		.status = is_synchronised ? 0 : STA_UNSYNC, .offset = NAN, .error = NAN, .estimate = NAN, .frequency = NAN,
		.told_by = is_fresh ? "systemd-timesyncd" : "systemd-timedated",
	};
	return 0;
}

static int read_status(struct tocsin_run *run, struct time_status *ret)
{
	struct timex t = { .modes = 0 };
	int state = 0, r = 0;

	if (*tocsin_root(run)) {
		r = read_recorded(run, &t, &state);
	} else {
		state = adjtimex(&t);
		r = state < 0 ? -errno : 0;
	}
	if (r == -EPERM)
		return ask_others(run, r, ret);
	if (r < 0) {
		tocsin_reason(run,
			"the kernel does not tell whether the clock is synchronised (adjtimex: %s)",
			strerror(-r));
		return r == -ENOSYS ? -EOPNOTSUPP : r;
	}
	take_timex(&t, state, ret);
	return 0;
}

static bool is_synchronised(const struct time_status *t)
{
	return !(t->status & STA_UNSYNC);
}

/* --- Who keeps it */

static const struct {
	const char *comm, *name;
} keepers[] = {
	{ "systemd-timesyn", "systemd-timesyncd" },
	{ "chronyd", "chronyd" },
	{ "ntpd", "ntpd" },
	{ "ntp-daemon", "ntpd-rs" },
	{ "ptp4l", "ptp4l" },
	{ "phc2sys", "phc2sys" },
};

struct keeper {
	const char *name; /* NULL: none was seen */
	pid_t pid;
	bool is_hidden; /* of the processes we see only our own */
};

static struct keeper find_keeper(struct tocsin_run *run)
{
	_cleanup_proctree_ struct proctree tree = PROCTREE_EMPTY;
	_cleanup_close_ int fd = tocsin_open(run, "/proc", O_RDONLY | O_DIRECTORY);
	struct keeper k = { .is_hidden = true };

	if (fd < 0 || proctree_scan(fd, &tree) < 0)
		return k;
	k.is_hidden = tree.is_hidden;
	for (size_t i = 0; i < tree.n && !k.name; i++)
		for (size_t j = 0; j < ELEMENTS(keepers) && !k.name; j++)
			if (proc_is_alive(&tree.items[i]) &&
				strcmp(tree.items[i].comm, keepers[j].comm) == 0) {
				k.name = keepers[j].name;
				k.pid = tree.items[i].pid;
			}
	return k;
}

/* How long the host is up, or "long" when that cannot be told. */
static int64_t read_uptime_usec(struct tocsin_run *run)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/uptime");
	double seconds;

	if (!file || fscanf(file, "%lf", &seconds) != 1 || !(seconds >= 0 && seconds < 1e11))
		return USEC_NEVER;
	return (int64_t)(seconds * 1e6);
}

/* --- What it means */

/* "250 ms", "1.25 s": a person reads this. */
static struct short_text short_seconds(double seconds)
{
	struct short_text s;
	double size = fabs(seconds);

	if (size < 1e-3)
		snprintf(s.text, sizeof(s.text), "%.3g %s", seconds * 1e6, C_("duration", "µs"));
	else if (size < 1)
		snprintf(s.text, sizeof(s.text), "%.3g %s", seconds * 1e3, C_("duration", "ms"));
	else
		snprintf(s.text, sizeof(s.text), "%.3g %s", seconds, C_("duration", "s"));
	return s;
}

/* The limit that SECONDS reaches, forwards or backwards; TOCSIN_OK: none. */
static enum tocsin_state reached(
	double seconds, int64_t warning_usec, int64_t critical_usec, struct short_text *ret_limit)
{
	bool is_critical = critical_usec > 0 && fabs(seconds) * 1e6 >= (double)critical_usec;
	bool is_warning = warning_usec > 0 && fabs(seconds) * 1e6 >= (double)warning_usec;

	*ret_limit = short_seconds((double)(is_critical ? critical_usec : warning_usec) / 1e6);
	return is_critical ? TOCSIN_CRITICAL : is_warning ? TOCSIN_WARNING : TOCSIN_OK;
}

/* What cannot be told is NAN, which reaches no limit. */
static void judge_limits(struct verdict *v, const struct config *c, const struct time_status *t)
{
	struct short_text limit;

	enum tocsin_state state = reached(t->offset, c->offset_warning, c->offset_critical, &limit);
	verdict_add(v, state, "the clock is off by %s (limit %s)", short_seconds(t->offset).text, limit.text);
	state = reached(t->error, c->error_warning, c->error_critical, &limit);
	verdict_add(v, state, "the clock may be wrong by up to %s (limit %s)", short_seconds(t->error).text,
		limit.text);
}

static void judge_unsynchronised(struct verdict *v, const struct config *c, const struct keeper *k)
{
	enum tocsin_state state = c->unsynchronised ? TOCSIN_CRITICAL : TOCSIN_WARNING;

	if (k->name)
		verdict_add(v, state,
			"not synchronised: %s runs, but has not set the clock for long, or never", k->name);
	else if (k->is_hidden)
		verdict_add(v, state, "not synchronised");
	else
		verdict_add(v, state, "not synchronised: no time daemon is running");
}

static void judge(
	struct verdict *v, const struct config *c, const struct time_status *t, const struct keeper *k)
{
	if (t->status & STA_CLOCKERR)
		verdict_add(v, TOCSIN_WARNING, "the kernel reports a fault of the clock hardware");
	if (is_synchronised(t))
		judge_limits(v, c, t);
	else
		judge_unsynchronised(v, c, k);
}

static void report_good(struct tocsin_run *run, const struct time_status *t, const struct keeper *k)
{
	_cleanup_buf_ struct buf b = BUF(512);

	if (k->name)
		buf_printf(&b, _("synchronised by %s"), k->name);
	else
		buf_puts(&b, _("synchronised"));
	if (!isnan(t->offset))
		buf_printf(&b, _(", offset %s"), short_seconds(t->offset).text);
	if (!isnan(t->error))
		buf_printf(&b, _(", wrong by at most %s"), short_seconds(t->error).text);
	if (t->told_by)
		buf_printf(
			&b, _("; %s says so, by how much it is wrong cannot be seen from here"), t->told_by);
	if (t->leap == TIME_INS)
		buf_puts(&b, _("; a leap second will be inserted at midnight UTC"));
	if (t->leap == TIME_DEL)
		buf_puts(&b, _("; a leap second will be left out at midnight UTC"));
	tocsin_item(run, tocsin_name(run), TOCSIN_OK, "%s", buf_text(&b));
}

static double limit_of(int64_t usec)
{
	return usec > 0 ? (double)usec / 1e6 : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct config *c, const struct time_status *t)
{
	bool good = is_synchronised(t);
	const struct tocsin_metric metrics[] = {
		{ "synchronised", good, "", NAN, NAN, 0, 1 },
		{ "offset", good ? t->offset : NAN, "s", limit_of(c->offset_warning),
			limit_of(c->offset_critical), NAN, NAN },
		{ "error", good ? t->error : NAN, "s", limit_of(c->error_warning),
			limit_of(c->error_critical), 0, NAN },
		{ "estimated_error", good ? t->estimate : NAN, "s", NAN, NAN, 0, NAN },
		{ "frequency", good ? t->frequency : NAN, "ppm", NAN, NAN, -500, 500 },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

/* --- Evidence */

static void show_kernel(struct buf *b, const struct time_status *t)
{
	static const struct {
		int bit;
		const char *text;
	} flags[] = {
		{ STA_UNSYNC, N_("not synchronised") },
		{ STA_PLL, N_("the kernel steers the clock (PLL)") },
		{ STA_PPSSIGNAL, N_("a pulse per second is present") },
		{ STA_CLOCKERR, N_("clock hardware fault") },
		{ STA_INS, N_("a second will be inserted") },
		{ STA_DEL, N_("a second will be left out") },
	};

	if (t->told_by) {
		buf_printf(b, _("the kernel cannot be asked in this sandbox (ProtectClock=): told by %s\n"),
			t->told_by);
		return;
	}
	buf_printf(b, _("status: 0x%x"), (unsigned)t->status);
	for (size_t i = 0; i < ELEMENTS(flags); i++)
		if (t->status & flags[i].bit)
			buf_printf(b, ", %s", _(flags[i].text));
	buf_putc(b, '\n');
	buf_printf(b, _("wrong by at most: %s; estimated: %s; frequency correction: %.3f ppm\n"),
		short_seconds(t->error).text, short_seconds(t->estimate).text, t->frequency);
	if (!isnan(t->offset))
		buf_printf(b, _("offset that is still to be corrected: %s\n"), short_seconds(t->offset).text);
}

static void show_last(struct tocsin_run *run, struct buf *b)
{
	int64_t last = read_last_answer(run);

	if (last == 0)
		return;
	buf_puts(b, _("systemd-timesyncd synchronised last: "));
	format_time(b, last);
	buf_putc(b, '\n');
}

static void show(struct tocsin_run *run, const struct time_status *t, const struct keeper *k)
{
	_cleanup_buf_ struct buf b = BUF(4096);

	if (k->name)
		buf_printf(&b, _("kept by: %s, pid %d\n"), k->name, (int)k->pid);
	else
		buf_puts(&b,
			k->is_hidden
				? _("kept by: not known, processes of others cannot be seen here\n")
				: _("kept by: nobody (no timesyncd, chronyd, ntpd or PTP daemon runs)\n"));
	show_last(run, &b);
	show_kernel(&b, t);
	tocsin_evidence(run, tocsin_name(run), "The clock", buf_text(&b));
}

/* --- The look */

/* Nobody tells the kernel, and nobody ever did: a hypervisor may keep the clock, or nobody wants it kept. */
static bool is_left_alone(
	struct tocsin_run *run, const struct config *c, const struct time_status *t, const struct keeper *k)
{
	double seen;
	int64_t age;

	if (is_synchronised(t) || k->name) {
		tocsin_remember(run, "kept", 1);
		return false;
	}
	return !c->required && !k->is_hidden && tocsin_recall(run, "kept", &seen, &age) < 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	const struct config *c = config;
	struct time_status t;

	if (!c->in_container && is_container(run)) {
		tocsin_reason(run, "the clock of a container is that of its host");
		return -EOPNOTSUPP;
	}
	int r = read_status(run, &t);
	if (r < 0)
		return r;
	struct keeper k = find_keeper(run);
	if (is_left_alone(run, c, &t, &k)) {
		tocsin_reason(run, "no time daemon runs here, and the clock was never synchronised by one");
		return -EOPNOTSUPP;
	}
	int64_t uptime = read_uptime_usec(run);
	bool is_early = !is_synchronised(&t) && uptime < c->settle;
	if (!is_early)
		judge(&v, c, &t, &k);
	if (is_early)
		tocsin_item(run, tocsin_name(run), TOCSIN_OK, "not synchronised yet, %s after the boot",
			short_duration(uptime).text);
	else if (v.state == TOCSIN_OK)
		report_good(run, &t, &k);
	else
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	report_metrics(run, c, &t);
	if (v.state != TOCSIN_OK)
		show(run, &t, &k);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "clock",
	.summary = N_("Whether the clock is synchronised, and how wrong it may be"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
