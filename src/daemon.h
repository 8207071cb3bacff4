/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon: one object that owns everything, in parts that each have a file.
 *
 *   daemon.c          begins, reloads, ends; tells systemd how it goes
 *   daemon-check.c    which checks there are
 *   daemon-look.c     schedule → batches of checks; results → items
 *   daemon-batch.c    batches → tocsin-check → results
 *   daemon-watch.c    descriptors that make a check look at once
 *   daemon-item.c     results → the alert engine → events
 *   daemon-event.c    events: what has happened, and what readers are owed later
 *   daemon-incident.c incidents, acknowledgements
 *   daemon-silence.c  silences
 *   daemon-test.c     events that an administrator asks for, as a test
 *   daemon-journal.c  events → the journal
 *   daemon-route.c    events → who waits for them
 *   daemon-mail.c     what waits → mails; reports and test mails
 *   daemon-outbox.c   mails → mailer, until each recipient has an outcome
 *   daemon-relay.c    what mailers have learned of each relay
 *   daemon-page.c     the status page, if there is one → tocsin-page
 *   daemon-state.c    what must outlive the process → tocsin-store
 *   daemon-history.c  what was: questions to the store, samples of metrics
 *   daemon-metrics.c  all of it as metrics of Prometheus
 *   daemon-export.c   what others are told at an interval → tocsin-metrics, tocsin-heartbeat
 *   daemon-control.c  the administrator's questions; control.h has the other files of that
 *
 * Nothing in these files reads a file, asks the network or waits: helpers do (helper.h). */
#pragma once

#include "alert.h"
#include "clock.h"
#include "conf-loader.h"
#include "group.h"
#include "outbox.h"
#include "notice.h"
#include "pool.h"
#include "report.h"
#include "route.h"
#include "sample.h"
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
struct export;
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
	struct metric *fault; /* of the last look that was as bad as the confirmed state, for damp.h */
	size_t n_fault;
	struct incident *incident; /* the open one, or one whose end the readers have not been told; or NULL */
	char *thread; /* Message-ID of the first mail of the open incident, for References; or NULL */
	bool is_reported; /* in the run under way */
	bool stands_in; /* for a check that never came to report an item: goes when it does */
	int64_t absent_since_usec; /* realtime: no longer reported since; 0: it is */
	int64_t stored_usec; /* boottime: when its row was last written */
	enum alert_look look; /* the last */
	int64_t looked_usec; /* boottime: when that began */
	int64_t waits_since_usec; /* boottime: a problem waits for a look at what it depends on; 0: it does not */
	struct notice_pending pending; /* that problem */
};

struct watch {
	struct check *check;
	sd_event_source *source;
	int fd;
	uint32_t events;
	bool was_ready; /* goes back to the next run */
};

struct memory {
	char *name, *value;
	int64_t time_usec; /* realtime */
	int64_t stored_usec; /* boottime: when its row was last written; 0: not with this value */
};

#define STORE_PAUSE_USEC (5 * USEC_PER_MINUTE) /* between two writes of what does not change */

#define WATCHES_MAX 64

struct watch_list {
	struct watch **items;
	size_t n;
};

struct check {
	struct daemon *daemon;
	const struct conf_check *conf;
	size_t id; /* in the schedule, and index in daemon.checks */
	struct item *items;
	struct memory *memory;
	size_t n_memory;
	struct watch_list watches, new_watches;
	struct check **dependents; /* that name this one in `depends` */
	size_t n_dependents;
	struct batch *batch; /* of the run under way */
	int64_t due_usec; /* boottime */
	int64_t started_usec; /* boottime of the last look's start */
	int64_t looked_usec; /* boottime: when the last look that has ended began */
	int64_t released_usec; /* boottime: the look since which it holds up no check that depends on it */
	bool has_looked; /* at least one run has ended */
	int64_t begun_usec; /* boottime: when the run under way came to it */
	int64_t took_usec; /* the last run */
	int64_t ended_usec; /* realtime of its end; 0: there was none */
	bool has_failed; /* the last run cost its process: the journal knows */
	bool look_again; /* a watch was ready while a run was under way */
	int64_t stuck_since_usec; /* realtime: its process hangs in the kernel; 0: no */
	char *not_applicable; /* why there is nothing of the kind here, or NULL */
};

/* ---- what happened ---- */

