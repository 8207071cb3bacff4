/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each kind of mail says, line by line; whole mails are in tests/golden. */
#include "../support/random.h"
#include "../support/torture.h"
#include "clock.h"
#include "language.h"
#include "page.h"
#include "report.h"
#include "test.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1795435445000000) /* 2026-11-23 20:04:05 +0800 */
#define AGO(minutes) (NOW - (minutes) * USEC_PER_MINUTE)
#define HOST .host = "web1", .version = "1", .now_usec = NOW

static struct result full = { .state = TOCSIN_CRITICAL, .text = (char *)"96 % used", .time_usec = NOW };
static struct alert_state open_incident = { .state = TOCSIN_CRITICAL, .is_known = true, .since_usec = AGO(120),
	.incident = 17 };
static struct alert_state well = { .state = TOCSIN_OK, .is_known = true };
static struct result good = { .state = TOCSIN_OK, .text = (char *)"42 % used", .time_usec = NOW };

static const struct report_item disk = { .check = "root", .item = "/", .module = "disk", .alert = &open_incident,
	.result = &full };

static const struct report_event problem = { ALERT_PROBLEM, "root", "/", TOCSIN_OK, TOCSIN_CRITICAL, .time_usec = AGO(10),
	.since_usec = AGO(12), .incident = 17, .looks = 3, .text = "96 % used", .result = &full };
static const struct report_event recovery = { ALERT_RECOVERED, "root", "/", TOCSIN_CRITICAL, TOCSIN_OK, .time_usec = NOW,
	.since_usec = AGO(12), .incident = 17, .looks = 5, .text = "42 % used", .result = &good };

static int set_zone(void **state)
{
	setenv("TZ", "CST-8", 1);
	tzset();
	return 0;
}

static struct report report_of(const struct report_event *events, size_t n)
{
	return (struct report){ HOST, .items = &disk, .n_items = 1, .events = events, .n_events = n };
}

static void assert_subject(enum report_kind kind, const struct report *r, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	report_subject(&b, kind, r);
	assert_string_equal(buf_text(&b), expected);
}

/* Is LINE one of those of the text, whose further lines belong to it? */
static void assert_text(enum report_kind kind, const struct report *r, const char *words, bool is_there)
{
	_cleanup_buf_ struct buf b = BUF(4000000), flat = BUF(4000000);

	report_text(&b, kind, r);
	assert_int_equal(buf_error(&b), 0);
	for (const char *c = buf_text(&b); *c; c++)
		if ((*c != ' ' && *c != '\n') || (flat.len && flat.data[flat.len - 1] != ' '))
			buf_putc(&flat, *c == '\n' ? ' ' : *c);
	if (!strstr(buf_text(&flat), words) == is_there)
		fail_msg("%s \"%s\":\n%s", is_there ? "no" : "a", words, buf_text(&b));
}

static void assert_sound_subject(enum report_kind kind, const struct report *r)
{
	_cleanup_buf_ struct buf b = BUF(10000);

	report_subject(&b, kind, r);
	assert_int_equal(buf_error(&b), 0);
	assert_true(text_columns(buf_text(&b)) <= 78);
	assert_true(utf8_valid(buf_text(&b), b.len));
	assert_null(strpbrk(buf_text(&b), "\r\n"));
	assert_int_equal(buf_text(&b)[0], '[');
}

struct event_case {
	enum alert_event event;
	enum tocsin_state from, to;
	int64_t minutes;
	const char *subject;
};

static void assert_event_subjects(const struct event_case *cases, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		struct report_event e = { cases[i].event, "root", "/", cases[i].from, cases[i].to, .time_usec = NOW,
			.since_usec = AGO(cases[i].minutes), .incident = 17, .text = text, .changes = 5 };
		struct report r = report_of(&e, 1);

		assert_subject(REPORT_ALERT, &r, cases[i].subject);
	}
}

