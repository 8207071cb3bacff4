/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that is known of sections and keys: a new key is a member of a struct in conf.h, a row here, and a test. */
#include "conf-table.h"

#include "clock.h"
#include "group.h"
#include "language.h"
#include "option.h"
#include "text.h"
#include "translate.h"

#include <string.h>

#define MSEC USEC_PER_MSEC
#define SEC USEC_PER_SEC
#define MINUTE USEC_PER_MINUTE
#define HOUR USEC_PER_HOUR
#define DAY USEC_PER_DAY

#define IN(type, member) offsetof(struct type, member)

const struct tocsin_option conf_tocsin_options[] = {
	{ "host", TOCSIN_STRING, IN(conf, host), NULL, 0, 0, NULL, N_("How mails call this host") },
	{ "language", TOCSIN_CHOICE, IN(conf, language), "en", 0, 0, language_names,
		N_("The language of mails, of the status page and of the command line") },
	{ "interval", TOCSIN_DURATION, IN(conf, interval), "60s", 100 * MSEC, 7 * DAY, NULL,
		N_("How often each check looks, unless [alert] or the check says otherwise") },
	{ "keep_samples", TOCSIN_DURATION, IN(conf, keep_samples), "7d", HOUR, 366 * DAY, NULL,
		N_("How long the values of metrics are kept") },
	{ "keep_events", TOCSIN_DURATION, IN(conf, keep_events), "90d", DAY, 3660 * DAY, NULL,
		N_("How long it is kept what happened") },
	{ 0 },
};

static const char *const subjects[] = { "state-first", "stable", NULL };
static const char *const charts[] = { "none", "text", "png", NULL }; /* enum report_charts */

const struct tocsin_option conf_report_options[] = {
	{ "every", TOCSIN_DURATION, IN(conf, report_every), "24h", 0, 366 * DAY, NULL,
		N_("How often a status report is mailed; 0 for never") },
	{ "at", TOCSIN_LIST, IN(conf, report_at), NULL, 0, 0, NULL,
		N_("When a status report is mailed, instead of every: hours, behind days if not on every day") },
	{ "on_first_start", TOCSIN_BOOL, IN(conf, report_on_first_start), "yes", 0, 0, NULL,
		N_("Whether the very first start is mailed") },
	{ "charts", TOCSIN_CHOICE, IN(conf, report_charts), "png", 0, 0, charts,
		N_("How all mails show the past: not, in characters, or in pictures too") },
	{ "subject", TOCSIN_CHOICE, IN(conf, report_subject), "state-first", 0, 0, subjects,
		N_("What the subject of an alert tells: the state, or what is the same for all mails of an incident") },
	{ "subject_prefix", TOCSIN_STRING, IN(conf, report_subject_prefix), NULL, 0, 0, NULL,
		N_("What subjects begin with, by default [{host}]; also {state}, {time}, {version}") },
	{ "header", TOCSIN_STRING, IN(conf, report_header), NULL, 0, 0, NULL,
		N_("A sentence above all that a mail says, with the same places") },
	{ "footer", TOCSIN_STRING, IN(conf, report_footer), NULL, 0, 0, NULL, N_("A sentence below it") },
	{ 0 },
};

const struct tocsin_option conf_metrics_options[] = {
	{ "textfile", TOCSIN_PATH, IN(conf, metrics_textfile), NULL, 0, 0, NULL,
		N_("The file NAME.prom that is written for node_exporter") },
	{ "every", TOCSIN_DURATION, IN(conf, metrics_every), "15s", SEC, HOUR, NULL, N_("How often it is written") },
	{ 0 },
};

const struct tocsin_option conf_heartbeat_options[] = {
	{ "url", TOCSIN_STRING, IN(conf, heartbeat_url), NULL, 0, 0, NULL,
		N_("The URL that is asked for as a sign of life, with /fail behind it while something is CRITICAL") },
	{ "every", TOCSIN_DURATION, IN(conf, heartbeat_every), "1m", SEC, DAY, NULL, N_("How often") },
	{ 0 },
};

