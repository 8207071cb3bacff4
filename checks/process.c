/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process: does a process live, found by its pidfile, its name, or a pattern on its command line. Each one
 * that is found is watched by a pidfd, so that its death is noticed at once.
 *
 * All checks of one batch share one scan of /proc. The scan may be a moment old when a check uses it: "alive"
 * is proven by opening the process, and before "gone" is said /proc is read once more, unless that was just now. */
#include "account.h"
#include "buf.h"
#include "clock.h"
#include "pidfd.h"
#include "proctree.h"
#include "restarts.h"
#include "text.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <regex.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WATCHES_MAX 64
#define FRESH_USEC (100 * USEC_PER_MSEC) /* a scan that may prove absence, or, where scans are slow: */
#define FRESH_SCANS 10                   /* so many times what it took: hundreds that die together do not scan for each */
/* A pidfile is written soon after the start of its process. */
#define PIDFILE_SLACK_USEC (60 * USEC_PER_SEC)
#define REAPED_MSEC 100 /* a parent takes its child within that, or leaves it a zombie */
#define COMM_BYTES 15   /* TASK_COMM_LEN without its NUL: longer names are cut there */

struct config {
	const char *pidfile, *name, *pattern, *user;
	int64_t min, max, memory_warning, memory_critical, age_warning, age_critical;
	int64_t restarts_warning, restarts_window;
	double cpu_warning, cpu_critical;
	bool containers, kernel;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(pidfile, TOCSIN_PATH), .help = N_("The file that holds the number of the process") },
	{ MEMBER(name, TOCSIN_STRING), .help = N_("The exact name of the program, without its folder") },
	{ MEMBER(pattern, TOCSIN_STRING), .help = N_("An extended regular expression on the command line") },
	{ MEMBER(user, TOCSIN_STRING), .help = N_("Only processes of this user, a name or a number") },
	{ MEMBER(containers, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("Processes in containers of this host count, too") },
	{ MEMBER(kernel, TOCSIN_BOOL), .fallback = "no",
		.help = N_("A thread of the kernel is meant, like nfsd, and no program") },
	{ MEMBER(min, TOCSIN_INT), .fallback = "1", .min = 0, .max = 1e6,
		.help = N_("Fewer processes than this are critical") },
	{ MEMBER(max, TOCSIN_INT), .fallback = "0", .min = 0, .max = 1e6,
		.help = N_("More processes than this are a warning; 0: any number") },
	{ MEMBER(memory_warning, TOCSIN_SIZE), .fallback = "0",
		.help = N_("Resident memory of all of them together from which it is a warning; 0: not "
			   "judged") },
	{ MEMBER(memory_critical, TOCSIN_SIZE), .fallback = "0",
		.help = N_(
			"Resident memory of all of them together from which it is critical; 0: not judged") },
	{ MEMBER(cpu_warning, TOCSIN_PERCENT), .fallback = "0%", .max = 1e6,
		.help = N_("Use of the processors by all of them together, 100% is one processor, from which "
			   "it is a warning; 0%: not judged") },
	{ MEMBER(cpu_critical, TOCSIN_PERCENT), .fallback = "0%", .max = 1e6,
		.help = N_("Use of the processors by all of them together, 100% is one processor, from which "
			   "it is critical; 0%: not judged") },
	{ MEMBER(age_warning, TOCSIN_DURATION), .fallback = "0",
		.help = N_("One that has been running for this long is a warning; 0: not judged") },
	{ MEMBER(age_critical, TOCSIN_DURATION), .fallback = "0",
		.help = N_("One that has been running for this long is critical; 0: not judged") },
	{ MEMBER(restarts_warning, TOCSIN_INT), .fallback = "3", .max = RESTARTS_MAX,
		.help = N_("So many restarts within restarts_window are a warning; 0: not judged") },
	{ MEMBER(restarts_window, TOCSIN_DURATION), .fallback = "10m", .min = 1e6, .max = 7 * 86400e6,
		.help = N_("The time in which restarts are counted together") },
	{ .name = NULL },
};

