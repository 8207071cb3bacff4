/* SPDX-License-Identifier: MIT */
/* tocsin-check.h: the interface between tocsin and a check module.
 *
 * A module is a shared object NAME.so in tocsin's checks folder that exports one constant,
 *
 *     const struct tocsin_check tocsin_check_module = {
 *             TOCSIN_CHECK_HEADER,
 *             .name = "NAME", …
 *     };
 *
 * It runs in a helper process of its own that the daemon started for one batch of checks and that ends after it:
 * the process is the lifetime. There is nothing to initialise and nothing to free; a module that crashes, hangs or
 * leaks harms only its own result. A module looks, reports what it saw, and decides nothing about alerts.
 *
 * States, and what is "performance data" there, are those of the Monitoring Plugins Development Guidelines. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a module built against an older header would no longer work. Otherwise the structures below only grow at
 * their ends, where zero means "as before": a module runs in the tocsin of its header and in every newer one. */
#define TOCSIN_CHECK_ABI 1

enum tocsin_state {
	TOCSIN_OK = 0,
	TOCSIN_WARNING = 1,
	TOCSIN_CRITICAL = 2,
	TOCSIN_UNKNOWN = 3, /* could not look: never "fine", never "broken" */
};

/* What the configuration file may say for an option, and the C type of the member that receives it. */
enum tocsin_option_type {
	TOCSIN_BOOL, /* bool: yes, no, true, false, on, off, 1, 0 */
	TOCSIN_INT, /* int64_t: a whole number */
	TOCSIN_NUMBER, /* double: a decimal number */
	TOCSIN_DURATION, /* int64_t, microseconds: "90s", "5m", "1h 30m", "2d"; a bare number is seconds */
	TOCSIN_SIZE, /* int64_t, bytes: "10G"; powers of 1024 */
	TOCSIN_PERCENT, /* double: "90%" */
	TOCSIN_LIMIT, /* struct tocsin_limit: "90%", a size or a plain number */
	TOCSIN_STRING, /* const char *, NULL when not given */
	TOCSIN_PATH, /* const char *, an absolute path, NULL when not given */
	TOCSIN_CHOICE, /* int: the index in `choices` */
	TOCSIN_LIST, /* struct tocsin_list: the key may be repeated */
};

enum tocsin_limit_unit {
	TOCSIN_LIMIT_UNSET = 0,
	TOCSIN_LIMIT_PERCENT,
	TOCSIN_LIMIT_ABSOLUTE, /* a plain number, or bytes for a size */
};

struct tocsin_limit {
	double value;
	enum tocsin_limit_unit unit;
};

struct tocsin_list {
	const char *const *items;
	size_t n;
};

/* One row of the option table. The table drives parsing, --check-config, the manual and completion. */
struct tocsin_option {
	const char *name; /* the key, lower case; NULL ends the table */
	enum tocsin_option_type type;
	size_t offset; /* of the member in the module's configuration struct */
	const char *fallback; /* the default, written as in the file; NULL: zero, or "not given" */
	double min, max; /* both 0: no bounds. In the unit of the member (µs, bytes, percent) */
	const char *const *choices; /* for TOCSIN_CHOICE, NULL at the end */
	const char *help; /* one sentence without its final period */
};

struct tocsin_run; /* one run of one check; only to be handed on to the functions below */

#define TOCSIN_CHECK_SLOW 1u /* waits for something outside (network, a command): gets a process of its own */
#define TOCSIN_CHECK_EVENT 2u /* one bad result is proof, there is no noise to confirm away (a process is gone) */
#define TOCSIN_CHECK_STEADY 4u /* values creep rather than jump (space on a disk): 2 points of hysteresis suffice */

struct tocsin_check {
	uint32_t abi; /* TOCSIN_CHECK_HEADER sets these three */
	uint32_t check_size;
	uint32_t option_size;
	unsigned flags;
	const char *name; /* equals the file name */
	const char *summary; /* one line */
	const struct tocsin_option *options;
	size_t config_size; /* of the struct that `options` fills; the runner zeroes it first */

	/* What the table cannot say. Returns NULL, or one sentence for the administrator (static or leaked). May be
	 * NULL. Called also by --check-config, on any host, so it must not look at the system. */
	const char *(*validate)(const void *config);

