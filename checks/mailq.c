/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailq: how many mails wait in the queue of the host's mail server, and since when the oldest does. Postfix
 * is asked by postqueue; the queues of Exim, sendmail, nullmailer and dma are folders with a file for each
 * mail, and so may be that of any other program.
 *
 * It reads no mail. Whether the server answers is for smtp. */
#include "buf.h"
#include "clock.h"
#include "command.h"
#include "text.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OUTPUT_MAX ((size_t)COMMAND_FLOOD_MAX)
#define OLDEST_MAX 10
#define SAY_HOW _("; tocsin-check-mailq(7) tells how to allow it")

enum mta { MTA_AUTO, POSTFIX, EXIM, SENDMAIL, NULLMAILER, DMA, FOLDER, MTAS };

static const char *const mta_names[MTAS + 1] = { "auto", "postfix", "exim", "sendmail", "nullmailer", "dma",
	"folder", NULL };

struct config {
	int mta;
	const char *config_directory, *spool, *pattern;
	int64_t messages_warning, messages_critical, age_warning, age_critical, mailq_timeout;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)
#define COUNT_MAX 1e9
#define AGE_MAX (3650 * 86400e6)

static const struct tocsin_option options[] = {
	{ MEMBER(mta, TOCSIN_CHOICE), .fallback = "auto", .choices = mta_names,
		.help = N_("The mail server; \"auto\": each that has a queue here; \"folder\": files in "
			   "spool") },
	{ MEMBER(config_directory, TOCSIN_PATH),
		.help = N_("With mta = postfix, the folder with the configuration of that instance") },
	{ MEMBER(spool, TOCSIN_PATH), .help = N_("The folder of the queue, where it is not the usual one") },
	{ MEMBER(pattern, TOCSIN_STRING), .fallback = "*",
		.help = N_("With mta = folder, the names of files that are mails (glob)") },
	{ MEMBER(messages_warning, TOCSIN_INT), .fallback = "50", .max = COUNT_MAX,
		.help = N_("Mails in the queue from which it is a warning; 0: not judged") },
	{ MEMBER(messages_critical, TOCSIN_INT), .fallback = "500", .max = COUNT_MAX,
		.help = N_("Mails in the queue from which it is critical; 0: not judged") },
	{ MEMBER(age_warning, TOCSIN_DURATION), .fallback = "1d", .max = AGE_MAX,
		.help = N_("Age of the oldest mail from which it is a warning; 0: not judged") },
	{ MEMBER(age_critical, TOCSIN_DURATION), .fallback = "0", .max = AGE_MAX,
		.help = N_("Age of the oldest mail from which it is critical; 0: not judged") },
	{ MEMBER(mailq_timeout, TOCSIN_DURATION), .fallback = "8s", .min = 1000, .max = 3600e6,
		.help = N_(
			"How long the queue may take to be read; keep it below the timeout of the check") },
	{ .name = NULL },
};

static bool are_crossed(int64_t warning, int64_t critical)
{
	return warning > 0 && critical > 0 && critical < warning;
}

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (are_crossed(c->messages_warning, c->messages_critical) ||
		are_crossed(c->age_warning, c->age_critical))
		return N_("the limit for critical is below the one for warning: one of messages, age");
	if (c->mta == FOLDER && !c->spool)
		return N_("with mta = folder, spool is needed: the folder with the mails");
	if (c->spool && (c->mta == MTA_AUTO || c->mta == POSTFIX))
		return N_("with spool, mta must say whose queue it is, and that of postfix is asked for");
	if (c->config_directory && c->mta != POSTFIX)
		return N_("config_directory is for mta = postfix");
	return NULL;
}

/* --- A queue */

struct mail {
	int64_t since; /* CLOCK_REALTIME, seconds */
	char text[400];
};

/* The names are those of postqueue(1). */
enum part { ACTIVE, DEFERRED, INCOMING, HOLD, PARTS };

static const char *const part_names[PARTS] = { "active", "deferred", "incoming", "hold" };

struct queue {
	double count; /* without those that somebody has put on hold */
	double parts[PARTS];
	bool has_parts;
	bool is_least; /* it was not read to its end */
	struct mail oldest[OLDEST_MAX];
	size_t n_oldest;
};

static void add_mail(struct queue *q, int64_t since, const char *text)
{
	size_t i = q->n_oldest;

	q->count++;
	while (i > 0 && since < q->oldest[i - 1].since)
		i--;
	if (i == OLDEST_MAX)
		return;
	if (q->n_oldest < OLDEST_MAX)
		q->n_oldest++;
	memmove(&q->oldest[i + 1], &q->oldest[i], (q->n_oldest - 1 - i) * sizeof(*q->oldest));
	q->oldest[i].since = since;
	snprintf(q->oldest[i].text, sizeof(q->oldest[i].text), "%s", text);
}

