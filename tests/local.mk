# SPDX-License-Identifier: GPL-3.0-or-later
# Quick tests first, the slow ones (real servers, a booted systemd) last.

# What a test program links unless it says otherwise; --as-needed leaves out what it does not use.
LDADD = src/libtocsin.a $(CMOCKA_LIBS) $(GNUTLS_LIBS) $(SYSTEMD_LIBS) $(INIH_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) \
	$(ZLIB_LIBS) -ldl -lm

# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_TESTS =
if HAVE_CMOCKA
# Tests of memory running out replace these functions.
TORTURE_WRAPS = -Wl,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup
UNIT_TESTS += tests/unit/test-alert
tests_unit_test_alert_SOURCES = tests/unit/test-alert.c $(FAKE_DAEMON)
tests_unit_test_alert_CPPFLAGS = $(AM_CPPFLAGS) -DSCENARIOS=\"$(abs_top_srcdir)/tests/scenarios\"
UNIT_TESTS += tests/unit/test-alert-mails
tests_unit_test_alert_mails_SOURCES = tests/unit/test-alert-mails.c $(FAKE_DAEMON) tests/support/random.h
UNIT_TESTS += tests/unit/test-alert-properties
tests_unit_test_alert_properties_SOURCES = tests/unit/test-alert-properties.c tests/support/random.h
UNIT_TESTS += tests/unit/test-argument
UNIT_TESTS += tests/unit/test-buf
UNIT_TESTS += tests/unit/test-calendar
tests_unit_test_calendar_SOURCES = tests/unit/test-calendar.c tests/support/random.h
UNIT_TESTS += tests/unit/test-chart
tests_unit_test_chart_SOURCES = tests/unit/test-chart.c tests/support/picture.h tests/support/random.h tests/support/torture.h
tests_unit_test_chart_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN=\"$(abs_top_srcdir)/tests/golden\"
tests_unit_test_chart_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAPS)
UNIT_TESTS += tests/unit/test-conf
UNIT_TESTS += tests/unit/test-conf-torture
tests_unit_test_conf_torture_SOURCES = tests/unit/test-conf-torture.c tests/support/torture.h
tests_unit_test_conf_torture_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAPS)
UNIT_TESTS += tests/unit/test-config-service
UNIT_TESTS += tests/unit/test-connect
UNIT_TESTS += tests/unit/test-content
UNIT_TESTS += tests/unit/test-damp
UNIT_TESTS += tests/unit/test-heading
UNIT_TESTS += tests/unit/test-ini
UNIT_TESTS += tests/unit/test-kernel
UNIT_TESTS += tests/unit/test-listener
UNIT_TESTS += tests/unit/test-log
UNIT_TESTS += tests/unit/test-mdstat
UNIT_TESTS += tests/unit/test-mime
UNIT_TESTS += tests/unit/test-mountinfo
UNIT_TESTS += tests/unit/test-msg
UNIT_TESTS += tests/unit/test-notice
UNIT_TESTS += tests/unit/test-option
UNIT_TESTS += tests/unit/test-outbox
tests_unit_test_outbox_SOURCES = tests/unit/test-outbox.c tests/support/torture.h
tests_unit_test_outbox_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAPS)
UNIT_TESTS += tests/unit/test-procread
UNIT_TESTS += tests/unit/test-perfdata
UNIT_TESTS += tests/unit/test-proctree
UNIT_TESTS += tests/unit/test-prometheus
UNIT_TESTS += tests/unit/test-provider
UNIT_TESTS += tests/unit/test-replace
UNIT_TESTS += tests/unit/test-reply
UNIT_TESTS += tests/unit/test-sample
tests_unit_test_sample_SOURCES = tests/unit/test-sample.c tests/support/random.h tests/support/torture.h
tests_unit_test_sample_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAPS)
UNIT_TESTS += tests/unit/test-report
tests_unit_test_report_SOURCES = tests/unit/test-report.c tests/support/random.h tests/support/torture.h
tests_unit_test_report_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAPS)
UNIT_TESTS += tests/unit/test-route
UNIT_TESTS += tests/unit/test-sasl
UNIT_TESTS += tests/unit/test-schedule
tests_unit_test_schedule_SOURCES = tests/unit/test-schedule.c tests/support/random.h tests/support/torture.h
tests_unit_test_schedule_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_WRAPS)
UNIT_TESTS += tests/unit/test-secret
UNIT_TESTS += tests/unit/test-smart-json
UNIT_TESTS += tests/unit/test-smtp
UNIT_TESTS += tests/unit/test-store
UNIT_TESTS += tests/unit/test-status-view
UNIT_TESTS += tests/unit/test-template
UNIT_TESTS += tests/unit/test-text
UNIT_TESTS += tests/unit/test-timer
UNIT_TESTS += tests/unit/test-translate
UNIT_TESTS += tests/unit/test-transport
UNIT_TESTS += tests/unit/test-trend
tests_unit_test_trend_SOURCES = tests/unit/test-trend.c tests/support/random.h
UNIT_TESTS += tests/unit/test-units
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
EXTRA_DIST += tests/unit/test.h tests/support/both-languages.h tests/support/han.h
EXTRA_DIST += tests/conf tests/fixtures tests/scenarios

