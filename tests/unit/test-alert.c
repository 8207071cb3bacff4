/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the scenarios of the alert engine, NAME.scn in tests/scenarios/alert: alert.c, damp.c, notice.c, route.c, group.c
 * and schedule.c, as the daemon drives them, on a clock that jumps. Time 0 is a Wednesday, 00:00 on the wall.
 *
 * A scenario is a text. "#" begins a comment line. Words before the first time are settings:
 *
 *     policy confirm=3 grace=5s …     for the items named after it (defaults: those of `policies` below); the keys are
 *                                     those of [alert]; a blank within a value is written "_", several values with "+":
 *                                     remind_critical=4h+12h maintenance=Sun_02:00-04:00+Mon_02:00-03:00
 *     group wait=2s second=30s interval=5m hour=10 day=50
 *     limits ITEM METRIC WARNING CRITICAL
 *                                     ITEM has this metric; "-": no such limit; WARNING above CRITICAL: low is bad; a
 *                                     METRIC with "%" at its end is in percent. One line for each metric
 *     recipient NAME key=value …      keys of [recipient NAME]; without any there is "mail", who gets all
 *     depends CHECK PARENT
 *     show mails                      expect only mails, not every event
 *
 * Then what happens, in the order of time; times are durations since the beginning:
 *
 *     TIME ITEM is FINDING            what a look finds from now on; a new item is looked at now for the first time
 *     TIME ITEM turns FINDING         the same, and it is looked at now (a watch fired)
 *     TIME ITEM sees FINDING …        the next looks find these, one after the other; the last one goes on
 *     TIME forget ITEM                it, or its check, is no more
 *     TIME silence GLOB DURATION      and "unsilence GLOB"
 *     TIME ack ITEM [DURATION]        while the incident lasts, or for so long
 *     TIME clock set DURATION         the realtime clock jumps; a leading "-" sets it back
 *     TIME host sleeps DURATION       suspend
 *     TIME host goes-down | stays     the system manager stops everything, or gives that up
 *     TIME daemon stops | starts      with the state that its file would have kept
 *     TIME host boots                 the daemon starts in a new boot
 *     TIME host restarts              the same, and everybody is told
 *     TIME end                        required; what is due then still happens
 *
 * FINDING is OK, W(ARNING), C(RITICAL) or U(NKNOWN); or, for an item with limits, the values of its metrics, "95" or "95,3":
 * a value at its limit is past it, unless the state is said too: "95,3:W". An ITEM is "CHECK" or "CHECK/ITEM"; "proc{200}"
 * stands for proc1 … proc200. Lines that begin with "=" are all that must come of it, in this order:
 *
 *     = TIME ITEM EVENT STATE #INCIDENT since TIME      (by the realtime clock), and why it is not mailed in brackets
 *     = TIME mail ITEM EVENT, ITEM EVENT                or "= TIME mail 7 events" when there are more than four; with
 *                                                       recipients "mail to NAME, NAME: …"; "mail limited" when a limit
 *                                                       on mails was reached */
#include "../support/fake-daemon.h"
#include "test.h"
#include "units.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX 64
#define WORDS_MAX 512

/* What the next looks at an item find. */
struct queue {
	char name[FAKE_NAME_MAX];
	struct fake_finding findings[QUEUE_MAX];
	size_t n, n_taken;
};

/* A metric by the name of its item. */
struct limits {
	char name[FAKE_NAME_MAX];
	struct metric metric;
};

struct scenario {
	struct fake_daemon daemon;
	struct conf_alert policy;
	struct queue *queues;
	size_t n_queues;
	struct limits limits[16];
	size_t n_limits;
	char *words[WORDS_MAX]; /* that settings point to */
	size_t n_words;
	const char *lists[WORDS_MAX];
	size_t n_lists;
	struct buf got, expected;
	bool only_mails, has_ended;
	const char *path;
	unsigned line;
};

static void broken(const struct scenario *s, const char *what)
{
	fail_msg("%s:%u: %s", s->path, s->line, what);
}

static char *keep_word(struct scenario *s, const char *word)
{
	if (s->n_words == WORDS_MAX)
		broken(s, "too many words in settings");
	return s->words[s->n_words++] = strdup(word);
}

