/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test.h"
#include "clock.h"
#include "history-view.h"
#include "language.h"
#include "sparkline.h"
#include "status-view.h"
#include "text.h"
#include "timeline.h"
#include "translate.h"
#include "units.h"

#include <math.h>
#include <string.h>

/* ---- sparklines ---- */

static void assert_sparkline(const struct sparkline *s, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	sparkline_append(&b, s);
	assert_string_equal(buf_text(&b), expected);
}

static void draws_levels_and_gaps(void **state)
{
	static const double values[] = { 0, 12.4, 12.5, 50, 99, 100, NAN, 7 }, same[] = { 5, 5, 5 }, none[] = { NAN, NAN };
	struct sparkline s = { .values = values, .n = ELEMENTS(values), .low = 0, .high = 100, .warning = NAN,
		.critical = NAN, .has_blocks = true, .has_colour = true };

	assert_sparkline(&s, "▁▁▂▅██ ▁");
	s.has_blocks = false;
	assert_sparkline(&s, "__.=## _");
	s = (struct sparkline){ .values = same, .n = 3, .low = NAN, .high = NAN, .warning = NAN, .critical = NAN, .has_blocks = true };
	assert_sparkline(&s, "▁▁▁");
	s.critical = 10; /* a limit belongs to the scale: half of it is not the bottom of something */
	s.low = 0;
	assert_sparkline(&s, "▅▅▅");
	s.values = none;
	s.n = 2;
	assert_sparkline(&s, "  ");
}

static void colours_by_limits(void **state)
{
	static const double values[] = { 1, 85, 95, NAN };
	struct sparkline s = { .values = values, .n = ELEMENTS(values), .low = 0, .high = 100, .warning = 80, .critical = 90,
		.has_colour = true };

	assert_sparkline(&s, "\033[32m_\033[33m*\033[31m#\033[0m ");
	s.warning = 14; /* days that are left: low is bad */
	s.critical = 7;
	assert_sparkline(&s, "\033[31m_\033[32m*#\033[0m ");
	s.has_colour = false;
	assert_sparkline(&s, "_*# ");
	s.has_colour = true;
	s.critical = NAN; /* which side is bad? */
	assert_sparkline(&s, "_*# ");
}

/* ---- lines of states ---- */

static void assert_timeline(const struct timeline *t, bool has_colour, bool has_blocks, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(1000);

	timeline_append(&b, t, has_colour, has_blocks);
	assert_string_equal(buf_text(&b), expected);
}

static void shows_the_worst_of_each_span(void **state)
{
	struct timeline t = { .since_usec = 1000, .until_usec = 2000, .n = 10 };

	assert_timeline(&t, true, true, "          ");
	timeline_add(&t, TOCSIN_OK, 0, 1500); /* what was before the beginning is cut off */
	timeline_add(&t, TOCSIN_CRITICAL, 1299, 1300);
	timeline_add(&t, TOCSIN_OK, 1200, 1300); /* a span is as bad as the worst in it */
	timeline_add(&t, TOCSIN_WARNING, 1500, 1601);
	timeline_add(&t, TOCSIN_UNKNOWN, 1900, 9000);
	timeline_add(&t, TOCSIN_CRITICAL, 2000, 3000);
	timeline_add(&t, TOCSIN_CRITICAL, 1800, 1800); /* no time at all */
	assert_timeline(&t, false, true, "▁▁█▁▁▄▄  ?");
	assert_timeline(&t, false, false, "--C--ww  ?");
	assert_timeline(&t, true, false, "\033[32m--\033[31mC\033[32m--\033[33mww\033[0m  \033[35m?\033[0m");
	t.n = 0;
	timeline_add(&t, TOCSIN_OK, 0, 5000);
	assert_timeline(&t, true, true, "");
}

/* ---- the table ---- */

