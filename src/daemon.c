/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of the daemon: configuration, state, helpers, READY=1; reload; the end. And what systemd is told. */
#include "daemon.h"

#include "language.h"
#include "log.h"
#include "message-id.h"
#include "notify.h"
#include "translate.h"
#include "units.h"
#include "varlink.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <time.h>

#define DESCRIPTORS_KEPT 256 /* that no watch gets */
#define STATUS_PAUSE_USEC USEC_PER_SEC /* between two countings of all items for STATUS=, during a round */
#define START_TICK_USEC (10 * USEC_PER_SEC) /* while the start takes long, systemd is told so */
#define START_LIMIT_USEC (5 * USEC_PER_MINUTE) /* but not for ever: it may know better than to wait */
#define STOP_MAILER_USEC (2 * USEC_PER_SEC) /* a mail in flight may still get its receipt */
#define STOP_STORE_USEC (2 * USEC_PER_SEC) /* then the daemon ends, whatever hangs */

void daemon_set_timer(struct daemon *d, sd_event_source **source, clockid_t clock, int64_t when_usec,
	sd_event_time_handler_t handler, void *userdata)
{
	int r;

	if (when_usec == USEC_NEVER) {
		*source = sd_event_source_disable_unref(*source);
		return;
	}
	if (!*source) {
		r = sd_event_add_time(d->event, source, clock, (uint64_t)when_usec, USEC_PER_MSEC, handler, userdata);
		if (r >= 0)
			r = sd_event_source_set_exit_on_failure(*source, true);
	} else {
		r = sd_event_source_set_time(*source, (uint64_t)when_usec);
		if (r >= 0)
			r = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
	}
	if (r < 0) { /* only without memory or descriptors; a daemon without timers is none */
		log_error_errno(r, "cannot set a timer");
		d->exit_status = EX_OSERR;
		sd_event_exit(d->event, r);
	}
}

/* ---- what systemd is told ---- */

#define NAMES_MAX 3

/* "; CRITICAL: disk /, load, 2 more": those in the worst state. */
static void put_worst(struct buf *b, const struct report *report)
{
	enum tocsin_state worst = report_worst(report);
	const char *and = "";
	size_t n = 0;

	for (size_t i = 0; worst != TOCSIN_OK && i < report->n_items; i++) {
		const struct report_item *item = &report->items[i];

		if (!item->result->time_usec || alert_seen(item->alert) != worst || n++ >= NAMES_MAX)
			continue;
		if (n == 1)
			buf_printf(b, "; %s: ", state_name(worst));
		buf_printf(b, "%s%s", and, item->check);
		if (strcmp(item->item, item->check) != 0)
			buf_printf(b, " %s", item->item);
		and = C_("list", ", ");
	}
	if (n > NAMES_MAX)
		buf_printf(b, _(", %zu more"), n - NAMES_MAX);
}

static void format_status(const struct daemon *d, struct buf *b)
{
	size_t n_items;
	_cleanup_free_ struct report_item *items = look_report_items(d, &n_items);
	struct report report = { .items = items, .n_items = n_items };

	if (!items)
		return;
	report_counts(b, &report);
	put_worst(b, &report);
	if (!mail_is_configured(d))
		buf_printf(b, "%s%s", _("; "), _(SAY_NO_MAIL));
	if (d->n_outbox == 1)
		buf_printf(b, _("; %zu mail queued"), d->n_outbox);
	else if (d->n_outbox)
		buf_printf(b, _("; %zu mails queued"), d->n_outbox);
	if (d->state.phase == STATE_MEMORY)
		buf_printf(b, _("; state file not written: %s"), d->state.trouble ? d->state.trouble : "?");
}

void daemon_changed(struct daemon *d)
{
	d->has_changed = true;
}

static int on_status_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	return 0; /* the end of this turn tells it */
}

/* While a round of looks is under way nearly every turn changes what would be told, and to count all items costs more
 * than the looks. */
static bool waits_with_status(struct daemon *d)
{
	int64_t due = usec_add(d->status_usec, STATUS_PAUSE_USEC);

	if (!d->batches || due <= clock_boottime_usec()) {
		daemon_set_timer(d, &d->status_source, CLOCK_BOOTTIME, USEC_NEVER, on_status_due, d);
		return false;
	}
	if (!d->status_source)
		daemon_set_timer(d, &d->status_source, CLOCK_BOOTTIME, due, on_status_due, d);
	return true;
}

