/* SPDX-License-Identifier: GPL-3.0-or-later */
/* journal: what was written to systemd's journal since the last look: errors of the kernel that an
 * administrator must know, processes that were killed because memory ran out, and entries that the
 * configuration selects by unit, identifier, priority and pattern. Each kind is counted over a window of time
 * and is well again when the window has passed.
 *
 * Where the last look ended is kept as the journal's own cursor, which no step of the clock confuses; what is
 * older than the window is never read. A scan maps tens of megabytes, so the journal is closed after it.
 * sd_journal_close() also ends the watches of its own descriptor, so the one that is handed on is ours. */
#include "buf.h"
#include "clock.h"
#include "container.h"
#include "journal-line.h"
#include "remember.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"
#include "watch-rest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <regex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-messages.h>

#define SCAN_USEC (2 * USEC_PER_SEC) /* for one kind; what is left is read at the next look */
#define LINES_MAX 20                 /* shown of one kind */
#define CURSOR_MAX 256
#define FIELD_MAX 4096 /* bytes of a message that patterns see */
#define SLOTS 12       /* parts of a window that are counted apart */
#define COUNT_BITS 20

enum priority { ANY, EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG };

struct config {
	int64_t kernel_warning, kernel_critical, oom_warning, oom_critical;
	struct tocsin_list pattern, ignore, unit, identifier;
	int priority;
	int64_t warning, critical, window;
	bool watch;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const char *const priorities[] = { "any", "emerg", "alert", "crit", "err", "warning", "notice", "info",
	"debug", NULL };

static const struct tocsin_option options[] = {
	{ MEMBER(window, TOCSIN_DURATION), .fallback = "1h", .min = 60e6, .max = 7 * 86400e6,
		.help = N_("The time over which entries are counted together") },
	{ MEMBER(kernel_warning, TOCSIN_INT), .fallback = "1", .max = 1e6,
		.help = N_("So many grave messages of the kernel (disk, file system, memory, lockups) are a "
			   "warning; 0: not judged") },
	{ MEMBER(kernel_critical, TOCSIN_INT), .fallback = "0", .max = 1e6,
		.help = N_("So many grave messages of the kernel are critical; 0: not judged") },
	{ MEMBER(oom_warning, TOCSIN_INT), .fallback = "1", .max = 1e6,
		.help = N_("So many processes that were killed because memory ran out are a warning; 0: not "
			   "judged") },
	{ MEMBER(oom_critical, TOCSIN_INT), .fallback = "0", .max = 1e6,
		.help = N_("So many processes that were killed because memory ran out are critical; 0: not "
			   "judged") },
	{ MEMBER(unit, TOCSIN_LIST),
		.help = N_("Select the entries of this unit, with its suffix; any of several") },
	{ MEMBER(identifier, TOCSIN_LIST),
		.help = N_("Select the entries of this program, as it calls itself (sshd); any of several") },
	{ MEMBER(priority, TOCSIN_CHOICE), .fallback = "any", .choices = priorities,
		.help = N_("Select entries of this priority or a graver one") },
	{ MEMBER(pattern, TOCSIN_LIST), .help = N_("Select entries whose message matches (extended regular "
						   "expression); any of several") },
	{ MEMBER(ignore, TOCSIN_LIST), .help = N_("Leave out entries whose message matches (extended regular "
						  "expression), also those of the kernel") },
	{ MEMBER(warning, TOCSIN_INT), .fallback = "1", .max = 1e6,
		.help = N_("So many selected entries are a warning; 0: not judged") },
	{ MEMBER(critical, TOCSIN_INT), .fallback = "0", .max = 1e6,
		.help = N_("So many selected entries are critical; 0: not judged") },
	{ MEMBER(watch, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("Look as soon as something is written, or within 30 s where that is all the time") },
	{ .name = NULL },
};

static bool is_selecting(const struct config *c)
{
	return c->pattern.n || c->unit.n || c->identifier.n || c->priority != ANY;
}

static bool are_expressions(const struct tocsin_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		regex_t regex;

		if (regcomp(&regex, list->items[i], REG_EXTENDED | REG_NOSUB) != 0)
			return false;
		regfree(&regex);
	}
	return true;
}

static bool is_wrong(int64_t warning, int64_t critical)
{
	return critical > 0 && critical < warning;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (!are_expressions(&c->pattern))
		return N_("pattern is no extended regular expression");
	if (!are_expressions(&c->ignore))
		return N_("ignore is no extended regular expression");
	for (size_t i = 0; i < c->unit.n; i++)
		if (!strchr(c->unit.items[i], '.'))
			return N_("unit needs its suffix, like nginx.service");
	if (is_wrong(c->warning, c->critical) || is_wrong(c->kernel_warning, c->kernel_critical) ||
		is_wrong(c->oom_warning, c->oom_critical))
		return N_("a count that is critical must not be below the one that is a warning");
	if (!is_selecting(c) && !c->kernel_warning && !c->kernel_critical && !c->oom_warning &&
		!c->oom_critical)
		return N_("nothing is looked for: all counts are 0, and no entries are selected");
	return NULL;
}

/* --- Expressions */

struct expressions {
	regex_t *items;
	size_t n;
};

static void release_expressions(struct expressions *e)
{
	for (size_t i = 0; i < e->n; i++)
		regfree(&e->items[i]);
	free(e->items);
}

#define _cleanup_expressions_ _cleanup_(release_expressions)

static int add_expression(struct expressions *e, const char *text)
{
	regex_t *grown = reallocarray(e->items, e->n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	e->items = grown;
	if (regcomp(&e->items[e->n], text, REG_EXTENDED | REG_NOSUB) != 0)
		return -EINVAL;
	e->n++;
	return 0;
}

static int compile(const struct tocsin_list *list, struct expressions *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = add_expression(e, list->items[i]);
	return r;
}

static bool matches(const struct expressions *e, const char *text)
{
	for (size_t i = 0; i < e->n; i++)
		if (regexec(&e->items[i], text, 0, NULL, 0) == 0)
			return true;
	return false;
}

/* --- The kinds of entries */

struct look {
	struct tocsin_run *run;
	const struct config *config;
	sd_journal *journal;
	struct expressions grave, harmless, pattern, ignore;
	int64_t now_usec; /* CLOCK_REALTIME */
	bool is_container;
};

/* What the kernel says when something is broken, and nobody has to know but the administrator. */
static const char *const grave_messages[] = {
	"I/O error",
	"Medium Error",
	"^ata[0-9.]+: (failed command|exception Emask)",
	"^nvme.*(timeout, |controller is down|Abort status)",
	"^(EXT4|F2FS|FAT|UBIFS)-fs error",
	"^XFS .*(Corruption|metadata I/O error|Internal error|Shutting down|shut down)",
	"^BTRFS (error|critical)",
	"^JBD2: .*(error|failed)",
	"Remounting filesystem read-only",
	"\\[Hardware Error\\]",
	"^EDAC .* [0-9]+ (CE|UE) ",
	"blocked for more than [0-9]+ seconds",
	"(soft lockup|hard LOCKUP|self-detected stall|detected stalls)",
	"^(BUG: |kernel BUG at |Oops|general protection fault|Kernel panic)",
	"^NETDEV WATCHDOG",
	"critical temperature",
};

/* Drives without a medium say "I/O error" whenever something looks at them. */
static const char harmless_messages[] = "dev (fd|sr)[0-9]";

static int match_kernel(struct look *l)
{
	return sd_journal_add_match(l->journal, "_TRANSPORT=kernel", 0);
}

static bool is_grave(struct look *l, const char *message)
{
	return matches(&l->grave, message) && !matches(&l->harmless, message);
}

/* In a container the kernel's messages go to its host; there the service manager tells. */
static int match_oom(struct look *l)
{
	if (l->is_container)
		return sd_journal_add_match(l->journal, "MESSAGE_ID=" SD_MESSAGE_UNIT_OUT_OF_MEMORY_STR, 0);
	int r = match_kernel(l);
	if (r >= 0)
		r = sd_journal_add_disjunction(l->journal);
	if (r >= 0)
		r = sd_journal_add_match(l->journal, "SYSLOG_IDENTIFIER=systemd-oomd", 0);
	return r;
}

static bool is_oom(struct look *l, const char *message)
{
	return l->is_container || strstr(message, "Killed process ") || strncmp(message, "Killed /", 8) == 0;
}

/* Matches on one field are alternatives, those on different fields must all hold (sd_journal_add_match(3)).
 */
static int add_matches(sd_journal *journal, const char *field, const struct tocsin_list *list)
{
	char match[FIELD_MAX];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->n; i++) {
		snprintf(match, sizeof(match), "%s=%s", field, list->items[i]);
		r = sd_journal_add_match(journal, match, 0);
	}
	return r;
}

static int match_group(struct look *l, const char *unit_field)
{
	const struct config *c = l->config;
	char match[32];

	int r = add_matches(l->journal, unit_field, &c->unit);
	if (r >= 0)
		r = add_matches(l->journal, "SYSLOG_IDENTIFIER", &c->identifier);
	for (int i = EMERG; r >= 0 && i <= c->priority; i++) {
		snprintf(match, sizeof(match), "PRIORITY=%d", i - EMERG);
		r = sd_journal_add_match(l->journal, match, 0);
	}
	return r;
}

/* What a unit wrote, and what the service manager wrote about it. */
static int match_selected(struct look *l)
{
	int r = match_group(l, "_SYSTEMD_UNIT");

	if (r < 0 || l->config->unit.n == 0)
		return r;
	r = sd_journal_add_disjunction(l->journal);
	if (r >= 0)
		r = match_group(l, "UNIT");
	if (r >= 0)
		r = sd_journal_add_match(l->journal, "_PID=1", 0);
	return r;
}

static bool is_selected(struct look *l, const char *message)
{
	return l->pattern.n == 0 || matches(&l->pattern, message);
}

static void put_kernel_count(struct buf *b, long long n, const char *window)
{
	buf_printf(b,
		n == 1 ? _("%lld grave message of the kernel within %s")
		       : _("%lld grave messages of the kernel within %s"),
		n, window);
}

static void put_oom_count(struct buf *b, long long n, const char *window)
{
	buf_printf(b,
		n == 1 ? _("%lld process was killed because memory ran out within %s")
		       : _("%lld processes were killed because memory ran out within %s"),
		n, window);
}

static void put_selected_count(struct buf *b, long long n, const char *window)
{
	buf_printf(b, n == 1 ? _("%lld entry within %s") : _("%lld entries within %s"), n, window);
}

static bool is_always(const struct config *c)
{
	return true;
}

static const struct kind {
	const char *item; /* NULL: the name of the check */
	const char *key;
	size_t warning, critical; /* offsets of the limits */
	bool (*is_wanted)(const struct config *c);
	int (*match)(struct look *l);
	bool (*is_meant)(struct look *l, const char *message);
	void (*put_count)(struct buf *b, long long n, const char *window);
} kinds[] = {
	{ "kernel", "kernel", offsetof(struct config, kernel_warning),
		offsetof(struct config, kernel_critical), is_always, match_kernel, is_grave,
		put_kernel_count },
	{ "oom", "oom", offsetof(struct config, oom_warning), offsetof(struct config, oom_critical),
		is_always, match_oom, is_oom, put_oom_count },
	{ NULL, "selected", offsetof(struct config, warning), offsetof(struct config, critical), is_selecting,
		match_selected, is_selected, put_selected_count },
};

static double limit_of(const struct config *c, size_t offset)
{
	int64_t limit = *(const int64_t *)((const char *)c + offset);

	return limit > 0 ? (double)limit : NAN;
}

static bool is_on(const struct config *c, const struct kind *k)
{
	/* Selected entries are counted, if only for the metric. */
	return k->is_wanted(c) &&
	       (!k->item || !isnan(limit_of(c, k->warning)) || !isnan(limit_of(c, k->critical)));
}

/* --- Counting over the window */

struct tally {
	int64_t width_usec, now; /* of a slot; the slot that is now */
	int64_t slot[SLOTS];     /* since 1970, in widths; 0: not used */
	int64_t n[SLOTS];
};

struct key {
	char text[96];
};

/* The width belongs to it: counts of another window are none of this one. */
static struct key slot_key(const struct kind *k, const struct tally *t, int i)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%s %lld %d", k->key, (long long)(t->width_usec / USEC_PER_MSEC),
		i);
	return key;
}

