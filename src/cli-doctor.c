/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `tocsin doctor`: goes through everything between here and the mailbox, and says of each what is wrong and what to do.
 * It looks at little itself: the configuration is read by tocsin-check, the mail server is asked by tocsin-mail, the
 * clock, the disk and the service are looked at by the check modules, and the daemon is asked over its control socket. */
#include "cli.h"

#include "clock.h"
#include "conf-loader.h"
#include "state.h"
#include "status-view.h"
#include "terminal.h"
#include "text.h"
#include "translate.h"
#include "units.h"
#include "varlink.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-bus.h>

#define DAEMON_USER "tocsin"
#define UNIT "tocsin.service"
#define CREDENTIALS "/run/credentials/" UNIT
#define ASK_USEC (5 * USEC_PER_SEC)
#define LOOK_USEC (10 * USEC_PER_SEC)
#define CERTIFICATE_WARNING_DAYS 14
#define SUBJECT_COLUMNS 24
#define AS_ROOT N_("ask again as root: sudo tocsin doctor")

struct doctor {
	const struct cli *cli;
	struct conf_loaded loaded;
	const struct conf_mail *relay; /* whose findings come; NULL: they are about none */
	json_t *findings;
	enum tocsin_state worst;
	const char **recipients; /* all addresses of the configuration, each once; they are LOADED's */
	size_t n_recipients;
};

/* ---- findings ---- */

static void print_finding(const json_t *finding, const char *subject)
{
	const char *state = cli_text_of(finding, "state"), *remedy = cli_text_of(finding, "remedy");
	_cleanup_buf_ struct buf padded = BUF(1000);

	text_pad(&padded, subject, SUBJECT_COLUMNS);
	cli_print_state(*state ? state : _("n/a"), 8);
	printf("  %s  ", buf_text(&padded));
	cli_print_lines(cli_text_of(finding, "text"), 8 + 2 + SUBJECT_COLUMNS + 2);
	if (*remedy) {
		fputs("          → ", stdout);
		cli_print_lines(remedy, 12);
	}
	fflush(stdout);
}

static json_t *json_clean(const char *text)
{
	_cleanup_free_ char *cleaned = text_cleaned(text, 4000);

	return json_string(cleaned ? cleaned : "");
}

/* "mail backup: login". */
static void put_subject(struct buf *b, const struct conf_mail *relay, const char *mail, const char *what)
{
	if (relay)
		buf_printf(b, "%s%s%.20s: ", mail, *relay->name ? " " : "", relay->name);
	buf_puts(b, what);
}

/* SUBJECT is marked, and the same for programs in every language. STATE NULL: nothing of the kind is here. The remedy, which
 * is marked too, belongs to what is not OK; NULL: there is none to tell. */
static void _printf_(5, 6) tell_finding(struct doctor *d, const char *subject, const char *state, const char *remedy,
	const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(16000), name = BUF(1000), shown = BUF(1000);
	bool is_fine = !state || strcmp(state, "OK") == 0;
	enum tocsin_state value;
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&text, _(format), arguments);
	va_end(arguments);
	put_subject(&name, d->relay, "mail", subject);
	put_subject(&shown, d->relay, _("mail"), _(subject));
	json_t *finding = json_pack("{s:o, s:o, s:o, s:o}", "subject", json_clean(buf_text(&name)), "state",
		state ? json_string(state) : json_null(), "text", json_clean(buf_text(&text)), "remedy",
		remedy && !is_fine ? json_clean(_(remedy)) : json_null());
	if (state && state_parse(state, &value) == 0 && state_rank(value) < state_rank(d->worst))
		d->worst = value;
	if (!d->cli->json)
		print_finding(finding, buf_text(&shown));
	json_array_append_new(d->findings, finding);
}

/* ---- what may go wrong with a mail server ---- */

enum stage { BEGIN, SECRET, NAME, CONNECT, TLS, GREETING, LOGIN, SENDER, RECIPIENT, CONTENT, STAGES };

