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

/* Where a violation is shown. */
struct bj_path_place {
    const char *command; /* canonical; "" for a tool's path */
    size_t from, to;
};

/* Adds the violation that an answer stands for; nothing for FREE, or one that is there already. */
void bj_paths_add(const struct bj_paths *paths, const struct bj_path_use *use,
                  const struct bj_path_place *place, struct bj_verdict *verdict);

/* The same for a path whose canonical form cannot be told, shown as it is written. */
void bj_paths_add_unknown(const struct bj_paths *paths, const char *text,
                          const struct bj_path_place *place, struct bj_verdict *verdict);

#endif
