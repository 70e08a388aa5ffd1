/*
 * Which paths may be read and written: allowed_paths and denied_paths.
 *
 * An entry is a path and stands for it and everything below it. * and ? match within a component,
 * ** is any number of components. It may begin with / or ~; else it is below the workspace, but for
 * an entry of denied_paths without a slash, which is a name that is denied in every directory.
 * ":ro" behind an entry says that it may be read only: in allowed_paths it allows no writing, in
 * denied_paths it denies nothing else. Denied wins. An empty allowed_paths allows everything.
 */
#ifndef BJ_POLICY_PATHS_H
#define BJ_POLICY_PATHS_H

#include "base/error.h"
#include "model/config.h"
#include "model/request.h"
#include "model/tool.h"
#include "model/verdict.h"
#include "policy/path.h"

struct bj_paths;

/* BJ_E_CONFIG, naming the entry, for one that cannot be meant. */
int bj_paths_new(const struct bj_config *config, struct bj_paths **ret, struct bj_error *err);
void bj_paths_free(struct bj_paths *paths);

/* Is there any entry? */
bool bj_paths_any(const struct bj_paths *paths);

/* What is done to which path. */
struct bj_path_use {
    const char *path;         /* canonical; see bj_path_canonical() */
    struct bj_path_base base; /* for entries below ~ or the workspace */
    enum bj_access access;
    bool recursive; /* everything below it, too */
    bool guessed; /* whether it is recursive: entries that may be below any directory are let be */
    bool pattern; /* it has wildcards that stand for names of files */
};

enum bj_path_answer {
    BJ_PATH_FREE,
    BJ_PATH_OUTSIDE,  /* not in allowed_paths */
    BJ_PATH_MAY_BE,   /* a pattern that may, or may not, stand for what is refused */
    BJ_PATH_MAY_HOLD, /* a directory that is used with all below it, and something denied may be
                         there */
    BJ_PATH_DENIED,
};

/*
 * Decides about a path that is canonical already; whoever has resolved one, links and all, asks
 * here. *ret_entry is the entry that decided, "" for OUTSIDE.
 */
enum bj_path_answer bj_paths_decide(const struct bj_paths *paths, const struct bj_path_use *use,
                                    const char **ret_entry);

/* Adds what speaks against the path, or the pattern, of a file tool: path.* */
void bj_paths_judge(const struct bj_paths *paths, const struct bj_request *request,
                    struct bj_verdict *verdict);

/* Adds what speaks against the files that commands use: path.* */
struct bj_judgement;
void bj_paths_judge_commands(const struct bj_paths *paths, const struct bj_request *request,
                             struct bj_judgement *judgement);

#endif