static const char status_text[] =
	"{'host': 'web1', 'state': 'CRITICAL', 'summary': '4 checks: 1 critical, 1 warning, 2 OK',"
	" 'notes': ['tocsin-mail: memory is not locked: Operation not permitted'], 'silences': [], 'outbox': [], 'items': ["
	"{'check': 'load', 'item': 'load', 'state': 'OK', 'since': '2026-11-25T08:00:00Z', 'last_state': 'OK',"
	" 'text': '0.12 0.20 0.30 a processor', 'metrics': [{'name': 'load1', 'value': 0.12, 'warning': 2.0, 'critical': 4.0, 'min': 0.0}]},"
	"{'check': 'disks', 'item': '/srv/\346\225\260\346\215\256\345\272\223', 'state': 'CRITICAL', 'since': '2026-11-25T10:48:00Z',"
	" 'last_state': 'CRITICAL', 'incident': 7, 'acknowledged': {'who': 'alice (uid 1000)', 'reason': 'cleaning up'},"
	" 'text': '96 % used (limit 90 %), 4.1 GiB of 100 GiB available; it grows by 3.2 GiB a day and is full tomorrow',"
	" 'metrics': [{'name': 'used', 'value': 96.0, 'warning': 80.0, 'critical': 90.0, 'min': 0.0, 'max': 100.0}]},"
	"{'check': 'cafe\314\201', 'item': 'cafe\314\201', 'state': 'WARNING', 'since': '2026-11-25T11:59:15Z', 'last_state': 'OK',"
	" 'text': 'odd', 'metrics': []},"
	"{'check': 'raid', 'item': 'raid', 'state': null, 'not_applicable': 'no software RAID on this host', 'metrics': []}]}";

static json_t *parse(const char *text)
{
	_cleanup_free_ char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_t *value = json_loads(copy, 0, NULL);
	assert_non_null(value);
	return value;
}

/* load was never measured before 6 h ago; disks has climbed. */
static json_t *make_charts(void)
{
	json_t *charts = parse("{'steps': 24, 'charts': [{'check': 'load', 'item': 'load', 'metric': 'load1', 'points': []},"
			       "{'check': 'disks', 'item': '/srv/\346\225\260\346\215\256\345\272\223', 'metric': 'used', 'points': ["
			       /* what no daemon of ours says changes nothing */
			       "{'step': -1, 'min': 0, 'max': 99}, {'step': 24, 'min': 0, 'max': 99}, {'step': 'x'}, 1]}]}");

	for (int i = 0; i < 24; i++)
		for (size_t c = 0; c < 2; c++) {
			const json_t *chart = json_array_get(json_object_get(charts, "charts"), c);
			double value = c ? 50 + 2 * i : 0.5;

			if (c || i >= 18)
				json_array_append_new(json_object_get(chart, "points"),
					json_pack("{s:i, s:f, s:f}", "step", i, "min", value, "max", value));
		}
	return charts;
}

static void assert_no_wider(const char *text, size_t columns)
{
	for (const char *line = text; columns && *line; line += strcspn(line, "\n") + 1) {
		_cleanup_free_ char *one = strndup(line, strcspn(line, "\n"));

		assert_true(text_columns(one) <= columns);
	}
}

static void counts_follow_the_state_once(void **state)
{
	static const struct {
		const char *state, *summary, *expected;
	} rows[] = {
		{ "OK", "OK (6 checks)", "web1: OK (6 checks)\n" },
		{ "UNKNOWN", "UNKNOWN (no looks yet)", "web1: UNKNOWN (no looks yet)\n" },
		{ "WARNING", "1 WARNING, 5 OK", "web1: WARNING (1 WARNING, 5 OK)\n" },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_buf_ struct buf b = BUF(10000);
		json_t *status = json_pack("{s:s, s:s, s:s, s:[], s:[], s:[], s:[]}", "host", "web1", "state", rows[i].state, "summary",
			rows[i].summary, "notes", "items", "silences", "outbox");
		const struct status_view v = { .status = status };

		status_view_append(&b, &v);
		assert_int_equal(strncmp(buf_text(&b), rows[i].expected, strlen(rows[i].expected)), 0);
		json_decref(status);
	}
}

static void assert_view(size_t columns, bool has_charts, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);
	json_t *status = parse(status_text), *charts = has_charts ? make_charts() : NULL;
	struct status_view v = { .terminal = { .columns = columns, .rows = 50, .has_blocks = true }, .status = status,
		.charts = charts };

	assert_int_equal(parse_time_rfc3339("2026-11-25T12:00:00Z", &v.now_usec), 0);
	status_view_append(&b, &v);
	assert_string_equal(buf_text(&b), expected);
	assert_no_wider(buf_text(&b), columns);
	json_decref(status);
	json_decref(charts);
}

