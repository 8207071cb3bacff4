/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes one built-in sample to standard output: compose-mail SAMPLE mail|subject|text|html, in the language of
 * TOCSIN_LANGUAGE. Golden files and
 * tests/e2e/test_mime.py are made of it. Not a test by itself. */
#include "clock.h"
#include "language.h"
#include "mime.h"
#include "report.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1795435445000000) /* 2026-11-23 20:04:05 +0800 */
#define BEFORE(duration) (NOW - (duration))

#define HOSTILE                                                                                              \
	"\r\nBcc: victim@example.org\r\n\r\n--=_a<script>alert('1')</script>&amp;\x1b[31m\x01\xff\xc0\xaf\xed\xa0\x80\x7f" \
	"\xe2\x80\xae \"磁盘\" 😀 =?UTF-8?Q?x?="

static struct metric used[] = {
	{ .name = (char *)"used", .unit = (char *)"%", .value = 96.04, .warning = 80, .critical = 90, .min = 0, .max = 100 },
	{ .name = (char *)"free", .unit = (char *)"B", .value = 4.1e9, .warning = NAN, .critical = NAN, .min = 0, .max = 105e9 },
	{ .name = (char *)"inodes used", .unit = (char *)"%", .value = 12, .warning = 80, .critical = 90, .min = 0, .max = 100 },
};
static struct metric load[] = {
	{ .name = (char *)"load1", .unit = (char *)"", .value = 7.251, .warning = 4, .critical = NAN, .min = 0, .max = NAN },
	{ .name = (char *)"load5", .unit = (char *)"", .value = 5.5, .warning = 4, .critical = NAN, .min = 0, .max = NAN },
};
static char mount_text[] = "/dev/vda1 on / type ext4 (rw,relatime), 97.8 GiB\n";
static char growth_text[] = "2.1 GiB in the last hour, full in about 1 h 50 min\n"
			    "  20:04  93.9 GiB\n  19:04  91.8 GiB\n  18:04  91.7 GiB\n";
static char process_text[] =
	"  PID USER      %CPU  RSS      COMMAND\n"
	" 4711 postgres  87.2  1.2 GiB  postgres: main: autovacuum worker process shop\n"
	" 4712 postgres  12.0  312 MiB  postgres: main: checkpointer\n"
	"  812 root       2.1  44 MiB   /usr/sbin/a-command --with=a-very-long-option-that-goes-past-the-width-of-a-phone\n";
static struct evidence disk_evidence[] = { { (char *)"The mount", mount_text },
	{ (char *)"Growth", growth_text } };
static struct evidence load_evidence[] = { { (char *)"Processes with most CPU time", process_text } };

static struct result disk_bad = { TOCSIN_CRITICAL, (char *)"96 % used (limit 90 %)", BEFORE(5 * USEC_PER_SEC), used, 3,
	disk_evidence, 2 };
static struct result disk_good = { TOCSIN_OK, (char *)"42 % used", BEFORE(5 * USEC_PER_SEC), NULL, 0, NULL, 0 };
static struct result load_bad = { TOCSIN_WARNING, (char *)"7.25 over 1 minute (limit 4)", BEFORE(5 * USEC_PER_SEC), load, 2,
	load_evidence, 1 };
static struct result load_good = { TOCSIN_OK, (char *)"0.42 over 1 minute", BEFORE(5 * USEC_PER_SEC), load, 0, NULL, 0 };
static struct result web_bad = { TOCSIN_CRITICAL, (char *)"no process nginx (was 812, ended by signal 9)",
	BEFORE(5 * USEC_PER_SEC), NULL, 0, NULL, 0 };
static struct result web_good = { TOCSIN_OK, (char *)"5 processes nginx", BEFORE(5 * USEC_PER_SEC), NULL, 0, NULL, 0 };
static struct result backup = { TOCSIN_UNKNOWN, (char *)"did not answer within 10 s: the file system may hang",
	BEFORE(5 * USEC_PER_SEC), NULL, 0, NULL, 0 };

static struct alert_state well = { .state = TOCSIN_OK, .is_known = true, .since_usec = BEFORE(12 * USEC_PER_DAY) };
static struct alert_state critical = { .state = TOCSIN_CRITICAL, .is_known = true, .incident = 17,
	.since_usec = BEFORE(45 * USEC_PER_SEC), .incident_since_usec = BEFORE(45 * USEC_PER_SEC) };
static struct alert_state gone = { .state = TOCSIN_CRITICAL, .is_known = true, .incident = 19,
	.since_usec = BEFORE(45 * USEC_PER_SEC), .incident_since_usec = BEFORE(45 * USEC_PER_SEC) };
