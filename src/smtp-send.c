/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mails over an open session: addresses, transactions, outcome for each recipient. See smtp.h.
 *
 * The fewest round trips: with PIPELINING all commands up to DATA travel together (RFC 2920), with CHUNKING the content
 * too (RFC 3030), and QUIT behind the end of the last mail. */
#include "smtp-internal.h"

#include "content.h"
#include "translate.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define LOCAL_PART_MAX 64 /* RFC 5321, 4.5.3.1.1 */
#define DOMAIN_MAX 255
#define ADDRESS_MAX 254 /* RFC 5321, 4.5.3.1.3: a path of 256 with its brackets */
#define LINE_MAX_BYTES 2048
#define GROUP_MAX (2 * SMTP_CONTENT_MAX + 1024 * 1024)
/* A larger content waits for the answers to RCPT: a round trip is little beside it, and it may be in vain. */
#define BDAT_AHEAD_MAX (256 * 1024)

/* Addresses */

/* What could end the command, begin another, or leave the path. Quoted local parts may hold blanks. */
static bool is_safe(const char *address, size_t len)
{
	bool is_quoted = address[0] == '"';

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)address[i];

		if (c < 32 || c == 127 || c == '<' || c == '>' || (c == ' ' && !is_quoted))
			return false;
	}
	return true;
}

/* A quoted string ends at its closing quote and nowhere before; in a dot-string nothing needs quotes. */
static bool is_local_part(const char *local, size_t len)
{
	if (len == 0 || len > LOCAL_PART_MAX || !is_safe(local, len))
		return false;
	if (local[0] != '"') {
		for (size_t i = 0; i < len; i++)
			if (strchr("\"\\@,;:()[]", local[i]) ||
				(local[i] == '.' && (i == 0 || i == len - 1 || local[i - 1] == '.')))
				return false;
		return true;
	}
	for (size_t i = 1; i < len; i++) {
		if (local[i] == '\\')
			i++;
		else if (local[i] == '"')
			return i == len - 1 && len > 2;
	}
	return false;
}

static int put_domain(const char *domain, struct buf *wire)
{
	gnutls_datum_t ace = { 0 };

	if (domain[0] == '[') {
		if (!smtp_is_hello(domain))
			return -EINVAL;
		buf_puts(wire, domain);
		return buf_error(wire);
	}
	if (!*domain || strlen(domain) > DOMAIN_MAX || strpbrk(domain, "@\"\\,;:()[]_ ") ||
		strstr(domain, ".."))
		return -EINVAL;
	int r = gnutls_idna_map(domain, (unsigned)strlen(domain), &ace, 0);
	if (r < 0)
		return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
	buf_append(wire, ace.data, ace.size);
	gnutls_free(ace.data);
	return buf_error(wire);
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text > 127)
			return false;
	return true;
}

int smtp_address(const char *address, struct buf *wire, bool *ret_needs_utf8)
{
	_cleanup_buf_ struct buf b = BUF(4 * DOMAIN_MAX + LOCAL_PART_MAX);
	const char *at = strrchr(address, '@');
	size_t n = at ? (size_t)(at - address) : 0;

	if (!at || !is_local_part(address, n) || !is_safe(at, strlen(at)))
		return -EINVAL;
	buf_append(&b, address, n);
	bool needs_utf8 = !is_ascii(buf_text(&b));
	buf_putc(&b, '@');
	int e = put_domain(at + 1, &b);
	if (e < 0)
		return e == -EMSGSIZE ? -EINVAL : e;
	if (b.len > ADDRESS_MAX || !is_ascii(strrchr(buf_text(&b), '@')))
		return -EINVAL;
	buf_append(wire, b.data, b.len);
	if (buf_error(wire))
		return buf_error(wire);
	*ret_needs_utf8 = needs_utf8;
	return 0;
}

/* A mail on its way */

struct target {
	char *wire; /* as it stands in RCPT */
	bool needs_utf8;
	bool is_accepted; /* in this transaction */
};

struct outgoing {
	struct smtp *s;
	struct smtp_mail *mail;
	bool is_last;
	bool is_probe; /* nothing is to be sent */
	struct buf sender;
	bool sender_needs_utf8, has_8bit;
	struct buf content; /* as BDAT carries it */
	struct target *targets; /* beside mail->recipients */
	size_t *batch; /* recipients of this transaction */
	size_t n_batch, n_accepted;
};

