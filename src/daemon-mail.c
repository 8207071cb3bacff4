/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what waits to mails: which events share one, what it says (report.h, mime.h); status reports, the first mail of a
 * host, and test mails. A mail is queued in the transaction of the events that it tells; its way from there is
 * daemon-outbox.c's. */
#include "daemon.h"

#include "log.h"
#include "mime.h"
#include "page.h"
#include "text.h"
#include "translate.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <systemd/sd-id128.h>

#define TEXT_MAX (2 * 1024 * 1024)
#define PAGE_IMAGES_MAX 200000 /* bytes of the pictures of a status page */
#define ROUND_LIMIT_USEC USEC_PER_MINUTE /* for the first round of checks */
#define REMARKS_MAX 20
#define REMARK_BYTES 4000
#define DEPENDENTS_MAX 50
#define DEPENDENT_BYTES 4000
#define REPORT_RETRY_USEC USEC_PER_MINUTE

/* The sentences of this file. */
#define SAY_NO_MORE_REMARKS _("There was more to be noted than there is room for here: the journal has all of it.")
#define SAY_NOT_STORED _("The state file cannot be written since %s (%s): after a crash this mail may be repeated, or a later one lost.")

static int on_report_due(sd_event_source *source, uint64_t usec, void *userdata);

bool mail_is_configured(const struct daemon *d)
{
	return d->mailers && d->conf->n_mails > 0 && d->n_routes > 0;
}

/* TEXT is the daemon's now. The last one that there is room for says that there were more. */
static void add_remark(struct daemon *d, char *text)
{
	char **grown = d->n_remarks < REMARKS_MAX ? reallocarray(d->remarks, d->n_remarks + 1, sizeof(*grown)) : NULL;

	if (grown && d->n_remarks == REMARKS_MAX - 1) {
		free(text);
		text = strdup(SAY_NO_MORE_REMARKS);
	}
	if (grown)
		d->remarks = grown;
	if (!grown || !text) {
		free(text);
		return;
	}
	grown[d->n_remarks++] = text;
	state_put_remark(d, d->n_remarks - 1);
}

void mail_remark(struct daemon *d, const char *format, ...)
{
	char *text;
	va_list arguments;

	va_start(arguments, format);
	int r = vasprintf(&text, translate(format), arguments);
	va_end(arguments);
	if (r < 0)
		return;
	add_remark(d, text);
}

/* The oldest N are told. */
static void forget_remarks(struct daemon *d, size_t n)
{
	for (size_t i = 0; i < d->n_remarks; i++)
		state_delete_remark(d, i);
	for (size_t i = 0; i < n; i++)
		free(d->remarks[i]);
	d->n_remarks -= n;
	memmove(d->remarks, d->remarks + n, d->n_remarks * sizeof(*d->remarks));
	for (size_t i = 0; i < d->n_remarks; i++)
		state_put_remark(d, i);
}

void mail_arrived(struct daemon *d, struct outbox_mail *mail)
{
	size_t n = mail->n_remarks;

	if (n == 0)
		return;
	forget_remarks(d, n);
	for (size_t i = 0; i < d->n_outbox; i++)
		d->outbox[i]->n_remarks -= n < d->outbox[i]->n_remarks ? n : d->outbox[i]->n_remarks;
}

/* ---- the picture of the host ---- */

/* Everything that a mail is made of while it is made. */
struct draft {
	struct report report;
	struct report_item *items;
	struct report_event *events;
	const char ***dependents; /* of each event */
	const char **remarks;
	char *own_remark;
	struct report_silence *silences;
	struct report_mail *undelivered, *merged;
	struct buf subject, text, html, content;
	struct report_images images;
};