/* WORD: of the stages that the mailer tells; COMMAND: of SMTP. FINE: that it went well, with what is known of it (%s). */
static const struct {
	const char *word, *command, *what, *fine, *remedy;
} stages[STAGES] = {
	[BEGIN] = { "", "", N_("mailer"), "", N_("see whether tocsin is installed wholly") },
	[SECRET] = { "secret", "", N_("password"), "",
		N_("write the password where the configuration says, readable for tocsin only") },
	[NAME] = { "name", "", N_("name"), N_("%s is known"),
		N_("see 'server' for a slip; and the resolver: getent hosts NAME") },
	[CONNECT] = { "connect", "", N_("connection"), N_("connected to %s"),
		N_("see 'port' (465 with security = tls, 587 with starttls), and whether a firewall, or the network's provider, "
		   "lets this host through") },
	[TLS] = { "tls", "STARTTLS", N_("encryption"), N_("TLS, and the certificate is trusted"),
		N_("see 'server', 'port' and 'security'; an authority of your own is named by tls_ca_file") },
	[GREETING] = { "", "EHLO", N_("greeting"), N_("it speaks SMTP"), N_("see 'port', and 'hello' if it refuses our name") },
	[LOGIN] = { "", "AUTH", N_("login"), N_("the login was accepted"),
		N_("see 'username' and the password; a consumer mailbox wants an authorization code or app password, and SMTP switched "
		   "on in its settings") },
	[SENDER] = { "", "MAIL", N_("sender"), N_("%s is accepted"),
		N_("'from' must be an address that this login may use, as a rule the username") },
	[RECIPIENT] = { "", "RCPT", N_("recipient"), N_("%s is accepted"),
		N_("see 'to' for a slip; ask the server's administrator why") },
	[CONTENT] = { "", "DATA", N_("content"), N_("the content was accepted"), N_("ask the server's administrator why") },
};

/* ---- the configuration ---- */

static void tell_problems(struct doctor *d)
{
	for (size_t i = 0; i < d->loaded.problems.n; i++) {
		const struct conf_problem *p = &d->loaded.problems.items[i];
		char line[24] = "";

		if (p->line)
			snprintf(line, sizeof(line), ":%u", p->line);
		tell_finding(d, N_("configuration"), p->is_error ? "CRITICAL" : "WARNING", p->is_error ?
			N_("correct the line, then: tocsin reload") : NULL, "%s%s: %s", p->file, line, p->text);
	}
}

static void add_recipient(struct doctor *d, const char *address)
{
	for (size_t i = 0; i < d->n_recipients; i++)
		if (strcmp(d->recipients[i], address) == 0)
			return;
	d->recipients[d->n_recipients++] = address;
}

static void collect_recipients(struct doctor *d)
{
	const struct conf *conf = d->loaded.conf;
	size_t n = 0;

	for (size_t i = 0; i < conf->n_recipients; i++)
		n += conf->recipients[i].to.n;
	d->recipients = calloc(n + 1, sizeof(*d->recipients));
	for (size_t i = 0; d->recipients && i < conf->n_recipients; i++)
		for (size_t j = 0; j < conf->recipients[i].to.n; j++)
			add_recipient(d, conf->recipients[i].to.items[j]);
}

static void examine_configuration(struct doctor *d)
{
	int r = cli_load(d->cli, &d->loaded);
	const struct conf *conf = d->loaded.conf;

	if (r < 0 || d->loaded.is_unread)
		tell_finding(d, N_("configuration"), "UNKNOWN", geteuid() ? AS_ROOT : stages[BEGIN].remedy, "%s could not be read: %s",
			d->cli->conf_path, r < 0 ? strerror(-r) : _("tocsin-check gave no answer"));
	tell_problems(d);
	if (!conf)
		return;
	collect_recipients(d);
	if (d->loaded.problems.n == 0)
		tell_finding(d, N_("configuration"), "OK", NULL, "%s; checks: %zu, mail servers: %zu, recipients: %zu", d->cli->conf_path,
			conf->n_checks, conf->n_mails, d->n_recipients);
	if (conf->n_checks == 0)
		tell_finding(d, N_("configuration"), "WARNING", N_("add a [check NAME]; \"tocsin describe\" lists what there is"),
			"nothing is watched: there is no [check NAME]");
}

/* ---- secrets ---- */

/* Can the daemon's user open it? By trying, so that folders and access control lists count. -errno when it cannot even
 * be tried. */
static int is_readable_by(const struct passwd *user, const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0 ?
				2 : access(path, R_OK) < 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return !WIFEXITED(status) || WEXITSTATUS(status) > 1 ? -EPERM : WEXITSTATUS(status) == 0;
}

