/*
 * The automaton of a pattern: what the file that builds it and the one that runs it share.
 * Thompson's construction over bytes; assertions about places (^ $ \b \B) are states too.
 */
#ifndef BJ_POLICY_NFA_INTERNAL_H
#define BJ_POLICY_NFA_INTERNAL_H

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "policy/could_match.h"

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

/*
 * Builds the automaton of a pattern in nfa->states and nfa->sets, which have room for
 * BJ_NFA_STATES_MAX and BJ_NFA_SETS_MAX. What is too large or not understood is `anything`.
 */
void bj_nfa_build(struct bj_nfa *nfa, const char *pattern, size_t length);

/* Sets of bytes. */

static inline void set_add(struct set *set, unsigned char byte)
{
    set->bits[byte / 64] |= (uint64_t)1 << byte % 64;
}

static inline bool set_has(const struct set *set, unsigned char byte)
{
    return set->bits[byte / 64] >> byte % 64 & 1;
}

static inline void set_add_range(struct set *set, unsigned from, unsigned to)
{
    for (unsigned byte = from; byte <= to && byte < 256; byte++)
        set_add(set, (unsigned char)byte);
}

static inline void set_add_set(struct set *set, const struct set *other)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] |= other->bits[i];
}

static inline void set_invert(struct set *set)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
}

static inline void set_fill(struct set *set)
{
    memset(set->bits, 0xff, sizeof set->bits);
    set->blank = false;
}

static inline void set_fold(struct set *set)
{
    for (int c = 'a'; c <= 'z'; c++) {
        if (set_has(set, (unsigned char)c) || set_has(set, (unsigned char)toupper(c))) {
            set_add(set, (unsigned char)c);
            set_add(set, (unsigned char)toupper(c));
        }
    }
}

/* Every byte of a character that is not ASCII: characters of that kind are not told apart. */
static inline void set_add_high(struct set *set)
{
    set->bits[2] = set->bits[3] = UINT64_MAX;
}

static inline bool has_high(const struct set *set)
{
    return (set->bits[2] | set->bits[3]) != 0;
}

/* The class of \d \w \s or its opposite; false for another letter. */
bool bj_set_of_class(char letter, struct set *ret);

#endif