static bool are_crossed(double warning, double critical)
{
	return warning > 0 && critical > 0 && critical < warning;
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	regex_t regex;

	if (!c->pidfile && !c->name && !c->pattern)
		return N_("one of pidfile, name or pattern is needed to know which process is meant");
	if (c->name && strchr(c->name, '/'))
		return N_("name is the name of the program without its folder; use pattern for a path");
	if (c->max > 0 && c->max < c->min)
		return N_("max must not be below min");
	if (are_crossed((double)c->memory_warning, (double)c->memory_critical) ||
		are_crossed(c->cpu_warning, c->cpu_critical) ||
		are_crossed((double)c->age_warning, (double)c->age_critical))
		return N_("the limit for critical is below the one for warning: one of memory, cpu, age");
	if (c->pidfile && c->min > 1)
		return N_("a pidfile names one process: min cannot be above 1");
	if (c->pattern) {
		if (regcomp(&regex, c->pattern, REG_EXTENDED | REG_NOSUB) != 0)
			return N_("pattern is no extended regular expression (regex(7))");
		regfree(&regex);
	}
	return NULL;
}

/* --- One scan for all
 * ---------------------------------------------------------------------------------------- */

struct snapshot {
	uint64_t batch; /* 0: none */
	int64_t taken_usec, took_usec;
	struct proctree tree;
};

/* The process of a check module is its lifetime; nothing of this outlives the batch. */
static struct snapshot snapshot = { .tree = PROCTREE_EMPTY };

/* The scan of this batch, not older than MAX_AGE. */
static int take_snapshot(struct tocsin_run *run, int64_t max_age_usec, struct proctree **ret)
{
	int64_t now = clock_boottime_usec(), age = now - snapshot.taken_usec;

	if (snapshot.batch != tocsin_batch(run) || (age > max_age_usec && age > FRESH_SCANS * snapshot.took_usec)) {
		_cleanup_close_ int fd = tocsin_open(run, "/proc", O_RDONLY | O_DIRECTORY);
		struct proctree tree;

		int r = fd < 0 ? fd : proctree_scan(fd, &tree);
		if (r < 0) {
			tocsin_reason(run, "%s cannot be read: %s", "/proc", strerror(-r));
			return r;
		}
		proctree_free(&snapshot.tree);
		snapshot = (struct snapshot){ tocsin_batch(run), now, clock_boottime_usec() - now, tree };
	}
	*ret = &snapshot.tree;
	return 0;
}

/* --- Which process is meant
 * ----------------------------------------------------------------------------------- */

struct target {
	const struct config *config;
	regex_t regex;        /* compiled when the pattern is given */
	int64_t uid;          /* -1: any */
	pid_t pid;            /* of the pidfile, 0: not given or no file */
	int64_t written_usec; /* when the pidfile was, CLOCK_REALTIME */
	const char *no_pid;   /* why the pidfile gave none */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The name that the kernel keeps, the first argument without its folder, or the file that runs. */
static bool has_name(const struct proctree *t, struct proc *p, const char *name)
{
	if (strlen(name) <= COMM_BYTES && strcmp(p->comm, name) == 0)
		return true;
	return strcmp(base_name(proc_argv0(t, p)), name) == 0 || strcmp(base_name(proc_exe(t, p)), name) == 0;
}

/* What tests cost nothing comes first. */
static bool is_meant(const struct target *target, const struct proctree *t, struct proc *p)
{
	const struct config *c = target->config;

	if (!proc_is_alive(p) || p->is_kernel != c->kernel)
		return false;
	if (target->uid >= 0 && proc_uid(t, p) != target->uid)
		return false;
	if (c->name && !has_name(t, p, c->name))
		return false;
	/* We ourselves carry no pattern in our command line, but the daemon's configuration may be in an
	 * editor's. */
	if (c->pattern &&
		(p->pid == getpid() || regexec(&target->regex, proc_cmdline(t, p), 0, NULL, 0) != 0))
		return false;
	return c->containers || !proc_is_contained(t, p);
}

/* 0: *target says what the pidfile says, or why it says nothing. */
static int read_pidfile(struct tocsin_run *run, const char *path, struct target *target)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);
	struct stat st;
	char line[64];
	long pid;
	char extra;

	if (!file && (errno == ENOENT || errno == ENOTDIR)) {
		target->no_pid = N_("there is no pidfile");
		return 0;
	}
	int r = !file || fstat(fileno(file), &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EISDIR;
	if (r < 0) {
		tocsin_reason(run, "the pidfile %s cannot be read: %s", path, strerror(-r));
		return r;
	}
	if (!fgets(line, sizeof(line), file)) {
		target->no_pid = N_("the pidfile is empty");
		return 0;
	}
	if (sscanf(line, "%ld %c", &pid, &extra) != 1 || pid <= 0 || pid > INT32_MAX) {
		tocsin_reason(run, "the pidfile %s does not begin with the number of a process", path);
		return -EBADMSG;
	}
	target->pid = (pid_t)pid;
	target->written_usec = st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
	return 0;
}

