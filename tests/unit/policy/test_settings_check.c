/*
 * Tests of checkCommand with the real parser: the whole truth table of what the answer depends on,
 * and commands that begin as an excluded one and do something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/settings.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static struct bj_shell *shell;

static int make_shell(void **state)
{
    (void)state;
    shell = bj_shell_new(NULL);
    return shell != NULL ? 0 : -1;
}

static int free_shell(void **state)
{
    (void)state;
    bj_shell_free(shell);
    return 0;
}

/* What the answer depends on, one bit each. */
enum {
    ENABLED = 1,
    AUTO_ALLOW = 2,
    EXCLUDED = 4,
    DISABLE = 8,
    ALLOW_LISTED = 16,
    ALLOW_ANY = 32,
    EXECUTOR = 64,
    COMBINATIONS = 128
};

/* The table of docs/SETTINGS.md: the first row whose bits are as said decides. */
static const struct {
    int bits, values;
    enum bj_check_outcome outcome;
    bool allowed, requires_permission;
    const char *reason;
} table[] = {
    {ENABLED, 0, BJ_CHECK_DISABLED, true, false, "Sandbox is disabled"},
    {EXCLUDED, EXCLUDED, BJ_CHECK_EXCLUDED, true, false, "Command is in excluded list"},
    {DISABLE | ALLOW_LISTED, DISABLE | ALLOW_LISTED, BJ_CHECK_REQUIRES_PERMISSION, false, true,
     "Command requests unsandboxed execution"},
    {DISABLE | ALLOW_ANY, DISABLE | ALLOW_ANY, BJ_CHECK_REQUIRES_PERMISSION, false, true,
     "Command requests unsandboxed execution"},
    {DISABLE, DISABLE, BJ_CHECK_DENIED, false, false, "Unsandboxed commands are not allowed"},
    {EXECUTOR, 0, BJ_CHECK_UNAVAILABLE, false, false,
     "Sandbox is enabled, but no supported sandbox executor is available on linux. Install "
     "Bubblewrap on Linux or disable sandbox explicitly."},
    {0, 0, BJ_CHECK_SANDBOXED, true, false, "Command will run in sandbox"},
};

static void the_truth_table(void **state)
{
    char *list[] = {"git", NULL}, *other[] = {"npm", NULL};

    (void)state;
    for (int bits = 0; bits < COMBINATIONS; bits++) {
        const struct bj_settings settings = {
            .enabled = bits & ENABLED,
            .auto_allow_bash_if_sandboxed = bits & AUTO_ALLOW,
            .excluded_commands = bits & EXCLUDED ? list : other,
            .allow_unsandboxed_commands = bits & ALLOW_LISTED ? list : other,
            .allow_any_unsandboxed = bits & ALLOW_ANY,
        };
        const struct bj_check_request request = {
            .command = "git status",
            .dangerously_disable_sandbox = bits & DISABLE,
            .executor_available = bits & EXECUTOR,
        };
        struct bj_check check;
        size_t row = 0;

        while ((bits & table[row].bits) != table[row].values)
            row++;
        assert_int_equal(bj_settings_check(&settings, shell, &request, &check, NULL), 0);
        if (check.outcome != table[row].outcome || check.allowed != table[row].allowed ||
            check.requires_permission != table[row].requires_permission)
            fail_msg("%#x: %s", (unsigned)bits, check.reason);
        assert_string_equal(check.reason, table[row].reason);
        assert_int_equal(bj_settings_should_auto_allow_bash(&settings, bits & EXECUTOR),
                         (bits & (ENABLED | AUTO_ALLOW | EXECUTOR)) ==
                             (ENABLED | AUTO_ALLOW | EXECUTOR));
    }
}

static bool excluded(char *const *list, const char *command)
{
    const struct bj_settings settings = {.excluded_commands = (char **)list};
    const struct bj_check_request request = {
        .command = command, .directory = "/work", .home = "/home/user"};
    bool ret = false;

    assert_int_equal(bj_settings_is_excluded(&settings, shell, &request, &ret, NULL), 0);
    return ret;
}

static void excludes_what_is_meant(void **state)
{
    static const char *const rows[] = {
        "git",
        "git status",
        "  git   status  ",
        "git commit -m 'a; rm -rf ~'",
        "git log --oneline | git cat-file --batch",
        "git add . && git commit -m x",
        "git status; git diff || git log",
        "\"git\" status",
        "g\"i\"t status",
        "git add ./*.c",
        "docker ps",
        "# a remark\ngit status",
    };
    char *list[] = {"git", "docker", NULL};

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        if (!excluded(list, rows[i]))
            fail_msg("%s", rows[i]);
    }
}