static void put_time(struct buf *b, int64_t usec)
{
	if (usec < 0)
		buf_putc(b, '-');
	if (usec == 0)
		buf_puts(b, "0s");
	else
		format_duration_exact(b, usec < 0 ? -usec : usec);
}

static struct queue *queue_of(struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->n_queues; i++)
		if (strcmp(s->queues[i].name, name) == 0)
			return &s->queues[i];
	s->queues = reallocarray(s->queues, s->n_queues + 1, sizeof(*s->queues));
	assert_non_null(s->queues);
	struct queue *queue = &s->queues[s->n_queues++];
	*queue = (struct queue){ .n = 0 };
	snprintf(queue->name, sizeof(queue->name), "%s", name);
	return queue;
}

static struct fake_finding look(struct fake_daemon *d, struct fake_item *item)
{
	struct queue *queue = queue_of(d->userdata, item->name);

	return queue->n_taken < queue->n ? queue->findings[queue->n_taken++] : item->world;
}

static void on_event(struct fake_daemon *d, struct fake_item *item, const struct notice *notice, int64_t incident)
{
	struct scenario *s = d->userdata;
	const struct alert_state *a = &item->alert;
	const char *reason = notice_reason_name(notice->reason);

	if (s->only_mails)
		return;
	put_time(&s->got, d->now_usec);
	buf_printf(&s->got, " %s %s %s #%lld since ", item->name, alert_event_name(notice->event), state_name(a->state),
		(long long)incident);
	put_time(&s->got, a->since_usec - FAKE_EPOCH);
	buf_printf(&s->got, *reason ? " (%s)\n" : "%s\n", reason);
}

static void on_mail(struct fake_daemon *d, const struct fake_mail *mail)
{
	struct scenario *s = d->userdata;
	const char *comma = " to ";

	put_time(&s->got, d->now_usec);
	buf_puts(&s->got, " mail");
	for (size_t i = 0; i < d->n_recipients && !d->has_default_recipient; i++) {
		if (!(mail->recipients & UINT64_C(1) << i))
			continue;
		buf_printf(&s->got, "%s%s", comma, d->recipients[i].conf.name);
		comma = ", ";
	}
	buf_puts(&s->got, mail->is_limited ? " limited" : "");
	buf_puts(&s->got, d->has_default_recipient ? "" : ":");
	if (mail->n_events > 4)
		buf_printf(&s->got, " %zu events", mail->n_events);
	for (size_t i = 0; i < mail->n_events && mail->n_events <= 4; i++)
		buf_printf(&s->got, "%s %s %s", i > 0 ? "," : "", mail->events[i]->name,
			alert_event_name(mail->events[i]->event));
	buf_putc(&s->got, '\n');
}

static const struct fake_calls calls = { look, on_event, on_mail };

static const struct conf_alert policies = {
	.confirm = 3,
	.recover = 5,
	.unknown_confirm = 5,
	.interval = 60 * USEC_PER_SEC,
	.retry_interval = 20 * USEC_PER_SEC,
};

static int64_t duration(const struct scenario *s, const char *text)
{
	int64_t usec = 0;
	bool is_negative = text && *text == '-';

	if (!text || parse_duration(text + is_negative, &usec) < 0)
		broken(s, "a duration was expected");
	return is_negative ? -usec : usec;
}

static bool read_state(const char *word, enum tocsin_state *ret)
{
	for (int i = TOCSIN_OK; i <= TOCSIN_UNKNOWN; i++) {
		const char *name = state_name((enum tocsin_state)i);

		if (strcmp(word, name) == 0 || (word[1] == '\0' && word[0] == name[0])) {
			*ret = (enum tocsin_state)i;
			return true;
		}
	}
	return false;
}

/* ---- settings ---- */

enum type { COUNT, DURATION, NUMBER, AGES, WINDOWS, GLOBS, MINIMUM };

struct key {
	const char *name;
	enum type type;
	size_t offset;
};

static void read_number(struct scenario *s, char *value, void *member)
{
	if (parse_number(value, member) < 0)
		broken(s, "a number was expected");
}

static void read_count(struct scenario *s, char *value, void *member)
{
	if (parse_int(value, member) < 0)
		broken(s, "a whole number was expected");
}

