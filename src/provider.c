/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of well-known mail services and of what their refusals mean; see provider.h. Nobody here has seen them at
 * work. "from documentation": read there; "by others": in a guide that is not the service's own; "seen by others": a
 * public report quotes it; "code not quoted": the source names the cause, but not this reply code; "not checked":
 * general knowledge, with the place where it ought to be looked up. */
#include "provider.h"

#include "clock.h"
#include "translate.h"

#include <string.h>
#include <strings.h>

#define CODE_LOGIN \
	N_("the user name is the whole address; the password is the authorization code (授权码) from the mail settings, not the " \
	   "login password")
#define APP_LOGIN \
	N_("the user name is the whole address; the password is an app password made in the account's security settings")

static const struct provider providers[] = {
	{ "qq", "smtp.qq.com", 465, SMTP_TLS, "qq.com,foxmail.com,vip.qq.com", "", CODE_LOGIN,
		"from documentation by others: russky.net/zixun/189553.html, read 2026-11" },
	{ "exmail", "smtp.exmail.qq.com", 465, SMTP_TLS, "", "hwsmtp.exmail.qq.com",
		N_("the user name is the whole address; the password is the client password when the domain demands one"),
		"from documentation by others: t.zoukankan.com/lisicn-p-14858051.html; port: "
		"github.com/nodemailer/nodemailer, services.json; read 2026-11" },
	{ "163", "smtp.163.com", 465, SMTP_TLS, "163.com", "", CODE_LOGIN,
		"seen by others: github.com/cnodejs/nodeclub/issues/1026 (2018-03)" },
	{ "126", "smtp.126.com", 465, SMTP_TLS, "126.com", "", CODE_LOGIN,
		"from documentation by others: github.com/nodemailer/nodemailer, services.json, read 2026-11" },
	{ "yeah", "smtp.yeah.net", 465, SMTP_TLS, "yeah.net", "", CODE_LOGIN,
		"seen by others: github.com/fengkuangdestone/py-script, configs.py, with port 994; "
		"port 465 and login not checked" },
	{ "aliyun", "smtp.aliyun.com", 465, SMTP_TLS, "aliyun.com", "",
		N_("the user name is the whole address; client access must be switched on in the mail settings"),
		"from documentation by others: onionseo.com/2445.html, read 2026-11; login not checked" },
	{ "gmail", "smtp.gmail.com", 465, SMTP_TLS, "gmail.com,googlemail.com", "smtp-relay.gmail.com,smtp.googlemail.com",
		N_("the user name is the whole address; the password is an app password made in the account's security settings (it "
		   "needs 2-step verification), or auth = XOAUTH2 with token_command"),
		"from documentation by others: cli.nylas.com/guides/gmail-smtp-settings, read 2026-11" },
	{ "outlook", "smtp-mail.outlook.com", 587, SMTP_STARTTLS, "outlook.com,hotmail.com,live.com,msn.com", "",
		N_("the user name is the whole address; passwords are being switched off: auth = XOAUTH2 with token_command"),
		"from documentation by others: xenocept.com/docs/email-setup/microsoft.html, read 2026-11" },
	{ "office365", "smtp.office365.com", 587, SMTP_STARTTLS, "", "*.office365.com,*.office.com",
		N_("the user name is the whole address; SMTP AUTH must be enabled for the mailbox, and auth = XOAUTH2 with "
		   "token_command where passwords are switched off"),
		"from documentation by others: smtptester.org/guides/outlook-365-smtp-test, read 2026-11" },
	{ "icloud", "smtp.mail.me.com", 587, SMTP_STARTTLS, "icloud.com,me.com,mac.com", "", APP_LOGIN,
		"from documentation by others: meshworld.in/blog/devops/email/icloud-smtp-server, read 2026-11" },
	{ "fastmail", "smtp.fastmail.com", 465, SMTP_TLS, "fastmail.com,fastmail.fm", "smtp.messagingengine.com", APP_LOGIN,
		"from documentation: fastmail.com/help/technical/servernamesandports.html, read 2026-11" },
	{ "yahoo", "smtp.mail.yahoo.com", 465, SMTP_TLS, "yahoo.com,ymail.com,rocketmail.com", "", APP_LOGIN,
		"from documentation by others: github.com/chatmail/provider-db, yahoo.md (2025-09), read 2026-11" },
	{ "zoho", "smtp.zoho.com", 465, SMTP_TLS, "zohomail.com,zoho.com", "smtp.zoho.eu,smtppro.zoho.com",
		N_("the user name is the whole address; with two-factor authentication the password is an app password"),
		"from documentation: zoho.com/mail/help/zoho-smtp.html, read 2026-11" },
	{ "gmx", "mail.gmx.net", 465, SMTP_TLS, "gmx.net,gmx.de", "mail.gmx.com",
		N_("the user name is the whole address; POP3/IMAP access must be switched on in the mail settings"),
		"from documentation by others: github.com/chatmail/provider-db, gmx.net.md (2017-06), read 2026-11" },
	{ "yandex", "smtp.yandex.com", 465, SMTP_TLS, "yandex.com,yandex.ru", "smtp.yandex.ru", APP_LOGIN,
		"from documentation by others: github.com/chatmail/provider-db, yandex.ru.md (2020-03); app password: "
		"docs.sherparpa.ru, Send Email; read 2026-11" },
	{ "mailru", "smtp.mail.ru", 465, SMTP_TLS, "mail.ru,bk.ru,inbox.ru,list.ru", "", APP_LOGIN,
		"from documentation by others: github.com/chatmail/provider-db, mail.ru.md (2026-04), read 2026-11" },
};

