/*
 * The built-in rules: structured conditions over what the analysis found, compiled from
 * src/policy/rules. A rule is hit when all conditions of one of its cases hold. An index by program
 * leads to the few cases that can concern a command.
 */
#include "policy/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "policy/judge_internal.h"
#include "policy/path.h"
#include "policy/rule_glob.h"

enum condition_kind {
    CONDITION_PROGRAM,         /* the program's name, or its base name */
    CONDITION_FLAG,            /* one of these options is given: a letter or a name */
    CONDITION_OPERAND,         /* an operand, as written or as a path */
    CONDITION_FIRST,           /* the first operand */
    CONDITION_SECOND,          /* the second */
    CONDITION_ARGUMENT,        /* any argument, as written */
    CONDITION_PATH,            /* any path that it has to do with, redirections included */
    CONDITION_READS,           /* a file that it reads */
    CONDITION_WRITES,          /* … creates, changes */
    CONDITION_REMOVES,         /* … removes, empties */
    CONDITION_CONNECTS,        /* a host or URL that it talks to */
    CONDITION_CODE,            /* code that it is given as text */
    CONDITION_FED_BY,          /* one of these programs stands before it in its pipeline */
    CONDITION_FEEDS,           /* … behind it */
    CONDITION_HOLDS,           /* … runs in a substitution in its words */
    CONDITION_HELD_BY,         /* it runs in a substitution in the words of one of these */
    CONDITION_RUNS,            /* it runs one of these: find, xargs, sudo, sh -c */
    CONDITION_ASSIGNS,         /* NAME=VALUE, in its environment or exported by it */
    CONDITION_RUNS_FILE_OF,    /* it runs a file that one of these programs wrote */
    CONDITION_PRIVILEGED,      /* it runs as another user */
    CONDITION_RUNS_INPUT,      /* it runs what comes on its standard input */
    CONDITION_UNKNOWN_PROGRAM, /* which program it is cannot be told */
    CONDITION_UNKNOWN_SCRIPT,  /* it runs text that is not known */
    CONDITION_SPAWNS_ITSELF,   /* the text has a function that calls itself in the background */
    CONDITION_KINDS
};

struct condition {
    enum condition_kind kind;
    bool negated;
    const char *const *values; /* one of them is enough; ends with NULL */
};

struct rule_case {
    uint16_t rule, first, count; /* of conditions */
};

struct rule {
    const char *id, *category;
    enum bj_risk risk;
    const char *says, *advice;
};

struct index_row {
    const char *program;
    uint16_t first, count; /* of case_numbers */
};

#include "rules-table.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What a condition looks at. */
struct look {
    struct bj_judgement *judgement;
    const struct bj_simple_command *command;
    const char *const *values;
};

/* False when time is up: nothing matches any more; the verdict will ask about the rest. */
static bool spend(const struct look *look, size_t work)
{
    look->judgement->work += work;
    if (look->judgement->work > BJ_JUDGE_WORK_MAX) {
        look->judgement->work = 0;
        bj_judgement_late(look->judgement);
    }
    return !look->judgement->too_slow;
}

static bool any_value(const struct look *look, const char *text, size_t length)
{
    if (!spend(look, length + 256))
        return false;
    for (const char *const *value = look->values; *value != NULL; value++) {
        bool taken_back = **value == '!'; /* these come first */

        if (bj_rule_glob_match(*value + taken_back, text, length, look->judgement->home))
            return !taken_back;
    }
    return false;
}

static bool any_word(const struct look *look, const struct bj_word *word)
{
    return word->text != NULL && any_value(look, word->text, word->length);
}

static bool named(const struct look *look, const struct bj_simple_command *command)
{
    size_t length;
    const char *base = bj_command_base(command, &length);

    if (command->program.name != NULL && command->program.name[0] != '\0' &&
        any_value(look, command->program.name, strlen(command->program.name)))
        return true;
    return length > 0 && any_value(look, base, length);
}

/* A path as it is written and, where that can be told, absolute and without . and .. in it. */
static bool any_path_text(const struct look *look, const char *text, size_t length)
{
    const struct bj_path_base base = {look->command->directory, look->judgement->home};
    char path[BJ_PATH_MAX];

    if (any_value(look, text, length))
        return true;
    look->judgement->work += length;
    return !look->judgement->too_slow && memchr(text, BJ_HOLE, length) == NULL &&
           bj_path_canonical(text, &base, path) == BJ_PATH_CANONICAL &&
           any_value(look, path, strlen(path));
}

