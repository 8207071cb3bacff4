/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer process: the store behind the helper protocol. It decides nothing, and believes nothing of what it is
 * told but what a table of store.h allows. Questions for history and what is to be pruned wait until no transaction is
 * under way and no message is there to be read. */
#include "store.h"

#include "log.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

#define QUESTIONS_MAX 16
#define PRUNES_MAX 8 /* more than there are tables */

struct question {
	char *id;
	struct store_query *query;
};

struct prune {
	const struct store_table *table;
	int64_t before_usec;
};

struct serve {
	struct store *store;
	int socket;
	bool broken; /* the file cannot be trusted any more: a new process must look at it */
	struct question questions[QUESTIONS_MAX]; /* the first one is being answered */
	size_t n_questions;
	struct prune prunes[PRUNES_MAX];
	size_t n_prunes;
};

static void store_close_pointer(struct store **s)
{
	store_close(*s);
}
#define _cleanup_store_ _cleanup_(store_close_pointer)

static int send_row(const struct store_table *table, const char *const *values, void *userdata)
{
	const struct serve *serve = userdata;
	const char *fields[MSG_FIELDS_MAX] = { table->name };

	for (size_t i = 0; i < table->n_columns; i++)
		fields[i + 1] = values[i];
	int r = msg_sendv(serve->socket, MSG_ROW, -1, fields, table->n_columns + 1);
	if (r != -EMSGSIZE)
		return r;
	log_warning("A row of table %s is too large for a message; it is left out", table->name);
	return 0;
}

/* The table that field 0 names, when EXPECTED fields of its own follow. */
static const struct store_table *find_table(const struct msg *m, bool keys_only)
{
	const struct store_table *table = store_find_table(m->field[0]);

	if (!table || m->n_fields != 1 + (keys_only ? table->n_keys : table->n_columns))
		return NULL;
	return table;
}

/* A change that fails says so when it is to be committed. */
static int on_put(struct serve *serve, const struct msg *m)
{
	const struct store_table *table = find_table(m, false);

	if (!table)
		return -EBADMSG;
	store_put(serve->store, table, &m->field[1]);
	return 0;
}

static int on_delete(struct serve *serve, const struct msg *m)
{
	const struct store_table *table = find_table(m, true);

	if (!table)
		return -EBADMSG;
	store_delete(serve->store, table, &m->field[1]);
	return 0;
}

static int on_clear(struct serve *serve, const struct msg *m)
{
	const struct store_table *table = store_find_table(m->field[0]);

	if (!table)
		return -EBADMSG;
	store_clear(serve->store, table);
	return 0;
}

static int on_commit(struct serve *serve, const struct msg *m)
{
	int64_t number;

	if (msg_number(m, 0, &number) < 0)
		return -EBADMSG;
	int r = store_commit(serve->store);
	serve->broken = r == -EUCLEAN;
	if (r < 0)
		return msg_send(serve->socket, MSG_FAILED, -1, m->field[0], store_error(serve->store));
	r = msg_send(serve->socket, MSG_COMMITTED, -1, m->field[0]);
	store_tend(serve->store);
	return r;
}

static int on_query(struct serve *serve, const struct msg *m)
{
	struct question *q = &serve->questions[serve->n_questions];
	int64_t since, until, limit;

	if (msg_number(m, 2, &since) < 0 || msg_number(m, 3, &until) < 0 || msg_number(m, 5, &limit) < 0)
		return -EBADMSG;
	if (serve->n_questions == QUESTIONS_MAX)
		return msg_send(serve->socket, MSG_ANSWERED, -1, m->field[0], "too many questions at once");
	int r = store_query_new(m->field[1], since, until, m->field[4], limit, &q->query);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r;
	q->id = strdup(m->field[0]);
	serve->n_questions++;
	return q->id ? 0 : -ENOMEM;
}

static int on_prune(struct serve *serve, const struct msg *m)
{
	const struct store_table *table = store_find_table(m->field[0]);
	int64_t before;
	size_t i = 0;

	if (!table || !store_has_history(table) || msg_number(m, 1, &before) < 0)
		return -EBADMSG;
	while (i < serve->n_prunes && serve->prunes[i].table != table)
		i++;
	if (i == PRUNES_MAX)
		return -EBADMSG;
	serve->prunes[i] = (struct prune){ table, before };
	serve->n_prunes += i == serve->n_prunes;
	return 0;
}

static int (*const handlers[MSG_KINDS])(struct serve *serve, const struct msg *m) = {
	[MSG_PUT] = on_put, [MSG_DELETE] = on_delete, [MSG_CLEAR] = on_clear, [MSG_COMMIT] = on_commit,
	[MSG_QUERY] = on_query, [MSG_PRUNE] = on_prune,
};

/* ---- what is done when nobody waits ---- */

