/* Tests of src/policy/rate.c: edges by hand, everything else against a model that keeps every time.
 */
#include "policy_test.h"

#include "policy/rate.h"

#define SECOND 1000000LL

static const uint8_t secret[16] = "0123456789abcde";

static struct bj_rate *make(int64_t max, int64_t window, size_t keys, size_t times)
{
    struct bj_rate_limits limits = {max, window, keys, times};
    struct bj_rate *rate = NULL;

    assert_int_equal(bj_rate_new(&limits, secret, &rate, NULL), 0);
    return rate;
}

static struct bj_rate_answer ask(struct bj_rate *rate, const char *key, int64_t now)
{
    struct bj_rate_answer answer;

    assert_int_equal(bj_rate_check(rate, key, strlen(key), now, &answer, NULL), 0);
    return answer;
}

static void test_edges(void **state)
{
    struct bj_rate *rate = make(2, 10 * SECOND, 0, 0);
    struct bj_rate_answer answer;

    (void)state;
    assert_int_equal(ask(rate, "a", 0).reason, BJ_RATE_PASSED);
    assert_int_equal(ask(rate, "a", 9 * SECOND).count, 2);
    answer = ask(rate, "a", 10 * SECOND - 1);
    assert_int_equal(answer.reason, BJ_RATE_LIMIT);
    assert_int_equal(answer.retry_after_us, 1);
    /* A bucket per window would let two more pass now; only one call has left the window. */
    assert_int_equal(ask(rate, "a", 10 * SECOND).reason, BJ_RATE_PASSED);
    answer = ask(rate, "a", 10 * SECOND);
    assert_int_equal(answer.reason, BJ_RATE_LIMIT);
    assert_int_equal(answer.retry_after_us, 9 * SECOND);
    assert_int_equal(ask(rate, "b", 10 * SECOND).reason, BJ_RATE_PASSED);
    bj_rate_free(rate);
}

static void test_refused_calls_do_not_count(void **state)
{
    struct bj_rate *rate = make(1, SECOND, 0, 0);

    (void)state;
    assert_int_equal(ask(rate, "a", 0).reason, BJ_RATE_PASSED);
    for (int64_t now = 1; now < SECOND; now += SECOND / 100)
        assert_int_equal(ask(rate, "a", now).reason, BJ_RATE_LIMIT);
    assert_int_equal(ask(rate, "a", SECOND).reason, BJ_RATE_PASSED);
    bj_rate_free(rate);
}

static void test_clock_that_goes_back(void **state)
{
    struct bj_rate *rate = make(2, 10 * SECOND, 0, 0);

    (void)state;
    assert_int_equal(ask(rate, "a", 100 * SECOND).reason, BJ_RATE_PASSED);
    assert_int_equal(ask(rate, "a", 5 * SECOND).reason, BJ_RATE_PASSED);
    assert_int_equal(ask(rate, "a", 50 * SECOND).reason, BJ_RATE_LIMIT);
    assert_int_equal(ask(rate, "a", 110 * SECOND).count, 1);
    assert_int_equal(ask(rate, "a", INT64_MIN).count, 2);
    assert_int_equal(ask(rate, "a", INT64_MIN).reason, BJ_RATE_LIMIT);
    assert_int_equal(ask(rate, "a", INT64_MAX).reason, BJ_RATE_PASSED);
    bj_rate_free(rate);
}

static void test_flooding_gives_no_fresh_window(void **state)
{
    struct bj_rate *rate = make(1, 10 * SECOND, 100, 0);
    char key[32];

    (void)state;
    assert_int_equal(ask(rate, "attacker", 0).reason, BJ_RATE_PASSED);
    for (int i = 0; i < 10000; i++) {
        enum bj_rate_reason wanted = i < 99 ? BJ_RATE_PASSED : BJ_RATE_FULL;

        snprintf(key, sizeof key, "made-up-%d", i);
        assert_int_equal(ask(rate, key, 1 + i).reason, wanted);
        assert_int_equal(ask(rate, "attacker", 1 + i).reason, BJ_RATE_LIMIT);
    }
    assert_int_equal(bj_rate_keys(rate), 100);
    /* The first place is free when its key has left the window; the answer says when. */
    assert_int_equal(ask(rate, "new", 5 * SECOND).retry_after_us, 5 * SECOND);
    assert_int_equal(ask(rate, "new", 10 * SECOND).reason, BJ_RATE_PASSED);
    assert_int_equal(ask(rate, "attacker", 11 * SECOND).reason, BJ_RATE_PASSED);
    bj_rate_free(rate);
}

