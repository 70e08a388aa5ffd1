/*
 * The text of src/linux/seccomp.policy as data. Used at build time only, by seccomp-gen.
 */
#ifndef BJ_TOOLS_SECCOMP_POLICY_H
#define BJ_TOOLS_SECCOMP_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define POLICY_PROFILES_MAX  8
#define POLICY_CALLS_MAX     1024
#define POLICY_DECISIONS_MAX 128
#define POLICY_RULES_MAX     8
#define POLICY_TESTS_MAX     4
#define POLICY_VALUES_MAX    8
#define POLICY_NUMBERS_MAX   64

struct policy_test {
    unsigned arg;
    uint32_t mask; /* all ones where the text names none */
    bool null;     /* holds if all 64 bits are 0: a pointer that is not given */
    bool any_bit;  /* holds if a bit of the mask is set, instead of by the values */
    unsigned value_count;
    uint32_t values[POLICY_VALUES_MAX];
};

/* Without tests a rule always holds. */
struct policy_rule {
    unsigned test_count;
    struct policy_test tests[POLICY_TESTS_MAX];
    uint32_t action; /* SECCOMP_RET_… */
};

/* The last rule of a decision, and only that, has no tests. */
struct policy_decision {
    unsigned rule_count;
    struct policy_rule rules[POLICY_RULES_MAX];
};

struct policy_call {
    const char *name;
    int line;
    int decisions[POLICY_PROFILES_MAX]; /* index into the policy's, -1 while none */
};

struct policy_number {
    const char *name;
    uint32_t number;
    const char *arch; /* NULL: the same on all */
};

struct policy {
    unsigned profile_count;
    const char *profiles[POLICY_PROFILES_MAX];
    int like[POLICY_PROFILES_MAX]; /* the profile whose decisions it has but for its own, or -1 */
    unsigned decision_count;
    struct policy_decision decisions[POLICY_DECISIONS_MAX];
    unsigned call_count;
    struct policy_call calls[POLICY_CALLS_MAX];
    unsigned number_count;
    struct policy_number numbers[POLICY_NUMBERS_MAX];
    uint32_t foreign;  /* actions for a foreign architecture, */
    uint32_t x32;      /* for the x32 bit, */
    uint32_t skipped;  /* for call -1, */
    uint32_t unlisted; /* for calls that libseccomp knows and the policy does not name, */
    uint32_t unknown;  /* for all other numbers */
    uint32_t revised;  /* the highest number that counts as known */
};

/* Reads the file into *policy, whose strings stay valid until exit. A mistake ends the program. */
void policy_read(struct policy *policy, const char *path);

/* Prints "path:line: message" and ends the program. line 0 stands for the whole file. */
_Noreturn void policy_die(const char *path, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
