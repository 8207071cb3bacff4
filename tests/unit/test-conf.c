/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration from file to struct. Each tests/conf/NAME.conf (with NAME.d beside it) has in NAME.expected
 * all its problems word for word, and, when it has no error, every value in force. */
#include "test.h"

#include "buf.h"
#include "clock.h"
#include "conf.h"
#include "conf-table.h"
#include "language.h"
#include "sasl.h"
#include "tests/support/han.h"
#include "translate.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX (1024 * 1024)

static const char *data_folder(void)
{
	const char *srcdir = getenv("srcdir"); /* set by make check */
	static char path[4096];

	snprintf(path, sizeof(path), "%s/tests/conf", srcdir ? srcdir : "..");
	return path;
}

/* The name of a file without its folder, so that the expectation is the same everywhere. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_problems(struct buf *b, const struct conf_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		buf_printf(b, "%s:%u: %s: %s\n", base_name(p->items[i].file), p->items[i].line,
			p->items[i].is_error ? "error" : "warning", p->items[i].text);
}

static void put_settings(struct buf *b, const struct conf_settings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct conf_setting *item = &s->items[i];

		if (strcmp(item->key, "host") == 0 && strcmp(item->file, "default") == 0)
			continue; /* of whatever machine this is */
		buf_printf(b, "[%s%s%s] %s = %s  (%s:%u)\n", item->section, *item->name ? " " : "", item->name, item->key,
			item->value, base_name(item->file), item->line);
	}
}

static void put_file(struct buf *b, const char *path)
{
	char piece[4096];
	size_t n;
	FILE *f = fopen(path, "re");

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_append(b, piece, n);
	fclose(f);
}

static void check_case(const char *name)
{
	_cleanup_buf_ struct buf actual = BUF(TEXT_MAX), expected = BUF(TEXT_MAX);
	_cleanup_free_ char *path = NULL, *dropins = NULL, *golden = NULL;
	struct conf_settings settings = { 0 };
	struct conf_problems problems = { 0 };
	struct conf *conf = NULL;

	assert_true(asprintf(&path, "%s/%s.conf", data_folder(), name) > 0);
	assert_true(asprintf(&dropins, "%s/%s.d", data_folder(), name) > 0);
	assert_true(asprintf(&golden, "%s/%s.expected", data_folder(), name) > 0);
	assert_int_equal(conf_read(path, dropins, &settings, &problems), 0);
	int r = conf_build(&settings, NULL, 0, &problems, &conf);
	assert_int_equal(r, problems.n_errors ? -EINVAL : 0);
	assert_int_equal(conf == NULL, r < 0);
	put_problems(&actual, &problems);
	if (r == 0) {
		assert_int_equal(conf_add_defaults(&settings, NULL, 0), 0);
		put_settings(&actual, &settings);
	}
	put_file(&expected, golden);
	if (strcmp(buf_text(&actual), buf_text(&expected)) != 0)
		fprintf(stderr, "--- %s has become:\n%s---\n", golden, buf_text(&actual));
	assert_string_equal(buf_text(&actual), buf_text(&expected));
	conf_free(conf);
	conf_settings_free(&settings);
	conf_problems_free(&problems);
}

#define CASE(identifier, name)                                                                               \
	static void identifier(void **state)                                                                 \
	{                                                                                                    \
		check_case(name);                                                                            \
	}

CASE(every_key, "good")
CASE(wrong_keys, "wrong-keys")
CASE(wrong_exports, "wrong-exports")
CASE(wrong_values, "wrong-values")
CASE(wrong_sections, "wrong-sections")
CASE(unknown_places_in_templates, "templates")
CASE(repeated_keys_and_sections, "repeated")
CASE(wrong_mails, "mails")
CASE(wrong_mail_details, "mail-details")
CASE(without_mail, "no-mail")
CASE(without_recipient, "no-recipient")
CASE(from_windows, "windows")
CASE(in_gbk, "gbk")
CASE(later_files_replace, "merge")
CASE(wrong_values_that_are_replaced, "merge-wrong")
CASE(inih_traps, "traps")
CASE(providers, "providers")
CASE(report_at_times, "at")
CASE(report_at_wrong_times, "at-wrong")
CASE(wrong_policies_and_recipients, "policy")
CASE(checks_that_depend_in_a_round, "rounds")
CASE(an_empty_recipient, "empty-recipient")
CASE(escalation_only, "only-escalation")
CASE(recipient_without_to_in_mail, "only-recipient")

/* ---- In Chinese */

static int is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".conf") == 0;
}

static void read_problems(const char *name, const char *language, struct conf_problems *p)
{
	_cleanup_free_ char *path = NULL, *dropins = NULL;
	struct conf_settings settings = { 0 };
	struct conf *conf = NULL;

	assert_true(asprintf(&path, "%s/%s", data_folder(), name) > 0);
	assert_true(asprintf(&dropins, "%.*s.d", (int)(strlen(path) - strlen(".conf")), path) > 0);
	assert_int_equal(language_use(language), 0);
	assert_int_equal(conf_read(path, dropins, &settings, p), 0);
	conf_build(&settings, NULL, 0, p, &conf);
	assert_int_equal(language_use("en"), 0);
	conf_free(conf);
	conf_settings_free(&settings);
}

