/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: from files to settings, from settings to structs.
 *
 *   conf_read():  tocsin.conf and conf.d → struct conf_settings, each with file:line; every problem is collected.
 *                 Touches the disk: the loop never calls it. tocsin-check --config does, and `tocsin` for its language.
 *   conf_build(): settings → struct conf. Pure; the daemon, the mailer and the command line call it.
 *
 * Sections and their keys are tables (conf.c). In [check NAME] the keys of [alert] may be set too, and whatever
 * remains belongs to the module. */
#pragma once

#include "alert.h"
#include "calendar.h"
#include "cleanup.h"
#include "tocsin-check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One `key = value`. A repeated key of a list is several settings. */
struct conf_setting {
	char *section; /* "tocsin", "mail", "check" … */
	char *name; /* of the section: "root" in [check root], "" in [tocsin] */
	char *key, *value;
	char *file; /* "default" when no file says it */
	unsigned line;
};

struct conf_settings {
	struct conf_setting *items; /* in the order of the files */
	size_t n;
};

struct conf_problem {
	bool is_error; /* else a warning */
	char *file;
	unsigned line; /* 0: the file as a whole */
	char *text;
};

struct conf_problems {
	struct conf_problem *items;
	size_t n, n_errors;
};

#define CONF_PROBLEMS_MAX 1000 /* further ones are counted, and one line says that they are not shown */

/* Adds a copy. -ENOMEM. */
int conf_add_setting(struct conf_settings *s, const char *section, const char *name, const char *key,
	const char *value, const char *file, unsigned line);
int conf_add_problem(struct conf_problems *p, bool is_error, const char *file, unsigned line, const char *format,
	...) _printf_(5, 6);

void conf_settings_free(struct conf_settings *s);
void conf_problems_free(struct conf_problems *p);

/* Reads PATH and then the *.conf files in DROPIN_DIRECTORY (NULL or missing: none), in byte order of their names. A
 * later file replaces scalar keys, and the first occurrence of a list key in it replaces the whole list. Goes on
 * after errors, so that one run reports all. A missing PATH is an error. Returns 0, or -ENOMEM. */
int conf_read(const char *path, const char *dropin_directory, struct conf_settings *s, struct conf_problems *p);

/* The language that these files want is used from now on (language.h): English when they want none; the one in use stays
 * when they want one that there is not, or cannot be read. All else in them is not looked at. For who has to speak before
 * it knows the configuration. -ENOMEM. */
int conf_use_language(const char *path, const char *dropin_directory);

/* The same for settings that were read. */
int conf_settings_use_language(const struct conf_settings *s);

enum conf_security { CONF_TLS, CONF_STARTTLS, CONF_NONE };

/* One relay: [mail] or [mail NAME]. */
struct conf_mail {
	char *name; /* "" for [mail] */
	const char *provider; /* key of the table in provider.c; sets server, port and security unless given */
	const char *server;
	int64_t port; /* given, from provider, else 465 (tls), 587 (starttls), 25 (none) */
	int security; /* enum conf_security */
	const char *username;
	const char *password_file, *password_command, *credential, *token_command;
	const char *auth; /* "auto" or a mechanism's name */
	const char *from; /* default: the username if it is an address */
	const char *from_name;
	struct tocsin_list to;
	const char *hello, *source_address;
	const char *tls_ca_file, *tls_pin, *tls_cert_file, *tls_key_file;
	int64_t timeout, timeout_receipt, deadline; /* µs */
	int64_t min_rate; /* bytes a second */
	bool allow_plaintext;
};

/* [alert], and the same keys in [check NAME]: all that one policy says. Times in µs. retry_interval is never more than
 * interval. For modules with is_event, confirm is 1 unless the check's own section says otherwise; recover is 1 and grace
 * 5 s unless that or [alert] does. */
