/*
 * Scripting languages as far as tokens go: program_code.c cuts, program_calls.c knows functions.
 */
#ifndef BJ_POLICY_PROGRAM_CODE_H
#define BJ_POLICY_PROGRAM_CODE_H

#include "policy/program_internal.h"

/* What is looked at in one text, that its time is bounded; with more the rest is unknown. */
#define BJ_CODE_CALLS_MAX  256 /* calls of functions of the table */
#define BJ_CODE_BROKEN_MAX 32  /* strings without an end */

enum language {
    LANGUAGE_PYTHON,
    LANGUAGE_PERL,
    LANGUAGE_RUBY,
    LANGUAGE_NODE,
    LANGUAGE_PHP,
    LANGUAGE_LUA,
    LANGUAGE_COUNT
};

struct traits {
    const char *name;
    const char *comment;  /* how a comment to the end of the line begins; a second way behind | */
    bool block_comments;  /* C's */
    bool backtick_runs;   /* `…` is shell text */
    bool backtick_string; /* `…` is a string with ${…} */
    bool bare_calls;      /* arguments need no parentheses */
    bool regexes;         /* /…/ where an operand may begin */
    bool plain_single;    /* '…' knows the escapes \\ and \' only */
    char sigil;           /* names in strings that stand for their value begin with it; 0 */
    const char *code_in_text; /* how code in strings begins, up to its }; "" if it cannot be */
};

/* Shared by the texts within a text. */
struct code_limits {
    int calls, broken;
    char *scratch;      /* as many bytes as the text */
    uint8_t *mentioned; /* for each call of the table: is its module? 0 not known, 1 yes, 2 no */
};

struct code {
    struct reader *reader;
    const struct use *use;
    const struct bj_word *word; /* the whole text, for places */
    enum language language;
    const struct traits *traits;
    struct code_limits *limits;
    int depth; /* code in strings of code */
    const char *text;
    size_t length;
};

enum code_token { CODE_END, CODE_STRING, CODE_SHELL, CODE_NAME, CODE_OTHER };

/* A place in the code, and the token that ends there. */
struct cursor {
    size_t at;
    size_t from;
    enum code_token token;
    bool operand;        /* it ends an operand, so / divides */
    struct bj_word text; /* of a string, with its escapes undone and a hole for what is not known */
    size_t inner, inner_length; /* where the string's own bytes stand; 0 long: no code in it */
};

/* Reads the next token. */
void bj_code_next(struct code *code, struct cursor *cursor);

/* A function of the table is called: `cursor` stands behind its name. */
void bj_code_call(struct code *code, struct cursor cursor, const char *name, size_t length);

/* How many functions there are. */
size_t bj_code_call_count(void);

/* All calls in a text. */
void bj_code_scan(struct code *code);

#endif
