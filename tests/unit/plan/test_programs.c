/*
 * Tests of src/plan/programs.c: what the kernel is asked to do about a list of programs, and that a
 * plan without one has none of it.
 */
#include "planning.h"

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

static int make_with(const struct bj_programs *what)
{
    known = what;
    return make();
}

static void make_for(const struct bj_programs *what)
{
    known = what;
    make_well();
}

static const char *text_of(enum bj_op_kind kind, const char *target)
{
    const struct bj_op *op = op_at(kind, target);

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
    make_for(&programs);
    check_everything_else();
    be_root();
    make_for(&programs);
    check_everything_else();
    say(BJ_OPT_WORKSPACE, "empty");
    make_for(&programs);
    check_everything_else();
}

static void lists(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    make_for(&programs);
    assert_string_equal(text_of(BJ_OP_KEEP_ONLY, "/usr/bin"), "python3\nls\npython3.11");
    assert_string_equal(text_of(BJ_OP_KEEP_ONLY, "/usr/sbin"), "");
    /* Trees and libraries are needed in it. */
    assert_null(op_at(BJ_OP_KEEP_ONLY, "/usr/lib"));
    assert_string_equal(text_of(BJ_OP_EXECUTABLE, NULL),
                        "/usr/lib/ld.so\n/usr/lib/libc.so.6\n/usr/lib/gconv\n/usr/lib/git-core\n"
                        "/srv/project/tool");
    assert_true(op_at(BJ_OP_EXECUTABLE, NULL)->flags & BJ_FLAG_READ_ONLY);
    assert_string_equal(text_of(BJ_OP_LANDLOCK_RUN, NULL),
                        "/usr/bin/ls\n/usr/bin/python3.11\n/usr/lib/ld.so\n/usr/lib/git-core\n"
                        "/srv/project/tool");
    assert_int_equal(op_at(BJ_OP_SECCOMP, NULL)->number, BJ_SECCOMP_SANDBOX_LISTED);
    assert_true(plan->layers & BJ_LAYER_BIT(COMMANDS));
    /* After everything that could cover it, before the door. */
    assert_true(op_at(BJ_OP_EXECUTABLE, NULL) > op_at(BJ_OP_BIND, "/srv/project"));
    assert_true(op_at(BJ_OP_EXECUTABLE, NULL) < op_at(BJ_OP_PIVOT, NULL));
    assert_true(op_at(BJ_OP_LANDLOCK_RUN, NULL) < op_at(BJ_OP_LANDLOCK_ON, NULL));
}

static void unknown_names_are_noted(void **state)
{
    bool found = false;

    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    make_for(&programs);
    for (int i = 0; i < degraded.count; i++)
        found |= degraded.items[i].layer == BJ_LAYER_COMMANDS &&
                 strstr(degraded.items[i].reason, "if is no program") != NULL;
    assert_true(found);
}

static void without_a_list_nothing_changes(void **state)
{
    (void)state;
    make_for(NULL);
    assert_null(op_at(BJ_OP_KEEP_ONLY, NULL));
    assert_null(op_at(BJ_OP_EXECUTABLE, NULL));
    assert_null(op_at(BJ_OP_LANDLOCK_RUN, NULL));
    assert_null(op_at(BJ_OP_DIR, "programs"));
    assert_int_equal(op_at(BJ_OP_SECCOMP, NULL)->number, BJ_SECCOMP_SANDBOX);
    assert_int_equal(op_at(BJ_OP_LANDLOCK, "/")->flags, 0);
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
}

static void left_out_by_name(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_DISABLED_LAYERS, "commands");
    make_for(&programs);
    assert_null(op_at(BJ_OP_EXECUTABLE, NULL));
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
}

static void assert_refuses(const struct bj_programs *what, const char *words)
{
    assert_int_equal(make_with(what), -BJ_E_LAYER);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, err.message);
}

static void a_list_that_nobody_looked_up(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    assert_refuses(NULL, "command_whitelist");
}

static void missing_layers_refuse(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    host.landlock_abi = 0;
    assert_refuses(&programs, "without Landlock");
    host.landlock_abi = 1;
    make_for(&programs);
    say(BJ_OPT_DISABLED_LAYERS, "seccomp");
    assert_refuses(&programs, "without the system call filter");
    say(BJ_OPT_ALLOW_DEGRADED, "true");
    make_for(&programs);
    assert_false(plan->layers & BJ_LAYER_BIT(COMMANDS));
    assert_non_null(op_at(BJ_OP_EXECUTABLE, NULL));
}

static void no_sandbox_refuses(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_SANDBOX_TYPE, "none");
    assert_refuses(&programs, "sandbox_type none");
}

static void landlock_alone(void **state)
{
    (void)state;
    say(BJ_OPT_COMMAND_WHITELIST, "ls");
    say(BJ_OPT_ISOLATION, "landlock");
    assert_refuses(&programs, "loader");
    say(BJ_OPT_ALLOW_DEGRADED, "true");
    make_for(&programs);
    check_everything_else();
    assert_non_null(op_at(BJ_OP_LANDLOCK_RUN, NULL));
    assert_int_equal(op_at(BJ_OP_SECCOMP, NULL)->number, BJ_SECCOMP_NO_NETWORK_LISTED);
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
    assert_int_equal(make_with(&large), -BJ_E_LIMIT);
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
