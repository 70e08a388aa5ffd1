/*
 * Fuzzes the messages between the service's processes: each body is read in every way. Beside
 * memory errors it looks for broken promises: a refusal without a message, and a body that reads
 * but is not the same once written again (an entry, which may be made shorter: once read and
 * written, twice).
 *
 * The seeds in corpus/message were written by bj_message_begin() and the bj_…_put().
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/keeper.h"

static const char *strings[BJ_ENTRY_STRINGS];

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static bool accepted(int result, const struct bj_error *err)
{
    if (result == 0)
        return true;
    expect(result < 0 && err->code == -result && err->message[0] != '\0');
    return false;
}

static void expect_same(const struct bj_message *message, struct bj_buf *again)
{
    expect(!again->failed && again->length == message->head.length);
    expect(again->length == 0 || memcmp(again->data, message->body, again->length) == 0);
    bj_buf_release(again);
}

#define FUZZ(name, type, get, put)                                                                 \
    static void fuzz_##name(const struct bj_message *message)                                      \
    {                                                                                              \
        struct bj_error err = {0};                                                                 \
        struct bj_buf again;                                                                       \
        type value;                                                                                \
                                                                                                   \
        if (!accepted(get, &err))                                                                  \
            return;                                                                                \
        bj_buf_init(&again, BJ_MESSAGE_MAX);                                                       \
        put(&again, &value);                                                                       \
        expect_same(message, &again);                                                              \
    }
FUZZ(outcome, struct bj_outcome_note, bj_outcome_note_get(message, &value, &err),
     bj_outcome_note_put)
FUZZ(question, struct bj_audit_question, bj_audit_question_get(message, &value, &err),
     bj_audit_question_put)
FUZZ(read, struct bj_read, bj_read_get(message, &value, &err), bj_read_put)
FUZZ(sandbox, struct bj_sandbox_state,
     bj_sandbox_state_get(message, strings, BJ_ENTRY_STRINGS, &value, &err), bj_sandbox_state_put)
FUZZ(usage, struct bj_usage_answer, bj_usage_answer_get(message, &value, &err), bj_usage_answer_put)

static void put_read_answer(struct bj_buf *out, const struct bj_read_answer *answer)
{
    struct bj_unpack rest = answer->rest;

    bj_read_answer_put(out, answer);
    for (uint32_t i = 0; i < answer->chunks; i++) {
        size_t length;
        uint32_t stream = bj_unpack_u32(&rest);
        const void *bytes = bj_unpack_bytes(&rest, &length);

        bj_pack_u32(out, stream);
        bj_pack_bytes(out, bytes, length);
    }
    expect(bj_unpack_end(&rest));
}
FUZZ(read_answer, struct bj_read_answer, bj_read_answer_get(message, &value, &err), put_read_answer)
FUZZ(process, struct bj_process_state, bj_process_state_get(message, &value, &err),
     bj_process_state_put)

static void fuzz_error(const struct bj_message *message)
{
    struct bj_error err = {0}, error;

    if (accepted(bj_message_get_error(message, &error, &err), &err))
        expect(strlen(error.message) < sizeof error.message && error.code > 0);
}

/* Reads the entry and writes it again. */
static bool again(const struct bj_message *message, struct bj_buf *out)
{
    struct bj_verdict verdict;
    struct bj_entry entry = {.verdict = &verdict};
    struct bj_error err = {0};
    bool read;

    bj_verdict_init(&verdict);
    bj_buf_init(out, BJ_MESSAGE_MAX);
    read = accepted(bj_entry_get(message, strings, BJ_ENTRY_STRINGS, &entry, &err), &err);
    if (read) {
        bj_message_begin(out, BJ_MESSAGE_ENTRY, message->head.id);
        bj_entry_put(out, &entry);
        expect(bj_message_end(out));
    }
    bj_verdict_release(&verdict);
    return read;
}

static void fuzz_entry(const struct bj_message *message)
{
    struct bj_message shorter;
    struct bj_buf first, second;

    if (!again(message, &first))
        return;
    expect(bj_message_get(first.data, first.length, &shorter, NULL) == 0);
    expect(again(&shorter, &second));
    expect(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    bj_buf_release(&first);
    bj_buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *packet = bj_alloc(size > 0 ? size : 1); /* of exactly its size */
    struct bj_error err = {0};
    struct bj_message message;

    expect(packet != NULL);
    if (size > 0)
        memcpy(packet, data, size);
    if (accepted(bj_message_get(packet, size, &message, &err), &err)) {
        expect(bj_message_name(message.head.type)[0] != '\0');
        fuzz_entry(&message);
        fuzz_outcome(&message);
        fuzz_question(&message);
        fuzz_read(&message);
        fuzz_read_answer(&message);
        fuzz_sandbox(&message);
        fuzz_process(&message);
        fuzz_usage(&message);
        fuzz_error(&message);
    }
    bj_free(packet);
    return 0;
}