const struct tocsin_option conf_page_options[] = {
	{ "file", TOCSIN_PATH, IN(conf, page_file), NULL, 0, 0, NULL, N_("Where the page is written, an absolute path") },
	{ 0 },
};

/* The default of `interval` is that of [tocsin]. */
const struct tocsin_option conf_alert_options[] = {
	{ "interval", TOCSIN_DURATION, IN(conf_alert, interval), NULL, 100 * MSEC, 7 * DAY, NULL,
		N_("How often the check looks") },
	{ "retry_interval", TOCSIN_DURATION, IN(conf_alert, retry_interval), "20s", 100 * MSEC, DAY, NULL,
		N_("How often it looks while a fault or a recovery is being confirmed; never less often than interval") },
	{ "confirm", TOCSIN_INT, IN(conf_alert, confirm), "3", 1, 100, NULL, N_("Bad results in a row before an alert") },
	{ "recover", TOCSIN_INT, IN(conf_alert, recover), "5", 1, 100, NULL,
		N_("Good results in a row before a recovery") },
	{ "unknown_confirm", TOCSIN_INT, IN(conf_alert, unknown_confirm), "5", 1, 100, NULL,
		N_("Looks in a row that failed before that is mailed") },
	{ "grace", TOCSIN_DURATION, IN(conf_alert, grace), "0", 0, DAY, NULL,
		N_("How long a bad state must last before an alert") },
	{ "hysteresis", TOCSIN_PERCENT, IN(conf_alert, hysteresis), "10%", 0, 100, NULL,
		N_("How far a value must be clear of a limit that it was past, in percent of the limit, before it counts as good") },
	{ "hysteresis_points", TOCSIN_NUMBER, IN(conf_alert, hysteresis_points), NULL, 0, 100, NULL,
		N_("The same for values in percent: no more than so many points; 0: no such bound") },
	{ "flap_count", TOCSIN_INT, IN(conf_alert, flap_count), "5", 0, ALERT_CHANGES_MAX, NULL,
		N_("Changes within flap_window that make an item unstable: it is not mailed until it is steady; 0 for never") },
	{ "flap_window", TOCSIN_DURATION, IN(conf_alert, flap_window), "3h", SEC, 7 * DAY, NULL,
		N_("The time within which changes are counted for that") },
	{ "flap_quiet", TOCSIN_DURATION, IN(conf_alert, flap_quiet), "2h", SEC, 7 * DAY, NULL,
		N_("How long an unstable item must not have changed to be steady again") },
	{ "remind_critical", TOCSIN_STRING, IN(conf_alert, remind_critical), "4h 12h 36h", 0, 0, NULL,
		N_("The ages of a CRITICAL problem at which it is mailed again; the last distance goes on; or none") },
	{ "remind_warning", TOCSIN_STRING, IN(conf_alert, remind_warning), "1d 2d 3d 4d 5d 6d 7d 14d", 0, 0, NULL,
		N_("The same for WARNING and UNKNOWN") },
	{ "quiet_hours", TOCSIN_LIST, IN(conf_alert, quiet_hours), NULL, 0, 0, NULL,
		N_("Windows of the week in which only CRITICAL is mailed; the rest waits for their end; or none") },
	{ "maintenance", TOCSIN_LIST, IN(conf_alert, maintenance), NULL, 0, 0, NULL,
		N_("Windows of the week in which nothing is mailed but what still lasts at their end; or none") },
	{ "forget", TOCSIN_DURATION, IN(conf_alert, forget), "7d", SEC, 366 * DAY, NULL,
		N_("How long an item is kept that its check no longer reports") },
	{ 0 },
};

