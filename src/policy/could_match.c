/*
 * The automaton: Thompson's construction over bytes, simulated with a set of states. Assertions
 * about places (^ $ \b \B) are states that are passed when the bytes on both sides allow it. A hole
 * makes every state that some bytes lead to reachable.
 */
#include "policy/could_match.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define NONE UINT16_MAX

enum kind { EMPTY, BYTES, SPLIT, BEGIN, END, BOUNDARY, NOT_BOUNDARY, ACCEPT };

struct state {
    enum kind kind;
    uint16_t next, other; /* `other`: of SPLIT */
    uint16_t set;         /* of BYTES: index */
};

struct set {
    uint64_t bits[4];
    bool blank; /* nothing but blanks: \s, whatever of it is not ASCII */
};

struct bj_nfa {
    struct state *states; /* all owned */
    struct set *sets;
    size_t count, set_count;
    uint16_t start;
    bool anything; /* too large, or not understood: it could always be */
    struct set first;
    /* Of the simulation: the states now and next, as lists with marks. */
    uint16_t *now, *later;
    uint32_t *marks;
    uint32_t mark;
};

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

/* Sets of bytes. */

static void set_add(struct set *set, unsigned char byte)
{
    set->bits[byte / 64] |= (uint64_t)1 << byte % 64;
}

static bool set_has(const struct set *set, unsigned char byte)
{
    return set->bits[byte / 64] >> byte % 64 & 1;
}

static void set_add_range(struct set *set, unsigned from, unsigned to)
{
    for (unsigned byte = from; byte <= to && byte < 256; byte++)
        set_add(set, (unsigned char)byte);
}

static void set_add_set(struct set *set, const struct set *other)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] |= other->bits[i];
}

static void set_invert(struct set *set)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
}

static void set_fill(struct set *set)
{
    memset(set->bits, 0xff, sizeof set->bits);
    set->blank = false;
}

static void set_fold(struct set *set)
{
    for (int c = 'a'; c <= 'z'; c++) {
        if (set_has(set, (unsigned char)c) || set_has(set, (unsigned char)toupper(c))) {
            set_add(set, (unsigned char)c);
            set_add(set, (unsigned char)toupper(c));
        }
    }
}

/* Every byte of a character that is not ASCII: characters of that kind are not told apart. */
static void set_add_high(struct set *set)
{
    set->bits[2] = set->bits[3] = UINT64_MAX;
}

static bool has_high(const struct set *set)
{
    return (set->bits[2] | set->bits[3]) != 0;
}

/* The class of \d \w \s or its opposite; false for another letter. */
static bool set_of_class(char letter, struct set *ret)
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

        if (set_of_class(letter, &class)) {
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
    if (set_of_class(letter, &set))
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

/* Simulation. */

#define EDGE 256 /* no byte: the beginning or the end */
#define HOLE 257 /* any byte, or none */

static bool is_word(int byte)
{
    return byte < EDGE && (isalnum(byte) || byte == '_' || byte >= 0x80);
}

/* May a state that asserts something be passed between these two? */
static bool passes(enum kind kind, int before, int after)
{
    bool unknown = before == HOLE || after == HOLE || (before >= 0x80 && before < EDGE) ||
                   (after >= 0x80 && after < EDGE);

    switch (kind) {
    case BEGIN:
        return before == EDGE;
    case END:
        return after == EDGE || after == '\n';
    case BOUNDARY:
        return unknown || is_word(before) != is_word(after);
    case NOT_BOUNDARY:
        return unknown || is_word(before) == is_word(after);
    default:
        return true;
    }
}

struct run {
    struct bj_nfa *nfa;
    uint16_t *list; /* states being gathered */
    size_t count;
    int before, after;
    bool through_bytes; /* a hole: bytes are passed like nothing */
    bool blanks;        /* … blanks too */
    bool accepted;
};

/* Could a hole within one word be taken by this set? Blanks would have been quoted. */
static bool takes_non_blank(const struct set *set)
{
    struct set blanks;

    if (set->blank)
        return false;
    set_of_class('s', &blanks);
    return ((set->bits[0] & ~blanks.bits[0]) | set->bits[1] | set->bits[2] | set->bits[3]) != 0;
}

static void begin_gathering(struct run *run, uint16_t *list)
{
    run->list = list;
    run->count = 0;
    if (++run->nfa->mark == 0) {
        memset(run->nfa->marks, 0, run->nfa->count * sizeof *run->nfa->marks);
        run->nfa->mark = 1;
    }
}

static void gather(struct run *run, uint16_t state)
{
    if (state == NONE || run->nfa->marks[state] == run->nfa->mark)
        return;
    run->nfa->marks[state] = run->nfa->mark;
    run->list[run->count++] = state;
}

/* Follows what needs no byte (with a hole: what needs one, too), the list serving as the queue. */
static void follow(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct state *state = &run->nfa->states[run->list[i]];

        switch (state->kind) {
        case ACCEPT:
            run->accepted = true;
            break;
        case BYTES:
            if (run->through_bytes && (run->blanks || takes_non_blank(&run->nfa->sets[state->set])))
                gather(run, state->next);
            break;
        case SPLIT:
            gather(run, state->other);
            gather(run, state->next);
            break;
        case EMPTY:
            gather(run, state->next);
            break;
        default:
            if (passes(state->kind, run->before, run->after))
                gather(run, state->next);
        }
    }
}

