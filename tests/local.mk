# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests: one cmocka program for one module, tests/unit/test-NAME.c.
UNIT_LDADD = src/libtocsin.a $(CMOCKA_LIBS) -lm
UNIT_TESTS =
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-buf
tests_unit_test_buf_LDADD = $(UNIT_LDADD)
UNIT_TESTS += tests/unit/test-mountinfo
tests_unit_test_mountinfo_LDADD = $(UNIT_LDADD)
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
