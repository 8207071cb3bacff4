/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words that people read, in the language of the configuration (language.h).
 *
 * A sentence is written in English where it is used, and marked so that xgettext(1) finds it:
 *
 *   _("after %s")              looked up here and now
 *   N_("after %s")             only marked: a constant in a table, looked up by _(row->text) where it is used
 *   C_("duration", "h")        looked up with a context, where one English word has two meanings
 *   CN_("duration", "h")       only marked, with its context; _() looks it up
 *
 * What takes a format from everywhere (conf_add_problem(), text_error(), verdict_add(), tocsin_item() …) looks it up itself;
 * po/update lists these functions for xgettext, and what is handed to them is not marked.
 *
 * In every language the same, so that filters and searches survive: states, RECOVERED and the other words of subjects, keys
 * and sections, names of metrics and units, JSON, commands, and the daemon's own log. */
#pragma once

#include <stddef.h>

#define _(text) translate(text)
#define N_(text) text
#define C_(context, text) translate(CN_(context, text))
#define CN_(context, text) context TRANSLATE_CONTEXT text
#define TRANSLATE_CONTEXT "\004" /* as in .mo files */

/* TEXT in the language in use, or as it is when that is English or does not know it. Static. */
const char *translate(const char *text) __attribute__((__format_arg__(1)));

/* From now on texts come from this .mo file (gettext manual, "The Format of GNU MO Files"; little-endian, as msgfmt
 * --endianness=little makes it), which stays in memory; NULL: from none. What is no .mo file is as none, -EBADMSG. */
int translate_from(const unsigned char *catalogue, size_t size);