static void draft_free(struct draft *draft)
{
	for (size_t i = 0; draft->dependents && i < draft->report.n_events; i++) {
		for (size_t j = 0; j < draft->events[i].n_dependents; j++)
			free((char *)draft->dependents[i][j]);
		free(draft->dependents[i]);
	}
	free(draft->dependents);
	free(draft->items);
	free(draft->events);
	free(draft->remarks);
	free(draft->own_remark);
	free(draft->silences);
	free(draft->undelivered);
	free(draft->merged);
	report_images_free(&draft->images);
	buf_free(&draft->subject);
	buf_free(&draft->text);
	buf_free(&draft->html);
	buf_free(&draft->content);
}

/* What is wrong with tocsin itself just now comes after what was remarked before. */
static int draft_remarks(struct daemon *d, struct draft *draft)
{
	_cleanup_buf_ struct buf b = BUF(REMARK_BYTES), since = BUF(100);
	size_t n = d->n_remarks;

	draft->remarks = calloc(n + 1, sizeof(*draft->remarks));
	if (!draft->remarks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		draft->remarks[i] = d->remarks[i];
	if (d->state.phase == STATE_MEMORY && d->state.trouble) {
		format_time(&since, d->state.memory_since_usec);
		buf_printf(&b, SAY_NOT_STORED, buf_text(&since), d->state.trouble);
		draft->own_remark = buf_take(&b);
	}
	if (draft->own_remark)
		draft->remarks[n++] = draft->own_remark;
	draft->report.remarks = draft->remarks;
	draft->report.n_remarks = n;
	return 0;
}

/* "web: CRITICAL, connection refused": what has no mail of its own because this fails. */
static int draft_dependents(struct daemon *d, struct draft *draft, size_t index, const char *parent_name)
{
	struct report_event *e = &draft->events[index];
	const struct check *parent = look_find_check(d, parent_name);
	const char **lines = calloc(DEPENDENTS_MAX, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	draft->dependents[index] = lines;
	e->dependents = lines;
	for (size_t i = 0; parent && i < parent->n_dependents; i++) {
		for (struct item *item = parent->dependents[i]->items; item && e->n_dependents < DEPENDENTS_MAX; item = item->next) {
			_cleanup_buf_ struct buf b = BUF(DEPENDENT_BYTES);

			if (!item_depends_on(item, parent))
				continue;
			buf_printf(&b, "%s %s %s: %s", state_name(alert_seen(&item->alert)), item->check->conf->name, item->name,
				item->last.text);
			lines[e->n_dependents] = buf_take(&b);
			e->n_dependents += lines[e->n_dependents] != NULL;
		}
	}
	return 0;
}

static struct report_event event_of(const struct daemon *d, const struct happening *h)
{
	const struct check *c = look_find_check(d, h->check);
	bool is_host = h->event == ALERT_RESTARTED || h->event == ALERT_CRASHED, is_silence = h->event == ALERT_SILENCED;
	bool is_unstable = h->event == ALERT_UNSTABLE;

	return (struct report_event){
		.event = h->event, .check = is_host ? NULL : h->check, .item = is_host || is_silence ? NULL : h->item,
		.from = h->from, .to = h->to, .is_first = h->is_first, .time_usec = h->time_usec, .since_usec = h->since_usec,
		.incident = h->incident, .looks = is_unstable ? 0 : h->looks, .text = h->text,
		.result = h->result.time_usec ? &h->result : NULL, .note = h->note, .is_test = h->event == ALERT_TEST,
		.changes = is_unstable ? h->looks : 0, .quiet_usec = is_unstable && c ? c->conf->alert.flap_quiet : 0,
	};
}

/* What fails because of the check of H is told with the first problem of that check in the mail. */
static bool has_dependents(const struct report *r, const struct letter *letter, const struct happening *h)
{
	if (letter->kind != REPORT_ALERT || h->event == ALERT_TEST || h->to == TOCSIN_OK)
		return false;
	for (size_t i = 0; i + 1 < r->n_events; i++)
		if (r->events[i].n_dependents && text_equal(r->events[i].check, h->check))
			return false;
	return true;
}

static int draft_events(struct daemon *d, struct draft *draft, const struct letter *letter)
{
	struct report *r = &draft->report;
	struct happening *found = d->happenings;
	int error = 0;

	draft->events = calloc(letter->n_events + 1, sizeof(*draft->events));
	draft->dependents = calloc(letter->n_events + 1, sizeof(*draft->dependents));
	if (!draft->events || !draft->dependents)
		return -ENOMEM;
	r->events = draft->events;
	for (size_t i = 0; error == 0 && i < letter->n_events; i++) {
		struct happening *h = happening_find_behind(found, letter->events[i]);

		if (!h)
			continue; /* so old that only the state file knows it */
		found = h;
		draft->events[r->n_events++] = event_of(d, h);
		if (has_dependents(r, letter, h))
			error = draft_dependents(d, draft, r->n_events - 1, h->check);
	}
	return error;
}

static int draft_silences(const struct daemon *d, struct draft *draft)
{
	size_t n = 0;

	for (const struct silence *s = d->silences; s; s = s->next)
		n++;
	draft->silences = calloc(n + 1, sizeof(*draft->silences));
	if (!draft->silences)
		return -ENOMEM;
	draft->report.silences = draft->silences;
	for (const struct silence *s = d->silences; s; s = s->next)
		draft->silences[draft->report.n_silences++] = (struct report_silence){ s->glob, s->who, s->why, s->until_usec };
	return 0;
}

static struct report_mail *list_mails(struct outbox_mail *const *mails, size_t n, const char *without_id,
	int64_t least_attempts, size_t *ret_n)
{
	struct report_mail *list = calloc(n + 1, sizeof(*list));

	*ret_n = 0;
	for (size_t i = 0; list && i < n; i++)
		if (mails[i]->attempts >= least_attempts && (!without_id || strcmp(mails[i]->id, without_id) != 0))
			list[(*ret_n)++] = (struct report_mail){ mails[i]->subject, mails[i]->queued_usec, mails[i]->attempts,
				outbox_last_answer(mails[i]) };
	return list;
}

static int draft_mails(const struct daemon *d, struct draft *draft, const struct letter *letter)
{
	struct report *r = &draft->report;

	draft->merged = list_mails(letter->merged, letter->n_merged, NULL, 0, &r->n_merged);
	/* Those that a digest takes the place of are listed there. */
	draft->undelivered = letter->kind == REPORT_DIGEST ? NULL :
		list_mails(d->outbox, d->n_outbox, letter->id, 1, &r->n_undelivered);
	r->merged = draft->merged;
	r->undelivered = draft->undelivered;
	return draft->merged && (draft->undelivered || letter->kind == REPORT_DIGEST) ? 0 : -ENOMEM;
}

/* When the report after the one at LAST is due; USEC_NEVER: there are none. */
static int64_t report_after(const struct daemon *d, int64_t last_usec)
{
	const struct conf *c = d->conf;

	if (c->report_moments.n > 0)
		return calendar_next(&c->report_moments, last_usec);
	return c->report_every ? usec_add(last_usec, c->report_every) : USEC_NEVER;
}

static const struct trend *find_trend(void *userdata, const char *check, const char *item, const char *metric)
{
	return history_trend(userdata, check, item, metric);
}

static int draft_picture(struct daemon *d, const struct letter *letter, struct draft *draft)
{
	struct report *r = &draft->report;
	bool is_report = letter->kind == REPORT_STATUS || letter->kind == REPORT_STARTED;

	*r = (struct report){
		.host = d->conf->host, .version = PACKAGE_VERSION, .now_usec = clock_realtime_usec(),
		.uptime_usec = clock_boottime_usec(), .started_usec = d->started_usec,
		.written_usec = letter->written_usec, .late_why = letter->late_why,
		.serial = letter->kind == REPORT_STATUS ? d->report_serial + 1 : 0,
		.subject_prefix = d->conf->report_subject_prefix, .header = d->conf->report_header,
		.footer = d->conf->report_footer, .has_stable_subject = d->conf->report_subject == 1,
		.charts = (enum report_charts)d->conf->report_charts, .find_trend = find_trend, .userdata = d,
	};
	int64_t next = report_after(d, is_report ? r->now_usec : d->last_report_usec);
	r->next_report_usec = next == USEC_NEVER ? 0 : next;
	draft->items = look_report_items(d, &r->n_items);
	r->items = draft->items;
	int error = draft->items ? draft_remarks(d, draft) : -ENOMEM;
	if (error == 0)
		error = draft_events(d, draft, letter);
	if (error == 0)
		error = draft_silences(d, draft);
	return error == 0 ? draft_mails(d, draft, letter) : error;
}

/* ---- composing ---- */

static const char *id_domain(const struct daemon *d)
{
	return mime_id_domain(d->conf->host, d->conf->n_mails ? d->conf->mails[0].from : "");
}

/* The part of a List-Id that is the host's: itself if it can stand there. */
static const char *list_domain(const struct daemon *d)
{
	const char *host = d->conf->host;

	return *host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == strlen(host) ?
		host : "localhost";
}

#define HEADERS_MAX 10

/* The headers that filters and threads go by. */
static size_t draft_headers(struct daemon *d, const struct draft *draft, struct mime_header *headers, struct buf *list_id,
	struct buf *incident)
{
	const struct report *r = &draft->report;
	const struct report_event *only = r->n_events == 1 ? &r->events[0] : NULL;
	enum tocsin_state worst = r->n_events ? TOCSIN_OK : report_worst(r);
	size_t n = 0;

	for (size_t i = 0; i < r->n_events; i++)
		if (state_rank(r->events[i].to) < state_rank(worst))
			worst = r->events[i].to;
	buf_printf(list_id, "tocsin on %s <tocsin.%s>", d->conf->host, list_domain(d));
	headers[n++] = (struct mime_header){ "Auto-Submitted", "auto-generated" };
	headers[n++] = (struct mime_header){ "X-Auto-Response-Suppress", "All" };
	headers[n++] = (struct mime_header){ "List-Id", buf_text(list_id) };
	if (r->n_events && worst == TOCSIN_CRITICAL)
		headers[n++] = (struct mime_header){ "Importance", "high" };
	headers[n++] = (struct mime_header){ "X-Tocsin-Host", d->conf->host };
	headers[n++] = (struct mime_header){ "X-Tocsin-State", state_name(worst) };
	if (only && only->item) { /* neither the host nor a silence */
		headers[n++] = (struct mime_header){ "X-Tocsin-Check", only->check };
		headers[n++] = (struct mime_header){ "X-Tocsin-Item", only->item };
		buf_printf(incident, "%" PRId64, only->incident);
		if (only->incident)
			headers[n++] = (struct mime_header){ "X-Tocsin-Incident", buf_text(incident) };
	}
	return n;
}

/* Subject, text, and HTML with its pictures. */
static void draft_parts(struct draft *draft, const struct letter *letter, const char *message_id)
{
	report_subject(&draft->subject, letter->kind, &draft->report);
	report_text(&draft->text, letter->kind, &draft->report);
	draft->images = (struct report_images){ .id = message_id, .max_bytes = report_images_room(&draft->text) };
	draft->report.images = &draft->images;
	report_html(&draft->html, letter->kind, &draft->report);
}

static int draft_content(struct daemon *d, struct draft *draft, const struct letter *letter, const char *message_id,
	const char *thread)
{
	_cleanup_buf_ struct buf list_id = BUF(1000), incident = BUF(100);
	struct mime_header headers[HEADERS_MAX];
	const struct conf_mail *relay = &d->conf->mails[0];
	size_t n_headers = draft_headers(d, draft, headers, &list_id, &incident);
	struct mime_image images[REPORT_IMAGES_MAX];
	size_t n_images = buf_error(&draft->html) ? 0 : draft->images.n;
	const struct mime_mail mail = {
		.from = relay->from, .from_name = relay->from_name, .to = letter->to,
		.n_to = letter->n_to, .subject = buf_text(&draft->subject), .date_usec = draft->report.now_usec,
		.message_id = message_id, .in_reply_to = thread, .headers = headers, .n_headers = n_headers,
		.text = buf_text(&draft->text), .html = buf_error(&draft->html) ? NULL : buf_text(&draft->html),
		.images = images, .n_images = n_images,
	};

	for (size_t i = 0; i < n_images; i++) {
		const struct report_image *image = &draft->images.items[i];

		images[i] = (struct mime_image){ image->cid, "image/png", image->data.data, image->data.len };
	}

	return mime_compose(&draft->content, &mail);
}

/* The thread that the events of an alert belong to, if it is one. */
static const char *letter_thread(const struct daemon *d, const struct letter *letter)
{
	struct happening *found = d->happenings;

	for (size_t i = 0; letter->kind == REPORT_ALERT && i < letter->n_events; i++) {
		struct happening *h = happening_find_behind(found, letter->events[i]);

		if (h && h->thread)
			return h->thread;
		found = h ? h : found;
	}
	return NULL;
}

/* The words stand in the state file. */
static const char *const kind_names[] = {
	[REPORT_STARTED] = "started", [REPORT_STATUS] = "status", [REPORT_ALERT] = "alert", [REPORT_DIGEST] = "digest",
	[REPORT_TEST] = "test",
};

static struct outbox_mail *compose(struct daemon *d, const struct letter *letter)
{
	_cleanup_(draft_free) struct draft draft = {
		.subject = BUF(1000), .text = BUF(TEXT_MAX), .html = BUF(TEXT_MAX), .content = BUF(MIME_MESSAGE_MAX),
	};
	_cleanup_outbox_mail_ struct outbox_mail *mail = NULL;
	_cleanup_free_ char *message_id = NULL;
	char new_id[SD_ID128_STRING_MAX];
	const char *id = letter->id ? letter->id : new_id;
	sd_id128_t random;

	int r = sd_id128_randomize(&random);
	sd_id128_to_string(random, new_id);
	if (r >= 0 && asprintf(&message_id, "%s@%s", id, id_domain(d)) < 0)
		r = -ENOMEM;
	if (r >= 0)
		r = draft_picture(d, letter, &draft);
	if (r >= 0) {
		draft_parts(&draft, letter, message_id);
		r = draft_content(d, &draft, letter, message_id, letter_thread(d, letter));
	}
	if (r >= 0)
		r = buf_error(&draft.content);
	if (r >= 0) {
		mail = outbox_mail_new(id, buf_text(&draft.subject), d->conf->mails[0].from, buf_text(&draft.content), letter->to,
			letter->n_to, draft.report.now_usec);
		r = mail ? outbox_mail_about(mail, kind_names[letter->kind], letter->events, letter->n_events) : -ENOMEM;
	}
	if (r < 0) {
		log_error_errno(r, "cannot compose a mail");
		return NULL;
	}
	return TAKE_PTR(mail);
}

/* The addresses of the routes in MASK. The array is the caller's, the strings are the configuration's. */
static const char **addresses_of(const struct daemon *d, uint64_t mask, size_t *ret_n)
{
	size_t room = 1, n = 0;

	for (size_t i = 0; i < d->n_routes; i++)
		room += d->routes[i].conf->to.n;
	const char **list = calloc(room, sizeof(*list));
	for (size_t i = 0; list && i < d->n_routes; i++)
		for (size_t j = 0; mask & UINT64_C(1) << i && j < d->routes[i].conf->to.n; j++)
			list[n++] = d->routes[i].conf->to.items[j];
	*ret_n = n;
	return list;
}

/* A letter without recipients goes to all. */
struct outbox_mail *mail_compose(struct daemon *d, const struct letter *letter)
{
	_cleanup_free_ const char **all = NULL;
	struct letter addressed = *letter;
	struct outbox_mail *mail;

	if (letter->n_to == 0) {
		all = addresses_of(d, UINT64_MAX, &addressed.n_to);
		addressed.to = all;
		if (!all)
			return NULL;
	}
	mail = compose(d, &addressed);
	if (mail)
		mail->n_remarks = d->n_remarks;
	return mail;
}

static struct outbox_mail *queue(struct daemon *d, const struct letter *letter)
{
	struct outbox_mail *mail = mail_compose(d, letter);

	if (!mail)
		return NULL;
	outbox_queue(d, mail);
	return mail;
}

/* ---- alerts ---- */

/* The item of H, if it is still there, learns which mail began its thread; a closed incident forgets it. */
static void note_thread(struct daemon *d, const struct happening *h, const char *mail_id)
{
	struct check *c = look_find_check(d, h->check);
	struct item *item = c ? item_find(c->items, h->item) : NULL;

	if (!item || h->event == ALERT_TEST)
		return;
	if (item->alert.incident == 0)
		free(TAKE_PTR(item->thread));
	else if (!item->thread && asprintf(&item->thread, "%s@%s", mail_id, id_domain(d)) < 0)
		item->thread = NULL;
	state_put_item(d, item);
}

/* The numbers of what waits for the route with the bit ROUTE. */
static int64_t *waiting_for(const struct daemon *d, uint64_t route, size_t *ret_n)
{
	size_t room = 1, n = 0;

	for (const struct happening *h = d->happenings; h; h = h->next)
		room++;
	int64_t *events = calloc(room, sizeof(*events));
	for (const struct happening *h = d->happenings; events && h; h = h->next)
		if (h->waits_for & route)
			events[n++] = h->number;
	*ret_n = n;
	return events;
}

/* Those of CANDIDATES for which just the same events wait as for ROUTE. */
static uint64_t routes_with_the_same(const struct daemon *d, uint64_t route, uint64_t candidates)
{
	for (const struct happening *h = d->happenings; h; h = h->next)
		candidates &= h->waits_for & route ? h->waits_for : ~h->waits_for;
	return candidates | route;
}

static void remark_limit(struct daemon *d, uint64_t routes)
{
	const struct group_policy policy = route_policy(&d->conf->alert);

	for (size_t i = 0; i < d->n_routes; i++) {
		if (!(routes & UINT64_C(1) << i) || !group_is_limited(&d->routes[i].group, &policy, clock_boottime_usec(), clock_realtime_usec()))
			continue;
		mail_remark(d, "So many alert mails went to this address (max_per_hour = %" PRId64 ", max_per_day = %" PRId64
			") that all that happens is collected, and mailed once an hour.", policy.max_per_hour, policy.max_per_day);
		return;
	}
}

static void were_mailed(struct daemon *d, uint64_t routes)
{
	int64_t now = clock_boottime_usec(), realtime = clock_realtime_usec();

	for (size_t i = 0; i < d->n_routes; i++)
		if (routes & UINT64_C(1) << i)
			route_mailed(&d->routes[i], now, realtime);
	state_put_facts(d); /* when they were, for the limits */
}

/* One mail to all of ROUTES, with what waits for each of them. */
static bool mail_routes(struct daemon *d, uint64_t routes, const int64_t *events, size_t n)
{
	size_t n_to;
	_cleanup_free_ const char **to = addresses_of(d, routes, &n_to);
	const struct letter letter = { .kind = REPORT_ALERT, .events = events, .n_events = n, .to = to, .n_to = n_to };

	if (!to)
		return false;
	remark_limit(d, routes);
	const struct outbox_mail *mail = queue(d, &letter);
	if (!mail)
		return false;
	were_mailed(d, routes);
	struct happening *h = d->happenings;
	for (size_t i = 0; i < n; i++) {
		h = happening_find_behind(h, events[i]);
		h->waits_for &= ~routes;
		state_put_happening(d, h);
		note_thread(d, h, mail->id);
	}
	return true;
}

static uint64_t due_routes(struct daemon *d)
{
	const struct group_policy policy = route_policy(&d->conf->alert);
	int64_t now = clock_boottime_usec(), realtime = clock_realtime_usec();
	uint64_t due = 0;

	for (size_t i = 0; i < d->n_routes; i++)
		if (route_is_due(&d->routes[i], &policy, now, realtime))
			due |= UINT64_C(1) << i;
	return due;
}

bool mail_events(struct daemon *d)
{
	uint64_t due = mail_is_configured(d) ? due_routes(d) : 0;
	bool is_complete = mail_is_configured(d);

	while (due) {
		uint64_t route = due & -due, routes = routes_with_the_same(d, route, due);
		size_t n;
		_cleanup_free_ int64_t *events = waiting_for(d, route, &n);

		due &= ~routes;
		if (events && n == 0)
			d->routes[__builtin_ctzll(route)].group.is_waiting = false; /* it was taken from the configuration */
		else if (!events || !mail_routes(d, routes, events, n))
			is_complete = false;
	}
	outbox_pump(d);
	return is_complete;
}

/* ---- reports ---- */

static uint64_t report_routes(const struct daemon *d)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < d->n_routes; i++)
		if (d->routes[i].conf->reports)
			mask |= UINT64_C(1) << i;
	return mask;
}

