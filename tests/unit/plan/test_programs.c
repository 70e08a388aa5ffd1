/*
 * Tests of src/plan/programs.c: what the kernel is asked to do about a list of programs, and that a
 * plan without one has none of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "plan/plan.h"

static struct bj_config config;
static struct bj_host host;
static struct bj_degradations degraded;
static struct bj_error err;
static struct bj_plan *plan;

static struct bj_program_file files[] = {
    {.path = "/usr/bin/ls", .kind = BJ_PROGRAM_RUN, .listed = true},
    {.path = "/usr/bin/python3.11", .kind = BJ_PROGRAM_RUN, .listed = true},
    {.path = "/usr/lib/ld.so", .kind = BJ_PROGRAM_RUN},
    {.path = "/usr/lib/libc.so.6", .kind = BJ_PROGRAM_LOAD},
    {.path = "/usr/lib/gconv", .kind = BJ_PROGRAM_LOAD, .tree = true},
    {.path = "/usr/lib/git-core", .kind = BJ_PROGRAM_RUN, .tree = true},
    {.path = "/srv/project/tool", .kind = BJ_PROGRAM_RUN, .listed = true},
};
static const char *links[] = {"/usr/bin/python3", "/lib"};
static const char *directories[] = {"/usr/bin", "/usr/sbin", "/usr/lib"};
static const char *ignored[] = {"if"};
static const struct bj_programs programs = {
    .files = files,
    .file_count = sizeof files / sizeof *files,
    .links = links,
    .link_count = 2,
    .directories = directories,
    .directory_count = 3,
    .ignored = ignored,
    .ignored_count = 1,
};

static void add_system(const char *path, enum bj_system_kind kind, const char *link)
{
    struct bj_system_dir *dir = &host.system[host.system_count++];

    dir->path = path;
    dir->kind = kind;
    bj_str_copy(dir->link, sizeof dir->link, link);
}

static int setup(void **state)
{
    (void)state;
    memset(&host, 0, sizeof host);
    memset(&degraded, 0, sizeof degraded);
    memset(&err, 0, sizeof err);
    host.uid = host.gid = 1001;
    host.kernel = 6018;
    host.landlock_abi = 7;
    host.cpus = 2;
    host.proc_sys_user = true;
    add_system("/usr", BJ_SYSTEM_DIRECTORY, "");
    add_system("/etc", BJ_SYSTEM_DIRECTORY, "");
    add_system("/bin", BJ_SYSTEM_LINK, "usr/bin");
    bj_str_copy(host.scratch_point, sizeof host.scratch_point, "/tmp");
    bj_str_copy(host.directory, sizeof host.directory, "/srv/project");
    bj_str_copy(host.workspace, sizeof host.workspace, "/srv/project");
    plan = calloc(1, sizeof *plan);
    return plan == NULL ? -1 : bj_config_init(&config, &err);
}

static int teardown(void **state)
{
    (void)state;
    bj_config_release(&config);
    free(plan);
    return 0;
}

static void be_root(void)
{
    host.uid = host.gid = 0;
    host.privileged = host.initial_user_ns = true;
    host.id_first = 0x70000000;
    host.id_slots = 1u << 22;
}

static void say(enum bj_option_id id, const char *text)
{
    assert_int_equal(bj_config_set(&config, id, text, "/srv/project", &err), 0);
}

static int make(const struct bj_programs *what)
{
    struct bj_warnings warnings = {0};

    assert_int_equal(bj_config_settle(&config, &warnings, &err), 0);
    return bj_plan_make(&config, &host, what, plan, &degraded, &err);
}

static void make_well(const struct bj_programs *what)
{
    if (make(what) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(bj_plan_check(plan, bj_plan_size(plan), &err), 0);
}

static const struct bj_op *op_of(enum bj_op_kind kind, const char *target)
{
    for (uint32_t i = 0; i < plan->op_count; i++) {
        const struct bj_op *op = &plan->ops[i];

        if (op->kind == kind &&
            (target == NULL || bj_streq(bj_plan_text(plan, op->target), target)))
            return op;
    }
    return NULL;
}

static const char *text_of(enum bj_op_kind kind, const char *target)
{
    const struct bj_op *op = op_of(kind, target);

    assert_non_null(op);
    return bj_plan_text(plan, op->text);
}

/* Every operation that mounts something the workload can reach. */
static bool is_mount(const struct bj_op *op)
{
    return op->kind == BJ_OP_HOST_TREE || op->kind == BJ_OP_OVERLAY || op->kind == BJ_OP_SUBTREE ||
           (op->kind == BJ_OP_BIND && !(op->flags & BJ_FLAG_DETACHED));
}

static void check_everything_else(void)
{
    for (uint32_t i = 0; i < plan->op_count; i++) {
        const struct bj_op *op = &plan->ops[i];
        const char *target = bj_plan_text(plan, op->target);

        /* Bound onto itself: it has what the mount below has. */
        if (op->kind == BJ_OP_SUBTREE && bj_plan_text(plan, op->source)[0] == '\0')
            continue;
        if (is_mount(op) && !(op->flags & BJ_FLAG_NO_EXEC))
            fail_msg("%s %s may be executed", bj_op_name(op->kind), target);
        if (op->kind == BJ_OP_LANDLOCK && !(op->flags & BJ_FLAG_NO_EXEC))
            fail_msg("Landlock lets all in %s be executed", target);
    }
}

