/* What the files about paths share. */
#ifndef BJ_POLICY_PATHS_INTERNAL_H
#define BJ_POLICY_PATHS_INTERNAL_H

#include "policy/paths.h"

#define BJ_PATH_DEPTH_MAX 128 /* components of an entry */

struct bj_path_entry {
    enum { BJ_BELOW_ROOT, BJ_BELOW_HOME, BJ_BELOW_WORKSPACE } below;
    bool read_only;
    char *text;  /* as it was written, for messages; owned */
    char *parts; /* the components, each followed by a NUL, wildcards and all; owned */
    size_t count;
};

struct bj_path_list {
    struct bj_path_entry *entries; /* owned */
    size_t count;
};

struct bj_paths {
    struct bj_path_list allowed, denied;
    char *workspace;                  /* absolute; NULL: the request's directory; owned */
    enum bj_unknown_commands unknown; /* what becomes of MAY_BE and MAY_HOLD */
};

/* What a violation is about. */
struct bj_simple_command;
struct bj_judgement;
struct bj_path_place {
    struct bj_verdict *verdict;
    size_t from, to; /* bytes of the command's text; both 0 for a tool's path */
    /* Adds a violation about a command; NULL: about none. */
    void (*add)(const struct bj_path_place *place, const struct bj_violation *violation);
    struct bj_judgement *judgement; /* for `add` */
    const struct bj_simple_command *command;
};

/* Adds the violation that an answer stands for; nothing for FREE, or one that is there already. */
void bj_paths_add(const struct bj_paths *paths, const struct bj_path_use *use,
                  enum bj_path_answer answer, const char *entry, const struct bj_path_place *place);

/* The same for a path of which `what` cannot be told ("what path %s is"). */
void bj_paths_add_unknown(const struct bj_paths *paths, const char *text, const char *what,
                          const struct bj_path_place *place);

#endif