static void tell_status(struct daemon *d)
{
	_cleanup_buf_ struct buf b = BUF(4000);
	char *text;

	if (!d->has_changed || !d->is_ready || d->is_stopping || waits_with_status(d))
		return;
	d->has_changed = false;
	d->status_usec = clock_boottime_usec();
	format_status(d, &b);
	text = buf_take(&b);
	if (!text || (d->status && strcmp(d->status, text) == 0)) {
		free(text);
		return;
	}
	free(d->status);
	d->status = text;
	notify_send(d->notify, "STATUS=%s", text);
	page_changed(d);
}

static const char *awaited(const struct daemon *d)
{
	return d->loader ? "tocsin-check reads the configuration" :
		!d->has_state ? "tocsin-store reads the state file" :
		!pool_is_ready(d->checkers) ? "tocsin-check loads its modules" : "";
}

/* A disk that hangs is no reason to be ended for. */
static int on_slow_start(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	int64_t now = clock_boottime_usec();

	if (d->is_ready || d->is_stopping)
		return 0;
	notify_send(d->notify, "STATUS=starting: waiting until %s\nEXTEND_TIMEOUT_USEC=%" PRId64, awaited(d), 3 * START_TICK_USEC);
	if (now < d->start_limit_usec)
		daemon_set_timer(d, &d->start_source, CLOCK_BOOTTIME, usec_add(now, START_TICK_USEC), on_slow_start, d);
	return 0;
}

static void watch_start(struct daemon *d)
{
	int64_t now = clock_boottime_usec();

	d->start_limit_usec = usec_add(now, START_LIMIT_USEC);
	daemon_set_timer(d, &d->start_source, CLOCK_BOOTTIME, usec_add(now, START_TICK_USEC), on_slow_start, d);
}

/* Configuration, state and checks stand: the daemon does its work from here on. */
static void become_ready(struct daemon *d)
{
	if (d->is_ready || d->is_stopping || !d->has_state || !pool_is_ready(d->checkers))
		return;
	d->is_ready = true;
	d->start_source = sd_event_source_disable_unref(d->start_source);
	/* Pages that an alert needs shall not have to come from a disk that hangs. */
	if (mlockall(MCL_CURRENT) < 0)
		log_debug("memory is not locked: %s", strerror(errno));
	log_entry(LOG_NOTICE, MESSAGE_STARTED, NULL, 0, "watching %s with %zu checks", d->conf->host, d->n_checks);
	if (!mail_is_configured(d))
		log_warning(SAY_NO_MAIL);
	look_start(d);
	mail_start(d);
	history_start(d);
	export_configure(d);
	page_configure(d);
	notify_send(d->notify, "READY=1");
	daemon_changed(d);
}

static void on_checker_available(struct pool *p, void *userdata)
{
	struct daemon *d = userdata;

	become_ready(d);
	look_checker_available(p, d);
}

/* WATCHDOG=1 says that the schedule and the outbox get on; that this timer came says that the loop turns. */
static int on_watchdog(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	int64_t now = clock_boottime_usec();

	if (!d->is_ready || (look_is_progressing(d, now) && outbox_is_progressing(d)))
		notify_alive(d->notify);
	else
		log_error("no progress: systemd is not told that all is well");
	daemon_set_timer(d, &d->watchdog_source, CLOCK_BOOTTIME, usec_add(now, (int64_t)d->watchdog_usec / 3), on_watchdog, d);
	return 0;
}

/* ---- configuration ---- */

static int configure_checkers(struct daemon *d)
{
	_cleanup_free_ char *path = helper_path("tocsin-check");
	_cleanup_free_ const char **argv = calloc(d->conf->n_checks + 2, sizeof(*argv));
	size_t n = 0;

	if (!path || !argv)
		return -ENOMEM;
	argv[n++] = "tocsin-check";
	for (size_t i = 0; i < d->conf->n_checks; i++) {
		bool is_known = false;

		for (size_t j = 1; j < n; j++)
			is_known |= strcmp(argv[j], d->conf->checks[i].module) == 0;
		if (!is_known)
			argv[n++] = d->conf->checks[i].module;
	}
	const struct pool_options options = {
		.what = "tocsin-check", .helper = { .path = path, .argv = argv, .dies_with_daemon = true },
		.available = on_checker_available, .userdata = d,
	};
	return d->checkers ? pool_renew(d->checkers, argv) : pool_new(d->event, &options, &d->checkers);
}

