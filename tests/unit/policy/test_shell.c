/* The shell analysis from outside: what it lists of whole texts, its limits and its failures. */
#include "shell_listing.h"

#include <time.h>

#include "base/limits.h"

static const struct shell_case statements[] = {
    {"rm -rf /", "rm -rf /;"},
    {"a;b&&c||d|e&", "a;b;c;d;e;"},
    {"{ a; }; (b); ! c", "a;b;c;"},
    {"if a; then b; elif c; then d; else e; fi", "a;b;c;d;e;"},
    {"while a; do b; done; until c; do d; done", "a;b;c;d;"},
    {"for x in 1 2; do a $x; done", "a 1;a 2;"},
    {"for ((i = 0; i < 2; i++)); do a; done", "a;"},
    {"case x in a) b;; (c|d) e;& *) f;; esac", "b;e;f;"},
    {"f() { a \"$@\"; }; f 1 2", "f 1 2;a 1 2;"},
    {"time -p a; coproc b; coproc X { c; }", "a;b;c;"},
    {"cat <<A; b\nc\nA\nd", "cat;b;d;"},
    {"f() ( a ); function g { b; }; f; g", "f;a;g;b;"},
    {"if a; then b; fi > o | c", ":;a;b;c;"},
    {"[[ a == b && ( -f c || d -nt e ) ]] && f", "[[;f;"},
    {"[ a ] && test b", "[ a ];test b;"},
    {"echo if then fi { }", "echo if then fi { };"},
    {"a \\\n b \\\n; c", "a b;c;"},
    {"a # b; c\nd", "a;d;"},
    {"a#b; c", "a#b;c;"},
    {"r\\\nm x", "rm x;"},
    {"rm\xc2\xa0-rf /", "rm\xc2\xa0-rf /;"},
    {"rm\r-rf", "rm\r-rf;"},
    {"", ""},
    {"# rm", ""},
};

