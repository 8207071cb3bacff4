/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the scenarios of the alert engine, NAME.scn in tests/scenarios/alert: alert.c, group.c and schedule.c, as
 * the daemon drives them, on a clock that jumps.
 *
 * A scenario is a text. "#" begins a comment line. Words before the first time are settings:
 *
 *     policy confirm=3 grace=5s …     for the items named after it (defaults: those of `policies` below)
 *     group wait=2s second=30s interval=5m
 *     show mails                      expect only mails, not every event
 *
 * Then what happens, in the order of time; times are durations since the beginning:
 *
 *     TIME ITEM is STATE              what a look finds from now on; a new item is looked at now for the first time
 *     TIME ITEM turns STATE           the same, and it is looked at now (a watch fired)
 *     TIME ITEM sees STATE STATE …    the next looks find these, one after the other; the last one goes on
 *     TIME clock set DURATION         the realtime clock jumps; a leading "-" sets it back
 *     TIME host sleeps DURATION       suspend
 *     TIME daemon stops | starts      with the state that its file would have kept
 *     TIME host boots                 the daemon starts in a new boot
 *     TIME end                        required; what is due then still happens
 *
 * STATE is OK, W(ARNING), C(RITICAL) or U(NKNOWN). "proc{200}" stands for proc1 … proc200. Lines that begin with "="
 * are all that must come of it, in this order:
 *
 *     = TIME ITEM EVENT STATE #INCIDENT since TIME      (by the realtime clock)
 *     = TIME mail ITEM EVENT, ITEM EVENT                or "= TIME mail 7 events" when there are more than four */
#include "../support/fake-daemon.h"
#include "test.h"
#include "units.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#define QUEUE_MAX 64

struct memo {
	int64_t incident; /* as it was before the event */
	enum tocsin_state queue[QUEUE_MAX];
	size_t n_queued, n_taken;
};

struct scenario {
	struct fake_daemon daemon;
	struct alert_policy policy;
	struct memo *memos; /* by index of the item */
	struct buf got, expected, mail;
	bool only_mails, has_ended;
	const char *path;
	unsigned line;
};

