/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From settings to struct conf; see conf.h. The tables below are all that is known of sections and keys: a new key
 * is a member, a row and a test. Reads no file (conf-read.c does) and loads no module. */
#include "conf.h"

#include "clock.h"
#include "conf-table.h"
#include "option.h"
#include "provider.h"
#include "text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define PROBLEM_MAX 4096

#define MSEC USEC_PER_MSEC
#define SEC USEC_PER_SEC
#define MINUTE USEC_PER_MINUTE
#define HOUR USEC_PER_HOUR
#define DAY USEC_PER_DAY

#define IN(type, member) offsetof(struct type, member)

static const struct tocsin_option tocsin_options[] = {
	{ "host", TOCSIN_STRING, IN(conf, host), NULL, 0, 0, NULL, "How mails call this host" },
	{ "language", TOCSIN_STRING, IN(conf, language), NULL, 0, 0, NULL, "The language of mails, like zh_CN" },
	{ "interval", TOCSIN_DURATION, IN(conf, interval), "60s", 100 * MSEC, 7 * DAY, NULL,
		"How often each check looks, unless [alert] or the check says otherwise" },
	{ 0 },
};

static const struct tocsin_option report_options[] = {
	{ "every", TOCSIN_DURATION, IN(conf, report_every), "24h", 0, 366 * DAY, NULL,
		"How often a status report is mailed; 0 for never" },
	{ "on_first_start", TOCSIN_BOOL, IN(conf, report_on_first_start), "yes", 0, 0, NULL,
		"Whether the very first start is mailed" },
	{ 0 },
};

/* The default of `interval` is that of [tocsin]. */
static const struct tocsin_option alert_options[] = {
	{ "interval", TOCSIN_DURATION, IN(conf_alert, interval), NULL, 100 * MSEC, 7 * DAY, NULL,
		"How often the check looks" },
	{ "retry_interval", TOCSIN_DURATION, IN(conf_alert, retry_interval), "20s", 100 * MSEC, DAY, NULL,
		"How often it looks while a fault or a recovery is being confirmed; never less often than interval" },
	{ "confirm", TOCSIN_INT, IN(conf_alert, confirm), "3", 1, 100, NULL, "Bad results in a row before an alert" },
	{ "recover", TOCSIN_INT, IN(conf_alert, recover), "5", 1, 100, NULL,
		"Good results in a row before a recovery" },
	{ "unknown_confirm", TOCSIN_INT, IN(conf_alert, unknown_confirm), "5", 1, 100, NULL,
		"Looks in a row that failed before that is mailed" },
	{ "grace", TOCSIN_DURATION, IN(conf_alert, grace), "0", 0, DAY, NULL,
		"How long a bad state must last before an alert" },
	{ "group_wait", TOCSIN_DURATION, IN(conf_alert, group_wait), "2s", 0, HOUR, NULL,
		"How long the first event of a quiet host waits for others to share its mail" },
	{ "group_second", TOCSIN_DURATION, IN(conf_alert, group_second), "30s", 0, DAY, NULL,
		"How long the second mail waits after the first" },
	{ "group_interval", TOCSIN_DURATION, IN(conf_alert, group_interval), "5m", 0, DAY, NULL,
		"How long each further mail waits after the one before" },
	{ "give_up", TOCSIN_DURATION, IN(conf_alert, give_up), "5d", SEC, 30 * DAY, NULL,
		"How long a mail is tried that cannot be delivered" },
	{ "forget", TOCSIN_DURATION, IN(conf_alert, forget), "7d", SEC, 366 * DAY, NULL,
		"How long an item is kept that its check no longer reports" },
	{ 0 },
};

static const struct tocsin_option check_options[] = {
	{ "type", TOCSIN_STRING, IN(conf_check, module), NULL, 0, 0, NULL, "The check module" },
	{ "timeout", TOCSIN_DURATION, IN(conf_check, timeout), "10s", 100 * MSEC, HOUR, NULL,
		"How long the whole check may take" },
	{ 0 },
};

static const char *const securities[] = {
	[CONF_TLS] = "tls", [CONF_STARTTLS] = "starttls", [CONF_NONE] = "none", NULL,
};

#define MAIL_STRING(key, help) { #key, TOCSIN_STRING, IN(conf_mail, key), NULL, 0, 0, NULL, help }
#define MAIL_PATH(key, help) { #key, TOCSIN_PATH, IN(conf_mail, key), NULL, 0, 0, NULL, help }

