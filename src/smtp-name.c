/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name that EHLO says. A file of its own, because the configuration is checked where no SMTP is linked. */
#include "smtp.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63
#define NAME_MAX_BYTES 255

static bool is_literal(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	size_t n = strlen(name);
	bool is_v6 = strncasecmp(name, "[IPv6:", 6) == 0;
	size_t start = is_v6 ? 6 : 1;

	if (n < start + 2 || name[n - 1] != ']' || n - start - 1 >= sizeof(text))
		return false;
	memcpy(text, name + start, n - start - 1);
	text[n - start - 1] = '\0';
	return inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

static bool is_domain(const char *name)
{
	size_t n = strlen(name), labels = 0;
	bool is_number = false;

	if (n > NAME_MAX_BYTES)
		return false;
	for (const char *label = name;; labels++) {
		size_t len = strcspn(label, ".");

		if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
			return false;
		is_number = true;
		for (size_t i = 0; i < len; i++) {
			if (!isalnum((unsigned char)label[i]) && label[i] != '-')
				return false;
			is_number &= isdigit((unsigned char)label[i]) != 0;
		}
		if (!label[len])
			break;
		label += len + 1;
	}
	/* An IPv4 address without its brackets is no name. */
	return labels > 0 && !is_number;
}

bool smtp_is_hello(const char *name)
{
	return name[0] == '[' ? is_literal(name) : is_domain(name);
}