static int aim(struct tocsin_run *run, const struct config *c, struct target *target)
{
	*target = (struct target){ .config = c, .uid = -1 };
	int r = c->user ? account_find_user(run, c->user, &target->uid) : 0;
	if (r == 0 && c->pidfile)
		r = read_pidfile(run, c->pidfile, target);
	if (r == 0 && c->pattern && regcomp(&target->regex, c->pattern, REG_EXTENDED | REG_NOSUB) != 0)
		r = -EINVAL; /* validate() has compiled it */
	return r;
}

static void release(struct target *target)
{
	if (target->config && target->config->pattern)
		regfree(&target->regex);
}

/* --- Those that live
 * ------------------------------------------------------------------------------------------ */

struct found {
	struct proc **items; /* oldest first */
	size_t n;
	uint64_t inode;        /* of the pidfd of the oldest, 0: not known */
	struct proc *impostor; /* the process that has the number in the pidfile and is another one */
	const char *why_impostor;
};

static void free_found(struct found *f)
{
	free(f->items);
}

static int64_t start_realtime_usec(const struct proc *p)
{
	return clock_realtime_usec() - clock_boottime_usec() + proc_ticks_usec(p->start_ticks);
}

/* The number in the pidfile was given to another process meanwhile: the same pid as before has another start,
 * while the file was not written again; or, at the first look, the process is much younger than the file. The
 * clock may have been set since, so this second sign counts only where the file was written after the boot.
 */
static const char *why_not_the_one(struct tocsin_run *run, const struct target *target, const struct proc *p)
{
	int64_t boot = clock_realtime_usec() - clock_boottime_usec();
	double pid, start, written;
	int64_t age;

	if (tocsin_recall(run, "pid", &pid, &age) == 0 && tocsin_recall(run, "start", &start, &age) == 0 &&
		tocsin_recall(run, "written", &written, &age) == 0 && (pid_t)pid == p->pid)
		return (uint64_t)start != p->start_ticks && (int64_t)written == target->written_usec
			       ? N_("that number now belongs to another process")
			       : NULL;
	if (!*tocsin_root(run) && target->written_usec > boot &&
		start_realtime_usec(p) > target->written_usec + PIDFILE_SLACK_USEC)
		return N_("the process with that number started long after the file was written");
	return NULL;
}

/* Opens the process and watches it. False: it is gone, or another one has its number now. *RET_INODE may be
 * NULL. */
static bool watch_process(struct tocsin_run *run, const struct proctree *t, const struct proc *p,
	bool want_watch, uint64_t *ret_inode)
{
	uint64_t start;

	if (*tocsin_root(run))
		return true;
	_cleanup_close_ int fd = pidfd_open_process(p->pid);
	if (fd < 0)
		return fd != -ESRCH;
	/* Readable from the moment of death, also while it is a zombie. */
	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) > 0)
		return false;
	if (proc_read_start(t, p->pid, &start) < 0 || start != p->start_ticks)
		return false;
	if (want_watch)
		tocsin_watch(run, fd, POLLIN);
	if (ret_inode)
		*ret_inode = pidfd_inode(fd);
	return true;
}

