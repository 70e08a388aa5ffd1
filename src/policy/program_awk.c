/*
 * Reads awk programs as far as it takes to find what they run, read and write: system(), the pipes
 * of print and getline, redirections. The text is cut into tokens, so that strings, regular
 * expressions and comments are never mistaken for code; what an expression is worth is followed
 * only where it is made of string constants, and everything else in it is a hole.
 */
#include "policy/program_internal.h"

#include <ctype.h>

#define DEPTH_MAX 64 /* parentheses within each other */

enum token {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_STRING,
    TOKEN_REGEX,
    TOKEN_NUMBER,
    TOKEN_NAME,
    TOKEN_CALL, /* a name with ( right behind it */
    TOKEN_OTHER,
    TOKEN_BAD,
};

/* One level of parentheses: where in `text` the worth of its expression begins. */
struct level {
    size_t from;
    bool call;      /* its result is not its content */
    bool system;    /* … and its content is run */
    bool condition; /* after if, while, for: a regular expression may follow */
};

struct awk {
    struct reader *reader;
    const struct use *use;
    const struct bj_word *code;
    size_t at;
    size_t from, to; /* the token */
    enum token token;
    bool operand; /* the token before could end an operand, so / divides */
    bool print;   /* in the list of print or printf, outside of parentheses */
    /* What the expression is worth: strings, and holes for what is not known. */
    char *text;
    size_t length;
    size_t last_string; /* where the last string begins in it */
    struct level levels[DEPTH_MAX];
    size_t depth;
};

static int peek(const struct awk *awk, size_t ahead)
{
    size_t at = awk->at + ahead;

    return at < awk->code->length ? (unsigned char)awk->code->text[at] : -1;
}

static bool is_op(const struct awk *awk, const char *text)
{
    return awk->token == TOKEN_OTHER && awk->to - awk->from == strlen(text) &&
           memcmp(awk->code->text + awk->from, text, strlen(text)) == 0;
}

static bool is_name(const struct awk *awk, const char *text)
{
    return (awk->token == TOKEN_NAME || awk->token == TOKEN_CALL) &&
           awk->to - awk->from == strlen(text) &&
           memcmp(awk->code->text + awk->from, text, strlen(text)) == 0;
}

/* ---- Tokens ---- */

/* From the [ of [:alpha:], [.x.] or [=x=] to its ], if it has one in this line. */
static void skip_class(struct awk *awk)
{
    int mark = peek(awk, 1);

    for (size_t i = 2; peek(awk, i) >= 0 && peek(awk, i) != '\n'; i++) {
        if (peek(awk, i) == mark && peek(awk, i + 1) == ']') {
            awk->at += i + 1;
            return;
        }
    }
}

/* Up to the closing character; false if a newline or the end comes first. */
static bool skip_quoted(struct awk *awk, int close)
{
    bool bracket = false;

    for (; peek(awk, 0) >= 0 && peek(awk, 0) != '\n'; awk->at++) {
        int c = peek(awk, 0);

        if (c == '\\' && peek(awk, 1) >= 0) {
            awk->at++;
        } else if (close == '/' && c == '[' && !bracket) {
            bracket = true;
            if (peek(awk, 1) == '^')
                awk->at++;
            if (peek(awk, 1) == ']')
                awk->at++;
        } else if (bracket && c == '[' && peek(awk, 1) > 0 && strchr(":.=", peek(awk, 1)) != NULL) {
            skip_class(awk);
        } else if (bracket && c == ']') {
            bracket = false;
        } else if (c == close && !bracket) {
            awk->at++;
            return true;
        }
    }
    return false;
}

static void skip_blanks(struct awk *awk)
{
    for (;;) {
        if (peek(awk, 0) == '\\' && peek(awk, 1) == '\n')
            awk->at += 2;
        else if (peek(awk, 0) == '\\' && peek(awk, 1) == '\r' && peek(awk, 2) == '\n')
            awk->at += 3;
        else if (peek(awk, 0) == '#')
            while (peek(awk, 0) >= 0 && peek(awk, 0) != '\n')
                awk->at++;
        else if (peek(awk, 0) == ' ' || peek(awk, 0) == '\t' || peek(awk, 0) == '\r')
            awk->at++;
        else
            return;
    }
}

