/* Tests of the settings' answers that need no parser: violations, and lists over given facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/settings.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void ignores_files_by_pattern(void **state)
{
    static const struct {
        char *pattern;
        const char *path;
        bool ignored;
    } rows[] = {
        {"/tmp/*", "/tmp/test.log", true},
        {"/tmp/*", "/tmp/a/b", true},
        {"/tmp/*", "/tmp/../etc/passwd", false},
        {"/tmp/*", "/tmp/./../etc/passwd", false},
        {"/tmp/*", "/tmpx/a", false},
        {"/tmp/*", "/var/tmp/a", false},
        {"/tmp/*", "//tmp//a", true},
        {"*.log", "/var/x/test.log", true},
        {"*.log", "test.log", true},
        {"*.log", "/x/testXlog", false}, /* a dot is a dot */
        {"*.log", "/x/a.log.sh", false},
        {"*", "/etc/passwd", true},
        {"/a*z", "/abcz", true},
        {"/a*z*", "/a/../z", false},
        {"/tmp", "/tmp", true},
        {"/tmp", "/tmp/a", true},
        {"/tmp", "/tmpfoo", false}, /* the name has to end there */
        {"/tmp/", "/tmp/a", true},
        {"/tmp", "/tmp/../root", false},
        {"/", "/etc", true},
        {"build", "build/x", true},
        {"build", "build/../../x", false},
        {"/tmp", "", false},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        char *list[] = {rows[i].pattern, NULL};
        const struct bj_settings settings = {.ignore_file_violations = list};

        if (bj_settings_ignores_file(&settings, rows[i].path) != rows[i].ignored)
            fail_msg("%s and %s", rows[i].pattern, rows[i].path);
    }
}

static void ignores_endpoints_by_pattern(void **state)
{
    static const struct {
        char *pattern;
        const char *endpoint;
        bool ignored;
    } rows[] = {
        {"localhost:*", "localhost:3000", true},
        {"localhost:*", "LocalHost:3000", true},
        {"localhost:*", "localhost", true},
        {"localhost:*", "localhost.evil.com:80", false},
        {"localhost:*", "localhost:80@evil.com", false},
        {"localhost:*", "http://localhost:80", false},
        {"localhost", "localhost:3000", true},
        {"localhost", "localhost", true},
        {"localhost", "localhost.", true},
        {"localhost", "localhost.evil.com", false},
        {"localhost", "localhostevil.com", false},
        {"localhost:80", "localhost:8080", false},
        {"localhost:80", "localhost:80", true},
        {"*.example.com", "a.example.com:443", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "a.exampleXcom", false},
        {"*.example.com", "evil.com/.example.com", false},
        {"*", "anything:1", true},
        {"127.0.0.1:*", "127.0.0.1:5", true},
        {"127.0.0.1", "127.0.0.12", false},
        {"[::1]:*", "[::1]:80", true},
        {"::1", "[::1]:80", true},
        {"::1", "::1", true},
        {"localhost:*", "", false},
        {"*", "", false},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        char *list[] = {rows[i].pattern, NULL};
        const struct bj_settings settings = {.ignore_network_violations = list};

        if (bj_settings_ignores_network(&settings, rows[i].endpoint) != rows[i].ignored)
            fail_msg("%s and %s", rows[i].pattern, rows[i].endpoint);
    }
}

static void ignores_nothing_without_patterns(void **state)
{
    const struct bj_settings settings = {0};

    (void)state;
    assert_false(bj_settings_ignores_file(&settings, "/tmp/a"));
    assert_false(bj_settings_ignores_network(&settings, "localhost:1"));
}

static void auto_allows_with_a_sandbox_only(void **state)
{
    (void)state;
    for (int bits = 0; bits < 8; bits++) {
        const struct bj_settings settings = {.enabled = bits & 1,
                                             .auto_allow_bash_if_sandboxed = bits & 2};

        assert_int_equal(bj_settings_is_enabled(&settings), bits & 1);
        assert_int_equal(bj_settings_should_auto_allow_bash(&settings, bits & 4), bits == 7);
    }
}

/* A command of words without holes. */
static struct bj_simple_command command_of(struct bj_word *words, size_t count,
                                           const char *const *texts)
{
    struct bj_simple_command command = {.words = words, .word_count = count};

    for (size_t i = 0; i < count; i++)
        words[i] = (struct bj_word){.text = texts[i], .length = (uint32_t)strlen(texts[i])};
    return command;
}

static bool covers(char *entry, const char *const *texts, size_t count)
{
    struct bj_word words[8];
    struct bj_simple_command command = command_of(words, count, texts);
    const struct bj_commands commands = {.list = &command, .count = 1};
    char *list[] = {entry, NULL};

    return bj_settings_list_covers(list, &commands, NULL);
}

