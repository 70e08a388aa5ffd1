/*
 * Words: quotes, substitutions and the like, where each begins and ends. See shell_scan.c.
 */
#include <ctype.h>

#include "policy/shell_scan_internal.h"

void bj_scan_broken(struct scan *scan, uint32_t at)
{
    if (!scan->source->broken)
        scan->source->broken_at = at;
    scan->source->broken = true;
}

/* The byte at a place; -1 behind the end. A hole is '\0'. */
int bj_scan_byte_at(const struct scan *scan, uint32_t at)
{
    return at < scan->length ? (unsigned char)scan->bytes[at] : -1;
}

bool bj_scan_is_blank(int byte)
{
    return byte == ' ' || byte == '\t';
}

bool bj_scan_ends_word(int byte)
{
    return byte == -1 || bj_scan_is_blank(byte) || byte == '\n' || byte == ';' || byte == '&' ||
           byte == '|' || byte == '(' || byte == ')' || byte == '<' || byte == '>';
}

/* Tokens are added where they begin, so that the list is in order. Index, or NOWHERE. */
uint32_t bj_scan_add_token(struct scan *scan, enum token_kind kind, uint32_t from, uint32_t to)
{
    struct source *source = scan->source;
    size_t room = source->token_room;
    struct token *token;

    source->tokens =
        bj_sh_grow(scan->walk, source->tokens, source->token_count, &room, sizeof *source->tokens);
    source->token_room = (uint32_t)room;
    if (source->tokens == NULL) {
        source->token_count = source->token_room = 0;
        return NOWHERE;
    }
    token = &source->tokens[source->token_count];
    *token = (struct token){.from = from, .to = to, .kind = kind, .fd = -1, .document = NOWHERE};
    return source->token_count++;
}

void bj_scan_end_token(struct scan *scan, uint32_t token, uint32_t to)
{
    if (token < scan->source->token_count)
        scan->source->tokens[token].to = to;
}

/* The same for substitutions. */
static uint32_t add_extent(struct scan *scan, enum extent_kind kind, uint32_t from, bool quoted)
{
    struct source *source = scan->source;
    size_t room = source->extent_room;

    source->extents = bj_sh_grow(scan->walk, source->extents, source->extent_count, &room,
                                 sizeof *source->extents);
    source->extent_room = (uint32_t)room;
    if (source->extents == NULL) {
        source->extent_count = source->extent_room = 0;
        return NOWHERE;
    }
    source->extents[source->extent_count] =
        (struct extent){.from = from, .to = scan->length, .kind = kind, .quoted = quoted};
    return source->extent_count++;
}

static void end_extent(struct scan *scan, uint32_t extent, uint32_t to)
{
    if (extent < scan->source->extent_count)
        scan->source->extents[extent].to = to;
}

/* Is there room for one more level? What is deeper is not looked at. */
bool bj_scan_enter(struct scan *scan, uint32_t at)
{
    if (scan->depth < BJ_SHELL_DEPTH_MAX) {
        scan->depth++;
        return true;
    }
    bj_scan_broken(scan, at);
    scan->source->deep = true;
    return false;
}

/* From the opening quote to behind the closing one. */
static uint32_t scan_single(struct scan *scan, uint32_t at, bool escapes)
{
    uint32_t from = at;

    for (at += escapes ? 2 : 1; at < scan->length; at++) {
        if (scan->bytes[at] == '\'')
            return at + 1;
        if (escapes && scan->bytes[at] == '\\')
            at++;
    }
    bj_scan_broken(scan, from);
    return scan->length;
}

/* From behind the opening quote to behind the closing one. */
static uint32_t scan_double(struct scan *scan, uint32_t at)
{
    uint32_t from = at;

    if (!bj_scan_enter(scan, at))
        return scan->length;
    while (at < scan->length && scan->bytes[at] != '"')
        at = bj_scan_piece(scan, at, true);
    scan->depth--;
    if (at < scan->length)
        return at + 1;
    bj_scan_broken(scan, from);
    return scan->length;
}

static uint32_t scan_backticks(struct scan *scan, uint32_t at, bool quoted)
{
    uint32_t from = at, extent = add_extent(scan, EXTENT_BACKTICKS, at, quoted);

    for (at++; at < scan->length; at++) {
        if (scan->bytes[at] == '`') {
            end_extent(scan, extent, at + 1);
            return at + 1;
        }
        if (scan->bytes[at] == '\\')
            at++;
    }
    bj_scan_broken(scan, from);
    return scan->length;
}

