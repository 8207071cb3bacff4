/* SPDX-License-Identifier: GPL-3.0-or-later */
/* users: who is logged in: how many sessions there are, whether one is of root or of somebody who should not
 * be here, or is left open for long. Sessions are those of logind (sd-login(3)), or where it does not run
 * those in utmp(5), which Debian 13 has no more. Either wakes the check when somebody comes or goes.
 *
 * It does not look into the past: for that there is last(1). */
#include "buf.h"
#include "clock.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>
#include <utmpx.h>

#define UTMP "/run/utmp"
#define SEAT "/run/systemd/seats/seat0" /* logind makes it when it starts */
#define SESSIONS_MAX 4096
#define NAMED_MAX 3
#define CALL_USEC (2 * USEC_PER_SEC)

enum source { SOURCE_AUTO, SOURCE_LOGIND, SOURCE_UTMP };

struct config {
	int64_t sessions_warning, sessions_critical, age_warning;
	struct tocsin_list allowed;
	int root, stranger, source;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const states[] = { "ok", "warning", "critical", NULL };
static const char *const sources[] = { "auto", "logind", "utmp", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(sessions_warning, TOCSIN_INT), .fallback = "0", .max = 1e6,
		.help = N_("Sessions at the same time from which it is a warning; 0: not judged") },
	{ MEMBER(sessions_critical, TOCSIN_INT), .fallback = "0", .max = 1e6,
		.help = N_("Sessions at the same time from which it is critical; 0: not judged") },
	{ MEMBER(root, TOCSIN_CHOICE), .fallback = "warning", .choices = states,
		.help = N_("What it is when root is logged in") },
	{ MEMBER(allowed, TOCSIN_LIST),
		.help = N_("Names (glob) of those who may be logged in beside root; without it, everybody") },
	{ MEMBER(stranger, TOCSIN_CHOICE), .fallback = "critical", .choices = states,
		.help = N_("What it is when somebody else is logged in") },
	{ MEMBER(age_warning, TOCSIN_DURATION), .fallback = "0", .max = 3650 * 86400e6,
		.help = N_("How long a session may last before it is a warning; 0: not judged") },
	{ MEMBER(source, TOCSIN_CHOICE), .fallback = "auto", .choices = sources,
		.help = N_("Who knows of sessions; \"auto\": logind where it runs, else utmp") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->sessions_warning > 0 && c->sessions_critical > 0 && c->sessions_critical < c->sessions_warning)
		return N_("sessions_critical must not be below sessions_warning");
	return NULL;
}

/* --- Sessions */

struct session {
	char user[64], line[64], from[256], service[64];
	pid_t pid;          /* 0: not known */
	int64_t since_usec; /* CLOCK_REALTIME, 0: not known */
};

struct sessions {
	struct session *items;
	size_t n;
};

static void release(struct sessions *all)
{
	free(all->items);
}

static void copy_text(char *to, size_t size, const char *from, size_t len)
{
	snprintf(to, size, "%.*s", (int)(from ? strnlen(from, len) : 0), from ? from : "");
}

/* A record whose process is gone was left behind by one that crashed. Where processes are hidden nobody can
 * tell. */
static bool is_left_behind(struct tocsin_run *run, pid_t pid)
{
	char path[64];

	_cleanup_close_ int first = tocsin_open(run, "/proc/1", O_PATH);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	_cleanup_close_ int fd = tocsin_open(run, path, O_PATH);
	return first >= 0 && pid > 0 && fd == -ENOENT;
}

