/*
 * The first reading of a text: where words, quotes, substitutions and here-documents begin and end,
 * by bash's own rules for tokens (bash(1), QUOTING and RESERVED WORDS; POSIX 2.10).
 *
 * It leaves a list of tokens and one of substitutions, both in order; shell_tree.c gives the
 * grammar what they amount to, so that no quoting can make it see a command where bash sees a word,
 * or the other way round.
 */
#include <ctype.h>

#include "policy/shell_scan_internal.h"

/* The word of a here-document without its quotes. */
static struct text unquoted(struct scan *scan, uint32_t from, uint32_t to, bool *ret_quoted)
{
    char *copy = bj_arena_alloc(scan->walk->arena, to - from + 1);
    uint32_t length = 0;
    char quote = 0;

    *ret_quoted = false;
    if (copy == NULL)
        return (struct text){"", 0};
    for (uint32_t at = from; at < to; at++) {
        char byte = scan->bytes[at];

        if (quote == 0 && byte == '$' && at + 1 < to && memchr("'\"", scan->bytes[at + 1], 2))
            continue;
        if (byte == quote || (quote == 0 && (byte == '\'' || byte == '"'))) {
            quote = byte == quote ? 0 : byte;
            *ret_quoted = true;
        } else if (byte == '\\' && quote != '\'' && at + 1 < to) {
            *ret_quoted = true;
            at++;
            if (scan->bytes[at] != '\n')
                copy[length++] = scan->bytes[at];
        } else {
            copy[length++] = byte;
        }
    }
    return (struct text){copy, length};
}

/* The lines of one here-document that begin at `at`; the place behind its last line. */
static uint32_t scan_document(struct scan *scan, uint32_t at, const struct pending *pending)
{
    struct source *source = scan->source;
    size_t room = source->document_room;
    struct document document = {.from = at, .quoted = pending->quoted, .strip = pending->strip};
    bool continued = false, begins;

    for (;;) {
        uint32_t line = at, end, begin;

        if (at >= scan->length) {
            bj_scan_broken(scan, document.from);
            document.to = scan->length;
            break;
        }
        while (at < scan->length && scan->bytes[at] != '\n')
            at++;
        end = at;
        at += at < scan->length;
        for (begin = line; pending->strip && begin < end && scan->bytes[begin] == '\t';)
            begin++;
        document.to = line;
        if (!continued && end - begin == pending->delimiter.length &&
            memcmp(scan->bytes + begin, pending->delimiter.bytes, end - begin) == 0)
            break;
        line = end;
        begins = !continued;
        continued = false;
        while (!pending->quoted && end > begin && scan->bytes[end - 1] == '\\') {
            continued = !continued;
            end--;
        }
        /* The last line may be continued too. */
        if (begins && continued && at < scan->length &&
            line - 1 - begin <= pending->delimiter.length &&
            memcmp(scan->bytes + begin, pending->delimiter.bytes, line - 1 - begin) == 0)
            bj_scan_add_joint(scan, line - 1, true);
    }
    source->documents = bj_sh_grow(scan->walk, source->documents, source->document_count, &room,
                                   sizeof *source->documents);
    source->document_room = (uint32_t)room;
    if (source->documents == NULL || source->tokens == NULL) {
        source->document_count = source->document_room = 0;
        return at;
    }
    source->documents[source->document_count] = document;
    if (pending->token < source->token_count)
        source->tokens[pending->token].document = source->document_count;
    source->document_count++;
    return at;
}

/* A newline: the here-documents that were announced before it follow. */
static uint32_t scan_newline(struct scan *scan, uint32_t at)
{
    bj_scan_add_token(scan, TOKEN_OPERATOR, at, at + 1);
    at++;
    for (uint32_t i = 0; i < scan->pending_count; i++)
        at = scan_document(scan, at, &scan->pending[i]);
    scan->pending_count = 0;
    return at;
}

