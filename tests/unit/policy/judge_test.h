/* Judging one command in a test. */
#ifndef BJ_TESTS_JUDGE_TEST_H
#define BJ_TESTS_JUDGE_TEST_H

#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "policy/policy.h"

/* Where the commands of the tests would run. */
#define TEST_HOME      "/home/me"
#define TEST_DIRECTORY "/home/me/project"

static inline enum bj_decision judge_text(struct bj_policy *policy, const char *text,
                                          struct bj_verdict *verdict)
{
    const struct bj_request request = {
        .tool = "Bash",
        .key = "",
        .directory = TEST_DIRECTORY,
        .home = TEST_HOME,
        .command = text,
    };
    struct bj_error err = {0};

    bj_verdict_init(verdict);
    if (bj_policy_judge(policy, &request, 0, verdict, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return verdict->decision;
}

static inline bool has_rule(const struct bj_verdict *verdict, const char *rule)
{
    for (int i = 0; i < verdict->count; i++) {
        if (strcmp(verdict->violations[i].rule, rule) == 0)
            return true;
    }
    return false;
}

/* What runs a text that it is given, in the ways that agents do. The last one is two deep. */
static const char *const wrappings[][2] = {
    {"sh -c ", NULL},
    {"bash -lc ", NULL},
    {"eval ", NULL},
    {"bash -c ", "sh -c "},
};

/* `before` and the text as one word in single quotes. The caller frees it. */
static inline char *wrap_once(const char *before, const char *text)
{
    char *wrapped = malloc(strlen(before) + strlen(text) * 4 + 3), *end;

    assert_non_null(wrapped);
    end = stpcpy(stpcpy(wrapped, before), "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            end = stpcpy(end, "'\\''");
        else
            *end++ = *text;
    }
    memcpy(end, "'", 2);
    return wrapped;
}

static inline char *wrap_text(size_t number, const char *text)
{
    char *once = wrap_once(wrappings[number][0], text), *twice;

    if (wrappings[number][1] == NULL)
        return once;
    twice = wrap_once(wrappings[number][1], once);
    free(once);
    return twice;
}

/* A file below tests/, as the build tells where that is. */
static inline FILE *open_case_file(const char *name)
{
    const char *folder = getenv("BELLJAR_TESTS");
    char path[4096];
    FILE *file;

    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "r");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    return file;
}

#endif