static int read_utmp(struct tocsin_run *run, FILE *file, struct sessions *all)
{
	struct utmpx u;
	size_t n = 0;

	while (all->n < SESSIONS_MAX && (n = fread(&u, 1, sizeof(u), file)) == sizeof(u)) {
		struct session *s = &all->items[all->n];

		if (u.ut_type != USER_PROCESS || !u.ut_user[0] || is_left_behind(run, u.ut_pid))
			continue;
		copy_text(s->user, sizeof(s->user), u.ut_user, sizeof(u.ut_user));
		copy_text(s->line, sizeof(s->line), u.ut_line, sizeof(u.ut_line));
		if (u.ut_host[0] != ':') /* a display of this host */
			copy_text(s->from, sizeof(s->from), u.ut_host, sizeof(u.ut_host));
		s->pid = u.ut_pid;
		s->since_usec = u.ut_tv.tv_sec * USEC_PER_SEC + u.ut_tv.tv_usec;
		all->n++;
	}
	return ferror(file) ? -EIO : n != 0 && n < sizeof(u) ? -EBADMSG : 0;
}

/* --- logind */

static void take_text(char *to, size_t size, int r, char *text)
{
	copy_text(to, size, r < 0 ? NULL : text, size);
	if (r >= 0)
		free(text);
}

/* Not those of services, of the screen that asks for a login, or of cron. */
static bool is_of_a_person(const char *id)
{
	char *class = NULL;
	bool is_person = sd_session_get_class(id, &class) < 0 || strncmp(class, "user", 4) == 0;

	free(class);
	return is_person;
}

/* What the library of Debian 12 does not tell is asked of logind itself (org.freedesktop.login1(5)). */
static void ask_logind(sd_bus *bus, const char *id, struct session *s)
{
	static const char service[] = "org.freedesktop.login1",
			  interface[] = "org.freedesktop.login1.Session";
	char *path = NULL, *name = NULL;
	uint64_t since = 0;
	uint32_t leader = 0;

	if (!bus || sd_bus_path_encode("/org/freedesktop/login1/session", id, &path) < 0)
		return;
	int r = sd_bus_get_property_string(bus, service, path, interface, "Name", NULL, &name);
	take_text(s->user, sizeof(s->user), r, name);
	if (r >= 0 && sd_bus_get_property_trivial(
			      bus, service, path, interface, "Timestamp", NULL, 't', &since) >= 0)
		s->since_usec = (int64_t)since;
	if (r >= 0 &&
		sd_bus_get_property_trivial(bus, service, path, interface, "Leader", NULL, 'u', &leader) >= 0)
		s->pid = (pid_t)leader;
	free(path);
}

/* False: it has ended meanwhile. */
static bool read_session(sd_bus *bus, const char *id, struct session *s)
{
	char *text = NULL;
	uid_t uid;

	if (sd_session_get_uid(id, &uid) < 0)
		return false;
	ask_logind(bus, id, s);
	if (uid == 0)
		snprintf(s->user, sizeof(s->user), "root");
	else if (!*s->user)
		snprintf(s->user, sizeof(s->user), "%u", (unsigned)uid);
	int r = sd_session_get_tty(id, &text);
	take_text(s->line, sizeof(s->line), r, text);
	r = sd_session_get_remote_host(id, &text);
	take_text(s->from, sizeof(s->from), r, text);
	r = sd_session_get_service(id, &text);
	take_text(s->service, sizeof(s->service), r, text);
	return true;
}

static void free_list(char ***list)
{
	for (char **one = *list; one && *one; one++)
		free(*one);
	free(*list);
}

static int read_logind(struct sessions *all)
{
	_cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
	_cleanup_(free_list) char **ids = NULL;
	int r = sd_get_sessions(&ids);

	if (r > 0 && sd_bus_open_system(&bus) >= 0)
		sd_bus_set_method_call_timeout(bus, CALL_USEC);

	for (char **id = ids; r > 0 && *id && all->n < SESSIONS_MAX; id++) {
		char *state = NULL;
		bool is_closing = sd_session_get_state(*id, &state) >= 0 && strcmp(state, "closing") == 0;

		free(state);
		if (!is_closing && is_of_a_person(*id))
			all->n += read_session(bus, *id, &all->items[all->n]);
	}
	return r < 0 ? r : 0;
}

static bool has_logind(struct tocsin_run *run)
{
	return !*tocsin_root(run) && sd_booted() > 0 && access(SEAT, F_OK) == 0;
}

