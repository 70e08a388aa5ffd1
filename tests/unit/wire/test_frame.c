/* The codec of init's messages: round trips, and every way in which a message can be wrong. */
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

#define HEAD       sizeof(struct bj_frame_head)
#define STRINGS    16          /* capacity for argv, env and their two ends */
#define SPAWN_BODY (HEAD + 16) /* where the strings of a SPAWN begin */

static const char *const words[] = {"sh", "-c", "echo \"$A\"", NULL};
static const char *const variables[] = {"A=b", "PATH=/usr/bin:/bin", "EMPTY=", NULL};
static const char *const nothing[] = {NULL};
static const struct bj_spawn spawn = {.flags = BJ_SPAWN_MAIN | BJ_SPAWN_REPLY,
                                      .rows = 24,
                                      .columns = 80,
                                      .directory = "/src",
                                      .argv = words,
                                      .env = variables};

/* Reads the body of a message of this type in the way that its receiver does. */
static int read_body(const struct bj_frame *frame, struct bj_error *err)
{
    const char *strings[STRINGS];
    struct bj_endpoint endpoint;
    struct bj_exited exited;
    struct bj_signal request;
    struct bj_spawn started;
    struct bj_open opened;

    switch ((enum bj_frame_type)frame->head.type) {
    case BJ_FRAME_SPAWN:
        return bj_frame_get_spawn(frame, strings, STRINGS, &started, err);
    case BJ_FRAME_OPEN:
        return bj_frame_get_open(frame, &opened, err);
    case BJ_FRAME_CONNECT:
    case BJ_FRAME_LISTEN:
        return bj_frame_get_endpoint(frame, &endpoint, err);
    case BJ_FRAME_SIGNAL:
    case BJ_FRAME_WAIT:
        return bj_frame_get_struct(frame, &request, sizeof request, err);
    default:
        return bj_frame_get_struct(frame, &exited, sizeof exited, err);
    }
}

/* Reads a packet from memory of exactly its size, so that the sanitizers see a step beyond it. */
static int read_packet(const void *data, size_t size, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *copy = bj_alloc(size > 0 ? size : 1);
    struct bj_frame frame;
    int result;

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    memset(err, 0, sizeof *err);
    result = bj_frame_get(copy, size, &frame, err);
    return result < 0 ? result : read_body(&frame, err);
}

static void set_length(char *packet, size_t size)
{
    uint32_t length = (uint32_t)(size - HEAD);

    memcpy(packet + offsetof(struct bj_frame_head, length), &length, sizeof length);
}

static void assert_refused(const void *packet, size_t size)
{
    struct bj_error err;

    assert_int_equal(read_packet(packet, size, &err), -BJ_E_PROTOCOL);
    assert_int_equal(err.code, BJ_E_PROTOCOL);
    assert_string_not_equal(err.message, "");
}

/* One message of each form. */
static void put_message(struct bj_buf *out, enum bj_frame_type type)
{
    struct bj_open request = {.flags = O_CREAT | O_WRONLY, .mode = 0640, .path = "/src/file"};
    struct bj_endpoint endpoint = {.family = AF_INET6, .port = 8080, .address = "::1"};
    struct bj_signal request_signal = {.pid = 7, .group = 1};
    struct bj_exited exited = {.pid = 7, .status = 256, .cpu_us = 1 << 20, .peak_kb = 5};
    struct bj_frame_head head = {.type = (uint16_t)type, .id = 9};

    bj_buf_init(out, BJ_FRAME_MAX);
    switch (type) {
    case BJ_FRAME_SPAWN:
        bj_frame_put_spawn(out, 9, &spawn, 3);
        break;
    case BJ_FRAME_OPEN:
        bj_frame_put_open(out, 9, &request);
        break;
    case BJ_FRAME_CONNECT:
    case BJ_FRAME_LISTEN:
        bj_frame_put_endpoint(out, type, 9, &endpoint);
        break;
    case BJ_FRAME_SIGNAL:
    case BJ_FRAME_WAIT:
        head.length = sizeof request_signal;
        bj_frame_put(out, head, &request_signal);
        break;
    default:
        head.length = sizeof exited;
        bj_frame_put(out, head, &exited);
        break;
    }
    assert_false(out->failed);
}

static const enum bj_frame_type forms[] = {BJ_FRAME_SPAWN,  BJ_FRAME_OPEN,   BJ_FRAME_CONNECT,
                                           BJ_FRAME_LISTEN, BJ_FRAME_SIGNAL, BJ_FRAME_WAIT,
                                           BJ_FRAME_EXITED};
#define FORMS (sizeof forms / sizeof *forms)

static void test_spawn(void **state)
{
    const char *strings[STRINGS];
    struct bj_spawn back;
    struct bj_frame frame;
    struct bj_buf out;

    (void)state;
    put_message(&out, BJ_FRAME_SPAWN);
    assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
    assert_int_equal(frame.head.id, 9);
    assert_int_equal(frame.head.fds, 3);
    assert_int_equal(bj_frame_get_spawn(&frame, strings, STRINGS, &back, NULL), 0);
    assert_int_equal(back.flags, spawn.flags);
    assert_int_equal(back.rows, 24);
    assert_int_equal(back.columns, 80);
    assert_string_equal(back.directory, "/src");
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(back.argv[i], words[i]);
        assert_string_equal(back.env[i], variables[i]);
    }
    assert_null(back.argv[3]);
    assert_null(back.env[3]);
    bj_buf_release(&out);
}

