/*
 * Texts of single values: sizes, times, domains, paths; and how a foreign text is shown in a
 * message. Pure but for bj_host_path(), which may ask for the current directory.
 */
#include "model/options_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

struct bj_quoted bj_quote(const char *text)
{
    struct bj_quoted quoted = {.text = "\""};
    size_t used = 1, room = sizeof quoted.text - 6; /* for …, the quote and the NUL */

    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool plain = byte >= ' ' && byte != 0x7f && byte != '"' && byte != '\\';
        char piece[8];
        size_t length;

        /* C1 control characters (U+0080 to U+009F) are two bytes: keep to ASCII. */
        if (plain && byte < 0x80)
            snprintf(piece, sizeof piece, "%c", byte);
        else
            snprintf(piece, sizeof piece, "\\x%02x", byte);
        length = strlen(piece);
        if (used + length > room) {
            memcpy(quoted.text + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(quoted.text + used, piece, length);
        used += length;
    }
    quoted.text[used] = '"';
    quoted.text[used + 1] = '\0';
    return quoted;
}

/* Digits at the start of *text, which then points behind them. */
static bool parse_digits(const char **text, int64_t *ret)
{
    const char *at = *text;
    int64_t value = 0;

    if (!isdigit((unsigned char)*at))
        return false;
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return false;
    }
    *text = at;
    *ret = value;
    return true;
}

/* The unit may be written 512m, 512M, 512mb or 512MiB. */
bool bj_parse_size_mb(const char *text, int64_t *ret)
{
    static const struct {
        char letter;
        int64_t times, per;
    } units[] = {{'k', 1, 1024}, {'m', 1, 1}, {'g', 1024, 1}, {'t', 1 << 20, 1}};
    int64_t value;

    if (!parse_digits(&text, &value))
        return false;
    if (*text == '\0') {
        *ret = value;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const char *rest = text + 1;

        if (tolower((unsigned char)*text) != units[i].letter)
            continue;
        if (*rest != '\0' && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)
            return false;
        if (value % units[i].per != 0 || __builtin_mul_overflow(value, units[i].times, &value))
            return false;
        *ret = value / units[i].per;
        return true;
    }
    return false;
}

bool bj_parse_seconds(const char *text, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    int64_t value;

    if (!parse_digits(&text, &value))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!bj_streq(text, units[i].unit))
            continue;
        if (__builtin_mul_overflow(value, units[i].seconds, &value))
            return false;
        *ret = value;
        return true;
    }
    return false;
}

/* Plain digits with at most one dot: what strtod() takes beyond that (hex, inf) nobody means. */
bool bj_parse_decimal(const char *text, double *ret)
{
    size_t whole = strspn(text, "0123456789"), part;

    if (whole == 0 || whole > 15)
        return false;
    part = text[whole] == '.' ? 1 + strspn(text + whole + 1, "0123456789") : 0;
    if (part == 1 || part > 10 || text[whole + part] != '\0')
        return false;
    *ret = strtod(text, NULL);
    return true;
}

static bool is_port(const char *text)
{
    int64_t port;

    return *text != '0' && parse_digits(&text, &port) && *text == '\0' && port <= 65535;
}

/* Names only, as RFC 1123 has them; internationalised ones in their ASCII form. */
bool bj_is_domain_pattern(const char *text)
{
    size_t label = 0, length;

    if (bj_streq(text, "*"))
        return true;
    if (bj_starts_with(text, "*."))
        text += 2;
    length = strcspn(text, ":");
    if (length == 0 || length > 253 || (text[length] == ':' && !is_port(text + length + 1)))
        return false;
    for (size_t i = 0; i <= length; i++) {
        bool ends = i == length || text[i] == '.';

        if (ends && (label == 0 || label > 63 || text[i - 1] == '-'))
            return false;
        if (!ends && !isalnum((unsigned char)text[i]) && (text[i] != '-' || label == 0))
            return false;
        label = ends ? 0 : label + 1;
    }
    return true;
}

/* Appends the parts of `text` to a clean path, leaving out empty parts and ".". */
static size_t append_parts(char *path, size_t used, const char *text, size_t length)
{
    size_t i = 0;

    while (i < length) {
        size_t part;

        for (part = 0; i + part < length && text[i + part] != '/'; part++)
            ;
        if (part > 0 && !(part == 1 && text[i] == '.')) {
            path[used++] = '/';
            memcpy(path + used, text + i, part);
            used += part;
        }
        i += part + 1;
    }
    path[used] = '\0';
    return used;
}

int bj_host_path(const char *text, const char *directory, char **ret_path, struct bj_error *err)
{
    char current[BJ_PATH_MAX];
    size_t used = 0, needed = strlen(text) + 2;
    char *path;

    if (text[0] == '/')
        directory = "";
    if (directory == NULL) {
        if (getcwd(current, sizeof current) == NULL)
            return bj_fail_errno(err, "config", "cannot tell the current directory");
        directory = current;
    }
    needed += strlen(directory);
    if (text[0] == '\0' || needed > BJ_PATH_MAX)
        return bj_fail(err, BJ_E_INVALID, "config", "expected a path of 1 to %d bytes; found %s",
                       BJ_PATH_MAX - 1, bj_quote(text).text);
    path = bj_alloc(needed + 1);
    if (path == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    used = append_parts(path, used, directory, strlen(directory));
    used = append_parts(path, used, text, strlen(text));
    if (used == 0)
        memcpy(path, "/", 2);
    *ret_path = path;
    return 0;
}

static bool has_dots(const char *text, size_t length)
{
    size_t start = 0;

    for (size_t i = 0; i <= length; i++) {
        size_t part = i - start;

        if (i < length && text[i] != '/')
            continue;
        if (part >= 1 && part <= 2 && memcmp(text + start, "..", part) == 0)
            return true;
        start = i + 1;
    }
    return false;
}

int bj_sandbox_path(const char *text, size_t length, char **ret_path, struct bj_error *err)
{
    char *path;

    if (length == 0 || text[0] != '/' || length >= BJ_PATH_MAX || has_dots(text, length))
        return bj_fail(err, BJ_E_INVALID, "config", "not a path inside");
    path = bj_alloc(length + 2);
    if (path == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    if (append_parts(path, 0, text, length) == 0) {
        bj_free(path);
        return bj_fail(err, BJ_E_INVALID, "config", "not a path inside");
    }
    *ret_path = path;
    return 0;
}