static void names_each_event(void **state)
{
	static const struct event_case cases[] = {
		{ ALERT_PROBLEM, TOCSIN_OK, TOCSIN_CRITICAL, 5, "[web1] CRITICAL disk /: 96 % used" },
		{ ALERT_WORSE, TOCSIN_WARNING, TOCSIN_CRITICAL, 5, "[web1] CRITICAL disk /: 96 % used" },
		{ ALERT_EASED, TOCSIN_CRITICAL, TOCSIN_WARNING, 5, "[web1] WARNING disk /: was CRITICAL: 96 % used" },
		{ ALERT_BLIND, TOCSIN_OK, TOCSIN_CRITICAL, 5, "[web1] UNKNOWN disk /: 96 % used" },
		{ ALERT_SEEN_AGAIN, TOCSIN_UNKNOWN, TOCSIN_OK, 5, "[web1] OK disk /: can be looked at again: 96 % used" },
		{ ALERT_RECOVERED, TOCSIN_CRITICAL, TOCSIN_OK, 72, "[web1] RECOVERED disk / after 1 h 12 min" },
		{ ALERT_UNSTABLE, TOCSIN_OK, TOCSIN_WARNING, 40, "[web1] UNSTABLE disk /: 5 changes in 40 min, now WARNING" },
		{ ALERT_STEADY, TOCSIN_OK, TOCSIN_OK, 120, "[web1] STEADY disk /: OK for 2 h" },
		{ ALERT_LATE, TOCSIN_OK, TOCSIN_WARNING, 120, "[web1] WARNING disk /: 96 % used" },
		{ ALERT_REMINDER, TOCSIN_CRITICAL, TOCSIN_CRITICAL, 720, "[web1] CRITICAL disk / for 12 h: 96 % used" },
		{ ALERT_ESCALATED, TOCSIN_CRITICAL, TOCSIN_CRITICAL, 120,
			"[web1] ESCALATED CRITICAL disk / for 2 h, not acknowledged" },
		{ ALERT_TEST, TOCSIN_OK, TOCSIN_CRITICAL, 1, "[web1] TEST: CRITICAL disk /: 96 % used" },
		{ ALERT_TEST, TOCSIN_CRITICAL, TOCSIN_OK, 1, "[web1] TEST: RECOVERED disk / after 1 min" },
	};

	assert_event_subjects(cases, ELEMENTS(cases), "96 % used");
}

static void keeps_one_subject_for_an_incident(void **state)
{
	const struct report_event events[] = { problem, { ALERT_ACKNOWLEDGED, "root", "/", .to = TOCSIN_CRITICAL, .time_usec = NOW } };
	struct report r = report_of(events, 1);
	struct report_event later = recovery;

	r.has_stable_subject = true;
	assert_subject(REPORT_ALERT, &r, "[web1] disk /: incident 17");
	r.events = &later;
	assert_subject(REPORT_ALERT, &r, "[web1] disk /: incident 17");
	assert_subject(REPORT_DIGEST, &r, "[web1] digest: RECOVERED disk / after 12 min");
	assert_text(REPORT_ALERT, &r, "RECOVERED disk /", true);
	later.is_test = true;
	assert_subject(REPORT_ALERT, &r, "[web1] TEST: RECOVERED disk / after 12 min");
}

static void fills_in_templates(void **state)
{
	struct report r = report_of(&problem, 1);
	_cleanup_buf_ struct buf html = BUF(100000);

	r.subject_prefix = "{host}/{state}";
	r.header = "<b>{host}</b>\r\nBcc: x";
	r.footer = "Call 112. tocsin {version}";
	assert_subject(REPORT_ALERT, &r, "web1/CRITICAL CRITICAL disk /: 96 % used");
	assert_text(REPORT_ALERT, &r, "<b>web1</b>\\r\\nBcc: x CRITICAL disk /", true);
	assert_text(REPORT_ALERT, &r, "Call 112. tocsin 1 ", true);
	report_html(&html, REPORT_ALERT, &r);
	assert_non_null(strstr(buf_text(&html), "&lt;b&gt;web1&lt;/b&gt;"));
	r.subject_prefix = "[a prefix that is much longer than anybody should want to have one {host}";
	assert_sound_subject(REPORT_ALERT, &r);
	r.subject_prefix = "";
	assert_subject(REPORT_ALERT, &r, "CRITICAL disk /: 96 % used");
}

