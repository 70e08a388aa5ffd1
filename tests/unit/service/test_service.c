/*
 * Tests of src/service with a keeper that the test plays: who owns what, what is refused and
 * recorded, quotas, and what a front that is started anew knows. What is run is in test_run.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "front_fixture.h"

static const struct bj_identity alices_other = {
    .key = "a2", .owner = "alice", .scopes = BJ_SCOPE_ALL & ~BJ_SCOPE_ADMIN, .uid = -1};
static const struct bj_identity mallory = {
    .key = "m", .owner = "mallory", .scopes = BJ_SCOPE_ALL & ~BJ_SCOPE_ADMIN, .uid = -1};
static const struct bj_identity admin = {
    .key = "root", .owner = "admin", .scopes = BJ_SCOPE_ALL, .uid = -1};

static void on_process(void *context, const struct bj_process_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    if (answer->process != NULL)
        got->process = answer->process->process;
}

/* ---- owners ---- */

/* Whatever takes an identifier: a stranger gets what nobody would get, word for word. */
static void test_foreign_identifiers(void **state)
{
    struct bj_run_request run_request = {.process = {.command = "true"}};
    struct bj_process_request process_request = {.command = "true"};
    struct bj_file_write_request write_request = {.path = "f", .data = "", .length = 0};
    struct bj_files_list_request list_request = {.path = "."};
    struct bj_files_change change_request = {.verb = BJ_FILES_REMOVE, .path = "f"};
    struct bj_files_edit_request edit_request = {.path = "f", .old_text = "a", .new_text = "b"};
    struct bj_files_search_request search_request = {.pattern = "x"};
    struct bj_files_glob_request glob_request = {.pattern = "x"};
    struct bj_files_tar_request tar_request = {.path = "."};
    struct bj_watch_request watch_request = {.path = "."};
    struct bj_attach_request attach_request = {.process = 1};
    struct bj_output_request output_request = {.process = 1};
    struct bj_signal_request signal_request = {.process = 0, .signal = 9};
    struct bj_input_request input_request = {.process = 1};
    struct bj_sandbox_change update_request = {.timeout_us = BJ_KEEP_TIME, .idle_us = BJ_KEEP_TIME};
    struct bj_shell_request shell_request = {.name = "s"};
    struct bj_event_request event_request = {.after = -1};
    uint16_t size[2] = {24, 80};
    struct bj_sandbox_view view;
    struct bj_process_view process_view;
    struct bj_shell_view shell_view;
    struct bj_output_reader *output;
    struct bj_attach *attach;
    struct bj_watch *watch;
    json_t *arguments = json_pack("{s:s}", "command", "true");
    struct got got;
    char messages[2][BJ_ERROR_MESSAGE_MAX];
    int entries;

    (void)state;
    make_plain(&alice, &got);
    entries = fake.entries;
    for (int round = 0; round < 2; round++) {
        /* The second one is not there at all, for anybody. */
        const char *id = round == 0 ? got.id : "0000000000000000000a";
        struct bj_caller c = {.who = &mallory, .sandbox = id};
        struct bj_error err = {0};
        struct got none = {0};

#define DENIED(call)                                                                               \
    do {                                                                                           \
        assert_int_equal((call), -BJ_E_NOT_FOUND);                                                 \
        assert_int_equal(err.code, BJ_E_NOT_FOUND);                                                \
    } while (0)
        DENIED(bj_sandbox_get(service, &c, &view, &err));
        snprintf(messages[round], sizeof messages[0], "%.16s", err.message);
        DENIED(bj_sandbox_update(service, &c, &update_request, on_sandbox, &none, &err));
        DENIED(bj_sandbox_pause(service, &c, on_sandbox, &none, &err));
        DENIED(bj_sandbox_resume(service, &c, on_sandbox, &none, &err));
        DENIED(bj_sandbox_kill(service, &c, on_sandbox, &none, &err));
        DENIED(bj_sandbox_usage(service, &c, NULL, &none, &err));
        DENIED(bj_process_launch(service, &c, &process_request, on_process, &none, &err));
        DENIED(bj_process_get(service, &c, 1, &process_view, &err));
        DENIED(bj_process_list(service, &c, NULL, NULL, &err));
        DENIED(bj_process_wait(service, &c, 1, on_process, &none, &err));
        DENIED(bj_process_signal(service, &c, &signal_request, on_answer, &none, &err));
        DENIED(bj_process_input(service, &c, &input_request, on_answer, &none, &err));
        DENIED(bj_process_resize(service, &c, 1, size, on_answer, &none, &err));
        DENIED(bj_output_open(service, &c, &output_request, &output, &err));
        DENIED(bj_attach_open(service, &c, &attach_request, &attach, &err));
        DENIED(bj_run_start(service, &c, &run_request, on_run, &none, NULL, &err));
        DENIED(bj_shell_create(service, &c, &shell_request, on_shell, &none, &err));
        DENIED(bj_shell_find(service, &c, "s", &shell_view, &err));
        DENIED(bj_shell_list(service, &c, NULL, NULL, &err));
        DENIED(bj_shell_remove(service, &c, "s", on_answer, &none, &err));
        DENIED(bj_file_read(service, &c, "f", on_content, &none, &err));
        DENIED(bj_file_write(service, &c, &write_request, on_content, &none, &err));
        DENIED(bj_files_list(service, &c, &list_request, on_files, &none, &err));
        DENIED(bj_files_stat(service, &c, "f", on_files, &none, &err));
        DENIED(bj_files_glob(service, &c, &glob_request, on_files, &none, &err));
        DENIED(bj_files_change(service, &c, &change_request, on_files, &none, &err));
        DENIED(bj_files_edit(service, &c, &edit_request, NULL, &none, &err));
        DENIED(bj_files_search(service, &c, &search_request, NULL, &none, &err));
        DENIED(bj_files_tar(service, &c, &tar_request, &err));
        DENIED(bj_watch_open(service, &c, &watch_request, &watch, &err));
        DENIED(bj_port_connect(service, &c, 80, NULL, &none, &err));
        DENIED(bj_tool_execute(service, &c, "Bash", arguments, on_tool, &none, &err));
        event_request.sandbox = id;
        DENIED(bj_event_list(service, &mallory, &event_request, 10, &err));
#undef DENIED
        fake_turn();
        assert_int_equal(none.times, 0);
    }
    assert_string_equal(messages[0], messages[1]);
    assert_int_equal(fake.entries, entries);
    json_decref(arguments);
}

