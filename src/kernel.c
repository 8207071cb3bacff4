/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kernel.h"

#include "cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_AT 0x202   /* "HdrS" */
#define POINTER_AT 0x20e /* 16 bits, little-endian, counted from 0x200 */
#define POINTER_BASE 0x200
#define SETUP_MAX 0x8000 /* the setup code that the pointer points into is smaller */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* "arch1-1" of "6.6.1-arch1-1": a round of patches and one of packaging, parts of the version. */
static bool is_round(const char *s)
{
	size_t letters = strspn(s, LETTERS), digits = strspn(s + letters, DIGITS);

	s += letters + digits;
	return letters > 0 && digits > 0 && s[0] == '-' && isdigit((unsigned char)s[1]);
}

static const char *flavour_of(const char *release)
{
	const char *plus = strrchr(release, '+');

	for (const char *s = release; (s = strchr(s, '-')); s++)
		if (isalpha((unsigned char)s[1]) && !is_round(s + 1))
			return s;
	return plus && isalpha((unsigned char)plus[1]) ? plus : release + strlen(release);
}

/* Some kernels of one distribution differ by a word amid the version only. */
static const char *line_of(const char *release)
{
	static const char *const lines[] = { "uek", ".elrepo.", ".plus." };

	for (size_t i = 0; i < ELEMENTS(lines); i++)
		if (strstr(release, lines[i]))
			return lines[i];
	return "";
}

static int compare_numbers(const char *a, size_t len_a, const char *b, size_t len_b)
{
	for (; len_a > 1 && *a == '0'; len_a--)
		a++;
	for (; len_b > 1 && *b == '0'; len_b--)
		b++;
	return len_a != len_b ? (len_a > len_b ? 1 : -1) : memcmp(a, b, len_a);
}

static int compare_words(const char *a, size_t len_a, const char *b, size_t len_b)
{
	int r = memcmp(a, b, len_a < len_b ? len_a : len_b);

	return r != 0 ? r : (len_a > len_b) - (len_a < len_b);
}

/* Numbers and words in turn; a number is newer than a word, as updates ("-427.13.1.el9_4") add numbers before
 * it ("-427.el9"). */
static int compare_versions(const char *a, const char *b)
{
	for (;;) {
		a += strcspn(a, LETTERS DIGITS);
		b += strcspn(b, LETTERS DIGITS);
		if (!*a || !*b)
			return (*a != '\0') - (*b != '\0');
		bool is_number = isdigit((unsigned char)*a);
		if (is_number != (bool)isdigit((unsigned char)*b))
			return is_number ? 1 : -1;
		size_t len_a = strspn(a, is_number ? DIGITS : LETTERS);
		size_t len_b = strspn(b, is_number ? DIGITS : LETTERS);
		int r = is_number ? compare_numbers(a, len_a, b, len_b) : compare_words(a, len_a, b, len_b);
		if (r != 0)
			return r;
		a += len_a;
		b += len_b;
	}
}

bool kernel_is_newer(const char *a, const char *b)
{
	char version_a[KERNEL_TEXT_MAX] = "", version_b[KERNEL_TEXT_MAX] = "";
	const char *flavour_a = flavour_of(a), *flavour_b = flavour_of(b);
	size_t len_a = (size_t)(flavour_a - a), len_b = (size_t)(flavour_b - b);

	if (strcmp(flavour_a, flavour_b) != 0 || strcmp(line_of(a), line_of(b)) != 0 ||
		len_a >= KERNEL_TEXT_MAX || len_b >= KERNEL_TEXT_MAX)
		return false;
	memcpy(version_a, a, len_a);
	memcpy(version_b, b, len_b);
	return compare_versions(version_b, version_a) > 0;
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
