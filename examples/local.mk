# SPDX-License-Identifier: GPL-3.0-or-later
# What a newcomer copies, and the tutorial in which it stands. The code is nowhere else: the page takes it from here.
devexamplesdir = $(datarootdir)/doc/tocsin-dev
nobase_dist_devexamples_DATA = examples/Makefile examples/waiting.c
nobase_dist_devexamples_DATA += examples/tests/few/spool/one
nobase_dist_devexamples_DATA += examples/tests/many/spool/one
nobase_dist_devexamples_DATA += examples/tests/many/spool/two
nobase_dist_devexamples_DATA += examples/tests/many/spool/three
nobase_dist_devexamples_SCRIPTS = examples/check_waiting examples/tests/run

nodist_man_MANS += conf/tocsin-check.7
EXTRA_DIST += conf/tocsin-check.7.in
CLEANFILES += conf/tocsin-check.7

# A backslash, and a point at the begin of a line, mean something in a manual page.
conf/tocsin-check.7: conf/tocsin-check.7.in examples/waiting.c examples/check_waiting
	$(AM_V_GEN)$(MKDIR_P) conf && awk -v folder='$(srcdir)/examples' ' \
		/^@example .*@$$/ { \
			name = folder "/" substr($$2, 1, length($$2) - 1); \
			while ((getline line < name) > 0) { \
				gsub(/\\/, "\\e", line); \
				sub(/^[.\047]/, "\\\\\\&&", line); \
				print line; \
			} \
			next; \
		} \
		{ print }' $(srcdir)/conf/tocsin-check.7.in > $@.new && mv $@.new $@
