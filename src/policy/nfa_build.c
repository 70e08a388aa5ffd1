/*
 * From a pattern in PCRE2's syntax to an automaton. What the automaton cannot express is taken for
 * anything: look-around for nothing in the way, a back reference for any bytes.
 */
#include "policy/nfa_internal.h"

/* A part of the automaton with one way in and one way out, an EMPTY state. */
struct part {
    uint16_t in, out;
};

struct parser {
    struct bj_nfa *nfa;
    const char *text;
    size_t length, at;
    bool fold, verbose, multiline;
    int depth;
};

static struct part parse_choice(struct parser *parser);

bool bj_set_of_class(char letter, struct set *ret)
{
    struct set set = {0};

    switch (tolower((unsigned char)letter)) {
    case 'd':
        set_add_range(&set, '0', '9');
        break;
    case 'w':
        set_add_range(&set, '0', '9');
        set_add_range(&set, 'a', 'z');
        set_add_range(&set, 'A', 'Z');
        set_add(&set, '_');
        break;
    case 's':
        set_add_range(&set, '\t', '\r');
        set_add_range(&set, 0x1c, ' ');
        break;
    default:
        return false;
    }
    if (isupper((unsigned char)letter))
        set_invert(&set);
    set_add_high(&set);
    set.blank = letter == 's';
    *ret = set;
    return true;
}

/* Building. */

static uint16_t add_state(struct parser *parser, enum kind kind)
{
    struct bj_nfa *nfa = parser->nfa;

    if (nfa->count >= BJ_NFA_STATES_MAX) {
        nfa->anything = true;
        return 0;
    }
    nfa->states[nfa->count] = (struct state){.kind = kind, .next = NONE, .other = NONE};
    return (uint16_t)nfa->count++;
}

static struct part empty_part(struct parser *parser)
{
    uint16_t state = add_state(parser, EMPTY);

    return (struct part){state, state};
}

static void join(struct parser *parser, struct part *first, struct part second)
{
    parser->nfa->states[first->out].next = second.in;
    first->out = second.out;
}

static struct part set_part(struct parser *parser, const struct set *set)
{
    struct bj_nfa *nfa = parser->nfa;
    struct part part = {add_state(parser, BYTES), add_state(parser, EMPTY)};
    struct set folded = *set;

    if (parser->fold)
        set_fold(&folded);
    if (nfa->set_count >= BJ_NFA_SETS_MAX) {
        nfa->anything = true;
        return part;
    }
    nfa->sets[nfa->set_count] = folded;
    nfa->states[part.in].set = (uint16_t)nfa->set_count++;
    nfa->states[part.in].next = part.out;
    return part;
}

static struct part repeat_part(struct parser *parser, struct part inner, bool at_least_once)
{
    struct part part = {add_state(parser, SPLIT), add_state(parser, EMPTY)};
    struct state *states = parser->nfa->states;

    states[part.in].next = inner.in;
    states[part.in].other = part.out;
    states[inner.out].next = part.in;
    if (at_least_once)
        part.in = inner.in;
    return part;
}

static struct part optional_part(struct parser *parser, struct part inner)
{
    struct part part = {add_state(parser, SPLIT), inner.out};

    parser->nfa->states[part.in].next = inner.in;
    parser->nfa->states[part.in].other = inner.out;
    return part;
}

/* A set that may begin a character of several bytes takes all of them. */
static struct part class_part(struct parser *parser, const struct set *set)
{
    struct part part = set_part(parser, set);
    struct set rest = {0};

    if (has_high(set)) {
        set_add_range(&rest, 0x80, 0xbf);
        join(parser, &part, repeat_part(parser, set_part(parser, &rest), false));
    }
    return part;
}

static struct part byte_part(struct parser *parser, unsigned char byte)
{
    struct set set = {0};

    set_add(&set, byte);
    return set_part(parser, &set);
}

static struct part any_part(struct parser *parser)
{
    struct set all;

    set_fill(&all);
    return repeat_part(parser, set_part(parser, &all), false);
}

static struct part assertion(struct parser *parser, enum kind kind)
{
    struct part part = {add_state(parser, kind), add_state(parser, EMPTY)};

    parser->nfa->states[part.in].next = part.out;
    return part;
}

/* Reading. */

static bool more(const struct parser *parser)
{
    return parser->at < parser->length;
}

