/* The warm pool, driven as the front drives the keeper. */
#include "service.h"

#include <unistd.h>

#include "base/clock.h"

static struct service service;
static struct heard heard;
static struct output output;

static int set_up(void **state)
{
    (void)state;
    service_pool = 3;
    service_start(&service, (struct bj_keeper_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

static struct bj_usage_answer usage(void)
{
    static uint64_t last = (uint64_t)1 << 40;
    struct bj_usage_answer usage;
    struct bj_buf out;

    message_begin(&out, BJ_MESSAGE_USAGE, ++last);
    bj_pack_text(&out, "");
    say(service.front, &out, 0, NULL);
    assert_int_equal(answer(&service, last, &heard, NULL), 0);
    assert_int_equal(bj_usage_answer_get(&heard.message, &usage, NULL), 0);
    return usage;
}

/* The inits of what is parked: three, and each there for a moment. */
static void wait_full(void)
{
    pid_t inits[16];

    for (int i = 0; i < 400; i++) {
        if (usage().parked == 3 && inits_of(&service, inits, 16) == 3) {
            usleep(50000);
            return;
        }
        usleep(20000);
    }
    fail_msg("%d are parked", (int)usage().parked);
}

/* Makes one and tells whether it came from the pool. */
static bool from_pool(const char *id, const char *const *options, int64_t *ret_us)
{
    const char *strings[64];
    struct bj_sandbox_state state;
    int64_t began = bj_clock_us();

    assert_int_equal(do_act(&service,
                            &(struct bj_act){.kind = BJ_ACT_CREATE,
                                             .sandbox = id,
                                             .preset = "standard",
                                             .label = "mine",
                                             .timeout_us = 60000000,
                                             .options = options},
                            &heard, NULL),
                     0);
    if (ret_us != NULL)
        *ret_us = bj_clock_us() - began;
    assert_int_equal(bj_sandbox_state_get(&heard.message, strings, 64, &state, NULL), 0);
    assert_string_equal(state.id, id);
    assert_string_equal(state.label, "mine");
    assert_int_equal(state.phase, BJ_SANDBOX_RUNNING);
    assert_true(state.left_us > 59000000 && state.left_us <= 60000000);
    assert_true(state.age_us < 1000000);
    return state.from_pool;
}

static void making_one_is_a_hand_over(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const options[] = {"resource_limits.max_processes", "20", NULL};
    int64_t warm, cold;

    (void)state;
    wait_full();
    assert_true(from_pool("one", none, &warm));
    assert_false(from_pool("other", options, &cold));
    printf("           from the pool in %lld us, else %lld us\n", (long long)warm, (long long)cold);
    assert_int_equal(start(&service, "one", 1, 0, "echo works"), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "works\n");
    assert_int_equal(destroy(&service, "one"), 0);
    assert_int_equal(destroy(&service, "other"), 0);
    wait_full();
    assert_int_equal(usage().sandboxes, 0);
}

/* More at once than are parked: the rest is made, and nothing is handed over twice. */
static void the_pool_can_run_out(void **state)
{
    static const char *const none[] = {NULL};
    int warm = 0;

    (void)state;
    wait_full();
    for (int i = 0; i < 6; i++)
        warm += from_pool((const char *[]){"a", "b", "c", "d", "e", "f"}[i], none, NULL);
    assert_true(warm >= 3);
    for (int i = 0; i < 6; i++) {
        const char *id = (const char *[]){"a", "b", "c", "d", "e", "f"}[i];

        assert_int_equal(start(&service, id, 1, 0, "ls -A; echo x > mine"), 0);
        read_all(&service, id, 1, 1, &output);
        assert_string_equal(output.text, "");
    }
}

/* A parked sandbox that dies is replaced, and never handed over. */
static void the_dead_are_replaced(void **state)
{
    static const char *const none[] = {NULL};

    (void)state;
    wait_full();
    for (int i = 0; i < 3; i++)
        kill_first_init(&service);
    usleep(100000);
    wait_full();
    assert_true(from_pool("one", none, NULL));
    assert_int_equal(start(&service, "one", 1, 0, "echo works"), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "works\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(making_one_is_a_hand_over),
        TEST(the_pool_can_run_out),
        TEST(the_dead_are_replaced),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
