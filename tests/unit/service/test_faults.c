/* Memory that ends anywhere in src/service: every call back comes once all the same, nothing leaks,
 * and a quota is not used up by what failed. */
#include "base/fault.h"
#ifndef BJ_FAULTS
int main(void)
{
    return 77; /* skipped: a build without -Dfaults=true cannot */
}
#else
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_keeper.h"

#define STEPS 8

static struct bj_service_preset preset;
static struct bj_service_options options = {.presets = &preset, .preset_count = 1};
static struct bj_service *service;
static const struct bj_identity alice = {.key = "a1",
                                         .owner = "alice",
                                         .scopes = BJ_SCOPE_ALL,
                                         .uid = -1,
                                         .quota = {.sandboxes = 1, .processes = 1}};
static char made[BJ_SANDBOX_ID_MAX];
static int waiting; /* calls without a call back */

static void on_sandbox(void *context, const struct bj_sandbox_answer *answer)
{
    (void)context;
    waiting--;
    if (answer->sandbox != NULL)
        snprintf(made, sizeof made, "%s", answer->sandbox->id);
}

static void on_run(void *context, const struct bj_run_answer *answer)
{
    (void)context;
    (void)answer;
    waiting--;
}

static void on_process(void *context, const struct bj_process_answer *answer)
{
    (void)context;
    (void)answer;
    waiting--;
}

static void on_shell(void *context, const struct bj_shell_answer *answer)
{
    (void)context;
    (void)answer;
    waiting--;
}

static void on_files(void *context, const struct bj_files_answer *answer)
{
    (void)context;
    (void)answer;
    waiting--;
}

static void on_tool(void *context, const struct bj_tool_answer *answer)
{
    (void)context;
    (void)answer;
    waiting--;
}

/* One operation; 0 when there will be a call back. */
static int do_step(int step)
{
    static json_t *environment, *arguments;
    struct bj_caller caller = {.who = &alice, .sandbox = made};
    struct bj_sandbox_request make = {.timeout_us = -1, .idle_us = -1, .metadata = environment};
    struct bj_run_request run = {
        .process = {.command = "true", .environment = environment, .timeout_us = -1},
        .input = "x",
        .input_length = 1};
    struct bj_run_request in_shell = {.process = {.command = "true", .timeout_us = -1},
                                      .shell = "s"};
    struct bj_shell_request shell = {.name = "s", .environment = environment};
    struct bj_files_list_request list = {.path = "."};
    struct bj_sandbox_change change = {.timeout_us = 1000000, .idle_us = BJ_KEEP_TIME};

    if (environment == NULL) {
        bj_fault_spare(true);
        environment = json_pack("{s:s}", "A", "b");
        arguments = json_pack("{s:s}", "command", "rm -rf /");
        bj_fault_spare(false);
    }
    switch (step) {
    case 0:
        return bj_sandbox_make(service, &alice, &make, on_sandbox, NULL, NULL);
    case 1:
        return bj_run_start(service, &caller, &run, on_run, NULL, NULL, NULL);
    case 2:
        return bj_shell_create(service, &caller, &shell, on_shell, NULL, NULL);
    case 3:
        return bj_run_start(service, &caller, &in_shell, on_run, NULL, NULL, NULL);
    case 4:
        return bj_files_list(service, &caller, &list, on_files, NULL, NULL);
    case 5:
        return bj_tool_execute(service, &caller, "Bash", arguments, on_tool, NULL, NULL);
    case 6:
        return bj_process_launch(service, &caller, &run.process, on_process, NULL, NULL);
    default:
        return bj_sandbox_update(service, &caller, &change, on_sandbox, NULL, NULL);
    }
}

static void set_up(void)
{
    memset(&fake, 0, sizeof fake);
    fake.keeper = fake.audit = fake.open_fd = -1;
    fake.output_length = (size_t)snprintf(fake.output, sizeof fake.output, "{\"end\":true}\n");
    memcpy(fake.report, "\0\0/workspace\0A=b\0\0", 18);
    fake.report_length = 18;
    uv_loop_init(&fake.loop);
    made[0] = '\0';
    waiting = 0;
    service = fake_front(&options);
}

static void tear_down(void)
{
    bj_service_free(service);
    for (int i = 0; i < 5; i++)
        uv_run(&fake.loop, UV_RUN_NOWAIT);
    assert_int_equal(waiting, 0);
    assert_int_equal(uv_loop_close(&fake.loop), 0);
    bj_fd_close(&fake.keeper);
    bj_fd_close(&fake.audit);
}

/* As fake_turn(): the front's part fails where it is to, the peers' never. */
static void turn(void)
{
    for (int i = 0; i < 20; i++) {
        uv_run(&fake.loop, UV_RUN_NOWAIT);
        bj_fault_spare(true);
        fake_serve();
        bj_fault_spare(false);
    }
}

static void step_fails_at(int step, long number)
{
    waiting++;
    bj_fault_at(number, ENOMEM);
    if (do_step(step) < 0)
        waiting--;
    turn();
    bj_fault_at(0, 0);
    fake_turn();
}

/* Each operation with each of its allocations failing, then once more with none. */
static void test_memory(void **state)
{
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        for (long number = 1;; number++) {
            long count;

            set_up();
            for (int before = 0; before < step && before < 3; before++)
                step_fails_at(before, 0);
            step_fails_at(step, number);
            count = bj_fault_count();
            if (bj_service_ready(service)) { /* it is as good as before */
                if (made[0] == '\0')
                    step_fails_at(0, 0);
                step_fails_at(1, 0);
            }
            if (waiting != 0)
                fail_msg("step %d, allocation %ld: %d call backs are missing", step, number,
                         waiting);
            tear_down();
            if (count < number) {
                assert_in_range(number, 10, 2000); /* some were made, and failed */
                break;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory)};

    if (!bj_fault_prepare())
        return 77;
    preset.name = "plain";
    if (bj_config_init(&preset.config, NULL) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