static void check_chinese(const char *name, size_t *n)
{
	struct conf_problems english = { 0 }, chinese = { 0 };

	read_problems(name, "en", &english);
	read_problems(name, "zh_CN", &chinese);
	assert_int_equal(chinese.n, english.n);
	for (size_t i = 0; i < chinese.n; i++) {
		const struct conf_problem *p = &chinese.items[i];

		assert_int_equal(p->line, english.items[i].line);
		assert_int_equal(p->is_error, english.items[i].is_error);
		if (!has_han(p->text) || english_in(p->text))
			fail_msg("%s:%u: not all Chinese: %s", name, p->line, p->text);
	}
	*n += chinese.n;
	conf_problems_free(&english);
	conf_problems_free(&chinese);
}

/* Every kind of problem that has a file here. */
static void every_problem_has_a_chinese_sentence(void **state)
{
	struct dirent **entries;
	size_t n_problems = 0;
	int n = scandir(data_folder(), &entries, is_conf, alphasort);

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		check_chinese(entries[i]->d_name, &n_problems);
		free(entries[i]);
	}
	free(entries);
	assert_true(n_problems > 100);
}

static void every_row_has_chinese_help(void **state)
{
	const struct conf_kind *kinds;
	size_t n = conf_kinds(&kinds);

	assert_int_equal(language_use("zh_CN"), 0);
	for (size_t i = 0; i < n; i++) {
		const struct tocsin_option *const tables[] = { kinds[i].options, kinds[i].more };

		assert_true(has_han(_(kinds[i].summary)));
		for (size_t k = 0; k < ELEMENTS(tables); k++)
			for (const struct tocsin_option *o = tables[k]; o && o->name; o++)
				if (!has_han(_(o->help)))
					fail_msg("[%s] %s: %s", kinds[i].name, o->name, _(o->help));
	}
	assert_int_equal(language_use("en"), 0);
}

static void the_language_of_the_settings_is_used(void **state)
{
	struct conf_settings settings = { 0 };

	assert_int_equal(conf_settings_use_language(&settings), 0); /* none is said: as it was */
	assert_string_equal(_("the file cannot be opened"), "the file cannot be opened");
	assert_int_equal(conf_add_setting(&settings, "tocsin", "", "language", "zh_CN", "x.conf", 2), 0);
	assert_int_equal(conf_settings_use_language(&settings), 0);
	assert_string_equal(_("the file cannot be opened"), "无法打开文件");
	free(settings.items[0].value);
	settings.items[0].value = strdup("tlh");
	assert_int_equal(conf_settings_use_language(&settings), 0);
	assert_string_equal(_("the file cannot be opened"), "无法打开文件");
	conf_settings_free(&settings);
	assert_int_equal(language_use("en"), 0);
}

/* ---- conf_build() from settings */

struct fixture {
	struct conf_settings settings;
	struct conf_problems problems;
	struct conf *conf;
};

/* Lines "section.name.key=value", ended by NULL. */
static int build(struct fixture *f, const struct conf_module *modules, size_t n_modules, const char *const *lines)
{
	*f = (struct fixture){ 0 };
	for (size_t i = 0; lines[i]; i++) {
		_cleanup_free_ char *copy = strdup(lines[i]);
		char *rest = copy;
		const char *section = strsep(&rest, "."), *name = strsep(&rest, "."), *key = strsep(&rest, "=");

		assert_int_equal(conf_add_setting(&f->settings, section, name, key, rest, "x.conf", (unsigned)i + 1), 0);
	}
	return conf_build(&f->settings, modules, n_modules, &f->problems, &f->conf);
}

static void fixture_clear(struct fixture *f)
{
	conf_free(f->conf);
	conf_settings_free(&f->settings);
	conf_problems_free(&f->problems);
}

static void mechanisms_are_those_of_sasl(void **state)
{
	size_t n = 0;

	assert_string_equal(conf_mechanisms[0], "auto");
	for (; sasl_mechanisms[n].name; n++)
		assert_string_equal(conf_mechanisms[n + 1], sasl_mechanisms[n].name);
	assert_null(conf_mechanisms[n + 1]);
}

/* AGES in UNIT, ended by 0. */
static void assert_ages(const struct alert_ages *actual, const int *ages, int64_t unit)
{
	size_t n = 0;

	for (; ages[n]; n++)
		assert_int_equal(actual->age_usec[n], ages[n] * unit);
	assert_int_equal(actual->n, n);
}

