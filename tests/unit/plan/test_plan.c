/*
 * Tests of src/plan/: plans for hosts that are not this one. A plan is data, so what a sandbox
 * would be made of is asked without making it.
 */
#include "planning.h"

static const enum bj_layer always[] = {
    BJ_LAYER_USER_NAMESPACE, BJ_LAYER_MOUNT,        BJ_LAYER_PID,
    BJ_LAYER_NETWORK,        BJ_LAYER_IPC,          BJ_LAYER_UTS,
    BJ_LAYER_PROC,           BJ_LAYER_SECCOMP,      BJ_LAYER_NO_NEW_PRIVS,
    BJ_LAYER_SESSION,        BJ_LAYER_DESCRIPTORS,  BJ_LAYER_CAPABILITIES,
    BJ_LAYER_LANDLOCK,       BJ_LAYER_SHARED_TREES, BJ_LAYER_CGROUP_NS,
};

/* ---- who ---- */

static void ordinary_user(void **state)
{
    (void)state;
    make_well();
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        assert_true(on(always[i]));
    assert_false(on(BJ_LAYER_OWN_UID));
    assert_int_equal(plan->uid, 1001);
    assert_int_equal(plan->init_uid, 1001);
    assert_int_equal(plan->workload_caps, 0);
    assert_int_equal(count_ops(BJ_OP_ID_MAP), 0);
    assert_string_equal(bj_plan_text(plan, op_at(BJ_OP_ID_MAP_SELF, NULL)->source),
                        "1001 1001 1\n");
    assert_string_equal(bj_plan_text(plan, plan->directory), "/srv/project");
    assert_string_equal(bj_plan_text(plan, plan->home), "/home/user");
}

static void root(void **state)
{
    (void)state;
    be_root();
    have_cgroup(BJ_CGROUP_V1);
    make_well();
    assert_true(on(BJ_LAYER_OWN_UID));
    assert_true(on(BJ_LAYER_MEMORY));
    assert_true(on(BJ_LAYER_PROCESSES));
    assert_int_equal(plan->uid, 1000);
    assert_int_equal(plan->init_uid, 0);
    assert_int_equal(plan->id_first, 0x70000000);
    assert_true(plan->id_slots > 0);
    assert_int_equal(plan->workload_caps, 0);
    assert_int_equal(count_ops(BJ_OP_ID_MAP), 1);
    assert_int_equal(count_ops(BJ_OP_OOM_SCORE), 0);
    assert_int_equal(count_ops(BJ_OP_IDENTITY), 1);
    assert_int_equal(count_ops(BJ_OP_HOST_TREE), 1); /* the workspace, ids mapped */
}

static void root_that_is_spared(void **state)
{
    (void)state;
    be_root();
    host.oom_score = -900;
    make_well();
    assert_int_equal(count_ops(BJ_OP_OOM_SCORE), 1);
}

static void root_inside(void **state)
{
    (void)state;
    say(BJ_OPT_USER, "root");
    config.allow_root = true;
    make_well();
    assert_int_equal(plan->uid, 0);
    assert_true(plan->workload_caps != 0);
    assert_int_equal(plan->workload_caps & (uint64_t)1 << 21, 0); /* CAP_SYS_ADMIN */
    assert_int_equal(plan->workload_caps & (uint64_t)1 << 12, 0); /* CAP_NET_ADMIN */
    assert_int_equal(plan->workload_caps & (uint64_t)1 << 27, 0); /* CAP_MKNOD */
    assert_int_equal(plan->workload_caps & (uint64_t)1 << 19, 0); /* CAP_SYS_PTRACE */
    assert_string_equal(bj_plan_text(plan, plan->home), "/root");
    assert_string_equal(bj_plan_text(plan, op_at(BJ_OP_ID_MAP_SELF, NULL)->source), "0 1001 1\n");
}

/* Root of a container has no ids to give away: one id, but an ordinary number inside. */
static void root_of_a_container(void **state)
{
    (void)state;
    host.uid = host.gid = 0;
    make_well();
    assert_true(plan->uid != 0);
    assert_int_equal(plan->sandbox_uid, 0);
    assert_false(on(BJ_LAYER_OWN_UID));
}

/* ---- limits ---- */

