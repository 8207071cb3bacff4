/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes in every part of a mail: the message stays ASCII, with CRLF only, short lines, one header block with each
 * name once, and exactly the parts that were put in. The input is the fields, separated by NUL. */
#include "mime.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                                   \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "not true: %s\n", #condition);                                       \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

enum { ADDRESS, FROM_NAME, SUBJECT, MESSAGE_ID, REPLY_TO, VALUE, TEXT, HTML, CID, TYPE, N_FIELDS };

static void require_lines(const char *message, size_t len)
{
	size_t column = 0;

	REQUIRE(strlen(message) == len);
	REQUIRE(len >= 2 && memcmp(message + len - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i < len; i++) {
		REQUIRE((unsigned char)message[i] < 0x80 && message[i] != 0x7f);
		REQUIRE((unsigned char)message[i] >= ' ' || strchr("\t\r\n", message[i]));
		REQUIRE((message[i] == '\r') == (message[i + 1] == '\n'));
		column = message[i] == '\n' ? 0 : column + 1;
		REQUIRE(column <= 998);
	}
}

static size_t count(const char *message, const char *needle)
{
	size_t n = 0;

	for (; (message = strstr(message, needle)); message += strlen(needle))
		n++;
	return n;
}

/* The names of the first header block, in order. */
static void require_names(const char *message, const char *const *names)
{
	const char *end = strstr(message, "\r\n\r\n");

	REQUIRE(end);
	for (const char *line = message; line <= end; line = strstr(line, "\r\n") + 2) {
		if (*line == ' ')
			continue;
		REQUIRE(*names && strncmp(line, *names, strlen(*names)) == 0 && line[strlen(*names)] == ':');
		names++;
	}
	REQUIRE(!*names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References",
		"X-Tocsin-Check", "MIME-Version", "Content-Type", NULL };
	static const char *const to[] = { "ops@example.org" };
	_cleanup_buf_ struct buf message = BUF(MIME_MESSAGE_MAX);
	_cleanup_free_ char *input = malloc(size + 1);
	char *fields[N_FIELDS], *next = input;

	if (!input)
		return 0;
	if (size)
		memcpy(input, data, size);
	input[size] = '\0';
	for (size_t i = 0; i < N_FIELDS; i++) {
		fields[i] = next;
		next += strlen(next);
		next += next < input + size;
	}
	bool is_address = mime_is_address(fields[ADDRESS]);
	if (is_address)
		REQUIRE(!strpbrk(fields[ADDRESS], "\r\n<>\x7f") || *fields[ADDRESS] == '"');
	for (const char *c = fields[ADDRESS]; is_address && *c; c++)
		is_address = (unsigned char)*c < 0x80; /* UTF-8 addresses are the one exception to ASCII */

	struct mime_header header = { "X-Tocsin-Check", fields[VALUE] };
	struct mime_image image = { fields[CID], fields[TYPE], fields[TEXT], strlen(fields[TEXT]) };
	struct mime_mail mail = { .from = is_address ? fields[ADDRESS] : "tocsin@example.org",
		.from_name = fields[FROM_NAME], .to = to, .n_to = 1, .subject = fields[SUBJECT],
		.message_id = *fields[MESSAGE_ID] ? fields[MESSAGE_ID] : "1@web1",
		.in_reply_to = *fields[REPLY_TO] ? fields[REPLY_TO] : "0@web1", .headers = &header, .n_headers = 1,
		.text = fields[TEXT], .html = fields[HTML], .images = &image, .n_images = 1 };

	REQUIRE(mime_compose(&message, &mail) == 0);
	require_lines(buf_text(&message), message.len);
	require_names(buf_text(&message), names);
	REQUIRE(count(buf_text(&message), "\r\n--=_a") == 3);
	REQUIRE(count(buf_text(&message), "\r\n--=_r") == 3);
	return 0;
}