static void examine_file(struct doctor *d, const char *subject, const char *path)
{
	static const char remedy[] = N_("chown root:tocsin and chmod 0640 for it");
	const struct passwd *user = getpwnam(DAEMON_USER);
	struct stat st;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		bool is_ours = errno == EACCES && geteuid() != 0;

		tell_finding(d, subject, is_ours ? "UNKNOWN" : "CRITICAL", is_ours ? AS_ROOT :
			N_("write the password into it: of a consumer mailbox the authorization code or app password"), "%s: %s", path,
			strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		tell_finding(d, subject, "CRITICAL", N_("write the password into it, in one line"),
			S_ISREG(st.st_mode) ? N_("%s is empty") : N_("%s is no file"), path);
	} else if (st.st_mode & S_IROTH) {
		tell_finding(d, subject, "WARNING", remedy, "%s can be read by everybody on this host", path);
	} else if (user && geteuid() == 0 && is_readable_by(user, path) == 0) {
		tell_finding(d, subject, "CRITICAL", remedy, "%s cannot be read by the user tocsin", path);
	} else {
		tell_finding(d, subject, "OK", NULL, user && geteuid() == 0 ? N_("%s is readable for tocsin") : N_("%s is readable"),
			path);
	}
}

/* The service manager shows credentials while the service runs. */
static void examine_credential(struct doctor *d, const char *subject, const char *name)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_free_ char *path = NULL;

	if (!folder && access(CREDENTIALS, F_OK) == 0 && setenv("CREDENTIALS_DIRECTORY", CREDENTIALS, 1) == 0)
		folder = CREDENTIALS;
	if (!folder)
		tell_finding(d, subject, "UNKNOWN", N_("start the service, then ask again as root: sudo tocsin doctor"),
			"the credential %s can be seen only while tocsin.service runs", name);
	else if (asprintf(&path, "%s/%s", folder, name) >= 0 && access(path, R_OK) == 0)
		tell_finding(d, subject, "OK", NULL, "the credential %s was given to the service", name);
	else
		tell_finding(d, subject, errno == EACCES ? "UNKNOWN" : "CRITICAL", errno == EACCES ? AS_ROOT :
			N_("store it: systemd-creds encrypt, or LoadCredential=NAME:PATH in a drop-in of the unit"),
			"the credential %s: %s", name, strerror(errno));
}

static void examine_secrets(struct doctor *d)
{
	for (size_t i = 0; d->loaded.conf && i < d->loaded.conf->n_mails; i++) {
		const struct conf_mail *m = d->relay = &d->loaded.conf->mails[i];

		if (m->password_file)
			examine_file(d, stages[SECRET].what, m->password_file);
		if (m->credential)
			examine_credential(d, stages[SECRET].what, m->credential);
	}
	d->relay = NULL;
}

/* ---- the way to the mail server ---- */

struct visit {
	struct doctor *doctor;
	const struct conf_mail *relay;
	bool sends, is_over; /* its last command was seen */
	enum stage stage;
	bool was_at[STAGES];
	char *detail[STAGES];
	int64_t until_usec, chain_until_usec; /* of the certificate; 0: none was shown */
	char *certificate; /* whose it is */
	json_t *results; /* recipient, outcome, text, status */
};

static void visit_free(struct visit *v)
{
	for (size_t i = 0; i < STAGES; i++)
		free(v->detail[i]);
	free(v->certificate);
	json_decref(v->results);
}

static void enter_stage(struct visit *v, enum stage stage, const char *detail)
{
	v->stage = stage;
	v->was_at[stage] = true;
	if (!*detail)
		return;
	free(v->detail[stage]);
	v->detail[stage] = strdup(detail);
}

/* "1790000000000000 never for NAMES, issued by AUTHORITY", the words in our language */
static void take_certificate(struct visit *v, const char *line)
{
	char until[24], chain[24];
	int n = 0;

	if (sscanf(line, "%23s %23s %n", until, chain, &n) < 2 || parse_int(until, &v->until_usec) < 0)
		return;
	if (parse_int(chain, &v->chain_until_usec) < 0)
		v->chain_until_usec = INT64_MAX;
	free(v->certificate);
	v->certificate = strdup(line + n);
}

