/* Processes in the keeper: what goes in, what comes out, how they end. */
#include "service.h"

#include <sys/ioctl.h>

static struct service service;
static struct heard heard;
static struct output output;
static const char *const none[] = {NULL};

static int set_up(void **state)
{
    (void)state;
    service_start(&service, (struct bj_keeper_options){0});
    assert_int_equal(create(&service, "one", NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(service_stop(&service), 0);
    return 0;
}

static uint64_t input_later(uint32_t process, const char *text, bool close_it)
{
    struct bj_act what = {.kind = BJ_ACT_INPUT,
                          .sandbox = "one",
                          .process = process,
                          .data = text,
                          .length = strlen(text),
                          .close = close_it};

    return act(&service, &what);
}

static int input(uint32_t process, const char *text, bool close_it)
{
    return answer(&service, input_later(process, text, close_it), &heard, NULL);
}

static void until_it_says(uint32_t process, const char *text)
{
    memset(&output, 0, sizeof output);
    while (strstr(output.text, text) == NULL) {
        assert_false(output.ended);
        assert_int_equal(read_once(&service, "one", process, 0, &output), 0);
    }
}

static void input_arrives_and_ends(void **state)
{
    (void)state;
    assert_int_equal(start(&service, "one", 1, BJ_START_STDIN, "cat; echo over"), 0);
    assert_int_equal(input(1, "first\n", false), 0);
    until_it_says(1, "first\n");
    assert_int_equal(input(1, "second\n", true), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "first\nsecond\nover\n");
    assert_int_equal(input(1, "late", false), -BJ_E_ENDED);
}

static void without_an_input_there_is_none(void **state)
{
    (void)state;
    assert_int_equal(start(&service, "one", 1, 0, "cat; exec sleep 100"), 0);
    assert_int_equal(input(1, "x", false), -BJ_E_CONFLICT);
    assert_int_equal(input(2, "x", false), -BJ_E_NOT_FOUND);
}

static void what_does_not_read_holds_up_nobody(void **state)
{
    static char text[BJ_INPUT_MAX + 1];
    uint64_t first, last = 0;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(start(&service, "one", 1, BJ_START_STDIN, "exec sleep 100"), 0);
    first = input_later(1, text, false); /* fills the pipe */
    assert_int_equal(answer(&service, first, &heard, NULL), 0);
    for (int i = 0; i < 8; i++)
        last = input_later(1, text, false);
    assert_int_equal(answer(&service, last, &heard, NULL), -BJ_E_BUSY);
    /* Others are served while that waits. */
    assert_int_equal(start(&service, "one", 2, 0, "echo hello"), 0);
    read_all(&service, "one", 2, 1, &output);
    assert_string_equal(output.text, "hello\n");
}

static void a_terminal_echoes_and_resizes(void **state)
{
    struct bj_act what = {
        .kind = BJ_ACT_RESIZE, .sandbox = "one", .process = 1, .rows = 50, .columns = 132};

    (void)state;
    assert_int_equal(
        start(&service, "one", 1, BJ_START_TERMINAL, "stty size; read x; stty size; read y"), 0);
    until_it_says(1, "24 80");
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    assert_int_equal(input(1, "abc\n", false), 0);
    until_it_says(1, "abc");
    until_it_says(1, "50 132");
    assert_int_equal(input(1, "", true), 0); /* end of file ends the last read */
    read_all(&service, "one", 1, 0, &output);
    assert_int_equal(output.ending.exit_code, 1);
}

static void attached_input_needs_no_record(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_ATTACH, .sandbox = "one", .process = 1};
    struct bj_act piece = {
        .kind = BJ_ACT_INPUT, .sandbox = "one", .process = 1, .data = "typed\n", .length = 6};
    struct bj_buf out;
    uint64_t attach;
    int64_t record;

    (void)state;
    assert_int_equal(start(&service, "one", 1, BJ_START_TERMINAL, "cat"), 0);
    attach = act(&service, &what);
    record = service.number;
    assert_int_equal(answer(&service, attach, &heard, NULL), 0);
    message_begin(&out, BJ_MESSAGE_INPUT, ++service.id);
    put_act(&out, &piece);
    say(service.front, &out, (int64_t)attach, NULL);
    assert_int_equal(answer(&service, service.id, &heard, NULL), 0);
    until_it_says(1, "typed\r\ntyped");
    message_begin(&out, BJ_MESSAGE_DETACH, attach);
    say(service.front, &out, 0, NULL);
    wait_outcome(&service, record);
    assert_int_equal(service.outcome.output_bytes[0], 6);
    /* And afterwards it is not permitted. */
    message_begin(&out, BJ_MESSAGE_INPUT, ++service.id);
    put_act(&out, &piece);
    say(service.front, &out, (int64_t)attach, NULL);
    assert_int_equal(answer(&service, service.id, &heard, NULL), -BJ_E_NOT_FOUND);
}

static void a_held_pipe_holds_nobody(void **state)
{
    int64_t began = bj_clock_us();

    (void)state;
    assert_int_equal(start(&service, "one", 1, 0, "echo before; setsid sleep 100 & exit 7"), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "before\n");
    assert_int_equal(output.ending.exit_code, 7);
    assert_true(bj_clock_us() - began < 5000000);
}

static void a_flood_is_bounded(void **state)
{
    struct bj_act what = {.kind = BJ_ACT_SIGNAL, .sandbox = "one", .process = 1, .signal = 15};

    (void)state;
    assert_int_equal(start(&service, "one", 1, 0, "exec cat /dev/zero"), 0);
    usleep(500000);
    memset(&output, 0, sizeof output);
    assert_int_equal(read_once(&service, "one", 1, 0, &output), 0);
    assert_true(output.dropped > 0);
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    read_all(&service, "one", 1, 0, &output);
    assert_int_equal(output.ending.signal, 15);
    assert_true(output.length <= BJ_LOG_MAX);
    wait_outcome(&service, service.number - 1);
    assert_true(service.outcome.truncated);
}

static int read_holding(int64_t offset, struct bj_read_answer *ret)
{
    struct bj_read read = {
        .sandbox = "one", .process = 1, .offset = offset, .maximum = BJ_READ_MAX, .hold = true};
    struct bj_buf out;

    message_begin(&out, BJ_MESSAGE_READ, ++service.id);
    bj_read_put(&out, &read);
    say(service.front, &out, 0, NULL);
    assert_int_equal(answer(&service, service.id, &heard, NULL), 0);
    assert_int_equal(bj_read_answer_get(&heard.message, ret, NULL), 0);
    return 0;
}

static void a_hold_loses_nothing(void **state)
{
    struct bj_read_answer body = {.next = 0};
    int64_t length = 0;

    (void)state;
    assert_int_equal(start(&service, "one", 1, 0, "exec head -c 20000000 /dev/zero"), 0);
    while (!body.ended) {
        int64_t at = body.next;

        assert_int_equal(read_holding(at, &body), 0);
        if (length == 0 && body.offset > 0)
            length = body.offset; /* lost before the first hold */
        else if (length > 0)
            assert_int_equal(body.offset, at);
        length += body.next - body.offset;
    }
    assert_int_equal(length, 20000000);
}

/* However late the first reader comes, and whatever was written until then. */
static void held_from_the_start(uint32_t flags, const char *text, int64_t length)
{
    struct bj_read_answer body = {.next = 0};

    assert_int_equal(start(&service, "one", 1, flags | BJ_START_HOLD, text), 0);
    usleep(400000);
    while (!body.ended) {
        int64_t at = body.next;

        assert_int_equal(read_holding(at, &body), 0);
        assert_int_equal(body.offset, at);
    }
    assert_int_equal(body.next, length);
}

static void a_start_with_hold_loses_nothing(void **state)
{
    (void)state;
    held_from_the_start(0, "exec head -c 5000000 /dev/zero", 5000000);
}

static void nor_does_a_terminal(void **state)
{
    (void)state;
    held_from_the_start(BJ_START_TERMINAL, "exec head -c 5000000 /dev/zero", 5000000);
}

static void whom_nobody_reads_waits_for_a_while_only(void **state)
{
    int64_t begun = bj_clock_us();

    (void)state;
    assert_int_equal(start(&service, "one", 1, BJ_START_HOLD, "exec head -c 5000000 /dev/zero"), 0);
    wait_outcome(&service, service.number);
    assert_true(service.outcome.truncated);
    assert_int_equal(service.outcome.output_bytes[0], 5000000);
    assert_in_range(bj_clock_us() - begun, BJ_HOLD_GRACE_US / 2, 2 * BJ_HOLD_GRACE_US);
}

static void a_time_out_ends_it(void **state)
{
    const char *const argv[] = {"sh", "-c", "echo on; sleep 100", NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = "one",
                          .process = 1,
                          .argv = argv,
                          .env = none,
                          .timeout_us = 200000};

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "on\n");
    assert_true(output.ending.timed_out);
    assert_int_equal(output.ending.exit_code, 124);
    wait_outcome(&service, service.number);
    assert_true(service.outcome.timed_out);
}

