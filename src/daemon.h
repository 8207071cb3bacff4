/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon: one object that owns everything, in parts that each have a file.
 *
 *   daemon.c          begins, reloads, ends; tells systemd how it goes
 *   daemon-look.c     schedule → batches of checks → results → the alert engine
 *   daemon-mail.c     events → mails → outbox → mailer
 *   daemon-relay.c    what mailers have learned of each relay
 *   daemon-state.c    what must outlive the process → tocsin-store
 *   daemon-control.c  the administrator's questions
 *
 * Nothing in these files reads a file, asks the network or waits: helpers do (helper.h). */
#pragma once

#include "alert.h"
#include "clock.h"
#include "conf-loader.h"
#include "group.h"
#include "outbox.h"
#include "pool.h"
#include "report.h"
#include "schedule.h"
#include "state.h"
#include "store.h"

#include <systemd/sd-event.h>

struct daemon;
struct check;
struct batch;
struct relay_address;
struct notify;
struct relay_pause;
struct varlink_server;
struct varlink_call;

/* ---- what is watched ---- */

struct item {
	struct item *next;
	struct check *check;
	char *name;
	struct alert_state alert;
	struct result last; /* of the last look */
	struct result incoming; /* of the look that is under way; taken over at its end */
	char *thread; /* Message-ID of the first mail of the open incident, for References; or NULL */
	bool is_reported; /* in the run under way */
	bool stands_in; /* for a check that never came to report an item: goes when it does */
	int64_t absent_since_usec; /* realtime: no longer reported since; 0: it is */
	int64_t stored_usec; /* boottime: when its row was last written */
};

struct watch {
	struct check *check;
	sd_event_source *source;
	int fd;
	uint32_t events;
};

struct memory {
	char *name, *value;
	int64_t time_usec; /* realtime */
};

#define WATCHES_MAX 64

struct check {
	struct daemon *daemon;
	const struct conf_check *conf;
	size_t id; /* in the schedule, and index in daemon.checks */
	struct item *items;
	struct memory *memory;
	size_t n_memory;
	struct watch *watches[WATCHES_MAX], *new_watches[WATCHES_MAX];
	size_t n_watches, n_new_watches;
	struct batch *batch; /* of the run under way */
	int64_t due_usec; /* boottime */
	int64_t started_usec; /* boottime of the last look's start */
	bool has_looked; /* at least one run has ended */
	bool has_failed; /* the last run cost its process: the journal knows */
	bool look_again; /* a watch was ready while a run was under way */
	int64_t stuck_since_usec; /* realtime: its process hangs in the kernel; 0: no */
	char *not_applicable; /* why there is nothing of the kind here, or NULL */
};

/* ---- what happened ---- */

struct happening {
	struct happening *next;
	int64_t number;
	enum alert_event event;
	char *check, *item, *text;
	enum tocsin_state from, to;
	int64_t time_usec, since_usec; /* realtime */
	int64_t incident, looks;
	struct result result; /* with evidence, for the mail */
	char *thread; /* of the item, for References; or NULL */
	char *mail_id; /* of the mail that tells it, "-": none does; NULL: it waits for one */
};

/* ---- the state file as the daemon sees it ---- */

enum state_phase {
	STATE_LOADING, /* the store has not sent all rows yet */
	STATE_GOOD, /* every change goes there */
	STATE_MEMORY, /* a commit is overdue or failed: the daemon goes on from memory */
};

struct state_file {
	enum state_phase phase;
	struct helper *store;
	int64_t sent, acknowledged; /* numbers of commits */
	bool is_open; /* changes have been sent since the last commit */
	bool is_snapshot_sent; /* the commit under way brings the file up to date */
	bool is_loaded; /* all rows of the file were taken in */
	unsigned readers_died; /* writers that ended before they had sent all rows */
	bool was_settled; /* at the end of the last turn */
	int64_t pause_usec; /* before the last start of a new store; 0: the one there is works */
	int64_t memory_since_usec; /* realtime */
	char *trouble; /* why it is in memory mode */
	sd_event_source *timer, *retry;
};