/* Texts that run rm by a detour; what leads there is listed as well. */
static const struct shell_case detours[] = {
    {"echo rm -rf / | sh", "echo rm -rf /;sh;rm -rf /;"},
    {"echo / | xargs rm -rf", "echo /;xargs rm -rf;rm -rf /;"},
    {"xargs -I{} rm {} <<< /", "xargs -I{} rm {};rm /;"},
    {"base64 -d <<< cm0gLw== | bash", "base64 -d;bash;rm /;"},
    {"printf 'rm %s' / | bash -s", "printf <rm %s> /;bash -s;rm /;"},
    {"bash <<'E'\nrm /\nE", "bash;rm /;"},
    {"sh <<E\nrm $((1 + 1))\nE", "sh;rm 2;"},
    {"bash <(echo rm /)", "echo rm /;bash /dev/fd/63;rm /;"},
    {". /dev/stdin <<< 'rm /'", ". /dev/stdin;rm /;"},
    {"echo 'rm /' > f; sh f; . ./f; /work/f", "echo <rm />;sh f;rm /;. ./f;rm /;/work/f;rm /;"},
    {"sh -c '\"$@\"' x rm /", "sh -c \"$@\" x rm /;rm /;"},
    {"sh -c '$0 /' rm", "sh -c <$0 /> rm;rm /;"},
    {"sh -c \"bash -c 'rm /'\"", "sh -c <bash -c 'rm /'>;bash -c <rm />;rm /;"},
    {"eval r\\\"\\\"m /", "eval r\"\"m /;rm /;"},
    {"trap 'rm /' EXIT", "trap <rm /> EXIT;rm /;"},
    {"PS4='$(rm /)'; set -x", "rm /;set -x;"},
    {"BASH_ENV=<(echo rm /) bash -c :", "echo rm /;rm /;bash -c :;:;"},
    {"alias x='rm /'\nx", "alias <x=rm />;x;rm /;"},
    {"echo \"$\\\n(rm /)\"", "rm /;echo ?;"},
    {"[[ -n \"$\\\n(rm /)\" ]]", "rm /;[[;"},
    {"!\\\n rm /", "rm /;"},
    {"rm() { command rm -f /; }; rm", "rm;command rm -f /;rm -f /;"},
    {"command_not_found_handle() { rm -f \"$2\"; }; x /",
     "x /;command_not_found_handle x /;rm -f /;"},
    {"bash --rcfile <(echo rm /) -i -c :", "echo rm /;bash --rcfile /dev/fd/63 -i -c :;rm /;:;"},
    {"hash -p /bin/rm ls; ls /", "hash -p /bin/rm ls;ls /;/bin/rm /;"},
    {"compgen -C 'rm /' x", "compgen -C <rm /> x;rm /;"},
    {"mapfile -C 'rm /' a", "mapfile -C <rm /> a;rm /;"},
    {"set -- rm /; \"$@\"", "set -- rm /;rm /;"},
    {"a=(rm /); \"${a[@]}\"", "rm /;"},
    {"x=rm; y=x; ${!y} /", "rm /;"},
    {"declare -n r=x; r='rm /'; $x", "declare -n r=x;rm /;"},
    {"IFS=_; x=rm_/; $x", "rm /;"},
    {"read x <<< 'rm /'; $x", "read x;rm /;"},
    {"while read x; do $x; done <<< 'rm /'", "read x;rm /;"},
    {"{rm,-rf,/}", "rm -rf /;"},
    {"if a; then x=rm; else x=ls; fi; $x /", "a;rm /;ls /;"},
    {"for x in ls rm; do :; done; $x /", ":;rm /;"},
    {"x=ls; a && x=rm; $x /", "a;ls /;rm /;"},
    {"x=ls; (x=rm; $x); $x", "rm;ls;"},
    {"f() { local x=rm; g; }; g() { $x /; }; f", "f;local x=rm;g;rm /;"},
    {"command rm /; builtin eval 'rm /'; exec rm /",
     "command rm /;rm /;builtin eval <rm />;eval <rm />;rm /;exec rm /;rm /;"},
    {"env A=rm sh -c '$A /'", "env A=rm sh -c <$A />;sh -c <$A />;rm /;"},
    {"export A=rm; sh -c '$A /'", "export A=rm;sh -c <$A />;rm /;"},
    {"a | tee >(rm /)", "a;rm /;tee /dev/fd/63;"},
    {"cat <<E\n$(rm /)\nE", "rm /;cat;"},
    {"echo \"${x:-$(rm /)}\"", "rm /;echo ?;"},
};

/* Arithmetic evaluates texts: what is in a subscript runs, quoted or not. */
static const struct shell_case subscripts[] = {
    {"[[ 'x[$(rm)]' -eq 1 ]]", "rm;[[;"},
    {"(( x[$(rm)] ))", "rm;((;"},
    {"x='y[$(rm)]'; echo $((x))", "rm;echo ?;"},
    {"let 'x[$(rm)]=1'", "let x[$(rm)]=1;rm;"},
    {"test -v 'x[$(rm)]'", "test -v x[$(rm)];rm;"},
    {"unset 'x[$(rm)]'", "unset x[$(rm)];rm;"},
    {"read 'x[$(rm)]' <<< a", "read x[$(rm)];rm;"},
    {"printf -v 'x[$(rm)]' a", "printf -v x[$(rm)] a;rm;"},
    {"wait -p 'x[$(rm)]'", "wait -p x[$(rm)];rm;"},
    {"declare 'x[$(rm)]=1'", "declare x[$(rm)]=1;rm;"},
    {"declare -i n='x[$(rm)]'", "declare -i n=x[$(rm)];rm;"},
    {"x=abc; echo ${x:'y[$(rm)]'}", "rm;echo ?;"},
    {"x[$(rm)]=1", "rm;"},
    {"x=([$(rm)]=1)", "rm;"},
};

