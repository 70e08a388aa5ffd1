/* Reading environment files, line by line, in place. */
#include "model/env_file.h"

#include <string.h>

#include "base/str.h"
#include "model/options_internal.h"

void bj_env_reader_init(struct bj_env_reader *reader, char *text, size_t length)
{
    *reader = (struct bj_env_reader){.text = text, .length = length};
}

bool bj_is_env_name(const char *text, size_t length)
{
    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte <= ' ' || byte == '=' || byte >= 0x7f)
            return false;
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

static int fail_line(const struct bj_env_reader *reader, const char *problem, struct bj_error *err)
{
    return bj_fail(err, BJ_E_CONFIG, "env-file", "line %d: %s", reader->line, problem);
}

/* Cuts the next line off: ended by a NUL, the reader behind it. False when it has a NUL inside. */
static bool take_line(struct bj_env_reader *reader, char **ret_line)
{
    char *line = reader->text + reader->at;
    size_t rest = reader->length - reader->at;
    char *end = memchr(line, '\n', rest);
    size_t length = end != NULL ? (size_t)(end - line) : rest;

    reader->at += length + (end != NULL);
    reader->line++;
    if (memchr(line, '\0', length) != NULL)
        return false;
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    *ret_line = line;
    return true;
}

/* After a closing quote: nothing but blanks and a comment. */
static bool is_tail(char *at)
{
    at = skip_blanks(at);
    return *at == '\0' || *at == '#';
}

static char unescaped(char byte)
{
    return byte == 'n' ? '\n' : byte == 't' ? '\t' : byte;
}

/* Rewrites a quoted value in place, without its quotes. */
static const char *read_quoted(char *at)
{
    char quote = *at, *from = at + 1, *to = at;

    for (; *from != quote; from++) {
        if (*from == '\0')
            return "the closing quote is missing";
        if (quote == '"' && *from == '\\' && from[1] != '\0' && strchr("nt\"\\$", from[1]))
            *to++ = unescaped(*++from);
        else
            *to++ = *from;
    }
    if (!is_tail(from + 1))
        return "expected nothing after the closing quote";
    *to = '\0';
    return NULL;
}

/* Ends a plain value before a comment and trailing blanks. */
static void cut_plain(char *value)
{
    size_t length = 0;

    while (value[length] != '\0' &&
           !(value[length] == '#' && (length == 0 || is_blank(value[length - 1]))))
        length++;
    while (length > 0 && is_blank(value[length - 1]))
        length--;
    value[length] = '\0';
}

static int read_entry(const struct bj_env_reader *reader, char *at, struct bj_env_entry *ret_entry,
                      struct bj_error *err)
{
    char *name = at, *value;
    const char *problem;
    size_t length;

    if (bj_starts_with(name, "export") && is_blank(name[6]))
        name = skip_blanks(name + 6);
    length = strcspn(name, "=");
    value = name[length] == '=' ? skip_blanks(name + length + 1) : NULL;
    while (length > 0 && is_blank(name[length - 1]))
        length--;
    if (!bj_is_env_name(name, length))
        return fail_line(reader, "expected NAME=VALUE", err);
    name[length] = '\0';

    if (value != NULL && (*value == '"' || *value == '\'')) {
        problem = read_quoted(value);
        if (problem != NULL)
            return fail_line(reader, problem, err);
    } else if (value != NULL) {
        cut_plain(value);
    }
    *ret_entry = (struct bj_env_entry){.name = name, .value = value};
    return 0;
}

int bj_env_reader_next(struct bj_env_reader *reader, struct bj_env_entry *ret_entry,
                       struct bj_error *err)
{
    while (reader->at < reader->length) {
        char *line;

        if (!take_line(reader, &line))
            return fail_line(reader, "has a NUL byte", err);
        line = skip_blanks(line);
        if (*line != '\0' && *line != '#')
            return read_entry(reader, line, ret_entry, err);
    }
    *ret_entry = (struct bj_env_entry){.name = NULL};
    return 0;
}
