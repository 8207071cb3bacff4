/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unit: units of systemd, asked of the service manager over the system bus: named ones that must be active,
 * and with "auto" each one that has failed and timers that are overdue. It judges ActiveState and counts
 * NRestarts (a crash with Restart= is over within a second, no look would see it); SubState is only shown.
 *
 * A unit that failed is reported from then on, also when it is well again: an item that vanishes is UNKNOWN
 * to the daemon. */
#include "buf.h"
#include "clock.h"
#include "journal-line.h"
#include "remember.h"
#include "restarts.h"
#include "system-bus.h"
#include "timer.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"
#include "watch-rest.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define UNIT_INTERFACE MANAGER ".Unit"
#define SERVICE_INTERFACE MANAGER ".Service"
#define TIMER_INTERFACE MANAGER ".Timer"
#define CALL_USEC (5 * USEC_PER_SEC)
#define NAME_BYTES 256 /* UNIT_NAME_MAX with its NUL */
#define KNOWN_MAX 32   /* units that "auto" keeps reporting; the daemon keeps 1024 numbers for a check */
#define JOURNAL_LINES 12

struct config {
	struct tocsin_list unit, exclude;
	bool inactive;
	bool timers, watch;
	int64_t restarts_warning, restarts_window, overdue, triggered_within;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(unit, TOCSIN_LIST), .fallback = "auto",
		.help = N_("A unit that must be active (without a suffix: a service), or \"auto\" for each "
			   "that failed") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("With unit = auto, units to leave out (glob)") },
	{ MEMBER(inactive, TOCSIN_BOOL), .fallback = "no",
		.help = N_("A named unit may be inactive, as those are that a timer or a socket starts") },
	{ MEMBER(restarts_warning, TOCSIN_INT), .fallback = "3", .max = RESTARTS_MAX,
		.help = N_("So many automatic restarts of a service within restarts_window are a warning; 0: "
			   "never") },
	{ MEMBER(restarts_window, TOCSIN_DURATION), .fallback = "10m", .min = 1e6, .max = 7 * 86400e6,
		.help = N_("The time in which restarts are counted together") },
	{ MEMBER(timers, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("With unit = auto, timers that are overdue are reported, too") },
	{ MEMBER(overdue, TOCSIN_DURATION), .fallback = "1d", .max = 365 * 86400e6,
		.help = N_("How long after its time a timer may not have elapsed, and how long the job of a "
			   "timer with a calendar may run; 0: not judged") },
	{ MEMBER(triggered_within, TOCSIN_DURATION), .fallback = "0", .max = 365 * 86400e6,
		.help = N_("A named timer must have started its unit within this time; 0: not judged") },
	{ MEMBER(watch, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("With unit = auto, look as soon as a unit changes, or within 30 s where one does all "
			   "the time") },
	{ .name = NULL },
};

static bool is_auto(const char *name)
{
	return strcmp(name, "auto") == 0;
}

/* Is NAME, as it may be written in the file, the unit called FULL? */
static bool is_same(const char *name, const char *full)
{
	size_t len = strlen(name);

	if (strncmp(name, full, len) != 0)
		return false;
	return !full[len] || (!strchr(name, '.') && strcmp(full + len, ".service") == 0);
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	for (size_t i = 0; i < c->unit.n; i++) {
		const char *name = c->unit.items[i];

		/* systemd.unit(5); nothing else can name a unit, and globs are not meant here */
		if (name[strspn(
			    name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\@-")] ||
			strlen(name) > NAME_BYTES - sizeof(".service"))
			return N_("unit must be the name of one unit, like nginx.service, or \"auto\"");
		for (size_t j = 0; j < i; j++)
			if (is_same(name, c->unit.items[j]) || is_same(c->unit.items[j], name))
				return N_("unit names the same unit twice");
	}
	return NULL;
}

/* --- What the manager knows of a unit */

struct unit {
	char name[NAME_BYTES];
	char *load, *active, *sub, *description, *result, *cgroup;
	uint64_t changed_usec; /* CLOCK_REALTIME, 0: never */
	uint32_t n_restarts;
	int32_t exit_code, exit_status; /* as siginfo_t has them; code 0: nothing has ended yet */
	bool is_service, is_timer;
	struct timer_times timer;
	char *triggers; /* the unit that a timer starts */
};

static void release_unit(struct unit *u)
{
	free(u->load);
	free(u->active);
	free(u->sub);
	free(u->description);
	free(u->result);
	free(u->cgroup);
	free(u->triggers);
}

#define _cleanup_unit_ _cleanup_(release_unit)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
#define _cleanup_error_ _cleanup_(sd_bus_error_free)

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, char **ret)
{
	return sd_bus_get_property_string(bus, MANAGER, path, interface, property, NULL, ret);
}

/* "nginx.service" → "org.freedesktop.systemd1.Service". False for what has no suffix. */
static bool interface_of(const char *name, char *buffer, size_t size)
{
	const char *suffix = strrchr(name, '.');

	if (!suffix || !suffix[1])
		return false;
	snprintf(buffer, size, MANAGER ".%c%.40s", suffix[1] - 'a' + 'A', suffix + 2);
	return true;
}

/* 0: none, or not told. systemd's own "never" is larger than ours. */
static int64_t get_usec(sd_bus *bus, const char *path, const char *interface, const char *property)
{
	uint64_t usec = 0;

	if (sd_bus_get_property_trivial(bus, MANAGER, path, interface, property, NULL, 't', &usec) < 0)
		return 0;
	return usec < INT64_MAX ? (int64_t)usec : INT64_MAX;
}

static bool has_calendar(sd_bus *bus, const char *path)
{
	_cleanup_message_ sd_bus_message *reply = NULL;

	return sd_bus_get_property(
		       bus, MANAGER, path, TIMER_INTERFACE, "TimersCalendar", NULL, &reply, "a(sst)") >= 0 &&
	       sd_bus_message_enter_container(reply, 'a', "(sst)") > 0 &&
	       sd_bus_message_at_end(reply, 0) == 0;
}

static void read_timer(sd_bus *bus, const char *path, struct unit *u)
{
	u->timer = (struct timer_times){
		.is_waiting = strcmp(u->sub, "waiting") == 0,
		.is_running = strcmp(u->sub, "running") == 0,
		.is_repeated = has_calendar(bus, path),
		.next_realtime_usec = get_usec(bus, path, TIMER_INTERFACE, "NextElapseUSecRealtime"),
		.next_monotonic_usec = get_usec(bus, path, TIMER_INTERFACE, "NextElapseUSecMonotonic"),
		.accuracy_usec = get_usec(bus, path, TIMER_INTERFACE, "AccuracyUSec"),
		.last_realtime_usec = get_usec(bus, path, TIMER_INTERFACE, "LastTriggerUSec"),
		.active_since_usec = get_usec(bus, path, UNIT_INTERFACE, "ActiveEnterTimestamp"),
	};
	get_text(bus, path, TIMER_INTERFACE, "Unit", &u->triggers);
}

/* What only some kinds of units have; without it there is less to show. */
static void read_details(sd_bus *bus, const char *path, struct unit *u)
{
	char interface[128];

	/* A reload is a change of state, too, but no end of being active. */
	sd_bus_get_property_trivial(bus, MANAGER, path, UNIT_INTERFACE,
		strcmp(u->active, "active") == 0 ? "ActiveEnterTimestamp" : "StateChangeTimestamp", NULL, 't', &u->changed_usec);
	if (!interface_of(u->name, interface, sizeof(interface)))
		return;
	get_text(bus, path, interface, "Result", &u->result);
	u->is_service = strcmp(interface, SERVICE_INTERFACE) == 0;
	u->is_timer = strcmp(interface, TIMER_INTERFACE) == 0;
	if (u->is_timer)
		read_timer(bus, path, u);
	if (!u->is_service)
		return;
	get_text(bus, path, interface, "ControlGroup", &u->cgroup);
	sd_bus_get_property_trivial(bus, MANAGER, path, interface, "NRestarts", NULL, 'u', &u->n_restarts);
	sd_bus_get_property_trivial(bus, MANAGER, path, interface, "ExecMainCode", NULL, 'i', &u->exit_code);
	sd_bus_get_property_trivial(
		bus, MANAGER, path, interface, "ExecMainStatus", NULL, 'i', &u->exit_status);
}

/* A unit that is not loaded is loaded by the question. */
static int read_unit(sd_bus *bus, const char *name, struct unit *u)
{
	_cleanup_free_ char *path = NULL;

	*u = (struct unit){ 0 };
	snprintf(u->name, sizeof(u->name), "%s%s", name, strchr(name, '.') ? "" : ".service");
	int r = sd_bus_path_encode(MANAGER_PATH "/unit", u->name, &path);
	if (r >= 0)
		r = get_text(bus, path, UNIT_INTERFACE, "LoadState", &u->load);
	if (r >= 0)
		r = get_text(bus, path, UNIT_INTERFACE, "ActiveState", &u->active);
	if (r >= 0)
		r = get_text(bus, path, UNIT_INTERFACE, "SubState", &u->sub);
	if (r >= 0)
		r = get_text(bus, path, UNIT_INTERFACE, "Description", &u->description);
	if (r < 0)
		return r;
	read_details(bus, path, u);
	return 0;
}

/* --- What it means */

static const struct {
	const char *result, *text;
} results[] = {
	{ "core-dump", N_("it crashed") },
	{ "exec-condition", N_("its condition to start was not met") },
	{ "oom-kill", N_("a process of it was killed because memory ran out") },
	{ "protocol", N_("it did not tell the service manager what it had promised to") },
	{ "resources", N_("the service manager could not give it what it needs") },
	{ "start-limit-hit", N_("it was started too often within a short time") },
	{ "timeout", N_("it did not start or stop in time") },
	{ "watchdog", N_("it stopped to feed its watchdog") },
};

/* Why it failed, in words. */
static void put_cause(struct buf *b, const struct unit *u)
{
	bool has_result = u->result && strcmp(u->result, "success") != 0;

	for (size_t i = 0; has_result && i < ELEMENTS(results); i++)
		if (strcmp(u->result, results[i].result) == 0) {
			buf_puts(b, _(results[i].text));
			return;
		}
	if (u->exit_code == CLD_EXITED && u->exit_status != 0)
		buf_printf(b, _("its process ended with status %d"), (int)u->exit_status);
	else if (u->exit_code == CLD_KILLED || u->exit_code == CLD_DUMPED)
		buf_printf(b, _("its process was killed by signal %d (%s)"), (int)u->exit_status,
			strsignal(u->exit_status));
	else
		buf_printf(b, "%s", has_result ? u->result : _("the cause is not known"));
}

static void put_since(struct buf *b, const struct unit *u)
{
	int64_t now = clock_realtime_usec();

	if (u->changed_usec && (int64_t)u->changed_usec <= now) {
		buf_printf(b, _(" for %s"), short_duration(now - (int64_t)u->changed_usec).text);
	}
}

enum meaning { UP, DOWN, FAILED, STARTING, STOPPING };

static const struct {
	const char *active;
	enum meaning meaning;
} meanings[] = {
	{ "active", UP },
	{ "reloading", UP },
	{ "refreshing", UP },
	{ "inactive", DOWN },
	{ "failed", FAILED },
	{ "activating", STARTING },
	{ "deactivating", STOPPING },
	{ "maintenance", STOPPING },
};

static bool meaning_of(const struct unit *u, enum meaning *ret)
{
	for (size_t i = 0; i < ELEMENTS(meanings); i++)
		if (strcmp(u->active, meanings[i].active) == 0) {
			*ret = meanings[i].meaning;
			return true;
		}
	return false;
}

/* Starting after a run that went wrong: the manager starts it again. */
static bool is_restarting(const struct unit *u)
{
	return u->result && strcmp(u->result, "success") != 0;
}

/* MUST_RUN: it is named, and shall be active. IS_COUNTED: one restart is none to speak of, several are. */
static enum tocsin_state judge(const struct unit *u, bool must_run, bool is_counted, struct buf *text)
{
	enum meaning meaning;

	if (must_run && (strcmp(u->load, "not-found") == 0 || strcmp(u->load, "masked") == 0)) {
		buf_puts(text, *u->load == 'm' ? _("not running: the unit is masked")
					       : _("not running: systemd knows no unit of this name"));
		return TOCSIN_CRITICAL;
	}
	if (!meaning_of(u, &meaning)) {
		buf_printf(text, _("is in a state that is not known here: %s"), u->active);
		return TOCSIN_UNKNOWN;
	}
	switch (meaning) {
	case FAILED:
		buf_puts(text, _("failed: "));
		put_cause(text, u);
		return TOCSIN_CRITICAL;
	case STARTING:
		if (is_restarting(u) && !is_counted) {
			buf_puts(text, _("is started again after a failure: "));
			put_cause(text, u);
			return TOCSIN_WARNING;
		}
		break;
	case DOWN:
		if (must_run) {
			buf_puts(text, _("not running: it is inactive"));
			put_since(text, u);
			return TOCSIN_CRITICAL;
		}
		break;
	case UP:
	case STOPPING:
		break;
	}
	buf_printf(text, "%s (%s)", u->active, u->sub);
	put_since(text, u);
	return TOCSIN_OK;
}

/* --- Timers */

static int64_t monotonic_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static enum timer_fault timer_fault(
	const struct config *c, const struct unit *u, bool must_run, int64_t *ret_usec)
{
	return timer_judge(&u->timer, clock_realtime_usec(), monotonic_usec(), c->overdue,
		must_run ? c->triggered_within : 0, ret_usec);
}

/* Of a timer that is active. */
static enum tocsin_state judge_timer(
	const struct config *c, const struct unit *u, bool must_run, struct buf *text)
{
	const char *triggers = u->triggers ? u->triggers : _("its unit");
	int64_t usec = 0;

	enum timer_fault fault = timer_fault(c, u, must_run, &usec);
	if (fault == TIMER_IN_TIME)
		return TOCSIN_OK;
	buf_clear(text);
	if (fault == TIMER_NOT_STARTED)
		buf_printf(text, _("is overdue: it should have started %s %s ago"), triggers,
			short_duration(usec).text);
	else if (fault == TIMER_STILL_RUNS)
		buf_printf(text, _("cannot start %s again: it still runs, for %s"), triggers,
			short_duration(usec).text);
	else
		buf_printf(text, _("has not started %s for %s (limit %s)"), triggers,
			short_duration(usec).text, short_duration(c->triggered_within).text);
	return fault == TIMER_TOO_LONG_AGO ? TOCSIN_CRITICAL : TOCSIN_WARNING;
}

/* --- Restarts */

struct key {
	char text[NAME_BYTES + 32];
};

static struct key restart_key(const char *name)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "restart0 %s", name);
	return k;
}

