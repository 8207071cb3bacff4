/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that survive from one run of a check to the next: the runner keeps numbers only, so a text becomes
 * several of them, called KEY.0, KEY.1 and so on. For check modules only. */
#pragma once

#include "tocsin-check.h"

#include <stdbool.h>

/* Keeps TEXT, one number for each six bytes. "" forgets it. */
void remember_text(struct tocsin_run *run, const char *key, const char *text);

/* False: nothing is known. TEXT then is "". What does not fit into SIZE bytes is cut. */
bool recall_text(struct tocsin_run *run, const char *key, char *text, size_t size);
