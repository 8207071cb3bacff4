/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run.h"

#include "log.h"
#include "msg.h"
#include "state.h"
#include "text.h"
#include "translate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>

#define ELLIPSIS "…"

static void die(const char *why, int error) __attribute__((__noreturn__));
static void die(const char *why, int error)
{
	log_error_errno(error, "%s", why);
	_exit(EX_IOERR);
}

static void sent(int r)
{
	if (r < 0)
		die("cannot report to the daemon", r);
}

#define send_message(run, kind, fd, ...) sent(msg_send((run)->socket, kind, fd, (run)->check, __VA_ARGS__))

/* A child that the module forked, and that came back into our code. */
static void assert_own_process(const struct tocsin_run *run)
{
	if (getpid() != run->pid)
		_exit(EX_SOFTWARE);
}

/* The longest piece of TEXT of at most MAX bytes that ends between two characters. */
static size_t cut(const char *text, size_t max)
{
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static char *take(struct buf *b)
{
	char *text = buf_take(b);

	if (!text)
		die("cannot report to the daemon", -ENOMEM);
	return text;
}

/* TEXT without what would harm a terminal or a mail, in at most MAX bytes. */
static char *cleaned(const char *text, size_t max, bool lines)
{
	_cleanup_buf_ struct buf b = BUF(16 * max + 16);

	(lines ? text_clean_lines : text_clean)(&b, text ? text : "", max);
	if (b.len > max && !buf_error(&b)) {
		b.len = cut(b.data, max - strlen(ELLIPSIS));
		buf_puts(&b, ELLIPSIS);
	}
	return take(&b);
}

static uint32_t hash(const char *text) /* FNV-1a */
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

/* A name that is also a key: what had to be cut stays different from its neighbours by a hash. */
static char *cleaned_key(const char *text, size_t max)
{
	_cleanup_free_ char *whole = text_cleaned(text, SIZE_MAX);
	_cleanup_buf_ struct buf b = BUF(max);

	if (!whole)
		die("cannot report to the daemon", -ENOMEM);
	if (strlen(whole) <= max)
		return TAKE_PTR(whole);
	buf_append(&b, whole, cut(whole, max - strlen(ELLIPSIS) - 8));
	buf_printf(&b, ELLIPSIS "%08" PRIx32, hash(whole));
	return take(&b);
}

/* Keeps the first mistake of the module; the rest follows from it. */
static void fault(struct tocsin_run *run, const char *format, ...) _printf_(2, 3);
static void fault(struct tocsin_run *run, const char *format, ...)
{
	va_list arguments;

	if (run->fault.len)
		return;
	va_start(arguments, format);
	buf_vprintf(&run->fault, translate(format), arguments);
	va_end(arguments);
}

static void tell_dropped(struct tocsin_run *run, const char *what, const char *item)
{
	if (!run->was_told)
		log_warning("check %s: too much of %s for '%s', the rest is dropped", run->check, what, item);
	run->was_told = true;
}

static struct run_item *find_item(const struct tocsin_run *run, const char *name)
{
	for (size_t i = run->n_items; i-- > 0;)
		if (strcmp(run->items[i].name, name) == 0)
			return &run->items[i];
	return NULL;
}

/* Takes NAME. NULL when the module may not report it. */
static struct run_item *add_item(struct tocsin_run *run, char *name)
{
	if (find_item(run, name)) {
		fault(run, "the module reported '%s' twice", name);
		free(name);
		return NULL;
	}
	if (run->n_items == RUN_ITEMS_MAX) {
		fault(run, "the module reported more than %d items", RUN_ITEMS_MAX);
		free(name);
		return NULL;
	}
	if (run->n_items % 64 == 0) {
		struct run_item *grown = realloc(run->items, (run->n_items + 64) * sizeof(*grown));

		if (!grown)
			die("cannot report to the daemon", -ENOMEM);
		run->items = grown;
	}
	run->items[run->n_items] = (struct run_item){ .name = name };
	return &run->items[run->n_items++];
}

static char *item_name(const struct tocsin_run *run, const char *item)
{
	return cleaned_key(item && *item ? item : run->check, RUN_ITEM_BYTES);
}

const char *tocsin_translate(const char *text)
{
	return translate(text);
}

const char *tocsin_name(const struct tocsin_run *run)
{
	return run->check;
}

uint64_t tocsin_batch(const struct tocsin_run *run)
{
	return run->batch;
}

const char *tocsin_root(const struct tocsin_run *run)
{
	return run->root;
}

void tocsin_look(struct tocsin_run *run, const char *item)
{
	_cleanup_free_ char *name = item_name(run, item);

	assert_own_process(run);
	send_message(run, MSG_LOOK, -1, name);
}

static void format_text(struct buf *b, const char *format, va_list arguments) _printf_(2, 0);
static void format_text(struct buf *b, const char *format, va_list arguments)
{
	char raw[2 * RUN_TEXT_BYTES] = "";

	if (vsnprintf(raw, sizeof(raw), translate(format), arguments) >= (int)sizeof(raw))
		raw[cut(raw, sizeof(raw) - 1)] = '\0';
	_cleanup_free_ char *text = cleaned(raw, RUN_TEXT_BYTES, false);
	buf_puts(b, text);
}

void tocsin_item(struct tocsin_run *run, const char *item, enum tocsin_state state, const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(2 * RUN_TEXT_BYTES);
	va_list arguments;

	assert_own_process(run);
	const struct run_item *i = add_item(run, item_name(run, item));
	if (!i)
		return;
	va_start(arguments, format);
	format_text(&text, format, arguments);
	va_end(arguments);
	if ((unsigned)state > TOCSIN_UNKNOWN) {
		buf_printf(&text, _(" (the module gave state %d, which does not exist)"), (int)state);
		state = TOCSIN_UNKNOWN;
	}
	send_message(run, MSG_ITEM, -1, i->name, state_name(state), buf_text(&text));
}

struct number {
	char text[32];
};

/* The shortest text that reads back to the same number, "" when it is not known. */
static struct number number(double value)
{
	struct number n = { "" };

	if (!isfinite(value))
		return n;
	snprintf(n.text, sizeof(n.text), "%.15g", value);
	if (strtod(n.text, NULL) != value)
		snprintf(n.text, sizeof(n.text), "%.17g", value);
	return n;
}

void tocsin_metric(struct tocsin_run *run, const char *item, const struct tocsin_metric *m)
{
	_cleanup_free_ char *name = item_name(run, item);

	assert_own_process(run);
	struct run_item *i = find_item(run, name);
	if (!i) {
		fault(run, "the module gave a metric before the state of '%s'", name);
		return;
	}
	if (!m->name || !*m->name) {
		fault(run, "the module gave a metric without a name for '%s'", name);
		return;
	}
	if (i->n_metrics++ >= RUN_METRICS_MAX) {
		tell_dropped(run, "metrics", name);
		return;
	}
	_cleanup_free_ char *metric = cleaned_key(m->name, 128), *unit = cleaned(m->unit, 16, false);
	send_message(run, MSG_METRIC, -1, name, metric, number(m->value).text, unit, number(m->warning).text,
		number(m->critical).text, number(m->min).text, number(m->max).text);
}

void tocsin_evidence(struct tocsin_run *run, const char *item, const char *title, const char *text)
{
	_cleanup_free_ char *name = item_name(run, item);

	assert_own_process(run);
	struct run_item *i = find_item(run, name);
	if (!i) {
		fault(run, "the module gave evidence before the state of '%s'", name);
		return;
	}
	_cleanup_free_ char *head = cleaned(title ? translate(title) : NULL, 256, false),
			    *body = cleaned(text, RUN_EVIDENCE_BYTES, true);
	run->n_evidence_bytes += strlen(body);
	if (i->n_evidence++ >= RUN_EVIDENCE_MAX || run->n_evidence_bytes > RUN_EVIDENCE_TOTAL_BYTES) {
		tell_dropped(run, "evidence", name);
		return;
	}
	send_message(run, MSG_EVIDENCE, -1, name, head, body);
}

int tocsin_recall(struct tocsin_run *run, const char *key, double *ret_value, int64_t *ret_age_usec)
{
	_cleanup_free_ char *name = cleaned_key(key, RUN_KEY_BYTES);

	for (size_t i = 0; i < run->n_memory; i++)
		if (strcmp(run->memory[i].key, name) == 0) {
			*ret_value = run->memory[i].value;
			*ret_age_usec = run->memory[i].age_usec;
			return 0;
		}
	return -ENOENT;
}

void tocsin_remember(struct tocsin_run *run, const char *key, double value)
{
	_cleanup_free_ char *name = cleaned_key(key, RUN_KEY_BYTES);

	assert_own_process(run);
	if (!isfinite(value)) {
		fault(run, "the module remembered something that is no number as '%s'", name);
		return;
	}
	if (run->n_memories++ >= RUN_MEMORIES_MAX) {
		tell_dropped(run, "memories", name);
		return;
	}
	send_message(run, MSG_REMEMBER, -1, name, number(value).text);
}

int tocsin_open(struct tocsin_run *run, const char *path, int flags)
{
	_cleanup_buf_ struct buf b = BUF(4096);

	if (path[0] != '/')
		return -EINVAL;
	buf_puts(&b, run->root);
	buf_puts(&b, path);
	if (buf_error(&b))
		return -ENAMETOOLONG;
	int fd = open(buf_text(&b), flags | O_CLOEXEC | O_NOCTTY, 0600);
	return fd < 0 ? -errno : fd;
}

FILE *tocsin_fopen(struct tocsin_run *run, const char *path)
{
	int fd = tocsin_open(run, path, O_RDONLY);

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	FILE *file = fdopen(fd, "r");
	if (!file)
		close_fd(fd);
	return file;
}

int tocsin_watch(struct tocsin_run *run, int fd, short events)
{
	char mask[16];

	assert_own_process(run);
	if (*run->root)
		return 0;
	if (fcntl(fd, F_GETFD) < 0)
		return -errno;
	if (run->n_watches >= RUN_WATCHES_MAX)
		return -ENOSPC;
	run->n_watches++;
	snprintf(mask, sizeof(mask), "%d", events & (POLLIN | POLLPRI | POLLOUT | POLLRDHUP));
	send_message(run, MSG_WATCH, fd, mask);
	return 0;
}

int tocsin_ready(struct tocsin_run *run, size_t i)
{
	return i < run->n_ready ? run->ready[i]->fd : -1;
}

void tocsin_reason(struct tocsin_run *run, const char *format, ...)
{
	va_list arguments;

	buf_clear(&run->reason);
	va_start(arguments, format);
	format_text(&run->reason, format, arguments);
	va_end(arguments);
}

void run_refuse(struct tocsin_run *run, int error, const char *why)
{
	_cleanup_free_ char *text = cleaned(why, RUN_TEXT_BYTES, false);
	char code[16];

	snprintf(code, sizeof(code), "%d", error < 0 ? -error : error);
	send_message(run, MSG_END, -1, code, text);
	for (size_t i = 0; i < run->n_items; i++)
		free(run->items[i].name);
	free(run->items);
	buf_free(&run->reason);
	buf_free(&run->fault);
}

void run_end(struct tocsin_run *run, int result)
{
	_cleanup_buf_ struct buf why = BUF(4 * RUN_TEXT_BYTES);

	assert_own_process(run);
	if (run->fault.len) {
		buf_puts(&why, buf_text(&run->fault));
		result = -EPROTO;
	} else if (result > 0 || result < -4095) {
		buf_printf(&why, _("the module returned %d, which is neither 0 nor an error"), result);
		result = -EPROTO;
	} else if (result < 0) {
		buf_puts(&why, run->reason.len ? buf_text(&run->reason) : strerror(-result));
	} else if (run->n_items == 0) {
		buf_puts(&why, _("the module reported nothing"));
		result = -ENODATA;
	}
	run_refuse(run, result, buf_text(&why));
}