/* Those that are open, and those whose end must still be told; the state file has the others. */
struct incident {
	struct incident *next, *previous;
	int64_t number;
	char *check, *item, *module, *text;
	int64_t opened_usec, closed_usec; /* realtime; closed 0: it is open */
	enum tocsin_state worst;
	char *ack_who, *ack_why; /* or NULL */
	int64_t ack_usec, ack_until_usec; /* realtime; until 0: as long as it lasts */
	uint64_t escalated; /* routes that it was escalated to */
};

struct happening {
	struct happening *next;
	int64_t number;
	enum alert_event event;
	char *check, *item, *text;
	enum tocsin_state from, to;
	bool is_first; /* nobody had looked before; from is OK then, and no word in the state file */
	int64_t time_usec, since_usec; /* realtime */
	int64_t incident, looks;
	struct result result; /* with evidence, for the mail */
	char *thread; /* of the item, for References; or NULL */
	char *note; /* why no mail tells it, or why it is late; or NULL */
	char *who; /* has done it; or NULL */
	uint64_t waits_for; /* routes that it still waits for: bit I is daemon.routes[I] */
};

struct silence {
	struct silence *next;
	char *id, *glob, *who, *why;
	int64_t created_usec, until_usec; /* realtime */
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
	int64_t next_incident; /* the number that it counts on from; 0: it has counted none */
	unsigned readers_died; /* writers that ended before they had sent all rows */
	bool was_settled; /* at the end of the last turn */
	int64_t pause_usec; /* before the last start of a new store; 0: the one there is works */
	int64_t memory_since_usec; /* realtime */
	int64_t alive_usec; /* realtime: as the file knows it */
	char *trouble; /* why it is in memory mode */
	sd_event_source *timer, *retry;
};

/* ---- the past ---- */

struct history_query;

struct history {
	struct history_query *queries; /* that wait for their answers */
	size_t n_queries;
	int64_t last_id;
	struct sample_set samples;
	sd_event_source *save_source;
	int64_t pruned_usec; /* boottime */
	int64_t refill_usec, refill_until_usec; /* realtime: the hour that trends are filled with next; the last one. 0: done */
};

/* ---- the status page ---- */

struct page_file {
	struct helper *writer; /* at work, or stuck */
	sd_event_source *timer; /* when it is written next */
	int64_t begun_usec; /* boottime: the last time that it was begun; 0: never */
	bool is_asking; /* the state file, for incidents */
	char *trouble; /* why the last one was not written, or NULL */
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
	bool has_former_boot; /* it was written before */
	int64_t former_alive_usec, former_stop_usec; /* realtime: the last life that it knows of; how it ended, or 0 */
	bool was_cut_off; /* that life began and did not end in order */
	bool has_state; /* the state file is read, or given up */
	char *status; /* as systemd was told last */
	bool has_changed; /* what STATUS= tells, since it was told */
	int64_t status_usec; /* boottime: when that was looked at last */
	sd_event_source *status_source; /* while it waits */
	int exit_status;
	int64_t start_limit_usec; /* boottime: until then systemd is asked to wait for a start that takes long */
	sd_event_source *watchdog_source, *start_source, *stop_source, *post_source, *clock_source;
	int64_t clock_distance_usec; /* CLOCK_REALTIME − CLOCK_BOOTTIME; another one: the clock was set */

	struct conf *conf;
	struct conf_settings settings; /* what conf was built from: the mailer builds its own */
	struct conf_loader *loader;
	bool reload_again; /* asked for while a reload was under way */
	struct varlink_call **reload_callers;
	size_t n_reload_callers, n_reload_next; /* all; the last of them, for whom the reload after this one is */

	struct pool *checkers, *mailers;
	size_t n_watches, watches_max; /* descriptors of checks: the others are for helpers, sockets and files */
	bool has_told_watches_max;

