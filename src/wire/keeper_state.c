/* What the keeper tells the front: output, sandboxes, processes, use. */
#include "wire/fields.h"
#include "wire/keeper.h"

/* The members of a struct bj_ending that is a member itself. */
#define ENDING(type)                                                                               \
    BJ_FIELD(type, BOOL, ending.timed_out), BJ_FIELD(type, BOOL, ending.oom_killed),               \
        BJ_FIELD(type, I32, ending.exit_code), BJ_FIELD(type, I32, ending.signal),                 \
        BJ_FIELD(type, I64, ending.duration_us), BJ_FIELD(type, I64, ending.cpu_us),               \
        BJ_FIELD(type, I64, ending.peak_memory), BJ_FIELD_ARRAY(type, ending.reason)

/* ---- READ and its answer ---- */

static const struct bj_wire_field read_fields[] = {
    BJ_FIELD(struct bj_read, STRING, sandbox), BJ_FIELD(struct bj_read, U32, process),
    BJ_FIELD(struct bj_read, I64, offset),     BJ_FIELD(struct bj_read, U32, maximum),
    BJ_FIELD(struct bj_read, BOOL, now),       BJ_FIELD(struct bj_read, BOOL, hold),
};

void bj_read_put(struct bj_buf *out, const struct bj_read *read)
{
    bj_wire_fields_put(out, BJ_FIELDS(read_fields), read);
}

int bj_read_get(const struct bj_message *message, struct bj_read *ret, struct bj_error *err)
{
    struct bj_unpack in = bj_message_body(message);
    struct bj_read read = {0};

    bj_wire_fields_get(&in, BJ_FIELDS(read_fields), NULL, &read);
    if (!bj_unpack_end(&in) || !bj_sandbox_id_valid(read.sandbox) || read.process == 0 ||
        read.offset < 0 || read.maximum == 0 || read.maximum > BJ_READ_MAX)
        return bj_message_fail(message, err);
    *ret = read;
    return 0;
}

static const struct bj_wire_field answer_fields[] = {
    BJ_FIELD(struct bj_read_answer, I64, offset),  BJ_FIELD(struct bj_read_answer, I64, next),
    BJ_FIELD(struct bj_read_answer, I64, dropped), BJ_FIELD(struct bj_read_answer, BOOL, all),
    BJ_FIELD(struct bj_read_answer, BOOL, ended),  ENDING(struct bj_read_answer),
    BJ_FIELD(struct bj_read_answer, U32, chunks),
};

void bj_read_answer_put(struct bj_buf *out, const struct bj_read_answer *answer)
{
    bj_wire_fields_put(out, BJ_FIELDS(answer_fields), answer);
}

/* Are there so many chunks, and nothing else? */
static bool are_chunks(struct bj_unpack in, uint32_t count)
{
    for (uint32_t i = 0; i < count && !in.failed; i++) {
        uint32_t stream = bj_unpack_u32(&in);
        size_t length;

        bj_unpack_bytes(&in, &length);
        if (stream < 1 || stream > 3)
            return false;
    }
    return bj_unpack_end(&in);
}

int bj_read_answer_get(const struct bj_message *message, struct bj_read_answer *ret,
                       struct bj_error *err)
{
    struct bj_read_answer answer = {0};

    answer.rest = bj_message_body(message);
    bj_wire_fields_get(&answer.rest, BJ_FIELDS(answer_fields), NULL, &answer);
    if (!are_chunks(answer.rest, answer.chunks) || answer.offset < 0 ||
        answer.next < answer.offset || answer.dropped < 0)
        return bj_message_fail(message, err);
    *ret = answer;
    return 0;
}

/* ---- SANDBOX ---- */

