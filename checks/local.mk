# SPDX-License-Identifier: GPL-3.0-or-later
# One file, one check module.
CHECK_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -export-symbols-regex '^tocsin_check_module$$'
CHECK_LIBADD = src/libmodule.la -lm

# Its manual page is made of NAME.7.in, where the line @options@ becomes what the module itself says of its options, by
# the programs that were just built. A cross build, which cannot run them, has no such pages.
CHECK_PAGES =

checkmodule_LTLIBRARIES += checks/certificate.la
CHECK_PAGES += checks/tocsin-check-certificate.7
checks_certificate_la_SOURCES = checks/certificate.c
checks_certificate_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_certificate_la_LIBADD = src/libserver.la $(CHECK_LIBADD) $(GNUTLS_LIBS)
EXTRA_DIST += checks/certificate.7.in

checkmodule_LTLIBRARIES += checks/cgroup.la
CHECK_PAGES += checks/tocsin-check-cgroup.7
checks_cgroup_la_SOURCES = checks/cgroup.c
checks_cgroup_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_cgroup_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/cgroup.7.in

checkmodule_LTLIBRARIES += checks/clock.la
CHECK_PAGES += checks/tocsin-check-clock.7
checks_clock_la_SOURCES = checks/clock.c src/system-bus.c src/system-bus.h
checks_clock_la_CFLAGS = $(AM_CFLAGS)
checks_clock_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_clock_la_LIBADD = $(CHECK_LIBADD) $(SYSTEMD_LIBS)
EXTRA_DIST += checks/clock.7.in

checkmodule_LTLIBRARIES += checks/cpu.la
CHECK_PAGES += checks/tocsin-check-cpu.7
checks_cpu_la_SOURCES = checks/cpu.c
checks_cpu_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_cpu_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/cpu.7.in

checkmodule_LTLIBRARIES += checks/directory.la
CHECK_PAGES += checks/tocsin-check-directory.7
checks_directory_la_SOURCES = checks/directory.c
checks_directory_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_directory_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/directory.7.in

checkmodule_LTLIBRARIES += checks/disk.la
CHECK_PAGES += checks/tocsin-check-disk.7
checks_disk_la_SOURCES = checks/disk.c
checks_disk_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_disk_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/disk.7.in

checkmodule_LTLIBRARIES += checks/diskio.la
CHECK_PAGES += checks/tocsin-check-diskio.7
checks_diskio_la_SOURCES = checks/diskio.c
checks_diskio_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_diskio_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/diskio.7.in

checkmodule_LTLIBRARIES += checks/dns.la
CHECK_PAGES += checks/tocsin-check-dns.7
checks_dns_la_SOURCES = checks/dns.c
checks_dns_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_dns_la_LIBADD = $(CHECK_LIBADD) -lresolv
EXTRA_DIST += checks/dns.7.in

checkmodule_LTLIBRARIES += checks/file.la
CHECK_PAGES += checks/tocsin-check-file.7
checks_file_la_SOURCES = checks/file.c
checks_file_la_CFLAGS = $(AM_CFLAGS) $(NETTLE_CFLAGS)
checks_file_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_file_la_LIBADD = $(CHECK_LIBADD) $(NETTLE_LIBS)
EXTRA_DIST += checks/file.7.in

# A package of its own in Debian, and only where libcurl is.
if HAVE_CURL
checkmodule_LTLIBRARIES += checks/http.la
CHECK_PAGES += checks/tocsin-check-http.7
endif
checks_http_la_SOURCES = checks/http.c
checks_http_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
checks_http_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_http_la_LIBADD = src/libserver.la $(CHECK_LIBADD) $(GNUTLS_LIBS) $(CURL_LIBS)
EXTRA_DIST += checks/http.7.in

checkmodule_LTLIBRARIES += checks/imap.la
CHECK_PAGES += checks/tocsin-check-imap.7
checks_imap_la_SOURCES = checks/imap.c src/sasl.c src/sasl-scram.c
checks_imap_la_CFLAGS = $(AM_CFLAGS)
checks_imap_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_imap_la_LIBADD = src/libserver.la $(CHECK_LIBADD) $(GNUTLS_LIBS) $(JANSSON_LIBS)
EXTRA_DIST += checks/imap.7.in

checkmodule_LTLIBRARIES += checks/journal.la
CHECK_PAGES += checks/tocsin-check-journal.7
checks_journal_la_SOURCES = checks/journal.c src/journal-line.c src/journal-line.h
checks_journal_la_CFLAGS = $(AM_CFLAGS)
checks_journal_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_journal_la_LIBADD = $(CHECK_LIBADD) $(SYSTEMD_LIBS)
EXTRA_DIST += checks/journal.7.in

checkmodule_LTLIBRARIES += checks/load.la
CHECK_PAGES += checks/tocsin-check-load.7
checks_load_la_SOURCES = checks/load.c
checks_load_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_load_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/load.7.in

# It reads JSON, too: what postqueue writes.
checkmodule_LTLIBRARIES += checks/mailq.la
CHECK_PAGES += checks/tocsin-check-mailq.7
checks_mailq_la_SOURCES = checks/mailq.c
checks_mailq_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_mailq_la_LIBADD = $(CHECK_LIBADD) $(JANSSON_LIBS)
EXTRA_DIST += checks/mailq.7.in

checkmodule_LTLIBRARIES += checks/memory.la
CHECK_PAGES += checks/tocsin-check-memory.7
checks_memory_la_SOURCES = checks/memory.c
checks_memory_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_memory_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/memory.7.in

checkmodule_LTLIBRARIES += checks/mount.la
CHECK_PAGES += checks/tocsin-check-mount.7
checks_mount_la_SOURCES = checks/mount.c
checks_mount_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_mount_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/mount.7.in