static void test_other_keys_of_an_owner(void **state)
{
    struct bj_sandbox_view view;
    struct got got;

    (void)state;
    make_plain(&alice, &got);
    assert_int_equal(bj_sandbox_get(service, &(struct bj_caller){&alices_other, got.id, NULL, NULL},
                                    &view, NULL),
                     0);
    assert_string_equal(view.owner, "alice");
    assert_string_equal(view.key, "a1");
}

/* An administrator sees and ends everyone's, and works in none of them. */
static void test_administrator(void **state)
{
    struct bj_sandbox_view view;
    struct bj_caller caller = {.who = &admin};
    struct got got, other;

    (void)state;
    make_plain(&alice, &got);
    caller.sandbox = got.id;
    assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), 0);
    run(&admin, got.id, "true", &other);
    assert_int_equal(other.result, -BJ_E_NOT_FOUND);
    memset(&other, 0, sizeof other);
    assert_int_equal(bj_sandbox_kill(service, &caller, on_sandbox, &other, NULL), 0);
    fake_turn();
    assert_int_equal(other.times, 1);
    assert_int_equal(other.result, 0);
    assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), -BJ_E_ENDED);
}

static int listed;
static void count_listed(void *context, const struct bj_sandbox_view *view)
{
    (void)context;
    (void)view;
    listed++;
}

