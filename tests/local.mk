# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_LDADD = src/libtocsin.a $(CMOCKA_LIBS) -lm
UNIT_TESTS =
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-buf
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-mime
tests_unit_test_mime_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-msg
tests_unit_test_msg_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
check_PROGRAMS += tests/unit/compose-mail
tests_unit_compose_mail_LDADD = src/libtocsin.a -lm