static struct alert_state warning = { .state = TOCSIN_WARNING, .is_known = true, .incident = 16,
	.since_usec = BEFORE(3 * USEC_PER_HOUR), .incident_since_usec = BEFORE(3 * USEC_PER_HOUR) };
static struct alert_state unknown = { .state = TOCSIN_UNKNOWN, .is_known = true, .incident = 18,
	.since_usec = BEFORE(5 * USEC_PER_MINUTE) };
static struct alert_state blind = { .state = TOCSIN_CRITICAL, .is_known = true, .is_blind = true, .incident = 17,
	.since_usec = BEFORE(2 * USEC_PER_DAY), .rows[ALERT_ROW_UNKNOWN] = { .length = 9, .since_usec = BEFORE(9 * USEC_PER_MINUTE) } };
static struct alert_state not_known;

#define MINUTELY .interval_usec = USEC_PER_MINUTE
#define ROOT .check = "root", .item = "/", .module = "disk", MINUTELY
#define LOAD .check = "load", .item = "load", .module = "load", MINUTELY
#define WEB .check = "web", .item = "web", .module = "process", MINUTELY

static const struct report_item all_well[] = {
	{ ROOT, .alert = &well, .result = &disk_good },
	{ LOAD, .alert = &well, .result = &load_good },
	{ WEB, .alert = &well, .result = &web_good },
};
static const struct report_item disk_full[] = {
	{ ROOT, .alert = &critical, .result = &disk_bad, .previous = &disk_good },
	{ LOAD, .alert = &warning, .result = &load_bad },
	{ WEB, .alert = &well, .result = &web_bad }, /* gone, not confirmed yet */
	{ .check = "backup", .item = "/backup", .module = "disk", .alert = &blind, .result = &backup },
	{ .check = "mail", .item = "mail", .module = "process", .alert = &not_known, MINUTELY },
	{ .check = "raid", .item = "raid", .module = "raid", .not_applicable = "there are no md arrays" },
};
static const struct report_item disk_recovered[] = {
	{ ROOT, .alert = &well, .result = &disk_good, .previous = &disk_bad },
	{ LOAD, .alert = &well, .result = &load_good },
	{ WEB, .alert = &well, .result = &web_good },
};
static const struct report_item web_gone[] = {
	{ ROOT, .alert = &well, .result = &disk_good },
	{ LOAD, .alert = &well, .result = &load_good },
	{ WEB, .alert = &gone, .result = &web_bad },
};
static const struct report_item cannot_look[] = {
	{ .check = "backup", .item = "/backup", .module = "disk", .alert = &unknown, .result = &backup, MINUTELY },
	{ LOAD, .alert = &well, .result = &load_good },
};

#define TIMES .time_usec = BEFORE(5 * USEC_PER_SEC), .since_usec = BEFORE(45 * USEC_PER_SEC), .looks = 3
static const struct report_event several[] = {
	{ ALERT_WORSE, "load", "load", TOCSIN_OK, TOCSIN_WARNING, TIMES, .incident = 16, .text = "7.25 over 1 minute (limit 4)",
		.result = &load_bad },
	{ ALERT_PROBLEM, "root", "/", TOCSIN_OK, TOCSIN_CRITICAL, TIMES, .incident = 17, .text = "96 % used (limit 90 %)",
		.result = &disk_bad },
	{ ALERT_RECOVERED, "web", "web", TOCSIN_CRITICAL, TOCSIN_OK, .time_usec = NOW,
		.since_usec = BEFORE(72 * USEC_PER_MINUTE), .looks = 5, .text = "5 processes nginx", .result = &web_good },
};
static const struct report_event unknown_event = { ALERT_BLIND, "backup", "/backup", TOCSIN_OK, TOCSIN_UNKNOWN, TIMES,
	.incident = 18, .text = "did not answer within 10 s: the file system may hang", .result = &backup };

/* What one mail each is made of. */
#define AT(age) .time_usec = BEFORE(age)
#define SINCE(age) .since_usec = BEFORE(age)
static const struct report_event told_late = { ALERT_LATE, "load", "load", TOCSIN_OK, TOCSIN_WARNING, .time_usec = NOW,
	SINCE(3 * USEC_PER_HOUR), .incident = 16, .text = "7.25 over 1 minute (limit 4)", .result = &load_bad,
	.note = "maintenance until 20:00" };
static const struct report_event reminder = { ALERT_REMINDER, "root", "/", TOCSIN_CRITICAL, TOCSIN_CRITICAL,
	.time_usec = NOW, SINCE(12 * USEC_PER_HOUR), .incident = 17, .text = "96 % used (limit 90 %)", .result = &disk_bad };
static const struct report_event unstable = { ALERT_UNSTABLE, "root", "/", TOCSIN_OK, TOCSIN_WARNING, .time_usec = NOW,
	SINCE(40 * USEC_PER_MINUTE), .incident = 17, .text = "81 % used (limit 80 %)", .changes = 5,
	.quiet_usec = 2 * USEC_PER_HOUR };
