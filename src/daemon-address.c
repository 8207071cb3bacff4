/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The address that each relay was reached at last: told by tocsin-mail, kept with the state, and told to every mailer
 * that gets work, for a time when no resolver answers (law 2). Nothing is resolved or connected here. */
#include "daemon.h"

#include "units.h"

#include <string.h>

#define META "address " /* and the relay's name; the value is "SERVER ADDRESS" */

struct relay_address {
	struct relay_address *next;
	char *relay, *server, *address;
};

static void address_free(struct relay_address *a)
{
	free(a->relay);
	free(a->server);
	free(a->address);
	free(a);
}

static const struct conf_mail *find_relay(const struct daemon *d, const char *relay)
{
	for (size_t i = 0; i < d->conf->n_mails; i++)
		if (strcmp(d->conf->mails[i].name, relay) == 0)
			return &d->conf->mails[i];
	return NULL;
}

/* Takes it over if it is about a relay of the configuration. Returns what is new, or NULL. So there are never more of
 * them than there were relays. */
static struct relay_address *remember(struct daemon *d, const char *relay, const char *server, const char *address)
{
	const struct conf_mail *c = find_relay(d, relay);
	struct relay_address **at = &d->addresses;

	if (!c || strcmp(c->server, server) != 0 || !is_ip_address(address))
		return NULL;
	while (*at && strcmp((*at)->relay, relay) != 0)
		at = &(*at)->next;
	if (*at && strcmp((*at)->server, server) == 0 && strcmp((*at)->address, address) == 0)
		return NULL;
	struct relay_address *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	*fresh = (struct relay_address){ .relay = strdup(relay), .server = strdup(server), .address = strdup(address) };
	if (!fresh->relay || !fresh->server || !fresh->address) {
		address_free(fresh);
		return NULL;
	}
	if (*at) {
		fresh->next = (*at)->next;
		address_free(*at);
	}
	*at = fresh;
	return fresh;
}

static void put(struct daemon *d, const struct relay_address *a)
{
	_cleanup_buf_ struct buf name = BUF(1000), value = BUF(1000);

	buf_printf(&name, META "%s", a->relay);
	buf_printf(&value, "%s %s", a->server, a->address);
	if (!buf_error(&name) && !buf_error(&value))
		state_put_fact(d, buf_text(&name), buf_text(&value));
}

void address_told(struct daemon *d, const char *relay, const char *server, const char *address)
{
	const struct relay_address *fresh = remember(d, relay, server, address);

	if (fresh)
		put(d, fresh);
}

bool address_load(struct daemon *d, const char *name, const char *value)
{
	size_t len = strlen(META);
	const char *space = strchr(value, ' ');

	if (strncmp(name, META, len) != 0)
		return false;
	_cleanup_free_ char *server = space ? strndup(value, (size_t)(space - value)) : NULL;
	for (const struct relay_address *a = d->addresses; a; a = a->next)
		if (strcmp(a->relay, name + len) == 0)
			return true; /* a late store: what was told since is newer */
	if (server)
		remember(d, name + len, server, space + 1);
	return true;
}

void address_put_all(struct daemon *d)
{
	for (const struct relay_address *a = d->addresses; a; a = a->next)
		put(d, a);
}

void address_send_all(const struct daemon *d, struct helper *h)
{
	for (const struct relay_address *a = d->addresses; a; a = a->next)
		helper_send(h, MSG_SETTING, "address", a->relay, a->server, a->address, "default", "0");
}

void address_free_all(struct daemon *d)
{
	while (d->addresses) {
		struct relay_address *next = d->addresses->next;

		address_free(d->addresses);
		d->addresses = next;
	}
}
