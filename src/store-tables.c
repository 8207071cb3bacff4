/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the state file, known to the daemon (which fills them) and to store.c (which stores them). */
#include "store.h"

#include <string.h>

const struct store_table store_tables[] = {
	{ "meta", 1, 2, { "name", "value" } },
	{ "item", 2, 8, { "check_name", "item", "module", "alert", "result", "thread", "stands_in", "absent_since" } },
	{ "event", 1, 11,
		{ "number", "event", "check_name", "item", "from_state", "to_state", "time_usec", "since_usec", "incident",
			"text", "mail_id" } },
	{ "mail", 1, 7, { "id", "subject", "sender", "content", "queued_usec", "attempts", "next_try_usec" } },
	{ "recipient", 2, 4, { "mail_id", "address", "fate", "answer" } },
	{ "memory", 2, 4, { "check_name", "name", "value", "time_usec" } },
};

const size_t store_n_tables = ELEMENTS(store_tables);

const struct store_table *store_find_table(const char *name)
{
	for (size_t i = 0; i < store_n_tables; i++)
		if (strcmp(store_tables[i].name, name) == 0)
			return &store_tables[i];
	return NULL;
}
