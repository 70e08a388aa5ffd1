/*
 * The command whitelist: every program that can run must be listed, and a listed program must not
 * become another one by its options, its environment or what it writes.
 *
 * A bare entry means the program that is found by that name, or the file of that name in one of the
 * system's directories; /tmp/evil/ls is not ls. What a wrapper runs is in the list of commands by
 * itself. A listed interpreter running code of its own is allowed: it is arbitrary code, and only
 * the kernel's whitelist says what it can start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "policy/judge_internal.h"

struct bj_whitelist {
    char **names; /* sorted; owned */
    size_t count;
};

static const char *const system_directories[] = {
    "/bin",           "/sbin",           "/usr/bin",  "/usr/sbin",
    "/usr/local/bin", "/usr/local/sbin", "/snap/bin", "/opt/homebrew/bin",
};

/*
 * Builtins that change or ask the shell itself, so that they need no entry. What eval, exec, trap
 * and their like run is in the list of commands.
 */
static const char *const harmless_builtins[] = {
    ":",        "true",    "false",   "cd",        "pushd",   "popd",     "dirs",   "test",
    "[",        "[[",      "((",      "let",       "set",     "unset",    "export", "readonly",
    "declare",  "typeset", "local",   "return",    "break",   "continue", "exit",   "shift",
    "getopts",  "read",    "mapfile", "readarray", "wait",    "jobs",     "fg",     "bg",
    "disown",   "umask",   "times",   "shopt",     "alias",   "unalias",  "type",   "pwd",
    "trap",     "eval",    "exec",    "command",   "builtin", "source",   ".",      "compgen",
    "complete", "compopt", "caller",  "suspend",   "logout",  "ulimit",   "help",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int bj_whitelist_new(char *const *names, struct bj_whitelist **ret, struct bj_error *err)
{
    struct bj_whitelist *list = bj_alloc(sizeof *list);
    size_t count = 0;

    while (names[count] != NULL)
        count++;
    if (list != NULL)
        list->names = bj_alloc((count + 1) * sizeof *list->names);
    for (; list != NULL && list->names != NULL && list->count < count; list->count++) {
        list->names[list->count] = bj_strdup(names[list->count]);
        if (list->names[list->count] == NULL)
            break;
    }
    if (list == NULL || list->count < count) {
        bj_whitelist_free(list);
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    }
    qsort(list->names, count, sizeof *list->names, compare);
    *ret = list;
    return 0;
}

void bj_whitelist_free(struct bj_whitelist *list)
{
    if (list == NULL)
        return;
    bj_strv_free(list->names);
    bj_free(list);
}

static bool is_listed(const struct bj_whitelist *list, const char *name)
{
    return bsearch(&name, list->names, list->count, sizeof *list->names, compare) != NULL;
}

static bool in_system_directory(const char *path, size_t length)
{
    for (size_t i = 0; i < COUNT(system_directories); i++) {
        if (strlen(system_directories[i]) == length &&
            memcmp(system_directories[i], path, length) == 0)
            return true;
    }
    return false;
}

/* An entry that is a path in a system directory stands for its name as well. */
static bool listed_by_path(const struct bj_whitelist *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *slash = strrchr(list->names[i], '/');

        if (slash != NULL && bj_streq(slash + 1, name) &&
            in_system_directory(list->names[i], (size_t)(slash - list->names[i])))
            return true;
    }
    return false;
}

/* Is a program with this name or path listed? */
static bool allows(const struct bj_whitelist *list, const struct bj_word *word)
{
    const char *slash;

    if (word->holes)
        return false;
    if (is_listed(list, word->text))
        return true;
    slash = strrchr(word->text, '/');
    if (slash == NULL)
        return listed_by_path(list, word->text);
    return in_system_directory(word->text, (size_t)(slash - word->text)) &&
           is_listed(list, slash + 1);
}

static bool is_harmless_builtin(const struct bj_simple_command *command)
{
    for (size_t i = 0; i < COUNT(harmless_builtins); i++) {
        if (bj_word_is(&command->words[0], harmless_builtins[i]))
            return true;
    }
    return false;
}

static void add(struct bj_judgement *judgement, const struct bj_simple_command *command,
                const char *rule, enum bj_decision decision, const char *what, const char *detail,
                const char *advice)
{
    char description[400];

    snprintf(description, sizeof description, "%s%s%s", what, detail[0] != '\0' ? ": " : "",
             detail);
    bj_judgement_add(judgement, command,
                     &(struct bj_violation){
                         .rule = rule,
                         .description = description,
                         .advice = advice,
                         .risk = decision == BJ_DENY ? BJ_RISK_HIGH : BJ_RISK_MEDIUM,
                         .decision = decision,
                     });
}

/* Files that keep nothing. */
static bool keeps_nothing(const struct bj_word *file)
{
    static const char *const sinks[] = {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "-"};

    for (size_t i = 0; i < COUNT(sinks); i++) {
        if (bj_word_is(file, sinks[i]))
            return true;
    }
    return bj_word_starts(file, "/dev/fd/");
}

