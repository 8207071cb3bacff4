# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_LDADD = src/libtocsin.a $(CMOCKA_LIBS) -lm
UNIT_TESTS =
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-buf
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-msg
tests_unit_test_msg_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-store
tests_unit_test_store_LDADD = $(UNIT_LDADD) $(SQLITE_LIBS)
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
EXTRA_DIST += tests/e2e/helper.py
EXTRA_DIST += tests/e2e/test_store.py