static const struct report_event steady = { ALERT_STEADY, "root", "/", TOCSIN_OK, TOCSIN_OK, .time_usec = NOW,
	SINCE(2 * USEC_PER_HOUR), .text = "42 % used" };
static const struct report_event escalated = { ALERT_ESCALATED, "root", "/", TOCSIN_CRITICAL, TOCSIN_CRITICAL,
	.time_usec = NOW, SINCE(2 * USEC_PER_HOUR), .incident = 17, .text = "96 % used (limit 90 %)", .result = &disk_bad };
static const struct report_event restarted[] = {
	{ ALERT_RESTARTED, .time_usec = BEFORE(20 * USEC_PER_SEC), SINCE(210 * USEC_PER_SEC),
		.text = "was down for 3 min 10 s (crash or power cut)" },
	{ ALERT_PROBLEM, "web", "web", TOCSIN_OK, TOCSIN_CRITICAL, TIMES, .incident = 19,
		.text = "no process nginx (was 812, ended by signal 9)", .result = &web_bad },
};
static const struct report_event test_alert[] = {
	{ ALERT_PROBLEM, "root", "/", TOCSIN_OK, TOCSIN_CRITICAL, TIMES, .text = "96 % used (limit 90 %)", .is_test = true },
	{ ALERT_RECOVERED, "root", "/", TOCSIN_CRITICAL, TOCSIN_OK, .time_usec = NOW, SINCE(45 * USEC_PER_SEC),
		.text = "42 % used", .is_test = true },
};
static const char *const dependents[] = { "CRITICAL process web: no process nginx (was 812, ended by signal 9)",
	"UNKNOWN tcp imap: the name mail.example.org could not be resolved: Temporary failure in name resolution" };
static const struct report_event parent = { ALERT_PROBLEM, "root", "/", TOCSIN_OK, TOCSIN_CRITICAL, TIMES, .incident = 17,
	.text = "96 % used (limit 90 %)", .result = &disk_bad, .dependents = dependents, .n_dependents = 2 };

/* A problem and its recovery in one mail; five changes of another item in between. */
#define LOAD_WARNS(at, since) { ALERT_PROBLEM, "load", "load", TOCSIN_OK, TOCSIN_WARNING, AT(at), SINCE(since), .looks = 3, \
	.incident = 16, .text = "7.25 over 1 minute (limit 4)", .result = &load_bad }
#define LOAD_ENDS(at, since) { ALERT_RECOVERED, "load", "load", TOCSIN_WARNING, TOCSIN_OK, AT(at), SINCE(since), .looks = 5, \
	.incident = 16, .text = "0.42 over 1 minute", .result = &load_good }
