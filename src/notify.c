/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "notify.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define WAITING_MAX 16
#define RETRY_USEC (USEC_PER_SEC / 4)

struct notify {
	sd_event *event;
	int fd; /* -1: nobody listens */
	struct sockaddr_un address;
	socklen_t len;
	char *waiting[WAITING_MAX];
	size_t n;
	sd_event_source *timer;
};

static int send_text(const struct notify *n, const char *text)
{
	ssize_t r = sendto(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&n->address, n->len);

	return r < 0 ? -errno : 0;
}

static void drop(struct notify *n, size_t i)
{
	free(n->waiting[i]);
	n->n--;
	memmove(n->waiting + i, n->waiting + i + 1, (n->n - i) * sizeof(*n->waiting));
}

/* An old status is missed least. */
static void make_room(struct notify *n)
{
	size_t i = 0;

	while (i < n->n && strncmp(n->waiting[i], "STATUS=", 7) != 0)
		i++;
	drop(n, i < n->n ? i : 0);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

/* Any error but a full queue is final: a socket that is gone does not come back. */
static void send_waiting(struct notify *n)
{
	while (n->n && send_text(n, n->waiting[0]) != -EAGAIN)
		drop(n, 0);
	n->timer = sd_event_source_disable_unref(n->timer);
	if (n->n)
		sd_event_add_time(n->event, &n->timer, CLOCK_BOOTTIME, (uint64_t)(clock_boottime_usec() + RETRY_USEC), 0,
			on_retry, n);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	send_waiting(userdata);
	return 0;
}

void notify_send(struct notify *n, const char *format, ...)
{
	va_list arguments;
	char *text;

	if (!n || n->fd < 0)
		return;
	va_start(arguments, format);
	int r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r < 0)
		return;
	if (n->n == WAITING_MAX)
		make_room(n);
	n->waiting[n->n++] = text;
	send_waiting(n);
}

void notify_alive(struct notify *n)
{
	if (n && n->fd >= 0 && n->n == 0)
		send_text(n, "WATCHDOG=1");
}

int notify_new(sd_event *event, struct notify **ret)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->event = sd_event_ref(event);
	n->fd = -1;
	n->address.sun_family = AF_UNIX;
	if (path && *path && strlen(path) < sizeof(n->address.sun_path)) {
		memcpy(n->address.sun_path, path, strlen(path));
		n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
		if (*path == '@')
			n->address.sun_path[0] = '\0';
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (n->fd < 0)
			log_warning("cannot tell the service manager anything: %s", strerror(errno));
	}
	*ret = n;
	return 0;
}

struct notify *notify_free(struct notify *n)
{
	if (!n)
		return NULL;
	while (n->n)
		drop(n, 0);
	sd_event_source_disable_unref(n->timer);
	sd_event_unref(n->event);
	close_fd(n->fd);
	free(n);
	return NULL;
}
