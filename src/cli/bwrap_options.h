/* The command line of bubblewrap, read into a layout and what else to run a command with. */
#ifndef BJ_CLI_BWRAP_OPTIONS_H
#define BJ_CLI_BWRAP_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/layout.h"

#define BJ_BWRAP_TEXT_MAX   (16 << 20) /* bytes of all strings made while reading */
#define BJ_BWRAP_ARGS_MAX   (1 << 20)  /* bytes of one --args */
#define BJ_BWRAP_NESTED_MAX 8          /* --args within --args */

/* Who calls: facts that the defaults depend on, and what reading needs of the system. */
struct bj_bwrap_caller {
    uid_t uid;
    gid_t gid;
    char *const *environment; /* NULL-terminated; borrowed for the result's lifetime */

    /* Appends all that the descriptor holds and closes it. 0, or -1 with errno. */
    int (*read_all)(int fd, struct bj_buf *out);
    /* The path that the descriptor was opened by; false if it has none. */
    bool (*path_of)(int fd, char *ret, size_t size);
};

struct bj_bwrap {
    struct bj_arena arena; /* everything below that is not argv's */
    struct bj_step steps[BJ_LAYOUT_STEPS_MAX];
    struct bj_layout layout;
    const char **environment;   /* of the command; NULL-terminated */
    const char *const *command; /* NULL-terminated; with `named`, the file comes first */
    bool named;
    bool help, version; /* one was asked for; nothing after it was read */
    bool die_with_parent;
    int info_fd, status_fd, block_fd; /* -1 = none */
};

/*
 * Reads argv, whose [0] is the program's own name. *ret is filled from nothing and to be released
 * in any case. An option that is unknown, or that cannot be done here, is an error that names it.
 */
int bj_bwrap_parse(int argc, char **argv, const struct bj_bwrap_caller *caller,
                   struct bj_bwrap *ret, struct bj_error *err);
void bj_bwrap_release(struct bj_bwrap *bwrap);

/* The options, one a line, as bubblewrap prints them: programs look there for what they may use. */
void bj_bwrap_help(struct bj_buf *out);

#endif
