/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mdstat.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define ARRAYS_MAX 1024
#define LINES_MAX 20000
#define TEXT_MAX 16384

static bool take_word(const char **s, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*s, word, len) != 0 || ((*s)[len] && !isspace((unsigned char)(*s)[len])))
		return false;
	*s += len;
	*s += strspn(*s, " ");
	return true;
}

/* "sdb1[1](F)": any number of flags follows the number. False for what is no member. */
static bool parse_member(const char *word, size_t len, struct md_member *ret)
{
	struct md_member m = { .name = "" };
	const char *open = memchr(word, '[', len), *end = word + len;

	if (!open || open == word || (size_t)(open - word) >= sizeof(m.name))
		return false;
	memcpy(m.name, word, (size_t)(open - word));
	const char *s = open + 1;
	while (s < end && isdigit((unsigned char)*s))
		s++;
	if (s == open + 1 || s == end || *s != ']')
		return false;
	for (s++; end - s >= 3 && s[0] == '(' && s[2] == ')'; s += 3) {
		m.is_faulty |= s[1] == 'F';
		m.is_spare |= s[1] == 'S';
		m.is_replacement |= s[1] == 'R';
		m.is_journal |= s[1] == 'J';
	}
	if (s != end)
		return false;
	*ret = m;
	return true;
}

static int add_member(struct md_array *a, const struct md_member *m)
{
	if (a->n_members == MD_MEMBERS_MAX)
		return -E2BIG;
	if (a->n_members % 16 == 0) {
		struct md_member *grown = realloc(a->members, (a->n_members + 16) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		a->members = grown;
	}
	a->members[a->n_members++] = *m;
	return 0;
}

/* The members behind the level. The level is left out while the array is inactive. */
static int parse_members(const char *s, struct md_array *a)
{
	struct md_member m;

	for (bool is_first = true; *s; is_first = false) {
		size_t len = strcspn(s, " \n");

		if (len == strlen("super") && strncmp(s, "super", len) == 0)
			break; /* without members the kernel goes on with this on the same line */
		if (parse_member(s, len, &m)) {
			int r = add_member(a, &m);
			if (r < 0)
				return r;
		} else if (is_first && a->is_active && len < sizeof(a->level)) {
			memcpy(a->level, s, len);
		} else {
			return -EBADMSG;
		}
		s += len;
		s += strspn(s, " \n");
	}
	return !a->is_active || *a->level ? 0 : -EBADMSG;
}

/* "md0 : active (read-only) raid1 sdb1[1] sda1[0]" */
static int parse_head(const char *line, struct md_array *a)
{
	const char *s = strstr(line, " : ");
	size_t len = s ? (size_t)(s - line) : 0;

	if (len == 0 || len >= sizeof(a->name) || memchr(line, '/', len) || line[0] == '.')
		return -EBADMSG;
	memcpy(a->name, line, len);
	s += strlen(" : ");
	if (take_word(&s, "active"))
		a->is_active = true;
	else if (!take_word(&s, "inactive"))
		return -EBADMSG;
	take_word(&s, "(auto-read-only)");
	a->is_read_only = take_word(&s, "(read-only)");
	return parse_members(s, a);
}

/* "[3/2]", the only brackets with a slash in the line of blocks. */
static void parse_count(const char *line, struct md_array *a)
{
	int wanted, working, end = 0;

	for (const char *s = line; (s = strchr(s, '[')); s++)
		if (sscanf(s, "[%d/%d]%n", &wanted, &working, &end) == 2 && end > 0 && wanted >= 0 &&
			working >= 0) {
			a->wanted = wanted;
			a->working = working;
			return;
		}
}

static const char *find_work(const char *line, struct md_work *w)
{
	static const char *const kinds[] = { "recovery", "resync", "reshape", "check", "repair" };

	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		const char *s = strstr(line, kinds[i]);
		const char *value = s ? s + strlen(kinds[i]) : NULL;

		if (!s || (s > line && s[-1] != ' ' && s[-1] != '\t'))
			continue;
		value += strspn(value, " ");
		if (*value != '=')
			continue;
		snprintf(w->what, sizeof(w->what), "%s", kinds[i]);
		return value + 1;
	}
	return NULL;
}