static void test_lists(void **state)
{
    struct bj_sandbox_list list = {.phase = -1, .limit = 2};
    char next[64];
    struct got got;

    (void)state;
    for (int i = 0; i < 5; i++)
        make_plain(&alice, &got);
    make_plain(&mallory, &got);
    for (listed = 0;; list.after = next) {
        assert_int_equal(bj_sandbox_list(service, &alice, &list, count_listed, NULL, NULL), 0);
        assert_int_equal(list.total, 5);
        snprintf(next, sizeof next, "%s", list.next);
        if (next[0] == '\0')
            break;
    }
    assert_int_equal(listed, 5);
    list = (struct bj_sandbox_list){.phase = -1, .everyone = true};
    assert_int_equal(bj_sandbox_list(service, &alice, &list, count_listed, NULL, NULL),
                     -BJ_E_DENIED);
    listed = 0;
    assert_int_equal(bj_sandbox_list(service, &admin, &list, count_listed, NULL, NULL), 0);
    assert_int_equal(listed, 6);
    list = (struct bj_sandbox_list){.phase = -1, .after = "1-../../x"};
    assert_int_equal(bj_sandbox_list(service, &alice, &list, count_listed, NULL, NULL),
                     -BJ_E_INVALID);
}

/* ---- creation ---- */

static void test_default_is_one(void **state)
{
    struct got got[5] = {{0}};

    (void)state;
    fake.holds = true;
    for (int i = 0; i < 4; i++)
        assert_int_equal(bj_sandbox_default(service, &alice, on_sandbox, &got[i], NULL), 0);
    assert_int_equal(bj_sandbox_default(service, &alices_other, on_sandbox, &got[4], NULL), 0);
    fake_turn();
    assert_int_equal(got[0].times, 0);
    fake_let_go();
    assert_int_equal(fake.sandbox_count, 2); /* one for each key */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(got[i].times, 1);
        assert_int_equal(got[i].result, 0);
    }
    assert_string_equal(got[0].id, got[3].id);
    assert_string_not_equal(got[0].id, got[4].id);
    memset(&got[0], 0, sizeof got[0]);
    assert_int_equal(bj_sandbox_default(service, &alice, on_sandbox, &got[0], NULL), 0);
    assert_int_equal(got[0].times, 0); /* never before it has returned */
    fake_turn();
    assert_int_equal(got[0].times, 1);
    assert_string_equal(got[0].id, got[3].id);
}

static void test_default_that_fails(void **state)
{
    struct got got[2] = {{0}};

    (void)state;
    fake.fails = BJ_E_FULL;
    for (int i = 0; i < 2; i++)
        assert_int_equal(bj_sandbox_default(service, &alice, on_sandbox, &got[i], NULL), 0);
    fake_turn();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(got[i].times, 1);
        assert_int_equal(got[i].result, -BJ_E_FULL);
    }
    fake.fails = BJ_E_OK;
    memset(got, 0, sizeof got);
    assert_int_equal(bj_sandbox_default(service, &alice, on_sandbox, &got[0], NULL), 0);
    fake_turn();
    assert_int_equal(got[0].result, 0);
}

static void test_idempotency(void **state)
{
    struct bj_sandbox_request request = {
        .timeout_us = -1, .idle_us = -1, .idempotency_key = "again"};
    struct got first = {0}, second = {0}, other;

    (void)state;
    fake.holds = true;
    assert_int_equal(bj_sandbox_make(service, &alice, &request, on_sandbox, &first, NULL), 0);
    assert_int_equal(bj_sandbox_make(service, &alice, &request, on_sandbox, &second, NULL), 0);
    fake_let_go();
    assert_int_equal(fake.sandbox_count, 1);
    assert_false(first.existed);
    assert_true(second.existed);
    assert_string_equal(first.id, second.id);
    make(&alice, &request, &second);
    assert_true(second.existed);
    assert_string_equal(first.id, second.id);
    /* Somebody else's is another one, and another request is not the same. */
    make(&mallory, &request, &other);
    assert_int_equal(other.result, 0);
    assert_string_not_equal(first.id, other.id);
    request.preset = "strict";
    make(&alice, &request, &other);
    assert_int_equal(other.result, -BJ_E_CONFLICT);
}