struct options {
	const char *conf_path, *conf_dropins, *state_path, *control_path;
};

struct daemon {
	sd_event *event;
	struct notify *notify;
	struct options options;
	int64_t started_usec; /* realtime */
	bool is_ready, is_stopping;
	bool has_flushed; /* while stopping: the last state is on its way to the file */
	uint64_t watchdog_usec;
	char boot_id[33];
	bool is_same_boot; /* as when the state file was written last */
	bool has_state; /* the state file is read, or given up */
	char *status; /* as systemd was told last */
	bool has_changed; /* what STATUS= tells, in this turn */
	int exit_status;
	sd_event_source *watchdog_source, *stop_source, *post_source;

	struct conf *conf;
	struct conf_settings settings; /* what conf was built from: the mailer builds its own */
	struct conf_loader *loader;
	bool reload_again; /* asked for while a reload was under way */
	struct varlink_call **reload_callers;
	size_t n_reload_callers, n_reload_next; /* all; the last of them, for whom the reload after this one is */

	struct pool *checkers, *mailers;

	struct check **checks;
	size_t n_checks;
	struct schedule *schedule;
	sd_event_source *look_source;
	struct batch *batches;
	int64_t next_incident, last_number;
	struct happening *happenings; /* since the last report, and all that no mail has told yet; oldest first */
	struct group group;
	sd_event_source *group_source;
	char **recipients; /* all `to` of the configuration */
	size_t n_recipients;
	struct outbox_mail **outbox;
	size_t n_outbox;
	struct mail_batch *mail_batch; /* of the outbox */
	struct mail_batch *test_batches;
	sd_event_source *outbox_source, *report_source;
	struct relay_address *addresses; /* one a relay at most */
	struct relay_pause *pauses; /* the same */
	int64_t last_mail_usec; /* realtime of the last receipt */
	bool has_round; /* every check has looked once since the start, or had a minute for it */
	sd_event_source *round_source;
	bool started_told; /* the "monitoring started" mail is queued, or was in an earlier run */
	int64_t last_report_usec; /* realtime */
	int64_t report_serial;
	char **remarks; /* for the next mail: what the administrator must know of tocsin itself */
	size_t n_remarks;

	struct state_file state;
	struct varlink_server *control;
};

/* ---- daemon.c ---- */

/* Runs until it is told to end. Returns the exit status of the process. */
int daemon_run(const struct options *options);

/* Anything that STATUS= tells has changed. */
void daemon_changed(struct daemon *d);

/* Reads the configuration again; CALLER (or NULL) gets the verdict. */
void daemon_reload(struct daemon *d, struct varlink_call *caller);

/* Replaces *SOURCE by a timer at WHEN on CLOCK; USEC_NEVER: by none. Ends the loop when the event loop itself fails. */
void daemon_set_timer(struct daemon *d, sd_event_source **source, clockid_t clock, int64_t when_usec,
	sd_event_time_handler_t handler, void *userdata);

/* The rows of the state file are all here, or nobody waits for them any longer. */
void daemon_state_loaded(struct daemon *d);

/* ---- daemon-look.c ---- */

/* Takes over the checks of d->conf: those that it knows keep their items. */
int look_configure(struct daemon *d);
void look_start(struct daemon *d); /* from now on the schedule runs */
void look_stop(struct daemon *d);
void look_free(struct daemon *d);
void look_checker_available(struct pool *p, void *userdata);

/* Is the schedule getting on? For WATCHDOG=1. */
bool look_is_progressing(const struct daemon *d, int64_t now_usec);

/* One run now, whose result CALLER gets and nobody else. -ENOENT: no such check. */
int look_now(struct daemon *d, const char *check, struct varlink_call *caller);

struct check *look_find_check(const struct daemon *d, const char *name);
struct item *look_find_item(const struct check *c, const char *name);
struct item *look_add_item(struct check *c, const char *name);
void look_remember(struct check *c, const char *name, const char *value, int64_t time_usec);

