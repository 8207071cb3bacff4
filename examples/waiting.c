/* SPDX-License-Identifier: MIT */
/* waiting: how many files wait in a folder, as in the spool of a printer
 * or in a queue between two programs. */
#include <tocsin-check.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

struct config {
	const char *path;
	int64_t warning, critical;
};

static const struct tocsin_option options[] = {
	{ .name = "path", .type = TOCSIN_PATH,
		.offset = offsetof(struct config, path),
		.help = "The folder" },
	{ .name = "warning", .type = TOCSIN_INT, .fallback = "10",
		.offset = offsetof(struct config, warning), .max = 1e9,
		.help = "More files than this are a warning" },
	{ .name = "critical", .type = TOCSIN_INT, .fallback = "100",
		.offset = offsetof(struct config, critical), .max = 1e9,
		.help = "More files than this are critical" },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (!c->path)
		return "path is needed: the folder to look at";
	if (c->critical < c->warning)
		return "critical must not be below warning";
	return NULL;
}

/* Returns how many there are, or -errno. Names that begin with a point
 * are not counted. */
static int64_t count_files(struct tocsin_run *run, const char *path)
{
	struct dirent *entry;
	int64_t n = 0;
	int fd = tocsin_open(run, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return fd < 0 ? fd : -errno;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	double before = NAN;
	int64_t age_usec;

	tocsin_look(run, c->path);
	int64_t n = count_files(run, c->path);
	if (n < 0) {
		tocsin_reason(run, "%s cannot be read: %s", c->path,
			strerror((int)-n));
		return (int)n;
	}
	tocsin_item(run, c->path,
		n > c->critical ? TOCSIN_CRITICAL :
		n > c->warning ? TOCSIN_WARNING : TOCSIN_OK,
		"%" PRId64 " files wait", n);
	tocsin_recall(run, "files", &before, &age_usec);
	tocsin_metric(run, c->path, &(struct tocsin_metric){
		"files", (double)n, "", (double)c->warning,
		(double)c->critical, 0, NAN });
	tocsin_metric(run, c->path, &(struct tocsin_metric){
		"new", (double)n - before, "", NAN, NAN, NAN, NAN });
	tocsin_remember(run, "files", (double)n);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "waiting",
	.summary = "Files that wait in a folder",
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
