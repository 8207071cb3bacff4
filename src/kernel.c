/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernel.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_AT 0x202   /* "HdrS" */
#define POINTER_AT 0x20e /* 16 bits, little-endian, counted from 0x200 */
#define POINTER_BASE 0x200
#define SETUP_MAX 0x8000 /* the setup code that the pointer points into is smaller */

static const char *flavour_of(const char *release)
{
	for (const char *s = release; (s = strchr(s, '-')); s++)
		if (isalpha((unsigned char)s[1]))
			return s;
	return release + strlen(release);
}

bool kernel_is_newer(const char *a, const char *b)
{
	char version_a[KERNEL_TEXT_MAX] = "", version_b[KERNEL_TEXT_MAX] = "";
	const char *flavour_a = flavour_of(a), *flavour_b = flavour_of(b);
	size_t len_a = (size_t)(flavour_a - a), len_b = (size_t)(flavour_b - b);

	if (strcmp(flavour_a, flavour_b) != 0 || len_a >= KERNEL_TEXT_MAX || len_b >= KERNEL_TEXT_MAX)
		return false;
	memcpy(version_a, a, len_a);
	memcpy(version_b, b, len_b);
	return strverscmp(version_b, version_a) > 0;
}

static int read_at(int fd, void *data, size_t len, off_t at)
{
	ssize_t n = pread(fd, data, len, at);

	return n < 0 ? -errno : n < (ssize_t)len ? -EBADMSG : 0;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (!isprint((unsigned char)*text))
			return false;
	return true;
}

int kernel_image_version(int fd, char ret[KERNEL_TEXT_MAX])
{
	unsigned char magic[4], pointer[2];
	char text[KERNEL_TEXT_MAX] = "";

	int r = read_at(fd, magic, sizeof(magic), MAGIC_AT);
	if (r == 0)
		r = read_at(fd, pointer, sizeof(pointer), POINTER_AT);
	if (r < 0)
		return r;
	unsigned at = pointer[0] | (unsigned)pointer[1] << 8;
	if (memcmp(magic, "HdrS", sizeof(magic)) != 0 || at == 0 || at > SETUP_MAX)
		return -EBADMSG;
	ssize_t n = pread(fd, text, sizeof(text) - 1, POINTER_BASE + (off_t)at);
	if (n < 0)
		return -errno;
	if (!*text || strlen(text) == sizeof(text) - 1 || !is_printable(text))
		return -EBADMSG;
	memcpy(ret, text, sizeof(text));
	return 0;
}

const char *kernel_build(const char *version)
{
	const char *build = strstr(version, " #");

	return build ? build + 1 : NULL;
}
