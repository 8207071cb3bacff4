/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables are whole, and the advice is found. */
#include "provider.h"
#include "language.h"
#include "test.h"
#include "tests/support/han.h"
#include "translate.h"

#include <string.h>

static void knows_every_row(void **state)
{
	const struct provider *p;

	for (size_t i = 0; (p = provider_get(i)); i++) {
		assert_ptr_equal(provider_find(p->name), p);
		assert_ptr_equal(provider_of_server(p->server), p);
		assert_true(p->port == (p->security == SMTP_TLS ? 465 : 587));
		assert_int_not_equal(p->security, SMTP_PLAIN);
		assert_true(strlen(p->login) > 0);
		assert_true(strlen(p->source) > 0);
	}
	for (const char *const *name =
			(const char *const[]){ "qq", "163", "gmail", "outlook", "fastmail", "icloud", NULL };
		*name; name++)
		assert_non_null(provider_find(*name));
	assert_null(provider_find("nobody"));
}

/* Each row of advice names its source and a service that there is, and is found by what it describes unless an
 * earlier row for the same service says it better. */
static void finds_every_advice(void **state)
{
	const struct provider_advice *a;

	for (size_t i = 0; (a = provider_advice_get(i)); i++) {
		const struct provider *p = a->provider ? provider_find(a->provider) : NULL;

		assert_true(!a->provider || p);
		assert_true(strlen(a->source) > 0 && strlen(a->advice) > 0);
		assert_ptr_equal(provider_advise(p, a->code ? a->code : 550, a->enhanced ? a->enhanced : "",
					 a->pattern ? a->pattern : ""),
			a);
	}
}

static void every_row_is_chinese_too(void **state)
{
	const struct provider_advice *a;
	const struct provider *p;

	assert_int_equal(language_use("zh_CN"), 0);
	for (size_t i = 0; (p = provider_get(i)); i++)
		if (!has_han(_(p->login)) || english_in(_(p->login)))
			fail_msg("%s: %s", p->name, _(p->login));
	for (size_t i = 0; (a = provider_advice_get(i)); i++)
		if (!has_han(_(a->advice)) || english_in(_(a->advice)))
			fail_msg("%s %d: %s", a->provider ? a->provider : "", a->code, _(a->advice));
	assert_int_equal(language_use("en"), 0);
}

static void knows_servers(void **state)
{
	assert_string_equal(provider_of_server("SMTP.QQ.com")->name, "qq");
	assert_string_equal(provider_of_server("smtp-relay.gmail.com")->name, "gmail");
	assert_string_equal(provider_of_server("smtp.eu.office365.com")->name, "office365");
	assert_null(provider_of_server("notoffice365.com"));
	assert_null(provider_of_server("office365.com.example.org"));
	assert_null(provider_of_server("mail.example.org"));
}

static void advises(void **state)
{
	const struct provider_advice *a = provider_advise(
		provider_find("qq"), 535, "", "Login Fail. Please enter your authorization code to login.");

	assert_non_null(strstr(a->advice, "not the QQ password"));
	assert_true(a->pause_usec > 0);
	a = provider_advise(NULL, 535, "5.7.139", "SmtpClientAuthentication is disabled for the Tenant.");
	assert_non_null(strstr(a->advice, "switched off in this organisation"));
	assert_null(provider_advise(NULL, 550, "5.1.1", "no such user"));
}

/* Texts that public reports quote (see provider.c): one text for many causes, and codes that mean other things too. */
static void advises_as_reported(void **state)
{
	const struct provider_advice *a = provider_advise(provider_find("qq"), 535, "",
		"Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or "
		"system is busy.");

	assert_non_null(strstr(a->advice, "all its causes"));
	a = provider_advise(provider_find("qq"), 550, "", "The mail may contain inappropriate words or content.");
	assert_non_null(strstr(a->advice, "spam"));
	a = provider_advise(provider_find("qq"), 550, "", "Connection frequency limited");
	assert_non_null(strstr(a->advice, "mails came too often"));
	a = provider_advise(provider_find("163"), 451, "", "Requested mail action not taken: too much fail authentication");
	assert_non_null(strstr(a->advice, "logins came too often"));
	a = provider_advise(provider_find("163"), 550, "", "User has no permission");
	assert_non_null(strstr(a->advice, "switched on"));
	a = provider_advise(provider_find("gmail"), 454, "4.7.0", "Too many login attempts, please try again later.");
	assert_non_null(strstr(a->advice, "too often"));
	assert_null(provider_advise(
		provider_find("gmail"), 454, "4.7.0", "Cannot authenticate due to a temporary system problem."));
	assert_non_null(provider_advise(provider_find("zoho"), 553, "", "Relaying disallowed as test@gmail.com"));
	assert_non_null(provider_advise(provider_find("zoho"), 553, "", "Sender is not allowed to relay emails"));
	assert_non_null(provider_advise(
		NULL, 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender"));
	assert_non_null(provider_advise(
		provider_find("icloud"), 550, "5.7.0", "From address is not one of your addresses"));
	assert_null(provider_advise(provider_find("icloud"), 550, "5.7.0", "Blocked"));
	assert_non_null(provider_advise(
		NULL, 550, "5.7.0", "Sender or From header address rejected: not owned by authorized user"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_row),
		cmocka_unit_test(finds_every_advice),
		cmocka_unit_test(every_row_is_chinese_too), cmocka_unit_test(knows_servers),
		cmocka_unit_test(advises),
		cmocka_unit_test(advises_as_reported),
	};

	return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
