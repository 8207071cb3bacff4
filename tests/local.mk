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
UNIT_TESTS += tests/unit/test-ini
tests_unit_test_ini_LDADD = $(UNIT_LDADD) $(INIH_LIBS)
UNIT_TESTS += tests/unit/test-connect
tests_unit_test_connect_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-mime
tests_unit_test_mime_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-msg
tests_unit_test_msg_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-outbox
tests_unit_test_outbox_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-schedule
tests_unit_test_schedule_SOURCES = tests/unit/test-schedule.c tests/support/random.h
tests_unit_test_schedule_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-option
tests_unit_test_option_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-transport
tests_unit_test_transport_LDADD = $(UNIT_LDADD) $(GNUTLS_LIBS)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

# The daemon around the alert engine, for its scenarios, its property test and the simulator.
FAKE_DAEMON = tests/support/fake-daemon.c tests/support/fake-daemon.h
EXTRA_DIST += tests/scenarios/alert
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

TESTS += tests/manuals
EXTRA_DIST += tests/manuals

TESTS += tests/system/run
EXTRA_DIST += tests/system/run tests/system/container tests/system/inside.sh