static void read_duration(struct scenario *s, char *value, void *member)
{
	*(int64_t *)member = duration(s, value);
}

static void read_ages(struct scenario *s, char *value, void *member)
{
	struct alert_ages *ages = member;

	ages->n = 0;
	for (char *word; (word = strsep(&value, "+"));) {
		assert_true(ages->n < ALERT_AGES_MAX);
		ages->age_usec[ages->n++] = duration(s, word);
	}
}

static void read_windows(struct scenario *s, char *value, void *member)
{
	struct calendar_windows *windows = member;

	windows->n = 0;
	for (char *word; (word = strsep(&value, "+"));) {
		for (char *c = word; *c; c++)
			*c = *c == '_' ? ' ' : *c;
		if (windows->n == CALENDAR_MAX || calendar_parse_window(word, &windows->window[windows->n++]) < 0)
			broken(s, "a window of the week was expected");
	}
}

static void read_globs(struct scenario *s, char *value, void *member)
{
	struct tocsin_list *list = member;

	list->items = &s->lists[s->n_lists];
	list->n = 0;
	for (char *word; (word = strsep(&value, "+"));) {
		assert_true(s->n_lists < WORDS_MAX);
		s->lists[s->n_lists++] = keep_word(s, word);
		list->n++;
	}
}

static void read_minimum(struct scenario *s, char *value, void *member)
{
	if (strcmp(value, "warning") != 0 && strcmp(value, "critical") != 0)
		broken(s, "warning or critical was expected");
	*(int *)member = strcmp(value, "critical") == 0;
}

static void (*const readers[])(struct scenario *s, char *value, void *member) = {
	[COUNT] = read_count,
	[DURATION] = read_duration,
	[NUMBER] = read_number,
	[AGES] = read_ages,
	[WINDOWS] = read_windows,
	[GLOBS] = read_globs,
	[MINIMUM] = read_minimum,
};

/* "key=value" words. */
static void read_keys(struct scenario *s, char *words, const struct key *keys, size_t n, void *object)
{
	for (char *word; (word = strtok_r(words, " \t", &words));) {
		char *value = strchr(word, '=');
		size_t i = 0;

		if (!value)
			broken(s, "key=value was expected");
		*value++ = '\0';
		while (i < n && strcmp(keys[i].name, word) != 0)
			i++;
		if (i == n)
			broken(s, "unknown key");
		readers[keys[i].type](s, value, (char *)object + keys[i].offset);
	}
}

static void read_policy(struct scenario *s, char *words)
{
#define KEY(name, type) { #name, type, offsetof(struct conf_alert, name) }
	static const struct key keys[] = {
		KEY(confirm, COUNT),
		KEY(recover, COUNT),
		KEY(unknown_confirm, COUNT),
		KEY(interval, DURATION),
		KEY(retry_interval, DURATION),
		KEY(grace, DURATION),
		KEY(hysteresis, NUMBER),
		KEY(hysteresis_points, NUMBER),
		KEY(flap_count, COUNT),
		KEY(flap_window, DURATION),
		KEY(flap_quiet, DURATION),
		{ "remind_critical", AGES, offsetof(struct conf_alert, remind_critical_ages) },
		{ "remind_warning", AGES, offsetof(struct conf_alert, remind_warning_ages) },
		{ "quiet_hours", WINDOWS, offsetof(struct conf_alert, quiet) },
		{ "maintenance", WINDOWS, offsetof(struct conf_alert, maintained) },
	};
#undef KEY

	s->policy = policies;
	read_keys(s, words, keys, ELEMENTS(keys), &s->policy);
}

static void read_group(struct scenario *s, char *words)
{
	static const struct key keys[] = {
		{ "wait", DURATION, offsetof(struct conf_alert, group_wait) },
		{ "second", DURATION, offsetof(struct conf_alert, group_second) },
		{ "interval", DURATION, offsetof(struct conf_alert, group_interval) },
		{ "hour", COUNT, offsetof(struct conf_alert, max_per_hour) },
		{ "day", COUNT, offsetof(struct conf_alert, max_per_day) },
	};

	read_keys(s, words, keys, ELEMENTS(keys), &s->daemon.conf);
}

