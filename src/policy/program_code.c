/*
 * Finds calls with constant arguments in scripts of usual languages. The text is cut into strings,
 * comments, names and the rest; that is all that a call needs. Where this is mistaken (a regular
 * expression taken for a division) a string without an end is the usual sign, and then its quote is
 * taken for a mere character. The code itself stays an effect of its own whatever is found here.
 */
#include "policy/program_code.h"

#include <ctype.h>

#define DEPTH_MAX 4 /* code in strings of code */

static const struct traits languages[LANGUAGE_COUNT] = {
    [LANGUAGE_PYTHON] = {.name = "python", .comment = "#", .code_in_text = "{"},
    [LANGUAGE_PERL] = {.name = "perl",
                       .comment = "#",
                       .backtick_runs = true,
                       .bare_calls = true,
                       .regexes = true,
                       .plain_single = true,
                       .sigil = '$',
                       .code_in_text = "@{"},
    [LANGUAGE_RUBY] = {.name = "ruby",
                       .comment = "#",
                       .backtick_runs = true,
                       .bare_calls = true,
                       .regexes = true,
                       .plain_single = true,
                       .code_in_text = "#{"},
    [LANGUAGE_NODE] = {.name = "node",
                       .comment = "//",
                       .block_comments = true,
                       .backtick_string = true,
                       .regexes = true,
                       .code_in_text = "${"},
    [LANGUAGE_PHP] = {.name = "php",
                      .comment = "//|#",
                      .block_comments = true,
                      .backtick_runs = true,
                      .bare_calls = true,
                      .plain_single = true,
                      .sigil = '$',
                      .code_in_text = "{$"},
    [LANGUAGE_LUA] = {.name = "lua", .comment = "--", .bare_calls = true, .code_in_text = ""},
};

static int peek(const struct code *code, size_t at)
{
    return at < code->length ? (unsigned char)code->text[at] : -1;
}

static bool stands(const struct code *code, size_t at, const char *text)
{
    size_t length = strlen(text);

    return at <= code->length && code->length - at >= length &&
           memcmp(code->text + at, text, length) == 0;
}

static bool is_word(int c)
{
    return isalnum(c) || c == '_';
}

/* ---- Strings ---- */

/* Some digits of an escape; the place behind them. */
static size_t read_digits(const struct code *code, size_t at, int base, size_t most, unsigned *ret)
{
    *ret = 0;
    for (; most > 0; most--, at++) {
        int c = peek(code, at);
        int digit = isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : base;

        if (digit >= base)
            break;
        *ret = *ret * (unsigned)base + (unsigned)digit;
    }
    return at;
}

/* An escape behind its backslash; the place behind it. What is not ASCII is a hole. */
static size_t read_escape(const struct code *code, size_t at, char *out)
{
    static const char from[] = "ntrabfve", to[] = "\n\t\r\a\b\f\v\033";
    int c = peek(code, at);
    const char *known = c > 0 ? strchr(from, c) : NULL;
    unsigned value = 0;

    if (c == 'x' || c == 'u' || c == 'U') {
        bool braces = peek(code, at + 1) == '{';

        at = read_digits(code, at + 1 + braces, 16,
                         c == 'x' && !braces   ? 2
                         : c == 'u' && !braces ? 4
                                               : 8,
                         &value);
        at += braces && peek(code, at) == '}';
        *out = value < 128 ? (char)value : BJ_HOLE;
        return at;
    }
    if (isdigit(c)) {
        at = read_digits(code, at, 8, 3, &value);
        *out = value < 128 ? (char)value : BJ_HOLE;
        return at;
    }
    *out = known != NULL ? to[known - from] : (char)c;
    return at + 1;
}

struct quotes {
    const char *end;
    char nest;    /* the opening one where they nest; 0 */
    bool escapes; /* all of them, or only \\ and the quote */
    bool raw;     /* none at all */
    bool interpolates;
};

