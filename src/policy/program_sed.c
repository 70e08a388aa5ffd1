/*
 * Reads sed scripts: commands with their addresses, after the manual of GNU sed. What the script
 * runs (e, s///e) and which files it reads and writes (r, R, w, W, s///w) become effects.
 *
 * A delimiter inside a bracket expression does not end a regular expression; versions of sed that
 * think otherwise refuse such scripts, since what they cut off is no regular expression.
 */
#include "policy/program_internal.h"

#include <ctype.h>

struct sed {
    struct reader *reader;
    const struct use *use;
    const struct bj_word *code;
    size_t at;
};

static int peek(const struct sed *sed)
{
    return sed->at < sed->code->length ? (unsigned char)sed->code->text[sed->at] : -1;
}

static int next(struct sed *sed)
{
    int c = peek(sed);

    sed->at += c >= 0;
    return c;
}

static void skip(struct sed *sed, const char *set)
{
    while (peek(sed) > 0 && strchr(set, peek(sed)) != NULL)
        sed->at++;
}

/* Behind the [ of a bracket expression; goes behind its end. */
static bool skip_bracket(struct sed *sed)
{
    if (peek(sed) == '^')
        sed->at++;
    if (peek(sed) == ']')
        sed->at++;
    for (int c = next(sed); c >= 0 && c != ']'; c = next(sed)) {
        int kind = peek(sed);

        if (c != '[' || (kind != ':' && kind != '.' && kind != '='))
            continue;
        for (sed->at++; sed->at < sed->code->length; sed->at++) {
            if (peek(sed) == kind && sed->at + 1 < sed->code->length &&
                sed->code->text[sed->at + 1] == ']') {
                sed->at += 2;
                break;
            }
        }
    }
    return sed->at > 0 && sed->code->text[sed->at - 1] == ']';
}

/* Up to the delimiter, which is eaten; false if there is none. */
static bool skip_part(struct sed *sed, int delimiter, bool regex)
{
    for (int c = next(sed); c >= 0; c = next(sed)) {
        if (c == delimiter)
            return true;
        if (c == '\\')
            next(sed);
        else if (c == '[' && regex && !skip_bracket(sed))
            return false;
    }
    return false;
}

/* False if there is the beginning of an address that has no end. */
static bool skip_address(struct sed *sed, bool *any)
{
    int c = peek(sed);

    *any = true;
    if (c == '/' || c == '\\') {
        sed->at++;
        if (!skip_part(sed, c == '/' ? '/' : next(sed), true))
            return false;
        skip(sed, "IM");
    } else if (c == '$') {
        sed->at++;
    } else if (c > 0 && strchr("0123456789+~", c) != NULL) {
        skip(sed, "0123456789+~");
    } else {
        *any = false;
    }
    return true;
}

static bool skip_addresses(struct sed *sed)
{
    bool any;

    if (!skip_address(sed, &any))
        return false;
    skip(sed, " \t");
    if (any && peek(sed) == ',') {
        sed->at++;
        skip(sed, " \t");
        if (!skip_address(sed, &any) || !any)
            return false;
        skip(sed, " \t");
    }
    skip(sed, "! \t");
    return true;
}

/* The rest of the line; the newline is eaten. */
static struct bj_word rest_of_line(struct sed *sed)
{
    size_t from = sed->at;

    while (peek(sed) >= 0 && peek(sed) != '\n')
        sed->at++;
    return bj_word_slice(sed->reader, sed->code, from, sed->at - from);
}

/* Lines as long as they end with a backslash. */
static void skip_text(struct sed *sed)
{
    for (int c = next(sed); c >= 0 && c != '\n'; c = next(sed)) {
        if (c == '\\')
            next(sed);
    }
}

static void add_file(struct sed *sed, enum bj_effect_kind kind, const char *via)
{
    struct use use = {.via = via};
    struct bj_word file;

    skip(sed, " \t");
    file = rest_of_line(sed);
    if (!bj_word_is(&file, "/dev/stdout") && !bj_word_is(&file, "/dev/stderr") &&
        !bj_word_is(&file, "/dev/stdin"))
        bj_reader_effect_word(sed->reader, &use, kind, &file);
}

/*
 * s///e runs the pattern space after the substitution. Where the expression takes all of it that is
 * the replacement, else there may be anything around it; & and \1 may be anything too.
 */
