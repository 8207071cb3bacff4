/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands without their secrets; see argument.h. */
#include "argument.h"

#include "units.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

/* Monitoring plugins: check_mysql -p, check_ldap -P, check_http -a and -b, check_snmp -C, -A and -X. */
static const char short_options[] = "pPAXCab";

static const char *const secret_words[] = { "pass", "pwd", "secret", "token", "auth", "key", "community", "credential", "cookie" };

/* Where a word for something secret ends in TEXT, NULL: there is none. */
static const char *behind_secret_word(const char *text)
{
	const char *first = NULL;

	for (size_t i = 0; i < ELEMENTS(secret_words); i++) {
		const char *found = strcasestr(text, secret_words[i]);

		if (found && (!first || found + strlen(secret_words[i]) < first))
			first = found + strlen(secret_words[i]);
	}
	return first;
}

/* A port, or a number of days. */
static bool is_number(const char *text)
{
	int64_t value;

	return parse_int(text, &value) == 0 && value >= 0 && value <= UINT16_MAX;
}

static bool is_short_option(const char *word)
{
	return word[0] == '-' && word[1] && word[1] != '-' && strchr(short_options, word[1]);
}

/* Is WORD a secret for what stands before it? */
static bool is_announced(const char *before, const char *word)
{
	if (is_short_option(before) && !before[2])
		return *word != '-' && !is_number(word);
	const char *end = *before == '-' ? behind_secret_word(before) : NULL;
	return end && !strpbrk(end, "=:");
}

/* In "scheme://user:password@host" the password, and *RET_REST: "@host". */
static const char *password_of_url(const char *word, const char **ret_rest)
{
	const char *begin = strstr(word, "://");
	size_t len = begin ? strcspn(begin + 3, "/?# ") : 0;
	const char *at = len ? memrchr(begin + 3, '@', len) : NULL;
	const char *colon = at ? memchr(begin + 3, ':', (size_t)(at - begin - 3)) : NULL;

	*ret_rest = at;
	return colon ? colon + 1 : NULL;
}

/* Where in WORD a secret begins, NULL: nowhere; *RET_REST is what comes behind it. */
static const char *secret_of(const char *word, const char **ret_rest)
{
	const char *end = behind_secret_word(word), *sign = end ? strpbrk(end, "=:") : NULL;
	const char *password = password_of_url(word, ret_rest);

	if (password && (!sign || password < sign))
		return password;
	*ret_rest = "";
	if (sign)
		return sign + 1 + strspn(sign + 1, " ");
	return is_short_option(word) && word[2] && !is_number(word + 2) ? word + 2 : NULL;
}

static bool needs_quotes(const char *word)
{
	for (const char *c = word; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("@%+=:,./-_", *c))
			return true;
	return !*word;
}

static void put_quoted(struct buf *b, const char *text)
{
	buf_putc(b, '\'');
	for (const char *c = text; *c; c++)
		if (*c == '\'')
			buf_puts(b, "'\\''");
		else
			buf_putc(b, *c);
	buf_putc(b, '\'');
}

static bool show(struct buf *b, const char *word)
{
	_cleanup_buf_ struct buf shown = BUF(strlen(word) + sizeof(ARGUMENT_HIDDEN));
	const char *rest = "", *secret = secret_of(word, &rest);

	if (secret)
		buf_printf(&shown, "%.*s%s%s", (int)(secret - word), word, ARGUMENT_HIDDEN, rest);
	else
		buf_puts(&shown, word);
	if (needs_quotes(word))
		put_quoted(b, buf_text(&shown));
	else
		buf_puts(b, buf_text(&shown));
	return secret;
}

bool argument_show_all(struct buf *b, char *const *words)
{
	bool is_secret = false, is_any_hidden = false;

	for (size_t i = 0; words[i]; i++) {
		is_secret = i > 0 && !is_secret && is_announced(words[i - 1], words[i]);
		buf_puts(b, i ? " " : "");
		if (is_secret)
			buf_puts(b, ARGUMENT_HIDDEN);
		is_any_hidden |= is_secret || show(b, words[i]);
	}
	return is_any_hidden;
}