/* Behind the code or name that a string holds at `at`; `at` if there is none. */
static size_t skip_interpolation(const struct code *code, size_t at)
{
    const char *begin = code->traits->code_in_text;
    int depth = 1;

    if (*begin != '\0' && stands(code, at, begin)) {
        for (at += strlen(begin); at < code->length && depth > 0; at++)
            depth += (code->text[at] == '{') - (code->text[at] == '}');
        return at;
    }
    if (code->traits->sigil != 0 && peek(code, at) == code->traits->sigil &&
        (is_word(peek(code, at + 1)) || peek(code, at + 1) == '{')) {
        at++;
        if (peek(code, at) == '{')
            while (at < code->length && code->text[at] != '}')
                at++;
        else
            while (is_word(peek(code, at)))
                at++;
        return at + (peek(code, at) == '}');
    }
    return at;
}

/*
 * Reads a string from behind its quote: true, with the cursor behind it, if it has an end. */
static bool read_string(struct code *code, struct cursor *cursor, const struct quotes *quotes)
{
    char *text = code->limits->scratch;
    size_t at = cursor->at, to = 0;
    int nested = 0;

    while (at < code->length) {
        size_t behind = quotes->interpolates ? skip_interpolation(code, at) : at;

        if (nested == 0 && stands(code, at, quotes->end)) {
            cursor->text = bj_word_of(code->reader, code->word, text, to);
            cursor->inner = cursor->at;
            cursor->inner_length = quotes->interpolates ? at - cursor->at : 0;
            cursor->at = at + strlen(quotes->end);
            return true;
        }
        nested += quotes->nest != 0 && code->text[at] == quotes->nest;
        nested -= quotes->nest != 0 && code->text[at] == quotes->end[0];
        if (behind > at) {
            text[to++] = BJ_HOLE;
            at = behind;
        } else if (code->text[at] == '\\' && !quotes->raw && at + 1 < code->length) {
            if (quotes->escapes) {
                at = read_escape(code, at + 1, &text[to++]);
            } else {
                if (code->text[at + 1] != '\\' && !stands(code, at + 1, quotes->end))
                    text[to++] = '\\';
                text[to++] = code->text[at + 1];
                at += 2;
            }
        } else {
            text[to++] = code->text[at++];
        }
    }
    code->limits->broken++;
    return false;
}

static char closing(int open)
{
    return open == '('   ? ')'
           : open == '[' ? ']'
           : open == '{' ? '}'
           : open == '<' ? '>'
                         : (char)open;
}

/* The quote-like words of perl and ruby; `at` is behind the word. False if it is none. */
static bool read_quote_like(struct code *code, struct cursor *cursor, const char *word,
                            size_t length)
{
    static const char *const words[] = {"q",  "qq", "qx", "qw", "m", "qr", "s",
                                        "tr", "y",  "Q",  "x",  "w", "r"};
    size_t at = cursor->at, kind = 0;
    bool perl = code->language == LANGUAGE_PERL;
    char end[2] = {0};
    struct quotes quotes = {.end = end, .escapes = true, .interpolates = true};
    int open;

    while (kind < sizeof words / sizeof *words &&
           (strlen(words[kind]) != length || memcmp(words[kind], word, length) != 0))
        kind++;
    if (kind == sizeof words / sizeof *words && length > 0)
        return false;
    while (perl && isspace(peek(code, at)))
        at++;
    open = peek(code, at);
    if (open <= 0 || is_word(open) || isspace(open) || strchr(",;)", open) != NULL ||
        (open == '=' && (peek(code, at + 1) == '>' || perl)))
        return false;
    end[0] = closing(open);
    quotes.nest = end[0] != open ? (char)open : 0;
    quotes.interpolates = length != 1 || word[0] != 'q';
    cursor->at = at + 1;
    if (!read_string(code, cursor, &quotes))
        return false;
    cursor->token = (length == 2 && word[1] == 'x') || (!perl && length == 1 && word[0] == 'x')
                        ? CODE_SHELL
                        : CODE_STRING;
    if (perl && length <= 2 && (word[0] == 's' || word[0] == 't' || word[0] == 'y')) {
        /* The other half of s/// is a string as well. */
        cursor->token = CODE_OTHER;
        if (quotes.nest != 0)
            cursor->at += strspn(code->text + cursor->at, " \t\n") + 1;
        read_string(code, cursor, &quotes);
    }
    return true;
}

