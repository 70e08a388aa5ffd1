/*
 * The tools of agents that Belljar knows: what arguments each takes and what they are to the
 * policy. One table; a tool that is not in it is a legal tool whose arguments nobody can judge.
 */
#ifndef BJ_MODEL_TOOL_H
#define BJ_MODEL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bj_argument_type {
    BJ_ARGUMENT_TEXT,
    BJ_ARGUMENT_COUNT, /* a whole number, 0 or more */
    BJ_ARGUMENT_BOOL,
    BJ_ARGUMENT_TEXTS, /* a list of texts */
    BJ_ARGUMENT_LIST,  /* a list of objects, each with the arguments of `fields` */
    BJ_ARGUMENT_ANY,
};

/* Which field of struct bj_request an argument is. */
enum bj_argument_role {
    BJ_ROLE_NONE,
    BJ_ROLE_COMMAND,
    BJ_ROLE_PATH,
    BJ_ROLE_PATTERN,
    BJ_ROLE_URL,
    BJ_ROLE_COUNT
};

struct bj_argument {
    const char *name;
    enum bj_argument_type type;
    enum bj_argument_role role; /* arguments of one role are names for the same thing */
    bool required;              /* it, or another of its role */
    bool may_be_empty;
    int64_t maximum;                  /* bytes of a text, value of a number, entries of a list */
    const char *const *choices;       /* the only texts allowed, NULL-terminated; NULL = any */
    const struct bj_argument *fields; /* of a LIST's entries; ends with a NULL name; NULL = any */
};

enum bj_access {
    BJ_ACCESS_NONE,
    BJ_ACCESS_READ,
    BJ_ACCESS_WRITE,
};

struct bj_tool {
    const char *name;
    enum bj_access access;               /* what it does with its path */
    const char *like;                    /* the program that does the same to a file; or NULL */
    bool recursive;                      /* with everything below it, too */
    bool open;                           /* may have arguments that are not listed */
    const struct bj_argument *arguments; /* ends with a NULL name */
};

/* The row of a name, in exactly this spelling; NULL if there is none. */
const struct bj_tool *bj_tool_find(const char *name);

/* The known name that differs from this one in case only, or by a letter; NULL if none does. */
const char *bj_tool_nearest(const char *name);

#endif
