/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin setup: from questions, or options in their place, to a daemon that mails. What it writes is one file of conf.d and
 * one for the secret; what is there before is put back when the configuration is wrong or the test mail is refused. The
 * secret is read from a terminal that does not show it, or from a file or standard input, and never from an argument. */
#include "cli.h"

#include "buf.h"
#include "language.h"
#include "mime.h"
#include "provider.h"
#include "secret.h"
#include "translate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <termios.h>

#define CONF_NAME "00-mail.conf"
#define SECRET_NAME "mail-password"
#define LOGIN_TRIES 3
#define ADDRESSES_MAX 32

enum answer { LANGUAGE, ADDRESS, PROVIDER, SECURITY, PORT, USERNAME, TO, ANSWERS };

struct setup {
	const struct cli *cli;
	bool is_interactive;
	char *answers[ANSWERS]; /* "" for none */
	char *secret; /* "": the server wants no login */
	char *conf_path, *secret_path;
};

static void setup_clear(struct setup *s)
{
	for (size_t i = 0; i < ANSWERS; i++)
		free(s->answers[i]);
	secret_free(s->secret);
	free(s->conf_path);
	free(s->secret_path);
}

void cli_append_languages(struct buf *b)
{
	for (size_t i = 0; language_names[i]; i++)
		buf_printf(b, "%s%s", i ? ", " : "", language_names[i]);
}

/* ---- the terminal ---- */

static struct termios shown; /* as the terminal was before it was told to hide what is typed */

static void show_again(int signal_number)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* One line of standard input without its end, or NULL at the end of input. Read byte by byte: what follows is not ours. */
static char *read_line(void)
{
	char *line = calloc(1, SECRET_MAX + 1);
	size_t n = 0;
	ssize_t got = 0;

	while (line && n < SECRET_MAX && (got = read(STDIN_FILENO, line + n, 1)) > 0 && line[n] != '\n')
		n++;
	if (!line || (n == 0 && got <= 0))
		return secret_free(line);
	line[n] = '\0';
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	return line;
}

static char *read_hidden_line(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct termios hidden;

	if (tcgetattr(STDIN_FILENO, &shown) < 0)
		return NULL;
	for (size_t i = 0; i < ELEMENTS(signals); i++)
		signal(signals[i], show_again);
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	char *line = read_line();
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	for (size_t i = 0; i < ELEMENTS(signals); i++)
		signal(signals[i], SIG_DFL);
	putchar('\n');
	return line;
}

/* ---- the questions ---- */

static bool has_server(const struct setup *s)
{
	return strchr(s->answers[PROVIDER], '.');
}

static const char *no_default(const struct setup *s)
{
	return "";
}

static const char *default_address(const struct setup *s)
{
	return s->answers[ADDRESS];
}

static bool has_domain(const struct provider *p, const char *domain)
{
	size_t len = strlen(domain);

	for (const char *at = p->domains; *at; at += strspn(at, ",")) {
		size_t n = strcspn(at, ",");

		if (n == len && strncasecmp(at, domain, n) == 0)
			return true;
		at += n;
	}
	return false;
}

/* The service that has addresses of this domain. */
static const char *default_provider(const struct setup *s)
{
	const char *at = strrchr(s->answers[ADDRESS], '@');
	const struct provider *p;

	for (size_t i = 0; at && (p = provider_get(i)); i++)
		if (has_domain(p, at + 1))
			return p->name;
	return "";
}

/* A language that somebody has chosen before, in the configuration or the environment, else what the terminal of the
 * administrator speaks proposes what the mails should; scripts say it themselves. */
static const char *default_language(const struct setup *s)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *used = getenv(LANGUAGE_VARIABLE);

	if (s->is_interactive && used && strcmp(used, language_names[0]) != 0)
		return used;
	for (size_t i = 0; s->is_interactive && i < ELEMENTS(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value) /* the first that is set says it, locale(7) */
			return strncmp(value, "zh", 2) == 0 ? "zh_CN" : "en";
	}
	return s->is_interactive ? "en" : "";
}

static const char *default_security(const struct setup *s)
{
	return has_server(s) ? "tls" : "";
}

/* The checks: what is wrong goes to WHY. */

static void check_address(const char *value, struct buf *why)
{
	if (!mime_is_address(value))
		buf_puts(why, _("expected one mail address, like web1@example.org"));
}