static void names_a_restart(void **state)
{
	const struct report_event events[] = {
		{ ALERT_RESTARTED, .time_usec = NOW, .since_usec = AGO(4), .text = "was down for 3 min (clean shutdown)" }, problem,
	};
	struct report r = report_of(events, 1);

	assert_subject(REPORT_ALERT, &r, "[web1] host restarted, was down for 3 min (clean shutdown)");
	assert_text(REPORT_ALERT, &r, "RESTARTED web1 was down for 3 min (clean shutdown) ", true);
	assert_text(REPORT_ALERT, &r, "Last alive 2026-11-23 20:00:05 +0800 ", true);
	r = report_of(events, 2);
	assert_subject(REPORT_ALERT, &r, "[web1] 1 problem, host restarted: CRITICAL disk /");
}

static void names_a_crash_of_tocsin(void **state)
{
	const struct report_event events[] = {
		{ ALERT_CRASHED, .time_usec = NOW, .since_usec = AGO(4), .text = "did not end in order, last alive 4 min before" },
		problem,
	};
	struct report r = report_of(events, 1);

	assert_subject(REPORT_ALERT, &r, "[web1] tocsin restarted, did not end in order, last alive 4 min before");
	assert_text(REPORT_ALERT, &r, "RESTARTED web1 did not end in order, ", true);
	assert_text(REPORT_ALERT, &r, "journalctl -u tocsin -e", true);
	r = report_of(events, 2);
	assert_subject(REPORT_ALERT, &r, "[web1] 1 problem, tocsin restarted: CRITICAL disk /");
}

static void one_entry_for_a_pair(void **state)
{
	const struct report_event events[] = { problem, recovery };
	struct report r = report_of(events, 2);

	assert_subject(REPORT_ALERT, &r, "[web1] RECOVERED disk / after 12 min");
	assert_subject(REPORT_DIGEST, &r, "[web1] digest: RECOVERED disk / after 12 min");
	assert_text(REPORT_ALERT, &r, "In this mail", false);
	assert_text(REPORT_ALERT, &r, "CRITICAL 2026-11-23 19:54:05 +0800: 96 % used RECOVERED 2026-11-23 20:04:05 +0800: after 12",
		true);
	assert_text(REPORT_DIGEST, &r, "RECOVERED disk /: after 12 min (found 19:52, over 20:04), now CRITICAL ", true);
	assert_text(REPORT_DIGEST, &r, "RECOVERED disk / on", false);
}

/* N changes of one item, beginning with a problem, a minute apart. */
static size_t fill_storm(struct report_event *events, size_t n, const char *item)
{
	for (size_t i = 0; i < n; i++) {
		events[i] = i % 2 ? recovery : problem;
		events[i].item = item;
		events[i].time_usec = AGO((int64_t)(n - i));
		events[i].since_usec = AGO((int64_t)(n - i + 1 + i % 2));
	}
	return n;
}

static void one_entry_for_a_storm(void **state)
{
	struct report_event events[40];
	struct report r = report_of(events, fill_storm(events, 5, "/"));

	assert_subject(REPORT_ALERT, &r, "[web1] CRITICAL disk /: 5 changes in 5 min, last: 96 % used");
	assert_text(REPORT_ALERT, &r, "Course of events CRITICAL 2026-11-23 19:59:05", true);
	r = report_of(events, fill_storm(events, 6, "/"));
	assert_subject(REPORT_ALERT, &r, "[web1] RECOVERED disk / after 3 problems in 6 min");
	fill_storm(events + 6, 5, "/home");
	r.n_events = 11;
	assert_subject(REPORT_DIGEST, &r, "[web1] digest: 1 problem, 1 recovered: CRITICAL root /home, RECOVERED disk /");
	assert_text(REPORT_DIGEST, &r,
		"CRITICAL root /home: 5 changes in 5 min, last: 96 % used, found 19:58 RECOVERED disk /: after 3 problems in 6 min",
		true);
	r = report_of(events, fill_storm(events, 25, "/"));
	assert_text(REPORT_ALERT, &r, "The last 20 of 25 events", true);
}

