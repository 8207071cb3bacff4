/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzzer over the files that are named, without libFuzzer: so the corpora run in the ordinary tests. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run(const char *path)
{
	static uint8_t data[4 * 1024 * 1024];
	FILE *f = fopen(path, "rbe");

	if (!f) {
		perror(path);
		return -1;
	}
	size_t len = fread(data, 1, sizeof(data), f);
	fclose(f);

	/* A copy of the exact size, so that reading past its end is noticed. */
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		return -1;
	for (size_t i = 0; i < len; i++)
		copy[i] = data[i];
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (run(argv[i]) < 0)
			return EXIT_FAILURE;
	return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
