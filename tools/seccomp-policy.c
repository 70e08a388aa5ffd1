/*
 * Parser of the policy text. The grammar is on top of src/linux/seccomp.policy: words and commas; a
 * word in the first column begins a statement. A build tool: mistakes end it with the line's
 * number, and all tables are static.
 */
#include "seccomp-policy.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    (64 << 10)
#define WORDS_MAX   4096
#define DEFINES_MAX 64

struct word {
    const char *text; /* NULL after the last word */
    int line;
    bool first; /* begins a statement */
};

struct parser {
    const char *path;
    char text[TEXT_MAX];
    struct word words[WORDS_MAX + 1];
    const struct word *at;
    unsigned define_count;
    struct {
        const char *name;
        uint32_t value;
    } defines[DEFINES_MAX];
    struct policy *policy;
};

static const struct {
    const char *name;
    uint32_t action;
} actions[] = {
    {"allow", SECCOMP_RET_ALLOW},
    {"kill", SECCOMP_RET_KILL_PROCESS},
    {"done", SECCOMP_RET_ERRNO}, /* 0 to the caller, without a call */
    {"EPERM", SECCOMP_RET_ERRNO | EPERM},
    {"EINVAL", SECCOMP_RET_ERRNO | EINVAL},
    {"ENOSYS", SECCOMP_RET_ERRNO | ENOSYS},
    {"EPROTONOSUPPORT", SECCOMP_RET_ERRNO | EPROTONOSUPPORT},
};

_Noreturn void policy_die(const char *path, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", path, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* Is there a word left that still belongs to the statement? */
static bool has_more(const struct parser *parser)
{
    return parser->at->text != NULL && !parser->at->first;
}

static bool next_is(const struct parser *parser, const char *text)
{
    return has_more(parser) && strcmp(parser->at->text, text) == 0;
}

static const char *take(struct parser *parser, const char *wanted)
{
    if (!has_more(parser))
        policy_die(parser->path, parser->at[-1].line, "%s is missing", wanted);
    return (parser->at++)->text;
}

static bool find_action(const char *text, uint32_t *ret_action)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, text) == 0) {
            *ret_action = actions[i].action;
            return true;
        }
    }
    return false;
}

static uint32_t take_action(struct parser *parser)
{
    const char *text = take(parser, "an action");
    uint32_t action;

    if (!find_action(text, &action))
        policy_die(parser->path, parser->at[-1].line, "%s is no action", text);
    return action;
}

/* A number as in C, or a defined name. */
static uint32_t take_value(struct parser *parser)
{
    const char *text = take(parser, "a value");
    unsigned long long value;
    char *end;

    for (unsigned i = 0; i < parser->define_count; i++) {
        if (strcmp(parser->defines[i].name, text) == 0)
            return parser->defines[i].value;
    }
    value = strtoull(text, &end, 0);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > UINT32_MAX)
        policy_die(parser->path, parser->at[-1].line, "%s is neither defined nor a 32-bit number",
                   text);
    return (uint32_t)value;
}

static void take_test(struct parser *parser, struct policy_test *test)
{
    const char *arg = take(parser, "a test");
    uint32_t ignored;

    if (strncmp(arg, "arg", 3) != 0 || arg[3] < '0' || arg[3] > '5' || arg[4] != '\0')
        policy_die(parser->path, parser->at[-1].line, "%s is none of arg0 to arg5", arg);
    *test = (struct policy_test){.arg = (unsigned)(arg[3] - '0'), .mask = UINT32_MAX};
    if (next_is(parser, "null")) {
        parser->at++;
        test->null = true;
        return;
    }
    if (next_is(parser, "has")) {
        parser->at++;
        test->any_bit = true;
        test->mask = take_value(parser);
        return;
    }
    if (next_is(parser, "&")) {
        parser->at++;
        test->mask = take_value(parser);
    }
    if (strcmp(take(parser, "`is`, `has`, `null` or `&`"), "is") != 0)
        policy_die(parser->path, parser->at[-1].line, "`is` expected");
    do {
        if (test->value_count == POLICY_VALUES_MAX)
            policy_die(parser->path, parser->at->line, "too many values");
        test->values[test->value_count++] = take_value(parser);
    } while (has_more(parser) && !next_is(parser, ",") && !find_action(parser->at->text, &ignored));
}

