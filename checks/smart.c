/* SPDX-License-Identifier: GPL-3.0-or-later */
/* smart: what disks say about their own health, asked by smartctl of smartmontools, which knows the ways to
 * each kind of disk and controller. It judges the disk's own verdict, sectors that are lost or in doubt, how
 * much of the endurance is used up, and whether counters of errors grow. A disk that sleeps is not woken.
 *
 * smartctl needs access to the disk itself. Where it has none, that is said; no state is invented. */
#include "buf.h"
#include "clock.h"
#include "command.h"
#include "container.h"
#include "smart-json.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#define AUTO "auto"
#define OUTPUT_MAX (1 << 20)
#define ASLEEP_STATUS \
	3 /* what smartctl shall exit with for a disk that sleeps; else these bits never come together */
#define SHARE_MIN_USEC (50 * USEC_PER_MSEC)

struct config {
	struct tocsin_list device, exclude;
	int64_t pending_warning, pending_critical, reallocated_warning, reallocated_critical;
	int64_t uncorrectable_warning, uncorrectable_critical;
	double used_warning, used_critical;
	int64_t growth_window, smart_timeout;
	bool wake;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)
#define COUNT_MAX 1e9

static const struct tocsin_option options[] = {
	{ MEMBER(device, TOCSIN_LIST), .fallback = AUTO,
		.help = N_("A disk, like /dev/sda, perhaps with the type for smartctl behind it, like "
			   "\"/dev/bus/0 megaraid,3\"; or \"auto\" for all that smartctl finds") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("With device = auto, disks to leave out (glob)") },
	{ MEMBER(reallocated_warning, TOCSIN_INT), .fallback = "1", .max = COUNT_MAX,
		.help = N_("Sectors that were replaced by spare ones, from which it is a warning; 0: not "
			   "judged") },
	{ MEMBER(reallocated_critical, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Sectors that were replaced, from which it is critical; 0: not judged") },
	{ MEMBER(pending_warning, TOCSIN_INT), .fallback = "1", .max = COUNT_MAX,
		.help = N_("Sectors that cannot be read and wait to be replaced, from which it is a warning; "
			   "0: not judged") },
	{ MEMBER(pending_critical, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Sectors that wait to be replaced, from which it is critical; 0: not judged") },
	{ MEMBER(uncorrectable_warning, TOCSIN_INT), .fallback = "1", .max = COUNT_MAX,
		.help = N_("Errors that the disk could not correct, from which it is a warning; 0: not "
			   "judged") },
	{ MEMBER(uncorrectable_critical, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_(
			"Errors that the disk could not correct, from which it is critical; 0: not judged") },
	{ MEMBER(used_warning, TOCSIN_PERCENT), .fallback = "90%", .max = 255,
		.help = N_("Part of the endurance of a solid-state disk that is used up, from which it is a "
			   "warning; 0%: not judged") },
	{ MEMBER(used_critical, TOCSIN_PERCENT), .fallback = "0%", .max = 255,
		.help = N_(
			"Part of the endurance that is used up, from which it is critical; 0%: not judged") },
	{ MEMBER(growth_window, TOCSIN_DURATION), .fallback = "1d", .max = 365 * 86400e6,
		.help = N_("How long it is a warning that a count of errors has grown; 0: not judged") },
	{ MEMBER(wake, TOCSIN_BOOL), .fallback = "no", .help = N_("Wake disks that sleep") },
	{ MEMBER(smart_timeout, TOCSIN_DURATION), .fallback = "9s", .min = 50000, .max = 3600e6,
		.help = N_("How long smartctl may take for all disks together; keep it below the timeout of "
			   "the check") },
	{ .name = NULL },
};

static bool is_auto(const char *device)
{
	return strcmp(device, AUTO) == 0;
}

/* "PATH" or "PATH TYPE" */
static bool split_device(const char *text, struct smart_device *ret)
{
	static const char type_characters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,+/:-_.";
	size_t len = strcspn(text, " \t");
	const char *type = text + len + strspn(text + len, " \t");

	if (text[0] != '/' || len >= sizeof(ret->name) || strlen(type) >= sizeof(ret->type) ||
		type[strspn(type, type_characters)] || type[0] == '-')
		return false;
	*ret = (struct smart_device){ .name = "" };
	memcpy(ret->name, text, len);
	snprintf(ret->type, sizeof(ret->type), "%s", type);
	return true;
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	struct smart_device d;

	for (size_t i = 0; i < c->device.n; i++) {
		if (!is_auto(c->device.items[i]) && !split_device(c->device.items[i], &d))
			return N_("device must be an absolute path, perhaps with a type behind it, or "
				  "\"auto\"");
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->device.items[i], c->device.items[j]) == 0)
				return N_("device names the same disk twice");
	}
	if ((c->pending_critical > 0 && c->pending_critical < c->pending_warning) ||
		(c->reallocated_critical > 0 && c->reallocated_critical < c->reallocated_warning) ||
		(c->uncorrectable_critical > 0 && c->uncorrectable_critical < c->uncorrectable_warning) ||
		(c->used_critical > 0 && c->used_critical < c->used_warning))
		return N_("a limit that is critical must not be below the one that is a warning");
	return NULL;
}

/* --- smartctl */

struct look {
	struct tocsin_run *run;
	const struct config *config;
	char program[4096];
	size_t n_reported;
	int64_t until_usec; /* CLOCK_BOOTTIME: then the time for all disks is over */
	size_t n_left;      /* disks that want some of it */
};

static int find_program(struct look *l)
{
	static const char *const paths[] = { "/usr/sbin/smartctl", "/usr/local/sbin/smartctl",
		"/sbin/smartctl" };

	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		snprintf(l->program, sizeof(l->program), "%s%s", tocsin_root(l->run), paths[i]);
		if (access(l->program, X_OK) == 0)
			return 0;
	}
	tocsin_reason(l->run, "smartctl is not installed (package smartmontools)");
	return -EOPNOTSUPP;
}

/* What came instead of an answer, in one line. */
static void put_complaint(struct buf *b, const struct command *c)
{
	const char *text = c->err.kept.len ? buf_text(&c->err.kept) : buf_text(&c->out.kept);

	text += strspn(text, " \t\r\n");
	buf_printf(b, "%.*s", (int)strcspn(text, "\r\n"), text);
}

/* One disk that hangs shall not take the time of the others: each gets an equal part of what is left. */
static int64_t share_usec(const struct look *l)
{
	int64_t share = (l->until_usec - clock_boottime_usec()) / (int64_t)(l->n_left ? l->n_left : 1);

	return share > SHARE_MIN_USEC ? share : SHARE_MIN_USEC;
}

/* 0 and the answer in COMMAND->out, or -errno and WHY. */
static int ask(struct look *l, char *const *words, struct command *command, struct buf *why)
{
	int r = command_run(command, words, share_usec(l));

	if (r < 0) {
		buf_printf(why, _("%s cannot be started: %s"), l->program, strerror(-r));
	} else if (command->is_late || command->is_flooding) {
		buf_puts(why, command->is_late
				      ? _("smartctl did not answer in time (smart_timeout) and was killed")
				      : _("smartctl wrote without end and was killed"));
		if (command->is_stuck)
			buf_printf(why, _("; it is stuck in the kernel (pid %d)"), (int)command->pid);
		r = -ETIMEDOUT;
	} else if (!WIFEXITED(command->status)) {
		buf_puts(why, _("smartctl crashed"));
		r = -EPROTO;
	}
	return r;
}

static int not_understood(const struct command *command, struct buf *why, int r)
{
	buf_puts(why, _("the answer of smartctl is not understood (version 7 is needed): "));
	put_complaint(why, command);
	return r;
}

static int ask_scan(struct look *l, struct smart_scan *ret, struct buf *why)
{
	char *const words[] = { l->program, (char *)"--json=c", (char *)"--scan-open", NULL };
	_cleanup_command_ struct command command = COMMAND(OUTPUT_MAX);

	int r = ask(l, words, &command, why);
	if (r < 0)
		return r;
	r = smart_scan_parse(buf_text(&command.out.kept), command.out.kept.len, ret);
	return r < 0 ? not_understood(&command, why, r) : 0;
}

static int ask_health(struct look *l, const struct smart_device *d, struct smart_health *ret, struct buf *why)
{
	char nocheck[32], type[SMART_TEXT_MAX + 16];
	char *words[8] = { l->program, (char *)"--json=c", (char *)"--all", nocheck };
	_cleanup_command_ struct command command = COMMAND(OUTPUT_MAX);
	size_t n = 4;

	if (l->config->wake)
		snprintf(nocheck, sizeof(nocheck), "--nocheck=never");
	else
		snprintf(nocheck, sizeof(nocheck), "--nocheck=standby,%d", ASLEEP_STATUS);
	snprintf(type, sizeof(type), "--device=%s", d->type);
	if (*d->type)
		words[n++] = type;
	words[n] = (char *)d->name;
	int r = ask(l, words, &command, why);
	if (r < 0)
		return r;
	r = smart_health_parse(buf_text(&command.out.kept), command.out.kept.len, ret);
	return r < 0 ? not_understood(&command, why, r) : 0;
}

/* --- What it means */

/* Numbers that are judged and shown; limits are members of the configuration. */
static const struct count {
	enum smart_number number;
	const char *name, *text;
	size_t warning, critical; /* offsets; 0: no limit (`device` lies there) */
	bool may_not_grow;
} counts[] = {
	{ SMART_REALLOCATED, "reallocated", N_("sectors were replaced"),
		offsetof(struct config, reallocated_warning), offsetof(struct config, reallocated_critical),
		true },
	{ SMART_PENDING, "pending", N_("sectors cannot be read"), offsetof(struct config, pending_warning),
		offsetof(struct config, pending_critical), true },
	{ SMART_UNCORRECTABLE, "uncorrectable", N_("errors could not be corrected"),
		offsetof(struct config, uncorrectable_warning),
		offsetof(struct config, uncorrectable_critical), true },
	{ SMART_REPORTED, "reported", N_("errors were reported to the host"), 0, 0, true },
	{ SMART_CRC_ERRORS, "crc_errors", N_("errors on the cable"), 0, 0, true },
	{ SMART_LOGGED, "logged", N_("errors in the log of the disk"), 0, 0, false },
};

static double limit_of(const struct config *c, size_t offset)
{
	int64_t limit = offset ? *(const int64_t *)((const char *)c + offset) : 0;

	return limit > 0 ? (double)limit : NAN;
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

/* How much COUNT has grown within the window. Kept by the disk's serial number: names move from boot to boot.
 */
static double growth(struct look *l, const char *identity, const struct count *count, double value)
{
	char key[SMART_TEXT_MAX + 64], grown[SMART_TEXT_MAX + 64];
	double last, amount = 0, before;
	int64_t age;

	snprintf(key, sizeof(key), "%.180s %s", identity, count->name);
	snprintf(grown, sizeof(grown), "%.180s %s grown", identity, count->name);
	if (tocsin_recall(l->run, grown, &before, &age) == 0 && age < l->config->growth_window)
		amount = before;
	if (tocsin_recall(l->run, key, &last, &age) == 0 && value > last && last >= 0) {
		amount += value - last;
		tocsin_remember(l->run, grown, amount);
	}
	tocsin_remember(l->run, key, value);
	return l->config->growth_window > 0 ? amount : 0;
}

static void judge_count(struct look *l, struct verdict *v, const char *identity, const struct smart_health *h,
	const struct count *count)
{
	double value = h->number[count->number], warning = limit_of(l->config, count->warning),
	       critical = limit_of(l->config, count->critical);

	if (isnan(value))
		return;
	double more = count->may_not_grow ? growth(l, identity, count, value) : 0;
	_cleanup_buf_ struct buf grown = BUF(256);
	if (more > 0)
		buf_printf(&grown, _(", %.0f of them within %s"), more,
			short_duration(l->config->growth_window).text);
	if (value >= critical)
		verdict_add(v, TOCSIN_CRITICAL, "%.0f %s (limit %.0f)%s", value, _(count->text), critical,
			buf_text(&grown));
	else if (value >= warning)
		verdict_add(v, TOCSIN_WARNING, "%.0f %s (limit %.0f)%s", value, _(count->text), warning,
			buf_text(&grown));
	else if (more > 0)
		verdict_add(v, TOCSIN_WARNING, "%.0f %s%s", value, _(count->text), buf_text(&grown));
}

/* NVM Express base specification, SMART / health information log, critical warning. */
static void judge_warnings(struct verdict *v, const struct smart_health *h)
{
	static const struct {
		enum tocsin_state state;
		const char *text;
	} bits[] = {
		{ TOCSIN_CRITICAL, N_("too few spare blocks are left") },
		{ TOCSIN_WARNING, N_("its temperature is out of bounds") },
		{ TOCSIN_CRITICAL, N_("it is less reliable than it was: after many errors, or because its "
				      "endurance is used up") },
		{ TOCSIN_CRITICAL, N_("it can only be read any more") },
		{ TOCSIN_CRITICAL, N_("the backup power of its memory has failed") },
		{ TOCSIN_CRITICAL, N_("its persistent memory region is not reliable") },
	};
	unsigned warnings =
		isnan(h->number[SMART_WARNINGS]) ? 0 : (unsigned)fmin(h->number[SMART_WARNINGS], 255);

	for (size_t i = 0; i < ELEMENTS(bits); i++)
		if (warnings & 1u << i)
			verdict_add(v, bits[i].state, "the disk warns: %s", _(bits[i].text));
}

static void judge_used(struct verdict *v, const struct config *c, double used)
{
	bool is_critical = used >= positive(c->used_critical);

	if (is_critical || used >= positive(c->used_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"%.0f %% of the endurance is used up (limit %.4g %%)", used,
			is_critical ? c->used_critical : c->used_warning);
}

static void judge(struct look *l, struct verdict *v, const char *identity, const struct smart_health *h)
{
	/* NVMe says "failed" for each of its warnings, also that of the temperature. */
	bool is_explained = h->number[SMART_WARNINGS] > 0;

	if (h->has_verdict && !h->has_passed && !is_explained)
		verdict_add(
			v, TOCSIN_CRITICAL, "the disk says that it is failing: save the data and replace it");
	judge_warnings(v, h);
	if (h->failure == SMART_FAILS_SOON)
		verdict_add(
			v, TOCSIN_CRITICAL, "%s is below its threshold: the disk may fail soon", h->failing);
	else if (h->failure == SMART_FAILS_OLD_AGE)
		verdict_add(v, TOCSIN_WARNING, "%s is below its threshold: the disk is past its design life",
			h->failing);
	judge_used(v, l->config, h->number[SMART_USED]);
	if (*h->self_test)
		verdict_add(v, TOCSIN_WARNING, "its last self-test failed: %s", h->self_test);
	for (size_t i = 0; i < ELEMENTS(counts); i++)
		judge_count(l, v, identity, h, &counts[i]);
}

/* --- The report of one disk */

static void put_good(struct buf *b, const struct smart_health *h)
{
	buf_puts(b, h->has_verdict ? _("passed") : _("no error is known"));
	if (*h->model)
		buf_printf(b, _(", %s"), h->model);
	if (*h->serial)
		buf_printf(b, _(" (%s)"), h->serial);
	if (!isnan(h->number[SMART_USED]))
		buf_printf(b, _(", %.0f %% used"), h->number[SMART_USED]);
	if (!isnan(h->number[SMART_TEMPERATURE]))
		buf_printf(b, _(", %.0f °C"), h->number[SMART_TEMPERATURE]);
}

static void report_metrics(struct look *l, const char *item, const struct smart_health *h)
{
	const struct config *c = l->config;
	const struct tocsin_metric metrics[] = {
		{ "passed", h->has_verdict ? h->has_passed : NAN, "", NAN, NAN, 0, 1 },
		{ "used", h->number[SMART_USED], "%", positive(c->used_warning), positive(c->used_critical),
			0, NAN },
		{ "spare", h->number[SMART_SPARE], "%", NAN, NAN, 0, 100 },
		{ "temperature", h->number[SMART_TEMPERATURE], "C", NAN, NAN, NAN, NAN },
		{ "power_on", h->number[SMART_POWER_ON] * 3600, "s", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(l->run, item, &metrics[i]);
	for (size_t i = 0; i < ELEMENTS(counts); i++)
		if (!isnan(h->number[counts[i].number]))
			tocsin_metric(l->run, item,
				&(struct tocsin_metric){ counts[i].name, h->number[counts[i].number], "",
					limit_of(c, counts[i].warning), limit_of(c, counts[i].critical), 0,
					NAN });
}

static void show(struct look *l, const char *item, const struct smart_health *h)
{
	_cleanup_buf_ struct buf b = BUF(4096);

	buf_printf(&b, _("model: %s\nserial number: %s\n"), *h->model ? h->model : _("not known"),
		*h->serial ? h->serial : _("not known"));
	if (!isnan(h->number[SMART_POWER_ON]))
		buf_printf(&b, _("powered on for: %s\n"),
			short_duration((int64_t)(h->number[SMART_POWER_ON] * 3600e6)).text);
	if (*h->self_test)
		buf_printf(&b, _("last self-test: %s\n"), h->self_test);
	if (*h->message)
		buf_printf(&b, _("smartctl says: %s\n"), h->message);
	tocsin_evidence(l->run, item, "The disk", buf_text(&b));
	if (*h->table)
		tocsin_evidence(l->run, item, "What it counts", h->table);
}

struct key {
	char text[SMART_TEXT_MAX * 3];
};

static struct key state_key(const char *item)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "state %s", item);
	return k;
}

static void report_health(struct look *l, const char *item, const struct smart_health *h)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf good = BUF(2048);

	judge(l, &v, *h->serial ? h->serial : item, h);
	put_good(&good, h);
	tocsin_item(l->run, item, v.state, "%s", v.state == TOCSIN_OK ? buf_text(&good) : buf_text(&v.text));
	report_metrics(l, item, h);
	if (v.state != TOCSIN_OK)
		show(l, item, h);
	tocsin_remember(l->run, state_key(item).text, v.state);
}

/* It is as it was: nothing happens to a disk that stands still. */
static void report_asleep(struct look *l, const char *item)
{
	static const char *const words[] = { CN_("disk", "well"), CN_("disk", "not well"),
		CN_("disk", "in a bad state") };
	double state;
	int64_t age;

	if (tocsin_recall(l->run, state_key(item).text, &state, &age) == 0 && state >= TOCSIN_OK &&
		state <= TOCSIN_CRITICAL)
		tocsin_item(l->run, item, (enum tocsin_state)state, "asleep, and not woken; it was %s %s ago",
			_(words[(int)state]), short_duration(age).text);
	else
		tocsin_item(l->run, item, TOCSIN_UNKNOWN,
			"asleep, and was never seen awake (wake = yes wakes it)");
}

static bool knows_nothing(const struct smart_health *h)
{
	for (size_t i = 0; i < SMART_NUMBERS; i++)
		if (i != SMART_TEMPERATURE && !isnan(h->number[i]))
			return false;
	return !h->has_verdict;
}

static void report_unopened(struct look *l, const char *item, const char *error)
{
	bool is_denied = strstr(error, "ermission denied") || strstr(error, "not permitted");

	tocsin_item(l->run, item, TOCSIN_UNKNOWN,
		is_denied ? N_("cannot be looked at: %s; tocsin-check-smart(7) tells how to allow it")
			  : N_("cannot be looked at: %s"),
		error);
}

/* True: reported. A disk that was only found, and has no SMART, is not. */
static bool report_disk(struct look *l, const char *item, const struct smart_device *d, bool is_named)
{
	_cleanup_smart_health_ struct smart_health h = { 0 };
	_cleanup_buf_ struct buf why = BUF(4096);

	tocsin_look(l->run, item);
	if (*d->error) {
		report_unopened(l, item, d->error);
		return true;
	}
	int r = ask_health(l, d, &h, &why);
	if (r < 0)
		tocsin_item(l->run, item, TOCSIN_UNKNOWN, "%s", buf_text(&why));
	else if (h.exit_status == ASLEEP_STATUS)
		report_asleep(l, item);
	else if (h.exit_status & (SMART_EXIT_USAGE | SMART_EXIT_OPEN))
		report_unopened(l, item, *h.message ? h.message : _("smartctl does not say why"));
	else if (h.is_disabled && !h.is_unsupported)
		tocsin_item(l->run, item, TOCSIN_UNKNOWN,
			"SMART is switched off (smartctl --smart=on switches it on)");
	else if (!knows_nothing(&h) && !h.is_unsupported)
		report_health(l, item, &h);
	else if (is_named)
		tocsin_item(l->run, item, TOCSIN_UNKNOWN,
			"this disk does not tell about its health (it has no SMART)");
	else
		return false;
	return true;
}

/* --- Which disks */

static bool is_excluded(const struct config *c, const char *item)
{
	for (size_t i = 0; i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], item, 0) == 0)
			return true;
	for (size_t i = 0; i < c->device.n; i++)
		if (strcmp(c->device.items[i], item) == 0) /* it is named, and reported anyway */
			return true;
	return false;
}

/* What stands behind a controller has the same name as its neighbours. */
static void name_item(const struct smart_device *d, char *item, size_t size)
{
	if (strchr(d->type, ','))
		snprintf(item, size, "%s %s", d->name, d->type);
	else
		snprintf(item, size, "%s", d->name);
}

static bool came_before(const struct smart_scan *s, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(s->devices[i].name, s->devices[j].name) == 0 &&
			strcmp(s->devices[i].type, s->devices[j].type) == 0)
			return true;
	return false;
}