static void pipes_are_handed_over(void **state)
{
    const char *const argv[] = {"sh", "-c", "cat; echo done >&2", NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = "one",
                          .process = 1,
                          .argv = argv,
                          .env = none,
                          .flags = BJ_START_PIPES};
    char text[16] = "";

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    assert_int_equal(heard.fds.count, 2);
    assert_int_equal(write(heard.fds.fd[0], "bulk", 4), 4);
    close(heard.fds.fd[0]);
    assert_int_equal(read(heard.fds.fd[1], text, sizeof text), 4);
    assert_string_equal(text, "bulk");
    close(heard.fds.fd[1]);
    read_all(&service, "one", 1, 0, &output);
    assert_string_equal(output.text, "done\n");
}

static void a_report_is_a_stream_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(start(&service, "one", 1, BJ_START_REPORT, "echo out; pwd >&3"), 0);
    read_all(&service, "one", 1, 3, &output);
    assert_string_equal(output.text, "/workspace\n");
    /* Nothing else is open in it. */
    assert_int_equal(start(&service, "one", 2, 0, "ls /proc/self/fd | tr '\\n' ' '"), 0);
    read_all(&service, "one", 2, 1, &output);
    assert_string_equal(output.text, "0 1 2 3 ");
}

static void the_environment_is_layered(void **state)
{
    const char *const argv[] = {"sh", "-c", "echo $HOME $A $TERM; cd /tmp; pwd", NULL};
    const char *const env[] = {"A=a b", NULL};
    struct bj_act what = {.kind = BJ_ACT_START,
                          .sandbox = "one",
                          .process = 1,
                          .argv = argv,
                          .env = env,
                          .directory = "/usr"};

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, NULL), 0);
    read_all(&service, "one", 1, 1, &output);
    assert_string_equal(output.text, "/home/user a b\n/tmp\n");
}

