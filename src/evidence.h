/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence that several check modules show: the processes that use most, and the kernel's pressure numbers. Costs one
 * or two scans of /proc, so it is for bad results. Judges nothing. */
#pragma once

#include "tocsin-check.h"

#define EVIDENCE_BUSY 1u /* who uses most CPU, over a fifth of a second (since its start under a recorded root) */
#define EVIDENCE_BLOCKED 2u /* who waits in uninterruptible sleep */
#define EVIDENCE_MEMORY 4u /* who holds most memory, resident and swapped out */

/* Evidence of the KINDS for ITEM, which was reported before; none when /proc cannot be read. */
void evidence_processes(struct tocsin_run *run, const char *item, unsigned kinds);

/* The first lines of /proc/pressure/, where there are such. */
void evidence_pressure(struct tocsin_run *run, const char *item);