/* All items as report.h wants them; free() the array. */
struct report_item *look_report_items(const struct daemon *d, size_t *ret_n);

/* ---- daemon-mail.c ---- */

int mail_configure(struct daemon *d);
void mail_start(struct daemon *d);
void mail_adopted(struct daemon *d); /* events have come from the state file: those that no mail tells wait for one */
void mail_free(struct daemon *d);
void mail_mailer_available(struct pool *p, void *userdata);
void mail_greet(struct helper *h, void *userdata);
bool mail_is_progressing(const struct daemon *d, int64_t now_usec);

/* An item changed its confirmed state. BEFORE is the alert state before the result. */
void mail_happening(struct daemon *d, struct item *item, enum alert_event event, const struct alert_state *before);

/* A check has looked: the first round may be complete. */
void mail_looked(struct daemon *d);

/* Tells something about tocsin itself with the next mail. */
void mail_remark(struct daemon *d, const char *format, ...) _printf_(2, 3);

/* The outbox has changed, a commit was acknowledged, or memory mode began: sends what may be sent. */
void mail_pump(struct daemon *d);

/* Memory mode has begun: alerts that waited for the state file go out without it, and must say so. */
void mail_compose_again(struct daemon *d);

/* Sends a test mail now and streams the dialogue to CALLER if it wants it. -ENOTCONN: no relay or recipient. */
int mail_test(struct daemon *d, struct varlink_call *caller, bool with_dialogue);

bool mail_is_configured(const struct daemon *d);
void mail_adopt(struct daemon *d, struct outbox_mail *mail); /* found in the state file */
struct outbox_mail *mail_find(const struct daemon *d, const char *id);

void happening_free(struct happening *h);

/* ---- daemon-relay.c ---- */

void relay_told(struct daemon *d, const struct msg *m); /* a MSG_SETTING of a mailer */
void relay_send_all(const struct daemon *d, struct helper *h); /* before MSG_RUN */
bool relay_load(struct daemon *d, const char *name, const char *value); /* a row of "meta"; is it one of these? */
void relay_put_all(struct daemon *d);
void relay_forget_pauses(struct daemon *d); /* the configuration is new: accounts that were spared are tried again */
void relay_free_all(struct daemon *d);

/* ---- daemon-state.c ---- */

int state_start(struct daemon *d); /* daemon_state_loaded() follows when the rows have come */
void state_stop(struct daemon *d); /* sends what is open; the store ends when it has committed */
void state_free(struct daemon *d);

/* Each sends the row as it is now, in the transaction of this turn of the loop. */
void state_put_item(struct daemon *d, struct item *item);
void state_put_happening(struct daemon *d, struct happening *h);
void state_put_mail(struct daemon *d, const struct outbox_mail *mail);
void state_put_fact(struct daemon *d, const char *name, const char *value);
void state_put_facts(struct daemon *d); /* next incident, last report, boot …: one row each by name */
void state_put_memory(struct daemon *d, const struct check *c, const struct memory *m);
void state_delete_item(struct daemon *d, const struct item *item);
void state_delete_mail(struct daemon *d, const struct outbox_mail *mail);
void state_delete_memory(struct daemon *d, const struct check *c, const struct memory *m);

/* The transaction of this turn ends, and what waited for the file goes on: called after each turn. */
void state_turn(struct daemon *d);

/* Is all that was changed so far durable? Or need nobody wait for it (memory mode)? */
bool state_is_settled(const struct daemon *d);


/* ---- daemon-control.c ---- */

int control_start(struct daemon *d);
void control_free(struct daemon *d);
void control_reloaded(struct daemon *d, const struct conf_problems *problems); /* answers the reload callers */
void control_drop_reloads(struct daemon *d); /* the daemon ends */
void control_looked(struct varlink_call *caller, const struct check *c, const struct item *items, const char *error);
