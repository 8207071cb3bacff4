/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "helper.h"

#include "clock.h"
#include "log.h"
#include "translate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define QUEUE_MAX 200000 /* messages; a helper that lets this many wait is broken */
#define MESSAGES_PER_TURN 256 /* then the loop looks at others first */
#define RETIRE_USEC (2 * USEC_PER_SEC)
#define STUCK_USEC (1 * USEC_PER_SEC)

struct queued {
	struct queued *next;
	char *data;
	size_t len;
	int fd;
};

struct helper {
	struct helper *next; /* of all helpers: who is not among them is a stray */
	sd_event *event;
	const struct helper_callbacks *callbacks;
	void *userdata;
	char *name, *note;
	int lock_error;
	enum helper_phase phase;
	struct helper_end end;
	pid_t pid;
	int socket;
	sd_event_source *socket_source, *child_source, *deadline_source;
	void (*past_deadline)(struct helper *h);
	struct queued *queue, **queue_end;
	size_t n_queued;
	bool has_ended; /* `ended` was called */
	bool in_callback, is_freed; /* freed within a callback: the memory goes when that returns */
};

/* The only global: the kernel keeps one list of children for the process, and this is our copy of it. */
static struct helper *all_helpers;

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* In the child, between fork and exec: only async-signal-safe calls. */
static void __attribute__((__noreturn__)) become(const struct helper_options *options, int socket, int null, pid_t daemon)
{
	struct sigaction act = { .sa_handler = SIG_DFL };
	struct rlimit files;
	sigset_t none;

	for (int s = 1; s < _NSIG; s++)
		sigaction(s, &act, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The daemon has raised it for itself; what runs here may use select(). */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > FD_SETSIZE) {
		files.rlim_cur = FD_SETSIZE;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setpgid(0, 0);
	if (options->dies_with_daemon) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != daemon) /* it died before the line above */
			_exit(127);
	}
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (socket == MSG_FD)
		fcntl(MSG_FD, F_SETFD, 0);
	else
		dup2(socket, MSG_FD);
	execv(options->path, (char *const *)options->argv);
	_exit(127);
}

static void drop_queue(struct helper *h)
{
	while (h->queue) {
		struct queued *q = h->queue;

		h->queue = q->next;
		close_fd(q->fd);
		free(q->data);
		free(q);
	}
	h->queue_end = &h->queue;
	h->n_queued = 0;
}

static void close_socket(struct helper *h)
{
	h->socket_source = sd_event_source_disable_unref(h->socket_source);
	h->socket = close_fd(h->socket);
	drop_queue(h);
}

static void call_ended(struct helper *h)
{
	if (h->has_ended)
		return;
	const struct helper_end end = h->end; /* the owner may free H before it has read this */
	h->has_ended = true;
	if (h->callbacks->ended)
		h->callbacks->ended(h, &end, h->userdata);
}

/* The process is gone; si says how. */
static int on_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct helper *h = userdata;

	h->end.killed = si->si_code != CLD_EXITED;
	h->end.status = si->si_status;
	h->pid = 0;
	h->deadline_source = sd_event_source_disable_unref(h->deadline_source);
	if (h->phase == HELPER_STUCK) {
		h->phase = HELPER_ENDING;
		if (h->callbacks->released)
			h->callbacks->released(h, h->userdata);
		return 0;
	}
	/* What it said before it ended counts: this source has a lower priority than the socket, so all is read. */
	h->phase = HELPER_ENDING;
	close_socket(h);
	call_ended(h);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct helper *h = userdata;

	h->past_deadline(h);
	return 0;
}

/* Moved for each check of a batch: the source stays the same. */
static int arm(struct helper *h, int64_t when_usec, void (*past_deadline)(struct helper *h))
{
	int r;

	h->past_deadline = past_deadline;
	if (when_usec == USEC_NEVER) {
		h->deadline_source = sd_event_source_disable_unref(h->deadline_source);
		return 0;
	}
	if (h->deadline_source) {
		r = sd_event_source_set_time(h->deadline_source, (uint64_t)when_usec);
		return r < 0 ? r : sd_event_source_set_enabled(h->deadline_source, SD_EVENT_ONESHOT);
	}
	r = sd_event_add_time(h->event, &h->deadline_source, CLOCK_BOOTTIME, (uint64_t)when_usec,
		10 * USEC_PER_MSEC, on_timer, h);
	if (r < 0)
		return r;
	return sd_event_source_set_exit_on_failure(h->deadline_source, true);
}