static void test_bad_requests(void **state)
{
    struct bj_sandbox_request request = {.timeout_us = -1, .idle_us = -1};
    struct got got;
    static const struct {
        const char *config, *says;
    } configs[] = {
        {"{\"workspace\": \"/etc\"}", "workspace"},
        {"{\"volumes\": [\"/:/host\"]}", "volumes"},
        {"{\"sandbox_type\": \"none\"}", "sandbox_type"},
        {"{\"network\": {\"mode\": \"host\"}}", "network.mode"},
        {"{\"security\": {\"audit\": \"off\"}}", "security.audit"},
        {"{\"security\": {\"max_requests\": 0}}", "security.max_requests"},
        {"{\"security\": {\"command_blacklist\": [\"(\"]}}", "command_blacklist"},
        {"{\"resource_limits\": {\"memory_mb\": \"much\"}}", "memory_mb"},
        {"{\"resource_limit\": {\"memory_mb\": 5}}", "resource_limit"},
        {"{\"environment\": {\"BASH_ENV\": \"/x\"}}", "BASH_ENV"},
        {"{\"environment\": {\"A=B\": \"/x\"}}", "environment"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        json_t *config = json_loads(configs[i].config, 0, NULL);

        request.config = config;
        make(&alice, &request, &got);
        if (got.result != -BJ_E_INVALID || strstr(got.message, configs[i].says) == NULL)
            fail_msg("%s: %d %s", configs[i].config, got.result, got.message);
        assert_int_equal(got.times, 0);
        json_decref(config);
    }
    request.config = NULL;
    request.preset = "nosuch";
    make(&alice, &request, &got);
    assert_int_equal(got.result, -BJ_E_NOT_FOUND);
    assert_int_equal(fake.entries, 0);
}

/* The length is looked at before a pattern is: the last of these is none, and nobody sees it. */
static void test_too_many_rules(void **state)
{
    struct bj_sandbox_request request = {.timeout_us = -1, .idle_us = -1};
    json_t *patterns = json_array();
    struct got got;

    (void)state;
    for (int i = 0; i < 600; i++)
        json_array_append_new(patterns, json_string("a pattern of thirty-two bytes..."));
    json_array_append_new(patterns, json_string("("));
    request.config = json_pack("{s:{s:o}}", "security", "command_blacklist", patterns);
    make(&alice, &request, &got);
    json_decref((json_t *)request.config);
    assert_int_equal(got.result, -BJ_E_LIMIT);
    assert_non_null(strstr(got.message, "its rules alone"));
    assert_int_equal(got.times, 0);
    assert_int_equal(fake.entries, 0);
}

/* ---- judging ---- */

static void test_refusals_are_recorded(void **state)
{
    struct got got, ran;

    (void)state;
    make_plain(&alice, &got);
    run(&alice, got.id, "rm -rf /", &ran);
    assert_int_equal(ran.times, 1);
    assert_int_equal(ran.result, -BJ_E_DENIED);
    assert_true(ran.verdict);
    assert_int_equal(fake.refused, 1);
    assert_string_equal(fake.last_command, "rm -rf /");
    assert_int_equal(fake.process_count, 0);
}

/* What a client adds can refuse more, and permit nothing that the preset refuses. */
static void test_clients_rules(void **state)
{
    json_t *config =
        json_loads("{\"security\": {\"command_blacklist\": [\"curl\"], \"on_ask\": \"allow\","
                   " \"deny_risk\": \"off\", \"denied_paths\": [\"/workspace/secret\"]}}",
                   0, NULL);
    struct bj_sandbox_request request = {
        .timeout_us = -1, .idle_us = -1, .config = config, .preset = "strict"};
    struct bj_caller caller = {.who = &alice};
    struct got got, ran;

    (void)state;
    make(&alice, &request, &got);
    assert_string_equal(got.message, "");
    assert_int_equal(got.result, 0);
    run(&alice, got.id, "curl http://x", &ran);
    assert_int_equal(ran.result, -BJ_E_DENIED);
    run(&alice, got.id, "forbidden", &ran);
    assert_int_equal(ran.result, -BJ_E_DENIED);
    caller.sandbox = got.id;
    memset(&ran, 0, sizeof ran);
    assert_int_equal(bj_file_read(service, &caller, "secret", on_content, &ran, NULL), 0);
    fake_turn();
    assert_int_equal(ran.result, -BJ_E_DENIED);
    assert_string_equal(fake.last_path, "/workspace/secret");
    json_decref(config);
}

/* Variables are part of what the text does. */
static void test_environment_is_judged(void **state)
{
    json_t *environment = json_pack("{s:s}", "TARGET", "/");
    struct bj_run_request request = {
        .process = {.command = "rm -rf $TARGET", .environment = environment, .timeout_us = -1}};
    struct bj_caller caller = {.who = &alice};
    struct got got, ran = {0};

    (void)state;
    make_plain(&alice, &got);
    caller.sandbox = got.id;
    assert_int_equal(bj_run_start(service, &caller, &request, on_run, &ran, NULL, NULL), 0);
    fake_turn();
    assert_int_equal(ran.result, -BJ_E_DENIED);
    assert_non_null(strstr(ran.message, "root directory"));
    assert_string_equal(fake.last_command, "rm -rf $TARGET"); /* as the caller wrote it */
    json_decref(environment);
}

/* A rate holds over all sandboxes of the preset, whatever rules they have. */
static void test_rate(void **state)
{
    struct bj_sandbox_request request = {.timeout_us = -1, .idle_us = -1, .preset = "strict"};
    struct got first, second, ran;

    (void)state;
    make(&alice, &request, &first);
    request.config = json_loads("{\"security\": {\"command_blacklist\": [\"x\"]}}", 0, NULL);
    make(&alice, &request, &second);
    run(&alice, first.id, "true", &ran);
    run(&alice, second.id, "true", &ran);
    run(&alice, first.id, "true", &ran);
    assert_int_equal(ran.result, 0);
    run(&alice, second.id, "true", &ran);
    assert_int_equal(ran.result, -BJ_E_RATE);
    assert_true(ran.retry_us > 0);
    run(&alices_other, second.id, "true", &ran);
    assert_int_equal(ran.result, 0); /* keys are counted, not owners */
    json_decref((json_t *)request.config);
}

/* ---- quotas ---- */

static void test_quota_race(void **state)
{
    struct bj_identity who = alice;
    struct bj_sandbox_request request = {.timeout_us = -1, .idle_us = -1};
    struct got got[6] = {{0}};
    int made = 0, refused = 0;

    (void)state;
    who.quota.sandboxes = 2;
    fake.holds = true;
    for (int i = 0; i < 6; i++)
        assert_int_equal(bj_sandbox_make(service, &who, &request, on_sandbox, &got[i], NULL), 0);
    fake_turn();
    fake_let_go();
    for (int i = 0; i < 6; i++) {
        assert_int_equal(got[i].times, 1);
        made += got[i].result == 0;
        refused += got[i].result == -BJ_E_QUOTA;
    }
    assert_int_equal(made, 2);
    assert_int_equal(refused, 4);
    /* What ends gives its place back. */
    memset(&got[2], 0, sizeof got[2]);
    assert_int_equal(bj_sandbox_kill(service,
                                     &(struct bj_caller){.who = &who, .sandbox = got[0].id},
                                     on_sandbox, &got[2], NULL),
                     0);
    fake_turn();
    make(&who, &request, &got[3]);
    assert_int_equal(got[3].result, 0);
    make(&who, &request, &got[4]);
    assert_int_equal(got[4].result, -BJ_E_QUOTA);
    /* So does one that could not be made. */
    who.quota.sandboxes = 3;
    fake.fails = BJ_E_FULL;
    make(&who, &request, &got[4]);
    assert_int_equal(got[4].result, -BJ_E_FULL);
    fake.fails = BJ_E_OK;
    make(&who, &request, &got[4]);
    assert_int_equal(got[4].result, 0);
}

static void test_memory_quota(void **state)
{
    struct bj_identity who = alice;
    json_t *config = json_loads("{\"resource_limits\": {\"memory_mb\": 300}}", 0, NULL);
    json_t *unlimited = json_loads("{\"resource_limits\": {\"memory_mb\": 0}}", 0, NULL);
    struct bj_sandbox_request request = {.timeout_us = -1, .idle_us = -1, .config = config};
    struct got got;

    (void)state;
    who.quota.memory_mb = 500;
    make(&who, &request, &got);
    assert_int_equal(got.result, 0);
    make(&who, &request, &got);
    assert_int_equal(got.result, -BJ_E_QUOTA);
    assert_non_null(strstr(got.message, "memory for all its sandboxes is 500 MiB"));
    request.config = unlimited;
    make(&who, &request, &got);
    assert_int_equal(got.result, -BJ_E_QUOTA);
    json_decref(config);
    json_decref(unlimited);
}

static void test_process_quota(void **state)
{
    struct bj_identity who = alice;
    struct bj_process_request request = {.command = "sleep 9", .timeout_us = 0};
    struct bj_caller caller = {.who = &who};
    struct got got, started[3] = {{0}};

    (void)state;
    who.quota.processes = 2;
    make_plain(&who, &got);
    caller.sandbox = got.id;
    fake.runs_on = true;
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            bj_process_launch(service, &caller, &request, on_process, &started[i], NULL), 0);
    fake_turn();
    assert_int_equal(started[0].result, 0);
    assert_int_equal(started[1].result, 0);
    assert_int_equal(started[2].result, -BJ_E_QUOTA);
    assert_int_not_equal(started[0].process, started[1].process);
}

