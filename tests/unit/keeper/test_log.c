/*
 * Tests of src/keeper/log.c: against a model that keeps every byte ever written with its stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "keeper/log.h"

#define MODEL_MAX (1 << 20)

/* Everything written so far, and what may be gone. */
struct model {
    uint8_t bytes[MODEL_MAX], streams[MODEL_MAX];
    int64_t written;
    int64_t hold; /* -1 = none */
};

static struct model model;
static uint64_t seed;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

static void append(struct bj_output *output, uint32_t stream, size_t length)
{
    static uint8_t data[1 << 14];
    int64_t start = output->start;
    size_t room, taken;

    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)random_below(256);
    room = bj_output_room(output, stream, length);
    taken = bj_output_append(output, stream, data, length);
    assert_int_equal(taken, room);
    assert_true(model.hold >= 0 || taken == length);
    /* What is held is still there. */
    if (model.hold >= 0 && output->start > start)
        assert_true(output->start <= model.hold);
    memcpy(model.bytes + model.written, data, taken);
    memset(model.streams + model.written, (int)stream, taken);
    model.written += (int64_t)taken;
    assert_int_equal(output->next, model.written);
    assert_true(output->next - output->start <= (int64_t)output->maximum);
}

/* Reads from an offset to the end, as READ does, and compares. */
static void read_all(const struct bj_output *output, int64_t offset, size_t maximum)
{
    int64_t asked = offset;
    uint32_t stream;
    const void *data;
    size_t length;

    while ((length = bj_output_piece(output, &offset, maximum, &stream, &data)) > 0) {
        assert_true(length <= maximum && offset + (int64_t)length <= model.written);
        if (asked >= 0)
            assert_int_equal(offset, asked > output->start ? asked : output->start);
        asked = -1;
        assert_memory_equal(data, model.bytes + offset, length);
        for (size_t i = 0; i < length; i++)
            assert_int_equal(stream, model.streams[offset + (int64_t)i]);
        offset += (int64_t)length;
    }
    assert_int_equal(offset, model.written);
}

/* Something is given up, whether it is held or not; the newest stays. */
static void shrink(struct bj_output *output, size_t keep)
{
    int64_t start = output->start, least = output->next - (int64_t)keep;
    size_t before = bj_output_footprint(output);

    bj_output_shrink(output, keep);
    assert_int_equal(output->start, start > least ? start : least);
    assert_true(bj_output_footprint(output) <= before);
    if (keep == 0)
        assert_int_equal(bj_output_footprint(output), BJ_OUTPUT_FOOTPRINT_MIN);
}

static void check_against_model(size_t maximum, uint32_t most)
{
    struct bj_output output;

    model.written = 0;
    model.hold = -1;
    assert_int_equal(bj_output_init(&output, maximum, NULL), 0);
    for (int step = 0; step < 4000 && model.written < MODEL_MAX - (1 << 14); step++) {
        switch (random_below(9)) {
        default:
            append(&output, 1 + random_below(3), random_below(most));
            break;
        case 5:
            model.hold = random_below(2) ? model.written - random_below(2 * (uint32_t)maximum)
                                         : output.start + random_below((uint32_t)maximum);
            if (model.hold < 0)
                model.hold = 0;
            bj_output_hold(&output, model.hold);
            break;
        case 6:
            if (random_below(2)) {
                model.hold = -1;
                bj_output_unhold(&output);
            }
            break;
        case 7:
            read_all(&output, random_below((uint32_t)model.written + 100),
                     1 + random_below(3 * most));
            break;
        case 8:
            shrink(&output, random_below(4) == 0 ? 0 : (size_t)256 << random_below(6));
            break;
        }
    }
    read_all(&output, 0, SIZE_MAX);
    bj_output_release(&output);
}

static void test_model(void **state)
{
    (void)state;
    for (seed = 1; seed < 120; seed++) {
        uint64_t round = seed;

        check_against_model((size_t)256 << round % 6, round % 3 == 0   ? 3
                                                      : round % 3 == 1 ? 100
                                                                       : 1 << 14);
        seed = round;
    }
}