static bool any_path(const struct look *look, const struct bj_word *word)
{
    if (word == NULL || word->text == NULL || word->length >= BJ_PATH_MAX)
        return false; /* the kernel opens no longer path */
    if (any_path_text(look, word->text, word->length))
        return true;
    for (size_t i = 1; i < word->length; i++) {
        char c = word->text[i], before = word->text[i - 1];

        if ((c == '/' || c == '~' || c == '.') && (before == '=' || before == '@' || before == ':'))
            return any_path_text(look, word->text + i, word->length - i);
    }
    return false;
}

static bool any_effect(const struct look *look, enum bj_effect_kind kind)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = 0; i < program->effect_count; i++) {
        if (program->effects[i].kind == kind && program->effects[i].count > 0 &&
            any_path(look, &program->effects[i].words[0]))
            return true;
    }
    return false;
}

static bool any_redirect(const struct look *look, bool reads, bool writes)
{
    for (size_t i = 0; i < look->command->redirect_count; i++) {
        const struct bj_redirect *redirect = &look->command->redirects[i];
        bool fits = redirect->kind == BJ_REDIRECT_READ   ? reads
                    : redirect->kind == BJ_REDIRECT_BOTH ? reads || writes
                                                         : writes;

        if (fits && (any_path(look, &redirect->target) || any_word(look, &redirect->path)))
            return true;
    }
    return false;
}

static bool holds_program(const struct look *look)
{
    return named(look, look->command);
}

static bool holds_flag(const struct look *look)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = 0; i < program->flag_count; i++) {
        const struct bj_flag *flag = &program->flags[i];

        for (const char *const *value = look->values; *value != NULL; value++) {
            if ((*value)[1] == '\0' ? flag->letter == (*value)[0]
                                    : flag->name != NULL && bj_streq(flag->name, *value))
                return true;
        }
    }
    return false;
}

static bool any_operand(const struct look *look, size_t from, size_t to)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = from; i < to && i < program->operand_count; i++) {
        if (program->operands[i].length >= BJ_PATH_MAX)
            continue;
        if (any_word(look, &program->operands[i]))
            return true;
        if (look->command->paths != NULL && any_word(look, &look->command->paths[i]))
            return true;
    }
    return false;
}

static bool holds_operand(const struct look *look)
{
    return any_operand(look, 0, SIZE_MAX);
}

static bool holds_first(const struct look *look)
{
    return any_operand(look, 0, 1);
}

static bool holds_second(const struct look *look)
{
    return any_operand(look, 1, 2);
}

static bool holds_argument(const struct look *look)
{
    for (size_t i = 1; i < look->command->word_count; i++) {
        if (any_word(look, &look->command->words[i]))
            return true;
    }
    return false;
}

static bool holds_path(const struct look *look)
{
    for (size_t i = 1; i < look->command->word_count; i++) {
        if (any_path(look, &look->command->words[i]))
            return true;
    }
    return any_redirect(look, true, true) || any_operand(look, 0, SIZE_MAX) ||
           any_effect(look, BJ_EFFECT_READS) || any_effect(look, BJ_EFFECT_WRITES);
}

static bool holds_reads(const struct look *look)
{
    return any_effect(look, BJ_EFFECT_READS) || any_redirect(look, true, false);
}

static bool holds_writes(const struct look *look)
{
    return any_effect(look, BJ_EFFECT_WRITES) || any_redirect(look, false, true);
}

static bool holds_removes(const struct look *look)
{
    return any_effect(look, BJ_EFFECT_REMOVES);
}

static bool holds_connects(const struct look *look)
{
    return any_effect(look, BJ_EFFECT_CONNECTS);
}

static bool holds_code(const struct look *look)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = 0; i < program->effect_count; i++) {
        const struct bj_effect *effect = &program->effects[i];

        if ((effect->kind == BJ_EFFECT_CODE || effect->kind == BJ_EFFECT_SHELL) &&
            effect->count > 0 && any_word(look, &effect->words[0]))
            return true;
    }
    return false;
}