/* The count itself is reset by systemd when somebody starts the unit by hand. */
static int64_t count_restarts(
	struct tocsin_run *run, const struct unit *u, int64_t limit, int64_t window_usec)
{
	double last;
	int64_t age;

	int r = tocsin_recall(run, restart_key(u->name).text, &last, &age);
	tocsin_remember(run, restart_key(u->name).text, u->n_restarts);
	int64_t fresh = r == 0 && last < u->n_restarts ? (int64_t)(u->n_restarts - last) : 0;
	return restarts_count(run, u->name, fresh, limit, window_usec);
}

/* --- Evidence */

/* What the unit wrote, and what the manager wrote about it. */
static int select_unit(sd_journal *journal, const char *name)
{
	char match[NAME_BYTES + 32];

	snprintf(match, sizeof(match), "_SYSTEMD_UNIT=%s", name);
	int r = sd_journal_add_match(journal, match, 0);
	if (r >= 0)
		r = sd_journal_add_disjunction(journal);
	snprintf(match, sizeof(match), "UNIT=%s", name);
	if (r >= 0)
		r = sd_journal_add_match(journal, match, 0);
	if (r >= 0)
		r = sd_journal_add_match(journal, "_PID=1", 0);
	return r;
}

static int put_journal(struct buf *b, sd_journal *journal, const char *name)
{
	int r = select_unit(journal, name);

	if (r >= 0)
		r = sd_journal_seek_tail(journal);
	if (r >= 0)
		r = sd_journal_previous_skip(journal, JOURNAL_LINES);
	for (int i = 0; r > 0 && i < JOURNAL_LINES; i++) {
		journal_put_line(b, journal);
		r = sd_journal_next(journal);
	}
	return r;
}