static void an_empty_configuration_has_all_defaults(void **state)
{
	static const char *const lines[] = { NULL };
	struct fixture f;

	assert_int_equal(build(&f, NULL, 0, lines), 0);
	assert_int_equal(f.problems.n, 1); /* no [mail] */
	assert_true(f.conf->host[0] != '\0');
	assert_int_equal(f.conf->interval, 60 * USEC_PER_SEC);
	assert_int_equal(f.conf->report_every, USEC_PER_DAY);
	assert_true(f.conf->report_on_first_start);
	assert_int_equal(f.conf->alert.interval, 60 * USEC_PER_SEC);
	assert_int_equal(f.conf->alert.retry_interval, 20 * USEC_PER_SEC);
	assert_int_equal(f.conf->alert.confirm, 3);
	assert_int_equal(f.conf->alert.recover, 5);
	assert_int_equal(f.conf->alert.unknown_confirm, 5);
	assert_int_equal(f.conf->alert.grace, 0);
	assert_int_equal(f.conf->alert.group_wait, 2 * USEC_PER_SEC);
	assert_int_equal(f.conf->alert.group_second, 30 * USEC_PER_SEC);
	assert_int_equal(f.conf->alert.group_interval, 5 * USEC_PER_MINUTE);
	assert_int_equal(f.conf->alert.give_up, 5 * USEC_PER_DAY);
	assert_int_equal(f.conf->alert.forget, 7 * USEC_PER_DAY);
	assert_true(f.conf->alert.hysteresis == 10 && f.conf->alert.hysteresis_points == 0);
	assert_int_equal(f.conf->alert.flap_count, 5);
	assert_int_equal(f.conf->alert.flap_window, 3 * USEC_PER_HOUR);
	assert_int_equal(f.conf->alert.flap_quiet, 2 * USEC_PER_HOUR);
	assert_ages(&f.conf->alert.remind_critical_ages, (const int[]){ 4, 12, 36, 0 }, USEC_PER_HOUR);
	assert_ages(&f.conf->alert.remind_warning_ages, (const int[]){ 1, 2, 3, 4, 5, 6, 7, 14, 0 }, USEC_PER_DAY);
	assert_int_equal(f.conf->alert.max_per_hour, 10);
	assert_int_equal(f.conf->alert.max_per_day, 50);
	assert_int_equal(f.conf->alert.quiet.n + f.conf->alert.maintained.n + f.conf->report_moments.n, 0);
	assert_int_equal(f.conf->keep_samples, 7 * USEC_PER_DAY);
	assert_int_equal(f.conf->keep_events, 90 * USEC_PER_DAY);
	assert_int_equal(f.conf->n_mails + f.conf->n_checks + f.conf->n_recipients, 0);
	fixture_clear(&f);
}

static void checks_inherit(void **state)
{
	static const char *const lines[] = {
		"check.a.type=disk", "check.a.path=/", "check.a.confirm=7", "check.a.path=/home", "check.b.type=load",
		"check.b.interval=5s", "tocsin..interval=90s", "alert..confirm=2", "alert..recover=9", NULL,
	};
	struct fixture f;

	assert_int_equal(build(&f, NULL, 0, lines), 0);
	assert_int_equal(f.conf->n_checks, 2);
	const struct conf_check *a = &f.conf->checks[0], *b = &f.conf->checks[1];
	assert_string_equal(a->name, "a");
	assert_string_equal(a->module, "disk");
	assert_string_equal(a->file, "x.conf");
	assert_int_equal(a->line, 1);
	assert_int_equal(a->timeout, 10 * USEC_PER_SEC);
	assert_int_equal(a->alert.interval, 90 * USEC_PER_SEC);
	assert_int_equal(a->alert.confirm, 7);
	assert_int_equal(a->alert.recover, 9);
	assert_int_equal(a->n_options, 2);
	assert_string_equal(a->options[1].key, "path");
	assert_string_equal(a->options[1].value, "/home");
	assert_int_equal(a->options[1].line, 4);
	assert_int_equal(b->alert.interval, 5 * USEC_PER_SEC);
	assert_int_equal(b->alert.retry_interval, 5 * USEC_PER_SEC); /* never less often than the interval */
	assert_int_equal(b->alert.confirm, 2);
	assert_int_equal(b->n_options, 0);
	fixture_clear(&f);
}

static void events_need_no_confirmation(void **state)
{
	static const struct conf_module modules[] = { { "process", false, true, false }, { "http", true, false, false } };
	static const char *const plain[] = { "alert..confirm=4", "check.p.type=process", "check.h.type=http", NULL };
	static const char *const own[] = {
		"alert..grace=1s", "alert..recover=3", "check.p.type=process", "check.p.confirm=2", NULL,
	};
	struct fixture f;

	assert_int_equal(build(&f, modules, ELEMENTS(modules), plain), 0);
	assert_true(f.conf->checks[0].is_event && !f.conf->checks[0].is_slow);
	assert_int_equal(f.conf->checks[0].alert.confirm, 1); /* the general 4 is for what has noise */
	assert_int_equal(f.conf->checks[0].alert.recover, 1);
	assert_int_equal(f.conf->checks[0].alert.grace, 5 * USEC_PER_SEC);
	assert_true(!f.conf->checks[1].is_event && f.conf->checks[1].is_slow);
	assert_int_equal(f.conf->checks[1].alert.confirm, 4);
	assert_int_equal(f.conf->checks[1].alert.grace, 0);
	fixture_clear(&f);

	assert_int_equal(build(&f, modules, ELEMENTS(modules), own), 0);
	assert_int_equal(f.conf->checks[0].alert.confirm, 2);
	assert_int_equal(f.conf->checks[0].alert.recover, 3);
	assert_int_equal(f.conf->checks[0].alert.grace, USEC_PER_SEC);
	fixture_clear(&f);
}