	struct check **checks;
	struct check **checks_by_name; /* the same */
	size_t n_checks;
	size_t n_looked; /* so many of the first ones have looked at least once */
	struct schedule *schedule;
	sd_event_source *look_source;
	struct batch *batches;
	int64_t next_incident, last_number;
	struct happening *happenings; /* since the last report, and all that a mail has yet to bring; oldest first */
	struct happening **happenings_end; /* where the next one is put; NULL: not known */
	size_t n_happenings;
	struct incident *incidents;
	struct silence *silences;
	struct route *routes; /* one for each recipient of the configuration */
	size_t n_routes;
	uint64_t known_routes; /* while rows are loaded: those that the state file knows of */
	sd_event_source *route_source; /* the next mail of any route */
	sd_event_source *owed_source; /* when something may be owed to readers though nothing happens */
	int64_t owed_usec; /* realtime: when that fires, or before */
	bool is_route_stale, is_owed_stale; /* those times must be computed anew */
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
	struct history history;
	struct export *exports; /* EXPORTS */
	struct page_file page;
	struct varlink_server *control;
	bool is_control_inherited; /* its socket belongs to the service manager */
};

#define EXPORTS 2

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

/* ---- daemon-check.c ---- */

/* Takes over the checks of d->conf: those that it knows keep their items. */
int look_configure(struct daemon *d);
void look_free(struct daemon *d);

/* The realtime clock was set: what checks remember is as old as it was, and so is what they no longer report. */
void look_clock_set(struct daemon *d, int64_t delta_usec);

struct check *look_find_check(const struct daemon *d, const char *name);
void look_remember(struct check *c, const char *name, const char *value, int64_t time_usec);

/* All items as report.h wants them; free() the array. */
struct report_item *look_report_items(const struct daemon *d, size_t *ret_n);

/* ---- daemon-look.c ---- */

void look_start(struct daemon *d); /* from now on the schedule runs */
void look_stop(struct daemon *d);
void look_soon(struct check *c); /* now, unless it is looked at already */

/* Is the schedule getting on? For WATCHDOG=1. */
bool look_is_progressing(const struct daemon *d, int64_t now_usec);

/* ---- daemon-batch.c ---- */

void look_checker_available(struct pool *p, void *userdata);

/* One run now, whose result CALLER gets and nobody else. -ENOENT: no such check. */
int look_now(struct daemon *d, const char *check, struct varlink_call *caller);

/* ---- daemon-item.c ---- */

struct item *item_find(struct item *items, const char *name);
struct item *item_add(struct item **items, struct check *c, const char *name);
void item_remove(struct item *item); /* an open incident of it is closed and noted */
void items_free(struct item *items);

/* What the last look at the item means. */
void item_feed(struct item *item);

/* Gives ITEM a result of our own making and feeds it. */
void item_feed_words(struct item *item, enum tocsin_state state, const char *text);

/* What kept a mail back may have ended, or a reminder is due. */
void item_reconsider(struct item *item);

/* A check has looked: problems of those that depend on it waited for that. */
void item_reconsider_dependents(struct check *c);
void item_reconsider_all(struct daemon *d);

/* When reconsidering may find something though nothing happens: realtime, USEC_NEVER. */
int64_t item_owed_next(const struct item *item, int64_t now_realtime_usec);

/* Does the item fail only because of CHECK, or is that still to be found out? */
bool item_depends_on(const struct item *item, const struct check *parent);

/* ---- daemon-metrics.c, daemon-export.c ---- */

/* In the text format of Prometheus. */
void metrics_compose(const struct daemon *d, struct buf *b);

int export_configure(struct daemon *d); /* with a new configuration, and when the daemon is ready */
void export_turn(struct daemon *d);
void export_free(struct daemon *d);

/* ---- daemon-event.c ---- */

void event_adopted(struct daemon *d); /* what the state file knows is here: what waits there goes on */
void event_turn(struct daemon *d); /* the timers, at the end of a turn */
void event_free(struct daemon *d);

/* Something may be owed to the readers of ITEM later on: the timer for that comes in time. */
void event_owes(struct daemon *d, const struct item *item);

/* The host was shut down in order and has booted again; tocsind had ended at STOPPED (realtime). Problems of the last moments
 * before that, which no mail has told, were the shutdown: nobody waits for them any longer, and they are judged again. */
void event_withdraw(struct daemon *d, int64_t stopped_usec);

/* Notes what befell ITEM, and whom it waits for. */
void event_raise(struct daemon *d, struct item *item, const struct notice *notice);

/* Tells those recipients of the open incident who are told only now, as nobody has acknowledged it. */
void event_escalate(struct daemon *d, struct item *item, const struct notice_circumstances *c);

/* The realtime clock was set. */
void event_clock_set(struct daemon *d, int64_t delta_usec);

