/* The keeper, driven as the supervisor, the audit process and the front drive it. */
#include "service.h"

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

static void a_command_is_run_and_read(void **state)
{
    struct bj_error failed = {0};

    (void)state;
    if (create(&service, "one", &failed) != 0)
        fail_msg("%s", failed.message);
    wait_outcome(&service, service.number);
    assert_true(service.outcome.ran);
    assert_int_equal(start(&service, "one", 1, 0, "echo hello; echo oops >&2; pwd; exit 3"), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "hello\n/workspace\n");
    assert_int_equal(output.ending.exit_code, 3);
    wait_outcome(&service, service.number);
    assert_int_equal(service.outcome.exit_code, 3);
    read_all(&service, "one", 1, 2, &output);
    assert_string_equal(output.text, "oops\n");
    assert_int_equal(destroy(&service, "one"), 0);
    wait_outcome(&service, service.number);
    assert_true(service.outcome.ran);
    assert_int_equal(start(&service, "one", 2, 0, "true"), -BJ_E_NOT_FOUND);
}

static void a_new_front_hears_of_everything(void **state)
{
    struct bj_buf out;
    int sandboxes = 0, processes = 0, gaps = 0;

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(start(&service, "one", 1, 0, "echo kept; exec sleep 100"), 0);
    new_front(&service);
    message_begin(&out, BJ_MESSAGE_HELLO, 0);
    say(service.front, &out, 0, NULL);
    for (;;) {
        assert_true(hear(service.front, &heard, PATIENCE_MS));
        if (heard.message.head.type == BJ_MESSAGE_READY)
            break;
        sandboxes += heard.message.head.type == BJ_MESSAGE_SANDBOX;
        processes += heard.message.head.type == BJ_MESSAGE_PROCESS;
        gaps += heard.message.head.type == BJ_MESSAGE_GAP;
    }
    assert_int_equal(sandboxes, 1);
    assert_int_equal(processes, 1);
    assert_int_equal(gaps, 1);
    memset(&output, 0, sizeof output);
    assert_int_equal(read_once(&service, "one", 1, 0, &output), 0);
    assert_string_equal(output.text, "kept\n");
}

static void what_cannot_be_has_an_outcome_too(void **state)
{
    struct bj_error failed = {0};

    (void)state;
    assert_int_equal(create(&service, "one", NULL), 0);
    assert_int_equal(create(&service, "one", &failed), -BJ_E_CONFLICT);
    wait_outcome(&service, service.number);
    assert_false(service.outcome.ran);
    assert_string_equal(service.outcome_reason, failed.message);
    assert_int_equal(start(&service, "two", 1, 0, "true"), -BJ_E_NOT_FOUND);
    wait_outcome(&service, service.number);
    assert_false(service.outcome.ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_command_is_run_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_front_hears_of_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_has_an_outcome_too, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