static void lets_nothing_else_out(void **state)
{
    static const char *const rows[] = {
        "",
        "   ",
        "# git",
        "gitk",
        "rm -rf ~",
        "git status; rm -rf ~",
        "git status && rm -rf ~",
        "git status || rm -rf ~",
        "git status | sh",
        "git status & rm -rf ~",
        "git status\nrm -rf ~",
        "git $(rm -rf ~)",
        "git `rm -rf ~`",
        "git <(rm -rf ~)",
        "git status \"$(rm -rf ~)\"",
        "git ${x:-$(rm -rf ~)}",
        "git $x",
        "git \"$x\"",
        "git $((a[$(rm -rf ~)]))",
        "git status > ~/.bashrc",
        "git status >> ~/.bashrc",
        "git apply < patch",
        "git status 2> ~/.bashrc",
        "GIT_SSH_COMMAND='rm -rf ~' git fetch",
        "PATH=/tmp/evil git status",
        "PATH=/tmp/evil; git status",
        "export PATH=/tmp/evil && git status",
        "cd /tmp/evil && git status",
        "pushd /tmp/evil; git status",
        "git() { rm -rf ~; }; git",
        "function git { rm -rf ~; }; git status",
        "alias git='rm -rf ~'; git status",
        "eval git status",
        "git status; eval \"$x\"",
        "trap 'rm -rf ~' EXIT; git status",
        "bash -c 'git status; rm -rf ~'",
        "env -S 'rm -rf ~' git",
        "sudo git status",
        "docker run --rm alpine true",
        "/usr/bin/git status",
        "./git status",
        "\\git-x status",
        "git -c core.pager='rm -rf ~' log",
        "git -c alias.x='!rm -rf ~' x",
        "git * status",
        "git ?x",
        "if true; then git status; fi; rm -rf ~",
        "while git status; do rm -rf ~; done",
        "for i in a; do git $i; done; rm -rf ~",
        "(git status; rm -rf ~)",
        "{ git status; rm -rf ~; }",
        "! rm -rf ~",
        "git status <<X\n$(rm -rf ~)\nX",
        "git status <<< \"$(rm -rf ~)\"",
        "time rm -rf ~",
        "coproc rm -rf ~",
        "git 'unfinished",
        "git status; (",
        "[[ -n $(rm -rf ~) ]]; git status",
        "x=$(rm -rf ~) git status",
        "git status \\\n; rm -rf ~",
    };
    char *list[] = {"git", "git *", "docker", NULL};

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        if (excluded(list, rows[i]))
            fail_msg("%s", rows[i]);
    }
}

/* Options by which a listed program runs, loads or writes something else, or goes elsewhere. */
static void options_choose_nothing(void **state)
{
    static const char *const inside[] = {
        "git --exec-path=. status",
        "git --config-env=core.pager=HOME log",
        "git --git-dir=/tmp/evil status",
        "git -C /tmp status",
        "git log --output=x",
        "npm run test --script-shell=rm",
        "npm --prefix /tmp run x",
        "make -C /tmp",
        "make --eval='x:;rm -rf ~' x",
    };
    static const char *const outside[] = {"git push", "npm run test", "make all", "make -j4"};
    char *list[] = {"git", "npm", "make", NULL};

    (void)state;
    for (size_t i = 0; i < LENGTH(inside); i++) {
        if (excluded(list, inside[i]))
            fail_msg("%s", inside[i]);
    }
    for (size_t i = 0; i < LENGTH(outside); i++) {
        if (!excluded(list, outside[i]))
            fail_msg("%s", outside[i]);
    }
}

static void says_why_it_was_kept_in(void **state)
{
    char *list[] = {"git", NULL};
    const struct bj_settings settings = {.enabled = true, .excluded_commands = list};
    struct bj_check_request request = {.command = "git status; rm -rf x",
                                       .executor_available = true};
    struct bj_check check;

    (void)state;
    assert_int_equal(bj_settings_check(&settings, shell, &request, &check, NULL), 0);
    assert_int_equal(check.outcome, BJ_CHECK_SANDBOXED);
    assert_string_equal(check.note, "not taken for listed: it also runs rm");
    request.command = "ls";
    assert_int_equal(bj_settings_check(&settings, shell, &request, &check, NULL), 0);
    assert_string_equal(check.note, "");
}

static void without_a_parser_nothing_is_listed(void **state)
{
    char *list[] = {"git", NULL};
    const struct bj_settings settings = {
        .enabled = true, .excluded_commands = list, .allow_unsandboxed_commands = list};
    struct bj_check_request request = {.command = "git", .executor_available = true};
    struct bj_check check;

    (void)state;
    assert_int_equal(bj_settings_check(&settings, NULL, &request, &check, NULL), 0);
    assert_int_equal(check.outcome, BJ_CHECK_SANDBOXED);
    request.dangerously_disable_sandbox = true;
    assert_int_equal(bj_settings_check(&settings, NULL, &request, &check, NULL), 0);
    assert_int_equal(check.outcome, BJ_CHECK_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_truth_table),
        cmocka_unit_test(excludes_what_is_meant),
        cmocka_unit_test(lets_nothing_else_out),
        cmocka_unit_test(options_choose_nothing),
        cmocka_unit_test(says_why_it_was_kept_in),
        cmocka_unit_test(without_a_parser_nothing_is_listed),
    };

    return cmocka_run_group_tests_name("policy/settings_check", tests, make_shell, free_shell);
}