static const struct {
    const char *text;
    enum redirect_op op;
} redirect_ops[] = {
    {"&>>", OP_ALL_APPEND}, {"<<<", OP_STRING}, {"<<-", OP_DOCUMENT}, {"&>", OP_ALL},
    {"<<", OP_DOCUMENT},    {">>", OP_APPEND},  {"<&", OP_DUP_IN},    {">&", OP_DUP_OUT},
    {">|", OP_WRITE},       {"<>", OP_BOTH},    {"<", OP_READ},       {">", OP_WRITE},
};

/* The number before a redirect; 99 for a large one and for {name}. */
static int16_t descriptor(const struct scan *scan, uint32_t from, uint32_t to)
{
    int16_t number = 0;

    for (; from < to; from++)
        number = isdigit((unsigned char)scan->bytes[from]) && number < 10
                     ? (int16_t)(number * 10 + scan->bytes[from] - '0')
                     : 99;
    return number;
}

/*
 * A redirect with its target, if one begins here; its file descriptor may stand before. Gives the
 * place behind it, or `at`.
 */
static uint32_t scan_redirect(struct scan *scan, uint32_t at)
{
    uint32_t from = at, target, end, token;
    size_t row = 0;

    while (isdigit(bj_scan_byte_at(scan, at)))
        at++;
    if (at == from && bj_scan_byte_at(scan, at) == '{') {
        uint32_t name = bj_sh_name_length(scan->bytes + at + 1, scan->length - at - 1);

        at = name > 0 && bj_scan_byte_at(scan, at + 1 + name) == '}' ? at + name + 2 : at;
    }
    while (row < sizeof redirect_ops / sizeof *redirect_ops &&
           (strlen(redirect_ops[row].text) > scan->length - at ||
            memcmp(scan->bytes + at, redirect_ops[row].text, strlen(redirect_ops[row].text)) != 0))
        row++;
    if (row == sizeof redirect_ops / sizeof *redirect_ops || (at > from && scan->bytes[at] == '&'))
        return from;
    end = at + (uint32_t)strlen(redirect_ops[row].text);
    if (end == at + 1 && bj_scan_byte_at(scan, end) == '(')
        return from; /* a process substitution */
    token = bj_scan_add_token(scan, TOKEN_REDIRECT, from, end);
    if (token != NOWHERE) {
        scan->source->tokens[token].op = redirect_ops[row].op;
        if (at > from)
            scan->source->tokens[token].fd = descriptor(scan, from, at);
    }
    target = bj_scan_skip_blanks(scan, end);
    at = bj_scan_word_token(scan, target, false);
    if (at == target)
        bj_scan_broken(scan, from);
    if (redirect_ops[row].op == OP_DOCUMENT) {
        struct pending pending = {.token = token, .strip = scan->bytes[end - 1] == '-'};

        pending.delimiter = unquoted(scan, target, at, &pending.quoted);
        if (scan->pending_count < BJ_SHELL_DOCUMENTS_MAX)
            scan->pending[scan->pending_count++] = pending;
        else
            bj_scan_broken(scan, from);
    }
    return at;
}

/* [[ … ]] from its beginning: words and operators. */
static uint32_t scan_test(struct scan *scan, uint32_t from)
{
    uint32_t at = from + 2, test = bj_scan_add_token(scan, TOKEN_TEST, from, scan->length);
    bool regex = false;

    for (;;) {
        uint32_t word, op = 0, token;

        at = bj_scan_skip_blanks(scan, at);
        if (bj_scan_byte_at(scan, at) == '\n') {
            at++;
            continue;
        }
        if (at >= scan->length) {
            bj_scan_broken(scan, from);
            break;
        }
        word = at;
        if (memchr("()<>|&;", scan->bytes[at], 7) != NULL && !regex &&
            !(memchr("<>", scan->bytes[at], 2) != NULL && bj_scan_byte_at(scan, at + 1) == '('))
            op =
                bj_scan_byte_at(scan, at + 1) == scan->bytes[at] && memchr("|&", scan->bytes[at], 2)
                    ? 2
                    : 1;
        token = bj_scan_add_token(scan, op > 0 ? TOKEN_OPERATOR : TOKEN_WORD, word, word);
        at = op > 0 ? at + op : bj_scan_word(scan, at, regex);
        if (at == word)
            at++;
        bj_scan_end_token(scan, token, at);
        regex = at - word == 2 && memcmp(scan->bytes + word, "=~", 2) == 0;
        if (op == 0 && at - word == 2 && memcmp(scan->bytes + word, "]]", 2) == 0)
            break;
    }
    bj_scan_end_token(scan, test, at);
    return at;
}

