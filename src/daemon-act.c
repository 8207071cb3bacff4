/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an administrator does over the control socket: acknowledge, silence, see to the outbox. Who it was is noted: by the
 * credentials of the peer, besides the name that the peer gives (looking that up would be reading files). */
#include "control.h"
#include "text.h"
#include "translate.h"
#include "units.h"
#include "varlink.h"

#include <errno.h>
#include <string.h>

#define NAME_COLUMNS 64
#define REASON_COLUMNS 500
#define GLOB_MAX_BYTES 300

const char *control_string(struct varlink_call *call, const json_t *parameters, const char *name)
{
	const char *value = json_string_value(json_object_get(parameters, name));

	if (!value)
		varlink_error(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", name));
	return value;
}

void control_no_such_check(const struct daemon *d, struct varlink_call *call, const char *name)
{
	json_t *names = json_array();

	for (size_t i = 0; i < d->n_checks; i++)
		json_array_append_new(names, json_text(d->checks[i]->conf->name));
	varlink_error(call, "NoSuchCheck", json_pack("{s:o, s:o}", "name", json_text(name), "checks", names));
}

static void refuse(struct varlink_call *call, const char *reason)
{
	varlink_error(call, "Refused", json_pack("{s:s}", "reason", reason));
}

/* "alice (uid 1000)". Free it. */
static char *caller_name(const struct varlink_call *call, const json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "name"));
	_cleanup_free_ char *cleaned = text_cleaned(name ? name : "", NAME_COLUMNS);
	char *whole;

	if (asprintf(&whole, "%s%suid %u%s", cleaned ? cleaned : "", cleaned && *cleaned ? " (" : "",
		    (unsigned)varlink_uid(call), cleaned && *cleaned ? ")" : "") < 0)
		return NULL;
	return whole;
}

static char *reason_of(const json_t *parameters)
{
	const char *reason = json_string_value(json_object_get(parameters, "reason"));

	return text_cleaned(reason ? reason : "", REASON_COLUMNS);
}

/* When DURATION from now is. Answers CALL and returns < 0 when it is none; an absent one is 0 in *ret. */
static int until_of(struct varlink_call *call, const json_t *parameters, bool is_required, int64_t *ret_usec)
{
	const char *text = json_string_value(json_object_get(parameters, "duration"));
	int64_t duration;

	*ret_usec = 0;
	if (!text && !is_required)
		return 0;
	if (!text || parse_duration(text, &duration) < 0 || duration < USEC_PER_SEC || duration > 366 * USEC_PER_DAY) {
		refuse(call, _("duration: expected a time of at least a second and at most a year, like 30m, 2h or 3d"));
		return -EINVAL;
	}
	*ret_usec = usec_add(clock_realtime_usec(), duration);
	return 0;
}