/* A slot and its count in one number, which a double holds exactly. */
static void recall_tally(struct look *l, const struct kind *k, struct tally *t)
{
	double value;
	int64_t age;

	*t = (struct tally){ .width_usec = l->config->window / SLOTS };
	t->now = l->now_usec / t->width_usec;
	for (int i = 0; i < SLOTS; i++) {
		if (tocsin_recall(l->run, slot_key(k, t, i).text, &value, &age) < 0 ||
			!(value >= 0 && value < 0x1p53))
			continue;
		int64_t slot = (int64_t)value >> COUNT_BITS;
		if (slot > t->now - SLOTS && slot <= t->now && slot % SLOTS == i) {
			t->slot[i] = slot;
			t->n[i] = (int64_t)value & ((1 << COUNT_BITS) - 1);
		}
	}
}

/* What was written by a clock that was ahead counts as now. */
static void tally_add(struct tally *t, int64_t realtime_usec)
{
	int64_t slot = realtime_usec / t->width_usec;

	if (slot > t->now)
		slot = t->now;
	if (slot <= t->now - SLOTS)
		return;
	int i = (int)(slot % SLOTS);
	if (t->slot[i] != slot) {
		t->slot[i] = slot;
		t->n[i] = 0;
	}
	if (t->n[i] < (1 << COUNT_BITS) - 1)
		t->n[i]++;
}

