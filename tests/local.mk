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
UNIT_TESTS += tests/unit/test-msg
tests_unit_test_msg_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-outbox
tests_unit_test_outbox_SOURCES = tests/unit/test-outbox.c tests/support/torture.h
tests_unit_test_outbox_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_LDFLAGS)
tests_unit_test_outbox_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-schedule
tests_unit_test_schedule_SOURCES = tests/unit/test-schedule.c tests/support/random.h tests/support/torture.h
tests_unit_test_schedule_LDFLAGS = $(AM_LDFLAGS) $(TORTURE_LDFLAGS)
tests_unit_test_schedule_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

TORTURE_LDFLAGS = -Wl,--wrap=calloc,--wrap=reallocarray,--wrap=strdup

# The daemon around the alert engine, for its scenarios, its property test and the simulator.
FAKE_DAEMON = tests/support/fake-daemon.c tests/support/fake-daemon.h
EXTRA_DIST += tests/scenarios/alert

check_PROGRAMS += tests/bench/simulate
tests_bench_simulate_SOURCES = tests/bench/simulate.c $(FAKE_DAEMON) tests/support/random.h
tests_bench_simulate_LDADD = src/libtocsin.a -lm
