/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cleanup.h"
#include "kernel.h"
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void knows_which_is_newer(void **state)
{
	static const struct {
		const char *a, *b;
		bool newer;
	} cases[] = {
		{ "6.1.0-9-amd64", "6.1.0-18-amd64", true },
		{ "6.1.0-18-amd64", "6.1.0-9-amd64", false },
		{ "6.1.0-18-amd64", "6.1.0-18-amd64", false },
		{ "6.1.0-18-amd64", "6.10.11+bpo-amd64", true },
		{ "6.1.0-18-amd64", "6.1.0-25-cloud-amd64", false },
		{ "6.1.0-18-amd64", "6.1.0-25", false },
		{ "6.8.0-45-generic", "6.8.0-101-generic", true },
		{ "5.14.0-362.8.1.el9_3.x86_64", "5.14.0-362.24.1.el9_3.x86_64", true },
		{ "6.12.43+deb13-amd64", "6.12.48+deb13-amd64", true },
		{ "6.1.0-0.deb11.13-amd64", "6.1.0-0.deb11.21-amd64", true },
		{ "6.7-rc1-amd64", "6.7.1-amd64", false },
		/* the one of a release before its updates: letters are older than numbers */
		{ "5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.el9.x86_64", false },
		{ "5.14.0-427.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64", true },
		{ "4.18.0-553.el8_10.x86_64", "4.18.0-553.5.1.el8_10.x86_64", true },
		{ "5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.13.1.el9_4.x86_64+debug", false },
		{ "5.14.0-427.13.1.el9_4.x86_64", "5.14.0-503.11.1.el9_5.x86_64+debug", false },
		{ "5.14.0-427.13.1.el9_4.x86_64+rt", "5.14.0-503.11.1.el9_5.x86_64", false },
		{ "5.14.0-427.13.1.el9_4.x86_64+rt", "5.14.0-503.11.1.el9_5.x86_64+rt", true },
		{ "5.14.0-427.13.1.el9_4.x86_64+rt", "5.14.0-503.11.1.el9_5.x86_64+rt-debug", false },
		{ "5.14.0-427.13.1.el9_4.x86_64", "6.6.1-1.el9.elrepo.x86_64", false },
		{ "6.5.9-1.el9.elrepo.x86_64", "6.6.1-1.el9.elrepo.x86_64", true },
		{ "4.18.0-553.el8_10.x86_64", "5.15.0-200.131.27.el8uek.x86_64", false },
		{ "5.15.0-200.131.27.el8uek.x86_64", "5.15.0-205.149.5.1.el8uek.x86_64", true },
		{ "6.6.1-arch1-1", "6.6.1-arch1-2", true },
		{ "6.6.1-arch1-1", "6.6.1-arch2-1", true },
		{ "6.6.1-arch2-1", "6.6.10-arch1-1", true },
		{ "6.6.10-arch1-1", "6.6.2-arch1-1", false },
		{ "6.6.1-arch1-1", "6.6.1-zen2-1-zen", false },
		{ "6.6.1-zen1-1-zen", "6.6.1-zen2-1-zen", true },
		{ "6.1.62-1-lts", "6.6.1-arch1-1", false },
		{ "6.1.62-1-lts", "6.1.63-1-lts", true },
		{ "6.6.31+rpt-rpi-v8", "6.6.31+rpt-rpi-v7l", false },
		{ "6.6.31+rpt-rpi-v7", "6.6.31+rpt-rpi-v8", false },
		{ "6.6.31+rpt-rpi-v8", "6.6.51+rpt-rpi-v8", true },
		{ "6.1.21-v8+", "6.1.21-v7l+", false },
		{ "6.5.11-7-pve", "6.5.11-10-pve", true },
		{ "6.12.43+deb13-amd64", "6.12.43+deb13+1-amd64", true },
		{ "5.10.0", "5.10.0+", false },
		{ "6.06.0", "6.6.0", false },
		{ "", "", false },
		{ "-", "6-", true },
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		if (kernel_is_newer(cases[i].a, cases[i].b) != cases[i].newer)
			fail_msg("%s → %s", cases[i].a, cases[i].b);
}

static int image(const void *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

static void reads_an_image(void **state)
{
	static const char version[] = "6.1.0-18-amd64 (x@y) #1 SMP Debian 6.1.76-1 (2024-02-01)";
	unsigned char data[0x400] = { 0 };
	char text[KERNEL_TEXT_MAX];

	memcpy(data + 0x202, "HdrS", 4);
	data[0x20e] = 0x00;
	data[0x20f] = 0x01;
	memcpy(data + 0x300, version, sizeof(version));
	_cleanup_close_ int fd = image(data, sizeof(data));
	assert_int_equal(kernel_image_version(fd, text), 0);
	assert_string_equal(text, version);
	assert_string_equal(kernel_build(text), "#1 SMP Debian 6.1.76-1 (2024-02-01)");
	assert_null(kernel_build("6.1.0"));
}

static void refuses_what_is_none(void **state)
{
	unsigned char data[0x800] = { 0 };
	char text[KERNEL_TEXT_MAX] = "untouched";

	for (size_t len = 0; len < sizeof(data); len += 0x107) {
		_cleanup_close_ int fd = image(data, len);

		assert_int_equal(kernel_image_version(fd, text), -EBADMSG);
	}
	memcpy(data + 0x202, "HdrS", 4);
	static const unsigned char pointers[][2] = { { 0, 0 }, { 0xff, 0xff }, { 0, 0x60 }, { 0, 2 } };
	memset(data + 0x400, 'x', sizeof(data) - 0x400); /* without an end */
	for (size_t i = 0; i < ELEMENTS(pointers); i++) {
		memcpy(data + 0x20e, pointers[i], 2);
		_cleanup_close_ int fd = image(data, sizeof(data));

		assert_int_equal(kernel_image_version(fd, text), -EBADMSG);
	}
	assert_string_equal(text, "untouched");
	assert_int_equal(kernel_image_version(-1, text), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_which_is_newer),
		cmocka_unit_test(reads_an_image),
		cmocka_unit_test(refuses_what_is_none),
	};

	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
