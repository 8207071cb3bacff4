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
checkmodule_LTLIBRARIES += checks/process.la
checks_process_la_SOURCES = checks/process.c
checks_process_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_process_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/memory.la
checks_memory_la_SOURCES = checks/memory.c
checks_memory_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_memory_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/pressure.la
checks_pressure_la_SOURCES = checks/pressure.c
checks_pressure_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_pressure_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/cpu.la
checks_cpu_la_SOURCES = checks/cpu.c
checks_cpu_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_cpu_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/mount.la
checks_mount_la_SOURCES = checks/mount.c
checks_mount_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_mount_la_LIBADD = $(CHECK_LIBADD)
checkmodule_LTLIBRARIES += checks/file.la
checks_file_la_SOURCES = checks/file.c
checks_file_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_file_la_LIBADD = $(CHECK_LIBADD)
