/*
 * What the tests of the front's client of audit process and keeper share: the client, what it calls
 * back, and both peers, which the test plays.
 */
#ifndef BJ_TESTS_CLIENT_PEERS_H
#define BJ_TESTS_CLIENT_PEERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "keeper/client.h"

#define CALLS_MAX 4096

static uv_loop_t loop;
static struct bj_keeper_client *client;
static int64_t keepers;           /* how many there have been */
static int keeper_end, audit_end; /* the peers' ends, played here; -1 = none */

/* What was called back. */
static struct {
    int sandboxes, processes, ready, lost;
    char label[64];
} seen;
struct answered {
    int times, result, code;
    int64_t number;
    size_t fds;
};
static struct answered answers[CALLS_MAX];

static void on_sandbox(void *context, const struct bj_sandbox_state *state)
{
    assert_ptr_equal(context, &seen);
    seen.sandboxes++;
    snprintf(seen.label, sizeof seen.label, "%s", state->label);
}

static void on_process(void *context, const struct bj_process_state *state)
{
    assert_ptr_equal(context, &seen);
    assert_string_equal(state->sandbox, "abc");
    seen.processes++;
}

static void on_ready(void *context)
{
    (void)context;
    seen.ready++;
}

static void on_lost(void *context)
{
    (void)context;
    seen.lost++;
}

static const struct bj_keeper_watcher watcher = {on_sandbox, on_process, on_ready, on_lost};

static void on_answer(void *context, const struct bj_keeper_answer *answer)
{
    struct answered *slot = context;

    assert_true((answer->result < 0) == (answer->error != NULL));
    slot->times++;
    slot->result = answer->result;
    slot->code = answer->error != NULL ? answer->error->code : 0;
    slot->number = answer->number;
    slot->fds = answer->fds->count;
}

/* ---- playing the peers ---- */

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void new_keeper(void)
{
    int ends[2];

    bj_fd_close(&keeper_end);
    assert_int_equal(bj_socket_pair(ends), 0);
    keeper_end = ends[1];
    assert_int_equal(bj_keeper_client_set_keeper(client, ends[0], ++keepers, NULL), 0);
}

static void new_audit(int64_t number)
{
    int ends[2];

    assert_int_equal(bj_socket_pair(ends), 0);
    bj_fd_close(&audit_end);
    audit_end = ends[1];
    assert_int_equal(bj_keeper_client_set_audit(client, ends[0], number, NULL), 0);
}

/* The next message at a peer; false when there is none. */
static bool next_message(int fd, struct bj_message *ret, struct bj_fds *fds)
{
    static char buffer[BJ_MESSAGE_MAX];
    struct bj_fds ignored;
    ssize_t length =
        bj_socket_receive(fd, buffer, sizeof buffer, fds != NULL ? fds : &ignored, MSG_DONTWAIT);

    if (length <= 0)
        return false;
    assert_int_equal(bj_message_get(buffer, (size_t)length, ret, NULL), 0);
    return true;
}

static void expect(int fd, enum bj_message_type type, struct bj_message *ret)
{
    assert_true(next_message(fd, ret, NULL));
    assert_int_equal(ret->head.type, type);
}

static void expect_nothing(int fd)
{
    struct bj_message message;

    assert_false(next_message(fd, &message, NULL));
}

static void send_message(struct bj_buf *buf, const struct bj_fds *fds)
{
    assert_true(bj_message_end(buf));
    assert_int_equal(bj_socket_send(keeper_end, buf->data, buf->length, fds), 0);
    bj_buf_release(buf);
}

static void say(enum bj_message_type type, uint64_t id, int64_t number)
{
    struct bj_buf buf;

    bj_buf_init(&buf, BJ_MESSAGE_MAX);
    bj_message_begin(&buf, type, id);
    bj_message_head(&buf)->number = number;
    send_message(&buf, NULL);
}

static void say_error(uint64_t id, enum bj_code code)
{
    struct bj_error error = {0};
    struct bj_buf buf;

    bj_fail(&error, code, "test", "because");
    bj_buf_init(&buf, BJ_MESSAGE_MAX);
    bj_message_begin(&buf, BJ_MESSAGE_ANSWER, id);
    bj_message_head(&buf)->result = -(int)code;
    bj_message_put_error(&buf, &error);
    send_message(&buf, NULL);
}

/* ---- asking ---- */

static int act(struct answered *slot, size_t size, uint64_t *ret_id)
{
    static char text[BJ_INPUT_MAX];
    struct bj_act what = {.kind = BJ_ACT_INPUT,
                          .sandbox = "abc",
                          .owner = "me",
                          .process = 1,
                          .data = text,
                          .length = size};
    struct bj_entry entry = {.request = {.tool = "Bash"}, .uid = -1, .owner = "me"};
    struct bj_error err = {0};
    int result;

    entry.verdict = test_malloc(sizeof *entry.verdict);
    bj_verdict_init(entry.verdict);
    result = bj_keeper_act(client, &entry, &what, on_answer, slot, ret_id, &err);
    assert_int_equal(result, -err.code);
    bj_verdict_release(entry.verdict);
    test_free(entry.verdict);
    return result;
}

static uint64_t acted(struct answered *slot)
{
    uint64_t id;

    assert_int_equal(act(slot, 10, &id), 0);
    return id;
}

static uint64_t reading(struct answered *slot)
{
    struct bj_read read = {.sandbox = "abc", .process = 1, .maximum = 100};
    uint64_t id;

    assert_int_equal(bj_keeper_read(client, &read, on_answer, slot, &id, NULL), 0);
    return id;
}

/* Connected to both, everything said. */
static int set_up(void **state)
{
    struct bj_message message;

    (void)state;
    memset(&seen, 0, sizeof seen);
    memset(answers, 0, sizeof answers);
    keeper_end = audit_end = -1;
    uv_loop_init(&loop);
    assert_int_equal(bj_keeper_client_new(&loop, &watcher, &seen, &client, NULL), 0);
    assert_int_equal(act(&answers[0], 1, NULL), -BJ_E_BUSY);
    new_keeper();
    new_audit(1);
    expect(keeper_end, BJ_MESSAGE_HELLO, &message);
    say(BJ_MESSAGE_GAP, 0, 1);
    say(BJ_MESSAGE_READY, 0, 0);
    turn();
    assert_int_equal(seen.ready, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bj_keeper_client_free(client);
    turn();
    assert_int_equal(uv_loop_close(&loop), 0);
    bj_fd_close(&keeper_end);
    bj_fd_close(&audit_end);
    return 0;
}

#endif