/* What an own section says replaces what [alert] says; the rest is a copy that each owns. */
static void checks_inherit_windows_and_reminders(void **state)
{
	static const char *const lines[] = {
		"check.a.type=disk", "check.a.quiet_hours=Mon 10:00-11:00", "check.a.quiet_hours=12:00-13:00",
		"check.a.maintenance=none", "check.a.remind_critical=none", "check.b.type=load", "check.b.remind_warning=2h 3h",
		"check.b.maintenance=05:00-06:00", "alert..quiet_hours=22:00-07:00", "alert..quiet_hours=Sun 00:00-24:00",
		"alert..maintenance=03:00-04:00", "alert..remind_critical=1h", "alert..remind_warning=5m 1h 2h", NULL,
	};
	struct fixture f;

	assert_int_equal(build(&f, NULL, 0, lines), 0);
	const struct conf_alert *general = &f.conf->alert, *a = &f.conf->checks[0].alert, *b = &f.conf->checks[1].alert;
	assert_int_equal(general->quiet.n, 2);
	assert_int_equal(general->quiet.window[1].days, 64);
	assert_int_equal(general->maintained.n, 1);

	assert_int_equal(a->quiet.n, 2);
	assert_int_equal(a->quiet.window[0].days, 1);
	assert_int_equal(a->quiet.window[1].from_minute, 720);
	assert_int_equal(a->quiet_hours.n, 2);
	assert_string_equal(a->quiet_hours.items[1], "12:00-13:00");
	assert_int_equal(a->maintained.n, 0);
	assert_int_equal(a->remind_critical_ages.n, 0);
	assert_ages(&a->remind_warning_ages, (const int[]){ 5, 60, 120, 0 }, USEC_PER_MINUTE);
	assert_string_equal(a->remind_warning, "5m 1h 2h");

	assert_memory_equal(&b->quiet, &general->quiet, sizeof(b->quiet));
	assert_int_equal(b->quiet_hours.n, 2);
	assert_string_equal(b->quiet_hours.items[0], "22:00-07:00");
	assert_int_equal(b->maintained.n, 1);
	assert_int_equal(b->maintained.window[0].from_minute, 300);
	assert_ages(&b->remind_critical_ages, (const int[]){ 1, 0 }, USEC_PER_HOUR);
	assert_ages(&b->remind_warning_ages, (const int[]){ 2, 3, 0 }, USEC_PER_HOUR);

	assert_ptr_not_equal(a->remind_warning, general->remind_warning);
	assert_ptr_not_equal(b->quiet_hours.items, general->quiet_hours.items);
	assert_ptr_not_equal(b->quiet_hours.items[0], general->quiet_hours.items[0]);
	fixture_clear(&f);
}

static void steady_values_need_less_hysteresis(void **state)
{
	static const struct conf_module modules[] = { { "disk", false, false, true }, { "load", false, false, false } };
	static const struct {
		const char *const lines[5];
		double disk, disk_points, load_points;
	} cases[] = {
		{ { NULL }, 10, 2, 0 },
		{ { "alert..hysteresis=20%", NULL }, 20, 0, 0 },
		{ { "alert..hysteresis_points=7", NULL }, 10, 7, 7 },
		{ { "alert..hysteresis_points=0", NULL }, 10, 0, 0 },
		{ { "check.d.hysteresis=5%", NULL }, 5, 0, 0 },
		{ { "check.d.hysteresis=0%", NULL }, 0, 0, 0 },
		{ { "check.d.hysteresis_points=1.5", NULL }, 10, 1.5, 0 },
		{ { "check.d.hysteresis_points=0", NULL }, 10, 0, 0 },
		{ { "alert..hysteresis_points=7", "check.d.hysteresis=5%", "check.l.hysteresis_points=3", NULL }, 5, 7, 3 },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const char *lines[ELEMENTS(cases[i].lines) + 2] = { "check.d.type=disk", "check.l.type=load" };
		struct fixture f;

		memcpy(&lines[2], cases[i].lines, sizeof(cases[i].lines));
		assert_int_equal(build(&f, modules, ELEMENTS(modules), lines), 0);
		assert_true(f.conf->checks[0].is_steady && !f.conf->checks[1].is_steady);
		assert_true(f.conf->checks[0].alert.hysteresis == cases[i].disk);
		assert_true(f.conf->checks[0].alert.hysteresis_points == cases[i].disk_points);
		assert_true(f.conf->checks[1].alert.hysteresis_points == cases[i].load_points);

		/* What `tocsin config` shows is in force when it is read again. */
		struct conf *again = NULL;
		assert_int_equal(conf_add_defaults(&f.settings, modules, ELEMENTS(modules)), 0);
		assert_int_equal(conf_build(&f.settings, modules, ELEMENTS(modules), &f.problems, &again), 0);
		assert_true(again->checks[0].alert.hysteresis_points == cases[i].disk_points);
		conf_free(again);
		fixture_clear(&f);
	}
}