static const struct tocsin_option mail_options[] = {
	MAIL_STRING(provider, "Sets server, port and security of a known mail service"),
	MAIL_STRING(server, "The mail server that takes the mails"),
	{ "port", TOCSIN_INT, IN(conf_mail, port), NULL, 1, 65535, NULL, "Its port" },
	{ "security", TOCSIN_CHOICE, IN(conf_mail, security), "tls", 0, 0, securities, "How the connection is encrypted" },
	MAIL_STRING(username, "The login, for most services the whole mail address"),
	MAIL_PATH(password_file, "The file whose first line is the password or authorization code"),
	MAIL_STRING(password_command, "A command that prints the password"),
	MAIL_STRING(credential, "The systemd credential that holds the password"),
	MAIL_STRING(token_command, "A command that prints an OAuth 2 access token"),
	{ "auth", TOCSIN_STRING, IN(conf_mail, auth), "auto", 0, 0, NULL, "The way to log in: auto or one mechanism" },
	MAIL_STRING(from, "The sender's address; the username if that is one"),
	MAIL_STRING(from_name, "The sender's name"),
	{ "to", TOCSIN_LIST, IN(conf_mail, to), NULL, 0, 0, NULL, "Who gets the mails" },
	MAIL_STRING(hello, "How this host calls itself to the server"),
	MAIL_STRING(source_address, "The local address that connections come from"),
	MAIL_PATH(tls_ca_file, "Certificates to trust instead of the system's"),
	MAIL_STRING(tls_pin, "The server's key, instead of trust in its issuer"),
	MAIL_PATH(tls_cert_file, "The certificate that this host shows"),
	MAIL_PATH(tls_key_file, "The key of that certificate"),
	{ "timeout", TOCSIN_DURATION, IN(conf_mail, timeout), "30s", SEC, HOUR, NULL, "How long to wait for each answer" },
	{ "timeout_receipt", TOCSIN_DURATION, IN(conf_mail, timeout_receipt), "120s", SEC, HOUR, NULL,
		"How long to wait for the receipt of a mail" },
	{ "deadline", TOCSIN_DURATION, IN(conf_mail, deadline), "5m", SEC, DAY, NULL,
		"How long one submission may take" },
	{ "min_rate", TOCSIN_SIZE, IN(conf_mail, min_rate), "100", 0, 1 << 30, NULL,
		"Bytes a second below which a connection counts as dead" },
	{ "allow_plaintext", TOCSIN_BOOL, IN(conf_mail, allow_plaintext), "no", 0, 0, NULL,
		"Whether mails may leave this host without encryption" },
	{ 0 },
};

static const struct conf_kind kinds[] = {
	{ "tocsin", CONF_NEVER_NAMED, tocsin_options, NULL, false },
	{ "mail", CONF_MAY_BE_NAMED, mail_options, NULL, false },
	{ "report", CONF_NEVER_NAMED, report_options, NULL, false },
	{ "alert", CONF_NEVER_NAMED, alert_options, NULL, false },
	{ "check", CONF_ALWAYS_NAMED, check_options, alert_options, true },
};

/* Keys that somebody will try, and what to write instead. */
static const struct {
	const char *section, *key, *advice;
} refused[] = {
	{ "mail", "password", "a password does not belong into this file, which others may read and backups copy: put it "
		"into a file of its own and name that as password_file = /etc/tocsin/mail-password, or use credential" },
};

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
	return conf_kind_option(conf_kind_find("check"), key);
}

const char *conf_nearest_check_key(const char *key)
{
	const struct conf_kind *kind = conf_kind_find("check");
	const char *names[64];
	size_t n = 0;

	for (const struct tocsin_option *o = kind->options; o->name; o++)
		names[n++] = o->name;
	for (const struct tocsin_option *o = kind->more; o->name; o++)
		names[n++] = o->name;
	return text_nearest(key, names, n);
}

/* One word of [A-Za-z0-9._-]: it stands in subjects, file names and on command lines. */
static bool is_name(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len <= CONF_NAME_MAX && name[len] == '\0';
}

static void put_unknown_section(const char *section, struct buf *b)
{
	const char *names[ELEMENTS(kinds)];

	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		names[i] = kinds[i].name;
	const char *nearest = text_nearest(section, names, ELEMENTS(kinds));
	buf_puts(b, "unknown section [");
	text_clean(b, section, 60);
	if (nearest)
		buf_printf(b, "]: did you mean [%s]?", nearest);
	else
		buf_puts(b, "]: expected [tocsin], [mail], [report], [alert] or [check NAME]");
}

