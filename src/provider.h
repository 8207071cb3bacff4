/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known about well-known mail services: two constant tables. Where the settings are, and what their
 * refusals mean. Each row names its source and date and says how much it is worth, see the top of provider.c. */
#pragma once

#include "smtp.h"

#include <stddef.h>
#include <stdint.h>

struct provider {
	const char *name; /* key of `provider =` */
	const char *server;
	uint16_t port;
	enum smtp_security security;
	const char *domains; /* of its addresses, comma separated */
	const char *servers; /* further host names of the same service, comma separated, "*.x" for all below; or "" */
	const char *login; /* what password and user name are: one sentence, to be looked up (translate.h) */
	const char *source; /* where it stands, when it was read */
};

/* The service called NAME, or NULL. */
const struct provider *provider_find(const char *name);

/* The service that SERVER (a host name) belongs to, or NULL. */
const struct provider *provider_of_server(const char *server);

/* Row I, or NULL behind the last: for messages, completion and the manual. */
const struct provider *provider_get(size_t i);

struct provider_advice {
	const char *provider; /* NULL: any service */
	int code; /* reply code; 0: any */
	const char *enhanced; /* enhanced status code; NULL: any */
	const char *pattern; /* part of the server's text, in any case of letters; NULL: any */
	const char *advice; /* one sentence, to be looked up (translate.h) */
	int64_t pause_usec; /* not to be tried sooner; 0: no opinion */
	const char *source;
};

/* The first row that fits a refusal, or NULL. PROVIDER may be NULL: then only rows for any service fit. */
const struct provider_advice *provider_advise(const struct provider *provider, int code, const char *enhanced,
	const char *text);

/* Row I, or NULL behind the last: for tests. */
const struct provider_advice *provider_advice_get(size_t i);