static void recipients_are_those_of_mail_and_further_ones(void **state)
{
	static const char *const lines[] = {
		"recipient.night.to=n@example.org", "recipient.night.minimum=critical", "recipient.night.quiet_hours=Sat 08:00-09:00",
		"recipient.night.checks=a", "recipient.night.checks=a/*", "mail.b.server=localhost", "mail.b.from=a@example.org",
		"mail.b.to=x@example.org", "mail.b.to=y@example.org", "mail..server=localhost", "mail..from=a@example.org",
		"mail..to=Y@example.org", "mail..to=z@example.org", "recipient.boss.to=b@example.org",
		"recipient.boss.escalate_after=2h", "recipient.boss.reports=no", "recipient.night.to=m@example.org", "check.a.type=disk",
		NULL,
	};
	struct fixture f;

	assert_int_equal(build(&f, NULL, 0, lines), 0);
	assert_int_equal(f.problems.n, 0);
	assert_int_equal(f.conf->n_recipients, 3);
	const struct conf_recipient *mail = &f.conf->recipients[0], *night = &f.conf->recipients[1], *boss = &f.conf->recipients[2];
	assert_string_equal(mail->name, CONF_RECIPIENT_MAIL);
	assert_int_equal(mail->to.n, 3); /* [mail] first; Y is y */
	assert_string_equal(mail->to.items[0], "Y@example.org");
	assert_string_equal(mail->to.items[1], "z@example.org");
	assert_string_equal(mail->to.items[2], "x@example.org");
	assert_true(mail->minimum == 0 && mail->reports && mail->escalate_after == 0 && mail->checks.n == 0 && mail->quiet.n == 0);
	assert_string_equal(mail->file, "x.conf");
	assert_int_equal(mail->line, 12);
	assert_string_equal(night->name, "night");
	assert_int_equal(night->to.n, 2);
	assert_string_equal(night->to.items[1], "m@example.org");
	assert_true(night->minimum == 1 && night->reports && night->checks.n == 2 && night->quiet.n == 1);
	assert_int_equal(night->line, 1);
	assert_string_equal(boss->name, "boss");
	assert_true(boss->minimum == 0 && !boss->reports);
	assert_int_equal(boss->escalate_after, 2 * USEC_PER_HOUR);
	fixture_clear(&f);
}

/* N recipients, besides those in [mail]. */
static int build_many_recipients(struct fixture *f, size_t n)
{
	*f = (struct fixture){ 0 };
	conf_add_setting(&f->settings, "mail", "", "server", "localhost", "x.conf", 1);
	conf_add_setting(&f->settings, "mail", "", "from", "a@example.org", "x.conf", 2);
	conf_add_setting(&f->settings, "mail", "", "to", "a@example.org", "x.conf", 3);
	for (size_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "r%zu", i);
		conf_add_setting(&f->settings, "recipient", name, "to", "a@example.org", "x.conf", 10 + (unsigned)i);
		conf_add_setting(&f->settings, "recipient", name, "reports", "no", "x.conf", 10 + (unsigned)i);
	}
	return conf_build(&f->settings, NULL, 0, &f->problems, &f->conf);
}

static void the_limit_of_recipients(void **state)
{
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f;

	assert_int_equal(build_many_recipients(&f, CONF_RECIPIENTS_MAX - 1), 0);
	assert_int_equal(f.conf->n_recipients, CONF_RECIPIENTS_MAX);
	fixture_clear(&f);

	assert_int_equal(build_many_recipients(&f, CONF_RECIPIENTS_MAX), -EINVAL);
	put_problems(&b, &f.problems);
	assert_string_equal(buf_text(&b),
		"x.conf:73: error: there are too many recipients: expected at most 64 with those in [mail]\n");
	fixture_clear(&f);
}

static void the_limit_of_windows_and_moments(void **state)
{
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f = { 0 };

	for (unsigned i = 0; i < 2 * (CALENDAR_MAX + 1); i++) {
		char moment[16], window[16];

		snprintf(moment, sizeof(moment), "00:%02u", i % (CALENDAR_MAX + 1));
		snprintf(window, sizeof(window), "00:%02u-00:59", i % (CALENDAR_MAX + 1));
		conf_add_setting(&f.settings, "report", "", "at", moment, "x.conf", i + 1);
		conf_add_setting(&f.settings, "alert", "", "quiet_hours", window, "x.conf", 1000);
		if (i + 1 != CALENDAR_MAX)
			continue;
		assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), 0);
		assert_int_equal(f.conf->alert.quiet.n, CALENDAR_MAX);
		assert_int_equal(f.conf->report_moments.n, CALENDAR_MAX);
		assert_int_equal(f.conf->report_moments.moment[CALENDAR_MAX - 1].minute, CALENDAR_MAX - 1);
		f.conf = conf_free(f.conf);
		conf_problems_free(&f.problems);
	}
	assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), -EINVAL);
	put_problems(&b, &f.problems);
	assert_string_equal(buf_text(&b),
		"x.conf:1: error: at: there are too many times: expected at most 32\n"
		"x.conf:1000: error: quiet_hours: there are too many windows: expected at most 32\n");
	fixture_clear(&f);
}

