/* Messages of the service: round trips, and every way in which one can be wrong. */
#include "wire/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define HEAD sizeof(struct bj_message_head)

static const char *strings[BJ_ENTRY_STRINGS];

/* ---- what is sent ---- */

static const char *const argv[] = {"ls", "-l", NULL};
static const char *const environment[] = {"PATH=/bin", "GITHUB_TOKEN=hush", NULL};
static const char *const degraded[] = {"network: no", "cgroup: none", NULL};

static void put_entry(struct bj_buf *out)
{
    const struct bj_act act = {.kind = BJ_ACT_PAUSE, .sandbox = "abc", .owner = "me"};
    const struct bj_violation violation = {.rule = "blacklist",
                                           .description = "no",
                                           .command = "rm",
                                           .advice = "",
                                           .risk = BJ_RISK_HIGH,
                                           .decision = BJ_ASK,
                                           .from = 3,
                                           .to = 5};
    struct bj_verdict verdict;
    struct bj_buf packed;

    bj_buf_init(&packed, BJ_ACT_MAX);
    bj_act_put(&packed, &act);
    bj_verdict_init(&verdict);
    bj_verdict_add(&verdict, &violation);
    bj_verdict_add(&verdict, &violation);
    verdict.retry_after_us = 17;
    bj_entry_put(out, &(struct bj_entry){.request = {.tool = "Bash",
                                                     .key = "k",
                                                     .sandbox = "abc",
                                                     .directory = "/w",
                                                     .home = "/home/w",
                                                     .environment = environment,
                                                     .argv = argv,
                                                     .path = "/p",
                                                     .pattern = "*",
                                                     .url = "http://x",
                                                     .arguments = "{\"a\":1}"},
                                         .uid = -1,
                                         .owner = "me",
                                         .sandbox_owner = "you",
                                         .verdict = &verdict,
                                         .act = packed.data,
                                         .act_length = packed.length});
    bj_buf_release(&packed);
    bj_verdict_release(&verdict);
}

static void put_outcome(struct bj_buf *out)
{
    bj_outcome_note_put(out, &(struct bj_outcome_note){.ran = true,
                                                       .oom_killed = true,
                                                       .exit_code = 255,
                                                       .signal = 9,
                                                       .duration_us = INT64_MAX,
                                                       .output_bytes = {1, 2},
                                                       .reason = "killed"});
}

static void put_question(struct bj_buf *out)
{
    bj_audit_question_put(
        out, &(struct bj_audit_question){
                 .key = "k", .decision = "deny", .after = 3, .limit = 10, .stats = true});
}

static void put_read(struct bj_buf *out)
{
    bj_read_put(out, &(struct bj_read){.sandbox = "abc",
                                       .process = 1,
                                       .offset = 1LL << 40,
                                       .maximum = BJ_READ_MAX,
                                       .hold = true});
}

#define ENDING                                                                                     \
    {                                                                                              \
        .timed_out = true, .exit_code = 137, .signal = 9, .duration_us = 5, .reason = "timeout"    \
    }

static void put_read_answer(struct bj_buf *out)
{
    bj_read_answer_put(out, &(struct bj_read_answer){.offset = 5,
                                                     .next = 9,
                                                     .dropped = 1,
                                                     .all = true,
                                                     .ended = true,
                                                     .ending = ENDING,
                                                     .chunks = 2});
    bj_pack_u32(out, 1);
    bj_pack_bytes(out, "ab", 2);
    bj_pack_u32(out, 3);
    bj_pack_bytes(out, "\0\n", 2);
}

static void put_sandbox(struct bj_buf *out)
{
    bj_sandbox_state_put(out, &(struct bj_sandbox_state){.id = "abc",
                                                         .owner = "me",
                                                         .preset = "strict",
                                                         .phase = BJ_SANDBOX_ENDED,
                                                         .left_us = -1,
                                                         .cpu_cores = 0.5,
                                                         .from_pool = true,
                                                         .reason = "idle",
                                                         .degraded = degraded,
                                                         .workspace = "/workspace"});
}

static void put_process(struct bj_buf *out)
{
    bj_process_state_put(out, &(struct bj_process_state){.sandbox = "abc",
                                                         .label = "l",
                                                         .process = 4,
                                                         .pid = 12,
                                                         .flags = BJ_START_TERMINAL,
                                                         .rows = 24,
                                                         .columns = 80,
                                                         .written = 100,
                                                         .ended = true,
                                                         .ending = ENDING});
}

