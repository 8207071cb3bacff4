/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-mail: the mailer. Started by tocsind with its socket on descriptor 3; may resolve, connect and read
 * secrets, sees neither checks nor the state. All else is in the library. */
#include "language.h"
#include "log.h"
#include "mail-helper.h"
#include "msg.h"

#include <signal.h>

int main(void)
{
	log_open("tocsin-mail");
	language_from_environment();
	signal(SIGPIPE, SIG_IGN);
	return mail_helper_run(MSG_FD);
}