/* Notes something that is no change of an item: "host" "web1". It waits for all who want it when IS_TOLD. */
void event_note(struct daemon *d, enum alert_event event, const char *check, const char *item, const char *text,
	const char *who, bool is_told);

/* The item is no longer watched; an incident of it was open. */
void event_removed(struct daemon *d, struct item *item);

/* Some of those that H waited for are no longer configured: it waits for those of FRESH instead who want it, for one of them
 * may be the same under another name. */
void event_orphaned(struct daemon *d, struct happening *h, uint64_t fresh);

/* Everything that has happened so far and is in a mail, or needs none, need not be remembered for the next report. */
void event_reported(struct daemon *d);

struct happening *happening_find(const struct daemon *d, int64_t number);

/* The same for who looks for many in the order of their numbers: H, or one behind it. */
struct happening *happening_find_behind(struct happening *h, int64_t number);
void happening_free(struct happening *h);

/* Puts it where its number belongs. */
void happening_adopt(struct daemon *d, struct happening *h);

/* ---- daemon-route.c ---- */

int routes_configure(struct daemon *d); /* before the old configuration is freed */

/* "mail boss", and back. Names of routes that are no more are left out; *ret_lost (or NULL): there are such. */
void route_names(const struct daemon *d, uint64_t routes, struct buf *b);
uint64_t route_mask(const struct daemon *d, const char *names, bool *ret_lost);

/* ---- daemon-incident.c ---- */

/* The number of the next incident while the state file, which counts them, could not be read: seconds of the clock, so that
 * it is none of those that the file knows, nor one of another such start. */
int64_t incident_uncounted(int64_t now_usec);
struct incident *incident_find(const struct daemon *d, int64_t number);
struct incident *incident_open(struct daemon *d, struct item *item);
void incident_close(struct daemon *d, struct item *item);
void incident_forget(struct daemon *d, struct item *item); /* its end is told, or need not be */
void incident_adopt(struct daemon *d, struct item *item, struct incident *i); /* it becomes the one of ITEM */
void incident_free(struct incident *i);

/* Acknowledges incident NUMBER until UNTIL (realtime; 0: as long as it lasts). -ENOENT: no such incident is open. */
int incident_acknowledge(struct daemon *d, int64_t number, int64_t until_usec, const char *who, const char *why);

/* ---- daemon-silence.c ---- */

/* A silence over GLOB. *ret_id is its id, valid while it lasts. -EINVAL: UNTIL has passed; -E2BIG: too many; -ENOMEM. */
int silence_add(struct daemon *d, const char *glob, int64_t until_usec, const char *who, const char *why,
	const char **ret_id);

/* Ends the silence with that id, or all over that glob. -ENOENT. */
int silence_end(struct daemon *d, const char *id_or_glob, const char *who);

/* The silence over an item, or NULL. Of several the one that lasts longest. */
const struct silence *silence_of(const struct daemon *d, const char *check, const char *item, int64_t now_usec);
void silence_free(struct silence *s);

/* ---- daemon-test.c ---- */

/* A marked problem of CHECK, and its marked recovery when that was mailed: both on the way of real ones. -ENOENT: no such
 * check; -ENOTCONN: no mail can be sent; -EHOSTUNREACH: no recipient takes mails about it; -ENOMEM. */
int event_test(struct daemon *d, const char *check, const char *who);

/* ---- daemon-mail.c ---- */

int mail_configure(struct daemon *d);

/* "monitoring started", if it is still to come, waits until every check has looked once more. */
void mail_begin_round(struct daemon *d);
void mail_start(struct daemon *d);
void mail_free(struct daemon *d);
bool mail_is_configured(const struct daemon *d);

/* What is told when it is not: to whoever wants a mail now, and in the state of the daemon. */
#define SAY_NOT_CONFIGURED N_("a mail server or a recipient is not configured (run tocsin setup)")
#define SAY_NO_MAIL N_("no mail can be sent: a mail server or a recipient is not configured (run tocsin setup)")
void mail_clock_set(struct daemon *d); /* after all others */

/* Mails what waits for the routes that are due. Returns false where that cannot be, to be tried again. */
bool mail_events(struct daemon *d);

/* A check has looked: the first round may be complete. */
void mail_looked(struct daemon *d);

/* A mail was accepted for somebody: what it remarks is told. */
void mail_arrived(struct daemon *d, struct outbox_mail *mail);