static void test_memory_is_bounded(void **state)
{
    struct bj_rate *rate = make(1000, 10 * SECOND, 0, 2000);
    char key[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%d", i % 7);
        ask(rate, key, i);
        assert_true(bj_rate_times(rate) <= 2000);
    }
    assert_int_equal(ask(rate, "0", 30 * SECOND).count, 1);
    assert_int_equal(bj_rate_keys(rate), 1);
    assert_true(bj_rate_times(rate) <= 1000);
    bj_rate_free(rate);
}

static void test_keys_are_any_bytes(void **state)
{
    struct bj_rate *rate = make(1, SECOND, 0, 0);
    struct bj_rate_answer answer;

    (void)state;
    assert_int_equal(bj_rate_check(rate, "a\0b", 3, 0, &answer, NULL), 0);
    assert_int_equal(answer.reason, BJ_RATE_PASSED);
    assert_int_equal(bj_rate_check(rate, "a\0c", 3, 0, &answer, NULL), 0);
    assert_int_equal(answer.reason, BJ_RATE_PASSED);
    assert_int_equal(bj_rate_check(rate, "", 0, 0, &answer, NULL), 0);
    assert_int_equal(answer.reason, BJ_RATE_PASSED);
    assert_int_equal(bj_rate_check(rate, "a\0b", 3, 0, &answer, NULL), 0);
    assert_int_equal(answer.reason, BJ_RATE_LIMIT);
    bj_rate_free(rate);
}

/* The model: every time that passed, never forgotten. */
#define MODEL_KEYS  5
#define MODEL_TIMES 4000
static struct {
    int64_t times[MODEL_TIMES];
    int count;
} model[MODEL_KEYS];

static bool model_passes(int key, int64_t now, int64_t max, int64_t window, int64_t *ret_retry)
{
    int64_t oldest = 0;
    int inside = 0;

    for (int i = model[key].count - 1; i >= 0 && now - model[key].times[i] < window; i--) {
        inside++;
        if (inside <= max)
            oldest = model[key].times[i];
    }
    *ret_retry = oldest + window - now;
    if (inside >= max)
        return false;
    model[key].times[model[key].count++] = now;
    return true;
}

/* Also: in no window, wherever it begins, do more than max calls pass. */
static void check_windows(int64_t max, int64_t window)
{
    for (int key = 0; key < MODEL_KEYS; key++) {
        for (int i = 0; i + max < model[key].count; i++)
            assert_true(model[key].times[i + max] - model[key].times[i] >= window);
    }
}

static void test_model(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 200; round++) {
        int64_t max = 1 + rand_r(&seed) % 12, window = 1 + rand_r(&seed) % 1000, now = 0;
        struct bj_rate *rate = make(max, window, 0, 0);

        memset(model, 0, sizeof model);
        for (int i = 0; i < 3000; i++) {
            int key = rand_r(&seed) % MODEL_KEYS;
            char name[2] = {(char)('a' + key), '\0'};
            struct bj_rate_answer answer;
            int64_t retry;
            bool passes;

            /* Often the same time, often exactly an edge. */
            now += rand_r(&seed) % 4 == 0 ? window : rand_r(&seed) % (1 + window / 8);
            answer = ask(rate, name, now);
            passes = model_passes(key, now, max, window, &retry);
            assert_int_equal(answer.reason == BJ_RATE_PASSED, passes);
            if (!passes)
                assert_int_equal(answer.retry_after_us, retry);
        }
        check_windows(max, window);
        bj_rate_free(rate);
    }
}

static void test_policy_says_when(void **state)
{
    struct judged judged;

    (void)state;
    judge_start(&judged, "{\"security\": {\"max_requests\": 2, \"window_seconds\": 60}}");
    assert_int_equal(judge(&judged, "TodoWrite", "{\"todos\": []}"), BJ_ALLOW);
    assert_int_equal(judge(&judged, "TodoWrite", "{\"todos\": []}"), BJ_ALLOW);
    assert_int_equal(judge(&judged, "TodoWrite", "{\"todos\": []}"), BJ_DENY);
    assert_true(has_rule(&judged, "rate.limit"));
    assert_int_equal(judged.verdict.retry_after_us, 60 * SECOND);
    judge_stop(&judged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_refused_calls_do_not_count),
        cmocka_unit_test(test_clock_that_goes_back),
        cmocka_unit_test(test_flooding_gives_no_fresh_window),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_keys_are_any_bytes),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_policy_says_when),
    };

    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