static char peek(const struct parser *parser, size_t ahead)
{
    return parser->at + ahead < parser->length ? parser->text[parser->at + ahead] : '\0';
}

static bool starts(const struct parser *parser, const char *text)
{
    size_t length = strlen(text);

    return parser->length - parser->at >= length &&
           memcmp(parser->text + parser->at, text, length) == 0;
}

static bool skip_past(struct parser *parser, char byte)
{
    while (more(parser)) {
        if (parser->text[parser->at++] == byte)
            return true;
    }
    return false;
}

/* The number behind \x: two digits, or any in braces. */
static unsigned read_hex(struct parser *parser)
{
    bool braces = peek(parser, 0) == '{';
    unsigned value = 0;

    parser->at += braces;
    for (int digits = 0; isxdigit((unsigned char)peek(parser, 0)) && (braces || digits < 2);
         digits++) {
        char c = parser->text[parser->at++];

        value =
            (value << 4 | (unsigned)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10)) &
            0x1fffff;
    }
    if (braces && peek(parser, 0) == '}')
        parser->at++;
    return value;
}

/* A character that an escape stands for; `letter` has been read. */
static unsigned read_escaped(struct parser *parser, char letter)
{
    static const char letters[] = "afnrt", values[] = "\a\f\n\r\t";
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;

    if (letter == 'x')
        return read_hex(parser);
    if (letter == '0') {
        unsigned value = 0;

        for (int i = 0; i < 2 && peek(parser, 0) >= '0' && peek(parser, 0) <= '7'; i++)
            value = value * 8 + (unsigned)(parser->text[parser->at++] - '0');
        return value;
    }
    return found != NULL ? (unsigned char)values[found - letters] : (unsigned char)letter;
}

/* One member of a class in brackets; *ret_value is its character if it is a single one. */
static bool read_member(struct parser *parser, struct set *set, unsigned *ret_value)
{
    unsigned char c = (unsigned char)parser->text[parser->at++];
    struct set class;

    if (c == '\\' && more(parser)) {
        char letter = parser->text[parser->at++];

        if (bj_set_of_class(letter, &class)) {
            set_add_set(set, &class);
            return false;
        }
        *ret_value = letter == 'b' ? '\b' : read_escaped(parser, letter);
        return true;
    }
    *ret_value = c;
    return true;
}

static struct part parse_class(struct parser *parser)
{
    struct set set = {0};
    bool inverted = peek(parser, 0) == '^', first = true;

    parser->at += inverted;
    for (; more(parser) && (peek(parser, 0) != ']' || first); first = false) {
        unsigned from, to;

        if (!read_member(parser, &set, &from))
            continue;
        to = from;
        if (peek(parser, 0) == '-' && peek(parser, 1) != ']' && peek(parser, 1) != '\0') {
            parser->at++;
            if (!read_member(parser, &set, &to))
                to = from;
        }
        if (from < 0x80)
            set_add_range(&set, from, to < 0x80 ? to : 0x7f);
        if (to >= 0x80)
            set_add_high(&set);
    }
    parser->at++;
    if (parser->fold)
        set_fold(&set);
    if (inverted) {
        set_invert(&set);
        set_add_high(&set);
    }
    return class_part(parser, &set);
}

static struct part parse_escape(struct parser *parser)
{
    char letter = peek(parser, 0);
    struct set set;
    unsigned value;

    parser->at++;
    if (bj_set_of_class(letter, &set))
        return class_part(parser, &set);
    switch (letter) {
    case 'A':
        return assertion(parser, BEGIN);
    case 'z':
        return assertion(parser, END);
    case 'b':
        return assertion(parser, BOUNDARY);
    case 'B':
        return assertion(parser, NOT_BOUNDARY);
    default:
        break;
    }
    if (letter >= '1' && letter <= '9') { /* what a group matched: anything */
        while (isdigit((unsigned char)peek(parser, 0)))
            parser->at++;
        return any_part(parser);
    }
    value = read_escaped(parser, letter);
    if (value < 0x80)
        return byte_part(parser, (unsigned char)value);
    set = (struct set){0};
    set_add_high(&set);
    return class_part(parser, &set);
}

