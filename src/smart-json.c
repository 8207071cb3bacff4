/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "smart-json.h"

#include "buf.h"
#include "translate.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#define ATTRIBUTES_MAX 64
#define TABLE_MAX 16384

static void release_json(json_t **value)
{
	json_decref(*value);
}

#define _cleanup_json_ _cleanup_(release_json)

/* --- Reading of what may be there or not */

/* The member behind a path of names, NULL at its end; NULL when it is not there. */
static const json_t *find(const json_t *value, ...)
{
	va_list names;
	const char *name;

	va_start(names, value);
	while (value && (name = va_arg(names, const char *)))
		value = json_object_get(value, name);
	va_end(names);
	return value;
}

static void take_text(const json_t *value, char text[SMART_TEXT_MAX])
{
	if (json_is_string(value))
		snprintf(text, SMART_TEXT_MAX, "%s", json_string_value(value));
}

/* Counts and percentages: what is negative is none. */
static void take_number(const json_t *value, double *ret)
{
	if (json_is_number(value) && json_number_value(value) >= 0 && isfinite(json_number_value(value)))
		*ret = json_number_value(value);
}

static void add_number(const json_t *value, double *sum)
{
	double number = NAN;

	take_number(value, &number);
	if (!isnan(number))
		*sum = isnan(*sum) ? number : *sum + number;
}

/* 0 and the document, when it is an answer of smartctl. */
static int load(const char *text, size_t len, json_t **ret)
{
	_cleanup_json_ json_t *root = json_loadb(text, len, 0, NULL);

	if (!json_is_integer(find(root, "smartctl", "exit_status", NULL)))
		return -EBADMSG;
	*ret = TAKE_PTR(root);
	return 0;
}

/* --- The list of disks */

int smart_scan_parse(const char *text, size_t len, struct smart_scan *ret)
{
	_cleanup_json_ json_t *root = NULL;
	struct smart_scan s = { 0 };

	int r = load(text, len, &root);
	if (r < 0)
		return r;
	const json_t *devices = json_object_get(root, "devices");
	size_t n = json_array_size(devices); /* 0 when it is not there: smartctl found none */
	if (n > SMART_DEVICES_MAX)
		n = SMART_DEVICES_MAX;
	s.devices = calloc(n + 1, sizeof(*s.devices));
	if (!s.devices)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *device = json_array_get(devices, i);
		struct smart_device *d = &s.devices[s.n];

		take_text(json_object_get(device, "name"), d->name);
		take_text(json_object_get(device, "type"), d->type);
		take_text(json_object_get(device, "open_error"), d->error);
		s.n += *d->name != '\0';
	}
	*ret = s;
	return 0;
}

void smart_scan_free(struct smart_scan *s)
{
	free(s->devices);
	*s = (struct smart_scan){ 0 };
}

/* --- ATA */

/* A number means what smartctl calls it: makers of solid-state disks have put sectors that were read, or
 * written GiB, into 197 to 199, and Current_Pending_ECC_Cnt of some is 1 whenever they move data. */
static const struct {
	int id;
	enum smart_number number;
	const char *words[3]; /* one of which is in the name */
} attribute_ids[] = {
	{ 5, SMART_REALLOCATED, { "Realloc", "Retired", "Bad_B" } },
	{ 187, SMART_REPORTED, { "Uncor", "Unc_", "UE_" } },
	{ 197, SMART_PENDING, { "Pending_Sector" } },
	{ 198, SMART_UNCORRECTABLE, { "Uncor", "UNC_" } },
	{ 199, SMART_CRC_ERRORS, { "CRC" } },
};

/* Without a name of its own the number has its usual meaning. */
static bool has_meaning(const char *name, const char *const words[3])
{
	static const char *const none[] = { "Unknown_Attribute", "Unknown_HDD_Attribute",
		"Unknown_SSD_Attribute" };

	for (size_t i = 0; name && i < 3 && words[i]; i++)
		if (strstr(name, words[i]))
			return true;
	for (size_t i = 0; name && i < ELEMENTS(none); i++)
		if (strcmp(name, none[i]) == 0)
			return true;
	return !name;
}

/* The raw value of these is a count; other attributes have makers' own secrets in theirs. Some firmwares put
 * something else into the upper of its six bytes. */
