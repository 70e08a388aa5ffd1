/* Patterns for paths. Pure. */
#include "files/pattern.h"

#include <string.h>

#include "base/escape.h"
#include "base/str.h"

#define ARENA_MAX     (4 << 20)
#define DEPTH_MAX     16 /* of braces in braces */
#define CHARACTER_MAX 4  /* bytes of one in UTF-8 */

/* ---- braces ---- */

struct expansion {
    struct bj_files_pattern *pattern;
    char text[BJ_FILES_PATTERN_MAX]; /* what is put together so far */
    size_t texts;                    /* finished ones */
    char *finished[BJ_FILES_BRACES_MAX];
};

/* Behind the character at `at`, which a backslash or a class may make longer. NULL: it has no end.
 */
static const char *skip_one(const char *at)
{
    if (*at == '\\')
        return at[1] != '\0' && at[1] != '/' ? at + 2 : NULL;
    if (*at != '[')
        return at + 1;
    at++;
    if (*at == '!' || *at == '^')
        at++;
    if (*at == ']')
        at++;
    while (*at != '\0' && *at != ']' && *at != '/') {
        if (*at == '\\' && at[1] != '\0' && at[1] != '/')
            at++;
        at++;
    }
    return *at == ']' ? at + 1 : NULL;
}

/* The comma or closing brace that ends an alternative of the group that `at` is in. */
static const char *alternative_end(const char *at)
{
    unsigned depth = 0;

    while (at != NULL && *at != '\0') {
        if (depth == 0 && (*at == ',' || *at == '}'))
            return at;
        if (*at == '{')
            depth++;
        else if (*at == '}')
            depth--;
        at = skip_one(at);
    }
    return NULL;
}

static int finish(struct expansion *expansion, size_t length, struct bj_error *err)
{
    char *copy;

    if (expansion->texts == BJ_FILES_BRACES_MAX)
        return bj_fail(err, BJ_E_LIMIT, "pattern", "the braces make more than %d patterns",
                       BJ_FILES_BRACES_MAX);
    copy = bj_arena_copy(&expansion->pattern->arena, expansion->text, length);
    if (copy == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "pattern", "the pattern needs too much memory");
    expansion->finished[expansion->texts++] = copy;
    return 0;
}

static int expand(struct expansion *expansion, size_t length, const char *rest, unsigned depth,
                  struct bj_error *err);

/* `rest` begins with a brace: each of its alternatives followed by what is behind them. */
static int expand_group(struct expansion *expansion, size_t length, const char *rest,
                        unsigned depth, struct bj_error *err)
{
    const char *from = rest + 1, *close = rest + 1, *end;
    char joined[BJ_FILES_PATTERN_MAX];
    int result = 0;

    if (depth == DEPTH_MAX)
        return bj_fail(err, BJ_E_LIMIT, "pattern", "the pattern has too many braces");
    while ((close = alternative_end(close)) != NULL && *close == ',')
        close++;
    if (close == NULL)
        return bj_fail(err, BJ_E_INVALID, "pattern", "a { has no }; write \\{ for the character");
    do {
        size_t first, second = strlen(close + 1);

        end = alternative_end(from);
        first = (size_t)(end - from);
        if (first + second >= sizeof joined)
            return bj_fail(err, BJ_E_LIMIT, "pattern", "the pattern is too long");
        memcpy(joined, from, first);
        memcpy(joined + first, close + 1, second + 1);
        result = expand(expansion, length, joined, depth + 1, err);
        from = end + 1;
    } while (result == 0 && *end == ',');
    return result;
}

static int expand(struct expansion *expansion, size_t length, const char *rest, unsigned depth,
                  struct bj_error *err)
{
    while (*rest != '\0') {
        const char *next = skip_one(rest);
        size_t size;

        if (*rest == '{')
            return expand_group(expansion, length, rest, depth, err);
        if (next == NULL)
            return bj_fail(err, BJ_E_INVALID, "pattern",
                           *rest == '[' ? "a [ has no ]; write \\[ for the character"
                                        : "a backslash in it stands before no character of a name");
        size = (size_t)(next - rest);
        if (length + size >= sizeof expansion->text)
            return bj_fail(err, BJ_E_LIMIT, "pattern", "the pattern is too long");
        memcpy(expansion->text + length, rest, size);
        length += size;
        rest = next;
    }
    return finish(expansion, length, err);
}