#define SANDBOX(type, member) BJ_FIELD(struct bj_sandbox_state, type, member)
static const struct bj_wire_field sandbox_fields[] = {
    SANDBOX(STRING, id),
    SANDBOX(STRING, preset),
    SANDBOX(STRING, owner),
    SANDBOX(TEXT, label),
    BJ_FIELD_CHOICE(struct bj_sandbox_state, phase, BJ_SANDBOX_ENDED + 1),
    SANDBOX(I64, age_us),
    SANDBOX(I64, left_us),
    SANDBOX(I64, idle_left_us),
    SANDBOX(I64, memory_bytes),
    SANDBOX(I64, disk_bytes),
    SANDBOX(I64, max_processes),
    SANDBOX(U32, last_process),
    SANDBOX(REAL, cpu_cores),
    SANDBOX(BOOL, from_pool),
    SANDBOX(BOOL, degraded_pause),
    SANDBOX(TEXT, reason),
    SANDBOX(LIST, degraded),
    SANDBOX(TEXT, workspace),
    SANDBOX(TEXT, home),
    SANDBOX(TEXT, user),
};

void bj_sandbox_state_put(struct bj_buf *out, const struct bj_sandbox_state *state)
{
    bj_wire_fields_put(out, BJ_FIELDS(sandbox_fields), state);
}

int bj_sandbox_state_get(const struct bj_message *message, const char **strings, size_t capacity,
                         struct bj_sandbox_state *ret, struct bj_error *err)
{
    struct bj_wire_field_lists lists = {.strings = strings, .capacity = capacity};
    struct bj_unpack in = bj_message_body(message);
    struct bj_sandbox_state state = {0};

    bj_wire_fields_get(&in, BJ_FIELDS(sandbox_fields), &lists, &state);
    if (!bj_unpack_end(&in) || !bj_sandbox_id_valid(state.id) || !bj_owner_valid(state.owner))
        return bj_message_fail(message, err);
    *ret = state;
    return 0;
}

/* ---- PROCESS ---- */

#define PROCESS(type, member) BJ_FIELD(struct bj_process_state, type, member)
static const struct bj_wire_field process_fields[] = {
    PROCESS(STRING, sandbox), PROCESS(TEXT, label), PROCESS(U32, process),
    PROCESS(I32, pid),        PROCESS(U32, flags),  PROCESS(U16, rows),
    PROCESS(U16, columns),    PROCESS(I64, age_us), PROCESS(I64, written),
    PROCESS(I64, dropped),    PROCESS(BOOL, ended), ENDING(struct bj_process_state),
};

void bj_process_state_put(struct bj_buf *out, const struct bj_process_state *state)
{
    bj_wire_fields_put(out, BJ_FIELDS(process_fields), state);
}

int bj_process_state_get(const struct bj_message *message, struct bj_process_state *ret,
                         struct bj_error *err)
{
    struct bj_unpack in = bj_message_body(message);
    struct bj_process_state state = {0};

    bj_wire_fields_get(&in, BJ_FIELDS(process_fields), NULL, &state);
    if (!bj_unpack_end(&in) || !bj_sandbox_id_valid(state.sandbox) || state.process == 0)
        return bj_message_fail(message, err);
    *ret = state;
    return 0;
}

/* ---- USAGE ---- */

#define USAGE(member) BJ_FIELD(struct bj_usage_answer, I64, member)
static const struct bj_wire_field usage_fields[] = {
    USAGE(cpu_us),      USAGE(memory_bytes), USAGE(memory_peak), USAGE(disk_bytes),
    USAGE(disk_inodes), USAGE(processes),    USAGE(sandboxes),   USAGE(parked),
};

void bj_usage_answer_put(struct bj_buf *out, const struct bj_usage_answer *usage)
{
    bj_wire_fields_put(out, BJ_FIELDS(usage_fields), usage);
}

int bj_usage_answer_get(const struct bj_message *message, struct bj_usage_answer *ret,
                        struct bj_error *err)
{
    struct bj_unpack in = bj_message_body(message);
    struct bj_usage_answer usage = {0};

    bj_wire_fields_get(&in, BJ_FIELDS(usage_fields), NULL, &usage);
    if (!bj_unpack_end(&in))
        return bj_message_fail(message, err);
    *ret = usage;
    return 0;
}
