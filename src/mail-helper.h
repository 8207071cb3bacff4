/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-mail's side of msg.h: settings and MSG_LOAD once, then batches, until the daemon closes.
 *
 * The deadline of MSG_RUN counts from its receipt, for the whole batch; "": each relay has its own `deadline`
 * setting.
 *
 * What earlier mailers learned of a relay ("address" and "spared", see msg.h) is taken between MSG_LOAD and MSG_RUN, and
 * told as it changes. */
#pragma once

/* Serves the daemon at SOCKET. Returns the exit status: 0 at its end, EX_PROTOCOL for a message that is none,
 * EX_CONFIG for settings that are none, EX_OSERR. */
int mail_helper_run(int socket);