static int64_t tally_sum(const struct tally *t)
{
	int64_t sum = 0;

	for (int i = 0; i < SLOTS; i++)
		sum += t->n[i];
	return sum;
}

static void remember_tally(
	struct look *l, const struct kind *k, const struct tally *before, const struct tally *t)
{
	for (int i = 0; i < SLOTS; i++)
		if (t->slot[i] != before->slot[i] || t->n[i] != before->n[i])
			tocsin_remember(
				l->run, slot_key(k, t, i).text, (double)(t->slot[i] << COUNT_BITS | t->n[i]));
}

/* --- Reading */

static bool is_meant(struct look *l, const struct kind *k)
{
	char message[FIELD_MAX];

	return journal_field(l->journal, "MESSAGE", message, sizeof(message)) == 0 &&
	       k->is_meant(l, message) && !matches(&l->ignore, message);
}

static struct key cursor_key(const struct kind *k)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%s cursor", k->key);
	return key;
}

/* Behind the entry that was read last; at the beginning of the window when that is later, or nothing was read
 * yet. Then sd_journal_next() gives the first that is new. */
static int seek_start(struct look *l, const struct kind *k)
{
	uint64_t usec, oldest = (uint64_t)(l->now_usec - l->config->window);
	char cursor[CURSOR_MAX];

	if (recall_text(l->run, cursor_key(k).text, cursor, sizeof(cursor)) &&
		sd_journal_seek_cursor(l->journal, cursor) >= 0 && sd_journal_next(l->journal) > 0 &&
		sd_journal_get_realtime_usec(l->journal, &usec) >= 0 && usec >= oldest) {
		if (sd_journal_test_cursor(l->journal, cursor) > 0)
			return 0;
		/* It was deleted; this one is the next, and not read yet. */
		int r = sd_journal_previous(l->journal);
		return r < 0 ? r : r > 0 ? 0 : sd_journal_seek_head(l->journal);
	}
	return sd_journal_seek_realtime_usec(l->journal, oldest);
}

