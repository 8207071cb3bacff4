/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages from the daemon to calls of mailer.h; see mail-helper.h. */
#include "mail-helper.h"

#include "buf.h"
#include "clock.h"
#include "conf.h"
#include "log.h"
#include "mailer.h"
#include "msg.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>

/* More than any daemon sends; past them it is broken. */
#define MAILS_MAX 10000
#define RECIPIENTS_MAX 10000 /* of one mail */
#define SETTINGS_MAX 10000

struct mail_helper {
	int socket;
	int status; /* of the program, where the error alone does not say it */
	struct conf_settings settings;
	struct conf *conf;
	struct mailer *mailer; /* NULL until MSG_LOAD */
	struct mailer_mail *mails; /* the batch that is being received */
	size_t n_mails, size;
	int send_error;
};

/* The batch. */

static void mail_clear(struct mailer_mail *m)
{
	for (size_t i = 0; i < m->smtp.n_recipients; i++)
		free((char *)m->smtp.recipients[i].address);
	free(m->smtp.recipients);
	free(m->id);
	free((char *)m->smtp.sender);
	free((char *)m->smtp.content);
}

static void batch_clear(struct mail_helper *h)
{
	for (size_t i = 0; i < h->n_mails; i++)
		mail_clear(&h->mails[i]);
	h->n_mails = 0;
}

/* Room for one more element; the size doubles. */
static void *grown(void *array, size_t n, size_t *size, size_t element)
{
	if (n < *size)
		return array;

	size_t wanted = *size ? 2 * *size : 8;
	void *larger = reallocarray(array, wanted, element);
	if (larger)
		*size = wanted;
	return larger;
}

static struct mailer_mail *find_mail(const struct mail_helper *h, const char *id)
{
	for (size_t i = h->n_mails; i > 0; i--) /* recipients follow their mail: it is the last one */
		if (strcmp(h->mails[i - 1].id, id) == 0)
			return &h->mails[i - 1];
	return NULL;
}

/* Handlers: 0, or -EBADMSG and the like for what ends the program. */

/* What the daemon knows of a relay from earlier mailers. False: this is a setting proper. */
static bool take_knowledge(struct mail_helper *h, const struct msg *m)
{
	int64_t until;

	if (strcmp(m->field[0], "address") == 0)
		mailer_remember(h->mailer, m->field[1], m->field[2], m->field[3]);
	else if (strcmp(m->field[0], "spared") == 0 && msg_number(m, 3, &until) == 0)
		mailer_spare(h->mailer, m->field[1], m->field[2], until, m->field[4]);
	else
		return false;
	return true;
}

static int on_setting(struct mail_helper *h, const struct msg *m)
{
	int64_t line;

	if (h->mailer)
		return take_knowledge(h, m) ? 0 : -EBADMSG;
	if (h->settings.n >= SETTINGS_MAX || msg_number(m, 5, &line) < 0 || line < 0)
		return -EBADMSG;
	return conf_add_setting(&h->settings, m->field[0], m->field[1], m->field[2], m->field[3], m->field[4],
		(unsigned)line);
}

static void log_problems(const struct conf_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].is_error)
			log_error("%s:%u: %s", p->items[i].file, p->items[i].line, p->items[i].text);
}

/* What is freed goes back to the system first (reading the authorities takes 4 MB for a moment), then what is
 * left stays in memory: neither swap nor a dead disk lies on the way of an alert. */
static int lock_memory(void)
{
	malloc_trim(0);
	return mlockall(MCL_CURRENT) < 0 ? errno : 0;
}

/* Somebody who sends mails without waiting for MSG_READY wants them sent, not a helper that stands by ("tocsin send"):
 * locking would cost as much time as the handshake, for a process that lives for one batch. */
