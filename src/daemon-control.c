/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the administrator may ask the daemon: interface org.tocsin.Control over Varlink. */
#include "daemon.h"

#include "control.h"
#include "log.h"
#include "translate.h"
#include "varlink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

static const char description[] =
	"# Questions to a running tocsind\n"
	"interface org.tocsin.Control\n\n"
	"type Metric (name: string, value: ?float, unit: string, warning: ?float, critical: ?float, min: ?float, max: ?float)\n\n"
	"type Evidence (title: string, text: string)\n\n"
	"# state: the confirmed state, OK, WARNING, CRITICAL or UNKNOWN; null before the first result.\n"
	"# last_state: of the last look. Times are RFC 3339.\n"
	"type Item (\n"
	"  check: string, item: string, module: string, state: ?string, since: ?string, last_state: ?string,\n"
	"  last_look: ?string, text: string, incident: ?int, acknowledged: ?Acknowledgement, flapping: bool,\n"
	"  not_applicable: ?string, metrics: []Metric, evidence: []Evidence\n"
	")\n\n"
	"# until: null as long as the incident lasts\n"
	"type Acknowledgement (who: string, reason: string, until: ?string)\n\n"
	"type ActiveSilence (id: string, glob: string, created: string, until: string, who: string, reason: string)\n\n"
	"type Mail (id: string, subject: string, queued: string, attempts: int, next_try: string, recipients: []Recipient)\n\n"
	"# fate: pending, sent, refused or given-up\n"
	"type Recipient (address: string, fate: string, answer: string)\n\n"
	"type MailResult (recipient: string, outcome: string, answer: string, status: string)\n\n"
	"# notes: what is not as it should be with tocsin itself; note_kinds: of each mail, state, memory, helper, or past\n"
	"method Status() -> (\n"
	"  host: string, version: string, started: string, state: string, summary: string, last_mail: ?string,\n"
	"  notes: []string, note_kinds: []string, items: []Item, silences: []ActiveSilence, outbox: []Mail\n"
	")\n\n"
	"# Runs one check now; counts for nothing but the answer. error: why it could not look; not_applicable: because there is\n"
	"# nothing of the kind on this host\n"
	"method Check(name: string) -> (\n"
	"  check: string, module: string, error: ?string, not_applicable: bool, items: []Item\n"
	")\n\n"
	"# Sends a test mail. With \"more\" and dialogue, each line of the SMTP dialogue comes first:\n"
	"# direction is > (sent), < (received) or * (remark)\n"
	"method TestMail(dialogue: bool) -> (direction: ?string, line: ?string, results: ?[]MailResult)\n\n"
	"# Reads the configuration again; warnings are told\n"
	"method Reload() -> (problems: []string)\n\n"
	"# from: empty where nobody had looked before. waiting: recipients that no mail has told it yet. note: why no mail tells\n"
	"# it, or why it is late. who: did it\n"
	"type Event (\n"
	"  number: int, event: string, check: string, item: string, from: string, to: string, time: string,\n"
	"  since: string, incident: ?int, text: string, waiting: []string, note: string, looks: int, who: string\n"
	")\n\n"
	"# What happened, oldest first; the newest of it when it is more than limit (1000; at most 10000) or too large:\n"
	"# then cut is true. check: a glob over checks or CHECK/ITEM. unavailable: why the state file does not answer; then it is\n"
	"# what the daemon remembers, at least since the last report\n"
	"method History(since: ?string, until: ?string, check: ?string, limit: ?int) -> (\n"
	"  events: []Event, cut: bool, unavailable: ?string\n"
	")\n\n"
	"# closed: null while it lasts. state: the worst so far\n"
	"type Incident (\n"
	"  number: int, check: string, item: string, module: string, opened: string, closed: ?string, state: string,\n"
	"  text: string, acknowledged: ?IncidentAcknowledgement, escalated: []string\n"
	")\n\n"
	"type IncidentAcknowledgement (who: string, reason: string, time: string, until: ?string)\n\n"
	"# Those that are open; with since, those that were at any time since then; with all, all. unavailable: as above; all that\n"
	"# are open are there even so\n"
	"method Incidents(all: ?bool, since: ?string, check: ?string) -> (\n"
	"  incidents: []Incident, cut: bool, unavailable: ?string\n"
	")\n\n"
	"type Point (time: string, min: float, mean: float, max: float, last: float, count: int)\n\n"
	"# The values of a metric in steps of so many seconds, a multiple of 300. By default the last 24 hours\n"
	"method Samples(check: string, item: string, metric: string, since: ?string, until: ?string, step: ?int) -> (\n"
	"  unit: string, step: int, points: []Point\n"
	")\n\n"
	"# step: which one it is, from 0 on; where nothing was measured there is none\n"
	"type ChartPoint (step: int, min: float, max: float)\n\n"
	"type Chart (check: string, item: string, metric: string, unit: string, points: []ChartPoint)\n\n"
	"# The main metric of every item that has one, over the last 24 hours: steps, of so many seconds, from since on\n"
	"method Charts() -> (since: string, step: int, steps: int, charts: []Chart)\n\n"
	"# Somebody knows of an incident: no reminders and no escalation until then, or until it gets worse.\n"
	"# duration like 2h; none: as long as it lasts. name: of the caller, as the caller says\n"
	"method Acknowledge(incident: int, duration: ?string, reason: ?string, name: ?string) -> (until: ?string)\n\n"
	"# No mails about checks, or CHECK/ITEM, that match the glob\n"
	"method Silence(glob: string, duration: string, reason: ?string, name: ?string) -> (id: string, until: string)\n\n"
	"# By its id, or all over a glob\n"
	"method Unsilence(silence: string, name: ?string) -> ()\n\n"
	"method ShowMail(id: string) -> (mail: Mail, content: string)\n\n"
	"# Tries to deliver it now; without an id, all\n"
	"method RetryMail(id: ?string) -> ()\n\n"
	"method DropMail(id: string, name: ?string) -> ()\n\n"
	"# The status report as text; send: mails it too\n"
	"method Report(send: bool) -> (text: string, sent: bool)\n\n"
	"# Closes what is known of an item, without a mail; it comes back when its check reports it again\n"
	"method Forget(check: string, item: string) -> ()\n\n"
	"# Mails a marked problem and its recovery on the way of real ones\n"
	"method TestAlert(check: string, name: ?string) -> ()\n\n"
	"error HistoryUnavailable (reason: string)\n"
	"error NoSuchIncident (incident: int)\n"
	"error NoSuchSilence (silence: string)\n"
	"error NoSuchMail (id: string)\n"
	"error NoSuchItem (check: string, item: string)\n"
	"error MailInFlight (id: string)\n"
	"error Refused (reason: string)\n"
	"error NoSuchCheck (name: string, checks: []string)\n"
	"error NoMail (reason: string)\n"
	"error MailerFailed (reason: string)\n"
	"error ReloadRefused (problems: []string)\n"
	"error NotReady ()\n";