static void put_no_journal(struct buf *b, int error)
{
	if (error < 0)
		buf_printf(b,
			_("nothing can be read of it: %s; tocsin must be in the group systemd-journal to see "
			  "the journal of services (systemctl edit tocsin: "
			  "SupplementaryGroups=systemd-journal)\n"),
			strerror(-error));
	else
		buf_puts(b,
			_("nothing can be read of it; tocsin must be in the group systemd-journal to see the "
			  "journal of services (systemctl edit tocsin: "
			  "SupplementaryGroups=systemd-journal)\n"));
}

/* The journal of the unit NAME, for ITEM. */
static void show_journal(struct tocsin_run *run, const char *item, const char *name)
{
	char title[NAME_BYTES + 64];

	_cleanup_(sd_journal_closep) sd_journal *journal = NULL;
	_cleanup_buf_ struct buf b = BUF(65536);

	int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);
	if (r >= 0)
		r = put_journal(&b, journal, name);
	if (b.len == 0)
		put_no_journal(&b, r);
	if (strcmp(item, name) == 0)
		snprintf(title, sizeof(title), "%s", _("Last lines of its journal"));
	else
		snprintf(title, sizeof(title), _("Last lines of the journal of %s"), name);
	tocsin_evidence(run, item, title, buf_text(&b));
}

