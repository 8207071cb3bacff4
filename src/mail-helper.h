/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-mail's side of msg.h: settings and MSG_LOAD once, then batches, until the daemon closes.
 *
 * The deadline of MSG_RUN counts from its receipt, for the whole batch; "": each relay has its own `deadline`
 * setting.
 *
 * Addresses: MSG_SETTING "address", see msg.h, is taken at any time before MSG_RUN, and the same is told when a relay
 * has been connected. */
#pragma once

/* Serves the daemon at SOCKET. Returns the exit status: 0 at its end, EX_PROTOCOL for a message that is none,
 * EX_CONFIG for settings that are none, EX_OSERR. */
int mail_helper_run(int socket);
