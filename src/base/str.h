/* Small string questions. */
#ifndef BJ_BASE_STR_H
#define BJ_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool bj_streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static inline bool bj_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A whole decimal number, nothing before or after it. False, *ret untouched, otherwise. */
bool bj_parse_int64(const char *text, int64_t *ret);

/* Copies with the NUL; false, dst empty, if it does not fit. */
bool bj_str_copy(char *dst, size_t size, const char *src);

/* Is `path` the directory `dir` or below it? Both absolute and without trailing slash. */
bool bj_path_is_below(const char *path, const char *dir);

/*
 * Takes . and .. and double slashes out, by the text alone. False when a relative path leaves where
 * it starts, or when it may not fit into `size` bytes.
 */
bool bj_path_normalise(const char *path, char *ret, size_t size);

/* The fewest digits that read back as the same number; whole ones below 2^53 without exponent. */
#define BJ_NUMBER_TEXT 32
void bj_number_text(double number, char ret[BJ_NUMBER_TEXT]);

/* Edit distance, for "did you mean". Long strings count as far. */
size_t bj_str_distance(const char *a, const char *b);

#endif