static void test_request_quota(void **state)
{
    struct bj_identity who = alice;
    struct bj_error err = {0};
    int64_t retry;

    (void)state;
    who.quota.requests = 2;
    who.quota.window_us = 60000000;
    assert_int_equal(bj_service_count_request(service, &who, &retry, &err), 0);
    assert_int_equal(bj_service_count_request(service, &who, &retry, &err), 0);
    assert_int_equal(bj_service_count_request(service, &who, &retry, &err), -BJ_E_RATE);
    assert_in_range(retry, 1, 60000000);
    assert_int_equal(bj_service_count_request(service, &mallory, &retry, &err), 0);
}

/* Two keys of one owner with different bounds share one window. */
static void test_requests_of_several_keys(void **state)
{
    struct bj_identity five = mallory, six = mallory;
    struct bj_error err;
    int passed = 0;
    int64_t retry;

    (void)state;
    five.owner = six.owner = "several";
    five.quota = (struct bj_quota){.requests = 5, .window_us = 60000000};
    six.quota = (struct bj_quota){.requests = 6, .window_us = 60000000};
    for (int i = 0; i < 5; i++)
        assert_int_equal(bj_service_count_request(service, &five, &retry, &err), 0);
    for (int i = 0; i < 40; i++)
        passed += bj_service_count_request(service, i % 2 ? &five : &six, &retry, &err) == 0;
    assert_int_equal(passed, 1);
    assert_in_range(retry, 1, 60000000);
    /* A window slides: what has left it leaves room. */
    five.quota.window_us = six.quota.window_us = 1;
    for (int i = 0; i < 2000; i++) {
        int64_t before = bj_clock_us();

        while (bj_clock_us() <= before + 1)
            ;
        assert_int_equal(bj_service_count_request(service, &five, &retry, &err), 0);
    }
}

