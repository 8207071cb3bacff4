/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reboot: whether this host wants to be restarted: packages say so by a file in /run, and a kernel that is
 * newer than the running one was installed, or the running one was replaced by another build. Optionally,
 * whether it runs for too long.
 *
 * Kernels are compared only where that tells something: of the same flavour, with image and modules, outside
 * of containers. What cannot be compared is no finding. */
#include "buf.h"
#include "clock.h"
#include "container.h"
#include "kernel.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define PACKAGES_MAX 1000
#define NAMED_MAX 3 /* packages in the text; all stand in the evidence */

struct config {
	int64_t required_warning, required_critical, uptime_warning, uptime_critical;
	bool kernel;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(required_warning, TOCSIN_DURATION), .fallback = "0", .max = 3650 * 86400e6,
		.help = N_("How long a restart may be required before it is a warning; 0: from the first "
			   "moment") },
	{ MEMBER(required_critical, TOCSIN_DURATION), .fallback = "0", .max = 3650 * 86400e6,
		.help = N_("How long a restart may be required before it is critical; 0: never") },
	{ MEMBER(kernel, TOCSIN_BOOL), .fallback = "yes",
		.help = N_("A newer kernel that is installed but does not run requires a restart, too") },
	{ MEMBER(uptime_warning, TOCSIN_DURATION), .fallback = "0", .max = 3650 * 86400e6,
		.help = N_("Time since the last boot from which it is a warning; 0: not judged") },
	{ MEMBER(uptime_critical, TOCSIN_DURATION), .fallback = "0", .max = 3650 * 86400e6,
		.help = N_("Time since the last boot from which it is critical; 0: not judged") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->required_critical > 0 && c->required_critical < c->required_warning)
		return N_("required_critical must not be below required_warning");
	if (c->uptime_warning > 0 && c->uptime_critical > 0 && c->uptime_critical < c->uptime_warning)
		return N_("uptime_critical must not be below uptime_warning");
	return NULL;
}

/* --- What is seen */

struct seen {
	int64_t uptime_usec;
	bool is_container;
	bool is_required;   /* a package says so */
	int64_t since_usec; /* CLOCK_REALTIME of the earliest sign; USEC_NEVER: none */
	char *packages[PACKAGES_MAX];
	size_t n_packages;
	char running[KERNEL_TEXT_MAX], build[KERNEL_TEXT_MAX];
	char newest[KERNEL_TEXT_MAX];   /* "": none that is newer */
	char replaced[KERNEL_TEXT_MAX]; /* the build that lies on the disk in place of the running one; "":
					   the same */
};

static void release(struct seen *s)
{
	for (size_t i = 0; i < s->n_packages; i++)
		free(s->packages[i]);
}

static void add_since(struct seen *s, int fd, bool by_content)
{
	struct stat st;

	/* dpkg sets the time of the content to that of the build, so for its files only the inode tells. */
	if (fstat(fd, &st) == 0) {
		int64_t seconds = by_content ? st.st_mtim.tv_sec : st.st_ctim.tv_sec;

		if (seconds * USEC_PER_SEC < s->since_usec)
			s->since_usec = seconds * USEC_PER_SEC;
	}
}

static bool has_package(const struct seen *s, const char *name)
{
	for (size_t i = 0; i < s->n_packages; i++)
		if (strcmp(s->packages[i], name) == 0)
			return true;
	return false;
}

/* One name a line; each upgrade of a package adds it once more. */
static int read_packages(struct tocsin_run *run, const char *path, struct seen *s)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (file && s->n_packages < PACKAGES_MAX && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!*line || has_package(s, line))
			continue;
		s->packages[s->n_packages] = strdup(line);
		if (!s->packages[s->n_packages])
			return -ENOMEM;
		s->n_packages++;
	}
	return 0;
}

static int read_required(struct tocsin_run *run, struct seen *s)
{
	static const struct {
		const char *flag, *packages;
	} files[] = {
		{ "/run/reboot-required", "/run/reboot-required.pkgs" }, /* Debian and Ubuntu */
		{ "/run/reboot-needed", NULL },                          /* SUSE */
	};

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		_cleanup_close_ int fd = tocsin_open(run, files[i].flag, O_PATH);

		if (fd < 0 && fd != -ENOENT) {
			tocsin_reason(run, "%s cannot be looked at: %s", files[i].flag, strerror(-fd));
			return fd;
		}
		if (fd < 0)
			continue;
		s->is_required = true;
		add_since(s, fd, true);
		int r = files[i].packages ? read_packages(run, files[i].packages, s) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_uptime(struct tocsin_run *run, struct seen *s)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/proc/uptime");
	double seconds;

	if (!file) {
		int r = -errno;

		tocsin_reason(run, "%s cannot be read: %s", "/proc/uptime", strerror(-r));
		return r;
	}
	if (fscanf(file, "%lf", &seconds) != 1 || !(seconds >= 0 && seconds < 1e11)) {
		tocsin_reason(run, "%s is not of the form that is known", "/proc/uptime");
		return -EBADMSG;
	}
	s->uptime_usec = (int64_t)(seconds * 1e6);
	return 0;
}