static int look_at_all(struct look *l)
{
	_cleanup_smart_scan_ struct smart_scan s = { 0 };
	_cleanup_buf_ struct buf why = BUF(4096);

	l->n_left++; /* half of the time for the search */
	int r = ask_scan(l, &s, &why);
	l->n_left--;
	if (r < 0) {
		tocsin_reason(l->run, "%s", buf_text(&why));
		return r;
	}
	l->n_left += s.n;
	for (size_t i = 0; i < s.n; i++, l->n_left--) {
		char item[SMART_TEXT_MAX * 2];

		name_item(&s.devices[i], item, sizeof(item));
		if (!is_excluded(l->config, item) && !came_before(&s, i))
			l->n_reported += report_disk(l, item, &s.devices[i], false);
	}
	return 0;
}

/* Disks of hypervisors tell nothing. */
static bool is_virtual(struct tocsin_run *run, const char *disk)
{
	static const char *const files[] = { "vendor", "model" };
	static const char *const makers[] = { "QEMU", "VMware", "Msft", "Virtual", "VBOX", "Google",
		"Nutanix", "XEN", "Amazon" };
	char path[512], text[64];

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		snprintf(path, sizeof(path), "/sys/block/%.200s/device/%s", disk, files[i]);
		_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

		if (!file || !fgets(text, sizeof(text), file))
			continue;
		for (size_t j = 0; j < ELEMENTS(makers); j++)
			if (strncmp(text, makers[j], strlen(makers[j])) == 0)
				return true;
	}
	return false;
}