/* ---- restarts and losses ---- */

static void test_second_front(void **state)
{
    json_t *metadata = json_pack("{s:s}", "colour", "blue");
    json_t *config = json_loads("{\"security\": {\"command_blacklist\": [\"curl\"]}}", 0, NULL);
    struct bj_sandbox_request request = {.timeout_us = -1,
                                         .idle_us = -1,
                                         .metadata = metadata,
                                         .config = config,
                                         .idempotency_key = "k"};
    struct bj_caller caller = {.who = &alice};
    struct bj_identity limited = alice;
    struct bj_sandbox_view view;
    struct got got, again, own = {0}, ran;
    int64_t created;

    (void)state;
    make(&alice, &request, &got);
    assert_int_equal(bj_sandbox_default(service, &alice, on_sandbox, &own, NULL), 0);
    fake_turn();
    caller.sandbox = got.id;
    assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), 0);
    created = view.created_ms;
    run(&alice, got.id, "true", &ran);

    end_front();
    service = fake_front(&options);
    assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), 0);
    assert_true(view.created_ms == created);
    assert_string_equal(json_string_value(json_object_get(view.metadata, "colour")), "blue");
    assert_string_equal(view.owner, "alice");
    make(&alice, &request, &again); /* the idempotency key */
    assert_true(again.existed);
    assert_string_equal(again.id, got.id);
    memset(&again, 0, sizeof again); /* whose default it is */
    assert_int_equal(bj_sandbox_default(service, &alice, on_sandbox, &again, NULL), 0);
    fake_turn();
    assert_string_equal(again.id, own.id);
    run(&alice, got.id, "curl x", &ran); /* the policy */
    assert_int_equal(ran.result, -BJ_E_DENIED);
    caller.who = &mallory; /* the owner */
    assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), -BJ_E_NOT_FOUND);
    limited.quota.sandboxes = 2; /* what counts */
    request.idempotency_key = NULL;
    make(&limited, &request, &again);
    assert_int_equal(again.result, -BJ_E_QUOTA);
    json_decref(metadata);
    json_decref(config);
}

