/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define KILLED_MAX_USEC USEC_PER_SEC /* longer than this no killed process lives that is not stuck */

static char *const environment[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	(char *)"LC_ALL=C.UTF-8",
	NULL,
};

/* systemd starts services with SIGPIPE ignored, and exec() hands that on. */
static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The service is spared when memory runs out; a program that ate it must not be. */
static void give_up_protection(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char first = 0;

	if (fd >= 0 && read(fd, &first, 1) == 1 && first == '-' && pwrite(fd, "0", 1, 0) < 0)
		_exit(126); /* cannot be: to give it up is always allowed */
	close_fd(fd);
}

/* In the child: nothing here allocates. */
static void become_command(char *const *words, int null, int out, int err, int failed, pid_t parent)
	__attribute__((__noreturn__));
static void become_command(char *const *words, int null, int out, int err, int failed, pid_t parent)
{
	setpgid(0, 0);
	reset_signals();
	give_up_protection();
	/* The runner may be killed with its own group, which is not this one. */
	bool good = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
		    dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		    dup2(err, STDERR_FILENO) >= 0 &&
		    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U,
			    4u /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */) == 0;
	if (good)
		execve(words[0], words, environment);
	int error = errno;
	while (write(failed, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(127);
}

struct pipe {
	int fd[2];
};

static void close_pipe(struct pipe *p)
{
	close_fd(p->fd[0]);
	close_fd(p->fd[1]);
}

#define _cleanup_pipe_ _cleanup_(close_pipe)
#define PIPE_NONE ((struct pipe){ { -1, -1 } })

/* Descriptors above the standard ones, so that dup2() in the child hits none of them: the runner keeps 0 to 2
 * open. */
static int open_pipe(struct pipe *p)
{
	return pipe2(p->fd, O_CLOEXEC) < 0 ? -errno : 0;
}

/* What execve() said in the child; 0 when the program runs. */
static int read_failure(struct pipe *failed)
{
	int error = 0;
	ssize_t n;

	failed->fd[1] = close_fd(failed->fd[1]);
	do
		n = read(failed->fd[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? -error : 0;
}

static int start(struct command *p, char *const *words)
{
	_cleanup_pipe_ struct pipe out = PIPE_NONE, err = PIPE_NONE, failed = PIPE_NONE;
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t parent = getpid();

	int r = null < 0 ? -errno : open_pipe(&out);
	if (r == 0)
		r = open_pipe(&err);
	if (r == 0)
		r = open_pipe(&failed);
	if (r < 0)
		return r;
	p->began_usec = clock_boottime_usec();
	p->pid = fork();
	if (p->pid < 0)
		return -errno;
	if (p->pid == 0)
		become_command(words, null, out.fd[1], err.fd[1], failed.fd[1], parent);
	setpgid(p->pid, p->pid); /* here too: who comes first is not known */
	r = read_failure(&failed);
	p->pidfd = r == 0 ? (int)syscall(SYS_pidfd_open, p->pid, 0) : -1;
	if (r == 0 && p->pidfd < 0)
		r = -errno;
	if (r < 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
		return r;
	}
	p->out.fd = TAKE_FD(out.fd[0]);
	p->err.fd = TAKE_FD(err.fd[0]);
	fcntl(p->out.fd, F_SETFL, O_NONBLOCK);
	fcntl(p->err.fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Reads what is there. What is over the limit is read too, or the program would wait for us for ever. */
static void drain(struct command_stream *s)
{
	char chunk[8192];
	ssize_t n = 0;

	while (s->fd >= 0 && s->written < COMMAND_FLOOD_MAX && (n = read(s->fd, chunk, sizeof(chunk))) > 0) {
		size_t room = s->kept.max - s->kept.len, len = (size_t)n < room ? (size_t)n : room;

		for (size_t i = 0; i < len; i++)
			if (!chunk[i])
				chunk[i] = '?'; /* a NUL would hide what follows */
		buf_append(&s->kept, chunk, len);
		s->written += (size_t)n;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		s->fd = close_fd(s->fd);
}

/* Waits until the program has ended, not until its pipes are closed: what it left running may hold them. */
static void follow(struct command *p, int64_t until_usec)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN },
			{ .fd = p->out.fd, .events = POLLIN }, { .fd = p->err.fd, .events = POLLIN } };
		int64_t left = until_usec - clock_boottime_usec();

		p->is_late = left <= 0;
		p->is_flooding = p->out.written >= COMMAND_FLOOD_MAX || p->err.written >= COMMAND_FLOOD_MAX;
		if (p->is_late || p->is_flooding)
			return;
		poll(fds, ELEMENTS(fds), (int)(left / USEC_PER_MSEC) + 1);
		drain(&p->out);
		drain(&p->err);
		if (fds[0].revents)
			return;
	}
}

/* The group is killed before its leader is waited for: afterwards the number may belong to others. */
static void end(struct command *p)
{
	struct pollfd fd = { .fd = p->pidfd, .events = POLLIN };
	int n;

	kill(-p->pid, SIGKILL);
	do
		n = poll(&fd, 1, KILLED_MAX_USEC / USEC_PER_MSEC);
	while (n < 0 && errno == EINTR);
	p->is_stuck = n <= 0;
	if (!p->is_stuck)
		while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
			;
	drain(&p->out);
	drain(&p->err);
}

int command_run(struct command *c, char *const *words, int64_t timeout_usec)
{
	int r = start(c, words);

	if (r < 0)
		return r;
	follow(c, c->began_usec + timeout_usec);
	c->ended_usec = clock_boottime_usec();
	end(c);
	return 0;
}

void command_free(struct command *c)
{
	close_fd(c->pidfd);
	close_fd(c->out.fd);
	close_fd(c->err.fd);
	buf_free(&c->out.kept);
	buf_free(&c->err.kept);
}