static void remember_cursor(struct look *l, const struct kind *k)
{
	char *cursor = NULL;

	if (sd_journal_get_cursor(l->journal, &cursor) >= 0 && strlen(cursor) < CURSOR_MAX - 6)
		remember_text(l->run, cursor_key(k).text, cursor);
	free(cursor);
}

/* *RET_LAG_USEC: how far behind the end the reading had to stop; 0: it is at the end. */
static int count_new(struct look *l, const struct kind *k, struct tally *t, int64_t *ret_lag_usec)
{
	int64_t until = clock_boottime_usec() + SCAN_USEC;
	uint64_t usec = 0;
	size_t n = 0;

	int r = seek_start(l, k);
	while (r >= 0 && (r = sd_journal_next(l->journal)) > 0) {
		r = sd_journal_get_realtime_usec(l->journal, &usec);
		if (r < 0)
			break;
		n++;
		if (is_meant(l, k))
			tally_add(t, (int64_t)usec);
		if (n % 64 == 0 && clock_boottime_usec() > until) {
			*ret_lag_usec = l->now_usec - (int64_t)usec;
			break;
		}
	}
	if (r < 0)
		return r;
	if (n)
		remember_cursor(l, k);
	return 0;
}

/* The last ones of the window, the newest first: also those that an earlier look has counted. */
static void show_lines(struct look *l, const struct kind *k, struct buf *newest, struct buf *lines)
{
	int64_t until = clock_boottime_usec() + SCAN_USEC;
	uint64_t usec, oldest = (uint64_t)(l->now_usec - l->config->window);
	char message[JOURNAL_LINE_BYTES + 1];

	if (sd_journal_seek_tail(l->journal) < 0)
		return;
	for (int shown = 0; shown < LINES_MAX && sd_journal_previous(l->journal) > 0;) {
		if (sd_journal_get_realtime_usec(l->journal, &usec) < 0 || usec < oldest ||
			clock_boottime_usec() > until)
			return;
		if (!is_meant(l, k))
			continue;
		if (shown++ == 0 && journal_field(l->journal, "MESSAGE", message, sizeof(message)) == 0)
			buf_puts(newest, message);
		journal_put_line(lines, l->journal);
	}
}