/* --- Being woken. Without it the interval looks. */

static void watch_logind(struct tocsin_run *run)
{
	sd_login_monitor *monitor = NULL;

	if (sd_login_monitor_new("session", &monitor) >= 0)
		tocsin_watch(
			run, sd_login_monitor_get_fd(monitor), (short)sd_login_monitor_get_events(monitor));
	sd_login_monitor_unref(monitor);
}

static void watch_utmp(struct tocsin_run *run)
{
	_cleanup_close_ int fd = *tocsin_root(run) ? -1 : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 && inotify_add_watch(fd, UTMP, IN_MODIFY) >= 0)
		tocsin_watch(run, fd, POLLIN);
}

static int read_sessions(struct tocsin_run *run, const struct config *c, struct sessions *all)
{
	_cleanup_fclose_ FILE *file = NULL;
	int r;

	all->items = calloc(SESSIONS_MAX, sizeof(*all->items));
	if (!all->items)
		return -ENOMEM;
	if (c->source == SOURCE_LOGIND || (c->source == SOURCE_AUTO && has_logind(run))) {
		if (!has_logind(run)) {
			tocsin_reason(run, "logind does not run here");
			return -ENOENT;
		}
		watch_logind(run);
		r = read_logind(all);
		if (r < 0)
			tocsin_reason(run, "logind does not tell its sessions: %s", strerror(-r));
		return r;
	}
	watch_utmp(run);
	file = tocsin_fopen(run, UTMP);
	r = file ? read_utmp(run, file, all) : -errno;
	if (r == -ENOENT && c->source == SOURCE_AUTO) {
		tocsin_reason(run, "nobody counts sessions here: there is neither logind nor %s", UTMP);
		return -EOPNOTSUPP;
	}
	if (r < 0)
		tocsin_reason(run, "%s cannot be read: %s", UTMP,
			r == -EBADMSG ? _("it is not of the form that is known") : strerror(-r));
	return r;
}

/* --- What it means */

static bool is_root(const struct session *s)
{
	return strcmp(s->user, "root") == 0;
}

static bool is_stranger(const struct config *c, const struct session *s)
{
	for (size_t i = 0; i < c->allowed.n; i++)
		if (fnmatch(c->allowed.items[i], s->user, 0) == 0)
			return false;
	return c->allowed.n > 0 && !is_root(s);
}

static int64_t age_usec(const struct session *s)
{
	int64_t now = clock_realtime_usec();

	return s->since_usec > 0 && s->since_usec < now ? now - s->since_usec : 0;
}

static bool is_old(const struct config *c, const struct session *s)
{
	return c->age_warning > 0 && age_usec(s) >= c->age_warning;
}

/* "ops on pts/0 from 192.0.2.7 since 2 h" */
static void put_session(struct buf *b, const struct session *s)
{
	buf_puts(b, s->user);
	if (*s->line)
		buf_printf(b, C_("session", " on %s"), s->line);
	if (*s->from)
		buf_printf(b, C_("session", " from %s"), s->from);
	if (s->since_usec > 0)
		buf_printf(b, C_("session", " since %s"), short_duration(age_usec(s)).text);
}

typedef bool (*is_meant_t)(const struct config *c, const struct session *s);

static bool is_of_root(const struct config *c, const struct session *s)
{
	(void)c;
	return is_root(s);
}

static void judge_sessions(struct verdict *v, const struct config *c, const struct sessions *all,
	is_meant_t is_meant, enum tocsin_state state, const char *what)
{
	_cleanup_buf_ struct buf b = BUF(2048);
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (!is_meant(c, &all->items[i]) || n++ >= NAMED_MAX)
			continue;
		buf_puts(&b, n > 1 ? C_("sessions", ", ") : "");
		put_session(&b, &all->items[i]);
	}
	if (n > NAMED_MAX)
		buf_printf(&b, _(" and %zu more"), n - NAMED_MAX);
	if (n > 0)
		verdict_add(v, state, "%s: %s", _(what), buf_text(&b));
}

