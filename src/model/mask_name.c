/*
 * Masking by name: which names hold secrets, and where the value behind a name ends, in shell text,
 * JSON, headers, URLs and configuration files alike.
 */
#include <string.h>

#include "model/mask_internal.h"

#define NAME_MAX_LENGTH 64

/*
 * How names of secrets end, in lower case and without separators. `word`: only where that is a word
 * of its own, since "bypass" and "author" are no secrets.
 */
static const struct ending {
    const char *text;
    bool word;
} endings[] = {
    {"password", false},   {"passwords", false},
    {"passwd", false},     {"passphrase", false},
    {"pass", true},        {"pwd", true},
    {"secret", false},     {"secrets", false},
    {"token", false},      {"apikey", false},
    {"apikeys", false},    {"accesskey", false},
    {"secretkey", false},  {"secretkeybase", false},
    {"privatekey", false}, {"authkey", false},
    {"sessionkey", false}, {"encryptionkey", false},
    {"signingkey", false}, {"masterkey", false},
    {"sharedkey", false},  {"accountkey", false},
    {"credential", false}, {"credentials", false},
    {"cookie", false},     {"cookies", false},
    {"auth", true},        {"authorization", false},
    {"bearer", true},      {"sessionid", false},
    {"jwt", true},         {"connectionstring", false},
};

/* The working directory's variables, which end like one. */
static const char *const harmless[] = {"pwd", "oldpwd", "initpwd"};

/* A name taken apart: its letters and digits in lower case, and where words begin. */
struct plain_name {
    char text[NAME_MAX_LENGTH + 1];
    bool begins[NAME_MAX_LENGTH + 1];
    size_t length;
};

static void take_apart(const char *name, size_t length, struct plain_name *ret)
{
    bool begins = true;

    ret->length = 0;
    if (length > NAME_MAX_LENGTH) /* the end decides */
        name += length - NAME_MAX_LENGTH, length = NAME_MAX_LENGTH;
    for (size_t i = 0; i < length; i++) {
        bool upper = name[i] >= 'A' && name[i] <= 'Z';

        if (!bj_mask_is_alnum(name[i])) {
            begins = true;
            continue;
        }
        if (upper && i > 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z')
            begins = true;
        ret->begins[ret->length] = begins;
        ret->text[ret->length++] = (char)(upper ? name[i] - 'A' + 'a' : name[i]);
        begins = false;
    }
    while (ret->length > 0 && ret->text[ret->length - 1] >= '0' &&
           ret->text[ret->length - 1] <= '9')
        ret->length--; /* TOKEN_2 */
    ret->text[ret->length] = '\0';
}

bool bj_mask_secret_name(const char *name, size_t length)
{
    struct plain_name plain;

    take_apart(name, length, &plain);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (strcmp(plain.text, harmless[i]) == 0)
            return false;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i].text), at = plain.length - size;

        if (plain.length >= size && memcmp(plain.text + at, endings[i].text, size) == 0 &&
            (!endings[i].word || plain.begins[at]))
            return true;
    }
    return false;
}

bool bj_mask_takes_next(const char *word)
{
    return word[0] == '-' && strchr(word, '=') == NULL && bj_mask_secret_name(word, strlen(word));
}

/* ---- where a value ends ---- */

/* Shell text goes on to do something here, or the word is over. */
static bool ends_word(const struct bj_mask_text *text, size_t at)
{
    char c = bj_mask_byte(text, at);

    return at >= text->length || strchr(" \t\r\n;|&<>()\"'`", c) != NULL ||
           (c == '$' && bj_mask_byte(text, at + 1) == '(');
}

static size_t end_of_bare(const struct bj_mask_text *text, size_t at, bool comma)
{
    while (!ends_word(text, at) && !(comma && strchr(",}]", text->at[at]) != NULL))
        at += text->at[at] == '\\' && at + 1 < text->length ? 2 : 1;
    return at;
}

/*
 * The end of what a quote opened at `at`, behind it; `escapes` backslashes stood before the quote,
 * because the text is itself within quotes. A command substitution in it ends the value.
 */
static size_t end_of_quoted(const struct bj_mask_text *text, size_t at, size_t escapes)
{
    char quote = text->at[at];
    size_t run = 0;

    for (at++; at < text->length; at++) {
        char c = text->at[at];

        if (quote == '"' && run % 2 == 0 &&
            (c == '`' || (c == '$' && bj_mask_byte(text, at + 1) == '(')))
            return at;
        if (c == quote && (quote == '\'' || run % (2 * (escapes + 1)) == escapes))
            return at - run % (2 * (escapes + 1));
        run = c == '\\' ? run + 1 : 0;
    }
    return at;
}

/* A variable is not its value. */
static bool is_reference(const struct bj_mask_text *text, size_t at)
{
    return bj_mask_byte(text, at) == '$';
}