/* What the daemon sums up as a state is not that state twice. */
static void says_once_that_all_is_well(void **state)
{
	static const struct {
		const char *summary, *expected;
	} cases[] = {
		{ "OK (8 checks)", "web1: OK (8 checks)\n" },
		{ "OK（8 个检查项）", "web1: OK（8 个检查项）\n" },
		{ "1 WARNING, 2 OK", "web1: OK (1 WARNING, 2 OK)\n" },
		{ "", "web1: OK ()\n" },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_buf_ struct buf b = BUF(10000);
		json_t *status = json_pack("{s:s, s:s, s:s}", "host", "web1", "state", "OK", "summary", cases[i].summary);
		const struct status_view v = { .terminal = { .columns = 80, .rows = 50 }, .status = status };

		status_view_append(&b, &v);
		assert_memory_equal(buf_text(&b), cases[i].expected, strlen(cases[i].expected));
		json_decref(status);
	}
}

static void fits_120_columns(void **state)
{
	assert_view(120, true,
		"web1: CRITICAL (4 checks: 1 critical, 1 warning, 2 OK)\n"
		"! tocsin-mail: memory is not locked: Operation not permitted\n"
		"\n"
		"STATE     CHECK  ITEM         SINCE        24 H                      LAST LOOK\n"
		"CRITICAL  disks  /srv/数据库  1 h 12 min   ▅▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇▇█████  96 % used (limit 90 %), 4.1 GiB of 100 GiB\n"
		"                                                                     available; it grows by 3.2 GiB a day and is full\n"
		"                                                                     tomorrow\n"
		"          incident 7, acknowledged by alice (uid 1000): cleaning up\n"
		"WARNING   café   café         45 s                                   odd\n"
		"          OK at the last look, not confirmed yet\n"
		"OK        load   load         4 h                            ▂▂▂▂▂▂  0.12 0.20 0.30 a processor\n"
		"n/a       raid   raid                                                no software RAID on this host\n");
}

static void fits_80_columns(void **state)
{
	assert_view(80, true,
		"web1: CRITICAL (4 checks: 1 critical, 1 warning, 2 OK)\n"
		"! tocsin-mail: memory is not locked: Operation not permitted\n"
		"\n"
		"STATE     CHECK  ITEM         SINCE        LAST LOOK\n"
		"CRITICAL  disks  /srv/数据库  1 h 12 min   96 % used (limit 90 %), 4.1 GiB of\n"
		"                                           100 GiB available; it grows by 3.2\n"
		"                                           GiB a day and is full tomorrow\n"
		"          incident 7, acknowledged by alice (uid 1000): cleaning up\n"
		"WARNING   café   café         45 s         odd\n"
		"          OK at the last look, not confirmed yet\n"
		"OK        load   load         4 h          0.12 0.20 0.30 a processor\n"
		"n/a       raid   raid                      no software RAID on this host\n");
}

static void fits_40_columns(void **state)
{
	assert_view(40, true,
		"web1: CRITICAL\n"
		"  (4 checks: 1 critical, 1 warning, 2\n"
		"  OK)\n"
		"! tocsin-mail: memory is not locked:\n"
		"  Operation not permitted\n"
		"\n"
		"CRITICAL disks /srv/数据库   1 h 12 min\n"
		"  96 % used (limit 90 %), 4.1 GiB of 100\n"
		"  GiB available; it grows by 3.2 GiB a\n"
		"  day and is full tomorrow\n"
		"  ▅▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇▇█████ 24 h\n"
		"  incident 7, acknowledged by alice (uid\n"
		"  1000): cleaning up\n"
		"WARNING  café                      45 s\n"
		"  odd\n"
		"  OK at the last look, not confirmed yet\n"
		"OK       load                       4 h\n"
		"  0.12 0.20 0.30 a processor\n"
		"                    ▂▂▂▂▂▂ 24 h\n"
		"n/a      raid\n"
		"  no software RAID on this host\n");
}

static void cuts_nothing_without_a_terminal(void **state)
{
	assert_view(0, false,
		"web1: CRITICAL (4 checks: 1 critical, 1 warning, 2 OK)\n"
		"! tocsin-mail: memory is not locked: Operation not permitted\n"
		"\n"
		"STATE     CHECK  ITEM         SINCE        LAST LOOK\n"
		"CRITICAL  disks  /srv/数据库  1 h 12 min   96 % used (limit 90 %), 4.1 GiB of 100 GiB available; it grows by 3.2 GiB a day and is full tomorrow\n"
		"          incident 7, acknowledged by alice (uid 1000): cleaning up\n"
		"WARNING   café   café         45 s         odd\n"
		"          OK at the last look, not confirmed yet\n"
		"OK        load   load         4 h          0.12 0.20 0.30 a processor\n"
		"n/a       raid   raid                      no software RAID on this host\n");
}

