# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_LDADD = src/libtocsin.a $(CMOCKA_LIBS) -lm
UNIT_TESTS =
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-buf
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-conf
tests_unit_test_conf_LDADD = $(UNIT_LDADD) $(INIH_LIBS)
UNIT_TESTS += tests/unit/test-config-service
tests_unit_test_config_service_LDADD = $(UNIT_LDADD) $(INIH_LIBS) -ldl
UNIT_TESTS += tests/unit/test-ini
tests_unit_test_ini_LDADD = $(UNIT_LDADD) $(INIH_LIBS)
UNIT_TESTS += tests/unit/test-mountinfo
tests_unit_test_mountinfo_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-mime
tests_unit_test_mime_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-msg
tests_unit_test_msg_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-option
tests_unit_test_option_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-proctree
tests_unit_test_proctree_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-text
tests_unit_test_text_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-units
tests_unit_test_units_LDADD = $(UNIT_LDADD)
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
EXTRA_DIST += tests/e2e/helper.py

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
check_PROGRAMS += tests/unit/compose-mail
tests_unit_compose_mail_LDADD = src/libtocsin.a -lm
