/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading secrets; see secret.h. */
#include "secret.h"

#include "clock.h"
#include "log.h"
#include "text.h"
#include "translate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define secret_refuse(ret_error, error, ...) text_error(ret_error, error, 500, __VA_ARGS__)

char *secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
	return NULL;
}

/* Memory of the full size from the start, so that no growing leaves a copy behind. */
struct reading {
	char *bytes; /* SECRET_MAX + 1 */
	size_t len;
};

static void reading_free(struct reading *r)
{
	if (r->bytes)
		explicit_bzero(r->bytes, SECRET_MAX + 1);
	free(r->bytes);
}

static int reading_init(struct reading *r)
{
	r->bytes = calloc(1, SECRET_MAX + 1);
	return r->bytes ? 0 : -ENOMEM;
}

/* One read(): 1 more may come, 0 the end, -errno; -EMSGSIZE when there is too much. */
static int reading_continue(struct reading *r, int fd)
{
	ssize_t n = read(fd, r->bytes + r->len, SECRET_MAX + 1 - r->len);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	r->len += (size_t)n;
	if (r->len > SECRET_MAX)
		return -EMSGSIZE;
	return n > 0;
}

/* Takes the first line. */
static int reading_take_line(
	struct reading *r, const char *key, const char *where, char **ret, char **ret_error)
{
	char *end = memchr(r->bytes, '\n', r->len);
	size_t len = end ? (size_t)(end - r->bytes) : r->len;

	if (len > 0 && r->bytes[len - 1] == '\r')
		len--;
	if (len == 0)
		return secret_refuse(ret_error, -EINVAL, "%s: the first line of %s is empty", key, where);
	if (memchr(r->bytes, '\0', len))
		return secret_refuse(ret_error, -EINVAL, "%s: there is a NUL byte in %s", key, where);
	char *secret = strndup(r->bytes, len);
	if (!secret)
		return -ENOMEM;
	*ret = secret;
	return 0;
}

/* Only a warning: with systemd 257 credentials belong to root and are readable by an ACL, so "mine, 0600"
 * cannot be asked for, and an alarm is worth more than a lesson. */
static void warn_of_others(const char *key, const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IROTH)
		log_warning("%s %s can be read by every user of this host; chmod o-r", key, path);
}

int secret_from_file(const char *key, const char *path, char **ret, char **ret_error)
{
	_cleanup_(reading_free) struct reading reading = { 0 };
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : reading_init(&reading);

	if (r == 0) {
		warn_of_others(key, path, fd);
		do
			r = reading_continue(&reading, fd);
		while (r > 0);
	}
	if (r == -EMSGSIZE)
		return secret_refuse(ret_error, r, "%s %s is larger than %d bytes", key, path, SECRET_MAX);
	if (r < 0)
		return secret_refuse(ret_error, r, "%s %s cannot be read: %s", key, path, strerror(-r));
	return reading_take_line(&reading, key, path, ret, ret_error);
}

static int from_credential(const char *name, char **ret, char **ret_error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_free_ char *path = NULL;

	if (!directory)
		return secret_refuse(ret_error, -ENOENT,
			"credential '%s': the service was given none; the unit needs "
			"LoadCredential=%s:/path/of/the/secret",
			name, name);
	if (strchr(name, '/') || name[0] == '.')
		return secret_refuse(ret_error, -EINVAL, "credential '%s' is no name of a credential", name);
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	return secret_from_file("credential", path, ret, ret_error);
}

/* Commands. */

struct command {
	pid_t pid;
	int pidfd, output;
};

/* The child has neither our descriptors nor our signal dispositions: an ignored SIGPIPE would be inherited.
 */
static void __attribute__((noreturn)) command_main(const char *command, int output)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
		close_range(3, ~0U, 0) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static int command_start(const char *text, struct command *ret)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		command_main(text, ends[1]);
	int r = pid < 0 ? -errno : 0;
	close_fd(ends[1]);
	if (r < 0) {
		close_fd(ends[0]);
		return r;
	}
	setpgid(pid, pid); /* both sides do it: whichever comes first */
	*ret = (struct command){
		.pid = pid, .output = ends[0], .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)
	};
	return 0;
}