/* (( … )) as a command or the head of a `for`; 0 if it is two subshells. */
static uint32_t scan_math_command(struct scan *scan, uint32_t from, bool loop)
{
    uint32_t tokens = scan->source->token_count, extents = scan->source->extent_count;
    uint32_t joints = scan->joint_count;
    bool was_broken = scan->source->broken, turned = scan->turned;
    uint32_t token = bj_scan_add_token(scan, TOKEN_MATH, from, from);
    uint32_t to = bj_scan_math(scan, from + 2, ')');

    if (to == 0) {
        scan->source->token_count = tokens;
        scan->source->extent_count = extents;
        scan->source->broken = was_broken;
        scan->joint_count = joints;
        scan->turned = turned;
        return 0;
    }
    bj_scan_end_token(scan, token, to);
    if (token < scan->source->token_count)
        scan->source->tokens[token].op = loop;
    return to;
}

/* What a reserved word leads to. */
enum after {
    AFTER_COMMAND, /* a command, its first word perhaps reserved */
    AFTER_FOR,     /* a variable's name or (( */
    AFTER_CASE,    /* a word, then `in` */
    AFTER_ESAC,
    AFTER_FUNCTION, /* a name */
    AFTER_HIDDEN,   /* a command; the grammar is not shown the word itself */
    AFTER_COPROC,   /* perhaps a name, then a command */
};

static const struct {
    const char *word;
    enum after after;
    int nests; /* 1: begins a compound command, -1: ends one */
} reserved[] = {
    {"if", AFTER_COMMAND, 1},    {"then", AFTER_COMMAND, 0}, {"elif", AFTER_COMMAND, 0},
    {"else", AFTER_COMMAND, 0},  {"fi", AFTER_COMMAND, -1},  {"while", AFTER_COMMAND, 1},
    {"until", AFTER_COMMAND, 1}, {"do", AFTER_COMMAND, 0},   {"done", AFTER_COMMAND, -1},
    {"{", AFTER_COMMAND, 1},     {"}", AFTER_COMMAND, -1},   {"for", AFTER_FOR, 1},
    {"select", AFTER_FOR, 1},    {"case", AFTER_CASE, 1},    {"esac", AFTER_ESAC, -1},
    {"!", AFTER_HIDDEN, 0},      {"time", AFTER_HIDDEN, 0},  {"function", AFTER_FUNCTION, 0},
    {"coproc", AFTER_COPROC, 0},
};

/* Index of a reserved word, or -1. */
static int reserved_at(const struct scan *scan, uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (reserved[i].word[0] == scan->bytes[from] && strlen(reserved[i].word) == to - from &&
            memcmp(reserved[i].word, scan->bytes + from, to - from) == 0)
            return (int)i;
    return -1;
}

/* Where in a statement the scan is. */
enum place {
    PLACE_COMMAND,  /* a command may begin, reserved words count */
    PLACE_FIRST,    /* the command's name may come, reserved words are just words */
    PLACE_ARGUMENT, /* … */
    PLACE_FOR,
    PLACE_IN, /* `in` may come */
    PLACE_CASE,
    PLACE_PATTERN,
    PLACE_FUNCTION,
};