static void judge(struct verdict *v, const struct config *c, const struct sessions *all)
{
	double n = (double)all->n;
	bool is_critical = c->sessions_critical > 0 && n >= (double)c->sessions_critical;

	judge_sessions(v, c, all, is_stranger, (enum tocsin_state)c->stranger,
		N_("somebody is logged in who is not allowed"));
	judge_sessions(v, c, all, is_of_root, (enum tocsin_state)c->root, N_("root is logged in"));
	judge_sessions(v, c, all, is_old, TOCSIN_WARNING, N_("logged in for long"));
	if (is_critical || (c->sessions_warning > 0 && n >= (double)c->sessions_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "%.0f sessions (limit %lld)",
			n, (long long)(is_critical ? c->sessions_critical : c->sessions_warning));
}

/* --- Reporting */

static bool came_before(const struct sessions *all, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(all->items[i].user, all->items[j].user) == 0)
			return true;
	return false;
}

static double positive(int64_t limit)
{
	return limit > 0 ? (double)limit : NAN;
}

static void report_metrics(struct tocsin_run *run, const struct config *c, const struct sessions *all)
{
	double users = 0, root = 0, remote = 0;

	for (size_t i = 0; i < all->n; i++) {
		users += !came_before(all, i);
		root += is_root(&all->items[i]);
		remote += *all->items[i].from != '\0';
	}
	const struct tocsin_metric metrics[] = {
		{ "sessions", (double)all->n, "", positive(c->sessions_warning),
			positive(c->sessions_critical), 0, NAN },
		{ "users", users, "", NAN, NAN, 0, NAN },
		{ "root", root, "", NAN, NAN, 0, NAN },
		{ "remote", remote, "", NAN, NAN, 0, NAN },
	};
	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

static void put_good(struct buf *b, const struct sessions *all)
{
	size_t n = 0;

	if (all->n == 0) {
		buf_puts(b, _("nobody is logged in"));
		return;
	}
	buf_printf(b, all->n == 1 ? _("%zu session: ") : _("%zu sessions: "), all->n);
	for (size_t i = 0; i < all->n; i++)
		if (!came_before(all, i) && n++ < NAMED_MAX)
			buf_printf(b, "%s%s", n > 1 ? C_("list", ", ") : "", all->items[i].user);
	if (n > NAMED_MAX)
		buf_printf(b, _(" and %zu more"), n - NAMED_MAX);
}

static void show(struct tocsin_run *run, const struct sessions *all)
{
	_cleanup_buf_ struct buf b = BUF(60000);

	for (size_t i = 0; i < all->n; i++) {
		const struct session *s = &all->items[i];

		if (s->since_usec > 0)
			format_time(&b, s->since_usec);
		buf_printf(&b, "%s%s  %s", s->since_usec > 0 ? "  " : "", s->user, *s->line ? s->line : "-");
		if (*s->from)
			buf_printf(&b, C_("session", "  from %s"), s->from);
		if (*s->service)
			buf_printf(&b, C_("session", "  by %s"), s->service);
		if (s->pid > 0)
			buf_printf(&b, "  pid %d", (int)s->pid);
		buf_puts(&b, "\n");
	}
	tocsin_evidence(run, tocsin_name(run), "Who is logged in", buf_text(&b));
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf good = BUF(1024);
	_cleanup_(release) struct sessions all = { 0 };

	int r = read_sessions(run, config, &all);
	if (r < 0)
		return r;
	judge(&v, config, &all);
	put_good(&good, &all);
	tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(v.state == TOCSIN_OK ? &good : &v.text));
	report_metrics(run, config, &all);
	if (v.state != TOCSIN_OK)
		show(run, &all);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW | TOCSIN_CHECK_EVENT,
	.name = "users",
	.summary = N_("Who is logged in: sessions, root, and those who may not"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
