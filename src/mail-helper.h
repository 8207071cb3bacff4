/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-mail's side of msg.h: settings and MSG_LOAD once, then batches, until the daemon closes.
 *
 * The deadline of MSG_RUN counts from its receipt, for the whole batch; "": each relay has its own `deadline`
 * setting.
 *
 * Addresses: the daemon may send MSG_SETTING "address", relay, server, address, "default", "0" before
 * MSG_LOAD, for what it keeps with its state, the last three empty when it keeps none. Then, and only then,
 * the mailer answers with the same message during a batch when it has connected. */
#pragma once

/* Serves the daemon at SOCKET. Returns the exit status: 0 at its end, EX_PROTOCOL for a message that is none,
 * EX_CONFIG for settings that are none, EX_OSERR. */
int mail_helper_run(int socket);