static const struct report_event pair[] = {
	LOAD_WARNS(11 * USEC_PER_MINUTE, 12 * USEC_PER_MINUTE),
	LOAD_ENDS(0, 12 * USEC_PER_MINUTE),
};
static const struct report_event storm[] = {
	LOAD_WARNS(39 * USEC_PER_MINUTE, 40 * USEC_PER_MINUTE),
	{ ALERT_PROBLEM, "root", "/", TOCSIN_OK, TOCSIN_WARNING, AT(35 * USEC_PER_MINUTE), SINCE(36 * USEC_PER_MINUTE),
		.looks = 3, .incident = 17, .text = "81 % used (limit 80 %)" },
	LOAD_ENDS(30 * USEC_PER_MINUTE, 40 * USEC_PER_MINUTE),
	LOAD_WARNS(21 * USEC_PER_MINUTE, 22 * USEC_PER_MINUTE),
	LOAD_ENDS(12 * USEC_PER_MINUTE, 22 * USEC_PER_MINUTE),
	{ ALERT_PROBLEM, "web", "web", TOCSIN_OK, TOCSIN_CRITICAL, AT(10 * USEC_PER_MINUTE), SINCE(10 * USEC_PER_MINUTE),
		.looks = 1, .incident = 19, .text = "no process nginx (was 812, ended by signal 9)", .result = &web_bad },
	{ ALERT_WORSE, "root", "/", TOCSIN_WARNING, TOCSIN_CRITICAL, AT(9 * USEC_PER_MINUTE), SINCE(10 * USEC_PER_MINUTE),
		.looks = 3, .incident = 17, .text = "96 % used (limit 90 %)", .result = &disk_bad },
	{ ALERT_RECOVERED, "web", "web", TOCSIN_CRITICAL, TOCSIN_OK, AT(8 * USEC_PER_MINUTE), SINCE(10 * USEC_PER_MINUTE),
		.looks = 1, .incident = 19, .text = "5 processes nginx", .result = &web_good },
	LOAD_WARNS(3 * USEC_PER_MINUTE, 4 * USEC_PER_MINUTE),
};
static const struct report_mail merged[] = {
	{ "[web1] WARNING load: 7.25 over 1 minute (limit 4)", BEFORE(39 * USEC_PER_MINUTE), 6,
		"451 4.3.0 mail server temporarily rejected message" },
	{ "[web1] 2 problems, 1 recovered: CRITICAL process web, WARNING disk /, 1 more", BEFORE(10 * USEC_PER_MINUTE), 3,
		"connection to mx.example.org timed out" },
	{ "[web1] WARNING load: 7.25 over 1 minute (limit 4)", BEFORE(3 * USEC_PER_MINUTE), 0, NULL },
};
static const struct report_silence silences[] = {
	{ "backup*", "ops", "the array is rebuilt", NOW + 3 * USEC_PER_HOUR },
	{ "disk//home", "root", NULL, NOW + 2 * USEC_PER_DAY },
};
/* What a report tells that no mail did. */
static const struct report_event noted[] = {
	{ ALERT_PROBLEM, "backup", "/backup", TOCSIN_OK, TOCSIN_WARNING, AT(5 * USEC_PER_HOUR), SINCE(5 * USEC_PER_HOUR),
		.looks = 3, .incident = 18, .text = "82 % used (limit 80 %)", .note = "silenced by ops until 23:04" },
	{ ALERT_SILENCED, "backup*", NULL, .to = TOCSIN_OK, AT(5 * USEC_PER_HOUR),
		.text = "by ops until 23:04: the array is rebuilt" },
	{ ALERT_EASED, "root", "/", TOCSIN_CRITICAL, TOCSIN_WARNING, AT(4 * USEC_PER_HOUR), SINCE(4 * USEC_PER_HOUR),
		.incident = 17, .text = "89 % used (limit 80 %)" },
	{ ALERT_RELAPSED, "root", "/", TOCSIN_WARNING, TOCSIN_CRITICAL, AT(3 * USEC_PER_HOUR), SINCE(3 * USEC_PER_HOUR),
		.incident = 17, .text = "96 % used (limit 90 %)" },
	{ ALERT_ACKNOWLEDGED, "root", "/", TOCSIN_CRITICAL, TOCSIN_CRITICAL, AT(2 * USEC_PER_HOUR), .incident = 17,
		.text = "by ops until 2026-11-24 09:00: a larger disk is ordered" },
	{ ALERT_REMOVED, "old", "old", TOCSIN_CRITICAL, TOCSIN_OK, AT(USEC_PER_HOUR), .incident = 12,
		.text = "no process old" },
	{ ALERT_RESTARTED, AT(30 * USEC_PER_MINUTE), SINCE(31 * USEC_PER_MINUTE), .text = "was down for 40 s (clean shutdown)" },
	{ ALERT_SEEN_AGAIN, "web", "web", TOCSIN_UNKNOWN, TOCSIN_OK, AT(20 * USEC_PER_MINUTE), SINCE(25 * USEC_PER_MINUTE),
		.incident = 20, .text = "5 processes nginx" },
};
static const struct report_item acknowledged[] = {
	{ ROOT, .alert = &critical, .result = &disk_bad, .previous = &disk_good, .ack_who = "ops",
		.ack_why = "a larger disk is ordered", .ack_until_usec = NOW + 13 * USEC_PER_HOUR },
	{ LOAD, .alert = &warning, .result = &load_bad, .ack_who = "root", .ack_until_usec = USEC_NEVER },
	{ WEB, .alert = &well, .result = &web_good },
};
static char huge[40000];
static struct report_event many_events[200];
static struct report_item many_items[60];
static struct report_event crowd_events[50];
static struct report_item crowd[1000];

static const char *const remarks[] = { "The state file cannot be written since 2026-11-23 19:58:00 +0800 (No space left on "
				       "device). Alerts go on; what changes now may be told again after a restart." };

static const char hostile[] = HOSTILE;
static struct metric hostile_metrics[] = {
	{ (char *)hostile, (char *)hostile, INFINITY, NAN, 1e300, -1e300, 1e18 },
	{ (char *)"", (char *)"B", 1e300, -1e300, 5, 5, 5 },
	{ (char *)"s", (char *)"s", -1e300, 1e12, -5, 5, 5 },
};
static struct evidence hostile_evidence[] = { { (char *)hostile, (char *)hostile }, { (char *)hostile, huge },
	{ (char *)"-- ", (char *)"-- \n.\nFrom here\n</pre></table>" } };
