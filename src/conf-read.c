/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From files to settings: which files, in which order, and what a later one replaces; see conf_read() in conf.h. The
 * only part of the configuration that touches the disk. What a value means is not looked at here, but for values
 * that a later file replaces, which nobody else would see. */
#include "conf.h"

#include "conf-table.h"
#include "conf-work.h"
#include "ini-guard.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#define SECTIONS_MAX 30000
#define SETTINGS_MAX 1000 /* in one section: keeps the search for repeated keys short */
#define FILES_MAX 1000

/* One section over all files. */
struct section {
	char *kind, *name;
	char *file; /* of its last header */
	unsigned line;
	struct conf_settings settings;
};

struct reader {
	const char *file; /* being read */
	struct section **sections;
	size_t n_sections;
	void *by_name; /* the same, for tsearch(3) */
	struct section *current;
	struct conf_problems *problems;
};

static void keep(void *section)
{
}

static void reader_clear(struct reader *reader)
{
	tdestroy(reader->by_name, keep);
	for (size_t i = 0; i < reader->n_sections; i++) {
		struct section *s = reader->sections[i];

		free(s->kind);
		free(s->name);
		free(s->file);
		conf_settings_free(&s->settings);
		free(s);
	}
	free(reader->sections);
}

static int on_problem(void *user, unsigned line, const char *text)
{
	struct reader *reader = user;

	return conf_add_problem(reader->problems, true, reader->file, line, "%s", text);
}

static int compare_sections(const void *a, const void *b)
{
	const struct section *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->kind, y->kind);
}

static struct section *find_section(const struct reader *reader, const char *kind, const char *name)
{
	const struct section key = { .kind = (char *)kind, .name = (char *)name };
	struct section *const *found = tfind(&key, &reader->by_name, compare_sections);

	return found ? *found : NULL;
}

static int add_section(struct reader *reader, const char *kind, const char *name, struct section **ret)
{
	if (conf_grow(&reader->sections, reader->n_sections, sizeof(*reader->sections)) < 0)
		return -ENOMEM;
	struct section *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	reader->sections[reader->n_sections++] = s;
	*s = (struct section){ .kind = strdup(kind), .name = strdup(name), .file = strdup("") };
	*ret = s;
	return s->kind && s->name && s->file && tsearch(s, &reader->by_name, compare_sections) ? 0 : -ENOMEM;
}

/* Cuts "check  root" into its words; the name may hold blanks here and is refused for them later. */
static void split_header(char *text, const char **ret_kind, const char **ret_name)
{
	text += strspn(text, " \t");
	for (size_t len = strlen(text); len && strchr(" \t", text[len - 1]); len--)
		text[len - 1] = '\0';
	size_t len = strcspn(text, " \t");
	*ret_name = text + len + strspn(text + len, " \t");
	text[len] = '\0';
	*ret_kind = text;
}

/* Opens [KIND NAME] for the settings that follow: 0, 1 when they are to be left out, -ENOMEM. */
static int open_section(struct reader *reader, const char *kind, const char *name, unsigned line)
{
	struct section *s = find_section(reader, kind, name);
	int r = 0;

	if (s && strcmp(s->file, reader->file) == 0) {
		r = conf_add_problem(reader->problems, true, reader->file, line,
			"[%s%s%s] stands already in line %u: expected each section once in a file", kind,
			*name ? " " : "", name, s->line);
		return r < 0 ? r : 1;
	}
	if (!s && reader->n_sections == SECTIONS_MAX) {
		r = conf_add_problem(reader->problems, true, reader->file, line,
			"there are too many sections: expected at most %d", SECTIONS_MAX);
		return r < 0 ? r : 1;
	}
	if (!s)
		r = add_section(reader, kind, name, &s);
	if (r < 0)
		return r;
	free(s->file);
	s->file = strdup(reader->file);
	s->line = line;
	reader->current = s;
	return s->file ? 0 : -ENOMEM;
}

static int on_section(void *user, const char *text, unsigned line)
{
	_cleanup_buf_ struct buf problem = BUF(4096);
	_cleanup_free_ char *copy = strdup(text);
	struct reader *reader = user;
	const char *kind, *name;

	if (!copy)
		return -ENOMEM;
	split_header(copy, &kind, &name);
	if (conf_section_is_valid(kind, name, &problem))
		return open_section(reader, kind, name, line);
	int r = on_problem(reader, line, buf_text(&problem));
	return r < 0 ? r : 1;
}

/* A value that a later file replaces never reaches conf_build(); it is wrong all the same. */
static int check_replaced(struct reader *reader, const struct tocsin_option *option, const struct conf_setting *s)
{
	_cleanup_free_ char *error = NULL;
	int r = option ? conf_option_try(option, s->value, &error) : 0;

	if (r < 0 && error)
		return conf_add_problem(reader->problems, true, s->file, s->line, "%s: %s", s->key, error);
	return r;
}