/* The clock was set back behind the last report. By a little: it was the report of that time, and is not sent again. By
 * more: that time was never, and the next one shall not wait until the clock is there again. */
static void mend_last_report(struct daemon *d)
{
	int64_t now = clock_realtime_usec(), last = d->last_report_usec, next = report_after(d, last);

	if (last <= now || last - now <= (next - last) / 2)
		return;
	d->last_report_usec = now;
	state_put_facts(d);
}

static void arm_report_timer(struct daemon *d)
{
	mend_last_report(d);
	int64_t due = report_after(d, d->last_report_usec);
	if (!mail_is_configured(d) || !d->has_round || !report_routes(d))
		due = USEC_NEVER;
	daemon_set_timer(d, &d->report_source, CLOCK_REALTIME, due, on_report_due, d);
}

/* All that has happened since the last report, but for what is no news. */
static int64_t *events_for_report(const struct daemon *d, size_t *ret_n)
{
	int64_t *events = waiting_for(d, 0, ret_n); /* room for all */

	for (const struct happening *h = d->happenings; events && h; h = h->next)
		if (h->time_usec >= d->last_report_usec && h->event != ALERT_FOUND)
			events[(*ret_n)++] = h->number;
	return events;
}

static bool queue_report(struct daemon *d, enum report_kind kind)
{
	size_t n_to, n = 0;
	_cleanup_free_ const char **to = addresses_of(d, report_routes(d), &n_to);
	_cleanup_free_ int64_t *events = events_for_report(d, &n);
	const struct letter letter = {
		.kind = kind, .events = events, .n_events = kind == REPORT_STATUS ? n : 0, .to = to, .n_to = n_to,
	};

	if (!to || !events || n_to == 0 || !queue(d, &letter))
		return false;
	d->report_serial += kind == REPORT_STATUS;
	return true;
}