static void put_time(struct buf *b, const char *what, int64_t usec)
{
	if (usec <= 0 || usec == INT64_MAX)
		return;
	buf_printf(b, "%s: ", what);
	format_time(b, usec);
	buf_putc(b, '\n');
}

static void show_unit(struct tocsin_run *run, const struct unit *u)
{
	_cleanup_buf_ struct buf b = BUF(16384);

	buf_printf(&b, _("description: %s\nstate: %s (%s)"), u->description, u->active, u->sub);
	put_since(&b, u);
	buf_printf(&b, _("\nloaded: %s\n"), u->load);
	if (u->result)
		buf_printf(&b, _("result: %s\n"), u->result);
	if (u->exit_code)
		buf_printf(&b,
			u->exit_code == CLD_EXITED ? _("last exit status of its main process: %d\n")
						   : _("last signal of its main process: %d\n"),
			(int)u->exit_status);
	if (u->is_service)
		buf_printf(&b, _("automatic restarts: %u\n"), (unsigned)u->n_restarts);
	if (u->is_timer) {
		put_time(&b, _("started its unit last"), u->timer.last_realtime_usec);
		put_time(&b, _("elapses next"), u->timer.next_realtime_usec);
	}
	tocsin_evidence(run, u->name, "The unit", buf_text(&b));
}

