/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes one built-in sample to standard output: compose-mail SAMPLE mail|subject|text|html. Golden files and
 * tests/e2e/test_mime.py are made of it. Not a test by itself. */
#include "clock.h"
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

static const char *const remarks[] = { "The state file cannot be written since 2026-11-23 19:58:00 +0800 (No space left on "
				       "device). Alerts go on; what changes now may be told again after a restart." };

static const char hostile[] = HOSTILE;
static char huge[40000];
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

#define HOST .host = "web1", .version = "0.1.0", .now_usec = NOW, .uptime_usec = 12 * USEC_PER_DAY + 3 * USEC_PER_HOUR, \
	.started_usec = BEFORE(2 * USEC_PER_DAY), .next_report_usec = NOW + 12 * USEC_PER_HOUR
#define ITEMS(array) .items = array, .n_items = ELEMENTS(array)

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
	{ "hostile", REPORT_ALERT, { .host = hostile, .version = hostile, .now_usec = INT64_MAX, .uptime_usec = INT64_MIN,
		.started_usec = INT64_MIN, .next_report_usec = 1, ITEMS(hostile_items), .events = hostile_events,
		.n_events = ELEMENTS(hostile_events), .remarks = hostile_remarks, .n_remarks = ELEMENTS(hostile_remarks) } },
	{ "hostile-status", REPORT_STATUS, { .host = hostile, .version = hostile, .now_usec = NOW, ITEMS(hostile_items),
		.events = hostile_events, .n_events = ELEMENTS(hostile_events) } },
};

static void fill_hostile(void)
{
	memset(huge, 'x', sizeof(huge) - 1);
	for (size_t i = 10000; i < sizeof(huge) - 8; i += 50)
		memcpy(huge + i, "\xe2\x80\xae<&>\n", 7);
	for (size_t i = 0; i < ELEMENTS(hostile_items); i++)
		hostile_items[i] = (struct report_item){ .check = hostile, .item = hostile, .module = hostile,
			.alert = &critical, .result = &hostile_result, .previous = &hostile_result };
	for (size_t i = 0; i < ELEMENTS(hostile_events); i++)
		hostile_events[i] = (struct report_event){ ALERT_PROBLEM, hostile, hostile, TOCSIN_OK, TOCSIN_CRITICAL,
			.text = hostile, .looks = INT64_MAX, .time_usec = INT64_MAX, .result = i < 3 ? &hostile_result : NULL };
	for (size_t i = 0; i < ELEMENTS(hostile_remarks); i++)
		hostile_remarks[i] = hostile;
}

static void put_mail(struct buf *b, enum report_kind kind, const struct report *r)
{
	static const char *const to[] = { "ops@example.org", "\"night shift\"@example.org" };
	static const unsigned char image[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0 };
	bool is_hostile = r->host == hostile;
	const struct mime_header headers[] = { { "Auto-Submitted", "auto-generated" }, { "X-Auto-Response-Suppress", "All" },
		{ "List-Id", "<web1.tocsin>" }, { "X-Tocsin-Host", r->host }, { "X-Tocsin-Check", is_hostile ? huge : "磁盘 😀" } };
	const struct mime_image images[] = { { is_hostile ? hostile : "load@web1", is_hostile ? hostile : "image/png", image,
		sizeof(image) } };
	struct buf subject = BUF(MIME_MESSAGE_MAX), text = BUF(MIME_MESSAGE_MAX), html = BUF(MIME_MESSAGE_MAX);

	report_subject(&subject, kind, r);
	report_text(&text, kind, r);
	report_html(&html, kind, r);
	b->error = mime_compose(b, &(struct mime_mail){ .from = "tocsin@example.org",
		.from_name = is_hostile ? huge : "警钟 web1 😀", .to = to, .n_to = 2, .subject = buf_text(&subject),
		.date_usec = NOW, .message_id = is_hostile ? hostile : "17.1@web1",
		.in_reply_to = is_hostile ? hostile : "16.1@web1", .headers = headers, .n_headers = ELEMENTS(headers),
		.text = buf_text(&text), .html = buf_text(&html), .images = images, .n_images = kind == REPORT_ALERT });
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
		{ "mail", put_mail }, { "subject", report_subject }, { "text", report_text }, { "html", report_html },
	};
	struct buf b = BUF(4 * MIME_MESSAGE_MAX);
	int status = 2;

	setenv("TZ", "CST-8", 1);
	tzset();
	fill_hostile();
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
