/* Tests of src/loop/link.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/limits.h"
#include "loop/link.h"

static uv_loop_t loop;
static struct bj_link link_; /* link() is the C library's */
static int other;            /* the end that the test plays; -1 = closed */

static struct {
    int packets, closed, drained, readable;
    char last[64];
    size_t fds;
    bool close_in_call;
} seen;

static void received(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    assert_ptr_equal(context, &seen);
    seen.packets++;
    snprintf(seen.last, sizeof seen.last, "%.*s", (int)length, packet);
    seen.fds = fds->count;
    if (seen.close_in_call)
        bj_link_close(&link_);
}

static void closed(void *context)
{
    (void)context;
    assert_int_equal(link_.fd, -1);
    seen.closed++;
}

static void drained(void *context)
{
    (void)context;
    seen.drained++;
    if (seen.close_in_call)
        bj_link_close(&link_);
}

static void readable(void *context)
{
    (void)context;
    seen.readable++;
    if (seen.close_in_call)
        bj_link_close(&link_);
}

static const struct bj_link_calls calls = {
    .received = received, .closed = closed, .drained = drained};
static const struct bj_link_calls pulling = {.readable = readable, .drained = drained};

static void open_with(const struct bj_link_calls *how)
{
    int ends[2];

    assert_int_equal(bj_socket_pair(ends), 0);
    other = ends[1];
    assert_int_equal(bj_link_open(&link_, &loop, ends[0], how, &seen, NULL), 0);
}

static int begin(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    return uv_loop_init(&loop);
}