/* --- Postfix: a line of JSON for each mail (postqueue(1), JSON OBJECT FORMAT) */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int find_part(const char *name)
{
	for (int i = 0; i < PARTS; i++)
		if (strcmp(name, part_names[i]) == 0)
			return i;
	return -1;
}

/* postqueue hands on the bytes of an address as they came, and JSON is UTF-8. */
static json_t *load_mail(const char *line, size_t len)
{
	_cleanup_free_ char *text = strndup(line, len);

	for (size_t i = 0, n; text && i < len; i += n ? n : 1) {
		n = utf8_next(text + i, len - i, NULL);
		if (n == 0)
			text[i] = '?';
	}
	return text ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static int read_mail(struct queue *q, const char *line, size_t len)
{
	json_t *mail = load_mail(line, len);
	const json_t *since = json_object_get(mail, "arrival_time");
	const json_t *recipient = json_array_get(json_object_get(mail, "recipients"), 0);
	char text[400];
	int part = find_part(text_of(mail, "queue_name")), r = -EBADMSG;

	if (json_is_integer(since)) {
		const char *why = text_of(recipient, "delay_reason");

		snprintf(text, sizeof(text), _("%s  from <%.80s> to <%.80s>%s%.180s"),
			text_of(mail, "queue_id"), text_of(mail, "sender"), text_of(recipient, "address"),
			*why ? ": " : "", why);
		if (part >= 0)
			q->parts[part]++;
		if (part != HOLD)
			add_mail(q, json_integer_value(since), text);
		r = 0;
	}
	json_decref(mail);
	return r;
}

/* Behind the limit of the output the last line may be cut. */
static int read_mails(struct queue *q, const char *text)
{
	int r = 0;

	while (r == 0 && *text) {
		size_t len = strcspn(text, "\n");

		if (!text[len] && q->is_least)
			break;
		if (len > 0)
			r = read_mail(q, text, len);
		text += len + (text[len] == '\n');
	}
	return r;
}

static void put_complaint(struct buf *b, const struct command *c)
{
	const char *text = c->err.kept.len ? buf_text(&c->err.kept) : buf_text(&c->out.kept);
	const char *fatal = strstr(text, "fatal: ");

	text = fatal ? fatal + 7 : text;
	buf_printf(b, "%.*s", (int)strcspn(text, "\r\n"), text);
	if (strstr(text, "ermission denied"))
		buf_puts(b, SAY_HOW);
}

static void find_postqueue(struct tocsin_run *run, char program[4096])
{
	snprintf(program, 4096, "%s/usr/sbin/postqueue", tocsin_root(run));
}

/* 0 when the queue was read, else WHY says what hindered it. */
static int read_postfix(struct tocsin_run *run, const struct config *c, struct queue *q, struct buf *why)
{
	_cleanup_command_ struct command command = COMMAND(OUTPUT_MAX);
	char program[4096];
	char *const words[] = { program, (char *)"-j", c->config_directory ? (char *)"-c" : NULL,
		(char *)c->config_directory, NULL };

	find_postqueue(run, program);
	int r = command_run(&command, words, c->mailq_timeout);
	if (r < 0) {
		buf_printf(why, _("%s cannot be started: %s"), program, strerror(-r));
		return r;
	}
	q->has_parts = true;
	q->is_least = command.is_late || command.is_flooding;
	if (!q->is_least && (!WIFEXITED(command.status) || WEXITSTATUS(command.status) != 0)) {
		buf_puts(why, WIFEXITED(command.status) ? _("postqueue failed: ") : _("postqueue crashed: "));
		put_complaint(why, &command);
		return -EPROTO;
	}
	r = read_mails(q, buf_text(&command.out.kept));
	if (r < 0)
		buf_puts(why, _("what postqueue says is not understood (Postfix 3.1 is needed)"));
	return r;
}

/* --- Folders */

enum age { AGE_OF_FILE, AGE_OF_DATA, AGE_IN_NAME };

static const struct spool {
	const char *folders[2];
	const char *pattern; /* one such file for each mail */
	enum age age;
	bool is_split; /* it may lie one folder deeper */
} spools[MTAS] = {
	[EXIM] = { { "/var/spool/exim4/input", "/var/spool/exim/input" }, "*-H", AGE_IN_NAME, true },
	[SENDMAIL] = { { "/var/spool/mqueue", "/var/spool/mqueue-client" }, "qf*", AGE_OF_DATA, true },
	[NULLMAILER] = { { "/var/spool/nullmailer/queue" }, "*", AGE_OF_FILE, false },
	[DMA] = { { "/var/spool/dma" }, "Q*", AGE_OF_FILE, false },
};

/* The first six characters of Exim's name for a mail are the seconds since 1970, to the base of 62. 0: it is
 * none. */
static int64_t time_in_name(const char *name)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	int64_t seconds = 0;

	for (int i = 0; i < 6; i++) {
		const char *digit = name[i] ? strchr(digits, name[i]) : NULL;

		if (!digit)
			return 0;
		seconds = 62 * seconds + (digit - digits);
	}
	return name[6] == '-' ? seconds : 0;
}

