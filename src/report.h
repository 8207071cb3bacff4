/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a mail says: subject, text and HTML from a picture of the host. Pure: all it knows is in struct report. */
#pragma once

#include "alert.h"
#include "buf.h"
#include "state.h"
#include "trend.h"

struct report_item {
	const char *check, *item;
	const struct alert_state *alert;
	const struct result *result; /* of the last look; time_usec 0: not looked at yet */
	const struct result *previous; /* of the last result of another state, or NULL */
	const char *module;
	int64_t interval_usec;
	const char *not_applicable; /* why this check has nothing to do on this host, or NULL */
	const char *ack_who, *ack_why; /* of the open incident; who is NULL when nobody has acknowledged it */
	int64_t ack_until_usec; /* realtime; 0: until it ends */
};

/* One thing that happened, for alert mails (those that this mail is about) and reports (since the last one). */
struct report_event {
	enum alert_event event;
	const char *check, *item; /* both NULL for what befell the host */
	enum tocsin_state from, to;
	int64_t time_usec; /* realtime: when it was confirmed, or happened */
	int64_t since_usec; /* realtime: of the first bad result; for a recovery, of the problem's first bad result; for
	                     * ALERT_UNSTABLE of the first of its changes, for ALERT_STEADY of the last one; for
	                     * ALERT_RESTARTED and ALERT_CRASHED the last sign of life before, 0: unknown */
	int64_t incident;
	int64_t looks; /* how many results confirmed it */
	const char *text; /* of the result; for ALERT_RESTARTED "was down for 3 min 10 s (clean shutdown)"; for
	                   * ALERT_ACKNOWLEDGED and ALERT_SILENCED who, until when and why */
	const struct result *result; /* with metrics and evidence as it was then; may be NULL */
	const char *note; /* why it is told now and not earlier, or why no mail told it; or NULL */
	const char *const *dependents; /* one line each: what else fails because of it and has no mail of its own */
	size_t n_dependents;
	bool is_test; /* `tocsin test-alert`: nothing has happened */
	int64_t changes; /* of ALERT_UNSTABLE: how many */
	int64_t quiet_usec; /* of ALERT_UNSTABLE: for how long it must be steady (flap_quiet) */
	bool is_first; /* nobody had looked before: nothing is said of what it was */
};

struct report_silence {
	const char *glob, *who, *why;
	int64_t until_usec; /* realtime */
};

/* A mail that did not arrive in time. */
struct report_incident {
	const char *check, *item, *module, *text;
	enum tocsin_state worst;
	int64_t number, opened_usec, closed_usec; /* realtime; 0: it is open */
};

struct report_mail {
	const char *subject;
	int64_t queued_usec, attempts; /* realtime */
	const char *why; /* the last answer for a recipient, or NULL */
};

/* How much of the past is shown: nothing, numbers with characters, or pictures too. */
enum report_charts { REPORT_CHARTS_NONE, REPORT_CHARTS_TEXT, REPORT_CHARTS_PNG };

struct report_images;

struct report {
	const char *host;
	const char *version; /* of tocsin */
	int64_t now_usec; /* realtime */
	int64_t uptime_usec; /* of the host */
	int64_t started_usec; /* realtime: when the daemon began */
	int64_t serial; /* of status reports; 0: not numbered */
	int64_t next_report_usec; /* realtime, 0: none is planned */
	const struct report_item *items;
	size_t n_items;
	const struct report_event *events;
	size_t n_events;
	const char *const *remarks; /* what else must be told: "the state file cannot be written since …" */
	size_t n_remarks;
	const struct report_silence *silences; /* in force */
	size_t n_silences;
	const struct report_mail *undelivered; /* other mails that still wait */
	size_t n_undelivered;
	const struct report_mail *merged; /* of a digest: the mails that it takes the place of */
	size_t n_merged;
	int64_t written_usec; /* realtime: of a mail that is late, when it was written; 0: it is not late */
	const char *late_why; /* why it is late, or NULL */
	const struct report_incident *incidents; /* of REPORT_PAGE: of the last week, the newest first */
	size_t n_incidents;
	bool has_no_incidents; /* they are not known: the state file did not answer */
	const char *subject_prefix, *header, *footer; /* templates (template.h); NULL: "[{host}]" and none */
	bool has_stable_subject; /* of an alert about one incident: the same for all its mails */
	enum report_charts charts;
	const struct trend *(*find_trend)(void *userdata, const char *check, const char *item, const char *metric); /* or NULL */
	void *userdata;
	struct report_images *images; /* report_html() adds those that its page shows; NULL: none are wanted */
};

#define REPORT_IMAGES_MAX 32

struct report_image {
	char cid[256];
	struct buf data; /* a PNG file */
};

/* The pictures of a page. */
struct report_images {
	const char *id; /* what makes their names unique: a Message-ID */
	size_t max_bytes, bytes; /* of all together */
	bool is_full;
	struct report_image items[REPORT_IMAGES_MAX];
	size_t n, n_left_out;
};

void report_images_free(struct report_images *images);

/* How many bytes pictures may have in a mail with this TEXT part, so that all of it has less than 200,000. */
size_t report_images_room(const struct buf *text);

#define _cleanup_images_ _cleanup_(report_images_free)

enum report_kind {
	REPORT_STARTED, /* "[web1] monitoring started: OK (12 checks)": the first mail of a host, with all states */
	REPORT_STATUS, /* "[web1] status OK (12 checks)": the report at an interval */
	REPORT_ALERT, /* about its events: "[web1] CRITICAL disk /: 96 % used (limit 90 %)",
	               * "[web1] RECOVERED disk / after 1 h 12 min", "[web1] 3 problems: …" */
	REPORT_DIGEST, /* what several mails would have told that could not be delivered in time: as REPORT_ALERT, an item in
	                * one row with all that befell it, and the subjects of the merged mails */
	REPORT_PAGE, /* for a file that a web server shows: as REPORT_STATUS, with the incidents of a week */
	REPORT_TEST, /* "[web1] test mail": proves the way to the mailbox, and says what the host is like */
};

/* Subject: one line, host first, at most 78 columns, cut with "…" in the middle of what matters least. */
void report_subject(struct buf *b, enum report_kind kind, const struct report *r);

/* That of REPORT_TEST, for the command line, which knows no items: of R the host, prefix, time and version are read. */
void report_test_subject(struct buf *b, const struct report *r);

/* Text: UTF-8, LF, complete by itself, at most 72 columns where it is ours to break lines. */
void report_text(struct buf *b, enum report_kind kind, const struct report *r);

/* HTML with tables and inline styles, under 60 KB: long evidence is cut there and whole in the text. */
void report_html(struct buf *b, enum report_kind kind, const struct report *r);

/* HTML of report_html() as a page that is complete by itself: its pictures are in it, and it loads itself again once a
 * minute. */
void report_embed(struct buf *b, const char *html, const struct report_images *images);

/* The worst state of all items, and a short line: "OK (12 checks)", "1 CRITICAL, 11 OK". */
enum tocsin_state report_worst(const struct report *r);
void report_counts(struct buf *b, const struct report *r);
