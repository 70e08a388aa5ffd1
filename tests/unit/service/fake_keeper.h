/*
 * A keeper and an audit process for tests of src/service: they play both peers of the front over
 * real sockets, keep what they are told to make, and remember what was recorded. No sandbox is
 * made: a process ends at once, with an output that the test chose.
 */
#ifndef BJ_TESTS_FAKE_KEEPER_H
#define BJ_TESTS_FAKE_KEEPER_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "linux/socket.h"
#include "service/service.h"

#define FAKE_MAX 64

struct fake_sandbox {
    char id[BJ_SANDBOX_ID_MAX], owner[BJ_OWNER_MAX], preset[64], label[BJ_LABEL_MAX];
    int64_t memory_bytes;
};
struct fake_process {
    char sandbox[BJ_SANDBOX_ID_MAX], label[BJ_LABEL_MAX], output[1024], report[4096];
    size_t output_length, report_length;
    uint32_t id, flags;
    bool ended;
    int exit_code;
};

static struct fake {
    uv_loop_t loop;
    int keeper, audit; /* ends of the front that is there */
    int64_t fronts, records;
    struct fake_sandbox sandboxes[FAKE_MAX];
    size_t sandbox_count;
    struct fake_process processes[FAKE_MAX];
    size_t process_count;

    /* What the test chooses. */
    bool holds;         /* answers nothing until it is let go */
    enum bj_code fails; /* every act, from now on; 0 = none */
    bool runs_on;       /* processes do not end */
    char output[1024], report[4096];
    size_t output_length, report_length;
    int exit_code;
    uint32_t last_process; /* that any sandbox had */
    int open_fd;           /* what OPEN gives a copy of; -1 */

    /* What was recorded. */
    int entries, acts, refused;
    char last_tool[64], last_command[512], last_path[512], last_argv0[64];
    enum bj_act_kind last_act;
    uint32_t last_flags;
    char queue[FAKE_MAX][BJ_MESSAGE_MAX / 4]; /* held entries */
    size_t queue_length[FAKE_MAX], queued;
} fake;

static void fake_send(struct bj_buf *buf, const struct bj_fds *fds)
{
    assert_true(bj_message_end(buf));
    assert_int_equal(bj_socket_send(fake.keeper, buf->data, buf->length, fds), 0);
    bj_buf_release(buf);
}

static void fake_begin(struct bj_buf *buf, enum bj_message_type type, uint64_t id)
{
    bj_buf_init(buf, BJ_MESSAGE_MAX);
    bj_message_begin(buf, type, id);
}

static void put_sandbox(struct bj_buf *buf, const struct fake_sandbox *sandbox)
{
    struct bj_sandbox_state state = {.id = sandbox->id,
                                     .preset = sandbox->preset,
                                     .owner = sandbox->owner,
                                     .label = sandbox->label,
                                     .phase = BJ_SANDBOX_RUNNING,
                                     .left_us = -1,
                                     .idle_left_us = -1,
                                     .memory_bytes = sandbox->memory_bytes,
                                     .workspace = "/workspace",
                                     .home = "/home/user",
                                     .last_process = fake.last_process,
                                     .user = "user"};

    bj_sandbox_state_put(buf, &state);
}

static void put_process(struct bj_buf *buf, const struct fake_process *process)
{
    struct bj_process_state state = {.sandbox = process->sandbox,
                                     .label = process->label,
                                     .process = process->id,
                                     .flags = process->flags,
                                     .pid = 2,
                                     .ended = process->ended,
                                     .ending = {.exit_code = process->exit_code}};

    bj_process_state_put(buf, &state);
}

static struct fake_sandbox *fake_sandbox(const char *id)
{
    for (size_t i = 0; i < fake.sandbox_count; i++) {
        if (bj_streq(fake.sandboxes[i].id, id))
            return &fake.sandboxes[i];
    }
    return NULL;
}

static void fake_error(uint64_t id, enum bj_code code)
{
    struct bj_error error = {0};
    struct bj_buf buf;

    bj_fail(&error, code, "fake", "as the test wants it");
    fake_begin(&buf, BJ_MESSAGE_ANSWER, id);
    bj_message_head(&buf)->result = -(int)code;
    bj_message_put_error(&buf, &error);
    fake_send(&buf, NULL);
}

static void fake_create(const struct bj_act *act, struct bj_buf *buf)
{
    struct fake_sandbox *sandbox = &fake.sandboxes[fake.sandbox_count++];

    assert_in_range(fake.sandbox_count, 1, FAKE_MAX);
    snprintf(sandbox->id, sizeof sandbox->id, "%s", act->sandbox);
    snprintf(sandbox->owner, sizeof sandbox->owner, "%s", act->owner);
    snprintf(sandbox->preset, sizeof sandbox->preset, "%s", act->preset);
    snprintf(sandbox->label, sizeof sandbox->label, "%s", act->label);
    sandbox->memory_bytes = 64 << 20;
    for (size_t i = 0; act->options != NULL && act->options[i] != NULL; i += 2) {
        if (bj_streq(act->options[i], "resource_limits.memory_mb"))
            sandbox->memory_bytes = strtoll(act->options[i + 1], NULL, 10) << 20;
    }
    put_sandbox(buf, sandbox);
}