/* What is seen from now on is told in another language: also by the helpers that stand by, and in the first mail. */
static void look_afresh(struct daemon *d)
{
	pool_dismiss(d->checkers);
	mail_begin_round(d);
}

/* Puts a good configuration in force. */
static int apply(struct daemon *d, struct conf_loaded *loaded)
{
	struct conf *old = d->conf;
	bool is_other_language = old && old->language != loaded->conf->language;

	d->conf = TAKE_PTR(loaded->conf);
	language_use(language_names[d->conf->language]);
	conf_settings_free(&d->settings);
	d->settings = loaded->settings;
	loaded->settings = (struct conf_settings){ 0 };
	int r = look_configure(d);
	if (r >= 0)
		r = routes_configure(d);
	conf_free(old);
	if (r >= 0)
		r = configure_checkers(d);
	if (r >= 0 && is_other_language)
		look_afresh(d);
	if (r >= 0)
		r = mail_configure(d);
	if (r >= 0)
		r = export_configure(d);
	page_configure(d);
	if (r >= 0 && d->is_ready)
		look_start(d);
	return r;
}

static void log_problems(const struct conf_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		_cleanup_buf_ struct buf line = BUF(4000);

		conf_problem_format(&problems->items[i], &line);
		log_message(problems->items[i].is_error ? LOG_ERR : LOG_WARNING, "%s", buf_text(&line));
	}
}

static void on_first_configuration(struct conf_loaded *loaded, void *userdata)
{
	struct daemon *d = userdata;

	d->loader = NULL;
	if (!loaded->conf)
		conf_settings_use_language(&loaded->settings); /* that of the problems */
	log_problems(&loaded->problems);
	if (d->is_stopping)
		return;
	if (!loaded->conf) {
		_cleanup_buf_ struct buf status = BUF(1000);

		buf_printf(&status, _("the configuration has %zu errors, see the journal"), loaded->problems.n_errors);
		notify_send(d->notify, "STATUS=%s\nERRNO=%d", buf_text(&status), EINVAL);
		/* systemd does not start us again after EX_CONFIG: that needs somebody to mend the files. */
		d->exit_status = loaded->is_unread ? EX_TEMPFAIL : EX_CONFIG;
		sd_event_exit(d->event, 0);
		return;
	}
	int r = apply(d, loaded);
	if (r >= 0)
		r = state_start(d);
	if (r >= 0)
		r = control_start(d);
	if (r < 0) {
		log_error_errno(r, "cannot start");
		notify_send(d->notify, "STATUS=cannot start: %s\nERRNO=%d", strerror(-r), -r);
		d->exit_status = EX_OSERR;
		sd_event_exit(d->event, r);
	}
}

static void note_restart(struct daemon *d, enum alert_event event, const char *of, int64_t down_usec, const char *text)
{
	event_note(d, event, of, d->conf->host, text, NULL, true);
	struct happening *h = happening_find(d, d->last_number);
	if (h && h->event == event) {
		h->since_usec = down_usec;
		state_put_happening(d, h);
	}
}

/* "was down for 3 min 10 s (clean shutdown)": what the last boot left behind. */
static void tell_restart(struct daemon *d)
{
	_cleanup_buf_ struct buf text = BUF(1000), lasted = BUF(100);
	int64_t booted = clock_realtime_usec() - clock_boottime_usec();
	int64_t down = d->former_stop_usec ? d->former_stop_usec : d->former_alive_usec;

	if (!d->has_former_boot || d->is_same_boot || down == 0)
		return;
	format_duration(&lasted, booted > down ? booted - down : 0);
	buf_printf(&text, d->former_stop_usec ? _("was down for %s (clean shutdown)") :
		_("was down for %s (crash, reset or power cut)"), buf_text(&lasted));
	note_restart(d, ALERT_RESTARTED, "host", down, buf_text(&text));
}

