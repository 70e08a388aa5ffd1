/*
 * Fuzzes what crosses a socket: init's messages, plans for the launcher, and JSON text outwards,
 * all with the same bytes. Beside memory errors it looks for broken promises: a refusal without a
 * message, strings that lead out of the packet, a message that reads but is not the same once
 * written again, a plan that passes its check but cannot be printed, JSON that is none.
 *
 * The seeds in corpus/frame were written by the bj_frame_put_*() functions; plan-* is a plan in the
 * form that unpack_plan() reads.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "plan/plan.h"
#include "wire/frame.h"
#include "wire/json.h"

#define STRINGS_MAX 64

static void expect(bool holds)
{
    if (!holds)
        abort();
}

/* Both said the same: success, or a refusal that says why. */
static bool accepted(int result, const struct bj_error *err)
{
    if (result == 0)
        return true;
    expect(result < 0 && err->code == -result && err->message[0] != '\0');
    return false;
}

static void expect_inside(const struct bj_frame *frame, const char *text)
{
    const char *end = frame->body + frame->head.length;

    expect(text >= frame->body && text < end);
    expect(memchr(text, '\0', (size_t)(end - text)) != NULL);
}

/* Written again, all but the bytes that nobody reads is as it was. */
static void expect_same(const struct bj_frame *frame, struct bj_buf *again)
{
    struct bj_frame_head head;

    expect(!again->failed && again->length == sizeof head + frame->head.length);
    memcpy(&head, again->data, sizeof head);
    expect(head.magic == BJ_FRAME_MAGIC && head.length == frame->head.length);
    bj_buf_release(again);
}

static void fuzz_spawn(const struct bj_frame *frame)
{
    const char *strings[STRINGS_MAX];
    struct bj_error err = {0};
    struct bj_spawn spawn;
    struct bj_buf again;

    if (!accepted(bj_frame_get_spawn(frame, strings, STRINGS_MAX, &spawn, &err), &err))
        return;
    expect_inside(frame, spawn.directory);
    expect(spawn.argv[0] != NULL);
    for (size_t i = 0; spawn.argv[i] != NULL; i++)
        expect_inside(frame, spawn.argv[i]);
    for (size_t i = 0; spawn.env[i] != NULL; i++)
        expect_inside(frame, spawn.env[i]);
    bj_buf_init(&again, 1 << 20);
    bj_frame_put_spawn(&again, frame->head.id, &spawn, frame->head.fds);
    expect_same(frame, &again);
}

static void fuzz_requests(const struct bj_frame *frame)
{
    struct bj_endpoint endpoint;
    struct bj_error err = {0};
    struct bj_open request;
    struct bj_buf again;

    if (accepted(bj_frame_get_open(frame, &request, &err), &err)) {
        expect_inside(frame, request.path);
        bj_buf_init(&again, 1 << 20);
        bj_frame_put_open(&again, frame->head.id, &request);
        expect_same(frame, &again);
    }
    if (accepted(bj_frame_get_endpoint(frame, &endpoint, &err), &err)) {
        expect_inside(frame, endpoint.address);
        bj_buf_init(&again, 1 << 20);
        bj_frame_put_endpoint(&again, BJ_FRAME_CONNECT, frame->head.id, &endpoint);
        expect_same(frame, &again);
    }
}

static void fuzz_structs(const struct bj_frame *frame)
{
    struct bj_error err = {0}, remote;
    struct bj_process_entry entry;
    struct bj_exited exited;
    struct bj_signal request;

    accepted(bj_frame_get_struct(frame, &request, sizeof request, &err), &err);
    accepted(bj_frame_get_struct(frame, &exited, sizeof exited, &err), &err);
    accepted(bj_frame_get_struct(frame, &entry, sizeof entry, &err), &err);
    accepted(bj_frame_get_struct(frame, &remote, sizeof remote, &err), &err);
}

/* In memory of exactly its size, so that reading beyond it is seen. */
static void fuzz_frame(const uint8_t *data, size_t size)
{
    char *packet = bj_alloc(size > 0 ? size : 1);
    struct bj_error err = {0};
    struct bj_frame frame;

    expect(packet != NULL);
    if (size > 0)
        memcpy(packet, data, size);
    if (accepted(bj_frame_get(packet, size, &frame, &err), &err)) {
        expect(frame.body == packet + sizeof frame.head);
        fuzz_spawn(&frame);
        fuzz_requests(&frame);
        fuzz_structs(&frame);
    }
    bj_free(packet);
}