static void nothing_else_is_executable(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_VOLUMES, "/data:/data");
    say(BJ_OPT_VOLUMES, "/more:/more:ro");
    say(BJ_OPT_SYSFS, "true");
    make_well(&programs);
    check_everything_else();
    be_root();
    make_well(&programs);
    check_everything_else();
    say(BJ_OPT_WORKSPACE, "empty");
    make_well(&programs);
    check_everything_else();
}

static void lists(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    make_well(&programs);
    assert_string_equal(text_of(BJ_OP_KEEP_ONLY, "/usr/bin"), "python3\nls\npython3.11");
    assert_string_equal(text_of(BJ_OP_KEEP_ONLY, "/usr/sbin"), "");
    /* Trees and libraries are needed in it. */
    assert_null(op_of(BJ_OP_KEEP_ONLY, "/usr/lib"));
    assert_string_equal(text_of(BJ_OP_EXECUTABLE, NULL),
                        "/usr/lib/ld.so\n/usr/lib/libc.so.6\n/usr/lib/gconv\n/usr/lib/git-core\n"
                        "/srv/project/tool");
    assert_true(op_of(BJ_OP_EXECUTABLE, NULL)->flags & BJ_FLAG_READ_ONLY);
    assert_string_equal(text_of(BJ_OP_LANDLOCK_RUN, NULL),
                        "/usr/bin/ls\n/usr/bin/python3.11\n/usr/lib/ld.so\n/usr/lib/git-core\n"
                        "/srv/project/tool");
    assert_int_equal(op_of(BJ_OP_SECCOMP, NULL)->number, BJ_SECCOMP_SANDBOX_LISTED);
    assert_true(plan->layers & BJ_LAYER_BIT(COMMANDS));
    /* After everything that could cover it, before the door. */
    assert_true(op_of(BJ_OP_EXECUTABLE, NULL) > op_of(BJ_OP_BIND, "/srv/project"));
    assert_true(op_of(BJ_OP_EXECUTABLE, NULL) < op_of(BJ_OP_PIVOT, NULL));
    assert_true(op_of(BJ_OP_LANDLOCK_RUN, NULL) < op_of(BJ_OP_LANDLOCK_ON, NULL));
}

static void unknown_names_are_noted(void **state)
{
    bool found = false;

    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    make_well(&programs);
    for (int i = 0; i < degraded.count; i++)
        found |= degraded.items[i].layer == BJ_LAYER_COMMANDS &&
                 strstr(degraded.items[i].reason, "if is no program") != NULL;
    assert_true(found);
}

static void without_a_list_nothing_changes(void **state)
{
    (void)state;
    make_well(NULL);
    assert_null(op_of(BJ_OP_KEEP_ONLY, NULL));
    assert_null(op_of(BJ_OP_EXECUTABLE, NULL));
    assert_null(op_of(BJ_OP_LANDLOCK_RUN, NULL));
    assert_null(op_of(BJ_OP_DIR, "programs"));
    assert_int_equal(op_of(BJ_OP_SECCOMP, NULL)->number, BJ_SECCOMP_SANDBOX);
    assert_int_equal(op_of(BJ_OP_LANDLOCK, "/")->flags, 0);
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
}

static void left_out_by_name(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_DISABLED_LAYERS, "commands");
    make_well(&programs);
    assert_null(op_of(BJ_OP_EXECUTABLE, NULL));
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
}

static void assert_refused(const struct bj_programs *what, const char *words)
{
    assert_int_equal(make(what), -BJ_E_LAYER);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, err.message);
}

static void a_list_that_nobody_looked_up(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    assert_refused(NULL, "command_whitelist");
}

static void missing_layers_refuse(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    host.landlock_abi = 0;
    assert_refused(&programs, "without Landlock");
    host.landlock_abi = 1;
    make_well(&programs);
    say(BJ_OPT_DISABLED_LAYERS, "seccomp");
    assert_refused(&programs, "without the system call filter");
    say(BJ_OPT_ALLOW_DEGRADED, "true");
    make_well(&programs);
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
    assert_non_null(op_of(BJ_OP_EXECUTABLE, NULL));
}

static void no_sandbox_refuses(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_SANDBOX_TYPE, "none");
    assert_refused(&programs, "sandbox_type none");
}

static void landlock_alone(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_ISOLATION, "landlock");
    assert_refused(&programs, "loader");
    say(BJ_OPT_ALLOW_DEGRADED, "true");
    make_well(&programs);
    check_everything_else();
    assert_non_null(op_of(BJ_OP_LANDLOCK_RUN, NULL));
    assert_int_equal(op_of(BJ_OP_SECCOMP, NULL)->number, BJ_SECCOMP_NO_NETWORK_LISTED);
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
}

static void too_many_say_so(void **state)
{
    static char paths[3000][64];
    static struct bj_program_file many[3000];
    struct bj_programs large = {.files = many, .file_count = 3000};

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(paths[i], sizeof paths[i], "/usr/lib/a-directory-with-a-rather-long-name/%d", i);
        many[i] = (struct bj_program_file){.path = paths[i], .kind = BJ_PROGRAM_LOAD};
    }
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    assert_int_equal(make(&large), -BJ_E_LIMIT);
    assert_non_null(strstr(err.message, "programs"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(nothing_else_is_executable),
        CASE(lists),
        CASE(unknown_names_are_noted),
        CASE(without_a_list_nothing_changes),
        CASE(left_out_by_name),
        CASE(a_list_that_nobody_looked_up),
        CASE(missing_layers_refuse),
        CASE(no_sandbox_refuses),
        CASE(landlock_alone),
        CASE(too_many_say_so),
    };
#undef CASE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
