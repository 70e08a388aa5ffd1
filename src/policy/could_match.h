/*
 * Could a text with unknown parts match a pattern? A small automaton over the regular part of the
 * pattern answers, always on the safe side: what it cannot express (look-around, back references)
 * it takes for anything. The same automaton tells quickly which texts need not be tried at all.
 */
#ifndef BJ_POLICY_COULD_MATCH_H
#define BJ_POLICY_COULD_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unknown parts of a text; bytes that no UTF-8 text holds. */
#define BJ_HOLE_WORDS ((char)0xfe) /* any bytes: perhaps several words, or none */
#define BJ_HOLE_BYTES ((char)0xff) /* any bytes of one word */

struct bj_nfa;

/*
 * From a pattern in PCRE2's syntax that PCRE2 has compiled. NULL without memory. A pattern that is
 * too large gives an automaton that says yes to everything.
 */
struct bj_nfa *bj_nfa_new(const char *pattern, size_t length);
void bj_nfa_free(struct bj_nfa *nfa);

/* Can a match begin with this byte? */
bool bj_nfa_can_start(const struct bj_nfa *nfa, unsigned char byte);

/* Could a match begin at byte `at`, whatever the holes are? */
bool bj_nfa_could_match(struct bj_nfa *nfa, const char *text, size_t length, size_t at);

#endif