/* A word as a shell reads it: quoted and bare parts behind each other. */
static size_t end_of_word(const struct bj_mask_text *text, size_t at, bool comma)
{
    size_t end = at;

    for (;;) {
        char c = bj_mask_byte(text, at);

        if ((c != '"' && c != '\'') || c == text->quote) {
            size_t bare = end_of_bare(text, at, comma);

            if (bare == at)
                return end;
            end = at = bare;
            continue;
        }
        end = at = end_of_quoted(text, at, 0);
        if (bj_mask_byte(text, at) != c)
            return end;
        at++;
        if (at < text->length && strchr(",}]:", text->at[at]) != NULL)
            return end; /* of JSON, where a string is not followed by another */
    }
}

/* The value that begins at `at`. */
static struct bj_mask_span value_at(const struct bj_mask_text *text, size_t at, bool comma)
{
    struct bj_mask_span span = {at, at};
    size_t escapes = 0;
    char c;

    while (bj_mask_byte(text, at + escapes) == '\\')
        escapes++;
    c = bj_mask_byte(text, at + escapes);
    if (c != '"' && c != '\'') {
        span.to = is_reference(text, at) ? at : end_of_word(text, at, comma);
        return span;
    }
    span.from = span.to = at + escapes + 1;
    if (is_reference(text, span.from))
        return span;
    if (escapes > 0)
        span.to = end_of_quoted(text, at + escapes, escapes);
    else if (text->quote == c) /* it may close what is open: one word at most */
        span.to = end_of_bare(text, span.from, comma);
    else
        span.to = end_of_word(text, at, comma);
    return span;
}

struct bj_mask_span bj_mask_value_at(const struct bj_mask_text *text, size_t at)
{
    return value_at(text, at, false);
}

/* ---- headers ---- */

static size_t skip(const struct bj_mask_text *text, size_t at, const char *which, size_t most)
{
    for (size_t i = 0; i < most && at < text->length && strchr(which, text->at[at]) != NULL; i++)
        at++;
    return at;
}

/* "Bearer x", "Basic x": the scheme stays, what is behind it goes. */
static struct bj_mask_span credentials_at(const struct bj_mask_text *text, size_t at)
{
    size_t end = at, next;

    while (bj_mask_is_alnum(bj_mask_byte(text, end)) || bj_mask_byte(text, end) == '-')
        end++;
    next = skip(text, end, " \t\\", 8);
    if (end > at && end - at <= 16 && next > end && !ends_word(text, next))
        at = next;
    return value_at(text, at, false);
}

/* name=value; name=value: as far as it goes on like that. */
static struct bj_mask_span cookies_at(const struct bj_mask_text *text, size_t at)
{
    struct bj_mask_span span = value_at(text, at, false);

    while (bj_mask_byte(text, span.to) == ';') {
        size_t name = skip(text, span.to + 1, " ", 2), end = name;

        while (bj_mask_is_word(bj_mask_byte(text, end)))
            end++;
        if (end == name || bj_mask_byte(text, end) != '=')
            break;
        span.to = end_of_bare(text, end, false);
    }
    return span;
}

static bool ends_like(const struct bj_mask_text *text, size_t from, size_t to, const char *ending)
{
    size_t length = strlen(ending);

    return to - from >= length && strncasecmp(text->at + to - length, ending, length) == 0;
}

struct bj_mask_span bj_mask_find_name(const struct bj_mask_text *whole, size_t at)
{
    struct bj_mask_text here = *whole;
    const struct bj_mask_text *text = &here;
    struct bj_mask_span none = {at, at};
    size_t end = at, next;
    bool spaced;

    while (bj_mask_is_word(bj_mask_byte(text, end)))
        end++;
    next = skip(text, end, "\\\"']", 6);
    if (here.quote != '\0' && memchr(text->at + end, here.quote, next - end) != NULL)
        here.quote = '\0'; /* the name itself is what is quoted */
    spaced = bj_mask_byte(text, next) == ' ' || bj_mask_byte(text, next) == '\t';
    next = skip(text, next, " \t", 8);
    if (strchr("=:", bj_mask_byte(text, next)) == NULL || next >= text->length) {
        if (!spaced || text->at[at] != '-' || bj_mask_byte(text, next) == '-' ||
            !bj_mask_secret_name(text->at + at, end - at))
            return none;
        return value_at(text, next, false); /* --token x */
    }
    if (!bj_mask_secret_name(text->at + at, end - at))
        return none;
    if (text->at[next] == ':') {
        next = skip(text, next + 1, "= \t\\\n", 8);
        if (next < text->length && text->at[next - 1] == '\\') /* of an escaped quote */
            while (next > 0 && text->at[next - 1] == '\\')
                next--;
        if (bj_mask_byte(text, next) == '/' && bj_mask_byte(text, next + 1) == '/')
            return none;
        if (ends_like(text, at, end, "cookie"))
            return cookies_at(text, next);
        return ends_like(text, at, end, "authorization") ? credentials_at(text, next)
                                                         : value_at(text, next, true);
    }
    next = skip(text, next + 1, spaced ? "=> \t" : "=", 8);
    return value_at(text, next, false);
}
