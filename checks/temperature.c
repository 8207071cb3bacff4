/* SPDX-License-Identifier: GPL-3.0-or-later */
/* temperature: the sensors that the kernel knows (hwmon: processors, disks, boards), judged by the limits
 * that they bring along, or by those of the configuration. Numbers of hwmon change from boot to boot, so a
 * sensor is called by its device and its label. Interface: the kernel document hwmon/sysfs-interface.
 *
 * Inputs of boards that nothing is connected to give constant nonsense: what no sensor of a running computer
 * can measure is left out, unless the sensor is named. */
#include "buf.h"
#include "evidence.h"
#include "tocsin-check.h"
#include "translate.h"
#include "units.h"
#include "verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define HWMON "/sys/class/hwmon"
#define NAME_MAX_BYTES 128
#define INPUTS_MAX 256      /* of one chip */
#define PLAUSIBLE_MIN -40.0 /* °C; what is outside of both is not connected */
#define PLAUSIBLE_MAX 125.5
#define LIMIT_MAX 200.0 /* chips that have no limit say 0, -273.1 or 65261.8 */

struct config {
	struct tocsin_list sensor, exclude;
	double warning, critical;
};

#define MEMBER(name_, type_) .name = #name_, .type = type_, .offset = offsetof(struct config, name_)

static const struct tocsin_option options[] = {
	{ MEMBER(sensor, TOCSIN_LIST),
		.help = N_("A sensor to look at (glob), like \"coretemp.0 Core *\"; without it, all") },
	{ MEMBER(exclude, TOCSIN_LIST), .help = N_("A sensor to leave out (glob)") },
	{ MEMBER(warning, TOCSIN_NUMBER), .fallback = "0", .max = LIMIT_MAX,
		.help = N_("Temperature in °C from which it is a warning; 0: the limit that the sensor "
			   "brings along") },
	{ MEMBER(critical, TOCSIN_NUMBER), .fallback = "0", .max = LIMIT_MAX,
		.help = N_("Temperature in °C from which it is critical; 0: the limit that the sensor brings "
			   "along") },
	{ .name = NULL },
};

static const char *validate(const void *config)
{
	const struct config *c = config;

	if (c->warning > 0 && c->critical > 0 && c->critical < c->warning)
		return N_("critical must not be below warning");
	for (size_t i = 0; i < c->sensor.n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(c->sensor.items[i], c->sensor.items[j]) == 0)
				return N_("sensor names the same sensor twice");
	return NULL;
}

/* --- Chips and their files */

struct chip {
	char folder[NAME_MAX_BYTES * 2]; /* "/sys/class/hwmon/hwmon3" */
	char title[NAME_MAX_BYTES];      /* "coretemp.0", "k10temp 0000:00:18.3" */
};

/* The text of an attribute. 0 or -errno; also opening may ask the device. */
static int read_text(
	struct tocsin_run *run, const struct chip *chip, const char *file, char *text, size_t size)
{
	char path[sizeof(chip->folder) + NAME_MAX_BYTES];

	snprintf(path, sizeof(path), "%s/%s", chip->folder, file);
	_cleanup_close_ int fd = tocsin_open(run, path, O_RDONLY);
	if (fd < 0)
		return fd;
	ssize_t n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

/* "temp1" and "_crit" as a number. */
static int read_number(
	struct tocsin_run *run, const struct chip *chip, const char *input, const char *suffix, double *ret)
{
	char file[NAME_MAX_BYTES], text[64];
	int64_t value;

	snprintf(file, sizeof(file), "%s%s", input, suffix);
	int r = read_text(run, chip, file, text, sizeof(text));
	if (r == 0)
		r = parse_int(text, &value) < 0 ? -EBADMSG : 0;
	if (r == 0)
		*ret = (double)value;
	return r;
}

static bool is_set(struct tocsin_run *run, const struct chip *chip, const char *input, const char *suffix)
{
	double value;

	return read_number(run, chip, input, suffix, &value) == 0 && value > 0;
}

static bool is_sensible(double limit)
{
	return limit > 0 && limit <= LIMIT_MAX;
}

/* In °C, NAN when there is none. */
static double read_limit(
	struct tocsin_run *run, const struct chip *chip, const char *input, const char *suffix)
{
	double value;