/* An ordinary restart of ours is no news. One that nobody asked for is: the watchdog of the service manager, or a crash. */
static void tell_crash(struct daemon *d)
{
	_cleanup_buf_ struct buf text = BUF(1000), ago = BUF(100);
	int64_t down = d->started_usec - d->former_alive_usec;

	if (!d->is_same_boot || !d->was_cut_off || d->former_alive_usec == 0)
		return;
	format_duration(&ago, down > 0 ? down : 0);
	buf_printf(&text, _("did not end in order, last alive %s before"), buf_text(&ago));
	note_restart(d, ALERT_CRASHED, "tocsin", d->former_alive_usec, buf_text(&text));
}

/* Rows that waited for the state file have come, or nobody waits for them any longer. */
void daemon_state_loaded(struct daemon *d)
{
	int64_t now = clock_realtime_usec();

	if (d->has_state)
		return;
	d->has_state = true;
	if (!d->state.is_loaded)
		d->next_incident = incident_uncounted(now);
	if (d->has_former_boot && !d->is_same_boot && d->former_stop_usec)
		event_withdraw(d, d->former_stop_usec);
	for (size_t i = 0; i < d->n_checks; i++) {
		const struct alert_policy policy = notice_policy(&d->checks[i]->conf->alert);

		for (struct item *item = d->checks[i]->items; item; item = item->next) {
			alert_resume(&item->alert, &policy, item->last.time_usec, d->is_same_boot, now);
			if (item->incident && item->alert.incident == 0 && alert_is_believed_well(&item->alert)) {
				incident_close(d, item); /* it is judged again */
				incident_forget(d, item);
			}
		}
	}
	tell_restart(d);
	tell_crash(d);
	state_put_facts(d); /* the boot that the state is of from now on */
	event_adopted(d);
	become_ready(d);
}

/* ---- a clock that is set ---- */

static int64_t clock_distance(void)
{
	return clock_realtime_usec() - clock_boottime_usec();
}

/* What is counted by CLOCK_REALTIME goes on from where it was. */
static void clock_was_set(struct daemon *d, int64_t delta_usec)
{
	_cleanup_buf_ struct buf b = BUF(100);

	/* To the second: it is found out by two readings, one after the other. */
	format_duration(&b, (llabs(delta_usec) + USEC_PER_SEC / 2) / USEC_PER_SEC * USEC_PER_SEC);
	log_notice("the clock was set %s by %s", delta_usec < 0 ? "back" : "forward", buf_text(&b));
	for (size_t i = 0; i < d->n_checks; i++)
		for (struct item *item = d->checks[i]->items; item; item = item->next)
			alert_clock_stepped(&item->alert, delta_usec);
	look_clock_set(d, delta_usec);
	event_clock_set(d, delta_usec);
	relay_clock_set(d, delta_usec);
	outbox_clock_set(d, delta_usec);
	mail_clock_set(d);
	if (d->state.memory_since_usec)
		d->state.memory_since_usec = usec_add(d->state.memory_since_usec, delta_usec);
}

/* The timer lies so far ahead that it never fires: it only tells when the clock jumps (timerfd_create(2),
 * TFD_TIMER_CANCEL_ON_SET). */
static int arm_clock(int fd)
{
	const struct itimerspec never = { .it_value.tv_sec = INT64_C(1) << 40 };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

static int on_clock_set(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct daemon *d = userdata;
	uint64_t ignored;
	int64_t distance = clock_distance(), delta = distance - d->clock_distance_usec;

	if (read(fd, &ignored, sizeof(ignored)) < 0 && errno != ECANCELED)
		return 0;
	arm_clock(fd);
	d->clock_distance_usec = distance;
	if (d->has_state && (delta > USEC_PER_SEC || delta < -USEC_PER_SEC)) /* ntpd's corrections are no news */
		clock_was_set(d, delta);
	return 0;
}

static int watch_clock(struct daemon *d)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	d->clock_distance_usec = clock_distance();
	int r = arm_clock(fd);
	if (r >= 0)
		r = sd_event_add_io(d->event, &d->clock_source, fd, EPOLLIN, on_clock_set, d);
	if (r < 0) {
		close_fd(fd);
		return r;
	}
	sd_event_source_set_io_fd_own(d->clock_source, 1);
	/* Before timers by that clock which the step has made due, and would end a silence early. */
	return sd_event_source_set_priority(d->clock_source, SD_EVENT_PRIORITY_IMPORTANT);
}