/* A label that makes no sense belongs to nobody but the administrator. */
static void test_strange_labels(void **state)
{
    static const char *const labels[] = {
        "",
        "nonsense",
        "[]",
        "{\"owner\": 5}",
        "{\"rules\": \"{\\\"security\\\": 5}\"}",
        "{\"owner\": \"mallory\", \"rules\": 7, \"metadata\": {\"a\": 1}, \"created_ms\": -5}",
        "{\"default\": true}",
    };
    struct bj_sandbox_view view;
    struct got ran;

    (void)state;
    end_front();
    fake.sandbox_count = sizeof labels / sizeof *labels;
    for (size_t i = 0; i < fake.sandbox_count; i++) {
        snprintf(fake.sandboxes[i].id, sizeof fake.sandboxes[i].id, "s%zu", i);
        snprintf(fake.sandboxes[i].preset, sizeof fake.sandboxes[i].preset, "plain");
        snprintf(fake.sandboxes[i].owner, BJ_OWNER_MAX, "alice");
        snprintf(fake.sandboxes[i].label, BJ_LABEL_MAX, "%s", labels[i]);
    }
    service = fake_front(&options);
    for (size_t i = 0; i < fake.sandbox_count; i++) {
        struct bj_caller caller = {.who = &alice, .sandbox = fake.sandboxes[i].id};

        assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), 0);
        caller.who = &mallory; /* whatever a label says */
        assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), -BJ_E_NOT_FOUND);
    }
    /* Rules that cannot be read refuse everything. */
    run(&alice, "s4", "true", &ran);
    assert_int_equal(ran.result, -BJ_E_DENIED);
    run(&alice, "s5", "true", &ran);
    assert_int_equal(ran.result, 0);
}

