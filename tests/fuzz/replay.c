/* SPDX-License-Identifier: Apache-2.0 */
/* replay: runs a fuzz target over files and folders, each input once, so that a corpus is a test in every build. */
#include <assert.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define INPUT_MAX (8u << 20)

static unsigned inputs;

/* The input lies in memory of exactly its size: a read past its end is seen by the sanitizer. */
static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *at = malloc(size ? size : 1);
	size_t len = file && at ? fread(at, 1, size, file) : 0;
	int error = !file || !at || len != size;

	if (error)
		fprintf(stderr, "replay: cannot read %s\n", path);
	else
		LLVMFuzzerTestOneInput(at, len);
	free(at);
	if (file)
		fclose(file);
	inputs++;
	return error;
}

static int replay_path(const char *path);

static int replay_folder(const char *path)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, NULL, alphasort);
	int errors = n < 0;

	for (int i = 0; i < n; i++) {
		char *inner = NULL;

		if (entries[i]->d_name[0] != '.' &&
			asprintf(&inner, "%s/%s", path, entries[i]->d_name) > 0)
			errors += replay_path(inner);
		free(inner);
		free(entries[i]);
	}
	free(entries);
	return errors;
}

static int replay_path(const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		fprintf(stderr, "replay: there is no %s\n", path);
		return 1;
	}
	if (S_ISDIR(st.st_mode))
		return replay_folder(path);
	if (st.st_size > INPUT_MAX) {
		fprintf(stderr, "replay: %s is too big\n", path);
		return 1;
	}
	return replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int errors = 0;

	for (int i = 1; i < argc; i++)
		errors += replay_path(argv[i]);
	if (!inputs) {
		fprintf(stderr, "replay: no inputs\n");
		return 1;
	}
	printf("%u inputs, %d unreadable\n", inputs, errors);
	return errors != 0;
}
