/* SPDX-License-Identifier: GPL-3.0-or-later */
/* updates: whether security updates wait to be installed on Debian and its derivatives, whether the lists
 * that tell it are old, and packages that are held or only half installed. It asks apt-get, which simulates
 * an upgrade with what it has on the disk: nothing is fetched, locked or changed.
 *
 * That takes apt-get seconds, so it is asked again only when its lists, its configuration or the installed
 * packages have changed; until then what it said is remembered. */
#include "buf.h"
#include "clock.h"
#include "command.h"
#include "remember.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LISTS "/var/lib/apt/lists"
#define STATUS "/var/lib/dpkg/status"
#define OUTPUT_MAX (8 << 20)
#define NAMES_MAX 600                       /* bytes of names that are remembered */
#define NAMED_MAX 3                         /* packages in the text; more stand in the evidence */
#define ASK_AGAIN_USEC USEC_PER_DAY         /* updates are also released in phases, by the clock */
#define UPGRADE_USEC (10 * USEC_PER_MINUTE) /* so long after the last change an upgrade may be at work */

struct config {
	int64_t security_warning, security_critical, security_age_critical;
	int64_t updates_warning, updates_critical, held_warning, lists_warning, lists_critical, apt_timeout;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)
#define COUNT_MAX 1e6
#define AGE_MAX (3650 * 86400e6)

