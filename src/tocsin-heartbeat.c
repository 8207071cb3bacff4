/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-heartbeat: tells a dead man's switch (healthchecks.io and its like) that this host lives, or by /fail behind the
 * URL that something is CRITICAL. It brings libcurl, and so belongs to the package of the check http.
 * The daemon starts it with a socket as descriptor 3 (msg.h); nobody calls it by hand. */
#include "buf.h"
#include "log.h"
#include "msg.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

#define CONNECT_LIMIT_MS 10000L
#define LIMIT_MS 30000L /* the daemon waits 40 s */

static size_t drop(char *data, size_t size, size_t n, void *userdata)
{
	return size * n;
}

static CURL *new_request(const char *url, const char *text, char *error)
{
	CURL *c = curl_easy_init();

	if (!c)
		return NULL;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "tocsin/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, LIMIT_MS);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
	return c;
}

/* The URL is not told: who knows it can send signs of life of this host. */
static bool ping(const char *url, const char *text, struct buf *why)
{
	char error[CURL_ERROR_SIZE] = "";
	CURL *c = new_request(url, text, error);
	CURLcode code = c ? curl_easy_perform(c) : CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (code == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	if (code != CURLE_OK)
		buf_printf(why, "no sign of life could be sent: %s", *error ? error : curl_easy_strerror(code));
	else if (status < 200 || status > 299)
		buf_printf(why, "the sign of life was refused with HTTP status %ld", status);
	return why->len == 0;
}

static int serve_one(const struct msg *m)
{
	_cleanup_buf_ struct buf url = BUF(10000), why = BUF(1000);
	const char *slash;

	if (m->kind != MSG_EXPORT)
		return -EBADMSG;
	slash = *m->field[0] && m->field[0][strlen(m->field[0]) - 1] == '/' ? "" : "/";
	buf_puts(&url, m->field[0]);
	if (strcmp(m->field[1], "fail") == 0)
		buf_printf(&url, "%sfail", slash);
	if (ping(buf_text(&url), m->field[2], &why))
		return msg_send(MSG_FD, MSG_DONE, -1);
	return msg_send(MSG_FD, MSG_FAILED, -1, "0", buf_text(&why));
}

int main(void)
{
	int flags = fcntl(MSG_FD, F_GETFL), r;

	log_open("tocsin-heartbeat");
	if (flags < 0 || fcntl(MSG_FD, F_SETFL, flags & ~O_NONBLOCK) < 0) {
		log_error("usage: tocsin-heartbeat, with a socket to tocsind as descriptor %d", MSG_FD);
		return EX_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return EX_SOFTWARE;
	for (r = msg_send(MSG_FD, MSG_READY, -1, ""); r >= 0;) {
		_cleanup_msg_ struct msg *m = NULL;

		r = msg_receive(MSG_FD, &m);
		if (r == 0)
			return EX_OK;
		if (r > 0)
			r = serve_one(m);
	}
	return r == -EPIPE || r == -ECONNRESET ? EX_OK : EX_PROTOCOL;
}