# The daemon around the alert engine, for its scenarios and the simulator.
FAKE_DAEMON = tests/support/fake-daemon.c tests/support/fake-daemon.h
check_PROGRAMS += tests/bench/simulate
tests_bench_simulate_SOURCES = tests/bench/simulate.c $(FAKE_DAEMON) tests/support/random.h

# The benchmark of the SMTP client; tests/e2e/test_bench.py runs it once for its round trips.
EXTRA_DIST += tests/bench/README.md tests/bench/run tests/bench/relay.py tests/bench/smtp_bench.py
EXTRA_DIST += tests/bench/sample_bench.py
bench: all
	TOCSIN_BUILD='$(abs_top_builddir)' $(srcdir)/tests/bench/run $(BENCH_OPTIONS)
# Scale and latency, beside Monit where it is installed; tests/e2e/test_scale.py runs a tiny one.
EXTRA_DIST += tests/bench/scale.py
bench-scale: all
	TOCSIN_BUILD='$(abs_top_builddir)' $(srcdir)/tests/bench/run --scale $(BENCH_OPTIONS)
.PHONY: bench bench-scale

# Fuzzers: with --enable-fuzzing and clang as fuzz-NAME, and always as corpus-NAME over the files in tests/fuzz/NAME.
TESTS += tests/fuzz/run-corpus
EXTRA_DIST += tests/fuzz/run-corpus
check_PROGRAMS += tests/fuzz/corpus-calendar
tests_fuzz_corpus_calendar_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-calendar.c
EXTRA_DIST += tests/fuzz/calendar
check_PROGRAMS += tests/fuzz/corpus-conf
tests_fuzz_corpus_conf_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-conf.c
EXTRA_DIST += tests/fuzz/conf
check_PROGRAMS += tests/fuzz/corpus-ini
tests_fuzz_corpus_ini_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-ini.c
EXTRA_DIST += tests/fuzz/ini
check_PROGRAMS += tests/fuzz/corpus-mdstat
tests_fuzz_corpus_mdstat_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-mdstat.c
EXTRA_DIST += tests/fuzz/mdstat
check_PROGRAMS += tests/fuzz/corpus-mime
tests_fuzz_corpus_mime_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-mime.c
EXTRA_DIST += tests/fuzz/mime
check_PROGRAMS += tests/fuzz/corpus-perfdata
tests_fuzz_corpus_perfdata_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-perfdata.c
EXTRA_DIST += tests/fuzz/perfdata
check_PROGRAMS += tests/fuzz/corpus-proc
tests_fuzz_corpus_proc_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-proc.c
EXTRA_DIST += tests/fuzz/proc
check_PROGRAMS += tests/fuzz/corpus-reply
tests_fuzz_corpus_reply_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-reply.c
EXTRA_DIST += tests/fuzz/reply
check_PROGRAMS += tests/fuzz/corpus-report
tests_fuzz_corpus_report_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-report.c
EXTRA_DIST += tests/fuzz/report
check_PROGRAMS += tests/fuzz/corpus-scram
tests_fuzz_corpus_scram_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-scram.c
EXTRA_DIST += tests/fuzz/scram
check_PROGRAMS += tests/fuzz/corpus-smart
tests_fuzz_corpus_smart_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-smart.c
EXTRA_DIST += tests/fuzz/smart
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz-calendar
tests_fuzz_fuzz_calendar_SOURCES = tests/fuzz/fuzz-calendar.c
tests_fuzz_fuzz_calendar_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz-conf.c
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-smart
tests_fuzz_fuzz_smart_SOURCES = tests/fuzz/fuzz-smart.c
tests_fuzz_fuzz_smart_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-ini
tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz-ini.c
tests_fuzz_fuzz_ini_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-mdstat
tests_fuzz_fuzz_mdstat_SOURCES = tests/fuzz/fuzz-mdstat.c
tests_fuzz_fuzz_mdstat_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-mime
tests_fuzz_fuzz_mime_SOURCES = tests/fuzz/fuzz-mime.c
tests_fuzz_fuzz_mime_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-perfdata
tests_fuzz_fuzz_perfdata_SOURCES = tests/fuzz/fuzz-perfdata.c
tests_fuzz_fuzz_perfdata_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-proc
tests_fuzz_fuzz_proc_SOURCES = tests/fuzz/fuzz-proc.c
tests_fuzz_fuzz_proc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-reply
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz-reply.c
tests_fuzz_fuzz_reply_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-report
tests_fuzz_fuzz_report_SOURCES = tests/fuzz/fuzz-report.c
tests_fuzz_fuzz_report_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-scram
tests_fuzz_fuzz_scram_SOURCES = tests/fuzz/fuzz-scram.c
tests_fuzz_fuzz_scram_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

