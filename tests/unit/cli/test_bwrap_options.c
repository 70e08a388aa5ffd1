/* Tests of src/cli/bwrap_options.c: command lines of bubblewrap as layouts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bwrap_options.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char *const environment[] = {(char *)"HOME=/home/a", (char *)"A=1", (char *)"AB=2",
                                    (char *)"BELLJAR_CONFIG=/x", NULL};
static struct bj_bwrap bwrap;
static struct bj_error err;

/* Descriptor 5 holds options, 6 more of them than is allowed, 7 refers to itself. */
static int read_all(int fd, struct bj_buf *out)
{
    static const char options[] = "--tmpfs\0/a\0--setenv\0X\0y z";
    static const char itself[] = "--args\0007";

    if (fd == 5)
        bj_buf_append(out, options, sizeof options - 1);
    if (fd == 6) {
        for (int i = 0; i <= BJ_BWRAP_ARGS_MAX / 8; i++)
            bj_buf_puts(out, "--------");
    }
    if (fd == 7)
        bj_buf_append(out, itself, sizeof itself);
    errno = EBADF;
    return fd > 7 ? -1 : 0;
}

static bool path_of(int fd, char *ret, size_t size)
{
    if (fd == 5 && size > 6)
        memcpy(ret, "/of/5", 6);
    return fd == 5;
}

static int parse_as(uid_t uid, const char *const *words)
{
    const struct bj_bwrap_caller caller = {
        .uid = uid, .gid = 5, .environment = environment, .read_all = read_all, .path_of = path_of};
    static char *argv[1200];
    int argc = 1;

    argv[0] = (char *)"bwrap";
    while (words[argc - 1] != NULL) {
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    argv[argc] = NULL;
    memset(&err, 0, sizeof err);
    bj_bwrap_release(&bwrap);
    return bj_bwrap_parse(argc, argv, &caller, &bwrap, &err);
}

#define PARSE(...) parse_as(1000, (const char *const[]){__VA_ARGS__, NULL})

static const char *variable(const char *name)
{
    size_t length = strlen(name), found = 0;
    const char *value = NULL;

    for (size_t i = 0; bwrap.environment[i] != NULL; i++) {
        if (strncmp(bwrap.environment[i], name, length) == 0 &&
            bwrap.environment[i][length] == '=') {
            value = bwrap.environment[i] + length + 1;
            found++;
        }
    }
    assert_true(found <= 1);
    return value;
}

static void test_steps_keep_their_order(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--ro-bind", "/", "/", "--bind", "src", "dest//x/", "--dev", "/dev",
                           "--proc", "/proc", "--symlink", "to", "/l", "--", "cmd", "-x"),
                     0);
    assert_int_equal(bwrap.layout.step_count, 5);
    assert_int_equal(bwrap.steps[0].kind, BJ_STEP_BIND);
    assert_true(bwrap.steps[0].read_only);
    assert_string_equal(bwrap.steps[0].target, "/");
    assert_string_equal(bwrap.steps[1].source, "src");
    assert_string_equal(bwrap.steps[1].target, "/dest/x");
    assert_false(bwrap.steps[1].read_only || bwrap.steps[1].devices || bwrap.steps[1].optional);
    assert_int_equal(bwrap.steps[2].kind, BJ_STEP_DEV);
    assert_int_equal(bwrap.steps[3].kind, BJ_STEP_PROC);
    assert_string_equal(bwrap.steps[4].source, "to");
    assert_string_equal(bwrap.command[0], "cmd");
    assert_string_equal(bwrap.command[1], "-x");
}

static void test_modes_and_sizes_hold_once(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--perms", "0700", "--size", "4096", "--tmpfs", "/a", "--tmpfs", "/b",
                           "--file", "3", "/f", "--bind-data", "4", "/g", "--perms", "000",
                           "--ro-bind-data", "4", "/h", "--chmod", "0711", "/b", "cmd"),
                     0);
    assert_int_equal(bwrap.steps[0].mode, 0700);
    assert_int_equal(bwrap.steps[0].size, 4096);
    assert_int_equal(bwrap.steps[1].mode, 0755);
    assert_int_equal(bwrap.steps[1].size, 0);
    assert_int_equal(bwrap.steps[2].mode, 0666);
    assert_int_equal(bwrap.steps[2].fd, 3);
    assert_int_equal(bwrap.steps[3].mode, 0600);
    assert_false(bwrap.steps[3].read_only);
    assert_int_equal(bwrap.steps[4].mode, 0);
    assert_true(bwrap.steps[4].read_only);
    assert_int_equal(bwrap.steps[5].mode, 0711);
}

