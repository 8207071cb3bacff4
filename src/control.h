/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the files of the control socket: daemon-control.c (the interface, and questions about what is),
 * daemon-control-history.c and daemon-charts.c (about what was), daemon-act.c (what an administrator does), daemon-json.c.
 * Everybody else uses daemon.h. */
#pragma once

#include "daemon.h"

#include <jansson.h>

/* RFC 3339; 0 and USEC_NEVER are null. */
json_t *json_time(int64_t usec);

/* NULL is null; what is not UTF-8 is replaced by words that say so. */
json_t *json_text(const char *text);

json_t *json_number(double value); /* NAN is null */
json_t *json_item(const struct report_item *i);
json_t *json_mail(const struct outbox_mail *m);
json_t *json_outbox(const struct daemon *d);
json_t *json_silences(const struct daemon *d);

/* Answers that there is no such check, with the names of those that there are. */
void control_no_such_check(const struct daemon *d, struct varlink_call *call, const char *name);

/* Answers that the past cannot be told, and why: ERROR is that of history_query(). */
void control_no_history(struct varlink_call *call, const struct daemon *d, int error);

/* The string PARAMETERS has under NAME. Without one CALL is answered (InvalidParameter), and NULL returned. */
const char *control_string(struct varlink_call *call, const json_t *parameters, const char *name);

void method_acknowledge(struct varlink_call *call, json_t *parameters, void *userdata);
void method_silence(struct varlink_call *call, json_t *parameters, void *userdata);
void method_unsilence(struct varlink_call *call, json_t *parameters, void *userdata);
void method_show_mail(struct varlink_call *call, json_t *parameters, void *userdata);
void method_retry_mail(struct varlink_call *call, json_t *parameters, void *userdata);
void method_drop_mail(struct varlink_call *call, json_t *parameters, void *userdata);
void method_report(struct varlink_call *call, json_t *parameters, void *userdata);
void method_forget(struct varlink_call *call, json_t *parameters, void *userdata);
void method_test_alert(struct varlink_call *call, json_t *parameters, void *userdata);
void method_history(struct varlink_call *call, json_t *parameters, void *userdata);
void method_incidents(struct varlink_call *call, json_t *parameters, void *userdata);
void method_charts(struct varlink_call *call, json_t *parameters, void *userdata);
void method_samples(struct varlink_call *call, json_t *parameters, void *userdata);
