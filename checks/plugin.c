/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plugin: runs a monitoring plugin (Nagios, Icinga and others) and hands on its state, text and performance
 * data, as the Monitoring Plugins Development Guidelines describe them. No shell has a part in it: the
 * command is cut into words here, and nothing in it is replaced.
 *
 * The plugin gets a process group of its own, which is killed when its time is over or when it has ended;
 * what left the group is ended by the runner, who is its subreaper. */
#include "account.h"
#include "argument.h"
#include "buf.h"
#include "command.h"
#include "perfdata.h"
#include "tocsin-check.h"
#include "translate.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX 65536
#define COMMAND_MAX 8192
#define WORDS_MAX 512

struct config {
	const char *command;
	int64_t plugin_timeout;
	bool show_command;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(command, TOCSIN_STRING), .help = N_("The plugin, an absolute path, and its arguments; "
						     "quoted as for a shell, but never run by one") },
	{ MEMBER(plugin_timeout, TOCSIN_DURATION), .fallback = "9s", .min = 50000, .max = 3600e6,
		.help = N_("How long the plugin may run before it is killed; keep it below the timeout of "
			   "the check, or its output is lost") },
	{ MEMBER(show_command, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("Whether a bad result comes with the command as it was run; what may be a secret "
			   "in it is shown as ****") },
	{ .name = NULL },
};

/* --- The command */

struct words {
	char *text;                 /* all of them, a NUL behind each */
	char *items[WORDS_MAX + 1]; /* into it, NULL at the end */
	size_t n;
};

static void free_words(struct words *w)
{
	free(w->text);
}

/* Quoted text at *S up to its end, as in a shell: in '' everything stands for itself, in "" a backslash takes
 * the meaning from a quote or a backslash. */
static const char *copy_quoted(const char **s, char **out)
{
	char quote = *(*s)++;

	for (; **s != quote; (*s)++) {
		if (quote == '"' && **s == '\\' && ((*s)[1] == '"' || (*s)[1] == '\\'))
			(*s)++;
		if (!**s)
			return N_("command has a quotation mark without its partner");
		*(*out)++ = **s;
	}
	(*s)++;
	return NULL;
}

static const char *copy_word(const char **s, char **out)
{
	while (**s && !strchr(" \t", **s)) {
		if (**s == '\'' || **s == '"') {
			const char *wrong = copy_quoted(s, out);

			if (wrong)
				return wrong;
			continue;
		}
		if (strchr("|&;<>()$`", **s))
			return N_("command is not run by a shell: put | & ; < > ( ) $ ` in quotation marks "
				  "if the plugin shall get them, or write a script");
		if (**s == '\\' && !*++*s)
			return N_("command ends with a backslash");
		*(*out)++ = *(*s)++;
	}
	*(*out)++ = '\0';
	return NULL;
}

/* NULL, or what is wrong. */
static const char *split(const char *command, struct words *ret)
{
	struct words w = { .text = malloc(strlen(command) + 2) };
	const char *s = command, *wrong = NULL;
	char *out = w.text;

	if (!w.text)
		return N_("there is no memory for command");
	while (!wrong && *(s += strspn(s, " \t"))) {
		w.items[w.n++] = out;
		wrong = w.n > WORDS_MAX - 1 ? N_("command has too many words") : copy_word(&s, &out);
	}
	if (!wrong && (w.n == 0 || w.items[0][0] != '/'))
		wrong = N_("command must begin with the absolute path of the plugin");
	if (wrong) {
		free(w.text);
		return wrong;
	}
	w.items[w.n] = NULL;
	*ret = w;
	return NULL;
}

static const char *validate(const void *config)
{
	const struct config *c = config;
	struct words words;

	if (!c->command)
		return N_("command is needed: the plugin to run");
	if (strlen(c->command) > COMMAND_MAX)
		return N_("command is longer than 8192 bytes");
	const char *wrong = split(c->command, &words);
	if (!wrong)
		free_words(&words);
	return wrong;
}

/* --- What it said */

struct phrase {
	char text[256];
};

/* The state, and why the plugin's own word for it does not count; "" when it does. */
static enum tocsin_state judge(const struct config *c, const struct command *p, struct phrase *ret_why)
{
	size_t size = sizeof(ret_why->text);

