/*
 * A service before the keeper that the test plays (fake_keeper.h), one user of it, and call backs
 * that note what they got.
 */
#ifndef BJ_TESTS_FRONT_FIXTURE_H
#define BJ_TESTS_FRONT_FIXTURE_H

#include "fake_keeper.h"

static struct bj_service_preset presets[2];
static struct bj_service_options options = {.presets = presets, .preset_count = 2};
static struct bj_service *service;

static const struct bj_identity alice = {
    .key = "a1", .owner = "alice", .scopes = BJ_SCOPE_ALL & ~BJ_SCOPE_ADMIN, .uid = -1};
static int set_up(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.keeper = fake.audit = fake.open_fd = -1;
    uv_loop_init(&fake.loop);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(bj_config_init(&presets[i].config, NULL), 0);
        presets[i].name = i == 0 ? "plain" : "strict";
    }
    assert_int_equal(bj_config_set(&presets[1].config, BJ_OPT_MAX_REQUESTS, "3", "/", NULL), 0);
    assert_int_equal(
        bj_config_set(&presets[1].config, BJ_OPT_COMMAND_BLACKLIST, "forbidden", "/", NULL), 0);
    service = fake_front(&options);
    return 0;
}

static void end_front(void)
{
    bj_service_free(service);
    service = NULL;
    for (int i = 0; i < 5; i++)
        uv_run(&fake.loop, UV_RUN_NOWAIT);
}

static int tear_down(void **state)
{
    (void)state;
    if (service != NULL)
        end_front();
    assert_int_equal(uv_loop_close(&fake.loop), 0);
    bj_fd_close(&fake.keeper);
    bj_fd_close(&fake.audit);
    bj_fd_close(&fake.open_fd);
    for (size_t i = 0; i < 2; i++)
        bj_config_release(&presets[i].config);
    return 0;
}

/* ---- call backs ---- */

struct got {
    int times, result;
    char id[BJ_SANDBOX_ID_MAX], message[BJ_ERROR_MESSAGE_MAX], text[1024], error[1024],
        directory[256];
    bool existed, verdict;
    int64_t retry_us;
    uint32_t process;
    int exit_code;
};

static void note(struct got *got, const struct bj_answer *base)
{
    got->times++;
    got->result = base->result;
    got->verdict = base->verdict != NULL;
    got->retry_us = base->retry_after_us;
    snprintf(got->message, sizeof got->message, "%s", base->result < 0 ? base->error.message : "");
}

static void on_sandbox(void *context, const struct bj_sandbox_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    got->existed = answer->existed;
    assert_true((answer->base.result == 0) == (answer->sandbox != NULL));
    if (answer->sandbox != NULL)
        snprintf(got->id, sizeof got->id, "%s", answer->sandbox->id);
}

static void on_run(void *context, const struct bj_run_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    snprintf(got->text, sizeof got->text, "%s", answer->output);
    snprintf(got->error, sizeof got->error, "%s", answer->error);
    snprintf(got->directory, sizeof got->directory, "%s",
             answer->directory != NULL ? answer->directory : "");
    got->exit_code = answer->ending.exit_code;
    got->process = answer->process;
}

static void on_answer(void *context, const struct bj_answer *answer)
{
    note(context, answer);
}

static void on_content(void *context, const struct bj_content_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    if (answer->base.result == 0 && answer->data != NULL)
        snprintf(got->text, sizeof got->text, "%.*s", (int)answer->length, answer->data);
}

static void on_files(void *context, const struct bj_files_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    got->process = (uint32_t)answer->count;
    if (answer->count > 0)
        snprintf(got->text, sizeof got->text, "%s", answer->files[0].path);
}

static void on_tool(void *context, const struct bj_tool_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    snprintf(got->text, sizeof got->text, "%s",
             answer->output != NULL ? answer->output : "(nothing)");
}

static void on_shell(void *context, const struct bj_shell_answer *answer)
{
    struct got *got = context;

    note(got, &answer->base);
    if (answer->shell != NULL)
        snprintf(got->directory, sizeof got->directory, "%s", answer->shell->directory);
}

static void make(const struct bj_identity *who, const struct bj_sandbox_request *request,
                 struct got *got)
{
    struct bj_error err = {0};

    memset(got, 0, sizeof *got);
    if (bj_sandbox_make(service, who, request, on_sandbox, got, &err) < 0) {
        got->result = -err.code;
        snprintf(got->message, sizeof got->message, "%s", err.message);
    }
    fake_turn();
}

static void make_plain(const struct bj_identity *who, struct got *got)
{
    struct bj_sandbox_request request = {.timeout_us = -1, .idle_us = -1};

    make(who, &request, got);
    assert_int_equal(got->result, 0);
    assert_int_equal(got->times, 1);
}

static void run(const struct bj_identity *who, const char *sandbox, const char *command,
                struct got *got)
{
    struct bj_caller caller = {.who = who, .sandbox = sandbox};
    struct bj_run_request request = {.process = {.command = command, .timeout_us = -1}};
    struct bj_error err = {0};

    memset(got, 0, sizeof *got);
    if (bj_run_start(service, &caller, &request, on_run, got, NULL, &err) < 0)
        got->result = -err.code;
    fake_turn();
}

#endif