/* What is not as it should be with tocsin itself, and of each of that for programs what it is about. */
struct notes {
	json_t *texts, *kinds;
};

static void add_note(struct notes *notes, const char *kind, const char *subject, const char *note)
{
	if (!*note)
		return;
	json_array_append_new(notes->texts, *subject ? json_sprintf("%s: %s", subject, note) : json_text(note));
	json_array_append_new(notes->kinds, json_string(kind));
}

static void add_helper_notes(struct notes *notes, const char *program, const struct pool *pool)
{
	_cleanup_buf_ struct buf memory = BUF(500);

	if (pool && pool_lock_error(pool))
		buf_printf(&memory, _("memory is not locked: %s"), strerror(pool_lock_error(pool)));
	add_note(notes, "memory", program, buf_text(&memory));
	add_note(notes, "helper", program, pool ? pool_note(pool) : "");
}

static struct notes find_notes(const struct daemon *d)
{
	struct notes notes = { json_array(), json_array() };

	if (!mail_is_configured(d))
		add_note(&notes, "mail", "", _(SAY_NO_MAIL));
	if (d->state.phase == STATE_MEMORY)
		add_note(&notes, "state", _("state file cannot be written"), d->state.trouble ? d->state.trouble : _("no answer yet"));
	add_helper_notes(&notes, "tocsin-check", d->checkers);
	add_helper_notes(&notes, "tocsin-mail", d->mailers);
	for (size_t i = 0; i < d->n_remarks; i++)
		add_note(&notes, "past", "", d->remarks[i]);
	return notes;
}

