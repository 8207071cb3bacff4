/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "account.h"

#include "cleanup.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

static bool parse_id(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number >= UINT32_MAX)
		return false;
	*ret = (int64_t)number;
	return true;
}

int account_find_user(struct tocsin_run *run, const char *user, int64_t *ret_uid)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/etc/passwd");
	struct passwd *entry;

	if (parse_id(user, ret_uid))
		return 0;
	while (file && (entry = fgetpwent(file)))
		if (strcmp(entry->pw_name, user) == 0) {
			*ret_uid = entry->pw_uid;
			return 0;
		}
	entry = *tocsin_root(run) ? NULL : getpwnam(user);
	if (!entry) {
		tocsin_reason(run, "there is no user '%s' on this host", user);
		return -ENOKEY;
	}
	*ret_uid = entry->pw_uid;
	return 0;
}

int account_find_group(struct tocsin_run *run, const char *group, int64_t *ret_gid)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/etc/group");
	struct group *entry;

	if (parse_id(group, ret_gid))
		return 0;
	while (file && (entry = fgetgrent(file)))
		if (strcmp(entry->gr_name, group) == 0) {
			*ret_gid = entry->gr_gid;
			return 0;
		}
	entry = *tocsin_root(run) ? NULL : getgrnam(group);
	if (!entry) {
		tocsin_reason(run, "there is no group '%s' on this host", group);
		return -ENOKEY;
	}
	*ret_gid = entry->gr_gid;
	return 0;
}

struct account_name account_user_name(struct tocsin_run *run, uint32_t uid)
{
	_cleanup_fclose_ FILE *file = tocsin_fopen(run, "/etc/passwd");
	const struct passwd *entry = file ? fgetpwent(file) : NULL;
	struct account_name name;

	while (entry && entry->pw_uid != uid)
		entry = fgetpwent(file);
	if (entry)
		snprintf(name.text, sizeof(name.text), "%s", entry->pw_name);
	else
		snprintf(name.text, sizeof(name.text), "%" PRIu32, uid);
	return name;
}