static void read_recipient(struct scenario *s, char *words)
{
	static const struct key keys[] = {
		{ "minimum", MINIMUM, offsetof(struct conf_recipient, minimum) },
		{ "checks", GLOBS, offsetof(struct conf_recipient, checks) },
		{ "quiet_hours", WINDOWS, offsetof(struct conf_recipient, quiet) },
		{ "escalate_after", DURATION, offsetof(struct conf_recipient, escalate_after) },
	};
	const char *name = strtok_r(words, " \t", &words);

	if (!name)
		broken(s, "the name of a recipient was expected");
	struct conf_recipient r = { .name = keep_word(s, name) };
	read_keys(s, words, keys, ELEMENTS(keys), &r);
	fake_add_recipient(&s->daemon, &r);
}

static void read_depends(struct scenario *s, char *words)
{
	const char *child = strtok_r(words, " \t", &words), *parent = strtok_r(words, " \t", &words);

	if (!parent)
		broken(s, "two checks were expected");
	fake_add_dependence(&s->daemon, child, parent);
}

static double read_limit(struct scenario *s, char *word)
{
	double limit = NAN;

	if (!word)
		broken(s, "a limit was expected");
	if (strcmp(word, "-") != 0)
		read_number(s, word, &limit);
	return limit;
}

static void read_limits(struct scenario *s, char *words)
{
	static char percent[] = "%", none[] = "";
	const char *item = strtok_r(words, " \t", &words), *name = strtok_r(words, " \t", &words);

	if (!name || s->n_limits == ELEMENTS(s->limits))
		broken(s, "item and metric were expected, and not too many");
	struct limits *limits = &s->limits[s->n_limits++];
	snprintf(limits->name, sizeof(limits->name), "%s", item);
	limits->metric = (struct metric){
		.name = keep_word(s, name),
		.unit = name[strlen(name) - 1] == '%' ? percent : none,
		.warning = read_limit(s, strtok_r(words, " \t", &words)),
		.critical = read_limit(s, strtok_r(words, " \t", &words)),
		.min = NAN,
		.max = NAN,
	};
}

static void read_show(struct scenario *s, char *words)
{
	s->only_mails = true;
	if (strcmp(words, "mails") != 0)
		broken(s, "only \"show mails\" is known");
}

/* ---- what happens ---- */

static enum tocsin_state judge_value(const struct metric *m, double value)
{
	double sign = m->warning > m->critical ? -1 : 1; /* low is bad */

	if (isfinite(m->critical) && sign * value >= sign * m->critical)
		return TOCSIN_CRITICAL;
	return isfinite(m->warning) && sign * value >= sign * m->warning ? TOCSIN_WARNING : TOCSIN_OK;
}

static struct fake_finding read_finding(struct scenario *s, const struct fake_item *item, char *word)
{
	struct fake_finding f = { TOCSIN_OK, { 0 } };
	char *state = strchr(word, ':');

	if (item->n_metrics == 0 && !read_state(word, &f.state))
		broken(s, "a state was expected");
	if (item->n_metrics == 0 || (!state && read_state(word, &f.state)))
		return f;
	if (state)
		*state++ = '\0';
	for (size_t i = 0; i < item->n_metrics; i++) {
		char *value = strsep(&word, ",");

		if (!value)
			broken(s, "a value for each metric was expected");
		read_number(s, value, &f.values[i]);
		enum tocsin_state found = judge_value(&item->metrics[i], f.values[i]);
		f.state = found > f.state ? found : f.state;
	}
	if (state && !read_state(state, &f.state))
		broken(s, "a state was expected");
	return f;
}

static struct fake_item *find_or_add(struct scenario *s, const char *name)
{
	bool is_new = !fake_find_item(&s->daemon, name);
	struct fake_item *item = fake_item(&s->daemon, name, &s->policy);

	for (size_t i = 0; is_new && i < s->n_limits; i++)
		if (strcmp(s->limits[i].name, name) == 0) {
			assert_true(item->n_metrics < FAKE_METRICS_MAX);
			item->metrics[item->n_metrics++] = s->limits[i].metric;
		}
	return item;
}

