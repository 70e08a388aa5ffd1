/* Pausing, and what sandboxes use, driven as the front drives it. */
#include "service.h"

#include <sched.h>
#include <unistd.h>

static struct service service;
static struct heard heard;
static struct output output;

static int set_up(void **state)
{
    (void)state;
    service_start(&service, (struct bj_keeper_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

static int simple(enum bj_act_kind kind, const char *id)
{
    return do_act(&service, &(struct bj_act){.kind = kind, .sandbox = id}, &heard, NULL);
}

static struct bj_usage_answer usage_of(const char *id)
{
    static uint64_t last = (uint64_t)1 << 40;
    struct bj_usage_answer usage;
    struct bj_buf out;

    message_begin(&out, BJ_MESSAGE_USAGE, ++last);
    bj_pack_text(&out, id);
    say(service.front, &out, 0, NULL);
    assert_int_equal(answer(&service, last, &heard, NULL), 0);
    assert_int_equal(bj_usage_answer_get(&heard.message, &usage, NULL), 0);
    return usage;
}

/* What is paused uses no processor, does nothing, and goes on where it was. */
static void a_paused_sandbox_stands_still(void **state)
{
    struct bj_usage_answer before, after;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "while :; do echo tick; done"), 0);
    usleep(200000);
    assert_int_equal(simple(BJ_ACT_PAUSE, "one"), 0);
    usleep(50000);
    before = usage_of("one");
    assert_true(before.cpu_us > 0);
    assert_true(before.processes >= 1);
    memset(&output, 0, sizeof output);
    assert_true(read_once(&service, "one", 1, 0, &output) >= 0);
    usleep(300000);
    after = usage_of("one");
    assert_true(after.cpu_us - before.cpu_us <= 10000);

    assert_int_equal(simple(BJ_ACT_PAUSE, "one"), -BJ_E_CONFLICT);
    assert_int_equal(start(&service, "one", 2, 0, "true"), -BJ_E_CONFLICT);
    assert_int_equal(
        do_act(&service,
               &(struct bj_act){
                   .kind = BJ_ACT_SIGNAL, .sandbox = "one", .process = 1, .signal = SIGKILL},
               &heard, NULL),
        -BJ_E_CONFLICT);

    assert_int_equal(simple(BJ_ACT_RESUME, "one"), 0);
    assert_int_equal(simple(BJ_ACT_RESUME, "one"), -BJ_E_CONFLICT);
    usleep(200000);
    assert_true(usage_of("one").cpu_us > after.cpu_us);
    assert_int_equal(start(&service, "one", 3, 0, "echo works"), 0);
    read_all(&service, "one", 3, 1, &output);
    assert_string_equal(output.text, "works\n");
}

static void a_paused_sandbox_can_end(void **state)
{
    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "sleep 100"), 0);
    assert_int_equal(simple(BJ_ACT_PAUSE, "one"), 0);
    assert_int_equal(destroy(&service, "one"), 0);
    assert_int_equal(simple(BJ_ACT_RESUME, "one"), -BJ_E_NOT_FOUND);
}

/* A time-out of a process stands still with it. */
static void time_stands_still_too(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "sleep 100", NULL};
    static const char *const env[] = {NULL};

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(do_act(&service,
                            &(struct bj_act){.kind = BJ_ACT_START,
                                             .sandbox = "one",
                                             .process = 1,
                                             .argv = argv,
                                             .env = env,
                                             .timeout_us = 400000},
                            &heard, NULL),
                     0);
    assert_int_equal(simple(BJ_ACT_PAUSE, "one"), 0);
    usleep(700000);
    assert_int_equal(simple(BJ_ACT_RESUME, "one"), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_true(output.ending.timed_out);
    assert_true(output.ending.duration_us > 1000000);
}

/* The sandbox's own passes. */
static void the_end_comes_all_the_same(void **state)
{
    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(do_act(&service,
                            &(struct bj_act){.kind = BJ_ACT_UPDATE,
                                             .sandbox = "one",
                                             .timeout_us = 300000,
                                             .idle_us = BJ_KEEP_TIME},
                            &heard, NULL),
                     0);
    assert_int_equal(simple(BJ_ACT_PAUSE, "one"), 0);
    for (int i = 0; i < 100 && simple(BJ_ACT_PAUSE, "one") != -BJ_E_NOT_FOUND; i++)
        usleep(50000);
    assert_int_equal(simple(BJ_ACT_RESUME, "one"), -BJ_E_NOT_FOUND);
}

static void what_is_used_is_told(void **state)
{
    struct bj_usage_answer usage;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(create(&service, "two", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "sleep 100 & sleep 100"), 0);
    usleep(100000);
    assert_int_equal(usage_of("two").processes, 0);
    assert_true(usage_of("one").processes >= 2);
    usage = usage_of("");
    assert_int_equal(usage.sandboxes, 2);
    assert_true(usage.processes >= 2);
    if (usage.memory_bytes > 0)
        assert_true(usage.memory_peak >= usage.memory_bytes / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_paused_sandbox_stands_still), TEST(a_paused_sandbox_can_end),
        TEST(time_stands_still_too),         TEST(the_end_comes_all_the_same),
        TEST(what_is_used_is_told),
    };

    return cmocka_run_group_tests_name("pause", tests, NULL, NULL);
}