static void limits_by_cgroup1(void **state)
{
    (void)state;
    be_root();
    have_cgroup(BJ_CGROUP_V1);
    say(BJ_OPT_MEMORY_MB, "256m");
    say(BJ_OPT_MAX_PROCESSES, "20");
    say(BJ_OPT_CPU_CORES, "0.5");
    make_well();
    assert_int_equal(count_ops(BJ_OP_CGROUP), 3);
    assert_int_equal(count_ops(BJ_OP_JOIN_CGROUP), 3);
    assert_string_equal(cgroup_value("/sys/fs/cgroup/memory/belljar-4321-0/memory.limit_in_bytes"),
                        "268435456");
    assert_string_equal(
        cgroup_value("/sys/fs/cgroup/memory/belljar-4321-0/memory.memsw.limit_in_bytes"),
        "268435456");
    assert_string_equal(cgroup_value("/sys/fs/cgroup/pids/belljar-4321-0/pids.max"), "21");
    assert_string_equal(cgroup_value("/sys/fs/cgroup/cpu/belljar-4321-0/cpu.cfs_quota_us"),
                        "50000");
    assert_int_equal(plan->memory_watch, 0);
    assert_null(rlimit_of(RLIMIT_NPROC));
    assert_null(reason_for(BJ_LAYER_MEMORY));
}

static void limits_by_cgroup2(void **state)
{
    (void)state;
    have_cgroup(BJ_CGROUP_V2);
    say(BJ_OPT_MEMORY_MB, "256m");
    say(BJ_OPT_CPU_CORES, "1.5");
    make_well();
    assert_int_equal(count_ops(BJ_OP_CGROUP), 1); /* one directory for all controllers */
    assert_int_equal(count_ops(BJ_OP_JOIN_CGROUP), 1);
    assert_string_equal(cgroup_value("/sys/fs/cgroup/user/belljar-4321-0/memory.max"), "268435456");
    assert_string_equal(cgroup_value("/sys/fs/cgroup/user/belljar-4321-0/memory.swap.max"), "0");
    assert_string_equal(cgroup_value("/sys/fs/cgroup/user/belljar-4321-0/cpu.max"),
                        "150000 100000");
    assert_true(on(BJ_LAYER_CPU));
    /* The cgroup is joined before its namespace is made, or the path above would be seen. */
    assert_true(place_of(BJ_OP_JOIN_CGROUP, NULL) < place_of(BJ_OP_CGROUP_NS, NULL));
}

static void limits_without_cgroup(void **state)
{
    (void)state;
    make_well();
    assert_false(on(BJ_LAYER_MEMORY));
    assert_non_null(reason_for(BJ_LAYER_MEMORY));
    assert_int_equal(plan->memory_watch, (uint64_t)512 << 20);
    assert_true(on(BJ_LAYER_PROCESSES)); /* counted by user namespace */
    assert_int_equal(rlimit_of(RLIMIT_NPROC)->limit, 51);
    assert_null(reason_for(BJ_LAYER_CPU)); /* the preset's two are all there are */
    assert_int_equal(count_ops(BJ_OP_CGROUP), 0);
    assert_non_null(reason_for(BJ_LAYER_DISK));
    assert_int_equal(rlimit_of(RLIMIT_FSIZE)->limit, (uint64_t)1024 << 20);
}

static void more_processors_than_the_preset(void **state)
{
    (void)state;
    host.cpus = 16;
    make_well();
    assert_false(on(BJ_LAYER_CPU));
    assert_non_null(reason_for(BJ_LAYER_CPU));
}

static void old_kernel_counts_by_user(void **state)
{
    (void)state;
    host.kernel = 5010;
    host.proc_sys_user = false;
    make_well();
    assert_false(on(BJ_LAYER_PROCESSES));
    assert_non_null(reason_for(BJ_LAYER_PROCESSES));
    assert_null(rlimit_of(RLIMIT_NPROC));
}