static void fake_start(const struct bj_act *act, struct bj_buf *buf)
{
    struct fake_process *process = &fake.processes[fake.process_count++];

    assert_in_range(fake.process_count, 1, FAKE_MAX);
    memset(process, 0, sizeof *process);
    snprintf(process->sandbox, sizeof process->sandbox, "%s", act->sandbox);
    snprintf(process->label, sizeof process->label, "%s", act->label != NULL ? act->label : "");
    memcpy(process->output, fake.output, fake.output_length);
    process->output_length = fake.output_length;
    if (act->flags & BJ_START_REPORT) {
        memcpy(process->report, fake.report, fake.report_length);
        process->report_length = fake.report_length;
    }
    process->id = act->process;
    process->flags = act->flags;
    put_process(buf, process);
    process->ended = !fake.runs_on;
    process->exit_code = fake.exit_code;
}

static void fake_destroy(struct fake_sandbox *sandbox)
{
    fake.sandbox_count--;
    *sandbox = fake.sandboxes[fake.sandbox_count];
}

static void fake_act(const struct bj_act *act, uint64_t id)
{
    struct bj_fds fds = {.count = 0};
    struct bj_buf buf;

    fake.acts++;
    fake.last_act = act->kind;
    fake.last_flags = act->flags;
    snprintf(fake.last_argv0, sizeof fake.last_argv0, "%s",
             act->argv != NULL && act->argv[0] != NULL ? act->argv[0] : "");
    if (fake.fails != BJ_E_OK) {
        fake_error(id, fake.fails);
        return;
    }
    if (act->kind != BJ_ACT_CREATE && fake_sandbox(act->sandbox) == NULL) {
        fake_error(id, BJ_E_NOT_FOUND);
        return;
    }
    if (act->kind != BJ_ACT_CREATE)
        assert_string_equal(act->owner, fake_sandbox(act->sandbox)->owner);
    fake_begin(&buf, BJ_MESSAGE_ANSWER, id);
    bj_message_head(&buf)->number = ++fake.records;
    if (act->kind == BJ_ACT_CREATE)
        fake_create(act, &buf);
    else if (act->kind == BJ_ACT_START)
        fake_start(act, &buf);
    else if (act->kind == BJ_ACT_UPDATE && act->label != NULL)
        snprintf(fake_sandbox(act->sandbox)->label, BJ_LABEL_MAX, "%s", act->label);
    else if (act->kind == BJ_ACT_DESTROY)
        fake_destroy(fake_sandbox(act->sandbox));
    else if (act->kind == BJ_ACT_OPEN || act->kind == BJ_ACT_CONNECT) {
        fds.fd[0] = fake.open_fd;
        fds.count = 1;
        bj_message_head(&buf)->fds = 1;
    }
    fake_send(&buf, fds.count > 0 ? &fds : NULL);
}

static void fake_entry(const struct bj_message *message)
{
    static const char *strings[BJ_ENTRY_STRINGS], *act_strings[BJ_ACT_STRINGS];
    struct bj_verdict *verdict = test_malloc(sizeof *verdict);
    struct bj_entry entry = {.verdict = verdict};
    struct bj_act act;
    struct bj_buf buf;

    bj_verdict_init(verdict);
    assert_int_equal(bj_entry_get(message, strings, BJ_ENTRY_STRINGS, &entry, NULL), 0);
    fake.entries++;
    snprintf(fake.last_tool, sizeof fake.last_tool, "%s", entry.request.tool);
    snprintf(fake.last_command, sizeof fake.last_command, "%s",
             entry.request.command != NULL ? entry.request.command : "");
    snprintf(fake.last_path, sizeof fake.last_path, "%s",
             entry.request.path != NULL ? entry.request.path : "");
    if (entry.act == NULL) {
        assert_int_equal(verdict->decision, BJ_DENY); /* what is permitted is done */
        fake.refused++;
        fake.last_act = BJ_ACT_NONE;
        fake_begin(&buf, BJ_MESSAGE_ANSWER, message->head.id);
        bj_message_head(&buf)->number = ++fake.records;
        fake_send(&buf, NULL);
    } else {
        assert_int_equal(verdict->decision, BJ_ALLOW); /* and nothing else */
        assert_int_equal(
            bj_act_get(entry.act, entry.act_length, act_strings, BJ_ACT_STRINGS, &act, NULL), 0);
        fake_act(&act, message->head.id);
    }
    bj_verdict_release(verdict);
    test_free(verdict);
}