/* --- The report of one kind */

static enum tocsin_state judge(const struct config *c, const struct kind *k, int64_t n)
{
	if ((double)n >= limit_of(c, k->critical))
		return TOCSIN_CRITICAL;
	return (double)n >= limit_of(c, k->warning) ? TOCSIN_WARNING : TOCSIN_OK;
}

static void put_text(struct buf *b, const struct look *l, const struct kind *k, int64_t n, const char *newest)
{
	struct short_text window = short_duration(l->config->window);

	if (n == 0)
		buf_printf(b, _("none within %s"), window.text);
	else
		k->put_count(b, (long long)n, window.text);
	if (*newest)
		buf_printf(b, ": %.*s", (int)strcspn(newest, "\n"), newest);
}

static void report(struct look *l, const struct kind *k, int64_t n, int64_t lag_usec)
{
	_cleanup_buf_ struct buf newest = BUF(2048), lines = BUF(65536), text = BUF(4096);
	enum tocsin_state state = judge(l->config, k, n);
	const char *item = k->item ? k->item : tocsin_name(l->run);

	if (state != TOCSIN_OK)
		show_lines(l, k, &newest, &lines);
	put_text(&text, l, k, n, buf_text(&newest));
	if (lag_usec > 0)
		buf_printf(&text, _("; so much is written that reading is %s behind"),
			short_duration(lag_usec).text);
	tocsin_item(l->run, item, state, "%s", buf_text(&text));
	tocsin_metric(l->run, item,
		&(struct tocsin_metric){ "entries", (double)n, "", limit_of(l->config, k->warning),
			limit_of(l->config, k->critical), 0, NAN });
	if (lines.len)
		tocsin_evidence(l->run, item, "The last of them, newest first", buf_text(&lines));
}

static int look_at(struct look *l, const struct kind *k)
{
	struct tally before, t;
	int64_t lag = 0;

	tocsin_look(l->run, k->item ? k->item : tocsin_name(l->run));
	sd_journal_flush_matches(l->journal);
	int r = k->match(l);
	if (r < 0)
		return r;
	recall_tally(l, k, &t);
	before = t;
	r = count_new(l, k, &t, &lag);
	if (r < 0)
		return r;
	remember_tally(l, k, &before, &t);
	report(l, k, tally_sum(&t), lag);
	return 0;
}

/* --- The journal */

static const char *const folders[] = { "/var/log/journal", "/run/log/journal" };