static void survives_any_width(void **state)
{
	json_t *status = parse(status_text), *charts = make_charts();

	for (size_t columns = 0; columns < 200; columns++) {
		_cleanup_buf_ struct buf b = BUF(1000000);
		const struct status_view v = { .terminal = { .columns = columns }, .status = status, .charts = charts };

		status_view_append(&b, &v);
		assert_int_equal(buf_error(&b), 0);
		assert_true(utf8_valid(b.data, b.len));
	}
	json_decref(status);
	json_decref(charts);
}

/* Headings, remarks and durations take the columns that they have, and no English word is left but states, names, and what
 * the daemon says. */
static void aligns_in_chinese(void **state)
{
	language_use("zh_CN");
	assert_view(120, true,
		"web1: CRITICAL（4 checks: 1 critical, 1 warning, 2 OK）\n"
		"! tocsin-mail: memory is not locked: Operation not permitted\n"
		"\n"
		"状态      检查项  监测项       已持续           24 小时                   最近检查\n"
		"CRITICAL  disks   /srv/数据库  1 小时 12 分钟   ▅▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇▇█████  96 % used (limit 90 %), 4.1 GiB of 100 GiB\n"
		"                                                                          available; it grows by 3.2 GiB a day and is\n"
		"                                                                          full tomorrow\n"
		"          故障 7，由 alice (uid 1000) 确认: cleaning up\n"
		"WARNING   cafe\314\201    cafe\314\201         45 秒                                      odd\n"
		"          最近一次检查为 OK，尚未判定\n"
		"OK        load    load         4 小时                             ▂▂▂▂▂▂  0.12 0.20 0.30 a processor\n"
		"不适用    raid    raid                                                    no software RAID on this host\n");
	language_use("en");
}

static bool is_table(const json_t *status, size_t columns, const char *language)
{
	_cleanup_buf_ struct buf b = BUF(100000);
	const struct status_view v = { .terminal = { .columns = columns }, .status = status };

	language_use(language);
	status_view_append(&b, &v);
	assert_no_wider(buf_text(&b), columns);
	bool is_there = strstr(buf_text(&b), _("LAST LOOK"));
	language_use("en");
	return is_there;
}

/* Long words for durations and headings cost the usual terminal nothing. */
static void is_a_table_at_80_columns(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrst";

	for (int check = 1; check <= 20; check++)
		for (int item = 1; item <= 20; item++) {
			json_t *status = json_pack("{s:s, s:s, s:s, s:[{s:s#, s:s#, s:s, s:s, s:s}]}", "host", "web1", "state", "OK",
				"summary", "OK", "items", "check", letters, check, "item", letters, item, "state", "OK", "since",
				"1970-01-01T00:00:00Z", "text", "odd");

			assert_true(is_table(status, 80, "en") && is_table(status, 80, "zh_CN"));
			json_decref(status);
		}
}

static void fits_80_columns_in_chinese(void **state)
{
	language_use("zh_CN");
	assert_view(80, true,
		"web1: CRITICAL（4 checks: 1 critical, 1 warning, 2 OK）\n"
		"! tocsin-mail: memory is not locked: Operation not permitted\n"
		"\n"
		"状态      检查项  监测项       已持续           最近检查\n"
		"CRITICAL  disks   /srv/数据库  1 小时 12 分钟   96 % used (limit 90 %), 4.1 GiB\n"
		"                                                of 100 GiB available; it grows\n"
		"                                                by 3.2 GiB a day and is full\n"
		"                                                tomorrow\n"
		"          故障 7，由 alice (uid 1000) 确认: cleaning up\n"
		"WARNING   cafe\314\201    cafe\314\201         45 秒            odd\n"
		"          最近一次检查为 OK，尚未判定\n"
		"OK        load    load         4 小时           0.12 0.20 0.30 a processor\n"
		"不适用    raid    raid                          no software RAID on this host\n");
	assert_view(75, true,
		"web1: CRITICAL（4 checks: 1 critical, 1 warning, 2 OK）\n"
		"! tocsin-mail: memory is not locked: Operation not permitted\n"
		"\n"
		"状态      检查项  监测项       已持续   最近检查\n"
		"CRITICAL  disks   /srv/数据库  1 小时   96 % used (limit 90 %), 4.1 GiB of\n"
		"                                        100 GiB available; it grows by 3.2\n"
		"                                        GiB a day and is full tomorrow\n"
		"          故障 7，由 alice (uid 1000) 确认: cleaning up\n"
		"WARNING   cafe\314\201    cafe\314\201         45 秒    odd\n"
		"          最近一次检查为 OK，尚未判定\n"
		"OK        load    load         4 小时   0.12 0.20 0.30 a processor\n"
		"不适用    raid    raid                  no software RAID on this host\n");
	language_use("en");
}

