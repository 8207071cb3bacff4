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
#define AS_ROOT "ask again as root: sudo tocsin doctor"

struct doctor {
	const struct cli *cli;
	struct conf_loaded loaded;
	json_t *findings;
	enum tocsin_state worst;
	const char **recipients; /* all addresses of the configuration, each once; they are LOADED's */
	size_t n_recipients;
};

/* ---- findings ---- */

static void print_lines(const char *text, size_t indent)
{
	size_t columns = terminal_look().columns, room = columns > indent + 20 ? columns - indent : columns ? 20 : SIZE_MAX;

	while (*text) {
		const char *next;
		size_t n = text_line(text, room, &next);

		printf("%.*s\n%*s", (int)n, text, *next ? (int)indent : 0, "");
		text = next;
	}
}

static void print_finding(const json_t *finding)
{
	const char *state = cli_text_of(finding, "state"), *remedy = cli_text_of(finding, "remedy");
	_cleanup_buf_ struct buf subject = BUF(1000);

	text_pad(&subject, cli_text_of(finding, "subject"), SUBJECT_COLUMNS);
	cli_print_state(*state ? state : "n/a", 8);
	printf("  %s  ", buf_text(&subject));
	print_lines(cli_text_of(finding, "text"), 8 + 2 + SUBJECT_COLUMNS + 2);
	if (*remedy) {
		fputs("          → ", stdout);
		print_lines(remedy, 12);
	}
	fflush(stdout);
}

static json_t *json_clean(const char *text)
{
	_cleanup_free_ char *cleaned = text_cleaned(text, 4000);

	return json_string(cleaned ? cleaned : "");
}

/* STATE NULL: nothing of the kind is here. The remedy belongs to what is not OK; NULL: there is none to tell. */
static void _printf_(5, 6) find(struct doctor *d, const char *subject, const char *state, const char *remedy,
	const char *format, ...)
{
	_cleanup_buf_ struct buf text = BUF(16000);
	enum tocsin_state value;
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	bool is_fine = !state || strcmp(state, "OK") == 0;
	json_t *finding = json_pack("{s:o, s:o, s:o, s:o}", "subject", json_clean(subject), "state",
		state ? json_string(state) : json_null(), "text", json_clean(buf_text(&text)), "remedy",
		remedy && !is_fine ? json_clean(remedy) : json_null());
	if (state && state_parse(state, &value) == 0 && state_rank(value) < state_rank(d->worst))
		d->worst = value;
	if (!d->cli->json)
		print_finding(finding);
	json_array_append_new(d->findings, finding);
}

/* ---- the configuration ---- */