static struct result hostile_result = { TOCSIN_CRITICAL, (char *)hostile, NOW, hostile_metrics, 3, hostile_evidence, 3 };
static struct report_item hostile_items[1500];
static struct report_event hostile_events[300];
static const char *hostile_remarks[40];
static struct report_silence hostile_silences[100];
static struct report_mail hostile_mails[100];

#define HOST .host = "web1", .version = "0.1.0", .now_usec = NOW, .uptime_usec = 12 * USEC_PER_DAY + 3 * USEC_PER_HOUR, \
	.started_usec = BEFORE(2 * USEC_PER_DAY), .next_report_usec = NOW + 12 * USEC_PER_HOUR
#define ITEMS(array) .items = array, .n_items = ELEMENTS(array)

/* ---- with a past ---- */

static struct metric memory_share[] = { { .name = (char *)"available", .unit = (char *)"%", .value = 41, .warning = 10,
	.critical = 5, .min = 0, .max = 100 } };
static struct metric home_used[] = { { .name = (char *)"used", .unit = (char *)"%", .value = 61.2, .warning = 80,
	.critical = 90, .min = 0, .max = 100 } };
static struct metric load_low[] = { { .name = (char *)"load1", .unit = (char *)"", .value = 0.42, .warning = 4,
	.critical = 8, .min = 0, .max = NAN } };
static struct result memory_good = { TOCSIN_OK, (char *)"41 % of 16 GiB available", BEFORE(5 * USEC_PER_SEC),
	memory_share, 1, NULL, 0 };
static struct result home_good = { TOCSIN_OK, (char *)"61 % used", BEFORE(5 * USEC_PER_SEC), home_used, 1, NULL, 0 };
static struct result load_quiet = { TOCSIN_OK, (char *)"0.42 over 1 minute", BEFORE(5 * USEC_PER_SEC), load_low, 1, NULL, 0 };
static const struct report_item with_past[] = {
	{ ROOT, .alert = &critical, .result = &disk_bad, .previous = &disk_good },
	{ .check = "home", .item = "/home", .module = "disk", MINUTELY, .alert = &well, .result = &home_good },
	{ LOAD, .alert = &well, .result = &load_quiet },
	{ .check = "memory", .item = "memory", .module = "memory", MINUTELY, .alert = &well, .result = &memory_good },
	{ WEB, .alert = &well, .result = &web_good },
	{ .check = "mail", .item = "mail", .module = "process", .alert = &well, .result = &web_good, MINUTELY },
};

/* From 0 at midnight to 1 at noon. */
static double sunlight(int minute)
{
	int phase = minute % 1440;

	return (phase < 720 ? phase : 1440 - phase) / 720.0;
}

static double full_disk(int minute)
{
	return minute < 9000 ? 78 + minute / 1000.0 + sunlight(minute) : 87 + (minute - 9000) / 120.0;
}

static double home_disk(int minute)
{
	return 55 + minute / 1626.0 + sunlight(minute) / 4;
}

static double load_course(int minute)
{
	return 0.2 + 1.4 * sunlight(minute) + minute * 7919 % 100 / 160.0 + (minute % 613 == 0 ? 2.5 : 0);
}

static double memory_course(int minute)
{
	return 48 - 9 * sunlight(minute) + minute * 7919 % 10 / 8.0;
}

/* The watcher was off for an hour and a half on the last day. */
static const struct trend *find_trend(void *userdata, const char *check, const char *item, const char *metric)
{
	static struct course {
		const char *item, *metric;
		double (*at)(int minute);
		struct trend trend;
		bool is_made;
	} courses[] = {
		{ .item = "/", .metric = "used", .at = full_disk },
		{ .item = "/home", .metric = "used", .at = home_disk },
		{ .item = "load", .metric = "load1", .at = load_course },
		{ .item = "memory", .metric = "available", .at = memory_course },
	};

	for (size_t i = 0; i < ELEMENTS(courses); i++) {
		struct course *c = &courses[i];

		if (strcmp(c->item, item) != 0 || strcmp(c->metric, metric) != 0)
			continue;
		if (!c->is_made)
			trend_init(&c->trend);
		for (int minute = 0; !c->is_made && minute <= 7 * 1440; minute++)
			if (minute < 9200 || minute > 9290)
				trend_add(&c->trend, c->at(minute), BEFORE((7 * 1440 - minute) * USEC_PER_MINUTE));
		c->is_made = true;
		return &c->trend;
	}
	return NULL;
}

static const struct trend *find_trend_of_crowd(void *userdata, const char *check, const char *item, const char *metric)
{
	return find_trend(userdata, check, "/", metric);
}

#define PAST(how) .charts = REPORT_CHARTS_##how, .find_trend = find_trend