static void test_network(void **state)
{
    static const struct {
        const char *words[4];
        bool own;
    } cases[] = {
        {{"cmd"}, false},
        {{"--unshare-net", "cmd"}, true},
        {{"--unshare-all", "cmd"}, true},
        {{"--unshare-all", "--share-net", "cmd"}, false},
        {{"--share-net", "--unshare-net", "cmd"}, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *words[] = {cases[i].words[0], cases[i].words[1], cases[i].words[2], NULL};

        assert_int_equal(parse_as(1000, words), 0);
        assert_int_equal(bwrap.layout.own_network, cases[i].own);
    }
}

static void test_environment(void **state)
{
    (void)state;
    assert_int_equal(PARSE("cmd"), 0);
    assert_string_equal(variable("A"), "1");
    assert_null(variable("BELLJAR_CONFIG"));
    assert_string_equal(bwrap.layout.home, "/home/a");
    assert_non_null(variable("PWD"));
    assert_int_equal(PARSE("--unsetenv", "A", "--setenv", "AB", "x", "--setenv", "AB", "", "cmd"),
                     0);
    assert_null(variable("A"));
    assert_string_equal(variable("AB"), "");
    assert_int_equal(PARSE("--setenv", "A", "x", "--clearenv", "--setenv", "HOME", "/h", "cmd"), 0);
    assert_null(variable("A"));
    assert_string_equal(bwrap.layout.home, "/h");
    assert_int_equal(PARSE("--chdir", "/w", "cmd"), 0);
    assert_string_equal(variable("PWD"), "/w");
    assert_false(bwrap.layout.keep_directory);
}

static void test_capabilities(void **state)
{
    uint64_t all;

    (void)state;
    assert_int_equal(PARSE("--cap-add", "ALL", "cmd"), 0);
    all = bwrap.layout.capabilities;
    assert_int_equal(PARSE("cmd"), 0);
    assert_true(bwrap.layout.capabilities == 0);
    assert_int_equal(parse_as(0, (const char *const[]){"cmd", NULL}), 0);
    assert_true(bwrap.layout.capabilities == all && all != 0);
    assert_int_equal(parse_as(0, (const char *const[]){"--cap-drop", "ALL", "--cap-add",
                                                       "CAP_SETFCAP", "--cap-add", "kill",
                                                       "--cap-drop", "CAP_KILL", "cmd", NULL}),
                     0);
    assert_true(bwrap.layout.capabilities == (uint64_t)1 << 31);
    /* None that reaches the kernel, by whatever name. */
    assert_true((all & ((uint64_t)1 << 21 | (uint64_t)1 << 12 | (uint64_t)1 << 19)) == 0);
    assert_int_equal(PARSE("--cap-add", "cap_sys_admin", "cmd"), -BJ_E_DENIED);
    assert_int_equal(PARSE("--cap-drop", "cap_sys_admin", "cmd"), 0);
}

static void test_namespaces_inside(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--unshare-user", "cmd"), 0);
    assert_true(bwrap.layout.nesting);
    assert_int_equal(PARSE("--disable-userns", "cmd"), 0);
    assert_false(bwrap.layout.nesting);
    assert_int_equal(PARSE("--assert-userns-disabled", "cmd"), 0);
    assert_false(bwrap.layout.nesting);
}

static void test_descriptors(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--sync-fd", "3", "--info-fd", "4", "--json-status-fd", "5",
                           "--block-fd", "6", "--seccomp", "7", "--seccomp", "8", "--ro-bind-fd",
                           "5", "/x", "cmd"),
                     0);
    assert_int_equal(bwrap.layout.held_fd, 3);
    assert_int_equal(bwrap.info_fd, 4);
    assert_int_equal(bwrap.status_fd, 5);
    assert_int_equal(bwrap.block_fd, 6);
    assert_int_equal(bwrap.layout.filter_count, 1);
    assert_int_equal(bwrap.layout.filters[0], 8);
    assert_string_equal(bwrap.steps[0].source, "/of/5");
    assert_int_equal(PARSE("--add-seccomp-fd", "7", "--add-seccomp-fd", "8", "cmd"), 0);
    assert_int_equal(bwrap.layout.filter_count, 2);
}

