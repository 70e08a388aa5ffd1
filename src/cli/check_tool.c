/* belljar check for calls of any tool. */
#include "cli/check_tool.h"

#include "cli/completion.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/check_print.h"
#include "model/options.h"
#include "model/request_json.h"
#include "policy/policy.h"
#include "policy/tools.h"

#define EXIT_FAILED 125

/* What belljar run does not have. */
struct tool_check {
    struct bj_config config;
    struct bj_run_options run;
    const char *tool, *arguments, *request, *directory;
};

static const struct {
    const char *name;
    size_t field;
} own_options[] = {
    {"--tool", offsetof(struct tool_check, tool)},
    {"--arguments", offsetof(struct tool_check, arguments)},
    {"--request", offsetof(struct tool_check, request)},
    {"-C", offsetof(struct tool_check, directory)},
};
#define OWN_COUNT (sizeof own_options / sizeof *own_options)

/* Those of check.c, whose parser is not a table, stand here by name. */
void bj_check_put_options(const char *action, struct bj_buf *out)
{
    (void)action;
    for (size_t i = 0; i < OWN_COUNT; i++) {
        if (bj_starts_with(own_options[i].name, "--"))
            bj_buf_printf(out, " %s", own_options[i].name);
    }
    bj_buf_puts(out, " --rules --settings --dangerously-disable-sandbox");
}

static int fail(const struct bj_error *err)
{
    fprintf(stderr, "belljar: check: %s\n", err->message);
    return EXIT_FAILED;
}

/* Which of the own options it is, OWN_COUNT for none; *ret_value is what stands behind a =. */
static size_t find_own(const char *argument, const char **ret_value)
{
    *ret_value = NULL;
    for (size_t i = 0; i < OWN_COUNT; i++) {
        size_t length = strlen(own_options[i].name);

        if (strncmp(argument, own_options[i].name, length) != 0)
            continue;
        if (argument[length] == '=')
            *ret_value = argument + length + 1;
        if (argument[length] == '=' || argument[length] == '\0')
            return i;
    }
    return OWN_COUNT;
}

static bool is_option(int argc, char **argv, int i)
{
    return i < argc && argv[i][0] == '-' && argv[i][1] != '\0' && !bj_streq(argv[i], "--");
}

bool bj_cli_is_tool_check(int argc, char **argv)
{
    const char *value;

    for (int i = 1; is_option(argc, argv, i); i++) {
        size_t own = find_own(argv[i], &value);

        if (own < OWN_COUNT && !bj_streq(own_options[own].name, "-C"))
            return true;
        if (own < OWN_COUNT ? value == NULL : bj_cli_takes_next(argv[i]))
            i++;
    }
    return false;
}

