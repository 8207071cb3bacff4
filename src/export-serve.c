/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "export-serve.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sysexits.h>

static int serve_one(const struct msg *m, export_handler tell)
{
	_cleanup_buf_ struct buf why = BUF(5000);

	if (m->kind != MSG_EXPORT)
		return -EBADMSG;
	if (tell(m, &why))
		return msg_send(MSG_FD, MSG_DONE, -1);
	return msg_send(MSG_FD, MSG_FAILED, -1, "0", buf_text(&why));
}

int export_serve(const char *name, export_handler tell)
{
	int flags = fcntl(MSG_FD, F_GETFL), r;

	log_open(name);
	if (flags < 0 || fcntl(MSG_FD, F_SETFL, flags & ~O_NONBLOCK) < 0) {
		log_error("usage: %s, with a socket to tocsind as descriptor %d", name, MSG_FD);
		return EX_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	for (r = msg_send(MSG_FD, MSG_READY, -1, ""); r >= 0;) {
		_cleanup_msg_ struct msg *m = NULL;

		r = msg_receive(MSG_FD, &m);
		if (r == 0)
			return EX_OK;
		if (r > 0)
			r = serve_one(m, tell);
	}
	return r == -EPIPE || r == -ECONNRESET ? EX_OK : EX_PROTOCOL;
}