	ret_why->text[0] = '\0';
	if (p->is_late || p->is_flooding) {
		int n = p->is_late ? snprintf(ret_why->text, size,
					     _("the plugin did not end within %s and was killed"),
					     short_duration(c->plugin_timeout).text)
				   : snprintf(ret_why->text, size,
					     _("the plugin wrote without end and was killed"));
		if (p->is_stuck)
			snprintf(ret_why->text + n, size - (size_t)n,
				_("; it is stuck in the kernel (pid %d)"), (int)p->pid);
	} else if (WIFSIGNALED(p->status)) {
		snprintf(ret_why->text, size, _("the plugin was killed by signal %d (%s)"),
			WTERMSIG(p->status), strsignal(WTERMSIG(p->status)));
	} else if (WEXITSTATUS(p->status) > TOCSIN_UNKNOWN) {
		int status = WEXITSTATUS(p->status);

		snprintf(ret_why->text, size,
			status == 126   ? _("the plugin's exit status %d is no state (126: a program that it "
					      "calls cannot be executed)")
			: status == 127 ? _("the plugin's exit status %d is no state (127: a program that it "
					    "calls was not found)")
					: _("the plugin's exit status %d is no state"),
			status);
	} else {
		return (enum tocsin_state)WEXITSTATUS(p->status);
	}
	return TOCSIN_UNKNOWN;
}