static bool is_keyword(const struct awk *awk)
{
    static const char *const words[] = {"print", "printf", "return", "if",  "while",
                                        "for",   "do",     "else",   "in",  "exit",
                                        "case",  "delete", "BEGIN",  "END", "switch"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (is_name(awk, words[i]))
            return true;
    }
    return false;
}

static enum token name_token(struct awk *awk)
{
    while (isalnum(peek(awk, 0)) || peek(awk, 0) == '_' || peek(awk, 0) == ':') {
        /* A colon only as the two of a namespace. */
        if (peek(awk, 0) == ':' && (peek(awk, 1) != ':' || !isalpha(peek(awk, 2))))
            break;
        awk->at += peek(awk, 0) == ':' ? 2 : 1;
    }
    return peek(awk, 0) == '(' ? TOKEN_CALL : TOKEN_NAME;
}

static enum token operator_token(struct awk *awk)
{
    static const char *const longer[] = {"**=", "|&", "||", "&&", ">>", "==", "!=", "<=", ">=",
                                         "++",  "--", "+=", "-=", "*=", "/=", "%=", "^=", "**"};

    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        size_t length = strlen(longer[i]);

        if (awk->code->length - awk->at >= length &&
            memcmp(awk->code->text + awk->at, longer[i], length) == 0) {
            awk->at += length;
            return TOKEN_OTHER;
        }
    }
    if (strchr("{}()[];,+-*/%^!><|?:~$=@&", peek(awk, 0)) == NULL)
        return TOKEN_BAD;
    awk->at++;
    return TOKEN_OTHER;
}

static enum token read_token(struct awk *awk)
{
    int c = peek(awk, 0);

    if (c < 0)
        return TOKEN_END;
    if (c == 0)
        return TOKEN_BAD;
    if (c == '\n') {
        awk->at++;
        return TOKEN_NEWLINE;
    }
    if (c == '"' || (c == '/' && !awk->operand)) {
        awk->at++;
        return !skip_quoted(awk, c) ? TOKEN_BAD : c == '"' ? TOKEN_STRING : TOKEN_REGEX;
    }
    if (isdigit(c) || (c == '.' && isdigit(peek(awk, 1)))) {
        while (isalnum(peek(awk, 0)) || peek(awk, 0) == '.')
            awk->at++;
        return TOKEN_NUMBER;
    }
    if (isalpha(c) || c == '_')
        return name_token(awk);
    return operator_token(awk);
}

static void next(struct awk *awk)
{
    skip_blanks(awk);
    awk->from = awk->at;
    awk->token = read_token(awk);
    awk->to = awk->at;
    awk->operand = awk->token == TOKEN_STRING || awk->token == TOKEN_NUMBER ||
                   awk->token == TOKEN_REGEX || (awk->token == TOKEN_NAME && !is_keyword(awk)) ||
                   is_op(awk, ")") || is_op(awk, "]") || is_op(awk, "$") || is_op(awk, "++") ||
                   is_op(awk, "--");
}

/* ---- Worth of expressions ---- */

static size_t level_from(const struct awk *awk)
{
    return awk->depth > 0 ? awk->levels[awk->depth - 1].from : 0;
}

static void forget(struct awk *awk)
{
    awk->length = level_from(awk);
}

static void add_hole(struct awk *awk)
{
    if (awk->length == 0 || awk->text[awk->length - 1] != BJ_HOLE)
        awk->text[awk->length++] = BJ_HOLE;
}

/* Escapes that a shell or a path may care about; a NUL cannot be, so it is left out. */
static void add_string(struct awk *awk)
{
    static const char from[] = "ntr\"/\\abfv", to[] = "\n\t\r\"/\\\a\b\f\v";
    const char *text = awk->code->text;

    awk->last_string = awk->length;
    for (size_t i = awk->from + 1; i + 1 < awk->to; i++) {
        const char *known;

        if (text[i] != '\\') {
            awk->text[awk->length++] = text[i];
            continue;
        }
        i++;
        known = strchr(from, text[i]);
        if (text[i] == 'x' || isdigit((unsigned char)text[i]) || text[i] == 'u') {
            /* As many digits as there are, which is never fewer than awk reads. */
            while (i + 2 < awk->to && isxdigit((unsigned char)text[i + 1]))
                i++;
            awk->text[awk->length++] = BJ_HOLE;
        } else if (text[i] != '\n') {
            awk->text[awk->length++] = known != NULL ? to[known - from] : text[i];
        }
    }
}

