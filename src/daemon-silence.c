/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Silences: what an administrator wants no mails about for a while. That it keeps a mail back is judged in notice.c. */
#include "event.h"

#include "translate.h"
#include "units.h"

#include <errno.h>
#include <string.h>

#define SILENCES_MAX 1000

/* The sentences of this file. */
#define SAY_BEGUN C_("silenced", "by %s until %s")
#define SAY_BEGUN_WHY C_("silenced", "by %s until %s: %s")
#define SAY_ENDED_BY C_("silenced", "ended by %s")
#define SAY_EXPIRED C_("silenced", "ended: its time is over")

void silence_free(struct silence *s)
{
	free(s->id);
	free(s->glob);
	free(s->who);
	free(s->why);
	free(s);
}

/* Of several the one that lasts longest. */
const struct silence *silence_of(const struct daemon *d, const char *check, const char *item, int64_t now_usec)
{
	const struct silence *longest = NULL;

	for (const struct silence *s = d->silences; s; s = s->next)
		if (s->until_usec > now_usec && (!longest || s->until_usec > longest->until_usec) &&
			notice_matches(s->glob, check, item))
			longest = s;
	return longest;
}

static void note_begun(struct daemon *d, const struct silence *s)
{
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX), until = BUF(100);

	format_time(&until, s->until_usec);
	buf_printf(&text, *s->why ? SAY_BEGUN_WHY : SAY_BEGUN, s->who, buf_text(&until), s->why);
	event_note(d, ALERT_SILENCED, s->glob, s->id, buf_text(&text), s->who, false);
}

static void note_ended(struct daemon *d, const struct silence *s, const char *who)
{
	_cleanup_buf_ struct buf text = BUF(WORDS_MAX);

	buf_printf(&text, SAY_ENDED_BY, who ? who : "?");
	event_note(d, ALERT_SILENCED, s->glob, s->id, buf_text(&text), who, false);
}

static void drop_silence(struct daemon *d, struct silence **at)
{
	struct silence *s = *at;

	*at = s->next;
	state_delete_silence(d, s);
	silence_free(s);
}

int silence_add(struct daemon *d, const char *glob, int64_t until_usec, const char *who, const char *why,
	const char **ret_id)
{
	struct silence *s;
	long long last = 0;
	size_t n = 0;

	if (until_usec <= clock_realtime_usec())
		return -EINVAL;
	for (s = d->silences; s; s = s->next, n++)
		if (atoll(s->id + 1) > last)
			last = atoll(s->id + 1);
	if (n >= SILENCES_MAX)
		return -E2BIG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct silence){ .glob = strdup(glob), .who = strdup(who), .why = strdup(why),
		.created_usec = clock_realtime_usec(), .until_usec = until_usec };
	if (asprintf(&s->id, "s%lld", last + 1) < 0)
		s->id = NULL;
	if (!s->id || !s->glob || !s->who || !s->why) {
		silence_free(s);
		return -ENOMEM;
	}
	s->next = d->silences;
	d->silences = s;
	state_put_silence(d, s);
	note_begun(d, s);
	d->is_owed_stale = true;
	*ret_id = s->id;
	return 0;
}

int silence_end(struct daemon *d, const char *id_or_glob, const char *who)
{
	struct silence **at = &d->silences;
	bool is_found = false;

	while (*at) {
		if (strcmp((*at)->id, id_or_glob) != 0 && strcmp((*at)->glob, id_or_glob) != 0) {
			at = &(*at)->next;
			continue;
		}
		is_found = true;
		note_ended(d, *at, who);
		drop_silence(d, at);
	}
	if (!is_found)
		return -ENOENT;
	item_reconsider_all(d);
	return 0;
}

void silence_drop_expired(struct daemon *d, int64_t now_usec)
{
	for (struct silence **at = &d->silences; *at;) {
		if ((*at)->until_usec > now_usec) {
			at = &(*at)->next;
			continue;
		}
		event_note(d, ALERT_SILENCED, (*at)->glob, (*at)->id, SAY_EXPIRED, NULL, false);
		drop_silence(d, at);
	}
}