/* What is noted of an item says nothing of its state; a test is no problem of it. */
static void keeps_apart_what_is_not_one_story(void **state)
{
	struct report_event events[] = { problem, problem, recovery };

	events[1].event = ALERT_ACKNOWLEDGED;
	events[1].text = "by ops";
	struct report r = report_of(events, 2);
	assert_subject(REPORT_ALERT, &r, "[web1] CRITICAL disk /: 96 % used");
	assert_text(REPORT_STATUS, &r, "ACK disk /: 2026-11-23 19:54:05 +0800, by ops ", true);
	events[1] = problem;
	events[1].is_test = true;
	assert_subject(REPORT_ALERT, &r, "[web1] 1 problem, 1 notice: CRITICAL disk /, TEST disk /");
	assert_text(REPORT_ALERT, &r, "What is marked TEST has not happened", true);
	r.n_events = 3;
	assert_subject(REPORT_ALERT, &r, "[web1] 1 notice, 1 recovered: TEST disk /, RECOVERED disk /");
	r = report_of(events + 1, 1);
	assert_text(REPORT_ALERT, &r, "NOTE: Nothing has happened.", true);
	assert_text(REPORT_ALERT, &r, "tocsin ack", false);
}

static void says_what_to_do(void **state)
{
	struct report_event e = problem;
	struct report_item item = disk;
	struct report r = report_of(&e, 1);

	r.items = &item;
	assert_text(REPORT_ALERT, &r, "Incident 17 Acknowledge tocsin ack 17 ", true);
	assert_text(REPORT_STATUS, &r, "Incident 17 Acknowledge tocsin ack 17 ", true);
	item.ack_who = "ops";
	item.ack_why = "a disk is ordered";
	item.ack_until_usec = NOW + USEC_PER_HOUR;
	assert_text(REPORT_ALERT, &r, "Incident 17 Acknowledged by ops until 21:04: a disk is ordered ", true);
	assert_text(REPORT_STATUS, &r, "Incident 17 Acknowledged by ops until 21:04: a disk is ordered ", true);
	assert_text(REPORT_STATUS, &r, "; acknowledged by ops until 21:04: a disk is ordered ", true);
	item.ack_until_usec = 0;
	assert_text(REPORT_ALERT, &r, "Acknowledged by ops while it lasts: a disk", true);
	item = disk;
	item.alert = &well; /* of a mail that is late: there is nothing to acknowledge any more */
	assert_text(REPORT_ALERT, &r, "tocsin ack", false);

	e.event = ALERT_BLIND;
	assert_text(REPORT_ALERT, &r, "Look again tocsin check root tocsin could not look, so", true);
	e.event = ALERT_UNSTABLE;
	e.quiet_usec = 2 * USEC_PER_HOUR;
	e.to = TOCSIN_WARNING;
	assert_text(REPORT_ALERT, &r, "until it has been steady for 2 h, or is CRITICAL for the first time.", true);
	e.to = TOCSIN_CRITICAL;
	assert_text(REPORT_ALERT, &r, "until it has been steady for 2 h. ", true);
}

static void says_why_it_is_told_so_late(void **state)
{
	struct report_event e = problem;
	struct report_item item = disk;
	struct report r = report_of(&e, 1);

	r.items = &item;
	r.written_usec = AGO(120);
	r.late_why = "connection refused";
	assert_text(REPORT_ALERT, &r, "NOTE: This mail is late. It was written at 2026-11-23 18:04:05 +0800, 2 h before it could be "
		"sent. The reason: connection refused.", true);
	assert_text(REPORT_ALERT, &r, " Now ", false);
	item.alert = &well;
	item.result = &good;
	assert_text(REPORT_ALERT, &r, " Now OK: 42 % used ", true);
	r.written_usec = 0;
	assert_text(REPORT_ALERT, &r, "This mail is late", false);
	e.event = ALERT_LATE;
	e.note = "silenced by ops";
	assert_text(REPORT_ALERT, &r, "Why only now silenced by ops ", true);
	e.event = ALERT_PROBLEM;
	assert_text(REPORT_ALERT, &r, "Note silenced by ops ", true);
	assert_text(REPORT_STATUS, &r, "96 % used (silenced by ops) ", true);
}