static void compares_word_by_word(void **state)
{
    static const char *const status[] = {"git", "status"}, *const bare[] = {"git"};
    static const char *const tricky[] = {"git status"}, *const gitk[] = {"gitk"};
    static const char *const tests[] = {"npm", "run", "test:unit", "--x"};

    (void)state;
    assert_true(covers("git", status, 2));
    assert_true(covers("git", bare, 1));
    assert_true(covers("git status", status, 2));
    assert_true(covers("  git   status ", status, 2));
    assert_true(covers("git *", status, 2));
    assert_true(covers("git *", bare, 1));
    assert_true(covers("git:*", status, 2));
    assert_true(covers("Bash(git status:*)", status, 2));
    assert_true(covers("g*", gitk, 1));
    assert_true(covers("npm run test:*", (const char *const[]){"npm", "run", "test"}, 3));
    assert_true(covers("npm run test*", tests, 4));
    assert_true(covers("*", status, 2));
    assert_false(covers("npm run test:*", tests, 4));
    assert_false(covers("git status", bare, 1));
    assert_false(covers("git status", tricky, 1));
    assert_false(covers("git", gitk, 1));
    assert_false(covers("git push", status, 2));
    assert_false(covers("status", status, 2));
}

static void keeps_in_what_is_not_plain(void **state)
{
    static const char *const texts[] = {"git", "add", "*"};
    static const struct bj_redirect redirect = {.kind = BJ_REDIRECT_WRITE};
    static const struct bj_assignment assignment = {.name = "GIT_SSH_COMMAND"};
    char *list[] = {"git", "cd", NULL}, note[BJ_CHECK_NOTE_MAX];
    struct bj_word words[3];
    struct bj_simple_command command = command_of(words, 2, texts);
    struct bj_commands commands = {.list = &command, .count = 1};

    (void)state;
    assert_true(bj_settings_list_covers(list, &commands, note));
    assert_string_equal(note, "");

    command.redirects = &redirect;
    command.redirect_count = 1;
    assert_false(bj_settings_list_covers(list, &commands, note));
    assert_string_equal(note, "not taken for listed: it redirects to or from a file");
    command.redirect_count = 0;

    command.assignments = &assignment;
    command.assignment_count = 1;
    assert_false(bj_settings_list_covers(list, &commands, note));
    command.assignment_count = 0;

    commands.assignments = &assignment;
    commands.assignment_count = 1;
    assert_false(bj_settings_list_covers(list, &commands, note));
    commands.assignment_count = 0;

    command.unknown = BJ_UNKNOWN_SCRIPT;
    assert_false(bj_settings_list_covers(list, &commands, note));
    command.unknown = BJ_KNOWN;

    command.function = true;
    assert_false(bj_settings_list_covers(list, &commands, note));
    command.function = false;

    words[1].holes = true;
    assert_false(bj_settings_list_covers(list, &commands, note));
    words[1].holes = false;

    command = command_of(words, 3, texts);
    words[2].glob = true;
    assert_false(bj_settings_list_covers(list, &commands, note));
    words[2].text = "./*";
    words[2].length = 3;
    assert_true(bj_settings_list_covers(list, &commands, note));

    commands.incomplete = BJ_TOO_LARGE;
    assert_false(bj_settings_list_covers(list, &commands, note));
    commands.incomplete = BJ_COMPLETE;

    words[0].text = "cd";
    words[0].length = 2;
    assert_false(bj_settings_list_covers(list, &commands, note));

    commands.count = 0;
    assert_false(bj_settings_list_covers(list, &commands, note)); /* nothing is not everything */
}

static void wants_every_command_listed(void **state)
{
    static const char *const git[] = {"git", "status"}, *const rm[] = {"rm", "-rf"};
    struct bj_word words[2][2];
    struct bj_simple_command both[2];
    const struct bj_commands commands = {.list = both, .count = 2};
    char *list[] = {"git", NULL}, *more[] = {"git", "rm", NULL}, note[BJ_CHECK_NOTE_MAX];

    (void)state;
    both[0] = command_of(words[0], 2, git);
    both[1] = command_of(words[1], 2, rm);
    assert_false(bj_settings_list_covers(list, &commands, note));
    assert_string_equal(note, "not taken for listed: it also runs rm");
    assert_true(bj_settings_list_covers(more, &commands, note));
    assert_false(bj_settings_list_covers(NULL, &commands, note));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignores_files_by_pattern),
        cmocka_unit_test(ignores_endpoints_by_pattern),
        cmocka_unit_test(ignores_nothing_without_patterns),
        cmocka_unit_test(auto_allows_with_a_sandbox_only),
        cmocka_unit_test(compares_word_by_word),
        cmocka_unit_test(keeps_in_what_is_not_plain),
        cmocka_unit_test(wants_every_command_listed),
    };

    return cmocka_run_group_tests_name("policy/settings", tests, NULL, NULL);
}
