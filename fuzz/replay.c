/*
 * Runs a fuzzer's function once on every file of the directories named: the corpus as a test, with
 * whatever sanitizers this build has, without libFuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1 << 20)

static int replay_file(const char *path)
{
    BJ_CLEANUP_FREE char *text = NULL;
    struct bj_error err = {0};
    size_t length = 0;

    if (bj_read_file(path, INPUT_MAX, &text, &length, &err) < 0) {
        fprintf(stderr, "replay: %s\n", err.message);
        return -1;
    }
    fprintf(stderr, "%s\n", path); /* the last one printed is the one that broke */
    LLVMFuzzerTestOneInput((const uint8_t *)text, length);
    return 0;
}

static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (directory == NULL) {
        perror(path);
        return -1;
    }
    while ((entry = readdir(directory)) != NULL) {
        char file[BJ_PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= (int)sizeof file ||
            replay_file(file) < 0) {
            closedir(directory);
            return -1;
        }
        count++;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = replay_directory(argv[i]);

        if (count < 0)
            return 1;
        if (count == 0) {
            fprintf(stderr, "replay: %s is empty\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], count);
    }
    return argc > 1 ? 0 : 1;
}
