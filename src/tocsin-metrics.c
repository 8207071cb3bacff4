/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-metrics: writes the file that node_exporter reads, whole each time (rename(2)), because the daemon touches no disk.
 * The daemon starts it with a socket as descriptor 3 (msg.h); nobody calls it by hand. */
#include "buf.h"
#include "log.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

static int write_all(int fd, const char *text)
{
	for (size_t done = 0, len = strlen(text); done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Not synchronised to the disk: after a power cut the next one is soon there. Readable for node_exporter, whatever the
 * umask of the service. */
static int write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int r = write_all(fd, text);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* node_exporter looks at *.prom only, so not at this one while it grows. */
static int replace_file(const char *path, const char *text)
{
	_cleanup_free_ char *partial = NULL;

	if (asprintf(&partial, "%s.new", path) < 0)
		return -ENOMEM;
	if (unlink(partial) < 0 && errno != ENOENT)
		return -errno;
	int r = write_new(partial, text);
	if (r == 0 && rename(partial, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(partial);
	return r;
}

static int serve_one(const struct msg *m)
{
	_cleanup_buf_ struct buf why = BUF(5000);

	if (m->kind != MSG_EXPORT)
		return -EBADMSG;
	int r = replace_file(m->field[0], m->field[2]);
	if (r == 0)
		return msg_send(MSG_FD, MSG_DONE, -1);
	buf_printf(&why, "%s cannot be written: %s", m->field[0], strerror(-r));
	return msg_send(MSG_FD, MSG_FAILED, -1, "0", buf_text(&why));
}

int main(void)
{
	int flags = fcntl(MSG_FD, F_GETFL), r;

	log_open("tocsin-metrics");
	if (flags < 0 || fcntl(MSG_FD, F_SETFL, flags & ~O_NONBLOCK) < 0) {
		log_error("usage: tocsin-metrics, with a socket to tocsind as descriptor %d", MSG_FD);
		return EX_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (r = msg_send(MSG_FD, MSG_READY, -1, ""); r >= 0;) {
		_cleanup_msg_ struct msg *m = NULL;

		r = msg_receive(MSG_FD, &m);
		if (r == 0)
			return EX_OK;
		if (r > 0)
			r = serve_one(m);
	}
	return r == -EPIPE || r == -ECONNRESET ? EX_OK : EX_PROTOCOL;
}