/* Ready as soon as the last process of the unit has gone, or the first has come: kernel document
 * admin-guide/cgroup-v2, "populated". */
static void watch_unit(struct tocsin_run *run, const struct unit *u)
{
	char path[4096], events[256];

	if (!u->cgroup || !*u->cgroup)
		return;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%.3900s/cgroup.events", u->cgroup);
	_cleanup_close_ int fd = tocsin_open(run, path, O_RDONLY);
	/* The reading sets from which change on it is ready. */
	if (fd >= 0 && read(fd, events, sizeof(events)) > 0)
		tocsin_watch(run, fd, POLLPRI);
}

/* IS_FOUND: nobody named it, it is known because it failed once. */
static void report(
	struct tocsin_run *run, const struct config *c, const struct unit *u, bool must_run, bool is_found)
{
	_cleanup_buf_ struct buf text = BUF(4096);
	bool count = (must_run || is_found) && u->is_service && c->restarts_warning > 0;

	enum tocsin_state state = judge(u, must_run, is_found && count, &text);
	if (state == TOCSIN_OK && u->is_timer && strcmp(u->active, "active") == 0)
		state = judge_timer(c, u, must_run, &text);
	int64_t restarts = count ? count_restarts(run, u, c->restarts_warning, c->restarts_window) : 0;
	if (state == TOCSIN_OK && count && restarts >= c->restarts_warning) {
		state = TOCSIN_WARNING;
		buf_printf(&text, _(", but was restarted at least %d times within %s"), (int)restarts,
			short_duration(c->restarts_window).text);
	}
	tocsin_item(run, u->name, state, "%s", buf_text(&text));
	if (u->is_service)
		tocsin_metric(run, u->name,
			&(struct tocsin_metric){ "restarts", u->n_restarts, "c", NAN, NAN, 0, NAN });
	if (state != TOCSIN_OK) {
		show_unit(run, u);
		show_journal(run, u->name, u->name);
		if (u->is_timer && u->triggers)
			show_journal(run, u->name, u->triggers);
	}
}