/* Does what the one writes come to the other, in the innermost pipeline that both are in? */
static bool feeds(const struct look *look, const struct bj_simple_command *from,
                  const struct bj_simple_command *to)
{
    const struct bj_stage *pipelines = look->judgement->commands->pipelines;
    struct bj_stage a = {from->pipeline, from->stage}, b = {to->pipeline, to->stage};

    while (a.pipeline != b.pipeline && spend(look, 16)) {
        if (a.pipeline > b.pipeline)
            a = pipelines[a.pipeline];
        else
            b = pipelines[b.pipeline];
    }
    return a.pipeline >= 0 && a.pipeline == b.pipeline && a.stage < b.stage;
}

static bool holds_fed_by(const struct look *look)
{
    const struct bj_commands *commands = look->judgement->commands;

    for (size_t i = 0; i < commands->count && look->command->pipeline >= 0; i++) {
        if (feeds(look, &commands->list[i], look->command) && named(look, &commands->list[i]))
            return true;
    }
    return false;
}

static bool holds_feeds(const struct look *look)
{
    const struct bj_commands *commands = look->judgement->commands;

    for (size_t i = 0; i < commands->count && look->command->pipeline >= 0; i++) {
        if (feeds(look, look->command, &commands->list[i]) && named(look, &commands->list[i]))
            return true;
    }
    return false;
}

/* Does `outer` run the other one, at whatever distance? */
static bool runs(const struct look *look, const struct bj_simple_command *outer,
                 const struct bj_simple_command *inner)
{
    const struct bj_simple_command *list = look->judgement->commands->list;

    while (inner->parent >= 0 && spend(look, 16)) {
        inner = &list[inner->parent];
        if (inner == outer)
            return true;
    }
    return false;
}

/* Does the other one stand in a substitution in the words that `outer` comes from? */
static bool holds(const struct look *look, const struct bj_simple_command *outer,
                  const struct bj_simple_command *inner)
{
    const struct bj_statement *statement = inner->statement;

    if (statement == NULL || outer->statement == NULL)
        return false;
    while ((statement = statement->within) != NULL && spend(look, 16)) {
        if (bj_statement_is(statement, outer->statement))
            return true;
    }
    return false;
}

static bool holds_holds(const struct look *look)
{
    const struct bj_commands *commands = look->judgement->commands;

    for (size_t i = 0; i < commands->count; i++) {
        if (holds(look, look->command, &commands->list[i]) && named(look, &commands->list[i]))
            return true;
    }
    return false;
}

static bool holds_held_by(const struct look *look)
{
    const struct bj_commands *commands = look->judgement->commands;

    for (size_t i = 0; i < commands->count; i++) {
        if (holds(look, &commands->list[i], look->command) && named(look, &commands->list[i]))
            return true;
    }
    return false;
}

static bool holds_runs(const struct look *look)
{
    const struct bj_commands *commands = look->judgement->commands;

    for (size_t i = 0; i < commands->count; i++) {
        if (runs(look, look->command, &commands->list[i]) && named(look, &commands->list[i]))
            return true;
    }
    return false;
}

/* Does it set the variables that it names? */
static bool declares(const struct bj_simple_command *command)
{
    static const char *const names[] = {"export", "declare", "typeset", "readonly", "local"};

    for (size_t i = 0; i < COUNT(names) && command->word_count > 0; i++) {
        if (bj_word_is(&command->words[0], names[i]))
            return true;
    }
    return false;
}

static bool holds_assigns(const struct look *look)
{
    const struct bj_simple_command *command = look->command;

    for (size_t i = 0; i < command->assignment_count; i++) {
        const struct bj_assignment *assignment = &command->assignments[i];
        char text[512];
        size_t name = strlen(assignment->name);

        if (name + 1 + assignment->value.length > sizeof text)
            continue;
        memcpy(text, assignment->name, name);
        text[name] = '=';
        memcpy(text + name + 1, assignment->value.text, assignment->value.length);
        if (any_value(look, text, name + 1 + assignment->value.length))
            return true;
    }
    for (size_t i = 1; i < command->word_count && declares(command); i++) {
        if (any_word(look, &command->words[i]))
            return true;
    }
    return false;
}

