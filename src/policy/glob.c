/* Wildcards within a name. */
#include "policy/glob.h"

#include <string.h>

/* The beginning of a character: not a continuation byte of UTF-8. */
static bool is_first_byte(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* How much of the text at `at` the single pattern character at `p` takes; 0 if it does not match.
 */
static size_t take(const char *pattern, size_t *p, size_t pattern_length, const char *text,
                   size_t at, size_t length)
{
    size_t from = at++;

    if (pattern[*p] == '?') {
        while (at < length && !is_first_byte(text[at]))
            at++;
        ++*p;
        return at - from;
    }
    if (pattern[*p] == '\\' && *p + 1 < pattern_length)
        ++*p;
    return pattern[(*p)++] == text[from] ? 1 : 0;
}

/*
 * When something does not match, the last * takes one more byte; earlier ones need not be tried
 * again, since what stands between two of them was matched at its first place already.
 */
bool bj_glob_matches(const char *pattern, size_t pattern_length, const char *text, size_t length)
{
    size_t p = 0, at = 0, star = pattern_length, star_at = 0;

    while (at < length) {
        size_t taken = 0, before = p;

        if (p < pattern_length && pattern[p] == '*') {
            star = p++;
            star_at = at;
            continue;
        }
        if (p < pattern_length)
            taken = take(pattern, &p, pattern_length, text, at, length);
        if (taken > 0) {
            at += taken;
            continue;
        }
        p = before;
        if (star == pattern_length)
            return false;
        p = star + 1;
        at = ++star_at;
    }
    while (p < pattern_length && pattern[p] == '*')
        p++;
    return p == pattern_length;
}

bool bj_glob_has_wildcards(const char *pattern, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (pattern[i] == '\\')
            i++;
        else if (pattern[i] == '*' || pattern[i] == '?')
            return true;
    }
    return false;
}
