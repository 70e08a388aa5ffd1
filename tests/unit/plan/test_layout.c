/* Tests of src/plan/layout.c: what a layout's steps become, for hosts that are not this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "model/layout.h"
#include "plan/plan.h"

static struct bj_config config;
static struct bj_host host;
static struct bj_layout layout;
static struct bj_step steps[16];
static struct bj_plan *plan;
static struct bj_error err;

static int setup(void **state)
{
    (void)state;
    memset(&host, 0, sizeof host);
    host.uid = host.gid = 1001;
    host.kernel = 6018;
    host.landlock_abi = 7;
    host.cpus = 2;
    host.proc_sys_user = true;
    bj_str_copy(host.scratch_point, sizeof host.scratch_point, "/tmp");
    bj_str_copy(host.directory, sizeof host.directory, "/srv/project");
    memset(steps, 0, sizeof steps);
    layout = (struct bj_layout){
        .steps = steps,
        .own_network = true,
        .keep_directory = true,
        .init_name = "belljar-bwrap",
        .uid = 1001,
        .gid = 1001,
        .held_fd = -1,
    };
    plan = calloc(1, sizeof *plan);
    if (plan == NULL || bj_config_init(&config, &err) < 0)
        return -1;
    config.layout = &layout;
    config.workspace = BJ_WORKSPACE_EMPTY;
    config.memory_mb = config.max_processes = config.disk_mb = 0;
    config.cpu_cores = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bj_config_release(&config);
    free(plan);
    return 0;
}

static struct bj_step *add(enum bj_step_kind kind, const char *source, const char *target)
{
    struct bj_step *step = &steps[layout.step_count++];

    *step =
        (struct bj_step){.kind = kind, .source = source, .target = target, .fd = -1, .mode = 0755};
    return step;
}

static void make(void)
{
    struct bj_degradations degraded = {0};

    assert_int_equal(bj_plan_make(&config, &host, NULL, plan, &degraded, &err), 0);
}

/* The first operation of the kind at the target ("" = any) from an index on, or -1. */
static int find(enum bj_op_kind kind, const char *target, int from)
{
    for (uint32_t i = (uint32_t)from; i < plan->op_count; i++) {
        const struct bj_op *op = &plan->ops[i];

        if (op->kind == kind &&
            (*target == '\0' || bj_streq(bj_plan_text(plan, op->target), target)))
            return (int)i;
    }
    return -1;
}

static bool grants(const char *target, enum bj_grant access)
{
    for (int i = -1; (i = find(BJ_OP_LANDLOCK, target, i + 1)) >= 0;) {
        if (plan->ops[i].number == access)
            return true;
    }
    return false;
}

static void test_order_is_kept(void **state)
{
    (void)state;
    add(BJ_STEP_BIND, "/", "/")->read_only = true;
    add(BJ_STEP_TMPFS, NULL, "/tmp");
    add(BJ_STEP_BIND, "/srv/project", "/srv/project");
    add(BJ_STEP_PROC, NULL, "/proc");
    make();
    assert_true(find(BJ_OP_BIND, "/", 0) >= 0);
    assert_true(find(BJ_OP_BIND, "/", 0) < find(BJ_OP_SUBTREE, "/tmp", 0));
    assert_true(find(BJ_OP_SUBTREE, "/tmp", 0) < find(BJ_OP_BIND, "/srv/project", 0));
    assert_true(find(BJ_OP_BIND, "/srv/project", 0) < find(BJ_OP_PROC, "/proc", 0));
    assert_true(find(BJ_OP_PROC, "/proc", 0) < find(BJ_OP_PIVOT, "", 0));
    /* Sources before the scratch, which is mounted over one of them. */
    for (int i = -1; (i = find(BJ_OP_OPEN_PATH, "", i + 1)) >= 0;)
        assert_true(i < find(BJ_OP_SCRATCH, "", 0));
    assert_true(plan->ops[find(BJ_OP_BIND, "/", 0)].flags & BJ_FLAG_READ_ONLY);
    assert_true(plan->ops[find(BJ_OP_BIND, "/", 0)].flags & BJ_FLAG_NO_DEV);
    assert_string_equal(bj_plan_text(plan, plan->init_name), "belljar-bwrap");
}

static void test_every_layer_is_there(void **state)
{
    static const enum bj_op_kind last[] = {BJ_OP_LANDLOCK_ON, BJ_OP_CAPABILITIES,
                                           BJ_OP_NO_NEW_PRIVS, BJ_OP_SECCOMP};

    (void)state;
    add(BJ_STEP_BIND, "/usr", "/usr")->read_only = true;
    make();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(plan->ops[plan->op_count - 4 + i].kind, last[i]);
    assert_int_equal(plan->ops[plan->op_count - 1].number, BJ_SECCOMP_SANDBOX);
    assert_true(find(BJ_OP_NETWORK, "", 0) >= 0 && find(BJ_OP_NETWORK_JOIN, "", 0) >= 0);
    layout.nesting = true;
    layout.own_network = false;
    make();
    assert_int_equal(plan->ops[plan->op_count - 1].number, BJ_SECCOMP_NESTING);
    assert_true(find(BJ_OP_NETWORK, "", 0) < 0 && find(BJ_OP_NETWORK_JOIN, "", 0) < 0);
}