static void take_attribute(const json_t *attribute, struct smart_health *h)
{
	const char *name = json_string_value(json_object_get(attribute, "name"));
	const json_t *raw = find(attribute, "raw", "value", NULL);
	json_int_t id = json_integer_value(json_object_get(attribute, "id"));

	for (size_t i = 0; i < ELEMENTS(attribute_ids); i++)
		if (id == attribute_ids[i].id && has_meaning(name, attribute_ids[i].words) &&
			json_is_integer(raw) && json_integer_value(raw) >= 0)
			h->number[attribute_ids[i].number] = (double)(json_integer_value(raw) & 0xffffffff);
}

static void take_failure(const json_t *attribute, struct smart_health *h)
{
	const char *when = json_string_value(json_object_get(attribute, "when_failed"));
	bool is_prefailure = json_is_true(find(attribute, "flags", "prefailure", NULL));
	enum smart_failure failure = is_prefailure ? SMART_FAILS_SOON : SMART_FAILS_OLD_AGE;

	if (!when || strcmp(when, "now") != 0 || failure <= h->failure)
		return;
	h->failure = failure;
	take_text(json_object_get(attribute, "name"), h->failing);
}

static void put_attribute(const json_t *attribute, struct buf *b)
{
	const char *name = json_string_value(json_object_get(attribute, "name"));
	const char *raw = json_string_value(find(attribute, "raw", "string", NULL));
	const char *when = json_string_value(json_object_get(attribute, "when_failed"));

	buf_printf(b, _("%3d %-28.64s value %3d  worst %3d  threshold %3d  raw %.64s"),
		(int)json_integer_value(json_object_get(attribute, "id")), name ? name : "?",
		(int)json_integer_value(json_object_get(attribute, "value")),
		(int)json_integer_value(json_object_get(attribute, "worst")),
		(int)json_integer_value(json_object_get(attribute, "thresh")), raw ? raw : "?");
	if (when && *when)
		buf_printf(b, _("  failed: %.16s"), when);
	buf_putc(b, '\n');
}

static void read_ata(const json_t *root, struct smart_health *h, struct buf *b)
{
	const json_t *table = find(root, "ata_smart_attributes", "table", NULL);

	for (size_t i = 0; i < json_array_size(table) && i < ATTRIBUTES_MAX; i++) {
		const json_t *attribute = json_array_get(table, i);

		take_attribute(attribute, h);
		take_failure(attribute, h);
		put_attribute(attribute, b);
	}
	take_number(find(root, "ata_smart_error_log", "summary", "count", NULL), &h->number[SMART_LOGGED]);
	add_number(find(root, "ata_smart_error_log", "extended", "count", NULL), &h->number[SMART_LOGGED]);
}

static void read_ata_self_test(const json_t *root, struct smart_health *h)
{
	static const char *const logs[] = { "standard", "extended" };

	for (size_t i = 0; i < ELEMENTS(logs); i++) {
		const json_t *table = find(root, "ata_smart_self_test_log", logs[i], "table", NULL);
		const json_t *status = find(json_array_get(table, 0), "status", NULL);

		if (json_is_false(json_object_get(status, "passed")))
			take_text(json_object_get(status, "string"), h->self_test);
	}
}

/* RESULT has a number, of which FIRST to LAST are failures; others are tests that were aborted. */
static void take_result(const json_t *result, json_int_t first, json_int_t last, struct smart_health *h)
{
	const json_t *value = json_object_get(result, "value");

	if (json_is_integer(value) && json_integer_value(value) >= first && json_integer_value(value) <= last)
		take_text(json_object_get(result, "string"), h->self_test);
}

/* The newest self-test comes first; of NVMe (smartctl 7.4) behind places that are empty. Results:
 * SPC-4, 7.3.20; NVM Express base specification, device self-test log. */
static void read_self_test(const json_t *root, struct smart_health *h)
{
	const json_t *table = find(root, "nvme_self_test_log", "table", NULL);
	size_t i = 0;

	read_ata_self_test(root, h);
	take_result(find(root, "scsi_self_test_0", "result", NULL), 3, 7, h);
	while (i < json_array_size(table) && !json_is_object(json_array_get(table, i)))
		i++;
	take_result(find(json_array_get(table, i), "self_test_result", NULL), 5, 7, h);
}

/* --- NVMe and SCSI */