static void test_keeper_lost(void **state)
{
    struct bj_process_request request = {.command = "sleep 9", .timeout_us = 0};
    struct bj_caller caller = {.who = &alice};
    struct bj_sandbox_view view;
    struct got got, started = {0}, waited = {0}, ran = {0};
    struct bj_run_request run_request = {.process = {.command = "sleep 9"}};

    (void)state;
    make_plain(&alice, &got);
    caller.sandbox = got.id;
    fake.runs_on = true;
    assert_int_equal(bj_process_launch(service, &caller, &request, on_process, &started, NULL), 0);
    assert_int_equal(bj_run_start(service, &caller, &run_request, on_run, &ran, NULL, NULL), 0);
    fake_turn();
    assert_int_equal(bj_process_wait(service, &caller, started.process, on_process, &waited, NULL),
                     0);
    bj_fd_close(&fake.keeper);
    for (int i = 0; i < 10; i++)
        uv_run(&fake.loop, UV_RUN_NOWAIT);
    assert_int_equal(waited.times, 1);
    assert_int_equal(waited.result, -BJ_E_ENDED);
    assert_int_equal(ran.times, 1);
    assert_int_equal(ran.result, -BJ_E_ENDED);
    assert_false(bj_service_ready(service));
    assert_int_equal(bj_sandbox_get(service, &caller, &view, NULL), -BJ_E_BUSY);
}

/* ---- pace ---- */

static struct {
    int mine, others, before;
} paced;

static void work_long(void *context)
{
    int64_t end_us = bj_clock_us() + 2 * BJ_PACE_US;

    while (bj_clock_us() < end_us)
        ;
    if (context == &alice) {
        paced.mine++;
        return;
    }
    if (paced.others++ == 0)
        paced.before = paced.mine;
}

/* A piece at each turn of the loop, and owners one after the other, however many they have. */
static void test_pace(void **state)
{
    (void)state;
    memset(&paced, 0, sizeof paced);
    for (int i = 0; i < 20; i++)
        assert_int_equal(bj_paced(service, &alice, work_long, (void *)&alice, NULL), 0);
    assert_int_equal(paced.mine, 0);
    uv_run(&fake.loop, UV_RUN_NOWAIT);
    assert_int_equal(paced.mine, 1);
    uv_run(&fake.loop, UV_RUN_NOWAIT);
    assert_int_equal(paced.mine, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(bj_paced(service, &mallory, work_long, (void *)&mallory, NULL), 0);
    while (paced.others < 2)
        uv_run(&fake.loop, UV_RUN_NOWAIT);
    assert_in_range(paced.before, 2, 3);
    assert_in_range(paced.mine, 2, 6);
    while (paced.mine < 20)
        uv_run(&fake.loop, UV_RUN_NOWAIT);
    assert_int_equal(paced.others, 2);
}

/* ---- events ---- */

static char events[2048];
static bool take_event(void *context, const struct bj_event *event)
{
    (void)context;
    snprintf(events + strlen(events), sizeof events - strlen(events), "%s ",
             bj_event_name(event->kind));
    return true;
}

static void test_events(void **state)
{
    struct bj_event_request request = {.after = 0, .event = take_event};
    struct bj_event_feed *feed;
    struct got got, ran;

    (void)state;
    events[0] = '\0';
    assert_int_equal(bj_event_open(service, &alice, &request, &feed, NULL), 0);
    make_plain(&mallory, &got); /* not hers */
    make_plain(&alice, &got);
    run(&alice, got.id, "rm -rf /", &ran);
    fake_turn();
    assert_string_equal(events, "sandbox.created denied ");
    bj_event_close(feed);
    events[0] = '\0';
    request.after = 1; /* long ago */
    assert_int_equal(bj_event_open(service, &alice, &request, &feed, NULL), 0);
    fake_turn();
    assert_string_equal(events, "events.lost sandbox.created denied ");
    bj_event_close(feed);
    request.everyone = true;
    assert_int_equal(bj_event_open(service, &alice, &request, &feed, NULL), -BJ_E_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_foreign_identifiers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_keys_of_an_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_administrator, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_default_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_default_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idempotency, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals_are_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clients_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_environment_is_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_quota_race, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_quota, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_process_quota, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_quota, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requests_of_several_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strange_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keeper_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
