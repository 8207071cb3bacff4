/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "varlink.h"

#include "buf.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CLIENTS_MAX 32
#define SERVICE "org.varlink.service"

struct connection;

struct varlink_call {
	struct connection *connection; /* NULL: the client has gone */
	bool more, oneway;
};

struct connection {
	struct connection *next;
	struct varlink_server *server;
	int fd;
	struct ucred peer;
	sd_event_source *source;
	struct buf input, output;
	struct varlink_call *call; /* the one that waits for its answer */
	sd_event_source *turn; /* takes the next request: in a turn of its own, so that none is handled within another */
	bool has_ended; /* the client sends no more */
};

struct varlink_server {
	sd_event *event;
	int fd;
	sd_event_source *source;
	const struct varlink_interface *interface;
	void *userdata;
	struct connection *connections;
	size_t n_connections;
};

static const char service_description[] =
	"# The Varlink service interface\n"
	"interface org.varlink.service\n\n"
	"method GetInfo() -> (\n"
	"  vendor: string, product: string, version: string, url: string, interfaces: []string\n"
	")\n\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n";

static void connection_free(struct connection *c)
{
	for (struct connection **at = &c->server->connections; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			c->server->n_connections--;
			break;
		}
	}
	if (c->call)
		c->call->connection = NULL;
	sd_event_source_disable_unref(c->source);
	sd_event_source_disable_unref(c->turn);
	close_fd(c->fd);
	buf_free(&c->input);
	buf_free(&c->output);
	free(c);
}

/* Sends what waits. Returns false when the connection is gone. */
static bool flush(struct connection *c)
{
	while (c->output.len) {
		ssize_t n = send(c->fd, c->output.data, c->output.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			connection_free(c);
			return false;
		}
		buf_drop(&c->output, (size_t)n);
	}
	/* Who does not read its answers is not read from. */
	bool is_free = !c->call && c->output.len == 0;
	uint32_t events = (is_free && !c->has_ended ? EPOLLIN : 0U) | (c->output.len ? EPOLLOUT : 0U);
	sd_event_source_set_io_events(c->source, events);
	if (is_free)
		sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
	return true;
}

static void send_object(struct varlink_call *call, json_t *object)
{
	struct connection *c = call->connection;

	if (!c || call->oneway) {
		json_decref(object);
		return;
	}
	_cleanup_free_ char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text)
		buf_append(&c->output, text, strlen(text) + 1);
	if (!text || buf_error(&c->output)) {
		log_warning("control socket: an answer was too large, or its client does not read; dropping it");
		connection_free(c);
		return;
	}
	flush(c);
}

static void finish(struct varlink_call *call)
{
	struct connection *c = call->connection;

	free(call);
	if (!c)
		return;
	c->call = NULL;
	flush(c);
}

bool varlink_wants_more(const struct varlink_call *call)
{
	return call->more;
}

uid_t varlink_uid(const struct varlink_call *call)
{
	return call->connection ? call->connection->peer.uid : (uid_t)-1;
}

void varlink_continue(struct varlink_call *call, json_t *parameters)
{
	send_object(call, json_pack("{s:o, s:b}", "parameters", parameters, "continues", 1));
}

void varlink_reply(struct varlink_call *call, json_t *parameters)
{
	send_object(call, json_pack("{s:o}", "parameters", parameters ? parameters : json_object()));
	finish(call);
}

void varlink_error(struct varlink_call *call, const char *error, json_t *parameters)
{
	_cleanup_buf_ struct buf name = BUF(256);

	if (!strchr(error, '.') && call->connection)
		buf_printf(&name, "%s.", call->connection->server->interface->name);
	buf_puts(&name, error);
	send_object(call, json_pack("{s:s, s:o}", "error", buf_text(&name), "parameters",
			parameters ? parameters : json_object()));
	finish(call);
}

