/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the state file, known to the daemon (which fills them) and to store.c (which stores them). */
#include "store.h"

#include <string.h>

/* So many at most come back at a start, besides those that somebody still waits for. */
#define EVENTS_LOADED "5000"

/* The numbers in all lists of mail.events, as JSON takes lists apart: once, and not anew for each event of the past. */
#define EVENTS_OF_MAILS \
	"SELECT value FROM (SELECT '[' || replace(events, ' ', ',') || ']' AS list FROM mail)," \
	" json_each(CASE WHEN json_valid(list) THEN list ELSE '[]' END)"

const struct store_table store_tables[] = {
	{ "meta", 1, 2, { "name", "value" }, NULL },
	{ "item", 2, 9,
		{ "check_name", "item", "module", "alert", "result", "thread", "stands_in", "absent_since", "fault" }, NULL },
	{ "incident", 1, 13,
		{ "number", "check_name", "item", "module", "opened_usec", "closed_usec", "state", "text", "ack_who", "ack_why",
			"ack_usec", "ack_until_usec", "escalated" },
		"closed_usec = 0 OR number IN (SELECT max(number) FROM incident GROUP BY check_name, item)" },
	{ "silence", 1, 6, { "id", "glob", "until_usec", "created_usec", "who", "why" }, NULL },
	{ "mail", 1, 10,
		{ "id", "subject", "sender", "content", "queued_usec", "attempts", "next_try_usec", "kind", "events", "routes" },
		NULL },
	{ "recipient", 2, 4, { "mail_id", "address", "fate", "answer" }, NULL },
	{ "event", 1, 14,
		{ "number", "event", "check_name", "item", "from_state", "to_state", "time_usec", "since_usec", "incident",
			"text", "waiting", "note", "looks", "who" },
		"waiting <> '' OR"
		" number IN (" EVENTS_OF_MAILS ") OR"
		" (time_usec >= coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'last_report'), 0) AND"
		" number > coalesce((SELECT number FROM event ORDER BY number DESC LIMIT 1 OFFSET " EVENTS_LOADED "), 0))" },
	{ "memory", 2, 4, { "check_name", "name", "value", "time_usec" }, NULL },
	{ "sample", 4, 6, { "hour_usec", "check_name", "item", "metric", "unit", "buckets" },
		"hour_usec = (SELECT max(hour_usec) FROM sample)" },
};

const size_t store_n_tables = ELEMENTS(store_tables);

const struct store_table *store_find_table(const char *name)
{
	for (size_t i = 0; i < store_n_tables; i++)
		if (strcmp(store_tables[i].name, name) == 0)
			return &store_tables[i];
	return NULL;
}