static void item_verb(struct scenario *s, const char *name, const char *verb, char *words)
{
	bool is_new = !fake_find_item(&s->daemon, name), sees = strcmp(verb, "sees") == 0;
	bool turns = strcmp(verb, "turns") == 0;
	struct fake_item *item = find_or_add(s, name);

	if (!sees && !turns && strcmp(verb, "is") != 0)
		broken(s, "is, turns or sees was expected");
	for (char *word; (word = strtok_r(words, " \t", &words));) {
		struct queue *queue = queue_of(s, name);

		item->world = read_finding(s, item, word);
		if (sees && queue->n == QUEUE_MAX)
			broken(s, "too many results in one scenario");
		if (sees)
			queue->findings[queue->n++] = item->world;
	}
	if ((is_new || turns) && !s->daemon.is_stopped)
		fake_look(&s->daemon, item);
}

/* "proc{200}" is proc1 … proc200. */
static void items_verb(struct scenario *s, char *name, const char *verb, const char *words)
{
	char *brace = strchr(name, '{');
	int n = brace ? atoi(brace + 1) : 1;

	if (brace)
		*brace = '\0';
	for (int i = 1; i <= n; i++) {
		_cleanup_free_ char *copy = strdup(words);
		char full[32];

		snprintf(full, sizeof(full), brace ? "%s%d" : "%s", name, i);
		item_verb(s, full, verb, copy);
	}
}

static struct fake_item *known_item(struct scenario *s, char **words)
{
	const char *name = strtok_r(*words, " \t", words);
	struct fake_item *item = name ? fake_find_item(&s->daemon, name) : NULL;

	if (!item)
		broken(s, "an item that there is was expected");
	return item;
}

static void forget(struct scenario *s, char *words)
{
	fake_remove_item(&s->daemon, known_item(s, &words));
}

static void acknowledge(struct scenario *s, char *words)
{
	struct fake_item *item = known_item(s, &words);
	const char *time = strtok_r(words, " \t", &words);

	if (item->alert.incident == 0)
		broken(s, "there is nothing to acknowledge");
	fake_acknowledge(&s->daemon, item, time ? fake_realtime(&s->daemon) + duration(s, time) : USEC_NEVER);
}

static void silence(struct scenario *s, char *words)
{
	const char *glob = strtok_r(words, " \t", &words);

	fake_silence(&s->daemon, glob, fake_realtime(&s->daemon) + duration(s, strtok_r(words, " \t", &words)));
}

static void unsilence(struct scenario *s, char *words)
{
	fake_silence(&s->daemon, words, fake_realtime(&s->daemon));
}

static void clock_set(struct scenario *s, char *words)
{
	fake_set_clock(&s->daemon, duration(s, words));
}

static void host_sleeps(struct scenario *s, char *words)
{
	fake_suspend(&s->daemon, duration(s, words));
}

static void host_goes_down(struct scenario *s, char *words)
{
	fake_go_down(&s->daemon, true);
}

static void host_stays(struct scenario *s, char *words)
{
	fake_go_down(&s->daemon, false);
}

static void daemon_stops(struct scenario *s, char *words)
{
	fake_stop(&s->daemon);
}

static void daemon_starts(struct scenario *s, char *words)
{
	fake_start(&s->daemon, false);
}

static void host_boots(struct scenario *s, char *words)
{
	fake_start(&s->daemon, true);
}

static void host_restarts(struct scenario *s, char *words)
{
	fake_start(&s->daemon, true);
	fake_tell_restart(&s->daemon);
}

static void scenario_ends(struct scenario *s, char *words)
{
	fake_run(&s->daemon, s->daemon.now_usec + 1);
	s->has_ended = true;
}

static const struct {
	const char *words;
	void (*act)(struct scenario *s, char *words);
} acts[] = {
	{ "forget ", forget },
	{ "ack ", acknowledge },
	{ "silence ", silence },
	{ "unsilence ", unsilence },
	{ "clock set ", clock_set },
	{ "host sleeps ", host_sleeps },
	{ "host goes-down", host_goes_down },
	{ "host stays", host_stays },
	{ "host boots", host_boots },
	{ "host restarts", host_restarts },
	{ "daemon stops", daemon_stops },
	{ "daemon starts", daemon_starts },
	{ "end", scenario_ends },
};

