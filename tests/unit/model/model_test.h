/* What the tests of src/model/ share. */
#ifndef BJ_TESTS_MODEL_TEST_H
#define BJ_TESTS_MODEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/config.h"
#include "model/options.h"

static inline void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("expected \"%s\" in: %s", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("expected no \"%s\" in: %s", part, text);
}

/* A parsed command line. */
struct parsed {
    struct bj_config config;
    struct bj_run_options run;
    int command;
    struct bj_error err;
    int result;
};

static inline void parse_list(struct parsed *parsed, char **argv)
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    parsed->err = (struct bj_error){0};
    parsed->command = -1;
    parsed->result =
        bj_options_parse(argc, argv, &parsed->config, &parsed->run, &parsed->command, &parsed->err);
}

/* PARSE(&parsed, "--memory", "1g"); release parsed.config afterwards. */
#define PARSE(parsed, ...) parse_list((parsed), (char *[]){"run", __VA_ARGS__, NULL})

/* A command line that must be refused, with these words in the message. */
#define ASSERT_REFUSED(expected_code, words, ...)                                                  \
    do {                                                                                           \
        struct parsed refused;                                                                     \
        PARSE(&refused, __VA_ARGS__);                                                              \
        assert_int_equal(refused.result, -(expected_code));                                        \
        assert_int_equal(refused.err.code, (expected_code));                                       \
        assert_contains(refused.err.message, (words));                                             \
        bj_config_release(&refused.config);                                                        \
    } while (0)

/* Writes a file below the current directory, which main() made a fresh one. */
static inline void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#endif
