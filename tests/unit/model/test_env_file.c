/* Tests of src/model/env_file.c. */
#include "model_test.h"

#include "model/env_file.h"

/* Reads a text's only entry. */
static int read_one(const char *text, struct bj_env_entry *ret, char **ret_copy,
                    struct bj_error *err)
{
    struct bj_env_reader reader;

    *ret_copy = bj_strdup(text);
    assert_non_null(*ret_copy);
    bj_env_reader_init(&reader, *ret_copy, strlen(text));
    return bj_env_reader_next(&reader, ret, err);
}

static void assert_value(const char *text, const char *name, const char *value)
{
    struct bj_env_entry entry;
    char *copy;

    assert_int_equal(read_one(text, &entry, &copy, NULL), 0);
    assert_string_equal(entry.name, name);
    if (value == NULL)
        assert_null(entry.value);
    else
        assert_string_equal(entry.value, value);
    bj_free(copy);
}

static void assert_bad(const char *text, const char *words)
{
    struct bj_env_entry entry;
    struct bj_error err = {0};
    char *copy;

    assert_int_equal(read_one(text, &entry, &copy, &err), -BJ_E_CONFIG);
    assert_contains(err.message, words);
    assert_lacks(err.message, "geheim");
    bj_free(copy);
}

static void values(void **state)
{
    (void)state;
    assert_value("A=b", "A", "b");
    assert_value("A=b\n", "A", "b");
    assert_value("A=b\r\n", "A", "b");
    assert_value("  A = b  \n", "A", "b");
    assert_value("export A=b", "A", "b");
    assert_value("exported=b", "exported", "b");
    assert_value("A=", "A", "");
    assert_value("A", "A", NULL);
    assert_value("A=b # c", "A", "b");
    assert_value("A=b#c", "A", "b#c");
    assert_value("A=# c", "A", "");
    assert_value("A=b c", "A", "b c");
    assert_value("A=b=c", "A", "b=c");
    assert_value("\n# comment\n\n  \nA=b", "A", "b");
    assert_value("A=\"b # c\" # d", "A", "b # c");
    assert_value("A=\"\\n\\t\\\"\\\\\\$\\x\"", "A", "\n\t\"\\$\\x");
    assert_value("A='b \\n \"'", "A", "b \\n \"");
    assert_value("A=''", "A", "");
    assert_value("a.b-c=d", "a.b-c", "d");
}

static void mistakes(void **state)
{
    (void)state;
    assert_bad("=geheim", "line 1: expected NAME=VALUE");
    assert_bad("\n\nA B=geheim", "line 3: expected NAME=VALUE");
    assert_bad("A=\"geheim", "line 1: the closing quote is missing");
    assert_bad("A='geheim\n'", "line 1: the closing quote is missing");
    assert_bad("A=\"geheim\\\"", "line 1: the closing quote is missing");
    assert_bad("A='geheim' x", "line 1: expected nothing after the closing quote");
    assert_bad("\xc3\xbc=geheim", "line 1: expected NAME=VALUE");
}

static void nul_bytes_and_going_on(void **state)
{
    char text[] = "A=b\0c\nB=c\n='\nC=d";
    struct bj_env_reader reader;
    struct bj_env_entry entry;
    struct bj_error err = {0};

    (void)state;
    bj_env_reader_init(&reader, text, sizeof text - 1);
    assert_int_equal(bj_env_reader_next(&reader, &entry, &err), -BJ_E_CONFIG);
    assert_string_equal(err.message, "line 1: has a NUL byte");
    assert_int_equal(bj_env_reader_next(&reader, &entry, &err), 0);
    assert_string_equal(entry.name, "B");
    assert_int_equal(bj_env_reader_next(&reader, &entry, &err), -BJ_E_CONFIG);
    assert_int_equal(bj_env_reader_next(&reader, &entry, &err), 0);
    assert_string_equal(entry.value, "d");
    assert_int_equal(reader.line, 4);
    assert_int_equal(bj_env_reader_next(&reader, &entry, &err), 0);
    assert_null(entry.name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(nul_bytes_and_going_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
