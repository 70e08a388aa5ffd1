/*
 * checkCommand and isCommandExcluded: the settings' word about one command. Apart from settings.c
 * because this is what needs the parser of commands.
 */
#include "policy/settings.h"

#include <string.h>

#define ANALYSIS_MAX    (4 << 20) /* bytes of facts about one command */
#define ANALYSIS_MAX_US 20000

static const struct {
    const char *name, *reason;
} outcomes[] = {
#define BJ_CHECK_OUTCOME_ROW(id, name, reason) {name, reason},
    BJ_CHECK_OUTCOMES(BJ_CHECK_OUTCOME_ROW)
#undef BJ_CHECK_OUTCOME_ROW
};

const char *bj_check_outcome_name(enum bj_check_outcome outcome)
{
    return outcomes[outcome].name;
}

static void answer(struct bj_check *check, enum bj_check_outcome outcome)
{
    check->outcome = outcome;
    check->reason = outcomes[outcome].reason;
    check->allowed = outcome == BJ_CHECK_DISABLED || outcome == BJ_CHECK_EXCLUDED ||
                     outcome == BJ_CHECK_SANDBOXED;
    check->requires_permission = outcome == BJ_CHECK_REQUIRES_PERMISSION;
}

/* One command under its settings. The analysis is made when it is first needed. */
struct check {
    const struct bj_check_request *request;
    struct bj_shell *shell;
    struct bj_arena arena;
    struct bj_commands commands;
    bool analysed;
};

static int analyse(struct check *check, struct bj_error *err)
{
    const struct bj_check_request *request = check->request;
    struct bj_shell_context context = {
        .directory = request->directory, .home = request->home, .clock = request->clock};
    int result;

    if (check->analysed)
        return 0;
    if (context.clock != NULL)
        context.deadline_us = context.clock() + ANALYSIS_MAX_US;
    result = bj_shell_analyse(check->shell, &context, request->command, strlen(request->command),
                              &check->arena, &check->commands, err);
    check->analysed = result == 0;
    return result;
}

/* Does the list cover the command? Without a parser nothing is covered. */
static int is_covered(struct check *check, char *const *list, char *note, bool *ret,
                      struct bj_error *err)
{
    int result;

    *ret = false;
    if (list == NULL || check->shell == NULL)
        return 0;
    result = analyse(check, err);
    if (result == 0)
        *ret = bj_settings_list_covers(list, &check->commands, note);
    return result;
}

/* The order is the original's: exclusion goes before the wish to leave the sandbox. */
static int decide(const struct bj_settings *settings, struct check *check, struct bj_check *ret,
                  struct bj_error *err)
{
    bool covered;
    int result;

    if (!settings->enabled) {
        answer(ret, BJ_CHECK_DISABLED);
        return 0;
    }
    result = is_covered(check, settings->excluded_commands, ret->note, &covered, err);
    if (result < 0)
        return result;
    if (covered) {
        answer(ret, BJ_CHECK_EXCLUDED);
        return 0;
    }
    if (check->request->dangerously_disable_sandbox) {
        result = is_covered(check, settings->allow_unsandboxed_commands, ret->note, &covered, err);
        if (result < 0)
            return result;
        answer(ret, covered || settings->allow_any_unsandboxed ? BJ_CHECK_REQUIRES_PERMISSION
                                                               : BJ_CHECK_DENIED);
        return 0;
    }
    answer(ret, check->request->executor_available ? BJ_CHECK_SANDBOXED : BJ_CHECK_UNAVAILABLE);
    return 0;
}

int bj_settings_check(const struct bj_settings *settings, struct bj_shell *shell,
                      const struct bj_check_request *request, struct bj_check *ret,
                      struct bj_error *err)
{
    struct check check = {.request = request, .shell = shell};
    int result;

    *ret = (struct bj_check){0};
    answer(ret, BJ_CHECK_DENIED); /* what stands if deciding fails */
    bj_arena_init(&check.arena, ANALYSIS_MAX);
    result = decide(settings, &check, ret, err);
    bj_arena_release(&check.arena);
    return result;
}

int bj_settings_is_excluded(const struct bj_settings *settings, struct bj_shell *shell,
                            const struct bj_check_request *request, bool *ret, struct bj_error *err)
{
    struct check check = {.request = request, .shell = shell};
    int result;

    bj_arena_init(&check.arena, ANALYSIS_MAX);
    result = is_covered(&check, settings->excluded_commands, NULL, ret, err);
    bj_arena_release(&check.arena);
    return result;
}