# Check modules for tests; -rpath only makes libtool build a shared object, they are never installed.
TEST_MODULE_LDFLAGS = $(CHECK_LDFLAGS) -rpath /nowhere
check_LTLIBRARIES += tests/modules/explosive.la
tests_modules_explosive_la_SOURCES = tests/modules/explosive.c
tests_modules_explosive_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_explosive_la_LIBADD =
check_LTLIBRARIES += tests/modules/hang.la
tests_modules_hang_la_SOURCES = tests/modules/hang.c
tests_modules_hang_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_hang_la_LIBADD =
check_LTLIBRARIES += tests/modules/rogue.la
tests_modules_rogue_la_SOURCES = tests/modules/rogue.c
tests_modules_rogue_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_rogue_la_LIBADD =
check_LTLIBRARIES += tests/modules/sample.la
tests_modules_sample_la_SOURCES = tests/modules/sample.c
tests_modules_sample_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_sample_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-abi.la
tests_modules_misfit_abi_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-abi"' -DMISFIT_ABI=99
tests_modules_misfit_abi_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_misfit_abi_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-size.la
tests_modules_misfit_size_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_size_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-size"' -DMISFIT_SIZE=8
tests_modules_misfit_size_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_misfit_size_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-small.la
tests_modules_misfit_small_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_small_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-small"' -DMISFIT_SIZE=-8
tests_modules_misfit_small_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_misfit_small_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-name.la
tests_modules_misfit_name_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_name_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"somebody-else"'
tests_modules_misfit_name_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_misfit_name_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-offset.la
tests_modules_misfit_offset_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_offset_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-offset"' -DMISFIT_OFFSET=4
tests_modules_misfit_offset_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_misfit_offset_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-symbol.la
tests_modules_misfit_symbol_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_symbol_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-symbol"' -DMISFIT_SYMBOL
tests_modules_misfit_symbol_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_modules_misfit_symbol_la_LIBADD =
check_LTLIBRARIES += tests/modules/misfit-constructor.la
tests_modules_misfit_constructor_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_constructor_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-constructor"' -DMISFIT_CONSTRUCTOR
tests_modules_misfit_constructor_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_modules_misfit_constructor_la_LIBADD =