/* The last part of a path: files are told by it, since a directory may be unknown. */
static struct bj_word last_part(const struct bj_word *word)
{
    struct bj_word last = *word;

    for (size_t i = 0; i < word->length; i++) {
        if (word->text[i] == '/' && i + 1 < word->length) {
            last.text = word->text + i + 1;
            last.length = word->length - (uint32_t)i - 1;
        }
    }
    return last;
}

static bool wrote(const struct bj_simple_command *writer, const struct bj_word *file)
{
    struct bj_word wanted = last_part(file), found;

    for (size_t i = 0; i < writer->program.effect_count; i++) {
        const struct bj_effect *effect = &writer->program.effects[i];

        /* What a downloader keeps is named like the end of the address, unless it says more. */
        if ((effect->kind != BJ_EFFECT_WRITES && effect->kind != BJ_EFFECT_CONNECTS) ||
            effect->count == 0)
            continue;
        found = last_part(&effect->words[0]);
        if (found.length == wanted.length && memcmp(found.text, wanted.text, found.length) == 0)
            return true;
    }
    for (size_t i = 0; i < writer->redirect_count; i++) {
        if (writer->redirects[i].kind == BJ_REDIRECT_READ)
            continue;
        found = last_part(&writer->redirects[i].target);
        if (found.length == wanted.length && memcmp(found.text, wanted.text, found.length) == 0)
            return true;
    }
    return false;
}

static bool wrote_any(const struct look *look, const struct bj_word *file)
{
    const struct bj_commands *commands = look->judgement->commands;

    for (size_t i = 0; i < commands->count && file->length > 0; i++) {
        const struct bj_simple_command *other = &commands->list[i];

        if (other != look->command && other->word_count > 0 && named(look, other) &&
            wrote(other, file))
            return true;
    }
    return false;
}

static bool holds_runs_file_of(const struct look *look)
{
    const struct bj_simple_command *command = look->command;

    if (command->word_count == 0)
        return false;
    if (memchr(command->words[0].text, '/', command->words[0].length) != NULL &&
        wrote_any(look, &command->words[0]))
        return true;
    for (size_t i = 0; i < command->program.effect_count; i++) {
        const struct bj_effect *effect = &command->program.effects[i];

        if (effect->kind == BJ_EFFECT_SCRIPT && effect->count > 0 &&
            wrote_any(look, &effect->words[0]))
            return true;
    }
    return false;
}

static bool holds_privileged(const struct look *look)
{
    return look->command->privileged;
}

static bool holds_runs_input(const struct look *look)
{
    const struct bj_program *program = &look->command->program;

    for (size_t i = 0; i < program->effect_count; i++) {
        if (program->effects[i].kind == BJ_EFFECT_STDIN_SCRIPT)
            return true;
    }
    return false;
}

static bool holds_unknown_program(const struct look *look)
{
    return look->command->unknown == BJ_UNKNOWN_NAME;
}

static bool holds_unknown_script(const struct look *look)
{
    return look->command->unknown == BJ_UNKNOWN_SCRIPT;
}

static bool holds_spawns_itself(const struct look *look)
{
    return look->judgement->commands->self_spawning_count > 0;
}

static bool (*const conditions_by_kind[CONDITION_KINDS])(const struct look *) = {
    [CONDITION_PROGRAM] = holds_program,
    [CONDITION_FLAG] = holds_flag,
    [CONDITION_OPERAND] = holds_operand,
    [CONDITION_FIRST] = holds_first,
    [CONDITION_SECOND] = holds_second,
    [CONDITION_ARGUMENT] = holds_argument,
    [CONDITION_PATH] = holds_path,
    [CONDITION_READS] = holds_reads,
    [CONDITION_WRITES] = holds_writes,
    [CONDITION_REMOVES] = holds_removes,
    [CONDITION_CONNECTS] = holds_connects,
    [CONDITION_CODE] = holds_code,
    [CONDITION_FED_BY] = holds_fed_by,
    [CONDITION_FEEDS] = holds_feeds,
    [CONDITION_HOLDS] = holds_holds,
    [CONDITION_HELD_BY] = holds_held_by,
    [CONDITION_RUNS] = holds_runs,
    [CONDITION_ASSIGNS] = holds_assigns,
    [CONDITION_RUNS_FILE_OF] = holds_runs_file_of,
    [CONDITION_PRIVILEGED] = holds_privileged,
    [CONDITION_RUNS_INPUT] = holds_runs_input,
    [CONDITION_UNKNOWN_PROGRAM] = holds_unknown_program,
    [CONDITION_UNKNOWN_SCRIPT] = holds_unknown_script,
    [CONDITION_SPAWNS_ITSELF] = holds_spawns_itself,
};