static int end(void **state)
{
    (void)state;
    bj_link_close(&link_);
    if (other >= 0)
        close(other);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void say(const char *text)
{
    assert_int_equal(bj_socket_send(other, text, strlen(text), NULL), 0);
}

/* The number in the next packet at the other end, or -1. */
static int next_number(void)
{
    char packet[BJ_MESSAGE_MAX];
    int number = -1;
    ssize_t length = recv(other, packet, sizeof packet, MSG_DONTWAIT);

    if (length >= (ssize_t)sizeof number)
        memcpy(&number, packet, sizeof number);
    return number;
}

static int send_number(int number)
{
    char packet[4096] = {0};

    memcpy(packet, &number, sizeof number);
    return bj_link_send(&link_, packet, sizeof packet, NULL, NULL);
}

static int fill(void)
{
    int sent = 0;

    while (send_number(sent) == 0)
        sent++;
    return sent;
}

static void test_queue_is_bounded_and_in_order(void **state)
{
    int sent, taken = 0;

    (void)state;
    open_with(&calls);
    link_.maximum = 1 << 20;
    sent = fill();
    assert_int_equal(send_number(sent), -BJ_E_BUSY);
    assert_true(link_.queued <= link_.maximum);
    assert_true(sent >= (1 << 20) / 4096);
    for (int number; taken < sent; turn()) {
        while ((number = next_number()) >= 0)
            assert_int_equal(number, taken++);
    }
    turn();
    assert_int_equal(link_.queued, 0);
    assert_int_equal(seen.drained, 1);
    assert_int_equal(send_number(sent), 0);
}

/* A descriptor that waits in the queue is a copy: the sender closes its own. */
static void test_descriptors_wait_with_their_packet(void **state)
{
    struct bj_fds fds = {.count = 1}, got = {.count = 0};
    char packet[BJ_MESSAGE_MAX];
    int sent, pipes[2];

    (void)state;
    open_with(&calls);
    link_.maximum = 1 << 20;
    sent = fill();
    link_.maximum *= 2;
    assert_int_equal(pipe(pipes), 0);
    fds.fd[0] = pipes[1];
    assert_int_equal(bj_link_send(&link_, "fd", 2, &fds, NULL), 0);
    close(pipes[1]);
    for (int i = 0; i < sent;) {
        i += next_number() >= 0;
        turn();
    }
    assert_int_equal(bj_socket_receive(other, packet, sizeof packet, &got, MSG_DONTWAIT), 2);
    assert_int_equal(got.count, 1);
    assert_int_equal(write(got.fd[0], "x", 1), 1);
    assert_int_equal(read(pipes[0], packet, 1), 1);
    close(pipes[0]);
    bj_fds_close(&got);
}

static void test_all_is_received_before_the_end(void **state)
{
    (void)state;
    open_with(&calls);
    send_number(1); /* is never read: the kernel then says ECONNRESET first */
    say("one");
    say("two");
    close(other);
    other = -1;
    turn();
    assert_int_equal(seen.packets, 2);
    assert_string_equal(seen.last, "two");
    assert_int_equal(seen.closed, 1);
    assert_int_equal(send_number(2), -BJ_E_ENDED);
    bj_link_close(&link_);
    assert_int_equal(seen.closed, 1);
}

static void test_sending_to_nobody(void **state)
{
    (void)state;
    open_with(&calls);
    say("before");
    close(other);
    other = -1;
    assert_int_equal(send_number(1), -BJ_E_ENDED);
    assert_true(bj_link_try(&link_, "x", 1));
    assert_int_equal(seen.packets, 0); /* no call comes from within another */
    turn();
    assert_string_equal(seen.last, "before");
    assert_int_equal(seen.closed, 1);
}

static void test_closing_in_a_call(void **state)
{
    (void)state;
    seen.close_in_call = true;
    open_with(&calls);
    say("one");
    say("two");
    turn();
    assert_int_equal(seen.packets, 1);
    assert_int_equal(seen.closed, 0);
    close(other);
    open_with(&calls);
    fill();
    while (next_number() >= 0)
        turn();
    assert_int_equal(seen.drained, 1);
    assert_int_equal(link_.fd, -1);
    close(other);
    open_with(&pulling);
    say("one");
    turn();
    assert_int_equal(seen.readable, 1);
}

static void test_trying(void **state)
{
    char packet[4096] = {0};
    int sent = 0;

    (void)state;
    open_with(&calls);
    while (bj_link_try(&link_, packet, sizeof packet))
        sent++;
    assert_int_equal(link_.queued, 0);
    turn();
    assert_int_equal(seen.drained, 0);
    while (next_number() >= 0)
        sent--;
    assert_int_equal(sent, 0);
    turn();
    assert_int_equal(seen.drained, 1); /* and not again */
    assert_true(bj_link_try(&link_, packet, sizeof packet));
}

static void test_pulling(void **state)
{
    char packet[16];
    struct bj_fds fds;
    struct bj_error err = {0};

    (void)state;
    open_with(&pulling);
    assert_int_equal(bj_link_receive(&link_, packet, sizeof packet, &fds, &err), 0);
    bj_link_pause(&link_, true);
    say("one");
    turn();
    assert_int_equal(seen.readable, 0);
    bj_link_pause(&link_, false);
    turn();
    assert_true(seen.readable > 0);
    assert_int_equal(bj_link_receive(&link_, packet, sizeof packet, &fds, &err), 3);
    assert_memory_equal(packet, "one", 3);
    say("longer than the room that there is");
    assert_int_equal(bj_link_receive(&link_, packet, sizeof packet, &fds, &err), -BJ_E_PROTOCOL);
    close(other);
    other = -1;
    assert_int_equal(bj_link_receive(&link_, packet, sizeof packet, &fds, &err), -BJ_E_ENDED);
    assert_true(link_.fd >= 0); /* its user closes it */
}

/* One whose descriptors find no room comes without them, and nothing else is lost. */
static void test_no_descriptor_is_free(void **state)
{
    struct bj_fds fds = {.fd = {0}, .count = 1};
    struct rlimit limit, none;

    (void)state;
    open_with(&calls);
    assert_int_equal(bj_socket_send(other, "with", 4, &fds), 0);
    say("without");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turn();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(seen.packets, 2);
    assert_string_equal(seen.last, "without");
    assert_int_equal(seen.closed, 0);
}

#ifdef BJ_FAULTS
/* What cannot be kept is refused to the sender, and what waits before it is still sent. */
static void test_no_memory(void **state)
{
    int sent, taken = 0;

    (void)state;
    assert_true(bj_fault_prepare());
    open_with(&calls);
    link_.maximum = 1 << 20;
    sent = fill();
    link_.maximum *= 2;
    bj_fault_at(1, ENOMEM);
    assert_int_equal(send_number(sent), -BJ_E_NO_MEMORY);
    bj_fault_at(0, 0);
    for (; taken < sent; turn()) {
        while (next_number() >= 0)
            taken++;
    }
    assert_int_equal(next_number(), -1);
}
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_queue_is_bounded_and_in_order),
        TEST(test_descriptors_wait_with_their_packet),
        TEST(test_all_is_received_before_the_end),
        TEST(test_sending_to_nobody),
        TEST(test_closing_in_a_call),
        TEST(test_trying),
        TEST(test_pulling),
        TEST(test_no_descriptor_is_free),
#ifdef BJ_FAULTS
        TEST(test_no_memory),
#endif
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
