/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of the control socket: daemon-control.c (the interface, and questions about what is), and
 * daemon-control-history.c (about what was). Everybody else uses daemon.h. */
#pragma once

#include "daemon.h"

#include <jansson.h>

/* RFC 3339; 0 is null. */
json_t *json_time(int64_t usec);

/* NULL is null; what is not UTF-8 is replaced by words that say so. */
json_t *json_text(const char *text);

void method_history(struct varlink_call *call, json_t *parameters, void *userdata);
void method_incidents(struct varlink_call *call, json_t *parameters, void *userdata);
void method_samples(struct varlink_call *call, json_t *parameters, void *userdata);
