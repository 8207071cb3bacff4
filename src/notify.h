/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the service manager is told, in the protocol of sd_notify(3). sd_notify() itself waits when the manager does not
 * read, and a manager that has frozen must not stop the alerts of the host that it has frozen on: what finds no room
 * here is sent later. */
#pragma once

#include "cleanup.h"

#include <systemd/sd-event.h>

struct notify;

/* Talks to $NOTIFY_SOCKET, or to nobody when that is not set. */
int notify_new(sd_event *event, struct notify **ret);
struct notify *notify_free(struct notify *n);

/* One message, "STATUS=…" and the like, after those that still wait. */
void notify_send(struct notify *n, const char *format, ...) _printf_(2, 3);

/* WATCHDOG=1: is void when it does not arrive now. */
void notify_alive(struct notify *n);