static void check_addresses(const char *value, struct buf *why)
{
	_cleanup_free_ char *copy = strdup(value);
	size_t n = 0;
	char *rest = copy;

	for (char *word = copy ? strsep(&rest, " ,") : NULL; word; word = strsep(&rest, " ,")) {
		if (*word && !mime_is_address(word))
			buf_printf(why, _("'%s' is no mail address"), word);
		n += *word != '\0';
	}
	if (!why->len && (n == 0 || n > ADDRESSES_MAX))
		buf_printf(why, _("expected 1 to %d mail addresses, with blanks between them"), ADDRESSES_MAX);
}

static void check_provider(const char *value, struct buf *why)
{
	_cleanup_buf_ struct buf known = BUF(4000);
	const struct provider *p;
	const char *comma = "";

	if (provider_find(value) ||
		(strchr(value, '.') &&
			value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0'))
		return;
	for (size_t i = 0; (p = provider_get(i)); i++, comma = ", ")
		buf_printf(&known, "%s%s", comma, p->name);
	buf_printf(why, _("expected the name of a mail server, like smtp.example.org, or one of %s"), buf_text(&known));
}

static void check_line(const char *value, struct buf *why)
{
	bool has_control = false;

	for (const char *c = value; *c; c++)
		has_control |= (unsigned char)*c < ' ' || *c == 0x7f;
	if (has_control)
		buf_puts(why, _("expected no control characters"));
}

static void check_language(const char *value, struct buf *why)
{
	_cleanup_buf_ struct buf names = BUF(1000);

	for (size_t i = 0; language_names[i]; i++)
		if (strcmp(language_names[i], value) == 0)
			return;
	cli_append_languages(&names);
	buf_printf(why, _("expected one of %s"), buf_text(&names));
}

static const struct question {
	enum answer answer;
	const char *option, *text;
	size_t given; /* in struct cli */
	const char *(*default_of)(const struct setup *s);
	void (*check)(const char *value, struct buf *why);
	bool is_optional;
	bool (*is_asked)(const struct setup *s); /* NULL: always */
} questions[] = {
	/* The first, so that the others can be asked in it; it is asked in words that everybody knows. */
	{ LANGUAGE, "language", "Language, 语言 (en, zh_CN)", offsetof(struct cli, language), default_language, check_language, true,
		NULL },
	{ ADDRESS, "address", N_("Mail address that tocsin sends from"), offsetof(struct cli, address), no_default,
		check_address, false, NULL },
	{ PROVIDER, "provider", N_("Mail service (like qq, 163, gmail), or the name of a mail server"), offsetof(struct cli, provider),
		default_provider, check_provider, false, NULL },
	{ SECURITY, "security", N_("Encryption: tls (port 465) or starttls (port 587)"), offsetof(struct cli, security),
		default_security, check_line, true, has_server },
	{ PORT, "port", "", offsetof(struct cli, port), no_default, check_line, true, NULL },
	{ USERNAME, "username", N_("User name of the login"), offsetof(struct cli, username), default_address, check_line, false,
		has_server },
	{ TO, "to", N_("Who gets the mails (several with blanks between them)"), offsetof(struct cli, to), default_address,
		check_addresses, false, NULL },
};

static char *ask(const struct question *q, const char *fallback)
{
	printf("%s%s%s%s: ", _(q->text), *fallback ? " [" : "", fallback, *fallback ? "]" : "");
	fflush(stdout);
	char *line = read_line();
	if (line && !*line) {
		free(line);
		line = strdup(fallback);
	}
	return line;
}

/* 0, or an exit status. */
static int answer_one(struct setup *s, const struct question *q)
{
	const char *given = *(const char *const *)((const char *)s->cli + q->given), *fallback = q->default_of(s);
	bool is_asked = !given && s->is_interactive && *q->text && (!q->is_asked || q->is_asked(s));

	for (;;) {
		_cleanup_buf_ struct buf why = BUF(4000), no = BUF(5000);
		char *value = is_asked ? ask(q, fallback) : strdup(given ? given : fallback);

		if (!value) {
			cli_error("no answer; nothing was changed");
			return EX_USAGE;
		}
		if (*value || !q->is_optional) {
			q->check(value, &why);
			if (!why.len)
				check_line(value, &why);
		}
		s->answers[q->answer] = value;
		if (!why.len)
			return 0;
		if (!is_asked) {
			cli_error("--%s: %s", q->option, buf_text(&why));
			return EX_USAGE;
		}
		buf_printf(&no, _("No: %s"), buf_text(&why));
		cli_print_problem(buf_text(&no));
		free(TAKE_PTR(s->answers[q->answer]));
	}
}

static int answer_all(struct setup *s)
{
	int status = 0;

	for (size_t i = 0; status == 0 && i < ELEMENTS(questions); i++) {
		status = answer_one(s, &questions[i]);
		if (status == 0 && questions[i].answer == LANGUAGE && *s->answers[LANGUAGE])
			language_use(s->answers[LANGUAGE]);
	}
	return status;
}

/* ---- the secret ---- */

static int ask_secret(struct setup *s)
{
	const struct provider *p = provider_find(s->answers[PROVIDER]);

	if (p)
		printf(_("For %s %s.\n"), p->name, _(p->login));
	printf("%s: ", p ? _("Password or authorization code (it is not shown)") :
		_("Password or authorization code (it is not shown; empty where none is wanted)"));
	fflush(stdout);
	s->secret = secret_free(s->secret);
	s->secret = read_hidden_line();
	return s->secret ? 0 : EX_USAGE;
}

static int take_secret(struct setup *s)
{
	const char *file = s->cli->password_file;
	_cleanup_free_ char *why = NULL;

	if (!file && s->is_interactive)
		return ask_secret(s);
	if (!file) {
		s->secret = strdup("");
		return s->secret ? 0 : EX_OSERR;
	}
	if (strcmp(file, "-") == 0) {
		s->secret = read_line();
		if (s->secret && *s->secret)
			return 0;
		cli_error("--password-file -: there is no password on standard input");
		return EX_NOINPUT;
	}
	if (secret_from_file("--password-file", file, &s->secret, &why) == 0)
		return 0;
	cli_error("%s", why ? why : strerror(ENOMEM));
	return EX_NOINPUT;
}

/* ---- the files ---- */

struct file {
	const char *path;
	mode_t mode;
	bool is_secret; /* the service's group may read it */
	char *former; /* where the one before waits, or NULL: there was none */
	bool is_written;
};

/* Readable for the service and nobody else. */
static void give_to_service(int fd, mode_t mode)
{
	const struct group *group = getgrnam("tocsin");

	if (group && fchown(fd, (uid_t)-1, group->gr_gid) == 0)
		mode |= 0040;
	fchmod(fd, mode);
}

static int write_file(const char *path, const struct file *f, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, len);
	int r = n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;
	if (f->is_secret)
		give_to_service(fd, f->mode);
	else
		fchmod(fd, f->mode);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* Puts TEXT in the place of what is there, which waits beside it. */
static int file_replace(struct file *f, const char *text)
{
	_cleanup_free_ char *partial = NULL;

	if (asprintf(&partial, "%s.new", f->path) < 0 || asprintf(&f->former, "%s.old", f->path) < 0)
		return -ENOMEM;
	if (unlink(partial) < 0 && errno != ENOENT)
		return -errno;
	int r = write_file(partial, f, text);
	if (r == 0 && rename(f->path, f->former) < 0) {
		if (errno != ENOENT)
			r = -errno;
		free(TAKE_PTR(f->former));
	}
	if (r == 0) {
		f->is_written = true;
		r = rename(partial, f->path) < 0 ? -errno : 0;
	}
	if (r < 0)
		unlink(partial);
	return r;
}

static void file_keep(struct file *f)
{
	if (f->former)
		unlink(f->former);
	free(TAKE_PTR(f->former));
}

static void file_restore(struct file *f)
{
	if (f->is_written && f->former)
		rename(f->former, f->path);
	else if (f->is_written)
		unlink(f->path);
	f->is_written = false;
	free(TAKE_PTR(f->former));
}

static void put_key(struct buf *b, const char *key, const char *value)
{
	if (*value)
		buf_printf(b, "%s = %s\n", key, value);
}

static void put_recipients(struct buf *b, const char *to)
{
	for (size_t n; *to; to += n) {
		to += strspn(to, " ,");
		n = strcspn(to, " ,");
		if (n)
			buf_printf(b, "to = %.*s\n", (int)n, to);
	}
}

static void compose(const struct setup *s, struct buf *b)
{
	buf_puts(b, "# Written by \"tocsin setup\". Another run writes it anew; tocsin.conf(5) has all keys.\n\n");
	if (*s->answers[LANGUAGE])
		buf_printf(b, "[tocsin]\nlanguage = %s\n\n", s->answers[LANGUAGE]);
	buf_puts(b, "[mail]\n");
	put_key(b, has_server(s) ? "server" : "provider", s->answers[PROVIDER]);
	put_key(b, "security", s->answers[SECURITY]);
	put_key(b, "port", s->answers[PORT]);
	put_key(b, "from", s->answers[ADDRESS]);
	if (*s->secret) {
		put_key(b, "username", s->answers[USERNAME]);
		put_key(b, "password_file", s->secret_path);
	}
	put_recipients(b, s->answers[TO]);
}

/* ---- the end of it ---- */

static int try_mail(const struct cli *cli)
{
	puts(_("Sending a test mail …"));
	fflush(stdout);
	int status = cli_test_mail_direct(cli);
	if (status != EX_OK)
		fputs(cli->verbose ? _("The test mail did not go out: the server's answer stands above.\n") :
			_("The test mail did not go out: the server's answer stands above; -v shows the whole dialogue.\n"), stderr);
	return status;
}

static int write_and_try(struct setup *s, struct file *conf, struct file *secret)
{
	_cleanup_buf_ struct buf text = BUF(20000), line = BUF(SECRET_MAX + 2);
	const struct file *wrong = secret;
	int r = 0;

	compose(s, &text);
	buf_printf(&line, "%s\n", s->secret);
	if (*s->secret)
		r = file_replace(secret, buf_text(&line));
	if (line.data)
		explicit_bzero(line.data, line.len);
	if (r == 0) {
		wrong = conf;
		r = file_replace(conf, buf_text(&text));
	}
	if (r < 0) {
		if (r == -EACCES)
			cli_error("%s cannot be written: %s; this verb is root's", wrong->path, strerror(-r));
		else
			cli_error("%s cannot be written: %s", wrong->path, strerror(-r));
		return r == -EACCES ? EX_NOPERM : EX_CANTCREAT;
	}
	int status = cli_check_config(s->cli);
	return status == 0 && !s->cli->no_test ? try_mail(s->cli) : status;
}

static int write_until_it_works(struct setup *s)
{
	for (int tries = 1;; tries++) {
		struct file conf = { .path = s->conf_path, .mode = 0644 };
		struct file secret = { .path = s->secret_path, .mode = 0600, .is_secret = true };
		int status = write_and_try(s, &conf, &secret);

		if (status == 0) {
			file_keep(&conf);
			file_keep(&secret);
			printf(_("Written: %s%s%s\n"), s->conf_path, *s->secret ? _(", ") : "", *s->secret ? s->secret_path : "");
			return 0;
		}
		file_restore(&conf);
		file_restore(&secret);
		/* Only a login that was refused is mended by another code. */
		if (status != EX_NOPERM || !s->is_interactive || s->cli->password_file || tries == LOGIN_TRIES) {
			fputs(_("Nothing was changed.\n"), stderr);
			return status;
		}
		puts(_("The login was refused. Try another code, or leave everything as it was with Ctrl-C."));
		status = ask_secret(s);
		if (status != 0)
			return status;
	}
}

static int run(const char *const *argv)
{
	pid_t pid;
	int status;

	int r = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
	if (r != 0 || waitpid(pid, &status, 0) < 0)
		return r ? -r : -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* The packaged service reads the packaged configuration; another one is somebody's trial. */
static int start_service(const struct cli *cli)
{
	static const char *const enable[] = { "systemctl", "--quiet", "enable", "tocsin.service", NULL };
	static const char *const start[] = { "systemctl", "reload-or-restart", "tocsin.service", NULL };

	if (cli->no_start || strcmp(cli->conf_path, SYSCONFDIR "/tocsin/tocsin.conf") != 0)
		return 0;
	if (access("/run/systemd/system", F_OK) < 0) {
		puts(_("systemd does not run here: start tocsind yourself."));
		return 0;
	}
	int r = run(enable);
	if (r == 0)
		r = run(start);
	if (r < 0) {
		cli_error("the service was not started; systemctl status tocsin shows why");
		return EX_UNAVAILABLE;
	}
	puts(_("The service runs; tocsin status shows what it sees."));
	return 0;
}

static int find_paths(struct setup *s)
{
	const char *slash = strrchr(s->cli->conf_path, '/');

	if (!s->cli->conf_dropins || !slash || *s->cli->conf_path != '/') {
		cli_error("setup writes into the folder conf.d: with --config FILE, an absolute path, it needs --conf-dir "
			  "DIR");
		return EX_USAGE;
	}
	if (asprintf(&s->conf_path, "%s/" CONF_NAME, s->cli->conf_dropins) < 0 ||
		asprintf(&s->secret_path, "%.*s/" SECRET_NAME, (int)(slash - s->cli->conf_path), s->cli->conf_path) < 0)
		return EX_OSERR;
	return 0;
}

int cli_setup(const struct cli *cli, char **arguments)
{
	_cleanup_(setup_clear) struct setup s = { .cli = cli, .is_interactive = !cli->yes && isatty(STDIN_FILENO) };
	int status = find_paths(&s);

	if (status == 0)
		status = answer_all(&s);
	if (status == 0)
		status = take_secret(&s);
	if (status == 0)
		status = write_until_it_works(&s);
	if (status == 0)
		status = start_service(cli);
	return status;
}