/* Long chains and wide ones end; a round among them is found. */
static void many_checks_that_depend_on_each_other(void **state)
{
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f = { 0 };

	for (unsigned i = 0; i < 5000; i++) {
		char name[16], other[16];

		snprintf(name, sizeof(name), "c%u", i);
		conf_add_setting(&f.settings, "check", name, "type", "load", "x.conf", i);
		for (unsigned k = 1; k < 4 && i + k < 5000; k++) {
			snprintf(other, sizeof(other), "c%u", i + k);
			conf_add_setting(&f.settings, "check", name, "depends", other, "x.conf", i);
		}
	}
	assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), 0);
	assert_int_equal(f.conf->checks[0].alert.depends.n, 3);
	f.conf = conf_free(f.conf);
	conf_problems_free(&f.problems);

	conf_add_setting(&f.settings, "check", "c4999", "depends", "c4900", "x.conf", 9999);
	assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), -EINVAL);
	put_problems(&b, &f.problems);
	assert_non_null(strstr(buf_text(&b), "in a round: c4900 → c4901 → "));
	assert_non_null(strstr(buf_text(&b), " → c4919 → … → c4900\n"));
	fixture_clear(&f);
}

static void mails_are_tried_in_order(void **state)
{
	static const char *const lines[] = {
		"mail.b.server=localhost", "mail.b.from=a@example.org", "mail.b.to=x@example.org", "mail.a.provider=gmail",
		"mail.a.username=me@gmail.com", "mail.a.password_file=/x", "mail..provider=qq", "mail..username=1@qq.com",
		"mail..credential=c", "mail..security=starttls", "mail..to=x@example.org", "mail..to=y@example.org", NULL,
	};
	struct fixture f;

	assert_int_equal(build(&f, NULL, 0, lines), 0);
	assert_int_equal(f.problems.n, 0);
	assert_int_equal(f.conf->n_mails, 3);
	const struct conf_mail *first = &f.conf->mails[0], *second = &f.conf->mails[1], *third = &f.conf->mails[2];
	assert_string_equal(first->name, "");
	assert_string_equal(second->name, "b");
	assert_string_equal(third->name, "a");
	assert_string_equal(first->server, "smtp.qq.com");
	assert_int_equal(first->security, CONF_STARTTLS);
	assert_int_equal(first->port, 587); /* the provider's 465 is for tls */
	assert_string_equal(first->from, "1@qq.com");
	assert_int_equal(first->to.n, 2);
	assert_string_equal(first->to.items[1], "y@example.org");
	assert_string_equal(first->auth, "auto");
	assert_int_equal(first->timeout, 30 * USEC_PER_SEC);
	assert_int_equal(first->timeout_receipt, 120 * USEC_PER_SEC);
	assert_int_equal(first->deadline, 5 * USEC_PER_MINUTE);
	assert_int_equal(first->min_rate, 100);
	assert_int_equal(second->port, 465);
	assert_string_equal(third->server, "smtp.gmail.com");
	fixture_clear(&f);
}

/* What another process sends is held against the same rules as what a file says. */
static void settings_of_no_section_are_refused(void **state)
{
	static const char *const lines[] = { "nonsense..a=b", "check.a b.type=disk", "tocsin.x.host=h", NULL };
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f;

	assert_int_equal(build(&f, NULL, 0, lines), -EINVAL);
	put_problems(&b, &f.problems);
	assert_non_null(strstr(buf_text(&b), "x.conf:1: error: unknown section [nonsense]"));
	assert_non_null(strstr(buf_text(&b), "x.conf:2: error: 'a b' is no NAME for [check NAME]"));
	assert_non_null(strstr(buf_text(&b), "x.conf:3: error: [tocsin] takes no name"));
	assert_null(f.conf);
	fixture_clear(&f);
}

static void problems_are_limited(void **state)
{
	struct conf_problems p = { 0 };

	for (int i = 0; i < CONF_PROBLEMS_MAX + 500; i++)
		assert_int_equal(conf_add_problem(&p, i % 2 == 0, "f", 1, "%d", i), 0);
	assert_int_equal(p.n, CONF_PROBLEMS_MAX + 1);
	assert_int_equal(p.n_errors, (CONF_PROBLEMS_MAX + 500) / 2);
	assert_string_equal(p.items[CONF_PROBLEMS_MAX - 1].text, "999");
	assert_string_equal(p.items[CONF_PROBLEMS_MAX].text,
		"there are too many problems: this and further ones are not shown");
	conf_problems_free(&p);
}

static void keys_of_checks_are_known(void **state)
{
	assert_true(conf_is_check_key("type") && conf_is_check_key("timeout") && conf_is_check_key("confirm"));
	assert_true(conf_is_check_key("depends") && conf_is_check_key("quiet_hours"));
	assert_true(conf_is_check_key("max_per_hour")); /* not there, but it is not the module's either */
	assert_false(conf_is_check_key("path") || conf_is_check_key("host") || conf_is_check_key(""));
	assert_string_equal(conf_nearest_check_key("timeot"), "timeout");
	assert_null(conf_nearest_check_key("completely_different"));
}