static void service_method(struct varlink_call *call, const char *method, json_t *parameters)
{
	const struct varlink_interface *interface = call->connection->server->interface;

	if (strcmp(method, "GetInfo") == 0) {
		varlink_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", interface->vendor, "product",
				interface->product, "version", interface->version, "url", interface->url, "interfaces",
				SERVICE, interface->name));
	} else if (strcmp(method, "GetInterfaceDescription") == 0) {
		const char *name = json_string_value(json_object_get(parameters, "interface"));

		if (!name)
			varlink_error(call, SERVICE ".InvalidParameter", json_pack("{s:s}", "parameter", "interface"));
		else if (strcmp(name, interface->name) == 0)
			varlink_reply(call, json_pack("{s:s}", "description", interface->description));
		else if (strcmp(name, SERVICE) == 0)
			varlink_reply(call, json_pack("{s:s}", "description", service_description));
		else
			varlink_error(call, SERVICE ".InterfaceNotFound", json_pack("{s:s}", "interface", name));
	} else {
		varlink_error(call, SERVICE ".MethodNotFound", json_pack("{s:s}", "method", method));
	}
}

static void interface_method(struct varlink_call *call, const char *method, json_t *parameters)
{
	const struct varlink_server *s = call->connection->server;

	for (const struct varlink_method *m = s->interface->methods; m->name; m++) {
		if (strcmp(m->name, method) != 0)
			continue;
		if (m->needs_root && varlink_uid(call) != 0 && varlink_uid(call) != getuid())
			varlink_error(call, SERVICE ".PermissionDenied", NULL);
		else
			m->handle(call, parameters, s->userdata);
		return;
	}
	varlink_error(call, SERVICE ".MethodNotFound", json_pack("{s:s}", "method", method));
}

/* "org.tocsin.Control.Status" is method Status of interface org.tocsin.Control. */
static void dispatch(struct varlink_call *call, const char *method, json_t *parameters)
{
	const struct varlink_interface *interface = call->connection->server->interface;
	const char *dot = strrchr(method, '.');
	size_t len = dot ? (size_t)(dot - method) : 0;

	if (len == strlen(SERVICE) && strncmp(method, SERVICE, len) == 0)
		service_method(call, dot + 1, parameters);
	else if (len == strlen(interface->name) && strncmp(method, interface->name, len) == 0)
		interface_method(call, dot + 1, parameters);
	else
		varlink_error(call, SERVICE ".InterfaceNotFound",
			json_pack("{s:s#}", "interface", method, (int)len));
}

/* One request. Returns false for what is none: the client is dropped. */
static bool handle_request(struct connection *c, const char *text, size_t len)
{
	json_t *request = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *method = json_string_value(json_object_get(request, "method"));
	json_t *parameters = json_object_get(request, "parameters");
	struct varlink_call *call = calloc(1, sizeof(*call));

	if (!method || !call || (parameters && !json_is_object(parameters))) {
		json_decref(request);
		free(call);
		return false;
	}
	call->connection = c;
	call->more = json_is_true(json_object_get(request, "more"));
	call->oneway = json_is_true(json_object_get(request, "oneway"));
	c->call = call;
	sd_event_source_set_io_events(c->source, 0);
	parameters = parameters ? json_incref(parameters) : json_object();
	dispatch(call, method, parameters);
	json_decref(parameters);
	json_decref(request);
	return true;
}

static const char *end_of_request(const struct connection *c)
{
	return c->input.len ? memchr(c->input.data, '\0', c->input.len) : NULL;
}

/* Takes the next complete request, unless one waits for its answer. C may be gone afterwards. */
static void handle_input(struct connection *c)
{
	const char *end = end_of_request(c);

	if (c->call || c->output.len)
		return;
	if (!end) {
		if (c->has_ended)
			connection_free(c);
		return;
	}
	size_t len = (size_t)(end - c->input.data);
	_cleanup_free_ char *text = strndup(c->input.data, len);
	buf_drop(&c->input, len + 1);
	if (!text || !handle_request(c, text, len))
		connection_free(c);
}

static int on_next(sd_event_source *source, void *userdata)
{
	handle_input(userdata);
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct connection *c = userdata;
	char bytes[4096];

	if (events & EPOLLOUT && !flush(c))
		return 0;
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN)) {
		connection_free(c);
		return 0;
	}
	if (!(events & EPOLLIN) || end_of_request(c))
		return 0; /* or first what is there */
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0) {
		connection_free(c);
		return 0;
	}
	if (n == 0) {
		c->has_ended = true;
		sd_event_source_set_io_events(c->source, c->output.len ? EPOLLOUT : 0);
	}
	buf_append(&c->input, bytes, (size_t)n);
	if (buf_error(&c->input)) {
		log_warning("control socket: a request of uid %u is too large; dropping its connection",
			(unsigned)c->peer.uid);
		connection_free(c);
		return 0;
	}
	handle_input(c);
	return 0;
}