/* $( ), <( ), >( ): commands up to the parenthesis, with here-documents of their own. */
uint32_t bj_scan_substitution(struct scan *scan, uint32_t at, enum extent_kind kind, bool quoted)
{
    uint32_t from = at, extent = add_extent(scan, kind, at, quoted);
    struct pending outer[BJ_SHELL_DOCUMENTS_MAX];
    uint32_t outer_count = scan->pending_count;

    if (!bj_scan_enter(scan, at))
        return scan->length;
    memcpy(outer, scan->pending, outer_count * sizeof *outer);
    scan->pending_count = 0;
    at = bj_scan_commands(scan, at + 2, ')');
    if (at < scan->length)
        at++;
    else
        bj_scan_broken(scan, from);
    if (scan->pending_count > 0)
        bj_scan_broken(scan, from);
    memcpy(scan->pending, outer, outer_count * sizeof *outer);
    scan->pending_count = outer_count;
    scan->depth--;
    end_extent(scan, extent, at);
    return at;
}

/*
 * An arithmetic text from behind its opening up to `close`, which is `))` or `]`. Gives the place
 * behind it, or 0 when parentheses say that it is none.
 */
uint32_t bj_scan_math(struct scan *scan, uint32_t at, char close)
{
    uint32_t parens = 0;

    if (!bj_scan_enter(scan, at))
        return scan->length;
    while (at < scan->length) {
        char byte = scan->bytes[at];

        if (close == ']' ? byte == ']' && parens == 0 : byte == ')' && parens == 0) {
            scan->depth--;
            if (close == ']')
                return at + 1;
            return bj_scan_byte_at(scan, at + 1) == ')' ? at + 2 : 0;
        }
        if (byte == (close == ']' ? '[' : '('))
            parens++;
        if (byte == (close == ']' ? ']' : ')'))
            parens--;
        at = bj_scan_piece(scan, at, false);
    }
    scan->depth--;
    return 0;
}

/* $(( )): when the parentheses do not fit it is a command substitution that begins with ( . */
static uint32_t scan_math_substitution(struct scan *scan, uint32_t at, bool quoted)
{
    uint32_t tokens = scan->source->token_count, extents = scan->source->extent_count;
    uint32_t joints = scan->joint_count;
    bool was_broken = scan->source->broken, turned = scan->turned;
    uint32_t extent = add_extent(scan, EXTENT_MATH, at, quoted);
    uint32_t to = bj_scan_math(scan, at + 3, ')');

    if (to != 0) {
        end_extent(scan, extent, to);
        return to;
    }
    scan->source->token_count = tokens;
    scan->source->extent_count = extents;
    scan->source->broken = was_broken;
    scan->joint_count = joints;
    scan->turned = turned;
    return bj_scan_substitution(scan, at, EXTENT_COMMANDS, quoted);
}

/*
 * A single quote within "${x:-…}" is plain to some shells; bash looks for the next one, and takes
 * a } or " between them as plain. Where that makes a difference the text is not understood. Gives
 * the place of the other one.
 */
static uint32_t check_single(struct scan *scan, uint32_t at)
{
    const char *from = scan->bytes + at + 1;
    const char *to = memchr(from, '\'', scan->length - at - 1);

    if (to == NULL || memchr(from, '}', (size_t)(to - from)) != NULL ||
        memchr(from, '"', (size_t)(to - from)) != NULL)
        bj_scan_broken(scan, at);
    return to == NULL ? at : (uint32_t)(to - scan->bytes);
}

/*
 * ${ }. Within double quotes a single quote is a quote only in patterns (after # % / ^ ,), as
 * bash has it.
 */