bool conf_section_is_valid(const char *section, const char *name, struct buf *b)
{
	const struct conf_kind *kind = conf_kind_find(section);

	if (!kind) {
		put_unknown_section(section, b);
	} else if (!*name && kind->naming == CONF_ALWAYS_NAMED) {
		buf_printf(b, "[%s] has no name: expected [%s NAME]", section, section);
	} else if (*name && kind->naming == CONF_NEVER_NAMED) {
		buf_printf(b, "[%s] takes no name: expected [%s]", section, section);
	} else if (*name && !is_name(name)) {
		buf_puts(b, "'");
		text_clean(b, name, 60);
		buf_printf(b, "' is no NAME for [%s NAME]: expected 1 to %d letters, digits, '.', '_' or '-'", section,
			CONF_NAME_MAX);
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

/* Doubles the room of an array each time its number is a power of two. */
static int grow(void *items, size_t n, size_t size)
{
	void **array = items;

	if ((n & (n - 1)) == 0) {
		void *larger = realloc(*array, (n ? n * 2 : 1) * size);

		if (!larger)
			return -ENOMEM;
		*array = larger;
	}
	return 0;
}

void conf_setting_clear(struct conf_setting *s)
{
	free(s->section);
	free(s->name);
	free(s->key);
	free(s->value);
	free(s->file);
	*s = (struct conf_setting){ 0 };
}

static int setting_copy(const struct conf_setting *s, struct conf_setting *ret)
{
	struct conf_setting copy = {
		.section = strdup(s->section), .name = strdup(s->name), .key = strdup(s->key),
		.value = strdup(s->value), .file = strdup(s->file), .line = s->line,
	};

	if (!copy.section || !copy.name || !copy.key || !copy.value || !copy.file) {
		conf_setting_clear(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

int conf_add_setting(struct conf_settings *s, const char *section, const char *name, const char *key,
	const char *value, const char *file, unsigned line)
{
	const struct conf_setting setting = { (char *)section, (char *)name, (char *)key, (char *)value, (char *)file, line };

	int r = grow(&s->items, s->n, sizeof(*s->items));
	if (r == 0)
		r = setting_copy(&setting, &s->items[s->n]);
	if (r == 0)
		s->n++;
	return r;
}

int conf_add_problem(struct conf_problems *p, bool is_error, const char *file, unsigned line, const char *format, ...)
{
	_cleanup_buf_ struct buf b = BUF(PROBLEM_MAX);
	va_list arguments;

	p->n_errors += is_error;
	if (p->n > CONF_PROBLEMS_MAX)
		return 0;
	int r = grow(&p->items, p->n, sizeof(*p->items));
	if (r < 0)
		return r;
	va_start(arguments, format);
	if (p->n < CONF_PROBLEMS_MAX)
		buf_vprintf(&b, format, arguments);
	else
		buf_puts(&b, "there are too many problems: this and further ones are not shown");
	va_end(arguments);
	char *text = buf_take(&b), *copy = strdup(file);
	if (!text || !copy) {
		free(text);
		free(copy);
		return -ENOMEM;
	}
	p->items[p->n++] = (struct conf_problem){ .is_error = is_error, .file = copy, .line = line, .text = text };
	return 0;
}

void conf_settings_free(struct conf_settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		conf_setting_clear(&s->items[i]);
	free(s->items);
	*s = (struct conf_settings){ 0 };
}

void conf_problems_free(struct conf_problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].file);
		free(p->items[i].text);
	}
	free(p->items);
	*p = (struct conf_problems){ 0 };
}

struct build {
	const struct conf_settings *settings;
	const struct conf_module *modules;
	size_t n_modules;
	struct conf_problems *problems;
	struct conf *conf;
};

#define error_at(build, setting, ...)                                                                        \
	conf_add_problem((build)->problems, true, (setting)->file, (setting)->line, __VA_ARGS__)
#define warning_at(build, setting, ...)                                                                      \
	conf_add_problem((build)->problems, false, (setting)->file, (setting)->line, __VA_ARGS__)

static bool is_in_section(const struct conf_setting *s, const char *section, const char *name)
{
	return strcmp(s->section, section) == 0 && strcmp(s->name, name) == 0;
}

/* The first setting of KEY in a section, KEY NULL: of any key; from number FIRST on. */
static const struct conf_setting *find_setting(
	const struct conf_settings *s, size_t first, const char *section, const char *name, const char *key)
{
	for (size_t i = first; i < s->n; i++)
		if (is_in_section(&s->items[i], section, name) && (!key || strcmp(s->items[i].key, key) == 0))
			return &s->items[i];
	return NULL;
}

/* Where to point when KEY is wrong or missing. */
static const struct conf_setting *place_of(const struct build *b, const char *section, const char *name, const char *key)
{
	const struct conf_setting *s = find_setting(b->settings, 0, section, name, key);

	return s ? s : find_setting(b->settings, 0, section, name, NULL);
}

static const struct conf_setting *mail_place(const struct build *b, const struct conf_mail *m, const char *key)
{
	return place_of(b, "mail", m->name, key);
}

static int report_refused(struct build *b, const struct conf_setting *s, bool *ret_done)
{
	for (size_t i = 0; i < ELEMENTS(refused); i++) {
		if (strcmp(refused[i].section, s->section) == 0 && strcmp(refused[i].key, s->key) == 0) {
			*ret_done = true;
			return error_at(b, s, "%s", refused[i].advice);
		}
	}
	return 0;
}

static int report_unknown_key(struct build *b, const struct tocsin_option *options, const struct conf_setting *s)
{
	_cleanup_buf_ struct buf expected = BUF(PROBLEM_MAX / 2);
	_cleanup_free_ char *key = text_cleaned(s->key, 60);
	const char *names[64];
	bool done = false;
	size_t n = 0;

	int r = report_refused(b, s, &done);
	if (r < 0 || done)
		return r;
	for (; options[n].name && n < ELEMENTS(names); n++) {
		names[n] = options[n].name;
		buf_printf(&expected, "%s%s", n ? ", " : "", names[n]);
	}
	if (!key)
		return -ENOMEM;
	const char *nearest = text_nearest(s->key, names, n);
	if (nearest)
		return error_at(b, s, "unknown key '%s' in [%s]: did you mean %s?", key, s->section, nearest);
	return error_at(b, s, "unknown key '%s' in [%s]: expected one of %s", key, s->section, buf_text(&expected));
}

/* Sets the member of OPTION in BASE; a wrong value is a problem and leaves the default. */
static int apply(struct build *b, const struct tocsin_option *option, void *base, const struct conf_setting *s)
{
	_cleanup_free_ char *error = NULL;
	int r = option_set(option, base, s->value, &error);

	if (r < 0 && error)
		return error_at(b, s, "%s: %s", s->key, error);
	return r;
}

static int apply_or_report(
	struct build *b, const struct tocsin_option *options, void *base, const struct conf_setting *s)
{
	const struct tocsin_option *option = option_find(options, s->key);

	return option ? apply(b, option, base, s) : report_unknown_key(b, options, s);
}

/* [tocsin], [report] and [alert]: the sections that every check builds on. */
static int build_plain_sections(struct build *b)
{
	struct conf *c = b->conf;
	const struct {
		const char *section;
		const struct tocsin_option *options;
		void *base;
	} plain[] = {
		{ "tocsin", tocsin_options, c }, { "report", report_options, c }, { "alert", alert_options, &c->alert },
	};

	for (size_t k = 0; k < ELEMENTS(plain); k++) {
		int r = option_set_defaults(plain[k].options, plain[k].base, NULL);

		for (size_t i = 0; r == 0 && i < b->settings->n; i++) {
			const struct conf_setting *s = &b->settings->items[i];

			if (strcmp(s->section, plain[k].section) == 0)
				r = apply_or_report(b, plain[k].options, plain[k].base, s);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* What conf_read() has refused cannot be here, unless whoever sent the settings is broken. */
static int check_sections(struct build *b)
{
	for (size_t i = 0; i < b->settings->n; i++) {
		_cleanup_buf_ struct buf text = BUF(PROBLEM_MAX / 2);
		const struct conf_setting *s = &b->settings->items[i];

		if (conf_section_is_valid(s->section, s->name, &text))
			continue;
		int r = error_at(b, s, "%s", buf_text(&text));
		if (r < 0)
			return r;
	}
	return 0;
}

/* Characters of a host name, and not too many; Internet addresses in brackets are for EHLO only. */
static bool is_host(const char *host)
{
	size_t len = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len < 254 && host[len] == '\0';
}

static int build_host(struct build *b)
{
	char host[HOST_NAME_MAX + 1] = "";
	struct conf *c = b->conf;

	if (c->host && !is_host(c->host))
		return error_at(b, place_of(b, "tocsin", "", "host"),
			"host: expected a host name of letters, digits, '.', '_' and '-', like web1.example.org");
	if (c->host)
		return 0;
	gethostname(host, sizeof(host) - 1);
	c->host = strdup(is_host(host) ? host : "localhost");
	return c->host ? 0 : -ENOMEM;
}

static int build_general(struct build *b)
{
	struct conf *c = b->conf;

	if (c->alert.interval == 0)
		c->alert.interval = c->interval;
	int r = build_host(b);
	if (r == 0 && c->report_every > 0 && c->report_every < SEC)
		r = error_at(b, place_of(b, "report", "", "every"), "every: expected 0 for no reports, or at least 1s");
	return r;
}

/* A mailbox as a person writes it into a file. mime_is_address() knows the whole grammar; quoted local parts and
 * address literals are not needed here. */
static bool is_address(const char *text)
{
	const char *at = strchr(text, '@');

	for (const char *t = text; *t; t++)
		if ((unsigned char)*t <= ' ' || *t == 0x7f || strchr("<>,;:\"()", *t))
			return false;
	return at && at != text && at - text <= 64 && at[1] && !strchr(at + 1, '@') && strlen(text) <= 254;
}

static int report_unknown_provider(struct build *b, const struct conf_setting *s)
{
	_cleanup_buf_ struct buf known = BUF(PROBLEM_MAX / 2), value = BUF(PROBLEM_MAX / 2);
	const char *names[256];
	size_t n = 0;

	for (; n < ELEMENTS(names) && provider_get(n); n++) {
		names[n] = provider_get(n)->name;
		buf_printf(&known, "%s%s", n ? ", " : "", names[n]);
	}
	const char *nearest = text_nearest(s->value, names, n);
	text_clean(&value, s->value, 60);
	if (nearest)
		return error_at(b, s, "provider: '%s' is not known: did you mean %s?", buf_text(&value), nearest);
	return error_at(b, s, "provider: '%s' is not known: expected one of %s; for any other service write server = HOST",
		buf_text(&value), buf_text(&known));
}

/* Server, port and security of the provider, before the section's own keys override them. */
static int apply_provider(struct build *b, const struct conf_setting *s, struct conf_mail *m)
{
	const struct provider *provider = provider_find(s->value);

	if (!provider)
		return report_unknown_provider(b, s);
	m->server = strdup(provider->server);
	m->port = provider->port;
	m->security = (int)provider->security;
	return m->server ? 0 : -ENOMEM;
}

static_assert((int)CONF_TLS == (int)SMTP_TLS && (int)CONF_STARTTLS == (int)SMTP_STARTTLS &&
	(int)CONF_NONE == (int)SMTP_PLAIN, "provider.c and conf.h count in the same order");

/* A new relay for the section that begins with setting FIRST. */
static int add_mail(struct build *b, size_t first, struct conf_mail **ret)
{
	const char *name = b->settings->items[first].name;
	const struct conf_setting *provider = find_setting(b->settings, first, "mail", name, "provider");
	struct conf *c = b->conf;

	int r = grow(&c->mails, c->n_mails, sizeof(*c->mails));
	if (r < 0)
		return r;
	struct conf_mail *m = &c->mails[c->n_mails];
	*m = (struct conf_mail){ .name = strdup(name) };
	if (!m->name)
		return -ENOMEM;
	c->n_mails++;
	*ret = m;
	r = option_set_defaults(mail_options, m, NULL);
	if (r == 0 && provider)
		r = apply_provider(b, provider, m);
	return r;
}

static int build_mail_sections(struct build *b)
{
	struct conf *c = b->conf;
	struct conf_mail *m = NULL;

	for (size_t i = 0; i < b->settings->n; i++) {
		const struct conf_setting *s = &b->settings->items[i];
		int r = 0;

		if (strcmp(s->section, "mail") != 0)
			continue;
		if (!m || strcmp(m->name, s->name) != 0) {
			m = NULL;
			for (size_t k = 0; k < c->n_mails && !m; k++)
				if (strcmp(c->mails[k].name, s->name) == 0)
					m = &c->mails[k];
			if (!m)
				r = add_mail(b, i, &m);
		}
		if (r == 0)
			r = apply_or_report(b, mail_options, m, s);
		if (r < 0)
			return r;
	}
	return 0;
}

/* [mail] is tried first, wherever it stands. */
static void put_unnamed_mail_first(struct conf *c)
{
	for (size_t i = 1; i < c->n_mails; i++) {
		if (*c->mails[i].name == '\0') {
			struct conf_mail first = c->mails[i];

			memmove(&c->mails[1], &c->mails[0], i * sizeof(first));
			c->mails[0] = first;
		}
	}
}

static int check_server(struct build *b, struct conf_mail *m)
{
	const struct provider *provider = m->provider ? provider_find(m->provider) : NULL;
	static const int ports[] = { [CONF_TLS] = 465, [CONF_STARTTLS] = 587, [CONF_NONE] = 25 };

	if (!m->server && m->provider) /* which is not known: said already */
		return 0;
	if (!m->server)
		return error_at(b, mail_place(b, m, NULL),
			"this section names no server: expected provider = NAME, or server = HOST");
	if (strpbrk(m->server, " \t/@"))
		return error_at(b, mail_place(b, m, "server"),
			"server: expected a host name or an address, like smtp.example.org");
	/* Other security than the provider's, but no port: then its port is of no use either. */
	if (provider && m->security != (int)provider->security && !find_setting(b->settings, 0, "mail", m->name, "port"))
		m->port = 0;
	if (m->port == 0)
		m->port = ports[m->security];
	if (m->port == ports[CONF_STARTTLS] && m->security == CONF_TLS)
		return warning_at(b, mail_place(b, m, "port"),
			"servers expect security = starttls on port 587, and tls on port 465");
	return 0;
}

/* Who the mails come from. A from that is not the login is what most consumer services refuse. */
static int check_from(struct build *b, struct conf_mail *m)
{
	bool login_is_address = m->username && is_address(m->username);

	if (!m->from && login_is_address) {
		m->from = strdup(m->username);
		return m->from ? 0 : -ENOMEM;
	}
	if (!m->from)
		return error_at(b, mail_place(b, m, "username"), "from is required%s: expected from = ADDRESS",
			m->username ? ", since the username is no mail address" : "");
	if (!is_address(m->from))
		return error_at(b, mail_place(b, m, "from"), "from: expected one mail address, like tocsin@example.org");
	if (login_is_address && strcasecmp(m->from, m->username) != 0)
		return warning_at(b, mail_place(b, m, "from"),
			"from differs from the username; many services refuse such mails: leave it out if yours does");
	return 0;
}

static int check_recipients(struct build *b, struct conf_mail *m)
{
	const struct conf_settings *all = b->settings;

	for (size_t i = 0; i < all->n; i++) {
		const struct conf_setting *s = &all->items[i];

		if (!is_in_section(s, "mail", m->name) || strcmp(s->key, "to") != 0 || is_address(s->value) ||
			!*s->value /* told already */)
			continue;
		int r = error_at(b, s, "to: expected one mail address, like ops@example.org; for more, repeat the line");
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_secret(struct build *b, struct conf_mail *m)
{
	static const char *const keys[] = { "password_file", "password_command", "credential", "token_command" };
	const char *key = NULL;

	/* By the settings, not the members: a value that was refused is not missing besides. */
	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		if (!find_setting(b->settings, 0, "mail", m->name, keys[i]))
			continue;
		if (key)
			return error_at(b, mail_place(b, m, keys[i]), "%s and %s are both given: expected one of them",
				key, keys[i]);
		key = keys[i];
	}
	if (key && !m->username)
		return error_at(b, mail_place(b, m, key), "%s is given, but no username: expected username = LOGIN", key);
	if (m->username && !key && !m->tls_cert_file && !find_setting(b->settings, 0, "mail", m->name, "password"))
		return warning_at(b, mail_place(b, m, "username"),
			"there is a username, but nothing says its password: add password_file or credential");
	return 0;
}

/* Only a warning, because a name that stands for this very host is known when it is resolved. */
static int check_plaintext(struct build *b, struct conf_mail *m)
{
	if (m->security != CONF_NONE || m->allow_plaintext || !m->server || strcmp(m->server, "localhost") == 0 ||
		strcmp(m->server, "::1") == 0 || strncmp(m->server, "127.", 4) == 0)
		return 0;
	return warning_at(b, mail_place(b, m, "security"),
		"security = none sends mails only to this host itself: use tls or starttls, or allow_plaintext = yes "
		"where nobody can listen");
}

/* RFC 4422, 3.1: 1 to 20 letters, digits, hyphens and underscores. Which ones there are is for the mailer to say. */
static bool is_mechanism(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || text[len] == '-' || text[len] == '_')
		len++;
	return len > 0 && len <= 20 && text[len] == '\0';
}

static int check_mail_details(struct build *b, struct conf_mail *m)
{
	if (!is_mechanism(m->auth))
		return error_at(b, mail_place(b, m, "auth"), "auth: expected auto, or a mechanism like plain or login");
	if (m->tls_key_file && !m->tls_cert_file)
		return error_at(b, mail_place(b, m, "tls_key_file"), "tls_key_file is given, but no tls_cert_file");
	if (m->hello && strpbrk(m->hello, " \t<>@"))
		return error_at(b, mail_place(b, m, "hello"),
			"hello: expected a host name or an address in brackets, like [192.0.2.1]");
	return 0;
}

static int check_mail(struct build *b, struct conf_mail *m)
{
	static int (*const checks[])(struct build *, struct conf_mail *) = {
		check_server, check_from, check_recipients, check_secret, check_plaintext, check_mail_details,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(checks); i++)
		r = checks[i](b, m);
	return r;
}

/* Without a way to send, or nobody to send to, the daemon still watches and says so in its status. */
static int check_mail_is_possible(struct build *b)
{
	const struct conf *c = b->conf;
	size_t recipients = 0;

	if (b->problems->n_errors > 0) /* perhaps that is why */
		return 0;
	for (size_t i = 0; i < c->n_mails; i++)
		recipients += c->mails[i].to.n;
	if (c->n_mails == 0)
		return conf_add_problem(b->problems, false, b->settings->n ? b->settings->items[0].file : "tocsin.conf", 0,
			"there is no [mail] section, so no mail will be sent: add one with provider or server, and to");
	if (recipients == 0)
		return warning_at(b, mail_place(b, &c->mails[0], NULL),
			"nobody is named in [mail], so no mail will be sent: add to = ADDRESS");
	return 0;
}

static int build_mails(struct build *b)
{
	int r = build_mail_sections(b);

	if (r < 0)
		return r;
	put_unnamed_mail_first(b->conf);
	for (size_t i = 0; r == 0 && i < b->conf->n_mails; i++)
		r = check_mail(b, &b->conf->mails[i]);
	return r < 0 ? r : check_mail_is_possible(b);
}

static const struct conf_module *find_module(const struct build *b, const char *name)
{
	for (size_t i = 0; i < b->n_modules; i++)
		if (strcmp(b->modules[i].name, name) == 0)
			return &b->modules[i];
	return NULL;
}

static bool alert_sets(const struct build *b, const char *key)
{
	return find_setting(b->settings, 0, "alert", "", key);
}

/* What its section does not set: [alert]. For events there is nothing to confirm, so there a general `confirm` does
 * not apply; the other two are only other defaults. */
static void set_check_defaults(const struct build *b, struct conf_check *check, const char *module_name)
{
	const struct conf_module *module = module_name ? find_module(b, module_name) : NULL;

	check->alert = b->conf->alert;
	if (!module)
		return;
	check->is_slow = module->is_slow;
	check->is_event = module->is_event;
	if (module->is_event) {
		check->alert.confirm = 1;
		if (!alert_sets(b, "recover"))
			check->alert.recover = 1;
		if (!alert_sets(b, "grace"))
			check->alert.grace = 5 * SEC;
	}
}

/* A new check for the section that begins with setting FIRST. */
static int add_check(struct build *b, size_t first, struct conf_check **ret)
{
	const struct conf_setting *s = &b->settings->items[first];
	const struct conf_setting *type = find_setting(b->settings, first, "check", s->name, "type");
	struct conf *c = b->conf;

	int r = grow(&c->checks, c->n_checks, sizeof(*c->checks));
	if (r < 0)
		return r;
	struct conf_check *check = &c->checks[c->n_checks++];
	*check = (struct conf_check){ .name = strdup(s->name), .file = strdup(s->file), .line = s->line };
	if (!check->name || !check->file)
		return -ENOMEM;
	set_check_defaults(b, check, type ? type->value : NULL);
	*ret = check;
	return option_set_defaults(check_options, check, NULL);
}

static int add_module_option(struct conf_check *check, const struct conf_setting *s)
{
	int r = grow(&check->options, check->n_options, sizeof(*check->options));

	if (r == 0)
		r = setting_copy(s, &check->options[check->n_options]);
	if (r == 0)
		check->n_options++;
	return r;
}

static int apply_to_check(struct build *b, struct conf_check *check, const struct conf_setting *s)
{
	const struct tocsin_option *option = option_find(check_options, s->key);

	if (option)
		return apply(b, option, check, s);
	option = option_find(alert_options, s->key);
	if (option)
		return apply(b, option, &check->alert, s);
	return add_module_option(check, s);
}

static int build_check_sections(struct build *b)
{
	struct conf *c = b->conf;
	struct conf_check *check = NULL;

	for (size_t i = 0; i < b->settings->n; i++) {
		const struct conf_setting *s = &b->settings->items[i];
		int r = 0;

		if (strcmp(s->section, "check") != 0)
			continue;
		if (!check || strcmp(check->name, s->name) != 0) {
			check = NULL;
			for (size_t k = 0; k < c->n_checks && !check; k++)
				if (strcmp(c->checks[k].name, s->name) == 0)
					check = &c->checks[k];
			if (!check)
				r = add_check(b, i, &check);
		}
		if (r == 0)
			r = apply_to_check(b, check, s);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_module_name(const char *name)
{
	return is_name(name) && *name != '.';
}

/* A confirmation that looked less often than the ordinary check would make an alert later, not sooner. */
static void bound_retry(struct conf_alert *alert)
{
	if (alert->retry_interval > alert->interval)
		alert->retry_interval = alert->interval;
}

static int build_checks(struct build *b)
{
	struct conf *c = b->conf;
	int r = build_check_sections(b);

	bound_retry(&c->alert);
	for (size_t i = 0; r == 0 && i < c->n_checks; i++) {
		struct conf_check *check = &c->checks[i];

		bound_retry(&check->alert);
		if (!check->module)
			r = conf_add_problem(b->problems, true, check->file, check->line,
				"[check %s] has no type: expected a line like type = disk", check->name);
		else if (!is_module_name(check->module))
			r = error_at(b, place_of(b, "check", check->name, "type"),
				"type: expected the name of a check module, like disk");
	}
	return r;
}

int conf_build(const struct conf_settings *s, const struct conf_module *modules, size_t n_modules,
	struct conf_problems *p, struct conf **ret_conf)
{
	struct build b = { .settings = s, .modules = modules, .n_modules = n_modules, .problems = p };
	static int (*const steps[])(struct build *) = {
		check_sections, build_plain_sections, build_general, build_mails, build_checks,
	};
	int r = 0;

	b.conf = calloc(1, sizeof(*b.conf));
	if (!b.conf)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ELEMENTS(steps); i++)
		r = steps[i](&b);
	if (r == 0 && p->n_errors > 0)
		r = -EINVAL;
	if (r < 0) {
		conf_free(b.conf);
		return r;
	}
	*ret_conf = b.conf;
	return 0;
}

static void mail_clear(struct conf_mail *m)
{
	free(m->name);
	option_free(mail_options, m);
}

static void check_clear(struct conf_check *check)
{
	for (size_t i = 0; i < check->n_options; i++)
		conf_setting_clear(&check->options[i]);
	free(check->options);
	free(check->name);
	free(check->file);
	option_free(check_options, check);
}

struct conf *conf_free(struct conf *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_mails; i++)
		mail_clear(&c->mails[i]);
	for (size_t i = 0; i < c->n_checks; i++)
		check_clear(&c->checks[i]);
	free(c->mails);
	free(c->checks);
	option_free(tocsin_options, c);
	free(c);
	return NULL;
}

/* Adds the values in force of one section that its settings leave out, unless BESIDE has the same. */
static int add_section_defaults(struct conf_settings *s, const char *section, const char *name,
	const struct tocsin_option *options, const void *base, const void *beside)
{
	for (const struct tocsin_option *o = options; o->name; o++) {
		_cleanup_buf_ struct buf value = BUF(PROBLEM_MAX), other = BUF(PROBLEM_MAX);

		if (find_setting(s, 0, section, name, o->name))
			continue;
		option_format(o, base, &value);
		if (beside)
			option_format(o, beside, &other);
		if (value.len == 0 || (beside && strcmp(buf_text(&value), buf_text(&other)) == 0))
			continue;
		int r = conf_add_setting(s, section, name, o->name, buf_text(&value), "default", 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_defaults(struct conf_settings *s, const struct conf *c)
{
	int r = add_section_defaults(s, "tocsin", "", tocsin_options, c, NULL);

	if (r == 0)
		r = add_section_defaults(s, "report", "", report_options, c, NULL);
	if (r == 0)
		r = add_section_defaults(s, "alert", "", alert_options, &c->alert, NULL);
	for (size_t i = 0; r == 0 && i < c->n_mails; i++)
		r = add_section_defaults(s, "mail", c->mails[i].name, mail_options, &c->mails[i], NULL);
	for (size_t i = 0; r == 0 && i < c->n_checks; i++) {
		const struct conf_check *check = &c->checks[i];

		r = add_section_defaults(s, "check", check->name, check_options, check, NULL);
		if (r == 0)
			r = add_section_defaults(s, "check", check->name, alert_options, &check->alert, &c->alert);
	}
	return r;
}

int conf_add_defaults(struct conf_settings *s, const struct conf_module *modules, size_t n_modules)
{
	struct conf_problems ignored = { 0 };
	struct conf *c = NULL;
	int r = conf_build(s, modules, n_modules, &ignored, &c);

	if (r == 0)
		r = add_defaults(s, c);
	conf_free(c);
	conf_problems_free(&ignored);
	return r;
}
