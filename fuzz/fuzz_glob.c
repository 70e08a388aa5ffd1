/*
 * Fuzzes patterns for paths: the first line is the pattern, the rest a path. Beside memory errors
 * it looks for a refusal without a message and for a match that going name by name would not find.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "files/pattern.h"

#define TEXT_MAX 1024

static void expect(bool holds)
{
    if (!holds)
        abort();
}

/* What says that nothing below can match must be right. */
static void walk(const struct bj_files_pattern *pattern, const char *path)
{
    bj_files_states states, next;
    bool possible = true, matched = false;

    bj_files_pattern_start(pattern, states);
    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, "/");

        matched = bj_files_pattern_step(pattern, states, at, length, next, &possible) && possible;
        memcpy(states, next, pattern->count * sizeof *states);
        at += length + (at[length] == '/');
    }
    if (matched)
        expect(bj_files_pattern_matches(pattern, path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    size_t length = line != NULL ? (size_t)(line - data) : size;
    struct bj_files_pattern pattern;
    struct bj_error err = {0};
    char *text, *path, plain[TEXT_MAX];

    if (size > TEXT_MAX || memchr(data, '\0', size) != NULL)
        return 0;
    text = bj_strndup((const char *)data, length);
    path = bj_strndup(line != NULL ? (const char *)line + 1 : "",
                      line != NULL ? size - length - 1 : 0);
    expect(text != NULL && path != NULL);
    if (bj_files_pattern_parse(text, size % 2 == 0, &pattern, &err) < 0) {
        expect(err.message[0] != '\0');
    } else {
        bj_files_pattern_matches(&pattern, path);
        walk(&pattern, path);
        bj_files_pattern_release(&pattern);
    }
    bj_files_pattern_is_plain(text, plain, sizeof plain);
    bj_free(text);
    bj_free(path);
    return 0;
}