static void judge_program(const struct bj_whitelist *list, struct bj_judgement *judgement,
                          const struct bj_simple_command *command)
{
    if (command->word_count == 0 || command->unknown == BJ_UNKNOWN_NAME || command->function)
        return;
    if (command->builtin && is_harmless_builtin(command))
        return;
    if (!allows(list, &command->words[0]))
        add(judgement, command, "whitelist", BJ_DENY, "the program is not in command_whitelist",
            command->words[0].text, "use a listed program, or add this one to the list");
}

/* Setting a variable that chooses what runs is fine when that is one listed program. */
static bool sets_listed(const struct bj_whitelist *list, const char *name,
                        const struct bj_word *value, const struct bj_effect *effect)
{
    struct bj_word program = *value;

    /* An empty PATH is the current directory. */
    if (value->length == 0)
        return !bj_streq(name, "PATH");
    return (effect->kind == BJ_EFFECT_SHELL || effect->kind == BJ_EFFECT_RUNS) &&
           value->text[strcspn(value->text, " \t\n;|&<>$`\"'\\(){}*?[~#=!")] == '\0' &&
           allows(list, &program);
}

static void judge_variable(const struct bj_whitelist *list, struct bj_judgement *judgement,
                           const struct bj_simple_command *command, const char *name,
                           const struct bj_word *value)
{
    struct bj_effect effect = {0};

    if (bj_variable_chooses_code(name, value, &effect) && !sets_listed(list, name, value, &effect))
        add(judgement, command, "whitelist.variable", BJ_DENY,
            "setting this variable chooses what listed programs run", name,
            "leave the variable as it is");
}

/* NAME=VALUE in one word, as env takes it. */
static void judge_setting(const struct bj_whitelist *list, struct bj_judgement *judgement,
                          const struct bj_simple_command *command, const struct bj_word *word)
{
    const char *equals = memchr(word->text, '=', word->length);
    char *name = equals != NULL
                     ? bj_arena_copy(judgement->arena, word->text, (size_t)(equals - word->text))
                     : NULL;
    struct bj_word value = *word;

    if (name == NULL) {
        if (word->holes)
            add(judgement, command, "whitelist.variable", BJ_ASK,
                "which variable is set is not known", "", "write the name out");
        return;
    }
    value.text = equals + 1;
    value.length = word->length - (uint32_t)(equals + 1 - word->text);
    value.holes = memchr(value.text, BJ_HOLE, value.length) != NULL;
    judge_variable(list, judgement, command, name, &value);
}

static void judge_effect(const struct bj_whitelist *list, struct bj_judgement *judgement,
                         const struct bj_simple_command *command, const struct bj_effect *effect)
{
    const char *via = effect->via != NULL ? effect->via : "";
    const struct bj_word *word = effect->count > 0 ? &effect->words[0] : NULL;

    switch (effect->kind) {
    case BJ_EFFECT_LOADS:
        if (!effect->by_default && (word == NULL || word->length > 0))
            add(judgement, command, "whitelist.loads", BJ_DENY,
                "this option makes the program load other code", via, "leave the option out");
        break;
    case BJ_EFFECT_WRITES:
    case BJ_EFFECT_REMOVES:
        if (!effect->by_default && (word == NULL || !keeps_nothing(word)))
            add(judgement, command, "whitelist.writes", BJ_ASK,
                "this makes the program write to a file", via, "leave the option out");
        break;
    case BJ_EFFECT_SETS:
        if (word != NULL)
            judge_setting(list, judgement, command, word);
        break;
    case BJ_EFFECT_UNKNOWN:
        if (judgement->unknown != BJ_UNKNOWN_ALLOWED)
            add(judgement, command, "whitelist.unknown",
                judgement->unknown == BJ_UNKNOWN_DENIED ? BJ_DENY : BJ_ASK,
                "this may run something that the text does not tell", via,
                "write the argument out");
        break;
    default: /* what it runs and code that nobody read are judged by themselves; reading and talking
                is no program */
        break;
    }
}

static void judge_redirects(struct bj_judgement *judgement, const struct bj_simple_command *command)
{
    for (size_t i = 0; i < command->redirect_count; i++) {
        const struct bj_redirect *redirect = &command->redirects[i];

        if (redirect->kind != BJ_REDIRECT_READ && !keeps_nothing(&redirect->target))
            add(judgement, command, "whitelist.writes", BJ_ASK, "the output goes to a file",
                redirect->target.text, "leave the redirection out");
    }
}

void bj_whitelist_judge(const struct bj_whitelist *list, struct bj_judgement *judgement)
{
    const struct bj_commands *commands = judgement->commands;

    for (size_t i = 0; i < commands->assignment_count; i++)
        judge_variable(list, judgement, NULL, commands->assignments[i].name,
                       &commands->assignments[i].value);
    for (size_t i = 0; i < commands->count; i++) {
        const struct bj_simple_command *command = &commands->list[i];

        judge_program(list, judgement, command);
        judge_redirects(judgement, command);
        for (size_t k = 0; k < command->program.effect_count && !command->function; k++)
            judge_effect(list, judgement, command, &command->program.effects[k]);
    }
}