static void notify_reloading(struct daemon *d)
{
	struct timespec t;

	/* MONOTONIC_USEC: which reload this is the answer to (sd_notify(3)). */
	clock_gettime(CLOCK_MONOTONIC, &t);
	notify_send(d->notify, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

static void reload(struct daemon *d);

static void on_next_configuration(struct conf_loaded *loaded, void *userdata)
{
	struct daemon *d = userdata;

	d->loader = NULL;
	if (d->is_stopping)
		return;
	log_problems(&loaded->problems);
	if (loaded->conf) {
		int r = apply(d, loaded);

		if (r < 0)
			log_error_errno(r, "the new configuration is only partly in force");
		else
			log_entry(LOG_NOTICE, MESSAGE_RELOADED, NULL, 0, "configuration reloaded: %zu checks", d->n_checks);
	} else {
		log_entry(LOG_ERR, MESSAGE_RELOAD_REFUSED, NULL, 0,
			"the configuration was not reloaded: the one in force stays in force");
	}
	control_reloaded(d, &loaded->problems);
	notify_send(d->notify, "READY=1");
	free(TAKE_PTR(d->status)); /* systemd is told again */
	daemon_changed(d);
	if (d->reload_again)
		reload(d);
}

static void load(struct daemon *d, conf_loaded_handler done)
{
	const struct conf_source source = { .path = d->options.conf_path, .dropins = d->options.conf_dropins };
	int r = conf_loader_start(d->event, &source, done, d, &d->loader);

	if (r < 0) {
		struct conf_loaded nothing = { .is_unread = true };

		conf_add_problem(&nothing.problems, true, d->options.conf_path, 0, "cannot start tocsin-check: %s",
			strerror(-r));
		done(&nothing, d);
		conf_loaded_free(&nothing);
	}
}

static void reload(struct daemon *d)
{
	d->reload_again = false;
	d->n_reload_next = 0;
	notify_reloading(d);
	load(d, on_next_configuration);
}

void daemon_reload(struct daemon *d, struct varlink_call *caller)
{
	if (caller) {
		struct varlink_call **grown = reallocarray(d->reload_callers, d->n_reload_callers + 1, sizeof(*grown));

		if (!grown) {
			varlink_error(caller, "NotReady", NULL);
			return;
		}
		d->reload_callers = grown;
		grown[d->n_reload_callers++] = caller;
		d->n_reload_next++;
	}
	d->reload_again = true; /* one that is under way may have read the file before it was changed */
	if (!d->loader)
		reload(d);
}

/* ---- the end ---- */

static int on_stop_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	if (!state_is_settled(d))
		log_warning("ending without the last confirmation of the state file");
	sd_event_exit(d->event, 0);
	return 0;
}

/* No mail is in flight any more, or it has had its time: the last state goes to the file. */
static void finish_stop(struct daemon *d)
{
	d->has_flushed = true;
	if (d->mail_batch)
		log_notice("a mail was in flight and stays queued");
	if (d->state.phase == STATE_MEMORY)
		log_error("the state file was not written since its trouble began (%s): what happened since is forgotten, and "
			  "%zu mail(s) with it",
			d->state.trouble ? d->state.trouble : "?", d->n_outbox);
	state_stop(d);
	d->stop_source = sd_event_source_disable_unref(d->stop_source);
	daemon_set_timer(d, &d->stop_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), STOP_STORE_USEC), on_stop_limit,
		d);
}

static int on_stop_mailer(sd_event_source *source, uint64_t usec, void *userdata)
{
	finish_stop(userdata);
	return 0;
}

static void stop(struct daemon *d)
{
	if (d->is_stopping)
		return;
	notify_send(d->notify, "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%" PRId64,
		STOP_MAILER_USEC + STOP_STORE_USEC + USEC_PER_SEC);
	log_entry(LOG_NOTICE, MESSAGE_STOPPING, NULL, 0, "stopping");
	d->is_stopping = true;
	look_stop(d);
	daemon_set_timer(d, &d->stop_source, CLOCK_BOOTTIME,
		usec_add(clock_boottime_usec(), STOP_MAILER_USEC), on_stop_mailer, d);
}