/* Its files grow by ftruncate(2), which is what journald does to be noticed. */
static void watch(struct look *l)
{
	char path[PATH_MAX], id[SD_ID128_STRING_MAX];
	sd_id128_t machine;

	if (!l->config->watch || *tocsin_root(l->run) || sd_id128_get_machine(&machine) < 0 || !watch_is_rested(l->run))
		return;
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	bool has_any = false;
	for (size_t i = 0; fd >= 0 && i < ELEMENTS(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], sd_id128_to_string(machine, id));
		has_any |= inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0;
	}
	if (has_any)
		tocsin_watch(l->run, fd, POLLIN);
}

static bool has_folder(struct tocsin_run *run)
{
	for (size_t i = 0; i < ELEMENTS(folders); i++) {
		_cleanup_close_ int fd = tocsin_open(run, folders[i], O_PATH | O_DIRECTORY);

		if (fd >= 0 || fd == -EACCES)
			return true;
	}
	return false;
}

/* Who may not read the journal of the system may still have one of its own: that does not count. */
static bool is_denied(void)
{
	char path[PATH_MAX], id[SD_ID128_STRING_MAX];
	sd_id128_t machine;
	bool is_refused = false;

	for (size_t i = 0; i < ELEMENTS(folders) && sd_id128_get_machine(&machine) >= 0; i++) {
		snprintf(path, sizeof(path), "%s/%s/system.journal", folders[i],
			sd_id128_to_string(machine, id));
		if (access(path, R_OK) == 0)
			return false;
		is_refused |= errno == EACCES;
	}
	return is_refused;
}

static int not_allowed(struct tocsin_run *run)
{
	tocsin_reason(run, "the journal of the system may not be read; tocsin must be in the group "
			   "systemd-journal (systemctl edit tocsin: SupplementaryGroups=systemd-journal)");
	return -EACCES;
}

static int open_journal(struct look *l)
{
	const char *root = tocsin_root(l->run);
	char path[PATH_MAX];

	if (!has_folder(l->run)) {
		tocsin_reason(l->run, "there is no journal of systemd here");
		return -EOPNOTSUPP;
	}
	if (!*root && is_denied())
		return not_allowed(l->run);
	snprintf(path, sizeof(path), "%s%s", root, folders[0]);
	int r = *root ? sd_journal_open_directory(&l->journal, path, 0)
		      : sd_journal_open(&l->journal, SD_JOURNAL_LOCAL_ONLY);
	if (r >= 0)
		r = sd_journal_set_data_threshold(l->journal, FIELD_MAX);
	if (r >= 0)
		r = sd_journal_seek_tail(l->journal);
	if (r >= 0)
		r = sd_journal_previous(l->journal);
	if (r < 0)
		tocsin_reason(l->run, "the journal cannot be read: %s", strerror(-r));
	else if (r == 0) /* a journal that is readable has at least the message that it began */
		tocsin_reason(l->run, "no entry of the journal can be read");
	return r < 0 ? r : r == 0 ? -ENODATA : 0;
}

static int prepare(struct look *l)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(grave_messages); i++)
		r = add_expression(&l->grave, grave_messages[i]);
	if (r == 0)
		r = add_expression(&l->harmless, harmless_messages);
	if (r == 0)
		r = compile(&l->config->pattern, &l->pattern);
	if (r == 0)
		r = compile(&l->config->ignore, &l->ignore);
	return r;
}

static void release(struct look *l)
{
	sd_journal_close(l->journal);
	release_expressions(&l->grave);
	release_expressions(&l->harmless);
	release_expressions(&l->pattern);
	release_expressions(&l->ignore);
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(
		release) struct look l = { .run = run, .config = config, .now_usec = clock_realtime_usec() };

	l.is_container = is_container(run);
	int r = prepare(&l);
	if (r < 0)
		return r;
	watch(&l);
	r = open_journal(&l);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < ELEMENTS(kinds); i++)
		if (is_on(config, &kinds[i]))
			r = look_at(&l, &kinds[i]);
	if (r < 0)
		tocsin_reason(run, "the journal cannot be read: %s", strerror(-r));
	return r;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW | TOCSIN_CHECK_EVENT,
	.name = "journal",
	.summary = N_("Errors of the kernel, kills for lack of memory, chosen entries"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