# The mails that compose-mail has samples of, as they were last looked at: read the difference before you refresh.
check_PROGRAMS += tests/unit/compose-mail
EXTRA_DIST += tests/golden
refresh-golden: tests/unit/compose-mail tests/unit/test-chart
	tests/unit/test-chart $(srcdir)/tests/golden
	for name in `tests/unit/compose-mail | grep -v hostile`; do \
		{ tests/unit/compose-mail $$name subject && echo && echo && tests/unit/compose-mail $$name text; } \
			>$(srcdir)/tests/golden/$$name.txt && \
		tests/unit/compose-mail $$name html >$(srcdir)/tests/golden/$$name.html && \
		{ TOCSIN_LANGUAGE=zh_CN tests/unit/compose-mail $$name subject && echo && echo && \
			TOCSIN_LANGUAGE=zh_CN tests/unit/compose-mail $$name text; } >$(srcdir)/tests/golden/zh_CN/$$name.txt || exit 1; \
	done
.PHONY: refresh-golden

TESTS += tests/manuals
EXTRA_DIST += tests/manuals

TESTS += tests/translations
EXTRA_DIST += tests/translations

# All pytest files as one test; bootstrap counts them one by one from its log.
AM_TESTS_ENVIRONMENT = TOCSIN_BUILD='$(abs_top_builddir)'; export TOCSIN_BUILD;
TESTS += tests/e2e/run
EXTRA_DIST += tests/count.awk tests/demo/demo.py
EXTRA_DIST += tests/e2e/run tests/e2e/pytest.ini
EXTRA_DIST += tests/e2e/certs.py
EXTRA_DIST += tests/e2e/chinese.py
EXTRA_DIST += tests/e2e/test_charts.py
EXTRA_DIST += tests/e2e/test_checks_speak_chinese.py
EXTRA_DIST += tests/e2e/test_page.py
EXTRA_DIST += tests/e2e/chaos.py
EXTRA_DIST += tests/e2e/conftest.py tests/e2e/test_chinese_conf.py
EXTRA_DIST += tests/e2e/frozen.py
EXTRA_DIST += tests/e2e/dovecot.py
EXTRA_DIST += tests/e2e/harness.py
EXTRA_DIST += tests/e2e/screen.py
EXTRA_DIST += tests/e2e/doctor_booted.py
EXTRA_DIST += tests/e2e/test_status.py tests/e2e/test_doctor.py tests/e2e/test_readme.py
EXTRA_DIST += tests/e2e/helper.py
EXTRA_DIST += tests/e2e/journal_booted.py
EXTRA_DIST += tests/e2e/browser.py tests/e2e/test_pictures.py
EXTRA_DIST += tests/e2e/mailcatcher.py
EXTRA_DIST += tests/e2e/mailer_client.py
EXTRA_DIST += tests/e2e/postfix.py
EXTRA_DIST += tests/e2e/smtp_server.py
EXTRA_DIST += tests/e2e/state.py
EXTRA_DIST += tests/e2e/test_acts.py tests/e2e/test_alerts.py tests/e2e/test_outbox.py
EXTRA_DIST += tests/e2e/test_abi.py
EXTRA_DIST += tests/e2e/test_bench.py
EXTRA_DIST += tests/e2e/test_chaos.py
EXTRA_DIST += tests/e2e/test_checks.py
EXTRA_DIST += tests/e2e/test_checks_chinese.py
EXTRA_DIST += tests/e2e/test_checks_host.py
EXTRA_DIST += tests/e2e/test_completion.py
EXTRA_DIST += tests/e2e/test_compare.py
EXTRA_DIST += tests/e2e/test_checks_complete.py
EXTRA_DIST += tests/e2e/test_checks_more.py
EXTRA_DIST += tests/e2e/test_traps.py
EXTRA_DIST += tests/e2e/test_checks_net.py
EXTRA_DIST += tests/e2e/test_checks_rest.py tests/e2e/rest_booted.py
EXTRA_DIST += tests/e2e/test_clock.py tests/support/clock.c
EXTRA_DIST += tests/e2e/test_control.py
EXTRA_DIST += tests/e2e/test_daemon.py
EXTRA_DIST += tests/e2e/test_default_conf.py
EXTRA_DIST += tests/e2e/test_dev.py
EXTRA_DIST += tests/e2e/test_disk.py
EXTRA_DIST += tests/e2e/test_events_zh.py
EXTRA_DIST += tests/e2e/test_faults.py
EXTRA_DIST += tests/e2e/hangfs.py tests/e2e/test_hanging.py
EXTRA_DIST += tests/e2e/test_fleet.py tests/e2e/tocsin.rules.test.yml
EXTRA_DIST += tests/e2e/test_helpers.py
EXTRA_DIST += tests/e2e/test_isolation.py
EXTRA_DIST += tests/e2e/test_history.py
EXTRA_DIST += tests/e2e/entries_booted.py tests/e2e/test_journal.py
EXTRA_DIST += tests/e2e/test_mail_server.py
EXTRA_DIST += tests/e2e/test_mailcatcher.py
EXTRA_DIST += tests/e2e/test_mailer.py
EXTRA_DIST += tests/e2e/test_resolver.py
EXTRA_DIST += tests/e2e/spamfilters.py tests/e2e/test_spam.py
EXTRA_DIST += tests/e2e/test_language.py
EXTRA_DIST += tests/e2e/test_send.py
EXTRA_DIST += tests/e2e/test_mailer_postfix.py
EXTRA_DIST += tests/e2e/test_mime.py tests/e2e/test_mail_chinese.py
EXTRA_DIST += tests/e2e/test_notify.py tests/support/wedge.c
EXTRA_DIST += tests/e2e/test_plugin.py
EXTRA_DIST += tests/e2e/test_postfix.py
EXTRA_DIST += tests/e2e/test_runner.py
EXTRA_DIST += tests/e2e/test_setup.py
EXTRA_DIST += tests/e2e/test_chinese.py
EXTRA_DIST += tests/e2e/test_store.py
EXTRA_DIST += tests/e2e/test_storms.py
EXTRA_DIST += tests/e2e/test_tcp.py
EXTRA_DIST += tests/e2e/test_try.py
EXTRA_DIST += tests/e2e/test_unit.py
EXTRA_DIST += tests/e2e/unit_booted.py
EXTRA_DIST += tests/e2e/test_watches.py tests/e2e/test_scale.py

TESTS += tests/system/run
EXTRA_DIST += tests/system/run tests/system/container tests/system/common.sh tests/system/inside.sh tests/system/boots.sh
EXTRA_DIST += tests/system/walk.sh
EXTRA_DIST += tests/system/vm tests/system/machine tests/system/machine.sh
# The packages are built from the tarball too.
EXTRA_DIST += debian/changelog debian/control debian/copyright debian/rules debian/source/format
EXTRA_DIST += debian/tocsin-check-http.install
EXTRA_DIST += debian/tocsin.postinst
EXTRA_DIST += debian/tocsin.docs debian/tocsin.install debian/tocsin.postrm debian/tocsin-dev.install
EXTRA_DIST += debian/apparmor/usr.sbin.tocsind debian/tocsin.logcheck.ignore.server debian/source/lintian-overrides debian/tocsin.lintian-overrides
EXTRA_DIST += debian/tests/control debian/tests/module debian/tests/service debian/tests/try
EXTRA_DIST += tests/e2e/test_debian.py
