# SPDX-License-Identifier: GPL-3.0-or-later

# The configuration as it is packaged; the user's own files belong into conf.d or replace it.
tocsinconfdir = $(sysconfdir)/tocsin
dist_tocsinconf_DATA = conf/tocsin.conf