static void lists_what_fails_because_of_it(void **state)
{
	static const char *const dependents[] = { "CRITICAL process web: gone", "UNKNOWN tcp imap: no route" };
	struct report_event events[] = { problem, recovery };
	struct report r = report_of(events, 1);

	events[0].dependents = dependents;
	events[0].n_dependents = 2;
	events[1].item = "/home";
	assert_text(REPORT_ALERT, &r, "Also failing because of it - CRITICAL process web: gone - UNKNOWN tcp imap: no route ", true);
	r.n_events = 2;
	assert_text(REPORT_ALERT, &r, "CRITICAL disk /: 96 % used; 2 more fail because of it ", true);
	events[0].n_dependents = 1;
	assert_text(REPORT_ALERT, &r, "; 1 more fails because of it ", true);
}

static void lists_what_waits(void **state)
{
	static const struct report_silence silences[] = { { "web*", "ops", "moving", NOW + USEC_PER_HOUR } };
	static const struct report_mail mails[] = { { "[web1] CRITICAL disk /", AGO(30), 4, "451 later" },
		{ "[web1] status OK", AGO(5), 0, NULL } };
	struct report r = { HOST, .serial = 8, .next_report_usec = NOW + USEC_PER_DAY, .silences = silences, .n_silences = 1,
		.undelivered = mails, .n_undelivered = 2 };

	assert_text(REPORT_STATUS, &r, "Status report 8, 2026-11-23 20:04:05 +0800. Report 9 is expected by 2026-11-24 20:04:05 "
		"+0800; if it does not come, look at the host.", true);
	assert_text(REPORT_STATUS, &r, "SILENCED web*: until 2026-11-23 21:04:05 +0800, by ops: moving ", true);
	assert_text(REPORT_STATUS, &r, "WAITING [web1] CRITICAL disk /: written 2026-11-23 19:34:05 +0800, tried 4 times: 451 later "
		"WAITING [web1] status OK: written 2026-11-23 19:59:05 +0800 ", true);
	r.merged = mails;
	r.n_merged = 2;
	assert_subject(REPORT_DIGEST, &r, "[web1] digest: 2 late mails");
	assert_text(REPORT_DIGEST, &r, "LATE [web1] CRITICAL disk /: written 2026-11-23 19:34:05 +0800, tried 4 times: 451 later ",
		true);
}

static void groups_a_long_list(void **state)
{
	struct report_event events[64];
	struct report r = report_of(events, fill_storm(events, 30, "/"));

	assert_text(REPORT_STATUS, &r, "RECOVERED disk /: 2026-11-23 20:03:05 +0800, after ", true);
	r = report_of(events, fill_storm(events, 32, "/"));
	assert_text(REPORT_STATUS, &r, "Since the last report --------------------- RECOVERED disk /: after 16 problems in 32 min "
		"(found 19:31, over 20:03), now CRITICAL All checks", true);
	char names[64][8];
	for (size_t i = 0; i < ELEMENTS(events); i++) {
		snprintf(names[i], sizeof(names[i]), "/%zu", i);
		fill_storm(events + i, 1, names[i]);
	}
	r = report_of(events, ELEMENTS(events));
	assert_text(REPORT_STATUS, &r, "And 34 more: \"tocsin history\" shows all.", true);
}

/* ---- whatever the input ---- */

static void repeat(char *text, const char *unit, size_t bytes)
{
	size_t len = strlen(unit), n = 0;

	for (; n + len <= bytes; n += len)
		memcpy(text + n, unit, len);
	text[n] = '\0';
}

static void fits_absurd_names_into_subjects(void **state)
{
	static const char *const units[] = { "x", "磁盘", "e\xcc\x81", "\xcc\x81", "\xff", "\r\n", "a b ", "👩\xe2\x80\x8d",
		"…" };
	char host[300], name[300], text[300];

	for (size_t i = 0; i < 81; i++) {
		repeat(host, units[(i + i / 9) % 9], 200);
		repeat(name, units[i % 9], 200);
		repeat(text, units[i / 9], 200);
		for (enum alert_event event = ALERT_NONE; event < ALERT_EVENTS; event++) {
			struct report_event events[] = { problem, problem };
			struct report r = { HOST, .events = events };

			events[0] = (struct report_event){ event, name, name, TOCSIN_CRITICAL, TOCSIN_UNKNOWN, .time_usec = NOW,
				.since_usec = INT64_MIN, .incident = INT64_MAX, .text = text, .changes = INT64_MAX, .is_test = i % 2 };
			r.host = host;
			for (r.n_events = 1; r.n_events <= 2; r.n_events++) {
				assert_sound_subject(REPORT_ALERT, &r);
				assert_sound_subject(REPORT_DIGEST, &r);
			}
		}
	}
}