/* Behind an opening parenthesis: to behind the one that closes it, its content unread. */
static void skip_group(struct parser *parser)
{
    int depth = 1;

    while (more(parser) && depth > 0) {
        char c = parser->text[parser->at++];

        if (c == '\\') {
            parser->at++;
        } else if (c == '[') {
            struct parser ahead = *parser;
            struct bj_nfa *nfa = parser->nfa;
            size_t count = nfa->count, sets = nfa->set_count;

            parse_class(&ahead); /* only for its end */
            parser->at = ahead.at;
            nfa->count = count;
            nfa->set_count = sets;
        } else {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        }
    }
}

/* (?flags) and (?flags: …; true when a group follows. */
static bool read_flags(struct parser *parser)
{
    bool on = true;

    for (; more(parser) && peek(parser, 0) != ':' && peek(parser, 0) != ')'; parser->at++) {
        char c = peek(parser, 0);

        if (c == '-')
            on = false;
        else if (c == 'i')
            parser->fold = on;
        else if (c == 'x')
            parser->verbose = on;
        else if (c == 'm')
            parser->multiline = on;
    }
    return parser->at++ < parser->length && parser->text[parser->at - 1] == ':';
}

/* What stands behind "(?", but for groups that are just groups. True: nothing of it is left. */
static bool parse_special(struct parser *parser, struct part *ret, bool *ret_optional)
{
    static const char *const looks[] = {"?=", "?!", "?<=", "?<!", "?#"};

    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        if (!starts(parser, looks[i]))
            continue;
        if (looks[i][1] == '#')
            skip_past(parser, ')');
        else
            skip_group(parser);
        *ret = empty_part(parser);
        return true;
    }
    if (starts(parser, "?P=")) {
        skip_past(parser, ')');
        *ret = any_part(parser);
        return true;
    }
    if (starts(parser, "?(")) { /* (?(1)yes|no): either, or neither */
        skip_past(parser, ')');
        *ret_optional = true;
    } else if (starts(parser, "?P<")) {
        skip_past(parser, '>');
    } else if (starts(parser, "?:") || starts(parser, "?>")) {
        parser->at += 2;
    } else {
        parser->at++;
        if (!read_flags(parser)) {
            *ret = empty_part(parser);
            return true;
        }
    }
    return false;
}

/* Behind an opening parenthesis. */
static struct part parse_group(struct parser *parser)
{
    struct parser outside = *parser;
    bool optional = false;
    struct part part;

    if (peek(parser, 0) == '?' && parse_special(parser, &part, &optional))
        return part; /* the flags of (?i) hold from here on */
    if (parser->depth >= BJ_PATTERN_DEPTH_MAX) {
        parser->nfa->anything = true;
        parser->at = parser->length;
        return empty_part(parser);
    }
    parser->depth++;
    part = parse_choice(parser);
    if (peek(parser, 0) == ')')
        parser->at++;
    outside.at = parser->at;
    *parser = outside;
    return optional ? optional_part(parser, part) : part;
}

static struct part parse_atom(struct parser *parser)
{
    unsigned char c = (unsigned char)parser->text[parser->at++];
    struct part part;
    struct set set;

    switch (c) {
    case '(':
        return parse_group(parser);
    case '[':
        return parse_class(parser);
    case '\\':
        return parse_escape(parser);
    case '.':
        set_fill(&set);
        return class_part(parser, &set);
    case '^':
        return parser->multiline ? empty_part(parser) : assertion(parser, BEGIN);
    case '$':
        return parser->multiline ? empty_part(parser) : assertion(parser, END);
    default:
        break;
    }
    part = byte_part(parser, c);
    while (c >= 0xc0 && ((unsigned char)peek(parser, 0) & 0xc0) == 0x80)
        join(parser, &part, byte_part(parser, (unsigned char)parser->text[parser->at++]));
    return part;
}

/* {m}, {m,} or {m,n}; anything else in braces is text. */
static bool read_counts(struct parser *parser, unsigned *ret_least, unsigned *ret_most)
{
    size_t at = parser->at + 1, digits = at;
    unsigned least = 0, most;

    for (; at < parser->length && isdigit((unsigned char)parser->text[at]); at++)
        least = least > 99999 ? least : least * 10 + (unsigned)(parser->text[at] - '0');
    if (at == digits)
        return false;
    most = least;
    if (at < parser->length && parser->text[at] == ',') {
        bool given = false;

        most = 0;
        for (at++; at < parser->length && isdigit((unsigned char)parser->text[at]); at++) {
            most = most > 99999 ? most : most * 10 + (unsigned)(parser->text[at] - '0');
            given = true;
        }
        if (!given)
            most = UINT32_MAX;
    }
    if (at >= parser->length || parser->text[at] != '}')
        return false;
    parser->at = at + 1;
    *ret_least = least;
    *ret_most = most;
    return true;
}

