/*
 * One simple command as texts: as a person reads it, and in the equal spellings that a pattern may
 * have in mind. "rm -fr /usr/.." is "rm -rf /" too.
 */
#ifndef BJ_POLICY_SPELLING_H
#define BJ_POLICY_SPELLING_H

#include "base/buf.h"
#include "policy/command.h"
#include "policy/pattern.h"

/* For messages and records, in the syntax of the shell; unknown parts are BJ_HOLE_SHOWN. */
void bj_command_print(struct bj_buf *out, const struct bj_simple_command *command);

/* A text to try patterns on. Unknown parts are the holes of could_match.h. */
struct bj_spelling {
    struct bj_buf text;
    uint32_t *starts; /* bytes where a pattern may begin; owned */
    size_t start_count, start_room;
    bool holes;   /* there are unknown parts */
    bool quoted;  /* a | or > in it stands inside an argument */
    bool assumed; /* an unknown argument was taken for the flags that the pattern names */
    bool failed;  /* no memory, or too large */
};

void bj_spelling_init(struct bj_spelling *spelling);
void bj_spelling_release(struct bj_spelling *spelling);
void bj_spelling_reset(struct bj_spelling *spelling);

/*
 * Appends the command as it was written, after expansion, with its redirections. Starts: its
 * beginning, its options and paths, its redirections and assignments. `base`: the program by its
 * base name. `first_only`: its beginning is the only start.
 */
void bj_spell_written(struct bj_spelling *spelling, const struct bj_simple_command *command,
                      bool base, bool first_only);

/* Appends assignments, each a start. */
void bj_spell_assignments(struct bj_spelling *spelling, const struct bj_assignment *assignments,
                          size_t count);

/* How flags and operands are put. */
struct bj_spelling_form {
    enum {
        BJ_FLAGS_GIVEN,      /* all, in their order */
        BJ_FLAGS_OF_PATTERN, /* those that the pattern mentions, in the order it does */
        BJ_FLAGS_CLUSTERED,  /* letters in one cluster, sorted */
        BJ_FLAGS_ASSUMED,    /* all that the pattern mentions: one unknown argument may be them */
        BJ_FLAGS_KINDS
    } flags;
    enum {
        BJ_ORDER_FLAGS_FIRST,
        BJ_ORDER_COMMAND_FIRST, /* flags behind the first operand: git push --force origin */
        BJ_ORDER_OPERANDS_FIRST,
        BJ_ORDERS
    } order;
    bool resolved; /* operands as absolute paths */
    size_t front;  /* this operand comes first; 0 changes nothing */
};

/* Fills the spelling from nothing; false when the form does not apply or says nothing new. */
bool bj_spell_form(struct bj_spelling *spelling, const struct bj_simple_command *command,
                   const struct bj_pattern *pattern, const struct bj_spelling_form *form);

/* The base name of the program; its length in *ret_length. */
const char *bj_command_base(const struct bj_simple_command *command, size_t *ret_length);

#endif
