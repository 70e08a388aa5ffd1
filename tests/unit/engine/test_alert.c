/* Tests of src/engine/alert.c: what is told, and that telling neither waits nor fails. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "engine/alert.h"

static struct bj_config config;
static struct bj_verdict verdict;
static struct bj_mask mask;
static char logged[4096];
static struct bj_log bj_test_log;

static void keep(void *context, const char *line, size_t length)
{
    (void)context;
    snprintf(logged, sizeof logged, "%.*s", (int)length, line);
}

static int setup(void **state)
{
    (void)state;
    bj_log_init(&bj_test_log);
    bj_test_log.write = keep;
    logged[0] = '\0';
    bj_verdict_init(&verdict);
    bj_verdict_add(&verdict, &(struct bj_violation){
                                 .rule = "test.rule",
                                 .description = "it has hunter2hunter2 in it",
                                 .command = "curl -H 'Authorization: Bearer hunter2hunter2'",
                                 .risk = BJ_RISK_HIGH,
                                 .decision = BJ_DENY,
                             });
    if (bj_config_init(&config, NULL) < 0)
        return -1;
    config.alert_risk = BJ_RISK_HIGH;
    config.alert_command = bj_strdup("cat");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bj_verdict_release(&verdict);
    bj_config_release(&config);
    bj_mask_release(&mask);
    return 0;
}

static void test_threshold(void **state)
{
    (void)state;
    assert_true(bj_alert_wanted(&config, &verdict));
    config.alert_risk = BJ_RISK_CRITICAL;
    assert_false(bj_alert_wanted(&config, &verdict));
    config.alert_risk = BJ_RISK_LOW;
    assert_true(bj_alert_wanted(&config, &verdict));
    config.alert_risk = BJ_RISK_NONE;
    assert_false(bj_alert_wanted(&config, &verdict));
    config.alert_risk = BJ_RISK_LOW;
    bj_free(config.alert_command);
    config.alert_command = NULL;
    assert_false(bj_alert_wanted(&config, &verdict));
}

static void test_event(void **state)
{
    struct bj_request request = {
        .tool = "Bash", .key = "k\"\n", .command = "export TOKEN=hunter2hunter2; rm -rf /"};
    struct bj_buf out;
    json_t *event;

    (void)state;
    assert_int_equal(bj_mask_add(&mask, "hunter2hunter2", NULL), 0);
    bj_buf_init(&out, 1 << 20);
    assert_int_equal(bj_alert_event(&mask, &request, &verdict, &out, NULL), 0);
    assert_null(strstr(bj_buf_text(&out), "hunter2"));
    event = json_loads(bj_buf_text(&out), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(event);
    assert_string_equal(json_string_value(json_object_get(event, "tool")), "Bash");
    assert_string_equal(json_string_value(json_object_get(event, "key")), "k\"\n");
    assert_true(json_is_null(json_object_get(event, "sandbox")));
    assert_non_null(strstr(json_string_value(json_object_get(event, "command")), "rm -rf /"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(event, "verdict"), "decision")), "deny");
    json_decref(event);
    bj_buf_release(&out);
}

/* What the judged text makes long, and what JSON makes longer, keeps nobody from being told. */
static void test_long_events_are_told(void **state)
{
    struct bj_request request = {.tool = "Bash"};
    char *quotes = malloc(100001);
    struct bj_buf out;
    json_t *event, *told;

    (void)state;
    memset(quotes, '"', 100000);
    quotes[100000] = '\0';
    memset(quotes, '\x01', 50000);
    request.command = request.directory = request.key = quotes;
    for (int i = 0; i < 70; i++)
        bj_verdict_add(&verdict,
                       &(struct bj_violation){.rule = i == 10 ? "worst" : quotes,
                                              .description = quotes,
                                              .command = quotes,
                                              .advice = quotes,
                                              .risk = i == 10 ? BJ_RISK_CRITICAL : BJ_RISK_LOW,
                                              .decision = BJ_ASK});
    bj_buf_init(&out, 256 << 10);
    assert_int_equal(bj_alert_event(&mask, &request, &verdict, &out, NULL), 0);
    event = json_loads(bj_buf_text(&out), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(event);
    told = json_object_get(event, "verdict");
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(told, "violations"), 0), "rule")),
                        "worst");
    assert_int_equal(json_array_size(json_object_get(told, "violations")) +
                         (size_t)json_integer_value(json_object_get(told, "dropped")),
                     71);
    json_decref(event);
    bj_buf_release(&out);
    bj_buf_init(&out, 1000);
    assert_int_equal(bj_alert_event(&mask, &request, &verdict, &out, NULL), -BJ_E_LIMIT);
    bj_buf_release(&out);
    free(quotes);
}

static void test_argv_is_told(void **state)
{
    const char *argv[] = {"rm", "a b", "--token", "-hunter", NULL};
    struct bj_request request = {.tool = "Bash", .argv = argv};
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, 1 << 20);
    assert_int_equal(bj_alert_event(&mask, &request, &verdict, &out, NULL), 0);
    assert_non_null(strstr(bj_buf_text(&out), "\"command\": \"rm 'a b' --token [masked]\""));
    bj_buf_release(&out);
}

static void write_script(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
}

static void test_program_is_started_and_not_waited_for(void **state)
{
    char directory[] = "/tmp/belljar-alert-XXXXXX", program[128], got[128], script[256];
    char *text = NULL;
    struct bj_request request = {.tool = "Bash"};
    json_t *message;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(program, sizeof program, "%s/alert", directory);
    snprintf(got, sizeof got, "%s/got", directory);
    snprintf(script, sizeof script, "#!/bin/sh\ncd %s; sleep 1; cat > new; mv new got\n",
             directory);
    write_script(program, script);
    bj_alert_send(&config, &request, &verdict, &mask, program, &bj_test_log);
    assert_int_equal(access(got, F_OK), -1); /* it has not done anything yet */
    assert_string_equal(logged, "");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it is nobody's child */
    assert_int_equal(errno, ECHILD);
    for (int i = 0; i < 500 && access(got, F_OK) < 0; i++)
        usleep(10000);
    assert_int_equal(bj_read_file(got, 1 << 20, &text, NULL, NULL), 0);
    message = json_loads(text, 0, NULL);
    assert_non_null(message);
    assert_string_equal(json_string_value(json_object_get(message, "command")), "cat");
    assert_true(json_is_null(json_object_get(message, "url")));
    assert_true(json_is_object(json_object_get(message, "event")));
    json_decref(message);
    bj_free(text);
    unlink(program);
    unlink(got);
    rmdir(directory);
}

static void test_failure_is_logged_only(void **state)
{
    struct bj_request request = {.tool = "Bash"};

    (void)state;
    bj_alert_send(&config, &request, &verdict, &mask, "/nonexistent/alert", &bj_test_log);
    assert_non_null(strstr(logged, "error alert: nobody was told: cannot start"));
    bj_alert_send(&config, &request, &verdict, &mask, "/nonexistent/alert", NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threshold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_events_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_argv_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_program_is_started_and_not_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_failure_is_logged_only, setup, teardown),
    };

    return cmocka_run_group_tests_name("alert", tests, NULL, NULL);
}