static bool is_hidden(struct tocsin_run *run, const char *disk)
{
	char path[512];

	if (strncmp(disk, "sd", 2) != 0 && strncmp(disk, "nvme", 4) != 0)
		return false;
	snprintf(path, sizeof(path), "/dev/%.200s", disk);
	_cleanup_close_ int fd = tocsin_open(run, path, O_PATH);
	return fd < 0 && !is_virtual(run, disk);
}

/* A disk that the kernel has and we cannot see: the service's sandbox keeps it from us. */
static bool has_hidden_disks(struct tocsin_run *run)
{
	int fd = tocsin_open(run, "/sys/block", O_RDONLY | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	bool is_found = false;

	if (!folder) {
		close_fd(fd);
		return false;
	}
	for (const struct dirent *e; !is_found && (e = readdir(folder));)
		is_found = is_hidden(run, e->d_name);
	closedir(folder);
	return is_found;
}

static int nothing_found(struct tocsin_run *run)
{
	if (has_hidden_disks(run) && !is_container(run)) {
		tocsin_reason(run,
			"the disks of this host are hidden from tocsin (PrivateDevices= in its unit); "
			"tocsin-check-smart(7) tells how to allow it");
		return -EACCES;
	}
	tocsin_reason(run, "smartctl finds no disk here that tells about its health");
	return -EOPNOTSUPP;
}

static int look_at(struct look *l, const char *device)
{
	struct smart_device d;

	if (is_auto(device))
		return look_at_all(l);
	if (split_device(device, &d))
		l->n_reported += report_disk(l, device, &d, true);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	struct look l = { .run = run, .config = config };
	const struct config *c = config;

	l.until_usec = clock_boottime_usec() + c->smart_timeout;
	l.n_left = c->device.n;
	int r = find_program(&l);
	for (size_t i = 0; r == 0 && i < c->device.n; i++, l.n_left--)
		r = look_at(&l, c->device.items[i]);
	if (r < 0)
		return r;
	return l.n_reported ? 0 : nothing_found(run);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW | TOCSIN_CHECK_EVENT,
	.name = "smart",
	.summary = N_("Health of disks as they tell it themselves (SMART, NVMe)"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