/* In verbose patterns blanks and comments are nothing. */
static bool skip_blank(struct parser *parser)
{
    if (!parser->verbose || !more(parser))
        return false;
    if (isspace((unsigned char)peek(parser, 0))) {
        parser->at++;
        return true;
    }
    if (peek(parser, 0) != '#')
        return false;
    if (!skip_past(parser, '\n'))
        parser->at = parser->length;
    return true;
}

/* Does a quantifier stand here? It is read. */
static bool read_quantifier(struct parser *parser, unsigned *ret_least, unsigned *ret_most)
{
    bool found = true;
    char c;

    while (skip_blank(parser))
        ;
    if (!more(parser))
        return false;
    c = peek(parser, 0);
    *ret_least = c == '+';
    *ret_most = c == '?' ? 1 : UINT32_MAX;
    if (c == '*' || c == '+' || c == '?')
        parser->at++;
    else
        found = c == '{' && read_counts(parser, ret_least, ret_most);
    while (found && skip_blank(parser))
        ;
    if (found && (peek(parser, 0) == '?' || peek(parser, 0) == '+'))
        parser->at++; /* lazy and possessive ones match no other beginnings, or fewer */
    return found;
}

/* Reads the atom at `from` again: each repetition has states of its own. */
static struct part copy_atom(struct parser *parser, size_t from)
{
    size_t here = parser->at;
    struct part part;

    parser->at = from;
    part = parse_atom(parser);
    parser->at = here;
    return part;
}

static struct part parse_piece(struct parser *parser)
{
    struct parser before = *parser;
    struct part atom = parse_atom(parser), part;
    unsigned least, most;

    if (!read_quantifier(parser, &least, &most))
        return atom;
    if (most == UINT32_MAX && least <= 1)
        return repeat_part(parser, atom, least == 1);
    if (least == 0 && most == 1)
        return optional_part(parser, atom);
    /* Long repetitions are taken for endless ones, which match more. */
    if (least > BJ_NFA_REPEATS_MAX)
        least = BJ_NFA_REPEATS_MAX;
    if (most > BJ_NFA_REPEATS_MAX)
        most = UINT32_MAX;
    part = empty_part(parser);
    for (unsigned i = 0; i < least && !parser->nfa->anything; i++)
        join(parser, &part, copy_atom(parser, before.at));
    if (most == UINT32_MAX)
        join(parser, &part, repeat_part(parser, copy_atom(parser, before.at), false));
    for (unsigned i = least; most != UINT32_MAX && i < most && !parser->nfa->anything; i++)
        join(parser, &part, optional_part(parser, copy_atom(parser, before.at)));
    return part;
}

static struct part parse_sequence(struct parser *parser)
{
    struct part part = empty_part(parser);

    while (more(parser) && !parser->nfa->anything) {
        if (skip_blank(parser))
            continue;
        if (peek(parser, 0) == '|' || peek(parser, 0) == ')')
            break;
        join(parser, &part, parse_piece(parser));
    }
    return part;
}

static struct part parse_choice(struct parser *parser)
{
    struct part part = parse_sequence(parser);

    while (more(parser) && peek(parser, 0) == '|' && !parser->nfa->anything) {
        struct part second;
        uint16_t split = add_state(parser, SPLIT), out = add_state(parser, EMPTY);

        parser->at++;
        second = parse_sequence(parser);
        parser->nfa->states[split].next = part.in;
        parser->nfa->states[split].other = second.in;
        parser->nfa->states[part.out].next = out;
        parser->nfa->states[second.out].next = out;
        part = (struct part){split, out};
    }
    return part;
}

void bj_nfa_build(struct bj_nfa *nfa, const char *pattern, size_t length)
{
    struct parser parser = {.nfa = nfa, .text = pattern, .length = length};
    struct part part = parse_choice(&parser);

    if (more(&parser))
        nfa->anything = true; /* it ended early: not understood */
    nfa->start = part.in;
    nfa->states[part.out].next = add_state(&parser, ACCEPT);
}