static void said_limits_are_refused(void **state)
{
    static const struct {
        enum bj_option_id id;
        const char *text, *words;
    } cases[] = {
        {BJ_OPT_MEMORY_MB, "256m", "memory"},
        {BJ_OPT_CPU_CORES, "1", "cpu"},
        {BJ_OPT_DISK_MB, "100m", "--workspace empty"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        say(cases[i].id, cases[i].text);
        assert_refused(BJ_E_LAYER, cases[i].words);
        assert_non_null(strstr(err.message, "--allow-degraded"));
        config.allow_degraded = true;
        make_well();
        assert_true(degraded.count > 0);
        teardown(state);
        setup(state);
    }
}

static void no_limit_needs_nothing(void **state)
{
    (void)state;
    say(BJ_OPT_MEMORY_MB, "0");
    say(BJ_OPT_CPU_CORES, "0");
    say(BJ_OPT_MAX_PROCESSES, "0");
    say(BJ_OPT_DISK_MB, "0");
    make_well();
    assert_int_equal(degraded.count, 0);
    assert_int_equal(plan->memory_watch, 0);
    assert_null(rlimit_of(RLIMIT_NPROC));
    assert_null(rlimit_of(RLIMIT_FSIZE));
}

static void disk_of_an_empty_workspace(void **state)
{
    const char *options;

    (void)state;
    say(BJ_OPT_WORKSPACE, "empty");
    say(BJ_OPT_DISK_MB, "100m");
    make_well();
    assert_true(on(BJ_LAYER_DISK));
    options = bj_plan_text(plan, op_at(BJ_OP_SCRATCH, NULL)->text);
    assert_non_null(strstr(options, "size=102400k"));
    assert_non_null(strstr(options, "nr_inodes="));
    assert_string_equal(bj_plan_text(plan, plan->directory), "/workspace");
}

/* A file system that comes with the plan is bound as the workspace; only the privileged can have
 * one made the sandbox's own. */
static void a_workspace_that_is_given(void **state)
{
    const struct bj_op *op;

    (void)state;
    be_root();
    host.workspace_given = true;
    say(BJ_OPT_WORKSPACE, "empty");
    make_well();
    op = op_at(BJ_OP_WORKSPACE, NULL);
    assert_int_equal(op->slot, op_at(BJ_OP_BIND, "/workspace")->slot);
    assert_true(op_at(BJ_OP_BIND, "/workspace")->flags & BJ_FLAG_DETACHED);
    assert_true(count_ops(BJ_OP_WAIT_HOST) >= 1);

    host.privileged = false;
    make_well();
    assert_int_equal(count_ops(BJ_OP_WORKSPACE), 0);
}

/* One more cgroup for who means to freeze it; with version 2 it is the same. */
static void a_cgroup_to_be_frozen(void **state)
{
    uint32_t without;

    (void)state;
    be_root();
    have_cgroup(BJ_CGROUP_V1);
    make_well();
    without = count_ops(BJ_OP_CGROUP);
    host.freezable = true;
    make_well();
    assert_int_equal(count_ops(BJ_OP_CGROUP), without);
    bj_str_copy(host.freezer_path, sizeof host.freezer_path, "/sys/fs/cgroup/freezer");
    make_well();
    assert_int_equal(count_ops(BJ_OP_CGROUP), without + 1);
    bj_str_copy(host.freezer_path, sizeof host.freezer_path,
                host.cgroup_path[BJ_CONTROLLER_MEMORY]);
    make_well();
    assert_int_equal(count_ops(BJ_OP_CGROUP), without);
}

/* ---- layers ---- */

static void layers_left_out(void **state)
{
    (void)state;
    say(BJ_OPT_DISABLED_LAYERS, "seccomp");
    say(BJ_OPT_DISABLED_LAYERS, "landlock");
    say(BJ_OPT_DISABLED_LAYERS, "network");
    say(BJ_OPT_DISABLED_LAYERS, "shared-trees");
    make_well();
    assert_false(on(BJ_LAYER_SECCOMP));
    assert_false(on(BJ_LAYER_LANDLOCK));
    assert_false(on(BJ_LAYER_NETWORK));
    assert_int_equal(count_ops(BJ_OP_SECCOMP), 0);
    assert_int_equal(count_ops(BJ_OP_LANDLOCK), 0);
    assert_int_equal(count_ops(BJ_OP_LANDLOCK_ON), 0);
    assert_int_equal(count_ops(BJ_OP_NETWORK), 0);
    assert_int_equal(count_ops(BJ_OP_OVERLAY), 0);
    assert_int_equal(count_ops(BJ_OP_NO_NEW_PRIVS), 1);
}

static void no_landlock_in_the_kernel(void **state)
{
    (void)state;
    host.landlock_abi = 0;
    make_well();
    assert_false(on(BJ_LAYER_LANDLOCK));
    assert_int_equal(count_ops(BJ_OP_LANDLOCK_ON), 0);
    assert_true(on(BJ_LAYER_SECCOMP));
}

static void required_layers(void **state)
{
    (void)state;
    say(BJ_OPT_REQUIRED_LAYERS, "landlock");
    make_well();
    host.landlock_abi = 0;
    assert_refused(BJ_E_LAYER, "landlock");
    config.allow_degraded = true;
    make_well();
    assert_non_null(reason_for(BJ_LAYER_LANDLOCK));
}

static void required_limit(void **state)
{
    (void)state;
    say(BJ_OPT_REQUIRED_LAYERS, "memory");
    assert_refused(BJ_E_LAYER, "memory");
    have_cgroup(BJ_CGROUP_V2);
    make_well();
    assert_true(on(BJ_LAYER_MEMORY));
}

static void host_network(void **state)
{
    (void)state;
    say(BJ_OPT_NETWORK, "host");
    make_well();
    assert_false(on(BJ_LAYER_NETWORK));
    assert_int_equal(count_ops(BJ_OP_NETWORK), 0);
    assert_null(op_at(BJ_OP_FILE, "system/etc/resolv.conf"));
    say(BJ_OPT_REQUIRED_LAYERS, "network");
    assert_refused(BJ_E_LAYER, "network");
}

/* The doors close in this order, behind everything else. */
static void order_of_the_doors(void **state)
{
    uint32_t pivot, landlock, privileges, filter;

    (void)state;
    be_root();
    have_cgroup(BJ_CGROUP_V1);
    make_well();
    pivot = place_of(BJ_OP_PIVOT, NULL);
    landlock = place_of(BJ_OP_LANDLOCK_ON, NULL);
    privileges = place_of(BJ_OP_NO_NEW_PRIVS, NULL);
    filter = place_of(BJ_OP_SECCOMP, NULL);
    assert_true(pivot < landlock && landlock < privileges && privileges < filter);
    assert_int_equal(filter, plan->op_count - 1);
    assert_true(place_of(BJ_OP_READ_ONLY, "/") < pivot);
    for (uint32_t at = 0; at < plan->op_count; at++) {
        if (plan->ops[at].kind == BJ_OP_BIND || plan->ops[at].kind == BJ_OP_SUBTREE ||
            plan->ops[at].kind == BJ_OP_OVERLAY || plan->ops[at].kind == BJ_OP_PROC)
            assert_true(at < pivot);
        if (plan->ops[at].kind == BJ_OP_LANDLOCK)
            assert_true(at < landlock);
    }
}

/* ---- Landlock alone ---- */

static void landlock_alone(void **state)
{
    (void)state;
    say(BJ_OPT_ISOLATION, "landlock");
    make_well();
    assert_int_equal(plan->clone_flags, 0);
    assert_true(on(BJ_LAYER_LANDLOCK) && on(BJ_LAYER_SECCOMP) && on(BJ_LAYER_NO_NEW_PRIVS));
    assert_true(on(BJ_LAYER_NETWORK)); /* by the filter */
    assert_false(on(BJ_LAYER_MOUNT) || on(BJ_LAYER_PID) || on(BJ_LAYER_USER_NAMESPACE));
    assert_non_null(reason_for(BJ_LAYER_MOUNT));
    assert_non_null(reason_for(BJ_LAYER_PID));
    assert_int_equal(count_ops(BJ_OP_UNSHARE) + count_ops(BJ_OP_PIVOT) + count_ops(BJ_OP_BIND), 0);
    assert_int_equal(op_at(BJ_OP_LANDLOCK, "/srv/project")->number, BJ_GRANT_WRITE);
    assert_int_equal(op_at(BJ_OP_LANDLOCK, "/usr")->number, BJ_GRANT_READ);
    assert_null(op_at(BJ_OP_LANDLOCK, "/lib32"));
    assert_null(op_at(BJ_OP_LANDLOCK, "/"));
    assert_null(op_at(BJ_OP_LANDLOCK, "/home"));
}

static void landlock_refuses(void **state)
{
    static const struct {
        enum bj_option_id id;
        const char *text, *words;
    } cases[] = {
        {BJ_OPT_WORKSPACE, "empty", "workspace"},
        {BJ_OPT_WORKING_DIRECTORY, "/x", "workspace"},
        {BJ_OPT_USER, "root", "root"},
        {BJ_OPT_VOLUMES, "/a:/b", "another path"},
        {BJ_OPT_DISABLED_LAYERS, "seccomp", "neither can be off"},
        {BJ_OPT_DISABLED_LAYERS, "landlock", "neither can be off"},
        {BJ_OPT_MEMORY_MB, "100m", "memory"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        say(BJ_OPT_ISOLATION, "landlock");
        say(cases[i].id, cases[i].text);
        config.allow_root = true;
        assert_refused(BJ_E_LAYER, cases[i].words);
        teardown(state);
        setup(state);
    }
    say(BJ_OPT_ISOLATION, "landlock");
    host.landlock_abi = 0;
    assert_refused(BJ_E_LAYER, "no Landlock");
    host.landlock_abi = 7;
    be_root();
    assert_refused(BJ_E_LAYER, "does not run as root");
}

/* ---- files ---- */

static void wide_workspaces(void **state)
{
    static const char *const wide[] = {"/",    "/tmp",  "/home",          "/home/someone", "/etc",
                                       "/usr", "/root", "/proc/self/cwd", "/dev/shm",      "/var"};

    (void)state;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        bj_str_copy(host.directory, sizeof host.directory, wide[i]);
        assert_refused(BJ_E_DENIED, "--workspace");
        /* The same by another name. */
        bj_str_copy(host.directory, sizeof host.directory, "/project/link");
        bj_str_copy(host.workspace, sizeof host.workspace, wide[i]);
        assert_refused(BJ_E_DENIED, "--workspace");
        bj_str_copy(host.workspace, sizeof host.workspace, "/srv/project");
    }
    say(BJ_OPT_ALLOW_HOME, "true");
    bj_str_copy(host.directory, sizeof host.directory, "/home/someone");
    make_well();
}

static void workspace_without_a_path(void **state)
{
    (void)state;
    host.directory[0] = '\0';
    assert_refused(BJ_E_INVALID, "--workspace DIR");
    bj_str_copy(host.directory, sizeof host.directory, "(unreachable)/x");
    assert_refused(BJ_E_INVALID, "--workspace DIR");
}

static void workspace_elsewhere_inside(void **state)
{
    (void)state;
    say(BJ_OPT_WORKING_DIRECTORY, "/place");
    make_well();
    assert_string_equal(bj_plan_text(plan, plan->directory), "/place");
    assert_non_null(op_at(BJ_OP_BIND, "/place"));
    assert_int_equal(op_at(BJ_OP_LANDLOCK, "/place")->number, BJ_GRANT_WRITE);
}

static void volumes(void **state)
{
    (void)state;
    say(BJ_OPT_VOLUMES, "/data:/data");
    say(BJ_OPT_VOLUMES, "/keep:/keep:ro");
    make_well();
    assert_non_null(op_at(BJ_OP_BIND, "/data"));
    assert_true(op_at(BJ_OP_OVERLAY, "/keep")->flags & BJ_FLAG_READ_ONLY);
    assert_int_equal(op_at(BJ_OP_LANDLOCK, "/data")->number, BJ_GRANT_WRITE);
    assert_null(op_at(BJ_OP_LANDLOCK, "/keep"));
}

/* Whatever the order they were given in: a mount covers what was mounted below it. */
static void shallow_volumes_come_first(void **state)
{
    uint32_t deep, shallow, workspace, above;

    (void)state;
    say(BJ_OPT_VOLUMES, "/d/deep:/d/deep");
    say(BJ_OPT_VOLUMES, "/d:/d");
    say(BJ_OPT_VOLUMES, "/srv:/srv");
    make_well();
    deep = place_of(BJ_OP_BIND, "/d/deep");
    shallow = place_of(BJ_OP_BIND, "/d");
    workspace = place_of(BJ_OP_BIND, "/srv/project");
    above = place_of(BJ_OP_BIND, "/srv");
    assert_true(above < workspace && workspace < shallow && shallow < deep);
    assert_true(deep < plan->op_count);
}

static void too_many_volumes_say_so(void **state)
{
    char text[3 * BJ_PATH_MAX];

    (void)state;
    for (int i = 0; i < BJ_VOLUMES_MAX; i++) {
        int length = snprintf(text, sizeof text, "/%d", i);

        memset(text + length, 'x', 3000);
        snprintf(text + length + 3000, sizeof text - (size_t)length - 3000, ":/v%d", i);
        say(BJ_OPT_VOLUMES, text);
    }
    assert_refused(BJ_E_LIMIT, "too many volumes or programs, or too long paths");
}

/* What is of one mount comes of one overlay; but only where the mount may be handed over. */
static void system_directories_share_an_overlay(void **state)
{
    const struct bj_op *one;

    (void)state;
    host.privileged = true;
    host.id_slots = 1;
    for (int i = 0; i < host.system_count; i++)
        host.system[i].together = host.system[i].kind == BJ_SYSTEM_DIRECTORY;
    make_well();
    assert_int_equal(count_ops(BJ_OP_OVERLAY), 0);
    assert_int_equal(count_ops(BJ_OP_HOST_ROOT), 1);
    one = op_at(BJ_OP_SYSTEM, "merged");
    assert_non_null(one);
    assert_non_null(strstr(bj_plan_text(plan, one->text), "usr"));
    assert_true(op_at(BJ_OP_SUBTREE, "/usr")->flags & BJ_FLAG_READ_ONLY);
    host.privileged = false;
    make_well();
    assert_int_equal(count_ops(BJ_OP_SYSTEM), 0);
    assert_true(count_ops(BJ_OP_OVERLAY) > 0);
}

static void own_files_hide_the_host(void **state)
{
    (void)state;
    make_well();
    assert_non_null(op_at(BJ_OP_FILE, "system/etc/passwd"));
    assert_non_null(
        strstr(bj_plan_text(plan, op_at(BJ_OP_FILE, "system/etc/passwd")->text), "1001"));
    assert_null(
        strstr(bj_plan_text(plan, op_at(BJ_OP_FILE, "system/etc/passwd")->text), "someone"));
    assert_non_null(op_at(BJ_OP_FILE, "system/etc/resolv.conf"));
    assert_non_null(op_at(BJ_OP_MASK, "/proc/kcore"));
    assert_non_null(op_at(BJ_OP_READ_ONLY, "/proc/sys"));
    assert_int_equal(op_at(BJ_OP_DEVPTS, "/dev/pts")->number, 32);
}

/* ---- as text and as bytes ---- */

static void printed(void **state)
{
    struct bj_buf out;

    (void)state;
    be_root();
    have_cgroup(BJ_CGROUP_V2);
    say(BJ_OPT_HOSTNAME, "inner");
    make_well();
    bj_buf_init(&out, 1 << 20);
    bj_plan_print(plan, &out);
    assert_false(out.failed);
    assert_non_null(strstr(bj_buf_text(&out), "isolation namespaces\n"));
    assert_non_null(strstr(bj_buf_text(&out), "\nlayers user-namespace mount pid network "));
    assert_non_null(
        strstr(bj_buf_text(&out),
               "\nhost make cgroup slot=0 source=/sys/fs/cgroup/user/belljar-4321-0\n"));
    assert_non_null(strstr(bj_buf_text(&out), "\ninit set host name text=inner\n"));
    assert_non_null(strstr(bj_buf_text(&out), "\ninit enter the new root\n"));
    assert_non_null(strstr(bj_buf_text(&out), "capabilities 0x0, directory=/srv/project\n"));
    /* One line for each operation, and none broken by what a path may hold. */
    bj_buf_release(&out);
    bj_str_copy(host.directory, sizeof host.directory, "/project/a\nb\x1b[1m");
    make_well();
    bj_buf_init(&out, 1 << 20);
    bj_plan_print(plan, &out);
    assert_non_null(strstr(bj_buf_text(&out), "/project/a\\nb\\x1b[1m"));
    assert_null(strstr(bj_buf_text(&out), "\x1b"));
    bj_buf_release(&out);
}

static void same_again(void **state)
{
    struct bj_plan *other = calloc(1, sizeof *other);
    struct bj_degradations more = {0};

    (void)state;
    assert_non_null(other);
    make_well();
    assert_int_equal(bj_plan_make(&config, &host, NULL, other, &more, &err), 0);
    assert_int_equal(bj_plan_size(plan), bj_plan_size(other));
    assert_memory_equal(plan, other, offsetof(struct bj_plan, ops));
    assert_memory_equal(plan->ops, other->ops, plan->op_count * sizeof *plan->ops);
    assert_memory_equal(plan->text, other->text, plan->text_length);
    free(other);
}

static void damaged_plans(void **state)
{
    size_t size;

    (void)state;
    make_well();
    size = bj_plan_size(plan);
#define DAMAGE(field, value)                                                                       \
    do {                                                                                           \
        uint64_t kept = plan->field;                                                               \
        plan->field = (value);                                                                     \
        assert_int_equal(bj_plan_check(plan, size, &err), -BJ_E_PROTOCOL);                         \
        plan->field = (__typeof__(plan->field))kept;                                               \
        assert_int_equal(bj_plan_check(plan, size, &err), 0);                                      \
    } while (0)
    DAMAGE(version, BJ_PLAN_VERSION + 1);
    DAMAGE(text_length, 0);
    DAMAGE(text_length, plan->text_length + 1);
    DAMAGE(text_length, UINT32_MAX);
    DAMAGE(op_count, BJ_PLAN_OPS_MAX + 1);
    DAMAGE(slot_count, BJ_TREES_MAX + 1);
    DAMAGE(rlimit_count, BJ_RLIMITS_MAX + 1);
    DAMAGE(directory, plan->text_length);
    DAMAGE(home, UINT32_MAX);
    DAMAGE(shell_user, plan->text_length);
    DAMAGE(ops[0].kind, BJ_OP_COUNT);
    DAMAGE(ops[0].layer, BJ_LAYER_COUNT);
    DAMAGE(ops[1].source, plan->text_length);
    DAMAGE(ops[1].target, UINT32_MAX);
    DAMAGE(ops[1].text, plan->text_length);
    DAMAGE(ops[1].slot, plan->slot_count);
    DAMAGE(text[plan->text_length - 1], 'x');
#undef DAMAGE
    for (size_t less = 0; less < size; less += less < 64 ? 1 : 997)
        assert_int_equal(bj_plan_check(plan, less, &err), -BJ_E_PROTOCOL);
}

static void plans_travel_packed(void **state)
{
    struct bj_plan *other = calloc(1, sizeof *other);
    char *packed;
    size_t size;

    (void)state;
    make_well();
    packed = malloc(bj_plan_size(plan));
    assert_non_null(other);
    assert_non_null(packed);
    size = bj_plan_pack(plan, packed);
    assert_true(size < bj_plan_size(plan));
    assert_int_equal(bj_plan_unpack(packed, size, other, &err), 0);
    assert_int_equal(bj_plan_size(plan), bj_plan_size(other));
    assert_memory_equal(plan->ops, other->ops, plan->op_count * sizeof *plan->ops);
    assert_memory_equal(plan->text, other->text, plan->text_length);
    for (size_t less = 0; less < size; less++)
        assert_int_equal(bj_plan_unpack(packed, less, other, &err), -BJ_E_PROTOCOL);
    memset(packed + offsetof(struct bj_plan, op_count), 0xff, sizeof plan->op_count);
    assert_int_equal(bj_plan_unpack(packed, size, other, &err), -BJ_E_PROTOCOL);
    free(packed);
    free(other);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(ordinary_user),
        CASE(root),
        CASE(root_that_is_spared),
        CASE(root_inside),
        CASE(root_of_a_container),
        CASE(limits_by_cgroup1),
        CASE(limits_by_cgroup2),
        CASE(limits_without_cgroup),
        CASE(more_processors_than_the_preset),
        CASE(old_kernel_counts_by_user),
        CASE(said_limits_are_refused),
        CASE(no_limit_needs_nothing),
        CASE(disk_of_an_empty_workspace),
        CASE(a_workspace_that_is_given),
        CASE(a_cgroup_to_be_frozen),
        CASE(layers_left_out),
        CASE(no_landlock_in_the_kernel),
        CASE(required_layers),
        CASE(required_limit),
        CASE(host_network),
        CASE(order_of_the_doors),
        CASE(landlock_alone),
        CASE(landlock_refuses),
        CASE(wide_workspaces),
        CASE(workspace_without_a_path),
        CASE(workspace_elsewhere_inside),
        CASE(volumes),
        CASE(too_many_volumes_say_so),
        CASE(shallow_volumes_come_first),
        CASE(system_directories_share_an_overlay),
        CASE(own_files_hide_the_host),
        CASE(printed),
        CASE(same_again),
        CASE(damaged_plans),
        CASE(plans_travel_packed),
    };
#undef CASE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