static void put_usage(struct bj_buf *out)
{
    bj_usage_answer_put(out, &(struct bj_usage_answer){.cpu_us = 1, .processes = 3, .parked = 2});
}

/* ---- what is read, and packed again ---- */

static int again_entry(const struct bj_message *message, struct bj_buf *out, struct bj_error *err)
{
    struct bj_verdict verdict;
    struct bj_entry entry = {.verdict = &verdict};
    int result;

    bj_verdict_init(&verdict);
    result = bj_entry_get(message, strings, BJ_ENTRY_STRINGS, &entry, err);
    if (result == 0)
        bj_entry_put(out, &entry);
    bj_verdict_release(&verdict);
    return result;
}

#define AGAIN(name, type, get, put)                                                                \
    static int again_##name(const struct bj_message *message, struct bj_buf *out,                  \
                            struct bj_error *err)                                                  \
    {                                                                                              \
        type value;                                                                                \
        int result = get;                                                                          \
        if (result == 0)                                                                           \
            put(out, &value);                                                                      \
        return result;                                                                             \
    }
AGAIN(outcome, struct bj_outcome_note, bj_outcome_note_get(message, &value, err),
      bj_outcome_note_put)
AGAIN(question, struct bj_audit_question, bj_audit_question_get(message, &value, err),
      bj_audit_question_put)
AGAIN(read, struct bj_read, bj_read_get(message, &value, err), bj_read_put)
AGAIN(sandbox, struct bj_sandbox_state,
      bj_sandbox_state_get(message, strings, BJ_ENTRY_STRINGS, &value, err), bj_sandbox_state_put)
AGAIN(process, struct bj_process_state, bj_process_state_get(message, &value, err),
      bj_process_state_put)
AGAIN(usage, struct bj_usage_answer, bj_usage_answer_get(message, &value, err), bj_usage_answer_put)

static int again_read_answer(const struct bj_message *message, struct bj_buf *out,
                             struct bj_error *err)
{
    struct bj_read_answer answer;
    int result = bj_read_answer_get(message, &answer, err);

    if (result < 0)
        return result;
    bj_read_answer_put(out, &answer);
    for (uint32_t i = 0; i < answer.chunks; i++) {
        uint32_t stream = bj_unpack_u32(&answer.rest);
        size_t length;
        const void *bytes = bj_unpack_bytes(&answer.rest, &length);

        bj_pack_u32(out, stream);
        bj_pack_bytes(out, bytes, length);
    }
    return 0;
}

static int again_error(const struct bj_message *message, struct bj_buf *out, struct bj_error *err)
{
    struct bj_error error;
    int result = bj_message_get_error(message, &error, err);

    if (result == 0)
        bj_message_put_error(out, &error);
    return result;
}

static void put_error(struct bj_buf *out)
{
    struct bj_error error = {0};

    bj_fail(&error, BJ_E_FULL, "audit", "no room");
    bj_message_put_error(out, &error);
}

static const struct kind {
    enum bj_message_type type;
    void (*put)(struct bj_buf *out);
    int (*again)(const struct bj_message *message, struct bj_buf *out, struct bj_error *err);
} kinds[] = {
    {BJ_MESSAGE_ENTRY, put_entry, again_entry},
    {BJ_MESSAGE_OUTCOME, put_outcome, again_outcome},
    {BJ_MESSAGE_QUERY, put_question, again_question},
    {BJ_MESSAGE_READ, put_read, again_read},
    {BJ_MESSAGE_ANSWER, put_read_answer, again_read_answer},
    {BJ_MESSAGE_SANDBOX, put_sandbox, again_sandbox},
    {BJ_MESSAGE_PROCESS, put_process, again_process},
    {BJ_MESSAGE_ANSWER, put_usage, again_usage},
    {BJ_MESSAGE_REFUSED, put_error, again_error},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void pack(const struct kind *kind, struct bj_buf *out)
{
    bj_buf_init(out, BJ_MESSAGE_MAX);
    bj_message_begin(out, kind->type, 77);
    kind->put(out);
    assert_true(bj_message_end(out));
}

/* Reads a packet from memory of exactly its size. */
static int read_packet(const struct kind *kind, const void *data, size_t size, struct bj_buf *out)
{
    BJ_CLEANUP_FREE char *copy = bj_alloc(size > 0 ? size : 1);
    struct bj_error err = {0};
    struct bj_message message;
    int result;

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    bj_buf_init(out, BJ_MESSAGE_MAX);
    result = bj_message_get(copy, size, &message, &err);
    if (result == 0) {
        bj_message_begin(out, message.head.type, message.head.id);
        result = kind->again(&message, out, &err);
        if (result == 0)
            assert_true(bj_message_end(out));
    }
    assert_true(result == 0 || (result == -BJ_E_PROTOCOL && err.message[0] != '\0'));
    return result;
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct bj_buf first, second;

        pack(&kinds[i], &first);
        assert_int_equal(read_packet(&kinds[i], first.data, first.length, &second), 0);
        if (kinds[i].type != BJ_MESSAGE_ENTRY) {
            assert_int_equal(first.length, second.length);
            assert_memory_equal(first.data, second.data, first.length);
        }
        bj_buf_release(&first);
        bj_buf_release(&second);
    }
}