static void take_stage(struct visit *v, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *detail = line + len + (line[len] == ' ');

	if (len == strlen("certificate") && strncmp(line, "certificate", len) == 0)
		take_certificate(v, detail);
	for (size_t i = 0; i < STAGES; i++)
		if (*stages[i].word && strlen(stages[i].word) == len && strncmp(line, stages[i].word, len) == 0)
			enter_stage(v, (enum stage)i, detail);
}

/* The detail is the address, where the command has one. */
static void take_command(struct visit *v, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *open = strchr(line, '<'), *close = open ? strchr(open, '>') : NULL;
	_cleanup_free_ char *address = close ? strndup(open + 1, (size_t)(close - open) - 1) : NULL;

	for (size_t i = 0; i < STAGES; i++)
		if (*stages[i].command && strlen(stages[i].command) == len && strncmp(line, stages[i].command, len) == 0)
			enter_stage(v, (enum stage)i, address ? address : "");
}

static void hear(const struct msg *m, void *userdata)
{
	struct visit *v = userdata;

	if (m->kind == MSG_DIALOGUE && strcmp(m->field[0], "@") == 0)
		take_stage(v, m->field[1]);
	else if (m->kind == MSG_DIALOGUE && strcmp(m->field[0], ">") == 0 && !v->sends)
		take_command(v, m->field[1]);
	else if (m->kind == MSG_RESULT)
		json_array_append_new(v->results, json_pack("{s:o, s:o, s:o}", "recipient", json_clean(m->field[1]), "outcome",
			json_clean(m->field[2]), "text", json_clean(m->field[5])));
}

static void find_at(struct visit *v, enum stage stage, const char *state, const char *remedy, const char *text)
{
	tell_finding(v->doctor, stages[stage].what, state, remedy, "%s", text);
}

static bool is_here(const char *server)
{
	return server && (strcmp(server, "localhost") == 0 || strncmp(server, "127.", 4) == 0 || strcmp(server, "::1") == 0);
}

static void tell_certificate(struct visit *v)
{
	int64_t end = v->until_usec < v->chain_until_usec ? v->until_usec : v->chain_until_usec;
	int64_t days = (end - clock_realtime_usec()) / USEC_PER_DAY;

	if (!v->certificate)
		return;
	tell_finding(v->doctor, N_("certificate"), days < CERTIFICATE_WARNING_DAYS ? "WARNING" : "OK",
		N_("the server's administrator must renew it"), end < v->until_usec ?
			N_("%s: its authority has %lld days left") : N_("%s: %lld days left"), v->certificate, (long long)days);
}

/* SENTENCE with DETAIL, or "it", in the place of its %s; where it has none, before it. */
static void put_fine(struct buf *b, const char *sentence, const char *detail)
{
	const char *place = strstr(sentence, "%s");

	if (place)
		buf_printf(b, "%.*s%s%s", (int)(place - sentence), sentence, detail ? detail : _("it"), place + strlen("%s"));
	else
		buf_printf(b, "%s%s%s", detail ? detail : "", detail ? ": " : "", sentence);
}

/* What went well before it came to the stage where it is. */
static void tell_passed(struct visit *v, enum stage end)
{
	for (enum stage s = SECRET; s < end; s++) {
		_cleanup_buf_ struct buf text = BUF(8000);

		if (!v->was_at[s] || !*stages[s].fine || s == RECIPIENT)
			continue;
		put_fine(&text, _(stages[s].fine), v->detail[s]);
		find_at(v, s, "OK", NULL, buf_text(&text));
		if (s == TLS)
			tell_certificate(v);
	}
	if (end > TLS && v->relay->security == CONF_NONE)
		find_at(v, TLS, is_here(v->relay->server) ? "OK" : "WARNING", N_("set security = tls or starttls"),
			_("not encrypted, as security = none says"));
}

/* What the first recipient was told is what the session ended with. */
static void tell_failure(struct visit *v)
{
	const json_t *first = json_array_get(v->results, 0);
	bool is_ours = v->stage == SECRET && geteuid() != 0;
	_cleanup_buf_ struct buf text = BUF(16000);

	buf_puts(&text, cli_text_of(first, "text"));
	if (v->stage == TLS && v->certificate) {
		_cleanup_buf_ struct buf time = BUF(60);

		format_time(&time, v->until_usec);
		buf_printf(&text, _("; it showed a certificate %s, valid until %s"), v->certificate, buf_text(&time));
	}
	find_at(v, v->stage, is_ours ? "UNKNOWN" : "CRITICAL", is_ours ? AS_ROOT : stages[v->stage].remedy, buf_text(&text));
}