static const struct sample {
	const char *name;
	enum report_kind kind;
	struct report report;
} samples[] = {
	{ "started", REPORT_STARTED, { HOST, ITEMS(all_well) } },
	{ "started-bad", REPORT_STARTED, { HOST, ITEMS(disk_full) } },
	{ "status", REPORT_STATUS, { HOST, ITEMS(all_well), .serial = 7 } },
	{ "status-bad", REPORT_STATUS, { HOST, ITEMS(disk_full), .serial = 8, .events = several, .n_events = 3,
		.remarks = remarks, .n_remarks = 1 } },
	{ "problem", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = &several[1], .n_events = 1 } },
	{ "several", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = several, .n_events = 3, .remarks = remarks,
		.n_remarks = 1 } },
	{ "unknown", REPORT_ALERT, { HOST, ITEMS(cannot_look), .events = &unknown_event, .n_events = 1 } },
	{ "recovered", REPORT_ALERT, { HOST, ITEMS(disk_recovered), .events = &(const struct report_event){
		ALERT_RECOVERED, "root", "/", TOCSIN_CRITICAL, TOCSIN_OK, .time_usec = NOW, .incident = 17, .looks = 5,
		.since_usec = BEFORE(72 * USEC_PER_MINUTE), .text = "42 % used", .result = &disk_good }, .n_events = 1 } },
	{ "test", REPORT_TEST, { HOST, ITEMS(all_well) } },
	{ "nothing", REPORT_STATUS, { .host = "web1", .version = "0.1.0", .now_usec = NOW } },
	{ "late", REPORT_ALERT, { HOST, ITEMS(disk_recovered), .events = &several[1], .n_events = 1,
		.written_usec = BEFORE(2 * USEC_PER_HOUR), .late_why = "451 4.3.0 mail server temporarily rejected message" } },
	{ "told-late", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = &told_late, .n_events = 1 } },
	{ "reminder", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = &reminder, .n_events = 1 } },
	{ "unstable", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = &unstable, .n_events = 1 } },
	{ "steady", REPORT_ALERT, { HOST, ITEMS(all_well), .events = &steady, .n_events = 1 } },
	{ "escalated", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = &escalated, .n_events = 1 } },
	{ "restarted", REPORT_ALERT, { HOST, ITEMS(all_well), .events = restarted, .n_events = 1 } },
	{ "restarted-bad", REPORT_ALERT, { HOST, ITEMS(web_gone), .events = restarted, .n_events = 2 } },
	{ "test-alert", REPORT_ALERT, { HOST, ITEMS(all_well), .events = test_alert, .n_events = 1 } },
	{ "test-recovery", REPORT_ALERT, { HOST, ITEMS(all_well), .events = test_alert, .n_events = 2 } },
	{ "parent", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = &parent, .n_events = 1 } },
	{ "pair", REPORT_ALERT, { HOST, ITEMS(all_well), .events = pair, .n_events = 2 } },
	{ "storm", REPORT_ALERT, { HOST, ITEMS(disk_full), .events = storm, .n_events = ELEMENTS(storm) } },
	{ "digest", REPORT_DIGEST, { HOST, ITEMS(disk_full), .events = storm, .n_events = ELEMENTS(storm), .merged = merged,
		.n_merged = ELEMENTS(merged), .late_why = "no mail could be delivered for 41 min" } },
	{ "digest-of-reports", REPORT_DIGEST, { HOST, ITEMS(all_well), .merged = merged, .n_merged = 1 } },
	{ "status-full", REPORT_STATUS, { HOST, ITEMS(acknowledged), .serial = 9, .events = noted,
		.n_events = ELEMENTS(noted), .silences = silences, .n_silences = ELEMENTS(silences), .undelivered = merged,
		.n_undelivered = ELEMENTS(merged) } },
	{ "status-many", REPORT_STATUS, { HOST, ITEMS(many_items), .serial = 10, .events = many_events,
		.n_events = ELEMENTS(many_events) } },
	{ "alert-many", REPORT_ALERT, { HOST, ITEMS(many_items), .events = many_events, .n_events = ELEMENTS(many_events) } },
	{ "course", REPORT_ALERT, { HOST, ITEMS(with_past), .events = &several[1], .n_events = 1, PAST(PNG) } },
	{ "course-status", REPORT_STATUS, { HOST, ITEMS(with_past), .serial = 11, .events = &several[1], .n_events = 1, PAST(PNG) } },
	{ "course-text", REPORT_STATUS, { HOST, ITEMS(with_past), .serial = 11, PAST(TEXT) } },
	{ "course-none", REPORT_STATUS, { HOST, ITEMS(with_past), .serial = 11, PAST(NONE) } },
	{ "hostile-crowd", REPORT_ALERT, { HOST, ITEMS(crowd), .events = crowd_events, .n_events = ELEMENTS(crowd_events),
		.charts = REPORT_CHARTS_PNG, .find_trend = find_trend_of_crowd } },
	{ "hostile-crowd-status", REPORT_STATUS, { HOST, ITEMS(crowd), .serial = 12, .events = crowd_events,
		.n_events = ELEMENTS(crowd_events), .charts = REPORT_CHARTS_PNG, .find_trend = find_trend_of_crowd } },
	{ "hostile", REPORT_ALERT, { .host = hostile, .version = hostile, .now_usec = INT64_MAX, .uptime_usec = INT64_MIN,
		.started_usec = INT64_MIN, .next_report_usec = 1, ITEMS(hostile_items), .events = hostile_events,
		.n_events = ELEMENTS(hostile_events), .remarks = hostile_remarks, .n_remarks = ELEMENTS(hostile_remarks) } },
	{ "hostile-status", REPORT_STATUS, { .host = hostile, .version = hostile, .now_usec = NOW, ITEMS(hostile_items),
		.events = hostile_events, .n_events = ELEMENTS(hostile_events), .silences = hostile_silences,
		.n_silences = ELEMENTS(hostile_silences), .undelivered = hostile_mails, .n_undelivered = ELEMENTS(hostile_mails) } },
	{ "hostile-digest", REPORT_DIGEST, { .host = hostile, .version = hostile, .now_usec = INT64_MIN, ITEMS(hostile_items),
		.events = hostile_events, .n_events = ELEMENTS(hostile_events), .merged = hostile_mails,
		.n_merged = ELEMENTS(hostile_mails), .written_usec = INT64_MAX, .late_why = hostile } },
};