static const struct tocsin_option options[] = {
	{ MEMBER(security_warning, TOCSIN_INT), .fallback = "1", .max = COUNT_MAX,
		.help = N_("Pending security updates from which it is a warning; 0: not judged") },
	{ MEMBER(security_critical, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Pending security updates from which it is critical; 0: not judged") },
	{ MEMBER(security_age_critical, TOCSIN_DURATION), .fallback = "7d", .max = AGE_MAX,
		.help = N_("How long security updates may be pending before it is critical; 0: not judged") },
	{ MEMBER(updates_warning, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Pending updates of all kinds from which it is a warning; 0: not judged") },
	{ MEMBER(updates_critical, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Pending updates of all kinds from which it is critical; 0: not judged") },
	{ MEMBER(held_warning, TOCSIN_INT), .fallback = "0", .max = COUNT_MAX,
		.help = N_("Packages on hold, which are never updated, from which it is a warning; 0: not "
			   "judged") },
	{ MEMBER(lists_warning, TOCSIN_DURATION), .fallback = "7d", .max = AGE_MAX,
		.help = N_("Age of the lists of packages (apt-get update) from which it is a warning; 0: not "
			   "judged") },
	{ MEMBER(lists_critical, TOCSIN_DURATION), .fallback = "0", .max = AGE_MAX,
		.help = N_("Age of the lists of packages from which it is critical; 0: not judged") },
	{ MEMBER(apt_timeout, TOCSIN_DURATION), .fallback = "9s", .min = 50000, .max = 3600e6,
		.help = N_("How long apt-get may take; keep it below the timeout of the check") },
	{ .name = NULL },
};

static bool are_crossed(int64_t warning, int64_t critical)
{
	return warning > 0 && critical > 0 && critical < warning;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (are_crossed(c->security_warning, c->security_critical) ||
		are_crossed(c->updates_warning, c->updates_critical) ||
		are_crossed(c->lists_warning, c->lists_critical))
		return N_("the limit for critical is below the one for warning: one of security, updates, "
			  "lists");
	return NULL;
}

/* --- What is pending */

enum kind { SECURITY, UPDATES, HELD, BROKEN, KINDS };

static const char *const kind_names[KINDS] = { "security", "updates", "held", "broken" };

struct pending {
	double count[KINDS];     /* UPDATES has those of security among it */
	struct buf names[KINDS]; /* "openssl libssl3 …" */
};

static void release(struct pending *p)
{
	for (size_t i = 0; i < KINDS; i++)
		buf_free(&p->names[i]);
}

static void add_name(struct pending *p, enum kind kind, const char *name, size_t len)
{
	struct buf *b = &p->names[kind];

	p->count[kind]++;
	if (b->len + len + 2 <= NAMES_MAX)
		buf_printf(b, "%s%.*s", b->len ? " " : "", (int)len, name);
}

/* "Inst openssl [3.0.11-1] (3.0.14-1~deb12u2 Debian-Security:12/stable-security [amd64])"; what is new has no
 * version in brackets before the parenthesis. The archives of security updates are called so by Debian
 * ("Debian-Security:12") and Ubuntu ("jammy-security", "jammy-infra-security"). */
static void add_line(struct pending *p, const char *line, size_t len)
{
	static const char word[] = "Inst ";
	const char *name = line + sizeof(word) - 1;
	_cleanup_free_ char *copy = NULL;

	if (len < sizeof(word) || strncmp(line, word, sizeof(word) - 1) != 0)
		return;
	copy = strndup(name, len - (sizeof(word) - 1));
	const char *origin = copy ? strchr(copy, '(') : NULL;
	if (!origin)
		return;
	size_t name_len = strcspn(copy, " ");
	add_name(p, UPDATES, copy, name_len);
	if (strcasestr(origin, "-security"))
		add_name(p, SECURITY, copy, name_len);
}

static void read_simulation(struct pending *p, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		add_line(p, text, len);
		text += len + (text[len] == '\n');
	}
}

/* The line of apt-get that begins with "E: ", or its first one. */
static void put_complaint(struct buf *b, const struct command *c)
{
	const char *text = buf_text(&c->err.kept), *error = strstr(text, "E: ");

	text = error ? error + 3 : text + strspn(text, " \t\r\n");
	buf_printf(b, "%.*s", (int)strcspn(text, "\r\n"), text);
}

static int ask_apt(struct tocsin_run *run, const struct config *c, const char *program, struct pending *p)
{
	/* It wants room for the signed lists that it takes apart, and /tmp is read-only for the service. */
	char *const words[] = { (char *)"/usr/bin/env", (char *)"TMPDIR=/dev/shm", (char *)program,
		(char *)"--simulate", (char *)"-q", (char *)"-o", (char *)"Debug::NoLocking=1",
		(char *)"dist-upgrade", NULL };
	_cleanup_command_ struct command command = COMMAND(OUTPUT_MAX);
	_cleanup_buf_ struct buf why = BUF(4096);

	int r = command_run(&command, words, c->apt_timeout);
	if (r < 0) {
		tocsin_reason(run, "%s cannot be started: %s", program, strerror(-r));
		return r;
	}
	if (command.is_late || command.is_flooding) {
		tocsin_reason(run, command.is_late
					   ? N_("apt-get did not answer in time (apt_timeout) and was killed")
					   : N_("apt-get wrote without end and was killed"));
		return -ETIMEDOUT;
	}
	if (!WIFEXITED(command.status) || WEXITSTATUS(command.status) != 0) {
		put_complaint(&why, &command);
		tocsin_reason(run,
			WIFEXITED(command.status) ? N_("apt-get failed: %s") : N_("apt-get crashed: %s"),
			why.len ? buf_text(&why) : _("it does not say why"));
		return -EPROTO;
	}
	read_simulation(p, buf_text(&command.out.kept));
	return 0;
}

/* dpkg(1): "WANT FLAG STATE", as "hold ok installed" or "install ok half-configured". */
static void add_status(struct pending *p, const char *package, const char *status)
{
	static const char *const broken[] = { "half-installed", "unpacked", "half-configured" };
	char want[32], flag[32], state[32];

	if (sscanf(status, "%31s %31s %31s", want, flag, state) != 3)
		return;
	if (strcmp(want, "hold") == 0 && strcmp(state, "installed") == 0)
		add_name(p, HELD, package, strlen(package));
	bool is_broken = strcmp(flag, "ok") != 0;
	for (size_t i = 0; i < ELEMENTS(broken); i++)
		is_broken |= strcmp(state, broken[i]) == 0;
	if (is_broken)
		add_name(p, BROKEN, package, strlen(package));
}

static int read_status(struct tocsin_run *run, struct pending *p)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, STATUS);
	_cleanup_free_ char *line = NULL;
	char package[256] = "";
	size_t size = 0;

	while (file && (errno = 0, getline(&line, &size, file)) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "Package: ", 9) == 0)
			snprintf(package, sizeof(package), "%s", line + 9);
		else if (strncmp(line, "Status: ", 8) == 0)
			add_status(p, package, line + 8);
	}
	int r = !file || ferror(file) ? -errno : 0;
	if (r < 0)
		tocsin_reason(run, "%s cannot be read: %s", STATUS, strerror(-r));
	return r;
}

/* --- Times */

/* CLOCK_REALTIME in microseconds of the last change, of the content or (as renaming makes it) of the inode; 0
 * when there is no such file. */
static double changed(struct tocsin_run *run, const char *path, bool of_content)
{
	_cleanup_close_ int fd = tocsin_open(run, path, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	const struct timespec *t = of_content ? &st.st_mtim : &st.st_ctim;
	return (double)(t->tv_sec * USEC_PER_SEC + t->tv_nsec / 1000);
}

/* Of all that apt-get bases its answer on. */
static double last_change(struct tocsin_run *run)
{
	static const char *const paths[] = { STATUS, LISTS, "/etc/apt", "/etc/apt/sources.list",
		"/etc/apt/sources.list.d", "/etc/apt/preferences", "/etc/apt/preferences.d",
		"/etc/apt/apt.conf.d" };
	double newest = 0;

	for (size_t i = 0; i < ELEMENTS(paths); i++)
		newest = fmax(newest, changed(run, paths[i], false));
	return newest;
}

/* When lists were fetched last: the folder changes with each new one, and apt's timer notes that there was
 * none. */
static double last_update(struct tocsin_run *run)
{
	static const char *const paths[] = { LISTS, "/var/lib/apt/periodic/update-stamp",
		"/var/lib/apt/periodic/update-success-stamp" };
	double newest = 0;

	for (size_t i = 0; i < ELEMENTS(paths); i++)
		newest = fmax(newest, changed(run, paths[i], true));
	return newest;
}

static bool has_lists(struct tocsin_run *run)
{
	int fd = tocsin_open(run, LISTS, O_RDONLY | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	bool is_found = false;

	if (!folder) {
		close_fd(fd);
		return false;
	}
	for (const struct dirent *e; !is_found && (e = readdir(folder));)
		is_found = strstr(e->d_name, "_Packages") || strstr(e->d_name, "Release");
	closedir(folder);
	return is_found;
}

/* --- What was asked before */

static bool recall_pending(struct tocsin_run *run, double stamp, struct pending *p)
{
	char names[NAMES_MAX + 1];
	double value;
	int64_t age;

	if (tocsin_recall(run, "stamp", &value, &age) < 0 || value != stamp || age >= ASK_AGAIN_USEC)
		return false;
	for (size_t i = 0; i < KINDS; i++) {
		if (tocsin_recall(run, kind_names[i], &p->count[i], &age) < 0)
			return false;
		recall_text(run, kind_names[i], names, sizeof(names));
		buf_puts(&p->names[i], names);
	}
	return true;
}

static void remember_pending(struct tocsin_run *run, double stamp, const struct pending *p)
{
	for (size_t i = 0; i < KINDS; i++) {
		tocsin_remember(run, kind_names[i], p->count[i]);
		remember_text(run, kind_names[i], buf_text(&p->names[i]));
	}
	tocsin_remember(run, "stamp", stamp);
}

static int find_pending(
	struct tocsin_run *run, const struct config *c, const char *program, struct pending *p)
{
	double stamp = last_change(run); /* before the question */

	if (recall_pending(run, stamp, p))
		return 0;
	for (size_t i = 0; i < KINDS; i++) {
		p->count[i] = 0;
		buf_clear(&p->names[i]);
	}
	int r = ask_apt(run, c, program, p);
	if (r == 0)
		r = read_status(run, p);
	if (r == 0)
		remember_pending(run, stamp, p);
	return r;
}

/* How long security updates are pending without a break, as far as was seen. */
static double pending_usec(struct tocsin_run *run, const struct pending *p)
{
	double since = 0, now = (double)clock_realtime_usec();
	int64_t age;

	tocsin_recall(run, "since", &since, &age);
	if (p->count[SECURITY] > 0 && !(since > 0))
		since = now;
	if (!(p->count[SECURITY] > 0))
		since = 0;
	tocsin_remember(run, "since", since);
	return since > 0 && since < now ? now - since : 0;
}

/* --- What it means */

static void put_names(struct buf *b, const char *names, double count)
{
	double shown = 0;

	for (const char *name = names; *name && shown < NAMED_MAX; shown++) {
		size_t len = strcspn(name, " ");

		buf_printf(b, "%s%.*s", shown > 0 ? C_("list", ", ") : "", (int)len, name);
		name += len + (name[len] == ' ');
	}
	if (count > shown)
		buf_printf(b, _(" and %.0f more"), count - shown);
}

static void judge_count(struct verdict *v, const struct pending *p, enum kind kind, int64_t warning,
	int64_t critical, const char *one, const char *several)
{
	_cleanup_buf_ struct buf names = BUF(1024);
	double count = p->count[kind];
	bool is_critical = critical > 0 && count >= (double)critical;

	if (!is_critical && !(warning > 0 && count >= (double)warning))
		return;
	put_names(&names, buf_text(&p->names[kind]), count);
	verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "%.0f %s: %s", count,
		_(count == 1 ? one : several), buf_text(&names));
}

static void judge_lists(struct verdict *v, const struct config *c, double age)
{
	bool is_critical = c->lists_critical > 0 && age >= (double)c->lists_critical;

	if (is_critical || (c->lists_warning > 0 && age >= (double)c->lists_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"the lists of packages are %s old (limit %s): what is pending is not known since "
			"then",
			short_duration((int64_t)age).text,
			short_duration(is_critical ? c->lists_critical : c->lists_warning).text);
}

static void judge(struct tocsin_run *run, const struct config *c, const struct pending *p, double age,
	double lists, struct verdict *v)
{
	bool is_at_work = (double)clock_realtime_usec() - changed(run, STATUS, true) < UPGRADE_USEC;
	bool is_overdue = c->security_age_critical > 0 && age > 0 && age >= (double)c->security_age_critical;

	if (is_overdue)
		verdict_add(v, TOCSIN_CRITICAL, "security updates are pending for %s (limit %s)",
			short_duration((int64_t)age).text, short_duration(c->security_age_critical).text);
	judge_count(v, p, SECURITY, c->security_warning, is_overdue ? 1 : c->security_critical,
		N_("security update is pending"), N_("security updates are pending"));
	judge_count(v, p, UPDATES, c->updates_warning, c->updates_critical, N_("update is pending"),
		N_("updates are pending"));
	judge_count(v, p, HELD, c->held_warning, 0, N_("package is on hold"), N_("packages are on hold"));
	if (!is_at_work)
		judge_count(v, p, BROKEN, 1, 0, N_("package is only half installed"),
			N_("packages are only half installed"));
	judge_lists(v, c, lists);
}

/* --- Reporting */

static double limit(int64_t value, double unit)
{
	return value > 0 ? (double)value / unit : NAN;
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const struct pending *p, double age, double lists)
{
	const struct tocsin_metric metrics[] = {
		{ "security", p->count[SECURITY], "", limit(c->security_warning, 1),
			limit(c->security_critical, 1), 0, NAN },
		{ "security_age", age / 1e6, "s", NAN, limit(c->security_age_critical, 1e6), 0, NAN },
		{ "updates", p->count[UPDATES], "", limit(c->updates_warning, 1),
			limit(c->updates_critical, 1), 0, NAN },
		{ "held", p->count[HELD], "", limit(c->held_warning, 1), NAN, 0, NAN },
		{ "broken", p->count[BROKEN], "", 1, NAN, 0, NAN },
		{ "lists_age", lists / 1e6, "s", limit(c->lists_warning, 1e6), limit(c->lists_critical, 1e6),
			0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

static void show(struct tocsin_run *run, const struct pending *p)
{
	static const char *const titles[KINDS] = { N_("Security updates that are pending"),
		N_("Updates that are pending"), N_("Packages on hold"),
		N_("Packages that are only half installed (dpkg --configure -a)") };

	for (size_t i = 0; i < KINDS; i++) {
		_cleanup_buf_ struct buf b = BUF(4096);
		double listed = 0;

		for (const char *name = buf_text(&p->names[i]); *name; listed++) {
			size_t len = strcspn(name, " ");

			buf_printf(&b, "%.*s\n", (int)len, name);
			name += len + (name[len] == ' ');
		}
		if (p->count[i] > listed)
			buf_printf(&b, _("and %.0f more\n"), p->count[i] - listed);
		if (b.len)
			tocsin_evidence(run, tocsin_name(run), titles[i], buf_text(&b));
	}
}

static void report(struct tocsin_run *run, const struct config *c, const struct pending *p)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	double age = pending_usec(run, p);
	double lists = fmax(0, (double)clock_realtime_usec() - last_update(run));

	judge(run, c, p, age, lists, &v);
	if (v.state != TOCSIN_OK)
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	else
		tocsin_item(run, tocsin_name(run), TOCSIN_OK,
			"%.0f security updates and %.0f others are pending; the lists of packages are %s old",
			p->count[SECURITY], p->count[UPDATES] - p->count[SECURITY],
			short_duration((int64_t)lists).text);
	report_metrics(run, c, p, age, lists);
	if (v.state != TOCSIN_OK)
		show(run, p);
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(release) struct pending p = { 0 };
	char program[4096];

	for (size_t i = 0; i < KINDS; i++)
		p.names[i] = BUF(NAMES_MAX + 1);
	snprintf(program, sizeof(program), "%s/usr/bin/apt-get", tocsin_root(run));
	if (access(program, X_OK) < 0) {
		tocsin_reason(run, "this host has no apt-get");
		return -EOPNOTSUPP;
	}
	if (!has_lists(run)) {
		tocsin_reason(
			run, "there are no lists of packages in %s: apt-get update never ran here", LISTS);
		return -ENODATA;
	}
	int r = find_pending(run, config, program, &p);
	if (r == 0)
		report(run, config, &p);
	return r;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW | TOCSIN_CHECK_EVENT,
	.name = "updates",
	.summary = N_("Pending security updates, held packages, the age of the lists"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