static void still_there(struct helper *h)
{
	log_warning("%s [%d] was killed and still exists: it is stuck in the kernel", h->name, (int)h->pid);
	h->phase = HELPER_STUCK;
	h->deadline_source = sd_event_source_disable_unref(h->deadline_source);
	call_ended(h);
}

void helper_kill(struct helper *h)
{
	if (h->phase == HELPER_STUCK || h->pid <= 0)
		return;
	/* The group first: the leader may be gone while its children are not. */
	kill(-h->pid, SIGKILL);
	kill(h->pid, SIGKILL);
	h->phase = HELPER_ENDING;
	close_socket(h);
	arm(h, usec_add(clock_boottime_usec(), STUCK_USEC), still_there);
}

static void too_late(struct helper *h)
{
	if (h->phase != HELPER_ENDING)
		h->end.timed_out = true;
	helper_kill(h);
}

int helper_set_deadline(struct helper *h, int64_t when_usec)
{
	return h->phase >= HELPER_ENDING ? 0 : arm(h, when_usec, too_late);
}

void helper_retire(struct helper *h)
{
	if (h->phase >= HELPER_ENDING)
		return;
	h->phase = HELPER_ENDING;
	close_socket(h);
	arm(h, usec_add(clock_boottime_usec(), RETIRE_USEC), too_late);
}

static int start_sources(struct helper *h)
{
	int r = sd_event_add_io(h->event, &h->socket_source, h->socket, EPOLLIN, on_socket, h);
	if (r < 0)
		return r;
	sd_event_source_set_exit_on_failure(h->socket_source, true);
	r = sd_event_add_child(h->event, &h->child_source, h->pid, WEXITED, on_child, h);
	if (r < 0)
		return r;
	sd_event_source_set_exit_on_failure(h->child_source, true);
	return sd_event_source_set_priority(h->child_source, SD_EVENT_PRIORITY_IDLE - 10);
}