static struct bj_word worth(struct awk *awk)
{
    size_t from = level_from(awk);

    return bj_word_of(awk->reader, awk->code, awk->text + from, awk->length - from);
}

static void add_effect(struct awk *awk, enum bj_effect_kind kind, const char *via)
{
    struct use use = {.via = via};
    struct bj_word word = worth(awk);

    if (kind != BJ_EFFECT_SHELL) {
        if (bj_word_is(&word, "/dev/stdout") || bj_word_is(&word, "/dev/stderr") ||
            bj_word_is(&word, "-") || bj_word_is(&word, "/dev/stdin") ||
            bj_word_starts(&word, "/dev/fd/"))
            return;
        if (bj_word_starts(&word, "/inet"))
            kind = BJ_EFFECT_CONNECTS;
    }
    bj_reader_effect_word(awk->reader, &use, kind, &word);
}

/* ---- Program ---- */

static bool open_level(struct awk *awk, bool call, bool is_system, bool condition)
{
    if (awk->depth == DEPTH_MAX)
        return false;
    awk->levels[awk->depth++] = (struct level){awk->length, call, is_system, condition};
    return true;
}

static bool close_level(struct awk *awk)
{
    struct level *level;

    if (awk->depth == 0)
        return false;
    level = &awk->levels[awk->depth - 1];
    if (level->system)
        add_effect(awk, BJ_EFFECT_SHELL, "system()");
    if (level->call)
        forget(awk);
    awk->depth--;
    if (level->call)
        add_hole(awk);
    if (level->condition) {
        awk->operand = false;
        forget(awk);
    }
    return true;
}

/* A name that is called, a keyword or a variable. */
static bool do_name(struct awk *awk)
{
    bool condition = is_name(awk, "if") || is_name(awk, "while") || is_name(awk, "for") ||
                     is_name(awk, "switch");
    bool is_system = is_name(awk, "system"), call = awk->token == TOKEN_CALL;

    if (is_name(awk, "print") || is_name(awk, "printf")) {
        awk->print = awk->depth == 0;
        forget(awk);
        return true;
    }
    if (is_keyword(awk) && !condition) {
        forget(awk);
        return true;
    }
    if (condition || is_system) {
        /* Blanks may stand before the parenthesis of these. */
        next(awk);
        return is_op(awk, "(") && open_level(awk, true, is_system, condition);
    }
    if (!call) {
        add_hole(awk);
        return true;
    }
    next(awk);
    return open_level(awk, true, false, false);
}

/* The target of a redirection: what follows, up to the end of the statement. */
static bool do_redirect(struct awk *awk, enum bj_effect_kind kind, const char *via)
{
    size_t depth = awk->depth;

    awk->print = false;
    forget(awk);
    for (next(awk);; next(awk)) {
        bool ends = awk->token == TOKEN_END || awk->token == TOKEN_NEWLINE || is_op(awk, ";") ||
                    is_op(awk, "}") || (awk->depth == depth && is_op(awk, ")"));

        if (awk->token == TOKEN_BAD)
            return false;
        if (ends) {
            /* Again for whom it concerns. */
            awk->at = awk->from;
            add_effect(awk, kind, via);
            forget(awk);
            return awk->depth == depth;
        }
        if (awk->token == TOKEN_STRING)
            add_string(awk);
        else if (is_op(awk, "(")) {
            if (!open_level(awk, false, false, false))
                return false;
        } else if (is_op(awk, ")")) {
            if (!close_level(awk))
                return false;
        } else if (awk->token == TOKEN_NAME || awk->token == TOKEN_CALL) {
            /* A call within: its effects are its own. */
            if (!do_name(awk))
                return false;
        } else if (awk->token != TOKEN_OTHER || !is_op(awk, ",")) {
            add_hole(awk);
        }
    }
}

/* CMD | getline, or print … | CMD. */
static bool do_pipe(struct awk *awk)
{
    size_t behind = awk->at;
    bool print = awk->print;

    next(awk);
    if (is_name(awk, "getline")) {
        size_t last = awk->last_string;

        add_effect(awk, BJ_EFFECT_SHELL, "| getline");
        /* "a" "b" | getline: some take the last string alone. */
        if (last > level_from(awk) && last < awk->length) {
            memmove(awk->text + level_from(awk), awk->text + last, awk->length - last);
            awk->length -= last - level_from(awk);
            add_effect(awk, BJ_EFFECT_SHELL, "| getline");
        }
        forget(awk);
        add_hole(awk);
        return true;
    }
    awk->at = behind;
    return print && do_redirect(awk, BJ_EFFECT_SHELL, "print |");
}

