/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mountinfo.h"

#include <errno.h>
#include <string.h>

#define MOUNTS_MAX 1000000

static bool is_octal(char c, char highest)
{
	return c >= '0' && c <= highest;
}

/* Blank, tab, newline, backslash and # come as \040 \011 \012 \134 \043. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		if (from[0] == '\\' && is_octal(from[1], '3') && is_octal(from[2], '7') &&
			is_octal(from[3], '7')) {
			char c = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));

			if (c) { /* \000 would end the text; the kernel never writes it */
				*to++ = c;
				from += 4;
				continue;
			}
		}
		*to++ = *from++;
	}
	*to = '\0';
}

/* The next field, or NULL. Fields are separated by exactly one blank; one may be empty (the source of some
 * file systems is ""). */
static char *next_field(char **rest)
{
	return strsep(rest, " ");
}

/* Optional fields end with a lone "-". */
static bool skip_optional(char **rest)
{
	char *field;

	while ((field = next_field(rest)))
		if (strcmp(field, "-") == 0)
			return true;
	return false;
}

int mount_parse(char *line, struct mount *ret)
{
	struct mount m = { 0 };
	char *rest = line, extra;
	unsigned long long id;

	char *id_text = next_field(&rest), *parent = next_field(&rest), *device = next_field(&rest);
	m.root = next_field(&rest);
	m.point = next_field(&rest);
	m.options = next_field(&rest);
	if (!m.options || !parent || !skip_optional(&rest))
		return -EBADMSG;
	m.type = next_field(&rest);
	m.source = next_field(&rest);
	m.super_options = next_field(&rest);
	if (!m.super_options)
		return -EBADMSG;
	if (sscanf(id_text, "%llu%c", &id, &extra) != 1 ||
		sscanf(device, "%u:%u%c", &m.major, &m.minor, &extra) != 2)
		return -EBADMSG;
	m.id = id;
	unescape(m.root);
	unescape(m.point);
	unescape(m.type);
	unescape(m.source);
	if (m.point[0] != '/' || !*m.type)
		return -EBADMSG;
	*ret = m;
	return 0;
}

static int add_mount(struct mountinfo *m, const char *line, size_t len)
{
	_cleanup_free_ char *copy = strndup(line, len);
	struct mount mount;

	if (!copy)
		return -ENOMEM;
	if (m->n == MOUNTS_MAX)
		return -E2BIG;
	int r = mount_parse(copy, &mount);
	if (r < 0)
		return r;
	if (m->n % 64 == 0) {
		struct mount *grown = realloc(m->items, (m->n + 64) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->items = grown;
	}
	mount.line = TAKE_PTR(copy);
	m->items[m->n++] = mount;
	return 0;
}

int mountinfo_read(FILE *file, struct mountinfo *ret)
{
	_cleanup_mountinfo_ struct mountinfo m = { 0 };
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while (errno = 0, len = getline(&line, &size, file), len >= 0) {
		if (len && line[len - 1] == '\n')
			len--;
		int r = add_mount(&m, line, (size_t)len);
		if (r < 0)
			return r;
	}
	if (ferror(file))
		return errno ? -errno : -EIO;
	*ret = m;
	m = (struct mountinfo){ 0 };
	return 0;
}

void mountinfo_free(struct mountinfo *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->items[i].line);
	free(m->items);
	*m = (struct mountinfo){ 0 };
}

static bool lies_under(const char *path, const char *point)
{
	size_t len = strlen(point);

	if (strcmp(point, "/") == 0)
		return path[0] == '/';
	return strncmp(path, point, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

const struct mount *mountinfo_find(const struct mountinfo *m, const char *path)
{
	const struct mount *best = NULL;

	for (size_t i = 0; i < m->n; i++)
		if (lies_under(path, m->items[i].point) &&
			(!best || strlen(m->items[i].point) >= strlen(best->point)))
			best = &m->items[i];
	return best;
}

/* A later line is a later mount; one whose point is the same or above hides it unless it is its own ancestor,
 * which came earlier. */
bool mountinfo_is_covered(const struct mountinfo *m, const struct mount *item)
{
	for (const struct mount *other = item + 1; other < m->items + m->n; other++) {
		if (strcmp(other->point, "/") == 0 && strcmp(item->point, "/") != 0)
			continue; /* pivot_root(2) leaves the root behind what was moved into it */
		if (lies_under(item->point, other->point))
			return true;
	}
	return false;
}

bool mount_has_option(const char *options, const char *word)
{
	size_t len = strlen(word);

	for (const char *o = options; o; o = strchr(o, ',') ? strchr(o, ',') + 1 : NULL)
		if (strncmp(o, word, len) == 0 && (o[len] == '\0' || o[len] == ','))
			return true;
	return false;
}

bool mount_is_stopped(const struct mount *m)
{
	return mount_has_option(m->super_options, "emergency_ro") ||
	       mount_has_option(m->super_options, "shutdown");
}