/* A thousand disks, one in twenty of them full, all with a past, and told of in one mail with as much evidence as there may be. */
static void fill_crowd(void)
{
	static struct evidence evidence = { (char *)"What lies there", huge };
	static struct result bad;
	static char names[ELEMENTS(crowd)][64];

	bad = disk_bad;
	bad.evidence = &evidence;
	bad.n_evidence = 1;
	for (size_t i = 0; i < ELEMENTS(crowd); i++) {
		bool is_bad = i % 20 == 0;

		snprintf(names[i], sizeof(names[i]), "/srv/客户-%04zu/www/htdocs/releases", i);
		crowd[i] = (struct report_item){ .check = "disks", .item = names[i], .module = "disk", MINUTELY,
			.alert = is_bad ? &critical : &well, .result = is_bad ? &bad : &disk_good };
		if (is_bad)
			crowd_events[i / 20] = (struct report_event){ ALERT_PROBLEM, "disks", names[i], TOCSIN_OK, TOCSIN_CRITICAL,
				TIMES, .incident = (int64_t)i, .text = "96 % used (limit 90 %)", .result = &bad };
	}
}

/* 200 events of 60 items, which are bad and good by turns; those of every third begin the other way round. */
static void fill_many(void)
{
	static char names[60][32];

	for (size_t i = 0; i < ELEMENTS(many_items); i++) {
		snprintf(names[i], sizeof(names[i]), "/srv/customer-%02zu/www", i);
		many_items[i] = (struct report_item){ .check = "disks", .item = names[i], .module = "disk", MINUTELY };
	}
	for (size_t i = 0; i < ELEMENTS(many_events); i++) {
		size_t item = i % ELEMENTS(many_items), round = i / ELEMENTS(many_items);
		bool is_bad = (round + (item % 3 == 0)) % 2 != 0;
		int64_t at = (int64_t)(ELEMENTS(many_events) - i) * USEC_PER_MINUTE;

		many_events[i] = (struct report_event){ is_bad ? ALERT_PROBLEM : ALERT_RECOVERED, "disks", names[item],
			is_bad ? TOCSIN_OK : TOCSIN_CRITICAL, is_bad ? TOCSIN_CRITICAL : TOCSIN_OK, AT(at), SINCE(at + USEC_PER_MINUTE),
			.looks = 3, .incident = (int64_t)(100 + i), .text = is_bad ? "96 % used (limit 90 %)" : "42 % used",
			.result = is_bad ? &disk_bad : &disk_good };
		many_items[item].alert = is_bad ? &critical : &well;
		many_items[item].result = many_events[i].result;
	}
}

