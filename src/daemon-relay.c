/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the mailers have learned of each relay, told to every mailer that gets work, because the next one is another
 * process. The address that it was reached at last, for a time when no resolver answers (law 2), is kept with the state.
 * Until when its account is to be spared is not: who starts the daemon again has mended something, or so we hope. */
#include "daemon.h"

#include "units.h"

#include <inttypes.h>
#include <string.h>

#define META "address " /* and the relay's name; the value is "SERVER ADDRESS" */

struct relay_address {
	struct relay_address *next;
	char *relay, *server, *address;
};

struct relay_pause {
	struct relay_pause *next;
	char *relay, *server, *why;
	int64_t until_usec; /* boottime */
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

static void address_told(struct daemon *d, const char *relay, const char *server, const char *address)
{
	const struct relay_address *fresh = remember(d, relay, server, address);

	if (fresh)
		put(d, fresh);
}

bool relay_load(struct daemon *d, const char *name, const char *value)
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

void relay_put_all(struct daemon *d)
{
	for (const struct relay_address *a = d->addresses; a; a = a->next)
		put(d, a);
}

static void address_send_all(const struct daemon *d, struct helper *h)
{
	for (const struct relay_address *a = d->addresses; a; a = a->next)
		helper_send(h, MSG_SETTING, "address", a->relay, a->server, a->address, "default", "0");
}

static void address_free_all(struct daemon *d)
{
	while (d->addresses) {
		struct relay_address *next = d->addresses->next;

		address_free(d->addresses);
		d->addresses = next;
	}
}

/* ---- accounts that are spared ---- */

static void pause_free(struct relay_pause *p)
{
	free(p->relay);
	free(p->server);
	free(p->why);
	free(p);
}

static void pause_told(struct daemon *d, const char *relay, const char *server, int64_t until_usec, const char *why)
{
	const struct conf_mail *c = find_relay(d, relay);
	struct relay_pause **at = &d->pauses;

	if (!c || strcmp(c->server, server) != 0)
		return;
	while (*at && strcmp((*at)->relay, relay) != 0)
		at = &(*at)->next;
	if (*at) {
		struct relay_pause *gone = *at;

		*at = gone->next;
		pause_free(gone);
	}
	struct relay_pause *fresh = until_usec > 0 ? calloc(1, sizeof(*fresh)) : NULL;
	if (!fresh)
		return;
	*fresh = (struct relay_pause){ .next = d->pauses, .relay = strdup(relay), .server = strdup(server),
		.why = strdup(why), .until_usec = until_usec };
	if (!fresh->relay || !fresh->server || !fresh->why)
		pause_free(fresh);
	else
		d->pauses = fresh;
}

static void pause_send_all(const struct daemon *d, struct helper *h)
{
	char until[24];

	for (const struct relay_pause *p = d->pauses; p; p = p->next) {
		snprintf(until, sizeof(until), "%" PRId64, p->until_usec);
		helper_send(h, MSG_SETTING, "spared", p->relay, p->server, until, p->why, "0");
	}
}

void relay_forget_pauses(struct daemon *d)
{
	while (d->pauses) {
		struct relay_pause *next = d->pauses->next;

		pause_free(d->pauses);
		d->pauses = next;
	}
}

/* ---- both ---- */

void relay_told(struct daemon *d, const struct msg *m)
{
	int64_t until;

	if (strcmp(m->field[0], "address") == 0)
		address_told(d, m->field[1], m->field[2], m->field[3]);
	else if (strcmp(m->field[0], "spared") == 0 && msg_number(m, 3, &until) == 0)
		pause_told(d, m->field[1], m->field[2], until, m->field[4]);
}

void relay_send_all(const struct daemon *d, struct helper *h)
{
	address_send_all(d, h);
	pause_send_all(d, h);
}

void relay_clock_set(struct daemon *d, int64_t delta_usec)
{
	for (struct relay_pause *p = d->pauses; p; p = p->next)
		p->until_usec = usec_add(p->until_usec, delta_usec);
}

void relay_free_all(struct daemon *d)
{
	address_free_all(d);
	relay_forget_pauses(d);
}
