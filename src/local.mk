# SPDX-License-Identifier: GPL-3.0-or-later
# Everything but the main programs is in one static library, which tests and fuzzers link too: a program gets
# only the objects that it uses, and the libraries that they need are named beside the program.
noinst_LIBRARIES += src/libtocsin.a
src_libtocsin_a_SOURCES =
src_libtocsin_a_SOURCES += src/alert-text.c
src_libtocsin_a_SOURCES += src/alert.c src/alert.h
src_libtocsin_a_SOURCES += src/buf.c src/buf.h
src_libtocsin_a_SOURCES += src/calendar.c src/calendar.h
src_libtocsin_a_SOURCES += src/canvas.c src/canvas.h
src_libtocsin_a_SOURCES += src/certificate.c src/certificate.h
src_libtocsin_a_SOURCES += src/chart.c src/chart.h
src_libtocsin_a_SOURCES += src/cleanup.h
src_libtocsin_a_SOURCES += src/clock.c src/clock.h
src_libtocsin_a_SOURCES += src/conf-alert.c
src_libtocsin_a_SOURCES += src/conf-loader.c src/conf-loader.h
src_libtocsin_a_SOURCES += src/conf-mail.c src/conf-work.h
src_libtocsin_a_SOURCES += src/conf-read.c
src_libtocsin_a_SOURCES += src/conf-recipient.c
src_libtocsin_a_SOURCES += src/conf-settings.c
src_libtocsin_a_SOURCES += src/conf-table.c src/conf-table.h
src_libtocsin_a_SOURCES += src/conf.c src/conf.h
src_libtocsin_a_SOURCES += src/config-service.c src/config-service.h
src_libtocsin_a_SOURCES += src/connect.c src/connect.h
src_libtocsin_a_SOURCES += src/content.c src/content.h
src_libtocsin_a_SOURCES += src/damp.c src/damp.h
src_libtocsin_a_SOURCES += src/describe.c src/describe.h
src_libtocsin_a_SOURCES += src/group.c src/group.h
src_libtocsin_a_SOURCES += src/heading.c src/heading.h
src_libtocsin_a_SOURCES += src/helper.c src/helper.h
src_libtocsin_a_SOURCES += src/ini-guard.c src/ini-guard.h
src_libtocsin_a_SOURCES += src/kernel.c src/kernel.h
src_libtocsin_a_SOURCES += src/language.c src/language.h
src_libtocsin_a_SOURCES += src/log.c src/log.h
src_libtocsin_a_SOURCES += src/mail-helper.c src/mail-helper.h
src_libtocsin_a_SOURCES += src/mailer.c src/mailer.h
src_libtocsin_a_SOURCES += src/mdstat.c src/mdstat.h
src_libtocsin_a_SOURCES += src/message-id.h
src_libtocsin_a_SOURCES += src/mime.c src/mime.h
src_libtocsin_a_SOURCES += src/module.c src/module.h
src_libtocsin_a_SOURCES += src/mountinfo.c src/mountinfo.h
src_libtocsin_a_SOURCES += src/msg.c src/msg.h
src_libtocsin_a_SOURCES += src/notice.c src/notice.h
src_libtocsin_a_SOURCES += src/option.c src/option.h
src_libtocsin_a_SOURCES += src/outbox.c src/outbox.h
src_libtocsin_a_SOURCES += src/page-file.c src/page-file.h
src_libtocsin_a_SOURCES += src/page-html.c src/page-text.c src/page.h
src_libtocsin_a_SOURCES += src/perfdata.c src/perfdata.h
src_libtocsin_a_SOURCES += src/png.c src/png.h
src_libtocsin_a_SOURCES += src/pool.c src/pool.h
src_libtocsin_a_SOURCES += src/procread.c src/procread.h
src_libtocsin_a_SOURCES += src/proctree.c src/proctree.h
src_libtocsin_a_SOURCES += src/prometheus.c src/prometheus.h
src_libtocsin_a_SOURCES += src/provider.c src/provider.h
src_libtocsin_a_SOURCES += src/reply.c src/reply.h
src_libtocsin_a_SOURCES += src/report-chart.c
src_libtocsin_a_SOURCES += src/report-event.c src/report-field.c src/report-item.c src/report-internal.h
src_libtocsin_a_SOURCES += src/report-page.c
src_libtocsin_a_SOURCES += src/report-story.c src/report-subject.c
src_libtocsin_a_SOURCES += src/report.c src/report.h
src_libtocsin_a_SOURCES += src/route.c src/route.h
src_libtocsin_a_SOURCES += src/run.c src/run.h
src_libtocsin_a_SOURCES += src/runner.c src/runner.h
src_libtocsin_a_SOURCES += src/sample.c src/sample.h
src_libtocsin_a_SOURCES += src/sasl-scram.c
src_libtocsin_a_SOURCES += src/sasl.c src/sasl.h src/sasl-internal.h
src_libtocsin_a_SOURCES += src/schedule.c src/schedule.h
src_libtocsin_a_SOURCES += src/secret.c src/secret.h
src_libtocsin_a_SOURCES += src/smart-json.c src/smart-json.h
src_libtocsin_a_SOURCES += src/smtp-name.c
src_libtocsin_a_SOURCES += src/smtp-open.c
src_libtocsin_a_SOURCES += src/smtp-send.c
src_libtocsin_a_SOURCES += src/smtp.c src/smtp.h src/smtp-internal.h
src_libtocsin_a_SOURCES += src/sparkline.c src/sparkline.h
src_libtocsin_a_SOURCES += src/state.c src/state.h
src_libtocsin_a_SOURCES += src/status-view.c src/status-view.h
src_libtocsin_a_SOURCES += src/history-view.c src/history-view.h
src_libtocsin_a_SOURCES += src/store-history.c src/store-internal.h
src_libtocsin_a_SOURCES += src/store-serve.c
src_libtocsin_a_SOURCES += src/store-tables.c src/store.h
src_libtocsin_a_SOURCES += src/store.c
src_libtocsin_a_SOURCES += src/stream.h
src_libtocsin_a_SOURCES += src/terminal.c src/terminal.h
src_libtocsin_a_SOURCES += src/template.c src/template.h
src_libtocsin_a_SOURCES += src/text.c src/text.h
src_libtocsin_a_SOURCES += src/timeline.c src/timeline.h
src_libtocsin_a_SOURCES += src/timer.c src/timer.h
src_libtocsin_a_SOURCES += src/translate.c src/translate.h
src_libtocsin_a_SOURCES += src/transport.c src/transport.h
src_libtocsin_a_SOURCES += src/trend.c src/trend.h
src_libtocsin_a_SOURCES += src/units.c src/units.h
src_libtocsin_a_SOURCES += src/varlink.c src/varlink.h