/* ---- conf_read() and the disk */

static char *folder;

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static FILE *create(const char *name)
{
	_cleanup_free_ char *path = path_of(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	return f;
}

static void write_text(const char *name, const char *text)
{
	FILE *f = create(name);

	fputs(text, f);
	fclose(f);
}

/* Reads NAME with DROPINS; the problems as text. */
static void read_into(struct fixture *f, const char *name, const char *dropins, struct buf *b)
{
	_cleanup_free_ char *path = path_of(name), *directory = dropins ? path_of(dropins) : NULL;

	*f = (struct fixture){ 0 };
	assert_int_equal(conf_read(path, directory, &f->settings, &f->problems), 0);
	put_problems(b, &f->problems);
}

static void dropins_are_chosen_with_care(void **state)
{
	_cleanup_free_ char *dropins = path_of("d"), *inner = path_of("d/folder.conf"), *link = path_of("d/link.conf"),
			    *null = path_of("d/null.conf");
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f;

	write_text("main.conf", "[tocsin]\nhost = a\n");
	assert_int_equal(mkdir(dropins, 0700) | mkdir(inner, 0700), 0);
	assert_int_equal(symlink("../nowhere", link) | symlink("/dev/null", null), 0);
	write_text("d/.x.conf", "nonsense\n");
	write_text("d/#x.conf", "nonsense\n");
	write_text("d/x.conf~", "nonsense\n");
	write_text("d/x.conf.dpkg-new", "nonsense\n");
	write_text("d/.conf", "nonsense\n");
	write_text("d/real.conf", "[tocsin]\nhost = b\n");
	read_into(&f, "main.conf", "d", &b);
	assert_string_equal(buf_text(&b),
		"link.conf:0: error: the file cannot be opened: No such file or directory\n");
	assert_int_equal(f.settings.n, 1);
	assert_string_equal(f.settings.items[0].value, "b");
	fixture_clear(&f);

	buf_clear(&b);
	read_into(&f, "missing.conf", "missing.d", &b);
	assert_string_equal(buf_text(&b), "missing.conf:0: error: the file cannot be opened: No such file or directory\n");
	fixture_clear(&f);

	buf_clear(&b);
	read_into(&f, "main.conf", "main.conf", &b);
	assert_string_equal(buf_text(&b), "main.conf:0: error: the folder cannot be read: Not a directory\n");
	fixture_clear(&f);
}

static void the_limit_of_sections(void **state)
{
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f;
	FILE *file = create("many.conf");

	for (int i = 0; i < 30001; i++)
		fprintf(file, "[check c%d]\ntype = load\n", i);
	fclose(file);
	read_into(&f, "many.conf", NULL, &b);
	assert_string_equal(buf_text(&b), "many.conf:60001: error: there are too many sections: expected at most 30000\n");
	assert_int_equal(f.settings.n, 30000);
	f.problems.n_errors = 0;
	assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), 0);
	assert_int_equal(f.conf->n_checks, 30000);
	fixture_clear(&f);
}

static void the_limit_of_settings(void **state)
{
	_cleanup_buf_ struct buf b = BUF(10000);
	struct fixture f;
	FILE *file = create("many.conf");

	fputs("[check a]\n", file);
	for (int i = 0; i < 1001; i++)
		fprintf(file, "key%d = 1\n", i);
	fclose(file);
	read_into(&f, "many.conf", NULL, &b);
	assert_string_equal(
		buf_text(&b), "many.conf:1002: error: there are too many settings in this section: expected at most 1000\n");
	assert_int_equal(f.settings.n, 1000);
	fixture_clear(&f);
}

/* What is installed must be right as it stands, and right when its examples are switched on. */
static void the_packaged_file(void **state)
{
	_cleanup_free_ char *path = NULL, *copy = path_of("main.conf");
	_cleanup_buf_ struct buf text = BUF(TEXT_MAX), problems = BUF(TEXT_MAX);
	struct fixture f = { 0 };

	assert_true(asprintf(&path, "%s/../../conf/tocsin.conf", data_folder()) > 0);
	assert_int_equal(conf_read(path, NULL, &f.settings, &f.problems), 0);
	assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), 0);
	put_problems(&problems, &f.problems);
	assert_string_equal(buf_text(&problems), "tocsin.conf:0: warning: there is no [mail] section, so no mail will be "
		"sent: run tocsin setup, or add one with provider or server, and to\n");
	assert_int_equal(f.conf->n_checks, 8);
	fixture_clear(&f);

	/* "#key" is an example, "# text" is not */
	f = (struct fixture){ 0 };
	put_file(&text, path);
	for (char *t = text.data; *t; t++)
		if (*t == '#' && (t == text.data || t[-1] == '\n') && t[1] != ' ' && t[1] != '\n')
			*t = ' ';
	write_text("main.conf", text.data);
	assert_int_equal(conf_read(copy, NULL, &f.settings, &f.problems), 0);
	assert_int_equal(conf_build(&f.settings, NULL, 0, &f.problems, &f.conf), 0);
	assert_int_equal(f.problems.n, 0);
	assert_int_equal(f.conf->n_mails, 1);
	assert_string_equal(f.conf->mails[0].server, "smtp.qq.com");
	assert_int_equal(f.conf->n_checks, 14);
	assert_int_equal(f.conf->n_recipients, 2);
	assert_int_equal(f.conf->alert.quiet.n, 1);
	fixture_clear(&f);
}

