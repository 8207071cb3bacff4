/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tocsin-check of the command line's own, in the way that the daemon has its: with a deadline, a process group, and
 * nothing left behind. What is said to it is its callers' business. */
#include "cli.h"

#include "clock.h"
#include "conf-loader.h"
#include "translate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define START_USEC (30 * USEC_PER_SEC) /* a busy disk may hold it up */
#define REAP_USEC (200 * USEC_PER_MSEC)

struct asked {
	sd_event *event;
	const struct cli_checker *checker;
	bool is_done;
	struct buf why;
};

static void on_message(struct helper *h, struct msg *m, void *userdata)
{
	struct asked *a = userdata;

	if (m->kind == MSG_READY) {
		helper_set_deadline(h, usec_add(clock_boottime_usec(), a->checker->limit_usec));
		if (a->checker->begin)
			a->checker->begin(h, a->checker->userdata);
	}
	if (a->is_done || a->checker->message(m, a->checker->userdata))
		return;
	a->is_done = true;
	sd_event_exit(a->event, 0);
}

static void on_ended(struct helper *h, const struct helper_end *end, void *userdata)
{
	struct asked *a = userdata;

	if (helper_phase(h) == HELPER_STUCK)
		buf_puts(&a->why, _("is stuck in the kernel"));
	else
		helper_describe_end(end, &a->why);
	sd_event_exit(a->event, 0);
}

/* Ctrl-C ends the loop, so that the helper, which has a process group of its own, does not outlive us. */
static int prepare_loop(sd_event **ret, sigset_t *ret_before)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, ret_before);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ELEMENTS(ends); i++)
		sigaddset(&set, ends[i]);
	/* What a module left behind comes to us when its helper dies. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	int r = sd_event_new(ret);
	for (size_t i = 0; r >= 0 && i < ELEMENTS(ends); i++)
		r = sd_event_add_signal(*ret, NULL, ends[i], NULL, NULL);
	return r < 0 ? r : 0;
}

static int run(struct asked *a)
{
	static const struct helper_callbacks callbacks = { .message = on_message, .ended = on_ended };
	_cleanup_free_ char *path = helper_path("tocsin-check");
	const struct helper_options options = { .path = path, .argv = a->checker->argv, .dies_with_daemon = true };
	struct helper *helper;

	int r = path ? helper_start(a->event, &options, &callbacks, a, &helper) : -ENOMEM;
	if (r < 0)
		return r;
	helper_set_deadline(helper, usec_add(clock_boottime_usec(), START_USEC));
	r = sd_event_loop(a->event);
	helper_free(helper);
	helper_reap_all(REAP_USEC);
	return r < 0 ? r : 0;
}

int cli_ask_checker(const struct cli_checker *checker, char **ret_why)
{
	struct asked a = { .checker = checker, .why = BUF(1000) };
	sigset_t before;

	int r = prepare_loop(&a.event, &before);
	if (r == 0)
		r = run(&a);
	sd_event_unref(a.event);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r == 0 && !a.is_done) {
		if (a.why.len == 0)
			buf_puts(&a.why, _("was interrupted"));
		*ret_why = buf_take(&a.why);
		r = *ret_why ? -ECANCELED : -ENOMEM;
	}
	buf_free(&a.why);
	return r;
}

int cli_find_module(const char *argument, char **ret_name)
{
	const char *slash = strrchr(argument, '/'), *base = slash ? slash + 1 : argument;
	size_t len = strlen(base), suffix = strlen(".so");
	bool is_file = len > suffix && strcmp(base + len - suffix, ".so") == 0;
	_cleanup_free_ char *folder = slash ? strndup(argument, (size_t)(slash - argument) + 1) : NULL;

	if (slash && !is_file)
		return -EINVAL;
	/* setenv() copies; a path that begins with / is its own folder. */
	if (slash && (!folder || setenv("TOCSIN_CHECK_DIR", folder, 1) < 0))
		return -ENOMEM;
	*ret_name = strndup(base, slash ? len - suffix : len);
	return *ret_name ? 0 : -ENOMEM;
}