static double number_behind(const char *line, const char *name)
{
	const char *s = strstr(line, name);
	double value;

	return s && sscanf(s + strlen(name), "%lf", &value) == 1 && isfinite(value) && value >= 0 ? value
												  : NAN;
}

/* "[=>….]  recovery = 12.6% (…/…) finish=127.5min speed=33440K/sec", or "resync=DELAYED" */
static void parse_work(const char *line, struct md_array *a)
{
	struct md_work w = { .percent = NAN, .minutes_left = NAN, .kib_per_second = NAN };

	const char *value = find_work(line, &w);
	if (!value)
		return;
	if (sscanf(value, " %15[A-Z]", w.waits) != 1) {
		w.waits[0] = '\0';
		w.percent = number_behind(value, "");
		w.minutes_left = number_behind(value, "finish=");
		w.kib_per_second = number_behind(value, "speed=");
	}
	if (w.percent > 100)
		w.percent = NAN;
	a->work = w;
}

/* "blocks super external:imsm": a container. "external:/md127/0" is an array that lies in one. */
static bool is_container_line(const char *line)
{
	const char *s = strstr(line, "super external:");

	return s && s[strlen("super external:")] != '/' && s[strlen("super external:")] != '-';
}

static int add_text(struct md_array *a, const char *line)
{
	size_t have = a->text ? strlen(a->text) : 0, len = strlen(line);

	if (have + len > TEXT_MAX)
		return 0;
	char *grown = realloc(a->text, have + len + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + have, line, len + 1);
	a->text = grown;
	return 0;
}

static int add_array(struct mdstat *m, const char *line)
{
	if (m->n == ARRAYS_MAX)
		return -E2BIG;
	struct md_array *grown = realloc(m->arrays, (m->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->arrays = grown;
	struct md_array *a = &m->arrays[m->n++];
	*a = (struct md_array){ .wanted = -1,
		.working = -1,
		.work = { .percent = NAN, .minutes_left = NAN, .kib_per_second = NAN } };
	int r = parse_head(line, a);
	a->is_container = !a->is_active && is_container_line(line);
	return r < 0 ? r : add_text(a, line);
}

/* Lines of an array are indented. */
static int take_line(struct mdstat *m, const char *line)
{
	if (strncmp(line, "Personalities", 13) == 0 || strncmp(line, "unused devices", 14) == 0 ||
		line[0] == '\n')
		return 0;
	if (!isspace((unsigned char)line[0]))
		return add_array(m, line);
	struct md_array *a = m->n ? &m->arrays[m->n - 1] : NULL;
	if (!a)
		return -EBADMSG;
	if (strstr(line, " blocks")) {
		parse_count(line, a);
		a->is_container |= !a->is_active && is_container_line(line);
	}
	parse_work(line, a);
	return add_text(a, line);
}

int mdstat_read(FILE *file, struct mdstat *ret)
{
	_cleanup_mdstat_ struct mdstat m = { 0 };
	_cleanup_free_ char *line = NULL;
	bool has_head = false;
	size_t size = 0;

	for (size_t i = 0; i < LINES_MAX && (errno = 0, getline(&line, &size, file) > 0); i++) {
		has_head |= strncmp(line, "Personalities", 13) == 0;
		int r = take_line(&m, line);
		if (r < 0)
			return r;
	}
	if (ferror(file))
		return errno ? -errno : -EIO;
	if (!has_head)
		return -EBADMSG;
	*ret = m;
	m = (struct mdstat){ 0 };
	return 0;
}

void mdstat_free(struct mdstat *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->arrays[i].members);
		free(m->arrays[i].text);
	}
	free(m->arrays);
	*m = (struct mdstat){ 0 };
}