struct statement {
    enum place place;
    uint32_t cases; /* open ones */
    bool of_case;   /* PLACE_IN: of a case, not of a for */
    uint32_t open;  /* compound commands that have begun and not ended */
    bool complete;  /* what was read since the last operator can be a statement */
};

/* Is what follows `time` or `!` a command? Otherwise it is a command itself. */
static bool leads_on(struct scan *scan, uint32_t at)
{
    int byte = bj_scan_byte_at(scan, bj_scan_skip_blanks(scan, at));

    return byte != -1 && (byte == '(' || !bj_scan_ends_word(byte) || byte == '<' || byte == '>');
}

/* Hides `coproc NAME` before a compound command, `coproc` before a simple one. */
static uint32_t scan_coproc(struct scan *scan, uint32_t at)
{
    uint32_t name = bj_scan_skip_blanks(scan, at), end = name, next;

    end += bj_sh_name_length(scan->bytes + name, scan->length - name);
    next = bj_scan_skip_blanks(scan, end);
    if (end > name && next > end && reserved_at(scan, name, end) < 0 &&
        (bj_scan_byte_at(scan, next) == '{' || bj_scan_byte_at(scan, next) == '('))
        at = end;
    return at;
}

/* A reserved word was read: what comes next. Gives the place to go on from. */
static uint32_t statement_reserved(struct scan *scan, struct statement *st, int word,
                                   uint32_t token, uint32_t from, uint32_t to)
{
    bool hidden = reserved[word].after == AFTER_HIDDEN || reserved[word].after == AFTER_COPROC;

    if (token < scan->source->token_count)
        scan->source->tokens[token].kind = hidden ? TOKEN_HIDDEN : TOKEN_OPERATOR;
    st->place = PLACE_COMMAND;
    st->complete = reserved[word].nests < 0;
    if (reserved[word].nests > 0)
        st->open++;
    else if (reserved[word].nests < 0 && st->open > 0)
        st->open--;
    switch (reserved[word].after) {
    case AFTER_COMMAND:
        break;
    case AFTER_FOR:
        st->place = PLACE_FOR;
        break;
    case AFTER_CASE:
        st->place = PLACE_CASE;
        break;
    case AFTER_ESAC:
        st->cases -= st->cases > 0;
        break;
    case AFTER_FUNCTION:
        st->place = PLACE_FUNCTION;
        break;
    case AFTER_HIDDEN: {
        uint32_t option = bj_scan_skip_blanks(scan, to);

        if (to - from == 4 && scan->length - option > 2 &&
            memcmp(scan->bytes + option, "-p", 2) == 0 &&
            bj_scan_ends_word(bj_scan_byte_at(scan, option + 2)))
            to = option + 2;
        break;
    }
    case AFTER_COPROC:
        to = scan_coproc(scan, to);
        break;
    }
    return to;
}

/* What may follow a plain word. */
static void statement_plain(struct scan *scan, struct statement *st, uint32_t from, uint32_t to)
{
    const char *equals = memchr(scan->bytes + from, '=', to - from);

    switch (st->place) {
    case PLACE_COMMAND:
    case PLACE_FIRST:
        st->place = equals != NULL &&
                            bj_scan_is_assignment(scan, from, (uint32_t)(equals + 1 - scan->bytes))
                        ? PLACE_FIRST
                        : PLACE_ARGUMENT;
        break;
    case PLACE_FOR:
    case PLACE_CASE:
        st->of_case = st->place == PLACE_CASE;
        st->cases += st->of_case;
        st->place = PLACE_IN;
        break;
    case PLACE_FUNCTION:
        st->place = PLACE_COMMAND;
        break;
    default:
        break;
    }
}

static bool word_is(const struct scan *scan, uint32_t from, uint32_t to, const char *word)
{
    return to - from == strlen(word) && memcmp(scan->bytes + from, word, to - from) == 0;
}