/* Takes the own options out of argv. */
static int take_own(int *argc, char **argv, struct tool_check *check, struct bj_error *err)
{
    int kept = 1, i;

    for (i = 1; is_option(*argc, argv, i); i++) {
        const char *value;
        size_t own = find_own(argv[i], &value);
        bool next = own == OWN_COUNT && bj_cli_takes_next(argv[i]);

        if (own < OWN_COUNT) {
            if (value == NULL && ++i >= *argc)
                return bj_fail(err, BJ_E_INVALID, "check", "%s: found nothing after it",
                               own_options[own].name);
            *(const char **)((char *)check + own_options[own].field) =
                value != NULL ? value : argv[i];
            continue;
        }
        argv[kept++] = argv[i];
        if (next && i + 1 < *argc)
            argv[kept++] = argv[++i];
    }
    for (; i < *argc; i++)
        argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

static int read_input(struct bj_buf *out, struct bj_error *err)
{
    for (;;) {
        char *room = bj_buf_reserve(out, 65536);
        ssize_t n = room != NULL ? read(STDIN_FILENO, room, 65536) : 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bj_fail_errno(err, "check", "cannot read standard input");
        if (out->failed)
            return bj_fail(err, BJ_E_LIMIT, "check", "the request is larger than %d bytes",
                           BJ_REQUEST_MAX);
        if (n == 0)
            return 0;
        out->length += (size_t)n;
        out->data[out->length] = '\0';
    }
}

static int parse_request(const char *path, struct bj_request_json *call, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    struct bj_buf input;
    size_t length;
    int result;

    if (!bj_streq(path, "-")) {
        result = bj_read_file(path, BJ_REQUEST_MAX, &text, &length, err);
        if (result < 0)
            return result;
        result = bj_request_json_parse_call(call, text, length, err);
        if (result < 0)
            bj_error_prefix(err, "%s: ", path);
        return result;
    }
    bj_buf_init(&input, BJ_REQUEST_MAX + 65536);
    result = read_input(&input, err);
    if (result == 0) {
        result = bj_request_json_parse_call(call, bj_buf_text(&input), input.length, err);
        if (result < 0)
            bj_error_prefix(err, "standard input: ");
    }
    bj_buf_release(&input);
    return result;
}

static int parse(const struct tool_check *check, struct bj_request_json *call, struct bj_error *err)
{
    const char *arguments = check->arguments != NULL ? check->arguments : "{}";

    if (check->request != NULL && (check->tool != NULL || check->arguments != NULL))
        return bj_fail(
            err, BJ_E_INVALID, "check",
            "--request has the tool and its arguments; leave out --tool and --arguments");
    if (check->request != NULL)
        return parse_request(check->request, call, err);
    if (check->tool == NULL)
        return bj_fail(err, BJ_E_INVALID, "check", "--arguments: expected --tool NAME as well");
    return bj_request_json_parse(call, check->tool, arguments, strlen(arguments), err);
}

static int judge(struct tool_check *check, struct bj_request *request, struct bj_error *err)
{
    struct bj_policy *policy = NULL;
    struct bj_verdict verdict;
    int result;

    bj_verdict_init(&verdict);
    result = bj_policy_new(&check->config, &policy, err);
    if (result == 0)
        result = bj_policy_judge(policy, request, bj_clock_us(), &verdict, err);
    if (result == 0)
        result = check->run.json ? bj_cli_print_verdict_json(request, &verdict, err)
                                 : bj_cli_print_verdict(request, &verdict, err);
    if (result == 0)
        result = verdict.decision == BJ_ALLOW ? 0 : verdict.decision == BJ_DENY ? 1 : 2;
    bj_policy_free(policy);
    bj_verdict_release(&verdict);
    return result;
}

const char *bj_cli_home(void)
{
    static char home[BJ_PATH_MAX];
    const char *said = getenv("HOME");
    const struct passwd *entry;
    bool found = false;
    FILE *file;

    if (said != NULL)
        return said;
    file = fopen("/etc/passwd", "re");
    while (file != NULL && !found && (entry = fgetpwent(file)) != NULL)
        found = entry->pw_uid == getuid() && bj_str_copy(home, sizeof home, entry->pw_dir);
    if (file != NULL)
        fclose(file);
    return found ? home : "/"; /* as bash has it for a user that nobody knows */
}

static int check_call(struct tool_check *check, struct bj_error *err)
{
    struct bj_request_json call = {0};
    char directory[BJ_PATH_MAX];
    int result = parse(check, &call, err);

    if (result == 0 && (call.request.directory == NULL || check->directory != NULL)) {
        const char *where = check->directory != NULL ? check->directory : ".";

        if (realpath(where, directory) == NULL)
            result = bj_fail_errno(err, "check", "-C: cannot enter %s", where);
        call.request.directory = directory;
    }
    call.request.home = bj_cli_home();
    if (result == 0)
        result = judge(check, &call.request, err);
    bj_request_json_release(&call);
    return result;
}

int bj_cli_check_tool(int argc, char **argv)
{
    struct tool_check check = {0};
    struct bj_error err = {0};
    int first = argc, result = take_own(&argc, argv, &check, &err);

    if (result == 0)
        result = bj_options_parse(argc, argv, &check.config, &check.run, &first, &err);
    if (result == 0 && first < argc)
        result = bj_fail(&err, BJ_E_INVALID, "check",
                         "expected either a tool's call or a command; found both");
    if (result == 0) {
        bj_tools_warn(&check.config, &check.run.warnings);
        result = check_call(&check, &err);
    }
    for (int i = 0; i < check.run.warnings.count && result >= 0 && !check.run.quiet; i++)
        fprintf(stderr, "belljar: warning: %s\n", check.run.warnings.texts[i]);
    bj_config_release(&check.config);
    return result < 0 ? fail(&err) : result;
}
