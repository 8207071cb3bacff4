/* SPDX-License-Identifier: GPL-3.0-or-later */
/* [recipient NAME]: who gets which mails; and "mail", who is named in [mail]. Part of conf_build(). */
#include "conf-work.h"
#include "mime.h"
#include "option.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool list_has(const struct tocsin_list *list, const char *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcasecmp(list->items[i], address) == 0)
			return true;
	return false;
}

static int add_recipient(
	struct conf *c, const char *name, const struct conf_setting *place, struct conf_recipient **ret)
{
	int r = conf_grow(&c->recipients, c->n_recipients, sizeof(*c->recipients));

	if (r < 0)
		return r;
	struct conf_recipient *recipient = &c->recipients[c->n_recipients++];
	*recipient = (struct conf_recipient){ .name = strdup(name), .file = strdup(place->file), .line = place->line };
	if (!recipient->name || !recipient->file)
		return -ENOMEM;
	*ret = recipient;
	return option_set_defaults(conf_recipient_options, recipient, NULL);
}

/* One list of all addresses in [mail] and [mail NAME]: through which relay a mail goes has nothing to do with who gets
 * it. */
static int build_mail_recipient(struct conf_work *w)
{
	const struct tocsin_option *to = option_find(conf_recipient_options, "to");
	const struct conf *c = w->conf;
	struct conf_recipient *recipient = NULL;
	int r = 0;

	for (size_t i = 0; i < c->n_mails; i++) {
		const struct conf_mail *m = &c->mails[i];

		if (m->to.n > 0 && !recipient)
			r = add_recipient(
				w->conf, CONF_RECIPIENT_MAIL, conf_place_of(w, "mail", m->name, "to"), &recipient);
		for (size_t k = 0; r == 0 && k < m->to.n; k++) {
			_cleanup_free_ char *error = NULL;

			if (!list_has(&recipient->to, m->to.items[k]))
				r = option_set(to, recipient, m->to.items[k], &error);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static struct conf_recipient *find_recipient(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_recipients; i++)
		if (strcmp(c->recipients[i].name, name) == 0)
			return &c->recipients[i];
	return NULL;
}

/* The recipient of setting S, a new one for the first of its section; NULL where there may be none: that is told. */
static int recipient_of(struct conf_work *w, const struct conf_setting *s, struct conf_recipient **ret)
{
	const bool is_first = conf_find_setting(w->settings, 0, s->section, s->name, NULL) == s;

	*ret = NULL;
	if (strcmp(s->name, CONF_RECIPIENT_MAIL) == 0 && is_first)
		return error_at(w, s,
			"[recipient mail] is the name of those in [mail], who get every mail: expected another name; "
			"for fewer mails, move them from there");
	if (strcmp(s->name, CONF_RECIPIENT_MAIL) == 0)
		return 0;
	*ret = find_recipient(w->conf, s->name);
	if (*ret || !is_first)
		return 0;
	if (w->conf->n_recipients < CONF_RECIPIENTS_MAX)
		return add_recipient(w->conf, s->name, s, ret);
	if (find_recipient(w->conf, CONF_RECIPIENT_MAIL))
		return error_at(w, s, "there are too many recipients: expected at most %d with those in [mail]",
			CONF_RECIPIENTS_MAX);
	return error_at(w, s, "there are too many recipients: expected at most %d", CONF_RECIPIENTS_MAX);
}

static int build_sections(struct conf_work *w)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->settings->n; i++) {
		const struct conf_setting *s = &w->settings->items[i];
		struct conf_recipient *recipient;

		if (strcmp(s->section, "recipient") != 0)
			continue;
		r = recipient_of(w, s, &recipient);
		if (r == 0 && recipient)
			r = conf_apply(w, conf_recipient_options, recipient, s);
	}
	return r;
}

/* Can GLOB match CHECK, or CHECK/ITEM for any item? Looks only at what stands before the first wildcard. */
static bool may_match(const char *glob, const char *check)
{
	size_t literal = strcspn(glob, "*?[\\"), len = strlen(check);

	if (strncmp(glob, check, literal < len ? literal : len) != 0)
		return false;
	if (glob[literal] == '\0')
		return literal == len || (literal > len && glob[len] == '/');
	return literal <= len || glob[len] == '/';
}

static int check_globs(struct conf_work *w, const struct conf_recipient *recipient)
{
	const struct conf *c = w->conf;
	int r = 0;

	for (size_t i = 0; r == 0 && i < recipient->checks.n; i++) {
		const char *glob = recipient->checks.items[i];
		_cleanup_free_ char *shown = text_cleaned(glob, 60);
		size_t k = 0;

		if (!shown)
			return -ENOMEM;
		while (k < c->n_checks && !may_match(glob, c->checks[k].name))
			k++;
		if (k == c->n_checks)
			r = warning_at(w, conf_place_of_item(w, "recipient", recipient->name, "checks", glob),
				"checks: '%s' matches no check", shown);
	}
	return r;
}

static int check_recipient(struct conf_work *w, struct conf_recipient *recipient)
{
	int r = 0;

	if (!conf_find_setting(w->settings, 0, "recipient", recipient->name, "to"))
		r = conf_add_problem(w->problems, true, recipient->file, recipient->line,
			"[recipient %s] has no address: expected a line like to = ops@example.org", recipient->name);
	if (r == 0)
		r = conf_check_addresses(w, "recipient", recipient->name);
	if (r == 0)
		r = conf_build_windows(
			w, "recipient", recipient->name, "quiet_hours", &recipient->quiet_hours, &recipient->quiet);
	return r < 0 ? r : check_globs(w, recipient);
}

/* Without a way to send, or nobody to send to, the daemon still watches and says so in its status. */
static int check_mail_is_possible(struct conf_work *w)
{
	const struct conf *c = w->conf;
	size_t at_once = 0;

	if (w->problems->n_errors > 0) /* perhaps that is why */
		return 0;
	if (c->n_mails == 0)
		return conf_add_problem(w->problems, false, w->settings->n ? w->settings->items[0].file : "tocsin.conf", 0,
			"there is no [mail] section, so no mail will be sent: run tocsin setup, or add one with provider or server, and to");
	if (c->n_recipients == 0)
		return warning_at(w, conf_place_of(w, "mail", c->mails[0].name, NULL),
			"nobody is named in [mail] or in a [recipient NAME], so no mail will be sent: add to = ADDRESS");
	for (size_t i = 0; i < c->n_recipients; i++)
		at_once += c->recipients[i].escalate_after == 0;
	if (at_once == 0)
		return warning_at(w, conf_place_of(w, "recipient", c->recipients[0].name, "escalate_after"),
			"nobody is told at once: each recipient has an escalate_after");
	return 0;
}

int conf_build_recipients(struct conf_work *w)
{
	int r = build_mail_recipient(w);

	if (r == 0)
		r = build_sections(w);
	for (size_t i = 0; r == 0 && i < w->conf->n_recipients; i++)
		if (strcmp(w->conf->recipients[i].name, CONF_RECIPIENT_MAIL) != 0)
			r = check_recipient(w, &w->conf->recipients[i]);
	return r < 0 ? r : check_mail_is_possible(w);
}