static void test_spawn_least(void **state)
{
    const char *const one[] = {"", NULL};
    struct bj_spawn least = {.directory = "", .argv = one, .env = nothing}, back;
    const char *strings[STRINGS];
    struct bj_frame frame;
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, BJ_FRAME_MAX);
    bj_frame_put_spawn(&out, 1, &least, 0);
    assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
    assert_int_equal(bj_frame_get_spawn(&frame, strings, STRINGS, &back, NULL), 0);
    assert_string_equal(back.argv[0], "");
    assert_null(back.argv[1]);
    assert_null(back.env[0]);
    bj_buf_release(&out);
}

static void test_open(void **state)
{
    struct bj_frame frame;
    struct bj_open back;
    struct bj_buf out;

    (void)state;
    put_message(&out, BJ_FRAME_OPEN);
    assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
    assert_int_equal(bj_frame_get_open(&frame, &back, NULL), 0);
    assert_int_equal(back.flags, O_CREAT | O_WRONLY);
    assert_int_equal(back.mode, 0640);
    assert_int_equal(back.any_kind, 0);
    assert_string_equal(back.path, "/src/file");
    bj_buf_release(&out);
}

static void test_endpoint(void **state)
{
    struct bj_endpoint back;
    struct bj_frame frame;
    struct bj_buf out;

    (void)state;
    put_message(&out, BJ_FRAME_LISTEN);
    assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
    assert_int_equal(frame.head.type, BJ_FRAME_LISTEN);
    assert_int_equal(bj_frame_get_endpoint(&frame, &back, NULL), 0);
    assert_int_equal(back.family, AF_INET6);
    assert_int_equal(back.port, 8080);
    assert_string_equal(back.address, "::1");
    bj_buf_release(&out);
}

static void test_struct(void **state)
{
    struct bj_exited back = {0};
    struct bj_frame frame;
    struct bj_buf out;

    (void)state;
    put_message(&out, BJ_FRAME_EXITED);
    assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
    assert_int_equal(bj_frame_get_struct(&frame, &back, sizeof back, NULL), 0);
    assert_int_equal(back.pid, 7);
    assert_int_equal(back.status, 256);
    assert_int_equal(back.cpu_us, 1 << 20);
    assert_int_equal(bj_frame_get_struct(&frame, &back, sizeof back - 1, NULL), -BJ_E_PROTOCOL);
    bj_buf_release(&out);
}

/* Several messages in one buffer: each has its own length. */
static void test_behind_another(void **state)
{
    struct bj_frame frame;
    struct bj_buf out;
    size_t first;

    (void)state;
    put_message(&out, BJ_FRAME_OPEN);
    first = out.length;
    bj_frame_put_spawn(&out, 10, &spawn, 3);
    assert_int_equal(bj_frame_get(out.data, first, &frame, NULL), 0);
    assert_int_equal(bj_frame_get(out.data + first, out.length - first, &frame, NULL), 0);
    assert_int_equal(frame.head.id, 10);
    bj_buf_release(&out);
}

/* A message that does not fit marks the buffer instead of being cut. */
static void test_too_large(void **state)
{
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, 40);
    bj_frame_put_spawn(&out, 1, &spawn, 3);
    assert_true(out.failed);
    bj_buf_release(&out);
}

/* What arrives of a packet that was cut on its way: the head tells how long it should be. */
static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        struct bj_error err;
        struct bj_buf out;

        put_message(&out, forms[i]);
        assert_int_equal(read_packet(out.data, out.length, &err), 0);
        for (size_t size = 0; size < out.length; size++)
            assert_refused(out.data, size);
        bj_buf_release(&out);
    }
}

/* The same from a sender who sets the length to fit: the body itself is too short. */
static void test_every_shorter_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        struct bj_buf out;

        put_message(&out, forms[i]);
        for (size_t size = out.length - 1; size >= HEAD; size--) {
            set_length(out.data, size);
            assert_refused(out.data, size);
        }
        bj_buf_release(&out);
    }
}

static void test_bytes_left_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        struct bj_buf out;

        put_message(&out, forms[i]);
        bj_buf_append(&out, "", 1);
        assert_refused(out.data, out.length); /* more than the head says */
        set_length(out.data, out.length);
        assert_refused(out.data, out.length); /* more than the body needs */
        bj_buf_append(&out, "more", 5);
        set_length(out.data, out.length);
        assert_refused(out.data, out.length);
        bj_buf_release(&out);
    }
}

static void test_missing_nul(void **state)
{
    static const enum bj_frame_type with_strings[] = {BJ_FRAME_SPAWN, BJ_FRAME_OPEN,
                                                      BJ_FRAME_CONNECT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bj_buf out;

        put_message(&out, with_strings[i]);
        out.data[out.length - 1] = 'x';
        assert_refused(out.data, out.length);
        bj_buf_release(&out);
    }
}