static void run_replacement(struct sed *sed, struct bj_word regex, struct bj_word replacement)
{
    struct use use = {.via = "s///e"};
    char *text = bj_arena_alloc(sed->reader->arena, replacement.length + 3);
    bool whole = bj_word_is(&regex, ".*") || bj_word_is(&regex, "^.*$");
    struct bj_word made;
    size_t to = 0;

    if (text == NULL)
        return;
    if (!whole)
        text[to++] = BJ_HOLE;
    for (size_t i = 0; i < replacement.length; i++) {
        char c = replacement.text[i];

        if (c == '&')
            c = BJ_HOLE;
        else if (c == '\\' && i + 1 < replacement.length)
            c = isalnum((unsigned char)replacement.text[++i]) ? BJ_HOLE : replacement.text[i];
        text[to++] = c;
    }
    if (!whole)
        text[to++] = BJ_HOLE;
    made = bj_word_of(sed->reader, sed->code, text, to);
    bj_reader_effect_word(sed->reader, &use, BJ_EFFECT_SHELL, &made);
}

static bool substitute(struct sed *sed)
{
    int delimiter = next(sed);
    size_t regex = sed->at, replacement;
    struct bj_word parts[2];

    if (delimiter < 0 || delimiter == '\n' || delimiter == '\\' || !skip_part(sed, delimiter, true))
        return false;
    replacement = sed->at;
    if (!skip_part(sed, delimiter, false))
        return false;
    parts[0] = bj_word_slice(sed->reader, sed->code, regex, replacement - regex - 1);
    parts[1] = bj_word_slice(sed->reader, sed->code, replacement, sed->at - replacement - 1);
    for (int c = peek(sed); c > 0 && strchr("gpiImMe0123456789w", c) != NULL; c = peek(sed)) {
        sed->at++;
        if (c == 'e')
            run_replacement(sed, parts[0], parts[1]);
        if (c == 'w') {
            add_file(sed, BJ_EFFECT_WRITES, "s///w");
            return true;
        }
    }
    return true;
}

static void execute(struct sed *sed)
{
    struct use use = {.via = "e"};
    struct bj_word text;

    skip(sed, " \t");
    text = rest_of_line(sed);
    bj_reader_effect_word(sed->reader, &use, text.length > 0 ? BJ_EFFECT_SHELL : BJ_EFFECT_UNKNOWN,
                          &text);
}

/* After a command there is nothing more on the line but ; } or a comment. */
static bool ends(struct sed *sed)
{
    skip(sed, " \t\r");
    return peek(sed) < 0 || strchr(";\n}#", peek(sed)) != NULL;
}

static bool command(struct sed *sed)
{
    int c = next(sed), delimiter;

    switch (c) {
    case '{':
    case '}':
        return true;
    case '#':
        rest_of_line(sed);
        return true;
    case 'a':
    case 'i':
    case 'c':
        skip_text(sed);
        return true;
    case ':':
    case 'b':
    case 't':
    case 'T':
    case 'v':
        skip(sed, " \t");
        while (peek(sed) > 0 && strchr(" \t\n;", peek(sed)) == NULL &&
               (c == ':' || peek(sed) != '}'))
            sed->at++;
        return true;
    case 'r':
    case 'R':
        add_file(sed, BJ_EFFECT_READS, c == 'r' ? "r" : "R");
        return true;
    case 'w':
    case 'W':
        add_file(sed, BJ_EFFECT_WRITES, c == 'w' ? "w" : "W");
        return true;
    case 'e':
        execute(sed);
        return true;
    case 's':
        return substitute(sed) && ends(sed);
    case 'y':
        delimiter = next(sed);
        return skip_part(sed, delimiter, false) && skip_part(sed, delimiter, false) && ends(sed);
    case 'l':
    case 'L':
    case 'q':
    case 'Q':
        skip(sed, " \t0123456789");
        return ends(sed);
    default:
        return c > 0 && strchr("=dDFgGhHnNpPxz", c) != NULL && ends(sed);
    }
}

bool bj_code_sed(struct reader *reader, const struct use *use, const struct bj_word *code)
{
    struct sed sed = {reader, use, code, 0};

    if (bj_reader_flag(reader, "--sandbox") != NULL)
        return true;
    if (memchr(code->text, BJ_HOLE, code->length) != NULL)
        return false;
    for (;;) {
        skip(&sed, "; \t\n\r");
        if (peek(&sed) < 0)
            return true;
        if (reader->arena->failed || !skip_addresses(&sed) || !command(&sed))
            return false;
    }
}