static int symbol(const char *text, size_t length, size_t at)
{
    if (at >= length)
        return EDGE;
    if (text[at] == BJ_HOLE_WORDS || text[at] == BJ_HOLE_BYTES)
        return HOLE;
    return (unsigned char)text[at];
}

/* Moves the states of `from` over one byte or hole into `to`. */
static size_t step(struct run *run, const uint16_t *from, size_t count, uint16_t *to, int byte)
{
    const struct bj_nfa *nfa = run->nfa;

    begin_gathering(run, to);
    for (size_t i = 0; i < count; i++) {
        const struct state *state = &nfa->states[from[i]];

        if (byte == HOLE)
            gather(run, from[i]);
        else if (state->kind == BYTES && set_has(&nfa->sets[state->set], (unsigned char)byte))
            gather(run, state->next);
    }
    run->through_bytes = byte == HOLE;
    follow(run);
    return run->count;
}

bool bj_nfa_could_match(struct bj_nfa *nfa, const char *text, size_t length, size_t at)
{
    struct run run = {.nfa = nfa, .after = symbol(text, length, at)};
    uint16_t *now = nfa->now, *later = nfa->later;
    size_t count;

    if (nfa->anything)
        return true;
    run.before = at > 0 ? symbol(text, length, at - 1) : EDGE;
    begin_gathering(&run, now);
    gather(&run, nfa->start);
    follow(&run);
    count = run.count;
    for (; at < length && count > 0 && !run.accepted; at++) {
        int byte = symbol(text, length, at);
        uint16_t *spare = now;

        run.before = byte;
        run.after = symbol(text, length, at + 1);
        run.blanks = text[at] == BJ_HOLE_WORDS;
        count = step(&run, now, count, later, byte);
        now = later;
        later = spare;
    }
    return run.accepted;
}

/* The bytes that a match can begin with. */
static void find_first(struct bj_nfa *nfa)
{
    struct run run = {.nfa = nfa, .before = HOLE, .after = HOLE};

    begin_gathering(&run, nfa->now);
    gather(&run, nfa->start);
    for (size_t i = 0; i < run.count; i++) {
        const struct state *state = &nfa->states[run.list[i]];

        if (state->kind == BYTES) {
            set_add_set(&nfa->first, &nfa->sets[state->set]);
        } else if (state->kind == ACCEPT) {
            set_fill(&nfa->first);
        } else {
            gather(&run, state->next);
            gather(&run, state->other);
        }
    }
}

bool bj_nfa_can_start(const struct bj_nfa *nfa, unsigned char byte)
{
    return nfa->anything || set_has(&nfa->first, byte);
}

/* Memory of the right size for what was built; the simulation's comes with it. */
static bool settle(struct bj_nfa *nfa, const struct state *states, const struct set *sets)
{
    nfa->states = bj_realloc_array(NULL, nfa->count, sizeof *states);
    nfa->sets = bj_realloc_array(NULL, nfa->set_count + 1, sizeof *sets);
    nfa->now = bj_realloc_array(NULL, nfa->count, sizeof *nfa->now);
    nfa->later = bj_realloc_array(NULL, nfa->count, sizeof *nfa->later);
    nfa->marks = bj_alloc(nfa->count * sizeof *nfa->marks);
    if (nfa->states == NULL || nfa->sets == NULL || nfa->now == NULL || nfa->later == NULL ||
        nfa->marks == NULL)
        return false;
    memcpy(nfa->states, states, nfa->count * sizeof *states);
    memcpy(nfa->sets, sets, nfa->set_count * sizeof *sets);
    find_first(nfa);
    return true;
}

struct bj_nfa *bj_nfa_new(const char *pattern, size_t length)
{
    BJ_CLEANUP_FREE struct state *states = bj_alloc(BJ_NFA_STATES_MAX * sizeof *states);
    BJ_CLEANUP_FREE struct set *sets = bj_alloc(BJ_NFA_SETS_MAX * sizeof *sets);
    struct bj_nfa *nfa = bj_alloc(sizeof *nfa);
    struct parser parser = {.nfa = nfa, .text = pattern, .length = length};
    struct part part;

    if (states == NULL || sets == NULL || nfa == NULL) {
        bj_free(nfa);
        return NULL;
    }
    nfa->states = states;
    nfa->sets = sets;
    part = parse_choice(&parser);
    if (more(&parser))
        nfa->anything = true; /* it ended early: not understood */
    nfa->start = part.in;
    nfa->states[part.out].next = add_state(&parser, ACCEPT);
    if (!settle(nfa, states, sets)) {
        bj_nfa_free(nfa);
        return NULL;
    }
    return nfa;
}

void bj_nfa_free(struct bj_nfa *nfa)
{
    if (nfa == NULL)
        return;
    bj_free(nfa->states);
    bj_free(nfa->sets);
    bj_free(nfa->now);
    bj_free(nfa->later);
    bj_free(nfa->marks);
    bj_free(nfa);
}
