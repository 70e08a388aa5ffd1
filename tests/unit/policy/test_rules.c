/*
 * The built-in rules, both ways: each example in src/policy/rules is walked through the whole
 * analysis, and the everyday work of an agent must stay untouched by default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "judge_test.h"
#include "rules-examples.h"

static struct bj_policy *policy;

static int set_up(void **state)
{
    struct bj_config config;
    struct bj_error err = {0};

    (void)state;
    assert_int_equal(bj_config_init(&config, &err), 0);
    assert_int_equal(bj_policy_new(&config, &policy, &err), 0);
    bj_config_release(&config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bj_policy_free(policy);
    return 0;
}

static void test_examples(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct bj_verdict verdict;

        judge_text(policy, examples[i].text, &verdict);
        if (has_rule(&verdict, examples[i].rule) != examples[i].hits) {
            print_error("%s %s: %s\n", examples[i].rule, examples[i].hits ? "misses" : "hits",
                        examples[i].text);
            wrong++;
        }
        bj_verdict_release(&verdict);
    }
    assert_int_equal(wrong, 0);
}

/* A shell that is handed a text runs what the text alone would: each example, and no more of it. */
static void test_wrapped_examples(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        for (size_t k = 0; k < sizeof wrappings / sizeof *wrappings; k++) {
            char *text = wrap_text(k, examples[i].text);
            struct bj_verdict plain, verdict;

            judge_text(policy, examples[i].text, &plain);
            judge_text(policy, text, &verdict);
            if (has_rule(&verdict, examples[i].rule) != examples[i].hits ||
                verdict.decision != plain.decision) {
                print_error("%s %s, %s: %s\n", examples[i].rule,
                            has_rule(&verdict, examples[i].rule) ? "hits" : "misses",
                            bj_decision_name(verdict.decision), text);
                wrong++;
            }
            bj_verdict_release(&plain);
            bj_verdict_release(&verdict);
            free(text);
        }
    }
    assert_int_equal(wrong, 0);
}

/* Allowed as it stands and handed to a shell? */
static bool is_allowed(const char *text)
{
    struct bj_verdict verdict;
    bool allowed = judge_text(policy, text, &verdict) == BJ_ALLOW;

    if (!allowed)
        print_error("%s: %s: %s\n", bj_decision_name(verdict.decision), bj_verdict_reason(&verdict),
                    text);
    bj_verdict_release(&verdict);
    return allowed;
}

static void test_everyday(void **state)
{
    FILE *file = open_case_file("cases/everyday.txt");
    char line[4096];
    int wrong = 0, count = 0;

    (void)state;
    while (fgets(line, sizeof line, file) != NULL) {
        char *mark;

        line[strcspn(line, "\n")] = '\0';
        while ((mark = strstr(line, "\xe2\x90\xa4")) != NULL) { /* stands for a new line */
            *mark = '\n';
            memmove(mark + 1, mark + 3, strlen(mark + 3) + 1);
        }
        wrong += !is_allowed(line);
        for (size_t k = 0; k < sizeof wrappings / sizeof *wrappings; k++) {
            char *text = wrap_text(k, line);

            wrong += !is_allowed(text);
            free(text);
        }
        count++;
    }
    fclose(file);
    assert_true(count >= 150);
    assert_int_equal(wrong, 0);
}

/* The thresholds decide what becomes of a rule. */
static void test_thresholds(void **state)
{
    static const struct {
        enum bj_risk deny, ask;
        enum bj_decision sudo, root;
    } rows[] = {
        {BJ_RISK_HIGH, BJ_RISK_MEDIUM, BJ_ASK, BJ_DENY},
        {BJ_RISK_MEDIUM, BJ_RISK_LOW, BJ_DENY, BJ_DENY},
        {BJ_RISK_NONE, BJ_RISK_NONE, BJ_ALLOW, BJ_ALLOW},
        {BJ_RISK_NONE, BJ_RISK_CRITICAL, BJ_ALLOW, BJ_ASK},
        {BJ_RISK_CRITICAL, BJ_RISK_NONE, BJ_ALLOW, BJ_DENY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_config config;
        struct bj_error err = {0};
        struct bj_policy *own;
        struct bj_verdict verdict;

        assert_int_equal(bj_config_init(&config, &err), 0);
        config.deny_risk = rows[i].deny;
        config.ask_risk = rows[i].ask;
        assert_int_equal(bj_policy_new(&config, &own, &err), 0);
        assert_int_equal(judge_text(own, "sudo ls", &verdict), rows[i].sudo);
        assert_int_equal(verdict.risk, BJ_RISK_MEDIUM);
        bj_verdict_release(&verdict);
        assert_int_equal(judge_text(own, "rm -rf /", &verdict), rows[i].root);
        bj_verdict_release(&verdict);
        bj_policy_free(own);
        bj_config_release(&config);
    }
}

static void test_violation_has_all(void **state)
{
    struct bj_verdict verdict;

    (void)state;
    assert_int_equal(judge_text(policy, "ls; r''m -fr '/'", &verdict), BJ_DENY);
    assert_int_equal(verdict.count, 1);
    assert_string_equal(verdict.violations[0].rule, "destroy.root");
    assert_string_equal(verdict.violations[0].command, "rm -fr /");
    assert_int_equal(verdict.violations[0].risk, BJ_RISK_CRITICAL);
    assert_int_equal(verdict.violations[0].from, 4);
    assert_int_equal(verdict.violations[0].to, 16);
    assert_true(verdict.violations[0].advice[0] != '\0');
    bj_verdict_release(&verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),          cmocka_unit_test(test_wrapped_examples),
        cmocka_unit_test(test_everyday),          cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_violation_has_all),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