static void read_line(struct tocsin_run *run, const char *path, char text[KERNEL_TEXT_MAX])
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, path);

	if (!file || !fgets(text, KERNEL_TEXT_MAX, file))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* The image of RELEASE, or -errno; it lies in /boot, or beside its modules. */
static int open_image(struct tocsin_run *run, const char *release, int flags)
{
	static const struct {
		const char *before, *after;
	} forms[] = { { "/boot/vmlinuz-", "" }, { "/boot/vmlinux-", "" }, { "/lib/modules/", "/vmlinuz" } };
	char path[KERNEL_TEXT_MAX + 64];

	for (size_t i = 0; i < ELEMENTS(forms); i++) {
		snprintf(path, sizeof(path), "%s%s%s", forms[i].before, release, forms[i].after);
		int fd = tocsin_open(run, path, flags);
		if (fd >= 0 || fd != -ENOENT)
			return fd;
	}
	return -ENOENT;
}

static void find_newest(struct tocsin_run *run, struct seen *s)
{
	int fd = tocsin_open(run, "/lib/modules", O_RDONLY | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder) {
		close_fd(fd);
		return;
	}
	for (const struct dirent *e; (e = readdir(folder));) {
		const char *best = *s->newest ? s->newest : s->running;

		if (strlen(e->d_name) >= KERNEL_TEXT_MAX || !kernel_is_newer(best, e->d_name))
			continue;
		/* Modules without an image are left over, or of a kernel that was never meant to be booted.
		 */
		_cleanup_close_ int image = open_image(run, e->d_name, O_PATH);
		if (image >= 0)
			snprintf(s->newest, sizeof(s->newest), "%s", e->d_name);
	}
	closedir(folder);
	_cleanup_close_ int image = *s->newest ? open_image(run, s->newest, O_PATH) : -1;
	if (image >= 0)
		add_since(s, image, false);
}

/* A security update often keeps the release: only the build differs. */
static void find_replaced(struct tocsin_run *run, struct seen *s)
{
	_cleanup_close_ int image = open_image(run, s->running, O_RDONLY);
	char version[KERNEL_TEXT_MAX];

	if (image < 0 || !*s->build || kernel_image_version(image, version) < 0)
		return;
	const char *build = kernel_build(version);
	/* The header's own release proves that the file is what its name says. */
	bool is_same =
		strncmp(version, s->running, strlen(s->running)) == 0 && version[strlen(s->running)] == ' ';
	if (is_same && build && strcmp(build, s->build) != 0) {
		snprintf(s->replaced, sizeof(s->replaced), "%s", build);
		add_since(s, image, false);
	}
}

static void read_kernels(struct tocsin_run *run, struct seen *s)
{
	read_line(run, "/proc/sys/kernel/osrelease", s->running);
	read_line(run, "/proc/sys/kernel/version", s->build);
	if (!*s->running || strchr(s->running, '/'))
		return;
	find_newest(run, s);
	if (!*s->newest)
		find_replaced(run, s);
}

/* --- What it means */

static void put_packages(struct buf *b, const struct seen *s)
{
	for (size_t i = 0; i < s->n_packages && i < NAMED_MAX; i++)
		buf_printf(b, "%s%s", i ? C_("list", ", ") : "", s->packages[i]);
	if (s->n_packages > NAMED_MAX)
		buf_printf(b, _(" and %zu more"), s->n_packages - NAMED_MAX);
}

static int64_t required_for_usec(const struct seen *s)
{
	int64_t now = clock_realtime_usec();

	return s->since_usec < now ? now - s->since_usec : 0;
}

static enum tocsin_state required_state(const struct config *c, int64_t age_usec)
{
	if (c->required_critical > 0 && age_usec >= c->required_critical)
		return TOCSIN_CRITICAL;
	return age_usec >= c->required_warning ? TOCSIN_WARNING : TOCSIN_OK;
}

/* The sentence about what is required; nothing is appended when nothing is. */
static void put_required(struct buf *b, const struct seen *s)
{
	_cleanup_buf_ struct buf packages = BUF(4096);

	put_packages(&packages, s);
	if (packages.len)
		buf_printf(b, _("a restart is required by %s"), buf_text(&packages));
	else if (s->is_required)
		buf_puts(b, _("a restart is required"));
	if (b->len && (*s->newest || *s->replaced))
		buf_puts(b, _("; "));
	if (*s->newest)
		buf_printf(b, _("kernel %s is installed, but %s runs"), s->newest, s->running);
	else if (*s->replaced)
		buf_printf(b, _("the running kernel %s was replaced by another build"), s->running);
	if (b->len)
		buf_printf(b, _(", for %s"), short_duration(required_for_usec(s)).text);
}