struct conf_alert {
	int64_t interval, retry_interval;
	int64_t confirm, recover, unknown_confirm; /* results */
	int64_t grace; /* a bad state must also last this long */
	int64_t group_wait, group_second, group_interval;
	int64_t give_up; /* a mail that cannot be delivered */
	int64_t forget; /* an item that is no longer reported */
	double hysteresis; /* percent of a limit by which a value must be clear of it before it counts as good again */
	double hysteresis_points; /* for values in percent: no more than so many points; 0: no such bound. Default 2 for
	                           * modules with is_steady unless [alert] or the check sets hysteresis or this one */
	int64_t flap_count; /* confirmed changes; 0: never unstable */
	int64_t flap_window, flap_quiet;
	const char *remind_critical, *remind_warning; /* as written: "4h 12h 36h", "none" */
	struct alert_ages remind_critical_ages, remind_warning_ages; /* the same, parsed */
	int64_t max_per_hour, max_per_day; /* alert mails to one recipient; only in [alert] */
	struct tocsin_list depends; /* names of checks; only in [check NAME] */
	struct tocsin_list quiet_hours, maintenance; /* as written */
	struct calendar_windows quiet, maintained; /* the same, parsed */
};

/* Who gets which mails: [recipient NAME]. The addresses of all [mail] sections together are one with the name "mail",
 * which stands first, if there are any. */
struct conf_recipient {
	char *name;
	struct tocsin_list to;
	int minimum; /* index of "warning" (0: WARNING and UNKNOWN too), "critical" (1) */
	struct tocsin_list checks; /* globs over CHECK and CHECK/ITEM; none: all */
	struct tocsin_list quiet_hours;
	struct calendar_windows quiet;
	bool reports; /* status reports too */
	int64_t escalate_after; /* only what nobody has acknowledged for so long; 0: everything at once */
	char *file;
	unsigned line;
};

#define CONF_RECIPIENTS_MAX 64
#define CONF_RECIPIENT_MAIL "mail"

struct conf_check {
	char *name;
	char *module; /* the `type` key */
	int64_t timeout; /* µs, for the whole check */
	bool is_slow, is_event, is_steady; /* from MSG_MODULE */
	struct conf_alert alert; /* [alert], overridden by the section's own keys */
	struct conf_setting *options; /* of the module; owned */
	size_t n_options;
	char *file; /* of the section's first setting */
	unsigned line;
};

struct conf {
	/* [tocsin] */
	const char *host;
	int language; /* index in language_names */
	int64_t interval;
	int64_t keep_samples, keep_events; /* µs: how long the state file keeps values of metrics, and what happened */
	/* [report] */
	int64_t report_every; /* 0: no reports */
	struct tocsin_list report_at; /* as written; replaces report_every */
	struct calendar_moments report_moments; /* the same, parsed */
	bool report_on_first_start; /* "monitoring started" */
	int report_charts; /* enum report_charts */
	int report_subject; /* index of "state-first" (0), "stable" (1) */
	const char *report_subject_prefix, *report_header, *report_footer; /* templates (template.h), or NULL */
	/* [page] */
	const char *page_file; /* NULL: there is none */

	/* [metrics], [heartbeat] */
	const char *metrics_textfile; /* NULL: none */
	int64_t metrics_every;
	const char *heartbeat_url; /* NULL: none */
	int64_t heartbeat_every;

	struct conf_alert alert; /* [alert] */
	struct conf_mail *mails; /* in the order in which they are tried */
	size_t n_mails;
	struct conf_recipient *recipients; /* "mail" first, then in the order of the files */
	size_t n_recipients;
	struct conf_check *checks; /* in the order of the files */
	size_t n_checks;
};

/* What the module of a check says of itself (MSG_MODULE). */
struct conf_module {
	const char *name;
	bool is_slow, is_event, is_steady;
};

/* Builds a configuration. MODULES may be NULL; then options of modules are taken as they are and nothing is known
 * of slow or event. Every problem goes to P; *ret_conf is set (free by conf_free()) when there was no error. The
 * host defaults to gethostname(). Returns 0, or -EINVAL: P has errors, or -ENOMEM. */
int conf_build(const struct conf_settings *s, const struct conf_module *modules, size_t n_modules,
	struct conf_problems *p, struct conf **ret_conf);

struct conf *conf_free(struct conf *c);

/* Is KEY of [check NAME] one of ours (type, timeout, the keys of [alert]), rather than an option of the module? */
bool conf_is_check_key(const char *key);

/* The one of these that is most like KEY, or NULL: for "did you mean". */
const char *conf_nearest_check_key(const char *key);

/* The values in force that the settings leave out (what a provider or an event-like module brings included), as
 * further settings with file "default", for `tocsin config`. Those of module options are added by the caller, who
 * knows their tables. -EINVAL: the settings have errors; nothing was added. -ENOMEM. */
int conf_add_defaults(struct conf_settings *s, const struct conf_module *modules, size_t n_modules);