static void outgoing_free(struct outgoing *o)
{
	for (size_t i = 0; o->targets && i < o->mail->n_recipients; i++)
		free(o->targets[i].wire);
	free(o->targets);
	free(o->batch);
	buf_free(&o->sender);
	buf_free(&o->content);
}

static void settle_one(struct smtp_recipient *r, enum smtp_outcome outcome, int status, const char *text)
{
	r->outcome = outcome;
	smtp_verdict_set(&r->verdict, status, text);
}

/* Another server may be able to. */
static void settle_elsewhere(struct smtp_recipient *r, const char *text)
{
	settle_one(r, SMTP_PERMANENT, EX_UNAVAILABLE, text);
	r->elsewhere = true;
}

static void settle_all(struct outgoing *o, enum smtp_outcome outcome, int status, int code, const char *text)
{
	for (size_t i = 0; i < o->mail->n_recipients; i++) {
		struct smtp_recipient *r = &o->mail->recipients[i];

		if (r->outcome != SMTP_PENDING)
			continue;
		settle_one(r, outcome, status, text);
		r->elsewhere = outcome == SMTP_PERMANENT;
		r->verdict.code = code;
	}
}

/* ELSEWHERE: a refusal would not be about the recipient. One that asks for a pause is about the account, as when the day's
 * limit is reached: it passes, whatever the code says. */
static void settle_by_reply(struct smtp *s, struct smtp_recipient *r, const struct reply *reply, bool elsewhere)
{
	static const enum smtp_outcome outcomes[] = {
		[2] = SMTP_SENT, [4] = SMTP_TEMPORARY, [5] = SMTP_PERMANENT
	};

	smtp_judge(s, reply, &r->verdict);
	r->outcome = outcomes[reply->code / 100];
	if (r->outcome == SMTP_PERMANENT && r->verdict.pause_usec > 0) {
		r->outcome = SMTP_TEMPORARY;
		r->verdict.status = EX_TEMPFAIL;
	}
	r->elsewhere = elsewhere && r->outcome == SMTP_PERMANENT;
}

static size_t count_pending(const struct smtp_mail *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_recipients; i++)
		n += m->recipients[i].outcome == SMTP_PENDING;
	return n;
}

int smtp_mail_check(struct smtp_mail *m, size_t *ret_pending)
{
	for (size_t i = 0; i < m->n_recipients; i++) {
		_cleanup_buf_ struct buf wire = BUF(LINE_MAX_BYTES);
		struct smtp_recipient *r = &m->recipients[i];
		bool needs_utf8;

		if (r->outcome != SMTP_PENDING)
			continue;
		int e = smtp_address(r->address, &wire, &needs_utf8);
		if (e == -EINVAL)
			settle_one(r, SMTP_PERMANENT, EX_UNAVAILABLE,
				"this is no address that mail can be sent to");
		else if (e < 0)
			return e;
	}
	*ret_pending = count_pending(m);
	return 0;
}

/* Preparing */

static int prepare_targets(struct outgoing *o)
{
	struct smtp_mail *m = o->mail;

	o->targets = calloc(m->n_recipients + 1, sizeof(*o->targets));
	o->batch = calloc(m->n_recipients + 1, sizeof(*o->batch));
	if (!o->targets || !o->batch)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_recipients; i++) {
		_cleanup_buf_ struct buf wire = BUF(LINE_MAX_BYTES);
		struct target *t = &o->targets[i];
		struct smtp_recipient *r = &m->recipients[i];

		if (r->outcome != SMTP_PENDING)
			continue;
		if (smtp_address(r->address, &wire, &t->needs_utf8) < 0 || !(t->wire = buf_take(&wire)))
			return -ENOMEM;
		if (t->needs_utf8 && !(o->s->capabilities & SMTP_SMTPUTF8))
			settle_elsewhere(r, "this address is not ASCII, and the server does not offer SMTPUTF8");
	}
	return 0;
}

/* 0, or -EINVAL: every recipient has its verdict. */
static int prepare_sender(struct outgoing *o)
{
	if (!*o->mail->sender)
		return 0;
	int e = smtp_address(o->mail->sender, &o->sender, &o->sender_needs_utf8);
	if (e == -EINVAL)
		settle_all(o, SMTP_TEMPORARY, EX_CONFIG, 0,
			"the sender (from) is no address that mail can be sent from");
	if (e == 0 && o->sender_needs_utf8 && !(o->s->capabilities & SMTP_SMTPUTF8)) {
		settle_all(o, SMTP_PERMANENT, EX_UNAVAILABLE, 0,
			"the sender's address is not ASCII, and the server does not offer SMTPUTF8");
		e = -EINVAL;
	}
	return e;
}

