# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_LDADD = src/libtocsin.a $(CMOCKA_LIBS) -lm
UNIT_TESTS =
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-alert
tests_unit_test_alert_SOURCES = tests/unit/test-alert.c $(FAKE_DAEMON)
tests_unit_test_alert_CPPFLAGS = $(AM_CPPFLAGS) -DSCENARIOS=\"$(abs_top_srcdir)/tests/scenarios\"
tests_unit_test_alert_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-alert-properties
tests_unit_test_alert_properties_SOURCES = tests/unit/test-alert-properties.c tests/support/random.h
tests_unit_test_alert_properties_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-buf
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-conf
tests_unit_test_conf_LDADD = $(UNIT_LDADD) $(INIH_LIBS)
UNIT_TESTS += tests/unit/test-config-service
tests_unit_test_config_service_LDADD = $(UNIT_LDADD) $(INIH_LIBS) -ldl
UNIT_TESTS += tests/unit/test-ini
tests_unit_test_ini_LDADD = $(UNIT_LDADD) $(INIH_LIBS)
UNIT_TESTS += tests/unit/test-connect
tests_unit_test_connect_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-mountinfo
tests_unit_test_mountinfo_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-mime
tests_unit_test_mime_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-msg
tests_unit_test_msg_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-content
tests_unit_test_content_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-provider
tests_unit_test_provider_LDADD = $(UNIT_LDADD) $(SMTP_LIBS)
UNIT_TESTS += tests/unit/test-reply
tests_unit_test_reply_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-sasl
tests_unit_test_sasl_LDADD = $(UNIT_LDADD) $(SMTP_LIBS)
UNIT_TESTS += tests/unit/test-outbox
tests_unit_test_outbox_SOURCES = tests/unit/test-outbox.c tests/support/torture.h
tests_unit_test_outbox_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_LDFLAGS)
tests_unit_test_outbox_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-schedule
tests_unit_test_schedule_SOURCES = tests/unit/test-schedule.c tests/support/random.h tests/support/torture.h
tests_unit_test_schedule_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_LDFLAGS)
tests_unit_test_schedule_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-option
tests_unit_test_option_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-secret
tests_unit_test_secret_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-store
tests_unit_test_store_LDADD = $(UNIT_LDADD) $(SQLITE_LIBS)
UNIT_TESTS += tests/unit/test-proctree
tests_unit_test_proctree_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-transport
tests_unit_test_transport_LDADD = $(UNIT_LDADD) $(GNUTLS_LIBS)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
# Not cmocka: it plays files.
SMTP_LIBS = $(GNUTLS_LIBS) $(JANSSON_LIBS) -lm
UNIT_TESTS += tests/unit/test-smtp
tests_unit_test_smtp_LDADD = src/libtocsin.a $(SMTP_LIBS) -lm
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

TORTURE_LDFLAGS = -Wl,--wrap=calloc,--wrap=reallocarray,--wrap=strdup

# The daemon around the alert engine, for its scenarios, its property test and the simulator.
FAKE_DAEMON = tests/support/fake-daemon.c tests/support/fake-daemon.h
EXTRA_DIST += tests/scenarios/alert
EXTRA_DIST += tests/scenarios/smtp
EXTRA_DIST += tests/e2e/helper.py

# A check module that never comes back; -rpath only makes libtool build a shared object, it is not installed.
check_LTLIBRARIES += tests/modules/hang.la
tests_modules_hang_la_SOURCES = tests/modules/hang.c
tests_modules_hang_la_LDFLAGS = $(CHECK_LDFLAGS) -rpath /nowhere

# All pytest files as one test; bootstrap counts them one by one from its log.
AM_TESTS_ENVIRONMENT = TOCSIN_BUILD='$(abs_top_builddir)'; export TOCSIN_BUILD;
TESTS += tests/e2e/run
EXTRA_DIST += tests/count.awk
EXTRA_DIST += tests/demo/demo.py
EXTRA_DIST += tests/e2e/run tests/e2e/pytest.ini
EXTRA_DIST += tests/e2e/conftest.py tests/e2e/harness.py
EXTRA_DIST += tests/e2e/certs.py tests/e2e/mailcatcher.py tests/e2e/postfix.py
EXTRA_DIST += tests/e2e/test_daemon.py
EXTRA_DIST += tests/e2e/test_mailcatcher.py
EXTRA_DIST += tests/e2e/test_postfix.py

