# SPDX-License-Identifier: GPL-3.0-or-later
# One file, one check module.
CHECK_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^tocsin_check_module$$'
CHECK_LIBADD = src/libmodule.la -lm

checkmodule_LTLIBRARIES += checks/disk.la
checks_disk_la_SOURCES = checks/disk.c
checks_disk_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_disk_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/load.la
checks_load_la_SOURCES = checks/load.c
checks_load_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_load_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/plugin.la
checks_plugin_la_SOURCES = checks/plugin.c
checks_plugin_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_plugin_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/process.la
checks_process_la_SOURCES = checks/process.c
checks_process_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_process_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/tcp.la
checks_tcp_la_SOURCES = checks/tcp.c
checks_tcp_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_tcp_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/unit.la
checks_unit_la_SOURCES = checks/unit.c
checks_unit_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_unit_la_LIBADD = $(CHECK_LIBADD) $(SYSTEMD_LIBS)