	/* Looks. 0: it looked, and reported each item. -errno: it could not look (tocsin_reason() says why, else the
	 * errno does): UNKNOWN. -EOPNOTSUPP: there is nothing of the kind on this host: listed once, never alerted. */
	int (*run)(struct tocsin_run *run, const void *config);
};

#define TOCSIN_CHECK_HEADER                                                                                  \
	.abi = TOCSIN_CHECK_ABI, .check_size = sizeof(struct tocsin_check), .option_size = sizeof(struct tocsin_option)

extern const struct tocsin_check tocsin_check_module;

/* Functions of the runner. ITEM is what one state is about ("/", "sshd"), up to 255 bytes of UTF-8; a check with a
 * single item uses its own name, tocsin_name(). Texts are plain UTF-8 of one line unless said otherwise; what comes
 * from outside may be handed on as it is, the runner cleans it. */

/* TEXT in the language of the configuration, if tocsin has this sentence of one of its own modules in that language, else
 * as it is. The formats of tocsin_item() and tocsin_reason(), and titles of evidence, are looked up anyway. */
const char *tocsin_translate(const char *text) __attribute__((__format_arg__(1)));

/* The name of the check, as in [check NAME]. */
const char *tocsin_name(const struct tocsin_run *run);

/* A number that is the same for all runs of one batch and never comes again in this process. What is costly to
 * read and belongs to no single check (the list of processes) may be kept in a static variable while it stays. */
uint64_t tocsin_batch(const struct tocsin_run *run);

/* Announces that ITEM is touched now. Should the process hang or die before the next report, the UNKNOWN is
 * ITEM's. Call it before each item that can block (a file system, a device). */
void tocsin_look(struct tocsin_run *run, const char *item);

/* Reports the state of ITEM. Once for each item and run. */
void tocsin_item(struct tocsin_run *run, const char *item, enum tocsin_state state, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));

/* A number that belongs to ITEM, reported before. What is not known is NAN. */
struct tocsin_metric {
	const char *name;
	double value;
	const char *unit; /* "B", "%", "s", "c" (a counter), "" */
	double warning, critical; /* the limits that were in force */
	double min, max; /* the range that is possible */
};

void tocsin_metric(struct tocsin_run *run, const char *item, const struct tocsin_metric *metric);

/* What an administrator would look up first, for the mail: a title and one or more lines. At most 64 KiB. */
void tocsin_evidence(struct tocsin_run *run, const char *item, const char *title, const char *text);

/* Numbers that survive from one run to the next. KEY is up to 255 bytes. tocsin_recall() returns 0, or -ENOENT
 * when nothing is known; *ret_age_usec is how long ago it was remembered. */
int tocsin_recall(struct tocsin_run *run, const char *key, double *ret_value, int64_t *ret_age_usec);
void tocsin_remember(struct tocsin_run *run, const char *key, double value);

/* Opens PATH (absolute) under the root that the run looks at: "/", or a recorded tree in a test. The first returns a
 * descriptor with O_CLOEXEC or -errno, the second a stream or NULL with errno set. */
int tocsin_open(struct tocsin_run *run, const char *path, int flags);
FILE *tocsin_fopen(struct tocsin_run *run, const char *path);

/* The root that tocsin_open() uses: "" for the real one, else a path without a slash at its end. */
const char *tocsin_root(const struct tocsin_run *run);

/* "Run this check again as soon as FD is ready for EVENTS" (poll(2)). The runner duplicates FD. Arm it before you
 * look. At most 64 in a run; more are refused with -ENOSPC. Does nothing under a recorded root. */
int tocsin_watch(struct tocsin_run *run, int fd, short events);

/* Of the descriptors that the last run gave to tocsin_watch(), number I of those that have become ready since, as it was
 * then; -1 behind the last. It stays the runner's. For those that have something to say: a pidfd knows how its process
 * ended. */
int tocsin_ready(struct tocsin_run *run, size_t i);

/* Says why the check could not look; run() returns -errno afterwards. */
void tocsin_reason(struct tocsin_run *run, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));

#ifdef __cplusplus
}
#endif