/* The first line that is not empty of what it wrote to standard error. */
static const char *first_complaint(char *text)
{
	text += strspn(text, " \t\r\n");
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static void report_state(
	struct tocsin_run *run, const struct config *c, const struct command *p, const char *text)
{
	_cleanup_free_ char *complaint = strdup(buf_text(&p->err.kept));
	struct phrase why;

	enum tocsin_state state = judge(c, p, &why);
	if (!*text && complaint)
		text = first_complaint(complaint);
	if (*why.text)
		tocsin_item(run, tocsin_name(run), state, "%s%s%s", why.text, *text ? ": " : "", text);
	else
		tocsin_item(run, tocsin_name(run), state, "%s", *text ? text : _("the plugin said nothing"));
}

/* What a metric cannot hold. */
struct remarks {
	struct buf ranges, unknown, bad;
};

static void free_remarks(struct remarks *r)
{
	buf_free(&r->ranges);
	buf_free(&r->unknown);
	buf_free(&r->bad);
}

static void remark_range(
	struct buf *b, const char *label, enum tocsin_state state, const struct perfdata_range *range)
{
	if (!*range->text || perfdata_range_is_upper_limit(range))
		return;
	if (state == TOCSIN_CRITICAL)
		buf_printf(b,
			range->is_inside ? _("%s: critical when the value is inside of %s\n")
					 : _("%s: critical when the value is outside of %s\n"),
			label, range->text);
	else
		buf_printf(b,
			range->is_inside ? _("%s: warning when the value is inside of %s\n")
					 : _("%s: warning when the value is outside of %s\n"),
			label, range->text);
}

static void report_metric(struct tocsin_run *run, const struct perfdata *p, struct remarks *remarks)
{
	const struct tocsin_metric metric = {
		.name = p->label,
		.value = p->value,
		.unit = p->unit,
		.warning = perfdata_range_limit(&p->warning, p->value),
		.critical = perfdata_range_limit(&p->critical, p->value),
		.min = p->min,
		.max = p->max,
	};

	if (isnan(p->value))
		buf_printf(&remarks->unknown, "%s\n", p->label);
	else
		tocsin_metric(run, tocsin_name(run), &metric);
	remark_range(&remarks->ranges, p->label, TOCSIN_WARNING, &p->warning);
	remark_range(&remarks->ranges, p->label, TOCSIN_CRITICAL, &p->critical);
}

static int report_metrics(struct tocsin_run *run, const char *text, struct remarks *remarks)
{
	const char *bad;
	size_t len;

	for (;;) {
		_cleanup_perfdata_ struct perfdata p = { 0 };

		int r = perfdata_next(&text, &p, &bad, &len);
		if (r == 0 || r == -ENOMEM)
			return r;
		if (r == -EBADMSG)
			buf_printf(&remarks->bad, "%.*s\n", (int)len, bad);
		else
			report_metric(run, &p, remarks);
	}
}

static void show(struct tocsin_run *run, const char *title, const char *text)
{
	if (*text)
		tocsin_evidence(run, tocsin_name(run), title, text);
}

static void show_stream(
	struct tocsin_run *run, const char *title, const struct command_stream *s, const char *text)
{
	show(run, title, text);
	if (s->written > s->kept.len) {
		struct phrase note;

		snprintf(note.text, sizeof(note.text),
			s->written >= COMMAND_FLOOD_MAX
				? _("More than %zu bytes were written, only the first %zu were kept.")
				: _("%zu bytes were written, only the first %zu were kept."),
			s->written, s->kept.len);
		show(run, N_("Output was cut"), note.text);
	}
}

/* How the process ended, if it did, and when. */
static void put_end(struct buf *b, const struct command *p)
{
	const struct short_text duration = short_duration(p->ended_usec - p->began_usec);

	if (p->is_stuck)
		buf_printf(b, _("Killed after %s, and still there\n"), duration.text);
	else if (p->is_late || p->is_flooding)
		buf_printf(b, _("Killed after %s\n"), duration.text);
	else if (WIFSIGNALED(p->status))
		buf_printf(b, _("Ended by signal %d (%s) after %s\n"), WTERMSIG(p->status),
			strsignal(WTERMSIG(p->status)), duration.text);
	else
		buf_printf(b, _("Exit status %d after %s\n"), WEXITSTATUS(p->status), duration.text);
}

/* What one needs to run it once more by hand. */
static void show_command(
	struct tocsin_run *run, const struct config *c, const struct command *p, char *const *words)
{
	_cleanup_buf_ struct buf b = BUF(5 * COMMAND_MAX);
	bool is_hidden = c->show_command && argument_show_all(&b, words);

	buf_puts(&b, b.len ? "\n" : "");
	put_end(&b, p);
	buf_printf(&b, _("As user %s, with only PATH and LC_ALL in the environment\n"),
		account_user_name(run, geteuid()).text);
	if (is_hidden)
		buf_printf(&b, _("%s stands for what may be a secret; the configuration has it\n"),
			ARGUMENT_HIDDEN);
	show(run, N_("How the plugin was run"), buf_text(&b));
}

static int report(struct tocsin_run *run, const struct config *c, struct command *p, char *const *words)
{
	_cleanup_(
		free_remarks) struct remarks remarks = { BUF(OUTPUT_MAX), BUF(OUTPUT_MAX), BUF(OUTPUT_MAX) };
	_cleanup_free_ char *output = strdup(buf_text(&p->out.kept));
	struct perfdata_output o;

	if (!output)
		return -ENOMEM;
	perfdata_split(output, &o);
	report_state(run, c, p, o.text);
	struct phrase why;
	if (judge(c, p, &why) != TOCSIN_OK)
		show_command(run, c, p, words);
	int r = report_metrics(run, o.first, &remarks);
	if (r == 0)
		r = report_metrics(run, o.more, &remarks);
	show_stream(run, N_("Output of the plugin"), &p->out, o.lines);
	show_stream(run, N_("What it wrote to standard error"), &p->err, buf_text(&p->err.kept));
	show(run, N_("Limits that are ranges"), buf_text(&remarks.ranges));
	show(run, N_("Values that the plugin could not determine"), buf_text(&remarks.unknown));
	show(run, N_("Performance data that is none"), buf_text(&remarks.bad));
	return r;
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_command_ struct command p = COMMAND(OUTPUT_MAX);
	_cleanup_(free_words) struct words words = { 0 };
	const struct config *c = config;

	if (split(c->command, &words))
		return -EINVAL; /* validate() has split it */
	if (*tocsin_root(run)) {
		tocsin_reason(run, "a plugin cannot look at a recorded tree");
		return -EOPNOTSUPP;
	}
	int r = command_run(&p, words.items, c->plugin_timeout);
	if (r < 0) {
		tocsin_reason(run, "%s cannot be started: %s", words.items[0], strerror(-r));
		return r;
	}
	return report(run, c, &p, words.items);
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.flags = TOCSIN_CHECK_SLOW,
	.name = "plugin",
	.summary = N_("State, text and performance data of a monitoring plugin"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
