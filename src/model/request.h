/*
 * One call of a tool, as every front door hands it to the policy. Plain data, borrowed for the
 * call; what does not apply is NULL.
 */
#ifndef BJ_MODEL_REQUEST_H
#define BJ_MODEL_REQUEST_H

#include <stddef.h>

struct bj_request {
    const char *tool;    /* "Bash", "Read", "Write", "Edit", "Glob", "Grep", "WebFetch" … */
    const char *key;     /* who asks: what rates are counted by */
    const char *sandbox; /* identifier of the sandbox it is for */

    /* Where it would run: absolute paths as the workload sees them. */
    const char *directory; /* NULL: unknown */
    const char *home;
    const char *const *environment; /* NAME=VALUE, ends with NULL, if all of it is known */

    /* What the tool was given. */
    const char *command;     /* Bash: shell text */
    const char *const *argv; /* Bash: a program and its arguments instead; ends with NULL */
    const char *path;        /* Read, Write, Edit, Glob, Grep, LS: the file or directory */
    const char *pattern;     /* Glob, Grep, Search */
    const char *url;         /* WebFetch */
    const char *arguments;   /* all of them as a JSON object, for the record */
    size_t arguments_cut;    /* bytes that `arguments` had before it was cut; 0: it is whole */
    const char *act;         /* what is done for it, as a JSON object: only who does it says this */
    const char *invalid;     /* what is wrong with the arguments; NULL: nothing is */
};

#endif