static int compare_starts(const void *a, const void *b)
{
	const struct proc *p = *(struct proc *const *)a, *q = *(struct proc *const *)b;

	if (p->start_ticks != q->start_ticks)
		return p->start_ticks < q->start_ticks ? -1 : 1;
	return (p->pid > q->pid) - (p->pid < q->pid);
}

/* Finds them without watching: the set is not final before it is clear that no second scan is needed. */
static int find_processes(
	struct tocsin_run *run, const struct target *target, struct proctree *t, struct found *ret)
{
	/* A pidfile names the only candidate. */
	const bool is_named = target->config->pidfile;
	const struct proc *only = is_named ? proctree_find(t, target->pid) : NULL;
	size_t first = only ? (size_t)(only - t->items) : 0, n = is_named ? only != NULL : t->n;
	struct found f = { .items = calloc(n + 1, sizeof(struct proc *)) };

	if (!f.items)
		return -ENOMEM;
	for (size_t i = first; i < first + n; i++) {
		struct proc *p = &t->items[i];

		if (!is_meant(target, t, p) || !watch_process(run, t, p, false, NULL))
			continue;
		f.why_impostor = target->config->pidfile ? why_not_the_one(run, target, p) : NULL;
		if (f.why_impostor)
			f.impostor = p;
		else
			f.items[f.n++] = p;
	}
	if (f.n)
		qsort(f.items, f.n, sizeof(*f.items), compare_starts);
	*ret = f;
	return 0;
}

static void watch_all(struct tocsin_run *run, const struct proctree *t, struct found *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (watch_process(run, t, f->items[i], i < WATCHES_MAX, n == 0 ? &f->inode : NULL))
			f->items[n++] = f->items[i];
	f->n = n;
}

/* --- What is said of them
 * ------------------------------------------------------------------------------------- */

struct words {
	char text[256];
};

/* What the administrator asked for, where there is no pidfile. */
static struct words describe(const struct config *c)
{
	struct words w;

	/* TRANSLATORS: stands in "%zu processes with %s, at most %lld are expected" and its like. */
	if (c->name)
		snprintf(w.text, sizeof(w.text), _("the name %.150s"), c->name);
	else
		snprintf(w.text, sizeof(w.text), _("a command line like '%.150s'"),
			c->pattern ? c->pattern : "");
	return w;
}

/* Recorded start times belong to another boot. */
static int64_t age_usec(struct tocsin_run *run, const struct proc *p)
{
	int64_t age = clock_boottime_usec() - proc_ticks_usec(p->start_ticks);

	return *tocsin_root(run) || age < 0 ? 0 : age;
}

static void put_process(struct buf *b, struct tocsin_run *run, const struct proctree *t, struct proc *p)
{
	const char *cmdline = proc_cmdline(t, p);

	if (p->is_kernel)
		buf_printf(b, _("pid %d, a thread of the kernel: %s"), (int)p->pid, p->comm);
	else
		buf_printf(b, _("pid %d, parent %d: %s"), (int)p->pid, (int)p->ppid, p->comm);
	if (!*tocsin_root(run))
		buf_printf(b, _(", running for %s"), short_duration(age_usec(run, p)).text);
	if (*cmdline)
		buf_printf(b, "\n    %.300s", cmdline);
	buf_putc(b, '\n');
}

static void show_found(struct tocsin_run *run, const struct proctree *t, const struct found *f)
{
	_cleanup_buf_ struct buf b = BUF(65536);

	for (size_t i = 0; i < f->n && i < 10; i++)
		put_process(&b, run, t, f->items[i]);
	if (f->n > 10)
		buf_printf(&b, _("and %zu more\n"), f->n - 10);
	if (f->n)
		tocsin_evidence(run, tocsin_name(run), "Processes found", buf_text(&b));
}

/* --- How others ended */

static void put_exit(struct buf *b, int status)
{
	if (WIFSIGNALED(status))
		buf_printf(b,
			WCOREDUMP(status) ? _("killed by signal %d (%s), core dumped")
					  : _("killed by signal %d (%s)"),
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status))
		buf_printf(b, _("exit status %d"), WEXITSTATUS(status));
}

