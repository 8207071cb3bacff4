# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_LDADD = src/libtocsin.a $(CMOCKA_LIBS) -lm
UNIT_TESTS =
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-buf
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
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
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
# Not cmocka: it plays files.
SMTP_LIBS = $(GNUTLS_LIBS) $(JANSSON_LIBS)
UNIT_TESTS += tests/unit/test-smtp
tests_unit_test_smtp_LDADD = src/libtocsin.a $(SMTP_LIBS) -lm
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
