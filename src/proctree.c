/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proctree.h"

#include "clock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h; part of the interface through field 9 */
#define STAT_MAX_BYTES 2048
#define CMDLINE_MAX_BYTES 4096 /* what a pattern can see of a command line */
#define PROCESSES_MAX 4194304  /* PID_MAX_LIMIT */

/* Field numbers of proc_pid_stat(5). */
enum {
	STATE = 3,
	PPID = 4,
	FLAGS = 9,
	UTIME = 14,
	STIME = 15,
	CUTIME = 16,
	CSTIME = 17,
	THREADS = 20,
	START = 22,
	RSS = 24,
	EXIT_CODE = 52,
	FIELDS = 53
};

/* Reads the numbers behind the state into FIELD by their number. Returns how many fields there are. */
static int parse_fields(const char *text, long long field[FIELDS])
{
	int n = PPID;

	while (n < FIELDS) {
		char *end;

		errno = 0;
		/* Some are unsigned and may be over LLONG_MAX (rlimits, addresses); none of those that are
		 * used. */
		long long value = strtoll(text, &end, 10);
		if (end == text || (*end && !isspace((unsigned char)*end)))
			break;
		field[n++] = value;
		text = end;
	}
	return n;
}

int proc_parse_stat(const char *line, struct proc *ret)
{
	long long field[FIELDS] = { 0 };
	struct proc p = { .uid = PROC_UID_NOT_READ };
	char *end;

	long pid = strtol(line, &end, 10);
	const char *open = strchr(line, '('), *close = strrchr(line, ')');
	if (pid <= 0 || pid > INT32_MAX || !open || !close || close < open || end + 1 != open)
		return -EBADMSG;
	size_t len = (size_t)(close - open - 1);
	if (len >= sizeof(p.comm) || close[1] != ' ' || !isalpha((unsigned char)close[2]) || close[3] != ' ')
		return -EBADMSG;
	int n = parse_fields(close + 4, field);
	if (n <= RSS || field[PPID] < 0 || field[PPID] > INT32_MAX || field[UTIME] < 0 || field[STIME] < 0 ||
		field[START] < 0)
		return -EBADMSG;
	p.pid = (pid_t)pid;
	p.ppid = (pid_t)field[PPID];
	p.state = close[2];
	memcpy(p.comm, open + 1, len);
	p.threads = field[THREADS] > 0 && field[THREADS] < INT32_MAX ? (int)field[THREADS] : 0;
	p.is_kernel = (unsigned long long)field[FLAGS] & PF_KTHREAD;
	p.cpu_ticks = (uint64_t)field[UTIME] + (uint64_t)field[STIME];
	if (field[CUTIME] >= 0 && field[CSTIME] >= 0)
		p.children_ticks = (uint64_t)field[CUTIME] + (uint64_t)field[CSTIME];
	p.start_ticks = (uint64_t)field[START];
	p.rss_pages = field[RSS];
	p.exit_code = n > EXIT_CODE ? (int)field[EXIT_CODE] : 0;
	*ret = p;
	return 0;
}

/* Reads at most SIZE - 1 bytes of PROC_FD/PID/NAME and ends them with NUL. The length, or -errno. */
static ssize_t read_entry(int proc_fd, pid_t pid, const char *name, char *data, size_t size)
{
	char path[64];
	size_t len = 0;

	snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	_cleanup_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, data + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	data[len] = '\0';
	return (ssize_t)len;
}

static int read_stat(int proc_fd, pid_t pid, struct proc *ret)
{
	char line[STAT_MAX_BYTES];

	ssize_t len = read_entry(proc_fd, pid, "stat", line, sizeof(line));
	if (len < 0)
		return (int)len;
	/* A NUL cannot be in a comm, so the text is whole. */
	return proc_parse_stat(line, ret);
}

static pid_t parse_pid(const char *name)
{
	long pid = 0;

	for (const char *c = name; *c; c++) {
		if (*c < '0' || *c > '9' || pid > PROCESSES_MAX)
			return 0;
		pid = 10 * pid + (*c - '0');
	}
	return (pid_t)pid;
}