/* ---- Tokens ---- */

/* Behind blanks and comments. */
static size_t skip_space(const struct code *code, size_t at)
{
    const char *comment = code->traits->comment, *other = strchr(comment, '|');

    for (;;) {
        if (isspace(peek(code, at)))
            at++;
        else if (peek(code, at) == '\\' && peek(code, at + 1) == '\n')
            at += 2;
        else if ((other == NULL && stands(code, at, comment)) ||
                 (other != NULL && (stands(code, at, other + 1) || stands(code, at, "//"))))
            while (at < code->length && code->text[at] != '\n')
                at++;
        else if (code->traits->block_comments && stands(code, at, "/*")) {
            const char *end = memmem(code->text + at, code->length - at, "*/", 2);

            at = end == NULL ? code->length : (size_t)(end - code->text) + 2;
        } else
            return at;
    }
}

/* '…' "…" `…`, with the prefixes and the threefold quotes of Python, [[…]] of Lua. */
static bool read_quoted(struct code *code, struct cursor *cursor, const char *prefix, size_t length)
{
    int c = peek(code, cursor->at);
    char end[4] = {(char)c};
    bool f = memchr(prefix, 'f', length) != NULL || memchr(prefix, 'F', length) != NULL;
    bool python = code->language == LANGUAGE_PYTHON;
    struct quotes quotes = {.end = end, .escapes = c != '\'' || !code->traits->plain_single};
    size_t before = cursor->at;

    if (code->language == LANGUAGE_LUA && stands(code, cursor->at, "[[")) {
        quotes = (struct quotes){.end = "]]", .raw = true};
        cursor->at += 2;
    } else {
        if (c != '\'' && c != '"' &&
            !(c == '`' && (code->traits->backtick_runs || code->traits->backtick_string)))
            return false;
        if (python && peek(code, before + 1) == c && peek(code, before + 2) == c)
            memset(end, c, 3);
        quotes.raw =
            python && (memchr(prefix, 'r', length) != NULL || memchr(prefix, 'R', length) != NULL);
        quotes.interpolates = python ? f : c == '"' ? !code->traits->backtick_string : c == '`';
        cursor->at += strlen(end);
    }
    if (!read_string(code, cursor, &quotes)) {
        cursor->at = before;
        return false;
    }
    cursor->token = c == '`' && code->traits->backtick_runs ? CODE_SHELL : CODE_STRING;
    cursor->operand = true;
    return true;
}

static bool skip_regex(struct code *code, struct cursor *cursor)
{
    const struct quotes quotes = {.end = "/", .escapes = true};
    size_t before = cursor->at++;

    if (read_string(code, cursor, &quotes) &&
        memchr(code->text + before, '\n', cursor->at - before) == NULL) {
        cursor->token = CODE_OTHER;
        cursor->operand = true;
        return true;
    }
    cursor->at = before;
    return false;
}

static void read_name(struct code *code, struct cursor *cursor)
{
    size_t length;

    while (is_word(peek(code, cursor->at)))
        cursor->at++;
    length = cursor->at - cursor->from;
    if (code->language == LANGUAGE_PYTHON && length <= 2 &&
        read_quoted(code, cursor, code->text + cursor->from, length))
        return;
    cursor->token = CODE_NAME;
    cursor->operand = true;
    if (code->language == LANGUAGE_PERL && length <= 2 && peek(code, cursor->from - 1) != '$' &&
        peek(code, cursor->from - 1) != '>')
        read_quote_like(code, cursor, code->text + cursor->from, length);
}