/* sendmail writes the file with the envelope (qf) again at each attempt, and that with the text (df) once. */
static int64_t time_of_file(int folder, const char *name, enum age age)
{
	char data[NAME_MAX + 1];
	struct stat st;
	int64_t seconds = age == AGE_IN_NAME ? time_in_name(name) : 0;

	if (seconds > 0)
		return seconds;
	snprintf(data, sizeof(data), "%s", name);
	data[0] = age == AGE_OF_DATA ? 'd' : data[0];
	if (fstatat(folder, data, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return st.st_mtim.tv_sec;
	return 0; /* it was sent meanwhile */
}

static bool is_folder(int parent, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(parent, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

struct reader {
	struct queue *queue;
	const char *pattern;
	enum age age;
	int64_t until_usec;
};

static int read_folder(struct reader *r, int fd, bool is_split);

static int read_entry(struct reader *r, int folder, const struct dirent *e, bool is_split)
{
	if (is_folder(folder, e)) {
		if (!is_split)
			return 0;
		int fd = openat(folder, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? -errno : read_folder(r, fd, false);
	}
	if (fnmatch(r->pattern, e->d_name, 0) == 0) {
		int64_t since = time_of_file(folder, e->d_name, r->age);

		if (since > 0)
			add_mail(r->queue, since, e->d_name);
	}
	return 0;
}

/* FD becomes its own. 0 or -errno. */
static int read_folder(struct reader *r, int fd, bool is_split)
{
	DIR *folder = fdopendir(fd);
	int result = 0;

	if (!folder) {
		close_fd(fd);
		return -ENOMEM;
	}
	while (result == 0 && !r->queue->is_least) {
		errno = 0;
		const struct dirent *e = readdir(folder);
		if (!e) {
			result = -errno;
			break;
		}
		if (e->d_name[0] == '.')
			continue;
		r->queue->is_least = clock_boottime_usec() > r->until_usec;
		result = read_entry(r, dirfd(folder), e, is_split);
	}
	closedir(folder);
	return result;
}

/* -ENOENT: there is no such queue here. */
static int read_spool(
	struct tocsin_run *run, const struct config *c, enum mta mta, struct queue *q, struct buf *why)
{
	const struct spool *s = &spools[mta];
	const char *const named[] = { c->spool, NULL };
	const char *const *folders = c->spool ? named : s->folders;
	struct reader r = { q, mta == FOLDER ? c->pattern : s->pattern, s->age,
		clock_boottime_usec() + c->mailq_timeout };
	int found = -ENOENT;

	for (size_t i = 0; i < 2 && folders[i]; i++) {
		int fd = tocsin_open(run, folders[i], O_RDONLY | O_DIRECTORY);

		if (fd == -ENOENT)
			continue;
		found = fd < 0 ? fd : read_folder(&r, fd, s->is_split);
		if (found < 0) {
			buf_printf(why, _("%s cannot be read: %s"), folders[i], strerror(-found));
			if (found == -EACCES)
				buf_puts(why, SAY_HOW);
			return found;
		}
	}
	if (found == -ENOENT)
		buf_printf(why, _("there is no folder %s"), folders[0]);
	return found;
}

/* --- What it means */

static double age_usec(const struct queue *q)
{
	int64_t now = clock_realtime_usec(), since = q->n_oldest ? q->oldest[0].since * USEC_PER_SEC : now;

	return since < now ? (double)(now - since) : 0;
}

static void judge(const struct config *c, const struct queue *q, struct verdict *v)
{
	double age = age_usec(q);
	bool is_critical = c->messages_critical > 0 && q->count >= (double)c->messages_critical;

	if (is_critical || (c->messages_warning > 0 && q->count >= (double)c->messages_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			q->is_least ? N_("at least %.0f mails wait (limit %lld)")
				    : N_("%.0f mails wait (limit %lld)"),
			q->count, (long long)(is_critical ? c->messages_critical : c->messages_warning));
	is_critical = c->age_critical > 0 && age >= (double)c->age_critical;
	if (is_critical || (c->age_warning > 0 && age >= (double)c->age_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING,
			"the oldest mail waits for %s (limit %s)", short_duration((int64_t)age).text,
			short_duration(is_critical ? c->age_critical : c->age_warning).text);
}

/* --- Reporting */

static double limit(int64_t value, double unit)
{
	return value > 0 ? (double)value / unit : NAN;
}

static void metric(struct tocsin_run *run, const char *item, const char *name, double value, const char *unit,
	double warning, double critical)
{
	tocsin_metric(run, item, &(struct tocsin_metric){ name, value, unit, warning, critical, 0, NAN });
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const char *item, const struct queue *q)
{
	metric(run, item, "messages", q->count, "", limit(c->messages_warning, 1),
		limit(c->messages_critical, 1));
	if (q->n_oldest)
		metric(run, item, "oldest", age_usec(q) / 1e6, "s", limit(c->age_warning, 1e6),
			limit(c->age_critical, 1e6));
	for (size_t i = 0; q->has_parts && i < PARTS; i++)
		metric(run, item, part_names[i], q->parts[i], "", NAN, NAN);
}

static void show(struct tocsin_run *run, const char *item, const struct queue *q)
{
	_cleanup_buf_ struct buf b = BUF(16384);

	for (size_t i = 0; i < q->n_oldest; i++) {
		format_time(&b, q->oldest[i].since * USEC_PER_SEC);
		buf_printf(&b, "  %s\n", q->oldest[i].text);
	}
	tocsin_evidence(run, item, "The oldest mails in the queue", buf_text(&b));
}

static void report(struct tocsin_run *run, const struct config *c, const char *item, const struct queue *q)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf good = BUF(512);

	judge(c, q, &v);
	if (q->count == 0)
		buf_puts(&good, _("the queue is empty"));
	else
		buf_printf(&good,
			q->count == 1 ? _("%.0f mail waits, the oldest for %s")
				      : _("%.0f mails wait, the oldest for %s"),
			q->count, short_duration((int64_t)age_usec(q)).text);
	if (q->parts[HOLD] > 0)
		buf_printf(&good, _("; %.0f on hold"), q->parts[HOLD]);
	if (v.state != TOCSIN_OK)
		tocsin_item(run, item, v.state, "%s", buf_text(&v.text));
	else if (q->is_least)
		tocsin_item(run, item, TOCSIN_UNKNOWN,
			"the queue could not be read to its end (mailq_timeout); it has at least %.0f mails",
			q->count);
	else
		tocsin_item(run, item, TOCSIN_OK, "%s", buf_text(&good));
	if (!q->is_least)
		report_metrics(run, c, item, q);
	if (v.state != TOCSIN_OK)
		show(run, item, q);
}

/* --- Whose queue */

static bool has_postfix(struct tocsin_run *run)
{
	_cleanup_close_ int fd = tocsin_open(run, "/etc/postfix/main.cf", O_PATH);
	char program[4096];

	find_postqueue(run, program);
	return fd >= 0 && access(program, X_OK) == 0;
}

/* True: there is such a queue, and it was reported. */
static bool look_at(struct tocsin_run *run, const struct config *c, enum mta mta)
{
	_cleanup_free_ struct queue *q = calloc(1, sizeof(*q));
	_cleanup_buf_ struct buf why = BUF(4096);
	const char *item = c->mta == FOLDER ? c->spool : mta_names[mta];

	if (c->mta == MTA_AUTO && mta == POSTFIX && !has_postfix(run))
		return false;
	tocsin_look(run, item);
	int r = !q               ? -ENOMEM
		: mta == POSTFIX ? read_postfix(run, c, q, &why)
				 : read_spool(run, c, mta, q, &why);
	if (r == -ENOENT && c->mta == MTA_AUTO)
		return false;
	if (r < 0)
		tocsin_item(run, item, TOCSIN_UNKNOWN, "%s", why.len ? buf_text(&why) : strerror(-r));
	else
		report(run, c, item, q);
	return true;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	bool is_found = false;

	if (c->mta != MTA_AUTO) {
		look_at(run, c, (enum mta)c->mta);
		return 0;
	}
	for (int mta = POSTFIX; mta < FOLDER; mta++)
		is_found |= look_at(run, c, (enum mta)mta);
	if (is_found)
		return 0;
	tocsin_reason(run, "this host has no queue of Postfix, Exim, sendmail, nullmailer or dma");
	return -EOPNOTSUPP;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "mailq",
	.summary = N_("Mails that wait in the queue of a mail server of this host"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
