/* Foreign text on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/escape.h"

static void expect(const char *text, size_t length, const char *wanted)
{
    struct bj_buf out;

    bj_buf_init(&out, 1 << 16);
    bj_put_escaped(&out, text, length);
    assert_string_equal(bj_buf_text(&out), wanted);
    bj_buf_release(&out);
}

#define EXPECT(text, wanted) expect(text, sizeof(text) - 1, wanted)

static void harmless(void **state)
{
    (void)state;
    EXPECT("", "");
    EXPECT("ls -la 'a b'", "ls -la 'a b'");
    EXPECT("gr\xc3\xbc\xc3\x9f \xe6\xb2\x99\xe7\xae\xb1 \xf0\x9f\xab\x99",
           "gr\xc3\xbc\xc3\x9f \xe6\xb2\x99\xe7\xae\xb1 \xf0\x9f\xab\x99");
}

static void controls(void **state)
{
    (void)state;
    EXPECT("a\nb\r\tc", "a\\x0ab\\x0d\\x09c");
    EXPECT("\x1b[2J\x7f", "\\x1b[2J\\x7f");
    EXPECT("a\0b", "a\\x00b");
    EXPECT("\\x1b", "\\\\x1b");
    EXPECT("find -exec a \\;", "find -exec a \\;");
    EXPECT("\xc2\x9b"
           "2J",
           "\\xc2\\x9b2J");                    /* C1: the one-byte CSI */
    EXPECT("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* right-to-left override */
    EXPECT("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* line separator */
    EXPECT("a\xe2\x80\x8b"
           "b",
           "a\\xe2\\x80\\x8b"
           "b"); /* zero width space */
}

static void not_utf8(void **state)
{
    (void)state;
    EXPECT("\xff\xfe", "\\xff\\xfe");
    EXPECT("\xc0\x8a", "\\xc0\\x8a");          /* overlong newline */
    EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
    EXPECT("\xe2\x80", "\\xe2\\x80");          /* cut */
    EXPECT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
}

static void what_is_utf8(void **state)
{
    (void)state;
    assert_true(bj_text_is_utf8("", 0));
    assert_true(bj_text_is_utf8("a\0b", 3));
    assert_true(bj_text_is_utf8("gr\xc3\xbc\xc3\x9f", 6));
    assert_false(bj_text_is_utf8("\xff", 1));
    assert_false(bj_text_is_utf8("a\xc3\xbc", 2)); /* cut */
    assert_false(bj_text_is_utf8("\xed\xa0\x80", 3));
}

static void quotes(void **state)
{
    static const struct {
        const char *word, *needed, *always;
    } cases[] = {
        {"", "''", "''"},
        {"a-b_c/d.e:f,g@h%i+j", "a-b_c/d.e:f,g@h%i+j", "'a-b_c/d.e:f,g@h%i+j'"},
        {"if", "if", "'if'"},
        {"A=b", "'A=b'", "'A=b'"},
        {"a b", "'a b'", "'a b'"},
        {"$(x)`y`\\", "'$(x)`y`\\'", "'$(x)`y`\\'"},
        {"it's", "'it'\\''s'", "'it'\\''s'"},
        {"''", "''\\'''\\'''", "''\\'''\\'''"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bj_buf out;

        bj_buf_init(&out, 1000);
        bj_shell_quote(&out, cases[i].word);
        assert_string_equal(bj_buf_text(&out), cases[i].needed);
        bj_buf_release(&out);
        bj_buf_init(&out, 1000);
        bj_shell_quote_all(&out, cases[i].word);
        assert_string_equal(bj_buf_text(&out), cases[i].always);
        bj_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless),     cmocka_unit_test(controls), cmocka_unit_test(not_utf8),
        cmocka_unit_test(what_is_utf8), cmocka_unit_test(quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