#define WANTS_CODE N_("this wants the authorization code (授权码) from the mail settings, not the login password")
#define WANTS_APP_PASSWORD \
	N_("this wants an app password from the account's security settings, not the login password")
#define FROM_IS_LOGIN N_("the sender (from) must be the address that logs in")
#define FROM_IS_LOGIN_OR_MAILBOX \
	N_("the sender (from) must be the address that logs in, or a mailbox that it may send as")
#define FROM_IS_LOGIN_OR_ALIAS N_("the sender (from) must be the address that logs in, or one of its aliases")
#define FROM_IS_LOGIN_OR_ALLOWED \
	N_("the sender (from) must be the address that logs in, or one that the server's sender map allows it")
#define TOO_MANY_LOGINS N_("logins came too often: wait before the next")
#define TOO_MANY_MAILS N_("mails came too often: wait before the next")
#define LIKE_SPAM N_("the service takes this for spam: send less often, or change the subject")
#define SLOW (30 * USEC_PER_MINUTE)
#define LOCKED USEC_PER_HOUR

/* More special rows first. A refused login is not tried again soon: services lock accounts after a few. */
static const struct provider_advice advice[] = {
	{ "qq", 535, NULL, "frequency",
		N_("QQ Mail names all its causes at once: SMTP not switched on, a wrong authorization code (授权码), a "
		   "blocked account, or logins too often; check the first two in the mail settings, then wait"),
		LOCKED, "seen by others, with IMAP: github.com/chengazhen/cursor-auto-free/issues/294 (2025-03)" },
	{ "qq", 535, NULL, NULL,
		N_("this wants the authorization code (授权码) from the mail settings, not the QQ password; SMTP must be "
		   "switched on there, and a changed QQ password ends the code"),
		LOCKED, "seen by others: github.com/YMFE/yapi/issues/2219 (2021-06), pppscn/SmsForwarder/issues/507 (2024-08)" },
	{ "qq", 501, NULL, "authorization user", FROM_IS_LOGIN, 0,
		"seen by others: github.com/nodeSolidServer/node-solid-server/issues/1281 (2019-08)" },
	{ "qq", 550, NULL, "\"From\" header", N_("the From header must hold the address that logs in, written literally"), 0,
		"seen by others: git.uair.cc/expressgy/cursor-init, qq-email-setup.md, read 2026-11" },
	{ "qq", 550, NULL, "inappropriate words", LIKE_SPAM, SLOW,
		"seen by others: github.com/sansan0/TrendRadar/issues/373 (2025-11), 0xBitWild/MTeam-CLI/pull/12 (2026-06)" },
	{ "qq", 550, NULL, "frequency limited", TOO_MANY_MAILS, SLOW,
		"from documentation by others: qiao.yimirj.com/article/detail/2261, read 2026-11; seen by others: "
		"github.com/meolu/walle-web/issues/289 (2017-01)" },
	{ "163", 535, NULL, NULL, WANTS_CODE, LOCKED,
		"seen by others: github.com/hongrunhui/node_12306/issues/1 (2017-01)" },
	{ "126", 535, NULL, NULL, WANTS_CODE, LOCKED,
		"seen by others, code not quoted: github.com/cnodejs/nodeclub/issues/948 (2017-04)" },
	{ "163", 550, NULL, "no permission",
		N_("SMTP must be switched on in the mail settings; then this wants the authorization code (授权码) from the mail "
		   "settings, not the login password"),
		LOCKED,
		"seen by others: github.com/testerSunshine/12306/issues/62 (2019-01), "
		"open-falcon/mail-provider/issues/6 (2017-04)" },
	{ "163", 451, NULL, "fail authentication", TOO_MANY_LOGINS, LOCKED,
		"from documentation by others: biecuoliao.com/pa/MBRrwEM.html, read 2026-11" },
	{ "163", 451, NULL, "MI:SFQ", TOO_MANY_MAILS, SLOW,
		"from documentation by others: biecuoliao.com/pa/MBRrwEM.html, read 2026-11" },
	{ "163", 554, NULL, "DT:SPM", LIKE_SPAM, SLOW,
		"seen by others: github.com/selfteaching/selfteaching-python-camp/issues/5556 (2019-08), "
		"zabbix-book/zabbix_mail_with_graph/issues/1 (2019-01)" },
	{ "126", 554, NULL, "DT:SPM", LIKE_SPAM, SLOW,
		"seen by others: github.com/kootenpv/yagmail/issues/144 (2019-09)" },
	{ "aliyun", 526, NULL, NULL, N_("the login was refused, or refused too often: check the password, then wait"), LOCKED,
		"from documentation by others: sh-aliyun.com, error codes, read 2026-11" },
	{ "aliyun", 440, NULL, NULL, FROM_IS_LOGIN, 0, "from documentation by others: sh-aliyun.com, error codes, read 2026-11" },
	{ "gmail", 534, "5.7.9", NULL, WANTS_APP_PASSWORD, LOCKED,
		"seen by others: github.com/Der-Henning/tgtg/issues/517 (2024-07)" },
	{ "gmail", 535, "5.7.8", NULL, WANTS_APP_PASSWORD, LOCKED,
		"seen by others: github.com/maitraysuthar/rest-api-nodejs-mongodb/issues/50 (2022-08)" },
	{ "gmail", 0, "5.4.5", NULL, N_("the day's sending limit is reached"), 6 * USEC_PER_HOUR,
		"seen by others: github.com/gen-smtp/gen_smtp/issues/140 (2017-11)" },
	{ "gmail", 454, "4.7.0", "Too many login", TOO_MANY_LOGINS, SLOW,
		"seen by others: github.com/nodemailer/nodemailer/issues/1388 (2022-03)" },
	{ NULL, 535, "5.7.139", "disabled for the tenant",
		N_("SMTP AUTH is switched off in this organisation: an administrator enables it in the Exchange admin centre, or for "
		   "the one mailbox"),
		LOCKED, "seen by others: docs.bookyourpto.com/features/smtp-troubleshoot, read 2026-11" },
	{ NULL, 535, "5.7.139", "disabled for the mailbox",
		N_("SMTP AUTH is switched off for this mailbox: in an organisation an "
		   "administrator enables Authenticated SMTP for it"),
		LOCKED, "seen by others: github.com/thunderbird/thunderbird-android/issues/10787 (2026-04)" },
	{ NULL, 535, "5.7.139", NULL,
		N_("Microsoft refuses password logins here (security defaults, or basic authentication switched off): use auth = "
		   "XOAUTH2 with token_command"),
		LOCKED, "seen by others: github.com/nodemailer/nodemailer/issues/1714 (2025-01), "
		"docs.bookyourpto.com/features/smtp-troubleshoot, read 2026-11" },
	{ NULL, 550, "5.7.30", NULL,
		N_("Microsoft takes no passwords for sending any more: use auth = XOAUTH2 with token_command"), LOCKED,
		"seen by others: dev.to/fonteeboa, sending emails in Microsoft 365 (2025), read 2026-11" },
	{ NULL, 0, "5.7.57", NULL, N_("Microsoft wants a login: set username, and auth = XOAUTH2 with token_command"), 0,
		"seen by others: docs.bookyourpto.com/features/smtp-troubleshoot, read 2026-11" },
	{ NULL, 0, "5.2.252", NULL, FROM_IS_LOGIN_OR_MAILBOX, 0,
		"seen by others: github.com/gophish/gophish/issues/2900 (2023-06)" },
	{ NULL, 0, NULL, "SendAsDenied", FROM_IS_LOGIN_OR_MAILBOX, 0,
		"seen by others: github.com/rss2email/rss2email/issues/147 (2020-09), "
		"MicrosoftDocs/OfficeDocs-Support/issues/1187 (2021-03)" },
	{ NULL, 550, "5.7.60", NULL, FROM_IS_LOGIN_OR_MAILBOX, 0,
		"seen by others: github.com/gophish/gophish/issues/1600 (2019-09)" },
	{ "office365", 432, "4.3.2", NULL, N_("too many connections at once: wait"), SLOW,
		"from documentation: Microsoft, Changes in message store and throttling for concurrent connections "
		"(2025-06), read 2026-11" },
	{ "icloud", 535, NULL, NULL, WANTS_APP_PASSWORD, LOCKED,
		"from documentation by others, code not quoted: github.com/chatmail/provider-db, icloud.md "
		"(2024-10), read 2026-11" },
	{ "icloud", 550, NULL, "not one of your addresses", FROM_IS_LOGIN_OR_ALIAS, 0,
		"seen by others, code not quoted: github.com/TryGhost/Ghost/issues/17012 (2023-06)" },
	{ "fastmail", 535, NULL, NULL, WANTS_APP_PASSWORD, LOCKED,
		"from documentation: fastmail.com/help/technical/servernamesandports.html, read 2026-11" },
	{ "fastmail", 551, "5.7.1", "not authorised to send", FROM_IS_LOGIN_OR_ALIAS, 0,
		"seen by others: public msmtp set-ups for Fastmail quote it, their addresses not shown; read 2026-11" },
	{ "fastmail", 551, "5.7.1", "Multiple addresses",
		N_("the From header must hold one address, and none in the name beside it"), 0,
		"seen by others: github.com/mealie-recipes/mealie/issues/1887 (2022-12)" },
	{ "yahoo", 535, NULL, NULL, WANTS_APP_PASSWORD, LOCKED,
		"seen by others: github.com/nedimf/maildroid/issues/17 (2019-10)" },
	{ "zoho", 535, NULL, NULL,
		N_("this wants an app password from the account's security settings, not the login password (where two-factor "
		   "authentication is on)"),
		LOCKED,
		"from documentation, code not quoted: zoho.com/mail/help/zoho-smtp.html, read 2026-11" },
	{ "zoho", 553, NULL, "relay", FROM_IS_LOGIN_OR_ALIAS, 0,
		"seen by others: github.com/getgrav/grav-plugin-email/issues/77 (2017-12)" },
	{ "yandex", 535, NULL, NULL, WANTS_APP_PASSWORD, LOCKED,
		"from documentation by others, code not quoted: docs.sherparpa.ru, Send Email, read 2026-11" },
	{ "mailru", 535, NULL, NULL, WANTS_APP_PASSWORD, LOCKED,
		"seen by others: github.com/lmanukyan/print-designer/issues/5 (2024-08)" },
	{ "gmx", 535, NULL, NULL, N_("POP3/IMAP access must be switched on in the mail settings before programs may send"),
		LOCKED, "seen by others, with POP3: github.com/jens-maus/yam/issues/638 (2017-02)" },
	{ NULL, 553, NULL, "authorized user", FROM_IS_LOGIN, 0,
		"seen by others: github.com/xuxueli/xxl-job/issues/3858 (2025-11)" },
	{ NULL, 0, NULL, "not owned by auth", FROM_IS_LOGIN_OR_ALLOWED, 0,
		"seen by others: github.com/marlam/msmtp/issues/69 (2022-03)" },
	{ NULL, 553, NULL, "not owned by user", FROM_IS_LOGIN_OR_ALLOWED, 0,
		"postconf(5), reject_sender_login_mismatch" },
	{ NULL, 535, NULL, NULL, N_("check username and password; some services want an app password or authorization code here"),
		LOCKED, "RFC 4954, section 6" },
	{ NULL, 534, NULL, NULL, N_("the server wants a stronger mechanism or an app password for this account"), LOCKED,
		"RFC 4954, section 6" },
	{ NULL, 530, NULL, NULL, N_("set username and a password (password_file) for this server"), 0, "RFC 4954, section 6" },
};