static uint32_t statement_word(struct scan *scan, struct statement *st, uint32_t from)
{
    uint32_t token = scan->source->token_count, to = bj_scan_word_token(scan, from, false);
    int word = -1;

    if (to == from)
        bj_scan_end_token(scan, token, ++to);
    if (st->place == PLACE_COMMAND || (st->place == PLACE_PATTERN && st->cases > 0))
        word = reserved_at(scan, from, to);
    if (st->place == PLACE_PATTERN && word >= 0 && reserved[word].after != AFTER_ESAC)
        word = -1;
    if (st->place == PLACE_IN && word_is(scan, from, to, "in"))
        st->place = st->of_case ? PLACE_PATTERN : PLACE_ARGUMENT;
    else if (st->place == PLACE_IN && !st->of_case && word_is(scan, from, to, "do"))
        st->place = PLACE_COMMAND;
    else if (word >= 0 && (reserved[word].after != AFTER_HIDDEN || leads_on(scan, to)))
        return statement_reserved(scan, st, word, token, from, to);
    else {
        statement_plain(scan, st, from, to);
        st->complete = st->place == PLACE_FIRST || st->place == PLACE_ARGUMENT;
        return to;
    }
    if (token < scan->source->token_count)
        scan->source->tokens[token].kind = TOKEN_OPERATOR;
    return to;
}

/* An operator of one to three bytes; what may follow it. */
static uint32_t statement_operator(struct scan *scan, struct statement *st, uint32_t from)
{
    char byte = scan->bytes[from];
    uint32_t to = from + 1;

    if ((byte == ';' || byte == '&' || byte == '|') && bj_scan_byte_at(scan, to) == byte)
        to++;
    else if ((byte == ';' || byte == '|') && bj_scan_byte_at(scan, to) == '&')
        to++;
    if (byte == ';' && to == from + 2 && scan->bytes[from + 1] == ';' &&
        bj_scan_byte_at(scan, to) == '&')
        to++;
    bj_scan_add_token(scan, TOKEN_OPERATOR, from, to);
    if (byte == ';' && to > from + 1) {
        st->place = st->cases > 0 ? PLACE_PATTERN : PLACE_COMMAND;
    } else if (st->place == PLACE_PATTERN) {
        st->place = byte == ')' ? PLACE_COMMAND : PLACE_PATTERN;
    } else {
        st->place = PLACE_COMMAND;
    }
    return to;
}

static uint32_t statement_paren(struct scan *scan, struct statement *st, uint32_t at)
{
    bool math = bj_scan_byte_at(scan, at + 1) == '(' &&
                (st->place == PLACE_COMMAND || st->place == PLACE_FOR);
    uint32_t to = math ? scan_math_command(scan, at, st->place == PLACE_FOR) : 0;

    if (to != 0) {
        st->place = PLACE_COMMAND;
        return to;
    }
    if (st->place == PLACE_PATTERN) {
        bj_scan_add_token(scan, TOKEN_OPERATOR, at, at + 1);
        return at + 1;
    }
    bj_scan_add_token(scan, TOKEN_OPERATOR, at, at + 1);
    if (!bj_scan_enter(scan, at))
        return scan->length;
    at = bj_scan_commands(scan, at + 1, ')');
    scan->depth--;
    if (at < scan->length)
        bj_scan_add_token(scan, TOKEN_OPERATOR, at, at + 1);
    else
        bj_scan_broken(scan, at);
    st->place = PLACE_COMMAND;
    return at < scan->length ? at + 1 : at;
}

/* Marks the operator that was read last if a statement of the whole text ends with it. */
static void mark_end(struct scan *scan, struct statement *st, char stop, uint32_t token)
{
    if (stop == 0 && st->complete && st->open == 0 && st->cases == 0 &&
        token < scan->source->token_count)
        scan->source->tokens[token].ends = true;
    st->complete = false;
}

