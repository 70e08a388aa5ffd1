/* Tests of src/keeper/deadline.c: what becomes of waits while the loop does not turn. */
#include "keeper/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define AWAY_US 1500000

static uv_loop_t loop;
static struct bj_deadlines deadlines;
static struct bj_deadline deadline, other;
static uv_poll_t watch;
static int ends[2], passed_count;

static void passed(struct bj_deadline *which)
{
    (void)which;
    passed_count++;
}

static void heard(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    bj_deadline_clear(&deadlines, &deadline);
    uv_poll_stop(handle);
}

static int setup(void **state)
{
    (void)state;
    passed_count = 0;
    deadline = other = (struct bj_deadline){.passed = passed};
    return uv_loop_init(&loop) == 0 && bj_deadlines_init(&deadlines, &loop, NULL) == 0 &&
                   pipe(ends) == 0 && uv_poll_init(&loop, &watch, ends[0]) == 0 &&
                   uv_poll_start(&watch, UV_READABLE, heard) == 0
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&watch, NULL);
    bj_deadlines_release(&deadlines);
    uv_run(&loop, UV_RUN_DEFAULT);
    close(ends[0]);
    close(ends[1]);
    return uv_loop_close(&loop);
}

static void wait_for(int64_t us)
{
    bj_deadline_wait(&deadlines, &deadline, bj_deadlines_clock(&deadlines) + us);
}

/* The answer came in time; that nobody was there to read it is not the other's fault. */
static void what_came_while_the_loop_was_away_counts(void **state)
{
    (void)state;
    wait_for(300000);
    assert_int_equal(write(ends[1], "x", 1), 1);
    usleep(AWAY_US);
    while (deadline.set)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(passed_count, 0);
}

/* Also where something else is done first when it is back. */
static void whatever_is_asked_for_first(void **state)
{
    (void)state;
    wait_for(300000);
    assert_int_equal(write(ends[1], "x", 1), 1);
    usleep(AWAY_US);
    bj_deadline_set(&deadlines, &other, 0);
    while (deadline.set || other.set)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(passed_count, 1); /* the other */
}

static void who_does_not_answer_is_late_all_the_same(void **state)
{
    int64_t begun = bj_clock_us();

    (void)state;
    wait_for(1200000);
    usleep(AWAY_US);
    while (deadline.set)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(passed_count, 1);
    assert_true(bj_clock_us() - begun >= AWAY_US + 200000);
    begun = bj_clock_us();
    wait_for(600000);
    while (deadline.set)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(passed_count, 2);
    assert_true(bj_clock_us() - begun >= 600000);
}

/* A moment is a moment: what is to end then ends when the loop is back. */
static void others_are_not_put_off(void **state)
{
    (void)state;
    bj_deadline_set(&deadlines, &deadline, bj_clock_us() + 300000);
    usleep(AWAY_US);
    assert_int_equal(write(ends[1], "x", 1), 1);
    while (deadline.set)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(passed_count, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_came_while_the_loop_was_away_counts),
        CASE(whatever_is_asked_for_first),
        CASE(who_does_not_answer_is_late_all_the_same),
        CASE(others_are_not_put_off),
    };
#undef CASE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