# Files that the tests of the configuration read, with what they expect.
EXTRA_DIST += tests/conf/gbk.conf tests/conf/gbk.expected
EXTRA_DIST += tests/conf/good.conf tests/conf/good.expected
EXTRA_DIST += tests/conf/mails.conf tests/conf/mails.expected
EXTRA_DIST += tests/conf/merge-wrong.conf tests/conf/merge-wrong.expected
EXTRA_DIST += tests/conf/merge-wrong.d/9-last.conf
EXTRA_DIST += tests/conf/merge.conf tests/conf/merge.expected
EXTRA_DIST += tests/conf/merge.d/10-first.conf
EXTRA_DIST += tests/conf/merge.d/9-last.conf
EXTRA_DIST += tests/conf/merge.d/ignored.conf.bak
EXTRA_DIST += tests/conf/no-mail.conf tests/conf/no-mail.expected
EXTRA_DIST += tests/conf/no-recipient.conf tests/conf/no-recipient.expected
EXTRA_DIST += tests/conf/providers.conf tests/conf/providers.expected
EXTRA_DIST += tests/conf/repeated.conf tests/conf/repeated.expected
EXTRA_DIST += tests/conf/traps.conf tests/conf/traps.expected
EXTRA_DIST += tests/conf/windows.conf tests/conf/windows.expected
EXTRA_DIST += tests/conf/wrong-keys.conf tests/conf/wrong-keys.expected
EXTRA_DIST += tests/conf/wrong-sections.conf tests/conf/wrong-sections.expected
EXTRA_DIST += tests/conf/wrong-values.conf tests/conf/wrong-values.expected

# Fuzzers: with --enable-fuzzing and clang as fuzz-NAME, and always as corpus-NAME over the files in tests/fuzz/NAME.
EXTRA_DIST += tests/fuzz/run-corpus
TESTS += tests/fuzz/run-corpus
check_PROGRAMS += tests/fuzz/corpus-ini
tests_fuzz_corpus_ini_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-ini.c
tests_fuzz_corpus_ini_LDADD = src/libtocsin.a $(INIH_LIBS)
EXTRA_DIST += tests/fuzz/ini
check_PROGRAMS += tests/fuzz/corpus-proc
tests_fuzz_corpus_proc_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-proc.c
tests_fuzz_corpus_proc_LDADD = src/libtocsin.a
EXTRA_DIST += tests/fuzz/proc
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz-proc
tests_fuzz_fuzz_proc_SOURCES = tests/fuzz/fuzz-proc.c
tests_fuzz_fuzz_proc_LDADD = src/libtocsin.a
tests_fuzz_fuzz_proc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
check_PROGRAMS += tests/fuzz/corpus-reply
tests_fuzz_corpus_reply_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-reply.c
tests_fuzz_corpus_reply_LDADD = src/libtocsin.a
EXTRA_DIST += tests/fuzz/reply
check_PROGRAMS += tests/fuzz/corpus-scram
tests_fuzz_corpus_scram_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-scram.c
tests_fuzz_corpus_scram_LDADD = src/libtocsin.a $(SMTP_LIBS)
EXTRA_DIST += tests/fuzz/scram
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz-reply
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz-reply.c
tests_fuzz_fuzz_reply_LDADD = src/libtocsin.a
tests_fuzz_fuzz_reply_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-scram
tests_fuzz_fuzz_scram_SOURCES = tests/fuzz/fuzz-scram.c
tests_fuzz_fuzz_scram_LDADD = src/libtocsin.a $(SMTP_LIBS)
tests_fuzz_fuzz_scram_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz-ini
tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz-ini.c
tests_fuzz_fuzz_ini_LDADD = src/libtocsin.a $(INIH_LIBS)
tests_fuzz_fuzz_ini_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