/* The oldest process of the last look, and how it ended. */
struct past {
	bool is_known, has_ended; /* has_ended: STATUS is known */
	pid_t pid;
	uint64_t start_ticks;
	double inode;
	int64_t seen_usec; /* ago */
	int status;
	struct buf others; /* of the group, that ended since */
};

#define PAST ((struct past){ .others = BUF(8192) })

static void free_past(struct past *past)
{
	buf_free(&past->others);
}

static double recall_or(struct tocsin_run *run, const char *key, double otherwise)
{
	double value;
	int64_t age;

	return tocsin_recall(run, key, &value, &age) == 0 ? value : otherwise;
}

static void recall_past(struct tocsin_run *run, struct past *past)
{
	double pid, start;
	int64_t age;

	if (tocsin_recall(run, "pid", &pid, &past->seen_usec) < 0 ||
		tocsin_recall(run, "start", &start, &age) < 0)
		return;
	past->is_known = true;
	past->pid = (pid_t)pid;
	past->start_ticks = (uint64_t)start;
	past->inode = recall_or(run, "inode", 0);
	/* The descriptor comes once; what it said is kept for as long as this process is the last that was
	 * seen. */
	if (recall_or(run, "exit_start", -1) == start) {
		past->has_ended = true;
		past->status = (int)recall_or(run, "exit", 0);
	}
}

static void take_end(struct tocsin_run *run, struct past *past, int fd)
{
	int status;

	if (pidfd_exit_status(fd, REAPED_MSEC, &status) < 0)
		return;
	if (past->is_known && past->inode > 0 && (double)pidfd_inode(fd) == past->inode) {
		past->has_ended = true;
		past->status = status;
		tocsin_remember(run, "exit", status);
		tocsin_remember(run, "exit_start", (double)past->start_ticks);
	} else {
		put_exit(&past->others, status);
		buf_putc(&past->others, '\n');
	}
}

/* The descriptors that woke this look are those of processes that ended. */
static void take_ends(struct tocsin_run *run, struct past *past)
{
	recall_past(run, past);
	for (size_t i = 0; tocsin_ready(run, i) >= 0; i++)
		take_end(run, past, tocsin_ready(run, i));
}

static bool is_past(const struct past *past, const struct proc *p)
{
	return past->is_known && p->pid == past->pid && p->start_ticks == past->start_ticks;
}

static void put_cause(struct buf *b, const struct proctree *t, const struct past *past)
{
	const struct proc *zombie = proctree_find(t, past->pid);

	if (past->has_ended)
		put_exit(b, past->status);
	else if (zombie && is_past(past, zombie) && zombie->state == 'Z')
		buf_puts(b, _("it is a zombie: its parent has not asked for its exit status yet"));
	else
		buf_puts(b,
			_("cause of the end: not available (only its parent or the service manager is told, "
			  "before Linux 6.15)"));
}

/* What an earlier look kept. Numbers only, so no name or command line. */
static void show_past(
	struct tocsin_run *run, const struct proctree *t, const struct found *f, const struct past *past)
{
	_cleanup_buf_ struct buf b = BUF(4096);

	if (past->others.len)
		tocsin_evidence(run, tocsin_name(run), "How others of them ended", buf_text(&past->others));
	if (!past->is_known || (f->n && is_past(past, f->items[0])))
		return;
	buf_printf(&b, _("pid %d, last seen %s ago"), (int)past->pid, short_duration(past->seen_usec).text);
	if (!*tocsin_root(run) && past->start_ticks > 0)
		buf_printf(&b, _(", when it had been running for %s"),
			short_duration(
				clock_boottime_usec() - past->seen_usec - proc_ticks_usec(past->start_ticks))
				.text);
	buf_putc(&b, '\n');
	put_cause(&b, t, past);
	buf_putc(&b, '\n');
	tocsin_evidence(run, tocsin_name(run),
		f->n ? N_("The process that was there before") : N_("The process that went"), buf_text(&b));
}