static const struct {
	const char *word;
	void (*read)(struct scenario *s, char *words);
} settings[] = {
	{ "policy", read_policy },
	{ "group", read_group },
	{ "limits", read_limits },
	{ "recipient", read_recipient },
	{ "depends", read_depends },
	{ "show", read_show },
};

/* The words without the blanks that line them up. */
static void squeeze(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if ((*from != ' ' && *from != '\t') || (to > text && to[-1] != ' '))
			*to++ = *from == '\t' ? ' ' : *from;
	while (to > text && to[-1] == ' ')
		to--;
	*to = '\0';
}

static void read_act(struct scenario *s, const char *time, char *words)
{
	int64_t usec = duration(s, time);

	if (usec < s->daemon.now_usec)
		broken(s, "this lies before what is above it");
	fake_run(&s->daemon, usec);
	squeeze(words);
	for (size_t i = 0; i < ELEMENTS(acts); i++) {
		size_t length = strlen(acts[i].words);

		if (strncmp(words, acts[i].words, length) == 0 &&
			(acts[i].words[length - 1] == ' ' || words[length] == '\0')) {
			acts[i].act(s, words + length);
			return;
		}
	}
	char *subject = strtok_r(words, " ", &words), *verb = subject ? strtok_r(words, " ", &words) : NULL;
	if (!verb)
		broken(s, "something that happens was expected");
	items_verb(s, subject, verb, words);
}

static void read_line(struct scenario *s, char *line)
{
	char *words = line;
	char *first = strtok_r(words, " \t\n", &words);

	if (!first || *first == '#')
		return;
	words[strcspn(words, "\n")] = '\0';
	if (strcmp(first, "=") == 0) {
		for (const char *blank = ""; (first = strtok_r(words, " \t", &words)); blank = " ")
			buf_printf(&s->expected, "%s%s", blank, first);
		buf_putc(&s->expected, '\n');
		return;
	}
	for (size_t i = 0; i < ELEMENTS(settings); i++) {
		if (strcmp(settings[i].word, first) == 0) {
			settings[i].read(s, words);
			return;
		}
	}
	read_act(s, first, words);
}

static void scenario_done(struct scenario *s)
{
	fake_daemon_done(&s->daemon);
	for (size_t i = 0; i < s->n_words; i++)
		free(s->words[i]);
	free(s->queues);
	buf_free(&s->got);
	buf_free(&s->expected);
}

static bool run_scenario(struct scenario *s)
{
	_cleanup_fclose_ FILE *file = fopen(s->path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	assert_non_null(file);
	for (s->line = 1; getline(&line, &size, file) > 0; s->line++)
		read_line(s, line);
	if (!s->has_ended)
		broken(s, "the scenario has no end");
	assert_int_equal(buf_error(&s->got) | buf_error(&s->expected), 0);
	if (strcmp(buf_text(&s->got), buf_text(&s->expected)) == 0)
		return true;
	print_error("%s\n--- expected\n%s--- came\n%s", s->path, buf_text(&s->expected), buf_text(&s->got));
	return false;
}

static void passes_scenario(void **state)
{
	struct scenario s = {
		.policy = policies,
		.got = BUF(1 << 20),
		.expected = BUF(1 << 20),
		.path = *state,
	};

	fake_daemon_init(&s.daemon, &calls, &s);
	bool is_passed = run_scenario(&s);
	scenario_done(&s);
	assert_true(is_passed);
}

int main(void)
{
	glob_t found;

	setenv("TZ", FAKE_TIME_ZONE, 1);
	tzset();
	if (glob(SCENARIOS "/alert/*.scn", 0, NULL, &found) != 0) {
		fprintf(stderr, "no scenario in %s/alert\n", SCENARIOS);
		return 1;
	}
	struct CMUnitTest *tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; tests && i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){ strrchr(found.gl_pathv[i], '/') + 1, passes_scenario, NULL, NULL,
			found.gl_pathv[i] };
	int failed = tests ? _cmocka_run_group_tests("alert", tests, found.gl_pathc, NULL, NULL) : 1;
	free(tests);
	globfree(&found);
	return failed;
}
