# SPDX-License-Identifier: GPL-3.0-or-later
# Everything but the main programs is in one static library, which tests and fuzzers link too: a program gets
# only the objects that it uses, and the libraries that they need are named beside the program.
noinst_LIBRARIES += src/libtocsin.a
src_libtocsin_a_SOURCES =
src_libtocsin_a_SOURCES += src/buf.c src/buf.h
src_libtocsin_a_SOURCES += src/cleanup.h
src_libtocsin_a_SOURCES += src/clock.c src/clock.h
src_libtocsin_a_SOURCES += src/log.c src/log.h
src_libtocsin_a_SOURCES += src/mime.c src/mime.h
src_libtocsin_a_SOURCES += src/msg.c src/msg.h
src_libtocsin_a_SOURCES += src/page-html.c src/page-text.c src/page.h
src_libtocsin_a_SOURCES += src/report.c src/report.h
src_libtocsin_a_SOURCES += src/state.c src/state.h
src_libtocsin_a_SOURCES += src/store-tables.c src/store.h
src_libtocsin_a_SOURCES += src/stream.h
src_libtocsin_a_SOURCES += src/text.c src/text.h
src_libtocsin_a_SOURCES += src/units.c src/units.h

include_HEADERS = src/tocsin-check.h
