/*
 * Building a plan: append operations, remember the first failure, check once at the end.
 */
#ifndef BJ_PLAN_INTERNAL_H
#define BJ_PLAN_INTERNAL_H

#include "plan/plan.h"

struct bj_builder {
    struct bj_plan *plan;
    const struct bj_config *config;
    const struct bj_host *host;
    const struct bj_programs *programs; /* NULL: all may run */
    struct bj_degradations *degraded;
    uint32_t root_slot; /* the root file system, where system directories come of one overlay */
    bool together;      /* they do */
    bool no_memory;
    bool full; /* an operation or a string did not fit */
};

/* Copies a string into the plan; 0 for "" and when it does not fit. */
uint32_t bj_builder_text(struct bj_builder *b, const char *text);

/* A new slot number. */
uint32_t bj_builder_slot(struct bj_builder *b);

/* Appends an operation and returns it for the caller to fill; never NULL. */
struct bj_op *bj_builder_op(struct bj_builder *b, enum bj_op_kind kind, enum bj_layer layer);

/* Operations with nothing but their texts: see the list in plan.h. */
void bj_builder_dir(struct bj_builder *b, const char *target, mode_t mode, uint32_t flags);
void bj_builder_file(struct bj_builder *b, const char *target, const char *content);
void bj_builder_link(struct bj_builder *b, const char *target, const char *content);
void bj_builder_subtree(struct bj_builder *b, const char *source, const char *target,
                        uint32_t flags, enum bj_layer layer);
struct bj_op *bj_builder_target(struct bj_builder *b, enum bj_op_kind kind, enum bj_layer layer,
                                const char *target);

/* Is the layer wanted: not disabled by the configuration? */
bool bj_builder_wants(const struct bj_builder *b, enum bj_layer layer);

/* Was the layer named by --require? */
bool bj_builder_requires(const struct bj_builder *b, enum bj_layer layer);

/*
 * Something cannot be had. `asked`: the user named it, which makes it an error unless degrading is
 * allowed. Otherwise it is noted.
 */
int bj_builder_cannot(struct bj_builder *b, enum bj_layer layer, bool asked, const char *reason,
                      struct bj_error *err);

/* The two ways to isolate, and the way not to. */
int bj_plan_namespaces(struct bj_builder *b, struct bj_error *err);
int bj_plan_landlock(struct bj_builder *b, struct bj_error *err);
int bj_plan_none(struct bj_builder *b, struct bj_error *err);
int bj_plan_bubblewrap(struct bj_builder *b, struct bj_error *err);
int bj_plan_layout(struct bj_builder *b, struct bj_error *err);

/* Parts shared by them: resource limits (src/plan/limits.c) and the file tree (src/plan/tree.c). */
int bj_plan_limits(struct bj_builder *b, struct bj_error *err);
int bj_plan_tree(struct bj_builder *b, struct bj_error *err);

/* Parts of the tree that every kind of it has. */
uint32_t bj_plan_open(struct bj_builder *b, const char *source, uint32_t flags);
void bj_plan_bind(struct bj_builder *b, uint32_t slot, const char *source, const char *target,
                  uint32_t flags);
void bj_plan_scratch(struct bj_builder *b, const char *size, uint64_t inodes);
void bj_plan_access(struct bj_builder *b, const char *target, enum bj_grant access);

/* Before init waits for the host side: what system directories that come of one overlay need. */
void bj_plan_open_root(struct bj_builder *b);

/* The nodes of a /dev: their names, ending with NULL; files and links for one in a directory of the
 * scratch; the mounts on it once that is bound at `target`. */
#define BJ_DEVICES_MAX 8
extern const char *const bj_plan_device_names[];
void bj_plan_dev_files(struct bj_builder *b, const char *directory);
void bj_plan_dev_mounts(struct bj_builder *b, const uint32_t *slots, const char *target);

/* Maps one id, the caller's, as plan->uid and gid (src/plan/namespaces.c). */
void bj_plan_map_own_id(struct bj_builder *b);
void bj_plan_limit_user_namespace(struct bj_builder *b);

/* The last operations: after them nothing more can be done to the sandbox from inside. */
int bj_plan_close_doors(struct bj_builder *b, enum bj_seccomp_profile profile,
                        struct bj_error *err);

/* Waits for what the host side made and opened, and joins the cgroups (src/plan/namespaces.c). */
void bj_plan_join_host(struct bj_builder *b);

/*
 * Only listed programs run (src/plan/programs.c): take over what there is to enforce. NO_EXEC for
 * every mount of a sandbox that knows such a list, else 0; what the listed need, in the tree once
 * it stands; as access rules; the filter's profile; and whether all of it holds.
 */
int bj_plan_programs_take(struct bj_builder *b, const struct bj_programs *programs,
                          struct bj_error *err);
uint32_t bj_plan_no_exec(const struct bj_builder *b);
void bj_plan_programs_cover(struct bj_builder *b);
void bj_plan_programs_mounts(struct bj_builder *b);
void bj_plan_programs_rules(struct bj_builder *b);
enum bj_seccomp_profile bj_plan_profile(const struct bj_builder *b,
                                        enum bj_seccomp_profile profile);
int bj_plan_programs_check(struct bj_builder *b, struct bj_error *err);

/* The sandbox's /proc: files made beforehand, and mounts (src/plan/procfs.c). */
void bj_plan_proc_files(struct bj_builder *b);
void bj_plan_proc_mounts(struct bj_builder *b);

/* A fresh /proc at `target`, what tells of the host covered. `flags`: of the PROC operation. */
void bj_plan_proc_at(struct bj_builder *b, const char *target, uint32_t flags);

#endif