/* What cannot be known is said: a command that ends with ! or an incomplete text. */
static const struct shell_case unknown[] = {
    {"$x", "?!;"},
    {"r${x}m -rf /", "r?m -rf /!;"},
    {"$x rm /", "? rm /!;rm /;"},
    {"$(curl u) a", "curl u;? a!;a;"},
    {"/bin/r? /", "/bin/r? /!;"},
    {"curl u | sh", "curl u;sh!;?!;"},
    {"sh -c \"$x\"", "sh -c ?!;?!;"},
    {"eval \"a $x\"", "eval <a ?>!;a ?;"},
    {". $x", ". ?!;"},
    {"fc -s", "fc -s!;"},
    {"enable -f x y", "enable -f x y!;"},
    {"a 'b", "a <>;INCOMPLETE"},
    {"if a; then b", "a;INCOMPLETE"},
    {"cat <<E\na", "cat;INCOMPLETE"},
    {"a )", "a;INCOMPLETE"},
    {"echo \"${u:-'}\"; rm; echo \"'}\"", "echo ';echo ?;rm;echo '};INCOMPLETE"},
};

static void test_statements(void **state)
{
    CHECK_TABLE(state, statements);
}

static void test_detours(void **state)
{
    CHECK_TABLE(state, detours);
}

static void test_subscripts(void **state)
{
    CHECK_TABLE(state, subscripts);
}

static void test_unknown(void **state)
{
    CHECK_TABLE(state, unknown);
}

static const struct bj_simple_command *command_at(struct listing *listing, const char *text,
                                                  size_t index)
{
    list_shell(listing, text, strlen(text));
    assert_true(index < listing->commands.count);
    return &listing->commands.list[index];
}

static void test_places(void **state)
{
    const struct bj_simple_command *command = command_at(*state, "ab; echo $(cd e)", 1);

    assert_int_equal(command->from, 11);
    assert_int_equal(command->to, 15);
    /* What is in a text within the text has the place of the command that holds it. */
    command = command_at(*state, "a; eval 'b c'", 2);
    assert_int_equal(command->from, 3);
    assert_int_equal(command->to, 13);
    assert_int_equal(command->parent, 1);
}

static void test_directory(void **state)
{
    struct listing *listing = *state;
    const struct bj_simple_command *command =
        command_at(*state, "cd /usr/lib/..; cd ./bin; rm ../x", 2);

    assert_string_equal(command->directory, "/usr/bin");
    assert_string_equal(command->paths[0].text, "/usr/x");
    command = command_at(*state, "cd; rm ~/a/../b", 1);
    assert_string_equal(command->directory, "/home/me");
    assert_string_equal(command->paths[0].text, "/home/me/b");
    command = command_at(*state, "pushd /; popd; rm .", 2);
    assert_string_equal(command->paths[0].text, "/work");
    command = command_at(*state, "(cd /); rm a", 1);
    assert_string_equal(command->paths[0].text, "/work/a");
    command = command_at(*state, "cd $x; rm a", 1);
    assert_null(command->directory);
    assert_true(command->paths[0].holes);
    /* Both are listed when it may be the one or the other. */
    assert_string_equal(list_shell(listing, "if a; then cd /; fi; rm .", 25), "a;cd /;rm .;rm .;");
}

static void test_surroundings(void **state)
{
    const struct bj_simple_command *command = command_at(*state, "a | sudo -u x b > f 2>&1 &", 2);

    assert_true(command->privileged);
    assert_true(command->background);
    assert_int_equal(command->stage, 1);
    assert_int_equal(command->parent, 1);
    command = command_at(*state, "X=1 a <i >>o", 0);
    assert_int_equal(command->redirect_count, 2);
    assert_int_equal(command->redirects[1].kind, BJ_REDIRECT_APPEND);
    assert_string_equal(command->redirects[1].path.text, "/work/o");
    assert_int_equal(command->assignment_count, 1);
    assert_string_equal(command->assignments[0].value.text, "1");
    command = command_at(*state, "export X=1; a", 1);
    assert_string_equal(command->assignments[0].name, "X");
}