/* A report tells all that happened before it: what has been told need not be remembered. */
static void report_told(struct daemon *d)
{
	d->last_report_usec = clock_realtime_usec();
	event_reported(d);
	state_put_facts(d);
	arm_report_timer(d);
	outbox_pump(d);
}

static int on_report_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	if (queue_report(d, REPORT_STATUS))
		report_told(d);
	else
		daemon_set_timer(d, &d->report_source, CLOCK_REALTIME, usec_add(clock_realtime_usec(), REPORT_RETRY_USEC),
			on_report_due, d);
	return 0;
}

bool mail_report_now(struct daemon *d)
{
	if (!mail_is_configured(d) || !queue_report(d, REPORT_STATUS))
		return false;
	report_told(d);
	return true;
}

char *mail_report_text(struct daemon *d)
{
	size_t n = 0;
	_cleanup_free_ int64_t *events = events_for_report(d, &n);
	const struct letter letter = { .kind = REPORT_STATUS, .events = events, .n_events = n };
	_cleanup_(draft_free) struct draft draft = { .text = BUF(TEXT_MAX) };

	if (!events || draft_picture(d, &letter, &draft) < 0)
		return NULL;
	report_text(&draft.text, REPORT_STATUS, &draft.report);
	return buf_take(&draft.text);
}