/* The rules of one command, and which of them have been reported for it. */
struct round {
    struct bj_judgement *judgement;
    const struct bj_simple_command *command; /* NULL: the whole text */
    enum bj_risk deny_risk, ask_risk;
    uint64_t reported[(COUNT(rules) + 63) / 64];
};

static bool case_holds(const struct round *round, const struct rule_case *one)
{
    struct look look = {.judgement = round->judgement, .command = round->command};

    for (size_t i = 0; i < one->count; i++) {
        const struct condition *condition = &conditions[one->first + i];

        look.values = condition->values;
        if (conditions_by_kind[condition->kind](&look) == condition->negated)
            return false;
    }
    return true;
}

static bool reaches(enum bj_risk risk, enum bj_risk threshold)
{
    return threshold != BJ_RISK_NONE && risk >= threshold;
}

static void try_cases(struct round *round, const uint16_t *numbers, size_t count)
{
    for (size_t i = 0; i < count && !round->judgement->too_slow; i++) {
        const struct rule_case *one = &cases[numbers[i]];
        const struct rule *rule = &rules[one->rule];

        if (round->reported[one->rule / 64] >> one->rule % 64 & 1 || !case_holds(round, one))
            continue;
        round->reported[one->rule / 64] |= (uint64_t)1 << one->rule % 64;
        bj_judgement_add(round->judgement, round->command,
                         &(struct bj_violation){
                             .rule = rule->id,
                             .description = rule->says,
                             .advice = rule->advice,
                             .risk = rule->risk,
                             .decision = reaches(rule->risk, round->deny_risk)  ? BJ_DENY
                                         : reaches(rule->risk, round->ask_risk) ? BJ_ASK
                                                                                : BJ_ALLOW,
                         });
    }
}

struct name {
    const char *text;
    size_t length;
};

static int compare_name(const void *key, const void *row)
{
    const struct name *name = key;
    const char *program = ((const struct index_row *)row)->program;
    int order = strncmp(name->text, program, name->length);

    return order != 0 ? order : program[name->length] == '\0' ? 0 : -1;
}

static void try_name(struct round *round, const char *text, size_t length)
{
    const struct name name = {text, length};
    const struct index_row *row =
        length > 0 ? bsearch(&name, by_program, COUNT(by_program), sizeof *by_program, compare_name)
                   : NULL;

    if (row != NULL)
        try_cases(round, case_numbers + row->first, row->count);
}

void bj_rules_judge(struct bj_judgement *judgement, enum bj_risk deny_risk, enum bj_risk ask_risk)
{
    struct round round = {.judgement = judgement, .deny_risk = deny_risk, .ask_risk = ask_risk};

    try_cases(&round, whole_text, COUNT(whole_text));
    for (size_t i = 0; i < judgement->commands->count; i++) {
        const struct bj_simple_command *command = &judgement->commands->list[i];
        const char *name = command->program.name, *base;
        size_t length;

        if (command->function)
            continue;
        round.command = command;
        memset(round.reported, 0, sizeof round.reported);
        base = bj_command_base(command, &length);
        try_name(&round, base, length);
        if (name != NULL && (strlen(name) != length || memcmp(name, base, length) != 0))
            try_name(&round, name, strlen(name));
        try_cases(&round, any_program, COUNT(any_program));
        if (judgement->too_slow || (i % 32 == 31 && bj_judgement_late(judgement)))
            break;
    }
}

bool bj_rules_at(size_t number, struct bj_rule_info *ret)
{
    if (number >= COUNT(rules))
        return false;
    *ret = (struct bj_rule_info){
        .id = rules[number].id,
        .category = rules[number].category,
        .risk = rules[number].risk,
        .says = rules[number].says,
        .advice = rules[number].advice,
    };
    return true;
}
