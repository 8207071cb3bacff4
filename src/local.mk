# SPDX-License-Identifier: GPL-3.0-or-later
# Everything but the main programs is in one static library, which tests and fuzzers link too: a program gets
# only the objects that it uses, and the libraries that they need are named beside the program.
noinst_LIBRARIES += src/libtocsin.a
src_libtocsin_a_SOURCES =
src_libtocsin_a_SOURCES += src/buf.c src/buf.h
src_libtocsin_a_SOURCES += src/certificate.c src/certificate.h
src_libtocsin_a_SOURCES += src/cleanup.h
src_libtocsin_a_SOURCES += src/clock.c src/clock.h
src_libtocsin_a_SOURCES += src/connect.c src/connect.h
src_libtocsin_a_SOURCES += src/conf.c src/conf.h src/conf-table.h
src_libtocsin_a_SOURCES += src/conf-read.c
src_libtocsin_a_SOURCES += src/ini-guard.c src/ini-guard.h
src_libtocsin_a_SOURCES += src/log.c src/log.h
src_libtocsin_a_SOURCES += src/msg.c src/msg.h
src_libtocsin_a_SOURCES += src/mail-helper.c src/mail-helper.h
src_libtocsin_a_SOURCES += src/mailer.c src/mailer.h
src_libtocsin_a_SOURCES += src/option.c src/option.h
src_libtocsin_a_SOURCES += src/content.c src/content.h
src_libtocsin_a_SOURCES += src/provider.c src/provider.h
src_libtocsin_a_SOURCES += src/reply.c src/reply.h
src_libtocsin_a_SOURCES += src/sasl.c src/sasl.h src/sasl-internal.h
src_libtocsin_a_SOURCES += src/sasl-scram.c
src_libtocsin_a_SOURCES += src/secret.c src/secret.h
src_libtocsin_a_SOURCES += src/smtp.c src/smtp.h src/smtp-internal.h
src_libtocsin_a_SOURCES += src/smtp-open.c
src_libtocsin_a_SOURCES += src/smtp-send.c
src_libtocsin_a_SOURCES += src/state.c src/state.h
src_libtocsin_a_SOURCES += src/store-tables.c src/store.h
src_libtocsin_a_SOURCES += src/stream.h
src_libtocsin_a_SOURCES += src/text.c src/text.h
src_libtocsin_a_SOURCES += src/transport.c src/transport.h
src_libtocsin_a_SOURCES += src/units.c src/units.h

include_HEADERS = src/tocsin-check.h

pkglibexec_PROGRAMS += src/tocsin-mail
src_tocsin_mail_SOURCES = src/tocsin-mail.c
src_tocsin_mail_LDADD = src/libtocsin.a $(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) -lm
