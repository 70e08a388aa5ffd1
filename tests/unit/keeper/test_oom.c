/* What is said of those whom the memory limit ended, and of those whom it did not. */
#include "service.h"

static struct service service;
static struct heard heard;
static struct output output;
static long long limit_mb;

static int set_up(void **state)
{
    static const char *const less[] = {"resource_limits.memory_mb", "64", NULL};
    static const char *const none[] = {NULL};
    /* Without cgroups no limit can be asked for; there is the preset's. */
    bool root = geteuid() == 0;
    struct bj_act what = {.kind = BJ_ACT_CREATE,
                          .sandbox = "one",
                          .preset = "standard",
                          .options = root ? less : none};

    struct bj_error failed = {0};

    (void)state;
    service_start(&service, (struct bj_keeper_options){0});
    limit_mb = root ? 64 : (long long)service.preset.config.memory_mb;
    if (do_act(&service, &what, &heard, &failed) < 0)
        fail_msg("%s", failed.message);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

/* How a process ended. */
static const struct bj_ending *run(uint32_t process, const char *text)
{
    assert_int_equal(start(&service, "one", process, 0, text), 0);
    read_all(&service, "one", process, 0, &output);
    return &output.ending;
}

/* Keeps half as much again as the limit, in its memory or in a file. */
static const char *hog(const char *where, const char *then)
{
    static char text[256];
    long long mb = limit_mb + limit_mb / 2;

    if (where == NULL)
        snprintf(text, sizeof text, "head -c %lldm /dev/zero | tail -c %lldm >/dev/null%s", mb + 10,
                 mb, then);
    else
        snprintf(text, sizeof text, "head -c %lldm /dev/zero > %s%s", mb, where, then);
    return text;
}

static void what_took_too_much_is_named(void **state)
{
    const struct bj_ending *ending;
    int64_t record;
    char text[64];

    (void)state;
    ending = run(1, hog(NULL, ""));
    record = service.number;
    assert_true(ending->oom_killed);
    assert_int_equal(ending->exit_code, 137);
    snprintf(text, sizeof text, "memory limit of %lld MiB", limit_mb);
    assert_non_null(strstr(ending->reason, text));
    wait_outcome(&service, record);
    assert_true(service.outcome.oom_killed);
    /* Whose child it was: it failed for that. */
    assert_true(run(2, hog(NULL, "; test $? = 0 || exit 3"))->oom_killed);
}

static void nobody_else_is(void **state)
{
    (void)state;
    assert_true(run(1, hog(NULL, ""))->oom_killed);
    assert_false(run(2, "exit 137")->oom_killed);
    assert_false(run(3, "kill -9 $$")->oom_killed);
    assert_false(run(4, "exit 1")->oom_killed);
    assert_string_equal(output.ending.reason, "");
}

static void let_go_on(uint32_t process)
{
    struct bj_act input = {
        .kind = BJ_ACT_INPUT, .sandbox = "one", .process = process, .data = "\n", .length = 1};

    assert_int_equal(do_act(&service, &input, &heard, NULL), 0);
    read_all(&service, "one", process, 0, &output);
    assert_int_equal(output.ending.exit_code, 1);
}

/* A cgroup's kill is one process's; where init limits memory, it ends all. */
static void it_is_not_a_bystander(void **state)
{
    struct bj_act kill = {
        .kind = BJ_ACT_SIGNAL, .sandbox = "one", .process = 2, .signal = SIGKILL, .group = true};

    (void)state;
    if (geteuid() != 0)
        return;
    assert_int_equal(start(&service, "one", 1, BJ_START_STDIN, "read x; exit 1"), 0);
    assert_int_equal(start(&service, "one", 2, 0, "exec sleep 1000"), 0);
    assert_true(run(3, hog(NULL, ""))->oom_killed);
    assert_int_equal(do_act(&service, &kill, &heard, NULL), 0);
    read_all(&service, "one", 2, 0, &output);
    assert_int_equal(output.ending.signal, SIGKILL);
    assert_false(output.ending.oom_killed);
    assert_true(run(4, hog(NULL, ""))->oom_killed);
    /* Whose end could be another's says nothing, and leaves nothing to be said of who ends later,
     * by itself. */
    assert_false(run(5, hog(NULL, "; test $? = 0 || exit 3"))->oom_killed);
    let_go_on(1);
    assert_false(output.ending.oom_killed);
    assert_int_equal(start(&service, "one", 6, BJ_START_STDIN, "read x; exit 1"), 0);
    assert_int_equal(run(7, hog(NULL, "; exit 0"))->exit_code, 0);
    let_go_on(6);
    assert_false(output.ending.oom_killed);
    assert_true(run(8, hog(NULL, "; test $? = 0 || exit 3"))->oom_killed);
}

static void until_it_has_ended(char *ret_reason, size_t size)
{
    const char *strings[256];
    struct bj_sandbox_state state = {0};

    do {
        assert_true(hear(service.front, &heard, PATIENCE_MS));
        if (heard.message.head.type == BJ_MESSAGE_SANDBOX)
            assert_int_equal(bj_sandbox_state_get(&heard.message, strings,
                                                  sizeof strings / sizeof *strings, &state, NULL),
                             0);
    } while (state.phase != BJ_SANDBOX_ENDED);
    snprintf(ret_reason, size, "%s", state.reason);
}

/* Files in memory cannot be ended one by one: the sandbox goes, and says why. */
static void files_that_fill_memory_are_the_reason(void **state)
{
    char reason[128];
    int64_t record;

    (void)state;
    assert_int_equal(start(&service, "one", 1, 0, hog("/tmp/big", " || exit $?; exec sleep 1000")),
                     0);
    record = service.number;
    if (geteuid() == 0) { /* a cgroup ends what writes them first */
        wait_outcome(&service, record);
        assert_true(service.outcome.oom_killed);
        return;
    }
    until_it_has_ended(reason, sizeof reason);
    assert_non_null(strstr(reason, "files"));
    assert_non_null(strstr(reason, "memory_mb"));
    wait_outcome(&service, record);
    assert_true(service.outcome.oom_killed);
    assert_non_null(strstr(service.outcome_reason, "memory_mb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_took_too_much_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_else_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_not_a_bystander, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_fill_memory_are_the_reason, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
