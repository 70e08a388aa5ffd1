/*
 * Judging commands: the text is analysed once, then the blacklist, the whitelist and the built-in
 * rules look at the simple commands found.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/tool.h"
#include "policy/judge_internal.h"
#include "policy/policy_internal.h"

struct bj_judge {
    struct bj_shell *shell;         /* all owned */
    struct bj_blacklist *blacklist; /* NULL: none */
    struct bj_whitelist *whitelist; /* NULL: none */
    struct bj_arena arena;
    struct bj_buf scratch;
    bool analyses;
    enum bj_risk deny_risk, ask_risk;
    enum bj_unknown_commands unknown;
};

void bj_judge_free(struct bj_judge *judge)
{
    if (judge == NULL)
        return;
    bj_shell_free(judge->shell);
    bj_blacklist_free(judge->blacklist);
    bj_whitelist_free(judge->whitelist);
    bj_arena_release(&judge->arena);
    bj_buf_release(&judge->scratch);
    bj_free(judge);
}

static int prepare(struct bj_judge *judge, const struct bj_config *config, struct bj_error *err)
{
    int result = 0;

    bj_arena_init(&judge->arena, BJ_ANALYSIS_MEMORY_MAX);
    bj_buf_init(&judge->scratch, BJ_SPELLING_MAX);
    judge->analyses = config->command_analysis;
    judge->deny_risk = config->deny_risk;
    judge->ask_risk = config->ask_risk;
    judge->unknown = config->unknown_commands;
    judge->shell = bj_shell_new(err);
    if (judge->shell == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "cannot judge commands: out of memory");
    if (config->command_blacklist != NULL)
        result = bj_blacklist_new(config->command_blacklist, &judge->blacklist, err);
    if (result == 0 && config->command_whitelist != NULL)
        result = bj_whitelist_new(config->command_whitelist, &judge->whitelist, err);
    return result;
}

int bj_judge_new(const struct bj_config *config, struct bj_judge **ret, struct bj_error *err)
{
    struct bj_judge *judge = bj_alloc(sizeof *judge);
    int result;

    if (judge == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "cannot judge commands: out of memory");
    result = prepare(judge, config, err);
    if (result < 0) {
        bj_judge_free(judge);
        return result;
    }
    *ret = judge;
    return 0;
}

bool bj_judgement_late(struct bj_judgement *judgement)
{
    if (!judgement->too_slow && bj_clock_worked_us() > judgement->deadline_us)
        judgement->too_slow = true;
    return judgement->too_slow;
}

void bj_judgement_add(struct bj_judgement *judgement, const struct bj_simple_command *command,
                      const struct bj_violation *violation)
{
    struct bj_violation added = *violation;

    if (command != NULL) {
        judgement->scratch.length = 0;
        bj_command_print(&judgement->scratch, command);
        added.command = bj_buf_text(&judgement->scratch);
        added.from = command->from;
        added.to = command->to;
    }
    bj_verdict_add(judgement->verdict, &added);
}

/* The strictest answer to what cannot be known: a question, unless configured otherwise. */
static enum bj_decision unknown_decision(enum bj_unknown_commands unknown)
{
    return unknown == BJ_UNKNOWN_ALLOWED  ? BJ_ALLOW
           : unknown == BJ_UNKNOWN_DENIED ? BJ_DENY
                                          : BJ_ASK;
}

/* Programs that have an interpreter in them but are listed for something else. */
static bool is_host(const struct bj_program *program)
{
    static const char *const hosts[] = {"gdb", "git", "ncat", "telnet", "vim"};

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (bj_streq(program->name, hosts[i]))
            return true;
    }
    return false;
}

bool bj_effect_is_unread_code(const struct bj_program *program, const struct bj_effect *effect)
{
    static const char *const interpreted[] = {
        "python", "python-module", "perl", "ruby",  "node", "php", "lua", "sh", "bash",  "fish",
        "csh",    "powershell",    "java", "julia", "r",    "tcl", "nix", "go", "other",
    };
    /* Files that say how something is built; building is what these programs are listed for. */
    static const char *const built[] = {"build", "cmake", "make", "ninja"};
    bool script = effect->kind == BJ_EFFECT_SCRIPT || effect->kind == BJ_EFFECT_STDIN_SCRIPT;

    if (!script && effect->kind != BJ_EFFECT_CODE)
        return false;
    if (is_host(program))
        return true;
    for (size_t i = 0; i < sizeof interpreted / sizeof *interpreted; i++) {
        if (bj_streq(effect->language, interpreted[i]))
            return false;
    }
    for (size_t i = 0; script && i < sizeof built / sizeof *built; i++) {
        if (bj_streq(effect->language, built[i]))
            return false;
    }
    return true;
}

static const char *what_is_unread(const struct bj_simple_command *command)
{
    for (size_t i = 0; i < command->program.effect_count && !command->function; i++) {
        if (bj_effect_is_unread_code(&command->program, &command->program.effects[i]))
            return "it has code that may run programs and write files";
    }
    return NULL;
}

/* Under a list, a program or script that is not known may be one that the list is about. */
static void judge_unknown(const struct bj_judge *judge, struct bj_judgement *judgement)
{
    enum bj_decision decision = unknown_decision(judge->unknown);

    if ((judge->blacklist == NULL && judge->whitelist == NULL) || decision == BJ_ALLOW)
        return;
    for (size_t i = 0; i < judgement->commands->count; i++) {
        const struct bj_simple_command *command = &judgement->commands->list[i];
        const char *why = command->unknown == BJ_KNOWN ? what_is_unread(command) : command->why;
        char description[200];

        if (command->unknown == BJ_KNOWN && why == NULL)
            continue;
        if (command->unknown == BJ_UNKNOWN_NAME)
            snprintf(description, sizeof description, "which program this runs is not known");
        else
            snprintf(description, sizeof description, "what this runs is not known%s%s",
                     why != NULL && why[0] != '\0' ? ": " : "", why != NULL ? why : "");
        bj_judgement_add(
            judgement, command,
            &(struct bj_violation){
                .rule = command->unknown == BJ_UNKNOWN_NAME ? "unknown.program" : "unknown.script",
                .description = description,
                .advice = "write the command out, or set security.unknown_commands",
                .risk = BJ_RISK_MEDIUM,
                .decision = decision,
            });
    }
}