static void test_the_host_s_proc_never_comes_along(void **state)
{
    int bound;

    (void)state;
    add(BJ_STEP_BIND, "/", "/")->read_only = true;
    make();
    bound = find(BJ_OP_BIND, "/", 0);
    assert_true(find(BJ_OP_MASK, "/proc", bound) > bound); /* for where none can be mounted */
    assert_true(find(BJ_OP_PROC, "/proc", bound) > find(BJ_OP_MASK, "/proc", bound));
    layout.step_count = 0;
    add(BJ_STEP_BIND, "/proc", "/x/proc");
    make();
    assert_true(find(BJ_OP_BIND, "/x/proc", 0) < 0);
    assert_true(find(BJ_OP_PROC, "/x/proc", 0) >= 0);
    assert_true(find(BJ_OP_READ_ONLY, "/x/proc/sys", 0) >= 0);
}

static void test_root_s_devices_and_knobs_never_come_along(void **state)
{
    (void)state;
    add(BJ_STEP_BIND, "/", "/")->devices = true;
    make();
    assert_true(find(BJ_OP_BIND, "/dev/null", 0) < 0); /* their owners' permissions hold */
    assert_false(plan->ops[find(BJ_OP_BIND, "/", 0)].flags & BJ_FLAG_NO_DEV);
    host.uid = host.gid = layout.uid = layout.gid = 0;
    make();
    assert_true(find(BJ_OP_BIND, "/dev/null", 0) > find(BJ_OP_BIND, "/", 0));
    assert_true(find(BJ_OP_READ_ONLY, "/sys", 0) > find(BJ_OP_BIND, "/", 0));
    layout.step_count = 0;
    add(BJ_STEP_BIND, "/dev", "/d")->devices = true;
    add(BJ_STEP_BIND, "/sys", "/s");
    make();
    assert_true(find(BJ_OP_BIND, "/d", 0) < 0 && find(BJ_OP_BIND, "/d/null", 0) >= 0);
    assert_true(plan->ops[find(BJ_OP_BIND, "/s", 0)].flags & BJ_FLAG_READ_ONLY);
}

static void test_access_follows_the_mounts(void **state)
{
    (void)state;
    add(BJ_STEP_BIND, "/", "/")->read_only = true;
    add(BJ_STEP_BIND, "/a", "/a");
    add(BJ_STEP_BIND, "/b", "/b")->read_only = true;
    add(BJ_STEP_TMPFS, NULL, "/t");
    add(BJ_STEP_DEV, NULL, "/dev");
    make();
    assert_true(grants("/", BJ_GRANT_READ) && !grants("/", BJ_GRANT_WRITE));
    assert_true(grants("/a", BJ_GRANT_WRITE) && grants("/t", BJ_GRANT_WRITE));
    assert_false(grants("/b", BJ_GRANT_WRITE));
    assert_true(grants("/dev", BJ_GRANT_DEVICE));
    layout.step_count = 0; /* an empty root belongs to the command, until it is made read-only */
    add(BJ_STEP_BIND, "/usr", "/usr")->read_only = true;
    make();
    assert_true(grants("/", BJ_GRANT_WRITE));
    add(BJ_STEP_READ_ONLY, NULL, "/");
    make();
    assert_true(grants("/", BJ_GRANT_READ) && !grants("/", BJ_GRANT_WRITE));
}

static void test_descriptors_are_handed_over_before_the_wait(void **state)
{
    int wait;

    (void)state;
    add(BJ_STEP_FILE, NULL, "/f")->fd = 7;
    layout.held_fd = 8;
    layout.filters[layout.filter_count++] = 9;
    layout.passed[layout.passed_count++] = 10;
    make();
    wait = find(BJ_OP_WAIT_HOST, "", 0);
    for (int i = -1, count = 0; count < 4; count++) {
        i = find(BJ_OP_HOST_FD, "", i + 1);
        assert_true(i >= 0 && i < wait);
    }
    assert_int_equal(plan->ops[find(BJ_OP_PASS, "", 0)].number, 10);
    assert_true(find(BJ_OP_PLACE_FILE, "/f", 0) > wait);
    /* Numbers of this process's own mean nothing to another that a plan is sent to. */
    assert_true(bj_plan_check(plan, bj_plan_size(plan), &err) < 0);
}

static void test_too_much_is_an_error(void **state)
{
    struct bj_degradations degraded = {0};
    static struct bj_step many[BJ_LAYOUT_STEPS_MAX];

    (void)state;
    for (size_t i = 0; i < BJ_LAYOUT_STEPS_MAX; i++)
        many[i] = (struct bj_step){.kind = BJ_STEP_DEV, .target = "/d", .fd = -1};
    layout.steps = many;
    layout.step_count = BJ_LAYOUT_STEPS_MAX;
    assert_int_equal(bj_plan_make(&config, &host, NULL, plan, &degraded, &err), -BJ_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_layer_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_host_s_proc_never_comes_along, setup, teardown),
        cmocka_unit_test_setup_teardown(test_root_s_devices_and_knobs_never_come_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_access_follows_the_mounts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors_are_handed_over_before_the_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_too_much_is_an_error, setup, teardown),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