/* All of it in one piece, with the end; of a process that runs on nothing yet. */
static void fake_read(const struct bj_message *message)
{
    struct bj_read_answer answer = {.all = true, .ended = true};
    struct fake_process *process = NULL;
    struct bj_buf chunks, buf;
    struct bj_read read;

    assert_int_equal(bj_read_get(message, &read, NULL), 0);
    for (size_t i = 0; i < fake.process_count; i++) {
        if (bj_streq(fake.processes[i].sandbox, read.sandbox) &&
            fake.processes[i].id == read.process)
            process = &fake.processes[i];
    }
    if (process == NULL) {
        fake_error(message->head.id, BJ_E_NOT_FOUND);
        return;
    }
    if (!process->ended)
        return;
    bj_buf_init(&chunks, BJ_MESSAGE_MAX);
    if (process->output_length > 0) {
        bj_pack_u32(&chunks, 1);
        bj_pack_bytes(&chunks, process->output, process->output_length);
        answer.chunks++;
    }
    if (process->report_length > 0) {
        bj_pack_u32(&chunks, 3);
        bj_pack_bytes(&chunks, process->report, process->report_length);
        answer.chunks++;
    }
    answer.offset = 0;
    answer.next = (int64_t)(process->output_length + process->report_length);
    answer.ending.exit_code = process->exit_code;
    fake_begin(&buf, BJ_MESSAGE_ANSWER, message->head.id);
    bj_read_answer_put(&buf, &answer);
    bj_buf_append(&buf, chunks.data, chunks.length);
    fake_send(&buf, NULL);
    bj_buf_release(&chunks);
}

static void fake_hello(void)
{
    struct bj_buf buf;

    fake_begin(&buf, BJ_MESSAGE_GAP, 0);
    bj_message_head(&buf)->number = 1;
    fake_send(&buf, NULL);
    for (size_t i = 0; i < fake.sandbox_count; i++) {
        fake_begin(&buf, BJ_MESSAGE_SANDBOX, 0);
        put_sandbox(&buf, &fake.sandboxes[i]);
        fake_send(&buf, NULL);
    }
    for (size_t i = 0; i < fake.process_count; i++) {
        fake_begin(&buf, BJ_MESSAGE_PROCESS, 0);
        put_process(&buf, &fake.processes[i]);
        fake_send(&buf, NULL);
    }
    fake_begin(&buf, BJ_MESSAGE_READY, 0);
    fake_send(&buf, NULL);
}

static bool fake_next(int fd, char *buffer, struct bj_message *ret, size_t *ret_length)
{
    struct bj_fds fds;
    ssize_t length = bj_socket_receive(fd, buffer, BJ_MESSAGE_MAX, &fds, MSG_DONTWAIT);

    if (length <= 0)
        return false;
    bj_fds_close(&fds);
    *ret_length = (size_t)length;
    assert_int_equal(bj_message_get(buffer, (size_t)length, ret, NULL), 0);
    return true;
}

static void fake_serve(void)
{
    static char buffer[BJ_MESSAGE_MAX];
    struct bj_message message;
    size_t length;

    while (fake_next(fake.audit, buffer, &message, &length)) {
        if (message.head.type != BJ_MESSAGE_ENTRY)
            continue;
        if (fake.holds) {
            assert_in_range(length, 1, sizeof fake.queue[0]);
            memcpy(fake.queue[fake.queued], buffer, length);
            fake.queue_length[fake.queued++] = length;
            continue;
        }
        fake_entry(&message);
    }
    while (fake_next(fake.keeper, buffer, &message, &length)) {
        if (message.head.type == BJ_MESSAGE_HELLO)
            fake_hello();
        else if (message.head.type == BJ_MESSAGE_READ)
            fake_read(&message);
    }
}

/* Lets everything happen that can. */
static void fake_turn(void)
{
    for (int i = 0; i < 20; i++) {
        uv_run(&fake.loop, UV_RUN_NOWAIT);
        fake_serve();
    }
}

__attribute__((unused)) static void fake_let_go(void)
{
    fake.holds = false;
    for (size_t i = 0; i < fake.queued; i++) {
        struct bj_message message;

        assert_int_equal(bj_message_get(fake.queue[i], fake.queue_length[i], &message, NULL), 0);
        fake_entry(&message);
    }
    fake.queued = 0;
    fake_turn();
}

/* A front, in the place of the one before. */
static struct bj_service *fake_front(const struct bj_service_options *options)
{
    struct bj_service *service = NULL;
    struct bj_error err = {0};
    int ends[2];

    if (bj_service_new(&fake.loop, options, &service, &err) < 0)
        fail_msg("%s", err.message);
    fake.fronts++;
    assert_int_equal(bj_socket_pair(ends), 0);
    bj_fd_close(&fake.keeper);
    fake.keeper = ends[1];
    assert_int_equal(bj_keeper_client_set_keeper(bj_service_keeper(service), ends[0], 1, NULL), 0);
    assert_int_equal(bj_socket_pair(ends), 0);
    bj_fd_close(&fake.audit);
    fake.audit = ends[1];
    assert_int_equal(bj_keeper_client_set_audit(bj_service_keeper(service), ends[0], 1, NULL), 0);
    fake_turn();
    assert_true(bj_service_ready(service));
    return service;
}

#endif