/* ---- the methods ---- */

static void method_status(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct daemon *d = userdata;
	size_t n;
	_cleanup_free_ struct report_item *items = look_report_items(d, &n);
	struct report report = { .items = items, .n_items = items ? n : 0 };
	_cleanup_buf_ struct buf summary = BUF(1000);
	struct notes notes = find_notes(d);
	json_t *array = json_array();

	report_counts(&summary, &report);
	for (size_t i = 0; i < report.n_items; i++)
		json_array_append_new(array, json_item(&items[i]));
	varlink_reply(call, json_pack("{s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "host", json_text(d->conf->host),
			"version", PACKAGE_VERSION, "started", json_time(d->started_usec), "state",
			state_name(report_worst(&report)), "summary", buf_text(&summary), "last_mail",
			json_time(d->last_mail_usec), "notes", notes.texts, "note_kinds", notes.kinds, "items", array,
			"silences", json_silences(d), "outbox", json_outbox(d)));
}

static void method_check(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct daemon *d = userdata;
	const char *name = json_string_value(json_object_get(parameters, "name"));

	if (!name) {
		varlink_error(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", "name"));
		return;
	}
	int r = d->is_ready ? look_now(d, name, call) : -EAGAIN;
	if (r == -ENOENT)
		control_no_such_check(d, call, name);
	else if (r < 0)
		varlink_error(call, "NotReady", NULL);
}

void control_looked(struct varlink_call *caller, const struct check *c, const struct item *items, const char *error,
	bool not_applicable)
{
	json_t *array = json_array();

	for (const struct item *i = items; i; i = i->next) {
		const struct alert_state shown = { .state = i->last.state, .is_known = true, .since_usec = i->last.time_usec };
		const struct report_item item = {
			.check = c->conf->name, .item = i->name, .alert = &shown, .result = &i->last, .module = c->conf->module,
		};

		json_array_append_new(array, json_item(&item));
	}
	varlink_reply(caller, json_pack("{s:s, s:s, s:o, s:b, s:o}", "check", c->conf->name, "module", c->conf->module, "error",
			json_text(error), "not_applicable", not_applicable, "items", array));
}

static void method_test_mail(struct varlink_call *call, json_t *parameters, void *userdata)
{
	bool with_dialogue = json_is_true(json_object_get(parameters, "dialogue")) && varlink_wants_more(call);
	int r = outbox_test(userdata, call, with_dialogue);

	if (r == -ENOTCONN)
		varlink_error(call, "NoMail",
			json_pack("{s:s}", "reason", _(SAY_NOT_CONFIGURED)));
	else if (r == -EBUSY)
		varlink_error(call, "MailerFailed", json_pack("{s:s}", "reason",
				_("no mailer is ready, or several test mails are on their way; try again in a moment")));
	else if (r < 0)
		varlink_error(call, "MailerFailed", json_pack("{s:s}", "reason", strerror(-r)));
}

static void method_reload(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct daemon *d = userdata;

	if (d->is_ready)
		daemon_reload(d, call);
	else
		varlink_error(call, "NotReady", NULL);
}

void control_reloaded(struct daemon *d, const struct conf_problems *problems)
{
	size_t n = d->n_reload_callers - d->n_reload_next;

	for (size_t i = 0; i < n; i++) {
		json_t *lines = json_array();

		for (size_t j = 0; j < problems->n; j++) {
			_cleanup_buf_ struct buf line = BUF(4000);

			conf_problem_format(&problems->items[j], &line);
			json_array_append_new(lines, json_text(buf_text(&line)));
		}
		json_t *parameters = json_pack("{s:o}", "problems", lines);
		if (problems->n_errors)
			varlink_error(d->reload_callers[i], "ReloadRefused", parameters);
		else
			varlink_reply(d->reload_callers[i], parameters);
	}
	if (d->n_reload_next)
		memmove(d->reload_callers, d->reload_callers + n, d->n_reload_next * sizeof(*d->reload_callers));
	d->n_reload_callers = d->n_reload_next;
}

void control_drop_reloads(struct daemon *d)
{
	for (size_t i = 0; i < d->n_reload_callers; i++)
		varlink_error(d->reload_callers[i], "NotReady", NULL);
	d->n_reload_callers = 0;
}

static const struct varlink_method methods[] = {
	{ "Status", false, method_status },
	{ "Check", false, method_check },
	{ "TestMail", false, method_test_mail },
	{ "Reload", true, method_reload },
	{ "Acknowledge", false, method_acknowledge },
	{ "Silence", false, method_silence },
	{ "Unsilence", false, method_unsilence },
	{ "ShowMail", false, method_show_mail },
	{ "RetryMail", false, method_retry_mail },
	{ "DropMail", true, method_drop_mail },
	{ "Report", false, method_report },
	{ "Forget", true, method_forget },
	{ "TestAlert", false, method_test_alert },
	{ "History", false, method_history },
	{ "Incidents", false, method_incidents },
	{ "Samples", false, method_samples },
	{ "Charts", false, method_charts },
	{ 0 },
};

static const struct varlink_interface interface = {
	.name = "org.tocsin.Control", .description = description, .methods = methods, .vendor = "tocsin",
	.product = "tocsind", .version = PACKAGE_VERSION, .url = "https://varlink.org",
};

/* ---- the socket ---- */

/* A socket that an earlier daemon left is removed; one that answers belongs to a daemon that runs. */
static int remove_old(const char *path)
{
	int fd = varlink_connect(path);

	if (fd >= 0) {
		close_fd(fd);
		return -EADDRINUSE;
	}
	return fd == -ECONNREFUSED && unlink(path) < 0 ? -errno : 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int r = remove_old(path);
	if (r < 0)
		return r;
	mode_t mask = umask(0117); /* 0660: the group of the daemon may ask */
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return r;
	return listen(fd, SOMAXCONN) < 0 ? -errno : TAKE_FD(fd);
}

void control_inherit(struct daemon *d)
{
	int n = sd_listen_fds(true), fd = SD_LISTEN_FDS_START;

	if (n <= 0)
		return;
	int flags = fcntl(fd, F_GETFL);
	d->is_control_inherited = n == 1 && sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0 && flags >= 0 &&
		fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
	if (!d->is_control_inherited)
		log_warning("what the service manager handed over is not one listening stream socket");
}

/* Without its socket the daemon still watches and mails: only "another one runs already" ends it. */
int control_start(struct daemon *d)
{
	int fd = d->is_control_inherited ? SD_LISTEN_FDS_START : listen_at(d->options.control_path);

	if (fd == -EADDRINUSE)
		return log_error_errno(fd, "%s: another tocsind is running", d->options.control_path);
	if (fd < 0) {
		log_warning("%s: no control socket, so \"tocsin status\" will not work: %s", d->options.control_path,
			strerror(-fd));
		return 0;
	}
	int r = varlink_server_new(d->event, fd, &interface, d, &d->control);
	if (r < 0)
		close_fd(fd);
	return r;
}

void control_free(struct daemon *d)
{
	if (!d->control)
		return;
	d->control = varlink_server_free(d->control);
	if (!d->is_control_inherited)
		unlink(d->options.control_path);
}
