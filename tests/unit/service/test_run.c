/*
 * Tests of what src/service runs in a sandbox, with a keeper that the test plays: commands, files,
 * tools and shell sessions. Who may have it run, and what is refused, is in test_service.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "front_fixture.h"

static void test_run(void **state)
{
    struct got got, ran;

    (void)state;
    make_plain(&alice, &got);
    fake.output_length = (size_t)snprintf(fake.output, sizeof fake.output, "hello\n");
    fake.exit_code = 3;
    run(&alice, got.id, "echo hello; exit 3", &ran);
    assert_int_equal(ran.times, 1);
    assert_int_equal(ran.result, 0);
    assert_string_equal(ran.text, "hello\n");
    assert_int_equal(ran.exit_code, 3);
    assert_true((fake.last_flags & BJ_START_FORGET) != 0);
    fake.fails = BJ_E_BUSY;
    run(&alice, got.id, "true", &ran);
    assert_int_equal(ran.result, -BJ_E_BUSY);
}

static void test_content(void **state)
{
    struct bj_caller caller = {.who = &alice};
    struct got got, content = {0};
    int ends[2];

    (void)state;
    make_plain(&alice, &got);
    caller.sandbox = got.id;
    fake.open_fd = memfd_create("content", MFD_CLOEXEC);
    assert_int_equal(write(fake.open_fd, "abc", 3), 3);
    assert_int_equal(lseek(fake.open_fd, 0, SEEK_SET), 0);
    assert_int_equal(bj_file_read(service, &caller, "x", on_content, &content, NULL), 0);
    for (int i = 0; i < 200 && content.times == 0; i++) {
        fake_turn();
        usleep(1000);
    }
    assert_int_equal(content.result, 0);
    assert_string_equal(content.text, "abc");

    /* Whatever init gave, it is read only if it is a file. */
    bj_fd_close(&fake.open_fd);
    assert_int_equal(pipe(ends), 0);
    fake.open_fd = ends[0];
    memset(&content, 0, sizeof content);
    assert_int_equal(bj_file_read(service, &caller, "x", on_content, &content, NULL), 0);
    fake_turn();
    assert_int_equal(content.times, 1);
    assert_int_equal(content.result, -BJ_E_CONFLICT);
    close(ends[1]);
}

/* What the helper says may be anybody's words. */
static void test_helper(void **state)
{
    static const struct {
        const char *says;
        int result, count, exit_code;
    } cases[] = {
        {"{\"path\":\"/workspace/a\",\"name\":\"a\",\"type\":\"file\"}\n{\"end\":true}\n", 0, 1},
        {"{\"end\":true}\n", 0, 0},
        {"{\"path\":5}\n{\"no\":1}\n{\"end\":true}\n", 0, 0},
        {"{\"path\":\"/workspace/a\"}\n", -BJ_E_PROTOCOL, 0},
        {"", -BJ_E_PROTOCOL, 0},
        {"nonsense\n{\"end\":true}\n", -BJ_E_PROTOCOL, 0},
        {"[]\n{\"end\":true}\n", -BJ_E_PROTOCOL, 0},
        {"{\"end\":true}\n{\"path\":\"/x\"}\n", -BJ_E_PROTOCOL, 0},
        {"{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no\"}}\n", -BJ_E_NOT_FOUND, 0, 127},
        {"{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no\"}}\n", -BJ_E_PROTOCOL, 0, 0},
        {"{\"end\":true}\n", -BJ_E_PROTOCOL, 0, 137},
        {"{\"end\":true}\n", -BJ_E_PROTOCOL, 0, 1},
        {"{\"error\":{\"code\":\"UNAUTHENTICATED\",\"message\":\"no\"}}\n", -BJ_E_SYSTEM, 0, 125},
        {"{\"error\":5}\n", -BJ_E_SYSTEM, 0, 125},
        {"{\"path\":\"/a\",\"path\":\"/b\"}\n{\"end\":true}\n", -BJ_E_PROTOCOL, 0},
    };
    struct bj_caller caller = {.who = &alice};
    struct bj_files_list_request request = {.path = "."};
    struct got got, files;

    (void)state;
    make_plain(&alice, &got);
    caller.sandbox = got.id;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake.output_length = (size_t)snprintf(fake.output, sizeof fake.output, "%s", cases[i].says);
        fake.exit_code = cases[i].exit_code;
        memset(&files, 0, sizeof files);
        assert_int_equal(bj_files_list(service, &caller, &request, on_files, &files, NULL), 0);
        fake_turn();
        if (files.times != 1 || files.result != cases[i].result ||
            (int)files.process != cases[i].count)
            fail_msg("%s: %d %d %u", cases[i].says, files.times, files.result, files.process);
        assert_string_equal(fake.last_tool, "LS");
        assert_string_equal(fake.last_argv0, "belljar-files");
    }
    fake.exit_code = 0;
}