const struct provider *provider_get(size_t i)
{
	return i < ELEMENTS(providers) ? &providers[i] : NULL;
}

const struct provider_advice *provider_advice_get(size_t i)
{
	return i < ELEMENTS(advice) ? &advice[i] : NULL;
}

const struct provider *provider_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(providers); i++)
		if (strcasecmp(providers[i].name, name) == 0)
			return &providers[i];
	return NULL;
}

/* Is HOST one of LIST: names, or "*.x" for all below x? */
static bool is_listed(const char *host, const char *list)
{
	size_t len = strlen(host);

	for (size_t n; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == len && strncasecmp(host, list, n) == 0)
			return true;
		if (list[0] == '*' && len > n - 1 && strncasecmp(host + len - (n - 1), list + 1, n - 1) == 0)
			return true;
	}
	return false;
}

const struct provider *provider_of_server(const char *server)
{
	for (size_t i = 0; i < ELEMENTS(providers); i++)
		if (strcasecmp(server, providers[i].server) == 0 || is_listed(server, providers[i].servers))
			return &providers[i];
	return NULL;
}

static bool contains(const char *text, const char *pattern)
{
	size_t n = strlen(pattern);

	for (; *text; text++)
		if (strncasecmp(text, pattern, n) == 0)
			return true;
	return false;
}

static bool advice_fits(const struct provider_advice *a, const struct provider *p, int code, const char *enhanced,
	const char *text)
{
	return (!a->provider || (p && strcmp(a->provider, p->name) == 0)) && (!a->code || a->code == code) &&
	       (!a->enhanced || strcmp(a->enhanced, enhanced) == 0) && (!a->pattern || contains(text, a->pattern));
}

const struct provider_advice *provider_advise(const struct provider *provider, int code, const char *enhanced,
	const char *text)
{
	for (size_t i = 0; i < ELEMENTS(advice); i++)
		if (advice_fits(&advice[i], provider, code, enhanced, text))
			return &advice[i];
	return NULL;
}