char *mail_page(struct daemon *d, const struct report_incident *incidents, size_t n)
{
	const struct letter letter = { .kind = REPORT_PAGE };
	_cleanup_(draft_free) struct draft draft = {
		.html = BUF(TEXT_MAX), .content = BUF(TEXT_MAX), .images = { .id = "page", .max_bytes = PAGE_IMAGES_MAX },
	};

	if (draft_picture(d, &letter, &draft) < 0)
		return NULL;
	draft.report.incidents = incidents;
	draft.report.n_incidents = n;
	draft.report.has_no_incidents = !incidents;
	draft.report.images = &draft.images;
	report_html(&draft.html, REPORT_PAGE, &draft.report);
	report_embed(&draft.content, buf_text(&draft.html), &draft.images);
	return buf_error(&draft.html) ? NULL : buf_take(&draft.content);
}

static void first_round_done(struct daemon *d)
{
	if (!d->has_round)
		history_refill(d);
	d->has_round = true;
	d->round_source = sd_event_source_disable_unref(d->round_source);
	if (!mail_is_configured(d))
		return;
	if (!d->started_told) {
		d->started_told = !d->conf->report_on_first_start || !report_routes(d) || queue_report(d, REPORT_STARTED);
		report_told(d);
	}
	arm_report_timer(d);
}