/* What is about mails, and not about the item that they tell of. */
const struct tocsin_option conf_alert_only_options[] = {
	{ "group_wait", TOCSIN_DURATION, IN(conf_alert, group_wait), "2s", 0, HOUR, NULL,
		N_("How long the first event of a quiet host waits for others to share its mail") },
	{ "group_second", TOCSIN_DURATION, IN(conf_alert, group_second), "30s", 0, DAY, NULL,
		N_("How long the second mail waits after the first") },
	{ "group_interval", TOCSIN_DURATION, IN(conf_alert, group_interval), "5m", 0, DAY, NULL,
		N_("How long each further mail waits after the one before") },
	{ "max_per_hour", TOCSIN_INT, IN(conf_alert, max_per_hour), "10", 0, GROUP_SENT_MAX, NULL,
		N_("Alert mails to one recipient in an hour; what is over it is collected; 0: no limit") },
	{ "max_per_day", TOCSIN_INT, IN(conf_alert, max_per_day), "50", 0, GROUP_SENT_MAX, NULL,
		N_("Alert mails to one recipient in a day; what is over it is collected; 0: no limit") },
	{ "give_up", TOCSIN_DURATION, IN(conf_alert, give_up), "5d", SEC, 30 * DAY, NULL,
		N_("How long a mail is tried that cannot be delivered") },
	{ 0 },
};

const struct tocsin_option conf_check_options[] = {
	{ "type", TOCSIN_STRING, IN(conf_check, module), NULL, 0, 0, NULL, N_("The check module") },
	{ "timeout", TOCSIN_DURATION, IN(conf_check, timeout), "10s", 100 * MSEC, HOUR, NULL,
		N_("How long the whole check may take") },
	{ "depends", TOCSIN_LIST, IN(conf_check, alert.depends), NULL, 0, 0, NULL,
		N_("Checks without which this one cannot be good: while one of them is bad, this one is not mailed by itself") },
	{ 0 },
};

static const char *const minima[] = { "warning", "critical", NULL };

const struct tocsin_option conf_recipient_options[] = {
	{ "to", TOCSIN_LIST, IN(conf_recipient, to), NULL, 0, 0, NULL, N_("Who gets the mails") },
	{ "minimum", TOCSIN_CHOICE, IN(conf_recipient, minimum), "warning", 0, 0, minima,
		N_("How bad a problem must be or have been to be mailed") },
	{ "checks", TOCSIN_LIST, IN(conf_recipient, checks), NULL, 0, 0, NULL,
		N_("Wildcards for the checks that are mailed, CHECK or CHECK/ITEM; without any, all of them") },
	{ "quiet_hours", TOCSIN_LIST, IN(conf_recipient, quiet_hours), NULL, 0, 0, NULL,
		N_("Windows of the week in which only CRITICAL is mailed; the rest waits for their end; or none") },
	{ "reports", TOCSIN_BOOL, IN(conf_recipient, reports), "yes", 0, 0, NULL, N_("Whether status reports are mailed too") },
	{ "escalate_after", TOCSIN_DURATION, IN(conf_recipient, escalate_after), "0", 0, 30 * DAY, NULL,
		N_("Mail only problems that nobody has acknowledged for so long; 0: all of them at once") },
	{ 0 },
};

const struct conf_flag conf_flags[] = {
	{ TOCSIN_CHECK_SLOW, "slow", IN(conf_module, is_slow) },
	{ TOCSIN_CHECK_EVENT, "event", IN(conf_module, is_event) },
	{ TOCSIN_CHECK_STEADY, "steady", IN(conf_module, is_steady) },
	{ 0 },
};

static const char *const securities[] = {
	[CONF_TLS] = "tls", [CONF_STARTTLS] = "starttls", [CONF_NONE] = "none", NULL,
};

#define MAIL_STRING(key, help) { #key, TOCSIN_STRING, IN(conf_mail, key), NULL, 0, 0, NULL, help }
#define MAIL_PATH(key, help) { #key, TOCSIN_PATH, IN(conf_mail, key), NULL, 0, 0, NULL, help }