/* ---- silences and mails ---- */

static const char waiting_text[] =
	"{'silences': [{'id': 's1', 'glob': 'web*', 'until': '2026-11-25T14:00:00Z', 'who': 'alice (uid 1000)', 'reason': 'kernel'},"
	"{'id': 's2', 'glob': 'db', 'until': '2026-11-27T14:00:00Z', 'who': 'uid 7', 'reason': ''}],"
	" 'outbox': [{'id': 'm1', 'subject': '[web1] CRITICAL disk /', 'queued': '2026-11-25T11:00:00Z', 'attempts': 2,"
	" 'next_try': '2026-11-25T12:05:00Z', 'recipients': ["
	"{'address': 'ops@example.org', 'fate': 'pending', 'answer': '451 later'},"
	"{'address': 'night@example.org', 'fate': 'given-up', 'answer': ''}]},"
	"{'id': 'm2', 'subject': '[web1] RECOVERED disk /', 'queued': '2026-11-25T12:00:00Z', 'attempts': 0,"
	" 'next_try': '2026-11-25T12:00:00Z', 'recipients': []}]}";

static void assert_waiting(size_t columns, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);
	json_t *status = parse(waiting_text);
	struct status_view v = { .terminal = { .columns = columns }, .status = status };

	assert_int_equal(parse_time_rfc3339("2026-11-25T12:00:00Z", &v.now_usec), 0);
	status_view_append_silences(&b, &v);
	status_view_append_mails(&b, &v);
	assert_string_equal(buf_text(&b), expected);
	assert_no_wider(buf_text(&b), columns);
	json_decref(status);
}

static void lists_silences_and_mails(void **state)
{
	assert_waiting(0,
		"  s1 web*, until 14:00, by alice (uid 1000): kernel\n"
		"  s2 db, until 2026-11-27 14:00, by uid 7\n"
		"  [web1] CRITICAL disk /\n"
		"    id m1, queued 11:00, attempts: 2, next 12:05\n"
		"    pending ops@example.org: 451 later\n"
		"    given-up night@example.org\n"
		"  [web1] RECOVERED disk /\n"
		"    id m2, queued 12:00, not tried yet\n");
	language_use("zh_CN");
	assert_waiting(40,
		"  s1 web*，至 14:00，由 alice (uid\n"
		"    1000) 设置: kernel\n"
		"  s2 db，至 2026-11-27 14:00，由 uid 7\n"
		"    设置\n"
		"  [web1] CRITICAL disk /\n"
		"    编号 m1，11:00 入队，已尝试 2 次，\n"
		"      下次 12:05\n"
		"    排队中 ops@example.org: 451 later\n"
		"    已放弃 night@example.org\n"
		"  [web1] RECOVERED disk /\n"
		"    编号 m2，12:00 入队，尚未尝试\n");
	language_use("en");
}

/* ---- charts of history ---- */

