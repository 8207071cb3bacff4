/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "msg.h"

#include "buf.h"
#include "units.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* In place of a kind's name: the message is in the memfd that comes along. */
#define SPILLED "memfd"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const struct {
	const char *name;
	unsigned char min, max; /* fields */
	bool with_fd;
} kinds[] = {
	[MSG_READY] = { "ready", 1, 2, false },
	[MSG_DONE] = { "done", 0, 0, false },
	[MSG_PROBLEM] = { "problem", 4, 4, false },
	[MSG_MODULE] = { "module", 3, 3, false },
	[MSG_SETTING] = { "setting", 6, 6, false },
	[MSG_KEY] = { "key", 9, 9, false },
	[MSG_CHECK] = { "check", 3, 3, false },
	[MSG_OPTION] = { "option", 3, 3, false },
	[MSG_MEMORY] = { "memory", 4, 4, false },
	[MSG_RUN] = { "run", 1, 2, false },
	[MSG_LOOK] = { "look", 2, 2, false },
	[MSG_ITEM] = { "item", 4, 4, false },
	[MSG_METRIC] = { "metric", 9, 9, false },
	[MSG_EVIDENCE] = { "evidence", 4, 4, false },
	[MSG_REMEMBER] = { "remember", 3, 3, false },
	[MSG_WATCH] = { "watch", 2, 2, true },
	[MSG_END] = { "end", 3, 3, false },
	[MSG_LOAD] = { "load", 0, 0, false },
	[MSG_MAIL] = { "mail", 3, 3, false },
	[MSG_RECIPIENT] = { "recipient", 2, 2, false },
	[MSG_RESULT] = { "result", 8, 8, false },
	[MSG_DIALOGUE] = { "dialogue", 2, 2, false },
	[MSG_ROW] = { "row", 2, MSG_FIELDS_MAX, false },
	[MSG_COMMITTED] = { "committed", 1, 1, false },
	[MSG_FAILED] = { "failed", 2, 2, false },
	[MSG_ANSWER] = { "answer", 2, MSG_FIELDS_MAX, false },
	[MSG_ANSWERED] = { "answered", 2, 2, false },
	[MSG_PUT] = { "put", 2, MSG_FIELDS_MAX, false },
	[MSG_DELETE] = { "delete", 2, MSG_FIELDS_MAX, false },
	[MSG_CLEAR] = { "clear", 1, 1, false },
	[MSG_COMMIT] = { "commit", 1, 1, false },
	[MSG_QUERY] = { "query", 6, 6, false },
	[MSG_PRUNE] = { "prune", 2, 2, false },
	[MSG_EXPORT] = { "export", 3, 3, false },
	[MSG_PAGE] = { "page", 1, 1, false },
};

static_assert(ELEMENTS(kinds) == MSG_KINDS, "every kind has a row");

const char *msg_name(enum msg_kind kind)
{
	return kinds[kind].name;
}