static void test_args(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--dir", "/z", "--args", "5", "--dir", "/b", "--", "cmd"), 0);
    assert_int_equal(bwrap.layout.step_count, 3);
    assert_string_equal(bwrap.steps[1].target, "/a");
    assert_string_equal(bwrap.steps[2].target, "/b");
    assert_string_equal(variable("X"), "y z");
    assert_int_equal(PARSE("--args", "6", "cmd"), -BJ_E_LIMIT);
    assert_int_equal(PARSE("--args", "7", "cmd"), -BJ_E_LIMIT);
    assert_int_equal(PARSE("--args", "8", "cmd"), -BJ_E_SYSTEM);
}

static void test_named_command(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--argv0", "name", "--", "/file", "a", "b"), 0);
    assert_true(bwrap.named);
    assert_string_equal(bwrap.command[0], "/file");
    assert_string_equal(bwrap.command[1], "name");
    assert_string_equal(bwrap.command[2], "a");
    assert_string_equal(bwrap.command[3], "b");
    assert_null(bwrap.command[4]);
}

static void test_refusals_name_the_option(void **state)
{
    static const struct {
        const char *words[5];
        enum bj_code code;
    } cases[] = {
        {{"--userns", "3", "cmd"}, BJ_E_UNSUPPORTED},
        {{"--userns-block-fd", "3", "cmd"}, BJ_E_UNSUPPORTED},
        {{"--lock-file", "/x", "cmd"}, BJ_E_UNSUPPORTED},
        {{"--bind", "/x"}, BJ_E_INVALID},
        {{"--never-heard-of"}, BJ_E_INVALID},
        {{"--perms", "8", "cmd"}, BJ_E_INVALID},
        {{"--perms", "4755", "cmd"}, BJ_E_INVALID},
        {{"--perms", "0755", "cmd"}, BJ_E_INVALID},
        {{"--perms", "0755", "--bind", "/a", "/b"}, BJ_E_INVALID},
        {{"--size", "-1", "cmd"}, BJ_E_INVALID},
        {{"--size", "1", "--dir", "/x"}, BJ_E_INVALID},
        {{"--uid", "4294967295", "cmd"}, BJ_E_INVALID},
        {{"--info-fd", "x", "cmd"}, BJ_E_INVALID},
        {{"--setenv", "A=B", "c", "cmd"}, BJ_E_INVALID},
        {{"--bind-fd", "4", "/x", "cmd"}, BJ_E_INVALID},
        {{"--cap-add", "no", "cmd"}, BJ_E_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse_as(1000, cases[i].words), -(int)cases[i].code);
        assert_non_null(strstr(err.message, cases[i].words[0]));
    }
    assert_int_equal(PARSE("--"), -BJ_E_INVALID);
}

static void test_too_many_steps(void **state)
{
    static const char *words[2 * BJ_LAYOUT_STEPS_MAX + 4];
    size_t count = 0;

    (void)state;
    for (int i = 0; i < BJ_LAYOUT_STEPS_MAX; i++) {
        words[count++] = "--dir";
        words[count++] = "/x";
    }
    words[count] = "cmd";
    assert_int_equal(parse_as(1000, words), 0);
    words[count++] = "--dir";
    words[count++] = "/x";
    words[count] = "cmd";
    assert_int_equal(parse_as(1000, words), -BJ_E_LIMIT);
}

static void test_help_lists_what_is_supported(void **state)
{
    struct bj_buf text;

    (void)state;
    bj_buf_init(&text, 1 << 20);
    bj_bwrap_help(&text);
    assert_non_null(strstr(bj_buf_text(&text), "--argv0"));
    assert_non_null(strstr(bj_buf_text(&text), "--perms"));
    assert_null(strstr(bj_buf_text(&text), "--userns FD"));
    bj_buf_release(&text);
    assert_int_equal(PARSE("--help", "--never-heard-of"), 0);
    assert_true(bwrap.help && !bwrap.version);
    assert_int_equal(PARSE("--version"), 0);
    assert_true(bwrap.version);
}

static int release(void **state)
{
    (void)state;
    bj_bwrap_release(&bwrap);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_keep_their_order),
        cmocka_unit_test(test_modes_and_sizes_hold_once),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_namespaces_inside),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_args),
        cmocka_unit_test(test_named_command),
        cmocka_unit_test(test_refusals_name_the_option),
        cmocka_unit_test(test_too_many_steps),
        cmocka_unit_test(test_help_lists_what_is_supported),
    };

    return cmocka_run_group_tests_name("bwrap_options", tests, NULL, release);
}