/* --- auto */

struct known {
	char name[KNOWN_MAX][NAME_BYTES];
	bool failed[KNOWN_MAX]; /* or overdue, or restarting, now */
	size_t n, n_left_out, n_failed, n_overdue, n_restarting;
};

static struct key name_key(size_t i)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "failed%zu", i);
	return k;
}

static size_t find_known(const struct known *k, const char *name)
{
	size_t i = 0;

	while (i < k->n && strcmp(k->name[i], name) != 0)
		i++;
	return i;
}

/* Makes room by forgetting the one that is well again for longest. */
static bool make_room(struct known *k)
{
	size_t i = 0;

	while (i < k->n && k->failed[i])
		i++;
	if (i == KNOWN_MAX)
		return false;
	if (k->n == KNOWN_MAX) {
		k->n--;
		memmove(k->name[i], k->name[i + 1], (k->n - i) * NAME_BYTES);
		memmove(&k->failed[i], &k->failed[i + 1], (k->n - i) * sizeof(bool));
	}
	return true;
}

static void add_failed(struct known *k, const char *name)
{
	size_t i = find_known(k, name);

	if (i == k->n) {
		if (strlen(name) >= NAME_BYTES || !make_room(k)) {
			k->n_left_out++;
			return;
		}
		i = k->n++;
		snprintf(k->name[i], NAME_BYTES, "%s", name);
	}
	k->failed[i] = true;
}

static bool is_excluded(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->exclude.n; i++)
		if (fnmatch(c->exclude.items[i], name, 0) == 0)
			return true;
	for (size_t i = 0; i < c->unit.n; i++)
		if (is_same(c->unit.items[i], name)) /* it is named, and reported anyway */
			return true;
	return false;
}

typedef int (*visit_t)(sd_bus *bus, const struct config *c, struct known *k, const char *name);

static int visit_failed(sd_bus *bus, const struct config *c, struct known *k, const char *name)
{
	(void)bus;
	(void)c;
	add_failed(k, name);
	k->n_failed++;
	return 0;
}