include_HEADERS = src/tocsin-check.h

pkglibexec_PROGRAMS += src/tocsin-mail
src_tocsin_mail_SOURCES = src/tocsin-mail.c
src_tocsin_mail_LDADD = src/libtocsin.a $(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) -lm

sbin_PROGRAMS += src/tocsind
src_tocsind_SOURCES = src/tocsind.c
src_tocsind_SOURCES += src/daemon.c src/daemon.h
src_tocsind_SOURCES += src/daemon-relay.c
src_tocsind_SOURCES += src/daemon-act.c
src_tocsind_SOURCES += src/daemon-charts.c
src_tocsind_SOURCES += src/daemon-control.c src/control.h
src_tocsind_SOURCES += src/daemon-event.c
src_tocsind_SOURCES += src/daemon-export.c
src_tocsind_SOURCES += src/daemon-metrics.c
src_tocsind_SOURCES += src/daemon-control-history.c
src_tocsind_SOURCES += src/daemon-history.c
src_tocsind_SOURCES += src/daemon-item.c
src_tocsind_SOURCES += src/daemon-json.c
src_tocsind_SOURCES += src/daemon-look.c
src_tocsind_SOURCES += src/daemon-mail.c
src_tocsind_SOURCES += src/daemon-outbox.c
src_tocsind_SOURCES += src/daemon-page.c
src_tocsind_SOURCES += src/daemon-state.c
src_tocsind_SOURCES += src/notify.c src/notify.h
src_tocsind_LDADD = src/libtocsin.a $(SYSTEMD_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

bin_PROGRAMS += src/tocsin
src_tocsin_SOURCES = src/tocsin.c
src_tocsin_SOURCES += src/cli-act.c
src_tocsin_SOURCES += src/cli-ask.c src/cli.h
src_tocsin_SOURCES += src/cli-checker.c
src_tocsin_SOURCES += src/cli-describe.c
src_tocsin_SOURCES += src/cli-direct.c
src_tocsin_SOURCES += src/cli-doctor.c
src_tocsin_SOURCES += src/cli-mdoc.c
src_tocsin_SOURCES += src/cli-result.c
src_tocsin_SOURCES += src/cli-setup.c
src_tocsin_SOURCES += src/cli-status.c
src_tocsin_SOURCES += src/cli-try.c
src_tocsin_SOURCES += src/cli-history.c
src_tocsin_LDADD = src/libtocsin.a $(SYSTEMD_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) -lm

# What check modules share, built again as position-independent code.
noinst_LTLIBRARIES += src/libmodule.la
src_libmodule_la_SOURCES =
src_libmodule_la_SOURCES += src/account.c src/account.h
src_libmodule_la_SOURCES += src/buf.c src/buf.h
src_libmodule_la_SOURCES += src/cgroup.c src/cgroup.h
src_libmodule_la_SOURCES += src/clock.c src/clock.h
src_libmodule_la_SOURCES += src/command.c src/command.h
src_libmodule_la_SOURCES += src/connect.c src/connect.h
src_libmodule_la_SOURCES += src/container.c src/container.h
src_libmodule_la_SOURCES += src/evidence.c src/evidence.h
src_libmodule_la_SOURCES += src/kernel.c src/kernel.h
src_libmodule_la_SOURCES += src/mdstat.c src/mdstat.h
src_libmodule_la_SOURCES += src/mountinfo.c src/mountinfo.h
src_libmodule_la_SOURCES += src/perfdata.c src/perfdata.h
src_libmodule_la_SOURCES += src/procread.c src/procread.h
src_libmodule_la_SOURCES += src/proctree.c src/proctree.h
src_libmodule_la_SOURCES += src/remember.c src/remember.h
src_libmodule_la_SOURCES += src/pidfd.c src/pidfd.h
src_libmodule_la_SOURCES += src/restarts.c src/restarts.h
src_libmodule_la_SOURCES += src/text.c src/text.h
src_libmodule_la_SOURCES += src/timer.c src/timer.h
src_libmodule_la_SOURCES += src/translate-module.c src/translate.h
src_libmodule_la_SOURCES += src/units.c src/units.h
src_libmodule_la_SOURCES += src/verdict.c src/verdict.h
src_libmodule_la_CFLAGS = $(AM_CFLAGS)

# What check modules that talk TLS share beside that: certificate, smtp, imap, pop3.
noinst_LTLIBRARIES += src/libserver.la
src_libserver_la_SOURCES =
src_libserver_la_SOURCES += src/certificate.c src/certificate.h
src_libserver_la_SOURCES += src/log.c src/log.h
src_libserver_la_SOURCES += src/secret.c src/secret.h
src_libserver_la_SOURCES += src/server.c src/server.h
src_libserver_la_SOURCES += src/transport.c src/transport.h
src_libserver_la_CFLAGS = $(AM_CFLAGS)

# Modules find the functions of tocsin-check.h in the program.
pkglibexec_PROGRAMS += src/tocsin-check
src_tocsin_check_SOURCES = src/tocsin-check.c
src_tocsin_check_LDADD = src/libtocsin.a $(INIH_LIBS) -lm -ldl
src_tocsin_check_LDFLAGS = $(AM_LDFLAGS) -export-dynamic

pkglibexec_PROGRAMS += src/tocsin-page
src_tocsin_page_SOURCES = src/tocsin-page.c
src_tocsin_page_LDADD = src/libtocsin.a -lm

pkglibexec_PROGRAMS += src/tocsin-store
src_tocsin_store_SOURCES = src/tocsin-store.c
src_tocsin_store_LDADD = src/libtocsin.a $(SQLITE_LIBS) -lm

pkglibexec_PROGRAMS += src/tocsin-metrics
src_tocsin_metrics_SOURCES = src/tocsin-metrics.c
src_tocsin_metrics_LDADD = src/libtocsin.a

if HAVE_CURL
pkglibexec_PROGRAMS += src/tocsin-heartbeat
src_tocsin_heartbeat_SOURCES = src/tocsin-heartbeat.c
src_tocsin_heartbeat_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
src_tocsin_heartbeat_LDADD = src/libtocsin.a $(CURL_LIBS)
endif
