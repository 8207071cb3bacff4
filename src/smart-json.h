/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What smartctl --json says (smartctl(8); "json_format_version" 1): the list of disks, and the health of one.
 * Numbers and words only; they judge nothing. Needs jansson, so it is linked by the module that uses it. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>

#define SMART_TEXT_MAX 256
#define SMART_DEVICES_MAX 256

/* Parts of the exit status. */
#define SMART_EXIT_USAGE 0x01
#define SMART_EXIT_OPEN 0x02

struct smart_device {
	char name[SMART_TEXT_MAX];  /* "/dev/sda", "/dev/bus/0" */
	char type[SMART_TEXT_MAX];  /* for -d: "sat", "megaraid,3" */
	char error[SMART_TEXT_MAX]; /* why it could not be opened, or "" */
};

struct smart_scan {
	struct smart_device *devices;
	size_t n;
};

/* The answer to --scan-open. 0, -EBADMSG for what is no such answer, -ENOMEM. */
int smart_scan_parse(const char *text, size_t len, struct smart_scan *ret);
void smart_scan_free(struct smart_scan *s);

enum smart_number {
	SMART_REALLOCATED,   /* sectors that were replaced (ATA 5; SCSI: grown defects) */
	SMART_PENDING,       /* sectors that cannot be read and are not replaced yet (ATA 197) */
	SMART_UNCORRECTABLE, /* errors that could not be corrected (ATA 198, SCSI; NVMe: media errors) */
	SMART_REPORTED,      /* such errors that were reported to the host (ATA 187) */
	SMART_CRC_ERRORS,    /* errors on the cable (ATA 199) */
	SMART_USED,          /* percentage of the endurance that is used up; may be over 100 */
	SMART_SPARE,         /* percentage of spare blocks that are left (NVMe) */
	SMART_SPARE_LIMIT,   /* and the one that the maker calls too low */
	SMART_WARNINGS,      /* bits of the critical warning (NVMe) */
	SMART_TEMPERATURE,   /* °C */
	SMART_POWER_ON,      /* hours */
	SMART_LOGGED,        /* errors in the disk's log */
	SMART_NUMBERS
};

enum smart_failure { SMART_FAILS_NOT, SMART_FAILS_OLD_AGE, SMART_FAILS_SOON };

struct smart_health {
	int exit_status;
	char message[SMART_TEXT_MAX]; /* the first complaint of smartctl, or "" */
	char model[SMART_TEXT_MAX], serial[SMART_TEXT_MAX], protocol[SMART_TEXT_MAX];
	bool has_verdict, has_passed;     /* the disk's own */
	bool is_unsupported, is_disabled; /* SMART is not there; is switched off */
	double number[SMART_NUMBERS];     /* NAN: the disk does not tell */
	enum smart_failure failure;       /* the worst attribute at or below its threshold now */
	char failing[SMART_TEXT_MAX];     /* its name */
	char self_test[SMART_TEXT_MAX];   /* how the last self-test failed; "" when it did not, or there was
					     none */
	char *table;                      /* the attributes as lines for a person; "" when there are none */
};

/* The answer to --all about one disk. 0, -EBADMSG for what is no such answer, -ENOMEM. */
int smart_health_parse(const char *text, size_t len, struct smart_health *ret);
void smart_health_free(struct smart_health *h);

#define _cleanup_smart_scan_ _cleanup_(smart_scan_free)
#define _cleanup_smart_health_ _cleanup_(smart_health_free)