/* ---- segments ---- */

static int split(char *text, struct bj_files_alternative *ret, struct bj_error *err)
{
    char *save = text;

    while (save != NULL) {
        char *segment = strsep(&save, "/");

        if (*segment == '\0' || bj_streq(segment, "."))
            continue;
        /* Two in a row mean the same as one. */
        if (bj_streq(segment, "**") && ret->count > 0 &&
            bj_streq(ret->segments[ret->count - 1], "**"))
            continue;
        if (ret->count == BJ_FILES_SEGMENTS - 1)
            return bj_fail(err, BJ_E_LIMIT, "pattern", "the pattern has more than %d names",
                           BJ_FILES_SEGMENTS - 1);
        ret->segments[ret->count++] = segment;
    }
    if (ret->count == 0)
        return bj_fail(err, BJ_E_INVALID, "pattern", "the pattern, or a part of it, is empty");
    return 0;
}

int bj_files_pattern_parse(const char *text, bool ignore_case, struct bj_files_pattern *ret,
                           struct bj_error *err)
{
    struct expansion expansion = {.pattern = ret};
    int result;

    *ret = (struct bj_files_pattern){.ignore_case = ignore_case};
    bj_arena_init(&ret->arena, ARENA_MAX);
    result = expand(&expansion, 0, text, 0, err);
    if (result == 0) {
        ret->count = expansion.texts;
        ret->alternatives = bj_arena_array(&ret->arena, ret->count, sizeof *ret->alternatives);
        if (ret->alternatives == NULL)
            result = bj_fail(err, BJ_E_NO_MEMORY, "pattern", "out of memory");
    }
    for (size_t i = 0; result == 0 && i < ret->count; i++)
        result = split(expansion.finished[i], &ret->alternatives[i], err);
    if (result < 0)
        bj_files_pattern_release(ret);
    return result;
}

void bj_files_pattern_release(struct bj_files_pattern *pattern)
{
    bj_arena_release(&pattern->arena);
    pattern->alternatives = NULL;
    pattern->count = 0;
}

bool bj_files_pattern_is_plain(const char *segment, char *ret, size_t size)
{
    size_t used = 0;

    for (; *segment != '\0'; segment++) {
        if (strchr("*?[", *segment) != NULL)
            return false;
        if (*segment == '\\')
            segment++;
        if (*segment == '\0' || used + 1 >= size)
            return false;
        ret[used++] = *segment;
    }
    ret[used] = '\0';
    return true;
}

/* ---- matching ---- */

/* A character, or a byte that is part of none, which counts as beyond all characters. */
static size_t decode(const char *text, size_t left, uint32_t *ret)
{
    size_t step = bj_text_decode(text, left, ret);

    if (step > 0)
        return step;
    *ret = 0x110000u + (unsigned char)*text;
    return 1;
}

static uint32_t fold(uint32_t point, bool ignore_case)
{
    return ignore_case && point >= 'A' && point <= 'Z' ? point + 32 : point;
}

/* One character of a class, its backslash taken off. */
static size_t class_point(const char *at, uint32_t *ret)
{
    size_t escape = *at == '\\' ? 1 : 0;

    return escape + decode(at + escape, strnlen(at + escape, CHARACTER_MAX), ret);
}

/* At the [ of a class. */
static bool class_matches(const char *at, uint32_t point, bool ignore_case)
{
    bool negated, found = false, first = true;

    at++;
    negated = *at == '!' || *at == '^';
    at += negated;
    for (; first || *at != ']'; first = false) {
        uint32_t from, to;

        at += class_point(at, &from);
        to = from;
        if (*at == '-' && at[1] != ']') {
            at++;
            at += class_point(at, &to);
        }
        found |= fold(point, ignore_case) >= fold(from, ignore_case) &&
                 fold(point, ignore_case) <= fold(to, ignore_case);
        /* A range of capitals matches small letters and the other way round. */
        found |= point >= from && point <= to;
    }
    return found != negated;
}