	if (read_number(run, chip, input, suffix, &value) < 0)
		return NAN;
	return is_sensible(value / 1000) ? value / 1000 : NAN;
}

/* A chip that nobody has set up compares with limits of -65 °C, and has an alarm all the time. */
static bool has_alarm(struct tocsin_run *run, const struct chip *chip, const char *input, const char *alarm,
	const char *limit)
{
	double value;

	return is_set(run, chip, input, alarm) &&
	       (read_number(run, chip, input, limit, &value) < 0 || is_sensible(value / 1000));
}

/* "_alarm" stands for the lower limit, too. */
static bool has_sensible_range(struct tocsin_run *run, const struct chip *chip, const char *input)
{
	double low, high;

	return read_number(run, chip, input, "_min", &low) < 0 ||
	       read_number(run, chip, input, "_max", &high) < 0 || low < high;
}

/* The folder that the link "device" leads to: it tells two disks apart, and stays over a boot. */
static void read_device(struct tocsin_run *run, const char *folder, char *text, size_t size)
{
	char path[4096], target[1024];

	snprintf(path, sizeof(path), "%s%s/device", tocsin_root(run), folder);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(target, '/');
	snprintf(text, size, "%.60s", slash ? slash + 1 : target);
}

static int open_chip(struct tocsin_run *run, const char *entry, struct chip *ret)
{
	char name[48], device[64];

	snprintf(ret->folder, sizeof(ret->folder), HWMON "/%.100s", entry);
	int r = read_text(run, ret, "name", name, sizeof(name));
	if (r < 0)
		return r;
	read_device(run, ret->folder, device, sizeof(device));
	if (!*device)
		snprintf(ret->title, sizeof(ret->title), "%s", name);
	else if (strncmp(device, name, strlen(name)) == 0)
		snprintf(ret->title, sizeof(ret->title), "%s", device);
	else
		snprintf(ret->title, sizeof(ret->title), "%s %s", name, device);
	return 0;
}

/* --- The sensors of a chip */

#define INPUT_MAX 32

struct inputs {
	char names[INPUTS_MAX][INPUT_MAX];          /* "temp1", "fan2", in order */
	char items[INPUTS_MAX][NAME_MAX_BYTES * 2]; /* "coretemp.0 Core 0" */
	size_t n;
};

static bool is_input(const char *file, size_t *ret_len)
{
	size_t digits = strncmp(file, "temp", 4) == 0 ? 4 : strncmp(file, "fan", 3) == 0 ? 3 : 0;
	size_t len = digits + strspn(file + digits, "0123456789");

	*ret_len = len;
	return digits && len > digits && len < INPUT_MAX && strcmp(file + len, "_input") == 0;
}

static int filter_input(const struct dirent *e)
{
	size_t len;

	return is_input(e->d_name, &len);
}

static void read_label(
	struct tocsin_run *run, const struct chip *chip, const char *input, char *text, size_t size)
{
	char file[INPUT_MAX + 8];

	snprintf(file, sizeof(file), "%s_label", input);
	if (read_text(run, chip, file, text, size) < 0 || !*text)
		snprintf(text, size, "%s", input);
}

/* Of two sensors with the same label the second one is called by its number, too. */
static void add_input(
	struct tocsin_run *run, const struct chip *chip, const char *name, struct inputs *inputs)
{
	char label[NAME_MAX_BYTES / 2], item[sizeof(inputs->items[0])];

