/*
 * The two dialects share nearly everything. What differs is spelt differently here (\Z, \v, \uXXXX,
 * {,n}, "[" in a class, the flags a, u and L), and what only PCRE2 has is refused, so that a
 * pattern never means something else than its author tried out in Python.
 */
#include "policy/pattern_translate.h"

#include <ctype.h>
#include <string.h>

struct translator {
    const char *source;
    size_t length, at;
    struct bj_buf *out;
    uint32_t *origins;
    struct bj_error *err;
};

size_t bj_pattern_character(const char *source, size_t byte)
{
    size_t count = 1;

    for (size_t i = 0; i < byte && source[i] != '\0'; i++)
        count += ((unsigned char)source[i + 1] & 0xc0) != 0x80;
    return count;
}

static int refuse(struct translator *self, size_t at, const char *what)
{
    return bj_fail(self->err, BJ_E_CONFIG, "policy", "%s at character %zu", what,
                   bj_pattern_character(self->source, at));
}

static void put(struct translator *self, const char *text, size_t length, size_t origin)
{
    for (size_t i = 0; i < length; i++)
        self->origins[self->out->length + i] = (uint32_t)origin;
    bj_buf_append(self->out, text, length);
}

static char peek(const struct translator *self, size_t ahead)
{
    return self->at + ahead < self->length ? self->source[self->at + ahead] : '\0';
}

/* Passes `count` bytes on as they are. */
static void pass(struct translator *self, size_t count)
{
    for (; count > 0 && self->at < self->length; count--, self->at++)
        put(self, self->source + self->at, 1, self->at);
}

/* \xhh, \uhhhh, \Uhhhhhhhh: exactly so many digits, as \x{…}. */
static int translate_number(struct translator *self, size_t digits)
{
    size_t from = self->at;

    for (size_t i = 0; i < digits; i++) {
        if (!isxdigit((unsigned char)peek(self, 2 + i)))
            return refuse(self, from, "an escape with too few hexadecimal digits");
    }
    put(self, "\\x{", 3, from);
    put(self, self->source + from + 2, digits, from);
    put(self, "}", 1, from);
    self->at += 2 + digits;
    return 0;
}

static int translate_escape(struct translator *self, bool in_class)
{
    char letter = peek(self, 1);

    switch (letter) {
    case '\0':
        return refuse(self, self->at, "a backslash with nothing behind it");
    case 'x':
        return translate_number(self, 2);
    case 'u':
        return translate_number(self, 4);
    case 'U':
        return translate_number(self, 8);
    case 'v':
        put(self, "\\x0b", 4, self->at);
        self->at += 2;
        return 0;
    case 'Z':
        if (in_class)
            return refuse(self, self->at, "an escape that Python does not have");
        put(self, "\\z", 2, self->at);
        self->at += 2;
        return 0;
    default:
        break;
    }
    if (isalpha((unsigned char)letter) &&
        strchr(in_class ? "abdDsSwWfnrt" : "AbBdDsSwWafnrt", letter) == NULL)
        return refuse(self, self->at, "an escape that Python does not have");
    pass(self, 2);
    return 0;
}

static int translate_class(struct translator *self)
{
    size_t from = self->at;

    pass(self, 1);
    if (peek(self, 0) == '^')
        pass(self, 1);
    if (peek(self, 0) == ']')
        pass(self, 1);
    while (self->at < self->length && peek(self, 0) != ']') {
        int result = 0;

        if (peek(self, 0) == '\\') {
            result = translate_escape(self, true);
        } else if (peek(self, 0) == '[') { /* [:alpha:] is nothing special to Python */
            put(self, "\\[", 2, self->at);
            self->at++;
        } else {
            pass(self, 1);
        }
        if (result < 0)
            return result;
    }
    if (self->at >= self->length)
        return refuse(self, from, "a class that is not closed");
    pass(self, 1);
    return 0;
}

/* (?aiLmsux-imsx) or (?…:: the flags about alphabets say what is done anyway. */
static int translate_flags(struct translator *self)
{
    size_t from = self->at;

    put(self, "(?", 2, from);
    self->at += 2;
    while (peek(self, 0) != ')' && peek(self, 0) != ':') {
        char flag = peek(self, 0);

        if (flag == '\0' || strchr("aiLmsux-", flag) == NULL)
            return refuse(self, self->at, "a group of a kind that Python does not have");
        if (strchr("auL", flag) != NULL)
            self->at++;
        else
            pass(self, 1);
    }
    pass(self, 1);
    return 0;
}

static int translate_group(struct translator *self)
{
    static const char *const shared[] = {"(?:",  "(?=",  "(?!", "(?<=", "(?<!",
                                         "(?P<", "(?P=", "(?>", "(?(",  "(?#"};

    if (peek(self, 1) == '*')
        return refuse(self, self->at + 1, "nothing to repeat");
    if (peek(self, 1) != '?') {
        pass(self, 1);
        return 0;
    }
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        size_t length = strlen(shared[i]);

        if (strncmp(self->source + self->at, shared[i], length) != 0)
            continue;
        pass(self, length);
        if (shared[i][2] == '#') {
            while (self->at < self->length && peek(self, 0) != ')')
                pass(self, 1);
        }
        return 0;
    }
    return translate_flags(self);
}

int bj_pattern_translate(const char *source, struct bj_buf *out, uint32_t *origins,
                         struct bj_error *err)
{
    struct translator self = {
        .source = source, .length = strlen(source), .out = out, .origins = origins, .err = err};
    int result = 0;

    while (self.at < self.length && result == 0) {
        switch (source[self.at]) {
        case '\\':
            result = translate_escape(&self, false);
            break;
        case '[':
            result = translate_class(&self);
            break;
        case '(':
            result = translate_group(&self);
            break;
        case '{':
            pass(&self, 1);
            if (peek(&self, 0) == ',' && strspn(source + self.at + 1, "0123456789") > 0 &&
                source[self.at + 1 + strspn(source + self.at + 1, "0123456789")] == '}')
                put(&self, "0", 1, self.at);
            break;
        default:
            pass(&self, 1);
        }
    }
    origins[out->length] = (uint32_t)self.length;
    if (result == 0 && out->failed)
        result = bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    return result;
}
