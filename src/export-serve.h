/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tocsin-metrics and tocsin-heartbeat share: they are told by the daemon what to tell others, until it closes. */
#pragma once

#include "buf.h"
#include "msg.h"

#include <stdbool.h>

/* Tells one MSG_EXPORT. False: it could not, and WHY says why not. */
typedef bool (*export_handler)(const struct msg *m, struct buf *why);

/* The program NAME, whose socket to the daemon is descriptor MSG_FD. Returns its exit status: EX_OK at the daemon's end,
 * EX_USAGE without the descriptor, EX_PROTOCOL. */
int export_serve(const char *name, export_handler tell);