static const char series_text[] =
	"[{'check': 'disks', 'item': '/', 'metric': 'used', 'unit': '%', 'warning': 80, 'critical': 90, 'min': 0, 'max': 100,"
	" 'step': 3600, 'points': [{'time': '2026-11-25T00:00:00Z', 'min': 40, 'max': 41},"
	"{'time': '2026-11-25T06:00:00Z', 'min': 70, 'max': 85}, {'time': '2026-11-25T11:00:00Z', 'min': 91, 'max': 96}]},"
	"{'check': '负载', 'item': '负载', 'metric': 'load1', 'unit': '', 'warning': null, 'critical': null, 'min': 0, 'max': null,"
	" 'step': 3600, 'points': [{'time': '2026-11-25T11:00:00Z', 'min': 2, 'max': 2}]},"
	"{'check': 'days', 'item': 'left', 'metric': 'rate', 'unit': 'B/s', 'warning': 2048, 'critical': 1024, 'min': 0, 'max': 4096,"
	" 'step': 21600, 'points': [{'time': '2026-11-25T00:00:00Z', 'min': 512, 'max': 4096},"
	"{'time': '2026-11-25T06:00:00Z', 'min': 4096, 'max': 4096}]},"
	"{'check': 'never', 'item': 'measured', 'metric': 'x', 'unit': 's', 'step': 300, 'points': []}]";

static struct history_view make_history(json_t *series, size_t columns)
{
	struct history_view v = { .terminal = { .columns = columns, .has_blocks = true }, .series = series };

	assert_int_equal(parse_time_rfc3339("2026-11-25T00:00:00Z", &v.since_usec), 0);
	assert_int_equal(parse_time_rfc3339("2026-11-25T12:00:00Z", &v.until_usec), 0);
	return v;
}

static void assert_history(size_t columns, bool has_blocks, const char *expected)
{
	_cleanup_buf_ struct buf b = BUF(100000);
	json_t *series = parse(series_text);
	struct history_view v = make_history(series, columns);

	v.terminal.has_blocks = has_blocks;
	history_view_append(&b, &v);
	assert_string_equal(buf_text(&b), expected);
	assert_no_wider(buf_text(&b), columns);
	json_decref(series);
}

static void draws_history(void **state)
{
	/* An hour is two columns wide here; where low is bad it is the least value that shows. */
	assert_history(80, true,
		"                00:00                now\n"
		"disks / used    ▄▄          ▇▇        ██  40 % … 96 %, limit 90 %\n"
		"负载 load1                            ██  2\n"
		"days left rate  ▂▂▂▂▂▂▂▂▂▂▂▂████████████  512 B/s … 4.00 KiB/s, limit 1.00 KiB/s\n");
	assert_history(64, false, /* there is no room beside them */
		"  00:00                                                      now\n"
		"disks / used: 40 % … 96 %, limit 90 %\n"
		"  -----                          *****                    ######\n"
		"负载 load1: 2\n"
		"                                                          ######\n"
		"days left rate: 512 B/s … 4.00 KiB/s, limit 1.00 KiB/s\n"
		"  ...............................###############################\n");
	assert_history(0, true, "");
	language_use("zh_CN");
	assert_history(79, true,
		"                00:00               现在\n"
		"disks / used    ▄▄          ▇▇        ██  40 % … 96 %，阈值 90 %\n"
		"负载 load1                            ██  2\n"
		"days left rate  ▂▂▂▂▂▂▂▂▂▂▂▂████████████  512 B/s … 4.00 KiB/s，阈值 1.00 KiB/s\n");
	language_use("en");
}

static void draws_history_at_any_width(void **state)
{
	json_t *series = parse(series_text);

	for (size_t columns = 1; columns < 200; columns++) {
		_cleanup_buf_ struct buf b = BUF(1000000);
		const struct history_view v = make_history(series, columns);

		history_view_append(&b, &v);
		assert_int_equal(buf_error(&b), 0);
		assert_true(utf8_valid(b.data, b.len));
		if (columns >= 30)
			assert_no_wider(buf_text(&b), columns);
	}
	json_decref(series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_levels_and_gaps),
		cmocka_unit_test(counts_follow_the_state_once),
		cmocka_unit_test(colours_by_limits),
		cmocka_unit_test(shows_the_worst_of_each_span),
		cmocka_unit_test(says_once_that_all_is_well),
		cmocka_unit_test(fits_120_columns),
		cmocka_unit_test(fits_80_columns),
		cmocka_unit_test(fits_40_columns),
		cmocka_unit_test(cuts_nothing_without_a_terminal),
		cmocka_unit_test(aligns_in_chinese),
		cmocka_unit_test(is_a_table_at_80_columns),
		cmocka_unit_test(fits_80_columns_in_chinese),
		cmocka_unit_test(lists_silences_and_mails),
		cmocka_unit_test(draws_history),
		cmocka_unit_test(draws_history_at_any_width),
		cmocka_unit_test(survives_any_width),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