/* Tells something about tocsin itself with each mail, until one of them has arrived. */
void mail_remark(struct daemon *d, const char *format, ...) _printf_(2, 3);

/* What a mail is made of. */
struct letter {
	enum report_kind kind;
	const char *id; /* a mail that is written again keeps its own; NULL: a new one */
	const int64_t *events; /* numbers of the happenings that it tells, in their order */
	size_t n_events;
	const char *const *to;
	size_t n_to;
	struct outbox_mail *const *merged; /* of a digest */
	size_t n_merged;
	int64_t written_usec; /* of one that is late; 0: it is not */
	const char *late_why;
};

/* Writes it, about the host as it is now. NULL when that cannot be. */
struct outbox_mail *mail_compose(struct daemon *d, const struct letter *letter);

/* A status report now, besides those at their times. Returns false when none can be sent. */
bool mail_report_now(struct daemon *d);

/* The text of a status report now, for a terminal: free it. */
char *mail_report_text(struct daemon *d);

/* The status page, with INCIDENTS of the last week; NULL: they are not known. free() it. NULL without memory. */
char *mail_page(struct daemon *d, const struct report_incident *incidents, size_t n);

/* ---- daemon-page.c ---- */

void page_configure(struct daemon *d);
void page_changed(struct daemon *d); /* a state did: it is written soon */
void page_free(struct daemon *d);

/* ---- daemon-outbox.c ---- */

int outbox_configure(struct daemon *d);
void outbox_free(struct daemon *d);
void outbox_mailer_available(struct pool *p, void *userdata);
bool outbox_is_progressing(const struct daemon *d);

void outbox_queue(struct daemon *d, struct outbox_mail *mail); /* new, and now ours */
void outbox_adopt(struct daemon *d, struct outbox_mail *mail); /* found in the state file */
struct outbox_mail *outbox_find(const struct daemon *d, const char *id);
struct outbox_mail *outbox_find_meant(const struct daemon *d, const char *id); /* or the only one whose id begins so */

/* The outbox has changed, a commit was acknowledged, or memory mode began: sends what may be sent. */
void outbox_pump(struct daemon *d);

/* Memory mode has begun: alerts that waited for the state file go out without it, and must say so. */
void outbox_compose_again(struct daemon *d);

/* By the administrator. -ENOENT: no such mail; -EBUSY: it is on its way just now. */
int outbox_retry(struct daemon *d, const char *id); /* "" for all */
int outbox_drop(struct daemon *d, const char *id, const char *who);

/* Sends a test mail now and streams the dialogue to CALLER if it wants it. -ENOTCONN: no relay or recipient. */
int outbox_test(struct daemon *d, struct varlink_call *caller, bool with_dialogue);

void outbox_clock_set(struct daemon *d, int64_t delta_usec);

/* ---- daemon-relay.c ---- */

void relay_told(struct daemon *d, const struct msg *m); /* a MSG_SETTING of a mailer */
void relay_send_all(const struct daemon *d, struct helper *h); /* before MSG_RUN */
bool relay_load(struct daemon *d, const char *name, const char *value); /* a row of "meta"; is it one of these? */
void relay_put_all(struct daemon *d);
void relay_forget_pauses(struct daemon *d); /* the configuration is new: accounts that were spared are tried again */
void relay_clock_set(struct daemon *d, int64_t delta_usec); /* and spared for as long as before */
void relay_free_all(struct daemon *d);

/* ---- daemon-state.c ---- */

int state_start(struct daemon *d); /* daemon_state_loaded() follows when the rows have come */
void state_stop(struct daemon *d); /* sends what is open; the store ends when it has committed */
void state_free(struct daemon *d);

/* Each sends the row as it is now, in the transaction of this turn of the loop. */
void state_put_incident(struct daemon *d, const struct incident *i);
void state_put_silence(struct daemon *d, const struct silence *s);
void state_delete_silence(struct daemon *d, const struct silence *s);
void state_put_item(struct daemon *d, struct item *item);
void state_put_happening(struct daemon *d, struct happening *h);
void state_put_mail(struct daemon *d, const struct outbox_mail *mail);
void state_put_fact(struct daemon *d, const char *name, const char *value);
void state_put_remark(struct daemon *d, size_t i); /* daemon.remarks[I] */
void state_delete_remark(struct daemon *d, size_t i);
void state_put_facts(struct daemon *d); /* next incident, last report, boot …: one row each by name */
void state_put_memory(struct daemon *d, const struct check *c, struct memory *m);
void state_delete_item(struct daemon *d, const struct item *item);
void state_delete_mail(struct daemon *d, const struct outbox_mail *mail);
void state_delete_memory(struct daemon *d, const struct check *c, const struct memory *m);
void state_put_sample(struct daemon *d, const struct sample_series *s, const struct sample_hour *hour);