static void what_cannot_start_says_why(void **state)
{
    const char *const argv[] = {"no-such-program", NULL};
    struct bj_error failed = {0};
    struct bj_act what = {
        .kind = BJ_ACT_START, .sandbox = "one", .process = 1, .argv = argv, .env = none};

    (void)state;
    assert_int_equal(do_act(&service, &what, &heard, &failed), -BJ_E_NOT_FOUND);
    assert_non_null(strstr(failed.message, "no-such-program"));
    wait_outcome(&service, service.number);
    assert_false(service.outcome.ran);
    assert_int_equal(start(&service, "one", 1, 0, "true"), 0); /* the number is free again */
    assert_int_equal(start(&service, "one", 1, 0, "true"), -BJ_E_CONFLICT);
}

static void old_ones_are_forgotten(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 100; i++) {
        assert_int_equal(start(&service, "one", i, 0, "echo $$"), 0);
        read_all(&service, "one", i, 1, &output);
    }
    assert_int_equal(read_once(&service, "one", 1, 0, &output), -BJ_E_NOT_FOUND);
    memset(&output, 0, sizeof output);
    assert_int_equal(read_once(&service, "one", 90, 0, &output), 0);
    assert_int_equal(start(&service, "one", 200, BJ_START_FORGET, "echo hello"), 0);
    read_all(&service, "one", 200, 1, &output);
    assert_string_equal(output.text, "hello\n");
    usleep(50000);
    assert_int_equal(read_once(&service, "one", 200, 0, &output), -BJ_E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(input_arrives_and_ends),
        TEST(without_an_input_there_is_none),
        TEST(what_does_not_read_holds_up_nobody),
        TEST(a_terminal_echoes_and_resizes),
        TEST(attached_input_needs_no_record),
        TEST(a_held_pipe_holds_nobody),
        TEST(a_flood_is_bounded),
        TEST(a_hold_loses_nothing),
        TEST(a_start_with_hold_loses_nothing),
        TEST(nor_does_a_terminal),
        TEST(whom_nobody_reads_waits_for_a_while_only),
        TEST(a_time_out_ends_it),
        TEST(pipes_are_handed_over),
        TEST(a_report_is_a_stream_of_its_own),
        TEST(the_environment_is_layered),
        TEST(what_cannot_start_says_why),
        TEST(old_ones_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