static bool is_similar(const struct config *c, const struct proctree *t, struct proc *p)
{
	const char *word = c->name ? c->name : c->pidfile ? base_name(c->pidfile) : "";
	size_t len = strcspn(word, ".");

	if (p->is_kernel)
		return strcmp(p->comm, word) == 0;
	if (len < 3)
		return false;
	const char *comm = p->comm;
	return text_nearest(word, &comm, 1) ||
	       strncasecmp(comm, word, len < COMM_BYTES ? len : COMM_BYTES) == 0 ||
	       (strstr(proc_cmdline(t, p), word) && p->pid != getpid());
}

static void put_zombie(struct buf *b, const struct proc *p)
{
	buf_printf(b, _("pid %d, parent %d: %s, a zombie"), (int)p->pid, (int)p->ppid, p->comm);
	if (p->exit_code) {
		buf_puts(b, _(", "));
		put_exit(b, p->exit_code);
	}
	buf_putc(b, '\n');
}

static void show_similar(struct tocsin_run *run, const struct config *c, const struct proctree *t)
{
	_cleanup_buf_ struct buf b = BUF(65536);
	size_t n = 0;

	for (size_t i = 0; i < t->n && n < 10; i++) {
		struct proc *p = &t->items[i];

		if (!is_similar(c, t, p))
			continue;
		n++;
		if (p->state == 'Z') {
			put_zombie(&b, p);
		} else {
			put_process(&b, run, t, p);
		}
	}
	if (n)
		tocsin_evidence(run, tocsin_name(run), "Similar processes", buf_text(&b));
}

/* --- What they use */

struct use {
	double memory; /* bytes */
	double cpu;    /* percent of one processor since the last look, NAN: not known */
	double ticks;
	int64_t age_usec, age_youngest_usec; /* 0: none */
	int64_t restarts;                    /* within the window */
	double restarts_ever;                /* that were seen */
};

/* With the time of children that have ended, the sum goes on when one of the group ends whose parent is in
 * the group too. Where it went back nothing is known. */
static void measure_cpu(struct tocsin_run *run, const struct found *f, struct use *u)
{
	double before;
	int64_t age;

	u->cpu = NAN;
	for (size_t i = 0; i < f->n; i++)
		u->ticks += (double)f->items[i]->cpu_ticks + (double)f->items[i]->children_ticks;
	if (f->n == 0)
		return;
	if (tocsin_recall(run, "ticks", &before, &age) < 0 || before > u->ticks) {
		tocsin_remember(run, "ticks", u->ticks);
	} else if (age >= USEC_PER_SEC) { /* of a shorter time the ticks say little */
		u->cpu = 100 * (double)proc_ticks_usec((uint64_t)(u->ticks - before)) / (double)age;
		tocsin_remember(run, "ticks", u->ticks);
	}
}

/* All that are there now are younger than all that were there before, and the host was not started in
 * between. */
static bool is_restarted(struct tocsin_run *run, const struct found *f, const struct past *past)
{
	double newest = recall_or(run, "newest", INFINITY);

	if (f->n == 0 || !past->is_known || (double)f->items[0]->start_ticks <= newest)
		return false;
	return *tocsin_root(run) || past->seen_usec < clock_boottime_usec();
}

static struct use measure(
	struct tocsin_run *run, const struct config *c, const struct found *f, const struct past *past)
{
	bool is_fresh = is_restarted(run, f, past);
	struct use u = { .restarts_ever = recall_or(run, "restarts", 0) + is_fresh };

	measure_cpu(run, f, &u);
	for (size_t i = 0; i < f->n; i++)
		u.memory += (double)f->items[i]->rss_pages * (double)sysconf(_SC_PAGESIZE);
	if (f->n) {
		u.age_usec = age_usec(run, f->items[0]);
		u.age_youngest_usec = age_usec(run, f->items[f->n - 1]);
	}
	if (c->restarts_warning > 0)
		u.restarts = restarts_count(run, "", is_fresh, c->restarts_warning, c->restarts_window);
	return u;
}