static void tell_recipients(struct visit *v)
{
	const json_t *result;
	size_t i;

	json_array_foreach(v->results, i, result) {
		const char *outcome = cli_text_of(result, "outcome"), *recipient = cli_text_of(result, "recipient");
		const char *text = cli_text_of(result, "text");
		bool is_fine = strcmp(outcome, "accepted") == 0 || strcmp(outcome, "sent") == 0;
		bool is_temporary = strcmp(outcome, "temporary") == 0;

		tell_finding(v->doctor, v->sends ? N_("test mail") : stages[RECIPIENT].what,
			is_fine ? "OK" : is_temporary ? "WARNING" : "CRITICAL", is_temporary ?
				N_("tocsin tries again by itself; if it stays so, ask the server's administrator") : stages[RECIPIENT].remedy,
			"%s: %s%s%s", recipient, cli_outcome(outcome), *text && !is_fine ? ": " : "", is_fine ? "" : text);
	}
}

/* Recipients are told one by one only when it came to them. */
static void tell_visit(struct visit *v, int r)
{
	if (r < 0 || json_array_size(v->results) == 0) {
		find_at(v, v->stage, "UNKNOWN", stages[BEGIN].remedy, r == -ETIMEDOUT ? _("tocsin-mail gave no answer in time") :
			r == -EPIPE || r == 0 ? _("tocsin-mail ended without an answer") : strerror(-r));
		return;
	}
	if (!v->sends)
		tell_passed(v, v->stage);
	if (v->sends || v->stage >= RECIPIENT)
		tell_recipients(v);
	else
		tell_failure(v);
}

/* Who gets test mails: nobody whom only an escalation wakes, if there is somebody else. */
static const struct tocsin_list *first_recipient(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_recipients; i++)
		if (conf->recipients[i].escalate_after == 0)
			return &conf->recipients[i].to;
	return &conf->recipients[0].to;
}

/* True: it came to the recipients, and one at least was accepted. */
static bool visit_relay(struct doctor *d, const struct conf_mail *relay, bool sends)
{
	_cleanup_(visit_free) struct visit v = { .doctor = d, .relay = relay, .sends = sends, .results = json_array() };
	const json_t *result;
	bool is_accepted = false;
	size_t i;
	const struct tocsin_list *first = first_recipient(d->loaded.conf);
	const struct cli_letter letter = { .to = sends ? first->items : d->recipients,
		.n_to = sends ? first->n : d->n_recipients, .is_probe = !sends };

	int r = cli_probe(d->cli, &d->loaded, relay, &letter, hear, &v);
	tell_visit(&v, r);
	json_array_foreach(v.results, i, result)
		is_accepted |= strcmp(cli_text_of(result, "outcome"), "accepted") == 0;
	return is_accepted;
}

static void examine_relays(struct doctor *d)
{
	const struct conf *conf = d->loaded.conf;

	if (!conf)
		return;
	if (conf->n_mails == 0 || d->n_recipients == 0)
		tell_finding(d, N_("mail"), "CRITICAL", N_("run tocsin setup, or write [mail] as tocsin.conf(5) says"), conf->n_mails ?
				N_("no mail can be sent: [mail] with 'to' is missing") :
				N_("no mail can be sent: [mail] with a server is missing"));
	for (size_t i = 0; i < conf->n_mails && d->n_recipients; i++) {
		d->relay = &conf->mails[i];
		if (visit_relay(d, d->relay, false) && d->cli->send)
			visit_relay(d, d->relay, true);
	}
	d->relay = NULL;
}

/* ---- the daemon ---- */

