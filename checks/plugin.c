/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin: runs a monitoring plugin (Nagios, Icinga and others) and hands on its state, text and performance
 * data, as the Monitoring Plugins Development Guidelines describe them. No shell has a part in it: the
 * command is cut into words here, and nothing in it is replaced.
 *
 * The plugin gets a process group of its own, which is killed when its time is over or when it has ended;
 * what left the group is ended by the runner, who is its subreaper. */
#include "buf.h"
#include "clock.h"
#include "perfdata.h"
#include "tocsin-check.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define OUTPUT_MAX 65536
#define FLOOD_MAX (16 << 20) /* who writes more than this does not come to an end */
#define COMMAND_MAX 8192
#define WORDS_MAX 512
#define KILLED_MAX_USEC USEC_PER_SEC /* longer than this no killed process lives that is not stuck */

struct config {
	const char *command;
	int64_t plugin_timeout;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(command, TOCSIN_STRING), .help = "The plugin, an absolute path, and its arguments; quoted "
						  "as for a shell, but never run by one" },
	{ MEMBER(plugin_timeout, TOCSIN_DURATION), .fallback = "9s", .min = 50000, .max = 3600e6,
		.help = "How long the plugin may run before it is killed; keep it below the timeout of the "
			"check, or "
			"its output is lost" },
	{ .name = NULL },
};

/* --- The command */

struct words {
	char *text;                 /* all of them, a NUL behind each */
	char *items[WORDS_MAX + 1]; /* into it, NULL at the end */
	size_t n;
};

static void free_words(struct words *w)
{
	free(w->text);
}

/* Quoted text at *S up to its end, as in a shell: in '' everything stands for itself, in "" a backslash takes
 * the meaning from a quote or a backslash. */
static const char *copy_quoted(const char **s, char **out)
{
	char quote = *(*s)++;

	for (; **s != quote; (*s)++) {
		if (quote == '"' && **s == '\\' && ((*s)[1] == '"' || (*s)[1] == '\\'))
			(*s)++;
		if (!**s)
			return "command has a quotation mark without its partner";
		*(*out)++ = **s;
	}
	(*s)++;
	return NULL;
}

static const char *copy_word(const char **s, char **out)
{
	while (**s && !strchr(" \t", **s)) {
		if (**s == '\'' || **s == '"') {
			const char *wrong = copy_quoted(s, out);

			if (wrong)
				return wrong;
			continue;
		}
		if (strchr("|&;<>()$`", **s))
			return "command is not run by a shell: put | & ; < > ( ) $ ` in quotation marks if "
			       "the plugin shall get them, or write a script";
		if (**s == '\\' && !*++*s)
			return "command ends with a backslash";
		*(*out)++ = *(*s)++;
	}
	*(*out)++ = '\0';
	return NULL;
}

/* NULL, or what is wrong. */
static const char *split(const char *command, struct words *ret)
{
	struct words w = { .text = malloc(strlen(command) + 2) };
	const char *s = command, *wrong = NULL;
	char *out = w.text;

	if (!w.text)
		return "there is no memory for command";
	while (!wrong && *(s += strspn(s, " \t"))) {
		w.items[w.n++] = out;
		wrong = w.n > WORDS_MAX - 1 ? "command has too many words" : copy_word(&s, &out);
	}
	if (!wrong && (w.n == 0 || w.items[0][0] != '/'))
		wrong = "command must begin with the absolute path of the plugin";
	if (wrong) {
		free(w.text);
		return wrong;
	}
	w.items[w.n] = NULL;
	*ret = w;
	return NULL;
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	struct words words;

	if (!c->command)
		return "command is needed: the plugin to run";
	if (strlen(c->command) > COMMAND_MAX)
		return "command is longer than 8192 bytes";
	const char *wrong = split(c->command, &words);
	if (!wrong)
		free_words(&words);
	return wrong;
}

/* --- The process */

struct stream {
	int fd;
	struct buf kept;
	size_t written;
};

struct process {
	pid_t pid;
	int pidfd;
	struct stream out, err;
	bool is_late, is_flooding, is_stuck;
	int status; /* of waitpid(), if it is not stuck */
	int64_t began_usec;
};

static void release(struct process *p)
{
	close_fd(p->pidfd);
	close_fd(p->out.fd);
	close_fd(p->err.fd);
	buf_free(&p->out.kept);
	buf_free(&p->err.kept);
}

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