/* A sealed memfd with the bytes of B. */
static int spill(const struct buf *b)
{
	_cleanup_close_ int fd = memfd_create("tocsin-message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < b->len;) {
		ssize_t n = write(fd, b->data + done, b->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int msg_encode(enum msg_kind kind, const char *const *fields, size_t n, char **ret_data, size_t *ret_len, int *ret_fd)
{
	_cleanup_buf_ struct buf b = BUF(MSG_SIZE_MAX);
	int fd = -1;

	assert(n >= kinds[kind].min && n <= kinds[kind].max);
	buf_append(&b, kinds[kind].name, strlen(kinds[kind].name) + 1);
	for (size_t i = 0; i < n; i++)
		buf_append(&b, fields[i], strlen(fields[i]) + 1);
	if (buf_error(&b))
		return buf_error(&b);
	if (b.len > MSG_INLINE_MAX) {
		if (kinds[kind].with_fd)
			return -EMSGSIZE;
		fd = spill(&b);
		if (fd < 0)
			return fd;
		buf_clear(&b);
		buf_append(&b, SPILLED, sizeof(SPILLED));
	}

	size_t len = b.len;
	char *data = buf_take(&b);
	if (!data) {
		close_fd(fd);
		return -ENOMEM;
	}
	*ret_data = data;
	*ret_len = len;
	*ret_fd = fd;
	return 0;
}

union fd_control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int msg_send_data(int socket, const void *data, size_t len, int pass_fd)
{
	struct iovec vector = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	union fd_control control = { 0 };

	if (pass_fd >= 0) {
		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(socket, &header, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

int msg_sendv(int socket, enum msg_kind kind, int pass_fd, const char *const *fields, size_t n)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -1;
	size_t len;

	int r = msg_encode(kind, fields, n, &data, &len, &fd);
	if (r < 0)
		return r;
	assert((pass_fd >= 0) == kinds[kind].with_fd);
	return msg_send_data(socket, data, len, fd >= 0 ? fd : pass_fd);
}

/* Collects the descriptors of a received message: one is kept in *ret_fd, more than one are refused. */
static int take_fds(struct msghdr *header, int *ret_fd)
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count++ == 0)
				*ret_fd = fd;
			else
				close_fd(fd);
		}
	}
	return count > 1 || header->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;
}

/* Reads the whole of a memfd that can no longer change. */
static int unspill(int fd, char **ret_data, size_t *ret_len)
{
	struct stat st;

	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
		return -EBADMSG;
	if (st.st_size <= 0 || st.st_size > MSG_SIZE_MAX)
		return -EBADMSG;

	size_t len = (size_t)st.st_size;
	_cleanup_free_ char *data = malloc(len);
	if (!data)
		return -ENOMEM;
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, data + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	*ret_data = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}

/* Finds kind and fields in m->data. */
static int decode(struct msg *m, size_t len)
{
	size_t n = 0, kind = 0;

	if (len == 0 || m->data[len - 1] != '\0')
		return -EBADMSG;
	while (kind < MSG_KINDS && strcmp(kinds[kind].name, m->data) != 0)
		kind++;
	if (kind == MSG_KINDS)
		return -EBADMSG;
	for (const char *p = m->data + strlen(m->data) + 1; p < m->data + len; p += strlen(p) + 1) {
		if (n == MSG_FIELDS_MAX)
			return -EBADMSG;
		m->field[n++] = p;
	}
	m->kind = (enum msg_kind)kind;
	m->n_fields = n;
	return n < kinds[kind].min || n > kinds[kind].max || kinds[kind].with_fd != (m->fd >= 0) ? -EBADMSG : 0;
}

int msg_receive(int socket, struct msg **ret)
{
	char datagram[MSG_INLINE_MAX];
	struct iovec vector = { .iov_base = datagram, .iov_len = sizeof(datagram) };
	union fd_control control;
	struct msghdr header = {
		.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	_cleanup_msg_ struct msg *m = calloc(1, sizeof(*m));
	ssize_t n;

	if (!m)
		return -ENOMEM;
	m->fd = -1;
	do
		n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	int r = take_fds(&header, &m->fd);
	if (r < 0)
		return r;
	if (n == 0) /* the end, or an empty datagram, which no one sends */
		return 0;
	if (header.msg_flags & MSG_TRUNC)
		return -EBADMSG;

	size_t len = (size_t)n;
	if (len == sizeof(SPILLED) && memcmp(datagram, SPILLED, sizeof(SPILLED)) == 0 && m->fd >= 0) {
		r = unspill(m->fd, &m->data, &len);
		m->fd = close_fd(m->fd);
		if (r < 0)
			return r;
	} else {
		m->data = malloc(len);
		if (!m->data)
			return -ENOMEM;
		memcpy(m->data, datagram, len);
	}
	r = decode(m, len);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 1;
}

struct msg *msg_free(struct msg *m)
{
	if (m) {
		close_fd(m->fd);
		free(m->data);
		free(m);
	}
	return NULL;
}

const char *msg_number_text(struct msg_number_text *n, int64_t value)
{
	snprintf(n->text, sizeof(n->text), "%" PRId64, value);
	return n->text;
}

int msg_number(const struct msg *m, size_t i, int64_t *ret)
{
	if (i >= m->n_fields)
		return -EBADMSG;
	return parse_int(m->field[i], ret) < 0 ? -EBADMSG : 0;
}