/* Takes every setting of KEY that another file made out of S. */
static int drop_of_other_files(
	struct reader *reader, struct conf_settings *s, const struct tocsin_option *option, const char *key)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct conf_setting *item = &s->items[i];

		if (strcmp(item->key, key) != 0 || strcmp(item->file, reader->file) == 0) {
			s->items[kept++] = *item;
			continue;
		}
		if (r == 0)
			r = check_replaced(reader, option, item);
		conf_setting_clear(item);
	}
	s->n = kept;
	return r;
}

/* Whether a module takes a key once or often is known only when it is loaded: here its keys are lists. */
static bool may_repeat(const struct conf_kind *kind, const struct tocsin_option *option)
{
	return option ? option->type == TOCSIN_LIST : kind->takes_others;
}

static int on_setting(void *user, const char *key, const char *value, unsigned line)
{
	struct reader *reader = user;
	struct section *section = reader->current;
	const struct conf_kind *kind = conf_kind_find(section->kind);
	const struct tocsin_option *option = conf_kind_option(kind, key);
	struct conf_settings *s = &section->settings;

	int r = drop_of_other_files(reader, s, option, key);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n && !may_repeat(kind, option); i++)
		if (strcmp(s->items[i].key, key) == 0)
			return conf_add_problem(reader->problems, true, reader->file, line,
				"%s stands already in line %u of this section: expected it once", key, s->items[i].line);
	if (s->n == SETTINGS_MAX)
		return conf_add_problem(reader->problems, true, reader->file, line,
			"there are too many settings in this section: expected at most %d", SETTINGS_MAX);
	return conf_add_setting(s, section->kind, section->name, key, value, reader->file, line);
}

static int read_file(struct reader *reader, const char *path)
{
	const struct ini_handler handler = {
		.section = on_section, .setting = on_setting, .problem = on_problem, .user = reader,
	};

	reader->file = path;
	reader->current = NULL;
	return ini_guard_path(path, &handler);
}

/* "x.conf", but not ".x.conf" or "#x.conf", which editors leave behind. */
static int is_dropin(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".conf") == 0 && name[0] != '.' && name[0] != '#';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dropin(struct reader *reader, const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	/* Folders and devices there are none of our business; a link into nowhere is told when it is opened. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	return read_file(reader, path);
}

static int read_dropins(struct reader *reader, const char *directory)
{
	struct dirent **entries;
	int n = scandir(directory, &entries, is_dropin, by_bytes), r = 0;

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 && errno == ENOMEM)
		return -ENOMEM;
	if (n < 0)
		return conf_add_problem(
			reader->problems, true, directory, 0, "the folder cannot be read: %s", strerror(errno));
	if (n > FILES_MAX)
		r = conf_add_problem(reader->problems, true, directory, 0,
			"there are %d configuration files: expected at most %d", n, FILES_MAX);
	for (int i = 0; i < n; i++) {
		if (r == 0 && i < FILES_MAX)
			r = read_dropin(reader, directory, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* Kinds of sections that mean nothing without a certain key. */
static const struct {
	const char *kind, *line;
} never_empty[] = { { "check", "type = disk" }, { "recipient", "to = ops@example.org" } };

static int report_empty(struct reader *reader, const struct section *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(never_empty); i++)
		if (strcmp(s->kind, never_empty[i].kind) == 0)
			r = conf_add_problem(reader->problems, true, s->file, s->line,
				"[%s %s] is empty: expected at least a line like %s", s->kind, s->name, never_empty[i].line);
	return r;
}

/* Hands the settings over, section by section; one without any would get lost here. */
static int take_settings(struct reader *reader, struct conf_settings *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < reader->n_sections; i++) {
		struct section *s = reader->sections[i];

		if (s->settings.n == 0)
			r = report_empty(reader, s);
		for (size_t k = 0; r == 0 && k < s->settings.n; k++) {
			const struct conf_setting *item = &s->settings.items[k];

			r = conf_add_setting(ret, item->section, item->name, item->key, item->value, item->file, item->line);
		}
	}
	return r;
}

int conf_read(const char *path, const char *dropin_directory, struct conf_settings *s, struct conf_problems *p)
{
	struct reader reader = { .problems = p };

	int r = read_file(&reader, path);
	if (r == 0 && dropin_directory)
		r = read_dropins(&reader, dropin_directory);
	if (r == 0)
		r = take_settings(&reader, s);
	reader_clear(&reader);
	return r;
}

/* A first reading, because the second one words its problems as it finds them. Which file and which line counts is for
 * conf_read() alone to know, and 10,000 checks take it 30 ms. */
int conf_use_language(const char *path, const char *dropin_directory)
{
	struct conf_settings settings = { 0 };
	struct conf_problems problems = { 0 };

	int r = conf_read(path, dropin_directory, &settings, &problems);
	if (r == 0)
		r = conf_settings_use_language(&settings);
	conf_settings_free(&settings);
	conf_problems_free(&problems);
	return r;
}
