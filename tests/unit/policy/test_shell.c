/* The shell analysis from outside: what it lists of whole texts, its limits and its failures. */
#include "shell_listing.h"

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
    {"echo rm -rf / | sh", "echo rm -rf /;sh;rm -rf /;"},
    {"time -p a; coproc b; coproc X { c; }", "a;b;c;"},
    {"cat <<A; b\nc\nA\nd", "cat;b;d;"},
    {"", ""},
    {"# rm", ""},
};

static void test_statements(void **state)
{
    CHECK_TABLE(state, statements);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_statements, listing_setup, listing_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