void method_acknowledge(struct varlink_call *call, json_t *parameters, void *userdata)
{
	json_t *number = json_object_get(parameters, "incident");
	_cleanup_free_ char *who = caller_name(call, parameters), *why = reason_of(parameters);
	int64_t until;

	if (!json_is_integer(number) || !who || !why) {
		varlink_error(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", "incident"));
		return;
	}
	if (until_of(call, parameters, false, &until) < 0)
		return;
	if (incident_acknowledge(userdata, json_integer_value(number), until, who, why) < 0)
		varlink_error(call, "NoSuchIncident", json_pack("{s:I}", "incident", json_integer_value(number)));
	else
		varlink_reply(call, json_pack("{s:o}", "until", json_time(until)));
}

void method_silence(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *glob = control_string(call, parameters, "glob"), *id;
	_cleanup_free_ char *who = glob ? caller_name(call, parameters) : NULL, *why = glob ? reason_of(parameters) : NULL;
	int64_t until;

	if (!glob)
		return;
	if (!*glob || strlen(glob) > GLOB_MAX_BYTES || !who || !why) {
		refuse(call, _("glob: expected the name of a check, or CHECK/ITEM, with * and ? as wildcards"));
		return;
	}
	if (until_of(call, parameters, true, &until) < 0)
		return;
	int r = silence_add(userdata, glob, until, who, why, &id);
	if (r < 0)
		refuse(call, r == -E2BIG ? _("there are too many silences: end some of them first") : strerror(-r));
	else
		varlink_reply(call, json_pack("{s:s, s:o}", "id", id, "until", json_time(until)));
}

void method_unsilence(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *silence = control_string(call, parameters, "silence");
	_cleanup_free_ char *who = silence ? caller_name(call, parameters) : NULL;

	if (!silence)
		return;
	if (silence_end(userdata, silence, who) < 0)
		varlink_error(call, "NoSuchSilence", json_pack("{s:o}", "silence", json_text(silence)));
	else
		varlink_reply(call, NULL);
}

static void no_such_mail(struct varlink_call *call, const char *id)
{
	varlink_error(call, "NoSuchMail", json_pack("{s:o}", "id", json_text(id)));
}

void method_show_mail(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *id = control_string(call, parameters, "id");
	const struct outbox_mail *mail = id ? outbox_find_meant(userdata, id) : NULL;

	if (!id)
		return;
	if (mail)
		varlink_reply(call, json_pack("{s:o, s:o}", "mail", json_mail(mail), "content", json_text(mail->content)));
	else
		no_such_mail(call, id);
}

void method_retry_mail(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *id = json_string_value(json_object_get(parameters, "id"));

	if (outbox_retry(userdata, id ? id : "") < 0)
		no_such_mail(call, id);
	else
		varlink_reply(call, NULL);
}

void method_drop_mail(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *id = control_string(call, parameters, "id");
	_cleanup_free_ char *who = id ? caller_name(call, parameters) : NULL;

	if (!id)
		return;
	int r = outbox_drop(userdata, id, who ? who : "?");
	if (r == -EBUSY)
		varlink_error(call, "MailInFlight", json_pack("{s:o}", "id", json_text(id)));
	else if (r < 0)
		no_such_mail(call, id);
	else
		varlink_reply(call, NULL);
}

void method_report(struct varlink_call *call, json_t *parameters, void *userdata)
{
	struct daemon *d = userdata;
	_cleanup_free_ char *text = d->is_ready ? mail_report_text(d) : NULL;
	bool wants_mail = json_is_true(json_object_get(parameters, "send"));

	if (!text) {
		varlink_error(call, "NotReady", NULL);
		return;
	}
	bool is_sent = wants_mail && mail_report_now(d);
	if (wants_mail && !is_sent)
		varlink_error(call, "NoMail", json_pack("{s:s}", "reason",
				_("no recipient takes reports, or a mail server is not configured (run tocsin setup)")));
	else
		varlink_reply(call, json_pack("{s:o, s:b}", "text", json_text(text), "sent", is_sent));
}

void method_forget(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *name = control_string(call, parameters, "check");
	const char *item_name = name ? control_string(call, parameters, "item") : NULL;
	struct check *c = item_name ? look_find_check(userdata, name) : NULL;
	struct item *item = c ? item_find(c->items, item_name) : NULL;

	if (!item_name)
		return;
	if (!c) {
		control_no_such_check(userdata, call, name);
	} else if (!item) {
		varlink_error(call, "NoSuchItem", json_pack("{s:o, s:o}", "check", json_text(name), "item", json_text(item_name)));
	} else if (c->batch) {
		refuse(call, _("the check is being looked at just now; try again in a moment"));
	} else {
		item_remove(item);
		daemon_changed(userdata);
		varlink_reply(call, NULL);
	}
}

void method_test_alert(struct varlink_call *call, json_t *parameters, void *userdata)
{
	const char *check = control_string(call, parameters, "check");
	_cleanup_free_ char *who = check ? caller_name(call, parameters) : NULL;

	if (!check)
		return;
	int r = event_test(userdata, check, who);
	if (r == -ENOENT)
		control_no_such_check(userdata, call, check);
	else if (r == -ENOTCONN)
		varlink_error(call, "NoMail", json_pack("{s:s}", "reason",
				_(SAY_NOT_CONFIGURED)));
	else if (r == -EHOSTUNREACH)
		varlink_error(call, "NoMail", json_pack("{s:s}", "reason", _("no recipient takes mails about this check")));
	else if (r < 0)
		refuse(call, strerror(-r));
	else
		varlink_reply(call, NULL);
}