static void test_fork_bomb(void **state)
{
    struct listing *listing = *state;

    list_shell(listing, ":(){ :|:& };:", 13);
    assert_int_equal(listing->commands.self_spawning_count, 1);
    assert_string_equal(listing->commands.self_spawning[0], ":");
    list_shell(listing, "f() { f; }; f", 13);
    assert_int_equal(listing->commands.self_spawning_count, 0);
}

static void test_argv(void **state)
{
    static const struct bj_shell_context context = {.directory = "/work"};
    const char *const argv[] = {"env", "sh", "-c", "rm $0", "a b", NULL};
    struct listing *listing = *state;
    struct bj_commands *commands = &listing->commands;

    bj_arena_reset(&listing->arena);
    assert_int_equal(
        bj_shell_analyse_argv(listing->shell, &context, argv, &listing->arena, commands, NULL), 0);
    assert_int_equal(commands->count, 3);
    assert_string_equal(commands->list[2].words[0].text, "rm");
    assert_string_equal(commands->list[2].words[1].text, "a");
}

/* Limits: a clear answer, no crash, no endless time. */
static void test_limits(void **state)
{
    static char text[2 * BJ_SHELL_TEXT_MAX];
    static const char *const pieces[] = {"$(",    "{ ",    "((",    "${x:-",       "a;",
                                         "a|",    "{a,b}", "`",     "if a; then ", "x=$x$x;",
                                         "<<E ",  "\"$(",  "f(){ ", "case a in (", "[[ ",
                                         "$((x[", "eval ", "a&&",   "\\\n"};
    struct listing *listing = *state;

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t length = strlen(pieces[i]);
        clock_t begin = clock();

        for (size_t at = 0; at + length <= BJ_SHELL_TEXT_MAX; at += length)
            memcpy(text + at, pieces[i], length);
        list_shell(listing, text, BJ_SHELL_TEXT_MAX / length * length);
        assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
    }
    memset(text, 'a', sizeof text);
    list_shell(listing, text, sizeof text);
    assert_int_equal(listing->commands.incomplete, BJ_TOO_LARGE);
    list_shell(listing, "a\0b", 3);
    assert_int_equal(listing->commands.incomplete, BJ_NOT_PARSED);
}

static int64_t late(void)
{
    return 1000;
}

static void test_deadline(void **state)
{
    static char text[BJ_SHELL_TEXT_MAX];
    struct bj_shell_context context = {.deadline_us = 1, .clock = late};
    struct listing *listing = *state;

    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "a;", 2);
    bj_arena_reset(&listing->arena);
    assert_int_equal(bj_shell_analyse(listing->shell, &context, text, sizeof text, &listing->arena,
                                      &listing->commands, NULL),
                     0);
    assert_int_equal(listing->commands.incomplete, BJ_TOO_SLOW);
}

/* A full arena is a text that is too large; without memory the call fails. */
static void test_small_arena(void **state)
{
    static const struct bj_shell_context context = {.directory = "/work"};
    static const char text[] = "x='a b'; for i in 1 2; do echo $(eval $x \"$i\") | sh; done";
    struct listing *listing = *state;
    struct bj_commands commands;

    for (size_t maximum = 0; maximum < 40000; maximum += 64) {
        struct bj_arena arena;

        bj_arena_init(&arena, maximum);
        assert_int_equal(bj_shell_analyse(listing->shell, &context, text, sizeof text - 1, &arena,
                                          &commands, NULL),
                         0);
        if (arena.failed)
            assert_int_equal(commands.incomplete, BJ_TOO_LARGE);
        bj_arena_release(&arena);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, listing_setup, listing_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_statements),   TEST(test_detours),   TEST(test_subscripts),
        TEST(test_unknown),      TEST(test_places),    TEST(test_directory),
        TEST(test_surroundings), TEST(test_fork_bomb), TEST(test_argv),
        TEST(test_limits),       TEST(test_deadline),  TEST(test_small_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