static int add_proc(struct proctree *t, const struct proc *p)
{
	if (t->n % 256 == 0) {
		struct proc *grown = realloc(t->items, (t->n + 256) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->items = grown;
	}
	t->items[t->n++] = *p;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct proc *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

static int scan(DIR *dir, struct proctree *t)
{
	struct dirent *entry;

	while (errno = 0, entry = readdir(dir)) {
		struct proc p;

		pid_t pid = parse_pid(entry->d_name);
		if (pid <= 0)
			continue;
		/* It may be gone by now, or not be ours to see. */
		if (read_stat(dirfd(dir), pid, &p) < 0 || p.pid != pid)
			continue;
		int r = add_proc(t, &p);
		if (r < 0)
			return r;
	}
	return -errno;
}

int proctree_scan(int proc_fd, struct proctree *ret)
{
	_cleanup_proctree_ struct proctree t = PROCTREE_EMPTY;

	t.fd = fcntl(proc_fd, F_DUPFD_CLOEXEC, 4);
	int own = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (t.fd < 0 || !dir) {
		int r = -errno;

		close_fd(dir ? -1 : own);
		if (dir)
			closedir(dir);
		return r;
	}
	int r = scan(dir, &t);
	closedir(dir);
	if (r < 0)
		return r;
	if (t.n)
		qsort(t.items, t.n, sizeof(*t.items), compare_pids);
	t.is_hidden = !proctree_find(&t, 1);
	*ret = t;
	t = PROCTREE_EMPTY;
	return 0;
}

void proctree_free(struct proctree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->items[i].cmdline);
		free(t->items[i].argv0);
		free(t->items[i].exe);
	}
	free(t->items);
	close_fd(t->fd);
	*t = PROCTREE_EMPTY;
}

const struct proc *proctree_find(const struct proctree *t, pid_t pid)
{
	const struct proc key = { .pid = pid };

	return t->n ? bsearch(&key, t->items, t->n, sizeof(*t->items), compare_pids) : NULL;
}

bool proc_is_alive(const struct proc *p)
{
	return p->state == 'Z' ? p->threads > 1 : !strchr("Xx", p->state);
}

/* "NSpid:	4711	1": a number in each name space, from ours inwards (proc_pid_status(5)). */
bool proc_is_contained(const struct proctree *t, const struct proc *p)
{
	char data[4096];
	int inner;

	const char *line =
		read_entry(t->fd, p->pid, "status", data, sizeof(data)) > 0 ? strstr(data, "\nNSpid:") : NULL;
	return line && sscanf(line, "\nNSpid: %*d%*[ \t]%d", &inner) == 1;
}

static void read_cmdline(const struct proctree *t, struct proc *p)
{
	char data[CMDLINE_MAX_BYTES];

	if (p->cmdline)
		return;
	ssize_t len = read_entry(t->fd, p->pid, "cmdline", data, sizeof(data));
	if (len < 0)
		len = 0;
	data[len] = '\0';
	p->argv0 = strdup(data);
	while (len > 0 && data[len - 1] == '\0')
		len--;
	for (ssize_t i = 0; i < len; i++)
		if (data[i] == '\0')
			data[i] = ' ';
	p->cmdline = strdup(data);
}

const char *proc_cmdline(const struct proctree *t, struct proc *p)
{
	read_cmdline(t, p);
	return p->cmdline ? p->cmdline : "";
}

const char *proc_argv0(const struct proctree *t, struct proc *p)
{
	read_cmdline(t, p);
	return p->argv0 ? p->argv0 : "";
}

const char *proc_exe(const struct proctree *t, struct proc *p)
{
	static const char deleted[] = " (deleted)"; /* replaced by an upgrade: still the same program */
	char path[64], target[4096];

	if (p->exe)
		return p->exe;
	snprintf(path, sizeof(path), "%d/exe", (int)p->pid);
	ssize_t n = readlinkat(t->fd, path, target, sizeof(target) - 1);
	size_t len = n < 0 ? 0 : (size_t)n, suffix = strlen(deleted);
	target[len] = '\0';
	if (len > suffix && strcmp(target + len - suffix, deleted) == 0)
		target[len - suffix] = '\0';
	p->exe = strdup(target);
	return p->exe ? p->exe : "";
}

int64_t proc_uid(const struct proctree *t, struct proc *p)
{
	char data[4096];
	long long effective;

	if (p->uid != PROC_UID_NOT_READ)
		return p->uid;
	/* The owner of the folder is root when the process is not dumpable, so it does not tell. */
	ssize_t len = read_entry(t->fd, p->pid, "status", data, sizeof(data));
	if (len < 0)
		return p->uid = len;
	const char *line = strstr(data, "\nUid:");
	p->uid = line && sscanf(line, "\nUid: %*d %lld", &effective) == 1 && effective >= 0 ? effective
											    : -EBADMSG;
	return p->uid;
}

int proc_read_start(const struct proctree *t, pid_t pid, uint64_t *ret_ticks)
{
	struct proc p;

	int r = read_stat(t->fd, pid, &p);
	if (r < 0)
		return r;
	*ret_ticks = p.start_ticks;
	return 0;
}

int64_t proc_ticks_usec(uint64_t ticks)
{
	return (int64_t)((double)ticks / (double)sysconf(_SC_CLK_TCK) * (double)USEC_PER_SEC);
}
