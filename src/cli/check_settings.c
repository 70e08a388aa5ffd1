/* belljar check --settings; see check_settings.h. */
#include "cli/check_settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/capabilities.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/limits.h"
#include "policy/settings.h"
#include "wire/json.h"

#define TEXT_MAX (1 << 20) /* bytes of what is printed */

/* What is printed in the end: the settings' answer or the policy's. */
struct answer {
    bool allowed, requires_permission;
    const char *outcome, *reason, *note;
};

/* Only where the answer can depend on it: finding out makes sandboxes. */
static int find_executor(const struct bj_settings *settings, bool *ret, struct bj_error *err)
{
    struct bj_capabilities capabilities;
    int result;

    *ret = false;
    if (!settings->enabled)
        return 0;
    result = bj_capabilities_probe(NULL, &capabilities, err);
    if (result == 0)
        *ret = bj_capabilities_can_sandbox(&capabilities);
    return result;
}

/* A program and its arguments as the text that a shell would be given for them. */
static void put_command(struct bj_buf *out, const struct bj_request *request)
{
    if (request->command != NULL) {
        bj_buf_puts(out, request->command);
        return;
    }
    for (const char *const *word = request->argv; word != NULL && *word != NULL; word++) {
        bj_buf_puts(out, word == request->argv ? "" : " ");
        bj_shell_quote(out, *word);
    }
}

static int ask_settings(const struct bj_settings *settings, const struct bj_check_settings *options,
                        const struct bj_request *request, struct bj_check *check,
                        struct bj_error *err)
{
    struct bj_shell *shell = bj_shell_new(err);
    struct bj_check_request question = {
        .directory = request->directory,
        .home = request->home,
        .dangerously_disable_sandbox = options->dangerously_disable_sandbox,
        .clock = bj_clock_us,
    };
    struct bj_buf command;
    int result;

    if (shell == NULL)
        return -BJ_E_NO_MEMORY;
    bj_buf_init(&command, 2 * BJ_ARGS_MAX);
    put_command(&command, request);
    question.command = bj_buf_text(&command);
    if (command.failed)
        result = bj_fail(err, BJ_E_LIMIT, "check", "the command is too long");
    else
        result = find_executor(settings, &question.executor_available, err);
    if (result == 0)
        result = bj_settings_check(settings, shell, &question, check, err);
    bj_buf_release(&command);
    bj_shell_free(shell);
    return result;
}

static int strictness(bool allowed, bool requires_permission)
{
    return allowed ? BJ_ALLOW : requires_permission ? BJ_ASK : BJ_DENY;
}

static struct answer stricter(const struct bj_check *check, const struct bj_verdict *verdict)
{
    struct answer answer = {
        .allowed = check->allowed,
        .requires_permission = check->requires_permission,
        .outcome = bj_check_outcome_name(check->outcome),
        .reason = check->reason,
        .note = check->note,
    };

    if (verdict == NULL ||
        (int)verdict->decision <= strictness(check->allowed, check->requires_permission))
        return answer;
    return (struct answer){
        .requires_permission = verdict->decision == BJ_ASK,
        .outcome = bj_check_outcome_name(verdict->decision == BJ_ASK ? BJ_CHECK_REQUIRES_PERMISSION
                                                                     : BJ_CHECK_DENIED),
        .reason = bj_verdict_reason(verdict),
        .note = check->note,
    };
}

static void put_field(struct bj_buf *out, const char *name, const char *text)
{
    bj_json_put_name(out, name);
    bj_json_put_string(out, text, strlen(text));
}

static void put_json(struct bj_buf *out, const struct answer *answer,
                     const struct bj_warnings *warnings)
{
    bj_buf_puts(out, "{\n  ");
    bj_json_put_name(out, "allowed");
    bj_buf_puts(out, answer->allowed ? "true" : "false");
    bj_json_put_name(out, "requiresPermission");
    bj_buf_puts(out, answer->requires_permission ? "true" : "false");
    put_field(out, "reason", answer->reason);
    put_field(out, "outcome", answer->outcome);
    put_field(out, "note", answer->note);
    bj_json_put_name(out, "warnings");
    bj_buf_puts(out, "[");
    for (int i = 0; i < warnings->count; i++) {
        bj_buf_puts(out, i > 0 ? ", " : "");
        bj_json_put_string(out, warnings->texts[i], strlen(warnings->texts[i]));
    }
    bj_buf_puts(out, "]\n}\n");
}

static void put_plain(struct bj_buf *out, const struct answer *answer)
{
    static const char *const words[] = {
        [BJ_ALLOW] = "allowed", [BJ_ASK] = "requires permission", [BJ_DENY] = "denied"};

    bj_buf_printf(out, "%s: ", words[strictness(answer->allowed, answer->requires_permission)]);
    bj_put_escaped(out, answer->reason, strlen(answer->reason));
    if (answer->note[0] != '\0') {
        bj_buf_puts(out, " (");
        bj_put_escaped(out, answer->note, strlen(answer->note));
        bj_buf_puts(out, ")");
    }
    bj_buf_puts(out, "\n");
}

static int print(const struct answer *answer, bool json, const struct bj_warnings *warnings,
                 struct bj_error *err)
{
    struct bj_buf out;
    int result = 0;

    bj_buf_init(&out, TEXT_MAX);
    for (int i = 0; i < warnings->count && !json; i++)
        fprintf(stderr, "belljar: %s\n", warnings->texts[i]);
    if (json)
        put_json(&out, answer, warnings);
    else
        put_plain(&out, answer);
    if (out.failed)
        result = bj_fail(err, BJ_E_NO_MEMORY, "check", "cannot print the answer");
    else if (bj_fd_write_all(STDOUT_FILENO, out.data, out.length) < 0)
        result = bj_fail_errno(err, "check", "cannot print the answer");
    bj_buf_release(&out);
    return result;
}

int bj_cli_check_settings(const struct bj_check_settings *options, const struct bj_request *request,
                          const struct bj_verdict *verdict, struct bj_error *err)
{
    static const int statuses[] = {[BJ_ALLOW] = 0, [BJ_ASK] = 2, [BJ_DENY] = 1};
    struct bj_warnings warnings = {0};
    struct bj_settings settings;
    struct bj_check check = {0};
    struct answer answer;
    int result;

    bj_settings_init(&settings);
    result = bj_settings_load_file(&settings, options->path, &warnings, err);
    if (result == 0)
        result = ask_settings(&settings, options, request, &check, err);
    bj_settings_release(&settings);
    if (result < 0)
        return result;
    answer = stricter(&check, verdict);
    result = print(&answer, options->json, &warnings, err);
    return result < 0 ? result : statuses[strictness(answer.allowed, answer.requires_permission)];
}