static void test_wrong_head(void **state)
{
    static const struct {
        size_t offset, size;
        uint32_t value;
    } wrong[] = {
        {offsetof(struct bj_frame_head, magic), 4, 0},
        {offsetof(struct bj_frame_head, magic), 4, BJ_FRAME_MAGIC + 1},
        {offsetof(struct bj_frame_head, magic), 4, 0x424c4a31}, /* of the other byte order */
        {offsetof(struct bj_frame_head, type), 2, 0},
        {offsetof(struct bj_frame_head, type), 2, BJ_FRAME_TYPE_COUNT},
        {offsetof(struct bj_frame_head, type), 2, UINT16_MAX},
        {offsetof(struct bj_frame_head, fds), 2, BJ_FRAME_FDS_MAX + 1},
        {offsetof(struct bj_frame_head, fds), 2, UINT16_MAX},
        {offsetof(struct bj_frame_head, length), 4, 0},
        {offsetof(struct bj_frame_head, length), 4, UINT32_MAX},
        {offsetof(struct bj_frame_head, length), 4, UINT32_MAX - (uint32_t)HEAD + 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bj_frame frame;
        struct bj_error err;
        struct bj_buf out;

        put_message(&out, BJ_FRAME_SPAWN);
        memcpy(out.data + wrong[i].offset, &wrong[i].value, wrong[i].size); /* little-endian */
        assert_int_equal(bj_frame_get(out.data, out.length, &frame, &err), -BJ_E_PROTOCOL);
        bj_buf_release(&out);
    }
}

/* Every number of descriptors up to the most is the receiver's to judge. */
static void test_descriptor_counts(void **state)
{
    (void)state;
    for (uint16_t fds = 0; fds <= BJ_FRAME_FDS_MAX; fds++) {
        struct bj_frame frame;
        struct bj_buf out;

        bj_buf_init(&out, BJ_FRAME_MAX);
        bj_frame_put_spawn(&out, 1, &spawn, fds);
        assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
        assert_int_equal(frame.head.fds, fds);
        bj_buf_release(&out);
    }
}

static int with_counts(uint32_t argc, uint32_t envc, size_t capacity)
{
    const uint32_t counts[] = {argc, envc};
    const char *strings[STRINGS];
    struct bj_error err = {0};
    struct bj_spawn back;
    struct bj_frame frame;
    struct bj_buf out;
    int result;

    put_message(&out, BJ_FRAME_SPAWN);
    memcpy(out.data + HEAD + sizeof(uint32_t), counts, sizeof counts);
    assert_int_equal(bj_frame_get(out.data, out.length, &frame, NULL), 0);
    result = bj_frame_get_spawn(&frame, strings, capacity, &back, &err);
    bj_buf_release(&out);
    return result;
}

static void test_string_counts(void **state)
{
    static const uint32_t wrong[][2] = {
        {0, 6},          {0, 0},
        {2, 3},          {3, 2},
        {4, 3},          {3, 4},
        {7, 0},          {15, 0},
        {UINT32_MAX, 0}, {UINT32_MAX, 3},
        {3, UINT32_MAX}, {UINT32_MAX, 1},
        {1, UINT32_MAX}, {UINT32_MAX, UINT32_MAX},
    };

    (void)state;
    assert_int_equal(with_counts(3, 3, STRINGS), 0);
    assert_int_equal(with_counts(3, 3, 8), 0); /* six, and two ends */
    assert_int_equal(with_counts(3, 3, 7), -BJ_E_PROTOCOL);
    assert_int_equal(with_counts(3, 3, 0), -BJ_E_PROTOCOL);
    /* So many strings are there, only divided elsewhere. */
    assert_int_equal(with_counts(1, 5, STRINGS), 0);
    assert_int_equal(with_counts(6, 0, STRINGS), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(with_counts(wrong[i][0], wrong[i][1], STRINGS), -BJ_E_PROTOCOL);
}

/* Strings end where the packet ends, whatever stands behind it in the receiver's buffer. */
static void test_reads_within(void **state)
{
    struct bj_error err;
    struct bj_buf out;

    (void)state;
    put_message(&out, BJ_FRAME_SPAWN);
    for (size_t size = SPAWN_BODY; size < out.length; size++) {
        struct bj_frame frame;
        const char *strings[STRINGS];
        struct bj_spawn back;

        set_length(out.data, size);
        assert_int_equal(bj_frame_get(out.data, size, &frame, &err), 0);
        assert_int_equal(bj_frame_get_spawn(&frame, strings, STRINGS, &back, &err), -BJ_E_PROTOCOL);
    }
    bj_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn),
        cmocka_unit_test(test_spawn_least),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_struct),
        cmocka_unit_test(test_behind_another),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_shorter_body),
        cmocka_unit_test(test_bytes_left_over),
        cmocka_unit_test(test_missing_nul),
        cmocka_unit_test(test_wrong_head),
        cmocka_unit_test(test_descriptor_counts),
        cmocka_unit_test(test_string_counts),
        cmocka_unit_test(test_reads_within),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