/* Ends the whole group. A command that waits for a dead disk survives even that and is left behind. */
static void command_end(struct command *c)
{
	if (c->pid > 0) {
		kill(-c->pid, SIGKILL);
		kill(c->pid, SIGKILL);
		clock_wait_for(c->pidfd, POLLIN, clock_boottime_usec() + 200 * USEC_PER_MSEC);
		waitpid(c->pid, NULL, WNOHANG);
	}
	close_fd(c->pidfd);
	close_fd(c->output);
}

static int command_read(struct command *c, struct reading *reading, int64_t deadline_usec)
{
	int r;

	do {
		r = clock_wait_for(c->output, POLLIN, deadline_usec);
		if (r == 0)
			r = reading_continue(reading, c->output);
	} while (r > 0);
	return r;
}

/* 0 with *ret_status as of waitpid(). */
static int command_wait(struct command *c, int64_t deadline_usec, int *ret_status)
{
	int r = clock_wait_for(c->pidfd, POLLIN, deadline_usec);

	if (r < 0)
		return r;
	kill(-c->pid, SIGKILL); /* what it started, while its pid still is its own */
	if (waitpid(c->pid, ret_status, 0) < 0)
		return -errno;
	c->pid = 0;
	return 0;
}

static int command_failed(const char *key, int status, char **ret_error)
{
	if (WIFSIGNALED(status))
		return secret_refuse(ret_error, -EIO, "%s was killed by signal %d", key, WTERMSIG(status));
	if (WEXITSTATUS(status) == 127)
		return secret_refuse(ret_error, -EIO, "%s failed with exit status %d (not found)", key, 127);
	return secret_refuse(ret_error, -EIO, "%s failed with exit status %d", key, WEXITSTATUS(status));
}

int secret_from_command(
	const char *key, const char *text, int64_t deadline_usec, char **ret, char **ret_error)
{
	_cleanup_(command_end) struct command command = { .pid = 0, .pidfd = -1, .output = -1 };
	_cleanup_(reading_free) struct reading reading = { 0 };
	int64_t limit = clock_boottime_usec() + SECRET_COMMAND_USEC;
	int status = 0;

	if (limit < deadline_usec)
		deadline_usec = limit;
	int r = reading_init(&reading);
	if (r == 0)
		r = command_start(text, &command);
	if (r == 0)
		r = command_read(&command, &reading, deadline_usec);
	if (r == 0)
		r = command_wait(&command, deadline_usec, &status);
	if (r == -ETIMEDOUT)
		return secret_refuse(ret_error, r, "%s did not end in time and was killed", key);
	if (r == -EMSGSIZE)
		return secret_refuse(ret_error, r, "%s printed more than %d bytes and was killed", key, SECRET_MAX);
	if (r < 0)
		return secret_refuse(ret_error, r, "%s cannot be run: %s", key, strerror(-r));
	if (status != 0)
		return command_failed(key, status, ret_error);
	return reading_take_line(&reading, key, _("its output"), ret, ret_error);
}

int secret_password(const struct conf_mail *mail, int64_t deadline_usec, char **ret, char **ret_error)
{
	if (mail->password_file)
		return secret_from_file("password_file", mail->password_file, ret, ret_error);
	if (mail->credential)
		return from_credential(mail->credential, ret, ret_error);
	if (mail->password_command)
		return secret_from_command(
			"password_command", mail->password_command, deadline_usec, ret, ret_error);
	*ret = NULL;
	return 0;
}

int secret_token(const struct conf_mail *mail, int64_t deadline_usec, char **ret, char **ret_error)
{
	if (mail->token_command)
		return secret_from_command(
			"token_command", mail->token_command, deadline_usec, ret, ret_error);
	*ret = NULL;
	return 0;
}
