/* SPDX-License-Identifier: GPL-3.0-or-later */
/* [mail] and [mail NAME]: relays, and what must hold between their keys. Part of conf_build(). */
#include "conf-work.h"
#include "mime.h"
#include "option.h"
#include "provider.h"
#include "text.h"
#include "units.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct conf_setting *mail_place(const struct conf_work *b, const struct conf_mail *m, const char *key)
{
	return conf_place_of(b, "mail", m->name, key);
}

static int report_unknown_provider(struct conf_work *b, const struct conf_setting *s)
{
	_cleanup_buf_ struct buf known = BUF(CONF_TEXT_MAX / 2), value = BUF(CONF_TEXT_MAX / 2);
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
static int apply_provider(struct conf_work *b, const struct conf_setting *s, struct conf_mail *m)
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
static int add_mail(struct conf_work *b, size_t first, struct conf_mail **ret)
{
	const char *name = b->settings->items[first].name;
	const struct conf_setting *provider = conf_find_setting(b->settings, first, "mail", name, "provider");
	struct conf *c = b->conf;

	int r = conf_grow(&c->mails, c->n_mails, sizeof(*c->mails));
	if (r < 0)
		return r;
	struct conf_mail *m = &c->mails[c->n_mails];
	*m = (struct conf_mail){ .name = strdup(name) };
	if (!m->name)
		return -ENOMEM;
	c->n_mails++;
	*ret = m;
	r = option_set_defaults(conf_mail_options, m, NULL);
	if (r == 0 && provider)
		r = apply_provider(b, provider, m);
	return r;
}

static int build_mail_sections(struct conf_work *b)
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
			r = conf_apply(b, conf_mail_options, m, s);
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

static int check_server(struct conf_work *b, struct conf_mail *m)
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
	if (provider && m->security != (int)provider->security && !conf_find_setting(b->settings, 0, "mail", m->name, "port"))
		m->port = 0;
	if (m->port == 0)
		m->port = ports[m->security];
	if (m->port == ports[CONF_STARTTLS] && m->security == CONF_TLS)
		return warning_at(b, mail_place(b, m, "port"),
			"servers expect security = starttls on port 587, and tls on port 465");
	return 0;
}

/* Who the mails come from. A from that is not the login is what most consumer services refuse. */
static int check_from(struct conf_work *b, struct conf_mail *m)
{
	bool login_is_address = m->username && mime_is_address(m->username);

	if (!m->from && login_is_address) {
		m->from = strdup(m->username);
		return m->from ? 0 : -ENOMEM;
	}
	if (!m->from && m->username)
		return error_at(b, mail_place(b, m, "username"),
			"from is required, since the username is no mail address: expected from = ADDRESS");
	if (!m->from)
		return error_at(b, mail_place(b, m, "username"), "from is required: expected from = ADDRESS");
	if (!mime_is_address(m->from))
		return error_at(b, mail_place(b, m, "from"), "from: expected one mail address, like tocsin@example.org");
	if (login_is_address && strcasecmp(m->from, m->username) != 0)
		return warning_at(b, mail_place(b, m, "from"),
			"from differs from the username; many services refuse such mails: leave it out if yours does");
	return 0;
}