static int add_connection(struct varlink_server *s, int fd)
{
	socklen_t len = sizeof(struct ucred);
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->server = s;
	c->fd = fd;
	c->input = BUF(VARLINK_MESSAGE_MAX);
	c->output = BUF(VARLINK_REPLY_MAX);
	c->next = s->connections;
	s->connections = c;
	s->n_connections++;
	int r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &len) < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(s->event, &c->source, fd, EPOLLIN, on_connection, c);
	if (r >= 0)
		r = sd_event_add_defer(s->event, &c->turn, on_next, c);
	if (r < 0) {
		c->fd = -1; /* stays the caller's */
		connection_free(c);
	}
	return r;
}

static int on_listen(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct varlink_server *s = userdata;
	_cleanup_close_ int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client < 0)
		return 0;
	if (s->n_connections >= CLIENTS_MAX) {
		log_warning("control socket: more than %d clients at once; refusing one", CLIENTS_MAX);
		return 0;
	}
	if (add_connection(s, client) == 0)
		TAKE_FD(client);
	return 0;
}

int varlink_server_new(sd_event *event, int listen_fd, const struct varlink_interface *interface, void *userdata,
	struct varlink_server **ret)
{
	struct varlink_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->event = sd_event_ref(event);
	s->fd = listen_fd;
	s->interface = interface;
	s->userdata = userdata;
	int r = sd_event_add_io(event, &s->source, listen_fd, EPOLLIN, on_listen, s);
	if (r < 0) {
		s->fd = -1;
		varlink_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct varlink_server *varlink_server_free(struct varlink_server *s)
{
	if (!s)
		return NULL;
	while (s->connections)
		connection_free(s->connections);
	sd_event_source_disable_unref(s->source);
	close_fd(s->fd);
	sd_event_unref(s->event);
	free(s);
	return NULL;
}

/* ---- client ---- */

int varlink_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The next NUL-terminated object, in *ret_text (free it). INPUT holds what was read too far. */
static int receive_text(int fd, struct buf *input, int64_t deadline, char **ret_text)
{
	for (;;) {
		const char *end = input->len ? memchr(input->data, '\0', input->len) : NULL;

		if (end) {
			char *text = strdup(input->data);

			if (!text)
				return -ENOMEM;
			buf_drop(input, (size_t)(end - input->data) + 1);
			*ret_text = text;
			return 0;
		}
		int64_t left = deadline - clock_boottime_usec();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (left <= 0 || poll(&p, 1, (int)(left / USEC_PER_MSEC) + 1) == 0)
			return -ETIMEDOUT;
		char bytes[4096];
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		buf_append(input, bytes, (size_t)n);
		if (buf_error(input))
			return -EPROTO;
	}
}

int varlink_query(int fd, const char *method, json_t *parameters, int64_t timeout_usec,
	void (*answer)(json_t *parameters, void *userdata), void *userdata, json_t **ret_reply, char **ret_error)
{
	_cleanup_buf_ struct buf input = BUF(VARLINK_REPLY_MAX);
	int64_t deadline = usec_add(clock_boottime_usec(), timeout_usec);
	json_t *request = json_pack("{s:s, s:o, s:b}", "method", method, "parameters",
		parameters ? parameters : json_object(), "more", answer != NULL);
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);

	json_decref(request);
	int r = text ? send_all(fd, text, strlen(text) + 1) : -ENOMEM;
	while (r == 0) {
		_cleanup_free_ char *reply_text = NULL;

		r = receive_text(fd, &input, deadline, &reply_text);
		if (r < 0)
			break;
		json_t *reply = json_loads(reply_text, 0, NULL);
		json_t *content = json_object_get(reply, "parameters");
		if (!json_is_object(reply)) {
			json_decref(reply);
			return -EPROTO;
		}
		if (json_is_true(json_object_get(reply, "continues"))) {
			if (answer)
				answer(content, userdata);
			json_decref(reply);
			continue;
		}
		const char *error = json_string_value(json_object_get(reply, "error"));
		*ret_error = error ? strdup(error) : NULL;
		*ret_reply = content ? json_incref(content) : json_object();
		json_decref(reply);
		return 0;
	}
	return r;
}