static void set_length(struct bj_buf *packet, size_t size)
{
    bj_message_head(packet)->length = (uint32_t)(size - HEAD);
}

static void cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct bj_buf first, second;

        pack(&kinds[i], &first);
        for (size_t size = 0; size < first.length; size++) {
            assert_int_equal(read_packet(&kinds[i], first.data, size, &second), -BJ_E_PROTOCOL);
            bj_buf_release(&second);
            if (size < HEAD)
                continue;
            set_length(&first, size);
            assert_int_equal(read_packet(&kinds[i], first.data, size, &second), -BJ_E_PROTOCOL);
            bj_buf_release(&second);
            set_length(&first, first.length);
        }
        bj_buf_append(&first, "", 1);
        assert_true(bj_message_end(&first));
        assert_int_equal(read_packet(&kinds[i], first.data, first.length, &second), -BJ_E_PROTOCOL);
        bj_buf_release(&second);
        bj_buf_release(&first);
    }
}

static void changed(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 20000; round++) {
        const struct kind *kind = &kinds[(size_t)rand() % KINDS];
        struct bj_buf first, second;

        pack(kind, &first);
        for (int i = rand() % 4; i >= 0; i--)
            first.data[(size_t)rand() % first.length] =
                (char)(rand() % 3 > 0 ? rand() % 4 : rand());
        read_packet(kind, first.data, first.length, &second);
        bj_buf_release(&first);
        bj_buf_release(&second);
    }
}

static void heads(void **state)
{
    struct bj_message_head *head;
    struct bj_message message;
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_HELLO, 5);
    assert_true(bj_message_end(&out));
    assert_int_equal(bj_message_get(out.data, out.length, &message, NULL), 0);
    assert_int_equal(message.head.type, BJ_MESSAGE_HELLO);
    assert_int_equal(message.head.id, 5);
    assert_int_equal(message.head.length, 0);
    head = bj_message_head(&out);
    head->fds = BJ_FRAME_FDS_MAX + 1;
    assert_int_equal(bj_message_get(out.data, out.length, &message, NULL), -BJ_E_PROTOCOL);
    head->fds = 0;
    head->type = BJ_MESSAGE_COUNT;
    assert_int_equal(bj_message_get(out.data, out.length, &message, NULL), -BJ_E_PROTOCOL);
    head->type = BJ_MESSAGE_NONE;
    assert_int_equal(bj_message_get(out.data, out.length, &message, NULL), -BJ_E_PROTOCOL);
    head->type = BJ_MESSAGE_STOP;
    head->magic++;
    assert_int_equal(bj_message_get(out.data, out.length, &message, NULL), -BJ_E_PROTOCOL);
    bj_buf_release(&out);

    bj_buf_init(&out, 10);
    bj_message_begin(&out, BJ_MESSAGE_STOP, 0);
    assert_null(bj_message_head(&out));
    assert_false(bj_message_end(&out));
    bj_buf_release(&out);
}