# Modules for the test of the configuration service; never installed (libtool wants -rpath to build a shared object).
check_LTLIBRARIES += tests/modules/explosive.la
tests_modules_explosive_la_SOURCES = tests/modules/explosive.c
tests_modules_explosive_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
check_LTLIBRARIES += tests/modules/sample.la
tests_modules_sample_la_SOURCES = tests/modules/sample.c
tests_modules_sample_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
EXTRA_DIST += tests/e2e/test_store.py
TESTS += tests/manuals
EXTRA_DIST += tests/manuals
EXTRA_DIST += tests/e2e/mailer_client.py
EXTRA_DIST += tests/e2e/smtp_server.py
EXTRA_DIST += tests/e2e/test_mailer.py
EXTRA_DIST += tests/e2e/test_mailer_postfix.py
# Check modules that misbehave; -rpath only makes libtool build a shared object, they are never installed.
ROGUE_LDFLAGS = $(CHECK_LDFLAGS) -rpath /nowhere
check_LTLIBRARIES += tests/modules/rogue.la
tests_modules_rogue_la_SOURCES = tests/modules/rogue.c
tests_modules_rogue_la_LDFLAGS = $(ROGUE_LDFLAGS)
check_LTLIBRARIES += tests/modules/misfit-abi.la
tests_modules_misfit_abi_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-abi"' -DMISFIT_ABI=99
tests_modules_misfit_abi_la_LDFLAGS = $(ROGUE_LDFLAGS)
check_LTLIBRARIES += tests/modules/misfit-size.la
tests_modules_misfit_size_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_size_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-size"' -DMISFIT_SIZE=8
tests_modules_misfit_size_la_LDFLAGS = $(ROGUE_LDFLAGS)
check_LTLIBRARIES += tests/modules/misfit-name.la
tests_modules_misfit_name_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_name_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"somebody-else"'
tests_modules_misfit_name_la_LDFLAGS = $(ROGUE_LDFLAGS)
check_LTLIBRARIES += tests/modules/misfit-offset.la
tests_modules_misfit_offset_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_offset_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-offset"' -DMISFIT_OFFSET=4
tests_modules_misfit_offset_la_LDFLAGS = $(ROGUE_LDFLAGS)
check_LTLIBRARIES += tests/modules/misfit-symbol.la
tests_modules_misfit_symbol_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_symbol_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-symbol"' -DMISFIT_SYMBOL
tests_modules_misfit_symbol_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
check_LTLIBRARIES += tests/modules/misfit-constructor.la
tests_modules_misfit_constructor_la_SOURCES = tests/modules/misfit.c
tests_modules_misfit_constructor_la_CPPFLAGS = $(AM_CPPFLAGS) -DMISFIT_NAME='"misfit-constructor"' -DMISFIT_CONSTRUCTOR
tests_modules_misfit_constructor_la_LDFLAGS = $(ROGUE_LDFLAGS)
EXTRA_DIST += tests/fixtures
EXTRA_DIST += tests/e2e/test_runner.py
EXTRA_DIST += tests/e2e/test_checks.py

check_PROGRAMS += tests/fuzz/corpus-mime
tests_fuzz_corpus_mime_SOURCES = tests/fuzz/standalone.c tests/fuzz/fuzz-mime.c
tests_fuzz_corpus_mime_LDADD = src/libtocsin.a
EXTRA_DIST += tests/fuzz/mime
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz-mime
tests_fuzz_fuzz_mime_SOURCES = tests/fuzz/fuzz-mime.c
tests_fuzz_fuzz_mime_LDADD = src/libtocsin.a
tests_fuzz_fuzz_mime_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

# The mails that compose-mail has samples of, as they were last looked at: read the difference before you refresh.
EXTRA_DIST += tests/e2e/test_mime.py
EXTRA_DIST += tests/golden
refresh-golden: tests/unit/compose-mail
	for name in `tests/unit/compose-mail | grep -v hostile`; do \
		{ tests/unit/compose-mail $$name subject && echo && echo && tests/unit/compose-mail $$name text; } \
			>$(srcdir)/tests/golden/$$name.txt && \
		tests/unit/compose-mail $$name html >$(srcdir)/tests/golden/$$name.html || exit 1; \
	done
.PHONY: refresh-golden
check_PROGRAMS += tests/unit/compose-mail
tests_unit_compose_mail_LDADD = src/libtocsin.a -lm

TESTS += tests/system/run
EXTRA_DIST += tests/system/run tests/system/container tests/system/inside.sh

check_PROGRAMS += tests/bench/simulate
tests_bench_simulate_SOURCES = tests/bench/simulate.c $(FAKE_DAEMON) tests/support/random.h
tests_bench_simulate_LDADD = src/libtocsin.a -lm