/* getline [VARIABLE] < FILE: the file is one primary expression. */
static bool do_getline(struct awk *awk)
{
    size_t back;

    forget(awk);
    back = awk->at;
    next(awk);
    if (awk->token == TOKEN_NAME && !is_keyword(awk)) {
        back = awk->at;
        next(awk);
    }
    if (!is_op(awk, "<")) {
        awk->at = back;
        awk->operand = true;
        add_hole(awk);
        return true;
    }
    back = awk->at;
    next(awk);
    if (awk->token == TOKEN_STRING) {
        add_string(awk);
    } else {
        add_hole(awk);
        awk->at = back;
        awk->operand = false;
    }
    add_effect(awk, BJ_EFFECT_READS, "getline <");
    forget(awk);
    add_hole(awk);
    return true;
}

/* @load and @include; @NAME(…) calls what NAME says. */
static bool do_at(struct awk *awk)
{
    struct use use = {.via = "@"};
    struct bj_word word;

    next(awk);
    if (!is_name(awk, "load") && !is_name(awk, "include") && !is_name(awk, "namespace")) {
        word = bj_word_of(awk->reader, awk->code, "", 0);
        bj_reader_effect_word(awk->reader, &use, BJ_EFFECT_UNKNOWN, &word);
        return do_name(awk);
    }
    next(awk);
    if (awk->token != TOKEN_STRING)
        return false;
    forget(awk);
    add_string(awk);
    add_effect(awk, BJ_EFFECT_LOADS, "@include");
    forget(awk);
    return true;
}

static bool do_operator(struct awk *awk)
{
    bool redirects = awk->print && awk->depth == 0;

    if (is_op(awk, "|") || is_op(awk, "|&"))
        return do_pipe(awk);
    if (redirects && (is_op(awk, ">") || is_op(awk, ">>")))
        return do_redirect(awk, BJ_EFFECT_WRITES, "print >");
    if (is_op(awk, "("))
        return open_level(awk, false, false, false);
    if (is_op(awk, ")"))
        return close_level(awk);
    if (is_op(awk, "@"))
        return do_at(awk);
    if (is_op(awk, "[") || is_op(awk, "]") || is_op(awk, "$") || is_op(awk, "+") ||
        is_op(awk, "-") || is_op(awk, "*") || is_op(awk, "/") || is_op(awk, "%") ||
        is_op(awk, "^") || is_op(awk, "**") || is_op(awk, "++") || is_op(awk, "--")) {
        add_hole(awk);
        return true;
    }
    if (is_op(awk, ";") || is_op(awk, "{") || is_op(awk, "}"))
        awk->print = false;
    forget(awk);
    return true;
}

static bool do_token(struct awk *awk)
{
    switch (awk->token) {
    case TOKEN_NEWLINE:
        awk->print = false;
        forget(awk);
        return true;
    case TOKEN_STRING:
        add_string(awk);
        return true;
    case TOKEN_REGEX:
    case TOKEN_NUMBER:
        add_hole(awk);
        return true;
    case TOKEN_NAME:
    case TOKEN_CALL:
        return is_name(awk, "getline") ? do_getline(awk) : do_name(awk);
    case TOKEN_OTHER:
        return do_operator(awk);
    default:
        return false;
    }
}

bool bj_code_awk(struct reader *reader, const struct use *use, const struct bj_word *code)
{
    struct awk awk = {.reader = reader, .use = use, .code = code};

    if (bj_reader_flag(reader, "--sandbox") != NULL)
        return true;
    if (memchr(code->text, BJ_HOLE, code->length) != NULL)
        return false;
    /* Each token adds no more than its length. */
    awk.text = bj_arena_alloc(reader->arena, code->length * 2 + 2);
    if (awk.text == NULL)
        return false;
    for (next(&awk); awk.token != TOKEN_END; next(&awk)) {
        if (reader->arena->failed || !do_token(&awk))
            return false;
    }
    return awk.depth == 0;
}