static int send_answer(const struct store_table *table, const char *const *values, void *userdata)
{
	const struct serve *serve = userdata;
	const char *fields[MSG_FIELDS_MAX] = { serve->questions[0].id };

	for (size_t i = 0; i < table->n_columns; i++)
		fields[i + 1] = values[i];
	int r = msg_sendv(serve->socket, MSG_ANSWER, -1, fields, table->n_columns + 1);
	return r == -EMSGSIZE ? 0 : r;
}

static void drop_question(struct serve *serve)
{
	struct question *q = &serve->questions[0];

	free(q->id);
	store_query_free(q->query);
	memmove(q, q + 1, --serve->n_questions * sizeof(*q));
}

/* "": nothing went wrong. */
static const char *question_error(const struct serve *serve, int r)
{
	if (r == 0)
		return "";
	return *store_error(serve->store) && r != -ENOMEM ? store_error(serve->store) : strerror(-r);
}

static int go_on_answering(struct serve *serve)
{
	struct question *q = &serve->questions[0];

	int r = store_query_step(serve->store, q->query, send_answer, serve);
	if (r > 0)
		return 0;
	serve->broken = r == -EUCLEAN;
	if (r != -EPIPE && r != -ECONNRESET) /* the file's trouble, not that of the socket */
		r = msg_send(serve->socket, MSG_ANSWERED, -1, q->id, question_error(serve, r));
	drop_question(serve);
	return r;
}

/* What cannot be deleted now will be old the next time too. */
static int go_on_pruning(struct serve *serve)
{
	struct prune *p = &serve->prunes[0];

	int r = store_prune_step(serve->store, p->table, p->before_usec);
	if (r > 0)
		return 0;
	if (r < 0)
		log_warning("%s: what is old cannot be deleted: %s", p->table->name, store_error(serve->store));
	serve->broken = r == -EUCLEAN;
	memmove(p, p + 1, --serve->n_prunes * sizeof(*p));
	store_tend(serve->store);
	return 0;
}

static bool has_message(const struct serve *serve)
{
	struct pollfd fd = { .fd = serve->socket, .events = POLLIN };

	return poll(&fd, 1, 0) != 0;
}

/* Does a piece of what can wait, unless something comes that cannot. 0: it did; 1: there was nothing to be done. */
static int use_leisure(struct serve *serve)
{
	if (serve->n_questions + serve->n_prunes == 0 || !store_is_idle(serve->store) || has_message(serve))
		return 1;
	return serve->n_questions ? go_on_answering(serve) : go_on_pruning(serve);
}

static int serve_one(struct serve *serve)
{
	_cleanup_msg_ struct msg *m = NULL;

	int r = msg_receive(serve->socket, &m);
	if (r <= 0)
		return r;
	r = handlers[m->kind] ? handlers[m->kind](serve, m) : -EBADMSG;
	return r < 0 ? r : 1;
}

/* What the way from here says: how the process ends. */
static int exit_status(int r)
{
	if (r == 0 || r == -EPIPE || r == -ECONNRESET) /* the daemon went; what it did not commit is void */
		return EX_OK;
	if (r == -EBADMSG) {
		log_error("The daemon sent what is no message of the store; what was not committed is void");
		return EX_PROTOCOL;
	}
	log_error_errno(r, "The store cannot go on");
	return EX_IOERR;
}

static int serve_rows(struct serve *serve, const char *note)
{
	int r = msg_send(serve->socket, MSG_READY, -1, note ? note : "");

	if (r == 0)
		r = store_load(serve->store, send_row, serve);
	if (r < 0 && *store_error(serve->store))
		log_error("The state file cannot be read: %s", store_error(serve->store));
	return r < 0 ? r : msg_send(serve->socket, MSG_DONE, -1);
}

int store_serve(const char *path, int socket)
{
	_cleanup_store_ struct store *store = NULL;
	_cleanup_free_ char *note = NULL;
	int flags = fcntl(socket, F_GETFL);

	if (flags < 0 || fcntl(socket, F_SETFL, flags & ~O_NONBLOCK) < 0) {
		log_error_errno(-errno, "No socket to the daemon");
		return EX_USAGE;
	}
	int r = store_open(path, &store, &note);
	if (r < 0) {
		log_error("%s", note ? note : strerror(-r));
		msg_send(socket, MSG_FAILED, -1, "0", note ? note : strerror(-r));
		return r == -EBUSY ? EX_TEMPFAIL : EX_CANTCREAT;
	}

	struct serve serve = { .store = store, .socket = socket };
	r = serve_rows(&serve, note);
	if (r < 0)
		return exit_status(r);
	do {
		r = use_leisure(&serve);
		if (r > 0)
			r = serve_one(&serve);
		else if (r == 0)
			r = 1;
	} while (r > 0 && !serve.broken);
	while (serve.n_questions)
		drop_question(&serve);
	return exit_status(serve.broken && r >= 0 ? -EUCLEAN : r);
}