/* The service is spared when memory runs out; a plugin that ate it must not be. */
static void give_up_protection(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char first = 0;

	if (fd >= 0 && read(fd, &first, 1) == 1 && first == '-' && pwrite(fd, "0", 1, 0) < 0)
		_exit(126); /* cannot be: to give it up is always allowed */
	close_fd(fd);
}

/* In the child: nothing here allocates. */
static void become_plugin(char *const *words, int null, int out, int err, int failed, pid_t parent)
	__attribute__((__noreturn__));
static void become_plugin(char *const *words, int null, int out, int err, int failed, pid_t parent)
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

/* What execve() said in the child; 0 when the plugin runs. */
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

static int start(struct process *p, char *const *words)
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
		become_plugin(words, null, out.fd[1], err.fd[1], failed.fd[1], parent);
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

/* Reads what is there. What is over the limit is read too, or the plugin would wait for us for ever. */
static void drain(struct stream *s)
{
	char chunk[8192];
	ssize_t n = 0;

	while (s->fd >= 0 && s->written < FLOOD_MAX && (n = read(s->fd, chunk, sizeof(chunk))) > 0) {
		size_t room = OUTPUT_MAX - s->kept.len, len = (size_t)n < room ? (size_t)n : room;

		for (size_t i = 0; i < len; i++)
			if (!chunk[i])
				chunk[i] = '?'; /* a NUL would hide what follows */
		buf_append(&s->kept, chunk, len);
		s->written += (size_t)n;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		s->fd = close_fd(s->fd);
}

/* Waits until the plugin has ended, not until its pipes are closed: what it left running may hold them. */
static void follow(struct process *p, int64_t until_usec)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = p->pidfd, .events = POLLIN },
			{ .fd = p->out.fd, .events = POLLIN }, { .fd = p->err.fd, .events = POLLIN } };
		int64_t left = until_usec - clock_boottime_usec();

		p->is_late = left <= 0;
		p->is_flooding = p->out.written >= FLOOD_MAX || p->err.written >= FLOOD_MAX;
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
static void end(struct process *p)
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

/* --- What it said */

struct phrase {
	char text[256];
};

static struct phrase duration(int64_t usec)
{
	_cleanup_buf_ struct buf b = BUF(sizeof(struct phrase) - 1);
	struct phrase w;

	format_duration(&b, usec);
	snprintf(w.text, sizeof(w.text), "%s", buf_text(&b));
	return w;
}

/* The state, and why the plugin's own word for it does not count; "" when it does. */
static enum tocsin_state judge(const struct config *c, const struct process *p, struct phrase *ret_why)
{
	size_t size = sizeof(ret_why->text);

	ret_why->text[0] = '\0';
	if (p->is_late || p->is_flooding) {
		int n = p->is_late ? snprintf(ret_why->text, size,
					     "the plugin did not end within %s and was killed",
					     duration(c->plugin_timeout).text)
				   : snprintf(ret_why->text, size,
					     "the plugin wrote without end and was killed");
		if (p->is_stuck)
			snprintf(ret_why->text + n, size - (size_t)n, "; it is stuck in the kernel (pid %d)",
				(int)p->pid);
	} else if (WIFSIGNALED(p->status)) {
		snprintf(ret_why->text, size, "the plugin was killed by signal %d (%s)", WTERMSIG(p->status),
			strsignal(WTERMSIG(p->status)));
	} else if (WEXITSTATUS(p->status) > TOCSIN_UNKNOWN) {
		int status = WEXITSTATUS(p->status);

		snprintf(ret_why->text, size, "the plugin's exit status %d is no state%s", status,
			status == 126   ? " (126: a program that it calls cannot be executed)"
			: status == 127 ? " (127: a program that it calls was not found)"
					: "");
	} else {
		return (enum tocsin_state)WEXITSTATUS(p->status);
	}
	return TOCSIN_UNKNOWN;
}

