/*
 * Patterns of bash (bash(1), Pattern Matching) against known text. A backslash in a pattern makes
 * the next byte plain. Holes and extended patterns cannot be told; nor can what would take long.
 */
#include <ctype.h>

#include "policy/shell_internal.h"

/* Bytes of pattern times text that are still matched; patterns with many * are quadratic. */
#define WORK_MAX 20000

static const struct {
    const char *name;
    int (*is)(int);
} classes[] = {
    {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
    {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
    {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
};

/* [:name:] at `at`; the place behind it, or 0. */
static uint32_t class_at(struct text pattern, uint32_t at, unsigned char byte, bool *in)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        uint32_t length = (uint32_t)strlen(classes[i].name);

        if (pattern.length - at >= length + 4 && memcmp(pattern.bytes + at, "[:", 2) == 0 &&
            memcmp(pattern.bytes + at + 2, classes[i].name, length) == 0 &&
            memcmp(pattern.bytes + at + 2 + length, ":]", 2) == 0) {
            *in |= classes[i].is(byte) != 0;
            return at + length + 4;
        }
    }
    return 0;
}

/* A bracket expression at `at`: is the byte in it? Gives the place behind it, or 0 for none. */
static uint32_t bracket(struct text pattern, uint32_t at, unsigned char byte, bool *ret_in)
{
    bool not = false, in = false;
    uint32_t first;

    at++;
    if (at < pattern.length && (pattern.bytes[at] == '!' || pattern.bytes[at] == '^')) {
        not = true;
        at++;
    }
    for (first = at; at < pattern.length && (pattern.bytes[at] != ']' || at == first);) {
        uint32_t behind = class_at(pattern, at, byte, &in);
        unsigned char low, high;

        if (behind != 0) {
            at = behind;
            continue;
        }
        if (pattern.bytes[at] == '\\' && at + 1 < pattern.length)
            at++;
        low = high = (unsigned char)pattern.bytes[at++];
        if (at + 1 < pattern.length && pattern.bytes[at] == '-' && pattern.bytes[at + 1] != ']') {
            high = (unsigned char)pattern.bytes[at + 1];
            at += 2;
        }
        in |= byte >= low && byte <= high;
    }
    if (at >= pattern.length)
        return 0;
    *ret_in = in != not ;
    return at + 1;
}

/* One element of the pattern against one byte: the place behind the element, or 0. */
static uint32_t step(struct text pattern, uint32_t at, unsigned char byte)
{
    bool in;
    uint32_t behind;

    switch (pattern.bytes[at]) {
    case '?':
        return at + 1;
    case '[':
        behind = bracket(pattern, at, byte, &in);
        if (behind != 0)
            return in ? behind : 0;
        break;
    case '\\':
        if (at + 1 < pattern.length)
            at++;
        break;
    }
    return (unsigned char)pattern.bytes[at] == byte ? at + 1 : 0;
}

static bool matches(struct text pattern, struct text text)
{
    uint32_t p = 0, t = 0, star = NOWHERE, star_text = 0;

    while (t < text.length) {
        uint32_t behind;

        if (p < pattern.length && pattern.bytes[p] == '*') {
            star = p++;
            star_text = t;
            continue;
        }
        behind = p < pattern.length ? step(pattern, p, (unsigned char)text.bytes[t]) : 0;
        if (behind != 0) {
            p = behind;
            t++;
        } else if (star != NOWHERE) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.length && pattern.bytes[p] == '*')
        p++;
    return p == pattern.length;
}

/* Can it be told at all? */
static bool is_told(struct text pattern, struct text text)
{
    if (bj_sh_has_hole(pattern) || bj_sh_has_hole(text) ||
        (uint64_t)(pattern.length + 1) * (text.length + 1) > WORK_MAX)
        return false;
    for (uint32_t i = 0; i + 1 < pattern.length; i++) {
        if (pattern.bytes[i] == '\\')
            i++;
        else if (memchr("?*+@!", pattern.bytes[i], 5) != NULL && pattern.bytes[i + 1] == '(')
            return false;
    }
    for (uint32_t i = 0; i < text.length; i++)
        if ((unsigned char)text.bytes[i] >= 0x80)
            return false;
    return true;
}

enum match bj_sh_match(struct text pattern, struct text text)
{
    if (!is_told(pattern, text))
        return MATCH_UNKNOWN;
    return matches(pattern, text) ? MATCH_YES : MATCH_NO;
}

struct text bj_sh_strip(struct walk *walk, struct text text, struct text pattern, char op,
                        bool longest)
{
    (void)walk;
    if (text.length == 0)
        return text;
    if (!is_told(pattern, text) || text.length > 4096)
        return HOLE_TEXT;
    for (uint32_t i = 0; i <= text.length; i++) {
        uint32_t length = longest ? text.length - i : i;
        struct text part = {op == '#' ? text.bytes : text.bytes + text.length - length, length};

        if (matches(pattern, part))
            return op == '#' ? (struct text){text.bytes + length, text.length - length}
                             : (struct text){text.bytes, text.length - length};
    }
    return text;
}

/* The longest match that begins at `at`; NOWHERE if none does. */
static uint32_t longest_at(struct text pattern, struct text text, uint32_t at)
{
    for (uint32_t length = text.length - at + 1; length-- > 0;)
        if (matches(pattern, (struct text){text.bytes + at, length}))
            return length;
    return NOWHERE;
}

/* What stands in the place of a match. */
static struct text replacement(struct walk *walk, struct text with, struct text match)
{
    struct text made = {"", 0};
    uint32_t from = 0;

    for (uint32_t i = 0; i < with.length && bj_sh_step(walk); i++) {
        bool plain = with.bytes[i] == '\\' && i + 1 < with.length &&
                     (with.bytes[i + 1] == '\\' || with.bytes[i + 1] == '&');

        if (!plain && with.bytes[i] != '&')
            continue;
        made = bj_sh_concat(walk, made, (struct text){with.bytes + from, i - from});
        if (!plain)
            made = bj_sh_concat(walk, made, match);
        from = i + 1;
        i += plain;
    }
    return bj_sh_concat(walk, made, (struct text){with.bytes + from, with.length - from});
}

struct text bj_sh_replace(struct walk *walk, struct text text, struct text pattern,
                          struct text with, char where)
{
    struct text done = {"", 0};
    uint32_t at = 0;

    if (pattern.length == 0)
        return text;
    if (!is_told(pattern, text) || text.length > 1024 || bj_sh_has_hole(with))
        return HOLE_TEXT;
    if (where == '%') {
        for (; at <= text.length; at++)
            if (matches(pattern, (struct text){text.bytes + at, text.length - at}))
                return bj_sh_concat(
                    walk, (struct text){text.bytes, at},
                    replacement(walk, with, (struct text){text.bytes + at, text.length - at}));
        return text;
    }
    while (at < text.length && bj_sh_step(walk)) {
        uint32_t length = longest_at(pattern, text, at);

        if (length != NOWHERE && length > 0) {
            done = bj_sh_concat(walk, done,
                                replacement(walk, with, (struct text){text.bytes + at, length}));
            at += length;
        } else {
            done = bj_sh_concat(walk, done, (struct text){text.bytes + at, 1});
            at++;
        }
        if (where == '#' || (where == 0 && length != NOWHERE && length > 0))
            break;
    }
    return bj_sh_concat(walk, done, (struct text){text.bytes + at, text.length - at});
}