static void judge(struct verdict *v, const struct config *c, const struct seen *s, const char *required)
{
	bool is_critical = c->uptime_critical > 0 && s->uptime_usec >= c->uptime_critical;

	if (*required)
		verdict_add(v, required_state(c, required_for_usec(s)), "%s", required);
	if (is_critical || (c->uptime_warning > 0 && s->uptime_usec >= c->uptime_warning))
		verdict_add(v, is_critical ? TOCSIN_CRITICAL : TOCSIN_WARNING, "up for %s (limit %s)",
			short_duration(s->uptime_usec).text,
			short_duration(is_critical ? c->uptime_critical : c->uptime_warning).text);
}

static void report_metrics(
	struct tocsin_run *run, const struct config *c, const struct seen *s, bool is_required)
{
	double required = is_required ? (double)required_for_usec(s) / 1e6 : 0;
	const struct tocsin_metric metrics[] = {
		{ "uptime", (double)s->uptime_usec / 1e6, "s",
			c->uptime_warning > 0 ? (double)c->uptime_warning / 1e6 : NAN,
			c->uptime_critical > 0 ? (double)c->uptime_critical / 1e6 : NAN, 0, NAN },
		{ "required", is_required, "", NAN, NAN, 0, 1 },
		{ "required_for", required, "s", (double)c->required_warning / 1e6,
			c->required_critical > 0 ? (double)c->required_critical / 1e6 : NAN, 0, NAN },
		{ "packages", (double)s->n_packages, "", NAN, NAN, 0, NAN },
	};

	for (size_t i = 0; i < ELEMENTS(metrics); i++)
		tocsin_metric(run, tocsin_name(run), &metrics[i]);
}

/* systemd's note of a planned shutdown (shutdown(8)): USEC=…, MODE=reboot. */
static void show_planned(struct tocsin_run *run)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/run/systemd/shutdown/scheduled");
	_cleanup_buf_ struct buf b = BUF(512), time = BUF(64);
	char line[256], mode[32] = "";
	long long usec = 0;

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "USEC=%lld", &usec);
		sscanf(line, "MODE=%31s", mode);
	}
	if (usec <= 0 || !*mode)
		return;
	format_time(&time, usec);
	buf_printf(&b, _("%s at %s"), mode, buf_text(&time));
	tocsin_evidence(run, tocsin_name(run), "Planned", buf_text(&b));
}

static void show(struct tocsin_run *run, const struct seen *s)
{
	_cleanup_buf_ struct buf packages = BUF(32768), kernels = BUF(4096);

	for (size_t i = 0; i < s->n_packages; i++)
		buf_printf(&packages, "%s\n", s->packages[i]);
	if (s->n_packages)
		tocsin_evidence(run, tocsin_name(run), "Packages that want a restart", buf_text(&packages));
	if (*s->running && !s->is_container)
		buf_printf(&kernels, _("running: %s %s\n"), s->running, s->build);
	if (*s->newest)
		buf_printf(&kernels, _("installed: %s\n"), s->newest);
	if (*s->replaced)
		buf_printf(&kernels, _("installed: %s %s\n"), s->running, s->replaced);
	if (kernels.len)
		tocsin_evidence(run, tocsin_name(run), "Kernels", buf_text(&kernels));
	show_planned(run);
}

static int look(struct tocsin_run *run, const void *config)
{
	_cleanup_(release) struct seen s = { .since_usec = USEC_NEVER, .is_container = is_container(run) };
	_cleanup_verdict_ struct verdict v = VERDICT;
	_cleanup_buf_ struct buf required = BUF(4096);
	const struct config *c = config;

	int r = read_uptime(run, &s);
	if (r == 0)
		r = read_required(run, &s);
	if (r < 0)
		return r;
	if (c->kernel && !s.is_container)
		read_kernels(run, &s);
	put_required(&required, &s);
	judge(&v, c, &s, buf_text(&required));
	if (v.state != TOCSIN_OK)
		tocsin_item(run, tocsin_name(run), v.state, "%s", buf_text(&v.text));
	else
		tocsin_item(run, tocsin_name(run), TOCSIN_OK, "%s, up for %s",
			required.len ? buf_text(&required) : _("no restart is required"),
			short_duration(s.uptime_usec).text);
	report_metrics(run, c, &s, required.len > 0);
	if (v.state != TOCSIN_OK)
		show(run, &s);
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "reboot",
	.summary = N_("Whether the host wants to be restarted, and for how long it is up"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
