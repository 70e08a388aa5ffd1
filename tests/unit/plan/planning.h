/*
 * A host to plan for, a configuration, and questions about the plan: what the tests of plans share.
 * The host is a Debian with everything; each test changes what it is about.
 */
#ifndef BJ_TESTS_PLANNING_H
#define BJ_TESTS_PLANNING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "plan/plan.h"

static struct bj_config config;
static struct bj_host host;
static struct bj_degradations degraded;
static struct bj_error err;
static struct bj_plan *plan;
static const struct bj_programs *known; /* of a whitelist; NULL = none */

static inline void add_system(const char *path, enum bj_system_kind kind, const char *link)
{
    struct bj_system_dir *dir = &host.system[host.system_count++];

    dir->path = path;
    dir->kind = kind;
    bj_str_copy(dir->link, sizeof dir->link, link);
}

/* A Debian with everything, seen by an ordinary user in /srv/project; cgroups are not his. */
static inline int setup(void **state)
{
    (void)state;
    known = NULL;
    memset(&host, 0, sizeof host);
    memset(&degraded, 0, sizeof degraded);
    memset(&err, 0, sizeof err);
    host.uid = host.gid = 1001;
    host.pid = 4321;
    host.kernel = 6018;
    host.landlock_abi = 7;
    host.cpus = 2;
    host.proc_sys_user = true;
    add_system("/usr", BJ_SYSTEM_DIRECTORY, "");
    add_system("/etc", BJ_SYSTEM_DIRECTORY, "");
    add_system("/bin", BJ_SYSTEM_LINK, "usr/bin");
    add_system("/lib32", BJ_SYSTEM_ABSENT, "");
    bj_str_copy(host.scratch_point, sizeof host.scratch_point, "/tmp");
    bj_str_copy(host.directory, sizeof host.directory, "/srv/project");
    bj_str_copy(host.workspace, sizeof host.workspace, "/srv/project");
    bj_str_copy(host.home, sizeof host.home, "/home/someone");
    host.workspace_uid = host.workspace_gid = 1001;
    plan = calloc(1, sizeof *plan);
    return plan == NULL ? -1 : bj_config_init(&config, &err);
}

static inline int teardown(void **state)
{
    (void)state;
    bj_config_release(&config);
    free(plan);
    return 0;
}

static inline void be_root(void)
{
    host.uid = host.gid = 0;
    host.privileged = host.initial_user_ns = true;
    host.id_first = 0x70000000;
    host.id_slots = 1u << 22;
    bj_str_copy(host.home, sizeof host.home, "/root");
}

static inline void have_cgroup(enum bj_cgroup_version version)
{
    static const char *const v1[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids",
                                     "/sys/fs/cgroup/cpu"};

    host.cgroup = version;
    for (int i = 0; i < BJ_CONTROLLER_COUNT; i++)
        bj_str_copy(host.cgroup_path[i], sizeof host.cgroup_path[i],
                    version == BJ_CGROUP_V2 ? "/sys/fs/cgroup/user" : v1[i]);
}

static inline void say(enum bj_option_id id, const char *text)
{
    assert_int_equal(bj_config_set(&config, id, text, "/srv/project", &err), 0);
}

static inline int make(void)
{
    struct bj_warnings warnings = {0};

    assert_int_equal(bj_config_settle(&config, &warnings, &err), 0);
    return bj_plan_make(&config, &host, known, plan, &degraded, &err);
}

static inline void make_well(void)
{
    if (make() != 0)
        fail_msg("%s", err.message);
    assert_int_equal(bj_plan_check(plan, bj_plan_size(plan), &err), 0);
}

static inline void assert_refused(int code, const char *words)
{
    assert_int_equal(make(), -code);
    assert_int_equal(err.code, code);
    if (strstr(err.message, words) == NULL)
        fail_msg("expected \"%s\" in: %s", words, err.message);
}

static inline bool on(enum bj_layer layer)
{
    return plan->layers & (bj_layer_set)1 << layer;
}

static inline const char *reason_for(enum bj_layer layer)
{
    for (int i = 0; i < degraded.count; i++) {
        if (degraded.items[i].layer == layer)
            return degraded.items[i].reason;
    }
    return NULL;
}

/* The first operation of a kind at or behind `*at` (which is moved past it), or NULL. */
static inline const struct bj_op *next_op(enum bj_op_kind kind, uint32_t *at)
{
    while (*at < plan->op_count) {
        const struct bj_op *op = &plan->ops[(*at)++];

        if (op->kind == kind)
            return op;
    }
    return NULL;
}

static inline uint32_t count_ops(enum bj_op_kind kind)
{
    uint32_t at = 0, count = 0;

    while (next_op(kind, &at) != NULL)
        count++;
    return count;
}

/* Where the first operation of that kind with that target stands; op_count if nowhere. */
static inline uint32_t place_of(enum bj_op_kind kind, const char *target)
{
    for (uint32_t at = 0; at < plan->op_count; at++) {
        const struct bj_op *op = &plan->ops[at];

        if (op->kind == kind &&
            (target == NULL || bj_streq(bj_plan_text(plan, op->target), target)))
            return at;
    }
    return plan->op_count;
}

static inline const struct bj_op *op_at(enum bj_op_kind kind, const char *target)
{
    uint32_t at = place_of(kind, target);

    return at < plan->op_count ? &plan->ops[at] : NULL;
}

/* The value written to a cgroup file, or NULL. */
static inline const char *cgroup_value(const char *path)
{
    uint32_t at = 0;
    const struct bj_op *op;

    while ((op = next_op(BJ_OP_CGROUP_SET, &at)) != NULL) {
        if (bj_streq(bj_plan_text(plan, op->source), path))
            return bj_plan_text(plan, op->text);
    }
    return NULL;
}

static inline const struct bj_rlimit *rlimit_of(int resource)
{
    for (uint32_t i = 0; i < plan->rlimit_count; i++) {
        if (plan->rlimits[i].resource == resource)
            return &plan->rlimits[i];
    }
    return NULL;
}

#endif