static void take_rule(struct parser *parser, struct policy_rule *rule)
{
    *rule = (struct policy_rule){0};
    if (next_is(parser, "otherwise")) {
        parser->at++;
    } else {
        do {
            if (rule->test_count == POLICY_TESTS_MAX)
                policy_die(parser->path, parser->at->line, "too many tests");
            take_test(parser, &rule->tests[rule->test_count++]);
        } while (next_is(parser, ",") && parser->at++ != NULL);
    }
    rule->action = take_action(parser);
}

static struct policy_decision *add_decision(struct parser *parser)
{
    struct policy *policy = parser->policy;

    if (policy->decision_count == POLICY_DECISIONS_MAX)
        policy_die(parser->path, parser->at[-1].line, "too many statements");
    return &policy->decisions[policy->decision_count++];
}

/* Gives the call the newest decision, in the profiles whose bits are set. */
static void decide_call(struct parser *parser, const char *name, int line, uint32_t profiles)
{
    struct policy *policy = parser->policy;
    struct policy_call *call = policy->calls;
    struct policy_call *end = policy->calls + policy->call_count;

    while (call < end && strcmp(call->name, name) != 0)
        call++;
    if (call == end) {
        if (policy->call_count == POLICY_CALLS_MAX)
            policy_die(parser->path, line, "too many calls");
        policy->call_count++;
        *call = (struct policy_call){.name = name, .line = line};
        for (unsigned i = 0; i < POLICY_PROFILES_MAX; i++)
            call->decisions[i] = -1;
    }
    for (unsigned i = 0; i < policy->profile_count; i++) {
        if (!(profiles & (uint32_t)1 << i))
            continue;
        if (call->decisions[i] >= 0)
            policy_die(parser->path, line, "%s is decided twice, first in line %d", name,
                       call->line);
        call->decisions[i] = (int)policy->decision_count - 1;
    }
}

static void parse_action(struct parser *parser, uint32_t action)
{
    struct policy_decision *decision = add_decision(parser);

    decision->rule_count = 1;
    decision->rules[0] = (struct policy_rule){.action = action};
    while (has_more(parser)) {
        decide_call(parser, parser->at->text, parser->at->line, UINT32_MAX);
        parser->at++;
    }
}

/* The bit of a profile. */
static unsigned take_profile(struct parser *parser)
{
    const char *name = take(parser, "a profile");

    for (unsigned i = 0; i < parser->policy->profile_count; i++) {
        if (strcmp(parser->policy->profiles[i], name) == 0)
            return i;
    }
    policy_die(parser->path, parser->at[-1].line, "%s is no profile", name);
}

static void parse_check(struct parser *parser)
{
    const struct word *name = parser->at, *end;
    struct policy_decision *decision = add_decision(parser);
    int line = parser->at[-1].line;
    uint32_t profiles = UINT32_MAX;

    while (has_more(parser) && parser->at->line == line && !next_is(parser, "in"))
        parser->at++;
    end = parser->at;
    if (next_is(parser, "in")) {
        parser->at++;
        profiles = (uint32_t)1 << take_profile(parser);
        while (has_more(parser) && parser->at->line == line)
            profiles |= (uint32_t)1 << take_profile(parser);
    }
    for (; name < end; name++)
        decide_call(parser, name->text, line, profiles);

    do {
        if (decision->rule_count == POLICY_RULES_MAX)
            policy_die(parser->path, line, "too many rules");
        take_rule(parser, &decision->rules[decision->rule_count++]);
    } while (decision->rules[decision->rule_count - 1].test_count > 0);
}

static void parse_default(struct parser *parser)
{
    struct policy *policy = parser->policy;
    const struct {
        const char *name;
        uint32_t *action;
    } slots[] = {
        {"foreign", &policy->foreign}, {"x32", &policy->x32},
        {"skipped", &policy->skipped}, {"unlisted", &policy->unlisted},
        {"unknown", &policy->unknown},
    };
    const char *name = take(parser, "a case");

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (strcmp(slots[i].name, name) == 0) {
            *slots[i].action = take_action(parser);
            return;
        }
    }
    policy_die(parser->path, parser->at[-1].line, "%s is no case with a default", name);
}

static void parse_define(struct parser *parser)
{
    const char *name = take(parser, "a name");
    uint32_t value = take_value(parser);

    if (parser->define_count == DEFINES_MAX)
        policy_die(parser->path, parser->at[-1].line, "too many definitions");
    parser->defines[parser->define_count].name = name;
    parser->defines[parser->define_count++].value = value;
}

