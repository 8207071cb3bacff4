/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The arrays of Linux software RAID as /proc/mdstat shows them (md(4), drivers/md/md.c: md_seq_show). Reads;
 * judges nothing. */
#pragma once

#include "cleanup.h"

#include <stdbool.h>
#include <stddef.h>

#define MD_NAME_MAX 64
#define MD_MEMBERS_MAX 512

struct md_member {
	char name[MD_NAME_MAX]; /* "sda1" */
	bool is_faulty, is_spare, is_replacement, is_journal;
};

/* What is being done to an array, and how far it is. */
struct md_work {
	char what[16];         /* "recovery", "resync", "reshape", "check", "repair"; "": nothing */
	char waits[16];        /* "DELAYED", "PENDING", "REMOTE"; "": it is under way */
	double percent;        /* NAN while it waits */
	double minutes_left;   /* NAN: not told */
	double kib_per_second; /* NAN: not told */
};

struct md_array {
	char name[MD_NAME_MAX];
	char level[MD_NAME_MAX];      /* "raid1"; "" while inactive */
	bool is_active, is_read_only; /* not "auto-read-only", which ends with the first write */
	bool is_container;   /* holds the metadata of other arrays (IMSM, DDF), and is always inactive */
	int wanted, working; /* members; -1 for levels without redundancy, which do not tell */
	struct md_member *members;
	size_t n_members;
	struct md_work work;
	char *text; /* its lines, as they stand there */
};

struct mdstat {
	struct md_array *arrays;
	size_t n;
};

/* 0, -EBADMSG for what is no such file, -errno. */
int mdstat_read(FILE *file, struct mdstat *ret);
void mdstat_free(struct mdstat *m);

#define _cleanup_mdstat_ _cleanup_(mdstat_free)
