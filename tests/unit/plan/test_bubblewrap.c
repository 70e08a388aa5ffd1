/* Tests of src/plan/bubblewrap.c: what init makes when it starts bwrap instead of a command. */
#include "planning.h"

static void bubblewrap_is_what_init_starts(void **state)
{
    static const enum bj_layer less[] = {BJ_LAYER_LANDLOCK, BJ_LAYER_PROC, BJ_LAYER_SHARED_TREES,
                                         BJ_LAYER_TIME, BJ_LAYER_OWN_UID};

    (void)state;
    have_cgroup(BJ_CGROUP_V2);
    say(BJ_OPT_SANDBOX_TYPE, "bubblewrap");
    say(BJ_OPT_MEMORY_MB, "256");
    make_well();
    assert_int_equal(plan->isolation, BJ_ISOLATION_NONE);
    assert_int_equal(count_ops(BJ_OP_UNSHARE) + count_ops(BJ_OP_BIND) + count_ops(BJ_OP_PIVOT), 0);
    assert_non_null(op_at(BJ_OP_JOIN_CGROUP, NULL));
    assert_true(on(BJ_LAYER_MEMORY) && on(BJ_LAYER_MOUNT) && on(BJ_LAYER_NETWORK) &&
                on(BJ_LAYER_SECCOMP));
    for (size_t i = 0; i < sizeof less / sizeof *less; i++) {
        assert_false(on(less[i]));
        assert_non_null(reason_for(less[i]));
    }
}

static void bubblewrap_without_a_cgroup(void **state)
{
    (void)state;
    say(BJ_OPT_SANDBOX_TYPE, "bubblewrap");
    make_well();
    assert_false(on(BJ_LAYER_MEMORY) || on(BJ_LAYER_PROCESSES));
    assert_int_equal(plan->memory_watch, 0); /* init would add up the whole host */
    say(BJ_OPT_MEMORY_MB, "256");
    assert_refused(BJ_E_LAYER, "memory");
}

static void bubblewrap_refuses_what_it_has_not(void **state)
{
    static const struct {
        enum bj_option_id id;
        const char *value, *words;
    } rows[] = {
        {BJ_OPT_REQUIRED_LAYERS, "landlock", "landlock is required"},
        {BJ_OPT_DISABLED_LAYERS, "mount", "cannot leave out the layer mount"},
        {BJ_OPT_COMMAND_WHITELIST, "git", "command_whitelist"},
        {BJ_OPT_IDS, "subordinate", "has no subordinate ids"},
        {BJ_OPT_WORKSPACE, "/usr", "will not make all of /usr"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        teardown(state);
        setup(state);
        say(BJ_OPT_SANDBOX_TYPE, "bubblewrap");
        say(rows[i].id, rows[i].value);
        assert_true(make() < 0);
        if (strstr(err.message, rows[i].words) == NULL)
            fail_msg("expected \"%s\" in: %s", rows[i].words, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bubblewrap_is_what_init_starts, setup, teardown),
        cmocka_unit_test_setup_teardown(bubblewrap_without_a_cgroup, setup, teardown),
        cmocka_unit_test_setup_teardown(bubblewrap_refuses_what_it_has_not, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