static void parse_number(struct parser *parser)
{
    struct policy *policy = parser->policy;
    struct policy_number *number = &policy->numbers[policy->number_count];

    if (policy->number_count == POLICY_NUMBERS_MAX)
        policy_die(parser->path, parser->at->line, "too many numbers");
    policy->number_count++;
    number->name = take(parser, "a system call");
    number->number = take_value(parser);
    number->arch = has_more(parser) ? take(parser, "an architecture") : NULL;
}

static void parse_profile(struct parser *parser)
{
    struct policy *policy = parser->policy;

    if (policy->profile_count == POLICY_PROFILES_MAX || policy->call_count > 0)
        policy_die(parser->path, parser->at->line, "too many profiles, or after the first call");
    policy->profiles[policy->profile_count] = take(parser, "a profile");
    policy->like[policy->profile_count] = -1;
    if (next_is(parser, "like")) {
        parser->at++;
        policy->like[policy->profile_count] = (int)take_profile(parser);
    }
    policy->profile_count++;
}

/* What a profile does not decide itself it has from the one that it is like. */
static void inherit_decisions(struct policy *policy)
{
    for (unsigned i = 0; i < policy->call_count; i++) {
        int *decisions = policy->calls[i].decisions;

        for (unsigned j = 0; j < policy->profile_count; j++) {
            if (decisions[j] < 0 && policy->like[j] >= 0)
                decisions[j] = decisions[policy->like[j]];
        }
    }
}

static void parse_statement(struct parser *parser)
{
    const struct word *start = parser->at++;
    uint32_t action;

    if (find_action(start->text, &action))
        parse_action(parser, action);
    else if (strcmp(start->text, "check") == 0)
        parse_check(parser);
    else if (strcmp(start->text, "default") == 0)
        parse_default(parser);
    else if (strcmp(start->text, "define") == 0)
        parse_define(parser);
    else if (strcmp(start->text, "number") == 0)
        parse_number(parser);
    else if (strcmp(start->text, "profile") == 0)
        parse_profile(parser);
    else if (strcmp(start->text, "revised") == 0)
        parser->policy->revised = take_value(parser);
    else
        policy_die(parser->path, start->line, "%s begins no statement", start->text);
    if (has_more(parser))
        policy_die(parser->path, parser->at->line, "%s is one word too many", parser->at->text);
}

static void read_text(struct parser *parser)
{
    FILE *file = fopen(parser->path, "r");
    size_t length;

    if (file == NULL)
        policy_die(parser->path, 0, "cannot open: %s", strerror(errno));
    length = fread(parser->text, 1, TEXT_MAX, file);
    if (ferror(file) || length == TEXT_MAX)
        policy_die(parser->path, 0, "cannot read, or too long");
    fclose(file);
    parser->text[length] = '\0';
}

/* Cuts the text into words, in place. */
static void split_words(struct parser *parser)
{
    char *text = parser->text;
    unsigned count = 0;
    int line = 1;
    bool first = true;

    while (*text != '\0') {
        size_t length = strcspn(text, " \t\n,#");
        char end = text[length];

        if (count + 2 > WORDS_MAX)
            policy_die(parser->path, line, "too many words");
        if (length > 0)
            parser->words[count++] = (struct word){text, line, first};
        if (end == ',')
            parser->words[count++] = (struct word){",", line, false};
        text[length] = '\0';
        text += length;
        if (end == '#')
            text += 1 + strcspn(text + 1, "\n");
        else if (end != '\0')
            text++;
        first = end == '\n';
        line += first;
    }
    parser->words[count] = (struct word){NULL, line, true};
    parser->at = parser->words;
}

void policy_read(struct policy *policy, const char *path)
{
    static struct parser parser;

    *policy = (struct policy){0};
    parser.path = path;
    parser.policy = policy;
    read_text(&parser);
    split_words(&parser);
    while (parser.at->text != NULL)
        parse_statement(&parser);

    /* No word stands for action 0. */
    if (policy->profile_count == 0 || policy->foreign == 0 || policy->x32 == 0 ||
        policy->skipped == 0 || policy->unlisted == 0 || policy->unknown == 0)
        policy_die(path, 0, "a profile or one of the defaults is missing");
    inherit_decisions(policy);
    for (unsigned i = 0; i < policy->call_count; i++) {
        for (unsigned j = 0; j < policy->profile_count; j++) {
            if (policy->calls[i].decisions[j] < 0)
                policy_die(path, policy->calls[i].line, "%s is not decided in profile %s",
                           policy->calls[i].name, policy->profiles[j]);
        }
    }
}