int conf_check_addresses(struct conf_work *b, const char *section, const char *name)
{
	const struct conf_settings *all = b->settings;

	for (size_t i = 0; i < all->n; i++) {
		const struct conf_setting *s = &all->items[i];

		if (!conf_is_in_section(s, section, name) || strcmp(s->key, "to") != 0 || mime_is_address(s->value) ||
			!*s->value /* told already */)
			continue;
		int r = error_at(b, s, "to: expected one mail address, like ops@example.org; for more, repeat the line");
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_recipients(struct conf_work *b, struct conf_mail *m)
{
	return conf_check_addresses(b, "mail", m->name);
}

static int check_secret(struct conf_work *b, struct conf_mail *m)
{
	static const char *const keys[] = { "password_file", "password_command", "credential", "token_command" };
	const char *key = NULL;

	/* By the settings, not the members: a value that was refused is not missing besides. */
	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		if (!conf_find_setting(b->settings, 0, "mail", m->name, keys[i]))
			continue;
		if (key)
			return error_at(b, mail_place(b, m, keys[i]), "%s and %s are both given: expected one of them",
				key, keys[i]);
		key = keys[i];
	}
	if (key && !m->username)
		return error_at(b, mail_place(b, m, key), "%s is given, but no username: expected username = LOGIN", key);
	if (m->username && !key && !m->tls_cert_file && !conf_find_setting(b->settings, 0, "mail", m->name, "password"))
		return warning_at(b, mail_place(b, m, "username"),
			"there is a username, but nothing says its password: add password_file or credential");
	return 0;
}

/* Only a warning, because a name that stands for this very host is known when it is resolved. */
static int check_plaintext(struct conf_work *b, struct conf_mail *m)
{
	if (m->security != CONF_NONE || m->allow_plaintext || !m->server || strcmp(m->server, "localhost") == 0 ||
		strcmp(m->server, "::1") == 0 || strncmp(m->server, "127.", 4) == 0)
		return 0;
	return warning_at(b, mail_place(b, m, "security"),
		"security = none sends mails only to this host itself: use tls or starttls, or allow_plaintext = yes "
		"where nobody can listen");
}

/* sasl.c knows them too, but needs GnuTLS, which the daemon does not; test-conf.c compares the two. */
const char *const conf_mechanisms[] = {
	"auto", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2",
	"EXTERNAL", "PLAIN", "LOGIN", "CRAM-MD5", NULL,
};

static int check_auth(struct conf_work *b, struct conf_mail *m)
{
	_cleanup_buf_ struct buf value = BUF(CONF_TEXT_MAX / 2), known = BUF(CONF_TEXT_MAX / 2);
	char upper[32] = "";

	for (size_t i = 0; conf_mechanisms[i]; i++) {
		if (strcasecmp(conf_mechanisms[i], m->auth) == 0)
			return 0;
		buf_printf(&known, "%s%s", i ? ", " : "", conf_mechanisms[i]);
	}
	for (size_t i = 0; i < sizeof(upper) - 1 && m->auth[i]; i++)
		upper[i] = (char)toupper((unsigned char)m->auth[i]);
	const char *nearest = text_nearest(upper, conf_mechanisms, ELEMENTS(conf_mechanisms) - 1);
	text_clean(&value, m->auth, 60);
	if (nearest)
		return error_at(b, mail_place(b, m, "auth"), "auth: '%s' is not known: did you mean %s?", buf_text(&value),
			nearest);
	return error_at(b, mail_place(b, m, "auth"), "auth: '%s' is not known: expected one of %s", buf_text(&value),
		buf_text(&known));
}

static int check_hello(struct conf_work *b, struct conf_mail *m)
{
	if (!m->hello || smtp_is_hello(m->hello))
		return 0;
	return error_at(b, mail_place(b, m, "hello"),
		"hello: expected this host's full name, like web1.example.org, or its address in brackets, like [192.0.2.1] "
		"or [IPv6:2001:db8::1]");
}

static int check_source_address(struct conf_work *b, struct conf_mail *m)
{
	if (!m->source_address || is_ip_address(m->source_address))
		return 0;
	return error_at(b, mail_place(b, m, "source_address"),
		"source_address: expected an IP address of this host, like 192.0.2.1 or 2001:db8::1");
}

/* 32 bytes in base64 (RFC 4648, 4): 43 characters and one '='. */
static bool is_pin(const char *text)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (strncasecmp(text, "sha256:", 7) == 0)
		text += 7;
	else if (strncasecmp(text, "sha256//", 8) == 0)
		text += 8;
	else
		return false;
	return strspn(text, base64) == 43 && strcmp(text + 43, "=") == 0;
}

static int check_tls(struct conf_work *b, struct conf_mail *m)
{
	int r = 0;

	if (m->tls_pin && !is_pin(m->tls_pin))
		r = error_at(b, mail_place(b, m, "tls_pin"),
			"tls_pin: expected sha256: and 44 characters of base64, the hash of the server's public key; "
			"a refused certificate is reported with its pin");
	if (r == 0 && m->tls_key_file && !m->tls_cert_file)
		r = error_at(b, mail_place(b, m, "tls_key_file"), "tls_key_file is given, but no tls_cert_file");
	if (r == 0 && m->security == CONF_NONE && (m->tls_pin || m->tls_cert_file || m->tls_ca_file)) {
		const char *key = m->tls_pin ? "tls_pin" : m->tls_cert_file ? "tls_cert_file" : "tls_ca_file";

		r = warning_at(b, mail_place(b, m, key), "%s is of no use with security = none", key);
	}
	return r;
}

static int check_mail(struct conf_work *b, struct conf_mail *m)
{
	static int (*const checks[])(struct conf_work *, struct conf_mail *) = {
		check_server, check_from, check_recipients, check_secret, check_plaintext, check_auth, check_hello,
		check_source_address, check_tls,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(checks); i++)
		r = checks[i](b, m);
	return r;
}

int conf_build_mails(struct conf_work *b)
{
	int r = build_mail_sections(b);

	if (r < 0)
		return r;
	put_unnamed_mail_first(b->conf);
	for (size_t i = 0; r == 0 && i < b->conf->n_mails; i++)
		r = check_mail(b, &b->conf->mails[i]);
	return r;
}