static void execute(const char *sandbox, const char *tool, const char *text, struct got *got)
{
    struct bj_caller caller = {.who = &alice, .sandbox = sandbox};
    json_t *arguments = json_loads(text, 0, NULL);
    struct bj_error err = {0};

    memset(got, 0, sizeof *got);
    if (bj_tool_execute(service, &caller, tool, arguments, on_tool, got, &err) < 0) {
        got->result = -err.code;
        got->times = 1;
    }
    fake_turn();
    json_decref(arguments);
}

static void test_tools(void **state)
{
    struct got got, tool;

    (void)state;
    make_plain(&alice, &got);
    fake.output_length = (size_t)snprintf(fake.output, sizeof fake.output, "hello\n");
    execute(got.id, "Bash", "{\"command\": \"echo hello\"}", &tool);
    assert_int_equal(tool.result, 0);
    assert_string_equal(tool.text, "hello\n");
    assert_string_equal(fake.last_tool, "Bash");
    execute(got.id, "Search", "{\"pattern\": \"x\"}", &tool);
    assert_string_equal(fake.last_tool, "Search"); /* not as what it is carried out */
    /* An unknown tool, and arguments that are wrong: clear, refused, recorded. */
    fake.refused = 0;
    execute(got.id, "Teleport", "{}", &tool);
    assert_int_equal(tool.result, -BJ_E_INVALID);
    assert_non_null(strstr(tool.message, "none of Bash"));
    execute(got.id, "Bash", "{\"cmd\": \"x\"}", &tool);
    assert_int_equal(tool.result, -BJ_E_INVALID);
    assert_non_null(strstr(tool.message, "\"command\" is missing"));
    assert_int_equal(fake.refused, 2);
}

/* ---- shell sessions ---- */

static void report(const char *directory, const char *variables, size_t length)
{
    fake.report[0] = fake.report[1] = '\0';
    strcpy(fake.report + 2, directory);
    fake.report_length = 2 + strlen(directory) + 1;
    memcpy(fake.report + fake.report_length, variables, length);
    fake.report_length += length;
    fake.report[fake.report_length++] = '\0';
}

static void in_shell(const char *sandbox, const char *command, struct got *got)
{
    struct bj_caller caller = {.who = &alice, .sandbox = sandbox};
    struct bj_run_request request = {.process = {.command = command, .timeout_us = -1},
                                     .shell = "s"};
    struct bj_error err = {0};

    memset(got, 0, sizeof *got);
    if (bj_run_start(service, &caller, &request, on_run, got, NULL, &err) < 0) {
        got->result = -err.code;
        got->times = 1;
    }
    fake_turn();
}

/* A shell session named "s" in a sandbox of alice's, whose shell reports such variables. */
static void open_shell(struct bj_caller *caller, const void *variables, size_t length,
                       struct got *ret_sandbox, struct got *ret_shell)
{
    struct bj_shell_request request = {.name = "s"};

    make_plain(&alice, ret_sandbox);
    caller->sandbox = ret_sandbox->id;
    report("/workspace", variables, length);
    assert_int_equal(bj_shell_create(service, caller, &request, on_shell, ret_shell, NULL), 0);
    fake_turn();
}

static void test_shell(void **state)
{
    static const char base[] = "PATH=/bin\0HOME=/home/user", more[] = "PATH=/bin\0DANGER=/";
    struct bj_caller caller = {.who = &alice};
    struct bj_shell_request request = {.name = "s"};
    struct got got, shell = {0}, ran;

    (void)state;
    open_shell(&caller, base, sizeof base, &got, &shell);
    assert_int_equal(shell.times, 1);
    assert_int_equal(shell.result, 0);
    assert_string_equal(shell.directory, "/workspace");
    assert_int_equal(bj_shell_create(service, &caller, &request, on_shell, &shell, NULL),
                     -BJ_E_CONFLICT);
    report("/tmp", more, sizeof more);
    in_shell(got.id, "cd /tmp; export DANGER=/", &ran);
    assert_int_equal(ran.result, 0);
    assert_string_equal(ran.directory, "/tmp");
    assert_string_equal(fake.last_command, "cd /tmp; export DANGER=/");
    /* What the session has set is known to the policy. */
    in_shell(got.id, "rm -rf $DANGER", &ran);
    assert_int_equal(ran.result, -BJ_E_DENIED);

    /* A front that is started anew finds the session where it was. */
    end_front();
    service = fake_front(&options);
    fake.report_length = 0; /* no report: it stays */
    in_shell(got.id, "true", &ran);
    assert_int_equal(ran.result, 0);
    assert_string_equal(ran.directory, "/tmp");
    in_shell(got.id, "rm -rf $DANGER", &ran);
    assert_int_equal(ran.result, -BJ_E_DENIED);

    memset(&ran, 0, sizeof ran);
    assert_int_equal(bj_shell_remove(service, &caller, "s", on_answer, &ran, NULL), 0);
    fake_turn();
    assert_int_equal(ran.times, 1);
    in_shell(got.id, "true", &ran);
    assert_int_equal(ran.result, -BJ_E_NOT_FOUND);
    end_front();
    service = fake_front(&options);
    in_shell(got.id, "true", &ran);
    assert_int_equal(ran.result, -BJ_E_NOT_FOUND);
}