static void tell_notes(struct doctor *d, const json_t *status)
{
	static const struct {
		const char *kind, *subject, *remedy, *fine; /* what is told when there is no such note; or NULL */
	} known[] = {
		{ "memory", N_("memory"), N_("LimitMEMLOCK=64M in the unit: systemctl cat tocsin.service shows what is in force"),
			N_("the helpers that stand by are locked in memory") },
		{ "state", N_("state file"), N_("see to its disk and its owner: ls -ld /var/lib/tocsin; df /var/lib/tocsin"),
			N_("tocsind can write it") },
		{ "mail", N_("mail"), N_("see the findings about mail"), NULL },
		{ "helper", N_("helpers"), N_("see journalctl -u tocsin"), N_("nothing is remarked") },
	};
	const json_t *notes = json_object_get(status, "notes"), *kinds = json_object_get(status, "note_kinds"), *note;
	bool was_found[ELEMENTS(known)] = { false };
	size_t i;

	json_array_foreach(notes, i, note) {
		const char *text = json_string_value(note), *kind = json_string_value(json_array_get(kinds, i));
		size_t k = 0;

		while (k < ELEMENTS(known) && (!kind || strcmp(kind, known[k].kind) != 0))
			k++;
		if (k < ELEMENTS(known))
			was_found[k] = true;
		tell_finding(d, k < ELEMENTS(known) ? known[k].subject : N_("daemon"), "WARNING",
			k < ELEMENTS(known) ? known[k].remedy : NULL, "%s", text ? text : "");
	}
	for (i = 0; i < ELEMENTS(known); i++)
		if (!was_found[i] && known[i].fine)
			tell_finding(d, known[i].subject, "OK", NULL, "%s", _(known[i].fine));
}

/* A time of the control socket for a person; "" for null. */
static void append_time(struct buf *b, const json_t *object, const char *name)
{
	int64_t usec;

	if (parse_time_rfc3339(cli_text_of(object, name), &usec) == 0)
		format_time(b, usec);
}

static void tell_outbox(struct doctor *d, const json_t *status)
{
	const json_t *outbox = json_object_get(status, "outbox"), *mail = json_array_get(outbox, 0);
	const json_t *recipient = json_array_get(json_object_get(mail, "recipients"), 0);
	_cleanup_buf_ struct buf last = BUF(100), queued = BUF(100);

	const char *answer = cli_text_of(recipient, "answer");
	append_time(&last, status, "last_mail");
	append_time(&queued, mail, "queued");
	if (json_array_size(outbox))
		tell_finding(d, N_("outbox"), "WARNING", N_("\"tocsin outbox\" shows all answers; \"tocsin outbox retry\" tries now"),
			*answer ? N_("mails that wait: %zu, the first since %s; last answer: %s")
				: N_("mails that wait: %zu, the first since %s, not tried yet"),
			json_array_size(outbox), buf_text(&queued), answer);
	else if (last.len)
		tell_finding(d, N_("outbox"), "OK", NULL, "no mail waits, the last one arrived %s", buf_text(&last));
	else
		tell_finding(d, N_("outbox"), "OK", NULL, "no mail waits; none was sent yet");
}

static void tell_status(struct doctor *d, const json_t *status)
{
	const char *version = cli_text_of(status, "version");
	bool is_ours = strcmp(version, PACKAGE_VERSION) == 0;
	_cleanup_buf_ struct buf started = BUF(100);

	append_time(&started, status, "started");
	if (is_ours)
		tell_finding(d, N_("daemon"), "OK", NULL, "tocsind %s runs since %s", version, buf_text(&started));
	else
		tell_finding(d, N_("daemon"), "WARNING", "systemctl restart tocsin", "tocsind %s runs since %s, and this is %s", version,
			buf_text(&started), PACKAGE_VERSION);
	tell_notes(d, status);
	tell_outbox(d, status);
}

static void examine_daemon(struct doctor *d)
{
	_cleanup_close_ int fd = varlink_connect(d->cli->control_path);
	_cleanup_free_ char *error = NULL;
	json_t *status = NULL;
	int r = fd < 0 ? fd : varlink_query(fd, "org.tocsin.Control.Status", NULL, ASK_USEC, NULL, NULL, &status, &error);

	if (r == 0 && !error)
		tell_status(d, status);
	else if (r == -EACCES)
		tell_finding(d, N_("daemon"), "UNKNOWN", AS_ROOT, "%s: %s", d->cli->control_path, strerror(-r));
	else
		tell_finding(d, N_("daemon"), "CRITICAL", N_("systemctl start tocsin; if it does not stay: journalctl -u tocsin"), "%s: %s",
			d->cli->control_path, r < 0 ? strerror(-r) : error);
	json_decref(status);
}

/* ---- what check modules look at ---- */

