/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence.h"

#include "buf.h"
#include "clock.h"
#include "procread.h"
#include "proctree.h"
#include "translate.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>

#define TOP 10
#define SAMPLE_USEC (200 * USEC_PER_MSEC)
#define TEXT_MAX 16384

struct user {
	struct proc *proc;
	uint64_t amount; /* ticks or bytes */
	uint64_t swapped;
};

static int compare_users(const void *a, const void *b)
{
	const struct user *p = a, *q = b;

	return p->amount != q->amount ? (p->amount < q->amount ? 1 : -1) : (p->proc->pid > q->proc->pid) - 1;
}

static void sort_users(struct user *users, size_t n)
{
	if (n)
		qsort(users, n, sizeof(*users), compare_users);
}

/* What each process of LATER used since EARLIER. */
static size_t collect_busy(const struct proctree *earlier, const struct proctree *later, struct user *busy)
{
	size_t n = 0;

	for (size_t i = 0; i < later->n; i++) {
		struct proc *p = &later->items[i];
		const struct proc *before = earlier ? proctree_find(earlier, p->pid) : NULL;

		if (before && before->start_ticks != p->start_ticks)
			before = NULL;
		uint64_t ticks =
			p->cpu_ticks - (before && before->cpu_ticks <= p->cpu_ticks ? before->cpu_ticks : 0);
		if (ticks)
			busy[n++] = (struct user){ p, ticks, 0 };
	}
	sort_users(busy, n);
	return n;
}

static void put_process(struct buf *b, const struct proctree *t, struct proc *p)
{
	const char *cmdline = proc_cmdline(t, p);

	buf_printf(b, "  pid %d  %s", (int)p->pid, p->comm);
	if (*cmdline)
		buf_printf(b, "  %.100s", cmdline);
	buf_putc(b, '\n');
}

/* EARLIER is NULL under a recorded root, where there is only one moment: then time since the start is shown.
 */
static void show_busy(struct tocsin_run *run, const char *item, const struct proctree *earlier,
	const struct proctree *later, int64_t between_usec)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	_cleanup_free_ struct user *busy = calloc(later->n + 1, sizeof(*busy));

	size_t n = busy ? collect_busy(earlier, later, busy) : 0;
	for (size_t i = 0; i < n && i < TOP; i++) {
		double used = (double)proc_ticks_usec(busy[i].amount);

		if (earlier)
			buf_printf(&b, "%5.0f %%", 100.0 * used / (double)between_usec);
		else
			buf_printf(&b, "%7.1f s", used / (double)USEC_PER_SEC);
		put_process(&b, later, busy[i].proc);
	}
	if (n == 0)
		buf_puts(&b, _("no process used the processor in this moment\n"));
	tocsin_evidence(run, item,
		/* xgettext:no-c-format */
		earlier ? N_("Processes that use most CPU (100 % is one processor)")
			: N_("Processes that used most CPU"),
		buf_text(&b));
}

static void show_blocked(struct tocsin_run *run, const char *item, const struct proctree *t)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].state == 'D' && n++ < TOP) /* no command line: reading it could hang, too */
			buf_printf(&b, "  pid %d  %s\n", (int)t->items[i].pid, t->items[i].comm);
	if (n > TOP)
		buf_printf(&b, _("  and %zu more\n"), n - TOP);
	if (n)
		tocsin_evidence(run, item, "Waiting for a disk or file server (state D)", buf_text(&b));
}

/* Resident and swapped out, from /proc/PID/status. The proportional set size (smaps_rollup) would count
 * shared pages fairly, but only root may read it of others, and it walks the page tables under the memory
 * lock of a process that is short of memory already. */
static size_t collect_memory(const struct proctree *t, struct user *users)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct proc *p = &t->items[i];
		uint64_t resident, swapped;

		if (p->is_kernel || read_process_memory(t->fd, p->pid, &resident, &swapped) < 0)
			continue;
		if (resident + swapped)
			users[n++] = (struct user){ p, resident + swapped, swapped };
	}
	sort_users(users, n);
	return n;
}

static void show_memory(struct tocsin_run *run, const char *item, const struct proctree *t)
{
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	_cleanup_free_ struct user *users = calloc(t->n + 1, sizeof(*users));

	size_t n = users ? collect_memory(t, users) : 0;
	for (size_t i = 0; i < n && i < TOP; i++) {
		buf_printf(&b, "%9s", short_size((double)users[i].amount).text);
		if (users[i].swapped)
			buf_printf(&b, _(" (%s swapped out)"), short_size((double)users[i].swapped).text);
		/* The command line lies in the memory of the process: it may have to be swapped in first. */
		if (users[i].swapped)
			buf_printf(&b, "  pid %d  %s\n", (int)users[i].proc->pid, users[i].proc->comm);
		else
			put_process(&b, t, users[i].proc);
	}
	if (n)
		tocsin_evidence(run, item, "Processes that hold most memory (resident and swapped out)",
			buf_text(&b));
}

static int scan(struct tocsin_run *run, struct proctree *ret)
{
	_cleanup_close_ int fd = tocsin_open(run, "/proc", O_RDONLY | O_DIRECTORY);

	return fd < 0 ? fd : proctree_scan(fd, ret);
}

void evidence_processes(struct tocsin_run *run, const char *item, unsigned kinds)
{
	_cleanup_proctree_ struct proctree earlier = PROCTREE_EMPTY, later = PROCTREE_EMPTY;
	int64_t started = clock_boottime_usec();
	bool twice = (kinds & EVIDENCE_BUSY) && !*tocsin_root(run);

	if (twice) {
		if (scan(run, &earlier) < 0)
			return;
		usleep(SAMPLE_USEC);
	}
	if (scan(run, &later) < 0)
		return;
	if (kinds & EVIDENCE_BUSY)
		show_busy(run, item, twice ? &earlier : NULL, &later, clock_boottime_usec() - started);
	if (kinds & EVIDENCE_BLOCKED)
		show_blocked(run, item, &later);
	if (kinds & EVIDENCE_MEMORY)
		show_memory(run, item, &later);
	if (later.is_hidden)
		tocsin_evidence(run, item, "Not all processes are shown",
			_("/proc is mounted with hidepid: processes of other users cannot be seen."));
}

void evidence_pressure(struct tocsin_run *run, const char *item)
{
	static const char *const kinds[] = { "cpu", "io", "memory" };
	_cleanup_buf_ struct buf b = BUF(TEXT_MAX);
	char path[64], line[256];

	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		snprintf(path, sizeof(path), "/proc/pressure/%s", kinds[i]);
		_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);
		if (file && fgets(line, sizeof(line), file))
			buf_printf(&b, "%s: %s", kinds[i], line);
	}
	if (b.len)
		tocsin_evidence(
			run, item, "Pressure (share of time in which work had to wait)", buf_text(&b));
}