void bj_code_next(struct code *code, struct cursor *cursor)
{
    bool operand = cursor->operand, name = cursor->token == CODE_NAME;
    size_t before = cursor->at;
    int c;

    cursor->at = cursor->from = skip_space(code, cursor->at);
    /* `puts %x(…)`, `split /,/`: a blank before and none behind, where calls need no parentheses.
     */
    if (name && code->traits->bare_calls && cursor->at > before &&
        !isspace(peek(code, cursor->at + 1)))
        operand = false;
    cursor->operand = false;
    cursor->token = CODE_OTHER;
    cursor->inner_length = 0;
    c = peek(code, cursor->at);
    if (c < 0) {
        cursor->token = CODE_END;
    } else if (is_word(c)) {
        read_name(code, cursor);
    } else if (c == '/' && code->traits->regexes && !operand && skip_regex(code, cursor)) {
        return;
    } else if (c == '%' && code->language == LANGUAGE_RUBY && !operand) {
        size_t length = isalpha(peek(code, cursor->at + 1)) ? 1 : 0;

        cursor->at += 1 + length;
        if (!read_quote_like(code, cursor, code->text + cursor->from + 1, length))
            cursor->at = cursor->from + 1;
    } else if (!read_quoted(code, cursor, "", 0)) {
        cursor->at++;
        cursor->operand = c == ')' || c == ']';
    }
}

/* ---- The whole ---- */

static bool is_too_much(const struct code_limits *limits)
{
    return limits->calls >= BJ_CODE_CALLS_MAX || limits->broken >= BJ_CODE_BROKEN_MAX;
}

/* The code that stands within a string. */
static void scan_inside(struct code *code, const struct cursor *cursor)
{
    const char *begin = code->traits->code_in_text;
    size_t end = cursor->inner + cursor->inner_length;

    if (code->depth >= DEPTH_MAX || *begin == '\0' || !cursor->text.holes)
        return;
    for (size_t at = cursor->inner; at < end; at++) {
        struct code inner = *code;
        size_t behind = stands(code, at, begin) ? skip_interpolation(code, at) : at;

        if (behind <= at + strlen(begin))
            continue;
        inner.depth++;
        inner.text += at + strlen(begin);
        inner.length = behind - at - strlen(begin) - 1;
        bj_code_scan(&inner);
        at = behind - 1;
    }
}

void bj_code_scan(struct code *code)
{
    struct cursor cursor = {0};

    while (!code->reader->arena->failed && !is_too_much(code->limits)) {
        bj_code_next(code, &cursor);
        if (cursor.token == CODE_END)
            return;
        if (cursor.token == CODE_SHELL) {
            struct use use = {.via = "`"};

            code->limits->calls++;
            bj_reader_effect_word(code->reader, &use, BJ_EFFECT_SHELL, &cursor.text);
        }
        if (cursor.token == CODE_STRING || cursor.token == CODE_SHELL)
            scan_inside(code, &cursor);
        if (cursor.token == CODE_NAME)
            bj_code_call(code, cursor, code->text + cursor.from, cursor.at - cursor.from);
    }
}

void bj_code_calls(struct reader *reader, const struct use *use, const struct bj_word *word)
{
    struct code_limits limits = {0};
    struct code code = {.reader = reader,
                        .use = use,
                        .word = word,
                        .limits = &limits,
                        .text = word->text,
                        .length = word->length};

    for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
        if (strcmp(languages[i].name, use->argument) != 0)
            continue;
        code.language = (enum language)i;
        code.traits = &languages[i];
        limits.scratch = bj_arena_alloc(reader->arena, word->length + 1);
        limits.mentioned = bj_arena_alloc(reader->arena, bj_code_call_count());
        if (limits.scratch == NULL || limits.mentioned == NULL)
            return;
        bj_code_scan(&code);
        if (is_too_much(&limits))
            bj_reader_effect_word(reader, use, BJ_EFFECT_UNKNOWN, word);
        return;
    }
}