/* The first line that is not empty of what it wrote to standard error. */
static const char *first_complaint(char *text)
{
	text += strspn(text, " \t\r\n");
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static void report_state(
	struct tocsin_run *run, const struct config *c, const struct process *p, const char *text)
{
	_cleanup_free_ char *complaint = strdup(buf_text(&p->err.kept));
	struct phrase why;

	enum tocsin_state state = judge(c, p, &why);
	if (!*text && complaint)
		text = first_complaint(complaint);
	if (*why.text)
		tocsin_item(run, tocsin_name(run), state, "%s%s%s", why.text, *text ? ": " : "", text);
	else
		tocsin_item(run, tocsin_name(run), state, "%s", *text ? text : "the plugin said nothing");
}

/* What a metric cannot hold. */
struct remarks {
	struct buf ranges, unknown, bad;
};

static void free_remarks(struct remarks *r)
{
	buf_free(&r->ranges);
	buf_free(&r->unknown);
	buf_free(&r->bad);
}

static void remark_range(
	struct buf *b, const char *label, const char *what, const struct perfdata_range *range)
{
	if (*range->text && !perfdata_range_is_upper_limit(range))
		buf_printf(b, "%s: %s %s %s\n", label, what,
			range->is_inside ? "when the value is inside of" : "when the value is outside of",
			range->text);
}

static void report_metric(struct tocsin_run *run, const struct perfdata *p, struct remarks *remarks)
{
	const struct tocsin_metric metric = {
		.name = p->label,
		.value = p->value,
		.unit = p->unit,
		.warning = perfdata_range_limit(&p->warning, p->value),
		.critical = perfdata_range_limit(&p->critical, p->value),
		.min = p->min,
		.max = p->max,
	};

	if (isnan(p->value))
		buf_printf(&remarks->unknown, "%s\n", p->label);
	else
		tocsin_metric(run, tocsin_name(run), &metric);
	remark_range(&remarks->ranges, p->label, "warning", &p->warning);
	remark_range(&remarks->ranges, p->label, "critical", &p->critical);
}

static int report_metrics(struct tocsin_run *run, const char *text, struct remarks *remarks)
{
	const char *bad;
	size_t len;

	for (;;) {
		_cleanup_perfdata_ struct perfdata p = { 0 };

		int r = perfdata_next(&text, &p, &bad, &len);
		if (r == 0 || r == -ENOMEM)
			return r;
		if (r == -EBADMSG)
			buf_printf(&remarks->bad, "%.*s\n", (int)len, bad);
		else
			report_metric(run, &p, remarks);
	}
}

static void show(struct tocsin_run *run, const char *title, const char *text)
{
	if (*text)
		tocsin_evidence(run, tocsin_name(run), title, text);
}

static void show_stream(struct tocsin_run *run, const char *title, const struct stream *s, const char *text)
{
	show(run, title, text);
	if (s->written > s->kept.len) {
		struct phrase note;

		snprintf(note.text, sizeof(note.text),
			"%s %zu bytes were written, only the first %zu were kept.",
			s->written >= FLOOD_MAX ? "More than" : "", s->written, s->kept.len);
		show(run, "Output was cut", note.text + strspn(note.text, " "));
	}
}

static int report(struct tocsin_run *run, const struct config *c, struct process *p)
{
	_cleanup_(
		free_remarks) struct remarks remarks = { BUF(OUTPUT_MAX), BUF(OUTPUT_MAX), BUF(OUTPUT_MAX) };
	_cleanup_free_ char *output = strdup(buf_text(&p->out.kept));
	struct perfdata_output o;

	if (!output)
		return -ENOMEM;
	perfdata_split(output, &o);
	report_state(run, c, p, o.text);
	int r = report_metrics(run, o.first, &remarks);
	if (r == 0)
		r = report_metrics(run, o.more, &remarks);
	show_stream(run, "Output of the plugin", &p->out, o.lines);
	show_stream(run, "What it wrote to standard error", &p->err, buf_text(&p->err.kept));
	show(run, "Limits that are ranges", buf_text(&remarks.ranges));
	show(run, "Values that the plugin could not determine", buf_text(&remarks.unknown));
	show(run, "Performance data that is none", buf_text(&remarks.bad));
	return r;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(release) struct process p = {
		.pidfd = -1,
		.out = { .fd = -1, .kept = BUF(OUTPUT_MAX) },
		.err = { .fd = -1, .kept = BUF(OUTPUT_MAX) },
	};
	_cleanup_(free_words) struct words words = { 0 };
	const struct config *c = config;

	if (split(c->command, &words))
		return -EINVAL; /* validate() has split it */
	if (*tocsin_root(run)) {
		tocsin_reason(run, "a plugin cannot look at a recorded tree");
		return -EOPNOTSUPP;
	}
	int r = start(&p, words.items);
	if (r < 0) {
		tocsin_reason(run, "%s cannot be started: %s", words.items[0], strerror(-r));
		return r;
	}
	follow(&p, p.began_usec + c->plugin_timeout);
	end(&p);
	return report(run, c, &p);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "plugin",
	.summary = "State, text and performance data of a monitoring plugin",
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