/* The same; also what the server said about sizes. */
static int prepare_content(struct outgoing *o)
{
	_cleanup_buf_ struct buf text = BUF(LINE_MAX_BYTES);
	const struct smtp *s = o->s;

	content_normalise(
		&o->content, o->mail->content, o->mail->content_len, !(s->capabilities & SMTP_8BITMIME));
	int e = buf_error(&o->content);
	if (e == -EMSGSIZE)
		settle_all(o, SMTP_PERMANENT, EX_UNAVAILABLE, 0, "the mail is too large to be sent");
	if (e < 0)
		return e == -EMSGSIZE ? -EINVAL : e;
	o->has_8bit = content_has_8bit(buf_text(&o->content), o->content.len);
	if (s->size_max == 0 || (int64_t)o->content.len <= s->size_max)
		return 0;
	buf_printf(&text, _("the mail has %zu bytes, the server takes %lld at most"), o->content.len,
		(long long)s->size_max);
	settle_all(o, SMTP_PERMANENT, EX_UNAVAILABLE, 552, buf_text(&text));
	return -EINVAL;
}

static int prepare(struct outgoing *o)
{
	size_t pending;
	int e = smtp_mail_check(o->mail, &pending);

	if (e == 0)
		e = prepare_targets(o);
	if (e == 0)
		e = prepare_sender(o);
	return e < 0 ? e : prepare_content(o);
}

/* Commands */

static void add_line(struct outgoing *o, struct buf *group, const char *line)
{
	smtp_tell(o->s, ">", line);
	buf_puts(group, line);
	buf_puts(group, "\r\n");
}

/* The same; a line that memory did not suffice for must not travel shortened. */
static void add_command(struct outgoing *o, struct buf *group, const struct buf *line)
{
	if (buf_error(line))
		group->error = buf_error(line);
	else
		add_line(o, group, buf_text(line));
}

static int ask_command(struct outgoing *o, const struct buf *line, const struct reply **ret)
{
	return buf_error(line) ? smtp_fail_memory(o->s) : smtp_ask(o->s, buf_text(line), ret);
}

static void format_mail(const struct outgoing *o, struct buf *line)
{
	bool needs_utf8 = o->sender_needs_utf8;

	for (size_t i = 0; i < o->n_batch; i++)
		needs_utf8 |= o->targets[o->batch[i]].needs_utf8;
	buf_printf(line, "MAIL FROM:<%s>", buf_text(&o->sender));
	if (o->s->capabilities & SMTP_SIZE)
		buf_printf(line, " SIZE=%zu", o->content.len);
	if (o->has_8bit)
		buf_puts(line, " BODY=8BITMIME");
	if (needs_utf8)
		buf_puts(line, " SMTPUTF8");
}

static void format_recipient(const struct outgoing *o, size_t i, struct buf *line)
{
	buf_printf(line, "RCPT TO:<%s>", o->targets[o->batch[i]].wire);
}

/* QUIT behind the content: only where more than one command may wait, and nobody is left for a further transaction. */
static void add_quit(struct outgoing *o, struct buf *group)
{
	if (!o->is_last || !(o->s->capabilities & SMTP_PIPELINING) || count_pending(o->mail) > o->n_accepted)
		return;
	add_line(o, group, "QUIT");
	o->s->has_quit = true;
}

static void add_bdat(struct outgoing *o, struct buf *group)
{
	_cleanup_buf_ struct buf line = BUF(LINE_MAX_BYTES);

	buf_printf(&line, "BDAT %zu LAST", o->content.len);
	add_command(o, group, &line);
	smtp_remark(o->s, "%zu bytes of content", o->content.len);
	buf_append(group, buf_text(&o->content), o->content.len);
}

/* Answers */

static int fail_sequence(struct outgoing *o, const struct reply *r, const char *verb)
{
	_cleanup_buf_ struct buf what = BUF(LINE_MAX_BYTES);

	buf_printf(&what, _("this is no answer to %s"), verb);
	return smtp_fail_reply(o->s, EX_PROTOCOL, r, buf_text(&what));
}

/* The login is missing, not the mail at fault. */
static bool is_login_refusal(const struct reply *r)
{
	return r->code == 530 || r->code == 535 || r->code == 538;
}

