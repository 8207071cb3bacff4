/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `tocsin status`, once or as a picture that follows what happens. What it looks like is status-view.c. */
#include "cli.h"

#include "clock.h"
#include "status-view.h"
#include "text.h"
#include "translate.h"
#include "varlink.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <termios.h>

#define STATUS_USEC (10 * USEC_PER_SEC)
#define WATCH_USEC (2 * USEC_PER_SEC) /* a picture waits no longer for its answer */
#define CHARTS_USEC USEC_PER_SEC /* nor this long for what adorns it */
#define CHARTS_EVERY_USEC USEC_PER_MINUTE /* their steps are of an hour */
#define INTERVAL_USEC (2 * USEC_PER_SEC)
#define NO_DAEMON 3 /* as of a plugin: UNKNOWN */
#define PICTURE_MAX (16 * 1024 * 1024)

/* The answer of METHOD, or NULL with the reason in *ret_why: constant, or of strerror(). */
static json_t *question(const struct cli *cli, const char *method, int64_t timeout_usec, char **ret_error, int *ret_errno)
{
	_cleanup_close_ int fd = varlink_connect(cli->control_path);
	json_t *reply = NULL;

	*ret_errno = fd < 0 ? fd : varlink_query(fd, method, NULL, timeout_usec, NULL, NULL, &reply, ret_error);
	return reply;
}

/* NULL: the past is not known just now. */
static json_t *ask_charts(const struct cli *cli)
{
	_cleanup_free_ char *error = NULL;
	int r;
	json_t *reply = question(cli, "org.tocsin.Control.Charts", CHARTS_USEC, &error, &r);

	if (error) {
		json_decref(reply);
		return NULL;
	}
	return reply;
}

static int state_of(const json_t *status)
{
	return cli_exit_status(json_string_value(json_object_get(status, "state")));
}

static void print_status(const struct cli *cli, const json_t *status)
{
	_cleanup_buf_ struct buf picture = BUF(PICTURE_MAX);
	struct status_view v = { .terminal = terminal_look(), .now_usec = clock_realtime_usec(), .status = status };
	json_t *charts = v.terminal.columns ? ask_charts(cli) : NULL;

	v.charts = charts;
	status_view_append(&picture, &v);
	fputs(buf_text(&picture), stdout);
	json_decref(charts);
}

static int show_once(const struct cli *cli)
{
	_cleanup_free_ char *error = NULL;
	int status = NO_DAEMON, r;
	json_t *reply = question(cli, "org.tocsin.Control.Status", STATUS_USEC, &error, &r);

	if (r < 0) {
		cli_no_daemon(cli, r);
	} else if (error) {
		cli_print_error(error, reply);
	} else {
		if (cli->json)
			cli_print_json(reply);
		else
			print_status(cli, reply);
		status = state_of(reply);
	}
	json_decref(reply);
	return status;
}

/* ---- watching ---- */

struct watching {
	const struct cli *cli;
	int signals; /* a signalfd */
	struct termios before;
	bool has_keys; /* standard input is a terminal, whose settings before are known */
	json_t *status, *charts; /* the last answers */
	int64_t charts_usec; /* boottime: when they were asked for */
	int error; /* of the last question; 0: it was answered */
};

/* The other screen, so that what was there before comes back; no cursor; keys come at once and unseen. */
static void enter(const struct watching *w)
{
	struct termios raw = w->before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	if (w->has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
}

static void leave(const struct watching *w)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (w->has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &w->before);
}

static void ask(struct watching *w)
{
	_cleanup_free_ char *error = NULL;
	json_t *reply = question(w->cli, "org.tocsin.Control.Status", WATCH_USEC, &error, &w->error);

	if (error && w->error == 0)
		w->error = -EAGAIN; /* it is still starting */
	if (w->error == 0) {
		json_decref(w->status);
		w->status = json_incref(reply);
	}
	json_decref(reply);
	if (w->error || (w->charts_usec && clock_boottime_usec() - w->charts_usec < CHARTS_EVERY_USEC))
		return;
	json_decref(w->charts);
	w->charts = ask_charts(w->cli);
	w->charts_usec = clock_boottime_usec();
}