checkmodule_LTLIBRARIES += checks/network.la
CHECK_PAGES += checks/tocsin-check-network.7
checks_network_la_SOURCES = checks/network.c
checks_network_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_network_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/network.7.in

checkmodule_LTLIBRARIES += checks/ping.la
CHECK_PAGES += checks/tocsin-check-ping.7
checks_ping_la_SOURCES = checks/ping.c
checks_ping_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_ping_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/ping.7.in

checkmodule_LTLIBRARIES += checks/plugin.la
CHECK_PAGES += checks/tocsin-check-plugin.7
checks_plugin_la_SOURCES = checks/plugin.c
checks_plugin_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_plugin_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/plugin.7.in

checkmodule_LTLIBRARIES += checks/pop3.la
CHECK_PAGES += checks/tocsin-check-pop3.7
checks_pop3_la_SOURCES = checks/pop3.c
checks_pop3_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_pop3_la_LIBADD = src/libserver.la $(CHECK_LIBADD) $(GNUTLS_LIBS)
EXTRA_DIST += checks/pop3.7.in

checkmodule_LTLIBRARIES += checks/pressure.la
CHECK_PAGES += checks/tocsin-check-pressure.7
checks_pressure_la_SOURCES = checks/pressure.c
checks_pressure_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_pressure_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/pressure.7.in

checkmodule_LTLIBRARIES += checks/process.la
CHECK_PAGES += checks/tocsin-check-process.7
checks_process_la_SOURCES = checks/process.c
checks_process_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_process_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/process.7.in

checkmodule_LTLIBRARIES += checks/raid.la
CHECK_PAGES += checks/tocsin-check-raid.7
checks_raid_la_SOURCES = checks/raid.c
checks_raid_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_raid_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/raid.7.in

checkmodule_LTLIBRARIES += checks/reboot.la
CHECK_PAGES += checks/tocsin-check-reboot.7
checks_reboot_la_SOURCES = checks/reboot.c
checks_reboot_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_reboot_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/reboot.7.in

# Few of the modules need jansson, so the reader is built here and not in libmodule.
checkmodule_LTLIBRARIES += checks/smart.la
CHECK_PAGES += checks/tocsin-check-smart.7
checks_smart_la_SOURCES = checks/smart.c src/smart-json.c src/smart-json.h
checks_smart_la_CFLAGS = $(AM_CFLAGS)
checks_smart_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_smart_la_LIBADD = $(CHECK_LIBADD) $(JANSSON_LIBS)
EXTRA_DIST += checks/smart.7.in

checkmodule_LTLIBRARIES += checks/smtp.la
CHECK_PAGES += checks/tocsin-check-smtp.7
checks_smtp_la_SOURCES = checks/smtp.c src/smtp.c src/smtp-name.c src/smtp-open.c src/reply.c src/provider.c \
	src/sasl.c src/sasl-scram.c
checks_smtp_la_CFLAGS = $(AM_CFLAGS)
checks_smtp_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_smtp_la_LIBADD = src/libserver.la $(CHECK_LIBADD) $(GNUTLS_LIBS) $(JANSSON_LIBS)
EXTRA_DIST += checks/smtp.7.in

checkmodule_LTLIBRARIES += checks/tcp.la
CHECK_PAGES += checks/tocsin-check-tcp.7
checks_tcp_la_SOURCES = checks/tcp.c
checks_tcp_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_tcp_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/tcp.7.in

checkmodule_LTLIBRARIES += checks/temperature.la
CHECK_PAGES += checks/tocsin-check-temperature.7
checks_temperature_la_SOURCES = checks/temperature.c
checks_temperature_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_temperature_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/temperature.7.in

checkmodule_LTLIBRARIES += checks/unit.la
CHECK_PAGES += checks/tocsin-check-unit.7
checks_unit_la_SOURCES = checks/unit.c src/journal-line.c src/journal-line.h src/system-bus.c src/system-bus.h
checks_unit_la_CFLAGS = $(AM_CFLAGS)
checks_unit_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_unit_la_LIBADD = $(CHECK_LIBADD) $(SYSTEMD_LIBS)
EXTRA_DIST += checks/unit.7.in

checkmodule_LTLIBRARIES += checks/updates.la
CHECK_PAGES += checks/tocsin-check-updates.7
checks_updates_la_SOURCES = checks/updates.c
checks_updates_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_updates_la_LIBADD = $(CHECK_LIBADD)
EXTRA_DIST += checks/updates.7.in

checkmodule_LTLIBRARIES += checks/users.la
CHECK_PAGES += checks/tocsin-check-users.7
checks_users_la_SOURCES = checks/users.c
checks_users_la_LDFLAGS = $(CHECK_LDFLAGS)
checks_users_la_LIBADD = $(CHECK_LIBADD) $(SYSTEMD_LIBS)
EXTRA_DIST += checks/users.7.in

if CAN_RUN
nodist_man_MANS += $(CHECK_PAGES)
CLEANFILES += $(CHECK_PAGES) $(CHECK_PAGES:=.options)
endif

checks/tocsin-check-%.7: checks/%.7.in checks/%.la src/tocsin src/tocsin-check
	$(AM_V_GEN)TOCSIN_LIBEXEC_DIR=src TOCSIN_CHECK_DIR=checks/.libs ASAN_OPTIONS=detect_leaks=0 \
		TOCSIN_LANGUAGE=en src/tocsin describe --mdoc $* > $@.options && \
		sed -e '/^@options@$$/{' -e 'r $@.options' -e d -e '}' $< > $@.new && mv $@.new $@