static void entry_members(void **state)
{
    struct bj_verdict verdict;
    struct bj_entry entry = {.verdict = &verdict};
    struct bj_error err = {0};
    struct bj_message message;
    struct bj_act act;
    struct bj_buf out;

    (void)state;
    pack(&kinds[0], &out);
    bj_verdict_init(&verdict);
    assert_int_equal(bj_message_get(out.data, out.length, &message, &err), 0);
    assert_int_equal(bj_entry_get(&message, strings, BJ_ENTRY_STRINGS, &entry, &err), 0);
    assert_string_equal(entry.request.tool, "Bash");
    assert_string_equal(entry.request.argv[1], "-l");
    assert_null(entry.request.command);
    assert_string_equal(entry.request.environment[0], "GITHUB_TOKEN=hush");
    assert_null(entry.request.environment[1]);
    assert_string_equal(entry.request.arguments, "{\"a\":1}");
    assert_int_equal(entry.request.arguments_cut, 0);
    assert_int_equal(entry.uid, -1);
    assert_int_equal(verdict.decision, BJ_ASK);
    assert_int_equal(verdict.risk, BJ_RISK_HIGH);
    assert_int_equal(verdict.count, 2);
    assert_string_equal(verdict.violations[1].command, "rm");
    assert_int_equal(verdict.violations[1].to, 5);
    assert_int_equal(verdict.retry_after_us, 17);
    assert_int_equal(bj_act_get(entry.act, entry.act_length, strings, BJ_ENTRY_STRINGS, &act, &err),
                     0);
    assert_int_equal(act.kind, BJ_ACT_PAUSE);
    bj_verdict_release(&verdict);
    bj_buf_release(&out);
}

/* The longest of everything together still fits: what is cut says how long it was. */
static void largest_entry(void **state)
{
    enum { CONTENT = 4 << 20 };
    char *command = bj_alloc(BJ_COMMAND_MAX), *content = bj_alloc(CONTENT + 1);
    char *text = bj_alloc(BJ_VERDICT_TEXT_MAX);
    struct bj_verdict verdict, got;
    struct bj_entry entry = {.verdict = &verdict}, back = {.verdict = &got};
    struct bj_error err = {0};
    struct bj_message message;
    struct bj_buf out;

    (void)state;
    memset(command, 'c', BJ_COMMAND_MAX - 1);
    memset(content, '"', CONTENT);
    memset(text, 't', BJ_VERDICT_TEXT_MAX - 1);
    bj_verdict_init(&verdict);
    bj_verdict_init(&got);
    for (int i = 0; i < BJ_VIOLATIONS_MAX; i++)
        bj_verdict_add(&verdict,
                       &(struct bj_violation){
                           .rule = "r", .description = text, .command = text, .decision = BJ_DENY});
    entry.request = (struct bj_request){.tool = "Write", .command = command, .arguments = content};
    entry.act = content;
    entry.act_length = BJ_ACT_MAX;
    entry.owner = "me";
    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_ENTRY, 1);
    bj_entry_put(&out, &entry);
    assert_true(bj_message_end(&out));
    assert_int_equal(bj_message_get(out.data, out.length, &message, &err), 0);
    assert_int_equal(bj_entry_get(&message, strings, BJ_ENTRY_STRINGS, &back, &err), 0);
    assert_int_equal(back.request.arguments_cut, CONTENT);
    assert_true(strlen(back.request.arguments) > 1000);
    assert_string_equal(back.request.command, command);
    assert_int_equal(got.decision, BJ_DENY);
    assert_true(got.count >= 4);
    assert_int_equal(got.count + got.dropped, BJ_VIOLATIONS_MAX);
    bj_verdict_release(&verdict);
    bj_verdict_release(&got);
    bj_buf_release(&out);
    bj_free(command);
    bj_free(content);
    bj_free(text);
}

/* A verdict without an act. */
static void nothing_done(void **state)
{
    struct bj_verdict verdict, got;
    struct bj_entry back = {.verdict = &got};
    struct bj_message message;
    struct bj_buf out;

    (void)state;
    bj_verdict_init(&verdict);
    bj_verdict_init(&got);
    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, BJ_MESSAGE_ENTRY, 1);
    bj_entry_put(
        &out, &(struct bj_entry){.request = {.tool = "Bash"}, .owner = "me", .verdict = &verdict});
    assert_true(bj_message_end(&out));
    assert_int_equal(bj_message_get(out.data, out.length, &message, NULL), 0);
    assert_int_equal(bj_entry_get(&message, strings, BJ_ENTRY_STRINGS, &back, NULL), 0);
    assert_null(back.act);
    assert_null(back.request.argv);
    assert_null(back.request.arguments);
    bj_verdict_release(&verdict);
    bj_verdict_release(&got);
    bj_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),    cmocka_unit_test(cut_short),
        cmocka_unit_test(changed),       cmocka_unit_test(heads),
        cmocka_unit_test(entry_members), cmocka_unit_test(largest_entry),
        cmocka_unit_test(nothing_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