static int fail_login_missing(struct outgoing *o, const struct reply *r)
{
	return smtp_fail_reply(o->s, EX_NOPERM, r, "the server wants a login before it takes mail");
}

/* Returns 1: go on; 0: the batch has its verdicts; -errno: the session is over. */
static int take_mail_reply(struct outgoing *o, const struct reply *r)
{
	if (r->code / 100 == 2)
		return 1;
	if (r->code / 100 == 3)
		return fail_sequence(o, r, "MAIL");
	if (is_login_refusal(r))
		return fail_login_missing(o, r);
	for (size_t i = 0; i < o->n_batch; i++)
		settle_by_reply(o->s, &o->mail->recipients[o->batch[i]], r, true);
	return 0;
}

/* "Too many recipients": 452, and 552 from servers that follow RFC 821 (RFC 5321, 4.5.3.1.10). A full mailbox
 * (x.2.2) has the same code and is no reason to come back at once. */
static bool is_too_many(const struct outgoing *o, const struct reply *r)
{
	bool is_code =
		r->code == 452 || (r->code == 552 && (!*r->enhanced || strcmp(r->enhanced, "5.5.3") == 0));

	return is_code && o->n_accepted > 0 && strncmp(r->enhanced + (*r->enhanced != '\0'), ".2.", 3) != 0;
}

/* Servers that wait until RCPT refuse a client, a greeting or a sender there: RFC 3463 has x.7.z for security and policy. */
static bool is_policy(const struct reply *r)
{
	return strncmp(r->enhanced, "5.7.", 4) == 0;
}

/* A recipient that is to come in the next transaction stays pending, with the server's words. */
static int take_recipient_reply(struct outgoing *o, size_t i, const struct reply *r)
{
	struct smtp_recipient *recipient = &o->mail->recipients[o->batch[i]];

	if (r->code / 100 == 3)
		return fail_sequence(o, r, "RCPT");
	if (is_login_refusal(r))
		return fail_login_missing(o, r);
	if (r->code / 100 == 2) {
		o->targets[o->batch[i]].is_accepted = true;
		o->n_accepted++;
	} else if (is_too_many(o, r)) {
		smtp_judge(o->s, r, &recipient->verdict);
	} else {
		settle_by_reply(o->s, recipient, r, is_policy(r));
	}
	return 0;
}

static void settle_accepted(struct outgoing *o, const struct reply *r)
{
	for (size_t i = 0; i < o->n_batch; i++)
		if (o->targets[o->batch[i]].is_accepted)
			settle_by_reply(o->s, &o->mail->recipients[o->batch[i]], r, true);
}

/* The words that came while the content could not be written any more were about the content. */
static void settle_by_last_words(struct outgoing *o)
{
	const struct smtp_verdict *v = &o->s->failure;

	for (size_t i = 0; v->status == EX_TEMPFAIL && v->code / 100 == 5 && i < o->n_batch; i++) {
		struct smtp_recipient *r = &o->mail->recipients[o->batch[i]];

		if (!o->targets[o->batch[i]].is_accepted)
			continue;
		settle_elsewhere(r, v->text);
		r->verdict.code = v->code;
		memcpy(r->verdict.enhanced, v->enhanced, sizeof(v->enhanced));
	}
}

/* The only place where a mail becomes sent. */
static int read_receipt(struct outgoing *o)
{
	const struct reply *r;
	int e = smtp_read(o->s, "the receipt", smtp_timeout_receipt(o->s), &r);

	if (e < 0)
		return e;
	if (r->code / 100 == 3)
		return smtp_fail_reply(o->s, EX_PROTOCOL, r, "this is no answer to the end of the mail");
	o->s->needs_reset = r->code / 100 != 2;
	settle_accepted(o, r);
	return 0;
}

/* The content, or its last chunk, and QUIT when nothing comes after it; then the receipt. */
static int send_last_group(struct outgoing *o, struct buf *group)
{
	add_quit(o, group);
	if (buf_error(group))
		return smtp_fail_memory(o->s);
	int e = smtp_write(o->s, group->data, group->len);
	if (e < 0)
		settle_by_last_words(o);
	return e < 0 ? e : read_receipt(o);
}

