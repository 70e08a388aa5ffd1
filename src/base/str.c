/* Small string questions. */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DISTANCE_MAX 64

bool bj_parse_int64(const char *text, int64_t *ret)
{
    char *end;
    long long value;

    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    *ret = value;
    return true;
}

bool bj_str_copy(char *dst, size_t size, const char *src)
{
    size_t length = strlen(src);

    if (length >= size) {
        dst[0] = '\0';
        return false;
    }
    memcpy(dst, src, length + 1);
    return true;
}

bool bj_path_is_below(const char *path, const char *dir)
{
    size_t length = strlen(dir);

    if (bj_streq(dir, "/"))
        return path[0] == '/';
    return strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool bj_path_normalise(const char *path, char *ret, size_t size)
{
    bool absolute = path[0] == '/';
    size_t length = 0;

    if (strlen(path) >= size)
        return false;
    for (const char *at = path; *at != '\0';) {
        size_t part = strcspn(at, "/");

        if (part == 2 && at[0] == '.' && at[1] == '.') {
            if (length == 0 && !absolute)
                return false;
            while (length > 0 && ret[--length] != '/')
                continue;
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (length > 0 || absolute)
                ret[length++] = '/';
            memcpy(ret + length, at, part);
            length += part;
        }
        at += part;
        at += *at == '/';
    }
    if (length == 0)
        ret[length++] = absolute ? '/' : '.';
    ret[length] = '\0';
    return true;
}

void bj_number_text(double number, char ret[BJ_NUMBER_TEXT])
{
    if (number > -0x1p53 && number < 0x1p53 && number == (double)(int64_t)number) {
        snprintf(ret, BJ_NUMBER_TEXT, "%lld", (long long)number);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(ret, BJ_NUMBER_TEXT, "%.*g", digits, number);
        if (strtod(ret, NULL) == number)
            return;
    }
}

size_t bj_str_distance(const char *a, const char *b)
{
    size_t row[DISTANCE_MAX + 1], a_length = strlen(a), b_length = strlen(b);

    if (a_length > DISTANCE_MAX || b_length > DISTANCE_MAX)
        return DISTANCE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b_length];
}