static void broken(const struct scenario *s, const char *what)
{
	fail_msg("%s:%u: %s", s->path, s->line, what);
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

static struct memo *memo_of(struct scenario *s, const struct fake_item *item)
{
	return &s->memos[item - s->daemon.items];
}

static enum tocsin_state look(struct fake_daemon *d, struct fake_item *item)
{
	struct memo *memo = memo_of(d->userdata, item);

	memo->incident = item->alert.incident;
	return memo->n_taken < memo->n_queued ? memo->queue[memo->n_taken++] : item->world;
}

static void on_event(struct fake_daemon *d, struct fake_item *item, enum alert_event event)
{
	struct scenario *s = d->userdata;
	const struct alert_state *a = &item->alert;
	int64_t incident = a->incident ? a->incident : memo_of(s, item)->incident;

	if (alert_event_is_mailed(event))
		buf_printf(&s->mail, "%s%s %s", d->n_waiting > 0 ? ", " : "", item->name, alert_event_name(event));
	if (s->only_mails)
		return;
	put_time(&s->got, d->now_usec);
	buf_printf(&s->got, " %s %s %s #%lld since ", item->name, alert_event_name(event), state_name(a->state),
		(long long)incident);
	put_time(&s->got, a->since_usec - FAKE_EPOCH);
	buf_putc(&s->got, '\n');
}

static void on_mail(struct fake_daemon *d)
{
	struct scenario *s = d->userdata;

	put_time(&s->got, d->now_usec);
	if (d->n_waiting > 4)
		buf_printf(&s->got, " mail %zu events\n", d->n_waiting);
	else
		buf_printf(&s->got, " mail %s\n", buf_text(&s->mail));
	buf_clear(&s->mail);
}

static const struct fake_calls calls = { look, on_event, on_mail };

static const struct alert_policy policies = {
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

static enum tocsin_state state_of(const struct scenario *s, const char *word)
{
	for (int i = TOCSIN_OK; i <= TOCSIN_UNKNOWN; i++) {
		const char *name = state_name((enum tocsin_state)i);

		if (word && (strcmp(word, name) == 0 || (word[1] == '\0' && word[0] == name[0])))
			return (enum tocsin_state)i;
	}
	broken(s, "a state was expected");
	return TOCSIN_OK;
}

/* "key=value" words: times are durations, the rest plain numbers, which parse_int() tells apart. */
static void read_settings(struct scenario *s, char *words, const char *const *names, int64_t *const *values, size_t n,
	size_t n_counts)
{
	for (char *word; (word = strtok_r(words, " \t", &words));) {
		char *value = strchr(word, '=');
		size_t i = 0;

		if (!value)
			broken(s, "key=value was expected");
		*value++ = '\0';
		while (i < n && strcmp(names[i], word) != 0)
			i++;
		if (i == n)
			broken(s, "unknown key");
		else if (i >= n_counts)
			*values[i] = duration(s, value);
		else if (parse_int(value, values[i]) < 0)
			broken(s, "a number was expected");
	}
}

static void read_policy(struct scenario *s, char *words)
{
	static const char *const names[] = { "confirm", "recover", "unknown_confirm", "interval", "retry_interval",
		"grace" };
	struct alert_policy *p = &s->policy;
	int64_t *const values[] = { &p->confirm, &p->recover, &p->unknown_confirm, &p->interval, &p->retry_interval,
		&p->grace };

	*p = policies;
	read_settings(s, words, names, values, ELEMENTS(names), 3);
}

static void read_group(struct scenario *s, char *words)
{
	static const char *const names[] = { "wait", "second", "interval" };
	struct group_policy *p = &s->daemon.group_policy;
	int64_t *const values[] = { &p->wait, &p->second, &p->interval };

	read_settings(s, words, names, values, ELEMENTS(names), 0);
}

static void read_show(struct scenario *s, char *words)
{
	s->only_mails = true;
	if (strcmp(words, "mails") != 0)
		broken(s, "only \"show mails\" is known");
}

static void item_verb(struct scenario *s, const char *name, const char *verb, char *words)
{
	size_t n = s->daemon.n_items;
	struct fake_item *item = fake_item(&s->daemon, name, &s->policy);
	bool is_new = s->daemon.n_items > n, sees = strcmp(verb, "sees") == 0, turns = strcmp(verb, "turns") == 0;

	if (!sees && !turns && strcmp(verb, "is") != 0)
		broken(s, "is, turns or sees was expected");
	if (is_new) {
		s->memos = reallocarray(s->memos, s->daemon.n_items, sizeof(*s->memos));
		s->memos[n] = (struct memo){ 0 };
	}
	for (char *word; (word = strtok_r(words, " \t", &words));) {
		struct memo *memo = memo_of(s, item);

		if (!sees)
			item->world = state_of(s, word);
		else if (memo->n_queued < QUEUE_MAX)
			item->world = memo->queue[memo->n_queued++] = state_of(s, word);
		else
			broken(s, "too many results in one scenario");
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

static void clock_set(struct scenario *s, const char *words)
{
	s->daemon.clock_usec += duration(s, words);
}

static void host_sleeps(struct scenario *s, const char *words)
{
	fake_suspend(&s->daemon, duration(s, words));
}

static void daemon_stops(struct scenario *s, const char *words)
{
	fake_stop(&s->daemon);
}

static void daemon_starts(struct scenario *s, const char *words)
{
	fake_start(&s->daemon, false);
}

static void host_boots(struct scenario *s, const char *words)
{
	fake_start(&s->daemon, true);
}

static void scenario_ends(struct scenario *s, const char *words)
{
	fake_run(&s->daemon, s->daemon.now_usec + 1);
	s->has_ended = true;
}

static const struct {
	const char *subject, *verb;
	void (*act)(struct scenario *s, const char *words);
} acts[] = {
	{ "clock", "set", clock_set },
	{ "host", "sleeps", host_sleeps },
	{ "host", "boots", host_boots },
	{ "daemon", "stops", daemon_stops },
	{ "daemon", "starts", daemon_starts },
	{ "end", "", scenario_ends },
};

static const struct {
	const char *word;
	void (*read)(struct scenario *s, char *words);
} settings[] = {
	{ "policy", read_policy },
	{ "group", read_group },
	{ "show", read_show },
};

static void read_act(struct scenario *s, const char *time, char *words)
{
	int64_t usec = duration(s, time);
	char *subject = strtok_r(words, " \t", &words);
	char *verb = subject ? strtok_r(words, " \t", &words) : NULL;

	if (!subject)
		broken(s, "something that happens was expected");
	if (usec < s->daemon.now_usec)
		broken(s, "this lies before what is above it");
	fake_run(&s->daemon, usec);
	for (size_t i = 0; i < ELEMENTS(acts); i++) {
		if (strcmp(subject, acts[i].subject) == 0 && strcmp(verb ? verb : "", acts[i].verb) == 0) {
			acts[i].act(s, words);
			return;
		}
	}
	if (!verb)
		broken(s, "a verb was expected");
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
	free(s->memos);
	buf_free(&s->got);
	buf_free(&s->expected);
	buf_free(&s->mail);
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
		.mail = BUF(1 << 20),
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
