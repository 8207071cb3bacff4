/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as tocsin.conf, from the file to struct conf: what is taken keeps what conf.h promises, and all values in
 * force together are a configuration again. */
#include "conf.h"
#include "clock.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct conf_module modules[] = {
	{ "disk", false, false, true }, { "process", false, true, false }, { "tcp", true, false, false },
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void require_ages(const struct alert_ages *a)
{
	require(a->n <= ALERT_AGES_MAX);
	for (size_t i = 0; i < a->n; i++)
		require(a->age_usec[i] > (i ? a->age_usec[i - 1] : 0));
}

static void require_windows(const struct calendar_windows *w)
{
	require(w->n <= CALENDAR_MAX && (w->n == 0 || calendar_end(w, 0) != USEC_NEVER));
}

static void require_alert(const struct conf_alert *a)
{
	require(a->interval > 0 && a->retry_interval > 0 && a->retry_interval <= a->interval);
	require(a->confirm >= 1 && a->recover >= 1 && a->unknown_confirm >= 1);
	require(a->hysteresis >= 0 && a->hysteresis <= 100 && a->hysteresis_points >= 0 && a->hysteresis_points <= 100);
	require(a->flap_count >= 0 && a->flap_count <= ALERT_CHANGES_MAX);
	require_ages(&a->remind_critical_ages);
	require_ages(&a->remind_warning_ages);
	require_windows(&a->quiet);
	require_windows(&a->maintained);
}

static bool has_check(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_checks; i++)
		if (strcmp(c->checks[i].name, name) == 0)
			return true;
	return false;
}

static void require_conf(const struct conf *c)
{
	require_alert(&c->alert);
	require(c->n_recipients <= CONF_RECIPIENTS_MAX && (c->report_moments.n == 0 || c->report_every == 0));
	for (size_t i = 0; i < c->n_recipients; i++) {
		require(c->recipients[i].to.n > 0 && (i == 0 || strcmp(c->recipients[i].name, CONF_RECIPIENT_MAIL) != 0));
		require_windows(&c->recipients[i].quiet);
	}
	for (size_t i = 0; i < c->n_checks; i++) {
		const struct conf_check *check = &c->checks[i];

		require_alert(&check->alert);
		require(check->module && check->alert.remind_critical && check->alert.remind_warning);
		for (size_t k = 0; k < check->alert.depends.n; k++)
			require(has_check(c, check->alert.depends.items[k]) && strcmp(check->alert.depends.items[k], check->name) != 0);
	}
}

static void require_problems(const struct conf_problems *p)
{
	size_t errors = 0;

	for (size_t i = 0; i < p->n; i++) {
		require(*p->items[i].text && utf8_valid(p->items[i].text, strlen(p->items[i].text)));
		errors += p->items[i].is_error;
	}
	require(p->n > CONF_PROBLEMS_MAX || errors == p->n_errors);
}

static void use(const char *path)
{
	struct conf_settings settings = { 0 };
	struct conf_problems problems = { 0 };
	struct conf *conf = NULL;

	require(conf_read(path, NULL, &settings, &problems) == 0);
	int r = conf_build(&settings, modules, ELEMENTS(modules), &problems, &conf);
	require_problems(&problems);
	require(r == (problems.n_errors ? -EINVAL : 0) && (conf != NULL) == (r == 0));
	if (r == 0) {
		require_conf(conf);
		conf_free(conf);
		require(conf_add_defaults(&settings, modules, ELEMENTS(modules)) == 0);
		require(conf_build(&settings, modules, ELEMENTS(modules), &problems, &conf) == 0);
		require_conf(conf);
		conf_free(conf);
	}
	conf_settings_free(&settings);
	conf_problems_free(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[64];
	int fd = memfd_create("tocsin.conf", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	require(write(fd, data, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	use(path);
	close(fd);
	return 0;
}