/* Each member holds markup with a number of its own: none of it may stand in the page as it is, and all of it must be
 * told. */
static void escapes_every_text(void **state)
{
	static char marks[24][40];
	size_t n = 0;
#define MARK (snprintf(marks[n], sizeof(marks[n]), "<i id='%zu'>&\"", n), marks[n++])
	struct metric metric = { .name = MARK, .unit = MARK, .value = 1, .warning = 2, .critical = 3, .min = 0, .max = 4 };
	struct evidence evidence = { MARK, MARK };
	struct result result = { TOCSIN_CRITICAL, MARK, NOW, &metric, 1, &evidence, 1 };
	const char *const dependents[] = { MARK };
	const char *const remarks[] = { MARK };
	const struct report_item item = { .check = MARK, .item = MARK, .module = MARK, .alert = &open_incident, .result = &result,
		.ack_who = MARK, .ack_why = MARK };
	const struct report_event e = { ALERT_LATE, item.check, item.item, TOCSIN_OK, TOCSIN_CRITICAL, .time_usec = NOW,
		.since_usec = NOW, .incident = 17, .text = MARK, .result = &result, .note = MARK, .dependents = dependents,
		.n_dependents = 1 };
	const struct report_silence silence = { MARK, MARK, MARK, NOW };
	const struct report_mail mail = { MARK, NOW, 3, MARK };
	const struct report r = { .host = MARK, .version = MARK, .now_usec = NOW, .items = &item, .n_items = 1, .events = &e,
		.n_events = 1, .remarks = remarks, .n_remarks = 1, .silences = &silence, .n_silences = 1, .undelivered = &mail,
		.n_undelivered = 1, .merged = &mail, .n_merged = 1, .written_usec = AGO(1), .late_why = MARK };
	_cleanup_buf_ struct buf b = BUF(1000000);

	assert_true(n <= ELEMENTS(marks));
	report_html(&b, REPORT_STATUS, &r);
	report_html(&b, REPORT_ALERT, &r);
	report_html(&b, REPORT_DIGEST, &r);
	assert_null(strstr(buf_text(&b), "<i"));
	for (size_t i = 0; i < n; i++) {
		char escaped[60];

		snprintf(escaped, sizeof(escaped), "&lt;i id=&#39;%zu&#39;&gt;&amp;&quot;", i);
		if (!strstr(buf_text(&b), escaped))
			fail_msg("text %zu is not told", i);
	}
}

static void assert_widths(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, len);

		if (text_columns(line) > 72)
			fail_msg("%zu columns: %s", text_columns(line), line);
		text += len + (text[len] == '\n');
	}
}