const struct tocsin_option conf_mail_options[] = {
	MAIL_STRING(provider, N_("Sets server, port and security of a known mail service")),
	MAIL_STRING(server, N_("The mail server that takes the mails")),
	{ "port", TOCSIN_INT, IN(conf_mail, port), NULL, 1, 65535, NULL, N_("Its port") },
	{ "security", TOCSIN_CHOICE, IN(conf_mail, security), "tls", 0, 0, securities, N_("How the connection is encrypted") },
	MAIL_STRING(username, N_("The login, for most services the whole mail address")),
	MAIL_PATH(password_file, N_("The file whose first line is the password or authorization code")),
	MAIL_STRING(password_command, N_("A command that prints the password")),
	MAIL_STRING(credential, N_("The systemd credential that holds the password")),
	MAIL_STRING(token_command, N_("A command that prints an OAuth 2 access token")),
	{ "auth", TOCSIN_STRING, IN(conf_mail, auth), "auto", 0, 0, NULL, N_("The way to log in: auto or one mechanism") },
	MAIL_STRING(from, N_("The sender's address; the username if that is one")),
	MAIL_STRING(from_name, N_("The sender's name")),
	{ "to", TOCSIN_LIST, IN(conf_mail, to), NULL, 0, 0, NULL, N_("Who gets the mails") },
	MAIL_STRING(hello, N_("How this host calls itself to the server")),
	MAIL_STRING(source_address, N_("The local address that connections come from")),
	MAIL_PATH(tls_ca_file, N_("Certificates to trust instead of the system's")),
	MAIL_STRING(tls_pin, N_("The server's key, instead of trust in its issuer")),
	MAIL_PATH(tls_cert_file, N_("The certificate that this host shows")),
	MAIL_PATH(tls_key_file, N_("The key of that certificate")),
	{ "timeout", TOCSIN_DURATION, IN(conf_mail, timeout), "30s", SEC, HOUR, NULL, N_("How long to wait for each answer") },
	{ "timeout_receipt", TOCSIN_DURATION, IN(conf_mail, timeout_receipt), "120s", SEC, HOUR, NULL,
		N_("How long to wait for the receipt of a mail") },
	{ "deadline", TOCSIN_DURATION, IN(conf_mail, deadline), "5m", SEC, DAY, NULL,
		N_("How long one submission may take") },
	{ "min_rate", TOCSIN_SIZE, IN(conf_mail, min_rate), "100", 0, 1 << 30, NULL,
		N_("Bytes a second below which a connection counts as dead") },
	{ "allow_plaintext", TOCSIN_BOOL, IN(conf_mail, allow_plaintext), "no", 0, 0, NULL,
		N_("Whether mails may leave this host without encryption") },
	{ 0 },
};

static const struct conf_kind kinds[] = {
	{ "tocsin", CONF_NEVER_NAMED, conf_tocsin_options, NULL, false, N_("The host") },
	{ "mail", CONF_MAY_BE_NAMED, conf_mail_options, NULL, false, N_("How mail leaves") },
	{ "report", CONF_NEVER_NAMED, conf_report_options, NULL, false, N_("The status report") },
	{ "metrics", CONF_NEVER_NAMED, conf_metrics_options, NULL, false, N_("What Prometheus is told") },
	{ "heartbeat", CONF_NEVER_NAMED, conf_heartbeat_options, NULL, false, N_("Who misses this host when it is down") },
	{ "page", CONF_NEVER_NAMED, conf_page_options, NULL, false, N_("The status page, a file for a web server") },
	{ "alert", CONF_NEVER_NAMED, conf_alert_only_options, conf_alert_options, false, N_("When a result becomes a mail") },
	{ "recipient", CONF_ALWAYS_NAMED, conf_recipient_options, NULL, false, N_("Who gets which mails") },
	{ "check", CONF_ALWAYS_NAMED, conf_check_options, conf_alert_options, true, N_("What is watched") },
};