/* A service that fails and is started again, with some seconds between, never counts as failed, for ever. */
static int visit_starting(sd_bus *bus, const struct config *c, struct known *k, const char *name)
{
	_cleanup_unit_ struct unit u = { 0 };

	(void)c;
	int r = read_unit(bus, name, &u);
	if (r < 0)
		return r;
	if (u.n_restarts > 0) {
		add_failed(k, name);
		k->n_restarting++;
	}
	return 0;
}

static int visit_timer(sd_bus *bus, const struct config *c, struct known *k, const char *name)
{
	_cleanup_unit_ struct unit u = { 0 };
	int64_t usec;

	int r = read_unit(bus, name, &u);
	if (r < 0)
		return r;
	if (timer_fault(c, &u, false, &usec) != TIMER_IN_TIME) {
		add_failed(k, name);
		k->n_overdue++;
	}
	return 0;
}

/* Calls VISIT for each unit in STATE whose name fits PATTERN. */
static int list_units(sd_bus *bus, const struct config *c, struct known *k, const char *state,
	const char *pattern, visit_t visit, sd_bus_error *error)
{
	_cleanup_message_ sd_bus_message *reply = NULL;
	const char *name;

	int r = sd_bus_call_method(bus, MANAGER, MANAGER_PATH, MANAGER ".Manager", "ListUnitsByPatterns",
		error, &reply, "asas", 1, state, 1, pattern);
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL,
				  NULL, NULL, NULL, NULL)) > 0)
		if (!is_excluded(c, name))
			r = visit(bus, c, k, name);
	return r < 0 ? r : 0;
}

static int list_all(
	sd_bus *bus, const struct config *c, struct known *k, const char **ret_why, sd_bus_error *error)
{
	*ret_why = _("the failed units");
	int r = list_units(bus, c, k, "failed", "*", visit_failed, error);
	if (r == 0 && c->restarts_warning > 0) {
		*ret_why = _("the starting services");
		r = list_units(bus, c, k, "activating", "*.service", visit_starting, error);
	}
	if (r == 0 && c->timers && c->overdue > 0) {
		*ret_why = _("the timers");
		r = list_units(bus, c, k, "active", "*.timer", visit_timer, error);
	}
	return r;
}

static int report_known(struct tocsin_run *run, sd_bus *bus, const struct config *c, const struct known *k,
	const char **ret_why)
{
	for (size_t i = 0; i < k->n; i++) {
		_cleanup_unit_ struct unit u = { 0 };

		*ret_why = k->name[i];
		int r = read_unit(bus, k->name[i], &u);
		if (r < 0)
			return r;
		report(run, c, &u, false, true);
		remember_text(run, name_key(i).text, k->name[i]);
	}
	/* An empty name ends the list. */
	if (k->n < KNOWN_MAX)
		remember_text(run, name_key(k->n).text, "");
	return 0;
}

static void report_all(struct tocsin_run *run, const struct known *k)
{
	const char *item = tocsin_name(run);

	if (k->n_left_out)
		tocsin_item(run, item, TOCSIN_CRITICAL,
			k->n_overdue || k->n_restarting
				? N_("%zu units have failed, are overdue or are restarted, more than are "
				     "shown one by one")
				: N_("%zu units have failed, more than are shown one by one"),
			k->n_failed + k->n_overdue + k->n_restarting);
	else if (k->n_failed && k->n_overdue)
		tocsin_item(run, item, TOCSIN_OK, "failed and overdue units are reported one by one");
	else if (k->n_failed)
		tocsin_item(run, item, TOCSIN_OK, "failed units are reported one by one");
	else if (k->n_overdue)
		tocsin_item(run, item, TOCSIN_OK, "overdue units are reported one by one");
	else
		tocsin_item(run, item, TOCSIN_OK, "no unit has failed");
	tocsin_metric(
		run, item, &(struct tocsin_metric){ "failed", (double)k->n_failed, "", NAN, NAN, 0, NAN });
	tocsin_metric(
		run, item, &(struct tocsin_metric){ "overdue", (double)k->n_overdue, "", NAN, NAN, 0, NAN });
}

