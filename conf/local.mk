# SPDX-License-Identifier: GPL-3.0-or-later

# The configuration as it is packaged; the user's own files belong into conf.d or replace it.
tocsinconfdir = $(sysconfdir)/tocsin
dist_tocsinconf_DATA = conf/tocsin.conf
# Unit, user, .pc file and manuals. The templates are filled by make, not by configure, because $(bindir) and its like
# are known only here.
sysusersdir = $(prefix)/lib/sysusers.d
pkgconfigdir = $(libdir)/pkgconfig
systemdsystemunit_DATA = conf/tocsin.service conf/tocsin-failed.service
dist_systemdsystemunit_DATA = conf/tocsin.socket
dist_man_MANS = conf/tocsin.1 conf/tocsin.conf.5 conf/tocsind.8
pkgconfig_DATA = conf/tocsin-check.pc
EXTRA_DIST += conf/tocsin-failed.service.in
EXTRA_DIST += conf/tocsin.service.in conf/tocsin-check.pc.in conf/tocsin.sysusers
CLEANFILES += conf/tocsin.service conf/tocsin-failed.service conf/tocsin-check.pc

FILL_IN = $(AM_V_GEN)$(MKDIR_P) conf && sed \
	-e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@prefix[@]|$(prefix)|g' \
	-e 's|@includedir[@]|$(includedir)|g' \
	-e 's|@checkdir[@]|$(checkmoduledir)|g' \
	-e 's|@version[@]|$(PACKAGE_VERSION)|g' \
	$(srcdir)/$@.in > $@.new && mv $@.new $@

conf/tocsin.service: conf/tocsin.service.in Makefile
	$(FILL_IN)
conf/tocsin-failed.service: conf/tocsin-failed.service.in Makefile
	$(FILL_IN)
conf/tocsin-check.pc: conf/tocsin-check.pc.in Makefile
	$(FILL_IN)

# Drop-ins for what the sandbox of the service does not allow.
serviceexamplesdir = $(docdir)/examples
dist_serviceexamples_DATA =
dist_serviceexamples_DATA += conf/service-examples/clock.conf
dist_serviceexamples_DATA += conf/service-examples/journal.conf
dist_serviceexamples_DATA += conf/service-examples/ping-sysctl.conf
dist_serviceexamples_DATA += conf/service-examples/root-plugins.conf
dist_serviceexamples_DATA += conf/service-examples/smart.conf

install-data-local: install-sysusers
install-sysusers:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(sysconfdir)/tocsin/conf.d'
	$(INSTALL_DATA) $(srcdir)/conf/tocsin.sysusers '$(DESTDIR)$(sysusersdir)/tocsin.conf'
uninstall-local: uninstall-sysusers
uninstall-sysusers:
	rm -f '$(DESTDIR)$(sysusersdir)/tocsin.conf'
	-rmdir '$(DESTDIR)$(sysconfdir)/tocsin/conf.d' 2> /dev/null
.PHONY: install-sysusers uninstall-sysusers

# What journalctl -x says.
catalogdir = $(prefix)/lib/systemd/catalog
dist_catalog_DATA = conf/tocsin.catalog

# Rules for Prometheus, to be copied to where it runs.
rulesdir = $(docdir)/prometheus
dist_rules_DATA = conf/prometheus/tocsin.rules.yml

# The unit's folder lies outside the prefix, which distcheck may not write.
AM_DISTCHECK_CONFIGURE_FLAGS = --with-systemdsystemunitdir='$$dc_install_base/lib/systemd/system'

# Completion, where the shells look for it below any prefix; Debian's zsh looks elsewhere.
bashcompletiondir = $(datarootdir)/bash-completion/completions
zshcompletiondir = $(datarootdir)/zsh/site-functions
fishcompletiondir = $(datarootdir)/fish/vendor_completions.d
dist_zshcompletion_DATA = conf/completion/_tocsin
dist_fishcompletion_DATA = conf/completion/tocsin.fish
EXTRA_DIST += conf/completion/tocsin.bash

install-data-local: install-bash-completion
install-bash-completion:
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)'
	$(INSTALL_DATA) $(srcdir)/conf/completion/tocsin.bash '$(DESTDIR)$(bashcompletiondir)/tocsin'
uninstall-local: uninstall-bash-completion
uninstall-bash-completion:
	rm -f '$(DESTDIR)$(bashcompletiondir)/tocsin'
.PHONY: install-bash-completion uninstall-bash-completion