static void judge_use(const struct config *c, const struct use *u, struct verdict *v)
{
	bool is_critical = c->memory_critical > 0 && u->memory >= (double)c->memory_critical;
	int64_t memory = is_critical ? c->memory_critical : c->memory_warning;

	if (memory > 0 && u->memory >= (double)memory)
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "%s of memory (limit %s)",
			short_size(u->memory).text, short_size((double)memory).text);
	is_critical = c->cpu_critical > 0 && u->cpu >= c->cpu_critical;
	double cpu = is_critical ? c->cpu_critical : c->cpu_warning;
	if (cpu > 0 && u->cpu >= cpu)
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"%.0f %% of a processor (limit %.4g %%)", u->cpu, cpu);
	is_critical = c->age_critical > 0 && u->age_usec >= c->age_critical;
	int64_t age = is_critical ? c->age_critical : c->age_warning;
	if (age > 0 && u->age_usec >= age)
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "running for %s (limit %s)",
			short_duration(u->age_usec).text, short_duration(age).text);
	if (c->restarts_warning > 0 && u->restarts >= c->restarts_warning)
		verdict_add(v, TOCSIN_WARNING, "restarted at least %d times within %s", (int)u->restarts,
			short_duration(c->restarts_window).text);
}

static double positive(double limit)
{
	return limit > 0 ? limit : NAN;
}

static double seconds(int64_t usec)
{
	return usec > 0 ? (double)usec / (double)USEC_PER_SEC : NAN;
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const struct found *f, const struct use *u)
{
	bool has_age = f->n && !*tocsin_root(run);
	const struct tocsin_metric metrics[] = {
		{ "processes", (double)f->n, "", positive((double)c->max), NAN, 0, NAN },
		{ "memory", u->memory, "B", positive((double)c->memory_warning),
			positive((double)c->memory_critical), 0, NAN },
		{ "cpu", u->cpu, "%", positive(c->cpu_warning), positive(c->cpu_critical), 0, NAN },
		{ "age", has_age ? (double)u->age_youngest_usec / (double)USEC_PER_SEC : NAN, "s", NAN, NAN,
			NAN, NAN },
		{ "age_oldest", has_age ? (double)u->age_usec / (double)USEC_PER_SEC : NAN, "s",
			seconds(c->age_warning), seconds(c->age_critical), 0, NAN },
		{ "restarts", u->restarts_ever, "c", NAN, NAN, 0, NAN },
	};
	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		if (!isnan(metrics[i].value))
			tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

/* What is known of the one that went stays known. */
static void remember(
	struct tocsin_run *run, const struct target *target, const struct found *f, const struct use *u)
{
	if (f->n == 0)
		return;
	tocsin_remember(run, "restarts", u->restarts_ever);
	tocsin_remember(run, "pid", f->items[0]->pid);
	tocsin_remember(run, "start", (double)f->items[0]->start_ticks);
	tocsin_remember(run, "newest", (double)f->items[f->n - 1]->start_ticks);
	if (f->inode)
		tocsin_remember(run, "inode", (double)f->inode);
	if (target->pid)
		tocsin_remember(run, "written", (double)target->written_usec);
}

/* --- The look
 * ------------------------------------------------------------------------------------------------- */

static bool is_too_few(const struct config *c, const struct found *f)
{
	return (int64_t)f->n < c->min;
}

/* "; the last one: killed by signal 9 (Killed)", when that is known. */
static void put_last_end(struct buf *b, const struct past *past)
{
	if (!past->has_ended)
		return;
	buf_printf(b, _("; pid %d: "), (int)past->pid);
	put_exit(b, past->status);
}

static void report_gone(
	struct tocsin_run *run, const struct target *target, const struct found *f, const struct past *past)
{
	_cleanup_buf_ struct buf end = BUF(256);
	const char *item = tocsin_name(run);
	const struct config *c = target->config;

	put_last_end(&end, past);

	if (f->impostor)
		tocsin_item(run, item, TOCSIN_CRITICAL, "gone: the pidfile %s is stale, pid %d is now %s: %s",
			c->pidfile, (int)f->impostor->pid, f->impostor->comm, _(f->why_impostor));
	else if (target->no_pid)
		tocsin_item(run, item, TOCSIN_CRITICAL, "not running: %s (%s)%s", _(target->no_pid),
			c->pidfile, buf_text(&end));
	else if (c->pidfile && (c->name || c->pattern || c->user))
		tocsin_item(run, item, TOCSIN_CRITICAL,
			"gone: pid %d of the pidfile %s is not running, or is another process%s",
			(int)target->pid, c->pidfile, buf_text(&end));
	else if (c->pidfile)
		tocsin_item(run, item, TOCSIN_CRITICAL, "gone: pid %d of the pidfile %s is not running%s",
			(int)target->pid, c->pidfile, buf_text(&end));
	else if (f->n == 0 && c->user)
		tocsin_item(run, item, TOCSIN_CRITICAL, "not running: no process with %s of user %s%s",
			describe(c).text, c->user, buf_text(&end));
	else if (f->n == 0)
		tocsin_item(run, item, TOCSIN_CRITICAL, "not running: no process with %s%s", describe(c).text,
			buf_text(&end));
	else
		tocsin_item(run, item, TOCSIN_CRITICAL, "%zu processes with %s, at least %lld are expected",
			f->n, describe(c).text, (long long)c->min);
}

static void report_alive(
	struct tocsin_run *run, const struct config *c, const struct found *f, const struct use *u)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	const char *item = tocsin_name(run);

	if (c->max > 0 && (int64_t)f->n > c->max)
		verdict_add(&v, TOCSIN_WARNING, "%zu processes with %s, at most %lld are expected", f->n,
			describe(c).text, (long long)c->max);
	judge_use(c, u, &v);
	if (v.state != TOCSIN_OK)
		tocsin_item(run, item, v.state, "%s", buf_text(&v.text));
	else if (f->n == 0)
		tocsin_item(run, item, TOCSIN_OK, "not running, which is allowed");
	else if (f->n == 1 && *tocsin_root(run))
		tocsin_item(run, item, TOCSIN_OK, "running, pid %d", (int)f->items[0]->pid);
	else if (f->n == 1)
		tocsin_item(run, item, TOCSIN_OK, "running, pid %d, for %s", (int)f->items[0]->pid,
			short_duration(age_usec(run, f->items[0])).text);
	else
		tocsin_item(run, item, TOCSIN_OK, "%zu processes running", f->n);
}

