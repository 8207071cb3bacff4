/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users and groups of the host that a check looks at, by name or number. For check modules only. */
#pragma once

#include "tocsin-check.h"

/* A number, or a name in the /etc/passwd (/etc/group) of the root that the run looks at; on the real host also from the
 * name service, which can take its time. -ENOKEY with a reason. */
int account_find_user(struct tocsin_run *run, const char *user, int64_t *ret_uid);
int account_find_group(struct tocsin_run *run, const char *group, int64_t *ret_gid);

struct account_name {
	char text[64];
};

/* What /etc/passwd calls the user, else the number: the name service may be what is down. */
struct account_name account_user_name(struct tocsin_run *run, uint32_t uid);