/* Statements up to an unmatched `stop` (0: the end of the text); its place. */
uint32_t bj_scan_commands(struct scan *scan, uint32_t at, char stop)
{
    struct statement st = {.place = PLACE_COMMAND};

    for (;;) {
        int byte;
        uint32_t to;

        at = bj_scan_skip_blanks(scan, at);
        byte = bj_scan_byte_at(scan, at);
        if (byte == -1 || !bj_sh_step(scan->walk))
            return scan->length;
        if (byte == '\n') {
            uint32_t token = scan->source->token_count;

            at = scan_newline(scan, at);
            if (st.complete)
                mark_end(scan, &st, stop, token);
            if (st.place != PLACE_IN && st.place != PLACE_PATTERN)
                st.place = PLACE_COMMAND;
            continue;
        }
        if (byte == '(') {
            at = statement_paren(scan, &st, at);
            st.complete = false;
            continue;
        }
        if (byte == ')' && stop == ')' && st.place != PLACE_PATTERN)
            return at;
        to = scan_redirect(scan, at);
        if (to > at) {
            if (st.place == PLACE_COMMAND)
                st.place = PLACE_FIRST;
            st.complete = true;
            at = to;
        } else if (byte == ';' || byte == '&' || byte == '|' || byte == ')') {
            if (st.place == PLACE_IN && byte == ';' && !st.of_case)
                st.place = PLACE_COMMAND;
            uint32_t token = scan->source->token_count;

            to = statement_operator(scan, &st, at);
            if (to > at + 1 || byte == '|' || byte == ')')
                st.complete = false;
            mark_end(scan, &st, stop, token);
            at = to;
        } else if (st.place == PLACE_COMMAND && byte == '[' &&
                   bj_scan_byte_at(scan, at + 1) == '[' &&
                   bj_scan_ends_word(bj_scan_byte_at(scan, at + 2))) {
            at = scan_test(scan, at);
            st.place = PLACE_COMMAND;
            st.complete = true;
        } else {
            at = statement_word(scan, &st, at);
        }
    }
}

static void scan_all(struct scan *scan, enum scan_mode mode)
{
    uint32_t at = 0;

    if (mode == SCAN_COMMANDS) {
        bj_scan_commands(scan, 0, 0);
        if (scan->pending_count > 0)
            bj_scan_broken(scan, scan->length);
        return;
    }
    while (at < scan->length) {
        char byte = scan->bytes[at];

        if (mode != SCAN_WORD && byte == '"')
            at++;
        else if (mode == SCAN_WORD && (byte == '<' || byte == '>') &&
                 bj_scan_byte_at(scan, at + 1) == '(')
            at = bj_scan_substitution(scan, at,
                                      byte == '<' ? EXTENT_PROCESS_IN : EXTENT_PROCESS_OUT, false);
        else
            at = bj_scan_piece(scan, at, mode != SCAN_WORD);
    }
}

struct source *bj_sh_source(struct walk *walk, struct text text, enum scan_mode mode,
                            const struct source *outer, uint32_t from, uint32_t to)
{
    struct source *source = bj_arena_alloc(walk->arena, sizeof *source);
    struct scan scan;
    uint32_t again = 0;

    if (source == NULL)
        return NULL;
    *source = (struct source){.bytes = text.bytes,
                              .length = text.length,
                              .from = from,
                              .to = to,
                              .nested = outer != NULL};
    if (outer == NULL && walk->command_to > 0) {
        /* A text out of a value: all of it came from the command that is being run. */
        source->from = walk->command_from;
        source->to = walk->command_to;
        source->nested = true;
    }
    do {
        scan = (struct scan){.walk = walk,
                             .source = source,
                             .bytes = source->bytes,
                             .length = source->length,
                             .depth = walk->depth};
        scan_all(&scan, mode);
    } while (bj_scan_join(&scan, &again));
    if (source->broken)
        bj_sh_incomplete(walk, source->deep ? BJ_TOO_LARGE : BJ_NOT_CLOSED,
                         bj_sh_place(source, source->broken_at));
    return walk->arena->failed ? NULL : source;
}