int helper_start(sd_event *event, const struct helper_options *options, const struct helper_callbacks *callbacks,
	void *userdata, struct helper **ret)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2];

	if (null < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return -errno;

	struct helper *h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->socket = -1;
	h->queue_end = &h->queue;
	h->name = strdup(options->argv[0]);
	h->note = strdup("");
	if (!h->name || !h->note) {
		helper_free(h);
		return -ENOMEM;
	}

	pid_t daemon = getpid(), pid = fork();
	if (pid < 0) {
		int r = -errno;

		helper_free(h);
		return r;
	}
	if (pid == 0)
		become(options, theirs, null, daemon);
	setpgid(pid, pid); /* in both, so that neither has to wait for the other */

	h->event = sd_event_ref(event);
	h->callbacks = callbacks;
	h->userdata = userdata;
	h->pid = pid;
	h->socket = TAKE_FD(ours);
	h->next = all_helpers;
	all_helpers = h;
	int r = start_sources(h);
	if (r < 0) {
		helper_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

/* Sends what waits; asks to be called again if the socket is full. */
static int flush(struct helper *h)
{
	while (h->queue) {
		struct queued *q = h->queue;
		int r = msg_send_data(h->socket, q->data, q->len, q->fd);

		if (r == -EAGAIN)
			break;
		if (r < 0)
			return r;
		h->queue = q->next;
		if (!h->queue)
			h->queue_end = &h->queue;
		h->n_queued--;
		close_fd(q->fd);
		free(q->data);
		free(q);
	}
	return sd_event_source_set_io_events(h->socket_source, h->queue ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

int helper_sendv(struct helper *h, enum msg_kind kind, const char *const *fields, size_t n)
{
	return helper_sendv_fd(h, kind, -1, fields, n);
}

int helper_sendv_fd(struct helper *h, enum msg_kind kind, int fd, const char *const *fields, size_t n)
{
	if (h->phase >= HELPER_ENDING)
		return -EPIPE;
	if (h->n_queued >= QUEUE_MAX)
		return -ENOBUFS;

	struct queued *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	int r = msg_encode(kind, fields, n, &q->data, &q->len, &q->fd);
	if (r >= 0 && fd >= 0) {
		q->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		r = q->fd < 0 ? -errno : 0;
	}
	if (r < 0) {
		free(q->data);
		free(q);
		return r;
	}
	*h->queue_end = q;
	h->queue_end = &q->next;
	h->n_queued++;
	/* A peer that has gone is noticed by the reading side, which also has its last words. */
	r = flush(h);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static void take_notes(struct helper *h, const struct msg *ready)
{
	char *note = strdup(ready->field[0]);
	int64_t error;

	if (ready->n_fields > 1 && msg_number(ready, 1, &error) == 0 && error > 0 && error <= INT_MAX)
		h->lock_error = (int)error;
	if (!note)
		return;
	free(h->note);
	h->note = note;
}

/* Hands one message to the owner. Returns false when the helper is no more, or is ending. */
static bool dispatch(struct helper *h, struct msg *m)
{
	if (m->kind == MSG_READY && h->phase == HELPER_STARTING) {
		take_notes(h, m);
		h->phase = HELPER_IDLE;
	}
	h->in_callback = true;
	if (h->callbacks->message)
		h->callbacks->message(h, m, h->userdata);
	h->in_callback = false;
	if (h->is_freed) {
		free(h);
		return false;
	}
	return h->phase < HELPER_ENDING;
}

/* Broken or closed: the process has nothing more to say, so it has no reason to live. */
static int end_of_messages(struct helper *h, int error)
{
	if (error < 0) {
		log_warning("%s [%d] sent what is no message; killing it", h->name, (int)h->pid);
		h->end.broke_protocol = true;
		helper_kill(h);
		return 0;
	}
	helper_retire(h);
	return 0;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct helper *h = userdata;

	if (events & EPOLLOUT) {
		int r = flush(h);

		if (r < 0 && r != -EPIPE && r != -ECONNRESET)
			return end_of_messages(h, r);
	}
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		_cleanup_msg_ struct msg *m = NULL;
		int r = msg_receive(h->socket, &m);

		if (r == -EAGAIN)
			return 0;
		if (r <= 0)
			return end_of_messages(h, r);
		if (!dispatch(h, m))
			return 0;
	}
	return 0;
}

struct helper *helper_free(struct helper *h)
{
	if (!h)
		return NULL;
	for (struct helper **p = &all_helpers; *p; p = &(*p)->next) {
		if (*p == h) {
			*p = h->next;
			break;
		}
	}
	if (h->pid > 0) {
		kill(-h->pid, SIGKILL);
		kill(h->pid, SIGKILL);
	}
	if (h->socket_source)
		close_socket(h);
	h->socket = close_fd(h->socket);
	sd_event_source_disable_unref(h->child_source);
	sd_event_source_disable_unref(h->deadline_source);
	drop_queue(h);
	if (h->event)
		sd_event_unref(h->event);
	free(h->name);
	free(h->note);
	h->is_freed = true;
	if (!h->in_callback)
		free(h);
	return NULL;
}

enum helper_phase helper_phase(const struct helper *h)
{
	return h->phase;
}

void helper_set_busy(struct helper *h, bool busy)
{
	if (h->phase == HELPER_IDLE || h->phase == HELPER_BUSY)
		h->phase = busy ? HELPER_BUSY : HELPER_IDLE;
}

const char *helper_note(const struct helper *h)
{
	return h->note;
}

int helper_lock_error(const struct helper *h)
{
	return h->lock_error;
}

void *helper_userdata(const struct helper *h)
{
	return h->userdata;
}

void helper_describe_end(const struct helper_end *end, struct buf *b)
{
	if (end->timed_out)
		buf_puts(b, _("gave no answer within its time limit and was killed"));
	else if (end->broke_protocol)
		buf_puts(b, _("sent garbage to the daemon and was killed"));
	else if (end->killed && sigabbrev_np(end->status))
		buf_printf(b, _("crashed (SIG%s, %s)"), sigabbrev_np(end->status), sigdescr_np(end->status));
	else if (end->killed)
		buf_printf(b, _("was killed by signal %d"), end->status);
	else if (end->status == 127)
		buf_puts(b, _("could not be started"));
	else
		buf_printf(b, _("ended by itself with exit status %d"), end->status);
}

static bool is_tracked(pid_t pid)
{
	for (const struct helper *h = all_helpers; h; h = h->next)
		if (h->pid == pid)
			return true;
	return false;
}

void helper_sweep_strays(void)
{
	_cleanup_fclose_ FILE *children = fopen("/proc/thread-self/children", "re");
	int pid;

	if (!children) /* a kernel without CONFIG_PROC_CHILDREN: strays stay until they end */
		return;
	while (fscanf(children, "%d", &pid) == 1) {
		if (is_tracked(pid))
			continue;
		if (getpid() != 1) /* to whom all orphans of a container come, not only ours */
			kill(pid, SIGKILL);
		waitpid(pid, NULL, WNOHANG);
	}
}

void helper_reap_all(int64_t limit_usec)
{
	int64_t until = usec_add(clock_boottime_usec(), limit_usec);

	while (clock_boottime_usec() < until) {
		const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };

		helper_sweep_strays();
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		nanosleep(&pause, NULL);
	}
}