static int look_at_all(struct tocsin_run *run, sd_bus *bus, const struct config *c, const char **ret_why,
	sd_bus_error *error)
{
	_cleanup_free_ struct known *k = calloc(1, sizeof(*k));
	char name[NAME_BYTES];

	if (!k)
		return -ENOMEM;
	for (size_t i = 0; i < KNOWN_MAX && recall_text(run, name_key(i).text, name, sizeof(name)); i++)
		if (!is_excluded(c, name))
			snprintf(k->name[k->n++], NAME_BYTES, "%s", name);
	int r = list_all(bus, c, k, ret_why, error);
	if (r < 0)
		return r;
	report_all(run, k);
	return report_known(run, bus, c, k, ret_why);
}

/* --- The look */

static int look_at_named(struct tocsin_run *run, sd_bus *bus, const struct config *c, const char *name)
{
	_cleanup_unit_ struct unit u = { 0 };

	int r = read_unit(bus, name, &u);
	if (r < 0)
		return r;
	watch_unit(run, &u);
	report(run, c, &u, !c->inactive, false);
	return 0;
}

static int look_with(struct tocsin_run *run, sd_bus *bus, const struct config *c, const char **ret_why,
	sd_bus_error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->unit.n; i++) {
		*ret_why = c->unit.items[i];
		r = is_auto(c->unit.items[i]) ? look_at_all(run, bus, c, ret_why, error)
					      : look_at_named(run, bus, c, c->unit.items[i]);
	}
	return r;
}

static int connect_bus(struct tocsin_run *run, sd_bus **ret)
{
	if (*tocsin_root(run)) {
		tocsin_reason(run, "the service manager cannot be asked about a recorded tree");
		return -EOPNOTSUPP;
	}
	if (sd_booted() <= 0) {
		tocsin_reason(run, "this host was not started by systemd");
		return -EOPNOTSUPP;
	}
	int r = system_bus_open(CALL_USEC, ret);
	if (r == -ENOENT) {
		tocsin_reason(run, "there is no system bus here (on Debian it comes with the package dbus)");
		return -EOPNOTSUPP;
	}
	if (r < 0)
		tocsin_reason(run, "the system bus cannot be reached: %s", strerror(-r));
	return r;
}

/* The daemon goes on to hold the connection: it is ready when the manager tells of a change, and the bus ends
 * it when the daemon lets go. */
static void watch_manager(struct tocsin_run *run, sd_bus *bus)
{
	static const char changes[] =
		"type='signal',sender='" MANAGER "',interface='org.freedesktop.DBus.Properties',"
		"member='PropertiesChanged',path_namespace='" MANAGER_PATH "/unit',arg0='" UNIT_INTERFACE "'";

	if (!watch_is_rested(run))
		return;
	/* Without one of these it is the interval that looks. */
	if (sd_bus_add_match(bus, NULL, changes, NULL, NULL) >= 0 &&
		sd_bus_call_method(
			bus, MANAGER, MANAGER_PATH, MANAGER ".Manager", "Subscribe", NULL, NULL, NULL) >= 0)
		tocsin_watch(run, sd_bus_get_fd(bus), POLLIN);
}

static bool wants_all(const struct config *c)
{
	for (size_t i = 0; i < c->unit.n; i++)
		if (is_auto(c->unit.items[i]))
			return true;
	return false;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	_cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
	const char *what = "";

	int r = connect_bus(run, &bus);
	if (r < 0)
		return r;
	if (c->watch && wants_all(c))
		watch_manager(run, bus);
	r = look_with(run, bus, c, &what, &error);
	if (r < 0)
		tocsin_reason(run, "systemd does not tell about %s: %s", what,
			error.message ? error.message : strerror(-r));
	return r < 0 ? r : 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW | TOCSIN_CHECK_EVENT,
	.name = "unit",
	.summary = N_("Units of systemd: failed ones, and named ones that must be active"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