/* For daemon-history.c: a row whose columns are text already; a question, -EIO: memory mode; and what may go. */
void state_put_row(struct daemon *d, const char *table, const char *const *columns);
int state_ask(struct daemon *d, int64_t id, const char *what, int64_t since_usec, int64_t until_usec, const char *glob,
	int64_t limit);
void state_prune(struct daemon *d, const char *table, int64_t before_usec);

/* The transaction of this turn ends, and what waited for the file goes on: called after each turn. */
void state_turn(struct daemon *d);

/* Is all that was changed so far durable? Or need nobody wait for it (memory mode)? */
bool state_is_settled(const struct daemon *d);

/* ---- daemon-history.c ---- */

/* A row of an answer: the columns of its table, in the order of store.h. */
struct history_row {
	const char *column[MSG_FIELDS_MAX];
	char *data; /* what they point into */
};

/* The rows, oldest first, which last as long as this call; or an error and no row: -ETIMEDOUT after 2 s, -EIO when the state
 * file cannot be read, -ECANCELED at the end of the daemon. */
typedef void (*history_handler)(int error, const struct history_row *rows, size_t n, void *userdata);

/* Asks the state file (store_query_new() says what can be asked) and calls DONE in a later turn of the loop, always, and
 * within 2 s. -EIO in memory mode, -EBUSY: too many ask, -ENOMEM: DONE will not be called. */
int history_query(struct daemon *d, const char *what, int64_t since_usec, int64_t until_usec, const char *glob,
	int64_t limit, history_handler done, void *userdata);

#define HISTORY_POINTS_MAX 4096

struct history_chart {
	const char *check, *item, *metric;
	int64_t since_usec, until_usec; /* realtime; the first is rounded down to five minutes, 400 days at most */
	int64_t step_usec; /* of the points: a multiple of SAMPLE_BUCKET_USEC */
};

/* Point I covers the I-th step from the beginning; its count is 0 where nothing was measured. */
typedef void (*history_chart_handler)(int error, const struct sample_bucket *points, size_t n, const char *unit,
	void *userdata);

/* The values of a metric, what is not in the file yet included. As history_query(); -EINVAL: a span or step that is none,
 * or more than HISTORY_POINTS_MAX points. */
int history_chart(struct daemon *d, const struct history_chart *what, history_chart_handler done, void *userdata);

void history_start(struct daemon *d);
void history_free(struct daemon *d); /* answers who still waits */
void history_looked(const struct item *item); /* it was reported: its metrics are kept */

/* The last day and week of a metric, from memory; NULL: there is none. */
const struct trend *history_trend(const struct daemon *d, const char *check, const char *item, const char *metric);

/* Each check has looked once: what was before the start comes from the file, an hour at a time, the newest first. */
void history_refill(struct daemon *d);
void history_save(struct daemon *d); /* the samples of the last minutes go to the file */

/* For daemon-state.c. */
void history_load(struct daemon *d, const char *const *values);
void history_put_all(struct daemon *d); /* memory mode ends: the file may lack anything */
void history_lost(struct daemon *d); /* memory mode has begun: nobody answers */
void history_answer(struct daemon *d, const struct msg *m);
void history_answered(struct daemon *d, const struct msg *m);

/* ---- daemon-control.c ---- */

void control_inherit(struct daemon *d); /* the socket that a unit tocsin.socket has made: before any helper starts */
int control_start(struct daemon *d);
void control_free(struct daemon *d);
void control_reloaded(struct daemon *d, const struct conf_problems *problems); /* answers the reload callers */
void control_drop_reloads(struct daemon *d); /* the daemon ends */
void control_looked(struct varlink_call *caller, const struct check *c, const struct item *items, const char *error,
	bool not_applicable); /* ERROR is that there is nothing of the kind here */
