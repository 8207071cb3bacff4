/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a mail says: subject, text and HTML from a picture of the host. Pure: all it knows is in struct report. */
#pragma once

#include "alert.h"
#include "buf.h"
#include "state.h"

struct report_item {
	const char *check, *item;
	const struct alert_state *alert;
	const struct result *result; /* of the last look; time_usec 0: not looked at yet */
	const struct result *previous; /* of the last result of another state, or NULL */
	const char *module;
	int64_t interval_usec;
	const char *not_applicable; /* why this check has nothing to do on this host, or NULL */
};

/* One thing that happened, for alert mails (those that this mail is about) and reports (since the last one). */
struct report_event {
	enum alert_event event;
	const char *check, *item;
	enum tocsin_state from, to;
	int64_t time_usec; /* realtime: when it was confirmed */
	int64_t since_usec; /* realtime: of the first bad result; for a recovery, of the problem's first bad result */
	int64_t incident;
	int64_t looks; /* how many results confirmed it */
	const char *text; /* of the result */
	const struct result *result; /* with metrics and evidence as it was then; may be NULL */
};

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
};

enum report_kind {
	REPORT_STARTED, /* "[web1] monitoring started: OK (12 checks)": the first mail of a host, with all states */
	REPORT_STATUS, /* "[web1] status OK (12 checks)": the report at an interval */
	REPORT_ALERT, /* about its events: "[web1] CRITICAL disk /: 96 % used (limit 90 %)",
	               * "[web1] RECOVERED disk / after 1 h 12 min", "[web1] 3 problems: …" */
	REPORT_TEST, /* "[web1] test mail": proves the way to the mailbox, and says what the host is like */
};

/* Subject: one line, host first, at most 78 columns, cut with "…" in the middle of what matters least. */
void report_subject(struct buf *b, enum report_kind kind, const struct report *r);

/* Text: UTF-8, LF, complete by itself, at most 72 columns where it is ours to break lines. */
void report_text(struct buf *b, enum report_kind kind, const struct report *r);

/* HTML with tables and inline styles, under 60 KB: long evidence is cut there and whole in the text. */
void report_html(struct buf *b, enum report_kind kind, const struct report *r);

/* The worst state of all items, and a short line: "OK (12 checks)", "1 CRITICAL, 11 OK". */
enum tocsin_state report_worst(const struct report *r);
void report_counts(struct buf *b, const struct report *r);