/* Does a line of the manual introduce KEY? "… Cm key", "… Cm this , key". */
static bool is_introduced(const char *manual, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = manual; (at = strstr(at, key)); at += len) {
		const char *line = at;

		while (line > manual && line[-1] != '\n')
			line--;
		if (strncmp(line, ".It Cm ", 7) == 0 && at[-1] == ' ' && strchr(" \n", at[len]))
			return true;
	}
	return false;
}

static void the_manual_has_every_key(void **state)
{
	static const char *const kinds[] = { "tocsin", "mail", "report", "alert", "recipient", "check" };
	_cleanup_buf_ struct buf manual = BUF(TEXT_MAX);
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/../../conf/tocsin.conf.5", data_folder()) > 0);
	put_file(&manual, path);
	assert_false(is_introduced(buf_text(&manual), "no_such_key"));
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		_cleanup_buf_ struct buf title = BUF(100);
		const char *names[CONF_KEYS_MAX];
		size_t n = conf_kind_keys(conf_kind_find(kinds[i]), names, ELEMENTS(names));

		buf_printf(&title, "[%s", kinds[i]);
		assert_non_null(strstr(buf_text(&manual), buf_text(&title)));
		assert_in_range(n, 1, CONF_KEYS_MAX - 1);
		for (size_t k = 0; k < n; k++)
			if (!is_introduced(buf_text(&manual), names[k]))
				fail_msg("tocsin.conf(5) does not say what %s in [%s] is", names[k], kinds[i]);
	}
}

static int make_folder(void **state)
{
	folder = strdup("/tmp/test-conf-XXXXXX");
	return folder && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {
		"d/.x.conf", "d/#x.conf", "d/x.conf~", "d/x.conf.dpkg-new", "d/.conf", "d/real.conf", "d/link.conf",
		"d/null.conf", "d/folder.conf", "d", "main.conf", "many.conf",
	};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_free_ char *path = path_of(names[i]);

		remove(path);
	}
	rmdir(folder);
	free(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key),
		cmocka_unit_test(wrong_keys),
		cmocka_unit_test(wrong_exports),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(wrong_sections),
		cmocka_unit_test(unknown_places_in_templates),
		cmocka_unit_test(repeated_keys_and_sections),
		cmocka_unit_test(wrong_mails),
		cmocka_unit_test(wrong_mail_details),
		cmocka_unit_test(mechanisms_are_those_of_sasl),
		cmocka_unit_test(without_mail),
		cmocka_unit_test(without_recipient),
		cmocka_unit_test(from_windows),
		cmocka_unit_test(in_gbk),
		cmocka_unit_test(later_files_replace),
		cmocka_unit_test(wrong_values_that_are_replaced),
		cmocka_unit_test(inih_traps),
		cmocka_unit_test(providers),
		cmocka_unit_test(report_at_times),
		cmocka_unit_test(report_at_wrong_times),
		cmocka_unit_test(wrong_policies_and_recipients),
		cmocka_unit_test(checks_that_depend_in_a_round),
		cmocka_unit_test(an_empty_recipient),
		cmocka_unit_test(escalation_only),
		cmocka_unit_test(recipient_without_to_in_mail),
		cmocka_unit_test(every_problem_has_a_chinese_sentence),
		cmocka_unit_test(every_row_has_chinese_help),
		cmocka_unit_test(the_language_of_the_settings_is_used),
		cmocka_unit_test(an_empty_configuration_has_all_defaults),
		cmocka_unit_test(checks_inherit),
		cmocka_unit_test(events_need_no_confirmation),
		cmocka_unit_test(checks_inherit_windows_and_reminders),
		cmocka_unit_test(steady_values_need_less_hysteresis),
		cmocka_unit_test(recipients_are_those_of_mail_and_further_ones),
		cmocka_unit_test(the_limit_of_recipients),
		cmocka_unit_test(the_limit_of_windows_and_moments),
		cmocka_unit_test(many_checks_that_depend_on_each_other),
		cmocka_unit_test(mails_are_tried_in_order),
		cmocka_unit_test(settings_of_no_section_are_refused),
		cmocka_unit_test(problems_are_limited),
		cmocka_unit_test(keys_of_checks_are_known),
		cmocka_unit_test(dropins_are_chosen_with_care),
		cmocka_unit_test(the_limit_of_sections),
		cmocka_unit_test(the_limit_of_settings),
		cmocka_unit_test(the_packaged_file),
		cmocka_unit_test(the_manual_has_every_key),
	};

	return cmocka_run_group_tests_name("conf", tests, make_folder, remove_folder);
}