/* One look of MODULE with one option, its items as findings about SUBJECT. */
static void look(struct doctor *d, const char *subject, const char *module, const char *key, const char *value,
	const char *remedy)
{
	const struct conf_setting option = { .key = (char *)key, .value = (char *)value };
	const struct cli_look l = { .check = module, .module = module, .options = &option, .n_options = key ? 1 : 0,
		.timeout_usec = LOOK_USEC };
	const json_t *item;
	json_t *result = cli_look_once(d->cli, &l);
	size_t i;

	json_array_foreach(json_object_get(result, "items"), i, item)
		tell_finding(d, subject, cli_text_of(item, "state"), remedy, "%s", cli_text_of(item, "text"));
	if (!result)
		tell_finding(d, subject, "UNKNOWN", stages[BEGIN].remedy, "tocsin-check cannot be started");
	else if (json_is_string(json_object_get(result, "error")))
		tell_finding(d, subject, json_is_true(json_object_get(result, "not_applicable")) ? NULL : "UNKNOWN", remedy, "%s",
			cli_text_of(result, "error"));
	json_decref(result);
}

static void examine_clock(struct doctor *d)
{
	look(d, N_("clock"), "clock", NULL, NULL,
		N_("a wrong clock spoils certificates and the dates of mails: start systemd-timesyncd or chrony"));
}

static void examine_state_folder(struct doctor *d)
{
	_cleanup_free_ char *folder = strdup(d->cli->state_path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!slash)
		return;
	*slash = '\0';
	if (access(folder, F_OK) < 0)
		tell_finding(d, N_("state folder"), "WARNING", N_("the service makes it at its start: systemctl start tocsin"), "%s: %s", folder,
			strerror(errno));
	else
		look(d, N_("state folder"), "disk", "path", folder,
			N_("make room: without it alerts go out, but a crash may lose or repeat some"));
}

static void examine_programs(struct doctor *d)
{
	static const char *const programs[] = { "tocsin-check", "tocsin-mail", "tocsin-store" };

	for (size_t i = 0; i < ELEMENTS(programs); i++) {
		_cleanup_free_ char *path = helper_path(programs[i]);

		if (!path || access(path, X_OK) < 0)
			tell_finding(d, N_("helpers"), "CRITICAL", N_("install tocsin anew"), "%s: %s", path ? path : programs[i], strerror(errno));
	}
}

/* Is it started at boot? */
static void examine_enablement(struct doctor *d)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *state = NULL;
	sd_bus *bus = NULL;

	int r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
			"org.freedesktop.systemd1.Manager", "GetUnitFileState", &error, &reply, "s", UNIT);
	if (r >= 0)
		r = sd_bus_message_read(reply, "s", &state);
	if (r < 0)
		tell_finding(d, N_("service"), "UNKNOWN", "systemctl is-enabled " UNIT, "whether it is started at boot: %s",
			error.message ? error.message : strerror(-r));
	else if (strcmp(state, "enabled") == 0)
		tell_finding(d, N_("service"), "OK", NULL, "it is started at boot");
	else
		tell_finding(d, N_("service"), "WARNING", "systemctl enable tocsin", "it is not started at boot: %s", state);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus);
}

static void examine_service(struct doctor *d)
{
	if (access("/run/systemd/system", F_OK) < 0) {
		tell_finding(d, N_("service"), NULL, NULL,
			"systemd does not run here: what starts tocsind, at boot and after a crash, is unknown");
		return;
	}
	look(d, N_("service"), "unit", "unit", UNIT, "systemctl enable --now tocsin; systemctl status tocsin");
	examine_enablement(d);
}

/* ---- all of it ---- */

static void (*const examinations[])(struct doctor *d) = {
	examine_configuration, examine_secrets, examine_relays, examine_clock, examine_programs, examine_service,
	examine_daemon, examine_state_folder,
};

int cli_doctor(const struct cli *cli, char **arguments)
{
	struct doctor d = { .cli = cli, .findings = json_array(), .worst = TOCSIN_OK };

	for (size_t i = 0; i < ELEMENTS(examinations); i++)
		examinations[i](&d);
	if (cli->json) {
		json_t *all = json_pack("{s:s, s:O}", "state", state_name(d.worst), "findings", d.findings);

		cli_print_json(all);
		json_decref(all);
	}
	free(d.recipients);
	conf_loaded_free(&d.loaded);
	json_decref(d.findings);
	return cli_exit_status(state_name(d.worst));
}