/* The end of each turn of the loop: its transaction is complete. */
static int on_turn(sd_event_source *source, void *userdata)
{
	struct daemon *d = userdata;

	if (d->is_stopping && !d->mail_batch && !d->has_flushed)
		finish_stop(d);
	event_turn(d);
	state_turn(d);
	tell_status(d);
	export_turn(d);
	if (d->has_flushed && state_is_settled(d))
		sd_event_exit(d->event, 0);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct daemon *d = userdata;

	if (si->ssi_signo == SIGHUP && d->is_ready)
		daemon_reload(d, NULL);
	else if (si->ssi_signo != SIGHUP)
		stop(d);
	return 0;
}

static int add_signals(struct daemon *d)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ELEMENTS(numbers); i++)
		sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; r >= 0 && i < ELEMENTS(numbers); i++)
		r = sd_event_add_signal(d->event, NULL, numbers[i], on_signal, d);
	return r;
}

/* Each watched process is a descriptor here. The limit that is inherited is for programs with select(). */
static void use_all_descriptors(struct daemon *d)
{
	struct rlimit limit;

	d->watches_max = SIZE_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	/* Without a descriptor no helper can be started, and nothing would be looked at any more. */
	d->watches_max = limit.rlim_cur / 2 < DESCRIPTORS_KEPT ? limit.rlim_cur / 2 : limit.rlim_cur - DESCRIPTORS_KEPT;
}

static int start(struct daemon *d)
{
	sd_id128_t boot;

	control_inherit(d);
	int r = sd_event_new(&d->event);

	if (r >= 0)
		r = notify_new(d->event, &d->notify);
	if (r >= 0)
		r = add_signals(d);
	if (r >= 0)
		r = sd_event_add_post(d->event, &d->post_source, on_turn, d);
	if (r >= 0)
		r = watch_clock(d);
	if (r < 0)
		return log_error_errno(r, "cannot set up the event loop");
	if (sd_id128_get_boot(&boot) >= 0)
		sd_id128_to_string(boot, d->boot_id);
	tzset(); /* now: it reads a file, and so would the first localtime_r() in the loop */
	use_all_descriptors(d);
	/* Strays of helpers come to us, and are ended (helper_sweep_strays()). */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		log_warning("cannot become a subreaper: %s", strerror(errno));
	if (sd_watchdog_enabled(0, &d->watchdog_usec) > 0)
		on_watchdog(NULL, 0, d);
	watch_start(d);
	load(d, on_first_configuration);
	return 0;
}

static void daemon_free(struct daemon *d)
{
	conf_loader_free(d->loader);
	control_drop_reloads(d);
	free(d->reload_callers);
	mail_free(d);
	export_free(d);
	event_free(d);
	relay_free_all(d);
	d->checkers = pool_free(d->checkers);
	look_free(d);
	history_free(d);
	page_free(d);
	control_free(d); /* those who waited have their answers */
	state_free(d);
	helper_reap_all(USEC_PER_SEC / 2);
	sd_event_source_disable_unref(d->watchdog_source);
	sd_event_source_disable_unref(d->start_source);
	sd_event_source_disable_unref(d->stop_source);
	sd_event_source_disable_unref(d->post_source);
	sd_event_source_disable_unref(d->clock_source);
	sd_event_source_disable_unref(d->status_source);
	d->notify = notify_free(d->notify);
	sd_event_unref(d->event);
	conf_settings_free(&d->settings);
	conf_free(d->conf);
	free(d->status);
}

int daemon_run(const struct options *options)
{
	struct daemon d = { .options = *options, .started_usec = clock_realtime_usec() };
	int r = start(&d);

	if (r >= 0)
		r = sd_event_loop(d.event);
	int status = d.exit_status;
	if (r < 0 && status == 0) {
		log_error_errno(r, "the event loop failed");
		notify_send(d.notify, "ERRNO=%d", -r);
		status = EX_SOFTWARE;
	}
	daemon_free(&d);
	return status;
}