/* What is not UTF-8 cannot be kept: it is said so, and the session is of use all the same. */
static void test_names_that_are_not_utf8(void **state)
{
    static const char base[] = "PATH=/bin", more[] = "PATH=/bin\0BAD=\xff\0GOOD=1\0WORSE=a\xc3";
    struct bj_caller caller = {.who = &alice};
    struct got got, shell = {0}, ran;

    (void)state;
    open_shell(&caller, base, sizeof base, &got, &shell);
    assert_int_equal(shell.result, 0);
    report("/tmp/\xff", more, sizeof more);
    in_shell(got.id, "cd /tmp/?", &ran);
    assert_int_equal(ran.result, 0);
    assert_string_equal(ran.directory, "/workspace");
    assert_non_null(strstr(ran.error, "goes on in /workspace\n"));
    assert_non_null(strstr(ran.error, "not UTF-8: BAD, WORSE\n"));
    report("/tmp", base, sizeof base);
    in_shell(got.id, "cd /tmp", &ran);
    assert_int_equal(ran.result, 0);
    assert_string_equal(ran.directory, "/tmp");
    assert_string_equal(ran.error, "");
}

static void remove_shell(void *context, const struct bj_run_answer *answer)
{
    struct got *got = context;
    struct bj_caller caller = {.who = &alice, .sandbox = got->id};

    got->times++;
    got->result = answer->base.result;
    assert_int_equal(bj_shell_remove(service, &caller, "s", on_answer, got, NULL), 0);
}

/* The identifiers of processes go on where those of the front before ended, up to the last; and who
 * is told that a command of a session cannot begin may remove the session. */
static void test_last_process(void **state)
{
    static const char base[] = "PATH=/bin";
    struct bj_caller caller = {.who = &alice};
    struct bj_run_request run = {.process = {.command = "true", .timeout_us = -1}, .shell = "s"};
    struct got got, shell = {0}, first = {0}, second = {0};

    (void)state;
    open_shell(&caller, base, sizeof base, &got, &shell);
    assert_int_equal(shell.result, 0);
    end_front();
    fake.last_process = UINT32_MAX - 2;
    service = fake_front(&options);
    fake.holds = true;
    snprintf(second.id, sizeof second.id, "%s", got.id);
    assert_int_equal(bj_run_start(service, &caller, &run, on_run, &first, NULL, NULL), 0);
    assert_int_equal(bj_run_start(service, &caller, &run, remove_shell, &second, NULL, NULL), 0);
    fake_turn();
    fake_let_go();
    fake_turn();
    assert_int_equal(first.result, 0);
    assert_int_equal(first.process, UINT32_MAX - 1);
    assert_true(second.times >= 1);
    in_shell(got.id, "true", &first);
    assert_int_equal(first.result, -BJ_E_NOT_FOUND);
}

/* Reports come from the workload. */
static void test_bad_reports(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } reports[] = {
        {"", 0},
        {"\0", 1},
        {"\0\0", 2},
        {"\0\0/x", 4},
        {"\0\0/x\0", 5},
        {"\0\0/x\0A=b", 8},
        {"\0\0relative\0\0", 12},
        {"/x\0A=b\0\0", 9},
    };
    static const char bad[] =
        "BASH_ENV=/x\0BASH_FUNC_ls%%=() { x; }\0=y\0A B=c\0GOOD=1\0SHELLOPTS=x";
    struct bj_caller caller = {.who = &alice};
    struct got got, shell = {0}, ran;

    (void)state;
    open_shell(&caller, "", 0, &got, &shell);
    assert_int_equal(shell.result, 0);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        memcpy(fake.report, reports[i].bytes, reports[i].length);
        fake.report_length = reports[i].length;
        in_shell(got.id, "true", &ran);
        assert_int_equal(ran.result, 0);
        assert_string_equal(ran.directory, "/workspace");
    }
    report("/x", bad, sizeof bad);
    in_shell(got.id, "true", &ran);
    assert_string_equal(ran.directory, "/x");
    in_shell(got.id, "true", &ran); /* is started: no variable that a caller may not set */
    assert_int_equal(ran.result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_helper, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tools, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_that_are_not_utf8, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_reports, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