static void fill_hostile(void)
{
	memset(huge, 'x', sizeof(huge) - 1);
	for (size_t i = 10000; i < sizeof(huge) - 8; i += 50)
		memcpy(huge + i, "\xe2\x80\xae<&>\n", 7);
	for (size_t i = 0; i < ELEMENTS(hostile_items); i++)
		hostile_items[i] = (struct report_item){ .check = hostile, .item = hostile, .module = hostile,
			.alert = &critical, .result = &hostile_result, .previous = &hostile_result, .ack_who = hostile,
			.ack_why = hostile, .ack_until_usec = INT64_MIN };
	for (size_t i = 0; i < ELEMENTS(hostile_silences); i++)
		hostile_silences[i] = (struct report_silence){ hostile, hostile, hostile, INT64_MAX };
	for (size_t i = 0; i < ELEMENTS(hostile_mails); i++)
		hostile_mails[i] = (struct report_mail){ hostile, INT64_MIN, INT64_MAX, hostile };
	for (size_t i = 0; i < ELEMENTS(hostile_events); i++)
		hostile_events[i] = (struct report_event){ ALERT_PROBLEM, hostile + i / 50, hostile + i % 50, TOCSIN_OK,
			TOCSIN_CRITICAL, .text = hostile, .looks = INT64_MAX, .time_usec = INT64_MAX,
			.result = i < 3 ? &hostile_result : NULL, .note = hostile, .dependents = hostile_remarks, .n_dependents = 3 };
	for (size_t i = 0; i < ELEMENTS(hostile_remarks); i++)
		hostile_remarks[i] = hostile;
}

/* The HTML with its pictures. */
static void put_drawn(struct buf *b, enum report_kind kind, const struct report *r, struct report_images *images)
{
	_cleanup_buf_ struct buf text = BUF(4 * 1024 * 1024);
	struct report drawn = *r;

	report_text(&text, kind, r);
	*images = (struct report_images){ .id = "17.1@web1", .max_bytes = report_images_room(&text) };
	drawn.images = images;
	report_html(b, kind, &drawn);
}

static void put_html(struct buf *b, enum report_kind kind, const struct report *r)
{
	static struct report_images images;

	put_drawn(b, kind, r, &images);
	report_images_free(&images);
}

static void put_mail(struct buf *b, enum report_kind kind, const struct report *r)
{
	static const char *const to[] = { "ops@example.org", "\"night shift\"@example.org" };
	static const unsigned char image[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0 };
	bool is_hostile = r->host == hostile;
	const struct mime_header headers[] = { { "Auto-Submitted", "auto-generated" }, { "X-Auto-Response-Suppress", "All" },
		{ "List-Id", "<web1.tocsin>" }, { "X-Tocsin-Host", r->host }, { "X-Tocsin-Check", is_hostile ? huge : "磁盘 😀" } };
	static struct report_images drawn;
	struct mime_image images[REPORT_IMAGES_MAX] = { { is_hostile ? hostile : "load@web1", is_hostile ? hostile : "image/png",
		image, sizeof(image) } };
	size_t n_images = kind == REPORT_ALERT && !r->find_trend;
	struct buf subject = BUF(MIME_MESSAGE_MAX), text = BUF(MIME_MESSAGE_MAX), html = BUF(MIME_MESSAGE_MAX);

	report_subject(&subject, kind, r);
	report_text(&text, kind, r);
	put_drawn(&html, kind, r, &drawn);
	for (size_t i = 0; i < drawn.n; i++)
		images[n_images++] = (struct mime_image){ drawn.items[i].cid, "image/png", drawn.items[i].data.data,
			drawn.items[i].data.len };
	b->error = mime_compose(b, &(struct mime_mail){ .from = "tocsin@example.org",
		.from_name = is_hostile ? huge : "警钟 web1 😀", .to = to, .n_to = 2, .subject = buf_text(&subject),
		.date_usec = NOW, .message_id = is_hostile ? hostile : "17.1@web1",
		.in_reply_to = is_hostile ? hostile : "16.1@web1", .headers = headers, .n_headers = ELEMENTS(headers),
		.text = buf_text(&text), .html = buf_text(&html), .images = images, .n_images = n_images });
	report_images_free(&drawn);
	buf_free(&subject);
	buf_free(&text);
	buf_free(&html);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*put)(struct buf *b, enum report_kind kind, const struct report *r);
	} parts[] = {
		{ "mail", put_mail }, { "subject", report_subject }, { "text", report_text }, { "html", put_html },
	};
	struct buf b = BUF(4 * MIME_MESSAGE_MAX);
	int status = 2;

	setenv("TZ", "CST-8", 1);
	tzset();
	language_from_environment();
	fill_hostile();
	fill_crowd();
	fill_many();
	for (size_t i = 0; argc == 3 && i < ELEMENTS(samples); i++)
		for (size_t j = 0; strcmp(argv[1], samples[i].name) == 0 && j < ELEMENTS(parts); j++)
			if (strcmp(argv[2], parts[j].name) == 0) {
				parts[j].put(&b, samples[i].kind, &samples[i].report);
				status = b.error != 0;
			}
	for (size_t i = 0; argc == 1 && i < ELEMENTS(samples); i++, status = 0)
		puts(samples[i].name);
	fwrite(buf_text(&b), 1, b.len, stdout);
	buf_free(&b);
	return status;
}