/* One character of the name against one of the pattern; how long each is. */
static bool one_matches(const char *segment, const char *name, size_t left, bool ignore_case,
                        size_t *ret_pattern, size_t *ret_name)
{
    uint32_t point, wanted;
    size_t escape = *segment == '\\' ? 1 : 0;

    *ret_name = decode(name, left, &point);
    *ret_pattern = (size_t)(skip_one(segment) - segment);
    if (*segment == '?')
        return true;
    if (*segment == '[')
        return class_matches(segment, point, ignore_case);
    *ret_pattern =
        escape + decode(segment + escape, strnlen(segment + escape, CHARACTER_MAX), &wanted);
    return fold(point, ignore_case) == fold(wanted, ignore_case);
}

/* When something does not match the last * takes one more; earlier ones need not be tried again. */
bool bj_files_segment_matches(const char *segment, const char *name, size_t length,
                              bool ignore_case)
{
    const char *end = name + length, *star = NULL, *star_name = NULL;

    while (name < end) {
        size_t pattern_step, name_step;

        if (*segment == '*') {
            star = ++segment;
            star_name = name;
            continue;
        }
        if (*segment != '\0' && one_matches(segment, name, (size_t)(end - name), ignore_case,
                                            &pattern_step, &name_step)) {
            segment += pattern_step;
            name += name_step;
            continue;
        }
        if (star == NULL)
            return false;
        segment = star;
        name = ++star_name;
    }
    while (*segment == '*')
        segment++;
    return *segment == '\0';
}

static bool is_deep(const struct bj_files_alternative *alternative, size_t at)
{
    return at < alternative->count && bj_streq(alternative->segments[at], "**");
}

/* To come to a ** is to have passed it too, unless it is the last: that stands for at least one
 * name. */
static uint64_t reach(const struct bj_files_alternative *alternative, size_t at)
{
    uint64_t states = (uint64_t)1 << at;

    if (is_deep(alternative, at) && at + 1 < alternative->count)
        states |= (uint64_t)1 << (at + 1);
    return states;
}

void bj_files_pattern_start(const struct bj_files_pattern *pattern, bj_files_states states)
{
    for (size_t i = 0; i < pattern->count; i++)
        states[i] = reach(&pattern->alternatives[i], 0);
}

bool bj_files_pattern_step(const struct bj_files_pattern *pattern, const bj_files_states from,
                           const char *name, size_t length, bj_files_states to, bool *ret_possible)
{
    bool matched = false;

    *ret_possible = false;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct bj_files_alternative *alternative = &pattern->alternatives[i];
        uint64_t next = 0, whole = (uint64_t)1 << alternative->count;

        for (size_t at = 0; at < alternative->count; at++) {
            if (!(from[i] & (uint64_t)1 << at))
                continue;
            if (is_deep(alternative, at))
                next |= reach(alternative, at) | (at + 1 == alternative->count ? whole : 0);
            else if (bj_files_segment_matches(alternative->segments[at], name, length,
                                              pattern->ignore_case))
                next |= reach(alternative, at + 1);
        }
        to[i] = next;
        matched |= (next & whole) != 0;
        *ret_possible |= (next & ~whole) != 0;
    }
    return matched;
}

bool bj_files_pattern_matches(const struct bj_files_pattern *pattern, const char *path)
{
    bj_files_states states, next;
    bool matched = false, possible = true;

    bj_files_pattern_start(pattern, states);
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (!possible)
            return false;
        matched = bj_files_pattern_step(pattern, states, path, length, next, &possible);
        memcpy(states, next, pattern->count * sizeof *states);
        path += length + (path[length] == '/');
    }
    return matched;
}