static uint32_t scan_parameter(struct scan *scan, uint32_t at, bool quoted)
{
    uint32_t from = at, extent = add_extent(scan, EXTENT_PARAMETER, at, quoted), name, checked = at;
    bool singles;

    if (!bj_scan_enter(scan, at))
        return scan->length;
    at += 2;
    if (bj_scan_byte_at(scan, at) == '!' || bj_scan_byte_at(scan, at) == '#')
        at++;
    name = bj_sh_name_length(scan->bytes + at, scan->length - at);
    at += name;
    singles = !quoted || (at < scan->length && memchr("#%/^,", scan->bytes[at], 5) != NULL);
    while (at < scan->length && scan->bytes[at] != '}') {
        if (scan->bytes[at] == '\'' && !singles && at > checked)
            checked = check_single(scan, at);
        at = bj_scan_piece(scan, at, quoted && !singles);
    }
    scan->depth--;
    if (at >= scan->length) {
        bj_scan_broken(scan, from);
        return scan->length;
    }
    end_extent(scan, extent, at + 1);
    return at + 1;
}

/* What begins with a dollar; the place behind it. */
static uint32_t scan_dollar(struct scan *scan, uint32_t at, bool quoted)
{
    switch (bj_scan_byte_at(scan, at + 1)) {
    case '(':
        return bj_scan_byte_at(scan, at + 2) == '('
                   ? scan_math_substitution(scan, at, quoted)
                   : bj_scan_substitution(scan, at, EXTENT_COMMANDS, quoted);
    case '{':
        return scan_parameter(scan, at, quoted);
    case '[': {
        uint32_t extent = add_extent(scan, EXTENT_MATH, at, quoted);
        uint32_t to = bj_scan_math(scan, at + 2, ']');

        if (to == 0) {
            bj_scan_broken(scan, at);
            to = scan->length;
        }
        end_extent(scan, extent, to);
        return to;
    }
    case '\'':
        return quoted ? at + 1 : scan_single(scan, at, true);
    case '"':
        return quoted ? at + 1 : scan_double(scan, at + 2);
    default:
        return at + 1;
    }
}

/* One piece of a word: a quoted string, a substitution, an escaped byte or a byte. */
uint32_t bj_scan_piece(struct scan *scan, uint32_t at, bool quoted)
{
    switch (scan->bytes[at]) {
    case '\\':
        if (bj_scan_byte_at(scan, at + 1) == '\n')
            bj_scan_note_joint(scan, at, quoted);
        return at + 2 <= scan->length ? at + 2 : scan->length;
    case '\'':
        return quoted ? at + 1 : scan_single(scan, at, false);
    case '"':
        return scan_double(scan, at + 1);
    case '$':
        return scan_dollar(scan, at, quoted);
    case '`':
        return scan_backticks(scan, at, quoted);
    default:
        return at + 1;
    }
}

/* Parentheses of an extended pattern or an array: balanced, newlines and comments allowed. */
static uint32_t scan_parens(struct scan *scan, uint32_t at)
{
    uint32_t from = at, parens = 0;
    bool start = true;

    if (!bj_scan_enter(scan, at))
        return scan->length;
    while (at < scan->length) {
        char byte = scan->bytes[at];

        if (byte == '#' && start) {
            while (at < scan->length && scan->bytes[at] != '\n')
                at++;
            continue;
        }
        start = bj_scan_is_blank(byte) || byte == '\n' || byte == '(';
        parens += byte == '(';
        if ((byte == '<' || byte == '>') && bj_scan_byte_at(scan, at + 1) == '(')
            at = bj_scan_substitution(scan, at,
                                      byte == '<' ? EXTENT_PROCESS_IN : EXTENT_PROCESS_OUT, false);
        else
            at = bj_scan_piece(scan, at, false);
        if (byte == ')' && --parens == 0) {
            scan->depth--;
            return at;
        }
    }
    scan->depth--;
    bj_scan_broken(scan, from);
    return scan->length;
}

/* Is [from, at) the left side of an assignment: NAME=, NAME+=, NAME[…]= ? */
bool bj_scan_is_assignment(const struct scan *scan, uint32_t from, uint32_t at)
{
    uint32_t name = bj_sh_name_length(scan->bytes + from, at - from);
    uint32_t end = at;

    if (name == 0 || scan->bytes[at - 1] != '=')
        return false;
    end--;
    if (end > from + name && scan->bytes[end - 1] == '+')
        end--;
    return end == from + name || (scan->bytes[from + name] == '[' && scan->bytes[end - 1] == ']');
}