static int on_round_overdue(sd_event_source *source, uint64_t usec, void *userdata)
{
	first_round_done(userdata);
	return 0;
}

void mail_looked(struct daemon *d)
{
	if (d->has_round)
		return;
	while (d->n_looked < d->n_checks && d->checks[d->n_looked]->has_looked)
		d->n_looked++;
	if (d->n_looked == d->n_checks)
		first_round_done(d);
}

/* ---- beginning, reloading, ending ---- */

void mail_begin_round(struct daemon *d)
{
	if (d->started_told)
		return;
	d->has_round = false;
	d->n_looked = 0;
	for (size_t i = 0; i < d->n_checks; i++)
		d->checks[i]->has_looked = false;
	daemon_set_timer(d, &d->round_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), ROUND_LIMIT_USEC),
		on_round_overdue, d);
}

int mail_configure(struct daemon *d)
{
	int r = outbox_configure(d);

	relay_forget_pauses(d);
	if (r >= 0 && d->has_state) { /* a reload */
		if (d->has_round)
			first_round_done(d);
		outbox_pump(d);
	}
	return r;
}

/* The state is known: what waits from an earlier run goes on. */
void mail_start(struct daemon *d)
{
	daemon_set_timer(d, &d->round_source, CLOCK_BOOTTIME, usec_add(clock_boottime_usec(), ROUND_LIMIT_USEC),
		on_round_overdue, d);
	outbox_pump(d);
}

void mail_clock_set(struct daemon *d)
{
	if (d->has_round)
		arm_report_timer(d);
}

void mail_free(struct daemon *d)
{
	d->report_source = sd_event_source_disable_unref(d->report_source);
	d->round_source = sd_event_source_disable_unref(d->round_source);
	outbox_free(d);
	for (size_t i = 0; i < d->n_remarks; i++)
		free(d->remarks[i]);
	free(d->remarks);
}