static const struct {
	const char *name;
	enum smart_number number;
} nvme_names[] = {
	{ "critical_warning", SMART_WARNINGS },
	{ "available_spare", SMART_SPARE },
	{ "available_spare_threshold", SMART_SPARE_LIMIT },
	{ "percentage_used", SMART_USED },
	{ "media_errors", SMART_UNCORRECTABLE },
	{ "num_err_log_entries", SMART_LOGGED },
};

static void read_nvme(const json_t *root, struct smart_health *h, struct buf *b)
{
	const json_t *log = json_object_get(root, "nvme_smart_health_information_log");
	const char *name;
	json_t *value;

	for (size_t i = 0; i < ELEMENTS(nvme_names); i++)
		take_number(json_object_get(log, nvme_names[i].name), &h->number[nvme_names[i].number]);
	json_object_foreach((json_t *)log, name, value) if (json_is_number(value))
		buf_printf(b, "%-28.64s %.15g\n", name, json_number_value(value));
}

static void read_scsi(const json_t *root, struct smart_health *h, struct buf *b)
{
	static const struct {
		const char *key, *what;
	} kinds[] = {
		{ "read", N_("uncorrected errors of read") },
		{ "write", N_("uncorrected errors of write") },
		{ "verify", N_("uncorrected errors of verify") },
	};

	add_number(json_object_get(root, "scsi_grown_defect_list"), &h->number[SMART_REALLOCATED]);
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		const json_t *errors =
			find(root, "scsi_error_counter_log", kinds[i].key, "total_uncorrected_errors", NULL);
		double before = h->number[SMART_UNCORRECTABLE];

		add_number(errors, &h->number[SMART_UNCORRECTABLE]);
		if (json_is_number(errors))
			buf_printf(b, "%s: %.15g\n", _(kinds[i].what),
				h->number[SMART_UNCORRECTABLE] - (isnan(before) ? 0 : before));
	}
	take_number(find(root, "scsi_percentage_used_endurance_indicator", NULL), &h->number[SMART_USED]);
}

/* --- All of a disk */

/* The first error; else the first message. */
static void read_message(const json_t *root, struct smart_health *h)
{
	const json_t *messages = find(root, "smartctl", "messages", NULL);

	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *message = json_array_get(messages, i);
		const char *severity = json_string_value(json_object_get(message, "severity"));
		bool is_error = severity && strcmp(severity, "error") == 0;

		if (!*h->message || is_error)
			take_text(json_object_get(message, "string"), h->message);
		if (is_error)
			return;
	}
}

static void read_identity(const json_t *root, struct smart_health *h)
{
	static const char *const models[] = { "model_name", "scsi_model_name" };

	for (size_t i = 0; i < ELEMENTS(models) && !*h->model; i++)
		take_text(json_object_get(root, models[i]), h->model);
	take_text(json_object_get(root, "serial_number"), h->serial);
	take_text(find(root, "device", "protocol", NULL), h->protocol);
}

int smart_health_parse(const char *text, size_t len, struct smart_health *ret)
{
	_cleanup_json_ json_t *root = NULL;
	_cleanup_buf_ struct buf table = BUF(TABLE_MAX);
	struct smart_health h = { 0 };

	int r = load(text, len, &root);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SMART_NUMBERS; i++)
		h.number[i] = NAN;
	h.exit_status = (int)json_integer_value(find(root, "smartctl", "exit_status", NULL));
	read_message(root, &h);
	read_identity(root, &h);
	h.has_verdict = json_is_boolean(find(root, "smart_status", "passed", NULL));
	h.has_passed = json_is_true(find(root, "smart_status", "passed", NULL));
	h.is_unsupported = json_is_false(find(root, "smart_support", "available", NULL));
	h.is_disabled = json_is_false(find(root, "smart_support", "enabled", NULL));
	take_number(find(root, "temperature", "current", NULL), &h.number[SMART_TEMPERATURE]);
	take_number(find(root, "power_on_time", "hours", NULL), &h.number[SMART_POWER_ON]);
	read_ata(root, &h, &table);
	read_self_test(root, &h);
	read_nvme(root, &h, &table);
	read_scsi(root, &h, &table);
	/* smartctl 7.4 computes it for every kind of disk that tells it somewhere */
	take_number(find(root, "endurance_used", "current_percent", NULL), &h.number[SMART_USED]);
	h.table = strdup(buf_text(&table));
	if (!h.table)
		return -ENOMEM;
	*ret = h;
	return 0;
}

void smart_health_free(struct smart_health *h)
{
	free(h->table);
	*h = (struct smart_health){ 0 };
}
