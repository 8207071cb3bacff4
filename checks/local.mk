# SPDX-License-Identifier: GPL-3.0-or-later
# One file, one check module.
CHECK_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^tocsin_check_module$$'