/* What was not looked at is asked about, whatever was found in the rest. */
static void judge_incomplete(struct bj_judgement *judgement)
{
    static const char *const reasons[] = {
        [BJ_COMPLETE] = "comparing the command with the rules took too long",
        [BJ_NOT_PARSED] = "this is not understood as shell syntax",
        [BJ_NOT_CLOSED] = "a quote, substitution or here-document does not end",
        [BJ_TOO_LARGE] = "the command is larger than what is looked at",
        [BJ_TOO_SLOW] = "analysing the command took too long",
    };
    enum bj_incomplete incomplete = judgement->commands->incomplete;
    size_t at = judgement->commands->incomplete_at;

    if (incomplete == BJ_COMPLETE && !judgement->too_slow)
        return;
    bj_judgement_add(judgement, NULL,
                     &(struct bj_violation){
                         .rule = "analysis.incomplete",
                         .description = reasons[incomplete],
                         .advice = incomplete == BJ_NOT_CLOSED
                                       ? "close it, or quote the character that opens it"
                                       : "write it more simply, or in several calls",
                         .risk = BJ_RISK_MEDIUM,
                         .decision = BJ_ASK,
                         .from = at,
                         .to = at < judgement->length ? at + 1 : at,
                     });
}

static int analyse(struct bj_judge *judge, const struct bj_request *request,
                   struct bj_commands *commands, struct bj_error *err)
{
    struct bj_shell_context context = {
        .directory = request->directory,
        .home = request->home,
        .deadline_us = bj_clock_worked_us() + BJ_ANALYSIS_TIME_US,
        .clock = bj_clock_worked_us,
    };

    if (request->command != NULL)
        return bj_shell_analyse(judge->shell, &context, request->command, strlen(request->command),
                                &judge->arena, commands, err);
    return bj_shell_analyse_argv(judge->shell, &context, request->argv, &judge->arena, commands,
                                 err);
}

/*
 * What a file tool does, as the command that does the same to a file: the rules for commands judge
 * it then. The lists of commands do not: they are about programs.
 */
static void judge_file_tool(const struct bj_judge *judge, const struct bj_request *request,
                            struct bj_judgement *judgement)
{
    const struct bj_tool *tool = request->tool != NULL ? bj_tool_find(request->tool) : NULL;
    const char *path = request->path;
    struct bj_word words[2];
    struct bj_effect effect = {.words = &words[1], .count = 1};
    struct bj_simple_command command = {.words = words,
                                        .word_count = 2,
                                        .directory = request->directory,
                                        .parent = -1,
                                        .pipeline = -1,
                                        .why = ""};
    struct bj_commands commands = {.list = &command, .count = 1};

    if (tool == NULL || tool->like == NULL || path == NULL || request->invalid != NULL ||
        strlen(path) >= BJ_PATH_MAX)
        return; /* a path that long is refused by itself */
    words[0] = (struct bj_word){.text = tool->name, .length = (uint32_t)strlen(tool->name)};
    words[1] = (struct bj_word){.text = path, .length = (uint32_t)strlen(path)};
    effect.kind = tool->access == BJ_ACCESS_WRITE ? BJ_EFFECT_WRITES : BJ_EFFECT_READS;
    command.program = (struct bj_program){.name = tool->like,
                                          .known = true,
                                          .paths = true,
                                          .operands = &words[1],
                                          .operand_count = 1,
                                          .effects = &effect,
                                          .effect_count = 1};
    judgement->commands = &commands;
    judgement->deadline_us = bj_clock_worked_us() + BJ_JUDGE_TIME_US;
    bj_rules_judge(judgement, judge->deny_risk, judge->ask_risk);
    judge_incomplete(judgement);
}

int bj_check_command(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                     struct bj_verdict *verdict, struct bj_error *err)
{
    struct bj_judge *judge = policy->commands;
    struct bj_commands commands = {0};
    struct bj_judgement judgement = {
        .commands = &commands,
        .text = request->command != NULL ? request->command : "",
        .length = request->command != NULL ? strlen(request->command) : 0,
        .home = request->home,
        .unknown = judge->unknown,
        .arena = &judge->arena,
        .verdict = verdict,
        .scratch = judge->scratch,
    };
    int result;

    (void)now_us;
    if (!judge->analyses)
        return 0;
    if (request->command == NULL && request->argv == NULL) {
        judge_file_tool(judge, request, &judgement);
        judge->scratch = judgement.scratch;
        return 0;
    }
    bj_arena_reset(&judge->arena);
    result = analyse(judge, request, &commands, err);
    judgement.deadline_us = bj_clock_worked_us() + BJ_JUDGE_TIME_US;
    if (result == 0 && judge->blacklist != NULL)
        result = bj_blacklist_judge(judge->blacklist, &judgement, err);
    if (result == 0) {
        if (judge->whitelist != NULL)
            bj_whitelist_judge(judge->whitelist, &judgement);
        bj_paths_judge_commands(policy->paths, request, &judgement);
        judge_unknown(judge, &judgement);
        bj_rules_judge(&judgement, judge->deny_risk, judge->ask_risk);
        judge_incomplete(&judgement);
    }
    judge->scratch = judgement.scratch;
    return result;
}