static void tell_problems(struct doctor *d)
{
	for (size_t i = 0; i < d->loaded.problems.n; i++) {
		const struct conf_problem *p = &d->loaded.problems.items[i];
		char line[24] = "";

		if (p->line)
			snprintf(line, sizeof(line), ":%u", p->line);
		find(d, "configuration", p->is_error ? "CRITICAL" : "WARNING", p->is_error ?
			"correct the line, then: tocsin reload" : NULL, "%s%s: %s", p->file, line, p->text);
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
		find(d, "configuration", "UNKNOWN", geteuid() ? AS_ROOT : "see whether tocsin is installed wholly",
			"%s could not be read: %s", d->cli->conf_path, r < 0 ? strerror(-r) : "tocsin-check gave no answer");
	tell_problems(d);
	if (!conf)
		return;
	collect_recipients(d);
	if (d->loaded.problems.n == 0)
		find(d, "configuration", "OK", NULL, "%s; checks: %zu, mail servers: %zu, recipients: %zu", d->cli->conf_path,
			conf->n_checks, conf->n_mails, d->n_recipients);
	if (conf->n_checks == 0)
		find(d, "configuration", "WARNING", "add a [check NAME]; \"tocsin describe\" lists what there is",
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
	static const char remedy[] = "chown root:" DAEMON_USER " and chmod 0640 for it";
	const struct passwd *user = getpwnam(DAEMON_USER);
	struct stat st;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		bool is_ours = errno == EACCES && geteuid() != 0;

		find(d, subject, is_ours ? "UNKNOWN" : "CRITICAL", is_ours ? AS_ROOT :
			"write the password into it: of a consumer mailbox the authorization code or app password", "%s: %s", path,
			strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		find(d, subject, "CRITICAL", "write the password into it, in one line", "%s %s", path,
			S_ISREG(st.st_mode) ? "is empty" : "is no file");
	} else if (st.st_mode & S_IROTH) {
		find(d, subject, "WARNING", remedy, "%s can be read by everybody on this host", path);
	} else if (user && geteuid() == 0 && is_readable_by(user, path) == 0) {
		find(d, subject, "CRITICAL", remedy, "%s cannot be read by the user " DAEMON_USER, path);
	} else {
		find(d, subject, "OK", NULL, "%s is readable%s", path, user && geteuid() == 0 ? " for " DAEMON_USER : "");
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
		find(d, subject, "UNKNOWN", "start the service, then ask again as root: sudo tocsin doctor",
			"the credential %s can be seen only while " UNIT " runs", name);
	else if (asprintf(&path, "%s/%s", folder, name) >= 0 && access(path, R_OK) == 0)
		find(d, subject, "OK", NULL, "the credential %s was given to the service", name);
	else
		find(d, subject, errno == EACCES ? "UNKNOWN" : "CRITICAL", errno == EACCES ? AS_ROOT :
			"store it: systemd-creds encrypt, or LoadCredential=NAME:PATH in a drop-in of the unit",
			"the credential %s: %s", name, strerror(errno));
}

static void relay_subject(const struct conf_mail *m, const char *what, char *subject, size_t size)
{
	snprintf(subject, size, "mail%s%.20s: %s", *m->name ? " " : "", m->name, what);
}

static void examine_secrets(struct doctor *d)
{
	for (size_t i = 0; d->loaded.conf && i < d->loaded.conf->n_mails; i++) {
		const struct conf_mail *m = &d->loaded.conf->mails[i];
		char subject[64];

		relay_subject(m, "password", subject, sizeof(subject));
		if (m->password_file)
			examine_file(d, subject, m->password_file);
		if (m->credential)
			examine_credential(d, subject, m->credential);
	}
}

/* ---- the way to the mail server ---- */

enum stage { BEGIN, SECRET, NAME, CONNECT, TLS, GREETING, LOGIN, SENDER, RECIPIENT, CONTENT, STAGES };

/* WORD: of the stages that the mailer tells; COMMAND: of SMTP. FINE: that it went well, with what is known of it. */
static const struct {
	const char *word, *command, *what, *fine, *remedy;
} stages[STAGES] = {
	[BEGIN] = { "", "", "mailer", "", "see whether tocsin is installed wholly" },
	[SECRET] = { "secret", "", "password", "",
		"write the password where the configuration says, readable for " DAEMON_USER " only" },
	[NAME] = { "name", "", "name", "%s is known", "see 'server' for a slip; and the resolver: getent hosts NAME" },
	[CONNECT] = { "connect", "", "connection", "connected to %s",
		"see 'port' (465 with security = tls, 587 with starttls), and whether a firewall, or the network's provider, "
		"lets this host through" },
	[TLS] = { "tls", "STARTTLS", "encryption", "TLS, and the certificate is trusted",
		"see 'server', 'port' and 'security'; an authority of your own is named by tls_ca_file" },
	[GREETING] = { "", "EHLO", "greeting", "it speaks SMTP", "see 'port', and 'hello' if it refuses our name" },
	[LOGIN] = { "", "AUTH", "login", "accepted",
		"see 'username' and the password; a consumer mailbox wants an authorization code or app password, and SMTP switched on "
		"in its settings" },
	[SENDER] = { "", "MAIL", "sender", "accepted", "'from' must be an address that this login may use, as a rule the username" },
	[RECIPIENT] = { "", "RCPT", "recipient", "accepted", "see 'to' for a slip; ask the server's administrator why" },
	[CONTENT] = { "", "DATA", "content", "accepted", "ask the server's administrator why" },
};

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

/* "1790000000000000 never for NAMES, issued by AUTHORITY" */
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
	char subject[64];

	relay_subject(v->relay, stages[stage].what, subject, sizeof(subject));
	find(v->doctor, subject, state, remedy, "%s", text);
}

static bool is_here(const char *server)
{
	return server && (strcmp(server, "localhost") == 0 || strncmp(server, "127.", 4) == 0 || strcmp(server, "::1") == 0);
}

static void tell_certificate(struct visit *v)
{
	int64_t end = v->until_usec < v->chain_until_usec ? v->until_usec : v->chain_until_usec;
	int64_t days = (end - clock_realtime_usec()) / USEC_PER_DAY;
	char subject[64];

	if (!v->certificate)
		return;
	relay_subject(v->relay, "certificate", subject, sizeof(subject));
	find(v->doctor, subject, days < CERTIFICATE_WARNING_DAYS ? "WARNING" : "OK", "the server's administrator must renew it",
		"%s: %s%lld days left", v->certificate, end < v->until_usec ? "its authority has " : "", (long long)days);
}

/* What went well before it came to the stage where it is. */
static void tell_passed(struct visit *v, enum stage end)
{
	for (enum stage s = SECRET; s < end; s++) {
		_cleanup_buf_ struct buf text = BUF(8000);

		if (!v->was_at[s] || !*stages[s].fine || s == RECIPIENT)
			continue;
		if (strstr(stages[s].fine, "%s"))
			buf_printf(&text, "%.*s%s%s", (int)(strstr(stages[s].fine, "%s") - stages[s].fine), stages[s].fine,
				v->detail[s] ? v->detail[s] : "it", strstr(stages[s].fine, "%s") + 2);
		else
			buf_printf(&text, "%s%s%s", v->detail[s] ? v->detail[s] : "", v->detail[s] ? " " : "", stages[s].fine);
		find_at(v, s, "OK", NULL, buf_text(&text));
		if (s == TLS)
			tell_certificate(v);
	}
	if (end > TLS && v->relay->security == CONF_NONE)
		find_at(v, TLS, is_here(v->relay->server) ? "OK" : "WARNING", "set security = tls or starttls",
			"not encrypted, as security = none says");
}

/* What the first recipient was told is what the session ended with. */
static void tell_failure(struct visit *v)
{
	const json_t *first = json_array_get(v->results, 0);
	bool is_ours = v->stage == SECRET && geteuid() != 0;
	_cleanup_buf_ struct buf text = BUF(16000);
	char until[64] = "";

	buf_puts(&text, cli_text_of(first, "text"));
	if (v->stage == TLS && v->certificate) {
		_cleanup_buf_ struct buf time = BUF(60);

		format_time(&time, v->until_usec);
		snprintf(until, sizeof(until), "%s", buf_text(&time));
		buf_printf(&text, "; it showed a certificate %s, valid until %s", v->certificate, until);
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
		char subject[64];

		relay_subject(v->relay, v->sends ? "test mail" : stages[RECIPIENT].what, subject, sizeof(subject));
		find(v->doctor, subject, is_fine ? "OK" : is_temporary ? "WARNING" : "CRITICAL", is_temporary ?
			"tocsin tries again by itself; if it stays so, ask the server's administrator" : stages[RECIPIENT].remedy,
			"%s: %s%s%s", recipient, outcome, *text && !is_fine ? ": " : "", is_fine ? "" : text);
	}
}

/* Recipients are told one by one only when it came to them. */
static void tell_visit(struct visit *v, int r)
{
	if (r < 0 || json_array_size(v->results) == 0) {
		find_at(v, v->stage, "UNKNOWN", stages[BEGIN].remedy, r == -ETIMEDOUT ? "tocsin-mail gave no answer in time" :
			r == -EPIPE || r == 0 ? "tocsin-mail ended without an answer" : strerror(-r));
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
		find(d, "mail", "CRITICAL", "run tocsin setup, or write [mail] as tocsin.conf(5) says", "no mail can be sent: [mail] with %s",
			conf->n_mails ? "'to' is missing" : "a server is missing");
	for (size_t i = 0; i < conf->n_mails && d->n_recipients; i++)
		if (visit_relay(d, &conf->mails[i], false) && d->cli->send)
			visit_relay(d, &conf->mails[i], true);
}

/* ---- the daemon ---- */

static void tell_notes(struct doctor *d, const json_t *status)
{
	static const struct {
		const char *words, *subject, *remedy;
	} known[] = {
		{ "memory is not locked", "memory", "LimitMEMLOCK=64M in the unit: systemctl cat " UNIT " shows what is in force" },
		{ "state file cannot be written", "state file", "see to its disk and its owner: ls -ld /var/lib/tocsin; df /var/lib/tocsin" },
		{ "mail: none", "mail", "see the findings about mail" },
		{ "tocsin-mail", "helpers", "see journalctl -u tocsin" },
		{ "tocsin-check", "helpers", "see journalctl -u tocsin" },
	};
	const json_t *note;
	bool was_found[ELEMENTS(known)] = { false };
	size_t i;

	json_array_foreach(json_object_get(status, "notes"), i, note) {
		const char *text = json_string_value(note) ? json_string_value(note) : "";
		size_t k = 0;

		while (k < ELEMENTS(known) && !strstr(text, known[k].words))
			k++;
		if (k < ELEMENTS(known))
			was_found[k] = true;
		find(d, k < ELEMENTS(known) ? known[k].subject : "daemon", "WARNING",
			k < ELEMENTS(known) ? known[k].remedy : NULL, "%s", text);
	}
	if (!was_found[0])
		find(d, "memory", "OK", NULL, "the helpers that stand by are locked in memory");
	if (!was_found[1])
		find(d, "state file", "OK", NULL, "tocsind can write it");
	if (!was_found[3] && !was_found[4])
		find(d, "helpers", "OK", NULL, "nothing is remarked");
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

	append_time(&last, status, "last_mail");
	append_time(&queued, mail, "queued");
	if (json_array_size(outbox))
		find(d, "outbox", "WARNING", "\"tocsin outbox\" shows all answers; \"tocsin outbox retry\" tries now",
			"%zu mails wait, the first since %s; last answer: %s", json_array_size(outbox), buf_text(&queued),
			cli_text_of(recipient, "answer"));
	else
		find(d, "outbox", "OK", NULL, "no mail waits%s%s", last.len ? ", the last one arrived " : "; none was sent yet",
			buf_text(&last));
}

static void tell_status(struct doctor *d, const json_t *status)
{
	const char *version = cli_text_of(status, "version");
	bool is_ours = strcmp(version, PACKAGE_VERSION) == 0;
	_cleanup_buf_ struct buf started = BUF(100);

	append_time(&started, status, "started");
	find(d, "daemon", is_ours ? "OK" : "WARNING", "systemctl restart tocsin", "tocsind %s runs since %s%s%s", version,
		buf_text(&started), is_ours ? "" : ", and this is ", is_ours ? "" : PACKAGE_VERSION);
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
		find(d, "daemon", "UNKNOWN", AS_ROOT, "%s: %s", d->cli->control_path, strerror(-r));
	else
		find(d, "daemon", "CRITICAL", "systemctl start tocsin; if it does not stay: journalctl -u tocsin", "%s: %s",
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
		find(d, subject, cli_text_of(item, "state"), remedy, "%s", cli_text_of(item, "text"));
	if (!result)
		find(d, subject, "UNKNOWN", stages[BEGIN].remedy, "tocsin-check cannot be started");
	else if (json_is_string(json_object_get(result, "error")))
		find(d, subject, json_is_true(json_object_get(result, "not_applicable")) ? NULL : "UNKNOWN", remedy, "%s",
			cli_text_of(result, "error"));
	json_decref(result);
}

static void examine_clock(struct doctor *d)
{
	look(d, "clock", "clock", NULL, NULL,
		"a wrong clock spoils certificates and the dates of mails: start systemd-timesyncd or chrony");
}

static void examine_state_folder(struct doctor *d)
{
	_cleanup_free_ char *folder = strdup(d->cli->state_path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!slash)
		return;
	*slash = '\0';
	if (access(folder, F_OK) < 0)
		find(d, "state folder", "WARNING", "the service makes it at its start: systemctl start tocsin", "%s: %s", folder,
			strerror(errno));
	else
		look(d, "state folder", "disk", "path", folder, "make room: without it alerts go out, but a crash may lose or repeat some");
}

static void examine_programs(struct doctor *d)
{
	static const char *const programs[] = { "tocsin-check", "tocsin-mail", "tocsin-store" };

	for (size_t i = 0; i < ELEMENTS(programs); i++) {
		_cleanup_free_ char *path = helper_path(programs[i]);

		if (!path || access(path, X_OK) < 0)
			find(d, "helpers", "CRITICAL", "install tocsin anew", "%s: %s", path ? path : programs[i], strerror(errno));
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
		find(d, "service", "UNKNOWN", "systemctl is-enabled " UNIT, "whether it is started at boot: %s",
			error.message ? error.message : strerror(-r));
	else if (strcmp(state, "enabled") == 0)
		find(d, "service", "OK", NULL, "it is started at boot");
	else
		find(d, "service", "WARNING", "systemctl enable tocsin", "it is not started at boot: %s", state);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus);
}

static void examine_service(struct doctor *d)
{
	if (access("/run/systemd/system", F_OK) < 0) {
		find(d, "service", NULL, NULL, "systemd does not run here: what starts tocsind, at boot and after a crash, is unknown");
		return;
	}
	look(d, "service", "unit", "unit", UNIT, "systemctl enable --now tocsin; systemctl status tocsin");
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