/* A word; `regex`: the right side of =~, where ( ) | < > are part of it. */
uint32_t bj_scan_word(struct scan *scan, uint32_t from, bool regex)
{
    uint32_t at = from, parens = 0;

    while (at < scan->length) {
        int byte = bj_scan_byte_at(scan, at), next = bj_scan_byte_at(scan, at + 1);

        if ((byte == '<' || byte == '>') && next == '(') {
            at = bj_scan_substitution(scan, at,
                                      byte == '<' ? EXTENT_PROCESS_IN : EXTENT_PROCESS_OUT, false);
            continue;
        }
        if (regex && (byte == '(' || byte == ')' || byte == '|')) {
            if (byte == ')' && parens == 0)
                break;
            parens += byte == '(';
            parens -= byte == ')';
            at++;
            continue;
        }
        if (byte == '(' && at > from &&
            (bj_scan_is_assignment(scan, from, at) ||
             memchr("?*+@!", scan->bytes[at - 1], 5) != NULL)) {
            at = scan_parens(scan, at);
            continue;
        }
        if (bj_scan_ends_word(byte) && !(regex && parens > 0))
            break;
        /* A subscript may hold blanks: a[1 + 2]=x. */
        if (byte == '[' && at > from &&
            bj_sh_name_length(scan->bytes + from, at - from) == at - from) {
            uint32_t end = bj_scan_math(scan, at + 1, ']');

            if (end != 0 &&
                (bj_scan_byte_at(scan, end) == '=' ||
                 (bj_scan_byte_at(scan, end) == '+' && bj_scan_byte_at(scan, end + 1) == '='))) {
                at = end;
                continue;
            }
        }
        at = bj_scan_piece(scan, at, false);
    }
    return at;
}

/* A word as a token. */
uint32_t bj_scan_word_token(struct scan *scan, uint32_t from, bool regex)
{
    uint32_t token = bj_scan_add_token(scan, TOKEN_WORD, from, from),
             to = bj_scan_word(scan, from, regex);

    bj_scan_end_token(scan, token, to);
    return to;
}

/* Behind blanks, continued lines and comments. */
uint32_t bj_scan_skip_blanks(struct scan *scan, uint32_t at)
{
    for (;;) {
        if (bj_scan_is_blank(bj_scan_byte_at(scan, at))) {
            at++;
        } else if (bj_scan_byte_at(scan, at) == '\\' && bj_scan_byte_at(scan, at + 1) == '\n') {
            bj_scan_note_joint(scan, at, false);
            at += 2;
        } else if (bj_scan_byte_at(scan, at) == '#') {
            while (at < scan->length && scan->bytes[at] != '\n')
                at++;
        } else {
            return at;
        }
    }
}

struct extent *bj_sh_extent_at(const struct source *source, uint32_t from)
{
    uint32_t low = 0, high = source->extent_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (source->extents[middle].from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < source->extent_count && source->extents[low].from == from ? &source->extents[low]
                                                                           : NULL;
}

uint32_t bj_sh_skip(const struct source *source, uint32_t at, uint32_t end)
{
    const struct extent *extent;
    uint32_t to = at + 1;
    char quote = 0;

    switch (source->bytes[at]) {
    case '\\':
        to = at + 2;
        break;
    case '\'':
        quote = '\'';
        break;
    case '"':
        quote = '"';
        break;
    case '$':
    case '`':
    case '<':
    case '>':
        extent = bj_sh_extent_at(source, at);
        if (extent != NULL)
            to = extent->to;
        else if (source->bytes[at] == '$' && at + 1 < end && source->bytes[at + 1] == '\'')
            quote = 'e', to++;
        else if (source->bytes[at] == '$' && at + 1 < end && source->bytes[at + 1] == '"')
            quote = '"', to++;
        break;
    }
    while (quote != 0 && to < end && source->bytes[to] != (quote == 'e' ? '\'' : quote)) {
        extent = quote == '"' ? bj_sh_extent_at(source, to) : NULL;
        if (extent != NULL)
            to = extent->to;
        else
            to += quote != '\'' && source->bytes[to] == '\\' ? 2 : 1;
    }
    to += quote != 0;
    return to < end ? to : end;
}

uint32_t bj_sh_name_length(const char *bytes, uint32_t length)
{
    uint32_t at = 0;

    while (at < length && (isalnum((unsigned char)bytes[at]) || bytes[at] == '_'))
        at++;
    return at > 0 && isdigit((unsigned char)bytes[0]) ? 0 : at;
}