/* What executing a plan that passed relies on: slots, divisors and numbers of rows are in range. */
static void expect_executable(const struct bj_plan *plan)
{
    uint32_t trees = 0;

    expect(*bj_plan_text(plan, 0) == '\0');
    for (uint32_t i = 0; i < plan->op_count; i++) {
        const struct bj_op *op = &plan->ops[i];
        enum bj_op_kind kind = (enum bj_op_kind)op->kind;

        if (kind == BJ_OP_CGROUP || kind == BJ_OP_HOST_TREE || kind == BJ_OP_JOIN_CGROUP ||
            kind == BJ_OP_OPEN_PATH || kind == BJ_OP_OVERLAY || kind == BJ_OP_BIND)
            expect(op->slot < BJ_TREES_MAX);
        if (kind == BJ_OP_ID_MAP)
            expect(plan->id_slots > 0);
        if (kind == BJ_OP_SECCOMP)
            expect(op->number < BJ_SECCOMP_PROFILE_COUNT);
        trees += kind == BJ_OP_HOST_TREE;
    }
    expect(trees <= BJ_VOLUMES_MAX + 1);
}

static void check_plan(const struct bj_plan *plan, size_t size)
{
    struct bj_error err = {0};
    struct bj_buf printed;

    if (!accepted(bj_plan_check(plan, size, &err), &err))
        return;
    expect(bj_plan_size(plan) == size);
    expect_executable(plan);
    bj_buf_init(&printed, 64 << 20);
    bj_plan_print(plan, &printed);
    expect(!printed.failed);
    bj_buf_release(&printed);
}

/*
 * The bytes as a plan without the operations that are not in use, which are most of its size: the
 * head, as many operations as it says and as there are bytes for, and the text.
 */
static size_t unpack_plan(struct bj_plan *plan, const uint8_t *data, size_t size)
{
    size_t head = offsetof(struct bj_plan, ops), ops, text;

    if (size < head)
        return 0;
    memcpy(plan, data, head);
    ops = (size - head) / sizeof plan->ops[0];
    if (ops > plan->op_count)
        ops = plan->op_count;
    if (ops > BJ_PLAN_OPS_MAX)
        ops = BJ_PLAN_OPS_MAX;
    memcpy(plan->ops, data + head, ops * sizeof plan->ops[0]);
    text = size - head - ops * sizeof plan->ops[0];
    if (text > BJ_PLAN_TEXT_MAX)
        text = BJ_PLAN_TEXT_MAX;
    memcpy(plan->text, data + size - text, text);
    return offsetof(struct bj_plan, text) + text;
}

static void fuzz_plan(const uint8_t *data, size_t size)
{
    static struct bj_plan
        plan; /* cleared up to its text, which is read only as far as it was filled */
    size_t unpacked;

    if (size > 0 && size <= sizeof plan) {
        memset(&plan, 0, offsetof(struct bj_plan, text));
        memcpy(&plan, data, size);
        check_plan(&plan, size);
    }
    memset(&plan, 0, offsetof(struct bj_plan, text));
    unpacked = unpack_plan(&plan, data, size);
    if (unpacked > 0)
        check_plan(&plan, unpacked);
}

/* jansson judges: it wants UTF-8 and no raw control character, and finds where the string ends. */
static void fuzz_json(const uint8_t *data, size_t size)
{
    struct bj_buf out;
    const char *back;
    json_t *parsed;
    size_t length;

    bj_buf_init(&out, 64 << 20);
    bj_json_put_string(&out, (const char *)data, size);
    expect(!out.failed);
    parsed = json_loadb(out.data, out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    expect(json_is_string(parsed));
    back = json_string_value(parsed);
    length = json_string_length(parsed);
    /* Nothing is lost but what was not UTF-8. */
    expect((length == size && memcmp(back, data, size) == 0) ||
           memmem(back, length, "\xef\xbf\xbd", 3) != NULL);
    json_decref(parsed);
    bj_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_frame(data, size);
    fuzz_plan(data, size);
    fuzz_json(data, size);
    return 0;
}
