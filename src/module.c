/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "module.h"

#include "buf.h"
#include "conf-table.h"
#include "text.h"
#include "translate.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define NAME_MAX_BYTES 48
#define ERROR_MAX_BYTES 8192
#define LIST_MAX_BYTES 4096 /* of names */
#define SUFFIX ".so"
/* What dlerror() says of a function of tocsin-check.h that this program does not have. */
#define NEWER_SYMBOL "undefined symbol: tocsin_"
#define PROBE_SECONDS 5

const char *module_directory(void)
{
	const char *dir = getenv("TOCSIN_CHECK_DIR");

	return dir && *dir ? dir : CHECKDIR;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(char ***names, size_t *n, const char *name, size_t len)
{
	char **grown = realloc(*names, (*n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	*names = grown;
	grown[*n] = strndup(name, len);
	if (!grown[*n])
		return -ENOMEM;
	(*n)++;
	return 0;
}

static int read_names(DIR *dir, char ***names, size_t *n)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

		if (entry->d_name[0] == '.' || len <= suffix ||
			strcmp(entry->d_name + len - suffix, SUFFIX) != 0)
			continue;
		int r = add_name(names, n, entry->d_name, len - suffix);
		if (r < 0)
			return r;
	}
	return 0;
}

int module_names(const char *path, char ***ret_names, size_t *ret_n)
{
	char **names = NULL;
	size_t n = 0;

	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	int r = read_names(dir, &names, &n);
	closedir(dir);
	if (r < 0) {
		module_names_free(names, n);
		return r;
	}
	if (n)
		qsort(names, n, sizeof(*names), compare_names);
	*ret_names = names;
	*ret_n = n;
	return 0;
}

void module_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* Letters of a file name that cannot leave the folder. */
static bool name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_BYTES && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* Hands out the sentence and the error. */
static int fail(int error, struct buf *sentence, char **ret_error)
{
	char *text = buf_take(sentence);

	if (!text)
		return -ENOMEM;
	*ret_error = text;
	return error;
}

static int fail_missing(const char *dir, const char *name, char **ret_error)
{
	_cleanup_buf_ struct buf b = BUF(ERROR_MAX_BYTES), shown = BUF(ERROR_MAX_BYTES), list = BUF(LIST_MAX_BYTES);
	char **names = NULL;
	size_t n = 0;

	text_clean(&shown, name, NAME_MAX_BYTES);
	int r = module_names(dir, &names, &n);
	if (r < 0) {
		buf_printf(&b, _("there is no check module '%s', and %s cannot be read: %s"), buf_text(&shown), dir, strerror(-r));
		return fail(-ENOENT, &b, ret_error);
	}
	const char *nearest = text_nearest(name, (const char *const *)names, n);
	for (size_t i = 0; i < n && list.len < LIST_MAX_BYTES - 100; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	if (nearest)
		buf_printf(&b, _("there is no check module '%s'; did you mean '%s'? %s has %s"), buf_text(&shown), nearest, dir,
			buf_text(&list));
	else if (n > 0)
		buf_printf(&b, _("there is no check module '%s'; %s has %s"), buf_text(&shown), dir, buf_text(&list));
	else
		buf_printf(&b, _("there is no check module '%s'; %s has none"), buf_text(&shown), dir);
	module_names_free(names, n);
	return fail(-ENOENT, &b, ret_error);
}

static int module_refuse(int error, char **ret_error, const char *format, ...) _printf_(3, 4);
static int module_refuse(int error, char **ret_error, const char *format, ...)
{
	_cleanup_buf_ struct buf raw = BUF(ERROR_MAX_BYTES), b = BUF(4 * ERROR_MAX_BYTES);
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&raw, translate(format), arguments);
	va_end(arguments);
	text_clean(&b, buf_error(&raw) ? format : buf_text(&raw), ERROR_MAX_BYTES);
	return fail(error, &b, ret_error);
}

/* The size of the member that an option of this type fills. */
static const size_t member_size[] = {
	[TOCSIN_BOOL] = sizeof(bool),
	[TOCSIN_INT] = sizeof(int64_t),
	[TOCSIN_NUMBER] = sizeof(double),
	[TOCSIN_DURATION] = sizeof(int64_t),
	[TOCSIN_SIZE] = sizeof(int64_t),
	[TOCSIN_PERCENT] = sizeof(double),
	[TOCSIN_LIMIT] = sizeof(struct tocsin_limit),
	[TOCSIN_STRING] = sizeof(char *),
	[TOCSIN_PATH] = sizeof(char *),
	[TOCSIN_CHOICE] = sizeof(int),
	[TOCSIN_LIST] = sizeof(struct tocsin_list),
};

static bool option_fits(const struct tocsin_option *o, size_t config_size)
{
	return (size_t)o->type < ELEMENTS(member_size) && o->offset <= config_size &&
	       member_size[o->type] <= config_size - o->offset && (o->type != TOCSIN_CHOICE || o->choices);
}

/* As they were in the first tocsin-check.h of this interface: nothing that runs is shorter. */
#define CHECK_SIZE_MIN (offsetof(struct tocsin_check, run) + sizeof(((struct tocsin_check *)NULL)->run))
#define OPTION_SIZE_MIN (offsetof(struct tocsin_option, help) + sizeof(((struct tocsin_option *)NULL)->help))

static int check_abi(const char *path, const struct tocsin_check *m, char **ret_error)
{
	if (m->abi > TOCSIN_CHECK_ABI)
		return module_refuse(-EPROTO, ret_error,
			"%s was built for interface %u of check modules and this tocsin has %u: it needs a newer tocsin", path,
			m->abi, TOCSIN_CHECK_ABI);
	if (m->abi < TOCSIN_CHECK_ABI)
		return module_refuse(-EPROTO, ret_error,
			"%s was built for interface %u of check modules and this tocsin has %u: build it again with the "
			"tocsin-check.h of this version",
			path, m->abi, TOCSIN_CHECK_ABI);
	if (m->check_size > sizeof(*m) || m->option_size > sizeof(struct tocsin_option))
		return module_refuse(-EPROTO, ret_error,
			"%s was built with a newer tocsin-check.h (its structures have %u and %u bytes, those of this "
			"tocsin %zu and %zu): it needs a newer tocsin",
			path, m->check_size, m->option_size, sizeof(*m), sizeof(struct tocsin_option));
	if (m->check_size < CHECK_SIZE_MIN || m->option_size < OPTION_SIZE_MIN)
		return module_refuse(-EPROTO, ret_error,
			"%s has structures of %u and %u bytes, which no tocsin-check.h ever had: its constant must "
			"begin with TOCSIN_CHECK_HEADER",
			path, m->check_size, m->option_size);
	return 0;
}

/* A module as the runner of today sees it. */
struct adopted {
	struct adopted *next;
	const struct tocsin_check *original;
	struct tocsin_check check;
	struct tocsin_option options[];
};

/* A row of a table whose rows may be shorter than ours. */
static const struct tocsin_option *row_at(const struct tocsin_check *m, size_t i)
{
	return (const struct tocsin_option *)((const char *)m->options + i * m->option_size);
}

static struct adopted *adopt(const struct tocsin_check *m)
{
	size_t n = 0;

	while (m->options && row_at(m, n)->name)
		n++;
	struct adopted *a = calloc(1, sizeof(*a) + (n + 1) * sizeof(*a->options));
	if (!a)
		return NULL;
	a->original = m;
	memcpy(&a->check, m, m->check_size);
	for (size_t i = 0; i < n; i++)
		memcpy(&a->options[i], row_at(m, i), m->option_size);
	if (m->options)
		a->check.options = a->options;
	return a;
}

/* A module of an older header has shorter structures: what they lack is zero, which every new member takes for "as
 * before". The copy is kept, because a module is loaded for every look. */
static int widen(const struct tocsin_check **module)
{
	static struct adopted *all;
	const struct tocsin_check *m = *module;
	struct adopted *a = all;

	if (m->check_size == sizeof(*m) && m->option_size == sizeof(*m->options))
		return 0;
	while (a && a->original != m)
		a = a->next;
	if (!a) {
		a = adopt(m);
		if (!a)
			return -ENOMEM;
		a->next = all;
		all = a;
	}
	*module = &a->check;
	return 0;
}

static int check_content(const char *path, const char *name, const struct tocsin_check *m, char **ret_error)
{
	if (!m->name || strcmp(m->name, name) != 0)
		return module_refuse(-EPROTO, ret_error,
			"%s calls itself '%s': name and file name must be the same", path,
			m->name ? m->name : "");
	if (!m->run)
		return module_refuse(-EPROTO, ret_error, "%s has no run() function", path);
	if (!m->summary)
		return module_refuse(-EPROTO, ret_error, "%s has no summary", path);
	if (!m->options)
		return module_refuse(-EPROTO, ret_error, "%s has no option table", path);
	for (const struct tocsin_option *o = m->options; o->name; o++)
		if (!option_fits(o, m->config_size))
			return module_refuse(-EPROTO, ret_error,
				"%s: option '%s' does not lie within its configuration", path, o->name);
	return 0;
}

int module_load(const char *dir, const char *name, const struct tocsin_check **ret, char **ret_error)
{
	_cleanup_buf_ struct buf path = BUF(4096);

	if (!name_is_valid(name))
		return fail_missing(dir, name, ret_error);
	buf_printf(&path, "%s/%s" SUFFIX, dir, name);
	if (buf_error(&path))
		return buf_error(&path);
	/* Not asked before whether it is there: a module that is loaded already must not touch the disk
	 * again. */
	void *handle = dlopen(buf_text(&path), RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		const char *why = dlerror();

		if (access(buf_text(&path), F_OK) < 0 && errno == ENOENT)
			return fail_missing(dir, name, ret_error);
		if (why && strstr(why, NEWER_SYMBOL))
			return module_refuse(-ELIBBAD, ret_error, "%s cannot be loaded: %s, which a newer tocsin may have",
				buf_text(&path), why);
		return module_refuse(-ELIBBAD, ret_error, "%s cannot be loaded: %s", buf_text(&path), why ? why : "");
	}
	/* The handle stays open: code of the module may be anywhere by now. */
	const struct tocsin_check *m = dlsym(handle, "tocsin_check_module");
	if (!m)
		return module_refuse(-ELIBBAD, ret_error,
			"%s is no check module: it does not export tocsin_check_module", buf_text(&path));
	int r = check_abi(buf_text(&path), m, ret_error);
	if (r == 0)
		r = widen(&m);
	if (r < 0)
		return r;
	r = check_content(buf_text(&path), name, m, ret_error);
	if (r < 0)
		return r;
	*ret = m;
	return 0;
}

bool module_survives_loading(const char *dir, const char *name, int socket)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return true; /* no process to spare: then without this care */
	if (pid == 0) {
		_cleanup_free_ char *error = NULL;
		const struct tocsin_check *module;

		close_fd(socket);
		signal(SIGALRM, SIG_DFL);
		alarm(PROBE_SECONDS);
		module_load(dir, name, &module, &error);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const char *module_flags(const struct tocsin_check *m, char buffer[static MODULE_FLAGS_MAX])
{
	size_t len = 0;

	buffer[0] = '\0';
	for (const struct conf_flag *f = conf_flags; f->word; f++)
		if (m->flags & f->flag)
			len += (size_t)snprintf(buffer + len, MODULE_FLAGS_MAX - len, "%s%s", len ? " " : "", f->word);
	return buffer;
}