/* Of a process that cannot be seen nobody knows that it is gone. */
static int refuse_hidden(struct tocsin_run *run)
{
	tocsin_reason(run, "process 1 cannot be seen: /proc is mounted with hidepid, or this service runs "
			   "with ProtectProc=; "
			   "whether a process is gone cannot be known");
	return -EPERM;
}

static int look_with(
	struct tocsin_run *run, const struct target *target, struct proctree **t, struct found *f)
{
	int r = take_snapshot(run, INT64_MAX, t);
	if (r == 0)
		r = find_processes(run, target, *t, f);
	if (r < 0 || !is_too_few(target->config, f))
		return r;
	/* It may have been started, or started again, since the scan. */
	free_found(f);
	*f = (struct found){ 0 };
	r = take_snapshot(run, FRESH_USEC, t);
	return r < 0 ? r : find_processes(run, target, *t, f);
}

static int look_at(struct tocsin_run *run, const struct target *target)
{
	_cleanup_(free_found) struct found f = { 0 };
	_cleanup_(free_past) struct past past = PAST;
	const struct config *c = target->config;
	struct proctree *t;

	take_ends(run, &past);
	int r = look_with(run, target, &t, &f);
	if (r < 0)
		return r;
	watch_all(run, t, &f);
	if (t->is_hidden && is_too_few(c, &f))
		return refuse_hidden(run);
	struct use use = measure(run, c, &f, &past);
	if (is_too_few(c, &f))
		report_gone(run, target, &f, &past);
	else
		report_alive(run, c, &f, &use);
	report_metrics(run, c, &f, &use);
	show_found(run, t, &f);
	show_past(run, t, &f, &past);
	if (is_too_few(c, &f))
		show_similar(run, c, t);
	remember(run, target, &f, &use);
	return 0;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(release) struct target target = { 0 };

	tocsin_look(run, tocsin_name(run));
	int r = aim(run, config, &target);
	return r < 0 ? r : look_at(run, &target);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_EVENT,
	.name = "process",
	.summary = N_("Processes by pidfile, name or command line"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
