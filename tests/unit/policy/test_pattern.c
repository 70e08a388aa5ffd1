/* Patterns: Python's syntax, what PCRE2 makes of it, and texts with unknown parts. */
#include "policy/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "policy/could_match.h"

static struct bj_pattern *compile(const char *source)
{
    struct bj_pattern *pattern = NULL;
    struct bj_error err = {0};

    if (bj_pattern_new(source, &pattern, &err) < 0)
        fail_msg("%s: %s", source, err.message);
    return pattern;
}

/* What Python's re.match() says of the same pattern and text. */
static void test_python(void **state)
{
    static const struct {
        const char *source, *text;
        bool matches;
    } rows[] = {
        {"rm\\s+-rf", "rm  -rf /", true},
        {"rm\\s+-rf", "charm -rf /", false},
        {"(?P<x>a|b)(?P=x)", "bb", true},
        {"(?P<x>a|b)(?P=x)", "ba", false},
        {"a\\Z", "a", true},
        {"a\\Z", "a\n", false},
        {"a$", "a\n", true},
        {"a\\v", "a\x0b", true},
        {"a\\v", "a\n", false}, /* PCRE2's own \v would match */
        {"[[:alpha:]]+", "a]", true},
        {"[[:alpha:]]+$", "b]", false}, /* no class of POSIX: one of : a l p h [ and then ] */
        {"a{,2}b", "aab", true},
        {"a{,2}b", "aaab", false},
        {"a{,}b", "a{,}b", true},
        {"\\u00e9", "\xc3\xa9", true},
        {"\\xe9", "\xc3\xa9", true},
        {"\\U0001F600", "\xf0\x9f\x98\x80", true},
        {"\\w+$", "\xc3\xa9t\xc3\xa9", true},
        {"a\\sb",
         "a\xc2\xa0"
         "b",
         true}, /* Python's \s takes the no-break space */
        {"(?i)RM", "rm", true},
        {"(?i:R)m", "rM", false},
        {"(?x) r m # comment", "rm", true},
        {"(?ai)RM", "rm", true},
        {"(?u)rm", "rm", true},
        {"(?#note)rm", "rm", true},
        {"(a)?(?(1)b|c)", "ab", true},
        {"(a)?(?(1)b|c)", "c", true},
        {"(a)?(?(1)b|c)", "ac", false},
        {"rm(?!x)", "rmx", false},
        {"rm(?=x)", "rmx", true},
        {"(?<!a)rm", "rm", true},
        {"a++b", "aab", true},
        {"(?>a+)ab", "aaab", false},
        {"[^]a]b", "cb", true},
        {"[]a]b", "]b", true},
        {"\\101", "A", true},
        {"x\\.y\\|z", "x.y|z", true},
        {"", "x", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_pattern *pattern = compile(rows[i].source);
        bool found =
            bj_pattern_match(pattern, rows[i].text, strlen(rows[i].text), 0) == BJ_MATCH_YES;

        if (found != rows[i].matches)
            fail_msg("%s on %s: %d", rows[i].source, rows[i].text, found);
        /* The automaton never says no to what matches. */
        if (found)
            assert_true(bj_pattern_could_match(pattern, rows[i].text, strlen(rows[i].text), 0));
        bj_pattern_free(pattern);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *source, *message;
    } rows[] = {
        {"rm(", "missing closing parenthesis at character 4"},
        {"rm[a", "a class that is not closed at character 3"},
        {"rm\\", "a backslash with nothing behind it at character 3"},
        {"*", "quantifier does not follow a repeatable item at character 1"},
        {"\xc3\xa9(", "missing closing parenthesis at character 3"},
        {"(*UTF)a", "nothing to repeat at character 2"},
        {"(?R)", "a group of a kind that Python does not have at character 3"},
        {"(?<x>a)", "a group of a kind that Python does not have at character 3"},
        {"(?'x'a)", "a group of a kind that Python does not have at character 3"},
        {"a\\Qb\\E", "an escape that Python does not have at character 2"},
        {"\\p{L}", "an escape that Python does not have at character 1"},
        {"[\\Z]", "an escape that Python does not have at character 2"},
        {"\\x1", "an escape with too few hexadecimal digits at character 1"},
        {"\\u12", "an escape with too few hexadecimal digits at character 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_pattern *pattern = NULL;
        struct bj_error err = {0};

        assert_int_equal(bj_pattern_new(rows[i].source, &pattern, &err), -BJ_E_CONFIG);
        assert_string_equal(err.message, rows[i].message);
    }
}

/* In the texts, @ is a hole within a word and % one that may be several. */
static void test_could_match(void **state)
{
    static const struct {
        const char *source, *text;
        bool could;
    } rows[] = {
        {"rm\\s+-rf\\s+/(\\s|$)", "rm -rf /", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "rm -rf /tmp", false},
        {"rm\\s+-rf\\s+/(\\s|$)", "@ -rf /", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "@", false}, /* one word cannot be all of it */
        {"rm\\s+-rf\\s+/(\\s|$)", "%", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "% x", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "rm -rf @", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "rm -rf @/build", false},
        {"rm\\s+-rf\\s+/(\\s|$)", "rm -rf %/build", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "rm -rf /tmp/@", false},
        {"rm\\s+-rf\\s+/(\\s|$)", "ls @", false},
        {"rm\\s+-rf\\s+/(\\s|$)", "r@ -rf /", true},
        {"rm\\s+-rf\\s+/(\\s|$)", "x@ -rf /", false},
        {"\\bsudo\\b", "@", true},
        {"\\bsudo\\b", "sudoedit @", false},
        {"\\bsudo\\b", "s@o x", true},
        {"^ls$", "l@", true},
        {"^ls$", "l@x", false},
        {"(?i)RM", "r@", true},
        {"[^a]b", "@", true},
        {"a{3}", "a@", true},
        {"a{3}b", "aaaab", false},
        {"a{2,3}b", "aaab", true},
        {"a{2,}b", "ab", false},
        {"(a|bc)*d", "abc@", true},
        {"x(?=y)", "x@", true},
        {"x(?!y)z", "xz", true},
        {"(a)\\1", "a@", true},
        {"(?x) r m \\  x", "rm x", true},
        {"(?P<n>a)(?P=n)", "a@", true},
        {"a\\Z", "a@b", false},
        {"a\\b", "a@", true},
        {"\xc3\xa9.x", "\xc3\xa9\xc3\xa9x", true},
        {"[\xc3\xa9]x", "\xc3\xa9x", true},
        {"a.{100}b", "a@b", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_pattern *pattern = compile(rows[i].source);
        char text[64];
        size_t length = strlen(rows[i].text);

        for (size_t k = 0; k < length; k++)
            text[k] = rows[i].text[k] == '@'   ? BJ_HOLE_BYTES
                      : rows[i].text[k] == '%' ? BJ_HOLE_WORDS
                                               : rows[i].text[k];
        if (bj_pattern_could_match(pattern, text, length, 0) != rows[i].could)
            fail_msg("%s on %s: not %d", rows[i].source, rows[i].text, rows[i].could);
        bj_pattern_free(pattern);
    }
}

/* Beginnings: the automaton tells which texts need not be tried. */
static void test_can_start(void **state)
{
    struct bj_pattern *pattern = compile("(?:su|do)do|-x");

    (void)state;
    assert_true(bj_pattern_can_start(pattern, 's'));
    assert_true(bj_pattern_can_start(pattern, 'd'));
    assert_true(bj_pattern_can_start(pattern, '-'));
    assert_false(bj_pattern_can_start(pattern, 'x'));
    bj_pattern_free(pattern);
    pattern = compile(".*x");
    assert_true(bj_pattern_can_start(pattern, 'q'));
    bj_pattern_free(pattern);
}

/* Too large to be an automaton: then everything could match, and PCRE2 still decides what does. */
static void test_huge(void **state)
{
    struct bj_pattern *pattern = compile("(((a{1,16}b){1,16}c){1,16}d)");

    (void)state;
    assert_true(bj_pattern_could_match(pattern, "zzz", 3, 0));
    assert_int_equal(bj_pattern_match(pattern, "zzz", 3, 0), BJ_MATCH_NO);
    bj_pattern_free(pattern);
}

static void test_limit(void **state)
{
    struct bj_pattern *pattern = compile("(x+x+)+[yz]");
    char text[64];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(bj_pattern_match(pattern, text, sizeof text, 0), BJ_MATCH_LIMIT);
    bj_pattern_free(pattern);
}

/* The flags that a source mentions, in its order. */
static void test_flags(void **state)
{
    static const struct {
        const char *source, *flags;
    } rows[] = {
        {"rm\\s+-rf\\s+/", "-rf"},
        {"rm\\s+-r\\s+-f", "-r -f"},
        {"rm\\s+-[a-z]*r[a-z]*f", "-rf"},
        {"rm\\s+-[rf]+", "-rf"},
        {"rm\\s+-(r|f)+", "-rf"},
        {"rm\\s+(-r|--recursive)\\s+--force=x", "-r --recursive --force="},
        {"git\\s+commit\\s+--no-verify", "--no-verify"},
        {"git\\s+commit\\s+\\-\\-amend", "--amend"},
        {"rm -\\w*r\\w*f\\w*\\s", "-rf"},
        {"a-b [a-z] [x-]", ""},
        {"kill\\s+-9", "-9"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_pattern *pattern = compile(rows[i].source);
        const struct bj_flag_token *flags;
        char found[256] = "";
        size_t count;

        flags = bj_pattern_flags(pattern, &count);
        for (size_t k = 0; k < count; k++)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s%s%s",
                     k > 0 ? " " : "", flags[k].name ? "--" : "-", flags[k].text,
                     flags[k].equals ? "=" : "");
        assert_string_equal(found, rows[i].flags);
        bj_pattern_free(pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_could_match), cmocka_unit_test(test_can_start),
        cmocka_unit_test(test_huge),        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_flags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
