/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of an item as a line of text, for the state file. The words are a table; nothing is decided here. */
#include "alert.h"

#include "units.h"

#include <errno.h>
#include <string.h>

enum field_type { FIELD_STATE, FIELD_BOOL, FIELD_INT, FIELD_ROW, FIELD_CHANGES };

#define FIELD(word, type, member) { word, type, offsetof(struct alert_state, member) }

static const struct field {
	const char *name;
	enum field_type type;
	size_t offset;
} fields[] = {
	FIELD("state", FIELD_STATE, state),
	FIELD("known", FIELD_BOOL, is_known),
	FIELD("since", FIELD_INT, since_usec),
	FIELD("incident", FIELD_INT, incident),
	FIELD("incident_since", FIELD_INT, incident_since_usec),
	FIELD("blind", FIELD_BOOL, is_blind),
	FIELD("eased", FIELD_INT, eased_boottime_usec),
	FIELD("bad", FIELD_ROW, rows[ALERT_ROW_BAD]),
	FIELD("critical", FIELD_ROW, rows[ALERT_ROW_CRITICAL]),
	FIELD("mild", FIELD_ROW, rows[ALERT_ROW_MILD]),
	FIELD("good", FIELD_ROW, rows[ALERT_ROW_GOOD]),
	FIELD("seen", FIELD_ROW, rows[ALERT_ROW_SEEN]),
	FIELD("unknown", FIELD_ROW, rows[ALERT_ROW_UNKNOWN]),
	FIELD("flapping", FIELD_BOOL, is_flapping),
	FIELD("flap_worst", FIELD_STATE, flap_worst),
	FIELD("changes", FIELD_CHANGES, changes_usec),
	FIELD("told", FIELD_STATE, told),
	FIELD("told_blind", FIELD_BOOL, told_blind),
	FIELD("told_at", FIELD_INT, told_usec),
	FIELD("reminded_at", FIELD_INT, reminded_usec),
	FIELD("told_incident", FIELD_INT, told_incident),
	FIELD("told_open", FIELD_INT, told_open_usec),
	FIELD("told_critical", FIELD_INT, told_critical_usec),
	FIELD("acknowledged", FIELD_INT, acknowledged_until_usec),
};

static void format_state(struct buf *b, const void *member)
{
	buf_puts(b, state_name(*(const enum tocsin_state *)member));
}

static void format_bool(struct buf *b, const void *member)
{
	buf_putc(b, *(const bool *)member ? '1' : '0');
}

static void format_int(struct buf *b, const void *member)
{
	buf_printf(b, "%lld", (long long)*(const int64_t *)member);
}

/* length,realtime,boottime */
static void format_row(struct buf *b, const void *member)
{
	const struct alert_row *row = member;

	buf_printf(b, "%lld,%lld,%lld", (long long)row->length, (long long)row->since_usec,
		(long long)row->boottime_usec);
}

/* The times that there are, oldest first, with commas between them. */
static void format_changes(struct buf *b, const void *member)
{
	const int64_t *times = member;
	const char *comma = "";

	for (size_t i = 0; i < ALERT_CHANGES_MAX; i++) {
		if (times[i] == 0)
			continue;
		buf_printf(b, "%s%lld", comma, (long long)times[i]);
		comma = ",";
	}
}

static int read_state(char *value, void *member)
{
	return state_parse(value, member);
}

static int read_bool(char *value, void *member)
{
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return -EINVAL;
	*(bool *)member = *value == '1';
	return 0;
}

static int read_int(char *value, void *member)
{
	return parse_int(value, member) < 0 ? -EINVAL : 0;
}

static int read_row(char *value, void *member)
{
	struct alert_row row;
	char *since = strchr(value, ',');
	char *boottime = since ? strchr(since + 1, ',') : NULL;

	if (!boottime)
		return -EINVAL;
	*since++ = *boottime++ = '\0';
	if (read_int(value, &row.length) < 0 || read_int(since, &row.since_usec) < 0 ||
		read_int(boottime, &row.boottime_usec) < 0 || row.length < 0)
		return -EINVAL;
	*(struct alert_row *)member = row;
	return 0;
}

/* Into the end of the array, where the latest stand. */
static int read_changes(char *value, void *member)
{
	int64_t times[ALERT_CHANGES_MAX] = { 0 };
	size_t n = 0;

	for (char *word = strsep(&value, ","); word; word = strsep(&value, ",")) {
		if (!*word)
			continue;
		if (n == ALERT_CHANGES_MAX || read_int(word, &times[n++]) < 0)
			return -EINVAL;
	}
	memset(member, 0, sizeof(times));
	memcpy((int64_t *)member + ALERT_CHANGES_MAX - n, times, n * sizeof(*times));
	return 0;
}

static const struct {
	void (*format)(struct buf *b, const void *member);
	int (*read)(char *value, void *member);
} types[] = {
	[FIELD_STATE] = { format_state, read_state },
	[FIELD_BOOL] = { format_bool, read_bool },
	[FIELD_INT] = { format_int, read_int },
	[FIELD_ROW] = { format_row, read_row },
	[FIELD_CHANGES] = { format_changes, read_changes },
};

void alert_format(struct buf *b, const struct alert_state *a)
{
	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		buf_printf(b, "%s%s=", i > 0 ? " " : "", fields[i].name);
		types[fields[i].type].format(b, (const char *)a + fields[i].offset);
	}
}

static int read_word(char *word, struct alert_state *a)
{
	char *value = strchr(word, '=');

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	for (size_t i = 0; i < ELEMENTS(fields); i++)
		if (strcmp(fields[i].name, word) == 0)
			return types[fields[i].type].read(value, (char *)a + fields[i].offset);
	return 0;
}

int alert_parse(const char *text, struct alert_state *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	struct alert_state a = { .state = TOCSIN_OK };
	char *rest = copy;

	if (!copy)
		return -ENOMEM;
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		int r = *word ? read_word(word, &a) : 0;

		if (r < 0)
			return r;
	}
	*ret = a;
	return 0;
}