/* Not a byte is lost to a reader that holds and keeps up, however small the log. */
static void test_hold(void **state)
{
    static const char text[] = "all of it, and in order";
    struct bj_output output;
    char got[1000 * sizeof text];
    size_t length = 0, sent = 0, taken, piece;
    int64_t offset = 0;
    uint32_t stream;
    const void *data;

    (void)state;
    assert_int_equal(bj_output_init(&output, 256, NULL), 0);
    bj_output_hold(&output, 0);
    while (length < sizeof got) {
        size_t rest = sent < sizeof got ? sizeof text - sent % sizeof text : 0;

        taken = bj_output_append(&output, 1 + sent % 3, text + sent % sizeof text, rest);
        sent += taken;
        if (taken == rest && sent < sizeof got)
            continue;
        while ((piece = bj_output_piece(&output, &offset, 100, &stream, &data)) > 0) {
            memcpy(got + length, data, piece);
            length += piece;
            offset += (int64_t)piece;
        }
        bj_output_hold(&output, offset);
    }
    for (size_t i = 0; i < sizeof got; i++)
        assert_int_equal(got[i], text[i % sizeof text]);
    assert_int_equal(output.start > 0, 1);
    bj_output_release(&output);
}

/* Small until there is something to keep, and no larger than its maximum. */
static void test_size(void **state)
{
    struct bj_output output;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(bj_output_init(&output, BJ_LOG_MAX, NULL), 0);
    assert_true(output.size <= 256);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(bj_output_append(&output, 1 + (uint32_t)i % 3, text, sizeof text),
                         sizeof text);
    assert_int_equal(output.size, BJ_LOG_MAX);
    assert_true(output.next - output.start > BJ_LOG_MAX - 1000);
    assert_int_equal(output.next, 5000 * 1000);
    bj_output_release(&output);
}

/* A process that changes its stream with every byte costs bounded memory, and reading stays fast.
 */
static void test_alternating(void **state)
{
    struct bj_output output;
    int64_t began = bj_clock_us(), offset;
    uint32_t stream;
    const void *data;

    (void)state;
    assert_int_equal(bj_output_init(&output, BJ_LOG_MAX, NULL), 0);
    for (int i = 0; i < 2000000; i++)
        bj_output_append(&output, 1 + (uint32_t)i % 2, "x", 1);
    assert_true(output.chunk_size <= 16384);
    assert_true(output.next - output.start >= 8000);
    for (int i = 0; i < 200000; i++) {
        offset = output.start + i % 8000;
        assert_int_equal(bj_output_piece(&output, &offset, 100, &stream, &data), 1);
        assert_int_equal(stream, 1 + offset % 2);
    }
    assert_true(bj_clock_us() - began < 10000000);

    /* Held, it takes no more than it can keep. */
    bj_output_hold(&output, output.next);
    for (int i = 0; i < 200000; i++)
        bj_output_append(&output, 1 + (uint32_t)i % 2, "x", 1);
    assert_int_equal(bj_output_room(&output, 3, 1), 0);
    assert_int_equal(bj_output_append(&output, 3, "x", 1), 0);
    assert_int_equal(output.chunk_size, 16384);
    bj_output_hold(&output, output.next);
    assert_int_equal(bj_output_append(&output, 3, "x", 1), 1);
    bj_output_release(&output);
}

static void test_streams(void **state)
{
    struct bj_output output;

    (void)state;
    assert_int_equal(bj_output_init(&output, 256, NULL), 0);
    assert_int_equal(bj_output_append(&output, 0, "x", 1), 0);
    assert_int_equal(bj_output_append(&output, 4, "x", 1), 0);
    assert_int_equal(output.next, 0);
    bj_output_release(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),   cmocka_unit_test(test_hold),
        cmocka_unit_test(test_size),    cmocka_unit_test(test_alternating),
        cmocka_unit_test(test_streams),
    };

    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
