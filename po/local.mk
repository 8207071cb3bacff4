# SPDX-License-Identifier: GPL-3.0-or-later
# Catalogues. po/LANGUAGE.po is edited by people; po/update brings new sentences into it. What msgfmt makes of it becomes a
# part of the programs (src/language.c).
LANGUAGES = zh_CN
EXTRA_DIST += po/update po/zh_CN.po

src/language.$(OBJEXT): po/catalogues.h
CLEANFILES += po/catalogues.h po/*.mo

po/catalogues.h: po/zh_CN.po po/local.mk
	$(AM_V_GEN)$(MKDIR_P) po && for language in $(LANGUAGES); do \
		$(MSGFMT) --check-format --no-hash --endianness=little -o po/$$language.mo $(srcdir)/po/$$language.po && \
		echo "static const unsigned char catalogue_$$language[] = {" && \
		od -An -v -tu1 po/$$language.mo | sed 's/\([0-9]\)  */\1,/g; s/\([0-9]\)$$/\1,/' && \
		echo "};" || exit 1; \
	done > $@.new && mv $@.new $@