/* Content after 354. With nobody accepted only its end is sent (RFC 2920, 3.1). */
static int send_data(struct outgoing *o)
{
	_cleanup_buf_ struct buf group = BUF(GROUP_MAX);

	if (o->n_accepted > 0)
		content_stuff(&group, buf_text(&o->content), o->content.len);
	else
		buf_puts(&group, ".\r\n");
	smtp_remark(o->s, "%zu bytes of content", o->n_accepted > 0 ? o->content.len : (size_t)0);
	return send_last_group(o, &group);
}

static int take_data_reply(struct outgoing *o, const struct reply *r)
{
	if (r->code / 100 == 3)
		return send_data(o);
	if (r->code / 100 == 2)
		return fail_sequence(o, r, "DATA");
	settle_accepted(o, r);
	return 0;
}

static int send_bdat(struct outgoing *o)
{
	_cleanup_buf_ struct buf group = BUF(GROUP_MAX);

	add_bdat(o, &group);
	return send_last_group(o, &group);
}

/* Transactions */

static int read_reset(struct outgoing *o)
{
	const struct reply *r;
	int e = smtp_read(o->s, "the answer to RSET", smtp_timeout(o->s), &r);

	if (e == 0 && r->code / 100 != 2)
		e = smtp_fail_reply(o->s, EX_TEMPFAIL, r, "the server refuses RSET");
	return e;
}

/* MAIL and every RCPT, answered one by one. Returns 1 when the transaction is open, 0 when MAIL was refused. */
static int read_envelope(struct outgoing *o)
{
	const struct reply *r;
	int e = smtp_read(o->s, "the answer to MAIL", smtp_timeout(o->s), &r);
	int is_open = e < 0 ? e : take_mail_reply(o, r);

	for (size_t i = 0; is_open >= 0 && i < o->n_batch; i++) {
		e = smtp_read(o->s, "the answer to RCPT", smtp_timeout(o->s), &r);
		if (e == 0 && is_open > 0)
			e = take_recipient_reply(o, i, r);
		if (e < 0)
			return e;
	}
	o->s->needs_reset = is_open > 0;
	return is_open;
}

static void add_envelope(struct outgoing *o, struct buf *group)
{
	_cleanup_buf_ struct buf line = BUF(LINE_MAX_BYTES);

	if (o->s->needs_reset)
		add_line(o, group, "RSET");
	format_mail(o, &line);
	add_command(o, group, &line);
	for (size_t i = 0; i < o->n_batch; i++) {
		buf_clear(&line);
		format_recipient(o, i, &line);
		add_command(o, group, &line);
	}
}

/* The whole mail in one write: QUIT too, unless there are more recipients than this transaction takes. A server
 * that then says 452 to some makes them wait for another connection; with up to 100 recipients it must not. */
static void add_all(struct outgoing *o, struct buf *group)
{
	add_envelope(o, group);
	add_bdat(o, group);
	if (o->is_last && count_pending(o->mail) == o->n_batch) {
		add_line(o, group, "QUIT");
		o->s->has_quit = true;
	}
}

static int pipeline(struct outgoing *o)
{
	_cleanup_buf_ struct buf group = BUF(GROUP_MAX);
	bool has_chunking = o->s->capabilities & SMTP_CHUNKING;
	bool is_ahead = has_chunking && o->content.len <= BDAT_AHEAD_MAX;
	bool had_reset = o->s->needs_reset;
	const struct reply *r;

	if (is_ahead)
		add_all(o, &group);
	else
		add_envelope(o, &group);
	if (!has_chunking)
		add_line(o, &group, "DATA");
	if (buf_error(&group))
		return smtp_fail_memory(o->s);
	int e = smtp_write(o->s, group.data, group.len);
	if (e == 0 && had_reset)
		e = read_reset(o);
	if (e == 0)
		e = read_envelope(o);
	if (e < 0)
		return e;
	if (is_ahead)
		return read_receipt(o);
	if (has_chunking)
		return o->n_accepted > 0 ? send_bdat(o) : 0;
	e = smtp_read(o->s, "the answer to DATA", smtp_timeout(o->s), &r);
	return e < 0 ? e : take_data_reply(o, r);
}

static int ask_envelope(struct outgoing *o)
{
	_cleanup_buf_ struct buf line = BUF(LINE_MAX_BYTES);
	const struct reply *r;

	format_mail(o, &line);
	int e = ask_command(o, &line, &r);
	int is_open = e < 0 ? e : take_mail_reply(o, r);
	for (size_t i = 0; is_open > 0 && i < o->n_batch; i++) {
		o->s->needs_reset = true;
		buf_clear(&line);
		format_recipient(o, i, &line);
		e = ask_command(o, &line, &r);
		if (e == 0)
			e = take_recipient_reply(o, i, r);
		if (e < 0)
			return e;
	}
	return is_open;
}