/* Random events of few items, hundreds of them, with words that can be broken: every kind of mail stays in its bounds. */
static void stays_in_bounds(void **state)
{
	static const enum report_kind kinds[] = { REPORT_STATUS, REPORT_ALERT, REPORT_DIGEST };
	static const char *const names[] = { "/", "/srv/www", "磁盘", "a name of several words that goes on and on and on and on" };
	static const char *const dependents[] = { "CRITICAL process web: no process nginx (was 812, ended by signal 9), see there" };
	struct random random = { 7 };
	struct report_event events[200];

	for (int round = 0; round < 40; round++) {
		struct report r = report_of(events, (size_t)random_below(&random, ELEMENTS(events) + 1));

		for (size_t i = 0; i < r.n_events; i++)
			events[i] = (struct report_event){ (enum alert_event)random_below(&random, ALERT_EVENTS),
				names[random_below(&random, 4)], names[random_below(&random, 4)],
				(enum tocsin_state)random_below(&random, 4), (enum tocsin_state)random_below(&random, 4),
				.time_usec = AGO(random_below(&random, 5000)), .since_usec = AGO(random_below(&random, 5000)),
				.incident = random_below(&random, 50), .looks = random_below(&random, 5),
				.text = names[random_below(&random, 4)], .result = random_below(&random, 2) ? &full : NULL,
				.note = random_below(&random, 2) ? names[3] : NULL, .dependents = dependents,
				.n_dependents = (size_t)random_below(&random, 2), .is_test = random_below(&random, 9) == 0 };
		for (size_t i = 0; i < ELEMENTS(kinds); i++) {
			_cleanup_buf_ struct buf text = BUF(4000000), html = BUF(4000000);

			report_text(&text, kinds[i], &r);
			report_html(&html, kinds[i], &r);
			assert_sound_subject(kinds[i], &r);
			assert_widths(buf_text(&text));
			assert_true(html.len > 0 && html.len < PAGE_HTML_MAX);
		}
	}
}

static void says_when_memory_is_out(void **state)
{
	struct report r = report_of(&problem, 1);
	int n = 0;

	for (;;) {
		_cleanup_buf_ struct buf subject = BUF(1000), text = BUF(100000);

		torture_left = ++n;
		report_subject(&subject, REPORT_ALERT, &r);
		report_text(&text, REPORT_ALERT, &r);
		if (torture_left > 0)
			break;
		/* It says so, or only one part of a line is missing: that is better than no mail. */
		assert_true(buf_error(&subject) == -ENOMEM || buf_error(&text) == -ENOMEM ||
			(subject.len > 20 && text.len > 300));
	}
	torture_left = 0;
	assert_true(n > 2);
}

/* ---- in Chinese ---- */

static int speak_chinese(void **state)
{
	return language_use("zh_CN");
}

static int speak_english(void **state)
{
	return language_use("en");
}

/* The words by which mails are filtered stay as they are. */
static void names_each_event_in_chinese(void **state)
{
	static const struct event_case cases[] = {
		{ ALERT_PROBLEM, TOCSIN_OK, TOCSIN_CRITICAL, 5, "[web1] CRITICAL disk /: 已用 96 %" },
		{ ALERT_EASED, TOCSIN_CRITICAL, TOCSIN_WARNING, 5, "[web1] WARNING disk /: 原为 CRITICAL: 已用 96 %" },
		{ ALERT_BLIND, TOCSIN_OK, TOCSIN_CRITICAL, 5, "[web1] UNKNOWN disk /: 已用 96 %" },
		{ ALERT_SEEN_AGAIN, TOCSIN_UNKNOWN, TOCSIN_OK, 5, "[web1] OK disk /: 已可重新检查: 已用 96 %" },
		{ ALERT_RECOVERED, TOCSIN_CRITICAL, TOCSIN_OK, 72, "[web1] RECOVERED disk / 历时 1 小时 12 分钟" },
		{ ALERT_UNSTABLE, TOCSIN_OK, TOCSIN_WARNING, 40, "[web1] UNSTABLE disk /: 40 分钟内变化 5 次，现为 WARNING" },
		{ ALERT_STEADY, TOCSIN_OK, TOCSIN_OK, 120, "[web1] STEADY disk /: OK 已保持 2 小时" },
		{ ALERT_REMINDER, TOCSIN_CRITICAL, TOCSIN_CRITICAL, 720, "[web1] CRITICAL disk / 已持续 12 小时: 已用 96 %" },
		{ ALERT_ESCALATED, TOCSIN_CRITICAL, TOCSIN_CRITICAL, 120,
			"[web1] ESCALATED CRITICAL disk / 已持续 2 小时，无人确认" },
		{ ALERT_TEST, TOCSIN_CRITICAL, TOCSIN_OK, 1, "[web1] TEST: RECOVERED disk / 历时 1 分钟" },
	};

	assert_event_subjects(cases, ELEMENTS(cases), "已用 96 %");
}

