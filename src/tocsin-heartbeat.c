/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tocsin-heartbeat: tells a dead man's switch (healthchecks.io and its like) that this host lives, or by /fail behind the
 * URL that something is CRITICAL. It brings libcurl, and so belongs to the package of the check http.
 * The daemon starts it with a socket as descriptor 3 (msg.h); nobody calls it by hand. */
#include "export-serve.h"

#include <curl/curl.h>
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

static bool send_sign_of_life(const struct msg *m, struct buf *why)
{
	_cleanup_buf_ struct buf url = BUF(10000);
	const char *slash = *m->field[0] && m->field[0][strlen(m->field[0]) - 1] == '/' ? "" : "/";

	buf_puts(&url, m->field[0]);
	if (strcmp(m->field[1], "fail") == 0)
		buf_printf(&url, "%sfail", slash);
	return ping(buf_text(&url), m->field[2], why);
}

int main(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return EX_SOFTWARE;
	return export_serve("tocsin-heartbeat", send_sign_of_life);
}
