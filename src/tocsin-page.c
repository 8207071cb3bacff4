/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-page PATH: writes one status page and ends. The daemon starts it with a socket as descriptor 3 (msg.h), because the
 * disk may hang; nobody calls it by hand. */
#include "log.h"
#include "msg.h"
#include "replace.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

static int receive(struct msg **ret)
{
	int flags = fcntl(MSG_FD, F_GETFL);

	if (flags < 0 || fcntl(MSG_FD, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -1;
	int r = msg_receive(MSG_FD, ret);
	return r == 1 && (*ret)->kind == MSG_PAGE ? 0 : -1;
}

int main(int argc, char **argv)
{
	_cleanup_msg_ struct msg *m = NULL;
	const char *what;

	log_open("tocsin-page");
	if (argc != 2 || *argv[1] == '\0') {
		log_error("usage: tocsin-page PATH, with a socket to tocsind as descriptor %d", MSG_FD);
		return EX_USAGE;
	}
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (receive(&m) < 0)
		return EX_PROTOCOL;
	int r = replace_file(argv[1], m->field[0], strlen(m->field[0]), true, &what);
	if (r == 0)
		return msg_send(MSG_FD, MSG_DONE, -1) < 0 ? EX_PROTOCOL : EX_OK;
	msg_send(MSG_FD, MSG_FAILED, -1, what, strerror(-r));
	return EX_CANTCREAT;
}