size_t conf_kinds(const struct conf_kind **ret)
{
	*ret = kinds;
	return ELEMENTS(kinds);
}

const struct conf_kind *conf_kind_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const struct tocsin_option *conf_kind_option(const struct conf_kind *kind, const char *key)
{
	const struct tocsin_option *option = option_find(kind->options, key);

	return option ? option : option_find(kind->more, key);
}

bool conf_is_check_key(const char *key)
{
	return conf_kind_option(conf_kind_find("check"), key) || option_find(conf_alert_only_options, key);
}

size_t conf_kind_keys(const struct conf_kind *kind, const char **ret_names, size_t max)
{
	size_t n = 0;

	for (const struct tocsin_option *o = kind->options; o->name && n < max; o++)
		ret_names[n++] = o->name;
	for (const struct tocsin_option *o = kind->more; o && o->name && n < max; o++)
		ret_names[n++] = o->name;
	return n;
}

const char *conf_nearest_check_key(const char *key)
{
	const char *names[CONF_KEYS_MAX];
	size_t n = conf_kind_keys(conf_kind_find("check"), names, ELEMENTS(names));

	return text_nearest(key, names, n);
}

void conf_kinds_with(const char *key, const struct conf_kind *kind, struct buf *b)
{
	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (&kinds[i] != kind && conf_kind_option(&kinds[i], key))
			buf_printf(b, "%s[%s%s]", b->len ? C_("between sections", " and ") : "", kinds[i].name,
				kinds[i].naming == CONF_ALWAYS_NAMED ? " NAME" : "");
}

/* One word of [A-Za-z0-9._-]: it stands in subjects, file names and on command lines. */
bool conf_is_name(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len <= CONF_NAME_MAX && name[len] == '\0';
}

static void put_unknown_section(const char *section, struct buf *b)
{
	_cleanup_buf_ struct buf shown = BUF(1000);
	const char *names[ELEMENTS(kinds)];

	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		names[i] = kinds[i].name;
	const char *nearest = text_nearest(section, names, ELEMENTS(kinds));
	text_clean(&shown, section, 60);
	if (nearest)
		buf_printf(b, _("unknown section [%s]: did you mean [%s]?"), buf_text(&shown), nearest);
	else
		buf_printf(b,
			_("unknown section [%s]: expected [tocsin], [mail], [report], [metrics], [heartbeat], [page], [alert], "
			  "[recipient NAME] or [check NAME]"),
			buf_text(&shown));
}

bool conf_section_is_valid(const char *section, const char *name, struct buf *b)
{
	const struct conf_kind *kind = conf_kind_find(section);
	_cleanup_buf_ struct buf shown = BUF(1000);

	if (!kind) {
		put_unknown_section(section, b);
	} else if (!*name && kind->naming == CONF_ALWAYS_NAMED) {
		buf_printf(b, _("[%s] has no name: expected [%s NAME]"), section, section);
	} else if (*name && kind->naming == CONF_NEVER_NAMED) {
		buf_printf(b, _("[%s] takes no name: expected [%s]"), section, section);
	} else if (*name && !conf_is_name(name)) {
		text_clean(&shown, name, 60);
		buf_printf(b, _("'%s' is no NAME for [%s NAME]: expected 1 to %d letters, digits, '.', '_' or '-'"),
			buf_text(&shown), section, CONF_NAME_MAX);
	} else {
		return true;
	}
	return false;
}

int conf_option_try(const struct tocsin_option *option, const char *value, char **ret_error)
{
	struct tocsin_option there = *option;
	union {
		struct tocsin_limit limit;
		struct tocsin_list list;
		const char *text;
		int64_t number;
		double fraction;
	} scratch = { 0 };

	there.offset = 0;
	int r = option_set(&there, &scratch, value, ret_error);
	option_free((const struct tocsin_option[]){ there, { 0 } }, &scratch);
	return r;
}
