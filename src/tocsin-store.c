/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-store PATH: the writer, the only process that opens the state file. The daemon starts it with a socket as
 * descriptor 3 (msg.h); nobody calls it by hand. */
#include "language.h"
#include "log.h"
#include "msg.h"
#include "store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>

int main(int argc, char **argv)
{
	log_open("tocsin-store");
	language_from_environment();
	if (argc != 2 || *argv[1] == '\0') {
		log_error("usage: tocsin-store PATH, with a socket to tocsind as descriptor %d", MSG_FD);
		return EX_USAGE;
	}
	umask(077);
	signal(SIGPIPE, SIG_IGN); /* standard error may be gone */
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a failed write, not a death */
	fcntl(MSG_FD, F_SETFD, FD_CLOEXEC);
	/* Nice to have only: an alert goes out without the store when the disk hangs. */
	if (mlockall(MCL_CURRENT) < 0)
		log_debug("The store's memory is not locked");
	return store_serve(argv[1], MSG_FD);
}