static int step_by_step(struct outgoing *o)
{
	const struct reply *r;
	int e = o->s->needs_reset ? smtp_command(o->s, "RSET", NULL) : 0;

	if (e == 0 && o->s->needs_reset)
		e = read_reset(o);
	if (e < 0)
		return e;
	o->s->needs_reset = false;
	e = ask_envelope(o);
	if (e < 0 || o->n_accepted == 0)
		return e < 0 ? e : 0;
	if (o->s->capabilities & SMTP_CHUNKING)
		return send_bdat(o);
	e = smtp_ask(o->s, "DATA", &r);
	return e < 0 ? e : take_data_reply(o, r);
}

/* The envelope, and that it is taken back: nothing is sent. */
static int probe(struct outgoing *o)
{
	int e = ask_envelope(o);

	for (size_t i = 0; e >= 0 && i < o->n_batch; i++)
		if (o->targets[o->batch[i]].is_accepted)
			settle_one(&o->mail->recipients[o->batch[i]], SMTP_ACCEPTED, EX_OK, "the server would take it");
	if (e < 0 || !o->s->needs_reset)
		return e < 0 ? e : 0;
	o->s->needs_reset = false;
	e = smtp_command(o->s, "RSET", NULL);
	return e < 0 ? e : read_reset(o);
}

static void choose_batch(struct outgoing *o)
{
	int64_t max = o->s->recipients_max;

	if (max == 0 || max > SMTP_RECIPIENTS_MAX)
		max = SMTP_RECIPIENTS_MAX;
	o->n_batch = o->n_accepted = 0;
	for (size_t i = 0; i < o->mail->n_recipients && (int64_t)o->n_batch < max; i++) {
		if (o->mail->recipients[i].outcome != SMTP_PENDING)
			continue;
		o->targets[i].is_accepted = false;
		o->batch[o->n_batch++] = i;
	}
}

static int transact(struct outgoing *o)
{
	int e = 0;

	while (e == 0 && !o->s->has_quit && smtp_is_usable(o->s) && count_pending(o->mail) > 0) {
		choose_batch(o);
		o->s->n_mails++;
		if (o->is_probe)
			e = probe(o);
		else
			e = o->s->capabilities & SMTP_PIPELINING ? pipeline(o) : step_by_step(o);
	}
	return e;
}

/* Who is left although the session went well: QUIT or MAILMAX came first. */
static void leave_for_later(struct outgoing *o)
{
	for (size_t i = 0; i < o->mail->n_recipients; i++) {
		struct smtp_recipient *r = &o->mail->recipients[i];

		if (r->outcome != SMTP_PENDING)
			continue;
		r->outcome = SMTP_TEMPORARY;
		r->again = true;
		if (!r->verdict.text)
			smtp_verdict_set(
				&r->verdict, EX_TEMPFAIL, "the server takes no more mail in this session");
		r->verdict.status = EX_TEMPFAIL;
	}
}

static int send_mail(struct outgoing *o)
{
	struct smtp *s = o->s;
	int e = 0;

	if (!s->is_over && !smtp_is_secure(s))
		e = smtp_fail(s, EX_PROTOCOL, "the connection was to be encrypted and is not");
	if (!s->is_over)
		e = prepare(o);
	if (e == -ENOMEM)
		smtp_fail_memory(s);
	if (!s->is_over && e == 0)
		transact(o);
	if (s->is_over)
		smtp_mail_fail(o->mail, &s->failure);
	leave_for_later(o);
	return s->is_over ? -ENOTCONN : 0;
}

static int go(struct smtp *s, struct smtp_mail *mail, bool is_last, bool is_probe)
{
	_cleanup_(outgoing_free) struct outgoing o = {
		.s = s,
		.mail = mail,
		.is_last = is_last,
		.is_probe = is_probe,
		.sender = BUF(LINE_MAX_BYTES),
		.content = BUF(SMTP_CONTENT_MAX),
	};

	return send_mail(&o);
}

int smtp_send(struct smtp *s, struct smtp_mail *mail, bool is_last)
{
	return go(s, mail, is_last, false);
}

int smtp_probe(struct smtp *s, struct smtp_mail *mail)
{
	return go(s, mail, false, true);
}
