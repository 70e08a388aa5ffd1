/*
 * Running the automaton of a pattern (nfa_build.c) with a set of states. Assertions are passed when
 * the bytes on both sides allow it. A hole makes every state that some bytes lead to reachable.
 */
#include "policy/could_match.h"

#include "base/mem.h"
#include "policy/nfa_internal.h"

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
    bj_set_of_class('s', &blanks);
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

    if (states == NULL || sets == NULL || nfa == NULL) {
        bj_free(nfa);
        return NULL;
    }
    nfa->states = states;
    nfa->sets = sets;
    bj_nfa_build(nfa, pattern, length);
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