/* When this picture was made, or that it is old. */
static void append_top(struct buf *b, const struct watching *w, const struct terminal *t)
{
	_cleanup_buf_ struct buf why = BUF(1000);
	time_t now = time(NULL);
	struct tm tm;
	char clock[32] = "";

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	buf_printf(b, "%s  ", clock);
	if (w->error) {
		buf_printf(&why, _("tocsind does not answer (%s); trying again"), strerror(-w->error));
		buf_puts(b, t->has_colour ? "\033[1;31m" : "");
		text_fit(b, buf_text(&why), t->columns > 11 ? t->columns - 11 : 1);
		buf_puts(b, t->has_colour ? "\033[0m" : "");
	} else {
		text_fit(b, _("q ends"), t->columns > 11 ? t->columns - 11 : 1);
	}
	buf_putc(b, '\n');
}

/* Line by line over what is there, so that nothing flickers; what does not fit is counted. */
static void put_picture(const struct buf *picture, const struct terminal *t)
{
	const char *line = buf_text(picture);
	size_t lines = 0;

	for (const char *c = line; *c; c++)
		lines += *c == '\n';
	size_t shown = lines < t->rows ? lines : t->rows > 1 ? t->rows - 1 : 1;
	fputs("\033[H", stdout);
	for (size_t i = 0; i < shown; i++) {
		size_t len = strcspn(line, "\n");

		printf("%.*s\033[K%s", (int)len, line, i + 1 < t->rows ? "\r\n" : "");
		line += len + 1;
	}
	if (lines > shown && t->rows > 1)
		printf(_("… %zu more lines"), lines - shown);
	fputs(lines > shown && t->rows > 1 ? "\033[K" : "\033[J", stdout);
	fflush(stdout);
}

static void draw(const struct watching *w)
{
	_cleanup_buf_ struct buf picture = BUF(PICTURE_MAX);
	const struct status_view v = { .terminal = terminal_look(), .now_usec = clock_realtime_usec(), .status = w->status,
		.charts = w->charts };

	append_top(&picture, w, &v.terminal);
	if (w->status)
		status_view_append(&picture, &v);
	put_picture(&picture, &v.terminal);
}

/* Ctrl-Z leaves the terminal as it was, and fg comes back to the picture. */
static void stop_for_a_while(const struct watching *w)
{
	leave(w);
	raise(SIGSTOP);
	enter(w);
}

/* False: it is over. */
static bool on_signal(const struct watching *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGTSTP)
		stop_for_a_while(w);
	return info.ssi_signo == SIGWINCH || info.ssi_signo == SIGTSTP;
}

/* False: it is over. Without a keyboard there are the signals. */
static bool on_key(struct watching *w)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) == 1)
		return key != 'q' && key != 'Q';
	w->has_keys = false;
	return true;
}

/* Draws again when the window has changed, until UNTIL. False: it is over. */
static bool wait_until(struct watching *w, int64_t until_usec)
{
	for (;;) {
		struct pollfd p[] = { { .fd = w->signals, .events = POLLIN }, { .fd = w->has_keys ? STDIN_FILENO : -1, .events = POLLIN } };
		int64_t left = until_usec - clock_boottime_usec();

		if (left <= 0 || poll(p, ELEMENTS(p), (int)(left / USEC_PER_MSEC) + 1) == 0)
			return true;
		if ((p[0].revents && !on_signal(w)) || (p[1].revents && !on_key(w)))
			return false;
		if (p[0].revents)
			draw(w);
	}
}

static int watch(const struct cli *cli)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
	struct watching w = { .cli = cli, .has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &w.before) == 0 };
	int64_t interval = cli->interval_usec ? cli->interval_usec : INTERVAL_USEC;
	sigset_t set, before;

	sigemptyset(&set);
	for (size_t i = 0; i < ELEMENTS(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	w.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.signals < 0) {
		cli_error("%s", strerror(errno));
		return NO_DAEMON;
	}
	enter(&w);
	do {
		ask(&w);
		draw(&w);
	} while (wait_until(&w, usec_add(clock_boottime_usec(), interval)));
	leave(&w);
	close_fd(w.signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	int status = w.error || !w.status ? NO_DAEMON : state_of(w.status);
	json_decref(w.status);
	json_decref(w.charts);
	return status;
}

int cli_status(const struct cli *cli, char **arguments)
{
	if (!cli->watch)
		return show_once(cli);
	if (terminal_look().columns && !cli->json)
		return watch(cli);
	cli_error(cli->json ? N_("--watch draws on a terminal, not in JSON") : N_("--watch draws on a terminal"));
	return NO_DAEMON;
}
