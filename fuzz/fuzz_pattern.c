/*
 * Fuzzes patterns: the first line is the pattern, the rest a text in which the bytes of holes stand
 * for unknown parts. Beside memory errors it looks for broken promises: a refusal without a
 * message, a match that the automaton says cannot be, and a text that stops matching when some of
 * it is no longer known.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/could_match.h"
#include "policy/pattern.h"

#define PATTERN_MAX 512
#define TEXT_MAX    512

static void expect(bool holds)
{
    if (!holds)
        abort();
}

/* Puts a hole in place of one stretch: what matched could still match. */
static void forget(struct bj_pattern *pattern, const char *text, size_t length)
{
    char *copy = bj_strndup(text, length);
    size_t from = length / 3;

    if (copy != NULL && length > 0) {
        copy[from] = BJ_HOLE_WORDS;
        expect(bj_pattern_could_match(pattern, copy, length, 0));
    }
    bj_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    size_t length = line != NULL ? (size_t)(line - data) : size;
    struct bj_pattern *pattern = NULL;
    struct bj_error err = {0};
    char *source, *text;

    if (length > PATTERN_MAX || memchr(data, '\0', length) != NULL || size - length > TEXT_MAX)
        return 0;
    source = bj_strndup((const char *)data, length);
    if (source == NULL)
        return 0;
    if (bj_pattern_new(source, &pattern, &err) < 0) {
        expect(err.message[0] != '\0' && err.code == BJ_E_CONFIG);
    } else {
        size_t text_length = line != NULL ? size - length - 1 : 0;

        text = bj_alloc(text_length + 1);
        expect(text != NULL);
        if (text_length > 0)
            memcpy(text, line + 1, text_length);
        if (bj_pattern_match(pattern, text, text_length, 0) == BJ_MATCH_YES) {
            expect(bj_pattern_could_match(pattern, text, text_length, 0));
            expect(text_length == 0 || bj_pattern_can_start(pattern, text[0]));
            forget(pattern, text, text_length);
        }
        bj_pattern_could_match(pattern, text, text_length, 0);
        bj_free(text);
        bj_pattern_free(pattern);
    }
    bj_free(source);
    return 0;
}