	read_label(run, chip, name, label, sizeof(label));
	snprintf(item, sizeof(item), "%s %s", chip->title, label);
	for (size_t i = 0; i < inputs->n; i++)
		if (strcmp(inputs->items[i], item) == 0)
			snprintf(item, sizeof(item), "%s %s (%s)", chip->title, label, name);
	snprintf(inputs->names[inputs->n], INPUT_MAX, "%s", name);
	memcpy(inputs->items[inputs->n++], item, sizeof(item));
}

static int list_inputs(struct tocsin_run *run, const struct chip *chip, struct inputs *ret)
{
	_cleanup_close_ int fd = tocsin_open(run, chip->folder, O_RDONLY | O_DIRECTORY);
	struct dirent **entries = NULL;
	int n = fd < 0 ? fd : scandirat(fd, ".", &entries, filter_input, versionsort);

	if (n < 0)
		return fd < 0 ? fd : -errno;
	ret->n = 0;
	for (int i = 0; i < n; i++) {
		char name[INPUT_MAX];
		size_t len;

		if (is_input(entries[i]->d_name, &len) && ret->n < INPUTS_MAX) {
			snprintf(name, sizeof(name), "%.*s", (int)len, entries[i]->d_name);
			add_input(run, chip, name, ret);
		}
		free(entries[i]);
	}
	free(entries);
	return 0;
}

/* --- A sensor */

struct look {
	struct tocsin_run *run;
	const struct config *config;
	bool *was_matched; /* for each of config->sensor */
	size_t n_reported;
	bool has_processes; /* the evidence that is the same for all sensors was given */
};

struct sensor {
	const struct chip *chip;
	const struct inputs *inputs;
	const char *input, *item; /* "temp1", "coretemp.0 Core 0" */
	double celsius, warning, critical;
	bool is_named, is_warned, is_critical; /* the last two: by the chip itself */
};

/* The limits of the configuration replace those of the chip, and its alarms, which come from them. */
static void read_limits(struct tocsin_run *run, const struct config *c, struct sensor *s)
{
	s->warning = c->warning > 0 ? c->warning : read_limit(run, s->chip, s->input, "_max");
	s->critical = c->critical > 0 ? c->critical : read_limit(run, s->chip, s->input, "_crit");
	if (s->warning > s->critical)
		s->warning = NAN;
	if (c->warning > 0 || c->critical > 0)
		return;
	s->is_critical = has_alarm(run, s->chip, s->input, "_crit_alarm", "_crit") ||
			 has_alarm(run, s->chip, s->input, "_emergency_alarm", "_emergency");
	s->is_warned = has_alarm(run, s->chip, s->input, "_max_alarm", "_max") ||
		       (has_alarm(run, s->chip, s->input, "_alarm", "_max") &&
			       has_sensible_range(run, s->chip, s->input));
}

static void judge(struct verdict *v, const struct sensor *s)
{
	if (s->celsius >= s->critical)
		verdict_add(v, TOCSIN_CRITICAL, "%.1f °C (limit %.4g °C)", s->celsius, s->critical);
	else if (s->is_critical)
		verdict_add(v, TOCSIN_CRITICAL, "%.1f °C, the sensor itself says that this is critical",
			s->celsius);
	else if (s->celsius >= s->warning)
		verdict_add(v, TOCSIN_WARNING, "%.1f °C (limit %.4g °C)", s->celsius, s->warning);
	else if (s->is_warned)
		verdict_add(v, TOCSIN_WARNING, "%.1f °C, the sensor itself raises an alarm", s->celsius);
}

static void put_number(struct tocsin_run *run, struct buf *b, const struct chip *chip, const char *input)
{
	bool is_fan = strncmp(input, "fan", 3) == 0;
	char label[NAME_MAX_BYTES];
	double value;

	if (read_number(run, chip, input, "_input", &value) < 0)
		return;
	read_label(run, chip, input, label, sizeof(label));
	if (is_fan)
		buf_printf(b, "%8.0f rpm  %s\n", value, label);
	else
		buf_printf(b, "%8.1f °C   %s\n", value / 1000, label);
}

static void show(struct look *l, const struct sensor *s)
{
	_cleanup_buf_ struct buf b = BUF(16384);

	for (size_t i = 0; i < s->inputs->n; i++)
		put_number(l->run, &b, s->chip, s->inputs->names[i]);
	tocsin_evidence(l->run, s->item, "All sensors and fans of this chip", buf_text(&b));
	if (!l->has_processes)
		evidence_processes(l->run, s->item, EVIDENCE_BUSY);
	l->has_processes = true;
}

static void report(struct look *l, const struct sensor *s)
{
	_cleanup_verdict_ struct verdict v = VERDICT;
	double highest = isnan(s->critical) ? s->warning : s->critical;

	judge(&v, s);
	if (v.state != TOCSIN_OK)
		tocsin_item(l->run, s->item, v.state, "%s", buf_text(&v.text));
	else if (isnan(highest))
		tocsin_item(l->run, s->item, TOCSIN_OK, "%.1f °C, no limit is known", s->celsius);
	else
		tocsin_item(l->run, s->item, TOCSIN_OK, "%.1f °C (limit %.4g °C)", s->celsius, highest);
	tocsin_metric(l->run, s->item,
		&(struct tocsin_metric){ "temperature", s->celsius, "C", s->warning, s->critical, NAN, NAN });
	if (v.state != TOCSIN_OK)
		show(l, s);
}

/* A device that sleeps or is switched off has no temperature: that is no failure unless the sensor is named.
 */
static bool is_asleep(int error)
{
	return error == -ENODATA || error == -ENXIO || error == -EAGAIN || error == -ENODEV ||
	       error == -ENOENT;
}

/* True: reported. */
static bool look_at(struct look *l, struct sensor *s)
{
	tocsin_look(l->run, s->item);
	int r = read_number(l->run, s->chip, s->input, "_input", &s->celsius);
	s->celsius /= 1000;
	bool is_connected = r < 0 || (s->celsius >= PLAUSIBLE_MIN && s->celsius <= PLAUSIBLE_MAX);
	if (!s->is_named && (is_asleep(r) || !is_connected))
		return false;
	if (r < 0) {
		tocsin_item(l->run, s->item, TOCSIN_UNKNOWN, "cannot be read: %s", strerror(-r));
	} else if (is_set(l->run, s->chip, s->input, "_fault")) {
		tocsin_item(l->run, s->item, TOCSIN_UNKNOWN, "the chip says that this sensor is faulty");
	} else if (!is_connected) {
		tocsin_item(l->run, s->item, TOCSIN_UNKNOWN, "%.1f °C: probably nothing is connected",
			s->celsius);
	} else {
		read_limits(l->run, l->config, s);
		report(l, s);
	}
	return true;
}

/* --- All sensors */

static bool matches(const struct tocsin_list *list, const char *item, bool *ret_matched)
{
	bool does = false;

	for (size_t i = 0; i < list->n; i++)
		if (fnmatch(list->items[i], item, 0) == 0) {
			does = true;
			if (ret_matched)
				ret_matched[i] = true;
		}
	return does;
}

static void look_at_chip(struct look *l, const struct chip *chip)
{
	_cleanup_free_ struct inputs *inputs = malloc(sizeof(*inputs));
	const struct config *c = l->config;

	if (!inputs || list_inputs(l->run, chip, inputs) < 0)
		return;
	for (size_t i = 0; i < inputs->n; i++) {
		struct sensor s = { chip, inputs, inputs->names[i], inputs->items[i], NAN, NAN, NAN, false,
			false, false };

		if (strncmp(s.input, "temp", 4) != 0 || matches(&c->exclude, s.item, NULL))
			continue;
		s.is_named = matches(&c->sensor, s.item, l->was_matched);
		if (s.is_named || c->sensor.n == 0)
			l->n_reported += look_at(l, &s);
	}
}

static int is_chip(const struct dirent *e)
{
	return strncmp(e->d_name, "hwmon", 5) == 0;
}

/* Two devices on different buses may have the same name. */
static void separate_chip(struct chip *chips, int i)
{
	size_t len = strlen(chips[i].title);

	for (int j = 0; j < i; j++)
		if (strcmp(chips[i].title, chips[j].title) == 0) {
			snprintf(chips[i].title + len, sizeof(chips[i].title) - len, " %s",
				strrchr(chips[i].folder, '/') + 1);
			return;
		}
}

static int look_at_chips(struct look *l)
{
	_cleanup_close_ int fd = tocsin_open(l->run, HWMON, O_RDONLY | O_DIRECTORY);
	struct dirent **entries = NULL;
	int n = fd < 0 ? fd : scandirat(fd, ".", &entries, is_chip, versionsort);

	if (fd >= 0 && n < 0)
		n = -errno;
	if (n == -ENOENT)
		return 0;
	if (n < 0) {
		tocsin_reason(l->run, "%s cannot be read: %s", HWMON, strerror(-n));
		return n;
	}
	_cleanup_free_ struct chip *chips = calloc((size_t)n + 1, sizeof(*chips));
	for (int i = 0; i < n; i++) {
		if (chips && open_chip(l->run, entries[i]->d_name, &chips[i]) == 0) {
			separate_chip(chips, i);
			look_at_chip(l, &chips[i]);
		}
		free(entries[i]);
	}
	free(entries);
	return chips ? 0 : -ENOMEM;
}

static int look(struct tocsin_run *run, const void *config)
{
	const struct config *c = config;
	_cleanup_free_ bool *was_matched = calloc(c->sensor.n + 1, sizeof(*was_matched));
	struct look l = { run, c, was_matched, 0, false };

	if (!was_matched)
		return -ENOMEM;
	int r = look_at_chips(&l);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->sensor.n; i++)
		if (!was_matched[i])
			tocsin_item(run, c->sensor.items[i], TOCSIN_UNKNOWN, "there is no such sensor");
	if (l.n_reported == 0 && c->sensor.n == 0) {
		tocsin_reason(run, "this host has no sensor of a temperature");
		return -EOPNOTSUPP;
	}
	return 0;
}

const struct tocsin_check tocsin_check_module = {
	TOCSIN_CHECK_HEADER,
	.name = "temperature",
	.summary = N_("Temperatures of processors, disks and boards"),
	.options = options,
	.config_size = sizeof(struct config),
	.validate = validate,
	.run = look,
};