static bool has_work_waiting(int socket)
{
	struct pollfd p = { .fd = socket, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static int on_load(struct mail_helper *h, const struct msg *m)
{
	_cleanup_(conf_problems_free) struct conf_problems problems = { 0 };
	_cleanup_buf_ struct buf notes = BUF(MSG_INLINE_MAX / 2), clean = BUF(MSG_INLINE_MAX - 100);

	if (h->mailer)
		return -EBADMSG;
	int r = conf_build(&h->settings, NULL, 0, &problems, &h->conf);
	if (r == -EINVAL) {
		log_problems(&problems);
		h->status = EX_CONFIG;
	}
	if (r == 0)
		r = mailer_new(h->conf, &h->mailer);
	if (r < 0)
		return r;
	mailer_load(h->mailer, &notes);
	text_clean(&clean, buf_text(&notes), MSG_INLINE_MAX / 8);
	int error = has_work_waiting(h->socket) ? 0 : lock_memory();
	return msg_send(h->socket, MSG_READY, -1, buf_text(&clean), MSG_NUMBER(error));
}

static int on_mail(struct mail_helper *h, const struct msg *m)
{
	if (!h->mailer || h->n_mails >= MAILS_MAX || find_mail(h, m->field[0]))
		return -EBADMSG;
	struct mailer_mail *mails = grown(h->mails, h->n_mails, &h->size, sizeof(mails[0]));
	if (!mails)
		return -ENOMEM;
	h->mails = mails;

	struct mailer_mail *mail = &mails[h->n_mails++];
	*mail = (struct mailer_mail){
		.id = strdup(m->field[0]),
		.smtp = { .sender = strdup(m->field[1]), .content = strdup(m->field[2]),
			.content_len = strlen(m->field[2]) },
	};
	return mail->id && mail->smtp.sender && mail->smtp.content ? 0 : -ENOMEM;
}

static int on_recipient(struct mail_helper *h, const struct msg *m)
{
	struct mailer_mail *mail = find_mail(h, m->field[0]);

	if (!mail || mail->smtp.n_recipients >= RECIPIENTS_MAX)
		return -EBADMSG;
	struct smtp_recipient *list =
		reallocarray(mail->smtp.recipients, mail->smtp.n_recipients + 1, sizeof(list[0]));
	if (!list)
		return -ENOMEM;
	mail->smtp.recipients = list;

	char *address = strdup(m->field[1]);
	if (!address)
		return -ENOMEM;
	list[mail->smtp.n_recipients++] = (struct smtp_recipient){ .address = address };
	return 0;
}

/* A daemon that went away must not stop the delivery: the first error is kept until the batch is over. */
static void keep_error(struct mail_helper *h, int r)
{
	if (r < 0 && h->send_error == 0)
		h->send_error = r;
}

static void send_result(void *data, const struct mailer_result *r)
{
	struct mail_helper *h = data;
	char code[16] = "", status[16];

	if (r->code)
		snprintf(code, sizeof(code), "%d", r->code);
	snprintf(status, sizeof(status), "%d", r->status);
	keep_error(h, msg_send(h->socket, MSG_RESULT, -1, r->mail->id, r->recipient,
			      smtp_outcome_name(r->outcome), code, r->enhanced, r->text, r->relay, status));
}

static void send_dialogue(void *data, const char *direction, const char *line)
{
	struct mail_helper *h = data;

	keep_error(h, msg_send(h->socket, MSG_DIALOGUE, -1, direction, line));
}

static void send_address(void *data, const char *relay, const char *server, const char *address)
{
	struct mail_helper *h = data;

	keep_error(
		h, msg_send(h->socket, MSG_SETTING, -1, "address", relay, server, address, "default", "0"));
}

static void send_spared(void *data, const char *relay, const char *server, int64_t until_usec, const char *why)
{
	struct mail_helper *h = data;
	char until[24];

	snprintf(until, sizeof(until), "%" PRId64, until_usec);
	keep_error(h, msg_send(h->socket, MSG_SETTING, -1, "spared", relay, server, until, why, "0"));
}

static int on_run(struct mail_helper *h, const struct msg *m)
{
	int64_t limit = 0;
	const char *how = m->n_fields > 1 ? m->field[1] : "no";
	bool is_probe = strcmp(how, "probe") == 0, with_stages = is_probe || strcmp(how, "stages") == 0;
	bool dialogue = with_stages || strcmp(how, "yes") == 0;

	if (!h->mailer || (*m->field[0] && (msg_number(m, 0, &limit) < 0 || limit <= 0)))
		return -EBADMSG;
	const struct mailer_batch batch = {
		.mails = h->mails, .n = h->n_mails, .result = send_result,
		.deadline_usec = limit ? usec_add(clock_boottime_usec(), limit) : 0,
		.dialogue = dialogue ? send_dialogue : NULL,
		.connected = send_address, .spared = send_spared, .by_hand = dialogue, .is_probe = is_probe,
		.with_stages = with_stages, .data = h,
	};
	int r = mailer_run(h->mailer, &batch);
	batch_clear(h);
	if (r < 0)
		return r;
	return h->send_error ? h->send_error : msg_send(h->socket, MSG_DONE, -1);
}

static const struct {
	enum msg_kind kind;
	int (*handle)(struct mail_helper *h, const struct msg *m);
} handlers[] = {
	{ MSG_SETTING, on_setting },
	{ MSG_LOAD, on_load },
	{ MSG_MAIL, on_mail },
	{ MSG_RECIPIENT, on_recipient },
	{ MSG_RUN, on_run },
};

static int dispatch(struct mail_helper *h, const struct msg *m)
{
	for (size_t i = 0; i < ELEMENTS(handlers); i++) {
		if (handlers[i].kind != m->kind)
			continue;
		int r = handlers[i].handle(h, m);
		if (r == -EBADMSG)
			log_error("the daemon sent a \"%s\" message that cannot be meant; ending",
				msg_name(m->kind));
		else if (r < 0 && r != -EPIPE && r != -ECONNRESET)
			log_error_errno(r, "\"%s\" failed; ending", msg_name(m->kind));
		return r;
	}
	log_error("the daemon sent a \"%s\" message, which is not for a mailer; ending", msg_name(m->kind));
	return -EBADMSG;
}

static void helper_free(struct mail_helper *h)
{
	batch_clear(h);
	free(h->mails);
	mailer_free(h->mailer);
	conf_free(h->conf);
	conf_settings_free(&h->settings);
}

static int exit_status(const struct mail_helper *h, int r)
{
	if (r == 0 || r == -EPIPE || r == -ECONNRESET) /* the daemon has closed */
		return EX_OK;
	if (h->status)
		return h->status;
	return r == -EBADMSG ? EX_PROTOCOL : EX_OSERR;
}

int mail_helper_run(int socket)
{
	_cleanup_(helper_free) struct mail_helper h = { .socket = socket };
	int flags = fcntl(socket, F_GETFL), r;

	/* Blocking code; and the socket is nobody's who is started from here. */
	if (flags < 0 || fcntl(socket, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
		fcntl(socket, F_SETFD, FD_CLOEXEC) < 0) {
		log_error_errno(-errno,
			"descriptor %d is not the daemon's socket; tocsin-mail is started by tocsind",
			socket);
		return EX_USAGE;
	}
	do {
		_cleanup_msg_ struct msg *m = NULL;

		r = msg_receive(socket, &m);
		if (r == -EBADMSG)
			log_error("the daemon sent what is no message; ending");
		else if (r < 0)
			log_error_errno(r, "nothing can be received from the daemon; ending");
		if (r > 0) {
			r = dispatch(&h, m);
			r = r < 0 ? r : 1;
		}
	} while (r > 0);
	return exit_status(&h, r);
}