/* A character has two columns and three bytes: neither may be lost count of. */
static void fits_chinese_into_subjects(void **state)
{
	struct report_event events[7];
	struct report_item items[ELEMENTS(events)];
	struct report r = { .host = "上海机房数据库主服务器一号机", .version = "1", .now_usec = NOW, .events = events, .items = items };
	char names[ELEMENTS(events)][100];

	for (size_t i = 0; i < ELEMENTS(events); i++) {
		snprintf(names[i], sizeof(names[i]), "第 %zu 块磁盘上的客户资料与历史订单归档目录", i);
		events[i] = problem;
		events[i].item = names[i];
		events[i].text = "磁盘空间已用 96 %（阈值 90 %），照此速度大约 1 小时 50 分钟后写满，请尽快清理";
		items[i] = disk;
		items[i].item = names[i];
		r.n_events = r.n_items = i + 1;
		for (enum report_kind kind = REPORT_STARTED; kind <= REPORT_TEST; kind++)
			assert_sound_subject(kind, &r);
	}
	assert_subject(REPORT_ALERT, &r, "[上海机房数据库主…器一号机] 7 个问题：CRITICAL disk 第 0 块…档目录，另 6 个");
	assert_subject(REPORT_STATUS, &r, "[上海机房数据库主…器一号机] 状态 CRITICAL：7/7 项异常：disk 第…目录，另 6 个");
}

static void breaks_chinese_lines_where_they_may_be(void **state)
{
	struct report_event e = problem;
	struct report r = report_of(&e, 1);
	char text[400];

	/* Wherever the line ends, none begins with what closes or ends with what opens, and no number loses its unit. */
	for (int n = 0; n < 40; n++) {
		_cleanup_buf_ struct buf b = BUF(100000);

		snprintf(text, sizeof(text), "%.*s已用 96 %%（阈值 90 %%），在“/srv”上；大约 50 分钟后写满。请尽快清理：删除旧的备份、日志！", 3 * n,
			"磁盘空间不足磁盘空间不足磁盘空间不足磁盘空间不足磁盘空间不足磁盘空间不足磁盘空间不足");
		e.text = text;
		report_text(&b, REPORT_ALERT, &r);
		for (const char *line = buf_text(&b); *line; line += strcspn(line, "\n") + 1) {
			static const char *const never_first[] = { "，", "。", "：", "；", "、", "）", "”", "！", "%", "分钟" };
			static const char *const never_last[] = { "（", "“", " " };
			size_t len = strcspn(line, "\n");

			for (size_t i = 0; i < ELEMENTS(never_first); i++)
				assert_false(strncmp(line, never_first[i], strlen(never_first[i])) == 0);
			for (size_t i = 0; i < ELEMENTS(never_last); i++)
				assert_false(len >= strlen(never_last[i]) &&
					strncmp(line + len - strlen(never_last[i]), never_last[i], strlen(never_last[i])) == 0);
		}
	}
}

#define IN_CHINESE(test) cmocka_unit_test_setup_teardown(test, speak_chinese, speak_english)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_each_event),
		cmocka_unit_test(keeps_one_subject_for_an_incident),
		cmocka_unit_test(fills_in_templates),
		cmocka_unit_test(names_a_restart),
		cmocka_unit_test(names_a_crash_of_tocsin),
		cmocka_unit_test(one_entry_for_a_pair),
		cmocka_unit_test(one_entry_for_a_storm),
		cmocka_unit_test(keeps_apart_what_is_not_one_story),
		cmocka_unit_test(says_what_to_do),
		cmocka_unit_test(says_why_it_is_told_so_late),
		cmocka_unit_test(lists_what_fails_because_of_it),
		cmocka_unit_test(lists_what_waits),
		cmocka_unit_test(groups_a_long_list),
		cmocka_unit_test(fits_absurd_names_into_subjects),
		cmocka_unit_test(escapes_every_text),
		cmocka_unit_test(stays_in_bounds),
		cmocka_unit_test(says_when_memory_is_out),
		IN_CHINESE(names_each_event_in_chinese),
		IN_CHINESE(fits_chinese_into_subjects),
		IN_CHINESE(breaks_chinese_lines_where_they_may_be),
		IN_CHINESE(stays_in_bounds),
		IN_CHINESE(escapes_every_text),
		IN_CHINESE(says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, set_zone, NULL);
}
