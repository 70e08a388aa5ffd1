/*
 * A file tree made from instructions: an empty root, and what is put there step by step, in order.
 * The alternative to a workspace with system directories around it. Plain data; whoever makes one
 * (src/cli/bwrap.c) owns its strings.
 */
#ifndef BJ_MODEL_LAYOUT_H
#define BJ_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum bj_step_kind {
    BJ_STEP_BIND,      /* source: what is there, and all below it, appears at target */
    BJ_STEP_TMPFS,     /* an empty directory of the sandbox's own; mode, size */
    BJ_STEP_DEV,       /* a /dev of the sandbox's own */
    BJ_STEP_PROC,      /* a /proc of the sandbox's own */
    BJ_STEP_MQUEUE,    /* the file system of message queues */
    BJ_STEP_DIRECTORY, /* a directory, if there is none; mode */
    BJ_STEP_FILE,      /* a file with what fd holds; mode */
    BJ_STEP_DATA,      /* the same, but laid over target; read_only, mode */
    BJ_STEP_LINK,      /* a symbolic link to source */
    BJ_STEP_MODE,      /* changes the mode of what is there */
    BJ_STEP_READ_ONLY, /* makes the mount at target read-only, not what is mounted below it */
    BJ_STEP_KIND_COUNT
};

struct bj_step {
    enum bj_step_kind kind;
    const char *source; /* host path, relative to the current directory or not; text of a link */
    const char *target; /* absolute path inside */
    int fd;             /* -1 = none */
    uint32_t mode;
    uint64_t size;  /* bytes; 0 = no limit but the scratch's */
    bool read_only; /* BIND, DATA */
    bool devices;   /* BIND: device nodes work there */
    bool optional;  /* BIND: nothing happens where source is missing */
};

#define BJ_LAYOUT_STEPS_MAX 512

struct bj_layout {
    const struct bj_step *steps;
    size_t step_count;
    bool own_network;    /* a network namespace of its own */
    bool nesting;        /* programs inside may make user namespaces */
    bool keep_directory; /* start in the caller's directory if it is there, else in home, else / */
    const char *directory;       /* where to start otherwise */
    const char *home;            /* may be NULL */
    const char *hostname;        /* NULL = the host's */
    const char *init_name;       /* what init calls itself */
    uint32_t uid, gid;           /* inside; the only ones */
    uint64_t capabilities;       /* over the sandbox's own namespaces */
    int held_fd;                 /* kept open until the last process has ended; -1 = none */
    int filters[BJ_FILTERS_MAX]; /* descriptors of further system call filters */
    size_t filter_count;
    int passed[BJ_PASSED_MAX]; /* descriptors that the command gets, under the same numbers */
    size_t passed_count;
};

#endif
